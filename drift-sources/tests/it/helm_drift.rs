//! HelmReleases of Flux: what the controller does about drift, and what it does not look at.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use drift_core::drift::{DriftReport, compare_apps};
use drift_core::schema::SchemaSet;
use drift_sources::gitops::{ClusterSnapshot, GitOps, Repositories, transitions};
use drift_sources::jq::JqSandbox;
use drift_sources::render::{RenderOptions, Renderer};
use serde_json::{Value, json};

use crate::gitops::{entry, object};

/// A revision of the release `web` of `shop`, as Helm stores it.
pub(crate) fn stored(manifest: &str) -> Value {
    let stored = json!({"name":"web","namespace":"shop","version":1,"manifest":manifest,"hooks":[],
        "info":{"status":"deployed","last_deployed":"2026-01-01T00:00:00Z"},
        "chart":{"metadata":{"name":"web","version":"1"}}});
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(stored.to_string().as_bytes()).unwrap();
    let text = STANDARD.encode(gzip.finish().unwrap());
    json!({"apiVersion":"v1","kind":"Secret","type":"helm.sh/release.v1","data":{"release":STANDARD.encode(text)},
        "metadata":{"name":"sh.helm.release.v1.web.v1","namespace":"shop",
            "labels":{"owner":"helm","name":"web","status":"deployed","version":"1"}}})
}

pub(crate) fn helm_release(spec: &Value) -> Value {
    json!({"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease",
        "metadata":{"name":"web","namespace":"shop","generation":1},"spec":spec,
        "status":{"observedGeneration":1,"history":[{"name":"web","namespace":"shop","version":1,"status":"deployed"}]}})
}

const MANIFEST: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {tier: web}}\ndata: {k: '1', l: '1'}\n";

/// What the release declares, as it is live, with data and marks by hand.
fn live(data: Value, annotations: Value) -> Value {
    let edit = entry(
        "kubectl-edit",
        "Update",
        json!({"f:data": {"f:k": {}, "f:x": {}},
        "f:metadata": {"f:annotations": {"f:helm.toolkit.fluxcd.io/driftDetection": {}}}}),
    );
    let own = entry("helm-controller", "Apply", json!({"f:data": {"f:l": {}}}));
    let mut live = json!({"apiVersion":"v1","kind":"ConfigMap","data":data,"metadata":{"name":"a","namespace":"shop",
        "labels":{"tier":"web","app.kubernetes.io/managed-by":"Helm"},"managedFields":[own, edit],
        "annotations":{"meta.helm.sh/release-name":"web","meta.helm.sh/release-namespace":"shop"}}});
    live["metadata"]["annotations"].as_object_mut().unwrap().extend(annotations.as_object().unwrap().clone());
    live
}

fn report(all: &[Value]) -> DriftReport {
    let cluster = ClusterSnapshot::now(all.iter().map(object).collect());
    let (repositories, renderer) =
        (Repositories::default(), Renderer::new(RenderOptions::in_folders(Vec::new())));
    let gitops = GitOps::new(&cluster, &repositories, &renderer);
    compare_apps(&gitops.declarations(), cluster.live(), &SchemaSet::bundled(), &JqSandbox::default())
}

/// Says of the one resource its status, its changes and its notes.
fn found(release: Value, manifest: &str, now: Option<Value>) -> String {
    let all: Vec<Value> = [release, stored(manifest)].into_iter().chain(now).collect();
    let report = report(&all);
    assert_eq!(report.resources.len(), 1, "{report:?}");
    let resource = &report.resources[0];
    let changes = resource.changes.iter().map(|c| {
        let rule = c.rule.as_ref().map_or(String::new(), |r| format!(" by {r}"));
        format!("{} {:?}{rule}", c.path, c.class)
    });
    let rule = resource.rule.as_ref().map(|r| format!("by {r}"));
    let head = format!("{:?}", resource.status);
    let all: Vec<String> =
        std::iter::once(head).chain(rule).chain(changes).chain(resource.notes.iter().cloned()).collect();
    all.join("; ")
}

fn mode(mode: &str) -> Value {
    helm_release(&json!({"interval": "10m", "driftDetection": {"mode": mode}}))
}

#[test]
fn what_becomes_of_an_edit_is_what_the_mode_says() {
    let changed = || Some(live(json!({"k": "2", "l": "1"}), json!({})));
    let added = || Some(live(json!({"k": "1", "l": "1", "x": "1"}), json!({})));
    let put_back =
        "helm-controller puts it back at its next reconcile (driftDetection.mode: enabled, interval: 10m)";
    let reported = "stays: helm-controller reports it and leaves it (driftDetection.mode: warn)";
    let unseen = "stays: helm-controller does not look for it (driftDetection.mode: disabled)";
    for (release, note) in [
        (mode("enabled"), put_back),
        (mode("warn"), reported),
        (mode("disabled"), unseen),
        (mode("Enabled"), unseen),
        (helm_release(&json!({"interval": "10m"})), unseen),
        (helm_release(&json!({"driftDetection": {"ignore": []}})), unseen),
    ] {
        let of = |now| found(release.clone(), MANIFEST, now);
        assert_eq!(of(changed()), format!("Drifted; .data.k Changed; {note}"));
        assert_eq!(of(None), format!("Missing; {note}"));
        let beside = if note == put_back { "stays: only what is declared is put back" } else { note };
        assert_eq!(of(added()), format!("Drifted; .data.x Added; {beside}"));
        // Nothing is said where there is nothing to put back.
        assert_eq!(of(Some(live(json!({"k": "1", "l": "1"}), json!({})))), "InSync");
    }
}

