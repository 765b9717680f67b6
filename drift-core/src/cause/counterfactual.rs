//! Counterfactual checks: had this change not been made, would the failing condition hold?
//!
//! Each check decides from recorded objects alone. What needs the application's own code, a registry or a network is
//! undecided, and said to be so.

mod admission;
mod config;
mod container;
mod endpoints;
mod existence;
mod network;
mod network_policy;
#[cfg(test)]
mod oracles;
mod rbac;
mod rollout;
mod scheduling;
mod storage;
mod workload;

pub(super) use rollout::keeps_apart;

use super::change_kind::ChangeKind;
use super::investigation::Investigation;
use super::reach::Reached;
use super::role::CandidateRole;
use super::verdict::{Counterfactual, CounterfactualVerdict};
use crate::fault::{Fault, FaultKind};
use crate::history::{Change, ResourceOp};

/// Checks one change against one fault.
pub(super) fn prove(
    case: &Investigation<'_>,
    fault: &Fault,
    reached: &Reached,
    change: &Change,
    class: ChangeKind,
    ports: &[u16],
) -> Counterfactual {
    use ChangeKind as C;
    use FaultKind as F;
    if let Some(proof) = of_numbers(case, fault, change, class) {
        return proof;
    }
    match (fault.kind, class) {
        (F::ConfigMissing | F::Mount | F::Crash | F::NotReady, C::ConfigData | C::SecretData) => {
            config::config(case, fault, change)
        }
        (
            F::ConfigMissing | F::Mount,
            C::Env | C::Volumes | C::Containers | C::InitContainers | C::OtherTemplate,
        ) => config::reference(case, fault, change),
        (F::ImagePull, C::Image) => container::image(case, fault, change),
        (F::OutOfMemory, C::Limits) => container::memory(case, change),
        (F::Unschedulable, _) => scheduling::prove(case, fault, change, class),
        (F::OverQuota, _) => admission::quota(case, fault, change, class),
        (F::PodSecurity, C::NamespaceAdmission) => admission::pod_security(fault, change),
        (F::LimitRange, C::LimitRangeSpec) => admission::limit_range(fault, change),
        (F::Webhook | F::Refused, C::WebhookConfig | C::AdmissionPolicy) => {
            admission::webhook(case, fault, change)
        }
        (F::NoIdentity, C::Identity | C::PodIdentity) => existence::identity(case, fault, change),
        (F::NoEndpoints, C::ServiceSelector) => endpoints::selector(case, fault, change),
        (F::NoEndpoints, C::PodLabels | C::ScaledToZero | C::OtherTemplate) => {
            endpoints::backing(case, fault, change, class)
        }
        (F::PortMismatch, _) => network::target_port(case, fault, change),
        (
            F::NotReady | F::Crash | F::LivenessKill | F::Webhook | F::Refused | F::BrokenRoute,
            C::ServicePorts,
        ) => network::port(change, ports),
        (_, C::ServiceSelector) if change.op == ResourceOp::Update => {
            endpoints::selector(case, fault, change)
        }
        (_, C::WebhookConfig | C::AdmissionPolicy) if reached.place == CandidateRole::AdmissionWebhook => {
            admission::mutation(case, fault, change)
        }
        (F::SyncFailed, C::Revision) => existence::revision(case, fault, change),
        (F::ConfigMissing, C::Security) => container::root_user(fault),
        (F::Mount, C::Replicas | C::Rollout) => storage::shared_volume(fault, change),
        (F::Crash | F::NotReady | F::LivenessKill, C::PodLabels)
            if reached.place == CandidateRole::SelfOrOwner =>
        {
            network::labels(case, fault, change)
        }
        (F::Crash | F::NotReady | F::LivenessKill, C::PodDns) => container::name_lookup(fault, change),
        (_, C::ServiceSelector)
            if change.op == ResourceOp::Delete && reached.place == CandidateRole::Peer =>
        {
            let back = case.history.at(&change.key, &fault.onset).is_some();
            let verdict = if back { CounterfactualVerdict::Fails } else { CounterfactualVerdict::Holds };
            Counterfactual::new(verdict, "whether the Service is there that the faulty one talks to")
        }
        (_, C::Definition) => existence::definition(fault, change),
        (_, C::NetworkPolicy) if &*change.key.group == "networking.k8s.io" => {
            network::policy(case, fault, reached, change)
        }
        (F::NodeDown, C::NodeStatus) => workload::node(case, change),
        (F::Evicted, C::NodeTaint) => scheduling::eviction(case, fault, change),
        (
            F::Forbidden | F::Stuck | F::SyncFailed | F::Terminating | F::Crash | F::NotReady,
            C::RoleRules | C::Binding,
        ) => rbac::prove(case, fault, change),
        (F::NotScheduled, C::Schedule) => workload::schedule(change),
        (F::JobFailed | F::Crash, C::JobLimits) => workload::job_limits(fault, change),
        (
            F::ScaledDown
            | F::Stuck
            | F::SyncFailed
            | F::Terminating
            | F::Webhook
            | F::Refused
            | F::NoMetrics,
            C::ScaledToZero,
        ) => workload::still(case, change),
        (F::RolloutHeld, C::Rollout) => {
            Counterfactual::new(CounterfactualVerdict::Holds, "the rollout is paused by it")
        }
        (F::NoMetrics, C::Requests | C::OtherTemplate | C::Containers) => workload::requests(case, change),
        _ if change.op == ResourceOp::Delete => existence::existence(case, fault, change),
        _ => Counterfactual::undecided(),
    }
}

/// Checks what is a matter of numbers and names alone; `None` where nothing of the kind decides.
fn of_numbers(
    case: &Investigation<'_>,
    fault: &Fault,
    change: &Change,
    class: ChangeKind,
) -> Option<Counterfactual> {
    use ChangeKind as C;
    use FaultKind as F;
    Some(match (fault.kind, class) {
        (F::NotReady | F::LivenessKill, C::Autoscaler) => rollout::held_at_bound(case, change),
        (F::BrokenRoute, C::ServicePorts) if network::port_name(fault, change) => Counterfactual::new(
            CounterfactualVerdict::Holds,
            "a port of the name that the route asks for was there before",
        ),
        (F::Unschedulable, C::Replicas) if rollout::keeps_apart(case, fault, change) => Counterfactual::new(
            CounterfactualVerdict::Holds,
            "its pods may not share a node, and no more nodes take them",
        ),
        (F::Unschedulable | F::ClaimPending, C::OtherTemplate)
            if &*change.key.kind == "StatefulSet" && change.op == ResourceOp::Create =>
        {
            storage::claim_class(case, fault, change)
        }
        (F::NoEndpoints, C::Rollout) => rollout::strategy(case, fault, change),
        (F::NotDrained, C::DisruptionBudget) => rollout::budget(case, fault, change),
        (F::AtBound, C::Autoscaler) => rollout::bound(change),
        _ => return None,
    })
}
