//! The generic steps of a conversion.

use serde_json::{Map, Value};

use super::code::Code;
use crate::object::{Doc, Kind, Node};
use crate::path::{FieldPath, PathElement};
use crate::schema::{ListShape, Shape, Topology, TypeRef};

/// A path in the table: names of fields, and [`ELEMENTS`].
type PlacePath = Vec<&'static str>;

/// The elements of a list.
const ELEMENTS: &str = "[]";

/// One step from an older version to the newest.
#[derive(Debug)]
pub(super) enum ConversionStep {
    Relocate { place: PlacePath, from: PlacePath, to: PlacePath, only: Option<ValueKind> },
    Wrap { place: PlacePath, name: &'static str, but: Vec<&'static str> },
    Unwrap { place: PlacePath, name: &'static str },
    Drop { place: PlacePath, field: &'static str },
    Set { place: PlacePath, field: &'static str, value: Value },
    Replace { place: PlacePath, field: &'static str, from: Value, to: Value },
    Code(Code),
    Owners { place: PlacePath, from: PlacePath, to: PlacePath },
    Default(OlderDefault),
}

/// What a relocated value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    Int,
    Text,
}

/// What an older version fills in where a field is missing.
#[derive(Debug)]
pub(crate) struct OlderDefault {
    path: PlacePath,
    value: OlderValue,
}

#[derive(Debug)]
enum OlderValue {
    Constant(Doc),
    TemplateLabels,
}

fn place(text: &'static str) -> PlacePath {
    let fields = text.split('.').filter(|f| !f.is_empty());
    fields
        .flat_map(|f| match f.strip_suffix(ELEMENTS) {
            Some(name) => vec![name, ELEMENTS],
            None => vec![f],
        })
        .collect()
}

/// Reads `PLACE: REST`.
fn placed(text: &'static str) -> Option<(PlacePath, &'static str)> {
    let (at, rest) = text.split_once(": ")?;
    Some((place(at), rest))
}

fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

impl ConversionStep {
    /// Reads one line of the table.
    pub(super) fn parse(line: &'static str) -> Option<Self> {
        let (verb, rest) = line.split_once(' ')?;
        match verb {
            "code" => return Code::from_name(rest).map(Self::Code),
            "default" => return OlderDefault::parse(rest).map(Self::Default),
            _ => {}
        }
        let (place, rest) = placed(rest)?;
        Some(match verb {
            "move" | "owners" => {
                let (from, to) = rest.split_once(" -> ")?;
                let (to, only) = match to.split_once(' ') {
                    None => (to, None),
                    Some((to, "int")) => (to, Some(ValueKind::Int)),
                    Some((to, "text")) => (to, Some(ValueKind::Text)),
                    Some(_) => return None,
                };
                let (from, to) = (self::place(from), self::place(to));
                match verb {
                    "move" => Self::Relocate { place, from, to, only },
                    _ => Self::Owners { place, from, to },
                }
            }
            "wrap" => {
                let (name, but) = rest.split_once(" but ")?;
                Self::Wrap { place, name, but: but.split(' ').collect() }
            }
            "unwrap" => Self::Unwrap { place, name: rest },
            "drop" => Self::Drop { place, field: rest },
            "set" => {
                let (field, value) = rest.split_once(" = ")?;
                Self::Set { place, field, value: json(value)? }
            }
            "replace" => {
                let (field, values) = rest.split_once(' ')?;
                let (from, to) = values.split_once(" => ")?;
                Self::Replace { place, field, from: json(from)?, to: json(to)? }
            }
            _ => return None,
        })
    }

    pub(super) fn apply(&self, root: &mut Value) {
        match self {
            Self::Relocate { place, from, to, only } => {
                at_each(root, place, &mut |at| relocate(at, from, to, *only))
            }
            Self::Wrap { place, name, but } => at_each(root, place, &mut |at| wrap(at, name, but)),
            Self::Unwrap { place, name } => at_each(root, place, &mut |at| {
                if let Some(Value::Object(inner)) = at.remove(*name) {
                    at.extend(inner);
                }
            }),
            Self::Drop { place, field } => at_each(root, place, &mut |at| drop(at.remove(*field))),
            Self::Set { place, field, value } => at_each(root, place, &mut |at| {
                if at.get(*field).is_none_or(Value::is_null) {
                    at.insert((*field).to_owned(), value.clone());
                }
            }),
            Self::Replace { place, field, from, to } => at_each(root, place, &mut |at| {
                if at.get(*field) == Some(from) {
                    match to {
                        Value::Null => drop(at.remove(*field)),
                        to => drop(at.insert((*field).to_owned(), to.clone())),
                    }
                }
            }),
            Self::Code(code) => code.apply(root),
            Self::Owners { .. } | Self::Default(_) => {}
        }
    }

    /// Returns where a field of the newer version was before the step; `None` where that is the same.
    pub(super) fn older_path(&self, path: &FieldPath) -> Option<FieldPath> {
        let (place, from, to) = match self {
            Self::Relocate { place, from, to, .. } | Self::Owners { place, from, to } => (place, from, to),
            _ => return None,
        };
        let elements = path.elements();
        let (head, rest) = elements.split_at_checked(place.len())?;
        let (name, tail) = rest.split_at_checked(to.len())?;
        let is = |(element, step): (&PathElement, &&str)| match element {
            PathElement::Field(name) => **name == **step,
            _ => *step == ELEMENTS,
        };
        let matches = head.iter().zip(place).all(is) && name.iter().zip(to).all(is);
        let from = from.iter().map(|f| PathElement::Field((*f).into()));
        matches
            .then(|| head.iter().cloned().chain(from).chain(tail.iter().cloned()).collect::<Vec<_>>().into())
    }
}

/// Visits the maps at a place.
fn at_each(value: &mut Value, place: &[&str], visit: &mut impl FnMut(&mut Map<String, Value>)) {
    match (place.split_first(), value) {
        (None, Value::Object(map)) => visit(map),
        (Some((&ELEMENTS, rest)), Value::Array(list)) => {
            list.iter_mut().for_each(|e| at_each(e, rest, visit))
        }
        (Some((name, rest)), Value::Object(map)) => {
            if let Some(below) = map.get_mut(*name) {
                at_each(below, rest, visit);
            }
        }
        _ => {}
    }
}

/// Takes a value out of nested maps; maps that are left empty go with it.
fn take(map: &mut Map<String, Value>, path: &[&str]) -> Option<Value> {
    let (name, rest) = path.split_first()?;
    if rest.is_empty() {
        return map.remove(*name);
    }
    let below = map.get_mut(*name)?.as_object_mut()?;
    let value = take(below, rest);
    if below.is_empty() && value.is_some() {
        map.remove(*name);
    }
    value
}

fn find<'v>(map: &'v Map<String, Value>, path: &[&str]) -> Option<&'v Value> {
    let (name, rest) = path.split_first()?;
    let below = map.get(*name)?;
    if rest.is_empty() { Some(below) } else { find(below.as_object()?, rest) }
}

fn put(map: &mut Map<String, Value>, path: &[&str], value: Value) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        map.insert((*name).to_owned(), value);
        return;
    }
    let below = map.entry(*name).or_insert_with(|| Value::Object(Map::new()));
    if let Some(below) = below.as_object_mut() {
        put(below, rest, value);
    }
}

