//! Changes of a resource: what somebody changed from one version to the next.

use std::sync::Arc;

use serde_json::Value;

use crate::diff::{FieldChange, diff};
use crate::event::EventId;
use crate::k8s::annotations::{BookkeepingKind, bookkeeping_at};
use crate::k8s::status::node_readiness;
use crate::key::{ResourceKey, ResourceVersion};
use crate::object::Object;
use crate::ownership::ManagedFields;
use crate::path::{FieldPath, PathElement};
use crate::schema::SchemaSet;

use super::spec_difference::differs_beyond_status;
use super::status_facts::{node_state, source_revision};
use super::version::{Moment, RecordedVersion};
use super::view::History;

/// What was done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceOp {
    /// It was created.
    Create,
    /// Some of its fields changed.
    Update,
    /// It was deleted.
    Delete,
}

impl ResourceOp {
    /// Returns its name in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A change of a resource that somebody or something made.
#[derive(Clone, Debug)]
pub struct Change {
    /// The event that recorded it.
    pub id: EventId,
    /// The resource.
    pub key: ResourceKey,
    /// Whether it was created, updated or deleted.
    pub op: ResourceOp,
    /// When it came to be.
    pub mark: Moment,
    /// Fields that changed, without status; empty for a creation or a deletion.
    pub fields: Vec<FieldChange>,
    /// Field manager that wrote it, by managedFields.
    pub manager: Option<Arc<str>>,
    /// User, where a source named one.
    pub user: Option<Arc<str>>,
    /// The object before; `None` for a creation.
    pub before: Option<Arc<Object>>,
    /// The object after; `None` for a deletion.
    pub after: Option<Arc<Object>>,
}

impl Change {
    /// Returns the resourceVersion after it, of a deletion its own.
    pub fn version(&self) -> Option<&ResourceVersion> {
        self.mark.version.as_ref()
    }

    /// Returns the paths of the fields that changed, as people name them: in an atomic map the keys that differ, and of a
    /// list element whose key changed the key.
    pub fn paths(&self) -> Vec<FieldPath> {
        let mut out = Vec::new();
        for field in &self.fields {
            match (&field.before, &field.after) {
                (Some(Value::Object(b)), Some(Value::Object(a))) => inner(&field.path, b, a, &mut out),
                (Some(Value::Object(b)), None) if self.renamed(field, b, &mut out) => {}
                (None, Some(Value::Object(a))) if self.is_rename(field, a) => {}
                _ => out.push(field.path.clone()),
            }
        }
        out.sort();
        out.dedup();
        out
    }

    /// Returns `true` if an added list element takes the place of a removed one: it has the name of one in the same list.
    fn is_rename(&self, added: &FieldChange, after: &serde_json::Map<String, Value>) -> bool {
        let name = after.get("name").filter(|n| n.is_string());
        let list = added.path.parent();
        let is_it = |f: &FieldChange| {
            f.after.is_none()
                && f.path.parent() == list
                && f.before.as_ref().and_then(|b| b.get("name")) == name
        };
        name.is_some() && list.is_some() && self.fields.iter().any(is_it)
    }

    /// Names the fields in which a removed list element differs from the one that took its place, by its name.
    fn renamed(
        &self,
        removed: &FieldChange,
        before: &serde_json::Map<String, Value>,
        out: &mut Vec<FieldPath>,
    ) -> bool {
        let (Some(Value::String(name)), Some(list)) = (before.get("name"), removed.path.parent()) else {
            return false;
        };
        let is_it = |f: &&FieldChange| {
            f.before.is_none()
                && f.path.parent().as_ref() == Some(&list)
                && f.after.as_ref().and_then(|a| a.get("name")).and_then(Value::as_str) == Some(name)
        };
        let Some(Value::Object(after)) = self.fields.iter().find(is_it).and_then(|f| f.after.as_ref()) else {
            return false;
        };
        let mut at = list;
        at.push(PathElement::key([("name", crate::path::Scalar::Str(name.as_str().into()))]));
        inner(&at, before, after, out);
        true
    }

