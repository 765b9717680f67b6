//! Words: what a complaint and a change are compared by.
//!
//! A text is taken apart into whole compounds (`orders-db.shop.svc:5432`), their dotted and dashed parts (`orders-db`,
//! `shop`, `5432`) and the parts of camel case (`readinessProbe`: `readinessprobe`, `readiness`, `probe`), in lower case and
//! in the singular. Hashes, and what stands in every text (`failed`, `status`), are no words. The language is English, as
//! the platform's texts are.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

pub(super) use super::super::mention::mentions as holds_whole;
use crate::key::ResourceKey;

/// How much of a text is looked at.
const MAX_TEXT: usize = 4000;
/// Longest compound that is kept as a whole.
const MAX_WORD: usize = 160;

/// The platform's words of failure with the fields that they are about, and words that say nothing.
const VOCABULARY: &str = include_str!("../../../data/vocabulary.txt");

struct Vocabulary {
    /// Fields by the word of failure that points at them.
    fields: HashMap<&'static str, Vec<&'static str>>,
    /// Fields by a phrase of failure, whose words mean something else each.
    phrases: Vec<(&'static str, Vec<&'static str>)>,
    /// Words that stand in every text.
    common: HashSet<&'static str>,
    /// Names of fields that no software acts upon.
    inert: HashSet<&'static str>,
}

static READ: LazyLock<Vocabulary> = LazyLock::new(|| {
    let mut read = Vocabulary {
        fields: HashMap::new(),
        phrases: Vec::new(),
        common: HashSet::new(),
        inert: HashSet::new(),
    };
    let lines = VOCABULARY.lines().map(|l| l.split('#').next().unwrap_or_default().trim());
    for (word, rest) in lines.filter_map(|l| l.split_once(':')) {
        match word.trim() {
            "common" => read.common.extend(rest.split_whitespace()),
            "inert" => read.inert.extend(rest.split_whitespace()),
            phrase if phrase.contains(' ') => read.phrases.push((phrase, rest.split_whitespace().collect())),
            word => read.fields.entry(word).or_default().extend(rest.split_whitespace()),
        }
    }
    read
});

/// Returns the fields that a word of failure is about: of `oomkilled` those are `memory` and `limit`.
pub(super) fn fields_of(word: &str) -> &'static [&'static str] {
    READ.fields.get(word).map_or(&[], Vec::as_slice)
}

/// Returns a text without the phrases of failure that are known, and the fields that these are about.
///
/// For example of `the server has received too many requests` that is `the server has received`, and no resource request is
/// meant.
pub(super) fn without_phrases(text: &str) -> (String, Vec<&'static str>) {
    let mut text = text.to_owned();
    let mut lower = text.to_ascii_lowercase();
    let mut fields = Vec::new();
    for (phrase, about) in &READ.phrases {
        while let Some(start) = lower.find(phrase) {
            text.replace_range(start..start + phrase.len(), " ");
            lower.replace_range(start..start + phrase.len(), " ");
            fields.extend(about);
        }
    }
    fields.sort_unstable();
    fields.dedup();
    (text, fields)
}

/// Returns `true` for a word that stands in every text.
pub(super) fn is_common(word: &str) -> bool {
    READ.common.contains(word)
}

/// Returns `true` for the name of a field that no software acts upon: what is written to logs, and for people.
pub(super) fn is_inert(word: &str) -> bool {
    READ.inert.contains(word)
}

/// Returns the words of a text, sorted.
pub(super) fn words_in(text: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    add_words(text, &mut out);
    out
}

/// Adds the words of a text.
pub(super) fn add_words(text: &str, out: &mut BTreeSet<String>) {
    for compound in compounds(beginning(text, MAX_TEXT)) {
        add_compound(compound, out);
    }
}

/// Returns the beginning of a text, cut between two characters.
pub(super) fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// Splits a text into runs of what names, paths, hosts and images are written with.
fn compounds(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._/:@%-".contains(c);
    text.split(move |c| !is_part(c))
        .map(|w| w.trim_matches(['.', '_', '/', ':', '-', '@', '%']))
        .filter(|w| !w.is_empty())
}

