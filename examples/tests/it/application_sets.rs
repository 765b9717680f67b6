//! Commands about what an ApplicationSet declares, on a small tape of our own.

use std::path::Path;

use serde_json::{Value, json};

use crate::run::{drift, folder, write};

const SPEC: &str = r#"{"source": {"repoURL": "https://git.example.com/x.git", "path": "apps/a", "targetRevision": "main"},
    "destination": {"namespace": "a", "name": "away"}, "project": "default"}"#;

fn set() -> Value {
    let mut template: Value = serde_json::from_str(&SPEC.replace("apps/a", "apps/{{name}}")).unwrap();
    template["destination"]["namespace"] = "{{name}}".into();
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet",
        "metadata": {"name": "teams", "namespace": "argocd", "uid": "u0"},
        "spec": {"generators": [{"list": {"elements": [{"name": "a"}, {"name": "b"}]}}],
            "template": {"metadata": {"name": "{{name}}"}, "spec": template}}})
}

fn app(revision: &str, managers: Value) -> Value {
    let mut spec: Value = serde_json::from_str(SPEC).unwrap();
    spec["source"]["targetRevision"] = revision.into();
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "a", "namespace": "argocd", "uid": "u1", "finalizers": ["resources-finalizer.argocd.argoproj.io"],
            "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": "teams", "uid": "u0",
                "controller": true, "blockOwnerDeletion": true}], "managedFields": managers},
        "spec": spec})
}

fn tape(dir: &Path) {
    let line = |minute: u8, kind: &str, mut object: Value| {
        object["metadata"]["resourceVersion"] = format!("{}", 100 + u32::from(minute)).into();
        let resource = if object["kind"] == "Application" { "applications" } else { "applicationsets" };
        json!({"ts": format!("2026-01-01T00:{minute:02}:00Z"), "group": "argoproj.io", "version": "v1alpha1",
            "resource": resource, "type": kind, "object": object})
        .to_string()
    };
    let entry = |manager: &str, minute: u8, fields: Value| {
        json!({"manager": manager, "operation": "Update", "apiVersion": "argoproj.io/v1alpha1",
            "time": format!("2026-01-01T00:{minute:02}:00Z"), "fieldsType": "FieldsV1", "fieldsV1": fields})
    };
    let spec = |revision: bool| {
        let mut source = json!({".": {}, "f:repoURL": {}, "f:path": {}});
        if revision {
            source["f:targetRevision"] = json!({});
        }
        json!({"f:metadata": {"f:finalizers": {".": {}, "v:\"resources-finalizer.argocd.argoproj.io\"": {}},
                "f:ownerReferences": {".": {}}},
            "f:spec": {".": {}, "f:project": {}, "f:destination": {".": {}, "f:namespace": {}, "f:name": {}}, "f:source": source}})
    };
    let controller = "argocd-applicationset-controller";
    let edit = json!({"f:spec": {"f:source": {"f:targetRevision": {}}}});
    let text = [
        line(0, "LISTED", set()),
        line(0, "LISTED", app("main", json!([entry(controller, 0, spec(true))]))),
        line(
            10,
            "MODIFIED",
            app("hotfix", json!([entry(controller, 0, spec(false)), entry("kubectl-edit", 10, edit)])),
        ),
    ];
    write(dir, "sets.tape.jsonl", text.join("\n") + "\n");
}

#[test]
fn an_application_edited_by_hand_names_its_set_who_and_when() {
    let dir = folder();
    tape(dir.path());
    let ran = drift("diff --tape DIR/sets.tape.jsonl", dir.path());
    for part in [
        "Application.argoproj.io/argocd/a  drifted  of ApplicationSet.argoproj.io/argocd/teams",
        ".spec.source.targetRevision  main \u{2192} hotfix",
        "changed by kubectl-edit (Update), 2026-01-01 00:10:00Z",
        "Application.argoproj.io/argocd/b  missing  of ApplicationSet.argoproj.io/argocd/teams",
    ] {
        assert!(ran.out.contains(part), "{part}: {ran:?}");
    }
    let before = drift("diff --tape DIR/sets.tape.jsonl --at 2026-01-01T00:05:00Z", dir.path());
    assert!(!before.out.contains("hotfix"), "{before:?}");
    let apps = drift("apps --tape DIR/sets.tape.jsonl", dir.path());
    assert!(apps.out.contains("ApplicationSet.argoproj.io/argocd/teams"), "{apps:?}");
    let blame =
        drift("blame Application.argoproj.io/argocd/a .spec.source --tape DIR/sets.tape.jsonl", dir.path());
    assert!(
        blame.out.contains("with argocd-applicationset-controller  through ApplicationSet argocd/teams"),
        "{blame:?}"
    );
    assert!(blame.out.contains("with kubectl-edit\n"), "{blame:?}");
}

#[test]
fn what_a_declared_set_generates_is_no_stray() {
    let dir = folder();
    tape(dir.path());
    write(dir.path(), "set.yaml", set().to_string());
    let ran = drift("diff --desired DIR/set.yaml --tape DIR/sets.tape.jsonl", dir.path());
    assert_eq!((ran.code, ran.out.contains("Application.argoproj.io")), (0, false), "{ran:?}");
}

#[test]
fn what_needs_the_network_is_named_and_makes_the_answer_incomplete() {
    let dir = folder();
    tape(dir.path());
    let text = std::fs::read_to_string(dir.path().join("sets.tape.jsonl")).unwrap();
    let list = r#""list":{"elements":[{"name":"a"},{"name":"b"}]}"#;
    write(dir.path(), "sets.tape.jsonl", text.replace(list, r#""pullRequest":{"github":{}}"#));
    let ran = drift("diff --tape DIR/sets.tape.jsonl", dir.path());
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.out.contains(
            "its generator `pullRequest` lists pull requests of a service, which is not asked here"
        ),
        "{ran:?}"
    );
    // What the controller had written is in the history.
    assert!(ran.out.contains("changed by kubectl-edit (Update), 2026-01-01 00:10:00Z"), "{ran:?}");
}
