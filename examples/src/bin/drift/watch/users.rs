//! Who made a change, by the audit entries that were posted.

use std::collections::HashMap;

use drift_core::drift::DriftReport;
use drift_core::redact::Redactor;
use drift_core::{Event, EventBody, ResourceKey};
use drift_sources::audit::AuditEntry;
use drift_sources::estate::{InputNotes, UserLog};

/// Resources whose entries are remembered, and the newest entries of each: enough for findings, which are about the last changes. The
/// store has them all.
const MAX_RESOURCES: usize = 10_000;
const MAX_ENTRIES: usize = 32;

/// The last audit entries by resource.
#[derive(Debug)]
pub(super) struct PostedUsers {
    redactor: Redactor,
    entries: HashMap<ResourceKey, Vec<AuditEntry>>,
}

impl PostedUsers {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor, entries: HashMap::new() }
    }

    /// Takes an event; any but an audit entry is passed over.
    pub(super) fn take(&mut self, event: &Event) {
        let EventBody::Happened(occurrence) = &event.body else { return };
        let Some(entry) = AuditEntry::from_occurrence(occurrence, event.position.get()) else { return };
        let Some(key) = event.stream.key().cloned() else { return };
        if self.entries.len() >= MAX_RESOURCES && !self.entries.contains_key(&key) {
            self.entries.clear();
        }
        let entries = self.entries.entry(key).or_default();
        if entries.len() >= MAX_ENTRIES {
            entries.remove(0);
        }
        entries.push(entry);
    }

    /// Names the users behind the changes of a report.
    pub(super) fn name(&self, report: &mut DriftReport) {
        let keys = report.resources.iter().map(|r| &r.key);
        let entries: Vec<_> = keys.filter_map(|k| self.entries.get(k)).flatten().cloned().collect();
        if !entries.is_empty() {
            // What is wrong with entries is noted by who asks the store.
            let users = UserLog::of_entries(entries, self.redactor.clone(), &mut InputNotes::default());
            users.attribute(report, &[]);
        }
    }
}
