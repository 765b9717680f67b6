//! Replay: from events to the state of an estate, at any position or time.
//!
//! A [`State`] is a fold: applying the same events in order of position gives the same state, however they are cut.
//! It holds the newest version of every stream, compressed except for the few that changed last;
//! [`crate::history::VersionStore`] holds all versions of what was live.
//!
//! # Example
//! ```
//! use drift_core::replay::State;
//! use drift_core::{Event, Until};
//!
//! # let events: Vec<Event> = Vec::new();
//! let state = State::replay(&events, Until::End);
//! for (key, resource) in state.live() {
//!     println!("{key} since {}", resource.observed_at);
//! }
//! ```

mod at;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;

pub use at::event_at;

use crate::coverage::RecordedScope;
use crate::event::{Event, EventBody, Gap, Until};
use crate::history::{PackQueue, Payload, Payloads};
use crate::key::{ResourceKey, Uid};
use crate::object::{Object, PackError};
use crate::store::{EventStore, StoreError};
use crate::stream::{Facet, Position, Revision, StreamId};

/// Number of objects held uncompressed, so that an object that changes often is not compressed every time.
const MAX_FRESH: usize = 1024;

/// The state of all resources after some events.
///
/// # Example
/// ```
/// # futures::executor::block_on(async {
/// use drift_core::replay::State;
/// use drift_core::{MemoryStore, Until};
/// let store = MemoryStore::default();
/// // As it was known at a time; `Until::End` for the newest state.
/// let state = State::load(&store, Until::Time("2026-11-21T10:00:00Z".parse()?)).await?;
/// assert_eq!(state.live().count(), 0, "nothing was recorded");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct State {
    position: Position,
    resources: BTreeMap<StreamId, Resource>,
    gaps: Vec<Arc<Gap>>,
    recorded_scope: RecordedScope,
    queue: PackQueue<StreamId>,
}

/// The newest version of one side of one resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Incarnation of the last object.
    pub uid: Option<Uid>,
    /// Last event that reported the object, or that it is gone.
    pub revision: Revision,
    /// Position of that event.
    pub position: Position,
    /// When that event was observed.
    pub observed_at: Timestamp,
    payload: Payload,
}

impl Resource {
    /// Returns `true` if the object is there, and not gone.
    pub fn is_alive(&self) -> bool {
        !matches!(self.payload, Payload::Absent)
    }

    /// Returns the object; `None` if it was deleted.
    ///
    /// # Errors
    /// When its compressed bytes are damaged, which memory is not.
    pub fn object(&self) -> Result<Option<Arc<Object>>, PackError> {
        self.payload.object()
    }

    /// Returns the bytes that the object takes in memory.
    pub fn heap_size(&self) -> usize {
        self.payload.heap_size()
    }
}

impl Payloads<StreamId> for BTreeMap<StreamId, Resource> {
    fn payload(&self, stream: &StreamId) -> Option<&Payload> {
        self.get(stream).map(|r| &r.payload)
    }

    fn payload_mut(&mut self, stream: &StreamId) -> Option<&mut Payload> {
        self.get_mut(stream).map(|r| &mut r.payload)
    }
}

impl State {
    /// Reads a store up to a point.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn load(store: &dyn EventStore, until: Until) -> Result<Self, StoreError> {
        let mut state = Self::default();
        let mut events = store.read_all(Position::START);
        while let Some(event) = events.next().await {
            let event = event?;
            if state.recorded_scope.begins().is_none() {
                state.recorded_scope.set_beginning(event.observed_at);
            }
            if matches!(until, Until::Position(last) if event.position > last) {
                break;
            }
            if until.includes(&event) {
                state.apply(&event);
            }
        }
        Ok(state)
    }

    /// Makes the state of some events up to a point.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>, until: Until) -> Self {
        let mut state = Self::default();
        events.into_iter().filter(|e| until.includes(e)).for_each(|e| state.apply(e));
        state
    }

    /// Applies the next event; events come in order of position.
    pub fn apply(&mut self, event: &Event) {
        self.position = self.position.max(event.position);
        self.recorded_scope.apply(event);
        match &event.body {
            EventBody::Applied(object) => self.put(event, Payload::Fresh(Arc::clone(object))),
            EventBody::Deleted(_) => self.put(event, Payload::Absent),
            EventBody::Gap(gap) => self.gaps.push(Arc::new(gap.clone())),
            EventBody::Happened(_) | EventBody::Relisted(_) | EventBody::Checkpoint => {}
        }
    }

    fn put(&mut self, event: &Event, payload: Payload) {
        let is_fresh = payload.is_fresh();
        let Event { uid, revision, position, observed_at, .. } = event;
        let resource = Resource {
            uid: uid.clone(),
            revision: *revision,
            position: *position,
            observed_at: *observed_at,
            payload,
        };
        let before = self.resources.insert(event.stream.clone(), resource);
        if is_fresh && !before.is_some_and(|b| b.payload.is_fresh()) {
            self.queue.push(event.stream.clone());
        }
        self.queue.pack_all_but(MAX_FRESH, &mut self.resources);
    }

    /// Compresses all objects, for a state that is stored and does not change any more.
    pub fn settle(&mut self) {
        self.queue.pack_all_but(0, &mut self.resources);
    }

    /// Returns the position of the last event.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns the newest version of a stream's resource, also where it is gone.
    pub fn get(&self, stream: &StreamId) -> Option<&Resource> {
        self.resources.get(stream)
    }

    /// Returns all resources that exist, live and declared, sorted by stream.
    pub fn resources(&self) -> impl Iterator<Item = (&StreamId, &Resource)> {
        self.resources.iter().filter(|(_, r)| r.is_alive())
    }

    /// Returns the live resources that exist, sorted by key.
    pub fn live(&self) -> impl Iterator<Item = (&ResourceKey, &Resource)> {
        self.resources().filter_map(|(stream, resource)| match stream {
            StreamId::Resource(Facet::Live, key) => Some((key, resource)),
            _ => None,
        })
    }

    /// Returns the gaps that were recorded so far, in the order of the log.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter().map(|g| &**g)
    }

    /// Returns what the log covers up to here.
    pub fn recorded_scope(&self) -> &RecordedScope {
        &self.recorded_scope
    }

    /// Returns the gaps that concern a resource.
    pub fn gaps_of(&self, key: &ResourceKey) -> impl Iterator<Item = &Gap> {
        self.gaps().filter(move |gap| gap.scope.contains(key))
    }

    /// Returns the bytes that the objects take in memory.
    pub fn heap_size(&self) -> usize {
        self.resources.values().map(Resource::heap_size).sum()
    }
}
