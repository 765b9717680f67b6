//! The location of every event: sealed segments by their index files, the open one in memory.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::Arc;

use drift_core::{Position, Revision, StoreError, StreamId};
use foldhash::fast::RandomState;

use super::disk;
use super::error::CatalogError;
use super::frame::{Codec, Hash};
use super::index::{ENTRY, FrameAt, IndexEntry, IndexRun, SegmentIndex};
use super::segment::{Chain, Dictionaries, FrameWalk};
use super::{corrupt_error, unavailable_error};

/// The streams and segments of a store.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    numbers: HashMap<Arc<StreamId>, u32, RandomState>,
    histories: Vec<StreamIndex>,
    /// The last one is open.
    segments: Vec<Segment>,
    /// Some segment so far has a break, so that revisions may be missing.
    broken: bool,
}

#[derive(Debug)]
struct StreamIndex {
    stream: Arc<StreamId>,
    /// Last revision, readable or not.
    head: u64,
    /// In order of revisions.
    runs: Vec<RevisionRun>,
}

#[derive(Debug)]
struct RevisionRun {
    /// Place in [`Catalog::segments`].
    segment: usize,
    first: u64,
    entries: RunEntries,
}

#[derive(Debug)]
enum RunEntries {
    /// In the segment's index file, from this entry on.
    Stored {
        start: u64,
        count: u32,
    },
    Held(Vec<IndexEntry>),
}

/// A segment's files and frames.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u32,
    pub(super) first: Position,
    /// Hash it begins with.
    pub(super) previous: Hash,
    pub(super) log: Arc<File>,
    pub(super) frames: Vec<FrameAt>,
    /// Where its dictionaries begin, by number.
    pub(super) dictionaries: BTreeMap<u8, u32>,
    /// It has a break.
    pub(super) broken: bool,
    /// The index file and where the entries begin in it.
    entries: Option<(File, u64)>,
}

/// The location of one event.
#[derive(Clone, Debug)]
pub(super) struct EventLocation {
    pub(super) segment: u32,
    pub(super) log: Arc<File>,
    /// Offset of its frame in the segment.
    pub(super) offset: u64,
    /// Index within the frame.
    pub(super) slot: u16,
    /// Number of revisions back to the last full snapshot.
    pub(super) delta_depth: u16,
    pub(super) revision: Revision,
    pub(super) position: Position,
}

/// An event that is about to be indexed.
#[derive(Clone, Debug)]
pub(super) struct IndexedEvent {
    /// Number of the stream.
    pub(super) stream: u32,
    pub(super) revision: Revision,
    pub(super) delta_depth: u16,
}

impl Segment {
    /// Makes a segment that has no frames yet.
    pub(super) fn new(number: u32, first: Position, previous: Hash, log: Arc<File>) -> Self {
        Self {
            number,
            first,
            previous,
            log,
            frames: Vec::new(),
            dictionaries: BTreeMap::new(),
            broken: false,
            entries: None,
        }
    }

    fn position_of(&self, entry: IndexEntry) -> Option<u64> {
        let frame = self.frames.get(entry.frame as usize)?;
        Some(self.first.get() + u64::from(frame.first) + u64::from(entry.slot))
    }
}

impl RevisionRun {
    fn len(&self) -> u64 {
        match &self.entries {
            RunEntries::Stored { count, .. } => u64::from(*count),
            RunEntries::Held(entries) => entries.len() as u64,
        }
    }

    fn end_revision(&self) -> u64 {
        self.first + self.len()
    }
}

impl Catalog {
    /// Adds a sealed segment by its index.
    pub(super) fn add_sealed(
        &mut self,
        index: SegmentIndex,
        log: Arc<File>,
        entries: File,
    ) -> Result<(), CatalogError> {
        let entries = (entries, index.entries_at());
        let place = self.segments.len();
        self.broken |= index.broken;
        let mut start = 0;
        for IndexRun { stream, first, count } in index.runs {
            let broken = self.broken;
            let number = self.number_or_new(&stream);
            let history = self.stream_index(number);
            if first != history.head + 1 && !(broken && first > history.head) {
                let expected = history.head + 1;
                return Err(CatalogError::Revision { stream: stream.to_string(), revision: first, expected });
            }
            history.head = first + u64::from(count) - 1;
            history.runs.push(RevisionRun {
                segment: place,
                first,
                entries: RunEntries::Stored { start, count },
            });
            start += u64::from(count);
        }
        self.segments.push(Segment {
            number: index.number,
            first: index.first,
            previous: index.previous,
            log,
            frames: index.frames,
            dictionaries: index.dictionaries,
            broken: index.broken,
            entries: Some(entries),
        });
        Ok(())
    }

