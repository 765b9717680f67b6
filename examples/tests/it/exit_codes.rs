//! The one table of exit codes: every command in every situation.

use std::path::Path;

use drift_core::redact::{RedactOptions, Redactor};
use drift_core::{Applied, EventStore, Gap, GapReason, Ingest, Object, Observation, Scope};
use drift_sinks::store::embedded::EmbeddedStore;
use futures::executor::block_on;
use jiff::{SignedDuration, Timestamp};
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
    let all = [prices("2", "4", ""), web(true), secret()].map(|mut object| {
        object["metadata"].as_object_mut().unwrap().remove("managedFields");
        format!("---\n{object}\n")
    });
    write(dir, "everything/all.yaml", all.concat());
    write(dir, "torn/prices.yaml", "a: [b\n");
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
const TABLE: [(&str, [i32; 14]); 8] = [
    // What is looked at            diff apps rules health why check fights impact | why KEY blame history timeline graph show
    ("--tape clean.tape",           [0, 0, 0, 0, 0, 0, 0, 0,   0, 0, 0, 0, 0, 0]),
    ("--tape found.tape",           [1, 0, 0, 1, 1, 1, 0, 0,   0, 0, 0, 0, 0, 0]),
    ("--tape nowhere.tape",         [2, 2, 2, 2, 2, 2, 2, 2,   2, 2, 2, 2, 2, 2]),
    ("--tape denied.tape",          [0, 3, 3, 3, 3, 3, 3, 3,   3, 0, 0, 3, 3, 0]),
    ("--tape torn.tape",            [3, 3, 3, 3, 3, 3, 3, 3,   3, 3, 3, 3, 3, 3]),
    // Of what was not there yet there is no answer.
    ("--tape found.tape --at 2020-01-01T00:00:00Z", [3, 3, 3, 3, 3, 3, 3, 3,   3, 2, 3, 3, 3, 2]),
    ("--tape clean.tape --at 2035-01-01T00:00:00Z", [3, 3, 3, 3, 3, 3, 3, 3,   3, 3, 3, 3, 3, 3]),
    ("--tape clean.tape --at @999999", [3, 3, 3, 3, 3, 3, 3, 3,   3, 3, 3, 3, 3, 3]),
];

#[test]
fn options_change_what_an_incomplete_answer_and_a_finding_exit_with() {
    let dir = folder();
    prepare(dir.path());
    for (words, plain, detailed, allowed) in [
        ("check --tape clean.tape", 0, 0, 0),
        ("check --tape found.tape", 1, 2, 1),
        ("check --tape nowhere.tape", 2, 1, 2),
        ("check --tape denied.tape", 3, 3, 0),
        ("check --tape torn.tape", 3, 3, 1),
        ("diff --desired broken --no-extra --tape clean.tape", 3, 3, 0),
        // Where nothing at all was compared, nothing is allowed.
        ("diff --desired torn --no-extra --tape clean.tape", 3, 3, 3),
        ("watch --store a --desired everything --tape clean.tape", 0, 0, 0),
        ("watch --store b --desired everything --tape found.tape", 1, 2, 1),
        ("watch --store c --tape denied.tape", 3, 3, 0),
        ("watch --store d --desired desired --tape torn.tape", 3, 3, 1),
    ] {
        // Each run has a store of its own: what an earlier run reported is no news.
        let run = |suffix: &str, options: &str| {
            let words = words.replace("--store ", &format!("--store {suffix}"));
            drift(&format!("{words} {options}"), dir.path())
        };
        for (suffix, options, code) in
            [("p", "", plain), ("d", "--detailed-exitcode", detailed), ("u", "--allow-unknown", allowed)]
        {
            let ran = run(suffix, options);
            assert_eq!(ran.code, code, "{words} {options}: {ran:?}");
        }
    }
}

