//! One declared object against the live one.

use crate::diff::{Difference, Mode, OrderChange, Walk};
use crate::k8s::annotations::LAST_APPLIED;
use crate::k8s::managers;
use crate::k8s::metadata::WRITABLE_METADATA;
use crate::key::ResourceKey;
use crate::object::{Doc, Kind, Node, Object};
use crate::ownership::{OwnerEntry, OwnerView};
use crate::path::{FieldPath, Scalar};
use crate::redact::Redactor;
use crate::schema::{Default, KindSchema, MapShape, SchemaSet, Shape, TypeRef};
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::applier::{self, Applier, FoundApplier};
use super::report::{Basis, DriftChange, DriftClass, Owner, ResourceDrift, Status};
use super::secret;
use super::shares;
use super::verdict::{EncryptedValue, EngineContext, FieldVerdict, LiveEvidence};
use super::versions::{AlignedPair, ConvertedContext};

/// What a comparison needs to know besides the two objects.
#[derive(Debug)]
pub struct Context<'a> {
    /// Schemas of the kinds.
    pub schemas: &'a SchemaSet,
    /// The field manager that applies the estate, if one stands out; it is preferred where it owns anything.
    pub applier: Option<Applier>,
    /// Targets of live autoscalers.
    pub autoscaled: Arc<BTreeSet<ResourceKey>>,
    /// What hashed the secrets of the objects.
    pub redactor: Option<Redactor>,
    /// Type of `metadata`, for kinds whose schema does not spell it out.
    pub(super) object_meta: Option<TypeRef<'a>>,
}

impl<'a> Context<'a> {
    /// Makes a context without an estate: the applier is found in each object alone.
    pub fn new(schemas: &'a SchemaSet) -> Self {
        let object_meta = schemas.kind("", "v1", "ConfigMap").and_then(|k| k.root().child("metadata"));
        Self { schemas, applier: None, autoscaled: Arc::default(), redactor: None, object_meta }
    }
}

/// Compares one declared object with the live one of the same key.
pub fn compare_object(
    key: &ResourceKey,
    desired: &Object,
    live: &Object,
    context: &Context<'_>,
) -> ResourceDrift {
    compare_known(key, desired, live, context, None)
}

/// Compares one declared object with the live one of the same key, knowing the engine that declares it.
pub(super) fn compare_known(
    key: &ResourceKey,
    desired: &Object,
    live: &Object,
    context: &Context<'_>,
    knowledge: Option<&EngineContext<'_>>,
) -> ResourceDrift {
    let mut result = ResourceDrift::in_sync(key);
    let pair = AlignedPair::of(desired, live, context.schemas);
    let schema = pair.schema.map(KindSchema::root);
    if live.root().at(&["metadata", "deletionTimestamp"]).is_some() {
        result.notes.push("is being deleted".into());
    }
    let (as_declared, as_live) =
        (pair.desired.as_ref().unwrap_or(desired), pair.live.as_ref().unwrap_or(live));
    let (folded_desired, folded_live) =
        (secret::normalize_secret(as_declared), secret::normalize_secret(as_live));
    let d = folded_desired.as_ref().map_or(as_declared.root(), Doc::root);
    let l = folded_live.as_ref().map_or(as_live.root(), Doc::root);
    let mut differences = differences(d, l, schema, context);
    // Of most objects nobody asks.
    let writers = OnceCell::new();
    let writers = || writers.get_or_init(|| Writers::of((desired, live), context, knowledge));
    pair.settle_defaults(&mut differences, (d, l), |path| writers().is_by_hand(path));
    differences.retain(|x| !secret::is_same_by_hash(x.desired, x.live, context.redactor.as_ref()));
    let is_sealed = secret::is_sealed(desired);
    if is_sealed {
        let sealed = |x: &Difference<'_>| {
            x.path.starts_with_fields(&["sops"]) || x.desired.is_some_and(secret::holds_sealed)
        };
        differences.retain(|x| !sealed(x));
    }
    // Of an object without difference no more than the names of its managers is read: that is most objects, most of the time.
    let has_owners = live.root().at(&["metadata", "managedFields"]).is_some_and(|m| !m.is_empty());
    result.basis = basis(schema.is_some(), has_owners);
    if !differences.is_empty() {
        let converted = knowledge.filter(|_| !pair.is_plain()).map(ConvertedContext::of);
        let newest = converted.as_ref().map(ConvertedContext::context);
        let knowledge = newest.as_ref().or(knowledge);
        judge((desired, live, &pair), differences, writers(), (context, knowledge), &mut result);
    }
    if is_sealed {
        result.notes.push("is encrypted where it is declared (SOPS): its values are not known here".into());
        if result.status == Status::InSync {
            result.status = Status::Unknown;
        }
    }
    result
}

