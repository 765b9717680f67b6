//! The versions of all resources of a log, compressed; Kubernetes Events by the resource they are about; gaps.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::coverage::RecordedScope;
use crate::event::{Event, EventBody, EventId, Gap, LogPosition, Until};
use crate::key::{ResourceKey, ResourceVersion};
use crate::object::{Node, Object};
use crate::stream::{Facet, Scope, StreamId};

use super::fingerprint::{Fingerprint, fingerprint};
use super::payload::{PackQueue, Payload, Payloads};
use super::pod_requests::pod_requests;
use super::version::{KubernetesEvent, Moment, RecordedVersion};

/// One version of a resource as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredVersion {
    pub(crate) id: EventId,
    pub(crate) at: LogPosition,
    pub(crate) occurred_at: Timestamp,
    version: Option<ResourceVersion>,
    pub(crate) user: Option<Arc<str>>,
    /// Whether the resource was deleted; the object is its last state then.
    pub(crate) is_deletion: bool,
    /// Whether it may change the spec; if not, it differs from the version before in status alone.
    pub(crate) changes_spec: bool,
    payload: Payload,
    /// Of a pod what it takes from its node, uncompressed.
    pub(crate) pod_requests: Option<Arc<Object>>,
}

impl StoredVersion {
    /// Returns the object, of a deletion the last state if it is known.
    pub(crate) fn object(&self) -> Option<Arc<Object>> {
        self.payload.object().expect("what was packed from an object in bounds can be unpacked")
    }

    /// Returns the moment from which on the resource was so.
    pub(crate) fn mark(&self) -> Moment {
        Moment { version: self.version.clone(), at: self.at }
    }

    /// Returns `true` if it came after a moment.
    pub(crate) fn is_after(&self, mark: &Moment) -> bool {
        let order = mark.version.as_ref().zip(self.version.as_ref()).and_then(|(a, b)| a.order(b));
        order.map_or(mark.at < self.at, std::cmp::Ordering::is_lt)
    }

    /// Joins it with its object, once that is decompressed.
    pub(crate) fn with_object(&self, object: Option<Arc<Object>>) -> RecordedVersion {
        let (object, last) = if self.is_deletion { (None, object) } else { (object, None) };
        let Self { id, at, occurred_at, version, user, .. } = self;
        let (version, user) = (version.clone(), user.clone());
        RecordedVersion { id: *id, at: *at, occurred_at: *occurred_at, version, object, last, user }
    }
}

/// Every version of every live resource, fed event by event.
///
/// Nothing is dropped: objects are compressed against a shared dictionary, and each version keeps a fingerprint, so that a
/// query decompresses only versions that can matter to it. [`super::History`] reads it as of a moment. It holds what was
/// live; what authorities declared is in [`crate::replay::State`].
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use drift_core::history::{History, VersionStore};
/// use drift_core::{Event, ResourceKey, Until};
///
/// # let events: Vec<Event> = Vec::new();
/// let mut store = VersionStore::default();
/// for event in &events {
///     store.apply(event);
///     store.pack_all_but(1024);
/// }
/// let history = History::as_of(&Arc::new(store), Until::End);
/// assert!(history.now(&ResourceKey::new("apps", "Deployment", "shop", "web")).is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct VersionStore {
    /// A small number for each resource, in which the other fields are indexed.
    resource_ids: BTreeMap<ResourceKey, u32>,
    versions: Vec<Vec<StoredVersion>>,
    /// Fingerprint of the last version of each resource; `None` after a deletion.
    fingerprints: Vec<Option<Fingerprint>>,
    /// Clusters, groups and kinds: keys are sorted by them, so what is sought by other fields is found kind by kind.
    kinds: BTreeSet<(Arc<str>, Arc<str>, Arc<str>)>,
    /// Resources with a version that may change the spec, and the place of the first such version.
    first_spec_changes: BTreeMap<ResourceKey, LogPosition>,
    kubernetes_events: HashMap<ResourceKey, Vec<KubernetesEvent>>,
    gaps: Vec<Gap>,
    /// The place of each gap.
    gap_positions: Vec<LogPosition>,
    /// What was listed in full, and where in the log.
    listings: Vec<(LogPosition, Scope)>,
    /// The place of every event.
    positions: Vec<LogPosition>,
    /// Whether some event was observed earlier than the one before it.
    times_go_back: bool,
    queue: PackQueue<(u32, u32)>,
}

