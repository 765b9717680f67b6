//! What an index keeps of a log: every version of every resource at rest, Kubernetes Events by what they are about, gaps.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::event::LogPosition;
use crate::event::Until;
use crate::event::{Event, EventBody, EventId, Gap};
use crate::key::{ResourceKey, ResourceVersion};
use crate::object::{Node, Object, Packed, Packer};
use crate::stream::{Facet, StreamId};

use super::fingerprint::{Fingerprint, imprint, load};
use super::view::{KubernetesEvent, Moment, Version};

/// An object that is larger than this stays as it is: what is packed can be unpacked.
const MAX_PACKED: usize = 16 << 20;

/// One version of a resource at rest.
#[derive(Clone, Debug)]
pub(crate) struct StoredVersion {
    id: EventId,
    pub(crate) at: LogPosition,
    version: Option<ResourceVersion>,
    user: Option<Arc<str>>,
    /// Whether the resource went away; the object is its last state then.
    pub(crate) is_end: bool,
    /// Whether it may change what is asked for; one that does not differs from the one before in status alone.
    pub(crate) is_move: bool,
    held: Payload,
    /// Of a pod what it takes from its node: the pod with nothing else in it.
    pub(crate) load: Option<Arc<Object>>,
}

#[derive(Clone, Debug)]
enum Payload {
    Fresh(Arc<Object>),
    Packed(Packed),
    Nothing,
}

impl StoredVersion {
    /// Returns the object, of an end the last state if it is known.
    pub(crate) fn object(&self) -> Option<Arc<Object>> {
        match &self.held {
            Payload::Fresh(object) => Some(Arc::clone(object)),
            Payload::Packed(packed) => {
                let doc = packed.unpack().expect("what was packed from an object in bounds can be unpacked");
                Some(Arc::new(Object::new(doc).expect("it was an object")))
            }
            Payload::Nothing => None,
        }
    }

    /// Tells whether it came after a mark.
    pub(crate) fn is_after(&self, mark: &Moment) -> bool {
        let order = mark.version.as_ref().zip(self.version.as_ref()).and_then(|(a, b)| a.order(b));
        order.map_or(mark.at < self.at, std::cmp::Ordering::is_lt)
    }

    pub(crate) fn version(&self, object: Option<Arc<Object>>) -> Version {
        let (object, last) = if self.is_end { (None, object) } else { (object, None) };
        let Self { id, at, version, user, .. } = self;
        Version { id: *id, at: *at, version: version.clone(), object, last, user: user.clone() }
    }
}

/// What is kept of a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    lanes: BTreeMap<ResourceKey, u32>,
    versions: Vec<Vec<StoredVersion>>,
    /// What the last version of each lane asks for; `None` after an end.
    imprints: Vec<Option<Fingerprint>>,
    /// Clusters, groups and kinds: keys are sorted by them, so what is sought by other fields is found kind by kind.
    kinds: BTreeSet<(Arc<str>, Arc<str>, Arc<str>)>,
    /// Resources with a version that may change what is asked for, and where the first of them came.
    moved: BTreeMap<ResourceKey, LogPosition>,
    notes: HashMap<ResourceKey, Vec<KubernetesEvent>>,
    gaps: Vec<Gap>,
    /// Where the gaps were told.
    told: Vec<LogPosition>,
    /// The place of every event.
    places: Vec<LogPosition>,
    /// Whether some time lies before that of the event before it.
    goes_back: bool,
    /// Versions that are not packed, in the order in which they came.
    fresh: VecDeque<(u32, u32)>,
    packer: Option<Packer>,
}

impl Records {
    /// Takes the next event.
    pub(crate) fn apply(&mut self, event: &Event) {
        let at = LogPosition { position: event.position, time: event.observed_at };
        self.goes_back |= self.places.last().is_some_and(|before| at.time < before.time);
        self.places.push(at);
        if let EventBody::Gap(gap) = &event.body {
            self.gaps.push(gap.clone());
            self.told.push(at);
        }
        let StreamId::Resource(Facet::Live, key) = &event.stream else { return };
        let (object, is_end) = match &event.body {
            EventBody::Applied(object) => (Some(object), false),
            EventBody::Deleted(last) => (last.as_ref(), true),
            _ => return,
        };
        match object {
            Some(object) if !is_end && &*key.kind == "Event" => self.note(event, key, object, at),
            _ => self.put(event, key, object, is_end),
        }
    }

