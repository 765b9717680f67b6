//! Inputs and outputs of the state machine of a target.

use std::sync::Arc;
use std::time::Duration;

use drift_core::{ResourceVersion, SourceError};
use jiff::Timestamp;

use crate::kubernetes::backoff::Backoff;
use crate::kubernetes::cursor::WatchProgress;
use crate::kubernetes::decode::{Page, WatchLine};

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// 410: the requested versions are compacted.
    Expired(String),
    /// 504 with "Too large resource version": the server is behind what it once sent.
    TooNew(String),
    /// 401, 403.
    Denied(String),
    /// 404: the resource is not served.
    Missing(String),
    /// 400, 405, 406, 415, 422: the server does not support the request.
    Unsupported(String),
    /// 429, with the delay that the server asks for.
    Throttled(String, Option<Duration>),
    /// 5xx, no connection, or no response in time.
    Unavailable(String, Option<Duration>),
    /// A response that exceeds the limits.
    TooLarge(String),
    /// A response that cannot be decoded.
    Corrupt(String),
}

impl Failure {
    /// Returns the message for people.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Expired(m)
            | Self::TooNew(m)
            | Self::Denied(m)
            | Self::Missing(m)
            | Self::Unsupported(m)
            | Self::Throttled(m, _)
            | Self::Unavailable(m, _)
            | Self::TooLarge(m)
            | Self::Corrupt(m) => m,
        }
    }

    /// Converts the failure to the error of a source.
    pub(crate) fn into_error(self, what: String) -> SourceError {
        match self {
            Self::Denied(message) => SourceError::Denied { what, message },
            Self::Corrupt(message) | Self::TooLarge(message) => {
                SourceError::Corrupt { what, source: Some(message.into()) }
            }
            other => SourceError::Unavailable { what, source: Some(other.message().into()) },
        }
    }
}

/// One object of a list to compare with: `namespace/name` and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedVersion {
    pub(crate) name: Box<str>,
    pub(crate) version: ResourceVersion,
}

/// What happened after the request of [`Next`].
#[derive(Debug)]
pub(crate) enum MachineInput {
    /// Begin, or the wait is over.
    Proceed,
    /// A page of a list arrived.
    Page(Page),
    /// The watch was opened.
    Opened,
    /// A line of the watch.
    Line(WatchLine),
    /// The watch ended without an error.
    Closed,
    /// A request failed, or the watch did.
    Failed(Failure),
    /// A list to compare with was requested besides the watch.
    ComparisonBegun,
    /// The list to compare with arrived.
    Compared { version: ResourceVersion, entries: Vec<ListedVersion> },
    /// The list failed, or the time for its differences to be explained is over.
    ComparisonEnds,
    /// The server no longer serves the kind.
    Removed,
}

/// What the driver has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Request a page of a list.
    List { limit: u32, token: Option<String> },
    /// Request a watch that begins with all objects.
    StreamList,
    /// Request a watch.
    Watch { from: ResourceVersion },
    /// Read on from the open watch.
    Read,
    /// Wait, then [`MachineInput::Proceed`].
    Wait(Duration),
    /// Stop the driver.
    Stop(Ending),
}

/// Why a machine stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Listed once, as requested, or given up with a gap.
    Done,
    /// The kind was removed; that was emitted.
    Removed,
}

/// How long a target is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchSpan {
    /// Until the stream is dropped.
    Forever,
    /// One list, given up after this many failures.
    Once { failures: u32 },
}

/// Where a target's history begins for this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// History begins with the first listing.
    Fresh,
    /// The kind appeared while others were already watched; its history before the first list is not known.
    Appeared,
    /// From a cursor taken at a time.
    Resume(WatchProgress, Option<Timestamp>),
}

/// The options that a machine needs.
#[derive(Clone, Debug)]
pub(crate) struct MachineRules {
    pub(crate) cluster: Arc<str>,
    pub(crate) page_size: u32,
    pub(crate) streaming: bool,
    pub(crate) backoff: Backoff,
    pub(crate) span: WatchSpan,
}
