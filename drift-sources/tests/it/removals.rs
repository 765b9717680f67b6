//! Who removed what, and when: by history, by the audit log, and as far as a dump shows it.

use std::path::{Path, PathBuf};

use drift_core::drift::{DriftCause, DriftChange};
use drift_core::{FieldPath, ResourceKey};
use drift_sources::estate::{Estate, EstateOptions};
use serde_json::{Value, json};

fn second(second: u32) -> String {
    format!("2026-03-02T09:00:{second:02}Z")
}

/// A version of the ConfigMap `prices`: when it was seen, its data, and `manager second fields` of each entry.
fn version(at: u32, data: Value, writers: &[(&str, u32, Value)]) -> Value {
    let entry = |(manager, at, fields): &(&str, u32, Value)| json!({"manager": manager, "operation": "Update", "time": second(*at), "fieldsType": "FieldsV1", "fieldsV1": fields});
    let managed: Vec<Value> = writers.iter().map(entry).collect();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data, "metadata": {"name": "prices", "namespace": "shop", "uid": "u",
        "resourceVersion": (100 + at).to_string(), "creationTimestamp": "2026-03-01T00:00:00Z", "managedFields": managed}})
}

fn fields(names: &[&str]) -> Value {
    let all: serde_json::Map<_, _> = names.iter().map(|n| (format!("f:{n}"), json!({}))).collect();
    json!({ "f:data": all })
}

/// Writes a tape of versions, each with the second in which it was seen and the type of its watch event.
fn tape(dir: &Path, versions: &[(u32, &str, Value)]) -> PathBuf {
    let line = |(at, kind, object): &(u32, &str, Value)| {
        json!({"ts": second(*at), "group": "", "version": "v1", "resource": "configmaps", "type": kind, "object": object})
            .to_string()
            + "\n"
    };
    let path = dir.join("t.tape");
    std::fs::write(&path, versions.iter().map(line).collect::<String>()).unwrap();
    path
}

fn declared(dir: &Path) -> String {
    let path = dir.join("prices.yaml");
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: prices, namespace: shop}\ndata: {bread: \"1\", cake: \"2\"}\n";
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn audit(dir: &Path, user: &str, at: u32, verb: &str, request: Value, response: Value) -> PathBuf {
    let entry = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete", "auditID": format!("{verb}{at}"),
        "verb": verb, "user": {"username": user}, "userAgent": "kubectl/v1.34", "requestReceivedTimestamp": second(at),
        "requestURI": "/api/v1/namespaces/shop/configmaps/prices?fieldManager=kubectl-patch", "stageTimestamp": second(at),
        "objectRef": {"resource": "configmaps", "namespace": "shop", "name": "prices", "apiVersion": "v1"},
        "responseStatus": {"code": 200}, "requestObject": request, "responseObject": response});
    let path = dir.join("audit.log");
    std::fs::write(&path, entry.to_string() + "\n").unwrap();
    path
}

/// Returns who and when of the one change: `user manager time cause`.
fn who(change: &DriftChange) -> String {
    let text = |t: Option<&str>| t.unwrap_or("-").to_owned();
    let manager = change.owner.as_ref().map(|o| &*o.manager);
    let time = change.time().map_or("-".to_owned(), |t| t.to_string());
    let cause = if change.cause == DriftCause::ManualChange { " by hand" } else { "" };
    format!("{} {} {time}{cause}", text(change.user.as_deref()), text(manager))
}

fn removed(options: EstateOptions, dir: &Path) -> DriftChange {
    let compared = options.desired(declared(dir).as_str()).open_blocking().unwrap().diff().unwrap();
    let [resource] = &compared.report.resources[..] else { panic!("{:?}", compared.report) };
    let of_cake = |c: &&DriftChange| c.path == FieldPath::of(&["data", "cake"]);
    resource.changes.iter().find(of_cake).unwrap().clone()
}

/// Alice sets the price of the cake, and bob takes it away without a trace.
fn patched_away() -> Vec<(u32, &'static str, Value)> {
    let helm = ("helm", 0, fields(&["bread"]));
    vec![
        (
            1,
            "LISTED",
            version(1, json!({"bread": "1", "cake": "2"}), &[("helm", 0, fields(&["bread", "cake"]))]),
        ),
        (
            2,
            "MODIFIED",
            version(
                2,
                json!({"bread": "1", "cake": "9"}),
                &[helm.clone(), ("kubectl-edit", 2, fields(&["cake"]))],
            ),
        ),
        (3, "MODIFIED", version(3, json!({"bread": "1"}), &[helm])),
    ]
}

#[test]
fn history_knows_when_and_names_no_former_writer() {
    let dir = tempfile::tempdir().unwrap();
    let tape = tape(dir.path(), &patched_away());
    assert_eq!(who(&removed(Estate::tape(&tape), dir.path())), "- - 2026-03-02T09:00:03Z");
}

