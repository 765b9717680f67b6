//! Kinds of changes, by resource and field: the third key of the table of effects.
//!
//! For example `spec.template.spec.containers[name=app].image` of a Deployment is an [`Image`](ChangeKind::Image), and
//! `data.MODE` of a ConfigMap is [`ConfigData`](ChangeKind::ConfigData).

use crate::diff::FieldChange;
use crate::k8s::pod::pod_spec;
use crate::key::ResourceKey;

use crate::history::{Change, ResourceOp, plain_path};

/// The kind of a change, by the resource and the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// Image of a container.
    Image,
    /// How images are pulled: policy, secrets.
    Pull,
    /// Command, arguments or working folder.
    Command,
    /// Variables of a container.
    Env,
    /// CPU, memory or other requests.
    Requests,
    /// Limits, memory or CPU.
    Limits,
    /// Readiness or startup probe.
    ReadinessProbe,
    /// Liveness probe.
    LivenessProbe,
    /// Node selector, affinity, tolerations, spreading, scheduler.
    Placement,
    /// Volumes and mounts.
    Volumes,
    /// Service account of the pods.
    PodIdentity,
    /// Priority class or runtime class of the pods.
    PodClass,
    /// Ports of containers, host ports and host network.
    ContainerPorts,
    /// Security context.
    Security,
    /// Init containers.
    InitContainers,
    /// Containers added or taken away.
    Containers,
    /// Name resolution of the pods.
    PodDns,
    /// Labels of the pods.
    PodLabels,
    /// An annotation of the template that only restarts pods, such as `kubectl.kubernetes.io/restartedAt`.
    Restart,
    /// Anything else of the pod template.
    OtherTemplate,
    /// Replicas raised or set.
    Replicas,
    /// Replicas set to zero.
    ScaledToZero,
    /// How a rollout proceeds: strategy, pause, deadline.
    Rollout,
    /// Selector of a workload.
    WorkloadSelector,
    /// Selector of a Service.
    ServiceSelector,
    /// Ports of a Service.
    ServicePorts,
    /// Type or traffic policy of a Service.
    ServiceTraffic,
    /// Data of a ConfigMap.
    ConfigData,
    /// Data of a Secret.
    SecretData,
    /// Hard limits of a ResourceQuota.
    Quota,
    /// A LimitRange.
    LimitRangeSpec,
    /// Labels of a namespace by which pods are admitted.
    NamespaceAdmission,
    /// Other labels of a namespace.
    NamespaceLabels,
    /// A NetworkPolicy.
    NetworkPolicy,
    /// A policy of a mesh.
    MeshPolicy,
    /// Rules, class or TLS of an Ingress or a Gateway route.
    Ingress,
    /// Rules of a Role.
    RoleRules,
    /// Subjects or role of a binding.
    Binding,
    /// A webhook configuration.
    WebhookConfig,
    /// An admission policy or its binding.
    AdmissionPolicy,
    /// An APIService.
    ApiService,
    /// A PersistentVolumeClaim.
    Claim,
    /// A PersistentVolume.
    Volume,
    /// A StorageClass.
    StorageClass,
    /// A PriorityClass.
    PriorityClass,
    /// A HorizontalPodAutoscaler or the like.
    Autoscaler,
    /// A PodDisruptionBudget.
    DisruptionBudget,
    /// Schedule, suspension or concurrency of a CronJob or a Job.
    Schedule,
    /// How long a Job may run, and how often its pods may fail.
    JobLimits,
    /// A node closed to new pods.
    NodeCordon,
    /// A taint of a node.
    NodeTaint,
    /// Labels of a node.
    NodeLabels,
    /// What a node reports of itself.
    NodeStatus,
    /// Specification of a GitOps engine's object.
    Engine,
    /// Revision that a source of declared state brings.
    Revision,
    /// Specification of a custom resource.
    Custom,
    /// A custom resource definition.
    Definition,
    /// A certificate or issuer.
    CertificateSpec,
    /// A service account.
    Identity,
    /// Labels, annotations and the like that nothing reads.
    Metadata,
    /// Anything else.
    Other,
}

/// A changed field with the kind of its change.
#[derive(Clone, Copy, Debug)]
pub struct ChangedField<'c> {
    /// Kind of the change.
    pub kind: ChangeKind,
    /// The field; `None` where the resource was created or deleted as a whole.
    pub field: Option<&'c FieldChange>,
}

/// Returns the kind of each field of a change; a resource that was created or deleted has one kind as a whole.
pub fn changed_fields(change: &Change) -> Vec<ChangedField<'_>> {
    if change.op != ResourceOp::Update {
        return vec![ChangedField { kind: kind_of_resource(&change.key), field: None }];
    }
    let changed = |f| ChangedField { kind: kind_of_field(change, f), field: Some(f) };
    change.fields.iter().map(changed).collect()
}

