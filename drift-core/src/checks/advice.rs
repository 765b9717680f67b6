//! What to do next about each fault.

use crate::fault::FaultKind as F;

/// Faults by the name of their check, what makes it fire, and what to do next.
#[rustfmt::skip]
const ADVICE: &[(F, &str, &str, &str)] = &[
    (F::ImagePull, "image-pull", "a container waits because its image cannot be pulled", "compare the image with what the registry has; look at pull secrets and at the last change of the image"),
    (F::ConfigMissing, "config-missing", "a container waits for a ConfigMap, a Secret or a key of one", "create what the message names, or change the reference"),
    (F::Mount, "mount", "an Event says that a volume cannot be mounted or attached", "look at the claim, the Secret or ConfigMap of the volume, and at other pods that hold it"),
    (F::StartFailed, "start-failed", "a container cannot be created or started", "look at command, security context and runtime class"),
    (F::Crash, "crash", "a container ended with an error and is started again and again", "read the message and the log of the last run; compare with the last change of template and configuration"),
    (F::OutOfMemory, "out-of-memory", "a container was killed at its memory limit", "compare the limit with what it used before; look for a change of limit or version"),
    (F::NotReady, "not-ready", "a running container fails its readiness probe", "compare probe and port with what the application serves; look at what it talks to"),
    (F::LivenessKill, "liveness", "a container is killed because its liveness probe fails", "compare probe, port and timing with the application"),
    (F::Unschedulable, "unschedulable", "the scheduler finds no node for a pod", "read why each node is refused: resources, selector, taints, volumes, ports"),
    (F::OverQuota, "over-quota", "a quota refuses pods", "raise the quota, or ask for less"),
    (F::LimitRange, "limit-range", "a LimitRange refuses pods", "compare requests and limits with the bounds"),
    (F::PodSecurity, "pod-security", "Pod Security refuses pods", "change the template, or the level of the namespace"),
    (F::Webhook, "webhook", "a webhook refuses pods or does not answer", "look at the webhook's Service and pods, its caBundle and failurePolicy"),
    (F::NoIdentity, "no-account", "the service account of the pods is not there", "create it, or name another one"),
    (F::Refused, "refused", "the API server refuses pods", "read the message: policy, priority class or another admission plugin"),
    (F::NodeDown, "node-down", "a node does not report, or reports that it is not ready", "look at the node: kubelet, network, disk; move what must run"),
    (F::Evicted, "evicted", "a pod was evicted", "look at the taints and pressures of its node"),
    (F::Preempted, "preempted", "a pod made place for a more important one", "compare priority classes; add room"),
    (F::ClaimPending, "claim-pending", "a claim is not bound", "look at its class, its provisioner and the Events of the claim"),
    (F::NoEndpoints, "no-endpoints", "a Service with a selector has no ready endpoint", "compare its selector with the labels of the pods, then look at the pods"),
    (F::PortMismatch, "port-mismatch", "a Service has endpoints but no port of them", "compare targetPort with the container ports"),
    (F::BrokenRoute, "broken-route", "a route is not accepted or has no backend", "look at class, backend Services, ports and TLS Secrets"),
    (F::NoMetrics, "no-metrics", "an autoscaler cannot compute what it needs", "look at requests of the target and at the metrics API"),
    (F::AtBound, "at-bound", "an autoscaler wants more replicas than its maximum", "raise the maximum, or find out what the load is"),
    (F::JobFailed, "job-failed", "a job or its pods failed", "look at the pods' messages and at the deadline"),
    (F::NotScheduled, "suspended", "a CronJob or Job is suspended, or misses its schedule", "resume it if that was not meant"),
    (F::Forbidden, "forbidden", "a controller is refused by RBAC", "compare the role with the verb and resource that the message names"),
    (F::Stuck, "stuck", "a custom resource is behind: generation not observed, a condition false, a phase that does not end", "look at its operator: running, allowed, logging; then at what the resource refers to"),
    (F::SyncFailed, "sync-failed", "a GitOps engine cannot sync", "read the message; look at source, credentials and the objects that it applies"),
    (F::Certificate, "certificate", "a certificate is not issued or not valid", "look at issuer, DNS and the Secret"),
    (F::ScaledDown, "scaled-down", "nothing runs because no replicas are asked for", "scale it up if that was not meant"),
    (F::RolloutHeld, "rollout-paused", "a rollout is paused with pods of the old template left", "resume it if that was not meant"),
    (F::NotDrained, "not-drained", "pods of a node that is to be drained cannot be evicted", "look at the disruption budgets of its pods, and at how many of them are ready"),
    (F::Terminating, "terminating", "a deleted object waits for its finalizers", "look at the controller that owns the finalizer"),
    (F::Gone, "gone", "the resource was deleted", "see who deleted it"),
    (F::Unavailable, "unavailable", "less is available than asked for", "look at its pods"),
];

fn row(kind: F) -> Option<&'static (F, &'static str, &'static str, &'static str)> {
    ADVICE.iter().find(|(k, ..)| *k == kind)
}

/// Names the check that a fault belongs to.
pub(super) fn name(kind: F) -> &'static str {
    row(kind).map_or("fault", |r| r.1)
}

/// Returns what to do next about a fault.
pub(super) fn next(kind: F) -> &'static str {
    row(kind).map_or("look at the Events of the resource", |r| r.3)
}

/// Lists the checks of faults with what makes them fire.
pub(super) fn triggers() -> impl Iterator<Item = (&'static str, &'static str)> {
    ADVICE.iter().map(|r| (r.1, r.2))
}
