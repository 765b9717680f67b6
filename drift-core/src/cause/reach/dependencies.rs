//! What a resource refers to, and the nodes that a pod runs on or could run on.

use crate::fault::{Fault, FaultKind};
use crate::graph::{Edge, Relation};

use super::set::{ReachSet, ReachedResource};
use crate::cause::investigation::Investigation;
use crate::cause::lineage::is_engine;
use crate::cause::role::CandidateRole;

/// Adds what the faulty resource refers to, and what that refers to in turn, up to three references away.
///
/// For example a pod uses a claim, the claim is backed by a volume, and both name a storage class.
pub(super) fn dependencies(
    investigation: &Investigation<'_>,
    fault: &Fault,
    from: &ReachedResource,
    depth: usize,
    set: &mut ReachSet,
) {
    let follows = |r: Relation| {
        matches!(
            r,
            Relation::Uses
                | Relation::BackedBy
                | Relation::DependsOn
                | Relation::SourcedFrom
                | Relation::DefinedBy
        ) || (depth == 0 && matches!(r, Relation::Scales))
            || (depth == 0 && r == Relation::Routes && &*from.key.kind != "StatefulSet")
    };
    for edge in investigation.graph.ever_from(&from.key) {
        if follows(edge.relation) && !is_over(investigation, &edge, fault) {
            let reached = from.follow_edge(&edge, edge.to, CandidateRole::Dependency, 1.0);
            if set.insert(reached.clone()) && depth < 2 {
                dependencies(investigation, fault, &reached, depth + 1, set);
            }
        }
    }
    if depth > 0 {
        for edge in investigation.graph.ever_to(&from.key) {
            if edge.relation == Relation::Writes && !is_engine(edge.from) {
                let reached = from.follow_edge(&edge, edge.from, CandidateRole::Dependency, 1.0);
                if set.insert(reached.clone()) && depth < 2 {
                    dependencies(investigation, fault, &reached, depth + 1, set);
                }
            }
        }
    }
}

/// Returns `true` if a reference was taken back before a fault, by an object that was still there: it says no more of it.
pub(super) fn is_over(investigation: &Investigation<'_>, edge: &Edge<'_>, fault: &Fault) -> bool {
    edge.until.is_some_and(|end| end.position < fault.onset.at.position)
        && investigation.history.at(edge.from, &fault.onset).is_some()
}

pub(super) fn nodes(
    investigation: &Investigation<'_>,
    fault: &Fault,
    own: &ReachedResource,
    set: &mut ReachSet,
) {
    use FaultKind as F;
    match fault.kind {
        F::Unschedulable => {
            for key in investigation.history.of_kind("", "Node").cloned().collect::<Vec<_>>() {
                set.insert(own.follow_inferred(
                    &key,
                    CandidateRole::Node,
                    1.0,
                    "could run on",
                    "every node is a candidate",
                ));
            }
        }
        F::NotDrained => {
            for edge in investigation.graph.ever_to(&own.key) {
                if edge.relation != Relation::RunsOn {
                    continue;
                }
                let pod = own.follow_edge(&edge, edge.from, CandidateRole::Policy, 0.25);
                for budget in investigation.graph.ever_to(edge.from) {
                    if &*budget.from.kind == "PodDisruptionBudget" {
                        set.insert(pod.follow_edge(&budget, budget.from, CandidateRole::Policy, 0.5));
                    }
                }
            }
        }
        F::NodeDown | F::Evicted | F::Mount | F::StartFailed | F::Unavailable | F::Preempted => {
            for edge in investigation.graph.ever_from(&own.key) {
                if edge.relation == Relation::RunsOn {
                    set.insert(own.follow_edge(&edge, edge.to, CandidateRole::Node, 0.5));
                }
            }
        }
        _ => {}
    }
}
