//! What only history knows of a drift verdict: who removed a field or an object, and when a write without a time was.

use drift_core::Until;
use drift_core::drift::{DriftChange, DriftReport, Owner, ResourceDrift, Status};
use drift_core::schema::SchemaSet;
use drift_core::time::format_time;
use drift_core::timeline::{VersionChange, VersionFollower, VersionStep};
use drift_core::{Actor, Event, FieldPath, Operation};
use jiff::Timestamp;

use super::{EstateError, RecordedHistory};

impl RecordedHistory {
    /// Adds to drift verdicts what the history up to a point knows: who deleted a resource that is missing, and who made a
    /// change for which the object itself names nobody, or no time.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn attribute(
        &self,
        report: &mut DriftReport,
        until: Until,
        schemas: &SchemaSet,
    ) -> Result<(), EstateError> {
        for resource in &mut report.resources {
            if !needs_history(resource) {
                continue;
            }
            let events = self.events_of(&resource.key, until).await?;
            let mut follower = VersionFollower::new(schemas);
            let versions: Vec<_> = events.iter().filter_map(|e| follower.next(e).map(|v| (e, v))).collect();
            if resource.status == Status::Missing {
                resource.notes.push(deletion_note(&versions));
            }
            resource.changes.iter_mut().for_each(|c| complete(c, &versions));
        }
        Ok(())
    }
}

fn needs_history(resource: &ResourceDrift) -> bool {
    resource.status == Status::Missing || resource.changes.iter().any(is_open)
}

/// Returns `true` if nobody is named for a change, or no time.
fn is_open(change: &DriftChange) -> bool {
    change.user.is_none() || change.owner.as_ref().is_none_or(|o| o.time.is_none())
}

fn deletion_note(versions: &[(&Event, VersionChange)]) -> String {
    match versions.iter().rev().find(|(_, v)| v.step == VersionStep::Deleted) {
        Some((event, _)) => {
            let who = actor_text(&event.origin.actor, None).map_or_else(String::new, |w| format!(" by {w}"));
            format!("deleted{who}, {} (@{})", format_time(event.at()), event.position)
        }
        None => "never seen in the recorded history".to_owned(),
    }
}

/// Completes a change from the last version that changed its field.
fn complete(change: &mut DriftChange, versions: &[(&Event, VersionChange)]) {
    let overlaps = |p: &FieldPath| p.starts_with(&change.path) || change.path.starts_with(p);
    let wrote = |v: &VersionChange| v.changes.iter().any(|c| overlaps(&c.path));
    let Some((event, version)) = versions.iter().rev().find(|(_, v)| wrote(v)) else { return };
    change.user = change.user.take().or_else(|| event.origin.actor.user.clone());
    match &mut change.owner {
        Some(owner) => owner.time = owner.time.or(Some(to_the_second(event))),
        None => {
            change.owner =
                version.owner.clone().map(|o| Owner { time: o.time.or(Some(to_the_second(event))), ..o });
        }
    }
}

/// Times of owners are in whole seconds.
fn to_the_second(event: &Event) -> Timestamp {
    let at = event.at();
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Writes who made a version, such as `alice@example.com with kubectl-edit (Update)`; `None` if nobody is known.
pub fn actor_text(actor: &Actor, owner: Option<&Owner>) -> Option<String> {
    let manager = owner.map(|o| {
        let operation = match o.operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        };
        let through = if o.subresource.is_empty() { String::new() } else { format!(" of {}", o.subresource) };
        format!("{} ({operation}{through})", o.manager)
    });
    let manager = manager.or_else(|| actor.manager.as_ref().map(ToString::to_string));
    match (&actor.user, manager) {
        (Some(user), Some(manager)) => Some(format!("{user} with {manager}")),
        (Some(user), None) => Some(user.to_string()),
        (None, manager) => manager,
    }
}