/// Returns the kind that every change of a resource has whose fields are not distinguished.
pub(super) fn kind_of_resource(key: &ResourceKey) -> ChangeKind {
    match (&*key.group, &*key.kind) {
        ("", "ConfigMap") => ChangeKind::ConfigData,
        ("", "Secret") => ChangeKind::SecretData,
        ("", "Service") => ChangeKind::ServiceSelector,
        ("", "ResourceQuota") => ChangeKind::Quota,
        ("", "LimitRange") => ChangeKind::LimitRangeSpec,
        ("", "Namespace") => ChangeKind::NamespaceAdmission,
        ("", "PersistentVolumeClaim") => ChangeKind::Claim,
        ("", "PersistentVolume") => ChangeKind::Volume,
        ("", "Node") => ChangeKind::NodeStatus,
        ("", "ServiceAccount") => ChangeKind::Identity,
        ("storage.k8s.io", "StorageClass") => ChangeKind::StorageClass,
        ("scheduling.k8s.io", "PriorityClass") => ChangeKind::PriorityClass,
        ("cilium.io" | "crd.projectcalico.org", _) => ChangeKind::NetworkPolicy,
        (_, k) if k.ends_with("NetworkPolicy") => ChangeKind::NetworkPolicy,
        ("networking.k8s.io", _) | ("gateway.networking.k8s.io", _) => ChangeKind::Ingress,
        ("security.istio.io" | "networking.istio.io" | "policy.linkerd.io", _) => ChangeKind::MeshPolicy,
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => ChangeKind::RoleRules,
        ("rbac.authorization.k8s.io", _) => ChangeKind::Binding,
        ("admissionregistration.k8s.io", k) if k.ends_with("WebhookConfiguration") => {
            ChangeKind::WebhookConfig
        }
        ("admissionregistration.k8s.io", _) => ChangeKind::AdmissionPolicy,
        ("apiregistration.k8s.io", _) => ChangeKind::ApiService,
        ("autoscaling" | "autoscaling.k8s.io" | "keda.sh", _) => ChangeKind::Autoscaler,
        ("policy", _) => ChangeKind::DisruptionBudget,
        ("batch", "CronJob") => ChangeKind::Schedule,
        ("apiextensions.k8s.io", _) => ChangeKind::Definition,
        ("cert-manager.io", _) => ChangeKind::CertificateSpec,
        ("argoproj.io", "Application" | "ApplicationSet" | "AppProject") => ChangeKind::Engine,
        (g, _) if g.ends_with(".fluxcd.io") => ChangeKind::Engine,
        ("apps" | "batch", _) | ("", "Pod" | "ReplicationController") | ("argoproj.io", "Rollout") => {
            ChangeKind::OtherTemplate
        }
        (g, _) if g.contains('.') && !g.ends_with(".k8s.io") => ChangeKind::Custom,
        _ => ChangeKind::Other,
    }
}

/// Returns the kind of a changed field: `spec.taints` of a Node is a taint, and any field of a StorageClass that class.
fn kind_of_field(change: &Change, field: &FieldChange) -> ChangeKind {
    let path = plain_path(&field.path);
    if path.starts_with("metadata.") {
        return metadata(&change.key, &path);
    }
    let is_workload = change.object().is_some_and(|o| pod_spec(o).is_some());
    if is_workload {
        return workload(&path, field);
    }
    match (&*change.key.group, &*change.key.kind) {
        ("", "Service") if path.starts_with("spec.selector") => ChangeKind::ServiceSelector,
        ("", "Service") if path.starts_with("spec.ports") => ChangeKind::ServicePorts,
        ("", "Service") => ChangeKind::ServiceTraffic,
        ("source.toolkit.fluxcd.io", _) if path == "status.artifact.revision" => ChangeKind::Revision,
        ("", "Node") if path == "spec.unschedulable" => ChangeKind::NodeCordon,
        ("", "Node") if path.starts_with("spec.taints") => ChangeKind::NodeTaint,
        ("", "Node") if path.starts_with("status") => ChangeKind::NodeStatus,
        ("", "Node" | "Namespace" | "ServiceAccount") => ChangeKind::Other,
        _ => kind_of_resource(&change.key),
    }
}

/// Returns the kind of a label or annotation: those of nodes and pods are read by selectors, most others by nothing.
fn metadata(key: &ResourceKey, path: &str) -> ChangeKind {
    let is_labels = path.starts_with("metadata.labels");
    match (&*key.group, &*key.kind) {
        ("", "Namespace") if path.starts_with("metadata.labels.pod-security.kubernetes.io/") => {
            ChangeKind::NamespaceAdmission
        }
        ("", "Namespace") if is_labels => ChangeKind::NamespaceLabels,
        ("", "Node") if is_labels => ChangeKind::NodeLabels,
        ("", "Pod") if is_labels => ChangeKind::PodLabels,
        _ => ChangeKind::Metadata,
    }
}

