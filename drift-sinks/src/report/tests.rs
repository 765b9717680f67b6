//! Whole reports, and the laws that hold for every form of them.

use std::sync::Arc;

use drift_core::coverage::{Coverage, Unseen, UnseenReason};
use drift_core::drift::{
    Basis, Declaration, DriftCause, DriftChange, DriftClass, DriftReport, FieldOp, Owner, ResourceDrift,
    Status, VerdictRow,
};
use drift_core::{FieldPath, Operation, ResourceKey};
use serde_json::{Value, json};

use super::*;

#[path = "../../schemas/check.rs"]
mod check;

fn change(
    path: &str,
    op: FieldOp,
    class: DriftClass,
    desired: Option<Value>,
    live: Option<Value>,
) -> DriftChange {
    DriftChange {
        path: FieldPath::parse(path).unwrap(),
        op,
        class,
        cause: DriftCause::ManualChange,
        desired,
        live,
        default: None,
        owner: Some(Owner {
            manager: "kubectl-edit".into(),
            operation: Operation::Update,
            subresource: "".into(),
            time: Some("2026-11-21T01:31:39Z".parse().unwrap()),
        }),
        removed_at: None,
        removed_after: None,
        user: None,
        row: VerdictRow::DifferentByOther,
        rule: None,
        line: None,
        commit: None,
    }
}

#[test]
fn a_removal_has_the_time_that_is_known_of_it() {
    let cake = change("data.cake", FieldOp::Remove, DriftClass::Removed, Some(json!("2")), None);
    let mut removed = DriftChange { owner: None, cause: DriftCause::Unknown, ..cake };
    let check = |removed: &DriftChange, text: &str, times: [Option<&str>; 2]| {
        assert_eq!(format::describe_attribution(removed), text);
        let key = ResourceKey::new("", "ConfigMap", "shop", "prices");
        let entry = serde_json::to_value(DriftChangeV1::new(&key, removed, Visibility::default())).unwrap();
        assert_eq!(["time", "after"].map(|name| entry.get(name).and_then(Value::as_str)), times);
    };
    check(&removed, "removed by somebody unknown", [None, None]);
    removed.removed_after = Some("2026-11-21T01:31:39Z".parse().unwrap());
    let after = "removed by somebody unknown, after 2026-11-21 01:31:39Z";
    check(&removed, after, [None, Some("2026-11-21T01:31:39Z")]);
    let at = "2026-11-21T02:00:00Z".parse().unwrap();
    removed.set_remover(None, at);
    check(
        &removed,
        "removed by somebody unknown, 2026-11-21 02:00:00Z",
        [Some("2026-11-21T02:00:00Z"), None],
    );
    let (operation, subresource) = (Operation::Update, "".into());
    removed
        .set_remover(Some(Owner { manager: "kubectl-patch".into(), operation, subresource, time: None }), at);
    let by = "removed by kubectl-patch (Update), 2026-11-21 02:00:00Z";
    check(&removed, by, [Some("2026-11-21T02:00:00Z"), None]);
    assert_eq!(removed.cause, DriftCause::ManualChange);
}

fn resource(key: &str, status: Status, changes: Vec<DriftChange>) -> ResourceDrift {
    ResourceDrift {
        key: ResourceKey::parse(key).unwrap(),
        status,
        changes,
        basis: Basis::SchemaAndOwnership,
        applier: Some("flux".into()),
        declared: Some(Declaration { file: "apps/web.yaml".into(), line: 12, revision: None }),
        creator: None,
        notes: Vec::new(),
        app: None,
        class: None,
        rule: None,
    }
}

fn web() -> ResourceDrift {
    let mut replicas =
        change(".spec.replicas", FieldOp::Replace, DriftClass::Changed, Some(json!(3)), Some(json!(5)));
    replicas.line = Some(18);
    replicas.user = Some("alice@example.com".into());
    let owner = replicas.owner.as_mut().unwrap();
    (owner.manager, owner.subresource, owner.time) = ("kubectl".into(), "scale".into(), None);
    let image = change(
        ".spec.template.spec.containers[name=\"web\"].image",
        FieldOp::Replace,
        DriftClass::Changed,
        Some(json!("registry.example/shop/web:1.4.2")),
        Some(json!("registry.example/shop/web:1.4.3-debug|`x`")),
    );
    let env = change(
        ".spec.template.spec.containers[name=\"web\"].env",
        FieldOp::Add,
        DriftClass::Added,
        None,
        Some(json!([{"name": "LOG_LEVEL", "value": "debug"}, {"name": "TRACE", "value": "1"}])),
    );
    let mut label =
        change(".metadata.labels[\"a/b\"]", FieldOp::Remove, DriftClass::Removed, Some(json!("yes")), None);
    (label.owner, label.row, label.cause) = (None, VerdictRow::DeclaredOnly, DriftCause::Unknown);
    let mut status =
        change(".metadata.annotations.rev", FieldOp::Add, DriftClass::Managed, None, Some(json!("2")));
    (status.row, status.owner.as_mut().unwrap().manager) =
        (VerdictRow::ControllersOwn, Arc::from("kube-controller-manager"));
    let policy = ".spec.template.spec.restartPolicy";
    let mut policy = change(policy, FieldOp::Add, DriftClass::Added, None, Some(json!("Never")));
    (policy.default, policy.row) = (Some(json!("Always")), VerdictRow::DefaultChanged);
    resource("Deployment.apps/shop/web", Status::Drifted, vec![status, label, replicas, env, image, policy])
}

