//! Pods: phase, containers, scheduling.

use jiff::{SignedDuration, Timestamp};

use crate::health::HealthStatus;
use crate::health::verdict::{HealthVerdict, Subject};
use crate::k8s::conditions::Conditions;
use crate::k8s::conditions::whole_number;
use crate::object::Node;

/// How long a Pod may be unschedulable before that counts as trouble, as kstatus has it.
const SCHEDULE_WINDOW: SignedDuration = SignedDuration::from_secs(15);

pub(super) fn pod(subject: &Subject<'_>) -> HealthVerdict {
    let conditions = subject.conditions();
    let restarts_always = subject.str(&["spec", "restartPolicy"]).unwrap_or("Always") == "Always";
    let phase = subject.str(&["status", "phase"]).unwrap_or_default();
    if !matches!(phase, "Succeeded" | "Failed")
        && let Some(verdict) = stuck_container(subject, restarts_always)
    {
        return verdict;
    }
    let message = subject.str(&["status", "message"]).unwrap_or_default();
    match phase {
        "Pending" => pending(subject, &conditions, restarts_always),
        "Running" => running(subject, &conditions, restarts_always),
        "Succeeded" => HealthVerdict::healthy("Succeeded", message).since(ended(subject)),
        "Failed" => failed(subject, message),
        "Unknown" => HealthVerdict::new(HealthStatus::Unknown, reason(subject, "PhaseUnknown"), message),
        _ => HealthVerdict::progressing("NoStatus", "no phase has been reported yet"),
    }
}

fn reason(subject: &Subject<'_>, otherwise: &str) -> String {
    subject.str(&["status", "reason"]).filter(|r| !r.is_empty()).unwrap_or(otherwise).to_owned()
}

/// Returns the statuses of all containers, those that run first in front.
fn containers<'a>(subject: &Subject<'a>) -> impl Iterator<Item = Node<'a>> {
    let lists = ["initContainerStatuses", "containerStatuses"].map(|l| subject.at(&["status", l]));
    lists.into_iter().flatten().flat_map(Node::children)
}

/// Returns `true` if a waiting reason is about something no restart cures.
fn is_final(reason: &str) -> bool {
    reason.contains("Image") || reason.ends_with("ConfigError") || reason == "CreateContainerError"
}

/// A container that waits for something that went wrong.
///
/// Where Pods run to an end, a crash is the job controller's to count, and only what no restart cures is trouble.
fn stuck_container(subject: &Subject<'_>, restarts_always: bool) -> Option<HealthVerdict> {
    containers(subject).find_map(|container| {
        let waiting = container.at(&["state", "waiting"])?;
        let reason = waiting.str_at(&["reason"])?;
        let wrong = reason.starts_with("Err")
            || reason.ends_with("Error")
            || reason.ends_with("BackOff")
            || matches!(reason, "InvalidImageName" | "ImageInspectError" | "RegistryUnavailable");
        if !wrong || !(restarts_always || is_final(reason)) {
            return None;
        }
        let name = container.str_at(&["name"]).unwrap_or_default();
        let text = waiting.str_at(&["message"]).unwrap_or_default();
        let message = match last_exit(container) {
            Some(exit) => format!("container {name}: {text} ({exit})"),
            None => format!("container {name}: {text}"),
        };
        let since = container.str_at(&["lastState", "terminated", "finishedAt"]).and_then(|t| t.parse().ok());
        Some(HealthVerdict::degraded(reason, message).since(since))
    })
}

/// Returns how a container ended the last time.
fn last_exit(container: Node<'_>) -> Option<String> {
    let ended =
        container.at(&["state", "terminated"]).or_else(|| container.at(&["lastState", "terminated"]))?;
    let reason = ended.str_at(&["reason"]).unwrap_or("Error");
    let code = ended.get("exitCode").and_then(whole_number).unwrap_or(0);
    let restarts = container.get("restartCount").and_then(whole_number).unwrap_or(0);
    Some(format!("{reason}, exit code {code}, {restarts} restarts"))
}

