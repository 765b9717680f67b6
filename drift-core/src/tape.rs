//! The line of a tape: one recorded watch event, as a value and as JSON text. No IO.
//!
//! A tape is a file of such lines, one JSON object each:
//!
//! ```json
//! {"ts":"2026-11-21T00:57:51Z","group":"apps","version":"v1","resource":"deployments","type":"ADDED","object":{…}}
//! ```
//!
//! A watch of one namespace has its name besides, as `"namespace":"shop"`: nothing of other namespaces is in it.
//! `type` is that of the Kubernetes watch protocol (`ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK`, `ERROR`), and `LISTED`
//! for an object of the list that a watch starts from. The reader and the source of tapes are in `drift-sources`, the
//! writer is in `drift-sinks`; both use [`TapeLine`], [`TapeParser`] and [`TapeLine::to_json`], so that the format is
//! defined only here.
//!
//! ```
//! use drift_core::tape::{TapeEvent, TapeParser};
//!
//! let text = r#"{"ts":"2026-11-21T00:57:51Z","group":"","version":"v1","resource":"configmaps","type":"ADDED","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"shop"}}}"#;
//! let line = TapeParser::default().parse(text.as_bytes())?;
//! assert!(matches!(&line.event, TapeEvent::Added(object) if object.name() == "settings"));
//! assert_eq!(line.to_json(), text);
//! # Ok::<(), drift_core::tape::TapeLineError>(())
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ResourceVersion;
use crate::object::{DecodeError, Doc, DocBuilder, Kind, Node, Object, ObjectError};

/// Annotation with which the API server marks the bookmark that ends a streamed list
/// ([KEP-3157](https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/3157-watch-list)).
const ENDS_LISTING: &str = "k8s.io/initial-events-end";

/// Resource types that a parser remembers; a tape has a few hundred, and a hostile one must not fill the memory.
const MAX_RESOURCES: usize = 10_000;

/// One line of a tape: when which watch delivered what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeLine {
    /// When the recorder received the event.
    pub at: Timestamp,
    /// The resource type that was watched.
    pub resource: Arc<WatchedResource>,
    /// The event.
    pub event: TapeEvent,
}

/// A resource type as the API server serves it, for example `deployments` of `apps/v1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchedResource {
    /// API group; empty for the core group.
    pub group: String,
    /// Version in which it was watched.
    pub version: String,
    /// Plural name, such as `deployments`.
    pub resource: String,
    /// Namespace that was watched; empty for all.
    pub namespace: String,
}

/// What a watch delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapeEvent {
    /// The object existed when the watch began.
    Listed(Object),
    /// The object was created.
    Added(Object),
    /// The object was changed.
    Modified(Object),
    /// The object was deleted; this is its last state.
    Deleted(Object),
    /// Every event up to a version was delivered.
    Bookmark(Bookmark),
    /// The watch failed with a `Status`.
    Error(Doc),
}

/// A bookmark: an object of which only the kind and the version are filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bookmark {
    /// API version of the watched kind; empty where the line names none.
    pub api_version: String,
    /// The watched kind; empty where the line names none.
    pub kind: String,
    /// Everything up to this version was delivered.
    pub version: Option<ResourceVersion>,
    /// Whether the bookmark ends the list that the watch began with (`k8s.io/initial-events-end`).
    pub ends_listing: bool,
}

/// Why a text is not a line of a tape. No message contains a value of the text, which may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TapeLineError {
    /// The text ends before the JSON object does.
    #[error("the line is cut off")]
    Truncated,
    /// Not JSON.
    #[error("not valid JSON at column {column}")]
    NotJson {
        /// Where, in bytes from 1.
        column: usize,
    },
    /// A field of the line is missing or there twice.
    #[error("{problem} (column {column})")]
    Field {
        /// Which field, and what is wrong with it.
        problem: String,
        /// Where, in bytes from 1.
        column: usize,
    },
    /// A field of the line has the wrong JSON type.
    #[error("a field of another type at column {column}")]
    WrongType {
        /// Where, in bytes from 1.
        column: usize,
    },
    /// `ts` is not a time.
    #[error("`ts` is not an RFC 3339 time")]
    Timestamp,
    /// `type` is unknown.
    #[error("`type` is not one of LISTED, ADDED, MODIFIED, DELETED, BOOKMARK, ERROR")]
    EventType,
    /// `object` cannot be decoded, for example because it is nested too deeply.
    #[error("`object` cannot be read{}", problem.as_ref().map_or_else(String::new, |p| format!(": {p}")))]
    Undecodable {
        /// What is wrong with it, where that can be said without showing a value.
        problem: Option<Box<TapeLineError>>,
    },
    /// `object` is not a Kubernetes object.
    #[error(transparent)]
    NotAnObject(#[from] ObjectError),
}

