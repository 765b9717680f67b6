//! The wire format of events, version 1.

use crate::event::{EventBody, EventId, NewEvent, Occurrence};
use crate::stream::{Revision, StreamId};

/// Computes the id of an event: a hash of its stream, its place there and what it says.
///
/// When it was observed, by which source and where in the store is left out, so that the same fact has one id.
pub fn event_id(stream: &StreamId, revision: Revision, event: &NewEvent) -> EventId {
    let mut hasher = blake3::Hasher::new();
    let mut part = |tag: &str, text: &str| {
        hasher.update(tag.as_bytes()).update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    part("stream", &serde_json::to_string(stream).expect("a stream id is plain data"));
    part("revision", &revision.to_string());
    part("uid", event.uid.as_ref().map_or("", |u| u.as_str()));
    match &event.body {
        EventBody::Applied(object) => part("applied", &object.doc().to_json()),
        EventBody::Deleted(last) => {
            part("deleted", &last.as_ref().map_or_else(String::new, |o| o.doc().to_json()))
        }
        EventBody::Happened(Occurrence { kind, about, at, reason, message, actor, detail }) => {
            let head = serde_json::to_string(&(kind, about, at, &**reason, &**message, actor));
            part("happened", &head.expect("an occurrence is plain data"));
            part("detail", &detail.as_ref().map_or_else(String::new, |d| d.to_json()));
        }
        EventBody::Gap(gap) => part("gap", &serde_json::to_string(gap).expect("a gap is plain data")),
        EventBody::Relisted(scope) => {
            part("relisted", &serde_json::to_string(scope).expect("a scope is plain data"))
        }
        EventBody::Checkpoint => part("checkpoint", event.origin.cursor.as_ref().map_or("", |c| c.as_str())),
    }
    EventId::from_bytes(*hasher.finalize().as_bytes())
}
