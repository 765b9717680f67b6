//! Who applies what is declared: known by evidence, and a tie is no knowledge.

use serde_json::Value;

use super::*;

fn fields(names: &[&str]) -> Value {
    let all: serde_json::Map<_, _> = names.iter().map(|n| (format!("f:{n}"), json!({}))).collect();
    json!({ "f:data": all })
}

fn live(data: Value, managers: &[(&str, &str, &[&str])]) -> Value {
    let entries: Vec<Value> = managers.iter().map(|(name, op, own)| entry(name, op, fields(own))).collect();
    owned(config(data), json!(entries))
}

fn named(name: &str, mut object: Value) -> Value {
    object["metadata"]["name"] = json!(name);
    object
}

const TIE: &str = "note: `deployer` and `rollout-bot` own equally much of what is declared, and nothing shows which of them applies it: \
                   it is judged as if `deployer` did";

#[test]
fn a_tie_of_two_tools_is_said_where_a_verdict_rests_on_it() {
    let both: &[(&str, &str, &[&str])] = &[("rollout-bot", "Update", &["j"]), ("deployer", "Update", &["k"])];
    check(
        config(json!({"k":"1","j":"2"})),
        live(json!({"k":"1","j":"1"}), both),
        &["ConfigMap/default/a Drifted", ".data.j Replace Changed DifferentByOther by rollout-bot", TIE],
    );
    // What neither of them wrote is judged alike, whoever applies.
    let mut others = live(json!({"k":"1","j":"1","x":"1"}), both);
    let mine = entry("kubectl-edit", "Update", fields(&["x"]));
    others["metadata"]["managedFields"].as_array_mut().unwrap().push(mine);
    check(
        config(json!({"k":"1","j":"1"})),
        others,
        &["ConfigMap/default/a Drifted", ".data.x Add Added AddedByOther by kubectl-edit"],
    );
    check(
        config(json!({"k":"1","j":"1"})),
        live(json!({"k":"1","j":"1"}), both),
        &["ConfigMap/default/a InSync"],
    );
}

#[test]
fn of_equal_ones_what_speaks_for_one_decides() {
    let changed = |by: &str| format!(".data.j Replace Changed DifferentByOther by {by}");
    let declared = || config(json!({"k":"1","j":"2"}));
    let check_one = |live: Value, by: &str| {
        check(declared(), live, &["ConfigMap/default/a Drifted", &changed(by)]);
    };
    let data = || json!({"k":"1","j":"1"});
    // A person's edit of half of a small object does not make the person its applier, whatever the names.
    check_one(
        live(data(), &[("kubectl-create", "Update", &["j"]), ("terraform", "Update", &["k"])]),
        "kubectl-create",
    );
    check_one(live(data(), &[("curl", "Update", &["j"]), ("deployer", "Update", &["k"])]), "curl");
    // Who applies on the server's side declares, who updates only writes.
    check_one(live(data(), &[("aaa", "Update", &["j"]), ("deployer", "Apply", &["k"])]), "aaa");
    // Who wrote down what was applied last applies.
    let mut noted = live(data(), &[("aaa", "Update", &["j"]), ("deployer", "Update", &["k"])]);
    let last = config(json!({"k":"1","j":"2"})).to_string();
    noted["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": last});
    noted["metadata"]["managedFields"][1]["fieldsV1"]["f:metadata"] =
        json!({"f:annotations": {"f:kubectl.kubernetes.io/last-applied-configuration": {}}});
    check_one(noted, "aaa");
}

#[test]
fn who_writes_over_the_object_of_an_engine_by_hand_does_not_apply_it() {
    let mut marked = live(
        json!({"k":"1","j":"9","l":"9"}),
        &[("kustomize-controller", "Apply", &["k"]), ("kubectl", "Apply", &["j", "l"])],
    );
    marked["metadata"]["labels"] = json!({"kustomize.toolkit.fluxcd.io/name":"shop","kustomize.toolkit.fluxcd.io/namespace":"flux-system"});
    check(
        config(json!({"k":"1","j":"1","l":"1"})),
        marked.clone(),
        &[
            "ConfigMap/default/a Drifted",
            ".data.j Replace Changed DifferentByOther by kubectl",
            ".data.l Replace Changed DifferentByOther by kubectl",
            ".metadata.labels[\"kustomize.toolkit.fluxcd.io/name\"] Add Managed ControllersOwn by nobody",
            ".metadata.labels[\"kustomize.toolkit.fluxcd.io/namespace\"] Add Managed ControllersOwn by nobody",
        ],
    );
    // Without the mark nothing shows that it is the engine's: who owns most applies.
    marked["metadata"]["labels"] = json!({});
    check(
        config(json!({"k":"1","j":"1","l":"1"})),
        marked,
        &[
            "ConfigMap/default/a Drifted",
            ".data.j Replace PendingSync DifferentAsApplied by kubectl",
            ".data.l Replace PendingSync DifferentAsApplied by kubectl",
        ],
    );
}

