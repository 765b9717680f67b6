//! What refuses pods: quota, limit range, Pod Security, webhooks, service accounts.

use serde_json::json;

use super::scenario::Tape;
use super::{WEB, container};
use crate::history::ResourceOp;

/// The ReplicaSet cannot make pods.
fn refused(change: impl FnOnce(&mut Tape), text: &str) -> Tape {
    let mut tape = Tape::shop();
    tape.decoys(1);
    change(&mut tape);
    tape.decoys(2);
    tape.edit_by(WEB, "kubectl-set", |o| {
        container(&mut o["spec"]["template"]["spec"])["image"] = "registry.example.com/web:1.1".into()
    });
    tape.replica_set("web", "2");
    tape.kubernetes_event("ReplicaSet.apps/shop/web-2", "FailedCreate", text);
    tape.edit_by(WEB, "kube-controller-manager", |o| {
        o["status"] = json!({"conditions":[{"type":"ReplicaFailure","status":"True","reason":"FailedCreate","message":text}]});
    });
    tape
}

#[test]
fn quota_set_below_what_is_used() {
    let quota = |n: &str| json!({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"small","namespace":"shop"},"spec":{"hard":{"pods":n}}});
    let tape = refused(
        |t| {
            t.put_by(quota("20"), "kubectl-create");
            t.edit("ResourceQuota/shop/small", |o| o["spec"] = quota("2")["spec"].clone());
        },
        "Error creating: pods \"web-2-b\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2",
    );
    tape.check(WEB, "ResourceQuota/shop/small", ResourceOp::Update, "pods");
}

#[test]
fn quota_that_came_into_being() {
    let tape = refused(
        |t| {
            t.put_by(json!({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"cpu","namespace":"shop"},"spec":{"hard":{"limits.cpu":"4"}}}), "kubectl-create")
        },
        "Error creating: pods \"web-2-b\" is forbidden: failed quota: cpu: must specify limits.cpu for: app",
    );
    tape.check(WEB, "ResourceQuota/shop/cpu", ResourceOp::Create, "");
}

#[test]
fn limit_range_that_came_into_being() {
    let tape = refused(
        |t| {
            t.put_by(
                json!({"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"caps","namespace":"shop"},
                "spec":{"limits":[{"type":"Container","max":{"memory":"32Mi"}}]}}),
                "kubectl-create",
            );
        },
        "Error creating: pods \"web-2-b\" is forbidden: maximum memory usage per Container is 32Mi, but limit is 128Mi",
    );
    tape.check(WEB, "LimitRange/shop/caps", ResourceOp::Create, "");
}

#[test]
fn pod_security_level_raised() {
    let tape = refused(
        |t| {
            t.edit("Namespace//shop", |o| {
                o["metadata"]["labels"] =
                    json!({"team":"a","pod-security.kubernetes.io/enforce":"restricted"})
            })
        },
        "Error creating: pods \"web-2-b\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false",
    );
    tape.check(WEB, "Namespace//shop", ResourceOp::Update, "pod-security");
}

#[test]
fn webhook_without_a_backend() {
    let tape = refused(
        |t| {
            t.put_by(json!({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"gate"},
                "webhooks":[{"name":"gate.example.com","failurePolicy":"Fail","clientConfig":{"service":{"name":"gate","namespace":"ops"}}}]}), "kubectl-create");
        },
        "Error creating: Internal error occurred: failed calling webhook \"gate.example.com\": service \"gate\" not found",
    );
    tape.check(
        WEB,
        "ValidatingWebhookConfiguration.admissionregistration.k8s.io//gate",
        ResourceOp::Create,
        "",
    );
}

#[test]
fn service_of_a_webhook_deleted() {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"gate","creationTimestamp":"2026-03-01T09:00:00Z"},
        "webhooks":[{"name":"gate.example.com","failurePolicy":"Fail","clientConfig":{"service":{"name":"db","namespace":"shop"}}}]}));
    tape.wait(60);
    tape.decoys(1);
    tape.delete("Service/shop/db");
    let text = "Error creating: Internal error occurred: failed calling webhook \"gate.example.com\": service \"db\" not found";
    tape.edit_by(WEB, "kubectl-set", |o| {
        container(&mut o["spec"]["template"]["spec"])["image"] = "registry.example.com/web:1.1".into()
    });
    tape.replica_set("web", "2");
    tape.kubernetes_event("ReplicaSet.apps/shop/web-2", "FailedCreate", text);
    tape.check(WEB, "Service/shop/db", ResourceOp::Delete, "");
}

#[test]
fn service_account_deleted() {
    let tape = refused(
        |t| t.delete("ServiceAccount/shop/web"),
        "Error creating: pods \"web-2-b\" is forbidden: error looking up service account shop/web: serviceaccount \"web\" not found",
    );
    tape.check(WEB, "ServiceAccount/shop/web", ResourceOp::Delete, "");
}

#[test]
fn service_account_that_never_was() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit(WEB, |o| o["spec"]["template"]["spec"]["serviceAccountName"] = "wbe".into());
    tape.replica_set("web", "2");
    tape.kubernetes_event("ReplicaSet.apps/shop/web-2", "FailedCreate", "Error creating: pods \"web-2-\" is forbidden: error looking up service account shop/wbe: serviceaccount \"wbe\" not found");
    tape.decoys(2);
    tape.check(WEB, WEB, ResourceOp::Update, "serviceAccountName");
}
