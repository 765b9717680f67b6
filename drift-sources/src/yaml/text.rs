//! From the bytes of a file to the texts of its documents.

use std::borrow::Cow;

use super::{ErrorKind, YamlError};

/// The text of one document and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) bytes: &'a [u8],
    /// Line of the file that the part begins at, from 1.
    pub(super) line: u32,
}

/// Turns UTF-16 with a byte order mark into UTF-8 and drops the mark, as go-yaml does.
pub(super) fn decode_text(bytes: &[u8]) -> Result<Cow<'_, [u8]>, YamlError> {
    let (little, rest) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => return Ok(Cow::Borrowed(rest)),
        [0xff, 0xfe, rest @ ..] => (true, rest),
        [0xfe, 0xff, rest @ ..] => (false, rest),
        _ => return Ok(Cow::Borrowed(bytes)),
    };
    let wide = |pair| if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) };
    let wrong = YamlError { line: 1, column: 1, kind: ErrorKind::Encoding("UTF-16") };
    let units = rest.chunks_exact(2).map(|pair| wide([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units).collect::<Result<_, _>>().map_err(|_| wrong.clone())?;
    if rest.len() % 2 == 1 {
        return Err(wrong);
    }
    Ok(Cow::Owned(text.into_bytes()))
}

/// Splits a file at the lines that begin a document (`---`).
///
/// kubectl splits before it parses, too: a document that cannot be read takes no other with it. Within YAML such a
/// line can be nothing else: not even a quoted scalar may hold it.
pub(super) fn split_documents(bytes: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut start_line, mut at, mut line) = (0, 1, 0, 1);
    let mut content = SeenContent::Nothing;
    while at < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i + 1);
        let text = &bytes[at..end];
        // Directives (`%YAML 1.2`) stand before the line that begins their document.
        if is_separator(text) && content != SeenContent::Directives {
            if content == SeenContent::Document {
                parts.push(Part { bytes: &bytes[start..at], line: start_line });
            }
            (start, start_line) = (at, line);
            content = SeenContent::Document;
        } else if is_separator(text) || content != SeenContent::Document {
            content = content.after_line(text);
        }
        line += 1;
        at = end;
    }
    if content != SeenContent::Nothing {
        parts.push(Part { bytes: &bytes[start..], line: start_line });
    }
    parts
}

/// What was seen since the last document ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SeenContent {
    /// Blank lines and comments.
    Nothing,
    Directives,
    Document,
}

impl SeenContent {
    fn after_line(self, line: &[u8]) -> Self {
        match line.trim_ascii().first() {
            None | Some(b'#') => self,
            Some(b'%') if line[0] == b'%' => Self::Directives,
            Some(_) => Self::Document,
        }
    }
}

/// Moves the lines of a quoted scalar, from `line` (from 1) to the next one with a quote, deeper than any other.
///
/// go-yaml takes such a scalar however its lines are indented, YAML 1.2 does not. Blanks at the beginning of its lines
/// are no part of its value, so that nothing but the columns changes. The result is at most `limit` bytes longer.
pub(super) fn indent_quoted(text: &str, line: usize, limit: usize) -> String {
    let blanks = |l: &str| l.len() - l.trim_start_matches(' ').len();
    let depth = text.lines().map(blanks).max().unwrap_or(0) + 1;
    let mut out = String::with_capacity(text.len());
    let (mut inside, mut left) = (false, limit);
    for (n, l) in text.split_inclusive('\n').enumerate() {
        inside |= n + 1 == line;
        if inside && left >= depth {
            left -= depth;
            out.extend(std::iter::repeat_n(' ', depth));
            inside = !l.contains(['\'', '"']);
        }
        out.push_str(l);
    }
    out
}

fn is_separator(line: &[u8]) -> bool {
    line.strip_prefix(b"---")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'\t' | b'\r' | b'\n')))
}

impl<'a> Part<'a> {
    pub(super) fn text(self) -> Result<&'a str, YamlError> {
        std::str::from_utf8(self.bytes)
            .map_err(|e| self.error_at(e.valid_up_to(), ErrorKind::Encoding("UTF-8")))
    }

    /// Refuses characters that YAML does not allow; JSON allows some of them.
    pub(super) fn check_characters(self, text: &str) -> Result<(), YamlError> {
        if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n')) {
            return Ok(());
        }
        match text.char_indices().find(|(_, c)| is_forbidden(*c)) {
            None => Ok(()),
            Some((at, c)) => Err(self.error_at(at, ErrorKind::Character(c as u32))),
        }
    }

    /// Makes an error at a byte before which everything is UTF-8.
    fn error_at(self, at: usize, kind: ErrorKind) -> YamlError {
        let before = String::from_utf8_lossy(&self.bytes[..at]);
        let lines = before.bytes().filter(|b| *b == b'\n').count();
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count());
        YamlError { line: self.line + lines as u32, column: column as u32 + 1, kind }
    }
}

/// Control characters and non-characters, as go-yaml's reader refuses them.
fn is_forbidden(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(&str, u32)]) {
        let parts: Vec<(&str, u32)> = split_documents(text.as_bytes())
            .iter()
            .map(|p| (std::str::from_utf8(p.bytes).unwrap(), p.line))
            .collect();
        assert_eq!(parts, expect, "{text:?}");
    }

    #[test]
    fn a_file_is_split_where_documents_begin() {
        check("a: 1\n---\nb: 2\n", &[("a: 1\n", 1), ("---\nb: 2\n", 2)]);
        check("# only\n---\r\n# comments\n", &[("---\r\n# comments\n", 2)]);
        check("---\n---\na", &[("---\n", 1), ("---\na", 2)]);
        check("a: |\n  ---\n ---\n---x\n", &[("a: |\n  ---\n ---\n---x\n", 1)]);
        check("%YAML 1.2\n---\na: 1\n--- # b\nb: 1", &[("%YAML 1.2\n---\na: 1\n", 1), ("--- # b\nb: 1", 4)]);
        check("", &[]);
    }

    #[test]
    fn utf_16_is_read_and_half_a_character_is_not() {
        let wide = |text: &str| -> Vec<u8> {
            [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
        };
        assert_eq!(&*decode_text(&wide("a: ü😀")).unwrap(), "a: ü😀".as_bytes());
        let mut broken = wide("a: 1");
        broken.pop();
        assert_eq!(decode_text(&broken).unwrap_err().kind, ErrorKind::Encoding("UTF-16"));
        assert_eq!(&*decode_text(b"\xef\xbb\xbfa").unwrap(), b"a");
    }

    #[test]
    fn a_wrong_byte_is_named_by_line_and_column() {
        let part = Part { bytes: "a: 1\nü: \0".as_bytes(), line: 7 };
        let error = part.check_characters(part.text().unwrap()).unwrap_err();
        assert_eq!(error, YamlError { line: 8, column: 4, kind: ErrorKind::Character(0) });
        let part = Part { bytes: b"a: 1\n\xc3\xbc: \xff", line: 7 };
        assert_eq!(
            part.text().unwrap_err(),
            YamlError { line: 8, column: 4, kind: ErrorKind::Encoding("UTF-8") }
        );
    }
}
