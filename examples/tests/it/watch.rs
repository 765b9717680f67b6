//! `drift watch` while it runs: what is posted to it, and the fights that it tells of.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::run::{demo, drift, folder, write};
use crate::schema::violations;

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"ci","type":"dev.cdevents.pipelinerun.finished.0.2.0","subject":"Deployment.apps/shop/web","time":"2026-11-21T10:50:00Z"}"#;

const SECRET: &str = "yeast-and-flour-and-water";

fn token() -> String {
    format!("Authorization: Bearer {SECRET}\r\n")
}

/// A watch of the demo's tape that goes on listening.
struct Watch {
    child: Child,
    errors: BufReader<std::process::ChildStderr>,
    address: String,
}

impl Watch {
    fn start(dir: &Path, secret: &str) -> Self {
        Self::start_with(dir, secret, &[])
    }

    fn start_with(dir: &Path, secret: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drift"));
        command
            .args(["watch", "--store", "s", "--listen", "0", "--tape"])
            .arg(demo().join("shop.tape.jsonl.gz"));
        command
            .args(more)
            .current_dir(dir)
            .env("HOME", dir)
            .env("NO_COLOR", "1")
            .env_remove("DRIFT_LISTEN_SECRET");
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

    /// Ends it, and returns what it printed on standard output.
    fn findings(mut self) -> String {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.child.wait().unwrap();
        out
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
    let watch = Watch::start(dir.path(), SECRET);
    let token = &token();
    assert_eq!(watch.post("/events", token, EVENT), 202);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
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
    assert_eq!(watch.post("/elsewhere", token, EVENT), 404);
    let (code, said) = watch.stop();
    assert!(code.is_some_and(|c| c < 2), "{code:?} {said}");
    assert!(said.contains("refused requests: 1 were for another path (404)"), "{said}");
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
    let watch = Watch::start(dir.path(), SECRET);
    for headers in ["", "Authorization: Bearer flour\r\n", "X-Hub-Signature-256: sha256=00\r\n"] {
        assert_eq!(watch.post("/events", headers, EVENT), 401, "{headers}");
    }
    let (_, said) = watch.stop();
    let told: Vec<&str> = said.lines().filter(|l| l.starts_with("refused requests: ")).collect();
    assert!(!told.is_empty() && told.iter().all(|l| l.contains("did not know the secret (401)")), "{said}");
    assert!(!said.contains(SECRET) && !said.contains("flour"), "{said}");
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
    write(dir.path(), "short", "a\n");
    for (file, expect) in
        [("empty", "is empty"), ("short", "at least 16"), ("nowhere", "cannot read the secret in `nowhere`")]
    {
        let words = format!("watch --store t {tape} --listen 0 --listen-secret-file {file}");
        let ran = drift(&words, dir.path());
        assert!(ran.code == 2 && ran.err.contains(expect), "{ran:?}");
    }
}

/// The audit entry of a request of the demo: by its version, as the API server's webhook would have posted it.
fn entry(dir: &Path, user: &str, (verb, at): (&str, &str), resource: (&str, &str, &str, &str)) -> Value {
    let (resource, group, key, position) = resource;
    let words = format!("show {key} -n shop --tape DEMO/shop.tape.jsonl.gz --at {position} -o json");
    let shown = drift(&words, dir);
    let object: Value = serde_json::from_str(&shown.out).unwrap_or_else(|e| panic!("{e}: {shown:?}"));
    json!({"kind":"Event","stage":"ResponseComplete","verb":verb,"user":{"username":user},"auditID":format!("{key} {at}"),
        "requestURI":"/x?fieldManager=kubectl-set","objectRef":{"apiGroup":group,"resource":resource,"namespace":"shop","name":"web"},
        "responseStatus":{"code":200},"requestReceivedTimestamp":at,"stageTimestamp":at,
        "responseObject":{"kind":object["kind"],"metadata":{"name":"web","resourceVersion":object["metadata"]["resourceVersion"]}}})
}

/// The change of the image, and the creation of the autoscaler: plural, group, name and position.
const DEPLOYMENT: (&str, &str, &str, &str) = ("deployments", "apps", "deploy/web", "@112");
const AUTOSCALER: (&str, &str, &str, &str) = ("horizontalpodautoscalers", "autoscaling", "hpa/web", "@55");

fn batch(entries: &[Value]) -> String {
    json!({"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":entries}).to_string()
}

#[test]
fn the_user_of_a_posted_entry_stands_behind_the_change_everywhere() {
    let dir = folder();
    let at = dir.path();
    let manifests = demo().join("manifests");
    let watch = Watch::start_with(at, SECRET, &["--desired", &manifests.to_string_lossy()]);
    let mut of_image = entry(at, "bob@example.com", ("patch", "2026-11-21T10:49:01Z"), DEPLOYMENT);
    of_image["requestObject"] = json!({"spec":{"template":{"spec":{"containers":[{"name":"web","image":"registry.example/shop/web:1.4.3-debug"}]}}}});
    // As the level Metadata leaves it: neither body nor version.
    let mut of_env = entry(at, "dave@example.com", ("patch", "2026-11-21T10:49:51Z"), DEPLOYMENT);
    of_env.as_object_mut().unwrap().remove("responseObject");
    let entries =
        [of_image, of_env, entry(at, "carol@example.com", ("create", "2026-11-21T10:48:26Z"), AUTOSCALER)];
    assert_eq!(watch.post("/audit", &token(), &batch(&entries)), 202);
    std::thread::sleep(std::time::Duration::from_millis(500));
    let found = watch.findings();
    for (path, user) in [("].image", "bob@example.com"), ("FEATURE_NEW_CHECKOUT", "dave@example.com")] {
        let last = found.lines().rfind(|l| l.contains(path));
        assert!(last.is_some_and(|l| l.contains(user)), "{path}: {found}");
    }
    let ran = |words: &str| drift(&format!("{words} --store s"), at).out;
    for (words, user) in [
        ("history deploy/web -n shop", "bob@example.com"),
        ("timeline -n shop --kind deploy", "bob@example.com"),
        ("blame deploy/web -n shop", "bob@example.com"),
        ("diff --desired DEMO/manifests", "bob@example.com"),
        ("why hpa/web -n shop", "carol@example.com"),
        ("why hpa/web -n shop -o json", "carol@example.com"),
    ] {
        let out = ran(words);
        assert!(out.contains(user), "{words}: {out}");
    }
}

#[test]
fn an_entry_that_anybody_could_have_posted_names_nobody_and_a_contradiction_is_reported() {
    let dir = folder();
    let at = dir.path();
    let real = entry(at, "bob@example.com", ("patch", "2026-11-21T10:49:01Z"), DEPLOYMENT);
    let mut forged = real.clone();
    forged["user"]["username"] = "ceo@example.com".into();
    let watch = Watch::start(at, "");
    assert_eq!(watch.post("/audit", "", &batch(&[forged.clone()])), 202);
    let (_, said) = watch.stop();
    assert!(said.contains("without a secret"), "{said}");
    let diff = |note: &str| {
        let ran = drift("diff --desired DEMO/manifests --store s -o json", at);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let change = |c: &Value| c["pathText"].as_str().is_some_and(|p| p.ends_with("].image"));
        let web = report["resources"].as_array().unwrap().iter();
        let mut changes = web
            .filter(|r| r["key"]["kind"] == "Deployment" && r["key"]["name"] == "web")
            .flat_map(|r| r["changes"].as_array().unwrap());
        let user = changes.find(|c| change(c)).unwrap()["user"].clone();
        assert!(report["notes"].to_string().contains(note), "{}", report["notes"]);
        user
    };
    assert_eq!(diff("no evidence"), Value::Null);
    // The real one counts, and that somebody said otherwise is reported.
    let watch = Watch::start(at, SECRET);
    assert_eq!(watch.post("/audit", &token(), &batch(&[real])), 202);
    watch.stop();
    assert_eq!(
        diff("contradict each other: bob@example.com or ceo@example.com (from a sender"),
        "bob@example.com"
    );
    // Two senders that are known and disagree: neither is believed.
    let watch = Watch::start(at, SECRET);
    forged["user"]["username"] = "cto@example.com".into();
    assert_eq!(watch.post("/audit", &token(), &batch(&[forged])), 202);
    watch.stop();
    assert_eq!(diff("cto@example.com"), Value::Null);
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

#[test]
fn a_secret_that_was_rotated_stays_redacted_after_a_restart() {
    const OLD: &str = "Kd83jx92Qp4mXw7z";
    let dir = folder();
    let object = |kind: &str, version: u32, fields: Value| {
        let mut object = json!({"apiVersion": if kind == "Secret" { "v1" } else { "apps/v1" }, "kind": kind, "metadata": {"name": "oven",
            "namespace": "bakery", "uid": kind, "resourceVersion": version.to_string(), "creationTimestamp": time(1)}});
        object.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        object
    };
    let secret =
        |version: u32, value: &str| object("Secret", version, json!({"stringData": {"password": value}}));
    let deployment = |version: u32, replicas: u32| {
        let env = json!([{"name": "PASSWORD", "value": OLD}, {"name": "DSN", "value": format!("host=db;password={OLD}")}]);
        let pod = json!({"metadata": {"labels": {"app": "oven"}}, "spec": {"containers": [{"name": "oven", "image": "oven:1", "env": env}]}});
        let spec =
            json!({"replicas": replicas, "selector": {"matchLabels": {"app": "oven"}}, "template": pod});
        object("Deployment", version, json!({"spec": spec}))
    };
    let line = |kind: &str, second: u32, object: Value| {
        let is_secret = object["kind"] == "Secret";
        let (group, resource) = if is_secret { ("", "secrets") } else { ("apps", "deployments") };
        let line = json!({"ts": time(second), "group": group, "version": "v1", "resource": resource, "type": kind, "object": object});
        format!("{line}\n")
    };
    let first = [
        line("ADDED", 1, secret(1, OLD)),
        line("ADDED", 2, deployment(2, 1)),
        line("MODIFIED", 3, secret(3, "NewPw9xk27Qz41Lm")),
    ];
    write(dir.path(), "a.tape", first.concat());
    write(dir.path(), "b.tape", line("MODIFIED", 4, deployment(4, 2)));
    let mut declared = deployment(2, 2);
    declared["metadata"] = json!({"name": "oven", "namespace": "bakery"});
    write(dir.path(), "manifests/oven.yaml", declared.to_string());
    assert_eq!(drift("watch --store s --tape DIR/a.tape", dir.path()).code, 0);
    let runs = [
        "watch --store s --tape DIR/b.tape --desired DIR/manifests -o json",
        "show deploy/oven -n bakery --store s",
        "history deploy/oven -n bakery --store s",
        "timeline --all --store s",
        "blame deploy/oven -n bakery --store s",
        "diff --store s --desired DIR/manifests --show-managed",
        "diff --store s --desired DIR/manifests --at @2",
    ];
    let printed: Vec<String> = runs.iter().map(|words| drift(words, dir.path()).out).collect();
    for (words, out) in runs.iter().zip(&printed) {
        assert!(!out.contains("Kd83"), "{words}: {out}");
    }
    assert!(
        printed[1].contains("value: <redacted>") && printed[1].contains("password=<redacted>"),
        "{}",
        printed[1]
    );
    let history = &printed[2];
    assert!(history.contains("replicas") && !history.contains(".value"), "{history}");
    // Taken again, it is nothing new.
    let again = drift("watch --store s --tape DIR/a.tape", dir.path());
    assert!(again.code == 0 && again.out.starts_with("0 new events"), "{}", again.out);
}

#[test]
fn an_audit_log_in_a_file_is_refused_with_what_takes_one() {
    let dir = folder();
    write(dir.path(), ".drift.yaml", "audit: audit.log\n");
    let ran = drift("watch --store DIR/s --tape DEMO/shop.tape.jsonl.gz", dir.path());
    assert!(ran.code < 2, "{ran:?}");
    let ran = drift("watch --store DIR/s --tape DEMO/shop.tape.jsonl.gz --audit DIR/audit.log", dir.path());
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("--listen ADDR") && ran.err.contains("why, blame, history"), "{ran:?}");
}

/// Manifests of two apps that name no namespace, each of which lies in its own.
#[test]
fn two_apps_have_a_namespace_each_and_without_one_nothing_is_said_to_be_missing() {
    let dir = folder();
    let prices = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "1"}});
    let mut tape = String::new();
    for (namespace, name) in [("boutique", "prices"), ("sock-shop", "sizes")] {
        let mut object = prices(name);
        object["metadata"]["namespace"] = namespace.into();
        object["metadata"]["resourceVersion"] = "5".into();
        let line = json!({"ts": "2026-01-01T00:00:00Z", "group": "", "version": "v1", "resource": "configmaps", "type": "LISTED", "object": object});
        tape.push_str(&format!("{line}\n"));
        write(dir.path(), &format!("{namespace}/{name}.json"), prices(name).to_string());
    }
    write(dir.path(), "two.tape", tape);
    let ran = drift("watch --store DIR/a --tape two.tape --desired boutique --desired sock-shop", dir.path());
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(!ran.out.contains("missing"), "{ran:?}");
    let text = "1 declared without a namespace, prices for one, not in `default`, but there in `boutique`";
    assert!(ran.err.contains(text) && ran.err.contains("--desired NAME=FOLDER"), "{ran:?}");
    let named = "--desired boutique=boutique --desired sock-shop=sock-shop";
    let ran = drift(&format!("watch --store DIR/b --tape two.tape {named}"), dir.path());
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = drift(&format!("diff --live two.tape {named}"), dir.path());
    assert!(ran.code == 0 && ran.out.contains("2 in sync"), "{ran:?}");
    let ran = drift("diff --live two.tape -f boutique=boutique", dir.path());
    assert_eq!(ran.code, 0, "{ran:?}");
}
