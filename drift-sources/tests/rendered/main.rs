//! What apps declare, against what the installed `kustomize` and `helm` make of the same files; ignored, and reported so,
//! where they are not installed.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "../it/git/repository.rs"]
#[allow(dead_code, reason = "shared with the tests of the git source")]
mod repository;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use drift_core::{Doc, Object};
use drift_sources::git::{GitOptions, GitRepo, GitSpec};
use drift_sources::gitops::{Cluster, GitOps, Repositories};
use drift_sources::manifests::ManifestReader;
use drift_sources::render::{Program, RenderError, RenderOptions, Renderer, Tree};
use libtest_mimic::{Arguments, Failed, Trial};
use repository::Repository;
use serde_json::{Value, json};

const URL: &str = "https://git.example.com/shop.git";

fn folders() -> Vec<PathBuf> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    assets.into_iter().chain(std::env::split_paths(&path)).collect()
}

fn find(name: &str) -> Option<PathBuf> {
    folders().into_iter().map(|f| f.join(name)).find(|p| p.is_file())
}

fn main() {
    let arguments = Arguments::from_args();
    let trial = |name: &str, program: &str, run: fn()| {
        let run = move || -> Result<(), Failed> {
            run();
            Ok(())
        };
        Trial::test(name, run).with_kind("PATH").with_ignored_flag(find(program).is_none())
    };
    let trials = vec![
        trial("an_overlay_is_what_kustomize_makes_of_it", "kustomize", overlay),
        trial("options_of_an_application_are_those_of_kustomize_edit", "kustomize", application_options),
        trial("a_kustomization_of_flux_is_overlaid_and_substituted", "kustomize", flux),
        trial("a_chart_is_what_helm_makes_of_it", "helm", chart),
        trial("a_chart_that_is_never_the_same_twice_is_told_and_is_no_drift", "helm", unstable),
        trial("limits_and_hostile_files_are_refused", "kustomize", limits),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: 'web:1', env: [{name: REGION, value: '${region:=nowhere}'}]}]}\n";

fn repository(files: &[(&str, &str)]) -> Repository {
    let mut repository = Repository::new();
    files.iter().for_each(|(name, text)| repository.write(name, text));
    repository.commit("first");
    repository
}

fn object(value: &Value) -> Arc<Object> {
    Arc::new(Object::new(Doc::from_value(value).unwrap()).unwrap())
}

fn open(repository: &Repository) -> GitRepo {
    GitRepo::open(&GitSpec::parse(&repository.spec("")).unwrap(), &GitOptions::default()).unwrap()
}

/// What the one app in these objects declares.
fn declared(objects: &[Value], repository: &Repository) -> BTreeSet<String> {
    let mut repositories = Repositories::default();
    repositories.add(URL, open(repository));
    let cluster = Cluster::now(objects.iter().map(object).collect());
    let renderer = Renderer::new(RenderOptions::in_folders(folders()));
    let gitops = GitOps::new(&cluster, &repositories, &renderer);
    let declaration = gitops.declarations().remove(0);
    declaration.desired.unwrap().iter().map(|d| d.object.root().to_value().to_string()).collect()
}

