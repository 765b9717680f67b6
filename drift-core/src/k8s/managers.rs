//! Which field managers are controllers, and which fields are their own.

use crate::path::{FieldPath, PathElement};

use crate::drift::Owner;

/// Part of the platform itself: whatever they write that nobody declared is their own.
const PLATFORM: &[&str] = &[
    "kube-controller-manager",
    "kube-scheduler",
    "kube-apiserver",
    "kubelet",
    "cloud-controller-manager",
    "*-cloud-controller-manager",
    "clusterrole-aggregation-controller",
    "csi-provisioner",
    "csi-attacher",
    "csi-resizer",
    "external-provisioner",
    "snapshot-controller",
    "vpa-updater",
    "vpa-recommender",
    "vpa-admission-controller",
    "cluster-autoscaler",
    "karpenter",
    "node-problem-detector",
    // What Flux's controllers write of their own objects: finalizers.
    "gotk-*",
];

/// Managers that put certificates into `caBundle` fields.
const CA_INJECTORS: &[&str] = &[
    "cert-manager-cainjector",
    "*cainjector*",
    "pilot-discovery",
    "istiod*",
    "kube-webhook-certgen",
    "service-ca-operator",
    "linkerd-*",
    "olm",
];

/// Managers that set `spec.replicas` for a living.
const AUTOSCALERS: &[&str] =
    &["kube-controller-manager", "keda*", "horizontal-pod-autoscaler", "vertical-pod-autoscaler"];

/// Tools that a person drives by hand.
const BY_HAND: &[&str] = &[
    "kubectl",
    "kubectl-*",
    "k9s",
    "node-fetch",
    "Mozilla",
    "lens*",
    "freelens*",
    "headlamp*",
    "dashboard*",
    "OpenAPI-Generator",
    "oc",
    "oc-*",
    "curl",
    "rancher",
    "before-first-apply",
];

/// Labels and annotations that GitOps engines, Helm and controllers keep their books in.
const BOOKKEEPING: &[&str] = &[
    "kustomize.toolkit.fluxcd.io/*",
    "helm.toolkit.fluxcd.io/*",
    "reconcile.fluxcd.io/*",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/installation-id",
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/hydrate",
    "notified.notifications.argoproj.io",
    "meta.helm.sh/*",
    "deployment.kubernetes.io/revision*",
    "autoscaling.alpha.kubernetes.io/*",
    "control-plane.alpha.kubernetes.io/leader",
    "deprecated.daemonset.template.generation",
];

fn any(patterns: &[&str], text: &str) -> bool {
    patterns.iter().any(|p| glob(p, text))
}

/// Matches `*` against any run of characters.
pub fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|text| {
            (0..=text.len()).filter(|i| text.is_char_boundary(*i)).any(|i| glob(rest, &text[i..]))
        }),
    }
}

fn last_field(path: &FieldPath) -> &str {
    match path.elements().last() {
        Some(PathElement::Field(name)) => name,
        _ => "",
    }
}

/// Tells whether a person drives the manager by hand.
pub fn is_by_hand(manager: &str) -> bool {
    any(BY_HAND, manager)
}

/// Tells whether the manager is a part of the platform.
pub fn is_platform(manager: &str) -> bool {
    any(PLATFORM, manager)
}

/// Tells whether the manager sets `spec.replicas` for a living.
pub fn is_autoscaler(manager: &str) -> bool {
    any(AUTOSCALERS, manager)
}

/// Tells whether the path is that of a field that the manager, a controller, is known to own even if it is declared.
pub fn owns_declared(owner: &Owner, kind: &str, path: &FieldPath) -> bool {
    (last_field(path) == "caBundle" && any(CA_INJECTORS, &owner.manager))
        || (kind == "ClusterRole" && &*owner.manager == "clusterrole-aggregation-controller")
}

/// Tells whether the path is that of a field that the manager, a controller, is known to own if nobody declares it.
pub fn owns_undeclared(owner: &Owner, kind: &str, path: &FieldPath) -> bool {
    owns_declared(owner, kind, path)
        || any(PLATFORM, &owner.manager)
        || (path.to_string() == ".spec.replicas" && any(AUTOSCALERS, &owner.manager))
        || is_bookkeeping(path)
}

/// Tells whether the path is a label or annotation of somebody's bookkeeping, or the caBundle of a webhook.
pub fn is_bookkeeping(path: &FieldPath) -> bool {
    let meta = path.starts_with_fields(&["metadata", "labels"])
        || path.starts_with_fields(&["metadata", "annotations"]);
    meta && path.len() == 3 && any(BOOKKEEPING, last_field(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_runs() {
        for (pattern, text, want) in [
            ("a*", "abc", true),
            ("*b*", "abc", true),
            ("*c", "abc", true),
            ("a*d", "abc", false),
            ("abc", "abc", true),
            ("ab", "abc", false),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, text), want, "{pattern} {text}");
        }
    }
}
