//! CustomResourceDefinitions: structural schemas.

use std::collections::HashMap;

use super::Scope;
use super::build::{Named, SchemaError};
use super::graph::{FieldNode, ListTopology, TypeGraph, TypeKind, TypeNode, UNKNOWN};
use super::lower::Lowering;
use super::openapi::status_is_allocated;
use super::shape::ScalarKind;
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
    let mut lowering = Lowering::new(HashMap::new());
    let mut kinds = Vec::new();
    for (version, schema) in versions(spec) {
        lowering.begin(&format!("{group}/{version} {kind}"));
        let root = root(&mut lowering, schema)?;
        let (group, version, kind, plural) = (group.into(), version.into(), kind.into(), plural.into());
        kinds.push(Named { group, version, kind, plural, scope, root });
    }
    if kinds.is_empty() {
        return Err(unsupported("spec.versions"));
    }
    let roots: Vec<u32> = kinds.iter().map(|k| k.root).collect();
    status_is_allocated(&mut lowering.graph, &roots);
    Ok((lowering.graph, kinds))
}

/// Returns the served versions with their schemas; v1beta1 has one schema for all, or one version.
fn versions(spec: Node<'_>) -> Vec<(&str, Option<Node<'_>>)> {
    let shared = spec.at(&["validation", "openAPIV3Schema"]);
    let listed = spec.get("versions").map(|list| {
        let served = list.children().filter(|v| v.get("served").and_then(Node::as_bool) != Some(false));
        let version = |v: Node<'_>| v.str_at(&["name"]).map(str::len);
        served
            .filter(|v| version(*v).is_some())
            .map(|v| {
                (v.str_at(&["name"]).unwrap_or_default(), v.at(&["schema", "openAPIV3Schema"]).or(shared))
            })
            .collect::<Vec<_>>()
    });
    match (listed, spec.str_at(&["version"])) {
        (Some(listed), _) if !listed.is_empty() => listed,
        (_, Some(version)) => vec![(version, shared)],
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
