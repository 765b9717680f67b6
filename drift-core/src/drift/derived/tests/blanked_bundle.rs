//! Certificates that a controller hands out, of which a dump holds no more than the names of the entries.

use serde_json::{Value, json};

use super::{follows, is_stray, made, named};

fn origin() -> Value {
    made(named("v1", "ServiceAccount", "runner"), json!({}), &["kustomize-controller"])
}

fn bundle(entry: &str, annotation: &str, managers: &[&str]) -> Value {
    let fields = json!({"metadata": {"annotations": {annotation: "true"}}, "data": {entry: "x"}});
    made(named("v1", "ConfigMap", "service-ca"), fields, managers)
}

const INJECT: &str = "service.example.io/inject-cabundle";

#[test]
fn what_a_controller_asks_for_and_fills_is_handed_out() {
    follows(&origin(), &bundle("service-ca.crt", INJECT, &["service-ca-operator"]));
    follows(&origin(), &bundle("ca-bundle.pem", "trust.example.io/inject", &["trust-controller"]));
}

#[test]
fn what_others_made_or_is_called_otherwise_is_a_stray() {
    is_stray(&origin(), &bundle("service-ca.crt", INJECT, &["kubectl-create"]));
    is_stray(&origin(), &bundle("service-ca.crt", INJECT, &["kubectl-create", "service-ca-operator"]));
    is_stray(&origin(), &bundle("service-ca.crt", INJECT, &["terraform"]));
    is_stray(&origin(), &bundle("service-ca.crt", INJECT, &[]));
    is_stray(&origin(), &bundle("settings.yaml", INJECT, &["service-ca-operator"]));
    is_stray(&origin(), &bundle("service-ca.crt", "example.io/note", &["service-ca-operator"]));
}
