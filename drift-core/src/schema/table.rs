//! The text form of schemas in which the built-in kinds are shipped.
//!
//! One line for each kind (`kind GROUP/VERSION KIND PLURAL SCOPE TYPE`), then one block for each type: `type NAME
//! [atomic] [preserve]`, and indented its fields `NAME[?] TYPE [= DEFAULT]`. A `?` marks a field of which the API server drops
//! the zero value. A TYPE is a scalar, `any`, the name of a type, or `list T`, `set T`, `list(KEY,…) T`, `map T`,
//! `atomicmap T`. Plain text, so that what a new release changes shows in review.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::build::Named;
use super::graph::{DefaultNode, FieldNode, ListTopology, TypeGraph, TypeKind, TypeNode, UNKNOWN};
use super::scalar_kind::ScalarKind;
use super::shape::{Default, Shape, Topology, TypeRef};
use super::{ConversionStrategy, SchemaSet, Scope};
use crate::object::Doc;

/// First line: the format and its version.
const HEADER: &str = "drift-schema-table 1";

const SCALARS: [(&str, ScalarKind); 9] = [
    ("string", ScalarKind::String),
    ("int", ScalarKind::Int),
    ("float", ScalarKind::Float),
    ("bool", ScalarKind::Bool),
    ("quantity", ScalarKind::Quantity),
    ("int-or-string", ScalarKind::IntOrString),
    ("duration", ScalarKind::Duration),
    ("time", ScalarKind::Time),
    ("bytes", ScalarKind::Bytes),
];

/// A table that cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A struct type has no name; only those of built-in kinds all have one.
    #[error("a struct below `{below}` has no name")]
    Unnamed {
        /// The named type it is part of.
        below: String,
    },
    /// A line that has no meaning.
    #[error("line {line} of the table cannot be read")]
    Line {
        /// The line, from 1.
        line: usize,
    },
}

impl SchemaSet {
    /// Writes the set as the text that the crate ships for built-in kinds.
    ///
    /// `release` is a comment; `omits_zero(type, field)` says of which fields the API server drops the zero value,
    /// which OpenAPI does not. Only constant defaults are written.
    ///
    /// # Errors
    /// When a type below has no name.
    pub fn to_table(
        &self,
        release: &str,
        omits_zero: &dyn Fn(&str, &str) -> bool,
    ) -> Result<String, TableError> {
        let mut out = format!("{HEADER}\n# {release}\n");
        let mut types = BTreeMap::new();
        for kind in self.kinds() {
            let scope = if kind.scope() == Scope::Namespaced { "namespaced" } else { "cluster" };
            let (group, version) = (kind.group(), kind.version());
            let name = collect(kind.root(), "", &mut types)?;
            let _ = writeln!(out, "kind {group}/{version} {} {} {scope} {name}", kind.kind(), kind.plural());
        }
        for (name, ty) in &types {
            let Shape::Struct(shape) = ty.shape() else { continue };
            let atomic = if shape.is_atomic() { " atomic" } else { "" };
            let preserve = if shape.preserves_unknown() { " preserve" } else { "" };
            let _ = writeln!(out, "type {name}{atomic}{preserve}");
            for field in shape.fields() {
                let mark = if omits_zero(name, field.name()) { "?" } else { "" };
                let _ = write!(out, " {}{mark} {}", field.name(), expression(field.ty()));
                if let Some(Default::Constant(value)) = field.default() {
                    let _ = write!(out, " = {value:?}");
                }
                out.push('\n');
            }
        }
        Ok(out)
    }
}

/// Finds the named types below a type; returns its name.
fn collect<'a>(
    ty: TypeRef<'a>,
    below: &str,
    types: &mut BTreeMap<&'a str, TypeRef<'a>>,
) -> Result<&'a str, TableError> {
    match ty.shape() {
        Shape::Unknown | Shape::Scalar(_) => {}
        Shape::Map(map) => {
            collect(map.value(), below, types)?;
        }
        Shape::List(list) => {
            collect(list.element(), below, types)?;
        }
        Shape::Struct(_) if ty.name().is_empty() => {
            return Err(TableError::Unnamed { below: below.to_owned() });
        }
        Shape::Struct(shape) => {
            if types.insert(ty.name(), ty).is_none() {
                shape.fields().try_for_each(|f| collect(f.ty(), ty.name(), types).map(|_| ()))?;
            }
        }
    }
    Ok(ty.name())
}

fn expression(ty: TypeRef<'_>) -> String {
    match ty.shape() {
        Shape::Unknown => "any".to_owned(),
        Shape::Scalar(kind) => SCALARS.iter().find(|s| s.1 == kind).map_or("any", |s| s.0).to_owned(),
        Shape::Struct(_) => ty.name().to_owned(),
        Shape::Map(map) => {
            format!("{}map {}", if map.is_atomic() { "atomic" } else { "" }, expression(map.value()))
        }
        Shape::List(list) => {
            let element = expression(list.element());
            match list.topology() {
                Topology::Atomic => format!("list {element}"),
                Topology::Set => format!("set {element}"),
                Topology::Map(keys) => format!("list({}) {element}", keys.join(",")),
            }
        }
    }
}

