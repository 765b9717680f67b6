//! How much speaks for a candidate: the parts of its score, and what is taken off.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::fault::{Fault, FaultKind};
use crate::history::{Change, Moment};
use crate::k8s::managers::{is_engine, is_platform};
use crate::key::ResourceKey;
use crate::path::PathElement;

use super::candidate::Candidate;
use super::change_kind::{ChangedField, changed_fields};
use super::counterfactual::check;
use super::effects;
use super::investigation::Investigation;
use super::mention::{mentions, scalar_texts, words};
use super::reach::ReachedResource;
use super::relevance::{exonerated_by, relevance};
use super::role::CandidateRole;
use super::root::is_derived;
use super::scheduler_message::SchedulerMessage;
use super::suspicion::Suspicion;
use super::verdict::CounterfactualVerdict;
use super::weights::{ACROSS_GAP, CLEARED, REFUTED, ScoreParts};

/// Scores one change against one fault by the field of it that explains most; `None` when none can have that effect.
pub(super) fn assess(
    investigation: &Investigation<'_>,
    fault: &Fault,
    reached: &ReachedResource,
    change: &Arc<Change>,
    ports: &[u16],
) -> Option<Candidate> {
    if is_derived(change) {
        return None;
    }
    let mut best: Option<Candidate> = None;
    for ChangedField { kind, field } in changed_fields(change) {
        let suspicion = Suspicion { investigation, fault, reached, change, kind, field, ports };
        let base = effects::fit(fault.kind, reached.role, kind);
        if base == 0.0 {
            continue;
        }
        let fit = base * relevance(&suspicion);
        if fit <= 0.0 {
            continue;
        }
        let candidate = score(&suspicion, fit);
        if best.as_ref().is_none_or(|b| candidate.score > b.score) {
            best = Some(candidate);
        }
    }
    best
}

/// Weighs the evidence for one suspicion.
///
/// A new kind of evidence is a part of [`ScoreParts`] with its weight in [`Weights`], and one function here.
fn score(suspicion: &Suspicion<'_>, fit: f64) -> Candidate {
    let Suspicion { investigation, fault, reached, change, kind, .. } = *suspicion;
    let counterfactual = check(suspicion);
    let parts = ScoreParts {
        fit,
        counterfactual: match counterfactual.verdict {
            CounterfactualVerdict::Holds => 1.0,
            CounterfactualVerdict::Undecided => 0.5,
            CounterfactualVerdict::Fails => 0.0,
        },
        mentioned: mentioned(suspicion).max(blamed_by_scheduler(suspicion)),
        distance: 1.0 / (1.0 + 0.25 * reached.cost),
        timing: timing(suspicion),
        actor: actor(change),
        rarity: rarity(suspicion),
    };
    let mut score = investigation.weights.weigh(&parts);
    let mut notes = Vec::new();
    // A change that hardly fits is no cause however near it is.
    score *= (fit / 0.5).min(1.0);
    if counterfactual.verdict == CounterfactualVerdict::Fails {
        score *= REFUTED;
        notes.push(format!("reverting it would not help: {}", counterfactual.text));
    }
    // That undoing it would help, and that pods with it were scheduled before, are both true when a node changed meanwhile.
    let may_exonerate = counterfactual.verdict != CounterfactualVerdict::Holds
        || (fault.kind == FaultKind::Unschedulable && reached.role == CandidateRole::SelfOrOwner);
    if may_exonerate && let Some(note) = exonerated_by(suspicion) {
        score *= CLEARED;
        notes.push(note);
    }
    if gap_between(investigation, &change.mark, &fault.onset, &change.key) {
        score *= ACROSS_GAP;
        notes.push("history is not known in between".into());
    }
    Candidate {
        change: Arc::clone(change),
        kind,
        role: reached.role,
        hops: reached.hops.clone(),
        parts,
        score: score.clamp(0.0, 1.0),
        counterfactual,
        notes,
        fault: 0,
    }
}

/// Returns `true` if some history between two moments is not known, of the resource or of all.
fn gap_between(investigation: &Investigation<'_>, from: &Moment, to: &Moment, key: &ResourceKey) -> bool {
    investigation
        .history
        .gaps()
        .iter()
        .any(|g| g.scope.contains(key) && g.to >= from.at.time && g.from.is_none_or(|f| f <= to.at.time))
}

/// Returns whether the fault's own text names the change: a new value is best, then a key or an old value, then the resource.
///
/// For example `Back-off pulling image "web:2.0"` names the new value of an image that was `web:1.0`.
fn mentioned(suspicion: &Suspicion<'_>) -> f64 {
    let Suspicion { fault, change, .. } = *suspicion;
    let text = &fault.message;
    let (mut before, mut after, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for f in &change.fields {
        f.before.iter().for_each(|v| scalar_texts(v, &mut before));
        f.after.iter().for_each(|v| scalar_texts(v, &mut after));
        if f.path.starts_with_fields(&["data"])
            && let Some(PathElement::Field(name)) = f.path.elements().last()
        {
            keys.push(name.to_string());
        }
    }
    let old: BTreeSet<&str> = before.iter().flat_map(|t| words(t)).collect();
    let is_new = |w: &&str| !old.contains(w) && !w.bytes().all(|b| b.is_ascii_digit());
    if after.iter().flat_map(|t| words(t)).filter(is_new).any(|w| mentions(text, w)) {
        return 1.0;
    }
    if keys.iter().any(|k| mentions(text, k)) {
        return 0.9;
    }
    if before.iter().flat_map(|t| words(t)).any(|w| mentions(text, w) && !after.iter().any(|a| a.contains(w)))
    {
        return 0.7;
    }
    if mentions(text, &change.key.name) && change.key != fault.on { 0.6 } else { 0.0 }
}

/// Returns the share of the nodes that reject the pod for a reason that a change of this kind can bring.
fn blamed_by_scheduler(suspicion: &Suspicion<'_>) -> f64 {
    let Suspicion { fault, kind, .. } = *suspicion;
    if fault.kind != FaultKind::Unschedulable {
        return 0.0;
    }
    SchedulerMessage::parse(&fault.message).and_then(|r| r.share_explained_by(kind)).unwrap_or(0.0)
}

fn timing(suspicion: &Suspicion<'_>) -> f64 {
    let Suspicion { fault, change, kind, .. } = *suspicion;
    let seconds = fault.onset.at.time.duration_since(change.mark.at.time).as_secs_f64().max(0.0);
    1.0 / (1.0 + seconds / effects::usual_delay(kind))
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

fn rarity(suspicion: &Suspicion<'_>) -> f64 {
    let Suspicion { investigation, change, kind, .. } = *suspicion;
    let changes = investigation.changes_of(&change.key);
    let same = changes.iter().filter(|c| changed_fields(c).iter().any(|f| f.kind == kind)).count();
    1.0 / (1.0 + 0.4 * (same.max(1) - 1) as f64)
}
