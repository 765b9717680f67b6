use serde_json::Value;

use crate::run::{Ran, drift, drift_with, folder, write};
use crate::schema::violations;

const TAPE: &str = "--tape DEMO/shop.tape.jsonl.gz";

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"))
}

const KILN: &str = "apiVersion: lab.example/v1
kind: Kiln
metadata: {name: big, namespace: lab, creationTimestamp: 2030-01-01T00:00:00Z}
status: {phase: FiringFailed, message: no gas}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: recipes, namespace: lab}
";

#[test]
fn the_report_is_as_its_schema_says() {
    let dir = folder();
    let path = format!("{}/../drift-sinks/schemas/health-report.v1.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    write(dir.path(), "kiln.yaml", KILN);
    for words in [format!("health {TAPE} -o json"), "health --live DIR/kiln.yaml -o json".to_owned()] {
        let report = json(&drift(&words, dir.path()));
        assert_eq!(violations(&schema, &report), Vec::<String>::new(), "{words}");
    }
}

#[test]
fn what_is_not_healthy_is_told_and_sets_the_exit_code() {
    let dir = folder();
    write(dir.path(), "kiln.yaml", KILN);
    let ran = drift("health --live DIR/kiln.yaml", dir.path());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(
        ran.out,
        "Degraded    Kiln.lab.example/lab/big  FiringFailed: no gas\n1 healthy, 1 degraded\n"
    );
    let ran = drift("health ConfigMap/lab/recipes --live DIR/kiln.yaml", dir.path());
    assert_eq!((ran.code, ran.out.lines().count()), (0, 2), "{ran:?}");
    let piped = drift_with("health --live - --all", dir.path(), KILN.as_bytes());
    assert_eq!(piped.out.lines().count(), 3, "{piped:?}");
}

#[test]
fn rules_of_the_user_come_first_and_broken_ones_are_failures() {
    let dir = folder();
    write(dir.path(), "kiln.yaml", KILN);
    write(dir.path(), "mine.txt", "for lab.example/Kiln\nSuspended OffSeason when .status.phase = Firing*\n");
    let report = json(&drift("health --live DIR/kiln.yaml --rules DIR/mine.txt -o json", dir.path()));
    let kiln = &report["resources"][0];
    assert_eq!((&kiln["status"], &kiln["rule"]), (&"Suspended".into(), &"lab.example/Kiln#1".into()));
    write(dir.path(), "broken.txt", "for lab.example/Kiln\nSuspended maybe\n");
    let ran = drift("health --live DIR/kiln.yaml --rules DIR/broken.txt", dir.path());
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("line 2"), "{ran:?}");
}

#[test]
fn every_command_that_judges_takes_the_rules_of_the_user() {
    let dir = folder();
    write(dir.path(), "kiln.yaml", KILN);
    write(dir.path(), "calm.yaml", KILN.replace("FiringFailed", "Ready"));
    write(dir.path(), "hot.yaml", KILN.split("---").next().unwrap());
    write(dir.path(), "mine.txt", "for lab.example/Kiln\nSuspended OffSeason when .status.phase = Firing*\n");
    for (words, found) in [
        ("health --live DIR/kiln.yaml", 1),
        ("check --live DIR/kiln.yaml", 1),
        ("why --live DIR/kiln.yaml", 1),
        ("impact --change DIR/hot.yaml --live DIR/calm.yaml", 1),
    ] {
        let ran = drift(&format!("{words} --allow-unknown"), dir.path());
        assert_eq!(ran.code, found, "{ran:?}");
        let ran = drift(&format!("{words} --health-rules DIR/mine.txt --allow-unknown"), dir.path());
        assert_eq!(ran.code, 0, "{ran:?}");
    }
}

#[test]
fn a_manifest_without_a_name_is_judged_and_other_files_are_failures() {
    let dir = folder();
    write(dir.path(), "nameless.yaml", "apiVersion: lab.example/v1\nkind: Kiln\nstatus: {ready: true}\n");
    let ran = drift("health --live DIR/nameless.yaml -o json", dir.path());
    assert_eq!((ran.code, &json(&ran)["resources"][0]["status"]), (0, &"Healthy".into()), "{ran:?}");
    write(dir.path(), "note.txt", "just text\n");
    for words in ["health --live DIR/note.txt", "health --live DIR/nowhere"] {
        assert_eq!(drift(words, dir.path()).code, 2, "{words}");
    }
}

#[test]
fn the_same_recording_is_judged_the_same_at_any_time_of_day() {
    let dir = folder();
    let run = || drift(&format!("health {TAPE} -o json"), dir.path());
    let first = run();
    assert!(first.code < 2, "{first:?}");
    assert_eq!(first.out, run().out);
}
