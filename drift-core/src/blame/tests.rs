use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::k8s::tracking::AppRef;

use super::*;
use crate::event::{Event, EventBody, NewEvent, Origin, Until};
use crate::history::{Version, VersionStore};
use crate::key::ResourceKey;
use crate::object::Doc;
use crate::schema::SchemaSet;
use crate::stream::{Position, Revision, StreamId};
use crate::testing::{self, Script, TapeOptions};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// An entry of managedFields: manager, operation, subresource, second (negative for none), fields.
type Entry<'a> = (&'a str, &'a str, &'a str, i64, Value);

fn deployment(spec: Value, metadata: Value, entries: &[Entry<'_>]) -> Arc<Object> {
    let managed: Vec<Value> = entries
        .iter()
        .map(|(manager, operation, sub, second, fields)| {
            let mut entry =
                json!({"manager":manager,"operation":operation,"fieldsType":"FieldsV1","fieldsV1":fields});
            if !sub.is_empty() {
                entry["subresource"] = json!(sub);
            }
            if *second >= 0 {
                entry["time"] = json!(at(*second).to_string());
            }
            entry
        })
        .collect();
    let mut object = json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"oven","namespace":"bakery",
        "uid":"u1","creationTimestamp":at(0).to_string(),"managedFields":managed},"spec":spec});
    for (name, value) in metadata.as_object().unwrap() {
        object["metadata"][name] = value.clone();
    }
    Arc::new(Object::new(Doc::from_value(&object).unwrap()).unwrap())
}

fn version(second: i64, object: Arc<Object>) -> Version {
    Version { at: at(second), object: Some(object) }
}

/// Records versions of one resource.
fn history(key: &ResourceKey, versions: &[Version]) -> History {
    let event = |(n, version): (u64, &Version)| {
        let body = match &version.object {
            Some(object) => EventBody::Applied(Arc::clone(object)),
            None => EventBody::Deleted(None),
        };
        let (origin, observed_at) = (Origin::default(), version.at);
        let new = NewEvent { uid: None, origin, observed_at, occurred_at: None, body };
        new.at(StreamId::live(key.clone()), Revision::new(n).unwrap(), Position::new(n))
    };
    let events: Vec<Event> = (1..).zip(versions).map(event).collect();
    History::from_events(&events, Until::End)
}

fn blamed(versions: &[Version], path: &FieldPath) -> Vec<FieldBlame> {
    let schemas = SchemaSet::bundled();
    let ty = schemas.kind("apps", "v1", "Deployment").map(|k| k.root());
    let key = ResourceKey::new("apps", "Deployment", "bakery", "oven");
    blame(&history(&key, versions), &key, ty, path)
}

fn one(versions: &[Version], path: &str) -> FieldBlame {
    let mut found = blamed(versions, &FieldPath::parse(path).unwrap());
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn replicas() -> Value {
    json!({"f:spec":{"f:replicas":{}}})
}

fn image(image: &str) -> Value {
    json!({"template":{"spec":{"containers":[{"name":"oven","image":image}]}}})
}

fn image_field() -> Value {
    json!({"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"oven\"}":{"f:image":{}}}}}}})
}

const IMAGE: &str = r#".spec.template.spec.containers[name="oven"].image"#;
const FLUX: &str = "kustomize-controller";

#[test]
fn a_value_that_went_and_came_back_within_an_interval_is_of_who_brought_it_back() {
    let flux = |s| (FLUX, "Apply", "", s, replicas());
    let versions = [
        version(0, deployment(json!({"replicas":2}), json!({}), &[flux(0)])),
        version(
            10,
            deployment(json!({"replicas":5}), json!({}), &[("kubectl-edit", "Update", "", 10, replicas())]),
        ),
        version(
            20,
            deployment(json!({"replicas":2}), json!({}), &[("kubectl-patch", "Update", "", 20, replicas())]),
        ),
    ];
    let found = one(&versions, ".spec.replicas");
    assert_eq!((found.version, found.at, found.since), (2, at(20), Since::Recorded));
    assert_eq!(&*found.writer.unwrap().manager, "kubectl-patch");
}

