//! JSON text with positions: read as JSON, because YAML refuses some of its escapes.

use std::borrow::Cow;

use drift_core::{DecodeError, Doc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::positions::PathHash;
use super::{Document, ErrorKind, MAX_DEPTH, Position, Positions, YamlError};

/// The fields by which a list of objects is known.
#[derive(Deserialize)]
struct ListHead<'a> {
    #[serde(rename = "apiVersion", borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

/// Reads a stream of JSON objects, lists expanded, up to the first that cannot be read.
pub(super) fn documents(
    text: &str,
    line: u32,
    out: &mut Vec<Result<Document, YamlError>>,
) -> Result<(), YamlError> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut scanner = Scanner::new(text, line);
    while let Some(value) = values.next() {
        let raw = value.map_err(|e| syntax(line, 1, &e))?;
        // What precedes the value was scanned already, so this goes over the text once.
        scanner.go_to(values.byte_offset() - raw.get().len());
        expand(raw.get(), None, &mut scanner, out, 0);
    }
    Ok(())
}

fn syntax(line: u32, column: u32, error: &serde_json::Error) -> YamlError {
    let first = error.line() <= 1;
    YamlError {
        line: line + error.line().saturating_sub(1) as u32,
        column: error.column() as u32 + if first { column - 1 } else { 0 },
        kind: ErrorKind::Syntax(message(error)),
    }
}

/// serde_json names line and column within what it was given; ours are those of the file.
pub(crate) fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(text, _)| text.to_owned())
}

fn expand(
    raw: &str,
    given: Option<(&str, &str)>,
    scanner: &mut Scanner<'_>,
    out: &mut Vec<Result<Document, YamlError>>,
    depth: usize,
) {
    let head = raw.contains("\"items\"").then(|| serde_json::from_str::<ListHead<'_>>(raw).ok()).flatten();
    let Some(head) = head.filter(|h| h.kind.ends_with("List") && depth < MAX_DEPTH) else {
        return out.push(document(raw, given, scanner));
    };
    let kind = head.kind.strip_suffix("List").unwrap_or_default();
    let given = (!kind.is_empty()).then_some((&*head.api_version, kind));
    let start = scanner.at;
    for item in head.items {
        let offset = item.get().as_ptr() as usize - raw.as_ptr() as usize;
        scanner.go_to(start + offset);
        expand(item.get(), given, scanner, out, depth + 1);
    }
}

fn document(
    raw: &str,
    given: Option<(&str, &str)>,
    scanner: &mut Scanner<'_>,
) -> Result<Document, YamlError> {
    let position = scanner.position();
    let doc = with_given(raw, given).map_err(|e| match &e {
        DecodeError::Json(e) => syntax(position.line, position.column, e),
        e => YamlError::at(position, ErrorKind::Syntax(e.to_string())),
    })?;
    let mut places = Vec::new();
    scanner.value(PathHash::ROOT, position, &mut places);
    Ok(Document { doc, positions: Positions::new(places), position })
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

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        match self.byte() {
            Some(b'\n') => (self.line, self.column) = (self.line + 1, 1),
            // A byte that goes on with a character takes no column of its own.
            Some(b) if b & 0xc0 != 0x80 => self.column += 1,
            _ => {}
        }
        self.at += 1;
    }

    fn go_to(&mut self, at: usize) {
        while self.at < at {
            self.step();
        }
    }

    fn white(&mut self) {
        while self.byte().is_some_and(|b| b.is_ascii_whitespace() || matches!(b, b',' | b':')) {
            self.step();
        }
    }

    fn value(&mut self, path: PathHash, shown: Position, places: &mut Vec<(PathHash, Position)>) {
        places.push((path, shown));
        match self.byte() {
            Some(b'{') => {
                self.step();
                self.white();
                while self.byte() == Some(b'"') {
                    let key_position = self.position();
                    let key = self.string();
                    self.white();
                    let nested = matches!(self.byte(), Some(b'{' | b'['));
                    let shown = if nested { key_position } else { self.position() };
                    self.value(path.field(&key), shown, places);
                    self.white();
                }
                self.step();
            }
            Some(b'[') => {
                self.step();
                self.white();
                let mut index = 0;
                while self.byte().is_some_and(|b| b != b']') {
                    self.value(path.index(index), self.position(), places);
                    self.white();
                    index += 1;
                }
                self.step();
            }
            Some(b'"') => {
                self.string();
            }
            _ => {
                while self
                    .byte()
                    .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
                {
                    self.step();
                }
            }
        }
    }

    fn string(&mut self) -> Cow<'a, str> {
        let start = self.at;
        self.step();
        while let Some(byte) = self.byte() {
            match byte {
                b'"' => break,
                b'\\' => self.step(),
                _ => {}
            }
            self.step();
        }
        self.step();
        let quoted = &self.text[start..self.at.min(self.text.len())];
        match serde_json::from_str::<&str>(quoted) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(serde_json::from_str(quoted).unwrap_or_default()),
        }
    }
}
