//! Events as version 1 writes them: explicit names, nothing flattened, nothing guessed from shape.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Delta, WireError};
use crate::event::{Actor, Event, EventBody, Gap, NewEvent, Occurrence, OccurrenceKind, Origin};
use crate::key::{Cursor, ResourceKey, SourceRevision, Uid};
use crate::object::{Doc, Object};
use crate::stream::{Authority, Facet, Position, Revision, Scope, StreamId};

/// An event as JSON, in version 1.
///
/// Made `From<&Event>`, it has its id and its whole object. As [`super::encode`] stores it, it has no id, which follows
/// from the rest, and may have a delta in place of the object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventV1 {
    /// Id in 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Which history it belongs to.
    pub stream: StreamV1,
    /// Its place there, from 1.
    pub revision: Revision,
    /// Its place in the store, from 1.
    pub position: Position,
    /// Incarnation of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Uid>,
    /// Name of the source.
    pub source: Arc<str>,
    /// Where the source could go on after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Field manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<Arc<str>>,
    /// Authenticated user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Arc<str>>,
    /// Commit or chart version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_revision: Option<SourceRevision>,
    /// When the source saw it.
    pub observed_at: Timestamp,
    /// When it happened, where known more exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// What it says.
    pub body: BodyV1,
}

/// The name of a stream, in version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamV1 {
    /// A resource in the cluster.
    Live(ResourceKey),
    /// A resource as an authority declares it.
    Desired {
        /// Who declares it.
        authority: AuthorityV1,
        /// The resource.
        key: ResourceKey,
    },
    /// A source, by name.
    Source(Arc<str>),
}

/// Who declares a desired state, in version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorityV1 {
    /// Manifests, by a name for them.
    Manifests(Arc<str>),
    /// An Argo CD Application.
    ArgoApplication(ResourceKey),
    /// A Flux Kustomization.
    FluxKustomization(ResourceKey),
    /// A Flux HelmRelease.
    FluxHelmRelease(ResourceKey),
    /// A Helm release.
    HelmRelease {
        /// Namespace of the release.
        namespace: Arc<str>,
        /// Name of the release.
        name: Arc<str>,
    },
}

/// What an event says, in version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyV1 {
    /// The object now is so.
    Applied(Arc<Object>),
    /// The object now is the previous one of the stream with this change.
    AppliedDelta(Delta),
    /// The object is gone; its last state.
    Deleted(Option<Arc<Object>>),
    /// The object is gone; its last state is the previous one of the stream with this change.
    DeletedDelta(Delta),
    /// Something happened to it.
    Happened(OccurrenceV1),
    /// A part of history is not known.
    Gap(Gap),
    /// The source listed a scope in full.
    Relisted(Scope),
    /// The source can go on from the cursor.
    Checkpoint,
}

/// An occurrence, in version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OccurrenceV1 {
    /// What kind of thing.
    pub kind: OccurrenceKind,
    /// What it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<ResourceKey>,
    /// When, by the clock of who reports it.
    pub at: Timestamp,
    /// Machine-readable reason.
    pub reason: Arc<str>,
    /// Text for people.
    pub message: Arc<str>,
    /// Field manager of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<Arc<str>>,
    /// Authenticated user who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Arc<str>>,
    /// The report as it came, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Arc<Doc>>,
}

impl EventV1 {
    /// Makes the form that is stored: without the id, and with this body.
    pub(super) fn stored(event: &Event, body: BodyV1) -> Self {
        let Origin { source, cursor, actor: Actor { manager, user }, source_revision } = event.origin.clone();
        Self {
            id: None,
            stream: StreamV1::from(&event.stream),
            revision: event.revision,
            position: event.position,
            uid: event.uid.clone(),
            source,
            cursor,
            manager,
            user,
            source_revision,
            observed_at: event.observed_at,
            occurred_at: event.occurred_at,
            body,
        }
    }

    /// Turns a stored form into an event; `previous` is what deltas refer to.
    pub(super) fn into_event(self, previous: Option<&Doc>) -> Result<Event, WireError> {
        let event = NewEvent {
            uid: self.uid,
            origin: Origin {
                source: self.source,
                cursor: self.cursor,
                actor: Actor { manager: self.manager, user: self.user },
                source_revision: self.source_revision,
            },
            observed_at: self.observed_at,
            occurred_at: self.occurred_at,
            body: self.body.into_body(previous)?,
        };
        let event = event.at(self.stream.into(), self.revision, self.position);
        match self.id {
            Some(id) if id != format!("{:#}", event.id) => Err(WireError::Checksum),
            _ => Ok(event),
        }
    }
}

