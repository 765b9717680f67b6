//! What engines say of themselves as it changes, as reports have it.

use drift_core::Object;
use drift_sources::gitops::{ObjectVersion, Transition};
use jiff::Timestamp;
use serde::Serialize;

/// A step of an engine from one state to another, as programs read it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransitionV1 {
    /// `sync`, `health`, `operation`, `deployed`, `revision`, `release`, `auto-sync`, `suspended`, or a condition.
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// A user of the engine, or `automated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    /// When it was by the engine, else when it was seen.
    time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The line for people.
    #[serde(skip)]
    pub(crate) text: String,
}

impl TransitionV1 {
    fn new(transition: Transition, seen: Timestamp) -> Self {
        let text = transition.text();
        let Transition { what, from, to, who, revision, at, message } = transition;
        Self { what, from, to, who, revision, time: at.unwrap_or(seen), message, text }
    }
}

/// Returns what an engine's object tells from one version to the next.
pub(crate) fn between(before: Option<&Object>, after: Option<&Object>, seen: Timestamp) -> Vec<TransitionV1> {
    let both = before.zip(after).map(|(a, b)| drift_sources::gitops::transitions(a, b));
    both.into_iter().flatten().map(|t| TransitionV1::new(t, seen)).collect()
}

/// Returns what an engine's object told over its versions, oldest first.
pub(crate) fn over(versions: &[ObjectVersion]) -> Vec<TransitionV1> {
    let pairs = versions.windows(2);
    pairs.flat_map(|v| between(v[0].object.as_deref(), v[1].object.as_deref(), v[1].at)).collect()
}