#[test]
fn a_takeover_that_keeps_the_value_leaves_it_to_the_person() {
    let versions = [
        version(0, deployment(image("oven:1"), json!({}), &[(FLUX, "Apply", "", 0, image_field())])),
        version(
            9,
            deployment(image("oven:2"), json!({}), &[("kubectl-edit", "Update", "", 9, image_field())]),
        ),
        // Flux's JSON patch: the same value, and nothing names the person any more.
        version(12, deployment(image("oven:2"), json!({}), &[(FLUX, "Apply", "", 0, image_field())])),
    ];
    let found = one(&versions, IMAGE);
    assert_eq!((found.version, &*found.writer.unwrap().manager), (1, "kubectl-edit"));
    // The apply after it is Flux's own.
    let reverted =
        version(13, deployment(image("oven:1"), json!({}), &[(FLUX, "Apply", "", 13, image_field())]));
    let found = one(&[&versions[..], &[reverted]].concat(), IMAGE);
    assert_eq!((found.version, &*found.writer.unwrap().manager), (3, FLUX));
}

#[test]
fn another_notation_of_the_value_is_no_write() {
    let limits = |cpu: &str| json!({"template":{"spec":{"containers":[{"name":"oven","resources":{"limits":{"cpu":cpu}}}]}}});
    let fields = json!({"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"oven\"}":{"f:resources":{"f:limits":{"f:cpu":{}}}}}}}}});
    let versions = [
        version(0, deployment(limits("1"), json!({}), &[("first", "Update", "", 0, fields.clone())])),
        version(5, deployment(limits("1000m"), json!({}), &[("second", "Update", "", 5, fields)])),
    ];
    let found = one(&versions, r#".spec.template.spec.containers[name="oven"].resources.limits.cpu"#);
    assert_eq!((found.version, &*found.writer.unwrap().manager), (0, "first"));
}

#[test]
fn scale_entries_without_a_time_and_status_entries_do_not_mislead() {
    let status =
        |s| ("kube-controller-manager", "Update", "status", s, json!({"f:status":{"f:replicas":{}}}));
    let versions = [
        version(0, deployment(json!({"replicas":2}), json!({}), &[(FLUX, "Apply", "", 0, replicas())])),
        version(
            9,
            deployment(
                json!({"replicas":4}),
                json!({}),
                &[("kube-controller-manager", "Update", "scale", -1, replicas()), status(8)],
            ),
        ),
        version(
            30,
            deployment(
                json!({"replicas":4}),
                json!({}),
                &[("kube-controller-manager", "Update", "scale", -1, replicas()), status(30)],
            ),
        ),
    ];
    let found = one(&versions, ".spec.replicas");
    let writer = found.writer.unwrap();
    assert_eq!((found.version, &*writer.subresource, writer.time), (1, "scale", None));
}

#[test]
fn an_annotation_that_only_a_writer_of_status_owns_is_its_own() {
    let annotation = "deployment.kubernetes.io/revision";
    let fields = json!({"f:metadata":{"f:annotations":{"f:deployment.kubernetes.io/revision":{}}},"f:status":{"f:replicas":{}}});
    let entries = [("kube-controller-manager", "Update", "status", 60, fields)];
    let object = deployment(replicas(), json!({"annotations":{annotation:"2"}}), &entries);
    let path = format!("metadata.annotations[\"{annotation}\"]");
    let found = one(&[version(60, object)], &path);
    let writer = found.writer.unwrap();
    assert_eq!((&*writer.manager, &*writer.subresource), ("kube-controller-manager", "status"));
}

#[test]
fn what_was_there_before_the_record_says_so_and_what_nobody_owns_names_nobody() {
    let old = json!({"creationTimestamp":at(-9000).to_string()});
    let versions = [version(
        0,
        deployment(json!({"replicas":2,"paused":true}), old, &[("ann", "Update", "", 0, replicas())]),
    )];
    let found = one(&versions, ".spec.replicas");
    assert_eq!((found.since, found.at), (Since::Earlier, at(0)));
    let found = one(&versions, ".spec.paused");
    assert_eq!((found.writer, found.since, found.at), (None, Since::Earlier, at(-9000)));
}

