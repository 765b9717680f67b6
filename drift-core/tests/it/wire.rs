//! Laws and golden bytes of the wire format.

use std::sync::Arc;

use drift_core::wire::{self, Delta, EventV1, WireError};
use drift_core::{
    Actor, Authority, Cursor, Doc, Event, EventBody, Facet, Gap, GapReason, NewEvent, Object, Occurrence,
    OccurrenceKind, Origin, Position, ResourceKey, ResourceVersion, Revision, Scope, SourceRevision,
    StreamId, Uid,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn doc(value: &Value) -> Doc {
    Doc::from_value(value).unwrap()
}

fn object(value: Value) -> Arc<Object> {
    Arc::new(Object::new(doc(&value)).unwrap())
}

fn pod(spec: Value) -> Arc<Object> {
    object(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "namespace": "shop"}, "spec": spec}),
    )
}

fn key() -> ResourceKey {
    ResourceKey::new("", "Pod", "shop", "web-0").in_cluster("north")
}

fn new_event(body: EventBody) -> NewEvent {
    NewEvent {
        uid: Some(Uid::new("11111111-2222-3333-4444-555555555555")),
        origin: Origin {
            source: "kubernetes".into(),
            cursor: Some(Cursor::new("v1 rv=77")),
            actor: Actor { manager: Some("kubectl-edit".into()), user: Some("alice".into()) },
            source_revision: Some(SourceRevision::new("4f2c")),
        },
        observed_at: "2026-03-01T10:00:00.123456789Z".parse().unwrap(),
        occurred_at: Some("2026-03-01T10:00:00Z".parse().unwrap()),
        body,
    }
}

fn placed(stream: StreamId, revision: u64, body: EventBody) -> Event {
    new_event(body).at(stream, Revision::new(revision).unwrap(), Position::new(revision + 40))
}

/// One event of every kind, with every optional field; what each line of the golden file tells of.
fn samples() -> Vec<(Event, Option<Doc>)> {
    let live = StreamId::live(key());
    let before = pod(
        json!({"containers": [{"name": "web", "image": "web:1"}, {"name": "log", "image": "log:1"}], "x": 1.5}),
    );
    let after = pod(
        json!({"containers": [{"name": "web", "image": "web:2"}, {"name": "log", "image": "log:1"}], "x": 1e21, "größe": null}),
    );
    let scope = Scope {
        cluster: "north".into(),
        kind: Some(("apps".into(), "Deployment".into())),
        namespace: "shop".into(),
    };
    let gap = Gap {
        scope: scope.clone(),
        from: Some("2026-03-01T09:00:00Z".parse().unwrap()),
        to: "2026-03-01T09:30:00Z".parse().unwrap(),
        from_version: Some(ResourceVersion::new("70")),
        to_version: Some(ResourceVersion::new("77")),
        reason: GapReason::Expired,
        message: "410 for resourceVersion 70".into(),
    };
    let occurrence = Occurrence {
        kind: OccurrenceKind::Audit,
        about: Some(key()),
        at: "2026-03-01T10:00:00.5Z".parse().unwrap(),
        reason: "patch".into(),
        message: "patched by alice".into(),
        actor: Actor { manager: None, user: Some("alice".into()) },
        detail: Some(Arc::new(doc(&json!({"verb": "patch"})))),
    };
    let desired = |authority| StreamId::Resource(Facet::Desired(authority), key());
    let argo = ResourceKey::new("argoproj.io", "Application", "argocd", "shop");
    vec![
        (placed(live.clone(), 1, EventBody::Applied(Arc::clone(&before))), None),
        (placed(live.clone(), 2, EventBody::Applied(Arc::clone(&after))), Some(before.doc().clone())),
        (placed(live.clone(), 3, EventBody::Deleted(Some(Arc::clone(&after)))), Some(after.doc().clone())),
        (placed(live.clone(), 4, EventBody::Deleted(None)), None),
        (placed(live, 5, EventBody::Happened(occurrence)), None),
        (placed(desired(Authority::ArgoApplication(argo)), 1, EventBody::Applied(Arc::clone(&before))), None),
        (
            placed(
                desired(Authority::HelmRelease("shop".into(), "web".into())),
                1,
                EventBody::Applied(before),
            ),
            None,
        ),
        (placed(StreamId::Source("kubernetes".into()), 1, EventBody::Gap(gap)), None),
        (placed(StreamId::Source("kubernetes".into()), 2, EventBody::Relisted(scope)), None),
        (placed(StreamId::Source("kubernetes".into()), 3, EventBody::Checkpoint), None),
    ]
}

