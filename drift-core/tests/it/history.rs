//! Ingest, replay and the store in memory.

mod laws;

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::Until;
use drift_core::fights::{find_conflicts, find_conflicts_in_history};
use drift_core::history::{History, Version, VersionStore};
use drift_core::ingest::{Progress, RunOptions, run};
use drift_core::redact::{RedactOptions, Redactor, is_redacted};
use drift_core::replay::{State, event_at};
use drift_core::testing::{self, Dice, Script, TapeOptions, tape};
use drift_core::{
    Actor, Append, Applied, Authority, Cursor, Deleted, Doc, Event, EventBody, EventStore, EventStoreExt,
    ExpectedRevision, Facet, Gap, GapReason, Ingest, MemoryStore, Object, Observation, Occurrence,
    OccurrenceKind, Position, ResourceKey, Revision, Scope, StoreError, StreamId,
};
use futures::executor::block_on;
use futures::stream::BoxStream;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

fn ingest() -> Ingest {
    Ingest::new("tape", Redactor::new(RedactOptions::new([7; 32])))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

fn key(name: &str) -> ResourceKey {
    ResourceKey::new("", "Pod", "shop", name)
}

fn pod(name: &str, uid: &str, version: &str) -> Arc<Object> {
    let mut metadata = json!({"name": name, "namespace": "shop"});
    if !version.is_empty() {
        metadata["uid"] = uid.into();
        metadata["resourceVersion"] = version.into();
    }
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"node": uid}});
    Arc::new(Object::new(Doc::from_value(&pod).unwrap()).unwrap())
}

fn applied(name: &str, uid: &str, version: &str, second: i64) -> Observation {
    let object = pod(name, uid, version);
    Observation::Applied(Applied::live((*object).clone(), "", at(second)))
}

fn deleted(name: &str, last: Option<Arc<Object>>, second: i64) -> Observation {
    let actor = Actor::default();
    Observation::Deleted(Deleted { facet: Facet::Live, key: key(name), last, observed_at: at(second), actor })
}

fn started() -> Observation {
    Observation::RelistStarted(Scope::of_kind("", "Pod"))
}

fn done(second: i64) -> Observation {
    Observation::RelistDone { scope: Scope::of_kind("", "Pod"), observed_at: at(second) }
}

fn gap(reason: GapReason, second: i64) -> Observation {
    Observation::Gap(Gap {
        scope: Scope::default(),
        from: None,
        to: at(second),
        from_version: None,
        to_version: None,
        reason,
        message: "line 3".into(),
    })
}

fn checkpoint(cursor: &str) -> Observation {
    Observation::Checkpoint(Cursor::new(cursor))
}

/// Shows what was appended in a line a part: `web+ 2` is the second revision, an object; `-` a deletion.
fn shown(appends: &[Append]) -> Vec<String> {
    let show = |append: &Append| {
        let name = append.stream.key().map_or("source".to_owned(), |k| k.name.to_string());
        let sign = match &append.events[0].body {
            EventBody::Applied(_) => "+",
            EventBody::Deleted(_) => "-",
            EventBody::Happened(_) => "!",
            EventBody::Gap(_) => "?",
            EventBody::Relisted(_) => "=",
            EventBody::Checkpoint => ".",
            _ => "other",
        };
        let before = match append.expected {
            ExpectedRevision::Exact(revision) => revision.get(),
            ExpectedRevision::Empty => 0,
            ExpectedRevision::Any => panic!("an ingest always knows what it expects"),
        };
        format!("{name}{sign} {}", before + 1)
    };
    appends.iter().map(show).collect()
}

