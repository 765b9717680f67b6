//! Continuing from what a store holds.

use futures::StreamExt;

use super::Ingest;
use crate::event::{Event, EventBody};
use crate::key::Uid;
use crate::redact::Redactor;
use crate::store::{EventStore, StoreError};
use crate::stream::{Position, Revision, StreamId};

/// Events of the source's own stream that are read, for the gaps and relists that it may repeat.
const MAX_OWN_EVENTS: u64 = 100_000;
/// Events before a checkpoint that are read as well: another watch of the same source may have been ahead of the one
/// that recorded it.
const CHECKPOINT_MARGIN: u64 = 4096;

impl Ingest {
    /// Makes an ingest that continues from what a store holds.
    ///
    /// Reads the end of every stream, and all events after the source's last checkpoint, where the source resumes and may
    /// repeat them; without a checkpoint, all events.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn load(source: &str, redactor: Redactor, store: &dyn EventStore) -> Result<Self, StoreError> {
        let mut ingest = Self::new(source, redactor);
        for stream in store.streams().await? {
            for event in stream_end(store, &stream).await? {
                ingest.load_event(&event);
            }
            recall_stream(&ingest.redactor, store, &stream).await?;
        }
        for (stream, head) in &ingest.heads {
            recall_names(&ingest.redactor, stream, head.uid.as_ref());
        }
        let checkpoint = ingest.load_own_stream(store).await?;
        let from = checkpoint.map_or(0, |c| c.get().saturating_sub(CHECKPOINT_MARGIN));
        let mut events = store.read_all(Position::new(from));
        while let Some(event) = events.next().await {
            let event = event?;
            if event.origin.source == ingest.source && matches!(event.body, EventBody::Happened(_)) {
                ingest.load_fact(&event);
            }
        }
        ingest.commit();
        Ok(ingest)
    }

    /// Loads the source's own stream, and returns the position of its last checkpoint.
    async fn load_own_stream(&mut self, store: &dyn EventStore) -> Result<Option<Position>, StoreError> {
        let stream = self.own_stream();
        let Some(head) = self.revision(&stream) else { return Ok(None) };
        let from = Revision::new(head.get().saturating_sub(MAX_OWN_EVENTS)).unwrap_or(Revision::FIRST);
        let mut checkpoint = None;
        let mut events = store.read(&stream, from);
        while let Some(event) = events.next().await {
            let event = event?;
            if event.body == EventBody::Checkpoint {
                checkpoint = Some(event.position);
            }
            self.load_event(&event);
        }
        Ok(checkpoint)
    }

    fn load_fact(&mut self, event: &Event) {
        self.redactor.recall(event);
        let Event { stream, uid, origin, observed_at, occurred_at, body, .. } = event.clone();
        let event = crate::event::NewEvent { uid, origin, observed_at, occurred_at, body };
        self.facts.extend(super::head::fact(&stream, &event));
    }
}

/// Makes a redactor hash again what a store has hashed, for who compares something else with it.
///
/// [`Ingest::load`] does so on its own.
///
/// # Errors
/// When the store cannot be read.
pub async fn recall_hashes(redactor: &Redactor, store: &dyn EventStore) -> Result<(), StoreError> {
    let mut named = Vec::new();
    for stream in store.streams().await? {
        let end = stream_end(store, &stream).await?;
        end.iter().for_each(|event| redactor.recall(event));
        recall_stream(redactor, store, &stream).await?;
        named.push((stream, end.into_iter().rev().find_map(|event| event.uid)));
    }
    named.iter().for_each(|(stream, uid)| recall_names(redactor, stream, uid.as_ref()));
    Ok(())
}

/// Recalls all of a stream of which more is worth it than the end: a Secret that was rotated.
async fn recall_stream(
    redactor: &Redactor,
    store: &dyn EventStore,
    stream: &StreamId,
) -> Result<(), StoreError> {
    if let StreamId::Resource(_, key) = stream
        && redactor.recalls_all_of(key)
    {
        let mut events = store.read(stream, Revision::FIRST);
        while let Some(event) = events.next().await {
            redactor.recall(&event?);
        }
    }
    Ok(())
}

fn recall_names(redactor: &Redactor, stream: &StreamId, uid: Option<&Uid>) {
    if let StreamId::Resource(_, key) = stream {
        redactor.recall_names([&*key.name, &*key.namespace].into_iter().chain(uid.map(Uid::as_str)));
    }
}

/// Reads the end of a stream, from its last event with an object on.
async fn stream_end(store: &dyn EventStore, stream: &StreamId) -> Result<Vec<Event>, StoreError> {
    let Some(head) = store.head(stream, None).await? else { return Ok(Vec::new()) };
    let mut back = 16;
    let resource = matches!(stream, StreamId::Resource(..));
    if !resource || matches!(head.body, EventBody::Applied(_)) {
        return Ok(vec![head]);
    }
    loop {
        let from = Revision::new(head.revision.get().saturating_sub(back)).unwrap_or(Revision::FIRST);
        let mut events = store.read(stream, from);
        let (mut end, mut whole) = (Vec::new(), false);
        while let Some(event) = events.next().await {
            let event = event?;
            if matches!(event.body, EventBody::Applied(_)) {
                whole = true;
                end.clear();
            }
            end.push(event);
        }
        if whole || from == Revision::FIRST {
            return Ok(end);
        }
        back = back.saturating_mul(8);
    }
}
