//! Pods: phases, containers, scheduling.

use serde_json::{Value, json};

use super::{condition, of, old};
use crate::health::HealthRules;
use crate::health::HealthStatus::{Degraded, Healthy, Progressing, Unknown};
use crate::health::tests::check;

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
            (main("Always", "CreateContainerError"), Degraded, "CreateContainerError"),
            (main("Always", "ImageInspectError"), Degraded, "ImageInspectError"),
            (main("Always", "ErrImageNeverPull"), Degraded, "ErrImageNeverPull"),
            (main("Always", "PostStartHookError"), Degraded, "PostStartHookError"),
            (
                pod(
                    "Always",
                    json!({"phase": "Pending", "initContainerStatuses": [
                        {"name": "sweep", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}
                    ]}),
                ),
                Degraded,
                "Error",
            ),
            (
                pod(
                    "Always",
                    json!({"phase": "Pending", "initContainerStatuses": [
                    {"name": "sweep", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
                ], "containerStatuses": [waiting("PodInitializing")]}),
                ),
                Progressing,
                "PodInitializing",
            ),
            // A sidecar is an init container that keeps running: its crash keeps the pod from being ready.
            (
                pod(
                    "Always",
                    json!({"phase": "Running", "initContainerStatuses": [waiting("CrashLoopBackOff")]}),
                ),
                Degraded,
                "CrashLoopBackOff",
            ),
            (
                pod(
                    "Always",
                    json!({"phase": "Running", "conditions": [condition("Ready", "False", "ReadinessGatesNotReady")]}),
                ),
                Progressing,
                "ReadinessGatesNotReady",
            ),
            // A Job counts crashes itself; an image that is not there it cannot cure.
            (main("OnFailure", "CrashLoopBackOff"), Progressing, "CrashLoopBackOff"),
            (main("Never", "ImagePullBackOff"), Degraded, "ImagePullBackOff"),
            (main("Never", "CreateContainerConfigError"), Degraded, "CreateContainerConfigError"),
        ],
    );
}

#[test]
fn pods_that_are_ready_between_two_crashes() {
    let crashing = |restarts: i64, finished: &str| {
        let status = json!({"name": "grind", "ready": true, "restartCount": restarts, "state": {"running": {}},
            "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": finished}}});
        let conditions = json!([condition("Ready", "True", "")]);
        pod("Always", json!({"phase": "Running", "conditions": conditions, "containerStatuses": [status]}))
    };
    check(
        &HealthRules::none(),
        &[
            (crashing(5, "2030-01-01T09:58:00Z"), Progressing, "OOMKilled"),
            // Recovered: the kubelet has forgotten the crash as well.
            (crashing(5, "2030-01-01T09:45:00Z"), Healthy, "Ready"),
            (crashing(1, "2030-01-01T09:58:00Z"), Healthy, "Ready"),
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
