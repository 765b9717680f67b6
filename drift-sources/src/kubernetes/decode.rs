//! Decodes responses of the API server: pages of lists, lines of watches, errors.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use drift_core::text::error_line;
use drift_core::{Object, ResourceKey, ResourceVersion};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::machine::{Failure, ListedVersion};
use super::target::WatchTarget;

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) version: ResourceVersion,
    pub(crate) token: Option<String>,
    pub(crate) objects: Vec<Object>,
}

/// One page of a list of metadata only.
#[derive(Debug)]
pub(crate) struct MetadataPage {
    pub(crate) version: ResourceVersion,
    pub(crate) token: Option<String>,
    pub(crate) entries: Vec<ListedVersion>,
}

/// One line of a watch.
#[derive(Debug)]
pub(crate) enum WatchLine {
    /// `ADDED` or `MODIFIED`, with the new state.
    Applied(Object),
    /// DELETED, with the last state.
    Deleted(Object),
    /// BOOKMARK: everything up to this version was sent.
    Bookmark { version: ResourceVersion, initial_events_end: bool },
    /// `ERROR`, with its `Status`.
    Refused(Failure),
}

#[derive(Deserialize)]
struct RawPage<'a> {
    #[serde(default)]
    metadata: ListMeta,
    /// Go servers write `null` for an empty list.
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    r#continue: Option<String>,
}

#[derive(Deserialize)]
struct RawLine<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct MetadataItem<'a> {
    #[serde(borrow)]
    metadata: Option<ObjectMeta<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectMeta<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    resource_version: Cow<'a, str>,
}

/// The part of a bookmark that counts.
#[derive(Deserialize)]
struct Bookmark {
    metadata: BookmarkMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookmarkMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

/// `metav1.Status`, as far as it counts.
#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Option<StatusDetails>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusDetails {
    #[serde(default)]
    retry_after_seconds: Option<u64>,
    #[serde(default)]
    causes: Option<Vec<StatusCause>>,
}

#[derive(Deserialize)]
struct StatusCause {
    #[serde(default)]
    reason: String,
}

