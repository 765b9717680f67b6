//! Flux, read from its own objects: Kustomizations, HelmReleases, sources, and owner labels.
//!
//! Everything here is a function of the objects that are passed in.
//!
//! ```
//! use drift_sources::flux::FluxRevision;
//!
//! let revision = FluxRevision::parse("main@sha1:1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d")?;
//! assert_eq!((&*revision.name, revision.commit()), ("main", Some("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d")));
//! # Ok::<(), drift_sources::flux::RevisionError>(())
//! ```

mod inventory;
mod kustomization;
mod release;
mod revision;
mod source;

use std::sync::Arc;

use drift_core::drift::rules::{
    Effect, FieldRule, LabelMatch, MarkedSides, Pattern, Rule, RuleProblem, RuleSet, RuleTarget, Selector,
};
use drift_core::{Kind, Node, Object};
use jiff::Timestamp;

pub use inventory::{InventoryError, InventoryId};
pub use kustomization::{Kustomization, SubstituteFrom};
pub use release::{DriftDetectionMode, HelmRelease, ReleaseSnapshot, ValuesReference};
pub use revision::{DigestAlgorithm, FluxRevision, RevisionDigest, RevisionError};
pub use source::{Artifact, FluxSource, GitReference, SourceKind};

/// Group of Kustomizations, and prefix of their labels and annotations.
pub const KUSTOMIZE_GROUP: &str = "kustomize.toolkit.fluxcd.io";
/// Group of HelmReleases, and prefix of their labels and annotations.
pub const HELM_GROUP: &str = "helm.toolkit.fluxcd.io";
/// API group of sources.
pub const SOURCE_GROUP: &str = "source.toolkit.fluxcd.io";

/// A reference from one object to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectReference {
    /// Kind of the object.
    pub kind: String,
    /// Namespace of the object; that of the referring object by default.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
}

/// An entry of `status.conditions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FluxCondition {
    /// Type of the condition, such as `Ready`.
    pub kind: Arc<str>,
    /// `True`, `False` or `Unknown`.
    pub status: Arc<str>,
    /// Reason of the last transition.
    pub reason: Arc<str>,
    /// Flux's message.
    pub message: Arc<str>,
    /// Generation of the spec that the condition is about.
    pub observed_generation: Option<i64>,
    /// Time of the last transition.
    pub since: Option<Timestamp>,
}

fn parse_conditions(object: &Object) -> Vec<FluxCondition> {
    let text = |n: Node<'_>, name| n.str_at(&[name]).unwrap_or_default().into();
    let condition = |n: Node<'_>| FluxCondition {
        kind: text(n, "type"),
        status: text(n, "status"),
        reason: text(n, "reason"),
        message: text(n, "message"),
        observed_generation: n.get("observedGeneration").and_then(Node::as_i64),
        since: n.str_at(&["lastTransitionTime"]).and_then(|t| t.parse().ok()),
    };
    list_at(object.root(), &["status", "conditions"]).map(condition).collect()
}

fn list_at<'a>(node: Node<'a>, path: &[&str]) -> impl Iterator<Item = Node<'a>> + use<'a> {
    node.at(path).filter(|n| n.kind() == Kind::List).into_iter().flat_map(Node::children)
}

fn owned_text(node: Node<'_>, path: &[&str]) -> Option<String> {
    node.str_at(path).filter(|s| !s.is_empty()).map(str::to_owned)
}

fn flag_at(node: Node<'_>, path: &[&str]) -> bool {
    node.at(path).and_then(Node::as_bool) == Some(true)
}

fn parse_reference(node: Node<'_>, namespace: &str) -> ObjectReference {
    ObjectReference {
        kind: owned_text(node, &["kind"]).unwrap_or_default(),
        namespace: owned_text(node, &["namespace"]).unwrap_or_else(|| namespace.to_owned()),
        name: owned_text(node, &["name"]).unwrap_or_default(),
    }
}

fn depends_on(object: &Object) -> Vec<ObjectReference> {
    let of = |n| ObjectReference { kind: object.kind().to_owned(), ..parse_reference(n, object.namespace()) };
    list_at(object.root(), &["spec", "dependsOn"]).map(of).collect()
}

/// Reads a list of `{paths, target}`; the rules are named `name[0]`, `name[1]` and so on.
fn ignore_rules(object: &Object, path: &[&str], name: &str) -> RuleSet {
    let mut set = RuleSet::default();
    for (i, entry) in list_at(object.root(), path).enumerate() {
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
        list_at(entry, &["paths"]).filter_map(|p| p.as_str().map(str::to_owned)).collect();
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
    // The empty pointer stands for the whole object.
    let effect = if pointers.iter().any(String::is_empty) {
        Effect::Whole
    } else {
        Effect::Fields(FieldRule { pointers, ..FieldRule::default() })
    };
    Ok(Rule { name, target, effect, because: None })
}

/// Returns a rule for resources that opt out by a label or annotation.
fn opt_out(key: &str, value: &str, sides: MarkedSides, effect: Effect) -> Rule {
    let mark = Some(LabelMatch { key: key.into(), value: value.into(), sides });
    let name = format!("{key}: {value}").into();
    Rule { name, target: RuleTarget { mark, ..RuleTarget::default() }, effect, because: None }
}
