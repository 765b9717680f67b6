//! Errors of the store, with the place or operation they are about.

use std::fmt;
use std::io;

use drift_core::text::error_line;
use drift_core::wire::WireError;
use drift_core::{Position, StoreError};

/// What is wrong with a frame whose bytes are whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("dictionary {0} is missing")]
    MissingDictionary(u8),
    #[error("dictionary {number}: {problem}")]
    UnreadableDictionary { number: u8, problem: String },
    #[error("the dictionary is empty")]
    EmptyDictionary,
    #[error("a dictionary is packed with another one")]
    PackedDictionary,
    #[error("a break is packed with a dictionary")]
    PackedBreak,
    #[error("the frame does not unpack: {0}")]
    Packed(io::Error),
    #[error("{0}")]
    NoCodec(StoreError),
    #[error("the frame holds no records")]
    NoRecords,
    #[error("{}", error_line(.0))]
    Event(WireError),
    #[error("the event says it is another one")]
    OtherEvent,
}

/// Why a frame does not follow the one before it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChainError {
    #[error("the frame does not follow the one before it")]
    OtherPredecessor,
    #[error("the frame begins at position {first}, not {expected}")]
    OtherPosition { first: Position, expected: Position },
    #[error("there is no position {0}")]
    PastEnd(Position),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("{0}")]
    Break(serde_json::Error),
    #[error("{0}")]
    Resume(blake3::HexError),
}

/// Why something cannot be indexed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CatalogError {
    #[error("stream `{stream}` goes on at revision {revision}, not {expected}")]
    Revision { stream: String, revision: u64, expected: u64 },
    #[error("stream `{0}` builds on what is not in the segment")]
    MissingBase(String),
    #[error("the segment is too large to index")]
    TooLarge,
    #[error("there is no segment")]
    NoSegment,
    #[error("a sealed segment does not grow")]
    Sealed,
    #[error("{0}")]
    Entries(io::Error),
}

/// Returns the error of a failed system call.
pub(super) fn unavailable_error(what: &str) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let what = what.to_owned();
    move |e| StoreError::Unavailable { what, source: Some(Box::new(e)) }
}

/// Returns the error of a damaged place.
pub(super) fn corrupt_error(segment: u32, offset: u64, what: impl fmt::Display) -> StoreError {
    StoreError::Corrupt { what: format!("segment {segment}, byte {offset}: {what}") }
}
