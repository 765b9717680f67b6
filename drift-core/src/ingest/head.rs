//! The state of a stream without its objects: enough to tell a new observation from a repeated one.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::Timestamp;

use super::time;
use crate::event::{EventBody, NewEvent};
use crate::key::{ResourceVersion, Uid};
use crate::object::Object;
use crate::stream::{Revision, StreamId};
use crate::wire;

/// Hash of a fact, cut to half: collisions are not a concern, since nobody gains from making one.
pub(super) type Fact = [u8; 16];

/// The end of one stream.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) revision: Revision,
    /// Number of the relist that had begun last when the object was last observed.
    pub(super) seen_in_relist: u64,
    /// The last run in which the source reported this exact state. Within one run, report order decides; across runs,
    /// timestamps do.
    pub(super) confirmed_in_run: u64,
    pub(super) uid: Option<Uid>,
    pub(super) version: Option<ResourceVersion>,
    /// Hash of the object, where it has no resourceVersion.
    pub(super) content: Option<Fact>,
    pub(super) alive: bool,
    /// Whether `version` is that of the deletion. A relist that misses an object does not know it.
    pub(super) version_of_deletion: bool,
    pub(super) observed_at: Timestamp,
    /// Newest time that the object contains.
    pub(super) newest: Option<Timestamp>,
    /// Name of the source that last reported the object.
    pub(super) source: Arc<str>,
}

impl Head {
    pub(super) fn new(revision: Revision) -> Self {
        Self {
            revision,
            seen_in_relist: 0,
            confirmed_in_run: 0,
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

    pub(super) fn record(&mut self, revision: Revision, event: &NewEvent, relist_count: u64) {
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
        (self.seen_in_relist, self.confirmed_in_run) = (relist_count, 0);
        self.uid.clone_from(&event.uid);
        self.observed_at = event.observed_at;
        if self.source != event.origin.source {
            self.source = Arc::clone(&event.origin.source);
        }
    }

    /// Returns `true` if the object is in the state that is known.
    pub(super) fn is_current(&self, object: &Object) -> bool {
        self.alive && self.version == object.resource_version() && self.same_incarnation(object)
    }

    /// Returns `true` if an object in the cluster brings nothing new.
    pub(super) fn knows_live(&self, object: &Object, observed_at: Timestamp) -> bool {
        // An object that a relist missed and that is back unchanged is new; a repeated tape is not.
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

    /// Returns `true` if a declared object brings nothing new.
    pub(super) fn knows_desired(&self, object: &Object) -> bool {
        self.alive
            && match self.content {
                Some(known) => known == content(object),
                // A declared object with a resourceVersion is a copy of a live one: the version identifies it.
                None => self.version.is_some() && self.version == object.resource_version(),
            }
    }

    /// Returns `true` if the deletion of an object in the cluster is known.
    pub(super) fn knows_deleted(&self, last: Option<&Object>, observed_at: Timestamp, run: u64) -> bool {
        let version = last.and_then(Object::resource_version);
        match (&version, &self.version) {
            (Some(new), Some(old)) => match new.order(old) {
                Some(Ordering::Less) => true,
                Some(Ordering::Equal) => !self.alive,
                None => !self.alive && new == old || observed_at < self.observed_at,
                // Missed by a relist before: only the time of the deletion is new.
                Some(Ordering::Greater) => !self.alive && last.and_then(Object::uid) == self.uid,
            },
            _ if self.is_unseen() => last.is_none(),
            _ => !self.alive || self.outlives(observed_at, run),
        }
    }

    /// Returns `true` if the object was reported after a time, so that an old tape of that time does not change it.
    pub(super) fn outlives(&self, time: Timestamp, run: u64) -> bool {
        self.confirmed_in_run != run && self.observed_at >= time
    }

    /// Returns `true` if only occurrences are known of the object.
    fn is_unseen(&self) -> bool {
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

/// Returns the identity of a fact that is observed once, wherever it is appended: a gap, a relist, an occurrence.
pub(super) fn fact(stream: &StreamId, event: &NewEvent) -> Option<Fact> {
    if !matches!(event.body, EventBody::Happened(_) | EventBody::Gap(_) | EventBody::Relisted(_)) {
        return None;
    }
    let id = wire::event_id(stream, Revision::FIRST, event);
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.as_bytes()).update(&event.observed_at.as_nanosecond().to_le_bytes());
    Some(half(hasher.finalize()))
}
