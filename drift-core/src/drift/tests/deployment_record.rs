//! What a pipeline notes with the tools of people is no drift; the same keys by a person are.

use serde_json::Value;

use super::*;

const APPLIED: &str = "2026-11-21T10:49:10Z";

/// A Deployment that was applied, with annotations that a tool wrote at a time.
fn deployed(tool: &str, at: &str, annotations: Value) -> Vec<String> {
    let mut declared = json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},
        "spec":{"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},
            "spec":{"containers":[{"name":"web","image":"registry.example/web:main-1f2e3d4"}]}}}});
    let mut applied = entry(
        "kubectl-client-side-apply",
        "Update",
        json!({"f:spec":{"f:selector":{},"f:template":{
        "f:metadata":{"f:labels":{"f:app":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{},"f:name":{}}}}}}}),
    );
    applied["time"] = json!(APPLIED);
    let keys: serde_json::Map<_, _> =
        annotations.as_object().unwrap().keys().map(|k| (format!("f:{k}"), json!({}))).collect();
    let mut noted = entry(tool, "Update", json!({"f:metadata":{"f:annotations":keys}}));
    noted["time"] = json!(at);
    let mut live = declared.clone();
    live["metadata"]["annotations"] = annotations;
    live["metadata"]["managedFields"] = json!([applied, noted]);
    // The first line is the status of the whole.
    let lines = report(&[declared.take()], &[live]);
    lines.into_iter().map(|l| l.replace("Deployment.apps/shop/web ", "")).collect()
}

fn is_record(tool: &str, at: &str, annotations: Value) {
    let got = deployed(tool, at, annotations.clone());
    assert_eq!(got[0], "InSync", "{annotations} {got:?}");
    assert!(got.iter().skip(1).all(|l| l.contains("Add Managed DeploymentRecord")), "{got:?}");
}

fn is_drift(tool: &str, at: &str, annotations: Value) {
    let got = deployed(tool, at, annotations.clone());
    assert_eq!(got[0], "Drifted", "{annotations} {got:?}");
}

#[test]
fn a_time_is_a_record_whenever_it_was_written() {
    for at in ["2026-11-21T10:49:14Z", "2026-11-24T08:00:00Z"] {
        is_record("kubectl-annotate", at, json!({"deploy.example.com/at": at}));
        is_record("kubectl-annotate", at, json!({"deployed-at": at}));
    }
    is_drift("kubectl-annotate", "2026-11-24T08:00:00Z", json!({"deployed-at": "2026-11-21T10:49:14Z"}));
    is_drift("kubectl-annotate", "2026-11-24T08:00:00Z", json!({"keep-until": "2026-12-24T08:00:00Z"}));
}

#[test]
fn a_commit_is_a_record_where_it_was_written_with_what_was_applied_or_is_what_runs() {
    let (soon, later) = ("2026-11-21T10:49:14Z", "2026-11-24T08:00:00Z");
    is_record(
        "kubectl-annotate",
        soon,
        json!({"ci.example.com/commit": "0123456789abcdef0123456789abcdef01234567"}),
    );
    is_record(
        "kubectl-annotate",
        later,
        json!({"ci.example.com/commit": "1f2e3d4c5b6a79880123456789abcdef01234567"}),
    );
    is_record("kubectl-annotate", later, json!({"ci.example.com/commit": "1f2e3d4"}));
    is_drift(
        "kubectl-annotate",
        later,
        json!({"ci.example.com/commit": "0123456789abcdef0123456789abcdef01234567"}),
    );
    is_drift("kubectl-annotate", soon, json!({"ci.example.com/commit": "hotfix"}));
}

#[test]
fn what_stands_beside_a_commit_belongs_to_the_record() {
    let soon = "2026-11-21T10:49:40Z";
    let run = json!({"ci.example.com/commit": "1f2e3d4", "ci.example.com/run": "https://ci.example.com/runs/812",
        "ci.example.com/number": "812", "ci.example.com/branch": "main"});
    is_record("kubectl-annotate", soon, run.clone());
    // Without a domain only what no person would call a thing.
    is_record("kubectl-annotate", soon, json!({"commit": "1f2e3d4", "build": "812"}));
    is_drift("kubectl-annotate", soon, json!({"commit": "1f2e3d4", "team": "payments"}));
    // A setting of a controller beside it stays an edit, and so does one alone.
    let mut with_setting = run;
    with_setting["nginx.ingress.kubernetes.io/auth-url"] = json!("https://auth.example.com");
    is_drift("kubectl-annotate", soon, with_setting);
    is_drift(
        "kubectl-annotate",
        soon,
        json!({"nginx.ingress.kubernetes.io/auth-url": "https://auth.example.com"}),
    );
    is_drift("kubectl-annotate", soon, json!({"ci.example.com/number": "812"}));
    is_drift("kubectl-annotate", soon, json!({"team": "payments"}));
}

#[test]
fn why_a_revision_was_made_is_a_record_where_it_was_written_with_it() {
    let soon = "2026-11-21T10:49:12Z";
    for cause in
        ["web main-1f2e3d4", "image=registry.example/web:main-1f2e3d4", "https://ci.example.com/run/812"]
    {
        let cause = json!({"kubernetes.io/change-cause": cause});
        is_record("kubectl-annotate", soon, cause.clone());
        is_drift("kubectl-annotate", "2026-11-24T08:00:00Z", cause);
    }
    // What names nothing that runs may be anybody's.
    is_drift("kubectl-annotate", soon, json!({"kubernetes.io/change-cause": "back to 1.3, ask Ann"}));
}

#[test]
fn who_wrote_more_than_marks_edited() {
    let mut live = config(json!({"k":"2"}));
    live["metadata"]["annotations"] = json!({"at": "2026-01-01T00:00:00Z"});
    let mine = json!({"f:data":{"f:k":{}},"f:metadata":{"f:annotations":{"f:at":{}}}});
    let live = owned(live, json!([FLUX(json!({"f:data":{}})), entry("kubectl-edit", "Update", mine)]));
    check(
        config(json!({"k":"1"})),
        live,
        &[
            "ConfigMap/default/a Drifted",
            ".data.k Replace Changed DifferentByOther by kubectl-edit",
            ".metadata.annotations Add Added AddedByOther by kubectl-edit",
        ],
    );
}
