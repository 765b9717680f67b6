//! Redaction: secrets become keyed hashes before anything is appended, because a log cannot forget.
//!
//! A value becomes `redacted:` and 32 hexadecimal digits, a BLAKE3 hash under a key of the store. Equal values stay equal, a
//! change shows, and nobody without the key can try passwords against the hash. Two nets catch what is secret:
//!
//! 1. By *shape*: everything in a `Secret` but its metadata, wherever it stands (in a `List`, in another object, in a text of JSON
//!    or YAML, packed by gzip or base64), its annotations but those that are known to be public, what a template of a Secret
//!    holds, and values of charts that are called `password` or the like. [`RedactRule`]s name more. In `data` the decoded bytes
//!    are hashed, so that it agrees with `stringData`.
//! 2. By *value*: a [`Redactor`] that is given [`SecretValues`] learns the values that it hashes, and hashes copies of them in all
//!    that follows, where they are random enough. What it [recalls](Redactor::recall) of a store is looked for by the hash alone.

mod index;
mod known;
mod pieces;
mod place;
mod randomness;
mod rule;
mod text;
mod values;
mod walk;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use rule::{RedactRule, RuleError};
pub use text::is_credential_name;
pub use values::SecretValues;

use crate::event::{Event, EventBody, Occurrence, OccurrenceKind};
use crate::key::ResourceKey;
use crate::object::{Doc, Object};
use crate::path::{FieldPath, PathElement};
use known::{HashDigits, HashOrigin};
use pieces::Piece;
use place::Place;
use walk::{Redacted, Walk};

/// Text that reports print for a redacted value; the hash is for comparing, not for showing.
pub const SHOWN: &str = "<redacted>";

const PREFIX: &str = "redacted:";

/// Placeholder for a value that was already hidden by someone else (for example, a Secret returned by Argo CD's API).
/// Never equal to anything, including itself.
pub const UNKNOWN: &str = "redacted:unknown";

/// Returns `true` if a text is the hash that [`Redactor`] replaces a value with, or [`UNKNOWN`].
pub fn is_redacted(text: &str) -> bool {
    text.starts_with(PREFIX) && find_hash(text) == Some(0..text.len())
}

/// Returns a text with every hash replaced by [`SHOWN`], for people: hashes are for comparing.
pub fn without_hashes(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(hash) = find_hash(rest) {
        out.push_str(&rest[..hash.start]);
        out.push_str(SHOWN);
        rest = &rest[hash.end..];
    }
    if out.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(out + rest) }
}

/// Finds the first hash in a text, or [`UNKNOWN`].
fn find_hash(text: &str) -> Option<Range<usize>> {
    let is_digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    text.match_indices(PREFIX).find_map(|(at, _)| {
        if text[at..].starts_with(UNKNOWN) {
            return Some(at..at + UNKNOWN.len());
        }
        let end = at + PREFIX.len() + 32;
        let digits = text.as_bytes().get(at + PREFIX.len()..end)?;
        digits.iter().all(is_digit).then_some(at..end)
    })
}

