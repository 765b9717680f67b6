//! The graph itself: a fold of events into edges that open and close.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::event::{Event, EventBody, LogPosition, Until};
use crate::key::ResourceKey;
use crate::object::Object;
use crate::stream::{Facet, StreamId};

use super::edge::{Edge, Evidence, Relation};
use super::extract::references;
use super::rules::EdgeRules;
use super::select::SelectorIndex;

#[derive(Clone, Debug)]
struct EdgeRecord {
    from: u32,
    to: u32,
    relation: Relation,
    evidence: Evidence,
    since: LogPosition,
    until: Option<LogPosition>,
}

#[derive(Clone, Debug, Default)]
struct Vertex {
    /// Edges that go out, open and closed, in the order in which they came.
    out: Vec<u32>,
    /// Edges that come in.
    into: Vec<u32>,
    /// Open edges by what they say, without those of selectors.
    open: BTreeMap<(Relation, u32, Evidence), u32>,
    /// When the object was there.
    lives: Vec<(LogPosition, Option<LogPosition>)>,
}

/// The dependency graph of an estate over its whole history.
#[derive(Clone, Debug)]
pub struct DependencyGraph {
    keys: Vec<ResourceKey>,
    ids: HashMap<ResourceKey, u32>,
    vertices: Vec<Vertex>,
    records: Vec<EdgeRecord>,
    /// Open selector edges by both ends.
    selected: BTreeMap<(u32, u32), u32>,
    index: SelectorIndex,
    rules: Arc<EdgeRules>,
}

impl Default for DependencyGraph {
    fn default() -> Self {
        Self::new(EdgeRules::shared())
    }
}

impl DependencyGraph {
    /// Returns the rules by which custom kinds were read.
    pub(crate) fn rules(&self) -> &Arc<EdgeRules> {
        &self.rules
    }

    /// Makes an empty graph with rules for custom kinds.
    pub fn new(rules: Arc<EdgeRules>) -> Self {
        Self {
            keys: Vec::new(),
            ids: HashMap::new(),
            vertices: Vec::new(),
            records: Vec::new(),
            selected: BTreeMap::new(),
            index: SelectorIndex::default(),
            rules,
        }
    }

