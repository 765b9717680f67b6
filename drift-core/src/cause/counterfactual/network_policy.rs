//! Does traffic between two pods pass the NetworkPolicies of both sides?

use std::net::IpAddr;

use crate::k8s::pod::template_labels;
use crate::k8s::selector::Selector;
use crate::key::ResourceKey;
use crate::object::{Node, Object};

use super::super::Investigation;
use crate::history::Moment;

/// Which way a policy looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Ingress,
    Egress,
}

impl Side {
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Ingress => ("Ingress", "ingress", "from"),
            Self::Egress => ("Egress", "egress", "to"),
        }
    }
}

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    pub(super) pod: &'a Object,
    pub(super) namespace: &'a str,
}

/// The policies of an estate at a time; one of them can be taken for another version of itself.
pub(super) struct Policies<'c> {
    case: &'c Investigation<'c>,
    at: &'c Moment,
    other: (&'c ResourceKey, Option<&'c Object>),
}

impl<'c> Policies<'c> {
    pub(super) fn new(
        case: &'c Investigation<'c>,
        at: &'c Moment,
        other: (&'c ResourceKey, Option<&'c Object>),
    ) -> Self {
        Self { case, at, other }
    }

    /// Tells whether a pod may connect to a port of another one; without a port, to any.
    pub(super) fn admit(&self, from: End<'_>, to: End<'_>, ports: &[i64]) -> bool {
        self.passes(Side::Ingress, to, from, ports) && self.passes(Side::Egress, from, to, ports)
    }

    fn of_namespace<'a>(&'a self, namespace: &'a str) -> Vec<&'a Object> {
        let keys = self.case.history.of_kind_in("networking.k8s.io", "NetworkPolicy", namespace);
        let one = |k: &ResourceKey| {
            if *k == *self.other.0 { self.other.1 } else { self.case.history.at(k, self.at).map(|o| &**o) }
        };
        keys.filter_map(one).collect()
    }

    /// Asks the policies that select one end about the other.
    fn passes(&self, side: Side, own: End<'_>, peer: End<'_>, ports: &[i64]) -> bool {
        let all = self.of_namespace(own.namespace);
        let mut selecting = all.into_iter().filter(|p| selects(p, own.pod) && decides(p, side)).peekable();
        selecting.peek().is_none() || selecting.any(|p| self.lets(p, side, own, peer, ports))
    }

    fn lets(&self, policy: &Object, side: Side, own: End<'_>, peer: End<'_>, ports: &[i64]) -> bool {
        let (_, field, peers) = side.words();
        // Named ports are those of the pod that is connected to.
        let target = if side == Side::Ingress { own.pod } else { peer.pod };
        let rules = policy.root().at(&["spec", field]).into_iter().flat_map(Node::children);
        rules.into_iter().any(|rule| {
            let list = rule.get(peers).filter(|l| !l.is_empty());
            let by_peer = list.is_none_or(|l| l.children().any(|p| self.is_peer(p, own.namespace, peer)));
            let list = rule.get("ports").filter(|l| !l.is_empty());
            by_peer
                && list.is_none_or(|l| {
                    ports.is_empty() || ports.iter().any(|n| l.children().any(|p| is_port(p, *n, target)))
                })
        })
    }

    fn is_peer(&self, peer: Node<'_>, namespace: &str, end: End<'_>) -> bool {
        if let Some(block) = peer.get("ipBlock") {
            return in_block(block, end.pod);
        }
        let by_namespace = match peer.get("namespaceSelector") {
            None => end.namespace == namespace,
            Some(selector) => {
                let key = ResourceKey::new("", "Namespace", "", end.namespace);
                let labels = self.case.history.last(&key).map(|o| &**o);
                let labels = labels.and_then(|o| o.root().at(&["metadata", "labels"]));
                Selector::read(selector).is_none_or(|s| s.is_empty() || s.matches(labels))
            }
        };
        let by_pod = peer.get("podSelector").and_then(Selector::read);
        by_namespace && by_pod.is_none_or(|s| s.is_empty() || s.matches(template_labels(end.pod)))
    }
}

/// Tells whether a policy selects a pod.
pub(super) fn selects(policy: &Object, pod: &Object) -> bool {
    let selector = policy.root().at(&["spec", "podSelector"]).and_then(Selector::read);
    selector.is_none_or(|s| s.is_empty() || s.matches(template_labels(pod)))
}

/// Tells whether a policy decides about a side: by its types, or by what the API server makes of none.
pub(super) fn decides(policy: &Object, side: Side) -> bool {
    let (word, field, _) = side.words();
    let types = policy.root().at(&["spec", "policyTypes"]).filter(|t| !t.is_empty());
    match types {
        Some(types) => types.children().any(|t| t.as_str() == Some(word)),
        None => side == Side::Ingress || policy.root().at(&["spec", field]).is_some(),
    }
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

/// Tells whether an address lies in a block such as `10.0.0.0/8`.
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
