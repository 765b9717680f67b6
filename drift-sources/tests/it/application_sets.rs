//! ApplicationSets from end to end: the Applications that they declare, against those that are there.

use serde_json::{Value, json};

use crate::gitops::{entry, lines, repository};

const CONTROLLER: &str = "argocd-applicationset-controller";
const URL: &str = crate::gitops::URL;

fn set(spec: Value) -> Value {
    let mut set = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet",
        "metadata": {"name": "teams", "namespace": "argocd", "uid": "u1"},
        "spec": {"template": {"metadata": {"name": "{{name}}"},
            "spec": {"project": "default", "destination": {"namespace": "{{name}}", "name": "away"},
                "source": {"repoURL": URL, "path": "apps/{{name}}", "targetRevision": "main"},
                "syncPolicy": {"automated": {"prune": false, "selfHeal": true}}}}}});
    for (key, value) in spec.as_object().unwrap() {
        set["spec"][key] = value.clone();
    }
    set
}

fn list(names: &[&str]) -> Value {
    let elements: Vec<Value> = names.iter().map(|n| json!({"name": n})).collect();
    json!([{"list": {"elements": elements}}])
}

/// An Application as the controller wrote it, and what Argo CD added.
fn generated(name: &str) -> Value {
    let fields = json!({"f:metadata": {"f:finalizers": {".": {}, "v:\"resources-finalizer.argocd.argoproj.io\"": {}},
            "f:ownerReferences": {".": {}, "k:{\"uid\":\"u1\"}": {}}},
        "f:spec": {".": {}, "f:project": {}, "f:destination": {".": {}, "f:namespace": {}, "f:name": {}},
            "f:source": {".": {}, "f:repoURL": {}, "f:path": {}, "f:targetRevision": {}},
            "f:syncPolicy": {".": {}, "f:automated": {".": {}, "f:selfHeal": {}}}}});
    let status = entry(
        "argocd-application-controller",
        "Update",
        json!({"f:status": {".": {}, "f:sync": {".": {}, "f:status": {}}}}),
    );
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", "finalizers": ["resources-finalizer.argocd.argoproj.io"],
            "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": "teams", "uid": "u1",
                "controller": true, "blockOwnerDeletion": true}],
            "managedFields": [entry(CONTROLLER, "Update", fields), status]},
        "spec": {"project": "default", "destination": {"namespace": name, "name": "away"},
            "source": {"repoURL": URL, "path": format!("apps/{name}"), "targetRevision": "main"},
            "syncPolicy": {"automated": {"selfHeal": true}}},
        "status": {"sync": {"status": "Synced"}}})
}

/// An Application of which somebody else wrote fields of its own accord.
fn edited(name: &str, changes: &[(&str, Value)], by: &str, fields: Value) -> Value {
    let mut app = generated(name);
    for (path, value) in changes {
        *app.pointer_mut(path).unwrap() = value.clone();
    }
    app["metadata"]["managedFields"].as_array_mut().unwrap().push(entry(by, "Update", fields));
    app
}

/// The verdicts on Applications; those of what they declare elsewhere are not looked at here.
fn verdicts(live: &[Value]) -> Vec<String> {
    verdicts_with(live, &[], None)
}

fn verdicts_with(live: &[Value], versions: &[Value], files: Option<&[(&str, &str)]>) -> Vec<String> {
    let repository = files.map(repository);
    let all = lines(live, versions, repository.as_ref().map(|(r, _)| r));
    all.into_iter().filter(|l| !l.contains("goes to another cluster")).collect()
}

#[test]
fn what_a_list_generates_is_in_sync() {
    let live = [set(json!({"generators": list(&["a", "b"])})), generated("a"), generated("b")];
    assert_eq!(verdicts(&live), [""; 0]);
}

