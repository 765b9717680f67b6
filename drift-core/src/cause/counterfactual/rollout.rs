//! How many pods may be gone at once: by a rollout's strategy by a disruption budget and by an autoscaler.

use crate::k8s::pod::{pod_spec, template_labels};
use crate::k8s::selector::Selector;
use crate::k8s::status::is_pod_ready;
use crate::object::{Node, Object};

use crate::cause::suspicion::Suspicion;

use crate::cause::lineage::pods_of;
use crate::cause::verdict::{Counterfactual, CounterfactualVerdict};
use crate::fault::{Fault, FaultKind};
use crate::history::Change;

/// Seconds within which a rollout has taken its old pods away.
const ROLLS_SECONDS: f64 = 600.0;

/// How a percentage of pods is made a whole number.
#[derive(Clone, Copy)]
enum Rounding {
    Up,
    Down,
}

/// Reads a number or a percentage of a whole.
fn share(value: Node<'_>, whole: i64, rounding: Rounding) -> Option<i64> {
    if let Some(n) = value.as_i64() {
        return Some(n);
    }
    let percent: i64 = value.as_str()?.strip_suffix('%')?.parse().ok().filter(|p| (0..=1000).contains(p))?;
    let parts = whole.checked_mul(percent)?;
    Some(match rounding {
        Rounding::Up => (parts + 99) / 100,
        Rounding::Down => parts / 100,
    })
}

/// Returns `true` if a Deployment may have none of its pods left while it rolls; `None` for what is rolled out differently.
fn may_take_all(deployment: &Object) -> Option<bool> {
    let spec = deployment.root().get("spec").filter(|_| deployment.kind() == "Deployment")?;
    let replicas = spec.get("replicas").and_then(Node::as_i64).unwrap_or(1);
    if spec.str_at(&["strategy", "type"]) == Some("Recreate") {
        return Some(replicas > 0);
    }
    let at = |field: &str| spec.at(&["strategy", "rollingUpdate", field]);
    let gone = at("maxUnavailable").map_or(Some(replicas / 4), |v| share(v, replicas, Rounding::Down))?;
    let more = at("maxSurge").map_or(Some(1), |v| share(v, replicas, Rounding::Up))?;
    // With neither, the controller replaces one at a time; otherwise the rollout would never end.
    let gone = if gone == 0 && more == 0 { 1 } else { gone };
    Some(replicas > 0 && gone >= replicas)
}

/// Did a rollout take all pods at once that would have left some without the change?
pub(super) fn strategy(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let side = |o: Option<&Object>| o.and_then(may_take_all);
    let Some((was, is)) = side(change.before.as_deref()).zip(side(change.after.as_deref())) else {
        return Counterfactual::undecided();
    };
    if was || !is {
        return Counterfactual::new(
            CounterfactualVerdict::Fails,
            "a rollout may take no more pods at once than before",
        );
    }
    let is_roll = |c: &Change| {
        let age = fault.onset.at.time.duration_since(c.mark.at.time).as_secs_f64();
        let is_between =
            (c.id == change.id || change.mark.is_before(&c.mark)) && c.mark.is_before(&fault.onset);
        let is_template = |f: &crate::diff::FieldChange| f.path.starts_with_fields(&["spec", "template"]);
        is_between && age < ROLLS_SECONDS && c.fields.iter().any(is_template)
    };
    if !investigation.changes_of(&change.key).iter().any(|c| is_roll(c)) {
        return Counterfactual::new(CounterfactualVerdict::Fails, "nothing was rolled out with it");
    }
    // Pods that fail by themselves would have ended the rollout only later; what broke them is the cause.
    let fails = |f: &Fault| !matches!(f.kind, FaultKind::NotReady | FaultKind::Unavailable);
    let now =
        pods_of(investigation, &change.key).into_iter().filter(|p| investigation.history.now(p).is_some());
    let mut faults = now.flat_map(|p| investigation.faults_of(&p));
    if faults.any(|f| fails(&f)) {
        return Counterfactual::new(
            CounterfactualVerdict::Fails,
            "its new pods fail for a reason of their own",
        );
    }
    Counterfactual::new(
        CounterfactualVerdict::Holds,
        "since it a rollout may take all pods at once; before, some were left",
    )
}

