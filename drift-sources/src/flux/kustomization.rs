//! Kustomizations of Flux.

use std::collections::{BTreeMap, BTreeSet};

use drift_core::drift::rules::{Effect, MarkedSides, RuleSet};
use drift_core::{Node, Object, ResourceKey};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    FluxCondition, InventoryId, KUSTOMIZE_GROUP, ObjectReference, depends_on, flag_at, ignore_rules, list_at,
    opt_out, owned_text, parse_conditions, parse_reference,
};

/// An object that provides variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubstituteFrom {
    /// Key of the ConfigMap or Secret.
    pub key: ResourceKey,
    /// Whether the object may be missing.
    pub optional: bool,
}

/// A Kustomization of Flux.
#[derive(Clone, Debug, PartialEq)]
pub struct Kustomization {
    /// Key of the object itself.
    pub key: ResourceKey,
    /// Where its files come from.
    pub source: ObjectReference,
    /// Folder in the source.
    pub path: String,
    /// Namespace that is set on all resources.
    pub target_namespace: Option<String>,
    /// The whole spec, for the fields that kustomize handles.
    pub spec: Value,
    /// Variables with their values.
    pub substitute: BTreeMap<String, String>,
    /// Objects with more variables, in order.
    pub substitute_from: Vec<SubstituteFrom>,
    /// Whether there is a `postBuild` at all.
    pub substitutes: bool,
    /// Labels that are set on all resources.
    pub common_labels: BTreeMap<String, String>,
    /// Annotations that are set on all resources.
    pub common_annotations: BTreeMap<String, String>,
    /// Whether reconciliation is suspended.
    pub is_suspended: bool,
    /// Whether resources that are no longer declared are pruned.
    pub prunes: bool,
    /// Whether the target is another cluster.
    pub is_remote: bool,
    /// Whether files are decrypted (SOPS).
    pub decrypts: bool,
    /// Objects that have to be ready first.
    pub depends_on: Vec<ObjectReference>,
    /// Generation of the spec.
    pub generation: Option<i64>,
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// Revision that was applied last, completely.
    pub last_applied: Option<String>,
    /// The Git revision that the applied artifact was built from.
    pub last_applied_origin: Option<String>,
    /// Revision that was attempted last.
    pub last_attempted: Option<String>,
    /// The applied resources, as `status.inventory` lists them.
    pub inventory: BTreeSet<ResourceKey>,
    /// Entries of the inventory that cannot be read.
    pub unreadable: Vec<String>,
    /// Last reconciliation, by `status.history`.
    pub last_reconciled: Option<Timestamp>,
    /// `status.conditions`.
    pub conditions: Vec<FluxCondition>,
    /// Ignore rules of its own.
    pub rules: RuleSet,
}

