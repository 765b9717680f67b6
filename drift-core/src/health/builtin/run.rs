//! Job and CronJob.

use crate::health::verdict::{HealthVerdict, Subject};

pub(super) fn job(subject: &Subject<'_>) -> HealthVerdict {
    let conditions = subject.conditions();
    let is = |name| conditions.get(name).filter(|c| c.is_true());
    if let Some(c) = is("Failed") {
        return HealthVerdict::degraded(c.reason_or_name(), c.message).since(c.since);
    }
    if let Some(c) = is("Complete") {
        return HealthVerdict::healthy("Complete", c.message).since(c.since);
    }
    if let Some(c) = is("Suspended") {
        return HealthVerdict::suspended("Suspended", c.message).since(c.since);
    }
    if subject.is_true(&["spec", "suspend"]) {
        return HealthVerdict::suspended("Suspended", "spec.suspend is true");
    }
    let since = subject.time(&["status", "startTime"]);
    // Terminating Pods have to be gone before Failed is set: FailureTarget is the verdict already.
    if let Some(c) = is("FailureTarget") {
        return HealthVerdict::degraded(c.reason_or_name(), c.message).since(c.since);
    }
    if let Some(c) = is("SuccessCriteriaMet") {
        return HealthVerdict::healthy("SuccessCriteriaMet", c.message).since(c.since);
    }
    let count = |field| subject.int(&["status", field]).unwrap_or(0);
    let message =
        format!("{} active, {} succeeded, {} failed", count("active"), count("succeeded"), count("failed"));
    HealthVerdict::progressing(if since.is_some() { "Running" } else { "NotStarted" }, message).since(since)
}

pub(super) fn cron_job(subject: &Subject<'_>) -> HealthVerdict {
    if subject.is_true(&["spec", "suspend"]) {
        return HealthVerdict::suspended("Suspended", "CronJob is suspended");
    }
    let scheduled = subject.time(&["status", "lastScheduleTime"]);
    let succeeded = subject.time(&["status", "lastSuccessfulTime"]);
    let active = subject.at(&["status", "active"]).map_or(0, |a| a.len());
    if active > 0 {
        return HealthVerdict::progressing("Active", format!("{active} jobs are running")).since(scheduled);
    }
    match (scheduled, succeeded) {
        (None, _) => HealthVerdict::healthy("NeverScheduled", "no run was due yet"),
        (Some(_), Some(done)) if scheduled <= succeeded => {
            HealthVerdict::healthy("LastRunSucceeded", "the last run succeeded").since(Some(done))
        }
        (Some(_), _) => {
            HealthVerdict::degraded("LastRunFailed", "the last run has not completed successfully")
                .since(scheduled)
        }
    }
}
