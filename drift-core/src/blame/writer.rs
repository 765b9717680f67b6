//! Who wrote what between two versions of a resource.

use std::sync::Arc;

use jiff::Timestamp;

use crate::diff::{FieldChange, diff};
use crate::drift::Owner;
use crate::history::differs_beyond_status;
use crate::k8s::metadata::WRITABLE_METADATA;
use crate::object::Object;
use crate::ownership::{ManagedFields, ManagedFieldsEntry};
use crate::path::FieldPath;
use crate::schema::TypeRef;

/// Clocks of server and observer may differ, and what the server writes down has whole seconds.
const SLACK: i64 = 5;

/// Returns when an object was created, by its own account.
pub(super) fn created_at(object: &Object) -> Option<Timestamp> {
    object.root().str_at(&["metadata", "creationTimestamp"])?.parse().ok()
}

/// Returns `true` if an object was created just before it was seen, so that what was seen is its first version.
pub(super) fn is_first_version(object: &Object, seen: Timestamp) -> bool {
    created_at(object).is_some_and(|c| seen.as_second() - c.as_second() <= SLACK)
}

/// Returns what somebody wrote between two versions: everything but the server's own metadata.
pub(crate) fn changes(before: &Object, after: &Object, ty: Option<TypeRef<'_>>) -> Vec<FieldChange> {
    // Most versions differ in the server's metadata alone, or not at all: no diff is needed to see that.
    if !differs_beyond_status(before, after) && before.root().get("status") == after.root().get("status") {
        return Vec::new();
    }
    let found = diff(before.doc(), after.doc(), ty);
    found.changes().iter().filter(|c| is_written(&c.path)).cloned().collect()
}

/// Returns `true` for a field that somebody writes, and `false` for one that the server writes for itself.
pub(crate) fn is_written(path: &FieldPath) -> bool {
    !path.starts_with_fields(&["metadata"])
        || WRITABLE_METADATA.iter().any(|f| path.starts_with_fields(&["metadata", f]))
}

/// Returns who wrote a field in a version: its owner then.
///
/// A write that changes a value takes it from all other owners; of several it is the one whose entry is new or moved.
pub(crate) fn writer(before: Option<&Object>, after: &Object, path: &FieldPath) -> Option<Owner> {
    let managed = ManagedFields::of(after);
    let in_status = path.starts_with_fields(&["status"]);
    let all: Vec<_> = managed.owners(path).collect();
    let of_spec: Vec<_> = all.iter().copied().filter(|e| in_status || &*e.subresource != "status").collect();
    // A controller that reports status may leave an annotation beside it that nobody else owns.
    let owners = if of_spec.is_empty() { all } else { of_spec };
    if let [only] = owners[..] {
        return Some(owner(only));
    }
    let old = before.map(ManagedFields::of).unwrap_or_default();
    let written: Vec<_> = managed.written_since(&old).collect();
    let moved = |e: &&&ManagedFieldsEntry| written.iter().any(|w| std::ptr::eq(*w, **e));
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
    ManagedFields::of(after).only_writer_since(&ManagedFields::of(before)).map(owner)
}

fn owner(entry: &ManagedFieldsEntry) -> Owner {
    Owner {
        manager: Arc::clone(&entry.manager),
        operation: entry.operation,
        subresource: Arc::clone(&entry.subresource),
        time: entry.time,
    }
}
