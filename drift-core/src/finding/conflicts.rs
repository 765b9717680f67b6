//! Fights and reverts, reported as they are found.
//!
//! Whether a change is part of a fight shows only in the versions before it. The tracker holds none of them: it notes which
//! resources changed, asks for their recent history when it is to judge, and forgets it again. A fight that began in an
//! earlier run is therefore known, and memory does not grow with the cluster.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};

use super::{Finding, FindingId, FindingState, FindingUpdate};
use crate::event::{Event, EventBody};
use crate::fights::{FieldConflicts, Fight, find_conflicts, is_contested_by_design};
use crate::history::{Version, is_status_write};
use crate::key::ResourceKey;
use crate::schema::{SchemaSet, is_definition};
use crate::store::{EventStore, StoreError};
use crate::stream::{Facet, Revision, StreamId};

/// Events of a resource before a change that are read with it.
const HISTORY_LENGTH: u64 = 256;

/// Changes of one resource that wait to be judged, at most: it bounds how much history is read at once.
const MAX_WAITING: usize = 128;

/// A fight that paused for so many of its periods, and for no less than [`MIN_PAUSE`], is reported again when it resumes.
const PAUSE_PERIODS: i32 = 4;
const MIN_PAUSE: SignedDuration = SignedDuration::from_mins(10);

/// A part of the recorded history that a [`ConflictTracker`] needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConflictRead {
    /// All events of one stream from a revision on, in order.
    History {
        /// Stream to read.
        stream: StreamId,
        /// First revision to read.
        from: Revision,
    },
    /// The newest event of each CustomResourceDefinition of an API group; where there is none, no events.
    Definitions {
        /// API group whose kinds they define.
        group: Arc<str>,
    },
}

impl ConflictRead {
    /// Returns `true` if a stream may hold a definition that [`ConflictRead::Definitions`] asks for.
    ///
    /// A definition is named `PLURAL.GROUP`, for example `certificates.cert-manager.io`.
    pub fn asks_for(&self, stream: &StreamId) -> bool {
        match self {
            Self::History { stream: wanted, .. } => stream == wanted,
            Self::Definitions { group } => {
                let StreamId::Resource(Facet::Live, key) = stream else { return false };
                let plural = key.name.strip_suffix(&**group);
                is_definition(key) && plural.is_some_and(|p| p.ends_with('.'))
            }
        }
    }
}

/// Finds fights and reverts in a stream of events, without IO of its own.
///
/// Feed it every appended event with [`handle`](Self::handle). When there is time to judge, ask
/// [`next_read`](Self::next_read) what to read back and hand the events to [`provide`](Self::provide), until it asks for
/// nothing; [`scan_conflicts`] does that with an [`EventStore`].
///
/// A fight is reported when it is first seen, and again when it resumes after a pause of four of its periods and ten
/// minutes or more. A revert is reported once, and not at all where the field is fought over.
///
/// # Example
/// ```
/// # futures::executor::block_on(async {
/// use drift_core::{EventStoreExt, MemoryStore, finding::{ConflictTracker, scan_conflicts}};
/// let store = MemoryStore::default();
/// let mut tracker = ConflictTracker::default();
/// for event in store.read_all_to_end().await? {
///     tracker.handle(&event);
/// }
/// let updates = scan_conflicts(&mut tracker, &store).await?;
/// assert!(updates.is_empty(), "nothing was recorded");
/// # Ok::<(), drift_core::StoreError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Default)]
pub struct ConflictTracker {
    /// Resources that changed since they were last judged.
    waiting: BTreeMap<ResourceKey, WaitingChanges>,
    /// Fights as they were when they were last seen.
    seen: BTreeMap<FindingId, SeenFight>,
    /// Schemas of the custom kinds of a group, until one of its definitions changes.
    schemas: BTreeMap<Arc<str>, SchemaSet>,
    /// What was asked for and not provided yet.
    reading: Option<Reading>,
    /// Resources of the scan that is under way, with the revision of their first change that waited.
    scan: VecDeque<(ResourceKey, Revision)>,
    /// What a scan found before its store failed.
    unreported: Vec<FindingUpdate>,
}

/// Changes of one resource that were not judged yet.
#[derive(Debug)]
struct WaitingChanges {
    /// Revision of the first of them.
    first: Revision,
    count: usize,
}

#[derive(Debug)]
struct SeenFight {
    key: ResourceKey,
    last: Timestamp,
    period: SignedDuration,
}

#[derive(Debug)]
enum Reading {
    History { key: ResourceKey, first_new: Revision },
    Definitions { group: Arc<str>, history: History },
}

/// The versions of a resource, of which the first `known` were judged before.
#[derive(Debug)]
struct History {
    key: ResourceKey,
    versions: Vec<Version>,
    known: usize,
}

impl ConflictTracker {
    /// Notes an appended event.
    pub fn handle(&mut self, event: &Event) {
        let StreamId::Resource(Facet::Live, key) = &event.stream else { return };
        match &event.body {
            EventBody::Deleted(_) => self.seen.retain(|_, seen| seen.key != *key),
            EventBody::Applied(object) => {
                if is_definition(key) {
                    self.schemas.clear();
                }
                let is_first = event.revision == Revision::FIRST;
                if is_first || is_contested_by_design(key) || is_status_write(object) {
                    return;
                }
                let new = WaitingChanges { first: event.revision, count: 0 };
                self.waiting.entry(key.clone()).or_insert(new).count += 1;
            }
            _ => {}
        }
    }

    /// Returns `true` if so many changes of one resource wait that they should be judged before more come.
    pub fn is_full(&self) -> bool {
        self.waiting.values().any(|w| w.count >= MAX_WAITING)
    }

