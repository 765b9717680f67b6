//! Faults of everything but pods.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::k8s::pod::pod_spec;
use crate::key::ResourceKey;
use crate::object::{Kind, Node, Object};

use super::pods::{add_text, condition, node_ready};
use super::{Fault, FaultKind, VersionRef, refusal};
use crate::history::{History, KubernetesEvent, Moment, Version};

/// A judgement of one version: what is wrong, with reason and text.
type Sight = Option<(FaultKind, String, String)>;

pub(super) fn faults(history: &History, key: &ResourceKey) -> Vec<Fault> {
    if history.versions(key).is_empty() {
        return Vec::new();
    }
    if history.now(key).is_none() {
        return gone(history, key).into_iter().collect();
    }
    let mut out = Vec::new();
    if (&*key.group, &*key.kind) == ("", "Service") {
        out.extend(endpoints(history, key));
    }
    out.extend(by_version(history, key, |o| judge(key, o)));
    out.extend(by_version(history, key, terminating));
    out.extend(nowhere(history, key));
    notes(history, key, &mut out);
    out
}

/// Judges one version by its own status, as its kind is judged.
fn judge(key: &ResourceKey, o: &Object) -> Sight {
    match (&*key.group, &*key.kind) {
        ("", "Node") => {
            (!node_ready(o)).then(|| (FaultKind::NodeDown, "NodeNotReady".into(), condition_text(o, "Ready")))
        }
        ("", "PersistentVolumeClaim") => claim(o),
        ("apps" | "argoproj.io", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Rollout") => {
            workload(o)
        }
        ("batch", "Job") => job(o),
        ("batch", "CronJob") => cron_job(o),
        ("autoscaling", _) => autoscaler(o),
        ("", "Service" | "ConfigMap" | "Secret" | "ServiceAccount") | ("discovery.k8s.io", _) => None,
        _ => custom(key, o),
    }
}

/// A daemon that ran on nodes and is to run on none any more: nodes are no longer found for it.
fn nowhere(history: &History, key: &ResourceKey) -> Option<Fault> {
    if (&*key.group, &*key.kind) != ("apps", "DaemonSet") {
        return None;
    }
    let wanted =
        |v: &Version| v.object.as_ref().and_then(|o| number(o, &["status", "desiredNumberScheduled"]));
    let versions = history.versions(key);
    let ran = versions.iter().rposition(|v| wanted(v).is_some_and(|n| n > 0))?;
    let first = versions.get(ran + 1).filter(|v| wanted(v) == Some(0))?;
    let message = "no node matches its node selector, affinity and tolerations".to_owned();
    // Only where there are nodes: an estate that is shut down needs no daemons.
    let mut nodes = history.of_kind("", "Node");
    let has_nodes = nodes.any(|n| history.now(n).is_some());
    has_nodes.then(|| fault(FaultKind::Unschedulable, key, "NoNodes".into(), message, first))
}

/// Finds since when the last version's fault lasts; a fault of another kind before it is another fault.
fn by_version(history: &History, key: &ResourceKey, judge: impl Fn(&Object) -> Sight) -> Option<Fault> {
    let versions = history.versions(key);
    let (kind, reason, message) = judge(versions.last()?.object.as_ref()?)?;
    let is_same =
        |(k, _, text): (FaultKind, String, String)| k == kind && topic(kind, &text) == topic(kind, &message);
    let same = |v: &&Version| v.object.as_ref().and_then(|o| judge(o)).is_some_and(is_same);
    let first = versions.iter().rev().take_while(same).last()?;
    Some(fault(kind, key, reason, message, first))
}

/// What a text of an autoscaler is about: a metrics API that does not answer is another fault than a missing request.
fn topic(kind: FaultKind, message: &str) -> Option<&'static str> {
    let topics =
        ["unable to fetch metrics", "missing request", "did not receive metrics", "no metrics returned"];
    topics.into_iter().find(|t| kind == FaultKind::NoMetrics && message.contains(t))
}

