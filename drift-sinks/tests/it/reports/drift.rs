use drift_core::drift::{
    Declaration, DriftCause, DriftChange, DriftClass, DriftReport, FieldOp, Owner, ResourceDrift, Status,
    VerdictRow,
};
use drift_core::{FieldPath, Finding, FindingBody, FindingId, Operation};
use drift_sinks::report::{DriftReportV1, FindingV1, Visibility};
use serde_json::json;

use super::{check_golden, key, plain_resource, time};

fn replicas() -> DriftChange {
    DriftChange {
        path: FieldPath::parse(".spec.replicas").unwrap(),
        op: FieldOp::Replace,
        class: DriftClass::Changed,
        cause: DriftCause::ManualChange,
        desired: Some(json!(2)),
        live: Some(json!(3)),
        default: None,
        owner: Some(Owner {
            manager: "kubectl".into(),
            operation: Operation::Update,
            subresource: "scale".into(),
            time: Some(time("2026-11-21T10:48:40Z")),
        }),
        removed_at: None,
        removed_after: None,
        user: Some("alice@example.com".into()),
        row: VerdictRow::DifferentByOther,
        rule: None,
        line: Some(18),
        commit: None,
    }
}

#[test]
fn drift_report() {
    let web = ResourceDrift {
        status: Status::Drifted,
        changes: vec![replicas()],
        applier: Some("flux".into()),
        declared: Some(Declaration { file: "web.yaml".into(), line: 9, revision: None }),
        ..plain_resource("Deployment.apps/shop/web")
    };
    let gone = ResourceDrift { status: Status::Missing, ..plain_resource("ConfigMap/shop/gone") };
    let notes = vec!["broken.yaml:3: mapping values are not allowed here".to_owned()];
    let report = DriftReport { resources: vec![gone, web], notes, ..DriftReport::default() };
    let visibility = Visibility { managed: false, explain: true };
    check_golden("drift-report", &DriftReportV1::new(&report, visibility));
}

#[test]
fn finding() {
    let finding = Finding {
        id: FindingId::derive(&["drifted", "web"]),
        key: Some(key("Deployment.apps/shop/web")),
        at: time("2026-11-21T10:48:40Z"),
        body: FindingBody::Drifted { path: replicas().path, change: Box::new(replicas()) },
    };
    check_golden("finding", &FindingV1::from(&finding));
}
