//! Paths with wildcards into an object.

use super::super::verdict::Subject;
use crate::k8s::conditions::Conditions;
use crate::object::{Kind, Node};

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
enum StatusPathStep {
    Field(String),
    /// `.*` and `[*]`: every element.
    All,
    /// `[last]`: the newest of a list to which the newest is appended.
    Last,
    /// `[type=Ready]`: the elements of a list or a map in which a field is a text.
    Where(String, String),
}

/// A path such as `.status.parents[*].state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    steps: Vec<StatusPathStep>,
    /// What counts when nothing is there: `.status.readyReplicas?0`.
    default: Option<i64>,
}

impl Path {
    /// Reads a path; `None` when it is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (text, default) = match text.rsplit_once('?') {
            Some((text, default)) => (text, Some(default.parse().ok()?)),
            None => (text, None),
        };
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let step;
            (step, rest) = if let Some(inner) = rest.strip_prefix('[') {
                let (inner, rest) = inner.split_once(']')?;
                (Self::bracket(inner)?, rest)
            } else {
                let inner = rest.strip_prefix('.')?;
                let end = inner.find(['.', '[']).unwrap_or(inner.len());
                let (name, rest) = inner.split_at(end);
                match name {
                    "" => return None,
                    "*" => (StatusPathStep::All, rest),
                    name => (StatusPathStep::Field(name.to_owned()), rest),
                }
            };
            steps.push(step);
        }
        (!steps.is_empty()).then_some(Self { steps, default })
    }

    fn bracket(inner: &str) -> Option<StatusPathStep> {
        match inner {
            "*" => return Some(StatusPathStep::All),
            "last" => return Some(StatusPathStep::Last),
            _ => {}
        }
        if let Some((field, value)) = inner.split_once('=') {
            return Some(StatusPathStep::Where(field.to_owned(), value.to_owned()));
        }
        let name = inner.strip_prefix('\'')?.strip_suffix('\'')?;
        Some(StatusPathStep::Field(name.to_owned()))
    }

    /// Returns what the path leads to, `null` left out.
    pub(super) fn select<'a>(&self, subject: &Subject<'a>) -> Vec<Node<'a>> {
        let mut nodes = vec![subject.root];
        for step in &self.steps {
            nodes = nodes.into_iter().flat_map(|node| Self::step(node, step)).collect();
        }
        nodes.retain(|n| !n.is_null());
        nodes
    }

    fn step<'a>(node: Node<'a>, step: &StatusPathStep) -> Vec<Node<'a>> {
        match step {
            StatusPathStep::Field(name) => node.get(name).into_iter().collect(),
            StatusPathStep::All => node.children().collect(),
            StatusPathStep::Last => node.children().last().into_iter().collect(),
            StatusPathStep::Where(field, value) => {
                node.children().filter(|e| e.get(field).is_some_and(|f| text(f) == *value)).collect()
            }
        }
    }

    /// Returns the numbers the path leads to.
    pub(super) fn numbers(&self, subject: &Subject<'_>) -> Vec<f64> {
        let mut found: Vec<f64> = self.select(subject).into_iter().filter_map(number).collect();
        if found.is_empty() {
            found.extend(self.default.map(|d| d as f64));
        }
        found
    }
}

fn number(node: Node<'_>) -> Option<f64> {
    node.as_f64().or_else(|| node.as_str()?.parse().ok().filter(|n: &f64| n.is_finite()))
}

/// Returns a scalar as text, maps and lists as nothing.
pub(super) fn text(node: Node<'_>) -> String {
    match node.kind() {
        Kind::Str => node.as_str().unwrap_or_default().to_owned(),
        Kind::Bool => (node.as_bool() == Some(true)).to_string(),
        Kind::Int | Kind::Float => node.to_value().to_string(),
        Kind::Null | Kind::List | Kind::Map => String::new(),
    }
}

/// Returns `true` if something is in the value: no empty text, list or map.
pub(super) fn is_set(node: Node<'_>) -> bool {
    !node.is_null() && !node.is_empty() && node.as_str() != Some("")
}

/// Returns what a name in a template stands for: a path, or a condition's message or reason.
pub(super) fn lookup(name: &str, subject: &Subject<'_>) -> String {
    if name.starts_with('.') {
        let nodes = Path::parse(name).map(|p| p.select(subject)).unwrap_or_default();
        return nodes.into_iter().map(text).filter(|t| !t.is_empty()).take(3).collect::<Vec<_>>().join("; ");
    }
    let conditions: Conditions<'_> = subject.conditions();
    let (name, reason) = name.strip_suffix(".reason").map_or((name, false), |n| (n, true));
    conditions.get(name).map_or("", |c| if reason { c.reason } else { c.message }).to_owned()
}
