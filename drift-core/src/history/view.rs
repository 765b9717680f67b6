//! The versions of every resource, what Kubernetes Events told of it, and the gaps, up to a moment.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::event::LogPosition;
use crate::event::Until;
use crate::event::{Event, EventId, Gap};
use crate::key::{ResourceKey, ResourceVersion};
use crate::object::Object;

use super::versions::{Records, StoredVersion};

/// One version of a resource, or its end.
#[derive(Clone, Debug)]
pub struct Version {
    /// The event that told it.
    pub id: EventId,
    /// Its place in the log.
    pub at: LogPosition,
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
    pub fn is_before(&self, other: &Moment) -> bool {
        self.mark().is_before(other)
    }

    /// Returns its place in time.
    pub fn mark(&self) -> Moment {
        Moment { version: self.version.clone(), at: self.at }
    }
}

/// A place in time: by the cluster's order if both have it, by the order of the log otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The version at it.
    pub version: Option<ResourceVersion>,
    /// Its place in the log.
    pub at: LogPosition,
}

impl Moment {
    /// Tells whether this was before another.
    pub fn is_before(&self, other: &Self) -> bool {
        let order = self.version.as_ref().zip(other.version.as_ref()).and_then(|(a, b)| a.order(b));
        order.map_or(self.at < other.at, std::cmp::Ordering::is_lt)
    }
}

/// What a Kubernetes Event told.
#[derive(Clone, Debug)]
pub struct KubernetesEvent {
    /// The event in our log.
    pub id: EventId,
    /// The Kubernetes Event.
    pub key: ResourceKey,
    /// Its place in the log.
    pub mark: Moment,
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
    /// What was unpacked, by lane, in pages: one question looks at few of the lanes.
    opened: Vec<OnceCell<Box<[Opened]>>>,
    /// What pods took from nodes, at the first mark that was asked about; the others follow it.
    loads: OnceCell<Box<Loads>>,
}

/// What the pods on each node take there at a mark.
#[derive(Clone, Debug)]
struct Loads {
    at: Moment,
    by_node: BTreeMap<Arc<str>, Vec<Arc<Object>>>,
    next: OnceCell<Box<Loads>>,
}

