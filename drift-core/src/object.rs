//! Kubernetes objects in a compact immutable form.
//!
//! A [`Doc`] is a JSON document as one array of slots in pre-order and one heap of text; a [`Node`] is a cursor into
//! it. Maps are sorted by key, so that equal documents are equal arrays and two maps are joined in one pass.
//! An [`Object`] is a `Doc` that is known to name a kind.

mod builder;
mod canonical;
mod json;
mod pack;

use std::fmt;

pub use builder::{BuildError, DocBuilder};
pub(crate) use canonical::write_number;
pub use json::DecodeError;
pub use pack::{PackError, Packed, Packer};

use crate::key::{ResourceKey, ResourceVersion, Uid};
use crate::path::{FieldPath, PathElement, Scalar};

/// What a [`Node`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number without a fraction that fits into 64 bits.
    Int,
    /// Any other number.
    Float,
    /// A string.
    Str,
    /// A list.
    List,
    /// A map; its keys are sorted and distinct.
    Map,
}

/// One value of a document: 24 bytes whatever it holds.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Place and length in the heap of the key this value stands under; `(0, 0)` in a list.
    key: (u32, u32),
    /// Slots of this value and all below it.
    span: u32,
    kind: Kind,
    /// Bool, int bits, float bits, heap place and length of a string, or number of elements.
    data: u64,
}

/// An immutable JSON document.
///
/// Whole floats are held as integers (`1.0` is `1`), as the API machinery reads them.
#[derive(Clone)]
pub struct Doc {
    slots: Box<[Slot]>,
    heap: Box<str>,
}

/// A cursor to one value of a [`Doc`].
#[derive(Clone, Copy)]
pub struct Node<'a> {
    doc: &'a Doc,
    at: u32,
}

impl Doc {
    /// Returns the value at the top.
    pub fn root(&self) -> Node<'_> {
        Node { doc: self, at: 0 }
    }

    /// Returns the bytes this document holds in memory.
    pub fn heap_size(&self) -> usize {
        self.slots.len() * size_of::<Slot>() + self.heap.len()
    }

    /// Makes a document of a JSON value.
    ///
    /// # Errors
    /// When the value is nested too deeply or too large to address.
    pub fn from_value(value: &serde_json::Value) -> Result<Self, BuildError> {
        let mut builder = DocBuilder::default();
        builder.value(value)?;
        builder.finish()
    }
}

impl PartialEq for Doc {
    fn eq(&self, other: &Self) -> bool {
        self.root() == other.root()
    }
}

impl Eq for Doc {}

impl fmt::Debug for Doc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.root(), f)
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// Splits the data of a string slot into place and length in the heap.
fn split(data: u64) -> (u32, u32) {
    ((data >> 32) as u32, data as u32)
}

