//! Broken, hostile and missing input: a clear error, a right exit code, and everything else still done.

use std::io::Write;

use serde_json::Value;

use crate::run::{Ran, demo, drift, drift_with, folder, write};

const LIVE: &str = "--live DEMO/shop.tape.jsonl.gz";
const NAMESPACE: &str =
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: storefront}}\n";

fn tape() -> String {
    let mut text = String::new();
    let bytes = std::fs::read(demo().join("shop.tape.jsonl.gz")).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&*bytes), &mut text).unwrap();
    text
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A failure that names what is asked of it, and nothing on standard output.
fn check_failure(ran: &Ran, expect: &[&str]) {
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.starts_with("error: "), "{ran:?}");
    assert!(expect.iter().all(|e| ran.err.contains(e)), "{ran:?}");
    assert!(!ran.err.contains("panicked"), "{ran:?}");
}

/// A report that was printed although something is missing in it, which is said in both places.
fn check_partial(ran: &Ran, expect: &[&str]) -> Value {
    assert_eq!(ran.code, 3, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    for text in expect {
        assert!(ran.err.contains(text), "{ran:?}");
        assert!(report["coverage"].to_string().contains(text), "{report}");
    }
    report
}

#[test]
fn broken_yaml_in_one_file_costs_only_that_file() {
    let dir = folder();
    write(dir.path(), "m/a.yaml", "kind: [\n");
    write(dir.path(), "m/b.yaml", NAMESPACE);
    write(dir.path(), "m/c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n---\napiVersion: v1\n");
    let report = check_partial(
        &drift(&format!("diff --desired m {LIVE} -o json"), dir.path()),
        &["a.yaml:", "c.yaml:"],
    );
    assert_eq!(report["summary"]["inSync"], 1);
}

#[test]
fn repeated_declarations_are_told_and_the_last_one_counts() {
    let dir = folder();
    write(dir.path(), "m/a.yaml", NAMESPACE.replace("storefront", "other"));
    write(dir.path(), "m/b.yaml", NAMESPACE);
    let ran = drift(&format!("diff --desired m {LIVE}"), dir.path());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("b.yaml:1:1: Namespace//shop is declared again, first in a.yaml:1"), "{ran:?}");
}

#[test]
fn an_unknown_kind_is_compared_as_far_as_that_goes() {
    let dir = folder();
    write(
        dir.path(),
        "m.yaml",
        "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: shop}\nspec: {size: 1}\n",
    );
    let live = r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w","namespace":"shop"},"spec":{"size":2}}]}"#;
    write(dir.path(), "live.json", live);
    let ran = drift("diff --desired m.yaml --live live.json -o json", dir.path());
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, report["resources"][0]["basis"].as_str()), (1, Some("Structure")));
}

