//! The list of conditions that most kinds keep in their status.

use jiff::Timestamp;

use super::verdict::int;
use crate::object::Node;

/// What a condition's `status` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    /// `Unknown`, or anything else.
    Unknown,
}

/// One entry of `status.conditions`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition<'a> {
    /// The type without a domain in front: `example.org/app-ready` is `app-ready`.
    pub(super) name: &'a str,
    pub(super) truth: Truth,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
    pub(super) observed_generation: Option<i64>,
    pub(super) since: Option<Timestamp>,
    /// How bad it is when it is not true, as Cluster API and others write: `Error`, `Warning`, `Info`.
    pub(super) severity: &'a str,
}

impl<'a> Condition<'a> {
    fn of(node: Node<'a>) -> Option<Self> {
        let text = |key| node.str_at(&[key]).unwrap_or_default();
        let name = node.str_at(&["type"])?;
        let status = node.get("status")?;
        // Some operators write booleans, some write in lower case.
        let truth = match (status.as_bool(), status.as_str().unwrap_or_default()) {
            (Some(true), _) => Truth::True,
            (Some(false), _) => Truth::False,
            (None, s) if s.eq_ignore_ascii_case("true") => Truth::True,
            // The Prometheus operator says `Degraded` for "only in part".
            (None, s) if s.eq_ignore_ascii_case("false") || s == "Degraded" => Truth::False,
            _ => Truth::Unknown,
        };
        Some(Self {
            name: name.rsplit('/').next().unwrap_or(name),
            truth,
            reason: text("reason"),
            message: text("message").trim(),
            observed_generation: node.get("observedGeneration").and_then(int),
            severity: text("severity"),
            since: node.str_at(&["lastTransitionTime"]).and_then(|t| t.parse().ok()),
        })
    }

    pub(super) fn is_true(&self) -> bool {
        self.truth == Truth::True
    }

    pub(super) fn is_false(&self) -> bool {
        self.truth == Truth::False
    }

    /// Returns the reason, or the type when the controller gives none.
    pub(super) fn reason_or_name(&self) -> &'a str {
        if self.reason.is_empty() { self.name } else { self.reason }
    }
}

/// The conditions of an object, in its order.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions<'a>(Vec<Condition<'a>>);

impl<'a> Conditions<'a> {
    /// Reads a list of conditions; what is none is passed over.
    pub(super) fn of(list: Option<Node<'a>>) -> Self {
        Self(list.into_iter().flat_map(Node::children).filter_map(Condition::of).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Condition<'a>> {
        self.0.iter().find(|c| c.name == name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Condition<'a>> {
        self.0.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
