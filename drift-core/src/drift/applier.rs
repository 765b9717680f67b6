//! Finding the field manager that applies what is declared.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::k8s::annotations::LAST_APPLIED;
use crate::k8s::managers;
use crate::k8s::tracking::AppRef;
use crate::object::Object;
use crate::ownership::{Operation, OwnerEntry, OwnerView};
use crate::path::FieldPath;

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

/// Who applies an object, as far as the object shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundApplier {
    pub(super) applier: Applier,
    /// Managers for which as much speaks: then it is not known who applies, and the first by name is taken.
    pub(super) tied: Vec<Arc<str>>,
}

impl FoundApplier {
    pub(super) fn certain(applier: Applier) -> Self {
        Self { applier, tied: Vec::new() }
    }

    /// Returns the applier where it is known; what is not known of one object speaks for nobody elsewhere.
    pub(super) fn known(self) -> Option<Applier> {
        Some(self.applier).filter(|_| self.tied.is_empty())
    }
}

/// Returns who applies an object: the manager that owns most of what is declared.
///
/// Who edits one field at a time never applies, not even where an object has no more than that field, and neither does the
/// controller that writes the object's status. An engine that left its mark applies rather than a person who wrote over it. Of
/// equal ones the one for which more speaks: an engine, who wrote down what was applied last, who applies on the server's side, who
/// is no person.
pub(super) fn of_object(desired: &Object, live: &Object, owners: &OwnerView<'_>) -> Option<FoundApplier> {
    let mut votes: BTreeMap<(&str, Operation), usize> = BTreeMap::new();
    for entry in owners.entries.iter().filter(|e| may_apply(e, owners)) {
        let count = entry.votes(desired.root());
        if count > 0 {
            *votes.entry((entry.manager, entry.operation)).or_default() += count;
        }
    }
    let most = |votes: &BTreeMap<_, usize>| votes.values().max().copied();
    let top = most(&votes)?;
    let by_hand = |votes: &BTreeMap<(&str, Operation), usize>| {
        votes.iter().any(|((manager, _), count)| *count == top && managers::is_by_hand(manager))
    };
    if by_hand(&votes) && votes.keys().any(|(manager, _)| left_mark(manager, live)) {
        votes.retain(|(manager, _), _| !managers::is_by_hand(manager));
    }
    let top = most(&votes)?;
    let mut best: Vec<(&str, Operation)> =
        votes.into_iter().filter(|(_, count)| *count == top).map(|(who, _)| who).collect();
    if best.len() > 1 {
        let rank = |(manager, operation): &(&str, Operation)| {
            let is_engine = managers::is_engine(manager);
            let by_hand = managers::is_by_hand(manager);
            (is_engine, wrote_down(manager, live, owners), *operation == Operation::Apply, !by_hand)
        };
        let first = best.iter().map(rank).max();
        best.retain(|who| Some(rank(who)) == first);
    }
    let mut best = best.into_iter();
    let (manager, operation) = best.next()?;
    let mut tied: Vec<Arc<str>> =
        best.map(|(other, _)| other).filter(|m| *m != manager).map(Arc::from).collect();
    tied.dedup();
    Some(FoundApplier { applier: Applier { manager: manager.into(), operation }, tied })
}

/// Returns `true` for an engine by whose mark the object says that it belongs to one of its apps or releases.
fn left_mark(manager: &str, live: &Object) -> bool {
    match AppRef::of(live, manager) {
        Some(AppRef::Argo { name, .. }) => name.is_some(),
        Some(AppRef::App(_)) => true,
        None => false,
    }
}

/// Returns `true` if the manager wrote the annotation that holds what was applied last.
fn wrote_down(manager: &str, live: &Object, owners: &OwnerView<'_>) -> bool {
    let path = FieldPath::of(&["metadata", "annotations", LAST_APPLIED]);
    live.annotation(LAST_APPLIED).is_some()
        && owners.entries.iter().any(|e| e.manager == manager && e.names(&path))
}

fn may_apply(entry: &OwnerEntry<'_>, owners: &OwnerView<'_>) -> bool {
    let is_controller = || {
        let of_status = |e: &OwnerEntry<'_>| e.subresource == "status" && e.manager == entry.manager;
        owners.entries.iter().any(of_status) && !managers::is_engine(entry.manager)
    };
    entry.subresource.is_empty()
        && !managers::is_folded(entry.manager)
        && !managers::is_editor(entry.manager)
        && !is_controller()
}

/// Returns the applier that most objects have; `None` where two have equally many: then each object speaks for itself.
pub(super) fn of_most(appliers: impl Iterator<Item = Applier>) -> Option<Applier> {
    let mut votes: BTreeMap<Applier, usize> = BTreeMap::new();
    for applier in appliers {
        *votes.entry(applier).or_default() += 1;
    }
    most(&votes)
}

/// Returns the applier with most votes, of equally many an engine; `None` where two tools or two engines have them.
///
/// Who only makes objects by hand has none while others are applied: by an engine, on the server's side, or with a record.
pub(super) fn most(votes: &BTreeMap<Applier, usize>) -> Option<Applier> {
    let declares = |applier: &Applier| {
        applier.operation == Operation::Apply
            || managers::is_engine(&applier.manager)
            || managers::keeps_record(&applier.manager)
    };
    let is_declared = votes.keys().any(declares);
    let weight = |(applier, count): (&Applier, &usize)| {
        let manager = &applier.manager;
        (!(is_declared && managers::makes_by_hand(manager)), *count, managers::is_engine(manager))
    };
    let top = votes.iter().map(weight).max()?;
    let mut best = votes.iter().filter(|vote| weight(*vote) == top);
    let (applier, _) = best.next()?;
    best.next().is_none().then(|| applier.clone())
}
