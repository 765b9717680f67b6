//! From JSON schema to types, the same for OpenAPI documents and CustomResourceDefinitions.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::build::SchemaError;
use super::graph::{DefaultNode, FieldNode, ListTopology, TypeGraph, TypeKind, TypeNode, UNKNOWN};
use super::scalar_kind::ScalarKind;
use crate::object::{Kind, Node};

/// Most types one source may have; all of Kubernetes has about 3,000.
const MAX_TYPES: usize = 200_000;
/// Deepest nesting of schemas; the API server takes less.
const MAX_DEPTH: usize = 100;
/// Longest chain of references that only refer on.
const MAX_ALIASES: usize = 16;
const REF: &str = "#/components/schemas/";

/// Lowers the schemas of one source into one graph.
pub(super) struct Lowering<'a> {
    pub(super) graph: TypeGraph,
    /// Named schemas.
    components: HashMap<&'a str, Node<'a>>,
    named: HashMap<&'a str, u32>,
    /// Named types that have an id and no content yet.
    pending: Vec<(&'a str, u32)>,
    scalars: HashMap<ScalarKind, u32>,
    /// What is lowered, for errors.
    of: String,
}

/// The name of a reference, if the schema is one and nothing else of weight.
fn reference(schema: Node<'_>) -> Option<&str> {
    if let Some(target) = schema.get("$ref") {
        return target.as_str()?.strip_prefix(REF);
    }
    let all = schema.get("allOf").filter(|a| a.len() == 1 && schema.get("properties").is_none())?;
    reference(all.children().next()?)
}

fn flag(schema: Node<'_>, name: &str) -> bool {
    schema.get(name).and_then(Node::as_bool) == Some(true)
}

/// Well-known types that are something else than their schema says.
fn well_known(name: &str) -> Option<Option<ScalarKind>> {
    let name = name
        .strip_prefix("io.k8s.apimachinery.pkg.")
        .or_else(|| name.strip_prefix("io.k8s.apiextensions-apiserver.pkg."))?;
    Some(match name {
        "api.resource.Quantity" => Some(ScalarKind::Quantity),
        "util.intstr.IntOrString" => Some(ScalarKind::IntOrString),
        "apis.meta.v1.Time" | "apis.meta.v1.MicroTime" => Some(ScalarKind::Time),
        "apis.meta.v1.Duration" => Some(ScalarKind::Duration),
        "runtime.RawExtension" | "apis.meta.v1.FieldsV1" | "apis.apiextensions.v1.JSON" => None,
        _ => return None,
    })
}

/// Returns `true` if a pattern is the one controller-gen writes for quantities, or one like it.
fn is_quantity_pattern(pattern: &str) -> bool {
    ["[KMGTPE]i)", "[EPTGMK]i", "(Ei|Pi|Ti|Gi|Mi|Ki", "[KMGTP]i", "Ki|Mi|Gi"]
        .iter()
        .any(|p| pattern.contains(p))
}

/// Returns `true` if a pattern is one of those written for Go durations.
fn is_duration_pattern(pattern: &str) -> bool {
    let units = ["ms|s|m|h", "h|m|s|ms", "ms|s|m", "ns|us|µs|ms|s|m|h", "s|m|h", "h|m|s"];
    units.iter().any(|u| pattern.contains(&format!("({u})")) || pattern.contains(&format!("({u}|")))
}

fn string_kind(schema: Node<'_>) -> ScalarKind {
    let pattern = schema.str_at(&["pattern"]).unwrap_or_default();
    match schema.str_at(&["format"]) {
        Some("byte") => ScalarKind::Bytes,
        Some("date-time") => ScalarKind::Time,
        Some("duration") => ScalarKind::Duration,
        Some("quantity") => ScalarKind::Quantity,
        Some("int-or-string") => ScalarKind::IntOrString,
        _ if is_quantity_pattern(pattern) => ScalarKind::Quantity,
        _ if is_duration_pattern(pattern) => ScalarKind::Duration,
        _ => ScalarKind::String,
    }
}

impl<'a> Lowering<'a> {
    pub(super) fn new(components: HashMap<&'a str, Node<'a>>) -> Self {
        Self {
            graph: TypeGraph::new(),
            components,
            named: HashMap::new(),
            pending: Vec::new(),
            scalars: HashMap::new(),
            of: String::new(),
        }
    }

