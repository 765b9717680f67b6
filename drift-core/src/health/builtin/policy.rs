//! HorizontalPodAutoscaler and PodDisruptionBudget.

use crate::health::verdict::{HealthVerdict, Subject};
use crate::k8s::conditions::{Condition, Conditions};
use crate::object::Doc;

/// v1 keeps its conditions as JSON in an annotation.
const V1_CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

pub(super) fn autoscaler(subject: &Subject<'_>) -> HealthVerdict {
    let own = subject.conditions();
    if !own.is_empty() {
        return autoscaler_conditions(&own);
    }
    let text = subject.str(&["metadata", "annotations", V1_CONDITIONS]).unwrap_or_default();
    let doc = Doc::from_json(text.as_bytes()).ok();
    autoscaler_conditions(&Conditions::of(doc.as_ref().map(Doc::root)))
}

fn autoscaler_conditions(conditions: &Conditions<'_>) -> HealthVerdict {
    if let Some(c) = conditions.iter().find(|c| is_autoscaler_failure(c)) {
        return HealthVerdict::degraded(c.reason, c.message).since(c.since);
    }
    // In the order of what says most: it scales, it could, it is held by its bounds.
    let good = ["ScalingActive", "AbleToScale", "ScalingLimited"];
    match good.iter().find_map(|name| conditions.get(name).filter(|c| c.is_true())) {
        Some(c) => HealthVerdict::healthy(c.reason_or_name(), c.message).since(c.since),
        None => HealthVerdict::progressing("NotActive", "waiting to autoscale"),
    }
}

fn is_autoscaler_failure(c: &Condition<'_>) -> bool {
    let failed =
        c.reason.starts_with("Failed") || c.reason.starts_with("Invalid") || c.reason == "AmbiguousSelector";
    c.is_false() && failed && matches!(c.name, "AbleToScale" | "ScalingActive")
}

pub(super) fn disruption_budget(subject: &Subject<'_>) -> HealthVerdict {
    if subject.lags() {
        return HealthVerdict::progressing("NotObserved", "waiting for the newest spec to be observed");
    }
    let conditions = subject.conditions();
    if let Some(c) = conditions.iter().find(|c| c.name == "DisruptionAllowed" && c.reason == "SyncFailed") {
        return HealthVerdict::degraded(c.reason, c.message).since(c.since);
    }
    let Some(c) = conditions.get("DisruptionAllowed") else {
        return HealthVerdict::progressing("NoStatus", "waiting for a status");
    };
    let count = |field| subject.int(&["status", field]).unwrap_or(0);
    let (healthy, needed) = (count("currentHealthy"), count("desiredHealthy"));
    let message =
        format!("{healthy} of {needed} needed pods are healthy, {} may go", count("disruptionsAllowed"));
    if healthy < needed {
        return HealthVerdict::degraded("InsufficientPods", message).since(c.since);
    }
    HealthVerdict::healthy(c.reason_or_name(), message).since(c.since)
}
