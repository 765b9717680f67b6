//! Pods: phase, containers, scheduling.

use jiff::{SignedDuration, Timestamp};

use crate::health::HealthStatus;
use crate::health::verdict::{HealthVerdict, Subject};
use crate::k8s::conditions::Conditions;
use crate::k8s::status::{
    ContainerStatus, Termination, WaitingFailure, container_statuses, crashing_container,
};

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

/// Returns `true` if no restart cures what went wrong: the image, the configuration or the container's definition.
fn is_final(failure: WaitingFailure) -> bool {
    matches!(failure, WaitingFailure::Image | WaitingFailure::Config | WaitingFailure::Create)
}

/// A container that waits for something that went wrong.
///
/// Where Pods run to an end, a crash is the job controller's to count, and only what no restart cures is trouble.
fn stuck_container(subject: &Subject<'_>, restarts_always: bool) -> Option<HealthVerdict> {
    container_statuses(subject.root).find_map(|container| {
        let waiting = container.waiting()?;
        let failure = waiting.failure()?;
        if !(restarts_always || is_final(failure)) {
            return None;
        }
        let (name, text) = (container.name(), waiting.message);
        let message = match last_exit(container) {
            Some(exit) => format!("container {name}: {text} ({exit})"),
            None => format!("container {name}: {text}"),
        };
        let since = container.last_termination().and_then(|t| t.finished);
        Some(HealthVerdict::degraded(waiting.reason, message).since(since))
    })
}

/// Describes how a container ended the last time: `OOMKilled, exit code 137, 4 restarts`.
fn last_exit(container: ContainerStatus<'_>) -> Option<String> {
    let ended = container.terminations().next()?;
    Some(format!("{}, exit code {}, {} restarts", ended.reason, ended.exit_code, container.restarts()))
}

/// Names a container with how it ended the last time.
fn exit_of(container: ContainerStatus<'_>) -> String {
    format!("container {}: {}", container.name(), last_exit(container).unwrap_or_default())
}

/// Returns the first container that has ended and not been started again, with a run that failed.
fn ended_badly<'a>(subject: &Subject<'a>) -> Option<(ContainerStatus<'a>, Termination<'a>)> {
    container_statuses(subject.root)
        .filter_map(|c| Some((c, c.termination()?)))
        .find(|(_, ended)| ended.exit_code != 0)
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
    if let Some((container, ended)) = ended_badly(subject).filter(|_| restarts_always) {
        return HealthVerdict::degraded(ended.reason, exit_of(container));
    }
    let waiting = container_statuses(subject.root).find_map(|c| c.waiting().filter(|w| !w.reason.is_empty()));
    let message = subject.str(&["status", "message"]).unwrap_or_default();
    HealthVerdict::progressing(waiting.map_or("Pending", |w| w.reason), message)
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
        return match crashing_container(subject.root, subject.now) {
            // Ready between two crashes: it has not recovered before it runs for longer than the kubelet backs off.
            Some(container) => {
                let reason = container.last_termination().map_or("Error", |t| t.reason);
                HealthVerdict::progressing(reason, exit_of(container)).since(since)
            }
            None => HealthVerdict::healthy("Ready", "").since(since),
        };
    }
    // A container that ended and was started again and is not ready yet is on its way into a crash loop.
    let mut ended = container_statuses(subject.root).filter_map(|c| Some((c, c.last_termination()?)));
    if let Some((container, last)) = ended.find(|(c, _)| c.is_unready()) {
        return HealthVerdict::degraded(last.reason, exit_of(container)).since(since);
    }
    let (reason, message) = ready.map_or(("NotReady", ""), |c| (c.reason_or_name(), c.message));
    HealthVerdict::progressing(reason, message).since(since)
}

fn failed(subject: &Subject<'_>, message: &str) -> HealthVerdict {
    let ended_badly = ended_badly(subject);
    let detail = ended_badly.map(|(container, _)| exit_of(container));
    let why = ended_badly.map_or("Failed", |(_, ended)| ended.reason);
    let message = if message.is_empty() { detail.unwrap_or_default() } else { message.to_owned() };
    HealthVerdict::degraded(reason(subject, why), message).since(ended(subject))
}

/// Returns when the last container ended.
fn ended(subject: &Subject<'_>) -> Option<Timestamp> {
    container_statuses(subject.root).filter_map(|c| c.termination()?.finished).max()
}
