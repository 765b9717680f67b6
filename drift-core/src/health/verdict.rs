//! What a judgement looks at, and what it says.

use jiff::{SignedDuration, Timestamp};

use super::HealthStatus;
use crate::k8s::conditions::{Conditions, whole_number};
use crate::object::{Kind, Node};

/// The parts of an object that every layer looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) root: Node<'a>,
    pub(super) group: &'a str,
    pub(super) kind: &'a str,
    pub(super) now: Timestamp,
}

impl<'a> Subject<'a> {
    pub(super) fn new(root: Node<'a>, now: Timestamp) -> Self {
        let api_version = root.str_at(&["apiVersion"]).unwrap_or_default();
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        Self { root, group, kind: root.str_at(&["kind"]).unwrap_or_default(), now }
    }

    pub(super) fn at(&self, path: &[&str]) -> Option<Node<'a>> {
        self.root.at(path).filter(|n| !n.is_null())
    }

    pub(super) fn str(&self, path: &[&str]) -> Option<&'a str> {
        self.at(path)?.as_str()
    }

    /// Returns a whole number, also one that was written as text, as Argo Rollouts write generations.
    pub(super) fn int(&self, path: &[&str]) -> Option<i64> {
        whole_number(self.at(path)?)
    }

    pub(super) fn is_true(&self, path: &[&str]) -> bool {
        self.at(path).and_then(Node::as_bool) == Some(true)
    }

    pub(super) fn time(&self, path: &[&str]) -> Option<Timestamp> {
        self.str(path)?.parse().ok()
    }

    /// Returns `status`, unless nothing is in it.
    pub(super) fn status(&self) -> Option<Node<'a>> {
        self.at(&["status"]).filter(|s| s.kind() != Kind::Map || !s.is_empty())
    }

    pub(super) fn conditions(&self) -> Conditions<'a> {
        Conditions::of(self.at(&["status", "conditions"]))
    }

    /// Returns `true` if the controller has not seen the newest spec yet.
    pub(super) fn lags(&self) -> bool {
        match (self.int(&["metadata", "generation"]), self.int(&["status", "observedGeneration"])) {
            (Some(generation), Some(observed)) => observed < generation,
            _ => false,
        }
    }

    /// Returns how long ago the object was made; `None` when it does not say.
    pub(super) fn age(&self) -> Option<SignedDuration> {
        Some(self.now.duration_since(self.time(&["metadata", "creationTimestamp"])?))
    }
}

/// What one layer says, before its basis is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HealthVerdict {
    pub(super) status: HealthStatus,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) since: Option<Timestamp>,
}

impl HealthVerdict {
    pub(super) fn new(status: HealthStatus, reason: impl Into<String>, message: impl Into<String>) -> Self {
        // An object may hold an empty word where a reason is looked for; the reader is never left without one.
        let reason = Some(reason.into()).filter(|r| !r.is_empty()).unwrap_or_else(|| format!("{status:?}"));
        Self { status, reason, message: message.into(), since: None }
    }

    pub(super) fn healthy(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Healthy, reason, message)
    }

    pub(super) fn progressing(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Progressing, reason, message)
    }

    pub(super) fn degraded(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Degraded, reason, message)
    }

    pub(super) fn suspended(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Suspended, reason, message)
    }

    #[must_use]
    pub(super) fn since(mut self, since: Option<Timestamp>) -> Self {
        self.since = since;
        self
    }

    /// Returns the one that an operator has to know first; of equals the first one.
    pub(super) fn worse(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    /// Orders what is said about parts of one object; not the order of [`HealthStatus`], which is about resources.
    ///
    /// A part that is not understood says less than one that is. A halt explains why the rest does not move.
    fn rank(&self) -> u8 {
        match self.status {
            HealthStatus::Unknown => 0,
            HealthStatus::Healthy => 1,
            HealthStatus::Progressing => 2,
            HealthStatus::Suspended => 3,
            HealthStatus::Missing => 4,
            HealthStatus::Degraded => 5,
        }
    }
}
