//! Where in a file the fields of an object stand.

use std::collections::BTreeMap;

use drift_core::{FieldPath, Node, PathElement, Scalar};

/// A place in a file, both counted from 1; the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// The places of all fields of one document.
///
/// Takes 16 bytes a field: a hash of the field's path, its line and its column. It knows nothing of the document, so
/// that a field added to the object later (a namespace, a default) does not shift the rest.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    entries: Box<[(PathHash, Position)]>,
}

/// Hash of a path of field names and list places, built step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PathHash(u64);

impl PathHash {
    /// The document itself.
    pub(super) const ROOT: Self = Self(0xcbf2_9ce4_8422_2325);

    pub(super) fn with_field(self, name: &str) -> Self {
        name.bytes().fold(self.mix(0x100), |hash, byte| hash.mix(u64::from(byte)))
    }

    pub(super) fn with_index(self, index: usize) -> Self {
        self.mix(0x101).mix(index as u64)
    }

    fn mix(self, value: u64) -> Self {
        let hash = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(hash ^ (hash >> 29))
    }
}

impl Positions {
    /// Takes entries in document order; of two for one path the later one counts.
    pub(super) fn new(mut entries: Vec<(PathHash, Position)>) -> Self {
        entries.reverse();
        entries.sort_by_key(|e| e.0);
        entries.dedup_by_key(|e| e.0);
        Self { entries: entries.into() }
    }

    fn find_hash(&self, hash: PathHash) -> Option<Position> {
        self.entries.binary_search_by_key(&hash, |e| e.0).ok().map(|i| self.entries[i].1)
    }

    /// Returns the place of a field, or of the nearest field above it that is in the file.
    ///
    /// `root` is the document the positions belong to: it says at which place of its list an element stands that the
    /// path names by key or value.
    pub fn locate(&self, root: Node<'_>, path: &FieldPath) -> Option<Position> {
        self.locate_with(root, path, &mut ListIndexes::default())
    }

    /// As [`locate`](Self::locate), for many paths of one document: elements that were looked for in a list are found at once the
    /// next time.
    pub(crate) fn locate_with<'a>(
        &self,
        root: Node<'a>,
        path: &FieldPath,
        lists: &mut ListIndexes<'a>,
    ) -> Option<Position> {
        let mut hash = PathHash::ROOT;
        let mut node = Some(root);
        let mut found = self.find_hash(hash);
        for element in path.elements() {
            let next = match element {
                PathElement::Field(name) => {
                    hash = hash.with_field(name);
                    node.and_then(|n| n.get(name))
                }
                other => {
                    let Some((index, child)) = node.and_then(|n| lists.element_of((hash, n), other)) else {
                        return found;
                    };
                    hash = hash.with_index(index);
                    Some(child)
                }
            };
            node = next;
            match self.find_hash(hash) {
                Some(position) => found = Some(position),
                None => return found,
            }
        }
        found
    }

    /// Returns the bytes this holds in memory.
    pub fn heap_size(&self) -> usize {
        self.entries.len() * size_of::<(PathHash, Position)>()
    }
}

/// A field of the elements of a list.
type ListField = (PathHash, Box<str>);

/// The elements of one list by a field; those that have none of it, or `null`, under `None`.
type ListIndex<'a> = BTreeMap<Option<Scalar>, Vec<(usize, Node<'a>)>>;

/// The elements of long lists by the first key field that they were asked for.
#[derive(Debug, Default)]
pub(crate) struct ListIndexes<'a>(BTreeMap<ListField, ListIndex<'a>>);

/// Elements from which on a list is worth an index.
const LONG_LIST: usize = 32;

