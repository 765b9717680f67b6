//! Node, Namespace, APIService, CustomResourceDefinition, CertificateSigningRequest, and other kinds of the control
//! plane.

use jiff::SignedDuration;

use crate::health::verdict::{HealthVerdict, Subject};
use crate::k8s::conditions::Condition;

/// How long an API may be unavailable before that counts as trouble: a restart of its server takes less.
const API_WINDOW: SignedDuration = SignedDuration::from_mins(5);

fn degraded(c: &Condition<'_>) -> HealthVerdict {
    HealthVerdict::degraded(c.reason_or_name(), c.message).since(c.since)
}

pub(super) fn node(subject: &Subject<'_>) -> HealthVerdict {
    let conditions = subject.conditions();
    let Some(ready) = conditions.get("Ready") else {
        return HealthVerdict::progressing("NoStatus", "the kubelet has not reported yet");
    };
    if !ready.is_true() {
        return degraded(ready);
    }
    let trouble = ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];
    if let Some(c) = trouble.iter().find_map(|name| conditions.get(name).filter(|c| c.is_true())) {
        return degraded(c);
    }
    if subject.is_true(&["spec", "unschedulable"]) {
        return HealthVerdict::suspended("Cordoned", "no new pods are scheduled onto it");
    }
    HealthVerdict::healthy(ready.reason_or_name(), ready.message).since(ready.since)
}

pub(super) fn namespace(subject: &Subject<'_>) -> HealthVerdict {
    if subject.str(&["status", "phase"]) == Some("Terminating") {
        let conditions = subject.conditions();
        let stuck = conditions.iter().find(|c| c.is_true());
        let (message, since) = stuck.map_or(("", None), |c| (c.message, c.since));
        return HealthVerdict::progressing("Terminating", message).since(since);
    }
    HealthVerdict::healthy("Active", "")
}

pub(super) fn api_service(subject: &Subject<'_>) -> HealthVerdict {
    let conditions = subject.conditions();
    let Some(available) = conditions.get("Available") else {
        return HealthVerdict::progressing("NoStatus", "waiting to be processed");
    };
    if available.is_true() {
        return HealthVerdict::healthy(available.reason_or_name(), available.message).since(available.since);
    }
    if available.since.is_some_and(|t| subject.now.duration_since(t) > API_WINDOW) {
        return degraded(available);
    }
    HealthVerdict::progressing(available.reason_or_name(), available.message).since(available.since)
}

pub(super) fn definition(subject: &Subject<'_>) -> HealthVerdict {
    let conditions = subject.conditions();
    if conditions.is_empty() {
        return HealthVerdict::progressing("NoStatus", "no conditions have been reported yet");
    }
    if let Some(c) = conditions.get("Terminating").filter(|c| c.is_true()) {
        return HealthVerdict::progressing("Terminating", c.message).since(c.since);
    }
    if let Some(c) = conditions.get("NamesAccepted").filter(|c| c.is_false()) {
        return degraded(c);
    }
    if let Some(c) = conditions.get("NonStructuralSchema").filter(|c| c.is_true()) {
        return degraded(c);
    }
    match conditions.get("Established") {
        Some(c) if c.is_true() => HealthVerdict::healthy("Established", c.message).since(c.since),
        Some(c) if c.reason == "Installing" => {
            HealthVerdict::progressing("Installing", c.message).since(c.since)
        }
        Some(c) => degraded(c),
        None => HealthVerdict::progressing("Installing", "the definition is not established yet"),
    }
}

pub(super) fn signing_request(subject: &Subject<'_>) -> HealthVerdict {
    let conditions = subject.conditions();
    if let Some(c) = ["Denied", "Failed"].iter().find_map(|name| conditions.get(name)) {
        return degraded(c);
    }
    if subject.str(&["status", "certificate"]).is_some_and(|c| !c.is_empty()) {
        return HealthVerdict::healthy("Issued", "");
    }
    if conditions.get("Approved").is_some() {
        return HealthVerdict::progressing("Approved", "waiting for the signer");
    }
    HealthVerdict::progressing("Pending", "waiting for approval")
}

pub(super) fn flow_schema(subject: &Subject<'_>) -> HealthVerdict {
    let conditions = subject.conditions();
    match conditions.get("Dangling") {
        // It names a priority level that does not exist, and takes no request.
        Some(c) if c.is_true() => degraded(c),
        Some(c) => HealthVerdict::healthy(c.reason_or_name(), c.message).since(c.since),
        None => HealthVerdict::healthy("Exists", ""),
    }
}

pub(super) fn admission_policy(subject: &Subject<'_>) -> HealthVerdict {
    if subject.lags() {
        return HealthVerdict::progressing("NotObserved", "waiting for the newest spec to be observed");
    }
    let warnings = subject.at(&["status", "typeChecking", "expressionWarnings"]);
    match warnings.and_then(|list| list.children().next()) {
        Some(first) => {
            let text = |key| first.str_at(&[key]).unwrap_or_default();
            HealthVerdict::degraded(
                "ExpressionWarnings",
                format!("{}: {}", text("fieldRef"), text("warning")),
            )
        }
        None => HealthVerdict::healthy("TypesChecked", ""),
    }
}

pub(super) fn resource_claim(subject: &Subject<'_>) -> HealthVerdict {
    if subject.at(&["status", "allocation"]).is_some() {
        return HealthVerdict::healthy("Allocated", "");
    }
    let since = subject.time(&["metadata", "creationTimestamp"]);
    HealthVerdict::progressing("NotAllocated", "no device is allocated yet").since(since)
}
