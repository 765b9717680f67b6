//! Secrets inside of texts, recognised by their shape: a manifest in JSON or YAML, also packed by gzip or base64.
//!
//! kapp, Rancher, Fleet, k3s, Helm and Argo CD keep copies of objects in annotations, ConfigMaps and resources of their own.
//! Their names and number grow; the shape of a Secret does not.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::GzDecoder;

use crate::object::{Doc, Kind, Node};

/// As the API server decodes: bits left over do not matter.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Shortest text that can be a packed Secret.
const MIN_PACKED_BYTES: usize = 32;

/// Most wrappings, such as gzip in base64 in JSON in base64.
const MAX_WRAPPINGS: usize = 6;

/// Most bytes that are unpacked of one text, at all levels together.
const MAX_UNPACKED_BYTES: usize = 32 << 20;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Decodes base64 as the API server does, line breaks left out; `None` for what is no base64.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let packed: Cow<'_, str> =
        if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], "").into() } else { text.into() };
    BASE64.decode(packed.as_bytes()).ok()
}

/// Returns `true` if a text is, or contains in any wrapping, the manifest of a Secret.
pub(super) fn holds_secret(text: &str) -> bool {
    let mut budget = MAX_UNPACKED_BYTES;
    is_manifest(text) || packed_holds_secret(text, 0, &mut budget)
}

/// Returns `true` if none of the texts of a document can be a manifest of a Secret: most documents do not even have the word.
pub(super) fn is_far_from_secrets(all_text: &str) -> bool {
    !(all_text.contains("ecret") || all_text.contains("ECRET"))
}

/// Returns `true` if a text is packed and contains a Secret, or too much to be sure that it does not.
pub(super) fn is_packed_secret(text: &str) -> bool {
    packed_holds_secret(text, 0, &mut { MAX_UNPACKED_BYTES })
}

fn packed_holds_secret(text: &str, wrappings: usize, budget: &mut usize) -> bool {
    let Some(bytes) = unpacked(text) else { return false };
    bytes_hold_secret(&bytes, wrappings + 1, budget)
}

