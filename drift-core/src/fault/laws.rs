//! What holds between faults and health, for every object and every tape of the tests.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::status::shown_by_itself;
use super::{FaultBasis, FaultKind, faults_of};
use crate::health::{HealthContext, HealthRules, HealthStatus, assess};
use crate::history::History;
use crate::object::{Doc, Object};

/// Checks one fault against what health says about the same object at the same time.
#[track_caller]
fn check(kind: FaultKind, basis: FaultBasis, health: HealthStatus, what: &dyn std::fmt::Debug) {
    let is_well = matches!(health, HealthStatus::Healthy | HealthStatus::Suspended);
    let is_of_others = kind.needs_another_object() || kind.is_asked_for();
    match basis {
        FaultBasis::Health => {
            assert!(!is_well, "{kind:?}, but {health:?}: {what:?}");
            assert!(!is_of_others, "{kind:?} by a status alone: {what:?}");
        }
        FaultBasis::Request => assert!(kind.is_asked_for(), "{kind:?} asked for: {what:?}"),
        FaultBasis::Event | FaultBasis::AnotherObject | FaultBasis::History => {}
    }
}

fn status_of(object: &Object, now: Timestamp) -> HealthStatus {
    assess(object, &HealthContext { now, rules: &HealthRules::bundled(), previous: None }).status
}

/// Checks what one object shows by itself.
#[track_caller]
pub(crate) fn check_object(object: &Object, now: Timestamp) {
    let health = status_of(object, now);
    for found in shown_by_itself(object, now) {
        check(found.kind, found.basis, health, &(&found, object.doc()));
    }
}

/// Checks every version of every resource of a history by itself, and the faults at its end.
#[track_caller]
pub(crate) fn check_history(history: &History) {
    let Some(end) = history.end() else { return };
    for key in history.keys() {
        for version in history.versions(key) {
            version.object.iter().for_each(|o| check_object(o, version.at.time));
        }
        let Some(object) = history.now(key) else { continue };
        let health = status_of(object, end.time);
        faults_of(history, key, &HealthRules::bundled())
            .iter()
            .for_each(|f| check(f.kind, f.basis, health, f));
    }
}

fn object(mut value: Value) -> Object {
    value["metadata"]["name"] = "a".into();
    Object::new(Doc::from_value(&value).unwrap()).unwrap()
}

#[test]
fn recorded_kinds_agree() {
    let now = "2030-01-01T10:00:00Z".parse().unwrap();
    let all = crate::health::tests::kinds::objects();
    assert!(all.len() > 300);
    all.into_iter().for_each(|value| check_object(&object(value), now));
}

const TIMES: [&str; 3] = ["2030-01-01T09:59:58Z", "2030-01-01T09:55:00Z", "2029-12-31T10:00:00Z"];

fn any_of(words: &'static [&'static str]) -> prop::sample::Select<&'static str> {
    prop::sample::select(words)
}

fn conditions() -> impl Strategy<Value = Value> {
    let types = any_of(&[
        "Ready",
        "Available",
        "Progressing",
        "ReplicaFailure",
        "Failed",
        "Complete",
        "Suspended",
        "PodScheduled",
        "DisruptionTarget",
        "ScalingActive",
        "AbleToScale",
        "ScalingLimited",
        "Synced",
        "Degraded",
        "Stalled",
        "Reconciling",
        "Paused",
        "ComparisonError",
        "MemoryPressure",
        "Accepted",
        "Healthy",
        "Established",
    ]);
    let reasons = any_of(&[
        "",
        "FailedCreate",
        "ProgressDeadlineExceeded",
        "NewReplicaSetAvailable",
        "Unschedulable",
        "TooManyReplicas",
        "FailedGetResourceMetric",
        "ScalingDisabled",
        "PreemptionByScheduler",
        "NotReady",
        "Creating",
        "Error",
        "ReconciliationSucceeded",
        "Progressing",
        "BackoffLimitExceeded",
    ]);
    let messages = any_of(&["", "pods is forbidden: User \"x\" cannot create pods", "exceeded quota: small"]);
    let one = (types, any_of(&["True", "False", "Unknown"]), reasons, messages, any_of(&TIMES)).prop_map(
        |(name, status, reason, message, time)| {
            json!({"type": name, "status": status, "reason": reason, "message": message, "lastTransitionTime": time})
        },
    );
    prop::collection::vec(one, 0..4).prop_map(Value::from)
}

