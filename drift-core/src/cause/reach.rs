//! Which resources may stand behind a fault, and the way from the one to the other.

mod policies;

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Edge, IsAddress, Relation, hosts_in};
use crate::k8s::pod::pod_spec;
use crate::key::ResourceKey;
use crate::object::Node;

use super::Investigation;
use super::effects::CandidateRole;
use crate::fault::{Fault, FaultKind};

pub(super) use policies::injected;

/// One step of a way, towards the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Where the step leads.
    pub key: ResourceKey,
    /// What the edge means.
    pub edge: String,
    /// Why it is believed.
    pub evidence: String,
}

/// A resource that may stand behind a fault.
#[derive(Clone, Debug)]
pub(super) struct Reached {
    /// Which one.
    pub key: ResourceKey,
    /// Where it stands.
    pub place: CandidateRole,
    /// How far away, in steps of references.
    pub cost: f64,
    /// The way from the faulty one, without that one.
    pub way: Vec<Hop>,
}

/// Collects what is reached; of two ways to one place the shorter counts.
#[derive(Default)]
struct Field {
    found: BTreeMap<(ResourceKey, CandidateRole), Reached>,
}

impl Field {
    fn put(&mut self, reached: Reached) -> bool {
        let place = (reached.key.clone(), reached.place);
        match self.found.get(&place) {
            Some(old) if old.cost <= reached.cost => false,
            _ => {
                self.found.insert(place, reached);
                true
            }
        }
    }
}

fn go(from: &Reached, edge: &Edge<'_>, to: &ResourceKey, place: CandidateRole, cost: f64) -> Reached {
    let mut way = from.way.clone();
    way.push(Hop { key: to.clone(), edge: edge.relation.word().into(), evidence: edge.evidence.to_string() });
    Reached { key: to.clone(), place, cost: from.cost + cost, way }
}

fn jump(
    from: &Reached,
    to: &ResourceKey,
    place: CandidateRole,
    cost: f64,
    edge: &str,
    evidence: &str,
) -> Reached {
    let mut way = from.way.clone();
    way.push(Hop { key: to.clone(), edge: edge.into(), evidence: evidence.into() });
    Reached { key: to.clone(), place, cost: from.cost + cost, way }
}

/// Finds what may stand behind a fault, peers left out, sorted.
pub(super) fn reach(case: &Investigation<'_>, fault: &Fault) -> Vec<Reached> {
    let mut field = Field::default();
    let start =
        Reached { key: fault.on.clone(), place: CandidateRole::SelfOrOwner, cost: 0.0, way: Vec::new() };
    let own = owners(case, start, &mut field);
    for o in &own {
        needed(case, fault, o, 0, &mut field);
    }
    nodes(case, fault, &own[0], &mut field);
    policies::rulers(case, fault, &own, &mut field);
    policies::mutators(case, fault, &own[0], &mut field);
    policies::definitions(case, fault, &own[0], &mut field);
    policies::rivals(case, fault, &own, &mut field);
    policies::controllers(case, fault, &own, &mut field);
    field.found.into_values().collect()
}

/// Goes up to what makes and keeps the faulty one.
fn owners(case: &Investigation<'_>, start: Reached, field: &mut Field) -> Vec<Reached> {
    let mut own = vec![start.clone()];
    field.put(start);
    let mut next = 0;
    while next < own.len() && own.len() < 32 {
        let from = own[next].clone();
        next += 1;
        for edge in case.graph.ever_from(&from.key) {
            if edge.relation == Relation::OwnedBy {
                let reached = go(&from, &edge, edge.to, CandidateRole::SelfOrOwner, 0.25);
                if field.put(reached.clone()) {
                    own.push(reached);
                }
            }
        }
        for set in claimants(case, &from.key) {
            let reached = jump(
                &from,
                &set,
                CandidateRole::SelfOrOwner,
                0.25,
                "made from a template of",
                "name of the claim",
            );
            if field.put(reached.clone()) {
                own.push(reached);
            }
        }
    }
    own
}

