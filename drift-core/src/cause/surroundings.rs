//! What an answer about a resource depends on, and which gaps could hide the change behind a fault.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::event::Gap;
use crate::graph::Relation;
use crate::key::ResourceKey;
use crate::stream::Scope;

use super::investigation::Investigation;
use super::lineage::owners_of;
use super::symptom::{Symptom, dependencies};

/// Most resources that are collected: a part of what is farther away may be missing.
const MAX_RESOURCES: usize = 2000;

/// What the listing that ends a gap shows may be recorded as long after it.
const LISTING: SignedDuration = SignedDuration::from_secs(1);

/// Kinds that rule, restrict or report on others without being named by them; an empty kind is all of a group.
const UNNAMED: &[(&str, &str)] = &[
    ("", "Event"),
    ("", "LimitRange"),
    ("", "Namespace"),
    ("", "Node"),
    ("", "Pod"),
    ("", "ResourceQuota"),
    ("admissionregistration.k8s.io", ""),
    ("apps", ""),
    ("autoscaling", ""),
    ("batch", ""),
    ("cilium.io", ""),
    ("discovery.k8s.io", "EndpointSlice"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("policy", ""),
    ("policy.linkerd.io", ""),
    ("rbac.authorization.k8s.io", ""),
    ("security.istio.io", ""),
];

/// What an answer about a resource depends on: the resource, what its health depends on, what these refer to at whatever
/// distance, and what rules or reports on others without being named by them.
///
/// What could not be looked at takes something away from an answer only if it may lie in here: that the API of custom metrics
/// does not answer says nothing against an answer about a pod that nothing scales by them.
#[derive(Clone, Debug)]
pub struct Surroundings {
    of: ResourceKey,
    keys: BTreeSet<ResourceKey>,
}

impl Surroundings {
    /// Returns `true` if something of a scope may be a part of it.
    pub fn may_lie_in(&self, scope: &Scope) -> bool {
        let cluster = &self.of.cluster;
        let scope = Scope { cluster: Arc::clone(cluster), ..scope.clone() };
        let is_met = |(group, kind): &(&str, &str)| {
            let namespace = Arc::clone(&self.of.namespace);
            scope.meets(&Scope { cluster: Arc::clone(cluster), namespace, ..Scope::of_kind(group, kind) })
        };
        self.keys.iter().any(|key| scope.contains(key)) || UNNAMED.iter().any(is_met)
    }
}

impl Investigation<'_> {
    /// Returns what an answer about a resource depends on.
    pub fn surroundings(&self, key: &ResourceKey) -> Surroundings {
        let mut keys = BTreeSet::from([key.clone()]);
        let mut queue = VecDeque::from([key.clone()]);
        while let Some(at) = queue.pop_front() {
            let health = dependencies(self, &at).into_iter().map(|d| d.key);
            let named = self.graph.ever_from(&at).into_iter().map(|e| e.to.clone());
            let ruling =
                self.graph.ever_to(&at).into_iter().filter(|e| rules(e.relation)).map(|e| e.from.clone());
            let near: Vec<_> = health.chain(named).chain(ruling).collect();
            for next in near {
                if keys.len() < MAX_RESOURCES && keys.insert(next.clone()) {
                    queue.push_back(next);
                }
            }
        }
        Surroundings { of: key.clone(), keys }
    }
}

/// Returns `true` if what has the edge decides about what it leads to.
fn rules(relation: Relation) -> bool {
    matches!(relation, Relation::Scales | Relation::Grants | Relation::Writes)
}

/// Returns the first gap that could hide the change behind the faults of a resource.
///
/// A change that nobody saw can be behind a fault only if all of this holds:
///
/// 1. It is one of something that the answer depends on: the scope of the gap may hold a part of the [`Surroundings`].
/// 2. It came before its effect: the gap began before the onset.
/// 3. There was something to break: the gap was not over when the patient came to be, that is the oldest of the faulty
///    resource and its owners. A pod that is replaced for its Deployment is no new patient. What was made after the gap was
///    made into a state that is on record since the listing that ended the gap, and has never been well in another; only
///    where a dependency that was on record before the gap is seen to have changed in it, that state itself is in question.
///
/// A gap that no listing has ended yet lasts until now.
pub(super) fn hiding_gap<'i>(
    investigation: &'i Investigation<'_>,
    key: &ResourceKey,
    symptoms: &[Symptom],
) -> Option<&'i Gap> {
    let fault = &symptoms.first()?.fault;
    if investigation.history.gaps().is_empty() {
        return None;
    }
    let surroundings = investigation.surroundings(key);
    let born = patient_age(investigation, &fault.on);
    let is_open = |gap: &Gap| investigation.history.recorded_scope().open_gaps().any(|open| open == gap);
    let could_hide = |gap: &&Gap| {
        gap.from.is_none_or(|from| from <= fault.onset.at.time)
            && surroundings.may_lie_in(&gap.scope)
            && (born.is_none_or(|born| gap.to.as_second() >= born.as_second())
                || is_open(gap)
                || has_changed_in(investigation, &surroundings, gap))
    };
    investigation.history.gaps().iter().find(could_hide)
}

/// Returns when the oldest of a resource and its owners was created; `None` if that is not known.
fn patient_age(investigation: &Investigation<'_>, key: &ResourceKey) -> Option<Timestamp> {
    let created = |key: &ResourceKey| -> Option<Timestamp> {
        let object = investigation.history.last(key)?;
        object.root().str_at(&["metadata", "creationTimestamp"])?.parse().ok()
    };
    let owners = owners_of(investigation, key);
    let ages: Option<Vec<_>> = std::iter::once(key).chain(&owners).map(created).collect();
    ages?.into_iter().min()
}

/// Returns `true` if a part of it that was on record before a gap is seen to have changed in it: by the listing that ended it.
fn has_changed_in(investigation: &Investigation<'_>, surroundings: &Surroundings, gap: &Gap) -> bool {
    let Some(from) = gap.from else { return false };
    let was_seen = |key: &ResourceKey| {
        investigation.history.versions(key).first().is_some_and(|first| first.at.time <= from)
    };
    let end = gap.to.saturating_add(LISTING).unwrap_or(gap.to);
    let changed = |key: &ResourceKey| {
        investigation.changes_of(key).iter().any(|c| c.mark.at.time >= from && c.mark.at.time <= end)
    };
    surroundings.keys.iter().any(|key| gap.scope.contains(key) && was_seen(key) && changed(key))
}
