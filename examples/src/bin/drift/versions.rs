//! The versions of a resource as its stream holds them: what changed from one to the next, and who did it.

use std::collections::HashMap;
use std::sync::Arc;

use drift_core::drift::Owner;
use drift_core::schema::SchemaSet;
use drift_core::{
    Event, EventBody, FieldChange, FieldPath, ManagedFields, ManagedFieldsEntry, Node, Object, StreamId, diff,
};

use drift_sinks::report::{RecordedVersion, TransitionV1, VersionStep};

use crate::transitions;

/// One event of a resource with what it means.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// What it did.
    pub(crate) step: VersionStep,
    /// Fields that changed, without what the server keeps for itself (resourceVersion, managedFields and the like).
    pub(crate) changes: Vec<FieldChange>,
    /// Who did it, by `managedFields`; of several the one that wrote last.
    pub(crate) owner: Option<Owner>,
    /// The object before and after.
    pub(crate) before: Option<Arc<Object>>,
    pub(crate) after: Option<Arc<Object>>,
}

impl Version {
    /// Returns `true` if nothing but status changed, or nothing that people write at all.
    pub(crate) fn is_status_only(&self) -> bool {
        // A controller that reports status may leave an annotation beside it, as Deployments have their revision.
        let reported = self.owner.as_ref().is_some_and(|o| &*o.subresource == "status");
        self.step == VersionStep::Changed
            && (reported || self.changes.iter().all(|c| c.path.starts_with_fields(&["status"])))
    }
}

impl Version {
    /// Returns the version as reports take it.
    pub(crate) fn recorded<'a>(
        &'a self,
        event: &'a Event,
        transitions: &'a [TransitionV1],
    ) -> RecordedVersion<'a> {
        RecordedVersion {
            event,
            step: self.step,
            changes: &self.changes,
            owner: self.owner.as_ref(),
            before: self.before.as_ref(),
            after: self.after.as_ref(),
            transitions,
        }
    }

    /// Returns the changes of state that an engine reports, if this is a version of one of its objects.
    pub(crate) fn transitions(&self, event: &Event) -> Vec<TransitionV1> {
        transitions::between(self.before.as_deref(), self.after.as_deref(), event.at())
    }

    /// Returns `true` if an engine reports any.
    pub(crate) fn has_transitions(&self) -> bool {
        let both = self.before.as_ref().zip(self.after.as_ref());
        both.is_some_and(|(a, b)| !drift_sources::gitops::transitions(a, b).is_empty())
    }
}

/// Follows streams and says of each event what it means. Events are to come in order.
pub(crate) struct Follower<'a> {
    schemas: &'a SchemaSet,
    last: HashMap<StreamId, Option<Arc<Object>>>,
}

impl<'a> Follower<'a> {
    /// Follows from the beginning.
    pub(crate) fn new(schemas: &'a SchemaSet) -> Self {
        Self { schemas, last: HashMap::new() }
    }

    /// Takes the next event; `None` for events that are no version of a resource.
    pub(crate) fn next(&mut self, event: &Event) -> Option<Version> {
        let before = self.last.get(&event.stream).cloned().flatten();
        let version = match &event.body {
            EventBody::Applied(object) => self.applied(event, before, object),
            EventBody::Deleted(last) => Version {
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

    fn applied(&self, event: &Event, before: Option<Arc<Object>>, object: &Arc<Object>) -> Version {
        // Another uid is another object: it was deleted and made again while nobody looked.
        let before = before.filter(|b| b.uid() == object.uid());
        let (step, changes, owner) = match &before {
            None if is_new(event, object) => (VersionStep::Created, Vec::new(), creator(object)),
            None => (VersionStep::Seen, Vec::new(), None),
            Some(before) => (VersionStep::Changed, self.changes(before, object), writer(before, object)),
        };
        Version { step, changes, owner, before, after: Some(Arc::clone(object)) }
    }

    fn changes(&self, before: &Object, after: &Object) -> Vec<FieldChange> {
        let schema = self.schemas.kind(after.group(), after.version(), after.kind());
        let found = diff(before.doc(), after.doc(), schema.map(|s| s.root()));
        found.without(&server_fields()).changes().to_vec()
    }
}

/// Fields of `metadata` that the server keeps, and that say nothing besides that something was written.
fn server_fields() -> [FieldPath; 4] {
    ["managedFields", "resourceVersion", "generation", "selfLink"].map(|f| FieldPath::of(&["metadata", f]))
}

/// Returns `true` if an object was made just before it was seen; the clocks of server and observer may differ a little.
fn is_new(event: &Event, object: &Object) -> bool {
    const SLACK: i64 = 5;
    let created = object.root().str_at(&["metadata", "creationTimestamp"]).and_then(|t| t.parse().ok());
    created.is_some_and(|c: jiff::Timestamp| event.observed_at.as_second() - c.as_second() <= SLACK)
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

/// Returns who wrote a version: of the entries that are not as they were the newest.
///
/// A write that changes no field of anybody's set (a value alone) still moves the time of its entry, unless that was
/// in the same second; then nobody can tell from the object alone.
fn writer(before: &Object, after: &Object) -> Option<Owner> {
    let (old, new) = (ManagedFields::of(before), ManagedFields::of(after));
    let moved = new.entries().iter().filter(|e| !old.entries().contains(e));
    // Entries of `scale` carry no time; a new one is newer than any.
    let newest = moved.max_by_key(|e| (e.time.is_none(), e.time));
    newest.map(owner)
}

/// Returns `true` if a controller made the object for another one.
pub(crate) fn is_controlled(object: &Object) -> bool {
    let owners = object.root().at(&["metadata", "ownerReferences"]);
    let mut owners = owners.into_iter().flat_map(Node::children);
    owners.any(|o| o.get("controller").and_then(Node::as_bool) == Some(true))
}
