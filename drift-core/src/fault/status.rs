//! What is wrong with one version of a resource, by its own status as [`health`](crate::health) judges it.
//!
//! Health decides whether something is wrong; here is only which [`FaultKind`] it is. Three readings stand beside health,
//! since they are not about how the resource fares: [`asked_for`], [`at_bound`] and [`argo_sync`]. Their
//! [`FaultBasis`] is another.

use jiff::Timestamp;

use super::record::add_text;
use super::refusal::{is_forbidden, refusal};
use super::{FaultBasis, FaultKind};
use crate::health::{Health, HealthBasis, HealthContext, HealthRules, HealthStatus, assess, assess_state};
use crate::k8s::status::{condition, has_condition, is_node_ready};
use crate::object::{Node, Object};

/// What one version of a resource shows, before it is known since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ObservedFault {
    pub(super) kind: FaultKind,
    pub(super) basis: FaultBasis,
    pub(super) reason: String,
    pub(super) message: String,
    /// The container that shows it, of a pod.
    pub(super) container: Option<String>,
}

impl ObservedFault {
    /// What a resource's own status shows, which health finds short of what was asked for.
    pub(super) fn new(kind: FaultKind, reason: impl Into<String>, message: impl Into<String>) -> Self {
        let (reason, message) = (reason.into(), message.into());
        Self { kind, basis: FaultBasis::Health, reason, message, container: None }
    }

    pub(super) fn by(self, basis: FaultBasis) -> Self {
        Self { basis, ..self }
    }
}

/// What one version of a resource shows of itself.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    /// Something is wrong.
    Faulty(ObservedFault),
    /// Nothing is wrong.
    Well,
    /// Its controller has not seen the newest specification yet, so that the status is about the one before.
    NotYet,
}

/// Returns `true` if health finds nothing wrong: the object is as it was asked to be, or somebody halted it.
pub(super) fn is_well(object: &Object, now: Timestamp, rules: &HealthRules) -> bool {
    let health = assess(object, &HealthContext { now, rules, previous: None });
    matches!(health.status, HealthStatus::Healthy | HealthStatus::Suspended)
}

/// Returns all that one version shows by its own status at a time, of any kind: what the laws are about.
#[cfg(test)]
pub(super) fn shown_by_itself(object: &Object, now: Timestamp) -> Vec<ObservedFault> {
    let rules = HealthRules::bundled();
    if (object.group(), object.kind()) == ("", "Pod") {
        return if super::pods::is_well(object, now, &rules) {
            Vec::new()
        } else {
            super::pods::observed(object, None)
        };
    }
    let state = match read(object, now, &rules) {
        Reading::Faulty(found) => Some(found),
        Reading::Well | Reading::NotYet => None,
    };
    state.into_iter().chain(terminating(object)).collect()
}

/// Reads one version of anything but a pod, its deletion aside.
pub(super) fn read(object: &Object, now: Timestamp, rules: &HealthRules) -> Reading {
    if let Some(found) = asked_for(object).or_else(|| at_bound(object)).or_else(|| argo_sync(object)) {
        return Reading::Faulty(found);
    }
    // Deletion has a fault of its own; what is wrong besides stays so while it waits.
    let health = assess_state(object, &HealthContext { now, rules, previous: None });
    if is_workload(object) && health.reason == "NotObserved" {
        return Reading::NotYet;
    }
    match kind_of(object, &health) {
        Some(kind) => Reading::Faulty(ObservedFault::new(kind, health.reason, health.message)),
        None => Reading::Well,
    }
}

/// The one rule for which states `why` explains: everything that health finds short of what was asked for.
///
/// Somebody asks why a resource is not there *yet* long before it counts as trouble, so that Progressing is explained
/// as Degraded is: a Deployment at 1 of 3 replicas, a custom resource at `phase: Creating`. Left out is what no
/// controller has spoken about (`NoStatus`, no signal at all), since nothing says that there is something to wait for.
fn is_short_of_goal(health: &Health) -> bool {
    match health.status {
        HealthStatus::Healthy | HealthStatus::Suspended => false,
        HealthStatus::Degraded | HealthStatus::Missing => true,
        HealthStatus::Progressing | HealthStatus::Unknown => {
            health.basis != HealthBasis::NoSignal && health.reason != "NoStatus"
        }
    }
}