/// Returns `true` if pods that may not share a node were raised in number above the nodes that take them.
pub(in crate::cause) fn exceeds_nodes(suspicion: &Suspicion<'_>) -> bool {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let replicas = |o: Option<&Object>| {
        let set = o?.root().get("spec")?.get("replicas").and_then(Node::as_i64);
        usize::try_from(set.unwrap_or(1)).ok()
    };
    let Some((was, is)) = replicas(change.before.as_deref()).zip(replicas(change.after.as_deref())) else {
        return false;
    };
    let Some(pod) = investigation.history.last(&fault.on) else { return false };
    let Some((_, spec)) = pod_spec(pod) else { return false };
    let rules = spec.at(&["affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution"]);
    let is_of_itself = |rule: Node<'_>| {
        rule.str_at(&["topologyKey"]) == Some("kubernetes.io/hostname")
            && rule
                .get("labelSelector")
                .and_then(Selector::read)
                .is_some_and(|s| s.matches(template_labels(pod)))
    };
    let nodes = super::scheduling::count_feasible(investigation, spec, &fault.onset);
    fault.message.contains("anti-affinity")
        && rules.into_iter().flat_map(Node::children).any(is_of_itself)
        && was <= nodes
        && nodes < is
}

/// Its pods may not share a node, and no more nodes take them.
pub(super) fn one_per_node(_: &Suspicion<'_>) -> Counterfactual {
    Counterfactual::new(
        CounterfactualVerdict::Holds,
        "its pods may not share a node, and no more nodes take them",
    )
}

/// A paused rollout continues without the pause.
pub(super) fn paused(_: &Suspicion<'_>) -> Counterfactual {
    Counterfactual::new(CounterfactualVerdict::Holds, "the rollout is paused by it")
}

/// Does the budget forbid to evict any pod of the node, and did it not before?
pub(super) fn budget(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let spare = |o: Option<&Object>| -> Option<bool> {
        let Some(o) = o else { return Some(true) };
        let spec = o.root().get("spec")?;
        let selector = spec.get("selector").and_then(Selector::read)?;
        let on_node = |p: &Object| p.root().str_at(&["spec", "nodeName"]) == Some(&*fault.on.name);
        let there = investigation.history.of_kind("", "Pod").filter(|k| k.namespace == change.key.namespace);
        let pods: Vec<_> = there
            .filter_map(|k| investigation.history.at(k, &fault.onset))
            .filter(|p| pod_spec(p).is_some() && selector.matches(template_labels(p)))
            .collect();
        if !pods.iter().any(|p| on_node(p)) {
            return Some(true);
        }
        let all = i64::try_from(pods.len()).ok()?;
        let ready = i64::try_from(pods.iter().filter(|p| is_pod_ready(p.root())).count()).ok()?;
        let least = match (spec.get("minAvailable"), spec.get("maxUnavailable")) {
            (Some(min), _) => share(min, all, Rounding::Up)?,
            (None, Some(max)) => all - share(max, all, Rounding::Up)?,
            (None, None) => return Some(true),
        };
        Some(ready > least)
    };
    let Some((was, is)) = spare(change.before.as_deref()).zip(spare(change.after.as_deref())) else {
        return Counterfactual::undecided();
    };
    Counterfactual::new(
        CounterfactualVerdict::from_condition(was, is),
        "whether the budget lets a pod of the node be evicted",
    )
}

/// Was the upper bound lowered, or the lower one raised?
pub(super) fn bound(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { change, .. } = *suspicion;
    let bounds = |o: Option<&Object>| {
        let at = |f: &str| o.and_then(|o| o.root().at(&["spec", f])).and_then(Node::as_i64);
        (at("minReplicas").unwrap_or(1), at("maxReplicas").unwrap_or(i64::MAX))
    };
    let (before, after) = (bounds(change.before.as_deref()), bounds(change.after.as_deref()));
    let verdict = if after.1 < before.1 || after.0 > before.0 {
        CounterfactualVerdict::Holds
    } else {
        CounterfactualVerdict::Fails
    };
    Counterfactual::new(verdict, format!("replicas between {before:?} before, between {after:?} after"))
}

/// Does the autoscaler want more than its new upper bound, which was lowered?
pub(super) fn held_at_bound(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, change, .. } = *suspicion;
    let most = |o: Option<&Object>| {
        o.and_then(|o| o.root().at(&["spec", "maxReplicas"])).and_then(Node::as_i64).unwrap_or(i64::MAX)
    };
    let lowered = change.before.is_some() && most(change.after.as_deref()) < most(change.before.as_deref());
    let now = investigation.history.now(&change.key);
    let wants_more = now.is_some_and(|o| {
        let mut conditions = o.root().at(&["status", "conditions"]).into_iter().flat_map(Node::children);
        conditions.any(|c| {
            c.str_at(&["reason"]) == Some("TooManyReplicas") && c.str_at(&["status"]) == Some("True")
        })
    });
    let verdict =
        if lowered && wants_more { CounterfactualVerdict::Holds } else { CounterfactualVerdict::Fails };
    Counterfactual::new(verdict, "whether more replicas are wanted than it allows, and were allowed before")
}
