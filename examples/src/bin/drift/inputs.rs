//! What the command line names, opened and read: declared objects, live objects, schemas.
//!
//! What cannot be read costs only itself: it becomes a [`Notes`] entry, the rest is still compared, and the exit code
//! says that it was not the whole.

pub(crate) mod desired;
pub(crate) mod live;
pub(crate) mod schemas;

use crate::output::remark;

/// What a reader should know of what was read, and whether that was all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    texts: Vec<String>,
    is_partial: bool,
}

impl Notes {
    /// Adds something that takes nothing away from the result.
    pub(crate) fn add(&mut self, text: impl Into<String>) {
        self.texts.push(text.into());
    }

    /// Adds something because of which a part was not looked at, and says so at once on standard error.
    pub(crate) fn miss(&mut self, text: impl Into<String>) {
        let text = text.into();
        remark(&format!("error: {}", crate::words::plain(&text)));
        self.is_partial = true;
        self.texts.push(text);
    }

    /// Tells whether a part was not looked at.
    pub(crate) fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Adds what other notes say.
    pub(crate) fn append(&mut self, other: Self) {
        self.texts.extend(other.texts);
        self.is_partial |= other.is_partial;
    }

    /// Returns the texts.
    pub(crate) fn texts(&self) -> &[String] {
        &self.texts
    }
}
