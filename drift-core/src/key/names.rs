//! Names of kinds and resources as kubectl takes them: `deploy`, `deployments.apps`, `Deployment`, `deploy/web`.

use std::fmt;

use super::ResourceKey;

/// Whether the objects of a kind lie in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KindScope {
    Namespaced,
    Cluster,
}

use KindScope::{Cluster, Namespaced};

/// Kind, group, plural, short names, scope.
type BuiltInKind = (&'static str, &'static str, &'static str, &'static [&'static str], KindScope);

/// The built-in kinds with the plural and short names that `kubectl api-resources` prints, in order of group: of several that
/// share a name the first counts, as `events` of the core group before those of `events.k8s.io`.
const KINDS: &[BuiltInKind] = &[
    ("ConfigMap", "", "configmaps", &["cm"], Namespaced),
    ("Endpoints", "", "endpoints", &["ep"], Namespaced),
    ("Event", "", "events", &["ev"], Namespaced),
    ("LimitRange", "", "limitranges", &["limits"], Namespaced),
    ("Namespace", "", "namespaces", &["ns"], Cluster),
    ("Node", "", "nodes", &["no"], Cluster),
    ("PersistentVolume", "", "persistentvolumes", &["pv"], Cluster),
    ("PersistentVolumeClaim", "", "persistentvolumeclaims", &["pvc"], Namespaced),
    ("Pod", "", "pods", &["po"], Namespaced),
    ("PodTemplate", "", "podtemplates", &[], Namespaced),
    ("ReplicationController", "", "replicationcontrollers", &["rc"], Namespaced),
    ("ResourceQuota", "", "resourcequotas", &["quota"], Namespaced),
    ("Secret", "", "secrets", &[], Namespaced),
    ("Service", "", "services", &["svc"], Namespaced),
    ("ServiceAccount", "", "serviceaccounts", &["sa"], Namespaced),
    ("DaemonSet", "apps", "daemonsets", &["ds"], Namespaced),
    ("Deployment", "apps", "deployments", &["deploy"], Namespaced),
    ("ReplicaSet", "apps", "replicasets", &["rs"], Namespaced),
    ("StatefulSet", "apps", "statefulsets", &["sts"], Namespaced),
    ("ControllerRevision", "apps", "controllerrevisions", &[], Namespaced),
    ("HorizontalPodAutoscaler", "autoscaling", "horizontalpodautoscalers", &["hpa"], Namespaced),
    ("CronJob", "batch", "cronjobs", &["cj"], Namespaced),
    ("Job", "batch", "jobs", &[], Namespaced),
    ("CertificateSigningRequest", "certificates.k8s.io", "certificatesigningrequests", &["csr"], Cluster),
    ("Lease", "coordination.k8s.io", "leases", &[], Namespaced),
    ("EndpointSlice", "discovery.k8s.io", "endpointslices", &[], Namespaced),
    ("FlowSchema", "flowcontrol.apiserver.k8s.io", "flowschemas", &[], Cluster),
    (
        "PriorityLevelConfiguration",
        "flowcontrol.apiserver.k8s.io",
        "prioritylevelconfigurations",
        &[],
        Cluster,
    ),
    ("Ingress", "networking.k8s.io", "ingresses", &["ing"], Namespaced),
    ("IngressClass", "networking.k8s.io", "ingressclasses", &[], Cluster),
    ("NetworkPolicy", "networking.k8s.io", "networkpolicies", &["netpol"], Namespaced),
    ("RuntimeClass", "node.k8s.io", "runtimeclasses", &[], Cluster),
    ("PodDisruptionBudget", "policy", "poddisruptionbudgets", &["pdb"], Namespaced),
    ("ClusterRole", "rbac.authorization.k8s.io", "clusterroles", &[], Cluster),
    ("ClusterRoleBinding", "rbac.authorization.k8s.io", "clusterrolebindings", &[], Cluster),
    ("Role", "rbac.authorization.k8s.io", "roles", &[], Namespaced),
    ("RoleBinding", "rbac.authorization.k8s.io", "rolebindings", &[], Namespaced),
    ("PriorityClass", "scheduling.k8s.io", "priorityclasses", &["pc"], Cluster),
    ("CSIDriver", "storage.k8s.io", "csidrivers", &[], Cluster),
    ("CSINode", "storage.k8s.io", "csinodes", &[], Cluster),
    ("StorageClass", "storage.k8s.io", "storageclasses", &["sc"], Cluster),
    ("VolumeAttachment", "storage.k8s.io", "volumeattachments", &[], Cluster),
    (
        "MutatingWebhookConfiguration",
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        &[],
        Cluster,
    ),
    (
        "ValidatingWebhookConfiguration",
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        &[],
        Cluster,
    ),
    (
        "CustomResourceDefinition",
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        &["crd", "crds"],
        Cluster,
    ),
    ("APIService", "apiregistration.k8s.io", "apiservices", &[], Cluster),
];

/// A kind by any of its names: the kind itself, its plural or a short name, each with a group or without.
///
/// Built-in kinds are resolved by a table. The names of other kinds are known to the cluster alone: they match by kind and by
/// the regular English plural of it.
///
/// # Example
/// ```
/// use drift_core::{KindName, ResourceKey};
///
/// let key = ResourceKey::parse("Deployment.apps/shop/web").unwrap();
/// for name in ["deploy", "deployments.apps", "Deployment", "deployment.apps"] {
///     assert!(KindName::parse(name).matches(&key), "{name}");
/// }
/// assert!(!KindName::parse("Deployment.example.com").matches(&key));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindName {
    /// In lower case.
    kind: String,
    /// The group, or its first label, if one was named.
    group: Option<String>,
    scope: Option<KindScope>,
}

impl KindName {
    /// Reads a name such as `deploy`, `deployments.apps`, `Deployment` or `Widget.example.com`; any text is a name.
    pub fn parse(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let (name, group) = match lower.split_once('.') {
            Some((name, group)) => (name, Some(group)),
            None => (&*lower, None),
        };
        let is_named = |e: &&BuiltInKind| {
            (e.0.eq_ignore_ascii_case(name) || e.2 == name || e.3.contains(&name))
                && group.is_none_or(|g| e.1 == g || e.1.split('.').next() == Some(g))
        };
        match KINDS.iter().find(is_named) {
            Some((kind, group, _, _, scope)) => Self {
                kind: kind.to_ascii_lowercase(),
                group: Some((*group).to_owned()),
                scope: Some(*scope),
            },
            None => Self { kind: name.to_owned(), group: group.map(str::to_owned), scope: None },
        }
    }

    /// Returns `true` if the kind is one of Kubernetes' own.
    pub fn is_built_in(&self) -> bool {
        self.scope.is_some()
    }

    /// Returns group and kind, if it is one of Kubernetes' own.
    pub fn built_in(&self) -> Option<(&'static str, &'static str)> {
        let is_same = |e: &&BuiltInKind| e.0.eq_ignore_ascii_case(&self.kind) && self.has_group(e.1);
        KINDS.iter().find(is_same).filter(|_| self.is_built_in()).map(|e| (e.1, e.0))
    }

    /// Returns `true` if the kind may be one of a group.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.group.as_deref().is_none_or(|g| g == group)
    }

    /// Returns `true` if a resource is of this kind.
    pub fn matches(&self, key: &ResourceKey) -> bool {
        let kind = key.kind.to_ascii_lowercase();
        let is_same = kind == self.kind || self.scope.is_none() && is_plural(&self.kind, &kind);
        is_same && self.group.as_deref().is_none_or(|g| *key.group == *g)
    }
}

