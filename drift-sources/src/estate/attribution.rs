//! What only history knows of a drift verdict: who removed a field or an object, and when a write without a time was.

use std::sync::Arc;

use drift_core::Until;
use drift_core::drift::{DriftChange, DriftReport, FieldOp, Owner, ResourceDrift, Status};
use drift_core::schema::SchemaSet;
use drift_core::time::format_time;
use drift_core::timeline::{VersionChange, VersionFollower, find_deletion, find_removal};
use drift_core::{Actor, Event, FieldPath, Object, Operation, ResourceKey};
use jiff::Timestamp;

use super::users::StoredEntries;
use super::{EstateError, InputNotes, RecordedHistory, UserLog};

impl RecordedHistory {
    /// Adds to drift verdicts what the history up to a point knows: who deleted a resource that is missing, and who made a
    /// change for which the object itself names nobody, or no time. Users are those of `log` and of stored audit entries.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn attribute(
        &self,
        report: &mut DriftReport,
        live: &[Arc<Object>],
        until: Until,
        schemas: &SchemaSet,
        log: Option<&UserLog>,
        notes: &mut InputNotes,
    ) -> Result<(), EstateError> {
        let mut all = StoredEntries::default();
        for resource in &mut report.resources {
            if !needs_history(resource) {
                continue;
            }
            let events = self.events_of(&resource.key, until).await?;
            let versions = follow(&events, schemas);
            let users = self.users_among(&events, &mut all);
            let users = KnownUsers { stored: &users, log };
            if resource.status == Status::Missing {
                resource.notes.push(self.deletion_note(&resource.key, &versions, users, until).await?);
            }
            removed_fields(resource).for_each(|c| name_remover(c, &versions));
            let object = live.iter().find(|o| o.key() == resource.key);
            users.stored.attribute_changes(resource, object);
            resource.changes.iter_mut().for_each(|c| complete(c, &versions, users));
            log.iter().for_each(|log| log.attribute_changes(resource, object));
            removed_fields(resource).for_each(|c| name_user(c, &versions, users));
        }
        UserLog::of_entries(all.into_entries(), self.redactor().clone(), notes);
        Ok(())
    }

    async fn deletion_note(
        &self,
        key: &ResourceKey,
        versions: &[(&Event, VersionChange)],
        users: KnownUsers<'_>,
        until: Until,
    ) -> Result<String, EstateError> {
        let Some(deletion) = Deletion::find(versions) else {
            let note = users.log.and_then(|log| log.deletion_note(key));
            return Ok(note.unwrap_or_else(|| "never seen in the recorded history".to_owned()));
        };
        let pruned_by = match deletion.last {
            Some(object) => self.pruned_by(key, object, deletion.at(), until).await?,
            None => None,
        };
        Ok(deletion.note(users, pruned_by.as_ref()))
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

    /// Adds who removed fields and when, and the users of changes whose requests are among stored audit entries.
    pub(super) async fn name_users(
        &self,
        report: &mut DriftReport,
        live: &[Arc<Object>],
        until: Until,
        schemas: &SchemaSet,
        notes: &mut InputNotes,
    ) -> Result<(), EstateError> {
        let mut all = StoredEntries::default();
        for resource in report.resources.iter_mut().filter(|r| r.changes.iter().any(|c| c.user.is_none())) {
            let events = self.events_of(&resource.key, until).await?;
            let stored = &self.users_among(&events, &mut all);
            if removed_fields(resource).next().is_some() {
                let versions = follow(&events, schemas);
                removed_fields(resource).for_each(|c| name_remover(c, &versions));
            }
            stored.attribute_changes(resource, live.iter().find(|o| o.key() == resource.key));
        }
        UserLog::of_entries(all.into_entries(), self.redactor().clone(), notes);
        Ok(())
    }
}

/// Returns the versions among the events of one resource, each with its event.
fn follow<'a>(events: &'a [Event], schemas: &SchemaSet) -> Vec<(&'a Event, VersionChange)> {
    let mut follower = VersionFollower::new(schemas);
    events.iter().filter_map(|e| follower.next(e).map(|v| (e, v))).collect()
}

fn needs_history(resource: &ResourceDrift) -> bool {
    resource.status == Status::Missing || resource.changes.iter().any(is_open)
}

/// Returns `true` if nobody is named for a change, or no time.
fn is_open(change: &DriftChange) -> bool {
    change.user.is_none() || change.owner.as_ref().is_none_or(|o| o.time.is_none())
}

