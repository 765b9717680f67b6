//! Owners read where they stand in the object, without building sets: what a judgement of one object needs.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use jiff::Timestamp;

use super::field_set::{is_fields_v1, plain_key};
use super::{FieldSet, Operation};
use crate::object::{Kind, Node, Object};
use crate::path::{FieldPath, PathElement, Scalar};

/// One entry of `metadata.managedFields`, where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnerEntry<'a> {
    pub(crate) manager: &'a str,
    pub(crate) operation: Operation,
    pub(crate) subresource: &'a str,
    time: Option<&'a str>,
    fields: Option<Node<'a>>,
}

/// What an entry owns at a path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OwnedFields<'a> {
    /// All of it: a scalar, an atomic value, or a part of one.
    Whole,
    /// Parts of it, in the FieldsV1 form.
    Parts(Node<'a>),
}

impl<'a> OwnedFields<'a> {
    fn new(fields: Node<'a>) -> Self {
        if is_leaf(fields) { Self::Whole } else { Self::Parts(fields) }
    }

    /// Returns what is owned one step below; of an atomic value every part.
    pub(crate) fn below(self, element: &PathElement) -> Option<Self> {
        let Self::Parts(fields) = self else { return Some(Self::Whole) };
        let found = match element {
            PathElement::Field(name) => fields.tagged("f:", name),
            _ => fields.children().find(|n| names(n.key(), element)),
        };
        found.map(Self::new)
    }

    /// Returns `true` if the value itself is owned beside its parts, as by who put it in.
    pub(crate) fn owns_itself(self) -> bool {
        match self {
            Self::Whole => true,
            Self::Parts(fields) => fields.get(".").is_some(),
        }
    }

    /// Returns the name of an element of a list whose elements are owned one by one; `None` where this set does not show how.
    pub(crate) fn name_of(self, element: Node<'_>) -> Option<PathElement> {
        let Self::Parts(fields) = self else { return None };
        let scalar = |n: Node<'_>| Scalar::from_value(&n.to_value());
        if let Some(value) = scalar(element) {
            return fields.children().any(|n| n.key().starts_with("v:")).then_some(PathElement::Value(value));
        }
        let text = fields.children().find_map(|n| n.key().strip_prefix("k:"))?;
        let keys = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).ok()?;
        let fields: Option<Vec<_>> =
            keys.keys().map(|name| Some((name.as_str(), scalar(element.get(name)?)?))).collect();
        fields.filter(|f| !f.is_empty()).map(PathElement::key)
    }
}

/// The owners of an object's fields, where they stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnerView<'a> {
    pub(crate) entries: Vec<OwnerEntry<'a>>,
    /// Entries that make no sense.
    pub(crate) unreadable: usize,
    /// How many paths were asked for.
    asked: Cell<u32>,
    /// The entries as sets, for an object of which many are; `None` for one whose keys are odd.
    sets: OnceCell<Vec<Option<FieldSet>>>,
}

/// Paths that are looked up where the owners stand; sets are built for more, since a lookup takes time in proportion to what is owned.
const MAX_LOOKUPS: u32 = 64;

impl<'a> OwnerView<'a> {
    pub(crate) fn of(object: &'a Object) -> Self {
        let mut all = Self::default();
        let list = object.root().at(&["metadata", "managedFields"]);
        for node in list.into_iter().flat_map(Node::children) {
            match OwnerEntry::read(node) {
                Some(entry) => all.entries.push(entry),
                None => all.unreadable += 1,
            }
        }
        all
    }

    /// Returns the owners without the entries that have a key that is none; they are counted with those that make no sense.
    ///
    /// Reading all keys takes longer than most questions, so a judgement asks for it and a count of votes does not.
    pub(crate) fn with_sound_keys(mut self) -> Self {
        let all = self.entries.len();
        self.entries.retain(|entry| entry.fields.is_none_or(is_fields_v1));
        self.unreadable += all - self.entries.len();
        self
    }

