//! The parts of a status that count as a change: what a source fetched, and what a node offers.

use crate::key::ResourceKey;
use crate::object::{Node, Object};

/// Returns the revision that a Flux source fetched: a commit or a digest, such as `main@sha1:4ac2…`.
///
/// It comes from outside of the cluster, so that no spec has it and the status is the only trace of the change.
pub(crate) fn source_revision<'o>(key: &ResourceKey, object: &'o Object) -> Option<&'o str> {
    if &*key.group != "source.toolkit.fluxcd.io" {
        return None;
    }
    object.root().str_at(&["status", "artifact", "revision"])
}

/// Returns the parts of a Node's status that decide about pods: its conditions without their times, and its capacity.
pub(super) fn node_state(node: &Object) -> Vec<(String, String)> {
    let mut out: Vec<_> = node
        .root()
        .at(&["status", "conditions"])
        .into_iter()
        .flat_map(Node::children)
        .map(|c| {
            let text = |f: &str| c.str_at(&[f]).unwrap_or_default().to_owned();
            (text("type"), text("status"))
        })
        .collect();
    let allocatable = node.root().at(&["status", "allocatable"]).into_iter().flat_map(Node::children);
    out.extend(allocatable.map(|n| (n.key().to_owned(), format!("{n:?}"))));
    out
}
