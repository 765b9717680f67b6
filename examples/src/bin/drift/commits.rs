//! Commits behind declared values.

use drift_core::blame::FieldBlame;
use drift_core::{Node, ResourceKey};
use serde::Serialize;

use crate::blame::Estate;
use crate::failure::Failure;
use crate::inputs::Notes;

/// A commit, as programs read it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CommitV1 {
    pub(crate) id: String,
    pub(crate) author: String,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
}

impl CommitV1 {
    /// Says it in one line.
    pub(crate) fn text(&self) -> String {
        let id = self.id.get(..10).unwrap_or(&self.id);
        let place = match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("  {file}:{line}"),
            (Some(file), None) => format!("  {file}"),
            _ => String::new(),
        };
        format!("commit {id} {}  {}{place}", self.author, self.message)
    }
}

/// Repositories by the URL that engines know them by.
#[derive(Debug, Default)]
pub(crate) struct Commits {}

impl Commits {
    /// Opens what `--git URL=PLACE` names.
    pub(crate) fn open(_places: &[String], _notes: &mut Notes) -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Finds the commit that gave a field its value in what an app declares.
    pub(crate) fn of(
        &self,
        _estate: &Estate,
        _app: &ResourceKey,
        _key: &ResourceKey,
        _field: &FieldBlame,
        _value: Node<'_>,
        _notes: &mut Notes,
    ) -> Option<CommitV1> {
        None
    }
}
