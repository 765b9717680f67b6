//! Deployments, StatefulSets, DaemonSets, ReplicaSets.

use serde_json::{Value, json};

use super::{condition, of, old};
use crate::health::HealthRules;
use crate::health::HealthStatus::{Degraded, Healthy, Progressing, Suspended};
use crate::health::tests::check;

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
            // Paused says more than a deadline: nothing is tried until somebody resumes it.
            (
                deployment(
                    1,
                    json!({"paused": true}),
                    status(1, [1, 1, 3], json!([condition("Progressing", "Unknown", "DeploymentPaused")])),
                ),
                Suspended,
                "DeploymentPaused",
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
                set(
                    json!({"replicas": 2}),
                    json!({"observedGeneration": 1, "replicas": 3, "readyReplicas": 3}),
                ),
                Progressing,
                "PodsTerminating",
            ),
            (set(json!({"replicas": 0}), json!({"observedGeneration": 1})), Healthy, "PodsReady"),
            (
                set(
                    json!({"replicas": 2, "updateStrategy": {"type": "OnDelete"}}),
                    json!({"observedGeneration": 1, "readyReplicas": 1}),
                ),
                Progressing,
                "PodsNotReady",
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
                set("DaemonSet", json!({"updateStrategy": {"type": "OnDelete"}}), counts(1, 3)),
                Healthy,
                "OnDelete",
            ),
            // More than upstream: on delete is about updates, and a pod that is not there serves nobody.
            (
                set("DaemonSet", json!({"updateStrategy": {"type": "OnDelete"}}), counts(1, 2)),
                Progressing,
                "PodsUnavailable",
            ),
            (
                set("DaemonSet", json!({}), json!({"observedGeneration": 2, "desiredNumberScheduled": 0})),
                Healthy,
                "PodsAvailable",
            ),
            (
                set(
                    "ReplicaSet",
                    json!({"replicas": 1}),
                    json!({"observedGeneration": 2, "replicas": 2, "availableReplicas": 2}),
                ),
                Progressing,
                "PodsTerminating",
            ),
            (
                set("ReplicaSet", json!({"replicas": 0}), json!({"observedGeneration": 2})),
                Healthy,
                "ReplicasAvailable",
            ),
            (
                of(
                    "v1",
                    "ReplicationController",
                    json!({"spec": {"replicas": 2}, "status": {"replicas": 2, "availableReplicas": 1}}),
                ),
                Progressing,
                "ReplicasUnavailable",
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
