//! Reading everything and checking all that can be checked.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use drift_core::{Position, StoreError, StreamId};

use super::Recovered;
use super::cache::States;
use super::frame::{Codec, Frame, Kind};
use super::home::Mark;
use super::index::{self, Index};
use super::reader::{decode, records_of};
use super::segment::{self, Chain, Dictionaries, HEAD, Head, Stop, Walk};
use super::unavailable;

/// A place where a store is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Number of the segment.
    pub segment: u32,
    /// Byte in its file.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "segment {}, byte {}: {}", self.segment, self.offset, self.what)
    }
}

/// What reading everything in a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Segments read.
    pub segments: u32,
    /// Frames found whole.
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
    /// Breaks that a repair noted: first lost position and the one that the log goes on with.
    pub breaks: Vec<(Position, Position)>,
    /// Events that cannot be read because they build on one that a repair could not keep.
    pub unreadable: u64,
    /// Streams that miss events, with how many: lost ones before another one, and unreadable ones.
    pub incomplete: BTreeMap<StreamId, u64>,
    /// What a killed writer left at the end; not acknowledged, cut off when the store is opened next.
    pub torn: Option<Recovered>,
    /// What is damaged, in order.
    pub damage: Vec<Damage>,
}

impl VerifyReport {
    /// Tells whether nothing is damaged; breaks of earlier repairs do not count.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

struct Verifier {
    report: VerifyReport,
    chain: Chain,
    codec: Codec,
    states: States,
    dictionaries: Dictionaries,
    /// Numbers and last revisions.
    heads: HashMap<Arc<StreamId>, (u32, u64)>,
    /// Number of the segment at hand.
    segment: u32,
    broken: bool,
    /// Damage was found, so that what follows from it is not damage again.
    astray: bool,
}

/// Objects as they are; packed ones are kept all, which takes about as much as the segment they come from.
const MEMORY: usize = 64 << 20;

/// Checks the store in a folder.
pub(super) fn verify(store: &Path) -> Result<VerifyReport, StoreError> {
    let mark = Mark::read(store);
    let numbers = segment::list(store)?;
    let last = numbers.last().copied().unwrap_or(0).max(mark.map_or(0, |m| m.segment));
    let mut verifier = Verifier {
        report: VerifyReport::default(),
        chain: Chain::start(),
        codec: Codec::new()?,
        states: States::new(MEMORY, usize::MAX),
        dictionaries: Dictionaries::default(),
        heads: HashMap::new(),
        segment: 0,
        broken: false,
        astray: false,
    };
    let mut expected = 1;
    for number in numbers {
        if number > expected {
            verifier.segment = expected;
            verifier.damage(0, "the file is missing");
        }
        (verifier.segment, expected) = (number, number.saturating_add(1));
        verifier.segment(store, mark, last)?;
    }
    if expected <= last {
        verifier.segment = expected;
        verifier.damage(0, "the file is missing");
    }
    let Verifier { mut report, chain, heads, segment, .. } = verifier;
    report.last_position = super::open::last(&chain);
    report.last_hash = blake3::Hash::from_bytes(chain.previous).to_hex().to_string();
    report.streams = heads.len() as u64;
    if let Some(mark) = mark.filter(|m| m.next > chain.next) {
        let what =
            format!("acknowledged up to before position {}, the log ends before {}", mark.next, chain.next);
        report.damage.push(Damage { segment, offset: 0, what });
    }
    Ok(report)
}

impl Verifier {
    fn damage(&mut self, offset: u64, what: &str) {
        self.report.damage.push(Damage { segment: self.segment, offset, what: what.to_owned() });
        self.astray = true;
    }

    fn segment(&mut self, store: &Path, mark: Option<Mark>, last: u32) -> Result<(), StoreError> {
        let number = self.segment;
        let failed = || unavailable(&format!("reading segment {number}"));
        let log = File::open(segment::path(store, number)).map_err(failed())?;
        let length = log.metadata().map_err(failed())?.len();
        self.report.segments += 1;
        self.report.bytes += length;
        // Deltas do not reach over from the segment before.
        self.states.clear();
        self.dictionaries = Dictionaries::default();
        match Head::read(&log, number) {
            Ok(head) if head.previous == self.chain.previous && head.first == self.chain.next => {}
            Ok(head) => {
                if !self.astray {
                    self.damage(0, "the segment does not follow the one before it");
                }
                self.chain = Chain { previous: head.previous, next: head.first };
            }
            Err(StoreError::Corrupt { what }) => self.damage(0, &what),
            Err(e) => return Err(e),
        }
        let durable = match mark {
            Some(mark) if mark.segment == number => mark.length,
            _ if number == last => HEAD as u64,
            _ => length,
        };
        if length < durable {
            self.damage(length, "the file ends before what was acknowledged");
        }
        self.frames(&log, length, durable.min(length), number == last)?;
        // One beside the last segment is of a writer that was killed before it began the next one; it is not used.
        if number != last {
            self.index(store, length);
        }
        Ok(())
    }

