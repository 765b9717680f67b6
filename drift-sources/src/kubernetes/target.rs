//! A target: one kind that is listed and watched, in all namespaces or in one.

use std::sync::Arc;

use drift_core::Scope;

/// One kind as the API server serves it, in all namespaces or in one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchTarget {
    /// API group, empty for the core group.
    pub group: Arc<str>,
    /// Version that is requested.
    pub version: Arc<str>,
    /// Kind of the objects.
    pub kind: Arc<str>,
    /// Name in URLs, such as `deployments`.
    pub plural: Arc<str>,
    /// Where its objects are.
    pub reach: Reach,
}

/// Where the objects of a [`WatchTarget`] are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// The kind is cluster-scoped.
    Cluster,
    /// In all namespaces.
    AllNamespaces,
    /// In one namespace only.
    Namespace(Arc<str>),
}

impl WatchTarget {
    /// Returns the id of the target in a cursor. It contains no version, so that a kind can resume under another one.
    pub fn id(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        let id = format!("{}{dot}{}/{}", self.kind, self.group, self.plural);
        match &self.reach {
            Reach::Namespace(namespace) => format!("{id}@{namespace}"),
            Reach::Cluster | Reach::AllNamespaces => id,
        }
    }

    /// Reads [`WatchTarget::id`]; the version is not in it and stays empty.
    pub(crate) fn from_id(id: &str) -> Option<Self> {
        let (name, resource) = id.split_once('/')?;
        let (kind, group) = name.split_once('.').unwrap_or((name, ""));
        let (plural, reach) = match resource.split_once('@') {
            Some((plural, namespace)) => (plural, Reach::Namespace(namespace.into())),
            None => (resource, Reach::AllNamespaces),
        };
        Some(Self {
            group: group.into(),
            version: "".into(),
            kind: kind.into(),
            plural: plural.into(),
            reach,
        })
    }

    /// Returns the URL path of the collection.
    pub fn collection_path(&self) -> String {
        let root = if self.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", self.group) };
        match &self.reach {
            Reach::Namespace(ns) => format!("{root}/{}/namespaces/{ns}/{}", self.version, self.plural),
            Reach::Cluster | Reach::AllNamespaces => format!("{root}/{}/{}", self.version, self.plural),
        }
    }

    /// Returns `group/version`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Returns the scope of its observations.
    pub fn scope(&self, cluster: &str) -> Scope {
        let namespace = match &self.reach {
            Reach::Namespace(namespace) => Arc::clone(namespace),
            Reach::Cluster | Reach::AllNamespaces => "".into(),
        };
        Scope {
            cluster: cluster.into(),
            kind: Some((Arc::clone(&self.group), Arc::clone(&self.kind))),
            namespace,
        }
    }

    /// Returns `true` if its objects are Kubernetes Events, which are occurrences and have no history of versions.
    pub(crate) fn is_event(&self) -> bool {
        &*self.kind == "Event" && matches!(&*self.group, "" | "events.k8s.io")
    }

    /// Returns `true` if a change of its objects changes what the server serves.
    pub(crate) fn is_definition(&self) -> bool {
        matches!(
            (&*self.group, &*self.kind),
            ("apiextensions.k8s.io", "CustomResourceDefinition") | ("apiregistration.k8s.io", "APIService")
        )
    }
}

/// Selects kinds by patterns `NAME[.GROUP]`, where the name is a kind or a plural.
///
/// Both parts may be `*`; without a group the name matches in any group. The case of the name does not matter. For example,
/// `deployments.apps`, `Pod` and `*.cert-manager.io` are patterns.
#[derive(Clone, Debug)]
pub struct KindFilter {
    /// Kinds to include; empty means all.
    pub include: Vec<String>,
    /// Kinds to exclude from those.
    pub exclude: Vec<String>,
}

impl Default for KindFilter {
    /// Includes everything except Leases, which leader election writes every few seconds.
    fn default() -> Self {
        Self { include: Vec::new(), exclude: vec!["leases.coordination.k8s.io".to_owned()] }
    }
}

impl KindFilter {
    /// Returns `true` if the filter selects a kind.
    pub fn includes_target(&self, target: &WatchTarget) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|p| matches_pattern(p, target));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

fn matches_pattern(pattern: &str, target: &WatchTarget) -> bool {
    let (name, group) = pattern.split_once('.').map_or((pattern, "*"), |(n, g)| (n, g));
    let named =
        name == "*" || name.eq_ignore_ascii_case(&target.kind) || name.eq_ignore_ascii_case(&target.plural);
    named && (group == "*" || group == &*target.group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(group: &str, kind: &str, plural: &str, reach: Reach) -> WatchTarget {
        WatchTarget {
            group: group.into(),
            version: "v1".into(),
            kind: kind.into(),
            plural: plural.into(),
            reach,
        }
    }

    #[test]
    fn paths_and_ids_are_the_servers() {
        let pods = target("", "Pod", "pods", Reach::AllNamespaces);
        assert_eq!((pods.collection_path().as_str(), pods.id().as_str()), ("/api/v1/pods", "Pod/pods"));
        let one = target("apps", "Deployment", "deployments", Reach::Namespace("shop".into()));
        assert_eq!(one.collection_path(), "/apis/apps/v1/namespaces/shop/deployments");
        assert_eq!(one.id(), "Deployment.apps/deployments@shop");
        assert_eq!(
            WatchTarget::from_id(&one.id()).unwrap(),
            WatchTarget { version: "".into(), ..one.clone() }
        );
        assert_eq!(one.scope("c").to_string(), "Deployment.apps in shop");
    }

    #[test]
    fn filters_take_kinds_plurals_and_groups() {
        let lease = target("coordination.k8s.io", "Lease", "leases", Reach::AllNamespaces);
        let deployment = target("apps", "Deployment", "deployments", Reach::AllNamespaces);
        assert!(!KindFilter::default().includes_target(&lease));
        assert!(KindFilter::default().includes_target(&deployment));
        let filter = |include: &[&str]| KindFilter {
            include: include.iter().map(|s| (*s).to_owned()).collect(),
            exclude: vec![],
        };
        for (pattern, taken) in [
            ("deployment", true),
            ("deployments.apps", true),
            ("*.apps", true),
            ("deployments.extensions", false),
        ] {
            assert_eq!(filter(&[pattern]).includes_target(&deployment), taken, "{pattern}");
        }
    }
}