fn relocate(map: &mut Map<String, Value>, from: &[&str], to: &[&str], only: Option<ValueKind>) {
    let fits = |v: &Value| match only {
        None => true,
        Some(ValueKind::Int) => v.is_number(),
        Some(ValueKind::Text) => v.is_string(),
    };
    if find(map, from).is_some_and(fits)
        && let Some(value) = take(map, from)
    {
        put(map, to, value);
    }
}

fn wrap(map: &mut Map<String, Value>, name: &str, but: &[&str]) {
    let (stay, inner): (Map<_, _>, Map<_, _>) =
        std::mem::take(map).into_iter().partition(|(k, _)| but.contains(&k.as_str()) || k == name);
    *map = stay;
    if !inner.is_empty() {
        map.insert(name.to_owned(), Value::Object(inner));
    }
}

impl OlderDefault {
    fn parse(text: &'static str) -> Option<Self> {
        let (path, value) = text.split_once(" = ")?;
        let value = match value {
            "template labels" => OlderValue::TemplateLabels,
            json => OlderValue::Constant(Doc::from_json(json.as_bytes()).ok()?),
        };
        Some(Self { path: place(path), value })
    }

    /// Returns the value that is filled into a declared object.
    fn value<'v>(&'v self, declared: Node<'v>) -> Option<Node<'v>> {
        match &self.value {
            OlderValue::Constant(doc) => Some(doc.root()),
            OlderValue::TemplateLabels => declared.at(&["spec", "template", "metadata", "labels"]),
        }
    }