#[test]
fn a_release_that_is_not_reconciled_puts_nothing_back() {
    let now = || Some(live(json!({"k": "2", "l": "1"}), json!({})));
    let mut suspended = mode("enabled");
    suspended["spec"]["suspend"] = true.into();
    let of = found(suspended, MANIFEST, now());
    assert_eq!(of, "Drifted; .data.k Changed; stays: the HelmRelease is suspended");
    let mut stalled = mode("enabled");
    let condition = |status: &str| json!([{"type":"Stalled","status":status,"reason":"RetriesExceeded"}]);
    stalled["status"]["conditions"] = condition("True");
    let of = found(stalled.clone(), MANIFEST, now());
    assert_eq!(of, "Drifted; .data.k Changed; stays: the HelmRelease is stalled (RetriesExceeded)");
    stalled["status"]["conditions"] = condition("False");
    assert!(found(stalled, MANIFEST, now()).contains("puts it back"));
}

#[test]
fn ignore_rules_hide_what_they_name_in_what_they_are_about() {
    let hidden = "InSync; .data.k Ignored by spec.driftDetection.ignore[0]";
    let shown = "Drifted; .data.k Changed; stays: helm-controller reports it and leaves it (driftDetection.mode: warn)";
    let of = |rules: Value| {
        let release = helm_release(&json!({"driftDetection": {"mode": "warn", "ignore": rules}}));
        found(release, MANIFEST, Some(live(json!({"k": "2", "l": "1"}), json!({}))))
    };
    let rule = |target: Value| json!([{"paths": ["/data/k"], "target": target}]);
    assert_eq!(of(json!([{"paths": ["/data/k"]}])), hidden);
    assert_eq!(of(json!([{"paths": ["/data/gone", "/data"]}])), hidden);
    for target in [
        json!({"kind": "ConfigMap"}),
        json!({"kind": "Config.*|Secret"}),
        json!({"version": "v1", "name": "a|b", "namespace": "sh.p"}),
        json!({"labelSelector": "tier in (web, db)"}),
        json!({"labelSelector": "app.kubernetes.io/managed-by=Helm"}),
        json!({"annotationSelector": "meta.helm.sh/release-name=web"}),
    ] {
        assert_eq!(of(rule(target.clone())), hidden, "{target}");
    }
    for target in [
        json!({"kind": "Config"}),
        json!({"group": "apps"}),
        json!({"name": "web"}),
        json!({"version": "v2"}),
        json!({"namespace": "shop-.*"}),
        json!({"labelSelector": "tier=db"}),
        json!({"labelSelector": "!tier"}),
        json!({"annotationSelector": "mine=yes"}),
    ] {
        assert_eq!(of(rule(target.clone())), shown, "{target}");
    }
    for paths in [json!(["/data/l"]), json!(["/data/K"]), json!(["/spec"]), json!(["/metadata"])] {
        assert_eq!(of(json!([{"paths": paths}])), shown, "{paths}");
    }
}

#[test]
fn what_a_chart_excludes_is_hidden_and_what_somebody_excludes_by_hand_is_not() {
    const KEY: &str = "helm.toolkit.fluxcd.io/driftDetection";
    let edited = |annotations: Value| Some(live(json!({"k": "2", "l": "1"}), annotations));
    let excluded = |place: &str, value: &str| {
        let mark = format!("name: a, {place}: {{{KEY}: {value}}}");
        MANIFEST.replace("name: a, labels: {tier: web}", &mark)
    };
    let hidden = format!(".data.k Ignored by {KEY}: disabled");
    for (place, value) in [("annotations", "disabled"), ("labels", "disabled"), ("annotations", "Disabled")] {
        let of = found(mode("enabled"), &excluded(place, value), edited(json!({KEY: value})));
        assert!(of.contains(&hidden) && !of.contains(".data.k Changed"), "{of}");
    }
    let gone = found(mode("enabled"), &excluded("annotations", "disabled"), None);
    assert_eq!(gone, format!("Missing; by {KEY}: disabled"));
    let other = found(mode("enabled"), &excluded("annotations", "enabled"), edited(json!({KEY: "enabled"})));
    assert!(other.contains(".data.k Changed") && other.contains("puts it back"), "{other}");
    // The controller does not look for it on what is live: it will put the edit back, and leave the annotation.
    let by_hand = found(mode("enabled"), MANIFEST, edited(json!({KEY: "disabled"})));
    assert!(by_hand.contains(".data.k Changed") && by_hand.contains("puts it back"), "{by_hand}");
    assert!(
        by_hand.contains("driftDetection\"] Added") || by_hand.contains("annotations Added"),
        "{by_hand}"
    );
}

#[test]
fn an_empty_path_is_the_whole_object() {
    let rules = json!([{"paths": ["/data/l", ""], "target": {"kind": "ConfigMap"}}]);
    let release = helm_release(&json!({"driftDetection": {"mode": "enabled", "ignore": rules}}));
    assert_eq!(found(release.clone(), MANIFEST, None), "Missing; by spec.driftDetection.ignore[0]");
    let now = live(json!({"k": "2", "l": "2", "x": "1"}), json!({}));
    let of = found(release, MANIFEST, Some(now));
    assert!(of.starts_with("InSync; ") && !of.contains("Changed") && !of.contains("Added"), "{of}");
}

#[test]
fn another_mode_is_a_transition() {
    let texts = |a: &Value, b: &Value| {
        transitions(&object(a), &object(b)).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(texts(&mode("enabled"), &mode("warn")), ["drift detection enabled \u{2192} warn"]);
    assert_eq!(texts(&mode("disabled"), &helm_release(&json!({"interval": "10m"}))), [""; 0]);
}