fn fault(kind: FaultKind, key: &ResourceKey, reason: String, message: String, shown: &Version) -> Fault {
    Fault {
        kind,
        on: key.clone(),
        reason,
        message,
        onset: shown.mark(),
        evidence: shown.id,
        shown_by: VersionRef { key: key.clone(), version: shown.version.clone() },
        started: None,
        containers: BTreeSet::new(),
    }
}

fn gone(history: &History, key: &ResourceKey) -> Option<Fault> {
    let end = history.versions(key).iter().rev().find(|v| v.object.is_none())?;
    Some(fault(FaultKind::Gone, key, "Deleted".into(), String::new(), end))
}

fn condition_text(object: &Object, name: &str) -> String {
    condition(object, name).and_then(|c| c.str_at(&["message"])).unwrap_or_default().to_owned()
}

fn number(object: &Object, path: &[&str]) -> Option<i64> {
    object.root().at(path).and_then(Node::as_i64)
}

fn workload(o: &Object) -> Sight {
    let is =
        |name: &str, status: &str| condition(o, name).and_then(|c| c.str_at(&["status"])) == Some(status);
    if is("ReplicaFailure", "True") {
        let message = condition_text(o, "ReplicaFailure");
        return Some((refusal(&message), "FailedCreate".into(), message));
    }
    if o.root().at(&["spec", "paused"]).and_then(Node::as_bool) == Some(true)
        && number(o, &["status", "updatedReplicas"]).unwrap_or(0)
            < number(o, &["spec", "replicas"]).unwrap_or(1)
    {
        return Some((FaultKind::RolloutHeld, "Paused".into(), "the rollout is paused".into()));
    }
    if number(o, &["spec", "replicas"]) == Some(0) && o.kind() != "ReplicaSet" {
        return Some((FaultKind::ScaledDown, "ScaledToZero".into(), "no replicas are asked for".into()));
    }
    if condition(o, "Progressing").and_then(|c| c.str_at(&["reason"])) == Some("ProgressDeadlineExceeded") {
        let message = condition_text(o, "Progressing");
        return Some((FaultKind::Unavailable, "ProgressDeadlineExceeded".into(), message));
    }
    if is("Available", "False") {
        return Some((
            FaultKind::Unavailable,
            "MinimumReplicasUnavailable".into(),
            condition_text(o, "Available"),
        ));
    }
    let wanted = number(o, &["spec", "replicas"]).or(number(o, &["status", "desiredNumberScheduled"]));
    let ready = ["availableReplicas", "numberAvailable", "readyReplicas"]
        .iter()
        .find_map(|f| number(o, &["status", f]))
        .unwrap_or(0);
    let updated =
        number(o, &["status", "updatedReplicas"]).or(number(o, &["status", "updatedNumberScheduled"]));
    let behind = wanted.unwrap_or(0) > ready || updated.is_some_and(|u| u < wanted.unwrap_or(0));
    behind.then(|| (FaultKind::Unavailable, "ReplicasUnavailable".into(), String::new()))
}

fn job(o: &Object) -> Sight {
    if o.root().at(&["spec", "suspend"]).and_then(Node::as_bool) == Some(true) {
        return Some((FaultKind::NotScheduled, "Suspended".into(), "the job is suspended".into()));
    }
    let failed = condition(o, "Failed").filter(|c| c.str_at(&["status"]) == Some("True"));
    let count = number(o, &["status", "failed"]).unwrap_or(0);
    match failed {
        Some(c) => Some((
            FaultKind::JobFailed,
            c.str_at(&["reason"]).unwrap_or("Failed").into(),
            condition_text(o, "Failed"),
        )),
        None if count > 0 && number(o, &["status", "succeeded"]).unwrap_or(0) == 0 => {
            Some((FaultKind::JobFailed, "PodsFailed".into(), format!("{count} pods failed")))
        }
        None => None,
    }
}

