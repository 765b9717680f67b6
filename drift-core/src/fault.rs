//! Faults: what is wrong with a resource at a time, what kind of trouble it is, and since when.
//!
//! [`health`](crate::health) judges whether one version of an object is all right. A [`Fault`] adds what it takes to look
//! for a cause: the [`FaultKind`], the onset over the history of the object, and the texts of Kubernetes Events.
//!
//! **Invariant.** Nothing here has a list of good and bad conditions, phases or words of its own. What health calls
//! Healthy or Suspended has no fault of [`FaultBasis::Health`], and every fault of that basis is on an object that health
//! calls neither; the laws in this module hold both against recorded and generated objects. Other bases need what health
//! does not look at: another object, a Kubernetes Event, what was before, or what somebody asked for.

mod events;
mod kind;
#[cfg(test)]
pub(crate) mod laws;
mod onset;
mod others;
mod pods;
mod record;
mod refusal;
mod status;

use crate::health::HealthRules;
use crate::history::History;
use crate::key::ResourceKey;

pub use kind::FaultKind;
pub use record::{Fault, FaultBasis, OnsetBasis, VersionRef};

/// Returns the faults of one resource at the end of the history, by onset.
///
/// Health judges by `rules`; [`Investigation::faults_of`](crate::cause::Investigation::faults_of) has those of a question.
pub fn faults_of(history: &History, key: &ResourceKey, rules: &HealthRules) -> Vec<Fault> {
    let mut out = match (&*key.group, &*key.kind) {
        ("", "Pod") => pods::faults(history, key, rules),
        _ => others::faults(history, key, rules),
    };
    out.iter_mut().for_each(|fault| fault.onset_basis = onset::basis_of(history, fault, rules));
    out.sort_by_key(|f| (f.onset.at, f.kind));
    out
}