fn basis(schema: bool, owners: bool) -> Basis {
    match (schema, owners) {
        (true, true) => Basis::SchemaAndOwnership,
        (true, false) => Basis::Schema,
        (false, true) => Basis::Ownership,
        (false, false) => Basis::Structure,
    }
}

fn differences<'a>(
    d: Node<'a>,
    l: Node<'a>,
    schema: Option<TypeRef<'a>>,
    context: &Context<'a>,
) -> Vec<Difference<'a>> {
    let mut walk = Walk::new(Mode::Declared, d, l).edited(is_edited(l));
    let has_plain_status = schema.is_some_and(has_plain_status);
    walk.root(d, l, schema, |walk, name, d, l| {
        if name == "metadata" {
            let ty =
                schema.and_then(|s| s.child("metadata")).filter(|t| matches!(t.shape(), Shape::Struct(_)));
            walk.below(name, |walk| metadata(walk, d, l, ty.or(context.object_meta)));
        }
        match name {
            "status" => !has_plain_status || d.is_none_or(|d| d.is_null() || d.is_empty()),
            _ => matches!(name, "metadata" | "apiVersion" | "kind"),
        }
    });
    let mut found = walk.finish();
    // What a controller adds to a status is its report, whoever declares a part of it.
    found.retain(|x| x.desired.is_some() || !x.path.starts_with_fields(&["status"]));
    found
}

/// Returns `true` if `status` is an ordinary field of the kind: its definition has no such subresource, so that it arrives with
/// what is applied.
fn has_plain_status(kind: TypeRef<'_>) -> bool {
    let Shape::Struct(shape) = kind.shape() else { return false };
    let status = shape.field("status");
    status.is_some_and(|s| !matches!(s.default(), Some(Default::Allocated)))
}

/// Returns `true` if a person owns a part of a live object.
fn is_edited(live: Node<'_>) -> bool {
    let entries = live.at(&["metadata", "managedFields"]).into_iter().flat_map(Node::children);
    entries.filter_map(|e| e.get("manager")?.as_str()).any(managers::is_by_hand)
}

fn metadata<'a>(walk: &mut Walk<'a>, d: Option<Node<'a>>, l: Option<Node<'a>>, ty: Option<TypeRef<'a>>) {
    for name in WRITABLE_METADATA {
        let child =
            |n: Option<Node<'a>>| n.and_then(|n| n.get(name)).filter(|n| !n.is_null() && !n.is_empty());
        let (d, l) = (child(d), child(l));
        let ty = ty.and_then(|t| t.child(name));
        walk.below(name, |walk| match (name, d, l) {
            ("annotations" | "labels", d, l) => marks(walk, d, l, ty),
            (_, Some(d), Some(l)) => walk.pair(d, l, ty),
            (_, Some(d), None) => walk.emit(Some(d), None),
            (_, None, Some(l)) => walk.live_value(l, ty),
            (_, None, None) => {}
        });
    }
}

