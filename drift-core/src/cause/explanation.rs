//! From candidates to an answer: those with one root together, with the chain from root to symptom, or why there is none.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::EventId;
use crate::history::Change;
use crate::key::ResourceKey;
use crate::time::format_time;

use super::candidate::Candidate;
use super::candidates::candidates;
use super::hop::Hop;
use super::investigation::Investigation;
use super::root::{self, RevisionChange};
use super::surroundings::hiding_gap;
use super::symptom::{Symptom, symptoms};
use super::verdict::CounterfactualVerdict;
use super::weights::{PROVEN_AHEAD, THRESHOLD};

/// A recorded change that explains symptoms, or was considered and does not.
#[derive(Clone, Debug)]
pub struct Cause {
    /// Score, 0 to 1; below [`THRESHOLD`] it was considered and explains nothing.
    pub score: f64,
    /// The root: the earliest recorded change of desired state on the path.
    pub root: Arc<Change>,
    /// From the root to the symptom, both included.
    pub chain: Vec<Hop>,
    /// The commit that a GitOps engine applied, and the one before.
    pub revision: Option<RevisionChange>,
    /// The symptoms that it explains, as indices into [`Explanation::symptoms`].
    pub explains: BTreeSet<usize>,
    /// The change that was scored: the root itself, or one that carried it out.
    pub candidate: Candidate,
}

/// The answer to [`Investigation::why`].
///
/// # Example
/// ```
/// use drift_core::cause::Explanation;
///
/// fn summary(answer: &Explanation) -> String {
///     match (answer.explaining().next(), &answer.abstained_because) {
///         (Some(cause), _) => format!("{}: {} was changed at {}", answer.key, cause.root.key, cause.root.mark.at.time),
///         (None, Some(reason)) => format!("{}: {reason}", answer.key),
///         (None, None) => unreachable!("it explains or abstains"),
///     }
/// }
/// # let _ = summary;
/// ```
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The resource in question.
    pub key: ResourceKey,
    /// Its faults and those of its dependencies, those that explain most first.
    pub symptoms: Vec<Symptom>,
    /// Candidates by their root, best first.
    pub causes: Vec<Cause>,
    /// Why it abstained; `None` when the first cause explains the symptom.
    pub abstained_because: Option<String>,
}

impl Explanation {
    fn new(
        investigation: &Investigation<'_>,
        key: &ResourceKey,
        symptoms: Vec<Symptom>,
        causes: Vec<Cause>,
    ) -> Self {
        let abstained_because = match causes.first() {
            _ if !investigation.history.knows(key) => Some(format!("{key} is not in the recorded history")),
            _ if symptoms.is_empty() => Some(format!("{key} shows no fault at that time")),
            Some(best) if best.score >= THRESHOLD => None,
            best => Some(abstention(investigation, key, &symptoms, best)),
        };
        Self { key: key.clone(), symptoms, causes, abstained_because }
    }

    /// Returns the causes with a score of at least [`THRESHOLD`], best first.
    pub fn explaining(&self) -> impl Iterator<Item = &Cause> {
        self.causes.iter().filter(|c| c.score >= THRESHOLD)
    }
}

/// Most causes that an answer lists, including the unlikely ones.
const MAX_CAUSES: usize = 10;

