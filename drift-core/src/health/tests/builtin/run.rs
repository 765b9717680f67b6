//! Jobs and CronJobs.

use serde_json::{Value, json};

use super::{condition, of};
use crate::health::HealthRules;
use crate::health::HealthStatus::{Degraded, Healthy, Progressing, Suspended};
use crate::health::tests::check;

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
            // Decided, though Complete waits for the last Pods to go.
            (
                job(json!({}), with(condition("SuccessCriteriaMet", "True", "JobSuccessPolicy"))),
                Healthy,
                "SuccessCriteriaMet",
            ),
            (
                job(json!({}), with(condition("Failed", "True", "DeadlineExceeded"))),
                Degraded,
                "DeadlineExceeded",
            ),
            (
                job(json!({}), with(condition("Failed", "True", "PodFailurePolicy"))),
                Degraded,
                "PodFailurePolicy",
            ),
            (job(json!({}), json!({"startTime": nine, "active": 1, "failed": 2})), Progressing, "Running"),
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
