//! Does traffic between two pods pass the NetworkPolicies of both sides?

use crate::k8s::network_policy::{PolicyEnd, TrafficDirection, may_pass};
use crate::key::ResourceKey;
use crate::object::Object;

use crate::cause::investigation::Investigation;
use crate::history::Moment;

/// The policies of a cluster at a time; one of them can be taken for another version of itself.
pub(super) struct Policies<'c> {
    investigation: &'c Investigation<'c>,
    at: &'c Moment,
    other: (&'c ResourceKey, Option<&'c Object>),
}

/// Returns one end of a connection with the labels of its namespace.
pub(super) fn end_of<'c>(
    investigation: &'c Investigation<'_>,
    pod: &'c Object,
    namespace: &'c str,
) -> PolicyEnd<'c> {
    let key = ResourceKey::new("", "Namespace", "", namespace);
    let labels = investigation.history.last(&key).and_then(|o| o.root().at(&["metadata", "labels"]));
    PolicyEnd { pod, namespace, namespace_labels: labels }
}

impl<'c> Policies<'c> {
    pub(super) fn new(
        investigation: &'c Investigation<'c>,
        at: &'c Moment,
        other: (&'c ResourceKey, Option<&'c Object>),
    ) -> Self {
        Self { investigation, at, other }
    }

    /// Returns `true` if a pod may connect to a port of another one; without a port, to any.
    pub(super) fn admit(&self, from: PolicyEnd<'_>, to: PolicyEnd<'_>, ports: &[i64]) -> bool {
        may_pass(&self.of_namespace(to.namespace), TrafficDirection::Ingress, to, from, ports)
            && may_pass(&self.of_namespace(from.namespace), TrafficDirection::Egress, from, to, ports)
    }

    fn of_namespace<'a>(&'a self, namespace: &'a str) -> Vec<&'a Object> {
        let keys = self.investigation.history.of_kind_in("networking.k8s.io", "NetworkPolicy", namespace);
        let one = |k: &ResourceKey| {
            if *k == *self.other.0 {
                self.other.1
            } else {
                self.investigation.history.at(k, self.at).map(|o| &**o)
            }
        };
        keys.filter_map(one).collect()
    }
}
