//! The document of `drift graph`: what a resource depends on, and what depends on it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use drift_core::coverage::Coverage;
use drift_core::graph::{DependencyGraph, Direction, Edge};
use drift_core::text::printable;
use drift_core::{ResourceKey, Until};

use jiff::Timestamp;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::{API_VERSION, CoverageV1, KeyV1};

/// Dependencies around a resource.
///
/// Members are written in alphabetical order. Its JSON Schema is [`super::DEPENDENCY_GRAPH_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/dependency-graph.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DependencyGraphV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
    /// Edges within the asked distance of `key`, sorted.
    pub edges: Vec<EdgeV1>,
    /// The resource.
    #[serde(serialize_with = "sorted_members")]
    pub key: KeyV1,
    /// `DependencyGraph`.
    pub kind: &'static str,
}

/// One dependency: `from` depends on `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EdgeV1 {
    /// Field, label or rule that the dependency was read from.
    pub evidence: String,
    /// The dependent resource.
    #[serde(serialize_with = "sorted_members")]
    pub from: KeyV1,
    /// Whether `to` does not exist.
    pub missing: bool,
    /// Kind of dependency, such as `owned by` or `uses`.
    pub relation: &'static str,
    /// Time since which it exists.
    pub since: Timestamp,
    /// The resource that it depends on.
    #[serde(serialize_with = "sorted_members")]
    pub to: KeyV1,
}

impl DependencyGraphV1 {
    /// Makes the document of the edges that [`DependencyGraph::around`] returned for a resource.
    pub fn new(key: &ResourceKey, edges: &[Edge<'_>], coverage: &Coverage) -> Self {
        let edges = edges.iter().map(Into::into).collect();
        Self {
            api_version: API_VERSION,
            coverage: coverage.into(),
            edges,
            key: key.into(),
            kind: "DependencyGraph",
        }
    }
}

impl From<&Edge<'_>> for EdgeV1 {
    fn from(edge: &Edge<'_>) -> Self {
        Self {
            evidence: edge.evidence.to_string(),
            from: edge.from.into(),
            missing: edge.is_dangling,
            relation: edge.relation.word(),
            since: edge.since.time,
            to: edge.to.into(),
        }
    }
}

/// Writes the members of a key in alphabetical order, as all of this document.
fn sorted_members<S: Serializer>(key: &KeyV1, serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = serializer.serialize_struct("KeyV1", 5)?;
    out.serialize_field("cluster", &key.cluster)?;
    out.serialize_field("group", &key.group)?;
    out.serialize_field("kind", &key.kind)?;
    out.serialize_field("name", &key.name)?;
    out.serialize_field("namespace", &key.namespace)?;
    out.end()
}

/// Writes the dependencies and the dependents of a resource as two trees for people, up to `depth` hops away.
pub fn render_graph_text(graph: &DependencyGraph, key: &ResourceKey, until: Until, depth: usize) -> String {
    let mut out = format!("{}\n", printable(&key.to_string()));
    let sides = [("depends on", Direction::Dependencies), ("is needed by", Direction::Dependents)];
    for (title, direction) in sides {
        let _ = writeln!(out, "\n{title}:");
        let edges = graph.around(key, until, depth, direction);
        if edges.is_empty() {
            out.push_str("  nothing\n");
        }
        let mut tree = Tree { edges: &edges, direction, seen: BTreeSet::from([key]) };
        tree.write_branch(key, 1, &mut out);
    }
    out
}

/// The edges in one direction, as a tree: each resource is expanded where it is met first.
struct Tree<'e, 'a> {
    edges: &'e [Edge<'a>],
    direction: Direction,
    seen: BTreeSet<&'a ResourceKey>,
}

impl<'a> Tree<'_, 'a> {
    fn write_branch(&mut self, at: &ResourceKey, depth: usize, out: &mut String) {
        let edges = self.edges;
        for edge in edges {
            let is_forward = self.direction == Direction::Dependencies;
            let (near, far) = if is_forward { (edge.from, edge.to) } else { (edge.to, edge.from) };
            if near != at {
                continue;
            }
            let missing = if edge.is_dangling && is_forward { "  MISSING" } else { "" };
            let line = format!("{far}  ({}; {}){missing}", edge.relation.word(), edge.evidence);
            let _ = writeln!(out, "{}{}", "  ".repeat(depth), printable(&line));
            if self.seen.insert(far) {
                self.write_branch(far, depth + 1, out);
            }
        }
    }
}
