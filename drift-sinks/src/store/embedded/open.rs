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
    let scanned = scan(&log, &head, length, catalog, chain)?;
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
    let scanned = scan(&log, &head, readable, catalog, chain)?;
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

/// Refuses when a whole frame behind a damaged place says that the place was acknowledged.
fn acknowledged_behind(log: &File, number: u32, at: u64, length: u64, why: &str) -> Result<(), StoreError> {
    let failed = |stop| match stop {
        Stop::Io(e) => unavailable(&format!("reading segment {number}"))(e),
        Stop::Bad(bad) => corrupt(number, at, &bad.to_string()),
    };
    let mut walk = Walk::new(log, at, length);
    while walk.skip().map_err(failed)? {
        if let Some((_, frame)) = walk.next().map_err(failed)? {
            if frame.header.durable > at {
                return Err(corrupt(number, at, why));
            }
        }
    }
    Ok(())
}

/// Reads a segment's frames and adds what they hold, whole batches only.
///
/// # Errors
/// When a frame is whole and yet does not fit: that is no torn write.
fn scan(
    log: &Arc<File>,
    head: &Head,
    length: u64,
    catalog: &mut Catalog,
    chain: &mut Chain,
) -> Result<Scanned, StoreError> {
    catalog.add_open(Segment::new(head.number, head.first, head.previous, Arc::clone(log)));
    let (mut codec, mut dictionaries) = (Codec::new()?, Dictionaries::default());
    let mut walk = Walk::new(log, HEAD as u64, length);
    let (mut ahead, mut batch, mut found) = (chain.clone(), Vec::new(), Vec::new());
    let mut end = HEAD as u64;
    loop {
        let (at, frame) = match walk.next() {
            Ok(Some(next)) => next,
            Ok(None) if batch.is_empty() => return Ok(Scanned { end, torn: None }),
            Ok(None) => return Ok(Scanned { end, torn: Some("a batch is not whole".into()) }),
            Err(Stop::Bad(bad)) => return Ok(Scanned { end, torn: Some(bad.to_string()) }),
            Err(Stop::Io(e)) => return Err(unavailable(&format!("reading segment {}", head.number))(e)),
        };
        let failed = |what: String| corrupt(head.number, at, &what);
        let after = at + frame.size as u64;
        let gap = ahead.follow(&frame, &mut codec).map_err(failed)?;
        if gap.is_some() {
            catalog.note_break();
            batch.clear();
        } else if let Some(number) = dictionaries.take(&frame, &mut codec).map_err(failed)? {
            found.push((number, at));
        } else {
            let records = records_of(&frame, &mut codec, |n| dictionaries.find(n)).map_err(failed)?;
            batch.push((at, frame.header.first, indexed(&records)));
        }
        if !frame.header.more {
            for (number, at) in found.drain(..) {
                catalog.push_dictionary(number, at);
            }
            for (at, first, events) in batch.drain(..) {
                catalog.push_frame(at, first, &events).map_err(|what| corrupt(head.number, at, &what))?;
            }
            (end, *chain) = (after, ahead.clone());
        }
    }
}

/// Returns what the index needs to know of a frame.
fn indexed(records: &Records) -> Vec<Indexed> {
    let one =
        |r: &Record| Indexed { stream: Arc::clone(records.stream(r)), revision: r.revision, back: r.back };
    records.records.iter().map(one).collect()
}

/// Returns the last position of a chain.
pub(super) fn last(chain: &Chain) -> Position {
    Position::new(chain.next.get().saturating_sub(1))
}
