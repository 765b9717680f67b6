//! Every row of the data formats of Argo CD, Flux and Helm, malformed ones too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drift_core::k8s::hooks::is_hook;
use drift_core::{Doc, Object, ResourceKey};
use drift_sources::argo::{
    AppProject, Application, ArgoSettings, SyncInitiator, TrackingId, TrackingMethod, WindowKind,
    belongs_to_app,
};
use drift_sources::flux::{
    FluxRevision, FluxSource, GitReference, HelmRelease, InventoryId, Kustomization, SourceKind,
};
use drift_sources::helm::{StoredRelease, belongs_to_release, resource_policy};
use serde_json::{Value, json};
use std::io::Write as _;

fn object(value: &Value) -> Object {
    Object::new(Doc::from_value(value).unwrap()).unwrap()
}

#[test]
fn tracking_ids() {
    for (text, expect) in [
        ("web:apps/Deployment:shop/web", Some("web|apps|Deployment|shop|web")),
        ("my-app:/Namespace:/ns", Some("my-app||Namespace||ns")),
        ("team-a_web:/Service:shop/web", Some("team-a_web||Service|shop|web")),
        (
            "web:rbac.authorization.k8s.io/ClusterRole:shop/system:view",
            Some("web|rbac.authorization.k8s.io|ClusterRole|shop|system:view"),
        ),
        ("web:apps/Deployment", None),
        ("web:Deployment:shop/web", None),
        ("web:apps/Deployment:web", None),
        (":apps/Deployment:shop/web", None),
        ("web:apps/:shop/web", None),
        ("web:apps/Deployment:shop/", None),
        ("", None),
    ] {
        let got = TrackingId::parse(text).ok();
        let got = got.map(|t| [t.app, t.group, t.kind, t.namespace, t.name].join("|"));
        assert_eq!(got.as_deref(), expect, "{text}");
    }
}

#[test]
fn an_object_is_tracked_by_the_method_that_is_set() {
    let with = |annotation: &str, label: &str, installation: &str| {
        object(&json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop",
            "labels":{"app.kubernetes.io/instance":label},
            "annotations":{"argocd.argoproj.io/tracking-id":annotation,"argocd.argoproj.io/installation-id":installation}}}))
    };
    let own = "web:/ConfigMap:shop/a";
    let settings = |tracking, installation: Option<&str>| ArgoSettings {
        tracking,
        installation_id: installation.map(str::to_owned),
        ..ArgoSettings::default()
    };
    use TrackingMethod::{Annotation, AnnotationAndLabel, Label};
    for (annotation, label, installation, settings, expect) in [
        (own, "", "", settings(Annotation, None), true),
        ("web:/ConfigMap:shop/b", "", "", settings(Annotation, None), false),
        ("other:/ConfigMap:shop/a", "web", "", settings(Annotation, None), false),
        ("web:/ConfigMap:shop/b", "web", "", settings(Label, None), true),
        (own, "other", "", settings(Label, None), false),
        (own, "x", "", settings(AnnotationAndLabel, None), true),
        (own, "", "blue", settings(Annotation, Some("blue")), true),
        (own, "", "green", settings(Annotation, Some("blue")), false),
        ("broken", "web", "", settings(Annotation, None), false),
    ] {
        let object = with(annotation, label, installation);
        assert_eq!(
            belongs_to_app(&object, "web", &settings),
            expect,
            "{annotation} {label} {installation} {settings:?}"
        );
    }
    // A cluster-scoped resource carries the namespace of the app's destination.
    let role = object(
        &json!({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"r",
        "annotations":{"argocd.argoproj.io/tracking-id":"web:rbac.authorization.k8s.io/ClusterRole:shop/r"}}}),
    );
    assert!(belongs_to_app(&role, "web", &ArgoSettings::default()));
}

#[test]
fn inventory_ids() {
    for (text, expect) in [
        ("default_podinfo__Service", Some("Service/default/podinfo")),
        ("shop_web_apps_Deployment", Some("Deployment.apps/shop/web")),
        ("_shop__Namespace", Some("Namespace//shop")),
        (
            "_system__view_rbac.authorization.k8s.io_ClusterRole",
            Some("ClusterRole.rbac.authorization.k8s.io//system:view"),
        ),
        ("web_apps_Deployment", None),
        ("shop__apps_Deployment", None),
        ("shop_web_apps_", None),
        ("", None),
    ] {
        let id = InventoryId::parse(text).ok();
        assert_eq!(id.as_ref().map(|i| i.key().to_string()).as_deref(), expect, "{text}");
        if let Some(id) = id {
            assert_eq!(id.to_string(), text);
        }
    }
}

