//! One step between two resources, with the evidence for it.

use crate::graph::Edge;
use crate::key::ResourceKey;

/// One step of a way, towards the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Where the step leads.
    pub key: ResourceKey,
    /// What the edge means.
    pub edge: String,
    /// Why it is believed.
    pub evidence: String,
}

impl Hop {
    /// Makes a hop to one end of an edge of the graph.
    pub(super) fn from_edge(edge: &Edge<'_>, to: &ResourceKey) -> Self {
        Self { key: to.clone(), edge: edge.relation.word().into(), evidence: edge.evidence.to_string() }
    }
}
