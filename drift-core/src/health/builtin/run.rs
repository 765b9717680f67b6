//! Job and CronJob.

use crate::health::verdict::{Subject, Verdict};

pub(super) fn job(subject: &Subject<'_>) -> Verdict {
    let conditions = subject.conditions();
    let is = |name| conditions.get(name).filter(|c| c.is_true());
    if let Some(c) = is("Failed") {
        return Verdict::degraded(c.reason_or_name(), c.message).since(c.since);
    }
    if let Some(c) = is("Complete") {
        return Verdict::healthy("Complete", c.message).since(c.since);
    }
    if let Some(c) = is("Suspended") {
        return Verdict::suspended("Suspended", c.message).since(c.since);
    }
    if subject.is_true(&["spec", "suspend"]) {
        return Verdict::suspended("Suspended", "spec.suspend is true");
    }
    let since = subject.time(&["status", "startTime"]);
    // Terminating Pods have to be gone before Failed is set: FailureTarget is the verdict already.
    if let Some(c) = is("FailureTarget") {
        return Verdict::degraded(c.reason_or_name(), c.message).since(c.since);
    }
    if let Some(c) = is("SuccessCriteriaMet") {
        return Verdict::healthy("SuccessCriteriaMet", c.message).since(c.since);
    }
    let count = |field| subject.int(&["status", field]).unwrap_or(0);
    let message =
        format!("{} active, {} succeeded, {} failed", count("active"), count("succeeded"), count("failed"));
    Verdict::progressing(if since.is_some() { "Running" } else { "NotStarted" }, message).since(since)
}

pub(super) fn cron_job(subject: &Subject<'_>) -> Verdict {
    if subject.is_true(&["spec", "suspend"]) {
        return Verdict::suspended("Suspended", "CronJob is suspended");
    }
    let scheduled = subject.time(&["status", "lastScheduleTime"]);
    let succeeded = subject.time(&["status", "lastSuccessfulTime"]);
    let active = subject.at(&["status", "active"]).map_or(0, |a| a.len());
    if active > 0 {
        return Verdict::progressing("Active", format!("{active} jobs are running")).since(scheduled);
    }
    match (scheduled, succeeded) {
        (None, _) => Verdict::healthy("NeverScheduled", "no run was due yet"),
        (Some(_), Some(done)) if scheduled <= succeeded => {
            Verdict::healthy("LastRunSucceeded", "the last run succeeded").since(Some(done))
        }
        (Some(_), _) => {
            Verdict::degraded("LastRunFailed", "the last run has not completed successfully").since(scheduled)
        }
    }
}
