//! Does a role allow what was refused?

use crate::k8s::rbac::{AccessRequest, binding_has_user, role_allows as rules_allow};
use crate::object::{Node, Object};

use crate::cause::suspicion::Suspicion;

use crate::cause::verdict::{Counterfactual, CounterfactualVerdict};
use crate::fault::FaultKind;

pub(super) fn access(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let Some(request) = AccessRequest::from_refusal(&fault.message) else {
        return lost(suspicion);
    };
    let text = format!("whether {} may {} {}", request.user, request.verb, request.resource);
    if change.key.kind.ends_with("Role") {
        let (was, is) =
            (rules_allow(change.before.as_deref(), &request), rules_allow(change.after.as_deref(), &request));
        return Counterfactual::new(CounterfactualVerdict::from_condition(was, is), text);
    }
    let role_allows = |o: Option<&Object>| {
        let Some(o) = o else { return false };
        investigation.graph.ever_from(&change.key).iter().filter(|e| e.to.kind.ends_with("Role")).any(|e| {
            o.root().str_at(&["roleRef", "name"]) == Some(&*e.to.name)
                && rules_allow(investigation.history.last(e.to).map(|r| &**r), &request)
        })
    };
    let may = |o: Option<&Object>| {
        request.may_be_allowed_in(&change.key) && binding_has_user(o, &request.user) && role_allows(o)
    };
    let (was, is) = (may(change.before.as_deref()), may(change.after.as_deref()));
    Counterfactual::new(CounterfactualVerdict::from_condition(was, is), text)
}

/// Without a refused request there is only this: a change that takes no permission away breaks nothing.
fn lost(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { fault, change, .. } = *suspicion;
    let count = |o: Option<&Object>| -> usize {
        let Some(o) = o else { return 0 };
        let rules = o.root().get("rules").into_iter().flat_map(Node::children);
        let size = |r: Node<'_>| {
            ["verbs", "resources", "apiGroups"]
                .iter()
                .map(|f| r.get(f).map_or(0, Node::len))
                .product::<usize>()
        };
        rules.map(size).sum::<usize>() + o.root().get("subjects").map_or(0, Node::len)
    };
    if change.before.is_none() {
        return Counterfactual::new(
            CounterfactualVerdict::Fails,
            "a new role or binding takes no permission away",
        );
    }
    let parts = |o: Option<&Object>| {
        o.and_then(|o| o.root().get("rules").or_else(|| o.root().get("subjects"))).map(Node::to_doc)
    };
    if parts(change.before.as_deref()) == parts(change.after.as_deref()) {
        return Counterfactual::new(CounterfactualVerdict::Fails, "it takes no permission away");
    }
    let stands_still =
        matches!(fault.kind, FaultKind::Stuck | FaultKind::SyncFailed | FaultKind::Terminating);
    if stands_still && count(change.after.as_deref()) < count(change.before.as_deref()) {
        return Counterfactual::new(
            CounterfactualVerdict::Holds,
            "it takes permissions away from the controller that stands still",
        );
    }
    Counterfactual::undecided()
}
