//! Walking a type: what it is, its fields, what stands in for them.

use std::fmt;

use super::graph::{
    DefaultNode, ElementOrder, EntryPattern, FieldNode, ListTopology, TypeGraph, TypeKind, TypeNode,
};
use super::rule::Rule;
use super::scalar_kind::ScalarKind;
use crate::object::{Kind, Node};
use crate::path::{FieldPath, PathElement};

/// A type: a cheap copy that leads to its parts.
///
/// Two are equal when they are the same place of the same source.
#[derive(Clone, Copy)]
pub struct TypeRef<'a> {
    graph: &'a TypeGraph,
    id: u32,
}

/// What a type is.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'a> {
    /// Nothing is known (no schema, or one that keeps unknown fields): compare the values as they stand.
    Unknown,
    /// A scalar.
    Scalar(ScalarKind),
    /// Fields by name.
    Struct(StructShape<'a>),
    /// Values of one type under free keys.
    Map(MapShape<'a>),
    /// Elements of one type.
    List(ListShape<'a>),
}

/// What stands in for a missing field.
#[derive(Clone, Copy, Debug)]
pub enum Default<'a> {
    /// Always this value.
    ///
    /// An empty map stands for a struct that is filled in and whose own fields are then defaulted in turn.
    Constant(Node<'a>),
    /// A value that depends on other fields of the object; see [`Rule::evaluate`].
    Computed(Rule),
    /// Whatever the API server or a built-in controller put in: it owns the field unless the manifest declares it.
    Allocated,
}

/// How the elements of a list are identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology<'a> {
    /// Not at all: the list is one value.
    Atomic,
    /// By their value; the order does not count.
    Set,
    /// By these fields; the order does not count. A key field that is missing stands for its default.
    Map(&'a [Box<str>]),
}

impl<'a> TypeRef<'a> {
    pub(super) fn new(graph: &'a TypeGraph, id: u32) -> Self {
        Self { graph, id }
    }

    fn node(self) -> &'a TypeNode {
        self.graph.node(self.id)
    }

    /// Returns what the type is.
    pub fn shape(self) -> Shape<'a> {
        match self.node().kind {
            TypeKind::Unknown => Shape::Unknown,
            TypeKind::Scalar(kind) => Shape::Scalar(kind),
            TypeKind::Struct { .. } => Shape::Struct(StructShape(self)),
            TypeKind::Map { .. } => Shape::Map(MapShape(self)),
            TypeKind::List { .. } => Shape::List(ListShape(self)),
        }
    }

    /// Returns the OpenAPI name such as `io.k8s.api.core.v1.Container`, empty for a type written in place.
    pub fn name(self) -> &'a str {
        self.graph.text(self.node().name)
    }

    /// Returns `true` if `null` is a value of its own here, not another way of saying that the field is missing.
    pub fn is_nullable(self) -> bool {
        self.node().nullable
    }

    /// Returns a hash of the values that a scalar may have; 0 for any.
    pub(crate) fn allowed_values(self) -> u64 {
        self.node().allowed_values
    }

    /// Returns the type below a field of a struct, a key of a map; `None` for a field the schema does not have.
    pub fn child(self, name: &str) -> Option<TypeRef<'a>> {
        match self.shape() {
            Shape::Struct(s) => Some(s.field(name)?.ty()),
            Shape::Map(m) => Some(m.value()),
            _ => None,
        }
    }

    /// Returns the type at a path below this one; `None` where the schema does not lead there.
    pub fn at_path(self, path: &FieldPath) -> Option<TypeRef<'a>> {
        path.elements().iter().try_fold(self, |ty, element| match (element, ty.shape()) {
            (PathElement::Field(name), _) => ty.child(name),
            (_, Shape::List(list)) => Some(list.element()),
            _ => None,
        })
    }

    fn allocates(self, matches: impl Fn(&EntryPattern) -> bool) -> bool {
        self.node().allocated.iter().any(matches)
    }
}

impl PartialEq for TypeRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.graph, other.graph) && self.id == other.id
    }
}

impl Eq for TypeRef<'_> {}

impl fmt::Debug for TypeRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node().kind {
            TypeKind::Unknown => f.write_str("unknown"),
            TypeKind::Scalar(kind) => write!(f, "{kind:?}"),
            TypeKind::Struct { .. } => write!(f, "struct {}#{}", self.name(), self.id),
            TypeKind::Map { .. } => write!(f, "map#{}", self.id),
            TypeKind::List { .. } => write!(f, "list#{}", self.id),
        }
    }
}

/// A struct; see [`Shape::Struct`].
#[derive(Clone, Copy, Debug)]
pub struct StructShape<'a>(TypeRef<'a>);

impl<'a> StructShape<'a> {
    fn parts(self) -> (&'a [FieldNode], bool, bool) {
        match &self.0.node().kind {
            TypeKind::Struct { fields, atomic, preserve } => (fields, *atomic, *preserve),
            _ => (&[], false, true),
        }
    }

