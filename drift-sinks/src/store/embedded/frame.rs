//! Frames: the unit of writing, checking and reading. Opaque records go in, opaque records come out.
//!
//! ```text
//! 0   magic "drF1"
//! 4   u32  length of the body
//! 8   u32  CRC-32 of everything that follows, body included
//! 12  u8   kind: 1 events, 2 break, 3 dictionary
//! 13  u8   codec of the body: 0 plain, 1 zstd
//! 14  u8   1 where the batch goes on in the next frame
//! 15  u8   number of the segment's dictionary that the body is packed with, 0 for none
//! 16  u32  number of records
//! 20  u64  position of the first record
//! 28  u64  bytes of the segment that were durable when this frame was written
//! 36  32   BLAKE3 of the previous frame, or of the segment before
//! 68       body
//! ```
//! Numbers are little-endian.

use std::io;
use std::sync::Arc;

use drift_core::{Position, StoreError};

use super::dictionary::Dictionary;
use super::error::FrameError;
use super::records::StreamNames;

/// Bytes before the body.
pub(super) const HEADER: usize = 68;
/// Starts every frame, so that `repair` can find the next one behind a damaged place.
pub(super) const MAGIC: &[u8; 4] = b"drF1";
/// Largest body, packed or not. One event of 64 MiB fits; nothing real comes near.
pub(super) const MAX_BODY: usize = 96 << 20;

/// A sixth less than at the default of 3, for a sixth more of the writer's time.
const LEVEL: i32 = 6;

/// BLAKE3 of a frame.
pub(super) type Hash = [u8; 32];

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// Events, as records.
    Events,
    /// Takes the place of frames that `repair` could not keep.
    Break,
    /// What frames that follow are packed with: its number, then its content.
    Dictionary,
}

/// A frame's header, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) kind: FrameKind,
    /// The batch goes on in the next frame.
    pub(super) more: bool,
    pub(super) count: u32,
    pub(super) first: Position,
    /// Bytes of the segment that were durable when this frame was written.
    pub(super) durable: u64,
    pub(super) previous: Hash,
}

/// A frame as it lies in a file, its checksum found right.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) header: FrameHeader,
    codec: u8,
    dictionary: u8,
    body: &'a [u8],
    /// Of the whole frame.
    pub(super) hash: Hash,
    /// Bytes of the whole frame.
    pub(super) size: usize,
}

/// Bytes that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameDefect {
    /// They end before the frame does.
    Short,
    /// They do not begin as a frame.
    Magic,
    /// The header says something impossible.
    Header,
    /// They are not what was written.
    Checksum,
}

impl std::fmt::Display for FrameDefect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Short => "the frame is cut short",
            Self::Magic => "no frame begins here",
            Self::Header => "the frame's header says something impossible",
            Self::Checksum => "the frame's checksum is wrong",
        })
    }
}

impl FrameHeader {
    /// Returns the position after the frame's last record.
    pub(super) fn end(&self) -> Position {
        Position::new(self.first.get().saturating_add(u64::from(self.count)))
    }

    /// Appends the frame to `out` and returns its hash.
    pub(super) fn write(&self, body: &FrameBody, out: &mut Vec<u8>) -> Hash {
        let start = out.len();
        out.extend_from_slice(MAGIC);
        let length = u32::try_from(body.bytes.len()).expect("a body is at most MAX_BODY");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        let kind = match self.kind {
            FrameKind::Events => 1,
            FrameKind::Break => 2,
            FrameKind::Dictionary => 3,
        };
        out.extend_from_slice(&[kind, body.codec, u8::from(self.more), body.dictionary]);
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.first.get().to_le_bytes());
        out.extend_from_slice(&self.durable.to_le_bytes());
        out.extend_from_slice(&self.previous);
        out.extend_from_slice(&body.bytes);
        let crc = crc32fast::hash(&out[start + 12..]);
        out[start + 8..start + 12].copy_from_slice(&crc.to_le_bytes());
        *blake3::hash(&out[start..]).as_bytes()
    }
}

/// Returns the length of the frame that begins so.
///
/// # Errors
/// When these bytes begin no frame.
pub(super) fn frame_size(head: &[u8]) -> Result<usize, FrameDefect> {
    if head.len() < HEADER {
        // A short prefix of a header is a torn write; anything else is no header.
        let same = head.iter().zip(MAGIC).all(|(a, b)| a == b);
        return Err(if same { FrameDefect::Short } else { FrameDefect::Magic });
    }
    if &head[..4] != MAGIC {
        return Err(FrameDefect::Magic);
    }
    let length = u32_at(head, 4) as usize;
    let sound = length <= MAX_BODY && matches!(head[12], 1..=3) && head[13] <= 1 && head[14] <= 1;
    if sound { Ok(HEADER + length) } else { Err(FrameDefect::Header) }
}

