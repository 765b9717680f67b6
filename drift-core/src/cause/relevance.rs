//! Did a change reach what fails: was it in force, was it read, did others run well with it?

use crate::diff::FieldChange;
use crate::fault::{Fault, FaultKind};
use crate::history::{Change, Moment, ResourceOp};
use crate::k8s::pod::pod_spec;
use crate::k8s::status::is_pod_ready;
use crate::key::ResourceKey;
use crate::object::{Node, Object};
use crate::path::PathElement;

use super::change_kind::ChangeKind;
use super::counterfactual::exceeds_nodes;
use super::investigation::Investigation;
use super::lineage::{in_pod_spec, injected, owners_of, pods_of, ran_well, same_or_defaulted, uses_of};
use super::mention::mentions;
use super::suspicion::Suspicion;

use super::role::CandidateRole;
use super::weights::{RAN_WELL_SECONDS, STAYED_READY_SECONDS};

/// Returns `true` if a pod failed before any of its containers was looked at: the kubelet makes the sandbox with its network
/// first (`SyncPod` in `pkg/kubelet/kuberuntime/kuberuntime_manager.go`).
fn precedes_containers(fault: &Fault) -> bool {
    fault.kind == FaultKind::StartFailed && fault.message.contains("pod sandbox")
}

/// Returns `true` for what decides about containers alone.
fn is_of_containers(kind: ChangeKind) -> bool {
    use ChangeKind as K;
    matches!(
        kind,
        K::Image
            | K::Pull
            | K::Env
            | K::Command
            | K::ReadinessProbe
            | K::LivenessProbe
            | K::Containers
            | K::InitContainers
    )
}

/// Returns how much of the effect of a change reached the faulty resource, from 0 to 1.
///
/// - Created: a new ConfigMap breaks nothing that ran without it (0.3); a new NetworkPolicy may.
/// - Deleted: a quota that is gone rejects nothing (0).
/// - Reverted before the fault began: 0.
/// - A key of a ConfigMap that the container does not read: 0; one that it read only at its start, before the change: 0.3.
/// - A field of a template that the faulty pod does not have, since it comes from another revision: 0.
pub(super) fn relevance(suspicion: &Suspicion<'_>) -> f64 {
    let Suspicion { fault, reached, change, kind, .. } = *suspicion;
    if change.op == ResourceOp::Create
        && matches!(
            reached.role,
            CandidateRole::Dependency | CandidateRole::Peer | CandidateRole::PeerBackend
        )
        && !breaks_by_being_there(kind)
    {
        return if fault.kind == FaultKind::ClaimPending || kind == ChangeKind::Claim { 1.0 } else { 0.3 };
    }
    if change.op == ResourceOp::Delete
        && matches!(reached.role, CandidateRole::Policy)
        && !helps_by_being_there(kind)
    {
        return 0.0;
    }
    if (kind == ChangeKind::Revision && reports_waiting(fault)) || is_undone(suspicion) {
        return 0.0;
    }
    if reached.role == CandidateRole::SelfOrOwner && precedes_containers(fault) && is_of_containers(kind) {
        return 0.0;
    }
    match (reached.role, kind) {
        (
            CandidateRole::Dependency | CandidateRole::PeerBackend,
            ChangeKind::ConfigData | ChangeKind::SecretData,
        ) => configuration(suspicion),
        // More replicas are a likely cause only where the nodes could not have run them: pods that may not share a node.
        (CandidateRole::SelfOrOwner, ChangeKind::Replicas)
            if fault.kind == FaultKind::Unschedulable && !exceeds_nodes(suspicion) =>
        {
            0.5
        }
        (
            CandidateRole::SelfOrOwner,
            ChangeKind::Replicas | ChangeKind::ScaledToZero | ChangeKind::Rollout,
        ) => 1.0,
        (CandidateRole::SelfOrOwner, _) => template(suspicion) * container_factor(suspicion),
        (CandidateRole::Competitor, _) if fault.kind == FaultKind::Preempted => preemption(suspicion),
        (CandidateRole::Competitor, _) => growth(suspicion),
        // Rules that decide about everything are blamed where the text names them.
        (
            CandidateRole::Policy,
            ChangeKind::Quota
            | ChangeKind::WebhookConfig
            | ChangeKind::AdmissionPolicy
            | ChangeKind::LimitRangeSpec,
        ) if matches!(fault.kind, FaultKind::Stuck | FaultKind::SyncFailed | FaultKind::Terminating)
            && !mentions(&fault.message, &change.key.name) =>
        {
            0.4
        }
        _ => 1.0,
    }
}

