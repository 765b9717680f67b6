//! Faults: what is wrong with a resource at a time, by its own status and by what Kubernetes Events say of it.

mod others;
mod pods;

use std::collections::BTreeSet;

use crate::event::EventId;
use crate::key::{ResourceKey, ResourceVersion};

use crate::history::{History, Moment};

pub(crate) use pods::{is_ready as is_pod_ready, node_ready as is_node_ready};

/// The kind of a fault: the words in which the table of effects is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// An image cannot be pulled.
    ImagePull,
    /// A container cannot be configured: a key or an object that it reads is not there.
    ConfigMissing,
    /// A volume cannot be mounted or attached.
    Mount,
    /// A container cannot be started: command, rights, sandbox.
    StartFailed,
    /// A container ends with an error.
    Crash,
    /// A container took more memory than it may.
    OutOfMemory,
    /// A running container is not ready.
    NotReady,
    /// A container is killed because its liveness probe fails.
    LivenessKill,
    /// No node takes the pod.
    Unschedulable,
    /// A quota refuses pods.
    OverQuota,
    /// A LimitRange refuses pods.
    LimitRange,
    /// Pod Security refuses pods.
    PodSecurity,
    /// A webhook refuses pods or does not answer.
    Webhook,
    /// The service account of the pods is not there.
    NoIdentity,
    /// Pods are refused for another reason.
    Refused,
    /// The node is not ready.
    NodeDown,
    /// The pod was evicted.
    Evicted,
    /// The pod made place for a more important one.
    Preempted,
    /// A claim is not bound.
    ClaimPending,
    /// A Service has no endpoints.
    NoEndpoints,
    /// Nothing listens where a Service sends to.
    PortMismatch,
    /// A route has no class, no backend or no certificate.
    BrokenRoute,
    /// An autoscaler has no metrics or no target.
    NoMetrics,
    /// An autoscaler wants more than its bound.
    AtBound,
    /// A job failed.
    JobFailed,
    /// A CronJob does not run.
    NotScheduled,
    /// Permissions are missing.
    Forbidden,
    /// A controller does not bring a resource where its specification says.
    Stuck,
    /// A GitOps engine cannot sync.
    SyncFailed,
    /// A certificate is not issued or expired.
    Certificate,
    /// Nothing runs because nothing is asked for.
    ScaledDown,
    /// A rollout does not move because it is paused.
    RolloutHeld,
    /// Pods of a node that is to be drained cannot be evicted.
    NotDrained,
    /// A deleted object does not go.
    Terminating,
    /// The resource is not there.
    Gone,
    /// Less is available than asked for, and nothing says why.
    Unavailable,
}

impl FaultKind {
    /// Names the fault as reports do.
    pub fn word(self) -> &'static str {
        match self {
            Self::ImagePull => "image cannot be pulled",
            Self::ConfigMissing => "configuration is missing",
            Self::Mount => "volume cannot be mounted",
            Self::StartFailed => "container cannot be started",
            Self::Crash => "container crashes",
            Self::OutOfMemory => "out of memory",
            Self::NotReady => "not ready",
            Self::LivenessKill => "liveness probe fails",
            Self::Unschedulable => "unschedulable",
            Self::OverQuota => "over quota",
            Self::LimitRange => "refused by a limit range",
            Self::PodSecurity => "refused by Pod Security",
            Self::Webhook => "refused by a webhook",
            Self::NoIdentity => "service account is missing",
            Self::Refused => "pods are refused",
            Self::NodeDown => "node is not ready",
            Self::Evicted => "evicted",
            Self::Preempted => "preempted",
            Self::ClaimPending => "claim is not bound",
            Self::NoEndpoints => "no endpoints",
            Self::PortMismatch => "nothing listens on the target port",
            Self::BrokenRoute => "route is broken",
            Self::NoMetrics => "no metrics",
            Self::AtBound => "held at a bound",
            Self::JobFailed => "job failed",
            Self::NotScheduled => "does not run on schedule",
            Self::Forbidden => "forbidden",
            Self::Stuck => "not reconciled",
            Self::SyncFailed => "sync failed",
            Self::Certificate => "certificate is not valid",
            Self::ScaledDown => "scaled to zero",
            Self::RolloutHeld => "rollout is paused",
            Self::NotDrained => "node is not drained",
            Self::Terminating => "does not terminate",
            Self::Gone => "is not there",
            Self::Unavailable => "unavailable",
        }
    }

    /// Tells whether a fault shows when a container starts, so that one that ran well clears what was changed before.
    pub fn shows_at_start(self) -> bool {
        matches!(
            self,
            Self::ImagePull
                | Self::ConfigMissing
                | Self::Mount
                | Self::StartFailed
                | Self::Crash
                | Self::NotReady
                | Self::LivenessKill
                | Self::OutOfMemory
                | Self::Unschedulable
                | Self::Refused
                | Self::Webhook
                | Self::PodSecurity
                | Self::LimitRange
                | Self::NoIdentity
        )
    }

    /// Tells whether something that it talks to may be behind the fault.
    pub fn may_come_from_elsewhere(self) -> bool {
        matches!(self, Self::Crash | Self::NotReady | Self::LivenessKill | Self::Unavailable)
    }
}

/// Something wrong with a resource.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// With which resource.
    pub on: ResourceKey,
    /// Reason as the cluster gives it, such as `ImagePullBackOff`.
    pub reason: String,
    /// Texts of the cluster about it: messages of states, conditions and Events.
    pub message: String,
    /// Since when; computed, whenever it was asked.
    pub onset: Moment,
    /// The event that shows it first.
    pub evidence: EventId,
    /// The record that shows it: resource and version.
    pub shown_by: (ResourceKey, Option<ResourceVersion>),
    /// When what fails was started, if it is a container: what was changed later did not reach it.
    pub started: Option<Moment>,
    /// Containers that show it, if it is a pod's and known.
    pub containers: BTreeSet<String>,
}

/// Returns the faults of one resource at the end of the history.
pub fn faults_of(history: &History, key: &ResourceKey) -> Vec<Fault> {
    let mut out = match (&*key.group, &*key.kind) {
        ("", "Pod") => pods::faults(history, key),
        _ => others::faults(history, key),
    };
    out.sort_by_key(|f| (f.onset.at, f.kind));
    out
}

/// Reads the kind of a refusal to make pods out of its text.
pub(crate) fn refusal(message: &str) -> FaultKind {
    let has = |t: &str| message.contains(t);
    if has("exceeded quota") || has("failed quota") || has("status unknown for quota") {
        FaultKind::OverQuota
    } else if has("violates PodSecurity") {
        FaultKind::PodSecurity
    } else if has("webhook") || has("denied the request") {
        FaultKind::Webhook
    } else if has("serviceaccount") && has("not found") {
        FaultKind::NoIdentity
    } else if [
        "usage per",
        "limit to request ratio",
        "must specify",
        "minimum cpu",
        "maximum cpu",
        "minimum memory",
        "maximum memory",
    ]
    .iter()
    .any(|t| has(t))
    {
        FaultKind::LimitRange
    } else {
        FaultKind::Refused
    }
}
