//! Two objects of one kind in different versions, or of a kind without a schema: how they are compared, and how far
//! what differs is sure to be a difference.

use crate::diff::Difference;
use crate::k8s::conversion::VersionConversion;
use crate::k8s::managers;
use crate::object::{Doc, Kind, Node, Object};
use crate::ownership::{Operation, OwnerEntry};
use crate::path::{FieldPath, PathElement};
use crate::schema::{ConversionStrategy, Default, KindSchema, SchemaSet, Shape, Topology, TypeRef};

use super::report::DriftChange;
use super::verdict::EngineContext;

/// A declared and a live object in one version, as far as they can be brought into one.
pub(super) struct AlignedPair<'a> {
    /// The declared object in the newest version, where it is declared in an older one.
    pub(super) desired: Option<Object>,
    /// The live object in the newest version, where it is live in an older one.
    pub(super) live: Option<Object>,
    /// What leads from the version of the declared and of the live object to the newest.
    pub(super) conversions: [Option<VersionConversion>; 2],
    /// The schema by which the two are compared.
    pub(super) schema: Option<KindSchema<'a>>,
    pub(super) certainty: Certainty<'a>,
}

/// How far a difference between two documents is one between what they mean.
#[derive(Clone, Copy, Debug)]
pub(super) enum Certainty<'a> {
    /// All of it: both have the version of the schema.
    Full,
    /// All of it, but what the declared version fills in counts as well: the server converts by changing the version only.
    SameFields { declared: TypeRef<'a> },
    /// Where both versions have the same type: a webhook converts between them.
    CommonFields { declared: TypeRef<'a>, live: TypeRef<'a> },
    /// Nothing that only the version may explain: one of the two versions is not known.
    UnknownVersion,
    /// What no default and no typed client explains: there is no schema.
    NoSchema,
}

impl<'a> AlignedPair<'a> {
    /// Brings two objects into one version; of two in the version of a known schema nothing is looked at.
    pub(super) fn of(desired: &Object, live: &Object, schemas: &'a SchemaSet) -> Self {
        let schema_of = |o: &Object| schemas.kind(o.group(), o.version(), o.kind());
        let is_same = desired.api_version() == live.api_version();
        let found = schema_of(live);
        if is_same && found.is_some() {
            return Self::unconverted(found, Certainty::Full);
        }
        if let Some(converted) = Self::converted(desired, live, schemas) {
            return converted;
        }
        let declared = schema_of(desired);
        let certainty = match (declared, found) {
            _ if is_same => Certainty::NoSchema,
            (Some(d), Some(l)) if l.conversion_strategy() == ConversionStrategy::NameOnly => {
                Certainty::SameFields { declared: d.root() }
            }
            (None, Some(l)) if l.conversion_strategy() == ConversionStrategy::NameOnly => Certainty::Full,
            (Some(d), Some(l)) => Certainty::CommonFields { declared: d.root(), live: l.root() },
            _ => Certainty::UnknownVersion,
        };
        Self::unconverted(found.or(declared), certainty)
    }

    fn unconverted(schema: Option<KindSchema<'a>>, certainty: Certainty<'a>) -> Self {
        Self { desired: None, live: None, conversions: [None, None], schema, certainty }
    }

    /// Converts what is not in the newest version of a built-in kind.
    fn converted(desired: &Object, live: &Object, schemas: &'a SchemaSet) -> Option<Self> {
        let conversions = [desired, live].map(|o| VersionConversion::of(o.api_version(), o.kind()));
        let target = |at: usize, o: &Object| {
            conversions[at].as_ref().map_or_else(|| o.api_version().to_owned(), |c| c.target().to_owned())
        };
        let newest = target(0, desired);
        if conversions.iter().all(Option::is_none) || newest != target(1, live) {
            return None;
        }
        let (group, version) = newest.rsplit_once('/')?;
        let convert = |at: usize, o: &Object| match &conversions[at] {
            Some(conversion) => conversion.apply(o).map(Some),
            None => Some(None),
        };
        Some(Self {
            desired: convert(0, desired)?,
            live: convert(1, live)?,
            schema: Some(schemas.kind(group, version, live.kind())?),
            conversions,
            certainty: Certainty::Full,
        })
    }

    /// Returns `true` if both are compared as they stand.
    pub(super) fn is_plain(&self) -> bool {
        self.conversions.iter().all(Option::is_none)
    }

    /// Returns a document that was applied in the version in which the two are compared.
    pub(super) fn in_newest_version(&self, doc: Doc) -> Doc {
        let root = doc.root();
        let words = (root.str_at(&["apiVersion"]), root.str_at(&["kind"]));
        let (false, (Some(version), Some(kind))) = (self.is_plain(), words) else { return doc };
        VersionConversion::of(version, kind).and_then(|c| c.apply_to(root)).unwrap_or(doc)
    }

