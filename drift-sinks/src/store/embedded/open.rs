//! Opening a store: indexes of sealed segments are loaded, the last segment is read, a torn end is cut off.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Arc;

use drift_core::{Position, StoreError};

use super::catalog::{Catalog, IndexedEvent, Segment};
use super::directory::Watermark;
use super::disk;
use super::frame::Codec;
use super::index::{self, SegmentIndex};
use super::reader::records_of;
use super::records::{EventRecord, FrameRecords};
use super::segment::{self, Chain, Dictionaries, FrameWalk, HEAD, SegmentHead, WalkStop};
use super::{corrupt_error, unavailable_error, writer};

/// What was cut off when a store was opened: an incomplete write of a killed writer, never acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Number of the segment.
    pub segment: u32,
    /// Length of the segment now.
    pub offset: u64,
    /// Number of bytes that were cut off.
    pub bytes: u64,
    /// Why they could not be read.
    pub why: String,
}

impl std::fmt::Display for Recovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { segment, offset, bytes, why } = self;
        write!(f, "cut {bytes} unacknowledged bytes off segment {segment} at {offset}: {why}")
    }
}

/// What the log holds.
#[derive(Debug)]
pub(super) struct LoadedLog {
    pub(super) catalog: Catalog,
    pub(super) chain: Chain,
    /// Number and acknowledged length of the last segment.
    pub(super) last: (u32, u64),
    pub(super) recovered: Option<Recovered>,
}

/// Whether a store is opened to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenMode {
    /// The lock is held: what is torn is cut off, what is missing is made.
    Write,
    /// Nothing is changed, and only what the writer has acknowledged is read.
    Read,
}

/// What reading a segment to its end found.
struct ScannedSegment {
    /// Where the last whole batch ends.
    end: u64,
    /// Why there is something behind it.
    torn: Option<String>,
}

/// Loads the log as far as it is acknowledged, while a writer may be at work.
pub(super) fn load_beside_writer(store: &Path) -> Result<LoadedLog, StoreError> {
    let mut last = load_log(store, OpenMode::Read);
    for _ in 0..5 {
        // A segment that was begun between two looks at the folder seems to be missing or torn.
        if !matches!(last, Err(StoreError::Corrupt { .. })) {
            break;
        }
        last = load_log(store, OpenMode::Read);
    }
    last
}

/// Loads the log: catalog, chain and what was cut off.
pub(super) fn load_log(store: &Path, mode: OpenMode) -> Result<LoadedLog, StoreError> {
    let mark = Watermark::read(store);
    let numbers = segment::list_segments(store)?;
    let last = numbers.last().copied().unwrap_or(0);
    for (number, expected) in numbers.iter().zip(1..) {
        if *number != expected {
            return Err(corrupt_error(expected, 0, "the file is missing"));
        }
    }
    if let Some(mark) = mark.filter(|m| m.segment > last) {
        return Err(corrupt_error(mark.segment, 0, "the file is missing"));
    }
    let (mut catalog, mut chain) = (Catalog::default(), Chain::start());
    if last == 0 {
        if mode == OpenMode::Write {
            catalog.add_open(writer::begin_segment(store, 1, &chain)?.0);
        }
        return Ok(LoadedLog { catalog, chain, last: (1, HEAD as u64), recovered: None });
    }
    for number in 1..last {
        add_sealed_segment(store, number, mode, &mut catalog, &mut chain)?;
    }
    let (length, recovered) = add_open_segment(store, last, mode, mark, &mut catalog, &mut chain)?;
    if let Some(mark) = mark.filter(|m| m.next > chain.next) {
        let what =
            format!("positions up to {} were acknowledged, the log ends before {}", mark.next, chain.next);
        return Err(corrupt_error(last, length, &what));
    }
    Ok(LoadedLog { catalog, chain, last: (last, length), recovered })
}

fn log_of(store: &Path, number: u32) -> Result<(Arc<File>, u64), StoreError> {
    let failed = || unavailable_error(&format!("opening segment {number}"));
    let file = File::open(segment::log_path(store, number)).map_err(failed())?;
    let length = file.metadata().map_err(failed())?.len();
    Ok((Arc::new(file), length))
}

/// Checks that a segment follows the one before.
pub(super) fn check_head(head: &SegmentHead, chain: &Chain) -> Result<(), StoreError> {
    if head.previous != chain.previous || head.first != chain.next {
        return Err(corrupt_error(head.number, 0, "the segment does not follow the one before it"));
    }
    Ok(())
}