/// Lanes of a page.
const PAGE: usize = 64;

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
    pub(crate) fn new(records: Arc<Records>, until: Until) -> Self {
        let mut opened = Vec::new();
        opened.resize_with(records.len().div_ceil(PAGE), OnceCell::new);
        Self { records, until, opened, loads: OnceCell::new() }
    }

    fn has(&self, at: LogPosition) -> bool {
        at.is_within(self.until)
    }

    /// Returns the number of a resource's lane and what is known of it until then.
    fn kept(&self, key: &ResourceKey) -> Option<(usize, &[StoredVersion])> {
        let (lane, kept) = self.records.lane(key)?;
        let count = match self.until {
            Until::End => kept.len(),
            _ => kept.partition_point(|k| self.has(k.at)),
        };
        (count > 0).then(|| (lane, &kept[..count]))
    }

    fn opened(&self, lane: usize) -> &Opened {
        let page = self.opened[lane / PAGE].get_or_init(|| (0..PAGE).map(|_| Opened::default()).collect());
        &page[lane % PAGE]
    }

    fn object<'a>(&'a self, lane: usize, kept: &'a [StoredVersion], n: usize) -> Option<&'a Arc<Object>> {
        let all = self.opened(lane).objects.get_or_init(|| kept.iter().map(|_| OnceCell::new()).collect());
        all[n].get_or_init(|| kept[n].object()).as_ref()
    }

    /// Returns all resources that were ever there.
    pub fn keys(&self) -> impl Iterator<Item = &ResourceKey> {
        self.records.keys().filter(|(_, first)| self.has(*first)).map(|(key, _)| key)
    }

    /// Returns the resources of a kind that were ever there.
    pub fn of_kind<'a>(&'a self, group: &'a str, kind: &'a str) -> impl Iterator<Item = &'a ResourceKey> {
        self.of_kinds(move |g, k| (g, k) == (group, kind), None)
    }

    /// Returns the resources of a kind in a namespace that were ever there.
    pub fn of_kind_in<'a>(
        &'a self,
        group: &'a str,
        kind: &'a str,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a ResourceKey> {
        self.of_kinds(move |g, k| (g, k) == (group, kind), Some(namespace))
    }

    /// Returns the resources of some kinds that were ever there, of one namespace or of all; others cost nothing.
    pub fn of_kinds<'a>(
        &'a self,
        is_kind: impl Fn(&str, &str) -> bool + 'a,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a ResourceKey> {
        let all = self.records.of_kinds(is_kind, namespace);
        all.filter(|(_, first)| self.has(*first)).map(|(key, _)| key)
    }

    /// Returns the resources of some kinds of which something may have changed but status; only these have changes.
    pub fn moved_of_kinds<'a>(
        &'a self,
        is_kind: impl Fn(&str, &str) -> bool + 'a,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a ResourceKey> {
        let all = self.records.moved_of_kinds(is_kind, namespace);
        all.filter(|(_, first)| self.has(*first)).map(|(key, _)| key)
    }

    /// Tells whether a resource was ever there.
    pub fn knows(&self, key: &ResourceKey) -> bool {
        self.kept(key).is_some()
    }

    /// Returns the versions that may change what is asked for, each with the object before it; no other is unpacked.
    pub(crate) fn moves(&self, key: &ResourceKey) -> impl Iterator<Item = (Option<Arc<Object>>, Version)> {
        let (lane, kept) = self.kept(key).unwrap_or_default();
        let moves = (0..kept.len()).filter(|n| kept[*n].is_move);
        moves.map(move |n| {
            let before = n.checked_sub(1).filter(|b| !kept[*b].is_end);
            let before = before.and_then(|b| self.object(lane, kept, b).cloned());
            (before, kept[n].version(self.object(lane, kept, n).cloned()))
        })
    }

    /// Returns the objects that differ in what they ask for, oldest first.
    pub(crate) fn wishes(&self, key: &ResourceKey) -> impl Iterator<Item = &Arc<Object>> {
        let (lane, kept) = self.kept(key).unwrap_or_default();
        let is_wish = |n: &usize| (*n == 0 || kept[*n].is_move || kept[*n - 1].is_end) && !kept[*n].is_end;
        (0..kept.len()).filter(is_wish).filter_map(move |n| self.object(lane, kept, n))
    }

    /// Returns what the pods on each node take there at a mark: the pods with nothing else in them.
    pub(crate) fn loads(&self, at: &Moment) -> &BTreeMap<Arc<str>, Vec<Arc<Object>>> {
        let mut next = &self.loads;
        loop {
            let loads = next.get_or_init(|| Box::new(self.loads_at(at)));
            if loads.at == *at {
                return &loads.by_node;
            }
            next = &loads.next;
        }
    }

    fn loads_at(&self, at: &Moment) -> Loads {
        let mut by_node: BTreeMap<Arc<str>, Vec<Arc<Object>>> = BTreeMap::new();
        for key in self.of_kind("", "Pod") {
            let Some(load) = self.load(key, at) else { continue };
            let Some(node) = load.root().str_at(&["spec", "nodeName"]) else { continue };
            by_node.entry(node.into()).or_default().push(Arc::clone(load));
        }
        Loads { at: at.clone(), by_node, next: OnceCell::new() }
    }

    fn load(&self, key: &ResourceKey, at: &Moment) -> Option<&Arc<Object>> {
        let (_, kept) = self.kept(key)?;
        kept.iter().rev().find(|k| !k.is_after(at))?.load.as_ref()
    }

    /// Returns the versions of a resource in the order of the log.
    pub fn versions(&self, key: &ResourceKey) -> &[Version] {
        let Some((lane, kept)) = self.kept(key) else { return &[] };
        self.opened(lane).versions.get_or_init(|| {
            let one = |n: usize| kept[n].version(self.object(lane, kept, n).cloned());
            (0..kept.len()).map(one).collect()
        })
    }

    /// Returns the Kubernetes Events about a resource.
    pub fn notes(&self, key: &ResourceKey) -> &[KubernetesEvent] {
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
    pub fn end(&self) -> Option<LogPosition> {
        self.records.last(self.until)
    }

    /// Returns the object as it is at the end, `None` if it is not there.
    pub fn now(&self, key: &ResourceKey) -> Option<&Arc<Object>> {
        let (lane, kept) = self.kept(key)?;
        let n = kept.len() - 1;
        if kept[n].is_end { None } else { self.object(lane, kept, n) }
    }

    /// Returns the object as it was at or before a mark, `None` if it was not there.
    pub fn at(&self, key: &ResourceKey, mark: &Moment) -> Option<&Arc<Object>> {
        let (lane, kept) = self.kept(key)?;
        let n = kept.iter().rposition(|k| !k.is_after(mark))?;
        if kept[n].is_end { None } else { self.object(lane, kept, n) }
    }

    /// Returns the last state of the object, there or gone.
    pub fn last(&self, key: &ResourceKey) -> Option<&Arc<Object>> {
        let (lane, kept) = self.kept(key)?;
        (0..kept.len()).rev().find_map(|n| self.object(lane, kept, n))
    }
}
