//! Verifies a whole store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use drift_core::{Position, StoreError, StreamId};

use super::cache::StreamStates;
use super::directory::{self, Watermark};
use super::frame::{Codec, Frame, FrameKind};
use super::index::{self, SegmentIndex};
use super::open::Recovered;
use super::reader::{decode_record, records_of};
use super::segment::{self, Chain, Dictionaries, FrameWalk, HEAD, SegmentHead, WalkStop};
use super::store::EmbeddedStore;
use super::unavailable_error;

/// A damaged place in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreDamage {
    /// Number of the segment.
    pub segment: u32,
    /// Byte in its file.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

impl std::fmt::Display for StoreDamage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "segment {}, byte {}: {}", self.segment, self.offset, self.what)
    }
}

/// Events that a repair dropped, as the log notes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBreak {
    /// Position of the first dropped event.
    pub from: Position,
    /// Position that the log goes on with.
    pub to: Position,
}

/// The result of verifying a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Number of segments read.
    pub segments: u32,
    /// Number of intact frames.
    pub frames: u64,
    /// Events read and found to be what was written.
    pub events: u64,
    /// Streams they belong to.
    pub streams: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Position of the last event.
    pub last_position: Position,
    /// BLAKE3 of the last frame in hexadecimal digits: it stands for the whole log.
    pub last_hash: String,
    /// Breaks that a repair noted.
    pub breaks: Vec<LogBreak>,
    /// Events that cannot be read because they build on one that a repair could not keep.
    pub unreadable: u64,
    /// Streams that miss events, with how many: lost ones before another one, and unreadable ones.
    pub incomplete: BTreeMap<StreamId, u64>,
    /// What a killed writer left at the end; not acknowledged, cut off when the store is opened next.
    pub torn: Option<Recovered>,
    /// What is damaged, in order.
    pub damage: Vec<StoreDamage>,
}

impl EmbeddedStore {
    /// Reads a whole store and checks everything that can be checked: checksums, the chain, dense revisions,
    /// increasing positions, ids, indexes. Takes no lock; damage is in the report.
    ///
    /// # Errors
    /// When there is no store, its format is unknown, or its files cannot be read.
    pub fn verify(path: impl AsRef<Path>) -> Result<VerifyReport, StoreError> {
        directory::check_format(path.as_ref())?;
        verify_store(path.as_ref())
    }
}

impl VerifyReport {
    /// Returns `true` if there is no damage; breaks of earlier repairs do not count.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

struct Verifier {
    report: VerifyReport,
    chain: Chain,
    codec: Codec,
    states: StreamStates,
    dictionaries: Dictionaries,
    /// Numbers and last revisions.
    heads: HashMap<Arc<StreamId>, (u32, u64)>,
    /// Number of the current segment.
    segment: u32,
    broken: bool,
    /// Damage was found, so that what follows from it is not damage again.
    astray: bool,
    /// Frames that are whole and hold what cannot be read.
    unreadable: UnreadableFrames,
}

/// Segments and places of frames that are whole, as their checksums say, and hold what cannot be read.
pub(super) type UnreadableFrames = BTreeSet<(u32, u64)>;

/// Objects as they are; packed ones are kept all, which takes about as much as the segment they come from.
const MEMORY: usize = 64 << 20;

/// Checks the store in a folder.
pub(super) fn verify_store(store: &Path) -> Result<VerifyReport, StoreError> {
    check_store(store).map(|(report, _)| report)
}

/// Finds what a repair cannot keep although it is whole.
pub(super) fn unreadable_frames(store: &Path) -> Result<UnreadableFrames, StoreError> {
    check_store(store).map(|(_, unreadable)| unreadable)
}

fn check_store(store: &Path) -> Result<(VerifyReport, UnreadableFrames), StoreError> {
    let mark = Watermark::read(store);
    let numbers = segment::list_segments(store)?;
    let last = numbers.last().copied().unwrap_or(0).max(mark.map_or(0, |m| m.segment));
    let mut verifier = Verifier {
        report: VerifyReport::default(),
        chain: Chain::start(),
        codec: Codec::new()?,
        states: StreamStates::new(MEMORY, usize::MAX),
        dictionaries: Dictionaries::default(),
        heads: HashMap::new(),
        segment: 0,
        broken: false,
        astray: false,
        unreadable: UnreadableFrames::new(),
    };
    let mut expected = 1;
    for number in numbers {
        if number > expected {
            verifier.segment = expected;
            verifier.note_damage(0, "the file is missing");
        }
        (verifier.segment, expected) = (number, number.saturating_add(1));
        verifier.verify_segment(store, mark, last)?;
    }
    if expected <= last {
        verifier.segment = expected;
        verifier.note_damage(0, "the file is missing");
    }
    let Verifier { mut report, chain, heads, segment, unreadable, .. } = verifier;
    report.last_position = super::open::last_position(&chain);
    report.last_hash = blake3::Hash::from_bytes(chain.previous).to_hex().to_string();
    report.streams = heads.len() as u64;
    if let Some(mark) = mark.filter(|m| m.next > chain.next) {
        let what =
            format!("acknowledged up to before position {}, the log ends before {}", mark.next, chain.next);
        report.damage.push(StoreDamage { segment, offset: 0, what });
    }
    Ok((report, unreadable))
}

impl Verifier {
    fn note_damage(&mut self, offset: u64, what: &str) {
        self.report.damage.push(StoreDamage { segment: self.segment, offset, what: what.to_owned() });
        self.astray = true;
    }

    /// Notes a frame that is whole and holds what cannot be read.
    fn note_unreadable(&mut self, at: u64, what: &str) {
        self.note_damage(at, what);
        self.unreadable.insert((self.segment, at));
    }

