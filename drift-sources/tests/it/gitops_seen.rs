//! What real engines were seen to write, and what was once said wrongly of it.

use drift_sources::git::{GitOptions, GitRepo, GitSpec};
use drift_sources::gitops::{ClusterSnapshot, GitOps, Repositories};
use drift_sources::render::{RenderOptions, Renderer};
use serde_json::{Value, json};

use crate::git::repository::Repository;
use crate::gitops::{CONFIG, URL, applied, argo, config, entry, flux, lines, object, repository, synced};

fn named(name: &str, data: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\ndata: {{k: '{data}'}}\n"
    )
}

fn live(name: &str, value: &str, managers: Value) -> Value {
    let mut object = config(json!({"k":value}), managers);
    object["metadata"]["name"] = name.into();
    object
}

/// An Application whose last operation, of `revision`, synced the ConfigMaps in `synced` and no others.
fn operated(history: &str, revision: &str, operation: Value, resources: Value) -> Value {
    let mut app = argo("web", history, json!({}));
    let source = app["spec"]["source"].clone();
    app["status"]["operationState"] = json!({"phase":"Succeeded","operation":{"sync":operation},
        "syncResult":{"revision":revision,"source":source,"resources":resources}});
    app
}

#[test]
fn a_sync_of_chosen_resources_leaves_the_others_as_they_were_applied_before() {
    let (mut repository, first) =
        repository(&[("app/a.yaml", &named("a", "1")), ("app/b.yaml", &named("b", "1"))]);
    for name in ["a", "b", "c"] {
        repository.write(&format!("app/{name}.yaml"), &named(name, "2"));
    }
    let second = repository.commit("second");
    let chosen = json!([{"kind":"ConfigMap","name":"a"}]);
    let result = json!([{"version":"v1","kind":"ConfigMap","namespace":"shop","name":"a","status":"Synced"}]);
    let app = operated(&first, &second, json!({"resources":chosen}), result.clone());
    let all = [app, live("a", "2", json!([synced()])), live("b", "1", json!([synced()]))];
    let expect = [
        "ConfigMap/shop/b Drifted of web",
        ".data.k Replace PendingSync by argocd-controller",
        // Declared by the commit that was synced in part, and never applied.
        "ConfigMap/shop/c Missing PendingSync of web",
    ];
    assert_eq!(lines(&all, &[], Some(&repository)), expect);
    // So it is with one that failed on the way.
    let mut failed = operated(&first, &second, json!({}), result);
    failed["status"]["operationState"]["phase"] = "Failed".into();
    assert_eq!(lines(&[&[failed], &all[1..]].concat(), &[], Some(&repository)), expect);
    // Of the revision that was there before, a partial sync changes nothing: what a hand took away was applied.
    let app = operated(&first, &first, json!({"resources":[{"kind":"ConfigMap","name":"a"}]}), json!([]));
    let mut app = app;
    app["spec"]["source"]["targetRevision"] = first.as_str().into();
    let mut emptied = live("b", "1", json!([synced()]));
    emptied["data"] = json!({});
    let found = lines(&[app, live("a", "1", json!([synced()])), emptied], &[], Some(&repository));
    assert!(found[1].contains("Removed"), "{found:?}");
}