fn add_compound(compound: &str, out: &mut BTreeSet<String>) {
    let is_address = |part: &str| part.parse::<std::net::Ipv4Addr>().is_ok();
    if compound.split(['/', ':', '@', '=']).any(is_address) {
        // The numbers of an address say nothing each.
        for part in compound.split(['/', ':', '@', '=']) {
            if is_address(part) {
                out.insert(part.to_owned());
            } else {
                add_compound(part, out);
            }
        }
        return;
    }
    if compound.len() <= MAX_WORD {
        add(compound, out);
    }
    for part in compound.split(['/', ':', '@', '=']) {
        add(part, out);
        if let Some((first, rest)) = part.split_once('.') {
            add(first, out);
            let second = rest.split('.').next().unwrap_or_default();
            add(&part[..first.len() + 1 + second.len()], out);
        }
    }
    compound.split(['.', '/', ':', '@', '_', '=']).for_each(|part| add(part, out));
    let parts = camel_parts(compound);
    parts.iter().for_each(|part| add(part, out));
    if parts.len() > 1 && compound.len() < 50 && !compound.contains(['.', '/', ':']) {
        add(&parts.concat(), out);
    }
}

/// Splits a compound at anything that is no letter or digit, and before capitals: `maxRetriesHTTP` is `max`, `Retries`, `HTTP`.
pub(super) fn camel_parts(compound: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for run in compound.split(|c: char| !c.is_ascii_alphanumeric()).filter(|r| !r.is_empty()) {
        let bytes = run.as_bytes();
        let mut start = 0;
        for i in 1..bytes.len() {
            let after_lower = !bytes[i - 1].is_ascii_uppercase() && bytes[i].is_ascii_uppercase();
            let before_lower = bytes[i - 1].is_ascii_uppercase()
                && bytes[i].is_ascii_uppercase()
                && bytes.get(i + 1).is_some_and(u8::is_ascii_lowercase);
            if after_lower || before_lower {
                out.push(&run[start..i]);
                start = i;
            }
        }
        out.push(&run[start..]);
    }
    out
}

fn add(word: &str, out: &mut BTreeSet<String>) {
    if word.len() < 2 || word.len() > MAX_WORD {
        return;
    }
    let mut word = word.to_ascii_lowercase();
    if word.len() > 4 && word.ends_with('s') && !word.ends_with("ss") {
        word.pop();
    }
    let is_number = word.bytes().all(|b| b.is_ascii_digit());
    // A port tells; a count, a status code or an exit code may be anything.
    let is_specific = if is_number {
        (4..=5).contains(&word.len())
    } else {
        word.len() >= 3 && !is_common(&word) && !is_hash(&word)
    };
    if is_specific {
        out.insert(word);
    }
}

/// Returns `true` for what is made by a machine to be unlike anything else: hashes, identifiers, times.
fn is_hash(word: &str) -> bool {
    let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let has_digit = word.bytes().any(|b| b.is_ascii_digit());
    (word.len() >= 8 && has_digit && word.bytes().all(is_hex))
        || (word.len() >= 30 && word.bytes().all(|b| is_hex(b) || b == b'-'))
        || is_time(word)
}

/// Returns `true` for a time of RFC 3339.
fn is_time(word: &str) -> bool {
    let b = word.as_bytes();
    b.len() > 10
        && b[4] == b'-'
        && b[7] == b'-'
        && matches!(b[10], b't' | b'T')
        && b[..4].iter().all(u8::is_ascii_digit)
}

/// Returns the words of a kind: of `PersistentVolumeClaim` itself, `persistent`, `volume` and `claim`; and those of its group.
pub(super) fn kind_words(key: &ResourceKey) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut of_kind: BTreeSet<String> =
        camel_parts(&key.kind).iter().filter(|p| p.len() > 2).map(|p| p.to_ascii_lowercase()).collect();
    of_kind.insert(key.kind.to_ascii_lowercase());
    let common = ["io", "com", "k8s", "org", "dev", "x", "crd", "toolkit", "sh"];
    let of_group = key.group.split('.').filter(|p| !common.contains(p)).map(str::to_owned).collect();
    (of_kind, of_group)
}

