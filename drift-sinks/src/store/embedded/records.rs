//! Bodies of event frames: which streams, then one record per event.
//!
//! ```text
//! varint n, n × (varint length, JSON)         names of streams
//! then per event, to the end:
//!   varint length of what follows
//!   varint place in the list of names
//!   varint revision
//!   varint number of revisions back to the last full snapshot; 0 for a full snapshot
//!   the event, as `drift_core::wire` writes it
//! ```

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use drift_core::wire::StreamV1;
use drift_core::{Position, Revision, StreamId};
use foldhash::fast::RandomState;

/// One event in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventRecord {
    /// Place in [`FrameRecords::streams`].
    pub(super) stream: usize,
    pub(super) revision: Revision,
    /// Number of revisions back to the last full snapshot.
    pub(super) delta_depth: u16,
    /// Where the event's bytes are in [`FrameRecords::body`].
    pub(super) bytes: Range<usize>,
}

/// A body, decoded up to the events.
#[derive(Debug)]
pub(super) struct FrameRecords {
    /// Position of the first event.
    pub(super) first: Position,
    pub(super) body: Vec<u8>,
    pub(super) streams: Vec<Arc<StreamId>>,
    pub(super) records: Vec<EventRecord>,
}

/// Collects the records of one frame.
#[derive(Debug, Default)]
pub(super) struct RecordsBuilder {
    names: Vec<u8>,
    places: HashMap<u32, u64, RandomState>,
    records: Vec<u8>,
    count: u32,
}

impl RecordsBuilder {
    /// Adds an event of a stream, given by its number and name.
    pub(super) fn push(
        &mut self,
        (number, stream): (u32, &StreamId),
        revision: Revision,
        delta_depth: u16,
        event: &[u8],
    ) {
        let next = self.places.len() as u64;
        let place = *self.places.entry(number).or_insert(next);
        if place == next {
            // The same text as within the event, which makes the second one nearly free.
            let name = serde_json::to_vec(&StreamV1::from(stream)).expect("a stream id is plain data");
            push_varint(name.len() as u64, &mut self.names);
            self.names.extend_from_slice(&name);
        }
        let head = [place, revision.get(), u64::from(delta_depth)];
        let length = head.iter().map(|n| varint_len(*n)).sum::<usize>() + event.len();
        push_varint(length as u64, &mut self.records);
        head.iter().for_each(|n| push_varint(*n, &mut self.records));
        self.records.extend_from_slice(event);
        self.count += 1;
    }

    /// Returns how many events were added.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Returns about how long the body is.
    pub(super) fn len(&self) -> usize {
        self.names.len() + self.records.len()
    }

    /// Returns the encoded body.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.len() + 10);
        push_varint(self.places.len() as u64, &mut body);
        body.extend_from_slice(&self.names);
        body.extend_from_slice(&self.records);
        body
    }
}

/// Names of streams seen before, so that one that comes in every frame is decoded once.
#[derive(Debug, Default)]
pub(super) struct StreamNames(HashMap<Box<[u8]>, Arc<StreamId>, RandomState>);

/// Names that are held; about 30 MB.
const MAX_NAMES: usize = 100_000;

impl StreamNames {
    fn parse(&mut self, name: &[u8]) -> Option<Arc<StreamId>> {
        if let Some(stream) = self.0.get(name) {
            return Some(Arc::clone(stream));
        }
        let parsed: StreamV1 = serde_json::from_slice(name).ok()?;
        let stream = Arc::new(StreamId::from(parsed));
        if self.0.len() >= MAX_NAMES {
            self.0.clear();
        }
        self.0.insert(name.into(), Arc::clone(&stream));
        Some(stream)
    }
}

impl FrameRecords {
    /// Decodes a body; `None` when it is none.
    pub(super) fn parse(body: Vec<u8>, first: Position, count: u32, known: &mut StreamNames) -> Option<Self> {
        let mut rest = body.as_slice();
        let names = usize::try_from(take_varint(&mut rest)?).ok()?;
        let mut streams = Vec::with_capacity(names.min(rest.len() / 2));
        for _ in 0..names {
            streams.push(known.parse(take_sized(&mut rest)?)?);
        }
        let mut records = Vec::with_capacity((count as usize).min(rest.len() / 3));
        while !rest.is_empty() {
            let mut bytes = take_sized(&mut rest)?;
            let stream = usize::try_from(take_varint(&mut bytes)?).ok().filter(|s| *s < names)?;
            let revision = Revision::new(take_varint(&mut bytes)?)?;
            let delta_depth = u16::try_from(take_varint(&mut bytes)?).ok()?;
            let end = body.len() - rest.len();
            if u64::from(delta_depth) >= revision.get() || revision.get() > LARGEST {
                return None;
            }
            records.push(EventRecord { stream, revision, delta_depth, bytes: end - bytes.len()..end });
        }
        (records.len() == count as usize).then_some(Self { first, body, streams, records })
    }

    /// Returns the stream of a record.
    pub(super) fn stream(&self, record: &EventRecord) -> &Arc<StreamId> {
        &self.streams[record.stream]
    }

    /// Returns the event of a record, as `drift_core::wire` wrote it.
    pub(super) fn event(&self, record: &EventRecord) -> &[u8] {
        &self.body[record.bytes.clone()]
    }
}

/// Largest revision or position that is taken for one; what is beyond could overflow where it is counted on.
pub(super) const LARGEST: u64 = 1 << 62;

fn varint_len(n: u64) -> usize {
    (n | 1).ilog2() as usize / 7 + 1
}

/// Appends a number, seven bits a byte.
pub(super) fn push_varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Takes a number off the front.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if (bits << shift) >> shift != bits {
            return None;
        }
        n |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

/// Takes a length and so many bytes off the front.
pub(super) fn take_sized<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take_varint(bytes)?).ok()?;
    let (head, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(head)
}
