use std::sync::Arc;

use drift_core::cause::{Cause, CauseIndex, incidents};
use drift_core::coverage::InputNotes;
use drift_core::schema::SchemaSet;
use drift_core::{EventBody, StreamId, Until};
use drift_sinks::report::{CauseAttribution, CauseDetail, CauseReportV1, CommitV1, IncidentReportV1};
use serde_json::json;

use super::{applied, check_golden, event, key, partial, plain};

/// A Pod that cannot start because the ConfigMap that it reads was deleted a minute before.
fn index() -> CauseIndex {
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"PORT": "80"}, "metadata": {
        "name": "web-config", "namespace": "shop", "uid": "c", "resourceVersion": "101",
        "creationTimestamp": "2026-11-20T10:00:00Z"}});
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "other", "namespace": "shop", "uid": "o", "resourceVersion": "104",
        "creationTimestamp": "2026-11-20T10:00:00Z"}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": "web", "namespace": "shop", "uid": "p", "resourceVersion": "103",
        "creationTimestamp": "2026-11-21T10:05:58Z"},
        "spec": {"containers": [{"name": "web", "image": "web:1",
            "envFrom": [{"configMapRef": {"name": "web-config"}}]}]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "web", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "CreateContainerConfigError",
                "message": "configmap \"web-config\" not found"}}}]}});
    let stream = StreamId::live(key("ConfigMap/shop/web-config"));
    let mut index = CauseIndex::default();
    for event in [
        applied(1, "2026-11-21T10:00:00Z", &config),
        event(2, "2026-11-21T10:05:00Z", stream, EventBody::Deleted(None)),
        applied(3, "2026-11-21T10:06:00Z", &pod),
        applied(4, "2026-11-21T10:06:00Z", &other),
    ] {
        index.apply(&event);
    }
    index
}

fn attribute(cause: &Cause) -> CauseAttribution {
    let commit = CommitV1 {
        id: "1f2e3d4c5b6a79880123456789abcdef01234567".to_owned(),
        author: "Robin <robin@example.com>".to_owned(),
        message: format!("{}: new port", cause.root.key.name),
        file: Some("apps/web.yaml".to_owned()),
        line: None,
    };
    CauseAttribution { user: Some(Arc::from("alice@example.com")), commit: Some(commit) }
}

#[test]
fn cause_report() {
    let schemas = SchemaSet::bundled();
    let explanation = index().investigation(Until::End, &schemas).why(&key("Pod/shop/web"));
    let report = CauseReportV1::new(&explanation, &attribute, &partial("secrets is forbidden"));
    assert_eq!(report.verdict, "explained");
    check_golden("cause-report", &report);
    insta::assert_snapshot!(report.render_text(plain(), CauseDetail::Explained));
}

#[test]
fn a_resource_without_a_fault_is_not_explained() {
    let schemas = SchemaSet::bundled();
    let explanation = index().investigation(Until::End, &schemas).why(&key("ConfigMap/shop/other"));
    let report = CauseReportV1::new(&explanation, &attribute, &InputNotes::default());
    assert_eq!((report.verdict, report.symptom.what), ("abstained", "no fault"));
    insta::assert_snapshot!(report.render_text(plain(), CauseDetail::Explained));
}

#[test]
fn incident_report() {
    let schemas = SchemaSet::bundled();
    let found = incidents(&index().investigation(Until::End, &schemas), |_| true);
    let report = IncidentReportV1::new(&found, &attribute, &InputNotes::default());
    check_golden("incident-report", &report);
    insta::assert_snapshot!(report.render_text(plain()));
}
