//! What made a resource, and keeps it as it is.

use crate::graph::Relation;
use crate::key::ResourceKey;
use crate::object::Node;

use super::set::{ReachSet, ReachedResource};
use crate::cause::investigation::Investigation;
use crate::cause::role::CandidateRole;

/// Goes up to what makes and keeps the faulty one.
pub(super) fn owners(
    investigation: &Investigation<'_>,
    start: ReachedResource,
    set: &mut ReachSet,
) -> Vec<ReachedResource> {
    let mut own = vec![start.clone()];
    set.insert(start);
    let mut next = 0;
    while next < own.len() && own.len() < 32 {
        let from = own[next].clone();
        next += 1;
        for edge in investigation.graph.ever_from(&from.key) {
            if edge.relation == Relation::OwnedBy {
                let reached = from.follow_edge(&edge, edge.to, CandidateRole::SelfOrOwner, 0.25);
                if set.insert(reached.clone()) {
                    own.push(reached);
                }
            }
        }
        for stateful_set in statefulsets_owning_claim(investigation, &from.key) {
            let reached = from.follow_inferred(
                &stateful_set,
                CandidateRole::SelfOrOwner,
                0.25,
                "made from a template of",
                "name of the claim",
            );
            if set.insert(reached.clone()) {
                own.push(reached);
            }
        }
    }
    own
}

/// Finds the sets from whose claim templates a claim was made: it is called template, set and ordinal.
fn statefulsets_owning_claim(investigation: &Investigation<'_>, claim: &ResourceKey) -> Vec<ResourceKey> {
    if (&*claim.group, &*claim.kind) != ("", "PersistentVolumeClaim") {
        return Vec::new();
    }
    let makes = |stateful_set: &&ResourceKey| {
        let Some(object) =
            investigation.history.last(stateful_set).filter(|_| stateful_set.namespace == claim.namespace)
        else {
            return false;
        };
        let templates = object.root().at(&["spec", "volumeClaimTemplates"]);
        templates.into_iter().flat_map(Node::children).any(|t| {
            let name = t.str_at(&["metadata", "name"]).unwrap_or_default();
            let ordinal = claim.name.strip_prefix(&format!("{name}-{}-", stateful_set.name));
            ordinal.is_some_and(|o| !o.is_empty() && o.bytes().all(|b| b.is_ascii_digit()))
        })
    };
    investigation.history.of_kind("apps", "StatefulSet").filter(makes).cloned().collect()
}