fn sample() -> DriftReport {
    let config = change(
        ".data[\"app.conf\"]",
        FieldOp::Replace,
        DriftClass::Changed,
        Some(json!("a = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\n")),
        Some(json!("a = 1\nb = 2\nc = 3\nd = 4\ne = 50\nf = 6\n")),
    );
    let mut secret = change(
        ".data.password",
        FieldOp::Replace,
        DriftClass::Changed,
        Some(json!("b2xkLXBhc3N3b3Jk")),
        Some(json!("bmV3LXBhc3N3b3Jk")),
    );
    secret.rule = Some("ignore rotation".into());
    let mut extra = resource("Job.batch/shop/one-off", Status::Extra, vec![]);
    (extra.declared, extra.applier) = (None, None);
    extra.creator = config.owner.clone();
    let mut unknown = resource("Widget.example.com/shop/w", Status::Unknown, vec![]);
    let mut coverage = Coverage::default();
    let broken = "apps/broken.yaml:3: mapping values are not allowed here";
    coverage.add(Unseen::other(UnseenReason::Unreadable, broken));
    unknown.notes.push("v1alpha1 is declared, v2 is live, and no schema says how to convert".into());
    DriftReport {
        resources: vec![
            resource("ConfigMap/shop/app", Status::Drifted, vec![config]),
            resource("ConfigMap/shop/gone", Status::Missing, vec![]),
            resource("Namespace//shop", Status::InSync, vec![]),
            resource("Secret/shop/login", Status::Drifted, vec![secret]),
            web(),
            extra,
            unknown,
        ],
        notes: vec!["apps/a.yaml:3: `replicas` is declared twice".into()],
        coverage,
    }
}

fn everything() -> Visibility {
    Visibility { managed: true, explain: true }
}

fn forms(report: &DriftReport) -> Vec<String> {
    let side = DriftTextOptions { layout: Layout::SideBySide, ..DriftTextOptions::default() };
    vec![
        render_drift_text(report, &DriftTextOptions::default()),
        render_drift_text(
            report,
            &DriftTextOptions { styler: Styler::new(Colour::Always), visibility: everything(), ..side },
        ),
        render_drift_markdown(report, everything()),
        to_json(&DriftReportV1::new(report, everything())),
        to_yaml(&DriftReportV1::new(report, everything())),
    ]
}

#[test]
fn text_reads_well() {
    insta::assert_snapshot!(render_drift_text(&sample(), &DriftTextOptions::default()));
}

#[test]
fn text_explains_and_lists_what_is_managed() {
    let options = DriftTextOptions { visibility: everything(), ..DriftTextOptions::default() };
    insta::assert_snapshot!(render_drift_text(&sample(), &options));
}

#[test]
fn text_stands_side_by_side() {
    let options = DriftTextOptions { layout: Layout::SideBySide, ..DriftTextOptions::default() };
    insta::assert_snapshot!(render_drift_text(&sample(), &options));
}

#[test]
fn markdown_fits_a_pull_request() {
    insta::assert_snapshot!(render_drift_markdown(&sample(), Visibility::default()));
}

#[test]
fn yaml_reads_well() {
    let report = DriftReport { resources: vec![web()], ..DriftReport::default() };
    insta::assert_snapshot!(to_yaml(&DriftReportV1::new(&report, Visibility::default())));
}

#[test]
fn json_fits_its_schema() {
    let schema: Value = serde_json::from_str(DRIFT_REPORT_SCHEMA).unwrap();
    for visibility in [Visibility::default(), everything()] {
        let document: Value = serde_json::to_value(DriftReportV1::new(&sample(), visibility)).unwrap();
        assert_eq!(check::violations(&schema, &document), Vec::<String>::new());
    }
    let mut broken: Value = serde_json::to_value(DriftReportV1::new(&sample(), everything())).unwrap();
    broken["resources"][0]["status"] = json!("Fine");
    broken["resources"][0]["changes"][0]["surprise"] = json!(1);
    broken["summary"].as_object_mut().unwrap().remove("drifted");
    assert_eq!(check::violations(&schema, &broken).len(), 3);
}

#[test]
fn colours_change_nothing_but_colours() {
    for layout in [Layout::Unified, Layout::SideBySide] {
        let plain = DriftTextOptions { layout, visibility: everything(), ..DriftTextOptions::default() };
        let styled =
            render_drift_text(&sample(), &DriftTextOptions { styler: Styler::new(Colour::Always), ..plain });
        assert!(styled.contains("\u{1b}["));
        assert_eq!(strip(&styled), render_drift_text(&sample(), &plain));
    }
}

fn strip(styled: &str) -> String {
    let mut parts = styled.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, p| out + p.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn no_form_shows_the_value_of_a_secret() {
    for form in forms(&sample()) {
        assert!(form.contains("login"));
        for value in ["b2xkLXBhc3N3b3Jk", "bmV3LXBhc3N3b3Jk"] {
            assert!(!form.contains(value), "{form}");
        }
    }
}

#[test]
fn no_form_passes_escape_sequences_on() {
    let mut web = web();
    web.changes[2].live = Some(json!("\u{1b}[2J\u{1b}]0;owned\u{7}"));
    web.notes.push("\u{1b}[31m".into());
    web.changes[3].live = Some(json!({"a": "\u{1b}[2J\nb", "c\u{1b}": 1}));
    let report =
        DriftReport { resources: vec![web], notes: vec!["\u{1b}c".into()], ..DriftReport::default() };
    for form in forms(&report) {
        assert!(!strip(&form).contains(['\u{1b}', '\u{7}']), "{form}");
        assert!(!form.contains("\u{1b}[2J") && !form.contains("\u{1b}c"), "{form}");
    }
}

#[test]
fn a_clean_estate_is_one_line() {
    let report = DriftReport {
        resources: vec![resource("Namespace//shop", Status::InSync, vec![])],
        ..DriftReport::default()
    };
    assert_eq!(render_drift_text(&report, &DriftTextOptions::default()), "1 declared: 1 in sync\n");
}
