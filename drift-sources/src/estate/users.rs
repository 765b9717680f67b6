//! Users behind changes, from the API server's audit log.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use drift_core::Until;
use drift_core::drift::{DriftChange, DriftReport, FieldOp, ResourceDrift, Status};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::time::format_time;
use drift_core::{Doc, Event, EventBody, Object, ResourceKey};
use jiff::Timestamp;

use super::{EstateError, InputFile, InputNotes};
use crate::audit::{AuditEntry, AuditIndex, AuditOptions, AuditReader, AuditedChange, LiveValue};

/// An audit log, and what its Secrets are hashed with.
#[derive(Clone, Debug)]
pub struct UserLog {
    index: AuditIndex,
    redactor: Redactor,
}

/// How many damaged lines are named one by one.
const MAX_NAMED: usize = 3;

impl UserLog {
    /// Reads an audit log up to a time: later requests did not make what was there then.
    ///
    /// Secrets in it are hashed as those of the live objects are, or with a key that is used for nothing else.
    ///
    /// # Errors
    /// When the file cannot be read. Lines that cannot be read are notes.
    pub fn read(
        path: &Path,
        redactor: Option<Redactor>,
        until: Option<Timestamp>,
        notes: &mut InputNotes,
    ) -> Result<Self, EstateError> {
        Self::read_with(path, redactor, until, Vec::new(), notes)
    }

    /// Reads an audit log, and takes the entries that were stored beside it.
    pub(super) fn read_with(
        path: &Path,
        redactor: Option<Redactor>,
        until: Option<Timestamp>,
        stored: Vec<AuditEntry>,
        notes: &mut InputNotes,
    ) -> Result<Self, EstateError> {
        let input = InputFile::open(path)?;
        let redactor = redactor.unwrap_or_else(|| Redactor::new(RedactOptions::new([0; 32])));
        let log = AuditReader::open(input.path(), redactor.clone(), AuditOptions::default())
            .map_err(|e| EstateError::unreadable(format!("the audit log `{}`", input.name()), e))?;
        let is_later = |e: &AuditEntry| until.is_some_and(|u| e.at > u);
        let index = AuditIndex::new(
            log.filter(|e| !e.as_ref().is_ok_and(is_later)).chain(stored.into_iter().map(Ok)),
        );
        let damages = index.damages();
        for damage in damages.iter().take(MAX_NAMED) {
            notes.add_incomplete(format!("gap: {} {damage}", input.name()));
        }
        if damages.len() > MAX_NAMED {
            let more = damages.len() - MAX_NAMED;
            notes.add_incomplete(format!("gap: {} {more} more lines cannot be read", input.name()));
        }
        if index.entries().is_empty() {
            notes.add_incomplete(format!("`{}` holds no audit entry of a write", input.name()));
        }
        note_unproven(&index, notes);
        Ok(Self { index, redactor })
    }

    /// Takes entries that are in a store already; `redactor` has the key of the store.
    pub fn of_entries(
        entries: impl IntoIterator<Item = AuditEntry>,
        redactor: Redactor,
        notes: &mut InputNotes,
    ) -> Self {
        let index = AuditIndex::new(entries.into_iter().map(Ok));
        note_unproven(&index, notes);
        Self { index, redactor }
    }

    /// Returns the user who made a version of a resource.
    pub fn user_of_version(&self, event: &Event) -> Option<Arc<str>> {
        let key = ResourceKey { cluster: "".into(), ..event.stream.key()?.clone() };
        match &event.body {
            EventBody::Applied(object) => {
                let version = object.resource_version()?;
                let change = AuditedChange { version: Some(&version), ..AuditedChange::new(&key) };
                self.index.join(&change).map(|join| Arc::clone(&join.entry.user))
            }
            EventBody::Deleted(last) => {
                let uid = last.as_ref().and_then(|o| o.uid()).or_else(|| event.uid.clone());
                let deleter = self.index.find_deleter(&key, uid.as_ref(), Some(event.at()));
                deleter.map(|entry| Arc::clone(&entry.user))
            }
            _ => None,
        }
    }

    /// Returns the requests, to be joined with changes.
    pub fn index(&self) -> &AuditIndex {
        &self.index
    }