    fn put(&mut self, event: &Event, key: &ResourceKey, object: Option<&Arc<Object>>, is_end: bool) {
        let lane = self.lane_of(key);
        let at = LogPosition { position: event.position, time: event.observed_at };
        let new = object.filter(|_| !is_end).map(|o| imprint(key, o));
        let old = std::mem::replace(&mut self.imprints[lane as usize], new);
        let is_move = match (&old, &new) {
            (Some(old), Some(new)) => old.desire != new.desire,
            // Seen for the first time and older than the log: nobody made it just now.
            (None, Some(new)) => {
                self.places.first().zip(new.created).is_some_and(|(s, c)| c >= s.time.as_second())
            }
            (_, None) => true,
        };
        if is_move && !self.moved.contains_key(key) {
            self.moved.insert(key.clone(), at);
        }
        let versions = &mut self.versions[lane as usize];
        let load = match (&old, &new, versions.last()) {
            (Some(old), Some(new), Some(last)) if old == new => last.load.clone(),
            _ => object.filter(|_| !is_end).and_then(|o| load(key, o)),
        };
        if object.is_some() {
            let n = u32::try_from(versions.len()).expect("fewer than 2³² versions fit in memory");
            self.fresh.push_back((lane, n));
        }
        versions.push(StoredVersion {
            id: event.id,
            at,
            version: object.and_then(|o| o.resource_version()),
            user: event.origin.actor.user.clone(),
            is_end,
            is_move,
            load,
            held: object.map_or(Payload::Nothing, |o| Payload::Fresh(Arc::clone(o))),
        });
    }

    fn lane_of(&mut self, key: &ResourceKey) -> u32 {
        if let Some(lane) = self.lanes.get(key) {
            return *lane;
        }
        let lane = u32::try_from(self.versions.len()).expect("fewer than 2³² resources fit in memory");
        self.versions.push(Vec::new());
        self.imprints.push(None);
        let ResourceKey { cluster, group, kind, .. } = key;
        self.kinds.insert((Arc::clone(cluster), Arc::clone(group), Arc::clone(kind)));
        self.lanes.insert(key.clone(), lane);
        lane
    }

    fn note(&mut self, event: &Event, key: &ResourceKey, object: &Object, at: LogPosition) {
        let root = object.root();
        let Some(about) = root.get("involvedObject").or_else(|| root.get("regarding")) else { return };
        let text = |n: Node<'_>, f: &str| n.str_at(&[f]).unwrap_or_default().to_owned();
        let api = text(about, "apiVersion");
        let group = api.rsplit_once('/').map_or("", |(g, _)| g);
        let target =
            ResourceKey::new(group, &text(about, "kind"), &text(about, "namespace"), &text(about, "name"))
                .in_cluster(&key.cluster);
        let message = root.str_at(&["message"]).or_else(|| root.str_at(&["note"])).unwrap_or_default();
        let note = KubernetesEvent {
            id: event.id,
            key: key.clone(),
            mark: Moment { version: object.resource_version(), at },
            reason: text(root, "reason"),
            message: message.to_owned(),
            is_warning: root.str_at(&["type"]) == Some("Warning"),
            container: about.str_at(&["fieldPath"]).and_then(container_in).map(str::to_owned),
        };
        self.notes.entry(target).or_default().push(note);
    }

    /// Packs all but the newest versions.
    pub(crate) fn pack(&mut self, keep: usize) {
        while self.fresh.len() > keep {
            let packer = self.packer.get_or_insert_with(|| trained(&self.fresh, &self.versions)).clone();
            let Some((lane, n)) = self.fresh.pop_front() else { return };
            let held = &mut self.versions[lane as usize][n as usize].held;
            if let Payload::Fresh(object) = held
                && object.doc().heap_size() <= MAX_PACKED
            {
                *held = Payload::Packed(packer.pack(object.doc()));
            }
        }
    }

    /// Returns the records of what was known at a moment, whatever the order of times.
    pub(crate) fn cut(&self, until: Until) -> Self {
        let mut cut = Self { packer: self.packer.clone(), ..Self::default() };
        for (key, lane) in &self.lanes {
            let kept: Vec<_> =
                self.versions[*lane as usize].iter().filter(|k| k.at.is_within(until)).collect();
            if !kept.is_empty() {
                let lane = cut.lane_of(key);
                // What lay between two versions may be left out, so any of them may change something.
                let moves = kept.into_iter().map(|k| StoredVersion { is_move: true, ..k.clone() });
                cut.versions[lane as usize] = moves.collect();
                cut.moved.insert(key.clone(), cut.versions[lane as usize][0].at);
            }
        }
        for (key, notes) in &self.notes {
            let notes: Vec<_> = notes.iter().filter(|n| n.mark.at.is_within(until)).cloned().collect();
            cut.notes.insert(key.clone(), notes);
        }
        for (gap, at) in self.gaps.iter().zip(&self.told).filter(|(_, at)| at.is_within(until)) {
            cut.gaps.push(gap.clone());
            cut.told.push(*at);
        }
        cut.places = self.places.iter().filter(|at| at.is_within(until)).copied().collect();
        cut
    }

