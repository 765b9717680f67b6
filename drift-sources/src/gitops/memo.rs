//! Results that are computed once and shared between threads.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Remembers results by what they are of.
///
/// The lock is never held while a result is computed: two threads that ask at once may both compute it, and get the same.
#[derive(Debug)]
pub(super) struct Memo<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    /// Returns the result that is remembered, or computes it.
    pub(super) fn get_or_compute(&self, key: K, compute: impl FnOnce() -> V) -> V {
        if let Some(known) = self.lock().get(&key) {
            return known.clone();
        }
        let value = compute();
        self.lock().insert(key, value.clone());
        value
    }

    /// Returns the result that is remembered, or computes it; errors are not remembered. More than `limit` results are
    /// too many: then all are forgotten first.
    pub(super) fn get_or_try_compute<E>(
        &self,
        key: K,
        limit: usize,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        if let Some(known) = self.lock().get(&key) {
            return Ok(known.clone());
        }
        let value = compute()?;
        let mut all = self.lock();
        if all.len() >= limit {
            all.clear();
        }
        all.insert(key, value.clone());
        Ok(value)
    }

    /// Forgets a result.
    pub(super) fn forget(&mut self, key: &K) {
        self.lock().remove(key);
    }

    /// A thread that panicked while it held the lock left the map whole: nothing but map operations run under it.
    fn lock(&self) -> MutexGuard<'_, HashMap<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
