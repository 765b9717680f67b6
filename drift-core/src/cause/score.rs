//! How much speaks for a candidate: the parts of its score, and what is taken off.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::fault::{Fault, FaultKind};
use crate::history::{Change, Moment, ResourceOp};
use crate::k8s::managers::{is_engine, is_platform};
use crate::key::ResourceKey;
use crate::path::PathElement;

use super::candidate::Candidate;
use super::change_kind::{ChangeKind, classes_of};
use super::counterfactual::prove;
use super::effects;
use super::investigation::Investigation;
use super::mention::{leaves, names, words};
use super::reach::Reached;
use super::relevance::{cleared, effect};
use super::role::CandidateRole;
use super::root::is_derived;
use super::scheduler_message::Refusals;
use super::verdict::{Counterfactual, CounterfactualVerdict};
use super::weights::{ACROSS_GAP, CLEARED, REFUTED};

/// Scores one change against one fault; `None` when no way leads from one to the other.
pub(super) fn judge(
    case: &Investigation<'_>,
    fault: &Fault,
    reached: &Reached,
    change: &Arc<Change>,
    ports: &[u16],
) -> Option<Candidate> {
    if is_derived(case, change) {
        return None;
    }
    let mut best: Option<Candidate> = None;
    for (class, field) in classes_of(change) {
        let base = effects::fit(fault.kind, reached.place, class);
        if base == 0.0 {
            continue;
        }
        let fit = base * effect(case, fault, reached, change, class, field);
        if fit <= 0.0 {
            continue;
        }
        let proof = prove(case, fault, reached, change, class, ports);
        let candidate = score(case, fault, reached, change, class, fit, proof);
        if best.as_ref().is_none_or(|b| candidate.score > b.score) {
            best = Some(candidate);
        }
    }
    best
}

fn score(
    case: &Investigation<'_>,
    fault: &Fault,
    reached: &Reached,
    change: &Arc<Change>,
    class: ChangeKind,
    fit: f64,
    proof: Counterfactual,
) -> Candidate {
    let mut notes = Vec::new();
    let parts = [
        fit,
        match proof.verdict {
            CounterfactualVerdict::Holds => 1.0,
            CounterfactualVerdict::Undecided => 0.5,
            CounterfactualVerdict::Fails => 0.0,
        },
        said(fault, change).max(blamed_by_scheduler(fault, class)),
        1.0 / (1.0 + 0.25 * reached.cost),
        soon(fault, change, class),
        actor(change),
        rare(case, change, class),
    ];
    let weights = case.weights.to_array();
    let total: f64 = weights.iter().sum();
    let mut score = weights.iter().zip(parts).map(|(w, p)| w * p).sum::<f64>() / total;
    // A change that hardly fits is no cause however near it is.
    score *= (fit / 0.5).min(1.0);
    if proof.verdict == CounterfactualVerdict::Fails {
        score *= REFUTED;
        notes.push(format!("counterfactual fails: {}", proof.text));
    }
    // That undoing it would help, and that pods with it were scheduled before, are both true when a node changed meanwhile.
    let may_clear = proof.verdict != CounterfactualVerdict::Holds
        || (fault.kind == FaultKind::Unschedulable && reached.place == CandidateRole::SelfOrOwner);
    if may_clear && let Some(note) = cleared(case, fault, reached, change, class) {
        score *= CLEARED;
        notes.push(note);
    }
    if gap_between(case, &change.mark, &fault.onset, &change.key) {
        score *= ACROSS_GAP;
        notes.push("history is not known in between".into());
    }
    Candidate {
        change: Arc::clone(change),
        class,
        place: reached.place,
        way: reached.way.clone(),
        parts,
        score: score.clamp(0.0, 1.0),
        proof,
        notes,
        fault: 0,
    }
}

/// Tells whether history is not known for a while between two marks, for the resource or altogether.
fn gap_between(case: &Investigation<'_>, from: &Moment, to: &Moment, key: &ResourceKey) -> bool {
    case.history
        .gaps()
        .iter()
        .any(|g| g.scope.contains(key) && g.to >= from.at.time && g.from.is_none_or(|f| f <= to.at.time))
}

/// Does the fault's own text name the change: a new value best, then a key or an old value, then the object?
fn said(fault: &Fault, change: &Change) -> f64 {
    let text = &fault.message;
    let (mut before, mut after, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for f in &change.fields {
        f.before.iter().for_each(|v| leaves(v, &mut before));
        f.after.iter().for_each(|v| leaves(v, &mut after));
        if f.path.starts_with_fields(&["data"])
            && let Some(PathElement::Field(name)) = f.path.elements().last()
        {
            keys.push(name.to_string());
        }
    }
    let old: BTreeSet<&str> = before.iter().flat_map(|t| words(t)).collect();
    let is_new = |w: &&str| !old.contains(w) && !w.bytes().all(|b| b.is_ascii_digit());
    if after.iter().flat_map(|t| words(t)).filter(is_new).any(|w| names(text, w)) {
        return 1.0;
    }
    if keys.iter().any(|k| names(text, k)) {
        return 0.9;
    }
    if before.iter().flat_map(|t| words(t)).any(|w| names(text, w) && !after.iter().any(|a| a.contains(w))) {
        return 0.7;
    }
    if names(text, &change.key.name) && change.key != fault.on { 0.6 } else { 0.0 }
}

/// The part of the nodes that refuse a pod for a reason that a change of this class brings.
fn blamed_by_scheduler(fault: &Fault, class: ChangeKind) -> f64 {
    if fault.kind != FaultKind::Unschedulable {
        return 0.0;
    }
    Refusals::read(&fault.message).and_then(|r| r.share(class)).unwrap_or(0.0)
}

fn soon(fault: &Fault, change: &Change, class: ChangeKind) -> f64 {
    let seconds = fault.onset.at.time.duration_since(change.mark.at.time).as_secs_f64().max(0.0);
    1.0 / (1.0 + seconds / effects::delay(class))
}

fn actor(change: &Change) -> f64 {
    let Some(manager) = change.manager.as_deref() else { return 0.8 };
    let is_controller =
        |m: &str| m.ends_with("-controller") || m.ends_with("-operator") || m.contains("external");
    match manager {
        m if is_platform(m) => 0.3,
        m if is_engine(m) => 0.9,
        m if is_controller(m) => 0.7,
        _ => 1.0,
    }
}

fn rare(case: &Investigation<'_>, change: &Change, class: ChangeKind) -> f64 {
    let changes = case.changes_of(&change.key);
    let same = changes.iter().filter(|c| classes_of(c).iter().any(|(k, _)| *k == class)).count();
    1.0 / (1.0 + 0.4 * (same.max(1) - 1) as f64)
}
