//! Sets of field paths in the FieldsV1 form of structured-merge-diff.
//!
//! A key is `f:NAME`, `k:{KEY FIELDS}`, `v:VALUE` or `i:INDEX`; `.` marks the element itself as a member beside parts
//! of it. Source: `sigs.k8s.io/structured-merge-diff/fieldpath/serialize.go`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::object::{Kind, Node};
use crate::path::{FieldPath, PathElement, Scalar};

/// A set of field paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Whether the path that leads here is itself in the set.
    member: bool,
    children: BTreeMap<PathElement, FieldSet>,
}

/// Text that is not FieldsV1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is not a FieldsV1 key")]
pub struct FieldSetError {
    /// The key that cannot be read.
    pub key: String,
}

impl FieldSet {
    /// Reads the `fieldsV1` value of an entry of managedFields.
    ///
    /// # Errors
    /// Names the key that is not one.
    pub fn from_fields_v1(node: Node<'_>) -> Result<Self, FieldSetError> {
        let mut set = Self::default();
        for child in node.children() {
            if child.key() == "." {
                set.member = true;
                continue;
            }
            let element =
                element(child.key()).ok_or_else(|| FieldSetError { key: child.key().to_owned() })?;
            let mut below = Self::from_fields_v1(child)?;
            // A key with nothing below it is a member without saying so.
            below.member |= child.kind() != Kind::Map || child.is_empty();
            set.children.insert(element, below);
        }
        Ok(set)
    }

    /// Returns the set in the FieldsV1 form.
    pub fn to_fields_v1(&self) -> Value {
        let mut map = Map::new();
        if self.member && !self.children.is_empty() {
            map.insert(".".into(), Value::Object(Map::new()));
        }
        map.extend(self.children.iter().map(|(e, below)| (key(e), below.to_fields_v1())));
        Value::Object(map)
    }

    /// Puts a path in.
    pub fn insert(&mut self, path: &FieldPath) {
        let leaf = path.elements().iter().fold(self, |set, e| set.children.entry(e.clone()).or_default());
        leaf.member = true;
    }

    /// Returns `true` if the path itself is in the set.
    pub fn contains(&self, path: &FieldPath) -> bool {
        let leaf = path.elements().iter().try_fold(self, |set, e| set.children.get(e));
        leaf.is_some_and(|set| set.member)
    }

    /// Returns `true` if the path, a path below it, or an atomic value above it is in the set.
    ///
    /// An atomic value is a member without parts; a path into it is owned with it.
    pub fn touches(&self, path: &FieldPath) -> bool {
        let mut set = self;
        for element in path.elements() {
            match set.children.get(element) {
                Some(below) => set = below,
                None => return set.member && set.children.is_empty(),
            }
        }
        set.member || !set.children.is_empty()
    }

    /// Returns `true` if the path that leads here is in the set, and nothing below it: an atomic value.
    pub fn is_leaf(&self) -> bool {
        self.member && self.children.is_empty()
    }

    /// Returns the next steps and the sets below them, sorted.
    pub fn children(&self) -> impl Iterator<Item = (&PathElement, &Self)> {
        self.children.iter()
    }

    /// Returns `true` if nothing is in the set.
    pub fn is_empty(&self) -> bool {
        !self.member && self.children.values().all(Self::is_empty)
    }

    /// Returns how many paths are in the set.
    pub fn len(&self) -> usize {
        usize::from(self.member) + self.children.values().map(Self::len).sum::<usize>()
    }

    /// Returns all paths, sorted.
    pub fn paths(&self) -> Vec<FieldPath> {
        let mut all = Vec::new();
        self.collect(&mut FieldPath::default(), &mut all);
        all
    }

    fn collect(&self, path: &mut FieldPath, all: &mut Vec<FieldPath>) {
        if self.member {
            all.push(path.clone());
        }
        for (element, below) in &self.children {
            path.push(element.clone());
            below.collect(path, all);
            path.pop();
        }
    }

