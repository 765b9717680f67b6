//! The wire format of events, version 1.0.
//!
//! One event is a header of text and JSON: `drift/1.0 whole 0123456789abcdef {"stream":...}`. After `whole` the
//! JSON holds the object, after `delta` only what changed against the previous one of the stream. The 16 digits are a
//! checksum over the event's id, the rest of the header and the JSON: it detects damage, and a delta that was applied to
//! another document than the one it was made for.
//!
//! A minor version adds fields that a reader may ignore and that are not part of the id. A reader of an older minor version
//! may read such an event but not write it back, see [`WireVersion::is_known`]. Anything else is a new major version.

mod delta;
mod event_v1;
mod id;

use std::fmt;

pub use delta::{Delta, DeltaError};
pub use event_v1::{AuthorityV1, BodyV1, EventV1, OccurrenceV1, StreamV1};
pub use id::event_id;

use crate::event::{Event, EventBody, EventId};
use crate::object::{Doc, ObjectError};

/// A version of the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireVersion {
    /// Readers refuse events of another major version.
    pub major: u16,
    /// Readers of an older minor version may read events, but not write them back.
    pub minor: u16,
}

impl WireVersion {
    /// The version that [`encode`] writes.
    pub const CURRENT: Self = Self { major: 1, minor: 0 };

    /// Returns `true` if this program knows every field of the version, so that it may write an event back.
    pub fn is_known(self) -> bool {
        self.major == Self::CURRENT.major && self <= Self::CURRENT
    }
}

impl fmt::Display for WireVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Why bytes cannot be read as an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Written by a newer program: use that one.
    #[error("wire format {found} is not known, this program reads {}", WireVersion::CURRENT)]
    Unsupported {
        /// Version of the bytes.
        found: WireVersion,
    },
    /// The bytes do not begin with a header of the wire format.
    #[error("no header of an event")]
    Header,
    /// The JSON is not an event.
    #[error("not an event")]
    Json(#[source] serde_json::Error),
    /// A delta was read without the document before it.
    #[error("the event is a delta and the document before it was not given")]
    NeedsPrevious,
    /// A delta does not fit the document before it.
    #[error("the delta does not fit the document before it")]
    Delta(#[from] DeltaError),
    /// What a delta makes is no object.
    #[error("the delta makes no object")]
    Object(#[source] ObjectError),
    /// The bytes are damaged, or a delta was applied to another document than it was made for.
    #[error("the checksum does not match: damaged, or a delta to another document")]
    Checksum,
}

/// Returns the document in an event, which the next delta of its stream may refer to.
///
/// The "previous document" of a stream is that of its last event, applied or deleted, that has one.
pub fn document(event: &Event) -> Option<&Doc> {
    match &event.body {
        EventBody::Applied(object) | EventBody::Deleted(Some(object)) => Some(object.doc()),
        _ => None,
    }
}

/// Encodes an event: as a delta to the previous document of its stream, if one is given and the delta is smaller.
///
/// A reader of a delta needs all events back to the last whole one, so a writer passes `None` every few revisions.
pub fn encode(event: &Event, previous: Option<&Doc>) -> Vec<u8> {
    let delta =
        previous.zip(document(event)).and_then(|(previous, next)| Delta::between(previous, next).ok());
    let delta = delta.map(|delta| json(&EventV1::stored(event, delta_body(event, delta))));
    // Where the lower bound does not decide, the whole event is written as well, to compare the two.
    let least = document(event).map_or(0, Doc::json_len_at_least);
    if let Some(delta) = delta.as_ref().filter(|json| json.len() < least) {
        return framed(event.id, Form::Delta, delta);
    }
    let whole = json(&EventV1::stored(event, BodyV1::from(&event.body)));
    match delta {
        Some(delta) if delta.len() < whole.len() => framed(event.id, Form::Delta, &delta),
        _ => framed(event.id, Form::Whole, &whole),
    }
}

fn delta_body(event: &Event, delta: Delta) -> BodyV1 {
    match event.body {
        EventBody::Deleted(_) => BodyV1::DeletedDelta(delta),
        _ => BodyV1::AppliedDelta(delta),
    }
}

fn json(event: &EventV1) -> Vec<u8> {
    let mut json = Vec::with_capacity(1024);
    serde_json::to_writer(&mut json, event).expect("an event is plain data and a buffer takes all");
    json
}

/// Whether the bytes contain an event that can be read by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Whole,
    Delta,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Delta => "delta",
        }
    }
}

fn checksum(id: EventId, version: WireVersion, form: Form, json: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.as_bytes()).update(format!("{version} {}\n", form.name()).as_bytes()).update(json);
    hasher.finalize().to_hex()[..16].to_owned()
}

fn framed(id: EventId, form: Form, json: &[u8]) -> Vec<u8> {
    let version = WireVersion::CURRENT;
    let sum = checksum(id, version, form, json);
    let mut bytes = format!("drift/{version} {} {sum} ", form.name()).into_bytes();
    bytes.extend_from_slice(json);
    bytes
}

struct Header<'a> {
    version: WireVersion,
    form: Form,
    checksum: &'a [u8],
    json: &'a [u8],
}

fn header(bytes: &[u8]) -> Result<Header<'_>, WireError> {
    let mut parts = bytes.splitn(4, |b| *b == b' ');
    let mut part = || parts.next().ok_or(WireError::Header);
    let version = parse_version(part()?).ok_or(WireError::Header)?;
    if version.major != WireVersion::CURRENT.major {
        return Err(WireError::Unsupported { found: version });
    }
    let form = match part()? {
        b"whole" => Form::Whole,
        b"delta" => Form::Delta,
        _ if !version.is_known() => return Err(WireError::Unsupported { found: version }),
        _ => return Err(WireError::Header),
    };
    Ok(Header { version, form, checksum: part()?, json: part()? })
}

fn parse_version(name: &[u8]) -> Option<WireVersion> {
    let (major, minor) = std::str::from_utf8(name).ok()?.strip_prefix("drift/")?.split_once('.')?;
    let number = |text: &str| text.parse().ok().filter(|n: &u16| n.to_string() == text);
    Some(WireVersion { major: number(major)?, minor: number(minor)? })
}

/// Returns the version of the wire format that the bytes are in.
///
/// # Errors
/// When the bytes have no header, or one of another major version.
pub fn version(bytes: &[u8]) -> Result<WireVersion, WireError> {
    header(bytes).map(|h| h.version)
}

/// Returns `true` if [`decode`] needs the previous document; reads only the header.
///
/// # Errors
/// When the bytes have no header, or one of another major version.
pub fn needs_previous(bytes: &[u8]) -> Result<bool, WireError> {
    header(bytes).map(|h| h.form == Form::Delta)
}

/// Decodes an event and checks it; `previous` is only used where [`needs_previous`] is `true`.
///
/// Takes time and memory in proportion to the bytes and the previous document, whatever the bytes are.
///
/// # Errors
/// When the bytes are of a newer version, damaged, or a delta to another document.
pub fn decode(bytes: &[u8], previous: Option<&Doc>) -> Result<Event, WireError> {
    let Header { version, form, checksum: sum, json } = header(bytes)?;
    let event: EventV1 = serde_json::from_slice(json).map_err(|e| match version.is_known() {
        true => WireError::Json(e),
        false => WireError::Unsupported { found: version },
    })?;
    if event.body.is_delta() != (form == Form::Delta) {
        return Err(WireError::Header);
    }
    let event = event.into_event(previous)?;
    if checksum(event.id, version, form, json).as_bytes() != sum {
        return Err(WireError::Checksum);
    }
    Ok(event)
}
