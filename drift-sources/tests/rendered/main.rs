//! What apps declare, against what the installed `kustomize` and `helm` make of the same files; ignored, and reported so,
//! where they are not installed.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "../it/git/repository.rs"]
#[allow(dead_code, reason = "shared with the tests of the git source")]
mod repository;

mod hostile;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use drift_core::{Doc, Object};
use drift_sources::git::{GitOptions, GitRepo, GitSpec};
use drift_sources::gitops::{ClusterSnapshot, GitOps, Repositories};
use drift_sources::manifests::ManifestReader;
use drift_sources::render::{CommitFiles, Program, RenderError, RenderOptions, Renderer};
mod secrets;
mod values;

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
        trial("charts_of_the_same_repository_are_dependencies", "helm", local_dependencies),
        trial("a_chart_is_told_what_the_cluster_serves", "helm", capabilities),
        trial("variables_of_the_build_and_lists_stand_in_parameters", "helm", parameters),
        trial("values_of_an_application_win_in_order", "helm", values_of_an_application),
        trial("the_commit_of_one_source_is_found_beside_the_other", "helm", several_sources),
        trial("a_folder_that_is_both_is_built_by_kustomize", "kustomize", both),
        trial("a_variable_that_is_not_set_breaks_the_build", "kustomize", unset_variable),
        trial("a_chart_that_is_never_the_same_twice_is_told_and_is_no_drift", "helm", unstable),
        trial("a_message_of_helm_has_no_value_in_it", "helm", secrets::messages_of_helm),
        trial("a_message_of_kustomize_has_no_literal_in_it", "kustomize", secrets::messages_of_kustomize),
        trial("no_parameter_is_an_argument", "helm", secrets::arguments),
        trial("a_parameter_in_a_file_is_what_it_was_as_an_argument", "helm", secrets::parameters_in_files),
        trial("values_of_a_helm_release_are_merged_and_rendered", "helm", values::merged),
        trial("values_in_a_secret_are_rendered_and_a_hash_of_them_is_not", "helm", values::secret),
        trial("the_labels_of_helm_controller_are_part_of_what_was_applied", "helm", values::labelled),
        trial("what_does_not_render_as_it_was_applied_is_not_known", "helm", values::unrendered),
        trial("limits_and_hostile_files_are_refused", "kustomize", limits),
        trial("a_kustomization_reaches_no_network_and_no_file_outside", "kustomize", hostile::references),
        trial("hosts_that_are_allowed_are_fetched_from", "kustomize", hostile::allowed_hosts),
        trial("a_chart_that_grows_stays_within_its_memory", "helm", hostile::memory),
        trial(
            "a_kustomization_that_grows_stays_within_its_memory",
            "kustomize",
            hostile::kustomization_memory,
        ),
        trial("a_program_that_starts_others_is_ended_with_them", "sh", hostile::processes),
        trial("all_sources_together_have_a_limit_of_time_and_output", "sh", hostile::total),
        trial("the_schema_of_a_chart_reaches_no_network", "helm", hostile::chart_schema),
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
    let cluster = ClusterSnapshot::now(objects.iter().map(object).collect());
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

fn data(objects: &BTreeSet<String>) -> Value {
    serde_json::from_str::<Value>(objects.first().unwrap()).unwrap()["data"].clone()
}

const CHART: (&str, &str) = ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");

fn local_dependencies() {
    let template = |name: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}-{{{{ .Values.tone }}}}}}\n")
    };
    let chart = |name: &str, on: &str| {
        let dependencies = if on.is_empty() {
            String::new()
        } else {
            format!("dependencies: [{{name: {on}, version: 1.0.0, repository: 'file://../{on}'}}]\n")
        };
        format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n{dependencies}")
    };
    let mut files = vec![(
        "shop/values.yaml".to_owned(),
        "tone: loud\nshared: {tone: calm, base: {tone: low}}\n".to_owned(),
    )];
    for (name, on) in [("shop", "shared"), ("shared", "base"), ("base", "")] {
        files.push((format!("{name}/Chart.yaml"), chart(name, on)));
        files.push((format!("{name}/templates/a.yaml"), template(name)));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let found = declared(&[application(json!({"path":"shop"}))], &repository(&files));
    let has = |name: &str| found.iter().any(|o| o.contains(&format!("\"name\":\"{name}\"")));
    assert!(has("shop-loud") && has("shared-calm") && has("base-low"), "{found:?}");
}

