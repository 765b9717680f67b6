//! OpenAPI v3 documents, as the API server publishes one for each group and version.

use std::collections::BTreeMap;

use super::build::{Named, SchemaError};
use super::graph::{DefaultNode, TypeGraph, TypeKind};
use super::lower::Lowering;
use super::{Scope, bundled, defaults};
use crate::object::{Doc, Node};

/// Largest document that is taken; the largest of Kubernetes has 2 MB.
const MAX_BYTES: usize = 128 << 20;
const GVK: &str = "x-kubernetes-group-version-kind";

/// Where the objects of a kind are served.
struct Resource {
    plural: String,
    scope: Scope,
}

/// Reads one document; `bare` leaves out what the API server does and the document does not say.
pub(super) fn read(document: &[u8], bare: bool) -> Result<(TypeGraph, Vec<Named>), SchemaError> {
    if document.len() > MAX_BYTES {
        return Err(SchemaError::TooLarge { what: "bytes", limit: MAX_BYTES });
    }
    let doc = Doc::from_json(document).map_err(SchemaError::Decode)?;
    let root = doc.root();
    let unsupported = |field| SchemaError::Unsupported { expected: "an OpenAPI v3 document", field };
    if !root.str_at(&["openapi"]).is_some_and(|v| v.starts_with('3')) {
        return Err(unsupported("openapi"));
    }
    let schemas = root.at(&["components", "schemas"]).ok_or_else(|| unsupported("components.schemas"))?;
    let resources = root.get("paths").map(resources).unwrap_or_default();
    let mut lowering = Lowering::new(schemas.children().map(|s| (s.key(), s)).collect());
    let mut kinds = Vec::new();
    for schema in schemas.children() {
        for gvk in schema.get(GVK).iter().flat_map(|g| g.children()) {
            let key = kind_key(gvk);
            let Some(resource) = resources.get(&key) else { continue };
            let root = lowering.named(schema.key())?;
            let (group, version, kind) = key;
            let (plural, scope) = (resource.plural.clone(), resource.scope);
            kinds.push(Named {
                group: group.into(),
                version: version.into(),
                kind: kind.into(),
                plural,
                scope,
                root,
            });
        }
    }
    lowering.finish()?;
    let mut graph = lowering.graph;
    if !bare {
        complete(&mut graph, &kinds);
    }
    Ok((graph, kinds))
}

fn kind_key(gvk: Node<'_>) -> (&str, &str, &str) {
    let text = |name| gvk.str_at(&[name]).unwrap_or_default();
    (text("group"), text("version"), text("kind"))
}

/// Reads from the paths which kind is served under which plural and in which scope.
///
/// `/apis/GROUP/VERSION[/namespaces/{namespace}]/PLURAL`: deeper paths are subresources, some of them of another kind.
fn resources(paths: Node<'_>) -> BTreeMap<(&str, &str, &str), Resource> {
    let mut found = BTreeMap::new();
    for path in paths.children() {
        let parts: Vec<&str> = path.key().split('/').filter(|p| !p.is_empty()).collect();
        let parts = match parts[..] {
            ["api", _, ref rest @ ..] | ["apis", _, _, ref rest @ ..] => rest,
            _ => continue,
        };
        let (plural, scope) = match *parts {
            ["namespaces", "{namespace}", plural] | ["namespaces", "{namespace}", plural, "{name}"] => {
                (plural, Scope::Namespaced)
            }
            [plural] | [plural, "{name}"] if !plural.starts_with('{') => (plural, Scope::Cluster),
            _ => continue,
        };
        let actions = path.children().filter(|a| a.get("x-kubernetes-action").is_some());
        let Some(gvk) = actions.filter_map(|a| a.get(GVK)).next() else { continue };
        // A namespaced kind has a path over all namespaces too, which looks like that of a cluster-scoped kind.
        let entry =
            found.entry(kind_key(gvk)).or_insert_with(|| Resource { plural: plural.to_owned(), scope });
        if scope == Scope::Namespaced {
            entry.scope = scope;
        }
    }
    found
}

/// Adds what the API server does with built-in types and their documents do not say.
fn complete(graph: &mut TypeGraph, kinds: &[Named]) {
    let known = bundled::types();
    let names = graph.names();
    for (name, id) in &names {
        let Some(omitted) = known.omitted(name) else { continue };
        let mut node = graph.node(*id).clone();
        if let TypeKind::Struct { fields, .. } = &mut node.kind {
            for field in fields.iter_mut() {
                field.omits_zero = omitted.binary_search(&graph.text(field.name)).is_ok();
            }
        }
        *graph.node_mut(*id) = node;
    }
    defaults::apply(graph, &names);
    let roots: Vec<u32> = kinds.iter().map(|k| k.root).collect();
    status_is_allocated(graph, &roots);
}

/// Marks the status of every kind as owned by the API server and controllers.
pub(super) fn status_is_allocated(graph: &mut TypeGraph, roots: &[u32]) {
    let status = graph.intern("status");
    for root in roots {
        if let TypeKind::Struct { fields, .. } = &mut graph.node_mut(*root).kind {
            fields.iter_mut().filter(|f| f.name == status).for_each(|f| f.default = DefaultNode::Allocated);
        }
    }
}
