//! Reads an audit log line by line.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use drift_core::redact::Redactor;
use drift_core::{Doc, Node};

use super::AuditEntry;
use crate::lines::{LineFault, Lines};

/// An audit log that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditOpenError {
    /// The file cannot be opened or its first bytes cannot be read.
    #[error("cannot read {}", path.display())]
    Unavailable {
        /// Path of the file.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
}

/// A part of an audit log that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct AuditDamage {
    /// Number of the line, from 1.
    pub line: u64,
    /// What is wrong; contains no value of the line.
    pub problem: String,
    /// Whether reading ends here.
    pub is_end: bool,
}

/// Limits on the size of an audit log.
#[derive(Clone, Copy, Debug)]
pub struct AuditOptions {
    /// Bytes of one line; a longer one is skipped and reported.
    pub max_line: usize,
    /// Decompressed bytes of the whole log.
    pub max_size: u64,
}

impl Default for AuditOptions {
    /// 64 MiB and 64 GiB.
    fn default() -> Self {
        Self { max_line: 64 << 20, max_size: 64 << 30 }
    }
}

/// Iterates over the entries of an audit log, in the order of the log; see the example of the [module](super).
pub struct AuditReader {
    lines: Lines,
    redactor: Redactor,
    ready: VecDeque<Result<AuditEntry, AuditDamage>>,
}

impl std::fmt::Debug for AuditReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditReader").finish_non_exhaustive()
    }
}

impl AuditReader {
    /// Opens a file. Bodies are redacted with the key of `redactor`.
    ///
    /// # Errors
    /// When it cannot be opened or its first bytes cannot be read.
    pub fn open(path: &Path, redactor: Redactor, options: AuditOptions) -> Result<Self, AuditOpenError> {
        let unavailable = |source| AuditOpenError::Unavailable { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(unavailable)?;
        Self::from_stream(file, redactor, options).map_err(unavailable)
    }

    /// Reads a stream; bodies are redacted with the key of `redactor`.
    ///
    /// # Errors
    /// When its first bytes cannot be read.
    pub fn from_stream(
        stream: impl Read + Send + 'static,
        redactor: Redactor,
        options: AuditOptions,
    ) -> io::Result<Self> {
        let lines = Lines::new(stream, options.max_line, options.max_size)?;
        Ok(Self { lines, redactor, ready: VecDeque::new() })
    }
}

impl Iterator for AuditReader {
    type Item = Result<AuditEntry, AuditDamage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            let (line, read) = self.lines.next()?;
            match read {
                Ok(text) => parse_line(text, line, &self.redactor, &mut self.ready),
                Err(LineFault::TooLong(limit)) => {
                    let problem = format!("longer than {limit} bytes");
                    return Some(Err(AuditDamage { line, problem, is_end: false }));
                }
                Err(LineFault::Cut(problem)) => {
                    return Some(Err(AuditDamage { line, problem, is_end: true }));
                }
            }
        }
    }
}

/// Parses one line: an Event or an EventList.
pub(super) fn parse_line(
    text: &[u8],
    line: u64,
    redactor: &Redactor,
    out: &mut VecDeque<Result<AuditEntry, AuditDamage>>,
) {
    let damage = |problem: String| AuditDamage { line, problem, is_end: false };
    // The parser's message may show a value of the line, so only the line is reported.
    let Ok(doc) = Doc::from_json(text) else {
        out.push_back(Err(damage("not valid JSON, or nested too deeply".into())));
        return;
    };
    let root = doc.root();
    if root.str_at(&["kind"]) != Some("EventList") {
        out.extend(AuditEntry::read(root, line, redactor).map_err(|p| damage(p.into())).transpose());
        return;
    }
    for (i, item) in root.get("items").into_iter().flat_map(Node::children).enumerate() {
        let entry = AuditEntry::read(item, line, redactor);
        out.extend(entry.map_err(|p| damage(format!("item {i}: {p}"))).transpose());
    }
}
