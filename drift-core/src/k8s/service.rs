//! Ports of Services and of the pods behind them, and the endpoints that take traffic.
//!
//! After `pkg/controller/endpoint` and `staging/src/k8s.io/endpointslice/utils.go` (`FindPort`): a target port is a number,
//! or the name of a container port; without one it is the Service's own port.

use crate::k8s::pod::pod_spec;
use crate::object::{Node, Object};

/// Returns the endpoints of an EndpointSlice that take traffic.
///
/// `ready` that is not written counts as `true`: `staging/src/k8s.io/api/discovery/v1/types.go` (`EndpointConditions`)
/// reads it so.
pub fn ready_endpoints(slice: &Object) -> impl Iterator<Item = Node<'_>> {
    let endpoints = slice.root().get("endpoints").into_iter().flat_map(Node::children);
    endpoints.filter(|e| e.at(&["conditions", "ready"]).and_then(Node::as_bool) != Some(false))
}

/// Returns `true` if a pod, or what makes pods, declares the container port that a port of a Service leads to.
///
/// A process may listen on a port that its container does not declare: `false` is no proof that nobody listens.
pub fn declares_target_port(pod: &Object, port: Node<'_>) -> bool {
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

/// Returns the ports of a pod to which a Service leads; named ones that the pod does not declare are left out.
pub fn target_ports(service: Option<&Object>, pod: &Object) -> Vec<i64> {
    let ports = service.and_then(|o| o.root().at(&["spec", "ports"])).into_iter().flat_map(Node::children);
    let containers = pod.root().at(&["spec", "containers"]).into_iter().flat_map(Node::children);
    let named: Vec<_> = containers
        .flat_map(|c| c.get("ports").into_iter().flat_map(Node::children))
        .filter_map(|p| Some((p.str_at(&["name"])?, p.get("containerPort").and_then(Node::as_i64)?)))
        .collect();
    let one = |p: Node<'_>| {
        let target = p.get("targetPort").or_else(|| p.get("port"))?;
        let by_name = |name: &str| named.iter().find(|(n, _)| *n == name).map(|(_, port)| *port);
        target.as_i64().or_else(|| target.as_str().and_then(by_name))
    };
    ports.filter_map(one).collect()
}