#[test]
fn an_application_edited_by_hand_has_drifted() {
    let fields = json!({"f:spec": {"f:source": {"f:targetRevision": {}}}});
    let by_hand =
        edited("a", &[("/spec/source/targetRevision", json!("hotfix"))], "kubectl-edit", fields.clone());
    let through_ui =
        edited("b", &[("/spec/source/targetRevision", json!("hotfix"))], "argocd-server", fields);
    let live = [set(json!({"generators": list(&["a", "b"])})), by_hand, through_ui];
    assert_eq!(
        verdicts(&live),
        [
            "Application.argoproj.io/argocd/a Drifted of teams",
            ".spec.source.targetRevision Replace Changed by kubectl-edit",
            "Application.argoproj.io/argocd/b Drifted of teams",
            ".spec.source.targetRevision Replace Changed by argocd-server",
        ]
    );
}

#[test]
fn what_the_set_moved_on_from_is_pending() {
    let mut moved = set(json!({"generators": list(&["a"])}));
    moved["spec"]["template"]["spec"]["source"]["targetRevision"] = "v2".into();
    assert_eq!(
        verdicts(&[moved, generated("a")]),
        [
            "Application.argoproj.io/argocd/a Drifted of teams",
            ".spec.source.targetRevision Replace PendingSync by argocd-applicationset-controller",
        ]
    );
}

#[test]
fn one_that_is_missing_and_one_that_is_no_longer_generated_are_reported() {
    let live = [set(json!({"generators": list(&["a", "b"])})), generated("a"), generated("c")];
    assert_eq!(
        verdicts(&live),
        [
            "Application.argoproj.io/argocd/b Missing of teams",
            "Application.argoproj.io/argocd/c Extra PendingRemoval of teams",
        ]
    );
    let mut foreign = generated("c");
    foreign["metadata"]["ownerReferences"][0]["uid"] = "u0".into();
    let live = [set(json!({"generators": list(&["a"])})), generated("a"), foreign];
    assert_eq!(verdicts(&live), [""; 0], "it belongs to a set that was there before");
}

#[test]
fn policies_say_what_becomes_of_applications() {
    let fields = json!({"f:spec": {"f:source": {"f:path": {}}}});
    let by_hand = || edited("a", &[("/spec/source/path", json!("x"))], "kubectl-edit", fields.clone());
    let with = |policy: &str| {
        let set = set(json!({"generators": list(&["a"]), "syncPolicy": {"applicationsSync": policy}}));
        verdicts(&[set, by_hand(), generated("c")])
    };
    let changed = ".spec.source.path Replace Changed by kubectl-edit";
    let a = "Application.argoproj.io/argocd/a Drifted of teams";
    let c = "Application.argoproj.io/argocd/c Extra PendingRemoval";
    assert_eq!(with("sync"), [a, changed, &*format!("{c} of teams")]);
    assert_eq!(
        with("create-update"),
        [a, changed, &*format!("{c} (applicationsSync: create-update) of teams")]
    );
    let hidden = |policy: &str| {
        [
            "Application.argoproj.io/argocd/a InSync of teams".to_owned(),
            format!(".spec.source.path Replace Ignored by kubectl-edit (applicationsSync: {policy})"),
        ]
    };
    assert_eq!(with("create-delete"), [&hidden("create-delete")[..], &[format!("{c} of teams")]].concat());
    let last = format!("{c} (applicationsSync: create-only) of teams");
    assert_eq!(with("create-only"), [&hidden("create-only")[..], &[last]].concat());
}

