//! Dumps without managedFields, in which what a controller makes carries the labels of what it makes it for.

use serde_json::{Value, json};

use super::{follows, is_stray, made, named, secret, stateful_set};

const MARKS: [(&str, &str); 3] = [
    ("kustomize.toolkit.fluxcd.io/name", "shop"),
    ("kapp.k14s.io/app", "1700000000"),
    ("fleet.cattle.io/bundle-id", "shop"),
];

fn service() -> Value {
    made(named("v1", "Service", "web"), json!({"spec": {"selector": {"app": "web"}}}), &[])
}

fn marked(version: &str, kind: &str, name: &str, metadata: Value) -> Value {
    made(named(version, kind, name), json!({ "metadata": metadata }), &[])
}

#[test]
fn what_the_control_plane_makes_carries_copies_of_marks() {
    for (key, value) in MARKS {
        let labels = json!({"labels": {key: value, "app": "web"}});
        follows(&service(), &marked("v1", "Endpoints", "web", labels.clone()));
        follows(&service(), &marked("discovery.k8s.io/v1", "EndpointSlice", "web-74trz", labels.clone()));
        follows(&service(), &marked("apps/v1", "ControllerRevision", "db-5d4f", labels.clone()));
        is_stray(&service(), &marked("v1", "ConfigMap", "web", labels.clone()));
        is_stray(&service(), &marked("v1", "Service", "web-old", labels));
    }
}

#[test]
fn what_an_annotation_marks_was_applied() {
    for (key, value) in [
        ("argocd.argoproj.io/tracking-id", "shop:/Endpoints:shop/web"),
        ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
        ("meta.helm.sh/release-name", "shop"),
    ] {
        let annotations = json!({"annotations": {key: value}});
        is_stray(&service(), &marked("v1", "Endpoints", "web", annotations));
    }
}

#[test]
fn what_an_engine_applied_is_known_by_its_owners() {
    let labels = json!({"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}});
    let endpoints = |managers: &[&str]| made(named("v1", "Endpoints", "web"), labels.clone(), managers);
    is_stray(&service(), &endpoints(&["kustomize-controller"]));
    follows(&service(), &endpoints(&["kube-controller-manager"]));
}

#[test]
fn other_controllers_copy_marks_as_well() {
    let labels = |more: &[(&str, &str)]| {
        let mut all = json!({"kustomize.toolkit.fluxcd.io/name": "shop"});
        more.iter().for_each(|(k, v)| all[*k] = json!(v));
        json!({ "labels": all })
    };
    let db = stateful_set();
    follows(&db, &marked("v1", "PersistentVolumeClaim", "data-db-0", labels(&[("app", "db")])));
    is_stray(&db, &marked("v1", "PersistentVolumeClaim", "data-old-0", labels(&[("app", "db")])));
    let custom = made(named("db.example.com/v1", "Cluster", "hippo"), json!({"spec": {}}), &[]);
    follows(&custom, &secret("hippo-login", labels(&[("db.example.com/cluster", "hippo")]), &[]));
    // The app's own label names it as anybody likes.
    is_stray(&custom, &secret("hippo-login", labels(&[("team.example/cluster", "hippo")]), &[]));
    follows(&custom, &secret("hippo-login", json!({"labels": {"team.example/cluster": "hippo"}}), &[]));
    let found = json!({"results": [], "metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}});
    is_stray(&custom, &made(named("audit.example.com/v1", "Findings", "all"), found, &[]));
}
