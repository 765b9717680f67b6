//! The leaves of what somebody wants of an object, and how two versions differ in them.
//!
//! Desired state is all but status, and of the metadata labels and annotations without the records of tools. Elements of a
//! list are distinguished by their names where all have one, else by their places.

use std::collections::BTreeMap;

use crate::k8s::annotations::LAST_APPLIED;
use crate::object::{Kind, Node, Object};
use crate::schema::Quantity;

/// Most leaves of an object that are looked at.
const MAX_LEAVES: usize = 20_000;
/// Deepest leaf that is looked at.
const MAX_DEPTH: usize = 40;

/// The way to a leaf: names of fields, and `[name]` or `[0]` for elements of lists.
pub(super) type LeafPath = Box<[Box<str>]>;

/// Leaves by path; a value is as it reads, of whatever type.
pub(super) type Leaves = BTreeMap<LeafPath, String>;

/// A leaf that one version has and the other has not, or has otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeafChange {
    pub(super) path: LeafPath,
    pub(super) before: Option<Box<str>>,
    pub(super) after: Option<Box<str>>,
}

impl LeafChange {
    /// Returns `true` if it is a label or an annotation.
    pub(super) fn is_metadata(&self) -> bool {
        self.path.first().is_some_and(|f| &**f == "metadata")
    }

    /// Returns `true` for a text for people, such as what a rule says when it refuses.
    pub(super) fn is_prose(&self) -> bool {
        matches!(self.last(), "message" | "messageExpression" | "description" | "summary" | "displayName")
    }

    /// Returns `true` for an edit that gives back or lets more through: what it relaxes does not break by it.
    ///
    /// For example `suspend: true -> false`, a longer timeout, a larger volume or limit.
    pub(super) fn relaxes(&self) -> bool {
        let last = self.last().to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|w| last.contains(w));
        // A switch that is not there is off.
        let off = |value: &Option<Box<str>>| value.as_deref().unwrap_or("false").to_owned();
        match (&*off(&self.before), &*off(&self.after)) {
            ("true", "false") => has(&["disable", "suspend", "pause", "unschedulable"]),
            ("false", "true") => matches!(&*last, "enable" | "enabled") || last.starts_with("allow"),
            (before, after) => {
                let is_bound = has(&[
                    "timeout",
                    "deadline",
                    "capacity",
                    "size",
                    "burst",
                    "quota",
                    "historylimit",
                    "max",
                ]) || self.path.iter().any(|p| matches!(&**p, "hard" | "limits"));
                let quantity = |text: &str| text.parse::<Quantity>().ok().map(Quantity::nanos);
                is_bound && quantity(before).zip(quantity(after)).is_some_and(|(b, a)| a > b)
            }
        }
    }

    /// Returns the last step of the way, without brackets.
    pub(super) fn last(&self) -> &str {
        self.path.last().map_or("", |l| bare(l))
    }
}

/// Returns a step of a way without the brackets of a list's element.
pub(super) fn bare(step: &str) -> &str {
    step.strip_prefix('[').and_then(|s| s.strip_suffix(']')).unwrap_or(step)
}

/// Returns the leaves of what somebody wants of an object.
pub(super) fn desired_leaves(object: &Object) -> Leaves {
    let mut out = Leaves::new();
    for part in object.root().children() {
        match part.key() {
            "status" | "kind" | "apiVersion" => {}
            "metadata" => {
                for name in ["labels", "annotations"] {
                    if let Some(node) = part.get(name) {
                        let mut steps = vec!["metadata", name];
                        node.children().filter(|n| n.key() != LAST_APPLIED).for_each(|n| {
                            steps.push(n.key());
                            collect(n, &mut steps.iter().map(|s| Box::from(*s)).collect(), &mut out);
                            steps.pop();
                        });
                    }
                }
            }
            name => collect(part, &mut vec![name.into()], &mut out),
        }
    }
    out
}

/// Returns the leaves of a part of an object, with ways from that part on.
pub(super) fn leaves_of(node: Node<'_>) -> Leaves {
    let mut out = Leaves::new();
    collect(node, &mut Vec::new(), &mut out);
    out
}

