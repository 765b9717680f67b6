use serde_json::{Value, json};

use super::*;
use crate::object::Doc;

fn object(value: &Value) -> Object {
    Object::new(Doc::from_value(value).unwrap()).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + second).unwrap()
}

/// A Deployment of three: image, generation, observed, and the counts updated, available, total.
fn deployment(image: &str, generation: i64, observed: i64, [updated, available, total]: [i64; 3]) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "mill", "namespace": "lab", "uid": "u1", "generation": generation,
            "creationTimestamp": at(0).to_string(),
            "annotations": {"deployment.kubernetes.io/revision": generation.to_string()}
        },
        "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "grind", "image": image}]}}},
        "status": {
            "observedGeneration": observed, "updatedReplicas": updated, "availableReplicas": available, "replicas": total
        }
    })
}

fn run(versions: &[(i64, Value)], now: i64) -> Vec<Rollout> {
    let objects: Vec<_> = versions.iter().map(|(second, value)| (at(*second), object(value))).collect();
    let versions: Vec<_> = objects.iter().map(|(at, object)| WorkloadVersion { at: *at, object }).collect();
    rollouts(&versions, at(now))
}

fn states(rollout: &Rollout) -> Vec<(i64, RolloutState)> {
    rollout.steps.iter().map(|(t, s)| (t.as_second() - 1_900_000_000, *s)).collect()
}

use RolloutState::{Completed, Paused, Progressing, RolledBack, Stalled, Started, Superseded};

#[test]
fn a_rollout_starts_progresses_and_completes() {
    let all = run(
        &[
            (1, deployment("grind:1", 1, 0, [0, 0, 0])),
            (2, deployment("grind:1", 1, 1, [1, 0, 1])),
            (3, deployment("grind:1", 1, 1, [3, 1, 3])),
            (9, deployment("grind:1", 1, 1, [3, 3, 3])),
        ],
        100,
    );
    assert_eq!(all.len(), 1);
    assert_eq!(states(&all[0]), [(0, Started), (2, Progressing), (9, Completed)]);
    assert_eq!(all[0].trigger, RolloutTrigger::Created);
    assert_eq!(all[0].duration(at(100)), SignedDuration::from_secs(9));
    assert_eq!(all[0].first_progress, Some(at(2)));
    assert_eq!(all[0].revision.as_deref(), Some("1"));
}

#[test]
fn a_status_about_an_older_spec_does_not_complete_a_new_rollout() {
    let all = run(
        &[
            (9, deployment("grind:1", 1, 1, [3, 3, 3])),
            (20, deployment("grind:2", 2, 1, [3, 3, 3])),
            (21, deployment("grind:2", 2, 2, [1, 3, 4])),
        ],
        30,
    );
    assert_eq!(states(&all[1]), [(20, Started), (21, Progressing)]);
    let changed = ("grind".to_owned(), "grind:1".to_owned(), "grind:2".to_owned());
    assert_eq!(all[1].trigger, RolloutTrigger::Changed(vec![changed]));
    assert!(all[1].is_open());
    assert_eq!(all[0].state, Completed);
}

#[test]
fn a_change_before_the_end_supersedes() {
    let all = run(
        &[
            (9, deployment("grind:1", 1, 1, [3, 3, 3])),
            (20, deployment("grind:2", 2, 2, [1, 3, 4])),
            (30, deployment("grind:3", 3, 2, [1, 3, 4])),
            (40, deployment("grind:3", 3, 3, [3, 3, 3])),
        ],
        50,
    );
    assert_eq!(all.iter().map(|r| r.state).collect::<Vec<_>>(), [Completed, Superseded, Completed]);
    assert_eq!(all[1].ended, Some(at(30)));
}

#[test]
fn going_back_to_an_earlier_template_is_a_rollback_of_the_one_between() {
    let all = run(
        &[
            (9, deployment("grind:1", 1, 1, [3, 3, 3])),
            (20, deployment("grind:2", 2, 2, [1, 2, 4])),
            (30, deployment("grind:1", 3, 2, [1, 2, 4])),
            (40, deployment("grind:1", 3, 3, [3, 3, 3])),
        ],
        50,
    );
    assert_eq!(all.iter().map(|r| r.state).collect::<Vec<_>>(), [Completed, RolledBack, Completed]);
    assert_eq!(all[2].trigger, RolloutTrigger::RolledBack { to: Some("1".into()) });
}

fn replica_set(image: &str, revision: &str, born: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("mill-{revision}"), "namespace": "lab", "creationTimestamp": at(born).to_string(),
            "annotations": {"deployment.kubernetes.io/revision": revision}
        },
        "spec": {"template": {
            "metadata": {"labels": {"pod-template-hash": revision}},
            "spec": {"containers": [{"name": "grind", "image": image}]}
        }}
    })
}

#[test]
fn an_old_replica_set_tells_a_rollback_to_before_the_recording() {
    let all = run(
        &[
            (100, replica_set("grind:1", "1", 0)),
            (101, deployment("grind:2", 2, 2, [3, 3, 3])),
            (200, deployment("grind:1", 3, 2, [3, 3, 3])),
        ],
        210,
    );
    assert_eq!(all[1].trigger, RolloutTrigger::RolledBack { to: Some("1".into()) });
    assert_eq!(all[0].state, RolledBack);
}

