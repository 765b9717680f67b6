//! CustomResourceDefinitions: structural schemas.

use std::collections::HashMap;

use super::build::{Named, SchemaError};
use super::graph::{FieldNode, ListTopology, TypeGraph, TypeKind, TypeNode, UNKNOWN};
use super::lower::Lowering;
use super::openapi::status_is_allocated;
use super::scalar_kind::ScalarKind;
use super::{ConversionStrategy, Scope};
use super::{bundled, defaults};
use crate::object::{Node, Object};

/// OpenAPI name of the type of `metadata`.
pub(super) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Reads the kinds of a definition.
pub(super) fn read(definition: &Object) -> Result<(TypeGraph, Vec<Named>), SchemaError> {
    let unsupported = |field| SchemaError::Unsupported { expected: "a CustomResourceDefinition", field };
    if definition.kind() != "CustomResourceDefinition" || definition.group() != "apiextensions.k8s.io" {
        return Err(unsupported("kind"));
    }
    let spec = definition.root().get("spec").ok_or_else(|| unsupported("spec"))?;
    let text =
        |keys: &[&str], field| spec.str_at(keys).filter(|t| !t.is_empty()).ok_or_else(|| unsupported(field));
    let group = text(&["group"], "spec.group")?;
    let kind = text(&["names", "kind"], "spec.names.kind")?;
    let plural = text(&["names", "plural"], "spec.names.plural")?;
    let scope = match text(&["scope"], "spec.scope")? {
        "Namespaced" => Scope::Namespaced,
        "Cluster" => Scope::Cluster,
        _ => return Err(unsupported("spec.scope")),
    };
    let conversion = match spec.str_at(&["conversion", "strategy"]) {
        None | Some("None") => ConversionStrategy::NameOnly,
        Some(_) => ConversionStrategy::Unknown,
    };
    let mut lowering = Lowering::new(HashMap::new());
    let mut kinds = Vec::new();
    let mut with_status = Vec::new();
    for Version { name: version, schema, has_status } in versions(spec) {
        lowering.begin(&format!("{group}/{version} {kind}"));
        let root = root(&mut lowering, schema)?;
        with_status.extend(has_status.then_some(root));
        let (group, version, kind, plural) = (group.into(), version.into(), kind.into(), plural.into());
        kinds.push(Named { group, version, kind, plural, scope, conversion, root });
    }
    if kinds.is_empty() {
        return Err(unsupported("spec.versions"));
    }
    // Without the subresource `status` is a field like any other, which clients write.
    status_is_allocated(&mut lowering.graph, &with_status);
    Ok((lowering.graph, kinds))
}

/// A served version of a definition.
struct Version<'a> {
    name: &'a str,
    schema: Option<Node<'a>>,
    /// Whether `status` is a subresource, so that clients cannot write it with the object.
    has_status: bool,
}

/// Returns the served versions; v1beta1 has one schema and one set of subresources for all, or one version.
fn versions(spec: Node<'_>) -> Vec<Version<'_>> {
    let shared = spec.at(&["validation", "openAPIV3Schema"]);
    let status = |n: Node<'_>| n.at(&["subresources", "status"]).is_some_and(|s| !s.is_null());
    let shared_status = status(spec);
    let listed = spec.get("versions").map(|list| {
        let served = list.children().filter(|v| v.get("served").and_then(Node::as_bool) != Some(false));
        let version = |v: Node<'_>| v.str_at(&["name"]).map(str::len);
        served
            .filter(|v| version(*v).is_some())
            .map(|v| Version {
                name: v.str_at(&["name"]).unwrap_or_default(),
                schema: v.at(&["schema", "openAPIV3Schema"]).or(shared),
                has_status: status(v) || shared_status,
            })
            .collect::<Vec<_>>()
    });
    match (listed, spec.str_at(&["version"])) {
        (Some(listed), _) if !listed.is_empty() => listed,
        (_, Some(name)) => vec![Version { name, schema: shared, has_status: shared_status }],
        _ => Vec::new(),
    }
}

/// Lowers the schema of a whole object, which is an embedded resource whether it says so or not.
fn root<'a>(lowering: &mut Lowering<'a>, schema: Option<Node<'a>>) -> Result<u32, SchemaError> {
    let own = schema.map(|s| lowering.schema(s, 0)).transpose()?.unwrap_or(UNKNOWN);
    let mut fields = Vec::new();
    let mut preserve = true;
    if let TypeKind::Struct { fields: own, preserve: keeps, .. } = &lowering.graph.node(own).kind {
        (fields, preserve) = (own.to_vec(), *keeps);
    }
    fields.extend(lowering.object_fields()?);
    let kind = lowering.graph.struct_kind(fields, false, preserve);
    Ok(lowering.graph.add(TypeNode::new(kind)))
}