#[test]
fn who_adds_something_beside_it_later_did_not_remove_it() {
    let dir = tempfile::tempdir().unwrap();
    let none = [("helm", 0, json!({"f:metadata": {}}))];
    let mut versions = patched_away();
    versions.push((4, "MODIFIED", version(4, json!({}), &none)));
    let carol = ("kubectl-patch", 5, json!({"f:data": {".": {}, "f:bread": {}}}));
    versions.push((5, "MODIFIED", version(5, json!({"bread": "1"}), &[carol])));
    let tape = tape(dir.path(), &versions);
    assert_eq!(who(&removed(Estate::tape(&tape), dir.path())), "- - 2026-03-02T09:00:03Z");
}

#[test]
fn who_leaves_a_mark_in_the_version_removed_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut versions = patched_away();
    versions[2].2 = version(3, json!({"bread": "3"}), &[("kubectl-edit", 3, fields(&["bread"]))]);
    let tape = tape(dir.path(), &versions);
    assert_eq!(who(&removed(Estate::tape(&tape), dir.path())), "- kubectl-edit 2026-03-02T09:00:03Z by hand");
}

#[test]
fn the_audit_log_names_user_tool_and_time() {
    let dir = tempfile::tempdir().unwrap();
    let last = patched_away().pop().unwrap().2;
    let log =
        audit(dir.path(), "bob", 3, "patch", json!([{"op": "remove", "path": "/data/cake"}]), last.clone());
    let tape = tape(dir.path(), &patched_away());
    let both = removed(Estate::tape(&tape).audit(&log), dir.path());
    assert_eq!(who(&both), "bob kubectl-patch 2026-03-02T09:00:03Z by hand");
    // Alone it knows as much as the request says.
    let dump = dir.path().join("live.json");
    std::fs::write(&dump, last.to_string()).unwrap();
    let alone = removed(Estate::dump(&dump).audit(&log), dir.path());
    assert_eq!(who(&alone), "bob kubectl-patch 2026-03-02T09:00:03Z by hand");
}

#[test]
fn a_dump_shows_no_more_than_that_it_was_applied_before() {
    let dir = tempfile::tempdir().unwrap();
    let applied = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "prices", "namespace": "shop"},
        "data": {"bread": "1", "cake": "2"}});
    let mut live = version(
        3,
        json!({"bread": "1"}),
        &[(
            "kubectl-client-side-apply",
            1,
            json!({"f:data": {"f:bread": {}}, "f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/last-applied-configuration": {}}}}),
        )],
    );
    live["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": applied.to_string()});
    let dump = dir.path().join("live.json");
    std::fs::write(&dump, live.to_string()).unwrap();
    let change = removed(Estate::dump(&dump), dir.path());
    assert_eq!(who(&change), "- - -");
    assert_eq!(change.removed_after, Some(second(1).parse().unwrap()));
}

#[test]
fn who_asked_for_a_deletion_deleted_and_not_who_took_the_finalizer_away() {
    let dir = tempfile::tempdir().unwrap();
    let held = |at: u32, writers: &[(&str, u32, Value)]| {
        let mut object = version(at, json!({"bread": "1"}), writers);
        object["metadata"]["finalizers"] = json!(["example.com/hold"]);
        object
    };
    let marked = |at: u32| {
        let mut object = held(at, &[]);
        object["metadata"]["deletionTimestamp"] = json!(second(2));
        object["metadata"]["deletionGracePeriodSeconds"] = json!(0);
        object
    };
    let versions = [(1, "LISTED", held(1, &[])), (2, "MODIFIED", marked(2)), (7, "DELETED", marked(7))];
    let tape = tape(dir.path(), &versions);
    let note = |options: EstateOptions| {
        let compared =
            options.desired(declared(dir.path()).as_str()).open_blocking().unwrap().diff().unwrap();
        compared.report.resources[0].notes.clone()
    };
    let gone = "gone 2026-03-02 09:00:07Z (@4), held by example.com/hold";
    assert_eq!(note(Estate::tape(&tape)), [format!("deleted, 2026-03-02 09:00:02Z (@3); {gone}")]);
    // What took the last finalizer away is answered with the version that the deletion made.
    let mut log = audit(dir.path(), "bob", 2, "delete", json!({}), marked(2));
    let deletion = std::fs::read_to_string(&log).unwrap();
    log = audit(
        dir.path(),
        "alice",
        7,
        "patch",
        json!([{"op": "remove", "path": "/metadata/finalizers"}]),
        marked(2),
    );
    std::fs::write(&log, deletion + &std::fs::read_to_string(&log).unwrap()).unwrap();
    assert_eq!(
        note(Estate::tape(&tape).audit(&log)),
        [format!("deleted by bob, 2026-03-02 09:00:02Z (@3); {gone}")]
    );
}

