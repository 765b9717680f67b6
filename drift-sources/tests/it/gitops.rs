//! Apps of Argo CD, Flux and Helm from end to end: objects and a repository in, verdicts out.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::drift::{Status, compare_apps};
use drift_core::schema::SchemaSet;
use drift_core::{Doc, Object};
use drift_sources::git::{GitOptions, GitRepo, GitSpec};
use drift_sources::gitops::{ClusterSnapshot, GitOps, Repositories, Version};
use drift_sources::jq::JqSandbox;
use drift_sources::render::{RenderOptions, Renderer};
use serde_json::{Value, json};

use crate::git::repository::Repository;

pub(crate) const URL: &str = "https://git.example.com/shop.git";
pub(crate) const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata: {k: '1'}\n";

pub(crate) fn object(value: &Value) -> Arc<Object> {
    Arc::new(Object::new(Doc::from_value(value).unwrap()).unwrap())
}

pub(crate) fn entry(manager: &str, operation: &str, fields: Value) -> Value {
    json!({"manager":manager,"operation":operation,"time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":fields})
}

/// A ConfigMap `a` as an engine and others left it.
pub(crate) fn config(data: Value, managers: Value) -> Value {
    json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop","managedFields":managers},"data":data})
}

pub(crate) fn argo(name: &str, revision: &str, spec: Value) -> Value {
    let source = json!({"repoURL":URL,"path":"app","targetRevision":"main"});
    let mut app = json!({"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":name,"namespace":"argocd"},
        "spec":{"source":source,"destination":{"namespace":"shop","server":"https://kubernetes.default.svc"}},
        "status":{"history":[{"revision":revision,"source":source}]}});
    for (k, v) in spec.as_object().unwrap() {
        app["spec"][k] = v.clone();
    }
    app
}

pub(crate) fn flux(revision: &str, spec: Value) -> Vec<Value> {
    let mut ks = json!({"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization",
        "metadata":{"name":"shop","namespace":"flux-system","generation":1},
        "spec":{"path":"./app","prune":true,"sourceRef":{"kind":"GitRepository","name":"shop"}},
        "status":{"observedGeneration":1,"lastAppliedRevision":format!("main@sha1:{revision}"),
            "lastAttemptedRevision":format!("main@sha1:{revision}"),"conditions":[{"type":"Ready","status":"True","reason":"ok"}],
            "inventory":{"entries":[{"id":"shop_a__ConfigMap","v":"v1"}]}}});
    for (k, v) in spec.as_object().unwrap() {
        ks["spec"][k] = v.clone();
    }
    let source = json!({"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"GitRepository","metadata":{"name":"shop","namespace":"flux-system"},
        "spec":{"url":URL,"ref":{"branch":"main"}}});
    vec![ks, source]
}

/// Compares, and says every resource and change in a line; what is in sync without changes is left out.
pub(crate) fn lines(live: &[Value], versions: &[Value], repository: Option<&Repository>) -> Vec<String> {
    let mut repositories = Repositories::default();
    if let Some(repository) = repository {
        let spec = GitSpec::parse(&repository.spec("")).unwrap();
        repositories.add(URL, GitRepo::open(&spec, &GitOptions::default()).unwrap());
    }
    let live: Vec<_> = live.iter().map(object).collect();
    let mut history: BTreeMap<_, Vec<Version>> = BTreeMap::new();
    for (i, version) in versions.iter().map(object).enumerate() {
        let at = jiff::Timestamp::from_second(1_700_000_000 + i as i64).unwrap();
        history.entry(version.key()).or_default().push(Version { at, object: Some(version) });
    }
    let cluster = ClusterSnapshot::at(live, history, None).with_now("2026-01-01T23:00:00Z".parse().unwrap());
    let renderer = Renderer::new(RenderOptions::in_folders(Vec::new()));
    let gitops = GitOps::new(&cluster, &repositories, &renderer);
    let schemas = SchemaSet::bundled();
    let index = cluster.live();
    let mut report = compare_apps(&gitops.declarations(), index, &schemas, &JqSandbox::default());
    gitops.look_back(&mut report);
    let mut out = Vec::new();
    for r in &report.resources {
        if r.status != Status::InSync || !r.changes.is_empty() {
            let class = r.class.map_or(String::new(), |c| format!(" {c:?}"));
            let rule = r.rule.as_ref().map_or(String::new(), |c| format!(" ({c})"));
            out.push(format!("{} {:?}{class}{rule} of {}", r.key, r.status, r.app.as_ref().unwrap().name));
        }
        for c in &r.changes {
            let by = c.owner.as_ref().map_or("nobody", |o| &*o.manager);
            let rule = c.rule.as_ref().map_or(String::new(), |c| format!(" ({c})"));
            out.push(format!("{} {:?} {:?} by {by}{rule}", c.path, c.op, c.class));
        }
    }
    let held = report.resources.iter().flat_map(|r| &r.notes).filter(|n| n.contains("held back"));
    out.extend(held.cloned());
    out.extend(report.notes.iter().map(|n| format!("note: {n}")));
    out.extend(report.coverage.unseen().iter().map(|u| format!("not looked at: {u}")));
    out
}

