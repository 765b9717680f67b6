//! Candidates for a fault, and their scores.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::k8s::managers::{is_engine, is_platform};
use crate::k8s::pod::pod_spec;
use crate::key::ResourceKey;
use crate::path::{FieldPath, PathElement};

use super::Investigation;
use super::class::{ChangeKind, classes_of};
use super::counterfactual::{Counterfactual, CounterfactualVerdict, Refusals, prove};
use super::effects::{self, CandidateRole};
use super::reach::{Hop, PeerService, Reached, behind, blames_outside, names, peers, reach};
use super::relevance::{cleared, effect};
use crate::fault::{Fault, FaultKind, faults_of};
use crate::history::{Change, ResourceOp};

/// A change that may have caused a fault, with its score.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The change.
    pub change: Arc<Change>,
    /// The class that decides.
    pub class: ChangeKind,
    /// Where it stands.
    pub place: CandidateRole,
    /// The way from the faulty resource to the changed one.
    pub way: Vec<Hop>,
    /// The parts of the score, in order of [`super::Weights::NAMES`].
    pub parts: [f64; 7],
    /// The score, 0 to 1.
    pub score: f64,
    /// The counterfactual check.
    pub proof: Counterfactual,
    /// What lowers the score besides, for people.
    pub notes: Vec<String>,
    /// Index of the fault in the list of faults.
    pub fault: usize,
}

/// How deep faults of peers are followed.
const MAX_DEPTH: usize = 3;

/// Finds and scores all candidates for a fault.
pub(super) fn candidates(
    case: &Investigation<'_>,
    fault: &Fault,
    depth: usize,
    seen: &mut BTreeSet<ResourceKey>,
) -> Vec<Candidate> {
    let mut out = Vec::new();
    for reached in reach(case, fault) {
        all_changes(case, fault, &reached, &[], &mut out);
    }
    if matches!(fault.kind, FaultKind::NoEndpoints | FaultKind::PortMismatch) {
        let service =
            Reached { key: fault.on.clone(), place: CandidateRole::SelfOrOwner, cost: 0.0, way: Vec::new() };
        let mut all = behind(case, &service);
        all.extend(would_back(case, fault, &service));
        for reached in all {
            all_changes(case, fault, &reached, &[], &mut out);
        }
    }
    if depth < MAX_DEPTH {
        broken_controllers(case, fault, depth, seen, &mut out);
    }
    if fault.kind.may_come_from_elsewhere() && depth < MAX_DEPTH {
        let peers = peers(case, fault);
        if peers.iter().any(|p| p.is_named) {
            // The text blames somebody else: a change of its own counts less, unless the text names that too.
            for c in out.iter_mut().filter(|c| is_own_fault(c)) {
                c.score *= effects::BLAMES_PEER;
                c.notes.push("the fault's own text blames something else".into());
            }
        } else if blames_outside(&fault.message) {
            for c in out.iter_mut().filter(|c| is_own_fault(c)) {
                c.score *= effects::BLAMES_PEER;
                c.notes.push("the fault's own text blames something outside of the cluster".into());
            }
        }
        for peer in peers {
            elsewhere(case, fault, &peer, depth, seen, &mut out);
        }
    }
    out
}

/// Tells whether a candidate says that the faulty one is to blame itself, with nothing but its nearness for it.
fn is_own_fault(c: &Candidate) -> bool {
    c.parts[2] < 0.7 && c.place != CandidateRole::Policy && c.proof.verdict != CounterfactualVerdict::Holds
}

/// What a controller that is itself broken should have brought forward waits for it.
fn broken_controllers(
    case: &Investigation<'_>,
    fault: &Fault,
    depth: usize,
    seen: &mut BTreeSet<ResourceKey>,
    out: &mut Vec<Candidate>,
) {
    let controllers = reach(case, fault)
        .into_iter()
        .filter(|r| r.place == CandidateRole::Controller && &*r.key.group == "apps");
    for reached in controllers {
        for pod in super::relevance::pods_of(case, &reached.key) {
            if case.history.now(&pod).is_none() || !seen.insert(pod.clone()) {
                continue;
            }
            for inner in faults_of(&case.history, &pod).iter().filter(|f| f.onset.is_before(&fault.onset)) {
                for mut c in candidates(case, inner, depth + 1, seen) {
                    c.score *= 0.97;
                    let mut way = reached.way.clone();
                    way.push(Hop {
                        key: pod.clone(),
                        edge: "makes".into(),
                        evidence: "owner reference".into(),
                    });
                    way.append(&mut c.way);
                    c.way = way;
                    out.push(c);
                }
            }
        }
    }
}

