//! The one table of exit codes: every command in every situation.

use std::path::Path;

use serde_json::{Value, json};

use crate::run::{drift, folder, write};

const MANIFEST: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: prices, namespace: shop}\ndata: {bread: '2'}\n";

fn line(ts: &str, kind: &str, resource: &str, event: &str, object: &Value) -> String {
    let (group, version) = match object["apiVersion"].as_str().unwrap_or("v1").split_once('/') {
        Some((group, version)) => (group, version),
        None => ("", "v1"),
    };
    assert!(kind.is_empty() || object["kind"] == kind);
    let line =
        json!({"ts":ts,"group":group,"version":version,"resource":resource,"type":event,"object":object});
    format!("{line}\n")
}

fn prices(bread: &str, version: &str, manager: &str) -> Value {
    let set = json!({"f:data":{"f:bread":{}}});
    json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"prices","namespace":"shop","uid":"c","resourceVersion":version,
        "managedFields":[{"manager":manager,"operation":"Update","time":"2026-03-02T09:00:00Z","fieldsType":"FieldsV1","fieldsV1":set}]},
        "data":{"bread":bread}})
}

fn web(available: bool) -> Value {
    let (status, ready) = if available { ("True", 1) } else { ("False", 0) };
    let reason = if available { "NewReplicaSetAvailable" } else { "ProgressDeadlineExceeded" };
    let container = json!({"name":"web","image":"web:1","envFrom":[{"secretRef":{"name":"db"}}]});
    json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"d","generation":1,
        "resourceVersion": if available { "5" } else { "9" },"creationTimestamp":"2026-03-02T08:00:00Z"},
        "spec":{"replicas":1,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},
            "spec":{"containers":[container]}}},
        "status":{"observedGeneration":1,"replicas":1,"updatedReplicas":1,"readyReplicas":ready,"availableReplicas":ready,
            "conditions":[{"type":"Available","status":status,"lastTransitionTime":"2026-03-02T09:00:02Z"},
                {"type":"Progressing","status":status,"reason":reason,"lastTransitionTime":"2026-03-02T09:00:02Z"}]}})
}

fn secret() -> Value {
    json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"db","namespace":"shop","uid":"s","resourceVersion":"3"},"data":{}})
}

/// Writes one tape for each situation.
fn prepare(dir: &Path) {
    let start = "2026-03-02T09:00:00Z";
    let listed = |object: &Value, resource: &str| line(start, "", resource, "LISTED", object);
    let calm =
        [listed(&prices("2", "4", "argocd-controller"), "configmaps"), listed(&web(true), "deployments")]
            .concat();
    let clean = calm.clone() + &listed(&secret(), "secrets");
    write(dir, "clean.tape", &clean);
    let edit = line(
        "2026-03-02T09:00:01Z",
        "ConfigMap",
        "configmaps",
        "MODIFIED",
        &prices("3", "8", "kubectl-edit"),
    );
    let broken = line("2026-03-02T09:00:02Z", "Deployment", "deployments", "MODIFIED", &web(false));
    write(dir, "found.tape", clean.clone() + &edit + &broken);
    let status =
        json!({"apiVersion":"v1","kind":"Status","status":"Failure","code":403,"reason":"Forbidden"});
    write(dir, "denied.tape", line(start, "Status", "secrets", "ERROR", &status) + &calm);
    write(dir, "torn.tape", clean.clone() + "{\"ts\":\"2026-03-02T09:0\n" + &edit + &broken);
    write(dir, "desired/prices.yaml", MANIFEST);
    write(dir, "broken/prices.yaml", format!("{MANIFEST}---\na: [b\n"));
}

/// A command; `%` stands for what names the situation.
const COMMANDS: [&str; 14] = [
    "diff --desired desired --no-extra %",
    "apps %",
    "rules list %",
    "health -A %",
    "why %",
    "check %",
    "fights %",
    "impact cm/prices -n shop %",
    "why deploy/web -n shop %",
    "blame cm/prices -n shop %",
    "history cm/prices -n shop %",
    "timeline %",
    "graph deploy/web -n shop %",
    "show cm/prices -n shop %",
];

#[rustfmt::skip]
const TABLE: [(&str, [i32; 14]); 6] = [
    // What is looked at            diff apps rules health why check fights impact | why KEY blame history timeline graph show
    ("--tape clean.tape",           [0, 0, 0, 0, 0, 0, 0, 0,   0, 0, 0, 0, 0, 0]),
    ("--tape found.tape",           [1, 0, 0, 1, 1, 1, 0, 0,   0, 0, 0, 0, 0, 0]),
    ("--tape nowhere.tape",         [2, 2, 2, 2, 2, 2, 2, 2,   2, 2, 2, 2, 2, 2]),
    ("--tape denied.tape",          [0, 3, 3, 3, 3, 3, 3, 3,   3, 0, 0, 3, 3, 0]),
    ("--tape torn.tape",            [3, 3, 3, 3, 3, 3, 3, 3,   3, 3, 3, 3, 3, 3]),
    ("--tape clean.tape --at 2035-01-01T00:00:00Z", [3, 3, 3, 3, 3, 3, 3, 3,   3, 3, 3, 3, 3, 3]),
];

#[test]
fn every_command_ends_in_every_situation_as_the_table_says() {
    let dir = folder();
    prepare(dir.path());
    let mut wrong = Vec::new();
    for (situation, codes) in TABLE {
        for (command, expected) in COMMANDS.iter().zip(codes) {
            // These have no --at of their own: --until means the same.
            let situation = match command.split(' ').next() {
                Some("timeline" | "history") => situation.replace("--at", "--until"),
                _ => situation.to_owned(),
            };
            let ran = drift(&command.replace('%', &situation), dir.path());
            if ran.code != expected {
                wrong.push(format!(
                    "{command} {situation}: {} and not {expected}\n{}{}",
                    ran.code, ran.out, ran.err
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
