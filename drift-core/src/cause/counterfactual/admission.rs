//! Would pods be admitted: quota, limit range, Pod Security, webhooks.

use std::collections::BTreeMap;

use crate::k8s::pod::pod_spec;
use crate::k8s::pod_security::{PodSecurityLevel, enforced_level};
use crate::k8s::quota::{QuotaRefusal, hard_limits, quota_usage};
use crate::k8s::webhooks::webhook_selects;
use crate::key::ResourceKey;
use crate::object::{Node, Object};

use crate::cause::change_kind::ChangeKind;
use crate::cause::suspicion::Suspicion;

use crate::cause::lineage::{injected, owners_of, pods_of};
use crate::cause::mention::mentions;
use crate::cause::verdict::{Counterfactual, CounterfactualVerdict};

use crate::history::ResourceOp;

/// Does the sum add up without the change?
pub(super) fn quota(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { fault, change, kind, .. } = *suspicion;
    let Some(refusal) = QuotaRefusal::from_message(&fault.message) else {
        // `failed quota: NAME: must specify …`
        let is_named = fault.message.contains(&format!("quota: {}", change.key.name));
        return match kind {
            ChangeKind::Quota if is_named && change.op == ResourceOp::Create => {
                Counterfactual::new(CounterfactualVerdict::Holds, "the quota came with it")
            }
            ChangeKind::Quota if !is_named => {
                Counterfactual::new(CounterfactualVerdict::Fails, "another quota refuses")
            }
            _ => Counterfactual::undecided(),
        };
    };
    match kind {
        ChangeKind::Quota if *change.key.name != *refusal.quota => {
            Counterfactual::new(CounterfactualVerdict::Fails, "another quota refuses")
        }
        ChangeKind::Quota => {
            let adds_up = |hard: &BTreeMap<String, i128>| {
                refusal.requested.iter().all(|(k, want)| {
                    let used = refusal.used.get(k).copied().unwrap_or(0);
                    hard.get(k).is_none_or(|h| used + want <= *h)
                })
            };
            let before = change.before.as_deref().map(|o| hard_limits(Some(o))).unwrap_or_default();
            let (was, is) = (adds_up(&before), adds_up(&hard_limits(change.after.as_deref())));
            Counterfactual::new(
                CounterfactualVerdict::from_condition(was, is),
                "used and requested together against the hard limits before and after",
            )
        }
        ChangeKind::Requests | ChangeKind::Limits | ChangeKind::OtherTemplate | ChangeKind::Containers => {
            requests(suspicion, &refusal)
        }
        ChangeKind::Replicas => replicas(suspicion, &refusal),
        _ => Counterfactual::undecided(),
    }
}

fn requests(suspicion: &Suspicion<'_>, refusal: &QuotaRefusal) -> Counterfactual {
    let Suspicion { change, .. } = *suspicion;
    let Some((_, before)) = change.before.as_deref().and_then(pod_spec) else {
        return Counterfactual::undecided();
    };
    let fits = |spec: Node<'_>| {
        refusal.requested.iter().all(|(k, want)| {
            let used = refusal.used.get(k).copied().unwrap_or(0);
            let want = quota_usage(spec, k).unwrap_or(*want);
            refusal.limited.get(k).is_none_or(|h| used + want <= *h)
        })
    };
    let verdict = CounterfactualVerdict::from_condition(fits(before), false);
    Counterfactual::new(
        verdict,
        "what a pod of the template before asks for, against what the quota has left",
    )
}

/// Would the quota suffice if the workload had not grown?
fn replicas(suspicion: &Suspicion<'_>, refusal: &QuotaRefusal) -> Counterfactual {
    let Suspicion { change, .. } = *suspicion;
    let count = |o: Option<&Object>| {
        o.map_or(0, |o| o.root().at(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1))
    };
    let grown = i128::from(count(change.after.as_deref()) - count(change.before.as_deref()));
    let each = |name: &str| match name {
        "pods" | "count/pods" => 1_000_000_000,
        _ => change.object().and_then(|o| pod_spec(o)).and_then(|(_, s)| quota_usage(s, name)).unwrap_or(0),
    };
    let fits = refusal.requested.iter().all(|(k, want)| {
        let used = refusal.used.get(k).copied().unwrap_or(0) - grown * each(k);
        refusal.limited.get(k).is_none_or(|h| used + want <= *h)
    });
    if grown > 0 && fits {
        Counterfactual::undecided()
    } else {
        Counterfactual::new(
            CounterfactualVerdict::Fails,
            "without its growth the quota would have no room either",
        )
    }
}

