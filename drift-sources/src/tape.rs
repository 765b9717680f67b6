//! Tapes: recorded watch events, one JSON object a line, plain, gzip or zstd.
//!
//! The format of a line is in [`drift_core::tape`]. A line that cannot be read is reported with its number and the
//! reason, and reading continues with the next line.

mod source;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use drift_core::tape::{TapeLine, TapeLineError, TapeParser, looks_like_tape};

use crate::lines::{LineFault, Lines};
pub use source::TapeSource;

/// A tape that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TapeOpenError {
    /// The file cannot be opened or its first bytes cannot be read.
    #[error("cannot read {}", path.display())]
    Unavailable {
        /// The file.
        path: PathBuf,
        /// What failed.
        #[source]
        source: io::Error,
    },
}

/// A part of a tape that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {number}: {problem}")]
pub struct TapeDamage {
    /// Number of the line, from 1.
    pub number: u64,
    /// What is wrong with it.
    pub problem: DamageKind,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DamageKind {
    /// Not a line of a tape.
    #[error(transparent)]
    Corrupt(#[from] TapeLineError),
    /// Longer than the limit.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// The file ends in the middle of compressed data or cannot be read further; the rest is unknown.
    #[error("{0}")]
    Cut(String),
}

/// Limits on the size of a tape.
#[derive(Clone, Copy, Debug)]
pub struct TapeOptions {
    /// Bytes of one line; a longer one is skipped and reported.
    pub max_line: usize,
    /// Decompressed bytes of the whole tape; it is never held as a whole.
    pub max_size: u64,
}

impl Default for TapeOptions {
    /// 64 MiB and 1 TiB.
    fn default() -> Self {
        Self { max_line: 64 << 20, max_size: 1 << 40 }
    }
}

/// Iterates over the lines of a tape.
///
/// A damaged line is an `Err` item, and the next line follows; after a [`DamageKind::Cut`] there is nothing more.
///
/// ```
/// use drift_core::tape::TapeEvent;
/// use drift_sources::tape::{TapeOptions, TapeReader};
///
/// let tape = r#"{"ts":"2026-11-21T00:57:51Z","group":"","version":"v1","resource":"pods","type":"ADDED","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"shop"}}}
/// not a line of a tape
/// "#;
/// let mut reader = TapeReader::from_stream(tape.as_bytes(), TapeOptions::default())?;
/// let line = reader.next().unwrap()?;
/// assert!(matches!(line.event, TapeEvent::Added(pod) if pod.name() == "web-0"));
/// let damage = reader.next().unwrap().unwrap_err();
/// assert_eq!(damage.to_string(), "line 2: not valid JSON at column 2");
/// assert!(reader.next().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TapeReader {
    lines: Lines,
    /// Number of the last line, from 1.
    number: u64,
    parser: TapeParser,
    is_wanted: fn(&[u8]) -> bool,
}

impl std::fmt::Debug for TapeReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TapeReader(line {})", self.number)
    }
}

impl TapeReader {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be opened or its first bytes cannot be read.
    pub fn open(path: &Path, options: TapeOptions) -> Result<Self, TapeOpenError> {
        let unavailable = |source| TapeOpenError::Unavailable { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(unavailable)?;
        Self::from_stream(file, options).map_err(unavailable)
    }

    /// Reads a stream.
    ///
    /// # Errors
    /// When its first bytes cannot be read.
    pub fn from_stream(stream: impl Read + Send + 'static, options: TapeOptions) -> io::Result<Self> {
        let lines = Lines::new(stream, options.max_line, options.max_size)?;
        Ok(Self { lines, number: 0, parser: TapeParser::default(), is_wanted: |_| true })
    }

    /// Passes over lines whose text is not wanted; they are not parsed.
    #[cfg(feature = "estate")]
    #[must_use]
    pub(crate) fn keeping(mut self, is_wanted: fn(&[u8]) -> bool) -> Self {
        self.is_wanted = is_wanted;
        self
    }

    /// Returns `true` if text begins like a tape and not like a dump: with one line that has `type` and `object`.
    pub fn is_tape(start: &[u8]) -> bool {
        looks_like_tape(start)
    }

    /// Returns the number of the line that was returned last, from 1; empty lines count.
    pub fn line_number(&self) -> u64 {
        self.number
    }

    /// Returns what was learned from the lines so far.
    pub(crate) fn parser(&self) -> &TapeParser {
        &self.parser
    }
}

impl Iterator for TapeReader {
    type Item = Result<TapeLine, TapeDamage>;

    fn next(&mut self) -> Option<Self::Item> {
        let (number, line) = loop {
            let (number, line) = self.lines.next()?;
            if line.as_ref().is_ok_and(|text| !(self.is_wanted)(text)) {
                continue;
            }
            break (number, line);
        };
        self.number = number;
        let line = match line {
            Ok(text) => self.parser.parse(text).map_err(DamageKind::Corrupt),
            Err(LineFault::TooLong(limit)) => Err(DamageKind::TooLong(limit)),
            Err(LineFault::Cut(reason)) => Err(DamageKind::Cut(reason)),
        };
        Some(line.map_err(|problem| TapeDamage { number, problem }))
    }
}
