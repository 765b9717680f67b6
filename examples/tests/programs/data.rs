//! A repository in a bundle, and a tape of the Application that applied it.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// The URL by which the engine knows the repository.
pub(super) const URL: &str = "https://git.example.com/cakes.git";

fn git(arguments: &[&str], dir: &Path) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "init.defaultBranch=main"]).args(arguments).current_dir(dir).env("HOME", dir);
    for (name, value) in [("NAME", "Cora"), ("EMAIL", "cora@example.com"), ("DATE", "2030-01-01T00:00:05Z")] {
        command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn line(second: u32, resource: [&str; 3], object: Value) -> String {
    let [group, version, resource] = resource;
    let line = json!({"ts": format!("2030-01-01T00:00:{second:02}Z"), "group": group, "version": version,
        "resource": resource, "type": "ADDED", "object": object});
    format!("{line}\n")
}

/// Writes the tapes and the bundle of what can go wrong: `edited.tape`, `denied.tape`, `broken.tape` and `broken.bundle`.
pub(super) fn oven_situations(dir: &Path) {
    let tape = std::fs::read_to_string(dir.join("oven.tape")).unwrap();
    let edited = tape.replace("\"crust\":\"thick\"", "\"crust\":\"thin\"");
    std::fs::write(
        dir.join("edited.tape"),
        edited.replace("\"manager\":\"argocd-controller\"", "\"manager\":\"kubectl-edit\""),
    )
    .unwrap();
    let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden"});
    let denied = line(15, ["", "v1", "configmaps"], status).replace("\"ADDED\"", "\"ERROR\"");
    let applications: String = tape.lines().take(1).map(|l| format!("{l}\n")).collect();
    std::fs::write(dir.join("denied.tape"), applications + &denied).unwrap();
    let repository = dir.join("repository");
    std::fs::write(repository.join("oven.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: oven\n")
        .unwrap();
    git(&["commit", "-q", "-a", "-m", "bake worse"], &repository);
    git(&["bundle", "create", "-q", "../broken.bundle", "--all"], &repository);
    let commit = git(&["rev-parse", "HEAD"], &repository);
    let before = git(&["rev-parse", "HEAD~1"], &repository);
    std::fs::write(dir.join("broken.tape"), tape.replace(&before, &commit)).unwrap();
}

/// Writes `oven.bundle` and `oven.tape` into a folder and returns the id of the commit that the tape's Application applied.
pub(super) fn oven_repository(dir: &Path) -> String {
    let repository = dir.join("repository");
    std::fs::create_dir(&repository).unwrap();
    git(&["init", "-q"], &repository);
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: oven}\ndata: {crust: thick}\n";
    std::fs::write(repository.join("oven.yaml"), manifest).unwrap();
    git(&["add", "."], &repository);
    git(&["commit", "-q", "-m", "bake longer"], &repository);
    git(&["bundle", "create", "-q", "../oven.bundle", "--all"], &repository);
    let commit = git(&["rev-parse", "HEAD"], &repository);
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "cakes", "namespace": "cd", "uid": "a", "resourceVersion": "1"},
        "spec": {"project": "default", "source": {"repoURL": URL, "path": "."},
            "destination": {"namespace": "bakery", "server": "https://kubernetes.default.svc"}},
        "status": {"sync": {"status": "Synced", "revision": commit},
            "operationState": {"phase": "Succeeded", "startedAt": "2030-01-01T00:00:19Z", "finishedAt": "2030-01-01T00:00:20Z",
                "operation": {"sync": {"revision": commit}}, "syncResult": {"revision": commit}}}});
    let oven = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "oven", "namespace": "bakery", "uid": "u", "resourceVersion": "2",
            "creationTimestamp": "2030-01-01T00:00:20Z",
            "annotations": {"argocd.argoproj.io/tracking-id": "cakes:/ConfigMap:bakery/oven"},
            "managedFields": [{"manager": "argocd-controller", "operation": "Update", "time": "2030-01-01T00:00:20Z",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:crust": {}}}}]},
        "data": {"crust": "thick"}});
    let tape = line(10, ["argoproj.io", "v1alpha1", "applications"], application)
        + &line(20, ["", "v1", "configmaps"], oven);
    std::fs::write(dir.join("oven.tape"), tape).unwrap();
    commit
}
