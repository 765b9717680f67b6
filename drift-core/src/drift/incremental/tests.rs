//! The law: what is kept is what a comparison from the beginning says.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::drift::rules::{NoJq, RuleSet};
use crate::drift::{
    AppDeclaration, DeclarationError, DesiredObject, DriftCorrection, DriftOptions, IncrementalApps,
    IncrementalComparison, Tracked, compare, compare_apps,
};
use crate::key::ResourceKey;
use crate::object::{Doc, Object};
use crate::schema::SchemaSet;

fn object(value: &Value) -> Arc<Object> {
    Arc::new(Object::new(Doc::from_value(value).expect("a document")).expect("an object"))
}

/// One of few resources, so that changes meet: which, its value, and who wrote it.
fn thing(which: u8, value: u8, manager: u8) -> Arc<Object> {
    let (manager, replicas) = [
        ("argocd-controller", "f:replicas"),
        ("kubectl-edit", "f:replicas"),
        ("helm", "f:replicas"),
        // Scaled through the subresource, which leaves no owner.
        ("argocd-controller", "f:paused"),
    ][usize::from(manager % 4)];
    let owned = |field: &str, inner: Value| {
        json!([{"manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": {field: inner}}])
    };
    object(&match which % 8 {
        n @ 0..=2 => json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("c{n}"), "namespace": "default",
                "managedFields": owned("f:data", json!({"f:k": {}}))}, "data": {"k": value.to_string()}}),
        3 => {
            json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "default"},
            "spec": {"size": value}})
        }
        4 => {
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "default",
                "managedFields": owned("f:spec", json!({replicas: {}}))},
            "spec": {"replicas": value, "selector": {"matchLabels": {"a": "b"}}, "template": {}}})
        }
        // A claim follows from a set, if that has the template.
        5 => json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "s", "namespace": "default"},
            "spec": {"volumeClaimTemplates": [{"metadata": {"name": format!("data{value}")}}]}}),
        6 => json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data1-s-0", "namespace": "default"}}),
        _ => json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "h", "namespace": "default"},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment",
                "name": if value.is_multiple_of(2) { "d" } else { "other" }}}}),
    })
}

fn wanted(which: u8, value: u8) -> DesiredObject {
    let mut text = thing(which, value, 0).root().to_value();
    let metadata = text["metadata"].as_object_mut().expect("metadata");
    metadata.remove("managedFields");
    // What names no namespace and is of an unknown kind depends on what is live.
    metadata.remove("namespace");
    if value == 0 && text["kind"] == "Deployment" {
        text["spec"].as_object_mut().expect("a spec").remove("replicas");
    }
    DesiredObject { object: object(&text), declared: None }
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, u8, u8),
    Remove(u8),
    Declare(u8, Vec<(u8, u8)>, u8),
    Withdraw(u8),
    Judge,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        4 => (any::<u8>(), 0..3u8, any::<u8>()).prop_map(|(w, v, m)| Step::Set(w, v, m)),
        1 => any::<u8>().prop_map(Step::Remove),
        2 => (0..3u8, prop::collection::vec((any::<u8>(), 0..3u8), 0..5), any::<u8>())
            .prop_map(|(a, all, how)| Step::Declare(a, all, how)),
        1 => (0..3u8).prop_map(Step::Withdraw),
        2 => Just(Step::Judge),
    ];
    prop::collection::vec(one, 1..40)
}