/// Reads the frame at the beginning of `bytes`.
///
/// # Errors
/// When there is none, or not a whole one.
pub(super) fn parse_frame(bytes: &[u8]) -> Result<Frame<'_>, FrameDefect> {
    let size = frame_size(&bytes[..bytes.len().min(HEADER)])?;
    let frame = bytes.get(..size).ok_or(FrameDefect::Short)?;
    if crc32fast::hash(&frame[12..]) != u32_at(frame, 8) {
        return Err(FrameDefect::Checksum);
    }
    let mut previous = [0; 32];
    previous.copy_from_slice(&frame[36..HEADER]);
    let header = FrameHeader {
        kind: match frame[12] {
            1 => FrameKind::Events,
            2 => FrameKind::Break,
            _ => FrameKind::Dictionary,
        },
        more: frame[14] == 1,
        count: u32_at(frame, 16),
        first: Position::new(u64_at(frame, 20)),
        durable: u64_at(frame, 28),
        previous,
    };
    let hash = *blake3::hash(frame).as_bytes();
    Ok(Frame { header, codec: frame[13], dictionary: frame[15], body: &frame[HEADER..], hash, size })
}

impl Frame<'_> {
    /// Unpacks the body; `dictionaries` finds those of the segment by number.
    ///
    /// # Errors
    /// Returns why the body cannot be unpacked, for example because it exceeds [`MAX_BODY`].
    pub(super) fn body(
        &self,
        codec: &mut Codec,
        dictionaries: impl FnOnce(u8) -> Result<Dictionary, FrameError>,
    ) -> Result<Vec<u8>, FrameError> {
        if self.codec == 0 {
            return Ok(self.body.to_vec());
        }
        let dictionary =
            if self.dictionary == 0 { Dictionary::default() } else { dictionaries(self.dictionary)? };
        codec.unpack(self.body, &dictionary).map_err(FrameError::Packed)
    }

    /// Returns number and content of a dictionary; `None` for another frame.
    ///
    /// # Errors
    /// Returns why the body cannot be unpacked.
    pub(super) fn dictionary(&self, codec: &mut Codec) -> Result<Option<(u8, Dictionary)>, FrameError> {
        if self.header.kind != FrameKind::Dictionary {
            return Ok(None);
        }
        let body = self.body(codec, |_| Err(FrameError::PackedDictionary))?;
        let (number, content) = body.split_first().ok_or(FrameError::EmptyDictionary)?;
        Ok(Some((*number, content.into())))
    }
}

/// The body of a frame, packed or plain.
#[derive(Debug)]
pub(super) struct FrameBody {
    codec: u8,
    dictionary: u8,
    bytes: Vec<u8>,
}

impl FrameBody {
    /// Makes a body that is not packed.
    pub(super) fn plain(bytes: Vec<u8>) -> Self {
        Self { codec: 0, dictionary: 0, bytes }
    }
}

/// Packs and unpacks bodies; keeps the contexts, whose making costs more than most bodies.
pub(super) struct Codec {
    pack: zstd::bulk::Compressor<'static>,
    /// Number of the dictionary to pack with.
    packs_with: u8,
    unpack: zstd::bulk::Decompressor<'static>,
    /// Dictionary that was unpacked with last.
    unpacks_with: Dictionary,
    /// Names of streams in the bodies so far.
    pub(super) names: StreamNames,
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Codec")
    }
}

impl Codec {
    /// Makes a codec without dictionaries.
    ///
    /// # Errors
    /// When there is no memory for one.
    pub(super) fn new() -> Result<Self, StoreError> {
        let failed = || super::unavailable_error("making a compressor");
        Ok(Self {
            pack: zstd::bulk::Compressor::new(LEVEL).map_err(failed())?,
            packs_with: 0,
            unpack: zstd::bulk::Decompressor::new().map_err(failed())?,
            unpacks_with: Dictionary::default(),
            names: StreamNames::default(),
        })
    }

    /// Packs with a dictionary from now on.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(super) fn pack_with(&mut self, number: u8, content: &[u8]) -> Result<(), StoreError> {
        let failed = super::unavailable_error("preparing a dictionary");
        self.pack.set_dictionary(LEVEL, content).map_err(failed)?;
        self.packs_with = number;
        Ok(())
    }

    /// Packs a body, or leaves it plain if packing does not help.
    ///
    /// # Errors
    /// When it is too large, or there is no memory.
    pub(super) fn pack(&mut self, raw: Vec<u8>) -> Result<FrameBody, StoreError> {
        if raw.len() > MAX_BODY {
            let what = format!("an event of {} bytes is larger than a frame can be", raw.len());
            return Err(StoreError::Unavailable { what, source: None });
        }
        let packed = self.pack.compress(&raw).map_err(super::unavailable_error("compressing a frame"))?;
        if packed.len() >= raw.len() {
            return Ok(FrameBody::plain(raw));
        }
        Ok(FrameBody { codec: 1, dictionary: self.packs_with, bytes: packed })
    }

    fn unpack(&mut self, body: &[u8], dictionary: &Dictionary) -> io::Result<Vec<u8>> {
        if !Arc::ptr_eq(&self.unpacks_with, dictionary) {
            self.unpack.set_dictionary(dictionary)?;
            self.unpacks_with = Arc::clone(dictionary);
        }
        let size = zstd::bulk::Decompressor::upper_bound(body).unwrap_or(MAX_BODY);
        self.unpack.decompress(body, size.min(MAX_BODY))
    }
}

/// Reads a number; the caller knows that it is there.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// Reads a number; the caller knows that it is there.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
