//! What sources selected is what is declared, and no more.

use serde_json::{Value, json};

use crate::git::repository::Repository;
use crate::gitops::{CONFIG, applied, argo, config, flux, lines, repository, synced};

/// A released state with `k: 1`, and one behind it that nobody released, with `k: 2`.
fn released(tag: &str) -> (Repository, String, String) {
    let (mut repository, first) = repository(&[("app/a.yaml", CONFIG)]);
    repository.git(&["tag", tag]);
    repository.write("app/a.yaml", &CONFIG.replace("'1'", "'2'"));
    let second = repository.commit("not released");
    (repository, first, second)
}

fn with_source(revision: &str, change: impl Fn(&mut Value)) -> Vec<Value> {
    let mut all = flux(revision, json!({}));
    change(&mut all[1]);
    all
}

fn live(value: &str, manager: Value) -> Value {
    config(json!({"k": value}), json!([manager]))
}

#[test]
fn a_tag_that_moves_is_no_version_to_flux() {
    let (repository, first, _) = released("v1.0.0");
    repository.git(&["tag", "v1"]);
    repository.git(&["tag", "v1.4"]);
    let apps = with_source(&first, |s| s["spec"]["ref"] = json!({"semver": ">=1.0.0"}));
    assert_eq!(lines(&[apps, vec![live("1", applied())]].concat(), &[], Some(&repository)), [""; 0]);
}

#[test]
fn a_range_of_argo_cd_goes_before_a_branch_and_a_version_is_a_name() {
    let (repository, first, _) = released("1.4.0");
    repository.git(&["branch", "1.x"]);
    let app = |revision: &str| {
        let mut app = argo("web", &first, json!({}));
        app["spec"]["source"]["targetRevision"] = revision.into();
        app
    };
    let found = |revision: &str| lines(&[app(revision), live("1", synced())], &[], Some(&repository));
    for selected in ["1.x", "1.*", ">=1.0.0", "^1.0", "1.4.0"] {
        assert_eq!(found(selected), [""; 0], "{selected}");
    }
    // There is neither a tag nor a branch of that name.
    let unresolved = found("1.4").join("\n");
    assert!(unresolved.contains("there is no revision `1.4`"), "{unresolved}");
}

#[test]
fn a_suspended_source_holds_back_what_is_pending() {
    let (repository, first, _) = released("v1.0.0");
    let apps = |suspend: bool| with_source(&first, |s| s["spec"]["suspend"] = suspend.into());
    let found =
        |suspend: bool| lines(&[apps(suspend), vec![live("1", applied())]].concat(), &[], Some(&repository));
    let pending = ["ConfigMap/shop/a Drifted of shop", ".data.k Replace PendingSync by kustomize-controller"];
    assert_eq!(found(false), pending);
    let held = found(true);
    assert_eq!(held[..2], pending);
    assert!(held[2].contains("held back: GitRepository") && held[2].contains("is suspended"), "{held:?}");
}

#[test]
fn a_pinned_commit_that_the_clone_lacks_is_not_read_here() {
    let (repository, _, _) = released("v1.0.0");
    let gone = "0123456789012345678901234567890123456789";
    let apps = with_source(gone, |s| s["spec"]["ref"] = json!({"commit": gone}));
    let found = lines(&[apps, vec![live("1", applied())]].concat(), &[], Some(&repository));
    assert_eq!(found[0], "ConfigMap/shop/a Unknown of shop");
}