/// Returns `true` if a text, such as a line of JSON, may contain a Secret in some form; most lines need not be read for it.
pub fn may_hold_secret(text: &str) -> bool {
    const OTHERS: &[&str] = &["H4sI", "stringData", "HelmRelease\"", "Application\"", "HelmChart"];
    text::names_secret(text) || OTHERS.iter().any(|other| text.contains(other))
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
/// Made [with values](Redactor::with_values), it learns those that it hashes, and hashes copies of them in what it is given from
/// then on. What is read as a whole, such as a listing, should be [learnt](SecretValues::learn) as a whole before.
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
    values: Option<SecretValues>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("rules", &self.options.rules).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Makes a redactor that goes by shape alone: what it makes of an object depends on nothing else.
    pub fn new(options: RedactOptions) -> Self {
        Self { options: Arc::new(options), values: None }
    }

    /// Makes a redactor that also goes by value, and shares what it learns, for example with what prints.
    pub fn with_values(options: RedactOptions, values: SecretValues) -> Self {
        Self { options: Arc::new(options), values: Some(values) }
    }

    /// Returns the same redactor with these values instead of its own.
    #[must_use]
    pub fn sharing(&self, values: SecretValues) -> Self {
        Self { options: Arc::clone(&self.options), values: Some(values) }
    }

    /// Returns the values that are looked for, to blank them in texts that are no objects; none for a redactor without them.
    pub fn values(&self) -> SecretValues {
        self.values.clone().unwrap_or_default()
    }

    /// Redacts an object; an object without secrets is returned unchanged.
    pub fn redact(&self, object: Object) -> Object {
        match self.changed_object(&object) {
            Some(doc) => Object::new(doc).unwrap_or_else(|_| nameless(&object)),
            None => object,
        }
    }

    /// Redacts a shared object; an object without secrets is returned unchanged and is not copied.
    pub fn redact_shared(&self, object: Arc<Object>) -> Arc<Object> {
        match self.changed_object(&object) {
            Some(doc) => Arc::new(Object::new(doc).unwrap_or_else(|_| nameless(&object))),
            None => object,
        }
    }

    /// Redacts an object that was not hashed with this key before: a hash that is in a Secret already becomes [`UNKNOWN`].
    pub fn redact_foreign(&self, object: Arc<Object>) -> Arc<Object> {
        let (group, kind) = (object.group(), object.kind());
        let is_hashed =
            Place::of_kind(group, kind) == Place::Secret && find_hash(object.doc().all_text()).is_some();
        if !is_hashed {
            return self.redact_shared(object);
        }
        let doc = Walk::new(self, group, kind, Place::Secret).forgetting_hashes().run(object.doc()).doc;
        self.redact_shared(doc.and_then(|doc| Object::new(doc).ok()).map_or(object, Arc::new))
    }

    /// Redacts a document about a kind: an object, a patch of one, or an audit entry that contains one.
    pub fn redact_doc(&self, group: &str, kind: &str, doc: &Doc) -> Doc {
        self.changed(group, kind, Place::of_kind(group, kind), doc).unwrap_or_else(|| doc.clone())
    }

    /// Redacts the message and the details of an occurrence.
    pub fn redact_occurrence(&self, mut occurrence: Occurrence) -> Occurrence {
        // A Kubernetes Event about a Secret is not a Secret.
        let (group, kind) = match &occurrence.about {
            Some(about) if occurrence.kind != OccurrenceKind::KubernetesEvent => about.group_kind(),
            _ => ("", "Event"),
        };
        let top = match Place::of_kind(group, kind) {
            Place::Secret => Place::AboutSecret,
            other => other,
        };
        if let Some(doc) = occurrence.detail.as_ref().and_then(|d| self.changed(group, kind, top, d)) {
            occurrence.detail = Some(Arc::new(doc));
        }
        if let Cow::Owned(message) = self.redact_text(&occurrence.message) {
            occurrence.message = message.into();
        }
        occurrence
    }

    /// Replaces the values that were learnt in a text by their hashes.
    pub fn redact_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(values) = &self.values else { return Cow::Borrowed(text) };
        let hash = |value: &str| self.hash(value.as_bytes());
        let by_value = values.replaced(text, hash).map_or(Cow::Borrowed(text), Cow::Owned);
        match values.replaced_by_hash(&by_value, |part| self.digits(part), hash) {
            Some(text) => Cow::Owned(text),
            None => by_value,
        }
    }

    /// Learns the hashes in an event that is in the store: the values behind them are hashed again wherever they come, although no
    /// Secret gives them any more.
    ///
    /// A redactor without values learns nothing: what it makes of an object depends on nothing else.
    pub fn recall(&self, event: &Event) {
        let Some(values) = &self.values else { return };
        let of_object = |object: &Object| match Place::of_kind(object.group(), object.kind()) {
            Place::Plain => values.add_hashes(texts(object.doc()), HashOrigin::Copy),
            _ => values.add_hashes(texts(object.doc()), HashOrigin::Secret),
        };
        match &event.body {
            EventBody::Applied(object) | EventBody::Deleted(Some(object)) => of_object(object),
            EventBody::Happened(occurrence) => {
                values.add_hashes(std::iter::once(&*occurrence.message), HashOrigin::Copy);
                occurrence.detail.iter().for_each(|d| values.add_hashes(texts(d), HashOrigin::Copy));
            }
            EventBody::Gap(gap) => values.add_hashes(std::iter::once(&*gap.message), HashOrigin::Copy),
            _ => {}
        }
    }

    /// Forgets what was [recalled](Redactor::recall) of Secrets and is a name or a part of one: names are no secrets.
    pub fn recall_names<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        if let Some(values) = &self.values {
            values.remove_names(names.into_iter(), |part| self.digits(part));
        }
    }

    /// Returns `true` for the streams whose events are all worth [recalling](Redactor::recall), not only their ends: those of Secrets.
    pub fn recalls_all_of(&self, key: &ResourceKey) -> bool {
        let (group, kind) = key.group_kind();
        self.values.is_some() && Place::of_kind(group, kind) == Place::Secret
    }

    /// Redacts the value at a path of a resource, such as one side of a change.
    pub fn redact_value(
        &self,
        key: &ResourceKey,
        path: &FieldPath,
        value: &serde_json::Value,
    ) -> serde_json::Value {
        let (group, kind) = key.group_kind();
        let mut place = Place::of_kind(group, kind);
        let mut annotation = None;
        for element in path.elements() {
            match element {
                PathElement::Field(name) if matches!(place, Place::Annotations { .. }) => {
                    annotation = Some(&**name)
                }
                PathElement::Field(name) => place = place.at_field(name, kind),
                _ => place = place.of_element(),
            }
        }
        let Ok(doc) = Doc::from_value(value) else { return serde_json::Value::Null };
        let redacted = Walk::new(self, group, kind, place).run_at(doc.root(), annotation);
        redacted.doc.map_or_else(|| value.clone(), |doc| doc.root().to_value())
    }

    /// Returns `true` if a text is the same as another one in which values are hashed.
    ///
    /// A store hashes the values that it knows; who compares may not know them.
    pub fn is_same(&self, hashed: &str, plain: &str) -> bool {
        /// Places where the text behind a hash may go on.
        const MAX_TRIES: usize = 64;
        let Some(span) = find_hash(hashed) else { return hashed == plain };
        let Some(rest) = plain.strip_prefix(&hashed[..span.start]) else { return false };
        let (hash, after) = (&hashed[span.clone()], &hashed[span.end..]);
        if after.is_empty() {
            return self.hash(rest.as_bytes()) == *hash;
        }
        let literal = &after[..find_hash(after).map_or(after.len(), |next| next.start)];
        !literal.is_empty()
            && rest
                .match_indices(literal)
                .take(MAX_TRIES)
                .any(|(at, _)| self.hash(&rest.as_bytes()[..at]) == *hash && self.is_same(after, &rest[at..]))
    }

    fn changed_object(&self, object: &Object) -> Option<Doc> {
        let (group, kind) = (object.group(), object.kind());
        self.changed(group, kind, Place::of_kind(group, kind), object.doc())
    }

    fn changed(&self, group: &str, kind: &str, top: Place, doc: &Doc) -> Option<Doc> {
        let run = |doc: &Doc| Walk::new(self, group, kind, top).run(doc);
        let Redacted { doc: changed, learnt } = run(doc);
        let Some(values) = &self.values else { return changed };
        let known = values.len();
        values.add(learnt);
        // What stands before a Secret in the same document may be a copy of what is in it.
        match &changed {
            Some(once) if values.len() > known => run(once).doc.or(changed),
            _ => changed,
        }
    }

    /// Returns the text that replaces these bytes.
    fn hash(&self, bytes: &[u8]) -> String {
        let hash = blake3::keyed_hash(&self.options.key, bytes);
        format!("{PREFIX}{}", &hash.to_hex()[..32])
    }

    /// Returns the digits of the text that replaces a text.
    fn digits(&self, text: &str) -> HashDigits {
        let hash = blake3::keyed_hash(&self.options.key, text.as_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&hash.as_bytes()[..16]);
        HashDigits::from_be_bytes(half)
    }
}

fn texts(doc: &Doc) -> impl Iterator<Item = &str> {
    doc.texts().map(|(_, text)| text)
}

/// Returns the values of Secrets in an object, for [`SecretValues::learn`].
fn pieces_of(object: &Object) -> BTreeSet<Piece> {
    let (group, kind) = (object.group(), object.kind());
    let redactor = Redactor::new(RedactOptions::new([0; 32]));
    Walk::new(&redactor, group, kind, Place::of_kind(group, kind)).run(object.doc()).learnt
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
