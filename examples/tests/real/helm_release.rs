//! HelmReleases of Flux on a real API server, with a definition that has the fields that matter here.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::control_plane::find;
use crate::{Lab, config, run};

/// The definition of HelmReleases, as far as releases and drift are concerned.
fn definition() -> Value {
    let text = json!({"type":"string"});
    let target = ["group", "version", "kind", "namespace", "name", "labelSelector", "annotationSelector"];
    let target: Value = target.iter().map(|name| ((*name).to_owned(), text.clone())).collect();
    let texts = json!({"type":"array","items":text});
    let rule = json!({"type":"object","required":["paths"],
        "properties":{"paths":texts,"target":{"type":"object","properties":target}}});
    let detection = json!({"type":"object","properties":{"mode":{"type":"string","enum":["enabled","warn","disabled"]},
        "ignore":{"type":"array","items":rule}}});
    let values = json!({"type":"object","required":["kind","name"],"properties":{"kind":{"type":"string","enum":["ConfigMap","Secret"]},
        "name":text,"valuesKey":text,"targetPath":text,"optional":{"type":"boolean"}}});
    let free = json!({"type":"object","x-kubernetes-preserve-unknown-fields":true});
    let spec = json!({"type":"object","properties":{"interval":{"type":"string","pattern":"^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$"},
        "suspend":{"type":"boolean"},"releaseName":text,"targetNamespace":text,"storageNamespace":text,"chart":free,
        "driftDetection":detection,"values":free,"valuesFrom":{"type":"array","items":values}}});
    json!({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"helmreleases.helm.toolkit.fluxcd.io"},
        "spec":{"group":"helm.toolkit.fluxcd.io","scope":"Namespaced",
        "names":{"kind":"HelmRelease","plural":"helmreleases","singular":"helmrelease","listKind":"HelmReleaseList"},
        "versions":[{"name":"v2","served":true,"storage":true,"subresources":{"status":{}},
            "schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":spec,"status":free}}}}]}})
}

/// A release as Helm stores it.
fn stored(name: &str, manifest: &str) -> Value {
    let stored = json!({"name":name,"namespace":"shop","version":1,"manifest":manifest,"hooks":[],"config":{},
        "info":{"status":"deployed","description":"Install complete"},"chart":{"metadata":{"name":"web","version":"1.0.0"}}});
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(stored.to_string().as_bytes()).unwrap();
    let text = STANDARD.encode(gzip.finish().unwrap());
    json!({"apiVersion":"v1","kind":"Secret","type":"helm.sh/release.v1",
        "metadata":{"name":format!("sh.helm.release.v1.{name}.v1"),"namespace":"shop",
            "labels":{"owner":"helm","name":name,"status":"deployed","version":"1"}},
        "data":{"release":STANDARD.encode(text)}})
}

/// Installs what a release declares: the HelmRelease, the record of Helm, and its objects as the controller writes them.
fn install(lab: &Lab, name: &str, spec: &Value, objects: &[Value]) {
    let mut release = json!({"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":name,"namespace":"shop"},
        "spec":spec});
    lab.apply("alice", &release);
    release["status"] = json!({"observedGeneration":1,
        "history":[{"name":name,"namespace":"shop","version":1,"status":"deployed"}]});
    lab.status("helm-controller", &release);
    let manifest: Vec<String> = objects.iter().map(ToString::to_string).collect();
    lab.apply("helm-controller", &stored(name, &manifest.join("\n---\n")));
    for object in objects {
        let mut object = object.clone();
        object["metadata"]["namespace"] = "shop".into();
        object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm".into();
        for (key, value) in [("name", name), ("namespace", "shop")] {
            object["metadata"]["annotations"][format!("meta.helm.sh/release-{key}")] = value.into();
            object["metadata"]["labels"][format!("helm.toolkit.fluxcd.io/{key}")] = value.into();
        }
        lab.apply("helm-controller", &object);
    }
}

