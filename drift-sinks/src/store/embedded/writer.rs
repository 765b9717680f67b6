//! The one writer of a store: a thread that turns what callers append into frames, a group at a time.
//!
//! Group commit: what arrives while one group is being written and synced makes up the next one. There is no waiting for
//! company: a lone append is not made slower, and many callers fill the group during the sync of the one before.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering};

use drift_core::{Append, Event, NewEvent, Position, Revision, StoreError, StreamId, wire};
use foldhash::fast::RandomState;
use futures::channel::oneshot;

use super::cache::{State, States};
use super::catalog::{Indexed, Segment};
use super::dictionary::Sampler;
use super::disk::{self, Access, Disk, LogFile};
use super::frame::{Codec, Hash, Header, Kind, MAX_BODY};
use super::home::{Mark, MarkFile};
use super::index::{self, Index};
use super::reader::{Reader, carried};
use super::records::Builder;
use super::segment::{self, Chain, HEAD, Head};
use super::{describe, unavailable};

/// A frame is closed at this size before packing, so that reading one event unpacks little.
const FRAME: usize = 64 << 10;
/// A frame is closed at so many events, which fits the index.
const FRAME_EVENTS: u32 = 16 << 10;
/// A group takes no more appends at this size before packing.
const GROUP: usize = 512 << 10;
/// Largest single batch before packing.
const MAX_BATCH: usize = 1 << 30;
/// Every so many revisions one says everything anew.
const WHOLE_EVERY: u16 = 16;

/// The open segment's index is written whenever so many bytes were added: what is not in it is read on opening.
const INDEX_EVERY: u64 = 16 << 20;
/// A segment that grew beyond this because the next one could not be made takes no more.
const LARGEST_SEGMENT: u64 = 3 << 30;

/// One call of `append`.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) batch: Vec<Append>,
    pub(super) reply: Reply,
}

/// Where the answer goes.
pub(super) type Reply = oneshot::Sender<Result<Vec<Event>, StoreError>>;

/// The writer's own state.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) store: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) reader: Arc<Reader>,
    pub(super) log: Box<dyn LogFile>,
    /// Number of the open segment.
    pub(super) segment: u32,
    /// Its acknowledged length.
    pub(super) length: u64,
    /// How much of it an index file covers.
    pub(super) indexed: u64,
    pub(super) chain: Chain,
    pub(super) mark: MarkFile,
    pub(super) codec: Codec,
    pub(super) states: States,
    pub(super) sampler: Sampler,
    /// Position of the next event, for readers.
    pub(super) acknowledged: Arc<AtomicU64>,
    pub(super) segment_bytes: u64,
    /// Why nothing more is written.
    pub(super) poisoned: Option<String>,
}

/// Last revisions of streams by their numbers.
type Heads = HashMap<u32, u64, RandomState>;

/// A group that is not yet written.
#[derive(Debug, Default)]
struct Group {
    bytes: Vec<u8>,
    frames: Vec<StagedFrame>,
    /// Number and offset of new dictionaries.
    dictionaries: Vec<(u8, u64)>,
    /// Last revisions, where the group changes them.
    heads: Heads,
    /// Position of the next event.
    next: Position,
    /// Position of the next frame.
    framed: Position,
    previous: Hash,
    builder: Builder,
    indexed: Vec<Indexed>,
    raw: usize,
    replies: Vec<(Reply, Result<Vec<Event>, StoreError>)>,
    /// What makes the whole group fail.
    failed: Option<StoreError>,
}

#[derive(Debug)]
struct StagedFrame {
    offset: u64,
    first: Position,
    events: Vec<Indexed>,
}

/// An event with its bytes.
struct Encoded {
    /// Number of the stream.
    stream: u32,
    event: Event,
    back: u16,
    bytes: Vec<u8>,
}

