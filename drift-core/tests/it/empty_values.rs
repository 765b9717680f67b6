//! An empty value is no secret: it stays what it is, so that a comparison knows it where values are hashed.

use std::sync::Arc;

use drift_core::drift::{DesiredObject, DriftOptions, Status, compare};
use drift_core::redact::{RedactOptions, Redactor, SecretValues, is_redacted};
use drift_core::schema::SchemaSet;
use drift_core::{Doc, Object};
use serde_json::{Value, json};

fn object(kind: &str, fields: &Value) -> Object {
    let mut value =
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "db", "namespace": "shop"}});
    value.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Object::new(Doc::from_value(&value).unwrap()).unwrap()
}

fn redactor() -> Redactor {
    Redactor::with_values(RedactOptions::new([7; 32]), SecretValues::default())
}

/// Compares two sides as the binary does: after both were redacted by one key.
fn check(kind: &str, desired: Value, live: Value, expect: &[&str]) {
    let redactor = redactor();
    let [declared, now] = [&desired, &live].map(|v| Arc::new(redactor.redact(object(kind, v))));
    let options = DriftOptions { redactor: Some(redactor), ..DriftOptions::default() };
    let declared = [DesiredObject { object: declared, declared: None }];
    let report = compare(&declared, &[now], &SchemaSet::bundled(), &options);
    let resource = &report.resources[0];
    let changes = resource.changes.iter().map(|c| format!("{} {:?}", c.path, c.op));
    let found: Vec<String> = std::iter::once(format!("{:?}", resource.status)).chain(changes).collect();
    assert_eq!(found, expect, "{kind} {desired} {live}");
    if expect.len() == 1 {
        assert_eq!(resource.status, Status::InSync);
    }
}

#[test]
fn empty_values_of_a_secret_are_as_they_were() {
    let secret =
        object("Secret", &json!({"data": {"a": "", "b": null, "c": "eA=="}, "stringData": {"d": ""}}));
    let out = redactor().redact(secret).root().to_value();
    assert_eq!((&out["data"]["a"], &out["data"]["b"]), (&json!(""), &Value::Null));
    assert_eq!(out["stringData"]["d"], json!(""));
    assert!(is_redacted(out["data"]["c"].as_str().unwrap()));
}

#[test]
fn empty_null_and_absent_bytes_are_one_where_the_api_server_stores_them_so() {
    let same = &["InSync"];
    for kind in ["Secret", "ConfigMap"] {
        let data = |value: Value| json!({"data": {"k": value, "other": "eA=="}});
        let without = || json!({"data": {"other": "eA=="}});
        check(kind, data(json!("")), data(Value::Null), same);
        check(kind, data(Value::Null), data(json!("")), same);
        check(kind, data(json!("")), data(json!("")), same);
        check(kind, data(Value::Null), without(), same);
        // What has a value, or is not there at all, is another thing.
        check(kind, data(json!("")), data(json!("eA==")), &["Drifted", ".data.k Replace"]);
        check(kind, data(json!("eA==")), data(json!("")), &["Drifted", ".data.k Replace"]);
        check(kind, data(json!("eA==")), data(Value::Null), &["Drifted", ".data.k Remove"]);
        check(kind, data(json!("")), without(), &["Drifted", ".data.k Remove"]);
        check(kind, without(), data(json!("")), &["Drifted", ".data.k Add"]);
    }
    check("Secret", json!({"stringData": {"k": ""}}), json!({"data": {"k": null}}), same);
    check("Secret", json!({"stringData": {"k": ""}}), json!({"data": {"k": ""}}), same);
    check("Secret", json!({"stringData": {"k": null}}), json!({"data": {"k": ""}}), same);
    check(
        "Secret",
        json!({"stringData": {"k": ""}}),
        json!({"data": {"k": "eA=="}}),
        &["Drifted", ".data.k Replace"],
    );
}

#[test]
fn the_hash_of_nothing_in_an_older_store_is_nothing() {
    let redactor = redactor();
    let hash = format!("redacted:{}", &blake3::keyed_hash(&[7; 32], b"").to_hex()[..32]);
    let options = DriftOptions { redactor: Some(redactor), ..DriftOptions::default() };
    let stored = Arc::new(object("Secret", &json!({"data": {"k": hash}})));
    let declared = Arc::new(object("Secret", &json!({"data": {"k": ""}})));
    let declared = [DesiredObject { object: declared, declared: None }];
    let report = compare(&declared, &[stored], &SchemaSet::bundled(), &options);
    assert_eq!(report.resources[0].status, Status::InSync);
}
