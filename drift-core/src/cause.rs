//! Causes: which recorded change stands behind an unhealthy resource, ranked, with the evidence for every hop.
//!
//! The symptom is found in the objects and its onset computed; candidates are the changes of desired state on whatever
//! the faulty resource depended on, as it was; each is scored by parts that [`Weights`] documents, and checked by asking
//! whether the failing condition would hold without it. When nothing explains it the answer says so, and why.
//!
//! **Invariant:** no clock, no randomness, no trained weights; the same log and question give the same answer. A cause is
//! never later than its effect.

mod candidate;
mod candidates;
mod change_kind;
mod counterfactual;
mod effects;
mod explanation;
mod hop;
mod incident;
mod index;
mod investigation;
mod lineage;
mod mention;
mod reach;
mod relevance;
mod role;
mod root;
mod scheduler_message;
mod score;
mod suspicion;
mod symptom;
#[cfg(test)]
mod tests;
mod verdict;
mod weights;

pub use candidate::Candidate;
pub use change_kind::{ChangeKind, classes_of};
pub use effects::{delay, fit};
pub use explanation::{Cause, Explanation};
pub use hop::Hop;
pub use incident::{Incident, Incidents, Unexplained, incidents};
pub use index::CauseIndex;
pub use investigation::Investigation;
pub use role::CandidateRole;
pub use root::RevisionChange;
pub use symptom::{Symptom, symptoms};
pub use verdict::{Counterfactual, CounterfactualVerdict};
pub use weights::{ScoreParts, THRESHOLD, Weights};
