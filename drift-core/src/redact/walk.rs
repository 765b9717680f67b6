//! One pass over a document that copies it with its secrets replaced.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::rule::{self, States, Step};
use super::{Redactor, is_redacted};
use crate::k8s::annotations::LAST_APPLIED;
use crate::object::{Doc, DocBuilder, Kind, Node};

/// Documents in annotations of documents in annotations: none is real, and each level doubles the quotes.
const MAX_NESTED: usize = 3;

/// As the API server decodes: bits left over do not matter.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What stands at a place of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing of interest.
    Plain,
    /// A Secret, a patch of one, a list of them, or an audit entry about one.
    Secret,
    /// Values of a Secret.
    Values { base64: bool },
    /// Metadata, of a Secret or not.
    Metadata { secret: bool },
    /// Annotations, of a Secret or not.
    Annotations { secret: bool },
}

impl Place {
    /// Returns what stands under a key.
    fn under(self, key: &str) -> Self {
        match (self, key) {
            (Self::Secret, "data") => Self::Values { base64: true },
            (Self::Secret, "stringData") => Self::Values { base64: false },
            (Self::Secret, "metadata") => Self::Metadata { secret: true },
            (Self::Secret, "items" | "requestObject" | "responseObject") => Self::Secret,
            (Self::Plain, "metadata") => Self::Metadata { secret: false },
            (Self::Metadata { secret }, "annotations") => Self::Annotations { secret },
            _ => Self::Plain,
        }
    }
}

