//! Closeness: how far others are from the family, over every edge that is known, mention or shared place.
//!
//! | edge | cost |
//! |---|---|
//! | owner, owned | 0.15, 0.2 |
//! | reference by a field whose name tells the kind; any relation of the dependency graph | 0.5 |
//! | selector; of another namespace | 0.6; 1.4 |
//! | host name of a Service | 0.8 to 0.9 |
//! | definition of its kind | 0.8 |
//! | own namespace | 1.0 |
//! | who writes its status; the account that wrote it, and what has its name | 1.0 |
//! | rare value held by n objects | 1.1 + 0.15 n |
//! | any other mention of a name | 1.5 to 1.8 |
//! | every pod: the cluster's DNS; the agents of its node | 1.7; 2.3 |
//! | against the direction of an edge | + 0.35 + 0.5 · log₂(fan-in) |
//! | into something that fails in the episode | × 0.6 |

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use crate::graph::Relation;
use crate::object::Object;

use super::index::{ResourceId, is_made_for_others};
use super::mentions;
use super::question::Question;
use super::weigh::ALL_CHANGES;

/// Farthest that is looked at.
const MAX_DISTANCE: f64 = 5.0;
/// Most resources that are reached over edges, and in an estate with many changes: the nearest are what matters.
const MAX_REACHED: usize = 400;
const MAX_REACHED_OF_MANY: usize = 64;
/// Most reached where nothing is said: then only what is near can tell.
const MAX_REACHED_IN_SILENCE: usize = 24;
/// Of so many with one name all are looked at.
const FEW_OF_A_NAME: usize = 32;
/// The namespace of what every pod stands on.
const SYSTEM: &str = "kube-system";
/// Most that hold a value for it to connect them.
const MAX_HOLDERS: usize = 5;
/// Newest writes of a resource whose users are looked at.
const LAST_WRITES: usize = 5;
/// Most that mention or select a resource for these edges to be followed backwards.
const MAX_FAN_IN: usize = 200;
const MAX_FAN_IN_OF_MANY: usize = 64;

/// Distances from the family, with the step back towards it.
#[derive(Debug, Default)]
pub(super) struct Closure {
    pub(super) distances: BTreeMap<ResourceId, f64>,
    pub(super) towards: BTreeMap<ResourceId, ResourceId>,
    /// The nearest of each namespace that was reached.
    namespaces: BTreeMap<String, f64>,
    /// Who refers to whom, as far as it was looked at.
    edges: HashMap<ResourceId, Vec<(ResourceId, f64)>>,
}

/// A distance that can be ordered.
#[derive(Clone, Copy, PartialEq)]
struct Distance(f64);

impl Eq for Distance {}

impl Ord for Distance {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Distance {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Closure {
    /// Measures the distances for a question.
    pub(super) fn new(question: &Question<'_>) -> Self {
        let mut closure = Self::default();
        let mut heap: BinaryHeap<Reverse<(Distance, ResourceId)>> = BinaryHeap::new();
        for id in &question.family {
            let distance = if *id == question.symptom { 0.0 } else { 0.15 };
            closure.distances.insert(*id, distance);
            heap.push(Reverse((Distance(distance), *id)));
        }
        let starts = question
            .named
            .iter()
            .map(|(id, cost)| (*id, *cost))
            .chain(servers(question).into_iter().map(|id| (id, 1.0)));
        for (id, cost) in starts {
            closure.put(id, cost, question.symptom, &mut heap);
        }
        let is_large = question.index.change_count(question.until) > ALL_CHANGES;
        let most = match is_large {
            true if question.said.is_empty() => MAX_REACHED_IN_SILENCE,
            true => MAX_REACHED_OF_MANY,
            false => MAX_REACHED,
        };
        let most_backward = if is_large { MAX_FAN_IN_OF_MANY } else { MAX_FAN_IN };
        let mut done = BTreeSet::new();
        while let Some(Reverse((Distance(distance), id))) = heap.pop() {
            if distance > MAX_DISTANCE || done.len() >= most {
                break;
            }
            if !done.insert(id) {
                continue;
            }
            let forward = closure.references(question, id).to_vec();
            let backward = backward(question, id, most_backward);
            let fan_in = 0.5 * (backward.len().max(1) as f64).log2();
            let all =
                forward.into_iter().chain(backward.into_iter().map(|(to, cost)| (to, 0.35 + cost + fan_in)));
            for (to, mut cost) in all {
                if !question.family.contains(&to) && question.fails_as_well(to) {
                    cost *= 0.6;
                }
                closure.put(to, distance + cost, id, &mut heap);
            }
        }
        for (id, distance) in &closure.distances {
            let namespace = &question.key(*id).namespace;
            if !namespace.is_empty() {
                let nearest = closure.namespaces.entry(namespace.to_string()).or_insert(*distance);
                *nearest = nearest.min(*distance);
            }
        }
        closure
    }

