//! Where in a file the fields of an object stand.

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
                    let Some((index, child)) = node.and_then(|n| element_of(n, other)) else {
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

/// Finds the element of a list that a path element names.
fn element_of<'a>(list: Node<'a>, element: &PathElement) -> Option<(usize, Node<'a>)> {
    let mut children = list.children().enumerate();
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
    fn paths_do_not_run_into_each_other() {
        let root = PathHash::ROOT;
        assert_ne!(root.with_field("ab").with_field("c"), root.with_field("a").with_field("bc"));
        assert_ne!(root.with_field("0"), root.with_index(0));
        assert_ne!(root.with_index(1).with_index(0), root.with_index(0).with_index(1));
    }
}
