use serde_json::Value;

use crate::run::{Ran, drift, drift_with, folder, write};
use crate::schema::violations;

const TAPE: &str = "--tape DEMO/shop.tape.jsonl.gz";
const DIFF: &str = "diff --desired DEMO/manifests --live DEMO/shop.tape.jsonl.gz";

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"))
}

fn check_schema(words: &str, schema: &str) -> Value {
    let dir = folder();
    let path = format!("{}/../drift-sinks/schemas/{schema}.v1.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let document = json(&drift(words, dir.path()));
    assert_eq!(violations(&schema, &document), Vec::<String>::new(), "{words}");
    document
}

#[test]
fn documents_are_as_their_schemas_say() {
    let report = check_schema(&format!("{DIFF} -o json --explain --show-managed"), "drift-report");
    assert_eq!(report["summary"]["drifted"], 4);
    let timeline = check_schema(&format!("timeline {TAPE} --all -o json"), "timeline");
    assert!(timeline["events"].as_array().unwrap().len() > 300);
    let history = check_schema(&format!("history deploy/web -n shop {TAPE} --all -o json"), "history");
    assert!(history["versions"].as_array().unwrap().len() > 20);
}

#[test]
fn findings_and_store_reports_are_as_their_schemas_say() {
    let dir = folder();
    let watch = "watch --store DIR/s --tape DEMO/shop.tape.jsonl.gz --desired DEMO/manifests -o json";
    let ran = drift(watch, dir.path());
    assert_eq!(ran.code, 1, "{ran:?}");
    let schema = |name: &str| -> Value {
        let path = format!("{}/../drift-sinks/schemas/{name}.v1.schema.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let lines: Vec<Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 9);
    for line in &lines {
        assert_eq!(violations(&schema("finding"), line), Vec::<String>::new());
    }
    let verified = drift("verify --store DIR/s -o json", dir.path());
    assert_eq!(verified.code, 0);
    assert_eq!(violations(&schema("store-report"), &json(&verified)), Vec::<String>::new());
    // A tape that is watched twice adds nothing, and what is found is still told.
    let again = drift(&watch.replace(" -o json", ""), dir.path());
    assert!(again.out.contains("0 new events"), "{again:?}");
}

#[test]
fn exit_codes_say_what_was_found() {
    let dir = folder();
    assert_eq!(drift(DIFF, dir.path()).code, 1);
    assert_eq!(drift(&format!("{DIFF} --detailed-exitcode"), dir.path()).code, 2);
    let clean = "diff --desired DEMO/manifests/namespace.yaml --live DEMO/shop.tape.jsonl.gz";
    assert_eq!(drift(clean, dir.path()).code, 0);
    assert_eq!(drift(&format!("{clean} --detailed-exitcode"), dir.path()).code, 0);
}

#[test]
fn a_store_a_tape_and_a_pipe_give_the_same_verdicts() {
    let dir = folder();
    drift("watch --store DIR/s --tape DEMO/shop.tape.jsonl.gz", dir.path());
    let of = |words: &str| drift(words, dir.path()).out;
    let store = of("diff --desired DEMO/manifests --store DIR/s -o json");
    assert_eq!(
        store,
        of("diff --desired DEMO/manifests --tape DEMO/shop.tape.jsonl.gz -o json")
            .replace("(@319)", "(@320)")
    );
    let tape = std::fs::read(crate::run::demo().join("shop.tape.jsonl.gz")).unwrap();
    let piped = drift_with("diff --desired DEMO/manifests --live - -o json", dir.path(), &tape);
    assert_eq!(piped.out, of(&format!("{DIFF} -o json")));
}

#[test]
fn a_time_shows_how_it_was() {
    let dir = folder();
    let before = drift(&format!("{DIFF} --at 2026-11-21T10:48:50Z -o json"), dir.path());
    assert_eq!(json(&before)["summary"]["changes"], 1, "the autoscaler's");
    let show = |at: &str| drift(&format!("show svc/cart -n shop {TAPE} --at {at}"), dir.path());
    assert!(show("2026-11-21T10:49:45Z").out.contains("targetPort: 9090"));
    assert!(show("2026-11-21T10:50:40Z").out.contains("targetPort: http"));
    let early = show("2026-11-21T10:00:00Z");
    assert_eq!(early.code, 2);
    assert!(early.err.contains("first seen"), "{early:?}");
    let gone = drift(&format!("show cm/feature-flags -n shop {TAPE}"), dir.path());
    assert!(gone.err.contains("was deleted at 2026-11-21 10:49:59Z"), "{gone:?}");
}

#[test]
fn secrets_are_shown_by_no_command() {
    let dir = folder();
    for words in [
        format!("show secret/db-login -n shop {TAPE}"),
        format!("show secret/db-login -n shop {TAPE} -o json --show-managed-fields"),
        format!("history secret/db-login -n shop {TAPE}"),
        format!("history secret/db-login -n shop {TAPE} --side-by-side"),
        format!("history secret/db-login -n shop {TAPE} -o json"),
        format!("timeline secret/db-login {TAPE} --all -o yaml"),
        format!("{DIFF} -o json"),
        format!("{DIFF} -o yaml"),
        format!("{DIFF} -o markdown"),
        format!("{DIFF} -o diff"),
        format!("{DIFF} --side-by-side"),
    ] {
        let ran = drift(&words, dir.path());
        assert!(ran.out.contains("db-login") && ran.code < 2, "{words}: {ran:?}");
        for value in [
            "bm90LWEtcmVhbC1wYXNzd29yZA",
            "bmVpdGhlci1pcy10aGlzLW9uZQ",
            "not-a-real-password",
            "neither-is-this-one",
        ] {
            assert!(!ran.out.contains(value), "{words}: {}", ran.out);
        }
    }
}

#[test]
fn labels_choose_what_is_compared() {
    let dir = folder();
    let ran = drift(&format!("{DIFF} -l app.kubernetes.io/name=cart -o json"), dir.path());
    let report = json(&ran);
    assert_eq!(
        (&report["summary"]["declared"], &report["summary"]["drifted"]),
        (&1.into(), &1.into()),
        "{report}"
    );
    assert_eq!(report["summary"]["extra"], 0);
}

#[test]
fn filters_narrow_the_timeline() {
    let dir = folder();
    let lines = |words: &str| {
        let ran = drift(&format!("timeline {TAPE} {words} -o json"), dir.path());
        json(&ran)["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["what"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(lines("cm/feature-flags -n shop"), ["created", "deleted"]);
    assert_eq!(lines("--manager kubectl-edit"), ["changed"]);
    assert_eq!(lines("--kind job"), ["created"]);
    assert_eq!(lines("-n shop --since 2026-11-21T10:50:20Z"), ["changed"]);
    assert_eq!(lines("-n elsewhere"), Vec::<String>::new());
}

#[test]
fn a_filter_that_nothing_fits_is_named() {
    let dir = folder();
    let of = |words: &str| drift(&format!("timeline {TAPE} {words}"), dir.path());
    let unknown = of("deploy/wbe");
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(unknown.err.contains("nearest: Deployment.apps/shop/web"), "{unknown:?}");
    let elsewhere = of("-n elsewhere --kind widget");
    assert_eq!((elsewhere.code, &*elsewhere.out), (0, ""));
    assert!(
        elsewhere.err.contains("nothing is recorded in namespace `elsewhere`; there is "),
        "{elsewhere:?}"
    );
    assert!(elsewhere.err.contains("nothing of kind `widget` is recorded"), "{elsewhere:?}");
    // Known, but without an event in the time that is asked about.
    assert_eq!(of("deploy/web --since 2026-11-22").code, 0);
}

#[test]
fn the_audit_log_names_users_in_timeline_and_history() {
    let dir = folder();
    let object = |version: &str, value: &str| {
        serde_json::json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop","uid":"u","resourceVersion":version},
            "data":{"k":value}})
    };
    let line = |kind: &str, at: &str, object: Value| {
        serde_json::json!({"ts":at,"group":"","version":"v1","resource":"configmaps","type":kind,"object":object}).to_string()
    };
    let (first, second) = ("2026-11-21T10:00:00Z", "2026-11-21T10:05:00Z");
    let tape = [line("ADDED", first, object("1", "x")), line("MODIFIED", second, object("2", "y"))];
    write(dir.path(), "t.jsonl", tape.join("\n"));
    let audit = serde_json::json!({"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"1","stage":"ResponseComplete",
        "requestURI":"/api/v1/namespaces/shop/configmaps/a","verb":"patch","user":{"username":"bob@example.com"},
        "objectRef":{"resource":"configmaps","namespace":"shop","name":"a","apiVersion":"v1"},"responseStatus":{"code":200},
        "requestObject":{"data":{"k":"y"}},"responseObject":object("2", "y"),
        "requestReceivedTimestamp":"2026-11-21T10:04:59.900000Z","stageTimestamp":"2026-11-21T10:04:59.950000Z"});
    write(dir.path(), "audit.log", format!("{audit}\n"));
    for words in ["timeline", "history cm/a -n shop"] {
        let named = drift(&format!("{words} --tape t.jsonl --audit audit.log"), dir.path());
        assert_eq!(named.code, 0, "{named:?}");
        assert!(named.out.contains(" by bob@example.com"), "{named:?}");
        assert!(!drift(&format!("{words} --tape t.jsonl"), dir.path()).out.contains("bob"));
    }
}

#[test]
fn an_external_program_shows_whole_objects() {
    let dir = folder();
    let ran = drift(&format!("{DIFF} -o diff"), dir.path());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("-        image: registry.example/shop/web:1.4.3-debug"), "{}", ran.out);
    assert!(ran.out.contains("+        image: registry.example/shop/web:1.4.2"), "{}", ran.out);
}

#[test]
fn what_is_piped_is_compared() {
    let dir = folder();
    let manifest = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: other}}\n";
    let ran = drift_with(
        "diff --desired - --live DEMO/shop.tape.jsonl.gz -o json",
        dir.path(),
        manifest.as_bytes(),
    );
    let change = &json(&ran)["resources"][0]["changes"][0];
    assert_eq!(
        (change["pathText"].as_str(), change["line"].as_u64()),
        (Some(".metadata.labels.team"), Some(3))
    );
}

