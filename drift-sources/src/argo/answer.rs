//! What Argo CD's API answers: the manifests of an Application, what it compares, and the tree of its resources.
//!
//! **Invariant:** nothing of a manifest is in an error; what Argo CD hides of a Secret is a value nobody knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::redact::UNKNOWN;
use drift_core::{Doc, Object, ResourceKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Most manifests, resources or nodes of one answer.
const MAX_ITEMS: usize = 100_000;
/// What `HideSecretData` puts in place of a value; a value that differs from it gets more of them.
const MASK: usize = 8;

/// Why an answer cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It is no JSON, or JSON of another shape.
    #[error("it is not the JSON that Argo CD gives (line {line}, column {column})")]
    NotJson {
        /// Line of the answer.
        line: usize,
        /// Column of the answer.
        column: usize,
    },
    /// It ends in the middle.
    #[error("it is cut off after {0} bytes")]
    CutOff(usize),
    /// One of its objects is no Kubernetes object.
    #[error("entry {0} of `{1}` is no Kubernetes object")]
    NotObject(usize, &'static str),
    /// It says nothing of what was asked for.
    #[error("it has no `{0}`")]
    Missing(&'static str),
    /// It holds more than is taken.
    #[error("it has more than {MAX_ITEMS} entries")]
    TooMany,
}

/// What an Application declares by Argo CD's own account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifests {
    /// The objects, hooks among them. What Argo CD hides of Secrets is [`UNKNOWN`].
    pub objects: Vec<Arc<Object>>,
    /// The commit or version, where the answer names it.
    pub revision: Option<String>,
}

/// A resource as Argo CD compared it last.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Which resource.
    pub key: ResourceKey,
    /// What is declared; `None` where nothing is any more.
    pub target: Option<Arc<Object>>,
    /// Whether it is a hook.
    pub hook: bool,
}

/// A resource in the tree of an Application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeNode {
    /// Which resource.
    pub key: ResourceKey,
    /// What it belongs to; empty for what the Application manages itself.
    pub parents: Vec<ResourceKey>,
    /// `Healthy`, `Degraded` and so on, where Argo CD says.
    pub health: Option<Arc<str>>,
    /// Whether it is in the namespace and belongs to no Application.
    pub is_orphan: bool,
}

/// Which Application the server speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID; empty in a list.
    pub uid: String,
}

/// What Argo CD's API says that an Application declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// What it declares now.
    pub manifests: Manifests,
    /// What it declared at revisions that syncs applied, by these, one for each source.
    pub applied: BTreeMap<Vec<String>, Vec<Arc<Object>>>,
    /// How it was come by, for a reader of a report.
    pub note: String,
}

/// How the API names a resource that another belongs to.
#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    group: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AnswerError> {
    // The text of the error may quote the answer.
    serde_json::from_slice(bytes).map_err(|e| match e.is_eof() {
        true => AnswerError::CutOff(bytes.len()),
        false => AnswerError::NotJson { line: e.line(), column: e.column() },
    })
}

fn bounded<T>(items: Option<Vec<T>>) -> Result<Vec<T>, AnswerError> {
    let items = items.unwrap_or_default();
    if items.len() > MAX_ITEMS { Err(AnswerError::TooMany) } else { Ok(items) }
}

/// Reads the answer of `/api/v1/applications/NAME/manifests`.
///
/// # Errors
/// See [`AnswerError`]. An answer without any manifest is one: it looks like one that has nothing to do with the question,
/// and taking it as it is would make everything live a leftover.
pub fn manifests(bytes: &[u8]) -> Result<Manifests, AnswerError> {
    #[derive(Deserialize)]
    struct Wire {
        manifests: Option<Vec<String>>,
        revision: Option<String>,
    }
    let wire: Wire = json(bytes)?;
    let manifests = bounded(wire.manifests)?;
    if manifests.is_empty() {
        return Err(AnswerError::Missing("manifests"));
    }
    let objects = manifests
        .iter()
        .enumerate()
        .map(|(i, text)| object(text).ok_or(AnswerError::NotObject(i, "manifests")))
        .collect::<Result<_, _>>()?;
    Ok(Manifests { objects, revision: wire.revision.filter(|r| !r.is_empty()) })
}

