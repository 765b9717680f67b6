//! Is there what is needed: a definition, a service account, an object, a revision?

use crate::history::ResourceOp;
use crate::k8s::pod::pod_spec;
use crate::key::ResourceKey;
use crate::object::{Node, Object};

use crate::cause::role::CandidateRole;
use crate::cause::suspicion::Suspicion;

use crate::cause::mention::mentions;
use crate::cause::verdict::{Counterfactual, CounterfactualVerdict};

/// Is a version that the fault's text asks for served before, and not after?
pub(super) fn definition(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { fault, change, .. } = *suspicion;
    let served = |o: Option<&Object>| -> Vec<String> {
        let versions =
            o.and_then(|o| o.root().at(&["spec", "versions"])).into_iter().flat_map(Node::children);
        let is_served = |v: &Node<'_>| v.get("served").and_then(Node::as_bool) == Some(true);
        versions.filter(is_served).filter_map(|v| v.str_at(&["name"]).map(str::to_owned)).collect()
    };
    let (before, after) = (served(change.before.as_deref()), served(change.after.as_deref()));
    if change.op == ResourceOp::Delete {
        return Counterfactual::new(CounterfactualVerdict::Holds, "the kind was defined before");
    }
    match before.iter().find(|v| !after.contains(v)) {
        Some(version) if mentions(&fault.message, version) => {
            Counterfactual::new(CounterfactualVerdict::Holds, format!("version {version} was served before"))
        }
        Some(_) => Counterfactual::undecided(),
        None if change.op == ResourceOp::Update && !before.is_empty() => {
            Counterfactual::new(CounterfactualVerdict::Fails, "every version is served as before")
        }
        None => Counterfactual::undecided(),
    }
}

pub(super) fn service_account(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let account = |o: Option<&Object>| {
        let (_, spec) = o.and_then(pod_spec)?;
        Some(spec.str_at(&["serviceAccountName"]).unwrap_or("default").to_owned())
    };
    let there = |name: &Option<String>| {
        name.as_ref().is_some_and(|n| {
            let key = ResourceKey::new("", "ServiceAccount", &fault.on.namespace, n);
            investigation.history.at(&key, &fault.onset).is_some()
        })
    };
    if &*change.key.kind == "ServiceAccount" {
        let is_named = mentions(&fault.message, &change.key.name);
        return if change.op == ResourceOp::Delete && is_named {
            Counterfactual::new(CounterfactualVerdict::Holds, "the service account was there before")
        } else {
            Counterfactual::new(
                CounterfactualVerdict::Fails,
                "not the service account that is missing, or still there",
            )
        };
    }
    let (before, after) = (account(change.before.as_deref()), account(change.after.as_deref()));
    let verdict = if change.before.is_none() {
        if there(&after) { CounterfactualVerdict::Fails } else { CounterfactualVerdict::Undecided }
    } else {
        CounterfactualVerdict::from_condition(there(&before), there(&after))
    };
    Counterfactual::new(verdict, "whether the service account exists that the template names")
}

/// Is something that the faulty one refers to gone?
pub(super) fn deleted(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let back = investigation
        .history
        .at(&change.key, &fault.onset)
        .is_some_and(|o| o.root().at(&["metadata", "deletionTimestamp"]).is_none());
    if back {
        return Counterfactual::new(CounterfactualVerdict::Fails, "it is there again");
    }
    let refers = investigation.graph.ever_from(&fault.on).iter().any(|e| *e.to == change.key);
    if refers || mentions(&fault.message, &change.key.name) || fault.on == change.key {
        return Counterfactual::new(CounterfactualVerdict::Holds, "it was there before, and is referred to");
    }
    Counterfactual::undecided()
}

/// Did the engine apply the revision before, and fail with this one?
pub(super) fn revision(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let read = |o: Option<&Object>| {
        o.and_then(|o| o.root().str_at(&["status", "artifact", "revision"])).map(str::to_owned)
    };
    let (before, after) = (read(change.before.as_deref()), read(change.after.as_deref()));
    let Some(engine) = investigation.history.last(&fault.on) else { return Counterfactual::undecided() };
    let at = |f: &str| engine.root().str_at(&["status", f]).map(str::to_owned);
    if before.is_some() && at("lastAppliedRevision") == before && at("lastAttemptedRevision") == after {
        return Counterfactual::new(
            CounterfactualVerdict::Holds,
            "the revision before was applied, and this one is not",
        );
    }
    match at("lastAttemptedRevision") {
        Some(tried) if Some(&tried) != after.as_ref() => {
            Counterfactual::new(CounterfactualVerdict::Fails, "another revision is what fails")
        }
        _ => Counterfactual::undecided(),
    }
}

/// Returns `true` if a Service was deleted that the faulty one talks to.
pub(super) fn is_deleted_peer(suspicion: &Suspicion<'_>) -> bool {
    suspicion.change.op == ResourceOp::Delete && suspicion.reached.role == CandidateRole::Peer
}

/// Is the Service still gone that the faulty one talks to?
pub(super) fn deleted_peer(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let back = investigation.history.at(&change.key, &fault.onset).is_some();
    let verdict = if back { CounterfactualVerdict::Fails } else { CounterfactualVerdict::Holds };
    Counterfactual::new(verdict, "whether the Service is there that the faulty one talks to")
}
