//! What leaves the redactor holds no secret, and says the same about the rest.

mod known_values;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use drift_core::redact::{RedactOptions, RedactRule, Redactor, SecretValues, is_redacted};
use drift_core::{
    Actor, Append, Applied, Doc, EventBody, EventStore, EventStoreExt, Ingest, MemoryStore, Object,
    Observation, Occurrence, OccurrenceKind, ResourceKey,
};
use futures::executor::block_on;
use proptest::prelude::*;
use serde_json::{Value, json};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn redactor(rules: &str) -> Redactor {
    Redactor::new(RedactOptions { key: [7; 32], rules: RedactRule::parse_all(rules).unwrap() })
}

fn learning() -> Redactor {
    Redactor::with_values(RedactOptions::new([7; 32]), SecretValues::default())
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
    // What is not known to be public may hold a copy of the value.
    assert!(is_redacted(&annotated("note", "hunter22")));
    assert_eq!(annotated("argocd.argoproj.io/sync-wave", "5"), "5");
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

/// A value that is random enough to be looked for.
const PASSWORD: &str = "q8#Lw9!2z\"Kd<v>";

fn gzip_base64(text: &str) -> String {
    use std::io::Write;
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text.as_bytes()).unwrap();
    STANDARD.encode(out.finish().unwrap())
}

/// Checks that a short value, which nobody could look for, is hashed by where it stands.
fn is_hashed_by_shape(object: Value) {
    let out = redact("", object.clone()).to_string();
    for form in ["hunter2", &STANDARD.encode("hunter2")] {
        assert!(!out.contains(form), "{form} of {object} is in {out}");
    }
}

#[test]
fn all_of_a_secret_but_its_metadata_is_hashed() {
    let value = json!({"p": "hunter2"});
    for (field, value) in [
        ("binaryData", value.clone()),
        ("spec", value.clone()),
        ("status", value.clone()),
        ("extra", json!({"deep": {"p": ["hunter2"]}})),
        ("immutable", json!("hunter2")),
        ("metadata", json!({"name": "db", "note": "hunter2"})),
        ("metadata", json!({"name": "db", "labels": {"password": "hunter2"}})),
        ("metadata", json!({"name": "db", "annotations": "hunter2"})),
    ] {
        is_hashed_by_shape(secret(json!({field: value})));
    }
    for (api_version, kind) in [
        ("v1", "secret"),
        ("v1", "Secret "),
        ("v1 ", "Secret"),
        ("core/v1", "Secret"),
        ("v1beta1", "SECRET"),
        ("example.com/v1", "Secret"),
    ] {
        let object =
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "db"}, "stringData": value});
        is_hashed_by_shape(object.clone());
        is_hashed_by_shape(
            json!({"apiVersion": "v1", "kind": "List", "metadata": {"name": "l"}, "items": [object]}),
        );
    }
    let metadata = json!({"name": "db", "namespace": "n", "uid": "u", "labels": {"app": "web"}, "finalizers": ["a/b"],
        "annotations": {"helm.sh/hook": "pre-install", "cert-manager.io/common-name": "a.example"},
        "managedFields": [{"manager": "kubectl", "operation": "Apply"}], "ownerReferences": [{"kind": "Secret", "name": "x"}]});
    let known = secret(json!({"metadata": metadata, "type": "Opaque", "immutable": true}));
    assert_eq!(redact("", known.clone()), known);
}

