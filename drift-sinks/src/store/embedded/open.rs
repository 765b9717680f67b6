//! Opening a store: indexes of sealed segments are loaded, the last segment is read, a torn end is cut off.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Arc;

use drift_core::{Position, StoreError};

use super::catalog::{Catalog, Indexed, Segment};
use super::disk::{self, Access};
use super::frame::Codec;
use super::home::Mark;
use super::index::{self, Index};
use super::reader::records_of;
use super::records::{Record, Records};
use super::segment::{self, Chain, Dictionaries, HEAD, Head, Stop, Walk};
use super::{Recovered, corrupt, unavailable, writer};

/// What the log holds.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) catalog: Catalog,
    pub(super) chain: Chain,
    /// Number and acknowledged length of the last segment.
    pub(super) last: (u32, u64),
    pub(super) recovered: Option<Recovered>,
}

/// Whether a store is opened to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The lock is held: what is torn is cut off, what is missing is made.
    Write,
    /// Nothing is changed, and only what the writer has acknowledged is read.
    Read,
}

/// What reading a segment to its end found.
struct Scanned {
    /// Where the last whole batch ends.
    end: u64,
    /// Why there is something behind it.
    torn: Option<String>,
}

/// Loads the log as far as it is acknowledged, while a writer may be at work.
pub(super) fn load_beside_writer(store: &Path) -> Result<Loaded, StoreError> {
    let mut last = load(store, Mode::Read);
    for _ in 0..5 {
        // A segment that was begun between two looks at the folder seems to be missing or torn.
        if !matches!(last, Err(StoreError::Corrupt { .. })) {
            break;
        }
        last = load(store, Mode::Read);
    }
    last
}

/// Loads the log.
pub(super) fn load(store: &Path, mode: Mode) -> Result<Loaded, StoreError> {
    let mark = Mark::read(store);
    let numbers = segment::list(store)?;
    let last = numbers.last().copied().unwrap_or(0);
    for (number, expected) in numbers.iter().zip(1..) {
        if *number != expected {
            return Err(corrupt(expected, 0, "the file is missing"));
        }
    }
    if let Some(mark) = mark.filter(|m| m.segment > last) {
        return Err(corrupt(mark.segment, 0, "the file is missing"));
    }
    let (mut catalog, mut chain) = (Catalog::default(), Chain::start());
    if last == 0 {
        if mode == Mode::Write {
            catalog.add_open(writer::begin(store, 1, &chain)?.0);
        }
        return Ok(Loaded { catalog, chain, last: (1, HEAD as u64), recovered: None });
    }
    for number in 1..last {
        sealed(store, number, mode, &mut catalog, &mut chain)?;
    }
    let (length, recovered) = open(store, last, mode, mark, &mut catalog, &mut chain)?;
    if let Some(mark) = mark.filter(|m| m.next > chain.next) {
        let what =
            format!("positions up to {} were acknowledged, the log ends before {}", mark.next, chain.next);
        return Err(corrupt(last, length, &what));
    }
    Ok(Loaded { catalog, chain, last: (last, length), recovered })
}

fn log_of(store: &Path, number: u32) -> Result<(Arc<File>, u64), StoreError> {
    let failed = || unavailable(&format!("opening segment {number}"));
    let file = File::open(segment::path(store, number)).map_err(failed())?;
    let length = file.metadata().map_err(failed())?.len();
    Ok((Arc::new(file), length))
}

/// Checks that a segment follows the one before.
pub(super) fn check_head(head: &Head, chain: &Chain) -> Result<(), StoreError> {
    if head.previous != chain.previous || head.first != chain.next {
        return Err(corrupt(head.number, 0, "the segment does not follow the one before it"));
    }
    Ok(())
}

/// Adds a sealed segment by its index, or by reading it where the index is missing or out of date.
fn sealed(
    store: &Path,
    number: u32,
    mode: Mode,
    catalog: &mut Catalog,
    chain: &mut Chain,
) -> Result<(), StoreError> {
    let (log, length) = log_of(store, number)?;
    let head = Head::read(&log, number)?;
    check_head(&head, chain)?;
    let path = index::path(store, number);
    let index = std::fs::read(&path).ok().and_then(|bytes| Index::parse(&bytes));
    let fits = |i: &Index| {
        i.number == number && i.length == length && i.previous == head.previous && i.first == head.first
    };
    let failed = |what: &str| corrupt(number, 0, what);
    if let Some(index) = index.filter(fits) {
        let entries = File::open(&path).map_err(unavailable(&format!("opening {}", path.display())))?;
        *chain = index.end.clone();
        return catalog.add_sealed(index, log, entries).map_err(|what| failed(&what));
    }
    catalog.add_open(Segment::new(number, head.first, head.previous, Arc::clone(&log)));
    let scanned = scan(&log, HEAD as u64, length, catalog, chain)?;
    if let Some(what) = scanned.torn {
        return Err(corrupt(number, scanned.end, &what));
    }
    if mode == Mode::Write {
        let (index, entries) = catalog.index(length, chain).ok_or_else(|| failed("it has no index"))?;
        let write = disk::replace(&path, &index.to_bytes(entries.into_iter()), Access::Usual);
        write.map_err(unavailable(&format!("writing {}", path.display())))?;
        let entries = File::open(&path).map_err(unavailable(&format!("opening {}", path.display())))?;
        catalog.seal(&index, entries);
    }
    Ok(())
}

