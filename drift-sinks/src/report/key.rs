//! How documents name a resource.

use std::fmt;
use std::sync::Arc;

use drift_core::ResourceKey;
use serde::Serialize;

/// The key of a resource, as every document of `drift/v1` writes it.
///
/// As text it reads `Deployment.apps/shop/web`: kind, group, namespace and name; the cluster is left out, and the
/// namespace of a cluster-scoped resource is empty (`Node//node-a`).
///
/// ```
/// # use drift_core::ResourceKey;
/// # use drift_sinks::report::KeyV1;
/// let key = KeyV1::from(&ResourceKey::new("apps", "Deployment", "shop", "web"));
/// assert_eq!(key.to_string(), "Deployment.apps/shop/web");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct KeyV1 {
    /// Name of the cluster; empty where a document is about one cluster only.
    pub cluster: Arc<str>,
    /// API group without the version, such as `apps`; empty for the core group.
    pub group: Arc<str>,
    /// Kind, such as `Deployment`.
    pub kind: Arc<str>,
    /// Namespace; empty for a cluster-scoped resource.
    pub namespace: Arc<str>,
    /// `metadata.name`.
    pub name: Arc<str>,
}

impl KeyV1 {
    /// Writes the key without its group, as running text names a resource: `Deployment shop/web`.
    pub(super) fn short_name(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }
}

impl From<&ResourceKey> for KeyV1 {
    fn from(key: &ResourceKey) -> Self {
        let ResourceKey { cluster, group, kind, namespace, name } = key.clone();
        Self { cluster, group, kind, namespace, name }
    }
}

impl fmt::Display for KeyV1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        write!(f, "/{}/{}", self.namespace, self.name)
    }
}
