//! Hashes that a store holds already, and finding the values behind them in a text.
//!
//! Who continues a store does not know the values that were hashed before: a Secret that was rotated gives the old one no more. But
//! the key is the same, so that a text that has one of these hashes is one of these values. The parts of a text that may be a
//! value are tried: what stands between white space and signs, if it is [random](super::randomness) enough to be looked for.

use std::collections::HashSet;
use std::ops::Range;

use super::pieces::is_piece;
use super::randomness::{MIN_BYTES, is_random};
use super::{PREFIX, find_hash};

/// Longest value that is found, such as the token of a service account.
const MAX_BYTES: usize = 4 << 10;

/// Signs within a value that is part of a longer word, at most.
const MAX_SIGNS: usize = 20;

/// Parts of one text that are tried.
const MAX_TRIES: usize = 1 << 14;

/// A word that is longer is taken apart at quotes before: JSON without white space.
const MAX_WORD_BYTES: usize = 256;

/// The digits of a hash.
pub(super) type HashDigits = u128;

/// What the hashes are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HashOrigin {
    /// A field of a Secret, which may be the name of something.
    Secret,
    /// A copy of a value in something else: it was looked for, and is no name.
    Copy,
}

/// Hashes that a store holds.
#[derive(Clone, Default)]
pub(super) struct KnownHashes {
    of_secrets: HashSet<HashDigits>,
    of_copies: HashSet<HashDigits>,
}

impl KnownHashes {
    /// Adds every hash in a text.
    pub(super) fn add_from(&mut self, text: &str, origin: HashOrigin) {
        let mut rest = text;
        while let Some(span) = find_hash(rest) {
            // `redacted:unknown` is no hash.
            if let Ok(digits) = HashDigits::from_str_radix(&rest[span.start + PREFIX.len()..span.end], 16) {
                match origin {
                    HashOrigin::Secret => self.of_secrets.insert(digits),
                    HashOrigin::Copy => self.of_copies.insert(digits),
                };
            }
            rest = &rest[span.end..];
        }
    }

    /// Removes what is a name or a part of one: names are public.
    pub(super) fn remove_name(&mut self, name: &str, hash: impl Fn(&str) -> HashDigits) {
        if self.of_secrets.is_empty() || !is_random(name) {
            return;
        }
        let bounds = bounds(name, |c| c.is_ascii_punctuation());
        for (i, start) in bounds.iter().enumerate() {
            for end in bounds[i + 1..].iter().filter(|end| **end >= start + MIN_BYTES) {
                self.of_secrets.remove(&hash(&name[*start..*end]));
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.of_secrets.is_empty() && self.of_copies.is_empty()
    }

    pub(super) fn absorb(&mut self, others: Self) {
        self.of_secrets.extend(others.of_secrets);
        self.of_copies.extend(others.of_copies);
    }

    fn holds(&self, digits: HashDigits) -> bool {
        self.of_secrets.contains(&digits) || self.of_copies.contains(&digits)
    }

    /// Returns where values with a known hash stand in a text, in order; of several that begin at one place, the longest.
    pub(super) fn spans(&self, text: &str, hash: impl Fn(&str) -> HashDigits) -> Vec<Range<usize>> {
        if self.is_empty() || text.len() < MIN_BYTES {
            return Vec::new();
        }
        let is_known = |span: &Range<usize>| self.holds(hash(&text[span.clone()]));
        let mut spans: Vec<_> = private_keys(text).filter(is_known).collect();
        let mut tries = 0;
        for word in words(text) {
            if !spans.iter().any(|key| key.contains(&word.start)) {
                self.find_in_word(text, word, &hash, &mut tries, &mut spans);
            }
        }
        spans.sort_by_key(|span| span.start);
        spans
    }

    fn find_in_word(
        &self,
        text: &str,
        word: Range<usize>,
        hash: &impl Fn(&str) -> HashDigits,
        tries: &mut usize,
        spans: &mut Vec<Range<usize>>,
    ) {
        let (offset, word) = (word.start, &text[word]);
        let bounds = bounds(word, |c| c.is_ascii_punctuation() && !"-_~%+".contains(c));
        let mut from = 0;
        // A file often ends with a line break that its copies do not have.
        let is_known = |part: &str| self.holds(hash(part)) || self.holds(hash(&format!("{part}\n")));
        for (i, start) in bounds.iter().enumerate().filter(|(_, start)| **start < word.len()) {
            if *start < from {
                continue;
            }
            let ends = bounds[i + 1..].iter().take(2 * MAX_SIGNS).chain(bounds.last());
            let ends: Vec<usize> =
                ends.copied().filter(|end| (MIN_BYTES..=MAX_BYTES).contains(&(end - start))).collect();
            for end in ends.into_iter().rev() {
                *tries += 1;
                if *tries > MAX_TRIES {
                    return;
                }
                let part = &word[*start..end];
                if is_known(part) && is_piece(part) {
                    spans.push(offset + start..offset + end);
                    from = end;
                    break;
                }
            }
        }
    }
}

/// Returns the words of a text that are random enough to hold a value.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_space = char::is_whitespace;
    parts(text, is_space)
        .flat_map(|(start, word)| {
            let is_long = word.len() > MAX_WORD_BYTES;
            parts(word, move |c| is_long && c == '"').map(move |(at, part)| (start + at, part))
        })
        .filter(|(_, word)| is_random(word))
        .map(|(start, word)| start..start + word.len())
}

/// Returns the parts of a text between some characters, with where they begin.
fn parts(text: &str, is_between: impl Fn(char) -> bool + Copy) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive(is_between).map(move |part| {
        let start = at;
        at += part.len();
        (start, part.strip_suffix(is_between).unwrap_or(part))
    })
}

/// Returns where a value may begin or end in a word: at both ends, and on both sides of each sign.
fn bounds(word: &str, is_sign: impl Fn(char) -> bool) -> Vec<usize> {
    let mut bounds = vec![0, word.len()];
    let mut is_escaped = false;
    for (at, c) in word.char_indices() {
        if is_sign(c) || is_escaped {
            bounds.extend([at, at + c.len_utf8()]);
        }
        // In JSON a line break is a sign and a letter.
        is_escaped = c == '\\';
    }
    bounds.sort_unstable();
    bounds.dedup();
    bounds
}

/// Returns where private keys in PEM stand in a text, from their first line to their last.
fn private_keys(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("PRIVATE KEY-----").filter_map(|(at, head)| {
        let rest = &text[at + head.len()..];
        let body = rest.trim_start_matches(char::is_whitespace);
        let body = body.trim_start_matches("\\r").trim_start_matches("\\n").trim_start();
        let start = text.len() - body.len();
        let end = body.find("-----END")?;
        (end <= MAX_BYTES * 4).then_some(start..start + end)
    })
}
