//! Names of kinds as kubectl takes them: `deploy`, `deployments.apps`, `Deployment`.

use drift_core::ResourceKey;

use crate::failure::Failure;

/// Whether a kind lives in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Namespaced,
    Cluster,
}

use Reach::{Cluster, Namespaced};

/// Kind, group, plural, short names, reach.
type Entry = (&'static str, &'static str, &'static str, &'static [&'static str], Reach);

/// The built-in kinds that people ask for by short or plural name, in order of group: an earlier one wins a name.
const KINDS: &[Entry] = &[
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

/// A kind as somebody names it: one of the table, or one that only a cluster knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KindName {
    /// In lower case.
    kind: String,
    /// The group, or the beginning of it, where one was named.
    group: Option<String>,
    reach: Option<Reach>,
}

impl KindName {
    /// Reads `deploy`, `deployments.apps`, `Deployment`, `Widget.example.com`.
    pub(crate) fn parse(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let (name, group) = match lower.split_once('.') {
            Some((name, group)) => (name, Some(group)),
            None => (&*lower, None),
        };
        let named = |e: &&Entry| {
            (e.0.eq_ignore_ascii_case(name) || e.2 == name || e.3.contains(&name))
                && group.is_none_or(|g| e.1 == g || e.1.split('.').next() == Some(g))
        };
        match KINDS.iter().find(named) {
            Some((kind, group, _, _, reach)) => Self {
                kind: kind.to_ascii_lowercase(),
                group: Some((*group).to_owned()),
                reach: Some(*reach),
            },
            None => Self { kind: name.to_owned(), group: group.map(str::to_owned), reach: None },
        }
    }

    /// Tells whether a key is of the kind; for kinds outside of the table the plural with an `s` counts too.
    pub(crate) fn matches(&self, key: &ResourceKey) -> bool {
        let kind = key.kind.to_ascii_lowercase();
        let same = kind == self.kind || self.reach.is_none() && is_plural(&self.kind, &kind);
        same && self.group.as_deref().is_none_or(|g| *key.group == *g)
    }
}

fn is_plural(plural: &str, kind: &str) -> bool {
    let stem = kind.strip_suffix('y').unwrap_or(kind);
    plural == format!("{kind}s") || plural == format!("{kind}es") || plural == format!("{stem}ies")
}

/// A resource as somebody names it: `deploy/web`, `Deployment.apps/shop/web`, `Node//node-a`, `node/node-a`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyName {
    text: String,
    kind: KindName,
    /// `None` for any.
    namespace: Option<String>,
    name: String,
}

impl std::str::FromStr for KeyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!(
                "`{text}` names no resource: KIND/NAME with -n, or KIND[.GROUP]/NAMESPACE/NAME expected, such as deploy/web"
            )
        };
        let parts: Vec<&str> = text.split('/').collect();
        let (kind, namespace, name) = match parts[..] {
            [kind, name] => (kind, None, name),
            [kind, namespace, name] => (kind, Some(namespace.to_owned()), name),
            _ => return Err(error()),
        };
        if kind.is_empty() || name.is_empty() {
            return Err(error());
        }
        let kind = KindName::parse(kind);
        let namespace = if kind.reach == Some(Cluster) { Some(String::new()) } else { namespace };
        Ok(Self { text: text.to_owned(), kind, namespace, name: name.to_owned() })
    }
}

impl KeyName {
    /// Returns the name as it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Tells whether a key is the named one; without a namespace in the name the given one counts, or any.
    pub(crate) fn matches(&self, key: &ResourceKey, namespace: Option<&str>) -> bool {
        let wanted = self.namespace.as_deref().or(namespace);
        let in_namespace = key.namespace.is_empty() && self.namespace.is_none()
            || wanted.is_none_or(|n| n == &*key.namespace);
        self.kind.matches(key) && self.name == *key.name && in_namespace
    }

    /// Names the few keys of that kind, or of that name, whose names are most like the one given.
    fn nearest(&self, keys: &[&ResourceKey]) -> Vec<String> {
        // No name in a cluster is longer than this; comparing takes the product of the lengths.
        let near = keys.iter().filter(|k| k.name.len() <= 253 && self.name.len() <= 253);
        let near = near.filter(|k| *k.name == *self.name || self.kind.matches(k));
        let like = |k: &ResourceKey| strsim::normalized_damerau_levenshtein(&k.name, &self.name);
        let mut near: Vec<_> = near.map(|k| ((-1000.0 * like(k)) as i64, k.to_string())).collect();
        near.sort();
        near.dedup();
        near.into_iter().take(5).map(|(_, name)| name).collect()
    }

    /// Finds the one key that is named.
    pub(crate) fn find<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a ResourceKey>,
        namespace: Option<&str>,
    ) -> Result<&'a ResourceKey, Failure> {
        let keys: Vec<_> = keys.into_iter().collect();
        let mut hits: Vec<_> = keys.iter().copied().filter(|k| self.matches(k, namespace)).collect();
        hits.dedup();
        let list = |keys: &[&ResourceKey]| {
            let mut names: Vec<_> = keys.iter().map(ToString::to_string).collect();
            names.sort();
            names.dedup();
            names.truncate(5);
            names.join(", ")
        };
        match hits[..] {
            [key] => Ok(key),
            [] => {
                let failure = Failure::new(format!("`{}` is not in the recorded history", self.text));
                let near = self.nearest(&keys);
                Err(match near.is_empty() {
                    true => failure.hint("`drift timeline` lists what is"),
                    false => failure
                        .hint(format!("nearest: {}; `drift timeline` lists all there is", near.join(", "))),
                })
            }
            _ => Err(Failure::new(format!("`{}` names several resources", self.text))
                .hint(format!("say which: {}", list(&hits)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, namespace: Option<&str>, key: &str, expect: bool) {
        let name: KeyName = name.parse().unwrap();
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
    fn a_name_that_fits_none_or_several_says_what_there_is() {
        let keys = ["Deployment.apps/a/web", "Deployment.apps/b/web", "Pod/a/x"]
            .map(|k| ResourceKey::parse(k).unwrap());
        let find = |name: &str, namespace| {
            let found = name.parse::<KeyName>().unwrap().find(&keys, namespace);
            found.map_or_else(|e| e.to_string(), ToString::to_string)
        };
        assert_eq!(find("deploy/web", Some("a")), "Deployment.apps/a/web");
        assert!(find("deploy/web", None).contains("say which: Deployment.apps/a/web, Deployment.apps/b/web"));
        assert!(find("deploy/wbe", None).contains("nearest: Deployment.apps/a/web, "));
        assert!(find("cm/q", None).contains("drift timeline"));
        assert!("web".parse::<KeyName>().is_err() && "a/b/c/d".parse::<KeyName>().is_err());
    }
}
