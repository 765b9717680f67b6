//! Where to look: which changes are candidates for a fault.

use std::collections::BTreeSet;

use crate::fault::{Fault, FaultKind};
use crate::k8s::pod::template_labels;
use crate::k8s::selector::Selector;
use crate::key::ResourceKey;

use super::candidate::Candidate;
use super::hop::Hop;
use super::investigation::Investigation;
use super::lineage::{owners_of, pods_of};
use super::mention::blames_outside;
use super::reach::{PeerService, ReachedResource, backends_of, peers, reach};
use super::role::CandidateRole;
use super::score::assess;
use super::verdict::{Counterfactual, CounterfactualVerdict};
use super::weights::BLAMES_PEER;

/// How deep faults of peers are followed.
const MAX_DEPTH: usize = 3;

/// Finds and scores all candidates for a fault.
pub(super) fn candidates(
    investigation: &Investigation<'_>,
    fault: &Fault,
    depth: usize,
    seen: &mut BTreeSet<ResourceKey>,
) -> Vec<Candidate> {
    let mut out = Vec::new();
    for reached in reach(investigation, fault) {
        add_changes(investigation, fault, &reached, &[], &mut out);
    }
    if matches!(fault.kind, FaultKind::NoEndpoints | FaultKind::PortMismatch) {
        let service = ReachedResource::start(&fault.on);
        let mut all = backends_of(investigation, &service);
        all.extend(possible_backends(investigation, fault, &service));
        for reached in all {
            add_changes(investigation, fault, &reached, &[], &mut out);
        }
    }
    if depth < MAX_DEPTH {
        broken_controllers(investigation, fault, depth, seen, &mut out);
    }
    if fault.kind.may_come_from_elsewhere() && depth < MAX_DEPTH {
        let peers = peers(investigation, fault);
        if peers.iter().any(|p| p.is_named) {
            // The text blames somebody else: a change of its own counts less, unless the text names that too.
            for c in out.iter_mut().filter(|c| is_own_fault(c)) {
                c.score *= BLAMES_PEER;
                c.notes.push("the fault's own text blames something else".into());
            }
        } else if blames_outside(&fault.message) {
            for c in out.iter_mut().filter(|c| is_own_fault(c)) {
                c.score *= BLAMES_PEER;
                c.notes.push("the fault's own text blames something outside of the cluster".into());
            }
        }
        for peer in peers {
            peer_candidates(investigation, fault, &peer, depth, seen, &mut out);
        }
    }
    out
}

/// Returns `true` if only its nearness speaks for a candidate.
fn is_own_fault(c: &Candidate) -> bool {
    c.parts.mentioned < 0.7
        && c.role != CandidateRole::Policy
        && c.counterfactual.verdict != CounterfactualVerdict::Holds
}

/// What a controller that is itself broken should have brought forward waits for it.
fn broken_controllers(
    investigation: &Investigation<'_>,
    fault: &Fault,
    depth: usize,
    seen: &mut BTreeSet<ResourceKey>,
    out: &mut Vec<Candidate>,
) {
    let controllers = reach(investigation, fault)
        .into_iter()
        .filter(|r| r.role == CandidateRole::Controller && &*r.key.group == "apps");
    for reached in controllers {
        for pod in pods_of(investigation, &reached.key) {
            if investigation.history.now(&pod).is_none() || !seen.insert(pod.clone()) {
                continue;
            }
            for inner in investigation.faults_of(&pod).iter().filter(|f| f.onset.is_before(&fault.onset)) {
                for mut c in candidates(investigation, inner, depth + 1, seen) {
                    c.score *= 0.97;
                    let mut hops = reached.hops.clone();
                    hops.push(Hop {
                        key: pod.clone(),
                        edge: "makes".into(),
                        evidence: "owner reference".into(),
                    });
                    hops.append(&mut c.hops);
                    c.hops = hops;
                    out.push(c);
                }
            }
        }
    }
}

/// Workloads whose pods a Service would select, seen or not.
fn possible_backends(
    investigation: &Investigation<'_>,
    fault: &Fault,
    service: &ReachedResource,
) -> Vec<ReachedResource> {
    let selectors: Vec<_> = investigation
        .history
        .distinct_specs(&fault.on)
        .filter_map(|o| o.root().at(&["spec", "selector"]).and_then(Selector::read))
        .filter(|s| !s.is_empty())
        .collect();
    let is_workload = |group: &str, kind: &str| group == "apps" && kind != "ReplicaSet";
    let keys = investigation.history.of_kinds(is_workload, Some(&fault.on.namespace));
    let fits = |k: &&ResourceKey| {
        investigation
            .history
            .distinct_specs(k)
            .any(|o| selectors.iter().any(|s| s.matches(template_labels(o))))
    };
    let one = |k: &ResourceKey| ReachedResource {
        key: k.clone(),
        role: CandidateRole::PeerBackend,
        cost: service.cost + 0.5,
        hops: vec![Hop {
            key: k.clone(),
            edge: "selects pods of".into(),
            evidence: "labels of its template".into(),
        }],
    };
    keys.filter(fits).map(one).collect()
}

