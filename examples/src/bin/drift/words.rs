//! The words in which commands speak of versions.

use drift_core::drift::Owner;
use drift_core::{Actor, Operation};

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
