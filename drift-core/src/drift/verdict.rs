//! The table: from a difference, its owners and what was applied last to a verdict.

use std::sync::Arc;

use jiff::Timestamp;

use crate::diff::{Difference, OrderChange, at_typed_path, same_scalar};
use crate::object::{Doc, Kind, Node, Object};
use crate::ownership::{Operation, OwnerEntry, OwnerView};
use crate::path::{FieldPath, PathElement};
use crate::schema::{ScalarKind, Shape, TypeRef};

use super::applier::Applier;
use super::controllers;
use super::deployment_record::{is_deployment_record, is_family_of_marks};
use super::original::is_noted_as_original;
use super::report::{DriftCause, DriftClass, FieldOp, Owner, VerdictRow};
use super::variables::may_be_filled_in;
use super::versions::{Certainty, is_filled_in};
use crate::k8s::annotations::{
    BookkeepingKind, LAST_APPLIED, bookkeeping_at, bookkeeping_kind, is_applier_label,
};
use crate::k8s::conversion::VersionConversion;
use crate::k8s::managers::{self, ManagerKind};

/// What is known of one live object besides its fields.
pub(super) struct LiveEvidence<'a> {
    pub(super) declared: &'a Object,
    pub(super) object: &'a Object,
    pub(super) managed: &'a OwnerView<'a>,
    pub(super) applier: Option<&'a Applier>,
    /// What the applier applied last, where an annotation says so and the applier wrote that annotation.
    pub(super) last_applied: Option<&'a Doc>,
    /// An autoscaler that is live aims at the object.
    pub(super) autoscaled: bool,
    /// The schema by which the object is compared.
    pub(super) schema: Option<TypeRef<'a>>,
    /// The kind is no part of Kubernetes.
    pub(super) is_custom: bool,
    /// What leads from the version of the declared and of the live object to the one in which they are compared.
    pub(super) conversions: &'a [Option<VersionConversion>],
    /// What is known of the engine that declares the object, if one does.
    pub(super) knowledge: Option<&'a EngineContext<'a>>,
}

/// What is known of the engine that declares an object, besides what it declares now.
#[derive(Clone, Debug, Default)]
pub struct EngineContext<'a> {
    /// Field managers under which the engine writes.
    pub appliers: &'a [Arc<str>],
    /// The object as the engine applied it last and, where that went only half through, before; `None` in it where it
    /// was not declared then. `None` as a whole where it is not known what was applied.
    pub applied: Option<Vec<Option<&'a Object>>>,
    /// The object as others declare it that write under the same managers.
    pub others: Vec<&'a Object>,
}

/// A verdict on one difference.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldVerdict {
    pub(super) op: FieldOp,
    pub(super) class: DriftClass,
    pub(super) cause: DriftCause,
    pub(super) owner: Option<Owner>,
    pub(super) row: VerdictRow,
}

/// What is thought of a live value whose declaration is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EncryptedValue {
    /// The engine holds the field, and the declaration is what it applied last.
    Applied,
    /// The engine holds the field; whether the declaration has moved since is not known.
    Unknown,
}

impl std::fmt::Display for EncryptedValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Applied => "the engine holds the field, and has applied this declaration",
            Self::Unknown => "whether it is what is live is not known",
        })
    }
}

