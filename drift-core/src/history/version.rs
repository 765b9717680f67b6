//! Versions of a resource, with and without their place in a log.

use std::sync::Arc;

use jiff::Timestamp;

use crate::event::{Event, EventBody, EventId, LogPosition};
use crate::key::{ResourceKey, ResourceVersion};
use crate::object::Object;

use super::spec_difference::differs_beyond_status;

/// An object as it was from a time on, or that it was gone from then on.
///
/// # Example
/// ```
/// use drift_core::{Event, history::Version};
///
/// # let events: Vec<Event> = Vec::new();
/// let versions = Version::from_events(&events);
/// let last = versions.last().and_then(|v| v.object.as_ref());
/// assert!(last.is_none(), "no event, no object");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// When it came to be.
    pub at: Timestamp,
    /// The object; `None` where it was deleted.
    pub object: Option<Arc<Object>>,
}

impl Version {
    /// Returns the versions in the events of one stream, which come in order.
    ///
    /// A version that follows itself, as after a relist, counts once.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for event in events {
            let object = match &event.body {
                EventBody::Applied(object) => Some(Arc::clone(object)),
                EventBody::Deleted(_) => None,
                _ => continue,
            };
            let is_same = |v: &Self| match (&v.object, &object) {
                (Some(a), Some(b)) => a.uid() == b.uid() && a.resource_version() == b.resource_version(),
                (a, b) => a.is_none() && b.is_none(),
            };
            if !all.last().is_some_and(is_same) {
                all.push(Self { at: event.at(), object });
            }
        }
        all
    }
}

/// A version of a resource, or its end, with the event that recorded it.
#[derive(Clone, Debug)]
pub struct RecordedVersion {
    /// The event.
    pub id: EventId,
    /// Its place in the log.
    pub at: LogPosition,
    /// When it came to be, by the best clock known: [`Event::at`].
    pub occurred_at: Timestamp,
    /// The object's version; of an end that of the deletion.
    pub version: Option<ResourceVersion>,
    /// The object; `None` when it is gone.
    pub object: Option<Arc<Object>>,
    /// Its last state, when it is gone and the log has it.
    pub last: Option<Arc<Object>>,
    /// User, where a source named one.
    pub user: Option<Arc<str>>,
}

impl RecordedVersion {
    /// Returns `true` if this was before a moment, by the cluster's own order where both have one.
    pub fn is_before(&self, other: &Moment) -> bool {
        self.mark().is_before(other)
    }

    /// Returns the moment from which on the resource was so.
    pub fn mark(&self) -> Moment {
        Moment { version: self.version.clone(), at: self.at }
    }
}

impl From<&RecordedVersion> for Version {
    fn from(recorded: &RecordedVersion) -> Self {
        Self { at: recorded.occurred_at, object: recorded.object.clone() }
    }
}

/// A moment in a cluster: ordered by resourceVersion where two have one, otherwise by place in the log.
///
/// Watches of different kinds run side by side, so that the log may hold a pod before the Deployment that made it; the
/// order of their resourceVersions is the one in which the server wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The resourceVersion that was written then.
    pub version: Option<ResourceVersion>,
    /// Its place in the log.
    pub at: LogPosition,
}

impl Moment {
    /// Returns `true` if this was before another.
    pub fn is_before(&self, other: &Self) -> bool {
        let order = self.version.as_ref().zip(other.version.as_ref()).and_then(|(a, b)| a.order(b));
        order.map_or(self.at < other.at, std::cmp::Ordering::is_lt)
    }
}

/// A Kubernetes Event that was recorded.
#[derive(Clone, Debug)]
pub struct KubernetesEvent {
    /// The event in our log.
    pub id: EventId,
    /// The Kubernetes Event.
    pub key: ResourceKey,
    /// When it was reported.
    pub mark: Moment,
    /// `reason`, for example `FailedScheduling`.
    pub reason: String,
    /// `message`, or `note` in the API of 1.19 and later.
    pub message: String,
    /// Whether its type is `Warning`.
    pub is_warning: bool,
    /// The container that it is about, where it names one.
    pub container: Option<String>,
    /// The component that reported it, where it names itself.
    pub component: Option<Arc<str>>,
    /// When the Event was created, where it says so.
    pub created: Option<Timestamp>,
}

impl KubernetesEvent {
    /// Returns `true` for the key of a Kubernetes Event, of which a history has what it reports and no versions.
    pub fn has_key(key: &ResourceKey) -> bool {
        matches!(key.group_kind(), ("" | "events.k8s.io", "Event"))
    }
}

/// The versions of one resource, oldest first, of which a reader gets only those that it asks for.
///
/// A slice of [`Version`]s has them all; a history decompresses one when it is asked for.
pub(crate) trait VersionList {
    /// Returns the number of versions.
    fn count(&self) -> usize;
    /// Returns when a version came to be.
    fn at(&self, n: usize) -> Timestamp;
    /// Returns the object of a version; `None` where it was deleted.
    fn object(&self, n: usize) -> Option<&Object>;
    /// Returns `false` only if a version differs from the one before in status alone.
    fn may_change_spec(&self, n: usize) -> bool;
}

impl VersionList for &[Version] {
    fn count(&self) -> usize {
        self.len()
    }

    fn at(&self, n: usize) -> Timestamp {
        self[n].at
    }

    fn object(&self, n: usize) -> Option<&Object> {
        self[n].object.as_deref()
    }

    fn may_change_spec(&self, n: usize) -> bool {
        let before = n.checked_sub(1).and_then(|b| self.object(b));
        before.zip(self.object(n)).is_none_or(|(before, after)| differs_beyond_status(before, after))
    }
}
