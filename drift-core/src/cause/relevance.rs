//! Did a change reach what fails: was it in force, was it read, did others run well with it?

use crate::diff::FieldChange;
use crate::k8s::pod::pod_spec;
use crate::k8s::status::is_pod_ready;
use crate::key::ResourceKey;
use crate::object::{Node, Object};
use crate::path::PathElement;

use super::Investigation;
use super::class::ChangeKind;
use super::counterfactual::{keeps_apart, uses_of};
use super::effects::{self, CandidateRole};
use super::rank::in_pod_spec;
use super::reach::{Reached, injected};
use crate::fault::{Fault, FaultKind};
use crate::history::Moment;
use crate::history::{Change, ResourceOp};

/// How much of a change's effect reached the faulty resource: 0 for none.
pub(super) fn effect(
    case: &Investigation<'_>,
    fault: &Fault,
    reached: &Reached,
    change: &Change,
    class: ChangeKind,
    field: Option<&FieldChange>,
) -> f64 {
    if change.op == ResourceOp::Create
        && matches!(
            reached.place,
            CandidateRole::Dependency | CandidateRole::Peer | CandidateRole::PeerBackend
        )
        && !breaks_by_being_there(class)
    {
        return if fault.kind == FaultKind::ClaimPending || class == ChangeKind::Claim { 1.0 } else { 0.3 };
    }
    if change.op == ResourceOp::Delete
        && matches!(reached.place, CandidateRole::Policy)
        && !helps_by_being_there(class)
    {
        return 0.0;
    }
    if (class == ChangeKind::Revision && waits(fault)) || is_undone(case, fault, change, field) {
        return 0.0;
    }
    match (reached.place, class) {
        (
            CandidateRole::Dependency | CandidateRole::PeerBackend,
            ChangeKind::ConfigData | ChangeKind::SecretData,
        ) => config(case, fault, reached, change, field),
        // That there is room for more pods is nobody's promise; that pods may not share a node is known before.
        (CandidateRole::SelfOrOwner, ChangeKind::Replicas)
            if fault.kind == FaultKind::Unschedulable && !keeps_apart(case, fault, change) =>
        {
            0.5
        }
        (
            CandidateRole::SelfOrOwner,
            ChangeKind::Replicas | ChangeKind::ScaledToZero | ChangeKind::Rollout,
        ) => 1.0,
        (CandidateRole::SelfOrOwner, _) => {
            own(case, fault, change, class, field) * concerns(case, fault, field)
        }
        (CandidateRole::Competitor, _) if fault.kind == FaultKind::Preempted => {
            preemptor(case, fault, change)
        }
        (CandidateRole::Competitor, _) => rival(change, field),
        // Rules that decide about everything are blamed where the text names them.
        (
            CandidateRole::Policy,
            ChangeKind::Quota
            | ChangeKind::WebhookConfig
            | ChangeKind::AdmissionPolicy
            | ChangeKind::LimitRangeSpec,
        ) if matches!(fault.kind, FaultKind::Stuck | FaultKind::SyncFailed | FaultKind::Terminating)
            && !super::reach::names(&fault.message, &change.key.name) =>
        {
            0.4
        }
        _ => 1.0,
    }
}

/// Tells whether a change was taken back before the fault: the field had its old value again, what came was gone, what went
/// was back. Templates are left out, since their pods tell what they were made of.
fn is_undone(case: &Investigation<'_>, fault: &Fault, change: &Change, field: Option<&FieldChange>) -> bool {
    let now = case.history.at(&change.key, &fault.onset);
    match (change.op, field) {
        (ResourceOp::Create, _) => now.is_none() && change.key != fault.on,
        (ResourceOp::Delete, _) => false,
        (ResourceOp::Update, Some(field)) if in_pod_spec(change, &field.path).is_none() => {
            value_at(now, field) == field.before && field.before != field.after
        }
        _ => false,
    }
}

fn value_at(object: Option<&std::sync::Arc<Object>>, field: &FieldChange) -> Option<serde_json::Value> {
    object?.root().at_path(&field.path).map(Node::to_value)
}

/// Tells whether a container started with a value that configuration had before, and with which readers were ready.
///
/// The value that it was changed to and back counts for nothing, nor does the change back.
fn is_as_before(case: &Investigation<'_>, change: &Change, field: &FieldChange, at: &Moment) -> bool {
    let read = value_at(case.history.at(&change.key, at), field);
    if read == field.before && read != field.after {
        return true;
    }
    if read != field.after {
        return false;
    }
    let versions = case.history.versions(&change.key);
    let earlier = versions.iter().filter(|v| v.is_before(&change.mark));
    let mut same =
        earlier.filter(|v| v.object.is_some() && value_at(v.object.as_ref(), field) == field.after);
    let Some(then) = same.next() else { return false };
    let readers = case.graph.ever_to(&change.key).into_iter().map(|e| e.from).filter(|k| &*k.kind == "Pod");
    let was_ready = |k: &ResourceKey| {
        let mut versions = case.history.versions(k).iter().filter(|v| v.is_before(&change.mark));
        versions.any(|v| v.object.as_ref().is_some_and(|o| is_pod_ready(o.root())))
    };
    let until = versions.iter().find(|v| then.is_before(&v.mark()));
    until.is_some() && readers.into_iter().any(was_ready)
}

