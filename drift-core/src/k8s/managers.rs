//! Field managers: who is behind a name in `metadata.managedFields`.
//!
//! The name is what the client gives (`fieldManager`), or the beginning of its user agent
//! (`staging/src/k8s.io/apimachinery/pkg/util/managedfields`, KEP-555). Names are all that an object has of its writer, so
//! these are lists; who really wrote, and by which user, the audit log says.

/// What stands behind a field manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ManagerKind {
    /// A tool that a person drives: `kubectl`, a dashboard, a browser.
    Person,
    /// Argo CD, Flux or Helm, writing what is declared in Git or a chart.
    Engine,
    /// A part of the control plane, of the node, or of what scales and feeds them.
    Platform,
    /// Anything else: an operator, a CI job, a script.
    Other,
}

/// Name under which Argo CD applies: its controller's, and that of releases before 2.5.
pub const ARGO_CD: &[&str] = &["argocd-controller", "argocd-application-controller"];

/// Name under which Argo CD writes the Applications that an ApplicationSet generates.
pub const ARGO_CD_SETS: &str = "argocd-applicationset-controller";

/// Name under which Flux applies Kustomizations.
pub const FLUX_KUSTOMIZE: &[&str] = &["kustomize-controller"];

/// Name under which Flux applies HelmReleases.
pub const FLUX_HELM: &str = "helm-controller";

/// Names under which Helm applies; older releases wrote without one, and the user agent's beginning stands for it.
pub const HELM: &[&str] = &["helm", "Helm"];

/// Tools that people drive.
const PERSONS: &[&str] = &[
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
    "before-first-apply",
    // The command line of Flux; its controllers have names of their own.
    "flux",
];

/// Managers by what stands behind them; the first row that matches decides, `*` stands for any run of characters.
const MANAGERS: &[(ManagerKind, &[&str])] = &[
    (ManagerKind::Person, PERSONS),
    (
        ManagerKind::Platform,
        &[
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
        ],
    ),
    (ManagerKind::Engine, &["argocd*", "*kustomize*", "*helm*", "Helm", "*flux*"]),
];

/// Returns what stands behind a field manager, by its name.
///
/// # Example
/// ```
/// use drift_core::k8s::managers::{ManagerKind, manager_kind};
///
/// assert_eq!(manager_kind("kubectl-edit"), ManagerKind::Person);
/// assert_eq!(manager_kind("kustomize-controller"), ManagerKind::Engine);
/// assert_eq!(manager_kind("kubelet"), ManagerKind::Platform);
/// assert_eq!(manager_kind("widget-operator"), ManagerKind::Other);
/// ```
pub fn manager_kind(manager: &str) -> ManagerKind {
    let row = MANAGERS.iter().find(|(_, patterns)| matches_any(patterns, manager));
    row.map_or(ManagerKind::Other, |(kind, _)| *kind)
}

/// Returns `true` if a person drives the manager by hand.
pub fn is_by_hand(manager: &str) -> bool {
    // Asked of every manager of every object: the first row of the table is enough.
    matches_any(PERSONS, manager)
}

/// What of the tools that people drive also applies whole manifests: the others change one field at a time.
const APPLYING_BY_HAND: &[&str] = &[
    "kubectl",
    "kubectl-apply",
    "kubectl-client-side-apply",
    "kubectl-create",
    "kubectl-replace",
    "kubectl-run",
    "kubectl-expose",
    "oc",
    "oc-apply",
    "oc-create",
    "oc-replace",
    "curl",
    "before-first-apply",
];

/// Returns `true` for a command with which a person makes an object, or puts another one in its place, and that keeps no record of it.
pub(crate) fn makes_by_hand(manager: &str) -> bool {
    matches!(manager, "kubectl-create" | "kubectl-replace" | "oc-create" | "oc-replace")
}

/// Returns `true` for the entry into which the API server folds the oldest of more than ten writers: it is none of them.
pub(crate) fn is_folded(manager: &str) -> bool {
    manager == "ancient-changes"
}

/// Returns `true` for a command that applies a manifest and leaves a record of it in the object.
pub(crate) fn keeps_record(manager: &str) -> bool {
    matches!(manager, "kubectl-client-side-apply" | "oc-apply" | "kubectl-apply")
}

/// Returns `true` for a tool with which a person edits a field of a live object: what is declared does not come from it.
///
/// For example `kubectl-edit`, `kubectl-annotate` and `k9s`, but not `kubectl-client-side-apply`.
pub fn is_editor(manager: &str) -> bool {
    is_by_hand(manager) && !APPLYING_BY_HAND.contains(&manager)
}

/// Names that stand for a client library or a plain HTTP client: people's tools write under them, and programs do.
const CLIENT_LIBRARIES: &[&str] = &["OpenAPI-Generator", "node-fetch", "curl"];

/// Returns `true` if the name of a tool that people drive is that of a library which programs use as well.
pub(crate) fn is_client_library(manager: &str) -> bool {
    CLIENT_LIBRARIES.contains(&manager)
}

/// Returns `true` if the manager is a part of the platform.
pub fn is_platform(manager: &str) -> bool {
    manager_kind(manager) == ManagerKind::Platform
}

/// Returns `true` if Argo CD, Flux or Helm writes under the name.
pub fn is_engine(manager: &str) -> bool {
    manager_kind(manager) == ManagerKind::Engine
}

fn matches_any(patterns: &[&str], text: &str) -> bool {
    patterns.iter().any(|p| matches_pattern(p, text))
}

/// Returns `true` if a text matches a pattern in which `*` stands for any run of characters.
pub(crate) fn matches_pattern(pattern: &str, text: &str) -> bool {
    is_match(pattern.as_bytes(), text.as_bytes())
}

/// Matches byte by byte: this is asked of every manager of every object, and most patterns differ in the first letter.
fn is_match(pattern: &[u8], text: &[u8]) -> bool {
    for (i, byte) in pattern.iter().enumerate() {
        if *byte == b'*' {
            let rest = &pattern[i + 1..];
            return rest.is_empty() || (i..=text.len()).any(|from| is_match(rest, &text[from..]));
        }
        if text.get(i) != Some(byte) {
            return false;
        }
    }
    pattern.len() == text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_runs() {
        for (pattern, text, want) in [
            ("a*", "abc", true),
            ("*b*", "abc", true),
            ("*c", "abc", true),
            ("a*d", "abc", false),
            ("abc", "abc", true),
            ("ab", "abc", false),
            ("*", "", true),
            ("ä*", "äö", true),
            ("*ö", "äö", true),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acb", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn every_name_of_an_engine_is_an_engines() {
        for name in ARGO_CD.iter().chain(FLUX_KUSTOMIZE).chain(HELM).chain([&FLUX_HELM, &ARGO_CD_SETS]) {
            assert_eq!(manager_kind(name), ManagerKind::Engine, "{name}");
        }
    }
}