/// Reads the answer of `/api/v1/applications/NAME/managed-resources`.
///
/// # Errors
/// See [`AnswerError`].
pub fn managed_resources(bytes: &[u8]) -> Result<Vec<Compared>, AnswerError> {
    #[derive(Deserialize)]
    struct Wire {
        items: Option<Vec<Item>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Item {
        #[serde(default)]
        group: String,
        #[serde(default)]
        kind: String,
        #[serde(default)]
        namespace: String,
        #[serde(default)]
        name: String,
        #[serde(default)]
        target_state: String,
        #[serde(default)]
        hook: bool,
    }
    let wire: Wire = json(bytes)?;
    let read = |(i, item): (usize, Item)| {
        let target = match &*item.target_state {
            "" | "null" => None,
            text => Some(object(text).ok_or(AnswerError::NotObject(i, "items"))?),
        };
        let key = ResourceKey::new(&item.group, &item.kind, &item.namespace, &item.name);
        Ok(Compared { key, target, hook: item.hook })
    };
    bounded(wire.items)?.into_iter().enumerate().map(read).collect()
}

/// Reads the answer of `/api/v1/applications/NAME/resource-tree`.
///
/// # Errors
/// See [`AnswerError`].
pub fn resource_tree(bytes: &[u8]) -> Result<Vec<TreeNode>, AnswerError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        nodes: Option<Vec<Node>>,
        orphaned_nodes: Option<Vec<Node>>,
    }
    #[derive(Deserialize)]
    struct Health {
        status: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Node {
        #[serde(default)]
        group: String,
        #[serde(default)]
        kind: String,
        #[serde(default)]
        namespace: String,
        #[serde(default)]
        name: String,
        parent_refs: Option<Vec<Reference>>,
        health: Option<Health>,
    }
    let wire: Wire = json(bytes)?;
    let node = |is_orphan: bool| {
        move |n: Node| TreeNode {
            key: ResourceKey::new(&n.group, &n.kind, &n.namespace, &n.name),
            parents: n
                .parent_refs
                .unwrap_or_default()
                .iter()
                .map(|p| ResourceKey::new(&p.group, &p.kind, &p.namespace, &p.name))
                .collect(),
            health: n.health.and_then(|h| h.status).filter(|s| !s.is_empty()).map(Into::into),
            is_orphan,
        }
    };
    let nodes = bounded(wire.nodes)?.into_iter().map(node(false));
    Ok(nodes.chain(bounded(wire.orphaned_nodes)?.into_iter().map(node(true))).collect())
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    uid: String,
}

impl From<Item> for Listed {
    fn from(item: Item) -> Self {
        let Metadata { namespace, name, uid } = item.metadata;
        Self { namespace, name, uid }
    }
}

/// Reads the answer of `/api/v1/applications`.
///
/// # Errors
/// See [`AnswerError`].
pub fn applications(bytes: &[u8]) -> Result<Vec<Listed>, AnswerError> {
    #[derive(Deserialize)]
    struct Wire {
        items: Option<Vec<Item>>,
    }
    let wire: Wire = json(bytes)?;
    Ok(bounded(wire.items)?.into_iter().map(Listed::from).collect())
}

/// Reads the answer of `/api/v1/applications/NAME`.
///
/// # Errors
/// See [`AnswerError`].
pub fn application(bytes: &[u8]) -> Result<Listed, AnswerError> {
    json::<Item>(bytes).map(Listed::from)
}

/// Reads an object out of a text, with what Argo CD hides of it as unknown.
fn object(text: &str) -> Option<Arc<Object>> {
    let plain = || Object::from_json(text.as_bytes()).ok();
    if !text.contains("++++++++") {
        return plain().map(Arc::new);
    }
    let object = plain()?;
    if object.kind() != "Secret" || !object.group().is_empty() {
        return Some(Arc::new(object));
    }
    let mut value = object.root().to_value();
    for path in ["/data", "/stringData", "/metadata/annotations"] {
        let texts = value.pointer_mut(path).and_then(Value::as_object_mut);
        for hidden in texts.into_iter().flat_map(|t| t.values_mut()).filter(|v| is_mask(v)) {
            *hidden = UNKNOWN.into();
        }
    }
    Object::new(Doc::from_value(&value).ok()?).ok().map(Arc::new)
}

fn is_mask(value: &Value) -> bool {
    value.as_str().is_some_and(|s| s.len() >= MASK && s.bytes().all(|b| b == b'+'))
}