#[test]
fn a_failed_comparison_does_not_make_everything_extra() {
    let resource = |status: &str| json!([{"version":"v1","kind":"ConfigMap","namespace":"shop","name":"a","status":status,"requiresPruning":true}]);
    let mut written = config(json!({"k":"1"}), json!([synced()]));
    written["metadata"]["annotations"] = json!({"argocd.argoproj.io/tracking-id":"web:/ConfigMap:shop/a"});
    let with = |status: &str| {
        let mut app = argo("web", "0123456789abcdef0123456789abcdef01234567", json!({}));
        app["status"]["resources"] = resource(status);
        lines(&[app, written.clone()], &[], None)
    };
    // Argo CD writes both into the status; only the second is about what is declared.
    let unknown = with("Unknown");
    assert!(unknown[0].starts_with("ConfigMap/shop/a Unknown"), "{unknown:?}");
    // A plugin is not run here: what the engine lists is unknown, not forgotten.
    let (repository, commit) = repository(&[("app/a.yaml", CONFIG)]);
    let mut app = argo("web", &commit, json!({}));
    app["spec"]["source"]["plugin"] = json!({"name":"x"});
    app["status"]["resources"] = resource("Unknown");
    let found = lines(&[app, written.clone()], &[], Some(&repository));
    assert_eq!(found[0], "ConfigMap/shop/a Unknown of web");
}

#[test]
fn what_argo_cd_puts_on_its_namespace_and_its_label_are_no_changes() {
    let (repository, commit) = repository(&[("app/a.yaml", CONFIG)]);
    let policy = json!({"syncPolicy":{"syncOptions":["CreateNamespace=true"],"managedNamespaceMetadata":{"labels":{"zone":"a"}}}});
    let fields = json!({"f:metadata":{"f:annotations":{"f:argocd.argoproj.io/sync-options":{}},"f:labels":{"f:zone":{}}}});
    let namespace = json!({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","labels":{"zone":"b"},
        "annotations":{"argocd.argoproj.io/sync-options":"ServerSideApply=true"},
        "managedFields":[entry("argocd-controller", "Apply", fields)]}});
    let all = [argo("web", &commit, policy), namespace, config(json!({"k":"1"}), json!([synced()]))];
    let found = lines(&all, &[], Some(&repository));
    assert_eq!(found.iter().filter(|l| l.contains(" by ")).count(), 1, "{found:?}");
    assert!(found[1].starts_with(".metadata.labels.zone Replace"), "{found:?}");

    let settings = json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"argocd-cm","namespace":"argocd"},
        "data":{"application.resourceTrackingMethod":"label"}});
    let with = |labels: Value| {
        let mut written = config(json!({"k":"1"}), json!([synced()]));
        written["metadata"]["labels"] = labels;
        lines(&[argo("web", &commit, json!({})), settings.clone(), written], &[], Some(&repository))
    };
    let none: [&str; 0] = [];
    assert_eq!(with(json!({"app.kubernetes.io/instance":"another"})), none);
    // Not even where the whole part went.
    assert_eq!(with(json!({})), none);
}

#[test]
fn what_go_leaves_out_of_an_application_is_no_change_of_it() {
    let child = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: child, namespace: argocd}\nspec:\n  project: default\n  syncPolicy: {retry: {limit: 0}, syncOptions: [], automated: {prune: false}}\n";
    let (repository, commit) = repository(&[("app/child.yaml", child)]);
    let fields = json!({"f:spec":{"f:project":{},"f:syncPolicy":{"f:automated":{},"f:retry":{}}}});
    let live = json!({"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"child","namespace":"argocd",
        "managedFields":[entry("argocd-controller", "Update", fields)]},
        "spec":{"project":"default","syncPolicy":{"retry":{},"automated":{}}}});
    let found = lines(&[argo("web", &commit, json!({})), live], &[], Some(&repository));
    let of_web: Vec<_> =
        found.iter().filter(|l| !l.starts_with("note:") && !l.starts_with("not looked at:")).collect();
    assert!(of_web.is_empty(), "{of_web:?}");
}

#[test]
fn files_beside_the_manifests_change_what_a_folder_declares() {
    let (repository, commit) = repository(&[
        ("app/a.yaml", CONFIG),
        ("app/skipped.yaml", &format!("# +argocd:skip-file-rendering\n{}", named("skipped", "1"))),
        ("app/sub/b.yaml", &named("b", "1")),
        ("app/sub/c.yaml", &named("c", "1")),
        ("app/.argocd-source.yaml", "directory: {recurse: true}\nrepoURL: elsewhere\n"),
        ("app/.argocd-source-web.yaml", "directory: {include: '{*a.yaml,skipped.yaml,sub/[a-b].yaml}'}\n"),
    ]);
    let all = [argo("web", &commit, json!({})), config(json!({"k":"1"}), json!([synced()]))];
    assert_eq!(lines(&all, &[], Some(&repository)), ["ConfigMap/shop/b Missing of web"]);
}