/// Reads a table back.
struct TableReader<'a> {
    graph: TypeGraph,
    named: HashMap<&'a str, u32>,
    /// Types by their text: the same text is the same type.
    written: HashMap<&'a str, u32>,
}

/// Reads a table into types and kinds.
pub(super) fn read(text: &str) -> Result<(TypeGraph, Vec<Named>), TableError> {
    let mut reader = TableReader { graph: TypeGraph::new(), named: HashMap::new(), written: HashMap::new() };
    let mut lines = text.lines().enumerate().map(|(i, l)| (i + 1, l)).filter(|(_, l)| !l.starts_with('#'));
    if lines.next().is_none_or(|(_, l)| l != HEADER) {
        return Err(TableError::Line { line: 1 });
    }
    let mut kinds = Vec::new();
    let mut open: Option<(u32, bool, bool)> = None;
    let mut fields = Vec::new();
    for (line, content) in lines {
        let error = TableError::Line { line };
        if let Some(kind) = content.strip_prefix("kind ") {
            kinds.push(reader.kind(kind).ok_or(error)?);
        } else if let Some(head) = content.strip_prefix("type ") {
            reader.close(open.take(), std::mem::take(&mut fields));
            let mut words = head.split(' ');
            let id = reader.named(words.next().ok_or(error)?);
            let flags: Vec<&str> = words.collect();
            open = Some((id, flags.contains(&"atomic"), flags.contains(&"preserve")));
        } else {
            let field = content.strip_prefix(' ').and_then(|c| reader.field(c));
            fields.push(field.filter(|_| open.is_some()).ok_or(error)?);
        }
    }
    reader.close(open, fields);
    Ok((reader.graph, kinds))
}

impl<'a> TableReader<'a> {
    fn named(&mut self, name: &'a str) -> u32 {
        if let Some(&id) = self.named.get(name) {
            return id;
        }
        let name_text = self.graph.intern(name);
        let id = self.graph.add(TypeNode { name: name_text, ..TypeNode::new(TypeKind::Unknown) });
        self.named.insert(name, id);
        id
    }

    fn kind(&mut self, text: &'a str) -> Option<Named> {
        let words: Vec<&str> = text.split(' ').collect();
        let [api, kind, plural, scope, name] = words[..] else { return None };
        let (group, version) = api.split_once('/')?;
        let scope = match scope {
            "namespaced" => Scope::Namespaced,
            "cluster" => Scope::Cluster,
            _ => return None,
        };
        let root = self.named(name);
        let (group, version, kind, plural) = (group.into(), version.into(), kind.into(), plural.into());
        Some(Named { group, version, kind, plural, scope, conversion: ConversionStrategy::Unknown, root })
    }

    fn close(&mut self, open: Option<(u32, bool, bool)>, fields: Vec<FieldNode>) {
        if let Some((id, atomic, preserve)) = open {
            let kind = self.graph.struct_kind(fields, atomic, preserve);
            self.graph.node_mut(id).kind = kind;
        }
    }

    fn field(&mut self, text: &'a str) -> Option<FieldNode> {
        let (text, default) = match text.split_once(" = ") {
            Some((text, value)) => (text, self.graph.constant(Doc::from_json(value.as_bytes()).ok()?)),
            None => (text, DefaultNode::None),
        };
        let (name, ty) = text.split_once(' ')?;
        let ty = self.expression(ty)?;
        let (name, omits_zero) = name.strip_suffix('?').map_or((name, false), |n| (n, true));
        Some(FieldNode { name: self.graph.intern(name), ty, default, omits_zero })
    }

    fn expression(&mut self, text: &'a str) -> Option<u32> {
        if let Some(&id) = self.written.get(text) {
            return Some(id);
        }
        let id = match text.split_once(' ') {
            Some((head, rest)) => {
                let below = self.expression(rest)?;
                let list = |topology| TypeKind::List { element: below, topology };
                let kind = match head {
                    "map" => TypeKind::Map { value: below, atomic: false },
                    "atomicmap" => TypeKind::Map { value: below, atomic: true },
                    "list" => list(ListTopology::Atomic),
                    "set" => list(ListTopology::Set),
                    _ => {
                        let keys = head.strip_prefix("list(")?.strip_suffix(')')?;
                        list(self.graph.key_set(keys.split(',').map(Box::from).collect()))
                    }
                };
                self.graph.add(TypeNode::new(kind))
            }
            None if text == "any" => UNKNOWN,
            None => match SCALARS.iter().find(|s| s.0 == text) {
                Some((_, kind)) => self.graph.add(TypeNode::new(TypeKind::Scalar(*kind))),
                None => self.named(text),
            },
        };
        self.written.insert(text, id);
        Some(id)
    }
}