fn pending(subject: &Subject<'_>, conditions: &Conditions<'_>, restarts_always: bool) -> HealthVerdict {
    if let Some(c) = conditions.get("PodScheduled").filter(|c| c.is_false()) {
        let long = c.since.is_some_and(|t| subject.now.duration_since(t) > SCHEDULE_WINDOW);
        let status = match c.reason {
            "Unschedulable" if long => HealthStatus::Degraded,
            _ => HealthStatus::Progressing,
        };
        return HealthVerdict::new(status, c.reason_or_name(), c.message).since(c.since);
    }
    // An init container that ended badly is started again, and nothing after it before it ends well.
    let ended_badly = containers(subject).find(|c| {
        c.at(&["state", "terminated", "exitCode"]).and_then(whole_number).is_some_and(|code| code != 0)
    });
    if let Some(container) = ended_badly.filter(|_| restarts_always) {
        let name = container.str_at(&["name"]).unwrap_or_default();
        let reason = container.str_at(&["state", "terminated", "reason"]).unwrap_or("Error");
        return HealthVerdict::degraded(
            reason,
            format!("container {name}: {}", last_exit(container).unwrap_or_default()),
        );
    }
    let waiting = containers(subject).find_map(|c| c.str_at(&["state", "waiting", "reason"]));
    let message = subject.str(&["status", "message"]).unwrap_or_default();
    HealthVerdict::progressing(waiting.unwrap_or("Pending"), message)
        .since(subject.time(&["status", "startTime"]))
}

fn running(subject: &Subject<'_>, conditions: &Conditions<'_>, restarts_always: bool) -> HealthVerdict {
    let ready = conditions.get("Ready");
    let since = ready.and_then(|c| c.since);
    if !restarts_always {
        let message = "the pod runs to an end, and has not ended";
        return HealthVerdict::progressing("Running", message).since(subject.time(&["status", "startTime"]));
    }
    if ready.is_some_and(|c| c.is_true()) {
        return HealthVerdict::healthy("Ready", "").since(since);
    }
    // A container that ended and was started again and is not ready yet is on its way into a crash loop.
    let crashed = containers(subject).find(|c| {
        c.at(&["lastState", "terminated"]).is_some() && c.get("ready").and_then(Node::as_bool) == Some(false)
    });
    if let Some(container) = crashed {
        let name = container.str_at(&["name"]).unwrap_or_default();
        let message = format!("container {name}: {}", last_exit(container).unwrap_or_default());
        let reason = container.str_at(&["lastState", "terminated", "reason"]).unwrap_or("Error");
        return HealthVerdict::degraded(reason, message).since(since);
    }
    let (reason, message) = ready.map_or(("NotReady", ""), |c| (c.reason_or_name(), c.message));
    HealthVerdict::progressing(reason, message).since(since)
}

fn failed(subject: &Subject<'_>, message: &str) -> HealthVerdict {
    let ended_badly = containers(subject).find(|c| {
        c.at(&["state", "terminated", "exitCode"]).and_then(whole_number).is_some_and(|code| code != 0)
    });
    let detail = ended_badly.and_then(|c| {
        Some(format!("container {}: {}", c.str_at(&["name"]).unwrap_or_default(), last_exit(c)?))
    });
    let why = ended_badly.and_then(|c| c.str_at(&["state", "terminated", "reason"])).unwrap_or("Failed");
    let message = if message.is_empty() { detail.unwrap_or_default() } else { message.to_owned() };
    HealthVerdict::degraded(reason(subject, why), message).since(ended(subject))
}

/// Returns when the last container ended.
fn ended(subject: &Subject<'_>) -> Option<Timestamp> {
    containers(subject).filter_map(|c| c.str_at(&["state", "terminated", "finishedAt"])?.parse().ok()).max()
}