#[test]
fn what_the_set_ignores_is_ignored() {
    let fields = json!({"f:spec": {"f:source": {"f:path": {}, "f:targetRevision": {}}}});
    let changes = [("/spec/source/path", json!("x")), ("/spec/source/targetRevision", json!("y"))];
    let by_hand = |name: &str| edited(name, &changes, "kubectl-edit", fields.clone());
    let rules = json!([{"jsonPointers": ["/spec/source/targetRevision"]},
        {"name": "b", "jqPathExpressions": [".spec.source.path"]}]);
    let set = set(json!({"generators": list(&["a", "b"]), "ignoreApplicationDifferences": rules}));
    assert_eq!(
        verdicts(&[set, by_hand("a"), by_hand("b")]),
        [
            "Application.argoproj.io/argocd/a Drifted of teams",
            ".spec.source.path Replace Changed by kubectl-edit",
            ".spec.source.targetRevision Replace Ignored by kubectl-edit (ignoreApplicationDifferences[0])",
            "Application.argoproj.io/argocd/b InSync of teams",
            ".spec.source.path Replace Ignored by kubectl-edit (ignoreApplicationDifferences[1])",
            ".spec.source.targetRevision Replace Ignored by kubectl-edit (ignoreApplicationDifferences[0])",
        ]
    );
}

#[test]
fn records_of_others_on_an_application_are_no_drift() {
    let mut app = generated("a");
    app["metadata"]["annotations"] = json!({"argocd.argoproj.io/refresh": "normal", "notified.notifications.argoproj.io": "{}",
        "team/owner": "x"});
    app["metadata"]["labels"] = json!({"team/cost": "y"});
    app["metadata"]["finalizers"]
        .as_array_mut()
        .unwrap()
        .push("post-delete-finalizer.argocd.argoproj.io/cleanup".into());
    let fields = json!({"f:metadata": {"f:annotations": {"f:argocd.argoproj.io/refresh": {}, "f:team/owner": {},
            "f:notified.notifications.argoproj.io": {}}, "f:labels": {"f:team/cost": {}},
        "f:finalizers": {"v:\"post-delete-finalizer.argocd.argoproj.io/cleanup\"": {}}}});
    app["metadata"]["managedFields"].as_array_mut().unwrap().push(entry("kubectl-edit", "Update", fields));
    let preserved = json!({"annotations": ["team/owner"], "labels": ["team/cost"]});
    let lenient = set(json!({"generators": list(&["a"]), "preservedFields": preserved}));
    assert_eq!(verdicts(&[lenient, app.clone()]), [""; 0]);
    let strict = set(json!({"generators": list(&["a"])}));
    assert_eq!(
        verdicts(&[strict, app]),
        [
            "Application.argoproj.io/argocd/a Drifted of teams",
            ".metadata.annotations[\"team/owner\"] Add Added by kubectl-edit",
            ".metadata.labels Add Added by kubectl-edit",
        ]
    );
}

fn cluster(name: &str, server: &str, labels: Value) -> Value {
    use base64::Engine;
    let encoded = |t: &str| base64::engine::general_purpose::STANDARD.encode(t);
    let mut all = json!({"argocd.argoproj.io/secret-type": "cluster"});
    all.as_object_mut().unwrap().extend(labels.as_object().unwrap().clone());
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("cluster-{name}"), "namespace": "argocd", "labels": all},
        "data": {"name": encoded(name), "server": encoded(server), "config": encoded("{\"bearerToken\":\"t0p-s3cret\"}")}})
}

/// The names of what is generated, by what is missing.
fn missing(live: &[Value], files: Option<&[(&str, &str)]>) -> Vec<String> {
    let of = |line: &String| {
        let name = line.strip_prefix("Application.argoproj.io/argocd/")?.strip_suffix(" Missing of teams")?;
        Some(name.to_owned())
    };
    let all = verdicts_with(live, &[], files);
    all.iter().map(|l| of(l).unwrap_or_else(|| l.clone())).collect()
}

