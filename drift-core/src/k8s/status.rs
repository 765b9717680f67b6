//! What pods and nodes report about themselves: readiness, and how containers wait, run and end.
//!
//! After `staging/src/k8s.io/api/core/v1/types.go` (`PodStatus`, `ContainerStatus`, `NodeStatus`); the reasons for which
//! a container waits are errors of the kubelet, in `pkg/kubelet/images/types.go` and
//! `pkg/kubelet/kuberuntime/kuberuntime_container.go`.

use jiff::{SignedDuration, Timestamp};

use super::conditions::whole_number;
use crate::object::Node;

/// How long a container must run before the kubelet forgets its crashes and starts the next one without a back-off.
///
/// Twice the longest back-off (`MaxContainerBackOff`, five minutes), as `pkg/kubelet/kubelet.go` has it.
pub const CRASH_BACK_OFF_RESET: SignedDuration = SignedDuration::from_mins(10);

/// Returns the first entry of `status.conditions` of a type, as it is written.
///
/// [`Conditions`](super::conditions::Conditions) reads all of them leniently; this is for kinds of Kubernetes, which
/// write each type once and its status as `True`, `False` or `Unknown`.
pub fn condition<'a>(object: Node<'a>, name: &str) -> Option<Node<'a>> {
    let conditions = object.at(&["status", "conditions"]).into_iter().flat_map(Node::children);
    conditions.into_iter().find(|c| c.str_at(&["type"]) == Some(name))
}

/// Returns the status of a condition of a type: `True`, `False` or `Unknown`; `None` if it is not there.
pub fn condition_status<'a>(object: Node<'a>, name: &str) -> Option<&'a str> {
    condition(object, name).and_then(|c| c.str_at(&["status"]))
}

/// Returns `true` if a condition of a type is there with a status.
pub fn has_condition(object: Node<'_>, name: &str, status: &str) -> bool {
    condition_status(object, name) == Some(status)
}

/// Returns `true` if a pod takes traffic, or ran to an end and succeeded.
pub fn is_pod_ready(pod: Node<'_>) -> bool {
    pod.str_at(&["status", "phase"]) == Some("Succeeded") || has_condition(pod, "Ready", "True")
}

/// Returns `true` if the kubelet of a node reports, and reports that it is ready.
///
/// The node controller sets the status to `Unknown` when the kubelet is silent for longer than its grace period.
pub fn is_node_ready(node: Node<'_>) -> bool {
    node_readiness(node) == "True"
}

/// Returns the status of a node's `Ready` condition: `True`, `False` or `Unknown`, which a node without one has too.
pub fn node_readiness(node: Node<'_>) -> &str {
    condition_status(node, "Ready").unwrap_or("Unknown")
}

/// Returns `true` if the scheduler puts no ordinary pod onto a node: it is cordoned, or a taint keeps pods off.
pub fn is_node_closed(node: Node<'_>) -> bool {
    let taints = node.at(&["spec", "taints"]).into_iter().flat_map(Node::children);
    let mut effects = taints.filter_map(|t| t.str_at(&["effect"]));
    node.at(&["spec", "unschedulable"]).and_then(Node::as_bool) == Some(true)
        || effects.any(|e| matches!(e, "NoSchedule" | "NoExecute"))
}

/// Returns the statuses of a pod's containers, init containers first.
pub fn container_statuses(pod: Node<'_>) -> impl Iterator<Item = ContainerStatus<'_>> {
    ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .filter_map(move |list| pod.at(&["status", list]))
        .flat_map(Node::children)
        .map(ContainerStatus)
}

/// Returns the container of a ready pod that keeps crashing: restarted more than once, the last time after an error and
/// less than [`CRASH_BACK_OFF_RESET`] ago.
///
/// Such a pod is ready for a moment between two crashes. Where the kubelet does not write when the container ended, the
/// crash counts as old.
pub fn crashing_container(pod: Node<'_>, now: Timestamp) -> Option<ContainerStatus<'_>> {
    container_statuses(pod).find(|c| {
        let is_recent = |t: &Termination<'_>| {
            t.finished.is_some_and(|end| now.duration_since(end) < CRASH_BACK_OFF_RESET)
        };
        c.restarts() > 1 && c.last_termination().is_some_and(|t| t.exit_code != 0 && is_recent(&t))
    })
}

/// One entry of `status.containerStatuses` or `status.initContainerStatuses`.
#[derive(Clone, Copy, Debug)]
pub struct ContainerStatus<'a>(Node<'a>);

