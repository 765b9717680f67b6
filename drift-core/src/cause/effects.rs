//! The table of effects: which change leads to which fault, and how soon.
//!
//! Nothing here is learned from data: the effects are those that the API machinery, the scheduler and the kubelet are
//! known to have, and the numbers say how directly a change of that kind leads to that fault.

use super::change_kind::ChangeKind::{self, *};
use super::role::CandidateRole::{
    self, AdmissionWebhook, Competitor, Controller, Dependency, Node as OnNode, Peer, PeerBackend, Policy,
    SelfOrOwner,
};
use crate::fault::FaultKind::{self, *};

/// A row of the table: in these roles, changes of these kinds lead to these faults.
struct Effect {
    faults: &'static [FaultKind],
    roles: &'static [CandidateRole],
    /// Kinds of changes, each with how well it fits: 1 where it is known to have just that effect.
    changes: &'static [(ChangeKind, f64)],
}

const fn row(
    faults: &'static [FaultKind],
    roles: &'static [CandidateRole],
    changes: &'static [(ChangeKind, f64)],
) -> Effect {
    Effect { faults, roles, changes }
}

/// Which change leads to which fault.
///
/// For example the first row: if an image cannot be pulled, a change of the image in the faulty pod or its workload fits best
/// (1.0); one of its scheduling may have moved it to a node without the image (0.2).
#[rustfmt::skip]
const EFFECTS: &[Effect] = &[
    row(&[ImagePull], &[SelfOrOwner], &[(Image, 1.0), (Containers, 0.85), (InitContainers, 0.85), (Pull, 0.8), (OtherTemplate, 0.7), (PodIdentity, 0.4), (Placement, 0.2)]),
    row(&[ImagePull], &[Dependency], &[(SecretData, 0.85), (Identity, 0.6)]),
    row(&[ConfigMissing], &[SelfOrOwner], &[(Security, 0.9), (Env, 0.9), (Volumes, 0.7), (Containers, 0.8), (InitContainers, 0.8), (OtherTemplate, 0.7)]),
    row(&[ConfigMissing], &[Dependency], &[(ConfigData, 1.0), (SecretData, 1.0), (Custom, 0.6), (CertificateSpec, 0.6)]),
    row(&[Mount], &[SelfOrOwner], &[(Volumes, 0.95), (OtherTemplate, 0.7), (Replicas, 0.85), (Rollout, 0.85), (Placement, 0.3), (Containers, 0.5), (Claim, 0.8)]),
    row(&[Mount], &[Dependency], &[(ConfigData, 0.95), (SecretData, 0.95), (Claim, 0.95), (Volume, 0.85), (StorageClass, 0.6), (Custom, 0.5), (CertificateSpec, 0.6)]),
    row(&[Mount, StartFailed], &[OnNode], &[(NodeStatus, 0.4)]),
    row(&[StartFailed], &[SelfOrOwner], &[(Command, 1.0), (Security, 0.9), (Image, 0.7), (Volumes, 0.6), (PodClass, 0.8), (ContainerPorts, 0.6), (Containers, 0.7), (InitContainers, 0.7), (OtherTemplate, 0.7), (Limits, 0.4), (Env, 0.3)]),
    row(&[StartFailed], &[Dependency], &[(Other, 0.5), (ConfigData, 0.4), (SecretData, 0.4)]),
    row(&[Crash, JobFailed], &[SelfOrOwner], &[(Command, 0.95), (Env, 0.95), (Image, 0.9), (Security, 0.8), (Volumes, 0.7), (Containers, 0.75), (InitContainers, 0.85), (OtherTemplate, 0.75), (PodIdentity, 0.6), (PodDns, 0.65), (ContainerPorts, 0.6), (LivenessProbe, 0.4), (Limits, 0.4), (PodClass, 0.3), (Schedule, 0.4)]),
    row(&[Crash, JobFailed], &[Dependency], &[(ConfigData, 0.95), (SecretData, 0.95), (Claim, 0.4), (Identity, 0.5), (Custom, 0.5), (CertificateSpec, 0.6)]),
    row(&[Crash, JobFailed], &[Peer], &[(ServicePorts, 0.85), (ServiceSelector, 0.85), (ServiceTraffic, 0.5)]),
    row(&[Crash, JobFailed, NotReady, LivenessKill], &[PeerBackend], &[(Image, 0.5), (Env, 0.5), (Command, 0.5), (ConfigData, 0.55), (SecretData, 0.55), (ScaledToZero, 0.9), (NetworkPolicy, 0.85), (MeshPolicy, 0.75), (PodLabels, 0.8), (ContainerPorts, 0.7), (Security, 0.4), (OtherTemplate, 0.6)]),
    row(&[Crash, JobFailed, NotReady, LivenessKill], &[Policy], &[(NetworkPolicy, 0.85), (MeshPolicy, 0.75), (RoleRules, 0.6), (Binding, 0.6), (WebhookConfig, 0.3), (NamespaceLabels, 0.4), (AdmissionPolicy, 0.3), (ConfigData, 0.75), (ScaledToZero, 0.8)]),
    // Labels of its own decide which policies let its traffic through.
    row(&[Crash, NotReady, LivenessKill], &[SelfOrOwner], &[(PodLabels, 0.85)]),
    // An operator waits for, and dies without, the kinds that it was built for.
    row(&[Crash, JobFailed, NotReady, LivenessKill, Forbidden], &[Dependency], &[(Definition, 0.95)]),
    // A container that no template has was put in by a webhook when the pod was made.
    row(&[Crash, OutOfMemory, ImagePull, ConfigMissing, StartFailed, Mount, NotReady, LivenessKill, Unschedulable], &[AdmissionWebhook], &[(WebhookConfig, 0.95), (AdmissionPolicy, 0.95), (Image, 0.7), (Env, 0.6), (Command, 0.6), (OtherTemplate, 0.6), (ConfigData, 0.7), (SecretData, 0.4)]),
    row(&[OutOfMemory], &[SelfOrOwner], &[(Limits, 1.0), (Image, 0.6), (Env, 0.55), (Command, 0.55), (Containers, 0.5), (OtherTemplate, 0.75), (Requests, 0.3)]),
    row(&[OutOfMemory], &[Dependency], &[(ConfigData, 0.6), (SecretData, 0.35)]),
    row(&[OutOfMemory], &[Policy], &[(LimitRangeSpec, 0.85), (Autoscaler, 0.7)]),
    row(&[NotReady], &[SelfOrOwner], &[(ReadinessProbe, 1.0), (ContainerPorts, 0.75), (Env, 0.8), (Command, 0.8), (Image, 0.75), (LivenessProbe, 0.3), (PodDns, 0.65), (Limits, 0.5), (Security, 0.5), (Volumes, 0.5), (Containers, 0.6), (InitContainers, 0.6), (OtherTemplate, 0.75), (PodIdentity, 0.5)]),
    row(&[NotReady], &[Dependency], &[(ConfigData, 0.85), (SecretData, 0.85), (Identity, 0.5), (Claim, 0.3), (CertificateSpec, 0.6), (Custom, 0.5)]),
    row(&[NotReady, LivenessKill, Unavailable], &[Peer], &[(ServicePorts, 0.95), (ServiceSelector, 0.95), (ServiceTraffic, 0.6)]),
    row(&[LivenessKill], &[SelfOrOwner], &[(LivenessProbe, 1.0), (Image, 0.7), (Command, 0.65), (Env, 0.65), (Limits, 0.5), (ContainerPorts, 0.6), (OtherTemplate, 0.7)]),
    row(&[LivenessKill], &[Dependency], &[(ConfigData, 0.65), (SecretData, 0.6)]),
    row(&[Unschedulable], &[SelfOrOwner], &[(Requests, 1.0), (Placement, 1.0), (Volumes, 0.7), (ContainerPorts, 0.75), (Limits, 0.6), (PodClass, 0.5), (Replicas, 0.8), (OtherTemplate, 0.8), (Containers, 0.6), (Claim, 0.8)]),
    row(&[Unschedulable], &[OnNode], &[(NodeCordon, 0.9), (NodeTaint, 0.95), (NodeLabels, 0.9), (NodeStatus, 0.75)]),
    row(&[Unschedulable, ClaimPending], &[Dependency], &[(Claim, 0.9), (StorageClass, 0.95), (Volume, 0.9)]),
    row(&[Unschedulable], &[Policy], &[(LimitRangeSpec, 0.6), (Autoscaler, 0.5), (WebhookConfig, 0.3)]),
    row(&[Unschedulable], &[Competitor], &[(Requests, 0.75), (Replicas, 0.7), (OtherTemplate, 0.7)]),
    row(&[OverQuota], &[Policy], &[(Quota, 1.0), (LimitRangeSpec, 0.4), (Autoscaler, 0.4)]),
    row(&[OverQuota], &[SelfOrOwner], &[(Requests, 0.85), (Limits, 0.8), (Replicas, 0.5), (OtherTemplate, 0.6), (Containers, 0.5), (PodClass, 0.4)]),
    row(&[OverQuota], &[Competitor], &[(Replicas, 0.6), (Requests, 0.5), (OtherTemplate, 0.55)]),
    row(&[FaultKind::LimitRange], &[Policy], &[(LimitRangeSpec, 1.0)]),
    row(&[FaultKind::LimitRange], &[SelfOrOwner], &[(Requests, 0.9), (Limits, 0.9), (Containers, 0.5), (OtherTemplate, 0.6)]),
    row(&[PodSecurity], &[Policy], &[(NamespaceAdmission, 1.0), (AdmissionPolicy, 0.3)]),
    row(&[PodSecurity], &[SelfOrOwner], &[(Security, 0.9), (Volumes, 0.6), (ContainerPorts, 0.7), (Containers, 0.5), (OtherTemplate, 0.7)]),
    row(&[FaultKind::Webhook, Refused], &[Policy], &[(WebhookConfig, 1.0), (AdmissionPolicy, 0.95), (ServicePorts, 0.85), (ServiceSelector, 0.9), (ScaledToZero, 0.9), (OtherTemplate, 0.7), (Image, 0.6), (SecretData, 0.5), (Custom, 0.7), (NetworkPolicy, 0.6), (PriorityClass, 0.9), (Command, 0.5), (PodLabels, 0.6), (ContainerPorts, 0.5), (Env, 0.4)]),
    row(&[FaultKind::Webhook, Refused], &[SelfOrOwner], &[(PodClass, 0.9), (Security, 0.5), (PodLabels, 0.45), (Image, 0.45), (Containers, 0.4), (Env, 0.35), (OtherTemplate, 0.55), (Limits, 0.4), (Requests, 0.4), (Volumes, 0.4)]),
    row(&[Refused], &[Dependency], &[(PriorityClass, 0.95), (Other, 0.8)]),
    row(&[NoIdentity], &[SelfOrOwner], &[(PodIdentity, 1.0), (OtherTemplate, 0.7)]),
    row(&[NoIdentity], &[Dependency, Policy], &[(Identity, 1.0)]),
    row(&[NodeDown], &[OnNode, SelfOrOwner], &[(NodeStatus, 1.0), (NodeTaint, 0.3)]),
    row(&[Evicted], &[OnNode], &[(NodeTaint, 0.95), (NodeStatus, 0.8), (NodeCordon, 0.5)]),
    row(&[Evicted], &[SelfOrOwner], &[(Requests, 0.4), (Limits, 0.4), (Placement, 0.4), (Image, 0.3)]),
    row(&[Preempted], &[Competitor], &[(PodClass, 0.95), (OtherTemplate, 0.9), (Replicas, 0.8), (Requests, 0.8)]),
    row(&[Preempted], &[Dependency, Policy], &[(PriorityClass, 0.9)]),
    row(&[Preempted], &[SelfOrOwner], &[(PodClass, 0.9)]),
    row(&[ClaimPending], &[SelfOrOwner], &[(Claim, 0.95), (OtherTemplate, 0.6)]),
    row(&[NoEndpoints], &[SelfOrOwner], &[(ServiceSelector, 1.0), (ServicePorts, 0.3)]),
    row(&[NoEndpoints], &[PeerBackend], &[(PodLabels, 1.0), (ScaledToZero, 1.0), (OtherTemplate, 0.95), (Rollout, 0.9), (WorkloadSelector, 0.8), (Autoscaler, 0.5)]),
    row(&[PortMismatch], &[SelfOrOwner], &[(ServicePorts, 1.0)]),
    row(&[PortMismatch, NoEndpoints], &[PeerBackend], &[(ContainerPorts, 0.9)]),
    row(&[BrokenRoute], &[SelfOrOwner], &[(ChangeKind::Ingress, 0.95), (Metadata, 0.35)]),
    row(&[BrokenRoute], &[Dependency, Peer], &[(ServiceSelector, 0.95), (ServicePorts, 0.9), (SecretData, 0.9), (ChangeKind::Ingress, 0.95), (CertificateSpec, 0.6), (Custom, 0.5)]),
    row(&[NoMetrics], &[SelfOrOwner], &[(Autoscaler, 0.9)]),
    row(&[AtBound], &[SelfOrOwner], &[(Autoscaler, 1.0)]),
    row(&[NoMetrics], &[Dependency], &[(Requests, 0.95), (Containers, 0.6), (OtherTemplate, 0.9), (ScaledToZero, 0.8), (Limits, 0.5)]),
    row(&[NoMetrics], &[Policy, Controller], &[(ApiService, 0.95), (ScaledToZero, 0.9), (OtherTemplate, 0.8), (ServiceSelector, 0.85), (ServicePorts, 0.85), (RoleRules, 0.6), (Binding, 0.6)]),
    row(&[JobFailed], &[SelfOrOwner], &[(JobLimits, 1.0)]),
    row(&[Crash], &[SelfOrOwner], &[(JobLimits, 0.6)]),
    row(&[NotScheduled], &[SelfOrOwner], &[(Schedule, 1.0), (OtherTemplate, 0.3)]),
    row(&[Forbidden], &[Policy], &[(RoleRules, 1.0), (Binding, 1.0), (Identity, 0.7)]),
    row(&[Forbidden], &[SelfOrOwner, Controller], &[(PodIdentity, 0.8), (RoleRules, 1.0), (Binding, 1.0), (Identity, 0.7), (OtherTemplate, 0.5)]),
    row(&[Stuck, SyncFailed, Terminating], &[Controller], &[(ScaledToZero, 1.0), (RoleRules, 0.9), (Binding, 0.9), (Identity, 0.8), (OtherTemplate, 0.9), (Image, 0.75), (Env, 0.7), (Command, 0.75), (PodIdentity, 0.7), (Limits, 0.4), (Definition, 0.7), (ConfigData, 0.5), (SecretData, 0.5), (NetworkPolicy, 0.6)]),
    row(&[Stuck], &[SelfOrOwner], &[(Custom, 0.95), (Engine, 0.95), (Autoscaler, 0.95), (ChangeKind::Ingress, 0.9), (MeshPolicy, 0.9), (CertificateSpec, 0.95), (NetworkPolicy, 0.9), (DisruptionBudget, 0.9), (Definition, 0.9), (ApiService, 0.95), (WebhookConfig, 0.7), (AdmissionPolicy, 0.9), (Volume, 0.8)]),
    row(&[Stuck, NoMetrics], &[Dependency], &[(OtherTemplate, 0.9)]),
    row(&[Stuck], &[Dependency], &[(SecretData, 0.75), (ConfigData, 0.75), (Custom, 0.6), (Definition, 0.7), (ServiceSelector, 0.6), (ServicePorts, 0.6), (Identity, 0.5)]),
    row(&[Stuck, SyncFailed], &[Policy], &[(WebhookConfig, 0.6), (Quota, 0.5), (NetworkPolicy, 0.5), (Definition, 0.7), (AdmissionPolicy, 0.6)]),
    row(&[SyncFailed], &[SelfOrOwner], &[(Engine, 0.95)]),
    row(&[SyncFailed], &[Dependency], &[(Revision, 0.95), (Engine, 0.9), (SecretData, 0.85), (ConfigData, 0.7), (Definition, 0.6)]),
    row(&[FaultKind::Certificate], &[SelfOrOwner], &[(CertificateSpec, 0.95)]),
    row(&[FaultKind::Certificate], &[Dependency], &[(CertificateSpec, 0.95), (SecretData, 0.9)]),
    row(&[ScaledDown], &[SelfOrOwner], &[(ScaledToZero, 1.0)]),
    row(&[ScaledDown], &[Policy], &[(Autoscaler, 0.8)]),
    row(&[NotReady, LivenessKill], &[Policy], &[(Autoscaler, 0.75)]),
    row(&[NotDrained], &[Policy], &[(DisruptionBudget, 1.0)]),
    row(&[RolloutHeld], &[SelfOrOwner], &[(Rollout, 1.0)]),
    row(&[Terminating], &[Policy], &[(ScaledToZero, 0.9), (OtherTemplate, 0.8), (ServiceSelector, 0.85), (ServicePorts, 0.85)]),
    row(&[Terminating], &[SelfOrOwner, Policy], &[(ApiService, 0.9), (Custom, 0.3), (WebhookConfig, 0.7)]),
    row(&[Unavailable], &[SelfOrOwner], &[(Rollout, 0.6), (WorkloadSelector, 0.5), (OtherTemplate, 0.45), (Image, 0.4), (Replicas, 0.3)]),
    row(&[Unavailable], &[OnNode], &[(NodeStatus, 0.7), (NodeTaint, 0.6), (NodeCordon, 0.4)]),
];

