//! Observations, as sources make them, and events, as stores keep them.

mod until;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use until::UntilError;

use crate::key::{Cursor, ResourceKey, ResourceVersion, SourceRevision, Uid};
use crate::object::Object;
use crate::stream::{Facet, Position, Revision, Scope, StreamId};

/// Who did something, as far as the source knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// Field manager, for example `kubectl-edit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<Arc<str>>,
    /// User as the API server authenticated it; for an impersonating request, the impersonated user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Arc<str>>,
}

/// Kind of an [`Occurrence`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum OccurrenceKind {
    /// A Kubernetes Event.
    KubernetesEvent,
    /// The outcome of a sync or reconcile of a GitOps engine.
    Reconcile,
    /// A request in the API server's audit log.
    Audit,
    /// A commit in a source repository.
    Commit,
    /// A change outside the cluster, such as a CI run, a feature flag or a merge.
    Outside,
    /// An alert.
    Alert,
}

/// Something that happened and is not a version of a resource, such as a Kubernetes Event or an audit entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// Kind of the occurrence.
    pub kind: OccurrenceKind,
    /// Resource that it is about; `None` if it is about more than one or none.
    pub about: Option<ResourceKey>,
    /// When it happened, by the clock of the reporter.
    pub at: Timestamp,
    /// Short machine-readable reason, such as `FailedScheduling` or `update`.
    pub reason: Arc<str>,
    /// Text for people.
    pub message: Arc<str>,
    /// Who did it, if the reporter knows.
    pub actor: Actor,
    /// The report as it was received, redacted.
    pub detail: Option<Arc<crate::object::Doc>>,
}

/// Why a part of the history is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum GapReason {
    /// The server no longer has the requested versions (410 Gone).
    Expired,
    /// The watch ended and a new list was needed.
    WatchLost,
    /// The source was not running or not reachable.
    SourceDown,
    /// The server asked to slow down (429) or was overloaded (5xx).
    Throttled,
    /// Listing was denied (401, 403): it is not known what exists.
    Denied,
    /// A recorded line or an answer of the server could not be read.
    Corrupt,
    /// An object, a line or an answer was larger than the limits.
    TooLarge,
    /// The clocks of source and observer disagree.
    ClockSkew,
}

/// A part of the history that is not known, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Resources whose history is not known.
    pub scope: Scope,
    /// End of the known history before the gap; `None` if nothing before it is known.
    pub from: Option<Timestamp>,
    /// Start of the known history after the gap.
    pub to: Timestamp,
    /// Last resourceVersion before the gap, for a watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<ResourceVersion>,
    /// First resourceVersion after the gap, for a watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_version: Option<ResourceVersion>,
    /// Why it is not known, for programs.
    pub reason: GapReason,
    /// Why it is not known, for people: for example, the request, or file and line.
    pub message: Arc<str>,
}

/// What a source reports. The ingest decides what of it is an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// The object was created or updated, or was found in this state.
    Applied(Applied),
    /// The object was deleted.
    Deleted(Deleted),
    /// A full listing begins: an object that is not applied before [`Observation::RelistDone`] no longer exists.
    RelistStarted(Scope),
    /// A full listing is complete.
    RelistDone {
        /// Scope that was listed.
        scope: Scope,
        /// When the listing was complete.
        observed_at: Timestamp,
    },
    /// Something happened that is not a version of an object.
    Happened(Occurrence),
    /// A part of the history is not known.
    Gap(Gap),
    /// The source can resume from here.
    Checkpoint(Cursor),
}

/// An object as a source observed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Side of the resource: live, or declared by somebody.
    pub facet: Facet,
    /// Resource that the object is a version of.
    pub key: ResourceKey,
    /// The object.
    pub object: Arc<Object>,
    /// When the source observed it.
    pub observed_at: Timestamp,
    /// Who did it, if the source knows.
    pub actor: Actor,
    /// Where the source can resume after this observation, if it can.
    pub cursor: Option<Cursor>,
    /// Commit or chart version that declares the object, for a desired one.
    pub source_revision: Option<SourceRevision>,
}

impl Applied {
    /// Makes an observation of a live object in a cluster.
    pub fn live(object: Object, cluster: &str, observed_at: Timestamp) -> Self {
        Self {
            facet: Facet::Live,
            key: object.key().in_cluster(cluster),
            object: Arc::new(object),
            observed_at,
            actor: Actor::default(),
            cursor: None,
            source_revision: None,
        }
    }
}

