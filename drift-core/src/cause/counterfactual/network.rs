//! Do ports line up, and do policies let traffic through?

use crate::graph::Relation;
use crate::k8s::network_policy::{TrafficDirection, admits_everything, decides_about, selects_pod};
use crate::k8s::pod::template_labels;
use crate::k8s::selector::Selector;
use crate::k8s::service::{declares_target_port, target_ports};
use crate::key::ResourceKey;
use crate::object::{Node, Object};

use super::network_policy::{Policies, end_of};
use crate::cause::suspicion::Suspicion;

use crate::cause::lineage::came_up_since;
use crate::cause::reach::{ReachedResource, peers};
use crate::cause::role::CandidateRole;
use crate::cause::verdict::{Counterfactual, CounterfactualVerdict};

use crate::history::ResourceOp;

fn service_ports(object: Option<&Object>) -> Vec<i64> {
    let ports = object.and_then(|o| o.root().at(&["spec", "ports"])).into_iter().flat_map(Node::children);
    ports.filter_map(|p| p.get("port").and_then(Node::as_i64)).collect()
}

/// Does the Service listen where its clients ask, before and not after?
pub(super) fn port(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { change, ports: asked, .. } = *suspicion;
    let (before, after) = (service_ports(change.before.as_deref()), service_ports(change.after.as_deref()));
    let offers = |ports: &[i64]| asked.iter().all(|p| ports.contains(&i64::from(*p)));
    if !asked.is_empty() {
        let text = format!("clients ask for {asked:?}; it had {before:?} and has {after:?}");
        if !(offers(&before) && offers(&after)) {
            return Counterfactual::new(
                CounterfactualVerdict::from_condition(offers(&before), offers(&after)),
                text,
            );
        }
    }
    // The port is where it was: then it may still lead elsewhere.
    let targets = |o: Option<&Object>| {
        let ports = o.and_then(|o| o.root().at(&["spec", "ports"])).into_iter().flat_map(Node::children);
        ports.map(|p| p.get("targetPort").map(Node::to_doc)).collect::<Vec<_>>()
    };
    if before == after && targets(change.before.as_deref()) == targets(change.after.as_deref()) {
        return Counterfactual::new(CounterfactualVerdict::Fails, "ports and target ports are as they were");
    }
    Counterfactual::undecided()
}

/// Returns `true` if a change took away the port of a Service that the fault's text calls by its name.
pub(super) fn took_named_port(suspicion: &Suspicion<'_>) -> bool {
    let Suspicion { fault, change, .. } = *suspicion;
    let port_names = |o: Option<&Object>| -> Vec<String> {
        let ports = o.and_then(|o| o.root().at(&["spec", "ports"])).into_iter().flat_map(Node::children);
        ports.filter_map(|p| p.str_at(&["name"]).map(str::to_owned)).collect()
    };
    let after = port_names(change.after.as_deref());
    let gone = |n: &String| !after.contains(n);
    // Only beside the word `port`: elsewhere in the text the same word may mean something else.
    let asks = |n: &String| {
        ["port ", "port \"", "port named ", "port '", "port: ", "port=", "port `", "port named \""]
            .iter()
            .any(|p| {
                fault.message.match_indices(&format!("{p}{n}")).any(|(i, m)| {
                    let next = fault.message[i + m.len()..].chars().next();
                    next.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-')
                })
            })
            || fault.message.contains(&format!("{}:{n}", change.key.name))
    };
    port_names(change.before.as_deref()).iter().any(|n| gone(n) && asks(n))
}

/// A port that the fault's text calls by its name was there before.
pub(super) fn named_port(_: &Suspicion<'_>) -> Counterfactual {
    Counterfactual::new(
        CounterfactualVerdict::Holds,
        "a port of the name that the route asks for was there before",
    )
}

/// Does something listen on the target ports, before and not after?
pub(super) fn target_port(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let Some(service) = investigation.history.last(&fault.on) else { return Counterfactual::undecided() };
    let Some(selector) = service.root().at(&["spec", "selector"]).and_then(Selector::read) else {
        return Counterfactual::undecided();
    };
    let line_up = |service: &Object, pod: &Object| {
        let ports = service.root().at(&["spec", "ports"]).into_iter().flat_map(Node::children);
        ports.into_iter().all(|p| declares_target_port(pod, p))
    };
    let pods = investigation.history.of_kind_in("", "Pod", &fault.on.namespace);
    let pod = pods
        .filter_map(|k| investigation.history.at(k, &fault.onset))
        .find(|p| selector.matches(template_labels(p)));
    let verdict = if change.key == fault.on {
        let Some(pod) = pod else { return Counterfactual::undecided() };
        let side = |o: Option<&Object>| o.is_some_and(|s| line_up(s, pod));
        CounterfactualVerdict::from_condition(side(change.before.as_deref()), side(change.after.as_deref()))
    } else {
        let side = |o: Option<&Object>| o.is_some_and(|w| line_up(service, w));
        CounterfactualVerdict::from_condition(side(change.before.as_deref()), side(change.after.as_deref()))
    };
    Counterfactual::new(verdict, "whether the pods have a container port for every target port")
}

