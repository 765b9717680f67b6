//! The table: from a difference, its owners and what was applied last to a verdict.

use crate::diff::{Difference, same_scalar};
use crate::object::{Doc, Kind, Node};
use crate::ownership::{Operation, OwnerEntry, OwnerView};
use crate::path::{FieldPath, PathElement, Scalar};
use crate::schema::ScalarKind;

use super::applier::Applier;
use super::controllers;
use super::report::{CauseClass, Class, Op, Owner, Row};

/// What is known of one live object besides its fields.
pub(super) struct Evidence<'a> {
    pub(super) kind: &'a str,
    pub(super) managed: &'a OwnerView<'a>,
    pub(super) applier: Option<&'a Applier>,
    /// What the applier applied last, where an annotation says so and the applier wrote that annotation.
    pub(super) last_applied: Option<&'a Doc>,
    /// An autoscaler that is live aims at the object.
    pub(super) autoscaled: bool,
}

/// A verdict on one difference.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) op: Op,
    pub(super) class: Class,
    pub(super) cause: CauseClass,
    pub(super) owner: Option<Owner>,
    pub(super) row: Row,
}

impl Evidence<'_> {
    /// Judges a difference; `None` where it is none that counts and nobody would want to see it.
    pub(super) fn judge(&self, d: &Difference<'_>) -> Option<Verdict> {
        let entry = self.owner(&d.path);
        let owner = entry.map(Owner::of);
        match (d.desired, d.live) {
            (Some(desired), Some(live)) => Some(self.replaced(d, desired, live, entry)),
            (Some(_), None) => Some(self.removed(d)),
            (None, Some(live)) => self.added(d, live, entry),
            (None, None) => None,
        }
        .map(|(op, class, row)| {
            let cause = self.cause(class, entry, &d.path);
            Verdict { op, class, cause, owner: if op == Op::Remove { None } else { owner }, row }
        })
    }

    /// Returns the owner that wrote last: rather not the applier, then the newest.
    fn owner<'s>(&'s self, path: &'s FieldPath) -> Option<&'s OwnerEntry<'s>> {
        let rank = |e: &&'s OwnerEntry<'s>| {
            let foreign = self.applier.is_none_or(|a| !a.is(e));
            // `scale` entries carry no time and are made by the newest writers of replicas.
            (foreign, e.subresource == "scale", e.time())
        };
        self.managed.owners(path).filter(|e| e.subresource != "status").max_by_key(rank)
    }

    fn is_applier(&self, entry: &OwnerEntry<'_>) -> bool {
        self.applier.is_some_and(|a| a.is(entry))
    }

    fn replaced(
        &self,
        d: &Difference<'_>,
        desired: Node<'_>,
        live: Node<'_>,
        entry: Option<&OwnerEntry<'_>>,
    ) -> (Op, Class, Row) {
        let Some(entry) = entry else { return (Op::Replace, Class::Changed, Row::DifferentByOther) };
        if controllers::owns_declared(&Owner::of(entry), self.kind, &d.path) {
            return (Op::Replace, Class::Managed, Row::ControllersOwn);
        }
        if !self.is_applier(entry) {
            return (Op::Replace, Class::Changed, Row::DifferentByOther);
        }
        match self.applied(&d.path) {
            Some(applied) if same(applied, desired) && !same(applied, live) => {
                (Op::Replace, Class::Mutated, Row::DifferentByAdmission)
            }
            _ => (Op::Replace, Class::PendingSync, Row::DifferentAsApplied),
        }
    }

    fn removed(&self, d: &Difference<'_>) -> (Op, Class, Row) {
        // What was applied last did not have it either: the declaration moved on, nobody removed anything.
        let never_applied = self.last_applied.is_some() && self.applied(&d.path).is_none();
        let class = if never_applied { Class::PendingSync } else { Class::Removed };
        (Op::Remove, class, Row::DeclaredOnly)
    }

    fn added(
        &self,
        d: &Difference<'_>,
        live: Node<'_>,
        entry: Option<&OwnerEntry<'_>>,
    ) -> Option<(Op, Class, Row)> {
        let changed = if d.default.is_some() { Row::DefaultChanged } else { Row::AddedByOther };
        let Some(entry) = entry else { return self.unowned(d) };
        if controllers::owns_undeclared(&Owner::of(entry), self.kind, &d.path) {
            return Some((Op::Add, Class::Managed, Row::ControllersOwn));
        }
        if !self.is_applier(entry) {
            return Some((Op::Add, Class::Added, changed));
        }
        match (entry.operation, self.last_applied) {
            (Operation::Apply, _) => Some((Op::Add, Class::PendingRemoval, Row::OnceApplied)),
            (Operation::Update, Some(_)) => {
                // In what was applied: left behind. Not in it: filled in on the way in, in the applier's name.
                let applied = self.applied(&d.path)?;
                let class = if same(applied, live) { Class::PendingRemoval } else { Class::Mutated };
                Some((Op::Add, class, Row::OnceApplied))
            }
            (Operation::Update, None) => Some((Op::Add, Class::Added, changed)),
        }
    }

    /// A live field without owner.
    fn unowned(&self, d: &Difference<'_>) -> Option<(Op, Class, Row)> {
        if controllers::is_bookkeeping(&d.path) {
            return Some((Op::Add, Class::Managed, Row::ControllersOwn));
        }
        if self.managed.entries.is_empty() {
            return Some((Op::Add, Class::Added, Row::AddedByNobody));
        }
        // The scale subresource leaves no owner where nobody owned replicas before.
        let scaled = d.default.is_some() && d.path.to_string() == ".spec.replicas";
        match (scaled, self.autoscaled) {
            (true, true) => Some((Op::Add, Class::Managed, Row::ControllersOwn)),
            (true, false) => Some((Op::Add, Class::Added, Row::DefaultChanged)),
            (false, _) => None,
        }
    }

    fn applied(&self, path: &FieldPath) -> Option<Node<'_>> {
        lookup(self.last_applied?.root(), path)
    }

    fn cause(&self, class: Class, entry: Option<&OwnerEntry<'_>>, path: &FieldPath) -> CauseClass {
        let image = matches!(path.elements().last(), Some(PathElement::Field(f)) if &**f == "image");
        match (class, entry) {
            (Class::PendingSync, _) if image => CauseClass::OutdatedImage,
            (Class::PendingSync | Class::PendingRemoval, _) => CauseClass::PendingSync,
            (Class::Mutated, _) => CauseClass::AdmissionMutation,
            (Class::Managed, _) => CauseClass::ProviderVariation,
            (_, None) => CauseClass::Unknown,
            (_, Some(e))
                if self.autoscaled && e.subresource == "scale" && !controllers::is_by_hand(e.manager) =>
            {
                CauseClass::AutomationInconsistency
            }
            (_, Some(e)) if controllers::is_by_hand(e.manager) => CauseClass::ManualChange,
            (_, Some(_)) => CauseClass::AutomationInconsistency,
        }
    }
}

