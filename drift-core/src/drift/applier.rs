//! Finding the field manager that applies what is declared.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::object::{Kind, Node, Object};
use crate::ownership::{ManagedFields, ManagedFieldsEntry, Operation};
use crate::path::{FieldPath, PathElement};

/// A field manager and how it writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Applier {
    /// Field manager.
    pub manager: Arc<str>,
    /// How it writes.
    pub operation: Operation,
}

impl Applier {
    pub(super) fn is(&self, entry: &ManagedFieldsEntry) -> bool {
        entry.manager == self.manager && entry.operation == self.operation && entry.subresource.is_empty()
    }
}

/// Counts for every manager how many of the declared fields it owns in the live object.
///
/// Only fields under struct names are counted: elements of lists would need the schema, and there are enough without.
pub(super) fn votes(desired: &Object, managed: &ManagedFields) -> BTreeMap<Applier, usize> {
    let mut paths = Vec::new();
    leaves(desired.root(), &mut FieldPath::default(), &mut paths);
    let mut votes = BTreeMap::new();
    for entry in managed.entries().iter().filter(|e| e.subresource.is_empty()) {
        let owned = paths.iter().filter(|p| entry.fields.touches(p)).count();
        if owned > 0 {
            let applier = Applier { manager: Arc::clone(&entry.manager), operation: entry.operation };
            *votes.entry(applier).or_default() += owned;
        }
    }
    votes
}

fn leaves(node: Node<'_>, path: &mut FieldPath, out: &mut Vec<FieldPath>) {
    if path.len() == 1
        && matches!(path.elements(), [PathElement::Field(f)] if matches!(&**f, "apiVersion" | "kind" | "status"))
    {
        return;
    }
    if node.kind() != Kind::Map || node.is_empty() {
        if path.len() > 1 || !node.is_null() {
            out.push(path.clone());
        }
        return;
    }
    for child in node.children() {
        if path.len() == 1 && matches!(child.key(), "name" | "namespace" | "creationTimestamp") {
            continue;
        }
        path.push(PathElement::from(child.key()));
        leaves(child, path, out);
        path.pop();
    }
}

/// Returns the manager with the most votes; of equal ones the first by name.
pub(super) fn winner(votes: &BTreeMap<Applier, usize>) -> Option<Applier> {
    votes.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0))).map(|(applier, _)| applier.clone())
}