/// Audit entries that name users: those that were stored, and those of a log that was given.
#[derive(Clone, Copy)]
struct KnownUsers<'a> {
    stored: &'a UserLog,
    log: Option<&'a UserLog>,
}

impl KnownUsers<'_> {
    fn actor(self, event: &Event) -> Actor {
        let actor = with_user(event, self.stored);
        match self.log {
            Some(log) if actor.user.is_none() => Actor { user: log.user_of_version(event), ..actor },
            _ => actor,
        }
    }
}

/// A deletion that is recorded.
struct Deletion<'a> {
    /// The event that marked the object, where it then waited, and that was seen.
    asked: Option<&'a Event>,
    gone: &'a Event,
    /// The object as it was last.
    last: Option<&'a Object>,
}

impl<'a> Deletion<'a> {
    fn find(versions: &'a [(&'a Event, VersionChange)]) -> Option<Self> {
        let found = find_deletion(versions.iter().map(|(_, v)| v.after.as_deref()))?;
        let event = |version: usize| versions[version].0;
        let last = versions[found.gone].1.before.as_deref();
        Some(Self { asked: found.asked.map(event), gone: event(found.gone), last })
    }

    fn at(&self) -> Timestamp {
        self.asked.unwrap_or(self.gone).at()
    }

    /// Writes who deleted the resource and when: whoever asked for it, not who took away the last finalizer.
    fn note(&self, users: KnownUsers<'_>, pruned_by: Option<&ResourceKey>) -> String {
        let actor = self.asked.map(|event| users.actor(event)).filter(|actor| actor.user.is_some());
        let who = actor_text(&actor.unwrap_or_else(|| users.actor(self.gone)), None);
        let mut text = who.map_or_else(|| "deleted".to_owned(), |who| format!("deleted by {who}"));
        if let Some(app) = pruned_by {
            text.push_str(&format!(", pruned by {app}"));
        }
        let at = |event: &Event| format!("{} (@{})", format_time(event.at()), event.position);
        match self.asked.filter(|asked| is_pending(asked, self.gone)) {
            Some(asked) => {
                let held = self
                    .last
                    .and_then(finalizers)
                    .map_or_else(String::new, |held| format!(", held by {held}"));
                format!("{text}, {}; gone {}{held}", at(asked), at(self.gone))
            }
            None => format!("{text}, {}", at(self.gone)),
        }
    }
}

/// Returns `true` if a deletion took a while.
fn is_pending(mark: &Event, end: &Event) -> bool {
    mark.at().as_second() < end.at().as_second()
}

/// Returns the finalizers for which a deletion waited.
fn finalizers(object: &Object) -> Option<String> {
    let all = object.root().at(&["metadata", "finalizers"])?;
    let names: Vec<_> = all.children().filter_map(drift_core::Node::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn removed_fields(resource: &mut ResourceDrift) -> impl Iterator<Item = &mut DriftChange> {
    resource.changes.iter_mut().filter(|c| c.op == FieldOp::Remove)
}

/// Names who removed a field: who wrote the last version before which it was there, and after which it is gone.
fn name_remover(change: &mut DriftChange, versions: &[(&Event, VersionChange)]) {
    if let Some((event, owner)) = removal(change, versions) {
        change.set_remover(owner, to_the_second(event));
    }
}

/// Names the user behind the version that removed a field, where no request about the field does.
fn name_user(change: &mut DriftChange, versions: &[(&Event, VersionChange)], users: KnownUsers<'_>) {
    if let (None, Some((event, _))) = (&change.user, removal(change, versions)) {
        change.user = users.actor(event).user;
    }
}

fn removal<'a>(
    change: &DriftChange,
    versions: &[(&'a Event, VersionChange)],
) -> Option<(&'a Event, Option<Owner>)> {
    let found = find_removal(versions.iter().map(|(_, v)| v.after.as_deref()), &change.path)?;
    Some((versions[found.version].0, found.owner))
}

/// Completes a change from the last version that changed its field; a removal is another matter.
fn complete(change: &mut DriftChange, versions: &[(&Event, VersionChange)], users: KnownUsers<'_>) {
    if change.op == FieldOp::Remove {
        return;
    }
    let overlaps = |p: &FieldPath| p.starts_with(&change.path) || change.path.starts_with(p);
    let wrote = |v: &VersionChange| v.changes.iter().any(|c| overlaps(&c.path));
    let Some((event, version)) = versions.iter().rev().find(|(_, v)| wrote(v)) else { return };
    change.user = change.user.take().or_else(|| users.actor(event).user);
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
