//! What leaves the redactor holds no secret, and says the same about the rest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use drift_core::redact::{RedactOptions, RedactRule, Redactor, is_redacted};
use drift_core::{Actor, Doc, Object, Occurrence, OccurrenceKind, ResourceKey};
use proptest::prelude::*;
use serde_json::{Value, json};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn redactor(rules: &str) -> Redactor {
    Redactor::new(RedactOptions { key: [7; 32], rules: RedactRule::parse_all(rules).unwrap() })
}

fn redact(rules: &str, value: Value) -> Value {
    let object = Object::new(Doc::from_value(&value).unwrap()).unwrap();
    let once = redactor(rules).redact(object);
    assert_eq!(redactor(rules).redact(once.clone()), once, "twice is once");
    once.root().to_value()
}

fn secret(fields: Value) -> Value {
    let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
    secret.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    secret
}

fn hash_of(text: &str) -> String {
    format!("redacted:{}", &blake3::keyed_hash(&[7; 32], text.as_bytes()).to_hex()[..32])
}

#[test]
fn data_and_string_data_agree_and_the_rest_stays() {
    let out = redact(
        "",
        secret(json!({
            "data": {"a": STANDARD.encode("hunter22"), "b": "aHVu\ndGVyMjI=", "c": "not base64!", "d": null},
            "stringData": {"a": "hunter22"},
            "type": "Opaque",
        })),
    );
    assert_eq!(
        out,
        secret(json!({
            "data": {"a": hash_of("hunter22"), "b": hash_of("hunter22"), "c": hash_of("not base64!"), "d": null},
            "stringData": {"a": hash_of("hunter22")},
            "type": "Opaque",
        }))
    );
    assert!(is_redacted(out["data"]["a"].as_str().unwrap()));
    assert!(!is_redacted("redacted:") && !is_redacted("redacted:0123456789ABCDEF0123456789ABCDEF"));
}

#[test]
fn a_secret_of_a_shape_that_is_none_keeps_nothing() {
    for data in
        [json!("hunter22"), json!(["hunter22"]), json!({"a": {"b": "hunter22"}}), json!({"a": ["hunter22"]})]
    {
        let out = redact("", secret(json!({"data": data, "stringData": data})));
        assert!(!out.to_string().contains("hunter22"), "{out}");
    }
}

#[test]
fn another_key_makes_another_hash() {
    let object = Object::new(Doc::from_value(&secret(json!({"data": {"a": "eA=="}}))).unwrap()).unwrap();
    let other = Redactor::new(RedactOptions::new([8; 32])).redact(object.clone());
    assert_ne!(redactor("").redact(object), other);
    assert!(!format!("{:?} {:?}", other, RedactOptions::new([77; 32])).contains("77"));
}

#[test]
fn annotations_of_a_secret_are_read_and_redacted() {
    let annotated = |name: &str, text: &str| {
        let out = redact("", secret(json!({"metadata": {"name": "db", "annotations": {name: text}}})));
        out["metadata"]["annotations"][name].as_str().unwrap().to_owned()
    };
    let inner = secret(json!({"stringData": {"a": "hunter22"}})).to_string() + "\n";
    let read: Value = serde_json::from_str(&annotated(LAST_APPLIED, &inner)).unwrap();
    assert_eq!(read, secret(json!({"stringData": {"a": hash_of("hunter22")}})));
    assert_eq!(annotated("other.tool/original", &inner), annotated(LAST_APPLIED, &inner));
    assert_eq!(annotated("note", "rotated monthly"), "rotated monthly");
    assert!(is_redacted(&annotated(LAST_APPLIED, &inner[..inner.len() / 2])));
    assert!(is_redacted(&annotated("other.tool/original", &inner[..inner.len() / 2])));
    // Nothing secret in it: the text stays as it came.
    assert_eq!(annotated(LAST_APPLIED, "{ \"kind\":\"Secret\" }\n"), "{ \"kind\":\"Secret\" }\n");
    // A last applied configuration that claims another kind is that of a Secret all the same.
    assert!(
        !annotated(LAST_APPLIED, r#"{"apiVersion":"v1","kind":"Pod","data":{"a":"aHVudGVyMjI="}}"#)
            .contains("aHVu")
    );
    let mut deep = inner;
    for _ in 0..6 {
        deep = secret(json!({"metadata": {"name": "db", "annotations": {LAST_APPLIED: deep}}})).to_string();
    }
    assert!(!annotated(LAST_APPLIED, &deep).contains("hunter22"));
}

#[test]
fn a_secret_inside_of_something_else_is_found() {
    let inner = secret(json!({"data": {"a": STANDARD.encode("hunter22")}}));
    let out = redact(
        "",
        json!({"apiVersion": "example.com/v1", "kind": "Bundle", "metadata": {"name": "x"}, "spec": {"manifests": [inner]}}),
    );
    assert_eq!(out["spec"]["manifests"][0]["data"]["a"], hash_of("hunter22"));
    let list = json!({"apiVersion": "v1", "kind": "SecretList", "items": [{"data": {"a": STANDARD.encode("hunter22")}}]});
    let out = redactor("").redact_doc("", "Namespace", &Doc::from_value(&list).unwrap());
    assert_eq!(out.root().to_value()["items"][0]["data"]["a"], hash_of("hunter22"));
    let reference = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"ref": {"kind": "Secret", "data": {"x": "y"}}}});
    assert_eq!(redact("", reference.clone()), reference, "a reference is no Secret");
}

