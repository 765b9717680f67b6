//! Faults: what is wrong with a resource at a time, by its own status and by what Kubernetes Events say of it.

mod kind;
mod others;
mod pods;
mod record;

use crate::history::History;
use crate::key::ResourceKey;

pub use kind::FaultKind;
pub(crate) use pods::{is_ready as is_pod_ready, node_ready as is_node_ready};
pub use record::{Fault, VersionRef};

/// Returns the faults of one resource at the end of the history.
pub fn faults_of(history: &History, key: &ResourceKey) -> Vec<Fault> {
    let mut out = match (&*key.group, &*key.kind) {
        ("", "Pod") => pods::faults(history, key),
        _ => others::faults(history, key),
    };
    out.sort_by_key(|f| (f.onset.at, f.kind));
    out
}

/// Reads the kind of a refusal to make pods out of its text.
pub(crate) fn refusal(message: &str) -> FaultKind {
    let has = |t: &str| message.contains(t);
    if has("exceeded quota") || has("failed quota") || has("status unknown for quota") {
        FaultKind::OverQuota
    } else if has("violates PodSecurity") {
        FaultKind::PodSecurity
    } else if has("webhook") || has("denied the request") {
        FaultKind::Webhook
    } else if has("serviceaccount") && has("not found") {
        FaultKind::NoIdentity
    } else if [
        "usage per",
        "limit to request ratio",
        "must specify",
        "minimum cpu",
        "maximum cpu",
        "minimum memory",
        "maximum memory",
    ]
    .iter()
    .any(|t| has(t))
    {
        FaultKind::LimitRange
    } else {
        FaultKind::Refused
    }
}
