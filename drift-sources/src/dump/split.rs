//! Cuts a stream of JSON into values without holding more than one of them.
//!
//! It follows only strings and brackets; the decoder of a value checks whether it is valid JSON.

use std::io::BufRead;

use crate::input::{Cut, Input};

/// Why a stream cannot be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SplitError {
    Cut(Cut),
    /// The text ends within a value.
    Unfinished,
    /// One value is larger than the limit.
    TooLarge(usize),
    /// Something else was expected here.
    Expected(&'static str),
}

/// A place in the decompressed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextPlace {
    pub(super) byte: u64,
    pub(super) line: u64,
    pub(super) column: u64,
}

/// A cursor over a stream of JSON.
pub(super) struct Splitter {
    input: Input,
    buffer: Vec<u8>,
    /// Next byte in `buffer`.
    at: usize,
    /// Where in `buffer` the value begins that is being read; what lies before may go.
    keep: usize,
    place: TextPlace,
    max_value: usize,
}

impl Splitter {
    pub(super) fn new(input: Input, max_value: usize) -> Self {
        let place = TextPlace { byte: 0, line: 1, column: 1 };
        Self { input, buffer: Vec::new(), at: 0, keep: 0, place, max_value }
    }

    pub(super) fn text_place(&self) -> TextPlace {
        self.place
    }

    /// Gives the input back, with what was read of it but not yet taken.
    pub(super) fn into_rest(self) -> (Vec<u8>, Input) {
        (self.buffer[self.at..].to_vec(), self.input)
    }

    /// Reads more; returns `false` at the end of the input.
    fn fill_buffer(&mut self) -> Result<bool, SplitError> {
        if self.keep > 0 {
            self.buffer.drain(..self.keep);
            self.at -= self.keep;
            self.keep = 0;
        }
        if self.buffer.len() > self.max_value {
            return Err(SplitError::TooLarge(self.max_value));
        }
        loop {
            match self.input.fill_buf() {
                Ok(more) => {
                    let count = more.len();
                    self.buffer.extend_from_slice(more);
                    self.input.consume(count);
                    return Ok(count > 0);
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(SplitError::Cut(Cut::from_error(&e))),
            }
        }
    }

    /// Returns the next byte that is no white space, without taking it; `None` at the end.
    pub(super) fn peek_byte(&mut self) -> Result<Option<u8>, SplitError> {
        loop {
            let white = self.buffer[self.at..].iter().take_while(|b| b.is_ascii_whitespace()).count();
            self.advance_by(white);
            if let Some(byte) = self.buffer.get(self.at) {
                return Ok(Some(*byte));
            }
            self.keep = self.at;
            if !self.fill_buffer()? {
                return Ok(None);
            }
        }
    }

    /// Takes the byte that [`Splitter::peek_byte`] showed.
    pub(super) fn take(&mut self) {
        self.advance_by(1);
    }

    /// Skips a byte order mark at the start.
    pub(super) fn skip_mark(&mut self) -> Result<(), SplitError> {
        while self.buffer.len() < 3 && self.fill_buffer()? {}
        if self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
            self.place.byte = 3;
        }
        Ok(())
    }

    /// Takes one whole value, white space before it left out.
    pub(super) fn take_value(&mut self) -> Result<&[u8], SplitError> {
        self.peek_byte()?.ok_or(SplitError::Unfinished)?;
        self.keep = self.at;
        let mut end = self.at;
        let mut state = ValueScan::default();
        loop {
            match state.scan(&self.buffer[end..]) {
                Some(count) => {
                    end += count;
                    break;
                }
                None => end = self.buffer.len(),
            }
            // What lies before the value leaves the buffer.
            end -= self.keep;
            if !self.fill_buffer()? {
                if state.is_whole() {
                    break;
                }
                return Err(SplitError::Unfinished);
            }
        }
        if end == self.at {
            return Err(SplitError::Expected("a value"));
        }
        let start = self.at;
        self.advance_by(end - start);
        Ok(&self.buffer[start..end])
    }

    fn advance_by(&mut self, count: usize) {
        let passed = &self.buffer[self.at..self.at + count];
        self.place.byte += count as u64;
        match memchr::memrchr(b'\n', passed) {
            None => self.place.column += count as u64,
            Some(last) => {
                self.place.line += memchr::memchr_iter(b'\n', &passed[..=last]).count() as u64;
                self.place.column = (count - last) as u64;
            }
        }
        self.at += count;
    }
}