#[test]
fn values_that_moved_behind_a_release_are_pending() {
    let values = |text: &str| {
        json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"shop"},
            "data":{"values.yaml":text,"notes":text}})
    };
    let release = |entry: Value| {
        // Deployed in the second in which the first version was seen.
        json!({"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease",
            "metadata":{"name":"web","namespace":"shop","generation":1},
            "spec":{"chart":{"spec":{"chart":"web"}},"valuesFrom":[entry]},
            "status":{"observedGeneration":1,"history":[{"name":"web","namespace":"shop","version":1,
                "status":"deployed","lastDeployed":"2023-11-14T22:13:20Z"}]}})
    };
    let reference = json!({"kind":"ConfigMap","name":"settings"});
    let found = |entry: &Value, now: Option<&str>| {
        let versions: Vec<Value> = ["a: 1"].into_iter().chain(now).map(values).collect();
        let live: Vec<Value> = [release(entry.clone())].into_iter().chain(now.map(values)).collect();
        lines(&live, &versions, None).join("\n")
    };
    assert!(!found(&reference, Some("a: 1")).contains("pending"));
    let moved = found(&reference, Some("a: 2"));
    assert!(moved.contains("pending: `values.yaml` of ConfigMap/shop/settings was changed"), "{moved}");
    assert!(found(&reference, None).contains("ConfigMap/shop/settings of `valuesFrom` is gone"));
    let optional = json!({"kind":"ConfigMap","name":"settings","optional":true});
    assert!(!found(&optional, None).contains("pending"));
}

#[test]
fn a_server_side_diff_knows_what_admission_makes_of_a_declaration() {
    let (repository, first) = repository(&[("app/a.yaml", CONFIG)]);
    let found = |manager: Value, options: &str| {
        let mut app = argo("web", &first, json!({}));
        app["metadata"]["annotations"] = json!({"argocd.argoproj.io/compare-options": options});
        lines(&[app, live("admitted", manager)], &[], Some(&repository))
    };
    let server_side = "IncludeMutationWebhook=true, ServerSideDiff=true";
    assert_eq!(found(synced(), "")[1], ".data.k Replace Mutated by argocd-controller");
    let hidden = found(synced(), server_side);
    assert_eq!(
        hidden,
        [
            "ConfigMap/shop/a InSync of web",
            ".data.k Replace Ignored by argocd-controller (compare-options: ServerSideDiff=true)",
        ]
    );
    // What a person wrote is none of admission.
    let edit = crate::gitops::entry("kubectl-edit", "Update", json!({"f:data": {"f:k": {}}}));
    assert_eq!(found(edit, server_side)[1], ".data.k Replace Changed by kubectl-edit");
}

#[test]
fn an_artifact_declares_what_it_was_made_of_or_what_was_applied_last() {
    let (repository, first, _) = released("v1.0.0");
    let source = |kind: &str, origin: bool| {
        let mut artifact = json!({"revision": "latest@sha256:0", "digest": "sha256:0"});
        if origin {
            artifact["metadata"] = json!({"org.opencontainers.image.revision": format!("main@sha1:{first}"),
                "org.opencontainers.image.source": crate::gitops::URL});
        }
        json!({"apiVersion":"source.toolkit.fluxcd.io/v1","kind":kind,"metadata":{"name":"shop","namespace":"flux-system"},
            "spec":{"url":"oci://registry.example.com/shop","endpoint":"s3.example.com"},"status":{"artifact":artifact}})
    };
    let found = |kind: &str, origin: bool, value: &str| {
        let mut app = flux(&first, json!({"sourceRef":{"kind":kind,"name":"shop"}}));
        app[1] = source(kind, origin);
        let edit = crate::gitops::entry("kubectl-edit", "Update", json!({"f:data": {"f:k": {}}}));
        let before = live("1", applied());
        let now = if value == "1" { before.clone() } else { live(value, edit) };
        lines(&[app, vec![now.clone()]].concat(), &[before, now], Some(&repository))
    };
    for kind in ["OCIRepository", "Bucket"] {
        assert_eq!(found(kind, true, "1"), [""; 0], "{kind}");
        assert_eq!(found(kind, true, "9")[1], ".data.k Replace Changed by kubectl-edit", "{kind}");
        let recorded = found(kind, false, "9");
        assert_eq!(recorded[1], ".data.k Replace Changed by kubectl-edit", "{kind}");
        assert!(
            recorded[2].contains("what the artifact of") && recorded[2].contains("applied last"),
            "{recorded:?}"
        );
    }
}
