//! What the control plane made for an owner, and that has none any more.

use serde_json::{Value, json};

use super::{follows, is_stray, made, named};

fn origin() -> Value {
    let spec = json!({"spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}}});
    made(named("apps/v1", "Deployment", "web"), spec, &["kustomize-controller"])
}

fn of(version: &str, kind: &str, name: &str, metadata: Value, managers: &[&str]) -> Value {
    made(named(version, kind, name), json!({ "metadata": metadata }), managers)
}

fn pod(metadata: Value, managers: &[&str]) -> Value {
    of("v1", "Pod", "web-866d4558b-65pgx", metadata, managers)
}

#[test]
fn a_pod_that_its_set_let_go_is_a_stray() {
    let looked_at = json!({"generateName": "web-866d4558b-", "labels": {"app": "web-debug"}});
    is_stray(&origin(), &pod(looked_at.clone(), &["kube-controller-manager", "kubectl-label"]));
    // Whoever changed the label: it is in no managedFields once it is taken away.
    is_stray(&origin(), &pod(looked_at, &["kube-controller-manager"]));
    is_stray(&origin(), &pod(json!({}), &["kube-controller-manager", "kube-scheduler/status"]));
}

#[test]
fn what_was_left_of_a_deleted_owner_is_a_stray() {
    let left = |version: &str, kind: &str, name: &str| {
        is_stray(&origin(), &of(version, kind, name, json!({}), &["kube-controller-manager"]));
    };
    left("apps/v1", "ReplicaSet", "old-866d4558b");
    left("batch/v1", "Job", "nightly-29384750");
    left("v1", "Pod", "db-0");
}

#[test]
fn a_custom_resource_of_the_same_name_does_not_explain_what_was_let_go() {
    let cluster = made(
        named("db.example.com/v1", "Cluster", "hippo"),
        json!({"spec": {}}),
        &["kustomize-controller", "manager/status"],
    );
    let labels = json!({"labels": {"db.example.com/cluster": "hippo"}});
    is_stray(&cluster, &of("v1", "Pod", "hippo-0", labels, &["kube-controller-manager"]));
}

#[test]
fn what_has_an_owner_or_is_of_the_node_is_no_stray() {
    let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-866d4558b", "uid": "u"}]);
    follows(&origin(), &pod(json!({ "ownerReferences": owner }), &["kube-controller-manager"]));
    let mirror = json!({"annotations": {"kubernetes.io/config.mirror": "0f3a", "kubernetes.io/config.source": "file"}});
    follows(&origin(), &pod(mirror, &["kubelet"]));
    // Nobody owns what the control plane makes for itself.
    let config = |name: &str| of("v1", "ConfigMap", name, json!({}), &["kube-controller-manager"]);
    follows(&origin(), &config("extension-apiserver-authentication"));
    follows(&origin(), &of("v1", "Endpoints", "web", json!({}), &["kube-controller-manager"]));
}

#[test]
fn bare_pods_of_a_system_namespace_are_the_platforms() {
    let [mut origin, mut addon] = [origin(), pod(json!({}), &["kube-controller-manager"])];
    is_stray(&origin, &addon);
    origin["metadata"]["namespace"] = json!("kube-system");
    addon["metadata"]["namespace"] = json!("kube-system");
    follows(&origin, &addon);
}