#[test]
fn hostile_yaml_ends_in_an_error_and_soon() {
    let dir = folder();
    let bomb: String = (1..40).map(|i| format!("a{i}: &a{i} [*a{}, *a{}]\n", i - 1, i - 1)).collect();
    write(dir.path(), "m/bomb.yaml", format!("a0: &a0 [x]\n{bomb}"));
    write(dir.path(), "m/deep.yaml", format!("a: {}{}\n", "[".repeat(100_000), "]".repeat(100_000)));
    write(dir.path(), "m/ok.yaml", NAMESPACE);
    let started = std::time::Instant::now();
    check_partial(
        &drift(&format!("diff --desired m {LIVE} -o json"), dir.path()),
        &["bomb.yaml", "deep.yaml"],
    );
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn a_huge_file_is_left_out_and_said() {
    let dir = folder();
    let file = std::fs::File::create(dir.path().join("huge.yaml")).unwrap();
    // Sparse: 65 MiB that take no disk.
    file.set_len(65 << 20).unwrap();
    write(dir.path(), "ok.yaml", NAMESPACE);
    check_partial(
        &drift(&format!("diff --desired DIR {LIVE} -o json"), dir.path()),
        &["huge.yaml", "larger than"],
    );
}

#[test]
fn a_dump_that_is_cut_off_is_not_compared() {
    let dir = folder();
    let item = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop"}}"#;
    let dump = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{item},{item}"#);
    write(dir.path(), "live.json", &dump);
    let whole = gzip(format!("{dump}]}}").repeat(50).as_bytes());
    write(dir.path(), "live.json.gz", &whole[..whole.len() - 12]);
    for live in ["live.json", "live.json.gz"] {
        let ran = drift(&format!("diff --desired DEMO/manifests --live {live}"), dir.path());
        check_failure(&ran, &[live, "cause:", "hint:"]);
        assert!(ran.out.is_empty());
    }
}

#[test]
fn a_corrupt_line_of_a_tape_is_a_gap_and_no_stop() {
    let dir = folder();
    let lines: Vec<_> = tape().lines().map(str::to_owned).collect();
    let mut broken = lines.clone();
    broken[100] = "{\"ts\": broken".to_owned();
    write(dir.path(), "t.jsonl", broken.join("\n"));
    let ran = drift("diff --desired DEMO/manifests --live t.jsonl -o json", dir.path());
    let report = check_partial(&ran, &["line 101"]);
    assert_eq!(report["summary"]["drifted"], 4);
}

#[test]
fn a_tape_that_is_cut_off_says_so() {
    let dir = folder();
    let whole = std::fs::read(demo().join("shop.tape.jsonl.gz")).unwrap();
    write(dir.path(), "t.gz", &whole[..whole.len() / 2]);
    let ran = drift("timeline --tape t.gz -o json", dir.path());
    check_partial(&ran, &["cut off"]);
}

#[test]
fn what_is_not_there_is_named_with_a_hint() {
    let dir = folder();
    check_failure(&drift(&format!("diff --desired nowhere {LIVE}"), dir.path()), &["nowhere", "hint:"]);
    check_failure(
        &drift("diff --desired DEMO/manifests --live nowhere.json", dir.path()),
        &["nowhere.json", "cause:"],
    );
    check_failure(&drift("timeline --tape nowhere", dir.path()), &["nowhere", "cause:"]);
    check_failure(&drift("verify --store nowhere", dir.path()), &["nowhere"]);
    check_failure(&drift("timeline", dir.path()), &["--store DIR", "--tape FILE"]);
    check_failure(
        &drift("show deploy/wbe -n shop --tape DEMO/shop.tape.jsonl.gz", dir.path()),
        &["deploy/wbe", "Deployment.apps/shop/web"],
    );
    check_failure(
        &drift_with("diff --desired DEMO/manifests --live -", dir.path(), b""),
        &["standard input"],
    );
}

#[test]
fn a_cluster_that_cannot_be_reached_says_what_to_do() {
    let dir = folder();
    check_failure(
        &drift("diff --desired DEMO/manifests", dir.path()),
        &["no cluster", "KUBECONFIG", "hint:"],
    );
    let config = "apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: 'http://127.0.0.1:9'}}]\nusers: [{name: a, user: {token: hunter2}}]\ncontexts: [{name: a, context: {cluster: a, user: a}}]\ncurrent-context: a\n";
    write(dir.path(), "config", config);
    let ran = drift("diff --desired DEMO/manifests --kubeconfig config", dir.path());
    check_failure(&ran, &["127.0.0.1:9", "hint:"]);
    assert!(!ran.err.contains("hunter2"));
    check_failure(&drift("record -o t --once --kubeconfig config --context b", dir.path()), &["`b`"]);
}

#[test]
fn two_writers_on_one_store_are_one_too_many() {
    let dir = folder();
    let store = drift_sinks::store::embedded::EmbeddedStore::open(dir.path().join("s")).unwrap();
    let ran = drift("watch --store s --tape DEMO/shop.tape.jsonl.gz", dir.path());
    check_failure(&ran, &["in use", "hint:"]);
    drop(store);
    assert_eq!(drift("watch --store s --tape DEMO/shop.tape.jsonl.gz", dir.path()).code, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let dir = folder();
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_drift"));
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command.args(words).current_dir(dir.path()).stdout(full).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let tape = demo().join("shop.tape.jsonl.gz");
    let (code, err) = run(&["timeline", "--tape", &tape.to_string_lossy()]);
    assert_eq!(code, Some(2));
    assert!(err.contains("cannot write to standard output") && err.contains("cause:"), "{err}");
}

#[test]
fn a_damaged_store_is_refused_checked_and_repaired() {
    let dir = folder();
    assert_eq!(drift("watch --store s --tape DEMO/shop.tape.jsonl.gz", dir.path()).code, 0);
    let log = std::fs::read_dir(dir.path().join("s/segments"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "log"))
        .unwrap();
    let mut bytes = std::fs::read(&log).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0x55;
    std::fs::write(&log, bytes).unwrap();
    let verified = drift("verify --store s", dir.path());
    assert_eq!(verified.code, 1, "{verified:?}");
    assert!(verified.out.starts_with("damaged") && verified.out.contains("segment 1, byte"), "{verified:?}");
    check_failure(&drift("timeline --store s", dir.path()), &["damaged", "drift repair"]);
    let asked = drift("repair --store s", dir.path());
    assert!(asked.code == 1 && asked.err.contains("--yes"), "{asked:?}");
    let repaired = drift("repair --store s --yes", dir.path());
    assert!(repaired.code == 1 && repaired.out.contains("dropped:"), "{repaired:?}");
    assert_eq!(drift("verify --store s", dir.path()).code, 0);
    assert_ne!(drift("timeline --store s", dir.path()).out, "");
}

#[test]
fn schemas_that_cannot_be_read_are_told() {
    let dir = folder();
    write(dir.path(), "s/api.json", "{}");
    let ran = drift(&format!("diff --desired DEMO/manifests {LIVE} --schemas s -o json"), dir.path());
    check_partial(&ran, &["api.json"]);
    check_failure(
        &drift(&format!("diff --desired DEMO/manifests {LIVE} --schemas DIR/nowhere"), dir.path()),
        &["nowhere"],
    );
}

/// A tape in which everything that can be named holds what turns a line round, drives a terminal or is not visible.
fn misleading(dir: &std::path::Path) {
    let bad = "\u{202e}\u{61c}\u{2066}\u{200e}\u{9b}31m\u{1b}[2J\u{200b}\u{e0041}";
    let object = |kind: &str, name: &str, version: u32, rest: serde_json::Value| {
        let mut object = serde_json::json!({"apiVersion":"v1","kind":kind,"metadata":{"name":format!("{name}{bad}"),"namespace":"x",
            "uid":name,"resourceVersion":version.to_string(),"creationTimestamp":"2026-01-01T00:00:00Z",
            "labels":{format!("l{bad}"):bad},"annotations":{"a":bad},"managedFields":[{"manager":format!("m{bad}"),"operation":"Update",
                "time":format!("2026-01-01T00:00:0{version}Z"),"fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:k":{}},"f:spec":{}}}]}});
        object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        object
    };
    let pod = |version: u32| {
        let waiting = serde_json::json!({"waiting":{"reason":format!("CreateContainerConfigError{bad}"),"message":format!("no {bad}")}});
        serde_json::json!({"spec":{"containers":[{"name":"a","image":format!("i{version}{bad}"),"envFrom":[{"configMapRef":{"name":format!("c{bad}")}}]}]},
            "status":{"phase":"Pending","conditions":[{"type":"Ready","status":"False","reason":bad,"message":bad}],
                "containerStatuses":[{"name":"a","ready":false,"image":"i","state":waiting}]}})
    };
    let data =
        |v: &str| serde_json::json!({"data":{"k":format!("{v}{bad}"),"lines":format!("a\n{v}{bad}\nb\n")}});
    let line = |second: u32, kind: &str, resource: &str, object: serde_json::Value| {
        serde_json::json!({"ts":format!("2026-01-01T00:00:0{second}Z"),"group":"","version":"v1","resource":resource,"type":kind,"object":object})
            .to_string()
            + "\n"
    };
    let lines = [
        line(1, "ADDED", "configmaps", object("ConfigMap", "c", 1, data("1"))),
        line(2, "ADDED", "pods", object("Pod", "p", 2, pod(1))),
        line(3, "MODIFIED", "configmaps", object("ConfigMap", "c", 3, data("2"))),
        line(4, "MODIFIED", "pods", object("Pod", "p", 4, pod(2))),
    ];
    write(dir, "bad.tape", lines.concat());
    let mut declared = object("ConfigMap", "c", 1, data("3"));
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
        declared["metadata"].as_object_mut().unwrap().remove(field);
    }
    write(dir, "desired.json", declared.to_string());
}

