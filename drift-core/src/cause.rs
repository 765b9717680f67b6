//! Causes: which recorded change stands behind an unhealthy resource, ranked, with the evidence for every hop.
//!
//! The symptom is found in the objects and its onset computed; candidates are the changes of desired state on whatever
//! the faulty resource depended on, as it was; each is scored by parts that [`Weights`] documents, and checked by asking
//! whether the failing condition would hold without it. When nothing explains it the answer says so, and why.
//!
//! **Invariant:** no clock, no randomness, no trained weights; the same log and question give the same answer. A cause is
//! never later than its effect.

mod class;
mod counterfactual;
mod effects;
mod incident;
mod index;
mod rank;
mod reach;
mod relevance;
mod root;
#[cfg(test)]
mod scenario;
mod symptom;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use class::{ChangeKind, classes_of};
pub use counterfactual::{Counterfactual, CounterfactualVerdict};
pub use effects::{CandidateRole, THRESHOLD, Weights, delay, fit};
pub use incident::{Incident, Incidents, Unexplained, incidents};
pub use index::CauseIndex;
pub use rank::Candidate;
pub use reach::Hop;
pub use root::Revision;
pub use symptom::{Symptom, symptoms};

use crate::event::Event;
use crate::event::Until;
use crate::graph::{AsOf, Relation};
use crate::history::{Change, History, Moment, changes_of};
use crate::key::ResourceKey;
use crate::schema::SchemaSet;

/// Everything that a question is answered from: history, graph and schemas, up to the moment of the question.
#[derive(Debug)]
pub struct Investigation<'s> {
    pub(crate) history: History,
    pub(crate) graph: AsOf,
    schemas: &'s SchemaSet,
    weights: Weights,
    /// Changes of the resources that were looked at, compared once.
    changes: Mutex<BTreeMap<ResourceKey, Arc<[Arc<Change>]>>>,
    /// How many nodes take a faulty pod at its onset.
    takers: Mutex<Vec<(ResourceKey, Moment, usize)>>,
}

impl<'s> Investigation<'s> {
    /// Takes the events up to a moment, for one who asks once; a [`CauseIndex`] answers often.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e Event>, until: Until, schemas: &'s SchemaSet) -> Self {
        let mut timeline = CauseIndex::default();
        events.into_iter().filter(|e| until.includes(e)).for_each(|e| timeline.take(e));
        timeline.into_case(schemas)
    }

    fn new(history: History, graph: AsOf, schemas: &'s SchemaSet) -> Self {
        let (weights, changes, takers) = Default::default();
        Self { history, graph, schemas, weights, changes, takers }
    }

    /// Takes other weights than the documented ones.
    #[must_use]
    pub fn with_weights(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    /// Returns the history.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns the graph as it was.
    pub fn graph(&self) -> &AsOf {
        &self.graph
    }

    /// Returns the changes of a resource, in order.
    pub fn changes_of(&self, key: &ResourceKey) -> Arc<[Arc<Change>]> {
        if let Some(known) = locked(&self.changes).get(key) {
            return Arc::clone(known);
        }
        let found: Arc<[Arc<Change>]> =
            changes_of(&self.history, key, self.schemas).into_iter().map(Arc::new).collect();
        locked(&self.changes).insert(key.clone(), Arc::clone(&found));
        found
    }

    /// Returns what makes and keeps a resource, nearest first.
    fn owners_of(&self, key: &ResourceKey) -> Vec<ResourceKey> {
        let mut out: Vec<ResourceKey> = Vec::new();
        let mut next = key.clone();
        while out.len() < 16 {
            let edges = self.graph.ever_from(&next);
            let Some(owner) = edges.iter().find(|e| e.relation == Relation::OwnedBy) else { break };
            if out.contains(owner.to) {
                break;
            }
            out.push(owner.to.clone());
            next = owner.to.clone();
        }
        out
    }

    /// Tells whether history is not known for a while between two marks, for the resource or altogether.
    fn gap_between(&self, from: &Moment, to: &Moment, key: &ResourceKey) -> bool {
        self.history
            .gaps()
            .iter()
            .any(|g| g.scope.contains(key) && g.to >= from.at.time && g.from.is_none_or(|f| f <= to.at.time))
    }

    /// Answers why a resource is as it is.
    pub fn why(&self, key: &ResourceKey) -> Explanation {
        let symptoms = symptoms(self, key);
        let mut all: Vec<Candidate> = Vec::new();
        for (i, symptom) in symptoms.iter().enumerate() {
            let mut seen = BTreeSet::new();
            for mut c in rank::candidates(self, &symptom.fault, 0, &mut seen) {
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
        let mut by_root: BTreeMap<crate::event::EventId, Cause> = BTreeMap::new();
        for candidate in candidates {
            let root = root::root_of(self, &candidate.change, candidate.class);
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
        // Ties: the later change first, since it is the nearer one; then by key.
        all.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then_with(|| b.root.mark.at.cmp(&a.root.mark.at))
                .then_with(|| a.root.key.cmp(&b.root.key))
        });
        all.truncate(MAX_CAUSES);
        all
    }
}

/// Locks a cache. Entries are inserted whole, so one that another thread left by panicking is as good as before.
fn locked<T>(cache: &Mutex<T>) -> MutexGuard<'_, T> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Most causes that an answer lists, the unlikely ones included.
const MAX_CAUSES: usize = 10;

/// A cause of a symptom.
#[derive(Clone, Debug)]
pub struct Cause {
    /// Score, 0 to 1; below [`THRESHOLD`] it was considered and explains nothing.
    pub score: f64,
    /// The root: the earliest recorded change of desired state on the way.
    pub root: Arc<Change>,
    /// From the root to the symptom, both included.
    pub chain: Vec<Hop>,
    /// Revision that a GitOps engine brought.
    pub revision: Option<Revision>,
    /// Places of the faults that it explains in the answer's list.
    pub explains: BTreeSet<usize>,
    /// The change that was scored, with parts and proof; the root itself or what carried it out.
    pub candidate: Candidate,
}

/// The answer to a question.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What was asked about.
    pub key: ResourceKey,
    /// What is wrong with it, most telling first.
    pub symptoms: Vec<Symptom>,
    /// What may be behind it, best first.
    pub causes: Vec<Cause>,
    /// Why it abstained; `None` when the first cause explains the symptom.
    pub abstained_because: Option<String>,
}