#[test]
fn clusters_generate_by_their_secrets() {
    let by = |spec: Value| {
        let clusters = [
            cluster("prod", "https://prod:6443", json!({"env": "prod"})),
            cluster("Dev_1", "https://dev:6443", json!({"env": "dev"})),
        ];
        let mut generator = json!({"clusters": spec});
        generator["clusters"]["values"] = json!({"short": "x-{{nameNormalized}}"});
        let mut set = set(json!({"generators": [generator]}));
        set["spec"]["template"]["metadata"]["name"] = "{{values.short}}".into();
        missing(&[&[set][..], &clusters].concat(), None)
    };
    assert_eq!(by(json!({})), ["x-dev-1", "x-in-cluster", "x-prod"]);
    assert_eq!(by(json!({"selector": {"matchLabels": {"env": "prod"}}})), ["x-prod"]);
    let none = set(json!({"generators": [{"clusters": {}}]}));
    assert_eq!(
        verdicts(&[none]),
        [
            "not looked at: ApplicationSet.argoproj.io/argocd/teams: its generator takes clusters from Secrets in argocd, of which \
          none is recorded; nothing is known of its resources"
        ]
    );
}

const FILES: &[(&str, &str)] = &[
    ("apps/a/kustomization.yaml", "resources: []\n"),
    ("apps/b/x.yaml", ""),
    ("apps/b/deep/x.yaml", ""),
    ("apps/.hidden/x.yaml", ""),
    ("config/one/config.json", "{\"name\": \"one\", \"cluster\": {\"zone\": \"z1\", \"on\": true}}"),
    ("config/two/config.json", "[{\"name\": \"two\"}, {\"name\": \"three\"}]"),
];

