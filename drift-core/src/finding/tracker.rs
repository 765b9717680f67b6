//! The life of findings: first seen, changed, still open, resolved.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Finding, FindingId};
use crate::drift::ResourceDrift;
use crate::key::ResourceKey;

/// Where a finding is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingState {
    /// It was not there before.
    FirstSeen,
    /// It was there before and now says something else; for example, a field that drifted further.
    Changed,
    /// It was there before and says the same.
    StillOpen,
    /// It was there before and no longer is.
    Resolved,
}

/// A finding that came, changed or was resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingUpdate {
    /// What happened to it.
    pub state: FindingState,
    /// When the finding was first seen, by the log's time.
    pub first_seen: Timestamp,
    /// The finding as it is now.
    pub finding: Finding,
}

impl FindingUpdate {
    /// Makes the update of a finding that nothing was known of.
    pub(crate) fn opened(finding: Finding) -> Self {
        Self { state: FindingState::FirstSeen, first_seen: finding.at, finding }
    }
}

/// A finding that is not resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenFinding {
    /// The finding as it last changed.
    pub finding: Finding,
    /// When it was first seen, by the log's time.
    pub first_seen: Timestamp,
    /// When its resource was last compared and the finding was still there.
    pub last_seen: Timestamp,
}

/// Compares what is found of a resource now with what was found before, and returns the difference.
///
/// The tracker has no format of its own at rest: the log is the truth. To continue after a restart, either replay the
/// store's events through a [`WatchJudge`](crate::watch::WatchJudge), which gives every finding the time at which the log first
/// shows it, or keep the [`OpenFinding`]s and collect them into a tracker again.
///
/// # Example
/// ```
/// use drift_core::{Finding, FindingState, FindingTracker, ResourceKey};
/// let mut tracker = FindingTracker::default();
/// let key = ResourceKey::parse("Deployment.apps/shop/web")?;
/// let at = |minute| format!("2026-11-21T10:{minute:02}:00Z").parse::<jiff::Timestamp>();
///
/// // It is missing: that is news once.
/// let updates = tracker.update_findings(&key, vec![Finding::missing(&key, at(0)?)], at(0)?);
/// assert_eq!(updates[0].state, FindingState::FirstSeen);
/// assert!(tracker.update_findings(&key, vec![Finding::missing(&key, at(1)?)], at(1)?).is_empty());
///
/// // Nothing is found any more: what was there is resolved, and says since when it was there.
/// let updates = tracker.update_findings(&key, Vec::new(), at(2)?);
/// assert_eq!((updates[0].state, updates[0].first_seen), (FindingState::Resolved, at(0)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FindingTracker {
    open: BTreeMap<ResourceKey, BTreeMap<FindingId, OpenFinding>>,
}

impl FindingTracker {
    /// Takes the comparison of a resource, `None` where there is nothing left to compare, and returns what came, changed
    /// or was resolved since the last one, in the order of the paths.
    ///
    /// Call it for each resource whose comparison changed; other resources keep their findings. Findings that are still
    /// open and say the same are not returned: see [`FindingTracker::open`].
    pub fn update(
        &mut self,
        key: &ResourceKey,
        drift: Option<&ResourceDrift>,
        at: Timestamp,
    ) -> Vec<FindingUpdate> {
        let found = drift.map(|drift| Finding::all_of(drift, at)).unwrap_or_default();
        self.update_findings(key, found, at)
    }

    /// Takes all that is found of a resource now, and returns what came, changed or was resolved, in the order of the paths.
    pub fn update_findings(
        &mut self,
        key: &ResourceKey,
        found: Vec<Finding>,
        at: Timestamp,
    ) -> Vec<FindingUpdate> {
        let mut before = self.open.remove(key).unwrap_or_default();
        // Two apps that declare one resource find the same difference: it is one finding.
        let found: BTreeMap<FindingId, Finding> = found.into_iter().map(|f| (f.id, f)).collect();
        let mut now = BTreeMap::new();
        let mut came = Vec::new();
        for (id, finding) in found {
            let (state, open) = match before.remove(&id) {
                None => (FindingState::FirstSeen, OpenFinding { finding, first_seen: at, last_seen: at }),
                Some(open) if open.finding.body == finding.body => {
                    (FindingState::StillOpen, OpenFinding { last_seen: at, ..open })
                }
                Some(open) => (FindingState::Changed, OpenFinding { finding, last_seen: at, ..open }),
            };
            if state != FindingState::StillOpen {
                came.push(open.update(state));
            }
            now.insert(id, open);
        }
        let gone = before.into_values().map(|open| FindingUpdate {
            state: FindingState::Resolved,
            first_seen: open.first_seen,
            finding: open.finding.resolved(at),
        });
        // What is resolved first: where a field is replaced by its parent, the old finding goes before the new one comes.
        let mut updates: Vec<_> = gone.chain(came).collect();
        updates.sort_by_key(|u| u.finding.path());
        if !now.is_empty() {
            self.open.insert(key.clone(), now);
        }
        updates
    }

    /// Returns all findings that are open, by resource.
    pub fn open(&self) -> impl Iterator<Item = &OpenFinding> {
        self.open.values().flat_map(BTreeMap::values)
    }

    /// Returns the open findings of one resource.
    pub fn open_of(&self, key: &ResourceKey) -> impl Iterator<Item = &OpenFinding> {
        self.open.get(key).into_iter().flat_map(BTreeMap::values)
    }

    /// Returns how many findings are open.
    pub fn len(&self) -> usize {
        self.open.values().map(BTreeMap::len).sum()
    }

    /// Returns `true` if no finding is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

impl OpenFinding {
    fn update(&self, state: FindingState) -> FindingUpdate {
        FindingUpdate { state, first_seen: self.first_seen, finding: self.finding.clone() }
    }
}

impl FromIterator<OpenFinding> for FindingTracker {
    /// Makes a tracker that continues from findings that were open earlier; those that are about no resource are left out.
    fn from_iter<I: IntoIterator<Item = OpenFinding>>(all: I) -> Self {
        let mut tracker = Self::default();
        for open in all {
            if let Some(key) = open.finding.key.clone() {
                tracker.open.entry(key).or_default().insert(open.finding.id, open);
            }
        }
        tracker
    }
}

#[cfg(test)]
mod tests;
