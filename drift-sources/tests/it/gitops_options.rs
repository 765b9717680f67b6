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

/// Says what is left of a ConfigMap in which three entries were edited by hand, under an expression of `ignoreDifferences`.
fn under_jq(repository: &Repository, revision: &str, rule: Value) -> (Vec<String>, String) {
    let mut rule = rule;
    rule["kind"] = "ConfigMap".into();
    let app = argo("web", revision, json!({"ignoreDifferences": [rule]}));
    let edit = entry("kubectl-edit", "Update", json!({"f:data": {"f:k": {}, "f:x": {}, "f:y": {}}}));
    let live = config(json!({"k": "2", "x": "1", "y": "1"}), json!([edit]));
    let found = lines(&[app, live], &[], Some(repository));
    let (problems, found): (Vec<_>, Vec<_>) = found.into_iter().partition(|l| l.contains("rule `"));
    let left = found.iter().filter(|l| l.starts_with('.') && !l.contains(" Ignored "));
    (left.map(|l| l[6..7].to_owned()).collect(), problems.join("\n"))
}

#[test]
fn jq_hides_what_del_of_it_takes_out_and_the_rest_is_a_problem() {
    let (repository, first) = repository(&[("app/a.yaml", CONFIG)]);
    let no_place = Err("names no place on this object");
    let whole = Err("names the object as a whole");
    // What is left after `del(EXPRESSION)`, as gojq evaluates it.
    for (expression, expect) in [
        (".data.k", Ok("x y")),
        (".data[\"k\", \"x\"]", Ok("y")),
        ("select(.kind == \"ConfigMap\") | .data.x", Ok("k y")),
        ("select(.metadata.name == \"b\") | .data", Ok("k x y")),
        ("select(.metadata.name == \"b\")", Ok("k x y")),
        (".data | select(.k == \"2\") | .y", Ok("k x")),
        (".data | .[keys[] | select(. | IN(\"x\", \"y\"))]", Ok("k")),
        (".data | .[keys[] | select(IN(\"x\", \"z\"))]", Ok("k y")),
        ("if .kind == \"ConfigMap\" then .data.k else empty end", Ok("x y")),
        ("first(.data.x, .data.y)", Ok("k y")),
        (".data.z // .data.x", Ok("k y")),
        (".. | .x?", Ok("k y")),
        ("empty", Ok("k x y")),
        (".data.k |= \"1\"", no_place),
        (".data.list |= sort", no_place),
        (".data.k = \"1\"", no_place),
        (".data += {k: \"1\"}", no_place),
        ("del(.data.k)", no_place),
        ("del(.data)", no_place),
        (".data | del(.k, .x)", no_place),
        (".data | with_entries(select(.key == \"k\"))", no_place),
        (".data | to_entries[]", no_place),
        (".data | map(.)", no_place),
        (".data | keys", no_place),
        ("delpaths([[\"data\", \"k\"]])", no_place),
        ("path(.data.k)", no_place),
        ("\"k\"", no_place),
        ("if .kind == \"Secret\" then .data.k else null end", no_place),
        ("select(.kind == \"ConfigMap\")", whole),
        ("select(.metadata.name == \"a\")", whole),
        (".", whole),
        ("if .kind == \"Secret\" then .data.k else . end", whole),
        (".data.k[]", Err("fails on this object")),
        (".data.k) | (.data.x |= \"1\"", Err("is not valid jq")),
    ] {
        let (left, problems) = under_jq(&repository, &first, json!({"jqPathExpressions": [expression]}));
        match expect {
            Ok(expect) => {
                assert_eq!(left.join(" "), expect, "{expression}");
                // Beside the note that a rule hides nothing there is nothing to say.
                assert!(!problems.contains("jq `"), "{expression}: {problems}");
            }
            Err(why) => {
                assert_eq!(left.join(" "), "k x y", "{expression}");
                assert!(problems.contains(why), "{expression}: {problems}");
            }
        }
    }
}

#[test]
fn an_empty_pointer_of_argo_cd_takes_nothing_out() {
    let (repository, first) = repository(&[("app/a.yaml", CONFIG)]);
    let (left, problems) = under_jq(&repository, &first, json!({"jsonPointers": [""]}));
    assert_eq!(left.join(" "), "k x y");
    assert!(problems.contains("names the object as a whole"), "{problems}");
    let both = json!({"jsonPointers": ["", "/data/x"], "jqPathExpressions": ["del(.data)", ".data.y"]});
    assert_eq!(under_jq(&repository, &first, both).0, ["k"]);
}
