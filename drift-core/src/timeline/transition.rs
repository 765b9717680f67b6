//! A change of state that a GitOps engine reports about one of its own objects.

use std::fmt;

use jiff::Timestamp;

/// A change of one state of an engine's object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transition {
    /// The state that changed: `sync`, `health`, `operation`, `deployed`, `revision`, `auto-sync`, `suspended`, or the type of a
    /// condition, such as `Ready`.
    pub what: String,
    /// The state before; `None` if there was none.
    pub from: Option<String>,
    /// The state after; `None` if there is none any more.
    pub to: Option<String>,
    /// Who caused it: a user of the engine, or `automated`.
    pub who: Option<String>,
    /// The source revision concerned.
    pub revision: Option<String>,
    /// When it happened according to the engine; `None` if the engine records no time.
    pub at: Option<Timestamp>,
    /// The engine's message.
    pub message: Option<String>,
}

/// One line, for example `sync OutOfSync → Synced by dana at abc: message`.
impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = |state: &Option<String>| state.clone().unwrap_or_else(|| "none".to_owned());
        write!(f, "{} {} \u{2192} {}", self.what, state(&self.from), state(&self.to))?;
        if let Some(who) = &self.who {
            write!(f, " by {who}")?;
        }
        if let Some(revision) = &self.revision {
            write!(f, " at {revision}")?;
        }
        match self.message.as_deref() {
            None | Some("") => Ok(()),
            Some(message) => write!(f, ": {message}"),
        }
    }
}
