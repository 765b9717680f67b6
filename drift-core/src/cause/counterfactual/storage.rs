//! Claims that sets ask for by a template, and volumes that only one node may have.

use crate::key::ResourceKey;
use crate::object::{Node, Object};

use super::scheduling;
use crate::cause::suspicion::Suspicion;

use crate::cause::verdict::{Counterfactual, CounterfactualVerdict};
use crate::fault::FaultKind;
use crate::history::ResourceOp;

/// Do the claim templates of a new set name a class that never was?
pub(super) fn claim_class(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let templates = change.after.as_deref().and_then(|o| o.root().at(&["spec", "volumeClaimTemplates"]));
    let templates = templates.into_iter().flat_map(Node::children);
    let named: Vec<&str> = templates.filter_map(|t| t.str_at(&["spec", "storageClassName"])).collect();
    let kind = |name: &str| ResourceKey::new("storage.k8s.io", "StorageClass", "", name);
    // Without any class on record nothing is known of which there are; volumes may also be bound by a name alone.
    let is_known = investigation.history.of_kind("storage.k8s.io", "StorageClass").next().is_some();
    let missing = named.iter().find(|n| !n.is_empty() && investigation.history.versions(&kind(n)).is_empty());
    match missing {
        Some(name) if is_known => Counterfactual::new(
            CounterfactualVerdict::Holds,
            format!("its claims ask for class {name}, which never was"),
        ),
        _ if fault.kind == FaultKind::Unschedulable => scheduling::placement(suspicion),
        None if !named.is_empty() => Counterfactual::new(
            CounterfactualVerdict::Fails,
            "the classes that its claims ask for were there",
        ),
        _ => Counterfactual::undecided(),
    }
}

/// Returns `true` if a new StatefulSet is suspected, whose claim templates may name a class that is not there.
pub(super) fn is_new_stateful_set(suspicion: &Suspicion<'_>) -> bool {
    &*suspicion.change.key.kind == "StatefulSet" && suspicion.change.op == ResourceOp::Create
}

/// Do more pods than before want a volume that only one node may have?
pub(super) fn shared_volume(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { fault, change, .. } = *suspicion;
    let says = ["Multi-Attach", "already used", "already exclusively attached"];
    if !says.iter().any(|t| fault.message.contains(t)) {
        return Counterfactual::new(CounterfactualVerdict::Fails, "the volume is not held by another pod");
    }
    let root = |o: Option<&Object>| {
        let at = |path: &[&str]| o.and_then(|o| o.root().at(path));
        let replicas = at(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1);
        let replaces = at(&["spec", "strategy", "type"]).and_then(Node::as_str) == Some("Recreate");
        (replicas, replaces)
    };
    let (before, after) = (root(change.before.as_deref()), root(change.after.as_deref()));
    let grows = before.0 <= 1 && after.0 > 1;
    let overlaps = before.1 && !after.1;
    let verdict = if grows || overlaps { CounterfactualVerdict::Holds } else { CounterfactualVerdict::Fails };
    Counterfactual::new(verdict, "whether more than one pod wants the volume at a time")
}
