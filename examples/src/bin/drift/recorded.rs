//! Recorded history: a store, or a tape played into one in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::{
    Append, Event, EventBody, EventStore, EventStoreExt, ExpectedRevision, Facet, Gap, GapReason,
    MemoryStore, NewEvent, Object, Observation, Origin, ResourceKey, Source, StoreError, StreamId,
};
use drift_sources::tape::TapeSource;
use futures::StreamExt;

use crate::args::RecordedArgs;
use crate::failure::Failure;
use crate::inputs::Notes;
use crate::inputs::live::Input;
use crate::kinds::KeyName;
use crate::moment::Moment;

/// Recorded history that can be asked.
#[derive(Debug)]
pub(crate) struct Recorded {
    store: Arc<dyn EventStore>,
    name: String,
    notes: Notes,
}

impl Recorded {
    /// Opens what the arguments name.
    pub(crate) async fn open(args: &RecordedArgs) -> Result<Self, Failure> {
        match (&args.store, &args.tape) {
            (Some(_), _) => Err(Failure::new("stores are not built in")),
            (None, Some(tape)) => Self::tape(Input::open(tape)?).await,
            (None, None) => Err(Failure::new("no history to look at")
                .hint("give --store DIR (kept by `drift watch`) or --tape FILE (made by `drift record`)")),
        }
    }

    /// Plays a tape into a store in memory.
    pub(crate) async fn tape(input: Input) -> Result<Self, Failure> {
        let name = input.name().into_owned();
        let source = TapeSource::new(input.path().to_owned(), "");
        let store = Arc::new(MemoryStore::default());
        let mut notes = Notes::default();
        let failed =
            |e: &dyn std::error::Error| Failure::new(format!("cannot read the tape `{name}`")).because(e);
        let mut observations = source.observe(None);
        let mut known: BTreeMap<ResourceKey, Arc<Object>> = BTreeMap::new();
        let mut any = false;
        while let Some(observation) = observations.next().await {
            let observation = match observation {
                Ok(observation) => observation,
                Err(e) if any => {
                    notes.miss_because(&e);
                    continue;
                }
                Err(e) => {
                    return Err(failed(&e).hint("--tape takes JSON lines as `drift record` writes them"));
                }
            };
            any = true;
            let appends = step(&mut known, observation);
            store.append(appends).await.map_err(|e| failed(&e))?;
        }
        drop(observations);
        let mut recorded = Self { store, name, notes };
        recorded.note_gaps().await?;
        Ok(recorded)
    }

    async fn note_gaps(&mut self) -> Result<(), Failure> {
        let events = self.all().await?;
        for gap in events.iter().filter_map(gap) {
            match gap.reason {
                // The part that is missing is not known by any later listing.
                GapReason::Corrupt | GapReason::TooLarge | GapReason::Denied => {
                    self.notes.miss(format!("gap: {}", gap.message));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns all events in order.
    pub(crate) async fn all(&self) -> Result<Vec<Event>, Failure> {
        self.store.read_all_to_end().await.map_err(|e| self.failed(&e))
    }

    /// Says that reading failed.
    pub(crate) fn failed(&self, error: &StoreError) -> Failure {
        let failure = Failure::new(format!("cannot read `{}`", self.name)).because(error);
        match error {
            StoreError::Corrupt { .. } => {
                failure.hint("`drift verify` says more, `drift repair` cuts out what is damaged")
            }
            _ => failure,
        }
    }

    /// Returns what could not be read.
    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Returns what could not be read.
    pub(crate) fn into_notes(self) -> Notes {
        self.notes
    }

    /// Finds the stream of the one live resource that is named.
    pub(crate) async fn find(&self, name: &KeyName, namespace: Option<&str>) -> Result<StreamId, Failure> {
        let streams = self.store.streams().await.map_err(|e| self.failed(&e))?;
        let keys = streams.iter().filter_map(|s| match s {
            StreamId::Resource(Facet::Live, key) => Some(key),
            _ => None,
        });
        name.find(keys, namespace).map(|key| StreamId::live(key.clone()))
    }

    /// Reads one stream.
    pub(crate) async fn read(&self, stream: &StreamId) -> Result<Vec<Event>, Failure> {
        self.store.read_to_end(stream).await.map_err(|e| self.failed(&e))
    }

    /// Returns the live objects as they were at a moment, or as they are now, sorted by key.
    pub(crate) async fn live(&self, at: Option<Moment>) -> Result<Vec<Arc<Object>>, Failure> {
        let mut live: BTreeMap<ResourceKey, Arc<Object>> = BTreeMap::new();
        for event in self.all().await?.iter().filter(|e| at.is_none_or(|m| m.includes(e))) {
            let StreamId::Resource(Facet::Live, key) = &event.stream else { continue };
            match &event.body {
                EventBody::Applied(object) => {
                    live.insert(key.clone(), Arc::clone(object));
                }
                EventBody::Deleted(_) => {
                    live.remove(key);
                }
                _ => {}
            }
        }
        Ok(live.into_values().collect())
    }
}

fn gap(event: &Event) -> Option<&Gap> {
    match &event.body {
        EventBody::Gap(gap) => Some(gap),
        _ => None,
    }
}

/// Turns an observation into appends. Stands in for `drift_core::Ingest`.
fn step(known: &mut BTreeMap<ResourceKey, Arc<Object>>, observation: Observation) -> Vec<Append> {
    let append = |stream: StreamId, observed_at, uid, body| Append {
        stream,
        expected: ExpectedRevision::Any,
        events: vec![NewEvent { uid, origin: Origin::default(), observed_at, occurred_at: None, body }],
    };
    match observation {
        Observation::Applied(a) => {
            if known.get(&a.key).is_some_and(|o| o.resource_version() == a.object.resource_version()) {
                return Vec::new();
            }
            known.insert(a.key.clone(), Arc::clone(&a.object));
            vec![append(
                StreamId::Resource(a.facet, a.key),
                a.observed_at,
                a.object.uid(),
                EventBody::Applied(a.object),
            )]
        }
        Observation::Deleted(d) => {
            known.remove(&d.key);
            let uid = d.last.as_ref().and_then(|o| o.uid());
            vec![append(StreamId::Resource(d.facet, d.key), d.observed_at, uid, EventBody::Deleted(d.last))]
        }
        Observation::Gap(gap) => {
            vec![append(StreamId::Source("tape".into()), gap.to, None, EventBody::Gap(gap))]
        }
        _ => Vec::new(),
    }
}
