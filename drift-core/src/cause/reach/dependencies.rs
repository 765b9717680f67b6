//! What a resource refers to, and the nodes that a pod runs on or could run on.

use crate::fault::{Fault, FaultKind};
use crate::graph::{Edge, Relation};

use super::set::{Field, Reached, go, jump};
use crate::cause::investigation::Investigation;
use crate::cause::lineage::is_engine;
use crate::cause::role::CandidateRole;

/// Goes to what the faulty one refers to, and on to what stands behind that.
pub(super) fn needed(
    case: &Investigation<'_>,
    fault: &Fault,
    from: &Reached,
    depth: usize,
    field: &mut Field,
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
    for edge in case.graph.ever_from(&from.key) {
        if follows(edge.relation) && !is_over(case, &edge, fault) {
            let reached = go(from, &edge, edge.to, CandidateRole::Dependency, 1.0);
            if field.put(reached.clone()) && depth < 2 {
                needed(case, fault, &reached, depth + 1, field);
            }
        }
    }
    if depth > 0 {
        for edge in case.graph.ever_to(&from.key) {
            if edge.relation == Relation::Writes && !is_engine(edge.from) {
                let reached = go(from, &edge, edge.from, CandidateRole::Dependency, 1.0);
                if field.put(reached.clone()) && depth < 2 {
                    needed(case, fault, &reached, depth + 1, field);
                }
            }
        }
    }
}

/// Tells whether a reference was taken back before a fault, by an object that was still there: it says no more of it.
pub(super) fn is_over(case: &Investigation<'_>, edge: &Edge<'_>, fault: &Fault) -> bool {
    edge.until.is_some_and(|end| end.position < fault.onset.at.position)
        && case.history.at(edge.from, &fault.onset).is_some()
}

pub(super) fn nodes(case: &Investigation<'_>, fault: &Fault, own: &Reached, field: &mut Field) {
    use FaultKind as F;
    match fault.kind {
        F::Unschedulable => {
            for key in case.history.of_kind("", "Node").cloned().collect::<Vec<_>>() {
                field.put(jump(
                    own,
                    &key,
                    CandidateRole::Node,
                    1.0,
                    "could run on",
                    "every node is a candidate",
                ));
            }
        }
        F::NotDrained => {
            for edge in case.graph.ever_to(&own.key) {
                if edge.relation != Relation::RunsOn {
                    continue;
                }
                let pod = go(own, &edge, edge.from, CandidateRole::Policy, 0.25);
                for budget in case.graph.ever_to(edge.from) {
                    if &*budget.from.kind == "PodDisruptionBudget" {
                        field.put(go(&pod, &budget, budget.from, CandidateRole::Policy, 0.5));
                    }
                }
            }
        }
        F::NodeDown | F::Evicted | F::Mount | F::StartFailed | F::Unavailable | F::Preempted => {
            for edge in case.graph.ever_from(&own.key) {
                if edge.relation == Relation::RunsOn {
                    field.put(go(own, &edge, edge.to, CandidateRole::Node, 0.5));
                }
            }
        }
        _ => {}
    }
}