#[test]
fn revisions() {
    let sha1 = "0123456789abcdef0123456789abcdef01234567";
    let sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (text, expect) in [
        (format!("main@sha1:{sha1}"), Some(("main", Some(sha1), true))),
        (format!("refs/heads/feat/x@sha1:{sha1}"), Some(("refs/heads/feat/x", Some(sha1), true))),
        (format!("v1.0.1@sha1:{sha1}"), Some(("v1.0.1", Some(sha1), true))),
        (format!("sha1:{sha1}"), Some(("", Some(sha1), true))),
        (format!("main@sha256:{sha256}"), Some(("main", Some(sha256), false))),
        (format!("sha256:{sha256}"), Some(("", Some(sha256), false))),
        (format!("main/{sha1}"), Some(("main", Some(sha1), true))),
        (format!("HEAD/{sha1}"), Some(("", Some(sha1), true))),
        (sha1.to_owned(), Some(("", Some(sha1), true))),
        ("6.0.3".to_owned(), Some(("6.0.3", None, false))),
        ("6.0.3+1".to_owned(), Some(("6.0.3+1", None, false))),
        ("6.0.3+0123456789ab".to_owned(), Some(("6.0.3+0123456789ab", None, false))),
        ("main@sha1:xyz".to_owned(), None),
        (format!("main@sha1:{sha256}"), None),
        ("main@sha1:".to_owned(), None),
        ("a:z".to_owned(), None),
        (String::new(), None),
        ("a\nb".to_owned(), None),
    ] {
        let got = FluxRevision::parse(&text).ok();
        let got = got.as_ref().map(|r| (&*r.name, r.digest_hex(), r.commit().is_some()));
        assert_eq!(got, expect, "{text}");
    }
    assert_eq!(
        FluxRevision::parse(&format!("main@sha1:{sha1}")).unwrap().to_string(),
        format!("main@sha1:{sha1}")
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn stored(kind: &str, data: &str, status: &str) -> Object {
    object(
        &json!({"apiVersion":"v1","kind":kind,"type":"helm.sh/release.v1","metadata":{"name":"sh.helm.release.v1.web.v2",
        "namespace":"shop","labels":{"owner":"helm","name":"web","status":status,"version":"2"}},"data":{"release":data}}),
    )
}

#[test]
fn releases_in_all_encodings() {
    let release = json!({"name":"web","namespace":"shop","version":2,
        "info":{"status":"deployed","description":"Upgrade complete","last_deployed":"2026-01-02T03:04:05.5Z"},
        "chart":{"metadata":{"name":"web","version":"1.2.3"}},"config":{"password":"geheim"},
        "manifest":"---\n# Source: web/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\n",
        "hooks":[{"name":"migrate","kind":"Job"}]});
    let json = release.to_string().into_bytes();
    let inner = STANDARD.encode(gzip(&json));
    for (kind, data) in [
        ("Secret", STANDARD.encode(&inner)),
        ("ConfigMap", inner.clone()),
        ("Secret", STANDARD.encode(STANDARD.encode(&json))),
        ("ConfigMap", STANDARD.encode(&json)),
        ("Secret", STANDARD.encode(&json)),
        ("ConfigMap", String::from_utf8(json.clone()).unwrap()),
    ] {
        let got = StoredRelease::from_object(&stored(kind, &data, "deployed")).unwrap().unwrap();
        assert_eq!(
            (&*got.name, got.version, &*got.status, got.objects.len()),
            ("web", 2, "deployed", 2),
            "{kind}"
        );
        assert_eq!((got.hooks, got.chart.version), (vec!["migrate".to_owned()], "1.2.3".to_owned()));
        assert!(!got.values_digest.contains("geheim"));
    }
    let outer = |inner: &[u8]| STANDARD.encode(inner);
    let bomb = STANDARD.encode(gzip(&vec![b' '; 65 << 20]));
    for (data, expect) in [
        ("%%%".to_owned(), "not base64"),
        (outer(b"%%%"), "not base64"),
        (outer(STANDARD.encode(&gzip(&json)[..40]).as_bytes()), "is damaged"),
        (outer(STANDARD.encode(gzip(b"[]")).as_bytes()), "is not a release"),
        (outer(STANDARD.encode(gzip(b"{}")).as_bytes()), "is not a release"),
        (outer(bomb.as_bytes()), "larger than"),
        ("redacted:00".to_owned(), "redacted"),
    ] {
        let got = StoredRelease::from_object(&stored("Secret", &data, "deployed"))
            .unwrap()
            .unwrap_err()
            .to_string();
        assert!(got.contains(expect), "{got} for {expect}");
    }
    let bare = STANDARD.encode(STANDARD.encode(gzip(br#"{"name":"web","version":2}"#)));
    assert!(StoredRelease::from_object(&stored("Secret", &bare, "deployed")).unwrap().unwrap().is_incomplete);
    let empty = object(&json!({"apiVersion":"v1","kind":"Secret","type":"helm.sh/release.v1",
        "metadata":{"name":"sh.helm.release.v1.web.v2","namespace":"shop"}}));
    assert!(StoredRelease::from_object(&empty).unwrap().is_err());
    let plain =
        object(&json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"web","namespace":"shop"}}));
    assert!(StoredRelease::from_object(&plain).is_none());
}

#[test]
fn marks_of_helm() {
    let with = |label: &str, policy: &str| {
        object(&json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop",
            "labels":{"app.kubernetes.io/managed-by":label},"annotations":{"meta.helm.sh/release-name":"web",
            "meta.helm.sh/release-namespace":"shop","helm.sh/resource-policy":policy}}}))
    };
    assert!(belongs_to_release(&with("Helm", ""), "shop", "web"));
    assert!(!belongs_to_release(&with("other", ""), "shop", "web"));
    assert!(!belongs_to_release(&with("Helm", ""), "shop", "api"));
    assert_eq!(resource_policy(&with("Helm", "keep")).as_deref(), Some("helm.sh/resource-policy: keep"));
    assert_eq!(resource_policy(&with("Helm", "delete")), None);
}