/// Adds a sealed segment by its index, or by reading it where the index is missing or out of date.
fn add_sealed_segment(
    store: &Path,
    number: u32,
    mode: OpenMode,
    catalog: &mut Catalog,
    chain: &mut Chain,
) -> Result<(), StoreError> {
    let (log, length) = log_of(store, number)?;
    let head = SegmentHead::read(&log, number)?;
    check_head(&head, chain)?;
    let path = index::index_path(store, number);
    let index = std::fs::read(&path).ok().and_then(|bytes| SegmentIndex::parse(&bytes));
    let fits = |i: &SegmentIndex| {
        i.number == number && i.length == length && i.previous == head.previous && i.first == head.first
    };
    let failed = |what: &str| corrupt_error(number, 0, what);
    if let Some(index) = index.filter(fits) {
        let entries = File::open(&path).map_err(unavailable_error(&format!("opening {}", path.display())))?;
        *chain = index.end.clone();
        return catalog.add_sealed(index, log, entries).map_err(|e| corrupt_error(number, 0, e));
    }
    catalog.add_open(Segment::new(number, head.first, head.previous, Arc::clone(&log)));
    let scanned = scan_frames(&log, HEAD as u64, length, catalog, chain)?;
    if let Some(what) = scanned.torn {
        return Err(corrupt_error(number, scanned.end, &what));
    }
    if mode == OpenMode::Write {
        let (index, entries) = catalog.build_index(length, chain).ok_or_else(|| failed("it has no index"))?;
        let write = disk::replace(&path, &index.to_bytes(entries.into_iter()));
        write.map_err(unavailable_error(&format!("writing {}", path.display())))?;
        let entries = File::open(&path).map_err(unavailable_error(&format!("opening {}", path.display())))?;
        catalog.seal_segment(&index, entries);
    }
    Ok(())
}

/// Adds the last segment by reading it; cuts off what was being written when the writer ended.
fn add_open_segment(
    store: &Path,
    number: u32,
    mode: OpenMode,
    mark: Option<Watermark>,
    catalog: &mut Catalog,
    chain: &mut Chain,
) -> Result<(u64, Option<Recovered>), StoreError> {
    let (log, length) = log_of(store, number)?;
    let head = SegmentHead::read(&log, number)?;
    check_head(&head, chain)?;
    let durable = match mark {
        Some(mark) if mark.segment == number => mark.length,
        _ => HEAD as u64,
    };
    if length < durable {
        return Err(corrupt_error(
            number,
            length,
            format!("the file ends here, {durable} bytes were acknowledged"),
        ));
    }
    let readable = if mode == OpenMode::Read && mark.is_some() { durable } else { length };
    let from = resume_from_index(store, &log, &head, readable, catalog, chain)?;
    let scanned = scan_frames(&log, from, readable, catalog, chain)?;
    let Some(why) = scanned.torn else { return Ok((scanned.end, None)) };
    if scanned.end < durable {
        return Err(corrupt_error(number, scanned.end, &why));
    }
    acknowledged_behind(&log, number, scanned.end, length, &why)?;
    if mode == OpenMode::Write {
        let failed = || unavailable_error(&format!("cutting off the torn end of segment {number}"));
        let file = OpenOptions::new().write(true).open(segment::log_path(store, number)).map_err(failed())?;
        file.set_len(scanned.end).and_then(|()| file.sync_all()).map_err(failed())?;
    }
    let recovered = Recovered { segment: number, offset: scanned.end, bytes: length - scanned.end, why };
    Ok((scanned.end, Some(recovered)))
}

/// Adds the beginning of the last segment by its index, as far as there is one; returns where to read on from.
fn resume_from_index(
    store: &Path,
    log: &Arc<File>,
    head: &SegmentHead,
    readable: u64,
    catalog: &mut Catalog,
    chain: &mut Chain,
) -> Result<u64, StoreError> {
    let SegmentHead { number, first, previous } = *head;
    let path = index::index_path(store, number);
    let index = std::fs::read(&path).ok().and_then(|bytes| SegmentIndex::parse(&bytes));
    let fits = |i: &SegmentIndex| {
        i.number == number && i.previous == previous && i.first == first && i.length <= readable && !i.broken
    };
    // Before anything is cut off, all of the segment is read: what looks torn can be damage further up.
    let usable = index.filter(fits).filter(|i| is_whole(log, i.length, readable));
    let Some((index, entries)) = usable.zip(File::open(&path).ok()) else {
        catalog.add_open(Segment::new(number, first, previous, Arc::clone(log)));
        return Ok(HEAD as u64);
    };
    let (end, length) = (index.end.clone(), index.length);
    catalog.add_resumed(index, Arc::clone(log), entries).map_err(|e| corrupt_error(number, 0, e))?;
    *chain = end;
    Ok(length)
}

