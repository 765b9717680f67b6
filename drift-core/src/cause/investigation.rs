//! What a question is answered from, with what was looked up for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::graph::AsOf;
use crate::history::{Change, History, Moment, changes_of};
use crate::key::ResourceKey;
use crate::schema::SchemaSet;

use super::weights::Weights;

/// Everything that a question is answered from: history, graph and schemas, up to the moment of the question.
#[derive(Debug)]
pub struct Investigation<'s> {
    pub(crate) history: History,
    pub(crate) graph: AsOf,
    pub(super) schemas: &'s SchemaSet,
    pub(super) weights: Weights,
    /// Changes of the resources that were looked at, compared once.
    changes: Mutex<BTreeMap<ResourceKey, Arc<[Arc<Change>]>>>,
    /// How many nodes take a faulty pod at its onset.
    feasible_nodes: Mutex<Vec<(ResourceKey, Moment, usize)>>,
}

impl<'s> Investigation<'s> {
    pub(super) fn new(history: History, graph: AsOf, schemas: &'s SchemaSet) -> Self {
        let (weights, changes, feasible_nodes) = Default::default();
        Self { history, graph, schemas, weights, changes, feasible_nodes }
    }

    /// Takes other weights than the documented ones.
    #[must_use]
    pub fn with_weights(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    /// Returns the history.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns the graph as it was.
    pub fn graph(&self) -> &AsOf {
        &self.graph
    }

    /// Returns the changes of a resource, in order.
    pub fn changes_of(&self, key: &ResourceKey) -> Arc<[Arc<Change>]> {
        if let Some(known) = locked(&self.changes).get(key) {
            return Arc::clone(known);
        }
        let found: Arc<[Arc<Change>]> =
            changes_of(&self.history, key, self.schemas).into_iter().map(Arc::new).collect();
        locked(&self.changes).insert(key.clone(), Arc::clone(&found));
        found
    }

    /// Returns how many nodes take a faulty pod at its onset, counted once for all candidates.
    pub(super) fn feasible_nodes(
        &self,
        pod: &ResourceKey,
        onset: &Moment,
        count: impl FnOnce() -> usize,
    ) -> usize {
        let known =
            locked(&self.feasible_nodes).iter().find(|(on, at, _)| on == pod && at == onset).map(|n| n.2);
        known.unwrap_or_else(|| {
            let count = count();
            locked(&self.feasible_nodes).push((pod.clone(), onset.clone(), count));
            count
        })
    }
}

/// Locks a cache. Entries are inserted whole, so one that another thread left by panicking is as good as before.
fn locked<T>(cache: &Mutex<T>) -> MutexGuard<'_, T> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}