    /// Returns the paths that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let both = |(e, below): (&PathElement, &Self)| {
            let part = below.intersection(other.children.get(e)?);
            (!part.is_empty()).then(|| (e.clone(), part))
        };
        Self {
            member: self.member && other.member,
            children: self.children.iter().filter_map(both).collect(),
        }
    }

    /// Returns the paths that are in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.member |= other.member;
        for (element, below) in &other.children {
            let mine = all.children.entry(element.clone()).or_default();
            *mine = mine.union(below);
        }
        all
    }

    /// Returns the paths of this set that are not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let left = |(e, below): (&PathElement, &Self)| {
            let part = other.children.get(e).map_or_else(|| below.clone(), |o| below.difference(o));
            (!part.is_empty()).then(|| (e.clone(), part))
        };
        Self {
            member: self.member && !other.member,
            children: self.children.iter().filter_map(left).collect(),
        }
    }

    /// Returns the part of a document that is in the set; the key fields of list elements are included.
    ///
    /// For example of `{spec: {replicas: 3, paused: true}}` and a set with `.spec.replicas`: `{spec: {replicas: 3}}`.
    pub fn part_of(&self, root: Node<'_>) -> Option<serde_json::Value> {
        if self.is_leaf() {
            return Some(root.to_value());
        }
        match root.kind() {
            Kind::Map => {
                let mut map = Map::new();
                for (element, below) in self.children() {
                    if let PathElement::Field(name) = element
                        && let Some(child) = root.get(name)
                        && let Some(part) = below.part_of(child)
                    {
                        map.insert(name.to_string(), part);
                    }
                }
                Some(Value::Object(map))
            }
            Kind::List => {
                let mut list = Vec::new();
                for child in root.children() {
                    let hit = self.children().find(|(element, _)| child.is_element(element));
                    let Some((element, below)) = hit else { continue };
                    let mut part = below.part_of(child)?;
                    if let (PathElement::Key(keys), Value::Object(map)) = (element, &mut part) {
                        for (name, value) in keys {
                            map.entry(name.to_string()).or_insert_with(|| value.to_value());
                        }
                    }
                    list.push(part);
                }
                Some(Value::Array(list))
            }
            _ => Some(root.to_value()),
        }
    }
}

/// Returns `true` if [`FieldSet::from_fields_v1`] reads a value, without building the set.
pub(super) fn is_fields_v1(node: Node<'_>) -> bool {
    let is_key = |key: &str| {
        key.starts_with("f:") || key.strip_prefix("k:").is_some_and(is_plain_key) || element(key).is_some()
    };
    node.children().all(|child| child.key() == "." || (is_key(child.key()) && is_fields_v1(child)))
}

/// Reads a key of one field with a text, the most common one, without building a map: of `{"name":"web"}` it is `name` and `web`.
///
/// `None` for every other key; one that has white space or escapes in it says the same in another way.
pub(super) fn plain_key(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix("{\"")?.strip_suffix("\"}")?;
    let (name, value) = inner.split_once("\":\"")?;
    (is_plain(name) && is_plain(value)).then_some((name, value))
}

/// Returns `true` for a key of fields with texts and whole numbers, such as `{"containerPort":80,"protocol":"TCP"}`, as the API
/// server writes it; other forms are for the parser.
fn is_plain_key(text: &str) -> bool {
    let is_text =
        |value: &str| value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).is_some_and(is_plain);
    let is_number = |value: &str| {
        (1..=9).contains(&value.len())
            && value.bytes().all(|b| b.is_ascii_digit())
            && (value == "0" || !value.starts_with('0'))
    };
    let is_field = |field: &str| {
        let parts = field.strip_prefix('"').and_then(|f| f.split_once("\":"));
        parts.is_some_and(|(name, value)| is_plain(name) && (is_text(value) || is_number(value)))
    };
    let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
    inner.is_some_and(|inner| inner.split(',').all(is_field))
}

/// Returns `true` if a text stands in JSON as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\')
}

fn element(key: &str) -> Option<PathElement> {
    let (tag, rest) = key.split_once(':')?;
    let scalar = |v: &Value| Scalar::from_value(v);
    match tag {
        "f" => Some(PathElement::Field(rest.into())),
        "v" => Some(PathElement::Value(scalar(&serde_json::from_str(rest).ok()?)?)),
        "i" => rest.parse().ok().map(PathElement::Index),
        "k" => {
            let map: Map<String, Value> = serde_json::from_str(rest).ok()?;
            // Without a field it would be every element of its list.
            if map.is_empty() {
                return None;
            }
            let fields = map.iter().map(|(name, v)| Some((name.as_str(), scalar(v)?)));
            Some(PathElement::key(fields.collect::<Option<Vec<_>>>()?))
        }
        _ => None,
    }
}

