//! Reading events back: frames, and the chains of deltas that an event needs.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use drift_core::{Event, Object, Position, Revision, StoreError, StreamId, wire};

use super::cache::{Cache, StreamState, StreamStates};
use super::catalog::{Catalog, EventLocation};
use super::dictionary::Dictionary;
use super::error::FrameError;
use super::frame::{Codec, Frame};
use super::records::{EventRecord, FrameRecords};
use super::segment::{FrameWalk, WalkStop};
use super::{corrupt_error, unavailable_error};

/// What readers and the writer share.
#[derive(Debug)]
pub(super) struct Reader {
    catalog: RwLock<Catalog>,
    /// Frames read last, by segment and offset.
    frames: Mutex<Cache<(u32, u64), Arc<FrameRecords>>>,
    /// Dictionaries read last, by segment and number.
    dictionaries: Mutex<Cache<(u32, u8), Dictionary>>,
    /// Contexts that are not in use.
    codecs: Mutex<Vec<Codec>>,
    /// Bytes that one pass over all streams may keep.
    states: usize,
}

fn lock_cache<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in another thread leaves a cache that is at worst not full.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reader {
    /// Makes a reader with a budget of memory.
    pub(super) fn new(catalog: Catalog, memory: usize) -> Self {
        Self {
            catalog: RwLock::new(catalog),
            frames: Mutex::new(Cache::new(memory / 8)),
            dictionaries: Mutex::new(Cache::new(memory / 8)),
            codecs: Mutex::default(),
            states: memory / 2,
        }
    }

    /// Returns the catalog to look into.
    pub(super) fn catalog(&self) -> RwLockReadGuard<'_, Catalog> {
        // The writer changes it frame by frame; a panic amid that leaves what was acknowledged in place.
        self.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the catalog to change; for the writer only.
    pub(super) fn catalog_mut(&self) -> RwLockWriteGuard<'_, Catalog> {
        self.catalog.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a frame's records.
    fn records(&self, segment: u32, log: &File, offset: u64) -> Result<Arc<FrameRecords>, StoreError> {
        if let Some(records) = lock_cache(&self.frames).touch(&(segment, offset)) {
            return Ok(Arc::clone(records));
        }
        let mut codec = match lock_cache(&self.codecs).pop() {
            Some(codec) => codec,
            None => Codec::new()?,
        };
        let dictionary = |number| self.dictionary(segment, log, number);
        let records = Arc::new(read_frame(segment, log, offset, &mut codec, dictionary)?);
        lock_cache(&self.codecs).push(codec);
        let size = records.body.len() + records.records.len() * size_of::<EventRecord>();
        lock_cache(&self.frames).put((segment, offset), Arc::clone(&records), size);
        Ok(records)
    }

    /// Returns a dictionary of a segment.
    fn dictionary(&self, segment: u32, log: &File, number: u8) -> Result<Dictionary, FrameError> {
        if let Some(found) = lock_cache(&self.dictionaries).touch(&(segment, number)) {
            return Ok(Arc::clone(found));
        }
        let missing = || FrameError::MissingDictionary(number);
        let offset = self.catalog().dictionary(segment, number).ok_or_else(missing)?;
        let mut walk = FrameWalk::new(log, offset, u64::MAX);
        let found = match walk.next() {
            Ok(Some((_, frame))) => frame.dictionary(&mut Codec::new().map_err(FrameError::NoCodec)?)?,
            Ok(None) => None,
            Err(stop) => {
                return Err(FrameError::UnreadableDictionary { number, problem: stop.to_string() });
            }
        };
        let (_, content) = found.filter(|(n, _)| *n == number).ok_or_else(missing)?;
        lock_cache(&self.dictionaries).put((segment, number), Arc::clone(&content), content.len());
        Ok(content)
    }

    /// Returns the last dictionary of the open segment.
    pub(super) fn last_dictionary(&self) -> Result<Option<(u8, Dictionary)>, StoreError> {
        let Some((segment, log, number, offset)) = self.catalog().last_dictionary() else { return Ok(None) };
        let content =
            self.dictionary(segment, &log, number).map_err(|e| corrupt_error(segment, offset, e))?;
        Ok(Some((number, content)))
    }

    /// Returns the event at a place; `before` is the state of its stream after the revision before, if known.
    fn read_event(
        &self,
        stream: &StreamId,
        place: &EventLocation,
        before: Option<&StreamState>,
    ) -> Result<(Event, StreamState), StoreError> {
        let mut state = match before {
            Some(state) if place.delta_depth > 0 && state.revision + 1 == place.revision.get() => {
                Some(state.clone())
            }
            _ => None,
        };
        if state.is_none() && place.delta_depth > 0 {
            let first = place.revision.get() - u64::from(place.delta_depth);
            for revision in first..place.revision.get() {
                let place = self.location_of(stream, revision)?;
                state = Some(self.decode_at(stream, &place, state.as_ref())?.1);
            }
        }
        self.decode_at(stream, place, state.as_ref())
    }

    fn location_of(&self, stream: &StreamId, revision: u64) -> Result<EventLocation, StoreError> {
        let wanted = Revision::new(revision);
        let place = wanted.map_or(Ok(None), |r| self.catalog().at_or_after(stream, r))?;
        place.filter(|p| Some(p.revision) == wanted).ok_or_else(|| StoreError::Corrupt {
            what: format!("revision {revision} of stream `{stream}` is needed and missing"),
        })
    }

    /// Decodes the event at a place, given the state before it.
    fn decode_at(
        &self,
        stream: &StreamId,
        place: &EventLocation,
        before: Option<&StreamState>,
    ) -> Result<(Event, StreamState), StoreError> {
        let records = self.records(place.segment, &place.log, place.offset)?;
        let record = records.records.get(usize::from(place.slot));
        let record = record.filter(|r| **records.stream(r) == *stream && r.revision == place.revision);
        let wrong = |what: &str| {
            corrupt_error(place.segment, place.offset, format!("position {}: {what}", place.position))
        };
        let record = record.ok_or_else(|| wrong("another event is there than the index says"))?;
        decode_record(&records, record, place.position, before).map_err(|e| wrong(&e.to_string()))
    }

    /// Returns the state of a stream, if its last event is in the open segment and can be read.
    pub(super) fn open_state(
        &self,
        (number, stream): (u32, &StreamId),
    ) -> Result<Option<StreamState>, StoreError> {
        let Some(place) = self.catalog().open_head(number)? else { return Ok(None) };
        Ok(Some(self.read_event(stream, &place, None)?.1))
    }

    /// Returns the last event of a stream at or before a position.
    pub(super) fn last_event(&self, stream: &StreamId, until: Position) -> Result<Option<Event>, StoreError> {
        let place = self.catalog().last_until(stream, until)?;
        place.map(|place| Ok(self.read_event(stream, &place, None)?.0)).transpose()
    }

    /// Reads a stream lazily from a revision on, up to a position.
    pub(super) fn read_stream(
        self: &Arc<Self>,
        stream: StreamId,
        from: Revision,
        until: Position,
    ) -> impl Iterator<Item = Result<Event, StoreError>> + Send + use<> {
        let reader = Arc::clone(self);
        let (mut next, mut state) = (Some(from), None::<StreamState>);
        std::iter::from_fn(move || {
            let place = reader.catalog().at_or_after(&stream, next.take()?);
            let read = place.and_then(|place| {
                let Some(place) = place.filter(|p| p.position <= until) else { return Ok(None) };
                let (event, after) = reader.read_event(&stream, &place, state.as_ref())?;
                state = Some(after);
                next = Some(place.revision.next());
                Ok(Some(event))
            });
            read.transpose()
        })
    }

    /// Reads all streams lazily after a position, up to another one.
    pub(super) fn read_all(
        self: &Arc<Self>,
        after: Position,
        until: Position,
    ) -> impl Iterator<Item = Result<Event, StoreError>> + Send + use<> {
        let mut pass = StorePass {
            reader: Arc::clone(self),
            at: self.catalog().seek_frame(after.next()),
            next: after.next(),
            until,
            states: StreamStates::new(self.states / 2, self.states / 2),
        };
        let (mut frame, mut failed) = (Vec::new().into_iter(), false);
        std::iter::from_fn(move || {
            loop {
                if let Some(event) = frame.next() {
                    return Some(Ok(event));
                }
                if failed {
                    return None;
                }
                match pass.next_frame()? {
                    Ok(events) => frame = events.into_iter(),
                    Err(e) => {
                        failed = true;
                        return Some(Err(e));
                    }
                }
            }
        })
    }
}