    /// Sets the user behind each change of a report, if the log has the request. `live` may be empty: then the values of the report
    /// count.
    pub fn attribute(&self, report: &mut DriftReport, live: &[Arc<Object>]) {
        let objects: HashMap<ResourceKey, &Arc<Object>> = live.iter().map(|o| (o.key(), o)).collect();
        let hashed = |o: &Arc<Object>| self.redactor.redact_shared(Arc::clone(o));
        for resource in &mut report.resources {
            let key = ResourceKey { cluster: "".into(), ..resource.key.clone() };
            let object = objects.get(&key).copied().map(hashed);
            if resource.status == Status::Missing {
                resource.notes.extend(self.deletion_note(&key));
            }
            self.set_users(resource, &key, object.as_deref());
        }
    }

    /// Writes who deleted a resource, and when, if the log has the request.
    pub(super) fn deletion_note(&self, key: &ResourceKey) -> Option<String> {
        let key = ResourceKey { cluster: "".into(), ..key.clone() };
        let entry = self.index.find_deleter(&key, None, None)?;
        Some(format!("deleted by {}, {}", entry.user, format_time(entry.at)))
    }

    /// Sets the user behind each change of one resource, if the log has the request.
    pub(super) fn attribute_changes(&self, resource: &mut ResourceDrift, live: Option<&Arc<Object>>) {
        if self.index.entries().is_empty() {
            return;
        }
        let key = ResourceKey { cluster: "".into(), ..resource.key.clone() };
        let object = live.map(|o| self.redactor.redact_shared(Arc::clone(o)));
        self.set_users(resource, &key, object.as_deref());
    }

    fn set_users(&self, resource: &mut ResourceDrift, key: &ResourceKey, object: Option<&Object>) {
        for change in resource.changes.iter_mut().filter(|c| c.user.is_none()) {
            let Some(entry) = self.request_behind(key, object, change) else { continue };
            change.user = Some(Arc::clone(&entry.user));
            // The object does not show who removed a field, and often history only when.
            if change.op == FieldOp::Remove && change.owner.is_none() {
                let at = Timestamp::from_second(entry.at.as_second()).unwrap_or(entry.at);
                change.set_remover(Some(entry.writer()), change.time().unwrap_or(at));
            }
        }
    }

    fn request_behind(
        &self,
        key: &ResourceKey,
        object: Option<&Object>,
        change: &DriftChange,
    ) -> Option<&AuditEntry> {
        let owner = change.owner.as_ref().filter(|_| change.op != FieldOp::Remove);
        // Without the object, what the comparison saw of it.
        let seen = change.live.as_ref().filter(|_| object.is_none()).and_then(|v| Doc::from_value(v).ok());
        let node = object.and_then(|o| o.root().at_path(&change.path)).or(seen.as_ref().map(Doc::root));
        let value = node.map_or(LiveValue::Absent, LiveValue::Is);
        let question = AuditedChange {
            path: Some(&change.path),
            value,
            at: owner.and_then(|o| o.time).or(change.removed_at),
            manager: owner.map(|o| &*o.manager),
            ..AuditedChange::new(key)
        };
        self.index.join(&question).map(|join| join.entry)
    }
}

/// Notes entries that name nobody because their sender is not known, or because they contradict each other.
fn note_unproven(index: &AuditIndex, notes: &mut InputNotes) {
    for contradiction in index.contradictions().iter().take(MAX_NAMED) {
        notes.add(contradiction.to_string());
    }
    if index.contradictions().len() > MAX_NAMED {
        let more = index.contradictions().len() - MAX_NAMED;
        notes.add(format!("{more} more requests with audit entries that contradict each other"));
    }
    if index.unproven() > 0 {
        notes.add(format!(
            "{} audit entries are no evidence, since anybody could have posted them: `drift watch --listen` had no secret",
            index.unproven()
        ));
    }
}

/// Collects the audit entries among the events of a store.
#[derive(Debug, Default)]
pub(super) struct StoredEntries(Vec<AuditEntry>);

impl StoredEntries {
    /// Takes an event; any but an audit entry is passed over.
    pub(super) fn take(&mut self, event: &Event) {
        if let EventBody::Happened(occurrence) = &event.body {
            self.0.extend(AuditEntry::from_occurrence(occurrence, event.position.get()));
        }
    }

    /// Adds entries of another collection.
    pub(super) fn extend(&mut self, entries: &[AuditEntry]) {
        self.0.extend_from_slice(entries);
    }

    pub(super) fn into_entries(self) -> Vec<AuditEntry> {
        self.0
    }
}

/// Returns the time of a point of history that is named by one.
pub(super) fn time_of(until: Until) -> Option<Timestamp> {
    match until {
        Until::Time(time) => Some(time),
        _ => None,
    }
}
