//! How a resource is doing: a pure function of the object, the time and what was said before.
//!
//! Three layers, the first that knows the kind decides, and a [`Health`] names the one that did:
//! built-in kinds of Kubernetes have a function each, after what the API server's own controllers write
//! ([`HealthBasis::BuiltIn`]); a table of rules knows kinds whose meaning their shape does not show
//! ([`HealthRules`], [`HealthBasis::Rule`]); everything else is read by the conventions of the API: conditions,
//! generations, phase words, replicas ([`HealthBasis::Conventions`]).
//!
//! What nothing shows is [`HealthStatus::Unknown`] and not a guess.

mod builtin;
#[cfg(feature = "cel")]
mod cel;
mod conventions;
pub mod rollout;
mod rules;
mod verdict;
pub(crate) mod words;

use jiff::Timestamp;
use serde::Serialize;

pub use rules::{HealthRuleError, HealthRules};

use crate::object::{Node, Object};
use verdict::{HealthVerdict, Subject};

/// How a resource is doing, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum HealthStatus {
    /// It is as it was asked to be.
    Healthy,
    /// Somebody halted it on purpose.
    Suspended,
    /// It is on its way and may still get there by itself.
    Progressing,
    /// The resource, or the one that it represents, does not exist.
    Missing,
    /// It failed, or will not get there by itself.
    Degraded,
    /// Nothing in the object says how it is doing.
    Unknown,
}

/// Which layer a judgement comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum HealthBasis {
    /// A function for this kind of Kubernetes, or what holds for every object (deletion).
    BuiltIn,
    /// A rule of the table, named by its section and line.
    Rule(String),
    /// Conditions, generations, phase words and replicas, read as most kinds mean them.
    Conventions,
    /// Nothing in the object says how it is doing.
    NoSignal,
}

/// What is known about the health of a resource at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// How it is doing.
    pub status: HealthStatus,
    /// Why, as one word in the object's own terms where it has one: `ProgressDeadlineExceeded`.
    pub reason: String,
    /// Why, for people.
    pub message: String,
    /// Since when, if the object or what was said before tells.
    pub since: Option<Timestamp>,
    /// Which layer said so.
    pub basis: HealthBasis,
}

/// What a judgement depends on besides the object.
#[derive(Clone, Copy, Debug)]
pub struct HealthContext<'a> {
    /// The time the object is judged at; for a recording, not later than its newest event.
    pub now: Timestamp,
    /// The rule table.
    pub rules: &'a HealthRules,
    /// What was said about the version before, which tells since when a status holds where the object does not.
    pub previous: Option<&'a Health>,
}

/// Judges an object.
pub fn assess(object: &Object, context: &HealthContext<'_>) -> Health {
    assess_manifest(object.root(), context)
}

/// Judges an object as if it were not being deleted.
///
/// Deletion comes before everything else in [`assess`]; this is for those who want to know what was wrong besides.
pub(crate) fn assess_state(object: &Object, context: &HealthContext<'_>) -> Health {
    let (verdict, basis) = judge_state(&Subject::new(object.root(), context.now), context.rules);
    Health {
        status: verdict.status,
        reason: verdict.reason,
        message: verdict.message,
        since: verdict.since,
        basis,
    }
}

/// Judges a document that names a kind; unlike an [`Object`] it need not have a name.
pub fn assess_manifest(root: Node<'_>, context: &HealthContext<'_>) -> Health {
    let subject = Subject::new(root, context.now);
    let (verdict, basis) = judge(&subject, context.rules);
    let since = match context.previous {
        None => verdict.since,
        Some(before) if before.status == verdict.status => before.since.or(verdict.since),
        // A condition that is False for another reason than before keeps its time, though the status is new. Without a
        // time of its own a status that was not there before began with this version.
        Some(before) => {
            let newer = verdict.since.filter(|t| before.since.is_none_or(|b| *t > b) && *t <= context.now);
            newer.or(Some(context.now))
        }
    };
    Health { status: verdict.status, reason: verdict.reason, message: verdict.message, since, basis }
}

/// Returns the newest time in an object at which something happened to it.
///
/// A dump does not say when it was made; not before the newest of these. Times that lie ahead by nature (expiry, the
/// next run) are not among them.
pub fn newest_time(root: Node<'_>) -> Option<Timestamp> {
    const PAST: &[&str] = &[
        "creationTimestamp",
        "time",
        "lastTransitionTime",
        "lastUpdateTime",
        "lastHeartbeatTime",
        "lastProbeTime",
        "startTime",
        "startedAt",
        "finishedAt",
        "completionTime",
        "lastScheduleTime",
        "lastSuccessfulTime",
    ];
    let own = PAST.contains(&root.key()).then(|| root.as_str()?.parse().ok()).flatten();
    root.children().filter_map(newest_time).chain(own).max()
}

fn judge(subject: &Subject<'_>, rules: &HealthRules) -> (HealthVerdict, HealthBasis) {
    match builtin::deletion(subject) {
        Some(verdict) => (verdict, HealthBasis::BuiltIn),
        None => judge_state(subject, rules),
    }
}

fn judge_state(subject: &Subject<'_>, rules: &HealthRules) -> (HealthVerdict, HealthBasis) {
    let rules = rules.about(subject);
    if let Some(judged) = rules.judge(subject) {
        return judged;
    }
    if let Some(verdict) = builtin::judge(subject) {
        return (verdict, HealthBasis::BuiltIn);
    }
    match conventions::judge(subject, &rules.options()) {
        Some(verdict) => (verdict, HealthBasis::Conventions),
        None if builtin::is_of_kubernetes(subject.group) => {
            (HealthVerdict::healthy("Exists", ""), HealthBasis::BuiltIn)
        }
        None => {
            let message = "nothing in the object says how it is doing";
            (HealthVerdict::new(HealthStatus::Unknown, "NoSignal", message), HealthBasis::NoSignal)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
