//! The words in which commands speak of versions.

use drift_core::drift::Owner;
use drift_core::{Actor, FieldChange, Operation, ResourceKey};
use drift_sinks::report::{REDACTED, inline, redacted};
use serde_json::Value;

/// Says who wrote: `alice@example.com with kubectl-edit (Update)`.
pub(crate) fn who(actor: &Actor, owner: Option<&Owner>) -> Option<String> {
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

/// Makes control characters visible: what comes from a cluster must not drive the reader's terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_unicode().to_string() } else { c.to_string() })
        .collect()
}

/// Says in short what a change did to its field: `.spec.replicas 3 → 5`.
pub(crate) fn change(key: &ResourceKey, change: &FieldChange) -> String {
    let side = |v: &Option<Value>| v.as_ref().map(|v| inline(&redacted(key, &change.path, v)));
    if [&change.before, &change.after]
        .iter()
        .all(|v| v.as_ref().map(|v| redacted(key, &change.path, v)) == Some(REDACTED.into()))
    {
        return plain(&format!("{} changed (redacted)", change.path));
    }
    let values = match (side(&change.before), side(&change.after)) {
        (Some(Some(before)), Some(Some(after))) => format!(" {before} → {after}"),
        (None, Some(Some(after))) => format!(" + {after}"),
        (Some(Some(before)), None) => format!(" - {before}"),
        (None, _) => " added".to_owned(),
        (_, None) => " removed".to_owned(),
        _ => " changed".to_owned(),
    };
    plain(&format!("{}{values}", change.path))
}
