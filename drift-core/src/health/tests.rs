//! Tables of what upstream says, for kinds with a check, and of what the conventions make of invented kinds.

mod builtin;
mod conventions;
pub(crate) mod kinds;
mod tables;

use serde_json::Value;

use super::*;
use crate::object::Doc;

/// The time of all tables: ten hours into a day.
const NOW: &str = "2030-01-01T10:00:00Z";

pub(super) fn object(value: &Value) -> Object {
    let mut value = value.clone();
    value["metadata"]["name"] = "a".into();
    Object::new(Doc::from_value(&value).unwrap()).unwrap()
}

pub(super) fn judged(value: &Value, rules: &HealthRules) -> Health {
    assess(&object(value), &HealthContext { now: NOW.parse().unwrap(), rules, previous: None })
}

#[track_caller]
pub(super) fn check(rules: &HealthRules, rows: &[(Value, HealthStatus, &str)]) {
    for (value, status, reason) in rows {
        let health = judged(value, rules);
        crate::fault::laws::check_object(&object(value), NOW.parse().unwrap());
        assert_eq!((health.status, health.reason.as_str()), (*status, *reason), "{value}\n{health:?}");
    }
}

#[test]
fn deletion_comes_before_everything() {
    let health = judged(
        &serde_json::json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"deletionTimestamp": "2030-01-01T09:00:00Z", "finalizers": ["lab.example/wait"]},
            "status": {"phase": "Failed"}
        }),
        &HealthRules::none(),
    );
    assert_eq!(health.status, HealthStatus::Progressing);
    assert_eq!(health.message, "Pending deletion, waits for lab.example/wait");
    assert_eq!(health.since.unwrap().to_string(), "2030-01-01T09:00:00Z");
}

#[test]
fn since_is_the_conditions_or_carried_over_or_the_time_of_the_change() {
    let claim = |phase: &str| {
        object(
            &serde_json::json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": phase}}),
        )
    };
    let rules = HealthRules::none();
    let judge = |object: &Object, now: &str, previous: Option<&Health>| {
        assess(object, &HealthContext { now: now.parse().unwrap(), rules: &rules, previous })
    };
    let first = judge(&claim("Bound"), "2030-01-01T01:00:00Z", None);
    assert_eq!(first.since, None, "nothing tells since when");
    let lost = judge(&claim("Lost"), "2030-01-01T02:00:00Z", Some(&first));
    assert_eq!(lost.since.unwrap().to_string(), "2030-01-01T02:00:00Z");
    let still = judge(&claim("Lost"), "2030-01-01T03:00:00Z", Some(&lost));
    assert_eq!(still.since, lost.since);
}

#[test]
fn what_has_no_health_is_said_to_be_unknown_or_there() {
    let rules = HealthRules::none();
    let map = judged(&serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap"}), &rules);
    assert_eq!((map.status, map.basis), (HealthStatus::Healthy, HealthBasis::BuiltIn));
    let odd =
        serde_json::json!({"apiVersion": "lab.example/v1", "kind": "Odd", "status": {"colour": "blue"}});
    let odd = judged(&odd, &rules);
    assert_eq!((odd.status, odd.basis), (HealthStatus::Unknown, HealthBasis::NoSignal));
}

#[test]
fn the_newest_time_is_of_the_past() {
    let certificate = serde_json::json!({
        "apiVersion": "lab.example/v1", "kind": "Permit", "metadata": {"creationTimestamp": "2030-01-01T01:00:00Z"},
        "status": {"notAfter": "2031-01-01T00:00:00Z", "conditions": [{"lastTransitionTime": "2030-01-01T02:00:00Z"}]}
    });
    let newest = newest_time(object(&certificate).root()).unwrap();
    assert_eq!(newest.to_string(), "2030-01-01T02:00:00Z");
}

mod laws {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::*;
    use crate::object::Doc;

    /// Words that the judgements look for, so that generated statuses hit them.
    fn word() -> impl Strategy<Value = String> {
        prop::sample::select(vec![
            "Ready",
            "True",
            "False",
            "Unknown",
            "Failed",
            "phase",
            "state",
            "conditions",
            "type",
            "status",
            "reason",
            "message",
            "lastTransitionTime",
            "2030-01-01T00:00:00Z",
            "replicas",
            "readyReplicas",
            "observedGeneration",
            "waiting",
            "terminated",
            "containerStatuses",
            "CrashLoopBackOff",
            "Bound",
            "error",
            "*",
            "",
            "ünï",
        ])
        .prop_map(str::to_owned)
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            word().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(word(), inner, 0..6)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    fn kinds() -> impl Strategy<Value = (&'static str, &'static str)> {
        prop::sample::select(vec![
            ("v1", "Pod"),
            ("v1", "Node"),
            ("v1", "Service"),
            ("apps/v1", "Deployment"),
            ("apps/v1", "StatefulSet"),
            ("apps/v1", "DaemonSet"),
            ("batch/v1", "Job"),
            ("batch/v1", "CronJob"),
            ("lab.example/v1", "Kiln"),
            ("autoscaling/v2", "HorizontalPodAutoscaler"),
            ("policy/v1", "PodDisruptionBudget"),
            ("argoproj.io/v1alpha1", "Rollout"),
            ("keda.sh/v1alpha1", "ScaledObject"),
            ("lab.example/v1", "KilnJob"),
        ])
    }

    proptest! {
        #[test]
        fn anything_is_judged_and_the_same_way_twice((api, kind) in kinds(), spec in values(), status in values()) {
            let value = json!({
                "apiVersion": api, "kind": kind, "metadata": {"name": "a", "generation": 2}, "spec": spec, "status": status
            });
            let Ok(doc) = Doc::from_value(&value) else { return Ok(()) };
            let object = Object::new(doc).unwrap();
            let rules = HealthRules::bundled();
            let context = HealthContext { now: Timestamp::UNIX_EPOCH, rules: &rules, previous: None };
            let health = assess(&object, &context);
            prop_assert_eq!(&health, &assess(&object, &context));
            prop_assert!(!health.reason.is_empty());
            // The basis is Unknown exactly when nothing was found to go by, but a rule or a word may also say so.
            if health.basis == HealthBasis::NoSignal {
                prop_assert_eq!(health.status, HealthStatus::Unknown);
            }
        }

        #[test]
        fn conditions_do_not_depend_on_their_order(mut types in prop::collection::vec(
            (prop::sample::select(vec!["Ready", "Synced", "Failed", "Paused", "Reconciling", "DiskPressure"]),
             prop::sample::select(vec!["True", "False", "Unknown"]),
             prop::sample::select(vec!["", "Creating", "CreateFailed", "Suspended"])), 0..5))
        {
            types.sort_unstable();
            types.dedup_by_key(|t| t.0);
            let judge = |types: &[(&str, &str, &str)]| {
                let conditions: Vec<Value> =
                    types.iter().map(|(t, s, r)| json!({"type": t, "status": s, "reason": r})).collect();
                let value = json!({
                    "apiVersion": "lab.example/v1", "kind": "Kiln", "metadata": {"name": "a"},
                    "status": {"seen": 1, "conditions": conditions}
                });
                let rules = HealthRules::none();
                let context = HealthContext { now: Timestamp::UNIX_EPOCH, rules: &rules, previous: None };
                assess(&Object::new(Doc::from_value(&value).unwrap()).unwrap(), &context).status
            };
            let forward = judge(&types);
            types.reverse();
            prop_assert_eq!(forward, judge(&types));
        }
    }
}
