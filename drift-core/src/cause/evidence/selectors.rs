//! Selectors: whom an object selects by labels, in whatever way it writes that.
//!
//! | written as | labels |
//! |---|---|
//! | `selector: {app: web}`, `matchLabels: {app: web}` | `app=web` |
//! | `matchExpressions: [{key: app, operator: In, values: [web, api]}]` | `app=web`, or `app=api` |
//! | `{key: app, operator: Exists}` | `app`, whatever its value |
//! | a text: `app == 'web' && has(tier)`, `app=web,tier` | `app=web` and `tier` |
//!
//! What an expression excludes selects nobody, and yet its key is read.

use std::collections::BTreeSet;

use crate::object::{Kind, Node};

/// Most selectors of one object.
const MAX_SELECTORS: usize = 50;
/// Deepest place of a selector.
const MAX_DEPTH: usize = 20;
/// Most values of an expression, each of which makes a selector.
const MAX_VALUES: usize = 8;
/// Longest text that is taken for a selector.
const MAX_TEXT: usize = 1000;

/// The selectors of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selectors {
    /// Labels, each as `key=value` or as `key`, that select together.
    pub(super) labels: Vec<Vec<String>>,
    /// Keys of labels that are read in whatever way.
    pub(super) keys: BTreeSet<String>,
}

/// Returns the label selectors of an object; those of its pods for nodes label by label.
pub(super) fn selectors_in(object: Node<'_>) -> Selectors {
    let mut out = Selectors::default();
    for part in object.children().filter(|n| !matches!(n.key(), "metadata" | "status")) {
        find(part, 0, &mut out);
    }
    if let Some(pod) = pod_spec_in(object) {
        let selector = pod.get("nodeSelector").into_iter().flat_map(Node::children);
        out.labels.extend(selector.filter_map(|l| Some(vec![format!("{}={}", l.key(), l.as_str()?)])));
        let terms = pod.at(&[
            "affinity",
            "nodeAffinity",
            "requiredDuringSchedulingIgnoredDuringExecution",
            "nodeSelectorTerms",
        ]);
        let terms = terms.into_iter().flat_map(Node::children);
        for expression in terms.filter_map(|t| t.get("matchExpressions")).flat_map(Node::children) {
            let one_by_one = expressed(expression, &mut out.keys);
            out.labels.extend(one_by_one.into_iter().map(|label| vec![label]));
        }
    }
    out
}

/// Returns the pod spec of an object that is a pod or makes pods.
fn pod_spec_in(object: Node<'_>) -> Option<Node<'_>> {
    let places: [&[&str]; 3] =
        [&["spec", "template", "spec"], &["spec", "jobTemplate", "spec", "template", "spec"], &["spec"]];
    places.into_iter().filter_map(|steps| object.at(steps)).find(|spec| spec.get("containers").is_some())
}

fn find(node: Node<'_>, depth: usize, out: &mut Selectors) {
    if depth > MAX_DEPTH || out.labels.len() > MAX_SELECTORS {
        return;
    }
    let is_selector = node.key().ends_with("elector") || node.key().ends_with("electors");
    if node.kind() == Kind::Str && is_selector {
        let text = node.as_str().filter(|t| t.len() <= MAX_TEXT).unwrap_or_default();
        for either in text.split("||") {
            let labels = written(either, &mut out.keys);
            out.labels.extend((!labels.is_empty()).then_some(labels));
        }
        return;
    }
    if node.kind() == Kind::Map {
        let labels = |n: Node<'_>| -> Option<Vec<String>> {
            let all: Option<Vec<_>> =
                n.children().map(|l| Some(format!("{}={}", l.key(), l.as_str()?))).collect();
            all.filter(|l| !l.is_empty() && n.kind() == Kind::Map)
        };
        let plain = (is_selector && node.key() != "nodeSelector").then(|| labels(node)).flatten();
        let matched = plain.or_else(|| node.get("matchLabels").and_then(labels));
        let expressions = node.get("matchExpressions").into_iter().flat_map(Node::children);
        let alternatives: Vec<Vec<String>> =
            expressions.map(|e| expressed(e, &mut out.keys)).filter(|a| !a.is_empty()).collect();
        if matched.is_some() || !alternatives.is_empty() {
            out.labels.extend(combined(matched.unwrap_or_default(), &alternatives));
            return;
        }
    }
    for child in node.children().filter(|n| n.key() != "template") {
        find(child, depth + 1, out);
    }
}

/// Returns all ways to take one of each of several alternatives beside what is needed anyway.
fn combined(needed: Vec<String>, alternatives: &[Vec<String>]) -> Vec<Vec<String>> {
    let mut out = vec![needed];
    for each in alternatives {
        let with = |so_far: &Vec<String>, one: &String| {
            let mut labels = so_far.clone();
            labels.push(one.clone());
            labels
        };
        out = out.iter().flat_map(|so_far| each.iter().map(move |one| with(so_far, one))).collect();
        out.truncate(MAX_VALUES);
    }
    out
}

