//! One pass over a document that copies it with its secrets replaced.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::pieces::{Piece, add_value};
use super::place::{Place, is_secret, secret_kind};
use super::rule::{self, States, Step};
use super::text::{self, decoded};
use super::values::{SecretValues, names, remove_names};
use super::{Redactor, UNKNOWN, find_hash, is_redacted};
use crate::k8s::annotations::{LAST_APPLIED, is_public_on_secret};
use crate::object::{Doc, DocBuilder, Kind, Node};

/// Documents in annotations of documents in annotations: none is real, and each level doubles the quotes.
const MAX_NESTED: usize = 3;

pub(super) struct Walk<'a> {
    redactor: &'a Redactor,
    /// Kind that documents in annotations are of where they do not say.
    outer: (&'a str, &'a str),
    /// What the document as a whole is.
    top: Place,
    nested: usize,
    /// Whether a hash that is there already is of another key.
    forgets_hashes: bool,
    out: DocBuilder,
    changed: bool,
    /// What was found to be secret, to be looked for elsewhere.
    learnt: BTreeSet<Piece>,
    /// Names of the Secrets in it.
    names: Vec<String>,
}

/// A document without its secrets, and what they are.
pub(super) struct Redacted {
    /// The document; `None` if there is nothing secret in it.
    pub(super) doc: Option<Doc>,
    pub(super) learnt: BTreeSet<Piece>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(redactor: &'a Redactor, group: &'a str, kind: &'a str, top: Place) -> Self {
        Self {
            redactor,
            outer: (group, kind),
            top,
            nested: 0,
            forgets_hashes: false,
            out: DocBuilder::default(),
            changed: false,
            learnt: BTreeSet::new(),
            names: Vec::new(),
        }
    }

    /// Takes hashes that are there already for unknown values.
    pub(super) fn forgetting_hashes(mut self) -> Self {
        self.forgets_hashes = true;
        self
    }

    /// Returns the document redacted.
    pub(super) fn run(mut self, doc: &Doc) -> Redacted {
        let root = doc.root();
        let states = rule::start(&self.redactor.options.rules, self.outer.0, self.outer.1);
        if self.top == Place::Plain && states.is_empty() && !self.is_concerned(doc) {
            return Redacted { doc: None, learnt: self.learnt };
        }
        self.value(root, self.top, &states);
        remove_names(&mut self.learnt, self.names.iter().map(|name| &**name));
        // Replacing makes nothing deeper; a document near 4 GiB could outgrow its limit, and then nothing is kept of it.
        let whole = |builder: DocBuilder| builder.finish().ok();
        let doc = match self.changed {
            true => whole(self.out).or_else(|| Doc::from_value(&serde_json::Value::Null).ok()),
            false => None,
        };
        Redacted { doc, learnt: self.learnt }
    }

    /// Returns a value redacted that stands at the place the walk was made for, or is the annotation of this name.
    pub(super) fn run_at(mut self, node: Node<'_>, annotation: Option<&str>) -> Redacted {
        match (annotation, self.top) {
            (Some(name), Place::Annotations { secret }) => {
                self.annotation_named(name, node, secret, &States::new());
            }
            (_, place) => self.value(node, place, &States::new()),
        }
        let doc = if self.changed { self.out.finish().ok() } else { None };
        Redacted { doc, learnt: self.learnt }
    }

    /// Returns `true` if anything in a document of another kind than a Secret may be secret. Most documents end here.
    fn is_concerned(&self, doc: &Doc) -> bool {
        let (_, kind) = self.outer;
        if Place::has_secret_templates(kind) || Place::has_chart_values(kind) || doc.has_key("stringData") {
            return true;
        }
        let all = doc.all_text();
        // One pass over all the text is cheaper than one over each string.
        let (has_word, has_url) = (!text::is_far_from_secrets(all), all.contains("://"));
        let is_secret = |(key, text): (&str, &str)| {
            has_word && (key == "kind" && secret_kind(text) || text.len() >= 20 && text::is_manifest(text))
                || text::is_packed_secret(text)
                || has_url && !text::logins_in(text).is_empty()
        };
        let is_known = |values: &SecretValues| {
            values.is_in(all) || values.is_hash_in(super::texts(doc), |text| self.redactor.digits(text))
        };
        doc.texts().any(is_secret) || self.redactor.values.as_ref().is_some_and(is_known)
    }

