//! Tapes: recorded watch events, one JSON object a line, plain, gzip or zstd by the file's name.
//!
//! The format of a line is in [`drift_core::tape`]. Objects are written as they are: redact Secrets before.

mod resume;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use drift_core::tape::TapeLine;

/// A compressed part is closed at so many bytes of lines, so that a torn one is small enough to be mended.
const PART: u64 = 8 << 20;

/// How a tape is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapeFormat {
    /// As it is.
    Plain,
    /// In gzip members.
    Gzip,
    /// In zstd frames.
    Zstd,
}

impl TapeFormat {
    /// Tells the format by the end of a file's name: `.gz`, `.zst` or `.zstd`, else plain.
    pub fn of(path: &Path) -> Self {
        match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("gz" | "gzip") => Self::Gzip,
            Some("zst" | "zstd") => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// Why a tape is not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TapeWriteError {
    /// The file could not be opened, read or written.
    #[error("tape {}: {what}", path.display())]
    Io {
        /// The tape.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What failed.
        #[source]
        source: io::Error,
    },
    /// The file is there and is no tape in the format that its name says, so nothing is appended to it.
    #[error("{} is not a readable tape: byte {offset} {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it cannot be read.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
}

/// Writes a tape.
///
/// What was written before the last [`TapeWriter::flush`] can be read by others and survives the process.
/// [`TapeWriter::finish`] makes it survive a loss of power; merely dropping the writer does not tell whether the last lines
/// were written.
#[derive(Debug)]
pub struct TapeWriter {
    path: PathBuf,
    format: TapeFormat,
    /// Between parts there is none.
    part: Option<Part>,
    file: File,
    /// Bytes of lines in the part.
    bytes: u64,
    cut: u64,
}

enum Part {
    Plain(BufWriter<File>),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<File>>),
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Part")
    }
}

impl Part {
    fn out(&mut self) -> &mut dyn Write {
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
    /// Opens a tape to append to; makes one where there is none.
    ///
    /// What a killed recorder left unfinished at the end is mended: whole lines stay, a torn one goes.
    ///
    /// # Errors
    /// When the file cannot be opened or is damaged elsewhere.
    pub fn append_to(path: impl Into<PathBuf>) -> Result<Self, TapeWriteError> {
        let path = path.into();
        let format = TapeFormat::of(&path);
        let options = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file =
            options.map_err(|source| TapeWriteError::Io { path: path.clone(), what: "opening", source })?;
        let mut writer = Self { path, format, part: None, file, bytes: 0, cut: 0 };
        let end = resume::end(&writer.file, &writer.path, format)?;
        writer.cut = end.cut;
        writer.file.set_len(end.sound).map_err(|e| writer.error("mending the end", e))?;
        if !end.lines.is_empty() {
            writer.put(&end.lines)?;
            writer.flush()?;
        }
        Ok(writer)
    }

    /// Returns how many bytes of a torn last line were cut off when the tape was opened.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Writes a line.
    ///
    /// # Errors
    /// When the file cannot be written to. The tape then may end with a part of the line; opening it again mends that.
    pub fn write(&mut self, line: &TapeLine) -> Result<(), TapeWriteError> {
        let mut text = line.to_json().into_bytes();
        text.push(b'\n');
        self.put(&text)?;
        if self.bytes >= PART { self.close_part() } else { Ok(()) }
    }

    fn put(&mut self, text: &[u8]) -> Result<(), TapeWriteError> {
        if self.part.is_none() {
            self.part = Some(self.open_part().map_err(|e| self.error("writing", e))?);
        }
        let part = self.part.as_mut().map(|p| p.out().write_all(text));
        part.unwrap_or(Ok(())).map_err(|e| self.error("writing", e))?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    fn open_part(&self) -> io::Result<Part> {
        let out = BufWriter::with_capacity(64 << 10, self.file.try_clone()?);
        Ok(match self.format {
            TapeFormat::Plain => Part::Plain(out),
            TapeFormat::Gzip => {
                Part::Gzip(flate2::write::GzEncoder::new(out, flate2::Compression::default()))
            }
            TapeFormat::Zstd => {
                let mut out = zstd::stream::write::Encoder::new(out, 3)?;
                out.include_checksum(true)?;
                Part::Zstd(out)
            }
        })
    }

    fn close_part(&mut self) -> Result<(), TapeWriteError> {
        self.bytes = 0;
        self.part.take().map_or(Ok(()), Part::close).map_err(|e| self.error("writing", e))
    }

    /// Hands all lines so far to the system; called after each batch.
    ///
    /// # Errors
    /// When the file cannot be written to.
    pub fn flush(&mut self) -> Result<(), TapeWriteError> {
        let flushed = self.part.as_mut().map_or(Ok(()), |p| p.out().flush());
        flushed.map_err(|e| self.error("writing", e))
    }

    /// Closes the tape and returns when it would survive a loss of power.
    ///
    /// # Errors
    /// When the file cannot be written to.
    pub fn finish(mut self) -> Result<(), TapeWriteError> {
        self.close_part()?;
        self.file.sync_all().map_err(|e| self.error("syncing", e))
    }

    fn error(&self, what: &'static str, source: io::Error) -> TapeWriteError {
        TapeWriteError::Io { path: self.path.clone(), what, source }
    }
}
