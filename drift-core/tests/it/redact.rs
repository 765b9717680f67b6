//! What leaves the redactor holds no secret, and says the same about the rest.

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

/// The forms in which a value may be copied into a text.
fn copies(value: &str) -> Vec<String> {
    let percent: String = value.bytes().map(|b| format!("%{b:02x}")).collect();
    let login = STANDARD.encode(format!("app:{value}"));
    vec![
        value.to_owned(),
        format!("postgres://app:{value}@db.shop.svc/app"),
        json!({"auth": {"password": value}}).to_string(),
        json!(json!({"p": value}).to_string()).to_string(),
        json!({"auth": login}).to_string(),
        STANDARD.encode(value),
        base64::engine::general_purpose::URL_SAFE.encode(format!("x{value}")),
        format!("?password={}", percent.replace("%51", "q")),
    ]
}

#[test]
fn copies_of_a_known_value_are_hashed_in_all_that_follows() {
    let redactor = learning();
    let object = |value: Value| Object::new(Doc::from_value(&value).unwrap()).unwrap();
    redactor.redact(object(secret(json!({"data": {"password": STANDARD.encode(PASSWORD)}}))));
    let encoded: String = PASSWORD
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    let mut texts = copies(PASSWORD);
    texts.pop();
    texts.push(format!("https://app:{encoded}@git.example.com/x"));
    for text in texts {
        for value in [
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": text}}),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "args": [text], "env": [{"name": "E", "value": text}]}]}}),
        ] {
            let redacted = redactor.redact(object(value));
            assert_eq!(redactor.redact(redacted.clone()), redacted, "twice is once");
            let out = redacted.root().to_value().to_string();
            for form in [PASSWORD, &encoded, &STANDARD.encode(PASSWORD)[..18], "OCNMdzkhMnoi"] {
                assert!(!out.contains(form), "{form} of {text} is in {out}");
            }
            assert!(out.contains("redacted:"), "{out}");
            assert!(!redactor.values().blank(&text).contains(&encoded));
        }
    }
    let event = Occurrence {
        kind: OccurrenceKind::KubernetesEvent,
        about: Some(ResourceKey::new("", "Pod", "n", "p")),
        at: "2026-03-01T10:00:00Z".parse().unwrap(),
        reason: "Failed".into(),
        message: format!("login failed for app:{PASSWORD}").into(),
        actor: Actor::default(),
        detail: Some(
            Doc::from_value(&json!({"message": format!("login failed for app:{PASSWORD}")})).unwrap().into(),
        ),
    };
    let event = redactor.redact_occurrence(event);
    let whole = format!("{} {}", event.message, event.detail.unwrap().to_json());
    assert!(!whole.contains("Lw9") && whole.matches("redacted:").count() == 2, "{whole}");
}

#[test]
fn words_hosts_numbers_and_names_are_not_looked_for() {
    let open = json!({"mode": "production", "user": "web", "host": "db-1.shop.svc.cluster.local", "port": "5432", "zone": "eu-west-1a",
        "namespace": "kube-system", "url": "https://login.example.com/oauth2/authorize", "email": "admin@example.com", "at": "2026-11-28T10:00:00Z",
        "version": "v1.29.3+k3s1", "enabled": "true", "weak": "hunter22", "uid": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "token-id": "kd83jx92qp4m",
        "text": STANDARD.encode("a text in base64"), "ca.crt": "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n-----END CERTIFICATE-----\n",
        "key.pub": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHq8Lw92zKdvPq7 me@host"});
    let one = secret(
        json!({"metadata": {"name": "token-kd83jx92qp4m", "uid": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}, "stringData": open}),
    );
    let values = SecretValues::default();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": open});
    let objects: Vec<Object> =
        [one, map.clone()].iter().map(|v| Object::new(Doc::from_value(v).unwrap()).unwrap()).collect();
    values.learn(&objects);
    assert_eq!(values.len(), 0, "{values:?}");
    let redactor = Redactor::with_values(RedactOptions::new([7; 32]), values);
    redactor.redact(objects[0].clone());
    assert_eq!(redactor.redact(objects[1].clone()).root().to_value(), map);
    let text = serde_json::to_string_pretty(&open).unwrap();
    assert_eq!(redactor.values().blank(&text), text);
}

#[test]
fn a_known_value_is_no_name_of_an_entry_either() {
    let redactor = learning();
    let object = |value: Value| Object::new(Doc::from_value(&value).unwrap()).unwrap();
    redactor.redact(object(secret(json!({"stringData": {"token": "hT7-pW2-kX9-vB4mQ8z"}}))));
    let users = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "users"},
        "data": {"hT7-pW2-kX9-vB4mQ8z": "ann", "of-hT7-pW2-kX9-vB4mQ8z": "bob", "plain-name": "x", "z": "y"}});
    let once = redactor.redact(object(users));
    let hash = hash_of("hT7-pW2-kX9-vB4mQ8z");
    let data = json!({(hash.clone()): "ann", (format!("of-{hash}")): "bob", "plain-name": "x", "z": "y"});
    assert_eq!(once.root().to_value()["data"], data);
    assert_eq!(redactor.redact(once.clone()), once, "twice is once");
    // Nor where it is made up as a field of a Secret.
    let odd = redactor.redact(object(secret(json!({"x-hT7-pW2-kX9-vB4mQ8z": {"k": "v"}}))));
    assert!(!odd.doc().to_json().contains("hT7-pW2-kX9-vB4mQ8z"), "{}", odd.doc().to_json());
}