#[test]
fn where_as_many_objects_are_applied_by_one_as_by_another_each_speaks_for_itself() {
    let declared = |name: &str| named(name, config(json!({"k":"1","j":"1","l":"1"})));
    let mixed = live(
        json!({"k":"1","j":"1","l":"9"}),
        &[("kustomize-controller", "Apply", &["k", "j"]), ("kubectl-client-side-apply", "Update", &["l"])],
    );
    let own =
        live(json!({"k":"1","j":"1","l":"1"}), &[("kubectl-client-side-apply", "Update", &["k", "j", "l"])]);
    let got = report(&[declared("a"), declared("b")], &[named("a", mixed), named("b", own)]);
    assert_eq!(
        got,
        [
            "ConfigMap/default/a Drifted",
            ".data.l Replace Changed DifferentByOther by kubectl-client-side-apply",
            "ConfigMap/default/b InSync",
        ]
    );
}

#[test]
fn an_owner_of_the_annotations_as_a_whole_did_not_write_what_was_applied_last() {
    // As after `kubectl replace` without a key over what `kubectl apply` applied.
    let mut replaced = live(json!({"l":"1"}), &[("kubectl-client-side-apply", "Update", &["l"])]);
    let last = config(json!({"l":"1"})).to_string();
    replaced["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": last});
    let entries = replaced["metadata"]["managedFields"].as_array_mut().unwrap();
    entries[0]["fieldsV1"]["f:metadata"] = json!({"f:annotations": {}});
    let wrote =
        json!({"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/last-applied-configuration": {}}}});
    entries.push(entry("kubectl-replace", "Update", wrote));
    check(
        config(json!({"k":"1","l":"1"})),
        replaced,
        &["ConfigMap/default/a Drifted", ".data.k Remove Removed DeclaredOnly by nobody"],
    );
}

#[test]
fn an_edit_of_a_small_object_does_not_make_the_editor_its_applier() {
    let live = owned(config(json!({"k":"2"})), json!([entry("kubectl-edit", "Update", fields(&["k"]))]));
    check(
        config(json!({"k":"1"})),
        live,
        &["ConfigMap/default/a Drifted", ".data.k Replace Changed DifferentByOther by kubectl-edit"],
    );
}

#[test]
fn the_applier_of_an_object_may_be_another_than_that_of_the_rest() {
    let by = |name: &str, manager: &str| {
        let mut object =
            owned(config(json!({"k":"1"})), json!([entry(manager, "Update", json!({"f:data":{"f:k":{}}}))]));
        object["metadata"]["name"] = json!(name);
        object
    };
    let declared = |name: &str| {
        let mut object = config(json!({"k":"2"}));
        object["metadata"]["name"] = json!(name);
        object
    };
    let got = report(
        &[declared("a"), declared("b"), declared("c"), declared("d")],
        &[
            by("a", "kustomize-controller"),
            by("b", "kustomize-controller"),
            by("c", "deployer"),
            by("d", "kubectl-create"),
        ],
    );
    assert_eq!(
        got,
        [
            "ConfigMap/default/a Drifted",
            ".data.k Replace PendingSync DifferentAsApplied by kustomize-controller",
            "ConfigMap/default/b Drifted",
            ".data.k Replace PendingSync DifferentAsApplied by kustomize-controller",
            "ConfigMap/default/c Drifted",
            ".data.k Replace PendingSync DifferentAsApplied by deployer",
            "ConfigMap/default/d Drifted",
            ".data.k Replace Changed DifferentByOther by kubectl-create",
        ]
    );
}

#[test]
fn of_two_that_own_as_much_the_engine_applies() {
    let live = owned(
        config(json!({"k":"1","j":"1"})),
        json!([
            entry("enforcer", "Update", json!({"f:data":{"f:j":{}}})),
            entry("kustomize-controller", "Apply", json!({"f:data":{"f:k":{}}})),
        ]),
    );
    check(
        config(json!({"k":"1","j":"2"})),
        live,
        &["ConfigMap/default/a Drifted", ".data.j Replace Changed DifferentByOther by enforcer"],
    );
}
