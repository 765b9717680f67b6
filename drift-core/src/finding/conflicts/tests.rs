use futures::executor::block_on;
use serde_json::{Value, json};

use super::*;
use crate::event::{NewEvent, Origin};
use crate::finding::FindingBody;
use crate::object::{Doc, Object};
use crate::path::FieldPath;
use crate::store::{Append, ExpectedRevision, MemoryStore};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn append(store: &MemoryStore, second: i64, value: &Value) -> Event {
    let object = Object::new(Doc::from_value(value).unwrap()).unwrap();
    let event = NewEvent {
        uid: object.uid(),
        origin: Origin::default(),
        observed_at: at(second),
        occurred_at: None,
        body: EventBody::Applied(Arc::new(object.clone())),
    };
    let stream = StreamId::live(object.key());
    let batch = vec![Append { stream, expected: ExpectedRevision::Any, events: vec![event] }];
    block_on(store.append(batch)).unwrap().remove(0)
}

/// An oven whose crust an engine and another writer set in turn, one write a minute, numbered by `write`.
fn oven(api_version: &str, kind: &str, other: &str, write: i64) -> Value {
    let (crust, manager) = if write % 2 == 0 { ("thick", "argocd-controller") } else { ("thin", other) };
    json!({"apiVersion":api_version,"kind":kind,"metadata":{"name":"oven","namespace":"bakery","uid":"u",
        "resourceVersion":(write + 1).to_string(),
        "annotations":{"argocd.argoproj.io/tracking-id":format!("cakes:/{kind}:bakery/oven")},
        "managedFields":[{"manager":manager,"operation":"Update","time":at(60 * write).to_string(),
            "fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:crust":{}}}}]},
        "data":{"crust":crust}})
}

/// Appends writes of a ConfigMap, and returns what a scan after them reports.
fn scan(
    store: &MemoryStore,
    tracker: &mut ConflictTracker,
    other: &str,
    writes: std::ops::Range<i64>,
) -> Vec<String> {
    for write in writes {
        tracker.handle(&append(store, 60 * write, &oven("v1", "ConfigMap", other, write)));
    }
    reported(&block_on(scan_conflicts(tracker, store)).unwrap())
}

fn reported(updates: &[FindingUpdate]) -> Vec<String> {
    let text = |u: &FindingUpdate| match &u.finding.body {
        FindingBody::Fight(fight) => format!("{:?} fight {} {}", u.state, fight.path, fight.flips),
        FindingBody::Reverted(revert) => format!("{:?} revert {}", u.state, revert.path),
        other => format!("{other:?}"),
    };
    updates.iter().map(text).collect()
}

#[test]
fn a_fight_is_reported_when_it_is_one_and_not_with_every_round() {
    let (store, mut tracker) = (MemoryStore::default(), ConflictTracker::default());
    // One overwrite of one writer is missing; so far an engine put a change back.
    assert_eq!(scan(&store, &mut tracker, "robot", 0..4), ["FirstSeen revert .data.crust"]);
    assert_eq!(scan(&store, &mut tracker, "robot", 4..5), ["FirstSeen fight .data.crust 4"]);
    assert_eq!(scan(&store, &mut tracker, "robot", 5..9), Vec::<String>::new());
}

#[test]
fn a_fight_that_began_in_an_earlier_run_is_known_from_the_store() {
    let store = MemoryStore::default();
    scan(&store, &mut ConflictTracker::default(), "robot", 0..4);
    let mut later = ConflictTracker::default();
    assert_eq!(scan(&store, &mut later, "robot", 4..5), ["FirstSeen fight .data.crust 4"]);
}

#[test]
fn a_change_that_an_engine_puts_back_is_reported_once() {
    let (store, mut tracker) = (MemoryStore::default(), ConflictTracker::default());
    assert_eq!(scan(&store, &mut tracker, "kubectl-edit", 0..3), ["FirstSeen revert .data.crust"]);
    // Two in one scan, and so a fight: the reverts are not listed beside it.
    assert_eq!(scan(&store, &mut tracker, "kubectl-edit", 3..5), ["FirstSeen fight .data.crust 4"]);
}