/// Adds the last segment by reading it; cuts off what was being written when the writer ended.
fn open(
    store: &Path,
    number: u32,
    mode: Mode,
    mark: Option<Mark>,
    catalog: &mut Catalog,
    chain: &mut Chain,
) -> Result<(u64, Option<Recovered>), StoreError> {
    let (log, length) = log_of(store, number)?;
    let head = Head::read(&log, number)?;
    check_head(&head, chain)?;
    let durable = match mark {
        Some(mark) if mark.segment == number => mark.length,
        _ => HEAD as u64,
    };
    if length < durable {
        return Err(corrupt(
            number,
            length,
            &format!("the file ends here, {durable} bytes were acknowledged"),
        ));
    }
    let readable = if mode == Mode::Read && mark.is_some() { durable } else { length };
    let from = resume(store, &log, &head, readable, catalog, chain)?;
    let scanned = scan(&log, from, readable, catalog, chain)?;
    let Some(why) = scanned.torn else { return Ok((scanned.end, None)) };
    if scanned.end < durable {
        return Err(corrupt(number, scanned.end, &why));
    }
    acknowledged_behind(&log, number, scanned.end, length, &why)?;
    if mode == Mode::Write {
        let failed = || unavailable(&format!("cutting off the torn end of segment {number}"));
        let file = OpenOptions::new().write(true).open(segment::path(store, number)).map_err(failed())?;
        file.set_len(scanned.end).and_then(|()| file.sync_all()).map_err(failed())?;
    }
    let recovered = Recovered { segment: number, offset: scanned.end, bytes: length - scanned.end, why };
    Ok((scanned.end, Some(recovered)))
}

/// Adds the beginning of the last segment by its index, as far as there is one; returns where to read on from.
fn resume(
    store: &Path,
    log: &Arc<File>,
    head: &Head,
    readable: u64,
    catalog: &mut Catalog,
    chain: &mut Chain,
) -> Result<u64, StoreError> {
    let Head { number, first, previous } = *head;
    let path = index::path(store, number);
    let index = std::fs::read(&path).ok().and_then(|bytes| Index::parse(&bytes));
    let fits = |i: &Index| {
        i.number == number && i.previous == previous && i.first == first && i.length <= readable && !i.broken
    };
    // Before anything is cut off, all of the segment is read: what looks torn can be damage further up.
    let usable = index.filter(fits).filter(|i| is_whole(log, i.length, readable));
    let Some((index, entries)) = usable.zip(File::open(&path).ok()) else {
        catalog.add_open(Segment::new(number, first, previous, Arc::clone(log)));
        return Ok(HEAD as u64);
    };
    let (end, length) = (index.end.clone(), index.length);
    catalog.add_resumed(index, Arc::clone(log), entries).map_err(|what| corrupt(number, 0, &what))?;
    *chain = end;
    Ok(length)
}

fn is_whole(log: &File, from: u64, to: u64) -> bool {
    let mut walk = Walk::new(log, from, to);
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
        Stop::Io(e) => unavailable(&format!("reading segment {number}"))(e),
        Stop::Bad(bad) => corrupt(number, at, &bad.to_string()),
    };
    let mut walk = Walk::new(log, at, length);
    while walk.skip().map_err(failed)? {
        if walk.next().map_err(failed)?.is_some_and(|(_, frame)| frame.header.durable > at) {
            return Err(corrupt(number, at, why));
        }
    }
    Ok(())
}

/// Reads a segment's frames from a place on and adds what they hold, whole batches only.
///
/// # Errors
/// When a frame is whole and yet does not fit: that is no torn write.
fn scan(
    log: &Arc<File>,
    from: u64,
    length: u64,
    catalog: &mut Catalog,
    chain: &mut Chain,
) -> Result<Scanned, StoreError> {
    let (mut codec, mut dictionaries) = (Codec::new()?, Dictionaries::default());
    let number = catalog.read_dictionaries(&mut dictionaries, &mut codec)?;
    let mut walk = Walk::new(log, from, length);
    let (mut ahead, mut batch, mut found) = (chain.clone(), Vec::new(), Vec::new());
    let mut end = from;
    loop {
        let (at, frame) = match walk.next() {
            Ok(Some(next)) => next,
            Ok(None) if batch.is_empty() => return Ok(Scanned { end, torn: None }),
            Ok(None) => return Ok(Scanned { end, torn: Some("a batch is not whole".into()) }),
            Err(Stop::Bad(bad)) => return Ok(Scanned { end, torn: Some(bad.to_string()) }),
            Err(Stop::Io(e)) => return Err(unavailable(&format!("reading segment {number}"))(e)),
        };
        let failed = |what: String| corrupt(number, at, &what);
        let after = at + frame.size as u64;
        let gap = ahead.follow(&frame, &mut codec).map_err(failed)?;
        if gap.is_some() {
            catalog.note_break();
            batch.clear();
        } else if let Some(number) = dictionaries.take(&frame, &mut codec).map_err(failed)? {
            found.push((number, at));
        } else {
            let records = records_of(&frame, &mut codec, |n| dictionaries.find(n)).map_err(failed)?;
            batch.push((at, frame.header.first, indexed(&records, catalog)));
        }
        if !frame.header.more {
            for (number, at) in found.drain(..) {
                catalog.push_dictionary(number, at);
            }
            for (at, first, events) in batch.drain(..) {
                catalog.push_frame(at, first, &events).map_err(|what| corrupt(number, at, &what))?;
            }
            (end, *chain) = (after, ahead.clone());
        }
    }
}

/// Returns what the index needs to know of a frame.
fn indexed(records: &Records, catalog: &mut Catalog) -> Vec<Indexed> {
    let numbers: Vec<_> = records.streams.iter().map(|s| catalog.intern(s)).collect();
    let one = |r: &Record| Indexed { stream: numbers[r.stream], revision: r.revision, back: r.back };
    records.records.iter().map(one).collect()
}

/// Returns the last position of a chain.
pub(super) fn last(chain: &Chain) -> Position {
    Position::new(chain.next.get().saturating_sub(1))
}