    pub(super) fn malformed(&self, problem: &'static str) -> SchemaError {
        SchemaError::Malformed { of: self.of.clone(), problem }
    }

    /// Names what is lowered from now on, for errors.
    pub(super) fn begin(&mut self, of: &str) {
        of.clone_into(&mut self.of);
    }

    fn add(&mut self, node: TypeNode) -> Result<u32, SchemaError> {
        if self.graph.types.len() >= MAX_TYPES {
            return Err(SchemaError::TooLarge { what: "types", limit: MAX_TYPES });
        }
        Ok(self.graph.add(node))
    }

    pub(super) fn scalar(&mut self, kind: ScalarKind, nullable: bool) -> Result<u32, SchemaError> {
        let node = TypeNode { nullable, ..TypeNode::new(TypeKind::Scalar(kind)) };
        if nullable {
            return self.add(node);
        }
        if let Some(&id) = self.scalars.get(&kind) {
            return Ok(id);
        }
        let id = self.add(node)?;
        self.scalars.insert(kind, id);
        Ok(id)
    }

    /// Returns a scalar type of its own where the schema lists the values that it may have.
    fn with_allowed_values(&mut self, id: u32, schema: Node<'a>) -> Result<u32, SchemaError> {
        let Some(list) = schema.get("enum") else { return Ok(id) };
        let mut values: Vec<_> = list.children().map(|n| format!("{n:?}")).collect();
        values.sort();
        let mut hasher = DefaultHasher::new();
        values.hash(&mut hasher);
        let mut node = self.graph.node(id).clone();
        node.allowed_values = hasher.finish();
        self.add(node)
    }

    /// Returns the type of a named schema; its content follows with [`Lowering::finish`].
    pub(super) fn named(&mut self, name: &'a str) -> Result<u32, SchemaError> {
        let mut name = name;
        for _ in 0..MAX_ALIASES {
            if let Some(&id) = self.named.get(name) {
                return Ok(id);
            }
            if let Some(known) = well_known(name) {
                let id = known.map_or(Ok(UNKNOWN), |kind| self.scalar(kind, false))?;
                self.named.insert(name, id);
                return Ok(id);
            }
            let Some(&schema) = self.components.get(name) else {
                // Documents of aggregated servers do refer to types they do not have.
                return Ok(UNKNOWN);
            };
            match reference(schema) {
                Some(next) => name = next,
                None => {
                    let text = self.graph.intern(name);
                    let id = self.add(TypeNode { name: text, ..TypeNode::new(TypeKind::Unknown) })?;
                    self.named.insert(name, id);
                    self.pending.push((name, id));
                    return Ok(id);
                }
            }
        }
        self.begin(name);
        Err(self.malformed("its references lead in a circle"))
    }

    /// Fills in all named types that were referred to.
    pub(super) fn finish(&mut self) -> Result<(), SchemaError> {
        while let Some((name, id)) = self.pending.pop() {
            self.begin(name);
            let made = self.schema(self.components[name], 0)?;
            let mut node = self.graph.node(made).clone();
            node.name = self.graph.node(id).name;
            *self.graph.node_mut(id) = node;
        }
        Ok(())
    }

    /// Lowers one schema.
    pub(super) fn schema(&mut self, schema: Node<'a>, depth: usize) -> Result<u32, SchemaError> {
        if depth > MAX_DEPTH {
            return Err(self.malformed("it is nested more than 100 levels deep"));
        }
        if let Some(name) = reference(schema) {
            return self.named(name);
        }
        if schema.kind() != Kind::Map {
            // `items: true` and the like.
            return Ok(UNKNOWN);
        }
        if schema.get("$ref").is_some() {
            return Err(self.malformed("$ref is not allowed here"));
        }
        let nullable = flag(schema, "nullable");
        if flag(schema, "x-kubernetes-int-or-string") {
            let quantity = is_quantity_pattern(schema.str_at(&["pattern"]).unwrap_or_default());
            return self
                .scalar(if quantity { ScalarKind::Quantity } else { ScalarKind::IntOrString }, nullable);
        }
        let kind = match schema.str_at(&["type"]) {
            Some("object") => self.object(schema, depth)?,
            Some("array") => self.array(schema, depth)?,
            Some("string") => {
                let id = self.scalar(string_kind(schema), nullable)?;
                return self.with_allowed_values(id, schema);
            }
            Some("integer") if schema.str_at(&["format"]) == Some("int-or-string") => {
                return self.scalar(ScalarKind::IntOrString, nullable);
            }
            Some("integer") => return self.scalar(ScalarKind::Int, nullable),
            Some("number") => return self.scalar(ScalarKind::Float, nullable),
            Some("boolean") => return self.scalar(ScalarKind::Bool, nullable),
            // Before structural schemas were required, some left the type of objects out.
            _ if schema.get("properties").is_some() => self.object(schema, depth)?,
            _ => TypeKind::Unknown,
        };
        if matches!(kind, TypeKind::Unknown) && !nullable {
            return Ok(UNKNOWN);
        }
        self.add(TypeNode { nullable, ..TypeNode::new(kind) })
    }

