//! Users behind changes, from the API server's audit log.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use drift_core::Until;
use drift_core::drift::{DriftChange, DriftReport, FieldOp, Status};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::time::format_time;
use drift_core::{Object, ResourceKey};
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
        let input = InputFile::open(path)?;
        let redactor = redactor.unwrap_or_else(|| Redactor::new(RedactOptions::new([0; 32])));
        let log = AuditReader::open(input.path(), redactor.clone(), AuditOptions::default())
            .map_err(|e| EstateError::unreadable(format!("the audit log `{}`", input.name()), e))?;
        let is_later = |e: &AuditEntry| until.is_some_and(|u| e.at > u);
        let index = AuditIndex::new(log.filter(|e| !e.as_ref().is_ok_and(is_later)));
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
        Ok(Self { index, redactor })
    }

    /// Returns the requests, to be joined with changes.
    pub fn index(&self) -> &AuditIndex {
        &self.index
    }

    /// Sets the user behind each change of a report, if the log has the request.
    pub fn attribute(&self, report: &mut DriftReport, live: &[Arc<Object>]) {
        let objects: HashMap<ResourceKey, &Arc<Object>> = live.iter().map(|o| (o.key(), o)).collect();
        let hashed = |o: &Arc<Object>| self.redactor.redact_shared(Arc::clone(o));
        for resource in &mut report.resources {
            let key = ResourceKey { cluster: "".into(), ..resource.key.clone() };
            let object = objects.get(&key).copied().map(hashed);
            if resource.status == Status::Missing
                && let Some(entry) = self.index.find_deleter(&key, None, None)
            {
                resource.notes.push(format!("deleted by {}, {}", entry.user, format_time(entry.at)));
            }
            for change in resource.changes.iter_mut().filter(|c| c.user.is_none()) {
                change.user = self.user_of(&key, object.as_deref(), change);
            }
        }
    }

    fn user_of(&self, key: &ResourceKey, object: Option<&Object>, change: &DriftChange) -> Option<Arc<str>> {
        let owner = change.owner.as_ref().filter(|_| change.op != FieldOp::Remove);
        let value = match object.and_then(|o| o.root().at_path(&change.path)) {
            Some(node) => LiveValue::Is(node),
            None => LiveValue::Absent,
        };
        let question = AuditedChange {
            path: Some(&change.path),
            value,
            at: owner.and_then(|o| o.time),
            manager: owner.map(|o| &*o.manager),
            ..AuditedChange::new(key)
        };
        self.index.join(&question).map(|join| Arc::clone(&join.entry.user))
    }
}

/// Returns the time of a point of history that is named by one.
pub(super) fn time_of(until: Until) -> Option<Timestamp> {
    match until {
        Until::Time(time) => Some(time),
        _ => None,
    }
}