/// Workloads whose pods a Service would select, seen or not.
fn would_back(case: &Investigation<'_>, fault: &Fault, service: &Reached) -> Vec<Reached> {
    use crate::k8s::pod::template_labels;
    use crate::k8s::selector::Selector;
    let selectors: Vec<_> = case
        .history
        .wishes(&fault.on)
        .filter_map(|o| o.root().at(&["spec", "selector"]).and_then(Selector::read))
        .filter(|s| !s.is_empty())
        .collect();
    let is_workload = |group: &str, kind: &str| group == "apps" && kind != "ReplicaSet";
    let keys = case.history.of_kinds(is_workload, Some(&fault.on.namespace));
    let fits = |k: &&ResourceKey| {
        case.history.wishes(k).any(|o| selectors.iter().any(|s| s.matches(template_labels(o))))
    };
    let one = |k: &ResourceKey| Reached {
        key: k.clone(),
        place: CandidateRole::PeerBackend,
        cost: service.cost + 0.5,
        way: vec![Hop {
            key: k.clone(),
            edge: "selects pods of".into(),
            evidence: "labels of its template".into(),
        }],
    };
    keys.filter(fits).map(one).collect()
}

fn all_changes(
    case: &Investigation<'_>,
    fault: &Fault,
    reached: &Reached,
    ports: &[u16],
    out: &mut Vec<Candidate>,
) {
    for change in case.changes_of(&reached.key).iter() {
        if change.mark.is_before(&fault.onset) || change.mark == fault.onset {
            out.extend(judge(case, fault, reached, change, ports));
        }
    }
}

/// Follows a fault to a Service that the faulty one talks to, and to what stands behind it.
fn elsewhere(
    case: &Investigation<'_>,
    fault: &Fault,
    peer: &PeerService,
    depth: usize,
    seen: &mut BTreeSet<ResourceKey>,
    out: &mut Vec<Candidate>,
) {
    let from = out.len();
    all_changes(case, fault, &peer.reached, &peer.ports, out);
    let all = behind(case, &peer.reached);
    // What shuts traffic out leaves no mark on the peer; the rest counts where the text names the peer.
    for reached in all.iter().filter(|r| peer.is_named || is_policy(&r.key)) {
        all_changes(case, fault, reached, &peer.ports, out);
    }
    out[from..].iter_mut().for_each(|c| c.score *= discount(peer, &c.proof));
    if !seen.insert(peer.reached.key.clone()) {
        return;
    }
    for reached in all.iter().filter(|r| &*r.key.kind == "Pod") {
        if !peer.is_named && case.history.now(&reached.key).is_none() {
            continue;
        }
        for inner in faults_of(&case.history, &reached.key) {
            // What stands behind failed first, or at the same time as far as probes can tell.
            if inner.onset.at.time.duration_since(fault.onset.at.time).as_secs_f64() > 3.0 {
                continue;
            }
            for mut c in candidates(case, &inner, depth + 1, seen) {
                c.score *= discount(peer, &c.proof).min(0.97);
                let mut way = over_workload(case, reached);
                way.append(&mut c.way);
                c.way = way;
                out.push(c);
            }
        }
    }
    service_down(case, fault, peer, out);
}