/// Returns `true` if a change was taken back before the fault: the field had its old value again, what came was gone, what went
/// was back. Templates are left out: their pods show which revision they have.
fn is_undone(suspicion: &Suspicion<'_>) -> bool {
    let Suspicion { investigation, fault, change, field, .. } = *suspicion;
    let now = investigation.history.at(&change.key, &fault.onset);
    match (change.op, field) {
        (ResourceOp::Create, _) => now.is_none() && change.key != fault.on,
        (ResourceOp::Delete, _) => false,
        (ResourceOp::Update, Some(field)) if in_pod_spec(change, &field.path).is_none() => {
            value_at(now, field) == field.before && field.before != field.after
        }
        _ => false,
    }
}

fn value_at(object: Option<&std::sync::Arc<Object>>, field: &FieldChange) -> Option<serde_json::Value> {
    object?.root().at_path(&field.path).map(Node::to_value)
}

/// Returns `true` if a container started with a value that configuration had before, and with which readers were ready.
///
/// The value that it was changed to and back counts for nothing, nor does the change back.
fn is_as_before(
    investigation: &Investigation<'_>,
    change: &Change,
    field: &FieldChange,
    at: &Moment,
) -> bool {
    let read = value_at(investigation.history.at(&change.key, at), field);
    if read == field.before && read != field.after {
        return true;
    }
    if read != field.after {
        return false;
    }
    let versions = investigation.history.versions(&change.key);
    let earlier = versions.iter().filter(|v| v.is_before(&change.mark));
    let mut same =
        earlier.filter(|v| v.object.is_some() && value_at(v.object.as_ref(), field) == field.after);
    let Some(then) = same.next() else { return false };
    let readers =
        investigation.graph.ever_to(&change.key).into_iter().map(|e| e.from).filter(|k| &*k.kind == "Pod");
    let was_ready = |k: &ResourceKey| {
        let mut versions = investigation.history.versions(k).iter().filter(|v| v.is_before(&change.mark));
        versions.any(|v| v.object.as_ref().is_some_and(|o| is_pod_ready(o.root())))
    };
    let until = versions.iter().find(|v| then.is_before(&v.mark()));
    until.is_some() && readers.into_iter().any(was_ready)
}

/// Returns `true` if an engine only waits for what it applied: the cause is there, and not in the revision.
fn reports_waiting(fault: &Fault) -> bool {
    ["health check", "timeout waiting", "timed out", "not ready", "deadline exceeded"]
        .iter()
        .any(|t| fault.message.contains(t))
}

/// Returns `true` if creating a resource can break others, as that of a NetworkPolicy or a quota.
fn breaks_by_being_there(kind: ChangeKind) -> bool {
    matches!(
        kind,
        ChangeKind::NetworkPolicy
            | ChangeKind::MeshPolicy
            | ChangeKind::Quota
            | ChangeKind::LimitRangeSpec
            | ChangeKind::WebhookConfig
            | ChangeKind::AdmissionPolicy
    )
}

/// Returns `true` if others may need the resource, so that deleting it breaks them.
fn helps_by_being_there(kind: ChangeKind) -> bool {
    !matches!(
        kind,
        ChangeKind::Quota
            | ChangeKind::LimitRangeSpec
            | ChangeKind::WebhookConfig
            | ChangeKind::AdmissionPolicy
            | ChangeKind::DisruptionBudget
    )
}

