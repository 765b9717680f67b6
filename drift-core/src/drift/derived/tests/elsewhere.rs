//! What follows from an object of another namespace, and what every namespace is given.

use super::*;

/// The custom resource, which stands in `shop`.
fn replica(fields: Value) -> Value {
    made(
        named("copy.example.io/v1", "Replica", "wallet"),
        fields,
        &["kustomize-controller", "replicator/status"],
    )
}

/// Something in `tools`, in which something else is declared as well.
fn elsewhere(kind: &str, name: &str, fields: Value, managers: &[&str]) -> Value {
    let mut object = made(named("v1", kind, name), json!({}), managers);
    object["metadata"]["namespace"] = json!("tools");
    merge(&mut object, &fields);
    object
}

fn check(origin: &Value, object: &Value, expect: bool) {
    let mut anchor = made(named("v1", "ConfigMap", "anchor"), json!({}), &["kustomize-controller"]);
    anchor["metadata"]["namespace"] = json!("tools");
    let live: Vec<_> = [origin, &anchor, object].into_iter().map(super::object).collect();
    let desired: Vec<_> =
        live[..2].iter().map(|o| DesiredObject { object: Arc::clone(o), declared: None }).collect();
    let schemas = SchemaSet::bundled();
    let report = compare(&desired, &live, &schemas, &DriftOptions::default());
    let mut kept = IncrementalComparison::new(desired, (*schemas).clone(), DriftOptions::default());
    live.iter().rev().for_each(|o| kept.set_live(o));
    kept.judge();
    assert_eq!(kept.report(), report);
    let strays = report.resources.iter().filter(|r| r.status == Status::Extra).count();
    assert_eq!(strays == 0, expect, "{object}");
}

#[test]
fn what_names_a_custom_resource_with_its_namespace_follows_from_it() {
    let origin = replica(json!({"spec": {}}));
    let secret = |marks: Value, managers: &[&str]| {
        elsewhere("Secret", "mirror", json!({ "metadata": marks }), managers)
    };
    let by_group = json!({"labels": {"copy.example.io/owner-name": "wallet", "copy.example.io/owner-namespace": "shop"}});
    check(&origin, &secret(by_group.clone(), &["manager"]), true);
    check(
        &origin,
        &secret(json!({"annotations": {"copy.example.io/source": "shop/wallet"}}), &["manager"]),
        true,
    );
    check(&origin, &secret(json!({"labels": {"example.net/owner-uid": "uid-wallet"}}), &["manager"]), true);
    // Of another one, of another namespace, or with no word on which.
    check(
        &origin,
        &secret(json!({"annotations": {"copy.example.io/source": "shop/purse"}}), &["manager"]),
        false,
    );
    let other = json!({"labels": {"copy.example.io/owner-name": "wallet", "copy.example.io/owner-namespace": "bank"}});
    check(&origin, &secret(other, &["manager"]), false);
    check(&origin, &secret(json!({"labels": {"copy.example.io/owner-name": "wallet"}}), &["manager"]), false);
    // A person who copies the labels makes a stray, and so does a tool under a domain of its own.
    check(&origin, &secret(by_group, &["kubectl-create"]), false);
    let foreign =
        json!({"labels": {"example.net/owner-name": "wallet", "example.net/owner-namespace": "shop"}});
    check(&origin, &secret(foreign, &["terraform"]), false);
}

#[test]
fn what_the_controller_of_a_custom_resource_makes_elsewhere_follows_from_it() {
    let origin = replica(
        json!({"status": {"copies": [{"kind": "Secret", "name": "wallet-copy", "namespace": "tools"}]}}),
    );
    let secret = |name: &str, labels: Value, managers: &[&str]| {
        elsewhere("Secret", name, json!({"metadata": {"labels": labels}}), managers)
    };
    let instance = json!({"app.kubernetes.io/instance": "wallet"});
    check(&origin, &secret("a", instance.clone(), &["replicator"]), true);
    check(&origin, &secret("wallet-copy", json!({}), &["replicator"]), true);
    check(&origin, &secret("a", json!({"app.kubernetes.io/instance": "purse"}), &["replicator"]), false);
    check(&origin, &secret("other-copy", json!({}), &["replicator"]), false);
    check(&origin, &secret("a", instance.clone(), &["terraform"]), false);
    check(&origin, &secret("a", instance, &["kubectl-create"]), false);
    // It was there before.
    let mut early = secret("wallet-copy", json!({}), &["replicator"]);
    early["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
    check(&origin, &early, false);
}

#[test]
fn the_certificates_of_an_authority_are_handed_out_to_every_namespace() {
    let origin = replica(json!({"spec": {}}));
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let config =
        |name: &str, fields: Value, managers: &[&str]| elsewhere("ConfigMap", name, fields, managers);
    let bundle = || json!({"data": {"root-cert.pem": pem}});
    check(&origin, &config("mesh-ca-root-cert", bundle(), &["pilot-discovery"]), true);
    check(&origin, &config("platform-ca.crt", bundle(), &["service-ca-operator"]), true);
    check(&origin, &config("my-ca", bundle(), &["kubectl-create"]), false);
    check(&origin, &config("my-ca", bundle(), &["helm"]), false);
    let more = json!({"data": {"root-cert.pem": pem, "level": "debug"}});
    check(&origin, &config("mesh", more, &["pilot-discovery"]), false);
    // Without owners a mark shows who hands them out.
    let marked =
        json!({"data": {"root-cert.pem": pem}, "metadata": {"labels": {"mesh.example.io/config": "true"}}});
    check(&origin, &config("mesh-ca-root-cert", marked, &[]), true);
    check(&origin, &config("my-ca", bundle(), &[]), false);
}
