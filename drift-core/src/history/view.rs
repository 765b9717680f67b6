//! A history as of a moment: reads a store of versions, and decompresses what is asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use crate::coverage::RecordedScope;
use crate::event::{Event, Gap, LogPosition, Until};
use crate::key::ResourceKey;
use crate::object::Object;

use super::store::{StoredVersion, VersionStore};
use super::version::{KubernetesEvent, Moment, RecordedVersion, VersionList};

/// The history of an estate up to a moment.
///
/// What a question looks at is decompressed once and stays so for as long as this lives: make one for a question or for a
/// few that belong together. Any number of threads may ask it.
///
/// # Example
/// ```
/// use drift_core::history::History;
/// use drift_core::{Event, ResourceKey, Until};
///
/// # let events: Vec<Event> = Vec::new();
/// let history = History::from_events(&events, Until::End);
/// let web = ResourceKey::new("apps", "Deployment", "shop", "web");
/// for version in history.versions(&web) {
///     println!("{} {:?}", version.occurred_at, version.version);
/// }
/// assert!(!history.knows(&web));
/// ```
#[derive(Clone, Debug)]
pub struct History {
    store: Arc<VersionStore>,
    until: Until,
    /// What was decompressed, by resource, in pages: one question looks at few of the resources.
    unpacked: Vec<OnceLock<Box<[UnpackedResource]>>>,
    /// Pods by node at the first moment that was asked about; the others follow it.
    pods_by_node: OnceLock<Box<PodsByNode>>,
    recorded_scope: OnceLock<RecordedScope>,
}

/// The pods on each node at a moment, with nothing in them but what they take there.
#[derive(Clone, Debug)]
struct PodsByNode {
    at: Moment,
    by_node: BTreeMap<Arc<str>, Vec<Arc<Object>>>,
    next: OnceLock<Box<PodsByNode>>,
}

/// Resources of a page.
const PAGE: usize = 64;

type UnpackedObject = OnceLock<Option<Arc<Object>>>;

/// What was decompressed of one resource.
#[derive(Clone, Debug, Default)]
struct UnpackedResource {
    /// Objects by version; that of a deletion is the last state.
    objects: OnceLock<Box<[UnpackedObject]>>,
    versions: OnceLock<Box<[RecordedVersion]>>,
}

impl Default for History {
    fn default() -> Self {
        Self::new(Arc::default(), Until::End)
    }
}