/// The fields of a line, in the order in which they are written.
#[derive(Serialize)]
struct WrittenLine<'a> {
    ts: Timestamp,
    group: &'a str,
    version: &'a str,
    resource: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    r#type: &'static str,
    object: Node<'a>,
}

/// The fields of a line, with an object that is not decoded yet.
#[derive(Deserialize)]
struct RawLine<'a> {
    #[serde(borrow)]
    ts: Cow<'a, str>,
    #[serde(borrow)]
    group: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

impl TapeLine {
    /// Returns the line as JSON text, without a line feed. The object is written as it is: redact it before.
    pub fn to_json(&self) -> String {
        let bookmark;
        let object = match &self.event {
            TapeEvent::Listed(object)
            | TapeEvent::Added(object)
            | TapeEvent::Modified(object)
            | TapeEvent::Deleted(object) => object.root(),
            TapeEvent::Bookmark(mark) => {
                bookmark = mark.to_doc();
                bookmark.root()
            }
            TapeEvent::Error(status) => status.root(),
        };
        let WatchedResource { group, version, resource, namespace } = &*self.resource;
        let (ts, r#type) = (self.at, self.event.type_name());
        let line = WrittenLine { ts, group, version, resource, namespace, r#type, object };
        serde_json::to_string(&line).expect("a document holds nothing that JSON cannot")
    }
}

impl TapeEvent {
    /// Returns the `type` of the line, such as `ADDED`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Listed(_) => "LISTED",
            Self::Added(_) => "ADDED",
            Self::Modified(_) => "MODIFIED",
            Self::Deleted(_) => "DELETED",
            Self::Bookmark(_) => "BOOKMARK",
            Self::Error(_) => "ERROR",
        }
    }
}

impl Bookmark {
    fn from_doc(doc: &Doc) -> Self {
        let root = doc.root();
        let text = |keys: &[&str]| root.str_at(keys).unwrap_or_default().to_owned();
        Self {
            api_version: text(&["apiVersion"]),
            kind: text(&["kind"]),
            version: root.str_at(&["metadata", "resourceVersion"]).map(ResourceVersion::new),
            ends_listing: root.str_at(&["metadata", "annotations", ENDS_LISTING]) == Some("true"),
        }
    }

    fn to_doc(&self) -> Doc {
        let mut builder = DocBuilder::default();
        builder.begin_map();
        for (key, text) in [("apiVersion", &self.api_version), ("kind", &self.kind)] {
            if !text.is_empty() {
                builder.key(key);
                builder.str(text);
            }
        }
        builder.key("metadata");
        builder.begin_map();
        if self.ends_listing {
            builder.key("annotations");
            builder.begin_map();
            builder.key(ENDS_LISTING);
            builder.str("true");
            builder.end();
        }
        if let Some(version) = &self.version {
            builder.key("resourceVersion");
            builder.str(version.as_str());
        }
        builder.end();
        builder.end();
        builder.finish().expect("three levels and a few short texts are a valid document")
    }
}

/// Parses the lines of one tape in order.
///
/// It has a memory, because the API server leaves `apiVersion` and `kind` out of the items of a typed list: they are
/// filled in from an earlier line of the same resource.
#[derive(Clone, Debug, Default)]
pub struct TapeParser {
    /// Resource types seen so far, so that lines share them.
    resources: Vec<Arc<WatchedResource>>,
    /// API version and kind by resource type.
    kinds: BTreeMap<Arc<WatchedResource>, (String, String)>,
}

