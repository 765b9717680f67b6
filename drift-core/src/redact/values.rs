//! The values of the Secrets seen so far, and blanking them in other texts.
//!
//! The rule, also in `docs/concepts.md`: a value is looked for elsewhere if it is [random](super::randomness), is no certificate
//! or public key, and is not part of the name, the namespace or the uid of its own Secret or of an object learnt together with it. Of a value of several lines, a JSON document, a URL or `key=value` the parts are looked for. Each is found plain, as JSON
//! writes it, percent-encoded, and in base64 and base64url at any place of a larger text.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use super::index::PatternIndex;
use super::known::{HashDigits, HashOrigin, KnownHashes};
use super::pieces::{Piece, Reach, add_value, forms};
use super::text::logins_in;
use super::{SHOWN, without_hashes};
use crate::object::{Node, Object};

/// Values of Secrets, to be blanked wherever else they stand. Clones share what they have learnt.
///
/// # Example
/// ```
/// use drift_core::Object;
/// use drift_core::redact::SecretValues;
///
/// let secret = r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db"},
///     "stringData":{"password":"q8#Lw9!2zKd","host":"db.shop.svc","mode":"production"}}"#;
/// let values = SecretValues::default();
/// values.learn([&Object::from_json(secret.as_bytes())?]);
/// let text = "cannot log in to db.shop.svc (production) with q8#Lw9!2zKd";
/// assert_eq!(values.blank(text), "cannot log in to db.shop.svc (production) with <redacted>");
/// # Ok::<(), drift_core::DecodeError>(())
/// ```
#[derive(Clone, Default)]
pub struct SecretValues {
    shared: Arc<RwLock<Learnt>>,
}

#[derive(Default)]
struct Learnt {
    pieces: BTreeSet<Piece>,
    index: PatternIndex,
    hashes: KnownHashes,
}

impl fmt::Debug for SecretValues {
    /// Writes how many there are, and none of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretValues").field("count", &self.len()).finish_non_exhaustive()
    }
}

impl SecretValues {
    /// Returns the number of texts that are looked for.
    pub fn len(&self) -> usize {
        self.read(|learnt| learnt.pieces.len())
    }

