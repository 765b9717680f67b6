//! Lines of a file, each bounded in length, with their numbers.

use std::io::{self, BufRead, Read};

use crate::input::{self, Cut, Input};

/// Why a line cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LineFault {
    /// Longer than so many bytes; the next one can be read.
    TooLong(usize),
    /// The file ends here before its time.
    Cut(String),
}

/// Reads a plain or compressed stream line by line; empty lines are left out but counted.
pub(crate) struct Lines {
    input: Input,
    max_line: usize,
    number: u64,
    is_done: bool,
    buffer: Vec<u8>,
}

impl Lines {
    /// Takes a stream; more than `max_size` decompressed bytes are a cut.
    pub(crate) fn new(
        stream: impl Read + Send + 'static,
        max_line: usize,
        max_size: u64,
    ) -> io::Result<Self> {
        let input = input::open(stream, max_size)?;
        Ok(Self { input, max_line, number: 0, is_done: false, buffer: Vec::new() })
    }

    /// Returns the next line with its number, from 1.
    pub(crate) fn next(&mut self) -> Option<(u64, Result<&[u8], LineFault>)> {
        while !self.is_done {
            let read = self.fill_line()?;
            self.number += 1;
            match read {
                Err(fault) => return Some((self.number, Err(fault))),
                Ok(()) if self.buffer.trim_ascii().is_empty() => {}
                Ok(()) => return Some((self.number, Ok(&self.buffer))),
            }
        }
        None
    }

    /// Reads one line into the buffer; `None` at the end.
    fn fill_line(&mut self) -> Option<Result<(), LineFault>> {
        self.buffer.clear();
        let (mut any, mut is_too_long) = (false, false);
        loop {
            let piece = match self.input.fill_buf() {
                Ok(piece) => piece,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    self.is_done = true;
                    return Some(Err(LineFault::Cut(Cut::from_error(&e).to_string())));
                }
            };
            if piece.is_empty() {
                self.is_done = true;
                break;
            }
            any = true;
            let end = memchr::memchr(b'\n', piece);
            let taken = end.map_or(piece.len(), |i| i + 1);
            is_too_long |= self.buffer.len() + taken > self.max_line;
            if !is_too_long {
                self.buffer.extend_from_slice(&piece[..taken]);
            }
            self.input.consume(taken);
            if end.is_some() {
                break;
            }
        }
        match (any, is_too_long) {
            (false, _) => None,
            (true, false) => Some(Ok(())),
            (true, true) => {
                self.buffer = Vec::new();
                Some(Err(LineFault::TooLong(self.max_line)))
            }
        }
    }
}