    /// Returns what a reader should know of how the two were compared, where it is not as they stand.
    pub(super) fn note(&self, changes: &[DriftChange], desired: &Object, live: &Object) -> Option<String> {
        let mut counting = changes.iter().filter(|c| c.class.counts()).peekable();
        counting.peek()?;
        if matches!(self.certainty, Certainty::NoSchema) {
            return Some(format!("no schema of {} is known: lists are compared as wholes", live.kind()));
        }
        let older =
            |path: &FieldPath| self.conversions[0].as_ref().map(|c| c.older_path(path)).filter(|p| p != path);
        let list: Vec<_> =
            counting.filter_map(|c| Some(format!("`{}` is `{}`", c.path, older(&c.path)?))).collect();
        let (from, to) = (desired.api_version(), live.api_version());
        match &self.conversions[1] {
            Some(conversion) => {
                Some(format!("declared as {from}, live as {to}, compared as {}", conversion.target()))
            }
            None if list.is_empty() => None,
            None => Some(format!("declared as {from} and live as {to}: {} there", list.join(", "))),
        }
    }

    /// Leaves out what the declared version fills in, and adds what a person made of it.
    pub(super) fn settle_defaults<'d>(
        &'d self,
        differences: &mut Vec<Difference<'d>>,
        (desired, live): (Node<'d>, Node<'d>),
        is_by_hand: impl Fn(&FieldPath) -> bool,
    ) {
        if let Certainty::SameFields { declared } = self.certainty {
            let is_default =
                |d: &Difference<'_>| default_at(declared, &d.path).is_some_and(|n| Some(n) == d.live);
            differences.retain(|d| d.desired.is_some() || !is_default(d));
        }
        let ([Some(conversion), _], Some(schema)) = (&self.conversions, self.schema) else { return };
        let explained =
            |path: &FieldPath, live: Node<'_>| conversion.defaults().any(|o| o.explains(path, live, desired));
        differences.retain(|d| d.desired.is_some() || !d.live.is_some_and(|l| explained(&d.path, l)));
        let others = conversion.defaults().flat_map(|o| o.contradictions(desired, live, schema.root()));
        let mut others: Vec<_> = others
            .filter(|(path, live, _)| {
                !explained(path, *live) && !differences.iter().any(|d| path.starts_with(&d.path))
            })
            .collect();
        others.retain(|(path, ..)| is_by_hand(path));
        for (path, live, default) in others {
            let default = Some(default.to_doc());
            let (desired, live) = (None, Some(live));
            differences.push(Difference {
                path,
                desired,
                live,
                default,
                unknown_field: false,
                only_by_hand: false,
                order: None,
            });
        }
    }
}

/// What is known of an engine, with its objects in the newest version of their kind.
pub(super) struct ConvertedContext<'a> {
    source: &'a EngineContext<'a>,
    applied: Vec<Option<Object>>,
    others: Vec<Option<Object>>,
}

/// Returns an object in the newest version of its kind; `None` where it is in that, or nothing is known of it.
fn in_newest_version(object: &Object) -> Option<Object> {
    VersionConversion::of(object.api_version(), object.kind())?.apply(object)
}

impl<'a> ConvertedContext<'a> {
    pub(super) fn of(source: &'a EngineContext<'a>) -> Self {
        let applied = source.applied.iter().flatten().map(|o| o.and_then(in_newest_version)).collect();
        let others = source.others.iter().map(|o| in_newest_version(o)).collect();
        Self { source, applied, others }
    }

    pub(super) fn context(&self) -> EngineContext<'_> {
        let EngineContext { appliers, applied, others } = self.source;
        EngineContext {
            appliers,
            applied: applied
                .as_ref()
                .map(|all| all.iter().zip(&self.applied).map(|(o, new)| new.as_ref().or(*o)).collect()),
            others: others.iter().zip(&self.others).map(|(o, new)| new.as_ref().unwrap_or(o)).collect(),
        }
    }
}

impl Certainty<'_> {
    /// Returns `true` if whatever differs is a difference.
    pub(super) fn is_full(self) -> bool {
        matches!(self, Self::Full | Self::SameFields { .. })
    }

    /// Returns `true` if a difference may be no more than a default or a conversion; `owner` is who wrote the live value.
    ///
    /// What somebody other than the applier wrote of a kind without a schema, and what a person wrote of one that has
    /// several versions, was written on purpose.
    pub(super) fn doubts(self, d: &Difference<'_>, owner: Option<&OwnerEntry<'_>>, is_applier: bool) -> bool {
        let by_hand = owner.is_some_and(|o| !is_applier && managers::is_by_hand(o.manager));
        match self {
            Self::Full | Self::SameFields { .. } => false,
            _ if d.path.starts_with_fields(&["metadata"]) => false,
            Self::CommonFields { declared, live } => {
                !by_hand && (d.unknown_field || !have_same_type(declared, live, &d.path))
            }
            Self::UnknownVersion => !by_hand,
            Self::NoSchema if owner.is_some_and(|_| !is_applier) => false,
            Self::NoSchema => may_be_filled_in(d, owner),
        }
    }

    /// Returns what a reader should know of fields that cannot be compared.
    pub(super) fn doubt(self, paths: &[String], desired: &Object, live: &Object) -> String {
        let list = paths.iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ");
        let (from, to) = (desired.api_version(), live.api_version());
        match self {
            Self::NoSchema => {
                let kind = live.kind();
                format!(
                    "{list} may differ by defaults only: no schema of {kind} is known; its CustomResourceDefinition in the dump, or `--schemas`, would show"
                )
            }
            Self::Full | Self::SameFields { .. } => {
                let kind = live.kind();
                format!(
                    "{list} may differ by defaults only: the definition of {kind} does not say what is in there"
                )
            }
            _ => format!(
                "{list} cannot be compared: declared as {from} and live as {to}, and the fields are not the same in both; declared as {to} they could be"
            ),
        }
    }
}