    /// Lowers a schema of type `object`: free keys, fields, or neither.
    fn object(&mut self, schema: Node<'a>, depth: usize) -> Result<TypeKind, SchemaError> {
        let atomic = schema.str_at(&["x-kubernetes-map-type"]) == Some("atomic");
        let preserve = flag(schema, "x-kubernetes-preserve-unknown-fields");
        let embedded = flag(schema, "x-kubernetes-embedded-resource");
        let properties = schema.get("properties").filter(|p| !p.is_empty());
        if let (None, false, Some(values)) = (properties, embedded, schema.get("additionalProperties")) {
            let value =
                if values.as_bool() == Some(true) { UNKNOWN } else { self.schema(values, depth + 1)? };
            return Ok(TypeKind::Map { value, atomic });
        }
        if properties.is_none() && preserve && !embedded && !atomic {
            return Ok(TypeKind::Unknown);
        }
        let mut fields = if embedded { self.object_fields()? } else { Vec::new() };
        for property in properties.iter().flat_map(|p| p.children()) {
            // The metadata of an object is always the same type, whatever little of it a definition restricts.
            if embedded && property.key() == "metadata" {
                continue;
            }
            fields.push(self.field(property, depth)?);
        }
        Ok(self.graph.struct_kind(fields, atomic, preserve))
    }

    fn field(&mut self, property: Node<'a>, depth: usize) -> Result<FieldNode, SchemaError> {
        let ty = self.schema(property, depth + 1)?;
        let default = match property.get("default") {
            Some(value) => self.graph.constant(value.to_doc()),
            None => DefaultNode::None,
        };
        Ok(FieldNode { name: self.graph.intern(property.key()), ty, default, omits_zero: false })
    }

    fn array(&mut self, schema: Node<'a>, depth: usize) -> Result<TypeKind, SchemaError> {
        let element = match schema.get("items") {
            Some(items) => self.schema(items, depth + 1)?,
            None => UNKNOWN,
        };
        let topology = match schema.str_at(&["x-kubernetes-list-type"]) {
            Some("set") => ListTopology::Set,
            Some("map") => {
                let keys = schema.get("x-kubernetes-list-map-keys");
                let keys: Vec<Box<str>> = keys
                    .iter()
                    .flat_map(|k| k.children())
                    .filter_map(|k| k.as_str().map(Box::from))
                    .collect();
                if keys.is_empty() {
                    return Err(self.malformed("a list of type map has no x-kubernetes-list-map-keys"));
                }
                self.graph.key_set(keys)
            }
            _ => ListTopology::Atomic,
        };
        Ok(TypeKind::List { element, topology })
    }

    /// Returns `apiVersion`, `kind` and `metadata`, which every object has.
    pub(super) fn object_fields(&mut self) -> Result<Vec<FieldNode>, SchemaError> {
        let text = self.scalar(ScalarKind::String, false)?;
        let metadata = match self.named.get(super::crd::OBJECT_META) {
            Some(&id) => id,
            None if self.components.contains_key(super::crd::OBJECT_META) => {
                self.named(super::crd::OBJECT_META)?
            }
            None => {
                let id = super::crd::object_meta(&mut self.graph);
                self.named.insert(super::crd::OBJECT_META, id);
                id
            }
        };
        let fields = [("apiVersion", text), ("kind", text), ("metadata", metadata)];
        Ok(fields.map(|(name, ty)| self.graph.field(name, ty)).into())
    }
}
