//! Text from elsewhere, made safe to show: one judgement for all writers; and errors as text.
//!
//! Names, messages and values come from whoever may write to the cluster or to a repository. Some characters drive a terminal, others
//! make a line read otherwise than it is: they turn its direction round, or are not to be seen. Whatever prints shows them as escapes.

use std::error::Error;

/// Returns `true` for a character that controls a terminal, changes the order in which a line is read, or is not visible at all.
///
/// Spaces are, line ends and tabs included as far as they are control characters; a caller that writes several lines leaves those out.
///
/// ```
/// use drift_core::text::is_hidden;
///
/// assert!(['\u{1b}', '\u{9b}', '\u{202e}', '\u{200d}', '\n'].into_iter().all(is_hidden));
/// assert!(!['a', ' ', 'ö', '語', '…'].into_iter().any(is_hidden));
/// ```
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen, Arabic letter mark, Hangul fillers, Mongolian vowel separator.
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            // Zero-width characters and marks of direction; separators of lines and paragraphs, embeddings and overrides.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            // Joiners, invisible operators, isolates, deprecated format characters.
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            // Tags, and variation selectors beyond those of emoji.
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns a text with hidden characters as `\u{…}` and tabs as spaces, to be printed within one line.
///
/// ```
/// use drift_core::text::printable;
///
/// assert_eq!(printable("a\u{1b}[2Jb\tc\u{202e}d"), "a\\u{1b}[2Jb    c\\u{202e}d");
/// ```
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            c if is_hidden(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Returns the texts of an error and its sources, without those that the text before contains: some libraries repeat their source.
///
/// ```
/// use drift_core::text::error_chain;
///
/// let error = std::io::Error::other("disk on fire");
/// assert_eq!(error_chain(&error), ["disk on fire"]);
/// ```
pub fn error_chain(error: &dyn Error) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if out.last().is_none_or(|last| !last.contains(&text)) {
            out.push(text);
        }
        next = error.source();
    }
    out
}

/// Returns the same in one line.
pub fn error_line(error: &dyn Error) -> String {
    error_chain(error).join(": ")
}

/// Returns a JSON document with hidden characters as `\uXXXX`; it is read as the same values.
///
/// JSON itself asks for that below U+0020 only. Such characters stand nowhere but in its strings, so that they can be replaced where
/// they are.
///
/// ```
/// use drift_core::text::printable_json;
///
/// assert_eq!(printable_json("{\"a\": \"b\u{202e}\u{e0041}\"}\n"), "{\"a\": \"b\\u202e\\udb40\\udc41\"}\n");
/// ```
pub fn printable_json(json: &str) -> String {
    escape_hidden(json, |c, out| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

/// Returns a scalar of YAML in double quotes with hidden characters as `\uXXXX` or `\UXXXXXXXX`; it is read as the same value.
///
/// ```
/// use drift_core::text::printable_yaml;
///
/// assert_eq!(printable_yaml("\"b\u{202e}\u{e0041}\""), "\"b\\u202e\\U000e0041\"");
/// ```
pub fn printable_yaml(scalar: &str) -> String {
    escape_hidden(scalar, |c, out| {
        let code = u32::from(c);
        // Halves of a pair, as JSON has them, are no characters to YAML.
        out.push_str(&if code > 0xffff { format!("\\U{code:08x}") } else { format!("\\u{code:04x}") });
    })
}

/// Replaces hidden characters but those that stand between values.
fn escape_hidden(text: &str, escape: impl Fn(char, &mut String)) -> String {
    let is_kept = |c: char| !is_hidden(c) || matches!(c, '\n' | '\t' | '\r');
    if text.chars().all(is_kept) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        if is_kept(c) { out.push(c) } else { escape(c, &mut out) }
    }
    out
}