/// Returns the labels of which an expression demands one.
fn expressed(expression: Node<'_>, keys: &mut BTreeSet<String>) -> Vec<String> {
    let Some(key) = expression.str_at(&["key"]) else { return Vec::new() };
    match expression.str_at(&["operator"]) {
        Some("In") => {
            let values = expression.get("values").into_iter().flat_map(Node::children);
            values.filter_map(Node::as_str).take(MAX_VALUES).map(|v| format!("{key}={v}")).collect()
        }
        Some("Exists") => vec![key.to_owned()],
        _ => {
            keys.insert(key.to_owned());
            Vec::new()
        }
    }
}

/// Returns the labels that a written selector demands together.
fn written(text: &str, keys: &mut BTreeSet<String>) -> Vec<String> {
    let mut out = Vec::new();
    for term in text.split("&&").flat_map(|t| split_outside(t)) {
        let term = term.trim().trim_start_matches('(').trim();
        let bare = |t: &str| t.trim().trim_end_matches(')').trim_matches(['\'', '"', ' ', '(']).to_owned();
        let is_key = |key: &str| {
            !key.is_empty()
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'-' | b'_'))
        };
        if let Some(rest) = term.strip_prefix("has(") {
            out.extend(Some(bare(rest)).filter(|k| is_key(k)));
        } else if let Some((key, _)) = term.split_once("!=") {
            keys.extend(Some(bare(key)).filter(|k| is_key(k)));
        } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            out.extend(Some(bare(key)).filter(|k| is_key(k)).map(|key| format!("{key}={}", bare(value))));
        } else if let Some((key, _)) = term.split_once(" in ").or_else(|| term.split_once(" not in ")) {
            keys.extend(Some(bare(key.trim_end_matches(" not"))).filter(|k| is_key(k)));
        } else if is_key(term) && term.contains(['.', '/', '-']) {
            out.push(term.to_owned());
        }
    }
    out
}

/// Splits at commas that are in no brackets.
fn split_outside(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let is_end = move |c: char| {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    text.split(is_end).collect()
}

/// Returns the labels of an object's pod template, each as `key=value`.
pub(super) fn template_labels_in(object: Node<'_>) -> Vec<String> {
    let labels = object.at(&["spec", "template", "metadata", "labels"]).into_iter().flat_map(Node::children);
    labels.filter_map(|l| Some(format!("{}={}", l.key(), l.as_str()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Object;

    fn found(spec: &str) -> Selectors {
        let json = format!(
            r#"{{"apiVersion":"lab.example/v1","kind":"Rule","metadata":{{"name":"a","labels":{{"selector":"no"}}}},"spec":{spec}}}"#
        );
        let mut all = selectors_in(Object::from_json(json.as_bytes()).unwrap().root());
        all.labels.sort();
        all
    }

    #[test]
    fn selectors_at_any_place() {
        let all = found(
            r#"{"selector":{"app":"web"},"from":[{"podSelector":{"matchLabels":{"role":"db","tier":"1"}}}],"nodeSelector":{"zone":"a"}}"#,
        );
        assert_eq!(all.labels, [vec!["app=web"], vec!["role=db", "tier=1"]]);
    }

    #[test]
    fn expressions() {
        let all = found(
            r#"{"namespaceSelector":{"matchLabels":{"a":"1"},"matchExpressions":[{"key":"b","operator":"In","values":["x","y"]},
                {"key":"c","operator":"Exists"},{"key":"d","operator":"NotIn","values":["z"]}]}}"#,
        );
        assert_eq!(all.labels, [vec!["a=1", "b=x", "c"], vec!["a=1", "b=y", "c"]]);
        assert_eq!(all.keys, BTreeSet::from(["d".to_owned()]));
    }

    #[test]
    fn selectors_as_text() {
        assert_eq!(
            found(r#"{"nodeSelector":"role == 'edge' && has(zone)"}"#).labels,
            [["role=edge", "zone"]]
        );
        assert_eq!(
            found(r#"{"selector":"app=web,example.com/tier"}"#).labels,
            [["app=web", "example.com/tier"]]
        );
        assert_eq!(found(r#"{"selector":"a == 'x' || b == 'y'"}"#).labels, [["a=x"], ["b=y"]]);
        let excluded = found(r#"{"selector":"app in {'a', 'b'} && tier != 'c'"}"#);
        assert_eq!(excluded.keys, BTreeSet::from(["app".to_owned(), "tier".to_owned()]));
        assert_eq!(found(r#"{"labelSelector":"all()"}"#), Selectors::default());
    }
}