    /// Returns all versions in the order of the log, with their keys.
    pub(crate) fn in_order(&self) -> Vec<(&ResourceKey, &StoredVersion)> {
        let lanes = self.lanes.iter();
        let mut all: Vec<_> =
            lanes.flat_map(|(k, lane)| self.versions[*lane as usize].iter().map(move |v| (k, v))).collect();
        all.sort_by_key(|(_, kept)| kept.at.position);
        all
    }

    /// Tells whether times go back somewhere.
    pub(crate) fn goes_back(&self) -> bool {
        self.goes_back
    }

    /// Returns the number of resources.
    pub(crate) fn len(&self) -> usize {
        self.versions.len()
    }

    /// Returns the number of events that were taken.
    pub(crate) fn events(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn lane(&self, key: &ResourceKey) -> Option<(usize, &[StoredVersion])> {
        let lane = *self.lanes.get(key)? as usize;
        Some((lane, &self.versions[lane]))
    }

    fn first<'a>(&self, (key, lane): (&'a ResourceKey, &u32)) -> Option<(&'a ResourceKey, LogPosition)> {
        Some((key, self.versions[*lane as usize].first()?.at))
    }

    /// Returns all keys, sorted, with where they were first seen.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&ResourceKey, LogPosition)> {
        self.lanes.iter().filter_map(|l| self.first(l))
    }

    /// Returns the keys of some kinds, sorted, of one namespace or of all, without looking at others.
    pub(crate) fn of_kinds<'a>(
        &'a self,
        is_kind: impl Fn(&str, &str) -> bool + 'a,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a ResourceKey, LogPosition)> {
        within(&self.kinds, &self.lanes, is_kind, namespace).filter_map(|l| self.first(l))
    }

    /// Returns the keys of some kinds that may have changed, sorted, with where they first did.
    pub(crate) fn moved_of_kinds<'a>(
        &'a self,
        is_kind: impl Fn(&str, &str) -> bool + 'a,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a ResourceKey, LogPosition)> {
        within(&self.kinds, &self.moved, is_kind, namespace).map(|(key, at)| (key, *at))
    }

    pub(crate) fn notes(&self, key: &ResourceKey) -> &[KubernetesEvent] {
        self.notes.get(key).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn gaps(&self, until: Until) -> &[Gap] {
        &self.gaps[..self.told.partition_point(|at| at.is_within(until))]
    }

    pub(crate) fn start(&self) -> Option<LogPosition> {
        self.places.first().copied()
    }

    pub(crate) fn last(&self, until: Until) -> Option<LogPosition> {
        self.places[..self.places.partition_point(|at| at.is_within(until))].last().copied()
    }

    /// Returns the bytes that objects and their places take in memory.
    pub(crate) fn heap_size(&self) -> usize {
        let held = |k: &StoredVersion| match &k.held {
            Payload::Fresh(object) => object.doc().heap_size(),
            Payload::Packed(packed) => packed.heap_size(),
            Payload::Nothing => 0,
        };
        let load = |n: usize, v: &[StoredVersion]| match &v[n].load {
            Some(load) if n == 0 || v[n - 1].load.as_ref().is_none_or(|l| !Arc::ptr_eq(l, load)) => {
                load.doc().heap_size()
            }
            _ => 0,
        };
        let loads = |v: &Vec<StoredVersion>| (0..v.len()).map(|n| load(n, v)).sum::<usize>();
        let lane = |v: &Vec<StoredVersion>| {
            v.capacity() * size_of::<StoredVersion>() + v.iter().map(held).sum::<usize>() + loads(v)
        };
        self.versions.iter().map(lane).sum::<usize>() + self.places.capacity() * size_of::<LogPosition>()
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

/// Makes a packer that knows what the objects at hand have in common.
fn trained(fresh: &VecDeque<(u32, u32)>, versions: &[Vec<StoredVersion>]) -> Packer {
    // More samples than these make no better dictionary, and training takes long.
    const SAMPLES: usize = 2048;
    let step = (fresh.len() / SAMPLES).max(1);
    let held = fresh.iter().step_by(step).map(|(lane, n)| &versions[*lane as usize][*n as usize].held);
    Packer::trained(held.filter_map(|h| match h {
        Payload::Fresh(object) => Some(object.doc()),
        _ => None,
    }))
}

/// Reads the name out of a path such as `spec.containers{web}`.
fn container_in(path: &str) -> Option<&str> {
    path.split_once("ontainers{").and_then(|(_, rest)| rest.strip_suffix('}'))
}
