//! Counterfactual checks: had this change not been made, would the failing condition hold?
//!
//! Each check decides from recorded objects alone. What needs the application's own code, a registry or a network is
//! undecided.
//!
//! [`CHECKS`] lists them, as `EFFECTS` lists which change leads to which fault. A new check is one function and one row:
//!
//! ```text
//! /// Was the job given less time than it took?
//! pub(super) fn deadline(suspicion: &Suspicion<'_>) -> Counterfactual {
//!     let Suspicion { fault, change, .. } = *suspicion;
//!     // Look at `change.before`, `change.after`, and at the rest of the cluster as it was at `fault.onset`.
//!     Counterfactual::new(CounterfactualVerdict::from_condition(held_before, holds_after), "what was compared")
//! }
//!
//! row(&[JobFailed], &[JobLimits], workload::deadline),
//! ```

mod admission;
mod config;
mod container;
mod endpoints;
mod existence;
mod network;
mod network_policy;
mod rbac;
mod rollout;
mod scheduling;
mod storage;
mod workload;

pub(super) use rollout::exceeds_nodes;

use super::change_kind::ChangeKind::{self, *};
use super::role::CandidateRole;
use super::suspicion::Suspicion;
use super::verdict::Counterfactual;
use crate::fault::FaultKind::{self, *};
use crate::history::ResourceOp;

/// A counterfactual check, with the faults and changes that it is for.
struct Check {
    /// Faults that it is for; all, if empty.
    faults: &'static [FaultKind],
    /// Kinds of changes that it is for; all, if empty.
    changes: &'static [ChangeKind],
    /// What else has to hold, or the row is passed over.
    when: fn(&Suspicion<'_>) -> bool,
    /// Compares the failing condition without the change and with it.
    check: fn(&Suspicion<'_>) -> Counterfactual,
}

impl Check {
    const fn when(mut self, when: fn(&Suspicion<'_>) -> bool) -> Self {
        self.when = when;
        self
    }

    fn applies(&self, suspicion: &Suspicion<'_>) -> bool {
        (self.faults.is_empty() || self.faults.contains(&suspicion.fault.kind))
            && (self.changes.is_empty() || self.changes.contains(&suspicion.kind))
            && (self.when)(suspicion)
    }
}

const fn row(
    faults: &'static [FaultKind],
    changes: &'static [ChangeKind],
    check: fn(&Suspicion<'_>) -> Counterfactual,
) -> Check {
    Check { faults, changes, when: always, check }
}

fn always(_: &Suspicion<'_>) -> bool {
    true
}

/// The first row that applies decides, so that the special comes before the general.
///
/// For example a Service whose selector was edited is asked about by `endpoints::selector` in the row of `NoEndpoints`; the
/// same change, suspected of the crash of a client, by the row for any fault further down; and where the Service was
/// deleted, by `existence::deleted_peer`.
#[rustfmt::skip]
const CHECKS: &[Check] = &[
    // Numbers and names alone.
    row(&[NotReady, LivenessKill], &[Autoscaler], rollout::held_at_bound),
    row(&[BrokenRoute], &[ServicePorts], network::named_port).when(network::took_named_port),
    row(&[Unschedulable], &[Replicas], rollout::one_per_node).when(rollout::exceeds_nodes),
    row(&[Unschedulable, ClaimPending], &[OtherTemplate], storage::claim_class).when(storage::is_new_stateful_set),
    row(&[NoEndpoints], &[Rollout], rollout::strategy),
    row(&[NotDrained], &[DisruptionBudget], rollout::budget),
    row(&[AtBound], &[Autoscaler], rollout::bound),
    // Configuration and containers.
    row(&[ConfigMissing, Mount, Crash, NotReady], &[ConfigData, SecretData], config::keys),
    row(&[ConfigMissing, Mount], &[Env, Volumes, Containers, InitContainers, OtherTemplate], config::references),
    row(&[ImagePull], &[Image], container::image),
    row(&[OutOfMemory], &[Limits], container::memory),
    // Scheduling and admission.
    row(&[Unschedulable], &[], scheduling::placement),
    row(&[OverQuota], &[], admission::quota),
    row(&[PodSecurity], &[NamespaceAdmission], admission::pod_security),
    row(&[FaultKind::LimitRange], &[LimitRangeSpec], admission::limit_range),
    row(&[FaultKind::Webhook, Refused], &[WebhookConfig, AdmissionPolicy], admission::webhook),
    row(&[NoIdentity], &[Identity, PodIdentity], existence::service_account),
    // Services, and the pods and policies behind them.
    row(&[NoEndpoints], &[ServiceSelector], endpoints::selector),
    row(&[NoEndpoints], &[PodLabels, ScaledToZero, OtherTemplate], endpoints::backing),
    row(&[PortMismatch], &[], network::target_port),
    row(&[NotReady, Crash, LivenessKill, FaultKind::Webhook, Refused, BrokenRoute], &[ServicePorts], network::port),
    row(&[], &[ServiceSelector], endpoints::selector).when(|s| s.change.op == ResourceOp::Update),
    row(&[], &[WebhookConfig, AdmissionPolicy], admission::mutation).when(|s| s.reached.role == CandidateRole::AdmissionWebhook),
    row(&[SyncFailed], &[ChangeKind::Revision], existence::revision),
    row(&[ConfigMissing], &[Security], container::root_user),
    row(&[Mount], &[Replicas, Rollout], storage::shared_volume),
    row(&[Crash, NotReady, LivenessKill], &[PodLabels], network::labels).when(|s| s.reached.role == CandidateRole::SelfOrOwner),
    row(&[Crash, NotReady, LivenessKill], &[PodDns], container::name_lookup),
    row(&[], &[ServiceSelector], existence::deleted_peer).when(existence::is_deleted_peer),
    row(&[], &[Definition], existence::definition),
    row(&[], &[ChangeKind::NetworkPolicy], network::policy).when(|s| &*s.change.key.group == "networking.k8s.io"),
    // Nodes, controllers and workloads.
    row(&[NodeDown], &[NodeStatus], workload::node),
    row(&[Evicted], &[NodeTaint], scheduling::eviction),
    row(&[Forbidden, Stuck, SyncFailed, Terminating, Crash, NotReady], &[RoleRules, Binding], rbac::access),
    row(&[NotScheduled], &[Schedule], workload::schedule),
    row(&[JobFailed, Crash], &[JobLimits], workload::job_limits),
    row(&[ScaledDown, Stuck, SyncFailed, Terminating, FaultKind::Webhook, Refused, NoMetrics], &[ScaledToZero], workload::scaled_to_zero),
    row(&[RolloutHeld], &[Rollout], rollout::paused),
    row(&[NoMetrics], &[Requests, OtherTemplate, Containers], workload::cpu_requests),
    row(&[], &[], existence::deleted).when(|s| s.change.op == ResourceOp::Delete),
];

/// Checks whether the failing condition would hold without the change.
pub(super) fn check(suspicion: &Suspicion<'_>) -> Counterfactual {
    let row = CHECKS.iter().find(|row| row.applies(suspicion));
    row.map_or_else(Counterfactual::undecided, |row| (row.check)(suspicion))
}
