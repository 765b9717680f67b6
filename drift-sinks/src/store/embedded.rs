//! The event store in a folder: an append-only log of checksummed, hash-chained, compressed frames.
//!
//! ```text
//! LOCK               held by the one writer, names its process
//! store.json         format
//! redaction.key      key of the redacted values, for its owner only
//! acknowledged       how far the log is known to be on disk
//! segments/N.log     frames; the last one grows
//! segments/N.idx     where each event of a sealed segment is; rebuilt if missing
//! damaged/           what `repair` put aside
//! ```
//! The log is the truth. Each frame holds some events, its length, a CRC-32 and the BLAKE3 of the frame before, so that
//! nothing in the middle can be changed, lost or moved unnoticed. Events are delta-encoded against their predecessor in the
//! stream; every 16th, and the first in a segment, is a full snapshot.
//!
//! When a store is opened, an incomplete write of a killed writer is cut off; it was never acknowledged. All other damage
//! is an error that names the place; [`EmbeddedStore::repair`] then preserves what is readable and reports what is lost.
//!
//! Indexes are sorted tables beside the log and not a database: they are written once, when a segment is sealed, and a
//! database would only help with indexes that change.
//!
//! ```
//! use drift_core::{Append, EventBody, EventStore, EventStoreExt, ExpectedRevision, NewEvent, Object, Origin, StreamId};
//! use drift_sinks::store::embedded::EmbeddedStore;
//! use futures::executor::block_on;
//!
//! # let folder = tempfile::tempdir()?;
//! let store = EmbeddedStore::open(folder.path())?;
//! let object = Object::from_json(br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop"}}"#)?;
//! let stream = StreamId::live(object.key());
//! let event = NewEvent {
//!     uid: None,
//!     origin: Origin { source: "example".into(), ..Origin::default() },
//!     observed_at: "2026-11-21T00:57:51Z".parse()?,
//!     occurred_at: None,
//!     body: EventBody::Applied(object.into()),
//! };
//! let append = Append { stream: stream.clone(), expected: ExpectedRevision::Empty, events: vec![event] };
//! block_on(store.append(vec![append]))?;
//! assert_eq!(block_on(store.read_to_end(&stream))?.len(), 1);
//! assert!(EmbeddedStore::verify(folder.path())?.is_sound());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cache;
mod catalog;
mod dictionary;
mod directory;
mod disk;
mod error;
mod frame;
mod index;
mod open;
mod reader;
mod records;
mod repair;
mod segment;
mod store;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub use open::Recovered;
pub use repair::{LostEvents, RepairReport};
pub use store::{EmbeddedOptions, EmbeddedStore};
pub use verify::{LogBreak, StoreDamage, VerifyReport};

use error::{corrupt_error, unavailable_error};
