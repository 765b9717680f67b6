//! Laws of fingerprints and of the questions that they answer.

use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cause::CauseIndex;
use crate::event::{EventId, LogPosition};
use crate::key::ResourceKey;
use crate::object::{Doc, Object};
use crate::replay::State;
use crate::schema::SchemaSet;
use crate::stream::Position;

use super::change::change_of;
use super::fingerprint::fingerprint;
use super::*;

const KINDS: [(&str, &str); 5] = [
    ("v1", "Node"),
    ("v1", "ConfigMap"),
    ("apps/v1", "Deployment"),
    ("argoproj.io/v1alpha1", "Application"),
    ("source.toolkit.fluxcd.io/v1", "GitRepository"),
];

/// Fields that a version may have, each with two values: some count, some are the server's, some are status.
fn fields() -> Vec<(&'static [&'static str], [Value; 2])> {
    let condition = |status: &str| json!([{"type": "Ready", "status": status, "lastHeartbeatTime": "t"}]);
    vec![
        (&["metadata", "labels"], [json!({"app": "a"}), json!({"app": "b"})]),
        (
            &["metadata", "annotations"],
            [json!({"note": "a"}), json!({"deployment.kubernetes.io/revision": "2"})],
        ),
        (&["metadata", "finalizers"], [json!(["a"]), json!(["b"])]),
        (&["metadata", "ownerReferences"], [json!([{"uid": "a"}]), json!([{"uid": "b"}])]),
        (&["metadata", "deletionTimestamp"], [json!("2026-03-01T10:00:00Z"), json!("2026-03-01T11:00:00Z")]),
        (&["metadata", "uid"], [json!("a"), json!("b")]),
        (&["metadata", "generation"], [json!(1), json!(2)]),
        (&["metadata", "resourceVersion"], [json!("1"), json!("2")]),
        (&["metadata", "managedFields"], [json!([{"manager": "a"}]), json!([{"manager": "b"}])]),
        (&["spec"], [json!({"replicas": 1}), json!({"replicas": 2})]),
        (&["data"], [json!({"k": "1"}), json!({"k": "2"})]),
        (&["operation"], [json!({"sync": {}}), json!({"retry": {}})]),
        (&["status", "phase"], [json!("Running"), json!("Failed")]),
        (&["status", "conditions"], [condition("True"), condition("False")]),
        (&["status", "allocatable"], [json!({"cpu": "1"}), json!({"cpu": "2"})]),
        (&["status", "artifact"], [json!({"revision": "main@1"}), json!({"revision": "main@2"})]),
    ]
}

/// Makes an object of a kind with some of the fields: for each none or one of its two values.
fn object((api_version, kind): (&str, &str), choices: &[Option<usize>]) -> Arc<Object> {
    let mut value = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}});
    for ((path, values), choice) in fields().into_iter().zip(choices) {
        let mut at = &mut value;
        for name in path {
            at = &mut at[*name];
        }
        if let Some(choice) = choice {
            *at = values[*choice].clone();
        }
    }
    Arc::new(Object::new(Doc::from_value(&value).unwrap()).unwrap())
}

/// Two versions of one object that differ in up to three fields.
fn pairs() -> impl Strategy<Value = (ResourceKey, Arc<Object>, Arc<Object>)> {
    let count = fields().len();
    let choice = || prop::option::of(0..2usize);
    let edits = prop::collection::vec((0..count, choice()), 0..4);
    (prop::sample::select(&KINDS[..]), prop::collection::vec(choice(), count), edits).prop_map(
        |(kind, choices, edits)| {
            let mut edited = choices.clone();
            edits.into_iter().for_each(|(n, choice)| edited[n] = choice);
            let (before, after) = (object(kind, &choices), object(kind, &edited));
            (before.key(), before, after)
        },
    )
}

fn recorded(object: &Arc<Object>) -> RecordedVersion {
    RecordedVersion {
        id: EventId::from_bytes([0; 32]),
        at: LogPosition { position: Position::START, time: Timestamp::UNIX_EPOCH },
        occurred_at: Timestamp::UNIX_EPOCH,
        version: object.resource_version(),
        object: Some(Arc::clone(object)),
        last: None,
        user: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Versions of equal fingerprints are not even decompressed: whatever counts as a change must be in the fingerprint.
    #[test]
    fn a_change_between_two_versions_changes_the_fingerprint((key, before, after) in pairs()) {
        let (old, new) = (fingerprint(&key, &before), fingerprint(&key, &after));
        let history = History::default();
        let change = change_of(&history, &key, Some(&before), &recorded(&after), &SchemaSet::bundled());
        if let Some(change) = change {
            prop_assert_ne!(old.spec_hash, new.spec_hash, "{:?}", change);
        }
        if differs_beyond_status(&before, &after) {
            prop_assert_ne!(old.spec_hash, new.spec_hash);
        }
    }

    #[test]
    fn what_differs_beyond_status_is_what_people_and_tools_write((_, before, after) in pairs()) {
        let written = crate::blame::changes(&before, &after, None);
        let beyond = written.iter().any(|c| !c.path.starts_with_fields(&["status"]));
        prop_assert!(!beyond || differs_beyond_status(&before, &after), "{:?}", written);
    }
}

#[test]
fn a_status_write_is_seen_by_managed_fields() {
    let check = |entries: Value, expect: bool| {
        let value =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "managedFields": entries}});
        let object = Object::new(Doc::from_value(&value).unwrap()).unwrap();
        assert_eq!(is_status_write(&object), expect, "{entries}");
    };
    let (early, late) = ("2026-03-01T10:00:00Z", "2026-03-01T10:00:01Z");
    let status = |time: &str| json!({"subresource": "status", "time": time});
    check(json!([{"time": early}, status(late)]), true);
    check(json!([{"time": late}, status(early)]), false);
    check(json!([{"time": late}, status(late)]), false);
    check(json!([{"subresource": "scale"}, status(late)]), false);
    check(json!([]), false);
}

#[test]
fn histories_cross_threads() {
    fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<History>();
    is_send_sync::<VersionStore>();
    is_send_sync::<Version>();
    is_send_sync::<RecordedVersion>();
    is_send_sync::<KubernetesEvent>();
    is_send_sync::<Change>();
    is_send_sync::<Moment>();
    is_send_sync::<State>();
    is_send_sync::<CauseIndex>();
}
