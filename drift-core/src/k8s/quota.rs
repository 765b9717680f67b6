//! What a ResourceQuota counts and refuses.
//!
//! After `staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go` (the text of a refusal) and
//! `pkg/quota/v1/evaluator/core/pods.go` of `kubernetes/kubernetes`.

use std::collections::BTreeMap;

use crate::k8s::resources::quantity_nanos;
use crate::object::{Node, Object};
use crate::schema::Quantity;

/// One refusal by a quota, as the API server words it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaRefusal {
    /// Name of the quota.
    pub quota: String,
    /// What was requested, by resource, in billionths.
    pub requested: BTreeMap<String, i128>,
    /// What is used already.
    pub used: BTreeMap<String, i128>,
    /// The hard limits.
    pub limited: BTreeMap<String, i128>,
}

impl QuotaRefusal {
    /// Reads `exceeded quota: NAME, requested: A=1,B=2, used: …, limited: …`; the last one of several.
    pub fn from_message(message: &str) -> Option<Self> {
        let (_, rest) = message.rsplit_once("exceeded quota: ")?;
        let rest = rest.split(" | ").next().unwrap_or(rest);
        let (quota, rest) = rest.split_once(", requested: ")?;
        let (requested, rest) = rest.split_once(", used: ")?;
        let (used, limited) = rest.split_once(", limited: ")?;
        let table = |text: &str| {
            let pairs = text.split(',').filter_map(|p| p.trim().split_once('='));
            pairs
                .filter_map(|(k, v)| Some((k.to_owned(), v.trim().parse::<Quantity>().ok()?.nanos())))
                .collect()
        };
        Some(Self {
            quota: quota.to_owned(),
            requested: table(requested),
            used: table(used),
            limited: table(limited),
        })
    }
}

/// Returns the hard limits of a ResourceQuota by resource, in billionths.
pub fn hard_limits(object: Option<&Object>) -> BTreeMap<String, i128> {
    let list = object.and_then(|o| o.root().at(&["spec", "hard"])).into_iter().flat_map(Node::children);
    list.filter_map(|n| Some((n.key().to_owned(), quantity_nanos(n)?))).collect()
}

/// Returns what pods of a spec count for in a quota, by the quota's name of the resource, in billionths.
///
/// For example `requests.cpu`, `limits.memory`, and `cpu`, which means its requests; `None` for what is no resource of
/// containers.
pub fn quota_usage(spec: Node<'_>, name: &str) -> Option<i128> {
    let (list, resource) = match name.split_once('.') {
        Some(("requests", r)) => ("requests", r),
        Some(("limits", r)) => ("limits", r),
        None if matches!(name, "cpu" | "memory") => ("requests", name),
        _ => return None,
    };
    let of = |c: Node<'_>| c.at(&["resources", list, resource]).and_then(quantity_nanos).unwrap_or(0);
    Some(spec.get("containers").into_iter().flat_map(Node::children).map(of).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_as_the_server_words_it() {
        let text = "pods \"a-1\" is forbidden: exceeded quota: small, requested: pods=1,requests.cpu=500m, used: pods=15,requests.cpu=1, limited: pods=12,requests.cpu=2";
        let got = QuotaRefusal::from_message(text).unwrap();
        assert_eq!(got.quota, "small");
        assert_eq!(got.requested["requests.cpu"], 500_000_000);
        assert_eq!((got.used["pods"], got.limited["pods"]), (15_000_000_000, 12_000_000_000));
        assert_eq!(QuotaRefusal::from_message("exceeded quota"), None);
    }
}
