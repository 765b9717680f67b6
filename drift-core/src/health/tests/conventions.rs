//! Invented kinds: what conditions, generations, words and counts say without any rule.

use serde_json::{Value, json};

use super::super::HealthStatus::{Degraded, Healthy, Missing, Progressing, Suspended, Unknown};
use super::super::{HealthRules, HealthStatus};
use super::{check, judged};

fn kiln(status: Value) -> Value {
    json!({"apiVersion": "lab.example/v1", "kind": "Kiln", "metadata": {"generation": 3}, "status": status})
}

/// Type, status, reason, message.
fn conditions(list: &[[&str; 4]]) -> Value {
    let one = |c: &[&str; 4]| json!({"type": c[0], "status": c[1], "reason": c[2], "message": c[3]});
    kiln(json!({"conditions": list.iter().map(one).collect::<Vec<_>>()}))
}

#[test]
fn conditions_are_read_by_the_polarity_of_their_types() {
    let rows: &[(&[[&str; 4]], HealthStatus, &str)] = &[
        (&[["Ready", "True", "Fired", ""]], Healthy, "Fired"),
        (&[["Ready", "False", "Heating", ""]], Progressing, "Heating"),
        (&[["Ready", "False", "HeatingFailed", ""]], Degraded, "HeatingFailed"),
        (&[["Ready", "False", "KilnNotReady", "0 of 2 burners"]], Progressing, "KilnNotReady"),
        (&[["Ready", "False", "KilnNotReady", "burner 1 failed"]], Degraded, "KilnNotReady"),
        (&[["Ready", "False", "", ""]], Progressing, "Ready"),
        (&[["Ready", "False", "Soot", "waiting for the chimney"]], Progressing, "Soot"),
        (&[["Ready", "False", "Soot", "cannot open the chimney"]], Degraded, "Soot"),
        (&[["Ready", "Unknown", "Soot", ""]], Progressing, "Soot"),
        (&[["Ready", "True", "A", ""], ["Synced", "False", "SyncError", ""]], Degraded, "SyncError"),
        (&[["Ready", "True", "A", ""], ["BurnerReady", "False", "Cold", "x"]], Healthy, "A"),
        (&[["BurnerReady", "True", "A", ""], ["DoorReady", "False", "Opening", ""]], Progressing, "Opening"),
        (&[["Ready", "True", "A", ""], ["Reconciling", "True", "Firing", ""]], Progressing, "Firing"),
        (&[["Ready", "False", "B", "x"], ["Reconciling", "True", "ProgressingWithRetry", ""]], Degraded, "B"),
        (&[["Available", "True", "A", ""], ["Progressing", "True", "NewKilnAvailable", ""]], Healthy, "A"),
        (
            &[["Available", "True", "A", ""], ["Progressing", "True", "KilnUpdated", ""]],
            Progressing,
            "KilnUpdated",
        ),
        (&[["Available", "True", "A", ""], ["Degraded", "True", "Cracked", ""]], Degraded, "Cracked"),
        (&[["Available", "False", "A", ""], ["Progressing", "False", "DeadlineExceeded", ""]], Degraded, "A"),
        (&[["Stalled", "True", "Broken", ""]], Degraded, "Broken"),
        (&[["Stalled", "False", "", ""]], Healthy, "NoTrouble"),
        (&[["Paused", "True", "ByHand", ""], ["Ready", "True", "A", ""]], Suspended, "ByHand"),
        (&[["Accepted", "False", "", ""]], Degraded, "Accepted"),
        (&[["Assigned", "Unknown", "AskingTheGuild", ""]], Progressing, "AskingTheGuild"),
        (&[["Discovered", "True", "Found", ""]], Healthy, "Found"),
        (&[["Interrupted", "True", "PowerCut", ""]], Degraded, "PowerCut"),
        (&[["Succeeded", "Unknown", "Running", ""]], Progressing, "Running"),
        (&[["lab.example/door-ready", "False", "Opening", ""]], Progressing, "Opening"),
        (
            &[["Ready", "False", "", ""], ["BurnerReady", "False", "IgnitionFailed", ""]],
            Degraded,
            "IgnitionFailed",
        ),
        (&[["Ready", "False", "Heating", ""], ["BurnerReady", "False", "Cold", ""]], Progressing, "Heating"),
        (
            &[["Ready", "False", "Heating", ""], ["BurnerReady", "False", "BurnerUnavailable", ""]],
            Progressing,
            "Heating",
        ),
        (
            &[["Ready", "True", "A", ""], ["BurnerReady", "False", "IgnitionFailed", ""]],
            Degraded,
            "IgnitionFailed",
        ),
        (&[["Ready", "True", "A", ""], ["RollingUpdate", "True", "Relining", ""]], Progressing, "Relining"),
        (&[["Ready", "False", "", ""], ["FuelExhausted", "True", "NoGas", ""]], Degraded, "NoGas"),
        (&[["Exceeded", "True", "TooHot", ""], ["Lit", "True", "", ""]], Degraded, "TooHot"),
        (&[["Cordoned", "True", "ByHand", ""], ["Ready", "True", "A", ""]], Suspended, "ByHand"),
        (&[["Operational", "False", "", "no gas: not found"]], Degraded, "Operational"),
        (&[["BurnerMigrated", "False", "Moving", ""]], Progressing, "Moving"),
        (&[["MissingBricks", "True", "NoBricks", ""]], Degraded, "NoBricks"),
        (&[["MissingBricks", "True", "NoBricks", ""], ["Ready", "True", "A", ""]], Healthy, "A"),
        (&[["FiringHalted", "True", "ByHand", ""]], Suspended, "ByHand"),
        (&[["FiringHalted", "True", "ChimneyMissing", ""]], Degraded, "ChimneyMissing"),
        (&[["ReconcileBlocked", "True", "Noted", ""], ["Ready", "True", "A", ""]], Suspended, "Noted"),
        (&[["Ready", "True", "KilnStopped", ""]], Suspended, "KilnStopped"),
        (&[["Glaze", "True", "Blue", ""]], Unknown, "NoSignal"),
        (&[], Progressing, "NoStatus"),
    ];
    let rows: Vec<_> =
        rows.iter().map(|(list, status, reason)| (conditions(list), *status, *reason)).collect();
    check(&HealthRules::none(), &rows);
}

