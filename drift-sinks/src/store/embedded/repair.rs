//! Repairs a damaged store: readable frames stay byte for byte, and a break frame marks what is lost.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use drift_core::{
    Append, Event, EventBody, EventStore, ExpectedRevision, Gap, GapReason, NewEvent, Origin, Position,
    Scope, StoreError, StreamId,
};
use futures::executor::block_on_stream;
use jiff::Timestamp;

use super::directory::{self, Watermark, WatermarkFile};
use super::frame::{Codec, Frame, FrameBody, FrameHeader, FrameKind, Hash};
use super::index::{self, IndexEntry, SegmentIndex};
use super::reader::records_of;
use super::segment::{self, BreakRecord, Chain, Dictionaries, FrameWalk, HEAD, SegmentHead, WalkStop};
use super::store::EmbeddedStore;
use super::verify::{self, UnreadableFrames, VerifyReport};
use super::{corrupt_error, disk, unavailable_error};

/// More segments than this are not missing by accident.
const MAX_MISSING: u32 = 1000;
/// Name of the source that gaps are recorded under.
const SOURCE: &str = "store";

/// Events lost in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostEvents {
    /// Number of the segment.
    pub segment: u32,
    /// Position of the first lost event.
    pub from: Position,
    /// Position that the log goes on with; the same as `from` where no event was lost, only order proven.
    pub to: Position,
}

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairReport {
    /// What was lost, in order.
    pub lost: Vec<LostEvents>,
    /// Bytes of the segments that could not be kept.
    pub bytes: u64,
    /// Number of lost events by stream, as far as an index or a missing revision shows it.
    pub streams: BTreeMap<StreamId, u64>,
    /// Events that are still in the log and cannot be read, because they build on a lost one.
    pub unreadable: u64,
    /// Where the damaged files are kept.
    pub kept: Vec<PathBuf>,
    /// What the log holds now.
    pub now: VerifyReport,
}

impl RepairReport {
    /// Returns `true` if nothing was repaired.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.lost.is_empty()
    }

    /// Returns how many events were lost.
    pub fn lost_events(&self) -> u64 {
        self.lost.iter().map(|l| l.to.get() - l.from.get()).sum::<u64>() + self.unreadable
    }
}

/// A frame that can be kept.
struct SoundFrame {
    at: u64,
    size: usize,
    first: Position,
    previous: Hash,
    kind: FrameKind,
    more: bool,
    durable: u64,
    /// Where the log stands behind it.
    after: Chain,
}

/// What is in one segment's file.
struct SegmentSurvey {
    head: Option<SegmentHead>,
    frames: Vec<SoundFrame>,
    length: u64,
    /// There is a whole frame that cannot be read.
    unreadable: bool,
}

struct Repairer<'a> {
    store: &'a Path,
    unreadable: UnreadableFrames,
    chain: Chain,
    report: RepairReport,
}

impl EmbeddedStore {
    /// Makes a damaged store usable: preserves what is readable, moves the damaged files aside, marks the break in the log
    /// and records a gap. A store without damage is not changed.
    ///
    /// # Errors
    /// When the store is open for writing elsewhere, or its files cannot be read or written.
    pub fn repair(path: impl AsRef<Path>) -> Result<RepairReport, StoreError> {
        repair_store(path.as_ref())
    }
}

/// Repairs the store in a folder.
fn repair_store(store: &Path) -> Result<RepairReport, StoreError> {
    directory::check_format(store)?;
    let lock = directory::WriterLock::acquire(store)?;
    let mark = Watermark::read(store);
    let numbers = segment::list_segments(store)?;
    let last = numbers.last().copied().unwrap_or(0).max(mark.map_or(0, |m| m.segment));
    if last as usize > numbers.len() + MAX_MISSING as usize {
        return Err(corrupt_error(last, 0, "too many segments before this one are missing"));
    }
    let unreadable = verify::unreadable_frames(store)?;
    let mut repairer = Repairer { store, unreadable, chain: Chain::start(), report: RepairReport::default() };
    for number in 1..=last {
        repairer.repair_segment(number, mark, last)?;
    }
    let Repairer { mut report, chain, .. } = repairer;
    if !report.is_empty() {
        let path = segment::log_path(store, last);
        let length = path.metadata().map_err(unavailable_error(&format!("opening segment {last}")))?.len();
        let mark = Watermark { segment: last, length, next: chain.next };
        WatermarkFile::open(store)?.set(mark).map_err(unavailable_error("noting what is acknowledged"))?;
    }
    drop(lock);
    // Rebuilds the indexes, and fails if the log is still damaged.
    let opened = EmbeddedStore::open(store)?;
    record_gaps(&opened, &report)?;
    drop(opened);
    report.now = verify::verify_store(store)?;
    if let Some(damage) = report.now.damage.first() {
        let what = format!("{damage}, also after it was repaired");
        return Err(StoreError::Corrupt { what });
    }
    report.unreadable = report.now.unreadable;
    for (stream, count) in &report.now.incomplete {
        let known = report.streams.entry(stream.clone()).or_default();
        *known = (*known).max(*count);
    }
    if report.is_empty() {
        // Streams that an earlier repair left incomplete are not this one's.
        (report.streams, report.unreadable) = (BTreeMap::new(), 0);
    }
    Ok(report)
}