fn add_changes(
    investigation: &Investigation<'_>,
    fault: &Fault,
    reached: &ReachedResource,
    ports: &[u16],
    out: &mut Vec<Candidate>,
) {
    for change in investigation.changes_of(&reached.key).iter() {
        if change.mark.is_before(&fault.onset) || change.mark == fault.onset {
            out.extend(assess(investigation, fault, reached, change, ports));
        }
    }
}

/// Adds candidates for a fault that may come from a Service that the faulty one talks to, or from its backends.
fn peer_candidates(
    investigation: &Investigation<'_>,
    fault: &Fault,
    peer: &PeerService,
    depth: usize,
    seen: &mut BTreeSet<ResourceKey>,
    out: &mut Vec<Candidate>,
) {
    let from = out.len();
    add_changes(investigation, fault, &peer.reached, &peer.ports, out);
    let all = backends_of(investigation, &peer.reached);
    // What shuts traffic out leaves no mark on the peer; the rest counts where the text names the peer.
    for reached in all.iter().filter(|r| peer.is_named || is_policy(&r.key)) {
        add_changes(investigation, fault, reached, &peer.ports, out);
    }
    out[from..].iter_mut().for_each(|c| c.score *= discount(peer, &c.counterfactual));
    if !seen.insert(peer.reached.key.clone()) {
        return;
    }
    for reached in all.iter().filter(|r| &*r.key.kind == "Pod") {
        if !peer.is_named && investigation.history.now(&reached.key).is_none() {
            continue;
        }
        for inner in investigation.faults_of(&reached.key) {
            // A backend that is the cause failed first, or at the same time as far as probes can show.
            if inner.onset.at.time.duration_since(fault.onset.at.time).as_secs_f64() > 3.0 {
                continue;
            }
            for mut c in candidates(investigation, &inner, depth + 1, seen) {
                c.score *= discount(peer, &c.counterfactual).min(0.97);
                let mut hops = hops_over_workload(investigation, reached);
                hops.append(&mut c.hops);
                c.hops = hops;
                out.push(c);
            }
        }
    }
    peer_without_endpoints(investigation, fault, peer, out);
}

/// What is left of a score where only configuration says that the faulty one talks to a peer: most of it, if the proof holds.
fn discount(peer: &PeerService, check: &Counterfactual) -> f64 {
    match (peer.is_named, check.verdict) {
        (true, _) => 1.0,
        (false, CounterfactualVerdict::Holds) => 0.95,
        (false, _) => 0.8,
    }
}

fn is_policy(key: &ResourceKey) -> bool {
    matches!(
        &*key.group,
        "networking.k8s.io"
            | "cilium.io"
            | "crd.projectcalico.org"
            | "security.istio.io"
            | "policy.linkerd.io"
    )
}

/// Returns the path to a pod of a peer, over the workload that owns it.
fn hops_over_workload(investigation: &Investigation<'_>, pod: &ReachedResource) -> Vec<Hop> {
    let mut hops = pod.hops.clone();
    if let Some(top) = owners_of(investigation, &pod.key).pop() {
        let step =
            Hop { key: top, edge: "selects pods of".into(), evidence: "labels of its template".into() };
        hops.insert(hops.len().saturating_sub(1), step);
    }
    hops
}

/// A Service without endpoints is a fault of its own.
fn peer_without_endpoints(
    investigation: &Investigation<'_>,
    fault: &Fault,
    peer: &PeerService,
    out: &mut Vec<Candidate>,
) {
    for inner in investigation.faults_of(&peer.reached.key) {
        if inner.onset.at.time.duration_since(fault.onset.at.time).as_secs_f64() > 3.0 {
            continue;
        }
        let service = ReachedResource::start(&inner.on);
        let mut all = vec![service.clone()];
        all.extend(backends_of(investigation, &service));
        all.extend(possible_backends(investigation, &inner, &service));
        for reached in all {
            let mut found = Vec::new();
            add_changes(investigation, &inner, &reached, &peer.ports, &mut found);
            for mut c in found {
                c.score *= discount(peer, &c.counterfactual).min(0.97);
                let mut hops = peer.reached.hops.clone();
                hops.append(&mut c.hops);
                c.hops = hops;
                out.push(c);
            }
        }
    }
}