#[test]
fn words_errors_flags_and_counts_speak_where_no_condition_does() {
    let rows = [
        (json!({"phase": "Firing"}), Progressing, "Firing"),
        (json!({"state": "RUNNING"}), Healthy, "RUNNING"),
        (json!({"state": "NotFound"}), Missing, "NotFound"),
        (json!({"state": "Unknown"}), Unknown, "Unknown"),
        (json!({"phase": "FiringFailed", "message": "no gas"}), Degraded, "FiringFailed"),
        (json!({"phase": "Ready", "chimneyStatus": "Clogging"}), Progressing, "Clogging"),
        (json!({"result": {"state": "failed"}}), Degraded, "failed"),
        (json!({"previousState": "Failed", "state": "Ready"}), Healthy, "Ready"),
        (json!({"error": "no gas"}), Degraded, "Error"),
        (json!({"error": "", "ready": true}), Healthy, "ready"),
        (json!({"ready": false}), Progressing, "ready"),
        (json!({"healthy": false}), Degraded, "healthy"),
        (json!({"replicas": 3, "readyReplicas": 2}), Progressing, "Replicas"),
        (json!({"replicas": 3, "readyReplicas": 3}), Healthy, "Replicas"),
        (json!({"expectedNodes": 2, "availableNodes": 1}), Progressing, "Replicas"),
        (json!({"expectedNodes": 2}), Progressing, "Replicas"),
        (
            json!({"desiredNumberScheduled": 2, "numberReady": 2, "numberAvailable": 1}),
            Progressing,
            "Replicas",
        ),
        (
            json!({"desiredNumberScheduled": 2, "numberReady": 2, "updatedNumberScheduled": 2}),
            Healthy,
            "Replicas",
        ),
        (json!({"desiredHealthy": 2, "currentHealthy": 1, "expectedPods": 3}), Progressing, "Replicas"),
        (json!({"state": "Allocated"}), Healthy, "Allocated"),
        (json!({"phase": "Interrupted"}), Degraded, "Interrupted"),
        (json!({"phase": "Succeed"}), Healthy, "Succeed"),
        (json!({"nodes": 3, "readyNodes": 3, "upToDateNodes": 2}), Progressing, "Replicas"),
        (json!({"problems": ["no gas"], "active": true}), Degraded, "Error"),
        (json!({"racks": {"a": {"members": 2, "readyMembers": 1}}}), Progressing, "Replicas"),
        (json!({"burnersReady": "1/2", "readyBurners": "1/2"}), Progressing, "Replicas"),
        (json!({"observedGeneration": 2, "phase": "Ready"}), Progressing, "NotObserved"),
        (
            json!({"observedGeneration": -1, "conditions": [
                {"type": "Ready", "status": "False", "reason": "FiringFailed", "observedGeneration": 3}
            ]}),
            Degraded,
            "FiringFailed",
        ),
        (
            json!({"conditions": [{"type": "Ready", "status": "True", "reason": "Hot", "observedGeneration": 2}]}),
            Progressing,
            "NotObserved",
        ),
        (json!({"observedGeneration": "3", "phase": "Ready"}), Healthy, "Ready"),
        (json!({"observedGeneration": "5b9f", "phase": "Ready"}), Healthy, "Ready"),
        (
            json!({"doors": [{"conditions": [{"type": "Accepted", "status": "False", "reason": "NoDoor"}]}]}),
            Degraded,
            "NoDoor",
        ),
        (json!({"id": "", "count": 0}), Progressing, "NoStatus"),
        (json!({"kilnID": "k-7"}), Healthy, "Given"),
        (json!({"hard": {"bricks": "9"}, "used": {"bricks": "4"}}), Healthy, "Counted"),
        (json!({"generations": {"reconciled": 2}, "ready": true}), Progressing, "NotObserved"),
        (json!({"generations": {"reconciled": 3}, "ready": true}), Healthy, "ready"),
        (json!({"observedGeneration": 2, "healthy": false}), Degraded, "healthy"),
        (json!({"heat": {"available": false}}), Progressing, "available"),
        (json!({"health": {"available": false, "healthy": true}}), Degraded, "available"),
        (json!({"burnersReady": false}), Progressing, "burnersReady"),
        (json!({"isStuckOnCooling": true, "state": "Ready"}), Degraded, "isStuckOnCooling"),
        (json!({"ignoreErrors": true, "state": "Ready"}), Healthy, "Ready"),
        (json!({"reconciliationSuspended": true}), Suspended, "reconciliationSuspended"),
        (json!({"wantedBricksCount": 3, "firedCount": 1, "deployedBricksCount": 1}), Progressing, "Replicas"),
        (json!({"burnersReady": 2, "burnersTotal": 2}), Healthy, "Replicas"),
        (json!({"connectedPipes": 1, "totalPipes": 2}), Unknown, "NoSignal"),
        (json!({"desired": 3, "ready": 3, "upToDate": 2}), Progressing, "Replicas"),
        (json!({"doors": {"north": "complete", "south": "failing"}}), Degraded, "failing"),
        (json!({"doors": {"north": "Open", "south": "NotFound"}}), Degraded, "NotFound"),
        (json!({"vents": {"a": {"fired": true, "reconciled": false, "error": "soot"}}}), Degraded, "Error"),
        (json!({"firingChecks": {"x": true, "y": false}}), Degraded, "y"),
        (json!({"pods": {"ready": ["a"], "starting": ["b"]}}), Progressing, "starting"),
        (json!({"pods": {"ready": ["a", "b"], "starting": []}}), Healthy, "ready"),
        (json!({"stats": {"bricks": 9, "crackFailures": 0}}), Healthy, "crackFailures"),
        (json!({"stats": {"bricks": 9, "crackFailures": 2}}), Degraded, "crackFailures"),
        (json!({"lastSyncTime": "2030-01-01T09:00:00Z"}), Healthy, "lastSyncTime"),
        (
            json!({"lastSuccessfulTime": "2030-01-01T08:00:00Z", "lastFailureTime": "2030-01-01T09:00:00Z"}),
            Degraded,
            "lastFailureTime",
        ),
        (json!({"lastSuccessTime": 1893490000, "lastFailedTime": 1893480000}), Healthy, "lastSuccessTime"),
        (json!({"lastFailureTime": "2030-01-01T09:00:00Z"}), Degraded, "lastFailureTime"),
        (json!({"heating": {"status": "Disabled"}, "firing": {"status": "OK"}}), Healthy, "OK"),
        (json!({"phase": "Ready", "coolingState": "Disabled"}), Healthy, "Ready"),
        (json!({"lastFiring": {"result": "Failed"}, "state": "Ready"}), Degraded, "Failed"),
        (json!({"firings": [{"result": "Failed"}]}), Degraded, "Failed"),
        (json!({"state": "not-installed", "message": "gas not found"}), Degraded, "not-installed"),
        (json!({"state": "maintenance"}), Suspended, "maintenance"),
        (json!({"state": "OutOfSync"}), Progressing, "OutOfSync"),
        (json!({"state": "WaitingForConfirmation"}), Suspended, "WaitingForConfirmation"),
        (json!({"state": "CrashLoopBackOff"}), Degraded, "CrashLoopBackOff"),
        (json!({"syncErrors": ["soot"]}), Degraded, "Error"),
        (
            json!({"phase": "Succeeded", "conditions": [{"type": "Lit", "status": "True"},
                {"type": "BurnerReady", "status": "False", "reason": "Done"}]}),
            Healthy,
            "Succeeded",
        ),
        (
            json!({"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NoBurners"}],
                "lastErrors": [{"message": "no gas"}]}),
            Degraded,
            "Error",
        ),
        (
            json!({"conditions": [{"type": "Ready", "status": "False", "reason": "Heating"}],
                "lastErrors": [{"message": "no gas"}]}),
            Progressing,
            "Heating",
        ),
        (
            json!({"conditions": [{"type": "Complete", "status": "False"}], "steps": {"waitingForCommand": "True"}}),
            Suspended,
            "waitingForCommand",
        ),
        (json!("Ready"), Healthy, "Ready"),
        (json!([1, 2]), Unknown, "NoSignal"),
    ];
    let rows: Vec<_> = rows.into_iter().map(|(status, want, reason)| (kiln(status), want, reason)).collect();
    check(&HealthRules::none(), &rows);
}