fn git(spec: Value, name: &str) -> Value {
    let mut generator = json!({"git": {"repoURL": URL, "revision": "main"}});
    generator["git"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let mut set = set(json!({"generators": [generator]}));
    set["spec"]["template"]["metadata"]["name"] = name.into();
    set
}

#[test]
fn folders_and_files_of_a_repository_generate() {
    let by = |spec: Value, name: &str| missing(&[git(spec, name)], Some(FILES));
    let directories = json!({"directories": [{"path": "apps/*"}]});
    assert_eq!(by(directories, "{{path.basename}}"), ["a", "b"]);
    let excluding = json!({"directories": [{"path": "apps/*"}, {"path": "apps/b", "exclude": true}, {"path": "apps/b/*"}]});
    assert_eq!(by(excluding, "{{path[1]}}-{{path.basenameNormalized}}"), ["a-a", "b-deep"]);
    let files = json!({"files": [{"path": "config/**/config.json"}], "values": {"v": "x{{path.basename}}"}});
    assert_eq!(by(files, "{{name}}-{{values.v}}"), ["one-xone", "three-xtwo", "two-xtwo"]);
    let prefixed = json!({"files": [{"path": "config/one/*"}], "pathParamPrefix": "repo"});
    assert_eq!(
        by(prefixed, "{{cluster.zone}}-{{cluster.on}}-{{repo.path.filename}}"),
        ["z1-true-config.json"]
    );
    assert_eq!(
        missing(&[git(json!({"files": [{"path": "*"}]}), "x")], None),
        [
            "not looked at: ApplicationSet.argoproj.io/argocd/teams: no repository is given for https://git.example.com/shop.git; \
          nothing is known of its resources"
        ]
    );
}

#[test]
fn generators_are_combined() {
    let by = |generators: Value, name: &str, go: bool| {
        let mut set = set(json!({"generators": generators, "goTemplate": go}));
        set["spec"]["template"] = json!({"metadata": {"name": name}, "spec": {"source": {"repoURL": URL}}});
        let clusters = [cluster("prod", "https://prod:6443", json!({"env": "prod"}))];
        missing(&[&[set][..], &clusters].concat(), Some(FILES))
    };
    let folders = json!({"git": {"repoURL": URL, "revision": "main", "directories": [{"path": "apps/*"}]}});
    let matrix = |first: Value, second: Value| json!([{"matrix": {"generators": [first, second]}}]);
    assert_eq!(
        by(matrix(folders.clone(), json!({"clusters": {}})), "{{path.basename}}-{{name}}", false),
        ["a-in-cluster", "a-prod", "b-in-cluster", "b-prod"]
    );
    assert_eq!(
        by(matrix(folders.clone(), json!({"clusters": {}})), "{{.path.basename}}-{{.name}}", true),
        ["a-in-cluster", "a-prod", "b-in-cluster", "b-prod"]
    );
    // The second one may use what the first one makes.
    let elements = json!({"list": {"elements": [{"app": "a", "parts": [{"part": "x"}, {"part": "y"}]}, {"app": "b", "parts": []}]}});
    let parts = json!({"list": {"elementsYaml": "{{ .parts | toJson }}"}});
    assert_eq!(by(matrix(elements, parts), "{{.app}}-{{.part}}", true), ["a-x", "a-y"]);
    let chosen = json!({"list": {"elements": [{"env": "prod"}, {"env": "dev"}]}, "selector": {"matchLabels": {"env": "prod"}}});
    let by_env = json!({"clusters": {"selector": {"matchLabels": {"env": "{{env}}"}}}});
    assert_eq!(by(matrix(chosen, by_env), "{{env}}-{{name}}", false), ["prod-prod"]);
    let base = json!({"list": {"elements": [{"id": "1", "name": "a", "v": "x"}, {"id": "2", "name": "b", "v": "x"}]}});
    let over = json!({"list": {"elements": [{"id": "2", "v": "y"}, {"id": "3", "v": "z"}]}});
    let merge = json!([{"merge": {"mergeKeys": ["id"], "generators": [base, over]}}]);
    assert_eq!(by(merge.clone(), "{{name}}-{{v}}", false), ["a-x", "b-y"]);
    assert_eq!(by(merge, "{{.name}}-{{.v}}", true), ["a-x", "b-y"]);
}

#[test]
fn a_generator_has_a_template_of_its_own() {
    let mut generators = list(&["a"]);
    generators[0]["list"]["template"] = json!({"metadata": {}, "spec": {"source": {"path": "own/{{name}}"}}});
    let mut app = generated("a");
    app["spec"]["source"]["path"] = "own/a".into();
    assert_eq!(verdicts(&[set(json!({"generators": generators})), app]), [""; 0]);
}

#[test]
fn go_templates_and_patches_are_evaluated() {
    let patch = "spec:\n  source:\n    path: apps/{{ .name }}\n{{- if .auto }}\n  syncPolicy:\n    automated: {selfHeal: true}\n{{- end }}\n";
    let elements = json!([{"list": {"elements": [{"name": "a", "auto": true}]}}]);
    let mut set =
        set(json!({"generators": elements, "goTemplate": true, "goTemplateOptions": ["missingkey=error"],
        "templatePatch": patch}));
    set["spec"]["template"] = json!({"metadata": {"name": "{{ .name | lower }}"}, "spec": {"project": "default",
        "destination": {"namespace": "{{ .name }}", "name": "away"}, "source": {"repoURL": URL, "targetRevision": "main"}}});
    assert_eq!(verdicts(&[set, generated("a")]), [""; 0]);
}

#[test]
fn what_needs_the_network_is_not_known_and_the_reason_is_named() {
    for (generator, why) in [
        (
            json!({"pullRequest": {"github": {}}}),
            "its generator `pullRequest` lists pull requests of a service, which is not asked here",
        ),
        (
            json!({"scmProvider": {"github": {}}}),
            "its generator `scmProvider` lists repositories of a service, which is not asked here",
        ),
        (
            json!({"plugin": {"configMapRef": {"name": "x"}}}),
            "its generator `plugin` asks a service, which is not done here",
        ),
        (
            json!({"oracle": {"configMapRef": {"name": "x"}}}),
            "has a generator `oracle`, which is not known here",
        ),
    ] {
        let nothing = format!(
            "not looked at: ApplicationSet.argoproj.io/argocd/teams: {why}; nothing is known of its resources"
        );
        assert_eq!(verdicts(&[set(json!({"generators": [generator]}))]), [nothing]);
        let fields = json!({"f:spec": {"f:source": {"f:path": {}}}});
        let by_hand = edited("a", &[("/spec/source/path", json!("x"))], "kubectl-edit", fields);
        let live = [set(json!({"generators": [generator]})), by_hand];
        // What the controller wrote is in the history.
        assert_eq!(
            verdicts_with(&live, &[generated("a"), live[1].clone()], None),
            [
                "Application.argoproj.io/argocd/a Drifted of teams".to_owned(),
                ".spec.source.path Replace Changed by kubectl-edit".to_owned(),
                format!(
                    "not looked at: ApplicationSet.argoproj.io/argocd/teams: {why}; compared with what was applied last"
                ),
            ]
        );
        // Alone, it is in sync with what it was made as.
        let live = [set(json!({"generators": [generator]})), generated("a")];
        assert_eq!(verdicts(&live).len(), 1);
    }
}

#[test]
fn decisions_are_read_from_a_recorded_resource() {
    let settings = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "placed", "namespace": "argocd"},
        "data": {"apiVersion": "placement.example.com/v1", "kind": "decisions", "statusListKey": "chosen", "matchKey": "cluster"}});
    let decision = json!({"apiVersion": "placement.example.com/v1", "kind": "Decision",
        "metadata": {"name": "d", "namespace": "argocd"},
        "status": {"chosen": [{"cluster": "prod", "weight": 3}, {"cluster": "gone"}]}});
    let generator =
        json!([{"clusterDecisionResource": {"configMapRef": "placed", "name": "d", "values": {"v": "x"}}}]);
    let mut set = set(json!({"generators": generator}));
    set["spec"]["template"]["metadata"]["name"] = "{{name}}-{{weight}}-{{values.v}}".into();
    let prod = cluster("prod", "https://prod:6443", json!({}));
    assert_eq!(missing(&[set.clone(), settings.clone(), decision, prod.clone()], None), ["prod-3-x"]);
    let unknown = verdicts(&[set, settings, prod]);
    assert!(
        unknown[0].contains("its generator reads decisions.placement.example.com, of which none is recorded"),
        "{unknown:?}"
    );
}

