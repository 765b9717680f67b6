//! Who wrote a version of a resource, as documents name it.

use drift_core::drift::Owner;
use drift_core::{Event, Operation};
use serde::Serialize;

use super::format;

/// The writer of a recorded version. All members are absent where nothing names anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WriterV1 {
    /// Field manager: the one that `managedFields` names, else the one that the source of the event names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// `Apply` or `Update`, where `managedFields` names the manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Subresource that was written through, such as `scale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// User, where an audit source named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl WriterV1 {
    /// Joins what `managedFields` say (`owner`) with what the source of the event says.
    pub fn new(event: &Event, owner: Option<&Owner>) -> Self {
        let actor = &event.origin.actor;
        let by_source = actor.manager.as_ref().map(ToString::to_string);
        Self {
            manager: owner.map(|o| o.manager.to_string()).or(by_source),
            operation: owner.map(|o| o.operation),
            subresource: owner.map(|o| o.subresource.to_string()).filter(|s| !s.is_empty()),
            user: actor.user.as_ref().map(ToString::to_string),
        }
    }

    /// Returns `true` if nothing names anybody.
    pub fn is_unknown(&self) -> bool {
        self.manager.is_none() && self.user.is_none()
    }

    /// Writes the writer in a few words: `alice@example.com with kubectl-edit (Update of scale)`.
    pub fn describe(&self) -> Option<String> {
        let manager = self.manager.as_ref().map(|manager| match self.operation {
            Some(operation) => {
                let method = format::write_method(operation, self.subresource.as_deref().unwrap_or_default());
                format!("{manager} ({method})")
            }
            None => manager.clone(),
        });
        match (&self.user, manager) {
            (Some(user), Some(manager)) => Some(format!("{user} with {manager}")),
            (Some(user), None) => Some(user.clone()),
            (None, manager) => manager,
        }
    }
}