#[test]
fn a_replica_set_recorded_before_the_change_that_made_it_is_no_rollback() {
    let all = run(
        &[
            (101, deployment("grind:2", 2, 2, [3, 3, 3])),
            (200, replica_set("grind:3", "3", 200)),
            (201, deployment("grind:3", 3, 2, [3, 3, 3])),
        ],
        210,
    );
    assert!(matches!(all[1].trigger, RolloutTrigger::Changed(_)), "{:?}", all[1].trigger);
    assert_eq!(all[0].state, Completed);
}

#[test]
fn a_restart_is_told_from_a_change() {
    let mut restarted = deployment("grind:1", 2, 2, [1, 3, 4]);
    restarted["spec"]["template"]["metadata"] =
        json!({"annotations": {"kubectl.kubernetes.io/restartedAt": "2030-03-17T00:00:00Z"}});
    let all = run(&[(9, deployment("grind:1", 1, 1, [3, 3, 3])), (20, restarted)], 30);
    assert_eq!(all[1].trigger, RolloutTrigger::Restarted);
}

#[test]
fn a_rollout_stalls_by_its_condition_and_goes_on() {
    let mut stuck = deployment("grind:2", 2, 2, [1, 3, 4]);
    stuck["status"]["conditions"] =
        json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
    let all = run(
        &[
            (9, deployment("grind:1", 1, 1, [3, 3, 3])),
            (20, deployment("grind:2", 2, 2, [1, 3, 4])),
            (620, stuck),
            (700, deployment("grind:2", 2, 2, [2, 3, 4])),
            (710, deployment("grind:2", 2, 2, [3, 3, 3])),
        ],
        800,
    );
    assert_eq!(
        states(&all[1]),
        [(20, Started), (20, Progressing), (620, Stalled), (700, Progressing), (710, Completed)]
    );
}

#[test]
fn silence_beyond_the_deadline_is_a_stall_that_began_with_the_last_progress() {
    let all = run(
        &[(9, deployment("grind:1", 1, 1, [3, 3, 3])), (20, deployment("grind:2", 2, 2, [1, 3, 4]))],
        20 + 601,
    );
    assert_eq!(states(&all[1]).last(), Some(&(620, Stalled)));
    assert_eq!((all[1].stalled, all[1].reason.as_deref()), (Some(at(20)), Some("NoProgress")));
    let early = run(&[(20, deployment("grind:2", 2, 2, [1, 3, 4]))], 600);
    assert_eq!(early[0].state, Progressing);
}

#[test]
fn a_paused_rollout_does_not_stall() {
    let mut paused = deployment("grind:2", 2, 2, [1, 3, 4]);
    paused["spec"]["paused"] = json!(true);
    let all = run(&[(9, deployment("grind:1", 1, 1, [3, 3, 3])), (20, paused)], 9000);
    assert_eq!(all[1].state, Paused);
}

#[test]
fn scaling_is_no_rollout() {
    let mut scaled = deployment("grind:1", 2, 2, [5, 3, 5]);
    scaled["spec"]["replicas"] = json!(5);
    assert_eq!(run(&[(9, deployment("grind:1", 1, 1, [3, 3, 3])), (20, scaled)], 30).len(), 1);
}

#[test]
fn a_new_incarnation_begins_anew() {
    let mut reborn = deployment("grind:1", 1, 1, [3, 3, 3]);
    reborn["metadata"]["uid"] = json!("u2");
    let all = run(&[(9, deployment("grind:1", 1, 1, [1, 1, 1])), (50, reborn)], 60);
    assert_eq!(all.iter().map(|r| r.state).collect::<Vec<_>>(), [Superseded, Completed]);
    assert_eq!(all[1].trigger, RolloutTrigger::Created);
}

#[test]
fn stateful_sets_complete_when_their_revisions_are_equal() {
    let set = |image: &str, generation: i64, current: &str, updated: i64| {
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "vat", "uid": "u1", "generation": generation},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "brew", "image": image}]}}},
            "status": {
                "observedGeneration": generation, "replicas": 2, "readyReplicas": 2, "updatedReplicas": updated,
                "currentRevision": current, "updateRevision": format!("vat-{generation}")
            }
        })
    };
    let all = run(
        &[
            (1, set("brew:1", 1, "vat-1", 2)),
            (5, set("brew:2", 2, "vat-1", 1)),
            (9, set("brew:2", 2, "vat-2", 2)),
        ],
        10,
    );
    assert_eq!(states(&all[1]), [(5, Started), (5, Progressing), (9, Completed)]);
    assert_eq!(all[1].revision.as_deref(), Some("vat-2"));
}

#[test]
fn the_same_versions_cut_anywhere_begin_the_same_rollouts() {
    let versions = [
        (9, deployment("grind:1", 1, 1, [3, 3, 3])),
        (20, deployment("grind:2", 2, 2, [1, 2, 4])),
        (30, deployment("grind:1", 3, 2, [1, 2, 4])),
        (40, deployment("grind:1", 3, 3, [3, 3, 3])),
    ];
    let whole = run(&versions, 50);
    for n in 1..versions.len() {
        let part = run(&versions[..n], versions[n - 1].0);
        for (a, b) in part.iter().zip(&whole) {
            assert_eq!((a.started, &a.trigger), (b.started, &b.trigger));
        }
    }
}
