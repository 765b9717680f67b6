//! The contract of event stores, and one in memory.

mod memory;

use std::fmt::Debug;

use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};

pub use memory::MemoryStore;

use crate::event::{Event, NewEvent};
use crate::stream::{Position, Revision, StreamId};

/// What a writer expects of a stream when it appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedRevision {
    /// Nothing.
    Any,
    /// That the stream has no event yet.
    Empty,
    /// That this is the stream's last revision.
    Exact(Revision),
}

impl ExpectedRevision {
    /// Tells whether a stream with this head is as expected.
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
    /// Where to append.
    pub stream: StreamId,
    /// What the writer expects there.
    pub expected: ExpectedRevision,
    /// What to append, in order.
    pub events: Vec<NewEvent>,
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another writer was faster: read the stream's head and decide anew.
    #[error("stream `{stream}` is at {actual:?}, not as expected")]
    Conflict {
        /// The stream.
        stream: Box<StreamId>,
        /// Its last revision.
        actual: Option<Revision>,
    },
    /// Another process holds the store: stop it, or open another one.
    #[error("the store is in use: {holder}")]
    InUse {
        /// Who holds it.
        holder: String,
    },
    /// Stored data is damaged: `repair`, or restore a copy.
    #[error("the store is damaged: {what}")]
    Corrupt {
        /// What is damaged and where.
        what: String,
    },
    /// The data was written by a version that this one cannot read.
    #[error("the store has format {found}, this program knows {known}")]
    Unsupported {
        /// Format of the data.
        found: String,
        /// Newest format that is known.
        known: String,
    },
    /// The disk, the network or the server failed: nothing of the batch is acknowledged; try again later.
    #[error("the store is unavailable: {what}")]
    Unavailable {
        /// What was tried.
        what: String,
        /// What failed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// Keeps event streams. Object safe, no default methods; conveniences are in [`EventStoreExt`].
///
/// An append is atomic and durable: when it returns `Ok`, all events of the batch survive a crash; on an error none is
/// ever seen. Reading is in order of revision or position and sees all that was acknowledged before the call.
#[async_trait]
pub trait EventStore: Send + Sync + Debug {
    /// Appends a batch to one or more streams and returns the events with their places.
    ///
    /// All expectations are checked before anything is written. Cancel safe: a dropped future has appended all or nothing.
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Event>, StoreError>;

    /// Reads one stream from a revision on.
    fn read(&self, stream: &StreamId, from: Revision) -> BoxStream<'_, Result<Event, StoreError>>;

    /// Reads all streams after a position, up to what was there at the call.
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
    /// Reads one stream as a whole.
    async fn read_to_end(&self, stream: &StreamId) -> Result<Vec<Event>, StoreError> {
        collect(self.read(stream, Revision::FIRST)).await
    }

    /// Reads all streams as a whole.
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
