//! What names its source in two marks, and what the controller of a Namespace makes in it.

use serde_json::{Value, json};

use super::{follows, is_stray, made, merge, named, strays};

fn export() -> Value {
    made(named("clusters.example.io/v1", "ServiceExport", "mint"), json!({"status": {}}), &[])
}

fn import(labels: Value, managers: &[&str]) -> Value {
    let fields = json!({"metadata": {"labels": labels}, "spec": {"type": "ClusterSetIP"}});
    made(named("clusters.example.io/v1", "ServiceImport", "mint"), fields, managers)
}

fn source(name: &str, namespace: &str) -> Value {
    json!({"light.example.net/sourceName": name, "light.example.net/sourceNamespace": namespace})
}

#[test]
fn what_names_its_source_by_name_and_namespace_follows_from_it() {
    for managers in [&["agent"][..], &["agent", "agent/status"], &[]] {
        follows(&export(), &import(source("mint", "shop"), managers));
    }
    let dashed = json!({"x.example.net/source-name": "mint", "x.example.net/source-namespace": "shop"});
    follows(&export(), &import(dashed, &["agent"]));
    let origin = json!({"x.example.net/originName": "mint", "x.example.net/originNamespace": "shop"});
    follows(&export(), &import(origin, &["agent"]));
    let service = made(named("v1", "Service", "mint"), json!({"spec": {}}), &["kustomize-controller"]);
    follows(&service, &import(source("mint", "shop"), &["agent"]));
}

#[test]
fn what_names_another_source_or_none_is_a_stray() {
    is_stray(&export(), &import(source("mill", "shop"), &["agent"]));
    is_stray(&export(), &import(json!({"light.example.net/sourceName": "mint"}), &["agent"]));
    let apart = json!({"light.example.net/sourceName": "mint", "other.example.net/sourceNamespace": "shop"});
    is_stray(&export(), &import(apart, &["agent"]));
    let plain = json!({"light.example.net/name": "mint", "light.example.net/namespace": "shop"});
    is_stray(&export(), &import(plain, &["agent"]));
    is_stray(&export(), &import(json!({"sourceName": "mint", "sourceNamespace": "shop"}), &["agent"]));
    is_stray(&export(), &import(source("mint", "shop"), &["kubectl-create"]));
    is_stray(&export(), &import(source("mint", "shop"), &["argocd-controller"]));
}

fn namespace(finalizers: Value, managers: Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "uid": "uid-shop",
        "labels": {"team": "shop"}, "annotations": {"fields.ranch.example/project": "p-5k2qd"}}});
    merge(&mut object, &json!({"metadata": {"finalizers": finalizers, "managedFields": managers}}));
    object
}

fn entry(manager: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": fields}})
}

fn guarded_by(manager: &str) -> Value {
    let held = json!({"f:finalizers": {".": {}, "v:\"controller.ranch.example/namespace-auth\"": {}}});
    namespace(json!(["controller.ranch.example/namespace-auth"]), json!([entry(manager, held)]))
}

fn binding(labels: Value, managers: &[&str]) -> Value {
    let fields = json!({"metadata": {"labels": labels}, "subjects": []});
    made(named("rbac.authorization.k8s.io/v1", "RoleBinding", "rb-3f7yq2mzkd"), fields, managers)
}

/// Names the strays among a declared object, its Namespace and a binding.
fn in_namespace(namespace: Value, binding: Value) -> Vec<String> {
    let declared = made(named("v1", "ConfigMap", "mint"), json!({}), &["kustomize-controller"]);
    strays(&[declared, namespace, binding])
}

#[test]
fn what_the_controller_of_a_namespace_makes_in_it_follows() {
    let marks = || json!({"ranch.example/creator": "norman", "authz.ranch.example/owner": "p-5k2qd_x"});
    assert_eq!(in_namespace(guarded_by("agent"), binding(marks(), &["agent"])), [""; 0]);
    let is_stray = |namespace: Value, labels: Value, managers: &[&str]| {
        let stray = "RoleBinding.rbac.authorization.k8s.io/shop/rb-3f7yq2mzkd";
        assert_eq!(in_namespace(namespace, binding(labels, managers)), [stray], "{managers:?}");
    };
    is_stray(guarded_by("agent"), marks(), &["terraform"]);
    is_stray(guarded_by("agent"), marks(), &["kubectl-create"]);
    is_stray(guarded_by("agent"), json!({"team.example/creator": "norman"}), &["agent"]);
    is_stray(guarded_by("agent"), json!({}), &["agent"]);
    is_stray(guarded_by("other"), marks(), &["agent"]);
    is_stray(guarded_by("agent"), marks(), &[]);
    is_stray(guarded_by("kubectl-edit"), marks(), &["kubectl-edit"]);
    let mut elsewhere = guarded_by("agent");
    elsewhere["metadata"]["name"] = json!("other");
    is_stray(elsewhere, marks(), &["agent"]);
    // Notes on a namespace are anybody's: a job that deploys leaves some.
    let noted = json!({"f:annotations": {"f:fields.ranch.example/project": {}}});
    is_stray(namespace(json!([]), json!([entry("agent", noted)])), marks(), &["agent"]);
}