/// Returns how much of a change of configuration a container saw: by the keys that it reads, when it starts or as a file.
fn configuration(suspicion: &Suspicion<'_>) -> f64 {
    let Suspicion { investigation, fault, reached, change, field, .. } = *suspicion;
    let consumer = reached.hops.iter().rev().nth(1).map_or(&fault.on, |s| &s.key);
    let mut uses = uses_of(investigation, consumer, &change.key);
    if uses.is_empty() {
        uses = uses_of(investigation, &fault.on, &change.key);
    }
    if uses.is_empty() {
        // Read by something that is no pod: a claim of a custom resource, an image pull secret.
        return if change.op == ResourceOp::Delete { 1.0 } else { 0.9 };
    }
    let Some(field) = field else { return 1.0 };
    let is_data = ["data", "binaryData", "stringData"].iter().any(|f| field.path.starts_with_fields(&[f]));
    if !is_data {
        return 0.0;
    }
    let key = match field.path.elements().get(1) {
        Some(PathElement::Field(name)) => Some(&**name),
        _ => None,
    };
    let reads =
        |u: &&crate::k8s::pod::ConfigUse| u.key.as_deref().is_none_or(|k| key.is_none_or(|key| key == k));
    let read: Vec<_> = uses.iter().filter(reads).collect();
    if read.is_empty() {
        return 0.0;
    }
    // A newly added key is unlikely to be read yet, unless a container references it by name.
    let is_new = field.before.is_none() && field.after.is_some();
    let by_name = read.iter().any(|u| u.key.is_some());
    let asked = if is_new && !by_name { 0.35 } else { 1.0 };
    // A running container keeps the variables that it started with.
    let is_live = read.iter().any(|u| u.is_live);
    let started = match reached.role {
        // Of a peer its own start counts, and of its workload that of its newest pod.
        CandidateRole::PeerBackend => newest_start(investigation, consumer),
        _ => fault.started.clone(),
    };
    let came_late = started.as_ref().is_some_and(|s| s.is_before(&change.mark));
    // What the container read is what it had read before, and ran with.
    let read_at =
        started.as_ref().filter(|_| !came_late && !is_live && reached.role == CandidateRole::Dependency);
    if is_as_before(investigation, change, field, read_at.unwrap_or(&fault.onset)) {
        return 0.0;
    }
    let late = if came_late && !is_live { 0.3 } else { 1.0 };
    asked * late
}

/// Returns when a pod, or the newest pod of a workload, was first seen.
fn newest_start(investigation: &Investigation<'_>, key: &ResourceKey) -> Option<Moment> {
    let pods = if &*key.kind == "Pod" { vec![key.clone()] } else { pods_of(investigation, key) };
    let starts = pods.iter().filter_map(|p| investigation.history.versions(p).first()).map(|v| v.mark());
    starts.max_by_key(|m| m.at)
}

/// Returns what is left of a change of a template by the container that fails: less where another one was changed, least
/// where the container is one that admission added.
fn container_factor(suspicion: &Suspicion<'_>) -> f64 {
    let Suspicion { investigation, fault, field, .. } = *suspicion;
    if fault.containers.is_empty() {
        return 1.0;
    }
    let foreign = injected(investigation, &fault.on);
    if fault.containers.iter().all(|c| foreign.contains(c)) {
        return 0.45;
    }
    let of_container = field.and_then(|f| {
        let mut elements = f.path.elements().iter();
        elements.find(|e| matches!(e, PathElement::Field(n) if &**n == "containers"))?;
        match elements.next() {
            Some(PathElement::Key(keys)) => {
                keys.iter().find(|(n, _)| &**n == "name").map(|(_, v)| v.to_string())
            }
            _ => None,
        }
    });
    match of_container {
        Some(name) if !fault.containers.contains(name.trim_matches('"')) => 0.7,
        _ => 1.0,
    }
}

/// Returns how much of a change of a template reached the pod: all if the pod has the new value.
fn template(suspicion: &Suspicion<'_>) -> f64 {
    let Suspicion { investigation, fault, change, kind, field, .. } = *suspicion;
    let Some(field) = field else {
        // Made just so: everything about it is new, and nothing of it ever ran.
        return if change.op == ResourceOp::Delete
            && !matches!(fault.kind, FaultKind::NoEndpoints | FaultKind::Gone)
        {
            0.0
        } else {
            1.0
        };
    };
    if kind == ChangeKind::Claim || kind == ChangeKind::Custom || kind == ChangeKind::Engine {
        return 1.0;
    }
    let Some(relative) = in_pod_spec(change, &field.path) else { return 1.0 };
    let made = template_holder(investigation, fault, &change.key);
    let Some(object) = made.as_ref().and_then(|k| investigation.history.last(k)) else { return 1.0 };
    let Some((_, spec)) = pod_spec(object) else { return 1.0 };
    let have = spec.at_path(&relative).map(Node::to_value);
    match (&field.after, have) {
        (None, None) => 1.0,
        (Some(after), Some(have)) if *after == have || same_or_defaulted(after, &have) => 1.0,
        // Defaults fill in what was taken away.
        (None, Some(have)) if field.before.as_ref() != Some(&have) => 0.8,
        _ => 0.0,
    }
}