/// Returns `true` for a value that is made again for each write: a time, a hash, a large number.
pub(super) fn is_nonce(value: &str) -> bool {
    let hex = value.strip_prefix("sha256:").unwrap_or(value);
    (value.len() >= 9 && value.bytes().all(|b| b.is_ascii_digit()))
        || (hex.len() >= 16 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
        || (is_time(value) && value.parse::<jiff::Timestamp>().is_ok())
}

/// Returns a text without what differs from one occurrence to the next: numbers, hashes, what is quoted.
///
/// For example of `pod "web-1" exceeded 12 times` that is `pod # exceeded # times`.
pub(super) fn blanked(text: &str) -> String {
    let mut out = String::new();
    let mut chars = beginning(text, 400).chars().peekable();
    let mut run = String::new();
    let flush = |run: &mut String, out: &mut String| {
        if run.is_empty() {
            return;
        }
        let is_id = run.bytes().any(|b| b.is_ascii_digit())
            || (run.len() >= 6 && run.bytes().all(|b| b.is_ascii_hexdigit()));
        out.push_str(if is_id { "#" } else { run });
        run.clear();
    };
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                flush(&mut run, &mut out);
                chars.by_ref().find(|c| *c == '"');
                out.push('#');
            }
            c if c.is_ascii_alphanumeric() => run.push(c),
            c => {
                flush(&mut run, &mut out);
                out.push(c);
            }
        }
        if out.len() > 100 {
            break;
        }
    }
    flush(&mut run, &mut out);
    beginning(&out, 80).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(text: &str, all: &[&str]) {
        let words = words_in(text);
        for word in all {
            assert!(words.contains(*word), "{word} of {text:?}: {words:?}");
        }
    }

    #[test]
    fn a_text_is_taken_apart() {
        has(
            "dial tcp: lookup orders-db.shop.svc: no such host",
            &["orders-db.shop.svc", "orders-db", "shop", "svc", "lookup"],
        );
        has("readinessProbe", &["readinessprobe", "readiness", "probe"]);
        has(
            "image registry.example.com/team/web:1.4.2",
            &["registry.example.com/team/web:1.4.2", "web", "1.4.2", "1.4"],
        );
        has("connect to 10.0.0.7:5432", &["5432", "10.0.0.7"]);
        has("exceeded quota: team-limits", &["team-limit", "quota", "exceeded"]);
    }

    #[test]
    fn hashes_and_what_every_text_has_are_no_words() {
        let words = words_in("Error: failed with status 0 at 2026-01-02T03:04:05Z uid 6f1c2d3e4a5b6c7d");
        assert!(
            words
                .iter()
                .all(|w| !["error", "failed", "status", "0", "6f1c2d3e4a5b6c7d"].contains(&w.as_str())),
            "{words:?}"
        );
    }

    #[test]
    fn camel_case_has_parts() {
        assert_eq!(camel_parts("maxRetriesHTTPServer-a1"), ["max", "Retries", "HTTP", "Server", "a1"]);
    }

    #[test]
    fn every_word_of_failure_points_at_something() {
        assert!(READ.fields.len() > 40);
        for (word, fields) in &READ.fields {
            assert!(!fields.is_empty(), "{word}");
            // What points, and what it points at, is written as the words of a text are.
            for w in fields.iter().chain([word]) {
                let mut read = BTreeSet::new();
                add(w, &mut read);
                assert!(read.contains(*w), "{w} is read as {read:?}");
            }
        }
    }

    #[test]
    fn blanked_texts_of_one_trouble_are_equal() {
        assert_eq!(blanked("pod \"web-1\" exceeded 12 times"), "pod # exceeded # times");
        assert_eq!(blanked("a 5f2e9c77aa b"), blanked("a 1122334455 b"));
        assert_eq!(blanked(""), "");
    }

    #[test]
    fn nonces() {
        for value in ["2026-01-02T03:04:05Z", "1700000000", "sha256:0123456789abcdef0123", "deadbeefdeadbeef"]
        {
            assert!(is_nonce(value), "{value}");
        }
        for value in ["5432", "web:1.2", "1.4.2", "true", "2026-01-02"] {
            assert!(!is_nonce(value), "{value}");
        }
    }

    #[test]
    fn a_phrase_means_what_its_words_do_not() {
        let (rest, about) =
            without_phrases("Too many requests: has asked us to try again later (get leases)");
        assert!(about.contains(&"flowschema") && !rest.to_lowercase().contains("requests"), "{rest}");
        assert!(rest.contains("get leases"));
        assert_eq!(without_phrases("x"), ("x".to_owned(), Vec::new()));
        assert!(READ.phrases.iter().all(|(_, about)| !about.is_empty()));
    }
}