impl TapeParser {
    /// Parses the next line.
    ///
    /// # Errors
    /// When the text is not a line of a tape or its object is not a Kubernetes object. The parser goes on with the
    /// next line as if this one had not been there.
    pub fn parse(&mut self, text: &[u8]) -> Result<TapeLine, TapeLineError> {
        let line: RawLine<'_> = serde_json::from_slice(text).map_err(|e| TapeLineError::from_json(&e))?;
        let at = line.ts.parse().map_err(|_| TapeLineError::Timestamp)?;
        let resource = self.shared_resource(&line);
        let doc = || Doc::from_json(line.object.get().as_bytes());
        let with_object: fn(Object) -> TapeEvent = match &*line.event_type {
            "LISTED" => TapeEvent::Listed,
            "ADDED" => TapeEvent::Added,
            "MODIFIED" => TapeEvent::Modified,
            "DELETED" => TapeEvent::Deleted,
            "BOOKMARK" | "ERROR" => {
                let doc = doc().map_err(|_| TapeLineError::Undecodable { problem: None })?;
                let event = match &*line.event_type {
                    "ERROR" => TapeEvent::Error(doc),
                    _ => TapeEvent::Bookmark(Bookmark::from_doc(&doc)),
                };
                return Ok(TapeLine { at, resource, event });
            }
            _ => return Err(TapeLineError::EventType),
        };
        let doc = doc().map_err(|e| match e {
            DecodeError::Json(e) => {
                TapeLineError::Undecodable { problem: Some(Box::new(TapeLineError::from_json(&e))) }
            }
            DecodeError::Object(e) => TapeLineError::NotAnObject(e),
        })?;
        let object = self.object_with_kind(&resource, doc)?;
        Ok(TapeLine { at, resource, event: with_object(object) })
    }

    /// Returns the kind of a resource type, if an earlier object named it.
    pub fn kind_of(&self, resource: &WatchedResource) -> Option<&str> {
        self.kinds.get(resource).map(|(_, kind)| &**kind)
    }

    fn shared_resource(&mut self, line: &RawLine<'_>) -> Arc<WatchedResource> {
        let RawLine { group, version, resource, namespace, .. } = line;
        let same = |r: &&Arc<WatchedResource>| {
            r.group == *group && r.version == *version && r.resource == *resource && r.namespace == *namespace
        };
        if let Some(known) = self.resources.iter().find(same) {
            return Arc::clone(known);
        }
        let new = Arc::new(WatchedResource {
            group: group.to_string(),
            version: version.to_string(),
            resource: resource.to_string(),
            namespace: namespace.to_string(),
        });
        if self.resources.len() < MAX_RESOURCES {
            self.resources.push(Arc::clone(&new));
        }
        new
    }

    fn object_with_kind(
        &mut self,
        resource: &Arc<WatchedResource>,
        doc: Doc,
    ) -> Result<Object, TapeLineError> {
        let root = doc.root();
        if let (Some(api_version), Some(kind)) = (root.str_at(&["apiVersion"]), root.str_at(&["kind"])) {
            if !self.kinds.contains_key(resource) && self.kinds.len() < MAX_RESOURCES {
                self.kinds.insert(Arc::clone(resource), (api_version.to_owned(), kind.to_owned()));
            }
        } else if root.kind() == Kind::Map
            && let Some((api_version, kind)) = self.kinds.get(resource)
        {
            return Ok(Object::new(with_kind(root, api_version, kind)?)?);
        }
        Ok(Object::new(doc)?)
    }
}

/// Returns a copy of a map with these values of `apiVersion` and `kind`.
fn with_kind(root: Node<'_>, api_version: &str, kind: &str) -> Result<Doc, TapeLineError> {
    let mut builder = DocBuilder::default();
    builder.begin_map();
    for child in root.children().filter(|n| !matches!(n.key(), "apiVersion" | "kind")) {
        builder.key(child.key());
        builder.node(child);
    }
    for (key, text) in [("apiVersion", api_version), ("kind", kind)] {
        builder.key(key);
        builder.str(text);
    }
    builder.end();
    builder.finish().map_err(|_| TapeLineError::Undecodable { problem: None })
}