/// Why a response of the server cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("list is not valid")]
    List(#[source] serde_json::Error),
    #[error("list has no metadata.resourceVersion")]
    UnversionedList,
    #[error("item {index} of list")]
    Item {
        /// From 0.
        index: usize,
        #[source]
        problem: Box<DecodeError>,
    },
    #[error("not a map")]
    NotAMap,
    #[error("not valid metadata")]
    Metadata(#[source] serde_json::Error),
    #[error("no metadata with a name and a resourceVersion")]
    Unnamed,
    #[error(transparent)]
    Object(#[from] drift_core::DecodeError),
    #[error("a {kind} of {api_version} where a {expected} was due")]
    OtherKind { kind: String, api_version: String, expected: Arc<str> },
    #[error("{0} has no resourceVersion")]
    Unversioned(ResourceKey),
    #[error("not a watch event")]
    Line(#[source] serde_json::Error),
    #[error("not a bookmark")]
    Bookmark(#[source] serde_json::Error),
    #[error("bookmark without resourceVersion")]
    UnversionedBookmark,
    #[error("watch event of unknown type `{0}`")]
    UnknownType(String),
}

impl DecodeError {
    fn in_item(self, index: usize) -> Self {
        Self::Item { index, problem: Box::new(self) }
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::Corrupt(error_line(&error))
    }
}

/// Decodes a page; one unreadable item makes the page unreadable, since leaving it out would look like a deletion.
pub(crate) fn parse_page(body: &[u8], target: &WatchTarget) -> Result<Page, DecodeError> {
    let raw: RawPage<'_> = serde_json::from_slice(body).map_err(DecodeError::List)?;
    let (version, token) = parse_list_meta(raw.metadata)?;
    let items = raw.items.unwrap_or_default();
    let mut scratch = Vec::new();
    let objects = items
        .iter()
        .enumerate()
        .map(|(i, item)| list_item(item, target, &mut scratch).map_err(|e| e.in_item(i)))
        .collect::<Result<_, _>>()?;
    Ok(Page { version, token, objects })
}

/// Decodes a page of a `PartialObjectMetadataList`, or of a full list from a server that does not know such.
pub(crate) fn metadata_page(body: &[u8]) -> Result<MetadataPage, DecodeError> {
    let raw: RawPage<'_> = serde_json::from_slice(body).map_err(DecodeError::List)?;
    let (version, token) = parse_list_meta(raw.metadata)?;
    let items = raw.items.unwrap_or_default();
    let entry = |(i, item): (usize, &&RawValue)| listed_version(item).map_err(|e| e.in_item(i));
    let entries = items.iter().enumerate().map(entry).collect::<Result<_, _>>()?;
    Ok(MetadataPage { version, token, entries })
}

fn listed_version(item: &RawValue) -> Result<ListedVersion, DecodeError> {
    let item: MetadataItem<'_> = serde_json::from_str(item.get()).map_err(DecodeError::Metadata)?;
    let is_named = |meta: &ObjectMeta<'_>| !meta.name.is_empty() && !meta.resource_version.is_empty();
    let meta = item.metadata.filter(is_named).ok_or(DecodeError::Unnamed)?;
    Ok(ListedVersion {
        name: format!("{}/{}", meta.namespace, meta.name).into(),
        version: ResourceVersion::new(&*meta.resource_version),
    })
}

fn parse_list_meta(meta: ListMeta) -> Result<(ResourceVersion, Option<String>), DecodeError> {
    if meta.resource_version.is_empty() {
        return Err(DecodeError::UnversionedList);
    }
    Ok((ResourceVersion::new(meta.resource_version), meta.r#continue.filter(|t| !t.is_empty())))
}

/// Decodes an item of a list. Items of built-in kinds come without `apiVersion` and `kind`: the text gets them in
/// front, where an item's own, coming later, would win.
fn list_item(raw: &RawValue, target: &WatchTarget, scratch: &mut Vec<u8>) -> Result<Object, DecodeError> {
    let fields = raw.get().trim_start().strip_prefix('{').ok_or(DecodeError::NotAMap)?;
    scratch.clear();
    let head = serde_json::json!({ "apiVersion": target.api_version(), "kind": &*target.kind }).to_string();
    scratch.extend_from_slice(head.strip_suffix('}').unwrap_or(&head).as_bytes());
    if fields.trim_start() != "}" {
        scratch.push(b',');
    }
    scratch.extend_from_slice(fields.as_bytes());
    parse_object(scratch, target)
}

fn parse_object(text: &[u8], target: &WatchTarget) -> Result<Object, DecodeError> {
    let object = Object::from_json(text)?;
    if object.kind() != &*target.kind || object.group() != &*target.group {
        let (kind, api_version) = (object.kind().to_owned(), object.api_version().to_owned());
        return Err(DecodeError::OtherKind { kind, api_version, expected: Arc::clone(&target.kind) });
    }
    if object.resource_version().is_none_or(|v| v.as_str().is_empty()) {
        return Err(DecodeError::Unversioned(object.key()));
    }
    Ok(object)
}

/// Decodes a line of a watch.
pub(crate) fn parse_line(text: &[u8], target: &WatchTarget) -> Result<WatchLine, DecodeError> {
    let raw: RawLine<'_> = serde_json::from_slice(text).map_err(DecodeError::Line)?;
    let body = raw.object.get().as_bytes();
    match &*raw.r#type {
        "ADDED" | "MODIFIED" => parse_object(body, target).map(WatchLine::Applied),
        "DELETED" => parse_object(body, target).map(WatchLine::Deleted),
        "BOOKMARK" => {
            let bookmark: Bookmark = serde_json::from_slice(body).map_err(DecodeError::Bookmark)?;
            let version = bookmark.metadata.resource_version;
            if version.is_empty() {
                return Err(DecodeError::UnversionedBookmark);
            }
            let ends = bookmark.metadata.annotations.unwrap_or_default();
            let initial_events_end = ends.get("k8s.io/initial-events-end").is_some_and(|v| v == "true");
            Ok(WatchLine::Bookmark { version: ResourceVersion::new(version), initial_events_end })
        }
        "ERROR" => Ok(WatchLine::Refused(parse_refusal(0, body, None))),
        other => Err(DecodeError::UnknownType(shorten_text(other).into_owned())),
    }
}

/// Classifies an error response; for `code` 0 the code is taken from the body.
pub(crate) fn parse_refusal(code: u16, body: &[u8], retry_after: Option<Duration>) -> Failure {
    let status: Status = serde_json::from_slice(body).unwrap_or_default();
    let code = if code == 0 { status.code } else { code };
    let details = status.details.unwrap_or_default();
    let retry_after = retry_after.or(details.retry_after_seconds.map(Duration::from_secs));
    let too_new =
        details.causes.unwrap_or_default().iter().any(|cause| cause.reason == "ResourceVersionTooLarge");
    let message = match (status.message.as_str(), status.reason.as_str()) {
        ("", "") => format!("HTTP {code}"),
        ("", reason) => format!("HTTP {code} {}", shorten_text(reason)),
        (message, _) => shorten_text(message).into_owned(),
    };
    match code {
        410 => Failure::Expired(message),
        504 if too_new || message.starts_with("Too large resource version") => Failure::TooNew(message),
        401 | 403 => Failure::Denied(message),
        404 => Failure::Missing(message),
        413 => Failure::TooLarge(message),
        400 | 405 | 406 | 415 | 422 => Failure::Unsupported(message),
        429 => Failure::Throttled(message, retry_after),
        _ => Failure::Unavailable(message, retry_after),
    }
}

/// Shortens a text of the server for a message.
fn shorten_text(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(300) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::target::Reach;

    fn config_maps() -> WatchTarget {
        WatchTarget {
            group: "".into(),
            version: "v1".into(),
            kind: "ConfigMap".into(),
            plural: "configmaps".into(),
            reach: Reach::AllNamespaces,
        }
    }

    #[test]
    fn list_items_get_the_kind_they_come_without() {
        let body = br#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"abc","remainingItemCount":3},
            "items":[ {"metadata":{"name":"a","namespace":"x","resourceVersion":"3"},"data":{"n":"1"}},
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b","resourceVersion":"4"}}]}"#;
        let page = parse_page(body, &config_maps()).unwrap();
        assert_eq!((page.version.as_str(), page.token.as_deref()), ("7", Some("abc")));
        let keys: Vec<_> = page.objects.iter().map(|o| o.key().to_string()).collect();
        assert_eq!(keys, ["ConfigMap/x/a", "ConfigMap//b"]);
        assert_eq!(page.objects[0].root().str_at(&["data", "n"]), Some("1"));
    }

    #[test]
    fn unreadable_pages_say_where() {
        for (body, expect) in [
            (&b"{"[..], "list is not valid"),
            (br#"{"items":[]}"#, "list has no metadata.resourceVersion"),
            (br#"{"metadata":{"resourceVersion":"1"},"items":[{}]}"#, "item 0 of list: not a Kubernetes object"),
            (
                br#"{"metadata":{"resourceVersion":"1"},"items":[{"kind":"Pod","metadata":{"name":"a","resourceVersion":"1"}}]}"#,
                "where a ConfigMap was due",
            ),
            (br#"{"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"a"}}]}"#, "no resourceVersion"),
        ] {
            let error = parse_page(body, &config_maps()).unwrap_err();
            let error = error_line(&error);
            assert!(error.contains(expect), "{error}");
        }
        let null =
            parse_page(br#"{"metadata":{"resourceVersion":"1"},"items":null}"#, &config_maps()).unwrap();
        assert!(null.objects.is_empty());
    }

    #[test]
    fn lines_of_a_watch() {
        let text =
            |t: &str| format!("{:?}", parse_line(t.as_bytes(), &config_maps()).map_err(|e| error_line(&e)));
        let object = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"x","resourceVersion":"11"}}"#;
        for (line, expect) in [
            (format!(r#"{{"type":"ADDED","object":{object}}}"#), "Ok(Applied("),
            (format!(r#"{{"object":{object},"type":"DELETED"}}"#), "Ok(Deleted("),
            (
                r#"{"type":"BOOKMARK","object":{"kind":"ConfigMap","metadata":{"resourceVersion":"20","annotations":{"k8s.io/initial-events-end":"true"}}}}"#.to_owned(),
                "Ok(Bookmark { version: ResourceVersion(\"20\"), initial_events_end: true })",
            ),
            (
                r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#.to_owned(),
                "Ok(Refused(Expired(\"too old\")))",
            ),
            (r#"{"type":"ODD","object":{}}"#.to_owned(), "Err(\"watch event of unknown type"),
            (r#"{"type":"ADDED","object":{"kind":"Pod"}}"#.to_owned(), "Err(\"not a Kubernetes object"),
            ("garbage".to_owned(), "Err(\"not a watch event"),
        ] {
            assert!(text(&line).starts_with(expect), "{line}: {}", text(&line));
        }
    }

    #[test]
    fn refusals_mean_what_is_to_be_done() {
        let say = |code, body: &str| format!("{:?}", parse_refusal(code, body.as_bytes(), None));
        for (code, body, expect) in [
            (410, "", "Expired(\"HTTP 410\")"),
            (403, r#"{"message":"pods is forbidden"}"#, "Denied(\"pods is forbidden\")"),
            (429, r#"{"details":{"retryAfterSeconds":3}}"#, "Throttled(\"HTTP 429\", Some(3s))"),
            (
                504,
                r#"{"message":"Timeout","details":{"causes":[{"reason":"ResourceVersionTooLarge"}]}}"#,
                "TooNew(\"Timeout\")",
            ),
            (504, "<html>", "Unavailable(\"HTTP 504\", None)"),
            (422, "{}", "Unsupported(\"HTTP 422\")"),
            (0, r#"{"code":410,"reason":"Gone"}"#, "Expired(\"HTTP 410 Gone\")"),
        ] {
            assert_eq!(say(code, body), expect);
        }
    }
}
