//! What is reached from a faulty resource, and the steps to it.

use std::collections::BTreeMap;

use crate::graph::Edge;
use crate::key::ResourceKey;

use crate::cause::hop::Hop;
use crate::cause::role::CandidateRole;

/// A resource whose changes may be behind a fault, with the path to it.
#[derive(Clone, Debug)]
pub(in crate::cause) struct ReachedResource {
    /// The resource.
    pub key: ResourceKey,
    /// What it is to the faulty resource.
    pub role: CandidateRole,
    /// Distance: about 1 for a reference, less for an owner, more for what is only inferred.
    pub cost: f64,
    /// From the faulty resource to this one, without the former.
    pub hops: Vec<Hop>,
}

impl ReachedResource {
    /// Returns the faulty resource itself, from which everything else is reached.
    pub(in crate::cause) fn start(key: &ResourceKey) -> Self {
        Self { key: key.clone(), role: CandidateRole::SelfOrOwner, cost: 0.0, hops: Vec::new() }
    }

    /// Returns the resource at the other end of an edge of the graph.
    pub(super) fn follow_edge(
        &self,
        edge: &Edge<'_>,
        to: &ResourceKey,
        role: CandidateRole,
        cost: f64,
    ) -> Self {
        self.follow(Hop::from_edge(edge, to), role, cost)
    }

    /// Returns a resource that no edge leads to, for example the quota of a namespace; `relation` and `evidence` say why.
    pub(super) fn follow_inferred(
        &self,
        to: &ResourceKey,
        role: CandidateRole,
        cost: f64,
        relation: &str,
        evidence: &str,
    ) -> Self {
        self.follow(Hop { key: to.clone(), edge: relation.into(), evidence: evidence.into() }, role, cost)
    }

    fn follow(&self, hop: Hop, role: CandidateRole, cost: f64) -> Self {
        let (key, mut hops) = (hop.key.clone(), self.hops.clone());
        hops.push(hop);
        Self { key, role, cost: self.cost + cost, hops }
    }
}

/// Resources that were reached, each once in every role; of two paths to one the cheaper counts.
#[derive(Default)]
pub(super) struct ReachSet {
    found: BTreeMap<(ResourceKey, CandidateRole), ReachedResource>,
}

impl ReachSet {
    /// Takes a resource in and returns `true`, unless it was reached by a path as cheap before.
    pub(super) fn insert(&mut self, reached: ReachedResource) -> bool {
        let entry = (reached.key.clone(), reached.role);
        if self.found.get(&entry).is_some_and(|old| old.cost <= reached.cost) {
            return false;
        }
        self.found.insert(entry, reached);
        true
    }

    /// Returns what was reached, sorted by key and role.
    pub(super) fn into_sorted(self) -> Vec<ReachedResource> {
        self.found.into_values().collect()
    }
}