/// What a program itself makes of a folder.
fn run(repository: &Repository, folder: &str, program: &str, arguments: &[&str]) -> BTreeSet<String> {
    let mut command = Command::new(find(program).unwrap());
    let output = command.args(arguments).current_dir(repository.path().join(folder)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut reader = ManifestReader::new();
    reader.add_file("output", &output.stdout);
    let declared = reader.finish().declared;
    assert!(!declared.is_empty());
    declared.iter().map(|d| d.object.root().to_value().to_string()).collect()
}

fn application(source: Value) -> Value {
    let mut source = source;
    source["repoURL"] = URL.into();
    source["targetRevision"] = "main".into();
    json!({"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"shop","namespace":"argocd"},
        "spec":{"source":source,"destination":{"namespace":"shop","server":"https://kubernetes.default.svc"}}})
}

fn overlay() {
    let repository = repository(&[
        ("base/web.yaml", WEB),
        (
            "base/kustomization.yaml",
            "resources: [web.yaml]\nconfigMapGenerator: [{name: conf, literals: [a=b]}]\n",
        ),
        (
            "prod/kustomization.yaml",
            "resources: [../base]\nnamePrefix: prod-\nimages: [{name: web, newTag: '2'}]\npatches: [{path: scale.yaml}]\n",
        ),
        (
            "prod/scale.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n",
        ),
    ]);
    assert_eq!(
        declared(&[application(json!({"path":"prod"}))], &repository),
        run(&repository, "prod", "kustomize", &["build", "."])
    );
}

fn application_options() {
    let repository =
        repository(&[("app/web.yaml", WEB), ("app/kustomization.yaml", "resources: [web.yaml]\n")]);
    let options = json!({"namePrefix":"x-","images":["web=registry.example.com/web:9"],"commonLabels":{"team":"a"},
        "replicas":[{"name":"web","count":4}],"commonAnnotations":{"note":"b"}});
    let ours = declared(&[application(json!({"path":"app","kustomize":options}))], &repository);
    repository.write("same/web.yaml", WEB);
    repository.write(
        "same/kustomization.yaml",
        "resources: [web.yaml]\nnamePrefix: x-\nimages: [{name: web, newName: registry.example.com/web, newTag: '9'}]\ncommonLabels: {team: a}\ncommonAnnotations: {note: b}\nreplicas: [{name: web, count: 4}]\n",
    );
    assert_eq!(ours, run(&repository, "same", "kustomize", &["build", "."]));
}

fn flux() {
    let repository = repository(&[
        ("app/web.yaml", WEB),
        (
            "app/more/b.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}}\ndata: {k: '${region}'}\n",
        ),
    ]);
    let source = json!({"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"GitRepository","metadata":{"name":"r","namespace":"f"},
        "spec":{"url":URL,"ref":{"branch":"main"}}});
    let ks = json!({"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"name":"k","namespace":"f"},
        "spec":{"path":"./app","sourceRef":{"kind":"GitRepository","name":"r"},"targetNamespace":"shop","nameSuffix":"-x",
        "images":[{"name":"web","newTag":"7"}],"commonMetadata":{"labels":{"team":"a"}},
        "patches":[{"patch":"[{\"op\": \"replace\", \"path\": \"/spec/replicas\", \"value\": 5}]","target":{"kind":"Deployment"}}],
        "postBuild":{"substitute":{"region":"eu"},"substituteFrom":[{"kind":"ConfigMap","name":"vars"},{"kind":"ConfigMap","name":"none","optional":true}]}}});
    let vars = json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"vars","namespace":"f"},"data":{"region":"us"}});
    let all = declared(&[ks, source, vars], &repository);
    let web: Value = all
        .iter()
        .map(|t| serde_json::from_str::<Value>(t).unwrap())
        .find(|v| v["kind"] == "Deployment")
        .unwrap();
    assert_eq!(
        (&web["metadata"]["name"], &web["metadata"]["namespace"], &web["spec"]["replicas"]),
        (&json!("web-x"), &json!("shop"), &json!(5))
    );
    let container = &web["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((&container["image"], &container["env"][0]["value"]), (&json!("web:7"), &json!("eu")));
    assert_eq!(web["metadata"]["labels"]["team"], "a");
    let other: Value = all
        .iter()
        .map(|t| serde_json::from_str::<Value>(t).unwrap())
        .find(|v| v["kind"] == "ConfigMap")
        .unwrap();
    assert_eq!((&other["data"]["k"], &other["metadata"]["name"]), (&json!("${region}"), &json!("b-x")));
}