impl fmt::Display for KindName {
    /// Writes the kind in lower case, with its group if it has one: `deployment.apps`, `widget`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        self.group.iter().filter(|g| !g.is_empty()).try_for_each(|group| write!(f, ".{group}"))
    }
}

fn is_plural(plural: &str, kind: &str) -> bool {
    let stem = kind.strip_suffix('y').unwrap_or(kind);
    plural == format!("{kind}s") || plural == format!("{kind}es") || plural == format!("{stem}ies")
}

/// A resource by a name as kubectl takes it: `deploy/web`, `Deployment.apps/shop/web`, `node/node-a`.
///
/// It may match several keys; [`ResourceKey`] is the exact form.
///
/// # Example
/// ```
/// use drift_core::{ResourceKey, ResourceName};
///
/// let name: ResourceName = "deploy/web".parse().unwrap();
/// let key = ResourceKey::parse("Deployment.apps/shop/web").unwrap();
/// assert!(name.matches(&key, Some("shop")) && name.matches(&key, None));
/// assert!(!name.matches(&key, Some("other")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceName {
    text: String,
    kind: KindName,
    /// `None` for any; empty for kinds outside of namespaces.
    namespace: Option<String>,
    name: String,
}

/// A text that does not name a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` does not name a resource: expected KIND/NAME with -n, or KIND[.GROUP]/NAMESPACE/NAME, such as deploy/web"
)]
pub struct ResourceNameError {
    /// What was given.
    pub text: String,
}