impl Repairer<'_> {
    fn repair_segment(&mut self, number: u32, mark: Option<Watermark>, last: u32) -> Result<(), StoreError> {
        let path = segment::log_path(self.store, number);
        let survey = match File::open(&path) {
            Ok(file) => Some(survey_segment(&file, number, &self.unreadable)?),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(unavailable_error(&format!("opening segment {number}"))(e)),
        };
        let acknowledged = mark.filter(|_| number == last).map_or(self.chain.next, |m| m.next);
        let whole = survey.as_ref().and_then(|s| self.is_whole(s, number == last, mark));
        if let Some(after) = whole.filter(|after| number != last || after.next >= acknowledged) {
            self.chain = after;
            return Ok(());
        }
        self.rewrite_segment(number, survey, acknowledged)
    }

    /// Returns where the log stands behind a segment that needs no repair.
    fn is_whole(&self, survey: &SegmentSurvey, last: bool, mark: Option<Watermark>) -> Option<Chain> {
        let head = survey.head.as_ref()?;
        let mut chain = Chain { previous: head.previous, next: head.first };
        if chain != self.chain {
            return None;
        }
        let (mut end, mut whole) = (HEAD as u64, (HEAD as u64, chain.clone()));
        let row = survey.frames.iter().take_while(|f| {
            let follows = f.at == end;
            end += if follows { f.size as u64 } else { 0 };
            follows
        });
        let mut count = 0;
        for frame in row {
            if frame.previous != chain.previous || frame.first != chain.next {
                return None;
            }
            (chain, count) = (frame.after.clone(), count + 1);
            if !frame.more {
                whole = (frame.at + frame.size as u64, chain.clone());
            }
        }
        if survey.unreadable {
            return None;
        }
        let clean = whole.0 == survey.length;
        // What was never acknowledged is cut off when the store is opened: that is no damage.
        let durable = mark.map_or(0, |m| m.length);
        let torn = last && whole.0 >= durable && survey.frames[count..].iter().all(|f| f.durable <= whole.0);
        (clean || torn).then_some(whole.1)
    }

    /// Rewrites a segment with its sound frames.
    fn rewrite_segment(
        &mut self,
        number: u32,
        survey: Option<SegmentSurvey>,
        until: Position,
    ) -> Result<(), StoreError> {
        let failed = || unavailable_error(&format!("repairing segment {number}"));
        let path = segment::log_path(self.store, number);
        let kept = match survey {
            Some(_) => Some(self.keep_copy(number)?),
            None => None,
        };
        // An index that is missing or damaged only means that fewer streams can be named.
        let index = std::fs::read(index::index_path(self.store, number)).unwrap_or_default();
        let temporary = path.with_extension("tmp");
        let mut out = BufWriter::new(disk::private_file().truncate(true).open(&temporary).map_err(failed())?);
        let head = SegmentHead { number, first: self.chain.next, previous: self.chain.previous };
        out.write_all(&head.to_bytes()).map_err(failed())?;
        let mut used = HEAD as u64;
        let before = self.report.lost.len();
        let name = kept.as_ref().map_or_else(String::new, |k| k.display().to_string());
        if let (Some(survey), Some(kept)) = (&survey, &kept) {
            let file = File::open(self.store.join(kept)).map_err(failed())?;
            let frames = whole_batches(&survey.frames);
            for frame in frames {
                if frame.first < self.chain.next {
                    continue;
                }
                if frame.previous != self.chain.previous || frame.first != self.chain.next {
                    let gap = self.break_frame(number, frame.first, Some(frame.previous), &name);
                    out.write_all(&gap).map_err(failed())?;
                }
                let mut bytes = vec![0; frame.size];
                disk::read_at(&file, &mut bytes, frame.at).map_err(failed())?;
                out.write_all(&bytes).map_err(failed())?;
                used += frame.size as u64;
                self.chain = frame.after.clone();
            }
            self.report.bytes += survey.length.saturating_sub(used);
        }
        if self.chain.next < until {
            let gap = self.break_frame(number, until, None, &name);
            out.write_all(&gap).map_err(failed())?;
        }
        let file = out.into_inner().map_err(|e| failed()(e.into_error()))?;
        file.sync_all().and_then(|()| std::fs::rename(&temporary, &path)).map_err(failed())?;
        match std::fs::remove_file(index::index_path(self.store, number)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed()(e)),
            _ => {}
        }
        disk::sync_folder(&segment::segments_folder(self.store)).map_err(failed())?;
        self.name_streams(&index, before);
        self.report.kept.extend(kept);
        Ok(())
    }

    /// Puts a copy of a segment aside and returns where, below the store's folder.
    fn keep_copy(&self, number: u32) -> Result<PathBuf, StoreError> {
        let failed = || unavailable_error(&format!("keeping a copy of segment {number}"));
        let folder = self.store.join("damaged");
        disk::create_private_folder(&folder).map_err(failed())?;
        let name = (1..).map(|n| format!("{number:08}.{n}.log")).find(|name| !folder.join(name).exists());
        let kept = Path::new("damaged").join(name.unwrap_or_default());
        let target = self.store.join(&kept);
        let mut source = File::open(segment::log_path(self.store, number)).map_err(failed())?;
        let mut file = disk::private_file().create_new(true).open(&target).map_err(failed())?;
        std::io::copy(&mut source, &mut file).map_err(failed())?;
        file.sync_all().and_then(|()| disk::sync_folder(&folder)).map_err(failed())?;
        Ok(kept)
    }

    /// Returns the frame that marks lost events, and moves the chain behind it.
    fn break_frame(&mut self, segment: u32, to: Position, resume: Option<Hash>, kept: &str) -> Vec<u8> {
        let from = self.chain.next;
        let gap = BreakRecord {
            lost: (from.get(), to.get()),
            kept: kept.to_owned(),
            resume: resume.map(|hash| blake3::Hash::from_bytes(hash).to_hex().to_string()),
        };
        let body = FrameBody::plain(serde_json::to_vec(&gap).expect("numbers and texts"));
        let (kind, previous) = (FrameKind::Break, self.chain.previous);
        let header = FrameHeader { kind, more: false, count: 0, first: from, durable: 0, previous };
        let mut bytes = Vec::new();
        let hash = header.write(&body, &mut bytes);
        self.chain = Chain { previous: resume.unwrap_or(hash), next: to };
        self.report.lost.push(LostEvents { segment, from, to });
        bytes
    }

    /// Names the streams that lost something, by the segment's old index.
    fn name_streams(&mut self, bytes: &[u8], before: usize) {
        let Some(index) = SegmentIndex::parse(bytes) else { return };
        let mut at = index.entries_at() as usize;
        for run in &index.runs {
            for _ in 0..run.count {
                let entry =
                    bytes.get(at..at + index::ENTRY).and_then(|e| e.try_into().ok()).map(IndexEntry::parse);
                at += index::ENTRY;
                let frame = entry.and_then(|e| Some((index.frames.get(e.frame as usize)?, e)));
                let Some((frame, entry)) = frame else { continue };
                let position =
                    Position::new(index.first.get() + u64::from(frame.first) + u64::from(entry.slot));
                if self.report.lost[before..].iter().any(|l| l.from <= position && position < l.to) {
                    *self.report.streams.entry((*run.stream).clone()).or_default() += 1;
                }
            }
        }
    }
}

