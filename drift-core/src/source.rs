//! The contract of sources of observations.

use std::fmt::Debug;

use futures::stream::BoxStream;

use crate::event::Observation;
use crate::key::Cursor;

/// What went wrong at a source; the stream of observations goes on after it unless it ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The other side cannot be reached or answers with a failure that may pass.
    #[error("{what} is unavailable")]
    Unavailable {
        /// What was asked of whom.
        what: String,
        /// What failed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The other side refuses: rights are missing.
    #[error("{what} is denied: {message}")]
    Denied {
        /// What was asked for.
        what: String,
        /// What the other side said.
        message: String,
    },
    /// What was read makes no sense; names file, line and field where there are some.
    #[error("{what} cannot be read")]
    Corrupt {
        /// What and where.
        what: String,
        /// What failed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The cursor is of another source or of another version of it.
    #[error("cannot go on from cursor `{cursor}`")]
    UnknownCursor {
        /// The cursor.
        cursor: Cursor,
    },
}

/// A place where observations come from. Object safe.
///
/// Errors are items: the stream goes on after them where it can. A source that ends (a tape, a dump) ends its stream.
pub trait Source: Send + Sync + Debug {
    /// Returns the name under which its events and checkpoints are kept.
    fn name(&self) -> &str;

    /// Observes from the start, or from a checkpoint that it gave earlier.
    ///
    /// After resuming, an observation may come again; none is left out without a [`crate::Observation::Gap`]. A checkpoint
    /// may be given within a listing; after resuming there, the listing comes again from its start.
    fn observe(&self, after: Option<Cursor>) -> BoxStream<'_, Result<Observation, SourceError>>;
}