#[test]
fn no_output_in_any_format_holds_what_could_mislead_its_reader() {
    let dir = folder();
    misleading(dir.path());
    let pod = "Pod/x/p\u{202e}\u{61c}\u{2066}\u{200e}\u{9b}31m\u{1b}[2J\u{200b}\u{e0041}";
    let mut commands = Vec::new();
    for format in ["text", "json", "yaml"] {
        for words in ["timeline --all", "check", "health -A", "why", "fights"] {
            commands.push(format!("{words} --tape DIR/bad.tape -o {format}"));
        }
        for words in ["history", "blame", "why", "impact"] {
            commands.push(format!("{words} KEY --tape DIR/bad.tape -o {format}"));
        }
    }
    for format in ["text", "json", "yaml", "markdown", "diff"] {
        commands.push(format!("diff --desired DIR/desired.json --live DIR/bad.tape -o {format}"));
    }
    for format in ["text", "dot", "mermaid", "svg", "json"] {
        commands.push(format!("graph KEY --tape DIR/bad.tape -o {format}"));
    }
    commands.extend(["json", "yaml"].map(|f| format!("show KEY --tape DIR/bad.tape -o {f}")));
    commands.extend(
        ["text", "json"]
            .map(|f| format!("watch --store DIR/{f} --tape DIR/bad.tape --desired DIR/desired.json -o {f}")),
    );
    commands.push("diff --desired DIR/desired.json --live DIR/bad.tape --side-by-side --explain".to_owned());
    commands.push("history KEY --tape DIR/bad.tape --side-by-side".to_owned());
    // A name that is nowhere is in the error.
    commands.push("show KEYx --tape DIR/bad.tape".to_owned());
    for command in commands {
        let ran = drift(&command.replace("KEY", pod), dir.path());
        assert!(ran.code < 2 || command.contains("KEYx"), "{command}: {ran:?}");
        let all = format!("{}{}", ran.out, ran.err);
        assert!(all.contains("202e") || all.contains("202E") || !command.contains("KEY"), "{command}: {all}");
        let shown = all.chars().find(|c| drift_core::text::is_hidden(*c) && !matches!(c, '\n' | '\t'));
        assert_eq!(shown, None, "{command}: {}", all.escape_debug());
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_said_to_be_none_at_once() {
    let dir = folder();
    let at = dir.path();
    assert!(std::process::Command::new("mkfifo").arg(at.join("pipe")).status().unwrap().success());
    std::fs::create_dir(at.join("folder")).unwrap();
    write(at, "d.yaml", NAMESPACE);
    for (words, what) in [
        ("diff --desired d.yaml --live pipe", "a named pipe"),
        ("diff --desired pipe --live d.yaml", "a named pipe"),
        ("diff --desired d.yaml --live /dev/zero", "a device"),
        ("diff --desired d.yaml --live folder", "a folder"),
        ("timeline --tape pipe", "a named pipe"),
        ("diff --desired d.yaml --live d.yaml --audit pipe", "a named pipe"),
    ] {
        let ran = drift(words, at);
        assert!(
            ran.code == 2 && ran.err.contains(what) && ran.err.contains("not a file"),
            "{words}: {ran:?}"
        );
    }
}
