//! OpenAPI v3 documents, as the API server publishes one for each group and version.

use std::collections::BTreeMap;

use super::build::{Named, SchemaError};
use super::graph::{DefaultNode, TypeGraph, TypeKind};
use super::lower::Lowering;
use super::{ConversionStrategy, Scope, bundled, defaults};
use crate::object::{Doc, Node};

/// Largest document that is taken; the largest of Kubernetes has 2 MB.
const MAX_BYTES: usize = 128 << 20;
const GVK: &str = "x-kubernetes-group-version-kind";

/// Where the objects of a kind are served.
struct ApiResource {
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
    let resources = resources(root.get("paths").ok_or_else(|| unsupported("paths"))?);
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
                conversion: ConversionStrategy::Unknown,
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
fn resources(paths: Node<'_>) -> BTreeMap<(&str, &str, &str), ApiResource> {
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
            found.entry(kind_key(gvk)).or_insert_with(|| ApiResource { plural: plural.to_owned(), scope });
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use crate::schema::{
        Default, ScalarKind, SchemaError, SchemaSet, SchemaSetBuilder, Scope, Shape, Topology,
    };

    fn document(schemas: Value) -> Vec<u8> {
        let gvk = json!({"group": "example.com", "version": "v1", "kind": "Thing"});
        let mut schemas = schemas;
        schemas["Thing"]["x-kubernetes-group-version-kind"] = json!([gvk]);
        let action = json!({"get": {"x-kubernetes-action": "list", "x-kubernetes-group-version-kind": gvk}});
        let paths = json!({"/apis/example.com/v1/things": action, "/apis/example.com/v1/namespaces/{namespace}/things": action});
        json!({"openapi": "3.0.0", "paths": paths, "components": {"schemas": schemas}})
            .to_string()
            .into_bytes()
    }

    fn read(schemas: Value) -> Result<SchemaSet, SchemaError> {
        let mut builder = SchemaSetBuilder::default();
        builder.openapi_v3(&document(schemas))?;
        Ok(builder.build())
    }

    fn shape<'a>(set: &'a SchemaSet, path: &[&str]) -> Shape<'a> {
        let root = set.kind("example.com", "v1", "Thing").unwrap().root();
        path.iter().fold(root, |ty, name| ty.child(name).unwrap()).shape()
    }

    #[test]
    fn scope_and_plural_come_from_the_paths() {
        let set = read(json!({"Thing": {"type": "object"}})).unwrap();
        assert_eq!(set.scope("example.com", "Thing"), Some(Scope::Namespaced));
        assert_eq!(set.resource("example.com", "things").map(|k| k.kind()), Some("Thing"));
    }

    #[test]
    fn wrapped_references_keep_their_default() {
        let set = read(json!({
            "Thing": {"type": "object", "properties": {
                "port": {"default": {}, "allOf": [{"$ref": "#/components/schemas/Port"}]},
                "size": {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"},
                "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a", "b"],
                    "items": {"$ref": "#/components/schemas/Port"}},
                "self": {"$ref": "#/components/schemas/Thing"},
                "gone": {"$ref": "#/components/schemas/NoSuchType"},
                "one": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
            }},
            "Port": {"type": "object", "properties": {"number": {"type": "integer", "default": 80}}},
            "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
        }))
        .unwrap();
        let Shape::Struct(thing) = shape(&set, &[]) else { panic!("no struct") };
        assert!(matches!(thing.field("port").unwrap().default(), Some(Default::Constant(c)) if c.is_empty()));
        let Shape::Struct(port) = shape(&set, &["port"]) else { panic!("no struct") };
        assert!(
            matches!(port.field("number").unwrap().default(), Some(Default::Constant(c)) if c.as_i64() == Some(80))
        );
        assert!(matches!(shape(&set, &["size"]), Shape::Scalar(ScalarKind::Quantity)));
        assert!(
            matches!(shape(&set, &["list"]), Shape::List(l) if matches!(l.topology(), Topology::Map([_, _])))
        );
        assert!(matches!(shape(&set, &["self", "self", "port"]), Shape::Struct(_)));
        assert!(matches!(shape(&set, &["gone"]), Shape::Unknown));
        assert!(matches!(shape(&set, &["one"]), Shape::Map(m) if m.is_atomic()));
        let names: Vec<_> = thing.fields().map(|f| f.name()).collect();
        assert!(names.is_sorted() && names.len() == 6, "{names:?}");
    }

    #[test]
    fn a_document_of_a_cluster_knows_what_the_server_does() {
        let mut builder = SchemaSetBuilder::default();
        let gvk = json!({"group": "", "version": "v1", "kind": "Secret"});
        let action = json!({"get": {"x-kubernetes-action": "list", "x-kubernetes-group-version-kind": gvk}});
        let text = json!({"type": "string"});
        let secret = json!({"type": "object", "x-kubernetes-group-version-kind": [gvk],
            "properties": {"type": text, "immutable": {"type": "boolean"}, "status": text}});
        let document = json!({"openapi": "3.0.0", "paths": {"/api/v1/namespaces/{namespace}/secrets": action},
            "components": {"schemas": {"io.k8s.api.core.v1.Secret": secret}}});
        builder.openapi_v3(document.to_string().as_bytes()).unwrap();
        let set = builder.build();
        let Shape::Struct(secret) = set.kind("", "v1", "Secret").unwrap().root().shape() else {
            panic!("no struct")
        };
        assert!(
            matches!(secret.field("type").unwrap().default(), Some(Default::Constant(c)) if c.as_str() == Some("Opaque"))
        );
        assert!(matches!(secret.field("status").unwrap().default(), Some(Default::Allocated)));
        assert!(
            secret.field("type").unwrap().omits_zero() && !secret.field("immutable").unwrap().omits_zero()
        );
    }

    #[test]
    fn broken_documents_say_what_is_wrong() {
        let check = |document: &[u8], expect: &str| {
            let error = SchemaSetBuilder::default().openapi_v3(document).map(|_| ()).unwrap_err();
            assert_eq!(error.to_string(), expect);
        };
        check(b"{", "the schema document cannot be decoded");
        check(b"[]", "not an OpenAPI v3 document: `openapi` is missing or wrong");
        check(br#"{"swagger":"2.0"}"#, "not an OpenAPI v3 document: `openapi` is missing or wrong");
        check(
            br#"{"openapi":"3.0.0"}"#,
            "not an OpenAPI v3 document: `components.schemas` is missing or wrong",
        );
        check(
            br#"{"openapi":"3.0.0","components":{"schemas":{}}}"#,
            "not an OpenAPI v3 document: `paths` is missing or wrong",
        );
        check(&"[".repeat(100_000).into_bytes(), "the schema document cannot be decoded");
        let circle = |to: &str| json!({"$ref": format!("#/components/schemas/{to}")});
        let things = json!({"Thing": {"properties": {"a": circle("A")}}, "A": circle("B"), "B": circle("A")});
        check(&document(things), "the schema of `A` is broken: its references lead in a circle");
        let unkeyed =
            json!({"Thing": {"properties": {"a": {"type": "array", "x-kubernetes-list-type": "map"}}}});
        check(
            &document(unkeyed),
            "the schema of `Thing` is broken: a list of type map has no x-kubernetes-list-map-keys",
        );
    }

    proptest! {
        #[test]
        fn any_schema_is_read_or_refused(text in r#"(\{"(type|items|properties|allOf|default|nullable|\$ref)":){0,4}("object"|true|\[\]|\{\}|1)\}{0,4}"#) {
            let schema: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            let _ = read(json!({"Thing": {"type": "object", "properties": {"a": schema, "b": {"properties": schema}}}}));
            let _ = SchemaSetBuilder::default().openapi_v3(text.as_bytes());
        }
    }
}
