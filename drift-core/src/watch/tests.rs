use std::sync::Arc;

use futures::executor::block_on;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::drift::compare;
use crate::event::{Applied, Deleted, GapReason, Observation};
use crate::finding::{FindingBody, FindingState};
use crate::ingest::Ingest;
use crate::object::{Doc, Object};
use crate::redact::{RedactOptions, Redactor};
use crate::store::MemoryStore;
use crate::stream::{Facet, Scope};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn object(value: &Value) -> Object {
    Object::new(Doc::from_value(value).unwrap()).unwrap()
}

fn config(name: &str, bread: &str) -> Object {
    object(
        &json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":name,"namespace":"shop"},"data":{"bread":bread}}),
    )
}

fn desired(objects: &[Object]) -> Option<Vec<DesiredObject>> {
    let wanted = |o: &Object| DesiredObject { object: Arc::new(o.clone()), declared: None };
    Some(objects.iter().map(wanted).collect())
}

/// A cluster of which the judge sees every event.
struct Cluster {
    store: MemoryStore,
    ingest: Ingest,
    second: i64,
}

impl Cluster {
    fn new() -> Self {
        let ingest = Ingest::new("test", Redactor::new(RedactOptions::new([7; 32])));
        Self { store: MemoryStore::default(), ingest, second: 0 }
    }

    fn observe(&mut self, observation: Observation) -> Vec<Event> {
        let batch = self.ingest.step(observation);
        block_on(self.store.append(batch)).unwrap()
    }

    fn apply(&mut self, object: Object) -> Vec<Event> {
        self.second += 1;
        let observed = Applied::live(object, "", at(self.second));
        self.observe(Observation::Applied(observed))
    }

    fn delete(&mut self, key: ResourceKey) -> Vec<Event> {
        self.second += 1;
        let deleted = Deleted {
            facet: Facet::Live,
            key,
            last: None,
            observed_at: at(self.second),
            actor: Default::default(),
        };
        self.observe(Observation::Deleted(deleted))
    }

    fn list(&mut self, scope: Scope, objects: Vec<Object>) -> Vec<Event> {
        let mut events = self.observe(Observation::RelistStarted(scope.clone()));
        events.extend(objects.into_iter().flat_map(|o| self.apply(o)));
        self.second += 1;
        let done = Observation::RelistDone { scope, observed_at: at(self.second) };
        events.extend(self.observe(done));
        events
    }
}

fn judge(judge: &mut WatchJudge, events: &[Event]) -> Vec<String> {
    events.iter().for_each(|e| judge.handle(e, at(0)));
    texts(&judge.judge(&mut |_| ()))
}

fn texts(updates: &[FindingUpdate]) -> Vec<String> {
    let text = |u: &FindingUpdate| {
        let what = match &u.finding.body {
            FindingBody::Drifted { .. } => "drifted",
            FindingBody::Missing => "missing",
            FindingBody::Unmanaged => "unmanaged",
            FindingBody::Resolved { .. } => "resolved",
            FindingBody::GapSeen(_) => "gap",
            _ => "other",
        };
        let name = u.finding.key.as_ref().map_or("", |k| &*k.name);
        format!("{:?} {what} {name} {}", u.state, u.finding.path())
    };
    updates.iter().map(text).collect()
}

fn at_once() -> WatchOptions {
    WatchOptions { absence: Absence::AtOnce, ..WatchOptions::default() }
}

#[test]
fn a_declared_resource_is_missing_once_its_scope_was_listed() {
    let mut cluster = Cluster::new();
    let declared = desired(&[config("a", "1"), config("b", "1")]);
    let mut watch = WatchJudge::new(declared.clone(), WatchOptions::default());
    let none: [&str; 0] = [];
    assert_eq!(judge(&mut watch, &cluster.list(Scope::of_kind("", "Secret"), vec![])), none);
    let listed = cluster.list(Scope::of_kind("", "ConfigMap"), vec![config("a", "1")]);
    assert_eq!(judge(&mut watch, &listed), ["FirstSeen missing b ."]);
    assert_eq!(judge(&mut watch, &cluster.apply(config("b", "1"))), ["Resolved resolved b ."]);

    let mut cluster = Cluster::new();
    let mut of_a_tape = WatchJudge::new(declared, at_once());
    assert_eq!(judge(&mut of_a_tape, &cluster.apply(config("a", "1"))), ["FirstSeen missing b ."]);
}

