//! What is known of a stream, without its objects.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::Timestamp;

use super::time;
use crate::event::{EventBody, NewEvent};
use crate::key::{ResourceVersion, Uid};
use crate::object::Object;
use crate::stream::{Revision, StreamId};
use crate::wire;

/// Half a hash is enough to tell facts apart that nobody makes up to collide.
pub(super) type Fact = [u8; 16];

/// The end of one stream.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) revision: Revision,
    /// Which relist had begun last when the object was told of last.
    pub(super) seen: u64,
    /// In which run the source told that the object is as it is; order of telling counts within a run, times between.
    pub(super) told: u64,
    pub(super) uid: Option<Uid>,
    pub(super) version: Option<ResourceVersion>,
    /// Hash of the object where it has no version to tell it by.
    pub(super) content: Option<Fact>,
    pub(super) alive: bool,
    /// Whether the version is that of the deletion; a relist only misses an object.
    pub(super) version_of_deletion: bool,
    pub(super) observed_at: Timestamp,
    /// Newest time in the object.
    pub(super) newest: Option<Timestamp>,
    /// Who told of the object last.
    pub(super) source: Arc<str>,
}

impl Head {
    pub(super) fn new(revision: Revision) -> Self {
        Self {
            revision,
            seen: 0,
            told: 0,
            uid: None,
            version: None,
            content: None,
            alive: false,
            version_of_deletion: false,
            observed_at: Timestamp::MIN,
            newest: None,
            source: "".into(),
        }
    }

    pub(super) fn note(&mut self, revision: Revision, event: &NewEvent, tick: u64) {
        self.revision = revision;
        match &event.body {
            EventBody::Applied(object) => {
                self.version = object.resource_version();
                self.content = self.version.is_none().then(|| content(object));
                self.newest = time::newest(object);
                (self.alive, self.version_of_deletion) = (true, false);
            }
            EventBody::Deleted(last) => {
                let version = last.as_ref().and_then(|o| o.resource_version());
                self.version_of_deletion = version.is_some();
                self.version = version.or_else(|| self.version.take());
                self.alive = false;
            }
            _ => return,
        }
        (self.seen, self.told) = (tick, 0);
        self.uid.clone_from(&event.uid);
        self.observed_at = event.observed_at;
        if self.source != event.origin.source {
            self.source = Arc::clone(&event.origin.source);
        }
    }

    /// Tells whether this is the object as it is known.
    pub(super) fn is_current(&self, object: &Object) -> bool {
        self.alive && self.version == object.resource_version() && self.same_incarnation(object)
    }

    /// Tells whether an object in the cluster says nothing new.
    pub(super) fn knows_live(&self, object: &Object, observed_at: Timestamp) -> bool {
        // An object that a relist missed and that is there again, unchanged, is news; an old tape is not.
        let missed = !self.alive && !self.version_of_deletion;
        match (&object.resource_version(), &self.version) {
            (Some(new), Some(old)) => match new.order(old) {
                _ if missed && observed_at > self.observed_at => false,
                Some(Ordering::Less) => true,
                Some(Ordering::Equal) => self.same_incarnation(object),
                Some(Ordering::Greater) => false,
                None => new == old && self.same_incarnation(object) || observed_at < self.observed_at,
            },
            (None, None) => {
                self.alive && self.content == Some(content(object)) || observed_at < self.observed_at
            }
            _ => false,
        }
    }

    fn same_incarnation(&self, object: &Object) -> bool {
        object.uid() == self.uid
    }

    /// Tells whether a declared object says nothing new.
    pub(super) fn knows_desired(&self, object: &Object) -> bool {
        self.alive
            && match self.content {
                Some(known) => known == content(object),
                // A declared object with a version: a copy of a live one, told apart by that.
                None => self.version.is_some() && self.version == object.resource_version(),
            }
    }

    /// Tells whether it is known that an object in the cluster is gone.
    pub(super) fn knows_deleted(&self, last: Option<&Object>, observed_at: Timestamp, run: u64) -> bool {
        let version = last.and_then(Object::resource_version);
        match (&version, &self.version) {
            (Some(new), Some(old)) => match new.order(old) {
                Some(Ordering::Less) => true,
                Some(Ordering::Equal) => !self.alive,
                None => !self.alive && new == old || observed_at < self.observed_at,
                // Missed by a relist before: now it is known when it went, but not that it went.
                Some(Ordering::Greater) => !self.alive && last.and_then(Object::uid) == self.uid,
            },
            _ if self.is_untold() => last.is_none(),
            _ => !self.alive || self.outlives(observed_at, run),
        }
    }

    /// Tells whether the object was told of after a time, so that what an old tape says of that time does not touch it.
    pub(super) fn outlives(&self, time: Timestamp, run: u64) -> bool {
        self.told != run && self.observed_at >= time
    }

    /// Tells whether nothing is known of the object but occurrences.
    fn is_untold(&self) -> bool {
        self.observed_at == Timestamp::MIN
    }
}

fn content(object: &Object) -> Fact {
    let mut form = Vec::new();
    object.doc().write_canonical(&mut form);
    half(blake3::hash(&form))
}

fn half(hash: blake3::Hash) -> Fact {
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_bytes()[..16]);
    half
}

/// Returns the identity of what is told once and for all, whatever its place: a gap, a relist, an occurrence.
pub(super) fn fact(stream: &StreamId, event: &NewEvent) -> Option<Fact> {
    if !matches!(event.body, EventBody::Happened(_) | EventBody::Gap(_) | EventBody::Relisted(_)) {
        return None;
    }
    let id = wire::event_id(stream, Revision::FIRST, event);
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.as_bytes()).update(&event.observed_at.as_nanosecond().to_le_bytes());
    Some(half(hasher.finalize()))
}