fn chart() {
    let repository = repository(&[
        ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("chart/values.yaml", "replicas: 1\nenv: dev\n"),
        (
            "chart/templates/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-a}\ndata: {env: {{ .Values.env | quote }}, count: '{{ .Values.replicas }}', ns: {{ .Release.Namespace }}}\n",
        ),
        (
            "chart/templates/hook.yaml",
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: h, annotations: {helm.sh/hook: pre-install}}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}\n",
        ),
        ("values/prod.yaml", "env: prod\n"),
    ]);
    let helm = json!({"releaseName":"rel","valueFiles":["../values/prod.yaml"],"parameters":[{"name":"replicas","value":"3"}]});
    let ours = declared(&[application(json!({"path":"chart","helm":helm}))], &repository);
    let all = run(
        &repository,
        "chart",
        "helm",
        &[
            "template",
            ".",
            "--name-template",
            "rel",
            "--namespace",
            "shop",
            "--values",
            "../values/prod.yaml",
            "--set",
            "replicas=3",
        ],
    );
    let kept: BTreeSet<String> = all.into_iter().filter(|t| !t.contains("helm.sh/hook")).collect();
    assert_eq!(ours, kept);
    assert!(ours.iter().any(|t| t.contains(r#""count":"3","env":"prod","ns":"shop""#)), "{ours:?}");
}

fn unstable() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {fixed: a, password: {{ randAlphaNum 12 | quote }}}\n";
    let named = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: job-{{ randAlphaNum 8 | lower }}}\n";
    let repository = repository(&[
        ("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
        ("chart/templates/secret.yaml", secret),
        ("chart/templates/named.yaml", named),
    ]);
    let app = json!({"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"shop","namespace":"argocd"},
        "spec":{"destination":{"namespace":"shop"},"source":{"repoURL":URL,"path":"chart","targetRevision":"main"}}});
    let live = json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"shop"},
        "data":{"fixed":"Yg==","password":"bGl2ZQ=="}});
    let mut repositories = Repositories::default();
    repositories.add(URL, open(&repository));
    let cluster = Cluster::now([app, live].iter().map(object).collect());
    let renderer = Renderer::new(RenderOptions::in_folders(folders()));
    let gitops = GitOps::new(&cluster, &repositories, &renderer);
    let schemas = drift_core::schema::SchemaSet::bundled();
    let report = drift_core::drift::compare_apps(
        &gitops.declarations(),
        cluster.live(),
        &schemas,
        &drift_core::rules::NoJq,
    );
    let secret = report.resources.iter().find(|r| &*r.key.kind == "Secret").unwrap();
    let counted: Vec<String> =
        secret.changes.iter().filter(|c| c.class.counts()).map(|c| c.path.to_string()).collect();
    assert_eq!(counted, [".data.fixed"]);
    let hidden = secret.changes.iter().find(|c| c.path.to_string() == ".data.password").unwrap();
    assert_eq!(hidden.rule.as_deref(), Some("RenderNondeterministic"));
    let whole = report.resources.iter().filter(|r| &*r.key.kind == "ConfigMap");
    assert!(
        whole.clone().count() > 0
            && whole.clone().all(|r| r.rule.as_deref() == Some("RenderNondeterministic"))
    );
    let notes = report.notes.join("\n");
    assert!(
        notes.contains("RenderNondeterministic: Secret//s .data.password, .stringData.password differs"),
        "{notes}"
    );
    assert!(notes.contains("is named otherwise with each render"), "{notes}");
    assert!(!notes.contains("fixed"), "{notes}");
}

fn limits() {
    let mut repository =
        repository(&[("app/web.yaml", WEB), ("app/kustomization.yaml", "resources: [web.yaml]\n")]);
    std::os::unix::fs::symlink("/etc/hostname", repository.path().join("app/link.yaml")).unwrap();
    repository.commit("link");
    let repo = open(&repository);
    let tree = Tree::of(&repo, &repo.resolve("HEAD").unwrap(), |_| true).unwrap();
    assert_eq!(tree.skipped(), ["app/link.yaml"]);
    assert!(!tree.root().join("app/link.yaml").exists());
    let render = |options: RenderOptions, arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        Renderer::new(options).run(Program::Kustomize, &tree, "app", &arguments, &[])
    };
    let options = || RenderOptions::in_folders(folders());
    assert!(matches!(
        render(RenderOptions { max_output: 10, ..options() }, &["build", "."]),
        Err(RenderError::Limit { .. })
    ));
    assert!(matches!(
        render(RenderOptions { timeout: Duration::ZERO, ..options() }, &["build", "."]),
        Err(RenderError::Limit { .. })
    ));
    assert!(matches!(render(options(), &["build", "nowhere"]), Err(RenderError::Failed { .. })));
    assert!(matches!(
        render(RenderOptions::in_folders(Vec::new()), &["build", "."]),
        Err(RenderError::NoProgram(_))
    ));
    assert!(Renderer::new(options()).version(Program::Kustomize).unwrap().starts_with('v'));
    assert_eq!(Renderer::new(RenderOptions::in_folders(Vec::new())).version(Program::Helm), None);
}