impl<'a> ContainerStatus<'a> {
    /// Returns the name of the container; empty where there is none.
    pub fn name(self) -> &'a str {
        self.0.str_at(&["name"]).unwrap_or_default()
    }

    /// Returns `true` if it runs.
    pub fn is_running(self) -> bool {
        self.0.at(&["state", "running"]).is_some()
    }

    /// Returns `true` if the kubelet writes that it is not ready; without a word of that, `false`.
    pub fn is_unready(self) -> bool {
        self.0.get("ready").and_then(Node::as_bool) == Some(false)
    }

    /// Returns `true` if it has run, now or before.
    pub fn has_started(self) -> bool {
        self.is_running() || self.termination().is_some() || self.last_termination().is_some()
    }

    /// Returns how often it was started again.
    pub fn restarts(self) -> i64 {
        self.0.get("restartCount").and_then(whole_number).unwrap_or(0)
    }

    /// Returns why it waits, if it does: `state.waiting`.
    pub fn waiting(self) -> Option<Waiting<'a>> {
        let waiting = self.0.at(&["state", "waiting"])?;
        let text = |field| waiting.str_at(&[field]).unwrap_or_default();
        Some(Waiting { reason: text("reason"), message: text("message") })
    }

    /// Returns how it ended, if it does not run: `state.terminated`.
    pub fn termination(self) -> Option<Termination<'a>> {
        self.0.at(&["state", "terminated"]).map(Termination::of)
    }

    /// Returns how its run before this one ended: `lastState.terminated`.
    pub fn last_termination(self) -> Option<Termination<'a>> {
        self.0.at(&["lastState", "terminated"]).map(Termination::of)
    }

    /// Returns how this run and the one before it ended, as far as they did.
    pub fn terminations(self) -> impl Iterator<Item = Termination<'a>> {
        self.termination().into_iter().chain(self.last_termination())
    }
}

/// Why a container waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting<'a> {
    /// Reason, such as `ImagePullBackOff`; empty where there is none.
    pub reason: &'a str,
    /// Text of the kubelet or the container runtime; empty where there is none.
    pub message: &'a str,
}

/// What went wrong with a container that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingFailure {
    /// Its image cannot be pulled or read: `ErrImagePull`, `ImagePullBackOff`, `InvalidImageName`.
    Image,
    /// It cannot be configured, since a key or an object is not there: `CreateContainerConfigError`.
    Config,
    /// The runtime cannot create it: `CreateContainerError`.
    Create,
    /// The runtime cannot start it, or a hook failed: `RunContainerError`, `PostStartHookError`.
    Start,
    /// It ended, and is started again after a while: `CrashLoopBackOff`.
    BackOff,
}

impl Waiting<'_> {
    /// Returns what went wrong; `None` for what every container waits for, such as `ContainerCreating`.
    ///
    /// ```text
    /// ErrImageNeverPull          → Image
    /// CreateContainerConfigError → Config
    /// CrashLoopBackOff           → BackOff
    /// PodInitializing            → None
    /// ```
    pub fn failure(&self) -> Option<WaitingFailure> {
        let reason = self.reason;
        let is_of_image = matches!(reason, "InvalidImageName" | "ImageInspectError" | "RegistryUnavailable");
        let is_error = reason.starts_with("Err") || reason.ends_with("Error");
        let is_back_off = reason.ends_with("BackOff");
        if is_of_image || ((is_error || is_back_off) && reason.contains("Image")) {
            Some(WaitingFailure::Image)
        } else if reason.ends_with("ConfigError") {
            Some(WaitingFailure::Config)
        } else if reason == "CreateContainerError" {
            Some(WaitingFailure::Create)
        } else if is_error {
            Some(WaitingFailure::Start)
        } else {
            is_back_off.then_some(WaitingFailure::BackOff)
        }
    }
}