#[test]
fn audit_entries_and_patches_are_redacted() {
    let check = |kind: &str, detail: Value, expect: Value| {
        let about = Some(ResourceKey::new("", kind, "shop", "db"));
        let occurrence = Occurrence {
            kind: OccurrenceKind::Audit,
            about,
            at: "2026-03-01T10:00:00Z".parse().unwrap(),
            reason: "patch".into(),
            message: "".into(),
            actor: Actor::default(),
            detail: Some(Doc::from_value(&detail).unwrap().into()),
        };
        let rules = "* .**.env[name=\"*PASS*\"].value";
        let out = redactor(rules).redact_occurrence(occurrence).detail.unwrap();
        assert_eq!(out.root().to_value(), expect);
    };
    let (plain, encoded, hash) = ("hunter22", STANDARD.encode("hunter22"), hash_of("hunter22"));
    check(
        "Secret",
        json!({"verb": "update", "requestObject": {"data": {"a": encoded}}}),
        json!({"verb": "update", "requestObject": {"data": {"a": hash}}}),
    );
    check("Secret", json!({"data": {"a": encoded, "b": null}}), json!({"data": {"a": hash, "b": null}}));
    let op = |path: &str, value: Value| json!([{"op": "replace", "path": path, "value": value}]);
    check("Secret", op("/data/a~1b", json!(encoded)), op("/data/a~1b", json!(hash)));
    check("Secret", op("/stringData/a", json!(plain)), op("/stringData/a", json!(hash)));
    check("Secret", op("/data", json!({"a": encoded})), op("/data", json!({"a": hash})));
    check("Secret", op("", json!({"data": {"a": encoded}})), op("", json!({"data": {"a": hash}})));
    check("Secret", op("/metadata/labels/a", json!(plain)), op("/metadata/labels/a", json!(plain)));
    let annotation = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";
    check(
        "Secret",
        op(annotation, json!(format!("{{\"stringData\":{{\"a\":\"{plain}\"}}}}"))),
        op(annotation, json!(format!("{{\"stringData\":{{\"a\":\"{hash}\"}}}}"))),
    );
    // Which variable it is cannot be told from the path, so a rule on its name takes it.
    let env = "/spec/containers/0/env/1/value";
    check("Pod", op(env, json!(plain)), op(env, json!(hash)));
    check(
        "Pod",
        op("/spec/containers/0/image", json!("web:2")),
        op("/spec/containers/0/image", json!("web:2")),
    );
}

#[test]
fn rules_reach_where_they_say() {
    let rules = "* .**.env[name=\"*PASSWORD*\"].value\nConfigMap .data[\"*.pem\"]\nDeployment.apps .metadata.annotations[\"vault.example.com/*\"]\nDeployment.apps .spec.auth";
    let template = json!({"containers": [{"name": "web", "env": [{"name": "DB_password", "value": "hunter22"}, {"name": "MODE", "value": "fast"}, {"name": "PASSWORD_REF", "valueFrom": {"x": 1}}]}]});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": {
            "vault.example.com/token": "s.1234", "note": "x", LAST_APPLIED: json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": template}}}).to_string()}},
        "spec": {"auth": {"user": "u"}, "template": {"spec": template}}});
    let out = redact(rules, deployment.clone());
    let text = out.to_string();
    assert!(!text.contains("hunter22") && !text.contains("s.1234") && text.contains("fast"), "{text}");
    assert_eq!(out["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"], hash_of("hunter22"));
    assert_eq!(out["spec"]["auth"], hash_of(r#"{"user":"u"}"#));
    assert_eq!(out["metadata"]["annotations"]["note"], "x");
    assert_eq!(redact("", deployment.clone()), deployment);
    let map = redact(
        rules,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"tls.PEM": "xyz!", "a": "b"}}),
    );
    assert_eq!(map["data"], json!({"tls.PEM": hash_of("xyz!"), "a": "b"}));
    let torn = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": {LAST_APPLIED: "{\"env\":[{\"name\":\"PASSWORD\",\"value\":\"hunter22"}}});
    assert!(!redact(rules, torn).to_string().contains("hunter22"));
    let cut = redact(
        "* .metadata",
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"a": "hunter22"}}}),
    );
    assert_eq!(cut["metadata"], json!({"name": "p", "namespace": ""}));
}

proptest! {
    #[test]
    fn no_secret_survives(
        values in prop::collection::vec("[A-Z0-9!\"\\\\ü ]{6,24}", 1..6),
        keys in prop::collection::vec("[a-z.]{1,8}", 6),
        torn in any::<bool>(),
    ) {
        let map = |encode: &dyn Fn(&String) -> String| -> Value {
            Value::Object(keys.iter().cloned().zip(values.iter().map(|v| encode(v).into())).collect())
        };
        let encoded = map(&|v| STANDARD.encode(v));
        let mut applied = secret(json!({"stringData": map(&String::clone), "data": encoded})).to_string();
        if torn {
            applied.pop();
        }
        let out = redact("", secret(json!({
            "metadata": {"name": "db", "annotations": {LAST_APPLIED: applied}},
            "data": encoded,
            "stringData": map(&String::clone),
        }))).to_string();
        for value in &values {
            let quoted = serde_json::to_string(value).unwrap();
            prop_assert!(!out.contains(value.as_str()), "{} in {}", value, out);
            prop_assert!(!out.contains(quoted.trim_matches('"')), "{} in {}", quoted, out);
            prop_assert!(!out.contains(STANDARD.encode(value).trim_end_matches('=')));
        }
    }
}