fn cron_job(o: &Object) -> Sight {
    let suspended = o.root().at(&["spec", "suspend"]).and_then(Node::as_bool) == Some(true);
    suspended.then(|| (FaultKind::NotScheduled, "Suspended".into(), "the schedule is suspended".into()))
}

fn claim(o: &Object) -> Sight {
    let phase = o.root().str_at(&["status", "phase"]).unwrap_or("Pending");
    (phase != "Bound").then(|| (FaultKind::ClaimPending, phase.to_owned(), String::new()))
}

fn autoscaler(o: &Object) -> Sight {
    for name in ["AbleToScale", "ScalingActive"] {
        if let Some(c) = condition(o, name).filter(|c| c.str_at(&["status"]) == Some("False")) {
            let reason = c.str_at(&["reason"]).unwrap_or(name);
            // An autoscaler of something with no replicas rests; that is no fault of its own.
            return Some((FaultKind::NoMetrics, reason.into(), condition_text(o, name)));
        }
    }
    let limited = condition(o, "ScalingLimited").filter(|c| c.str_at(&["status"]) == Some("True"))?;
    let is_upper = limited.str_at(&["reason"]) == Some("TooManyReplicas");
    is_upper.then(|| (FaultKind::AtBound, "TooManyReplicas".into(), condition_text(o, "ScalingLimited")))
}

fn terminating(o: &Object) -> Sight {
    let since = o.root().str_at(&["metadata", "deletionTimestamp"])?;
    let held = o.root().at(&["metadata", "finalizers"]).is_some_and(|f| !f.is_empty())
        || o.root().str_at(&["status", "phase"]) == Some("Terminating");
    let mut message = format!("deletion was asked for at {since}");
    for c in o.root().at(&["status", "conditions"]).into_iter().flat_map(Node::children) {
        // Of a namespace the conditions say what holds it.
        if o.kind() == "Namespace" && c.str_at(&["status"]) == Some("True") {
            add_text(&mut message, c.str_at(&["message"]).unwrap_or_default());
        }
    }
    held.then(|| (FaultKind::Terminating, "Terminating".into(), message))
}

/// Judges by the conventions of conditions, generations and phases.
fn custom(key: &ResourceKey, o: &Object) -> Sight {
    let is_engine =
        key.group.ends_with(".fluxcd.io") || (&*key.group == "argoproj.io" && &*key.kind == "Application");
    let bad = |reason: &str, message: &str| {
        let kind = if is_forbidden(message) {
            FaultKind::Forbidden
        } else if &*key.group == "cert-manager.io" {
            FaultKind::Certificate
        } else if is_engine {
            FaultKind::SyncFailed
        } else if matches!(&*key.kind, "Ingress" | "Gateway" | "HTTPRoute" | "GRPCRoute") {
            FaultKind::BrokenRoute
        } else {
            FaultKind::Stuck
        };
        Some((kind, reason.to_owned(), message.to_owned()))
    };
    for c in o.root().at(&["status", "conditions"]).into_iter().flat_map(Node::children) {
        let get = |f: &str| c.str_at(&[f]).unwrap_or_default();
        let (name, status) = (get("type"), get("status"));
        let good = [
            "Ready",
            "Available",
            "Healthy",
            "Synced",
            "Accepted",
            "Programmed",
            "ResolvedRefs",
            "Reconciled",
            "Succeeded",
        ];
        let evil = [
            "Degraded",
            "Failed",
            "Stalled",
            "Error",
            "ErrorOccurred",
            "ComparisonError",
            "SyncError",
            "InvalidSpecError",
        ];
        if (good.contains(&name) && status == "False") || (evil.contains(&name) && status == "True") {
            return bad(get("reason"), get("message"));
        }
        if name.ends_with("Error") && status.is_empty() {
            return bad(name, get("message"));
        }
    }
    if is_engine && &*key.group == "argoproj.io" {
        return argo(o).and_then(|(reason, message)| bad(&reason, &message));
    }
    let generation = number(o, &["metadata", "generation"]);
    if let Some((seen, generation)) = number(o, &["status", "observedGeneration"]).zip(generation)
        && seen < generation
    {
        return bad("GenerationNotObserved", "the controller has not taken in the newest specification");
    }
    let status = o.root().get("status")?;
    let phase = ["phase", "state", "health", "status"].iter().find_map(|f| status.str_at(&[f]))?;
    let lower = phase.to_ascii_lowercase();
    let is_bad = [
        "pending",
        "updating",
        "fail",
        "error",
        "degraded",
        "unhealthy",
        "progressing",
        "creating",
        "stuck",
        "unknown",
        "invalid",
        "rejected",
    ]
    .iter()
    .any(|w| lower.contains(w));
    let message = ["message", "reason", "error"].iter().find_map(|f| status.str_at(&[f])).unwrap_or_default();
    if is_bad { bad(phase, message) } else { None }
}