#[test]
fn hooks() {
    for (name, value, expect) in [
        ("argocd.argoproj.io/hook", "PreSync", true),
        ("argocd.argoproj.io/hook", "Skip", true),
        ("argocd.argoproj.io/hook", "", false),
        ("helm.sh/hook", "pre-install,post-upgrade", true),
        ("helm.sh/hook", "crd-install", false),
        ("other", "PreSync", false),
    ] {
        let job = object(
            &json!({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a","annotations":{name:value}}}),
        );
        assert_eq!(is_hook(&job), expect, "{name} {value}");
    }
}

#[test]
fn an_application_with_one_and_with_several_sources() {
    let app = |spec: Value, status: Value| {
        Application::from_object(&object(&json!({"apiVersion":"argoproj.io/v1alpha1","kind":"Application",
            "metadata":{"name":"web","namespace":"team"},"spec":spec,"status":status})))
        .unwrap()
    };
    let one = app(
        json!({"source":{"repoURL":"r","path":"p"},"destination":{"namespace":"shop","name":"in-cluster"}}),
        json!({"sync":{"status":"OutOfSync","revision":"a"},"history":[{"id":3,"revision":"a","source":{"repoURL":"r"},
            "initiatedBy":{"username":"dana"},"deployedAt":"2026-01-01T00:00:00Z"}]}),
    );
    assert_eq!(
        (one.sources.len(), &*one.compared_revisions[0], one.instance_name("argocd")),
        (1, "a", "team_web".into())
    );
    assert_eq!(
        (one.history[0].initiated_by.clone(), one.applied_revisions().len()),
        (SyncInitiator::User("dana".into()), 1)
    );
    assert!(one.destination.is_in_cluster());
    // A failed sync may have gone half through: both revisions count.
    let several = app(
        json!({"source":{"repoURL":"ignored"},"sources":[{"repoURL":"r","path":"p"},{"repoURL":"v","ref":"values"}],
            "destination":{"server":"https://other.example.com"}}),
        json!({"operationState":{"phase":"Failed","syncResult":{"revisions":["b","c"],"sources":[{"repoURL":"r"},{"repoURL":"v"}]},
            "operation":{"initiatedBy":{"automated":true}}},"history":[{"revisions":["a","c"],"sources":[{"repoURL":"r"},{"repoURL":"v"}]}]}),
    );
    assert_eq!((several.sources.len(), several.applied_revisions().len()), (2, 2));
    assert_eq!(several.applied_revisions()[0].revisions, ["b", "c"]);
    assert!(!several.destination.is_in_cluster());
    // Odd shapes are nothing, and no panic.
    let odd =
        app(json!({"source":[],"sources":"x","ignoreDifferences":3}), json!({"resources":{},"history":"x"}));
    assert!(odd.sources.is_empty() && odd.resources.is_empty() && odd.history.is_empty());
}

#[test]
fn objects_of_flux() {
    let ks = Kustomization::from_object(&object(&json!({"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization",
        "metadata":{"name":"a","namespace":"flux-system","generation":2},
        "spec":{"path":"./x","suspend":true,"prune":true,"sourceRef":{"kind":"GitRepository","name":"r"},"dependsOn":[{"name":"b"}],
            "ignore":[{"paths":["/data/a"],"target":{"kind":"Config.*"}},{"paths":[]},{"paths":["/x"],"target":{"name":"("}}]},
        "status":{"observedGeneration":1,"inventory":{"entries":[{"id":"x_y__ConfigMap","v":"v1"},{"id":"broken","v":"v1"}]}}}))).unwrap();
    assert!(ks.is_suspended && ks.prunes && !ks.is_settled());
    assert_eq!(
        (ks.source.namespace, ks.depends_on[0].namespace.clone()),
        ("flux-system".into(), "flux-system".into())
    );
    assert_eq!((ks.inventory.len(), ks.unreadable.len(), ks.rules.problems.len()), (1, 1, 2));
    assert!(ks.inventory.contains(&ResourceKey::new("", "ConfigMap", "x", "y")));
    for (spec, expect) in [
        (json!({"url":"u"}), GitReference::Branch("master".into())),
        (json!({"url":"u","ref":{"branch":"b","tag":"t"}}), GitReference::Tag("t".into())),
        (json!({"url":"u","ref":{"tag":"t","semver":">1"}}), GitReference::SemVer(">1".into())),
        (json!({"url":"u","ref":{"semver":">1","name":"refs/x"}}), GitReference::Name("refs/x".into())),
        (json!({"url":"u","ref":{"commit":"c","branch":"b"}}), GitReference::Commit("c".into())),
    ] {
        let source = FluxSource::from_object(&object(
            &json!({"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"GitRepository",
            "metadata":{"name":"r","namespace":"f"},"spec":spec}),
        ))
        .unwrap();
        assert_eq!((source.kind, source.git), (SourceKind::GitRepository, Some(expect)));
    }
    let oci = FluxSource::from_object(&object(&json!({"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"OCIRepository",
        "metadata":{"name":"o","namespace":"f"},"spec":{"url":"oci://r"},"status":{"artifact":{"revision":"v1@sha256:00",
        "metadata":{"org.opencontainers.image.revision":"main@sha1:00","org.opencontainers.image.source":"https://g"}}}}))).unwrap();
    assert_eq!(oci.artifact.unwrap().origin_revision.as_deref(), Some("main@sha1:00"));
    let hr = HelmRelease::from_object(&object(&json!({"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease",
        "metadata":{"name":"web","namespace":"a"},"spec":{"targetNamespace":"shop","driftDetection":{"mode":"warn",
        "ignore":[{"paths":["/spec/replicas"]},{"paths":[""],"target":{"kind":"Job"}}]}},
        "status":{"history":[{"name":"shop-web","version":3,"status":"deployed"}]}}))).unwrap();
    assert_eq!(
        (&*hr.release_name, &*hr.storage_namespace, hr.drift_mode.as_str()),
        ("shop-web", "a", "warn")
    );
    assert_eq!((hr.history[0].version, hr.rules.rules.len()), (3, 3));
}

#[test]
fn settings_of_argo_cd() {
    let settings = ArgoSettings::from_objects([&object(
        &json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"argocd-cm","namespace":"argocd"},"data":{
        "application.resourceTrackingMethod":"annotation+label","application.instanceLabelKey":"example.com/app","installationID":"blue",
        "resource.customizations.ignoreDifferences.apps_Deployment":"jsonPointers: [/spec/replicas]",
        "resource.customizations.ignoreDifferences.all":"managedFieldsManagers: [x]",
        "resource.customizations.ignoreDifferences.ConfigMap":"jsonPointers: [",
        "resource.customizations":"apps/StatefulSet:\n  ignoreDifferences: |\n    jsonPointers: [/spec/replicas]\n",
        "resource.exclusions":"- apiGroups: ['*.example.com']\n  kinds: [Lease]\n- kinds: [Event]\n  clusters: ['https://x']\n"}}),
    )]);
    assert_eq!(
        (settings.tracking, &*settings.instance_label),
        (TrackingMethod::AnnotationAndLabel, "example.com/app")
    );
    let names: Vec<&str> = settings.rules.rules.iter().map(|r| &*r.name).collect();
    assert_eq!(
        names,
        [
            "argocd-cm: resource.customizations",
            "argocd-cm: resource.customizations.ignoreDifferences.all",
            "argocd-cm: resource.customizations.ignoreDifferences.apps_Deployment",
        ]
    );
    assert_eq!(settings.rules.problems.len(), 1);
    assert!(settings.excludes_kind("a.example.com", "Lease") && !settings.excludes_kind("", "Event"));
}