#[test]
fn an_object_made_again_owes_its_fields_to_its_new_life() {
    let entry = |manager, s| [(manager, "Update", "", s, replicas())];
    let versions = [
        version(0, deployment(json!({"replicas":2}), json!({}), &entry("ann", 0))),
        Version { at: at(5), object: None },
        version(
            8,
            deployment(
                json!({"replicas":2}),
                json!({"uid":"u2","creationTimestamp":at(8).to_string()}),
                &entry("bea", 8),
            ),
        ),
    ];
    let found = one(&versions, ".spec.replicas");
    assert_eq!((found.version, found.since, &*found.writer.unwrap().manager), (2, Since::Recorded, "bea"));
    let gone = [&versions[..], &[Version { at: at(9), object: None }]].concat();
    assert_eq!(blamed(&gone, &FieldPath::ROOT), []);
}

#[test]
fn marks_name_the_app_only_to_its_own_engine() {
    let check = |metadata: Value, manager: &str, expect: Option<&str>| {
        let object = deployment(json!({}), metadata, &[]);
        assert_eq!(AppRef::of(&object, manager).map(|c| c.to_string()).as_deref(), expect, "{manager}");
    };
    let tracked = |id: &str| json!({"annotations":{"argocd.argoproj.io/tracking-id":id}});
    let argo = "argocd-controller";
    check(tracked("cakes:apps/Deployment:bakery/oven"), argo, Some("Application.argoproj.io/?/cakes"));
    check(
        tracked("team_cakes:apps/Deployment:bakery/oven"),
        argo,
        Some("Application.argoproj.io/team/cakes"),
    );
    check(tracked("cakes:apps/Deployment:bakery/oven"), "kubectl-edit", None);
    // A copied mark names another object.
    check(tracked("cakes:apps/Deployment:bakery/other"), argo, Some("Application.argoproj.io/?/?"));
    check(
        json!({"labels":{"app.kubernetes.io/instance":"cakes"}}),
        argo,
        Some("Application.argoproj.io/?/cakes"),
    );
    let flux = json!({"labels":{"kustomize.toolkit.fluxcd.io/name":"cakes","kustomize.toolkit.fluxcd.io/namespace":"ops"}});
    check(flux, FLUX, Some("Kustomization.kustomize.toolkit.fluxcd.io/ops/cakes"));
    let helm =
        json!({"annotations":{"meta.helm.sh/release-name":"cakes","meta.helm.sh/release-namespace":"ops"}});
    check(helm, "helm", Some("Release.helm.sh/ops/cakes"));
    check(json!({}), "helm", None);
    let owner = |controller: bool| {
        json!({"ownerReferences":[{"apiVersion":"argoproj.io/v1alpha1","kind":"ApplicationSet","name":"ovens",
            "uid":"u9","controller":controller}]})
    };
    let sets = "argocd-applicationset-controller";
    check(owner(true), sets, Some("ApplicationSet.argoproj.io/bakery/ovens"));
    check(owner(false), sets, None);
    check(owner(true), "kubectl-edit", None);
}

fn application(second: i64, state: Value) -> Version {
    let value = json!({"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"cakes","namespace":"cd"},
        "status":{"operationState":state}});
    Version { at: at(second), object: Some(Arc::new(Object::new(Doc::from_value(&value).unwrap()).unwrap())) }
}