/// Returns `true` if a text is a line of a tape, or the first part of one: `start` may end anywhere.
pub fn looks_like_tape(start: &[u8]) -> bool {
    let line = start.split(|b| *b == b'\n').find(|l| !l.trim_ascii().is_empty()).unwrap_or_default();
    match serde_json::from_slice::<RawLine<'_>>(line) {
        Ok(_) => true,
        // The object may be cut off; the fields before it are short.
        Err(e) if e.is_eof() => {
            let head = &line[..line.len().min(1000)];
            let has = |field: &[u8]| head.windows(field.len()).any(|w| w == field);
            has(b"\"ts\"") && has(b"\"resource\"") && has(b"\"type\"")
        }
        Err(_) => false,
    }
}

impl TapeLineError {
    /// serde_json's own message for a wrong type shows the value, which may be a secret.
    fn from_json(error: &serde_json::Error) -> Self {
        let column = error.column();
        match error.classify() {
            serde_json::error::Category::Data => {
                let text = error.to_string();
                let problem = text.split(" at line ").next().unwrap_or_default();
                if text.starts_with("missing field") || text.starts_with("duplicate field") {
                    Self::Field { problem: problem.to_owned(), column }
                } else {
                    Self::WrongType { column }
                }
            }
            serde_json::error::Category::Eof => Self::Truncated,
            _ => Self::NotJson { column },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_event() -> impl Strategy<Value = TapeEvent> {
        let text = "[a-z]{1,8}";
        let object = (text, text, any::<i64>()).prop_map(|(kind, name, n)| {
            let value =
                serde_json::json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "n": n});
            Object::new(Doc::from_value(&value).unwrap()).unwrap()
        });
        let bookmark = (text, text, prop::option::of("[0-9]{1,4}"), any::<bool>()).prop_map(
            |(api_version, kind, version, ends_listing)| Bookmark {
                api_version,
                kind,
                version: version.map(ResourceVersion::new),
                ends_listing,
            },
        );
        (object, bookmark, 0..6).prop_map(|(object, bookmark, event)| match event {
            0 => TapeEvent::Listed(object),
            1 => TapeEvent::Added(object),
            2 => TapeEvent::Modified(object),
            3 => TapeEvent::Deleted(object),
            4 => TapeEvent::Bookmark(bookmark),
            _ => TapeEvent::Error(object.doc().clone()),
        })
    }

    proptest! {
        #[test]
        fn a_written_line_is_parsed_as_it_was(
            event in any_event(),
            seconds in 0..4_000_000_000i64,
            (group, version, resource, namespace) in ("[a-z.]{0,9}", "v[0-9]", "[a-z]{1,9}", "[a-z]{0,3}"),
        ) {
            let at = Timestamp::from_second(seconds).unwrap();
            let resource = Arc::new(WatchedResource { group, version, resource, namespace });
            let line = TapeLine { at, resource, event };
            let text = line.to_json();
            prop_assert!(looks_like_tape(text.as_bytes()) && looks_like_tape(&text.as_bytes()[..text.len() - 1]));
            prop_assert_eq!(TapeParser::default().parse(text.as_bytes()), Ok(line));
        }
    }

    #[test]
    fn no_error_shows_a_value() {
        for text in [
            r#"{"ts":"s3cret","group":"","version":"v1","resource":"pods","type":"ADDED","object":{}}"#,
            r#"{"ts":{"s3cret":1}}"#,
            r#"{"ts":"2026-01-01T00:00:00Z","group":"","version":"v1","resource":"pods","type":"s3cret","object":{}}"#,
            r#"{"ts":"2026-01-01T00:00:00Z","group":"","version":"v1","resource":"pods","type":"ADDED","object":"s3cret"}"#,
            r#"{"ts":"2026-01-01T00:00:00Z" s3cret"#,
        ] {
            let error = TapeParser::default().parse(text.as_bytes()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