    /// Adds the open segment by an index of its beginning; frames that follow are then pushed to it.
    pub(super) fn add_resumed(
        &mut self,
        index: SegmentIndex,
        log: Arc<File>,
        entries: File,
    ) -> Result<(), CatalogError> {
        let count = index.runs.iter().map(|r| r.count as usize).sum::<usize>();
        let mut bytes = vec![0; count * ENTRY];
        disk::read_at(&entries, &mut bytes, index.entries_at()).map_err(CatalogError::Entries)?;
        self.add_sealed(index, log, entries)?;
        let place = self.segments.len() - 1;
        self.segments[place].entries = None;
        let here = |r: &&mut RevisionRun| r.segment == place;
        for run in self.histories.iter_mut().flat_map(|h| h.runs.iter_mut().rev().take_while(here)) {
            if let RunEntries::Stored { start, count } = run.entries {
                let start = start as usize * ENTRY;
                let stored = bytes[start..start + count as usize * ENTRY].chunks_exact(ENTRY);
                let entry = |e: &[u8]| IndexEntry::parse(e.try_into().expect("chunks of this size"));
                run.entries = RunEntries::Held(stored.map(entry).collect());
            }
        }
        Ok(())
    }

    /// Adds a segment that frames are then pushed to.
    pub(super) fn add_open(&mut self, segment: Segment) {
        self.segments.push(segment);
    }

    /// Returns `true` if some segment has a break, so that revisions may be missing.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Notes that the open segment has a break.
    pub(super) fn note_break(&mut self) {
        self.broken = true;
        if let Some(open) = self.segments.last_mut() {
            open.broken = true;
        }
    }

    /// Returns the number of a stream, if it has one.
    pub(super) fn number_of(&self, stream: &StreamId) -> Option<u32> {
        self.numbers.get(stream).copied()
    }

    /// Returns the number of a stream and gives it one if it has none. A number alone is no event: streams without
    /// events are not listed.
    pub(super) fn number_or_new(&mut self, stream: &Arc<StreamId>) -> u32 {
        if let Some(number) = self.number_of(stream) {
            return number;
        }
        let number =
            u32::try_from(self.histories.len()).expect("four billion streams do not fit into memory");
        self.numbers.insert(Arc::clone(stream), number);
        self.histories.push(StreamIndex { stream: Arc::clone(stream), head: 0, runs: Vec::new() });
        number
    }

    fn stream_index(&mut self, stream: u32) -> &mut StreamIndex {
        &mut self.histories[stream as usize]
    }

    /// Returns the last revision of a stream by its number.
    pub(super) fn head_of(&self, stream: u32) -> u64 {
        self.histories[stream as usize].head
    }

    /// Notes where a dictionary of the open segment begins.
    pub(super) fn push_dictionary(&mut self, number: u8, offset: u64) {
        if let (Some(open), Ok(offset)) = (self.segments.last_mut(), u32::try_from(offset)) {
            open.dictionaries.insert(number, offset);
        }
    }

    /// Returns where a dictionary begins.
    pub(super) fn dictionary(&self, segment: u32, number: u8) -> Option<u64> {
        let place = self.segments.binary_search_by_key(&segment, |s| s.number).ok()?;
        self.segments[place].dictionaries.get(&number).map(|offset| u64::from(*offset))
    }

    /// Reads the dictionaries of the open segment that are known so far; returns the segment's number.
    pub(super) fn read_dictionaries(
        &self,
        to: &mut Dictionaries,
        codec: &mut Codec,
    ) -> Result<u32, StoreError> {
        let Some(open) = self.segments.last() else { return Ok(0) };
        for offset in open.dictionaries.values().map(|offset| u64::from(*offset)) {
            let mut walk = FrameWalk::new(&open.log, offset, u64::MAX);
            let corrupt = |what: &dyn std::fmt::Display| corrupt_error(open.number, offset, what);
            let taken = match walk.next().map_err(|stop| corrupt(&stop))? {
                Some((_, frame)) => to.take(&frame, codec).map_err(|e| corrupt(&e))?,
                None => None,
            };
            if taken.is_none() {
                return Err(corrupt(&"no dictionary is here"));
            }
        }
        Ok(open.number)
    }

