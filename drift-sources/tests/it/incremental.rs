//! Apps that are kept say what apps found from the beginning say, whatever changed in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drift_core::drift::compare_apps;
use drift_core::drift::rules::RuleSet;
use drift_core::schema::SchemaSet;
use drift_core::{Doc, Object, ResourceKey};
use drift_sources::gitops::{ClusterSnapshot, GitOps, IncrementalGitOps, Repositories, Version};
use drift_sources::jq::JqSandbox;
use drift_sources::render::{RenderOptions, Renderer};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

fn object(value: &Value) -> Arc<Object> {
    Arc::new(Object::new(Doc::from_value(value).unwrap()).unwrap())
}

fn config(name: &str, data: u8, mark: u8) -> Value {
    let applied = json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":name,"namespace":"shop"},"data":{"k":"0"}});
    let manager = ["argocd-controller", "kubectl-edit", "kustomize-controller"][usize::from(data % 3)];
    let operation = if manager == "kustomize-controller" { "Apply" } else { "Update" };
    let entry = |manager: &str, operation: &str, fields: Value| json!({"manager":manager,"operation":operation,"time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":fields});
    let annotation =
        json!({"f:metadata":{"f:annotations":{"f:kubectl.kubernetes.io/last-applied-configuration":{}}}});
    let mut value = json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":name,"namespace":"shop",
        "labels":{}, "annotations":{"kubectl.kubernetes.io/last-applied-configuration":applied.to_string()},
        "managedFields":[entry("argocd-controller","Update",annotation), entry(manager, operation, json!({"f:data":{"f:k":{}}}))]},
        "data":{"k":data.to_string()}});
    match mark % 4 {
        0 => {
            value["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] =
                json!(format!("web:/ConfigMap:shop/{name}"))
        }
        1 => {
            value["metadata"]["labels"] = json!({"kustomize.toolkit.fluxcd.io/name":"shop",
                "kustomize.toolkit.fluxcd.io/namespace":"flux-system","app.kubernetes.io/instance":"web"});
        }
        2 => {
            value["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by":"Helm"});
            value["metadata"]["annotations"]["meta.helm.sh/release-name"] = json!("rel");
            value["metadata"]["annotations"]["meta.helm.sh/release-namespace"] = json!("shop");
        }
        _ => {}
    }
    value
}