    fn verify_segment(&mut self, store: &Path, mark: Option<Watermark>, last: u32) -> Result<(), StoreError> {
        let number = self.segment;
        let failed = || unavailable_error(&format!("reading segment {number}"));
        let log = File::open(segment::log_path(store, number)).map_err(failed())?;
        let length = log.metadata().map_err(failed())?.len();
        self.report.segments += 1;
        self.report.bytes += length;
        // Deltas do not reach over from the segment before.
        self.states.clear();
        self.dictionaries = Dictionaries::default();
        match SegmentHead::read(&log, number) {
            Ok(head) if head.previous == self.chain.previous && head.first == self.chain.next => {}
            Ok(head) => {
                if !self.astray {
                    self.note_damage(0, "the segment does not follow the one before it");
                }
                self.chain = Chain { previous: head.previous, next: head.first };
            }
            Err(StoreError::Corrupt { what }) => self.note_damage(0, &what),
            Err(e) => return Err(e),
        }
        let durable = match mark {
            Some(mark) if mark.segment == number => mark.length,
            _ if number == last => HEAD as u64,
            _ => length,
        };
        if length < durable {
            self.note_damage(length, "the file ends before what was acknowledged");
        }
        self.verify_frames(&log, length, durable.min(length), number == last)?;
        // One beside the last segment is of a writer that was killed before it began the next one; it is not used.
        if number != last {
            self.verify_index(store, length);
        }
        Ok(())
    }

    fn verify_frames(&mut self, log: &File, length: u64, durable: u64, last: bool) -> Result<(), StoreError> {
        let failed = |e| unavailable_error("reading a segment")(e);
        let mut walk = FrameWalk::new(log, HEAD as u64, length);
        loop {
            let before = walk.at();
            match walk.next() {
                Ok(None) => return Ok(()),
                Ok(Some((at, frame))) => self.verify_frame(at, &frame),
                Err(WalkStop::Io(e)) => return Err(failed(e)),
                Err(WalkStop::Bad(bad)) => {
                    let more = match walk.skip_to_frame() {
                        Ok(more) => more,
                        Err(WalkStop::Io(e)) => return Err(failed(e)),
                        Err(WalkStop::Bad(_)) => false,
                    };
                    if !more && last && before >= durable {
                        let (segment, bytes) = (self.segment, length - before);
                        let why = bad.to_string();
                        self.report.torn = Some(Recovered { segment, offset: before, bytes, why });
                        return Ok(());
                    }
                    self.note_damage(before, &bad.to_string());
                    if !more {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn verify_frame(&mut self, at: u64, frame: &Frame<'_>) {
        self.report.frames += 1;
        if self.astray {
            // The frame says itself where it stands; what is missing before it is known already.
            self.chain = Chain { previous: frame.header.previous, next: frame.header.first };
        }
        match self.chain.follow_frame(frame, &mut self.codec) {
            Ok(None) => {}
            Ok(Some(gap)) => {
                self.broken = true;
                self.report
                    .breaks
                    .push(LogBreak { from: Position::new(gap.lost.0), to: Position::new(gap.lost.1) });
            }
            Err(e) => {
                self.note_damage(at, &e.to_string());
                self.chain = Chain { previous: frame.hash, next: frame.header.end() };
            }
        }
        match frame.header.kind {
            FrameKind::Events => self.verify_records(at, frame),
            FrameKind::Break => {}
            FrameKind::Dictionary => {
                if let Err(e) = self.dictionaries.take(frame, &mut self.codec) {
                    self.note_unreadable(at, &e.to_string());
                }
            }
        }
    }

    fn verify_records(&mut self, at: u64, frame: &Frame<'_>) {
        let records = match records_of(frame, &mut self.codec, |n| self.dictionaries.find(n)) {
            Ok(records) => records,
            Err(e) => return self.note_unreadable(at, &e.to_string()),
        };
        for (position, record) in (records.first.get()..).zip(&records.records) {
            let stream = records.stream(record);
            let revision = record.revision.get();
            let new = self.heads.len() as u32;
            let entry = self.heads.entry(Arc::clone(stream)).or_insert((new, 0));
            let (number, head) = (entry.0, std::mem::replace(&mut entry.1, revision));
            if revision != head + 1 && (revision <= head || !(self.broken || self.astray)) {
                let what = format!("stream `{stream}` goes on at revision {revision}, not {}", head + 1);
                // One that goes back is wrong in itself; one that jumps shows that something before it is missing.
                match revision <= head {
                    true => self.note_unreadable(at, &what),
                    false => self.note_damage(at, &what),
                }
            }
            let missing = revision.saturating_sub(head + 1);
            let before = self.states.touch(number).filter(|s| s.revision + 1 == revision);
            let unreadable = record.delta_depth > 0 && before.is_none() && (self.broken || self.astray);
            if missing > 0 || unreadable {
                *self.report.incomplete.entry((**stream).clone()).or_default() +=
                    missing + u64::from(unreadable);
            }
            if unreadable {
                self.report.unreadable += 1;
                continue;
            }
            match decode_record(&records, record, Position::new(position), before.as_ref()) {
                Ok((_, state)) => {
                    self.report.events += 1;
                    self.states.put(number, state);
                }
                Err(what) => self.note_unreadable(at, &format!("position {position}: {what}")),
            }
        }
    }

    /// Checks that the index file, if there is one, belongs to this segment.
    fn verify_index(&mut self, store: &Path, length: u64) {
        let Ok(bytes) = std::fs::read(index::index_path(store, self.segment)) else { return };
        let fits = SegmentIndex::parse(&bytes).is_some_and(|i| i.length == length && i.end == self.chain);
        if !fits && !self.astray {
            self.note_damage(
                0,
                "the index file does not belong to this segment; remove it to have it rebuilt",
            );
        }
    }
}