    /// Returns the last dictionary of the open segment: segment, file, number and offset.
    pub(super) fn last_dictionary(&self) -> Option<(u32, Arc<File>, u8, u64)> {
        let open = self.segments.last()?;
        let (number, offset) = open.dictionaries.last_key_value()?;
        Some((open.number, Arc::clone(&open.log), *number, u64::from(*offset)))
    }

    /// Adds a frame to the open segment.
    ///
    /// # Errors
    /// When revisions are not dense. Behind a break they may not be, and what builds on a lost one is left out.
    pub(super) fn push_frame(
        &mut self,
        offset: u64,
        first: Position,
        events: &[IndexedEvent],
    ) -> Result<(), CatalogError> {
        let too_large = || CatalogError::TooLarge;
        let segment = self.segments.len().checked_sub(1).ok_or(CatalogError::NoSegment)?;
        let open = &mut self.segments[segment];
        let frame = u32::try_from(open.frames.len()).map_err(|_| too_large())?;
        open.frames.push(FrameAt {
            offset: u32::try_from(offset).map_err(|_| too_large())?,
            first: u32::try_from(first.get() - open.first.get()).map_err(|_| too_large())?,
        });
        let broken = self.broken;
        for (slot, IndexedEvent { stream, revision, delta_depth }) in events.iter().enumerate() {
            let history = self.stream_index(*stream);
            let dense = revision.get() == history.head + 1;
            let allowed = dense || (broken && revision.get() > history.head);
            if !allowed {
                let (stream, expected) = (history.stream.to_string(), history.head + 1);
                return Err(CatalogError::Revision { stream, revision: revision.get(), expected });
            }
            history.head = revision.get();
            let slot = u16::try_from(slot).map_err(|_| too_large())?;
            let entry = IndexEntry { frame, slot, delta_depth: *delta_depth };
            let run = history
                .runs
                .last_mut()
                .filter(|r| r.segment == segment && r.end_revision() == revision.get());
            match run {
                Some(run) if run.len() >= u64::from(*delta_depth) => match &mut run.entries {
                    RunEntries::Held(entries) => entries.push(entry),
                    RunEntries::Stored { .. } => return Err(CatalogError::Sealed),
                },
                _ if *delta_depth == 0 => {
                    let entries = RunEntries::Held(vec![entry]);
                    history.runs.push(RevisionRun { segment, first: revision.get(), entries });
                }
                _ if broken => {}
                _ => return Err(CatalogError::MissingBase(history.stream.to_string())),
            }
        }
        Ok(())
    }

    /// Returns the index of the open segment and its entries, in order.
    pub(super) fn build_index(&self, length: u64, end: &Chain) -> Option<(SegmentIndex, Vec<IndexEntry>)> {
        let place = self.segments.len().checked_sub(1)?;
        let open = &self.segments[place];
        let (mut runs, mut all) = (Vec::new(), Vec::new());
        for history in &self.histories {
            for run in history.runs.iter().rev().take_while(|r| r.segment == place) {
                if let RunEntries::Held(entries) = &run.entries {
                    let count = entries.len() as u32;
                    runs.push((
                        IndexRun { stream: Arc::clone(&history.stream), first: run.first, count },
                        entries,
                    ));
                }
            }
        }
        // Runs of one stream were taken last first.
        runs.sort_by(|(a, _), (b, _)| (&a.stream, a.first).cmp(&(&b.stream, b.first)));
        runs.iter().for_each(|(_, entries)| all.extend_from_slice(entries));
        let index = SegmentIndex {
            number: open.number,
            first: open.first,
            length,
            previous: open.previous,
            end: end.clone(),
            broken: open.broken,
            frames: open.frames.clone(),
            dictionaries: open.dictionaries.clone(),
            runs: runs.into_iter().map(|(run, _)| run).collect(),
        };
        Some((index, all))
    }

    /// Forgets the entries of the open segment in favour of its index file.
    pub(super) fn seal_segment(&mut self, index: &SegmentIndex, entries: File) {
        let Some(place) = self.segments.len().checked_sub(1) else { return };
        let mut start = 0;
        for IndexRun { stream, first, count } in &index.runs {
            let number = self.number_or_new(stream);
            let run =
                self.stream_index(number).runs.iter_mut().find(|r| r.segment == place && r.first == *first);
            if let Some(run) = run {
                run.entries = RunEntries::Stored { start, count: *count };
            }
            start += u64::from(*count);
        }
        self.segments[place].entries = Some((entries, index.entries_at()));
    }

    /// Lists the streams, sorted.
    pub(super) fn streams(&self) -> Vec<StreamId> {
        let with_events = self.histories.iter().filter(|h| h.head > 0);
        let mut streams: Vec<_> = with_events.map(|h| (*h.stream).clone()).collect();
        streams.sort_unstable();
        streams
    }

