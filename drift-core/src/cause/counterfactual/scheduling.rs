//! Does a pod fit on a node: resources, selectors, affinity, taints, ports.

use std::sync::Arc;

use crate::k8s::pod::pod_spec;
use crate::k8s::resources::requested_nanos;
use crate::k8s::scheduling::{
    NodeWithPods, fits_node, host_ports, is_feasible, matches_node_selector, tolerates_taints,
};
use crate::key::ResourceKey;
use crate::object::{Node, Object};

use super::config;
use crate::cause::change_kind::ChangeKind;
use crate::cause::investigation::Investigation;
use crate::cause::lineage::{in_pod_spec, owners_of, pods_of};
use crate::cause::scheduler_message::SchedulerMessage;
use crate::cause::suspicion::Suspicion;
use crate::cause::verdict::{Counterfactual, CounterfactualVerdict};

use crate::history::Moment;
use crate::history::{Change, ResourceOp};

fn node_with_pods<'c>(node: &'c Object, pods: Option<&'c Vec<Arc<Object>>>) -> NodeWithPods<'c> {
    NodeWithPods { node, pods: pods.into_iter().flatten().map(|o| &**o).collect() }
}

fn nodes<'c>(investigation: &'c Investigation<'_>, at: &'c Moment) -> impl Iterator<Item = &'c Object> {
    let keys = investigation.history.of_kind("", "Node");
    keys.filter_map(move |k| investigation.history.at(k, at)).map(|o| &**o)
}

/// The nodes at a time with their pods.
fn nodes_with_pods<'c>(investigation: &'c Investigation<'_>, at: &Moment) -> Vec<NodeWithPods<'c>> {
    let loads = investigation.history.pods_by_node(at);
    let mut out = Vec::new();
    for key in investigation.history.of_kind("", "Node") {
        if let Some(node) = investigation.history.at(key, at) {
            out.push(node_with_pods(node, loads.get(&*key.name)));
        }
    }
    out
}

/// Would the pod fit somewhere without the change?
pub(super) fn placement(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, kind, .. } = *suspicion;
    let Some(pod) = investigation.history.last(&fault.on) else { return Counterfactual::undecided() };
    let Some((_, spec)) = pod_spec(pod) else { return Counterfactual::undecided() };
    let refusals = SchedulerMessage::parse(&fault.message);
    if refusals.as_ref().and_then(|r| r.share_explained_by(kind)) == Some(0.0) {
        return Counterfactual::new(CounterfactualVerdict::Fails, "the scheduler gives other reasons");
    }
    let at = &fault.onset;
    match kind {
        ChangeKind::NodeCordon | ChangeKind::NodeTaint | ChangeKind::NodeLabels | ChangeKind::NodeStatus => {
            node(suspicion, spec)
        }
        ChangeKind::Claim | ChangeKind::StorageClass | ChangeKind::Volume => volumes(suspicion),
        ChangeKind::Volumes => config::references(suspicion),
        _ if &*change.key.kind == "LimitRange" => Counterfactual::undecided(),
        _ => {
            let has_a_node = || feasible_nodes_at_onset(suspicion, spec) > 0;
            if nodes(investigation, at).next().is_none()
                || (matches!(kind, ChangeKind::Replicas | ChangeKind::Limits) && has_a_node())
            {
                return Counterfactual::undecided();
            }
            template(suspicion, spec)
        }
    }
}

