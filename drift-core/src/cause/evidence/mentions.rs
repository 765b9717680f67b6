//! Whom an object names: in its fields, in texts that it holds, by labels that it selects.
//!
//! No kind is listed. A leaf that is the name of an object is a mention of it, and the name of the field tells how strong:
//! `secretName: a` means a Secret. A longer text mentions what stands in it as a word or a host name.

use std::collections::BTreeSet;

use crate::key::ResourceKey;

use super::index::WordId;
use super::leaves::{LeafPath, Leaves, bare};
use super::words::{beginning, camel_parts};

/// Most mentions that one version adds.
const MAX_MENTIONS: usize = 400;
/// How much of a text is looked at.
const MAX_TEXT: usize = 6000;
/// Longest name of an object.
const MAX_NAME: usize = 253;

/// A word of desired state that may be the name of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// The name.
    pub(super) word: WordId,
    /// The namespace beside it; `None` for that of the object itself.
    pub(super) namespace: Option<WordId>,
    pub(super) form: MentionForm,
}

/// How a name is mentioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MentionForm {
    /// The whole value of a field.
    Field {
        /// The last steps of the way to the field, in lower case and without anything in between.
        steps: WordId,
        /// The kind beside it.
        kind: Option<WordId>,
    },
    /// The value of a label or an annotation.
    Metadata,
    /// A word in a longer text.
    Text,
    /// The first part of a dotted word in a text: `db.shop.svc`.
    Host,
}

/// A mention before its words are numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundMention {
    word: String,
    namespace: Option<String>,
    form: FoundForm,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum FoundForm {
    Field { steps: String, kind: Option<String> },
    Metadata,
    Text,
    Host,
}

impl FoundMention {
    pub(super) fn interned(&self, number: &mut impl FnMut(&str) -> WordId) -> Mention {
        let form = match &self.form {
            FoundForm::Field { steps, kind } => {
                MentionForm::Field { steps: number(steps), kind: kind.as_deref().map(&mut *number) }
            }
            FoundForm::Metadata => MentionForm::Metadata,
            FoundForm::Text => MentionForm::Text,
            FoundForm::Host => MentionForm::Host,
        };
        Mention { word: number(&self.word), namespace: self.namespace.as_deref().map(&mut *number), form }
    }
}

/// Returns the names in the leaves of an object that are new in it.
pub(super) fn mentions_in(
    key: &ResourceKey,
    leaves: &Leaves,
    is_new: &impl Fn(&LeafPath, &String) -> bool,
) -> Vec<FoundMention> {
    let mut out: Vec<FoundMention> = Vec::new();
    for (path, value) in leaves.iter().filter(|(p, v)| is_new(p, v)) {
        let is_metadata = path.first().is_some_and(|p| &**p == "metadata");
        if out.len() >= MAX_MENTIONS || value.is_empty() {
            continue;
        }
        let last = path.last().map_or("", |l| l);
        let is_label = is_metadata && path.get(1).is_some_and(|p| &**p == "labels");
        if is_label && !(last.ends_with("name") || last.ends_with("/instance")) {
            continue;
        }
        let sibling = |field: &str| {
            let mut steps = path.to_vec();
            *steps.last_mut()? = field.into();
            leaves.get(&*steps).cloned()
        };
        let namespace = sibling("namespace").filter(|n| !n.is_empty() && **n != *key.namespace);
        if is_name(value) {
            let steps: String =
                path.iter().rev().take(3).rev().map(|s| bare(s).to_ascii_lowercase()).collect();
            let form = if is_metadata {
                FoundForm::Metadata
            } else {
                FoundForm::Field { steps, kind: sibling("kind") }
            };
            out.push(FoundMention { word: value.to_ascii_lowercase(), namespace: namespace.clone(), form });
        }
        if value.len() > 3 {
            texts(beginning(value, MAX_TEXT), value.len() <= 12, &mut out);
        }
    }
    out
}

/// Adds the words of a text that may be names; a short value that is a name itself has only dotted words looked at.
fn texts(text: &str, is_short: bool, out: &mut Vec<FoundMention>) {
    for word in name_words(text).filter(|w| w.len() >= 4) {
        if out.len() >= MAX_MENTIONS {
            return;
        }
        let found = match word.split_once('.') {
            Some((name, rest)) => {
                let namespace = rest.split('.').next().unwrap_or_default().to_owned();
                let whole = FoundMention { word: word.to_owned(), namespace: None, form: FoundForm::Text };
                if whole.word.len() <= MAX_NAME && !out.contains(&whole) {
                    out.push(whole);
                }
                FoundMention { word: name.to_owned(), namespace: Some(namespace), form: FoundForm::Host }
            }
            None if is_short && text.len() == word.len() => continue,
            None => FoundMention { word: word.to_owned(), namespace: None, form: FoundForm::Text },
        };
        if found.word.len() <= MAX_NAME && !out.contains(&found) {
            out.push(found);
        }
    }
}

/// Returns the runs of a text that names and host names are written with.
pub(super) fn name_words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    text.split(move |c| !is_part(c)).map(|w| w.trim_matches(['.', '-'])).filter(|w| !w.is_empty())
}

/// Returns `true` if a value is written as a name of an object may be.
fn is_name(value: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'_');
    (2..=MAX_NAME).contains(&value.len())
        && value.bytes().all(is_part)
        && value.bytes().any(|b| b.is_ascii_alphabetic())
        && !matches!(value, "true" | "false" | "null")
}