    /// Returns `true` if a live value that is not declared is what the older version filled in.
    ///
    /// The path may lead to the default, into it, or to a struct of which the default is all there is.
    pub(crate) fn explains<'v>(&'v self, path: &FieldPath, live: Node<'v>, declared: Node<'v>) -> bool {
        let Some(value) = self.value(declared) else { return false };
        let elements = path.elements();
        let is = |(element, step): (&PathElement, &&str)| match element {
            PathElement::Field(name) => **name == **step,
            _ => *step == ELEMENTS,
        };
        if !elements.iter().zip(&self.path).all(is) {
            return false;
        }
        match elements.get(self.path.len()..) {
            Some(tail) => value.at_path(&FieldPath::from(tail.to_vec())) == Some(live),
            None => {
                let rest = &self.path[elements.len()..];
                let only = |at: Node<'v>, name: &&str| at.get(name).filter(|_| at.len() == 1);
                !rest.contains(&ELEMENTS) && rest.iter().try_fold(live, only) == Some(value)
            }
        }
    }

    /// Returns the places where a live value is another than the older default, though nothing is declared.
    pub(crate) fn contradictions<'v>(
        &'v self,
        declared: Node<'v>,
        live: Node<'v>,
        ty: TypeRef<'v>,
    ) -> Vec<(FieldPath, Node<'v>, Node<'v>)> {
        let mut found = Vec::new();
        if let Some(value) = self.value(declared) {
            collect(&self.path, (Some(declared), live, ty), &mut Vec::new(), &mut |path, live| {
                if live != value {
                    found.push((FieldPath::from(path.to_vec()), live, value));
                }
            });
        }
        found
    }

    #[cfg(test)]
    pub(super) fn has_field<'v>(&self, root: TypeRef<'v>) -> bool {
        let below = |ty: TypeRef<'v>, name: &&str| match ty.shape() {
            Shape::List(list) if *name == ELEMENTS => Some(list.element()),
            _ => ty.child(name),
        };
        self.path.iter().try_fold(root, below).is_some()
    }
}

/// Visits live values at a place where nothing is declared.
fn collect<'v>(
    place: &[&str],
    (declared, live, ty): (Option<Node<'v>>, Node<'v>, TypeRef<'v>),
    path: &mut Vec<PathElement>,
    visit: &mut impl FnMut(&[PathElement], Node<'v>),
) {
    let Some((name, rest)) = place.split_first() else {
        if declared.is_none_or(Node::is_null) && !live.is_null() {
            visit(path, live);
        }
        return;
    };
    match ty.shape() {
        Shape::List(list) if *name == ELEMENTS && live.kind() == Kind::List => {
            for element in live.children() {
                let Some(key) = key_of(element, list) else { continue };
                let declared = declared.and_then(|d| d.step(&key));
                path.push(key);
                // An element that is not declared is reported as a whole.
                if declared.is_some() {
                    collect(rest, (declared, element, list.element()), path, visit);
                }
                path.pop();
            }
        }
        _ => {
            let (Some(live), Some(ty)) = (live.get(name), ty.child(name)) else { return };
            path.push(PathElement::Field((*name).into()));
            collect(rest, (declared.and_then(|d| d.get(name)), live, ty), path, visit);
            path.pop();
        }
    }
}

fn key_of(element: Node<'_>, list: ListShape<'_>) -> Option<PathElement> {
    let Topology::Map(keys) = list.topology() else { return None };
    let field = |k: &str| {
        let value = element.get(k)?;
        Some((Box::<str>::from(k), crate::path::Scalar::from_value(&value.to_value())?))
    };
    Some(PathElement::key(keys.iter().map(|k| field(k)).collect::<Option<Vec<_>>>()?))
}
