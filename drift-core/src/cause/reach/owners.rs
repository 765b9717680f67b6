//! What made a resource, and keeps it as it is.

use crate::graph::Relation;
use crate::key::ResourceKey;
use crate::object::Node;

use super::set::{Field, Reached, go, jump};
use crate::cause::investigation::Investigation;
use crate::cause::role::CandidateRole;

/// Goes up to what makes and keeps the faulty one.
pub(super) fn owners(case: &Investigation<'_>, start: Reached, field: &mut Field) -> Vec<Reached> {
    let mut own = vec![start.clone()];
    field.put(start);
    let mut next = 0;
    while next < own.len() && own.len() < 32 {
        let from = own[next].clone();
        next += 1;
        for edge in case.graph.ever_from(&from.key) {
            if edge.relation == Relation::OwnedBy {
                let reached = go(&from, &edge, edge.to, CandidateRole::SelfOrOwner, 0.25);
                if field.put(reached.clone()) {
                    own.push(reached);
                }
            }
        }
        for set in claimants(case, &from.key) {
            let reached = jump(
                &from,
                &set,
                CandidateRole::SelfOrOwner,
                0.25,
                "made from a template of",
                "name of the claim",
            );
            if field.put(reached.clone()) {
                own.push(reached);
            }
        }
    }
    own
}

/// Finds the sets from whose claim templates a claim was made: it is called template, set and ordinal.
fn claimants(case: &Investigation<'_>, claim: &ResourceKey) -> Vec<ResourceKey> {
    if (&*claim.group, &*claim.kind) != ("", "PersistentVolumeClaim") {
        return Vec::new();
    }
    let makes = |set: &&ResourceKey| {
        let Some(object) = case.history.last(set).filter(|_| set.namespace == claim.namespace) else {
            return false;
        };
        let templates = object.root().at(&["spec", "volumeClaimTemplates"]);
        templates.into_iter().flat_map(Node::children).any(|t| {
            let name = t.str_at(&["metadata", "name"]).unwrap_or_default();
            let ordinal = claim.name.strip_prefix(&format!("{name}-{}-", set.name));
            ordinal.is_some_and(|o| !o.is_empty() && o.bytes().all(|b| b.is_ascii_digit()))
        })
    };
    case.history.of_kind("apps", "StatefulSet").filter(makes).cloned().collect()
}
