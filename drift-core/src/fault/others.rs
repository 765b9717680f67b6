//! Faults of everything but pods, over the history of a resource.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::events::{self, topic};
use super::status::{ObservedFault, Reading, read, terminating};
use super::{Fault, FaultBasis, FaultKind, OnsetBasis, VersionRef};
use crate::health::HealthRules;
use crate::history::{History, RecordedVersion};
use crate::k8s::service::ready_endpoints;
use crate::key::ResourceKey;
use crate::object::{Kind, Node, Object};

pub(super) fn faults(history: &History, key: &ResourceKey, rules: &HealthRules) -> Vec<Fault> {
    if history.versions(key).is_empty() {
        return Vec::new();
    }
    if history.now(key).is_none() {
        return gone(history, key).into_iter().collect();
    }
    let mut out = Vec::new();
    if (&*key.group, &*key.kind) == ("", "Service") {
        out.extend(endpoints(history, key));
    }
    out.extend(lasting(history, key, |o, now| read(o, now, rules)));
    out.extend(lasting(history, key, |o, _| terminating(o).map_or(Reading::Well, Reading::Faulty)));
    out.extend(nowhere(history, key));
    events::add(history, key, rules, &mut out);
    out
}

/// Finds since when the newest fault of a resource lasts.
///
/// A fault of another kind before it is another fault. Versions that their controller had not seen yet are passed over:
/// an edit of a Deployment that is unavailable does not make it available for a moment.
///
/// ```text
/// Well · Unavailable · NotYet · Unavailable     since the second version
/// Unavailable · Well · Unavailable              since the third
/// ```
fn lasting(
    history: &History,
    key: &ResourceKey,
    read: impl Fn(&Object, jiff::Timestamp) -> Reading,
) -> Option<Fault> {
    let readings = history.versions(key).iter().rev().map(|v| {
        let reading = v.object.as_ref().map_or(Reading::Well, |o| read(o, v.at.time));
        (v, reading)
    });
    let mut readings = readings.filter(|(_, r)| !matches!(r, Reading::NotYet));
    let (mut first, Reading::Faulty(newest)) = readings.next()? else { return None };
    let is_same = |f: &ObservedFault| {
        f.kind == newest.kind && topic(f.kind, &f.message) == topic(newest.kind, &newest.message)
    };
    for (version, reading) in readings {
        match reading {
            Reading::Faulty(found) if is_same(&found) => first = version,
            _ => break,
        }
    }
    Some(fault(newest, key, first))
}

fn fault(found: ObservedFault, key: &ResourceKey, shown: &RecordedVersion) -> Fault {
    Fault {
        kind: found.kind,
        basis: found.basis,
        on: key.clone(),
        reason: found.reason,
        message: found.message,
        onset: shown.mark(),
        onset_basis: OnsetBasis::Recorded,
        evidence: shown.id,
        shown_by: VersionRef { key: key.clone(), version: shown.version.clone() },
        started: None,
        containers: BTreeSet::new(),
    }
}

fn gone(history: &History, key: &ResourceKey) -> Option<Fault> {
    let end = history.versions(key).iter().rev().find(|v| v.object.is_none())?;
    let found = ObservedFault::new(FaultKind::Gone, "Deleted", "").by(FaultBasis::History);
    Some(fault(found, key, end))
}

/// A daemon that ran on nodes and is to run on none any more: nodes are no longer found for it.
fn nowhere(history: &History, key: &ResourceKey) -> Option<Fault> {
    if (&*key.group, &*key.kind) != ("apps", "DaemonSet") {
        return None;
    }
    let number = |o: &Arc<Object>| o.root().at(&["status", "desiredNumberScheduled"]).and_then(Node::as_i64);
    let wanted = |v: &RecordedVersion| v.object.as_ref().and_then(number);
    let versions = history.versions(key);
    let ran = versions.iter().rposition(|v| wanted(v).is_some_and(|n| n > 0))?;
    let first = versions.get(ran + 1).filter(|v| wanted(v) == Some(0))?;
    // Only where there are nodes: an estate that is shut down needs no daemons.
    let mut nodes = history.of_kind("", "Node");
    let has_nodes = nodes.any(|n| history.now(n).is_some());
    let message = "no node matches its node selector, affinity and tolerations";
    let found = ObservedFault::new(FaultKind::Unschedulable, "NoNodes", message).by(FaultBasis::History);
    has_nodes.then(|| fault(found, key, first))
}

/// Judges a Service by what its EndpointSlices list as ready.
fn endpoints(history: &History, key: &ResourceKey) -> Option<Fault> {
    let service = history.now(key)?;
    let selects = |o: &Arc<Object>| o.root().at(&["spec", "selector"]).is_some_and(|s| !s.is_empty());
    let ever = history.versions(key).iter().filter_map(|v| v.object.as_ref()).any(selects);
    if !ever || service.root().str_at(&["spec", "type"]) == Some("ExternalName") {
        return None;
    }
    let slices: Vec<_> = history
        .of_kind_in("discovery.k8s.io", "EndpointSlice", &key.namespace)
        .filter(|k| history.last(k).is_some_and(|o| o.label("kubernetes.io/service-name") == Some(&key.name)))
        .cloned()
        .collect();
    let mut now = (0, 0);
    let mut shown: Option<&RecordedVersion> = None;
    for slice in &slices {
        if let Some(o) = history.now(slice) {
            let (ready, ports) = ready_in(o);
            now.0 += ready;
            now.1 += if ready > 0 { ports } else { 0 };
        }
        let versions = history.versions(slice);
        let full = |v: &RecordedVersion| v.object.as_ref().is_some_and(|o| ready_in(o).0 > 0);
        let first = versions.iter().rposition(full).and_then(|i| versions.get(i + 1));
        // Of several slices the one that emptied last took the last endpoint.
        if let Some(v) = first
            && shown.is_none_or(|s| s.is_before(&v.mark()))
        {
            shown = Some(v);
        }
    }
    if now.0 > 0 && now.1 > 0 {
        return None;
    }
    let shown = shown.or_else(|| slices.first().and_then(|k| history.versions(k).first()));
    let shown = shown.or_else(|| history.versions(key).last())?;
    let kind = if now.0 > 0 { FaultKind::PortMismatch } else { FaultKind::NoEndpoints };
    let found = ObservedFault::new(kind, "NoEndpoints", "no ready endpoints").by(FaultBasis::AnotherObject);
    let mut found = fault(found, key, shown);
    if let Some(slice) = slices.iter().find(|k| history.versions(k).iter().any(|v| v.id == shown.id)) {
        found.shown_by.key = slice.clone();
    }
    Some(found)
}

fn ready_in(slice: &Object) -> (usize, usize) {
    (
        ready_endpoints(slice).count(),
        slice.root().get("ports").filter(|p| p.kind() == Kind::List).map_or(0, Node::len),
    )
}
