//! Faults of pods.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::key::ResourceKey;
use crate::object::{Node, Object};

use super::{Fault, FaultKind, VersionRef};

/// Seconds of being ready after which a crash is a new episode: the kubelet forgets its back-off after as long.
const RECOVERED_SECONDS: f64 = 600.0;
use crate::history::{History, KubernetesEvent, Moment, Version};

/// What one version of a pod shows.
struct Sight {
    kind: FaultKind,
    reason: String,
    message: String,
    container: Option<String>,
}

pub(super) fn faults(history: &History, key: &ResourceKey) -> Vec<Fault> {
    let versions = history.versions(key);
    let Some(last) = versions.iter().rev().find_map(|v| v.object.as_ref().or(v.last.as_ref())) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    if is_ready(last) && !ended_badly(last) && history.now(key).is_some() && !node_is_down(history, last) {
        return out;
    }
    let start = episode_start(versions);
    let episode = &versions[start..];
    let since = start.checked_sub(1).map(|i| versions[i].mark());
    let begins = episode.first().map(|v| v.at.time);
    let mut seen: Vec<(FaultKind, usize)> = Vec::new();
    for version in episode {
        let Some(object) = version.object.as_ref().or(version.last.as_ref()) else { continue };
        for sight in sights(object, begins) {
            put(&mut out, &mut seen, key, sight, version);
        }
    }
    events(history, key, since.as_ref(), &mut out);
    let started = started(versions, start);
    node(history, key, last, episode, &mut out);
    // A fault seen in passing that is over by the end (an image pulled at last) explains nothing any more.
    let now: Vec<_> = sights(last, begins).into_iter().map(|s| s.kind).collect();
    let over = |f: &Fault| {
        matches!(
            f.kind,
            FaultKind::ImagePull | FaultKind::ConfigMissing | FaultKind::Unschedulable | FaultKind::Mount
        ) && !now.contains(&f.kind)
            && has_started(last)
    };
    out.retain(|f| !over(f));
    if out.is_empty() && !is_ready(last) && has_started(last) && history.now(key).is_some() {
        let first = episode.first().or(versions.last());
        if let Some(v) = first {
            let sight = Sight {
                kind: FaultKind::NotReady,
                reason: "NotReady".into(),
                message: String::new(),
                container: None,
            };
            put(&mut out, &mut seen, key, sight, v);
        }
    }
    out.iter_mut().for_each(|f| f.started = started.clone());
    out
}

/// Finds the version with which the present trouble begins: a pod that is ready for a moment between two crashes has not
/// recovered.
fn episode_start(versions: &[Version]) -> usize {
    let (mut start, mut ready_since): (Option<usize>, Option<Timestamp>) = (None, None);
    let mut last_ready = None;
    for (i, version) in versions.iter().enumerate() {
        let Some(object) = version.object.as_ref().or(version.last.as_ref()) else { continue };
        if is_ready(object) {
            last_ready = Some(i);
            ready_since.get_or_insert(version.at.time);
            continue;
        }
        let rested = ready_since.take().map(|r| version.at.time.duration_since(r).as_secs_f64());
        if rested.is_some_and(|s| s >= RECOVERED_SECONDS) {
            start = None;
        }
        if !sights(object, Some(version.at.time)).is_empty() {
            start.get_or_insert(i);
        }
    }
    start.unwrap_or_else(|| last_ready.map_or(0, |i| i + 1).min(versions.len().saturating_sub(1)))
}

fn put(
    out: &mut Vec<Fault>,
    seen: &mut Vec<(FaultKind, usize)>,
    key: &ResourceKey,
    sight: Sight,
    version: &Version,
) {
    if let Some((_, n)) = seen.iter().find(|(k, _)| *k == sight.kind) {
        let fault = &mut out[*n];
        add_text(&mut fault.message, &sight.message);
        fault.reason = sight.reason;
        fault.containers.extend(sight.container);
        return;
    }
    seen.push((sight.kind, out.len()));
    out.push(Fault {
        kind: sight.kind,
        on: key.clone(),
        reason: sight.reason,
        message: sight.message,
        onset: version.mark(),
        evidence: version.id,
        shown_by: VersionRef { key: key.clone(), version: version.version.clone() },
        started: None,
        containers: sight.container.into_iter().collect(),
    });
}

/// Adds a text that is not there yet; texts that repeat all the time do not grow without end.
pub(super) fn add_text(all: &mut String, text: &str) {
    if !text.is_empty() && !all.contains(text) && all.len() < 4096 {
        if !all.is_empty() {
            all.push_str(" | ");
        }
        all.push_str(text);
    }
}

