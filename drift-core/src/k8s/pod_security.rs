//! Pod Security admission.
//!
//! After KEP-2579 and `staging/src/k8s.io/pod-security-admission/api` of `kubernetes/kubernetes`.

use crate::object::Object;

/// A level of the Pod Security Standards, from least to most strict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodSecurityLevel {
    /// Everything is allowed.
    Privileged,
    /// Known privilege escalations are refused.
    Baseline,
    /// Hardening is required.
    Restricted,
}

/// Returns the level that a namespace enforces, by its label `pod-security.kubernetes.io/enforce`.
///
/// Without the label it is what the API server's own configuration says, which is no object: `Privileged` by default.
pub fn enforced_level(namespace: Option<&Object>) -> PodSecurityLevel {
    match namespace.and_then(|n| n.label("pod-security.kubernetes.io/enforce")) {
        Some("restricted") => PodSecurityLevel::Restricted,
        Some("baseline") => PodSecurityLevel::Baseline,
        _ => PodSecurityLevel::Privileged,
    }
}