impl From<&Event> for EventV1 {
    fn from(event: &Event) -> Self {
        Self { id: Some(format!("{:#}", event.id)), ..Self::stored(event, BodyV1::from(&event.body)) }
    }
}

impl TryFrom<EventV1> for Event {
    type Error = WireError;

    fn try_from(event: EventV1) -> Result<Self, WireError> {
        event.into_event(None)
    }
}

impl BodyV1 {
    fn into_body(self, previous: Option<&Doc>) -> Result<EventBody, WireError> {
        let object = |delta: Delta| -> Result<Arc<Object>, WireError> {
            let doc = delta.apply(previous.ok_or(WireError::NeedsPrevious)?)?;
            Ok(Arc::new(Object::new(doc).map_err(WireError::Object)?))
        };
        Ok(match self {
            Self::Applied(object) => EventBody::Applied(object),
            Self::AppliedDelta(delta) => EventBody::Applied(object(delta)?),
            Self::Deleted(last) => EventBody::Deleted(last),
            Self::DeletedDelta(delta) => EventBody::Deleted(Some(object(delta)?)),
            Self::Happened(occurrence) => EventBody::Happened(occurrence.into()),
            Self::Gap(gap) => EventBody::Gap(gap),
            Self::Relisted(scope) => EventBody::Relisted(scope),
            Self::Checkpoint => EventBody::Checkpoint,
        })
    }

    /// Returns `true` if the body cannot be read without the previous document.
    pub fn is_delta(&self) -> bool {
        matches!(self, Self::AppliedDelta(_) | Self::DeletedDelta(_))
    }
}

impl From<&EventBody> for BodyV1 {
    fn from(body: &EventBody) -> Self {
        match body {
            EventBody::Applied(object) => Self::Applied(Arc::clone(object)),
            EventBody::Deleted(last) => Self::Deleted(last.clone()),
            EventBody::Happened(occurrence) => Self::Happened(occurrence.into()),
            EventBody::Gap(gap) => Self::Gap(gap.clone()),
            EventBody::Relisted(scope) => Self::Relisted(scope.clone()),
            EventBody::Checkpoint => Self::Checkpoint,
        }
    }
}

impl From<&Occurrence> for OccurrenceV1 {
    fn from(occurrence: &Occurrence) -> Self {
        let Occurrence { kind, about, at, reason, message, actor: Actor { manager, user }, detail } =
            occurrence.clone();
        Self { kind, about, at, reason, message, manager, user, detail }
    }
}

impl From<OccurrenceV1> for Occurrence {
    fn from(occurrence: OccurrenceV1) -> Self {
        let OccurrenceV1 { kind, about, at, reason, message, manager, user, detail } = occurrence;
        Self { kind, about, at, reason, message, actor: Actor { manager, user }, detail }
    }
}

impl From<&StreamId> for StreamV1 {
    fn from(stream: &StreamId) -> Self {
        match stream {
            StreamId::Resource(Facet::Live, key) => Self::Live(key.clone()),
            StreamId::Resource(Facet::Desired(authority), key) => {
                Self::Desired { authority: authority.into(), key: key.clone() }
            }
            StreamId::Source(name) => Self::Source(Arc::clone(name)),
        }
    }
}

impl From<StreamV1> for StreamId {
    fn from(stream: StreamV1) -> Self {
        match stream {
            StreamV1::Live(key) => Self::Resource(Facet::Live, key),
            StreamV1::Desired { authority, key } => Self::Resource(Facet::Desired(authority.into()), key),
            StreamV1::Source(name) => Self::Source(name),
        }
    }
}

impl From<&Authority> for AuthorityV1 {
    fn from(authority: &Authority) -> Self {
        match authority.clone() {
            Authority::Manifests(name) => Self::Manifests(name),
            Authority::ArgoApplication(key) => Self::ArgoApplication(key),
            Authority::FluxKustomization(key) => Self::FluxKustomization(key),
            Authority::FluxHelmRelease(key) => Self::FluxHelmRelease(key),
            Authority::HelmRelease(namespace, name) => Self::HelmRelease { namespace, name },
        }
    }
}

impl From<AuthorityV1> for Authority {
    fn from(authority: AuthorityV1) -> Self {
        match authority {
            AuthorityV1::Manifests(name) => Self::Manifests(name),
            AuthorityV1::ArgoApplication(key) => Self::ArgoApplication(key),
            AuthorityV1::FluxKustomization(key) => Self::FluxKustomization(key),
            AuthorityV1::FluxHelmRelease(key) => Self::FluxHelmRelease(key),
            AuthorityV1::HelmRelease { namespace, name } => Self::HelmRelease(namespace, name),
        }
    }
}
