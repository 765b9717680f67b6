//! JSON text with positions: read as JSON, because YAML refuses some of its escapes.

use std::borrow::Cow;

use drift_core::{DecodeError, Doc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::positions::PathHash;
use super::{Document, ErrorKind, MAX_DEPTH, Position, Positions, YamlError};

/// The fields by which a list of objects is known.
#[derive(Deserialize)]
struct RawList<'a> {
    #[serde(rename = "apiVersion", borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

/// Reads a stream of JSON objects, lists expanded, up to the first that cannot be read.
pub(super) fn read_documents(
    text: &str,
    line: u32,
    out: &mut Vec<Result<Document, YamlError>>,
) -> Result<(), YamlError> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut scanner = Scanner::new(text, line);
    while let Some(value) = values.next() {
        let raw = value.map_err(|e| syntax_error(line, 1, &e))?;
        // What precedes the value was scanned already, so this goes over the text once.
        scanner.go_to(values.byte_offset() - raw.get().len());
        expand_list(raw.get(), None, &mut scanner, out, 0);
    }
    Ok(())
}

fn syntax_error(line: u32, column: u32, error: &serde_json::Error) -> YamlError {
    let first = error.line() <= 1;
    // A text that ends behind a line feed ends in column 0.
    let within = error.column().max(1) as u32;
    YamlError {
        line: line + error.line().saturating_sub(1) as u32,
        column: within + if first { column - 1 } else { 0 },
        kind: ErrorKind::Syntax(error_message(error)),
    }
}

/// serde_json names line and column within what it was given; ours are those of the file.
pub(crate) fn error_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(text, _)| text.to_owned())
}

fn expand_list(
    raw: &str,
    given: Option<(&str, &str)>,
    scanner: &mut Scanner<'_>,
    out: &mut Vec<Result<Document, YamlError>>,
    depth: usize,
) {
    let head = raw.contains("\"items\"").then(|| serde_json::from_str::<RawList<'_>>(raw).ok()).flatten();
    let Some(head) = head.filter(|h| h.kind.ends_with("List") && depth < MAX_DEPTH) else {
        return out.push(read_document(raw, given, scanner));
    };
    let kind = head.kind.strip_suffix("List").unwrap_or_default();
    let given = (!kind.is_empty()).then_some((&*head.api_version, kind));
    let start = scanner.at;
    for item in head.items {
        let offset = item.get().as_ptr() as usize - raw.as_ptr() as usize;
        scanner.go_to(start + offset);
        expand_list(item.get(), given, scanner, out, depth + 1);
    }
}

fn read_document(
    raw: &str,
    given: Option<(&str, &str)>,
    scanner: &mut Scanner<'_>,
) -> Result<Document, YamlError> {
    let position = scanner.position();
    let doc = with_given(raw, given).map_err(|e| match &e {
        DecodeError::Json(e) => syntax_error(position.line, position.column, e),
        e => YamlError::at(position, ErrorKind::Syntax(e.to_string())),
    })?;
    let mut places = Vec::new();
    scanner.scan_value(PathHash::ROOT, position, &mut places);
    Ok(Document { doc, positions: Positions::new(places), position, repeated_keys: Vec::new() })
}

/// Decodes one item of a list whose `apiVersion` and `kind` only the list names; its own fields win.
pub(crate) fn with_given(raw: &str, given: Option<(&str, &str)>) -> Result<Doc, DecodeError> {
    let Some((api_version, kind)) = given else {
        return Doc::from_json(raw.as_bytes());
    };
    let Some(rest) = raw.strip_prefix('{') else {
        return Doc::from_json(raw.as_bytes());
    };
    let (api_version, kind) = (serde_json::Value::from(api_version), serde_json::Value::from(kind));
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    Doc::from_json(format!(r#"{{"apiVersion":{api_version},"kind":{kind}{comma}{rest}"#).as_bytes())
}

/// Walks over JSON text that is known to be valid and notes where its values stand.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    column: u32,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, line: u32) -> Self {
        Self { text, at: 0, line, column: 1 }
    }

    fn position(&self) -> Position {
        Position { line: self.line, column: self.column }
    }

    fn current_byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn advance(&mut self) {
        match self.current_byte() {
            Some(b'\n') => (self.line, self.column) = (self.line + 1, 1),
            // A byte that goes on with a character takes no column of its own.
            Some(b) if b & 0xc0 != 0x80 => self.column += 1,
            _ => {}
        }
        self.at += 1;
    }

    fn go_to(&mut self, at: usize) {
        while self.at < at {
            self.advance();
        }
    }

    fn skip_white(&mut self) {
        while self.current_byte().is_some_and(|b| b.is_ascii_whitespace() || matches!(b, b',' | b':')) {
            self.advance();
        }
    }

    fn scan_value(&mut self, path: PathHash, shown: Position, places: &mut Vec<(PathHash, Position)>) {
        places.push((path, shown));
        match self.current_byte() {
            Some(b'{') => {
                self.advance();
                self.skip_white();
                while self.current_byte() == Some(b'"') {
                    let key_position = self.position();
                    let key = self.scan_string();
                    self.skip_white();
                    let nested = matches!(self.current_byte(), Some(b'{' | b'['));
                    let shown = if nested { key_position } else { self.position() };
                    self.scan_value(path.with_field(&key), shown, places);
                    self.skip_white();
                }
                self.advance();
            }
            Some(b'[') => {
                self.advance();
                self.skip_white();
                let mut index = 0;
                while self.current_byte().is_some_and(|b| b != b']') {
                    self.scan_value(path.with_index(index), self.position(), places);
                    self.skip_white();
                    index += 1;
                }
                self.advance();
            }
            Some(b'"') => {
                self.scan_string();
            }
            _ => {
                while self
                    .current_byte()
                    .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
                {
                    self.advance();
                }
            }
        }
    }

    fn scan_string(&mut self) -> Cow<'a, str> {
        let start = self.at;
        self.advance();
        while let Some(byte) = self.current_byte() {
            match byte {
                b'"' => break,
                b'\\' => self.advance(),
                _ => {}
            }
            self.advance();
        }
        self.advance();
        let quoted = &self.text[start..self.at.min(self.text.len())];
        match serde_json::from_str::<&str>(quoted) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(serde_json::from_str(quoted).unwrap_or_default()),
        }
    }
}
