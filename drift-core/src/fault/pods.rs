//! Faults of pods, over the history of one.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::record::add_text;
use super::status::{self, ObservedFault};
use super::{Fault, FaultBasis, FaultKind, OnsetBasis, VersionRef, events};
use crate::health::HealthRules;
use crate::history::{History, Moment, RecordedVersion};
use crate::k8s::status::{
    CRASH_BACK_OFF_RESET, ContainerStatus, Termination, Waiting, WaitingFailure, condition,
    container_statuses, crashing_container, is_node_ready, is_pod_ready,
};
use crate::key::ResourceKey;
use crate::object::Object;

pub(super) fn faults(history: &History, key: &ResourceKey, rules: &HealthRules) -> Vec<Fault> {
    let versions = history.versions(key);
    let Some(last) = versions.iter().rev().find_map(|v| v.object.as_ref().or(v.last.as_ref())) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let is_there = history.now(key).is_some();
    let end = history.end().or(versions.last().map(|v| v.at)).map(|at| at.time);
    let is_well = is_there && end.is_some_and(|end| is_well(last, end, rules));
    if is_well && !node_is_down(history, last) {
        return out;
    }
    let start = episode_start(versions);
    let episode = &versions[start..];
    let since = start.checked_sub(1).map(|i| versions[i].mark());
    let begins = episode.first().map(|v| v.at.time);
    let mut seen: Vec<(FaultKind, usize)> = Vec::new();
    for version in episode {
        let Some(object) = version.object.as_ref().or(version.last.as_ref()) else { continue };
        for found in observed(object, begins) {
            put(&mut out, &mut seen, key, found, version);
        }
    }
    events::add_of_pod(history, key, since.as_ref(), &mut out);
    let started = started(versions, start);
    add_of_node(history, key, last, episode, &mut out);
    // A fault seen in passing that is over by the end (an image pulled at last) explains nothing any more.
    let now: Vec<_> = observed(last, begins).into_iter().map(|s| s.kind).collect();
    let over = |f: &Fault| {
        matches!(
            f.kind,
            FaultKind::ImagePull | FaultKind::ConfigMissing | FaultKind::Unschedulable | FaultKind::Mount
        ) && !now.contains(&f.kind)
            && has_started(last)
    };
    out.retain(|f| !over(f));
    if is_well {
        // Its node is down, which is all that is wrong with it.
        out.retain(|f| f.basis != FaultBasis::Health);
    }
    if out.is_empty() && !is_pod_ready(last.root()) && has_started(last) && is_there {
        let first = episode.first().or(versions.last());
        if let Some(v) = first {
            put(&mut out, &mut seen, key, ObservedFault::new(FaultKind::NotReady, "NotReady", ""), v);
        }
    }
    out.iter_mut().for_each(|f| f.started = started.clone());
    out
}

/// Returns `true` if nothing is wrong with a pod by its own status.
///
/// Health calls a pod that runs to an end Progressing until it has ended; being ready is all that it can be till then.
pub(super) fn is_well(pod: &Object, now: Timestamp, rules: &HealthRules) -> bool {
    status::is_well(pod, now, rules)
        || (is_pod_ready(pod.root()) && crashing_container(pod.root(), now).is_none())
}

/// Finds the version with which the present trouble begins: a pod that is ready for a moment between two crashes has not
/// recovered.
fn episode_start(versions: &[RecordedVersion]) -> usize {
    let (mut start, mut ready_since): (Option<usize>, Option<Timestamp>) = (None, None);
    let mut last_ready = None;
    for (i, version) in versions.iter().enumerate() {
        let Some(object) = version.object.as_ref().or(version.last.as_ref()) else { continue };
        if is_pod_ready(object.root()) {
            last_ready = Some(i);
            ready_since.get_or_insert(version.at.time);
            continue;
        }
        let rested = ready_since.take().map(|r| version.at.time.duration_since(r));
        if rested.is_some_and(|rested| rested >= CRASH_BACK_OFF_RESET) {
            start = None;
        }
        if !observed(object, Some(version.at.time)).is_empty() {
            start.get_or_insert(i);
        }
    }
    start.unwrap_or_else(|| last_ready.map_or(0, |i| i + 1).min(versions.len().saturating_sub(1)))
}

