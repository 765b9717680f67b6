//! Recorded watch events, one JSON object a line, plain, gzip or zstd.
//!
//! `{"ts","group","version","resource","type":"LISTED|ADDED|MODIFIED|DELETED|BOOKMARK|ERROR","object"}`. A line that
//! cannot be read is told with its number and reason, and reading goes on behind it.

mod line;
mod source;

use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drift_core::{Doc, Object, ResourceVersion};
use jiff::Timestamp;

use crate::input::{self, Cut, Input};
pub use source::TapeSource;

/// A tape that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TapeError {
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

/// One line of a tape.
#[derive(Clone, Debug)]
pub struct TapeLine {
    /// Number of the line, from 1.
    pub number: u64,
    /// When the recorder received it.
    pub at: Timestamp,
    /// What was watched.
    pub resource: Arc<WatchedResource>,
    /// What the watch said.
    pub event: TapeEvent,
}

/// A resource type as the API server serves it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchedResource {
    /// API group; empty for the core group.
    pub group: String,
    /// Version in which it was watched.
    pub version: String,
    /// Plural name, such as `deployments`.
    pub resource: String,
}

/// What a watch said.
#[derive(Clone, Debug)]
pub enum TapeEvent {
    /// The object was there when it was listed.
    Listed(Object),
    /// The object appeared.
    Added(Object),
    /// The object changed.
    Modified(Object),
    /// The object is gone; this is its last state.
    Deleted(Object),
    /// Everything up to a version was told.
    Bookmark {
        /// The version.
        version: Option<ResourceVersion>,
        /// Whether this ends the listing that the watch began with (`k8s.io/initial-events-end`).
        ends_listing: bool,
    },
    /// The watch failed with a `Status`.
    Error(Doc),
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
    /// Not a line of a tape, or its object is none.
    #[error("{0}")]
    Corrupt(String),
    /// Longer than the limit.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// The file ends here before its time; the rest is not known.
    #[error("{0}")]
    Cut(String),
}

/// Bounds on what a tape may take.
#[derive(Clone, Copy, Debug)]
pub struct TapeOptions {
    /// Bytes of one line; a longer one is skipped and told.
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

/// The lines of a tape.
///
/// After a [`DamageKind::Cut`] there is nothing more.
pub struct TapeReader {
    input: Input,
    options: TapeOptions,
    number: u64,
    buffer: Vec<u8>,
    done: bool,
    resources: Vec<Arc<WatchedResource>>,
    /// Kinds by resource, learned from objects that name theirs.
    kinds: HashMap<Arc<WatchedResource>, (String, String)>,
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
    pub fn open(path: &Path, options: TapeOptions) -> Result<Self, TapeError> {
        let unavailable = |source| TapeError::Unavailable { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(unavailable)?;
        Self::from_stream(file, options).map_err(unavailable)
    }

    /// Takes a stream.
    ///
    /// # Errors
    /// When its first bytes cannot be read.
    pub fn from_stream(stream: impl Read + Send + 'static, options: TapeOptions) -> io::Result<Self> {
        Ok(Self {
            input: input::open(stream, options.max_size)?,
            options,
            number: 0,
            buffer: Vec::new(),
            done: false,
            resources: Vec::new(),
            kinds: HashMap::new(),
        })
    }

    /// Tells whether text begins like a tape and not like a dump: with one line that has `type` and `object`.
    pub fn is_tape(start: &[u8]) -> bool {
        let line = start.split(|b| *b == b'\n').find(|l| !l.trim_ascii().is_empty()).unwrap_or_default();
        line::looks_like_one(line)
    }

    /// Returns the kind of a resource, if an object before named it.
    pub(crate) fn kind_of(&self, resource: &WatchedResource) -> Option<&str> {
        self.kinds.get(resource).map(|(_, kind)| &**kind)
    }

    /// Reads the next line into the buffer; `None` at the end.
    fn line(&mut self) -> Option<Result<(), DamageKind>> {
        self.buffer.clear();
        let (mut any, mut too_long) = (false, false);
        loop {
            let piece = match self.input.fill_buf() {
                Ok(piece) => piece,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    self.done = true;
                    return Some(Err(DamageKind::Cut(Cut::of(&e).to_string())));
                }
            };
            if piece.is_empty() {
                self.done = true;
                break;
            }
            any = true;
            let end = memchr::memchr(b'\n', piece);
            let taken = end.map_or(piece.len(), |i| i + 1);
            too_long |= self.buffer.len() + taken > self.options.max_line;
            if !too_long {
                self.buffer.extend_from_slice(&piece[..taken]);
            }
            self.input.consume(taken);
            if end.is_some() {
                break;
            }
        }
        match (any, too_long) {
            (false, _) => None,
            (true, false) => Some(Ok(())),
            (true, true) => {
                self.buffer = Vec::new();
                Some(Err(DamageKind::TooLong(self.options.max_line)))
            }
        }
    }

    fn resource(&mut self, group: &str, version: &str, resource: &str) -> Arc<WatchedResource> {
        let same =
            |r: &&Arc<WatchedResource>| r.group == group && r.version == version && r.resource == resource;
        if let Some(known) = self.resources.iter().find(same) {
            return Arc::clone(known);
        }
        let (group, version, resource) = (group.to_owned(), version.to_owned(), resource.to_owned());
        let new = Arc::new(WatchedResource { group, version, resource });
        // A tape has a few hundred at most; a hostile one does not get to fill memory with them.
        if self.resources.len() < 10_000 {
            self.resources.push(Arc::clone(&new));
        }
        new
    }
}

impl Iterator for TapeReader {
    type Item = Result<TapeLine, TapeDamage>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            let read = self.line()?;
            self.number += 1;
            let number = self.number;
            if let Err(problem) = read {
                return Some(Err(TapeDamage { number, problem }));
            }
            if self.buffer.trim_ascii().is_empty() {
                continue;
            }
            let buffer = std::mem::take(&mut self.buffer);
            let parsed = line::parse(self, number, &buffer);
            self.buffer = buffer;
            return Some(parsed.map_err(|text| TapeDamage { number, problem: DamageKind::Corrupt(text) }));
        }
        None
    }
}
