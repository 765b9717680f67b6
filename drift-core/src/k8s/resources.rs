//! Requests, limits and quantities of containers and pods.
//!
//! After `staging/src/k8s.io/component-helpers/resource/helpers.go` (`PodRequests`) and
//! `staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go`.

use crate::object::Node;
use crate::schema::Quantity;

/// Reads a quantity, written as text or as a number, in billionths: `500m` is 500,000,000.
///
/// `None` for anything else.
pub fn quantity_nanos(node: Node<'_>) -> Option<i128> {
    let parsed = match (node.as_str(), node.as_i64(), node.as_f64()) {
        (Some(text), ..) => text.parse::<Quantity>(),
        (None, Some(i), _) => i.to_string().parse(),
        (None, None, Some(f)) => f.to_string().parse(),
        _ => return None,
    };
    parsed.ok().map(Quantity::nanos)
}

/// Returns what a pod spec requests of a resource, in billionths: its containers together or its largest init container,
/// whichever is more, and the overhead of its runtime class.
///
/// For example two containers with `cpu: 100m` each and an init container with `cpu: 500m` request 500,000,000.
pub fn requested_nanos(spec: Node<'_>, resource: &str) -> i128 {
    let of = |c: Node<'_>| c.at(&["resources", "requests", resource]).and_then(quantity_nanos).unwrap_or(0);
    let sum: i128 = spec.get("containers").into_iter().flat_map(Node::children).map(of).sum();
    let init = spec.get("initContainers").into_iter().flat_map(Node::children).map(of).max().unwrap_or(0);
    let overhead = spec.at(&["overhead", resource]).and_then(quantity_nanos).unwrap_or(0);
    sum.max(init) + overhead
}