    fn rules(&self) -> &'a [super::RedactRule] {
        &self.redactor.options.rules
    }

    fn value(&mut self, node: Node<'_>, place: Place, states: &States) {
        if rule::is_complete(self.rules(), states) {
            return self.replace(node, false);
        }
        match (place, node.kind()) {
            (Place::Values { base64 }, Kind::Map) => self.map(node, |w, child| w.replace(child, base64)),
            (Place::Values { base64 }, _) => self.replace(node, base64),
            (Place::Switch, Kind::Bool) => self.out.node(node),
            (Place::Switch, _) => self.replace(node, false),
            (Place::TemplateValues, Kind::Map) => self.map(node, |w, child| match child.as_str() {
                // What is filled in elsewhere is no value.
                Some(text) if text.contains("{{") => w.text(child),
                _ => w.replace(child, false),
            }),
            (Place::TemplateValues, _) => self.replace(node, false),
            (Place::Metadata { secret: true }, Kind::Map) => {
                self.names.extend(names(node).map(str::to_owned));
                self.children(node, place, states);
            }
            (Place::Labels, Kind::Map) => self.map(node, |w, child| w.label(child)),
            (Place::Annotations { secret }, Kind::Map) => self.map(node, |w, child| {
                let states = rule::step(w.rules(), states, Step::Key(child.key()));
                w.annotation_named(child.key(), child, secret, &states);
            }),
            (Place::Plain | Place::Template | Place::ChartValues | Place::AboutSecret, Kind::Map)
                if is_secret(node) =>
            {
                self.children(node, Place::Secret, states);
            }
            // A patch or an answer about a Secret that names another kind, such as `Status`.
            (Place::Secret, Kind::Map) if node.str_at(&["kind"]).is_some_and(|kind| !secret_kind(kind)) => {
                self.children(node, Place::AboutSecret, states);
            }
            // No such shape: a value that somebody put in its place.
            (
                Place::Secret
                | Place::Labels
                | Place::Metadata { secret: true }
                | Place::Annotations { secret: true },
                kind,
            ) if !matches!(kind, Kind::Map | Kind::List) => self.replace(node, false),
            (Place::Labels | Place::Annotations { secret: true }, Kind::List) => self.replace(node, false),
            (Place::ChartValues, Kind::Map) => self.chart_values(node, states),
            (Place::ChartValues, Kind::Str) => self.chart_text(node),
            (Place::Name, Kind::Str) => self.out.node(node),
            (_, Kind::Str) => self.text(node),
            _ => self.children(node, place, states),
        }
    }

    fn children(&mut self, node: Node<'_>, place: Place, states: &States) {
        match node.kind() {
            Kind::Map => self.map(node, |w, child| {
                let states = rule::step(w.rules(), states, Step::Key(child.key()));
                w.value(child, place.under(child.key(), w.outer.1), &states);
            }),
            Kind::List => {
                self.out.begin_list();
                for child in node.children() {
                    if is_patch_operation(child) {
                        self.patch_operation(child, place, states);
                        continue;
                    }
                    let states = rule::step(self.rules(), states, Step::Element(child));
                    self.value(child, place.of_element(), &states);
                }
                self.out.end();
            }
            _ => self.out.node(node),
        }
    }

    fn map(&mut self, node: Node<'_>, mut child: impl FnMut(&mut Self, Node<'_>)) {
        self.out.begin_map();
        for entry in node.children() {
            self.key(entry.key());
            child(self, entry);
        }
        self.out.end();
    }

    /// Copies a key without the values of Secrets that are known. Letters alone are the name of a field.
    fn key(&mut self, key: &str) {
        if key.bytes().all(|b| b.is_ascii_alphabetic()) || is_redacted(key) {
            return self.out.key(key);
        }
        let redacted = self.redactor.redact_text(key);
        self.changed |= matches!(redacted, Cow::Owned(_));
        self.out.key(&redacted);
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
                place => place.under(&key, self.outer.1),
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

    fn annotation_named(&mut self, name: &str, node: Node<'_>, secret: bool, states: &States) {
        let text = match node.as_str() {
            Some(text) if !rule::is_complete(self.rules(), states) => text,
            _ => {
                return self.value(
                    node,
                    if secret { Place::Values { base64: false } } else { Place::Plain },
                    states,
                );
            }
        };
        let is_applied = name == LAST_APPLIED;
        if is_redacted(text) {
            return self.out.node(node);
        }
        if secret && is_public_on_secret(name) || !secret && !is_applied {
            return self.text(node);
        }
        // Tools besides kubectl keep whole objects in annotations too.
        let doc = Doc::from_json(text.as_bytes()).ok().filter(|doc| doc.root().kind() == Kind::Map);
        let Some(doc) = doc.filter(|_| self.nested < MAX_NESTED) else {
            let concerned = !rule::start(self.rules(), self.outer.0, self.outer.1).is_empty();
            let is_torn = concerned || self.nested >= MAX_NESTED;
            return if secret || is_torn { self.replace(node, false) } else { self.text(node) };
        };
        // What claims another kind is no copy, unless kubectl wrote it.
        if secret && !is_applied && doc.root().str_at(&["kind"]).is_some_and(|kind| !secret_kind(kind)) {
            return self.replace(node, false);
        }
        let (group, kind) = match secret {
            true => ("", "Secret"),
            false => group_kind(doc.root()).unwrap_or(self.outer),
        };
        self.nested_doc(
            node,
            &doc,
            group,
            kind,
            if secret { Place::Secret } else { Place::of_kind(group, kind) },
        );
    }

    /// Copies the label of a Secret. Labels are names by which things are selected, but one called `password` is not.
    fn label(&mut self, node: Node<'_>) {
        match text::is_credential_name(node.key()) {
            true => self.replace(node, false),
            false => self.text(node),
        }
    }

    /// Copies a text without the Secrets in it and the values of Secrets that are known.
    fn text(&mut self, node: Node<'_>) {
        let Some(text) = node.as_str().filter(|text| !is_redacted(text)) else { return self.out.node(node) };
        if is_interesting(text) {
            let doc = text.trim_start().starts_with(['{', '[']).then(|| Doc::from_json(text.as_bytes()).ok());
            match doc.flatten() {
                Some(_) if self.nested >= MAX_NESTED => return self.replace(node, false),
                Some(doc) => {
                    let (group, kind) = group_kind(doc.root()).unwrap_or_default();
                    let (group, kind) = (group.to_owned(), kind.to_owned());
                    return self.nested_doc(node, &doc, &group, &kind, Place::of_kind(&group, &kind));
                }
                None if text::is_packed_secret(text) => return self.replace(node, false),
                None => {
                    let spans = text::secret_documents(text);
                    if !spans.is_empty() {
                        return self.replace_in(text, &spans);
                    }
                }
            }
        }
        match text::logins_in(text) {
            spans if spans.is_empty() => self.known_values(node, text),
            spans => self.replace_in(text, &spans),
        }
    }

    fn known_values(&mut self, node: Node<'_>, text: &str) {
        match self.redactor.redact_text(text) {
            Cow::Owned(text) => {
                self.changed = true;
                self.out.str(&text);
            }
            Cow::Borrowed(_) => self.out.node(node),
        }
    }

    /// Puts a document that is text within another, redacted.
    fn nested_doc(&mut self, node: Node<'_>, doc: &Doc, group: &str, kind: &str, top: Place) {
        let mut walk = Walk::new(self.redactor, group, kind, top);
        walk.nested = self.nested + 1;
        let mut redacted = walk.run(doc);
        self.learnt.append(&mut redacted.learnt);
        match redacted.doc {
            Some(doc) => {
                self.changed = true;
                self.out.str(&doc.to_json());
            }
            None => self.known_values(node, node.as_str().unwrap_or_default()),
        }
    }

    /// Copies values of a chart; what is called `password` or the like is secret.
    fn chart_values(&mut self, node: Node<'_>, states: &States) {
        let is_secret_parameter = node.str_at(&["name"]).is_some_and(text::is_credential_name);
        self.map(node, |w, child| {
            let named =
                text::is_credential_name(child.key()) || is_secret_parameter && child.key() == "value";
            let given = text::is_scalar(child) && child.as_str().is_none_or(text::is_given);
            match named && given {
                true => w.replace(child, false),
                false => {
                    let states = rule::step(w.rules(), states, Step::Key(child.key()));
                    w.value(child, Place::ChartValues, &states);
                }
            }
        });
    }

    /// Copies values of a chart that are written as a text of YAML or JSON.
    fn chart_text(&mut self, node: Node<'_>) {
        let text = node.as_str().unwrap_or_default();
        match text::credentials_in(text) {
            spans if spans.is_empty() => self.text(node),
            spans => self.replace_in(text, &spans),
        }
    }

    /// Puts a text with parts of it replaced by their hashes.
    fn replace_in(&mut self, text: &str, spans: &[std::ops::Range<usize>]) {
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for span in spans {
            out.push_str(&text[end..span.start]);
            let part = &text[span.clone()];
            match is_redacted(part) {
                true => out.push_str(part),
                false => {
                    self.changed = true;
                    add_value(part.trim_matches(['"', '\'']).as_bytes(), &mut self.learnt);
                    out.push_str(&self.redactor.hash(part.as_bytes()));
                }
            }
            end = span.end;
        }
        out.push_str(&text[end..]);
        let known = self.redactor.redact_text(&out);
        self.changed |= matches!(known, Cow::Owned(_));
        self.out.str(&known);
    }

    /// Puts the hash of a value in its place; nothing is nothing to hide, and what is encrypted is hidden already.
    fn replace(&mut self, node: Node<'_>, base64: bool) {
        let bytes = match node.as_str() {
            _ if node.is_null() || node.as_str() == Some("") => return self.out.node(node),
            Some(text) if self.forgets_hashes && is_redacted(text) => {
                self.changed = true;
                return self.out.str(UNKNOWN);
            }
            Some(text) if is_redacted(text) || is_encrypted(text) => return self.out.node(node),
            Some(text) if base64 => decoded(text).map_or_else(|| Cow::Borrowed(text.as_bytes()), Cow::Owned),
            Some(text) => Cow::Borrowed(text.as_bytes()),
            None => Cow::Owned(node.to_doc().to_json().into_bytes()),
        };
        self.changed = true;
        add_value(&bytes, &mut self.learnt);
        // A value that was rendered from what is hashed is that hash; a part of it is nothing that can be compared.
        match std::str::from_utf8(&bytes).ok().and_then(|text| Some((text, find_hash(text)?))) {
            Some((text, hash)) if hash.len() == text.len() => self.out.str(text),
            Some(_) => self.out.str(UNKNOWN),
            None => self.out.str(&self.redactor.hash(&bytes)),
        }
    }
}

/// Returns `true` if a text may contain the manifest of a Secret, or something packed.
fn is_interesting(text: &str) -> bool {
    text.len() >= 20 && text::holds_secret(text)
}

/// Returns `true` for a value that SOPS encrypted: it is public, and compared as what it is.
fn is_encrypted(text: &str) -> bool {
    text.starts_with("ENC[AES256_GCM,data:") && text.ends_with(']')
}

fn group_kind(node: Node<'_>) -> Option<(&str, &str)> {
    let group = node.str_at(&["apiVersion"])?.rsplit_once('/').map_or("", |(group, _)| group);
    Some((group, node.str_at(&["kind"])?))
}

fn is_patch_operation(node: Node<'_>) -> bool {
    node.kind() == Kind::Map
        && node.get("op").is_some()
        && node.get("path").is_some_and(|p| p.as_str().is_some())
}
