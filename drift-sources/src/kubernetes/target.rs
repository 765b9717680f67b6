//! What is listed and watched: one kind, in all namespaces or in one.

use std::sync::Arc;

use drift_core::Scope;

/// One kind as the API server serves it, in all namespaces or in one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// API group, empty for the core group.
    pub group: Arc<str>,
    /// Version that is asked for.
    pub version: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// Name in URLs, such as `deployments`.
    pub plural: Arc<str>,
    /// Whether its objects lie in namespaces.
    pub reach: Reach,
}

/// Where the objects of a [`Target`] lie.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// The kind has no namespaces.
    Cluster,
    /// All namespaces.
    AllNamespaces,
    /// One namespace only.
    Namespace(Arc<str>),
}

impl Target {
    /// Returns the name under which a cursor keeps it: no version in it, so that a kind resumes under another one.
    pub fn id(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        let id = format!("{}{dot}{}/{}", self.kind, self.group, self.plural);
        match &self.reach {
            Reach::Namespace(namespace) => format!("{id}@{namespace}"),
            Reach::Cluster | Reach::AllNamespaces => id,
        }
    }

    /// Reads [`Target::id`]; the version is not in it and stays empty.
    pub(crate) fn of_id(id: &str) -> Option<Self> {
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

    /// Returns the path of its collection.
    pub fn path(&self) -> String {
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

    /// Returns what its observations speak about.
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

    /// Tells whether its objects are Kubernetes Events, which happen and are not versions of anything.
    pub(crate) fn is_event(&self) -> bool {
        &*self.kind == "Event" && matches!(&*self.group, "" | "events.k8s.io")
    }

    /// Tells whether a change of one of its objects changes what the server serves.
    pub(crate) fn is_definition(&self) -> bool {
        matches!(
            (&*self.group, &*self.kind),
            ("apiextensions.k8s.io", "CustomResourceDefinition") | ("apiregistration.k8s.io", "APIService")
        )
    }
}

/// Which kinds are looked at, by patterns `NAME[.GROUP]` where the name is a kind or a plural.
///
/// Both parts may be `*`; without a group the name is taken in any group. Case of the name does not matter.
#[derive(Clone, Debug)]
pub struct KindFilter {
    /// What is taken; all when empty.
    pub include: Vec<String>,
    /// What is left out of that.
    pub exclude: Vec<String>,
}

impl Default for KindFilter {
    /// Takes everything but Leases: leader election writes them every few seconds and they say nothing else.
    fn default() -> Self {
        Self { include: Vec::new(), exclude: vec!["leases.coordination.k8s.io".to_owned()] }
    }
}

impl KindFilter {
    /// Tells whether a kind is looked at.
    pub fn takes(&self, target: &Target) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|p| matches(p, target));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

fn matches(pattern: &str, target: &Target) -> bool {
    let (name, group) = pattern.split_once('.').map_or((pattern, "*"), |(n, g)| (n, g));
    let named =
        name == "*" || name.eq_ignore_ascii_case(&target.kind) || name.eq_ignore_ascii_case(&target.plural);
    named && (group == "*" || group == &*target.group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(group: &str, kind: &str, plural: &str, reach: Reach) -> Target {
        Target { group: group.into(), version: "v1".into(), kind: kind.into(), plural: plural.into(), reach }
    }

    #[test]
    fn paths_and_ids_are_the_servers() {
        let pods = target("", "Pod", "pods", Reach::AllNamespaces);
        assert_eq!((pods.path().as_str(), pods.id().as_str()), ("/api/v1/pods", "Pod/pods"));
        let one = target("apps", "Deployment", "deployments", Reach::Namespace("shop".into()));
        assert_eq!(one.path(), "/apis/apps/v1/namespaces/shop/deployments");
        assert_eq!(one.id(), "Deployment.apps/deployments@shop");
        assert_eq!(Target::of_id(&one.id()).unwrap(), Target { version: "".into(), ..one.clone() });
        assert_eq!(one.scope("c").to_string(), "Deployment.apps in shop");
    }

    #[test]
    fn filters_take_kinds_plurals_and_groups() {
        let lease = target("coordination.k8s.io", "Lease", "leases", Reach::AllNamespaces);
        let deployment = target("apps", "Deployment", "deployments", Reach::AllNamespaces);
        assert!(!KindFilter::default().takes(&lease));
        assert!(KindFilter::default().takes(&deployment));
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
            assert_eq!(filter(&[pattern]).takes(&deployment), taken, "{pattern}");
        }
    }
}