impl Writer {
    /// Serves callers until all are gone.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        while let Ok(command) = commands.recv() {
            let mut group = self.begin();
            let mut command = Some(command);
            while let Some(Command { batch, reply }) = command.take() {
                let result = self.stage(&mut group, batch);
                group.replies.push((reply, result));
                if group.raw < GROUP {
                    match commands.try_recv() {
                        Ok(next) => command = Some(next),
                        Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
                    }
                }
            }
            self.commit(group);
            self.tend();
        }
        // The next one to open the store need not read the segment. Without an index it does.
        let _ = self.write_index();
    }

    /// Does what needs doing now and then: rotates, and notes where things are in the open segment, so that a store that
    /// was not closed opens fast too.
    fn tend(&mut self) {
        if self.poisoned.is_some() {
            return;
        }
        if self.length >= self.segment_bytes {
            // What fails here is tried again after the next group; until then the segment grows.
            let rotated = self.rotate();
            if let (Err(e), true) = (rotated, self.length > LARGEST_SEGMENT) {
                self.poison(&describe(&e));
            }
        } else if self.length - self.indexed >= INDEX_EVERY {
            self.indexed = self.length;
            // An index is a convenience.
            let _ = self.write_index();
        }
    }

    /// Writes the index of the open segment.
    fn write_index(&self) -> Result<(Index, PathBuf), StoreError> {
        let failed = || unavailable(&format!("writing the index of segment {}", self.segment));
        let index = self.reader.catalog().index(self.length, &self.chain);
        let (index, entries) = index.ok_or_else(|| failed()(std::io::ErrorKind::NotFound.into()))?;
        let path = index::path(&self.store, self.segment);
        disk::replace(&path, &index.to_bytes(entries.into_iter()), Access::Usual).map_err(failed())?;
        Ok((index, path))
    }

    fn begin(&self) -> Group {
        let Chain { previous, next } = self.chain;
        Group { next, framed: next, previous, ..Group::default() }
    }

    /// Checks one batch and puts it into the group, all of it or nothing.
    fn stage(&mut self, group: &mut Group, batch: Vec<Append>) -> Result<Vec<Event>, StoreError> {
        if let Some(why) = &self.poisoned {
            return Err(StoreError::Unavailable { what: why.clone(), source: None });
        }
        let numbers = self.numbers(&batch);
        for (part, number) in batch.iter().zip(&numbers) {
            let actual = Revision::new(self.head(group, *number));
            if !part.expected.holds(actual) {
                return Err(StoreError::Conflict { stream: Box::new(part.stream.clone()), actual });
            }
        }
        let first = group.next;
        let mut heads = Heads::default();
        let encoded = match self.encode(group, &mut heads, batch, &numbers) {
            Ok(encoded) => encoded,
            Err(e) => {
                // States of streams may be ahead of the log now.
                self.states.clear();
                group.next = first;
                return Err(e);
            }
        };
        group.heads.extend(heads);
        let mut events = Vec::with_capacity(encoded.len());
        let count = encoded.len();
        for (i, Encoded { stream, event, back, bytes }) in encoded.into_iter().enumerate() {
            group.raw += bytes.len();
            self.sampler.push(&event.stream, back, &bytes);
            group.builder.push((stream, &event.stream), event.revision, back, &bytes);
            group.indexed.push(Indexed { stream, revision: event.revision, back });
            events.push(event);
            if group.builder.len() >= FRAME || group.builder.count() >= FRAME_EVENTS {
                self.close_frame(group, i + 1 < count);
            }
        }
        Ok(events)
    }

    /// Returns the numbers of a batch's streams, new ones for new streams.
    fn numbers(&self, batch: &[Append]) -> Vec<u32> {
        let known = self.reader.catalog();
        let numbers: Vec<_> = batch.iter().map(|part| known.number(&part.stream)).collect();
        drop(known);
        let new = |part: &Append| self.reader.catalog_mut().intern(&Arc::new(part.stream.clone()));
        numbers.into_iter().zip(batch).map(|(number, part)| number.unwrap_or_else(|| new(part))).collect()
    }

    fn head(&self, group: &Group, stream: u32) -> u64 {
        group.heads.get(&stream).copied().unwrap_or_else(|| self.reader.catalog().head_of(stream))
    }

    fn encode(
        &mut self,
        group: &mut Group,
        heads: &mut Heads,
        batch: Vec<Append>,
        numbers: &[u32],
    ) -> Result<Vec<Encoded>, StoreError> {
        let mut all = Vec::with_capacity(batch.iter().map(|part| part.events.len()).sum());
        let mut size = 0;
        for (part, &number) in batch.into_iter().zip(numbers) {
            let mut last = heads.get(&number).copied().unwrap_or_else(|| self.head(group, number));
            for event in part.events {
                let encoded = self.encode_one((number, &part.stream), last, group.next, event)?;
                size += encoded.bytes.len();
                if encoded.bytes.len() > MAX_BODY - FRAME || size > MAX_BATCH {
                    let what = format!("an event or batch of {size} bytes is larger than the store takes");
                    return Err(StoreError::Unavailable { what, source: None });
                }
                group.next = group.next.next();
                last += 1;
                all.push(encoded);
            }
            heads.insert(number, last);
        }
        Ok(all)
    }

    fn encode_one(
        &mut self,
        (number, stream): (u32, &StreamId),
        last: u64,
        position: Position,
        event: NewEvent,
    ) -> Result<Encoded, StoreError> {
        let before = match self.states.touch(number) {
            Some(state) => Some(state),
            None => self.reader.open_state((number, stream))?,
        };
        let revision = Revision::new(last).map_or(Revision::FIRST, Revision::next);
        let event = event.at(stream.clone(), revision, position);
        // Deltas do not reach into the segment before, so that each can be read, kept and lost by itself.
        let usable = before.filter(|s| s.revision == last && s.back + 1 < WHOLE_EVERY && s.object.is_some());
        let previous = usable.as_ref().and_then(|s| s.object.as_ref());
        let bytes = wire::encode(&event, previous.map(|o| o.doc()));
        let object = carried(&event);
        // An event without an object keeps the chain going, so that the next one can be a delta.
        let goes_on = match object {
            Some(_) => wire::needs_previous(&bytes).unwrap_or(false),
            None => true,
        };
        let (back, carried) = match usable {
            Some(state) if goes_on => (state.back + 1, object.or(state.object)),
            _ => (0, object),
        };
        let state = State { revision: revision.get(), back, object: carried };
        self.states.put(number, state);
        Ok(Encoded { stream: number, event, back, bytes })
    }

    fn close_frame(&mut self, group: &mut Group, more: bool) {
        let builder = std::mem::take(&mut group.builder);
        let events = std::mem::take(&mut group.indexed);
        let count = builder.count();
        if count == 0 {
            return;
        }
        let body = self.dictionary(group).and_then(|()| self.codec.pack(builder.finish()));
        let body = match body {
            Ok(body) => body,
            Err(e) => {
                group.failed = Some(e);
                return;
            }
        };
        let offset = self.length + group.bytes.len() as u64;
        let (first, previous) = (group.framed, group.previous);
        let header = Header { kind: Kind::Events, more, count, first, durable: self.length, previous };
        group.framed = header.end();
        group.previous = header.write(&body, &mut group.bytes);
        group.frames.push(StagedFrame { offset, first, events });
    }

    /// Writes a new dictionary when it is time for one.
    fn dictionary(&mut self, group: &mut Group) -> Result<(), StoreError> {
        let Some((number, content)) = self.sampler.due() else { return Ok(()) };
        let mut body = vec![number];
        body.extend_from_slice(&content);
        let body = Codec::new()?.pack(body)?;
        let offset = self.length + group.bytes.len() as u64;
        let (first, previous) = (group.framed, group.previous);
        let kind = Kind::Dictionary;
        // Nothing ends with a dictionary: without a frame that follows it is cut off with the torn batch.
        let header = Header { kind, more: true, count: 0, first, durable: self.length, previous };
        group.previous = header.write(&body, &mut group.bytes);
        group.dictionaries.push((number, offset));
        self.codec.pack_with(number, &content)
    }

    /// Writes and syncs a group, makes it visible and answers its callers.
    fn commit(&mut self, mut group: Group) {
        self.close_frame(&mut group, false);
        let done = match group.failed.take() {
            Some(e) => Err(e),
            None if group.frames.is_empty() => Ok(()),
            None => self.write(&group.bytes).and_then(|()| self.publish(&group)),
        };
        if let Err(e) = &done {
            // States of streams are ahead of the log now.
            self.states.clear();
            if let Some((number, _)) = group.dictionaries.first() {
                self.sampler.take_back(*number);
                self.packs_plain();
            }
            let what = describe(e);
            for (reply, _) in group.replies {
                // A caller that went away does not ask.
                let _ = reply.send(Err(StoreError::Unavailable { what: what.clone(), source: None }));
            }
            return;
        }
        for (reply, result) in group.replies {
            let _ = reply.send(result);
        }
    }

    fn poison(&mut self, why: &str) {
        self.poisoned = Some(format!("the store stopped writing, open it again: {why}"));
    }

    /// Writes and syncs; on an error nothing of it stays in the file.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if let Err(e) = self.log.append(bytes) {
            if let Err(e) = self.log.truncate(self.length) {
                self.poison(&format!("a part of a failed write could not be cut off: {e}"));
            }
            return Err(unavailable(&format!("writing to segment {}", self.segment))(e));
        }
        if let Err(e) = self.log.sync() {
            // After a failed sync nobody knows what is on the disk, and another one would not tell (fsyncgate).
            self.poison(&format!("segment {} could not be synced: {e}", self.segment));
            // Best effort, so that what is answered with an error is not seen later.
            let _ = self.log.truncate(self.length);
            return Err(unavailable(&format!("syncing segment {}", self.segment))(e));
        }
        Ok(())
    }

    fn publish(&mut self, group: &Group) -> Result<(), StoreError> {
        let mut catalog = self.reader.catalog_mut();
        for (number, offset) in &group.dictionaries {
            catalog.push_dictionary(*number, *offset);
        }
        for frame in &group.frames {
            let pushed = catalog.push_frame(frame.offset, frame.first, &frame.events);
            if let Err(what) = pushed {
                drop(catalog);
                self.poison(&what);
                return Err(StoreError::Corrupt { what });
            }
        }
        drop(catalog);
        self.length += group.bytes.len() as u64;
        self.chain = Chain { previous: group.previous, next: group.framed };
        self.acknowledged.store(self.chain.next.get() - 1, Ordering::Release);
        self.set_mark();
        Ok(())
    }

    fn set_mark(&mut self) {
        let mark = Mark { segment: self.segment, length: self.length, next: self.chain.next };
        // An old mark is a true one: the log itself is what counts.
        let _ = self.mark.set(mark);
    }

    /// Packs without a dictionary until the next one is written.
    fn packs_plain(&mut self) {
        if let Err(e) = self.codec.pack_with(0, &[]) {
            self.poison(&describe(&e));
        }
    }

    /// Seals the open segment and begins the next one.
    fn rotate(&mut self) -> Result<(), StoreError> {
        let failed = || unavailable(&format!("beginning segment {}", self.segment + 1));
        let (index, path) = self.write_index()?;
        let entries = File::open(&path).map_err(failed())?;
        let (segment, first) = begin(&self.store, self.segment + 1, &self.chain)?;
        self.log = self.disk.open(&first).map_err(failed())?;
        self.segment += 1;
        (self.length, self.indexed) = (HEAD as u64, HEAD as u64);
        let mut catalog = self.reader.catalog_mut();
        catalog.seal(&index, entries);
        catalog.add_open(segment);
        drop(catalog);
        self.states.clear();
        self.sampler.begin_segment();
        self.packs_plain();
        self.set_mark();
        Ok(())
    }
}

/// Makes the file of a new segment.
pub(super) fn begin(store: &Path, number: u32, chain: &Chain) -> Result<(Segment, PathBuf), StoreError> {
    let failed = || unavailable(&format!("beginning segment {number}"));
    let head = Head { number, first: chain.next, previous: chain.previous };
    let path = segment::path(store, number);
    disk::replace(&path, &head.to_bytes(), Access::Usual).map_err(failed())?;
    let file = Arc::new(File::open(&path).map_err(failed())?);
    Ok((Segment::new(number, head.first, head.previous, file), path))
}
