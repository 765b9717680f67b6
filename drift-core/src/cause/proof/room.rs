//! Does a pod fit on a node: resources, selectors, affinity, taints, ports.

use std::cell::LazyCell;

use crate::graph::pod_spec;
use crate::object::{Node, Object};
use crate::schema::Quantity;

use super::super::Case;
use super::super::change::{Change, Op};
use super::super::class::Class;
use super::super::fault::Fault;
use super::super::history::{Loads, Mark};
use super::{Proof, Verdict};

/// Reads a quantity, as a text or a number, in billionths.
pub(super) fn amount(node: Node<'_>) -> Option<i128> {
    let text = match (node.as_str(), node.as_i64(), node.as_f64()) {
        (Some(text), ..) => text.to_owned(),
        (None, Some(i), _) => i.to_string(),
        (None, None, Some(f)) => f.to_string(),
        _ => return None,
    };
    text.parse::<Quantity>().ok().map(Quantity::nanos)
}

/// A node with what the pods on it have asked for.
#[derive(Debug)]
pub struct NodeRoom<'a> {
    /// The node.
    pub node: &'a Object,
    /// The pods that run on it.
    pub pods: Vec<&'a Object>,
}

/// Returns what a pod spec asks for of a resource: its containers together, or its largest init container.
fn asked(spec: Node<'_>, resource: &str) -> i128 {
    let of = |c: Node<'_>| c.at(&["resources", "requests", resource]).and_then(amount).unwrap_or(0);
    let sum: i128 = spec.get("containers").into_iter().flat_map(Node::children).map(of).sum();
    let init = spec.get("initContainers").into_iter().flat_map(Node::children).map(of).max().unwrap_or(0);
    let overhead = spec.at(&["overhead", resource]).and_then(amount).unwrap_or(0);
    sum.max(init) + overhead
}

fn is_over(pod: &Object) -> bool {
    matches!(pod.root().str_at(&["status", "phase"]), Some("Succeeded" | "Failed"))
}

/// Tells whether a pod spec fits on a node as the scheduler sees it; affinity between pods and volumes are not looked at.
pub fn fits_node(spec: Node<'_>, room: &NodeRoom<'_>) -> bool {
    let node = room.node.root();
    has_room(spec, room)
        && is_open(spec, node)
        && wants(spec, node)
        && tolerates(spec, node, &["NoSchedule", "NoExecute"])
        && ports_are_free(spec, room)
}

fn is_open(spec: Node<'_>, node: Node<'_>) -> bool {
    node.at(&["spec", "unschedulable"]).and_then(Node::as_bool) != Some(true)
        || tolerations(spec).any(|t| tolerates_taint(t, "node.kubernetes.io/unschedulable", "", "NoSchedule"))
}

fn has_room(spec: Node<'_>, room: &NodeRoom<'_>) -> bool {
    let free = |resource: &str| {
        let all = room.node.root().at(&["status", "allocatable", resource]).and_then(amount);
        let taken: i128 = room
            .pods
            .iter()
            .filter(|p| !is_over(p))
            .filter_map(|p| pod_spec(p))
            .map(|(_, s)| asked(s, resource))
            .sum();
        all.map(|a| a - taken)
    };
    let mut names: Vec<&str> = Vec::new();
    for c in spec.get("containers").into_iter().flat_map(Node::children) {
        names.extend(c.at(&["resources", "requests"]).into_iter().flat_map(Node::children).map(Node::key));
    }
    // A node that has none of a resource cannot give it; one that says nothing of cpu and memory is not known to lack them.
    names.iter().all(|r| {
        let want = asked(spec, r);
        want == 0 || free(r).map_or(matches!(*r, "cpu" | "memory" | "ephemeral-storage"), |f| want <= f)
    })
}