#[test]
fn what_runs_to_an_end_is_not_there_while_it_runs() {
    for (kind, want) in
        [("KilnJob", Progressing), ("Backup", Progressing), ("Kiln", Healthy), ("CronJob", Healthy)]
    {
        let value = json!({"apiVersion": "lab.example/v1", "kind": kind, "status": {"phase": "Running"}});
        assert_eq!(judged(&value, &HealthRules::none()).status, want, "{kind}");
    }
}

#[test]
fn a_halt_in_spec_or_annotation_outweighs_what_the_status_says() {
    let mut failed = kiln(json!({"phase": "Failed"}));
    failed["spec"] = json!({"paused": true});
    check(&HealthRules::none(), &[(failed, Suspended, "Suspended")]);
    let mut noted = kiln(json!({"phase": "Ready"}));
    noted["metadata"]["annotations"] = json!({"lab.example/pause-reconciliation": "true"});
    check(&HealthRules::none(), &[(noted, Suspended, "Suspended")]);
    let mut unmanaged = kiln(json!({"phase": "Ready"}));
    unmanaged["spec"] = json!({"managementState": "unmanaged"});
    check(&HealthRules::none(), &[(unmanaged, Suspended, "Suspended")]);
}

#[test]
fn what_halts_by_the_spec_or_a_note_has_many_names() {
    let spec = |spec: Value| {
        let mut value = kiln(json!({"phase": "Ready"}));
        value["spec"] = spec;
        value
    };
    let noted = |key: &str, text: &str| {
        let mut value = kiln(json!({"phase": "Ready"}));
        value["metadata"]["annotations"] = json!({ key: text });
        value
    };
    let mut over = spec(json!({"firingState": "stop"}));
    over["status"] = json!({"state": "completed"});
    let rows = [
        (spec(json!({"isStopped": true})), Suspended, "Suspended"),
        (spec(json!({"pauseReconciliation": true})), Suspended, "Suspended"),
        (spec(json!({"skip": true})), Suspended, "Suspended"),
        (spec(json!({"running": false})), Suspended, "Suspended"),
        (spec(json!({"enabled": false})), Suspended, "Suspended"),
        (spec(json!({"running": true, "paused": false})), Healthy, "Ready"),
        (spec(json!({"stopOnSoot": true, "skipSweeping": true})), Healthy, "Ready"),
        (spec(json!({"firingState": "Paused"})), Suspended, "Suspended"),
        (spec(json!({"previousState": "Paused"})), Healthy, "Ready"),
        (over, Healthy, "completed"),
        (spec(json!({"replicas": 0, "size": 2})), Healthy, "Ready"),
        (noted("lab.example/block-reconcile", "true"), Suspended, "Suspended"),
        (noted("lab.example/suspend-kiln-reconcile", ""), Suspended, "Suspended"),
        (noted("lab.example/reconciliation-stopped", "true"), Suspended, "Suspended"),
        (noted("lab.example/detached", ""), Suspended, "Suspended"),
        (noted("lab.example/paused", "by-the-guild"), Suspended, "Suspended"),
        (noted("lab.example/paused", "false"), Healthy, "Ready"),
        (noted("lab.example/last-reconcile", "true"), Healthy, "Ready"),
        (noted("lab.example/stop-grace", "true"), Healthy, "Ready"),
    ];
    check(&HealthRules::none(), &rows);
    let mut fewer = kiln(json!({"size": 1}));
    fewer["spec"] = json!({"size": 2});
    let mut all = kiln(json!({"currentReplicas": 2}));
    all["spec"] = json!({"replicas": 2});
    let mut members = kiln(json!({"readyMembers": 1}));
    members["spec"] = json!({"clusterSize": 3});
    check(
        &HealthRules::none(),
        &[(fewer, Progressing, "Replicas"), (all, Healthy, "Replicas"), (members, Progressing, "Replicas")],
    );
}