pub(super) struct Walk<'a> {
    redactor: &'a Redactor,
    /// Kind that documents in annotations are of where they do not say.
    outer: (&'a str, &'a str),
    /// Whether Secrets inside of the document must be looked for.
    embedded: bool,
    nested: usize,
    out: DocBuilder,
    changed: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        redactor: &'a Redactor,
        group: &'a str,
        kind: &'a str,
        doc: &Doc,
        nested: usize,
    ) -> Self {
        Self {
            redactor,
            outer: (group, kind),
            embedded: doc.mentions("kind", &["Secret", "SecretList"]),
            nested,
            out: DocBuilder::default(),
            changed: false,
        }
    }

    fn is_secret(&self) -> bool {
        matches!(self.outer, ("", "Secret" | "SecretList"))
    }

    /// Returns the document redacted, `None` if there is nothing to redact in it.
    pub(super) fn changed(mut self, doc: &Doc) -> Option<Doc> {
        let root = doc.root();
        let states = rule::start(&self.redactor.options.rules, self.outer.0, self.outer.1);
        let place = if self.is_secret() { Place::Secret } else { Place::Plain };
        if place == Place::Plain && states.is_empty() && !self.embedded && !mentions_in_annotation(root) {
            return None;
        }
        self.value(root, place, &states);
        if !self.changed {
            return None;
        }
        // Replacing makes nothing deeper; a document near 4 GiB could outgrow its limit, and then nothing is kept of it.
        let whole = |builder: DocBuilder| builder.finish().ok();
        whole(self.out).or_else(|| Doc::from_value(&serde_json::Value::Null).ok())
    }

    fn rules(&self) -> &'a [super::RedactRule] {
        &self.redactor.options.rules
    }

    fn value(&mut self, node: Node<'_>, place: Place, states: &States) {
        if rule::is_complete(self.rules(), states) {
            return self.replace(node, false);
        }
        match (place, node.kind()) {
            (Place::Values { base64 }, kind) if kind != Kind::Map => self.replace(node, base64),
            (Place::Values { base64 }, _) => self.map(node, |w, child| w.replace(child, base64)),
            (Place::Annotations { secret }, Kind::Map) => self.map(node, |w, child| {
                let states = rule::step(w.rules(), states, Step::Key(child.key()));
                w.annotation(child, secret, &states);
            }),
            (Place::Plain, _) if states.is_empty() && !self.embedded => self.children(node, place, states),
            (Place::Plain, Kind::Map) if self.embedded && is_secret(node) => {
                self.children(node, Place::Secret, states);
            }
            _ => self.children(node, place, states),
        }
    }

    fn children(&mut self, node: Node<'_>, place: Place, states: &States) {
        match node.kind() {
            Kind::Map => self.map(node, |w, child| {
                let states = rule::step(w.rules(), states, Step::Key(child.key()));
                w.value(child, place.under(child.key()), &states);
            }),
            Kind::List => {
                self.out.begin_list();
                for child in node.children() {
                    if is_patch_operation(child) {
                        self.patch_operation(child, place, states);
                        continue;
                    }
                    let states = rule::step(self.rules(), states, Step::Element(child));
                    let place = if place == Place::Secret { place } else { Place::Plain };
                    self.value(child, place, &states);
                }
                self.out.end();
            }
            _ => self.out.node(node),
        }
    }

    fn map(&mut self, node: Node<'_>, mut child: impl FnMut(&mut Self, Node<'_>)) {
        self.out.begin_map();
        for entry in node.children() {
            self.out.key(entry.key());
            child(self, entry);
        }
        self.out.end();
    }

    /// Copies one operation of a JSON patch. Its value stands where its path says.
    fn patch_operation(&mut self, node: Node<'_>, place: Place, states: &States) {
        let path = node.str_at(&["path"]).unwrap_or_default();
        let (mut place, mut states) = (place, states.clone());
        for part in path.split('/').skip(1) {
            let key = part.replace("~1", "/").replace("~0", "~");
            place = match place {
                Place::Values { base64 } => Place::Values { base64 },
                // Below an annotation there is nothing: the last part names it.
                Place::Annotations { secret } => {
                    let name = key.clone();
                    let states = rule::step(self.rules(), &states, Step::Key(&key));
                    return self.map(node, |w, child| match child.key() {
                        "value" => w.annotation_named(&name, child, secret, &states),
                        _ => w.out.node(child),
                    });
                }
                place => place.under(&key),
            };
            let step = if key == "-" || key.bytes().all(|b| b.is_ascii_digit()) {
                Step::Unknown
            } else {
                Step::Key(&key)
            };
            states = rule::step(self.rules(), &states, step);
        }
        self.map(node, |w, child| match child.key() {
            "value" => w.value(child, place, &states),
            _ => w.out.node(child),
        });
    }

    fn annotation(&mut self, node: Node<'_>, secret: bool, states: &States) {
        self.annotation_named(node.key(), node, secret, states);
    }

    fn annotation_named(&mut self, name: &str, node: Node<'_>, secret: bool, states: &States) {
        let text = match node.as_str() {
            Some(text) if !rule::is_complete(self.rules(), states) => text,
            _ => return self.value(node, Place::Plain, states),
        };
        // Tools besides kubectl keep whole objects in annotations too.
        let document = text.trim_start().starts_with(['{', '[']);
        if name != LAST_APPLIED && !(secret && document) || is_redacted(text) {
            return self.out.node(node);
        }
        if self.nested >= MAX_NESTED {
            return self.replace(node, false);
        }
        let Ok(doc) = Doc::from_json(text.as_bytes()) else {
            let concerned = !rule::start(self.rules(), self.outer.0, self.outer.1).is_empty();
            return if secret || concerned { self.replace(node, false) } else { self.out.node(node) };
        };
        let kind = if secret { None } else { group_kind(doc.root()) };
        let (group, kind) = kind.unwrap_or(self.outer_of(secret));
        match Walk::new(self.redactor, group, kind, &doc, self.nested + 1).changed(&doc) {
            Some(doc) => {
                self.changed = true;
                self.out.str(&doc.to_json());
            }
            None => self.out.node(node),
        }
    }

    fn outer_of(&self, secret: bool) -> (&'a str, &'a str) {
        if secret { ("", "Secret") } else { self.outer }
    }

    /// Puts the hash of a value in its place; nothing is nothing to hide.
    fn replace(&mut self, node: Node<'_>, base64: bool) {
        let bytes = match node.as_str() {
            _ if node.is_null() => return self.out.node(node),
            Some(text) if is_redacted(text) => return self.out.node(node),
            Some(text) if base64 => decoded(text),
            Some(text) => Cow::Borrowed(text.as_bytes()),
            None => Cow::Owned(node.to_doc().to_json().into_bytes()),
        };
        self.changed = true;
        let hash = self.redactor.hash(&bytes);
        self.out.str(&hash);
    }
}

/// Decodes as the API server does, line breaks left out; what is no base64 is taken as it is.
fn decoded(text: &str) -> Cow<'_, [u8]> {
    let packed: Cow<'_, str> =
        if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], "").into() } else { text.into() };
    BASE64.decode(packed.as_bytes()).map_or_else(|_| Cow::Borrowed(text.as_bytes()), Cow::Owned)
}

fn group_kind(node: Node<'_>) -> Option<(&str, &str)> {
    let group = node.str_at(&["apiVersion"])?.rsplit_once('/').map_or("", |(group, _)| group);
    Some((group, node.str_at(&["kind"])?))
}

fn is_secret(node: Node<'_>) -> bool {
    matches!(group_kind(node), Some(("", "Secret" | "SecretList")))
}

fn is_patch_operation(node: Node<'_>) -> bool {
    node.kind() == Kind::Map
        && node.get("op").is_some()
        && node.get("path").is_some_and(|p| p.as_str().is_some())
}

/// Returns `true` if the last applied configuration may contain a Secret.
fn mentions_in_annotation(root: Node<'_>) -> bool {
    root.str_at(&["metadata", "annotations", LAST_APPLIED]).is_some_and(|text| text.contains("\"Secret"))
}
