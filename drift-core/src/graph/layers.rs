//! Resources in columns: whoever depends stands left of what it depends on.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::key::ResourceKey;

use super::Edge;

/// Resources in columns, those of a cycle in one; each column in the order in which edges cross least, as far as one pass finds.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers<'a> {
    pub(super) columns: Vec<Vec<&'a ResourceKey>>,
}

impl<'a> Layers<'a> {
    /// Places the ends of some edges.
    pub(super) fn of(edges: &[Edge<'a>]) -> Self {
        let keys: BTreeSet<&ResourceKey> = edges.iter().flat_map(|e| [e.from, e.to]).collect();
        let mut graph: DiGraph<&'a ResourceKey, ()> = DiGraph::new();
        let numbers: BTreeMap<_, _> = keys.into_iter().map(|k| (k, graph.add_node(k))).collect();
        for e in edges {
            graph.update_edge(numbers[e.from], numbers[e.to], ());
        }
        let mut all = Self::default();
        for (key, column) in columns(&graph) {
            if all.columns.len() <= column {
                all.columns.resize(column + 1, Vec::new());
            }
            all.columns[column].push(key);
        }
        all.untangle(edges);
        all
    }

    /// Puts each resource as high as the middle of those to its left that depend on it.
    fn untangle(&mut self, edges: &[Edge<'a>]) {
        let mut rows: BTreeMap<&ResourceKey, usize> = BTreeMap::new();
        let mut into: BTreeMap<&ResourceKey, Vec<&ResourceKey>> = BTreeMap::new();
        edges.iter().for_each(|e| into.entry(e.to).or_default().push(e.from));
        for column in &mut self.columns {
            column.sort_by_cached_key(|key| {
                let left = into.get(*key).into_iter().flatten().filter_map(|k| rows.get(*k));
                let (sum, count) = left.fold((0, 0), |(s, n), row| (s + row, n + 1));
                // In thousandths of a row, so that nothing is rounded by a machine's floats.
                ((sum * 1000).checked_div(count).unwrap_or(usize::MAX), *key)
            });
            rows.extend(column.iter().enumerate().map(|(row, key)| (*key, row)));
        }
    }
}

/// Finds the column of every resource: one more than the farthest to its left that depends on it.
fn columns<'a>(graph: &DiGraph<&'a ResourceKey, ()>) -> BTreeMap<&'a ResourceKey, usize> {
    // Cycles come in the order in which what is depended on is first; backwards that is from left to right.
    let mut parts = tarjan_scc(graph);
    parts.reverse();
    let mut found: BTreeMap<NodeIndex, usize> = BTreeMap::new();
    for part in parts {
        let left = part.iter().flat_map(|n| graph.neighbors_directed(*n, petgraph::Direction::Incoming));
        let column = left.filter_map(|n| found.get(&n)).max().map_or(0, |c| c + 1);
        found.extend(part.iter().map(|n| (*n, column)));
    }
    found.into_iter().map(|(n, column)| (graph[n], column)).collect()
}