    fn put(
        &mut self,
        id: ResourceId,
        distance: f64,
        from: ResourceId,
        heap: &mut BinaryHeap<Reverse<(Distance, ResourceId)>>,
    ) {
        if self.distances.get(&id).is_none_or(|known| distance < *known) && distance <= MAX_DISTANCE {
            self.distances.insert(id, distance);
            self.towards.insert(id, from);
            heap.push(Reverse((Distance(distance), id)));
        }
    }

    /// Returns the distance of a resource: over edges, or as one of what rules a namespace that was reached, or the cluster.
    pub(super) fn distance(&self, question: &Question<'_>, id: ResourceId) -> f64 {
        let over_edges = self.distances.get(&id).copied();
        if let Some(near) = over_edges.filter(|d| *d < 2.2) {
            return near;
        }
        let namespace = &question.key(id).namespace;
        let of_place = match self.namespaces.get(&**namespace) {
            Some(nearest) => nearest + 2.2,
            None if namespace.is_empty() => 3.2,
            None => MAX_DISTANCE,
        };
        over_edges.unwrap_or(MAX_DISTANCE).min(of_place)
    }

    /// Returns whom a resource refers to, each once at its lowest cost, sorted; looked up once for a question.
    pub(super) fn references(&mut self, question: &Question<'_>, id: ResourceId) -> &[(ResourceId, f64)] {
        self.edges.entry(id).or_insert_with(|| references(question, id))
    }

    /// Returns how directly one resource refers to another; `None` if it does not.
    pub(super) fn reference(
        &mut self,
        question: &Question<'_>,
        from: ResourceId,
        to: ResourceId,
    ) -> Option<f64> {
        self.references(question, from).iter().find(|(id, _)| *id == to).map(|(_, cost)| *cost)
    }

