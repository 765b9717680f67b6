//! The objects of a moment, and what is known of them before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use drift_core::history::Version;
use drift_core::{Object, ResourceKey};
use jiff::Timestamp;

/// Most versions of one object that are held while a cluster is kept; the store has them all.
const MAX_KEPT: usize = 64;

/// The objects of a moment, and what is known of them before.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    live: Vec<Arc<Object>>,
    versions: BTreeMap<ResourceKey, Vec<Version>>,
    at: Option<Timestamp>,
    now: Option<Timestamp>,
    by_key: HashMap<ResourceKey, usize>,
}

impl Cluster {
    /// Takes the objects of one moment, of which nothing is known before.
    pub fn now(live: Vec<Arc<Object>>) -> Self {
        Self::at(live, BTreeMap::new(), None)
    }

    /// Takes the objects of a moment, and their versions up to it, oldest first.
    pub fn at(
        live: Vec<Arc<Object>>,
        versions: BTreeMap<ResourceKey, Vec<Version>>,
        at: Option<Timestamp>,
    ) -> Self {
        let by_key = live.iter().enumerate().map(|(i, o)| (o.key(), i)).collect();
        Self { live, versions, at, now: None, by_key }
    }

    /// Takes the next version of an object.
    pub(super) fn apply(&mut self, key: &ResourceKey, version: Version) {
        match (&version.object, self.by_key.get(key).copied()) {
            (Some(object), Some(i)) => self.live[i] = Arc::clone(object),
            (Some(object), None) => {
                self.by_key.insert(key.clone(), self.live.len());
                self.live.push(Arc::clone(object));
            }
            (None, Some(i)) => {
                self.by_key.remove(key);
                self.live.swap_remove(i);
                if let Some(moved) = self.live.get(i) {
                    self.by_key.insert(moved.key(), i);
                }
            }
            (None, None) => {}
        }
        self.now = self.now.max(Some(version.at));
        self.at = self.at.map(|at| at.max(version.at));
        let versions = self.versions.entry(key.clone()).or_default();
        versions.push(version);
        if versions.len() > MAX_KEPT {
            versions.drain(..versions.len() - MAX_KEPT);
        }
    }

    /// Returns the live objects.
    pub fn live(&self) -> &[Arc<Object>] {
        &self.live
    }

    /// Returns the moment; now, without one.
    pub fn moment(&self) -> Option<Timestamp> {
        self.at
    }

    /// Says what time it is, for judgements that need one where no moment is asked for.
    #[must_use]
    pub fn with_now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Returns the time of the report: the moment, else the time that was said.
    pub fn report_time(&self) -> Option<Timestamp> {
        self.at.or(self.now)
    }

    /// Finds a live object.
    pub fn get(&self, key: &ResourceKey) -> Option<&Arc<Object>> {
        self.by_key.get(key).map(|i| &self.live[*i])
    }

    /// Returns the versions of an object, oldest first; empty where only the moment is known.
    pub fn versions(&self, key: &ResourceKey) -> &[Version] {
        self.versions.get(key).map_or(&[], |v| v)
    }

    /// Returns all versions, by object and time.
    pub fn all_versions(&self) -> impl Iterator<Item = (&ResourceKey, &Version)> {
        self.versions.iter().flat_map(|(key, versions)| versions.iter().map(move |v| (key, v)))
    }

    /// Finds an object as it was at a time, as far as that is known.
    pub fn as_of(&self, key: &ResourceKey, time: Option<Timestamp>) -> Option<&Arc<Object>> {
        let (Some(time), versions @ [_, ..]) = (time, self.versions(key)) else { return self.get(key) };
        let known = versions.iter().rev().find(|v| v.at <= time);
        // Before the first version it was as it was first seen.
        known.or(versions.first()).and_then(|v| v.object.as_ref())
    }
}