/// Tells whether an engine waits for what it applied: then that says what is wrong, and not what brought it.
fn waits(fault: &Fault) -> bool {
    ["health check", "timeout waiting", "timed out", "not ready", "deadline exceeded"]
        .iter()
        .any(|t| fault.message.contains(t))
}

/// Tells whether an object of a class can break others by coming into being.
fn breaks_by_being_there(class: ChangeKind) -> bool {
    matches!(
        class,
        ChangeKind::NetworkPolicy
            | ChangeKind::MeshPolicy
            | ChangeKind::Quota
            | ChangeKind::LimitRangeSpec
            | ChangeKind::WebhookConfig
            | ChangeKind::AdmissionPolicy
    )
}

/// Tells whether others need an object of a class, so that they break when it goes.
fn helps_by_being_there(class: ChangeKind) -> bool {
    !matches!(
        class,
        ChangeKind::Quota
            | ChangeKind::LimitRangeSpec
            | ChangeKind::WebhookConfig
            | ChangeKind::AdmissionPolicy
            | ChangeKind::DisruptionBudget
    )
}

/// Configuration reaches a container by the keys that it reads, when it starts or as a file.
fn config(
    case: &Investigation<'_>,
    fault: &Fault,
    reached: &Reached,
    change: &Change,
    field: Option<&FieldChange>,
) -> f64 {
    let consumer = reached.way.iter().rev().nth(1).map_or(&fault.on, |s| &s.key);
    let mut uses = uses_of(case, consumer, &change.key);
    if uses.is_empty() {
        uses = uses_of(case, &fault.on, &change.key);
    }
    if uses.is_empty() {
        // Read by something that is no pod: a claim of a custom resource, an image pull secret.
        return if change.op == ResourceOp::Delete { 1.0 } else { 0.9 };
    }
    let Some(field) = field else { return 1.0 };
    let is_data = ["data", "binaryData", "stringData"].iter().any(|f| field.path.starts_with_fields(&[f]));
    if !is_data {
        return 0.0;
    }
    let key = match field.path.elements().get(1) {
        Some(PathElement::Field(name)) => Some(&**name),
        _ => None,
    };
    let reads =
        |u: &&crate::k8s::pod::ConfigUse| u.key.as_deref().is_none_or(|k| key.is_none_or(|key| key == k));
    let read: Vec<_> = uses.iter().filter(reads).collect();
    if read.is_empty() {
        return 0.0;
    }
    // A key that is new among many is one that nothing asked for so far.
    let is_new = field.before.is_none() && field.after.is_some();
    let by_name = read.iter().any(|u| u.key.is_some());
    let asked = if is_new && !by_name { 0.35 } else { 1.0 };
    // A running container keeps the variables that it started with.
    let is_live = read.iter().any(|u| u.is_live);
    let started = match reached.place {
        // Of a peer its own start counts, and of its workload that of its newest pod.
        CandidateRole::PeerBackend => newest_start(case, consumer),
        _ => fault.started.clone(),
    };
    let came_late = started.as_ref().is_some_and(|s| s.is_before(&change.mark));
    // What the container read is what it had read before, and ran with.
    let read_at =
        started.as_ref().filter(|_| !came_late && !is_live && reached.place == CandidateRole::Dependency);
    if is_as_before(case, change, field, read_at.unwrap_or(&fault.onset)) {
        return 0.0;
    }
    let late = if came_late && !is_live { 0.3 } else { 1.0 };
    asked * late
}

/// Returns when a pod, or the newest pod of a workload, was first seen.
fn newest_start(case: &Investigation<'_>, key: &ResourceKey) -> Option<Moment> {
    let pods = if &*key.kind == "Pod" { vec![key.clone()] } else { pods_of(case, key) };
    let starts = pods.iter().filter_map(|p| case.history.versions(p).first()).map(|v| v.mark());
    starts.max_by_key(|m| m.at)
}

