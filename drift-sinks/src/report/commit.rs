//! A Git commit, as documents name it.

use serde::Serialize;

/// The commit behind a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CommitV1 {
    /// Full hash in hexadecimal digits, or the revision as the engine names it where no repository was given.
    pub id: String,
    /// `Name <address>`; empty where no repository was given.
    pub author: String,
    /// First paragraph of the message; empty where no repository was given.
    pub message: String,
    /// File that declares the object or field, relative to the root of the repository, where exactly one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line of that file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl CommitV1 {
    /// Returns the first ten digits of the id, which are unique in all but very large repositories.
    pub(super) fn short_id(&self) -> &str {
        self.id.get(..10).unwrap_or(&self.id)
    }
}