pub(crate) fn condition<'a>(object: &'a Object, name: &str) -> Option<Node<'a>> {
    let conditions = object.root().at(&["status", "conditions"]).into_iter().flat_map(Node::children);
    conditions.into_iter().find(|c| c.str_at(&["type"]) == Some(name))
}

/// Tells whether a pod is ready, or has done its work.
pub(crate) fn is_ready(pod: &Object) -> bool {
    pod.root().str_at(&["status", "phase"]) == Some("Succeeded")
        || condition(pod, "Ready").and_then(|c| c.str_at(&["status"])) == Some("True")
}

fn statuses(pod: &Object) -> impl Iterator<Item = Node<'_>> {
    ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .flat_map(|f| pod.root().at(&["status", f]))
        .flat_map(Node::children)
}

/// Tells whether a ready pod has a container that ended with an error not long ago: it comes and goes.
fn ended_badly(pod: &Object) -> bool {
    statuses(pod).any(|c| {
        let restarts = c.get("restartCount").and_then(Node::as_i64).unwrap_or(0);
        restarts > 1
            && c.at(&["lastState", "terminated", "exitCode"]).and_then(Node::as_i64).is_some_and(|e| e != 0)
    })
}

fn has_started(pod: &Object) -> bool {
    statuses(pod).any(|c| {
        c.at(&["state", "running"]).is_some()
            || c.at(&["state", "terminated"]).is_some()
            || c.at(&["lastState", "terminated"]).is_some()
    })
}

/// Returns when what fails was started: by what its containers say of their end, or when the pod was first seen.
fn started(versions: &[Version], start: usize) -> Option<Moment> {
    let object = versions.get(start).and_then(|v| v.object.as_ref().or(v.last.as_ref()))?;
    let ends = statuses(object).flat_map(|c| ["state", "lastState"].map(|s| c.at(&[s, "terminated"])));
    let begun = ends.flatten().filter_map(|t| t.str_at(&["startedAt"])?.parse::<Timestamp>().ok()).max();
    // A pod of the same name that was there before, as sets make them, is another one.
    let is_same = |v: &Version| v.object.as_ref().is_some_and(|o| o.uid() == object.uid());
    let own = versions[..start].iter().rposition(|v| !is_same(v)).map_or(0, |i| i + 1);
    let mut versions = versions[own..].iter();
    let first = match begun {
        // Whole seconds: the version that was seen in that second or next.
        Some(begun) => versions.find(|v| v.at.time.as_second() >= begun.as_second()),
        None => versions.next(),
    };
    first.map(Version::mark)
}

fn sights(pod: &Object, since: Option<Timestamp>) -> Vec<Sight> {
    let mut out = Vec::new();
    let root = pod.root();
    if let Some(c) = condition(pod, "PodScheduled")
        && c.str_at(&["status"]) == Some("False")
    {
        let message = c.str_at(&["message"]).unwrap_or_default().to_owned();
        out.push(Sight {
            kind: FaultKind::Unschedulable,
            reason: "Unschedulable".into(),
            message,
            container: None,
        });
    }
    if root.str_at(&["status", "phase"]) == Some("Failed") {
        let reason = root.str_at(&["status", "reason"]).unwrap_or("Failed");
        let message = root.str_at(&["status", "message"]).unwrap_or_default().to_owned();
        let kind = match reason {
            "Evicted" => FaultKind::Evicted,
            "Preempting" | "Preempted" => FaultKind::Preempted,
            "NodeLost" | "NodeShutdown" | "Terminated" => FaultKind::NodeDown,
            _ => FaultKind::Crash,
        };
        out.push(Sight { kind, reason: reason.into(), message, container: None });
    }
    if let Some(c) = condition(pod, "DisruptionTarget")
        && c.str_at(&["status"]) == Some("True")
    {
        let reason = c.str_at(&["reason"]).unwrap_or_default();
        let kind = if reason.contains("Preempt") { FaultKind::Preempted } else { FaultKind::Evicted };
        let message = c.str_at(&["message"]).unwrap_or_default().to_owned();
        out.push(Sight { kind, reason: reason.into(), message, container: None });
    }
    statuses(pod).for_each(|c| container(c, since, &mut out));
    out
}