#[test]
fn what_runs_to_an_end_is_told_by_when_it_began_and_ended() {
    let run =
        |kind: &str, status: Value| json!({"apiVersion": "lab.example/v1", "kind": kind, "status": status});
    let (nine, ten) = ("2030-01-01T09:00:00Z", "2030-01-01T10:00:00Z");
    check(
        &HealthRules::none(),
        &[
            (run("FiringJob", json!({"startTime": nine, "parts": 2})), Progressing, "Started"),
            (run("FiringJob", json!({"startTime": nine, "finishTime": ten})), Healthy, "Finished"),
            (
                run("FiringJob", json!({"startTime": nine, "finishTime": ten, "failed": ["a"]})),
                Degraded,
                "Failed",
            ),
            (run("Kiln", json!({"startTime": nine, "parts": 2})), Unknown, "NoSignal"),
            (run("KilnUpgrade", json!({"state": "SwapBurner"})), Unknown, "NoSignal"),
            (run("KilnUpgrade", json!({"state": "StopBurner"})), Progressing, "StopBurner"),
            (run("KilnUpgrade", json!({"startTime": nine, "progress": "40%"})), Progressing, "Progress"),
            (run("KilnUpgrade", json!({"percentComplete": 100})), Healthy, "Progress"),
            (run("FiringJob", json!({"startTime": nine, "succeeded": 1})), Healthy, "succeeded"),
            (run("FiringJob", json!({"startTime": nine, "failed": 1})), Degraded, "failed"),
            (run("FiringJob", json!({"startTime": nine, "failed": 1, "active": 1})), Progressing, "Started"),
            (
                run(
                    "KilnRestore",
                    json!({"conditions": [{"type": "Ready", "status": "True"},
                        {"type": "Progressing", "status": "True", "reason": "Started"}]}),
                ),
                Progressing,
                "Started",
            ),
        ],
    );
}

