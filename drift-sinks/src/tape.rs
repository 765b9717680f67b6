//! Writes tapes: recorded watch events, one JSON object a line, plain, gzip or zstd by the file's name.
//!
//! The format of a line is in [`drift_core::tape`]. Objects are written as they are: redact Secrets before.

mod resume;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use drift_core::tape::TapeLine;

/// A compressed part is closed after this many bytes of lines, so that a torn one is small enough to be repaired.
const PART: u64 = 8 << 20;

/// Compression of a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapeFormat {
    /// Not compressed.
    Plain,
    /// gzip, one member a part.
    Gzip,
    /// zstd, one frame a part.
    Zstd,
}

impl TapeFormat {
    /// Returns the format by the extension of a file: `.gz`, `.zst` or `.zstd`, else plain.
    pub fn from_path(path: &Path) -> Self {
        match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("gz" | "gzip") => Self::Gzip,
            Some("zst" | "zstd") => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// Why a tape cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TapeWriteError {
    /// The file could not be opened, read or written.
    #[error("tape {}: {what}", path.display())]
    Io {
        /// Path of the tape.
        path: PathBuf,
        /// The failed operation.
        what: &'static str,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The existing file is not a tape in the format of its name, so nothing is appended to it.
    #[error("{} is not a readable tape: byte {offset} {what}", path.display())]
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// Where it cannot be read.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
}

/// Writes the lines of a tape.
///
/// Lines before the last [`TapeWriter::flush`] can be read by others and survive the process. [`TapeWriter::finish`] makes
/// all lines survive a loss of power; if the writer is merely dropped, errors in writing the last lines are not reported.
///
/// ```
/// use drift_core::tape::TapeParser;
/// use drift_sinks::tape::TapeWriter;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tape.jsonl.zst");
/// let text = r#"{"ts":"2026-11-21T00:57:51Z","group":"","version":"v1","resource":"pods","type":"ADDED","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0"}}}"#;
/// let mut tape = TapeWriter::append_to(path)?;
/// tape.write(&TapeParser::default().parse(text.as_bytes())?)?;
/// tape.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TapeWriter {
    path: PathBuf,
    format: TapeFormat,
    /// Between parts there is none.
    part: Option<TapePart>,
    file: File,
    /// Bytes of lines in the part.
    bytes: u64,
    cut: u64,
}

enum TapePart {
    Plain(BufWriter<File>),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<File>>),
}

impl std::fmt::Debug for TapePart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Part")
    }
}

impl TapePart {
    fn as_writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(out) => out,
            Self::Gzip(out) => out,
            Self::Zstd(out) => out,
        }
    }

    fn close(self) -> io::Result<()> {
        let mut out = match self {
            Self::Plain(out) => out,
            Self::Gzip(out) => out.finish()?,
            Self::Zstd(out) => out.finish()?,
        };
        out.flush()
    }
}

impl TapeWriter {
    /// Opens a tape for appending; creates one that only its owner can read if there is none.
    ///
    /// An unfinished end, left by a killed recorder, is repaired: complete lines stay, a torn one is cut off.
    ///
    /// # Errors
    /// When the file cannot be opened or is damaged elsewhere.
    pub fn append_to(path: impl Into<PathBuf>) -> Result<Self, TapeWriteError> {
        let path = path.into();
        let format = TapeFormat::from_path(&path);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|source| TapeWriteError::Io {
            path: path.clone(),
            what: "opening",
            source,
        })?;
        let mut writer = Self { path, format, part: None, file, bytes: 0, cut: 0 };
        let end = resume::find_end(&writer.file, &writer.path, format)?;
        writer.cut = end.cut;
        writer.file.set_len(end.sound).map_err(|e| writer.io_error("mending the end", e))?;
        if !end.lines.is_empty() {
            writer.write_text(&end.lines)?;
            writer.flush()?;
        }
        Ok(writer)
    }

    /// Returns the number of bytes of a torn last line that were cut off on opening.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Writes one line.
    ///
    /// # Errors
    /// When the file cannot be written to. The tape may then end with a part of the line; opening it again repairs that.
    pub fn write(&mut self, line: &TapeLine) -> Result<(), TapeWriteError> {
        let mut text = line.to_json().into_bytes();
        text.push(b'\n');
        self.write_text(&text)?;
        if self.bytes >= PART { self.close_part() } else { Ok(()) }
    }

    fn write_text(&mut self, text: &[u8]) -> Result<(), TapeWriteError> {
        if self.part.is_none() {
            self.part = Some(self.open_part().map_err(|e| self.io_error("writing", e))?);
        }
        let part = self.part.as_mut().map(|p| p.as_writer().write_all(text));
        part.unwrap_or(Ok(())).map_err(|e| self.io_error("writing", e))?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    fn open_part(&self) -> io::Result<TapePart> {
        let out = BufWriter::with_capacity(64 << 10, self.file.try_clone()?);
        Ok(match self.format {
            TapeFormat::Plain => TapePart::Plain(out),
            TapeFormat::Gzip => {
                TapePart::Gzip(flate2::write::GzEncoder::new(out, flate2::Compression::default()))
            }
            TapeFormat::Zstd => {
                let mut out = zstd::stream::write::Encoder::new(out, 3)?;
                out.include_checksum(true)?;
                TapePart::Zstd(out)
            }
        })
    }

    fn close_part(&mut self) -> Result<(), TapeWriteError> {
        self.bytes = 0;
        self.part.take().map_or(Ok(()), TapePart::close).map_err(|e| self.io_error("writing", e))
    }

    /// Passes all lines so far to the operating system; call it after each batch.
    ///
    /// # Errors
    /// When the file cannot be written to.
    pub fn flush(&mut self) -> Result<(), TapeWriteError> {
        let flushed = self.part.as_mut().map_or(Ok(()), |p| p.as_writer().flush());
        flushed.map_err(|e| self.io_error("writing", e))
    }

    /// Closes the tape; on return it would survive a loss of power.
    ///
    /// # Errors
    /// When the file cannot be written to.
    pub fn finish(mut self) -> Result<(), TapeWriteError> {
        self.close_part()?;
        self.file.sync_all().map_err(|e| self.io_error("syncing", e))
    }

    fn io_error(&self, what: &'static str, source: io::Error) -> TapeWriteError {
        TapeWriteError::Io { path: self.path.clone(), what, source }
    }
}
