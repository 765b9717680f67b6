//! Holds the defaults against what a real API server made of objects.
//!
//! `data/recorded.jsonl` has one pair `[declared, live]` a line: invented objects of nearly every built-in kind, and
//! what Kubernetes 1.36.3 (API server and controllers) had of them seconds later, without status and managedFields.

use std::collections::BTreeMap;

use super::{Computed, Default, Quantity, ScalarKind, SchemaSet, SchemaSetBuilder, Shape, Topology, TypeRef};
use crate::object::{Doc, Node, Object};

const RECORDED: &str = include_str!("../../data/recorded.jsonl");

/// Finds what live objects have and neither their declaration nor the schema explains: the plainest diff there is.
struct UnreadDefinition<'a> {
    root: Node<'a>,
    found: Vec<String>,
}

fn null() -> Doc {
    Doc::from_json(b"null").unwrap()
}

fn is_equal(kind: ScalarKind, a: Node<'_>, b: Node<'_>) -> bool {
    let amount = |n: Node<'_>| -> Option<Quantity> {
        let text = n.as_str().map_or_else(|| format!("{n:?}"), str::to_owned);
        text.parse::<Quantity>().ok().map(Quantity::ceil_milli)
    };
    a == b || kind == ScalarKind::Quantity && amount(a).is_some() && amount(a) == amount(b)
}

/// Key of a list element, with defaults for what is missing.
fn key(element: TypeRef<'_>, node: Node<'_>, keys: &[Box<str>]) -> Vec<String> {
    let default = |key: &str| match element.shape() {
        Shape::Struct(s) => match s.field(key)?.default()? {
            Default::Constant(c) => Some(format!("{c:?}")),
            _ => None,
        },
        _ => None,
    };
    keys.iter()
        .map(|k| node.get(k).map_or_else(|| default(k).unwrap_or_default(), |v| format!("{v:?}")))
        .collect()
}

impl UnreadDefinition<'_> {
    fn compare(&mut self, ty: TypeRef<'_>, declared: Node<'_>, live: Node<'_>, path: &str) {
        let none = null();
        match ty.shape() {
            Shape::Scalar(kind) if is_equal(kind, declared, live) => {}
            Shape::Unknown if declared == live => {}
            Shape::Scalar(_) | Shape::Unknown => self.found.push(format!("{path} = {live:?}")),
            Shape::Struct(_) => self.structs(ty, declared, live, path),
            Shape::Map(map) => {
                for l in
                    live.children().filter(|l| declared.get(l.key()).is_some() || !map.allocates(l.key()))
                {
                    let d = declared.get(l.key()).unwrap_or(none.root());
                    self.compare(map.value(), d, l, &format!("{path}.{}", l.key()));
                }
            }
            Shape::List(list) => {
                let own = |l: &Node<'_>| declared.children().any(|d| d == *l) || !list.allocates(*l);
                let own: Vec<_> = live.children().filter(own).collect();
                let mut by_key: BTreeMap<Vec<String>, Node<'_>> = BTreeMap::new();
                if let Topology::Map(keys) = list.topology() {
                    by_key = declared.children().map(|d| (key(list.element(), d, keys), d)).collect();
                }
                if own.len() != declared.len() {
                    self.found.push(format!("{path} = {live:?}"));
                }
                for (d, l) in declared.children().zip(own) {
                    let d = match list.topology() {
                        Topology::Map(keys) => by_key.get(&key(list.element(), l, keys)).copied(),
                        _ => Some(d),
                    };
                    self.compare(list.element(), d.unwrap_or(none.root()), l, &format!("{path}[]"));
                }
            }
        }
    }

    fn structs(&mut self, ty: TypeRef<'_>, declared: Node<'_>, live: Node<'_>, path: &str) {
        let Shape::Struct(shape) = ty.shape() else { return };
        let none = null();
        for l in live.children() {
            let path = format!("{path}.{}", l.key());
            let Some(field) = shape.field(l.key()) else {
                if declared.get(l.key()) != Some(l) {
                    self.found.push(path);
                }
                continue;
            };
            let d = declared.get(l.key()).filter(|d| !field.is_absent(*d));
            let computed = match field.default() {
                Some(Default::Computed(rule)) if d.is_none() || rule.completes() => {
                    rule.evaluate(declared, self.root)
                }
                _ => None,
            };
            match (d, field.default(), &computed) {
                (None, ..) if field.is_absent(l) => {}
                (_, _, Some(Computed::Value(v))) => self.compare(field.ty(), v.root(), l, &path),
                (None, _, Some(Computed::Allocated)) | (None, Some(Default::Allocated), _) => {}
                (None, Some(Default::Constant(c)), _) => self.compare(field.ty(), c, l, &path),
                (None, ..) if l.is_empty() => self.found.push(path),
                (d, ..) => self.compare(field.ty(), d.unwrap_or(none.root()), l, &path),
            }
        }
        for d in declared.children() {
            let dropped = shape.field(d.key()).is_none_or(|f| f.is_absent(d)) && !shape.preserves_unknown();
            if live.get(d.key()).is_none() && !dropped {
                self.found.push(format!("{path}.{} is gone", d.key()));
            }
        }
    }
}

#[test]
fn what_the_api_server_adds_is_explained() {
    let pairs: Vec<(Doc, Object)> = RECORDED
        .lines()
        .map(|line| {
            let pair: [serde_json::Value; 2] = serde_json::from_str(line).unwrap();
            (Doc::from_value(&pair[0]).unwrap(), Object::new(Doc::from_value(&pair[1]).unwrap()).unwrap())
        })
        .collect();
    let mut crds = SchemaSetBuilder::default();
    for (_, live) in pairs.iter().filter(|p| p.1.kind() == "CustomResourceDefinition") {
        crds.crd(live).unwrap();
    }
    let set = SchemaSet::layered(&SchemaSet::bundled(), &crds.build());
    let mut all = Vec::new();
    for (declared, live) in &pairs {
        let (group, version) = live.api_version().split_once('/').unwrap_or(("", live.api_version()));
        let kind = set.kind(group, version, live.kind()).unwrap_or_else(|| panic!("no schema of {live:?}"));
        let mut unexplained = UnreadDefinition { root: declared.root(), found: Vec::new() };
        unexplained.compare(kind.root(), declared.root(), live.root(), "");
        all.extend(unexplained.found.into_iter().map(|f| format!("{} {f}", live.key())));
    }
    assert!(pairs.len() > 80, "{} pairs", pairs.len());
    assert!(all.is_empty(), "{all:#?}");
}
