//! What recorded events did to their resources: what changed from one version to the next, and who did it.
//!
//! **Invariant:** compares versions, and judges nothing: an event is a step from one version to the next, whoever declared it.

mod removal;
mod transition;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::diff::{FieldChange, diff};
use crate::drift::Owner;
use crate::event::{Event, EventBody};
use crate::object::{Node, Object};
use crate::ownership::{ManagedFields, ManagedFieldsEntry};
use crate::path::FieldPath;
use crate::schema::SchemaSet;
use crate::stream::StreamId;

pub(crate) use removal::remover;
pub use removal::{FieldRemoval, ObjectDeletion, find_deletion, find_removal};
pub use transition::Transition;

/// Clocks of server and observer may differ, and what the server writes down has whole seconds.
const CLOCK_SLACK: i64 = 5;

/// What an event did to its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionStep {
    /// It was there already when it was first looked at.
    Seen,
    /// It was created.
    Created,
    /// Some of its fields changed.
    Changed,
    /// It was deleted.
    Deleted,
}

impl VersionStep {
    /// Returns the word that reports use: `seen`, `created`, `changed`, `deleted`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
        }
    }
}

/// One version of a resource, with what led to it from the one before.
#[derive(Clone, Debug)]
pub struct VersionChange {
    /// What the event did.
    pub step: VersionStep,
    /// Fields that changed, without those that the server sets on every write (resourceVersion, managedFields and the like).
    pub changes: Vec<FieldChange>,
    /// Who did it, by `managedFields`; of several the one that wrote last.
    pub owner: Option<Owner>,
    /// The object before.
    pub before: Option<Arc<Object>>,
    /// The object after; `None` where it was deleted.
    pub after: Option<Arc<Object>>,
}

impl VersionChange {
    /// Returns `true` if nothing but status changed, or nothing that people write at all.
    pub fn is_status_only(&self) -> bool {
        // A controller that reports status may leave an annotation beside it, as Deployments have their revision.
        let is_report = self.owner.as_ref().is_some_and(|o| &*o.subresource == "status");
        self.step == VersionStep::Changed
            && (is_report || self.changes.iter().all(|c| c.path.starts_with_fields(&["status"])))
    }
}

/// Follows streams of events and returns for each what it did to its resource.
///
/// Events are given in order of position; streams may alternate.
///
/// # Example
/// ```
/// use std::sync::Arc;
///
/// use drift_core::schema::SchemaSet;
/// use drift_core::timeline::{VersionFollower, VersionStep};
/// use drift_core::{Event, EventBody, NewEvent, Object, Origin, Position, Revision, StreamId};
/// # use drift_core::ResourceKey;
///
/// let config = |json: &str| Arc::new(Object::from_json(json.as_bytes()).unwrap());
/// let event = |object: &Arc<Object>, n: u64| {
///     let stream = StreamId::live(object.key());
///     let body = EventBody::Applied(Arc::clone(object));
///     let observed_at = "2026-11-21T10:00:00Z".parse().unwrap();
///     let new = NewEvent { uid: None, origin: Origin::default(), observed_at, occurred_at: None, body };
///     new.at(stream, Revision::new(n).unwrap(), Position::new(n))
/// };
/// let before = config(r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n"},"data":{"k":"1"}}"#);
/// let after = config(r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n"},"data":{"k":"2"}}"#);
///
/// let schemas = SchemaSet::bundled();
/// let mut follower = VersionFollower::new(&schemas);
/// assert_eq!(follower.next(&event(&before, 1)).unwrap().step, VersionStep::Seen);
/// let change = follower.next(&event(&after, 2)).unwrap();
/// assert_eq!(change.step, VersionStep::Changed);
/// assert_eq!(change.changes[0].path.to_string(), ".data.k");
/// ```
#[derive(Debug)]
pub struct VersionFollower<'a> {
    schemas: &'a SchemaSet,
    last: HashMap<StreamId, Option<Arc<Object>>>,
}