#[test]
fn blame_of_a_field_that_is_gone_names_who_removed_it() {
    let dir = tempfile::tempdir().unwrap();
    let tape = tape(dir.path(), &patched_away());
    let last = patched_away().pop().unwrap().2;
    let log = audit(dir.path(), "bob", 3, "patch", json!([{"op": "remove", "path": "/data/cake"}]), last);
    let key = ResourceKey::parse("ConfigMap/shop/prices").unwrap();
    let refusal = |options: EstateOptions, path: &str| {
        futures::executor::block_on(async {
            let estate = options.open().await.unwrap();
            estate.blame_field(&key, &FieldPath::parse(path).unwrap()).await.unwrap_err().to_string()
        })
    };
    let text = refusal(Estate::tape(&tape), "data.cake");
    assert!(text.contains("any more: removed by somebody unknown, 2026-03-02 09:00:03Z"), "{text}");
    let text = refusal(Estate::tape(&tape).audit(&log), "data.cake");
    assert!(text.contains("any more: removed by bob, 2026-03-02 09:00:03Z"), "{text}");
    let text = refusal(Estate::tape(&tape), "data.pie");
    assert!(text.contains("has no field .data.pie"), "{text}");
}

/// A tape of the ConfigMap, which an engine applied with a mark, and of the app of that engine before and after the ConfigMap went.
fn engine_tape(dir: &Path, manager: &str, mark: (&str, Value), app: [Value; 2]) -> PathBuf {
    let mut object = version(1, json!({"bread": "1"}), &[(manager, 0, fields(&["bread"]))]);
    object["metadata"][mark.0] = mark.1;
    let line = |at: u32, kind: &str, resource: &str, object: &Value| {
        let api = object["apiVersion"].as_str().unwrap();
        let (group, version) = api.split_once('/').unwrap_or(("", api));
        json!({"ts": second(at), "group": group, "version": version, "resource": resource, "type": kind, "object": object})
            .to_string()
            + "\n"
    };
    let resource = format!("{}s", app[0]["kind"].as_str().unwrap().to_lowercase());
    let lines = [
        line(1, "LISTED", "configmaps", &object),
        line(1, "LISTED", &resource, &app[0]),
        line(5, "DELETED", "configmaps", &object),
        line(6, "MODIFIED", &resource, &app[1]),
    ];
    let path = dir.join("engine.tape");
    std::fs::write(&path, lines.concat()).unwrap();
    path
}

fn deletion(tape: &Path, dir: &Path) -> String {
    let options = Estate::tape(tape).desired(declared(dir).as_str());
    options.open_blocking().unwrap().diff().unwrap().report.resources[0].notes.join("; ")
}

#[test]
fn an_engine_that_reports_it_removed_what_it_declares_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let flux = |ids: &[&str], at: u32| {
        let entries: Vec<Value> = ids.iter().map(|id| json!({"id": id, "v": "v1"})).collect();
        json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "status": {"inventory": {"entries": entries}},
            "metadata": {"name": "shop", "namespace": "flux-system", "uid": "k", "resourceVersion": (200 + at).to_string()}})
    };
    let labels = json!({"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"});
    let (listed, other) = ("shop_prices__ConfigMap", "shop_oven__ConfigMap");
    let note = |before: &[&str], after: &[&str]| {
        let apps = [flux(before, 1), flux(after, 6)];
        let tape = engine_tape(dir.path(), "kustomize-controller", ("labels", labels.clone()), apps);
        deletion(&tape, dir.path())
    };
    let when = "2026-03-02 09:00:05Z (@4)";
    let app = "Kustomization.kustomize.toolkit.fluxcd.io/flux-system/shop";
    assert_eq!(note(&[listed, other], &[other]), format!("deleted, pruned by {app}, {when}"));
    // What the engine still lists somebody else removed.
    assert_eq!(note(&[listed, other], &[listed]), format!("deleted, {when}"));
    assert_eq!(note(&[other], &[other]), format!("deleted, {when}"));

    let argo = |status: Option<&str>, at: u32| {
        let resources: Vec<Value> = status
            .iter()
            .map(|s| json!({"version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "prices", "status": s}))
            .collect();
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "shop", "namespace": "argocd", "uid": "a",
            "resourceVersion": (200 + at).to_string()}, "status": {"operationState": {"startedAt": second(4), "finishedAt": second(6),
            "syncResult": {"resources": resources}}}})
    };
    let mark = json!({"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:shop/prices"});
    let note = |status: &str| {
        let apps = [argo(None, 1), argo(Some(status), 6)];
        deletion(
            &engine_tape(dir.path(), "argocd-controller", ("annotations", mark.clone()), apps),
            dir.path(),
        )
    };
    assert_eq!(note("Pruned"), format!("deleted, pruned by Application.argoproj.io/argocd/shop, {when}"));
    assert_eq!(note("Synced"), format!("deleted, {when}"));
}
