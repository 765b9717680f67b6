//! Finds where to continue a tape: an unfinished end is read as far as possible.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::{TapeFormat, TapeWriteError};

/// Longest unfinished part that is held in memory; our writer closes parts long before.
const MAX_TORN: usize = 64 << 20;

/// Where the whole parts of a tape end.
pub(super) struct TapeEnd {
    /// Bytes of the file that are sound.
    pub(super) sound: u64,
    /// Whole lines behind them, unpacked.
    pub(super) lines: Vec<u8>,
    /// Bytes of a torn line behind those.
    pub(super) cut: u64,
}

/// Finds the end of a tape.
pub(super) fn find_end(mut file: &File, path: &Path, format: TapeFormat) -> Result<TapeEnd, TapeWriteError> {
    let failed = |source| TapeWriteError::Io { path: path.to_owned(), what: "reading its end", source };
    let damaged = |offset, what| TapeWriteError::Damaged { path: path.to_owned(), offset, what };
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut input = CountedInput { inner: BufReader::with_capacity(64 << 10, file), at: 0 };
    if format == TapeFormat::Plain {
        let mut tail = PartTail::default();
        read_all(&mut input, &mut tail).map_err(failed)?;
        let sound = input.at - tail.line.len() as u64;
        return tail
            .into_tape_end(sound)
            .ok_or_else(|| damaged(sound, "begins a line that is too long to mend"));
    }
    let (mut sound, mut tail) = (0, PartTail::default());
    while !input.fill_buf().map_err(failed)?.is_empty() {
        tail = PartTail { keep: true, ..PartTail::default() };
        match read_part(&mut input, format, &mut tail) {
            Ok(()) => sound = input.at,
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                let end = tail.into_tape_end(sound);
                return end
                    .ok_or_else(|| damaged(sound, "begins an unfinished part that is too large to mend"));
            }
            Err(_) => return Err(damaged(sound, "begins a damaged part")),
        }
    }
    // A recorder that ends without a line feed must not have its last line run into the next.
    let lines = if tail.line.is_empty() { Vec::new() } else { vec![b'\n'] };
    Ok(TapeEnd { sound, lines, cut: 0 })
}

/// What a part ends with.
#[derive(Default)]
struct PartTail {
    /// Whole lines are kept too.
    keep: bool,
    lines: Vec<u8>,
    /// What follows the last line feed.
    line: Vec<u8>,
    /// More was there than is held.
    overflow: bool,
}

impl PartTail {
    fn push_bytes(&mut self, bytes: &[u8]) {
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        if whole > 0 {
            if self.keep {
                self.lines.append(&mut self.line);
                self.lines.extend_from_slice(&bytes[..whole]);
            }
            self.line.clear();
        }
        self.line.extend_from_slice(&bytes[whole..]);
        if self.lines.len() + self.line.len() > MAX_TORN {
            // A whole part may be of any size; only an unfinished one is needed again.
            (self.lines, self.overflow) = (Vec::new(), true);
            self.line.truncate(1);
        }
    }

    fn into_tape_end(self, sound: u64) -> Option<TapeEnd> {
        let Self { mut lines, line, overflow, .. } = self;
        if overflow {
            return None;
        }
        let whole = serde_json::from_slice::<serde::de::IgnoredAny>(&line).is_ok();
        if whole {
            lines.extend_from_slice(&line);
            lines.push(b'\n');
        }
        Some(TapeEnd { sound, lines, cut: if whole { 0 } else { line.len() as u64 } })
    }
}

/// Reads one gzip member or zstd frame and leaves the input behind it.
fn read_part(input: &mut impl BufRead, format: TapeFormat, tail: &mut PartTail) -> io::Result<()> {
    if format == TapeFormat::Gzip {
        return read_all(&mut flate2::bufread::GzDecoder::new(input), tail);
    }
    read_all(&mut zstd::stream::read::Decoder::with_buffer(input)?.single_frame(), tail)
}

fn read_all(from: &mut impl Read, tail: &mut PartTail) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            length => tail.push_bytes(&buffer[..length]),
        }
    }
}

/// Counts what is consumed.
struct CountedInput<R> {
    inner: R,
    at: u64,
}

impl<R: BufRead> Read for CountedInput<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl<R: BufRead> BufRead for CountedInput<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount as u64;
        self.inner.consume(amount);
    }
}
