//! Commands about what engines declare, on a small tape of our own.

use std::path::Path;

use serde_json::{Value, json};

use crate::run::{drift, folder, write};
use crate::schema::violations;

const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn config(value: &str, extra: Option<&str>, manager: &str, time: &str) -> Value {
    let declared = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "shop"}, "data": {"k": "1"}});
    let entry = |manager: &str, time: &str, fields: Value| {
        json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "time": time,
            "fieldsType": "FieldsV1", "fieldsV1": fields})
    };
    let mut object = declared.clone();
    object["metadata"]["annotations"] = json!({APPLIED: declared.to_string(),
        "argocd.argoproj.io/tracking-id": "web:/ConfigMap:shop/a"});
    object["metadata"]["uid"] = "u1".into();
    object["metadata"]["managedFields"] = json!([
        entry(
            "argocd-controller",
            "2026-01-01T00:00:00Z",
            json!({"f:metadata": {"f:annotations": {format!("f:{APPLIED}"): {}}}})
        ),
        entry(manager, time, json!({"f:data": {"f:k": {}, "f:x": {}}}))
    ]);
    object["data"]["k"] = value.into();
    if let Some(extra) = extra {
        object["data"]["x"] = extra.into();
    }
    object
}

fn app(sync: &str, operation: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "web", "namespace": "argocd", "uid": "u0"},
        "spec": {"project": "default", "source": {"repoURL": "https://git.example.com/x.git", "path": "."},
            "destination": {"namespace": "shop", "server": "https://kubernetes.default.svc"}},
        "status": {"sync": {"status": sync, "revision": "abc"}, "operationState": operation,
            "resources": [{"version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "a", "status": sync}]}})
}

/// k goes 1, 2, 1; then somebody adds x, and a sync is started by a user.
fn tape(dir: &Path) {
    let line = |minute: u8, kind: &str, mut object: Value| {
        object["metadata"]["resourceVersion"] = format!("{}", 100 + u32::from(minute)).into();
        let app = object["kind"] == "Application";
        let (group, version, resource) =
            if app { ("argoproj.io", "v1alpha1", "applications") } else { ("", "v1", "configmaps") };
        json!({"ts": format!("2026-01-01T00:{minute:02}:00Z"), "group": group, "version": version,
            "resource": resource, "type": kind, "object": object})
        .to_string()
    };
    let operation = json!({"phase": "Succeeded", "startedAt": "2026-01-01T00:39:00Z",
        "finishedAt": "2026-01-01T00:39:30Z", "operation": {"initiatedBy": {"username": "dana"}, "sync": {"revision": "abc"}}});
    let synced = "argocd-controller";
    let text = [
        line(0, "LISTED", app("Synced", Value::Null)),
        line(0, "LISTED", config("1", None, synced, "2026-01-01T00:00:00Z")),
        line(10, "MODIFIED", config("2", None, "kubectl-edit", "2026-01-01T00:10:00Z")),
        line(11, "MODIFIED", app("OutOfSync", Value::Null)),
        line(20, "MODIFIED", config("1", None, synced, "2026-01-01T00:20:00Z")),
        line(30, "MODIFIED", config("1", Some("y"), "kubectl-edit", "2026-01-01T00:30:00Z")),
        line(40, "MODIFIED", app("Synced", operation)),
    ];
    write(dir, "shop.tape.jsonl", text.join("\n") + "\n");
}

fn report(words: &str, schema: &str, dir: &Path) -> Value {
    let ran = drift(&format!("{words} --tape DIR/shop.tape.jsonl -o json"), dir);
    let document: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.err));
    let path = format!("{}/../drift-sinks/schemas/{schema}.v1.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(violations(&schema, &document), Vec::<String>::new(), "{words}");
    document
}

fn texts<'a>(list: &'a Value, fields: &[&str]) -> Vec<Vec<&'a str>> {
    let one = |e: &'a Value| fields.iter().map(|f| e[f].as_str().unwrap_or("-")).collect();
    list.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn reports_on_engines_are_as_their_schemas_say() {
    let dir = folder();
    tape(dir.path());
    for (words, schema) in [
        ("diff", "drift-report"),
        ("apps", "apps-report"),
        ("rules list", "rules-report"),
        ("rules check", "rules-report"),
        ("blame ConfigMap/shop/a", "blame-report"),
        ("fights", "fight-report"),
        ("timeline", "timeline"),
        ("history Application.argoproj.io/argocd/web", "history"),
        ("why Application.argoproj.io/argocd/web", "cause-report"),
    ] {
        report(words, schema, dir.path());
    }
}

#[test]
fn apps_of_a_namespace_lie_in_it_or_declare_something_in_it() {
    let dir = folder();
    tape(dir.path());
    let apps = |more: &str| drift(&format!("apps --tape DIR/shop.tape.jsonl {more}"), dir.path());
    let all = apps("");
    assert!(all.out.starts_with("Application.argoproj.io/argocd/web  "), "{all:?}");
    for namespace in ["-n argocd", "-n shop", "-A"] {
        assert_eq!(apps(namespace).out, all.out, "{namespace}");
    }
    let nowhere = apps("-n shpo");
    assert_eq!((nowhere.code, &*nowhere.out), (2, ""), "{nowhere:?}");
    assert!(nowhere.err.contains("namespace `shpo` is not in the recorded history"), "{nowhere:?}");
    assert!(nowhere.err.contains("nearest: shop, argocd"), "{nowhere:?}");
    write(dir.path(), ".drift.yaml", "namespace: shpo\n");
    assert_eq!(apps("-A").out, all.out);
}

