//! Responses of Argo CD's API: the manifests of an Application, its compared resources, and its resource tree.
//!
//! **Invariant:** no error contains a part of a manifest; a value that Argo CD masked is [`UNKNOWN`], equal to nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::redact::UNKNOWN;
use drift_core::{Doc, Object, ResourceKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Most manifests, resources or nodes of one response.
const MAX_ITEMS: usize = 100_000;
/// What `HideSecretData` puts in place of a value; a value that differs from it gets more of them.
const MASK: usize = 8;

/// Why a response cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Not JSON, or JSON of another shape.
    #[error("not the JSON that Argo CD returns (line {line}, column {column})")]
    NotJson {
        /// Line in the response.
        line: usize,
        /// Column in the response.
        column: usize,
    },
    /// The response ends early.
    #[error("cut off after {0} bytes")]
    CutOff(usize),
    /// An entry is not a Kubernetes object.
    #[error("entry {0} of `{1}` is not a Kubernetes object")]
    NotObject(usize, &'static str),
    /// The field that was asked for is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// Too many entries.
    #[error("more than {MAX_ITEMS} entries")]
    TooMany,
}

/// The manifests of an Application as Argo CD rendered them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RenderedManifests {
    /// The objects, hooks included. Values of Secrets that Argo CD masked are [`UNKNOWN`].
    pub objects: Vec<Arc<Object>>,
    /// The commit or version, where the response names it.
    pub revision: Option<String>,
}

/// A resource as Argo CD last compared it.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedResource {
    /// Key of the resource.
    pub key: ResourceKey,
    /// The declared object; `None` if it is no longer declared.
    pub target: Option<Arc<Object>>,
    /// Whether it is a hook.
    pub hook: bool,
}

/// A resource in the tree of an Application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeNode {
    /// Key of the resource.
    pub key: ResourceKey,
    /// What the resource belongs to; empty for a resource that the Application manages itself.
    pub parents: Vec<ResourceKey>,
    /// `Healthy`, `Degraded` and so on, where Argo CD reports it.
    pub health: Option<Arc<str>>,
    /// Whether the resource is in the namespace but belongs to no Application.
    pub is_orphan: bool,
}

/// An Application in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedApplication {
    /// Namespace of the Application.
    pub namespace: String,
    /// Name of the Application.
    pub name: String,
    /// UID; empty in a list.
    pub uid: String,
}

/// What an Application declares, according to Argo CD's API.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApplicationAnswer {
    /// The manifests at the target revisions.
    pub manifests: RenderedManifests,
    /// The objects at revisions that syncs applied, by these revisions, one for each source.
    pub applied: BTreeMap<Vec<String>, Vec<Arc<Object>>>,
    /// A note for a report: how the manifests were obtained.
    pub note: String,
}

