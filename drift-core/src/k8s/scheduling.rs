//! Whether a pod fits on a node, decided offline as the scheduler's filters decide it.
//!
//! After `pkg/scheduler/framework/plugins` of `kubernetes/kubernetes`: `noderesources/fit.go`, `nodeunschedulable`,
//! `nodeaffinity`, `tainttoleration` and `nodeports`, and `staging/src/k8s.io/component-helpers/scheduling/corev1`.
//!
//! Not decided here, because it needs more than the pod and the node: affinity between pods, topology spread, volumes
//! and dynamic resources.
//!
//! # Example
//!
//! ```
//! use drift_core::Object;
//! use drift_core::k8s::pod::pod_spec;
//! use drift_core::k8s::scheduling::{NodeWithPods, fits_node};
//!
//! let object = |json: &str| Object::from_json(json.as_bytes()).unwrap();
//! let node = object(
//!     r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"a"},"status":{"allocatable":{"cpu":"2"}}}"#,
//! );
//! let pod = |cpu: &str| {
//!     object(&format!(
//!         r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p","namespace":"n"}},"spec":{{"containers":[
//!             {{"name":"c","resources":{{"requests":{{"cpu":"{cpu}"}}}}}}]}}}}"#
//!     ))
//! };
//! let running = pod("1500m");
//! let node = NodeWithPods { node: &node, pods: vec![&running] };
//! let fits = |pod: &Object| fits_node(pod_spec(pod).unwrap().1, &node);
//! assert!(fits(&pod("500m")));
//! assert!(!fits(&pod("501m")));
//! ```

use crate::k8s::pod::pod_spec;
use crate::k8s::resources::{quantity_nanos, requested_nanos};
use crate::object::{Node, Object};

/// A node with what the pods on it have asked for.
#[derive(Debug)]
pub struct NodeWithPods<'a> {
    /// The node.
    pub node: &'a Object,
    /// The pods that run on it.
    pub pods: Vec<&'a Object>,
}

/// Returns `true` if a node is open to pods of a spec whatever runs there: by label, taint and cordon alone.
///
/// DaemonSets are placed by this.
pub fn is_feasible(spec: Node<'_>, node: &Object) -> bool {
    let node = node.root();
    tolerates_cordon(spec, node)
        && matches_affinity(spec, node)
        && tolerates_taints(spec, node, &["NoSchedule", "NoExecute"])
}

fn is_finished(pod: &Object) -> bool {
    matches!(pod.root().str_at(&["status", "phase"]), Some("Succeeded" | "Failed"))
}

/// Returns `true` if a pod spec passes the scheduler's filters for a node: capacity, cordon, selector and required node
/// affinity, taints, host ports.
///
/// A node that says nothing of `cpu`, `memory` or `ephemeral-storage` is not known to lack them; it has none of any other
/// resource that it does not list.
pub fn fits_node(spec: Node<'_>, node_with_pods: &NodeWithPods<'_>) -> bool {
    let node = node_with_pods.node.root();
    has_capacity(spec, node_with_pods)
        && tolerates_cordon(spec, node)
        && matches_affinity(spec, node)
        && tolerates_taints(spec, node, &["NoSchedule", "NoExecute"])
        && ports_are_free(spec, node_with_pods)
}

fn tolerates_cordon(spec: Node<'_>, node: Node<'_>) -> bool {
    node.at(&["spec", "unschedulable"]).and_then(Node::as_bool) != Some(true)
        || tolerations(spec).any(|t| tolerates_taint(t, "node.kubernetes.io/unschedulable", "", "NoSchedule"))
}

fn has_capacity(spec: Node<'_>, node_with_pods: &NodeWithPods<'_>) -> bool {
    let taken = |resource: &str| -> i128 {
        let pods =
            node_with_pods.pods.iter().filter(|p| !is_finished(p)).filter_map(|p| p.root().get("spec"));
        pods.map(|s| requested_nanos(s, resource)).sum()
    };
    // What is more than all of a node needs no look at its pods.
    let gives = |resource: &str, want: i128| {
        let all =
            node_with_pods.node.root().at(&["status", "allocatable", resource]).and_then(quantity_nanos);
        all.map(|all| want <= all && want <= all - taken(resource))
    };
    let mut names: Vec<&str> = Vec::new();
    for c in spec.get("containers").into_iter().flat_map(Node::children) {
        names.extend(c.at(&["resources", "requests"]).into_iter().flat_map(Node::children).map(Node::key));
    }
    // A node that has none of a resource cannot give it; one that says nothing of cpu and memory is not known to lack them.
    names.iter().all(|r| {
        let want = requested_nanos(spec, r);
        want == 0 || gives(r, want).unwrap_or(matches!(*r, "cpu" | "memory" | "ephemeral-storage"))
    })
}

/// Returns `true` if node selector and required node affinity match.
fn matches_affinity(spec: Node<'_>, node: Node<'_>) -> bool {
    let label =
        |name: &str| node.at(&["metadata", "labels"]).and_then(|l| l.get(name)).and_then(Node::as_str);
    let simple = spec.get("nodeSelector").into_iter().flat_map(Node::children);
    if !simple.into_iter().all(|s| label(s.key()) == s.as_str()) {
        return false;
    }
    let path =
        ["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];
    spec.at(&path).is_none_or(|terms| matches_node_selector(terms, node))
}

/// Returns `true` if one of the terms of a node selector (`nodeSelectorTerms`) matches a node; an empty term matches none.
pub fn matches_node_selector(terms: Node<'_>, node: Node<'_>) -> bool {
    let label =
        |name: &str| node.at(&["metadata", "labels"]).and_then(|l| l.get(name)).and_then(Node::as_str);
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

/// Returns `true` if a pod spec tolerates the taints of a node that have one of the effects, such as `NoSchedule`.
///
/// The taint `node.kubernetes.io/unschedulable` counts only while the node is cordoned: the node controller derives it.
pub fn tolerates_taints(spec: Node<'_>, node: Node<'_>, effects: &[&str]) -> bool {
    node.at(&["spec", "taints"]).into_iter().flat_map(Node::children).all(|taint| {
        let get = |f: &str| taint.str_at(&[f]).unwrap_or_default();
        // The node controller derives this one from the mark, and takes it away with it.
        let is_mark = get("key") == "node.kubernetes.io/unschedulable";
        (is_mark && node.at(&["spec", "unschedulable"]).and_then(Node::as_bool) != Some(true))
            || !effects.contains(&get("effect"))
            || tolerations(spec).any(|t| tolerates_taint(t, get("key"), get("value"), get("effect")))
    })
}

/// Returns the ports that a pod spec takes on its node, with their protocol: host ports, and all ports on the host network.
pub fn host_ports(spec: Node<'_>) -> Vec<(i64, String)> {
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

fn ports_are_free(spec: Node<'_>, node_with_pods: &NodeWithPods<'_>) -> bool {
    let wanted = host_ports(spec);
    wanted.is_empty()
        || !node_with_pods
            .pods
            .iter()
            .filter(|p| !is_finished(p))
            .filter_map(|p| pod_spec(p))
            .any(|(_, s)| host_ports(s).iter().any(|taken| wanted.contains(taken)))
}