fn put(
    out: &mut Vec<Fault>,
    seen: &mut Vec<(FaultKind, usize)>,
    key: &ResourceKey,
    found: ObservedFault,
    version: &RecordedVersion,
) {
    if let Some((_, n)) = seen.iter().find(|(k, _)| *k == found.kind) {
        let fault = &mut out[*n];
        add_text(&mut fault.message, &found.message);
        fault.reason = found.reason;
        fault.containers.extend(found.container);
        return;
    }
    seen.push((found.kind, out.len()));
    out.push(Fault {
        kind: found.kind,
        basis: found.basis,
        on: key.clone(),
        reason: found.reason,
        message: found.message,
        onset: version.mark(),
        onset_basis: OnsetBasis::Recorded,
        evidence: version.id,
        shown_by: VersionRef { key: key.clone(), version: version.version.clone() },
        started: None,
        containers: found.container.into_iter().collect(),
    });
}

fn has_started(pod: &Object) -> bool {
    container_statuses(pod.root()).any(ContainerStatus::has_started)
}

/// Returns when what fails was started: by what its containers report of their end, or when the pod was first seen.
fn started(versions: &[RecordedVersion], start: usize) -> Option<Moment> {
    let object = versions.get(start).and_then(|v| v.object.as_ref().or(v.last.as_ref()))?;
    let ends = container_statuses(object.root()).flat_map(ContainerStatus::terminations);
    let begun = ends.filter_map(|t| t.started).max();
    // A pod of the same name that was there before, as sets make them, is another one.
    let is_same = |v: &RecordedVersion| v.object.as_ref().is_some_and(|o| o.uid() == object.uid());
    let own = versions[..start].iter().rposition(|v| !is_same(v)).map_or(0, |i| i + 1);
    let mut versions = versions[own..].iter();
    let first = match begun {
        // Whole seconds: the version that was seen in that second or next.
        Some(begun) => versions.find(|v| v.at.time.as_second() >= begun.as_second()),
        None => versions.next(),
    };
    first.map(RecordedVersion::mark)
}

/// Returns all that one version of a pod shows.
///
/// Health names the worst; what broke a pod may be any of them: a container that crashes since a node is short of memory
/// shows both. Runs of containers that ended long before `since` belong to another episode.
pub(super) fn observed(pod: &Object, since: Option<Timestamp>) -> Vec<ObservedFault> {
    let root = pod.root();
    let mut out = Vec::new();
    let of_condition = |name: &str, status: &str| {
        let c = condition(root, name).filter(|c| c.str_at(&["status"]) == Some(status))?;
        Some((c.str_at(&["reason"]).unwrap_or_default(), c.str_at(&["message"]).unwrap_or_default()))
    };
    if let Some((_, message)) = of_condition("PodScheduled", "False") {
        out.push(ObservedFault::new(FaultKind::Unschedulable, "Unschedulable", message));
    }
    if root.str_at(&["status", "phase"]) == Some("Failed") {
        let reason = root.str_at(&["status", "reason"]).unwrap_or("Failed");
        let kind = match reason {
            "Evicted" => FaultKind::Evicted,
            "Preempting" | "Preempted" => FaultKind::Preempted,
            "NodeLost" | "NodeShutdown" | "Terminated" => FaultKind::NodeDown,
            _ => FaultKind::Crash,
        };
        let message = root.str_at(&["status", "message"]).unwrap_or_default();
        out.push(ObservedFault::new(kind, reason, message));
    }
    if let Some((reason, message)) = of_condition("DisruptionTarget", "True") {
        let kind = if reason.contains("Preempt") { FaultKind::Preempted } else { FaultKind::Evicted };
        out.push(ObservedFault::new(kind, reason, message));
    }
    for container in container_statuses(root) {
        let name = Some(container.name().to_owned()).filter(|n| !n.is_empty());
        let own = of_container(container, since);
        out.extend(own.into_iter().map(|f| ObservedFault { container: name.clone(), ..f }));
    }
    out
}

