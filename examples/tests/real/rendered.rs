//! Folders that are named as declared and that `kustomize` and `helm` render.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

fn config(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{k: '{value}'}}\n")
}

fn put(dir: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
    std::fs::write(dir.join(name), text).unwrap();
}

/// Exit code, and each resource with its status, place and changed fields.
fn diff(dir: &Path, words: &str) -> (i32, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drift"));
    command.args(format!("diff --live live.json --no-extra -o json {words}").split_whitespace());
    let output = command.current_dir(dir).env("HOME", dir).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let line = |r: &Value| {
        let fields: Vec<_> =
            r["changes"].as_array().into_iter().flatten().map(|c| c["pathText"].to_string()).collect();
        format!("{} {} {} {}", r["key"]["name"], r["status"], r["declared"]["file"], fields.join(","))
    };
    let lines = report["resources"].as_array().into_iter().flatten().map(line).collect();
    (output.status.code().unwrap(), lines)
}

pub(crate) fn folders() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let live = |name: &str, value: &str| json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":name,"namespace":"shop"},"data":{"k":value}});
    let items = [live("a", "1"), live("b", "1"), live("rel-web", "1")];
    put(dir, "live.json", &json!({"apiVersion":"v1","kind":"List","items":items}).to_string());
    put(dir, "repo/base/kustomization.yaml", "resources: [a.yaml]\n");
    put(dir, "repo/base/a.yaml", &config("a", "0"));
    let overlay = "namespace: shop\nresources: [../../base]\npatches: [{path: patch.yaml}]\n";
    put(dir, "repo/over/prod/kustomization.yaml", overlay);
    put(dir, "repo/over/prod/patch.yaml", &config("a", "1"));
    put(dir, "repo/plain/b.yaml", &config("b", "2"));
    let in_sync = r#""a" "InSync" "repo/base/a.yaml" "#;
    assert_eq!(diff(dir, "-k repo/over/prod"), (0, vec![in_sync.to_owned()]));
    assert_eq!(diff(dir, "-f repo/over/prod"), (0, vec![in_sync.to_owned()]));
    // The whole repository: the overlay as it is rendered, the rest as it stands, and the base not at all.
    let whole = |file: &str| {
        let rendered = format!(r#""a" "InSync" "{file}" "#);
        (1, vec![rendered, r#""b" "Drifted" "plain/b.yaml" ".data.k""#.to_owned()])
    };
    assert_eq!(diff(dir, "--desired repo -n shop"), whole("base/a.yaml"));
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(dir.join("repo")).env("HOME", dir);
        for (name, value) in [("NAME", "Cora"), ("EMAIL", "cora@example.com")] {
            command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        assert!(command.output().unwrap().status.success(), "{arguments:?}");
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    assert_eq!(diff(dir, "--desired repo@main -n shop"), whole("base/a.yaml"));
    let in_git = r#""a" "InSync" "base/a.yaml" "#;
    assert_eq!(diff(dir, "--desired repo@main:over/prod").1, [in_git]);
    assert_eq!(diff(dir, "-k repo@main:over/prod"), (0, vec![in_git.to_owned()]));
    origins(dir);

    put(dir, "chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    put(dir, "chart/values.yaml", "k: '0'\n");
    let template =
        config("X", "Y").replace('X', "'{{ .Release.Name }}-web'").replace("'Y'", "{{ .Values.k | quote }}");
    put(dir, "chart/templates/a.yaml", &template);
    put(dir, "prod.yaml", "k: '1'\n");
    let drifted = r#""rel-web" "Drifted" "chart/Chart.yaml" ".data.k""#;
    assert_eq!(diff(dir, "-f chart --release rel -n shop"), (1, vec![drifted.to_owned()]));
    let with_values = r#""rel-web" "InSync" "chart/Chart.yaml" "#;
    assert_eq!(
        diff(dir, "-f chart --release rel --values prod.yaml -n shop"),
        (0, vec![with_values.to_owned()])
    );
    put(dir, "chart/templates/a.yaml", "{{ fail \"no\" }}");
    assert_eq!(diff(dir, "-f chart --release rel -n shop"), (2, vec![]));
}

/// A place is a file with a line where one can be known, the kustomization else, and never a folder.
fn origins(dir: &Path) {
    let generators = "namespace: shop\nnamePrefix: p-\nresources: [both.yaml]\nconfigMapGenerator: [{name: gen, literals: [x=1]}]\n";
    put(dir, "made/kustomization.yml", generators);
    put(dir, "made/both.yaml", &format!("{}---\n{}", config("one", "1"), config("two", "1")));
    let mut command = Command::new(env!("CARGO_BIN_EXE_drift"));
    command.args("diff --live live.json --no-extra -o github -k repo/over/prod -k made".split_whitespace());
    let output = command.current_dir(dir).env("HOME", dir).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let place = |name: &str| {
        let line = text.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        line.split_once("file=").unwrap().1.split_once(",title").unwrap().0.to_owned()
    };
    assert_eq!(place("shop/p-one "), "made/both.yaml");
    assert_eq!(place("shop/p-gen-"), "made/kustomization.yml");
    // Nothing of what was asked of kustomize is compared.
    assert!(!text.contains("config.kubernetes.io"), "{text}");
    put(dir, "made/both.yaml", &config("a", "2"));
    put(dir, "made/kustomization.yml", "namespace: shop\nresources: [both.yaml]\n");
    let output = Command::new(env!("CARGO_BIN_EXE_drift"))
        .args("diff --live live.json --no-extra -o github -k made".split_whitespace())
        .current_dir(dir)
        .env("HOME", dir)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("::error file=made/both.yaml,line=1,title="), "{text}");
}