pub(super) fn pod_security(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { fault, change, .. } = *suspicion;
    let (before, after) = (enforced_level(change.before.as_deref()), enforced_level(change.after.as_deref()));
    let said = if fault.message.contains("\"restricted") {
        PodSecurityLevel::Restricted
    } else {
        PodSecurityLevel::Baseline
    };
    Counterfactual::new(
        CounterfactualVerdict::from_condition(before < said, after < said),
        "whether the namespace enforced the level that refuses",
    )
}

pub(super) fn limit_range(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { fault, change, .. } = *suspicion;
    let bounds = |o: Option<&Object>| {
        o.and_then(|o| o.root().at(&["spec", "limits"])).map_or(String::new(), |n| n.to_doc().to_json())
    };
    let (before, after) = (bounds(change.before.as_deref()), bounds(change.after.as_deref()));
    // `maximum memory usage per Container is 64Mi, but limit is 128Mi`: the bound must be one that came with it.
    let words = fault.message.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let numbers = words.filter(|w| w.starts_with(|c: char| c.is_ascii_digit())).map(|w| format!("\"{w}\""));
    let came = numbers.into_iter().any(|n| after.contains(&n) && !before.contains(&n));
    if came {
        return Counterfactual::new(CounterfactualVerdict::Holds, "the bound that refuses came with it");
    }
    Counterfactual::undecided()
}

pub(super) fn webhook(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let hooks = |o: Option<&Object>| -> Vec<String> {
        let list = o.and_then(|o| o.root().get("webhooks")).into_iter().flat_map(Node::children);
        list.filter_map(|h| h.str_at(&["name"]).map(str::to_owned)).collect()
    };
    let mut all = hooks(change.before.as_deref());
    all.extend(hooks(change.after.as_deref()));
    all.push(change.key.name.to_string());
    if !all.iter().any(|n| mentions(&fault.message, n)) {
        return Counterfactual::new(CounterfactualVerdict::Fails, "another one refuses");
    }
    if change.op == ResourceOp::Create {
        // A webhook that was answered after it came, and is not any more, lost its backend.
        let was_answered = fault.message.contains("failed calling webhook")
            && investigation
                .graph
                .ever_from(&change.key)
                .iter()
                .any(|e| investigation.history.at(e.to, &change.mark).is_some());
        return if was_answered {
            Counterfactual::undecided()
        } else {
            Counterfactual::new(CounterfactualVerdict::Holds, "what refuses came with it")
        };
    }
    Counterfactual::undecided()
}

/// Do pods made before the change lack what no template gave this one?
pub(super) fn mutation(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let foreign = injected(investigation, &fault.on);
    let Some(pod) = investigation.history.last(&fault.on) else { return Counterfactual::undecided() };
    let namespace = investigation.history.last(&ResourceKey::new("", "Namespace", "", &fault.on.namespace));
    if change.op != ResourceOp::Delete
        && !webhook_selects(change.after.as_deref(), namespace.map(|o| &**o), pod)
    {
        return Counterfactual::new(CounterfactualVerdict::Fails, "its selectors do not match the pod");
    }
    let has = |o: &Object| {
        let (_, spec) = pod_spec(o)?;
        let lists = ["initContainers", "containers"].map(|l| spec.get(l));
        let all = lists.into_iter().flatten().flat_map(Node::children);
        let of_pod = |name: &str| {
            let (_, spec) = pod_spec(pod)?;
            let lists = ["initContainers", "containers"].map(|l| spec.get(l));
            let found = lists.into_iter().flatten().flat_map(Node::children);
            found.into_iter().find(|c| c.str_at(&["name"]) == Some(name))?.str_at(&["image"])
        };
        let is_same = |c: Node<'_>| {
            let name = c.str_at(&["name"]).unwrap_or_default();
            foreign.iter().any(|f| f == name) && c.str_at(&["image"]) == of_pod(name)
        };
        Some(all.into_iter().any(is_same))
    };
    let Some(workload) = owners_of(investigation, &fault.on).pop() else {
        return Counterfactual::undecided();
    };
    let siblings = pods_of(investigation, &workload);
    let older = siblings.iter().filter_map(|k| investigation.history.versions(k).first());
    let older: Vec<_> =
        older.filter(|v| v.is_before(&change.mark)).filter_map(|v| v.object.as_ref()).collect();
    match older.iter().map(|o| has(o).unwrap_or(false)).reduce(|a, b| a && b) {
        Some(true) => Counterfactual::new(CounterfactualVerdict::Fails, "pods made before it have the same"),
        Some(false) => Counterfactual::new(
            CounterfactualVerdict::Holds,
            format!("pods made before it lack {}", foreign.join(", ")),
        ),
        None => Counterfactual::undecided(),
    }
}
