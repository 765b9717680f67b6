//! Event ids: a hash over a canonical binary form, written straight from the document's slots.
//!
//! The form is injective: every part is a number of fixed width, or a text or list after its length. It never
//! changes within a major version; what a minor version adds to events does not count for their identity.

use jiff::Timestamp;

use crate::event::{Actor, Event, EventBody, EventId, Gap, GapReason, NewEvent, Occurrence, OccurrenceKind};
use crate::key::ResourceKey;
use crate::object::{Doc, Object, write_number};
use crate::stream::{Authority, Facet, Position, Revision, Scope, StreamId};

/// Computes the id of an event: a hash of its stream, its place there and what it says.
///
/// When it was observed, by which source and where in the store is left out, so that the same fact has one id.
/// The order of map keys in the input and the platform make no difference.
pub fn event_id(stream: &StreamId, revision: Revision, event: &NewEvent) -> EventId {
    let mut form = Form(Vec::with_capacity(256 + size_of_body(&event.body)));
    form.0.extend_from_slice(b"drift event 1\n");
    form.stream(stream);
    form.number(revision.get());
    form.optional(event.uid.as_ref().map(|u| u.as_str()));
    form.body(event);
    EventId::from_bytes(*blake3::hash(&form.0).as_bytes())
}

impl NewEvent {
    /// Gives the event its place and its id.
    pub fn at(self, stream: StreamId, revision: Revision, position: Position) -> Event {
        let id = event_id(&stream, revision, &self);
        let Self { uid, origin, observed_at, occurred_at, body } = self;
        Event { id, stream, revision, position, uid, origin, observed_at, occurred_at, body }
    }
}

fn size_of_body(body: &EventBody) -> usize {
    match body {
        EventBody::Applied(object) | EventBody::Deleted(Some(object)) => object.doc().heap_size(),
        _ => 0,
    }
}

/// The canonical form so far.
struct Form(Vec<u8>);

impl Form {
    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    fn number(&mut self, n: u64) {
        write_number(&mut self.0, n);
    }

    fn doc(&mut self, doc: &Doc) {
        doc.write_canonical(&mut self.0);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.tag(u8::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }

    fn time(&mut self, at: Timestamp) {
        self.0.extend_from_slice(&at.as_nanosecond().to_le_bytes());
    }

    fn stream(&mut self, stream: &StreamId) {
        match stream {
            StreamId::Resource(facet, key) => {
                self.facet(facet);
                self.key(key);
            }
            StreamId::Source(name) => {
                self.tag(0);
                self.text(name);
            }
        }
    }

    fn facet(&mut self, facet: &Facet) {
        match facet {
            Facet::Live => self.tag(1),
            Facet::Desired(authority) => {
                self.tag(2);
                self.authority(authority);
            }
        }
    }

    fn authority(&mut self, authority: &Authority) {
        match authority {
            Authority::Manifests(name) => {
                self.tag(0);
                self.text(name);
            }
            Authority::ArgoApplication(key) => {
                self.tag(1);
                self.key(key);
            }
            Authority::FluxKustomization(key) => {
                self.tag(2);
                self.key(key);
            }
            Authority::FluxHelmRelease(key) => {
                self.tag(3);
                self.key(key);
            }
            Authority::HelmRelease(namespace, name) => {
                self.tag(4);
                self.text(namespace);
                self.text(name);
            }
        }
    }

    fn key(&mut self, ResourceKey { cluster, group, kind, namespace, name }: &ResourceKey) {
        for part in [cluster, group, kind, namespace, name] {
            self.text(part);
        }
    }

    fn body(&mut self, event: &NewEvent) {
        match &event.body {
            EventBody::Applied(object) => {
                self.tag(0);
                self.doc(object.doc());
            }
            EventBody::Deleted(last) => {
                self.tag(1);
                self.object(last.as_deref());
            }
            EventBody::Happened(occurrence) => {
                self.tag(2);
                self.occurrence(occurrence);
            }
            EventBody::Gap(gap) => {
                self.tag(3);
                self.gap(gap);
            }
            EventBody::Relisted(scope) => {
                self.tag(4);
                self.scope(scope);
            }
            EventBody::Checkpoint => {
                self.tag(5);
                self.optional(event.origin.cursor.as_ref().map(|c| c.as_str()));
            }
        }
    }

    fn object(&mut self, object: Option<&Object>) {
        self.tag(u8::from(object.is_some()));
        if let Some(object) = object {
            self.doc(object.doc());
        }
    }

    fn occurrence(&mut self, occurrence: &Occurrence) {
        let Occurrence { kind, about, at, reason, message, actor, detail } = occurrence;
        self.tag(match kind {
            OccurrenceKind::KubernetesEvent => 0,
            OccurrenceKind::Reconcile => 1,
            OccurrenceKind::Audit => 2,
            OccurrenceKind::Commit => 3,
            OccurrenceKind::Outside => 4,
            OccurrenceKind::Alert => 5,
        });
        self.tag(u8::from(about.is_some()));
        if let Some(about) = about {
            self.key(about);
        }
        self.time(*at);
        self.text(reason);
        self.text(message);
        let Actor { manager, user } = actor;
        self.optional(manager.as_deref());
        self.optional(user.as_deref());
        self.tag(u8::from(detail.is_some()));
        if let Some(detail) = detail {
            self.doc(detail);
        }
    }

    fn gap(&mut self, Gap { scope, from, to, from_version, to_version, reason, message }: &Gap) {
        self.scope(scope);
        self.tag(u8::from(from.is_some()));
        self.time(from.unwrap_or(Timestamp::UNIX_EPOCH));
        self.time(*to);
        self.optional(from_version.as_ref().map(|v| v.as_str()));
        self.optional(to_version.as_ref().map(|v| v.as_str()));
        self.tag(match reason {
            GapReason::Expired => 0,
            GapReason::WatchLost => 1,
            GapReason::SourceDown => 2,
            GapReason::Throttled => 3,
            GapReason::Denied => 4,
            GapReason::Corrupt => 5,
            GapReason::TooLarge => 6,
            GapReason::ClockSkew => 7,
        });
        self.text(message);
    }

    fn scope(&mut self, Scope { cluster, kind, namespace }: &Scope) {
        self.text(cluster);
        self.tag(u8::from(kind.is_some()));
        if let Some((group, kind)) = kind {
            self.text(group);
            self.text(kind);
        }
        self.text(namespace);
    }
}
