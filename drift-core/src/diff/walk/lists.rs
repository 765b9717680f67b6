//! Lists: as one value, as sets, by their keys.

use std::collections::BTreeMap;

use super::{Mode, Walk, WalkStep, key_field, scalar};
use crate::object::{Kind, Node};
use crate::path::Scalar;
use crate::schema::{ElementOrder, ListShape, Topology, TypeRef};

/// The elements of equal key on the declared and on the live side, in order.
type Sides<'a> = (Vec<Node<'a>>, Vec<Node<'a>>);

impl<'a> Walk<'a> {
    pub(super) fn lists(&mut self, d: Node<'a>, l: Node<'a>, list: ListShape<'a>) {
        match list.topology() {
            Topology::Atomic => self.atomic(d, l, |w| w.atomic_list(d, l, list)),
            Topology::Set => self.sets(d, l, list),
            Topology::Map(keys) => self.keyed(d, l, keys, list),
        }
    }

    pub(super) fn atomic_list(&mut self, d: Node<'a>, l: Node<'a>, list: ListShape<'a>) {
        let ty = list.element();
        let any_order = list.order() == ElementOrder::Any;
        if self.mode == Mode::Versions || !(list.has_allocated() || any_order) {
            return self.in_order(d.children(), l.children(), Some(ty));
        }
        let declared = |e: &Node<'_>| d.children().any(|x| x == *e);
        let is_own = |e: &Node<'_>| !list.has_allocated() || declared(e) || !list.allocates(*e);
        let live: Vec<_> = l.children().filter(is_own).collect();
        let hit = self.hit;
        self.in_order(d.children(), live.iter().copied(), Some(ty));
        if any_order && !hit && self.hit {
            let is_permutation = self.is_permutation(&d.children().collect::<Vec<_>>(), live, ty);
            self.permuted |= is_permutation;
            self.hit = !is_permutation;
        }
    }

    pub(super) fn in_order(
        &mut self,
        mut d: impl Iterator<Item = Node<'a>>,
        mut l: impl Iterator<Item = Node<'a>>,
        ty: Option<TypeRef<'a>>,
    ) {
        loop {
            match (d.next(), l.next()) {
                (Some(d), Some(l)) => self.pair(d, l, ty),
                (None, None) => return,
                (d, l) => return self.emit(d, l),
            }
        }
    }

    pub(super) fn sets(&mut self, d: Node<'a>, l: Node<'a>, list: ListShape<'a>) {
        if d == l {
            return;
        }
        let plain = |n: Node<'a>| n.children().all(|e| !matches!(e.kind(), Kind::List | Kind::Map));
        if !plain(d) || !plain(l) {
            return self.atomic(d, l, |w| w.in_order(d.children(), l.children(), Some(list.element())));
        }
        let index = |n: Node<'a>| n.children().map(|e| (scalar(e), e)).collect::<BTreeMap<_, _>>();
        let (ds, ls) = (index(d), index(l));
        for (key, node) in &ds {
            if !ls.contains_key(key) {
                self.step(WalkStep::Value(*node), |w| w.emit(Some(*node), None));
            }
        }
        for (key, node) in &ls {
            let allocated = self.mode == Mode::Declared && list.allocates(*node);
            if !ds.contains_key(key) {
                self.step(WalkStep::Value(*node), |w| match allocated {
                    true => w.allocated_value(*node),
                    false => w.emit(None, Some(*node)),
                });
            }
        }
    }

    pub(super) fn keyed(&mut self, d: Node<'a>, l: Node<'a>, keys: &'a [Box<str>], list: ListShape<'a>) {
        let ty = list.element();
        let same_key =
            |(a, b): (Node<'a>, Node<'a>)| keys.iter().all(|k| key_field(a, k, ty) == key_field(b, k, ty));
        if self.mode == Mode::Declared && d.len() == l.len() && d.children().zip(l.children()).all(same_key) {
            for (dv, lv) in d.children().zip(l.children()) {
                self.step(WalkStep::Element { node: lv, keys, ty }, |w| w.pair(dv, lv, Some(ty)));
            }
            return;
        }
        // Equal keys are allowed in what was applied client-side: the n-th of them goes with the n-th.
        let mut index: BTreeMap<Vec<Option<Scalar>>, Sides<'a>> = BTreeMap::new();
        let key = |n: Node<'a>| keys.iter().map(|k| key_field(n, k, ty).map(scalar)).collect::<Vec<_>>();
        d.children().filter(|n| !n.is_null()).for_each(|n| index.entry(key(n)).or_default().0.push(n));
        l.children().for_each(|n| index.entry(key(n)).or_default().1.push(n));
        let is_unique = |(k, (ds, ls)): (&Vec<_>, &(Vec<_>, Vec<_>))| {
            k.iter().all(Option::is_some) && ds.len().max(ls.len()) < 2
        };
        if self.mode == Mode::Versions && !index.iter().all(is_unique) {
            // Paths would name two elements at once: only the list as a whole can be reported.
            return self.atomic(d, l, |w| w.in_order(d.children(), l.children(), Some(ty)));
        }
        if self.mode == Mode::Declared && list.order() != ElementOrder::Topology {
            self.sequence(d, l, (keys, list));
        }
        for (ds, ls) in index.values() {
            for i in 0..ds.len().max(ls.len()) {
                let (dv, lv) = (ds.get(i).copied(), ls.get(i).copied());
                let Some(node) = lv.or(dv) else { continue };
                self.step(WalkStep::Element { node, keys, ty }, |w| match (dv, lv) {
                    (Some(dv), Some(lv)) => w.pair(dv, lv, Some(ty)),
                    (None, Some(lv)) if w.mode == Mode::Declared && list.allocates(lv) => {
                        w.allocated_value(lv)
                    }
                    _ => w.emit(dv, lv),
                });
            }
        }
    }

    pub(super) fn lists_live(&mut self, l: Node<'a>, list: ListShape<'a>) {
        let any = l.children().any(|e| list.allocates(e));
        let rest = || l.children().filter(|e| !list.allocates(*e));
        match list.topology() {
            _ if rest().next().is_none() => {}
            Topology::Map(keys) if any => rest().for_each(|e| {
                self.step(WalkStep::Element { node: e, keys, ty: list.element() }, |w| w.emit(None, Some(e)));
            }),
            Topology::Set if any => {
                rest().for_each(|e| self.step(WalkStep::Value(e), |w| w.emit(None, Some(e))))
            }
            _ => self.emit(None, Some(l)),
        }
    }
}
