//! Putting changes into a document.

use serde_json::{Map, Value};

use super::FieldChange;
use crate::object::Doc;
use crate::path::{FieldPath, PathElement, Scalar};
use crate::schema::{Default, Shape, TypeRef};

/// A change that a document has no place for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document has no place for `{path}`")]
pub struct PatchError {
    /// The path of the change.
    pub path: FieldPath,
}

pub(super) fn apply(doc: &Doc, changes: &[FieldChange], ty: Option<TypeRef<'_>>) -> Result<Doc, PatchError> {
    let mut value = doc.root().to_value();
    for change in changes {
        let error = || PatchError { path: change.path.clone() };
        match change.path.elements().split_last() {
            None => value = change.after.clone().unwrap_or(Value::Null),
            Some((last, parents)) => {
                let (mut at, mut ty) = (&mut value, ty);
                for element in parents {
                    let place = find(at, element, ty).ok_or_else(error)?;
                    (at, ty) = (place, below(ty, element));
                }
                set(at, last, change.after.as_ref(), ty).ok_or_else(error)?;
            }
        }
    }
    Doc::from_value(&value).map_err(|_| PatchError { path: FieldPath::ROOT })
}

fn below<'a>(ty: Option<TypeRef<'a>>, element: &PathElement) -> Option<TypeRef<'a>> {
    match (ty?.shape(), element) {
        (Shape::List(list), _) => Some(list.element()),
        (_, PathElement::Field(name)) => ty?.child(name),
        _ => None,
    }
}

fn find<'v>(at: &'v mut Value, element: &PathElement, ty: Option<TypeRef<'_>>) -> Option<&'v mut Value> {
    match element {
        PathElement::Field(name) => at.as_object_mut()?.get_mut(&**name),
        _ => {
            let i = place(at.as_array()?, element, ty)?;
            at.as_array_mut()?.get_mut(i)
        }
    }
}

/// Returns where in a list the element stands that a path element names.
pub(crate) fn place(list: &[Value], element: &PathElement, ty: Option<TypeRef<'_>>) -> Option<usize> {
    match element {
        PathElement::Index(i) => (*i < list.len()).then_some(*i),
        PathElement::Value(v) => list.iter().position(|e| Scalar::from_value(e).as_ref() == Some(v)),
        PathElement::Key(fields) => {
            let element = ty.and_then(|t| below(Some(t), element));
            list.iter().position(|e| fields.iter().all(|(n, v)| key_is(e.get(&**n), n, v, element)))
        }
        PathElement::Field(_) => None,
    }
}

fn key_is(found: Option<&Value>, name: &str, wanted: &Scalar, element: Option<TypeRef<'_>>) -> bool {
    match found {
        Some(v) if !v.is_null() => Scalar::from_value(v).as_ref() == Some(wanted),
        _ => match element.map(TypeRef::shape) {
            Some(Shape::Struct(s)) => match s.field(name).and_then(|f| f.default()) {
                Some(Default::Constant(node)) => {
                    Scalar::from_value(&node.to_value()).as_ref() == Some(wanted)
                }
                _ => false,
            },
            _ => false,
        },
    }
}

fn set(at: &mut Value, last: &PathElement, after: Option<&Value>, ty: Option<TypeRef<'_>>) -> Option<()> {
    if let PathElement::Field(name) = last {
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        let map = at.as_object_mut()?;
        match after {
            Some(v) => drop(map.insert(name.to_string(), v.clone())),
            None => drop(map.remove(&**name)?),
        }
        return Some(());
    }
    if at.is_null() {
        *at = Value::Array(Vec::new());
    }
    let found = place(at.as_array()?, last, ty);
    let list = at.as_array_mut()?;
    match (found, after) {
        (Some(i), Some(v)) => list[i] = v.clone(),
        (Some(i), None) => match last {
            // A set that holds a value twice holds it once.
            PathElement::Value(v) => list.retain(|e| Scalar::from_value(e).as_ref() != Some(v)),
            _ => drop(list.remove(i)),
        },
        (None, Some(v)) => list.push(v.clone()),
        (None, None) => return None,
    }
    Some(())
}
