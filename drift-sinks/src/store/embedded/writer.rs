//! The one writer of a store: a thread that turns what callers append into frames, a group at a time.
//!
//! Group commit: what arrives while one group is being written and synced makes up the next one. There is no waiting for
//! company: a lone append is not made slower, and many callers fill the group during the sync of the one before.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering};

use drift_core::text::error_line;
use drift_core::{Append, Event, NewEvent, Position, Revision, StoreError, StreamId, wire};
use foldhash::fast::RandomState;
use futures::channel::oneshot;

use super::cache::{StreamState, StreamStates};
use super::catalog::{IndexedEvent, Segment};
use super::dictionary::Sampler;
use super::directory::{Watermark, WatermarkFile};
use super::disk::{self, Disk, LogFile};
use super::frame::{Codec, FrameHeader, FrameKind, Hash, MAX_BODY};
use super::index::{self, SegmentIndex};
use super::reader::{Reader, object_of};
use super::records::RecordsBuilder;
use super::segment::{self, Chain, HEAD, SegmentHead};
use super::unavailable_error;

/// A frame is closed at this size before packing, so that reading one event unpacks little.
const FRAME: usize = 64 << 10;
/// A frame is closed at so many events, which fits the index.
const FRAME_EVENTS: u32 = 16 << 10;
/// A group takes no more appends at this size before packing.
const GROUP: usize = 512 << 10;
/// Largest single batch before packing.
const MAX_BATCH: usize = 1 << 30;
/// Every 16th revision of a stream is a full snapshot.
const SNAPSHOT_INTERVAL: u16 = 16;

/// The open segment's index is written whenever so many bytes were added: what is not in it is read on opening.
const INDEX_EVERY: u64 = 16 << 20;
/// A segment that grew beyond this because the next one could not be made takes no more.
const LARGEST_SEGMENT: u64 = 3 << 30;

/// One call of `append`.
#[derive(Debug)]
pub(super) struct AppendCommand {
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
    /// Acknowledged length of the open segment.
    pub(super) length: u64,
    /// How much of it an index file covers.
    pub(super) indexed: u64,
    pub(super) chain: Chain,
    pub(super) mark: WatermarkFile,
    pub(super) codec: Codec,
    pub(super) states: StreamStates,
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
struct CommitGroup {
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
    builder: RecordsBuilder,
    indexed: Vec<IndexedEvent>,
    raw: usize,
    replies: Vec<(Reply, Result<Vec<Event>, StoreError>)>,
    /// What makes the whole group fail.
    failed: Option<StoreError>,
}

#[derive(Debug)]
struct StagedFrame {
    offset: u64,
    first: Position,
    events: Vec<IndexedEvent>,
}

/// An event with its bytes.
struct EncodedEvent {
    /// Number of the stream.
    stream: u32,
    event: Event,
    delta_depth: u16,
    bytes: Vec<u8>,
}

impl Writer {
    /// Serves callers until all are gone.
    pub(super) fn run(mut self, commands: &Receiver<AppendCommand>) {
        while let Ok(command) = commands.recv() {
            let mut group = self.begin_group();
            let mut command = Some(command);
            while let Some(AppendCommand { batch, reply }) = command.take() {
                let result = self.stage_batch(&mut group, batch);
                group.replies.push((reply, result));
                if group.raw < GROUP {
                    match commands.try_recv() {
                        Ok(next) => command = Some(next),
                        Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
                    }
                }
            }
            self.commit_group(group);
            self.maintain();
        }
        // The next one to open the store need not read the segment. Without an index it does.
        let _ = self.write_index();
    }

    /// Periodic maintenance: rotates full segments and writes an index of the open one, so that a store opens quickly after
    /// a crash.
    fn maintain(&mut self) {
        if self.poisoned.is_some() {
            return;
        }
        if self.length >= self.segment_bytes {
            // What fails here is tried again after the next group; until then the segment grows.
            let rotated = self.rotate_segment();
            if let (Err(e), true) = (rotated, self.length > LARGEST_SEGMENT) {
                self.refuse_writes(&error_line(&e));
            }
        } else if self.length - self.indexed >= INDEX_EVERY {
            self.indexed = self.length;
            // An index is a convenience.
            let _ = self.write_index();
        }
    }

    /// Writes the index of the open segment.
    fn write_index(&self) -> Result<(SegmentIndex, PathBuf), StoreError> {
        let failed = || unavailable_error(&format!("writing the index of segment {}", self.segment));
        let index = self.reader.catalog().build_index(self.length, &self.chain);
        let (index, entries) = index.ok_or_else(|| failed()(std::io::ErrorKind::NotFound.into()))?;
        let path = index::index_path(&self.store, self.segment);
        disk::replace(&path, &index.to_bytes(entries.into_iter())).map_err(failed())?;
        Ok((index, path))
    }

