//! The versions of every resource, what Kubernetes Events told of it, and the gaps, up to a moment.

use std::cell::OnceCell;
use std::sync::Arc;

use jiff::Timestamp;

use crate::event::{Event, EventId, Gap};
use crate::graph::Instant;
use crate::key::{ResourceKey, ResourceVersion};
use crate::object::Object;
use crate::replay::Until;

use super::records::{Kept, Records};

/// One version of a resource, or its end.
#[derive(Clone, Debug)]
pub struct Version {
    /// The event that told it.
    pub id: EventId,
    /// Its place in the log.
    pub at: Instant,
    /// The object's version; of an end that of the deletion.
    pub version: Option<ResourceVersion>,
    /// The object; `None` when it is gone.
    pub object: Option<Arc<Object>>,
    /// Its last state, when it is gone.
    pub last: Option<Arc<Object>>,
    /// User, where a source named one.
    pub user: Option<Arc<str>>,
}

impl Version {
    /// Tells whether this was before another, by the cluster's own order where both have one.
    pub fn is_before(&self, other: &Mark) -> bool {
        self.mark().is_before(other)
    }

    /// Returns its place in time.
    pub fn mark(&self) -> Mark {
        Mark { version: self.version.clone(), at: self.at }
    }
}

/// A place in time: by the cluster's order if both have it, by the order of the log otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The version at it.
    pub version: Option<ResourceVersion>,
    /// Its place in the log.
    pub at: Instant,
}

impl Mark {
    /// Tells whether this was before another.
    pub fn is_before(&self, other: &Self) -> bool {
        let order = self.version.as_ref().zip(other.version.as_ref()).and_then(|(a, b)| a.order(b));
        order.map_or(self.at < other.at, std::cmp::Ordering::is_lt)
    }
}

/// What a Kubernetes Event told.
#[derive(Clone, Debug)]
pub struct Note {
    /// The event in our log.
    pub id: EventId,
    /// The Kubernetes Event.
    pub key: ResourceKey,
    /// Its place in the log.
    pub mark: Mark,
    /// Its reason.
    pub reason: String,
    /// Its text.
    pub message: String,
    /// Whether it is a warning.
    pub is_warning: bool,
    /// The container that it is about, where it says so.
    pub container: Option<String>,
}

/// The history of an estate up to a moment.
///
/// What is looked at is unpacked once and stays so for as long as this lives, which is one question.
#[derive(Clone, Debug)]
pub struct History {
    records: Arc<Records>,
    until: Until,
    /// What was unpacked, by lane.
    opened: Vec<Opened>,
}

type Unpacked = OnceCell<Option<Arc<Object>>>;

/// What was unpacked of one resource.
#[derive(Clone, Debug, Default)]
struct Opened {
    /// Objects by version; a deleted one's is its last state.
    objects: OnceCell<Box<[Unpacked]>>,
    versions: OnceCell<Box<[Version]>>,
}

impl Default for History {
    fn default() -> Self {
        Self::new(Arc::default(), Until::End)
    }
}

impl History {
    /// Takes the events up to a moment.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e Event>, until: Until) -> Self {
        let mut records = Records::default();
        for event in events.into_iter().filter(|e| until.includes(e)) {
            records.apply(event);
        }
        Self::new(Arc::new(records), Until::End)
    }

    /// Looks at records up to a moment; a time only where times do not go back.
    pub(super) fn new(records: Arc<Records>, until: Until) -> Self {
        let mut opened = Vec::new();
        opened.resize_with(records.len(), Opened::default);
        Self { records, until, opened }
    }

    fn has(&self, at: Instant) -> bool {
        at.is_within(self.until)
    }

    /// Returns the number of a resource's lane and what is known of it until then.
    fn kept(&self, key: &ResourceKey) -> Option<(usize, &[Kept])> {
        let (lane, kept) = self.records.lane(key)?;
        let count = match self.until {
            Until::End => kept.len(),
            _ => kept.partition_point(|k| self.has(k.at)),
        };
        (count > 0).then(|| (lane, &kept[..count]))
    }

    fn object<'a>(&'a self, lane: usize, kept: &'a [Kept], n: usize) -> Option<&'a Arc<Object>> {
        let all = self.opened[lane].objects.get_or_init(|| kept.iter().map(|_| OnceCell::new()).collect());
        all[n].get_or_init(|| kept[n].object()).as_ref()
    }

    /// Returns all resources that were ever there.
    pub fn keys(&self) -> impl Iterator<Item = &ResourceKey> {
        self.records.keys().filter(|(_, first)| self.has(*first)).map(|(key, _)| key)
    }

    /// Returns the resources of a kind that were ever there.
    pub fn of_kind<'a>(&'a self, group: &'a str, kind: &'a str) -> impl Iterator<Item = &'a ResourceKey> {
        self.records.of_kind(group, kind).filter(|(_, first)| self.has(*first)).map(|(key, _)| key)
    }

    /// Returns the resources of an API group that were ever there.
    pub fn of_group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a ResourceKey> {
        self.records.of_group(group).filter(|(_, first)| self.has(*first)).map(|(key, _)| key)
    }

    /// Returns the versions of a resource in the order of the log.
    pub fn versions(&self, key: &ResourceKey) -> &[Version] {
        let Some((lane, kept)) = self.kept(key) else { return &[] };
        self.opened[lane].versions.get_or_init(|| {
            let one = |n: usize| kept[n].version(self.object(lane, kept, n).cloned());
            (0..kept.len()).map(one).collect()
        })
    }

    /// Returns the Kubernetes Events about a resource.
    pub fn notes(&self, key: &ResourceKey) -> &[Note] {
        let all = self.records.notes(key);
        &all[..all.partition_point(|n| self.has(n.mark.at))]
    }

    /// Returns what is not known.
    pub fn gaps(&self) -> &[Gap] {
        self.records.gaps(self.until)
    }

    /// Returns when the log begins.
    pub fn start(&self) -> Option<Timestamp> {
        self.records.start().filter(|first| self.has(*first)).map(|first| first.time)
    }

    /// Returns the last place in the log.
    pub fn end(&self) -> Option<Instant> {
        self.records.last(self.until)
    }

    /// Returns the object as it is at the end, `None` if it is not there.
    pub fn now(&self, key: &ResourceKey) -> Option<&Arc<Object>> {
        let (lane, kept) = self.kept(key)?;
        let n = kept.len() - 1;
        if kept[n].is_end { None } else { self.object(lane, kept, n) }
    }

    /// Returns the object as it was at or before a mark, `None` if it was not there.
    pub fn at(&self, key: &ResourceKey, mark: &Mark) -> Option<&Arc<Object>> {
        let (lane, kept) = self.kept(key)?;
        let n = kept.iter().rposition(|k| !mark.is_before(&k.mark()))?;
        if kept[n].is_end { None } else { self.object(lane, kept, n) }
    }

    /// Returns the last state of the object, there or gone.
    pub fn last(&self, key: &ResourceKey) -> Option<&Arc<Object>> {
        let (lane, kept) = self.kept(key)?;
        (0..kept.len()).rev().find_map(|n| self.object(lane, kept, n))
    }
}