impl LiveEvidence<'_> {
    /// Weighs a verdict on a value that is declared encrypted, where owners are all that tells; `None` where it stands.
    pub(super) fn encrypted(&self, verdict: &FieldVerdict) -> Option<EncryptedValue> {
        let knows = self.knowledge.is_some_and(|k| k.applied.is_some());
        match verdict.class {
            // By the engine's own hand, with nothing moved.
            DriftClass::Mutated if knows => Some(EncryptedValue::Applied),
            DriftClass::PendingSync | DriftClass::Mutated if !knows => Some(EncryptedValue::Unknown),
            _ => None,
        }
    }

    /// Judges a difference; `None` where it is none that counts and nobody would want to see it.
    ///
    /// `owner` is who wrote the live value, where that is not whoever owns the path.
    pub(super) fn judge(&self, d: &Difference<'_>, owner: Option<&OwnerEntry<'_>>) -> Option<FieldVerdict> {
        let entry = owner.or_else(|| self.entry(d));
        let owner = entry.map(Owner::of);
        // What is allocated, or another spelling, is nobody's drift unless a person wrote it.
        if d.only_by_hand && !entry.is_some_and(|e| managers::is_by_hand(e.manager) && !self.is_applier(e)) {
            return None;
        }
        match (d.desired, d.live) {
            (Some(desired), Some(live)) => Some(self.replaced(d, desired, live, entry)),
            (Some(_), None) => Some(self.removed(d)),
            (None, Some(live)) => self.added(d, live, entry),
            (None, None) => None,
        }
        .map(|(op, class, row)| self.by_knowledge(d, entry, (op, class, row)))
        .map(|(op, class, row)| {
            // Who owned a field that is gone, or owns what is around it, is not who removed it.
            let (entry, owner) = if op == FieldOp::Remove { (None, None) } else { (entry, owner) };
            FieldVerdict { op, class, cause: self.cause(class, entry, &d.path), owner, row }
        })
    }

    /// Returns the owner of a difference; a field that was relocated in the newest version may be owned where it was before.
    fn entry<'s>(&'s self, d: &Difference<'_>) -> Option<&'s OwnerEntry<'s>> {
        // Who put the elements of an associative list in order is in no managedFields.
        if matches!(d.order, Some(OrderChange::Sequence(..))) {
            return None;
        }
        self.owner(&d.path).or_else(|| {
            let older = self.conversions.iter().flatten().map(|c| c.older_path(&d.path));
            older.filter(|p| *p != d.path).find_map(|p| self.owner(&p))
        })
    }

    /// Returns `true` if a person wrote a field, other than by what applies the object, and not before that last did.
    pub(super) fn is_by_hand(&self, path: &FieldPath) -> bool {
        let owners = self.managed.owners(path);
        let applied = owners.filter(|e| self.is_applier(e)).map(OwnerEntry::time).max();
        self.owner(path).is_some_and(|e| {
            managers::is_by_hand(e.manager) && !self.is_applier(e) && applied.is_none_or(|at| e.time() >= at)
        })
    }

    /// Returns `true` if a difference may be no more than a default or a conversion.
    pub(super) fn doubts(
        &self,
        certainty: Certainty<'_>,
        d: &Difference<'_>,
        owner: Option<&OwnerEntry<'_>>,
    ) -> bool {
        // A definition may leave out what is in a field, as if there were none.
        let is_open = || {
            let ty = || self.schema.and_then(|s| s.at_path(&d.path));
            self.is_custom && ty().is_none_or(|t| matches!(t.shape(), Shape::Unknown))
        };
        let certainty = match certainty.is_full() {
            true if is_open() => Certainty::NoSchema,
            true => return false,
            false => certainty,
        };
        let entry = owner.or_else(|| self.entry(d));
        certainty.doubts(d, entry, entry.is_some_and(|e| self.is_applier(e)))
    }

    /// Returns `true` if a value is what the applier applied last with more in it, and nobody else wrote there: it was filled in on
    /// its way.
    pub(super) fn was_completed(&self, d: &Difference<'_>) -> bool {
        let (Some(desired), Some(live), Some(applied)) = (d.desired, d.live, self.applied(&d.path)) else {
            return false;
        };
        let mut owners = self.managed.owners(&d.path).filter(|e| e.subresource != "status").peekable();
        applied == desired
            && is_filled_in(desired, live)
            && owners.peek().is_some()
            && owners.all(|e| self.is_applier(e))
    }

    /// Returns `true` if Flux wrote a value whose declaration has variables that Flux fills in, and it may be that.
    pub(super) fn is_filled_in_by_flux(&self, d: &Difference<'_>) -> bool {
        // What is known of the engine has the variables filled in.
        let may_be = self.knowledge.is_none()
            && d.desired.zip(d.live).is_some_and(|(desired, live)| may_be_filled_in(desired, live));
        may_be
            && self
                .entry(d)
                .is_some_and(|e| self.is_applier(e) && managers::FLUX_KUSTOMIZE.contains(&e.manager))
    }

    /// Returns the owner that wrote last: rather not the applier, then the newest.
    fn owner<'s>(&'s self, path: &FieldPath) -> Option<&'s OwnerEntry<'s>> {
        let rank = |e: &&'s OwnerEntry<'s>| {
            let foreign = !self.is_applier(e);
            // `scale` entries carry no time and are made by the newest writers of replicas.
            (foreign, e.subresource == "scale", e.time())
        };
        let mut owners = self.managed.owners(path).filter(|e| e.subresource != "status").peekable();
        let first = owners.next()?;
        // Times are read where there is a choice.
        if owners.peek().is_none() {
            return Some(first);
        }
        std::iter::once(first).chain(owners).max_by_key(rank)
    }

    fn is_applier(&self, entry: &OwnerEntry<'_>) -> bool {
        self.knowledge.is_some_and(|k| k.wrote(entry)) || self.applier.is_some_and(|a| a.is(entry))
    }

    /// Corrects a verdict by what the engine is known to have applied.
    fn by_knowledge(
        &self,
        d: &Difference<'_>,
        entry: Option<&OwnerEntry<'_>>,
        verdict: (FieldOp, DriftClass, VerdictRow),
    ) -> (FieldOp, DriftClass, VerdictRow) {
        let Some(knowledge) = self.knowledge else { return verdict };
        let (op, class, row) = verdict;
        if class == DriftClass::Managed {
            return verdict;
        }
        if self.autoscaled && d.path.to_string() == ".spec.replicas" && entry.is_none_or(is_autoscaler) {
            return (op, DriftClass::Managed, VerdictRow::ControllersOwn);
        }
        let applier = entry.is_some_and(|e| self.is_applier(e));
        if applier && d.live.is_some_and(|live| knowledge.others_say(&d.path, live, self.schema)) {
            let class = if op == FieldOp::Add { DriftClass::Added } else { DriftClass::Changed };
            return (op, class, VerdictRow::DifferentByOther);
        }
        let Some(applied) = &knowledge.applied else { return verdict };
        let applied: Vec<Option<Node<'_>>> =
            applied.iter().map(|o| o.and_then(|o| at_typed_path(o.root(), &d.path, self.schema))).collect();
        let was = |live: Node<'_>| applied.iter().flatten().any(|a| same(*a, live));
        let co_owned = applier || self.managed.owners(&d.path).any(|e| self.is_applier(e));
        let (class, row) = match (d.desired, d.live) {
            (Some(desired), Some(live)) => {
                let moved = applied.iter().any(|a| !a.is_some_and(|a| same(a, desired) && same(desired, a)));
                match (moved, was(live), entry) {
                    (true, true, entry) if co_owned || entry.is_none() => {
                        (DriftClass::PendingSync, VerdictRow::DifferentAsApplied)
                    }
                    (true, false, Some(_)) if applier => {
                        (DriftClass::PendingSync, VerdictRow::DifferentAsApplied)
                    }
                    (false, _, Some(_)) if applier => (DriftClass::Mutated, VerdictRow::DifferentByAdmission),
                    _ => (DriftClass::Changed, VerdictRow::DifferentByOther),
                }
            }
            (Some(_), None) if applied.iter().all(Option::is_some) && !applied.is_empty() => {
                (DriftClass::Removed, VerdictRow::DeclaredOnly)
            }
            (Some(_), None) => (DriftClass::PendingSync, VerdictRow::DeclaredOnly),
            (None, _) if applied.iter().any(Option::is_some) => {
                (DriftClass::PendingRemoval, VerdictRow::OnceApplied)
            }
            (None, _) => (class, row),
        };
        (op, class, row)
    }

    fn replaced(
        &self,
        d: &Difference<'_>,
        desired: Node<'_>,
        live: Node<'_>,
        entry: Option<&OwnerEntry<'_>>,
    ) -> (FieldOp, DriftClass, VerdictRow) {
        let Some(entry) = entry else {
            let as_applied = d.order.is_some()
                && self.applied(&d.path).is_some_and(|a| same(a, live) && !same(a, desired));
            return if as_applied {
                (FieldOp::Replace, DriftClass::PendingSync, VerdictRow::DifferentAsApplied)
            } else if self.is_record(&d.path) {
                // What a controller writes together with the status has no owner here.
                (FieldOp::Replace, DriftClass::Managed, VerdictRow::ControllersOwn)
            } else if self.was_rewritten(&d.path, desired) {
                (FieldOp::Replace, DriftClass::Mutated, VerdictRow::DifferentByAdmission)
            } else {
                (FieldOp::Replace, DriftClass::Changed, VerdictRow::DifferentByOther)
            };
        };
        // What applies by a mark selects by it as well.
        if self.is_applier(entry) && is_same_but_for_marks(desired, live) {
            return (FieldOp::Replace, DriftClass::Managed, VerdictRow::ControllersOwn);
        }
        if !self.is_applier(entry) {
            let fills = controllers::fills_declared(entry, &d.path, (desired, live), self.declared)
                || controllers::owns_annotation(entry, &d.path, self.object);
            return match fills || self.is_record(&d.path) && !managers::is_by_hand(entry.manager) {
                true => (FieldOp::Replace, DriftClass::Managed, VerdictRow::ControllersOwn),
                false => (FieldOp::Replace, DriftClass::Changed, VerdictRow::DifferentByOther),
            };
        }
        match self.applied(&d.path) {
            Some(applied) if same(applied, desired) && !same(applied, live) => {
                (FieldOp::Replace, DriftClass::Mutated, VerdictRow::DifferentByAdmission)
            }
            None if self.was_filled_in(&d.path) || self.was_rewritten(&d.path, desired) => {
                (FieldOp::Replace, DriftClass::Mutated, VerdictRow::DifferentByAdmission)
            }
            _ => (FieldOp::Replace, DriftClass::PendingSync, VerdictRow::DifferentAsApplied),
        }
    }

    fn removed(&self, d: &Difference<'_>) -> (FieldOp, DriftClass, VerdictRow) {
        // What was applied last did not have it either: the declaration moved on, nobody removed anything.
        let never_applied = self.last_applied.is_some() && self.applied(&d.path).is_none();
        let class = if never_applied { DriftClass::PendingSync } else { DriftClass::Removed };
        (FieldOp::Remove, class, VerdictRow::DeclaredOnly)
    }

    fn added(
        &self,
        d: &Difference<'_>,
        live: Node<'_>,
        entry: Option<&OwnerEntry<'_>>,
    ) -> Option<(FieldOp, DriftClass, VerdictRow)> {
        let changed = if d.default.is_some() { VerdictRow::DefaultChanged } else { VerdictRow::AddedByOther };
        let Some(entry) = entry else { return self.unowned(d, live) };
        let is_scaled = self.autoscaled && d.path.to_string() == ".spec.replicas" && is_autoscaler(entry);
        let is_tool = || managers::manager_kind(entry.manager) == ManagerKind::Other;
        let is_mark = self.is_applier(entry)
            && !managers::is_engine(entry.manager)
            && (is_tool()
                && (controllers::is_mark_of(entry.manager, &d.path, live)
                    || controllers::is_note_of_applier(&d.path, live, self.object))
                || is_family_of_marks(entry, &d.path, live, (self.declared, self.object)));
        if is_scaled
            || is_mark
            || controllers::is_engines_label(entry.manager, &d.path, live, self.object)
            || managers::is_platform(entry.manager)
            || self.is_bookkeeping(&d.path) && self.is_noted_by(entry, &d.path)
        {
            return Some((FieldOp::Add, DriftClass::Managed, VerdictRow::ControllersOwn));
        }
        if !self.is_applier(entry) {
            if self.was_filled_in_for(entry, &d.path) {
                return None;
            }
            if controllers::owns_addition(entry, &d.path, live, (self.declared, self.object, self.managed)) {
                return Some((FieldOp::Add, DriftClass::Managed, VerdictRow::ControllersOwn));
            }
            if is_deployment_record(entry, &d.path, live, self.object, self.last_write_of_applier()) {
                return Some((FieldOp::Add, DriftClass::Managed, VerdictRow::DeploymentRecord));
            }
            return Some((FieldOp::Add, DriftClass::Added, changed));
        }
        match (entry.operation, self.last_applied) {
            (Operation::Apply, _) => {
                Some((FieldOp::Add, DriftClass::PendingRemoval, VerdictRow::OnceApplied))
            }
            (Operation::Update, Some(_)) => {
                // In what was applied: left behind. Not in it: filled in on the way in, in the applier's name.
                let applied = self.applied(&d.path)?;
                let class =
                    if same(applied, live) { DriftClass::PendingRemoval } else { DriftClass::Mutated };
                Some((FieldOp::Add, class, VerdictRow::OnceApplied))
            }
            (Operation::Update, None) => Some((FieldOp::Add, DriftClass::Added, changed)),
        }
    }

    /// Returns `true` if a field was filled in while somebody else than the applier applied the object: he owns it, and the record
    /// of what he applied does not have it.
    fn was_filled_in_for(&self, entry: &OwnerEntry<'_>, path: &FieldPath) -> bool {
        let record = FieldPath::of(&["metadata", "annotations", LAST_APPLIED]);
        let is_one = entry.operation == Operation::Update && !managers::is_folded(entry.manager);
        if !is_one || !entry.names(&record) {
            return false;
        }
        let applied =
            self.object.annotation(LAST_APPLIED).and_then(|text| Doc::from_json(text.as_bytes()).ok());
        applied.is_some_and(|doc| at_typed_path(doc.root(), path, self.schema).is_none())
    }

    /// A live field without owner.
    fn unowned(&self, d: &Difference<'_>, live: Node<'_>) -> Option<(FieldOp, DriftClass, VerdictRow)> {
        if self.is_bookkeeping(&d.path) {
            return Some((FieldOp::Add, DriftClass::Managed, VerdictRow::ControllersOwn));
        }
        if self.managed.entries.is_empty() {
            // Owners were left out of the dump: what else is in it has to show who wrote.
            let is_scaled = self.autoscaled && d.path.to_string() == ".spec.replicas";
            return match is_scaled || controllers::is_controllers_field("", &d.path, live, self.object) {
                true => Some((FieldOp::Add, DriftClass::Managed, VerdictRow::ControllersOwn)),
                false => Some((FieldOp::Add, DriftClass::Added, VerdictRow::AddedByNobody)),
            };
        }
        // The scale subresource leaves no owner where nobody owned replicas before.
        let scaled = d.default.is_some() && d.path.to_string() == ".spec.replicas";
        match (scaled, self.autoscaled) {
            (true, true) => Some((FieldOp::Add, DriftClass::Managed, VerdictRow::ControllersOwn)),
            (true, false) => Some((FieldOp::Add, DriftClass::Added, VerdictRow::DefaultChanged)),
            (false, _) if self.was_applied(&d.path) || self.has_no_default(&d.path) => {
                Some((FieldOp::Add, DriftClass::Added, VerdictRow::AddedByNobody))
            }
            (false, _) => None,
        }
    }

    /// Returns `true` if the engine once applied something at a path.
    fn was_applied(&self, path: &FieldPath) -> bool {
        let applied = self.knowledge.and_then(|k| k.applied.as_ref());
        applied.into_iter().flatten().flatten().any(|o| o.root().at_path(path).is_some())
    }

    /// Returns `true` for an entry of the data of an object: neither a default nor admission fills those.
    fn has_no_default(&self, path: &FieldPath) -> bool {
        let parent = path.parent().filter(|parent| parent.len() == 1);
        let map = parent.and_then(|parent| self.schema?.at_path(&parent)).map(TypeRef::shape);
        matches!(map, Some(Shape::Map(_)))
    }

    /// Returns `true` if admission filled the map in which the field is: an entry beside it has no owner, and no default stands
    /// in such a map.
    fn was_filled_in(&self, path: &FieldPath) -> bool {
        let Some(parent) = path.parent().filter(|p| p.len() > 1 && !p.starts_with_fields(&["metadata"]))
        else {
            return false;
        };
        let is_map =
            self.schema.and_then(|s| s.at_path(&parent)).is_some_and(|t| matches!(t.shape(), Shape::Map(_)));
        let live = self.object.root().at_path(&parent).filter(|_| is_map);
        live.into_iter().flat_map(Node::children).any(|n| self.owner(&parent.child(n.key())).is_none())
    }

    /// Returns `true` if admission replaced a declared value, and noted it.
    fn was_rewritten(&self, path: &FieldPath, desired: Node<'_>) -> bool {
        self.applied(path).is_none()
            && is_noted_as_original(desired, (self.declared, self.object), self.managed)
    }

    /// Returns `true` for a label or annotation in which a controller counts or notes what it did.
    fn is_record(&self, path: &FieldPath) -> bool {
        bookkeeping_at(path) == Some(BookkeepingKind::Record)
    }

    /// Returns `true` if who wrote a bookkeeping key may be the tool whose key it is: what a person writes there by hand is an
    /// edit, but for a request, which is made that way.
    fn is_noted_by(&self, entry: &OwnerEntry<'_>, path: &FieldPath) -> bool {
        self.is_applier(entry)
            || !managers::is_by_hand(entry.manager)
            || bookkeeping_at(path) == Some(BookkeepingKind::Request)
    }

    /// Returns `true` for a label or annotation in which a tool keeps records, or marks whose the object is.
    fn is_bookkeeping(&self, path: &FieldPath) -> bool {
        bookkeeping_at(path).is_some() || is_applier_label(path, self.object)
    }

    fn applied(&self, path: &FieldPath) -> Option<Node<'_>> {
        at_typed_path(self.last_applied?.root(), path, self.schema)
    }

    /// Returns when what applies wrote a field that is in what it applied last.
    pub(super) fn applied_at(&self, path: &FieldPath) -> Option<Timestamp> {
        self.applied(path).and_then(|_| self.last_write_of_applier())
    }

    fn last_write_of_applier(&self) -> Option<Timestamp> {
        self.managed.entries.iter().filter(|e| self.is_applier(e)).filter_map(OwnerEntry::time).max()
    }

    fn cause(&self, class: DriftClass, entry: Option<&OwnerEntry<'_>>, path: &FieldPath) -> DriftCause {
        let image = matches!(path.elements().last(), Some(PathElement::Field(f)) if &**f == "image");
        match (class, entry) {
            (DriftClass::PendingSync, _) if image => DriftCause::OutdatedImage,
            (DriftClass::PendingSync | DriftClass::PendingRemoval, _) => DriftCause::PendingSync,
            (DriftClass::Mutated, _) => DriftCause::AdmissionMutation,
            (DriftClass::Managed, _) => DriftCause::ProviderVariation,
            (_, None) => DriftCause::Unknown,
            (_, Some(e))
                if self.autoscaled && e.subresource == "scale" && !managers::is_by_hand(e.manager) =>
            {
                DriftCause::AutomationInconsistency
            }
            (_, Some(e)) if managers::is_by_hand(e.manager) => DriftCause::ManualChange,
            (_, Some(_)) => DriftCause::AutomationInconsistency,
        }
    }
}

