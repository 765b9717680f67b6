//! Redaction: secrets become keyed hashes before anything is appended, since a log cannot forget.
//!
//! A value becomes `redacted:` and 32 hexadecimal digits, a BLAKE3 hash under a key of the store: equal values stay equal,
//! a change shows, and nobody without the key can try passwords against it. Always redacted are the values of a
//! `Secret`, wherever in a document it stands, also inside `last-applied-configuration`; rules name more.
//! In `data` the decoded bytes are hashed, so that it agrees with `stringData`.

mod rule;
mod walk;

use std::fmt;
use std::sync::Arc;

pub use rule::{RedactRule, RuleError};

use crate::event::{Occurrence, OccurrenceKind};
use crate::object::{Doc, Object};
use walk::Walk;

/// What reports print in place of a redacted value; the hash is for comparing, not for showing.
pub const SHOWN: &str = "<redacted>";

const PREFIX: &str = "redacted:";

/// Stands for a value that somebody else hid, such as Argo CD's API that of a Secret: it is like no other, not even itself.
pub const UNKNOWN: &str = "redacted:unknown";

/// Tells whether a text is what [`Redactor`] puts in place of a value, or [`UNKNOWN`].
pub fn is_redacted(text: &str) -> bool {
    let is_hash =
        |hash: &str| hash.len() == 32 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    text == UNKNOWN || text.strip_prefix(PREFIX).is_some_and(is_hash)
}

/// Settings of a [`Redactor`].
#[derive(Clone)]
pub struct RedactOptions {
    /// Key of the hashes: one a store, random, kept beside it. Another key makes other hashes.
    pub key: [u8; 32],
    /// What to redact besides Secrets.
    pub rules: Vec<RedactRule>,
}

impl RedactOptions {
    /// Makes settings that redact Secrets only.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, rules: Vec::new() }
    }
}

impl fmt::Debug for RedactOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactOptions").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// Takes secrets out of objects. Redacting twice is redacting once.
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

    /// Redacts an object; one without secrets is returned as it is.
    pub fn redact(&self, object: Object) -> Object {
        match self.changed(object.group(), object.kind(), object.doc()) {
            Some(doc) => Object::new(doc).unwrap_or_else(|_| bare(&object)),
            None => object,
        }
    }

    /// Redacts a shared object; one without secrets is returned as it is, not copied.
    pub fn redact_shared(&self, object: Arc<Object>) -> Arc<Object> {
        match self.changed(object.group(), object.kind(), object.doc()) {
            Some(doc) => Arc::new(Object::new(doc).unwrap_or_else(|_| bare(&object))),
            None => object,
        }
    }

    /// Redacts a document that concerns a kind: an object, a patch of one, or an audit entry with such inside.
    pub fn redact_doc(&self, group: &str, kind: &str, doc: &Doc) -> Doc {
        self.changed(group, kind, doc).unwrap_or_else(|| doc.clone())
    }

    /// Redacts what came with an occurrence.
    pub fn redact_occurrence(&self, mut occurrence: Occurrence) -> Occurrence {
        // A Kubernetes Event tells of a Secret and is none itself.
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

    /// Returns what stands in place of these bytes.
    fn hash(&self, bytes: &[u8]) -> String {
        let hash = blake3::keyed_hash(&self.options.key, bytes);
        format!("{PREFIX}{}", &hash.to_hex()[..32])
    }
}

/// Returns what can be kept of an object that a rule cut the name from: the rule wins over everything else.
fn bare(object: &Object) -> Object {
    let name = if object.name().is_empty() { "redacted" } else { object.name() };
    let value = serde_json::json!({
        "apiVersion": object.api_version(),
        "kind": object.kind(),
        "metadata": { "name": name, "namespace": object.namespace() },
    });
    let doc = Doc::from_value(&value).expect("a small flat document");
    Object::new(doc).expect("it has kind and name")
}
