//! What upstream says of its own kinds: kstatus and the health checks of Argo CD, and where we say more (marked).

use serde_json::{Value, json};

use super::super::HealthRules;
use super::super::HealthStatus::{Degraded, Healthy, Progressing, Suspended, Unknown};
use super::check;

/// Merges `more` into an object of a kind; maps are merged, the rest replaced.
fn of(api: &str, kind: &str, more: Value) -> Value {
    let mut value = json!({"apiVersion": api, "kind": kind, "metadata": {}});
    for (key, part) in more.as_object().unwrap() {
        value[key] = part.clone();
    }
    value
}

fn condition(name: &str, status: &str, reason: &str) -> Value {
    json!({"type": name, "status": status, "reason": reason, "lastTransitionTime": "2030-01-01T09:59:50Z"})
}

fn old(name: &str, status: &str, reason: &str) -> Value {
    json!({"type": name, "status": status, "reason": reason, "lastTransitionTime": "2030-01-01T01:00:00Z"})
}

#[test]
fn deployments() {
    let deployment = |generation: i64, spec: Value, status: Value| {
        of(
            "apps/v1",
            "Deployment",
            json!({"metadata": {"generation": generation}, "spec": spec, "status": status}),
        )
    };
    let three = || json!({"replicas": 3});
    let status = |observed: i64, [updated, available, total]: [i64; 3], conditions: Value| {
        json!({
            "observedGeneration": observed, "updatedReplicas": updated, "availableReplicas": available,
            "replicas": total, "conditions": conditions
        })
    };
    let arrived = || condition("Progressing", "True", "NewReplicaSetAvailable");
    check(
        &HealthRules::none(),
        &[
            (deployment(1, three(), status(1, [3, 3, 3], json!([]))), Healthy, "MinimumReplicasAvailable"),
            (
                deployment(1, json!({"replicas": 0}), status(1, [0, 0, 0], json!([]))),
                Healthy,
                "MinimumReplicasAvailable",
            ),
            (
                deployment(1, json!({"paused": true}), status(1, [3, 1, 3], json!([]))),
                Suspended,
                "DeploymentPaused",
            ),
            (deployment(2, three(), status(1, [3, 3, 3], json!([]))), Progressing, "NotObserved"),
            (deployment(1, three(), json!({})), Progressing, "NotObserved"),
            (deployment(1, three(), status(1, [1, 3, 4], json!([]))), Progressing, "ReplicaSetUpdating"),
            (deployment(1, three(), status(1, [3, 3, 4], json!([]))), Progressing, "OldReplicasTerminating"),
            (deployment(1, three(), status(1, [3, 2, 3], json!([]))), Progressing, "ReplicasUnavailable"),
            (
                deployment(
                    1,
                    three(),
                    status(
                        1,
                        [1, 2, 4],
                        json!([condition("Progressing", "False", "ProgressDeadlineExceeded")]),
                    ),
                ),
                Degraded,
                "ProgressDeadlineExceeded",
            ),
            // More than upstream: what the ReplicaSet cannot create will not come by waiting.
            (
                deployment(
                    1,
                    three(),
                    status(1, [1, 2, 4], json!([condition("ReplicaFailure", "True", "FailedCreate")])),
                ),
                Degraded,
                "FailedCreate",
            ),
            // More than upstream: replicas lost after the rollout, for longer than a rollout may stand still.
            (
                deployment(
                    1,
                    three(),
                    status(
                        1,
                        [3, 1, 3],
                        json!([arrived(), condition("Available", "False", "MinimumReplicasUnavailable")]),
                    ),
                ),
                Progressing,
                "MinimumReplicasUnavailable",
            ),
            (
                deployment(
                    1,
                    three(),
                    status(
                        1,
                        [3, 1, 3],
                        json!([arrived(), old("Available", "False", "MinimumReplicasUnavailable")]),
                    ),
                ),
                Degraded,
                "MinimumReplicasUnavailable",
            ),
            (
                deployment(
                    1,
                    three(),
                    status(
                        1,
                        [3, 1, 3],
                        json!([
                            condition("Progressing", "True", "ReplicaSetUpdated"),
                            old("Available", "False", "X")
                        ]),
                    ),
                ),
                Progressing,
                "X",
            ),
        ],
    );
}