fn argo(o: &Object) -> Option<(String, String)> {
    let at = |path: &[&str]| o.root().str_at(path).unwrap_or_default().to_owned();
    let phase = at(&["status", "operationState", "phase"]);
    if matches!(phase.as_str(), "Failed" | "Error") {
        return Some((format!("Sync{phase}"), at(&["status", "operationState", "message"])));
    }
    let health = at(&["status", "health", "status"]);
    if matches!(health.as_str(), "Degraded" | "Missing") {
        return Some((health, at(&["status", "health", "message"])));
    }
    (at(&["status", "sync", "status"]) == "OutOfSync").then(|| ("OutOfSync".into(), String::new()))
}

/// Tells whether a text says that somebody may not do something.
fn is_forbidden(message: &str) -> bool {
    message.contains("is forbidden: User") || (message.contains("forbidden") && message.contains("cannot "))
}

/// Judges a Service by what its EndpointSlices, or else its Endpoints, list as ready.
fn endpoints(history: &History, key: &ResourceKey) -> Option<Fault> {
    let service = history.now(key)?;
    let selects = |o: &Arc<Object>| o.root().at(&["spec", "selector"]).is_some_and(|s| !s.is_empty());
    let ever = history.versions(key).iter().filter_map(|v| v.object.as_ref()).any(selects);
    if !ever || service.root().str_at(&["spec", "type"]) == Some("ExternalName") {
        return None;
    }
    let slices: Vec<_> = history
        .of_kind_in("discovery.k8s.io", "EndpointSlice", &key.namespace)
        .filter(|k| history.last(k).is_some_and(|o| o.label("kubernetes.io/service-name") == Some(&key.name)))
        .cloned()
        .collect();
    let mut now = (0, 0);
    let mut shown: Option<&Version> = None;
    for slice in &slices {
        if let Some(o) = history.now(slice) {
            let (ready, ports) = ready_in(o);
            now.0 += ready;
            now.1 += if ready > 0 { ports } else { 0 };
        }
        let versions = history.versions(slice);
        let full = |v: &Version| v.object.as_ref().is_some_and(|o| ready_in(o).0 > 0);
        let first = versions.iter().rposition(full).and_then(|i| versions.get(i + 1));
        // Of several slices the one that emptied last took the last endpoint.
        if let Some(v) = first
            && shown.is_none_or(|s| s.is_before(&v.mark()))
        {
            shown = Some(v);
        }
    }
    if now.0 > 0 && now.1 > 0 {
        return None;
    }
    let shown = shown.or_else(|| slices.first().and_then(|k| history.versions(k).first()));
    let shown = shown.or_else(|| history.versions(key).last())?;
    let kind = if now.0 > 0 { FaultKind::PortMismatch } else { FaultKind::NoEndpoints };
    let mut found = fault(kind, key, "NoEndpoints".into(), "no ready endpoints".into(), shown);
    if let Some(slice) = slices.iter().find(|k| history.versions(k).iter().any(|v| v.id == shown.id)) {
        found.shown_by.key = slice.clone();
    }
    Some(found)
}