impl VersionStore {
    /// Adds the next event; events come in order of position.
    pub fn apply(&mut self, event: &Event) {
        let at = LogPosition { position: event.position, time: event.observed_at };
        self.times_go_back |= self.positions.last().is_some_and(|before| at.time < before.time);
        self.positions.push(at);
        if let EventBody::Gap(gap) = &event.body {
            self.gaps.push(gap.clone());
            self.gap_positions.push(at);
        }
        if let EventBody::Relisted(scope) = &event.body {
            self.listings.push((at, scope.clone()));
        }
        let StreamId::Resource(Facet::Live, key) = &event.stream else { return };
        match &event.body {
            EventBody::Applied(object) if KubernetesEvent::has_key(key) => {
                self.add_kubernetes_event(event, key, object, at);
            }
            EventBody::Applied(object) => self.add_version(event, key, object, at),
            EventBody::Deleted(last) => self.add_deletion(event, key, last.as_ref(), at),
            _ => {}
        }
    }

    fn add_version(&mut self, event: &Event, key: &ResourceKey, object: &Arc<Object>, at: LogPosition) {
        let id = self.resource_id(key) as usize;
        let new = fingerprint(key, object);
        let old = self.fingerprints[id].replace(new);
        let changes_spec = match &old {
            Some(old) => old.spec_hash != new.spec_hash,
            // Seen for the first time and older than the log: nobody created it just now.
            None => self.positions.first().zip(new.created).is_some_and(|(s, c)| c >= s.time.as_second()),
        };
        let pod_requests = match self.versions[id].last() {
            Some(last) if old == Some(new) => last.pod_requests.clone(),
            _ => pod_requests(key, object),
        };
        self.push(key, StoredVersion { changes_spec, pod_requests, ..stored(event, at, Some(object)) });
    }

    fn add_deletion(
        &mut self,
        event: &Event,
        key: &ResourceKey,
        last: Option<&Arc<Object>>,
        at: LogPosition,
    ) {
        let id = self.resource_id(key) as usize;
        self.fingerprints[id] = None;
        self.push(key, StoredVersion { is_deletion: true, changes_spec: true, ..stored(event, at, last) });
    }

    fn push(&mut self, key: &ResourceKey, version: StoredVersion) {
        if version.changes_spec && !self.first_spec_changes.contains_key(key) {
            self.first_spec_changes.insert(key.clone(), version.at);
        }
        let id = self.resource_id(key);
        let versions = &mut self.versions[id as usize];
        if version.payload.is_fresh() {
            let n = u32::try_from(versions.len()).expect("fewer than 2³² versions fit in memory");
            self.queue.push((id, n));
        }
        versions.push(version);
    }

    fn resource_id(&mut self, key: &ResourceKey) -> u32 {
        if let Some(id) = self.resource_ids.get(key) {
            return *id;
        }
        let id = u32::try_from(self.versions.len()).expect("fewer than 2³² resources fit in memory");
        self.versions.push(Vec::new());
        self.fingerprints.push(None);
        let ResourceKey { cluster, group, kind, .. } = key;
        self.kinds.insert((Arc::clone(cluster), Arc::clone(group), Arc::clone(kind)));
        self.resource_ids.insert(key.clone(), id);
        id
    }

    fn add_kubernetes_event(&mut self, event: &Event, key: &ResourceKey, object: &Object, at: LogPosition) {
        let root = object.root();
        let Some(about) = root.get("involvedObject").or_else(|| root.get("regarding")) else { return };
        let text = |n: Node<'_>, f: &str| n.str_at(&[f]).unwrap_or_default().to_owned();
        let api = text(about, "apiVersion");
        let group = api.rsplit_once('/').map_or("", |(g, _)| g);
        let target =
            ResourceKey::new(group, &text(about, "kind"), &text(about, "namespace"), &text(about, "name"))
                .in_cluster(&key.cluster);
        let message = root.str_at(&["message"]).or_else(|| root.str_at(&["note"])).unwrap_or_default();
        let reported = KubernetesEvent {
            id: event.id,
            key: key.clone(),
            mark: Moment { version: object.resource_version(), at },
            reason: text(root, "reason"),
            message: message.to_owned(),
            is_warning: root.str_at(&["type"]) == Some("Warning"),
            container: about.str_at(&["fieldPath"]).and_then(container_in).map(str::to_owned),
            component: component_of(root).map(Arc::from),
            created: root.str_at(&["metadata", "creationTimestamp"]).and_then(|t| t.parse().ok()),
        };
        self.kubernetes_events.entry(target).or_default().push(reported);
    }

    /// Compresses all objects except those of the newest versions.
    pub fn pack_all_but(&mut self, newest: usize) {
        self.queue.pack_all_but(newest, &mut self.versions);
    }

