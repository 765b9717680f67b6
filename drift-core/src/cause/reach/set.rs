//! What is reached from a faulty resource, and the steps to it.

use std::collections::BTreeMap;

use crate::graph::Edge;
use crate::key::ResourceKey;

use crate::cause::hop::Hop;
use crate::cause::role::CandidateRole;

/// A resource that may stand behind a fault.
#[derive(Clone, Debug)]
pub(in crate::cause) struct Reached {
    /// Which one.
    pub key: ResourceKey,
    /// Where it stands.
    pub place: CandidateRole,
    /// How far away, in steps of references.
    pub cost: f64,
    /// The way from the faulty one, without that one.
    pub way: Vec<Hop>,
}

/// Collects what is reached; of two ways to one place the shorter counts.
#[derive(Default)]
pub(super) struct Field {
    pub(super) found: BTreeMap<(ResourceKey, CandidateRole), Reached>,
}

impl Field {
    pub(super) fn put(&mut self, reached: Reached) -> bool {
        let place = (reached.key.clone(), reached.place);
        match self.found.get(&place) {
            Some(old) if old.cost <= reached.cost => false,
            _ => {
                self.found.insert(place, reached);
                true
            }
        }
    }
}

pub(super) fn go(
    from: &Reached,
    edge: &Edge<'_>,
    to: &ResourceKey,
    place: CandidateRole,
    cost: f64,
) -> Reached {
    let mut way = from.way.clone();
    way.push(Hop { key: to.clone(), edge: edge.relation.word().into(), evidence: edge.evidence.to_string() });
    Reached { key: to.clone(), place, cost: from.cost + cost, way }
}

pub(super) fn jump(
    from: &Reached,
    to: &ResourceKey,
    place: CandidateRole,
    cost: f64,
    edge: &str,
    evidence: &str,
) -> Reached {
    let mut way = from.way.clone();
    way.push(Hop { key: to.clone(), edge: edge.into(), evidence: evidence.into() });
    Reached { key: to.clone(), place, cost: from.cost + cost, way }
}