/// A deletion that a source observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Side of the resource: live, or declared by somebody.
    pub facet: Facet,
    /// Resource that the object is a version of.
    pub key: ResourceKey,
    /// Last state of the object with the resourceVersion of the deletion, if the source has it.
    pub last: Option<Arc<Object>>,
    /// When the source observed it.
    pub observed_at: Timestamp,
    /// Who did it, if the source knows.
    pub actor: Actor,
}

/// Identity of an event by its content: the same fact at the same revision of a stream has the same id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId([u8; 32]);

impl EventId {
    /// Wraps a BLAKE3 hash.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for EventId {
    /// Writes the first 16 hexadecimal digits, enough to name an event to a person; `{:#}` writes all 64.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if f.alternate() { &self.0[..] } else { &self.0[..8] };
        shown.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Source of an event, and what the source knows about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Name of the source, such as `kubernetes` or a tape's file name.
    pub source: Arc<str>,
    /// Where the source can resume after the event.
    pub cursor: Option<Cursor>,
    /// Who did it.
    pub actor: Actor,
    /// Commit or chart version that declares the object.
    pub source_revision: Option<SourceRevision>,
}

/// The fact that an event records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventBody {
    /// The object was created or updated; this is its new state.
    Applied(Arc<Object>),
    /// The object was deleted; its last state with the resourceVersion of the deletion, if known.
    Deleted(Option<Arc<Object>>),
    /// Something happened that is not a version of an object.
    Happened(Occurrence),
    /// A part of the history is not known.
    Gap(Gap),
    /// The source listed a scope in full.
    Relisted(Scope),
    /// The source can resume from [`Origin::cursor`].
    Checkpoint,
}

/// One fact in a store. It has no `Serialize`: [`crate::wire`] defines its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Identity by content.
    pub id: EventId,
    /// Stream that it belongs to.
    pub stream: StreamId,
    /// Place in the stream.
    pub revision: Revision,
    /// Place in the store.
    pub position: Position,
    /// Incarnation of the resource: the uid of the object.
    pub uid: Option<Uid>,
    /// Source of the event.
    pub origin: Origin,
    /// When the source observed it.
    pub observed_at: Timestamp,
    /// When it happened, where that is known more exactly than by the clock of the source.
    pub occurred_at: Option<Timestamp>,
    /// The recorded fact.
    pub body: EventBody,
}

impl Event {
    /// Returns the object of an applied event.
    pub fn object(&self) -> Option<&Arc<Object>> {
        match &self.body {
            EventBody::Applied(object) => Some(object),
            _ => None,
        }
    }

    /// Returns when it happened, by the best clock known.
    pub fn at(&self) -> Timestamp {
        self.occurred_at.unwrap_or(self.observed_at)
    }
}

/// An event that is not in a store yet: it has no place, and so no id. [`NewEvent::at`] gives it both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Incarnation of the resource: the uid of the object.
    pub uid: Option<Uid>,
    /// Source of the event.
    pub origin: Origin,
    /// When the source observed it.
    pub observed_at: Timestamp,
    /// When it happened, where that is known more exactly than by the clock of the source.
    pub occurred_at: Option<Timestamp>,
    /// The recorded fact.
    pub body: EventBody,
}

/// Up to where events count.
///
/// Text form: a time such as `2026-11-21T01:31:39Z`, or a position such as `@42`; [`Until::End`] has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// All.
    #[default]
    End,
    /// Those at or before a position.
    Position(Position),
    /// Those that were observed at or before a time: what was known then.
    Time(Timestamp),
}

impl Until {
    /// Returns `true` if an event is included.
    pub fn includes(self, event: &Event) -> bool {
        self.covers(event.position, event.observed_at)
    }

    /// Returns `true` if a place in the log is included.
    pub fn covers(self, position: Position, observed_at: Timestamp) -> bool {
        match self {
            Self::End => true,
            Self::Position(last) => position <= last,
            Self::Time(time) => observed_at <= time,
        }
    }
}

/// A place in the log: where an object, or an edge of the graph, begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// Position of the event.
    pub position: Position,
    /// When it was observed.
    pub time: Timestamp,
}

impl LogPosition {
    pub(crate) fn is_within(self, until: Until) -> bool {
        until.covers(self.position, self.time)
    }
}