/// One of few objects in one of few states.
fn thing(which: u8, state: u8, mark: u8) -> Value {
    let listed: Vec<Value> = ["a", "b", "c"][..usize::from(state % 4).min(3)]
        .iter()
        .map(|n| {
            json!({"version":"v1","kind":"ConfigMap","namespace":"shop","name":n,
            "status":if mark.is_multiple_of(2) { "Synced" } else { "OutOfSync" }})
        })
        .collect();
    match which % 13 {
        n @ 0..=2 => config(["a", "b", "c"][usize::from(n)], state, mark),
        9 => json!({"apiVersion":"argoproj.io/v1alpha1","kind":"ApplicationSet",
            "metadata":{"name":"sets","namespace":"argocd","uid":"u1"},
            "spec":{"generators":[match state % 3 {
                    0 => json!({"list":{"elements":[{"name":"web"},{"name":"api"}]}}),
                    1 => json!({"clusters":{}}),
                    _ => json!({"clusterDecisionResource":{"configMapRef":"a","name":"d"}}),
                }],
                "syncPolicy":{"applicationsSync":if mark.is_multiple_of(2) { "sync" } else { "create-only" }},
                "template":{"metadata":{"name":"{{name}}"},"spec":{"source":{"repoURL":"https://git.example.com/x.git","path":"."},
                    "destination":{"namespace":"shop"}}}}}),
        10 => {
            let (name, server) = (["web", "api", "in-cluster", "x"][usize::from(state % 4)], "https://x");
            let kind = if mark.is_multiple_of(4) { "repository" } else { "cluster" };
            json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"c","namespace":"argocd",
                "labels":{"argocd.argoproj.io/secret-type":kind}},
                "data":{"name":STANDARD.encode(name),"server":STANDARD.encode(server)}})
        }
        11 => {
            json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"argocd-cmd-params-cm","namespace":"argocd"},
            "data":{"applicationsetcontroller.policy":if mark.is_multiple_of(2) { "create-delete" } else { "" }}})
        }
        12 => match mark.is_multiple_of(2) {
            true => json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"argocd"},
                "data":{"apiVersion":"x.example.com/v1","kind":"placements","matchKey":"cluster"}}),
            false => {
                json!({"apiVersion":"x.example.com/v1","kind":"Placement","metadata":{"name":"d","namespace":"argocd"},
                "status":{"clusters":[{"cluster":(["web","api","in-cluster"][usize::from(state % 3)])}]}})
            }
        },
        n @ 3..=4 => json!({"apiVersion":"argoproj.io/v1alpha1","kind":"Application",
            "metadata":{"name":(["web","api"][usize::from(n - 3)]),"namespace":"argocd",
                "ownerReferences":if mark.is_multiple_of(5) { json!([{"apiVersion":"argoproj.io/v1alpha1","kind":"ApplicationSet",
                    "name":"sets","uid":"u1","controller":true}]) } else { json!([]) }},
            "spec":{"source":{"repoURL":"https://git.example.com/x.git","path":"."},
                "destination":{"namespace":"shop"},
                "ignoreDifferences":if mark.is_multiple_of(3) { json!([{"kind":"ConfigMap","jsonPointers":["/data"]}]) } else { json!([]) }},
            "status":{"resources":listed}}),
        5 => json!({"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization",
            "metadata":{"name":"shop","namespace":"flux-system"},
            "spec":{"path":"./","prune":mark.is_multiple_of(2),"sourceRef":{"kind":"GitRepository","name":"shop"}},
            "status":{"inventory":{"entries":[{"id":"shop_a__ConfigMap","v":"v1"},{"id":"shop_b__ConfigMap","v":"v1"}]}}}),
        6 => json!({"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"GitRepository",
            "metadata":{"name":"shop","namespace":"flux-system"},"spec":{"url":"https://git.example.com/x.git"}}),
        7 => json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"argocd-cm","namespace":"argocd",
                "labels":{"app.kubernetes.io/part-of":"argocd"}},
            "data":{"application.resourceTrackingMethod":(["annotation","label"][usize::from(state % 2)])}}),
        _ => {
            let manifest =
                format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{k: '{state}'}}\n");
            let release = json!({"name":"rel","namespace":"shop","version":1 + state % 2,"manifest":manifest,
                "info":{"status":if mark.is_multiple_of(3) { "failed" } else { "deployed" }}});
            let data = STANDARD.encode(STANDARD.encode(release.to_string()));
            json!({"apiVersion":"v1","kind":"Secret","type":"helm.sh/release.v1","metadata":{
                "name":format!("sh.helm.release.v1.rel.v{}", 1 + state % 2),"namespace":"shop",
                "labels":{"owner":"helm","name":"rel"}},"data":{"release":data}})
        }
    }
}

fn step() -> impl Strategy<Value = (u8, u8, u8, bool)> {
    (any::<u8>(), 0..4u8, any::<u8>(), prop::bool::weighted(0.8))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn kept_apps_are_as_if_found_from_the_beginning(
        first in prop::collection::vec(step(), 0..12),
        steps in prop::collection::vec(step(), 1..16),
    ) {
        let repositories = Repositories::default();
        let renderer = Renderer::new(RenderOptions::in_folders(Vec::new()));
        let schemas = SchemaSet::bundled();
        let mut versions: BTreeMap<ResourceKey, Vec<Version>> = BTreeMap::new();
        let mut clock = 0;
        let mut version = |(which, state, mark, alive): &(u8, u8, u8, bool)| {
            clock += 1;
            let object = object(&thing(*which, *state, *mark));
            let at = Timestamp::from_second(1_700_000_000 + clock).unwrap();
            (object.key(), Version { at, object: alive.then_some(object) })
        };
        for (key, version) in first.iter().map(&mut version) {
            versions.entry(key).or_default().push(version);
        }
        let cluster = |versions: &BTreeMap<ResourceKey, Vec<Version>>| {
            let live = versions.values().filter_map(|v| v.last()?.object.clone()).collect();
            ClusterSnapshot::at(live, versions.clone(), None)
        };
        let mut kept = IncrementalGitOps::new(cluster(&versions), &repositories, &renderer, (*schemas).clone(), RuleSet::default());
        for (key, version) in steps.iter().map(version) {
            versions.entry(key.clone()).or_default().push(version.clone());
            kept.apply(&key, version);
            let now = cluster(&versions);
            let anew = GitOps::new(&now, &repositories, &renderer);
            let mut report = compare_apps(&anew.declarations(), now.live(), &schemas, &JqSandbox::default());
            anew.look_back(&mut report);
            prop_assert_eq!(kept.report().resources, report.resources);
        }
    }
}
