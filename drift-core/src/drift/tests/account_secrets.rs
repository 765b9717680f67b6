//! Annotations of a service account that name a Secret made for it.

use serde_json::{Value, json};

use super::{entry, owned, report};

fn account(annotations: Value, lists: Value) -> Value {
    let mut object =
        json!({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"runner","namespace":"ci"}});
    object["metadata"]["annotations"] = annotations;
    for (list, names) in lists.as_object().into_iter().flatten() {
        object[list] = names.as_array().unwrap().iter().map(|name| json!({ "name": name })).collect();
    }
    object
}

fn status(annotations: Value, lists: Value) -> String {
    report(&[account(json!({}), json!({}))], &[account(annotations, lists)]).remove(0)
}

const IN_SYNC: &str = "ServiceAccount/ci/runner InSync";
const DRIFTED: &str = "ServiceAccount/ci/runner Drifted";

#[test]
fn an_annotation_that_names_a_secret_made_for_the_account_is_no_drift() {
    let named = json!({"openshift.io/internal-registry-pull-secret-ref": "runner-dockercfg-q5w6z"});
    for list in ["secrets", "imagePullSecrets"] {
        assert_eq!(status(named.clone(), json!({list: ["runner-dockercfg-q5w6z"]})), IN_SYNC);
    }
    let other = json!({"registry.example/pull-secret": "runner-pull-0f3a"});
    assert_eq!(status(other, json!({"imagePullSecrets": ["runner-pull-0f3a"]})), IN_SYNC);
}

#[test]
fn an_annotation_that_only_looks_alike_is_an_addition() {
    let lists = || json!({"secrets": ["runner-dockercfg-q5w6z"]});
    // Which identity a person gave it.
    let identity = json!({"iam.example.io/service-account": "runner-prod@shop.iam.example.com"});
    assert_eq!(status(identity, lists()), DRIFTED);
    assert_eq!(status(json!({"example.com/ref": "runner-dockercfg-other"}), lists()), DRIFTED);
    assert_eq!(status(json!({"secret-ref": "runner-dockercfg-q5w6z"}), lists()), DRIFTED);
    assert_eq!(status(json!({"example.com/ref": "login"}), json!({"secrets": ["login"]})), DRIFTED);
    let both = json!({"example.com/ref": "runner-dockercfg-q5w6z", "example.com/note": "by hand"});
    assert_eq!(status(both, lists()), DRIFTED);
}

#[test]
fn by_hand_it_is_an_addition() {
    let live = account(
        json!({"example.com/ref": "runner-dockercfg-q5w6z"}),
        json!({"secrets": ["runner-dockercfg-q5w6z"]}),
    );
    let fields = json!({"f:metadata":{"f:annotations":{"f:example.com/ref":{}}}});
    let live = owned(live, json!([entry("kubectl-annotate", "Update", fields)]));
    assert_eq!(report(&[account(json!({}), json!({}))], &[live])[0], DRIFTED);
}