impl<'a> VersionFollower<'a> {
    /// Follows from the beginning; lists are compared by the keys that the schemas name.
    pub fn new(schemas: &'a SchemaSet) -> Self {
        Self { schemas, last: HashMap::new() }
    }

    /// Takes the next event; `None` for an event that is not a version of a resource, such as a gap.
    pub fn next(&mut self, event: &Event) -> Option<VersionChange> {
        let before = self.last.get(&event.stream).cloned().flatten();
        let version = match &event.body {
            EventBody::Applied(object) => self.applied(event, before, object),
            EventBody::Deleted(last) => VersionChange {
                step: VersionStep::Deleted,
                changes: Vec::new(),
                owner: None,
                before: before.or_else(|| last.clone()),
                after: None,
            },
            _ => return None,
        };
        self.last.insert(event.stream.clone(), version.after.clone());
        Some(version)
    }

    fn applied(&self, event: &Event, before: Option<Arc<Object>>, object: &Arc<Object>) -> VersionChange {
        // Another uid is another object: it was deleted and made again while nobody looked.
        let before = before.filter(|b| b.uid() == object.uid());
        let (step, changes, owner) = match &before {
            None if is_new(event, object) => (VersionStep::Created, Vec::new(), creator(object)),
            None => (VersionStep::Seen, Vec::new(), None),
            Some(before) => {
                let changes = self.changes(before, object);
                let owner = last_writer(before, object, &changes);
                (VersionStep::Changed, changes, owner)
            }
        };
        VersionChange { step, changes, owner, before, after: Some(Arc::clone(object)) }
    }

    fn changes(&self, before: &Object, after: &Object) -> Vec<FieldChange> {
        let schema = self.schemas.kind(after.group(), after.version(), after.kind());
        let found = diff(before.doc(), after.doc(), schema.map(|s| s.root()));
        found.without(&server_fields()).changes().to_vec()
    }
}

/// Fields of `metadata` that the server sets on every write, and that say nothing but that there was one.
fn server_fields() -> [FieldPath; 4] {
    ["managedFields", "resourceVersion", "generation", "selfLink"].map(|f| FieldPath::of(&["metadata", f]))
}

/// Returns `true` if an object was made just before it was seen.
fn is_new(event: &Event, object: &Object) -> bool {
    let created = object.root().str_at(&["metadata", "creationTimestamp"]).and_then(|t| t.parse().ok());
    created.is_some_and(|c: Timestamp| event.observed_at.as_second() - c.as_second() <= CLOCK_SLACK)
}

fn owner(entry: &ManagedFieldsEntry) -> Owner {
    Owner {
        manager: Arc::clone(&entry.manager),
        operation: entry.operation,
        subresource: Arc::clone(&entry.subresource),
        time: entry.time,
    }
}

/// Returns who made an object: the oldest entry, of equally old ones the first.
fn creator(object: &Object) -> Option<Owner> {
    ManagedFields::of(object).entries().iter().min_by_key(|e| (!e.subresource.is_empty(), e.time)).map(owner)
}

/// Returns who wrote a version: of those who wrote since the one before the newest; `None` where nobody left a mark.
///
/// A write that changes no field of anybody's set (a value alone) still changes the time of its entry, unless that was in the
/// same second: then it is the newest owner of what changed. Nobody owns what was removed.
fn last_writer(before: &Object, after: &Object, changes: &[FieldChange]) -> Option<Owner> {
    let (old, new) = (ManagedFields::of(before), ManagedFields::of(after));
    let changed = new.written_since(&old);
    // Between two versions that a listing showed, a controller may have reported what somebody else did.
    let beyond_status = changes.iter().any(|c| !c.path.starts_with_fields(&["status"]));
    // Entries of `scale` carry no time; a new one is newer than any.
    let newest =
        |e: &&ManagedFieldsEntry| (beyond_status && &*e.subresource != "status", e.time.is_none(), e.time);
    // What is gone has no owner: whoever owns the rest of a map that it was in only lost it.
    let owns =
        |e: &&ManagedFieldsEntry| changes.iter().any(|c| c.after.is_some() && e.fields.touches(&c.path));
    changed.max_by_key(newest).or_else(|| new.entries().iter().filter(owns).max_by_key(newest)).map(owner)
}

