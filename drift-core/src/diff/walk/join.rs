//! The join of two maps.

use std::cmp::Ordering;
use std::iter::Peekable;

use crate::object::{Children, Node};

/// Joins two maps by key, in order.
pub(super) fn join<'a>(d: Node<'a>, l: Node<'a>) -> Join<'a> {
    Join { d: d.children().peekable(), l: l.children().peekable() }
}

pub(super) struct Join<'a> {
    d: Peekable<Children<'a>>,
    l: Peekable<Children<'a>>,
}

impl<'a> Iterator for Join<'a> {
    type Item = (&'a str, Option<Node<'a>>, Option<Node<'a>>);

    fn next(&mut self) -> Option<Self::Item> {
        let order = match (self.d.peek(), self.l.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(d), Some(l)) => d.key().cmp(l.key()),
        };
        let d = if order.is_le() { self.d.next() } else { None };
        let l = if order.is_ge() { self.l.next() } else { None };
        let name = d.or(l)?.key();
        Some((name, d, l))
    }
}
