//! PersistentVolumeClaim, PersistentVolume, VolumeAttachment.

use crate::health::verdict::{HealthVerdict, Subject};
use crate::object::Node;

pub(super) fn claim(subject: &Subject<'_>) -> HealthVerdict {
    match subject.str(&["status", "phase"]).unwrap_or_default() {
        "Bound" => resize(subject).unwrap_or_else(|| HealthVerdict::healthy("Bound", "")),
        "Lost" => HealthVerdict::degraded("Lost", "the bound volume is gone"),
        _ => {
            let since = subject.time(&["metadata", "creationTimestamp"]);
            HealthVerdict::progressing("Pending", "no volume is bound yet").since(since)
        }
    }
}

/// A volume that could not be made larger.
fn resize(subject: &Subject<'_>) -> Option<HealthVerdict> {
    let conditions = subject.conditions();
    let wrong = ["ControllerResizeError", "NodeResizeError", "ModifyVolumeError"];
    if let Some(c) = wrong.iter().find_map(|name| conditions.get(name).filter(|c| c.is_true())) {
        return Some(HealthVerdict::degraded(c.reason_or_name(), c.message).since(c.since));
    }
    let statuses = subject.at(&["status", "allocatedResourceStatuses"])?;
    let status = statuses.children().filter_map(Node::as_str).find(|s| s.ends_with("Infeasible"))?;
    Some(HealthVerdict::degraded(status, "the volume cannot be made as large as it is asked to be"))
}

pub(super) fn volume(subject: &Subject<'_>) -> HealthVerdict {
    let message = subject.str(&["status", "message"]).unwrap_or_default();
    let since = subject.time(&["status", "lastPhaseTransitionTime"]);
    let phase = subject.str(&["status", "phase"]).unwrap_or_default();
    let keeps = subject.str(&["spec", "persistentVolumeReclaimPolicy"]) == Some("Retain");
    let verdict = match phase {
        "Available" | "Bound" => HealthVerdict::healthy(phase, message),
        // Kept on purpose for an administrator to look at; otherwise its deletion is under way.
        "Released" if keeps => HealthVerdict::healthy(phase, "released, and kept by its reclaim policy"),
        "Released" => HealthVerdict::progressing(phase, "released, waiting to be deleted"),
        "Failed" => HealthVerdict::degraded(phase, message),
        _ => HealthVerdict::progressing("Pending", message),
    };
    verdict.since(since)
}

pub(super) fn attachment(subject: &Subject<'_>) -> HealthVerdict {
    for error in ["attachError", "detachError"] {
        if let Some(message) = subject.str(&["status", error, "message"]) {
            let since = subject.time(&["status", error, "time"]);
            return HealthVerdict::degraded(error, message).since(since);
        }
    }
    if subject.is_true(&["status", "attached"]) {
        return HealthVerdict::healthy("Attached", "");
    }
    HealthVerdict::progressing("Attaching", "the volume is not attached yet")
}