/// Leaves out events of batches that are not whole; dictionaries stay, since what follows may need them.
fn whole_batches(frames: &[SoundFrame]) -> Vec<&SoundFrame> {
    let mut whole = Vec::new();
    let mut batch: Vec<&SoundFrame> = Vec::new();
    let mut end = None;
    for frame in frames {
        if end.is_some_and(|end| end != frame.at) {
            whole.extend(batch.drain(..).filter(|f| f.kind != FrameKind::Events));
        }
        end = Some(frame.at + frame.size as u64);
        batch.push(frame);
        if !frame.more {
            whole.append(&mut batch);
        }
    }
    whole.extend(batch.drain(..).filter(|f| f.kind != FrameKind::Events));
    whole
}

/// Finds what can be kept of a segment.
fn survey_segment(
    file: &File,
    number: u32,
    unreadable: &UnreadableFrames,
) -> Result<SegmentSurvey, StoreError> {
    let failed = |stop| match stop {
        WalkStop::Io(e) => unavailable_error(&format!("reading segment {number}"))(e),
        WalkStop::Bad(bad) => corrupt_error(number, 0, bad.to_string()),
    };
    let head = match SegmentHead::read(file, number) {
        Ok(head) => Some(head),
        Err(StoreError::Corrupt { .. }) => None,
        Err(e) => return Err(e),
    };
    let length = file.metadata().map_err(unavailable_error(&format!("reading segment {number}")))?.len();
    let mut survey = SegmentSurvey { head, frames: Vec::new(), length, unreadable: false };
    let (mut codec, mut dictionaries) = (Codec::new()?, Dictionaries::default());
    let mut walk = FrameWalk::new(file, (HEAD as u64).min(length), length);
    loop {
        match walk.next() {
            Ok(None) => return Ok(survey),
            Ok(Some((at, _))) if unreadable.contains(&(number, at)) => survey.unreadable = true,
            Ok(Some((at, frame))) => match salvage_frame(at, &frame, &mut codec, &mut dictionaries) {
                Some(good) => survey.frames.push(good),
                None => survey.unreadable = true,
            },
            Err(WalkStop::Bad(_)) => {
                if !walk.skip_to_frame().map_err(failed)? {
                    return Ok(survey);
                }
            }
            Err(stop) => return Err(failed(stop)),
        }
    }
}