pub(crate) fn repository(files: &[(&str, &str)]) -> (Repository, String) {
    let mut repository = Repository::new();
    files.iter().for_each(|(name, text)| repository.write(name, text));
    let commit = repository.commit("first");
    (repository, commit)
}

pub(crate) fn applied() -> Value {
    entry("kustomize-controller", "Apply", json!({"f:data":{"f:k":{}}}))
}

pub(crate) fn synced() -> Value {
    entry("argocd-controller", "Update", json!({"f:data":{"f:k":{}}}))
}

#[test]
fn a_manual_change_with_auto_sync_off_is_changed_by_hand() {
    let (repository, commit) = repository(&[("app/a.yaml", CONFIG)]);
    let edit = entry("kubectl-edit", "Update", json!({"f:data":{"f:k":{},"f:x":{}}}));
    let live = config(json!({"k":"2","x":"y"}), json!([edit]));
    assert_eq!(
        lines(&[argo("web", &commit, json!({})), live], &[], Some(&repository)),
        [
            "ConfigMap/shop/a Drifted of web",
            ".data.k Replace Changed by kubectl-edit",
            ".data.x Add Added by kubectl-edit",
        ]
    );
}

#[test]
fn what_git_moved_is_pending_and_what_it_took_away_too() {
    let (mut repository, commit) = repository(&[
        (
            "app/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata: {k: '1', old: x}\n",
        ),
        ("app/gone.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: gone, namespace: shop}\n"),
    ]);
    repository.write("app/a.yaml", &CONFIG.replace("'1'", "'2'"));
    repository
        .write("app/new.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new, namespace: shop}\n");
    std::fs::remove_file(repository.path().join("app/gone.yaml")).unwrap();
    repository.commit("second");
    let own = entry("argocd-controller", "Update", json!({"f:data":{"f:k":{},"f:old":{}}}));
    let live = config(json!({"k":"1","old":"x"}), json!([own]));
    let gone = json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"gone","namespace":"shop",
        "annotations":{"argocd.argoproj.io/tracking-id":"web:/ConfigMap:shop/gone"}}});
    let copy = json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"copy","namespace":"shop",
        "annotations":{"argocd.argoproj.io/tracking-id":"web:/ConfigMap:shop/gone"}}});
    let found = lines(&[argo("web", &commit, json!({})), live, gone, copy], &[], Some(&repository));
    assert_eq!(
        found,
        [
            "ConfigMap/shop/a Drifted of web",
            ".data.k Replace PendingSync by argocd-controller",
            ".data.old Add PendingRemoval by argocd-controller",
            "ConfigMap/shop/gone Extra PendingRemoval of web",
            "ConfigMap/shop/new Missing PendingSync of web",
        ]
    );
}

#[test]
fn a_compare_that_fails_lists_nothing_and_says_so() {
    let (mut repository, commit) = repository(&[("app/a.yaml", CONFIG)]);
    repository
        .write("app/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\n  namespace: [shop\n");
    repository.commit("broken");
    let found = lines(
        &[argo("web", &commit, json!({})), config(json!({"k":"9"}), json!([]))],
        &[],
        Some(&repository),
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("nothing is known of its resources"), "{found:?}");
}

