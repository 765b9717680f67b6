//! A thousand values of Secrets, planted in every place and form, are in no output, store, tape, temporary file or log.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drift_core::{EventStore, Position};
use drift_sinks::store::embedded::EmbeddedStore;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::run::{folder, write};

/// Values that are planted: half of them live, half of them declared.
const VALUES: usize = 1000;

/// A generator of numbers with a seed, so that a failure comes again.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        (0..length).map(|_| char::from(alphabet.as_bytes()[self.next(alphabet.len())])).collect()
    }

    /// Returns a value as programs and people make them; only letters and digits where a place takes nothing else.
    fn value(&mut self, is_simple: bool) -> String {
        const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        const SIGNS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#%&*+-./:;<=>?@^_|~\"'\\{}[](),$`";
        match self.next(if is_simple { 3 } else { 6 }) {
            0 => self.text(LETTERS, 20),
            1 => self.text("0123456789abcdef", 32),
            2 => self.text("abcdefghijklmnopqrstuvwxyz0123456789", 16),
            3 => self.text(SIGNS, 24),
            4 => STANDARD.encode(self.text(SIGNS, 33)),
            _ => {
                let hex = self.text("0123456789abcdef", 32);
                format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
            }
        }
    }
}

/// Where copies of a value stand, besides its Secret.
const PLACES: &[&str] = &[
    "data",
    "stringData",
    "extra",
    "plain annotation",
    "kapp",
    "rio",
    "label",
    "last applied",
    "ConfigMap",
    "base64",
    "YAML",
    "JSON",
    "gzip",
    "env",
    "args",
    "HelmRelease",
    "parameters",
    "values",
    "event",
    "Object",
    "template",
    "URL",
    "status",
    "percent",
];

fn gzip(text: &str) -> String {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    STANDARD.encode(out.finish().unwrap())
}

fn percent(value: &str) -> String {
    let byte =
        |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    value.bytes().map(byte).collect()
}

fn object(api_version: &str, kind: &str, name: &str, fields: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{kind}-{name}")}});
    for (key, value) in fields.as_object().unwrap() {
        match (key.as_str(), &mut object["metadata"]) {
            ("annotations" | "labels", metadata) => metadata[key] = value.clone(),
            _ => object[key] = value.clone(),
        }
    }
    object
}