/// Compares a value of the last-applied annotation with another; parts that a server fills in may be missing there.
fn same(applied: Node<'_>, other: Node<'_>) -> bool {
    match (applied.kind(), other.kind()) {
        (Kind::Map, Kind::Map) => {
            applied.children().all(|n| n.is_null() || other.get(n.key()).is_some_and(|o| same(n, o)))
        }
        (Kind::List, Kind::List) => {
            applied.len() == other.len() && applied.children().zip(other.children()).all(|(a, b)| same(a, b))
        }
        _ => same_scalar(ScalarKind::Quantity, applied, other),
    }
}

/// Follows a typed path in a document that may lack defaulted key fields.
pub(crate) fn lookup<'a>(root: Node<'a>, path: &FieldPath) -> Option<Node<'a>> {
    path.elements().iter().try_fold(root, |at, element| match element {
        PathElement::Field(name) => at.get(name),
        PathElement::Index(i) => at.children().nth(*i),
        PathElement::Value(v) => at.children().find(|n| scalar(*n).as_ref() == Some(v)),
        PathElement::Key(fields) => {
            let is = |n: &Node<'_>| {
                fields.iter().all(|(k, v)| n.get(k).is_none_or(|f| scalar(f).as_ref() == Some(v)))
            };
            at.children().find(is)
        }
    })
}

fn scalar(node: Node<'_>) -> Option<Scalar> {
    Scalar::from_value(&node.to_value())
}
