//! What rules read of declared objects, and the small documents that they make.

use crate::object::{Doc, DocBuilder, Node};

/// A document of one string.
pub(super) fn text(value: &str) -> Doc {
    make(|b| b.str(value))
}

/// A document of one number.
pub(super) fn int(value: i64) -> Doc {
    make(|b| b.int(value))
}

/// A document built by a closure that puts in one whole value.
pub(super) fn make(fill: impl FnOnce(&mut DocBuilder)) -> Doc {
    let mut builder = DocBuilder::default();
    fill(&mut builder);
    builder.finish().expect("rules build small whole values")
}

/// A document of one struct without fields.
pub(super) fn empty_struct() -> Doc {
    make(|b| {
        b.begin_map();
        b.end();
    })
}

/// Returns `true` if a field is there and holds something.
pub(super) fn given(parent: Node<'_>, name: &str) -> bool {
    parent.get(name).is_some_and(|n| !n.is_null() && !n.is_empty() && n.as_str() != Some(""))
}

/// Returns a string field; empty where it is missing.
pub(super) fn word<'a>(parent: Node<'a>, name: &str) -> &'a str {
    parent.str_at(&[name]).unwrap_or_default()
}

/// Returns the first map with the entries of the others that it does not have; `None` where that changes nothing.
pub(super) fn completed(own: Option<Node<'_>>, others: &[Option<Node<'_>>]) -> Option<Doc> {
    let mut all: std::collections::BTreeMap<&str, Node<'_>> =
        own.iter().flat_map(|o| o.children()).map(|n| (n.key(), n)).collect();
    let before = all.len();
    for node in others.iter().flatten().flat_map(|o| o.children()) {
        all.entry(node.key()).or_insert(node);
    }
    (all.len() > before).then(|| {
        make(|b| {
            b.begin_map();
            for (key, node) in all {
                b.key(key);
                b.node(node);
            }
            b.end();
        })
    })
}