/// Labels and annotations. The last-applied annotation is evidence, not content.
fn marks<'a>(walk: &mut Walk<'a>, d: Option<Node<'a>>, l: Option<Node<'a>>, ty: Option<TypeRef<'a>>) {
    let shape = match ty.map(TypeRef::shape) {
        Some(Shape::Map(m)) => Some(m),
        _ => None,
    };
    let special =
        |n: &Node<'_>| n.key() == LAST_APPLIED || shape.is_some_and(|m: MapShape<'_>| m.allocates(n.key()));
    match (d, l) {
        (Some(d), Some(l)) => walk.maps_without(d, l, shape, LAST_APPLIED),
        (Some(d), None) => walk.emit(Some(d), None),
        // Without them there is no whole that could be reported.
        (None, Some(l)) if l.children().any(|n| special(&n)) => {
            for child in l.children().filter(|n| !special(n)) {
                walk.below(child.key(), |w| w.emit(None, Some(child)));
            }
        }
        (None, Some(l)) => walk.emit(None, Some(l)),
        (None, None) => {}
    }
}

/// Who wrote a live object, and who of them applies it.
struct Writers<'a> {
    managed: OwnerView<'a>,
    applier: Option<FoundApplier>,
}

impl<'a> Writers<'a> {
    fn of(
        (desired, live): (&Object, &'a Object),
        context: &Context<'_>,
        knowledge: Option<&EngineContext<'_>>,
    ) -> Self {
        let managed = OwnerView::of(live).with_sound_keys();
        let applier = match knowledge {
            Some(knowledge) => {
                let written = managed.entries.iter().find(|e| knowledge.wrote(e));
                written.map(|e| FoundApplier::certain(Applier::of(e)))
            }
            None => find_applier((desired, live), &managed, context),
        };
        Self { managed, applier }
    }

    /// Returns `true` if a person owns a field who does not apply the object.
    fn is_by_hand(&self, path: &FieldPath) -> bool {
        let applies = |e: &OwnerEntry<'_>| self.applier.as_ref().is_some_and(|a| a.applier.is(e));
        self.managed.owners(path).any(|e| managers::is_by_hand(e.manager) && !applies(e))
    }

    /// Writes that it is not known who applies the object, where the verdict on a change rests on that.
    fn note_tie(&self, changes: &[DriftChange]) -> Option<String> {
        let FoundApplier { applier, tied } = self.applier.as_ref().filter(|a| !a.tied.is_empty())?;
        let one = &applier.manager;
        let rests = |c: &DriftChange| {
            c.class.counts()
                && c.owner.as_ref().is_some_and(|o| o.manager == *one || tied.contains(&o.manager))
        };
        let others = tied.iter().map(|other| format!("`{other}`")).collect::<Vec<_>>().join(" and ");
        changes.iter().any(rests).then(|| {
            format!(
                "`{one}` and {others} own equally much of what is declared, and nothing shows which of them applies it: \
                 it is judged as if `{one}` did"
            )
        })
    }
}

fn judge(
    (desired, live, pair): (&Object, &Object, &AlignedPair<'_>),
    mut differences: Vec<Difference<'_>>,
    writers: &Writers<'_>,
    (context, knowledge): (&Context<'_>, Option<&EngineContext<'_>>),
    result: &mut ResourceDrift,
) {
    let managed = &writers.managed;
    if managed.unreadable > 0 {
        result.notes.push(format!("{} entries of managedFields cannot be read", managed.unreadable));
    }
    let applier = writers.applier.as_ref().map(|found| &found.applier);
    let applied = last_applied(live, managed, applier).map(|doc| pair.in_newest_version(doc));
    let evidence = LiveEvidence {
        declared: desired,
        object: live,
        managed,
        applier,
        last_applied: applied.as_ref(),
        autoscaled: context.autoscaled.contains(&result.key),
        schema: pair.schema.map(KindSchema::root),
        is_custom: SchemaSet::bundled().scope(live.group(), live.kind()).is_none(),
        conversions: &pair.conversions,
        knowledge,
    };
    let hides = secret::is_secret(live);
    let mut unknown = false;
    let mut doubtful = Vec::new();
    differences.retain(|d| d.order != Some(OrderChange::Meaningless) || evidence.is_by_hand(&d.path));
    for (difference, owner) in differences.into_iter().flat_map(|d| by_owner(d, &evidence, context)) {
        if is_zero_of_engine(live, &difference) {
            continue;
        }
        if evidence.is_filled_in_by_flux(&difference) {
            unknown = true;
            result.notes.push(format!(
                "`{}` is declared with variables that Flux fills in when it applies (postBuild), with what is not known here",
                difference.path
            ));
        } else if evidence.doubts(pair.certainty, &difference, owner) {
            if evidence.was_completed(&difference) {
                continue;
            }
            if difference.unknown_field || evidence.judge(&difference, owner).is_some() {
                doubtful.push(difference.path.to_string());
            }
        } else if difference.unknown_field {
            result.notes.push(format!(
                "`{}` is declared, but the kind has no such field: the API server drops it",
                difference.path
            ));
        } else if !difference.desired.is_some_and(secret::is_encrypted)
            && secret::incomparable(difference.desired, difference.live, context.redactor.as_ref())
        {
            result.notes.push(format!("`{}` cannot be compared: one side is redacted", difference.path));
        } else if let Some(verdict) = evidence.judge(&difference, owner) {
            if let Some(OrderChange::Sequence(..)) = difference.order {
                let path = &difference.path;
                result.notes.push(format!(
                    "`{path}` has the same elements in another order, which means something there"
                ));
            }
            let encrypted = difference.desired.is_some_and(secret::is_encrypted) && difference.live.is_some();
            match encrypted.then(|| evidence.encrypted(&verdict)).flatten() {
                Some(trust) => {
                    unknown |= trust == EncryptedValue::Unknown;
                    result.notes.push(format!("`{}` is declared encrypted: {trust}", difference.path));
                }
                None => result.changes.push(change(difference, verdict, &evidence, hides || encrypted)),
            }
        }
    }
    result.changes.sort_by(|a, b| a.path.cmp(&b.path));
    if !doubtful.is_empty() {
        unknown = true;
        result.notes.push(pair.certainty.doubt(&doubtful, desired, live));
    }
    result.notes.extend(pair.note(&result.changes, desired, live));
    result.notes.extend(writers.note_tie(&result.changes));
    result.applier = applier.map(|a| Arc::clone(&a.manager));
    set_status(result, unknown);
}

fn set_status(result: &mut ResourceDrift, unknown: bool) {
    let mut counting = result.changes.iter().filter(|c| c.class.counts()).peekable();
    // An engine's own records are no drift of what it declares.
    if unknown && counting.clone().all(DriftChange::is_bookkeeping) {
        result.status = Status::Unknown;
    } else if counting.peek().is_some() {
        result.status = Status::Drifted;
    }
}

/// Returns `true` for a declared value that the engines, written in Go, leave out when they write their own objects back.
fn is_zero_of_engine(live: &Object, d: &Difference<'_>) -> bool {
    let is_engines = live.group() == "argoproj.io" || live.group().ends_with(".toolkit.fluxcd.io");
    let is_zero = |n: Node<'_>| match n.kind() {
        Kind::Null => true,
        Kind::Bool => n.as_bool() == Some(false),
        Kind::Int | Kind::Float => n.as_f64() == Some(0.0),
        Kind::Str => n.as_str() == Some(""),
        Kind::List | Kind::Map => n.is_empty(),
    };
    is_engines && d.live.is_none() && d.desired.is_some_and(is_zero)
}

/// Divides what is live and not declared among those who filled it.
fn by_owner<'a, 'm>(
    difference: Difference<'a>,
    evidence: &LiveEvidence<'m>,
    context: &Context<'m>,
) -> Vec<(Difference<'a>, Option<&'m OwnerEntry<'m>>)> {
    let (None, Some(live)) = (difference.desired, difference.live) else { return vec![(difference, None)] };
    if !matches!(live.kind(), Kind::Map | Kind::List) {
        return vec![(difference, None)];
    }
    let metadata = || {
        let below =
            difference.path.starts_with_fields(&["metadata"]).then(|| &difference.path.elements()[1..])?;
        context.object_meta?.at_path(&FieldPath::from(below.to_vec()))
    };
    let ty = evidence.schema.and_then(|s| s.at_path(&difference.path)).or_else(metadata);
    let shares = shares::divide(evidence.managed, difference.path.clone(), live, ty);
    shares
        .into_iter()
        .map(|share| {
            let default = difference.default.clone().filter(|_| share.path == difference.path);
            let part = Difference { path: share.path, live: Some(share.live), default, ..difference.clone() };
            (part, share.owner)
        })
        .collect()
}

fn change(d: Difference<'_>, verdict: FieldVerdict, evidence: &LiveEvidence<'_>, hides: bool) -> DriftChange {
    let value = |n: Option<Node<'_>>| {
        n.map(|n| if hides { secret::hide(&d.path, n.to_value()) } else { n.to_value() })
    };
    let (desired, live) = match &d.order {
        Some(OrderChange::Sequence(before, after)) => {
            let names = |all: &[Scalar]| Some(all.iter().map(Scalar::to_value).collect());
            (names(before), names(after))
        }
        _ => (value(d.desired), value(d.live)),
    };
    let FieldVerdict { op, class, cause, owner, row } = verdict;
    let default = d.default.filter(|_| row == super::VerdictRow::DefaultChanged).map(|d| d.root().to_value());
    let removed_after = match class {
        DriftClass::Removed => evidence.applied_at(&d.path),
        _ => None,
    };
    DriftChange {
        path: d.path,
        op,
        class,
        cause,
        desired,
        live,
        default,
        owner,
        removed_at: None,
        removed_after,
        user: None,
        row,
        rule: None,
        line: None,
        commit: None,
    }
}