/// Returns how far a mention is from what it names, if it names it: 0.5 where the field tells the kind, up to 1.8.
///
/// `hits` is how many objects have the name.
pub(super) fn cost<'t>(
    text: impl Fn(WordId) -> &'t str,
    mention: &Mention,
    from: &ResourceKey,
    to: &ResourceKey,
    hits: usize,
) -> Option<f64> {
    let namespace = mention.namespace.map(&text);
    let own = namespace.unwrap_or(&from.namespace);
    // What belongs to no namespace, such as an issuer for all of them, may leave out that of what it refers to.
    let is_there = to.namespace.is_empty() || &*to.namespace == own || (own.is_empty() && hits <= 3);
    if !is_there && !matches!(mention.form, MentionForm::Host | MentionForm::Text) {
        // A name that only one has may be meant from anywhere, as that of a scheduler or a class is.
        let is_only = hits <= 4 && mention.namespace.is_none() && to.name.len() >= 8 && to.name.contains('-');
        return (is_only && matches!(mention.form, MentionForm::Field { .. })).then_some(2.0);
    }
    match mention.form {
        MentionForm::Field { steps, kind } => {
            let (steps, of_kind) = (text(steps), to.kind.to_ascii_lowercase());
            let is_specific = steps.contains(&of_kind)
                || camel_parts(&to.kind)
                    .iter()
                    .any(|p| p.len() > 3 && steps.contains(&p.to_ascii_lowercase()))
                || (of_kind == "persistentvolumeclaim" && steps.contains("claim"))
                || kind.is_some_and(|k| *text(k) == *to.kind);
            // A name beside a namespace in what is called a reference names an object, of whatever kind.
            let is_reference =
                namespace.is_some() && ["refname", "referencename"].iter().any(|r| steps.ends_with(r));
            match is_specific || is_reference {
                true => Some(0.5),
                false => (to.name.len() > 3 && hits <= 6).then_some(1.6),
            }
        }
        MentionForm::Metadata => Some(1.5),
        MentionForm::Host if !to.namespace.is_empty() => {
            let is_it = namespace == Some(&*to.namespace);
            is_it.then_some(if &*to.kind == "Service" { 0.8 } else { 1.8 })
        }
        MentionForm::Host => None,
        MentionForm::Text if to.name.contains('.') => is_there.then_some(1.2),
        MentionForm::Text if hits > 8 => None,
        MentionForm::Text if !to.namespace.is_empty() => {
            (to.namespace == from.namespace).then_some(if &*to.kind == "Service" { 0.9 } else { 1.8 })
        }
        MentionForm::Text => (to.name.len() > 5).then_some(1.8),
    }
}

/// Returns the values of an object with a dot in them that are no plain numbers: host names, domains, versions, files.
pub(super) fn values_in(leaves: &Leaves, is_new: &impl Fn(&LeafPath, &String) -> bool) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for (path, value) in leaves.iter().filter(|(p, v)| is_new(p, v)) {
        let is_metadata = path.first().is_some_and(|p| &**p == "metadata");
        let is_long = value.len() > if is_metadata { 300 } else { 4000 };
        if is_long || path.last().is_some_and(|l| &**l == "image") {
            continue;
        }
        out.extend(dotted_words(value));
        if out.len() > MAX_MENTIONS {
            break;
        }
    }
    out
}

/// Returns the words of a text with a dot in them, in lower case, that are long enough to be rare.
pub(super) fn dotted_words(text: &str) -> impl Iterator<Item = String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let words = text.split(move |c| !is_part(c)).map(|w| w.trim_matches(['.', '_', '-']));
    let is_specific =
        |w: &&str| w.len() >= 8 && w.contains('.') && !w.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    words.filter(is_specific).map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::super::leaves::desired_leaves;
    use super::*;
    use crate::object::Object;

    fn found(json: &str) -> Vec<FoundMention> {
        let object = Object::from_json(json.as_bytes()).unwrap();
        mentions_in(&object.key(), &desired_leaves(&object), &|_, _| true)
    }

    #[test]
    fn names_hosts_and_words_are_mentions() {
        let all = found(
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop","labels":{"x":"one","app.kubernetes.io/name":"two"}},
                "data":{"url":"postgres://orders-db.store.svc:5432/orders","ref":"plain-name"}}"#,
        );
        let has = |word: &str, namespace: Option<&str>| {
            all.iter().any(|m| m.word == word && m.namespace.as_deref() == namespace)
        };
        assert!(has("orders-db", Some("store")), "{all:?}");
        assert!(has("plain-name", None) && has("two", None));
        assert!(!has("one", None), "a label that names nothing");
    }

    #[test]
    fn a_field_tells_the_kind() {
        let text = |_| "volumessecretname";
        let mention = Mention { word: 0, namespace: None, form: MentionForm::Field { steps: 1, kind: None } };
        let from = ResourceKey::new("", "Pod", "shop", "web");
        let to = |kind: &str| ResourceKey::new("", kind, "shop", "tls-web");
        assert_eq!(cost(text, &mention, &from, &to("Secret"), 2), Some(0.5));
        assert_eq!(cost(text, &mention, &from, &to("Widget"), 2), Some(1.6));
        assert_eq!(cost(text, &mention, &from, &to("Secret").in_namespace("other"), 2), None);
    }
}