#[test]
fn each_observation_makes_the_appends_it_should() {
    let check = |name: &str, steps: Vec<(Observation, &[&str])>| {
        let mut ingest = ingest();
        for (n, (observation, expect)) in steps.into_iter().enumerate() {
            assert_eq!(shown(&ingest.step(observation)), expect, "{name}, step {n}");
        }
    };
    check(
        "versions",
        vec![
            (applied("web", "a", "9", 0), &["web+ 1"]),
            (applied("web", "a", "9", 1), &[]),
            (applied("web", "a", "10", 2), &["web+ 2"]),
            (applied("web", "a", "9", 3), &[]),
            (applied("db", "x", "5", 3), &["db+ 1"]),
        ],
    );
    check(
        "incarnations",
        vec![
            (applied("web", "a", "9", 0), &["web+ 1"]),
            (deleted("web", Some(pod("web", "a", "12")), 1), &["web- 2"]),
            (deleted("web", Some(pod("web", "a", "12")), 1), &[]),
            (deleted("web", None, 2), &[]),
            (applied("web", "b", "15", 3), &["web+ 3"]),
            (deleted("web", Some(pod("web", "a", "12")), 4), &[]),
            (applied("web", "a", "9", 4), &[]),
            (deleted("web", None, 5), &["web- 4"]),
        ],
    );
    check(
        "never seen",
        vec![
            (deleted("web", None, 0), &[]),
            (deleted("web", Some(pod("web", "a", "12")), 1), &["web- 1"]),
            (applied("web", "a", "11", 2), &[]),
        ],
    );
    check(
        "versions without order",
        vec![
            (applied("web", "a", "x1", 0), &["web+ 1"]),
            (applied("web", "a", "x1", 1), &[]),
            (applied("web", "a", "w9", 2), &["web+ 2"]),
            (applied("web", "a", "x1", 0), &[]),
        ],
    );
    check(
        "no versions",
        vec![
            (applied("web", "a", "", 0), &["web+ 1"]),
            (applied("web", "a", "", 1), &[]),
            (applied("web", "b", "", 2), &["web+ 2"]),
            (deleted("web", None, 3), &["web- 3"]),
            (applied("web", "b", "", 4), &["web+ 4"]),
        ],
    );
    check(
        "relists",
        vec![
            (applied("web", "a", "9", 0), &["web+ 1"]),
            (applied("db", "x", "5", 0), &["db+ 1"]),
            (done(1), &[]),
            (started(), &[]),
            (applied("db", "x", "5", 2), &[]),
            (applied("new", "n", "20", 2), &["new+ 1"]),
            (done(3), &["web- 2", "source= 1"]),
            (deleted("web", Some(pod("web", "a", "12")), 4), &[]),
            (started(), &[]),
            (done(5), &["db- 2", "new- 2", "source= 2"]),
            (applied("db", "x", "5", 6), &["db+ 3"]),
            (started(), &[]),
            (done(7), &["db- 4", "source= 3"]),
        ],
    );
    check(
        "an old tape again, with times that are equal",
        vec![
            (applied("web", "a", "9", 0), &["web+ 1"]),
            (started(), &[]),
            (done(1), &["web- 2", "source= 1"]),
            (applied("web", "b", "12", 1), &["web+ 3"]),
        ],
    );
    check(
        "torn relists",
        vec![
            (applied("web", "a", "9", 0), &["web+ 1"]),
            (started(), &[]),
            (gap(GapReason::Corrupt, 1), &["source? 1"]),
            (done(2), &[]),
            (started(), &[]),
            (gap(GapReason::WatchLost, 3), &["source? 2"]),
            (done(4), &["web- 2", "source= 3"]),
            (gap(GapReason::WatchLost, 3), &[]),
        ],
    );
    check(
        "checkpoints",
        vec![
            (checkpoint("a"), &[]),
            (applied("web", "a", "9", 0), &["web+ 1"]),
            (checkpoint("b"), &["source. 1"]),
            (checkpoint("c"), &[]),
            (gap(GapReason::SourceDown, 1), &["source? 2"]),
            (checkpoint("b"), &[]),
            (checkpoint("d"), &["source. 3"]),
        ],
    );
}

#[test]
fn an_old_tape_says_nothing_of_what_came_later() {
    let mut first = ingest();
    let tape = || {
        [
            applied("web", "a", "9", 0),
            started(),
            done(1),
            applied("web", "b", "12", 1),
            deleted("web", None, 1),
            applied("web", "c", "15", 1),
        ]
    };
    let appends: Vec<_> = tape().into_iter().flat_map(|o| first.step(o)).collect();
    assert_eq!(shown(&appends), ["web+ 1", "web- 2", "source= 1", "web+ 3", "web- 4", "web+ 5"]);
    let store = MemoryStore::default();
    for append in appends {
        block_on(store.append(vec![append])).unwrap();
    }
    first.commit();
    first.restart();
    let loaded = block_on(Ingest::load("tape", Redactor::new(RedactOptions::new([7; 32])), &store)).unwrap();
    for mut again in [first, loaded] {
        for observation in tape() {
            assert_eq!(shown(&again.step(observation)), [""; 0]);
        }
        // What was told again as it is may go, whatever the clock says.
        assert_eq!(shown(&again.step(deleted("web", None, 0))), ["web- 6"]);
    }
}

