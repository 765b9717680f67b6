//! What is live and not declared, divided among those who filled it.
//!
//! What one manager put in as a whole stays one part. A map with free keys that several filled is divided entry by entry; of a
//! struct or an element of a list, what others did inside it is set apart from who put it there.

use crate::k8s::annotations::may_be_bookkeeping;
use crate::object::{Kind, Node};
use crate::ownership::{OwnedFields, OwnerEntry, OwnerView};
use crate::path::{FieldPath, PathElement};
use crate::schema::{Shape, TypeRef};

/// A part of what is live and not declared.
#[derive(Debug)]
pub(super) struct Share<'a, 'm> {
    pub(super) path: FieldPath,
    pub(super) live: Node<'a>,
    /// Who put it there, where others wrote inside of it too; else whoever owns the path.
    pub(super) owner: Option<&'m OwnerEntry<'m>>,
}

type Owned<'m> = (&'m OwnerEntry<'m>, OwnedFields<'m>);

/// Divides a live value that is not declared.
///
/// For example the annotations `{a: by ann, b: by a controller}` become one share each, and annotations that ann alone wrote
/// one share in all.
pub(super) fn divide<'a, 'm>(
    managed: &'m OwnerView<'m>,
    path: FieldPath,
    live: Node<'a>,
    ty: Option<TypeRef<'_>>,
) -> Vec<Share<'a, 'm>> {
    let own = managed.entries.iter().filter(|e| e.subresource != "status" || e.touches(&path));
    let owned: Vec<Owned<'m>> = own.filter_map(|e| Some((e, e.owned_at(&path)?))).collect();
    let mut shares = Vec::new();
    Division { shares: &mut shares }.value(path, live, &owned, ty);
    shares
}

struct Division<'s, 'a, 'm> {
    shares: &'s mut Vec<Share<'a, 'm>>,
}

impl<'a, 'm> Division<'_, 'a, 'm> {
    fn value(&mut self, path: FieldPath, live: Node<'a>, owned: &[Owned<'m>], ty: Option<TypeRef<'_>>) {
        let whole = owned.iter().any(|(_, fields)| matches!(fields, OwnedFields::Whole));
        // Bookkeeping is judged apart from what stands beside it, whoever owns it.
        let has_marks = has_free_keys(ty, live) && live.children().any(|n| may_be_bookkeeping(n.key()));
        let is_one = (owned.is_empty() || whole) && !has_marks;
        let parts = if is_one { None } else { children(live, owned) };
        let Some(parts) = parts else { return self.put(path, live, None) };
        let by_one = owned.len() == 1 && !has_marks;
        if by_one && (!has_free_keys(ty, live) || parts.iter().all(|(e, _)| !below(owned, e).is_empty())) {
            return self.put(path, live, None);
        }
        match creator(owned).filter(|_| !by_one && !has_free_keys(ty, live) && !is_list(live)) {
            Some(creator) => {
                self.put(path.clone(), live, Some(creator.0));
                self.inside(&path, live, (owned, creator.0), ty);
            }
            None => {
                for (element, child) in parts {
                    let below = below(owned, &element);
                    let ty = child_type(ty, &element);
                    self.value(path.child(element), child, &below, ty);
                }
            }
        }
    }

    /// What others than its creator did inside of a value.
    fn inside(
        &mut self,
        path: &FieldPath,
        live: Node<'a>,
        (owned, creator): (&[Owned<'m>], &'m OwnerEntry<'m>),
        ty: Option<TypeRef<'_>>,
    ) {
        for (element, child) in children(live, owned).into_iter().flatten() {
            let below = below(owned, &element);
            let others = below.iter().any(|(e, _)| !std::ptr::eq(*e, creator));
            let own = below.iter().find(|(e, _)| std::ptr::eq(*e, creator));
            let ty = child_type(ty, &element);
            match own {
                _ if !others => {}
                None => self.value(path.child(element), child, &below, ty),
                Some((_, OwnedFields::Whole)) => {}
                Some(_) => self.inside(&path.child(element), child, (&below, creator), ty),
            }
        }
    }

    fn put(&mut self, path: FieldPath, live: Node<'a>, owner: Option<&'m OwnerEntry<'m>>) {
        self.shares.push(Share { path, live, owner });
    }
}

/// Returns the parts of a container under the names that its owners have for them; `None` for what is one value.
fn children<'a>(live: Node<'a>, owned: &[Owned<'_>]) -> Option<Vec<(PathElement, Node<'a>)>> {
    match live.kind() {
        Kind::Map => Some(live.children().map(|n| (PathElement::Field(n.key().into()), n)).collect()),
        Kind::List => {
            let name = |n: Node<'a>| Some((owned.iter().find_map(|(_, fields)| fields.name_of(n))?, n));
            live.children().map(name).collect()
        }
        _ => None,
    }
}

fn below<'m>(owned: &[Owned<'m>], element: &PathElement) -> Vec<Owned<'m>> {
    owned.iter().filter_map(|(entry, fields)| Some((*entry, fields.below(element)?))).collect()
}

/// Of those who own the value itself the one who wrote first.
fn creator<'m>(owned: &[Owned<'m>]) -> Option<Owned<'m>> {
    owned.iter().filter(|(_, fields)| fields.owns_itself()).min_by_key(|(entry, _)| entry.time()).copied()
}

fn has_free_keys(ty: Option<TypeRef<'_>>, live: Node<'_>) -> bool {
    live.kind() == Kind::Map
        && match ty.map_or(Shape::Unknown, TypeRef::shape) {
            Shape::Map(_) | Shape::Unknown => true,
            Shape::Scalar(_) | Shape::Struct(_) | Shape::List(_) => false,
        }
}

fn is_list(live: Node<'_>) -> bool {
    live.kind() == Kind::List
}

fn child_type<'t>(ty: Option<TypeRef<'t>>, element: &PathElement) -> Option<TypeRef<'t>> {
    let path = FieldPath::from(vec![element.clone()]);
    ty.and_then(|ty| ty.at_path(&path))
}