fn bytes_hold_secret(bytes: &[u8], wrappings: usize, budget: &mut usize) -> bool {
    if wrappings > MAX_WRAPPINGS || bytes.len() > *budget {
        return true;
    }
    *budget -= bytes.len();
    if bytes.starts_with(&GZIP_MAGIC) {
        let mut inner = Vec::new();
        // What is cut off is looked at as far as it goes.
        let _ = GzDecoder::new(bytes).take(*budget as u64 + 1).read_to_end(&mut inner);
        return bytes_hold_secret(&inner, wrappings + 1, budget);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let text = text.trim();
    if is_manifest(text) || packed_holds_secret(text, wrappings, budget) {
        return true;
    }
    let doc = text.starts_with(['{', '[']).then(|| Doc::from_json(text.as_bytes()).ok()).flatten();
    doc.is_some_and(|doc| doc.texts().any(|(_, text)| packed_holds_secret(text, wrappings, budget)))
}

/// Decodes a text that is nothing but base64 and long enough to be an object.
fn unpacked(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || b"+/-_=\n\r".contains(b);
    if text.len() < MIN_PACKED_BYTES
        || !begins_packed(text.as_bytes())
        || !text.as_bytes().iter().all(is_base64)
    {
        return None;
    }
    decoded(text).or_else(|| BASE64_URL.decode(text).ok())
}

/// Returns `true` if the first characters decode to the beginning of a text or of gzip: names and uids are base64 too, and do not.
fn begins_packed(text: &[u8]) -> bool {
    let Some(start) = text.first_chunk::<16>() else { return false };
    let start = start.map(|b| match b {
        b'-' => b'+',
        b'_' => b'/',
        b => b,
    });
    let mut bytes = [0; 12];
    let is_text = |b: &u8| b.is_ascii_graphic() || b.is_ascii_whitespace() || *b >= 0x80;
    BASE64.decode_slice(start, &mut bytes).is_ok()
        && (bytes.starts_with(&GZIP_MAGIC)
            || bytes.iter().all(is_text) && std::str::from_utf8(&bytes[..9]).is_ok())
}

/// Returns `true` if a text contains the manifest of a Secret, in YAML or JSON, escaped or not.
pub(super) fn is_manifest(text: &str) -> bool {
    has_values(text) && names_secret(text)
}

/// Returns `true` if one of the fields is there that hold values.
fn has_values(text: &str) -> bool {
    ["data", "Data", "items"].iter().any(|name| text.contains(name))
}

/// Returns `true` if a text says `kind: Secret` somewhere, as YAML or JSON, in any case, escaped or not.
pub(super) fn names_secret(text: &str) -> bool {
    if !(text.contains("ecret") || text.contains("ECRET")) {
        return false;
    }
    let bytes = text.as_bytes();
    let is_at = |at: usize| bytes.get(at..at + 4).is_some_and(|word| word.eq_ignore_ascii_case(b"kind"));
    (0..bytes.len()).filter(|at| matches!(bytes[*at], b'k' | b'K') && is_at(*at)).any(|at| {
        // Behind the escape of a line break, or as a word of its own.
        let before = bytes[..at].last().copied().unwrap_or(b' ');
        let escaped = matches!(before, b'n' | b't' | b'r') && at >= 2 && bytes[at - 2] == b'\\';
        (escaped || !is_word(before)) && value_is_secret(&bytes[at + 4..])
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/')
}

/// Returns `true` for what follows the word `kind`: `: Secret`, `":"Secret"`, `\": \"SecretList\"`, `: !!str Secret`.
fn value_is_secret(rest: &[u8]) -> bool {
    let quote = |b: &u8| matches!(b, b'"' | b'\'' | b'\\' | b' ' | b'\t');
    let after_quote = rest.iter().take_while(|b| quote(b)).count();
    let Some(rest) = rest[after_quote..].strip_prefix(b":") else { return false };
    let space = |b: &u8| quote(b) || matches!(b, b'\n' | b'\r' | b'|' | b'>');
    let mut rest = &rest[rest.iter().take_while(|b| space(b)).count()..];
    // A tag or an anchor.
    while let [b'!' | b'&', ..] = rest {
        let word = rest.iter().take_while(|b| !b.is_ascii_whitespace()).count();
        let after = &rest[word..];
        rest = &after[after.iter().take_while(|b| space(b)).count()..];
    }
    let Some((word, mut after)) = rest.split_at_checked(6) else { return false };
    if !word.eq_ignore_ascii_case(b"secret") {
        return false;
    }
    if after.get(..4).is_some_and(|w| w.eq_ignore_ascii_case(b"list")) {
        after = &after[4..];
    }
    !after.first().is_some_and(|b| is_word(*b))
}

/// Returns the parts of a text that are YAML documents about Secrets; the text as a whole where it has no several documents.
pub(super) fn secret_documents(text: &str) -> Vec<Range<usize>> {
    let mut documents = Vec::from([Range { start: 0, end: 0 }]);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        let is_separator = line.starts_with("---") && line[3..].trim_start().len() < line[3..].len().max(1);
        let last = documents.last_mut().expect("it begins with one");
        match is_separator {
            true => documents.push(at + 3..end),
            false => last.end = end,
        }
        at = end;
    }
    documents.retain(|document| is_manifest(&text[document.clone()]));
    let trimmed = |document: Range<usize>| {
        let inner = &text[document.clone()];
        let start = document.start + inner.len() - inner.trim_start().len();
        start..start + inner.trim().len()
    };
    documents.into_iter().map(trimmed).collect()
}

/// Returns `true` if a field of this name holds a password or the like, as charts name them.
///
/// The name of a Secret (`existingSecret`, `secretName`) or of a key in it (`passwordKey`) is none.
pub fn is_credential_name(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "pw",
        "pass",
        "token",
        "apikey",
        "secretkey",
        "privatekey",
        "clientsecret",
        "sharedsecret",
        "webhooksecret",
        "secretaccesskey",
        "accesskey",
        "credentials",
        "credential",
    ];
    /// Too short to be the end of any other word.
    const WHOLE: &[&str] = &["pw", "pass", "pwd"];
    let last = name.rsplit(['.', '/']).next().unwrap_or(name);
    let plain: String =
        last.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let is_named =
        |known: &&str| if WHOLE.contains(known) { plain == **known } else { plain.ends_with(*known) };
    NAMES.iter().any(is_named) && !plain.starts_with("existing")
}

/// Returns the values of `password: …` and the like in a text of YAML or JSON lines.
pub(super) fn credentials_in(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some((name, value)) = line.split_once(':') {
            let name = name.trim().trim_start_matches(['-', ' ', '{']).trim_matches(['"', '\'']);
            let start = at + line.len() - value.trim_start().len();
            let end = start + value.trim().trim_end_matches([',', '}']).len();
            if is_credential_name(name) && is_given(&text[start..end]) {
                found.push(start..end);
            }
        }
        at += line.len();
    }
    found
}

