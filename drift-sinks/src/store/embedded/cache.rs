//! Caches with a budget in bytes, which evict the least recently used values.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use drift_core::{Object, Packed, Packer};
use foldhash::fast::RandomState;

/// Keeps values as long as their sizes stay within a budget.
///
/// Values are in two halves: what is used moves to the young one, and when that is full the old one goes and the young one
/// becomes old. That is within a half of strict order of use, at no cost but a lookup.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    budget: usize,
    young: CacheHalf<K, V>,
    old: CacheHalf<K, V>,
}

#[derive(Debug)]
struct CacheHalf<K, V> {
    used: usize,
    entries: HashMap<K, (usize, V), RandomState>,
}

impl<K, V> Default for CacheHalf<K, V> {
    fn default() -> Self {
        Self { used: 0, entries: HashMap::default() }
    }
}

impl<K: Hash + Eq, V> CacheHalf<K, V> {
    fn take_out(&mut self, key: &K) -> Option<(K, usize, V)> {
        let (key, (size, value)) = self.entries.remove_entry(key)?;
        self.used -= size;
        Some((key, size, value))
    }
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// Makes an empty cache with a budget in bytes.
    pub(super) fn new(budget: usize) -> Self {
        Self { budget, young: CacheHalf::default(), old: CacheHalf::default() }
    }

    /// Returns a value and counts that as a use; what had to go for it goes to `gone`.
    fn touch_and(&mut self, key: &K, gone: impl FnMut(K, V)) -> Option<&V> {
        if !self.young.entries.contains_key(key) {
            let (key, size, value) = self.old.take_out(key)?;
            self.insert(key, value, size, gone);
        }
        self.young.entries.get(key).map(|(_, value)| value)
    }

    /// Returns a value and counts that as a use.
    pub(super) fn touch(&mut self, key: &K) -> Option<&V> {
        self.touch_and(key, |_, _| {})
    }

    /// Adds a value of a size in bytes.
    pub(super) fn put(&mut self, key: K, value: V, size: usize) {
        self.put_and(key, value, size, |_, _| {});
    }

    fn put_and(&mut self, key: K, value: V, size: usize, gone: impl FnMut(K, V)) {
        if !self.old.entries.is_empty() {
            self.old.take_out(&key);
        }
        self.insert(key, value, size, gone);
    }

    fn insert(&mut self, key: K, value: V, size: usize, mut gone: impl FnMut(K, V)) {
        // Before, so that the value itself is there afterwards, whatever its size.
        if self.young.used + size > self.budget / 2 {
            let old = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            old.entries.into_iter().for_each(|(key, (_, value))| gone(key, value));
        }
        self.young.used += size;
        if let Some((size, _)) = self.young.entries.insert(key, (size, value)) {
            self.young.used -= size;
        }
    }

    /// Removes and returns a value.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.young.take_out(key).or_else(|| self.old.take_out(key)).map(|(_, _, value)| value)
    }

    /// Removes all entries.
    pub(super) fn clear(&mut self) {
        (self.young, self.old) = (CacheHalf::default(), CacheHalf::default());
    }
}

/// The state of a stream after its last event, which the next event may be a delta to.
#[derive(Clone, Debug)]
pub(super) struct StreamState {
    /// Revision of the last event.
    pub(super) revision: u64,
    /// Number of revisions back to the last full snapshot.
    pub(super) delta_depth: u16,
    /// Object of the last event, if it has one.
    pub(super) object: Option<Arc<Object>>,
}

/// The states of streams, by their numbers: those in use as they are, the others packed.
#[derive(Debug)]
pub(super) struct StreamStates {
    hot: Cache<u32, StreamState>,
    cold: Cache<u32, (StreamState, Option<Packed>)>,
    packer: Packer,
}

/// Bytes that an entry takes besides its object.
const ENTRY: usize = 100;

impl StreamStates {
    /// Makes a cache of so many bytes for objects as they are, and so many for packed ones.
    pub(super) fn new(hot: usize, cold: usize) -> Self {
        Self { hot: Cache::new(hot), cold: Cache::new(cold), packer: Packer::default() }
    }

    /// Returns the state of a stream.
    pub(super) fn touch(&mut self, stream: u32) -> Option<StreamState> {
        let Self { hot, cold, packer } = self;
        if let Some(state) = hot.touch_and(&stream, |stream, state| pack_cold(cold, packer, stream, state)) {
            return Some(state.clone());
        }
        let (mut state, packed) = self.cold.remove(&stream)?;
        if let Some(packed) = packed {
            // What does not unpack is not known; the log has it.
            state.object = Some(Arc::new(Object::new(packed.unpack().ok()?).ok()?));
        }
        self.put(stream, state.clone());
        Some(state)
    }

    /// Sets the state of a stream.
    pub(super) fn put(&mut self, stream: u32, state: StreamState) {
        let size = ENTRY + state.object.as_ref().map_or(0, |o| o.doc().heap_size());
        let Self { hot, cold, packer } = self;
        cold.remove(&stream);
        hot.put_and(stream, state, size, |stream, state| pack_cold(cold, packer, stream, state));
    }

    /// Removes all entries.
    pub(super) fn clear(&mut self) {
        self.hot.clear();
        self.cold.clear();
    }
}

fn pack_cold(
    cold: &mut Cache<u32, (StreamState, Option<Packed>)>,
    packer: &Packer,
    stream: u32,
    mut state: StreamState,
) {
    let packed = state.object.take().map(|o| packer.pack(o.doc()));
    let size = ENTRY + packed.as_ref().map_or(0, Packed::heap_size);
    cold.put(stream, (state, packed), size);
}
