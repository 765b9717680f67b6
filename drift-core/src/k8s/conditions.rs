//! The list of conditions that most kinds keep in `status.conditions`.
//!
//! After `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go` (`Condition`) and the API conventions
//! (`sig-architecture/api-conventions.md`, "Typical status properties"); read leniently, since operators deviate.

use jiff::Timestamp;

use crate::object::Node;

/// What a condition's `status` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// `True`, also as a boolean or in lower case.
    True,
    /// `False`, also as a boolean or in lower case.
    False,
    /// `Unknown`, or anything else.
    Unknown,
}

/// One entry of `status.conditions`.
#[derive(Clone, Copy, Debug)]
pub struct Condition<'a> {
    /// The type without a domain in front: `example.org/app-ready` is `app-ready`.
    pub name: &'a str,
    /// Whether it holds.
    pub truth: Truth,
    /// One word in the controller's own terms, such as `MinimumReplicasUnavailable`; empty where it gives none.
    pub reason: &'a str,
    /// Text for people, trimmed; empty where there is none.
    pub message: &'a str,
    /// The generation of the spec that it is about, where it is given.
    pub observed_generation: Option<i64>,
    /// `lastTransitionTime`, where it is a time.
    pub since: Option<Timestamp>,
    /// How bad it is when it is not true, as Cluster API and others write: `Error`, `Warning`, `Info`.
    pub severity: &'a str,
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
            observed_generation: node.get("observedGeneration").and_then(whole_number),
            severity: text("severity"),
            since: node.str_at(&["lastTransitionTime"]).and_then(|t| t.parse().ok()),
        })
    }

    /// Returns `true` if the status is `True`; `Unknown` is neither true nor false.
    pub fn is_true(&self) -> bool {
        self.truth == Truth::True
    }

    /// Returns `true` if the status is `False`; `Unknown` is neither true nor false.
    pub fn is_false(&self) -> bool {
        self.truth == Truth::False
    }

    /// Returns the reason, or the type when the controller gives none.
    pub fn reason_or_name(&self) -> &'a str {
        if self.reason.is_empty() { self.name } else { self.reason }
    }
}

/// The conditions of an object, in its order.
#[derive(Clone, Debug, Default)]
pub struct Conditions<'a>(Vec<Condition<'a>>);

impl<'a> Conditions<'a> {
    /// Reads a list of conditions; what is none is passed over.
    pub fn of(list: Option<Node<'a>>) -> Self {
        Self(list.into_iter().flat_map(Node::children).filter_map(Condition::of).collect())
    }

    /// Returns the first condition of a type.
    pub fn get(&self, name: &str) -> Option<&Condition<'a>> {
        self.0.iter().find(|c| c.name == name)
    }

    /// Iterates over the conditions in the order of the object.
    pub fn iter(&self) -> impl Iterator<Item = &Condition<'a>> {
        self.0.iter()
    }

    /// Returns `true` if there is no condition that can be read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns a whole number, also one that is written as text, as Argo Rollouts writes `observedGeneration`.
pub(crate) fn whole_number(node: Node<'_>) -> Option<i64> {
    node.as_i64().or_else(|| node.as_str()?.parse().ok())
}