    /// Returns a field by name: a binary search.
    pub fn field(self, name: &str) -> Option<Field<'a>> {
        let graph = self.0.graph;
        let fields = self.parts().0;
        let at = fields.binary_search_by(|f| graph.text(f.name).cmp(name)).ok()?;
        Some(Field { graph, node: &fields[at] })
    }

    /// Returns the fields sorted by name, as the entries of a map in a document are: the two join in one pass.
    pub fn fields(self) -> Fields<'a> {
        Fields { graph: self.0.graph, rest: self.parts().0.iter() }
    }

    /// Returns `true` if the struct is one value that is owned and replaced as a whole.
    pub fn is_atomic(self) -> bool {
        self.parts().1
    }

    /// Returns `true` if fields that the schema does not have are kept; elsewhere the API server drops them.
    pub fn preserves_unknown(self) -> bool {
        self.parts().2
    }
}

/// A map; see [`Shape::Map`].
#[derive(Clone, Copy, Debug)]
pub struct MapShape<'a>(TypeRef<'a>);

impl<'a> MapShape<'a> {
    /// Returns the type of the values.
    pub fn value(self) -> TypeRef<'a> {
        match self.0.node().kind {
            TypeKind::Map { value, .. } => TypeRef::new(self.0.graph, value),
            _ => self.0,
        }
    }

    /// Returns `true` if the map is one value that is owned and replaced as a whole.
    pub fn is_atomic(self) -> bool {
        matches!(self.0.node().kind, TypeKind::Map { atomic: true, .. })
    }

    /// Returns `true` if the API server or a built-in controller puts this key in on its own, as it does
    /// `deployment.kubernetes.io/revision` in the annotations of a Deployment.
    pub fn allocates(self, key: &str) -> bool {
        self.0.allocates(|p| p.matches(key))
    }
}

/// A list; see [`Shape::List`].
#[derive(Clone, Copy, Debug)]
pub struct ListShape<'a>(TypeRef<'a>);

impl<'a> ListShape<'a> {
    /// Returns the type of the elements.
    pub fn element(self) -> TypeRef<'a> {
        match self.0.node().kind {
            TypeKind::List { element, .. } => TypeRef::new(self.0.graph, element),
            _ => self.0,
        }
    }

    /// Returns how the elements are identified.
    pub fn topology(self) -> Topology<'a> {
        match self.0.node().kind {
            TypeKind::List { topology: ListTopology::Set, .. } => Topology::Set,
            TypeKind::List { topology: ListTopology::Map(keys), .. } => {
                Topology::Map(&self.0.graph.keys[keys as usize])
            }
            _ => Topology::Atomic,
        }
    }

    /// Returns what the order of the elements means, where that is not what the topology says.
    pub(crate) fn order(self) -> ElementOrder {
        self.0.node().order
    }

    /// Returns `true` if the API server or a built-in controller puts this element in on its own, as it does the
    /// `kube-api-access-…` volume of a Pod.
    ///
    /// Also of an atomic list: the declared elements and these together are the list that was declared.
    pub fn allocates(self, element: Node<'_>) -> bool {
        let text =
            |field: &str| if field.is_empty() { element.as_str() } else { element.get(field)?.as_str() };
        self.0.allocates(|p| text(&p.field).is_some_and(|t| p.matches(t)))
    }

    /// Returns `true` if [`ListShape::allocates`] can hold for any element.
    pub fn has_allocated(self) -> bool {
        !self.0.node().allocated.is_empty()
    }
}

/// One field of a struct.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    graph: &'a TypeGraph,
    node: &'a FieldNode,
}

impl<'a> Field<'a> {
    /// Returns the name.
    pub fn name(self) -> &'a str {
        self.graph.text(self.node.name)
    }

    /// Returns the type of the value.
    pub fn ty(self) -> TypeRef<'a> {
        TypeRef::new(self.graph, self.node.ty)
    }

    /// Returns what stands in where the field is missing or `null`.
    pub fn default(self) -> Option<Default<'a>> {
        match self.node.default {
            DefaultNode::None => None,
            DefaultNode::Constant(at) => Some(Default::Constant(self.graph.constants[at as usize].root())),
            DefaultNode::Computed(rule) => Some(Default::Computed(rule)),
            DefaultNode::Allocated => Some(Default::Allocated),
        }
    }

    /// Returns `true` if the zero value (`""`, `0`, `false`, an empty list or map) and a missing field are one:
    /// the API server drops it on the way in.
    ///
    /// Not so for `replicas: 0` or `runAsNonRoot: false`, which mean something else than a missing field. Where a
    /// field omits its zero and has a default, a declared zero becomes the default.
    pub fn omits_zero(self) -> bool {
        self.node.omits_zero
    }

    /// Returns `true` if a value is the zero value of a field that [omits](Field::omits_zero) it, or `null` where
    /// that means missing.
    pub fn is_absent(self, value: Node<'_>) -> bool {
        match value.kind() {
            Kind::Null => !self.ty().is_nullable(),
            Kind::Bool => self.omits_zero() && value.as_bool() == Some(false),
            Kind::Int | Kind::Float => self.omits_zero() && value.as_f64() == Some(0.0),
            Kind::Str => self.omits_zero() && value.as_str() == Some(""),
            Kind::List | Kind::Map => self.omits_zero() && value.is_empty(),
        }
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.name(), self.ty())?;
        self.default().map_or(Ok(()), |d| write!(f, " = {d:?}"))
    }
}

/// The fields of a struct, sorted by name; see [`StructShape::fields`].
#[derive(Clone)]
pub struct Fields<'a> {
    graph: &'a TypeGraph,
    rest: std::slice::Iter<'a, FieldNode>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let graph = self.graph;
        self.rest.next().map(|node| Field { graph, node })
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