#[test]
fn applications_of_one_name_are_told_apart_by_namespace_and_by_what_they_list() {
    let owned = json!([{"group":"apps","kind":"Deployment","namespace":"bakery","name":"oven"}]);
    let argo = |kind: &str, namespace: &str, name: &str, resources: &Value| {
        let value = json!({"apiVersion":"argoproj.io/v1alpha1","kind":kind,
            "metadata":{"name":name,"namespace":namespace},"status":{"resources":resources}});
        Arc::new(Object::new(Doc::from_value(&value).unwrap()).unwrap())
    };
    let recorded = |objects: &[Arc<Object>]| {
        let event = |(n, object): (u64, &Arc<Object>)| {
            let body = EventBody::Applied(Arc::clone(object));
            let (origin, observed_at) = (Origin::default(), at(1));
            let new = NewEvent { uid: None, origin, observed_at, occurred_at: None, body };
            new.at(StreamId::live(object.key()), Revision::new(1).unwrap(), Position::new(n))
        };
        let events: Vec<Event> = (1..).zip(objects).map(event).collect();
        History::from_events(&events, Until::End)
    };
    let resource = ResourceKey::new("apps", "Deployment", "bakery", "oven");
    let marked =
        |metadata: Value| AppRef::of(&deployment(json!({}), metadata, &[]), "argocd-controller").unwrap();
    let tracked = |id: &str| {
        marked(
            json!({"annotations":{"argocd.argoproj.io/tracking-id":format!("{id}:apps/Deployment:bakery/oven")}}),
        )
    };
    let labelled = |text: &str| marked(json!({"labels":{"app.kubernetes.io/instance":text}}));
    let none = json!([]);
    let (own, team) =
        (argo("Application", "cd", "cakes", &none), argo("Application", "team", "cakes", &none));
    let project = argo("AppProject", "cd", "default", &none);
    let of = |objects: &[Arc<Object>], mark: AppRef| {
        let history = recorded(objects);
        Applications::of(&history)
            .resolve(&mark, &resource, at(2))
            .map(|k| format!("{}/{}", k.namespace, k.name))
    };
    let both = [Arc::clone(&own), team, Arc::clone(&project)];
    assert_eq!(of(&both, tracked("cakes")).as_deref(), Some("cd/cakes"));
    assert_eq!(of(&both, tracked("team_cakes")).as_deref(), Some("team/cakes"));
    assert_eq!(of(&both, labelled("team_cakes")).as_deref(), Some("team/cakes"));
    assert_eq!(of(&both, labelled("cakes")).as_deref(), Some("cd/cakes"));
    // Nothing says where Argo CD runs, and nobody lists it.
    assert_eq!(of(&both[..2], tracked("cakes")), None);
    // The label is of a chart: the child that lists the resource has it, not the app that made the child.
    let child = argo("Application", "cd", "kitchen", &owned);
    assert_eq!(of(&[own, child, project], labelled("oven-7")).as_deref(), Some("cd/kitchen"));
}

#[test]
fn the_operation_that_ran_names_who_started_it() {
    let state = |by: Value, from: i64, to: Option<i64>| {
        let mut state = json!({"operation":{"initiatedBy":by},"startedAt":at(from).to_string()});
        if let Some(to) = to {
            state["finishedAt"] = json!(at(to).to_string());
        }
        state
    };
    let (ann, auto) = (json!({"username":"ann"}), json!({"automated":true}));
    let app = ResourceKey::new("argoproj.io", "Application", "cd", "cakes");
    let versions = vec![
        application(10, state(ann.clone(), 10, None)),
        application(14, state(ann, 10, Some(14))),
        application(30, state(auto.clone(), 30, None)),
        application(33, state(auto, 30, Some(33))),
    ];
    let history = history(&app, &versions);
    let all = Applications::of(&history);
    for (second, expect) in
        [(12, Some(Initiator::User("ann".into()))), (31, Some(Initiator::Automated)), (20, None), (5, None)]
    {
        assert_eq!(all.initiator(&app, at(second)), expect, "{second}");
    }
}

#[test]
fn an_initiator_that_was_merged_onto_the_one_before_is_told_by_what_was_asked() {
    let application = |asked: Option<Value>, by: Value, started: i64, finished: Option<i64>| {
        let mut value = json!({"apiVersion":"argoproj.io/v1alpha1","kind":"Application",
            "metadata":{"name":"cakes","namespace":"cd"},
            "status":{"operationState":{"operation":{"initiatedBy":by},"startedAt":at(started).to_string()}}});
        if let Some(asked) = asked {
            value["operation"] = json!({"initiatedBy":asked});
        }
        if let Some(finished) = finished {
            value["status"]["operationState"]["finishedAt"] = at(finished).to_string().into();
        }
        Arc::new(Object::new(Doc::from_value(&value).unwrap()).unwrap())
    };
    let app = ResourceKey::new("argoproj.io", "Application", "cd", "cakes");
    let (ann, auto) = (json!({"username":"ann"}), json!({"automated":true}));
    let both = json!({"username":"ann","automated":true});
    let versions = |asked: Option<Value>| {
        vec![
            version(10, application(None, auto.clone(), 5, Some(10))),
            // Asked for, and not begun: the state is still the other one's.
            version(29, application(asked.clone(), auto.clone(), 5, Some(10))),
            version(30, application(asked, both.clone(), 30, None)),
            version(33, application(None, both.clone(), 30, Some(33))),
        ]
    };
    let by = |asked| Applications::of(&history(&app, &versions(asked))).initiator(&app, at(32));
    assert_eq!(by(Some(ann)), Some(Initiator::User("ann".into())));
    assert_eq!(by(Some(auto.clone())), Some(Initiator::Automated));
    // What was asked for was not recorded, and the state names two.
    assert_eq!(by(None), None);
}

