//! Whether the order of the elements of a list means something.

use std::collections::BTreeSet;

use super::{Walk, key_field, scalar};
use crate::object::Node;
use crate::path::Scalar;
use crate::schema::{ElementOrder, ListShape, TypeRef};

/// What two lists of the same elements differ in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OrderChange {
    /// An order that means something: the keys of the elements that both have, in the order of the declared and of
    /// the live list.
    Sequence(Vec<Scalar>, Vec<Scalar>),
    /// An order that means nothing.
    Meaningless,
}

/// Longest list whose elements are compared in any order: that takes time in proportion to its square.
const MAX_PERMUTED: usize = 500;

impl<'a> Walk<'a> {
    /// Returns `true` if two lists have the same elements, in whatever order.
    pub(super) fn is_permutation(&self, d: &[Node<'_>], mut l: Vec<Node<'_>>, ty: TypeRef<'_>) -> bool {
        d.len() == l.len()
            && d.len() <= MAX_PERMUTED
            && d.iter().all(|d| {
                let found = l.iter().position(|l| self.same(*d, *l, ty));
                found.map(|at| l.swap_remove(at)).is_some()
            })
    }

    /// Compares the order of the elements that both of two lists have, where it means something.
    pub(super) fn sequence(
        &mut self,
        d: Node<'a>,
        l: Node<'a>,
        (keys, list): (&'a [Box<str>], ListShape<'a>),
    ) {
        let ty = list.element();
        // One key field names an element in all such lists.
        let name = |n: Node<'a>| keys.first().and_then(|k| key_field(n, k, ty)).map(scalar);
        let names = |n: Node<'a>| n.children().filter_map(name).collect::<BTreeSet<_>>();
        let (ds, ls) = (names(d), names(l));
        let both = |n: Node<'a>| {
            let all: Vec<_> =
                n.children().filter_map(name).filter(|k| ds.contains(k) && ls.contains(k)).collect();
            all
        };
        let (before, after) = (both(d), both(l));
        let is_plain = before.len() == ds.intersection(&ls).count() && after.len() == before.len();
        let same = match list.order() {
            ElementOrder::References => earlier_references(d) == earlier_references(l),
            _ => false,
        };
        if is_plain && before != after && !same {
            self.emit_order(d, l, OrderChange::Sequence(before, after));
        }
    }
}

/// Returns which elements of a list refer by `$(NAME)` to one that stands before them, of those that refer to any.
fn earlier_references(list: Node<'_>) -> BTreeSet<(&str, &str)> {
    let mut seen = BTreeSet::new();
    let mut found = BTreeSet::new();
    for element in list.children() {
        let name = element.str_at(&["name"]).unwrap_or_default();
        let text = element.str_at(&["value"]).unwrap_or_default();
        let targets = text.split("$(").skip(1).filter_map(|t| t.split_once(')')).map(|(name, _)| name);
        found.extend(targets.filter(|t| seen.contains(t)).map(|t| (name, t)));
        seen.insert(name);
    }
    found
}
