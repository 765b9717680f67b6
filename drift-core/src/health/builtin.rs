//! Kinds of Kubernetes: what the controllers of the API server's own kinds write, and what it means.
//!
//! After kstatus and the health checks of Argo CD; where both leave an operator in the dark (a Deployment that lost
//! its Pods long after its rollout, a Pod that cannot be scheduled), time decides, and the table in the tests says so.

mod cluster;
mod network;
mod pod;
mod policy;
mod run;
mod storage;
mod workload;

use super::verdict::{HealthVerdict, Subject};

/// Judges an object that is being deleted.
pub(super) fn deletion(subject: &Subject<'_>) -> Option<HealthVerdict> {
    let since = subject.time(&["metadata", "deletionTimestamp"]);
    subject.at(&["metadata", "deletionTimestamp"])?;
    let finalizers = subject
        .at(&["metadata", "finalizers"])
        .map(|list| list.children().filter_map(|f| f.as_str()).collect::<Vec<_>>().join(", "));
    let message = match finalizers.filter(|f| !f.is_empty()) {
        Some(finalizers) => format!("Pending deletion, waits for {finalizers}"),
        None => "Pending deletion".to_owned(),
    };
    Some(HealthVerdict::progressing("PendingDeletion", message).since(since))
}

/// Judges a kind of Kubernetes that has a check; `None` for every other.
pub(super) fn judge(subject: &Subject<'_>) -> Option<HealthVerdict> {
    Some(match (subject.group, subject.kind) {
        ("apps" | "extensions", "Deployment") => workload::deployment(subject),
        ("apps", "StatefulSet") => workload::stateful_set(subject),
        ("apps" | "extensions", "DaemonSet") => workload::daemon_set(subject),
        ("apps" | "extensions", "ReplicaSet") | ("", "ReplicationController") => {
            workload::replica_set(subject)
        }
        ("", "Pod") => pod::pod(subject),
        ("batch", "Job") => run::job(subject),
        ("batch", "CronJob") => run::cron_job(subject),
        ("", "PersistentVolumeClaim") => storage::claim(subject),
        ("", "PersistentVolume") => storage::volume(subject),
        ("storage.k8s.io", "VolumeAttachment") => storage::attachment(subject),
        ("", "Service") => network::service(subject),
        ("networking.k8s.io" | "extensions", "Ingress") => network::ingress(subject),
        ("", "Node") => cluster::node(subject),
        ("", "Namespace") => cluster::namespace(subject),
        ("apiregistration.k8s.io", "APIService") => cluster::api_service(subject),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => cluster::definition(subject),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema") => cluster::flow_schema(subject),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => cluster::admission_policy(subject),
        ("resource.k8s.io", "ResourceClaim") => cluster::resource_claim(subject),
        ("certificates.k8s.io", "CertificateSigningRequest") => cluster::signing_request(subject),
        ("autoscaling", "HorizontalPodAutoscaler") => policy::autoscaler(subject),
        ("policy", "PodDisruptionBudget") => policy::disruption_budget(subject),
        _ => return None,
    })
}

/// Returns `true` if an API group belongs to Kubernetes itself: its kinds without a check have no health of their own.
pub(super) fn is_of_kubernetes(group: &str) -> bool {
    const GROUPS: &[&str] = &[
        "",
        "apps",
        "autoscaling",
        "batch",
        "extensions",
        "policy",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    ];
    GROUPS.contains(&group)
}
