//! Is anything asked to run, when, and for how long; is the node ready?

use crate::k8s::pod::pod_spec;
use crate::k8s::status::is_node_ready;
use crate::object::{Node, Object};

use crate::cause::suspicion::Suspicion;

use crate::cause::verdict::{Counterfactual, CounterfactualVerdict};

pub(super) fn node(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { change, .. } = *suspicion;
    let ready = |o: Option<&Object>| o.is_some_and(|o| is_node_ready(o.root()));
    let verdict = CounterfactualVerdict::from_condition(
        ready(change.before.as_deref()),
        ready(change.after.as_deref()),
    );
    Counterfactual::new(verdict, "whether the node is ready")
}

pub(super) fn schedule(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { change, .. } = *suspicion;
    let runs = |o: Option<&Object>| {
        o.is_some_and(|o| o.root().at(&["spec", "suspend"]).and_then(Node::as_bool) != Some(true))
    };
    let (was, is) = (runs(change.before.as_deref()), runs(change.after.as_deref()));
    if was && is {
        return Counterfactual::undecided();
    }
    Counterfactual::new(CounterfactualVerdict::from_condition(was, is), "whether it is suspended")
}

/// Was the limit lowered that the Job ran into?
pub(super) fn job_limits(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { fault, change, .. } = *suspicion;
    let field = match fault.reason.as_str() {
        "DeadlineExceeded" => "activeDeadlineSeconds",
        "BackoffLimitExceeded" => "backoffLimit",
        _ => return Counterfactual::undecided(),
    };
    let number = |o: Option<&Object>| {
        let root = o?.root();
        let spec = root.at(&["spec", "jobTemplate", "spec"]).or_else(|| root.get("spec"))?;
        spec.get(field).and_then(Node::as_i64)
    };
    let (before, after) = (number(change.before.as_deref()), number(change.after.as_deref()));
    let verdict = match (before, after) {
        (Some(b), Some(a)) if a >= b => CounterfactualVerdict::Fails,
        (_, None) => CounterfactualVerdict::Fails,
        // Attempts that were left might have failed as well.
        _ if field == "backoffLimit" => CounterfactualVerdict::Undecided,
        _ => CounterfactualVerdict::Holds,
    };
    Counterfactual::new(verdict, format!("{field} was {before:?} and is {after:?}"))
}

/// Is nothing asked for since the change, still at the time of the fault?
pub(super) fn scaled_to_zero(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, change, .. } = *suspicion;
    let asked = |o: Option<&Object>| {
        o.is_some_and(|o| o.root().at(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1) > 0)
    };
    let now = investigation.history.now(&change.key).map(|o| &**o);
    let verdict = CounterfactualVerdict::from_condition(
        asked(change.before.as_deref()),
        asked(change.after.as_deref()) || asked(now),
    );
    Counterfactual::new(verdict, "whether any replicas are asked for")
}

pub(super) fn cpu_requests(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { change, .. } = *suspicion;
    let has = |o: Option<&Object>| {
        o.and_then(pod_spec).is_some_and(|(_, spec)| {
            let mut containers = spec.get("containers").into_iter().flat_map(Node::children);
            containers.all(|c| c.at(&["resources", "requests", "cpu"]).is_some())
        })
    };
    if change.before.is_none() || change.after.is_none() {
        return Counterfactual::undecided();
    }
    let verdict =
        CounterfactualVerdict::from_condition(has(change.before.as_deref()), has(change.after.as_deref()));
    Counterfactual::new(verdict, "whether every container has a CPU request")
}
