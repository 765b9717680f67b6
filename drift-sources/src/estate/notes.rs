//! What a reader of an answer should know of what was read.

use std::collections::BTreeSet;

/// What a reader of an answer should know of what was read, and whether that was all of it.
///
/// A note is a remark, such as a field that was declared twice, or says that a part is missing, such as a line of a tape that
/// cannot be read. An answer to which a part is missing is an answer all the same: it is about the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputNotes {
    texts: Vec<String>,
    /// Places of those that say that a part is missing.
    incomplete: Vec<usize>,
}

impl InputNotes {
    /// Adds a remark that takes nothing away from the answer.
    pub fn add(&mut self, text: impl Into<String>) {
        self.texts.push(text.into());
    }

    /// Adds that a part was not looked at, and why.
    pub fn add_incomplete(&mut self, text: impl Into<String>) {
        self.incomplete.push(self.texts.len());
        self.texts.push(text.into());
    }

    /// Returns `true` if a part was not looked at.
    pub fn is_partial(&self) -> bool {
        !self.incomplete.is_empty()
    }

    /// Returns `true` if there are no notes.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Returns the texts in the order in which things were read.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Returns the texts that say that a part is missing.
    pub fn incomplete(&self) -> impl Iterator<Item = &str> {
        self.incomplete.iter().map(|i| &*self.texts[*i])
    }

    /// Adds the notes of another part.
    pub fn append(&mut self, other: Self) {
        let before = self.texts.len();
        self.incomplete.extend(other.incomplete.into_iter().map(|i| i + before));
        self.texts.extend(other.texts);
    }

    /// Adds the notes of another part that are not here yet.
    pub(super) fn append_new(&mut self, other: Self) {
        let known: BTreeSet<String> = self.texts.iter().cloned().collect();
        for (place, text) in other.texts.into_iter().enumerate().filter(|(_, t)| !known.contains(t)) {
            match other.incomplete.contains(&place) {
                true => self.add_incomplete(text),
                false => self.add(text),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appended_notes_keep_what_is_missing() {
        let mut all = InputNotes::default();
        all.add("read");
        assert!(!all.is_partial());
        let mut more = InputNotes::default();
        more.add_incomplete("line 3 cannot be read");
        all.append(more);
        assert!(all.is_partial());
        assert_eq!(all.incomplete().collect::<Vec<_>>(), ["line 3 cannot be read"]);
        assert_eq!(all.texts(), ["read", "line 3 cannot be read"]);
        all.append_new(all.clone());
        assert_eq!(all.texts().len(), 2);
    }
}
