//! What of a secret value is looked for in other texts, and in which forms.

use std::collections::BTreeSet;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::index::HEAD_BYTES;
use super::randomness::is_random;
use super::text::decoded;
use crate::object::{Doc, Kind, Node};

/// Longest text that is looked for; the beginning of a longer one stands for it.
const MAX_PIECE_BYTES: usize = 48;

/// Largest value that is taken apart.
const MAX_VALUE_BYTES: usize = 256 << 10;

/// Most texts of one value.
const MAX_PIECES: usize = 512;

/// Lines of a private key that are looked for: from one to the end of the key everything is blanked.
const KEY_LINES: usize = 3;

/// Longest private key in PEM.
const MAX_KEY_BYTES: usize = 16 << 10;

/// A text that is looked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Piece {
    pub(super) text: Box<str>,
    reach: Reach,
}

/// How far a secret reaches from where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// It is what was found.
    Itself,
    /// As far as the token goes on: only its beginning was looked for.
    Token,
    /// To the end of the private key.
    Key,
    /// As far as base64 goes on, in both directions.
    Base64,
}

impl Reach {
    /// Returns the part of a text that is secret.
    pub(super) fn extended(self, text: &str, span: Range<usize>) -> Range<usize> {
        let bytes = text.as_bytes();
        let run = |from: usize, also: &[u8]| {
            let goes_on = |b: &&u8| b.is_ascii_alphanumeric() || also.contains(b);
            from + bytes[from..].iter().take_while(goes_on).count()
        };
        match self {
            Self::Itself => span,
            Self::Token => span.start..run(span.end, b"+/=_-.~%"),
            Self::Key => {
                let rest = &bytes[span.end..bytes.len().min(span.end + MAX_KEY_BYTES)];
                let end = rest.windows(8).position(|w| w == b"-----END").map(|at| span.end + at);
                span.start..end.unwrap_or_else(|| run(span.end, b"+/="))
            }
            Self::Base64 => {
                let is_base64 = |b: &&u8| b.is_ascii_alphanumeric() || b"+/-_".contains(b);
                let before = bytes[..span.start].iter().rev().take_while(is_base64).count();
                span.start - before..run(span.end, b"+/-_=")
            }
        }
    }
}

/// Adds what of the bytes of a value is looked for.
pub(super) fn add_value(bytes: &[u8], pieces: &mut BTreeSet<Piece>) {
    let mut own = BTreeSet::new();
    match std::str::from_utf8(bytes) {
        _ if bytes.len() > MAX_VALUE_BYTES => {}
        // What is packed is no password: a Helm release.
        Ok(text) if text.starts_with("H4sI") => {}
        Ok(text) => add_text(text, &mut own),
        // Bytes are copied into texts as base64. A keystore is not.
        Err(_) if (HEAD_BYTES..=MAX_PIECE_BYTES * 2).contains(&bytes.len()) => {
            add_whole(&STANDARD_NO_PAD.encode(bytes), Reach::Itself, &mut own);
            add_whole(&URL_SAFE_NO_PAD.encode(bytes), Reach::Itself, &mut own);
        }
        Err(_) => {}
    }
    pieces.append(&mut own);
}

/// Returns `true` if a text is as a whole what would be looked for if it were a value.
pub(super) fn is_piece(text: &str) -> bool {
    let mut pieces = BTreeSet::new();
    add_value(text.as_bytes(), &mut pieces);
    let is_whole = |piece: &Piece| {
        text.starts_with(&*piece.text) && piece.reach.extended(text, 0..piece.text.len()) == (0..text.len())
    };
    pieces.iter().any(is_whole)
}

fn add_text(text: &str, pieces: &mut BTreeSet<Piece>) {
    let text = text.trim();
    if text.len() < HEAD_BYTES {
        return;
    }
    if text.starts_with(['{', '['])
        && let Ok(doc) = Doc::from_json(text.as_bytes())
    {
        return add_scalars(doc.root(), pieces);
    }
    let (mut block, mut key_lines) = (None, 0);
    for line in text.lines().map(str::trim) {
        if line.starts_with("-----") {
            key_lines = 0;
            block = line.strip_prefix("-----BEGIN").map(|name| name.contains("PRIVATE KEY"));
            continue;
        }
        match block {
            None if is_public_key(line) => {}
            None => add_line(line, pieces),
            Some(true) if is_random(line) && key_lines < KEY_LINES => {
                key_lines += 1;
                add_whole(line, Reach::Key, pieces);
            }
            // A certificate, a public key, a request.
            Some(_) => {}
        }
    }
}

