//! Who owns which field: `metadata.managedFields` as path sets.

mod field_set;
mod view;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use field_set::{FieldSet, FieldSetError};
pub(crate) use view::{OwnedFields, OwnerEntry, OwnerView};

use crate::object::{Node, Object};
use crate::path::FieldPath;

/// How a field manager wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Any other write.
    Update,
}

/// One entry of `metadata.managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedFieldsEntry {
    /// Field manager.
    pub manager: Arc<str>,
    /// How it wrote.
    pub operation: Operation,
    /// Through which subresource, empty for the object itself.
    pub subresource: Arc<str>,
    /// When it last changed the set or a value of it, in whole seconds; `scale` entries have none.
    pub time: Option<Timestamp>,
    /// What it owns.
    pub fields: FieldSet,
}

/// The owners of an object's fields.
///
/// An object can carry none at all: one applied server-side with nothing but a name, or one written before Kubernetes
/// 1.18 or with the feature switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagedFields {
    entries: Vec<ManagedFieldsEntry>,
    unreadable: usize,
}

impl ManagedFields {
    /// Reads `metadata.managedFields` of an object; an entry that cannot be read is counted and left out.
    pub fn of(object: &Object) -> Self {
        let mut all = Self::default();
        let entries = object.root().at(&["metadata", "managedFields"]);
        for entry in entries.into_iter().flat_map(Node::children) {
            match read_entry(entry) {
                Some(entry) => all.entries.push(entry),
                None => all.unreadable += 1,
            }
        }
        all
    }

    /// Returns the entries as they stand in the object.
    pub fn entries(&self) -> &[ManagedFieldsEntry] {
        &self.entries
    }

    /// Returns how many entries could not be read.
    pub fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// Returns `true` if the object carries no owners at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the entries of those who wrote since an earlier version: new ones, and those whose time or set has changed.
    ///
    /// An entry that only lost fields, at the time that it had before, is not one of them: somebody else took the fields, or
    /// removed them, and who removes without owning anything leaves no entry at all.
    pub fn written_since<'a>(&'a self, old: &'a Self) -> impl Iterator<Item = &'a ManagedFieldsEntry> {
        let is_same = |a: &ManagedFieldsEntry, b: &ManagedFieldsEntry| {
            (&a.manager, a.operation, &a.subresource, a.time)
                == (&b.manager, b.operation, &b.subresource, b.time)
        };
        let only_lost = move |new: &ManagedFieldsEntry| {
            let mut before = old.entries.iter().filter(|o| is_same(new, o));
            before.any(|o| new.fields.difference(&o.fields).is_empty())
        };
        self.entries.iter().filter(move |e| !only_lost(e))
    }

    /// Returns the one entry, but for status, that was written since an earlier version; `None` where nobody left a mark, or several did.
    ///
    /// A version that is one write away from the earlier one has one writer: several marks are of several writes in between.
    pub fn only_writer_since<'a>(&'a self, old: &'a Self) -> Option<&'a ManagedFieldsEntry> {
        let mut written = self.written_since(old).filter(|e| &*e.subresource != "status");
        let only = written.next();
        only.filter(|_| written.next().is_none())
    }

    /// Returns the entries that own a field, a part of it, or an atomic value that it is a part of.
    pub fn owners<'a>(&'a self, path: &'a FieldPath) -> impl Iterator<Item = &'a ManagedFieldsEntry> {
        self.entries.iter().filter(move |e| e.fields.touches(path))
    }
}

fn read_entry(entry: Node<'_>) -> Option<ManagedFieldsEntry> {
    let text = |name| entry.get(name).and_then(Node::as_str).unwrap_or_default();
    Some(ManagedFieldsEntry {
        manager: text("manager").into(),
        operation: match text("operation") {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        },
        subresource: text("subresource").into(),
        time: text("time").parse().ok(),
        fields: entry.get("fieldsV1").map_or(Ok(FieldSet::default()), FieldSet::from_fields_v1).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Doc;
    use serde_json::json;

    fn fields() -> ManagedFields {
        let doc = json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","managedFields":[
            {"manager":"flux","operation":"Apply","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{
                "f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{},"f:name":{}}}, "f:selector":{}}}},
            {"manager":"hpa","operation":"Update","subresource":"scale","fieldsV1":{"f:spec":{"f:replicas":{}}}},
            {"manager":"odd","operation":"Guess","fieldsV1":{}},
            {"manager":"odd","operation":"Update","fieldsV1":{"x":{}}}
        ]}});
        ManagedFields::of(&Object::new(Doc::from_value(&doc).unwrap()).unwrap())
    }

    fn owners(path: &str) -> Vec<String> {
        fields().owners(&FieldPath::parse(path).unwrap()).map(|e| e.manager.to_string()).collect()
    }

    #[test]
    fn owners_are_found_by_field_by_part_and_by_atomic_whole() {
        assert_eq!(owners("spec.containers[name=web].image"), ["flux"]);
        assert_eq!(owners("spec.containers[name=web]"), ["flux"]);
        assert_eq!(owners("spec.containers"), ["flux"]);
        assert_eq!(owners("spec.selector.app"), ["flux"]);
        assert_eq!(owners("spec.containers[name=web].env"), [""; 0]);
        assert_eq!(owners("spec.containers[name=other]"), [""; 0]);
        assert_eq!(owners("spec.replicas"), ["hpa"]);
    }

    #[test]
    fn unreadable_entries_are_counted() {
        assert_eq!((fields().entries().len(), fields().unreadable()), (2, 2));
    }
}
