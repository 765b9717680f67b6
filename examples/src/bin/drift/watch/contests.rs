//! Fights and reverts, told as they are found.
//!
//! What a change may be a part of is read back from the store, so that nothing is held in memory and a fight that began
//! before this run is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::blame::Version;
use drift_core::fights::{FieldConflicts, Fight, find_conflicts};
use drift_core::schema::SchemaSet;
use drift_core::{
    Event, EventBody, EventStore, Facet, Finding, FindingId, Object, ResourceKey, Revision, StoreError,
    StreamId,
};
use drift_sources::estate::{InputNotes, gather_schemas, is_shared_by_design};
use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};

/// Events of a resource before a change that are looked at with it.
const BACK: u64 = 256;

/// Changes of one resource that wait to be looked at, at most: what is read at once is bounded by it.
const WAITING: usize = 128;

/// A fight that rests so much longer than its rounds, and no shorter than this, goes on anew after it.
const ROUNDS: i32 = 4;
const REST: SignedDuration = SignedDuration::from_mins(10);

/// Changes of one resource that were not looked at.
struct Fresh {
    from: Revision,
    count: usize,
}

/// A fight as it was when it was last seen.
struct Seen {
    key: ResourceKey,
    last: Timestamp,
    period: SignedDuration,
}

/// Looks for fights and reverts in what comes.
#[derive(Default)]
pub(super) struct ConflictTracker {
    fresh: BTreeMap<ResourceKey, Fresh>,
    seen: BTreeMap<FindingId, Seen>,
    /// What is known of the custom kinds of a group.
    schemas: BTreeMap<String, SchemaSet>,
}

impl ConflictTracker {
    /// Takes note of what was appended.
    pub(super) fn hear(&mut self, event: &Event) {
        let StreamId::Resource(Facet::Live, key) = &event.stream else { return };
        match &event.body {
            EventBody::Deleted(_) => self.seen.retain(|_, seen| seen.key != *key),
            EventBody::Applied(object) => {
                if super::is_definition(key) {
                    self.schemas.clear();
                }
                if event.revision == Revision::FIRST || is_shared_by_design(key) || is_status(object) {
                    return;
                }
                let new = Fresh { from: event.revision, count: 0 };
                self.fresh.entry(key.clone()).or_insert(new).count += 1;
            }
            _ => {}
        }
    }

    /// Tells whether so much waits of one resource that it should be looked at although more may come.
    pub(super) fn is_full(&self) -> bool {
        self.fresh.values().any(|f| f.count >= WAITING)
    }

    /// Returns the fights and reverts that came or went on.
    pub(super) async fn look(&mut self, store: &dyn EventStore) -> Result<Vec<Finding>, StoreError> {
        let mut told = Vec::new();
        for (key, fresh) in std::mem::take(&mut self.fresh) {
            told.extend(self.of(&key, fresh.from, store).await?);
        }
        Ok(told)
    }

    async fn of(
        &mut self,
        key: &ResourceKey,
        fresh: Revision,
        store: &dyn EventStore,
    ) -> Result<Vec<Finding>, StoreError> {
        let from = Revision::new(fresh.get().saturating_sub(BACK)).unwrap_or(Revision::FIRST);
        let stream = StreamId::live(key.clone());
        let events: Vec<Event> = store.read(&stream, from).try_collect().await?;
        let versions = Version::of(&events);
        let known = Version::of(events.iter().filter(|e| e.revision < fresh)).len();
        let Some(object) = versions.iter().rev().find_map(|v| v.object.clone()) else {
            return Ok(Vec::new());
        };
        let found = match SchemaSet::bundled().kind(object.group(), object.version(), object.kind()) {
            Some(kind) => find_conflicts(key, &versions, Some(kind.root())),
            None => {
                let schemas = self.custom(&object, store).await?;
                let kind = schemas.kind(object.group(), object.version(), object.kind());
                find_conflicts(key, &versions, kind.map(|k| k.root()))
            }
        };
        Ok(self.news(&found, &versions, known))
    }

