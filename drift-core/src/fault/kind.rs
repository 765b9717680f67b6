//! The kinds of faults.

use std::fmt;

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
    /// Returns the name that reports use, such as `image cannot be pulled`.
    pub fn as_str(self) -> &'static str {
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

    /// Returns `true` if the fault shows when a container starts.
    ///
    /// A container that started well clears what was changed before: a pod that was ready with a ConfigMap as it is now
    /// does not crash because of it.
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

    /// Returns `true` if the object's own status never shows the fault, so that health may call the object Healthy.
    ///
    /// | kind | what shows it |
    /// |---|---|
    /// | `NoEndpoints`, `PortMismatch` | the EndpointSlices of the Service |
    /// | `LivenessKill` | a Kubernetes Event of the kubelet: the status shows only that the container ended |
    /// | `NotDrained` | a Kubernetes Event about the eviction of a pod on the node |
    /// | `AtBound` | the load: a bound is where somebody set it |
    /// | `Gone` | that there is no object |
    pub fn needs_another_object(self) -> bool {
        matches!(
            self,
            Self::NoEndpoints
                | Self::PortMismatch
                | Self::LivenessKill
                | Self::NotDrained
                | Self::AtBound
                | Self::Gone
        )
    }

    /// Returns `true` if it is a state that somebody asked for, which answers why nothing runs and is no trouble.
    pub fn is_asked_for(self) -> bool {
        matches!(self, Self::ScaledDown | Self::NotScheduled | Self::RolloutHeld)
    }

    /// Returns `true` if something that the faulty resource talks to may be behind the fault, such as a database.
    pub fn may_come_from_elsewhere(self) -> bool {
        matches!(self, Self::Crash | Self::NotReady | Self::LivenessKill | Self::Unavailable)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