/// A connection that the faulty pod needs: to a pod, on ports of that pod.
struct Need {
    to: ResourceKey,
    ports: Vec<i64>,
}

/// Finds what the faulty pod has to reach: the pods behind its peers, or behind the one on the path, and the cluster DNS.
fn needs(suspicion: &Suspicion<'_>) -> Vec<Need> {
    let Suspicion { investigation, fault, reached, .. } = *suspicion;
    let mut out = Vec::new();
    let pods_behind = |service: &ResourceKey| -> Vec<ResourceKey> {
        let edges = investigation.graph.ever_from(service);
        let pods = edges.iter().filter(|e| e.relation == Relation::Selects).map(|e| e.to);
        pods.filter(|p| investigation.history.at(p, &fault.onset).is_some()).cloned().collect()
    };
    for peer in peers(investigation, fault) {
        let service = &peer.reached.key;
        if reached.role == CandidateRole::PeerBackend && !reached.hops.iter().any(|s| s.key == *service) {
            continue;
        }
        for to in pods_behind(service) {
            let Some(pod) = investigation.history.at(&to, &fault.onset) else { continue };
            let ports = target_ports(investigation.history.at(service, &fault.onset).map(|o| &**o), pod);
            out.push(Need { to, ports });
        }
    }
    let dns = investigation.history.of_kind_in("", "Pod", "kube-system");
    let dns =
        dns.filter(|k| investigation.history.last(k).is_some_and(|o| o.label("k8s-app") == Some("kube-dns")));
    out.extend(dns.map(|k| Need { to: k.clone(), ports: vec![53] }));
    out
}

/// Does what the faulty pod has to reach let it in before the change, and not after?
pub(super) fn policy(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let open = |o: Option<&Object>| o.is_none_or(admits_everything);
    if change.op != ResourceOp::Delete && open(change.after.as_deref()) {
        return Counterfactual::new(CounterfactualVerdict::Fails, "it lets everything through");
    }
    if change.op != ResourceOp::Delete && investigation.history.at(&change.key, &fault.onset).is_none() {
        return Counterfactual::new(CounterfactualVerdict::Fails, "it is gone again");
    }
    if came_up_since(investigation, fault, change) {
        return Counterfactual::new(CounterfactualVerdict::Fails, "pods came up and were ready with it");
    }
    let Some(own) = investigation.history.last(&fault.on).filter(|_| &*fault.on.kind == "Pod") else {
        return Counterfactual::undecided();
    };
    let from = end_of(investigation, own, &fault.on.namespace);
    let before = Policies::new(investigation, &fault.onset, (&change.key, change.before.as_deref()));
    let after = Policies::new(investigation, &fault.onset, (&change.key, change.after.as_deref()));
    for need in needs(suspicion) {
        let Some(pod) = investigation.history.last(&need.to) else { continue };
        let to = end_of(investigation, pod, &need.to.namespace);
        if before.admit(from, to, &need.ports) && !after.admit(from, to, &need.ports) {
            return Counterfactual::new(
                CounterfactualVerdict::Holds,
                format!("without it {} can reach {}", fault.on, need.to),
            );
        }
    }
    // What leaves the cluster, or a name service that is not recorded, may be shut out all the same.
    let scalar_texts = change
        .after
        .as_deref()
        .is_some_and(|o| selects_pod(o, own) && decides_about(o, TrafficDirection::Egress));
    if scalar_texts && change.key.namespace == fault.on.namespace {
        Counterfactual::undecided()
    } else {
        Counterfactual::new(CounterfactualVerdict::Fails, "what the pod talks to can be reached as before")
    }
}

/// Do the policies let the pod through with the labels that it had before, and not with those after?
pub(super) fn labels(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let nothing = || Counterfactual::new(CounterfactualVerdict::Fails, "no policy decides by the labels");
    let (Some(before), Some(after)) = (change.before.as_deref(), change.after.as_deref()) else {
        return nothing();
    };
    let start = ReachedResource::start(&fault.on);
    let policies = Policies::new(investigation, &fault.onset, (&change.key, None));
    for need in needs(&Suspicion { reached: &start, ..*suspicion }) {
        let Some(pod) = investigation.history.last(&need.to) else { continue };
        let to = end_of(investigation, pod, &need.to.namespace);
        let may = |own| policies.admit(end_of(investigation, own, &fault.on.namespace), to, &need.ports);
        if may(before) && !may(after) {
            return Counterfactual::new(
                CounterfactualVerdict::Holds,
                format!("with the labels before it can reach {}", need.to),
            );
        }
    }
    nothing()
}