/// Returns `true` for a line of `authorized_keys` or `known_hosts`.
fn is_public_key(line: &str) -> bool {
    line.split_ascii_whitespace()
        .take(2)
        .any(|word| word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-"))
}

fn add_scalars(node: Node<'_>, pieces: &mut BTreeSet<Piece>) {
    match node.as_str() {
        None => node.children().for_each(|child| add_scalars(child, pieces)),
        // The login of a registry: `user:password` in base64.
        Some(text) if node.key() == "auth" && node.kind() == Kind::Str => {
            add_token(text, pieces);
            let login = decoded(text).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
            add_token(login.split_once(':').map_or(&*login, |(_, password)| password), pieces);
        }
        Some(text) => add_text(text, pieces),
    }
}

fn add_line(line: &str, pieces: &mut BTreeSet<Piece>) {
    if line.contains("://") {
        // Of a URL only the login and parameters are no name.
        let ends = |c: char| c.is_whitespace() || "\"'`,;?&=@/#<>()[]{}".contains(c);
        for part in line.split(ends) {
            add_token(part.split_once(':').map_or(part, |(_, after)| after), pieces);
        }
        return;
    }
    add_token(line, pieces);
    // `KEY=value` and `key: value`, quoted or not.
    if let Some((name, value)) = line.split_once(['=', ':'])
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-. \"'".contains(&b))
    {
        add_token(unquoted(value), pieces);
    }
    for word in line.split_ascii_whitespace().filter(|word| word.len() < line.len()) {
        add_token(unquoted(word), pieces);
    }
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_end_matches([',', ';']).trim_matches(['"', '\''])
}

fn add_token(token: &str, pieces: &mut BTreeSet<Piece>) {
    if token.contains(char::is_whitespace) || !is_random(token) {
        return;
    }
    // What looks random may be a word in base64, as in the manifest of a Secret.
    let inner = decoded(token).and_then(|bytes| String::from_utf8(bytes).ok());
    match inner.filter(|text| !text.chars().any(char::is_control)) {
        Some(inner) if is_random(&inner) => {
            add_whole(&inner, Reach::Itself, pieces);
            add_whole(token, Reach::Itself, pieces);
        }
        Some(_) => {}
        None => add_whole(token, Reach::Itself, pieces),
    }
}

fn add_whole(text: &str, reach: Reach, pieces: &mut BTreeSet<Piece>) {
    if pieces.len() >= MAX_PIECES {
        return;
    }
    let end = (0..=MAX_PIECE_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let piece = match text.get(..end) {
        Some(start) if start.len() < text.len() => (start, reach.max(Reach::Token)),
        _ => (text, reach),
    };
    pieces.insert(Piece { text: piece.0.into(), reach: piece.1 });
}

/// Returns a text as it is, as JSON writes it, percent-encoded in the usual variants, and in base64.
pub(super) fn forms(piece: &Piece) -> Vec<(String, Reach)> {
    let text = &*piece.text;
    let json = json_form(text);
    let percent = |plain: &[u8], space: &str| {
        let write = |byte: u8| match byte {
            b' ' => space.to_owned(),
            byte if byte.is_ascii_alphanumeric() || plain.contains(&byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        text.bytes().map(write).collect::<String>()
    };
    let url = percent(b"-._~", "%20");
    let mut plain = vec![
        text.to_owned(),
        // JSON in JSON, as in an annotation that is printed as JSON.
        json_form(&json),
        // As Go writes JSON.
        json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"),
        json,
        percent(b"", "%20"),
        percent(b"-._~!*'()", "%20"),
        percent(b"-._*", "+"),
        // The login of a URL may hold these as they are.
        percent(b"-._~!$&'()*+,;=", "%20"),
        lower_hex(&url),
        url,
    ];
    plain.sort_unstable();
    plain.dedup();
    let encoded = base64_forms(text.as_bytes()).into_iter().map(|form| (form, Reach::Base64));
    plain.into_iter().map(|form| (form, piece.reach)).chain(encoded).collect()
}

fn json_form(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// Writes the digits behind each `%` in lower case.
fn lower_hex(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        out.push('%');
        out.push_str(&digits.to_ascii_lowercase());
        out.push_str(rest);
    }
    out
}

/// Returns what bytes become in base64, at each of the three places where they may begin within a larger text.
fn base64_forms(bytes: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for shift in 0..3_usize {
        let shifted: Vec<u8> = std::iter::repeat_n(0, shift).chain(bytes.iter().copied()).collect();
        // Characters that also stand for bytes before or after are not known.
        let known = (shift * 8).div_ceil(6)..shifted.len() * 8 / 6;
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            forms.extend(encoded.get(known.clone()).map(str::to_owned));
        }
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}