/// Returns the kind of a field of what has a pod template: of the template, as the image of a container, or beside it, as
/// `spec.replicas`. A path that only a CronJob has, `spec.jobTemplate.spec…`, is that of a Job.
fn workload(path: &str, field: &FieldChange) -> ChangeKind {
    let template =
        path.strip_prefix("spec.jobTemplate.spec.template.").or_else(|| path.strip_prefix("spec.template."));
    let Some(rest) = template else {
        return match path {
            "spec.replicas" if field.after.as_ref().and_then(serde_json::Value::as_i64) == Some(0) => {
                ChangeKind::ScaledToZero
            }
            "spec.replicas" => ChangeKind::Replicas,
            p if p.starts_with("spec.selector") => ChangeKind::WorkloadSelector,
            p if p.starts_with("spec.strategy") || p.starts_with("spec.updateStrategy") => {
                ChangeKind::Rollout
            }
            "spec.paused" | "spec.progressDeadlineSeconds" | "spec.minReadySeconds" => ChangeKind::Rollout,
            "spec.activeDeadlineSeconds"
            | "spec.backoffLimit"
            | "spec.backoffLimitPerIndex"
            | "spec.maxFailedIndexes"
            | "spec.jobTemplate.spec.activeDeadlineSeconds"
            | "spec.jobTemplate.spec.backoffLimit" => ChangeKind::JobLimits,
            p if p.starts_with("spec.podFailurePolicy")
                || p.starts_with("spec.jobTemplate.spec.podFailurePolicy") =>
            {
                ChangeKind::JobLimits
            }
            "spec.schedule"
            | "spec.suspend"
            | "spec.concurrencyPolicy"
            | "spec.startingDeadlineSeconds"
            | "spec.timeZone"
            | "spec.parallelism"
            | "spec.completions" => ChangeKind::Schedule,
            p if p.starts_with("spec.volumeClaimTemplates") => ChangeKind::Claim,
            "spec.template" | "spec.jobTemplate" => ChangeKind::OtherTemplate,
            _ => ChangeKind::Other,
        };
    };
    if let Some(label) = rest.strip_prefix("metadata.") {
        return if label.starts_with("labels") { ChangeKind::PodLabels } else { ChangeKind::Restart };
    }
    let rest = rest.strip_prefix("spec.").unwrap_or(rest);
    match rest {
        "containers" => ChangeKind::Containers,
        r if r.starts_with("initContainers") => match r.strip_prefix("initContainers.") {
            Some(inner) => container(inner),
            None => ChangeKind::InitContainers,
        },
        r if r.starts_with("containers.") => container(&r["containers.".len()..]),
        "serviceAccountName" | "serviceAccount" | "automountServiceAccountToken" => ChangeKind::PodIdentity,
        "priorityClassName" | "priority" | "runtimeClassName" => ChangeKind::PodClass,
        r if r.starts_with("volumes") => ChangeKind::Volumes,
        r if r.starts_with("imagePullSecrets") => ChangeKind::Pull,
        r if r.starts_with("securityContext") => ChangeKind::Security,
        r if r.starts_with("dns") || r.starts_with("hostAliases") => ChangeKind::PodDns,
        "hostNetwork" => ChangeKind::ContainerPorts,
        "hostPID" | "hostIPC" => ChangeKind::Security,
        r if [
            "nodeSelector",
            "affinity",
            "tolerations",
            "topologySpreadConstraints",
            "nodeName",
            "schedulerName",
        ]
        .iter()
        .any(|p| r.starts_with(p)) =>
        {
            ChangeKind::Placement
        }
        _ => ChangeKind::OtherTemplate,
    }
}

/// Returns the kind of a field of a container; `startupProbe` counts as readiness, since a pod waits for both.
fn container(field: &str) -> ChangeKind {
    match field.split('.').next().unwrap_or_default() {
        "image" => ChangeKind::Image,
        "imagePullPolicy" => ChangeKind::Pull,
        "command" | "args" | "workingDir" => ChangeKind::Command,
        "env" | "envFrom" => ChangeKind::Env,
        "resources" if field.starts_with("resources.requests") => ChangeKind::Requests,
        "resources" if field.starts_with("resources.limits") => ChangeKind::Limits,
        "resources" => ChangeKind::Limits,
        "readinessProbe" | "startupProbe" => ChangeKind::ReadinessProbe,
        "livenessProbe" => ChangeKind::LivenessProbe,
        "volumeMounts" | "volumeDevices" => ChangeKind::Volumes,
        "ports" => ChangeKind::ContainerPorts,
        "securityContext" => ChangeKind::Security,
        "lifecycle" => ChangeKind::Command,
        _ => ChangeKind::OtherTemplate,
    }
}
