//! Complaints: what an object says is wrong with it, in its own words.
//!
//! [`crate::fault`] decides what kind of trouble an object has. Here only the words count, of any kind of object: conditions
//! that are not as they should be at any depth of the status, containers that wait or ended badly, phases and messages of
//! trouble. Which words mean trouble is for `health::words` to say.

use std::sync::Arc;

use crate::health::HealthStatus::{self, Degraded, Missing, Progressing};
use crate::health::words::{Polarity, hint, meaning, polarity};
use crate::history::Moment;
use crate::k8s::conditions::{Condition, Conditions, Truth};
use crate::object::{Kind, Node, Object};

/// Most complaints of one version that are taken.
const MAX_COMPLAINTS: usize = 64;
/// How much of a message is kept.
const MAX_MESSAGE: usize = 4000;
/// Deepest part of a status that is looked at.
const MAX_DEPTH: usize = 12;

/// One thing that an object, or a Kubernetes Event about it, says is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Complaint {
    /// Who says so.
    pub(super) source: ComplaintSource,
    /// A word of the controller's, such as `Ready: CrashLoopBackOff`.
    pub(super) code: Arc<str>,
    /// The text for people; may be empty.
    pub(super) message: Arc<str>,
}

/// Who says that something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ComplaintSource {
    /// A condition or another word of its status.
    Status,
    /// A container that waits.
    Waiting,
    /// A container that ended.
    Ended,
    /// A Kubernetes Event of type `Warning`.
    Event,
}

/// A complaint and when it was first made.
#[derive(Clone, Debug)]
pub(super) struct SaidComplaint {
    pub(super) complaint: Complaint,
    pub(super) mark: Moment,
    /// The component that reported a Kubernetes Event.
    pub(super) component: Option<Arc<str>>,
    /// Whether it was made before the log began.
    pub(super) is_old: bool,
}

impl Complaint {
    pub(super) fn new(source: ComplaintSource, code: &str, message: &str) -> Self {
        let message = super::words::beginning(without_boilerplate(message), MAX_MESSAGE);
        Self { source, code: code.into(), message: message.into() }
    }

    /// Returns `true` if it only says that something is not there yet, and counts where nothing else is said.
    pub(super) fn is_weak(&self) -> bool {
        const WAITS: [&str; 6] = [
            "Pending",
            "ContainersNotReady",
            "PodNotReady",
            "Progressing",
            "ReplicaSetUpdated",
            "MinimumReplicasUnavailable",
        ];
        WAITS.iter().any(|w| self.code.contains(w))
    }

    /// Returns `true` if it only says that others restart or are not ready.
    pub(super) fn is_generic(&self) -> bool {
        let text = &self.message;
        text.contains("containers with unready status")
            || text.contains("does not have minimum availability")
            || (text.to_ascii_lowercase().starts_with("back-off") && text.contains("restarting"))
    }
}

/// Takes off what every message of the scheduler ends with: that preemption would not help either.
fn without_boilerplate(message: &str) -> &str {
    if !message.contains("nodes are available: ") {
        return message;
    }
    let ends =
        [" preemption: ", " no new claims to deallocate"].into_iter().filter_map(|end| message.find(end));
    &message[..ends.min().unwrap_or(message.len())]
}

/// Returns what an object says is wrong with it, sorted.
pub(super) fn complaints_of(object: &Object) -> Vec<Complaint> {
    let mut out = Vec::new();
    if let Some(status) = object.root().get("status").filter(|s| s.kind() == Kind::Map) {
        add_containers(status, &mut out);
        add_status(status, 0, &mut out);
    }
    out.sort();
    out.dedup();
    out.truncate(MAX_COMPLAINTS);
    out
}

fn add_containers(status: Node<'_>, out: &mut Vec<Complaint>) {
    for list in ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] {
        for container in status.get(list).into_iter().flat_map(Node::children) {
            let waiting = container.at(&["state", "waiting"]);
            let reason = waiting.and_then(|w| w.str_at(&["reason"])).unwrap_or_default();
            if !matches!(reason, "" | "ContainerCreating" | "PodInitializing") {
                let message = waiting.and_then(|w| w.str_at(&["message"])).unwrap_or_default();
                out.push(Complaint::new(ComplaintSource::Waiting, reason, message));
            }
            for state in ["state", "lastState"] {
                let Some(ended) = container.at(&[state, "terminated"]) else { continue };
                if ended.get("exitCode").and_then(Node::as_i64).unwrap_or(0) != 0 {
                    let reason = ended.str_at(&["reason"]).unwrap_or_default();
                    let message = ended.str_at(&["message"]).unwrap_or_default();
                    out.push(Complaint::new(ComplaintSource::Ended, reason, message));
                }
            }
        }
    }
}