fn ready_in(slice: &Object) -> (usize, usize) {
    let endpoints = slice.root().get("endpoints").into_iter().flat_map(Node::children);
    let ready =
        endpoints.filter(|e| e.at(&["conditions", "ready"]).and_then(Node::as_bool) != Some(false)).count();
    (ready, slice.root().get("ports").filter(|p| p.kind() == Kind::List).map_or(0, Node::len))
}

/// Takes what Events say of the resource: refusals of pods above all.
fn notes(history: &History, key: &ResourceKey, out: &mut Vec<Fault>) {
    let is_workload = history.last(key).is_some_and(|o| pod_spec(o).is_some());
    let recovered = recovered(history, key);
    for note in history.notes(key).iter().filter(|n| n.is_warning) {
        if recovered.as_ref().is_some_and(|r| note.mark.is_before(r)) {
            continue;
        }
        let Some(kind) = kind_of(key, note, is_workload) else { continue };
        if kind == FaultKind::NotDrained && !is_closed(history, key) {
            continue;
        }
        match out.iter_mut().find(|f| f.kind == kind) {
            Some(fault) if topic(kind, &fault.message) != topic(kind, &note.message) => {}
            Some(fault) => {
                add_text(&mut fault.message, &note.message);
                if note.mark.is_before(&fault.onset) {
                    (fault.onset, fault.evidence) = (note.mark.clone(), note.id);
                }
            }
            None => out.push(Fault {
                kind,
                on: key.clone(),
                reason: note.reason.clone(),
                message: note.message.clone(),
                onset: note.mark.clone(),
                evidence: note.id,
                shown_by: VersionRef { key: note.key.clone(), version: note.mark.version.clone() },
                started: None,
                containers: BTreeSet::new(),
            }),
        }
    }
}

/// Returns when a resource last said of itself that it is well; what Events said before is over.
fn recovered(history: &History, key: &ResourceKey) -> Option<Moment> {
    let is_well = |o: &Object| speaks(key, o) && judge(key, o).is_none();
    let whole = |v: &&Version| v.object.as_ref().is_some_and(|o| is_well(o));
    history.versions(key).iter().rev().find(whole).map(Version::mark)
}

/// Tells whether the status of a version says how it fares, so that no fault in it means that it is well.
fn speaks(key: &ResourceKey, o: &Object) -> bool {
    match (&*key.group, &*key.kind) {
        ("apps", _) | ("", "PersistentVolumeClaim") => true,
        ("batch" | "", _) => false,
        _ => o.root().at(&["status", "conditions"]).is_some_and(|c| !c.is_empty()),
    }
}

fn is_node(key: &ResourceKey) -> bool {
    (&*key.group, &*key.kind) == ("", "Node")
}

/// Tells whether a node takes no new pods, as one that is being drained.
fn is_closed(history: &History, node: &ResourceKey) -> bool {
    history.now(node).is_some_and(|o| {
        let taints = o.root().at(&["spec", "taints"]).into_iter().flat_map(Node::children);
        let mut effects = taints.filter_map(|t| t.str_at(&["effect"]));
        o.root().at(&["spec", "unschedulable"]).and_then(Node::as_bool) == Some(true)
            || effects.any(|e| matches!(e, "NoSchedule" | "NoExecute"))
    })
}

fn kind_of(key: &ResourceKey, note: &KubernetesEvent, is_workload: bool) -> Option<FaultKind> {
    let message = note.message.as_str();
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
        "NodeNotReady" if &*key.kind == "Node" => return None,
        "FailedDraining" if is_node(key) => FaultKind::NotDrained,
        _ if is_node(key) && message.contains("disruption budget") => FaultKind::NotDrained,
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
