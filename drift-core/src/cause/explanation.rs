//! From candidates to an answer: those with one root together, with the chain from root to symptom, or why there is none.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diff::{FieldChange, diff};
use crate::event::EventId;
use crate::history::{Change, ResourceOp};
use crate::key::ResourceKey;
use crate::path::FieldPath;
use crate::time::format_time;

use super::candidate::Candidate;
use super::candidates::candidates;
use super::change_kind::{ChangeKind, changed_fields};
use super::evidence::{
    EvidenceParts, EvidenceView, JoinedChange, PlatformOpinion, Pointer, evidence_view, join, pointers,
};
use super::hop::Hop;
use super::investigation::Investigation;
use super::looked_at::{LookedAt, looked_at};
use super::role::CandidateRole;
use super::root::{self, RevisionChange};
use super::surroundings::hiding_gap;
use super::symptom::{Symptom, symptoms};
use super::verdict::{Counterfactual, CounterfactualVerdict};
use super::weights::{PROVEN_AHEAD, ScoreParts, THRESHOLD};

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
    /// What the rules and the evidence say of it.
    pub opinions: Opinions,
    /// Of an object that was deleted and made again, the fields in which it differs from what it was.
    pub remade: Vec<FieldChange>,
}

/// What the two views of a cause say: the rules, which know which change leads to which fault, and the evidence, which knows none.
#[derive(Clone, Debug, Default)]
pub struct Opinions {
    /// How likely it is the cause, beside all others and "none of them".
    pub probability: f64,
    /// Place among the causes that the rules list, from 1.
    pub rank_by_rules: Option<usize>,
    /// Place by evidence alone, from 1.
    pub rank_by_evidence: Option<usize>,
    /// Pieces of evidence, in nats.
    pub evidence: EvidenceParts,
    /// Words of the complaints that the change has, those that tell most first.
    pub matched: Vec<String>,
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
    /// The same as a kind of reason.
    pub abstained: Option<Abstention>,
    /// How likely it is that no recorded change is the cause.
    pub none_of_them: f64,
    /// What the error points at, where no change explains it.
    pub points_at: Vec<Pointer>,
    /// What was looked at, where the resource shows no fault.
    pub looked_at: Vec<LookedAt>,
}

/// Why an answer names no cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Abstention {
    /// The resource is not in the recorded history.
    NotRecorded,
    /// The resource shows no fault.
    NoFault,
    /// The part of history in which the cause may lie is not known.
    Gap,
    /// Changes are known, and none explains the symptom.
    Unexplained,
}

impl Explanation {
    fn new(
        investigation: &Investigation<'_>,
        key: &ResourceKey,
        symptoms: Vec<Symptom>,
        causes: Vec<Cause>,
        none_of_them: f64,
    ) -> Self {
        let silence = match causes.first() {
            _ if !investigation.history.knows(key) => {
                Some((Abstention::NotRecorded, format!("{key} is not in the recorded history")))
            }
            _ if symptoms.is_empty() => {
                Some((Abstention::NoFault, format!("{key} shows no fault at that time")))
            }
            Some(best) if best.score >= THRESHOLD => None,
            best => Some(abstention(investigation, key, &symptoms, best)),
        };
        let (abstained, abstained_because) = silence.unzip();
        let points_at = match (&abstained_because, symptoms.is_empty()) {
            (Some(_), false) => pointers(investigation, key),
            _ => Vec::new(),
        };
        let looked_at = if symptoms.is_empty() { looked_at(investigation, key) } else { Vec::new() };
        Self {
            key: key.clone(),
            symptoms,
            causes,
            abstained_because,
            abstained,
            none_of_them,
            points_at,
            looked_at,
        }
    }

    /// Returns the causes with a score of at least [`THRESHOLD`], best first.
    pub fn explaining(&self) -> impl Iterator<Item = &Cause> {
        self.causes.iter().filter(|c| c.score >= THRESHOLD)
    }
}

/// Most causes that an answer lists, including the unlikely ones.
const MAX_CAUSES: usize = 10;