#[test]
fn parts_of_a_value_are_looked_for_on_their_own() {
    let check = |value: &str, copy: &str| {
        let values = SecretValues::default();
        let object = secret(json!({"stringData": {"a": value}}));
        values.learn([&Object::new(Doc::from_value(&object).unwrap()).unwrap()]);
        let blank = values.blank(copy).into_owned();
        assert!(blank.contains("<redacted>") && !blank.contains("Kd83jx92Qp4m"), "{value}: {blank}");
    };
    check("postgres://app:Kd83jx92Qp4m@db:5432/app?sslmode=disable", "password Kd83jx92Qp4m");
    check("DB_HOST=db\nDB_PASSWORD=\"Kd83jx92Qp4m\"\n", "password Kd83jx92Qp4m");
    check("user: app\npassword: Kd83jx92Qp4m\n", "--password=Kd83jx92Qp4m");
    check(r#"{"auths":{"r.example":{"username":"u","password":"Kd83jx92Qp4m"}}}"#, "Kd83jx92Qp4m");
    check(
        &json!({"auths": {"r.example": {"auth": STANDARD.encode("u:Kd83jx92Qp4m")}}}).to_string(),
        "Kd83jx92Qp4m",
    );
    let key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{key}\nKd83jx92Qp4mXw\nKd83jx92Qp4mYy\nKd83jx92Qp4mZz\nKd83jx92Qp4mAa\n-----END PRIVATE KEY-----\n"
    );
    check(&pem, &pem);
    check(&pem, &pem.replace('\n', "\\n"));
    check(&pem, &pem.replace('\n', "\n      "));
    let token = format!("{}Kd83jx92Qp4m", "eyJhbGciOiJSUzI1NiIsImtpZCI6Ik".repeat(3));
    check(&token, &format!("Bearer {token}"));
    check("Kd83jx92Qp4m", &format!("data: {}", STANDARD.encode("some text around Kd83jx92Qp4m and behind")));
}

#[test]
fn a_text_with_hashes_is_compared_by_them() {
    let redactor = learning();
    redactor.redact(
        Object::new(Doc::from_value(&secret(json!({"stringData": {"a": PASSWORD}}))).unwrap()).unwrap(),
    );
    let plain = format!("app:{PASSWORD}@db, again {PASSWORD}");
    let hashed = redactor.redact_text(&plain);
    assert!(hashed.matches("redacted:").count() == 2 && redactor.is_same(&hashed, &plain));
    for other in ["app:other@db, again other", "", "app:", &plain[1..], &plain[..plain.len() - 1]] {
        assert!(!redactor.is_same(&hashed, other), "{other}");
    }
    assert!(redactor.is_same("same", "same") && !redactor.is_same("same", "other"));
}

#[test]
fn what_is_rendered_from_hashed_values_is_compared_by_the_hash() {
    let hash = hash_of("hunter2");
    let out = redact(
        "",
        secret(
            json!({"data": {"a": STANDARD.encode(&hash), "b": STANDARD.encode(format!("u:{hash}@h"))}, "stringData": {"c": hash}}),
        ),
    );
    assert_eq!((&out["data"]["a"], &out["stringData"]["c"]), (&json!(hash), &json!(hash)));
    assert_eq!(out["data"]["b"], json!("redacted:unknown"));
}

/// One run of a watch: it knows what the store holds, and the Secrets that it sees.
struct Run<'a> {
    store: &'a MemoryStore,
    ingest: Ingest,
}

impl<'a> Run<'a> {
    fn begin(store: &'a MemoryStore) -> Self {
        Self { store, ingest: block_on(Ingest::load("watch", learning(), store)).unwrap() }
    }

    /// Takes a state of an object, and returns the object as it is in the store, if it is new.
    fn take(&mut self, version: u64, mut object: Value) -> Option<Value> {
        object["metadata"]["resourceVersion"] = version.to_string().into();
        object["metadata"]["namespace"] = "shop".into();
        let object = Object::new(Doc::from_value(&object).unwrap()).unwrap();
        let at = format!("2026-11-28T10:00:{version:02}Z").parse().unwrap();
        let appends: Vec<Append> = self.ingest.step(Observation::Applied(Applied::live(object, "", at)));
        let events = block_on(self.store.append(appends)).unwrap();
        self.ingest.commit();
        match &events.first()?.body {
            EventBody::Applied(object) => Some(object.root().to_value()),
            _ => None,
        }
    }
}

