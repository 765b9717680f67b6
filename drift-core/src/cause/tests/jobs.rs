//! Jobs and CronJobs.

use serde_json::{Value, json};

use super::scenario::Tape;
use crate::history::ResourceOp;

const CRON: &str = "CronJob.batch/shop/report";
const JOB: &str = "Job.batch/shop/report-2";

fn template() -> Value {
    json!({"spec":{"restartPolicy":"Never","containers":[{"name":"app","image":"report:1","args":["--all"],
        "env":[{"name":"MODE","valueFrom":{"configMapKeyRef":{"name":"web-conf","key":"MODE"}}}]}]}})
}

/// A CronJob that ran well once.
fn cron() -> Tape {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"report","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"schedule":"* * * * *","concurrencyPolicy":"Allow","jobTemplate":{"spec":{"backoffLimit":3,"activeDeadlineSeconds":600,"template":template()}}}}));
    job(&mut tape, "report-1", json!({"succeeded":1}));
    tape.wait(60);
    tape.decoys(1);
    tape
}

/// A Job that the CronJob made from its template as it now is.
fn job(tape: &mut Tape, name: &str, status: Value) {
    let cron = tape.get(CRON);
    let mut spec = cron["spec"]["jobTemplate"]["spec"].clone();
    spec["selector"] = json!({});
    tape.put(json!({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":name,"namespace":"shop",
            "ownerReferences":[{"apiVersion":"batch/v1","kind":"CronJob","name":"report","uid":"x","controller":true}]},
        "spec":spec,"status":status}));
}

fn pod(tape: &mut Tape, job: &str, status: Value) {
    let spec = tape.get(&format!("Job.batch/shop/{job}"))["spec"]["template"]["spec"].clone();
    tape.put_by(json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":format!("{job}-x"),"namespace":"shop",
            "ownerReferences":[{"apiVersion":"batch/v1","kind":"Job","name":job,"uid":"x","controller":true}]},
        "spec":spec,"status":status}), "kubelet");
}

fn failed(message: &str) -> Value {
    json!({"phase":"Failed","containerStatuses":[{"name":"app","ready":false,"restartCount":0,
        "state":{"terminated":{"reason":"Error","exitCode":1,"message":message}}}]})
}

fn over(reason: &str, message: &str) -> Value {
    json!({"failed":1,"conditions":[{"type":"Failed","status":"True","reason":reason,"message":message}]})
}

#[test]
fn argument_that_the_next_run_does_not_know() {
    let mut tape = cron();
    tape.edit(CRON, |o| {
        o["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["--al"])
    });
    tape.decoys(2);
    job(&mut tape, "report-2", json!({"active":1}));
    pod(&mut tape, "report-2", json!({"phase":"Pending"}));
    pod(&mut tape, "report-2", failed("unknown flag --al"));
    job(&mut tape, "report-2", over("BackoffLimitExceeded", "Job has reached the specified backoff limit"));
    tape.check(JOB, CRON, ResourceOp::Update, "args");
    tape.check(CRON, CRON, ResourceOp::Update, "args");
}

#[test]
fn deadline_shorter_than_the_work() {
    let mut tape = cron();
    tape.edit(CRON, |o| o["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] = 5.into());
    tape.decoys(2);
    job(&mut tape, "report-2", json!({"active":1}));
    tape.wait(6);
    job(&mut tape, "report-2", over("DeadlineExceeded", "Job was active longer than specified deadline"));
    tape.check(JOB, CRON, ResourceOp::Update, "activeDeadlineSeconds");
}

#[test]
fn longer_deadline_is_no_cause() {
    let mut tape = cron();
    tape.edit(CRON, |o| o["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] = 900.into());
    tape.decoys(2);
    job(&mut tape, "report-2", json!({"active":1}));
    tape.wait(901);
    job(&mut tape, "report-2", over("DeadlineExceeded", "Job was active longer than specified deadline"));
    tape.check_none(JOB);
}

#[test]
fn key_that_the_next_run_reads_renamed() {
    let mut tape = cron();
    tape.edit("ConfigMap/shop/web-conf", |o| o["data"] = json!({"MODUS":"fast","COLOR":"red"}));
    tape.decoys(2);
    job(&mut tape, "report-2", json!({"active":1}));
    pod(&mut tape, "report-2", json!({"phase":"Pending"}));
    pod(
        &mut tape,
        "report-2",
        super::scenario::waiting(
            "CreateContainerConfigError",
            "couldn't find key MODE in ConfigMap shop/web-conf",
        ),
    );
    tape.check(JOB, "ConfigMap/shop/web-conf", ResourceOp::Update, "MODE");
}

#[test]
fn host_outside_of_the_cluster_that_hangs_up_has_no_cause() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.put_by(json!({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"report-2","namespace":"shop"},"spec":{"backoffLimit":0,"template":template()}}), "pipeline");
    tape.decoys(2);
    pod(&mut tape, "report-2", json!({"phase":"Pending"}));
    pod(&mut tape, "report-2", failed("upload to files.example.net failed: handshake failed: EOF"));
    tape.edit_by(JOB, "kube-controller-manager", |o| {
        o["status"] = over("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    });
    tape.check_none(JOB);
}

#[test]
fn runs_that_wait_for_each_other() {
    let mut tape = cron();
    tape.edit(CRON, |o| o["spec"]["concurrencyPolicy"] = "Forbid".into());
    tape.decoys(2);
    tape.kubernetes_event(CRON, "MissSchedule", "Missed scheduled time to start a job");
    tape.check(CRON, CRON, ResourceOp::Update, "concurrencyPolicy");
}

#[test]
fn time_zone_that_is_not_known() {
    let mut tape = cron();
    tape.edit(CRON, |o| o["spec"]["schedule"] = "61 * * * *".into());
    tape.kubernetes_event(
        CRON,
        "UnparseableSchedule",
        "unparseable schedule: \"61 * * * *\" : End of range (61) above maximum (59)",
    );
    tape.decoys(2);
    tape.check(CRON, CRON, ResourceOp::Update, "schedule");
}
