//! Caches with a budget in bytes: what was not used for longest goes first.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use drift_core::{Object, Packed, Packer, StreamId};
use foldhash::fast::RandomState;

/// Keeps values as long as their sizes stay within a budget.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    budget: usize,
    used: usize,
    clock: u64,
    entries: HashMap<K, (u64, usize, V), RandomState>,
    /// Keys by last use.
    order: BTreeMap<u64, K>,
}

impl<K: Hash + Eq + Clone, V> Cache<K, V> {
    /// Makes a cache.
    pub(super) fn new(budget: usize) -> Self {
        Self { budget, used: 0, clock: 0, entries: HashMap::default(), order: BTreeMap::new() }
    }

    /// Returns a value and counts that as a use.
    pub(super) fn touch(&mut self, key: &K) -> Option<&V> {
        let (used, _, value) = self.entries.get_mut(key)?;
        self.clock += 1;
        let key = self.order.remove(used)?;
        *used = self.clock;
        self.order.insert(self.clock, key);
        Some(value)
    }

    /// Puts a value in and returns what had to go for it.
    pub(super) fn put(&mut self, key: K, value: V, size: usize) -> Vec<(K, V)> {
        self.remove(&key);
        self.clock += 1;
        self.used += size;
        self.order.insert(self.clock, key.clone());
        self.entries.insert(key, (self.clock, size, value));
        let mut gone = Vec::new();
        while self.used > self.budget {
            let Some((_, key)) = self.order.pop_first() else { break };
            if let Some((_, size, value)) = self.entries.remove(&key) {
                self.used -= size;
                gone.push((key, value));
            }
        }
        gone
    }

    /// Takes a value out.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let (used, size, value) = self.entries.remove(key)?;
        self.order.remove(&used);
        self.used -= size;
        Some(value)
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
        self.used = 0;
    }
}

/// How a stream stands after its last event: what the next one may be a delta to.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Last revision.
    pub(super) revision: u64,
    /// Revisions back from there to the one that says everything anew.
    pub(super) back: u16,
    /// The last object.
    pub(super) object: Option<Arc<Object>>,
}

/// The states of streams: those in use as they are, the others packed.
#[derive(Debug)]
pub(super) struct States {
    hot: Cache<Arc<StreamId>, State>,
    cold: Cache<Arc<StreamId>, (State, Option<Packed>)>,
    packer: Packer,
}

/// Bytes that an entry takes besides its object.
const ENTRY: usize = 300;

impl States {
    /// Makes a cache of so many bytes for objects as they are, and so many for packed ones.
    pub(super) fn new(hot: usize, cold: usize) -> Self {
        Self { hot: Cache::new(hot), cold: Cache::new(cold), packer: Packer::default() }
    }

    /// Returns the state of a stream.
    pub(super) fn touch(&mut self, stream: &Arc<StreamId>) -> Option<State> {
        if let Some(state) = self.hot.touch(stream) {
            return Some(state.clone());
        }
        let (mut state, packed) = self.cold.remove(stream)?;
        if let Some(packed) = packed {
            // What does not unpack is not known; the log has it.
            state.object = Some(Arc::new(Object::new(packed.unpack().ok()?).ok()?));
        }
        self.put(Arc::clone(stream), state.clone());
        Some(state)
    }

    /// Sets the state of a stream.
    pub(super) fn put(&mut self, stream: Arc<StreamId>, state: State) {
        let size = ENTRY + state.object.as_ref().map_or(0, |o| o.doc().heap_size());
        self.cold.remove(&stream);
        for (stream, mut state) in self.hot.put(stream, state, size) {
            let packed = state.object.take().map(|o| self.packer.pack(o.doc()));
            let size = ENTRY + packed.as_ref().map_or(0, Packed::heap_size);
            self.cold.put(stream, (state, packed), size);
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.hot.clear();
        self.cold.clear();
    }
}