/// Tells whether node selector and required node affinity match.
fn wants(spec: Node<'_>, node: Node<'_>) -> bool {
    let label =
        |name: &str| node.at(&["metadata", "labels"]).and_then(|l| l.get(name)).and_then(Node::as_str);
    let simple = spec.get("nodeSelector").into_iter().flat_map(Node::children);
    if !simple.into_iter().all(|s| label(s.key()) == s.as_str()) {
        return false;
    }
    let path =
        ["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];
    let Some(terms) = spec.at(&path) else { return true };
    let name = node.str_at(&["metadata", "name"]);
    terms.children().any(|term| {
        let expressions = term.get("matchExpressions").into_iter().flat_map(Node::children);
        let fields = term.get("matchFields").into_iter().flat_map(Node::children);
        let empty = term.get("matchExpressions").is_none_or(Node::is_empty)
            && term.get("matchFields").is_none_or(Node::is_empty);
        !empty
            && expressions.into_iter().all(|e| expression(e, label(e.str_at(&["key"]).unwrap_or_default())))
            && fields.into_iter().all(|e| expression(e, name))
    })
}

fn expression(e: Node<'_>, value: Option<&str>) -> bool {
    let values: Vec<&str> =
        e.get("values").into_iter().flat_map(Node::children).filter_map(Node::as_str).collect();
    let number = |t: Option<&str>| t.and_then(|t| t.parse::<i64>().ok());
    let bound = || number(values.first().copied());
    match e.str_at(&["operator"]) {
        Some("In") => value.is_some_and(|v| values.contains(&v)),
        Some("NotIn") => value.is_none_or(|v| !values.contains(&v)),
        Some("Exists") => value.is_some(),
        Some("DoesNotExist") => value.is_none(),
        Some("Gt") => number(value).zip(bound()).is_some_and(|(a, b)| a > b),
        Some("Lt") => number(value).zip(bound()).is_some_and(|(a, b)| a < b),
        _ => false,
    }
}

fn tolerations<'a>(spec: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    spec.get("tolerations").into_iter().flat_map(Node::children)
}

fn tolerates_taint(t: Node<'_>, key: &str, value: &str, effect: &str) -> bool {
    let get = |f: &str| t.str_at(&[f]).unwrap_or_default();
    let by_key = get("key").is_empty() || get("key") == key;
    let by_value = get("operator") == "Exists" || (get("value") == value && !get("key").is_empty());
    by_key && by_value && (get("effect").is_empty() || get("effect") == effect)
}

fn tolerates(spec: Node<'_>, node: Node<'_>, effects: &[&str]) -> bool {
    node.at(&["spec", "taints"]).into_iter().flat_map(Node::children).all(|taint| {
        let get = |f: &str| taint.str_at(&[f]).unwrap_or_default();
        !effects.contains(&get("effect"))
            || tolerations(spec).any(|t| tolerates_taint(t, get("key"), get("value"), get("effect")))
    })
}

fn host_ports(spec: Node<'_>) -> Vec<(i64, String)> {
    let on_host = spec.get("hostNetwork").and_then(Node::as_bool) == Some(true);
    let containers = spec.get("containers").into_iter().flat_map(Node::children);
    let ports = containers.flat_map(|c| c.get("ports").into_iter().flat_map(Node::children));
    let one = |p: Node<'_>| {
        let port = p.get("hostPort").and_then(Node::as_i64).filter(|p| *p > 0);
        let port =
            port.or_else(|| if on_host { p.get("containerPort").and_then(Node::as_i64) } else { None });
        port.map(|n| (n, p.str_at(&["protocol"]).unwrap_or("TCP").to_owned()))
    };
    ports.filter_map(one).collect()
}

fn ports_are_free(spec: Node<'_>, room: &NodeRoom<'_>) -> bool {
    let wanted = host_ports(spec);
    wanted.is_empty()
        || !room
            .pods
            .iter()
            .filter(|p| !is_over(p))
            .filter_map(|p| pod_spec(p))
            .any(|(_, s)| host_ports(s).iter().any(|taken| wanted.contains(taken)))
}

/// The nodes at a time with their pods; one object can be taken for another version of itself.
fn rooms<'c>(
    case: &'c Case<'_>,
    loads: &'c Loads,
    at: &Mark,
    other: Option<(&crate::key::ResourceKey, Option<&'c Object>)>,
) -> Vec<NodeRoom<'c>> {
    let mut out = Vec::new();
    for key in case.history.of_kind("", "Node") {
        let node = match other {
            Some((k, o)) if k == key => o,
            _ => case.history.at(key, at).map(|o| &**o),
        };
        if let Some(node) = node {
            let pods = loads.get(&*key.name).into_iter().flatten().map(|o| &**o).collect();
            out.push(NodeRoom { node, pods });
        }
    }
    out
}

