//! Segments: files of frames, numbered from 1.
//!
//! ```text
//! 0   magic "driftlog"
//! 8   u16  major version, u16 minor version
//! 12  u32  number of the segment
//! 16  u64  position of the first event
//! 24  32   hash of the last frame of the segment before, zeros in the first
//! 56  u32  CRC-32 of the 56 bytes before
//! 60       frames
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use drift_core::{Position, StoreError};
use serde::{Deserialize, Serialize};

use super::dictionary::Dictionary;
use super::disk;
use super::error::{ChainError, FrameError};
use super::frame::{self, Codec, Frame, FrameDefect, FrameKind, Hash, u32_at, u64_at};
use super::records::LARGEST;
use super::{corrupt_error, unavailable_error};

/// Bytes before the first frame.
pub(super) const HEAD: usize = 60;
const MAGIC: &[u8; 8] = b"driftlog";
/// Version of segments, frames and bodies that this code writes.
pub(super) const VERSION: (u16, u16) = (1, 0);

/// The beginning of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentHead {
    pub(super) number: u32,
    pub(super) first: Position,
    pub(super) previous: Hash,
}

/// Returns the folder of the segments.
pub(super) fn segments_folder(store: &Path) -> PathBuf {
    store.join("segments")
}

/// Returns the file of a segment.
pub(super) fn log_path(store: &Path, number: u32) -> PathBuf {
    segments_folder(store).join(format!("{number:08}.log"))
}

/// Lists the numbers of the segments, sorted.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn list_segments(store: &Path) -> Result<Vec<u32>, StoreError> {
    let folder = segments_folder(store);
    let failed = || unavailable_error(&format!("reading {}", folder.display()));
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        let number = name.to_str().and_then(|n| n.strip_suffix(".log")).and_then(|n| n.parse::<u32>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

impl SegmentHead {
    /// Encodes the beginning of a segment.
    pub(super) fn to_bytes(&self) -> [u8; HEAD] {
        let mut out = [0; HEAD];
        out[..8].copy_from_slice(MAGIC);
        out[8..10].copy_from_slice(&VERSION.0.to_le_bytes());
        out[10..12].copy_from_slice(&VERSION.1.to_le_bytes());
        out[12..16].copy_from_slice(&self.number.to_le_bytes());
        out[16..24].copy_from_slice(&self.first.get().to_le_bytes());
        out[24..56].copy_from_slice(&self.previous);
        let crc = crc32fast::hash(&out[..56]);
        out[56..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Decodes the beginning of a segment.
    ///
    /// # Errors
    /// When it is none, of another version, or of another segment than its file name says.
    pub(super) fn read(file: &File, number: u32) -> Result<Self, StoreError> {
        let mut bytes = [0; HEAD];
        match disk::read_at(file, &mut bytes, 0) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(corrupt_error(number, 0, "the file ends within its header"));
            }
            Err(e) => return Err(unavailable_error(&format!("reading segment {number}"))(e)),
        }
        if &bytes[..8] != MAGIC {
            return Err(corrupt_error(number, 0, "the file does not begin as a segment"));
        }
        if crc32fast::hash(&bytes[..56]) != u32_at(&bytes, 56) {
            return Err(corrupt_error(number, 0, "the header's checksum is wrong"));
        }
        let version = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let found = (version(8), version(10));
        // A newer minor version may hold what this code would drop when it goes on writing.
        if found.0 != VERSION.0 || found.1 > VERSION.1 {
            return Err(StoreError::Unsupported {
                found: format!("{}.{}", found.0, found.1),
                known: format!("{}.{}", VERSION.0, VERSION.1),
            });
        }
        let mut previous = [0; 32];
        previous.copy_from_slice(&bytes[24..56]);
        let head = Self { number: u32_at(&bytes, 12), first: Position::new(u64_at(&bytes, 16)), previous };
        if head.number != number {
            let what = format!("the file holds segment {}", head.number);
            return Err(corrupt_error(number, 0, &what));
        }
        Ok(head)
    }
}

/// Walks over the frames of a segment; holds one frame at a time.
#[derive(Debug)]
pub(super) struct FrameWalk<'f> {
    file: &'f File,
    end: u64,
    at: u64,
    buffer: Vec<u8>,
}

/// Why a walk cannot go on.
#[derive(Debug)]
pub(super) enum WalkStop {
    /// The bytes there are no frame.
    Bad(FrameDefect),
    /// They could not be read.
    Io(io::Error),
}

impl std::fmt::Display for WalkStop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bad(bad) => bad.fmt(f),
            Self::Io(e) => e.fmt(f),
        }
    }
}

/// The dictionaries of a segment that is read from its beginning.
#[derive(Debug, Default)]
pub(super) struct Dictionaries(BTreeMap<u8, Dictionary>);

