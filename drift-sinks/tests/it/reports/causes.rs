use std::sync::Arc;

use drift_core::cause::{Cause, CauseIndex, incidents};
use drift_core::coverage::InputNotes;
use drift_core::schema::SchemaSet;
use drift_core::{Event, EventBody, StreamId, Until};
use drift_sinks::report::{
    CauseAttribution, CauseDetail, CauseReportV1, CauseV1, CommitV1, IncidentReportV1, to_json,
};
use serde_json::{Value, json};

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
    insta::assert_snapshot!("cause_report_brief", report.render_text(plain(), CauseDetail::Brief));
}

#[test]
fn a_resource_without_a_fault_is_not_explained() {
    let schemas = SchemaSet::bundled();
    let explanation = index().investigation(Until::End, &schemas).why(&key("ConfigMap/shop/other"));
    let report = CauseReportV1::new(&explanation, &attribute, &InputNotes::default());
    assert_eq!((report.verdict, report.symptom.what), ("abstained", "no fault"));
    insta::assert_snapshot!(report.render_text(plain(), CauseDetail::Brief));
}

fn report_of(events: &[Event], asked: &str) -> CauseReportV1 {
    let mut index = CauseIndex::default();
    events.iter().for_each(|event| index.apply(event));
    let schemas = SchemaSet::bundled();
    let explanation = index.investigation(Until::End, &schemas).why(&key(asked));
    CauseReportV1::new(&explanation, &|_| CauseAttribution::default(), &InputNotes::default())
}

/// A pod that cannot start since a key of what it reads was renamed or changed.
fn renamed_key(kind: &str, before: &Value, after: &Value) -> Vec<Event> {
    let object = |version: &str, data: &Value| {
        json!({"apiVersion": "v1", "kind": kind, "data": data, "metadata": {"name": "web-conf", "namespace": "shop", "uid": "c",
            "resourceVersion": version, "creationTimestamp": "2026-11-20T10:00:00Z", "managedFields": [{"manager": "kubectl-edit",
            "operation": "Update", "time": "2026-11-21T10:05:00Z", "fieldsV1": {"f:data": {"f:PORT": {}, "f:PORTS": {}}}}]}})
    };
    let selector = json!({"name": "web-conf", "key": "PORT"});
    let from = if kind == "Secret" {
        json!({"secretKeyRef": selector})
    } else {
        json!({"configMapKeyRef": selector})
    };
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "uid": "p",
            "resourceVersion": "103", "creationTimestamp": "2026-11-21T10:05:58Z"},
        "spec": {"containers": [{"name": "web", "image": "web:1", "env": [{"name": "PORT", "valueFrom": from}]}]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "web", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "CreateContainerConfigError",
                "message": format!("couldn't find key PORT in {kind} shop/web-conf")}}}]}});
    vec![
        applied(1, "2026-11-21T10:00:00Z", &object("101", before)),
        applied(2, "2026-11-21T10:05:00Z", &object("102", after)),
        applied(3, "2026-11-21T10:06:00Z", &pod),
    ]
}

#[test]
fn a_named_cause_has_old_and_new_values_and_how_to_undo_it() {
    let report =
        report_of(&renamed_key("ConfigMap", &json!({"PORT": "80"}), &json!({"PORTS": "80"})), "Pod/shop/web");
    let text = report.render_text(plain(), CauseDetail::Brief);
    insta::assert_snapshot!(text);
    for needed in ["60 s before", ".data.PORT  - \"80\"", "put back `80` at .data.PORT", "why:"] {
        assert!(text.contains(needed), "{needed} is not in\n{text}");
    }
    for hidden in ["score", "resourceVersion", "event ", "nats"] {
        assert!(!text.contains(hidden), "{hidden} is in\n{text}");
    }
    insta::assert_snapshot!(report.render_markdown(CauseDetail::Brief));
}

/// A key went with the ConfigMap, which was made again with another one.
#[test]
fn what_was_made_again_shows_in_what_it_differs() {
    let mut events = renamed_key("ConfigMap", &json!({"PORT": "80"}), &json!({"PORTS": "80"}));
    let pod = events.remove(2);
    let mut again = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"PORTS": "80"}, "metadata": {"name": "web-conf",
        "namespace": "shop", "uid": "c2", "resourceVersion": "102", "creationTimestamp": "2026-11-21T10:05:00Z"}});
    again["metadata"]["annotations"] = json!({"by": "somebody"});
    let gone = event(
        2,
        "2026-11-21T10:04:59Z",
        StreamId::live(key("ConfigMap/shop/web-conf")),
        EventBody::Deleted(None),
    );
    let report = report_of(
        &[events[0].clone(), gone, applied(3, "2026-11-21T10:05:00Z", &again), pod],
        "Pod/shop/web",
    );
    let text = report.render_text(plain(), CauseDetail::Brief);
    assert!(text.contains("deleted and made again, with other values, ConfigMap/shop/web-conf"), "{text}");
    let is_it = |c: &&CauseV1| c.event.op == "create" && &*c.event.key.name == "web-conf";
    let cause = report.causes.iter().find(is_it).unwrap();
    let changes: Vec<_> = cause.event.changes.iter().map(|c| (c.path_text.as_str(), c.op)).collect();
    assert_eq!(changes, [(".data.PORT", "remove"), (".data.PORTS", "add")]);
}