impl History {
    /// Makes the history that events up to a moment record; events come in order of position.
    pub fn from_events<'e>(events: impl IntoIterator<Item = &'e Event>, until: Until) -> Self {
        let mut store = VersionStore::default();
        events.into_iter().filter(|e| until.includes(e)).for_each(|event| store.apply(event));
        Self::new(Arc::new(store), Until::End)
    }

    /// Reads a store as of a moment.
    ///
    /// Copies nothing, unless times go back in the log and the moment is a time: then what was known at it is not the
    /// beginning of the log and is picked out, which takes as long as the log is.
    pub fn as_of(store: &Arc<VersionStore>, until: Until) -> Self {
        match until {
            Until::Time(_) if store.times_go_back() => Self::new(Arc::new(store.cut(until)), Until::End),
            _ => Self::new(Arc::clone(store), until),
        }
    }

    /// Reads a store up to a moment, which is a time only where times do not go back.
    pub(crate) fn new(store: Arc<VersionStore>, until: Until) -> Self {
        let mut unpacked = Vec::new();
        unpacked.resize_with(store.resource_count().div_ceil(PAGE), OnceLock::new);
        Self { store, until, unpacked, pods_by_node: OnceLock::new(), recorded_scope: OnceLock::new() }
    }

    fn has(&self, at: LogPosition) -> bool {
        at.is_within(self.until)
    }

    /// Returns the number of a resource and its versions until then; `None` if there are none.
    fn stored(&self, key: &ResourceKey) -> Option<(usize, &[StoredVersion])> {
        let (resource_id, stored) = self.store.versions_of(key)?;
        let count = match self.until {
            Until::End => stored.len(),
            _ => stored.partition_point(|v| self.has(v.at)),
        };
        (count > 0).then(|| (resource_id, &stored[..count]))
    }

    fn unpacked(&self, resource_id: usize) -> &UnpackedResource {
        let page = self.unpacked[resource_id / PAGE]
            .get_or_init(|| (0..PAGE).map(|_| UnpackedResource::default()).collect());
        &page[resource_id % PAGE]
    }

    fn object<'a>(
        &'a self,
        resource_id: usize,
        stored: &'a [StoredVersion],
        n: usize,
    ) -> Option<&'a Arc<Object>> {
        let objects = &self.unpacked(resource_id).objects;
        let all = objects.get_or_init(|| stored.iter().map(|_| OnceLock::new()).collect());
        all[n].get_or_init(|| stored[n].object()).as_ref()
    }

    /// Returns all resources that were ever there.
    pub fn keys(&self) -> impl Iterator<Item = &ResourceKey> {
        self.store.keys().filter(|(_, first)| self.has(*first)).map(|(key, _)| key)
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
        let all = self.store.of_kinds(is_kind, namespace);
        all.filter(|(_, first)| self.has(*first)).map(|(key, _)| key)
    }

    /// Returns the resources of some kinds whose spec may have changed; only these have changes.
    pub fn kinds_with_spec_changes<'a>(
        &'a self,
        is_kind: impl Fn(&str, &str) -> bool + 'a,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a ResourceKey> {
        let all = self.store.kinds_with_spec_changes(is_kind, namespace);
        all.filter(|(_, first)| self.has(*first)).map(|(key, _)| key)
    }

    /// Returns `true` if a resource was ever there.
    pub fn knows(&self, key: &ResourceKey) -> bool {
        self.stored(key).is_some()
    }

    /// Returns the versions that may have changed the spec, each with its predecessor. Only these are decompressed.
    ///
    /// For example of a Deployment with versions `create`, `status`, `scale`, `status`: `create` with `None`, and `scale`
    /// with the object of the first `status`.
    pub(crate) fn spec_changes(
        &self,
        key: &ResourceKey,
    ) -> impl Iterator<Item = (Option<Arc<Object>>, RecordedVersion)> {
        let (id, stored) = self.stored(key).unwrap_or_default();
        let changes = (0..stored.len()).filter(|n| stored[*n].changes_spec);
        changes.map(move |n| {
            let before = n.checked_sub(1).filter(|b| !stored[*b].is_deletion);
            let before = before.and_then(|b| self.object(id, stored, b).cloned());
            (before, stored[n].with_object(self.object(id, stored, n).cloned()))
        })
    }

    /// Returns one object for each spec that the resource had, oldest first.
    pub(crate) fn distinct_specs(&self, key: &ResourceKey) -> impl Iterator<Item = &Arc<Object>> {
        let (id, stored) = self.stored(key).unwrap_or_default();
        let is_new = |n: &usize| *n == 0 || stored[*n].changes_spec || stored[*n - 1].is_deletion;
        let distinct = (0..stored.len()).filter(move |n| is_new(n) && !stored[*n].is_deletion);
        distinct.filter_map(move |n| self.object(id, stored, n))
    }

    /// Returns the pods on each node at a moment, with nothing in them but what they take there.
    pub(crate) fn pods_by_node(&self, at: &Moment) -> &BTreeMap<Arc<str>, Vec<Arc<Object>>> {
        let mut next = &self.pods_by_node;
        loop {
            let pods = next.get_or_init(|| Box::new(self.find_pods_by_node(at)));
            if pods.at == *at {
                return &pods.by_node;
            }
            next = &pods.next;
        }
    }

    fn find_pods_by_node(&self, at: &Moment) -> PodsByNode {
        let mut by_node: BTreeMap<Arc<str>, Vec<Arc<Object>>> = BTreeMap::new();
        for key in self.of_kind("", "Pod") {
            let Some(pod) = self.pod_requests(key, at) else { continue };
            let Some(node) = pod.root().str_at(&["spec", "nodeName"]) else { continue };
            by_node.entry(node.into()).or_default().push(Arc::clone(pod));
        }
        PodsByNode { at: at.clone(), by_node, next: OnceLock::new() }
    }

    fn pod_requests(&self, key: &ResourceKey, at: &Moment) -> Option<&Arc<Object>> {
        let (_, stored) = self.stored(key)?;
        stored.iter().rev().find(|v| !v.is_after(at))?.pod_requests.as_ref()
    }

    /// Returns the versions of a resource in the order of the log. All of them are decompressed.
    pub fn versions(&self, key: &ResourceKey) -> &[RecordedVersion] {
        let Some((id, stored)) = self.stored(key) else { return &[] };
        self.unpacked(id).versions.get_or_init(|| {
            let one = |n: usize| stored[n].with_object(self.object(id, stored, n).cloned());
            (0..stored.len()).map(one).collect()
        })
    }

    /// Returns when each version of a resource came to be, in the order of the log. Nothing is decompressed.
    pub(crate) fn version_marks(&self, key: &ResourceKey) -> impl DoubleEndedIterator<Item = Moment> {
        let (_, stored) = self.stored(key).unwrap_or_default();
        stored.iter().map(StoredVersion::mark)
    }

    /// Returns up to which moment the store is read.
    pub(crate) fn until(&self) -> Until {
        self.until
    }

    /// Returns the versions of a resource as a list that decompresses only what is asked for.
    pub(crate) fn version_list(&self, key: &ResourceKey) -> StoredVersionList<'_> {
        let (resource_id, stored) = self.stored(key).unwrap_or_default();
        StoredVersionList { history: self, resource_id, stored }
    }

    /// Returns the Kubernetes Events about a resource.
    pub fn kubernetes_events(&self, key: &ResourceKey) -> &[KubernetesEvent] {
        let all = self.store.kubernetes_events(key);
        &all[..all.partition_point(|n| self.has(n.mark.at))]
    }

    /// Returns the parts of the history that are not known.
    pub fn gaps(&self) -> &[Gap] {
        self.store.gaps(self.until)
    }

    /// Returns what the log covers up to the moment.
    pub fn recorded_scope(&self) -> &RecordedScope {
        self.recorded_scope.get_or_init(|| self.store.recorded_scope(self.until))
    }

    /// Returns `true` if a resource is known not to be there at the end: what was not listed, or may not be, is not known.
    pub fn is_known_absent(&self, key: &ResourceKey) -> bool {
        self.now(key).is_none() && self.recorded_scope().unseen(key).is_none()
    }

    /// Returns when the log begins.
    pub fn start(&self) -> Option<Timestamp> {
        self.store.start().filter(|first| self.has(*first)).map(|first| first.time)
    }

    /// Returns the last place in the log.
    pub fn end(&self) -> Option<LogPosition> {
        self.store.last(self.until)
    }

    /// Returns the object as it is at the end; `None` if it is not there.
    pub fn now(&self, key: &ResourceKey) -> Option<&Arc<Object>> {
        let (id, stored) = self.stored(key)?;
        let n = stored.len() - 1;
        if stored[n].is_deletion { None } else { self.object(id, stored, n) }
    }

    /// Returns the object as it was at a moment; `None` if it was not there.
    pub fn at(&self, key: &ResourceKey, at: &Moment) -> Option<&Arc<Object>> {
        let (id, stored) = self.stored(key)?;
        let n = stored.iter().rposition(|v| !v.is_after(at))?;
        if stored[n].is_deletion { None } else { self.object(id, stored, n) }
    }

    /// Returns the last state of the object, whether it is there or gone.
    pub fn last(&self, key: &ResourceKey) -> Option<&Arc<Object>> {
        let (id, stored) = self.stored(key)?;
        (0..stored.len()).rev().find_map(|n| self.object(id, stored, n))
    }
}

/// The versions of one resource in a history.
pub(crate) struct StoredVersionList<'h> {
    history: &'h History,
    resource_id: usize,
    stored: &'h [StoredVersion],
}

impl VersionList for StoredVersionList<'_> {
    fn count(&self) -> usize {
        self.stored.len()
    }

    fn at(&self, n: usize) -> Timestamp {
        self.stored[n].occurred_at
    }

    fn object(&self, n: usize) -> Option<&Object> {
        let object =
            self.history.object(self.resource_id, self.stored, n).filter(|_| !self.stored[n].is_deletion);
        object.map(|o| &**o)
    }

    fn may_change_spec(&self, n: usize) -> bool {
        self.stored[n].changes_spec || n.checked_sub(1).is_none_or(|before| self.stored[before].is_deletion)
    }
}