#[test]
fn states_of_an_engine_are_events_with_who_started_them() {
    let dir = folder();
    tape(dir.path());
    let apps = report("apps", "apps-report", dir.path());
    assert_eq!(
        texts(&apps["apps"][0]["transitions"], &["what", "from", "to", "who", "time"]),
        [
            ["sync", "Synced", "OutOfSync", "-", "2026-01-01T00:11:00Z"],
            ["sync", "OutOfSync", "Synced", "-", "2026-01-01T00:40:00Z"],
            ["operation", "-", "Succeeded", "dana", "2026-01-01T00:39:30Z"],
        ]
    );
    let text = drift("timeline --tape DIR/shop.tape.jsonl", dir.path()).out;
    assert!(text.contains("sync Synced \u{2192} OutOfSync at abc"), "{text}");
    assert!(text.contains("operation none \u{2192} Succeeded by dana at abc"), "{text}");
    let history = report("history Application.argoproj.io/argocd/web", "history", dir.path());
    assert_eq!(history["versions"].as_array().unwrap().len(), 3);
}

#[test]
fn a_rule_that_hides_nothing_although_its_resource_is_there_is_noted_once() {
    let dir = folder();
    tape(dir.path());
    let text = std::fs::read_to_string(dir.path().join("shop.tape.jsonl")).unwrap();
    let rules = json!([{"kind": "ConfigMap", "jsonPointers": ["/data/x"]},
        {"kind": "ConfigMap", "jqPathExpressions": [".data.k"]}, {"kind": "Service", "jsonPointers": ["/spec"]}]);
    let ruled = text.replace(
        "\"project\":\"default\"",
        &format!("\"project\":\"default\",\"ignoreDifferences\":{rules}"),
    );
    let settings = json!({"ts": "2026-01-01T00:00:00Z", "group": "", "version": "v1", "resource": "configmaps",
        "type": "LISTED", "object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm",
            "namespace": "argocd", "uid": "u9", "resourceVersion": "99"},
        "data": {"resource.customizations.ignoreDifferences.all": "jsonPointers: [/spec/nowhere]"}}});
    write(dir.path(), "shop.tape.jsonl", format!("{settings}\n{ruled}"));
    let ran = drift("diff --tape DIR/shop.tape.jsonl -o json", dir.path());
    let document: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.err));
    let notes: Vec<&str> = document["notes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let idle: Vec<_> = notes.iter().filter(|n| n.contains("no difference is hidden by")).collect();
    assert_eq!(idle.len(), 2, "{notes:?}");
    assert!(idle[0].starts_with("no difference") && idle[0].contains("ignoreDifferences.all"), "{idle:?}");
    assert!(idle[1].starts_with("Application.argoproj.io/argocd/web: "), "{idle:?}");
    assert!(idle[1].contains("`ignoreDifferences[1]`"), "{idle:?}");
}

#[test]
fn rules_are_tried_over_all_that_was_recorded() {
    let dir = folder();
    tape(dir.path());
    let rule = |name: &str, more: &str| {
        format!("  - {{name: {name}, reason: r, owner: o, resources: {{kind: ConfigMap}}, {more}}}\n")
    };
    let head = "kind: Exceptions\nexceptions:\n";
    write(dir.path(), "all.yaml", format!("{head}{}", rule("values", "paths: [data.k]")));
    let tried = report("rules try DIR/all.yaml", "rules-report", dir.path());
    let fields = ["pathText", "rule", "since", "until"];
    let replay = &tried["replay"];
    assert_eq!(
        texts(&replay["hidden"], &fields),
        [[".data.k", "values", "2026-01-01T00:10:00Z", "2026-01-01T00:20:00Z"]]
    );
    assert_eq!(texts(&replay["remaining"], &fields), [[".data.x", "-", "2026-01-01T00:30:00Z", "-"]]);
    assert_eq!(tried["problems"], json!([]));

    // It expires in the middle of what it hides; another one is broken, another fails.
    let late = rule("values", "paths: [data.k], expires: '2026-01-01T00:15:00Z'")
        + &rule("broken", "path: [x]")
        + &rule("fails", "jq: ['.data.k | error']");
    write(dir.path(), "late.yaml", format!("{head}{late}"));
    let tried = report("rules try DIR/late.yaml", "rules-report", dir.path());
    let replay = &tried["replay"];
    assert_eq!(
        texts(&replay["hidden"], &fields),
        [[".data.k", "values", "2026-01-01T00:10:00Z", "2026-01-01T00:15:00Z"]]
    );
    assert_eq!(
        texts(&replay["remaining"], &fields),
        [
            [".data.k", "-", "2026-01-01T00:15:00Z", "2026-01-01T00:20:00Z"],
            [".data.x", "-", "2026-01-01T00:30:00Z", "-"]
        ]
    );
    let problems = tried["problems"].to_string();
    for expect in ["rule `values`: expired", "rule `broken`: `path` is not known", "rule `fails`"] {
        assert!(problems.contains(expect), "{expect} in {problems}");
    }
}