/// How a run of a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termination<'a> {
    /// Exit code; 0 where there is none.
    pub exit_code: i64,
    /// Reason, such as `OOMKilled` or `Completed`; `Error` where there is none.
    pub reason: &'a str,
    /// End of its log or of its termination message; empty where there is none.
    pub message: &'a str,
    /// When the run began, in whole seconds.
    pub started: Option<Timestamp>,
    /// When it ended, in whole seconds.
    pub finished: Option<Timestamp>,
}

impl<'a> Termination<'a> {
    fn of(node: Node<'a>) -> Self {
        let time = |field| node.str_at(&[field])?.parse().ok();
        Self {
            exit_code: node.get("exitCode").and_then(whole_number).unwrap_or(0),
            reason: node.str_at(&["reason"]).unwrap_or("Error"),
            message: node.str_at(&["message"]).unwrap_or_default(),
            started: time("startedAt"),
            finished: time("finishedAt"),
        }
    }

    /// Returns `true` if it took more memory than its limit.
    pub fn is_out_of_memory(&self) -> bool {
        self.reason == "OOMKilled"
    }

    /// Returns `true` if the run ended with an error. A child that was killed for memory leaves an exit code of 0.
    pub fn is_failure(&self) -> bool {
        self.exit_code != 0 || self.is_out_of_memory()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::object::Doc;

    #[test]
    fn reasons_for_waiting_name_what_failed() {
        use WaitingFailure::{BackOff, Config, Create, Image, Start};
        let rows = [
            ("ContainerCreating", None),
            ("PodInitializing", None),
            ("", None),
            ("ErrImagePull", Some(Image)),
            ("ImagePullBackOff", Some(Image)),
            ("InvalidImageName", Some(Image)),
            ("ErrImageNeverPull", Some(Image)),
            ("ImageInspectError", Some(Image)),
            ("RegistryUnavailable", Some(Image)),
            ("CreateContainerConfigError", Some(Config)),
            ("CreateContainerError", Some(Create)),
            ("RunContainerError", Some(Start)),
            ("PostStartHookError", Some(Start)),
            ("CrashLoopBackOff", Some(BackOff)),
        ];
        for (reason, failure) in rows {
            assert_eq!(Waiting { reason, message: "" }.failure(), failure, "{reason}");
        }
    }

    fn is_crashing(status: Value) -> bool {
        let doc = Doc::from_value(&json!({"status": {"containerStatuses": [status]}})).unwrap();
        crashing_container(doc.root(), "2030-01-01T10:00:00Z".parse().unwrap()).is_some()
    }

    #[test]
    fn a_crash_counts_until_the_back_off_is_forgotten() {
        let ended = |restarts: i64, code: i64, finished: &str| {
            json!({"restartCount": restarts, "state": {"running": {}},
                "lastState": {"terminated": {"exitCode": code, "finishedAt": finished}}})
        };
        assert!(is_crashing(ended(2, 1, "2030-01-01T09:51:00Z")));
        assert!(
            !is_crashing(ended(2, 1, "2030-01-01T09:50:00Z")),
            "it ran for as long as the back-off lasts"
        );
        assert!(!is_crashing(ended(1, 1, "2030-01-01T09:59:00Z")), "once is not a habit");
        assert!(!is_crashing(ended(2, 0, "2030-01-01T09:59:00Z")), "it ended well");
        assert!(!is_crashing(json!({"restartCount": 2, "lastState": {"terminated": {"exitCode": 1}}})));
    }

    #[test]
    fn a_node_is_closed_by_a_cordon_or_a_taint() {
        let is_closed = |spec: Value| is_node_closed(Doc::from_value(&json!({"spec": spec})).unwrap().root());
        assert!(is_closed(json!({"unschedulable": true})));
        assert!(is_closed(json!({"taints": [{"key": "a", "effect": "NoExecute"}]})));
        assert!(!is_closed(json!({"taints": [{"key": "a", "effect": "PreferNoSchedule"}]})));
        assert!(!is_closed(json!({})));
    }
}
