//! Labels and annotations in which tools keep records for themselves.
//!
//! From <https://kubernetes.io/docs/reference/labels-annotations-taints/> and, for Argo CD, Flux and Helm, from their own
//! references: `argo-cd/docs/user-guide/annotations-and-labels.md`, `fluxcd/pkg/apis/meta`, and
//! `helm/pkg/action/validate.go`; of other tools that apply, from their documentation: kapp (`docs/config`, `apply-ordering`),
//! Fleet and Rancher (`wrangler/pkg/objectset`), Config Sync (`annotations-labels`), kpt (`cli-utils/pkg/common`), ApplySet
//! (KEP-3659), Tanka, Skaffold, Cloud Deploy, Pulumi, kluctl, werf, Timoni, cdk8s.

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

/// Labels and annotations by which further tools mark what they applied; some hold a copy of the whole object, so that
/// none of them is public on a Secret for being here.
const APPLIER_MARKS: &[(&str, BookkeepingKind)] = &[
    ("kapp.k14s.io/*", Ownership),
    ("objectset.rio.cattle.io/*", Ownership),
    ("fleet.cattle.io/*", Ownership),
    ("configsync.gke.io/*", Ownership),
    ("configmanagement.gke.io/*", Ownership),
    ("config.k8s.io/owning-inventory", Ownership),
    ("internal.kpt.dev/*", Ownership),
    ("applyset.kubernetes.io/*", Ownership),
    ("tanka.dev/*", Ownership),
    ("skaffold.dev/*", Ownership),
    ("deploy.cloud.google.com/*", Ownership),
    ("pulumi.com/*", Ownership),
    ("kluctl.io/*", Ownership),
    ("werf.io/*", Ownership),
    ("*.werf.io/*", Ownership),
    ("*.timoni.sh/*", Ownership),
    ("cdk8s.io/*", Ownership),
    ("artifact.spinnaker.io/*", Ownership),
    ("moniker.spinnaker.io/*", Ownership),
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
/// assert!(!is_public_on_secret("objectset.rio.cattle.io/applied"));
/// assert!(!is_public_on_secret("configsync.gke.io/declared-fields"));
/// assert!(!is_public_on_secret("kubectl.kubernetes.io/last-applied-configuration"));
/// ```
pub fn is_public_on_secret(name: &str) -> bool {
    name != LAST_APPLIED
        && (BOOKKEEPING.iter().any(|(pattern, _)| matches_pattern(pattern, name))
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
    let mut all = BOOKKEEPING.iter().chain(APPLIER_MARKS);
    all.find(|(pattern, _)| matches_pattern(pattern, name)).map(|(_, kind)| *kind)
}

/// Returns what the label or annotation at a path is kept for, of the object or of a template in it; `None` for every other
/// field, and for a whole map of them.
pub fn bookkeeping_at(path: &FieldPath) -> Option<BookkeepingKind> {
    match path.elements() {
        [.., PathElement::Field(metadata), PathElement::Field(map), PathElement::Field(name)]
            if &**metadata == "metadata" && matches!(&**map, "labels" | "annotations") =>
        {
            bookkeeping_kind(name)
        }
        _ => None,
    }
}

/// Label in which tools that apply say which one did, and that people set as well.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Returns the keys of the marks by which tools say that they applied an object: a release, an app, a set.
fn applier_marks(object: &Object) -> impl Iterator<Item = &str> {
    let marks = ["labels", "annotations"].into_iter().filter_map(|map| object.root().at(&["metadata", map]));
    marks.flat_map(Node::children).map(Node::key).filter(|key| bookkeeping_kind(key) == Some(Ownership))
}

/// Returns `true` for a label that tools set beside such a mark, of the object or of a template in it: which tool it was, and where
/// the mark is of that very tool, the name that it gave.
pub fn is_applier_label(path: &FieldPath, object: &Object) -> bool {
    let [.., PathElement::Field(map), PathElement::Field(name)] = path.elements() else { return false };
    if &**map != "labels" {
        return false;
    }
    match &**name {
        MANAGED_BY => applier_marks(object).next().is_some(),
        "app.kubernetes.io/name" => {
            let tool = object.label(MANAGED_BY).map(str::to_ascii_lowercase).unwrap_or_default();
            let mut domains = applier_marks(object).filter_map(|key| key.split_once('/'));
            domains.any(|(domain, _)| domain.split('.').any(|part| *part == *tool))
        }
        _ => false,
    }
}

/// Returns `true` if a label or annotation of this name may be bookkeeping, so that it is judged apart from those beside it.
pub(crate) fn may_be_bookkeeping(name: &str) -> bool {
    matches!(name, MANAGED_BY | "app.kubernetes.io/name") || bookkeeping_kind(name).is_some()
}
