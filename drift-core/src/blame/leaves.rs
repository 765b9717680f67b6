//! The fields of an object that have a value of their own.

use crate::diff::{key_field, scalar};
use crate::object::{Kind, Node, Object};
use crate::path::{FieldPath, PathElement};
use crate::schema::{Shape, Topology, TypeRef};

use super::writer::is_written;

type LeafField<'a> = (FieldPath, Node<'a>);

/// Returns the fields at or below a path; a path with fields below it comes first itself.
pub(super) fn leaves<'a>(
    object: &'a Object,
    ty: Option<TypeRef<'a>>,
    path: &FieldPath,
) -> Vec<LeafField<'a>> {
    let mut out = Vec::new();
    let Some(node) = object.root().at_path(path).filter(|n| !n.is_null()) else { return out };
    collect(node, type_at(ty, path), &mut path.clone(), &mut out);
    if path.is_empty() {
        out.retain(|(p, _)| {
            is_written(p) && !["apiVersion", "kind", "status"].iter().any(|f| p.starts_with_fields(&[f]))
        });
    } else if out.first().is_none_or(|(p, _)| p != path) {
        out.push((path.clone(), node));
    }
    // A path sorts before what is below it.
    out.sort_by(|(a, _), (b, _)| a.cmp(b));
    out
}

/// Returns the type of the field at a path.
pub(crate) fn type_at<'a>(ty: Option<TypeRef<'a>>, path: &FieldPath) -> Option<TypeRef<'a>> {
    path.elements().iter().try_fold(ty?, |ty, element| match (element, ty.shape()) {
        (PathElement::Field(name), _) => ty.child(name),
        (_, Shape::List(list)) => Some(list.element()),
        _ => None,
    })
}

fn collect<'a>(node: Node<'a>, ty: Option<TypeRef<'a>>, path: &mut FieldPath, out: &mut Vec<LeafField<'a>>) {
    if !is_open(node, ty) {
        out.push((path.clone(), node));
        return;
    }
    for child in node.children().filter(|n| !n.is_null()) {
        let (element, below) = match node.kind() {
            Kind::Map => (PathElement::from(child.key()), ty.and_then(|t| t.child(child.key()))),
            _ => element(child, ty),
        };
        path.push(element);
        collect(child, below, path, out);
        path.pop();
    }
}

/// Returns `true` if a value has fields of its own.
fn is_open(node: Node<'_>, ty: Option<TypeRef<'_>>) -> bool {
    match (node.kind(), ty.map(TypeRef::shape)) {
        (Kind::Map | Kind::List, _) if node.is_empty() => false,
        (Kind::Map, Some(Shape::Struct(s))) => !s.is_atomic(),
        (Kind::Map, Some(Shape::Map(m))) => !m.is_atomic(),
        (Kind::Map, _) => true,
        (Kind::List, Some(Shape::List(l))) => {
            l.topology() != Topology::Atomic && has_distinct_keys(node, l.topology())
        }
        _ => false,
    }
}

/// Elements of equal key have no path of their own, and the list is one value.
fn has_distinct_keys(node: Node<'_>, topology: Topology<'_>) -> bool {
    let Topology::Map(keys) = topology else { return true };
    let mut seen = std::collections::BTreeSet::new();
    node.children().all(|n| {
        n.kind() == Kind::Map
            && seen.insert(keys.iter().map(|k| n.get(k).map(|v| v.to_doc().to_json())).collect::<Vec<_>>())
    })
}

fn element<'a>(node: Node<'a>, ty: Option<TypeRef<'a>>) -> (PathElement, Option<TypeRef<'a>>) {
    let Some(Shape::List(list)) = ty.map(TypeRef::shape) else {
        return (PathElement::Value(scalar(node)), None);
    };
    let below = list.element();
    match list.topology() {
        Topology::Map(keys) => {
            let fields = keys.iter().filter_map(|k| Some((k.clone(), scalar(key_field(node, k, below)?))));
            (PathElement::key(fields.collect::<Vec<_>>()), Some(below))
        }
        _ => (PathElement::Value(scalar(node)), Some(below)),
    }
}

/// Breaks a part that came or went as a whole into what is counted apart: fields of maps, but elements of lists as
/// they are.
pub(crate) fn units(node: Node<'_>, ty: Option<TypeRef<'_>>, path: &FieldPath) -> Vec<FieldPath> {
    let is_element = !matches!(path.elements().last(), Some(PathElement::Field(_)) | None);
    if is_element || !is_open(node, ty) {
        return vec![path.clone()];
    }
    let below = |child: Node<'_>| match node.kind() {
        Kind::Map => {
            let ty = ty.and_then(|t| t.child(child.key()));
            units(child, ty, &path.child(child.key()))
        }
        _ => vec![path.child(element(child, ty).0)],
    };
    node.children().filter(|n| !n.is_null()).flat_map(below).collect()
}