#[test]
fn an_object_without_status_is_new_and_later_cannot_be_told() {
    let born = |time: &str| json!({"apiVersion": "lab.example/v1", "kind": "Kiln", "metadata": {"creationTimestamp": time}, "spec": {}});
    check(
        &HealthRules::none(),
        &[
            (born("2030-01-01T09:55:00Z"), Progressing, "NoStatus"),
            (born("2030-01-01T09:00:00Z"), Unknown, "NoStatus"),
        ],
    );
}

#[test]
fn a_part_that_failed_counts_beside_a_ready_whole() {
    let rows: &[(&[[&str; 4]], HealthStatus, &str)] = &[
        (&[["Ready", "True", "A", ""], ["GlazeReady", "False", "GlazeFailed", ""]], Degraded, "GlazeFailed"),
        (
            &[["Ready", "True", "A", ""], ["ShelvesHealthy", "False", "NotHealthy", ""]],
            Degraded,
            "NotHealthy",
        ),
        (
            &[["Ready", "True", "A", ""], ["DoorReady", "False", "RepairOngoing", ""]],
            Progressing,
            "RepairOngoing",
        ),
        (&[["Ready", "True", "A", ""], ["DoorReady", "False", "DoorNotReady", ""]], Healthy, "A"),
        (&[["Ready", "True", "A", ""], ["LastFiringSucceeded", "False", "FiringFailed", ""]], Healthy, "A"),
        (
            &[
                ["Ready", "False", "KilnNotReady", "not ready"],
                ["ClaySelected", "False", "X", "clay not found"],
            ],
            Degraded,
            "X",
        ),
        (&[["Complete", "True", "", ""], ["SweepFailure", "True", "SootLeft", ""]], Degraded, "SootLeft"),
        (&[["Complete", "True", "CompletedWithWarnings", ""]], Healthy, "CompletedWithWarnings"),
        (&[["Ready", "False", "BatchCompleted", ""]], Healthy, "BatchCompleted"),
        (&[["Ready", "False", "Error", "waiting for the chimney"]], Progressing, "Error"),
        (&[["Ready", "False", "Pending", "waiting for approval"]], Suspended, "Pending"),
        (&[["Ready", "Unknown", "KilnStatusUnknown", ""]], Degraded, "KilnStatusUnknown"),
        (&[["Annealed", "True", "", ""]], Healthy, "Annealed"),
        (&[["Annealed", "False", "OvenBroken", ""]], Degraded, "OvenBroken"),
        (&[["LoadedClay", "True", "", ""]], Healthy, "LoadedClay"),
        (&[["Ready", "True", "A", ""], ["ReconcileError", "True", "Soot", ""]], Degraded, "Soot"),
        (
            &[["Ready", "True", "A", ""], ["RolledOut", "False", "AwaitingPromotion", ""]],
            Suspended,
            "AwaitingPromotion",
        ),
        (&[["Progressing", "False", "ClayNotFound", ""]], Degraded, "ClayNotFound"),
        (&[["FiringLimited", "True", "", ""]], Unknown, "NoSignal"),
    ];
    let rows: Vec<_> = rows.iter().map(|(list, want, reason)| (conditions(list), *want, *reason)).collect();
    check(&HealthRules::none(), &rows);
}