/// Finds the sets from whose claim templates a claim was made: it is called template, set and ordinal.
fn claimants(case: &Investigation<'_>, claim: &ResourceKey) -> Vec<ResourceKey> {
    if (&*claim.group, &*claim.kind) != ("", "PersistentVolumeClaim") {
        return Vec::new();
    }
    let makes = |set: &&ResourceKey| {
        let Some(object) = case.history.last(set).filter(|_| set.namespace == claim.namespace) else {
            return false;
        };
        let templates = object.root().at(&["spec", "volumeClaimTemplates"]);
        templates.into_iter().flat_map(Node::children).any(|t| {
            let name = t.str_at(&["metadata", "name"]).unwrap_or_default();
            let ordinal = claim.name.strip_prefix(&format!("{name}-{}-", set.name));
            ordinal.is_some_and(|o| !o.is_empty() && o.bytes().all(|b| b.is_ascii_digit()))
        })
    };
    case.history.of_kind("apps", "StatefulSet").filter(makes).cloned().collect()
}

/// Goes to what the faulty one refers to, and on to what stands behind that.
fn needed(case: &Investigation<'_>, fault: &Fault, from: &Reached, depth: usize, field: &mut Field) {
    let follows = |r: Relation| {
        matches!(
            r,
            Relation::Uses
                | Relation::BackedBy
                | Relation::DependsOn
                | Relation::SourcedFrom
                | Relation::DefinedBy
        ) || (depth == 0 && matches!(r, Relation::Scales))
            || (depth == 0 && r == Relation::Routes && &*from.key.kind != "StatefulSet")
    };
    for edge in case.graph.ever_from(&from.key) {
        if follows(edge.relation) && !is_over(case, &edge, fault) {
            let reached = go(from, &edge, edge.to, CandidateRole::Dependency, 1.0);
            if field.put(reached.clone()) && depth < 2 {
                needed(case, fault, &reached, depth + 1, field);
            }
        }
    }
    if depth > 0 {
        for edge in case.graph.ever_to(&from.key) {
            if edge.relation == Relation::Writes && !is_engine(edge.from) {
                let reached = go(from, &edge, edge.from, CandidateRole::Dependency, 1.0);
                if field.put(reached.clone()) && depth < 2 {
                    needed(case, fault, &reached, depth + 1, field);
                }
            }
        }
    }
}

/// Tells whether a reference was taken back before a fault, by an object that was still there: it says no more of it.
fn is_over(case: &Investigation<'_>, edge: &Edge<'_>, fault: &Fault) -> bool {
    edge.until.is_some_and(|end| end.position < fault.onset.at.position)
        && case.history.at(edge.from, &fault.onset).is_some()
}

/// Tells whether a resource is one of a GitOps engine.
pub(super) fn is_engine(key: &ResourceKey) -> bool {
    key.group.ends_with(".fluxcd.io") || (&*key.group == "argoproj.io" && key.kind.starts_with("Application"))
}

fn nodes(case: &Investigation<'_>, fault: &Fault, own: &Reached, field: &mut Field) {
    use FaultKind as F;
    match fault.kind {
        F::Unschedulable => {
            for key in case.history.of_kind("", "Node").cloned().collect::<Vec<_>>() {
                field.put(jump(
                    own,
                    &key,
                    CandidateRole::Node,
                    1.0,
                    "could run on",
                    "every node is a candidate",
                ));
            }
        }
        F::NotDrained => {
            for edge in case.graph.ever_to(&own.key) {
                if edge.relation != Relation::RunsOn {
                    continue;
                }
                let pod = go(own, &edge, edge.from, CandidateRole::Policy, 0.25);
                for budget in case.graph.ever_to(edge.from) {
                    if &*budget.from.kind == "PodDisruptionBudget" {
                        field.put(go(&pod, &budget, budget.from, CandidateRole::Policy, 0.5));
                    }
                }
            }
        }
        F::NodeDown | F::Evicted | F::Mount | F::StartFailed | F::Unavailable | F::Preempted => {
            for edge in case.graph.ever_from(&own.key) {
                if edge.relation == Relation::RunsOn {
                    field.put(go(own, &edge, edge.to, CandidateRole::Node, 0.5));
                }
            }
        }
        _ => {}
    }
}

/// A Service that the faulty one talks to.
#[derive(Clone, Debug)]
pub(super) struct PeerService {
    /// The way to it.
    pub(super) reached: Reached,
    /// Whether the fault's own text names it.
    pub(super) is_named: bool,
    /// Ports that the faulty one asks for.
    pub(super) ports: Vec<u16>,
}