impl Investigation<'_> {
    /// Explains why a resource is unhealthy: its symptoms, the changes that may be behind each, and their roots.
    pub fn why(&self, key: &ResourceKey) -> Explanation {
        let symptoms = symptoms(self, key);
        let mut all: Vec<Candidate> = Vec::new();
        for (i, symptom) in symptoms.iter().enumerate() {
            let mut seen = BTreeSet::new();
            for mut c in candidates(self, &symptom.fault, 0, &mut seen) {
                c.fault = i;
                c.score *= symptom.weight;
                all.push(c);
            }
        }
        let causes = self.causes(&symptoms, all);
        Explanation::new(self, key, symptoms, causes)
    }

    /// Puts candidates with one root together, and in order.
    fn causes(&self, symptoms: &[Symptom], candidates: Vec<Candidate>) -> Vec<Cause> {
        let mut by_root: BTreeMap<EventId, Cause> = BTreeMap::new();
        for candidate in candidates {
            let root = root::root_of(self, &candidate.change, candidate.kind);
            let chain = chain(symptoms, &candidate, &root);
            let id = root.change.id;
            let cause = Cause {
                score: candidate.score,
                root: root.change,
                chain,
                revision: root.revision,
                explains: BTreeSet::from([candidate.fault]),
                candidate,
            };
            match by_root.get_mut(&id) {
                None => {
                    by_root.insert(id, cause);
                }
                Some(old) => {
                    old.explains.extend(cause.explains.iter().copied());
                    if cause.score > old.score {
                        let explains = std::mem::take(&mut old.explains);
                        *old = Cause { explains, ..cause };
                    }
                }
            }
        }
        let mut all: Vec<_> = by_root.into_values().collect();
        all.sort_by(compare_causes);
        all.truncate(MAX_CAUSES);
        all
    }
}

/// Puts the cause first that explains more.
///
/// Those that explain come before those that were only considered. Among either, by score; of about equal ones, within
/// [`PROVEN_AHEAD`], the one whose reversal is shown to help comes before one of which that cannot be decided: distance and
/// timing are worth less than a proof. Ties: the later change first, since it is the nearer one; then by key.
pub(super) fn compare_causes(a: &Cause, b: &Cause) -> Ordering {
    let explains = |c: &Cause| c.score >= THRESHOLD;
    let rank = |c: &Cause| match c.candidate.counterfactual.verdict {
        CounterfactualVerdict::Holds => c.score + PROVEN_AHEAD,
        CounterfactualVerdict::Undecided | CounterfactualVerdict::Fails => c.score,
    };
    explains(b)
        .cmp(&explains(a))
        .then_with(|| rank(b).total_cmp(&rank(a)))
        .then_with(|| b.root.mark.at.cmp(&a.root.mark.at))
        .then_with(|| a.root.key.cmp(&b.root.key))
}

fn abstention(
    investigation: &Investigation<'_>,
    key: &ResourceKey,
    symptoms: &[Symptom],
    best: Option<&Cause>,
) -> String {
    if let Some(gap) = hiding_gap(investigation, key, symptoms) {
        let from = gap.from.map_or("the beginning".to_owned(), format_time);
        return format!("history is not known from {from} to {}: {}", format_time(gap.to), gap.message);
    }
    match best {
        None => "no recorded change on anything it depends on could have this effect".to_owned(),
        Some(c) => {
            let why = c
                .candidate
                .notes
                .first()
                .cloned()
                .unwrap_or_else(|| "such changes rarely lead to this fault".to_owned());
            format!("closest change: {}, but it does not explain the symptom: {why}", c.root.key)
        }
    }
}

/// Returns the path from root to symptom.
fn chain(symptoms: &[Symptom], candidate: &Candidate, root: &root::RootChange) -> Vec<Hop> {
    let symptom = &symptoms[candidate.fault];
    let mut out: Vec<Hop> = Vec::new();
    let mut put = |hop: Hop| {
        if out.iter().all(|s| s.key != hop.key) {
            out.push(hop);
        }
    };
    let bare = |key: &ResourceKey| Hop { key: key.clone(), edge: String::new(), evidence: String::new() };
    root.engines.iter().rev().for_each(|s| put(s.clone()));
    put(bare(&root.change.key));
    root.via.iter().rev().skip(1).for_each(|s| put(s.clone()));
    put(bare(&candidate.change.key));
    candidate.hops.iter().rev().for_each(|s| put(s.clone()));
    put(bare(&symptom.fault.on));
    symptom.hops.iter().for_each(|s| put(s.clone()));
    out
}
