//! Clusters that Argo CD deploys to, from the Secrets that register them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use drift_core::redact::is_redacted;
use drift_core::{Node, Object};

/// Address of the cluster that Argo CD itself runs in.
pub const IN_CLUSTER_SERVER: &str = "https://kubernetes.default.svc";

/// Name of the cluster that Argo CD itself runs in, unless a Secret gives it another one.
pub const IN_CLUSTER_NAME: &str = "in-cluster";

/// A cluster as its Secret registers it: everything but the credentials, which are never read.
///
/// In a store the values of Secrets are hashed, and so are the fields here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArgoCluster {
    /// Name of the cluster, not of its Secret.
    pub name: String,
    /// Address of its API server.
    pub server: String,
    /// Project that may deploy to it; empty for all.
    pub project: String,
    /// Labels of the Secret.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the Secret.
    pub annotations: BTreeMap<String, String>,
}

impl ArgoCluster {
    /// Reads the Secret of a cluster; `None` for any other object.
    pub fn from_object(object: &Object) -> Option<Self> {
        if object.kind() != "Secret" || !object.group().is_empty() {
            return None;
        }
        (object.label("argocd.argoproj.io/secret-type") == Some("cluster")).then(|| Self {
            name: value_of(object, "name"),
            server: value_of(object, "server"),
            project: value_of(object, "project"),
            labels: texts_of(object, "labels"),
            annotations: texts_of(object, "annotations"),
        })
    }
}

fn value_of(object: &Object, entry: &str) -> String {
    let text = object.root().str_at(&["data", entry]).unwrap_or_default();
    if is_redacted(text) {
        return text.to_owned();
    }
    let bytes = STANDARD.decode(text).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn texts_of(object: &Object, name: &str) -> BTreeMap<String, String> {
    let entries = object.root().at(&["metadata", name]).into_iter().flat_map(Node::children);
    entries.filter_map(|e| Some((e.key().to_owned(), e.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_read_without_its_credentials() {
        let secret = br#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"c1","namespace":"argocd",
            "labels":{"argocd.argoproj.io/secret-type":"cluster","env":"prod"}},
            "data":{"name":"cHJvZA==","server":"aHR0cHM6Ly9wcm9kOjY0NDM=","config":"eyJ0b2tlbiI6ImFiYyJ9"}}"#;
        let cluster = ArgoCluster::from_object(&Object::from_json(secret).unwrap()).unwrap();
        assert_eq!((&*cluster.name, &*cluster.server), ("prod", "https://prod:6443"));
        assert_eq!(cluster.labels["env"], "prod");
        let shown = format!("{cluster:?}");
        assert!(!shown.contains("abc") && !shown.contains("eyJ"), "{shown}");
    }
}