fn declared(name: &str) -> Value {
    let mut object = config("shop", name, json!({"k": "1", "l": "1"}));
    object["metadata"].as_object_mut().unwrap().remove("namespace");
    object
}

/// Says of every resource of releases what changed, and the notes.
fn found(report: &Value) -> Vec<String> {
    let text = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    let resources = report["resources"].as_array().unwrap().iter();
    let one = |r: &Value| {
        let changes = r["changes"].as_array().into_iter().flatten();
        let changes = changes.map(|c| format!("{} {}", text(&c["pathText"]), text(&c["class"])));
        let notes = r["notes"].as_array().into_iter().flatten().map(text);
        let head = format!("{} {}", text(&r["key"]["name"]), text(&r["status"]));
        std::iter::once(head).chain(changes).chain(notes).collect::<Vec<_>>().join("; ")
    };
    resources.filter(|r| r["app"]["kind"] == "HelmRelease").map(one).collect()
}

pub(crate) fn drift_modes() {
    let lab = Lab::start();
    lab.apply("setup", &json!({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}));
    lab.apply("setup", &definition());
    let established = ["wait", "--for=condition=Established", "crd/helmreleases.helm.toolkit.fluxcd.io"];
    lab.kubectl(&established, &Value::Null);
    let spec = |mode: &str, ignore: Value| json!({"interval":"10m","chart":{"spec":{"chart":"web"}},"driftDetection":{"mode":mode,"ignore":ignore}});
    let rules = json!([{"paths":["/data/l"],"target":{"kind":"ConfigMap","name":"enabled.*"}}]);
    let mut excluded = declared("enabled-excluded");
    excluded["metadata"]["annotations"] = json!({"helm.toolkit.fluxcd.io/driftDetection":"disabled"});
    install(
        &lab,
        "enabled",
        &spec("enabled", rules),
        &[declared("enabled"), declared("enabled-hand"), excluded],
    );
    install(&lab, "warned", &spec("warn", json!([])), &[declared("warned"), declared("warned-gone")]);
    install(&lab, "unset", &json!({"interval":"10m","chart":{"spec":{"chart":"web"}}}), &[declared("unset")]);
    let diff = || found(&lab.drift(&["diff", "--kubeconfig", "kubeconfig", "-n", "shop", "-o", "json"]));
    assert_eq!(
        diff(),
        [
            "enabled InSync",
            "enabled-excluded InSync",
            "enabled-hand InSync",
            "unset InSync",
            "warned InSync",
            "warned-gone InSync"
        ]
    );

    for name in ["enabled", "enabled-excluded", "enabled-hand", "unset", "warned"] {
        let edit = r#"{"data":{"k":"2","l":"2"}}"#;
        lab.kubectl(&["-n", "shop", "patch", "cm", name, "--type=merge", "-p", edit], &Value::Null);
    }
    let mark = "helm.toolkit.fluxcd.io/driftDetection=disabled";
    lab.kubectl(&["-n", "shop", "annotate", "cm/enabled-hand", mark], &Value::Null);
    lab.kubectl(&["-n", "shop", "delete", "cm", "warned-gone"], &Value::Null);
    let put_back =
        "helm-controller puts it back at its next reconcile (driftDetection.mode: enabled, interval: 10m)";
    let reported = "stays: helm-controller reports it and leaves it (driftDetection.mode: warn)";
    let mark = ".metadata.annotations[\"helm.toolkit.fluxcd.io/driftDetection\"] Added";
    assert_eq!(
        diff(),
        [
            format!("enabled Drifted; .data.k Changed; .data.l Ignored; {put_back}"),
            "enabled-excluded InSync; .data.k Ignored; .data.l Ignored".to_owned(),
            format!("enabled-hand Drifted; .data.k Changed; .data.l Ignored; {mark}; {put_back}"),
            "unset Drifted; .data.k Changed; .data.l Changed; \
             stays: helm-controller does not look for it (driftDetection.mode: disabled)"
                .to_owned(),
            format!("warned Drifted; .data.k Changed; .data.l Changed; {reported}"),
            format!("warned-gone Missing; {reported}"),
        ]
    );
}