/// A pass over all streams.
struct StorePass {
    reader: Arc<Reader>,
    /// Places of the next segment and frame.
    at: (usize, usize),
    next: Position,
    until: Position,
    states: StreamStates,
}

impl StorePass {
    fn next_frame(&mut self) -> Option<Result<Vec<Event>, StoreError>> {
        if self.next > self.until {
            return None;
        }
        let (segment, log, offset) = self.reader.catalog().next_frame(&mut self.at)?;
        Some(self.read_events(segment, &log, offset))
    }

    fn read_events(&mut self, segment: u32, log: &Arc<File>, offset: u64) -> Result<Vec<Event>, StoreError> {
        let records = self.reader.records(segment, log, offset)?;
        let number = |s| self.reader.catalog().number_of(s);
        let numbers: Vec<_> = records.streams.iter().map(|s| number(s)).collect();
        let mut events = Vec::with_capacity(records.records.len());
        for (slot, record) in records.records.iter().enumerate() {
            let stream = records.stream(record);
            let position = Position::new(records.first.get() + slot as u64);
            if position < self.next || position > self.until || !self.is_readable(stream, record)? {
                continue;
            }
            let place = EventLocation {
                segment,
                log: Arc::clone(log),
                offset,
                slot: slot as u16,
                delta_depth: record.delta_depth,
                revision: record.revision,
                position,
            };
            let Some(number) = numbers[record.stream] else { continue };
            let before = self.states.touch(number);
            let (event, after) = self.reader.read_event(stream, &place, before.as_ref())?;
            self.states.put(number, after);
            self.next = place.position.next();
            events.push(event);
        }
        Ok(events)
    }

