//! Whether NetworkPolicies let two pods talk, decided offline.
//!
//! After `staging/src/k8s.io/api/networking/v1/types.go` and the rules of
//! <https://kubernetes.io/docs/concepts/services-networking/network-policies/>: a pod that no policy selects in a direction
//! may talk to everybody; one that some select needs one of them to allow it; both ends must.
//!
//! # Example
//!
//! ```
//! use drift_core::Object;
//! use drift_core::k8s::network_policy::{PolicyEnd, TrafficDirection, may_pass};
//!
//! let object = |json: &str| Object::from_json(json.as_bytes()).unwrap();
//! let pod = |name: &str| object(&format!(
//!     r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}","namespace":"shop","labels":{{"app":"{name}"}}}}}}"#
//! ));
//! let only_web = object(r#"{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"p","namespace":"shop"},
//!     "spec":{"podSelector":{"matchLabels":{"app":"db"}},"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"web"}}}]}]}}"#);
//! let (db, web, job) = (pod("db"), pod("web"), pod("job"));
//! let end = |pod| PolicyEnd { pod, namespace: "shop", namespace_labels: None };
//! let lets_in = |from| may_pass(&[&only_web], TrafficDirection::Ingress, end(&db), end(from), &[5432]);
//! assert!(lets_in(&web));
//! assert!(!lets_in(&job));
//! ```

use std::net::IpAddr;

use crate::k8s::pod::template_labels;
use crate::k8s::selector::Selector;
use crate::object::{Node, Object};

/// Direction of traffic, as seen from the pod that a policy selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrafficDirection {
    /// Into the pod.
    Ingress,
    /// Out of the pod.
    Egress,
}

impl TrafficDirection {
    /// Returns the word in `policyTypes`, the field of the rules, and the field of their peers.
    fn field_names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Ingress => ("Ingress", "ingress", "from"),
            Self::Egress => ("Egress", "egress", "to"),
        }
    }
}

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct PolicyEnd<'a> {
    /// The pod, or what would make it: its template's labels count.
    pub pod: &'a Object,
    /// Its namespace.
    pub namespace: &'a str,
    /// Labels of its namespace, for `namespaceSelector`; `None` where they are not known or there are none.
    pub namespace_labels: Option<Node<'a>>,
}

/// Returns `true` if the policies of a namespace let traffic of one of its pods through in a direction.
///
/// `policies` are all of `own`'s namespace. Without ports it is asked whether any port is open.
pub fn may_pass(
    policies: &[&Object],
    direction: TrafficDirection,
    own: PolicyEnd<'_>,
    peer: PolicyEnd<'_>,
    ports: &[i64],
) -> bool {
    let mut selecting =
        policies.iter().filter(|p| selects_pod(p, own.pod) && decides_about(p, direction)).peekable();
    selecting.peek().is_none() || selecting.any(|p| allows(p, direction, own, peer, ports))
}

fn allows(
    policy: &Object,
    direction: TrafficDirection,
    own: PolicyEnd<'_>,
    peer: PolicyEnd<'_>,
    ports: &[i64],
) -> bool {
    let (_, field, peers) = direction.field_names();
    // Named ports are those of the pod that is connected to.
    let target = if direction == TrafficDirection::Ingress { own.pod } else { peer.pod };
    let rules = policy.root().at(&["spec", field]).into_iter().flat_map(Node::children);
    rules.into_iter().any(|rule| {
        let list = rule.get(peers).filter(|l| !l.is_empty());
        let by_peer = list.is_none_or(|l| l.children().any(|p| is_peer(p, own.namespace, peer)));
        let list = rule.get("ports").filter(|l| !l.is_empty());
        by_peer
            && list.is_none_or(|l| {
                ports.is_empty() || ports.iter().any(|n| l.children().any(|p| is_port(p, *n, target)))
            })
    })
}