#[test]
fn a_link_among_the_files_makes_an_application_unknown_and_not_extra() {
    let (mut repository, _) = repository(&[("app/a.yaml", CONFIG), ("common/b.yaml", &named("b", "1"))]);
    std::os::unix::fs::symlink("../common/b.yaml", repository.path().join("app/b.yaml")).unwrap();
    let commit = repository.commit("link");
    let mut app = argo("web", &commit, json!({}));
    app["status"]["resources"] =
        json!([{"version":"v1","kind":"ConfigMap","namespace":"shop","name":"b","status":"Synced"}]);
    let found = lines(&[app, live("b", "1", json!([synced()]))], &[], Some(&repository));
    assert_eq!(found[0], "ConfigMap/shop/b Unknown of web");
    assert!(found[1].contains("`app/b.yaml` is a link"), "{found:?}");
}

#[test]
fn a_suspended_kustomization_with_another_spec_has_not_applied_it() {
    let (repository, commit) = repository(&[("app/a.yaml", CONFIG)]);
    let spec = |team: &str| json!({"commonMetadata":{"labels":{"team":team}}});
    let before = flux(&commit, spec("a"));
    let mut now = flux(&commit, spec("b"));
    now[0]["spec"]["suspend"] = true.into();
    now[0]["metadata"]["generation"] = 2.into();
    now[0]["status"]["observedGeneration"] = 2.into();
    now[0]["status"]["conditions"][0]["observedGeneration"] = 1.into();
    let fields = json!({"f:data":{"f:k":{}},"f:metadata":{"f:labels":{"f:team":{}}}});
    let mut written = config(json!({"k":"1"}), json!([entry("kustomize-controller", "Apply", fields)]));
    written["metadata"]["labels"] = json!({"team":"a","kustomize.toolkit.fluxcd.io/name":"shop","kustomize.toolkit.fluxcd.io/namespace":"flux-system"});
    let found = lines(
        &[now.clone(), vec![written]].concat(),
        &[before[0].clone(), now[0].clone()],
        Some(&repository),
    );
    assert_eq!(found[1], ".metadata.labels.team Replace PendingSync by kustomize-controller");
}

#[test]
fn what_a_refused_reconcile_tried_was_never_applied() {
    let (mut repository, first) = repository(&[("app/a.yaml", CONFIG)]);
    repository.write("app/b.yaml", &named("b", "1"));
    let second = repository.commit("second");
    let mut all = flux(&first, json!({}));
    all[0]["status"]["lastAttemptedRevision"] = format!("main@sha1:{second}").into();
    all[0]["status"]["conditions"] =
        json!([{"type":"Ready","status":"False","reason":"ReconciliationFailed"}]);
    all.push(config(json!({"k":"1"}), json!([applied()])));
    assert_eq!(lines(&all, &[], Some(&repository)), ["ConfigMap/shop/b Missing PendingSync of shop"]);
}

const ENCRYPTED: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\nstringData: {k: 'ENC[AES256_GCM,data:AAAA,iv:AA,tag:AA,type:str]'}\nsops: {mac: 'ENC[AES256_GCM,data:AAAA,iv:AA,tag:AA,type:str]'}\n";