#[test]
fn a_rule_whose_jq_fails_hides_nothing_and_is_told() {
    let (repository, commit) = repository(&[("app/a.yaml", CONFIG)]);
    let edit = entry("kubectl-edit", "Update", json!({"f:data":{"f:k":{}}}));
    let spec = json!({"ignoreDifferences":[
        {"kind":"ConfigMap","jqPathExpressions":[".data.k[]"]},
        {"kind":"ConfigMap","jqPathExpressions":["def f: f; f"]},
        {"kind":"ConfigMap"}]});
    let found =
        lines(&[argo("web", &commit, spec), config(json!({"k":"2"}), json!([edit]))], &[], Some(&repository));
    assert_eq!(found[1], ".data.k Replace Changed by kubectl-edit");
    let text = found.join("\n");
    assert!(text.contains("rule `ignoreDifferences[0]`: jq `.data.k[]` fails"), "{text}");
    assert!(text.contains("rule `ignoreDifferences[1]`") && text.contains("uses `def`"), "{text}");
    assert!(text.contains("rule `ignoreDifferences[2]`: names no field"), "{text}");
}

#[test]
fn rules_hide_what_they_name_and_no_more() {
    let (repository, commit) = repository(&[("app/a.yaml", CONFIG)]);
    let edit = entry("tuner", "Update", json!({"f:data":{"f:k":{},"f:x":{},"f:y":{}}}));
    let live = config(json!({"k":"2","x":"1","y":"1"}), json!([edit]));
    let spec = json!({"ignoreDifferences":[
        {"kind":"ConfigMap","name":"other","jsonPointers":["/data/k"]},
        {"group":"*","kind":"Config*","jsonPointers":["/data/k"]},
        {"kind":"ConfigMap","jqPathExpressions":[".data.x"]}]});
    let found = lines(&[argo("web", &commit, spec), live.clone()], &[], Some(&repository));
    assert_eq!(
        found,
        [
            "ConfigMap/shop/a Drifted of web",
            ".data.k Replace Ignored by tuner (ignoreDifferences[1])",
            ".data.x Add Ignored by tuner (ignoreDifferences[2])",
            ".data.y Add Added by tuner",
        ]
    );
    let trusted = json!({"ignoreDifferences":[{"kind":"ConfigMap","managedFieldsManagers":["tuner"]}]});
    let found = lines(&[argo("web", &commit, trusted), live], &[], Some(&repository));
    assert_eq!(found[0], "ConfigMap/shop/a InSync of web");
}

#[test]
fn a_hand_added_container_under_server_side_apply_is_added() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: 'web:1'}]}\n";
    let (repository, commit) = repository(&[("app/web.yaml", deployment)]);
    let own = entry(
        "argocd-controller",
        "Apply",
        json!({"f:spec":{"f:selector":{},"f:template":{"f:spec":{"f:containers":{
        "k:{\"name\":\"web\"}":{".":{},"f:name":{},"f:image":{}}}}}}}),
    );
    let by_hand = entry(
        "kubectl-edit",
        "Update",
        json!({"f:spec":{"f:template":{"f:spec":{"f:containers":{
        "k:{\"name\":\"debug\"}":{".":{},"f:name":{},"f:image":{}}}}}}}),
    );
    let live = json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","managedFields":[own,by_hand]},
        "spec":{"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[
            {"name":"web","image":"web:1"},{"name":"debug","image":"busybox"}]}}}});
    let found = lines(&[argo("web", &commit, json!({})), live], &[], Some(&repository));
    assert_eq!(found[1], r#".spec.template.spec.containers[name="debug"] Add Added by kubectl-edit"#);
}