#[test]
fn what_names_no_namespace_and_lies_in_another_one_is_not_missing() {
    let bare = |name: &str| {
        object(&json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":name},"data":{"bread":"1"}}))
    };
    let in_default = || {
        object(
            &json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"},"data":{"bread":"1"}}),
        )
    };
    let declared = desired(&[bare("a"), bare("nowhere")]);
    let none: [&str; 0] = [];
    let unseen = |watch: &WatchJudge| watch.misplaced().iter().map(ToString::to_string).collect::<Vec<_>>();
    for absence in [Absence::OnceListed, Absence::AtOnce] {
        let mut cluster = Cluster::new();
        let listed = cluster.list(Scope::of_kind("", "ConfigMap"), vec![config("a", "1")]);
        let named = WatchOptions { absence, ..WatchOptions::default() };
        let mut watch = WatchJudge::new(declared.clone(), named.clone());
        assert_eq!(judge(&mut watch, &listed), ["FirstSeen missing a .", "FirstSeen missing nowhere ."]);

        let assumed = WatchOptions { namespace_basis: NamespaceBasis::Assumed, ..named };
        let mut watch = WatchJudge::new(declared.clone(), assumed);
        assert_eq!(judge(&mut watch, &listed), ["FirstSeen missing nowhere ."]);
        let text = "1 declared without a namespace, a for one, not in `default`, but there in `shop`: which one is meant is not known";
        assert_eq!(unseen(&watch), [text]);
        assert_eq!(watch.summary().unwrap().1.unknown, 1);
        // Where it comes to lie in the assumed namespace, that is its own from then on.
        assert_eq!(judge(&mut watch, &cluster.apply(in_default())), none);
        assert_eq!(unseen(&watch), none);
        assert_eq!(judge(&mut watch, &cluster.delete(in_default().key())), ["FirstSeen missing a ."]);
    }
}

#[test]
fn what_may_not_be_listed_is_not_missing_but_not_compared() {
    let mut cluster = Cluster::new();
    for options in [WatchOptions::default(), at_once()] {
        let mut watch = WatchJudge::new(desired(&[config("a", "1")]), options);
        let scope = Scope { namespace: "shop".into(), ..Scope::of_kind("", "ConfigMap") };
        cluster.second += 1;
        let (from, to, reason) = (None, at(cluster.second), GapReason::Denied);
        let message = "configmaps is forbidden".into();
        let denied =
            Gap { scope: scope.clone(), from, to, from_version: None, to_version: None, reason, message };
        let elsewhere = Gap { scope: Scope::of_kind("", "Secret"), ..denied.clone() };
        let mut events = cluster.observe(Observation::Gap(denied));
        events.extend(cluster.observe(Observation::Gap(elsewhere)));
        assert_eq!(judge(&mut watch, &events), ["FirstSeen gap  .", "FirstSeen gap  ."]);
        let unseen: Vec<_> = watch.coverage().unseen().iter().map(ToString::to_string).collect();
        let not_compared = "ConfigMap/shop/a was not compared: configmaps is forbidden";
        assert_eq!(unseen, ["ConfigMap in shop: configmaps is forbidden", not_compared]);
        // Once the right is there, so is the verdict.
        assert_eq!(judge(&mut watch, &cluster.list(scope, vec![])), ["FirstSeen missing a ."]);
        assert!(watch.coverage().is_complete());
    }
}

#[test]
fn an_edit_and_its_undoing_are_reported_with_the_time_of_the_edit() {
    let mut cluster = Cluster::new();
    let mut watch = WatchJudge::new(desired(&[config("a", "1")]), at_once());
    assert!(judge(&mut watch, &cluster.apply(config("a", "1"))).is_empty());
    let edit = cluster.apply(config("a", "2"));
    assert_eq!(judge(&mut watch, &edit), ["FirstSeen drifted a .data.bread"]);
    assert_eq!(judge(&mut watch, &cluster.apply(config("a", "3"))), ["Changed drifted a .data.bread"]);
    cluster.apply(config("a", "1")).iter().for_each(|e| watch.handle(e, at(0)));
    let undone = watch.judge(&mut |_| ()).remove(0);
    assert_eq!((undone.state, undone.first_seen), (FindingState::Resolved, edit[0].observed_at));
}

#[test]
fn what_drifted_before_this_run_is_reported_by_the_first_judgement() {
    let mut cluster = Cluster::new();
    let past: Vec<Event> =
        [config("a", "1"), config("a", "2")].into_iter().flat_map(|o| cluster.apply(o)).collect();
    let mut watch = WatchJudge::new(desired(&[config("a", "1")]), at_once());
    past.iter().for_each(|e| watch.load(e));
    assert_eq!(watch.deadline(), Some(Timestamp::MIN), "it is due at once");
    assert_eq!(texts(&watch.judge(&mut |_| ())), ["FirstSeen drifted a .data.bread"]);
    assert_eq!(watch.deadline(), None);
    // Nothing is held of the past where nothing is declared.
    let mut watch = WatchJudge::new(None, at_once());
    past.iter().for_each(|e| watch.load(e));
    assert_eq!(watch.deadline(), None);
}

#[test]
fn an_edit_is_due_at_once_and_a_list_when_it_has_settled() {
    let mut cluster = Cluster::new();
    let options =
        WatchOptions { max_immediate_events: 2, settle_time: SignedDuration::from_secs(5), ..at_once() };
    let mut watch = WatchJudge::new(desired(&[]), options);
    let events: Vec<Event> =
        ["1", "2", "3"].iter().flat_map(|bread| cluster.apply(config("a", bread))).collect();
    watch.handle(&events[0], at(10));
    watch.handle(&events[1], at(11));
    assert_eq!(watch.deadline(), Some(at(10)));
    watch.handle(&events[2], at(12));
    assert_eq!(watch.deadline(), Some(at(15)), "five seconds after the first of them");
    watch.judge(&mut |_| ());
    assert_eq!(watch.deadline(), None);
}

#[test]
fn a_definition_that_comes_in_has_its_kind_judged_by_it() {
    let mut cluster = Cluster::new();
    let recipe = |order: [&str; 2]| {
        object(
            &json!({"apiVersion":"bakery.example/v1","kind":"Recipe","metadata":{"name":"bread","namespace":"shop"},"spec":{"tags":order}}),
        )
    };
    let schema = json!({"type":"object","properties":{"spec":{"type":"object","properties":{
        "tags":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}}}}}});
    let definition =
        object(&json!({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
        "metadata":{"name":"recipes.bakery.example"},"spec":{"group":"bakery.example","scope":"Namespaced",
            "names":{"kind":"Recipe","plural":"recipes"},
            "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":schema}}]}}));
    let mut watch = WatchJudge::new(desired(&[recipe(["warm", "dark"])]), at_once());
    let before = judge(&mut watch, &cluster.apply(recipe(["dark", "warm"])));
    assert_eq!(before, ["FirstSeen drifted bread .spec.tags"], "without a schema the order of a list counts");
    assert_eq!(judge(&mut watch, &cluster.apply(definition)), ["Resolved resolved bread .spec.tags"]);
}

