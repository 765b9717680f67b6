//! The versions of a resource, and who wrote what between two of them.

use std::sync::Arc;

use jiff::Timestamp;

use crate::diff::{FieldChange, diff};
use crate::drift::Owner;
use crate::event::{Event, EventBody};
use crate::object::{Node, Object};
use crate::ownership::{ManagedFields, ManagedFieldsEntry};
use crate::path::FieldPath;
use crate::schema::TypeRef;

/// Clocks of server and observer may differ, and what the server writes down has whole seconds.
const SLACK: i64 = 5;

/// Fields of `metadata` that somebody writes; the others are the server's.
const METADATA: [&str; 4] = ["annotations", "finalizers", "labels", "ownerReferences"];

/// One recorded version of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// When it was.
    pub at: Timestamp,
    /// The object; `None` where it was deleted.
    pub object: Option<Arc<Object>>,
}

impl Version {
    /// Takes the versions of a resource from the events of its stream, in order.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for event in events {
            let object = match &event.body {
                EventBody::Applied(object) => Some(Arc::clone(object)),
                EventBody::Deleted(_) => None,
                _ => continue,
            };
            // A relist tells again what is known.
            let same = |v: &Self| match (&v.object, &object) {
                (Some(a), Some(b)) => a.uid() == b.uid() && a.resource_version() == b.resource_version(),
                (a, b) => a.is_none() && b.is_none(),
            };
            if !all.last().is_some_and(same) {
                all.push(Self { at: event.at(), object });
            }
        }
        all
    }

    /// Returns when the object was made.
    pub(crate) fn created_at(&self) -> Option<Timestamp> {
        self.object.as_ref()?.root().str_at(&["metadata", "creationTimestamp"])?.parse().ok()
    }

    /// Returns `true` if the object was made just before this version was seen, so that it is its first one.
    pub(crate) fn is_new(&self) -> bool {
        self.created_at().is_some_and(|c| self.at.as_second() - c.as_second() <= SLACK)
    }
}

/// Finds what somebody wrote between two versions: not what the server keeps, and of `status` only what is below it.
pub(crate) fn changes(before: &Object, after: &Object, ty: Option<TypeRef<'_>>) -> Vec<FieldChange> {
    // Most versions differ in status and bookkeeping alone: that is seen without a walk.
    if same_but_status(before.root(), after.root())
        && before.root().get("status") == after.root().get("status")
    {
        return Vec::new();
    }
    let found = diff(before.doc(), after.doc(), ty);
    found.changes().iter().filter(|c| is_written(&c.path)).cloned().collect()
}

/// Finds what somebody wrote between two versions besides `status`.
pub(crate) fn same_but_status(before: Node<'_>, after: Node<'_>) -> bool {
    let part = |n: Node<'_>| matches!(n.key(), "metadata" | "status");
    let mut x = before.children().filter(|n| !part(*n));
    let mut y = after.children().filter(|n| !part(*n));
    let same = loop {
        match (x.next(), y.next()) {
            (None, None) => break true,
            (Some(a), Some(b)) if a.key() == b.key() && a == b => {}
            _ => break false,
        }
    };
    same && METADATA.iter().all(|f| before.at(&["metadata", f]) == after.at(&["metadata", f]))
}

/// Returns `true` if a field is one that somebody writes, not the server for itself.
pub(crate) fn is_written(path: &FieldPath) -> bool {
    !path.starts_with_fields(&["metadata"])
        || METADATA.iter().any(|f| path.starts_with_fields(&["metadata", f]))
}

/// Returns who wrote a field in a version: its owner then.
///
/// A write that changes a value takes it from all other owners; of several it is the one whose entry is new or moved.
pub(crate) fn writer(before: Option<&Object>, after: &Object, path: &FieldPath) -> Option<Owner> {
    let managed = ManagedFields::of(after);
    let in_status = path.starts_with_fields(&["status"]);
    let owners: Vec<_> = managed.owners(path).filter(|e| in_status || &*e.subresource != "status").collect();
    if let [only] = owners[..] {
        return Some(owner(only));
    }
    let old = before.map(ManagedFields::of).unwrap_or_default();
    let moved = |e: &&&ManagedFieldsEntry| !old.entries().contains(e);
    // Entries of `scale` carry no time; a new one is newer than any.
    let newest = |e: &&&ManagedFieldsEntry| (e.time.is_none(), e.time);
    owners
        .iter()
        .filter(moved)
        .max_by_key(newest)
        .or_else(|| owners.iter().max_by_key(newest))
        .map(|e| owner(e))
}

/// Returns who took a field away: nobody owns it any more, but who wrote the version has an entry that moved.
pub(crate) fn remover(before: &Object, after: &Object) -> Option<Owner> {
    let (old, new) = (ManagedFields::of(before), ManagedFields::of(after));
    let moved = new.entries().iter().filter(|e| &*e.subresource != "status" && !old.entries().contains(e));
    moved.max_by_key(|e| (e.time.is_none(), e.time)).map(owner)
}

fn owner(entry: &ManagedFieldsEntry) -> Owner {
    Owner {
        manager: Arc::clone(&entry.manager),
        operation: entry.operation,
        subresource: Arc::clone(&entry.subresource),
        time: entry.time,
    }
}
