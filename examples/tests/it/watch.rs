//! `drift watch` while it runs: what is posted to it, and the fights that it tells of.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::run::{demo, drift, folder, write};
use crate::schema::violations;

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"ci","type":"dev.cdevents.pipelinerun.finished.0.2.0","subject":"Deployment.apps/shop/web","time":"2026-11-21T10:50:00Z"}"#;

/// A watch of the demo's tape that goes on listening.
struct Watch {
    child: Child,
    errors: BufReader<std::process::ChildStderr>,
    address: String,
}

impl Watch {
    fn start(dir: &Path, secret: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drift"));
        command
            .args(["watch", "--store", "s", "--listen", "0", "--tape"])
            .arg(demo().join("shop.tape.jsonl.gz"));
        command.current_dir(dir).env("HOME", dir).env("NO_COLOR", "1").env_remove("DRIFT_LISTEN_SECRET");
        if !secret.is_empty() {
            write(dir, "secret", format!("{secret}\n"));
            command.args(["--listen-secret-file", "secret"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap_or_else(|| panic!("{line}"));
        let address = address.split(':').take(2).collect::<Vec<_>>().join(":");
        Self { child, errors, address }
    }

    /// Posts and returns the status of the answer.
    fn post(&self, path: &str, headers: &str, body: &str) -> u16 {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Ends it as a supervisor does, and returns its exit code and what it said besides its findings.
    fn stop(mut self) -> (Option<i32>, String) {
        let ended = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(ended.success());
        let mut rest = String::new();
        self.errors.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

/// What happened by the store, as texts.
fn happened(dir: &Path) -> Vec<String> {
    let ran = drift("timeline --store s --all -o json", dir);
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    let events = report["events"].as_array().unwrap().iter().filter(|e| e["what"] == "happened");
    events.map(ToString::to_string).collect()
}

#[test]
fn what_is_posted_is_in_the_store_beside_what_is_watched() {
    let dir = folder();
    let watch = Watch::start(dir.path(), "yeast");
    let token = "Authorization: Bearer yeast\r\n";
    assert_eq!(watch.post("/events", token, EVENT), 202);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"yeast");
    let second = EVENT.replace("finished", "started");
    let tag = ring::hmac::sign(&key, second.as_bytes());
    let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(watch.post("/", &format!("X-Hub-Signature-256: sha256={hex}\r\n"), &second), 202);
    let entry = json!({"kind":"Event","stage":"ResponseComplete","verb":"patch","user":{"username":"ann"},"auditID":"a",
        "objectRef":{"apiGroup":"apps","apiVersion":"v1","resource":"deployments","namespace":"shop","name":"web"},
        "responseStatus":{"code":200},"stageTimestamp":"2026-11-21T10:50:01Z"});
    let batch = json!({"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[entry]}).to_string();
    assert_eq!(watch.post("/audit", token, &batch), 202);
    // A sender that did not hear the answer tells again.
    assert_eq!(watch.post("/audit", token, &batch), 202);
    assert_eq!(watch.post("/elsewhere", token, EVENT), 400);
    let (code, said) = watch.stop();
    assert!(code.is_some_and(|c| c < 2), "{code:?} {said}");
    assert!(said.contains("refused requests: 1 could not be read (400)"), "{said}");
    let all = happened(dir.path());
    for expect in ["pipelinerun.finished", "pipelinerun.started", "patch by ann"] {
        let found: Vec<_> = all.iter().filter(|e| e.contains(expect)).collect();
        assert!(found.len() == 1 && found[0].contains("\"name\":\"web\""), "{expect}: {found:?}");
    }
    let history = drift("history deploy/web -n shop --store s -o json", dir.path());
    assert_eq!(history.code, 0, "{history:?}");
    assert_eq!(drift("verify --store s", dir.path()).code, 0);
}

#[test]
fn who_does_not_know_the_secret_leaves_nothing() {
    let dir = folder();
    let watch = Watch::start(dir.path(), "yeast");
    for headers in ["", "Authorization: Bearer flour\r\n", "X-Hub-Signature-256: sha256=00\r\n"] {
        assert_eq!(watch.post("/events", headers, EVENT), 401, "{headers}");
    }
    let (_, said) = watch.stop();
    let told: Vec<&str> = said.lines().filter(|l| l.starts_with("refused requests: ")).collect();
    assert!(!told.is_empty() && told.iter().all(|l| l.contains("did not know the secret (401)")), "{said}");
    assert!(!said.contains("yeast") && !said.contains("flour"), "{said}");
    assert!(!happened(dir.path()).iter().any(|e| e.contains("pipelinerun")));
}

#[test]
fn without_a_secret_only_this_machine_is_heard_and_no_page_in_a_browser() {
    let dir = folder();
    let watch = Watch::start(dir.path(), "");
    assert!(watch.address.starts_with("127.0.0.1:"));
    assert_eq!(watch.post("/events", "Origin: http://elsewhere.example\r\n", EVENT), 401);
    assert_eq!(watch.post("/events", "", EVENT), 202);
    // However early it is told to end: what it accepted is in the store.
    let (code, said) = watch.stop();
    assert!(code.is_some(), "it died of the signal: {said}");
    assert_eq!(happened(dir.path()).iter().filter(|e| e.contains("pipelinerun")).count(), 1);
    let tape = "--tape DEMO/shop.tape.jsonl.gz";
    let open = drift(&format!("watch --store t {tape} --listen 0.0.0.0:0"), dir.path());
    assert_eq!(open.code, 2);
    assert!(open.err.contains("without a secret") && open.err.contains("--listen-secret-file"), "{open:?}");
    write(dir.path(), "empty", "\n");
    for (file, expect) in [("empty", "is empty"), ("nowhere", "cannot read the secret in `nowhere`")] {
        let words = format!("watch --store t {tape} --listen 0 --listen-secret-file {file}");
        let ran = drift(&words, dir.path());
        assert!(ran.code == 2 && ran.err.contains(expect), "{ran:?}");
    }
}

fn time(second: u32) -> String {
    format!("2030-01-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Lines of a tape in which a field is overwritten in turn by an engine and another one, at these seconds.
fn tape(other: &str, seconds: &[u32]) -> String {
    let line = |(i, second): (usize, &u32)| {
        let (crust, manager) = [("thick", "argocd-controller"), ("thin", other)][i % 2];
        let (second, version) = (time(*second), i + 1);
        let kind = if i == 0 { "ADDED" } else { "MODIFIED" };
        json!({"ts":second,"group":"","version":"v1","resource":"configmaps","type":kind,"object":{
            "apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"oven","namespace":"bakery","uid":"u","resourceVersion":version.to_string(),
                "creationTimestamp":time(1),
                "annotations":{"argocd.argoproj.io/tracking-id":"cakes:/ConfigMap:bakery/oven"},
                "managedFields":[{"manager":manager,"operation":"Update","time":second,"fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:crust":{}}}}]},
            "data":{"crust":crust}}})
    };
    seconds.iter().enumerate().map(|(i, s)| format!("{}\n", line((i, s)))).collect()
}

#[test]
fn a_fight_is_told_when_it_is_one_though_it_began_in_an_earlier_run() {
    let dir = folder();
    let all = [1, 11, 21, 31, 41];
    let told = |until: usize| {
        write(dir.path(), "fight.tape", tape("robot", &all[..until]));
        let ran = drift("watch --store s --tape DIR/fight.tape", dir.path());
        let lines: Vec<String> = ran.out.lines().filter(|l| l.contains("fight")).map(str::to_owned).collect();
        (ran.code, lines)
    };
    assert_eq!(told(4).1, Vec::<String>::new(), "one overwrite of one side is missing");
    // The store holds how it began.
    let (code, lines) = told(5);
    assert_eq!((code, lines.len()), (1, 1), "{lines:?}");
    let expect = "ConfigMap/bakery/oven .data.crust 4 changes by argocd-controller and robot since 2030-01-01 00:00:11Z";
    assert!(lines[0].contains(expect), "{lines:?}");
    assert_eq!(told(5), (0, Vec::new()), "nothing came");
}

#[test]
fn findings_of_fights_and_reverts_are_as_the_schema_says() {
    let dir = folder();
    let schema = format!("{}/../drift-sinks/schemas/finding.v1.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let told = |store: &str, other: &str, seconds: &[u32]| {
        write(dir.path(), "a.tape", tape(other, seconds));
        let ran = drift(&format!("watch --store {store} --tape DIR/a.tape -o json"), dir.path());
        let lines: Vec<Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        lines.iter().for_each(|line| assert_eq!(violations(&schema, line), Vec::<String>::new()));
        lines.iter().map(|l| format!("{} {}", l["what"], l["pathText"])).collect::<Vec<_>>()
    };
    assert_eq!(told("fight", "robot", &[1, 11, 21, 31, 41]), [r#""Fight" ".data.crust""#]);
    assert_eq!(told("revert", "kubectl-edit", &[1, 60, 62]), [r#""Reverted" ".data.crust""#]);
    assert_eq!(told("revert", "kubectl-edit", &[1, 60, 62]), Vec::<String>::new());
    // Hand and engine in turn are a fight, and no list of reverts beside it.
    assert_eq!(told("hand", "kubectl-edit", &[1, 11, 21, 31, 41]), [r#""Fight" ".data.crust""#]);
}