/// Counts the nodes that take pods of a spec, volumes included.
fn feasible_nodes(
    investigation: &Investigation<'_>,
    namespace: &str,
    spec: Node<'_>,
    nodes_with_pods: &[NodeWithPods<'_>],
    at: &Moment,
) -> usize {
    nodes_with_pods
        .iter()
        .filter(|r| fits_node(spec, r) && volumes_reach(investigation, namespace, spec, r.node, at))
        .count()
}

/// Counts the nodes that take the faulty pod as it is at the onset: once for all candidates.
fn feasible_nodes_at_onset(suspicion: &Suspicion<'_>, spec: Node<'_>) -> usize {
    let Suspicion { investigation, fault, .. } = *suspicion;
    let at = &fault.onset;
    investigation.feasible_nodes(&fault.on, at, || {
        feasible_nodes(investigation, &fault.on.namespace, spec, &nodes_with_pods(investigation, at), at)
    })
}

/// Returns `true` if a node is open to pods of a spec at a time, by label, taint and cordon alone.
fn any_node_feasible(investigation: &Investigation<'_>, spec: Node<'_>, at: &Moment) -> bool {
    nodes(investigation, at).any(|n| is_feasible(spec, n))
}

/// Counts the nodes that are open to pods of a spec at a time, by label, taint and cordon alone.
pub(super) fn count_feasible(investigation: &Investigation<'_>, spec: Node<'_>, at: &Moment) -> usize {
    nodes(investigation, at).filter(|n| is_feasible(spec, n)).count()
}

/// Returns `true` if the volumes of bound claims can be reached from a node.
fn volumes_reach(
    investigation: &Investigation<'_>,
    namespace: &str,
    spec: Node<'_>,
    node: &Object,
    at: &Moment,
) -> bool {
    let volumes = spec.get("volumes").into_iter().flat_map(Node::children);
    volumes.filter_map(|v| v.str_at(&["persistentVolumeClaim", "claimName"])).all(|claim| {
        let key = ResourceKey::new("", "PersistentVolumeClaim", namespace, claim);
        let Some(claim) = investigation.history.at(&key, at) else { return true };
        let Some(name) = claim.root().str_at(&["spec", "volumeName"]) else { return true };
        let Some(volume) = investigation.history.at(&ResourceKey::new("", "PersistentVolume", "", name), at)
        else {
            return true;
        };
        let terms = volume.root().at(&["spec", "nodeAffinity", "required", "nodeSelectorTerms"]);
        terms.is_none_or(|t| matches_node_selector(t, node.root()))
    })
}

/// Would the pod fit with the node as it was, and did nothing later decide about it?
fn node(suspicion: &Suspicion<'_>, spec: Node<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let at = &fault.onset;
    let namespace = &fault.on.namespace;
    let undone = undone(suspicion, at);
    let pods = investigation.history.pods_by_node(at).get(&*change.key.name);
    let one = |node: Option<&Object>| {
        node.map_or(0, |n| feasible_nodes(investigation, namespace, spec, &[node_with_pods(n, pods)], at))
    };
    let is = feasible_nodes_at_onset(suspicion, spec);
    // The other nodes are the same before and after.
    let was = is + one(undone.as_ref()) - one(investigation.history.at(&change.key, at).map(|o| &**o));
    // The template of that time would still find a node: what was changed about it since then decides.
    let workload = owners_of(investigation, &fault.on).pop();
    let moved = |w: &ResourceKey| {
        let between = |c: &Change| change.mark.is_before(&c.mark) && c.mark.is_before(at);
        investigation
            .changes_of(w)
            .iter()
            .any(|c| between(c) && c.fields.iter().any(|f| in_pod_spec(c, &f.path).is_some()))
    };
    let then = workload.as_ref().filter(|w| moved(w)).and_then(|w| investigation.history.at(w, &change.mark));
    if let Some((_, then)) = then.and_then(|o| pod_spec(o))
        && is == 0
        && feasible_nodes(investigation, namespace, then, &nodes_with_pods(investigation, at), at) > 0
    {
        return Counterfactual::new(
            CounterfactualVerdict::Fails,
            "pods of the template of that time still find a node",
        );
    }
    let text = format!("without it the pod fits on {was} nodes, with it on {is}");
    if is > 0 && fault.message.contains("topology spread") {
        // Which nodes count for spreading is not looked at here.
        return Counterfactual::new(CounterfactualVerdict::Undecided, text);
    }
    Counterfactual::new(CounterfactualVerdict::from_condition(was > 0, is > 0), text)
}

/// Returns the node as it is at a time with one change undone, whatever was changed later.
fn undone(suspicion: &Suspicion<'_>, at: &Moment) -> Option<Object> {
    let Suspicion { investigation, change, .. } = *suspicion;
    let before = || change.before.as_deref().cloned();
    let Some(now) = investigation.history.at(&change.key, at) else { return before() };
    let ty = investigation.schemas.kind(now.group(), now.version(), now.kind()).map(|k| k.root());
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
fn template(suspicion: &Suspicion<'_>, spec: Node<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let is_own = fault.on == change.key
        || investigation.graph.ever_from(&fault.on).iter().any(|e| e.to == &change.key)
        || owners_of(investigation, &fault.on).contains(&change.key);
    if !is_own {
        return competitor(suspicion, spec);
    }
    let Some((_, before)) = change.before.as_deref().and_then(pod_spec) else {
        return Counterfactual::undecided();
    };
    let (at, namespace) = (&fault.onset, &fault.on.namespace);
    if !any_node_feasible(investigation, spec, at) && any_node_feasible(investigation, spec, &change.mark) {
        return Counterfactual::new(
            CounterfactualVerdict::Fails,
            "pods of it had a node when it was made; the nodes changed later",
        );
    }
    let (was, is) = match &*fault.on.kind {
        // A DaemonSet runs on nodes by labels and taints; that they are full does not matter.
        "DaemonSet" => (count_feasible(investigation, before, at), count_feasible(investigation, spec, at)),
        _ => (
            feasible_nodes(investigation, namespace, before, &nodes_with_pods(investigation, at), at),
            feasible_nodes_at_onset(suspicion, spec),
        ),
    };
    let verdict = if is > 0 && was > 0 {
        CounterfactualVerdict::Undecided
    } else {
        CounterfactualVerdict::from_condition(was > 0, is > 0)
    };
    Counterfactual::new(
        verdict,
        format!("pods of the template before fit on {was} nodes, those of the one after on {is}"),
    )
}

/// Does another workload ask for more of what is short than before?
fn competitor(suspicion: &Suspicion<'_>, spec: Node<'_>) -> Counterfactual {
    let Suspicion { investigation, change, fault, .. } = *suspicion;
    let total = |o: Option<&Object>, resource: &str| {
        let Some(o) = o else { return 0 };
        let replicas = o.root().at(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1);
        pod_spec(o).map_or(0, |(_, s)| requested_nanos(s, resource)) * i128::from(replicas.max(0))
    };
    let ports = |o: Option<&Object>| o.and_then(pod_spec).map_or(Vec::new(), |(_, s)| host_ports(s));
    if fault.message.contains("free ports") && change.op != ResourceOp::Delete {
        let had = ports(change.before.as_deref());
        if ports(change.after.as_deref()).iter().any(|p| !had.contains(p)) {
            return Counterfactual::undecided();
        }
    }
    let short = ["cpu", "memory"].iter().find(|r| fault.message.contains(&format!("Insufficient {r}")));
    let Some(resource) = short else {
        return Counterfactual::new(
            CounterfactualVerdict::Fails,
            "no resource is short that it could have taken",
        );
    };
    let (was, is) = (total(change.before.as_deref(), resource), total(change.after.as_deref(), resource));
    if is > was && change.op != ResourceOp::Delete {
        let end = investigation.history.end().map(|at| Moment { version: None, at });
        let marks = || [Some(&fault.onset), end.as_ref()].into_iter().flatten();
        if marks().all(|at| pods_made_since(suspicion, at).is_empty()) {
            return Counterfactual::new(CounterfactualVerdict::Fails, "no pod of it came since");
        }
        return if marks().any(|at| fits_without_new_pods(suspicion, spec, at)) {
            Counterfactual::new(
                CounterfactualVerdict::Holds,
                "without the pods that came with it this one fits",
            )
        } else {
            Counterfactual::undecided()
        };
    }
    Counterfactual::new(CounterfactualVerdict::Fails, format!("it asks for no more {resource} than before"))
}

/// Returns the pods that another workload made since a change, by uid.
fn pods_made_since(suspicion: &Suspicion<'_>, at: &Moment) -> Vec<crate::key::Uid> {
    let Suspicion { investigation, change, .. } = *suspicion;
    pods_of(investigation, &change.key)
        .into_iter()
        .filter(|k| investigation.history.versions(k).first().is_some_and(|v| !v.is_before(&change.mark)))
        .filter_map(|k| investigation.history.at(&k, at).and_then(|o| o.uid()))
        .collect()
}

/// Returns `true` if the pod fits once the pods that another workload made since a change are gone.
fn fits_without_new_pods(suspicion: &Suspicion<'_>, spec: Node<'_>, at: &Moment) -> bool {
    let Suspicion { investigation, fault, .. } = *suspicion;
    let new_pods = pods_made_since(suspicion, at);
    let is_new = |p: &&Object| p.uid().is_some_and(|u| new_pods.contains(&u));
    // Where none of them runs nothing becomes free.
    let mut freed = nodes_with_pods(investigation, at);
    freed.retain(|r| r.pods.iter().any(is_new));
    freed.iter_mut().for_each(|r| r.pods.retain(|p| !is_new(p)));
    let namespace = &fault.on.namespace;
    feasible_nodes(investigation, namespace, spec, &freed, at) > 0
        && feasible_nodes(investigation, namespace, spec, &nodes_with_pods(investigation, at), at) == 0
}

/// Would the claim of the pod be there and bound without the change?
fn volumes(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let at = &fault.onset;
    let missing = fault.message.split("persistentvolumeclaim \"").nth(1).and_then(|t| t.split('"').next());
    if let Some(missing) = missing {
        let is_it = &*change.key.kind == "PersistentVolumeClaim" && *change.key.name == *missing;
        let is_gone = change.op == ResourceOp::Delete && investigation.history.at(&change.key, at).is_none();
        let verdict =
            if is_it && is_gone { CounterfactualVerdict::Holds } else { CounterfactualVerdict::Fails };
        return Counterfactual::new(verdict, format!("claim {missing} is what is missing"));
    }
    let is_bound = |k: &ResourceKey| {
        investigation.history.at(k, at).and_then(|o| o.root().str_at(&["status", "phase"])) == Some("Bound")
    };
    let claims = investigation.graph.ever_to(&change.key).into_iter().map(|e| e.from);
    let mut claims = claims.filter(|k| &*k.kind == "PersistentVolumeClaim").peekable();
    if claims.peek().is_some() && claims.all(is_bound) && &*change.key.kind == "StorageClass" {
        return Counterfactual::new(
            CounterfactualVerdict::Fails,
            "claims that are bound need their class no more",
        );
    }
    let is_claim = &*change.key.kind == "PersistentVolumeClaim";
    if change.op == ResourceOp::Delete {
        let back = investigation.history.at(&change.key, at).is_some();
        let verdict = match back {
            // What was made again under its name need not have the same volume.
            true if is_claim && !is_bound(&change.key) => CounterfactualVerdict::Undecided,
            true => CounterfactualVerdict::Fails,
            false => CounterfactualVerdict::Holds,
        };
        return Counterfactual::new(verdict, "whether the claim, volume or class is there");
    }
    Counterfactual::undecided()
}

/// Does the taint put the pod out?
pub(super) fn eviction(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let Some(pod) = investigation.history.last(&fault.on) else { return Counterfactual::undecided() };
    let Some((_, spec)) = pod_spec(pod) else { return Counterfactual::undecided() };
    let stays = |o: Option<&Object>| o.is_some_and(|n| tolerates_taints(spec, n.root(), &["NoExecute"]));
    let verdict = CounterfactualVerdict::from_condition(
        stays(change.before.as_deref()),
        stays(change.after.as_deref()),
    );
    Counterfactual::new(verdict, "whether the pod tolerates the taints of the node")
}
