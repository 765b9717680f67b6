//! Jsonnet among what is declared: refused with what to do, and never passed over in silence.

use crate::run::{drift, folder, write};

const LIVE: &str = r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap",
    "metadata":{"name":"a","namespace":"shop"},"data":{"k":"1"}}]}"#;

#[test]
fn a_program_in_jsonnet_is_refused_with_what_to_do() {
    let dir = folder();
    write(dir.path(), "live.json", LIVE);
    write(dir.path(), "a.jsonnet", "{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'a'}}");
    let ran = drift("diff --desired DIR/a.jsonnet --live DIR/live.json", dir.path());
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("it is Jsonnet, which is not evaluated here"), "{ran:?}");
    assert!(ran.err.contains("jsonnet -y FILE | drift diff -f -"), "{ran:?}");
}

#[test]
fn jsonnet_beside_manifests_is_noted() {
    let dir = folder();
    write(dir.path(), "live.json", LIVE);
    write(
        dir.path(),
        "d/a.yaml",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: shop}, data: {k: '1'}}",
    );
    write(dir.path(), "d/b.jsonnet", "{}");
    write(dir.path(), "d/lib.libsonnet", "{}");
    let ran = drift("diff --desired DIR/d --live DIR/live.json", dir.path());
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = format!("{}{}", ran.out, ran.err);
    assert!(text.contains("`b.jsonnet` in") && text.contains("Jsonnet is not evaluated here"), "{ran:?}");
    assert!(!text.contains("libsonnet"), "{ran:?}");
}
