//! Changes of state that a GitOps engine reports about its own objects.

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
    /// Writes the change in one line: `sync Synced → OutOfSync by alice at 1f2e3d: message`.
    pub fn describe(&self) -> String {
        let state = |s: &Option<String>| s.clone().unwrap_or_else(|| "none".to_owned());
        let mut text = format!("{} {} → {}", self.what, state(&self.from), state(&self.to));
        if let Some(who) = &self.who {
            text.push_str(&format!(" by {who}"));
        }
        if let Some(revision) = &self.revision {
            text.push_str(&format!(" at {revision}"));
        }
        if let Some(message) = self.message.as_ref().filter(|m| !m.is_empty()) {
            text.push_str(&format!(": {message}"));
        }
        text
    }
}