    fn begin_group(&self) -> CommitGroup {
        let Chain { previous, next } = self.chain;
        CommitGroup { next, framed: next, previous, ..CommitGroup::default() }
    }

    /// Checks one batch and puts it into the group, all of it or nothing.
    fn stage_batch(&mut self, group: &mut CommitGroup, batch: Vec<Append>) -> Result<Vec<Event>, StoreError> {
        if let Some(why) = &self.poisoned {
            return Err(StoreError::Unavailable { what: why.clone(), source: None });
        }
        let numbers = self.stream_numbers(&batch);
        for (part, number) in batch.iter().zip(&numbers) {
            let actual = Revision::new(self.last_revision(group, *number));
            if !part.expected.holds(actual) {
                return Err(StoreError::Conflict { stream: Box::new(part.stream.clone()), actual });
            }
        }
        let first = group.next;
        let mut heads = Heads::default();
        let encoded = match self.encode_batch(group, &mut heads, batch, &numbers) {
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
        for (i, EncodedEvent { stream, event, delta_depth, bytes }) in encoded.into_iter().enumerate() {
            group.raw += bytes.len();
            self.sampler.push_sample(&event.stream, delta_depth, &bytes);
            group.builder.push((stream, &event.stream), event.revision, delta_depth, &bytes);
            group.indexed.push(IndexedEvent { stream, revision: event.revision, delta_depth });
            events.push(event);
            if group.builder.len() >= FRAME || group.builder.count() >= FRAME_EVENTS {
                self.close_frame(group, i + 1 < count);
            }
        }
        Ok(events)
    }

    /// Returns the numbers of a batch's streams, new ones for new streams.
    fn stream_numbers(&self, batch: &[Append]) -> Vec<u32> {
        let known = self.reader.catalog();
        let numbers: Vec<_> = batch.iter().map(|part| known.number_of(&part.stream)).collect();
        drop(known);
        let new = |part: &Append| self.reader.catalog_mut().number_or_new(&Arc::new(part.stream.clone()));
        numbers.into_iter().zip(batch).map(|(number, part)| number.unwrap_or_else(|| new(part))).collect()
    }

    fn last_revision(&self, group: &CommitGroup, stream: u32) -> u64 {
        group.heads.get(&stream).copied().unwrap_or_else(|| self.reader.catalog().head_of(stream))
    }

    fn encode_batch(
        &mut self,
        group: &mut CommitGroup,
        heads: &mut Heads,
        batch: Vec<Append>,
        numbers: &[u32],
    ) -> Result<Vec<EncodedEvent>, StoreError> {
        let mut all = Vec::with_capacity(batch.iter().map(|part| part.events.len()).sum());
        let mut size = 0;
        for (part, &number) in batch.into_iter().zip(numbers) {
            let mut last = heads.get(&number).copied().unwrap_or_else(|| self.last_revision(group, number));
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
    ) -> Result<EncodedEvent, StoreError> {
        let before = match self.states.touch(number) {
            Some(state) => Some(state),
            None => self.reader.open_state((number, stream))?,
        };
        let revision = Revision::new(last).map_or(Revision::FIRST, Revision::next);
        let event = event.at(stream.clone(), revision, position);
        // Deltas do not reach into the segment before, so that each can be read, kept and lost by itself.
        let usable = before
            .filter(|s| s.revision == last && s.delta_depth + 1 < SNAPSHOT_INTERVAL && s.object.is_some());
        let previous = usable.as_ref().and_then(|s| s.object.as_ref());
        let bytes = wire::encode(&event, previous.map(|o| o.doc()));
        let object = object_of(&event);
        // An event without an object keeps the chain going, so that the next one can be a delta.
        let goes_on = match object {
            Some(_) => wire::needs_previous(&bytes).unwrap_or(false),
            None => true,
        };
        let (delta_depth, carried) = match usable {
            Some(state) if goes_on => (state.delta_depth + 1, object.or(state.object)),
            _ => (0, object),
        };
        let state = StreamState { revision: revision.get(), delta_depth, object: carried };
        self.states.put(number, state);
        Ok(EncodedEvent { stream: number, event, delta_depth, bytes })
    }

    fn close_frame(&mut self, group: &mut CommitGroup, more: bool) {
        let builder = std::mem::take(&mut group.builder);
        let events = std::mem::take(&mut group.indexed);
        let count = builder.count();
        if count == 0 {
            return;
        }
        let body = self.stage_dictionary(group).and_then(|()| self.codec.pack(builder.finish()));
        let body = match body {
            Ok(body) => body,
            Err(e) => {
                group.failed = Some(e);
                return;
            }
        };
        let offset = self.length + group.bytes.len() as u64;
        let (first, previous) = (group.framed, group.previous);
        let header =
            FrameHeader { kind: FrameKind::Events, more, count, first, durable: self.length, previous };
        group.framed = header.end();
        group.previous = header.write(&body, &mut group.bytes);
        group.frames.push(StagedFrame { offset, first, events });
    }

    /// Writes a new dictionary when it is time for one.
    fn stage_dictionary(&mut self, group: &mut CommitGroup) -> Result<(), StoreError> {
        let Some((number, content)) = self.sampler.next_due() else { return Ok(()) };
        let mut body = vec![number];
        body.extend_from_slice(&content);
        let body = Codec::new()?.pack(body)?;
        let offset = self.length + group.bytes.len() as u64;
        let (first, previous) = (group.framed, group.previous);
        let kind = FrameKind::Dictionary;
        // Nothing ends with a dictionary: without a frame that follows it is cut off with the torn batch.
        let header = FrameHeader { kind, more: true, count: 0, first, durable: self.length, previous };
        group.previous = header.write(&body, &mut group.bytes);
        group.dictionaries.push((number, offset));
        self.codec.pack_with(number, &content)
    }

    /// Writes and syncs a group, makes it visible and answers its callers.
    fn commit_group(&mut self, mut group: CommitGroup) {
        self.close_frame(&mut group, false);
        let done = match group.failed.take() {
            Some(e) => Err(e),
            None if group.frames.is_empty() => Ok(()),
            None => self.write_and_sync(&group.bytes).and_then(|()| self.publish_group(&group)),
        };
        if let Err(e) = &done {
            // States of streams are ahead of the log now.
            self.states.clear();
            if let Some((number, _)) = group.dictionaries.first() {
                self.sampler.take_back(*number);
                self.packs_plain();
            }
            let what = error_line(e);
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

    fn refuse_writes(&mut self, why: &str) {
        self.poisoned = Some(format!("the store stopped writing, open it again: {why}"));
    }

    /// Writes and syncs; on an error nothing of it stays in the file.
    fn write_and_sync(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if let Err(e) = self.log.append(bytes) {
            if let Err(e) = self.log.truncate(self.length) {
                self.refuse_writes(&format!("a part of a failed write could not be cut off: {e}"));
            }
            return Err(unavailable_error(&format!("writing to segment {}", self.segment))(e));
        }
        if let Err(e) = self.log.sync() {
            // After a failed sync nobody knows what is on the disk, and another one would not tell (fsyncgate).
            self.refuse_writes(&format!("segment {} could not be synced: {e}", self.segment));
            // Best effort, so that what is answered with an error is not seen later.
            let _ = self.log.truncate(self.length);
            return Err(unavailable_error(&format!("syncing segment {}", self.segment))(e));
        }
        Ok(())
    }

    fn publish_group(&mut self, group: &CommitGroup) -> Result<(), StoreError> {
        let mut catalog = self.reader.catalog_mut();
        for (number, offset) in &group.dictionaries {
            catalog.push_dictionary(*number, *offset);
        }
        for frame in &group.frames {
            let pushed = catalog.push_frame(frame.offset, frame.first, &frame.events);
            if let Err(e) = pushed {
                drop(catalog);
                let what = e.to_string();
                self.refuse_writes(&what);
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
        let mark = Watermark { segment: self.segment, length: self.length, next: self.chain.next };
        // An old mark is a true one: the log itself is what counts.
        let _ = self.mark.set(mark);
    }

    /// Packs without a dictionary until the next one is written.
    fn packs_plain(&mut self) {
        if let Err(e) = self.codec.pack_with(0, &[]) {
            self.refuse_writes(&error_line(&e));
        }
    }

    /// Seals the open segment and begins the next one.
    fn rotate_segment(&mut self) -> Result<(), StoreError> {
        let failed = || unavailable_error(&format!("beginning segment {}", self.segment + 1));
        let (index, path) = self.write_index()?;
        let entries = File::open(&path).map_err(failed())?;
        let (segment, first) = begin_segment(&self.store, self.segment + 1, &self.chain)?;
        self.log = self.disk.open(&first).map_err(failed())?;
        self.segment += 1;
        (self.length, self.indexed) = (HEAD as u64, HEAD as u64);
        let mut catalog = self.reader.catalog_mut();
        catalog.seal_segment(&index, entries);
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
pub(super) fn begin_segment(
    store: &Path,
    number: u32,
    chain: &Chain,
) -> Result<(Segment, PathBuf), StoreError> {
    let failed = || unavailable_error(&format!("beginning segment {number}"));
    let head = SegmentHead { number, first: chain.next, previous: chain.previous };
    let path = segment::log_path(store, number);
    disk::replace(&path, &head.to_bytes()).map_err(failed())?;
    let file = Arc::new(File::open(&path).map_err(failed())?);
    Ok((Segment::new(number, head.first, head.previous, file), path))
}