impl EngineContext<'_> {
    pub(super) fn wrote(&self, entry: &OwnerEntry<'_>) -> bool {
        entry.subresource.is_empty() && self.appliers.iter().any(|a| **a == *entry.manager)
    }

    fn others_say(&self, path: &FieldPath, live: Node<'_>, ty: Option<TypeRef<'_>>) -> bool {
        self.others.iter().filter_map(|o| at_typed_path(o.root(), path, ty)).any(|o| same(o, live))
    }
}

/// Returns `true` if what is live is what is declared, with marks of a tool that applies in it.
fn is_same_but_for_marks(desired: Node<'_>, live: Node<'_>) -> bool {
    let is_mark = |n: &Node<'_>| bookkeeping_kind(n.key()) == Some(BookkeepingKind::Ownership);
    match (desired.kind(), live.kind()) {
        (Kind::Map, Kind::Map) => {
            desired.children().all(|n| live.get(n.key()).is_some_and(|l| is_same_but_for_marks(n, l)))
                && live.children().all(|n| desired.get(n.key()).is_some() || is_mark(&n))
        }
        _ => desired == live,
    }
}

/// Of what an autoscaler aims at, whoever but a person writes through `scale` is that autoscaler.
fn is_autoscaler(entry: &OwnerEntry<'_>) -> bool {
    managers::is_platform(entry.manager)
        || entry.subresource == "scale" && !managers::is_by_hand(entry.manager)
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
