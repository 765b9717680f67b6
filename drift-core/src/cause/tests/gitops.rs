//! Changes that an engine carried out.

use serde_json::json;

use super::scenario::{Tape, crashed, waiting};
use super::{POD, WEB, container};
use crate::history::ResourceOp;

#[test]
fn chart_version_raised_in_a_release() {
    let mut tape = Tape::shop();
    let release = "HelmRelease.helm.toolkit.fluxcd.io/shop/web";
    tape.put(json!({"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"web","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"chart":{"spec":{"chart":"web","version":"1.0.0"}}},"status":{}}));
    tape.edit_by(WEB, "helm-controller", |o| {
        o["metadata"]["labels"] =
            json!({"helm.toolkit.fluxcd.io/name":"web","helm.toolkit.fluxcd.io/namespace":"shop"});
    });
    tape.wait(60);
    tape.decoys(1);
    tape.edit(release, |o| o["spec"]["chart"]["spec"]["version"] = "9.1.3".into());
    tape.edit_by(WEB, "helm-controller", |o| {
        container(&mut o["spec"]["template"]["spec"])["command"] = json!(["/gone"])
    });
    tape.replica_set("web", "2");
    tape.pod("web", "2", "b", json!({"phase":"Pending"}));
    tape.pod("web", "2", "b", crashed("Error", 127, "exec: not found"));
    tape.decoys(2);
    tape.check(POD, release, ResourceOp::Update, "version");
}

/// A release that takes values from a ConfigMap, and applied them once.
fn release() -> Tape {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web-values","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
        "data":{"values.yaml":"image:\n  tag: 1.0\ncurrency: EUR\n"}}));
    tape.put(json!({"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"web","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"chart":{"spec":{"chart":"web","version":"1.0.0"}},"values":{"currency":"EUR"},"valuesFrom":[{"kind":"ConfigMap","name":"web-values"}]},"status":{}}));
    tape.edit_by(WEB, "helm-controller", |o| {
        o["metadata"]["labels"] =
            json!({"helm.toolkit.fluxcd.io/name":"web","helm.toolkit.fluxcd.io/namespace":"shop"});
    });
    tape.wait(60);
    tape.decoys(1);
    tape
}

#[test]
fn value_that_a_release_takes_from_a_config_map() {
    let mut tape = release();
    tape.edit("ConfigMap/shop/web-values", |o| {
        o["data"]["values.yaml"] = "image:\n  tag: 9.5.o\ncurrency: EUR\n".into()
    });
    // Harmless, later, and written at the same time.
    tape.edit("HelmRelease.helm.toolkit.fluxcd.io/shop/web", |o| {
        o["spec"]["values"]["currency"] = "USD".into()
    });
    tape.edit_by(WEB, "helm-controller", |o| {
        let c = &mut o["spec"]["template"]["spec"]["containers"][0];
        c["image"] = "registry.example.com/web:9.5.o".into();
        c["env"].as_array_mut().unwrap().push(json!({"name":"CURRENCY","value":"USD"}));
    });
    tape.replica_set("web", "2");
    tape.pod("web", "2", "b", json!({"phase":"Pending"}));
    tape.pod(
        "web",
        "2",
        "b",
        waiting("ImagePullBackOff", "Back-off pulling image \"registry.example.com/web:9.5.o\": not found"),
    );
    tape.decoys(2);
    tape.check(POD, "ConfigMap/shop/web-values", ResourceOp::Update, "values.yaml");
}
