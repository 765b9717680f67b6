use std::collections::BTreeMap;

use drift_core::ResourceKey;
use drift_core::coverage::InputNotes;
use drift_core::drift::{Basis, DriftClass, DriftReport, ResourceDrift, Status};
use drift_sinks::report::{AppCounts, AppStatus, AppV1, AppsReportV1, TransitionV1};
use jiff::Timestamp;

use super::{check_golden, key, plain_resource, time};

fn app() -> ResourceKey {
    key("Application.argoproj.io/argocd/web")
}

fn counts() -> BTreeMap<ResourceKey, AppCounts> {
    let of_app = |name: &str, status, class| ResourceDrift {
        status,
        class,
        app: Some(app()),
        basis: Basis::SchemaAndOwnership,
        ..plain_resource(&format!("ConfigMap/shop/{name}"))
    };
    let resources = vec![
        of_app("a", Status::InSync, None),
        of_app("b", Status::Missing, None),
        of_app("c", Status::Missing, Some(DriftClass::PendingSync)),
        of_app("d", Status::Extra, None),
    ];
    let last = |key: &ResourceKey| (&*key.name == "a").then_some(time("2026-11-21T10:00:00Z"));
    AppCounts::by_app(&DriftReport { resources, ..DriftReport::default() }, &last)
}

#[test]
fn apps_report() {
    let status = AppStatus {
        engine: "OutOfSync".to_owned(),
        reason: Some("ConfigMap b is missing".to_owned()),
        applied: vec!["1f2e3d4c5b6a79880123456789abcdef01234567".to_owned()],
        head: vec!["2f2e3d4c5b6a79880123456789abcdef01234567".to_owned()],
        held_back: Some("sync window `nights` denies until 06:00".to_owned()),
        ..AppStatus::default()
    };
    let transition = TransitionV1 {
        what: "sync".to_owned(),
        from: Some("Synced".to_owned()),
        to: Some("OutOfSync".to_owned()),
        who: None,
        revision: Some("2f2e3d4c5b6a79880123456789abcdef01234567".to_owned()),
        time: time("2026-11-21T10:01:00Z"),
        message: None,
    };
    let web = AppV1::new(&app(), status, counts()[&app()], vec![transition]);
    let release = AppV1::new(
        &key("HelmRelease.helm.toolkit.fluxcd.io/shop/db"),
        AppStatus { engine: "Ready".to_owned(), suspended: true, ..AppStatus::default() },
        AppCounts::default(),
        Vec::new(),
    );
    let report =
        AppsReportV1::new(vec![web, release], vec!["helm v3.19.0".to_owned()], &InputNotes::default());
    assert!(report.has_findings());
    check_golden("apps-report", &report);
    insta::assert_snapshot!(report.render_text());
}

#[test]
fn resources_are_counted_by_app() {
    let last_change: Option<Timestamp> = Some(time("2026-11-21T10:00:00Z"));
    let expected = AppCounts { resources: 3, drifted: 2, pending: 1, last_change };
    assert_eq!(counts(), BTreeMap::from([(app(), expected)]));
}