impl Kustomization {
    /// Reads a Kustomization; `None` for any other object.
    pub fn from_object(object: &Object) -> Option<Self> {
        if object.group() != KUSTOMIZE_GROUP || object.kind() != "Kustomization" {
            return None;
        }
        let root = object.root();
        let spec = root.get("spec")?;
        let source =
            spec.get("sourceRef").map(|n| parse_reference(n, object.namespace())).unwrap_or_default();
        let (mut inventory, mut unreadable) = (BTreeSet::new(), Vec::new());
        for entry in list_at(root, &["status", "inventory", "entries"]) {
            match InventoryId::parse(entry.str_at(&["id"]).unwrap_or_default()) {
                Ok(id) => {
                    inventory.insert(id.key().clone());
                }
                Err(e) => unreadable.push(e.to_string()),
            }
        }
        let status = |name| owned_text(root, &["status", name]);
        let history = list_at(root, &["status", "history"]);
        Some(Self {
            key: object.key(),
            source,
            path: owned_text(spec, &["path"]).unwrap_or_default(),
            target_namespace: owned_text(spec, &["targetNamespace"]),
            spec: spec.to_value(),
            substitute: text_map(spec.at(&["postBuild", "substitute"])),
            substitute_from: list_at(spec, &["postBuild", "substituteFrom"])
                .map(|n| substitute_from(n, object.namespace()))
                .collect(),
            substitutes: spec.get("postBuild").is_some_and(|p| !p.is_null()),
            common_labels: text_map(spec.at(&["commonMetadata", "labels"])),
            common_annotations: text_map(spec.at(&["commonMetadata", "annotations"])),
            is_suspended: flag_at(spec, &["suspend"]),
            prunes: flag_at(spec, &["prune"]),
            is_remote: spec.get("kubeConfig").is_some_and(|k| !k.is_null()),
            decrypts: spec.get("decryption").is_some_and(|d| !d.is_null()),
            depends_on: depends_on(object),
            generation: root.at(&["metadata", "generation"]).and_then(Node::as_i64),
            observed_generation: root.at(&["status", "observedGeneration"]).and_then(Node::as_i64),
            last_applied: status("lastAppliedRevision"),
            last_applied_origin: status("lastAppliedOriginRevision"),
            last_attempted: status("lastAttemptedRevision"),
            inventory,
            unreadable,
            last_reconciled: history.filter_map(|h| h.str_at(&["lastReconciled"])?.parse().ok()).max(),
            conditions: parse_conditions(object),
            rules: opt_out_rules(object),
        })
    }

    /// Returns a condition by its type.
    pub fn find_condition(&self, kind: &str) -> Option<&FluxCondition> {
        self.conditions.iter().find(|c| &*c.kind == kind)
    }

    /// Returns `true` if the current spec has been applied completely.
    ///
    /// The observed generation of a suspended Kustomization advances as well, so the Ready condition must be about the
    /// current generation too.
    pub fn is_settled(&self) -> bool {
        let is_ready = |c: &FluxCondition| {
            &*c.status == "True"
                && (c.observed_generation.is_none() || c.observed_generation == self.generation)
        };
        self.generation == self.observed_generation
            && self.last_applied.is_some()
            && self.find_condition("Ready").is_some_and(is_ready)
    }

    /// Returns `true` if a live object carries the owner labels of this Kustomization.
    pub fn tracks_object(&self, object: &Object) -> bool {
        object.label("kustomize.toolkit.fluxcd.io/name") == Some(&*self.key.name)
            && object.label("kustomize.toolkit.fluxcd.io/namespace") == Some(&*self.key.namespace)
    }
}

fn text_map(node: Option<Node<'_>>) -> BTreeMap<String, String> {
    let children = node.into_iter().flat_map(Node::children);
    children.filter_map(|n| Some((n.key().to_owned(), n.as_str()?.to_owned()))).collect()
}

fn substitute_from(node: Node<'_>, namespace: &str) -> SubstituteFrom {
    let reference = parse_reference(node, namespace);
    SubstituteFrom {
        key: ResourceKey::new("", &reference.kind, namespace, &reference.name),
        optional: flag_at(node, &["optional"]),
    }
}

/// Returns the rules for objects that opt out, in the order in which Flux evaluates them.
fn opt_out_rules(object: &Object) -> RuleSet {
    let mut set = RuleSet::default();
    let of = |name: &str| format!("{KUSTOMIZE_GROUP}/{name}");
    for (name, value) in [("reconcile", "disabled"), ("ssa", "Ignore"), ("ssa", "IfNotPresent")] {
        set.rules.push(opt_out(&of(name), value, MarkedSides::Either, Effect::Fields(whole_object())));
    }
    // What is never applied is not missing either; with IfNotPresent it would be made.
    for (name, value) in [("reconcile", "disabled"), ("ssa", "Ignore")] {
        set.rules.push(opt_out(&of(name), value, MarkedSides::Either, Effect::Missing));
    }
    set.append(ignore_rules(object, &["spec", "ignore"], "spec.ignore"));
    set
}

fn whole_object() -> drift_core::drift::rules::FieldRule {
    drift_core::drift::rules::FieldRule { paths: vec![drift_core::FieldPath::ROOT], ..Default::default() }
}