/// What is left of a score where only configuration says that the faulty one talks to a peer: most of it, if the proof holds.
fn discount(peer: &PeerService, proof: &Counterfactual) -> f64 {
    match (peer.is_named, proof.verdict) {
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

/// Writes the way to a pod over the workload that makes it.
fn over_workload(case: &Investigation<'_>, pod: &Reached) -> Vec<Hop> {
    let mut way = pod.way.clone();
    if let Some(top) = case.owners_of(&pod.key).pop() {
        let step =
            Hop { key: top, edge: "selects pods of".into(), evidence: "labels of its template".into() };
        way.insert(way.len().saturating_sub(1), step);
    }
    way
}

/// A Service without endpoints is a fault of its own.
fn service_down(case: &Investigation<'_>, fault: &Fault, peer: &PeerService, out: &mut Vec<Candidate>) {
    for inner in faults_of(&case.history, &peer.reached.key) {
        if inner.onset.at.time.duration_since(fault.onset.at.time).as_secs_f64() > 3.0 {
            continue;
        }
        let service =
            Reached { key: inner.on.clone(), place: CandidateRole::SelfOrOwner, cost: 0.0, way: Vec::new() };
        let mut all = vec![service.clone()];
        all.extend(behind(case, &service));
        all.extend(would_back(case, &inner, &service));
        for reached in all {
            let mut found = Vec::new();
            all_changes(case, &inner, &reached, &peer.ports, &mut found);
            for mut c in found {
                c.score *= discount(peer, &c.proof).min(0.97);
                let mut way = peer.reached.way.clone();
                way.append(&mut c.way);
                c.way = way;
                out.push(c);
            }
        }
    }
}

/// Scores one change against one fault; `None` when no way leads from one to the other.
fn judge(
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
        score *= effects::REFUTED;
        notes.push(format!("counterfactual fails: {}", proof.text));
    }
    // That undoing it would help, and that pods with it were scheduled before, are both true when a node changed meanwhile.
    let may_clear = proof.verdict != CounterfactualVerdict::Holds
        || (fault.kind == FaultKind::Unschedulable && reached.place == CandidateRole::SelfOrOwner);
    if may_clear && let Some(note) = cleared(case, fault, reached, change, class) {
        score *= effects::CLEARED;
        notes.push(note);
    }
    if case.gap_between(&change.mark, &fault.onset, &change.key) {
        score *= effects::ACROSS_GAP;
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

/// Tells whether a controller made the change on the way from another one: a link, and no root.
pub(super) fn is_derived(case: &Investigation<'_>, change: &Change) -> bool {
    let Some(object) = change.object() else { return false };
    let owners = object
        .root()
        .at(&["metadata", "ownerReferences"])
        .into_iter()
        .flat_map(crate::object::Node::children);
    let controlled = owners.into_iter().any(|o| {
        o.get("controller").and_then(crate::object::Node::as_bool) == Some(true)
            && matches!(
                o.str_at(&["kind"]),
                Some("ReplicaSet" | "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" | "Node")
            )
    });
    let platform = change.manager.as_deref().is_some_and(is_platform);
    let told = matches!(
        (&*change.key.group, &*change.key.kind),
        ("discovery.k8s.io", _) | ("", "Endpoints" | "Event") | ("apps", "ControllerRevision")
    );
    let _ = case;
    // Claims that a set or a generic volume asked for by a template.
    let from_template = platform
        && change.op == ResourceOp::Create
        && (&*change.key.group, &*change.key.kind) == ("", "PersistentVolumeClaim");
    told || from_template || (controlled && (platform || change.op != ResourceOp::Update || &*change.key.kind == "Pod" || change.manager.is_none()))
        || (&*change.key.kind == "ReplicaSet" && controlled)
        // Taints and the like that the node controller derives from what nodes report.
        || (platform && &*change.key.kind == "Node" && !change.fields.iter().any(|f| f.path.starts_with_fields(&["status"])))
}

/// Collects the scalars of a value as texts.
pub(super) fn leaves(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(s) => out.push(s.clone()),
        Value::Number(n) => out.push(n.to_string()),
        Value::Bool(b) => out.push(b.to_string()),
        Value::Array(a) => a.iter().for_each(|v| leaves(v, out)),
        Value::Object(o) => o.values().for_each(|v| leaves(v, out)),
        Value::Null => {}
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let breaks = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
    text.split(breaks).map(|w| w.trim_matches(['.', '/', '-'])).filter(|w| w.len() >= 3)
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

/// Returns the path of a template field relative to the pod spec of its object.
pub(super) fn in_pod_spec(change: &Change, path: &FieldPath) -> Option<FieldPath> {
    let (at, _) = pod_spec(change.object()?)?;
    path.starts_with(&at).then(|| path.elements()[at.len()..].to_vec().into())
}
