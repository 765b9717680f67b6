//! Finding any of many texts in a text, in one pass.
//!
//! Why no Aho-Corasick automaton: values come one by one while a cluster is watched, and an automaton is built as a whole. Here a
//! text is added in the time that it takes to read it, and most bytes of a searched text cost one look into a small bit set.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};

use super::pieces::Reach;

/// Bytes by which a text is found first; no shorter text is looked for.
pub(super) const HEAD_BYTES: usize = 8;

/// Bits of the filter for each text: one of a hundred heads that are none passes it.
const FILTER_BITS: usize = 64;

/// Texts to find. All have at least [`HEAD_BYTES`].
#[derive(Default)]
pub(super) struct PatternIndex {
    /// One bit for the hash of each head that is known.
    filter: Vec<u64>,
    patterns: BTreeMap<Box<[u8]>, Reach>,
}

impl PatternIndex {
    /// Adds a text; one that is too short is left out.
    pub(super) fn insert(&mut self, text: &str, reach: Reach) {
        let Some(head) = head(text.as_bytes(), 0) else { return };
        self.patterns.insert(text.as_bytes().into(), reach);
        let count = self.patterns.len();
        if count * FILTER_BITS > self.filter.len() * 64 {
            self.filter = vec![0; (count * FILTER_BITS / 32).next_power_of_two().max(1 << 9)];
            let heads: Vec<u64> = self.patterns.keys().filter_map(|pattern| self::head(pattern, 0)).collect();
            heads.into_iter().for_each(|head| self.mark(head));
        } else {
            self.mark(head);
        }
    }

    fn mark(&mut self, head: u64) {
        let (word, bit) = self.place(head);
        self.filter[word] |= bit;
    }

    fn place(&self, head: u64) -> (usize, u64) {
        let hash = head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        ((hash >> 6) as usize & (self.filter.len() - 1), 1 << (hash & 63))
    }

    /// Finds the first text at or after a place, the longest one where several begin.
    pub(super) fn find(&self, text: &str, from: usize) -> Option<(Range<usize>, Reach)> {
        if self.patterns.is_empty() {
            return None;
        }
        let bytes = text.as_bytes();
        for at in from..bytes.len().saturating_sub(HEAD_BYTES - 1) {
            let (word, bit) = self.place(head(bytes, at)?);
            if self.filter[word] & bit != 0
                && let Some((length, reach)) = self.longest(&bytes[at..])
            {
                return Some((at..at + length, reach));
            }
        }
        None
    }

    /// Returns the longest text that some bytes begin with.
    fn longest(&self, bytes: &[u8]) -> Option<(usize, Reach)> {
        let mut end = bytes.len();
        loop {
            // What is a beginning is not greater, and the longest one is the greatest of them.
            let not_greater = (Bound::Unbounded, Bound::Included(&bytes[..end]));
            let (pattern, reach) = self.patterns.range::<[u8], _>(not_greater).next_back()?;
            let common = pattern.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            if common == pattern.len() {
                return Some((common, *reach));
            }
            if common < HEAD_BYTES {
                return None;
            }
            end = common;
        }
    }
}

fn head(bytes: &[u8], at: usize) -> Option<u64> {
    bytes[at..].first_chunk::<HEAD_BYTES>().map(|head| u64::from_le_bytes(*head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_longest_is_found() {
        let mut index = PatternIndex::default();
        assert_eq!(index.find("anything", 0), None);
        for i in 0..5_000 {
            index.insert(&format!("pattern-{i:04}"), Reach::Itself);
        }
        index.insert("pattern-0007-long", Reach::Base64);
        index.insert("short", Reach::Itself);
        let text = "ü short pattern-0007-lon pattern-0007-long";
        let first = index.find(text, 0).unwrap();
        assert_eq!((&text[first.0.clone()], first.1), ("pattern-0007", Reach::Itself));
        let second = index.find(text, first.0.end).unwrap();
        assert_eq!((&text[second.0.clone()], second.1), ("pattern-0007-long", Reach::Base64));
        assert_eq!(index.find(text, second.0.end), None);
        index.insert("pattern-0007-lone", Reach::Key);
        let found = index.find("pattern-0007-lonx", 0).unwrap();
        assert_eq!((found.0, found.1), (0..12, Reach::Itself));
    }
}