/// A store that a watch of a cluster has written, of one namespace or of all, and that nobody writes any more.
fn store(dir: &Path, name: &str, namespace: &str, observed_at: Timestamp, gap: Option<GapReason>) {
    let store = EmbeddedStore::open(dir.join(name)).unwrap();
    let redactor = Redactor::new(RedactOptions::new(store.redaction_key().unwrap()));
    let mut ingest = Ingest::new("kubernetes", redactor);
    let object = Object::from_json(prices("2", "4", "argocd-controller").to_string().as_bytes()).unwrap();
    let mut observe = |observation| {
        let batch = ingest.step(observation);
        block_on(store.append(batch)).unwrap();
    };
    for kind in ["ConfigMap", "Secret", "ServiceAccount"] {
        let scope = Scope { namespace: namespace.into(), ..Scope::of_kind("", kind) };
        observe(Observation::RelistStarted(scope.clone()));
        if kind == "ConfigMap" {
            let applied = Applied::live(object.clone(), "", observed_at);
            observe(Observation::Applied(applied));
        }
        observe(Observation::RelistDone { scope: scope.clone(), observed_at });
        if let Some(reason) = gap {
            let (from, to, message) = (Some(observed_at), observed_at, "no right any more".into());
            let gap = Gap { scope, from, to, from_version: None, to_version: None, reason, message };
            observe(Observation::Gap(gap));
        }
    }
}