#[test]
fn an_application_says_what_it_did() {
    let app = Application::from_object(&object(&json!({"apiVersion":"argoproj.io/v1alpha1","kind":"Application",
        "metadata":{"name":"web","namespace":"argocd","annotations":{"argocd.argoproj.io/skip-reconcile":"true"}},
        "spec":{"syncPolicy":{"automated":{"selfHeal":true,"enabled":false},"syncOptions":["CreateNamespace=true"]}},
        "status":{"reconciledAt":"2026-01-01T00:00:00Z","health":{"status":"Degraded"},
            "resources":[{"version":"v1","kind":"ConfigMap","namespace":"shop","name":"a","status":"Synced"},
                {"group":"batch","version":"v1","kind":"Job","name":"j","hook":true},
                {"group":"apps","version":"v1","kind":"Deployment","namespace":"shop","name":"d","status":"OutOfSync",
                    "requiresPruning":true,"health":{"status":"Healthy"}},
                {"kind":"Nameless"}, "text"],
            "conditions":[{"type":"ComparisonError","message":"m","lastTransitionTime":"2026-01-01T00:00:00Z"},{"message":"?"}],
            "operationState":{"phase":"Running","startedAt":"2026-01-01T00:00:00Z","message":"m",
                "operation":{"initiatedBy":{"automated":true},"sync":{"revision":"abc","autoHealAttemptsCount":3,
                    "resources":[{"kind":"ConfigMap","name":"a"}]}},
                "syncResult":{"resources":[{"version":"v1","kind":"ConfigMap","namespace":"shop","name":"a","status":"SyncFailed","message":"no"}]}}}})))
    .unwrap();
    // What stands beside `enabled: false` is switched off with it.
    assert!(
        app.is_skipped && !app.is_automated && !app.heals_itself && app.has_option("CreateNamespace=true")
    );
    let listed: Vec<_> =
        app.resources.iter().map(|r| (r.key.to_string(), r.hook, r.requires_pruning)).collect();
    let expect = [
        ("ConfigMap/shop/a", false, false),
        ("Job.batch//j", true, false),
        ("Deployment.apps/shop/d", false, true),
    ];
    assert_eq!(listed, expect.map(|(k, h, p)| (k.to_owned(), h, p)));
    assert_eq!(
        (app.resources[0].health.as_deref(), app.resources[2].health.as_deref()),
        (None, Some("Healthy"))
    );
    assert_eq!(app.conditions.iter().map(|c| &*c.kind).collect::<Vec<_>>(), ["ComparisonError"]);
    let operation = app.operation.unwrap();
    assert!(operation.is_partial && operation.initiated_by == SyncInitiator::Automated);
    assert_eq!((operation.heal_attempts, &*operation.revisions[0], &*operation.phase), (3, "abc", "Running"));
    assert_eq!(operation.resources[0].status.as_deref(), Some("SyncFailed"));
}