#[test]
fn what_is_generated_twice_or_has_no_name_is_not_applied() {
    let mut twice = set(json!({"generators": list(&["a", "b"])}));
    twice["spec"]["template"]["metadata"]["name"] = "same".into();
    assert_eq!(
        verdicts(&[twice.clone(), generated("same")]),
        [
            "note: ApplicationSet.argoproj.io/argocd/teams: generates 2 Applications with the name `same`: none is applied"
        ]
    );
    twice["spec"]["template"]["metadata"]["name"] = "".into();
    assert_eq!(
        verdicts(&[twice]),
        [
            "note: ApplicationSet.argoproj.io/argocd/teams: generates 2 Applications with no name: none is applied"
        ]
    );
}

#[test]
fn a_product_without_end_is_an_error() {
    let elements: Vec<Value> = (0..200).map(|i| json!({"a": i.to_string()})).collect();
    let other: Vec<Value> = (0..200).map(|i| json!({"b": i.to_string()})).collect();
    let matrix = json!([{"matrix": {"generators": [{"list": {"elements": elements}}, {"list": {"elements": other}}]}}]);
    let found = verdicts(&[set(json!({"generators": matrix}))]);
    assert!(
        found[0].contains("its generators make more than 20000 sets of parameters, which is the limit here"),
        "{found:?}"
    );
}

#[test]
fn rolling_syncs_switch_off_automatic_ones() {
    let strategy = json!({"type": "RollingSync", "rollingSync": {"steps": [{"matchExpressions": []}]}});
    let mut rolling = set(json!({"generators": list(&["a"]), "strategy": strategy}));
    rolling["status"] = json!({"applicationStatus": [{"application": "a", "status": "Healthy"}]});
    let mut disabled = generated("a");
    disabled["spec"]["syncPolicy"]["automated"]["enabled"] = false.into();
    let mut without = generated("a");
    without["spec"].as_object_mut().unwrap().remove("syncPolicy");
    assert_eq!(verdicts(&[rolling.clone(), disabled.clone()]), [""; 0]);
    assert_eq!(verdicts(&[rolling.clone(), without]), [""; 0]);
    // Where progressive syncs are off, the strategy does nothing.
    rolling["status"] = json!({});
    let fields = json!({"f:spec": {"f:syncPolicy": {"f:automated": {"f:enabled": {}}}}});
    disabled["metadata"]["managedFields"].as_array_mut().unwrap().push(entry(
        "kubectl-edit",
        "Update",
        fields,
    ));
    assert_eq!(
        verdicts(&[rolling, disabled])[1],
        ".spec.syncPolicy.automated.enabled Add Added by kubectl-edit"
    );
}

