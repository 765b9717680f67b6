//! From a resource to the faults that make it unhealthy: its own, and those of what its health depends on.
//!
//! For example a Deployment is unavailable because its pods cannot pull an image: the symptom is the fault of the pod, and
//! its hops lead over the ReplicaSet up to the Deployment.

use std::collections::BTreeSet;

use crate::graph::{Edge, Relation};
use crate::key::ResourceKey;

use super::hop::Hop;
use super::investigation::Investigation;
use super::lineage::is_engine;
use crate::fault::{Fault, FaultKind};

/// A fault, with the path from it to the resource in question.
#[derive(Clone, Debug)]
pub struct Symptom {
    /// The fault.
    pub fault: Fault,
    /// From the faulty resource up to the one in question, without the faulty one; empty if it is the same.
    pub hops: Vec<Hop>,
    /// How much of the symptom it is: a fault that only may be a part of it counts less.
    pub weight: f64,
}

/// Most dependencies of a resource that are searched for faults.
const MAX_LOOKED_AT: usize = 500;

/// Finds the faults of a resource and of its dependencies, those that explain most first.
pub fn symptoms(investigation: &Investigation<'_>, key: &ResourceKey) -> Vec<Symptom> {
    let mut out: Vec<Symptom> = Vec::new();
    let mut seen = BTreeSet::from([key.clone()]);
    let mut queue = std::collections::VecDeque::from([(key.clone(), Vec::<Hop>::new(), 1.0_f64)]);
    while let Some((at, hops, weight)) = queue.pop_front() {
        for fault in investigation.faults_of(&at) {
            out.push(Symptom { fault, hops: hops.clone(), weight });
        }
        if seen.len() > MAX_LOOKED_AT {
            continue;
        }
        for dependency in dependencies(investigation, &at) {
            if seen.insert(dependency.key.clone()) {
                let mut further = vec![dependency.hop];
                further.extend(hops.iter().cloned());
                queue.push_back((dependency.key, further, weight * dependency.factor));
            }
        }
    }
    if out.is_empty() {
        out = owners(investigation, key);
    }
    rank_symptoms(&mut out);
    out
}

/// A resource on whose health that of another depends.
pub(super) struct HealthDependency {
    pub(super) key: ResourceKey,
    /// The step back to the one that depends on it.
    hop: Hop,
    /// 1 where its fault is one of the other, as of a pod for its workload; less where it may be only a part of that.
    factor: f64,
}

/// Returns the resources on whose health that of a resource depends.
///
/// For example that of a Deployment depends on its ReplicaSets, that of a Service on the pods that it selects, and that of a
/// Kustomization on what it applied.
pub(super) fn dependencies(investigation: &Investigation<'_>, key: &ResourceKey) -> Vec<HealthDependency> {
    let mut out = Vec::new();
    let exists = |k: &ResourceKey| investigation.history.now(k).is_some();
    let mut put = |to: &ResourceKey, edge: &Edge<'_>, factor: f64| {
        out.push(HealthDependency { key: to.clone(), hop: Hop::from_edge(edge, key), factor });
    };
    for e in investigation.graph.ever_to(key) {
        match e.relation {
            Relation::OwnedBy if exists(e.from) => put(e.from, &e, 1.0),
            Relation::ManagedBy if is_engine(key) && exists(e.from) => put(e.from, &e, 0.97),
            _ => {}
        }
    }
    for e in investigation.graph.ever_from(key) {
        match e.relation {
            Relation::Selects if &*key.kind == "Service" && exists(e.to) => put(e.to, &e, 0.97),
            Relation::Routes if &*key.kind != "StatefulSet" => put(e.to, &e, 0.97),
            Relation::Writes if is_engine(key) => put(e.to, &e, 0.97),
            Relation::Scales => put(e.to, &e, 0.9),
            Relation::SourcedFrom | Relation::DependsOn if is_engine(key) => put(e.to, &e, 0.97),
            Relation::Uses if &*e.to.kind == "PersistentVolumeClaim" => put(e.to, &e, 0.97),
            Relation::Uses if &*key.group == "cert-manager.io" => put(e.to, &e, 0.95),
            _ => {}
        }
    }
    out
}

/// Returns the faults of the owners of a resource that shows none itself: one that fails does not reconcile it.
fn owners(investigation: &Investigation<'_>, key: &ResourceKey) -> Vec<Symptom> {
    let mut out = Vec::new();
    for e in investigation.graph.ever_from(key) {
        if matches!(e.relation, Relation::OwnedBy | Relation::ManagedBy) {
            for fault in investigation.faults_of(e.to) {
                let hops = vec![Hop::from_edge(&e, key)];
                out.push(Symptom { fault, hops, weight: 0.9 });
            }
        }
    }
    out
}

/// Sorts faults by how much they explain, and leaves out those that only repeat that something is wrong.
///
/// For example `Unavailable` of a Deployment goes after, and counts less than, `ImagePull` of its pod.
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
