//! What owns a resource, what it owns and reads, and how long its pods ran: facts that several stages of the pipe need.

use crate::graph::Relation;
use crate::history::{Change, Moment};
use crate::k8s::pod::{ConfigUse, config_uses, pod_spec};
use crate::key::ResourceKey;
use crate::object::{Node, Object};
use crate::path::FieldPath;

use super::change_kind::ChangeKind;
use super::investigation::Investigation;
use super::weights::RAN_WELL_SECONDS;
use crate::fault::Fault;
use crate::k8s::status::is_pod_ready;

/// Returns the owners of a resource, nearest first: of a pod its ReplicaSet, then the Deployment.
pub(super) fn owners_of(investigation: &Investigation<'_>, key: &ResourceKey) -> Vec<ResourceKey> {
    let mut out: Vec<ResourceKey> = Vec::new();
    let mut next = key.clone();
    while out.len() < 16 {
        let edges = investigation.graph.ever_from(&next);
        let Some(owner) = edges.iter().find(|e| e.relation == Relation::OwnedBy) else { break };
        if out.contains(owner.to) {
            break;
        }
        out.push(owner.to.clone());
        next = owner.to.clone();
    }
    out
}

/// Returns the pods that a workload ever owned, also through a ReplicaSet or a Job.
pub(super) fn pods_of(investigation: &Investigation<'_>, workload: &ResourceKey) -> Vec<ResourceKey> {
    let mut out = Vec::new();
    let mut next = vec![workload.clone()];
    let mut depth = 0;
    while let Some(key) = next.pop() {
        depth += 1;
        if depth > 10_000 {
            break;
        }
        for edge in investigation.graph.ever_to(&key) {
            if edge.relation == crate::graph::Relation::OwnedBy {
                if &*edge.from.kind == "Pod" {
                    out.push(edge.from.clone())
                } else {
                    next.push(edge.from.clone())
                }
            }
        }
    }
    out
}

/// Returns `true` if a pod of the same workload came up after a change and was ready with it for long enough.
pub(super) fn came_up_since(investigation: &Investigation<'_>, fault: &Fault, change: &Change) -> bool {
    let workload = owners_of(investigation, &fault.on).pop().unwrap_or_else(|| fault.on.clone());
    let seconds =
        |pod: &ResourceKey| ran_well(investigation, pod, change, &fault.onset, ChangeKind::ConfigData);
    pods_of(investigation, &workload).iter().filter_map(seconds).any(|s| s >= RAN_WELL_SECONDS)
}

/// Returns for how long a pod that started with a change was ready before a fault, in seconds.
pub(super) fn ran_well(
    investigation: &Investigation<'_>,
    pod: &ResourceKey,
    change: &Change,
    onset: &Moment,
    kind: ChangeKind,
) -> Option<f64> {
    let versions = investigation.history.versions(pod);
    let first = versions.first()?;
    // Only a pod that started after the change has it; one that was there at the start of the log has not.
    if first.is_before(&change.mark) || first.object.as_ref().is_some_and(|o| is_pod_ready(o.root())) {
        return None;
    }
    if !matches!(kind, ChangeKind::ConfigData | ChangeKind::SecretData) {
        let object = first.object.as_ref()?;
        let (_, spec) = pod_spec(object)?;
        for f in &change.fields {
            let Some(relative) = in_pod_spec(change, &f.path) else { continue };
            let have = spec.at_path(&relative).map(Node::to_value);
            let fits = match (&f.after, &have) {
                (Some(a), Some(h)) => same_or_defaulted(a, h),
                (None, _) => f.before != have,
                _ => false,
            };
            if !fits {
                return None;
            }
        }
    }
    let (mut longest, mut since) = (0.0_f64, None);
    for v in versions.iter().filter(|v| v.is_before(onset)) {
        let ready = v.object.as_ref().is_some_and(|o| is_pod_ready(o.root()));
        match (ready, since) {
            (true, None) => since = Some(v.at.time),
            (false, Some(from)) => {
                longest = longest.max(v.at.time.duration_since(from).as_secs_f64());
                since = None;
            }
            _ => {}
        }
    }
    if let Some(from) = since {
        longest = longest.max(onset.at.time.duration_since(from).as_secs_f64());
    }
    Some(longest)
}

/// Returns `true` if a value equals another except for fields that only the latter has, as defaults.
pub(super) fn same_or_defaulted(want: &serde_json::Value, have: &serde_json::Value) -> bool {
    use serde_json::Value as V;
    match (want, have) {
        (V::Object(w), V::Object(h)) => {
            w.iter().all(|(k, v)| h.get(k).is_some_and(|x| same_or_defaulted(v, x)))
        }
        (V::Array(w), V::Array(h)) => {
            w.len() == h.len() && w.iter().zip(h).all(|(a, b)| same_or_defaulted(a, b))
        }
        _ => want == have,
    }
}

/// Returns the names of containers that admission added to a pod, or whose image it replaced: those that its owner's
/// template does not have. A change of the template cannot have caused them.
pub(super) fn injected(investigation: &Investigation<'_>, pod: &ResourceKey) -> Vec<String> {
    let Some(object) = investigation.history.last(pod).filter(|_| &*pod.kind == "Pod") else {
        return Vec::new();
    };
    let Some(maker) = owners_of(investigation, pod).into_iter().next() else { return Vec::new() };
    let template = investigation.history.last(&maker).and_then(|o| pod_spec(o));
    let Some(((_, made), (_, given))) = pod_spec(object).zip(template) else { return Vec::new() };
    let all = |spec: Node<'_>| -> Vec<(String, String)> {
        let lists = ["initContainers", "containers"].map(|l| spec.get(l));
        let one = |c: Node<'_>| {
            let text = |f: &str| c.str_at(&[f]).unwrap_or_default().to_owned();
            (text("name"), text("image"))
        };
        lists.into_iter().flatten().flat_map(Node::children).map(one).collect()
    };
    let given = all(given);
    all(made).into_iter().filter(|c| !given.contains(c)).map(|(name, _)| name).collect()
}

/// Returns the path of a template field relative to the pod spec of its object.
pub(super) fn in_pod_spec(change: &Change, path: &FieldPath) -> Option<FieldPath> {
    let (at, _) = pod_spec(change.object()?)?;
    path.starts_with(&at).then(|| path.elements()[at.len()..].to_vec().into())
}

/// Returns a pod or workload as it was last, if it has a pod spec.
pub(super) fn pod_of<'c>(investigation: &'c Investigation<'_>, key: &ResourceKey) -> Option<&'c Object> {
    investigation.history.last(key).map(|o| &**o).filter(|o| pod_spec(o).is_some())
}

/// Returns where a pod or workload reads configuration from an object.
pub(super) fn uses_of(
    investigation: &Investigation<'_>,
    pod: &ResourceKey,
    target: &ResourceKey,
) -> Vec<ConfigUse> {
    let Some(object) = pod_of(investigation, pod) else { return Vec::new() };
    let Some((path, spec)) = pod_spec(object) else { return Vec::new() };
    let is_target = |u: &ConfigUse| *u.name == *target.name && u.source.kind() == &*target.kind;
    config_uses(spec, &path).into_iter().filter(is_target).collect()
}

/// Returns `true` if a resource is one of a GitOps engine.
pub(super) fn is_engine(key: &ResourceKey) -> bool {
    key.group.ends_with(".fluxcd.io") || (&*key.group == "argoproj.io" && key.kind.starts_with("Application"))
}
