//! `status` where it is no subresource.

use serde_json::{Value, json};

use super::{entry, lines, object, owned};
use crate::drift::{DesiredObject, DriftOptions, compare};
use crate::schema::SchemaSet;

fn definition(subresources: Value) -> Value {
    let open = json!({"type":"object","x-kubernetes-preserve-unknown-fields":true});
    let schema = json!({"type":"object","properties":{"spec":open,"status":open}});
    json!({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"plans.shop.example"},
        "spec":{"group":"shop.example","scope":"Namespaced","names":{"kind":"Plan","plural":"plans"},"versions":[
            {"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":schema},"subresources":subresources}]}})
}

fn plan(status: Value) -> Value {
    json!({"apiVersion":"shop.example/v1","kind":"Plan","metadata":{"name":"p","namespace":"default"},"spec":{"size":1},"status":status})
}

fn check(subresources: Value, desired: Value, live: Value, expect: &[&str]) {
    let schemas = SchemaSet::with_definitions([&*object(&definition(subresources))]);
    let desired = [DesiredObject { object: object(&desired), declared: None }];
    let live = owned(
        live,
        json!([
            entry("kustomize-controller", "Apply", json!({"f:spec":{"f:size":{}},"f:status":{"f:level":{}}})),
            entry("kubectl-edit", "Update", json!({"f:status":{"f:phase":{}}})),
        ]),
    );
    let report = compare(&desired, &[object(&live)], &schemas, &DriftOptions::default());
    assert_eq!(report.resources.iter().flat_map(lines).collect::<Vec<_>>(), expect);
}

#[test]
fn a_declared_status_counts_where_it_is_no_subresource() {
    let drifted = [
        "Plan.shop.example/default/p Drifted",
        ".status.phase Replace Changed DifferentByOther by kubectl-edit",
    ];
    let (desired, live) =
        (plan(json!({"phase":"A","level":1})), plan(json!({"phase":"B","level":1,"seen":3})));
    check(Value::Null, desired.clone(), live.clone(), &drifted);
    check(json!({"scale":{}}), desired.clone(), live.clone(), &drifted);
    check(json!({"status":{}}), desired, live, &["Plan.shop.example/default/p InSync"]);
}

#[test]
fn a_status_that_nobody_declares_is_a_report() {
    let in_sync = ["Plan.shop.example/default/p InSync"];
    let live = plan(json!({"phase":"B","level":1}));
    for declared in [Value::Null, json!({})] {
        check(Value::Null, plan(declared), live.clone(), &in_sync);
    }
    check(Value::Null, plan(json!({"level":1})), live, &in_sync);
}
