//! A graph as somebody saw it at a moment.

use std::sync::Arc;

use crate::event::Until;
use crate::key::ResourceKey;

use super::{DependencyGraph, Edge};

/// A graph up to a moment: what came later is not seen, though the graph itself may know it.
#[derive(Clone, Debug)]
pub struct AsOf {
    graph: Arc<DependencyGraph>,
    until: Until,
}

impl AsOf {
    /// Looks at a graph as it was.
    pub fn new(graph: Arc<DependencyGraph>, until: Until) -> Self {
        Self { graph, until }
    }

    /// Returns what a resource depends on then, sorted.
    pub fn edges_from(&self, key: &ResourceKey) -> Vec<Edge<'_>> {
        self.graph.edges_from(key, self.until)
    }

    /// Returns what depends on a resource then, sorted.
    pub fn edges_to(&self, key: &ResourceKey) -> Vec<Edge<'_>> {
        self.graph.edges_to(key, self.until)
    }

    /// Returns every edge that ever led from a resource until then, sorted; of equal ones the newest.
    pub fn ever_from(&self, key: &ResourceKey) -> Vec<Edge<'_>> {
        self.graph.ever_from(key, self.until)
    }

    /// Returns every edge that ever led to a resource until then, sorted; of equal ones the newest.
    pub fn ever_to(&self, key: &ResourceKey) -> Vec<Edge<'_>> {
        self.graph.ever_to(key, self.until)
    }
}