/// Bytes that begin or end something in JSON.
const IS_MARK: [bool; 256] = {
    let mut table = [false; 256];
    let marks = b"\"{}[]";
    let mut i = 0;
    while i < marks.len() {
        table[marks[i] as usize] = true;
        i += 1;
    }
    table
};

/// State of scanning a value whose end was not found yet.
#[derive(Default)]
struct ValueScan {
    depth: u64,
    started: bool,
    in_string: bool,
    escaped: bool,
}

impl ValueScan {
    /// Scans more of the text; returns how much of it belongs to the value once the value ends.
    fn scan(&mut self, text: &[u8]) -> Option<usize> {
        let mut i = 0;
        while i < text.len() {
            if self.in_string {
                i += self.scan_string(&text[i..]);
                if !self.in_string && self.depth == 0 {
                    return Some(i);
                }
                continue;
            }
            if self.depth > 0 {
                // Within a list or a map nothing but strings and brackets matters.
                let rest = &text[i..];
                i += rest.iter().position(|b| IS_MARK[*b as usize]).unwrap_or(rest.len());
                if i == text.len() {
                    return None;
                }
            }
            match text[i] {
                b'"' | b'{' | b'[' if self.depth == 0 && self.started => return Some(i),
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth <= 1 => return Some(if self.depth == 0 { i } else { i + 1 }),
                b'}' | b']' => self.depth -= 1,
                b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if self.depth == 0 => return Some(i),
                _ => {}
            }
            self.started = true;
            i += 1;
        }
        None
    }

    /// Scans within a string; returns how much of the text belongs to it, including the closing quote.
    fn scan_string(&mut self, text: &[u8]) -> usize {
        let mut i = usize::from(std::mem::take(&mut self.escaped));
        while let Some(found) = text.get(i..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
            i += found + 1;
            if text[i - 1] == b'"' {
                self.in_string = false;
                return i;
            }
            self.escaped = i == text.len();
            i += 1;
        }
        text.len()
    }

    /// Returns `true` if the end of the text also ends the value, as it does for a number or a word.
    fn is_whole(&self) -> bool {
        self.started && self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Cursor};

    /// Gives the text in pieces of so many bytes.
    fn splitter(text: &str, piece: usize) -> Splitter {
        Splitter::new(
            Box::new(BufReader::with_capacity(piece, Cursor::new(text.to_owned().into_bytes()))),
            1000,
        )
    }

    fn check(text: &str, expect: &[&str]) {
        for piece in 1..=text.len().max(1) {
            let mut splitter = splitter(text, piece);
            let mut found = Vec::new();
            while splitter.peek_byte().unwrap().is_some() {
                found.push(String::from_utf8(splitter.take_value().unwrap().to_vec()).unwrap());
            }
            assert_eq!(found, expect, "in pieces of {piece}");
        }
    }

    #[test]
    fn values_are_cut_out_wherever_the_pieces_end() {
        check(
            r#" {"a":"}\"]{","b":[1,{}]} [[]] "x\\" 12 null"#,
            &[r#"{"a":"}\"]{","b":[1,{}]}"#, "[[]]", r#""x\\""#, "12", "null"],
        );
        check("1\"a\"{}[]", &["1", "\"a\"", "{}", "[]"]);
        check("", &[]);
    }

    #[test]
    fn places_are_those_in_the_text() {
        let mut splitter = splitter("{\n \"a\": 1}\n\n  [2]", 3);
        splitter.take_value().unwrap();
        splitter.peek_byte().unwrap();
        assert_eq!(splitter.text_place(), TextPlace { byte: 14, line: 4, column: 3 });
    }

    #[test]
    fn an_unfinished_or_huge_value_is_an_error() {
        for text in ["{\"a\":1", "\"abc", "[", "\"a\\"] {
            assert_eq!(splitter(text, 2).take_value().unwrap_err(), SplitError::Unfinished, "{text}");
        }
        let huge = format!("\"{}\"", "x".repeat(2000));
        assert_eq!(splitter(&huge, 100).take_value().unwrap_err(), SplitError::TooLarge(1000));
        assert_eq!(splitter("}", 1).take_value().unwrap_err(), SplitError::Expected("a value"));
    }
}