fn declaration(app: u8, all: &[(u8, u8)], how: u8) -> AppDeclaration {
    let objects: Vec<_> = all.iter().map(|(w, v)| wanted(*w, *v)).collect();
    let inventory = (0..3).map(|n| thing(n, 0, 0).key()).collect();
    let applied = vec![all.iter().map(|(w, v)| wanted(*w, v / 2).object).collect()];
    let tracked = |n: u8| Tracked { key: thing(n, 0, 0).key(), once_declared: None, kept_by: None };
    AppDeclaration {
        app: ResourceKey::new("argoproj.io", "Application", "argocd", &format!("a{app}")),
        appliers: vec![if app == 2 { "helm".into() } else { "argocd-controller".into() }],
        default_namespace: "default".into(),
        desired: match how % 7 {
            0 => Err(DeclarationError::Broken("broken".to_owned())),
            1 => Err(DeclarationError::Unavailable("not here".to_owned())),
            _ => Ok(objects),
        },
        applied: (!how.is_multiple_of(3)).then_some(applied),
        others: Vec::new(),
        own: Vec::new(),
        inventory,
        tracked: (0..how % 4).map(tracked).collect(),
        rules: RuleSet::default(),
        verdicts: BTreeMap::from([(thing(0, 0, 0).key(), "Synced".into())]),
        held_back: None,
        correction: (how == 1).then(|| DriftCorrection::Left("stays".into())),
        notes: vec![format!("how {how}")],
        not_given: None,
    }
}

proptest! {
    #[test]
    fn kept_apps_say_what_a_comparison_from_the_beginning_says(steps in steps()) {
        let schemas = SchemaSet::bundled();
        let mut kept = IncrementalApps::new((*schemas).clone());
        let (mut live, mut apps) = (BTreeMap::new(), BTreeMap::new());
        for step in steps.iter().chain([&Step::Judge]) {
            match step {
                Step::Set(w, v, m) => {
                    let object = thing(*w, *v, *m);
                    live.insert(object.key(), Arc::clone(&object));
                    kept.set_live(object);
                }
                Step::Remove(w) => {
                    let key = thing(*w, 0, 0).key();
                    live.remove(&key);
                    kept.remove_live(&key);
                }
                Step::Declare(a, all, how) => {
                    let declaration = declaration(*a, all, *how);
                    apps.insert(declaration.app.clone(), declaration.clone());
                    kept.set_app(declaration);
                }
                Step::Withdraw(a) => {
                    let name = declaration(*a, &[], 0).app;
                    apps.remove(&name);
                    kept.remove_app(&name);
                }
                Step::Judge => {
                    let before: Vec<_> = kept.verdicts().cloned().collect();
                    let changed = kept.judge(&NoJq);
                    let now: Vec<_> = live.values().cloned().collect();
                    let all: Vec<_> = apps.values().cloned().collect();
                    let anew = compare_apps(&all, &now, &schemas, &NoJq);
                    let after: Vec<_> = kept.verdicts().cloned().collect();
                    prop_assert_eq!(&after, &anew.resources);
                    prop_assert_eq!(changed.is_empty(), before == after);
                }
            }
        }
        let now: Vec<_> = live.into_values().collect();
        let all: Vec<_> = apps.into_values().collect();
        let anew = compare_apps(&all, &now, &schemas, &NoJq);
        prop_assert_eq!(kept.into_report(), anew);
    }

    #[test]
    fn a_kept_estate_says_what_a_comparison_from_the_beginning_says(
        declared in prop::collection::vec((any::<u8>(), 0..3u8), 0..6),
        steps in steps(),
    ) {
        let schemas = SchemaSet::bundled();
        let desired: Vec<_> = declared.iter().map(|(w, v)| wanted(*w, *v)).collect();
        let mut kept = IncrementalComparison::new(desired.clone(), (*schemas).clone(), DriftOptions::default());
        let mut live = BTreeMap::new();
        for step in steps.iter().chain([&Step::Judge]) {
            match step {
                Step::Set(w, v, m) => {
                    let object = thing(*w, *v, *m);
                    kept.set_live(&object);
                    live.insert(object.key(), object);
                }
                Step::Remove(w) => {
                    let key = thing(*w, 0, 0).key();
                    live.remove(&key);
                    kept.remove_live(&key);
                }
                Step::Judge => {
                    kept.judge();
                    let now: Vec<_> = live.values().cloned().collect();
                    let anew = compare(&desired, &now, &schemas, &DriftOptions::default());
                    prop_assert_eq!(kept.report(), anew);
                }
                Step::Declare(..) | Step::Withdraw(_) => {}
            }
        }
    }
}