fn add_status(node: Node<'_>, depth: usize, out: &mut Vec<Complaint>) {
    if depth > MAX_DEPTH || out.len() > 4 * MAX_COMPLAINTS {
        return;
    }
    if node.kind() == Kind::List {
        node.children().for_each(|n| add_status(n, depth + 1, out));
        return;
    }
    let is_state = |key: &str| {
        matches!(key, "phase" | "status" | "state" | "health" | "result" | "hookPhase" | "reason")
    };
    let state_is_bad = node.children().any(|n| {
        is_state(n.key()) && n.as_str().is_some_and(|t| matches!(meaning(t), Some(Degraded | Missing)))
    });
    for child in node.children() {
        match (child.key(), child.kind()) {
            ("conditions", Kind::List) => {
                let conditions = Conditions::of(Some(child));
                out.extend(conditions.iter().filter(|c| is_bad(c)).map(|c| {
                    Complaint::new(ComplaintSource::Status, &format!("{}:{}", c.name, c.reason), c.message)
                }));
            }
            ("containerStatuses" | "initContainerStatuses" | "ephemeralContainerStatuses", _) => {}
            (key, Kind::List) if key.ends_with("rrors") || key.ends_with("ailures") => {
                let texts = child.children().filter_map(Node::as_str).filter(|t| !t.is_empty());
                out.extend(texts.map(|t| Complaint::new(ComplaintSource::Status, key, t)));
                add_status(child, depth + 1, out);
            }
            (_, Kind::List | Kind::Map) => add_status(child, depth + 1, out),
            (key @ ("phase" | "status" | "state" | "health"), Kind::Str) => {
                let text = child.as_str().unwrap_or_default();
                let is_bad = matches!(meaning(text), Some(Degraded | Missing))
                    || matches!(text, "Pending" | "Released" | "Lost");
                if is_bad && text.len() < 100 {
                    out.push(Complaint::new(ComplaintSource::Status, &format!("{key}:{text}"), text));
                }
            }
            (
                key @ ("message" | "error" | "reason" | "failureMessage" | "lastError" | "errorMessage"),
                Kind::Str,
            ) => {
                let text = child.as_str().unwrap_or_default();
                if !text.is_empty() && (state_is_bad || is_trouble(text)) {
                    out.push(Complaint::new(ComplaintSource::Status, key, text));
                }
            }
            _ => {}
        }
    }
}

fn is_trouble(text: &str) -> bool {
    let said = if text.contains(' ') { hint(text) } else { meaning(text) };
    matches!(said, Some(Degraded | Missing))
}

/// Returns `true` if a condition is not as it should be.
fn is_bad(condition: &Condition<'_>) -> bool {
    let hints = |c: &Condition<'_>| -> Option<HealthStatus> { meaning(c.reason).or_else(|| hint(c.message)) };
    match polarity(condition.name) {
        Polarity::Trouble | Polarity::PartTrouble => condition.is_true(),
        Polarity::Whole | Polarity::Part | Polarity::Weak => match condition.truth {
            Truth::True => false,
            Truth::False => true,
            Truth::Unknown => hints(condition) != Some(Progressing),
        },
        Polarity::Activity => condition.is_false() && hints(condition) == Some(Degraded),
        Polarity::Halt => false,
        Polarity::Neutral => {
            condition.is_false() && (condition.message.is_empty() || hints(condition) == Some(Degraded))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: &str) -> Vec<(String, String)> {
        let json = format!(
            r#"{{"apiVersion":"lab.example/v1","kind":"Kiln","metadata":{{"name":"a"}},"status":{status}}}"#
        );
        let all = complaints_of(&Object::from_json(json.as_bytes()).unwrap());
        all.into_iter().map(|c| (c.code.to_string(), c.message.to_string())).collect()
    }

    #[test]
    fn conditions_at_any_depth() {
        let all = said(
            r#"{"conditions":[{"type":"Ready","status":"True","reason":"Up","message":"fine"},{"type":"Stalled","status":"True","reason":"BadSpec","message":"no such field"}],
                "parents":[{"conditions":[{"type":"ResolvedRefs","status":"False","reason":"BackendNotFound","message":"service web not found"}]}]}"#,
        );
        let codes: Vec<_> = all.iter().map(|(c, _)| c.as_str()).collect();
        assert_eq!(codes, ["ResolvedRefs:BackendNotFound", "Stalled:BadSpec"]);
    }

    #[test]
    fn containers_that_wait_or_ended() {
        let all = said(
            r#"{"phase":"Running","containerStatuses":[{"name":"a","state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 10s"}},
                "lastState":{"terminated":{"exitCode":1,"reason":"Error","message":"cannot open /etc/a"}}},
                {"name":"b","state":{"waiting":{"reason":"ContainerCreating"}}},{"name":"c","state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]}"#,
        );
        assert_eq!(
            all,
            [
                ("CrashLoopBackOff".into(), "back-off 10s".into()),
                ("Error".into(), "cannot open /etc/a".into())
            ]
        );
    }

    #[test]
    fn words_of_state() {
        assert_eq!(said(r#"{"health":{"status":"Degraded","message":"3 of 4"}}"#).len(), 2);
        assert_eq!(said(r#"{"phase":"Running","message":"serving"}"#), []);
        assert_eq!(
            said(r#"{"lastError":"connection refused by db"}"#),
            [("lastError".into(), "connection refused by db".into())]
        );
    }
}