    fn runs_of(&self, stream: &StreamId) -> &[RevisionRun] {
        self.number_of(stream).map_or(&[], |n| &self.histories[n as usize].runs)
    }

    /// Returns the place of the first readable event of a stream from a revision on.
    pub(super) fn at_or_after(
        &self,
        stream: &StreamId,
        from: Revision,
    ) -> Result<Option<EventLocation>, StoreError> {
        let runs = self.runs_of(stream);
        let Some(run) = runs.get(runs.partition_point(|r| r.end_revision() <= from.get())) else {
            return Ok(None);
        };
        self.location_of(run, from.get().max(run.first) - run.first).map(Some)
    }

    /// Returns the place of the last readable event of a stream at or before a position.
    pub(super) fn last_until(
        &self,
        stream: &StreamId,
        until: Position,
    ) -> Result<Option<EventLocation>, StoreError> {
        let runs = self.runs_of(stream);
        // Runs are in order of positions too; of those that begin early enough the last one has it.
        let (mut low, mut high) = (0, runs.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.location_of(&runs[middle], 0)?.position <= until {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let Some(run) = low.checked_sub(1).map(|i| &runs[i]) else { return Ok(None) };
        let (mut low, mut high) = (0, run.len());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match self.location_of(run, middle)?.position <= until {
                true => low = middle,
                false => high = middle,
            }
        }
        self.location_of(run, low).map(Some)
    }

    /// Returns the place of the last event of a stream, if that is in the open segment and can be read.
    pub(super) fn open_head(&self, stream: u32) -> Result<Option<EventLocation>, StoreError> {
        let history = &self.histories[stream as usize];
        let open =
            |r: &&RevisionRun| r.segment + 1 == self.segments.len() && r.end_revision() == history.head + 1;
        history.runs.last().filter(open).map(|run| self.location_of(run, run.len() - 1)).transpose()
    }

    fn location_of(&self, run: &RevisionRun, at: u64) -> Result<EventLocation, StoreError> {
        let segment = &self.segments[run.segment];
        let entry = match &run.entries {
            RunEntries::Held(entries) => entries[at as usize],
            RunEntries::Stored { start, .. } => read_entry(segment, start + at)?,
        };
        let wrong =
            || StoreError::Corrupt { what: format!("the index of segment {} is damaged", segment.number) };
        let frame = segment.frames.get(entry.frame as usize).ok_or_else(wrong)?;
        Ok(EventLocation {
            segment: segment.number,
            log: Arc::clone(&segment.log),
            offset: u64::from(frame.offset),
            slot: entry.slot,
            delta_depth: entry.delta_depth,
            revision: Revision::new(run.first + at).ok_or_else(wrong)?,
            position: Position::new(segment.position_of(entry).ok_or_else(wrong)?),
        })
    }

    /// Returns the frame that a position is in, or the last one before it; segment and frame by their places.
    pub(super) fn seek_frame(&self, position: Position) -> (usize, usize) {
        let segment = self.segments.partition_point(|s| s.first <= position).saturating_sub(1);
        let Some(at) = self.segments.get(segment) else { return (0, 0) };
        let relative = position.get().saturating_sub(at.first.get());
        (segment, at.frames.partition_point(|f| u64::from(f.first) <= relative).saturating_sub(1))
    }

    /// Returns the frame at these places and moves them behind it: number of the segment, file and offset.
    pub(super) fn next_frame(&self, at: &mut (usize, usize)) -> Option<(u32, Arc<File>, u64)> {
        loop {
            let segment = self.segments.get(at.0)?;
            if let Some(frame) = segment.frames.get(at.1) {
                at.1 += 1;
                return Some((segment.number, Arc::clone(&segment.log), u64::from(frame.offset)));
            }
            if at.0 + 1 >= self.segments.len() {
                return None;
            }
            *at = (at.0 + 1, 0);
        }
    }
}

fn read_entry(segment: &Segment, at: u64) -> Result<IndexEntry, StoreError> {
    let failed = || unavailable_error(&format!("reading the index of segment {}", segment.number));
    let (file, start) =
        segment.entries.as_ref().ok_or_else(|| failed()(std::io::ErrorKind::NotFound.into()))?;
    let mut bytes = [0; ENTRY];
    disk::read_at(file, &mut bytes, start + at * ENTRY as u64).map_err(failed())?;
    Ok(IndexEntry::parse(&bytes))
}
