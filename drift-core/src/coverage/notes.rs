//! What a reader of an answer should know of what was read.

use super::{Coverage, Unseen, UnseenReason};

/// What a reader of an answer should know of what was read: remarks, and what could not be looked at.
///
/// A remark, such as a field that was declared twice, takes nothing away from the answer. What could not be looked at does:
/// the answer is about the rest.
///
/// # Example
/// ```
/// use drift_core::coverage::InputNotes;
/// let mut notes = InputNotes::default();
/// notes.add("`replicas` is declared twice, the last one counts");
/// assert!(!notes.is_partial());
/// notes.add_incomplete("shop.tape line 3: not valid JSON");
/// assert!(notes.is_partial());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputNotes {
    remarks: Vec<String>,
    coverage: Coverage,
}

impl InputNotes {
    /// Adds a remark that takes nothing away from the answer.
    pub fn add(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }

    /// Adds a part that was not looked at.
    pub fn add_unseen(&mut self, unseen: Unseen) {
        self.coverage.add(unseen);
    }

    /// Adds a file, line or document that could not be read, and why.
    pub fn add_incomplete(&mut self, text: impl Into<String>) {
        self.coverage.add(Unseen::other(UnseenReason::Unreadable, text));
    }

    /// Returns `true` if a part was not looked at.
    pub fn is_partial(&self) -> bool {
        !self.coverage.is_complete()
    }

    /// Returns `true` if there is nothing to know.
    pub fn is_empty(&self) -> bool {
        self.remarks.is_empty() && self.coverage.is_complete()
    }

    /// Returns the remarks in the order in which things were read.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Returns what was not looked at.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Returns what was not looked at, to set its moment.
    pub fn coverage_mut(&mut self) -> &mut Coverage {
        &mut self.coverage
    }

    /// Returns what was not looked at and the remarks, as texts.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.incomplete().chain(self.remarks.iter().cloned())
    }

    /// Returns what was not looked at, as texts.
    pub fn incomplete(&self) -> impl Iterator<Item = String> {
        self.coverage.unseen().iter().map(ToString::to_string)
    }

    /// Returns the notes with each text replaced by what a function makes of it, such as one without values of Secrets.
    #[must_use]
    pub fn map_texts(mut self, mut map: impl FnMut(&str) -> String) -> Self {
        self.remarks.iter_mut().for_each(|text| *text = map(text));
        self.coverage.map_messages(map);
        self
    }

    /// Adds the notes of another part, each once.
    pub fn append(&mut self, other: Self) {
        for remark in other.remarks {
            if !self.remarks.contains(&remark) {
                self.remarks.push(remark);
            }
        }
        self.coverage.append(other.coverage);
    }
}
