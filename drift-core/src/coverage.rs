//! Coverage: what an answer could not look at, and why.
//!
//! An answer is about what was looked at. That nothing was found, or that something is missing, is only true of that part:
//! an account without the right to list Secrets sees none, and a recording of one namespace holds nothing of the others.
//! Every report therefore carries a [`Coverage`], and whether an answer is complete is judged by
//! [`Coverage::is_complete`] alone.
//!
//! What a recorded history covers is stated in it: by the listings that were complete ([`EventBody::Relisted`]) and by its
//! gaps. [`RecordedScope`] collects both, and says of a resource that it does not hold whether that proves anything.
//!
//! # Example
//! ```
//! use drift_core::coverage::{Coverage, Unseen, UnseenReason};
//! use drift_core::Scope;
//!
//! let mut coverage = Coverage::default();
//! assert!(coverage.is_complete());
//! let forbidden = Unseen::of_scope(UnseenReason::Denied, Scope::of_kind("", "Secret"), "secrets is forbidden");
//! coverage.add(forbidden);
//! assert!(!coverage.is_complete());
//! assert_eq!(coverage.unseen()[0].to_string(), "Secret: secrets is forbidden");
//! ```
//!
//! [`EventBody::Relisted`]: crate::EventBody::Relisted

mod notes;
mod recorded;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Gap, GapReason};
use crate::key::ResourceKey;
use crate::stream::Scope;

pub use notes::InputNotes;
pub use recorded::RecordedScope;

/// Why a part was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum UnseenReason {
    /// The account has no right to list it (401, 403).
    Denied,
    /// A gap in the history: what happened, or what is there, is not known.
    Gap,
    /// A repository or chart that is declared from was not given.
    NotGiven,
    /// What is declared could not be rendered, or is broken.
    NotRendered,
    /// It lies outside of what was recorded, such as in another namespace.
    OutsideRecording,
    /// Objects of the kind were not listed, or are not in the dump.
    KindNotListed,
    /// The time that was asked about is before the history begins.
    BeforeHistory,
    /// The time that was asked about is after the history ends.
    AfterHistory,
    /// Nobody has watched since the history ends.
    NotWatched,
    /// No schema says how to compare it.
    NoSchema,
    /// A file, line or document that cannot be read.
    Unreadable,
}

impl UnseenReason {
    /// Returns the name that reports carry, such as `Denied`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "Denied",
            Self::Gap => "Gap",
            Self::NotGiven => "NotGiven",
            Self::NotRendered => "NotRendered",
            Self::OutsideRecording => "OutsideRecording",
            Self::KindNotListed => "KindNotListed",
            Self::BeforeHistory => "BeforeHistory",
            Self::AfterHistory => "AfterHistory",
            Self::NotWatched => "NotWatched",
            Self::NoSchema => "NoSchema",
            Self::Unreadable => "Unreadable",
        }
    }
}

impl From<GapReason> for UnseenReason {
    fn from(reason: GapReason) -> Self {
        match reason {
            GapReason::Denied => Self::Denied,
            GapReason::Corrupt => Self::Unreadable,
            _ => Self::Gap,
        }
    }
}

/// A part that was not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// Why, for programs.
    pub reason: UnseenReason,
    /// Resources that it concerns; `None` where it is no part of a cluster, such as a file or a repository.
    pub scope: Option<Scope>,
    /// Why, for people.
    pub message: String,
}

impl Unseen {
    /// Makes a part of a cluster that was not looked at.
    pub fn of_scope(reason: UnseenReason, scope: Scope, message: impl Into<String>) -> Self {
        Self { reason, scope: Some(scope), message: message.into() }
    }

    /// Makes another part, such as a file, that was not looked at; the message names it.
    pub fn other(reason: UnseenReason, message: impl Into<String>) -> Self {
        Self { reason, scope: None, message: message.into() }
    }

    /// Makes the part that a gap leaves unknown.
    pub fn of_gap(gap: &Gap) -> Self {
        Self::of_scope(gap.reason.into(), gap.scope.clone(), &*gap.message)
    }
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Some(scope) => write!(f, "{scope}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// What an answer rests on: the moment that it is about, and what could not be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    as_of: Option<Timestamp>,
    unseen: Vec<Unseen>,
}

impl Coverage {
    /// Adds a part that was not looked at, once.
    pub fn add(&mut self, unseen: Unseen) {
        if !self.unseen.contains(&unseen) {
            self.unseen.push(unseen);
        }
    }

    /// Adds all of another coverage; the earlier of the two moments counts.
    pub fn append(&mut self, other: Self) {
        other.unseen.into_iter().for_each(|u| self.add(u));
        self.as_of = match (self.as_of, other.as_of) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Replaces each message by what a function makes of it, such as one without values of Secrets.
    pub fn map_messages(&mut self, mut map: impl FnMut(&str) -> String) {
        self.unseen.iter_mut().for_each(|unseen| unseen.message = map(&unseen.message));
    }

    /// Leaves what takes something away from an answer about some resources: what concerns one of them, or is no part of a cluster.
    pub fn leave_about(&mut self, keys: &[ResourceKey]) {
        self.leave_scopes(|scope| {
            keys.iter().any(|key| Scope { cluster: Arc::clone(&key.cluster), ..scope.clone() }.contains(key))
        });
    }

    /// Leaves the scopes that an answer needed, and what is no part of a cluster.
    pub fn leave_scopes(&mut self, is_needed: impl Fn(&Scope) -> bool) {
        self.unseen.retain(|unseen| unseen.scope.as_ref().is_none_or(&is_needed));
    }

    /// Sets the moment that the answer is about: nothing after it was seen.
    pub fn set_as_of(&mut self, time: Timestamp) {
        self.as_of = Some(time);
    }

    /// Returns the moment that the answer is about; `None` for now.
    pub fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }

    /// Returns what was not looked at, in the order in which it was met.
    pub fn unseen(&self) -> &[Unseen] {
        &self.unseen
    }

    /// Returns `true` if everything that the question is about was looked at.
    pub fn is_complete(&self) -> bool {
        self.unseen.is_empty()
    }
}

#[cfg(test)]
mod tests;