#[test]
fn values_that_are_hashed_in_a_store_make_no_drift() {
    let hash = |c: &str| format!("redacted:{}", c.repeat(32));
    let mut hashed = cluster("prod", "https://prod:6443", json!({"env": "prod"}));
    hashed["data"] = json!({"name": hash("a"), "server": hash("b"), "config": hash("c")});
    let mut by_server =
        set(json!({"generators": [{"clusters": {"selector": {"matchLabels": {"env": "prod"}}}}]}));
    by_server["spec"]["template"]["metadata"]["name"] = "a".into();
    by_server["spec"]["template"]["spec"]["destination"]["name"] = "{{server}}".into();
    by_server["spec"]["template"]["spec"]["destination"]["namespace"] = "a".into();
    by_server["spec"]["template"]["spec"]["source"]["path"] = "apps/a".into();
    assert_eq!(verdicts(&[by_server.clone(), hashed.clone(), generated("a")]), [""; 0]);
    by_server["spec"]["template"]["metadata"]["name"] = "x-{{name}}".into();
    let found = verdicts(&[by_server, hashed, generated("a")]);
    assert!(
        found
            .last()
            .unwrap()
            .contains("the name of an Application comes from a Secret, and is hashed in the store"),
        "{found:?}"
    );
}

#[test]
fn the_commit_that_made_a_generator_make_it_is_found() {
    use drift_core::{FieldPath, ResourceKey};
    use drift_sources::git::{GitOptions, GitRepo, GitSpec};
    use drift_sources::gitops::{ClusterSnapshot, GitOps, Repositories};
    use drift_sources::render::{RenderOptions, Renderer};

    let (mut files, _) = repository(&[("teams/one.json", "{\"name\": \"one\", \"revision\": \"main\"}")]);
    files.write("teams/one.json", "{\"name\": \"one\", \"revision\": \"v2\"}");
    let moved = files.commit("one goes to v2");
    files.write("teams/two.json", "{\"name\": \"two\", \"revision\": \"main\"}");
    let second = files.commit("two is there");
    let mut set = git(json!({"files": [{"path": "teams/*.json"}]}), "{{name}}");
    set["spec"]["template"]["spec"]["source"]["targetRevision"] = "{{revision}}".into();
    let mut repositories = Repositories::default();
    let spec = GitSpec::parse(&files.spec("")).unwrap();
    repositories.add(URL, GitRepo::open(&spec, &GitOptions::default()).unwrap());
    let cluster = ClusterSnapshot::now(vec![crate::gitops::object(&set)]);
    let renderer = Renderer::new(RenderOptions::in_folders(Vec::new()));
    let gitops = GitOps::new(&cluster, &repositories, &renderer);
    let app = gitops.apps().next().unwrap().key();
    let commit = |name: &str, path: &[&str]| {
        let key = ResourceKey::new("argoproj.io", "Application", "argocd", name);
        gitops.declared_history(&app, &key, &FieldPath::of(path), &[], None).unwrap().map(|c| c.id)
    };
    assert_eq!(commit("one", &["spec", "source", "targetRevision"]), Some(moved));
    assert_eq!(commit("two", &["spec", "source", "path"]), Some(second));
    // That is in the ApplicationSet itself.
    assert_eq!(commit("one", &["spec", "project"]), None);
}
