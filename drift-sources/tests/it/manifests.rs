//! Folders of manifests, with everything that lies around in them.

use std::fs;
use std::path::Path;

use drift_core::FieldPath;
use drift_sources::manifests::{ManifestError, ManifestReader, Manifests, ProblemKind, is_manifest_name};

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ";

fn put(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn declared(manifests: &Manifests) -> Vec<String> {
    manifests.declared.iter().map(|d| format!("{} {}", d.place, d.key)).collect()
}

fn problems(manifests: &Manifests) -> Vec<String> {
    manifests.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_folder_is_read_whole_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "b.yaml", &format!("{CONFIG}b1\n---\n# nothing\n---\n{CONFIG}b2\n"));
    put(root, "a/deep/x.yml", &format!("{CONFIG}x\n  namespace: ns\n"));
    put(
        root,
        "a/y.JSON",
        r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"y"}}]}"#,
    );
    put(root, "a.yaml", &format!("{CONFIG}a\n"));
    put(root, ".git/config.yaml", &format!("{CONFIG}hidden\n"));
    put(root, "notes.txt", "a: [");
    let manifests = Manifests::read(root).unwrap();
    assert_eq!(
        declared(&manifests),
        [
            "a/deep/x.yml:1 ConfigMap/ns/x",
            "a/y.JSON:1 Deployment.apps//y",
            "a.yaml:1 ConfigMap//a",
            "b.yaml:1 ConfigMap//b1",
            "b.yaml:8 ConfigMap//b2"
        ]
    );
    assert!(manifests.problems.is_empty() && manifests.files == 4, "{manifests:?}");
    let name = FieldPath::of(&["metadata", "name"]);
    assert_eq!(manifests.declared[4].locate(&name).to_string(), "b.yaml:11");
}

#[test]
fn what_is_no_manifest_is_noted_and_what_is_broken_is_an_error() {
    let mut reader = ManifestReader::new().with_max_file_size(1000);
    let mut add = |name: &str, text: &str| reader.add_file(name, text.as_bytes());
    add("kustomization.yaml", "resources: [a.yaml]\n");
    add("k/x.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: []\n");
    add(
        "flux/kustomization.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\n",
    );
    add("chart/Chart.yaml", "apiVersion: v2\nname: shop\n");
    add("chart/values.yaml", "image: {tag: x}\n");
    add("chart/templates/web.yaml", "{{- if .Values.x }}\nkind: Pod\n{{- end }}\n");
    add("list.yaml", "[1, 2]\n");
    add("kind.yaml", "apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\n");
    add("job.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: run-}\n");
    add("no-kind.yaml", "apiVersion: v1\nmetadata: {name: x}\n");
    add("no-name.yaml", "---\n\napiVersion: v1\nkind: Pod\nmetadata: {}\n");
    add("broken.yaml", &format!("{CONFIG}good\n---\na: [\n---\n{CONFIG}better\n"));
    add("big.yaml", &"# x\n".repeat(300));
    let manifests = reader.finish();
    assert_eq!(
        problems(&manifests),
        [
            "kustomization.yaml:1:1: not a manifest: a kustomization; render it with `kustomize build`",
            "k/x.yaml:1:1: not a manifest: a kustomization; render it with `kustomize build`",
            "chart/Chart.yaml:1:1: not a manifest: a Helm chart; render it with `helm template`",
            "chart/values.yaml:1:1: not a manifest: it has neither apiVersion nor kind",
            "chart/templates/web.yaml: not a manifest: a Helm template; render it with `helm template`",
            "list.yaml:1:1: not a manifest: not a map",
            "kind.yaml:1:1: not a manifest: it has no metadata",
            "job.yaml:1:1: Job has only a generateName: not compared",
            "no-kind.yaml:1:1: not a Kubernetes object: `kind` is missing",
            "no-name.yaml:3:1: not a Kubernetes object: `metadata.name` is missing",
            "broken.yaml:6:4: unclosed bracket '['",
            "big.yaml: larger than the limit of 1000 bytes",
        ]
    );
    let errors: Vec<bool> = manifests.problems.iter().map(|p| p.kind.is_error()).collect();
    assert_eq!(errors, [[false; 8].as_slice(), &[true; 4]].concat());
    assert_eq!(
        declared(&manifests),
        [
            "flux/kustomization.yaml:1 Kustomization.kustomize.toolkit.fluxcd.io//apps",
            "broken.yaml:1 ConfigMap//good",
            "broken.yaml:8 ConfigMap//better"
        ]
    );
}