/// Returns how well a change fits a fault, from 0 (it cannot have that effect) to 1 (it is known to have just that).
///
/// # Example
/// ```
/// use drift_core::cause::{CandidateRole, ChangeKind, fit};
/// use drift_core::fault::FaultKind;
///
/// assert_eq!(fit(FaultKind::OutOfMemory, CandidateRole::SelfOrOwner, ChangeKind::Limits), 1.0);
/// assert_eq!(fit(FaultKind::OutOfMemory, CandidateRole::Node, ChangeKind::NodeLabels), 0.0);
/// ```
pub fn fit(fault: FaultKind, role: CandidateRole, kind: ChangeKind) -> f64 {
    let rows = EFFECTS.iter().filter(|e| e.faults.contains(&fault) && e.roles.contains(&role));
    let fits = rows.flat_map(|e| e.changes).filter(|(k, _)| *k == kind);
    fits.map(|(_, fit)| *fit).fold(0.0, f64::max)
}

/// Returns how many seconds changes of a kind usually take to show, for example an hour for a ConfigMap that a container
/// reads when it starts.
pub fn usual_delay(kind: ChangeKind) -> f64 {
    match kind {
        // They wait for the next start of a container or the next pod.
        ConfigData | SecretData | Quota | LimitRangeSpec | NamespaceAdmission | WebhookConfig
        | AdmissionPolicy | Identity | StorageClass | PriorityClass | NodeCordon | NodeLabels | Binding
        | RoleRules => 3600.0,
        ServicePorts | ServiceSelector | NetworkPolicy | NodeStatus | NodeTaint | ScaledToZero => 60.0,
        _ => 120.0,
    }
}
