//! Who took fields of declared resources away: seen when it happens, since no later version shows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::diff::diff;
use crate::drift::{DriftChange, FieldOp, Owner, ResourceDrift};
use crate::event::{Event, EventBody};
use crate::history::differs_beyond_status;
use crate::key::ResourceKey;
use crate::object::Object;
use crate::path::FieldPath;
use crate::schema::SchemaSet;
use crate::timeline::remover;

/// Removals of one resource that are remembered; the last are those that still stand.
const MAX_REMOVALS: usize = 256;

/// Returns the paths of a value and of the fields in it: of a map that went away one may be all that is missed later.
fn parts(path: &FieldPath, value: &Value, out: &mut Vec<FieldPath>) {
    out.push(path.clone());
    for (name, value) in value.as_object().into_iter().flatten() {
        parts(&path.child(name.as_str()), value, out);
    }
}

#[derive(Clone, Debug)]
struct SeenRemoval {
    path: FieldPath,
    owner: Option<Owner>,
    at: Timestamp,
}

/// Fields that went away from resources, and were not put back.
#[derive(Debug, Default)]
pub(super) struct SeenRemovals {
    by_key: BTreeMap<ResourceKey, Vec<SeenRemoval>>,
    /// The last version of what was deleted: it may be made again without a field.
    deleted: BTreeMap<ResourceKey, Arc<Object>>,
}

impl SeenRemovals {
    /// Takes an event about a resource, and the version before it.
    pub(super) fn apply(
        &mut self,
        key: &ResourceKey,
        before: Option<Arc<Object>>,
        event: &Event,
        schemas: &SchemaSet,
    ) {
        match &event.body {
            EventBody::Applied(after) => {
                if let Some(before) = before.or_else(|| self.deleted.remove(key)) {
                    self.compare(key, &before, after, event.at(), schemas);
                }
            }
            EventBody::Deleted(_) => drop(before.map(|before| self.deleted.insert(key.clone(), before))),
            _ => {}
        }
    }

    fn compare(
        &mut self,
        key: &ResourceKey,
        before: &Object,
        after: &Object,
        at: Timestamp,
        schemas: &SchemaSet,
    ) {
        if !differs_beyond_status(before, after) {
            return;
        }
        let schema = schemas.kind(after.group(), after.version(), after.kind());
        let found = diff(before.doc(), after.doc(), schema.map(|s| s.root()));
        let mut removed = Vec::new();
        for change in found.changes().iter().filter(|c| c.after.is_none()) {
            change.before.iter().for_each(|value| parts(&change.path, value, &mut removed));
        }
        if removed.is_empty() && !self.by_key.contains_key(key) {
            return;
        }
        let all = self.by_key.entry(key.clone()).or_default();
        all.retain(|r| after.root().at_path(&r.path).is_none_or(|n| n.is_null()));
        let owner = remover(before, after);
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        all.extend(removed.into_iter().map(|path| SeenRemoval { path, owner: owner.clone(), at }));
        let excess = all.len().saturating_sub(MAX_REMOVALS);
        all.drain(..excess);
        if all.is_empty() {
            self.by_key.remove(key);
        }
    }

    /// Names who removed fields, and when, in a verdict that does not know it.
    pub(super) fn name(&self, drift: &mut ResourceDrift) {
        let Some(seen) = self.by_key.get(&ResourceKey { cluster: "".into(), ..drift.key.clone() }) else {
            return;
        };
        let open = |c: &&mut DriftChange| c.op == FieldOp::Remove && c.time().is_none();
        for change in drift.changes.iter_mut().filter(open) {
            // A list that went away has its elements only in it.
            let overlaps =
                |r: &&SeenRemoval| r.path.starts_with(&change.path) || change.path.starts_with(&r.path);
            if let Some(removal) = seen.iter().rev().find(overlaps) {
                change.set_remover(removal.owner.clone(), removal.at);
            }
        }
    }
}
