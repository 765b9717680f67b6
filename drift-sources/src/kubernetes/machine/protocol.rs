//! What goes into the state machine of a target and what comes out.

use std::sync::Arc;
use std::time::Duration;

use drift_core::{ResourceVersion, SourceError};
use jiff::Timestamp;

use crate::kubernetes::backoff::Backoff;
use crate::kubernetes::cursor::Mark;
use crate::kubernetes::decode::{Line, Page};

/// Why a request did not give what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// 410: the versions asked for are compacted.
    Expired(String),
    /// 504 with "Too large resource version": the server is behind what it once told.
    TooNew(String),
    /// 401, 403.
    Denied(String),
    /// 404.
    Missing(String),
    /// 400, 405, 406, 415, 422: the server does not do this.
    Unsupported(String),
    /// 429, with the wait the server asks for.
    Throttled(String, Option<Duration>),
    /// 5xx, no connection, no answer in time.
    Unavailable(String, Option<Duration>),
    /// An answer over the limits.
    TooLarge(String),
    /// An answer that makes no sense.
    Corrupt(String),
}

impl Failure {
    /// Returns what was said, for people.
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

    /// Makes the error a caller sees.
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

/// One object of a listing to compare with: `namespace/name` and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: Box<str>,
    pub(crate) version: ResourceVersion,
}

/// What happened to the request that [`Next`] asked for.
#[derive(Debug)]
pub(crate) enum Input {
    /// Begin, or the wait is over.
    Proceed,
    /// A page of a list came.
    Page(Page),
    /// The watch is answered.
    Opened,
    /// A line of the watch.
    Line(Line),
    /// The watch ended.
    Closed,
    /// A request failed, or the watch did.
    Failed(Failure),
    /// A listing to compare with was asked for besides the watch.
    ComparisonBegun,
    /// It came.
    Compared { version: ResourceVersion, entries: Vec<Listed> },
    /// It failed, or its time to settle is over.
    ComparisonEnds,
    /// The server no longer serves the kind.
    Removed,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask for a page.
    List { limit: u32, token: Option<String> },
    /// Ask for a watch that begins with all objects.
    StreamList,
    /// Ask for a watch.
    Watch { from: ResourceVersion },
    /// Read on from the open watch.
    Read,
    /// Wait, then [`Input::Proceed`].
    Wait(Duration),
    /// End.
    Stop(Ending),
}

/// Why a machine stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Listed once, as asked for, or given up with a gap.
    Done,
    /// Removed, as told.
    Removed,
}

/// How long a target is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// For good.
    Forever,
    /// One listing, giving up after so many failures.
    Once { failures: u32 },
}

/// Where a target's history begins for this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// History begins with the first listing.
    Fresh,
    /// The kind came while others were already watched: what was before its first listing is not known.
    Appeared,
    /// From a cursor taken at a time.
    Resume(Mark, Option<Timestamp>),
}

/// What a machine needs to know of the options.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) cluster: Arc<str>,
    pub(crate) page_size: u32,
    pub(crate) streaming: bool,
    pub(crate) backoff: Backoff,
    pub(crate) span: Span,
}
