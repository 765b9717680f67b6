//! A store in memory, for tests, tapes and programs that need no history after they end.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};

use super::{Append, EventStore, StoreError};
use crate::event::Event;
use crate::stream::{Position, Revision, StreamId};

/// An [`EventStore`] in memory.
///
/// # Example
/// ```
/// # futures::executor::block_on(async {
/// use drift_core::ingest::{RunOptions, run};
/// use drift_core::redact::{RedactOptions, Redactor};
/// use drift_core::testing::Script;
/// use drift_core::{Applied, EventStoreExt, Ingest, MemoryStore, Object, Observation};
///
/// // Any source does; this one observes a single Pod.
/// let pod = Object::from_json(br#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop"}}"#)?;
/// let observed = Applied::live(pod, "", "2026-11-21T10:00:00Z".parse()?);
/// let source = Script::new("example", vec![Observation::Applied(observed)]);
///
/// let store = MemoryStore::default();
/// let mut ingest = Ingest::new("example", Redactor::new(RedactOptions::new([7; 32])));
/// run(&source, &store, &mut ingest, &RunOptions::default(), &mut |_| ()).await?;
/// let events = store.read_all_to_end().await?;
/// assert_eq!(events[0].stream.to_string(), "live Pod/shop/web");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    events: Vec<Event>,
    /// Indices in `events`, by revision.
    streams: BTreeMap<StreamId, Vec<usize>>,
}

impl Log {
    fn revision(&self, stream: &StreamId) -> Option<Revision> {
        self.streams.get(stream).and_then(|s| Revision::new(s.len() as u64))
    }
}

impl MemoryStore {
    fn log(&self) -> MutexGuard<'_, Log> {
        // A panic in another thread leaves the log intact: events are pushed after everything that can fail.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Event>, StoreError> {
        let mut log = self.log();
        for part in &batch {
            let actual = log.revision(&part.stream);
            if !part.expected.holds(actual) {
                return Err(StoreError::Conflict { stream: Box::new(part.stream.clone()), actual });
            }
        }
        let mut appended = Vec::new();
        for part in batch {
            for event in part.events {
                let revision = log.revision(&part.stream).map_or(Revision::FIRST, Revision::next);
                let place = log.events.len();
                let event = event.at(part.stream.clone(), revision, Position::new(place as u64 + 1));
                log.streams.entry(part.stream.clone()).or_default().push(place);
                log.events.push(event.clone());
                appended.push(event);
            }
        }
        Ok(appended)
    }

    fn read(&self, stream: &StreamId, from: Revision) -> BoxStream<'_, Result<Event, StoreError>> {
        let log = self.log();
        let places = log.streams.get(stream).map_or(&[][..], |s| s);
        let from = usize::try_from(from.get() - 1).unwrap_or(usize::MAX).min(places.len());
        let events: Vec<_> = places[from..].iter().map(|i| Ok(log.events[*i].clone())).collect();
        stream::iter(events).boxed()
    }

    fn read_all(&self, after: Position) -> BoxStream<'_, Result<Event, StoreError>> {
        let log = self.log();
        let from = usize::try_from(after.get()).unwrap_or(usize::MAX).min(log.events.len());
        let events: Vec<_> = log.events[from..].iter().cloned().map(Ok).collect();
        stream::iter(events).boxed()
    }

    async fn head(&self, stream: &StreamId, until: Option<Position>) -> Result<Option<Event>, StoreError> {
        let log = self.log();
        let places = log.streams.get(stream).map_or(&[][..], |s| s);
        let count = places.partition_point(|i| until.is_none_or(|u| log.events[*i].position <= u));
        Ok(count.checked_sub(1).map(|i| log.events[places[i]].clone()))
    }

    async fn streams(&self) -> Result<Vec<StreamId>, StoreError> {
        Ok(self.log().streams.keys().cloned().collect())
    }

    async fn last_position(&self) -> Result<Position, StoreError> {
        Ok(Position::new(self.log().events.len() as u64))
    }
}