/// Returns the passwords of URLs in a text: of `https://user:password@host`, and `token` of `https://token@host` if it is random.
pub(super) fn logins_in(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let is_end = |c: char| c.is_whitespace() || "/?#\"'`<>\\,|".contains(c);
        let end = text[start..].find(is_end).map_or(text.len(), |length| start + length);
        let Some(host) = text[start..end].rfind('@') else { continue };
        let (login, end) = (&text[start..start + host], start + host);
        match login.split_once(':') {
            Some((user, password)) if is_given(password) && !is_masked(password) => {
                found.push(start + user.len() + 1..end);
            }
            None if super::randomness::is_random(login) => found.push(start..end),
            _ => {}
        }
    }
    found
}

/// Returns `true` for what stands for a password: `xxxxx`, `***`, `<redacted>`, `$PASSWORD`, `%s`.
fn is_masked(password: &str) -> bool {
    let is_enclosed = |open: &str, close: char| password.starts_with(open) && password.ends_with(close);
    let is_variable = |name: &str| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    password.bytes().all(|b| matches!(b, b'x' | b'X' | b'*'))
        || [("$(", ')'), ("${", '}'), ("<", '>'), ("{", '}')]
            .iter()
            .any(|(open, close)| is_enclosed(open, *close))
        || password.strip_prefix('$').is_some_and(is_variable)
        || matches!(password, "%s" | "%v" | "%q")
        || super::is_redacted(password)
}

/// Returns `true` if a value is neither empty, nor a switch, nor a reference or template that is filled in elsewhere.
pub(super) fn is_given(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'']);
    !matches!(value, "" | "true" | "false" | "null" | "~" | "|" | ">" | "{}" | "[]" | "|-" | ">-")
        && !value.starts_with("{{")
        && !value.starts_with("${")
        && !value.starts_with('&')
        && !value.starts_with('*')
        && !value.contains("{{")
}