#[test]
fn stateful_sets() {
    let set = |spec: Value, status: Value| {
        of("apps/v1", "StatefulSet", json!({"metadata": {"generation": 1}, "spec": spec, "status": status}))
    };
    let partition = |n: i64| json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": n}}});
    check(
        &HealthRules::none(),
        &[
            (
                set(
                    json!({"replicas": 2}),
                    json!({"observedGeneration": 1, "readyReplicas": 2, "currentRevision": "a", "updateRevision": "a"}),
                ),
                Healthy,
                "PodsReady",
            ),
            (
                set(json!({"replicas": 2}), json!({"observedGeneration": 0, "readyReplicas": 2})),
                Progressing,
                "NotObserved",
            ),
            (set(json!({"replicas": 2}), json!({})), Progressing, "NotObserved"),
            (
                set(json!({"replicas": 2}), json!({"observedGeneration": 1, "readyReplicas": 1})),
                Progressing,
                "PodsNotReady",
            ),
            (
                set(
                    json!({"replicas": 2}),
                    json!({"observedGeneration": 1, "readyReplicas": 2, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"}),
                ),
                Progressing,
                "RollingUpdate",
            ),
            (
                set(
                    json!({"replicas": 2, "updateStrategy": {"type": "OnDelete"}}),
                    json!({"observedGeneration": 1, "readyReplicas": 2, "currentRevision": "a", "updateRevision": "b"}),
                ),
                Healthy,
                "OnDelete",
            ),
            (
                set(partition(1), json!({"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 1})),
                Progressing,
                "PartitionedRollout",
            ),
            (
                set(partition(1), json!({"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 2})),
                Healthy,
                "PartitionedRolloutComplete",
            ),
        ],
    );
}

#[test]
fn daemon_sets_and_replica_sets() {
    let set = |kind: &str, spec: Value, status: Value| {
        of("apps/v1", kind, json!({"metadata": {"generation": 2}, "spec": spec, "status": status}))
    };
    let counts = |updated: i64, available: i64| json!({"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": updated, "numberAvailable": available});
    check(
        &HealthRules::none(),
        &[
            (set("DaemonSet", json!({}), counts(3, 3)), Healthy, "PodsAvailable"),
            (set("DaemonSet", json!({}), counts(2, 3)), Progressing, "RollingUpdate"),
            (set("DaemonSet", json!({}), counts(3, 2)), Progressing, "PodsUnavailable"),
            (
                set("DaemonSet", json!({"updateStrategy": {"type": "OnDelete"}}), counts(1, 2)),
                Healthy,
                "OnDelete",
            ),
            (set("DaemonSet", json!({}), json!({"observedGeneration": 1})), Progressing, "NotObserved"),
            (
                set(
                    "ReplicaSet",
                    json!({"replicas": 2}),
                    json!({"observedGeneration": 2, "availableReplicas": 2}),
                ),
                Healthy,
                "ReplicasAvailable",
            ),
            (
                set(
                    "ReplicaSet",
                    json!({"replicas": 2}),
                    json!({"observedGeneration": 2, "availableReplicas": 1}),
                ),
                Progressing,
                "ReplicasUnavailable",
            ),
            (
                set("ReplicaSet", json!({"replicas": 2}), json!({"observedGeneration": 1})),
                Progressing,
                "NotObserved",
            ),
            (
                set(
                    "ReplicaSet",
                    json!({"replicas": 2}),
                    json!({"observedGeneration": 2, "conditions": [condition("ReplicaFailure", "True", "FailedCreate")]}),
                ),
                Degraded,
                "FailedCreate",
            ),
        ],
    );
}

fn pod(policy: &str, status: Value) -> Value {
    of("v1", "Pod", json!({"spec": {"restartPolicy": policy}, "status": status}))
}

fn waiting(reason: &str) -> Value {
    json!({"name": "grind", "ready": false, "state": {"waiting": {"reason": reason, "message": "m"}}})
}

#[test]
fn pods_by_phase() {
    let ready = |status: &str| json!([condition("Ready", status, "ContainersNotReady")]);
    let crashed = json!([{"name": "grind", "ready": false, "restartCount": 2, "state": {"running": {}},
        "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]);
    let ended = |code: i64| json!([{"name": "grind", "state": {"terminated": {"exitCode": code, "reason": "Error"}}}]);
    check(
        &HealthRules::none(),
        &[
            (pod("Always", json!({})), Progressing, "NoStatus"),
            (pod("Always", json!({"phase": "Pending"})), Progressing, "Pending"),
            (pod("Always", json!({"phase": "Running", "conditions": ready("True")})), Healthy, "Ready"),
            (
                pod("Always", json!({"phase": "Running", "conditions": ready("False")})),
                Progressing,
                "ContainersNotReady",
            ),
            (
                pod(
                    "Always",
                    json!({"phase": "Running", "conditions": ready("False"), "containerStatuses": crashed}),
                ),
                Degraded,
                "OOMKilled",
            ),
            // Recovered: an old crash does not count once it is ready again.
            (
                pod(
                    "Always",
                    json!({"phase": "Running", "conditions": ready("True"), "containerStatuses": crashed}),
                ),
                Healthy,
                "Ready",
            ),
            (pod("Never", json!({"phase": "Running", "conditions": ready("True")})), Progressing, "Running"),
            (pod("OnFailure", json!({"phase": "Running"})), Progressing, "Running"),
            (pod("Never", json!({"phase": "Succeeded"})), Healthy, "Succeeded"),
            (
                pod("Never", json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"})),
                Degraded,
                "Evicted",
            ),
            (pod("Never", json!({"phase": "Failed", "containerStatuses": ended(3)})), Degraded, "Error"),
            (pod("Never", json!({"phase": "Failed"})), Degraded, "Failed"),
            (pod("Always", json!({"phase": "Unknown", "reason": "NodeLost"})), Unknown, "NodeLost"),
        ],
    );
}

#[test]
fn pods_by_what_their_containers_wait_for() {
    let main = |policy: &str, reason: &str| {
        pod(policy, json!({"phase": "Pending", "containerStatuses": [waiting(reason)]}))
    };
    let init =
        |reason: &str| pod("Always", json!({"phase": "Pending", "initContainerStatuses": [waiting(reason)]}));
    check(
        &HealthRules::none(),
        &[
            (main("Always", "ContainerCreating"), Progressing, "ContainerCreating"),
            (main("Always", "PodInitializing"), Progressing, "PodInitializing"),
            (main("Always", "CrashLoopBackOff"), Degraded, "CrashLoopBackOff"),
            (main("Always", "ImagePullBackOff"), Degraded, "ImagePullBackOff"),
            (main("Always", "ErrImagePull"), Degraded, "ErrImagePull"),
            (main("Always", "InvalidImageName"), Degraded, "InvalidImageName"),
            (main("Always", "CreateContainerConfigError"), Degraded, "CreateContainerConfigError"),
            (main("Always", "RunContainerError"), Degraded, "RunContainerError"),
            (init("CrashLoopBackOff"), Degraded, "CrashLoopBackOff"),
            (init("PodInitializing"), Progressing, "PodInitializing"),
            // A Job counts crashes itself; an image that is not there it cannot cure.
            (main("OnFailure", "CrashLoopBackOff"), Progressing, "CrashLoopBackOff"),
            (main("Never", "ImagePullBackOff"), Degraded, "ImagePullBackOff"),
            (main("Never", "CreateContainerConfigError"), Degraded, "CreateContainerConfigError"),
        ],
    );
}

#[test]
fn pods_that_are_not_scheduled() {
    let unscheduled = |c: Value| pod("Always", json!({"phase": "Pending", "conditions": [c]}));
    check(
        &HealthRules::none(),
        &[
            (unscheduled(condition("PodScheduled", "False", "Unschedulable")), Progressing, "Unschedulable"),
            (unscheduled(old("PodScheduled", "False", "Unschedulable")), Degraded, "Unschedulable"),
            (unscheduled(old("PodScheduled", "False", "SchedulingGated")), Progressing, "SchedulingGated"),
        ],
    );
}

#[test]
fn jobs_and_cron_jobs() {
    let job = |spec: Value, status: Value| of("batch/v1", "Job", json!({"spec": spec, "status": status}));
    let with = |c: Value| json!({"conditions": [c]});
    let cron =
        |spec: Value, status: Value| of("batch/v1", "CronJob", json!({"spec": spec, "status": status}));
    let (nine, ten) = ("2030-01-01T09:00:00Z", "2030-01-01T10:00:00Z");
    check(
        &HealthRules::none(),
        &[
            (job(json!({}), json!({})), Progressing, "NotStarted"),
            (job(json!({}), json!({"startTime": nine, "active": 1})), Progressing, "Running"),
            (job(json!({}), with(condition("Complete", "True", ""))), Healthy, "Complete"),
            (
                job(json!({}), with(condition("Failed", "True", "BackoffLimitExceeded"))),
                Degraded,
                "BackoffLimitExceeded",
            ),
            // The status of a condition counts, unlike upstream.
            (job(json!({}), with(condition("Failed", "False", ""))), Progressing, "NotStarted"),
            (
                job(json!({}), with(condition("FailureTarget", "True", "DeadlineExceeded"))),
                Degraded,
                "DeadlineExceeded",
            ),
            (job(json!({}), with(condition("Suspended", "True", "JobSuspended"))), Suspended, "Suspended"),
            // Resumed: runs again, unlike upstream.
            (
                job(
                    json!({}),
                    json!({"startTime": nine, "conditions": [condition("Suspended", "False", "JobResumed")]}),
                ),
                Progressing,
                "Running",
            ),
            (job(json!({"suspend": true}), json!({})), Suspended, "Suspended"),
            (cron(json!({"suspend": true}), json!({})), Suspended, "Suspended"),
            (cron(json!({}), json!({})), Healthy, "NeverScheduled"),
            (cron(json!({}), json!({"active": [{}], "lastScheduleTime": ten})), Progressing, "Active"),
            (
                cron(json!({}), json!({"lastScheduleTime": nine, "lastSuccessfulTime": ten})),
                Healthy,
                "LastRunSucceeded",
            ),
            (
                cron(json!({}), json!({"lastScheduleTime": ten, "lastSuccessfulTime": nine})),
                Degraded,
                "LastRunFailed",
            ),
            (cron(json!({}), json!({"lastScheduleTime": ten})), Degraded, "LastRunFailed"),
        ],
    );
}

#[test]
fn storage() {
    let claim = |status: Value| of("v1", "PersistentVolumeClaim", json!({"status": status}));
    let volume = |spec: Value, phase: &str| {
        of("v1", "PersistentVolume", json!({"spec": spec, "status": {"phase": phase}}))
    };
    let attachment = |status: Value| of("storage.k8s.io/v1", "VolumeAttachment", json!({"status": status}));
    check(
        &HealthRules::none(),
        &[
            (claim(json!({"phase": "Bound"})), Healthy, "Bound"),
            (claim(json!({"phase": "Pending"})), Progressing, "Pending"),
            (claim(json!({"phase": "Lost"})), Degraded, "Lost"),
            (
                claim(json!({"phase": "Bound", "conditions": [condition("NodeResizeError", "True", "")]})),
                Degraded,
                "NodeResizeError",
            ),
            (volume(json!({}), "Bound"), Healthy, "Bound"),
            (volume(json!({}), "Available"), Healthy, "Available"),
            (volume(json!({"persistentVolumeReclaimPolicy": "Retain"}), "Released"), Healthy, "Released"),
            (volume(json!({"persistentVolumeReclaimPolicy": "Delete"}), "Released"), Progressing, "Released"),
            (volume(json!({}), "Failed"), Degraded, "Failed"),
            (volume(json!({}), "Pending"), Progressing, "Pending"),
            (attachment(json!({"attached": true})), Healthy, "Attached"),
            (attachment(json!({"attached": false})), Progressing, "Attaching"),
            (attachment(json!({"attachError": {"message": "in use elsewhere"}})), Degraded, "attachError"),
        ],
    );
}

#[test]
fn network() {
    let service =
        |kind: &str, status: Value| of("v1", "Service", json!({"spec": {"type": kind}, "status": status}));
    let ingress = |status: Value| of("networking.k8s.io/v1", "Ingress", json!({"status": status}));
    let address = || json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}});
    let of_none = |api: &str, kind: &str| of(api, kind, json!({}));
    check(
        &HealthRules::none(),
        &[
            (service("ClusterIP", json!({"loadBalancer": {}})), Healthy, "ClusterIP"),
            (service("LoadBalancer", json!({"loadBalancer": {}})), Progressing, "LoadBalancerPending"),
            (service("LoadBalancer", address()), Healthy, "LoadBalancerReady"),
            (ingress(json!({"loadBalancer": {}})), Progressing, "NoAddress"),
            (ingress(address()), Healthy, "AddressAssigned"),
            (of_none("networking.k8s.io/v1", "NetworkPolicy"), Healthy, "Exists"),
            (of_none("discovery.k8s.io/v1", "EndpointSlice"), Healthy, "Exists"),
            (of_none("rbac.authorization.k8s.io/v1", "Role"), Healthy, "Exists"),
            (of("v1", "ResourceQuota", json!({"status": {"hard": {"pods": "3"}}})), Healthy, "Exists"),
        ],
    );
}

#[test]
fn cluster() {
    let node = |spec: Value, conditions: Value| {
        of("v1", "Node", json!({"spec": spec, "status": {"conditions": conditions}}))
    };
    let kubelet = |status: &str| condition("Ready", status, "Kubelet");
    let api =
        |c: Value| of("apiregistration.k8s.io/v1", "APIService", json!({"status": {"conditions": [c]}}));
    let definition = |conditions: Value| {
        of(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({"status": {"conditions": conditions}}),
        )
    };
    let names = || condition("NamesAccepted", "True", "NoConflicts");
    let request =
        |status: Value| of("certificates.k8s.io/v1", "CertificateSigningRequest", json!({"status": status}));
    check(
        &HealthRules::none(),
        &[
            (node(json!({}), json!([kubelet("True")])), Healthy, "Kubelet"),
            (node(json!({}), json!([])), Progressing, "NoStatus"),
            (node(json!({}), json!([kubelet("False")])), Degraded, "Kubelet"),
            (node(json!({}), json!([kubelet("Unknown")])), Degraded, "Kubelet"),
            (
                node(json!({}), json!([kubelet("True"), condition("DiskPressure", "True", "Full")])),
                Degraded,
                "Full",
            ),
            (node(json!({"unschedulable": true}), json!([kubelet("True")])), Suspended, "Cordoned"),
            (of("v1", "Namespace", json!({"status": {"phase": "Active"}})), Healthy, "Active"),
            (of("v1", "Namespace", json!({"status": {"phase": "Terminating"}})), Progressing, "Terminating"),
            (api(condition("Available", "True", "Local")), Healthy, "Local"),
            (
                api(condition("Available", "False", "FailedDiscoveryCheck")),
                Progressing,
                "FailedDiscoveryCheck",
            ),
            // More than upstream: an API that has been away for long does not come back by waiting.
            (api(old("Available", "False", "FailedDiscoveryCheck")), Degraded, "FailedDiscoveryCheck"),
            (
                definition(json!([names(), condition("Established", "True", "Initial")])),
                Healthy,
                "Established",
            ),
            (
                definition(json!([names(), condition("Established", "False", "Installing")])),
                Progressing,
                "Installing",
            ),
            (
                definition(json!([names(), condition("Established", "False", "NotAccepted")])),
                Degraded,
                "NotAccepted",
            ),
            (
                definition(json!([condition("NamesAccepted", "False", "ListKindConflict")])),
                Degraded,
                "ListKindConflict",
            ),
            (
                definition(json!([names(), condition("NonStructuralSchema", "True", "Violations")])),
                Degraded,
                "Violations",
            ),
            (
                definition(json!([condition("Terminating", "True", "InstanceDeletion")])),
                Progressing,
                "Terminating",
            ),
            (definition(json!([])), Progressing, "NoStatus"),
            (request(json!({})), Progressing, "Pending"),
            (request(json!({"conditions": [condition("Approved", "True", "A")]})), Progressing, "Approved"),
            (
                request(json!({"certificate": "eA==", "conditions": [condition("Approved", "True", "A")]})),
                Healthy,
                "Issued",
            ),
            (request(json!({"conditions": [condition("Denied", "True", "No")]})), Degraded, "No"),
        ],
    );
}

#[test]
fn autoscalers_and_budgets() {
    let scaler = |conditions: Value| {
        of("autoscaling/v2", "HorizontalPodAutoscaler", json!({"status": {"conditions": conditions}}))
    };
    let v1 = |text: &str| {
        let notes = json!({"autoscaling.alpha.kubernetes.io/conditions": text});
        of(
            "autoscaling/v1",
            "HorizontalPodAutoscaler",
            json!({"metadata": {"annotations": notes}, "status": {}}),
        )
    };
    let budget = |status: Value| {
        of("policy/v1", "PodDisruptionBudget", json!({"metadata": {"generation": 1}, "status": status}))
    };
    let pods = |healthy: i64, needed: i64, c: Value| json!({"observedGeneration": 1, "currentHealthy": healthy, "desiredHealthy": needed, "conditions": [c]});
    let able = || condition("AbleToScale", "True", "ReadyForNewScale");
    check(
        &HealthRules::none(),
        &[
            (
                scaler(json!([able(), condition("ScalingActive", "True", "ValidMetricFound")])),
                Healthy,
                "ValidMetricFound",
            ),
            (scaler(json!([able()])), Healthy, "ReadyForNewScale"),
            (
                scaler(json!([able(), condition("ScalingActive", "False", "ScalingDisabled")])),
                Healthy,
                "ReadyForNewScale",
            ),
            (
                scaler(json!([able(), condition("ScalingActive", "False", "FailedGetResourceMetric")])),
                Degraded,
                "FailedGetResourceMetric",
            ),
            (
                scaler(json!([condition("AbleToScale", "False", "FailedGetScale")])),
                Degraded,
                "FailedGetScale",
            ),
            (
                scaler(json!([able(), condition("ScalingActive", "False", "InvalidSelector")])),
                Degraded,
                "InvalidSelector",
            ),
            (scaler(json!([])), Progressing, "NotActive"),
            (
                v1(r#"[{"type":"AbleToScale","status":"True","reason":"SucceededGetScale"}]"#),
                Healthy,
                "SucceededGetScale",
            ),
            (
                v1(r#"[{"type":"AbleToScale","status":"False","reason":"FailedGetScale"}]"#),
                Degraded,
                "FailedGetScale",
            ),
            (v1("[{"), Progressing, "NotActive"),
            (
                budget(pods(2, 1, condition("DisruptionAllowed", "True", "SufficientPods"))),
                Healthy,
                "SufficientPods",
            ),
            (
                budget(pods(1, 1, condition("DisruptionAllowed", "False", "InsufficientPods"))),
                Healthy,
                "InsufficientPods",
            ),
            (
                budget(pods(1, 2, condition("DisruptionAllowed", "False", "InsufficientPods"))),
                Degraded,
                "InsufficientPods",
            ),
            (
                budget(pods(2, 1, condition("DisruptionAllowed", "False", "SyncFailed"))),
                Degraded,
                "SyncFailed",
            ),
            (budget(json!({"observedGeneration": 0})), Progressing, "NotObserved"),
            (budget(json!({})), Progressing, "NoStatus"),
        ],
    );
}