#[test]
fn a_read_is_asked_for_until_it_is_provided() {
    let (store, mut tracker) = (MemoryStore::default(), ConflictTracker::default());
    for write in 0..5 {
        tracker.handle(&append(&store, 60 * write, &oven("v1", "ConfigMap", "robot", write)));
    }
    let read = tracker.next_read();
    assert!(read.is_some());
    assert_eq!(tracker.next_read(), read);
    let Some(ConflictRead::History { stream, from }) = read else { panic!("{read:?}") };
    let events: Vec<Event> = block_on(store.read(&stream, from).try_collect()).unwrap();
    assert_eq!(reported(&tracker.provide(&events)), ["FirstSeen fight .data.crust 4"]);
    assert_eq!(tracker.next_read(), None);
    assert_eq!(tracker.provide(&events), [], "nobody asked");
}

#[test]
fn definitions_of_a_custom_kind_are_read_once_until_one_changes() {
    let (store, mut tracker) = (MemoryStore::default(), ConflictTracker::default());
    let definition = json!({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
        "metadata":{"name":"ovens.bakery.example","resourceVersion":"1","uid":"d"}});
    let definition = append(&store, 0, &definition);
    let reads = |tracker: &mut ConflictTracker, writes: std::ops::Range<i64>| {
        for write in writes {
            tracker.handle(&append(&store, 60 * write, &oven("bakery.example/v1", "Oven", "robot", write)));
        }
        let (mut groups, mut updates) = (Vec::new(), Vec::new());
        while let Some(read) = tracker.next_read() {
            if let ConflictRead::Definitions { group } = &read {
                assert!(read.asks_for(&definition.stream));
                groups.push(group.to_string());
            }
            updates.extend(tracker.provide(&block_on(read_events(&read, &store)).unwrap()));
        }
        (groups, reported(&updates))
    };
    let fight = vec!["FirstSeen fight .data.crust 4".to_owned()];
    assert_eq!(reads(&mut tracker, 0..5), (vec!["bakery.example".to_owned()], fight));
    assert_eq!(reads(&mut tracker, 5..7), (vec![], vec![]));
    tracker.handle(&definition);
    assert_eq!(reads(&mut tracker, 7..8), (vec!["bakery.example".to_owned()], vec![]));
}

#[test]
fn definitions_of_another_group_are_not_asked_for() {
    let read = ConflictRead::Definitions { group: "bakery.example".into() };
    let asks_for = |name| {
        read.asks_for(&StreamId::live(ResourceKey::new(
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            "",
            name,
        )))
    };
    assert!(asks_for("ovens.bakery.example"));
    assert!(!asks_for("ovens.other-bakery.example"));
    assert!(!read.asks_for(&StreamId::live(ResourceKey::new("", "ConfigMap", "a", "ovens.bakery.example"))));
}

#[test]
fn a_fight_is_reported_again_after_a_pause() {
    let mut tracker = ConflictTracker::default();
    let mut state = |minute: i64, period: i64| {
        let fight = Fight {
            key: ResourceKey::new("", "ConfigMap", "bakery", "oven"),
            path: FieldPath::ROOT,
            sides: Vec::new(),
            flips: 4,
            since: Timestamp::UNIX_EPOCH,
            last: Timestamp::from_second(minute * 60).unwrap(),
            period: SignedDuration::from_mins(period),
            values: Vec::new(),
        };
        tracker.fight_update(fight).map(|u| u.state)
    };
    assert_eq!(state(0, 1), Some(FindingState::FirstSeen));
    assert_eq!(state(1, 1), None);
    assert_eq!(state(11, 1), None, "ten minutes are no pause yet");
    assert_eq!(state(22, 5), Some(FindingState::StillOpen));
    assert_eq!(state(42, 5), None, "a slow one pauses longer");
    assert_eq!(state(63, 5), Some(FindingState::StillOpen));
}

#[test]
fn a_write_of_the_status_is_not_waited_for() {
    let (store, mut tracker) = (MemoryStore::default(), ConflictTracker::default());
    append(&store, 0, &oven("v1", "ConfigMap", "robot", 0));
    let mut write = oven("v1", "ConfigMap", "robot", 1);
    write["metadata"]["managedFields"][0]["subresource"] = json!("status");
    tracker.handle(&append(&store, 1, &write));
    assert_eq!(tracker.next_read(), None);
}