fn find_applier(
    (desired, live): (&Object, &Object),
    managed: &OwnerView<'_>,
    context: &Context<'_>,
) -> Option<FoundApplier> {
    let found = || applier::of_object(desired, live, managed);
    match &context.applier {
        Some(applier) if managed.entries.iter().any(|e| applier.is(e)) => {
            Some(FoundApplier::certain(applier.clone()))
        }
        // Another operation of the same manager is still the same tool. What it does not own at all, another tool applied;
        // a person who replaced it is no tool.
        Some(applier) => {
            let mut own = managed.entries.iter().filter(|e| e.subresource.is_empty());
            let same = own.find(|e| *e.manager == *applier.manager).map(Applier::of);
            same.map(FoundApplier::certain)
                .or_else(|| found().filter(|other| !managers::is_by_hand(&other.applier.manager)))
        }
        None => found(),
    }
}

/// Reads what was applied last from the annotation, if the applier is the one who wrote it.
fn last_applied(live: &Object, managed: &OwnerView<'_>, applier: Option<&Applier>) -> Option<Doc> {
    let text = live.annotation(LAST_APPLIED)?;
    let path = crate::path::FieldPath::of(&["metadata", "annotations", LAST_APPLIED]);
    // Who owns no more than the annotations as a whole did not write this one.
    let mut writers = managed.owners(&path).filter(|e| e.names(&path)).peekable();
    if writers.peek().is_some() && !writers.any(|e| applier.is_some_and(|a| *a.manager == *e.manager)) {
        return None;
    }
    let doc = Doc::from_json(text.as_bytes()).ok()?;
    if let Some(folded) = Object::new(doc.clone()).ok().and_then(|o| secret::normalize_secret(&o)) {
        return Some(folded);
    }
    (doc.root().kind() == Kind::Map).then_some(doc)
}

/// Returns the manager that created an object, by its oldest entry.
pub(super) fn creator(live: &Object) -> Option<Owner> {
    let owners = OwnerView::of(live);
    let own = owners.entries.iter().filter(|e| e.subresource.is_empty());
    own.min_by_key(|e| e.time()).map(Owner::of)
}