/// A change of one container hardly breaks another one, and none of a template what admission put into the pod.
fn concerns(case: &Investigation<'_>, fault: &Fault, field: Option<&FieldChange>) -> f64 {
    if fault.containers.is_empty() {
        return 1.0;
    }
    let foreign = injected(case, &fault.on);
    if fault.containers.iter().all(|c| foreign.contains(c)) {
        return 0.45;
    }
    let of_container = field.and_then(|f| {
        let mut elements = f.path.elements().iter();
        elements.find(|e| matches!(e, PathElement::Field(n) if &**n == "containers"))?;
        match elements.next() {
            Some(PathElement::Key(keys)) => {
                keys.iter().find(|(n, _)| &**n == "name").map(|(_, v)| v.to_string())
            }
            _ => None,
        }
    });
    match of_container {
        Some(name) if !fault.containers.contains(name.trim_matches('"')) => 0.7,
        _ => 1.0,
    }
}

/// A field of a template reaches a pod when the pod has the value.
fn own(
    case: &Investigation<'_>,
    fault: &Fault,
    change: &Change,
    class: ChangeKind,
    field: Option<&FieldChange>,
) -> f64 {
    let Some(field) = field else {
        // Made just so: everything about it is new, and nothing of it ever ran.
        return if change.op == ResourceOp::Delete
            && !matches!(fault.kind, FaultKind::NoEndpoints | FaultKind::Gone)
        {
            0.0
        } else {
            1.0
        };
    };
    if class == ChangeKind::Claim || class == ChangeKind::Custom || class == ChangeKind::Engine {
        return 1.0;
    }
    let Some(relative) = in_pod_spec(change, &field.path) else { return 1.0 };
    let made = maker(case, fault, &change.key);
    let Some(object) = made.as_ref().and_then(|k| case.history.last(k)) else { return 1.0 };
    let Some((_, spec)) = pod_spec(object) else { return 1.0 };
    let have = spec.at_path(&relative).map(Node::to_value);
    match (&field.after, have) {
        (None, None) => 1.0,
        (Some(after), Some(have)) if *after == have || same_or_defaulted(after, &have) => 1.0,
        // Defaults fill in what was taken away.
        (None, Some(have)) if field.before.as_ref() != Some(&have) => 0.8,
        _ => 0.0,
    }
}

/// Tells whether a value is another one with more filled in.
fn same_or_defaulted(want: &serde_json::Value, have: &serde_json::Value) -> bool {
    use serde_json::Value as V;
    match (want, have) {
        (V::Object(w), V::Object(h)) => {
            w.iter().all(|(k, v)| h.get(k).is_some_and(|x| same_or_defaulted(v, x)))
        }
        (V::Array(w), V::Array(h)) => {
            w.len() == h.len() && w.iter().zip(h).all(|(a, b)| same_or_defaulted(a, b))
        }
        _ => want == have,
    }
}

/// Returns what stands directly under the changed workload on the way to the faulty one: it holds a copy of the template.
fn maker(case: &Investigation<'_>, fault: &Fault, workload: &ResourceKey) -> Option<ResourceKey> {
    let owners = case.owners_of(&fault.on);
    let place = owners.iter().position(|o| o == workload);
    match place {
        Some(0) | None if fault.on == *workload => None,
        Some(0) | None => Some(fault.on.clone()),
        Some(i) => Some(owners[i - 1].clone()),
    }
}

/// Only pods of a higher priority push others out; the Event names theirs by its uid.
fn preemptor(case: &Investigation<'_>, fault: &Fault, change: &Change) -> f64 {
    let class_value = |name: &str| {
        let key = ResourceKey::new("scheduling.k8s.io", "PriorityClass", "", name);
        case.history.last(&key).and_then(|c| c.root().get("value").and_then(Node::as_i64))
    };
    let priority = |o: &Object| {
        let (_, spec) = pod_spec(o)?;
        let set = spec.get("priority").and_then(Node::as_i64);
        set.or_else(|| spec.str_at(&["priorityClassName"]).map(|n| class_value(n).unwrap_or(1)))
    };
    let mine = case.history.last(&fault.on).and_then(|o| priority(o)).unwrap_or(0);
    let theirs = change.after.as_deref().and_then(priority).unwrap_or(0);
    if theirs <= mine {
        return 0.0;
    }
    let named = case.history.of_kind("", "Pod").find(|k| {
        case.history.last(k).and_then(|o| o.uid()).is_some_and(|uid| fault.message.contains(uid.as_str()))
    });
    match named {
        Some(pod) if *pod == change.key || case.owners_of(pod).contains(&change.key) => 1.0,
        Some(_) => 0.3,
        None => 0.8,
    }
}

/// Only growing takes room from others.
fn rival(change: &Change, field: Option<&FieldChange>) -> f64 {
    match (change.op, field) {
        (ResourceOp::Create, _) => 0.8,
        (ResourceOp::Delete, _) => 0.0,
        (_, Some(f)) => {
            let number = |v: &Option<serde_json::Value>| v.as_ref().and_then(serde_json::Value::as_f64);
            match (number(&f.before), number(&f.after)) {
                (Some(b), Some(a)) if a <= b => 0.0,
                _ => 1.0,
            }
        }
        _ => 0.0,
    }
}