/// Returns what one container shows: for what it waits, and how its runs ended.
fn of_container(container: ContainerStatus<'_>, since: Option<Timestamp>) -> Vec<ObservedFault> {
    let waiting = container.waiting().and_then(|w| {
        // What ran out of memory backs off too; that says less.
        let is_known =
            |k: &FaultKind| *k != FaultKind::Crash || !container.terminations().any(|t| t.is_out_of_memory());
        let kind = kind_of_waiting(&w).filter(is_known)?;
        Some(ObservedFault::new(kind, w.reason, w.message))
    });
    // Times of containers are whole seconds.
    let is_old =
        |t: &Termination<'_>| t.finished.zip(since).is_some_and(|(e, s)| e.as_second() + 5 < s.as_second());
    let ended = container.terminations().filter(|t| t.is_failure() && !is_old(t)).map(|t| {
        let kind = match t.reason {
            _ if t.is_out_of_memory() => FaultKind::OutOfMemory,
            "StartError" | "ContainerCannotRun" => FaultKind::StartFailed,
            _ => FaultKind::Crash,
        };
        let message =
            if t.message.is_empty() { format!("exit code {}", t.exit_code) } else { t.message.into() };
        ObservedFault::new(kind, t.reason, message)
    });
    waiting.into_iter().chain(ended).collect()
}

fn kind_of_waiting(waiting: &Waiting<'_>) -> Option<FaultKind> {
    Some(match waiting.failure()? {
        WaitingFailure::Image => FaultKind::ImagePull,
        WaitingFailure::Config => FaultKind::ConfigMissing,
        WaitingFailure::Create | WaitingFailure::Start => FaultKind::StartFailed,
        WaitingFailure::BackOff => FaultKind::Crash,
    })
}

fn node_is_down(history: &History, pod: &Object) -> bool {
    node_of(history, pod).is_some_and(|(_, node)| !is_node_ready(node.root()))
}

fn node_of(history: &History, pod: &Object) -> Option<(ResourceKey, Arc<Object>)> {
    let name = pod.root().str_at(&["spec", "nodeName"])?;
    let key = ResourceKey::new("", "Node", "", name);
    Some((key.clone(), history.last(&key).cloned()?))
}

/// A pod on a node that does not report is not to be trusted, whatever its last status was.
fn add_of_node(
    history: &History,
    key: &ResourceKey,
    pod: &Object,
    episode: &[RecordedVersion],
    out: &mut Vec<Fault>,
) {
    let Some((node_key, node)) = node_of(history, pod) else { return };
    let is_gone = history.now(&node_key).is_none();
    if (is_node_ready(node.root()) && !is_gone) || out.iter().any(|f| f.kind == FaultKind::NodeDown) {
        return;
    }
    let versions = history.versions(&node_key);
    let good = versions.iter().rposition(|v| v.object.as_ref().is_some_and(|o| is_node_ready(o.root())));
    let first = versions.get(good.map_or(0, |i| i + 1)).or(versions.last());
    let Some(first) = first else { return };
    // Shown by the pod where that reports it itself, by the node otherwise.
    let shown = episode.iter().find(|v| first.is_before(&v.mark())).unwrap_or(first);
    let shown_by = if std::ptr::eq(shown, first) { node_key.clone() } else { key.clone() };
    out.push(Fault {
        kind: FaultKind::NodeDown,
        basis: FaultBasis::AnotherObject,
        on: key.clone(),
        reason: "NodeNotReady".into(),
        message: format!("node {} is not ready", node_key.name),
        onset: shown.mark(),
        onset_basis: OnsetBasis::Recorded,
        evidence: shown.id,
        shown_by: VersionRef { key: shown_by, version: shown.version.clone() },
        started: None,
        containers: BTreeSet::new(),
    });
}