#[test]
fn an_autoscaler_and_a_ca_injector_hold_what_is_theirs() {
    let files = [
        (
            "app/web.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: 'web:1'}]}}}\n",
        ),
        (
            "app/hook.yaml",
            "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: check}\nwebhooks: [{name: check.example.com, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {url: 'https://a.example.com'}}]\n",
        ),
    ];
    let (repository, commit) = repository(&files);
    let scale = json!({"manager":"kube-controller-manager","operation":"Update","subresource":"scale","fieldsV1":{"f:spec":{"f:replicas":{}}}});
    let own = entry("kustomize-controller", "Apply", json!({"f:spec":{"f:replicas":{},"f:selector":{}}}));
    let web = json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","managedFields":[own,scale]},
        "spec":{"replicas":5,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:1"}]}}}});
    let hpa = json!({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","namespace":"shop"},
        "spec":{"maxReplicas":9,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}}});
    let injected = entry(
        "cainjector",
        "Update",
        json!({"f:webhooks":{"k:{\"name\":\"check.example.com\"}":{"f:clientConfig":{"f:caBundle":{}}}}}),
    );
    let hook = json!({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"check","managedFields":[injected]},
        "webhooks":[{"name":"check.example.com","sideEffects":"None","admissionReviewVersions":["v1"],"clientConfig":{"url":"https://a.example.com","caBundle":"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="}}]});
    let live = [flux(&commit, json!({})), vec![web, hpa, hook]].concat();
    let found = lines(&live, &[], Some(&repository)).join("\n");
    assert!(found.contains(".spec.replicas Replace Managed by kube-controller-manager"), "{found}");
    assert!(found.contains("caBundle Add Managed by cainjector"), "{found}");
    assert!(!found.contains("Drifted"), "{found}");
}

#[test]
fn two_applications_on_one_resource_are_both_told() {
    let (repository, commit) =
        repository(&[("app/a.yaml", CONFIG), ("other/a.yaml", &CONFIG.replace("'1'", "'7'"))]);
    let mut other = argo("other", &commit, json!({}));
    for at in ["/spec/source/path", "/status/history/0/source/path"] {
        *other.pointer_mut(at).unwrap() = json!("other");
    }
    let live = config(json!({"k":"7"}), json!([synced()]));
    assert_eq!(
        lines(&[argo("web", &commit, json!({})), other, live], &[], Some(&repository)),
        ["ConfigMap/shop/a Drifted of web", ".data.k Replace Changed by argocd-controller"]
    );
}

#[test]
fn a_suspended_kustomization_still_drifts() {
    let (repository, commit) = repository(&[("app/a.yaml", CONFIG)]);
    let patch = entry("kubectl-patch", "Update", json!({"f:data":{"f:k":{}}}));
    let live =
        [flux(&commit, json!({"suspend":true})), vec![config(json!({"k":"2"}), json!([patch]))]].concat();
    assert_eq!(
        lines(&live, &[], Some(&repository)),
        ["ConfigMap/shop/a Drifted of shop", ".data.k Replace Changed by kubectl-patch"]
    );
}

#[test]
fn an_edit_that_flux_takes_over_is_still_a_change_of_somebody() {
    let (repository, commit) = repository(&[("app/a.yaml", CONFIG)]);
    let edit = entry("kubectl-edit", "Update", json!({"f:data":{"f:k":{}}}));
    let before = [config(json!({"k":"1"}), json!([applied()])), config(json!({"k":"2"}), json!([edit]))];
    let taken = config(json!({"k":"2"}), json!([applied()]));
    let live = [flux(&commit, json!({})), vec![taken.clone()]].concat();
    let found = lines(&live, &[&before[..], &[taken]].concat(), Some(&repository));
    assert_eq!(found[1], ".data.k Replace Changed by kustomize-controller");
    // Without the versions before, admission is all that explains it.
    let found = lines(&live, &[], Some(&repository));
    assert_eq!(found[1], ".data.k Replace Mutated by kustomize-controller");
}

#[test]
fn there_and_back_within_an_interval_is_in_sync_and_in_between_it_is_not() {
    let (repository, commit) = repository(&[("app/a.yaml", CONFIG)]);
    let edit = entry("kubectl-edit", "Update", json!({"f:data":{"f:k":{}}}));
    let at = |k: &str| [flux(&commit, json!({})), vec![config(json!({"k":k}), json!([edit]))]].concat();
    let found = lines(&at("2"), &[], Some(&repository));
    assert_eq!(found[1], ".data.k Replace Changed by kubectl-edit");
    assert_eq!(lines(&at("1"), &[], Some(&repository)), [""; 0]);
}

