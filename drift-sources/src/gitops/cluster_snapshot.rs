//! The objects of a cluster at one moment, and their earlier versions as far as they are known.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use drift_core::history::Version;
use drift_core::{Object, ResourceKey};
use jiff::Timestamp;

/// Most versions of one object that a long-lived snapshot holds; the store has them all.
const MAX_VERSIONS: usize = 64;

/// The objects of a cluster at one moment, and their earlier versions as far as they are known.
#[derive(Clone, Debug, Default)]
pub struct ClusterSnapshot {
    live: Vec<Arc<Object>>,
    versions: BTreeMap<ResourceKey, Vec<Version>>,
    at: Option<Timestamp>,
    now: Option<Timestamp>,
    by_key: HashMap<ResourceKey, usize>,
}

impl ClusterSnapshot {
    /// Makes a snapshot of the objects of now, without earlier versions.
    pub fn now(live: Vec<Arc<Object>>) -> Self {
        Self::at(live, BTreeMap::new(), None)
    }

    /// Makes a snapshot of the objects at `at`, with their versions up to then, oldest first; `None` stands for now.
    pub fn at(
        live: Vec<Arc<Object>>,
        versions: BTreeMap<ResourceKey, Vec<Version>>,
        at: Option<Timestamp>,
    ) -> Self {
        let by_key = live.iter().enumerate().map(|(i, o)| (o.key(), i)).collect();
        Self { live, versions, at, now: None, by_key }
    }

    /// Adds the next version of an object.
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
        if versions.len() > MAX_VERSIONS {
            versions.drain(..versions.len() - MAX_VERSIONS);
        }
    }

    /// Returns the live objects.
    pub fn live(&self) -> &[Arc<Object>] {
        &self.live
    }

    /// Returns the moment of the snapshot; `None` stands for now.
    pub fn moment(&self) -> Option<Timestamp> {
        self.at
    }

    /// Sets the current time, for judgements that need one in a snapshot of now.
    #[must_use]
    pub fn with_now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Returns the time of a report: the moment, else the current time that was set.
    pub fn report_time(&self) -> Option<Timestamp> {
        self.at.or(self.now)
    }

    /// Finds a live object.
    pub fn get(&self, key: &ResourceKey) -> Option<&Arc<Object>> {
        self.by_key.get(key).map(|i| &self.live[*i])
    }

    /// Returns the versions of an object, oldest first; empty if only the current state is known.
    pub fn versions(&self, key: &ResourceKey) -> &[Version] {
        self.versions.get(key).map_or(&[], |v| v)
    }

    /// Returns all versions, by object and time.
    pub fn all_versions(&self) -> impl Iterator<Item = (&ResourceKey, &Version)> {
        self.versions.iter().flat_map(|(key, versions)| versions.iter().map(move |v| (key, v)))
    }

    /// Finds an object as of a time, as far as that is known.
    pub fn as_of(&self, key: &ResourceKey, time: Option<Timestamp>) -> Option<&Arc<Object>> {
        let (Some(time), versions @ [_, ..]) = (time, self.versions(key)) else { return self.get(key) };
        let known = versions.iter().rev().find(|v| v.at <= time);
        // Before the first version it was as it was first seen.
        known.or(versions.first()).and_then(|v| v.object.as_ref())
    }
}