    /// Returns `true` if everything that a delta builds on is readable; only after a break it may not be.
    fn is_readable(&self, stream: &StreamId, record: &EventRecord) -> Result<bool, StoreError> {
        let catalog = self.reader.catalog();
        if !catalog.is_broken() || record.delta_depth == 0 {
            return Ok(true);
        }
        Ok(catalog.at_or_after(stream, record.revision)?.is_some_and(|p| p.revision == record.revision))
    }
}

/// Reads and checks one frame.
fn read_frame(
    segment: u32,
    log: &File,
    offset: u64,
    codec: &mut Codec,
    dictionaries: impl FnOnce(u8) -> Result<Dictionary, FrameError>,
) -> Result<FrameRecords, StoreError> {
    let mut walk = FrameWalk::new(log, offset, u64::MAX);
    match walk.next() {
        Ok(Some((_, frame))) => {
            records_of(&frame, codec, dictionaries).map_err(|e| corrupt_error(segment, offset, e))
        }
        Ok(None) => Err(corrupt_error(segment, offset, "the file ends here")),
        Err(WalkStop::Bad(bad)) => Err(corrupt_error(segment, offset, bad.to_string())),
        Err(WalkStop::Io(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(corrupt_error(segment, offset, "the file ends within the frame"))
        }
        Err(WalkStop::Io(e)) => Err(unavailable_error(&format!("reading segment {segment}"))(e)),
    }
}

/// Unpacks a frame's records.
///
/// # Errors
/// Returns what is wrong with the body.
pub(super) fn records_of(
    frame: &Frame<'_>,
    codec: &mut Codec,
    dictionaries: impl FnOnce(u8) -> Result<Dictionary, FrameError>,
) -> Result<FrameRecords, FrameError> {
    let body = frame.body(codec, dictionaries)?;
    FrameRecords::parse(body, frame.header.first, frame.header.count, &mut codec.names)
        .ok_or(FrameError::NoRecords)
}

/// Decodes one event, given the state of its stream before it.
///
/// # Errors
/// Returns what is wrong with the event.
pub(super) fn decode_record(
    records: &FrameRecords,
    record: &EventRecord,
    position: Position,
    before: Option<&StreamState>,
) -> Result<(Event, StreamState), FrameError> {
    let before = before.filter(|_| record.delta_depth > 0);
    let object = before.and_then(|b| b.object.clone());
    let event =
        wire::decode(records.event(record), object.as_ref().map(|o| o.doc())).map_err(FrameError::Event)?;
    let same = event.stream == **records.stream(record) && event.revision == record.revision;
    if !same || event.position != position {
        return Err(FrameError::OtherEvent);
    }
    let object: Option<Arc<Object>> = object_of(&event).or(object);
    Ok((event, StreamState { revision: record.revision.get(), delta_depth: record.delta_depth, object }))
}

/// Returns the object of an event that the next one may be a delta to.
pub(super) fn object_of(event: &Event) -> Option<Arc<Object>> {
    match &event.body {
        drift_core::EventBody::Applied(object) | drift_core::EventBody::Deleted(Some(object)) => {
            Some(Arc::clone(object))
        }
        _ => None,
    }
}