#[test]
fn options_of_flux_opt_out() {
    let (repository, commit) = repository(&[("app/a.yaml", CONFIG)]);
    let patch = entry("kubectl-patch", "Update", json!({"f:data":{"f:k":{}}}));
    let with = |name: &str, value: &str| {
        let mut live = config(json!({"k":"2"}), json!([patch]));
        live["metadata"]["annotations"] = json!({format!("kustomize.toolkit.fluxcd.io/{name}"): value});
        let live = [flux(&commit, json!({})), vec![live]].concat();
        lines(&live, &[], Some(&repository)).join("\n")
    };
    for (name, value) in [("ssa", "Ignore"), ("ssa", "IfNotPresent"), ("reconcile", "disabled")] {
        let found = with(name, value);
        assert!(
            found
                .contains(&format!("Ignored by kubectl-patch (kustomize.toolkit.fluxcd.io/{name}: {value})")),
            "{found}"
        );
        assert!(found.contains("InSync"), "{found}");
    }
    assert!(with("ssa", "Merge").contains("Changed by kubectl-patch"));
    let extra = |spec: Value, annotation: &str| {
        let mut left =
            config(json!({}), json!([entry("kustomize-controller", "Apply", json!({"f:data":{"f:k":{}}}))]));
        left["metadata"]["name"] = json!("left");
        left["metadata"]["labels"] = json!({"kustomize.toolkit.fluxcd.io/name":"shop","kustomize.toolkit.fluxcd.io/namespace":"flux-system"});
        left["metadata"]["annotations"] = json!({annotation: "disabled"});
        let live = [flux(&commit, spec), vec![left, config(json!({"k":"1"}), json!([applied()]))]].concat();
        lines(&live, &[], Some(&repository)).join("\n")
    };
    assert_eq!(extra(json!({}), "x"), "ConfigMap/shop/left Extra PendingRemoval of shop");
    assert_eq!(
        extra(json!({"prune":false}), "x"),
        "ConfigMap/shop/left Extra PendingRemoval (spec.prune: false) of shop"
    );
    assert_eq!(
        extra(json!({}), "kustomize.toolkit.fluxcd.io/prune"),
        "ConfigMap/shop/left Extra PendingRemoval (kustomize.toolkit.fluxcd.io/prune: disabled) of shop"
    );
}

#[test]
fn without_the_program_what_it_would_render_is_unknown() {
    let (repository, commit) = repository(&[
        ("app/a.yaml", CONFIG),
        ("app/kustomization.yaml", "resources: [a.yaml]\nnamePrefix: x-\n"),
    ]);
    let live = [flux(&commit, json!({})), vec![config(json!({"k":"2"}), json!([]))]].concat();
    let found = lines(&live, &[], Some(&repository));
    assert_eq!(found[0], "ConfigMap/shop/a Unknown of shop");
    assert!(found[1].contains("`kustomize` is not installed"), "{found:?}");
}

#[test]
fn a_helm_release_that_was_changed_and_not_reconciled_is_pending() {
    let release = |generation: i64| {
        json!({"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease",
            "metadata":{"name":"web","namespace":"shop","generation":generation},
            "spec":{"chart":{"spec":{"chart":"web"}}},"status":{"observedGeneration":2}})
    };
    let told = |generation| lines(&[release(generation)], &[], None).join("\n");
    assert!(told(3).contains("pending: the spec was changed (generation 3, reconciled 2)"), "{}", told(3));
    assert!(!told(2).contains("pending"), "{}", told(2));
}

#[test]
fn a_pending_sync_that_a_window_holds_back_says_which_and_until_when() {
    let (mut repository, commit) = repository(&[("app/a.yaml", CONFIG)]);
    repository.write("app/a.yaml", &CONFIG.replace("'1'", "'2'"));
    repository.commit("second");
    let live = config(json!({"k":"1"}), json!([synced()]));
    let project = |kind: &str| {
        json!({"apiVersion":"argoproj.io/v1alpha1","kind":"AppProject","metadata":{"name":"default","namespace":"argocd"},
            "spec":{"syncWindows":[{"kind":kind,"schedule":"0 22 * * *","duration":"8h","applications":["w*"],"manualSync":true}]}})
    };
    let app = argo("web", &commit, json!({}));
    let pending = ["ConfigMap/shop/a Drifted of web", ".data.k Replace PendingSync by argocd-controller"];
    let denied = lines(&[app.clone(), live.clone(), project("deny")], &[], Some(&repository));
    assert_eq!(denied[..2], pending);
    assert_eq!(
        denied[2..],
        [
            "syncs are held back until 2026-01-02T06:00:00Z by `deny 0 22 * * * for 8h UTC` of project default; \
          a sync by hand goes through"
        ]
    );
    assert_eq!(lines(&[app, live, project("allow")], &[], Some(&repository)), pending);
}