#[test]
fn an_encrypted_value_is_judged_by_who_holds_it() {
    let (mut repository, commit) = repository(&[("app/s.yaml", ENCRYPTED)]);
    let spec = json!({"decryption":{"provider":"sops"}});
    let secret = |manager: &str, data: Value| {
        let operation = if manager == "kustomize-controller" { "Apply" } else { "Update" };
        json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"shop",
            "managedFields":[entry(manager, operation, json!({"f:data":{"f:k":{}}}))]},"data":data})
    };
    let with = |revision: &str, live: Value, repository: &Repository| {
        lines(&[flux(revision, spec.clone()), vec![live]].concat(), &[], Some(repository))
    };
    let none: [&str; 0] = [];
    assert_eq!(with(&commit, secret("kustomize-controller", json!({"k":"eA=="})), &repository), none);
    assert_eq!(
        with(&commit, secret("kubectl-patch", json!({"k":"eA=="})), &repository),
        ["Secret/shop/s Drifted of shop", ".data.k Replace Changed by kubectl-patch"]
    );
    assert_eq!(
        with(&commit, secret("kubectl-patch", json!({})), &repository),
        ["Secret/shop/s Drifted of shop", ".data Remove Removed by nobody"]
    );
    repository.write("app/s.yaml", &ENCRYPTED.replace("data:AAAA", "data:BBBB"));
    repository.commit("another value");
    assert_eq!(
        with(&commit, secret("kustomize-controller", json!({"k":"eA=="})), &repository),
        ["Secret/shop/s Drifted of shop", ".data.k Replace PendingSync by kustomize-controller"]
    );
    // Without what was applied last, nothing tells.
    let gone = "0123456789abcdef0123456789abcdef01234567";
    let found = with(gone, secret("kustomize-controller", json!({"k":"eA=="})), &repository);
    assert_eq!(found, ["Secret/shop/s Unknown of shop"], "{found:?}");
    // Flux refuses what it is not told to decrypt.
    let plain =
        [flux(&commit, json!({})), vec![secret("kustomize-controller", json!({"k":"eA=="}))]].concat();
    let found = lines(&plain, &[], Some(&repository));
    assert!(found.len() == 1 && found[0].contains("has no decryption"), "{found:?}");
}

#[test]
fn string_data_is_compared_with_what_was_applied_as_data() {
    let secret = |text: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: shop}}\nstringData: {{{text}}}\n"
        )
    };
    let (mut repository, first) = repository(&[("app/s.yaml", &secret("k: one, gone: x"))]);
    let fields = json!({"f:data":{"f:k":{},"f:gone":{}}});
    let live = |data: Value| {
        json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"shop",
            "managedFields":[entry("kustomize-controller", "Apply", fields.clone())]},"data":data})
    };
    let with = |data: Value, repository: &Repository| {
        lines(&[flux(&first, json!({})), vec![live(data)]].concat(), &[], Some(repository))
    };
    // Taken away by hand: it was applied.
    assert_eq!(with(json!({"k":"b25l"}), &repository)[1], ".data.gone Remove Removed by nobody");
    repository.write("app/s.yaml", &secret("k: two"));
    let second = repository.commit("rotate");
    assert_eq!(
        with(json!({"k":"b25l","gone":"eA=="}), &repository)[1..],
        [
            ".data.gone Add PendingRemoval by kustomize-controller",
            ".data.k Replace PendingSync by kustomize-controller"
        ]
    );
    let spec = GitSpec::parse(&repository.spec("")).unwrap();
    let mut repositories = Repositories::default();
    repositories.add(URL, GitRepo::open(&spec, &GitOptions::default()).unwrap());
    let cluster = ClusterSnapshot::now(flux(&second, json!({})).iter().map(object).collect());
    let renderer = Renderer::new(RenderOptions::in_folders(Vec::new()));
    let gitops = GitOps::new(&cluster, &repositories, &renderer);
    let key = drift_core::ResourceKey::new("", "Secret", "shop", "s");
    let path = drift_core::FieldPath::parse("data.k").unwrap();
    let found =
        gitops.declared_history(&gitops.apps().next().unwrap().key(), &key, &path, &[], None).unwrap();
    assert_eq!(found.map(|c| c.id), Some(second));
}