#[test]
fn windows_of_a_project() {
    let project = AppProject::from_object(&object(&json!({"apiVersion":"argoproj.io/v1alpha1","kind":"AppProject",
        "metadata":{"name":"team"},"spec":{"syncWindows":[
            {"kind":"deny","schedule":"0 22 * * *","duration":"1h","timeZone":"Europe/Berlin","applications":["a*"],
                "namespaces":["b"],"clusters":["c"],"manualSync":true,"andOperator":true,"syncOverrun":true},
            {"kind":"allow","schedule":"* * * * *","duration":"1h"},
            {"kind":"sometimes","schedule":"* * * * *"}, 3]}})))
    .unwrap();
    assert_eq!(project.sync_windows.len(), 2);
    let first = &project.sync_windows[0];
    assert_eq!((first.kind, first.time_zone.as_deref()), (WindowKind::Deny, Some("Europe/Berlin")));
    assert!(first.manual_sync && first.needs_all && !project.sync_windows[1].needs_all);
    assert_eq!([&first.applications, &first.namespaces, &first.clusters], [&["a*"], &["b"], &["c"]]);
}

#[test]
fn words_of_a_stored_release() {
    for status in [
        "unknown",
        "deployed",
        "uninstalled",
        "superseded",
        "failed",
        "uninstalling",
        "pending-install",
        "pending-upgrade",
        "pending-rollback",
    ] {
        let release =
            json!({"name":"web","namespace":"shop","version":2,"info":{"status":status},"manifest":""});
        let data = STANDARD.encode(STANDARD.encode(gzip(release.to_string().as_bytes())));
        let stored = StoredRelease::from_object(&stored("Secret", &data, status)).unwrap().unwrap();
        assert_eq!((&*stored.status, stored.version, stored.is_incomplete), (status, 2, false));
    }
}