fn key(element: &PathElement) -> String {
    match element {
        PathElement::Field(name) => format!("f:{name}"),
        PathElement::Value(value) => format!("v:{value}"),
        PathElement::Index(i) => format!("i:{i}"),
        PathElement::Key(fields) => {
            let map: Map<String, Value> = fields.iter().map(|(n, v)| (n.to_string(), v.to_value())).collect();
            format!("k:{}", Value::Object(map))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Doc;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<FieldSet, FieldSetError> {
        FieldSet::from_fields_v1(Doc::from_value(value).unwrap().root())
    }

    #[test]
    fn fields_v1_round_trips() {
        let value = json!({"f:metadata":{"f:finalizers":{".":{},"v:\"a/b\"":{}}},"f:spec":{"f:ports":{
            "k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}},"f:args":{"i:3":{}}}});
        let set = read(&value).unwrap();
        assert_eq!(set.to_fields_v1(), value);
        assert_eq!(
            set.paths().iter().map(FieldPath::to_string).collect::<Vec<_>>(),
            [
                ".metadata.finalizers",
                ".metadata.finalizers[=\"a/b\"]",
                ".spec.args[3]",
                ".spec.ports[port=80,protocol=\"TCP\"]",
                ".spec.ports[port=80,protocol=\"TCP\"].port"
            ]
        );
    }

    #[test]
    fn a_plain_key_is_what_the_parser_reads() {
        for (text, plain) in [
            (r#"{"name":"web"}"#, true),
            (r#"{"name":""}"#, true),
            (r#"{"ip":"10.0.0.1"}"#, true),
            (r#"{"name":"ä"}"#, true),
            (r#"{"name": "web"}"#, false),
            (r#"{"name":"a\u0062"}"#, false),
            (r#"{"name":"a","ip":"b"}"#, false),
            (r#"{"port":80}"#, false),
            (r#"{"name":"}"#, false),
        ] {
            let read =
                plain_key(text).map(|(name, value)| PathElement::key([(name, Scalar::Str(value.into()))]));
            assert_eq!(read.is_some(), plain, "{text}");
            assert!(read.is_none_or(|read| element(&format!("k:{text}")) == Some(read)), "{text}");
        }
        for (text, plain) in [
            (r#"{"containerPort":80,"protocol":"TCP"}"#, true),
            (r#"{"name":"web"}"#, true),
            (r#"{"port":0}"#, true),
            (r#"{"port":08}"#, false),
            (r#"{"port":}"#, false),
            (r#"{"port":-1}"#, false),
            (r#"{"port":80,}"#, false),
            (r#"{"name":"a,b"}"#, false),
            (r#"{"name":"}"#, false),
            ("{}", false),
            ("", false),
        ] {
            assert_eq!(is_plain_key(text), plain, "{text}");
            assert!(!plain || element(&format!("k:{text}")).is_some(), "{text}");
        }
    }

    #[test]
    fn a_broken_key_is_named() {
        for key in ["x", "k:{", "k:[1]", "v:", "i:-1", "q:a", "k:{\"a\":{}}", "k:{}"] {
            assert_eq!(read(&json!({"f:a": {key: {}}})).unwrap_err().key, key);
        }
    }

    fn paths() -> impl Strategy<Value = Vec<FieldPath>> {
        let element = prop_oneof![
            "[abc]".prop_map(|s| PathElement::Field(s.into())),
            (0..3usize).prop_map(PathElement::Index),
            (0..3i64).prop_map(|i| PathElement::Value(Scalar::Int(i))),
            "[xy]".prop_map(|s| PathElement::key([("name", Scalar::Str(s.into()))])),
        ];
        prop::collection::vec(prop::collection::vec(element, 1..4).prop_map(FieldPath::from), 0..8)
    }

    fn set(paths: &[FieldPath]) -> FieldSet {
        let mut set = FieldSet::default();
        paths.iter().for_each(|p| set.insert(p));
        set
    }

    proptest! {
        #[test]
        fn set_algebra_is_that_of_sets(a in paths(), b in paths()) {
            use std::collections::BTreeSet;
            let (x, y): (BTreeSet<_>, BTreeSet<_>) = (a.iter().cloned().collect(), b.iter().cloned().collect());
            let (s, t) = (set(&a), set(&b));
            prop_assert_eq!(s.paths(), x.iter().cloned().collect::<Vec<_>>());
            prop_assert_eq!(s.len(), x.len());
            prop_assert_eq!(s.union(&t).paths(), x.union(&y).cloned().collect::<Vec<_>>());
            prop_assert_eq!(s.intersection(&t).paths(), x.intersection(&y).cloned().collect::<Vec<_>>());
            prop_assert_eq!(s.difference(&t).paths(), x.difference(&y).cloned().collect::<Vec<_>>());
            prop_assert!(a.iter().all(|p| s.contains(p) && s.touches(p)));
            prop_assert_eq!(read(&s.to_fields_v1()).unwrap(), s);
        }
    }
}
