//! The graph of types: an arena, with ids instead of references so that types may refer to themselves.

use std::collections::HashMap;

use super::rule::Rule;
use super::scalar_kind::ScalarKind;
use crate::object::Doc;

/// A name in [`TypeGraph::heap`].
pub(super) type Text = (u32, u32);

/// Id of the type of which nothing is known.
pub(super) const UNKNOWN: u32 = 0;

/// The types of one source.
#[derive(Default)]
pub(super) struct TypeGraph {
    pub(super) types: Vec<TypeNode>,
    /// Key fields of associative lists, by [`ListTopology::Map`].
    pub(super) keys: Vec<Box<[Box<str>]>>,
    /// Constant defaults, by [`DefaultNode::Constant`].
    pub(super) constants: Vec<Doc>,
    pub(super) heap: String,
    interned: HashMap<Box<str>, Text>,
}

/// One type.
#[derive(Clone)]
pub(super) struct TypeNode {
    pub(super) kind: TypeKind,
    /// OpenAPI name; empty for a type written in place.
    pub(super) name: Text,
    pub(super) nullable: bool,
    /// Entries of a map or list that the server puts in on its own.
    pub(super) allocated: Box<[EntryPattern]>,
    /// What the order of a list means.
    pub(super) order: ElementOrder,
    /// A hash of the values that a scalar may have; 0 for any.
    pub(super) allowed_values: u64,
}

/// What the order of the elements of a list means, where that is not what the topology of the list says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ElementOrder {
    /// What the topology says: that of an atomic list counts, that of a set or of an associative list does not.
    #[default]
    Topology,
    /// Nothing: an atomic list that means a set.
    Any,
    /// Something: an associative list whose elements act one after the other.
    Sequence,
    /// Something only between an element and those that it refers to by `$(NAME)`.
    References,
}

/// What a type is.
#[derive(Clone)]
pub(super) enum TypeKind {
    Unknown,
    Scalar(ScalarKind),
    Struct {
        /// Sorted by name.
        fields: Box<[FieldNode]>,
        atomic: bool,
        preserve: bool,
    },
    Map {
        value: u32,
        atomic: bool,
    },
    List {
        element: u32,
        topology: ListTopology,
    },
}

/// How the elements of a list are identified.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ListTopology {
    Atomic,
    Set,
    Map(u32),
}

/// One field of a struct.
#[derive(Clone, Copy)]
pub(super) struct FieldNode {
    pub(super) name: Text,
    pub(super) ty: u32,
    pub(super) default: DefaultNode,
    /// Whether the API server drops the field where it holds the zero value.
    pub(super) omits_zero: bool,
}

/// What stands in for a missing field.
#[derive(Clone, Copy)]
pub(super) enum DefaultNode {
    None,
    Constant(u32),
    Computed(Rule),
    Allocated,
}

/// A pattern for entries of a map or list: of the key of a map, the value of a set or one field of a list element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntryPattern {
    /// Field of the list element; empty for the map key or the element itself.
    pub(super) field: Box<str>,
    /// Text, or its beginning where `prefix` is set.
    pub(super) text: Box<str>,
    pub(super) prefix: bool,
}

impl EntryPattern {
    pub(super) fn matches(&self, text: &str) -> bool {
        if self.prefix { text.starts_with(&*self.text) } else { *text == *self.text }
    }
}

impl TypeNode {
    pub(super) fn new(kind: TypeKind) -> Self {
        Self {
            kind,
            name: (0, 0),
            nullable: false,
            allocated: Box::default(),
            order: ElementOrder::Topology,
            allowed_values: 0,
        }
    }
}

impl TypeGraph {
    /// Makes a graph that holds [`UNKNOWN`] only.
    pub(super) fn new() -> Self {
        Self { types: vec![TypeNode::new(TypeKind::Unknown)], ..Self::default() }
    }

    pub(super) fn text(&self, (at, len): Text) -> &str {
        &self.heap[at as usize..(at + len) as usize]
    }

    /// Puts a name on the heap once.
    pub(super) fn intern(&mut self, text: &str) -> Text {
        if let Some(&known) = self.interned.get(text) {
            return known;
        }
        // Sources are bounded far below 4 GiB, so neither number is cut.
        let at = (self.heap.len() as u32, text.len() as u32);
        self.heap.push_str(text);
        self.interned.insert(text.into(), at);
        at
    }

    pub(super) fn add(&mut self, node: TypeNode) -> u32 {
        self.types.push(node);
        (self.types.len() - 1) as u32
    }

    pub(super) fn node(&self, id: u32) -> &TypeNode {
        &self.types[id as usize]
    }

    pub(super) fn node_mut(&mut self, id: u32) -> &mut TypeNode {
        &mut self.types[id as usize]
    }

    pub(super) fn constant(&mut self, value: Doc) -> DefaultNode {
        // Few distinct values make up nearly all defaults, and they come first.
        let known = self.constants.iter().take(64).position(|c| *c == value);
        let at = known.unwrap_or_else(|| {
            self.constants.push(value);
            self.constants.len() - 1
        });
        DefaultNode::Constant(at as u32)
    }

    pub(super) fn key_set(&mut self, keys: Vec<Box<str>>) -> ListTopology {
        let keys = keys.into_boxed_slice();
        let known = self.keys.iter().position(|k| *k == keys);
        ListTopology::Map(known.unwrap_or_else(|| {
            self.keys.push(keys);
            self.keys.len() - 1
        }) as u32)
    }

    /// Returns the ids of the named types.
    pub(super) fn names(&self) -> HashMap<String, u32> {
        let named = (0..self.types.len() as u32).filter(|id| self.node(*id).name.1 > 0);
        named.map(|id| (self.text(self.node(id).name).to_owned(), id)).collect()
    }

    /// Makes a field without a default.
    pub(super) fn field(&mut self, name: &str, ty: u32) -> FieldNode {
        FieldNode { name: self.intern(name), ty, default: DefaultNode::None, omits_zero: false }
    }

    /// Makes a struct type of fields in any order; the last of equal names wins.
    pub(super) fn struct_kind(&self, mut fields: Vec<FieldNode>, atomic: bool, preserve: bool) -> TypeKind {
        fields.sort_by(|a, b| self.text(a.name).cmp(self.text(b.name)));
        let mut distinct: Vec<FieldNode> = Vec::with_capacity(fields.len());
        for field in fields {
            match distinct.last_mut() {
                Some(last) if last.name == field.name => *last = field,
                _ => distinct.push(field),
            }
        }
        TypeKind::Struct { fields: distinct.into(), atomic, preserve }
    }

    /// Forgets what only building needs.
    pub(super) fn seal(mut self) -> Self {
        self.interned = HashMap::new();
        self.types.shrink_to_fit();
        self
    }
}