    /// Returns `true` if nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.read(|learnt| learnt.pieces.is_empty() && learnt.hashes.is_empty())
    }

    /// Learns the values of the Secrets among some objects and inside of them; the names of all the objects are no secrets.
    pub fn learn<'a>(&self, objects: impl IntoIterator<Item = &'a Object, IntoIter: Clone>) {
        let objects = objects.into_iter();
        let mut pieces = BTreeSet::new();
        objects.clone().for_each(|object| pieces.append(&mut super::pieces_of(object)));
        if !pieces.is_empty() {
            remove_names(&mut pieces, objects.filter_map(|o| o.root().get("metadata")).flat_map(names));
            self.add(pieces);
        }
    }

    /// Learns a text that is known to be secret, such as a password in a URL, if it is random enough.
    pub fn learn_text(&self, text: &str) {
        let mut pieces = BTreeSet::new();
        add_value(text.as_bytes(), &mut pieces);
        self.add(pieces);
    }

    /// Learns what others have learnt.
    pub fn absorb(&self, others: &Self) {
        if !Arc::ptr_eq(&self.shared, &others.shared) {
            self.add(others.read(|learnt| learnt.pieces.clone()));
            let hashes = others.read(|learnt| learnt.hashes.clone());
            self.write(|learnt| learnt.hashes.absorb(hashes));
        }
    }

    /// Returns a text with every value, every hash of a value and every password of a URL replaced by [`SHOWN`].
    pub fn blank<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut blanked = without_hashes(text);
        for by_value in [true, false] {
            let spans = if by_value { self.spans(&blanked) } else { logins_in(&blanked) };
            if !spans.is_empty() {
                blanked = Cow::Owned(replace(&blanked, &spans, |_| SHOWN.to_owned()));
            }
        }
        blanked
    }

    /// Adds pieces that are not known yet.
    pub(super) fn add(&self, pieces: BTreeSet<Piece>) {
        if pieces.is_empty() || self.read(|learnt| pieces.is_subset(&learnt.pieces)) {
            return;
        }
        self.write(|learnt| {
            for piece in pieces {
                if !learnt.pieces.contains(&piece) {
                    forms(&piece).into_iter().for_each(|(form, reach)| learnt.index.insert(&form, reach));
                    learnt.pieces.insert(piece);
                }
            }
        });
    }

    /// Adds the hashes in some texts of a store.
    pub(super) fn add_hashes<'a>(&self, texts: impl Iterator<Item = &'a str>, origin: HashOrigin) {
        let hashed: Vec<&str> = texts.filter(|text| text.contains(super::PREFIX)).collect();
        if !hashed.is_empty() {
            self.write(|learnt| hashed.iter().for_each(|text| learnt.hashes.add_from(text, origin)));
        }
    }

    /// Removes hashes of names, and of parts of them.
    pub(super) fn remove_names<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        hash: impl Fn(&str) -> HashDigits,
    ) {
        self.write(|learnt| names.for_each(|name| learnt.hashes.remove_name(name, &hash)));
    }

    /// Returns `true` if one of some texts holds a value that only its hash is known of.
    pub(super) fn is_hash_in<'a>(
        &self,
        mut texts: impl Iterator<Item = &'a str>,
        hash: impl Fn(&str) -> HashDigits,
    ) -> bool {
        self.read(|learnt| {
            !learnt.hashes.is_empty() && texts.any(|text| !learnt.hashes.spans(text, &hash).is_empty())
        })
    }

    /// Returns a text with every value replaced that only its hash is known of; `None` if there is none in it.
    pub(super) fn replaced_by_hash(
        &self,
        text: &str,
        hash: impl Fn(&str) -> HashDigits,
        with: impl FnMut(&str) -> String,
    ) -> Option<String> {
        let spans = self.read(|learnt| learnt.hashes.spans(text, hash));
        (!spans.is_empty()).then(|| replace(text, &spans, with))
    }

    /// Returns `true` if a value stands in a text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.read(|learnt| learnt.index.find(text, 0).is_some())
    }

    /// Returns a text with every value replaced; `None` if there is none in it.
    pub(super) fn replaced(&self, text: &str, with: impl FnMut(&str) -> String) -> Option<String> {
        let spans = self.spans(text);
        (!spans.is_empty()).then(|| replace(text, &spans, with))
    }

    /// Returns where values stand, in order, adjacent ones as one.
    fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        self.read(|learnt| {
            let mut from = 0;
            while let Some((span, reach)) = learnt.index.find(text, from) {
                let span = reach.extended(text, span);
                from = span.end;
                match spans.last_mut() {
                    Some(last) if span.start <= last.end => last.end = span.end,
                    _ => spans.push(span),
                }
            }
        });
        spans
    }

    fn write(&self, change: impl FnOnce(&mut Learnt)) {
        change(&mut self.shared.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn read<T>(&self, look: impl FnOnce(&Learnt) -> T) -> T {
        look(&self.shared.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn replace(text: &str, spans: &[Range<usize>], mut with: impl FnMut(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for span in spans {
        out.push_str(&text[end..span.start]);
        out.push_str(&with(&text[span.clone()]));
        end = span.end;
    }
    out.push_str(&text[end..]);
    out
}

/// Removes what is part of a name: names are public, such as the id of a bootstrap token.
pub(super) fn remove_names<'a>(pieces: &mut BTreeSet<Piece>, names: impl Iterator<Item = &'a str>) {
    let mut index = PatternIndex::default();
    pieces.iter().for_each(|piece| index.insert(&piece.text, Reach::Itself));
    let mut public = BTreeSet::new();
    for name in names {
        let mut from = 0;
        while let Some((span, _)) = index.find(name, from) {
            public.insert(&name[span.clone()]);
            from = span.end;
        }
    }
    if !public.is_empty() {
        pieces.retain(|piece| !public.contains(&*piece.text));
    }
}

/// Returns the texts by which an object is known, from its metadata: name, namespace and uid.
pub(super) fn names(metadata: Node<'_>) -> impl Iterator<Item = &str> {
    ["name", "generateName", "namespace", "uid"].into_iter().filter_map(move |key| metadata.str_at(&[key]))
}
