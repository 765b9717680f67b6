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

/// Who did something, as far as the source could tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// Field manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<Arc<str>>,
    /// User as the API server authenticated it; of an impersonating request the impersonated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Arc<str>>,
}

/// What kind of thing happened outside of the objects' own fields.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum OccurrenceKind {
    /// A Kubernetes Event.
    KubernetesEvent,
    /// The outcome of a sync or a reconcile.
    Reconcile,
    /// A request in the API server's audit log.
    Audit,
    /// A commit in a source repository.
    Commit,
    /// A change outside of the cluster: CI run, feature flag, merge.
    Outside,
    /// An alert.
    Alert,
}

/// Something that happened to a resource without being a version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// What kind of thing.
    pub kind: OccurrenceKind,
    /// What it happened to, if it is about one resource.
    pub about: Option<ResourceKey>,
    /// When, by the clock of who reports it.
    pub at: Timestamp,
    /// Short machine-readable reason, such as `FailedScheduling` or `update`.
    pub reason: Arc<str>,
    /// Text for people.
    pub message: Arc<str>,
    /// Who did it.
    pub actor: Actor,
    /// The report as it came, redacted.
    pub detail: Option<Arc<crate::object::Doc>>,
}

/// Why a part of history is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum GapReason {
    /// The server no longer had the versions asked for (410).
    Expired,
    /// The watch ended and a new list was needed.
    WatchLost,
    /// The source was not running or not reachable.
    SourceDown,
    /// The server asked to slow down (429) or was overloaded (5xx).
    Throttled,
    /// Listing was denied (401, 403): what is there is not known.
    Denied,
    /// A recorded line or answer could not be read.
    Corrupt,
    /// Something was larger than the limits.
    TooLarge,
    /// Clocks of source and observer disagree.
    ClockSkew,
}

/// A part of history that is not known, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What it concerns.
    pub scope: Scope,
    /// Last moment before it that is known, if any.
    pub from: Option<Timestamp>,
    /// First moment after it that is known.
    pub to: Timestamp,
    /// Last version before it, for a watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<ResourceVersion>,
    /// First version after it, for a watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_version: Option<ResourceVersion>,
    /// Why.
    pub reason: GapReason,
    /// Text for people: what was tried, which file and line.
    pub message: Arc<str>,
}

/// What a source says, unnumbered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// The object now is so.
    Applied(Applied),
    /// The object is gone.
    Deleted(Deleted),
    /// A full listing begins: what is not applied before [`Observation::RelistDone`] is gone.
    RelistStarted(Scope),
    /// A full listing ended.
    RelistDone {
        /// What was listed.
        scope: Scope,
        /// When it ended.
        observed_at: Timestamp,
    },
    /// Something happened.
    Happened(Occurrence),
    /// A part of history is not known.
    Gap(Gap),
    /// The source can go on from here.
    Checkpoint(Cursor),
}

/// An object as a source saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Which side of the resource.
    pub facet: Facet,
    /// Which resource.
    pub key: ResourceKey,
    /// The object.
    pub object: Arc<Object>,
    /// When the source saw it.
    pub observed_at: Timestamp,
    /// Who did it, if the source knows.
    pub actor: Actor,
    /// Where the source could go on after this, if it can.
    pub cursor: Option<Cursor>,
    /// Commit or chart version it comes from, for a desired object.
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

/// An object that a source saw go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Which side of the resource.
    pub facet: Facet,
    /// Which resource.
    pub key: ResourceKey,
    /// Its last state, with the deletion's own resourceVersion, where the source had one.
    pub last: Option<Arc<Object>>,
    /// When the source saw it.
    pub observed_at: Timestamp,
    /// Who did it, if the source knows.
    pub actor: Actor,
}

/// Identity of an event by its content: the same fact at the same place of a stream has the same id.
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

/// Where an event comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Name of the source, such as `kubernetes` or a tape's file name.
    pub source: Arc<str>,
    /// Where the source could go on after it.
    pub cursor: Option<Cursor>,
    /// Who did it.
    pub actor: Actor,
    /// Commit or chart version it comes from.
    pub source_revision: Option<SourceRevision>,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventBody {
    /// The object now is so.
    Applied(Arc<Object>),
    /// The object is gone; its last state with the deletion's resourceVersion where known.
    Deleted(Option<Arc<Object>>),
    /// Something happened to it.
    Happened(Occurrence),
    /// A part of history is not known.
    Gap(Gap),
    /// The source listed a scope in full.
    Relisted(Scope),
    /// The source can go on from [`Origin::cursor`].
    Checkpoint,
}

/// One fact in a store. Never serialized itself: [`crate::wire`] does that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Identity by content.
    pub id: EventId,
    /// Which history it belongs to.
    pub stream: StreamId,
    /// Its place there.
    pub revision: Revision,
    /// Its place in the store.
    pub position: Position,
    /// Incarnation of the resource.
    pub uid: Option<Uid>,
    /// Where it comes from.
    pub origin: Origin,
    /// When the source saw it.
    pub observed_at: Timestamp,
    /// When it happened, where something says so more exactly than the source's clock.
    pub occurred_at: Option<Timestamp>,
    /// What it says.
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

/// An event that is not yet in a store: no place yet, and so no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Incarnation of the resource.
    pub uid: Option<Uid>,
    /// Where it comes from.
    pub origin: Origin,
    /// When the source saw it.
    pub observed_at: Timestamp,
    /// When it happened, where something says so more exactly.
    pub occurred_at: Option<Timestamp>,
    /// What it says.
    pub body: EventBody,
}

impl NewEvent {
    /// Gives the event its place and its id.
    pub fn at(self, stream: StreamId, revision: Revision, position: Position) -> Event {
        let id = crate::wire::event_id(&stream, revision, &self);
        let Self { uid, origin, observed_at, occurred_at, body } = self;
        Event { id, stream, revision, position, uid, origin, observed_at, occurred_at, body }
    }
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
    /// Tells whether an event counts.
    pub fn includes(self, event: &Event) -> bool {
        self.covers(event.position, event.observed_at)
    }

    /// Tells whether what happened at a place in the log counts.
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