/// Returns `true` if a controller made the object for another one.
pub fn is_controlled(object: &Object) -> bool {
    let owners = object.root().at(&["metadata", "ownerReferences"]);
    let mut owners = owners.into_iter().flat_map(Node::children);
    owners.any(|o| o.get("controller").and_then(Node::as_bool) == Some(true))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::{NewEvent, Origin};
    use crate::object::Doc;
    use crate::stream::{Position, Revision};

    fn config(value: &str, entries: &[(&str, &str)]) -> Arc<Object> {
        let entry = |(manager, time): &(&str, &str)| json!({"manager":manager,"operation":"Update","time":time,"fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:k":{}}}});
        let managed: Vec<Value> = entries.iter().map(entry).collect();
        let object = json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n","managedFields":managed},
            "data":{"k":value}});
        Arc::new(Object::new(Doc::from_value(&object).unwrap()).unwrap())
    }

    #[test]
    fn a_second_write_within_one_second_is_of_the_newest_owner_of_what_changed() {
        let at = "2026-11-21T10:00:05Z";
        let versions = [
            config("1", &[("helm", "2026-11-21T09:00:00Z")]),
            config("2", &[("kubectl-patch", at)]),
            // The same manager in the same second: managedFields are as they were.
            config("3", &[("kubectl-patch", at)]),
            // An owner that shares the field and wrote before.
            config("4", &[("helm", "2026-11-21T09:00:00Z"), ("kubectl-patch", at)]),
            config("5", &[("helm", "2026-11-21T09:00:00Z"), ("kubectl-patch", at)]),
        ];
        let schemas = SchemaSet::bundled();
        let mut follower = VersionFollower::new(&schemas);
        let writers = (1..).zip(&versions).map(|(n, object)| {
            let body = EventBody::Applied(Arc::clone(object));
            let new = NewEvent {
                uid: None,
                origin: Origin::default(),
                observed_at: at.parse().unwrap(),
                occurred_at: None,
                body,
            };
            let event = new.at(StreamId::live(object.key()), Revision::new(n).unwrap(), Position::new(n));
            follower.next(&event).unwrap().owner.map(|o| o.manager.to_string())
        });
        let writers: Vec<_> = writers.skip(1).map(Option::unwrap_or_default).collect();
        assert_eq!(writers, ["kubectl-patch", "kubectl-patch", "helm", "kubectl-patch"]);
    }

    #[test]
    fn who_lost_a_field_has_not_removed_it() {
        let object = |data: Value, fields: Value, time: &str| {
            let entry = json!({"manager":"kubectl-client-side-apply","operation":"Update","time":time,"fieldsType":"FieldsV1","fieldsV1":{"f:data":fields}});
            let object = json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n","managedFields":[entry]},"data":data});
            Object::new(Doc::from_value(&object).unwrap()).unwrap()
        };
        let (early, late) = ("2026-11-21T10:00:05Z", "2026-11-21T10:00:09Z");
        let before = object(json!({"k":"1","l":"1"}), json!({"f:k":{},"f:l":{}}), early);
        let schemas = SchemaSet::bundled();
        let wrote = |after: &Object| {
            let changes = VersionFollower::new(&schemas).changes(&before, after);
            last_writer(&before, after, &changes).map(|o| o.manager.to_string())
        };
        // Somebody patched the key away: its owner lost it, and is as old as it was.
        assert_eq!(wrote(&object(json!({"k":"1"}), json!({"f:k":{}}), early)), None);
        // The owner itself took it away.
        assert_eq!(
            wrote(&object(json!({"k":"1"}), json!({"f:k":{}}), late)).as_deref(),
            Some("kubectl-client-side-apply")
        );
    }
}
