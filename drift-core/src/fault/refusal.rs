//! Why the API server refuses pods, read from the text of the refusal.

use super::FaultKind;

/// Texts of the `LimitRanger` admission plugin (`plugin/pkg/admission/limitranger/admission.go`).
const LIMIT_RANGE: &[&str] = &[
    "usage per",
    "limit to request ratio",
    "must specify",
    "minimum cpu",
    "maximum cpu",
    "minimum memory",
    "maximum memory",
];

/// Returns which kind of refusal a message is about.
///
/// ```text
/// pods "web" is forbidden: exceeded quota: small, requested: …    → OverQuota
/// pods "web" is forbidden: violates PodSecurity "restricted": …   → PodSecurity
/// admission webhook "policy.example.com" denied the request: …    → Webhook
/// error looking up service account shop/web: serviceaccount "web" not found → NoIdentity
/// ```
pub(super) fn refusal(message: &str) -> FaultKind {
    let has = |t: &str| message.contains(t);
    if has("exceeded quota") || has("failed quota") || has("status unknown for quota") {
        FaultKind::OverQuota
    } else if has("violates PodSecurity") {
        FaultKind::PodSecurity
    } else if has("webhook") || has("denied the request") {
        FaultKind::Webhook
    } else if has("serviceaccount") && has("not found") {
        FaultKind::NoIdentity
    } else if LIMIT_RANGE.iter().any(|t| has(t)) {
        FaultKind::LimitRange
    } else {
        FaultKind::Refused
    }
}

/// Returns `true` if a message is that of RBAC: somebody may not do something.
///
/// After `responsewriters.Forbidden` of `k8s.io/apiserver`: `… is forbidden: User "x" cannot get resource "y" …`.
pub(super) fn is_forbidden(message: &str) -> bool {
    message.contains("is forbidden: User") || (message.contains("forbidden") && message.contains("cannot "))
}
