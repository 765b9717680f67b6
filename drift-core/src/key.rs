//! Names of clusters and resources.

mod names;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use names::{KindName, ResourceName, ResourceNameError};

/// Identity of a resource across its versions and incarnations.
///
/// It has no API version: `v1beta1` and `v1` of a kind are the same resource. Its text form is `Deployment.apps/ns/name`,
/// in the core group `Pod/ns/name`, for a cluster-scoped kind `Node//name`. The cluster is not part of the text.
///
/// # Example
/// ```
/// use drift_core::ResourceKey;
/// let key = ResourceKey::parse("Deployment.apps/shop/web")?;
/// assert_eq!(key, ResourceKey::new("apps", "Deployment", "shop", "web"));
/// assert_eq!(key.group_kind(), ("apps", "Deployment"));
/// assert_eq!(key.in_namespace("test").to_string(), "Deployment.apps/test/web");
/// # Ok::<(), drift_core::KeyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceKey {
    /// Name of the cluster; empty where there is only one.
    #[serde(default)]
    pub cluster: Arc<str>,
    /// API group; empty for the core group.
    #[serde(default)]
    pub group: Arc<str>,
    /// Kind, in the singular as manifests have it.
    pub kind: Arc<str>,
    /// Namespace; empty for a cluster-scoped resource.
    #[serde(default)]
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

/// Why a text is not a [`ResourceKey`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a resource key: KIND[.GROUP]/NAMESPACE/NAME expected, with an empty namespace for a cluster-scoped kind"
)]
pub struct KeyError {
    /// The text.
    pub text: String,
}

impl ResourceKey {
    /// Makes a key in the unnamed cluster.
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            cluster: "".into(),
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Returns the same key in another cluster.
    #[must_use]
    pub fn in_cluster(mut self, cluster: &str) -> Self {
        self.cluster = cluster.into();
        self
    }

    /// Returns the same key in another namespace.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Returns group and kind.
    pub fn group_kind(&self) -> (&str, &str) {
        (&self.group, &self.kind)
    }

    /// Parses the text form `KIND[.GROUP]/NAMESPACE/NAME`.
    ///
    /// # Errors
    /// When the text has another shape; a short form as kubectl takes it is a [`ResourceName`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let error = || KeyError { text: text.to_owned() };
        let mut parts = text.splitn(3, '/');
        let (Some(kind), Some(namespace), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(error());
        };
        let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
        if kind.is_empty() || name.is_empty() || name.contains('/') {
            return Err(error());
        }
        Ok(Self::new(group, kind, namespace, name))
    }
}

impl std::str::FromStr for ResourceKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse(text)
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        write!(f, "/{}/{}", self.namespace, self.name)
    }
}

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text as it came.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// Returns the text as it came.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

opaque! {
    /// Identity of one incarnation of a resource: `metadata.uid`.
    Uid
}
opaque! {
    /// The API server's version of one object: `metadata.resourceVersion`.
    ///
    /// Not our [`crate::Revision`] and not a [`SourceRevision`]. Only [`ResourceVersion::order`] compares two of them,
    /// because a server may use texts without an order.
    ResourceVersion
}
opaque! {
    /// Revision at a source of declared state: a commit, a chart version, an OCI digest.
    SourceRevision
}
opaque! {
    /// Where a source can resume: opaque to everyone but the source that made it.
    Cursor
}

impl ResourceVersion {
    /// Compares two versions of one cluster where both are decimal numbers, as KEP-5504 lets clients do.
    pub fn order(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.number()?.cmp(&other.number()?))
    }

    /// Returns what decimal numbers are ordered by.
    fn number(&self) -> Option<(usize, &str)> {
        let text = self.as_str();
        let is_number =
            text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0') && !text.is_empty();
        is_number.then_some((text.len(), text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    #[test]
    fn key_text_round_trips() {
        for text in [
            "Deployment.apps/ns/name",
            "Pod/ns/name",
            "Node//n1",
            "ClusterRole.rbac.authorization.k8s.io//system:x",
        ] {
            assert_eq!(ResourceKey::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "Pod", "Pod/x", "/ns/name", "Pod/ns/", "Pod/a/b/c"] {
            assert!(ResourceKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn resource_versions_order_as_numbers_or_not_at_all() {
        let v = ResourceVersion::new;
        assert_eq!(v("9").order(&v("10")), Some(Ordering::Less));
        assert_eq!(v("10").order(&v("10")), Some(Ordering::Equal));
        assert_eq!(v("x10").order(&v("9")), None);
    }
}
