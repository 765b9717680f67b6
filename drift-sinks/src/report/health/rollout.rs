//! Rollouts of a workload, as a health report lists them.

use drift_core::health::rollout::{Rollout, RolloutCounts, RolloutState, RolloutTrigger};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::report::WriterV1;
use crate::report::format::format_time;

/// One rollout: from a change of the Pod template until all Pods follow it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutV1 {
    /// State at the time of the report, or how it ended.
    pub state: RolloutState,
    /// What started it: `Created`, `Changed`, `Restarted` or `RolledBack`.
    pub trigger: &'static str,
    /// Revision as the controller counts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Generation of the workload that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Revision that came back, for a rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Containers that got another image.
    pub images: Vec<RolloutImageV1>,
    /// Who wrote the version that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<WriterV1>,
    /// Time at which the template changed.
    pub started: Timestamp,
    /// Time at which the first Pod followed the new template.
    pub first_progress: Option<Timestamp>,
    /// Time at which its counts changed last.
    pub last_progress: Timestamp,
    /// Time at which it was completed, superseded or rolled back; null while it runs.
    pub ended: Option<Timestamp>,
    /// Time since which nothing has moved, while it counts as stalled.
    pub stalled: Option<Timestamp>,
    /// Reason of the controller, while it is stalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seconds from its start to its end, or to the time of the report.
    pub duration_seconds: i64,
    /// Replicas, as they were seen last.
    pub counts: RolloutCounts,
    /// Every change of state, in order.
    pub steps: Vec<RolloutStepV1>,
}

/// A container that got another image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RolloutImageV1 {
    /// Name of the container.
    pub container: String,
    /// Image before.
    pub before: String,
    /// Image after.
    pub after: String,
}

/// A change of a rollout's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RolloutStepV1 {
    /// Time at which it entered the state.
    pub time: Timestamp,
    /// The state.
    pub state: RolloutState,
}

impl RolloutV1 {
    /// Makes the entry of a rollout; `who` wrote the version that started it, `now` is the time of the report.
    pub fn new(rollout: Rollout, who: Option<WriterV1>, now: Timestamp) -> Self {
        let duration_seconds = rollout.duration(now).as_secs();
        let (trigger, images, to) = match rollout.trigger {
            RolloutTrigger::Created => ("Created", Vec::new(), None),
            RolloutTrigger::Changed(images) => ("Changed", images, None),
            RolloutTrigger::Restarted => ("Restarted", Vec::new(), None),
            RolloutTrigger::RolledBack { to } => ("RolledBack", Vec::new(), to),
            _ => ("Unknown", Vec::new(), None),
        };
        let image = |(container, before, after)| RolloutImageV1 { container, before, after };
        Self {
            state: rollout.state,
            trigger,
            revision: rollout.revision,
            generation: rollout.generation,
            to,
            images: images.into_iter().map(image).collect(),
            who: who.filter(|w| !w.is_unknown()),
            started: rollout.started,
            first_progress: rollout.first_progress,
            last_progress: rollout.last_progress,
            ended: rollout.ended,
            stalled: rollout.stalled,
            reason: rollout.reason,
            duration_seconds,
            counts: rollout.counts,
            steps: rollout.steps.into_iter().map(|(time, state)| RolloutStepV1 { time, state }).collect(),
        }
    }

    /// Writes it in one line: `revision 2  Completed after 1m 10s, started 2030-01-01 10:00:00Z: web web:1 → web:2`.
    pub fn describe(&self) -> String {
        let revision = self.revision.as_deref().unwrap_or("?");
        let duration = SignedDuration::from_secs(self.duration_seconds);
        let how = if self.ended.is_some() { "after" } else { "for" };
        let what = match (self.trigger, &self.to) {
            ("Changed", _) if self.images.is_empty() => "template changed".to_owned(),
            ("Changed", _) => {
                let image = |i: &RolloutImageV1| format!("{} {} → {}", i.container, i.before, i.after);
                self.images.iter().map(image).collect::<Vec<_>>().join(", ")
            }
            ("RolledBack", Some(to)) => format!("rolled back to revision {to}"),
            ("RolledBack", None) => "rolled back".to_owned(),
            (trigger, _) => trigger.to_lowercase(),
        };
        let by = self.who.as_ref().and_then(WriterV1::describe);
        let by = by.map_or(String::new(), |by| format!(", by {by}"));
        let reason = self.reason.as_ref().map_or(String::new(), |r| format!(" ({r})"));
        let RolloutCounts { desired, updated, available, .. } = self.counts;
        let counts = if self.ended.is_some() {
            String::new()
        } else {
            format!(", {updated} of {desired} updated, {available} available")
        };
        let started = format_time(self.started);
        format!(
            "revision {revision}  {:?}{reason} {how} {duration:#}, started {started}: {what}{by}{counts}",
            self.state
        )
    }
}
