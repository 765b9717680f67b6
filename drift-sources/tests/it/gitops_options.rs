//! Options of the engines that change what a comparison shows.

use serde_json::{Value, json};

use crate::git::repository::Repository;
use crate::gitops::{CONFIG, argo, config, entry, lines, repository, synced};

/// An Application whose ConfigMap was changed by admission, beside the parameters of the installation.
fn admitted(
    (repository, revision): (&Repository, &str),
    parameters: Option<(&str, &str)>,
    options: &str,
    manager: Value,
) -> String {
    let mut app = argo("web", revision, json!({}));
    app["metadata"]["annotations"] = json!({"argocd.argoproj.io/compare-options": options});
    let mut live = vec![app, config(json!({"k": "admitted"}), json!([manager]))];
    live.push(
        json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"argocd-cm","namespace":"argocd"}}),
    );
    live.extend(parameters.map(|(namespace, value)| {
        json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"argocd-cmd-params-cm","namespace":namespace},
            "data":{"controller.diff.server.side":value}})
    }));
    let found = lines(&live, &[], Some(repository));
    live.reverse();
    assert_eq!(lines(&live, &[], Some(repository)), found, "the order of objects does not count");
    found.get(1).cloned().unwrap_or_default()
}

#[test]
fn a_server_side_diff_is_asked_for_by_the_installation_and_switched_off_by_an_application() {
    let (repository, first) = repository(&[("app/a.yaml", CONFIG)]);
    let found = |parameters, options| admitted((&repository, &first), parameters, options, synced());
    let on = Some(("argocd", "true"));
    let by_installation =
        ".data.k Replace Ignored by argocd-controller (argocd-cmd-params-cm: controller.diff.server.side)";
    let by_app = ".data.k Replace Ignored by argocd-controller (compare-options: ServerSideDiff=true)";
    let shown = ".data.k Replace Mutated by argocd-controller";
    for (parameters, options, expect) in [
        (on, "", by_installation),
        (Some(("argocd", "True")), "", by_installation),
        (on, "IncludeMutationWebhook=true", by_installation),
        (on, "IgnoreExtraneous, ServerSideDiff=true", by_app),
        (Some(("argocd", "false")), "ServerSideDiff=true", by_app),
        (on, "ServerSideDiff=false", shown),
        (on, "IncludeMutationWebhook=true, ServerSideDiff=false", shown),
        (on, "ServerSideDiff=true,ServerSideDiff=false", shown),
        (Some(("argocd", "false")), "", shown),
        (Some(("argocd", "")), "", shown),
        // The parameters of another installation.
        (Some(("argocd-of-others", "true")), "", shown),
        // Argo CD reads it as it is written.
        (None, "serversidediff=TRUE", shown),
        (None, "IncludeMutationWebhook=true", shown),
    ] {
        assert_eq!(found(parameters, options), expect, "{parameters:?} {options}");
    }
    // What a person wrote is none of admission.
    let edit = entry("kubectl-edit", "Update", json!({"f:data": {"f:k": {}}}));
    let found = admitted((&repository, &first), on, "", edit);
    assert_eq!(found, ".data.k Replace Changed by kubectl-edit");
}
