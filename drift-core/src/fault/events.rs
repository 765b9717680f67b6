//! What Kubernetes Events add: faults that no status shows, and texts that say more than one does.

use super::record::add_text;
use super::refusal::{is_forbidden, refusal};
use super::status::{Reading, read};
use super::{Fault, FaultBasis, FaultKind, OnsetBasis, VersionRef};
use crate::health::HealthRules;
use crate::history::{History, KubernetesEvent, Moment, RecordedVersion};
use crate::k8s::pod::pod_spec;
use crate::k8s::status::is_node_closed;
use crate::key::ResourceKey;
use crate::object::Object;

/// Takes what Events report about a pod since it was last healthy.
pub(super) fn add_of_pod(history: &History, key: &ResourceKey, since: Option<&Moment>, out: &mut Vec<Fault>) {
    for note in history.kubernetes_events(key) {
        if since.is_some_and(|s| note.mark.is_before(s)) {
            continue;
        }
        // An Event of a back-off is about nothing of its own.
        let Some(kind) = kind_for_pod(note) else { continue };
        match out.iter_mut().find(|f| f.kind == kind) {
            Some(fault) => add_event(fault, note),
            None => out.push(fault_of(kind, key, note)),
        }
    }
}

/// Takes what Events report about anything but a pod: refusals of pods above all.
pub(super) fn add(history: &History, key: &ResourceKey, rules: &HealthRules, out: &mut Vec<Fault>) {
    let mut warnings = history.kubernetes_events(key).iter().filter(|n| n.is_warning).peekable();
    if warnings.peek().is_none() {
        return;
    }
    let is_workload = history.last(key).is_some_and(|o| pod_spec(o).is_some());
    let recovered = recovered(history, key, rules);
    for note in warnings {
        if recovered.as_ref().is_some_and(|r| note.mark.is_before(r)) {
            continue;
        }
        let Some(kind) = kind_of(key, note, is_workload) else { continue };
        if kind == FaultKind::NotDrained && !history.now(key).is_some_and(|node| is_node_closed(node.root()))
        {
            continue;
        }
        match out.iter_mut().find(|f| f.kind == kind) {
            Some(fault) if topic(kind, &fault.message) != topic(kind, &note.message) => {}
            Some(fault) => add_event(fault, note),
            None => out.push(fault_of(kind, key, note)),
        }
    }
}

/// Adds an Event about a fault that is known already, whose onset it may put earlier.
fn add_event(fault: &mut Fault, note: &KubernetesEvent) {
    add_text(&mut fault.message, &note.message);
    fault.containers.extend(note.container.clone());
    if note.mark.is_before(&fault.onset) {
        (fault.onset, fault.evidence) = (note.mark.clone(), note.id);
    }
}

fn fault_of(kind: FaultKind, key: &ResourceKey, note: &KubernetesEvent) -> Fault {
    Fault {
        kind,
        basis: FaultBasis::Event,
        on: key.clone(),
        reason: note.reason.clone(),
        message: note.message.clone(),
        onset: note.mark.clone(),
        onset_basis: OnsetBasis::Recorded,
        evidence: note.id,
        shown_by: VersionRef { key: note.key.clone(), version: note.mark.version.clone() },
        started: None,
        containers: note.container.clone().into_iter().collect(),
    }
}

/// Returns what a text of an autoscaler is about: a metrics API that does not answer is another fault than a missing
/// request.
pub(super) fn topic(kind: FaultKind, message: &str) -> Option<&'static str> {
    let topics =
        ["unable to fetch metrics", "missing request", "did not receive metrics", "no metrics returned"];
    topics.into_iter().find(|t| kind == FaultKind::NoMetrics && message.contains(t))
}

/// Returns when a resource last reported that it is well; what Events reported before is over.
fn recovered(history: &History, key: &ResourceKey, rules: &HealthRules) -> Option<Moment> {
    let is_well = |o: &Object, now| reports_state(key, o) && matches!(read(o, now, rules), Reading::Well);
    let mut versions = history.versions(key).iter().rev();
    versions.find(|v| v.object.as_ref().is_some_and(|o| is_well(o, v.at.time))).map(RecordedVersion::mark)
}

/// Returns `true` if the status of a version shows how it fares, so that no fault in it means that it is well.
fn reports_state(key: &ResourceKey, o: &Object) -> bool {
    match (&*key.group, &*key.kind) {
        ("apps", _) | ("", "PersistentVolumeClaim") => true,
        ("batch" | "", _) => false,
        _ => o.root().at(&["status", "conditions"]).is_some_and(|c| !c.is_empty()),
    }
}

fn kind_for_pod(note: &KubernetesEvent) -> Option<FaultKind> {
    let has = |t: &str| note.message.contains(t);
    Some(match note.reason.as_str() {
        "Unhealthy" if has("Liveness probe") => FaultKind::LivenessKill,
        "Unhealthy" => FaultKind::NotReady,
        "FailedScheduling" if note.is_warning => FaultKind::Unschedulable,
        "FailedMount" | "FailedAttachVolume" | "FailedMapVolume" => FaultKind::Mount,
        "FailedCreatePodSandBox" | "NetworkNotReady" => FaultKind::StartFailed,
        "NodeNotReady" => FaultKind::NodeDown,
        "Preempted" => FaultKind::Preempted,
        "Evicted" | "TaintManagerEviction" => FaultKind::Evicted,
        "Failed" if has("pull") || has("ImagePull") => FaultKind::ImagePull,
        "Failed" if has("couldn't find key") || has("not found") => FaultKind::ConfigMissing,
        "InspectFailed" | "ErrImageNeverPull" => FaultKind::ImagePull,
        "Failed" if note.is_warning => FaultKind::StartFailed,
        _ => return None,
    })
}

fn kind_of(key: &ResourceKey, note: &KubernetesEvent, is_workload: bool) -> Option<FaultKind> {
    let message = note.message.as_str();
    let is_node = (&*key.group, &*key.kind) == ("", "Node");
    Some(match note.reason.as_str() {
        "FailedCreate" => refusal(message),
        "ProvisioningFailed" | "FailedBinding" | "VolumeMismatch" => FaultKind::ClaimPending,
        "FailedGetResourceMetric"
        | "FailedGetScale"
        | "FailedComputeMetricsReplicas"
        | "FailedGetContainerResourceMetric"
        | "FailedGetExternalMetric"
        | "FailedGetObjectMetric" => FaultKind::NoMetrics,
        "BackoffLimitExceeded" | "DeadlineExceeded" => FaultKind::JobFailed,
        "MissSchedule" | "FailedNeedsStart" | "TooManyMissedTimes" | "UnparseableSchedule" => {
            FaultKind::NotScheduled
        }
        "NodeNotReady" if is_node => return None,
        "FailedDraining" if is_node => FaultKind::NotDrained,
        _ if is_node && message.contains("disruption budget") => FaultKind::NotDrained,
        _ if is_forbidden(message) => FaultKind::Forbidden,
        _ if matches!(&*key.kind, "Ingress" | "Gateway" | "HTTPRoute" | "GRPCRoute" | "IngressClass") => {
            FaultKind::BrokenRoute
        }
        _ if &*key.kind == "Service" || is_workload => return None,
        _ if &*key.group == "cert-manager.io" => FaultKind::Certificate,
        _ if key.group.ends_with(".fluxcd.io") || &*key.kind == "Application" => FaultKind::SyncFailed,
        _ if key.group.contains('.') && !key.group.ends_with(".k8s.io") => FaultKind::Stuck,
        _ => return None,
    })
}