#[test]
fn values_of_a_secret_are_not_shown_in_a_cause() {
    let report = report_of(
        &renamed_key("Secret", &json!({"PORT": "c2VjcmV0LW9uZQ=="}), &json!({"PORTS": "c2VjcmV0LXR3bw=="})),
        "Pod/shop/web",
    );
    assert_eq!(report.verdict, "explained");
    let all = [
        report.render_text(plain(), CauseDetail::Explained),
        report.render_markdown(CauseDetail::Explained),
        to_json(&report),
    ];
    for text in all {
        assert!(!text.contains("c2VjcmV0"), "{text}");
        assert!(text.contains("from where it is kept"), "{text}");
    }
}

#[test]
fn numbers_are_shown_only_where_they_are_asked_for() {
    let report =
        report_of(&renamed_key("ConfigMap", &json!({"PORT": "80"}), &json!({"PORTS": "80"})), "Pod/shop/web");
    let text = report.render_text(plain(), CauseDetail::Explained);
    for needed in [
        "score ",
        "probability ",
        "by the rules number 1",
        "evidence in nats:",
        "parts of the rules:",
        "would it help to undo it: holds",
        "resourceVersion 102",
        "That none of them is the cause:",
    ] {
        assert!(text.contains(needed), "{needed} is not in\n{text}");
    }
}

#[test]
fn an_abstention_leads_with_what_the_error_points_at() {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "orders-db", "namespace": "shop", "uid": "s",
        "resourceVersion": "100", "creationTimestamp": "2026-11-20T10:00:00Z"}, "spec": {"clusterIP": "10.0.0.7", "ports": [{"port": 5432}]}});
    let note = |version: &str, value: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"note.txt": value}, "metadata": {"name": "notes", "namespace": "shop",
            "uid": "n", "resourceVersion": version, "creationTimestamp": "2026-11-20T10:00:00Z"}})
    };
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "uid": "p",
            "resourceVersion": "103", "creationTimestamp": "2026-11-21T10:05:58Z"},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "web", "ready": false, "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container=web pod=web_shop"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error",
                "message": "x509: certificate of pay.example.com has expired, orders-db is fine"}}}]}});
    let events = [
        applied(1, "2026-11-21T10:00:00Z", &service),
        applied(2, "2026-11-21T10:00:00Z", &note("101", "a")),
        applied(3, "2026-11-21T10:05:00Z", &note("102", "b")),
        applied(4, "2026-11-21T10:06:00Z", &pod),
    ];
    let report = report_of(&events, "Pod/shop/web");
    assert_eq!(report.verdict, "abstained");
    let text = report.render_text(plain(), CauseDetail::Brief);
    insta::assert_snapshot!(text);
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in\n{text}"));
    assert!(place("What the error points at:") < place("Changes looked at:"));
    assert!(place("time has passed") < place("Changes looked at:"));
    assert!(
        place("`orders-db` is Service/shop/orders-db: it is there, unchanged since the record begins")
            < place("Changes looked at:")
    );
    place("`pay.example.com` is outside of the cluster");
    for hidden in
        ["fit the fault", "closest change", "score", "resourceVersion", "restarting failed container"]
    {
        assert!(!text.contains(hidden), "{hidden} is in\n{text}");
    }
}

#[test]
fn what_a_resource_promises_is_looked_at_where_no_fault_shows() {
    let deployment = |version: &str, ready: i64| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "uid": "d", "generation": 4,
            "resourceVersion": version, "creationTimestamp": "2026-11-20T10:00:00Z"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:2"}]}}},
        "status": {"observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "readyReplicas": ready, "availableReplicas": ready,
            "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]}})
    };
    let events = [
        applied(1, "2026-11-21T10:00:00Z", &deployment("101", 3)),
        applied(2, "2026-11-21T10:05:00Z", &deployment("102", 1)),
        applied(3, "2026-11-21T10:06:00Z", &deployment("103", 3)),
    ];
    let report = report_of(&events, "Deployment.apps/shop/web");
    assert_eq!((report.verdict, report.symptom.what), ("abstained", "no fault"));
    let text = report.render_text(plain(), CauseDetail::Brief);
    insta::assert_snapshot!(text);
    for needed in [
        "replicas were lost once: 2026-11-21 10:05:00Z (1 of 3); all are ready again since 2026-11-21 10:06:00Z",
        "its controller has seen the newest specification (generation 4)",
        "container web wants web:2",
        "conditions that are true: Available",
    ] {
        assert!(text.contains(needed), "{needed} is not in\n{text}");
    }
}

#[test]
fn incident_report() {
    let schemas = SchemaSet::bundled();
    let found = incidents(&index().investigation(Until::End, &schemas), |_| true);
    let report = IncidentReportV1::new(&found, &attribute, &InputNotes::default());
    check_golden("incident-report", &report);
    insta::assert_snapshot!(report.render_text(plain(), CauseDetail::Brief));
}
