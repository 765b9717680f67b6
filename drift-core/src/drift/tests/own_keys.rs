//! Labels and annotations whose name carries the name of the manager that writes them.

use serde_json::json;

use super::{FLUX, check, config, entry, owned};

fn added(key: &str, manager: &str, expect: &[&str]) {
    let mut live = config(json!({"k":"1"}));
    live["metadata"]["annotations"] = json!({ key: "0" });
    let fields = json!({"f:metadata":{"f:annotations":{format!("f:{key}"):{}}}});
    let managers = json!([FLUX(json!({"f:data":{"f:k":{}}})), entry(manager, "Update", fields)]);
    check(config(json!({"k":"1"})), owned(live, managers), expect);
}

#[track_caller]
fn is_own(key: &str, manager: &str) {
    let record = format!(".metadata.annotations Add Managed ControllersOwn by {manager}");
    added(key, manager, &["ConfigMap/default/a InSync", &record]);
}

#[track_caller]
fn is_added(key: &str, manager: &str) {
    let change = format!(".metadata.annotations Add Added AddedByOther by {manager}");
    added(key, manager, &["ConfigMap/default/a Drifted", &change]);
}

#[test]
fn a_key_that_carries_its_writers_name_is_the_writers() {
    is_own("policy.example.org/kube-mgmt-retries", "kube-mgmt");
    is_own("weave.works/kured-reboot-in-progress", "kured");
    is_own("example.com/cost-exporter-seen", "cost-exporter");
    is_own("example.com/seen-by.cost-exporter", "cost-exporter");
    is_own("example.com/reloader", "reloader");
}

#[test]
fn a_key_of_another_name_is_an_addition() {
    is_added("policy.example.org/kube-mgmt-retries", "kube-mgmt2");
    is_added("policy.example.org/akube-mgmt-retries", "kube-mgmt");
    is_added("policy.example.org/retries", "kube-mgmt");
    // A word among others is no name of one word.
    is_added("example.com/keep-kured-away", "kured");
    // Without a domain it is anybody's.
    is_added("kube-mgmt-retries", "kube-mgmt");
    // Words that are no names: what a client in some language is called, what is deployed.
    for word in ["node", "python", "app", "deploy", "agent"] {
        is_added(&format!("example.com/{word}-pool"), word);
    }
}

#[test]
fn a_person_has_no_keys() {
    is_added("example.com/kubectl-edit-seen", "kubectl-edit");
    is_added("example.com/kubectl", "kubectl");
    is_added("example.com/k9s-note", "k9s");
}