    /// Returns the steps from a resource to the symptom, both included.
    pub(super) fn steps(&self, question: &Question<'_>, from: ResourceId) -> Vec<ResourceId> {
        let mut out = vec![from];
        let mut at = from;
        while let Some(next) = self.towards.get(&at).filter(|n| !out.contains(n)) {
            out.push(*next);
            at = *next;
        }
        if out.last() != Some(&question.symptom) {
            let mut owners = question.owners(question.symptom);
            owners.reverse();
            out.extend(owners.into_iter().filter(|o| question.family.contains(o) && *o != at));
            out.push(question.symptom);
        }
        out.dedup();
        out
    }
}

/// Returns who reports on the symptom: what has the name of a component that complains, or that writes its status.
fn servers(question: &Question<'_>) -> BTreeSet<ResourceId> {
    let writers = question.index.card(question.symptom).status_writers.iter();
    let writers = writers.filter(|(_, at)| at.is_within(question.until)).map(|(m, _)| m);
    let components = question.said.iter().filter_map(|s| s.what.component.as_ref());
    let all: BTreeSet<_> = writers.chain(components).filter(|n| !n.is_empty()).collect();
    all.into_iter().flat_map(|name| question.index.named(name, question.until)).collect()
}

/// Returns whom a resource refers to, each once at its lowest cost, sorted.
pub(super) fn references(question: &Question<'_>, id: ResourceId) -> Vec<(ResourceId, f64)> {
    let (index, until) = (question.index, question.until);
    let key = question.key(id);
    let mut found: BTreeMap<ResourceId, f64> = BTreeMap::new();
    let mut put = |to: ResourceId, cost: f64| {
        if to != id {
            let c = found.entry(to).or_insert(cost);
            *c = c.min(cost);
        }
    };
    for edge in question.investigation.graph.ever_from(key) {
        let Some(to) = index.id_of(edge.to).filter(|to| index.was_known(*to, until)) else { continue };
        put(
            to,
            match edge.relation {
                Relation::OwnedBy => 0.15,
                Relation::Selects => 0.6,
                Relation::TalksTo => 0.85,
                Relation::Within => 1.0,
                Relation::DefinedBy => 0.8,
                Relation::Grants => 0.3,
                _ => 0.5,
            },
        );
    }
    // What an engine or an operator declares belongs to it as what it owns does.
    for edge in question.investigation.graph.ever_to(key).iter().filter(|e| e.relation == Relation::OwnedBy) {
        index.id_of(edge.from).into_iter().for_each(|owned| put(owned, 0.2));
    }
    let card = index.card(id);
    for (mention, _) in card.mentions.iter().filter(|(_, at)| at.is_within(until)) {
        let hits = index.name_count(mention.word, until);
        let all: Vec<ResourceId> = if hits <= FEW_OF_A_NAME {
            index.named_by(mention.word, until).collect()
        } else {
            // Of a name that is everywhere, such as `default`, only what is beside it or of the cluster is meant.
            let beside = mention.namespace.map_or(&*key.namespace, |n| &**index.text(n));
            let places = BTreeSet::from([beside, &*key.namespace, ""]);
            places.into_iter().flat_map(|place| index.named_within(mention.word, place, until)).collect()
        };
        for to in all {
            let cost = mentions::cost(|w| index.text(w), mention, key, question.key(to), hits);
            cost.into_iter().for_each(|cost| put(to, cost));
        }
    }
    for (value, _) in card.values.iter().filter(|(_, at)| at.is_within(until)) {
        let holders: Vec<ResourceId> = index.holding_word(*value, until).take(MAX_HOLDERS + 1).collect();
        if (2..=MAX_HOLDERS).contains(&holders.len()) {
            holders.iter().for_each(|to| put(*to, 1.1 + 0.15 * holders.len() as f64));
        }
    }
    for (labels, _) in card.selectors.iter().filter(|(_, at)| at.is_within(until)) {
        let rarest = labels.iter().min_by_key(|l| index.labelled_count(**l));
        let hits: BTreeSet<ResourceId> = rarest
            .into_iter()
            .flat_map(|l| index.labelled(*l, until))
            .filter(|held| index.had_labels(*held, labels, until))
            .collect();
        for to in &hits {
            let is_own = question.key(*to).namespace.is_empty()
                || key.namespace.is_empty()
                || question.key(*to).namespace == key.namespace;
            if is_own || hits.len() <= 20 {
                put(*to, if is_own { 0.6 } else { 1.4 });
            }
        }
    }
    default_classes(question, id).into_iter().for_each(|to| put(to, 0.8));
    if question.is_pod(id) {
        question
            .shared_by_pods
            .get_or_init(|| shared_by_pods(question))
            .iter()
            .for_each(|(to, cost)| put(*to, *cost));
    }
    for (manager, _) in card.status_writers.iter().filter(|(_, at)| at.is_within(until)) {
        let is_operator =
            |to: &ResourceId| matches!(&*question.key(*to).kind, "Deployment" | "StatefulSet" | "DaemonSet");
        index.named(manager, until).filter(is_operator).for_each(|to| put(to, 1.0));
    }
    if !is_made_for_others(key) {
        writers(question, id).into_iter().for_each(|to| put(to, 1.0));
    }
    found.into_iter().collect()
}

/// Returns the accounts, or what runs with them, by which automation wrote a resource: what stops them stops its being renewed.
fn writers(question: &Question<'_>, id: ResourceId) -> BTreeSet<ResourceId> {
    let (index, until) = (question.index, question.until);
    let written = index.card(id).changes.iter().rev().map(|c| index.change(*c));
    let users =
        written.filter(|c| c.mark.at.is_within(until)).take(LAST_WRITES).filter_map(|c| question.user_of(c));
    let mut out = BTreeSet::new();
    for user in users.collect::<BTreeSet<_>>() {
        let account = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
        let Some((namespace, name)) =
            account.filter(|(namespace, name)| *namespace != "kube-system" || !name.ends_with("-controller"))
        else {
            continue;
        };
        if let Some(name) = index.word(&name.to_ascii_lowercase()) {
            out.extend(index.named_within(name, namespace, until).filter(|to| *to != id));
        }
    }
    out
}

/// Returns the classes that are, or were, taken where an object names none: of Ingresses, claims and pods.
fn default_classes(question: &Question<'_>, id: ResourceId) -> Vec<ResourceId> {
    const DEFAULTS: [(&str, &str, &[&str], &str, &str); 3] = [
        ("networking.k8s.io", "Ingress", &["spec", "ingressClassName"], "networking.k8s.io", "IngressClass"),
        ("", "PersistentVolumeClaim", &["spec", "storageClassName"], "storage.k8s.io", "StorageClass"),
        ("", "Pod", &["spec", "priorityClassName"], "scheduling.k8s.io", "PriorityClass"),
    ];
    let key = question.key(id);
    let Some((_, _, field, group, kind)) = DEFAULTS.iter().find(|(g, k, ..)| key.group_kind() == (*g, *k))
    else {
        return Vec::new();
    };
    let history = &question.investigation.history;
    // What was made when there was a default has its name since; what was made without has none.
    let was_named = || history.distinct_specs(key).last().is_some_and(|o| o.root().at(field).is_some());
    if *kind != "PriorityClass" && was_named() {
        return Vec::new();
    }
    let is_default = |o: &Object| {
        let marks =
            o.root().at(&["metadata", "annotations"]).into_iter().flat_map(crate::object::Node::children);
        let marked =
            marks.into_iter().any(|a| a.key().ends_with("/is-default-class") && a.as_str() == Some("true"));
        marked || o.root().get("globalDefault").and_then(crate::object::Node::as_bool) == Some(true)
    };
    let find = || {
        let classes = history.of_kind(group, kind);
        let ever = classes.filter(|k| history.distinct_specs(k).any(|o| is_default(o)));
        ever.filter_map(|k| question.index.id_of(k)).collect()
    };
    question.default_classes.borrow_mut().entry(kind).or_insert_with(find).clone()
}

/// Returns what every pod stands on: the cluster's DNS, and the agents that run on each node.
fn shared_by_pods(question: &Question<'_>) -> Vec<(ResourceId, f64)> {
    let history = &question.investigation.history;
    let id_of = |key: &crate::ResourceKey| question.index.id_of(key);
    let dns = dns_services(question);
    let agents = history.of_kind_in("apps", "DaemonSet", SYSTEM).filter_map(id_of).map(|id| (id, 2.3));
    dns.into_iter().chain(agents).collect()
}

/// Returns the Services of the cluster's DNS, with how far they are from every pod.
pub(super) fn dns_services(question: &Question<'_>) -> Vec<(ResourceId, f64)> {
    let services = question.investigation.history.of_kind_in("", "Service", SYSTEM);
    let dns = services.filter(|k| k.name.contains("dns")).filter_map(|k| question.index.id_of(k));
    dns.map(|id| (id, 1.7)).collect()
}

/// Returns who refers to a resource, each once at its lowest cost, sorted; nobody where that are too many to tell.
fn backward(question: &Question<'_>, id: ResourceId, most: usize) -> Vec<(ResourceId, f64)> {
    let (index, until) = (question.index, question.until);
    let key = question.key(id);
    if matches!(&*key.kind, "Namespace" | "CustomResourceDefinition") {
        return Vec::new();
    }
    let mut found: BTreeMap<ResourceId, f64> = BTreeMap::new();
    let mut put = |to: ResourceId, cost: f64| {
        if to != id {
            let c = found.entry(to).or_insert(cost);
            *c = c.min(cost);
        }
    };
    let leads_to_pods =
        matches!(&*key.kind, "Service" | "ReplicaSet" | "Deployment" | "StatefulSet" | "DaemonSet" | "Job");
    let counts = |from: ResourceId| {
        leads_to_pods || question.family.contains(&from) || !is_made_for_others(question.key(from))
    };
    if &*key.kind != "Node" {
        let edges = question.investigation.graph.ever_to(key);
        for edge in edges {
            let Some(from) =
                index.id_of(edge.from).filter(|from| index.was_known(*from, until) && counts(*from))
            else {
                continue;
            };
            match edge.relation {
                Relation::OwnedBy => {}
                Relation::Selects => put(from, 0.6),
                Relation::TalksTo => put(from, 0.85),
                Relation::Within | Relation::DefinedBy => {}
                Relation::Grants => put(from, 0.1),
                _ => put(from, 0.5),
            }
        }
    }
    let words = [key.name.to_ascii_lowercase()];
    for word in words.iter().filter_map(|w| index.word(w)) {
        let hits = index.name_count(word, until);
        let all: Vec<_> = index.mentioning(word, until).take(most * 4).collect();
        for (from, mention) in all.into_iter().filter(|(from, _)| counts(*from)) {
            let cost = mentions::cost(|w| index.text(w), mention, question.key(from), key, hits);
            cost.into_iter().for_each(|cost| put(from, cost));
        }
    }
    for label in index.labels(id, until) {
        for from in index.selecting(*label, until).take(most).filter(|from| counts(*from)) {
            let selectors = &index.card(from).selectors;
            let selects = selectors
                .iter()
                .any(|(labels, at)| at.is_within(until) && index.had_labels(id, labels, until));
            let namespace = &question.key(from).namespace;
            if selects {
                put(
                    from,
                    if namespace.is_empty() || key.namespace.is_empty() || *namespace == key.namespace {
                        0.6
                    } else {
                        1.4
                    },
                );
            }
        }
    }
    if found.len() > most { Vec::new() } else { found.into_iter().collect() }
}