/// Finds the Services that a pod or workload talks to: by its variables, its configuration, and the fault's text.
pub(super) fn peers(case: &Investigation<'_>, fault: &Fault) -> Vec<PeerService> {
    let start =
        Reached { key: fault.on.clone(), place: CandidateRole::SelfOrOwner, cost: 0.0, way: Vec::new() };
    let mut found: BTreeMap<ResourceKey, Reached> = BTreeMap::new();
    for edge in case.graph.ever_from(&fault.on) {
        match edge.relation {
            Relation::TalksTo => {
                found.insert(edge.to.clone(), go(&start, &edge, edge.to, CandidateRole::Peer, 1.0));
            }
            Relation::Uses => {
                let via = go(&start, &edge, edge.to, CandidateRole::Dependency, 0.5);
                for inner in case.graph.ever_from(edge.to) {
                    if inner.relation == Relation::TalksTo {
                        let reached = go(&via, &inner, inner.to, CandidateRole::Peer, 1.0);
                        found.entry(inner.to.clone()).or_insert(reached);
                    }
                }
            }
            _ => {}
        }
    }
    let mut put = |key: ResourceKey, evidence: &str| {
        if case.history.knows(&key) {
            let reached = jump(&start, &key, CandidateRole::Peer, 1.0, "talks to", evidence);
            found.entry(key).or_insert(reached);
        }
    };
    named_hosts(fault).into_iter().for_each(|key| put(key, "named in the fault's own text"));
    for (key, variable) in named_by_values(case, fault) {
        put(key, &format!("inferred: value of {variable}"));
    }
    // Members of a set find each other by the Service that it names.
    for owner in case.owners_of(&fault.on) {
        for edge in case.graph.ever_from(&owner) {
            if edge.relation == Relation::Routes
                && &*owner.kind == "StatefulSet"
                && !is_over(case, &edge, fault)
            {
                put(edge.to.clone(), "field .spec.serviceName of the StatefulSet");
            }
        }
    }
    let ports = asked_ports(case, fault);
    let peer = |(key, reached): (ResourceKey, Reached)| PeerService {
        is_named: names(&fault.message, &key.name),
        ports: ports.iter().filter(|(name, _)| **name == *key.name).map(|(_, p)| *p).collect(),
        reached,
    };
    found.into_iter().filter(|(k, _)| *k != fault.on).map(peer).collect()
}

/// Finds Services that the fault's text names as hosts, also as what could not be looked up.
fn named_hosts(fault: &Fault) -> Vec<ResourceKey> {
    let service = |ns: &str, name: &str| ResourceKey::new("", "Service", ns, name);
    let own = &fault.on.namespace;
    let hosts = hosts_in(&fault.message, IsAddress::Unknown);
    let mut out: Vec<_> =
        hosts.iter().map(|h| service(h.namespace.as_deref().unwrap_or(own), &h.service)).collect();
    let word = |t: &str| {
        t.split(|c: char| c.is_whitespace() || matches!(c, ':' | '"' | ',')).next().map(str::to_owned)
    };
    for host in fault.message.split("lookup ").skip(1).filter_map(word) {
        let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
        out.push(service(own, labels[0]));
        if let [first, second, rest @ ..] = labels.as_slice() {
            out.push(service(second, first));
            // `pod.service`, as members of a set are called.
            out.push(service(rest.first().filter(|r| **r != "svc").unwrap_or(&&**own), second));
        }
    }
    out
}

/// Finds Services whose name is the whole value of a variable or of a key that the faulty one reads.
fn named_by_values(case: &Investigation<'_>, fault: &Fault) -> Vec<(ResourceKey, String)> {
    let mut values: Vec<(String, String)> = Vec::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            values.push((name.to_owned(), value.to_owned()));
        }
    };
    let Some(object) = case.history.last(&fault.on) else { return Vec::new() };
    if let Some((_, spec)) = pod_spec(object) {
        for container in spec.get("containers").into_iter().flat_map(Node::children) {
            for e in container.get("env").into_iter().flat_map(Node::children) {
                put(e.str_at(&["name"]).unwrap_or_default(), e.str_at(&["value"]));
            }
        }
    }
    for edge in case.graph.ever_from(&fault.on) {
        if edge.relation == Relation::Uses
            && &*edge.to.kind == "ConfigMap"
            && let Some(map) = case.history.last(edge.to)
        {
            map.root()
                .get("data")
                .into_iter()
                .flat_map(Node::children)
                .for_each(|d| put(d.key(), d.as_str()));
        }
    }
    let service = |(name, value): (String, String)| {
        let host = hosts_in(&value, IsAddress::Yes).into_iter().next().filter(|_| value.len() <= 253)?;
        let ns = host.namespace.as_deref().unwrap_or(&fault.on.namespace);
        Some((ResourceKey::new("", "Service", ns, &host.service), name))
    };
    values.into_iter().filter_map(service).collect()
}