/// Would the pod fit somewhere without the change?
pub(super) fn prove(case: &Case<'_>, fault: &Fault, change: &Change, class: Class) -> Proof {
    let Some(pod) = case.history.last(&fault.on) else { return Proof::undecided() };
    let Some((_, spec)) = pod_spec(pod) else { return Proof::undecided() };
    let at = &fault.onset;
    let fits = |spec: Node<'_>, rooms: &[NodeRoom<'_>]| rooms.iter().filter(|r| fits_node(spec, r)).count();
    let loads = case.history.loads(at);
    let now = rooms(case, &loads, at, None);
    if now.is_empty() {
        return Proof::undecided();
    }
    let is = LazyCell::new(|| fits(spec, &now));
    match class {
        Class::NodeCordon | Class::NodeTaint | Class::NodeLabels | Class::NodeStatus => {
            let undone = undone(case, change, at);
            let before = rooms(case, &loads, at, Some((&change.key, undone.as_ref())));
            let was = fits(spec, &before);
            Proof::new(
                Verdict::of(was > 0, *is > 0),
                format!("without it the pod fits on {was} nodes, with it on {}", *is),
            )
        }
        Class::Claim | Class::StorageClass | Class::Volume | Class::Volumes => volumes(case, fault, change),
        Class::Replicas | Class::Limits if *is > 0 => Proof::undecided(),
        _ if &*change.key.kind == "LimitRange" => Proof::undecided(),
        _ => template(case, fault, change, || *is, &now),
    }
}

/// Returns the node as it is at a time with one change undone, whatever was changed later.
fn undone(case: &Case<'_>, change: &Change, at: &Mark) -> Option<Object> {
    let before = || change.before.as_deref().cloned();
    let Some(now) = case.history.at(&change.key, at) else { return before() };
    let ty = case.schemas.kind(now.group(), now.version(), now.kind()).map(|k| k.root());
    let fields = change.fields.iter().filter(|f| !f.path.starts_with_fields(&["status"]));
    let diff: crate::diff::Diff = fields.cloned().collect();
    let patched = diff.invert().patch(now.doc(), ty).ok().and_then(|doc| Object::new(doc).ok());
    if change.fields.iter().any(|f| f.path.starts_with_fields(&["status"])) {
        before()
    } else {
        patched.or_else(before)
    }
}

/// Would pods of the template before the change fit somewhere?
fn template(
    case: &Case<'_>,
    fault: &Fault,
    change: &Change,
    is: impl Fn() -> usize,
    now: &[NodeRoom<'_>],
) -> Proof {
    let is_own = case.graph.ever_from(&fault.on).iter().any(|e| e.to == &change.key)
        || case.owners_of(&fault.on).contains(&change.key);
    if !is_own {
        return rival(change, fault);
    }
    let Some((_, before)) = change.before.as_deref().and_then(pod_spec) else {
        return Proof::undecided();
    };
    let (was, is) = (now.iter().filter(|r| fits_node(before, r)).count(), is());
    let verdict = if is > 0 && was > 0 { Verdict::Undecided } else { Verdict::of(was > 0, is > 0) };
    Proof::new(
        verdict,
        format!("pods of the template before fit on {was} nodes, those of the one after on {is}"),
    )
}

/// Does another workload ask for more of what is short than before?
fn rival(change: &Change, fault: &Fault) -> Proof {
    let total = |o: Option<&Object>, resource: &str| {
        let Some(o) = o else { return 0 };
        let replicas = o.root().at(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1);
        pod_spec(o).map_or(0, |(_, s)| asked(s, resource)) * i128::from(replicas.max(0))
    };
    let short = ["cpu", "memory"].iter().find(|r| fault.message.contains(&format!("Insufficient {r}")));
    let Some(resource) = short else {
        return Proof::new(Verdict::Fails, "no resource is short that it could have taken");
    };
    let (was, is) = (total(change.before.as_deref(), resource), total(change.after.as_deref(), resource));
    if is > was && change.op != Op::Delete {
        return Proof::undecided();
    }
    Proof::new(Verdict::Fails, format!("it asks for no more {resource} than before"))
}

fn volumes(case: &Case<'_>, fault: &Fault, change: &Change) -> Proof {
    if change.op == Op::Delete {
        let back = case.history.at(&change.key, &fault.onset).is_some();
        let verdict = if back { Verdict::Fails } else { Verdict::Holds };
        return Proof::new(verdict, "whether the claim, volume or class is there");
    }
    Proof::undecided()
}

/// Does the taint put the pod out?
pub(super) fn eviction(case: &Case<'_>, fault: &Fault, change: &Change) -> Proof {
    let Some(pod) = case.history.last(&fault.on) else { return Proof::undecided() };
    let Some((_, spec)) = pod_spec(pod) else { return Proof::undecided() };
    let stays = |o: Option<&Object>| o.is_some_and(|n| tolerates(spec, n.root(), &["NoExecute"]));
    let verdict = Verdict::of(stays(change.before.as_deref()), stays(change.after.as_deref()));
    Proof::new(verdict, "whether the pod tolerates the taints of the node")
}