#[test]
fn copies_of_a_secret_are_recognised_by_their_shape() {
    let copy = secret(json!({"stringData": {"password": "hunter2"}}));
    let yaml = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  password: hunter2\n";
    let resources = json!({"resources": [{"name": "s.yaml", "content": gzip_base64(yaml)}]}).to_string();
    let forms = [
        copy.to_string(),
        yaml.to_owned(),
        format!("---\nkind: ConfigMap\n---\n{yaml}"),
        STANDARD.encode(yaml),
        gzip_base64(&copy.to_string()),
        gzip_base64(&STANDARD.encode(gzip_base64(yaml))),
        json!({"object": copy}).to_string(),
        json!({"text": yaml}).to_string(),
        resources,
    ];
    for form in &forms {
        for name in
            ["kapp.k14s.io/original", "objectset.rio.cattle.io/applied", LAST_APPLIED, "example.com/x"]
        {
            is_hashed_by_shape(secret(json!({"metadata": {"name": "db", "annotations": {name: form}}})));
            is_hashed_by_shape(
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "annotations": {name: form}}}),
            );
        }
        is_hashed_by_shape(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"s": form}}),
        );
        is_hashed_by_shape(
            json!({"apiVersion": "fleet.cattle.io/v1alpha1", "kind": "Content", "metadata": {"name": "c"}, "content": form}),
        );
    }
    for text in
        ["hunter2", r#"{"password":"hunter2"}"#, "password: hunter2", "aHVudGVyMg==", r#"["hunter2"]"#]
    {
        is_hashed_by_shape(secret(json!({"metadata": {"name": "db", "annotations": {"x": text}}})));
    }
}

#[test]
fn a_document_beside_a_secret_in_a_text_stays() {
    let text = "kind: ConfigMap\ndata: {mode: production}\n---\nkind: Secret\nstringData: {p: hunter2}\n---\nkind: Pod\n";
    let out = redact(
        "",
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"s": text}}),
    );
    let out = out["data"]["s"].as_str().unwrap();
    assert!(out.starts_with("kind: ConfigMap\ndata: {mode: production}\n---\nredacted:"), "{out}");
    assert!(out.ends_with("\n---\nkind: Pod\n"), "{out}");
}

#[test]
fn templates_and_chart_values_are_hashed_where_they_are_secret() {
    let of = |api_version: &str, kind: &str, spec: Value| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}, "spec": spec});
    let data = json!({"p": "hunter2"});
    let helm = json!({"parameters": [{"name": "auth.password", "value": "hunter2"}], "values": "auth:\n  password: hunter2\n",
        "valuesObject": {"auth": {"token": "hunter2"}}});
    for object in [
        of("external-secrets.io/v1", "ExternalSecret", json!({"target": {"template": {"data": data}}})),
        of(
            "external-secrets.io/v1",
            "ClusterExternalSecret",
            json!({"externalSecretSpec": {"target": {"template": {"data": data}}}}),
        ),
        of("bitnami.com/v1alpha1", "SealedSecret", json!({"template": {"stringData": data}})),
        of("bitnami.com/v1alpha1", "SealedSecret", json!({"template": {"data": data}})),
        of(
            "isindir.github.com/v1alpha3",
            "SopsSecret",
            json!({"secretTemplates": [{"name": "n", "stringData": data}]}),
        ),
        of("helm.toolkit.fluxcd.io/v2", "HelmRelease", json!({"values": {"auth": {"password": "hunter2"}}})),
        of("argoproj.io/v1alpha1", "Application", json!({"source": {"helm": helm}})),
        of("argoproj.io/v1alpha1", "Application", json!({"sources": [{"helm": helm}]})),
        of(
            "kubernetes.crossplane.io/v1alpha2",
            "Object",
            json!({"template": secret(json!({"stringData": data}))}),
        ),
        of("helm.cattle.io/v1", "HelmChartConfig", json!({"valuesContent": "password: hunter2"})),
        of(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            json!({"postBuild": {"substitute": {"db_password": "hunter2"}}}),
        ),
    ] {
        is_hashed_by_shape(object);
    }
    let open = of(
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        json!({"values": {"auth": {"existingSecret": "db", "passwordKey": "pw", "enabled": true, "password": ""}, "replicas": 3},
            "valuesFrom": [{"kind": "Secret", "name": "values"}]}),
    );
    assert_eq!(redact("", open.clone()), open);
    let filled = of(
        "external-secrets.io/v1",
        "ExternalSecret",
        json!({"target": {"template": {"data": {"url": "pg://{{ .user }}@db"}}}}),
    );
    assert_eq!(redact("", filled.clone()), filled);
}
