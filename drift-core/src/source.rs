//! The contract of sources of observations.

use std::fmt::Debug;

use futures::stream::BoxStream;

use crate::event::Observation;
use crate::key::Cursor;

/// Why a source failed; its stream of observations continues after an error unless it ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The other side cannot be reached, or answers with a failure that may pass: the source tries again.
    #[error("{what} is unavailable")]
    Unavailable {
        /// Request that failed, and its address.
        what: String,
        /// What failed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The other side refuses the request: permissions are missing.
    #[error("{what} is denied: {message}")]
    Denied {
        /// Request that was denied.
        what: String,
        /// Answer of the other side.
        message: String,
    },
    /// The input cannot be read; the message names file, line and field where there are some.
    #[error("{what} cannot be read")]
    Corrupt {
        /// Input that cannot be read, and the place in it.
        what: String,
        /// What failed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The cursor belongs to another source, or to another version of this one.
    #[error("cannot go on from cursor `{cursor}`")]
    UnknownCursor {
        /// The cursor.
        cursor: Cursor,
    },
}

/// An origin of observations, such as a cluster, a tape or a repository. Object safe.
///
/// Errors are items of the stream, which continues after them where it can. A source that ends (a tape, a dump) ends its
/// stream.
///
/// Check an implementation with `testing::source` (feature `testing`).
pub trait Source: Send + Sync + Debug {
    /// Returns the name under which events and checkpoints of the source are stored.
    fn name(&self) -> &str;

    /// Observes from the start, or resumes from a checkpoint that the source gave earlier.
    ///
    /// After resuming, observations may be repeated; none is left out without a [`crate::Observation::Gap`]. A checkpoint
    /// may be given within a listing; after resuming there, the listing is repeated from its start.
    fn observe(&self, after: Option<Cursor>) -> BoxStream<'_, Result<Observation, SourceError>>;
}