/// A reference to the parent of a resource.
#[derive(Deserialize)]
struct ParentRef {
    #[serde(default)]
    group: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AnswerError> {
    // The text of the error may quote the answer.
    serde_json::from_slice(bytes).map_err(|e| match e.is_eof() {
        true => AnswerError::CutOff(bytes.len()),
        false => AnswerError::NotJson { line: e.line(), column: e.column() },
    })
}

fn check_count<T>(items: Option<Vec<T>>) -> Result<Vec<T>, AnswerError> {
    let items = items.unwrap_or_default();
    if items.len() > MAX_ITEMS { Err(AnswerError::TooMany) } else { Ok(items) }
}

/// Parses the response of `/api/v1/applications/NAME/manifests`.
///
/// # Errors
/// See [`AnswerError`]. A response without any manifest is an error: it may come from something other than Argo CD, and
/// accepting it would report every live resource as undeclared.
pub fn parse_manifests(bytes: &[u8]) -> Result<RenderedManifests, AnswerError> {
    #[derive(Deserialize)]
    struct ManifestsResponse {
        manifests: Option<Vec<String>>,
        revision: Option<String>,
    }
    let wire: ManifestsResponse = parse_json(bytes)?;
    let manifests = check_count(wire.manifests)?;
    if manifests.is_empty() {
        return Err(AnswerError::Missing("manifests"));
    }
    let objects = manifests
        .iter()
        .enumerate()
        .map(|(i, text)| parse_object(text).ok_or(AnswerError::NotObject(i, "manifests")))
        .collect::<Result<_, _>>()?;
    Ok(RenderedManifests { objects, revision: wire.revision.filter(|r| !r.is_empty()) })
}

/// Parses the response of `/api/v1/applications/NAME/managed-resources`.
///
/// # Errors
/// See [`AnswerError`].
pub fn parse_managed_resources(bytes: &[u8]) -> Result<Vec<ComparedResource>, AnswerError> {
    #[derive(Deserialize)]
    struct ManagedResourcesResponse {
        items: Option<Vec<ManagedResourceItem>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ManagedResourceItem {
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
    let wire: ManagedResourcesResponse = parse_json(bytes)?;
    let read = |(i, item): (usize, ManagedResourceItem)| {
        let target = match &*item.target_state {
            "" | "null" => None,
            text => Some(parse_object(text).ok_or(AnswerError::NotObject(i, "items"))?),
        };
        let key = ResourceKey::new(&item.group, &item.kind, &item.namespace, &item.name);
        Ok(ComparedResource { key, target, hook: item.hook })
    };
    check_count(wire.items)?.into_iter().enumerate().map(read).collect()
}

/// Parses the response of `/api/v1/applications/NAME/resource-tree`.
///
/// # Errors
/// See [`AnswerError`].
pub fn parse_resource_tree(bytes: &[u8]) -> Result<Vec<TreeNode>, AnswerError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ResourceTreeResponse {
        nodes: Option<Vec<ListedNode>>,
        orphaned_nodes: Option<Vec<ListedNode>>,
    }
    #[derive(Deserialize)]
    struct Health {
        status: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ListedNode {
        #[serde(default)]
        group: String,
        #[serde(default)]
        kind: String,
        #[serde(default)]
        namespace: String,
        #[serde(default)]
        name: String,
        parent_refs: Option<Vec<ParentRef>>,
        health: Option<Health>,
    }
    let wire: ResourceTreeResponse = parse_json(bytes)?;
    let node = |is_orphan: bool| {
        move |n: ListedNode| TreeNode {
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
    let nodes = check_count(wire.nodes)?.into_iter().map(node(false));
    Ok(nodes.chain(check_count(wire.orphaned_nodes)?.into_iter().map(node(true))).collect())
}

#[derive(Deserialize)]
struct ApplicationItem {
    metadata: ApplicationMetadata,
}

#[derive(Deserialize)]
struct ApplicationMetadata {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    uid: String,
}

impl From<ApplicationItem> for ListedApplication {
    fn from(item: ApplicationItem) -> Self {
        let ApplicationMetadata { namespace, name, uid } = item.metadata;
        Self { namespace, name, uid }
    }
}

/// Parses the response of `/api/v1/applications`.
///
/// # Errors
/// See [`AnswerError`].
pub fn parse_applications(bytes: &[u8]) -> Result<Vec<ListedApplication>, AnswerError> {
    #[derive(Deserialize)]
    struct ApplicationsResponse {
        items: Option<Vec<ApplicationItem>>,
    }
    let wire: ApplicationsResponse = parse_json(bytes)?;
    Ok(check_count(wire.items)?.into_iter().map(ListedApplication::from).collect())
}

/// Parses the response of `/api/v1/applications/NAME`.
///
/// # Errors
/// See [`AnswerError`].
pub fn parse_application(bytes: &[u8]) -> Result<ListedApplication, AnswerError> {
    parse_json::<ApplicationItem>(bytes).map(ListedApplication::from)
}

/// Parses an object; values that Argo CD masked become unknown.
fn parse_object(text: &str) -> Option<Arc<Object>> {
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
