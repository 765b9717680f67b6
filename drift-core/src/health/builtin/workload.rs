//! Deployment, StatefulSet, DaemonSet, ReplicaSet.

use jiff::SignedDuration;

use crate::health::verdict::{HealthVerdict, Subject};
use crate::k8s::conditions::{Condition, Conditions};

fn status(subject: &Subject<'_>, field: &str) -> i64 {
    subject.int(&["status", field]).unwrap_or(0)
}

fn desired(subject: &Subject<'_>) -> i64 {
    subject.int(&["spec", "replicas"]).unwrap_or(1)
}

fn said(status: fn(String, String) -> HealthVerdict, condition: &Condition<'_>) -> HealthVerdict {
    status(condition.reason_or_name().to_owned(), condition.message.to_owned()).since(condition.since)
}

/// The controller has not seen the newest spec, or nothing at all.
fn not_observed(subject: &Subject<'_>) -> Option<HealthVerdict> {
    let unseen = subject.status().is_none() && subject.at(&["metadata", "generation"]).is_some();
    let message = "waiting for the newest spec to be observed";
    (unseen || subject.lags()).then(|| HealthVerdict::progressing("NotObserved", message))
}

pub(super) fn deployment(subject: &Subject<'_>) -> HealthVerdict {
    if subject.is_true(&["spec", "paused"]) {
        return HealthVerdict::suspended("DeploymentPaused", "Deployment is paused");
    }
    if let Some(verdict) = not_observed(subject) {
        return verdict;
    }
    let conditions = subject.conditions();
    let progress = conditions.get("Progressing");
    // That pods cannot be made says why the deadline was exceeded.
    if let Some(c) = conditions.get("ReplicaFailure").filter(|c| c.is_true()) {
        return said(HealthVerdict::degraded, c);
    }
    if let Some(c) = progress.filter(|c| c.reason == "ProgressDeadlineExceeded") {
        return said(HealthVerdict::degraded, c);
    }
    let (wanted, replicas) = (desired(subject), status(subject, "replicas"));
    let (updated, available) = (status(subject, "updatedReplicas"), status(subject, "availableReplicas"));
    let since = progress.and_then(|c| c.since);
    if updated < wanted {
        let message = format!("{updated} of {wanted} new replicas have been updated");
        return HealthVerdict::progressing("ReplicaSetUpdating", message).since(since);
    }
    if replicas > updated {
        let old = replicas - updated;
        let message =
            format!("{old} old replicas are pending termination, {available} of {wanted} are available");
        return HealthVerdict::progressing("OldReplicasTerminating", message).since(since);
    }
    if available < updated {
        let message = format!("{available} of {updated} updated replicas are available");
        return lost_availability(subject, &conditions, message);
    }
    let since = conditions.get("Available").and_then(|c| c.since);
    HealthVerdict::healthy(
        "MinimumReplicasAvailable",
        format!("{available} of {wanted} replicas are available"),
    )
    .since(since)
}

/// Replicas are missing: a rollout that is under way, or a finished one that lost its Pods.
///
/// The progress deadline guards rollouts only; the same time is given to what breaks later.
fn lost_availability(subject: &Subject<'_>, conditions: &Conditions<'_>, message: String) -> HealthVerdict {
    let deadline = subject.int(&["spec", "progressDeadlineSeconds"]).unwrap_or(600).clamp(0, 1 << 40);
    let finished = conditions.get("Progressing").is_some_and(|c| c.reason == "NewReplicaSetAvailable");
    let down = conditions.get("Available").filter(|c| c.is_false());
    let since = down.and_then(|c| c.since);
    let long = since.is_some_and(|t| subject.now.duration_since(t) > SignedDuration::from_secs(deadline));
    if finished && long {
        return HealthVerdict::degraded("MinimumReplicasUnavailable", message).since(since);
    }
    let reason = down.map_or("ReplicasUnavailable", Condition::reason_or_name);
    HealthVerdict::progressing(reason, message).since(since)
}

/// Pods that are too many and have not gone yet.
fn terminating(subject: &Subject<'_>, wanted: i64) -> Option<HealthVerdict> {
    let extra = status(subject, "replicas") - wanted;
    (extra > 0).then(|| {
        HealthVerdict::progressing("PodsTerminating", format!("{extra} pods are pending termination"))
    })
}

pub(super) fn replica_set(subject: &Subject<'_>) -> HealthVerdict {
    if let Some(verdict) = not_observed(subject) {
        return verdict;
    }
    let conditions = subject.conditions();
    if let Some(c) = conditions.get("ReplicaFailure").filter(|c| c.is_true()) {
        return said(HealthVerdict::degraded, c);
    }
    let (wanted, available) = (desired(subject), status(subject, "availableReplicas"));
    let message = format!("{available} of {wanted} replicas are available");
    if available < wanted {
        return HealthVerdict::progressing("ReplicasUnavailable", message);
    }
    if let Some(verdict) = terminating(subject, wanted) {
        return verdict;
    }
    HealthVerdict::healthy("ReplicasAvailable", message)
}

pub(super) fn stateful_set(subject: &Subject<'_>) -> HealthVerdict {
    if let Some(verdict) = not_observed(subject) {
        return verdict;
    }
    let wanted = desired(subject);
    let (ready, updated) = (status(subject, "readyReplicas"), status(subject, "updatedReplicas"));
    if ready < wanted {
        return HealthVerdict::progressing("PodsNotReady", format!("{ready} of {wanted} pods are ready"));
    }
    if let Some(verdict) = terminating(subject, wanted) {
        return verdict;
    }
    let strategy = subject.str(&["spec", "updateStrategy", "type"]).unwrap_or("RollingUpdate");
    if strategy == "OnDelete" {
        return HealthVerdict::healthy("OnDelete", format!("{ready} of {wanted} pods are ready"));
    }
    let partition = subject.int(&["spec", "updateStrategy", "rollingUpdate", "partition"]).unwrap_or(0);
    if partition > 0 {
        let due = (wanted - partition).max(0);
        let message = format!("{updated} of {due} pods above the partition have been updated");
        return if updated < due {
            HealthVerdict::progressing("PartitionedRollout", message)
        } else {
            HealthVerdict::healthy("PartitionedRolloutComplete", message)
        };
    }
    let (current, update) =
        (subject.str(&["status", "currentRevision"]), subject.str(&["status", "updateRevision"]));
    if update.is_some() && current != update {
        let message = format!("{updated} of {wanted} pods are at revision {}", update.unwrap_or_default());
        return HealthVerdict::progressing("RollingUpdate", message);
    }
    HealthVerdict::healthy("PodsReady", format!("{ready} of {wanted} pods are ready"))
}

pub(super) fn daemon_set(subject: &Subject<'_>) -> HealthVerdict {
    if let Some(verdict) = not_observed(subject) {
        return verdict;
    }
    let desired = status(subject, "desiredNumberScheduled");
    let (updated, available) =
        (status(subject, "updatedNumberScheduled"), status(subject, "numberAvailable"));
    let on_delete = subject.str(&["spec", "updateStrategy", "type"]) == Some("OnDelete");
    if !on_delete && updated < desired {
        return HealthVerdict::progressing(
            "RollingUpdate",
            format!("{updated} of {desired} new pods have been updated"),
        );
    }
    let message = format!("{available} of {desired} pods are available");
    if available < desired {
        return HealthVerdict::progressing("PodsUnavailable", message);
    }
    HealthVerdict::healthy(if on_delete { "OnDelete" } else { "PodsAvailable" }, message)
}