impl<'a> ListIndexes<'a> {
    /// Finds the element of a list that a path element names; a list is known by the hash of its path.
    fn element_of(
        &mut self,
        (hash, list): (PathHash, Node<'a>),
        element: &PathElement,
    ) -> Option<(usize, Node<'a>)> {
        let first = match element {
            PathElement::Key(fields) if list.len() >= LONG_LIST => fields.first(),
            _ => None,
        };
        // Floats are compared as numbers, and read from their texts.
        let Some((name, value)) =
            first.filter(|(_, value)| !matches!(value, Scalar::Float(_) | Scalar::Null))
        else {
            return element_of(list.children().enumerate(), element);
        };
        let index = self.0.entry((hash, name.clone())).or_insert_with(|| {
            let mut index = ListIndex::new();
            for (i, child) in list.children().enumerate() {
                let value =
                    child.get(name).filter(|v| !v.is_null()).and_then(|v| Scalar::from_value(&v.to_value()));
                index.entry(value).or_default().push((i, child));
            }
            index
        });
        let of = |value: Option<&Scalar>| index.get(&value.cloned()).into_iter().flatten().copied();
        element_of(of(Some(value)).chain(of(None)), element)
    }
}

/// Finds the element that a path element names among some of a list, each with its place.
fn element_of<'a>(
    mut children: impl Iterator<Item = (usize, Node<'a>)>,
    element: &PathElement,
) -> Option<(usize, Node<'a>)> {
    match element {
        PathElement::Field(_) => None,
        PathElement::Index(i) => children.nth(*i),
        PathElement::Value(value) => children.find(|(_, n)| equals_scalar(*n, value)),
        PathElement::Key(fields) => {
            // A key field with a default (`protocol`) may be left out of the manifest, so the best match wins.
            let score = |n: Node<'a>| {
                let hits = |(name, value): &(Box<str>, Scalar)| match n.get(name) {
                    Some(v) if equals_scalar(v, value) => Some(1),
                    Some(v) if !v.is_null() => None,
                    _ => Some(0),
                };
                fields.iter().map(hits).sum::<Option<usize>>().filter(|hits| *hits > 0)
            };
            children
                .filter_map(|(i, n)| Some((score(n)?, i, n)))
                .max_by_key(|(score, i, _)| (*score, std::cmp::Reverse(*i)))
                .map(|(_, i, n)| (i, n))
        }
    }
}

fn equals_scalar(node: Node<'_>, scalar: &Scalar) -> bool {
    match scalar {
        Scalar::Null => node.is_null(),
        Scalar::Bool(b) => node.as_bool() == Some(*b),
        Scalar::Int(i) => node.as_i64() == Some(*i),
        Scalar::Float(f) => node.as_f64().is_some_and(|n| f.parse() == Ok(n)),
        Scalar::Str(s) => node.as_str() == Some(s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_takes_16_bytes() {
        assert_eq!(size_of::<(PathHash, Position)>(), 16);
    }

    #[test]
    fn a_long_list_is_indexed_and_says_the_same() {
        let ports = (0..100).map(|i| match i % 4 {
            0 => serde_json::json!({"containerPort": i}),
            1 => serde_json::json!({"containerPort": i - 1, "protocol": "UDP"}),
            2 => serde_json::json!({"containerPort": null, "protocol": "UDP"}),
            _ => serde_json::json!({"name": "x", "protocol": "TCP"}),
        });
        let doc = drift_core::Doc::from_value(&ports.collect()).expect("plain data");
        let mut lists = ListIndexes::default();
        for port in 0..101 {
            for protocol in ["TCP", "UDP"] {
                let key = PathElement::key(vec![
                    ("containerPort", Scalar::Int(port)),
                    ("protocol", Scalar::Str(protocol.into())),
                ]);
                let plain = element_of(doc.root().children().enumerate(), &key).map(|(i, _)| i);
                let indexed = lists.element_of((PathHash::ROOT, doc.root()), &key).map(|(i, _)| i);
                assert_eq!(indexed, plain, "{port} {protocol}");
            }
        }
    }

    #[test]
    fn paths_do_not_run_into_each_other() {
        let root = PathHash::ROOT;
        assert_ne!(root.with_field("ab").with_field("c"), root.with_field("a").with_field("bc"));
        assert_ne!(root.with_field("0"), root.with_index(0));
        assert_ne!(root.with_index(1).with_index(0), root.with_index(0).with_index(1));
    }
}
