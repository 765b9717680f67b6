//! Values that admission replaced, and noted as they were.

use serde_json::{Value, json};

use super::{config, entry, owned, report};

const DECLARED: &str = "ghcr.example/tools/crane:1.2";
const INSIDE: &str = "127.0.0.1:31999/tools/crane:1.2-2985051089";

fn pod(image: &str, annotations: Value) -> Value {
    let mut pod = json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"crane","namespace":"default"},
        "spec":{"containers":[{"name":"main","image":image}]}});
    pod["metadata"]["annotations"] = annotations;
    pod
}

fn image_by(manager: &str) -> Value {
    let main = json!({".":{},"f:name":{},"f:image":{}});
    entry(manager, "Update", json!({"f:spec":{"f:containers":{"k:{\"name\":\"main\"}":main}}}))
}

/// The class of the change of the image.
fn class(live: Value) -> String {
    let lines = report(&[pod(DECLARED, json!({}))], &[live]);
    let change = lines.iter().find(|l| l.starts_with(".spec.containers")).unwrap();
    change.split(' ').nth(2).unwrap().to_owned()
}

#[test]
fn what_was_noted_as_the_original_was_rewritten_at_admission() {
    for key in [
        "mirror.example.dev/original-image-main",
        "cache.example/original-init-image",
        "example.com/originalImage",
    ] {
        let live = pod(INSIDE, json!({ key: DECLARED }));
        assert_eq!(class(owned(live.clone(), json!([image_by("argocd-controller")]))), "Mutated", "{key}");
        assert_eq!(class(live), "Mutated", "{key}");
    }
}

#[test]
fn another_original_or_another_note_is_none() {
    for (key, value) in [
        ("mirror.example.dev/original-image-main", "ghcr.example/tools/crane:1.1"),
        ("mirror.example.dev/image-main", DECLARED),
        ("original-image", DECLARED),
    ] {
        let live = owned(pod(INSIDE, json!({ key: value })), json!([image_by("argocd-controller")]));
        assert_eq!(class(live), "PendingSync", "{key}");
    }
}

#[test]
fn by_another_hand_it_is_a_change() {
    let note = json!({"mirror.example.dev/original-image-main": DECLARED});
    let live = owned(pod(INSIDE, note), json!([image_by("kubectl-edit")]));
    assert_eq!(class(live), "Changed");
    // A person wrote the note.
    let note = json!({"mirror.example.dev/original-image-main": DECLARED});
    let fields = json!({"f:metadata":{"f:annotations":{"f:mirror.example.dev/original-image-main":{}}}});
    let managers = json!([image_by("argocd-controller"), entry("kubectl-annotate", "Update", fields)]);
    assert_eq!(class(owned(pod(INSIDE, note), managers)), "PendingSync");
}

#[test]
fn what_was_applied_as_it_is_live_waits_for_a_sync() {
    let applied = pod(INSIDE, json!({})).to_string();
    let mut live = pod(INSIDE, json!({"mirror.example.dev/original-image-main": DECLARED}));
    live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = json!(applied);
    assert_eq!(class(owned(live, json!([image_by("argocd-controller")]))), "PendingSync");
}

#[test]
fn a_note_of_a_word_proves_nothing() {
    let mut live = config(json!({"mode":"b"}));
    live["metadata"]["annotations"] = json!({"example.com/original-mode": "a"});
    let managers = json!([entry("argocd-controller", "Update", json!({"f:data":{"f:mode":{}}}))]);
    let lines = report(&[config(json!({"mode":"a"}))], &[owned(live, managers)]);
    assert!(lines.iter().any(|l| l.starts_with(".data.mode Replace PendingSync")), "{lines:?}");
}