/// A chart that Helm itself installs: what its values will make of it is what the stored chart makes of them.
pub(crate) fn values() {
    let lab = Lab::start();
    lab.apply("setup", &json!({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}));
    lab.apply("setup", &definition());
    let established = ["wait", "--for=condition=Established", "crd/helmreleases.helm.toolkit.fluxcd.io"];
    lab.kubectl(&established, &Value::Null);
    let template = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ .Release.Name }}, labels: {chart: {{ .Chart.Name }}}}\nspec:\n  replicas: {{ .Values.replicas }}\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: \"web:{{ .Values.image.tag }}\", env: [{name: TOKEN, value: {{ .Values.token | quote }}}]}]}\n";
    let folder = lab.dir.path().join("chart/templates");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("web.yaml"), template).unwrap();
    std::fs::write(lab.dir.path().join("chart/Chart.yaml"), "apiVersion: v2\nname: shop\nversion: 1.2.3\n")
        .unwrap();
    let defaults = "replicas: 1\nimage: {tag: '1'}\ntoken: none\n";
    std::fs::write(lab.dir.path().join("chart/values.yaml"), defaults).unwrap();
    let given = json!({"replicas": 2, "image": {"tag": "2"}, "token": "k3J9x2pQ-of-shop"});
    std::fs::write(lab.dir.path().join("given.json"), given.to_string()).unwrap();
    let install = [
        "install",
        "web",
        "chart",
        "--namespace",
        "shop",
        "--values",
        "given.json",
        "--kubeconfig",
        "kubeconfig",
    ];
    run(&find("helm").unwrap(), &install, lab.dir.path(), "", &[0]);

    let settings = |text: &str| config("shop", "settings", json!({"values.yaml": text}));
    lab.apply("alice", &settings("replicas: 2\nimage: {tag: '1'}\n"));
    let secret = |token: &str| json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"token","namespace":"shop"},"stringData":{"token":token}});
    lab.apply("alice", &secret("k3J9x2pQ-of-shop"));
    let from = json!([{"kind":"ConfigMap","name":"settings"}, {"kind":"Secret","name":"token","valuesKey":"token","targetPath":"token"}]);
    let mut release = json!({"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"web","namespace":"shop"},
        "spec":{"interval":"5m","chart":{"spec":{"chart":"shop"}},"valuesFrom":from,"values":{"image":{"tag":"2"}}}});
    lab.apply("alice", &release);
    release["status"] = json!({"observedGeneration":1,"history":[{"name":"web","namespace":"shop","version":1,"status":"deployed"}]});
    lab.status("helm-controller", &release);
    let diff = || lab.drift(&["diff", "--kubeconfig", "kubeconfig", "-n", "shop", "-o", "json"]);
    assert_eq!(found(&diff()), ["web InSync"]);
    // The image of the spec counts more than that of the ConfigMap.
    lab.apply("alice", &settings("replicas: 4\nimage: {tag: '3'}\n"));
    assert_eq!(found(&diff()), ["web Drifted; .spec.replicas PendingSync"]);
    lab.apply("alice", &settings("replicas: 2\n"));
    lab.apply("alice", &secret("Zq81LmT0-of-shop"));
    let report = diff();
    let changed = found(&report);
    assert!(
        changed.len() == 1 && changed[0].contains(".env[name=\"TOKEN\"].value PendingSync"),
        "{changed:?}"
    );
    // Both values are of Secrets: neither is shown.
    for value in ["k3J9x2pQ", "Zq81LmT0"] {
        assert!(!report.to_string().contains(value), "{report}");
    }
}
