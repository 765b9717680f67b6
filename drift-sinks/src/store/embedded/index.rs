//! Index files: where each event of a sealed segment is. Built from the log, and rebuilt if missing.
//!
//! ```text
//! 0   magic "driftidx", u32 version, u32 number of the segment
//! 16  u64  position of the first event, u64 position after the last
//! 32  u64  length of the segment's file
//! 40  32   hash the segment begins with, 32 hash of its last frame
//! 104 u32  frames, u32 entries, u32 length of the packed part, u32 1 where the segment has a break
//! 120      frames × (u32 offset, u32 position after the segment's first)
//!          entries × (u32 frame, u16 place in the frame, u16 revisions back), grouped by run
//!          packed with zstd: varint number of dictionaries, each varint number and varint offset; runs, each varint length and JSON of the stream's name, varint first revision,
//!          varint number of entries; in order of the entries
//!     u32  CRC-32 of all before
//! ```
//! A run is a row of consecutive revisions of one stream in one segment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drift_core::wire::StreamV1;
use drift_core::{Position, StreamId};

use super::frame::{Hash, MAX_BODY, u32_at, u64_at};
use super::records::{LARGEST, push_varint, take_sized, take_varint};
use super::segment::Chain;

const MAGIC: &[u8; 8] = b"driftidx";
const VERSION: u32 = 1;
const HEAD: usize = 120;
const FRAME: usize = 8;
/// Bytes of an entry in the file.
pub(super) const ENTRY: usize = 8;

/// Where a frame begins, in bytes and in positions after the segment's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameAt {
    pub(super) offset: u32,
    pub(super) first: u32,
}

/// Location of an event in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexEntry {
    /// Which frame of the segment.
    pub(super) frame: u32,
    /// Index within the frame.
    pub(super) slot: u16,
    /// Number of revisions back to the last full snapshot.
    pub(super) delta_depth: u16,
}

/// A row of consecutive revisions of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IndexRun {
    pub(super) stream: Arc<StreamId>,
    pub(super) first: u64,
    pub(super) count: u32,
}

/// What an index file says, apart from the entries, which stay there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentIndex {
    pub(super) number: u32,
    pub(super) first: Position,
    /// Length of the segment's file.
    pub(super) length: u64,
    /// Hash the segment begins with.
    pub(super) previous: Hash,
    /// Where the chain stands behind the segment.
    pub(super) end: Chain,
    /// The segment has a break.
    pub(super) broken: bool,
    pub(super) frames: Vec<FrameAt>,
    /// Where dictionaries begin, by number.
    pub(super) dictionaries: BTreeMap<u8, u32>,
    pub(super) runs: Vec<IndexRun>,
}

/// Returns the index file of a segment.
pub(super) fn index_path(store: &Path, number: u32) -> PathBuf {
    super::segment::segments_folder(store).join(format!("{number:08}.idx"))
}

impl IndexEntry {
    /// Decodes an entry of an index file.
    pub(super) fn parse(bytes: &[u8; ENTRY]) -> Self {
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        Self { frame: u32_at(bytes, 0), slot: short(4), delta_depth: short(6) }
    }
}

impl SegmentIndex {
    /// Returns where the entries begin in the file.
    pub(super) fn entries_at(&self) -> u64 {
        (HEAD + self.frames.len() * FRAME) as u64
    }

