//! From the resource that was asked about to the faults that make it unhealthy.

use std::collections::BTreeSet;

use crate::graph::Relation;
use crate::key::ResourceKey;

use super::hop::Hop;
use super::investigation::Investigation;
use super::lineage::is_engine;
use crate::fault::{Fault, FaultKind, faults_of};

/// A fault with the way to it from what was asked about.
#[derive(Clone, Debug)]
pub struct Symptom {
    /// The fault.
    pub fault: Fault,
    /// From the faulty resource up to the one that was asked about, without the faulty one.
    pub hops: Vec<Hop>,
    /// How much of the symptom it is: a fault that only may be a part of it counts less.
    pub weight: f64,
}

/// Most resources that are looked at below the one that was asked about.
const MAX_LOOKED_AT: usize = 500;

/// Finds what is wrong with a resource and with what it stands on, most telling first.
pub fn symptoms(investigation: &Investigation<'_>, key: &ResourceKey) -> Vec<Symptom> {
    let mut out: Vec<Symptom> = Vec::new();
    let mut seen = BTreeSet::from([key.clone()]);
    let mut queue = std::collections::VecDeque::from([(key.clone(), Vec::<Hop>::new(), 1.0_f64)]);
    while let Some((at, hops, weight)) = queue.pop_front() {
        for fault in faults_of(&investigation.history, &at) {
            out.push(Symptom { fault, hops: hops.clone(), weight });
        }
        if seen.len() > MAX_LOOKED_AT {
            continue;
        }
        for (next, edge, evidence, factor) in dependencies(investigation, &at) {
            if seen.insert(next.clone()) {
                let mut further = vec![Hop { key: at.clone(), edge, evidence }];
                further.extend(hops.iter().cloned());
                queue.push_back((next, further, weight * factor));
            }
        }
    }
    if out.is_empty() {
        out = owners(investigation, key);
    }
    rank_symptoms(&mut out);
    out
}

/// Returns what a resource's health rests on, with how much of it.
fn dependencies(
    investigation: &Investigation<'_>,
    key: &ResourceKey,
) -> Vec<(ResourceKey, String, String, f64)> {
    let mut out = Vec::new();
    let there = |k: &ResourceKey| investigation.history.now(k).is_some();
    let mut put =
        |k: &ResourceKey, r: Relation, e: String, f: f64| out.push((k.clone(), r.word().to_owned(), e, f));
    for e in investigation.graph.ever_to(key) {
        match e.relation {
            Relation::OwnedBy if there(e.from) => put(e.from, e.relation, e.evidence.to_string(), 1.0),
            Relation::ManagedBy if is_engine(key) && there(e.from) => {
                put(e.from, e.relation, e.evidence.to_string(), 0.97)
            }
            _ => {}
        }
    }
    for e in investigation.graph.ever_from(key) {
        match e.relation {
            Relation::Selects if &*key.kind == "Service" && there(e.to) => {
                put(e.to, e.relation, e.evidence.to_string(), 0.97)
            }
            Relation::Routes if &*key.kind != "StatefulSet" => {
                put(e.to, e.relation, e.evidence.to_string(), 0.97)
            }
            Relation::Writes if is_engine(key) => put(e.to, e.relation, e.evidence.to_string(), 0.97),
            Relation::Scales => put(e.to, e.relation, e.evidence.to_string(), 0.9),
            Relation::SourcedFrom | Relation::DependsOn if is_engine(key) => {
                put(e.to, e.relation, e.evidence.to_string(), 0.97)
            }
            Relation::Uses if &*e.to.kind == "PersistentVolumeClaim" => {
                put(e.to, e.relation, e.evidence.to_string(), 0.97)
            }
            Relation::Uses if &*key.group == "cert-manager.io" => {
                put(e.to, e.relation, e.evidence.to_string(), 0.95)
            }
            _ => {}
        }
    }
    out
}

/// A resource that shows no fault may be held back by the one that should bring it forward.
fn owners(investigation: &Investigation<'_>, key: &ResourceKey) -> Vec<Symptom> {
    let mut out = Vec::new();
    for e in investigation.graph.ever_from(key) {
        if matches!(e.relation, Relation::OwnedBy | Relation::ManagedBy) {
            for fault in faults_of(&investigation.history, e.to) {
                let hops = vec![Hop {
                    key: key.clone(),
                    edge: e.relation.word().into(),
                    evidence: e.evidence.to_string(),
                }];
                out.push(Symptom { fault, hops, weight: 0.9 });
            }
        }
    }
    out
}

/// Puts the faults that say most first, and leaves out what only repeats that something is wrong.
fn rank_symptoms(all: &mut Vec<Symptom>) {
    let is_vague = |k: FaultKind| matches!(k, FaultKind::Unavailable | FaultKind::JobFailed);
    if all.iter().any(|s| !is_vague(s.fault.kind)) {
        // A deployment is unavailable because of its pods; they say why.
        all.retain(|s| !is_vague(s.fault.kind) || s.hops.is_empty());
        for s in all.iter_mut().filter(|s| is_vague(s.fault.kind)) {
            s.weight *= 0.6;
        }
    }
    // A reconcile that waits for what it applied is no fault of its own while that has one.
    if all
        .iter()
        .any(|s| !matches!(s.fault.kind, FaultKind::SyncFailed | FaultKind::Stuck | FaultKind::Unavailable))
    {
        for s in all.iter_mut().filter(|s| s.fault.kind == FaultKind::SyncFailed) {
            s.weight *= 0.85;
        }
    }
    all.sort_by(|a, b| {
        (is_vague(a.fault.kind), a.hops.len(), a.fault.onset.at, a.fault.kind, &a.fault.on).cmp(&(
            is_vague(b.fault.kind),
            b.hops.len(),
            b.fault.onset.at,
            b.fault.kind,
            &b.fault.on,
        ))
    });
    all.truncate(40);
}
