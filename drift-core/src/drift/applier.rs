//! Finding the field manager that applies what is declared.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::k8s::managers;
use crate::object::Object;
use crate::ownership::{Operation, OwnerEntry, OwnerView};

/// A field manager and how it writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Applier {
    /// Field manager.
    pub manager: Arc<str>,
    /// How it writes.
    pub operation: Operation,
}

impl Applier {
    pub(super) fn of(entry: &OwnerEntry<'_>) -> Self {
        Self { manager: entry.shared_manager(), operation: entry.operation }
    }

    pub(super) fn is(&self, entry: &OwnerEntry<'_>) -> bool {
        *entry.manager == *self.manager && entry.operation == self.operation && entry.subresource.is_empty()
    }
}

/// Returns the manager that owns most of what is declared; of equal ones the first by name.
///
/// Who edits one field at a time never applies, not even where an object has no more than that field, and neither does the
/// controller that writes the object's status.
pub(super) fn of_object(desired: &Object, owners: &OwnerView<'_>) -> Option<Applier> {
    let mut votes: BTreeMap<(&str, Operation), usize> = BTreeMap::new();
    for entry in owners.entries.iter().filter(|e| may_apply(e, owners)) {
        let count = entry.votes(desired.root());
        if count > 0 {
            *votes.entry((entry.manager, entry.operation)).or_default() += count;
        }
    }
    // Of equal ones an engine, then who applies on the server's side: those declare, others write.
    let rank = |(manager, operation): &(&str, Operation)| {
        (managers::is_engine(manager), *operation == Operation::Apply)
    };
    let best = votes
        .iter()
        .max_by(|a, b| a.1.cmp(b.1).then_with(|| rank(a.0).cmp(&rank(b.0))).then_with(|| b.0.cmp(a.0)));
    let (manager, operation) = best?.0;
    Some(Applier { manager: (*manager).into(), operation: *operation })
}

fn may_apply(entry: &OwnerEntry<'_>, owners: &OwnerView<'_>) -> bool {
    let is_controller = || {
        let of_status = |e: &OwnerEntry<'_>| e.subresource == "status" && e.manager == entry.manager;
        owners.entries.iter().any(of_status) && !managers::is_engine(entry.manager)
    };
    // More than ten writers are folded into one entry that is none of them.
    let is_folded = entry.manager == "ancient-changes";
    entry.subresource.is_empty() && !is_folded && !managers::is_editor(entry.manager) && !is_controller()
}

/// Returns the applier that most objects have; of equal ones the first by name.
pub(super) fn of_most(appliers: impl Iterator<Item = Applier>) -> Option<Applier> {
    let mut votes: BTreeMap<Applier, usize> = BTreeMap::new();
    for applier in appliers {
        *votes.entry(applier).or_default() += 1;
    }
    most(&votes)
}

/// Returns the applier with most votes; of equal ones the first by name.
///
/// Who only makes objects by hand has none while a tool applies others.
pub(super) fn most(votes: &BTreeMap<Applier, usize>) -> Option<Applier> {
    let best = votes.iter().max_by_key(|(applier, count)| {
        (!managers::makes_by_hand(&applier.manager), *count, Reverse(*applier))
    });
    best.map(|(applier, _)| applier.clone())
}