fn capabilities() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  monitor: '{{ .Capabilities.APIVersions.Has \"shop.example.com/v1/Gadget\" }}'\n  old: '{{ .Capabilities.APIVersions.Has \"shop.example.com/v1beta1\" }}'\n  kube: '{{ .Capabilities.KubeVersion.Version }}'\n";
    let repository = repository(&[CHART, ("chart/templates/a.yaml", template)]);
    let definition = json!({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"gadgets.shop.example.com"},
        "spec":{"group":"shop.example.com","names":{"kind":"Gadget","plural":"gadgets"},"scope":"Namespaced",
            "versions":[{"name":"v1","served":true},{"name":"v1beta1","served":false}]}});
    let node = |name: &str, version: &str| json!({"apiVersion":"v1","kind":"Node","metadata":{"name":name},"status":{"nodeInfo":{"kubeletVersion":version}}});
    let objects = |source: Value| {
        let nodes = [node("old", "v1.9.9"), node("new", "v1.33.2-vendor.1")];
        [vec![application(source), definition.clone()], nodes.to_vec()].concat()
    };
    let found = data(&declared(&objects(json!({"path":"chart"})), &repository));
    assert_eq!(found, json!({"monitor":"true","old":"false","kube":"v1.33.2"}));
    let stated =
        json!({"path":"chart","helm":{"kubeVersion":"1.30.0","apiVersions":["shop.example.com/v1beta1"]}});
    let found = data(&declared(&objects(stated), &repository));
    assert_eq!(found, json!({"monitor":"false","old":"true","kube":"v1.30.0"}));
}

fn parameters() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {list: {{ .Values.list | toJson | quote }}, text: {{ .Values.text | quote }}}\n";
    let repository = repository(&[
        CHART,
        ("chart/templates/a.yaml", template),
        ("chart/shop.yaml", "text: from the file\n"),
    ]);
    let helm = json!({"valueFiles":["$ARGOCD_APP_NAME.yaml"],"parameters":[{"name":"list","value":"{a,b}"}]});
    let found = data(&declared(&[application(json!({"path":"chart","helm":helm}))], &repository));
    assert_eq!(found, json!({"list":"[\"a\",\"b\"]","text":"from the file"}));
    let helm = json!({"parameters":[{"name":"text","value":"$ARGOCD_APP_NAMESPACE, ${ARGOCD_APP_SOURCE_PATH}"},{"name":"list","value":"x"}]});
    let found = data(&declared(&[application(json!({"path":"chart","helm":helm}))], &repository));
    assert_eq!(found["text"], "shop, chart");
}

/// Every option by which an Application gives values to a chart, each winning over the ones before.
fn values_of_an_application() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: {{ .Values.a | quote }}, b: {{ .Values.b | quote }}, c: {{ .Values.c | quote }}, d: {{ .Values.d | quote }}, e: {{ .Values.e | quote }}, f: {{ .Values.f | quote }}}\n";
    let all = |text: &str| ["a", "b", "c", "d", "e", "f"].map(|k| format!("{k}: {text}\n")).concat();
    let chart = repository(&[
        CHART,
        ("chart/templates/a.yaml", template),
        ("chart/values.yaml", &all("chart")),
        ("chart/prod.yaml", &all("file").replace("a: file\n", "")),
        ("chart/own.txt", "own"),
    ]);
    let other = repository(&[
        ("env/prod.yaml", "c: ref\nd: ref\ne: ref\nf: ref\n"),
        ("env/f.txt", "f, of another {source}"),
    ]);
    let found = |helm: Value| {
        let mut app = application(json!({}));
        app["spec"]["source"] = Value::Null;
        app["spec"]["sources"] = json!([{"repoURL":URL,"targetRevision":"main","path":"chart","helm":helm},
            {"repoURL":"https://git.example.com/values.git","targetRevision":"main","ref":"values"}]);
        let mut repositories = Repositories::default();
        repositories.add(URL, open(&chart));
        repositories.add("https://git.example.com/values.git", open(&other));
        let cluster = ClusterSnapshot::now(vec![object(&app)]);
        let renderer = Renderer::new(RenderOptions::in_folders(folders()));
        let declaration = GitOps::new(&cluster, &repositories, &renderer).declarations().remove(0);
        declaration
            .desired
            .map(|d| d[0].object.root().get("data").unwrap().to_value())
            .map_err(|e| e.to_string())
    };
    let files = json!(["prod.yaml", "$values/env/prod.yaml"]);
    let helm = json!({"valueFiles":files, "values":"d: text\n", "valuesObject":{"d":"object"},
        "parameters":[{"name":"e","value":"parameter"}], "fileParameters":[{"name":"f","path":"$values/env/f.txt"}]});
    assert_eq!(
        found(helm),
        Ok(
            json!({"a":"chart","b":"file","c":"ref","d":"object","e":"parameter","f":"f, of another {source}"})
        )
    );
    let helm =
        json!({"valueFiles":files, "values":"d: text\n", "fileParameters":[{"name":"f","path":"own.txt"}]});
    assert_eq!(found(helm), Ok(json!({"a":"chart","b":"file","c":"ref","d":"text","e":"ref","f":"own"})));
    let gone = json!({"fileParameters":[{"name":"f","path":"$values/env/gone.txt"}]});
    assert!(found(gone).unwrap_err().contains("there is no file `$values/env/gone.txt`"));
}

