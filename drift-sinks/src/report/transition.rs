//! Changes of state that a GitOps engine reports about its own objects.

use drift_core::timeline::Transition;
use jiff::Timestamp;
use serde::Serialize;

/// One change of state of an Application, Kustomization, HelmRelease or Helm release.
///
/// For example `sync Synced → OutOfSync`, or `operation Running → Succeeded by alice at 1f2e3d`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransitionV1 {
    /// What changed: `sync`, `health`, `operation`, `deployed`, `revision`, `release`, `auto-sync`, `suspended`, or the
    /// type of a condition, such as `Ready`.
    pub what: String,
    /// State before; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// State after; absent where there is none any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Who started it: a user of the engine, or `automated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Source revision that it is about: a commit, or the version of a chart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Time by the engine's own record, else the time at which it was observed.
    pub time: Timestamp,
    /// Message of the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl TransitionV1 {
    /// Makes the document of a transition; its time is the engine's own, else the one at which it was seen.
    pub fn new(transition: Transition, seen: Timestamp) -> Self {
        let Transition { what, from, to, who, revision, at, message } = transition;
        Self { what, from, to, who, revision, time: at.unwrap_or(seen), message }
    }

    /// Writes the change in one line: `sync Synced → OutOfSync by alice at 1f2e3d: message`.
    pub fn describe(&self) -> String {
        let Self { what, from, to, who, revision, time, message } = self.clone();
        Transition { what, from, to, who, revision, at: Some(time), message }.to_string()
    }
}
