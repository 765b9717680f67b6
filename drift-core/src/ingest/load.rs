//! Going on where a store stands.

use futures::StreamExt;

use super::Ingest;
use crate::event::{Event, EventBody};
use crate::redact::Redactor;
use crate::store::{EventStore, StoreError};
use crate::stream::{Position, Revision, StreamId};

/// Events of a source's own stream that are read for gaps and relists it may tell again.
const MAX_OWN: u64 = 100_000;
/// Events before a checkpoint that are read too: another watch of the same source may have been ahead of the one that
/// recorded it.
const AHEAD: u64 = 4096;

impl Ingest {
    /// Makes an ingest that goes on where a store stands.
    ///
    /// Reads the end of every stream, and all events after the source's last checkpoint, since the source goes on there
    /// and may tell them again; without a checkpoint all events.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn load(source: &str, redactor: Redactor, store: &dyn EventStore) -> Result<Self, StoreError> {
        let mut ingest = Self::new(source, redactor);
        for stream in store.streams().await? {
            let Some(head) = store.head(&stream, None).await? else { continue };
            ingest.learn_end(store, &stream, &head).await?;
        }
        let checkpoint = ingest.learn_own(store).await?;
        let from = checkpoint.map_or(0, |c| c.get().saturating_sub(AHEAD));
        let mut events = store.read_all(Position::new(from));
        while let Some(event) = events.next().await {
            let event = event?;
            if event.origin.source == ingest.source && matches!(event.body, EventBody::Happened(_)) {
                ingest.learn_fact(&event);
            }
        }
        ingest.commit();
        Ok(ingest)
    }

    /// Learns the end of a stream, back to the last event that tells how the object is.
    async fn learn_end(
        &mut self,
        store: &dyn EventStore,
        stream: &StreamId,
        head: &Event,
    ) -> Result<(), StoreError> {
        let mut back = 16;
        let resource = matches!(stream, StreamId::Resource(..));
        if !resource || matches!(head.body, EventBody::Applied(_)) {
            self.learn(head);
            return Ok(());
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
                end.iter().for_each(|event| self.learn(event));
                return Ok(());
            }
            back = back.saturating_mul(8);
        }
    }

    /// Learns what the source said of itself and returns where its last checkpoint is.
    async fn learn_own(&mut self, store: &dyn EventStore) -> Result<Option<Position>, StoreError> {
        let stream = self.own_stream();
        let Some(head) = self.revision(&stream) else { return Ok(None) };
        let from = Revision::new(head.get().saturating_sub(MAX_OWN)).unwrap_or(Revision::FIRST);
        let mut checkpoint = None;
        let mut events = store.read(&stream, from);
        while let Some(event) = events.next().await {
            let event = event?;
            if event.body == EventBody::Checkpoint {
                checkpoint = Some(event.position);
            }
            self.learn(&event);
        }
        Ok(checkpoint)
    }

    fn learn_fact(&mut self, event: &Event) {
        let Event { stream, uid, origin, observed_at, occurred_at, body, .. } = event.clone();
        let event = crate::event::NewEvent { uid, origin, observed_at, occurred_at, body };
        self.facts.extend(super::head::fact(&stream, &event));
    }
}