    /// Returns the schemas of a group's custom kinds, from the definitions that are live.
    async fn custom(&mut self, object: &Object, store: &dyn EventStore) -> Result<&SchemaSet, StoreError> {
        let group = object.group();
        if !self.schemas.contains_key(group) {
            let mut definitions = Vec::new();
            let name = format!(".{group}");
            for stream in store.streams().await? {
                let is_wanted = |k: &ResourceKey| super::is_definition(k) && k.name.ends_with(&name);
                if !stream.key().is_some_and(is_wanted) {
                    continue;
                }
                if let Some(Event { body: EventBody::Applied(object), .. }) =
                    store.head(&stream, None).await?
                {
                    definitions.push(object);
                }
            }
            let live = definitions.iter().map(|o: &Arc<Object>| &**o);
            // A definition that cannot be read is told of where its kind is judged.
            let schemas = gather_schemas(None, [], live, &mut InputNotes::default());
            self.schemas
                .insert(group.to_owned(), schemas.unwrap_or_else(|_| (*SchemaSet::bundled()).clone()));
        }
        Ok(&self.schemas[group])
    }

    fn news(&mut self, found: &FieldConflicts, versions: &[Version], known: usize) -> Vec<Finding> {
        let Some(since) = versions.get(known).map(|v| v.at) else { return Vec::new() };
        let moving = found.fights.iter().filter(|f| f.last >= since);
        let mut told: Vec<Finding> = moving.filter(|f| self.is_new(f)).map(Fight::finding).collect();
        let is_fought = |path| found.fights.iter().any(|f| f.path == path);
        let reverts = found.reverts.iter().filter(|r| r.reverted.1 >= known && !is_fought(r.path.clone()));
        told.extend(reverts.map(drift_core::fights::Revert::finding));
        told
    }

    /// Takes note of how a fight stands, and tells whether that is to be told.
    fn is_new(&mut self, fight: &Fight) -> bool {
        let now = Seen { key: fight.key.clone(), last: fight.last, period: fight.period };
        let before = self.seen.insert(fight.finding().id, now);
        before.is_none_or(|seen| {
            let rest = REST.max(seen.period.checked_mul(ROUNDS).unwrap_or(SignedDuration::MAX));
            fight.last.duration_since(seen.last) > rest
        })
    }
}

/// Tells whether the last write was of the status alone: nobody fights there, and most writes are such.
///
/// Entries of `scale` carry no time, so that with one of them nobody can say which write was the last.
fn is_status(object: &Object) -> bool {
    let Some(entries) = object.root().get("metadata").and_then(|m| m.get("managedFields")) else {
        return false;
    };
    // All have the form that the server gives them, so that texts compare as times do.
    let time = |e: drift_core::Node<'_>| e.str_at(&["time"]).map(str::to_owned);
    let Some(times) = entries.children().map(time).collect::<Option<Vec<_>>>() else { return false };
    let Some(last) = times.iter().max() else { return false };
    entries
        .children()
        .zip(&times)
        .filter(|(_, t)| *t == last)
        .all(|(e, _)| e.str_at(&["subresource"]) == Some("status"))
}

#[cfg(test)]
mod tests {
    use drift_core::FieldPath;

    use super::*;

    #[test]
    fn a_fight_is_told_once_and_again_after_a_rest() {
        let mut contests = ConflictTracker::default();
        let mut is_new = |minute: i64, period: i64| {
            let at = Timestamp::from_second(minute * 60).unwrap();
            contests.is_new(&Fight {
                key: ResourceKey::new("", "ConfigMap", "bakery", "oven"),
                path: FieldPath::ROOT,
                sides: Vec::new(),
                flips: 4,
                since: Timestamp::UNIX_EPOCH,
                last: at,
                period: SignedDuration::from_mins(period),
                values: Vec::new(),
            })
        };
        assert!(is_new(0, 1));
        assert!(!is_new(1, 1));
        assert!(!is_new(11, 1), "ten minutes are no rest yet");
        assert!(is_new(22, 5));
        assert!(!is_new(42, 5), "a slow one rests longer");
        assert!(is_new(63, 5));
    }
}