/// A small world: fields written by managers in turn, some taken over without a change.
fn writes() -> impl Strategy<Value = Vec<(usize, usize, i64)>> {
    prop::collection::vec((0..3usize, 0..3usize, 0..3i64), 1..25)
}

proptest! {
    #[test]
    fn blame_agrees_with_whoever_kept_the_books(writes in writes()) {
        const FIELDS: [&str; 3] = ["replicas", "minReadySeconds", "revisionHistoryLimit"];
        const MANAGERS: [&str; 3] = ["ann", "bea", "cid"];
        // The oracle keeps, while it writes, who gave each field its present value and when.
        let mut values: [Option<i64>; 3] = [None; 3];
        let mut owners: [usize; 3] = [0; 3];
        let mut truth: [Option<(usize, usize)>; 3] = [None; 3];
        let mut versions = Vec::new();
        for (i, (field, manager, value)) in writes.iter().enumerate() {
            if values[*field] != Some(*value) {
                truth[*field] = Some((i, *manager));
            }
            values[*field] = Some(*value);
            // The value may stay, the owner moves all the same.
            owners[*field] = *manager;
            let spec: Value = FIELDS.iter().zip(values).filter_map(|(f, v)| Some((f.to_string(), json!(v?)))).collect::<serde_json::Map<_, _>>().into();
            // Who owns nothing has no entry.
            let entries: Vec<Entry<'_>> = MANAGERS.iter().enumerate().filter_map(|(m, name)| {
                let owned = FIELDS.iter().enumerate().filter(|(f, _)| values[*f].is_some() && owners[*f] == m);
                let fields: serde_json::Map<_, _> = owned.map(|(_, f)| (format!("f:{f}"), json!({}))).collect();
                (!fields.is_empty()).then(|| (*name, "Update", "", i as i64, json!({"f:spec":fields})))
            }).collect();
            versions.push(version(i as i64, deployment(spec, json!({}), &entries)));
        }
        let found = blamed(&versions, &FieldPath::ROOT);
        for (f, name) in FIELDS.iter().enumerate() {
            let got = found.iter().find(|b| b.path == FieldPath::of(&["spec", name]));
            let got = got.map(|b| (b.version, b.writer.as_ref().unwrap().manager.to_string()));
            prop_assert_eq!(got, truth[f].map(|(i, m)| (i, MANAGERS[m].to_owned())), "{}", name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Fingerprints and compression leave nothing out: versions as they came are blamed in the same way.
    #[test]
    fn a_history_is_blamed_like_its_versions((seed, observations, resources, fresh) in (any::<u64>(), 1..300usize, 1..12usize, 0..40usize)) {
        let script = Script::new("tape", testing::tape(seed, &TapeOptions { observations, resources }));
        let mut store = VersionStore::default();
        for event in futures::executor::block_on(testing::log_of(&script)) {
            store.apply(&event);
            store.pack_all_but(fresh);
        }
        let history = History::as_of(&Arc::new(store), Until::End);
        for key in history.keys() {
            let versions: Vec<Version> = history.versions(key).iter().map(Version::from).collect();
            for path in [FieldPath::ROOT, FieldPath::of(&["spec"]), FieldPath::of(&["metadata"])] {
                prop_assert_eq!(blame(&history, key, None, &path), blame_versions(&&versions[..], None, &path));
            }
        }
    }
}