fn is_whole(log: &File, from: u64, to: u64) -> bool {
    let mut walk = FrameWalk::new(log, from, to);
    loop {
        match walk.next() {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Refuses when a whole frame behind a damaged place says that the place was acknowledged.
fn acknowledged_behind(log: &File, number: u32, at: u64, length: u64, why: &str) -> Result<(), StoreError> {
    let failed = |stop| match stop {
        WalkStop::Io(e) => unavailable_error(&format!("reading segment {number}"))(e),
        WalkStop::Bad(bad) => corrupt_error(number, at, bad.to_string()),
    };
    let mut walk = FrameWalk::new(log, at, length);
    while walk.skip_to_frame().map_err(failed)? {
        if walk.next().map_err(failed)?.is_some_and(|(_, frame)| frame.header.durable > at) {
            return Err(corrupt_error(number, at, why));
        }
    }
    Ok(())
}

/// Reads a segment's frames from a place on and adds what they hold, whole batches only.
///
/// # Errors
/// When a frame is whole and yet does not fit: that is no torn write.
fn scan_frames(
    log: &Arc<File>,
    from: u64,
    length: u64,
    catalog: &mut Catalog,
    chain: &mut Chain,
) -> Result<ScannedSegment, StoreError> {
    let (mut codec, mut dictionaries) = (Codec::new()?, Dictionaries::default());
    let number = catalog.read_dictionaries(&mut dictionaries, &mut codec)?;
    let mut walk = FrameWalk::new(log, from, length);
    let (mut ahead, mut batch, mut found) = (chain.clone(), Vec::new(), Vec::new());
    let mut end = from;
    loop {
        let (at, frame) = match walk.next() {
            Ok(Some(next)) => next,
            Ok(None) if batch.is_empty() => return Ok(ScannedSegment { end, torn: None }),
            Ok(None) => return Ok(ScannedSegment { end, torn: Some("a batch is not whole".into()) }),
            Err(WalkStop::Bad(bad)) => return Ok(ScannedSegment { end, torn: Some(bad.to_string()) }),
            Err(WalkStop::Io(e)) => return Err(unavailable_error(&format!("reading segment {number}"))(e)),
        };
        let after = at + frame.size as u64;
        let gap = ahead.follow_frame(&frame, &mut codec).map_err(|e| corrupt_error(number, at, e))?;
        if gap.is_some() {
            catalog.note_break();
            batch.clear();
        } else if let Some(number) =
            dictionaries.take(&frame, &mut codec).map_err(|e| corrupt_error(number, at, e))?
        {
            found.push((number, at));
        } else {
            let records = records_of(&frame, &mut codec, |n| dictionaries.find(n));
            let records = records.map_err(|e| corrupt_error(number, at, e))?;
            batch.push((at, frame.header.first, indexed_events(&records, catalog)));
        }
        if !frame.header.more {
            for (number, at) in found.drain(..) {
                catalog.push_dictionary(number, at);
            }
            for (at, first, events) in batch.drain(..) {
                catalog.push_frame(at, first, &events).map_err(|e| corrupt_error(number, at, e))?;
            }
            (end, *chain) = (after, ahead.clone());
        }
    }
}

/// Returns what the index needs to know of a frame.
fn indexed_events(records: &FrameRecords, catalog: &mut Catalog) -> Vec<IndexedEvent> {
    let numbers: Vec<_> = records.streams.iter().map(|s| catalog.number_or_new(s)).collect();
    let one = |r: &EventRecord| IndexedEvent {
        stream: numbers[r.stream],
        revision: r.revision,
        delta_depth: r.delta_depth,
    };
    records.records.iter().map(one).collect()
}

/// Returns the last position of a chain.
pub(super) fn last_position(chain: &Chain) -> Position {
    Position::new(chain.next.get().saturating_sub(1))
}