fn is_peer(peer: Node<'_>, namespace: &str, end: PolicyEnd<'_>) -> bool {
    if let Some(block) = peer.get("ipBlock") {
        return in_block(block, end.pod);
    }
    let by_namespace = match peer.get("namespaceSelector") {
        None => end.namespace == namespace,
        Some(selector) => Selector::read(selector).is_none_or(|s| s.matches(end.namespace_labels)),
    };
    let by_pod = peer.get("podSelector").and_then(Selector::read);
    by_namespace && by_pod.is_none_or(|s| s.matches(template_labels(end.pod)))
}

/// Returns `true` if a policy selects a pod; an empty selector selects all.
pub fn selects_pod(policy: &Object, pod: &Object) -> bool {
    let selector = policy.root().at(&["spec", "podSelector"]).and_then(Selector::read);
    selector.is_none_or(|s| s.matches(template_labels(pod)))
}

/// Returns `true` if a policy decides about a direction: by its `policyTypes`, or by their default.
///
/// Without them a policy decides about ingress, and about egress where it has egress rules.
pub fn decides_about(policy: &Object, direction: TrafficDirection) -> bool {
    let (word, field, _) = direction.field_names();
    let types = policy.root().at(&["spec", "policyTypes"]).filter(|t| !t.is_empty());
    match types {
        Some(types) => types.children().any(|t| t.as_str() == Some(word)),
        None => direction == TrafficDirection::Ingress || policy.root().at(&["spec", field]).is_some(),
    }
}

/// Returns `true` if a NetworkPolicy lets through everything in each direction that it decides about.
///
/// For example `ingress: [{}]` with no `policyTypes` does; `ingress: []` lets nothing in.
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

fn is_port(rule: Node<'_>, port: i64, target: &Object) -> bool {
    let Some(wanted) = rule.get("port") else { return true };
    if let Some(name) = wanted.as_str() {
        let containers = target.root().at(&["spec", "containers"]).into_iter().flat_map(Node::children);
        let mut ports = containers.flat_map(|c| c.get("ports").into_iter().flat_map(Node::children));
        return ports.any(|p| {
            p.str_at(&["name"]) == Some(name) && p.get("containerPort").and_then(Node::as_i64) == Some(port)
        });
    }
    let from = wanted.as_i64().unwrap_or(0);
    let to = rule.get("endPort").and_then(Node::as_i64).unwrap_or(from);
    (from..=to).contains(&port)
}

fn in_block(block: Node<'_>, pod: &Object) -> bool {
    let Some(ip) = pod.root().str_at(&["status", "podIP"]).and_then(|t| t.parse::<IpAddr>().ok()) else {
        // An address that is not known may be in it.
        return true;
    };
    let except = block.get("except").into_iter().flat_map(Node::children).filter_map(Node::as_str);
    block.str_at(&["cidr"]).is_some_and(|c| contains(c, ip)) && !except.into_iter().any(|c| contains(c, ip))
}

/// Returns `true` if an address lies in a block such as `10.0.0.0/8`.
fn contains(block: &str, ip: IpAddr) -> bool {
    let Some((net, bits)) = block.split_once('/') else { return false };
    let (Ok(net), Ok(bits)) = (net.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let number = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let ((a, wide), (b, other)) = (number(net), number(ip));
    if wide != other || bits > wide {
        return false;
    }
    bits == 0 || (a >> (128 - bits)) == (b >> (128 - bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_their_addresses() {
        let check = |block: &str, ip: &str, expect: bool| {
            assert_eq!(contains(block, ip.parse().unwrap()), expect, "{block} {ip}");
        };
        check("10.0.0.0/8", "10.255.1.2", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("0.0.0.0/0", "192.168.1.1", true);
        check("10.1.2.3/32", "10.1.2.3", true);
        check("10.1.2.3/32", "10.1.2.4", false);
        check("fd00::/8", "fd12::1", true);
        check("fd00::/8", "10.0.0.1", false);
        check("10.0.0.0/99", "10.0.0.1", false);
    }
}
