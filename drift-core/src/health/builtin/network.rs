//! Service and Ingress.

use crate::health::verdict::{HealthVerdict, Subject};

/// Returns `true` if a load balancer has been given an address.
fn has_address(subject: &Subject<'_>) -> bool {
    subject.at(&["status", "loadBalancer", "ingress"]).is_some_and(|list| !list.is_empty())
}

pub(super) fn service(subject: &Subject<'_>) -> HealthVerdict {
    let kind = subject.str(&["spec", "type"]).filter(|t| !t.is_empty()).unwrap_or("ClusterIP");
    if kind != "LoadBalancer" {
        return HealthVerdict::healthy(kind, "");
    }
    if has_address(subject) {
        return HealthVerdict::healthy("LoadBalancerReady", "");
    }
    let since = subject.time(&["metadata", "creationTimestamp"]);
    HealthVerdict::progressing("LoadBalancerPending", "no address has been assigned yet").since(since)
}

pub(super) fn ingress(subject: &Subject<'_>) -> HealthVerdict {
    if has_address(subject) {
        return HealthVerdict::healthy("AddressAssigned", "");
    }
    let since = subject.time(&["metadata", "creationTimestamp"]);
    HealthVerdict::progressing("NoAddress", "no ingress controller has assigned an address yet").since(since)
}