#[test]
fn a_value_that_was_rotated_before_a_restart_stays_hashed() {
    const OLD: &str = "Kd83jx92Qp4mXw7z";
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\nAgEAAoIBAQC7VJTUt9Us8cKjMzEf\n-----END PRIVATE KEY-----\n";
    let with_signs = "q8#Lw9!2z/K=d@v";
    let token = format!("eyJhbGciOiJSUzI1NiJ9.{}.c2lnbmF0dXJlS2Q4M2p4", "eyJzdWIiOiJrZDgzangifQ".repeat(4));
    let db = |values: Value| secret(json!({"stringData": values}));
    let old = db(
        json!({"password": OLD, "line": format!("{}x\n", &OLD[1..]), "signs": with_signs, "token": token, "tls.key": PEM,
        "mode": "production", "url": format!("https://host/?key={OLD}y")}),
    );
    let new = db(json!({"password": "NewPw9xk27Qz41Lm"}));
    let web = |replicas: u64| {
        let env = [
            OLD.to_owned(),
            format!("--password={OLD}"),
            format!("login failed for app:{OLD}, \"{OLD}\"."),
            format!("{{\"a\":\"{OLD}\",\"b\":\"production\"}}"),
            format!("{}x", &OLD[1..]),
            with_signs.to_owned(),
            format!("app:{with_signs}@db"),
            format!("Bearer {token}"),
            PEM.to_owned(),
            STANDARD.encode(format!("app:{OLD}")),
            format!("https://host/?key={OLD}y"),
            format!("{OLD}y"),
            "production".to_owned(),
        ];
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": replicas, "env": env}})
    };
    let store = MemoryStore::default();
    let mut first = Run::begin(&store);
    first.take(1, old.clone());
    let before = first.take(2, web(1)).unwrap();
    let plain = ["Kd83", "d83jx92", "Lw9", "eyJ", "MIIE", "S2Q4"];
    let is_clean = |value: &Value| plain.iter().all(|part| !value.to_string().contains(part));
    assert!(is_clean(&before) && before.to_string().contains("production"), "{before:#}");
    first.take(3, new);

    let mut second = Run::begin(&store);
    let after = second.take(4, web(2)).unwrap();
    assert_eq!(after["spec"]["env"], before["spec"]["env"], "no change is made up");
    assert_eq!(after["spec"]["replicas"], 2);
    // A copy at a new place, of a value that no object holds any more but the history of its Secret.
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": OLD, "b": format!("pw: {OLD}\n")}});
    let map = second.take(5, map).unwrap();
    assert_eq!(map["data"], json!({"a": hash_of(OLD), "b": format!("pw: {}\n", hash_of(OLD))}));
    // What is known makes no new event, whoever takes it.
    let count = |store: &MemoryStore| {
        let streams = block_on(store.streams()).unwrap();
        streams.iter().map(|s| block_on(store.read_to_end(s)).unwrap().len()).sum::<usize>()
    };
    let events = count(&store);
    let mut third = Run::begin(&store);
    for (version, object) in [(1, old), (2, web(1)), (4, web(2))] {
        assert_eq!(third.take(version, object), None);
    }
    assert_eq!(count(&store), events);
}

#[test]
fn names_that_a_secret_holds_are_not_hashed_after_a_restart() {
    let uid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let pod = |version: u64| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-kd83jx92qp4m", "uid": uid, "generation": version}});
    let owned = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"id": "kd83jx92qp4m", "uid": uid, "weak": "hunter22"}});
    let store = MemoryStore::default();
    let mut first = Run::begin(&store);
    first.take(1, pod(1));
    first.take(2, secret(json!({"stringData": {"id": "kd83jx92qp4m", "uid": uid, "weak": "hunter22"}})));
    let mut second = Run::begin(&store);
    assert_eq!(second.take(3, owned.clone()).unwrap()["data"], owned["data"]);
    assert_eq!(second.take(4, pod(2)).unwrap()["metadata"]["uid"], uid);
}

#[test]
fn a_redactor_without_values_recalls_nothing() {
    let store = MemoryStore::default();
    Run::begin(&store).take(1, secret(json!({"stringData": {"a": "Kd83jx92Qp4m"}})));
    let redactor = redactor("");
    block_on(drift_core::ingest::recall_hashes(&redactor, &store)).unwrap();
    assert_eq!(redactor.redact_text("Kd83jx92Qp4m"), "Kd83jx92Qp4m");
    let redactor = learning();
    block_on(drift_core::ingest::recall_hashes(&redactor, &store)).unwrap();
    assert_eq!(redactor.redact_text("Kd83jx92Qp4m"), hash_of("Kd83jx92Qp4m"));
}