#[test]
fn what_parts_steps_and_counts_say_counts_beside_a_good_phase() {
    let rows = [
        (json!({"phase": "Ready", "burner": "Failed"}), Degraded, "Failed"),
        (json!({"phase": "Ready", "burners": [{"health": "Unhealthy"}]}), Degraded, "Unhealthy"),
        (json!({"phase": "Ready", "burners": [{"health": "Healthy"}]}), Healthy, "Ready"),
        (json!({"phase": "Ready", "recentFirings": [{"state": "Failed"}]}), Healthy, "Ready"),
        (json!({"phase": "Completed", "desired": 4, "succeeded": 3, "skipped": 1}), Healthy, "Completed"),
        (json!({"desired": 3, "succeeded": 2, "failed": 1}), Degraded, "failed"),
        (json!({"state": "NotReady", "reason": "no clay was found"}), Degraded, "NotReady"),
        (json!({"state": "add burner"}), Progressing, "add burner"),
        (json!({"invalidReason": "no clay"}), Degraded, "Error"),
        (json!({"phase": "Ready", "burnerStatus": {"left": "Ready", "right": "Failed"}}), Degraded, "Failed"),
        (json!({"phase": "Pending", "message": "clay not found"}), Degraded, "Pending"),
        (json!({"phase": "Retrying", "message": "clay not found"}), Progressing, "Retrying"),
        (json!({"glazeGranted": true}), Healthy, "glazeGranted"),
        (json!({"state": "Ready", "lining": "faulted"}), Degraded, "faulted"),
        (json!({"state": "Ready", "reportLevel": "error"}), Healthy, "Ready"),
        (json!({"phase": "Ready", "repairStatus": {"state": "relining"}}), Progressing, "relining"),
        (json!({"state": "Down"}), Degraded, "Down"),
        (json!({"summary": {"pass": 3, "fail": 2}}), Degraded, "fail"),
        (json!({"ready": false, "message": "cannot open the chimney"}), Degraded, "ready"),
        (json!({"ready": false, "message": "x"}), Progressing, "ready"),
        (json!({"phase": "Done", "result": "Failed"}), Degraded, "Failed"),
        (json!({"phase": "Done", "result": "Passed"}), Healthy, "Done"),
        (json!({"summary": {"total": 3, "ready": 2, "failed": 1}}), Degraded, "failed"),
        (json!({"failedReplicas": 1, "replicas": 3, "readyReplicas": 2}), Degraded, "failedReplicas"),
        (json!({"operationalStatus": "OK", "firing": {"state": "heating"}}), Progressing, "heating"),
        (json!({"failedBurnerNames": ["a"], "message": "x"}), Degraded, "failedBurnerNames"),
        (
            json!({"conditions": [{"type": "Ready", "status": "True"}], "burnerStatus": "Failed"}),
            Degraded,
            "Failed",
        ),
        (
            json!({"conditions": [{"type": "Ready", "status": "True"}],
                "burnerConditions": [{"type": "Lit", "status": "False", "reason": "Failed"}]}),
            Degraded,
            "Failed",
        ),
    ];
    let rows: Vec<_> = rows.into_iter().map(|(status, want, reason)| (kiln(status), want, reason)).collect();
    check(&HealthRules::none(), &rows);
}