/// Makes the type of `metadata` where the source does not have it: that of the built-in kinds, flat and shared.
pub(super) fn object_meta(graph: &mut TypeGraph) -> u32 {
    let mut scalar = |kind| graph.add(TypeNode::new(TypeKind::Scalar(kind)));
    let (text, int, time, yes) = (
        scalar(ScalarKind::String),
        scalar(ScalarKind::Int),
        scalar(ScalarKind::Time),
        scalar(ScalarKind::Bool),
    );
    let add = |graph: &mut TypeGraph, kind| graph.add(TypeNode::new(kind));
    let labels = add(graph, TypeKind::Map { value: text, atomic: false });
    let annotations = add(graph, TypeKind::Map { value: text, atomic: false });
    let finalizers = add(graph, TypeKind::List { element: text, topology: ListTopology::Set });
    let managed = add(graph, TypeKind::List { element: UNKNOWN, topology: ListTopology::Atomic });
    let mut fields: Vec<FieldNode> =
        ["generateName", "name", "namespace", "resourceVersion", "selfLink", "uid"]
            .map(|name| graph.field(name, text))
            .into();
    fields.extend(["deletionGracePeriodSeconds", "generation"].map(|name| graph.field(name, int)));
    fields.extend(["creationTimestamp", "deletionTimestamp"].map(|name| graph.field(name, time)));
    let owner = ["apiVersion", "kind", "name", "uid"].map(|name| graph.field(name, text));
    let flags = ["blockOwnerDeletion", "controller"].map(|name| graph.field(name, yes));
    let owner = graph.struct_kind(owner.into_iter().chain(flags).collect(), true, false);
    let owner = add(graph, owner);
    let topology = graph.key_set(vec!["uid".into()]);
    let owners = add(graph, TypeKind::List { element: owner, topology });
    let rest = [
        ("labels", labels),
        ("annotations", annotations),
        ("finalizers", finalizers),
        ("managedFields", managed),
        ("ownerReferences", owners),
    ];
    fields.extend(rest.map(|(name, ty)| graph.field(name, ty)));
    let omitted = bundled::types().omitted(OBJECT_META).unwrap_or_default();
    for field in &mut fields {
        field.omits_zero = omitted.binary_search(&graph.text(field.name)).is_ok();
    }
    let kind = graph.struct_kind(fields, false, false);
    let name = graph.intern(OBJECT_META);
    let id = graph.add(TypeNode { name, ..TypeNode::new(kind) });
    defaults::apply(graph, &HashMap::from([(OBJECT_META.to_owned(), id)]));
    id
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::object::Doc;
    use crate::schema::{Default, SchemaError, SchemaSet, SchemaSetBuilder, Shape, Topology};

    fn definition(schema: Value) -> Value {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"},
            "spec": {"group": "example.com", "scope": "Cluster", "names": {"kind": "Thing", "plural": "things"},
                "versions": [{"name": "v1", "served": true, "schema": {"openAPIV3Schema": schema}}, {"name": "v0", "served": false}]}})
    }

    fn read(definition: &Value) -> Result<SchemaSet, SchemaError> {
        let mut builder = SchemaSetBuilder::default();
        builder.crd(&Object::new(Doc::from_value(definition).unwrap()).unwrap())?;
        Ok(builder.build())
    }

    fn shape<'a>(set: &'a SchemaSet, path: &[&str]) -> Shape<'a> {
        let root = set.kind("example.com", "v1", "Thing").unwrap().root();
        path.iter().fold(root, |ty, name| ty.child(name).unwrap()).shape()
    }

    const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

    #[test]
    fn structural_schemas_say_what_they_mean() {
        let set = read(&definition(json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "half": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"a": {"type": "string"}}},
            "port": {"x-kubernetes-int-or-string": true},
            "cpu": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": QUANTITY},
            "every": {"type": "string", "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$"},
            "name": {"type": "string", "nullable": true, "default": "x", "pattern": "^[a-z]+$"},
            "plain": {"type": "array", "items": {"type": "string"}},
            "keyed": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                "items": {"type": "object", "properties": {"k": {"type": "string"}}}},
            "pod": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
        }}}})))
        .unwrap();
        assert!(matches!(shape(&set, &["spec", "free"]), Shape::Unknown));
        assert!(matches!(shape(&set, &["spec", "half"]), Shape::Struct(s) if s.preserves_unknown()));
        assert!(matches!(shape(&set, &["spec"]), Shape::Struct(s) if !s.preserves_unknown()));
        assert!(matches!(shape(&set, &["spec", "port"]), Shape::Scalar(ScalarKind::IntOrString)));
        assert!(matches!(shape(&set, &["spec", "cpu"]), Shape::Scalar(ScalarKind::Quantity)));
        assert!(matches!(shape(&set, &["spec", "every"]), Shape::Scalar(ScalarKind::Duration)));
        assert!(matches!(shape(&set, &["spec", "name"]), Shape::Scalar(ScalarKind::String)));
        assert!(
            matches!(shape(&set, &["spec", "plain"]), Shape::List(l) if l.topology() == Topology::Atomic)
        );
        assert!(
            matches!(shape(&set, &["spec", "keyed"]), Shape::List(l) if matches!(l.topology(), Topology::Map([_])))
        );
        assert!(matches!(shape(&set, &["spec", "pod", "metadata", "labels"]), Shape::Map(_)));
        assert!(
            matches!(shape(&set, &["metadata", "finalizers"]), Shape::List(l) if l.topology() == Topology::Set)
        );
        let Shape::Struct(spec) = shape(&set, &["spec"]) else { panic!("no struct") };
        let name = spec.field("name").unwrap();
        assert!(
            name.ty().is_nullable()
                && matches!(name.default(), Some(Default::Constant(c)) if c.as_str() == Some("x"))
        );
        let Shape::Struct(metadata) = shape(&set, &["metadata"]) else { panic!("no struct") };
        assert!(matches!(metadata.field("uid").unwrap().default(), Some(Default::Allocated)));
        assert!(metadata.field("labels").unwrap().omits_zero());
        assert_eq!(set.kinds().count(), 1, "a version that is not served has no objects");
    }

    #[test]
    fn status_is_a_plain_field_where_it_is_no_subresource() {
        let schema = json!({"type": "object", "properties": {"status": {"type": "object"}}});
        let allocated = |subresources: Value| {
            let mut definition = definition(schema.clone());
            definition["spec"]["versions"][0]["subresources"] = subresources;
            let set = read(&definition).unwrap();
            let Shape::Struct(root) = shape(&set, &[]) else { panic!("no struct") };
            matches!(root.field("status").unwrap().default(), Some(Default::Allocated))
        };
        assert!(allocated(json!({"status": {}})));
        assert!(!allocated(json!({"scale": {}})));
        assert!(!allocated(Value::Null));
        // v1beta1 has the subresources of all versions in one place.
        let mut old = definition(Value::Null);
        old["spec"]["versions"] = Value::Null;
        old["spec"]["version"] = json!("v1");
        old["spec"]["validation"] = json!({"openAPIV3Schema": schema});
        old["spec"]["subresources"] = json!({"status": {}});
        let set = read(&old).unwrap();
        let Shape::Struct(root) = shape(&set, &[]) else { panic!("no struct") };
        assert!(matches!(root.field("status").unwrap().default(), Some(Default::Allocated)));
    }

    #[test]
    fn a_definition_covers_built_in_and_earlier_kinds() {
        let with =
            |field: &str| definition(json!({"type": "object", "properties": {field: {"type": "string"}}}));
        let (old, new) = (read(&with("old")).unwrap(), read(&with("new")).unwrap());
        let set = SchemaSet::layered(&SchemaSet::layered(&SchemaSet::bundled(), &old), &new);
        let root = set.kind("example.com", "v1", "Thing").unwrap().root();
        assert!(root.child("new").is_some() && root.child("old").is_none());
        assert!(set.kind("apps", "v1", "Deployment").is_some());
        assert_eq!(set.kinds().count(), SchemaSet::bundled().kinds().count() + 1);
    }

    #[test]
    fn definitions_without_a_schema_keep_everything() {
        let mut old = definition(Value::Null);
        old["apiVersion"] = json!("apiextensions.k8s.io/v1beta1");
        old["spec"]["versions"] = Value::Null;
        old["spec"]["version"] = json!("v1");
        let set = read(&old).unwrap();
        assert!(matches!(shape(&set, &[]), Shape::Struct(s) if s.preserves_unknown()));
        assert!(matches!(shape(&set, &["metadata"]), Shape::Struct(_)));
    }

    #[test]
    fn broken_definitions_say_what_is_wrong() {
        let check =
            |definition: &Value, expect: &str| assert_eq!(read(definition).unwrap_err().to_string(), expect);
        check(
            &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}),
            "not a CustomResourceDefinition: `kind` is missing or wrong",
        );
        let mut no_scope = definition(json!({}));
        no_scope["spec"]["scope"] = json!("Everywhere");
        check(&no_scope, "not a CustomResourceDefinition: `spec.scope` is missing or wrong");
        let mut none = definition(json!({}));
        none["spec"]["versions"] = json!([]);
        check(&none, "not a CustomResourceDefinition: `spec.versions` is missing or wrong");
        let reference = json!({"type": "object", "properties": {"a": {"$ref": "#/definitions/a"}}});
        check(
            &definition(reference),
            "the schema of `example.com/v1 Thing` is broken: $ref is not allowed here",
        );
        let deep =
            (0..110).fold(json!({"type": "string"}), |below, _| json!({"type": "array", "items": below}));
        check(
            &definition(deep),
            "the schema of `example.com/v1 Thing` is broken: it is nested more than 100 levels deep",
        );
    }

    #[test]
    fn a_huge_definition_is_refused() {
        let property = json!({"type": "array", "items": {"type": "array", "items": {"type": "array"}}});
        let fields: serde_json::Map<String, Value> =
            (0..70_000).map(|i| (i.to_string(), property.clone())).collect();
        let error = read(&definition(json!({"type": "object", "properties": fields}))).unwrap_err();
        assert_eq!(error.to_string(), "the schema document has more than 200000 types");
    }
}