#[test]
fn without_the_repository_what_was_applied_last_counts() {
    let edit = entry("kubectl-edit", "Update", json!({"f:data":{"f:k":{}}}));
    let written = config(json!({"k":"1"}), json!([applied()]));
    let live = config(json!({"k":"2"}), json!([edit]));
    let all = [flux("0123456789abcdef0123456789abcdef01234567", json!({})), vec![live.clone()]].concat();
    let found = lines(&all, &[written, live], None);
    assert_eq!(found[..2], ["ConfigMap/shop/a Drifted of shop", ".data.k Replace Changed by kubectl-edit"]);
    assert!(found[2].contains("compared with what was applied last"), "{found:?}");
}

#[test]
fn the_commit_behind_a_field_is_found_and_not_the_head() {
    let (mut repository, first) = repository(&[("app/a.yaml", CONFIG)]);
    repository.write("app/a.yaml", &CONFIG.replace("'1'", "'2'"));
    let second = repository.commit("raise k");
    repository.write("app/b.yaml", &CONFIG.replace("name: a", "name: b"));
    repository.commit("another");
    let spec = GitSpec::parse(&repository.spec("")).unwrap();
    let mut repositories = Repositories::default();
    repositories.add("https://git.example.com/shop", GitRepo::open(&spec, &GitOptions::default()).unwrap());
    let cluster = ClusterSnapshot::now(vec![object(&argo("web", &first, json!({})))]);
    let renderer = Renderer::new(RenderOptions::in_folders(Vec::new()));
    let gitops = GitOps::new(&cluster, &repositories, &renderer);
    let app = gitops.apps().next().unwrap().key();
    let key = drift_core::ResourceKey::new("", "ConfigMap", "shop", "a");
    let ask = |path: &str, until: Option<&str>| {
        let path = drift_core::FieldPath::parse(path).unwrap();
        gitops.declared_history(&app, &key, &path, &[], until).unwrap().map(|c| (c.id, c.message))
    };
    assert_eq!(ask("data.k", None), Some((second, "raise k".to_owned())));
    assert_eq!(ask("metadata.name", None), Some((first.clone(), "first".to_owned())));
    assert_eq!(ask("metadata.name", Some(&first)), None);
    assert_eq!(ask("data.never", None), None);
}

#[test]
fn a_sync_that_took_only_a_part_has_not_brought_the_rest() {
    let (mut repository, first) = repository(&[("app/a.yaml", CONFIG)]);
    repository.write("app/a.yaml", &CONFIG.replace("'1'", "'2'"));
    let second = repository.commit("raise k");
    let spec = GitSpec::parse(&repository.spec("")).unwrap();
    let mut repositories = Repositories::default();
    repositories.add(URL, GitRepo::open(&spec, &GitOptions::default()).unwrap());
    let renderer = Renderer::new(RenderOptions::in_folders(Vec::new()));
    let ask = |phase: &str, resources: Value| {
        let mut app = argo("web", &first, json!({}));
        let source = app["spec"]["source"].clone();
        app["status"]["operationState"] = json!({"phase": phase, "startedAt": "2026-01-01T00:00:00Z",
            "operation": {"sync": {"revision": second, "resources": resources}},
            "syncResult": {"revision": second, "source": source, "resources": []}});
        let cluster = ClusterSnapshot::now(vec![object(&app)]);
        let gitops = GitOps::new(&cluster, &repositories, &renderer);
        let app = gitops.apps().next().unwrap().key();
        let key = drift_core::ResourceKey::new("", "ConfigMap", "shop", "a");
        let path = drift_core::FieldPath::parse("data.k").unwrap();
        gitops.pending_commit(&app, &key, &path).unwrap().map(|c| c.message)
    };
    let others = json!([{"kind": "Service", "name": "web"}]);
    assert_eq!(ask("Succeeded", others).as_deref(), Some("raise k"));
    assert_eq!(ask("Failed", Value::Null).as_deref(), Some("raise k"));
    // All of it was applied.
    assert_eq!(ask("Succeeded", Value::Null), None);
}