#[test]
fn a_switch_of_the_manner_in_which_the_whole_is_run_halts_it() {
    let spec = |spec: Value| {
        let mut value = kiln(json!({"phase": "Ready"}));
        value["spec"] = spec;
        value
    };
    let rows = [
        (spec(json!({"updateStrategy": {"rollingUpdate": {"paused": true}}})), Suspended, "Suspended"),
        (spec(json!({"schedule": {"state": {"paused": true}}})), Suspended, "Suspended"),
        (spec(json!({"suspension": {"dispatching": true}})), Suspended, "Suspended"),
        (spec(json!({"shutdown": true})), Suspended, "Suspended"),
        (spec(json!({"hibernation": {"enabled": true}})), Suspended, "Suspended"),
        (spec(json!({"suspended": "true"})), Suspended, "Suspended"),
        (spec(json!({"hibernation": {"enabled": false}})), Healthy, "Ready"),
        (spec(json!({"burner": {"paused": true}})), Healthy, "Ready"),
        (spec(json!({"updateStrategy": {"paused": false}})), Healthy, "Ready"),
    ];
    check(&HealthRules::none(), &rows);
    let mut over = spec(json!({"suspend": true}));
    over["kind"] = json!("KilnJob");
    over["status"] = json!({"phase": "Succeeded"});
    check(&HealthRules::none(), &[(over, Healthy, "Succeeded")]);
}
