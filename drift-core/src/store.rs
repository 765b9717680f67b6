//! The contract of event stores, and one in memory.

mod memory;

use std::fmt::Debug;

use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};

pub use memory::MemoryStore;

use crate::event::{Event, NewEvent};
use crate::stream::{Position, Revision, StreamId};

/// What a writer expects of a stream when it appends: the guard against writers that do not know of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedRevision {
    /// No expectation: append to whatever is there.
    Any,
    /// The stream has no event yet.
    Empty,
    /// The last revision of the stream is this one.
    Exact(Revision),
}

impl ExpectedRevision {
    /// Returns `true` if a stream with this last revision is as expected.
    pub fn holds(self, head: Option<Revision>) -> bool {
        match self {
            Self::Any => true,
            Self::Empty => head.is_none(),
            Self::Exact(revision) => head == Some(revision),
        }
    }
}

/// One stream's part of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Stream to append to.
    pub stream: StreamId,
    /// What the writer expects of the stream.
    pub expected: ExpectedRevision,
    /// Events to append, in order.
    pub events: Vec<NewEvent>,
}

/// Why a store failed, by what the caller should do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another writer was faster: read the end of the stream and decide again.
    #[error("stream `{stream}` is at {actual:?}, not as expected")]
    Conflict {
        /// The stream.
        stream: Box<StreamId>,
        /// Its last revision.
        actual: Option<Revision>,
    },
    /// Another process has opened the store: stop it, or open another store.
    #[error("the store is in use: {holder}")]
    InUse {
        /// Process that has opened it.
        holder: String,
    },
    /// Stored data is damaged: `repair`, or restore a copy.
    #[error("the store is damaged: {what}")]
    Corrupt {
        /// What is damaged and where.
        what: String,
    },
    /// The data was written by a version that this program cannot read.
    #[error("unsupported store format {found}: this program reads up to {known}")]
    Unsupported {
        /// Format of the data.
        found: String,
        /// Newest format that this program knows.
        known: String,
    },
    /// The disk, the network or the server failed and nothing of the batch was appended: try again later.
    #[error("the store is unavailable: {what}")]
    Unavailable {
        /// What was tried.
        what: String,
        /// What failed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// A store of event streams. Object safe and without default methods; [`EventStoreExt`] adds conveniences.
///
/// An append is atomic and durable: after `Ok`, all events of the batch survive a crash; after an error, none of them is ever
/// read. Events are read in order of revision or position, and a read sees every append that returned before it.
///
/// Check an implementation with `testing::event_store` (feature `testing`).
#[async_trait]
pub trait EventStore: Send + Sync + Debug {
    /// Appends a batch to one or more streams and returns the events with their revisions and positions.
    ///
    /// All expectations are checked before anything is written. Cancel safe: a dropped future has appended everything or
    /// nothing.
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Event>, StoreError>;

    /// Reads one stream from a revision on.
    fn read(&self, stream: &StreamId, from: Revision) -> BoxStream<'_, Result<Event, StoreError>>;

    /// Reads the events of all streams after a position, up to the last one at the time of the call.
    fn read_all(&self, after: Position) -> BoxStream<'_, Result<Event, StoreError>>;

    /// Returns the last event of a stream that is at or before a position; `None` as position means the newest.
    async fn head(&self, stream: &StreamId, until: Option<Position>) -> Result<Option<Event>, StoreError>;

    /// Lists the names of all streams, sorted.
    async fn streams(&self) -> Result<Vec<StreamId>, StoreError>;

    /// Returns the position of the last event.
    async fn last_position(&self) -> Result<Position, StoreError>;
}

/// Conveniences of every [`EventStore`].
#[async_trait]
pub trait EventStoreExt: EventStore {
    /// Reads all events of one stream.
    async fn read_to_end(&self, stream: &StreamId) -> Result<Vec<Event>, StoreError> {
        collect(self.read(stream, Revision::FIRST)).await
    }

    /// Reads all events of all streams.
    async fn read_all_to_end(&self) -> Result<Vec<Event>, StoreError> {
        collect(self.read_all(Position::START)).await
    }
}

impl<S: EventStore + ?Sized> EventStoreExt for S {}

async fn collect(mut events: BoxStream<'_, Result<Event, StoreError>>) -> Result<Vec<Event>, StoreError> {
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(event?);
    }
    Ok(all)
}