/// Returns the objects that hold a value: its Secret, and what has a copy of it.
fn planted(i: usize, value: &str) -> Vec<Value> {
    let name = format!("thing-{i:04}");
    let secret = |fields: Value| object("v1", "Secret", &name, fields);
    let data = json!({"password": STANDARD.encode(value)});
    let manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "shop"}, "stringData": {"password": value}});
    let annotated = |key: &str, text: String| secret(json!({"data": data, "annotations": {key: text}}));
    let with = |other: Value| vec![other, secret(json!({"data": data}))];
    let map = |text: String| with(object("v1", "ConfigMap", &name, json!({"data": {"text": text}})));
    let of_helm = |helm: Value| {
        let source = json!({"repoURL": "https://git.example.com/shop.git", "path": "x", "helm": helm});
        with(object(
            "argoproj.io/v1alpha1",
            "Application",
            &name,
            json!({"spec": {"source": source, "destination": {"namespace": "shop"}}}),
        ))
    };
    let workload = |container: Value| {
        let mut container = container;
        container["name"] = "app".into();
        container["image"] = "registry.example.com/app:1".into();
        let template = json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}});
        with(object(
            "apps/v1",
            "Deployment",
            &name,
            json!({"spec": {"selector": {"matchLabels": {"app": name}}, "template": template}}),
        ))
    };
    match PLACES[i % PLACES.len()] {
        "data" => vec![secret(json!({"data": data}))],
        "stringData" => vec![secret(json!({"stringData": {"password": value}}))],
        "extra" => vec![secret(json!({"data": {}, "binaryData": {"a": value}, "spec": {"deep": [value]}}))],
        "plain annotation" => vec![annotated("example.com/note", value.to_owned())],
        "kapp" => vec![annotated("kapp.k14s.io/original", manifest.to_string())],
        "rio" => vec![annotated("objectset.rio.cattle.io/applied", gzip(&manifest.to_string()))],
        "label" => vec![secret(json!({"data": data, "labels": {"copy": value}}))],
        "last applied" => {
            vec![annotated("kubectl.kubernetes.io/last-applied-configuration", manifest.to_string())]
        }
        "ConfigMap" => map(format!("password is {value} today")),
        "base64" => map(STANDARD.encode(format!("user:{value}"))),
        "YAML" => map(format!(
            "kind: ConfigMap\n---\napiVersion: v1\nkind: Secret\nstringData:\n  a: {}\n",
            json!(value)
        )),
        "JSON" => map(json!({"deep": json!({"password": value}).to_string()}).to_string()),
        "gzip" => map(gzip(&format!("# copy\n{manifest}"))),
        "env" => workload(json!({"env": [{"name": "SETTING", "value": value}]})),
        "args" => workload(json!({"args": [format!("--setting={value}")]})),
        "HelmRelease" => with(object(
            "helm.toolkit.fluxcd.io/v2",
            "HelmRelease",
            &name,
            json!({"spec": {"chart": {"spec": {"chart": "x"}}, "values": {"deep": {"setting": value}}}}),
        )),
        "parameters" => of_helm(json!({"parameters": [{"name": "setting", "value": value}]})),
        "values" => of_helm(json!({"values": format!("setting: {}\n", json!(value))})),
        "event" => with(object(
            "v1",
            "Event",
            &name,
            json!({"involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "p", "namespace": "shop"}, "reason": "Failed", "type": "Warning", "message": format!("login with {value} failed"), "lastTimestamp": "2026-11-21T10:00:00Z"}),
        )),
        "Object" => vec![object(
            "kubernetes.crossplane.io/v1alpha2",
            "Object",
            &name,
            json!({"spec": {"forProvider": {"manifest": manifest}}}),
        )],
        "template" => vec![object(
            "external-secrets.io/v1",
            "ExternalSecret",
            &name,
            json!({"spec": {"target": {"template": {"data": {"password": value}}}}}),
        )],
        "URL" => map(format!("postgres://app:{}@db.shop.svc/app", percent(value))),
        "status" => with(object(
            "example.com/v1",
            "Database",
            &name,
            json!({"spec": {"size": 1}, "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Login", "message": format!("no login with '{value}'")}]}}),
        )),
        "percent" => with(object(
            "v1",
            "ConfigMap",
            &name,
            json!({"data": {}, "annotations": {"example.com/link": format!("https://x.example/?p={}&a=b", percent(value))}}),
        )),
        other => panic!("{other}"),
    }
}

/// Finds any of the forms of many values in a text.
struct Search(HashMap<[u8; 8], Vec<(usize, Vec<u8>)>>);

impl Search {
    fn new(values: &[String]) -> Self {
        let mut heads: HashMap<[u8; 8], Vec<(usize, Vec<u8>)>> = HashMap::new();
        for (i, value) in values.iter().enumerate() {
            let encoded = STANDARD.encode(value);
            let json = json!(value).to_string();
            // Without the last characters, which padding changes.
            let forms = [
                value.clone(),
                encoded[..encoded.len() - 4].to_owned(),
                json.trim_matches('"').to_owned(),
                percent(value),
            ];
            for form in forms {
                let head = *form.as_bytes().first_chunk().unwrap();
                heads.entry(head).or_default().push((i, form.into_bytes()));
            }
        }
        Self(heads)
    }

    /// Panics when a value is in some bytes.
    fn is_clean(&self, bytes: &[u8], what: &str) {
        for (at, head) in bytes.windows(8).enumerate() {
            let Some(forms) = self.0.get(head) else { continue };
            if let Some((i, form)) = forms.iter().find(|(_, form)| bytes[at..].starts_with(form)) {
                let around = &bytes[at.saturating_sub(120)..bytes.len().min(at + form.len() + 60)];
                let place = PLACES[i % PLACES.len()];
                panic!("value {i} ({place}) is in {what}: {}", String::from_utf8_lossy(around));
            }
        }
    }

    fn is_clean_folder(&self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => self.is_clean_folder(&path),
                false => self.is_clean(&std::fs::read(&path).unwrap(), &path.display().to_string()),
            }
        }
    }
}

