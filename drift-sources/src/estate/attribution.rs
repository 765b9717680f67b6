//! What only history knows of a drift verdict: who removed a field or an object, and when a write without a time was.

use std::sync::Arc;

use drift_core::Until;
use drift_core::drift::{DriftChange, DriftReport, Owner, ResourceDrift, Status};
use drift_core::schema::SchemaSet;
use drift_core::time::format_time;
use drift_core::timeline::{VersionChange, VersionFollower, VersionStep};
use drift_core::{Actor, Event, FieldPath, Object, Operation};
use jiff::Timestamp;

use super::users::StoredEntries;
use super::{EstateError, InputNotes, RecordedHistory, UserLog};

impl RecordedHistory {
    /// Adds to drift verdicts what the history up to a point knows: who deleted a resource that is missing, and who made a
    /// change for which the object itself names nobody, or no time. Users are those of stored audit entries.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn attribute(
        &self,
        report: &mut DriftReport,
        live: &[Arc<Object>],
        until: Until,
        schemas: &SchemaSet,
        notes: &mut InputNotes,
    ) -> Result<(), EstateError> {
        let mut all = StoredEntries::default();
        for resource in &mut report.resources {
            if !needs_history(resource) {
                continue;
            }
            let events = self.events_of(&resource.key, until).await?;
            let mut follower = VersionFollower::new(schemas);
            let versions: Vec<_> = events.iter().filter_map(|e| follower.next(e).map(|v| (e, v))).collect();
            let users = self.users_among(&events, &mut all);
            if resource.status == Status::Missing {
                resource.notes.push(deletion_note(&versions, &users));
            }
            let object = live.iter().find(|o| o.key() == resource.key);
            users.attribute_changes(resource, object);
            resource.changes.iter_mut().for_each(|c| complete(c, &versions, &users));
        }
        UserLog::of_entries(all.into_entries(), self.redactor().clone(), notes);
        Ok(())
    }

    /// Returns the users by the audit entries among the events of one resource, and adds the entries to `all`.
    fn users_among(&self, events: &[Event], all: &mut StoredEntries) -> UserLog {
        let mut stored = StoredEntries::default();
        events.iter().for_each(|e| stored.take(e));
        let entries = stored.into_entries();
        all.extend(&entries);
        // What is wrong with them is noted for all resources together.
        UserLog::of_entries(entries, self.redactor().clone(), &mut InputNotes::default())
    }

    /// Sets the users of changes whose requests are among stored audit entries.
    pub(super) async fn name_users(
        &self,
        report: &mut DriftReport,
        live: &[Arc<Object>],
        until: Until,
        notes: &mut InputNotes,
    ) -> Result<(), EstateError> {
        let mut all = StoredEntries::default();
        for resource in report.resources.iter_mut().filter(|r| r.changes.iter().any(|c| c.user.is_none())) {
            let users = self.users_among(&self.events_of(&resource.key, until).await?, &mut all);
            users.attribute_changes(resource, live.iter().find(|o| o.key() == resource.key));
        }
        UserLog::of_entries(all.into_entries(), self.redactor().clone(), notes);
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

fn deletion_note(versions: &[(&Event, VersionChange)], users: &UserLog) -> String {
    match versions.iter().rev().find(|(_, v)| v.step == VersionStep::Deleted) {
        Some((event, _)) => {
            let actor = with_user(event, users);
            let who = actor_text(&actor, None).map_or_else(String::new, |w| format!(" by {w}"));
            format!("deleted{who}, {} (@{})", format_time(event.at()), event.position)
        }
        None => "never seen in the recorded history".to_owned(),
    }
}

/// Completes a change from the last version that changed its field.
fn complete(change: &mut DriftChange, versions: &[(&Event, VersionChange)], users: &UserLog) {
    let overlaps = |p: &FieldPath| p.starts_with(&change.path) || change.path.starts_with(p);
    let wrote = |v: &VersionChange| v.changes.iter().any(|c| overlaps(&c.path));
    let Some((event, version)) = versions.iter().rev().find(|(_, v)| wrote(v)) else { return };
    change.user = change.user.take().or_else(|| with_user(event, users).user);
    match &mut change.owner {
        Some(owner) => owner.time = owner.time.or(Some(to_the_second(event))),
        None => {
            change.owner =
                version.owner.clone().map(|o| Owner { time: o.time.or(Some(to_the_second(event))), ..o });
        }
    }
}

/// Returns who made a version, with the user of the audit entry where the event names none.
pub(super) fn with_user(event: &Event, users: &UserLog) -> Actor {
    let actor = event.origin.actor.clone();
    Actor { user: actor.user.or_else(|| users.user_of_version(event)), ..actor }
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