#[test]
fn gaps_are_reported_merged_where_nothing_is_declared_too() {
    let mut cluster = Cluster::new();
    let mut watch = WatchJudge::new(None, WatchOptions::default());
    let gap = |kind: &str| Gap {
        scope: Scope::of_kind("", kind),
        from: None,
        to: at(1),
        from_version: None,
        to_version: None,
        reason: GapReason::SourceDown,
        message: "cannot reach the server".into(),
    };
    let gaps = ["Pod", "Node", "Secret", "Service"].map(gap);
    let events: Vec<Event> = gaps.into_iter().flat_map(|g| cluster.observe(Observation::Gap(g))).collect();
    assert_eq!(judge(&mut watch, &events), ["FirstSeen gap  ."]);
}

#[test]
fn what_the_program_adds_to_a_comparison_is_in_the_finding() {
    let mut cluster = Cluster::new();
    let mut watch = WatchJudge::new(desired(&[config("a", "1")]), at_once());
    cluster.apply(config("a", "2")).iter().for_each(|e| watch.handle(e, at(0)));
    let updates = watch.judge(&mut |report| report.resources[0].changes[0].line = Some(7));
    let FindingBody::Drifted { change, .. } = &updates[0].finding.body else { panic!("{updates:?}") };
    assert_eq!(change.line, Some(7));
}