#[test]
fn golden_bytes_of_version_1_0_are_written_and_read_for_ever() {
    // This file is never edited: a change of format is a new version with a file of its own.
    let golden = include_str!("../data/wire-1.0.txt");
    let mut lines = golden.lines();
    for (event, previous) in samples() {
        let (id, bytes) = lines.next().unwrap().split_once(' ').unwrap();
        assert_eq!(format!("{:#}", event.id), id);
        assert_eq!(String::from_utf8(wire::encode(&event, previous.as_ref())).unwrap(), bytes);
        assert_eq!(wire::decode(bytes.as_bytes(), previous.as_ref()).unwrap(), event);
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn an_event_as_json_tells_its_id_and_comes_back() {
    for (event, _) in samples() {
        let json = serde_json::to_string(&EventV1::from(&event)).unwrap();
        assert!(json.starts_with(&format!(r#"{{"id":"{:#}""#, event.id)), "{json}");
        let read: EventV1 = serde_json::from_str(&json).unwrap();
        assert_eq!(Event::try_from(read).unwrap(), event);
        let forged: EventV1 = serde_json::from_str(&json.replacen("shop", "s'hop", 1)).unwrap();
        assert!(matches!(Event::try_from(forged), Err(WireError::Checksum)) || !json.contains("shop"));
    }
}

#[test]
fn the_id_is_of_the_fact_and_not_of_its_telling() {
    let (event, _) = samples().swap_remove(0);
    let EventBody::Applied(object) = &event.body else { panic!("the first sample is applied") };
    let mut told = new_event(EventBody::Applied(Arc::clone(object)));
    told.observed_at = "2030-01-01T00:00:00Z".parse().unwrap();
    told.origin = Origin::default();
    told.occurred_at = None;
    let again = told.clone().at(event.stream.clone(), event.revision, Position::new(9));
    assert_eq!(again.id, event.id);
    assert_ne!(told.clone().at(event.stream.clone(), event.revision.next(), Position::new(9)).id, event.id);
    told.uid = None;
    assert_ne!(told.at(event.stream.clone(), event.revision, Position::new(9)).id, event.id);
}

#[test]
fn a_delta_says_only_what_changed() {
    let check = |a: Value, b: Value, expect: Value| {
        let delta = Delta::between(&doc(&a), &doc(&b)).unwrap();
        assert_eq!(delta.as_doc().root().to_value(), expect);
        assert_eq!(delta.apply(&doc(&a)).unwrap(), doc(&b));
    };
    check(json!({"a": 1, "b": {"c": 2}}), json!({"a": 1, "b": {"c": 2}}), json!([]));
    check(
        json!({"a": 1, "b": {"c": 2, "d": 3}}),
        json!({"a": 1, "b": {"c": 4}, "e": null}),
        json!([
            {"at": ["b", "c"], "set": 4}, {"at": ["b", "d"], "remove": true}, {"at": ["e"], "set": null}
        ]),
    );
    check(
        json!([{"n": 1, "v": 1}, {"n": 2, "v": 2}, {"n": 3, "v": 3}]),
        json!([{"n": 3, "v": 3}, {"n": 2, "v": 9}]),
        json!([
            {"at": [], "list": [2, 1]}, {"at": [1, "v"], "set": 9}
        ]),
    );
    check(
        json!(["a", "b", "c"]),
        json!(["a", "b", "x", "c"]),
        json!([
            {"at": [], "list": [[0, 2], null, 2]}, {"at": [2], "set": "x"}
        ]),
    );
    check(json!({"a": [1]}), json!({"a": {"b": 1}}), json!([{"at": ["a"], "set": {"b": 1}}]));
    check(json!(1), json!([]), json!([{"at": [], "set": []}]));
}

#[test]
fn a_delta_that_makes_no_sense_is_refused() {
    let check = |delta: Value, problem: &str| {
        let delta: Delta = serde_json::from_value(delta).unwrap();
        let error = delta.apply(&doc(&json!({"a": {"b": [1, 2, {"c": 3}]}}))).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    };
    check(json!({}), "is not in a list");
    check(json!([1]), "must be a map of `at`");
    check(json!([{"at": ["a"]}]), "must be a map of `at`");
    check(json!([{"at": ["a"], "set": 1, "x": 1}]), "must be a map of `at`");
    check(json!([{"at": ["a"], "remove": false}]), "must have one of");
    check(json!([{"at": ["x"], "remove": true}]), "has a path to no value");
    check(json!([{"at": [], "remove": true}]), "does not fit");
    check(json!([{"at": ["a", "b", "c"], "set": 1}]), "path to no element");
    check(json!([{"at": ["a", "b", 3], "set": 1}]), "path to no element");
    check(json!([{"at": ["a", "b", -1], "set": 1}]), "path to no element");
    check(json!([{"at": ["a", "b", 0, "c"], "set": 1}]), "does not fit");
    check(json!([{"at": ["a", 0], "set": 1}]), "path to no key");
    check(json!([{"at": ["b"], "set": 1}, {"at": ["a"], "set": 1}]), "out of order");
    check(json!([{"at": ["a"], "set": 1}, {"at": ["a"], "set": 2}]), "comes again");
    check(json!([{"at": ["a", "z"], "set": 1}, {"at": ["a"], "set": 2}]), "comes again or too late");
    check(json!([{"at": ["a", "b"], "list": [0, 0]}]), "takes an element twice");
    check(json!([{"at": ["a", "b"], "list": [[1, 2], 1]}]), "takes an element twice");
    check(json!([{"at": ["a", "b"], "list": [[2, 2]]}]), "not there");
    check(json!([{"at": ["a", "b"], "list": [[2, i64::MAX]]}]), "not there");
    check(json!([{"at": ["a", "b"], "list": ["0"]}]), "not there");
    check(json!([{"at": ["a", "b"], "list": [null]}]), "not set once");
    check(
        json!([{"at": ["a", "b"], "list": [null]}, {"at": ["a", "b", 0, "q"], "set": 1}]),
        "must set a new",
    );
    check(json!([{"at": ["a"], "list": []}]), "does not fit");
}

#[test]
fn bytes_that_are_no_event_are_refused() {
    let (event, previous) = samples().swap_remove(1);
    let good = String::from_utf8(wire::encode(&event, previous.as_ref())).unwrap();
    assert!(good.starts_with("drift/1.0 delta "));
    assert!(wire::needs_previous(good.as_bytes()).unwrap());
    let check = |bytes: &str, previous: Option<&Doc>, expect: &str| {
        let error = format!("{:?}", wire::decode(bytes.as_bytes(), previous).unwrap_err());
        assert!(error.starts_with(expect), "{bytes}: {error}");
    };
    let previous = previous.as_ref();
    check("", None, "Header");
    check("drift/1.0", None, "Header");
    check("drift/01.0 whole 0 {}", None, "Header");
    check("drift/1.0 half 0123456789abcdef {}", None, "Header");
    check("drift/1.0 whole 0123456789abcdef {}", None, "Json");
    check("drift/2.0 whole 0123456789abcdef {}", None, "Unsupported");
    check("drift/1.7 half 0123456789abcdef {}", None, "Unsupported");
    check("drift/1.7 whole 0123456789abcdef {}", None, "Unsupported");
    check(&good, None, "NeedsPrevious");
    check(&good, Some(&doc(&json!({"x": 1}))), "Delta");
    let other = pod(
        json!({"containers": [{"name": "web", "image": "web:1"}, {"name": "log", "image": "log:7"}], "x": 1.5}),
    );
    check(&good, Some(other.doc()), "Checksum");
    check(&good.replace("delta ", "whole "), previous, "Header");
    check(&good.replace("alice", "carol"), previous, "Checksum");
    check(&good.replace("web:2", "web:3"), previous, "Checksum");
    check(&good.replace("drift/1.0", "drift/1.1"), previous, "Checksum");
    check(&format!("{}{}{}", &good[..33], r#"{"body":{"applied":"#, "[".repeat(100_000)), previous, "Json");
}

#[test]
fn a_newer_minor_is_read_and_not_known_well_enough_to_write_back() {
    let (event, _) = samples().swap_remove(0);
    let bytes = String::from_utf8(wire::encode(&event, None)).unwrap();
    let json = bytes[33..].replacen('{', r#"{"new_in_1_4":[1],"#, 1);
    let sum = blake3::Hasher::new()
        .update(event.id.as_bytes())
        .update(b"1.4 whole\n")
        .update(json.as_bytes())
        .finalize();
    let newer = format!("drift/1.4 whole {} {json}", &sum.to_hex()[..16]);
    assert_eq!(wire::decode(newer.as_bytes(), None).unwrap(), event);
    assert!(!wire::version(newer.as_bytes()).unwrap().is_known());
    assert!(wire::version(bytes.as_bytes()).unwrap().is_known());
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..4i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
        ".{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("[a-d]{0,2}", inner, 0..6)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// A value and one that is a few edits away.
fn pairs() -> impl Strategy<Value = (Value, Value)> {
    let edits = prop::collection::vec((any::<u64>(), 0..5u8, values()), 0..5);
    (values(), edits).prop_map(|(a, edits)| {
        let mut b = a.clone();
        edits.into_iter().for_each(|(place, what, value)| edit(&mut b, place, what, value));
        (a, b)
    })
}

fn edit(v: &mut Value, place: u64, what: u8, new: Value) {
    let pick = |n: usize| (place % n as u64) as usize;
    match v {
        Value::Array(list) if !list.is_empty() => {
            let (i, n) = (pick(list.len()), list.len());
            match what {
                0 => list.insert(i, new),
                1 => drop(list.remove(i)),
                2 => list.swap(i, (place / 7) as usize % n),
                _ => edit(&mut list[i], place / 7, what, new),
            }
        }
        Value::Object(map) if !map.is_empty() => {
            let key = map.keys().nth(pick(map.len())).unwrap().clone();
            match what {
                0 => drop(map.insert("new".into(), new)),
                1 => drop(map.remove(&key)),
                _ => edit(map.get_mut(&key).unwrap(), place / 7, what, new),
            }
        }
        other => *other = new,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_delta_makes_the_next_of_the_previous((a, b) in prop_oneof![pairs(), (values(), values())]) {
        let (a, b) = (doc(&a), doc(&b));
        let delta = Delta::between(&a, &b).unwrap();
        prop_assert_eq!(delta.is_empty(), a == b);
        let read: Delta = serde_json::from_str(&serde_json::to_string(&delta).unwrap()).unwrap();
        prop_assert_eq!(read.apply(&a).unwrap(), b);
    }

    #[test]
    fn a_delta_to_another_document_never_panics((a, b) in pairs(), c in values()) {
        let delta = Delta::between(&doc(&a), &doc(&b)).unwrap();
        let _ = delta.apply(&doc(&c));
    }

    #[test]
    fn what_is_encoded_is_decoded((a, b) in pairs(), revision in 1..u64::MAX / 2, live in any::<bool>()) {
        let (a, b) = (pod(a), pod(b));
        let facet = if live { Facet::Live } else { Facet::Desired(Authority::Manifests("git".into())) };
        let event = placed(StreamId::Resource(facet, key()), revision, EventBody::Applied(b));
        let delta = wire::encode(&event, Some(a.doc()));
        let whole = wire::encode(&event, None);
        prop_assert!(delta.len() <= whole.len());
        prop_assert_eq!(&wire::decode(&delta, Some(a.doc())).unwrap(), &event);
        prop_assert_eq!(&wire::decode(&whole, None).unwrap(), &event);
    }

    #[test]
    fn a_flipped_byte_is_noticed(which in 0..10usize, at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let (event, previous) = samples().swap_remove(which);
        let mut bytes = wire::encode(&event, previous.as_ref());
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(wire::decode(&bytes, previous.as_ref()).is_err(), "byte {}: {}", at, String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn hostile_bytes_never_panic(json in ".{0,200}", keep in 0..400usize) {
        let _ = wire::decode(json.as_bytes(), None);
        let _ = wire::decode(format!("drift/1.0 delta 0 {json}").as_bytes(), None);
        let (event, previous) = samples().swap_remove(1);
        let bytes = wire::encode(&event, previous.as_ref());
        let _ = wire::decode(&bytes[..keep.min(bytes.len())], previous.as_ref());
    }
}