fn salvage_frame(
    at: u64,
    frame: &Frame<'_>,
    codec: &mut Codec,
    dictionaries: &mut Dictionaries,
) -> Option<SoundFrame> {
    let FrameHeader { kind, more, first, previous, durable, .. } = frame.header;
    // By itself each frame follows its own beginning; whether that is where the log stands is seen later.
    let mut after = Chain { previous, next: first };
    after.follow_frame(frame, codec).ok()?;
    match kind {
        FrameKind::Events => drop(records_of(frame, codec, |n| dictionaries.find(n)).ok()?),
        FrameKind::Dictionary => drop(dictionaries.take(frame, codec).ok()??),
        FrameKind::Break => {}
    }
    Some(SoundFrame { at, size: frame.size, first, previous, kind, more, durable, after })
}

/// Records each loss as a gap, between the last event before and the first one after it.
fn record_gaps(store: &EmbeddedStore, report: &RepairReport) -> Result<(), StoreError> {
    let lost: Vec<_> = report.lost.iter().filter(|l| l.from < l.to).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let mut times = vec![(None::<Timestamp>, None::<Timestamp>); lost.len()];
    for event in block_on_stream(store.read_all(Position::START)) {
        let event: Event = event?;
        for (lost, (before, after)) in lost.iter().zip(&mut times) {
            if event.position < lost.from {
                *before = Some(event.observed_at);
            } else if after.is_none() {
                *after = Some(event.observed_at);
            }
        }
    }
    let gap = |(lost, (from, to)): (&&LostEvents, (Option<Timestamp>, Option<Timestamp>))| {
        let count = lost.to.get() - lost.from.get();
        let to = to.or(from).unwrap_or(Timestamp::UNIX_EPOCH);
        let message = format!(
            "the store was repaired: {count} events from position {} to before {} are lost",
            lost.from, lost.to
        );
        let gap = Gap {
            scope: Scope::default(),
            from,
            to,
            from_version: None,
            to_version: None,
            reason: GapReason::Corrupt,
            message: message.into(),
        };
        NewEvent {
            uid: None,
            origin: Origin { source: SOURCE.into(), ..Origin::default() },
            observed_at: to,
            occurred_at: None,
            body: EventBody::Gap(gap),
        }
    };
    let events = lost.iter().zip(times).map(gap).collect();
    let append = Append { stream: StreamId::Source(SOURCE.into()), expected: ExpectedRevision::Any, events };
    futures::executor::block_on(store.append(vec![append])).map(drop)
}
