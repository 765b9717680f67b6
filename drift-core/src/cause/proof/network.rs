//! Do ports line up, and do policies let traffic through?

use crate::graph::{Selector, pod_spec, template_labels};
use crate::object::{Node, Object};

use super::super::Case;
use super::super::change::{Change, Op};
use super::super::fault::Fault;
use super::super::way::Reached;
use super::{Proof, Verdict};

fn service_ports(object: Option<&Object>) -> Vec<i64> {
    let ports = object.and_then(|o| o.root().at(&["spec", "ports"])).into_iter().flat_map(Node::children);
    ports.filter_map(|p| p.get("port").and_then(Node::as_i64)).collect()
}

/// Does the Service listen where its clients ask, before and not after?
pub(super) fn port(change: &Change, asked: &[u16]) -> Proof {
    let (before, after) = (service_ports(change.before.as_deref()), service_ports(change.after.as_deref()));
    let offers = |ports: &[i64]| asked.iter().all(|p| ports.contains(&i64::from(*p)));
    if !asked.is_empty() {
        let text = format!("clients ask for {asked:?}; it had {before:?} and has {after:?}");
        if !(offers(&before) && offers(&after)) {
            return Proof::new(Verdict::of(offers(&before), offers(&after)), text);
        }
    }
    // The port is where it was: then it may still lead elsewhere.
    let targets = |o: Option<&Object>| {
        let ports = o.and_then(|o| o.root().at(&["spec", "ports"])).into_iter().flat_map(Node::children);
        ports.map(|p| p.get("targetPort").map(Node::to_doc)).collect::<Vec<_>>()
    };
    if before == after && targets(change.before.as_deref()) == targets(change.after.as_deref()) {
        return Proof::new(Verdict::Fails, "ports and target ports are as they were");
    }
    Proof::undecided()
}

/// Tells whether a pod listens on the target port of a Service port.
fn listens(pod: &Object, port: Node<'_>) -> bool {
    let Some((_, spec)) = pod_spec(pod) else { return false };
    let containers = spec.get("containers").into_iter().flat_map(Node::children);
    let mut ports = containers.flat_map(|c| c.get("ports").into_iter().flat_map(Node::children));
    let target = port.get("targetPort").or_else(|| port.get("port"));
    match target {
        Some(t) if t.as_str().is_some() => ports.any(|p| p.str_at(&["name"]) == t.as_str()),
        Some(t) => ports.any(|p| p.get("containerPort").and_then(Node::as_i64) == t.as_i64()),
        None => false,
    }
}

/// Does something listen on the target ports, before and not after?
pub(super) fn target_port(case: &Case<'_>, fault: &Fault, change: &Change) -> Proof {
    let Some(service) = case.history.last(&fault.on) else { return Proof::undecided() };
    let Some(selector) = service.root().at(&["spec", "selector"]).and_then(Selector::read) else {
        return Proof::undecided();
    };
    let line_up = |service: &Object, pod: &Object| {
        let ports = service.root().at(&["spec", "ports"]).into_iter().flat_map(Node::children);
        ports.into_iter().all(|p| listens(pod, p))
    };
    let pods = case.history.of_kind_in("", "Pod", &fault.on.namespace);
    let pod =
        pods.filter_map(|k| case.history.at(k, &fault.onset)).find(|p| selector.matches(template_labels(p)));
    let verdict = if change.key == fault.on {
        let Some(pod) = pod else { return Proof::undecided() };
        let side = |o: Option<&Object>| o.is_some_and(|s| line_up(s, pod));
        Verdict::of(side(change.before.as_deref()), side(change.after.as_deref()))
    } else {
        let side = |o: Option<&Object>| o.is_some_and(|w| line_up(service, w));
        Verdict::of(side(change.before.as_deref()), side(change.after.as_deref()))
    };
    Proof::new(verdict, "whether the pods have a container port for every target port")
}

/// Tells whether a NetworkPolicy lets through everything that it decides about.
pub fn admits_everything(policy: &Object) -> bool {
    let spec = policy.root().get("spec");
    let types: Vec<&str> = spec
        .and_then(|s| s.get("policyTypes"))
        .into_iter()
        .flat_map(Node::children)
        .filter_map(Node::as_str)
        .collect();
    let open = |field: &str, peer: &str| {
        let rules = spec.and_then(|s| s.get(field)).into_iter().flat_map(Node::children);
        rules
            .into_iter()
            .any(|r| r.get(peer).is_none_or(Node::is_empty) && r.get("ports").is_none_or(Node::is_empty))
    };
    let decides = |t: &str, field: &str| {
        types.contains(&t)
            || (types.is_empty() && (t == "Ingress" || spec.is_some_and(|s| s.get(field).is_some())))
    };
    (!decides("Ingress", "ingress") || open("ingress", "from"))
        && (!decides("Egress", "egress") || open("egress", "to"))
}

/// Does the policy let everything through before, and not after?
pub(super) fn policy(case: &Case<'_>, fault: &Fault, reached: &Reached, change: &Change) -> Proof {
    let open = |o: Option<&Object>| o.is_none_or(admits_everything);
    let (was, is) = (open(change.before.as_deref()), open(change.after.as_deref()));
    if is || change.op == Op::Delete && was {
        return Proof::new(Verdict::Fails, "it lets everything through");
    }
    let touches = |o: Option<&Object>| {
        let selector = o.and_then(|o| o.root().at(&["spec", "podSelector"])).and_then(Selector::read);
        let pods = reached.way.iter().map(|s| &s.key).chain([&fault.on]);
        let mut pods = pods.filter(|k| &*k.kind == "Pod").filter_map(|k| case.history.last(k));
        selector.is_some_and(|s| pods.any(|p| s.matches(template_labels(p))))
    };
    let selects = touches(change.after.as_deref());
    if !selects {
        return Proof::new(Verdict::Fails, "it does not select the pods");
    }
    // A policy that selects pods and does not let everything through shuts the rest out; whether this very traffic
    // is in the rest is known where it lets nothing through.
    let shuts = change.after.as_deref().is_some_and(|o| {
        ["ingress", "egress"].iter().all(|f| o.root().at(&["spec", f]).is_none_or(Node::is_empty))
    });
    if was && shuts {
        Proof::new(
            Verdict::Holds,
            "it selects the pods and lets nothing through; before there was no such policy",
        )
    } else {
        Proof::undecided()
    }
}
