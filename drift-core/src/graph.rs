//! Dependency graph: who refers to whom, with the evidence, as of any position or time.
//!
//! A fold of events: every version of an object says what it refers to, and edges open and close as versions come.
//! An edge leads from the one that depends to the one it depends on; an owned object depends on its owner. An edge to
//! an object that is not there is kept: that it is missing is what is often asked for.
//!
//! **Invariant:** knows no diff and no judgement. One event costs work in proportion to that object's own references
//! (and to what its selector or labels match), not to the graph.

mod as_of;
mod dependency_graph;
mod edge;
mod export;
mod extract;
mod host;
mod layers;
mod pod;
mod reference;
mod rules;
mod select;
mod svg;
#[cfg(test)]
mod tests;

pub use as_of::AsOf;
pub use dependency_graph::{DependencyGraph, Direction};
pub use edge::{Edge, Evidence, Relation};
pub use export::{to_dot, to_json, to_mermaid};
pub use extract::references;
pub use host::{HostPort, IsAddress, hosts_in};
pub use reference::Reference;
pub use rules::{EdgeRuleError, EdgeRules};
pub use svg::to_svg;