fn collect(node: Node<'_>, steps: &mut Vec<Box<str>>, out: &mut Leaves) {
    if out.len() >= MAX_LEAVES || steps.len() > MAX_DEPTH {
        return;
    }
    match node.kind() {
        Kind::Map if !node.is_empty() => {
            for child in node.children() {
                steps.push(child.key().into());
                collect(child, steps, out);
                steps.pop();
            }
        }
        Kind::List if !node.is_empty() => {
            let named = node.children().all(|n| n.str_at(&["name"]).is_some());
            for (i, child) in node.children().enumerate() {
                let step = match child.str_at(&["name"]) {
                    Some(name) if named => format!("[{name}]"),
                    _ => format!("[{i}]"),
                };
                steps.push(step.into());
                collect(child, steps, out);
                steps.pop();
            }
        }
        _ => {
            out.insert(steps.clone().into(), text_of(node));
        }
    }
}

/// Returns a scalar as it reads.
pub(super) fn text_of(node: Node<'_>) -> String {
    match node.kind() {
        Kind::Str => node.as_str().unwrap_or_default().to_owned(),
        _ => format!("{node:?}"),
    }
}

/// Longest value that is kept of a change; of longer ones the beginning and a hash.
const MAX_VALUE: usize = 8000;

fn shortened(value: &str) -> Box<str> {
    if value.len() <= MAX_VALUE {
        return value.into();
    }
    let hash = blake3::hash(value.as_bytes()).to_hex();
    format!("{} …{}", super::words::beginning(value, MAX_VALUE), &hash[..16]).into()
}

/// Returns how two versions differ; one that is not there has no leaves.
pub(super) fn leaf_changes(before: &Leaves, after: &Leaves, most: usize) -> Vec<LeafChange> {
    let mut out = Vec::new();
    let mut put = |path: &LeafPath, b: Option<&String>, a: Option<&String>| {
        if b != a && out.len() < most {
            let path = path.clone();
            out.push(LeafChange { path, before: b.map(|v| shortened(v)), after: a.map(|v| shortened(v)) });
        }
    };
    for (path, value) in before {
        put(path, Some(value), after.get(path));
    }
    for (path, value) in after.iter().filter(|(p, _)| !before.contains_key(*p)) {
        put(path, None, Some(value));
    }
    out.sort_by(|x, y| x.path.cmp(&y.path));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(json: &str) -> Leaves {
        desired_leaves(&Object::from_json(json.as_bytes()).unwrap())
    }

    fn shown(changes: &[LeafChange]) -> Vec<String> {
        let text = |v: &Option<Box<str>>| v.as_deref().unwrap_or("-").to_owned();
        changes
            .iter()
            .map(|c| format!("{}: {} -> {}", c.path.join("."), text(&c.before), text(&c.after)))
            .collect()
    }

    #[test]
    fn versions_are_compared_by_their_leaves() {
        let before = leaves(
            r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","resourceVersion":"1","labels":{"a":"1"},
                "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"x"}},
                "spec":{"replicas":1,"template":{"spec":{"containers":[{"name":"app","image":"web:1"},{"name":"log","image":"log:1"}]}}},
                "status":{"replicas":1}}"#,
        );
        let after = leaves(
            r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","resourceVersion":"2","annotations":{"b":"2",
                "kubectl.kubernetes.io/last-applied-configuration":"y"}},
                "spec":{"replicas":1,"template":{"spec":{"containers":[{"name":"log","image":"log:1"},{"name":"app","image":"web:2"}]}}},
                "status":{"replicas":0}}"#,
        );
        assert_eq!(
            shown(&leaf_changes(&before, &after, 100)),
            [
                "metadata.annotations.b: - -> 2",
                "metadata.labels.a: 1 -> -",
                "spec.template.spec.containers.[app].image: web:1 -> web:2"
            ]
        );
        assert!(leaf_changes(&before, &before, 100).is_empty());
        assert_eq!(leaf_changes(&before, &Leaves::new(), 3).len(), 3, "no more than asked for");
    }

    #[test]
    fn a_long_value_is_kept_in_part() {
        let (a, b) = ("x".repeat(MAX_VALUE + 1), "x".repeat(MAX_VALUE + 2));
        assert_ne!(shortened(&a), shortened(&b));
        assert!(shortened(&a).len() < MAX_VALUE + 40);
    }
}