proptest! {
    /// However events are cut into judgements, what is open at the end is what one comparison of the end finds.
    #[test]
    fn what_is_open_is_what_a_comparison_finds(changes in prop::collection::vec(
        ("[a-d]", prop::option::of("[12]"), any::<bool>()), 1..24,
    )) {
        let declared = desired(&[config("a", "1"), config("b", "1"), config("c", "2")]);
        let mut cluster = Cluster::new();
        let mut watch = WatchJudge::new(declared.clone(), at_once());
        let mut live = std::collections::BTreeMap::new();
        let mut reported: BTreeSet<_> = BTreeSet::new();
        let mut last = at(0);
        for (name, bread, is_judged) in &changes {
            let events = match bread {
                Some(bread) => {
                    live.insert(name.clone(), Arc::new(config(name, bread)));
                    cluster.apply(config(name, bread))
                }
                None => {
                    live.remove(name);
                    cluster.delete(config(name, "").key())
                }
            };
            events.iter().for_each(|e| watch.handle(e, at(0)));
            last = events.last().map_or(last, |e| e.observed_at);
            if *is_judged {
                watch.judge(&mut |_| ()).iter().for_each(|u| note(&mut reported, u));
            }
        }
        watch.judge(&mut |_| ()).iter().for_each(|u| note(&mut reported, u));
        let live: Vec<_> = live.into_values().collect();
        let report = compare(&declared.unwrap(), &live, &SchemaSet::bundled(), &DriftOptions::default());
        let expected: BTreeSet<_> = report.resources.iter().flat_map(|r| Finding::all_of(r, last)).map(|f| f.id).collect();
        let open: BTreeSet<_> = watch.findings().open().map(|o| o.finding.id).collect();
        // Where no event came at all nothing was judged.
        if last != at(0) {
            prop_assert_eq!(&open, &expected);
        }
        prop_assert_eq!(&open, &reported);
    }
}

#[test]
fn who_removes_a_field_is_seen_when_it_happens() {
    let declared =
        object(&json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"prices","namespace":"shop",
        "annotations":{"season":"all"}},"data":{"bread":"1","cake":"2"}}));
    let version = |data: Value, annotations: Value, writers: &[(&str, i64)]| {
        let entry = |(manager, second): &(&str, i64)| {
            json!({"manager":manager,"operation":"Update","time":at(*second).to_string(),"fieldsType":"FieldsV1",
                "fieldsV1":{"f:data":{"f:bread":{}}}})
        };
        let managed: Vec<Value> = writers.iter().map(entry).collect();
        object(
            &json!({"apiVersion":"v1","kind":"ConfigMap","data":data,"metadata":{"name":"prices","namespace":"shop","uid":"u",
            "annotations":annotations,"managedFields":managed}}),
        )
    };
    let mut cluster = Cluster::new();
    let options = WatchOptions { absence: Absence::AtOnce, ..WatchOptions::default() };
    let mut watch = WatchJudge::new(desired(&[declared]), options);
    let helm = [("helm", 0)];
    let all = json!({"bread":"1","cake":"2"});
    let versions = [
        version(all.clone(), json!({"season":"all"}), &helm),
        // Somebody takes the annotations away, and carol adds another one.
        version(all, json!({}), &helm),
        version(
            json!({"bread":"1","cake":"2"}),
            json!({"other":"1"}),
            &[("helm", 0), ("kubectl-annotate", 3)],
        ),
        // An edit takes the cake away, and changes the bread.
        version(json!({"bread":"3"}), json!({"other":"1"}), &[("kubectl-edit", 4)]),
    ];
    let mut found = BTreeMap::new();
    for object in versions {
        cluster.apply(object).iter().for_each(|e| watch.handle(e, at(0)));
        for update in watch.judge(&mut |_| ()) {
            let FindingBody::Drifted { path, change } = update.finding.body else { continue };
            let by = change.owner.as_ref().map_or("nobody".to_owned(), |o| o.manager.to_string());
            found.insert(path.to_string(), (by, change.time()));
        }
    }
    let season = found.iter().find(|(path, _)| path.contains("season") || path.ends_with("annotations"));
    assert_eq!(season.unwrap().1, &("nobody".to_owned(), Some(at(2))), "{found:?}");
    assert_eq!(found[".data.cake"], ("kubectl-edit".to_owned(), Some(at(4))), "{found:?}");
}

fn note(reported: &mut BTreeSet<crate::finding::FindingId>, update: &FindingUpdate) {
    match update.state {
        FindingState::Resolved => reported.remove(&update.finding.id),
        _ => reported.insert(update.finding.id),
    };
}

#[test]
fn a_judge_and_what_it_returns_can_cross_threads() {
    fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<WatchJudge>();
    is_send_sync::<FindingUpdate>();
    is_send_sync::<FindingTracker>();
    is_send_sync::<ConflictTracker>();
    is_send_sync::<crate::finding::ConflictRead>();
}