#[test]
fn marks_and_states_of_flux() {
    let ks = |status: Value| {
        Kustomization::from_object(&object(&json!({"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization",
            "metadata":{"name":"a","namespace":"f","generation":1},"spec":{"sourceRef":{"kind":"OCIRepository","name":"r"}},"status":status})))
        .unwrap()
    };
    let origin = ks(
        json!({"observedGeneration":1,"lastAppliedRevision":"latest@sha256:00","lastAppliedOriginRevision":"main@sha1:00",
        "history":[{"digest":"x","lastReconciled":"2026-01-01T00:00:00Z","totalReconciliations":4}]}),
    );
    assert_eq!(origin.last_applied_origin.as_deref(), Some("main@sha1:00"));
    assert_eq!(origin.last_reconciled, Some("2026-01-01T00:00:00Z".parse().unwrap()));
    // Odd shapes are nothing, and no panic.
    let odd = ks(json!({"inventory":3,"conditions":"x","history":{},"lastAppliedRevision":[]}));
    assert!(odd.inventory.is_empty() && odd.conditions.is_empty() && odd.last_applied.is_none());
    let with = |prefix: &str, name: &str, namespace: &str| {
        object(
            &json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","namespace":"shop","labels":{
            format!("{prefix}/name"):name,format!("{prefix}/namespace"):namespace}}}),
        )
    };
    let hr = HelmRelease::from_object(&object(
        &json!({"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease",
        "metadata":{"name":"a","namespace":"f"},"spec":{}}),
    ))
    .unwrap();
    for (prefix, name, namespace, by_ks, by_hr) in [
        ("kustomize.toolkit.fluxcd.io", "a", "f", true, false),
        ("helm.toolkit.fluxcd.io", "a", "f", false, true),
        ("kustomize.toolkit.fluxcd.io", "a", "other", false, false),
        ("helm.toolkit.fluxcd.io", "b", "f", false, false),
    ] {
        let object = with(prefix, name, namespace);
        assert_eq!(
            (origin.tracks_object(&object), hr.tracks_object(&object)),
            (by_ks, by_hr),
            "{prefix} {name} {namespace}"
        );
    }
}