/// Returns `true` if what a kind without a schema has live may be the declaration with defaults filled in.
fn may_be_filled_in(d: &Difference<'_>, owner: Option<&OwnerEntry<'_>>) -> bool {
    match (d.desired, d.live) {
        // That the applier sent the very field once is sure; as a part of an atomic value, or with its defaults, it is not.
        (None, Some(_)) => !owner.is_some_and(|o| o.operation == Operation::Apply && o.names(&d.path)),
        (Some(declared), Some(live)) => is_filled_in(declared, live),
        (Some(declared), None) => is_zero(declared),
        (None, None) => false,
    }
}

/// Returns `true` if a live value is a declared one with more in it.
pub(super) fn is_filled_in(declared: Node<'_>, live: Node<'_>) -> bool {
    match (declared.kind(), live.kind()) {
        (Kind::Map, Kind::Map) => {
            declared.children().filter(|n| !n.is_null()).all(|n| match live.get(n.key()) {
                Some(l) => is_filled_in(n, l),
                None => is_zero(n),
            })
        }
        // A definition fills in fields of elements, and never elements.
        (Kind::List, Kind::List) => {
            declared.len() == live.len()
                && declared.children().zip(live.children()).all(|(d, l)| is_filled_in(d, l))
        }
        _ => declared == live || crate::diff::is_respelled(crate::schema::ScalarKind::String, declared, live),
    }
}

/// Returns `true` for a value that a typed client leaves out.
fn is_zero(n: Node<'_>) -> bool {
    n.is_null()
        || matches!(n.kind(), Kind::List | Kind::Map) && n.is_empty()
        || n.as_str() == Some("")
        || n.as_bool() == Some(false)
        || n.as_f64() == Some(0.0)
}

fn below<'a>(ty: TypeRef<'a>, element: &PathElement) -> Option<TypeRef<'a>> {
    match (ty.shape(), element) {
        (_, PathElement::Field(name)) => ty.child(name),
        (Shape::List(list), _) => Some(list.element()),
        _ => None,
    }
}

/// Returns the constant that stands for a missing field.
fn default_at<'a>(root: TypeRef<'a>, path: &FieldPath) -> Option<Node<'a>> {
    let (last, parents) = path.elements().split_last()?;
    let parent = parents.iter().try_fold(root, below)?;
    match (parent.shape(), last) {
        (Shape::Struct(s), PathElement::Field(name)) => match s.field(name)?.default()? {
            Default::Constant(node) => Some(node),
            _ => None,
        },
        _ => None,
    }
}

/// Returns `true` if two versions have the same type at a path and all below it.
fn have_same_type(a: TypeRef<'_>, b: TypeRef<'_>, path: &FieldPath) -> bool {
    let at = |root| path.elements().iter().try_fold(root, below);
    let defaults = default_at(a, path) == default_at(b, path);
    defaults && matches!((at(a), at(b)), (Some(a), Some(b)) if is_same_type(a, b, 0))
}

/// Deepest types that are compared: those that hold themselves have no end.
const MAX_DEPTH: usize = 24;

fn is_same_type(a: TypeRef<'_>, b: TypeRef<'_>, depth: usize) -> bool {
    if a == b || depth > MAX_DEPTH {
        return a == b;
    }
    let same = |a, b| is_same_type(a, b, depth + 1);
    match (a.shape(), b.shape()) {
        (Shape::Unknown, Shape::Unknown) => true,
        (Shape::Scalar(x), Shape::Scalar(y)) => x == y && a.allowed_values() == b.allowed_values(),
        (Shape::Map(x), Shape::Map(y)) => same(x.value(), y.value()),
        (Shape::List(x), Shape::List(y)) => {
            let keys = match (x.topology(), y.topology()) {
                (Topology::Map(x), Topology::Map(y)) => x == y,
                (x, y) => x == y,
            };
            keys && same(x.element(), y.element())
        }
        (Shape::Struct(x), Shape::Struct(y)) => {
            let constant = |d: Option<Default<'_>>| match d {
                Some(Default::Constant(node)) => Some(node.to_doc()),
                _ => None,
            };
            x.fields().count() == y.fields().count()
                && x.fields().zip(y.fields()).all(|(x, y)| {
                    x.name() == y.name()
                        && constant(x.default()) == constant(y.default())
                        && same(x.ty(), y.ty())
                })
        }
        _ => false,
    }
}