    /// Returns the entries that own a field, a part of it, or an atomic value that it is a part of.
    pub(crate) fn owners<'s, 'p>(
        &'s self,
        path: &'p FieldPath,
    ) -> impl Iterator<Item = &'s OwnerEntry<'a>> + use<'s, 'p, 'a> {
        self.asked.set(self.asked.get().saturating_add(1));
        let sets = (self.asked.get() > MAX_LOOKUPS).then(|| self.sets.get_or_init(|| self.read_sets()));
        self.entries
            .iter()
            .enumerate()
            .filter(move |(i, entry)| match sets.and_then(|s| s[*i].as_ref()) {
                Some(set) => set.touches(path),
                None => entry.touches(path),
            })
            .map(|(_, entry)| entry)
    }

    fn read_sets(&self) -> Vec<Option<FieldSet>> {
        let set = |e: &OwnerEntry<'_>| FieldSet::from_fields_v1(e.fields?).ok();
        self.entries.iter().map(set).collect()
    }
}

impl<'a> OwnerEntry<'a> {
    fn read(node: Node<'a>) -> Option<Self> {
        let text = |name| node.get(name).and_then(Node::as_str);
        Some(Self {
            manager: text("manager").unwrap_or_default(),
            operation: match text("operation") {
                Some("Apply") => Operation::Apply,
                Some("Update") => Operation::Update,
                _ => return None,
            },
            subresource: text("subresource").unwrap_or_default(),
            time: text("time"),
            fields: match node.get("fieldsV1") {
                Some(fields) if fields.kind() != Kind::Map => return None,
                fields => fields,
            },
        })
    }

    /// Returns when the manager last wrote, in whole seconds.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.time?.parse().ok()
    }

    /// Returns the manager as a shared text.
    pub(crate) fn shared_manager(&self) -> Arc<str> {
        self.manager.into()
    }

    /// Returns what [`super::FieldSet::touches`] returns for the set of this entry.
    pub(crate) fn touches(&self, path: &FieldPath) -> bool {
        let Some(mut at) = self.fields else { return false };
        for element in path.elements() {
            let found = match element {
                PathElement::Field(name) => at.tagged("f:", name),
                _ => at.children().find(|n| names(n.key(), element)),
            };
            match found {
                Some(below) => at = below,
                None => return is_leaf(at) && at.key() != "fieldsV1",
            }
        }
        true
    }

    /// Returns what is owned at a path, for an entry that [touches](Self::touches) it.
    pub(crate) fn owned_at(&self, path: &FieldPath) -> Option<OwnedFields<'a>> {
        path.elements().iter().try_fold(OwnedFields::Parts(self.fields?), |at, element| at.below(element))
    }

    /// Returns `true` if the status of the object is among what is owned, whichever way it was written.
    pub(crate) fn owns_status(&self) -> bool {
        self.subresource == "status" || self.fields.is_some_and(|f| f.get("f:status").is_some())
    }

    /// Returns `true` if nothing but labels and annotations of the object is owned.
    pub(crate) fn owns_only_marks(&self) -> bool {
        let Some(fields) = self.fields.filter(|_| self.subresource.is_empty()) else { return false };
        let mut metadata = fields.get("f:metadata").into_iter().flat_map(Node::children);
        fields.len() == 1 && metadata.all(|n| matches!(n.key(), "f:labels" | "f:annotations"))
    }

    /// Returns `true` if the entry names a field itself or a part of it, not only an atomic value around it.
    pub(crate) fn names(&self, path: &FieldPath) -> bool {
        let found = path.elements().iter().try_fold(self.fields, |at, element| {
            let at = at?;
            let below = match element {
                PathElement::Field(name) => at.tagged("f:", name),
                _ => at.children().find(|n| names(n.key(), element)),
            };
            below.map(Some)
        });
        found.is_some_and(|f| f.is_some())
    }

    /// Counts the fields of a declared object that this entry owns; a list with keys counts as one.
    pub(crate) fn votes(&self, desired: Node<'_>) -> usize {
        self.fields.map_or(0, |fields| owned(desired, fields, 0))
    }
}

fn is_leaf(fields: Node<'_>) -> bool {
    fields.children().all(|n| n.key() == ".")
}