fn several_sources() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata: {k: {{ .Values.k | quote }}}\n";
    let chart = repository(&[CHART, ("chart/templates/a.yaml", template)]);
    let mut values = repository(&[("prod.yaml", "k: '1'\n")]);
    let head = |r: &Repository| open(r).resolve("HEAD").unwrap().id.to_string();
    let first = head(&values);
    values.write("prod.yaml", "k: '2'\n");
    let second = values.commit("second");
    let mut app = application(json!({}));
    app["spec"]["source"] = Value::Null;
    app["spec"]["sources"] = json!([{"repoURL":"https://git.example.com/values.git","targetRevision":"main","ref":"values"},
        {"repoURL":URL,"targetRevision":"main","path":"chart","helm":{"valueFiles":["$values/prod.yaml"]}}]);
    let mut repositories = Repositories::default();
    repositories.add(URL, open(&chart));
    repositories.add("https://git.example.com/values.git", open(&values));
    let cluster = ClusterSnapshot::now(vec![object(&app)]);
    let renderer = Renderer::new(RenderOptions::in_folders(folders()));
    let gitops = GitOps::new(&cluster, &repositories, &renderer);
    let key = drift_core::ResourceKey::new("", "ConfigMap", "shop", "a");
    let path = drift_core::FieldPath::parse("data.k").unwrap();
    let ask = |from: &[String]| {
        let found = gitops
            .declared_history(&gitops.apps().next().unwrap().key(), &key, &path, from, None)
            .unwrap()
            .unwrap();
        (found.id, found.value)
    };
    assert_eq!(ask(&[]), (second, Some(json!("2"))));
    // What was declared when both stood there is no mixture of one's then and the other's now.
    assert_eq!(ask(&[first.clone(), head(&chart)]).1, Some(json!("1")));
}

fn both() {
    let repository = repository(&[
        ("app/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("app/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: of-helm}\n"),
        ("app/kustomization.yaml", "namePrefix: k-\nresources: [web.yaml]\n"),
        ("app/web.yaml", WEB),
    ]);
    let found = declared(&[application(json!({"path":"app"}))], &repository);
    assert!(found.len() == 1 && found.first().unwrap().contains("\"name\":\"k-web\""), "{found:?}");
}

fn unset_variable() {
    let files = [
        ("app/web.yaml", WEB),
        ("app/c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: 'a${missing}'}\n"),
    ];
    let repository = repository(&files);
    let commit = open(&repository).resolve("HEAD").unwrap().id.to_string();
    let source = json!({"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"GitRepository","metadata":{"name":"r","namespace":"f"},
        "spec":{"url":URL,"ref":{"branch":"main"}}});
    let with = |status: Value| {
        let ks = json!({"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"name":"k","namespace":"f","generation":1},
            "spec":{"path":"./app","sourceRef":{"kind":"GitRepository","name":"r"},"postBuild":{"substitute":{"region":"eu"}}},"status":status});
        let mut repositories = Repositories::default();
        repositories.add(URL, open(&repository));
        let cluster = ClusterSnapshot::now(vec![object(&ks), object(&source)]);
        let renderer = Renderer::new(RenderOptions::in_folders(folders()));
        let gitops = GitOps::new(&cluster, &repositories, &renderer);
        gitops.declarations().remove(0).desired.map(|d| d.len()).map_err(|e| e.to_string())
    };
    let refused = with(json!({}));
    assert!(refused.as_ref().is_err_and(|e| e.contains("`missing` is not set")), "{refused:?}");
    // A controller that has applied this very commit is one that takes it.
    let applied = json!({"observedGeneration":1,"lastAppliedRevision":format!("main@sha1:{commit}"),
        "conditions":[{"type":"Ready","status":"True","reason":"ok","observedGeneration":1}]});
    assert_eq!(with(applied), Ok(2));
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
    let cluster = ClusterSnapshot::now([app, live].iter().map(object).collect());
    let renderer = Renderer::new(RenderOptions::in_folders(folders()));
    let gitops = GitOps::new(&cluster, &repositories, &renderer);
    let schemas = drift_core::schema::SchemaSet::bundled();
    let report = drift_core::drift::compare_apps(
        &gitops.declarations(),
        cluster.live(),
        &schemas,
        &drift_core::drift::rules::NoJq,
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
    let tree = CommitFiles::from_commit(&repo, &repo.resolve("HEAD").unwrap(), |_| true).unwrap();
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