#[test]
fn git_is_read_at_a_revision() {
    let dir = folder();
    let git = |args: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.args(args).current_dir(dir.path().join("repo")).env("HOME", dir.path());
        for (name, value) in [("NAME", "Robin"), ("EMAIL", "robin@example.com")] {
            command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        assert!(command.output().unwrap().status.success(), "{args:?}");
    };
    let manifest = |team: &str| {
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{team: {team}}}}}\n")
    };
    write(dir.path(), "repo/apps/ns.yaml", manifest("storefront"));
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    write(dir.path(), "repo/apps/ns.yaml", manifest("other"));
    git(&["commit", "-q", "-a", "-m", "two"]);
    let at = |revision: &str| {
        let words = format!("diff --desired repo@{revision}:apps --live DEMO/shop.tape.jsonl.gz -o json");
        let ran = drift(&words, dir.path());
        (ran.code, json(&ran)["resources"][0]["declared"]["revision"].as_str().map(str::len))
    };
    assert_eq!(at("main"), (1, Some(40)));
    assert_eq!(at("main~1"), (0, Some(40)));
    let wrong = drift("diff --desired repo@nowhere --live DEMO/shop.tape.jsonl.gz", dir.path());
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("no revision `nowhere`"), "{wrong:?}");
}

/// Two workloads, each of which lacks its ConfigMap.
fn unconfigured(name: &str) -> Value {
    let env = serde_json::json!([{"configMapRef": {"name": format!("{name}-conf")}}]);
    serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}, "generation": 1},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "x:1", "envFrom": env}]}}},
        "status": {"observedGeneration": 1, "replicas": 1, "unavailableReplicas": 1, "conditions": [{"type": "Progressing",
            "status": "False", "reason": "ProgressDeadlineExceeded", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}})
}

#[test]
fn whatever_looks_for_something_takes_labels() {
    let dir = folder();
    let items = [unconfigured("web"), unconfigured("cart")];
    write(
        dir.path(),
        "live.json",
        serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string(),
    );
    for command in ["check", "why", "health"] {
        let ran = drift(&format!("{command} --live DIR/live.json -l app=web"), dir.path());
        assert!(ran.out.contains("Deployment.apps/shop/web") && !ran.out.contains("cart"), "{ran:?}");
        let ran = drift(&format!("{command} --live DIR/live.json -l app=none --allow-unknown"), dir.path());
        assert!(ran.code == 0 && !ran.out.contains("Deployment"), "{ran:?}");
    }
    let ran = drift("why deploy/web --live DIR/live.json -l app=web", dir.path());
    assert!(ran.code == 2 && ran.err.contains("leave out one of the two"), "{ran:?}");
    let fights = drift(&format!("fights {TAPE} -l app=none"), dir.path());
    assert!(!fights.out.contains("Deployment") && fights.code != 2, "{fights:?}");
}
