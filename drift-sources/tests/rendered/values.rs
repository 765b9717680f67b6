//! Values behind a HelmRelease: what they make of the chart of its release.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use drift_core::drift::{DriftReport, compare_apps};
use drift_core::schema::SchemaSet;
use drift_sources::jq::JqSandbox;
use serde_json::{Value, json};

use super::{ClusterSnapshot, GitOps, RenderOptions, Renderer, Repositories, folders, object, repository};

const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  one: {{ .Values.one | quote }}\n  two: {{ .Values.two.b | quote }}\n{{- if .Values.more }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\ndata: {n: {{ .Values.more | quote }}}\n{{- end }}\n";
const DEFAULTS: &str = "one: default\ntwo: {b: default}\n";
const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";

/// A release as Helm stores it: the chart, the values, and what Helm itself made of them.
fn stored(template: &str, config: &Value, change: impl Fn(&mut Value)) -> Value {
    let files = repository(&[
        ("chart/Chart.yaml", CHART),
        ("chart/values.yaml", DEFAULTS),
        ("chart/templates/a.yaml", template),
        ("values.yaml", &config.to_string()),
    ]);
    let mut helm = std::process::Command::new(super::find("helm").unwrap());
    helm.args(["template", "web", "chart", "--namespace", "shop", "--values", "values.yaml"]);
    let output = helm.current_dir(files.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = |name: &str, text: &str| json!({"name": name, "data": STANDARD.encode(text)});
    let mut stored = json!({"name":"web","namespace":"shop","version":1,"config":config,"hooks":[],
        "manifest":String::from_utf8(output.stdout).unwrap(),"info":{"status":"deployed"},
        "chart":{"metadata":{"apiVersion":"v2","name":"web","version":"1.0.0"},"values":{"one":"default","two":{"b":"default"}},
            "templates":[file("templates/a.yaml", template)],"files":[file("README.md", "about")]}});
    change(&mut stored);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(stored.to_string().as_bytes()).unwrap();
    let text = STANDARD.encode(gzip.finish().unwrap());
    json!({"apiVersion":"v1","kind":"Secret","type":"helm.sh/release.v1","data":{"release":STANDARD.encode(text)},
        "metadata":{"name":"sh.helm.release.v1.web.v1","namespace":"shop",
            "labels":{"owner":"helm","name":"web","status":"deployed","version":"1"}}})
}

fn live(name: &str, data: Value) -> Value {
    let marks = json!({"meta.helm.sh/release-name":"web","meta.helm.sh/release-namespace":"shop"});
    let fields: Value = data.as_object().unwrap().keys().map(|k| (format!("f:{k}"), json!({}))).collect();
    let owner = json!({"manager":"helm-controller","operation":"Update","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1",
        "fieldsV1":{"f:data":fields}});
    json!({"apiVersion":"v1","kind":"ConfigMap","data":data,"metadata":{"name":name,"namespace":"shop","annotations":marks,
        "labels":{"app.kubernetes.io/managed-by":"Helm","helm.toolkit.fluxcd.io/name":"web","helm.toolkit.fluxcd.io/namespace":"shop"},
        "managedFields":[owner]}})
}

fn release(spec: Value) -> Value {
    json!({"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"web","namespace":"shop","generation":1},
        "spec":spec,"status":{"observedGeneration":1}})
}

fn source(kind: &str, name: &str, data: Value) -> Value {
    json!({"apiVersion":"v1","kind":kind,"metadata":{"name":name,"namespace":"shop"},"data":data})
}

fn compared(all: &[Value]) -> DriftReport {
    let cluster = ClusterSnapshot::now(all.iter().map(object).collect());
    let (repositories, renderer) =
        (Repositories::default(), Renderer::new(RenderOptions::in_folders(folders())));
    let gitops = GitOps::new(&cluster, &repositories, &renderer);
    compare_apps(&gitops.declarations(), cluster.live(), &SchemaSet::bundled(), &JqSandbox::default())
}

/// Says every resource that is not in sync, every change, and the notes on the app.
fn lines(all: &[Value]) -> Vec<String> {
    let report = compared(all);
    let mut out = Vec::new();
    for r in report.resources.iter().filter(|r| !r.changes.is_empty() || r.class.is_some()) {
        let class = r.class.map_or(String::new(), |c| format!(" {c:?}"));
        out.push(format!("{} {:?}{class}", r.key.name, r.status));
        let value = |v: &Option<Value>| v.as_ref().and_then(Value::as_str).unwrap_or("-").to_owned();
        let change = |c: &drift_core::drift::DriftChange| {
            format!("{} {:?} {} {}", c.path, c.class, value(&c.live), value(&c.desired))
        };
        out.extend(r.changes.iter().map(change));
        out.extend(r.notes.iter().filter(|n| n.contains("held back")).cloned());
    }
    out.extend(report.notes.iter().map(|n| n.split_once(": ").unwrap().1.to_owned()));
    out
}

const PENDING: &str = "pending: the values are not those of revision 1";

pub(super) fn merged() {
    let config = json!({"one": "1", "two": {"b": "1"}});
    let a = || live("a", json!({"one": "1", "two": "1"}));
    let with = |spec: Value, sources: Vec<Value>| {
        let all = [release(spec), stored(TEMPLATE, &config, |_| {}), a()];
        lines(&all.into_iter().chain(sources).collect::<Vec<_>>())
    };
    let reference = |name: &str| json!({"kind": "ConfigMap", "name": name});
    let values = |name: &str, text: &str| source("ConfigMap", name, json!({"values.yaml": text}));
    let one =
        |to: &str| vec!["a Drifted".to_owned(), format!(".data.one PendingSync 1 {to}"), PENDING.to_owned()];
    // The values that the release was made of, wherever they stand.
    let both = "one: '1'\ntwo: {b: '1'}\n";
    assert_eq!(with(json!({"values": config}), vec![]), [""; 0]);
    assert_eq!(with(json!({"valuesFrom": [reference("v")]}), vec![values("v", both)]), [""; 0]);
    // Later ones count more, and those of the spec most.
    let from = json!([reference("v"), reference("w")]);
    let sources = || vec![values("v", both), values("w", "one: '2'\n")];
    assert_eq!(with(json!({"valuesFrom": from}), sources()), one("2"));
    assert_eq!(with(json!({"valuesFrom": [reference("w"), reference("v")]}), sources()), [""; 0]);
    assert_eq!(with(json!({"valuesFrom": from, "values": {"one": "1"}}), sources()), [""; 0]);
    assert_eq!(with(json!({"valuesFrom": from, "values": {"one": "3"}}), sources()), one("3"));
    // Without a value the chart's own counts, and `null` takes it away.
    assert_eq!(with(json!({"values": {"two": {"b": "1"}}}), vec![]), one("default"));
    assert_eq!(
        with(json!({"values": {"one": null, "two": {"b": "1"}}}), vec![]),
        ["a Drifted", ".data.one PendingRemoval 1 -", PENDING]
    );
    // One value at a path, from another entry; a text in quotes is one.
    let set = |path: &str, entry: &str| json!([reference("v"), {"kind":"ConfigMap","name":"s","valuesKey":entry,"targetPath":path}]);
    let single =
        || vec![values("v", both), source("ConfigMap", "s", json!({"n": "7", "q": "'7'", "same": "'1'"}))];
    assert_eq!(with(json!({"valuesFrom": set("one", "n")}), single()), one("7"));
    assert_eq!(with(json!({"valuesFrom": set("two.b", "q")}), single())[1], ".data.two PendingSync 1 7");
    assert_eq!(with(json!({"valuesFrom": set("two.b", "same")}), single()), [""; 0]);
    assert_eq!(with(json!({"valuesFrom": set("one", "n"), "values": {"one": "1"}}), single()), [""; 0]);
    // What may be missing may be missing; what was not dumped is not known.
    let optional = json!([reference("v"), {"kind":"Secret","name":"none","optional":true},
        {"kind":"ConfigMap","name":"v","valuesKey":"none","optional":true}]);
    assert_eq!(with(json!({"valuesFrom": optional}), vec![values("v", both)]), [""; 0]);
    assert_eq!(
        with(json!({"valuesFrom": [reference("v"), reference("gone")]}), vec![values("v", "one: 9")]),
        [""; 0]
    );
    // Another object comes.
    let more = with(json!({"values": {"one": "1", "two": {"b": "1"}, "more": "x"}}), vec![]);
    assert_eq!(more, ["more Missing PendingSync", PENDING]);
}

pub(super) fn secret() {
    let config = json!({"one": "1", "two": {"b": "1"}});
    let text = STANDARD.encode("one: k3J9x2pQ-of-shop\ntwo: {b: '1'}\n");
    let spec = json!({"valuesFrom": [{"kind": "Secret", "name": "v"}]});
    let of = |data: Value| {
        let all = [
            release(spec.clone()),
            stored(TEMPLATE, &config, |_| {}),
            live("a", json!({"one": "1", "two": "1"})),
            source("Secret", "v", data),
        ];
        lines(&all)
    };
    assert_eq!(of(json!({"values.yaml": text}))[1], ".data.one PendingSync 1 k3J9x2pQ-of-shop");
    // A hash is no value: what it makes is not known, and nothing is made of it.
    let hash = "redacted:00112233445566778899aabbccddeeff";
    let hashed = of(json!({"values.yaml": hash}));
    assert_eq!(
        hashed,
        [
            "not known what the values of now declare: `values.yaml` of Secret/shop/v is redacted; compared with revision 1"
        ]
    );
    let broken = of(json!({"values.yaml": STANDARD.encode("one: k3J9x2pQ: b")}));
    assert!(broken[0].contains("is no YAML") && !broken[0].contains("k3J9"), "{broken:?}");
}

/// helm-controller puts its own labels on what Helm rendered, and Helm stores that.
pub(super) fn labelled() {
    let config = json!({"one": "1", "two": {"b": "1"}});
    let by_flux = stored(TEMPLATE, &config, |s| {
        let labels = "{helm.toolkit.fluxcd.io/name: web, helm.toolkit.fluxcd.io/namespace: shop}";
        let manifest =
            s["manifest"].as_str().unwrap().replace("name: a", &format!("name: a, labels: {labels}"));
        s["manifest"] = manifest.into();
    });
    let spec = json!({"values": {"one": "2", "two": {"b": "1"}}});
    let found = lines(&[release(spec), by_flux, live("a", json!({"one": "1", "two": "1"}))]);
    assert_eq!(found, ["a Drifted", ".data.one PendingSync 1 2", PENDING]);
}

pub(super) fn unrendered() {
    let config = json!({"one": "1", "two": {"b": "1"}});
    let spec = json!({"values": {"one": "2", "two": {"b": "1"}}});
    let a = || {
        let mut edited = live("a", json!({"one": "5", "two": "1"}));
        edited["metadata"]["managedFields"][0]["manager"] = "kubectl-edit".into();
        edited
    };
    let of = |release: Value, stored: Value| lines(&[release, stored, a()]);
    // What is known of the revision is said all the same: somebody changed `one`.
    let known = ["a Drifted", ".data.one Changed 5 1"];
    let random = TEMPLATE.replace(".Values.one", "(randAlphaNum 8)");
    let found = of(release(spec.clone()), stored(&random, &config, |_| {}));
    assert!(
        found.last().unwrap().contains("does not render here as it was applied; compared with revision 1"),
        "{found:?}"
    );
    let depends = stored(TEMPLATE, &config, |s| {
        s["chart"]["metadata"]["dependencies"] = json!([{"name":"db","version":"1"}])
    });
    let found = of(release(spec.clone()), depends);
    assert_eq!(found[..2], known);
    assert!(found[2].contains("depends on charts that are not stored with it"), "{found:?}");
    // As a post-renderer would have left it.
    let other = stored(TEMPLATE, &config, |s| {
        s["manifest"] =
            s["manifest"].as_str().unwrap().replace("name: a", "name: a, labels: {by: post}").into();
    });
    assert!(of(release(spec.clone()), other).last().unwrap().contains("does not render here"));
    let fails =
        of(release(json!({"values": {"one": "2", "two": "none"}})), stored(TEMPLATE, &config, |_| {}));
    assert!(fails[2].contains("helm fails") && fails[2].contains("compared with revision 1"), "{fails:?}");
    // What a newer revision tried is no plan any more.
    let mut newer = stored(TEMPLATE, &config, |s| s["version"] = 2.into());
    newer["metadata"]["name"] = "sh.helm.release.v1.web.v2".into();
    newer["metadata"]["labels"]["status"] = "failed".into();
    let found = lines(&[release(spec.clone()), stored(TEMPLATE, &config, |_| {}), newer, a()]);
    assert!(!found.join("\n").contains("Pending"), "{found:?}");
    // A suspended release holds back what is pending; an edit by hand stays one.
    let mut suspended = release(spec);
    suspended["spec"]["suspend"] = true.into();
    let found = lines(&[
        suspended.clone(),
        stored(TEMPLATE, &config, |_| {}),
        live("a", json!({"one": "1", "two": "1"})),
    ]);
    assert_eq!(
        found[1..3],
        [".data.one PendingSync 1 2", "upgrades are held back: the HelmRelease is suspended"]
    );
    let mut edited = live("a", json!({"one": "1", "two": "mine"}));
    edited["metadata"]["managedFields"][0]["manager"] = "kubectl-edit".into();
    let found = lines(&[suspended, stored(TEMPLATE, &config, |_| {}), edited]);
    assert!(found.contains(&".data.two Changed mine 1".to_owned()), "{found:?}");
}