/// A tape as other tools record them: with Secrets, and copies before them.
fn tape(live: &[Value], later: &[Value]) -> String {
    let mut text = String::new();
    for (n, (kind, object)) in
        live.iter().map(|o| ("ADDED", o)).chain(later.iter().map(|o| ("MODIFIED", o))).enumerate()
    {
        let (group, version) = object["apiVersion"].as_str().unwrap().rsplit_once('/').unwrap_or(("", "v1"));
        let mut object = object.clone();
        object["metadata"]["resourceVersion"] = (100 + n).to_string().into();
        let resource = format!("{}s", object["kind"].as_str().unwrap().to_lowercase());
        let at = format!("2026-11-21T{:02}:{:02}:{:02}Z", 10 + n / 3600, n / 60 % 60, n % 60);
        let line = json!({"ts": at, "group": group, "version": version, "resource": resource, "type": kind, "object": object});
        writeln!(text, "{line}").unwrap();
    }
    text
}

/// The audit log of who made the changes, with bodies.
fn audit(objects: &[Value]) -> String {
    let entry = |(n, object): (usize, &Value)| {
        let (kind, name) = (object["kind"].as_str().unwrap().to_lowercase(), &object["metadata"]["name"]);
        let reference =
            json!({"resource": format!("{kind}s"), "namespace": "shop", "name": name, "apiVersion": "v1"});
        json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": format!("a-{n}"), "stage": "ResponseComplete",
            "verb": "update", "user": {"username": "bob@example.com"}, "objectRef": reference, "responseStatus": {"code": 200},
            "requestObject": object, "responseObject": object, "requestReceivedTimestamp": "2026-11-21T10:00:00.000000Z", "stageTimestamp": "2026-11-21T10:00:00.000000Z"})
            .to_string()
    };
    objects.iter().enumerate().map(entry).collect::<Vec<_>>().join("\n")
}

/// Runs a command and returns all that it printed.
fn printed(words: &str, dir: &Path) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drift"));
    command.args(words.split_whitespace()).current_dir(dir);
    command
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env("HOME", dir)
        .env("NO_COLOR", "1")
        .env("RUST_LOG", "trace");
    command
        .env("TMPDIR", dir.join("tmp"))
        .env("KUBECTL_EXTERNAL_DIFF", dir.join("keep.sh"))
        .env("KUBECONFIG", dir.join("kubeconfig"));
    let output = command.output().unwrap();
    let all = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&all);
    assert!(
        !text.contains("panicked") && !text.contains("unexpected argument") && !text.contains("Usage:"),
        "{words}: {text:.800}"
    );
    all
}

