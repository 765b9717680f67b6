//! Flux, from its own objects: Kustomizations, HelmReleases, sources, and the marks on what they manage.
//!
//! **Invariant:** reads objects that somebody hands in; asks neither a cluster nor Flux.

mod inventory;
mod kustomization;
mod release;
mod revision;
mod source;

use std::sync::Arc;

use drift_core::drift::rules::{
    Effect, FieldRule, LabelMatch, Pattern, Rule, RuleProblem, RuleSet, RuleTarget, Selector,
};
use drift_core::{Kind, Node, Object};
use jiff::Timestamp;

pub use inventory::{InventoryError, InventoryId};
pub use kustomization::{Kustomization, SubstituteFrom};
pub use release::{HelmRelease, Snapshot};
pub use revision::{Algorithm, FluxRevision, RevisionError};
pub use source::{Artifact, FluxSource, GitReference, SourceKind};

/// Group of Kustomizations, and prefix of their labels and annotations.
pub const KUSTOMIZE_GROUP: &str = "kustomize.toolkit.fluxcd.io";
/// Group of HelmReleases, and prefix of their labels and annotations.
pub const HELM_GROUP: &str = "helm.toolkit.fluxcd.io";
/// Group of sources.
pub const SOURCE_GROUP: &str = "source.toolkit.fluxcd.io";

/// Names one object from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Kind.
    pub kind: String,
    /// Namespace; that of the referring object where it names none.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// An entry of `status.conditions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Such as `Ready`.
    pub kind: Arc<str>,
    /// `True`, `False` or `Unknown`.
    pub status: Arc<str>,
    /// Reason.
    pub reason: Arc<str>,
    /// What Flux says.
    pub message: Arc<str>,
    /// Generation that it is about.
    pub observed_generation: Option<i64>,
    /// Since when.
    pub since: Option<Timestamp>,
}

fn conditions(object: &Object) -> Vec<Condition> {
    let text = |n: Node<'_>, name| n.str_at(&[name]).unwrap_or_default().into();
    let condition = |n: Node<'_>| Condition {
        kind: text(n, "type"),
        status: text(n, "status"),
        reason: text(n, "reason"),
        message: text(n, "message"),
        observed_generation: n.get("observedGeneration").and_then(Node::as_i64),
        since: n.str_at(&["lastTransitionTime"]).and_then(|t| t.parse().ok()),
    };
    list(object.root(), &["status", "conditions"]).map(condition).collect()
}

fn list<'a>(node: Node<'a>, path: &[&str]) -> impl Iterator<Item = Node<'a>> + use<'a> {
    node.at(path).filter(|n| n.kind() == Kind::List).into_iter().flat_map(Node::children)
}

fn owned(node: Node<'_>, path: &[&str]) -> Option<String> {
    node.str_at(path).filter(|s| !s.is_empty()).map(str::to_owned)
}

fn flag(node: Node<'_>, path: &[&str]) -> bool {
    node.at(path).and_then(Node::as_bool) == Some(true)
}

fn reference(node: Node<'_>, namespace: &str) -> Reference {
    Reference {
        kind: owned(node, &["kind"]).unwrap_or_default(),
        namespace: owned(node, &["namespace"]).unwrap_or_else(|| namespace.to_owned()),
        name: owned(node, &["name"]).unwrap_or_default(),
    }
}

fn depends_on(object: &Object) -> Vec<Reference> {
    let of = |n| Reference { kind: object.kind().to_owned(), ..reference(n, object.namespace()) };
    list(object.root(), &["spec", "dependsOn"]).map(of).collect()
}

/// Reads a list of `{paths, target}`; `name` is what the rules are called by, before their number.
fn ignore_rules(object: &Object, path: &[&str], name: &str) -> RuleSet {
    let mut set = RuleSet::default();
    for (i, entry) in list(object.root(), path).enumerate() {
        let name: Arc<str> = format!("{name}[{i}]").into();
        match ignore_rule(Arc::clone(&name), entry) {
            Ok(rule) => set.rules.push(rule),
            Err(why) => set.problems.push(RuleProblem { rule: name, why }),
        }
    }
    set
}

fn ignore_rule(name: Arc<str>, entry: Node<'_>) -> Result<Rule, String> {
    let pointers: Vec<String> =
        list(entry, &["paths"]).filter_map(|p| p.as_str().map(str::to_owned)).collect();
    if pointers.is_empty() {
        return Err("names no path".to_owned());
    }
    let text = |key: &str| entry.str_at(&["target", key]).unwrap_or_default().to_owned();
    let selector = |key: &str| match &*text(key) {
        "" => Ok(None),
        text => Selector::parse(text).map(Some).map_err(|e| e.to_string()),
    };
    let target = RuleTarget {
        group: Pattern::regex(&text("group"))?,
        version: Pattern::regex(&text("version"))?,
        kind: Pattern::regex(&text("kind"))?,
        namespace: Pattern::regex(&text("namespace"))?,
        name: Pattern::regex(&text("name"))?,
        labels: selector("labelSelector")?,
        annotations: selector("annotationSelector")?,
        mark: None,
    };
    // The empty pointer is the object as a whole.
    let effect = if pointers.iter().any(String::is_empty) {
        Effect::Whole
    } else {
        Effect::Fields(FieldRule { pointers, ..FieldRule::default() })
    };
    Ok(Rule { name, target, effect, because: None })
}

/// A rule for resources that opt out by a label or annotation.
fn opt_out(key: &str, value: &str, effect: Effect) -> Rule {
    let mark = Some(LabelMatch { key: key.into(), value: value.into() });
    let name = format!("{key}: {value}").into();
    Rule { name, target: RuleTarget { mark, ..RuleTarget::default() }, effect, because: None }
}
