//! What is given to helm and kustomize is in no message and no argument.

use serde_json::json;

use super::{CHART, GitOps, Renderer, Repositories, URL, application, folders, object, open, repository};
use super::{ClusterSnapshot, RenderOptions};

/// Values as people choose them, none of them random.
const VALUES: [&str; 4] = ["hunter2-parameter", "hunter2 \"quoted\"", "hunter2-default", "hunter2-literal"];

/// Why it is not known what an app declares.
fn failure(source: serde_json::Value, files: &[(&str, &str)], programs: Vec<std::path::PathBuf>) -> String {
    let repository = repository(files);
    let mut repositories = Repositories::default();
    repositories.add(URL, open(&repository));
    let cluster = ClusterSnapshot::now(vec![object(&application(source))]);
    let renderer = Renderer::new(RenderOptions::in_folders(programs));
    let gitops = GitOps::new(&cluster, &repositories, &renderer);
    match gitops.declarations().remove(0).desired {
        Err(why) => why.to_string(),
        Ok(objects) => unreachable!("it declares {objects:?}"),
    }
}

fn is_clean(message: &str) {
    assert!(message.contains("<redacted>"), "{message}");
    VALUES.iter().for_each(|value| assert!(!message.contains(value), "{value} is in {message}"));
}

pub(super) fn messages_of_helm() {
    let fail = "{{ fail (printf \"bad %s %q %s\" .Values.password .Values.quoted .Values.auth.token) }}";
    let files =
        [CHART, ("chart/templates/a.yaml", fail), ("chart/values.yaml", "auth: {token: hunter2-default}\n")];
    let inline = json!({"path": "chart", "helm": {"values": format!("password: {}\nquoted: '{}'\n", VALUES[0], VALUES[1])}});
    let parameters = json!({"path": "chart", "helm": {"parameters": [{"name": "password", "value": VALUES[0]}, {"name": "quoted", "value": VALUES[1]}]}});
    for source in [inline, parameters] {
        let message = failure(source, &files, folders());
        assert!(message.contains("templates/a.yaml") && message.contains("bad "), "{message}");
        is_clean(&message);
    }
}

pub(super) fn messages_of_kustomize() {
    let file = "secretGenerator: [{name: s, literals: ['password=hunter2-parameter', 'hunter2-literal']}]\n";
    is_clean(&failure(json!({"path": "app"}), &[("app/kustomization.yaml", file)], folders()));
    let overlay = [("base/kustomization.yaml", file), ("app/kustomization.yaml", "resources: [../base]\n")];
    is_clean(&failure(json!({"path": "app"}), &overlay, folders()));
}

/// Everybody on a machine can read the arguments of a process.
pub(super) fn arguments() {
    use std::os::unix::fs::PermissionsExt;
    let programs = tempfile::tempdir().unwrap();
    let (helm, seen) = (programs.path().join("helm"), programs.path().join("seen"));
    let script = format!("#!/bin/sh\necho \"$@\" >> {}\nexit 1\n", seen.display());
    std::fs::write(&helm, script).unwrap();
    std::fs::set_permissions(&helm, std::fs::Permissions::from_mode(0o755)).unwrap();
    let parameters = json!([{"name": "password", "value": "hunter2-parameter"}, {"name": "token", "value": "k3J9x2pQ,7w=", "forceString": true}]);
    let source = json!({"path": "chart", "helm": {"parameters": parameters, "valuesObject": {"password": "hunter2-default"}}});
    failure(source, &[CHART, ("chart/templates/a.yaml", "a: b")], vec![programs.path().to_owned()]);
    let seen = std::fs::read_to_string(&seen).unwrap();
    assert!(seen.contains("template") && !seen.contains("hunter2") && !seen.contains("k3J9"), "{seen}");
}

/// What a file holds is taken as the argument was.
pub(super) fn parameters_in_files() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: {{ .Values.a.b | quote }}, list: {{ .Values.list | toJson | quote }}, c: {{ .Values.c | quote }}}\n";
    let files =
        repository(&[CHART, ("chart/templates/a.yaml", template), ("chart/values.yaml", "list: [x, y]\n")]);
    let parameters = json!([{"name": "a.b", "value": "one, two=three \"four\""}, {"name": "list[1]", "value": "second"}, {"name": "c", "value": "lost-one"}, {"name": "c", "value": "12345678"}]);
    let source = json!({"path": "chart", "helm": {"parameters": parameters}});
    let found = super::declared(&[application(source)], &files);
    let given = ["a.b=one\\, two=three \"four\"", "list[1]=second", "c=lost-one", "c=12345678"];
    let mut arguments = vec!["template", "."];
    given.iter().for_each(|value| arguments.extend(["--set", value]));
    assert_eq!(found, super::run(&files, "chart", "helm", &arguments));
}
