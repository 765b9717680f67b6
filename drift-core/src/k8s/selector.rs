//! Label selectors.
//!
//! After `staging/src/k8s.io/apimachinery/pkg/labels/selector.go` and
//! `pkg/apis/meta/v1/helpers.go` (`LabelSelectorAsSelector`).

mod text;

pub use text::SelectorError;

use crate::object::{Kind, Node};

/// A label selector: all requirements must hold; without any it matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    label: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    /// Holds also where there is no such label.
    NotIn(Vec<String>),
    Exists,
    Absent,
    /// An operator nobody knows: matches nothing.
    Never,
}

impl Selector {
    /// Reads a map of labels (Services) or a `LabelSelector`; `None` for anything else.
    pub fn read(node: Node<'_>) -> Option<Self> {
        if node.kind() != Kind::Map {
            return None;
        }
        if node.get("matchLabels").is_none() && node.get("matchExpressions").is_none() {
            return Some(Self::of_labels(node));
        }
        let mut all = node.get("matchLabels").map(Self::of_labels).unwrap_or_default();
        for expression in node.get("matchExpressions").into_iter().flat_map(Node::children) {
            all.requirements.push(requirement(expression));
        }
        Some(all)
    }

    fn of_labels(node: Node<'_>) -> Self {
        let one = |n: Node<'_>| Requirement {
            label: n.key().to_owned(),
            test: Test::In(vec![n.as_str().unwrap_or_default().to_owned()]),
        };
        Self { requirements: node.children().map(one).collect() }
    }

    /// Returns `true` if there is no requirement.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Returns `true` if labels match.
    pub fn matches(&self, labels: Option<Node<'_>>) -> bool {
        self.requirements.iter().all(|r| {
            let value = labels.and_then(|l| l.get(&r.label)).and_then(Node::as_str);
            match &r.test {
                Test::In(values) => value.is_some_and(|v| values.iter().any(|x| x == v)),
                Test::NotIn(values) => value.is_none_or(|v| values.iter().all(|x| x != v)),
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
                Test::Never => false,
            }
        })
    }

    /// Returns a label and value that everything it matches must have.
    pub(crate) fn anchor(&self) -> Option<(&str, &str)> {
        self.requirements.iter().find_map(|r| match &r.test {
            Test::In(values) if values.len() == 1 => Some((r.label.as_str(), values[0].as_str())),
            _ => None,
        })
    }
}

fn requirement(expression: Node<'_>) -> Requirement {
    let values = || {
        let values = expression.get("values").into_iter().flat_map(Node::children);
        values.filter_map(Node::as_str).map(str::to_owned).collect()
    };
    let test = match expression.str_at(&["operator"]) {
        Some("In") => Test::In(values()),
        Some("NotIn") => Test::NotIn(values()),
        Some("Exists") => Test::Exists,
        Some("DoesNotExist") => Test::Absent,
        _ => Test::Never,
    };
    Requirement { label: expression.str_at(&["key"]).unwrap_or_default().to_owned(), test }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, r) in self.requirements.iter().enumerate() {
            f.write_str(if i > 0 { "," } else { "" })?;
            match &r.test {
                Test::In(v) if v.len() == 1 => write!(f, "{}={}", r.label, v[0])?,
                Test::In(v) => write!(f, "{} in ({})", r.label, v.join(","))?,
                Test::NotIn(v) => write!(f, "{} notin ({})", r.label, v.join(","))?,
                Test::Exists => write!(f, "{}", r.label)?,
                Test::Absent => write!(f, "!{}", r.label)?,
                Test::Never => write!(f, "{}?", r.label)?,
            }
        }
        if self.requirements.is_empty() { f.write_str("everything") } else { Ok(()) }
    }
}
