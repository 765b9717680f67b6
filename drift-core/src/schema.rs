//! What the type of a field says: how values are equal, how lists are keyed, what a missing field stands for.
//!
//! A [`SchemaSet`] knows kinds. A [`KindSchema`] leads to the [`TypeRef`] of its root, and from there one walks down
//! next to the document: [`TypeRef::shape`], then the field, the element or the value. Nothing is allocated on the way.
//!
//! Three sources fill a set: [`SchemaSet::bundled`] (every built-in kind of one Kubernetes release),
//! [`SchemaSetBuilder::openapi_v3`] (documents of a cluster) and [`SchemaSetBuilder::crd`]
//! (CustomResourceDefinitions seen in the stream). [`SchemaSet::layered`] puts one over another.
//!
//! Deliberately absent: validation. A document that does not fit its schema is compared as it stands.

mod build;
mod bundled;
mod crd;
mod defaults;
mod duration;
mod graph;
mod lower;
mod openapi;
mod quantity;
#[cfg(test)]
mod recorded;
mod rule;
mod rule_pod;
mod rule_value;
mod scalar_kind;
mod shape;
mod table;

use std::fmt;
use std::sync::Arc;

pub use build::{SchemaError, SchemaSetBuilder};
pub use duration::{GoDuration, ParseDurationError};
pub use quantity::{ParseQuantityError, Quantity, QuantityFormat};
pub use rule::{Computed, Rule};
pub use scalar_kind::ScalarKind;
pub use shape::{Default, Field, Fields, ListShape, MapShape, Shape, StructShape, Topology, TypeRef};
pub use table::TableError;

use crate::key::ResourceKey;
use crate::object::Object;
pub(crate) use graph::ElementOrder;
use graph::TypeGraph;

/// Returns `true` if a resource is a CustomResourceDefinition: its schema bears on every object of the kind it defines.
pub fn is_definition(key: &ResourceKey) -> bool {
    key.group_kind() == ("apiextensions.k8s.io", "CustomResourceDefinition")
}

/// Whether the objects of a kind live in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Every object is in a namespace; a manifest without one means the namespace it is applied to.
    Namespaced,
    /// Objects are in no namespace.
    Cluster,
}

/// One kind in one version, as the set holds it.
#[derive(Clone)]
struct Entry {
    group: Arc<str>,
    kind: Arc<str>,
    version: Arc<str>,
    plural: Arc<str>,
    scope: Scope,
    conversion: ConversionStrategy,
    graph: Arc<TypeGraph>,
    root: u32,
}

/// What becomes of an object when it is read in another version of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConversionStrategy {
    /// `apiVersion` is another, and nothing else: a definition without a conversion webhook.
    NameOnly,
    /// Whatever a webhook or the API server makes of it.
    Unknown,
}

impl Entry {
    fn order(&self) -> (&str, &str, &str) {
        (&self.group, &self.kind, &self.version)
    }
}

/// The schemas of many kinds; immutable, cheap to share.
#[derive(Clone, Default)]
pub struct SchemaSet {
    /// Sorted by group, kind, version.
    entries: Vec<Entry>,
}

/// The schema of one kind in one version.
#[derive(Clone, Copy)]
pub struct KindSchema<'a>(&'a Entry);

impl SchemaSet {
    /// Returns the built-in kinds of the Kubernetes release this crate was made with, defaults included.
    ///
    /// Decoded on the first call; later calls give the same set.
    pub fn bundled() -> Arc<Self> {
        bundled::set()
    }

    /// Returns the bundled set with the kinds of CustomResourceDefinitions over it; of two that define one kind the later wins.
    ///
    /// A definition that cannot be read is left out, and its kind is compared as a kind without a schema: use
    /// [`SchemaSetBuilder::crd`] where the reason matters.
    #[must_use]
    pub fn with_definitions<'a>(definitions: impl IntoIterator<Item = &'a Object>) -> Self {
        let mut builder = SchemaSetBuilder::default();
        for definition in definitions.into_iter().filter(|o| is_definition(&o.key())) {
            // A failed one adds nothing.
            let _ = builder.crd(definition);
        }
        Self::layered(&Self::bundled(), &builder.build())
    }

    /// Puts `over` on `base`: kinds of `over` win where both have the same group, version and kind.
    #[must_use]
    pub fn layered(base: &Self, over: &Self) -> Self {
        let mut entries = over.entries.clone();
        entries.extend(base.entries.iter().filter(|e| over.find(e.order()).is_err()).cloned());
        entries.sort_by(|a, b| a.order().cmp(&b.order()));
        Self { entries }
    }

    fn find(&self, key: (&str, &str, &str)) -> Result<usize, usize> {
        self.entries.binary_search_by(|e| e.order().cmp(&key))
    }

    /// Returns the schema of a kind; the core group is the empty text.
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<KindSchema<'_>> {
        self.find((group, kind, version)).ok().map(|at| KindSchema(&self.entries[at]))
    }

    /// Returns the versions of a kind that the set has, in order of their names.
    pub fn versions<'a>(&'a self, group: &'a str, kind: &'a str) -> impl Iterator<Item = KindSchema<'a>> {
        let from = self.entries.partition_point(|e| (&*e.group, &*e.kind) < (group, kind));
        self.entries[from..]
            .iter()
            .take_while(move |e| &*e.group == group && &*e.kind == kind)
            .map(KindSchema)
    }

    /// Returns the scope of a kind, from any of its versions.
    pub fn scope(&self, group: &str, kind: &str) -> Option<Scope> {
        self.versions(group, kind).next().map(|k| k.scope())
    }

    /// Returns a kind by the plural name of its resource (`deployments`), from any of its versions.
    ///
    /// Takes time in proportion to the number of kinds.
    pub fn resource(&self, group: &str, plural: &str) -> Option<KindSchema<'_>> {
        self.kinds().find(|k| k.group() == group && k.plural() == plural)
    }

    /// Returns all kinds, sorted by group, kind and version.
    pub fn kinds(&self) -> impl Iterator<Item = KindSchema<'_>> {
        self.entries.iter().map(KindSchema)
    }
}

impl fmt::Debug for SchemaSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds()).finish()
    }
}

impl<'a> KindSchema<'a> {
    /// Returns the API group; empty for the core group.
    pub fn group(self) -> &'a str {
        &self.0.group
    }

    /// Returns the API version without the group.
    pub fn version(self) -> &'a str {
        &self.0.version
    }

    /// Returns the kind.
    pub fn kind(self) -> &'a str {
        &self.0.kind
    }

    /// Returns the plural name of the resource, as in URLs.
    pub fn plural(self) -> &'a str {
        &self.0.plural
    }

    /// Returns whether objects live in namespaces.
    pub fn scope(self) -> Scope {
        self.0.scope
    }

    /// Returns what becomes of an object of another version.
    pub(crate) fn conversion_strategy(self) -> ConversionStrategy {
        self.0.conversion
    }

    /// Returns the type of the whole object.
    pub fn root(self) -> TypeRef<'a> {
        TypeRef::new(&self.0.graph, self.0.root)
    }
}

impl fmt::Debug for KindSchema<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} {} ({:?})", self.group(), self.version(), self.kind(), self.scope())
    }
}
