//! `drift health --rollouts` and resources that are not there, on a tape of our own.

use serde_json::{Value, json};

use crate::run::{Ran, drift, folder, write};
use crate::schema::violations;

fn report(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"))
}

/// A time on the day of the tape.
fn at(time: &str) -> String {
    format!("2030-01-01T{time}Z")
}

/// A version of a mill of two: image, generation, counts updated, available, total, and who wrote it when.
fn mill(
    image: &str,
    generation: i64,
    [updated, available, total]: [i64; 3],
    by: &str,
    written: &str,
) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "mill", "namespace": "lab", "uid": "u1", "generation": generation,
            "resourceVersion": format!("{generation}{updated}{available}{total}"),
            "creationTimestamp": at("10:00:00"),
            "annotations": {"deployment.kubernetes.io/revision": generation.to_string()},
            "managedFields": [{
                "manager": by, "operation": "Update", "apiVersion": "apps/v1", "time": at(written),
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:template": {}}}
            }]
        },
        "spec": {
            "replicas": 2, "progressDeadlineSeconds": 60,
            "template": {"spec": {"containers": [{"name": "grind", "image": image}]}}
        },
        "status": {
            "observedGeneration": generation, "updatedReplicas": updated, "availableReplicas": available,
            "replicas": total
        }
    })
}

/// Lines of a tape: the mill is made, gets a better image, a broken one, and the better one again; then a pod goes.
fn tape() -> String {
    let pod = |phase: &str| {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "sweep", "namespace": "lab", "uid": "p1", "resourceVersion": "7",
                "creationTimestamp": at("10:00:00")},
            "spec": {"restartPolicy": "Never"}, "status": {"phase": phase}
        })
    };
    let deployments = [
        ("10:00:00", "ADDED", mill("grind:1", 1, [0, 0, 0], "helm", "10:00:00")),
        ("10:00:20", "MODIFIED", mill("grind:1", 1, [2, 2, 2], "helm", "10:00:00")),
        ("10:10:00", "MODIFIED", mill("grind:2", 2, [0, 2, 2], "kubectl-edit", "10:10:00")),
        ("10:10:30", "MODIFIED", mill("grind:2", 2, [2, 2, 2], "kubectl-edit", "10:10:00")),
        ("10:20:00", "MODIFIED", mill("grind:oops", 3, [1, 2, 3], "kubectl-set", "10:20:00")),
        ("10:25:00", "MODIFIED", mill("grind:2", 4, [2, 2, 2], "kubectl-rollout", "10:25:00")),
    ];
    let pods = [("10:00:05", "ADDED", pod("Running")), ("10:30:00", "DELETED", pod("Succeeded"))];
    let line = |group: &str, resource: &str, (time, kind, object): &(&str, &str, Value)| {
        let line = json!({
            "ts": at(time), "group": group, "version": "v1", "resource": resource, "type": kind, "object": object
        });
        format!("{line}\n")
    };
    let deployments = deployments.iter().map(|d| line("apps", "deployments", d));
    deployments.chain(pods.iter().map(|p| line("", "pods", p))).collect()
}

#[test]
fn rollouts_are_told_with_what_set_them_off_who_and_how_they_ended() {
    let dir = folder();
    write(dir.path(), "lab.jsonl", tape());
    let ran = drift("health deploy/mill -n lab --tape DIR/lab.jsonl --rollouts", dir.path());
    let lines: Vec<_> = ran.out.lines().skip(1).take(4).map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "revision 1  Completed after 20s, started 2030-01-01 10:00:00Z: created, by helm (Update)",
            "revision 2  Completed after 30s, started 2030-01-01 10:10:00Z: grind grind:1 → grind:2, by kubectl-edit (Update)",
            "revision 3  RolledBack after 5m, started 2030-01-01 10:20:00Z: grind grind:2 → grind:oops, by kubectl-set (Update)",
            "revision 4  Completed after 0s, started 2030-01-01 10:25:00Z: rolled back to revision 2, by kubectl-rollout (Update)",
        ],
        "{ran:?}"
    );
}

#[test]
fn a_rollout_that_stands_still_is_told_as_of_then() {
    let dir = folder();
    write(dir.path(), "lab.jsonl", tape());
    let words = "health deploy/mill -n lab --tape DIR/lab.jsonl --rollouts -o json --at 2030-01-01T10:24:00Z";
    let found = report(&drift(words, dir.path()));
    let last = &found["resources"][0]["rollouts"][2];
    assert_eq!(last["state"], "Stalled", "{found}");
    assert_eq!((&last["trigger"], &last["durationSeconds"]), (&"Changed".into(), &240.into()));
    assert_eq!(last["images"][0]["after"], "grind:oops");
    assert_eq!(last["who"]["manager"], "kubectl-set");
    assert_eq!(last["counts"], json!({"desired": 2, "updated": 1, "available": 2, "total": 3}));
    assert_eq!(last["ended"], Value::Null);
    let path = format!("{}/../drift-sinks/schemas/health-report.v1.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(violations(&schema, &found), Vec::<String>::new());
}

#[test]
fn rollouts_need_history() {
    let dir = folder();
    write(dir.path(), "mill.json", mill("grind:1", 1, [2, 2, 2], "helm", "10:00:00").to_string());
    let ran = drift("health --live DIR/mill.json --rollouts", dir.path());
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--rollouts needs recorded history"), "{ran:?}");
}

#[test]
fn what_is_asked_for_and_gone_is_missing_since_then() {
    let dir = folder();
    write(dir.path(), "lab.jsonl", tape());
    let ran = drift("health pod/sweep -n lab --tape DIR/lab.jsonl", dir.path());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(
        ran.out.lines().next(),
        Some("Missing     Pod/lab/sweep  Deleted: it was deleted  since 2030-01-01 10:30:00Z")
    );
    let early =
        report(&drift("health pod/sweep --tape DIR/lab.jsonl -o json --at 2030-01-01T10:00:02Z", dir.path()));
    let pod = &early["resources"][0];
    assert_eq!((&pod["status"], &pod["reason"]), (&"Missing".into(), &"NotCreatedYet".into()));
    assert_eq!((&pod["since"], &pod["basis"]), (&Value::Null, &"History".into()));
    let never = drift("health pod/swep -n lab --tape DIR/lab.jsonl", dir.path());
    assert_eq!(never.code, 2);
    assert!(never.err.contains("Pod/lab/sweep"), "{never:?}");
    write(dir.path(), "mill.json", mill("grind:1", 1, [2, 2, 2], "helm", "10:00:00").to_string());
    let dump = drift("health pod/sweep --live DIR/mill.json", dir.path());
    // The dump holds no pods at all: they may not have been asked for.
    assert_eq!(dump.code, 3, "{dump:?}");
    assert!(dump.out.contains("not known whether `pod/sweep` exists: the kind was not listed"), "{dump:?}");
    let known = drift("health deploy/grnd --live DIR/mill.json", dir.path());
    assert_eq!(known.code, 2, "{known:?}");
    assert!(known.err.contains("`deploy/grnd` is not in the dump"), "{known:?}");
}
