//! A change that may be behind a fault, with its score.

use std::sync::Arc;

use super::change_kind::ChangeKind;
use super::hop::Hop;
use super::role::CandidateRole;
use super::verdict::Counterfactual;
use super::weights::ScoreParts;
use crate::history::Change;

/// A change that may have caused a fault, with its score.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The change.
    pub change: Arc<Change>,
    /// Kind of the change of the field that explains most.
    pub kind: ChangeKind,
    /// What the changed resource is to the faulty one.
    pub role: CandidateRole,
    /// From the faulty resource to the changed one, without the former.
    pub hops: Vec<Hop>,
    /// The parts of the score.
    pub parts: ScoreParts,
    /// The score, 0 to 1.
    pub score: f64,
    /// The counterfactual check.
    pub counterfactual: Counterfactual,
    /// What lowers the score beyond its parts, for people.
    pub notes: Vec<String>,
    /// Index of the fault in the list of faults.
    pub fault: usize,
}