fn container(status: Node<'_>, since: Option<Timestamp>, out: &mut Vec<Sight>) {
    let name = status.str_at(&["name"]).map(str::to_owned);
    if let Some(w) = status.at(&["state", "waiting"]) {
        let reason = w.str_at(&["reason"]).unwrap_or_default();
        let message = w.str_at(&["message"]).unwrap_or_default();
        let kind = match reason {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable" => Some(FaultKind::ImagePull),
            "CreateContainerConfigError" => Some(FaultKind::ConfigMissing),
            "CreateContainerError" | "RunContainerError" | "PostStartHookError" | "PreStartHookError" => {
                Some(FaultKind::StartFailed)
            }
            "CrashLoopBackOff" if !is_oom(status) => Some(FaultKind::Crash),
            _ => None,
        };
        if let Some(kind) = kind {
            out.push(Sight { kind, reason: reason.into(), message: message.into(), container: name.clone() });
        }
    }
    for state in ["state", "lastState"] {
        let Some(t) = status.at(&[state, "terminated"]) else { continue };
        let code = t.get("exitCode").and_then(Node::as_i64).unwrap_or(0);
        let reason = t.str_at(&["reason"]).unwrap_or("Error");
        let ended: Option<Timestamp> = t.str_at(&["finishedAt"]).and_then(|t| t.parse().ok());
        // Times of containers are whole seconds. What ended long before belongs to another episode.
        let is_old = ended.zip(since).is_some_and(|(e, s)| e.as_second() + 5 < s.as_second());
        if is_old || (code == 0 && reason != "OOMKilled") {
            continue;
        }
        let kind = if reason == "OOMKilled" { FaultKind::OutOfMemory } else { FaultKind::Crash };
        let kind =
            if matches!(reason, "StartError" | "ContainerCannotRun") { FaultKind::StartFailed } else { kind };
        let text = t.str_at(&["message"]).unwrap_or_default();
        let message = if text.is_empty() { format!("exit code {code}") } else { text.to_owned() };
        out.push(Sight { kind, reason: reason.into(), message, container: name.clone() });
    }
}

fn is_oom(status: Node<'_>) -> bool {
    ["state", "lastState"].iter().any(|s| status.str_at(&[s, "terminated", "reason"]) == Some("OOMKilled"))
}

/// Takes what Events say about the pod since it was last healthy.
fn events(history: &History, key: &ResourceKey, since: Option<&Moment>, out: &mut Vec<Fault>) {
    for note in history.notes(key) {
        if since.is_some_and(|s| note.mark.is_before(s)) {
            continue;
        }
        let Some(kind) = kind_of(note) else {
            // A back-off says nothing of its own, but its text may.
            continue;
        };
        match out.iter_mut().find(|f| f.kind == kind) {
            Some(fault) => {
                add_text(&mut fault.message, &note.message);
                fault.containers.extend(note.container.clone());
                if note.mark.is_before(&fault.onset) {
                    fault.onset = note.mark.clone();
                    fault.evidence = note.id;
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
                containers: note.container.clone().into_iter().collect(),
            }),
        }
    }
}

fn kind_of(note: &KubernetesEvent) -> Option<FaultKind> {
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

fn node_is_down(history: &History, pod: &Object) -> bool {
    node_of(history, pod).is_some_and(|(_, node)| !node_ready(&node))
}

fn node_of(history: &History, pod: &Object) -> Option<(ResourceKey, std::sync::Arc<Object>)> {
    let name = pod.root().str_at(&["spec", "nodeName"])?;
    let key = ResourceKey::new("", "Node", "", name);
    Some((key.clone(), history.last(&key).cloned()?))
}

pub(crate) fn node_ready(node: &Object) -> bool {
    condition(node, "Ready").and_then(|c| c.str_at(&["status"])) == Some("True")
}

/// A pod on a node that does not report is not to be trusted, whatever its last status was.
fn node(history: &History, key: &ResourceKey, pod: &Object, episode: &[Version], out: &mut Vec<Fault>) {
    let Some((node_key, node)) = node_of(history, pod) else { return };
    let is_gone = history.now(&node_key).is_none();
    if (node_ready(&node) && !is_gone) || out.iter().any(|f| f.kind == FaultKind::NodeDown) {
        return;
    }
    let versions = history.versions(&node_key);
    let good = versions.iter().rposition(|v| v.object.as_ref().is_some_and(|o| node_ready(o)));
    let first = versions.get(good.map_or(0, |i| i + 1)).or(versions.last());
    let Some(first) = first else { return };
    // Shown by the pod where that says so itself, by the node otherwise.
    let shown = episode.iter().find(|v| first.is_before(&v.mark())).unwrap_or(first);
    let shown_by = if std::ptr::eq(shown, first) { node_key.clone() } else { key.clone() };
    out.push(Fault {
        kind: FaultKind::NodeDown,
        on: key.clone(),
        reason: "NodeNotReady".into(),
        message: format!("node {} is not ready", node_key.name),
        onset: shown.mark(),
        evidence: shown.id,
        shown_by: VersionRef { key: shown_by, version: shown.version.clone() },
        started: None,
        containers: BTreeSet::new(),
    });
}
