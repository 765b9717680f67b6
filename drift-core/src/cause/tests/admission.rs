//! What changes or refuses objects while they are written.

use serde_json::{Value, json};

use super::WEB;
use super::scenario::{Tape, waiting};
use crate::history::ResourceOp;

const HOOK: &str = "MutatingWebhookConfiguration.admissionregistration.k8s.io//side";

fn hook(selector: Value) -> Value {
    json!({"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingWebhookConfiguration","metadata":{"name":"side"},
        "webhooks":[{"name":"side.example.com","namespaceSelector":selector,"clientConfig":{"service":{"name":"side","namespace":"ops"}}}]})
}

/// A harmless deploy after something that changes its pods while they are made.
fn deployed(change: impl FnOnce(&mut Tape), made: impl FnOnce(&mut Value), status: Value) -> Tape {
    let mut tape = Tape::shop();
    tape.decoys(1);
    change(&mut tape);
    tape.decoys(2);
    tape.wait(5);
    tape.edit_by(WEB, "kubectl-set", |o| {
        o["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/web:1.1".into()
    });
    tape.replica_set("web", "2");
    tape.pod("web", "2", "b", json!({"phase":"Pending"}));
    let key = "Pod/shop/web-2-b";
    let mut pod = tape.get(key);
    made(&mut pod);
    tape.delete(key);
    pod["metadata"].as_object_mut().unwrap().remove("uid");
    tape.put_by(pod.clone(), "kubelet");
    pod["status"] = status;
    tape.put_by(pod, "kubelet");
    tape.wait(2);
    tape
}

fn side_crashes() -> Value {
    json!({"phase":"Running","conditions":[{"type":"Ready","status":"False"}],"containerStatuses":[
        {"name":"app","ready":true,"restartCount":0,"state":{"running":{}}},
        {"name":"proxy","ready":false,"restartCount":1,"state":{"waiting":{"reason":"CrashLoopBackOff"}},
            "lastState":{"terminated":{"reason":"Error","exitCode":1,"message":"listen tcp :8080: bind: address already in use"}}}]})
}

fn with_side(pod: &mut Value) {
    pod["spec"]["containers"].as_array_mut().unwrap().push(json!({"name":"proxy","image":"proxy:1"}));
}

#[test]
fn webhook_that_puts_a_container_in() {
    let tape = deployed(
        |t| t.put_by(hook(json!({"matchLabels":{"team":"a"}})), "kubectl-create"),
        with_side,
        side_crashes(),
    );
    tape.check("Pod/shop/web-2-b", HOOK, ResourceOp::Create, "");
    tape.check(WEB, HOOK, ResourceOp::Create, "");
}

#[test]
fn webhook_that_does_not_look_at_the_namespace_is_no_cause() {
    deployed(
        |t| t.put_by(hook(json!({"matchLabels":{"team":"b"}})), "kubectl-create"),
        with_side,
        side_crashes(),
    )
    .check_none("Pod/shop/web-2-b");
}

#[test]
fn webhook_that_changes_images() {
    let tape = deployed(
        |t| t.put_by(hook(json!({})), "kubectl-create"),
        |p| p["spec"]["containers"][0]["image"] = "mirror.example.net/web:1.1".into(),
        waiting("ImagePullBackOff", "Back-off pulling image \"mirror.example.net/web:1.1\": not found"),
    );
    tape.check("Pod/shop/web-2-b", HOOK, ResourceOp::Create, "");
}

#[test]
fn admission_policy_that_refuses() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.put_by(json!({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"owners"},
        "spec":{"validations":[{"expression":"has(object.metadata.labels.owner)"}]}}), "kubectl-create");
    tape.put_by(json!({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"owners-everywhere"},
        "spec":{"policyName":"owners","validationActions":["Deny"]}}), "kubectl-create");
    tape.decoys(2);
    tape.edit_by(WEB, "kubectl-set", |o| {
        o["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/web:1.1".into()
    });
    tape.replica_set("web", "2");
    tape.kubernetes_event("ReplicaSet.apps/shop/web-2", "FailedCreate", "Error creating: pods \"web-2-b\" is forbidden: ValidatingAdmissionPolicy 'owners' with binding 'owners-everywhere' denied request: failed expression: has(object.metadata.labels.owner)");
    let answer = tape.ask(WEB);
    let first = &answer.causes[0];
    assert!(
        first.root.key.kind.starts_with("ValidatingAdmissionPolicy"),
        "{} {}",
        first.root.key,
        first.score
    );
    assert!(answer.abstained_because.is_none());
}

#[test]
fn bundle_of_a_webhook_replaced() {
    let mut tape = Tape::shop();
    let gate = "ValidatingWebhookConfiguration.admissionregistration.k8s.io//gate";
    tape.put(json!({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"gate","creationTimestamp":"2026-03-01T09:00:00Z"},
        "webhooks":[{"name":"gate.example.com","failurePolicy":"Fail","clientConfig":{"caBundle":"b2xk","service":{"name":"db","namespace":"shop"}}}]}));
    tape.wait(60);
    tape.decoys(1);
    tape.edit(gate, |o| o["webhooks"][0]["clientConfig"]["caBundle"] = "bmV3".into());
    tape.decoys(2);
    tape.edit_by(WEB, "kubectl-set", |o| {
        o["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/web:1.1".into()
    });
    tape.replica_set("web", "2");
    tape.kubernetes_event("ReplicaSet.apps/shop/web-2", "FailedCreate", "Error creating: Internal error occurred: failed calling webhook \"gate.example.com\": failed to call webhook: Post \"https://db.shop.svc:443/\": tls: failed to verify certificate: x509: certificate signed by unknown authority");
    tape.check(WEB, gate, ResourceOp::Update, "caBundle");
}
