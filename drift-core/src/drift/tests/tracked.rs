//! Live objects that carry the mark of an app, and that it does not declare.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{entry, object, owned};
use crate::drift::rules::{NoJq, RuleSet};
use crate::drift::{AppDeclaration, Status, Tracked, compare_apps};
use crate::key::ResourceKey;
use crate::schema::SchemaSet;

/// Returns how an app that declares nothing stands to a live object that carries its mark.
fn status(live: &Value) -> Option<Status> {
    let live = object(live);
    let app = AppDeclaration {
        app: ResourceKey::new("argoproj.io", "Application", "argocd", "db"),
        appliers: vec!["argocd-controller".into()],
        default_namespace: "default".into(),
        desired: Ok(Vec::new()),
        applied: None,
        others: Vec::new(),
        inventory: Default::default(),
        tracked: vec![Tracked { key: live.key(), once_declared: None, kept_by: None }],
        rules: RuleSet::default(),
        verdicts: BTreeMap::new(),
        own: Vec::new(),
        held_back: None,
        correction: None,
        notes: Vec::new(),
        not_given: None,
    };
    let report = compare_apps(&[app], &[live], &SchemaSet::bundled(), &NoJq);
    report.resources.first().map(|r| r.status)
}

#[test]
fn a_mark_that_a_controller_copied_makes_no_stray() {
    let claim = |managers: &[&str]| {
        let claim = json!({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data-db-0","namespace":"default",
            "labels":{"app.kubernetes.io/instance":"db"}},"spec":{}});
        let entries = managers.iter().map(|m| entry(m, "Update", json!({"f:spec":{}})));
        owned(claim, entries.collect())
    };
    assert_eq!(status(&claim(&["kube-controller-manager"])), None);
    assert_eq!(status(&claim(&["kubectl-create"])), Some(Status::Extra));
    // What the engine wrote is its own, whoever made it.
    assert_eq!(status(&claim(&["argocd-controller", "kube-controller-manager"])), Some(Status::Extra));
    assert_eq!(status(&claim(&[])), Some(Status::Extra));
}
