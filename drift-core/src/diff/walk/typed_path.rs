//! Values at paths, read with the schema.

use super::{key_field, scalar};
use crate::object::{Kind, Node};
use crate::path::{FieldPath, PathElement, Scalar};
use crate::schema::{Shape, TypeRef};

/// Returns the value at a path; where a list has keys, a key field that an element leaves out stands for its default.
pub(crate) fn at_typed_path<'a>(
    root: Node<'a>,
    path: &FieldPath,
    mut ty: Option<TypeRef<'a>>,
) -> Option<Node<'a>> {
    path.elements().iter().try_fold(root, |node, step| {
        let shape = ty.map(TypeRef::shape);
        ty = match (step, shape) {
            (PathElement::Field(name), _) => ty.and_then(|t| t.child(name)),
            (_, Some(Shape::List(list))) => Some(list.element()),
            _ => None,
        };
        match (step, shape, ty) {
            (PathElement::Key(fields), Some(Shape::List(_)), Some(ty)) if node.kind() == Kind::List => {
                let is = |n: Node<'a>, (name, value): &(Box<str>, Scalar)| {
                    key_field(n, name, ty).is_some_and(|f| scalar(f) == *value)
                };
                node.children().find(|n| fields.iter().all(|f| is(*n, f)))
            }
            _ => node.step(step),
        }
    })
}