impl std::str::FromStr for ResourceName {
    type Err = ResourceNameError;

    fn from_str(text: &str) -> Result<Self, ResourceNameError> {
        let parts: Vec<&str> = text.split('/').collect();
        let (kind, namespace, name) = match parts[..] {
            [kind, name] => (kind, None, name),
            [kind, namespace, name] => (kind, Some(namespace.to_owned()), name),
            _ => return Err(ResourceNameError { text: text.to_owned() }),
        };
        if kind.is_empty() || name.is_empty() {
            return Err(ResourceNameError { text: text.to_owned() });
        }
        let kind = KindName::parse(kind);
        let namespace = match kind.scope {
            Some(Cluster) => Some(String::new()),
            // So is written what is declared without a namespace.
            Some(Namespaced) => namespace.filter(|namespace| !namespace.is_empty()),
            None => namespace,
        };
        Ok(Self { text: text.to_owned(), kind, namespace, name: name.to_owned() })
    }
}

impl std::fmt::Display for ResourceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl ResourceName {
    /// Returns the name as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the name of the kind.
    pub fn kind(&self) -> &KindName {
        &self.kind
    }

    /// Returns the name of the object.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the namespace in which it is looked for, if it is one: its own, else the given one; empty for kinds outside of
    /// namespaces.
    pub fn namespace_in<'a>(&'a self, namespace: Option<&'a str>) -> Option<&'a str> {
        self.namespace.as_deref().or(namespace)
    }

    /// Returns `true` if the key is the named one.
    ///
    /// A name without a namespace matches in the given one, or in any if none is given; a cluster-scoped resource always.
    pub fn matches(&self, key: &ResourceKey, namespace: Option<&str>) -> bool {
        let wanted = self.namespace_in(namespace);
        let is_in_namespace = key.namespace.is_empty() && self.namespace.is_none()
            || wanted.is_none_or(|n| n == &*key.namespace);
        self.kind.matches(key) && self.name == *key.name && is_in_namespace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, namespace: Option<&str>, key: &str, expect: bool) {
        let name: ResourceName = name.parse().unwrap();
        assert_eq!(name.matches(&ResourceKey::parse(key).unwrap(), namespace), expect, "{name:?} {key}");
    }

    #[test]
    fn resources_are_named_as_in_kubectl() {
        for name in ["deploy/web", "deployment/web", "Deployment.apps/web", "deployments.apps/web"] {
            check(name, Some("shop"), "Deployment.apps/shop/web", true);
            check(name, None, "Deployment.apps/shop/web", true);
            check(name, Some("other"), "Deployment.apps/shop/web", false);
            check(name, Some("shop"), "Deployment.example.com/shop/web", false);
        }
        check("Deployment.apps/shop/web", Some("other"), "Deployment.apps/shop/web", true);
        check("ing/web", Some("shop"), "Ingress.networking.k8s.io/shop/web", true);
        check("ingress.networking/web", Some("shop"), "Ingress.networking.k8s.io/shop/web", true);
        check("Pod/shop/a", None, "Pod/shop/a", true);
        check("no/node-a", Some("shop"), "Node//node-a", true);
        check("Node//node-a", Some("shop"), "Node//node-a", true);
        check("Namespace//shop", Some("other"), "Namespace//shop", true);
        check("Deployment.apps//web", Some("shop"), "Deployment.apps/shop/web", true);
    }

    #[test]
    fn kinds_that_only_the_cluster_knows_work_too() {
        for name in ["widget/a", "widgets/a", "Widget.example.com/a", "widgets.example.com/x/a"] {
            check(name, Some("x"), "Widget.example.com/x/a", true);
        }
        check("policies/a", Some("x"), "Policy.example.com/x/a", true);
        check("widget/a", Some("x"), "Widget.example.com//a", true);
        check("Widget.example.org/a", Some("x"), "Widget.example.com/x/a", false);
    }

    #[test]
    fn other_texts_name_no_resource() {
        assert!("web".parse::<ResourceName>().is_err() && "a/b/c/d".parse::<ResourceName>().is_err());
    }
}