fn owned(desired: Node<'_>, fields: Node<'_>, depth: usize) -> usize {
    if depth > 0 && (is_leaf(fields) || desired.kind() != Kind::Map) {
        return 1;
    }
    let mut sum = 0;
    // Both are sorted by the names of fields.
    let mut parts = fields.children().filter_map(|n| Some((n.key().strip_prefix("f:")?, n))).peekable();
    for child in desired.children() {
        let bookkeeping = match depth {
            0 => matches!(child.key(), "apiVersion" | "kind" | "status"),
            1 => matches!(child.key(), "name" | "namespace" | "creationTimestamp"),
            _ => false,
        };
        while parts.next_if(|(name, _)| *name < child.key()).is_some() {}
        let found = parts.next_if(|(name, _)| *name == child.key()).map(|(_, n)| n);
        sum += found.filter(|_| !bookkeeping && !child.is_null()).map_or(0, |f| owned(child, f, depth + 1));
    }
    sum
}

/// Returns `true` if a FieldsV1 key names a path element.
fn names(key: &str, element: &PathElement) -> bool {
    let Some((tag, rest)) = key.split_once(':') else { return false };
    match (tag, element) {
        ("i", PathElement::Index(i)) => rest.parse() == Ok(*i),
        ("v", PathElement::Value(value)) => scalar(rest).as_ref() == Some(value),
        ("k", PathElement::Key(fields)) => {
            if let Some((name, text)) = plain_key(rest) {
                let is = |value: &Scalar| matches!(value, Scalar::Str(value) if **value == *text);
                return matches!(&fields[..], [(field, value)] if **field == *name && is(value));
            }
            let Ok(map) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(rest) else {
                return false;
            };
            let is = |(name, value): &(Box<str>, Scalar)| {
                map.get(&**name).and_then(Scalar::from_value).as_ref() == Some(value)
            };
            map.len() == fields.len() && fields.iter().all(is)
        }
        _ => false,
    }
}

fn scalar(text: &str) -> Option<Scalar> {
    Scalar::from_value(&serde_json::from_str(text).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Doc;
    use crate::ownership::ManagedFields;
    use serde_json::json;

    #[test]
    fn the_view_says_what_the_sets_say() {
        let doc = json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","managedFields":[
            {"manager":"flux","operation":"Apply","time":"2026-01-01T00:00:00Z","fieldsV1":{
                "f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{},"f:name":{}}},"f:selector":{},"f:odd":{".":{}}},
                "f:metadata":{"f:finalizers":{"v:\"x\"":{}}}}},
            {"manager":"hpa","operation":"Update","subresource":"scale","fieldsV1":{"f:spec":{"f:replicas":{}}}},
            {"manager":"odd","operation":"Guess","fieldsV1":{}},
            {"manager":"every","operation":"Update","fieldsV1":{"f:spec":{"f:containers":{"k:{}":{"f:env":{}}}},"f:data":{}}},
        ]}});
        let object = Object::new(Doc::from_value(&doc).unwrap()).unwrap();
        let (view, sets) = (OwnerView::of(&object).with_sound_keys(), ManagedFields::of(&object));
        assert_eq!((view.unreadable, sets.unreadable()), (2, 2));
        for path in [
            ".",
            "spec",
            "spec.containers",
            "spec.containers[name=web]",
            "spec.containers[name=web].image",
            "spec.containers[name=web].env",
            "spec.containers[name=b]",
            "spec.selector.app",
            "spec.odd.x",
            "spec.replicas",
            "metadata.finalizers[=x]",
            "metadata.finalizers[=y]",
            "data",
            "spec.containers[0]",
        ] {
            let path = FieldPath::parse(path).unwrap();
            let by_view: Vec<_> = view.owners(&path).map(|e| e.manager.to_owned()).collect();
            let by_sets: Vec<_> = sets.owners(&path).map(|e| e.manager.to_string()).collect();
            assert_eq!(by_view, by_sets, "{path}");
            // Asked often, it answers from sets of its own.
            let often = view.clone();
            often.asked.set(MAX_LOOKUPS);
            let by_index: Vec<_> = often.owners(&path).map(|e| e.manager.to_owned()).collect();
            assert_eq!(by_index, by_sets, "{path}");
        }
    }
}