/// Maps what health says to the kind of the fault; `None` where it says nothing that `why` explains.
///
/// Where a kind of Kubernetes only sums up what others show, they carry the fault: a CronJob its Jobs, a disruption
/// budget its pods, a Service its EndpointSlices.
fn kind_of(object: &Object, health: &Health) -> Option<FaultKind> {
    if !is_short_of_goal(health) {
        return None;
    }
    let is_degraded = matches!(health.status, HealthStatus::Degraded | HealthStatus::Missing);
    match (object.group(), object.kind()) {
        ("", "Node") => (!is_node_ready(object.root())).then_some(FaultKind::NodeDown),
        ("", "PersistentVolumeClaim") => Some(match health.reason.as_str() {
            "Pending" | "Lost" => FaultKind::ClaimPending,
            // Bound, and cannot be made as large as it is asked to be.
            _ => FaultKind::Stuck,
        }),
        _ if is_workload(object) => match health.reason.as_str() {
            // The condition `ReplicaFailure`: pods cannot be made.
            "FailedCreate" | "FailedDelete" | "ReplicaFailure" => Some(refusal(&health.message)),
            // All that is asked for is there, and something besides.
            "OldReplicasTerminating" | "PodsTerminating" | "OldReplicas" => None,
            _ => Some(FaultKind::Unavailable),
        },
        ("batch", "Job") => (is_degraded || has_only_failed(object)).then_some(FaultKind::JobFailed),
        ("autoscaling", _) => is_degraded.then_some(FaultKind::NoMetrics),
        ("batch", "CronJob") | ("policy", "PodDisruptionBudget") => None,
        ("", "Service" | "ConfigMap" | "Secret" | "ServiceAccount") | ("discovery.k8s.io", _) => None,
        ("apiregistration.k8s.io", _) => Some(FaultKind::Stuck),
        // An engine at work is none at fault: it reports when a sync failed, but not that it does not run.
        _ if is_engine(object) => {
            (is_degraded || health.reason == "NotObserved").then(|| kind_of_custom(object, &health.message))
        }
        // Other kinds of Kubernetes may wait for ever for what need not be there: an Ingress for an address.
        _ if health.basis == HealthBasis::BuiltIn => {
            is_degraded.then(|| kind_of_custom(object, &health.message))
        }
        _ => Some(kind_of_custom(object, &health.message)),
    }
}

/// Returns the kind of a fault of a resource that is judged by conventions, by whose resource it is.
fn kind_of_custom(object: &Object, message: &str) -> FaultKind {
    if is_forbidden(message) {
        FaultKind::Forbidden
    } else if object.group() == "cert-manager.io" {
        FaultKind::Certificate
    } else if is_engine(object) {
        FaultKind::SyncFailed
    } else if matches!(object.kind(), "Ingress" | "Gateway" | "HTTPRoute" | "GRPCRoute") {
        FaultKind::BrokenRoute
    } else {
        FaultKind::Stuck
    }
}

/// Returns `true` if a resource runs a number of pods; Argo Rollouts are written as Deployments are.
fn is_workload(object: &Object) -> bool {
    matches!(object.group(), "apps" | "argoproj.io")
        && matches!(object.kind(), "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Rollout")
}

/// Returns `true` if a resource is one by which a GitOps engine brings others.
fn is_engine(object: &Object) -> bool {
    object.group().ends_with(".fluxcd.io") || is_application(object)
}

fn is_application(object: &Object) -> bool {
    (object.group(), object.kind()) == ("argoproj.io", "Application")
}

/// Returns `true` if pods of a job failed and none has succeeded: it is on its way to its back-off limit.
fn has_only_failed(job: &Object) -> bool {
    let count = |field| number(job, &["status", field]).unwrap_or(0);
    count("failed") > 0 && count("succeeded") == 0
}

fn number(object: &Object, path: &[&str]) -> Option<i64> {
    object.root().at(path).and_then(Node::as_i64)
}

fn is_true(object: &Object, path: &[&str]) -> bool {
    object.root().at(path).and_then(Node::as_bool) == Some(true)
}