#[test]
fn the_chart_that_a_helm_release_asks_for_is_none_of_its_resources() {
    let release = json!({"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"web","namespace":"shop"},
        "spec":{"chart":{"spec":{"chart":"web","sourceRef":{"kind":"GitRepository","name":"charts"}}}}});
    let labels = json!({"helm.toolkit.fluxcd.io/name":"web","helm.toolkit.fluxcd.io/namespace":"shop"});
    let chart = json!({"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"HelmChart",
        "metadata":{"name":"shop-web","namespace":"flux-system","labels":labels}});
    let secret = stored_release(1, "deployed");
    let fields = json!({"f:data":{"f:k":{}}});
    let mut live = config(json!({"k":"1"}), json!([entry("helm-controller", "Apply", fields)]));
    live["metadata"]["labels"] = labels.clone();
    live["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm".into();
    live["metadata"]["annotations"] =
        json!({"meta.helm.sh/release-name":"web","meta.helm.sh/release-namespace":"shop"});
    let mut left = live.clone();
    left["metadata"]["name"] = "left".into();
    let found = lines(&[release, chart, secret, live, left], &[], None);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("ConfigMap/shop/left Extra"), "{found:?}");
}

/// A revision of the release `web` of `shop`, with the ConfigMap `a`.
fn stored_release(version: i64, status: &str) -> Value {
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: '1'}\n";
    let stored = json!({"name":"web","namespace":"shop","version":version,"manifest":manifest,"hooks":[],
        "info":{"status":status},"chart":{"metadata":{"name":"web","version":"1"}}});
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, stored.to_string().as_bytes()).unwrap();
    let base64 = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    json!({"apiVersion":"v1","kind":"Secret","type":"helm.sh/release.v1","data":{"release":base64(base64(&gzip.finish().unwrap()).as_bytes())},
        "metadata":{"name":format!("sh.helm.release.v1.web.v{version}"),"namespace":"shop",
            "labels":{"owner":"helm","name":"web","status":status,"version":version.to_string()}}})
}

#[test]
fn a_release_that_was_uninstalled_declares_nothing() {
    let fields = json!({"f:data":{"f:k":{}}});
    let mut left = config(json!({"k":"2"}), json!([entry("helm", "Update", fields)]));
    left["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by":"Helm"});
    left["metadata"]["annotations"] =
        json!({"meta.helm.sh/release-name":"web","meta.helm.sh/release-namespace":"shop"});
    let revisions = |newest: &str| [stored_release(1, "superseded"), stored_release(2, newest)];
    let with = |newest: &str, live: &[Value]| lines(&[&revisions(newest), live].concat(), &[], None);
    const NOTE: &str = "note: Release.helm.sh/shop/web: was uninstalled (revision 2): it declares nothing";
    assert_eq!(with("uninstalled", &[]), [NOTE]);
    // What stayed behind is no change of what the release declared.
    let stayed = with("uninstalled", std::slice::from_ref(&left));
    assert!(stayed.len() == 2 && stayed[0].starts_with("ConfigMap/shop/a Extra"), "{stayed:?}");
    let deployed = with("deployed", std::slice::from_ref(&left));
    assert!(deployed[0].starts_with("ConfigMap/shop/a Drifted"), "{deployed:?}");
    let (repositories, renderer) =
        (Repositories::default(), Renderer::new(RenderOptions::in_folders(Vec::new())));
    let cluster = ClusterSnapshot::now(revisions("uninstalled").iter().map(object).collect());
    let gitops = GitOps::new(&cluster, &repositories, &renderer);
    let declaration = gitops.declarations().remove(0);
    assert!(declaration.desired.is_ok_and(|d| d.is_empty()));
    assert_eq!(gitops.state(gitops.apps().next().unwrap()).error, None);
}