    /// Encodes the index; the entries are those of the runs, one after the other.
    pub(super) fn to_bytes(&self, entries: impl ExactSizeIterator<Item = IndexEntry>) -> Vec<u8> {
        let mut runs = Vec::new();
        push_varint(self.dictionaries.len() as u64, &mut runs);
        for (number, offset) in &self.dictionaries {
            push_varint(u64::from(*number), &mut runs);
            push_varint(u64::from(*offset), &mut runs);
        }
        for run in &self.runs {
            let name = serde_json::to_vec(&StreamV1::from(&*run.stream)).expect("a stream id is plain data");
            push_varint(name.len() as u64, &mut runs);
            runs.extend_from_slice(&name);
            push_varint(run.first, &mut runs);
            push_varint(u64::from(run.count), &mut runs);
        }
        let runs = zstd::bulk::compress(&runs, 1).expect("zstd compresses any bytes into a buffer it sized");
        let mut out =
            Vec::with_capacity(HEAD + self.frames.len() * FRAME + entries.len() * ENTRY + runs.len());
        out.extend_from_slice(MAGIC);
        let mut long = |n: u64| out.extend_from_slice(&n.to_le_bytes());
        long(u64::from(VERSION) | u64::from(self.number) << 32);
        long(self.first.get());
        long(self.end.next.get());
        long(self.length);
        out.extend_from_slice(&self.previous);
        out.extend_from_slice(&self.end.previous);
        let counts = [self.frames.len(), entries.len(), runs.len(), usize::from(self.broken)];
        for count in counts {
            let count = u32::try_from(count).expect("a segment's offsets are 32 bits wide");
            out.extend_from_slice(&count.to_le_bytes());
        }
        for frame in &self.frames {
            out.extend_from_slice(&frame.offset.to_le_bytes());
            out.extend_from_slice(&frame.first.to_le_bytes());
        }
        for entry in entries {
            out.extend_from_slice(&entry.frame.to_le_bytes());
            out.extend_from_slice(&entry.slot.to_le_bytes());
            out.extend_from_slice(&entry.delta_depth.to_le_bytes());
        }
        out.extend_from_slice(&runs);
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Decodes an index; `None` when it is damaged or of another version, since it can be rebuilt.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (content, crc) = bytes.split_last_chunk::<4>()?;
        let sound = content.len() >= HEAD && &content[..8] == MAGIC && u32_at(content, 8) == VERSION;
        if !sound || crc32fast::hash(content) != u32::from_le_bytes(*crc) {
            return None;
        }
        let hash = |at: usize| Hash::try_from(&content[at..at + 32]).expect("32 bytes");
        let count = |at: usize| u32_at(content, at) as usize;
        let frames_end = HEAD.checked_add(count(104).checked_mul(FRAME)?)?;
        let entries_end = frames_end.checked_add(count(108).checked_mul(ENTRY)?)?;
        if entries_end.checked_add(count(112))? != content.len() {
            return None;
        }
        let frame = |f: &[u8]| FrameAt { offset: u32_at(f, 0), first: u32_at(f, 4) };
        let frames = content[HEAD..frames_end].chunks_exact(FRAME).map(frame).collect();
        let (dictionaries, runs) = parse_tail(&content[entries_end..], count(108))?;
        Some(Self {
            number: u32_at(content, 12),
            first: Position::new(u64_at(content, 16)),
            length: u64_at(content, 32),
            previous: hash(40),
            end: Chain { previous: hash(72), next: Position::new(u64_at(content, 24)) },
            broken: count(116) == 1,
            frames,
            dictionaries,
            runs,
        })
    }
}

type IndexTail = (BTreeMap<u8, u32>, Vec<IndexRun>);

fn parse_tail(packed: &[u8], entries: usize) -> Option<IndexTail> {
    let size = zstd::bulk::Decompressor::upper_bound(packed)?;
    let bytes = zstd::bulk::decompress(packed, size.min(MAX_BODY * 4)).ok()?;
    let mut rest = bytes.as_slice();
    let mut dictionaries = BTreeMap::new();
    for _ in 0..take_varint(&mut rest)? {
        let number = u8::try_from(take_varint(&mut rest)?).ok()?;
        dictionaries.insert(number, u32::try_from(take_varint(&mut rest)?).ok()?);
    }
    let (mut runs, mut sum) = (Vec::new(), 0);
    while !rest.is_empty() {
        let name: StreamV1 = serde_json::from_slice(take_sized(&mut rest)?).ok()?;
        let stream = Arc::new(name.into());
        let first = take_varint(&mut rest)?;
        let count = u32::try_from(take_varint(&mut rest)?).ok()?;
        if count == 0 || first == 0 || first > LARGEST {
            return None;
        }
        sum += count as usize;
        runs.push(IndexRun { stream, first, count });
    }
    (sum == entries).then_some((dictionaries, runs))
}