    /// Returns the object that it concerns, after or before.
    pub fn object(&self) -> Option<&Arc<Object>> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// Returns the changes of a resource in order; a version that differs in status alone is not a change.
pub fn changes_of(history: &History, key: &ResourceKey, schemas: &SchemaSet) -> Vec<Change> {
    let changes = history.spec_changes(key);
    changes
        .filter_map(|(before, version)| change_of(history, key, before.as_ref(), &version, schemas))
        .collect()
}

/// Returns the change that made a version of the one before it, if there is one.
pub(super) fn change_of(
    history: &History,
    key: &ResourceKey,
    before: Option<&Arc<Object>>,
    version: &RecordedVersion,
    schemas: &SchemaSet,
) -> Option<Change> {
    let make = |op, fields, manager| Change {
        id: version.id,
        key: key.clone(),
        op,
        mark: version.mark(),
        fields,
        manager,
        user: version.user.clone(),
        before: before.cloned().or_else(|| version.last.clone()),
        after: version.object.clone(),
    };
    let Some(after) = &version.object else {
        let is_marked = before.is_some_and(|b| b.root().at(&["metadata", "deletionTimestamp"]).is_some());
        return (!is_marked).then(|| make(ResourceOp::Delete, Vec::new(), None));
    };
    match before.filter(|b| b.uid() == after.uid()) {
        None if was_there(history, before, after) => None,
        None => Some(make(ResourceOp::Create, Vec::new(), creator(after))),
        Some(before) if !may_differ(key, before, after) => None,
        Some(before) => {
            let fields = spec_fields(key, before, after, schemas);
            // Links to other objects come and go with those: alone they change nothing that anybody runs.
            if fields.iter().all(|c| is_link(&c.path)) {
                return None;
            }
            // With finalizers or a grace period somebody deletes by setting the mark; the object goes later by itself.
            let act = FieldPath::of(&["metadata", "deletionTimestamp"]);
            if fields.iter().any(|c| c.path == act && c.before.is_none()) {
                return Some(make(ResourceOp::Delete, Vec::new(), None));
            }
            let manager = writer(before, after, &fields);
            Some(make(ResourceOp::Update, fields, manager))
        }
    }
}

/// Returns `true` if an object that is seen for the first time was there before the log began.
fn was_there(history: &History, before: Option<&Arc<Object>>, after: &Object) -> bool {
    let created = after.root().str_at(&["metadata", "creationTimestamp"]).and_then(|t| t.parse().ok());
    let created: Option<jiff::Timestamp> = created;
    before.is_none()
        && created.zip(history.start()).is_none_or(|(c, start)| c.as_second() < start.as_second())
}

/// Returns `false` if a diff would find no change; most versions differ in status alone.
fn may_differ(key: &ResourceKey, before: &Object, after: &Object) -> bool {
    differs_beyond_status(before, after)
        || source_revision(key, before) != source_revision(key, after)
        || (&*key.kind == "Node" && node_state(before) != node_state(after))
}

/// Returns `true` for the finalizers and owner references of an object.
fn is_link(path: &FieldPath) -> bool {
    ["finalizers", "ownerReferences"].iter().any(|f| path.starts_with_fields(&["metadata", f]))
}

fn spec_fields(key: &ResourceKey, before: &Object, after: &Object, schemas: &SchemaSet) -> Vec<FieldChange> {
    let schema = schemas.kind(after.group(), after.version(), after.kind());
    let found = diff(before.doc(), after.doc(), schema.map(|s| s.root()));
    let mut fields: Vec<_> = found.changes().iter().filter(|c| !is_own_business(&c.path)).cloned().collect();
    if &*key.kind == "Node" && node_state(before) != node_state(after) {
        fields.push(FieldChange {
            path: FieldPath::of(&["status"]),
            before: Some(Value::from(node_readiness(before.root()))),
            after: Some(Value::from(node_readiness(after.root()))),
        });
    }
    let (old, new) = (source_revision(key, before), source_revision(key, after));
    if old != new {
        let value = |r: Option<&str>| r.map(Value::from);
        let path = FieldPath::of(&["status", "artifact", "revision"]);
        fields.push(FieldChange { path, before: value(old), after: value(new) });
    }
    fields
}

/// Returns `true` for fields that the server or a controller keeps for itself: status, bookkeeping.
fn is_own_business(path: &FieldPath) -> bool {
    let under = |fields: &[&str]| path.starts_with_fields(fields);
    under(&["status"])
        || under(&["operation"])
        || ["managedFields", "resourceVersion", "generation", "selfLink", "uid", "creationTimestamp"]
            .iter()
            .any(|f| under(&["metadata", f]))
        || bookkeeping_at(path) == Some(BookkeepingKind::Record)
}

fn creator(object: &Object) -> Option<Arc<str>> {
    let managed = ManagedFields::of(object);
    let first = managed.entries().iter().min_by_key(|e| (!e.subresource.is_empty(), e.time));
    first.map(|e| Arc::clone(&e.manager))
}

/// Returns who wrote a version: of the entries that are not as they were one that owns a changed field, then the newest; who only
/// removed is the one who left a mark.
fn writer(before: &Object, after: &Object, fields: &[FieldChange]) -> Option<Arc<str>> {
    let (old, new) = (ManagedFields::of(before), ManagedFields::of(after));
    // What is gone has no owner: whoever owns the rest of a map that it was in only lost it.
    let owns = |e: &crate::ownership::ManagedFieldsEntry| {
        fields.iter().any(|c| c.after.is_some() && e.fields.touches(&c.path))
    };
    if fields.iter().all(|c| c.after.is_none()) {
        return new.only_writer_since(&old).map(|e| Arc::clone(&e.manager));
    }
    let moved: Vec<_> = new.written_since(&old).collect();
    // An entry of `scale` carries no time; a new one is newer than any. Status is written by others meanwhile.
    let newest = |e: &&crate::ownership::ManagedFieldsEntry| {
        (owns(e), &*e.subresource != "status", e.time.is_none(), e.time)
    };
    if let Some(e) = moved.iter().copied().max_by_key(newest) {
        return Some(Arc::clone(&e.manager));
    }
    // A second write of a manager within one second leaves no mark: then it is the newest owner of the field.
    let owners = new.entries().iter().filter(|e| owns(e));
    owners.max_by_key(|e| e.time).map(|e| Arc::clone(&e.manager))
}

/// Puts in the paths of the keys in which two maps differ.
fn inner(
    path: &FieldPath,
    before: &serde_json::Map<String, Value>,
    after: &serde_json::Map<String, Value>,
    out: &mut Vec<FieldPath>,
) {
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let at = path.child(key.as_str());
        match (before.get(key), after.get(key)) {
            (Some(Value::Object(b)), Some(Value::Object(a))) => inner(&at, b, a, out),
            (b, a) if b != a => out.push(at),
            _ => {}
        }
    }
}

/// Writes a path as plain field names with dots, without the keys of lists: what the tables know fields by.
pub fn plain_path(path: &FieldPath) -> String {
    let names = path.elements().iter().filter_map(|e| match e {
        PathElement::Field(name) => Some(&**name),
        _ => None,
    });
    names.collect::<Vec<_>>().join(".")
}
