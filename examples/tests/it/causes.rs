use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::run::{Ran, drift, folder, write};
use crate::schema::violations;

/// A bakery in which two things break that have nothing to do with each other.
const TAPE: &str = concat!("--tape ", env!("CARGO_MANIFEST_DIR"), "/tests/data/bakery.tape.jsonl");

/// Questions of every command that judges.
const QUESTIONS: [&str; 11] = [
    "why -o json",
    "why",
    "why Pod/bakery/bread-bb-p -o json",
    "why deploy/cake -n bakery -o yaml",
    "why Pod/bakery/cake-cc-p --at 2026-03-02T09:03:45Z",
    "graph cm/oven -n bakery -o json",
    "graph deploy/cake -n bakery -o svg",
    "graph deploy/cake -n bakery -o dot --depth 5",
    "check -o json",
    "health -o json --all",
    "impact cm/oven -n bakery -o json",
];

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"))
}

fn schema(name: &str) -> Value {
    let path = format!("{}/../drift-sinks/schemas/{name}.v1.schema.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Runs a question on some worker threads and returns what it prints.
fn on_threads(words: &str, threads: &str, dir: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drift"));
    command.args(words.split_whitespace()).current_dir(dir).env("HOME", dir).env("NO_COLOR", "1");
    let output = command.env("TOKIO_WORKER_THREADS", threads).output().unwrap();
    assert!(output.stderr.is_empty(), "{words}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn answers_are_the_same_bytes_on_any_number_of_threads_and_after_a_store() {
    let dir = folder();
    let ran = drift(&format!("watch --store DIR/s {TAPE}"), dir.path());
    assert!(ran.code < 2, "{ran:?}");
    for question in QUESTIONS {
        let first = on_threads(&format!("{question} {TAPE}"), "1", dir.path());
        assert!(first.len() > 50, "{question}: {first}");
        assert_eq!(on_threads(&format!("{question} {TAPE}"), "1", dir.path()), first, "{question}");
        assert_eq!(on_threads(&format!("{question} {TAPE}"), "8", dir.path()), first, "{question}");
        assert_eq!(on_threads(&format!("{question} --store s"), "8", dir.path()), first, "{question}");
    }
}

#[test]
fn callers_at_the_same_time_get_the_same_answers() {
    let dir = folder();
    let ask = |n: usize| drift(&format!("{} {TAPE}", QUESTIONS[n % 4]), dir.path()).out;
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|n| scope.spawn(move || ask(n))).collect();
        let all: Vec<_> = all.into_iter().map(|t| t.join().unwrap()).collect();
        assert_eq!(all[..4], all[4..]);
    });
}

#[test]
fn without_a_resource_what_is_broken_stands_under_its_roots() {
    let dir = folder();
    let ran = drift(&format!("why {TAPE} -o json"), dir.path());
    assert_eq!(ran.code, 1, "{ran:?}");
    let report = json(&ran);
    assert_eq!(violations(&schema("incident-report"), &report), Vec::<String>::new());
    let roots: Vec<_> = report["roots"].as_array().unwrap().iter().collect();
    let name = |v: &Value| format!("{} {}", v["kind"].as_str().unwrap(), v["name"].as_str().unwrap());
    let found: Vec<_> = roots.iter().map(|r| name(&r["cause"]["event"]["key"])).collect();
    assert_eq!(found, ["ConfigMap oven", "Deployment bread"]);
    let on = |r: &Value| r["symptoms"].as_array().unwrap().iter().map(|s| name(&s["on"])).collect::<Vec<_>>();
    assert_eq!(on(roots[0]), ["Deployment cake", "ReplicaSet cake-cc", "Pod cake-cc-p"]);
    assert_eq!(on(roots[1]), ["ReplicaSet bread-bb", "Pod bread-bb-p"]);
    assert_eq!(report["unexplained"], Value::Array(Vec::new()));
    let calm = drift(&format!("why {TAPE} --at 2026-03-02T09:01:30Z"), dir.path());
    assert_eq!((calm.code, calm.out.as_str()), (0, "nothing is broken\n"));
    let elsewhere = drift(&format!("why -n brewery {TAPE}"), dir.path());
    assert_eq!((elsewhere.code, elsewhere.out.as_str()), (2, ""));
    assert!(elsewhere.err.contains("namespace `brewery` is not in the recorded history"), "{elsewhere:?}");
}

#[test]
fn an_answer_is_as_its_schema_says() {
    let dir = folder();
    let report = json(&drift(&format!("why Pod/bakery/cake-cc-p {TAPE} -o json"), dir.path()));
    assert_eq!(violations(&schema("cause-report"), &report), Vec::<String>::new());
    assert_eq!(report["causes"][0]["event"]["key"]["name"], "oven");
}

#[test]
fn a_resource_that_nobody_recorded_is_refused_with_the_nearest_names() {
    let dir = folder();
    let ran = drift(&format!("why deploy/braed -n bakery {TAPE}"), dir.path());
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("`deploy/braed` is not in the recorded history"), "{ran:?}");
    assert!(ran.err.contains("nearest: Deployment.apps/bakery/bread, "), "{ran:?}");
    assert!(ran.err.contains("drift timeline"), "{ran:?}");
}

#[test]
fn edges_of_a_file_count_and_a_broken_rule_names_file_line_and_field() {
    let dir = folder();
    write(dir.path(), "our.edges", "# ours\nWidget.example.com uses spec.bowls[].oven -> ConfigMap\n");
    let graph = |more: &str| drift(&format!("graph widget/mixer -n bakery {TAPE} {more}"), dir.path());
    assert!(!graph("").out.contains("ConfigMap/bakery/cold"), "{:?}", graph(""));
    let with = graph("--edges DIR/our.edges");
    assert!(with.out.contains("ConfigMap/bakery/cold  (uses; field .spec.bowls.oven)  MISSING"), "{with:?}");
    let picture = graph("--edges DIR/our.edges -o svg").out;
    assert!(picture.starts_with("<svg ") && picture.contains("ConfigMap/bakery/cold (missing)"), "{picture}");
    let impact = drift(&format!("impact cm/oven -n bakery {TAPE} --edges DIR/our.edges"), dir.path());
    assert!(impact.out.contains("Widget.example.com/bakery/mixer"), "{impact:?}");
    write(dir.path(), "bad.edges", "# ours\n\nWidget.example.com eats spec.bowls -> ConfigMap\n");
    for command in ["graph widget/mixer -n bakery", "why", "check", "impact cm/oven -n bakery"] {
        let ran = drift(&format!("{command} {TAPE} --edges DIR/bad.edges"), dir.path());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains("bad.edges") && ran.err.contains("line 3, relation"), "{ran:?}");
    }
    write(dir.path(), "bytes.edges", [0xff, 0xfe, 0]);
    for file in ["bytes.edges", "nowhere.edges"] {
        let ran = drift(&format!("check {TAPE} --edges DIR/{file}"), dir.path());
        assert!(ran.code == 2 && ran.err.contains(file) && ran.err.contains("cause:"), "{ran:?}");
    }
}
