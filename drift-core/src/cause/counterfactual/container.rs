//! Would the container run without the change: image, memory, user, names?

use crate::k8s::pod::pod_spec;
use crate::k8s::resources::quantity_nanos;
use crate::object::{Node, Object};

use crate::cause::suspicion::Suspicion;

use crate::cause::lineage::pod_of;
use crate::cause::mention::mentions;
use crate::cause::verdict::{Counterfactual, CounterfactualVerdict};

fn images(object: Option<&Object>) -> Vec<String> {
    let Some((_, spec)) = object.and_then(pod_spec) else { return Vec::new() };
    let lists = ["initContainers", "containers"].map(|l| spec.get(l));
    let containers = lists.into_iter().flatten().flat_map(Node::children);
    containers.filter_map(|c| c.str_at(&["image"]).map(str::to_owned)).collect()
}

/// Is the image that cannot be pulled one that came with the change?
pub(super) fn image(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let (before, after) = (images(change.before.as_deref()), images(change.after.as_deref()));
    let new: Vec<_> = after.iter().filter(|i| !before.contains(i)).collect();
    let failing: Vec<_> = new.iter().filter(|i| mentions(&fault.message, i)).collect();
    if let Some(image) = failing.first() {
        return Counterfactual::new(
            CounterfactualVerdict::Holds,
            format!("{image} came with it; what was there before had been pulled"),
        );
    }
    let pod = images(pod_of(investigation, &fault.on));
    if new.iter().any(|i| pod.contains(i)) && !fault.message.contains("image \"") {
        return Counterfactual::undecided();
    }
    Counterfactual::new(CounterfactualVerdict::Fails, "the image that cannot be pulled did not come with it")
}

fn memory_limits(object: Option<&Object>) -> Vec<(String, Option<i128>)> {
    let Some((_, spec)) = object.and_then(pod_spec) else { return Vec::new() };
    let one = |c: Node<'_>| {
        let limit = c.at(&["resources", "limits", "memory"]).and_then(quantity_nanos);
        (c.str_at(&["name"]).unwrap_or_default().to_owned(), limit)
    };
    spec.get("containers").into_iter().flat_map(Node::children).map(one).collect()
}

/// Was a memory limit lowered or set?
pub(super) fn memory(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { change, .. } = *suspicion;
    let before = memory_limits(change.before.as_deref());
    let after = memory_limits(change.after.as_deref());
    let lowered = after.iter().any(|(name, limit)| {
        let old = before.iter().find(|(n, _)| n == name).and_then(|(_, l)| *l);
        before.iter().any(|(n, _)| n == name) && limit.is_some_and(|l| old.is_none_or(|o| l < o))
    });
    if change.before.is_none() {
        return Counterfactual::undecided();
    }
    if lowered {
        Counterfactual::new(
            CounterfactualVerdict::Holds,
            "a memory limit was lowered; the process ran within the one before",
        )
    } else {
        Counterfactual::new(CounterfactualVerdict::Fails, "no memory limit was lowered")
    }
}

/// Does the text say that the user of the container is what is refused?
pub(super) fn root_user(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { fault, .. } = *suspicion;
    let says = ["runAsNonRoot", "run as root", "runAsUser", "non-numeric user"];
    if says.iter().any(|t| fault.message.contains(t)) {
        Counterfactual::new(CounterfactualVerdict::Holds, "the user of the container is what is refused")
    } else {
        Counterfactual::new(CounterfactualVerdict::Fails, "something else than the user is refused")
    }
}

/// Can names of the cluster be looked up before, and not after?
pub(super) fn name_lookup(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { fault, change, .. } = *suspicion;
    if !["lookup", "no such host", "resolve", "resolution", ":53"].iter().any(|t| fault.message.contains(t)) {
        return Counterfactual::undecided();
    }
    let knows = |o: Option<&Object>| {
        let policy = o.and_then(pod_spec).and_then(|(_, s)| s.str_at(&["dnsPolicy"]));
        matches!(policy, None | Some("ClusterFirst" | "ClusterFirstWithHostNet"))
    };
    let (was, is) = (knows(change.before.as_deref()), knows(change.after.as_deref()));
    if was && is {
        return Counterfactual::undecided();
    }
    Counterfactual::new(
        CounterfactualVerdict::from_condition(was, is),
        "whether its names are asked for in the cluster",
    )
}
