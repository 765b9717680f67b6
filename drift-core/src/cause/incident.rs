//! What is broken at a moment, by the cause that was found for it.

use std::collections::BTreeMap;

use crate::event::EventId;
use crate::key::ResourceKey;

use crate::fault::{Fault, FaultKind};

use super::explanation::{Cause, Explanation};
use super::investigation::Investigation;
use super::symptom::Symptom;
use super::weights::THRESHOLD;

/// Symptoms with one root.
#[derive(Clone, Debug)]
pub struct Incident {
    /// The cause, as it was found for the symptom that it explains best.
    pub cause: Cause,
    /// What it explains, oldest first.
    pub symptoms: Vec<Fault>,
}

/// A symptom that no recorded change explains.
#[derive(Clone, Debug)]
pub struct Unexplained {
    /// What is wrong.
    pub fault: Fault,
    /// Why no cause is named.
    pub because: String,
}

/// Everything that is broken, with its roots.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    /// By root; the one with most symptoms first.
    pub explained: Vec<Incident>,
    /// Symptoms without a known root, oldest first.
    pub unexplained: Vec<Unexplained>,
}

/// Most resources that are investigated; of more, those with the oldest symptoms.
const MAX_ASKED: usize = 1000;

/// Finds everything that is broken at the end of a history, grouped by root.
///
/// Only resources of which `in_scope` holds are asked about; their causes may lie anywhere. What somebody asked for, such as
/// nothing running at a scale of zero, is no symptom.
pub fn incidents(investigation: &Investigation<'_>, in_scope: impl Fn(&ResourceKey) -> bool) -> Incidents {
    let mut open: Vec<(&ResourceKey, Vec<Fault>)> = Vec::new();
    for key in investigation.history().keys().filter(|k| in_scope(k)) {
        if investigation.history().now(key).is_some() {
            let faults: Vec<_> = investigation.faults_of(key).into_iter().filter(is_open).collect();
            if !faults.is_empty() {
                open.push((key, faults));
            }
        }
    }
    open.sort_by(|(a, f), (b, g)| (f[0].onset.at, *a).cmp(&(g[0].onset.at, *b)));
    let mut by_root: BTreeMap<EventId, Incident> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for (n, (key, faults)) in open.into_iter().enumerate() {
        let answer = (n < MAX_ASKED).then(|| investigation.why(key));
        for fault in faults {
            match answer.as_ref().and_then(|a| backends_of(a, &fault)) {
                Some(cause) => join(&mut by_root, cause, fault),
                None => {
                    let because = answer.as_ref().map_or_else(too_many, |a| silence(a, &fault));
                    unexplained.push(Unexplained { fault, because });
                }
            }
        }
    }
    let mut explained: Vec<_> = by_root.into_values().collect();
    explained.sort_by_key(|i| {
        let first = i.symptoms.iter().map(|f| f.onset.at).min();
        (std::cmp::Reverse(i.symptoms.len()), first, i.cause.root.key.clone())
    });
    Incidents { explained, unexplained }
}

/// Returns `true` if nobody asked for a fault, as by scaling to zero.
fn is_open(fault: &Fault) -> bool {
    !fault.kind.is_asked_for() && fault.kind != FaultKind::Gone
}

/// Returns the cause of one fault of an answer; of a fault that only repeats that something is wrong, the answer's first.
fn backends_of<'a>(answer: &'a Explanation, fault: &Fault) -> Option<&'a Cause> {
    let is_it = |s: &Symptom| s.fault.on == fault.on && s.fault.kind == fault.kind;
    let places: Vec<_> =
        answer.symptoms.iter().enumerate().filter(|(_, s)| is_it(s)).map(|(i, _)| i).collect();
    let own = answer.explaining().find(|c| places.iter().any(|p| c.explains.contains(p)));
    let is_vague = matches!(fault.kind, FaultKind::Unavailable) || places.is_empty();
    own.or_else(|| answer.explaining().next().filter(|_| is_vague))
}

fn join(by_root: &mut BTreeMap<EventId, Incident>, cause: &Cause, fault: Fault) {
    let incident = by_root
        .entry(cause.root.id)
        .or_insert_with(|| Incident { cause: cause.clone(), symptoms: Vec::new() });
    if cause.score > incident.cause.score {
        incident.cause = cause.clone();
    }
    incident.symptoms.push(fault);
}

fn silence(answer: &Explanation, fault: &Fault) -> String {
    let elsewhere = answer.causes.first().filter(|c| c.score >= THRESHOLD);
    answer.abstained_because.clone().unwrap_or_else(|| match elsewhere {
        Some(cause) => format!(
            "a change of {} explains something else that is wrong with {}, and not this",
            cause.root.key, fault.on
        ),
        None => "no recorded change explains it".to_owned(),
    })
}

fn too_many() -> String {
    format!("not asked: more than {MAX_ASKED} resources are broken, and others are so for longer")
}
