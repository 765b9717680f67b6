//! The Services that a pod or workload talks to, and the pods and policies behind those.

use std::collections::{BTreeMap, BTreeSet};

use crate::fault::Fault;
use crate::graph::{IsAddress, Relation, hosts_in};
use crate::k8s::pod::pod_spec;
use crate::key::ResourceKey;
use crate::object::Node;

use super::dependencies::is_over;
use super::owners::owners;
use super::set::{ReachSet, ReachedResource};
use crate::cause::investigation::Investigation;
use crate::cause::lineage::owners_of;
use crate::cause::mention::mentions;
use crate::cause::role::CandidateRole;

/// A Service that the faulty one talks to.
#[derive(Clone, Debug)]
pub(in crate::cause) struct PeerService {
    /// The Service, with the path to it.
    pub(in crate::cause) reached: ReachedResource,
    /// Whether the fault's own text names it.
    pub(in crate::cause) is_named: bool,
    /// Ports that the faulty one asks for.
    pub(in crate::cause) ports: Vec<u16>,
}

/// Finds the Services that a pod or workload talks to: by its variables, its configuration, and the fault's text.
pub(in crate::cause) fn peers(investigation: &Investigation<'_>, fault: &Fault) -> Vec<PeerService> {
    let start = ReachedResource::start(&fault.on);
    let mut found: BTreeMap<ResourceKey, ReachedResource> = BTreeMap::new();
    for edge in investigation.graph.ever_from(&fault.on) {
        match edge.relation {
            Relation::TalksTo => {
                found.insert(edge.to.clone(), start.follow_edge(&edge, edge.to, CandidateRole::Peer, 1.0));
            }
            Relation::Uses => {
                let via = start.follow_edge(&edge, edge.to, CandidateRole::Dependency, 0.5);
                for inner in investigation.graph.ever_from(edge.to) {
                    if inner.relation == Relation::TalksTo {
                        let reached = via.follow_edge(&inner, inner.to, CandidateRole::Peer, 1.0);
                        found.entry(inner.to.clone()).or_insert(reached);
                    }
                }
            }
            _ => {}
        }
    }
    let mut insert = |key: ResourceKey, evidence: &str| {
        if investigation.history.knows(&key) {
            let reached = start.follow_inferred(&key, CandidateRole::Peer, 1.0, "talks to", evidence);
            found.entry(key).or_insert(reached);
        }
    };
    named_hosts(fault).into_iter().for_each(|key| insert(key, "named in the fault's own text"));
    for (key, variable) in named_by_values(investigation, fault) {
        insert(key, &format!("inferred: value of {variable}"));
    }
    // Members of a set find each other by the Service that it names.
    for owner in owners_of(investigation, &fault.on) {
        for edge in investigation.graph.ever_from(&owner) {
            if edge.relation == Relation::Routes
                && &*owner.kind == "StatefulSet"
                && !is_over(investigation, &edge, fault)
            {
                insert(edge.to.clone(), "field .spec.serviceName of the StatefulSet");
            }
        }
    }
    let ports = asked_ports(investigation, fault);
    let peer = |(key, reached): (ResourceKey, ReachedResource)| PeerService {
        is_named: mentions(&fault.message, &key.name),
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
fn named_by_values(investigation: &Investigation<'_>, fault: &Fault) -> Vec<(ResourceKey, String)> {
    let mut values: Vec<(String, String)> = Vec::new();
    let mut insert = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            values.push((name.to_owned(), value.to_owned()));
        }
    };
    let Some(object) = investigation.history.last(&fault.on) else { return Vec::new() };
    if let Some((_, spec)) = pod_spec(object) {
        for container in spec.get("containers").into_iter().flat_map(Node::children) {
            for e in container.get("env").into_iter().flat_map(Node::children) {
                insert(e.str_at(&["name"]).unwrap_or_default(), e.str_at(&["value"]));
            }
        }
    }
    for edge in investigation.graph.ever_from(&fault.on) {
        if edge.relation == Relation::Uses
            && &*edge.to.kind == "ConfigMap"
            && let Some(map) = investigation.history.last(edge.to)
        {
            map.root()
                .get("data")
                .into_iter()
                .flat_map(Node::children)
                .for_each(|d| insert(d.key(), d.as_str()));
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
fn asked_ports(investigation: &Investigation<'_>, fault: &Fault) -> BTreeSet<(String, u16)> {
    let mut texts = vec![fault.message.clone()];
    if let Some(object) = investigation.history.last(&fault.on)
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
    for edge in investigation.graph.ever_from(&fault.on) {
        if &*edge.to.kind == "ConfigMap"
            && let Some(map) = investigation.history.last(edge.to)
        {
            let data = map.root().get("data").into_iter().flat_map(Node::children);
            texts.extend(data.filter_map(Node::as_str).map(str::to_owned));
        }
    }
    let hosts = texts.iter().flat_map(|t| hosts_in(t, IsAddress::Unknown));
    hosts.filter_map(|h| h.port.map(|p| (h.service, p))).collect()
}

/// Finds what may break a Service from behind: the pods that it ever selected, their owners and configuration, and the
/// policies that select them.
pub(in crate::cause) fn backends_of(
    investigation: &Investigation<'_>,
    service: &ReachedResource,
) -> Vec<ReachedResource> {
    let mut set = ReachSet::default();
    for edge in investigation.graph.ever_from(&service.key) {
        if edge.relation == Relation::Selects {
            let pod = service.follow_edge(&edge, edge.to, CandidateRole::PeerBackend, 0.25);
            for o in owners(investigation, pod.clone(), &mut set).iter_mut() {
                for used in investigation.graph.ever_from(&o.key) {
                    if used.relation == Relation::Uses && matches!(&*used.to.kind, "ConfigMap" | "Secret") {
                        set.insert(o.follow_edge(&used, used.to, CandidateRole::PeerBackend, 1.0));
                    }
                }
            }
            for policy in investigation.graph.ever_to(edge.to) {
                if policy.relation == Relation::Selects && &*policy.from.kind != "Service" {
                    set.insert(pod.follow_edge(&policy, policy.from, CandidateRole::PeerBackend, 0.75));
                }
            }
        }
    }
    let mut all = set.into_sorted();
    all.iter_mut().for_each(|r| r.role = CandidateRole::PeerBackend);
    all
}