/// Reads a state that somebody asked for: nothing runs, and nothing is wrong.
fn asked_for(object: &Object) -> Option<ObservedFault> {
    let (kind, reason, message) = match (object.group(), object.kind()) {
        ("batch", "Job") if is_true(object, &["spec", "suspend"]) => {
            (FaultKind::NotScheduled, "Suspended", "the job is suspended")
        }
        ("batch", "CronJob") if is_true(object, &["spec", "suspend"]) => {
            (FaultKind::NotScheduled, "Suspended", "the schedule is suspended")
        }
        // A paused rollout that has arrived holds nothing back.
        _ if is_workload(object)
            && is_true(object, &["spec", "paused"])
            && number(object, &["status", "updatedReplicas"]).unwrap_or(0)
                < number(object, &["spec", "replicas"]).unwrap_or(1) =>
        {
            (FaultKind::RolloutHeld, "Paused", "the rollout is paused")
        }
        // Old ReplicaSets of a Deployment are all at zero.
        (_, kind)
            if is_workload(object)
                && kind != "ReplicaSet"
                && number(object, &["spec", "replicas"]) == Some(0) =>
        {
            (FaultKind::ScaledDown, "ScaledToZero", "no replicas are asked for")
        }
        _ => return None,
    };
    Some(ObservedFault::new(kind, reason, message).by(FaultBasis::Request))
}

/// Reads of an autoscaler that it wants more than its bound; whether that is too little is for the load to say.
fn at_bound(object: &Object) -> Option<ObservedFault> {
    let is_off = |name| has_condition(object.root(), name, "False");
    if object.group() != "autoscaling" || is_off("AbleToScale") || is_off("ScalingActive") {
        return None;
    }
    let limited = condition(object.root(), "ScalingLimited")?;
    let text = |field| limited.str_at(&[field]).unwrap_or_default();
    (text("status") == "True" && text("reason") == "TooManyReplicas").then(|| {
        ObservedFault::new(FaultKind::AtBound, "TooManyReplicas", text("message"))
            .by(FaultBasis::AnotherObject)
    })
}

/// Reads how an Argo CD Application stands to Git, which Argo CD keeps apart from how its resources fare.
///
/// Conditions of an Application have no status: that one of an error is there is the error
/// (`pkg/apis/application/v1alpha1/types.go`, `ApplicationCondition`).
fn argo_sync(object: &Object) -> Option<ObservedFault> {
    if !is_application(object) {
        return None;
    }
    let root = object.root();
    let at = |path: &[&str]| root.str_at(path).unwrap_or_default();
    let failed = |reason: &str, message: &str| {
        let kind = if is_forbidden(message) { FaultKind::Forbidden } else { FaultKind::SyncFailed };
        Some(ObservedFault::new(kind, reason, message).by(FaultBasis::AnotherObject))
    };
    let mut conditions = root.at(&["status", "conditions"]).into_iter().flat_map(Node::children);
    if let Some((name, error)) =
        conditions.find_map(|c| Some((c.str_at(&["type"]).filter(|t| t.ends_with("Error"))?, c)))
    {
        return failed(name, error.str_at(&["message"]).unwrap_or_default());
    }
    let phase = at(&["status", "operationState", "phase"]);
    if matches!(phase, "Failed" | "Error") {
        return failed(&format!("Sync{phase}"), at(&["status", "operationState", "message"]));
    }
    // Health says more than that it is out of sync as well.
    let is_bad = matches!(at(&["status", "health", "status"]), "Degraded" | "Missing");
    if !is_bad && at(&["status", "sync", "status"]) == "OutOfSync" {
        return failed("OutOfSync", "");
    }
    None
}

/// Reads that an object was to be deleted and stays, since something is to be done first.
pub(super) fn terminating(object: &Object) -> Option<ObservedFault> {
    let root = object.root();
    let since = root.str_at(&["metadata", "deletionTimestamp"])?;
    let is_held = root.at(&["metadata", "finalizers"]).is_some_and(|f| !f.is_empty())
        || root.str_at(&["status", "phase"]) == Some("Terminating");
    let mut message = format!("deletion was asked for at {since}");
    for c in root.at(&["status", "conditions"]).into_iter().flat_map(Node::children) {
        // Of a namespace the conditions say what holds it.
        if object.kind() == "Namespace" && c.str_at(&["status"]) == Some("True") {
            add_text(&mut message, c.str_at(&["message"]).unwrap_or_default());
        }
    }
    is_held.then(|| ObservedFault::new(FaultKind::Terminating, "Terminating", message))
}