/// Returns the child of the changed workload on the path to the faulty resource, which holds a copy of its template.
fn template_holder(
    investigation: &Investigation<'_>,
    fault: &Fault,
    workload: &ResourceKey,
) -> Option<ResourceKey> {
    let owners = owners_of(investigation, &fault.on);
    let position = owners.iter().position(|o| o == workload);
    match position {
        Some(0) | None if fault.on == *workload => None,
        Some(0) | None => Some(fault.on.clone()),
        Some(i) => Some(owners[i - 1].clone()),
    }
}

/// Returns how likely a workload preempted the pod: only with a higher priority; the Event names the pod by its uid.
fn preemption(suspicion: &Suspicion<'_>) -> f64 {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let class_value = |name: &str| {
        let key = ResourceKey::new("scheduling.k8s.io", "PriorityClass", "", name);
        investigation.history.last(&key).and_then(|c| c.root().get("value").and_then(Node::as_i64))
    };
    let priority = |o: &Object| {
        let (_, spec) = pod_spec(o)?;
        let set = spec.get("priority").and_then(Node::as_i64);
        set.or_else(|| spec.str_at(&["priorityClassName"]).map(|n| class_value(n).unwrap_or(1)))
    };
    let mine = investigation.history.last(&fault.on).and_then(|o| priority(o)).unwrap_or(0);
    let theirs = change.after.as_deref().and_then(priority).unwrap_or(0);
    if theirs <= mine {
        return 0.0;
    }
    let named = investigation.history.of_kind("", "Pod").find(|k| {
        investigation
            .history
            .last(k)
            .and_then(|o| o.uid())
            .is_some_and(|uid| fault.message.contains(uid.as_str()))
    });
    match named {
        Some(pod) if *pod == change.key || owners_of(investigation, pod).contains(&change.key) => 1.0,
        Some(_) => 0.3,
        None => 0.8,
    }
}

/// Returns how much a change takes from others that compete for the same: nothing unless it grows.
fn growth(suspicion: &Suspicion<'_>) -> f64 {
    let Suspicion { change, field, .. } = *suspicion;
    match (change.op, field) {
        (ResourceOp::Create, _) => 0.8,
        (ResourceOp::Delete, _) => 0.0,
        (_, Some(f)) => {
            let number = |v: &Option<serde_json::Value>| v.as_ref().and_then(serde_json::Value::as_f64);
            match (number(&f.before), number(&f.after)) {
                (Some(b), Some(a)) if a <= b => 0.0,
                _ => 1.0,
            }
        }
        _ => 0.0,
    }
}

/// Finds a pod that ran well with the change for long enough to exonerate it, and returns a note that names it.
///
/// Long enough is twice as long as the faulty container took to fail, and at least [`RAN_WELL_SECONDS`].
pub(super) fn exonerated_by(suspicion: &Suspicion<'_>) -> Option<String> {
    let Suspicion { investigation, fault, reached, change, kind, .. } = *suspicion;
    if !fault.kind.shows_at_start()
        || matches!(reached.role, CandidateRole::Peer | CandidateRole::Policy)
        || change.op == ResourceOp::Delete
    {
        return None;
    }
    let mut witnesses: Vec<ResourceKey> = match kind {
        ChangeKind::ConfigData | ChangeKind::SecretData => {
            let readers =
                investigation.graph.ever_to(&change.key).into_iter().filter(|e| &*e.from.kind == "Pod");
            readers.map(|e| e.from.clone()).collect()
        }
        _ => pods_of(investigation, &change.key),
    };
    witnesses.sort();
    witnesses.dedup();
    let time_to_fail =
        fault.started.as_ref().map_or(0.0, |s| fault.onset.at.time.duration_since(s.at.time).as_secs_f64());
    let needed = RAN_WELL_SECONDS.max(2.0 * time_to_fail.min(60.0));
    for pod in witnesses {
        let Some(ran) = ran_well(investigation, &pod, change, &fault.onset, kind) else { continue };
        // What was ready and is not any more, without a new start, did start well.
        let stayed = pod == fault.on && fault.kind == FaultKind::NotReady;
        if ran >= if stayed { STAYED_READY_SECONDS } else { needed } {
            return Some(format!("{} ran well with it for {ran:.0} s", pod));
        }
    }
    None
}
