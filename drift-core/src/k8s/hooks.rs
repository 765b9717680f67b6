//! Objects that a tool runs, or holds for itself, instead of applying them: that they are not live says nothing.
//!
//! From the references of the tools: <https://helm.sh/docs/topics/charts_hooks/>,
//! <https://argo-cd.readthedocs.io/en/stable/user-guide/resource_hooks/>,
//! <https://kubectl.docs.kubernetes.io/references/kustomize/glossary/> (local configuration, functions),
//! <https://carvel.dev/kapp/docs/latest/apply/>, <https://fluxcd.io/flux/components/kustomize/kustomizations/>,
//! <https://cloud.google.com/kubernetes-engine/config-sync/docs/how-to/managing-objects>.

use crate::object::Object;

/// Returns `true` if an object is a hook: it is run by a sync or an installation, and is not part of the desired state.
///
/// # Example
/// ```
/// use drift_core::{Object, k8s::hooks::is_hook};
///
/// let job = br#"{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"migrate","annotations":{"helm.sh/hook":"pre-upgrade"}}}"#;
/// assert!(is_hook(&Object::from_json(job).unwrap()));
/// ```
pub fn is_hook(object: &Object) -> bool {
    let helm = object.annotation("helm.sh/hook");
    // Argo CD keeps `crd-install` as a plain resource, and Helm itself has had no such hook since version 3.
    let by_helm = helm.is_some_and(|h| h.split(',').any(|h| h.trim() != "crd-install"));
    object.annotation("argocd.argoproj.io/hook").is_some_and(|h| !h.trim().is_empty()) || by_helm
}

/// Annotations that take a declared object from what is applied, with the value that does; `*` for any but `false`.
const NOT_APPLIED: &[(&str, &str)] = &[
    ("config.kubernetes.io/local-config", "*"),
    ("config.kubernetes.io/function", "*"),
    ("config.k8s.io/function", "*"),
    ("kapp.k14s.io/noop", "*"),
    ("kustomize.toolkit.fluxcd.io/ssa", "Ignore"),
    ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
    ("configmanagement.gke.io/managed", "disabled"),
];

/// Groups of files that tools read and no API server serves.
const CLIENT_GROUPS: &[&str] = &[
    "kustomize.config.k8s.io",
    "skaffold",
    "tanka.dev",
    "kbld.k14s.io",
    "vendir.k14s.io",
    "imgpkg.carvel.dev",
    "kind.x-k8s.io",
    "k3d.io",
    "kubeadm.k8s.io",
    "kubelet.config.k8s.io",
    "audit.k8s.io",
];

/// Returns why a declared object never comes into the cluster by being applied; `None` for every other.
pub fn why_not_applied(object: &Object) -> Option<String> {
    if is_hook(object) {
        return Some("a hook, which is run and not applied".to_owned());
    }
    let says_so = |(name, wanted): &&(&str, &str)| {
        let value = object.annotation(name);
        value.is_some_and(|v| v.eq_ignore_ascii_case(wanted) || *wanted == "*" && v != "false")
    };
    if let Some((name, _)) = NOT_APPLIED.iter().find(says_so) {
        return Some(format!("`{name}` says that it is not applied"));
    }
    let is_file = CLIENT_GROUPS.contains(&object.group())
        || object.group() == "kapp.k14s.io" && object.kind() == "Config"
        || object.group() == "kpt.dev" && object.kind() == "Kptfile";
    is_file.then(|| format!("{} is a file of a tool, which no API server serves", object.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Doc;
    use serde_json::{Value, json};

    fn why(api_version: &str, kind: &str, annotations: Value) -> bool {
        let doc = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "annotations": annotations}});
        why_not_applied(&Object::new(Doc::from_value(&doc).unwrap()).unwrap()).is_some()
    }

    #[test]
    fn what_is_marked_is_not_applied() {
        for (annotation, value, expect) in [
            ("helm.sh/hook", "test", true),
            ("helm.sh/hook", "pre-install,post-upgrade", true),
            ("helm.sh/hook", "crd-install", false),
            ("helm.sh/hook-weight", "1", false),
            ("argocd.argoproj.io/hook", "PreSync", true),
            ("argocd.argoproj.io/hook", "Skip", true),
            ("argocd.argoproj.io/hook", "", false),
            ("config.kubernetes.io/local-config", "true", true),
            ("config.kubernetes.io/local-config", "false", false),
            ("config.kubernetes.io/function", "container: {image: fn}", true),
            ("kapp.k14s.io/noop", "", true),
            ("kapp.k14s.io/exists", "", false),
            ("kustomize.toolkit.fluxcd.io/ssa", "Ignore", true),
            ("kustomize.toolkit.fluxcd.io/ssa", "Merge", false),
            ("kustomize.toolkit.fluxcd.io/reconcile", "disabled", true),
            ("configmanagement.gke.io/managed", "enabled", false),
            ("internal.config.kubernetes.io/index", "0", false),
        ] {
            assert_eq!(why("v1", "ConfigMap", json!({annotation: value})), expect, "{annotation}: {value}");
        }
    }

    #[test]
    fn files_of_tools_are_no_resources() {
        for (api_version, kind, expect) in [
            ("kustomize.config.k8s.io/v1beta1", "Kustomization", true),
            ("kustomize.toolkit.fluxcd.io/v1", "Kustomization", false),
            ("skaffold/v4beta11", "Config", true),
            ("tanka.dev/v1alpha1", "Environment", true),
            ("kapp.k14s.io/v1alpha1", "Config", true),
            ("kappctrl.k14s.io/v1alpha1", "App", false),
            ("kpt.dev/v1", "Kptfile", true),
            ("kpt.dev/v1alpha1", "ResourceGroup", false),
        ] {
            assert_eq!(why(api_version, kind, json!({})), expect, "{api_version} {kind}");
        }
    }
}