#[test]
fn the_last_of_two_declarations_counts_once_namespaces_are_known() {
    let mut reader = ManifestReader::new();
    reader.add_file("a.yaml", format!("{CONFIG}x\n---\n{CONFIG}x\n  namespace: default\n").as_bytes());
    reader.add_file("b.yaml", format!("{CONFIG}w\n---\n{CONFIG}x\n  namespace: default\n").as_bytes());
    let mut manifests = reader.finish();
    for declared in &mut manifests.declared {
        declared.key = declared.key.clone().in_namespace("default");
    }
    manifests.settle_duplicates();
    assert_eq!(declared(&manifests), ["b.yaml:1 ConfigMap/default/w", "b.yaml:6 ConfigMap/default/x"]);
    assert_eq!(
        problems(&manifests),
        [
            "a.yaml:6:1: ConfigMap/default/x is declared again, first in a.yaml:1; the last one counts",
            "b.yaml:6:1: ConfigMap/default/x is declared again, first in a.yaml:6; the last one counts",
        ]
    );
    assert!(manifests.problems.iter().all(|p| matches!(p.kind, ProblemKind::Duplicate { .. })));
}

#[cfg(unix)]
#[test]
fn links_never_lead_out_or_in_circles() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    put(outside.path(), "secret.yaml", &format!("{CONFIG}outside\n"));
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "sub/real.yaml", &format!("{CONFIG}real\n"));
    symlink(root, root.join("sub/loop")).unwrap();
    symlink(outside.path().join("secret.yaml"), root.join("out.yaml")).unwrap();
    symlink(outside.path(), root.join("outside")).unwrap();
    symlink("gone.yaml", root.join("dangling.yaml")).unwrap();
    symlink("sub/real.yaml", root.join("twice.yaml")).unwrap();
    let manifests = Manifests::read(root).unwrap();
    assert_eq!(declared(&manifests), ["sub/real.yaml:1 ConfigMap//real", "twice.yaml:1 ConfigMap//real"]);
    assert_eq!(
        problems(&manifests),
        [
            "dangling.yaml: left out: a symbolic link that leads nowhere",
            "out.yaml: left out: a symbolic link that leads out of the folder",
            "outside: left out: a symbolic link to a folder",
            "sub/loop: left out: a symbolic link to a folder",
        ]
    );
    // The folder asked for may itself be a link.
    let link = outside.path().join("link");
    symlink(root, &link).unwrap();
    assert_eq!(Manifests::read(&link).unwrap().declared.len(), 2);
}

#[test]
fn a_single_file_of_any_name_is_read_and_a_missing_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "rendered", &format!("{CONFIG}x\n"));
    let path = folder.path().join("rendered");
    assert_eq!(Manifests::read(&path).unwrap().declared.len(), 1);
    let gone = folder.path().join("gone");
    assert!(matches!(Manifests::read(&gone), Err(ManifestError::Unavailable { path, .. }) if path == gone));
}

#[test]
fn names_are_told_by_their_ending() {
    assert!(is_manifest_name("a/b.yaml") && is_manifest_name("ü.YML") && is_manifest_name("x.json"));
    assert!(!is_manifest_name("a.txt") && !is_manifest_name("yaml") && !is_manifest_name("üyaml"));
}

#[test]
fn keys_that_stand_twice_and_names_that_are_booleans_are_said() {
    let mut reader = ManifestReader::new();
    let twice = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  k: '1'\n  j: '1'\n  k: '2'\n";
    reader.add_file("twice.yaml", twice.as_bytes());
    // A merge may overwrite, and a key may stand in two maps.
    let merged = "apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: b, labels: {k: x}}\ndata: &d {k: '1'}\nbinaryData: {<<: *d, k: '2'}\n";
    reader.add_file("merged.yaml", merged.as_bytes());
    reader.add_file("boolean.yaml", b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: n}\n");
    let manifests = reader.finish();
    assert_eq!(
        problems(&manifests),
        [
            "twice.yaml:7:3: `k` is set twice; the last value counts, and kubectl refuses the file",
            "boolean.yaml:1:1: not a Kubernetes object: `metadata.name` is a boolean, as YAML reads n, no, off, y, yes and on: put it into quotes",
        ]
    );
    assert_eq!(manifests.declared[0].object.root().str_at(&["data", "k"]), Some("2"));
}