/// Writes the inputs: a dump, manifests, a tape and an audit log, in which all values are.
fn write_inputs(dir: &Path, live: &[Value], declared: &[Value]) {
    write(dir, "live.json", json!({"apiVersion": "v1", "kind": "List", "items": live}).to_string());
    let documents: Vec<String> = declared.iter().map(Value::to_string).collect();
    write(dir, "manifests/all.yaml", documents.join("\n---\n"));
    write(dir, "in.tape", tape(live, declared));
    write(dir, "audit.log", audit(declared));
    write(dir, "keep.sh", "#!/bin/sh\ncp -r \"$1\" \"$2\" kept/\ndiff -ruN \"$1\" \"$2\"\nexit 0\n");
    std::fs::set_permissions(dir.join("keep.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    std::fs::create_dir_all(dir.join("tmp")).unwrap();
    std::fs::create_dir_all(dir.join("kept")).unwrap();
}

/// Returns the commands that are searched, each with the formats that it knows.
fn commands() -> Vec<String> {
    const COMMANDS: &[(&str, &[&str])] = &[
        ("diff --live live.json --desired manifests", &["text", "json", "yaml", "markdown", "diff"]),
        ("diff --live live.json --desired manifests --show-managed --explain --side-by-side", &["text"]),
        ("diff --live live.json --desired manifests --audit audit.log", &["json"]),
        ("diff --tape in.tape --desired manifests", &["json"]),
        ("diff --store store --desired manifests", &["text", "json"]),
        ("diff --store store --desired manifests --at @200", &["text", "json", "yaml", "markdown"]),
        ("diff --live live.json", &["text", "json"]),
        ("diff --tape in.tape", &["text"]),
        ("diff --store store", &["json"]),
        ("diff --desired manifests", &["text"]),
        ("apps --live live.json", &["text", "json", "yaml"]),
        ("health --live live.json -A", &["text", "json", "yaml"]),
        ("health --store store -A", &["json"]),
        ("timeline --all --tape in.tape", &["text", "json", "yaml"]),
        ("timeline --all --store store", &["json"]),
        ("history configmap/thing-0008 -n shop --store store", &["text", "json", "yaml"]),
        ("history secret/thing-0003 -n shop --tape in.tape", &["text", "json"]),
        ("history deploy/thing-0013 -n shop --store store", &["text", "json"]),
        ("blame deploy/thing-0014 -n shop --store store --audit audit.log", &["text", "json", "yaml"]),
        ("blame secret/thing-0004 -n shop --tape in.tape", &["text", "json"]),
        ("fights --store store", &["text", "json"]),
        ("why --store store", &["text", "json", "yaml"]),
        ("check --store store", &["text", "json", "yaml"]),
        ("why --live live.json -A", &["text", "json"]),
        ("check --live live.json -A", &["text", "json", "github"]),
        ("blame configmap/thing-0008 -n shop --live live.json", &["text"]),
        ("impact configmap/thing-0008 -n shop --store store", &["json"]),
        ("rules list --live live.json", &["text"]),
        ("graph deploy/thing-0013 -n shop --store store", &["text", "json"]),
        ("record --once", &["out.tape"]),
    ];
    let shown = [
        "secret/thing-0002",
        "secret/thing-0003",
        "secret/thing-0005",
        "secret/thing-0006",
        "secret/thing-0007",
        "configmap/thing-0008",
        "configmap/thing-0009",
        "configmap/thing-0010",
        "configmap/thing-0011",
        "configmap/thing-0012",
        "deploy/thing-0013",
        "deploy/thing-0014",
        "helmrelease/thing-0015",
        "application/thing-0016",
        "application/thing-0017",
        "object/thing-0019",
        "externalsecret/thing-0020",
        "configmap/thing-0021",
        "database/thing-0022",
        "configmap/thing-0023",
    ];
    let show = shown.iter().map(|key| format!("show {key} -n shop --store store --show-managed-fields"));
    let formats = |(words, formats): &(&str, &'static [&str])| {
        let words = (*words).to_owned();
        formats.iter().map(move |format| format!("{words} -o {format}"))
    };
    COMMANDS.iter().flat_map(formats).chain(show).collect()
}

#[test]
fn a_thousand_planted_values_are_found_nowhere() {
    let dir = folder();
    let dir = dir.path();
    let mut random = Random(0x5eed_0000_0000_0001);
    let simple = |i: usize| matches!(PLACES[i % PLACES.len()], "label");
    let values: Vec<String> = (0..VALUES).map(|i| random.value(simple(i % (VALUES / 2)))).collect();
    let (live_values, declared_values) = values.split_at(VALUES / 2);
    let of =
        |values: &[String]| values.iter().enumerate().flat_map(|(i, v)| planted(i, v)).collect::<Vec<_>>();
    let (live, declared) = (of(live_values), of(declared_values));
    write_inputs(dir, &live, &declared);
    let password = &live_values[0];
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{{name: c, cluster: {{server: 'https://admin:{}@127.0.0.1:1'}}}}]\nusers: [{{name: u, user: {{token: '{}'}}}}]\ncontexts: [{{name: a, context: {{cluster: c, user: u}}}}]\n",
        percent(password),
        live_values[1].replace('\'', "")
    );
    write(dir, "kubeconfig", kubeconfig);
    let search = Search::new(&values);
    for words in [
        "watch --tape in.tape --store store --desired manifests",
        "watch --tape in.tape --store store2 --desired manifests -o json",
    ] {
        search.is_clean(&printed(words, dir), words);
    }
    let commands = commands();
    std::thread::scope(|scope| {
        for part in commands.chunks(commands.len().div_ceil(2)) {
            scope.spawn(|| part.iter().for_each(|words| search.is_clean(&printed(words, dir), words)));
        }
    });
    assert!(std::fs::read_dir(dir.join("kept/LIVE")).unwrap().count() > 100, "files for the diff program");
    search.is_clean_folder(&dir.join("kept"));
    search.is_clean_folder(&dir.join("tmp"));
    for store in ["store", "store2"] {
        search.is_clean_folder(&dir.join(store));
        search.is_clean(unpacked(&dir.join(store)).as_bytes(), store);
    }
}

/// Returns all events of a store as text.
fn unpacked(folder: &Path) -> String {
    let store = EmbeddedStore::open_read_only(folder).unwrap();
    let mut text = String::new();
    futures::executor::block_on(async {
        let mut events = store.read_all(Position::START);
        while let Some(event) = events.next().await {
            writeln!(text, "{:?}", event.unwrap()).unwrap();
        }
    });
    assert!(text.len() > 100_000, "{} bytes", text.len());
    text
}