impl Dictionaries {
    /// Takes a frame that is a dictionary; returns its number.
    ///
    /// # Errors
    /// Returns why the dictionary cannot be unpacked.
    pub(super) fn take(&mut self, frame: &Frame<'_>, codec: &mut Codec) -> Result<Option<u8>, FrameError> {
        let found = frame.dictionary(codec)?;
        Ok(found.map(|(number, content)| {
            self.0.insert(number, content);
            number
        }))
    }

    /// Returns a dictionary that was taken.
    ///
    /// # Errors
    /// Returns an error if it was not.
    pub(super) fn find(&self, number: u8) -> Result<Dictionary, FrameError> {
        self.0.get(&number).cloned().ok_or(FrameError::MissingDictionary(number))
    }
}

impl<'f> FrameWalk<'f> {
    /// Walks from a place that a frame begins at to `end`.
    pub(super) fn new(file: &'f File, at: u64, end: u64) -> Self {
        Self { file, end, at, buffer: Vec::new() }
    }

    /// Returns where the next frame begins.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Returns the next frame and where it begins; on an error stays before what is no frame.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Frame<'_>)>, WalkStop> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(None);
        }
        self.fill_buffer(left.min(frame::HEADER))?;
        let size = frame::frame_size(&self.buffer).map_err(WalkStop::Bad)?;
        if size > left {
            return Err(WalkStop::Bad(FrameDefect::Short));
        }
        self.fill_buffer(size)?;
        let frame = frame::parse_frame(&self.buffer).map_err(WalkStop::Bad)?;
        let at = self.at;
        self.at += frame.size as u64;
        Ok(Some((at, frame)))
    }

    fn fill_buffer(&mut self, size: usize) -> Result<(), WalkStop> {
        self.buffer.resize(size, 0);
        disk::read_at(self.file, &mut self.buffer, self.at).map_err(WalkStop::Io)
    }

    /// Goes on to the first whole frame from here on; false when there is none.
    pub(super) fn skip_to_frame(&mut self) -> Result<bool, WalkStop> {
        const STEP: usize = 1 << 20;
        loop {
            let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
            if left < frame::HEADER {
                self.at = self.end;
                return Ok(false);
            }
            self.fill_buffer(left.min(STEP))?;
            let found = self.buffer.windows(4).position(|w| w == frame::MAGIC);
            let Some(found) = found else {
                self.at += self.buffer.len() as u64 - 3;
                continue;
            };
            self.at += found as u64;
            let start = self.at;
            match self.next() {
                Ok(Some(_)) => {
                    self.at = start;
                    return Ok(true);
                }
                Ok(None) => return Ok(false),
                Err(WalkStop::Bad(_)) => self.at = start + 1,
                Err(stop) => return Err(stop),
            }
        }
    }
}

/// Where the log stands: what the next frame must follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// Hash of the last frame.
    pub(super) previous: Hash,
    /// Position of the next event.
    pub(super) next: Position,
}

/// What a break frame says: what is missing where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BreakRecord {
    /// First position that is missing, and the one to go on with.
    pub(super) lost: (u64, u64),
    /// Where the file as it was found is kept, below the store's folder.
    pub(super) kept: String,
    /// Hash that the next frame names as its predecessor's; without it the chain goes on from the break itself.
    pub(super) resume: Option<String>,
}

impl Chain {
    /// Returns the beginning of every log.
    pub(super) fn start() -> Self {
        Self { previous: [0; 32], next: Position::START.next() }
    }

    /// Checks that a frame follows, and moves on behind it.
    ///
    /// # Errors
    /// Returns what does not match.
    pub(super) fn follow_frame(
        &mut self,
        frame: &Frame<'_>,
        codec: &mut Codec,
    ) -> Result<Option<BreakRecord>, ChainError> {
        let header = &frame.header;
        if header.previous != self.previous {
            return Err(ChainError::OtherPredecessor);
        }
        if header.first != self.next {
            return Err(ChainError::OtherPosition { first: header.first, expected: self.next });
        }
        if header.end().get() > LARGEST {
            return Err(ChainError::PastEnd(header.end()));
        }
        self.previous = frame.hash;
        if header.kind != FrameKind::Break {
            self.next = header.end();
            return Ok(None);
        }
        let body = frame.body(codec, |_| Err(FrameError::PackedBreak))?;
        let gap: BreakRecord = serde_json::from_slice(&body).map_err(ChainError::Break)?;
        self.next = self.next.max(Position::new(gap.lost.1.min(LARGEST)));
        if let Some(resume) = &gap.resume {
            self.previous = *blake3::Hash::from_hex(resume).map_err(ChainError::Resume)?.as_bytes();
        }
        Ok(Some(gap))
    }
}