    /// Returns the store as it was at a moment, also where times go back in the log.
    pub(crate) fn cut(&self, until: Until) -> Self {
        let mut cut = Self { queue: self.queue.emptied(), ..Self::default() };
        for (key, id) in &self.resource_ids {
            let stored = self.versions[*id as usize].iter().filter(|v| v.at.is_within(until));
            // A version between two may be left out, so any of them may change the spec.
            let stored: Vec<_> = stored.map(|v| StoredVersion { changes_spec: true, ..v.clone() }).collect();
            if let Some(first) = stored.first() {
                cut.first_spec_changes.insert(key.clone(), first.at);
                let id = cut.resource_id(key);
                cut.versions[id as usize] = stored;
            }
        }
        for (key, events) in &self.kubernetes_events {
            let events: Vec<_> = events.iter().filter(|e| e.mark.at.is_within(until)).cloned().collect();
            cut.kubernetes_events.insert(key.clone(), events);
        }
        for (gap, at) in self.gaps.iter().zip(&self.gap_positions).filter(|(_, at)| at.is_within(until)) {
            cut.gaps.push(gap.clone());
            cut.gap_positions.push(*at);
        }
        cut.listings = self.listings.iter().filter(|(at, _)| at.is_within(until)).cloned().collect();
        cut.positions = self.positions.iter().filter(|at| at.is_within(until)).copied().collect();
        cut
    }

    /// Returns all versions in the order of the log, with their keys.
    pub(crate) fn in_order(&self) -> Vec<(&ResourceKey, &StoredVersion)> {
        let of = |id: &u32| self.versions[*id as usize].iter();
        let mut all: Vec<_> =
            self.resource_ids.iter().flat_map(|(k, id)| of(id).map(move |v| (k, v))).collect();
        all.sort_by_key(|(_, version)| version.at.position);
        all
    }

    /// Returns `true` if some event was observed earlier than the one before it, as when a clock was set back.
    ///
    /// Then "until a time" is not the beginning of the log.
    pub(crate) fn times_go_back(&self) -> bool {
        self.times_go_back
    }

    /// Returns the number of resources.
    pub fn resource_count(&self) -> usize {
        self.versions.len()
    }

    /// Returns the number of events that were added, of all kinds.
    pub fn event_count(&self) -> usize {
        self.positions.len()
    }

    /// Returns the number and the versions of a resource.
    pub(crate) fn versions_of(&self, key: &ResourceKey) -> Option<(usize, &[StoredVersion])> {
        let id = *self.resource_ids.get(key)? as usize;
        Some((id, &self.versions[id]))
    }

    fn first<'a>(&self, (key, id): (&'a ResourceKey, &u32)) -> Option<(&'a ResourceKey, LogPosition)> {
        Some((key, self.versions[*id as usize].first()?.at))
    }

    /// Returns all keys, sorted, with the place of their first version.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&ResourceKey, LogPosition)> {
        self.resource_ids.iter().filter_map(|entry| self.first(entry))
    }

    /// Returns the keys of some kinds, sorted, of one namespace or of all, without looking at others.
    pub(crate) fn of_kinds<'a>(
        &'a self,
        is_kind: impl Fn(&str, &str) -> bool + 'a,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a ResourceKey, LogPosition)> {
        within(&self.kinds, &self.resource_ids, is_kind, namespace).filter_map(|entry| self.first(entry))
    }

    /// Returns the keys of some kinds whose spec may have changed, sorted, with the place where it first did.
    pub(crate) fn kinds_with_spec_changes<'a>(
        &'a self,
        is_kind: impl Fn(&str, &str) -> bool + 'a,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a ResourceKey, LogPosition)> {
        within(&self.kinds, &self.first_spec_changes, is_kind, namespace).map(|(key, at)| (key, *at))
    }

    /// Returns the Kubernetes Events about a resource, in the order of the log.
    pub(crate) fn kubernetes_events(&self, key: &ResourceKey) -> &[KubernetesEvent] {
        self.kubernetes_events.get(key).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn gaps(&self, until: Until) -> &[Gap] {
        &self.gaps[..self.gap_positions.partition_point(|at| at.is_within(until))]
    }

    /// Returns what the log covers up to a moment.
    pub(crate) fn recorded_scope(&self, until: Until) -> RecordedScope {
        let mut recorded = RecordedScope::default();
        let is_recorded = |id: &u32| self.versions[*id as usize].iter().any(|v| v.at.is_within(until));
        self.resource_ids
            .iter()
            .filter(|(_, id)| is_recorded(id))
            .for_each(|(key, _)| recorded.add_kind(key));
        let mut listings = self.listings.iter().filter(|(at, _)| at.is_within(until)).peekable();
        let gaps = self.gaps.iter().zip(&self.gap_positions).filter(|(_, at)| at.is_within(until));
        for (gap, at) in gaps {
            while let Some((_, scope)) = listings.next_if(|(listed, _)| listed.position < at.position) {
                recorded.add_listing(scope.clone());
            }
            recorded.add_gap(gap);
        }
        listings.for_each(|(_, scope)| recorded.add_listing(scope.clone()));
        if let Some(first) = self.positions.first() {
            recorded.set_beginning(first.time);
        }
        if let Some(last) = self.last(until) {
            recorded.set_end(last.time);
        }
        recorded
    }

    pub(crate) fn start(&self) -> Option<LogPosition> {
        self.positions.first().copied()
    }

    pub(crate) fn last(&self, until: Until) -> Option<LogPosition> {
        self.positions[..self.positions.partition_point(|at| at.is_within(until))].last().copied()
    }

    /// Returns the bytes that objects and their places take in memory.
    pub fn heap_size(&self) -> usize {
        // Versions in a row share what the pod requests.
        let is_shared = |n: usize, v: &[StoredVersion], requests: &Arc<Object>| {
            n > 0 && v[n - 1].pod_requests.as_ref().is_some_and(|r| Arc::ptr_eq(r, requests))
        };
        let requests = |n: usize, v: &[StoredVersion]| match &v[n].pod_requests {
            Some(requests) if !is_shared(n, v, requests) => requests.doc().heap_size(),
            _ => 0,
        };
        let of_resource = |v: &Vec<StoredVersion>| {
            let objects: usize = v.iter().map(|stored| stored.payload.heap_size()).sum();
            let requests: usize = (0..v.len()).map(|n| requests(n, v)).sum();
            v.capacity() * size_of::<StoredVersion>() + objects + requests
        };
        self.versions.iter().map(of_resource).sum::<usize>()
            + self.positions.capacity() * size_of::<LogPosition>()
    }
}

