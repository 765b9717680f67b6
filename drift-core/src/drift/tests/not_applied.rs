//! What is declared and never applied: that it is not live is no drift.

use serde_json::{Value, json};

use super::{owned, report};

fn job(annotations: Value) -> Value {
    json!({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"once","namespace":"default","annotations":annotations},
        "spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"a","image":"a:1"}]}}}})
}

#[test]
fn hooks_and_local_objects_are_not_missing() {
    for (annotations, note) in [
        (json!({"helm.sh/hook":"test"}), "a hook, which is run and not applied"),
        (json!({"helm.sh/hook":"pre-install,pre-upgrade"}), "a hook, which is run and not applied"),
        (json!({"argocd.argoproj.io/hook":"PostSync"}), "a hook, which is run and not applied"),
        (
            json!({"config.kubernetes.io/local-config":"true"}),
            "`config.kubernetes.io/local-config` says that it is not applied",
        ),
        (json!({"kapp.k14s.io/noop":""}), "`kapp.k14s.io/noop` says that it is not applied"),
    ] {
        let note = format!("note: not live: {note}");
        assert_eq!(report(&[job(annotations)], &[]), ["Job.batch/default/once InSync", &*note]);
    }
}

#[test]
fn what_only_resembles_a_hook_is_missing() {
    for annotations in [
        json!({}),
        json!({"helm.sh/hook":"crd-install"}),
        json!({"helm.sh/hook-weight":"5"}),
        json!({"helm.sh/resource-policy":"keep"}),
        json!({"config.kubernetes.io/local-config":"false"}),
    ] {
        assert_eq!(report(&[job(annotations)], &[]), ["Job.batch/default/once Missing"]);
    }
}

#[test]
fn a_hook_that_is_live_is_compared() {
    let declared = job(json!({"helm.sh/hook":"post-install"}));
    let mut live = owned(declared.clone(), json!([]));
    live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("a:2");
    assert_eq!(report(&[declared], &[live])[0], "Job.batch/default/once Drifted");
}
