//! One step between two resources, with the evidence for it.

use crate::graph::Edge;
use crate::key::ResourceKey;

/// One step of a path, towards the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The resource that the step leads to.
    pub key: ResourceKey,
    /// The relation, such as `uses` or `owned by`.
    pub edge: String,
    /// Why it is believed, such as the path of the field with the reference.
    pub evidence: String,
}

impl Hop {
    /// Makes a hop to one end of an edge of the graph.
    pub(super) fn from_edge(edge: &Edge<'_>, to: &ResourceKey) -> Self {
        Self { key: to.clone(), edge: edge.relation.word().into(), evidence: edge.evidence.to_string() }
    }
}
