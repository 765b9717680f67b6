#![allow(dead_code, reason = "two test programs use different parts of it")]
//! What a store would hold of a source's observations, and whether it is all that the server produced.

use std::collections::{BTreeMap, BTreeSet};

use drift_core::{Cursor, Gap, Observation, ResourceKey, Scope, SourceError};

/// One version that the server produced: `deleted` for the deletion's own version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) key: ResourceKey,
    pub(crate) version: u64,
    pub(crate) deleted: bool,
}

/// Keeps observations as a store does: a version once, however often it is told.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) recorded: BTreeMap<Version, u32>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) beginnings: usize,
    pub(crate) errors: Vec<String>,
    pub(crate) happened: usize,
    /// Objects that are there by all that was told, with their versions.
    pub(crate) live: BTreeMap<ResourceKey, u64>,
    pub(crate) relists: BTreeMap<Scope, u32>,
    pub(crate) checkpoints: u32,
    /// The last checkpoint that was kept.
    pub(crate) cursor: Option<Cursor>,
    /// What was told twice in one run, outside of listings.
    pub(crate) strays: Vec<Version>,
    run: BTreeSet<Version>,
    /// Whether something came since the last checkpoint.
    pub(crate) unkept: bool,
    listing: BTreeMap<Scope, BTreeSet<ResourceKey>>,
    /// Listings of which something could not be read: what they lack may be there.
    torn: BTreeSet<Scope>,
}

impl Ledger {
    pub(crate) fn take(&mut self, item: Result<Observation, SourceError>) {
        self.unkept = !matches!(item, Ok(Observation::Checkpoint(_)));
        match item {
            Err(error) => self.errors.push(error.to_string()),
            Ok(Observation::Applied(applied)) => {
                let version = number(applied.object.resource_version().unwrap().as_str());
                for (scope, listed) in &mut self.listing {
                    if scope.contains(&applied.key) {
                        listed.insert(applied.key.clone());
                    }
                }
                self.live.insert(applied.key.clone(), version);
                self.record(Version { key: applied.key, version, deleted: false });
            }
            Ok(Observation::Deleted(deleted)) => {
                self.live.remove(&deleted.key);
                let version = number(deleted.last.unwrap().resource_version().unwrap().as_str());
                self.record(Version { key: deleted.key, version, deleted: true });
            }
            Ok(Observation::RelistStarted(scope)) => {
                *self.relists.entry(scope.clone()).or_default() += 1;
                self.listing.insert(scope, BTreeSet::new());
            }
            Ok(Observation::RelistDone { scope, .. }) => {
                let listed = self.listing.remove(&scope).expect("a listing ends that began");
                if !self.torn.remove(&scope) {
                    self.live.retain(|key, _| !scope.contains(key) || listed.contains(key));
                }
            }
            Ok(Observation::Happened(_)) => self.happened += 1,
            Ok(Observation::Gap(gap)) if gap.message.starts_with("history begins here") => {
                self.beginnings += 1
            }
            Ok(Observation::Gap(gap)) => {
                if self.listing.contains_key(&gap.scope) {
                    self.torn.insert(gap.scope.clone());
                }
                self.gaps.push(gap);
            }
            Ok(Observation::Checkpoint(cursor)) => {
                self.checkpoints += 1;
                self.cursor = Some(cursor);
            }
            Ok(other) => panic!("not expected of this source: {other:?}"),
        }
    }

    fn record(&mut self, version: Version) {
        let listed = self.listing.keys().any(|scope| scope.contains(&version.key));
        if !self.run.insert(version.clone()) && !listed {
            self.strays.push(version.clone());
        }
        *self.recorded.entry(version).or_default() += 1;
    }

    /// The process dies: only what was kept stays.
    pub(crate) fn killed(&mut self) {
        self.listing.clear();
        self.torn.clear();
        self.run.clear();
    }

    /// Tells whether a listing is under way.
    pub(crate) fn is_listing(&self) -> bool {
        !self.listing.is_empty()
    }

    /// Versions told more than once; after a kill or a relist that is right, otherwise not.
    pub(crate) fn repeated(&self) -> Vec<&Version> {
        self.recorded.iter().filter(|(_, n)| **n > 1).map(|(v, _)| v).collect()
    }

    pub(crate) fn is_excused(&self, version: &Version) -> bool {
        self.gaps.iter().any(|gap| {
            let after = gap.from_version.as_ref().is_none_or(|from| number(from.as_str()) < version.version);
            let until = gap.to_version.as_ref().is_some_and(|to| version.version <= number(to.as_str()));
            gap.scope.contains(&version.key) && after && until
        })
    }

    /// Asserts that each version is recorded or lies in a recorded gap; returns how many are recorded and excused.
    pub(crate) fn assert_covers<'a>(
        &self,
        produced: impl IntoIterator<Item = &'a Version>,
    ) -> (usize, usize) {
        let (mut recorded, mut excused, mut lost) = (0, 0, Vec::new());
        for version in produced {
            if self.recorded.contains_key(version) {
                recorded += 1;
            } else if self.is_excused(version) {
                excused += 1;
            } else {
                lost.push(version);
            }
        }
        assert!(self.strays.is_empty(), "told twice: {:?}", self.strays);
        let shown: Vec<_> = lost.iter().take(5).collect();
        assert!(
            lost.is_empty(),
            "{} versions neither recorded nor in a gap: {shown:?}\n{:?}",
            lost.len(),
            self.gaps
        );
        (recorded, excused)
    }
}

pub(crate) fn number(version: &str) -> u64 {
    version.parse().expect("these servers count")
}
