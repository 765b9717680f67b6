//! Replay: from events to the state of an estate, at any position or time.
//!
//! A [`State`] is a fold: applying the same events in order of position gives the same state, however they are cut.
//! Objects are held compressed but for the few that changed last.

mod at;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;

pub use at::event_at;

use crate::event::{Event, EventBody, Gap, Until};
use crate::key::{ResourceKey, Uid};
use crate::object::{Doc, Object, PackError, Packed, Packer};
use crate::store::{EventStore, StoreError};
use crate::stream::{Facet, Position, Revision, StreamId};

/// Objects that are held as they are: what changes often is not compressed every time.
const MAX_FRESH: usize = 1024;

/// The state of all resources after some events.
#[derive(Clone, Debug, Default)]
pub struct State {
    position: Position,
    resources: BTreeMap<StreamId, Resource>,
    gaps: Vec<Arc<Gap>>,
    /// Streams whose object is fresh, in the order in which they became so.
    fresh: VecDeque<StreamId>,
    packer: Option<Packer>,
}

/// What a state holds of one side of one resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Incarnation of the last object.
    pub uid: Option<Uid>,
    /// Last event that told how the object is, or that it is gone.
    pub revision: Revision,
    /// Its position.
    pub position: Position,
    /// When it was observed.
    pub observed_at: Timestamp,
    held: Held,
}

#[derive(Clone, Debug)]
enum Held {
    Fresh(Arc<Object>),
    Packed(Packed),
    Gone,
}

impl Resource {
    /// Tells whether the object is there, and not gone.
    pub fn is_alive(&self) -> bool {
        !matches!(self.held, Held::Gone)
    }

    /// Returns the object, `None` if it is gone.
    ///
    /// # Errors
    /// When the object is larger than what is ever unpacked, which no API server takes.
    pub fn object(&self) -> Result<Option<Arc<Object>>, PackError> {
        match &self.held {
            Held::Fresh(object) => Ok(Some(Arc::clone(object))),
            Held::Packed(packed) => {
                let object = Object::new(packed.unpack()?).map_err(crate::object::DecodeError::Object)?;
                Ok(Some(Arc::new(object)))
            }
            Held::Gone => Ok(None),
        }
    }

    /// Returns the bytes that the object takes in memory.
    pub fn heap_size(&self) -> usize {
        match &self.held {
            Held::Fresh(object) => object.doc().heap_size(),
            Held::Packed(packed) => packed.heap_size(),
            Held::Gone => 0,
        }
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

    /// Takes one event further; events come in order of position.
    pub fn apply(&mut self, event: &Event) {
        self.position = self.position.max(event.position);
        match &event.body {
            EventBody::Applied(object) => self.put(event, Held::Fresh(Arc::clone(object))),
            EventBody::Deleted(_) => self.put(event, Held::Gone),
            EventBody::Gap(gap) => self.gaps.push(Arc::new(gap.clone())),
            EventBody::Happened(_) | EventBody::Relisted(_) | EventBody::Checkpoint => {}
        }
    }

    fn put(&mut self, event: &Event, held: Held) {
        let fresh = matches!(held, Held::Fresh(_));
        let Event { uid, revision, position, observed_at, .. } = event;
        let resource = Resource {
            uid: uid.clone(),
            revision: *revision,
            position: *position,
            observed_at: *observed_at,
            held,
        };
        let before = self.resources.insert(event.stream.clone(), resource);
        if fresh && !before.is_some_and(|b| matches!(b.held, Held::Fresh(_))) {
            self.fresh.push_back(event.stream.clone());
        }
        while self.fresh.len() > MAX_FRESH {
            self.pack_oldest();
        }
    }

    /// Compresses all objects, for a state that is kept and changes no more.
    pub fn settle(&mut self) {
        while !self.fresh.is_empty() {
            self.pack_oldest();
        }
    }

    fn pack_oldest(&mut self) {
        let packer = self.packer.get_or_insert_with(|| Packer::trained(fresh(&self.resources))).clone();
        let Some(stream) = self.fresh.pop_front() else { return };
        if let Some(resource) = self.resources.get_mut(&stream)
            && let Held::Fresh(object) = &resource.held
        {
            resource.held = Held::Packed(packer.pack(object.doc()));
        }
    }

    /// Returns the position of the last event.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns what is known of a stream's resource, gone or not.
    pub fn get(&self, stream: &StreamId) -> Option<&Resource> {
        self.resources.get(stream)
    }

    /// Returns all resources that are there, of all facets, sorted by stream.
    pub fn resources(&self) -> impl Iterator<Item = (&StreamId, &Resource)> {
        self.resources.iter().filter(|(_, r)| r.is_alive())
    }

    /// Returns the resources in clusters that are there, sorted by key.
    pub fn live(&self) -> impl Iterator<Item = (&ResourceKey, &Resource)> {
        self.resources().filter_map(|(stream, resource)| match stream {
            StreamId::Resource(Facet::Live, key) => Some((key, resource)),
            _ => None,
        })
    }

    /// Returns the gaps that were told so far, in the order they were told in.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter().map(|g| &**g)
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

/// Returns the documents that are held as they are.
fn fresh(resources: &BTreeMap<StreamId, Resource>) -> impl Iterator<Item = &Doc> {
    resources.values().filter_map(|r| match &r.held {
        Held::Fresh(object) => Some(object.doc()),
        _ => None,
    })
}