#[test]
fn a_store_says_what_it_was_recorded_of_and_until_when() {
    let dir = folder();
    prepare(dir.path());
    let now = Timestamp::now();
    store(dir.path(), "fresh", "shop", now, None);
    store(dir.path(), "stale", "shop", now - SignedDuration::from_mins(20), None);
    store(dir.path(), "lost", "", now, Some(GapReason::Denied));
    let two = format!(
        "{MANIFEST}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n---\n\
        apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: prices, namespace: bank}}\n---\n\
        apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\n"
    );
    write(dir.path(), "wide/all.yaml", two);
    let diff = |what: &str| drift(&format!("diff --desired {what} --no-extra -o json"), dir.path());
    let unseen = |ran: &crate::run::Ran| {
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let texts = report["coverage"]["unseen"].as_array().cloned().unwrap_or_default();
        texts
            .iter()
            .map(|u| format!("{} {}", u["reason"].as_str().unwrap(), u["message"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(diff("desired --store fresh").code, 0);
    // Outside of what was recorded nothing is missing.
    let wide = diff("wide --store fresh");
    assert_eq!((wide.code, unseen(&wide).len()), (3, 3), "{wide:?}");
    let outside = "OutsideRecording only namespace shop was recorded";
    assert_eq!(unseen(&wide), [outside, outside, "KindNotListed the kind was not listed"]);
    assert!(!wide.out.contains("Missing"), "{wide:?}");
    // A watch that ended is no news of the cluster, and a question about its time is answered whole.
    let stale = diff("desired --store stale");
    assert_eq!((stale.code, unseen(&stale).len()), (3, 1), "{stale:?}");
    assert!(
        unseen(&stale)[0].starts_with("NotWatched as of ")
            && unseen(&stale)[0].ends_with("; not watched since")
    );
    let then = (now - SignedDuration::from_mins(20)).to_string();
    assert_eq!(diff(&format!("desired --store stale --at {then}")).code, 0);
    // One that lost its rights says so of what it still shows.
    let lost = diff("desired --store lost");
    assert_eq!(lost.code, 3, "{lost:?}");
    assert!(unseen(&lost)[0].starts_with("Denied no right any more; as of "), "{lost:?}");
    let text = drift("diff --desired desired --no-extra --store lost", dir.path()).out;
    assert!(text.contains("not looked at: ConfigMap: no right any more; as of "), "{text}");
}

#[test]
fn a_name_or_a_namespace_that_is_nowhere_is_an_error_with_the_nearest() {
    let dir = folder();
    prepare(dir.path());
    store(dir.path(), "fresh", "shop", Timestamp::now(), None);
    let all = ["--tape clean.tape", "--tape found.tape"];
    for (words, nearest) in [
        ("check deploy/wbe -n shop", "nearest: Deployment.apps/shop/web;"),
        ("check depoly/web", "nearest: Deployment.apps/shop/web;"),
        ("check cm/nope", "nearest: ConfigMap/shop/prices;"),
        ("check deploy/web -n shp", "nearest: Deployment.apps/shop/web;"),
        ("fights deploy/wbe", "nearest: Deployment.apps/shop/web;"),
        ("check -n shp", "nearest: shop"),
        ("why -n shp", "nearest: shop"),
        ("health -n shp", "nearest: shop"),
        ("fights -n shp", "nearest: shop"),
        ("diff -n shp", "nearest: shop"),
    ] {
        for input in all {
            let ran = drift(&format!("{words} {input}"), dir.path());
            assert_eq!((ran.code, &*ran.out), (2, ""), "{words} {input}: {ran:?}");
            assert!(ran.err.contains("is not in the recorded history"), "{words}: {ran:?}");
            assert!(ran.err.contains(nearest), "{words}: {ran:?}");
        }
        if words.ends_with("-n shp") && !words.contains('/') {
            // Of other namespaces than the one that was recorded nothing is known.
            let ran = drift(&format!("{words} --store fresh"), dir.path());
            assert_eq!(ran.code, 3, "{words}: {ran:?}");
            assert!(format!("{ran:?}").contains("only namespace shop was recorded"), "{words}: {ran:?}");
        }
    }
    assert_eq!(drift("check cm/prices -n shop --store fresh", dir.path()).code, 0);
    let dump = json!({"apiVersion":"v1","kind":"List","items":[web(true)]}).to_string();
    write(dir.path(), "all.json", dump);
    let ran = drift("why deploy/wbe --live all.json", dir.path());
    assert!(ran.code == 2 && ran.err.contains("`deploy/wbe` is not in the dump"), "{ran:?}");
}

#[test]
fn what_may_lie_in_what_was_not_listed_is_not_said_to_be_missing() {
    let dir = folder();
    prepare(dir.path());
    for command in ["health secret/db -n shop", "check secret/db -n shop", "check secret/db"] {
        let ran = drift(&format!("{command} --tape denied.tape"), dir.path());
        assert_eq!(ran.code, 3, "{command}: {ran:?}");
        assert!(ran.out.contains("not known whether `secret/db` exists: "), "{command}: {ran:?}");
    }
    for command in ["blame", "why", "show", "history", "impact"] {
        let ran = drift(&format!("{command} secret/db -n shop --tape denied.tape"), dir.path());
        assert_eq!(ran.code, 2, "{command}: {ran:?}");
        assert!(
            ran.err.contains("error: not known whether `secret/db` exists: Secret"),
            "{command}: {ran:?}"
        );
    }
    let dump = json!({"apiVersion":"v1","kind":"List","items":[web(true)]}).to_string();
    write(dir.path(), "all.json", dump);
    let ran = drift("health secret/db -n shop --live all.json", dir.path());
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.out.contains("not known whether `secret/db` exists: the kind was not listed"), "{ran:?}");
}

#[test]
fn what_a_dump_may_not_hold_is_not_missing() {
    let dir = folder();
    prepare(dir.path());
    let dump = |items: &[Value]| json!({"apiVersion":"v1","kind":"List","items":items}).to_string();
    write(dir.path(), "all.json", dump(&[web(true)]));
    let ran = drift("diff --desired desired --no-extra --live all.json", dir.path());
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.out.contains("ConfigMap in shop: the kind was not listed") && ran.out.contains("1 not compared"),
        "{ran:?}"
    );
    let other = json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kube-root-ca.crt","namespace":"shop"}});
    write(dir.path(), "named.json", dump(&[web(true), other]));
    let ran = drift("diff --desired desired --no-extra --live named.json", dir.path());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("missing"), "{ran:?}");
}

#[test]
fn what_cannot_be_judged_is_neither_a_failure_nor_green() {
    let folder = folder();
    let dir = folder.path();
    let odd = |more: Value| json!({"apiVersion":"example.com/v1","kind":"Odd","metadata":{"name":"odd","namespace":"shop"},"spec":{"a":"1","rules":[more]}});
    write(dir, "odd/odd.yaml", odd(json!({"to":"x"})).to_string());
    write(dir, "odd/prices.yaml", MANIFEST);
    let dump = |name: &str, bread: &str| {
        let items = [odd(json!({"to":"x","weight":1})), prices(bread, "4", "kubectl-edit")];
        write(dir, name, json!({"apiVersion":"v1","kind":"List","items":items}).to_string());
    };
    dump("clean.json", "2");
    dump("found.json", "3");
    for (live, allowed) in [("clean.json", 0), ("found.json", 1)] {
        let command = format!("diff --desired odd --live {live}");
        let ran = drift(&command, dir);
        assert_eq!(ran.code, 3, "{ran:?}");
        // Text has the weaker basis, too.
        let out = &ran.out;
        assert!(
            out.contains("`.spec.rules` may differ by defaults only: no schema of Odd is known"),
            "{ran:?}"
        );
        assert_eq!(drift(&format!("{command} --allow-unknown"), dir).code, allowed, "{live}");
    }
}

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
