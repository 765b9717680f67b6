//! Names that are reserved for the platform, and the accounts to which it gives rights.

use serde_json::{Value, json};

use super::{follows, is_stray, made, merge, named, strays};

fn origin() -> Value {
    made(named("v1", "ConfigMap", "smelt"), json!({}), &["argocd-controller"])
}

fn rbac(kind: &str, name: &str, managers: &[&str]) -> Value {
    let subjects = json!([{"kind": "ServiceAccount", "name": "builder", "namespace": "shop"}]);
    made(named("rbac.authorization.k8s.io/v1", kind, name), json!({ "subjects": subjects }), managers)
}

fn account(name: &str, managers: &[&str]) -> Value {
    made(named("v1", "ServiceAccount", name), json!({}), managers)
}

#[test]
fn names_that_begin_with_system_are_the_platforms() {
    follows(&origin(), &rbac("RoleBinding", "system:image-pullers", &["cluster-policy-controller"]));
    follows(&origin(), &rbac("Role", "system:leader-locking", &["setup"]));
    follows(&origin(), &rbac("RoleBinding", "system:deployers", &[]));
    is_stray(&origin(), &rbac("RoleBinding", "image-pullers", &["cluster-policy-controller"]));
    is_stray(&origin(), &rbac("RoleBinding", "systematic", &["cluster-policy-controller"]));
    is_stray(&origin(), &rbac("RoleBinding", "system:image-pullers", &["kubectl-create"]));
    is_stray(&origin(), &rbac("RoleBinding", "system:image-pullers", &["argocd-controller"]));
    let custom = made(named("example.com/v1", "Grant", "system:x"), json!({"spec": {}}), &["setup"]);
    is_stray(&origin(), &custom);
}

/// Names the strays beside a binding.
fn beside(binding: Value, account: Value) -> Vec<String> {
    strays(&[origin(), binding, account]).into_iter().filter(|s| s.starts_with("ServiceAccount")).collect()
}

#[test]
fn accounts_that_the_platform_gives_rights_follow_from_its_bindings() {
    let binding = || rbac("RoleBinding", "system:image-builders", &["cluster-policy-controller"]);
    assert_eq!(beside(binding(), account("builder", &[])), [""; 0]);
    assert_eq!(beside(binding(), account("builder", &["cluster-policy-controller"])), [""; 0]);
    assert_eq!(beside(binding(), account("builder", &["some-controller-manager"])), [""; 0]);
    let stray = ["ServiceAccount/shop/builder"];
    assert_eq!(beside(binding(), account("builder", &["kubectl-create"])), stray);
    assert_eq!(beside(binding(), account("builder", &["terraform"])), stray);
    assert_eq!(
        beside(rbac("RoleBinding", "builders", &["cluster-policy-controller"]), account("builder", &[])),
        stray
    );
    assert_eq!(
        beside(rbac("RoleBinding", "system:mine", &["kubectl-create"]), account("builder", &[])),
        stray
    );
    assert_eq!(beside(binding(), account("smelter", &[])), ["ServiceAccount/shop/smelter"]);
    let mut elsewhere = binding();
    merge(&mut elsewhere["subjects"][0], &json!({"namespace": "other"}));
    assert_eq!(beside(elsewhere, account("builder", &[])), stray);
    let mut user = binding();
    merge(&mut user["subjects"][0], &json!({"kind": "User"}));
    assert_eq!(beside(user, account("builder", &[])), stray);
}