/// Returns `true` if a value is given by a map or a list of its own.
pub(super) fn is_scalar(node: Node<'_>) -> bool {
    matches!(node.kind(), Kind::Str | Kind::Int | Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use std::io::Write;

    #[test]
    fn manifests_of_secrets_are_recognised_and_references_are_not() {
        for text in [
            "apiVersion: v1\nkind: Secret\ndata: {a: b}",
            "kind:   \"Secret\"   # x\nstringData:\n  a: b",
            "- kind: secret\n  data: {}",
            "{apiVersion: v1, kind: Secret, data: {a: b}}",
            r#"{"kind":"Secret","data":{}}"#,
            r#"{\"kind\": \"SecretList\", \"items\": []}"#,
            r"---\nkind: Secret\ndata:\n",
            "kind: !!str Secret\ndata: {}",
            "kind: &k Secret\ndata: {}",
            "kind:\n  Secret\ndata: {}",
            "Kind: SECRET\nData: {}",
        ] {
            assert!(is_manifest(text), "{text}");
        }
        for text in [
            "kind: ConfigMap\ndata: {secret: x}",
            "valuesFrom:\n- kind: Secret\n  name: values",
            "kind: ExternalSecret\ndata: []",
            "kind: SecretStore\ndata: {}",
            "mankind: Secret\ndata: {}",
            "kind: Secrets\ndata: {}",
            "the kind of Secret and its data",
        ] {
            assert!(!is_manifest(text), "{text}");
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn packed_secrets_are_found_in_any_wrapping() {
        let manifest = "apiVersion: v1\nkind: Secret\nstringData: {a: hunter22}\n";
        let packed = STANDARD.encode(gzip(manifest.as_bytes()));
        let resources = format!(r#"{{"resources":[{{"content":"{packed}"}}]}}"#);
        for text in [
            STANDARD.encode(manifest),
            packed.clone(),
            STANDARD.encode(&packed),
            STANDARD.encode(gzip(STANDARD.encode(gzip(manifest.as_bytes())).as_bytes())),
            STANDARD.encode(gzip(resources.as_bytes())),
        ] {
            assert!(holds_secret(&text) && is_packed_secret(&text), "{text}");
        }
        let other = "apiVersion: v1\nkind: ConfigMap\ndata: {a: hunter22, long: enough-to-be-packed}\n";
        for text in [STANDARD.encode(other), STANDARD.encode(gzip(other.as_bytes())), other.to_owned()] {
            assert!(!holds_secret(&text), "{text}");
        }
        let mut deep = manifest.to_owned();
        for _ in 0..12 {
            deep = STANDARD.encode(gzip(deep.as_bytes()));
        }
        assert!(holds_secret(&deep), "too deep to be sure is secret");
        let bomb = STANDARD.encode(gzip(&vec![b' '; 64 << 20]));
        assert!(holds_secret(&bomb), "too large to be sure is secret");
    }

    #[test]
    fn documents_about_secrets_are_cut_out_of_their_neighbours() {
        let text = "kind: ConfigMap\n---\nkind: Secret\ndata: {a: b}\n--- # next\nkind: Pod\n";
        let found: Vec<_> = secret_documents(text).into_iter().map(|r| &text[r]).collect();
        assert_eq!(found, ["kind: Secret\ndata: {a: b}"]);
        assert_eq!(secret_documents("kind: Secret\ndata: {}"), [Range { start: 0, end: 21 }]);
    }

    #[test]
    fn passwords_of_urls_are_found() {
        let check = |text: &str, expect: &[&str]| {
            let found: Vec<_> = logins_in(text).into_iter().map(|r| &text[r]).collect();
            assert_eq!(found, expect, "{text}");
        };
        check("watching https://user:pw@host:6443/x, and http://a:b@c", &["pw", "b"]);
        check("postgres://app:p@ss@db/x?u=a@b", &["p@ss"]);
        check("https://k3J9x2pQ7w@git.example/x ssh://git@git.example", &["k3J9x2pQ7w"]);
        check("https://u:xxxxx@h https://u:$(PW)@h https://u:{{ .x }}@h https://u:%s@h https://u:***@h", &[]);
        check("https://h/x@y https://h:80 mailto:a@b ://", &[]);
    }

    #[test]
    fn names_of_credentials_are_known_and_names_of_secrets_are_none() {
        for name in [
            "password",
            "auth.postgresPassword",
            "API_KEY",
            "api-key",
            "token",
            "clientSecret",
            "pw",
            "rootPassword",
        ] {
            assert!(is_credential_name(name), "{name}");
        }
        for name in [
            "existingSecret",
            "secretName",
            "passwordKey",
            "existingSecretPasswordKey",
            "tokenPath",
            "monkey",
            "compass",
            "secret",
        ] {
            assert!(!is_credential_name(name), "{name}");
        }
        let text =
            "auth:\n  password: hunter22\n  \"token\": \"abc\", \n  enabled: true\n  apiKey: {{ .x }}\n";
        let found: Vec<_> = credentials_in(text).into_iter().map(|r| &text[r]).collect();
        assert_eq!(found, ["hunter22", "\"abc\""]);
    }
}