impl Explanation {
    fn new(case: &Investigation<'_>, key: &ResourceKey, symptoms: Vec<Symptom>, causes: Vec<Cause>) -> Self {
        let abstained_because = match causes.first() {
            _ if !case.history.knows(key) => Some(format!("{key} is not in the recorded history")),
            _ if symptoms.is_empty() => Some(format!("{key} shows no fault at that time")),
            Some(best) if best.score >= THRESHOLD => None,
            best => Some(abstention(case, &symptoms, best)),
        };
        Self { key: key.clone(), symptoms, causes, abstained_because }
    }

    /// Returns the causes that count.
    pub fn explaining(&self) -> impl Iterator<Item = &Cause> {
        self.causes.iter().filter(|c| c.score >= THRESHOLD)
    }
}

fn abstention(case: &Investigation<'_>, symptoms: &[Symptom], best: Option<&Cause>) -> String {
    let onset = symptoms.first().map(|s| &s.fault.onset);
    let gap = case
        .history
        .gaps()
        .iter()
        .find(|g| onset.is_some_and(|o| g.to <= o.at.time || g.from.is_none_or(|f| f <= o.at.time)));
    if let Some(gap) = gap {
        let from = gap.from.map_or("the beginning".to_owned(), |f| f.to_string());
        return format!("history is not known from {from} to {}: {}", gap.to, gap.message);
    }
    match best {
        None => "no recorded change on anything it depends on could have this effect".to_owned(),
        Some(c) => {
            let why =
                c.candidate.notes.first().cloned().unwrap_or_else(|| "it hardly fits the fault".to_owned());
            format!("the nearest change, of {}, does not explain it: {why}", c.root.key)
        }
    }
}

/// Writes the way from root to symptom.
fn chain(symptoms: &[Symptom], candidate: &Candidate, root: &root::Root) -> Vec<Hop> {
    let symptom = &symptoms[candidate.fault];
    let mut out: Vec<Hop> = Vec::new();
    let mut put = |step: Hop| {
        if out.iter().all(|s| s.key != step.key) {
            out.push(step);
        }
    };
    let plain = |key: &ResourceKey| Hop { key: key.clone(), edge: String::new(), evidence: String::new() };
    root.engines.iter().rev().for_each(|s| put(s.clone()));
    put(plain(&root.change.key));
    root.via.iter().rev().skip(1).for_each(|s| put(s.clone()));
    put(plain(&candidate.change.key));
    candidate.way.iter().rev().for_each(|s| put(s.clone()));
    put(plain(&symptom.fault.on));
    symptom.way.iter().for_each(|s| put(s.clone()));
    out
}
