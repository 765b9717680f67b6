//! Users behind changes, from the API server's audit log.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use drift_core::drift::{DriftChange, DriftReport, FieldOp, Status};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::{Object, ResourceKey};
use drift_sources::audit::{AuditEntry, AuditIndex, AuditOptions, AuditReader, AuditedChange, LiveValue};

use jiff::Timestamp;

use crate::failure::Failure;
use crate::inputs::Notes;
use crate::inputs::live::Input;
use crate::moment::short;

/// An audit log, and what its Secrets are hashed with.
#[derive(Debug)]
pub(crate) struct UserLog {
    /// The log.
    pub(crate) index: AuditIndex,
    redactor: Redactor,
}

/// How many damaged lines are told one by one.
const TOLD: usize = 3;

/// Reads an audit log. Secrets in it are hashed as those of the live objects are, or with a key that is not kept.
pub(crate) fn read(path: &Path, redactor: Option<Redactor>, notes: &mut Notes) -> Result<UserLog, Failure> {
    read_until(path, redactor, None, notes)
}

/// Reads what an audit log holds up to a time: later requests did not make what was there then.
pub(crate) fn read_until(
    path: &Path,
    redactor: Option<Redactor>,
    until: Option<Timestamp>,
    notes: &mut Notes,
) -> Result<UserLog, Failure> {
    let input = Input::open(path)?;
    let redactor = redactor.unwrap_or_else(|| Redactor::new(RedactOptions::new([0; 32])));
    let log = AuditReader::open(input.path(), redactor.clone(), AuditOptions::default())
        .map_err(|e| Failure::new(format!("cannot read the audit log `{}`", input.name())).because(&e))?;
    let later = |e: &AuditEntry| until.is_some_and(|u| e.at > u);
    let index = AuditIndex::new(log.filter(|e| !e.as_ref().is_ok_and(later)));
    let damages = index.damages();
    for damage in damages.iter().take(TOLD) {
        notes.miss(format!("gap: {} {damage}", input.name()));
    }
    if damages.len() > TOLD {
        notes.miss(format!("gap: {} {} more lines cannot be read", input.name(), damages.len() - TOLD));
    }
    if index.entries().is_empty() {
        notes.miss(format!("`{}` holds no audit entry of a write", input.name()));
    }
    Ok(UserLog { index, redactor })
}

/// Names the user behind each change of a report, where the log has the request.
pub(crate) fn attribute(report: &mut DriftReport, live: &[Arc<Object>], log: &UserLog) {
    let objects: HashMap<ResourceKey, &Arc<Object>> = live.iter().map(|o| (o.key(), o)).collect();
    let hashed = |o: &Arc<Object>| log.redactor.redact_shared(Arc::clone(o));
    for resource in &mut report.resources {
        let key = ResourceKey { cluster: "".into(), ..resource.key.clone() };
        let object = objects.get(&key).copied().map(hashed);
        if resource.status == Status::Missing
            && let Some(entry) = log.index.find_deleter(&key, None, None)
        {
            resource.notes.push(format!("deleted by {}, {}", entry.user, short(entry.at)));
        }
        for change in resource.changes.iter_mut().filter(|c| c.user.is_none()) {
            change.user = user(&key, object.as_deref(), change, &log.index);
        }
    }
}

fn user(
    key: &ResourceKey,
    object: Option<&Object>,
    change: &DriftChange,
    log: &AuditIndex,
) -> Option<Arc<str>> {
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
    log.join(&question).map(|join| Arc::clone(&join.entry.user))
}