/// Finds a container that ran well with the change for long enough to clear it, and says so.
pub(super) fn cleared(
    case: &Investigation<'_>,
    fault: &Fault,
    reached: &Reached,
    change: &Change,
    class: ChangeKind,
) -> Option<String> {
    if !fault.kind.shows_at_start()
        || matches!(reached.place, CandidateRole::Peer | CandidateRole::Policy)
        || change.op == ResourceOp::Delete
    {
        return None;
    }
    let mut witnesses: Vec<ResourceKey> = match class {
        ChangeKind::ConfigData | ChangeKind::SecretData => {
            let readers = case.graph.ever_to(&change.key).into_iter().filter(|e| &*e.from.kind == "Pod");
            readers.map(|e| e.from.clone()).collect()
        }
        _ => pods_of(case, &change.key),
    };
    witnesses.sort();
    witnesses.dedup();
    let time_to_fail =
        fault.started.as_ref().map_or(0.0, |s| fault.onset.at.time.duration_since(s.at.time).as_secs_f64());
    let needed = effects::RAN_WELL_SECONDS.max(2.0 * time_to_fail.min(60.0));
    for pod in witnesses {
        let Some(ran) = ran_well(case, &pod, change, &fault.onset, class) else { continue };
        // What was ready and is not any more, without a new start, did start well.
        let stayed = pod == fault.on && fault.kind == FaultKind::NotReady;
        if ran >= if stayed { effects::STAYED_READY_SECONDS } else { needed } {
            return Some(format!("{} ran well with it for {ran:.0} s", pod));
        }
    }
    None
}

/// Pods that a workload ever made.
pub(super) fn pods_of(case: &Investigation<'_>, workload: &ResourceKey) -> Vec<ResourceKey> {
    let mut out = Vec::new();
    let mut next = vec![workload.clone()];
    let mut depth = 0;
    while let Some(key) = next.pop() {
        depth += 1;
        if depth > 10_000 {
            break;
        }
        for edge in case.graph.ever_to(&key) {
            if edge.relation == crate::graph::Relation::OwnedBy {
                if &*edge.from.kind == "Pod" {
                    out.push(edge.from.clone())
                } else {
                    next.push(edge.from.clone())
                }
            }
        }
    }
    out
}

/// Tells whether a pod of the same workload came up after a change and was ready with it for long enough.
pub(super) fn came_up_since(case: &Investigation<'_>, fault: &Fault, change: &Change) -> bool {
    let workload = case.owners_of(&fault.on).pop().unwrap_or_else(|| fault.on.clone());
    let seconds = |pod: &ResourceKey| ran_well(case, pod, change, &fault.onset, ChangeKind::ConfigData);
    pods_of(case, &workload).iter().filter_map(seconds).any(|s| s >= effects::RAN_WELL_SECONDS)
}

/// Returns for how long a pod that started with a change was ready before a fault, in seconds.
fn ran_well(
    case: &Investigation<'_>,
    pod: &ResourceKey,
    change: &Change,
    onset: &Moment,
    class: ChangeKind,
) -> Option<f64> {
    let versions = case.history.versions(pod);
    let first = versions.first()?;
    // Only a pod that started after the change has it; one that was there at the start of the log has not.
    if first.is_before(&change.mark) || first.object.as_ref().is_some_and(|o| is_pod_ready(o.root())) {
        return None;
    }
    if !matches!(class, ChangeKind::ConfigData | ChangeKind::SecretData) {
        let object = first.object.as_ref()?;
        let (_, spec) = pod_spec(object)?;
        for f in &change.fields {
            let Some(relative) = in_pod_spec(change, &f.path) else { continue };
            let have = spec.at_path(&relative).map(Node::to_value);
            let fits = match (&f.after, &have) {
                (Some(a), Some(h)) => same_or_defaulted(a, h),
                (None, _) => f.before != have,
                _ => false,
            };
            if !fits {
                return None;
            }
        }
    }
    let (mut longest, mut since) = (0.0_f64, None);
    for v in versions.iter().filter(|v| v.is_before(onset)) {
        let ready = v.object.as_ref().is_some_and(|o| is_pod_ready(o.root()));
        match (ready, since) {
            (true, None) => since = Some(v.at.time),
            (false, Some(from)) => {
                longest = longest.max(v.at.time.duration_since(from).as_secs_f64());
                since = None;
            }
            _ => {}
        }
    }
    if let Some(from) = since {
        longest = longest.max(onset.at.time.duration_since(from).as_secs_f64());
    }
    Some(longest)
}
