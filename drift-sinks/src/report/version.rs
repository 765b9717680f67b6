//! Recorded versions of a resource, as the timeline and the history take them.

use std::sync::Arc;

use drift_core::drift::Owner;
use drift_core::text::printable;
use drift_core::timeline::VersionStep;
use drift_core::{Event, FieldChange, FieldPath, Object, ResourceKey};
use serde_json::Value;

use super::value::inline_value;
use super::{REDACTED, TransitionV1, redacted};

/// One recorded version of a resource, with what it changed and who wrote it.
#[derive(Clone, Copy, Debug)]
pub struct RecordedVersion<'a> {
    /// Event that recorded it.
    pub event: &'a Event,
    /// What the event did.
    pub step: VersionStep,
    /// Fields that changed since the version before, without those that the API server maintains.
    pub changes: &'a [FieldChange],
    /// Writer by `managedFields`.
    pub owner: Option<&'a Owner>,
    /// Object before.
    pub before: Option<&'a Arc<Object>>,
    /// Object after.
    pub after: Option<&'a Arc<Object>>,
    /// Changes of state that a GitOps engine reports in it, for a version of one of its objects.
    pub transitions: &'a [TransitionV1],
}

/// Writes in short what a change did to its field: `.spec.replicas 3 → 5`.
pub(super) fn describe_change(path: &str, before: Option<&Value>, after: Option<&Value>) -> String {
    let is_cut = |v: Option<&Value>| v.is_some_and(|v| v == REDACTED);
    if is_cut(before) && is_cut(after) {
        return printable(&format!("{path} changed (redacted)"));
    }
    let values = match (before.map(inline_value), after.map(inline_value)) {
        (Some(Some(before)), Some(Some(after))) => format!(" {before} → {after}"),
        (None, Some(Some(after))) => format!(" + {after}"),
        (Some(Some(before)), None) => format!(" - {before}"),
        (None, _) => " added".to_owned(),
        (_, None) => " removed".to_owned(),
        _ => " changed".to_owned(),
    };
    printable(&format!("{path}{values}"))
}

/// Returns the two sides of a change as they may be shown.
pub(super) fn visible_sides(key: &ResourceKey, change: &FieldChange) -> (Option<Value>, Option<Value>) {
    let visible = |path: &FieldPath, v: &Option<Value>| v.as_ref().map(|v| redacted(key, path, v));
    (visible(&change.path, &change.before), visible(&change.path, &change.after))
}
