//! Kustomizations.

use std::collections::{BTreeMap, BTreeSet};

use drift_core::drift::rules::{Effect, RuleSet};
use drift_core::{Node, Object, ResourceKey};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    Condition, InventoryId, KUSTOMIZE_GROUP, Reference, conditions, depends_on, flag, ignore_rules, list,
    opt_out, owned, reference,
};

/// Where variables come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubstituteFrom {
    /// ConfigMap or Secret.
    pub key: ResourceKey,
    /// Whether it may be missing.
    pub optional: bool,
}

/// A Kustomization of Flux.
#[derive(Clone, Debug, PartialEq)]
pub struct Kustomization {
    /// Its key.
    pub key: ResourceKey,
    /// Where its files come from.
    pub source: Reference,
    /// Folder in the source.
    pub path: String,
    /// Namespace that everything is put into.
    pub target_namespace: Option<String>,
    /// The spec, for what kustomize does with it.
    pub spec: Value,
    /// Variables that are given in place.
    pub substitute: BTreeMap<String, String>,
    /// Variables that come from elsewhere, in order.
    pub substitute_from: Vec<SubstituteFrom>,
    /// Whether it has a `postBuild` at all.
    pub substitutes: bool,
    /// Labels put on everything.
    pub common_labels: BTreeMap<String, String>,
    /// Annotations put on everything.
    pub common_annotations: BTreeMap<String, String>,
    /// Whether nothing is reconciled.
    pub is_suspended: bool,
    /// Whether what is no longer declared is removed.
    pub prunes: bool,
    /// Whether it goes to another cluster.
    pub is_remote: bool,
    /// Whether files are decrypted first.
    pub decrypts: bool,
    /// What has to be ready first.
    pub depends_on: Vec<Reference>,
    /// Generation of the spec.
    pub generation: Option<i64>,
    /// Generation that the status is about.
    pub observed_generation: Option<i64>,
    /// Revision that was applied as a whole.
    pub last_applied: Option<String>,
    /// The Git revision behind an artifact that was applied.
    pub last_applied_origin: Option<String>,
    /// Revision that was tried.
    pub last_attempted: Option<String>,
    /// What was applied, by its own account.
    pub inventory: BTreeSet<ResourceKey>,
    /// Entries of the inventory that cannot be read.
    pub unreadable: Vec<String>,
    /// When something was reconciled last, by `status.history`.
    pub last_reconciled: Option<Timestamp>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Rules of its own.
    pub rules: RuleSet,
}

impl Kustomization {
    /// Reads a Kustomization; `None` for any other object.
    pub fn of(object: &Object) -> Option<Self> {
        if object.group() != KUSTOMIZE_GROUP || object.kind() != "Kustomization" {
            return None;
        }
        let root = object.root();
        let spec = root.get("spec")?;
        let source = spec.get("sourceRef").map(|n| reference(n, object.namespace())).unwrap_or_default();
        let (mut inventory, mut unreadable) = (BTreeSet::new(), Vec::new());
        for entry in list(root, &["status", "inventory", "entries"]) {
            match InventoryId::parse(entry.str_at(&["id"]).unwrap_or_default()) {
                Ok(id) => {
                    inventory.insert(id.key().clone());
                }
                Err(e) => unreadable.push(e.to_string()),
            }
        }
        let status = |name| owned(root, &["status", name]);
        let history = list(root, &["status", "history"]);
        Some(Self {
            key: object.key(),
            source,
            path: owned(spec, &["path"]).unwrap_or_default(),
            target_namespace: owned(spec, &["targetNamespace"]),
            spec: spec.to_value(),
            substitute: texts(spec.at(&["postBuild", "substitute"])),
            substitute_from: list(spec, &["postBuild", "substituteFrom"])
                .map(|n| substitute_from(n, object.namespace()))
                .collect(),
            substitutes: spec.get("postBuild").is_some_and(|p| !p.is_null()),
            common_labels: texts(spec.at(&["commonMetadata", "labels"])),
            common_annotations: texts(spec.at(&["commonMetadata", "annotations"])),
            is_suspended: flag(spec, &["suspend"]),
            prunes: flag(spec, &["prune"]),
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
            conditions: conditions(object),
            rules: rules(object),
        })
    }

    /// Returns a condition by its type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| &*c.kind == kind)
    }

    /// Tells whether the spec as it stands has been applied as a whole.
    ///
    /// The status of a suspended one follows its generation, too; what is ready says of which generation it is.
    pub fn is_settled(&self) -> bool {
        let is_ready = |c: &Condition| {
            &*c.status == "True"
                && (c.observed_generation.is_none() || c.observed_generation == self.generation)
        };
        self.generation == self.observed_generation
            && self.last_applied.is_some()
            && self.condition("Ready").is_some_and(is_ready)
    }

    /// Tells whether a live object carries the owner labels of this Kustomization.
    pub fn tracks(&self, object: &Object) -> bool {
        object.label("kustomize.toolkit.fluxcd.io/name") == Some(&*self.key.name)
            && object.label("kustomize.toolkit.fluxcd.io/namespace") == Some(&*self.key.namespace)
    }
}

fn texts(node: Option<Node<'_>>) -> BTreeMap<String, String> {
    let children = node.into_iter().flat_map(Node::children);
    children.filter_map(|n| Some((n.key().to_owned(), n.as_str()?.to_owned()))).collect()
}

fn substitute_from(node: Node<'_>, namespace: &str) -> SubstituteFrom {
    let reference = reference(node, namespace);
    SubstituteFrom {
        key: ResourceKey::new("", &reference.kind, namespace, &reference.name),
        optional: flag(node, &["optional"]),
    }
}

/// In the order in which Flux asks: an object that is left alone is never compared field by field.
fn rules(object: &Object) -> RuleSet {
    let mut set = RuleSet::default();
    let of = |name: &str| format!("{KUSTOMIZE_GROUP}/{name}");
    for (name, value) in [("reconcile", "disabled"), ("ssa", "Ignore"), ("ssa", "IfNotPresent")] {
        set.rules.push(opt_out(&of(name), value, Effect::Fields(all())));
    }
    // What is never applied is not missing either; with IfNotPresent it would be made.
    for (name, value) in [("reconcile", "disabled"), ("ssa", "Ignore")] {
        set.rules.push(opt_out(&of(name), value, Effect::Missing));
    }
    set.append(ignore_rules(object, &["spec", "ignore"], "spec.ignore"));
    set
}

fn all() -> drift_core::drift::rules::FieldRule {
    drift_core::drift::rules::FieldRule { paths: vec![drift_core::FieldPath::ROOT], ..Default::default() }
}