    /// Returns what must be read next to judge the changes that wait; `None` when all are judged.
    ///
    /// The same read is returned until [`provide`](Self::provide) has its events, so that a failed read is tried again.
    pub fn next_read(&mut self) -> Option<ConflictRead> {
        if self.reading.is_none() {
            if self.scan.is_empty() {
                let waiting = std::mem::take(&mut self.waiting);
                self.scan = waiting.into_iter().map(|(key, w)| (key, w.first)).collect();
            }
            let (key, first_new) = self.scan.pop_front()?;
            self.reading = Some(Reading::History { key, first_new });
        }
        self.reading.as_ref().map(|reading| match reading {
            Reading::History { key, first_new } => ConflictRead::History {
                stream: StreamId::live(key.clone()),
                from: Revision::new(first_new.get().saturating_sub(HISTORY_LENGTH))
                    .unwrap_or(Revision::FIRST),
            },
            Reading::Definitions { group, .. } => ConflictRead::Definitions { group: Arc::clone(group) },
        })
    }

    /// Takes the events that [`next_read`](Self::next_read) asked for, and returns the fights and reverts that came or
    /// resumed.
    pub fn provide(&mut self, events: &[Event]) -> Vec<FindingUpdate> {
        let history = match self.reading.take() {
            None => return Vec::new(),
            Some(Reading::History { key, first_new }) => {
                let known = Version::from_events(events.iter().filter(|e| e.revision < first_new)).len();
                History { key, versions: Version::from_events(events), known }
            }
            Some(Reading::Definitions { group, history }) => {
                let definitions = events.iter().filter_map(Event::object);
                self.schemas.insert(group, SchemaSet::with_definitions(definitions.map(|o| &**o)));
                history
            }
        };
        self.judge(history)
    }

    fn judge(&mut self, history: History) -> Vec<FindingUpdate> {
        let Some(object) = history.versions.iter().rev().find_map(|v| v.object.clone()) else {
            return Vec::new();
        };
        let (group, version, kind) = (object.group(), object.version(), object.kind());
        let found = match SchemaSet::bundled().kind(group, version, kind) {
            Some(kind) => find_conflicts(&history.key, &history.versions, Some(kind.root())),
            None => match self.schemas.get(group) {
                Some(schemas) => {
                    let kind = schemas.kind(group, version, kind);
                    find_conflicts(&history.key, &history.versions, kind.map(|k| k.root()))
                }
                None => {
                    self.reading = Some(Reading::Definitions { group: group.into(), history });
                    return Vec::new();
                }
            },
        };
        self.news(found, &history)
    }

    /// Returns what of the conflicts is in the versions that were not judged before.
    fn news(&mut self, found: FieldConflicts, history: &History) -> Vec<FindingUpdate> {
        let Some(since) = history.versions.get(history.known).map(|v| v.at) else { return Vec::new() };
        let FieldConflicts { fights, reverts } = found;
        let is_fought = |path| fights.iter().any(|f| f.path == path);
        let is_new =
            |r: &crate::fights::Revert| r.reverted.version >= history.known && !is_fought(r.path.clone());
        let reverts: Vec<_> = reverts.into_iter().filter(is_new).map(Finding::reverted).collect();
        let ongoing = fights.into_iter().filter(|f| f.last >= since);
        let fights: Vec<_> = ongoing.filter_map(|fight| self.fight_update(fight)).collect();
        fights.into_iter().chain(reverts.into_iter().map(FindingUpdate::opened)).collect()
    }

    /// Notes how a fight is now, and returns it if it is new or resumed after a pause.
    fn fight_update(&mut self, fight: Fight) -> Option<FindingUpdate> {
        let (first_seen, last) = (fight.since, fight.last);
        let now = SeenFight { key: fight.key.clone(), last, period: fight.period };
        let finding = Finding::fight(fight);
        let state = match self.seen.insert(finding.id, now) {
            None => FindingState::FirstSeen,
            Some(seen) => {
                let pause =
                    seen.period.checked_mul(PAUSE_PERIODS).unwrap_or(SignedDuration::MAX).max(MIN_PAUSE);
                if last.duration_since(seen.last) <= pause {
                    return None;
                }
                FindingState::StillOpen
            }
        };
        Some(FindingUpdate { state, first_seen, finding })
    }
}

/// Reads from a store what a tracker asks for, and returns the fights and reverts that came or resumed.
///
/// # Errors
/// When the store cannot be read. The next call tries again from there, and returns what was found until then as well.
pub async fn scan_conflicts(
    tracker: &mut ConflictTracker,
    store: &dyn EventStore,
) -> Result<Vec<FindingUpdate>, StoreError> {
    let mut updates = std::mem::take(&mut tracker.unreported);
    while let Some(read) = tracker.next_read() {
        match read_events(&read, store).await {
            Ok(events) => updates.extend(tracker.provide(&events)),
            Err(error) => {
                tracker.unreported = updates;
                return Err(error);
            }
        }
    }
    Ok(updates)
}

async fn read_events(read: &ConflictRead, store: &dyn EventStore) -> Result<Vec<Event>, StoreError> {
    match read {
        ConflictRead::History { stream, from } => store.read(stream, *from).try_collect().await,
        ConflictRead::Definitions { .. } => {
            let mut newest = Vec::new();
            for stream in store.streams().await?.iter().filter(|s| read.asks_for(s)) {
                newest.extend(store.head(stream, None).await?);
            }
            Ok(newest)
        }
    }
}

#[cfg(test)]
mod tests;
