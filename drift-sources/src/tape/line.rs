//! One line of a tape.

use std::borrow::Cow;

use drift_core::{Doc, Object};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{TapeEvent, TapeLine, TapeReader};

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    ts: Cow<'a, str>,
    #[serde(borrow)]
    group: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// Tells whether a text is a line of a tape, or the start of one.
pub(super) fn looks_like_one(text: &[u8]) -> bool {
    // The object may be cut off; the fields before it are short.
    match serde_json::from_slice::<Line<'_>>(text) {
        Ok(_) => true,
        Err(e) if e.is_eof() => {
            let head = &text[..text.len().min(1000)];
            let has = |field: &[u8]| head.windows(field.len()).any(|w| w == field);
            has(b"\"ts\"") && has(b"\"resource\"") && has(b"\"type\"")
        }
        Err(_) => false,
    }
}

/// Reads a line; the error is text without any value of the object.
pub(super) fn parse(reader: &mut TapeReader, number: u64, text: &[u8]) -> Result<TapeLine, String> {
    let line: Line<'_> = serde_json::from_slice(text).map_err(|e| describe(&e))?;
    let at = line.ts.parse().map_err(|_| "`ts` is no RFC 3339 time".to_owned())?;
    let resource = reader.resource(&line.group, &line.version, &line.resource);
    let raw = line.object.get();
    if line.kind == "ERROR" {
        let status = Doc::from_json(raw.as_bytes()).map_err(|_| "`object` cannot be read".to_owned())?;
        return Ok(TapeLine { number, at, resource, event: TapeEvent::Error(status) });
    }
    if line.kind == "BOOKMARK" {
        let event =
            bookmark(&Doc::from_json(raw.as_bytes()).map_err(|_| "`object` cannot be read".to_owned())?);
        return Ok(TapeLine { number, at, resource, event });
    }
    let make = match &*line.kind {
        "LISTED" => TapeEvent::Listed,
        "ADDED" => TapeEvent::Added,
        "MODIFIED" => TapeEvent::Modified,
        "DELETED" => TapeEvent::Deleted,
        _ => return Err("`type` is none of LISTED, ADDED, MODIFIED, DELETED, BOOKMARK, ERROR".to_owned()),
    };
    let doc = Doc::from_json(raw.as_bytes()).map_err(|e| match e {
        drift_core::DecodeError::Json(e) => format!("`object` cannot be read: {}", describe(&e)),
        e => format!("`object` cannot be read: {e}"),
    })?;
    let object = object(reader, &resource, doc)?;
    Ok(TapeLine { number, at, resource, event: make(object) })
}

/// The API server leaves `apiVersion` and `kind` out of the items of a typed list; other lines of the tape name them.
fn object(
    reader: &mut TapeReader,
    resource: &std::sync::Arc<super::WatchedResource>,
    doc: Doc,
) -> Result<Object, String> {
    let root = doc.root();
    match (root.str_at(&["apiVersion"]), root.str_at(&["kind"])) {
        (Some(api_version), Some(kind)) => {
            if !reader.kinds.contains_key(resource) && reader.kinds.len() < 10_000 {
                let named = (api_version.to_owned(), kind.to_owned());
                reader.kinds.insert(std::sync::Arc::clone(resource), named);
            }
        }
        _ => {
            if root.kind() == drift_core::Kind::Map
                && let Some((api_version, kind)) = reader.kinds.get(resource)
            {
                return named(&doc, api_version, kind);
            }
        }
    }
    Object::new(doc).map_err(|e| e.to_string())
}

fn named(doc: &Doc, api_version: &str, kind: &str) -> Result<Object, String> {
    let mut builder = drift_core::DocBuilder::default();
    builder.begin_map();
    for child in doc.root().children().filter(|n| !matches!(n.key(), "apiVersion" | "kind")) {
        builder.key(child.key());
        builder.node(child);
    }
    builder.key("apiVersion");
    builder.str(api_version);
    builder.key("kind");
    builder.str(kind);
    builder.end();
    let doc = builder.finish().map_err(|e| e.to_string())?;
    Object::new(doc).map_err(|e| e.to_string())
}

fn bookmark(doc: &Doc) -> TapeEvent {
    let metadata = doc.root().get("metadata");
    let text = |keys: &[&str]| metadata.and_then(|m| m.str_at(keys));
    TapeEvent::Bookmark {
        version: text(&["resourceVersion"]).map(drift_core::ResourceVersion::new),
        ends_listing: text(&["annotations", "k8s.io/initial-events-end"]) == Some("true"),
    }
}

/// What serde_json says of a wrong type shows the value, which may be a secret.
fn describe(error: &serde_json::Error) -> String {
    let column = error.column();
    match error.classify() {
        serde_json::error::Category::Data => {
            let text = error.to_string();
            let shown = text.starts_with("missing field") || text.starts_with("duplicate field");
            let text = text.split(" at line ").next().unwrap_or_default();
            if shown {
                format!("{text} (column {column})")
            } else {
                format!("a field of another type at column {column}")
            }
        }
        serde_json::error::Category::Eof => "the line is cut off".to_owned(),
        _ => format!("not valid JSON at column {column}"),
    }
}