impl<'a> Node<'a> {
    fn slot(self) -> &'a Slot {
        &self.doc.slots[self.at as usize]
    }

    fn slots(self) -> &'a [Slot] {
        &self.doc.slots[self.at as usize..][..self.slot().span as usize]
    }

    fn text(self, (at, len): (u32, u32)) -> &'a str {
        &self.doc.heap[at as usize..(at + len) as usize]
    }

    /// Returns what the value is.
    pub fn kind(self) -> Kind {
        self.slot().kind
    }

    /// Returns `true` if the value is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Returns `true` if the value is a list or a map without elements.
    pub fn is_empty(self) -> bool {
        matches!(self.kind(), Kind::List | Kind::Map) && self.slot().data == 0
    }

    /// Returns the number of elements of a list or a map, 0 for a scalar.
    pub fn len(self) -> usize {
        if matches!(self.kind(), Kind::List | Kind::Map) { self.slot().data as usize } else { 0 }
    }

    /// Returns the key this value stands under, empty in a list and at the top.
    pub fn key(self) -> &'a str {
        self.text(self.slot().key)
    }

    /// Returns the string, if it is one.
    pub fn as_str(self) -> Option<&'a str> {
        (self.kind() == Kind::Str).then(|| self.text(split(self.slot().data)))
    }

    /// Returns the boolean, if it is one.
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.slot().data != 0)
    }

    /// Returns the integer, if it is one.
    pub fn as_i64(self) -> Option<i64> {
        (self.kind() == Kind::Int).then(|| self.slot().data.cast_signed())
    }

    /// Returns the number as a float, if it is a number.
    pub fn as_f64(self) -> Option<f64> {
        match self.kind() {
            Kind::Int => Some(self.slot().data.cast_signed() as f64),
            Kind::Float => Some(f64::from_bits(self.slot().data)),
            _ => None,
        }
    }

    /// Returns the value under a key of a map.
    ///
    /// Takes time in proportion to the number of keys, unless none of the values has parts; two maps are better joined by
    /// [`Node::children`].
    pub fn get(self, key: &str) -> Option<Node<'a>> {
        if self.kind() != Kind::Map {
            return None;
        }
        if !self.is_flat() {
            return self.find(|name| name == key.as_bytes());
        }
        // Without parts in between the values stand side by side, sorted by their keys.
        let child = |i: usize| Self { doc: self.doc, at: self.at + 1 + i as u32 };
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match child(middle).key().cmp(key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(child(middle)),
            }
        }
        None
    }

    /// Returns the value under a key of a map that is made of a tag and a name, as `f:` and `spec` make `f:spec`.
    pub(crate) fn tagged(self, tag: &str, name: &str) -> Option<Node<'a>> {
        let rest = |key: &'a [u8]| key.strip_prefix(tag.as_bytes());
        if self.kind() != Kind::Map {
            return None;
        }
        self.find(|key| key.len() == tag.len() + name.len() && rest(key) == Some(name.as_bytes()))
    }

    /// Returns the first child whose key passes; bytes are compared, since cutting text out of a heap looks for character boundaries.
    fn find(self, is: impl Fn(&'a [u8]) -> bool) -> Option<Node<'a>> {
        let heap = self.doc.heap.as_bytes();
        self.children().find(|n| {
            let (at, len) = n.slot().key;
            is(&heap[at as usize..][..len as usize])
        })
    }

    /// Returns `true` if the value has parts and none of these has any.
    fn is_flat(self) -> bool {
        !self.is_empty() && self.slot().span as usize == self.len() + 1
    }

    /// Returns the value at the end of a way through maps.
    pub fn at(self, keys: &[&str]) -> Option<Node<'a>> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Returns the string at the end of a way through maps.
    pub fn str_at(self, keys: &[&str]) -> Option<&'a str> {
        self.at(keys)?.as_str()
    }

    /// Returns the value at a typed path.
    ///
    /// An element of an associative list is found by the key fields that it has; one that it leaves out may have its
    /// default, but not all of them.
    pub fn at_path(self, path: &FieldPath) -> Option<Node<'a>> {
        path.elements().iter().try_fold(self, |node, element| node.step(element))
    }

    /// Returns the value one step below.
    pub(crate) fn step(self, element: &PathElement) -> Option<Node<'a>> {
        match element {
            PathElement::Field(name) => self.get(name),
            _ if self.kind() != Kind::List => None,
            PathElement::Index(i) => self.children().nth(*i),
            PathElement::Value(_) => self.children().find(|n| n.is_element(element)),
            // One that has all of the key goes before one that leaves a part of it to its default.
            PathElement::Key(fields) => {
                let has_all = |n: &Node<'_>| fields.iter().all(|(name, _)| n.get(name).is_some());
                let mut named = self.children().filter(|n| n.is_element(element)).peekable();
                let first = named.peek().copied();
                named.find(has_all).or(first)
            }
        }
    }

    /// Returns `true` if an element of a list is the one that a key or a value of a path names.
    ///
    /// A key field that the element leaves out may have its default, for example `protocol: TCP`; not all of them.
    pub(crate) fn is_element(self, element: &PathElement) -> bool {
        let is = |n: Node<'_>, v: &Scalar| Scalar::from_value(&n.to_value()).as_ref() == Some(v);
        match element {
            PathElement::Value(value) => is(self, value),
            PathElement::Key(fields) => {
                fields.iter().all(|(name, value)| self.get(name).is_none_or(|f| is(f, value)))
                    && fields.iter().any(|(name, _)| self.get(name).is_some())
            }
            PathElement::Field(_) | PathElement::Index(_) => false,
        }
    }

    /// Returns the elements of a list in order, or the values of a map in order of their keys; none of a scalar.
    pub fn children(self) -> Children<'a> {
        let end = if matches!(self.kind(), Kind::List | Kind::Map) {
            self.at + self.slot().span
        } else {
            self.at + 1
        };
        Children { doc: self.doc, next: self.at + 1, end }
    }

    /// Returns the value as a `serde_json` tree.
    pub fn to_value(self) -> serde_json::Value {
        use serde_json::Value;
        match self.kind() {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(self.slot().data != 0),
            Kind::Int => Value::from(self.slot().data.cast_signed()),
            Kind::Float => Value::from(f64::from_bits(self.slot().data)),
            Kind::Str => Value::from(self.as_str().unwrap_or_default()),
            Kind::List => self.children().map(Node::to_value).collect(),
            Kind::Map => Value::Object(self.children().map(|n| (n.key().to_owned(), n.to_value())).collect()),
        }
    }

    /// Returns a document of this value alone.
    pub fn to_doc(self) -> Doc {
        let mut builder = DocBuilder::default();
        builder.node(self);
        builder.finish().expect("a part of a document is no larger or deeper than the whole")
    }
}

