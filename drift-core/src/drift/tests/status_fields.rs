//! Status outside of `status`: fields at the top of a custom resource that are called so.

use serde_json::{Value, json};

use super::{FLUX, entry, owned};

/// A report without the note that no schema of the kind is known.
fn report(desired: Value, live: Value) -> Vec<String> {
    super::report(&[desired], &[live]).into_iter().filter(|l| !l.starts_with("note:")).collect()
}

#[track_caller]
fn check(desired: Value, live: Value, expect: &[&str]) {
    assert_eq!(report(desired, live), expect);
}

fn custom(version: &str, field: &str, value: &Value) -> Value {
    let mut object = json!({"apiVersion":version,"kind":"Repository","metadata":{"name":"r","namespace":"default"},
        "spec":{"url":"https://git.example/r"}});
    if !value.is_null() {
        object[field] = value.clone();
    }
    object
}

fn written(version: &str, field: &str, manager: &str, expect: &[&str]) {
    let value = json!([{"name":"run-1","done":true}]);
    let managers = json!([
        FLUX(json!({"f:spec":{"f:url":{}}})),
        entry(manager, "Update", json!({format!("f:{field}"):{}}))
    ]);
    check(custom(version, field, &Value::Null), owned(custom(version, field, &value), managers), expect);
}

#[test]
fn what_a_controller_reports_there_is_no_drift() {
    for field in ["pipelinerun_status", "runStatus", "lastStatus"] {
        let record = format!(".{field} Add Managed ControllersOwn by ci-watcher");
        let expect = ["Repository.ci.example.com/default/r InSync", &record];
        written("ci.example.com/v1", field, "ci-watcher", &expect);
    }
}

#[test]
fn by_a_person_or_under_another_name_it_is_an_addition() {
    let by = |field: &str, manager: &str| {
        let change = format!(".{field} Add Added AddedByOther by {manager}");
        let expect = ["Repository.ci.example.com/default/r Drifted", &change];
        written("ci.example.com/v1", field, manager, &expect);
    };
    by("runStatus", "kubectl-edit");
    by("runStatus", "helm");
    by("statusCheck", "ci-watcher");
    by("results", "ci-watcher");
}

#[test]
fn below_spec_it_is_an_addition() {
    let live = |manager: &str| {
        let mut live = custom("ci.example.com/v1", "x", &Value::Null);
        live["spec"]["runStatus"] = json!("on");
        let fields = json!({"f:spec":{"f:runStatus":{}}});
        owned(live, json!([FLUX(json!({"f:spec":{"f:url":{}}})), entry(manager, "Update", fields)]))
    };
    check(
        custom("ci.example.com/v1", "x", &Value::Null),
        live("ci-watcher"),
        &[
            "Repository.ci.example.com/default/r Drifted",
            ".spec.runStatus Add Added AddedByOther by ci-watcher",
        ],
    );
}

#[test]
fn a_declared_one_is_compared() {
    let [declared, live] = ["on", "off"].map(|value| custom("ci.example.com/v1", "runStatus", &json!(value)));
    let managers = json!([
        FLUX(json!({"f:spec":{"f:url":{}},"f:runStatus":{}})),
        entry("ci-watcher", "Update", json!({"f:runStatus":{}}))
    ]);
    check(
        declared,
        owned(live, managers),
        &[
            "Repository.ci.example.com/default/r Drifted",
            ".runStatus Replace Changed DifferentByOther by ci-watcher",
        ],
    );
}