/// Most changes by evidence whose roots are looked for.
const MAX_WEIGHED: usize = 48;

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
        let by_rules = self.causes(&symptoms, all);
        let (causes, none_of_them) = self.with_evidence(key, &symptoms, by_rules);
        Explanation::new(self, key, symptoms, causes, none_of_them)
    }

    /// Joins what the rules list with what the evidence says.
    fn with_evidence(
        &self,
        key: &ResourceKey,
        symptoms: &[Symptom],
        by_rules: Vec<Cause>,
    ) -> (Vec<Cause>, f64) {
        let view =
            evidence_view(self, &self.evidence, key, &self.switched_off).unwrap_or_else(EvidenceView::empty);
        let inputs = Inputs::new(&view);
        let opinions: Vec<PlatformOpinion> = by_rules
            .iter()
            .map(|c| PlatformOpinion {
                // What the rules think of a write is thought of what it carries out.
                root: inputs.of(c.root.id),
                score: c.score,
                verdict: c.candidate.counterfactual.verdict,
                cost: (1.0 / c.candidate.parts.distance.max(0.01) - 1.0) * 4.0,
            })
            .collect();
        let mut found: BTreeMap<EventId, Cause> = by_rules.into_iter().map(|c| (c.root.id, c)).collect();
        let mut evidence = Vec::new();
        for ranked in view.ranked.into_iter().take(MAX_WEIGHED) {
            let changes = self.changes_of(&ranked.key);
            let Some(change) = changes.iter().find(|c| c.id == ranked.event) else { continue };
            let cause = cause_by_evidence(self, symptoms, change, &ranked.steps);
            evidence.push((cause.root.id, ranked));
            found.entry(cause.root.id).or_insert(cause);
        }
        let (joined, none) = join(&opinions, &evidence, view.none);
        let causes = joined.into_iter().take(MAX_CAUSES).filter_map(|j| {
            let mut cause = found.remove(&j.root)?;
            cause.score = j.score;
            cause.opinions = opinions_of(j);
            cause.remade = remade(self, &cause.root);
            Some(cause)
        });
        (causes.collect(), none)
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
                opinions: Opinions::default(),
                remade: Vec::new(),
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
        all
    }
}

/// Which change carries out which, by the evidence.
struct Inputs(BTreeMap<EventId, EventId>);

impl Inputs {
    fn new(view: &EvidenceView) -> Self {
        Self(view.ranked.iter().filter_map(|r| Some((r.event, r.input?))).collect())
    }

    /// Returns the change at the beginning of the chain that a change ends.
    fn of(&self, change: EventId) -> EventId {
        let mut at = change;
        for _ in 0..self.0.len() {
            let Some(up) = self.0.get(&at) else { break };
            at = *up;
        }
        at
    }
}

fn opinions_of(joined: JoinedChange) -> Opinions {
    let (evidence, matched) = joined.evidence.map(|e| (e.parts, e.matched)).unwrap_or_default();
    Opinions {
        probability: joined.probability,
        rank_by_rules: joined.rank_by_rules,
        rank_by_evidence: joined.rank_by_evidence,
        evidence,
        matched,
    }
}

/// Returns the fields in which an object that was made again differs from what it was before it was deleted.
fn remade(investigation: &Investigation<'_>, root: &Change) -> Vec<FieldChange> {
    let Some(after) = root.after.as_ref().filter(|_| root.op == ResourceOp::Create) else {
        return Vec::new();
    };
    let versions = investigation.history.versions(&root.key).iter().rev();
    let mut earlier = versions.filter(|v| v.is_before(&root.mark));
    let Some(before) = earlier.find_map(|v| v.object.as_ref()) else { return Vec::new() };
    let is_servers_own = |path: &FieldPath| {
        let is_written = ["labels", "annotations"].iter().any(|f| path.starts_with_fields(&["metadata", f]));
        path.starts_with_fields(&["status"]) || (path.starts_with_fields(&["metadata"]) && !is_written)
    };
    let schema = investigation.schemas.kind(after.group(), after.version(), after.kind());
    let found = diff(before.doc(), after.doc(), schema.map(|s| s.root()));
    found.changes().iter().filter(|c| !is_servers_own(&c.path)).cloned().collect()
}

/// Makes a cause of a change that the rules do not list.
fn cause_by_evidence(
    investigation: &Investigation<'_>,
    symptoms: &[Symptom],
    change: &Arc<Change>,
    steps: &[ResourceKey],
) -> Cause {
    let kind = changed_fields(change).first().map_or(ChangeKind::Other, |f| f.kind);
    let root = root::root_of(investigation, change, kind);
    let mut chain: Vec<Hop> = Vec::new();
    let bare = |key: &ResourceKey| Hop { key: key.clone(), edge: String::new(), evidence: String::new() };
    let via = root.via.iter().rev().skip(1).cloned();
    let all = root
        .engines
        .iter()
        .rev()
        .cloned()
        .chain([bare(&root.change.key)])
        .chain(via)
        .chain(steps.iter().map(bare));
    for hop in all {
        if chain.iter().all(|s| s.key != hop.key) {
            chain.push(hop);
        }
    }
    let candidate = Candidate {
        change: Arc::clone(change),
        kind,
        role: CandidateRole::Dependency,
        hops: Vec::new(),
        parts: ScoreParts::default(),
        score: 0.0,
        counterfactual: Counterfactual::undecided(),
        notes: Vec::new(),
        fault: 0,
    };
    let explains = if symptoms.is_empty() { BTreeSet::new() } else { BTreeSet::from([0]) };
    Cause {
        score: 0.0,
        root: root.change,
        chain,
        revision: root.revision,
        explains,
        candidate,
        opinions: Opinions::default(),
        remade: Vec::new(),
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
) -> (Abstention, String) {
    if let Some(gap) = hiding_gap(investigation, key, symptoms) {
        let from = gap.from.map_or("the beginning".to_owned(), format_time);
        let text = format!("history is not known from {from} to {}: {}", format_time(gap.to), gap.message);
        return (Abstention::Gap, text);
    }
    let text = match best {
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
    };
    (Abstention::Unexplained, text)
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