impl PartialEq for Node<'_> {
    /// Compares by content; a key that the nodes stand under does not count.
    fn eq(&self, other: &Self) -> bool {
        // Equal values have slots of the same shape one by one, so this is one flat loop. Bytes are compared and not
        // text, since cutting text out of a heap looks for character boundaries.
        let (xs, ys) = (self.slots(), other.slots());
        let (x_heap, y_heap) = (self.doc.heap.as_bytes(), other.doc.heap.as_bytes());
        let same_text = |(x, x_len): (u32, u32), (y, y_len): (u32, u32)| {
            x_len == y_len && x_heap[x as usize..][..x_len as usize] == y_heap[y as usize..][..y_len as usize]
        };
        let same = |x: &Slot, y: &Slot| {
            x.kind == y.kind
                && x.span == y.span
                && match x.kind {
                    Kind::Float => f64::from_bits(x.data) == f64::from_bits(y.data),
                    Kind::Str => same_text(split(x.data), split(y.data)),
                    _ => x.data == y.data,
                }
        };
        xs.len() == ys.len()
            && same(&xs[0], &ys[0])
            && xs[1..].iter().zip(&ys[1..]).all(|(x, y)| same_text(x.key, y.key) && same(x, y))
    }
}

impl Eq for Node<'_> {}

/// The elements of a list or the values of a map; see [`Node::children`].
#[derive(Clone, Debug)]
pub struct Children<'a> {
    doc: &'a Doc,
    next: u32,
    end: u32,
}

impl<'a> Iterator for Children<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        (self.next < self.end).then(|| {
            let node = Node { doc: self.doc, at: self.next };
            self.next += node.slot().span;
            node
        })
    }
}

/// A Kubernetes object: a document with `apiVersion`, `kind` and a name.
#[derive(Clone, PartialEq, Eq)]
pub struct Object(Doc);

