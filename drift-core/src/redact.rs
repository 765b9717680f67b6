//! Redaction: secrets become keyed hashes before anything is appended, because a log cannot forget.
//!
//! A value becomes `redacted:` and 32 hexadecimal digits, a BLAKE3 hash under a key of the store. Equal values stay equal, a
//! change shows, and nobody without the key can try passwords against the hash. The values of a `Secret` are always
//! redacted, anywhere in a document, for example in a `List` or inside `last-applied-configuration`; [`RedactRule`]s name
//! more. In `data` the decoded bytes are hashed, so that it agrees with `stringData`.

mod rule;
mod walk;

use std::fmt;
use std::sync::Arc;

pub use rule::{RedactRule, RuleError};

use crate::event::{Occurrence, OccurrenceKind};
use crate::object::{Doc, Object};
use walk::Walk;

/// Text that reports print for a redacted value; the hash is for comparing, not for showing.
pub const SHOWN: &str = "<redacted>";

const PREFIX: &str = "redacted:";

/// Placeholder for a value that was already hidden by someone else (for example, a Secret returned by Argo CD's API).
/// Never equal to anything, including itself.
pub const UNKNOWN: &str = "redacted:unknown";

/// Returns `true` if a text is the hash that [`Redactor`] replaces a value with, or [`UNKNOWN`].
pub fn is_redacted(text: &str) -> bool {
    let is_hash =
        |hash: &str| hash.len() == 32 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    text == UNKNOWN || text.strip_prefix(PREFIX).is_some_and(is_hash)
}

/// Options of a [`Redactor`].
#[derive(Clone)]
pub struct RedactOptions {
    /// Key of the hashes: random, one for each store and saved beside it. With another key, equal values have other hashes.
    pub key: [u8; 32],
    /// Fields to redact besides the values of Secrets.
    pub rules: Vec<RedactRule>,
}

impl RedactOptions {
    /// Makes options that redact only Secrets.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, rules: Vec::new() }
    }
}

impl fmt::Debug for RedactOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactOptions").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// Replaces secrets in objects by their hashes. Redacting twice gives the same as redacting once.
///
/// # Example
/// ```
/// use drift_core::Object;
/// use drift_core::redact::{RedactOptions, Redactor, is_redacted};
/// let secret = r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db"},"stringData":{"password":"hunter2"}}"#;
/// // A program takes the key from its store, for example `EmbeddedStore::redaction_key`.
/// let redactor = Redactor::new(RedactOptions::new([7; 32]));
/// let redacted = redactor.redact(Object::from_json(secret.as_bytes())?);
/// assert!(redacted.root().str_at(&["stringData", "password"]).is_some_and(is_redacted));
/// # Ok::<(), drift_core::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct Redactor {
    options: Arc<RedactOptions>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("rules", &self.options.rules).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Makes a redactor.
    pub fn new(options: RedactOptions) -> Self {
        Self { options: Arc::new(options) }
    }

    /// Redacts an object; an object without secrets is returned unchanged.
    pub fn redact(&self, object: Object) -> Object {
        match self.changed(object.group(), object.kind(), object.doc()) {
            Some(doc) => Object::new(doc).unwrap_or_else(|_| nameless(&object)),
            None => object,
        }
    }

    /// Redacts a shared object; an object without secrets is returned unchanged and is not copied.
    pub fn redact_shared(&self, object: Arc<Object>) -> Arc<Object> {
        match self.changed(object.group(), object.kind(), object.doc()) {
            Some(doc) => Arc::new(Object::new(doc).unwrap_or_else(|_| nameless(&object))),
            None => object,
        }
    }

    /// Redacts a document about a kind: an object, a patch of one, or an audit entry that contains one.
    pub fn redact_doc(&self, group: &str, kind: &str, doc: &Doc) -> Doc {
        self.changed(group, kind, doc).unwrap_or_else(|| doc.clone())
    }

    /// Redacts the details of an occurrence.
    pub fn redact_occurrence(&self, mut occurrence: Occurrence) -> Occurrence {
        // A Kubernetes Event about a Secret is not a Secret.
        let (group, kind) = match &occurrence.about {
            Some(about) if occurrence.kind != OccurrenceKind::KubernetesEvent => about.group_kind(),
            _ => ("", "Event"),
        };
        let changed = occurrence.detail.as_ref().and_then(|d| self.changed(group, kind, d));
        if let Some(doc) = changed {
            occurrence.detail = Some(Arc::new(doc));
        }
        occurrence
    }

    fn changed(&self, group: &str, kind: &str, doc: &Doc) -> Option<Doc> {
        Walk::new(self, group, kind, doc, 0).changed(doc)
    }

    /// Returns the text that replaces these bytes.
    fn hash(&self, bytes: &[u8]) -> String {
        let hash = blake3::keyed_hash(&self.options.key, bytes);
        format!("{PREFIX}{}", &hash.to_hex()[..32])
    }
}

/// Returns what remains of an object whose name a rule removed: the rule wins over everything else.
fn nameless(object: &Object) -> Object {
    let name = if object.name().is_empty() { "redacted" } else { object.name() };
    let value = serde_json::json!({
        "apiVersion": object.api_version(),
        "kind": object.kind(),
        "metadata": { "name": name, "namespace": object.namespace() },
    });
    let doc = Doc::from_value(&value).expect("a small flat document");
    Object::new(doc).expect("it has kind and name")
}