#[test]
fn a_relist_misses_only_what_the_source_tells_of() {
    let store = MemoryStore::default();
    let authority = Authority::Manifests("git".into());
    let desired = |name: &str| {
        let object = pod(name, "", "");
        let facet = Facet::Desired(authority.clone());
        Observation::Applied(Applied { facet, ..Applied::live((*object).clone(), "", at(0)) })
    };
    let mut git = Ingest::new("git", Redactor::new(RedactOptions::new([7; 32])));
    let mut appends: Vec<_> = [desired("web"), desired("db")].into_iter().flat_map(|o| git.step(o)).collect();
    assert_eq!(shown(&git.step(desired("web"))), [""; 0], "the same declaration says nothing new");
    let mut watch = ingest();
    appends.extend(watch.step(applied("web", "a", "9", 0)));
    block_on(store.append(appends)).unwrap();

    let redactor = Redactor::new(RedactOptions::new([7; 32]));
    let mut watch = block_on(Ingest::load("tape", redactor.clone(), &store)).unwrap();
    watch.step(started());
    let missed = watch.step(done(9));
    assert_eq!(missed[0].stream, StreamId::live(key("web")));
    assert_eq!(shown(&missed), ["web- 2", "source= 1"], "declared objects are not the watch's");
    let mut git = block_on(Ingest::load("git", redactor, &store)).unwrap();
    git.step(started());
    git.step(desired("db"));
    let missed = git.step(done(9));
    assert_eq!(missed[0].stream, StreamId::Resource(Facet::Desired(authority), key("web")));
    assert_eq!(shown(&missed), ["web- 2", "source= 1"]);
}

#[test]
fn secrets_do_not_reach_the_log() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "resourceVersion": "3"}, "stringData": {"a": "hunter22"}});
    let object = Object::new(Doc::from_value(&secret).unwrap()).unwrap();
    let last = Some(Arc::new(object.clone()));
    let key = object.key();
    let detail = Some(Arc::new(Doc::from_value(&secret).unwrap()));
    let occurrence = Occurrence {
        kind: OccurrenceKind::Audit,
        about: Some(key.clone()),
        at: at(1),
        reason: "update".into(),
        message: "".into(),
        actor: Actor::default(),
        detail,
    };
    let mut ingest = ingest();
    let mut appends = ingest.step(Observation::Applied(Applied::live(object, "", at(0))));
    appends.extend(ingest.step(Observation::Happened(occurrence)));
    let deleted = Deleted { facet: Facet::Live, key, last, observed_at: at(2), actor: Actor::default() };
    appends.extend(ingest.step(Observation::Deleted(deleted)));
    assert_eq!(shown(&appends), ["s+ 1", "s! 2", "s- 3"]);
    assert!(!format!("{appends:?}").contains("hunter22"));
    let EventBody::Applied(object) = &appends[0].events[0].body else { panic!("the object comes first") };
    assert!(is_redacted(object.root().str_at(&["stringData", "a"]).unwrap()));
}

#[test]
fn the_store_in_memory_holds_to_the_contract() {
    block_on(testing::event_store(&MemoryStore::default()));
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    block_on(testing::event_store(&*store));
    block_on(testing::event_store_shared(Arc::new(MemoryStore::default())));
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    block_on(testing::event_store_reopened(&mut || Arc::clone(&store)));
}

#[test]
fn one_resource_is_found_in_a_long_stream() {
    let mut said = Vec::new();
    for n in 0..3000 {
        // Times go back a little now and then, and most of what happens is no change.
        let second = n * 10 - if n % 7 == 0 { 35 } else { 0 };
        match n % 100 {
            0 => said.push(applied("web", "a", &(n + 1).to_string(), second)),
            50 => said.push(deleted("web", Some(pod("web", "a", &(n + 1).to_string())), second)),
            _ => said.push(Observation::Happened(Occurrence {
                kind: OccurrenceKind::KubernetesEvent,
                about: Some(key("web")),
                at: at(second),
                reason: "Pulled".into(),
                message: n.to_string().into(),
                actor: Actor::default(),
                detail: None,
            })),
        }
    }
    let (store, log) = laws::log_of(&said);
    let stream = StreamId::live(key("web"));
    for second in (-100..30_100).step_by(123) {
        let tells = |e: &&Event| matches!(e.body, EventBody::Applied(_) | EventBody::Deleted(_));
        let expect = log.iter().filter(tells).rfind(|e| e.observed_at <= at(second));
        let found = block_on(event_at(&store, &stream, at(second))).unwrap();
        assert_eq!(found.map(|e| e.revision), expect.map(|e| e.revision), "second {second}");
    }
}

#[test]
fn appends_are_told_and_source_errors_too() {
    let mut told = (0, 0);
    let source = Script::new("tape", vec![applied("web", "a", "9", 0), applied("web", "a", "10", 0)]);
    let store = MemoryStore::default();
    let mut progress = |progress: Progress<'_>| match progress {
        Progress::Appended(events) => told.0 += events.len(),
        Progress::SourceFailed(_) => told.1 += 1,
        _ => {}
    };
    block_on(run(&source, &store, &mut ingest(), &RunOptions::default(), &mut progress)).unwrap();
    let broken = Script::new("tape", Vec::new());
    let mut stale = ingest();
    block_on(store.append(stale.step(gap(GapReason::SourceDown, 0)))).unwrap();
    block_on(store.append(stale.step(checkpoint("lost")))).unwrap();
    stale.commit();
    let summary = block_on(run(&broken, &store, &mut stale, &RunOptions::default(), &mut progress)).unwrap();
    assert_eq!((told, summary.errors), ((2, 1), 1));
}