/// A document that is no Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a Kubernetes object: `{field}` {problem}")]
pub struct ObjectError {
    /// The field that is wrong.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Object {
    /// Takes a document that has `apiVersion`, `kind` and `metadata.name` (or `metadata.generateName`) as strings.
    ///
    /// # Errors
    /// Names the field that is missing or no string.
    pub fn new(doc: Doc) -> Result<Self, ObjectError> {
        let root = doc.root();
        if root.kind() != Kind::Map {
            return Err(ObjectError { field: ".", problem: "must be a map" });
        }
        let text = |node: Option<Node<'_>>, field| match node {
            None => Err(ObjectError { field, problem: "is missing" }),
            Some(n) if n.kind() == Kind::Bool => Err(ObjectError {
                field,
                problem: "is a boolean, as YAML reads n, no, off, y, yes and on: put it into quotes",
            }),
            Some(n) if n.as_str().is_none_or(str::is_empty) => {
                Err(ObjectError { field, problem: "must be a non-empty string" })
            }
            Some(_) => Ok(()),
        };
        text(root.get("apiVersion"), "apiVersion")?;
        text(root.get("kind"), "kind")?;
        if root.at(&["metadata", "generateName"]).is_none() || root.at(&["metadata", "name"]).is_some() {
            text(root.at(&["metadata", "name"]), "metadata.name")?;
        }
        if root.at(&["metadata", "namespace"]).is_some_and(|n| n.as_str().is_none() && !n.is_null()) {
            return Err(ObjectError { field: "metadata.namespace", problem: "must be a string" });
        }
        Ok(Self(doc))
    }

    /// Returns the document.
    pub fn doc(&self) -> &Doc {
        &self.0
    }

    /// Returns the value at the top.
    pub fn root(&self) -> Node<'_> {
        self.0.root()
    }

    fn text(&self, keys: &[&str]) -> &str {
        self.root().str_at(keys).unwrap_or_default()
    }

    /// Returns `apiVersion`, `group/version` or `v1`.
    pub fn api_version(&self) -> &str {
        self.text(&["apiVersion"])
    }

    /// Returns the API group, empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version().rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// Returns the version without the group.
    pub fn version(&self) -> &str {
        self.api_version().rsplit('/').next().unwrap_or_default()
    }

    /// Returns `kind`.
    pub fn kind(&self) -> &str {
        self.text(&["kind"])
    }

    /// Returns `metadata.name`, empty for an object that only has `generateName`.
    pub fn name(&self) -> &str {
        self.text(&["metadata", "name"])
    }

    /// Returns `metadata.namespace`, empty where there is none.
    pub fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"])
    }

    /// Returns `metadata.uid`.
    pub fn uid(&self) -> Option<Uid> {
        self.root().str_at(&["metadata", "uid"]).map(Uid::new)
    }

    /// Returns `metadata.resourceVersion`.
    pub fn resource_version(&self) -> Option<ResourceVersion> {
        self.root().str_at(&["metadata", "resourceVersion"]).map(ResourceVersion::new)
    }

    /// Returns the value of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.root().str_at(&["metadata", "annotations", name])
    }

    /// Returns the value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.root().str_at(&["metadata", "labels", name])
    }

    /// Returns the key of the resource, in the unnamed cluster.
    pub fn key(&self) -> ResourceKey {
        ResourceKey::new(self.group(), self.kind(), self.namespace(), self.name())
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn a_slot_takes_24_bytes() {
        // Memory per decoded object is slots × this; a wider slot slows every scan.
        assert_eq!(size_of::<Slot>(), 24);
    }

    #[test]
    fn maps_are_sorted_and_the_last_of_equal_keys_wins() {
        let doc =
            Doc::from_json(br#"{"b":{"z":1,"a":[1,{"y":2,"x":3}]},"a":1,"b":{"q":2.0,"c":null}}"#).unwrap();
        assert_eq!(doc.to_json(), r#"{"a":1,"b":{"c":null,"q":2}}"#);
        assert_eq!(doc.root().at(&["b", "q"]).unwrap().as_i64(), Some(2));
    }

    #[test]
    fn an_object_says_what_is_missing() {
        let new = |v: Value| Object::new(Doc::from_value(&v).unwrap()).map(|o| o.key().to_string());
        assert_eq!(
            new(json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"b"}}))
                .unwrap(),
            "Deployment.apps/b/a"
        );
        assert_eq!(
            new(json!({"kind":"Pod"})).unwrap_err().to_string(),
            "not a Kubernetes object: `apiVersion` is missing"
        );
        assert_eq!(
            new(json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":3}})).unwrap_err().field,
            "metadata.name"
        );
        assert!(new(json!([1])).is_err());
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1.0e6..1.0e6f64).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(".{0,4}", inner, 0..6)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn decoding_is_what_serde_json_reads(v in values()) {
            let doc = Doc::from_json(serde_json::to_string(&v).unwrap().as_bytes()).unwrap();
            prop_assert_eq!(&doc, &Doc::from_value(&v).unwrap());
            // serde_json::Value keeps 1.0 apart from 1, we do not: compare through a second trip.
            prop_assert_eq!(&Doc::from_value(&doc.root().to_value()).unwrap(), &doc);
            prop_assert_eq!(&Doc::from_json(doc.to_json().as_bytes()).unwrap(), &doc);
        }

        #[test]
        fn packing_loses_nothing(v in values()) {
            let doc = Doc::from_value(&v).unwrap();
            let packed = Packer::default().pack(&doc);
            prop_assert_eq!(packed.unpack().unwrap(), doc);
        }
    }
}
