//! Labels and annotations in which tools keep records for themselves.
//!
//! From <https://kubernetes.io/docs/reference/labels-annotations-taints/> and, for Argo CD, Flux and Helm, from their own
//! references: `argo-cd/docs/user-guide/annotations-and-labels.md`, `fluxcd/pkg/apis/meta`, and
//! `helm/pkg/action/validate.go`.

use crate::k8s::managers::matches_pattern;
use crate::object::{Node, Object};
use crate::path::{FieldPath, PathElement};

/// Annotation in which `kubectl apply` keeps the manifest that it applied last.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What a tool keeps a label or an annotation for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BookkeepingKind {
    /// A record of what its writer did or counted: a revision, a time, the manifest that was applied.
    Record,
    /// A mark that says which application or release the object belongs to.
    Ownership,
    /// A request to a controller to do something once: refresh, reconcile.
    Request,
}

use BookkeepingKind::{Ownership, Record, Request};

/// Every bookkeeping label and annotation that is known by name; `*` stands for any run of characters.
const BOOKKEEPING: &[(&str, BookkeepingKind)] = &[
    (LAST_APPLIED, Record),
    ("deployment.kubernetes.io/revision*", Record),
    ("autoscaling.alpha.kubernetes.io/*", Record),
    ("control-plane.alpha.kubernetes.io/leader", Record),
    ("deprecated.daemonset.template.generation", Record),
    ("endpoints.kubernetes.io/last-change-trigger-time", Record),
    ("notified.notifications.argoproj.io", Record),
    // The options of the same domain (`reconcile`, `ssa`, `prune`) are no marks: who sets one by hand suspends something.
    ("kustomize.toolkit.fluxcd.io/name", Ownership),
    ("kustomize.toolkit.fluxcd.io/namespace", Ownership),
    ("kustomize.toolkit.fluxcd.io/checksum", Ownership),
    ("helm.toolkit.fluxcd.io/name", Ownership),
    ("helm.toolkit.fluxcd.io/namespace", Ownership),
    ("argocd.argoproj.io/tracking-id", Ownership),
    ("argocd.argoproj.io/installation-id", Ownership),
    ("meta.helm.sh/*", Ownership),
    ("reconcile.fluxcd.io/*", Request),
    ("argocd.argoproj.io/refresh", Request),
    ("argocd.argoproj.io/hydrate", Request),
];

/// Annotations that are public on a Secret too, besides the bookkeeping: marks, names and settings of controllers. Every other one
/// may hold what its author likes, a copy of the Secret included.
const PUBLIC_ON_SECRETS: &[&str] = &[
    "kubernetes.io/*",
    "*.kubernetes.io/*",
    "argocd.argoproj.io/*",
    "helm.sh/*",
    "cert-manager.io/*",
    "*.cert-manager.io/*",
    "fluxcd.io/*",
    "*.fluxcd.io/*",
    "external-secrets.io/*",
    "*.external-secrets.io/*",
    "sealedsecrets.bitnami.com/*",
    "kustomize.config.k8s.io/*",
    "config.kubernetes.io/*",
    "kapp.k14s.io/identity",
    "kapp.k14s.io/change-*",
    "objectset.rio.cattle.io/id",
    "objectset.rio.cattle.io/owner-*",
    "reloader.stakater.com/*",
];

/// Returns `true` for an annotation of a Secret that is known to say nothing of its values.
///
/// The last applied configuration is a copy of the Secret, and no such annotation.
///
/// # Example
/// ```
/// use drift_core::k8s::annotations::is_public_on_secret;
///
/// assert!(is_public_on_secret("argocd.argoproj.io/sync-wave"));
/// assert!(!is_public_on_secret("kapp.k14s.io/original"));
/// assert!(!is_public_on_secret("kubectl.kubernetes.io/last-applied-configuration"));
/// ```
pub fn is_public_on_secret(name: &str) -> bool {
    name != LAST_APPLIED
        && (bookkeeping_kind(name).is_some()
            || PUBLIC_ON_SECRETS.iter().any(|pattern| matches_pattern(pattern, name)))
}

/// Returns what a label or annotation is kept for, or `None` where it is not known as bookkeeping.
///
/// # Example
/// ```
/// use drift_core::k8s::annotations::{BookkeepingKind, bookkeeping_kind};
///
/// assert_eq!(bookkeeping_kind("deployment.kubernetes.io/revision"), Some(BookkeepingKind::Record));
/// assert_eq!(bookkeeping_kind("argocd.argoproj.io/refresh"), Some(BookkeepingKind::Request));
/// assert_eq!(bookkeeping_kind("example.com/team"), None);
/// ```
pub fn bookkeeping_kind(name: &str) -> Option<BookkeepingKind> {
    BOOKKEEPING.iter().find(|(pattern, _)| matches_pattern(pattern, name)).map(|(_, kind)| *kind)
}

/// Returns what the label or annotation at a path is kept for; `None` for every other field, and for a whole map of them.
pub fn bookkeeping_at(path: &FieldPath) -> Option<BookkeepingKind> {
    let is_metadata = path.starts_with_fields(&["metadata", "labels"])
        || path.starts_with_fields(&["metadata", "annotations"]);
    match path.elements().last() {
        Some(PathElement::Field(name)) if is_metadata && path.len() == 3 => bookkeeping_kind(name),
        _ => None,
    }
}

/// Label that Helm sets to `Helm` on every object of a release, and that people and other tools set as well.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Returns `true` if an object carries the mark of the Helm release that owns it.
pub fn is_of_release(object: &Object) -> bool {
    object.annotation("meta.helm.sh/release-name").is_some()
}

/// Returns `true` for the label that Helm sets beside that mark: only on an object of a release is it bookkeeping.
pub fn is_release_label(path: &FieldPath, value: Node<'_>) -> bool {
    *path == FieldPath::of(&["metadata", "labels", MANAGED_BY]) && value.as_str() == Some("Helm")
}

/// Returns `true` if a label or annotation of this name may be bookkeeping, so that it is judged apart from those beside it.
pub(crate) fn may_be_bookkeeping(name: &str) -> bool {
    name == MANAGED_BY || bookkeeping_kind(name).is_some()
}