impl Payloads<(u32, u32)> for Vec<Vec<StoredVersion>> {
    fn payload(&self, (id, n): &(u32, u32)) -> Option<&Payload> {
        Some(&self.get(*id as usize)?.get(*n as usize)?.payload)
    }

    fn payload_mut(&mut self, (id, n): &(u32, u32)) -> Option<&mut Payload> {
        Some(&mut self.get_mut(*id as usize)?.get_mut(*n as usize)?.payload)
    }
}

/// Makes the version that an event records, as one that changes nothing.
fn stored(event: &Event, at: LogPosition, object: Option<&Arc<Object>>) -> StoredVersion {
    StoredVersion {
        id: event.id,
        at,
        occurred_at: event.at(),
        version: object.and_then(|o| o.resource_version()),
        user: event.origin.actor.user.clone(),
        is_deletion: false,
        changes_spec: false,
        payload: object.map_or(Payload::Absent, |o| Payload::Fresh(Arc::clone(o))),
        pod_requests: None,
    }
}

/// Returns what is sorted under some kinds, of one namespace or of all.
fn within<'a, T>(
    kinds: &'a BTreeSet<(Arc<str>, Arc<str>, Arc<str>)>,
    all: &'a BTreeMap<ResourceKey, T>,
    is_kind: impl Fn(&str, &str) -> bool + 'a,
    namespace: Option<&'a str>,
) -> impl Iterator<Item = (&'a ResourceKey, &'a T)> {
    let kinds = kinds.iter().filter(move |(_, group, kind)| is_kind(group, kind));
    kinds.flat_map(move |(cluster, group, kind)| {
        let low = ResourceKey {
            cluster: Arc::clone(cluster),
            group: Arc::clone(group),
            kind: Arc::clone(kind),
            namespace: namespace.unwrap_or_default().into(),
            name: "".into(),
        };
        all.range(low..).take_while(move |(k, _)| {
            k.kind == *kind
                && k.group == *group
                && k.cluster == *cluster
                && namespace.is_none_or(|n| *k.namespace == *n)
        })
    })
}

/// Reads the name out of a path such as `spec.containers{web}`.
fn container_in(path: &str) -> Option<&str> {
    path.split_once("ontainers{").and_then(|(_, rest)| rest.strip_suffix('}'))
}

/// Returns the component that reported a Kubernetes Event, as either API has it.
fn component_of(event: Node<'_>) -> Option<&str> {
    let named = event.str_at(&["source", "component"]).filter(|c| !c.is_empty());
    named.or_else(|| event.str_at(&["reportingComponent"])).or_else(|| event.str_at(&["reportingController"]))
}
