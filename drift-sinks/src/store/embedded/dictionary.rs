//! Dictionaries for the compressor: samples of recent events.
//!
//! Objects of one kind are much alike and a frame is too small to show it, the more so when a quiet cluster writes one
//! event a frame. So the writer keeps some recent events of each kind and writes them into the segment now and then, as
//! a frame of its own; the frames that follow are packed against it. Each segment has its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use drift_core::StreamId;

/// The content of a dictionary.
pub(super) type Dictionary = Arc<[u8]>;

/// Bytes of a dictionary.
const SIZE: usize = 112 << 10;
/// Samples of a kind, of each form.
const SAMPLES: usize = 4;
/// An event larger than this would take too much of a dictionary.
const SAMPLE: usize = 16 << 10;
/// Kinds that are sampled.
const KINDS: usize = 512;
/// Bytes of events in a segment before each of its dictionaries.
const STEPS: [usize; 4] = [48 << 10, 512 << 10, 4 << 20, 32 << 20];

#[derive(Debug, Default)]
struct KindSamples {
    events: u64,
    whole: VecDeque<Box<[u8]>>,
    deltas: VecDeque<Box<[u8]>>,
}

/// Recent events of each kind.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    kinds: BTreeMap<(Arc<str>, Arc<str>), KindSamples>,
    /// Bytes of events since the last dictionary.
    bytes: usize,
    /// Dictionaries in the segment so far.
    written: u8,
}

impl Sampler {
    /// Takes note of an event as `drift_core::wire` wrote it.
    pub(super) fn push_sample(&mut self, stream: &StreamId, delta_depth: u16, event: &[u8]) {
        self.bytes = self.bytes.saturating_add(event.len());
        let kind = stream.key().map(|k| (Arc::clone(&k.group), Arc::clone(&k.kind))).unwrap_or_default();
        if event.len() > SAMPLE || (self.kinds.len() >= KINDS && !self.kinds.contains_key(&kind)) {
            return;
        }
        let samples = self.kinds.entry(kind).or_default();
        samples.events += 1;
        let form = if delta_depth == 0 { &mut samples.whole } else { &mut samples.deltas };
        // Neighbours are often of one object; every eighth shows more of the estate.
        if form.len() < SAMPLES || samples.events.is_multiple_of(8) {
            form.truncate(SAMPLES - 1);
            form.push_front(event.into());
        }
    }

    /// Begins a new segment, which needs a dictionary at once.
    pub(super) fn begin_segment(&mut self) {
        (self.bytes, self.written) = (usize::MAX, 0);
    }

    /// Goes on in a segment that has so many dictionaries.
    pub(super) fn resume_at(&mut self, written: u8) {
        self.written = written;
    }

    /// Takes back a dictionary that did not reach the log, and all after it.
    pub(super) fn take_back(&mut self, number: u8) {
        (self.bytes, self.written) = (usize::MAX, number - 1);
    }

    /// Returns the number and content of a new dictionary, when it is time for one.
    pub(super) fn next_due(&mut self) -> Option<(u8, Dictionary)> {
        let step = STEPS[usize::from(self.written).min(STEPS.len() - 1)];
        let number = self.written.checked_add(1)?;
        if self.bytes < step || self.kinds.is_empty() {
            return None;
        }
        (self.bytes, self.written) = (0, number);
        Some((number, self.build_content()))
    }

    /// Puts the samples together, frequent kinds last: what is near costs less to refer to.
    fn build_content(&self) -> Dictionary {
        let mut kinds: Vec<_> = self.kinds.values().collect();
        kinds.sort_by_key(|k| std::cmp::Reverse(k.events));
        let (mut parts, mut size) = (Vec::new(), 0);
        // The newest of each kind first, then the second of each, as far as there is room.
        for round in 0..SAMPLES {
            for samples in &kinds {
                for part in [samples.whole.get(round), samples.deltas.get(round)].into_iter().flatten() {
                    if size + part.len() <= SIZE {
                        size += part.len();
                        parts.push(part);
                    }
                }
            }
        }
        parts.iter().rev().flat_map(|p| p.iter().copied()).collect()
    }
}