/// Returns the ports that variables, arguments and texts name beside a host.
fn asked_ports(case: &Investigation<'_>, fault: &Fault) -> BTreeSet<(String, u16)> {
    let mut texts = vec![fault.message.clone()];
    if let Some(object) = case.history.last(&fault.on)
        && let Some((_, spec)) = pod_spec(object)
    {
        for container in spec.get("containers").into_iter().flat_map(Node::children) {
            let env = container.get("env").into_iter().flat_map(Node::children);
            texts.extend(env.filter_map(|e| e.str_at(&["value"]).map(str::to_owned)));
            for list in ["command", "args"] {
                let words = container.get(list).into_iter().flat_map(Node::children);
                texts.extend(words.filter_map(Node::as_str).map(str::to_owned));
            }
        }
    }
    for edge in case.graph.ever_from(&fault.on) {
        if &*edge.to.kind == "ConfigMap"
            && let Some(map) = case.history.last(edge.to)
        {
            let data = map.root().get("data").into_iter().flat_map(Node::children);
            texts.extend(data.filter_map(Node::as_str).map(str::to_owned));
        }
    }
    let hosts = texts.iter().flat_map(|t| hosts_in(t, IsAddress::Unknown));
    hosts.filter_map(|h| h.port.map(|p| (h.service, p))).collect()
}

/// Tells whether a text names something as a word of its own.
pub(super) fn names(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !word.is_empty()
        && text.match_indices(word).any(|(i, _)| {
            let before = text[..i].chars().next_back().is_none_or(|c| !is_part(c));
            let after = text[i + word.len()..].chars().next().is_none_or(|c| !is_part(c));
            before && after
        })
}

/// Tells whether a text says that a connection to a host outside of the cluster failed.
pub(super) fn blames_outside(text: &str) -> bool {
    let fails = [
        "timeout",
        "timed out",
        "refused",
        "reset",
        "EOF",
        "handshake",
        "unreachable",
        "no route",
        "closed",
        "lookup",
        "x509",
        "certificate",
        "unavailable",
        "Bad Gateway",
        "status code 5",
        "502",
        "503",
        "504",
    ];
    fails.iter().any(|t| text.contains(t))
        && text.split(|c: char| c.is_whitespace() || "\"'(),;|=".contains(c)).any(is_outside)
}

/// Tells whether a word is a host name that is not one of the cluster.
fn is_outside(word: &str) -> bool {
    let rest = word.split_once("://").map_or(word, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or_default().trim_end_matches([':', '.']);
    let (host, has_port) = match host.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, true),
        _ => (host, word.contains("://")),
    };
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |l: &&str| {
        !l.is_empty() && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let top = labels.last().copied().unwrap_or_default();
    let is_name = top.len() >= 2 && top.bytes().all(|b| b.is_ascii_lowercase());
    let inside = labels.contains(&"svc") || host.ends_with(".local") || host.ends_with(".internal");
    is_name && !inside && labels.iter().all(is_label) && labels.len() >= if has_port { 2 } else { 3 }
}

/// Finds the pods that a Service ever selected with the way over them, and what makes them.
pub(super) fn behind(case: &Investigation<'_>, service: &Reached) -> Vec<Reached> {
    let mut field = Field::default();
    for edge in case.graph.ever_from(&service.key) {
        if edge.relation == Relation::Selects {
            let pod = go(service, &edge, edge.to, CandidateRole::PeerBackend, 0.25);
            for o in owners(case, pod.clone(), &mut field).iter_mut() {
                for used in case.graph.ever_from(&o.key) {
                    if used.relation == Relation::Uses && matches!(&*used.to.kind, "ConfigMap" | "Secret") {
                        field.put(go(o, &used, used.to, CandidateRole::PeerBackend, 1.0));
                    }
                }
            }
            for policy in case.graph.ever_to(edge.to) {
                if policy.relation == Relation::Selects && &*policy.from.kind != "Service" {
                    field.put(go(&pod, &policy, policy.from, CandidateRole::PeerBackend, 0.75));
                }
            }
        }
    }
    let mut all: Vec<_> = field.found.into_values().collect();
    all.iter_mut().for_each(|r| r.place = CandidateRole::PeerBackend);
    all
}