    /// Makes the graph of a history.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e Event>) -> Self {
        let mut graph = Self::default();
        events.into_iter().for_each(|e| graph.apply(e));
        graph
    }

    /// Takes the next event; only versions of live objects count.
    pub fn apply(&mut self, event: &Event) {
        let StreamId::Resource(Facet::Live, key) = &event.stream else { return };
        let at = LogPosition { position: event.position, time: event.observed_at };
        match &event.body {
            EventBody::Applied(object) => self.put(key, object, at),
            EventBody::Deleted(_) => self.remove(key, at),
            _ => {}
        }
    }

    fn id(&mut self, key: &ResourceKey) -> u32 {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        let id = u32::try_from(self.keys.len()).expect("fewer than 2³² resources fit in memory");
        self.keys.push(key.clone());
        self.vertices.push(Vertex::default());
        self.ids.insert(key.clone(), id);
        id
    }

    /// Takes a version of an object.
    pub fn put(&mut self, key: &ResourceKey, object: &Object, at: LogPosition) {
        if is_chatter(key) {
            return;
        }
        let id = self.id(key);
        let vertex = &mut self.vertices[id as usize];
        if vertex.lives.last().is_none_or(|(_, end)| end.is_some()) {
            vertex.lives.push((at, None));
        }
        let mut wanted = BTreeSet::new();
        for reference in references(key, object, &self.rules) {
            let to = self.id(&reference.to);
            if to != id {
                wanted.insert((reference.relation, to, reference.evidence));
            }
        }
        self.replace(id, wanted, at);
        self.reselect(id, key, object, at);
    }

    /// Takes the end of an object.
    pub fn remove(&mut self, key: &ResourceKey, at: LogPosition) {
        let Some(&id) = self.ids.get(key) else { return };
        if let Some((_, end @ None)) = self.vertices[id as usize].lives.last_mut() {
            *end = Some(at);
        }
        self.replace(id, BTreeSet::new(), at);
        let (holds, held) = self.index.remove(id);
        let pairs = holds.into_iter().map(|to| (id, to)).chain(held.into_iter().map(|from| (from, id)));
        for pair in pairs.collect::<Vec<_>>() {
            if let Some(record) = self.selected.remove(&pair) {
                self.records[record as usize].until = Some(at);
            }
        }
    }

    fn open(&mut self, record: EdgeRecord) -> u32 {
        let n = u32::try_from(self.records.len()).expect("fewer than 2³² edges fit in memory");
        self.vertices[record.from as usize].out.push(n);
        self.vertices[record.to as usize].into.push(n);
        self.records.push(record);
        n
    }

    fn replace(&mut self, from: u32, wanted: BTreeSet<(Relation, u32, Evidence)>, at: LogPosition) {
        let open = std::mem::take(&mut self.vertices[from as usize].open);
        let mut kept = BTreeMap::new();
        for (what, record) in open {
            if wanted.contains(&what) {
                kept.insert(what, record);
            } else {
                self.records[record as usize].until = Some(at);
            }
        }
        for (relation, to, evidence) in wanted {
            if kept.contains_key(&(relation, to, evidence.clone())) {
                continue;
            }
            let record =
                EdgeRecord { from, to, relation, evidence: evidence.clone(), since: at, until: None };
            let n = self.open(record);
            kept.insert((relation, to, evidence), n);
        }
        self.vertices[from as usize].open = kept;
    }

    /// Brings the edges of selectors up to date with one object: as the one that selects and as the one selected.
    fn reselect(&mut self, id: u32, key: &ResourceKey, object: &Object, at: LogPosition) {
        let change = self.index.put(id, key, object);
        for (holder, target) in change.lost {
            if let Some(record) = self.selected.remove(&(holder, target)) {
                self.records[record as usize].until = Some(at);
            }
        }
        for (holder, target) in change.won {
            if self.selected.contains_key(&(holder, target)) {
                continue;
            }
            let text = self.index.text_of(holder);
            let record = EdgeRecord {
                from: holder,
                to: target,
                relation: Relation::Selects,
                evidence: Evidence::Selector(text),
                since: at,
                until: None,
            };
            let n = self.open(record);
            self.selected.insert((holder, target), n);
        }
    }

    /// Returns `true` if a resource is there at a time.
    pub fn exists(&self, key: &ResourceKey, until: Until) -> bool {
        self.ids.get(key).is_some_and(|id| self.lives(*id, until))
    }

    fn lives(&self, id: u32, until: Until) -> bool {
        let lives = &self.vertices[id as usize].lives;
        lives.iter().any(|(from, to)| from.is_within(until) && to.is_none_or(|to| !to.is_within(until)))
    }

    fn shown(&self, n: u32, until: Until) -> Option<Edge<'_>> {
        let r = &self.records[n as usize];
        let holds = r.since.is_within(until) && r.until.is_none_or(|end| !end.is_within(until));
        holds.then(|| Edge {
            from: &self.keys[r.from as usize],
            to: &self.keys[r.to as usize],
            relation: r.relation,
            evidence: &r.evidence,
            since: r.since,
            // What holds then is not over then.
            until: None,
            is_dangling: !self.lives(r.to, until),
        })
    }

    /// Returns what a resource depends on at a time, sorted.
    pub fn edges_from(&self, key: &ResourceKey, until: Until) -> Vec<Edge<'_>> {
        let ids = self.ids.get(key).map(|id| &self.vertices[*id as usize].out);
        let mut edges: Vec<_> = ids.into_iter().flatten().filter_map(|n| self.shown(*n, until)).collect();
        edges.sort_by(|a, b| (a.relation, a.to, a.evidence).cmp(&(b.relation, b.to, b.evidence)));
        edges
    }

    /// Returns what depends on a resource at a time, sorted.
    pub fn edges_to(&self, key: &ResourceKey, until: Until) -> Vec<Edge<'_>> {
        let ids = self.ids.get(key).map(|id| &self.vertices[*id as usize].into);
        let mut edges: Vec<_> = ids.into_iter().flatten().filter_map(|n| self.shown(*n, until)).collect();
        edges.sort_by(|a, b| (a.relation, a.from, a.evidence).cmp(&(b.relation, b.from, b.evidence)));
        edges
    }

    /// Returns every edge that ever led from a resource up to a moment, sorted; of equal ones the newest.
    pub fn ever_from(&self, key: &ResourceKey, until: Until) -> Vec<Edge<'_>> {
        self.ever(self.ids.get(key).map(|id| &self.vertices[*id as usize].out), until)
    }

    /// Returns every edge that ever led to a resource up to a moment, sorted; of equal ones the newest.
    pub fn ever_to(&self, key: &ResourceKey, until: Until) -> Vec<Edge<'_>> {
        self.ever(self.ids.get(key).map(|id| &self.vertices[*id as usize].into), until)
    }

    fn ever(&self, records: Option<&Vec<u32>>, until: Until) -> Vec<Edge<'_>> {
        let records = records.into_iter().flatten().map(|n| &self.records[*n as usize]);
        let mut found = BTreeMap::new();
        for r in records.filter(|r| r.since.is_within(until)) {
            let edge = Edge {
                from: &self.keys[r.from as usize],
                to: &self.keys[r.to as usize],
                relation: r.relation,
                evidence: &r.evidence,
                since: r.since,
                until: r.until.filter(|end| end.is_within(until)),
                is_dangling: !self.lives(r.to, until),
            };
            found.insert((edge.relation, edge.from, edge.to, edge.evidence), edge);
        }
        found.into_values().collect()
    }

    /// Returns all edges at a time, sorted.
    pub fn edges(&self, until: Until) -> Vec<Edge<'_>> {
        let all = 0..u32::try_from(self.records.len()).expect("fewer than 2³² edges fit in memory");
        let mut edges: Vec<_> = all.filter_map(|n| self.shown(n, until)).collect();
        edges.sort_by(|a, b| {
            (a.from, a.relation, a.to, a.evidence).cmp(&(b.from, b.relation, b.to, b.evidence))
        });
        edges
    }

    /// Returns the part of the graph within some steps of a resource, sorted; edges are followed in a direction.
    pub fn around(
        &self,
        key: &ResourceKey,
        until: Until,
        steps: usize,
        direction: Direction,
    ) -> Vec<Edge<'_>> {
        let mut seen: BTreeSet<&ResourceKey> = BTreeSet::new();
        let mut found = BTreeMap::new();
        let mut queue: VecDeque<(&ResourceKey, usize)> = VecDeque::new();
        let Some((start, _)) = self.ids.get_key_value(key) else { return Vec::new() };
        queue.push_back((start, 0));
        seen.insert(start);
        while let Some((at, depth)) = queue.pop_front() {
            if depth == steps {
                continue;
            }
            let mut edges = Vec::new();
            if direction != Direction::Dependents {
                edges.extend(self.edges_from(at, until).into_iter().map(|e| (e.to, e)));
            }
            if direction != Direction::Dependencies {
                edges.extend(self.edges_to(at, until).into_iter().map(|e| (e.from, e)));
            }
            for (next, edge) in edges {
                // A namespace or a node holds everything together: going on from it would bring in the estate.
                let is_hub = matches!(&*at.kind, "Namespace" | "Node") && depth > 0;
                found.insert((edge.from, edge.relation, edge.to, edge.evidence), edge);
                if !is_hub && seen.insert(next) {
                    queue.push_back((next, depth + 1));
                }
            }
        }
        found.into_values().collect()
    }

    /// Counts resources, edges that hold now, and edges that ever held.
    pub fn size(&self) -> (usize, usize, usize) {
        let open = self.records.iter().filter(|r| r.until.is_none()).count();
        (self.keys.len(), open, self.records.len())
    }

    /// Returns all resources that were ever seen or named, sorted.
    pub fn keys(&self) -> Vec<&ResourceKey> {
        let mut keys: Vec<_> = self.keys.iter().collect();
        keys.sort();
        keys
    }
}

/// Which way edges are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To what it depends on.
    Dependencies,
    /// To what depends on it.
    Dependents,
    /// Both.
    Both,
}

/// Returns `true` if objects of a kind only tell of others, many a second.
fn is_chatter(key: &ResourceKey) -> bool {
    matches!((&*key.group, &*key.kind), ("" | "events.k8s.io", "Event") | ("coordination.k8s.io", "Lease"))
}