    fn frames(&mut self, log: &File, length: u64, durable: u64, last: bool) -> Result<(), StoreError> {
        let failed = |e| unavailable("reading a segment")(e);
        let mut walk = Walk::new(log, HEAD as u64, length);
        loop {
            let before = walk.at();
            match walk.next() {
                Ok(None) => return Ok(()),
                Ok(Some((at, frame))) => self.frame(at, &frame),
                Err(Stop::Io(e)) => return Err(failed(e)),
                Err(Stop::Bad(bad)) => {
                    let more = match walk.skip() {
                        Ok(more) => more,
                        Err(Stop::Io(e)) => return Err(failed(e)),
                        Err(Stop::Bad(_)) => false,
                    };
                    if !more && last && before >= durable {
                        let (segment, bytes) = (self.segment, length - before);
                        let why = bad.to_string();
                        self.report.torn = Some(Recovered { segment, offset: before, bytes, why });
                        return Ok(());
                    }
                    self.damage(before, &bad.to_string());
                    if !more {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn frame(&mut self, at: u64, frame: &Frame<'_>) {
        self.report.frames += 1;
        if self.astray {
            // The frame says itself where it stands; what is missing before it is known already.
            self.chain = Chain { previous: frame.header.previous, next: frame.header.first };
        }
        match self.chain.follow(frame, &mut self.codec) {
            Ok(None) => {}
            Ok(Some(gap)) => {
                self.broken = true;
                self.report.breaks.push((Position::new(gap.lost.0), Position::new(gap.lost.1)));
            }
            Err(what) => {
                self.damage(at, &what);
                self.chain = Chain { previous: frame.hash, next: frame.header.end() };
            }
        }
        match frame.header.kind {
            Kind::Events => self.records(at, frame),
            Kind::Break => {}
            Kind::Dictionary => {
                if let Err(what) = self.dictionaries.take(frame, &mut self.codec) {
                    self.damage(at, &what);
                }
            }
        }
    }

    fn records(&mut self, at: u64, frame: &Frame<'_>) {
        let records = match records_of(frame, &mut self.codec, |n| self.dictionaries.find(n)) {
            Ok(records) => records,
            Err(what) => return self.damage(at, &what),
        };
        for (position, record) in (records.first.get()..).zip(&records.records) {
            let stream = records.stream(record);
            let revision = record.revision.get();
            let new = self.heads.len() as u32;
            let entry = self.heads.entry(Arc::clone(stream)).or_insert((new, 0));
            let (number, head) = (entry.0, std::mem::replace(&mut entry.1, revision));
            if revision != head + 1 && (revision <= head || !(self.broken || self.astray)) {
                let what = format!("stream `{stream}` goes on at revision {revision}, not {}", head + 1);
                self.damage(at, &what);
            }
            let missing = revision.saturating_sub(head + 1);
            let before = self.states.touch(number).filter(|s| s.revision + 1 == revision);
            let unreadable = record.back > 0 && before.is_none() && (self.broken || self.astray);
            if missing > 0 || unreadable {
                *self.report.incomplete.entry((**stream).clone()).or_default() +=
                    missing + u64::from(unreadable);
            }
            if unreadable {
                self.report.unreadable += 1;
                continue;
            }
            match decode(&records, record, Position::new(position), before.as_ref()) {
                Ok((_, state)) => {
                    self.report.events += 1;
                    self.states.put(number, state);
                }
                Err(what) => self.damage(at, &format!("position {position}: {what}")),
            }
        }
    }

    /// Checks that the index file, if there is one, tells of this segment.
    fn index(&mut self, store: &Path, length: u64) {
        let Ok(bytes) = std::fs::read(index::path(store, self.segment)) else { return };
        let fits = Index::parse(&bytes).is_some_and(|i| i.length == length && i.end == self.chain);
        if !fits && !self.astray {
            self.damage(0, "the index file is not of this segment; remove it, it is made anew");
        }
    }
}
