//! Secrets in a comparison: `stringData` folded into `data`, and no value shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::object::{Doc, DocBuilder, Kind, Node, Object};
use crate::path::{FieldPath, PathElement};
use crate::redact::{Redactor, SHOWN, UNKNOWN, is_redacted};

pub(super) fn is_secret(object: &Object) -> bool {
    object.kind() == "Secret" && object.group().is_empty()
}

/// Returns `true` if a declared value is encrypted by SOPS: what it says is not known, and not the same twice.
pub(super) fn is_encrypted(node: Node<'_>) -> bool {
    node.as_str().is_some_and(|s| s.starts_with("ENC[AES256_GCM,") && s.ends_with(']'))
}

/// Returns `true` if two values cannot be compared: just one of them is redacted, and nobody knows by which key, or what is
/// declared is hidden.
pub(super) fn incomparable(
    desired: Option<Node<'_>>,
    live: Option<Node<'_>>,
    redactor: Option<&Redactor>,
) -> bool {
    let (Some(desired), Some(live)) = (desired, live) else { return false };
    let is_redacted = |n: Node<'_>| n.as_str().is_some_and(is_redacted);
    holds_unknown(desired)
        || holds_unknown(live)
        || redactor.is_none() && is_redacted(desired) != is_redacted(live)
}

fn holds_unknown(node: Node<'_>) -> bool {
    match node.as_str() {
        Some(text) => text.contains(UNKNOWN),
        None => node.children().any(holds_unknown),
    }
}

/// Returns `true` if two values are the same but for what only one side has hashed.
pub(super) fn is_same_by_hash(
    desired: Option<Node<'_>>,
    live: Option<Node<'_>>,
    redactor: Option<&Redactor>,
) -> bool {
    match (desired, live, redactor) {
        (Some(desired), Some(live), Some(redactor)) => is_same(desired, live, redactor),
        _ => false,
    }
}

fn is_same(a: Node<'_>, b: Node<'_>, redactor: &Redactor) -> bool {
    match (a.as_str(), b.as_str()) {
        (Some(x), Some(y)) => x == y || redactor.is_same(x, y) || redactor.is_same(y, x),
        _ if !matches!(a.kind(), Kind::List | Kind::Map) => a == b,
        _ => {
            a.kind() == b.kind()
                && a.len() == b.len()
                && a.children().zip(b.children()).all(|(x, y)| x.key() == y.key() && is_same(x, y, redactor))
        }
    }
}

/// Returns `true` if a declared object was encrypted by SOPS: it carries the metadata of that.
pub(super) fn is_sealed(object: &Object) -> bool {
    object.root().get("sops").is_some_and(|sops| sops.kind() == Kind::Map)
}

/// Returns `true` if a declared value is encrypted, or something in it.
pub(super) fn holds_sealed(node: Node<'_>) -> bool {
    match node.as_str() {
        Some(text) => is_sealed_text(text),
        None => node.children().any(holds_sealed),
    }
}

fn is_sealed_text(text: &str) -> bool {
    text.starts_with("ENC[") && text.ends_with(']')
}

/// Moves `stringData` of a Secret into `data`, as the API server does; `None` where there is none.
///
/// For example `stringData: {user: ann}` becomes `data: {user: YW5u}`.
pub fn normalize_secret(object: &Object) -> Option<Doc> {
    let root = object.root();
    let text = root.get("stringData").filter(|n| is_secret(object) && !n.is_empty() && !n.is_null())?;
    let mut builder = DocBuilder::default();
    builder.begin_map();
    for child in root.children().filter(|n| !matches!(n.key(), "data" | "stringData")) {
        builder.key(child.key());
        builder.node(child);
    }
    builder.key("data");
    builder.begin_map();
    for child in root.get("data").into_iter().flat_map(Node::children) {
        builder.key(child.key());
        builder.node(child);
    }
    for child in text.children() {
        builder.key(child.key());
        match child.as_str() {
            // A redacted text stands for the bytes already.
            Some(s) if is_redacted(s) || is_sealed_text(s) => builder.str(s),
            Some(s) => builder.str(&STANDARD.encode(s)),
            None => builder.node(child),
        }
    }
    builder.end();
    builder.end();
    builder.finish().ok()
}

/// Folds an object as a whole; `None` where there is nothing to fold.
pub(super) fn normalized_secret(object: &Object) -> Option<Object> {
    normalize_secret(object).and_then(|doc| Object::new(doc).ok())
}

/// Hides the values of a change below `data`; the keys are no secret.
pub(super) fn hide(path: &FieldPath, value: Value) -> Value {
    let below = matches!(path.elements().first(), Some(PathElement::Field(f)) if matches!(&**f, "data" | "stringData"));
    if !below {
        return value;
    }
    match value {
        Value::Object(map) if path.len() == 1 => {
            map.into_iter().map(|(k, _)| (k, Value::from(SHOWN))).collect()
        }
        _ => Value::from(SHOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn string_data_wins_over_data_and_keeps_redacted_text() {
        let secret = json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},
            "data":{"a":"b2xk","b":"Yg=="},"stringData":{"a":"new","c":"redacted:00112233445566778899aabbccddeeff"}});
        let folded = normalize_secret(&Object::new(Doc::from_value(&secret).unwrap()).unwrap()).unwrap();
        assert_eq!(
            folded.root().get("data").unwrap().to_value(),
            json!({"a":"bmV3","b":"Yg==","c":"redacted:00112233445566778899aabbccddeeff"})
        );
        assert!(folded.root().get("stringData").is_none());
    }

    #[test]
    fn values_are_hidden_and_keys_are_not() {
        let path = |p: &str| FieldPath::parse(p).unwrap();
        assert_eq!(hide(&path("data"), json!({"k":"djE="})), json!({"k":"<redacted>"}));
        assert_eq!(hide(&path("data.k"), json!("djE=")), json!("<redacted>"));
        assert_eq!(hide(&path("metadata.labels.k"), json!("v")), json!("v"));
    }
}