fn containers() -> impl Strategy<Value = Value> {
    let waiting = any_of(&[
        "ContainerCreating",
        "PodInitializing",
        "ErrImagePull",
        "ImagePullBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "CrashLoopBackOff",
        "RegistryUnavailable",
    ])
    .prop_map(|reason| json!({"waiting": {"reason": reason, "message": ""}}));
    let ended = (0..3_i64, any_of(&["Error", "Completed", "OOMKilled", "StartError"]), any_of(&TIMES))
        .prop_map(|(code, reason, time)| {
            json!({"terminated": {"exitCode": code, "reason": reason, "finishedAt": time}})
        });
    let state = prop_oneof![Just(json!({"running": {}})), waiting, ended.clone()];
    let last = prop_oneof![Just(json!({})), ended];
    let one = (any::<bool>(), 0..4_i64, state, last).prop_map(|(ready, restarts, state, last)| {
        json!({"name": "app", "ready": ready, "restartCount": restarts, "state": state, "lastState": last})
    });
    prop::collection::vec(one, 0..3).prop_map(Value::from)
}

fn specs() -> impl Strategy<Value = Value> {
    let policy = any_of(&["Always", "OnFailure", "Never"]);
    (0..4_i64, any::<bool>(), any::<bool>(), policy).prop_map(|(replicas, paused, suspend, policy)| {
        json!({"replicas": replicas, "paused": paused, "suspend": suspend, "restartPolicy": policy})
    })
}

fn statuses() -> impl Strategy<Value = Value> {
    let counts = prop::collection::vec(0..4_i64, 8);
    let phase = any_of(&[
        "",
        "Pending",
        "Running",
        "Succeeded",
        "Failed",
        "Unknown",
        "Bound",
        "Lost",
        "Terminating",
        "Creating",
        "Updating",
        "Degraded",
        "Ready",
        "Paused",
        "Stopped",
        "Error",
    ]);
    let word =
        any_of(&["", "Healthy", "Progressing", "Degraded", "Missing", "Suspended", "Failed", "Succeeded"]);
    let sync = any_of(&["", "Synced", "OutOfSync", "Unknown"]);
    (counts, phase, conditions(), containers(), word, word_of_operation(), sync).prop_map(
        |(n, phase, conditions, containers, word, operation, sync)| {
            json!({
                "replicas": n[0], "updatedReplicas": n[1], "availableReplicas": n[2], "readyReplicas": n[2],
                "desiredNumberScheduled": n[0], "updatedNumberScheduled": n[1], "numberAvailable": n[2],
                "active": n[3], "succeeded": n[4], "failed": n[5], "observedGeneration": n[6], "phase": phase,
                "conditions": conditions, "containerStatuses": containers, "health": {"status": word},
                "operationState": {"phase": operation}, "sync": {"status": sync},
            })
        },
    )
}

fn word_of_operation() -> impl Strategy<Value = &'static str> {
    any_of(&["", "Running", "Failed", "Error", "Succeeded"])
}

fn objects() -> impl Strategy<Value = Object> {
    let kinds = prop::sample::select(vec![
        ("v1", "Pod"),
        ("v1", "Node"),
        ("v1", "Namespace"),
        ("v1", "Service"),
        ("v1", "PersistentVolumeClaim"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("apps/v1", "ReplicaSet"),
        ("argoproj.io/v1alpha1", "Rollout"),
        ("argoproj.io/v1alpha1", "Application"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("policy/v1", "PodDisruptionBudget"),
        ("apiregistration.k8s.io/v1", "APIService"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
        ("cert-manager.io/v1", "Certificate"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute"),
        ("lab.example/v1", "Kiln"),
    ]);
    (kinds, specs(), statuses(), 0..4_i64, prop::option::weighted(0.1, any_of(&TIMES))).prop_map(
        |((api, kind), spec, status, generation, deleted)| {
            let mut meta = json!({"generation": generation, "creationTimestamp": TIMES[2]});
            if let Some(time) = deleted {
                meta["deletionTimestamp"] = time.into();
                meta["finalizers"] = json!(["lab.example/wait"]);
            }
            object(json!({"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec, "status": status}))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn generated_objects_agree(object in objects()) {
        check_object(&object, "2030-01-01T10:00:00Z".parse().unwrap());
    }
}
