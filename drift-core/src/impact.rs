//! Impact: what depends on a resource, and what a change of it would restart or break.
//!
//! The change is played onto the recorded state as one more event; what the checks then find and did not find before is
//! what it would break.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::cause::{CauseIndex, Investigation};
use crate::checks::{CheckResult, check};
use crate::event::LogPosition;
use crate::event::Until;
use crate::event::{Event, EventBody, NewEvent, Origin};
use crate::graph::Relation;
use crate::health::HealthRules;
use crate::k8s::pod::pod_spec;
use crate::key::ResourceKey;
use crate::object::Object;
use crate::schema::SchemaSet;
use crate::stream::{Facet, Position, Revision, StreamId};

/// A change that nobody has made yet.
#[derive(Clone, Debug)]
pub enum Proposal {
    /// The resource goes away.
    Delete(ResourceKey),
    /// The resource is as this object says.
    Apply(Arc<Object>),
}

impl Proposal {
    /// Returns the resource.
    pub fn key(&self) -> ResourceKey {
        match self {
            Self::Delete(key) => key.clone(),
            Self::Apply(object) => object.key(),
        }
    }
}

/// A resource that depends on the changed one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Affected {
    /// How many steps away.
    pub distance: usize,
    /// Which one.
    pub key: ResourceKey,
    /// What it depends on, on the way to the changed one.
    pub through: ResourceKey,
    /// What the edge means.
    pub relation: &'static str,
    /// Why the edge is believed.
    pub evidence: String,
    /// What happens to it.
    pub effect: &'static str,
}

/// What a change would touch.
#[derive(Clone, Debug, Default)]
pub struct Impact {
    /// What depends on the resource, nearest first.
    pub affected: Vec<Affected>,
    /// What would be wrong after it and is not now, worst first.
    pub breaks: Vec<CheckResult>,
    /// What is wrong now and would not be after it, with resources that are still there then: to delete what is broken mends
    /// nothing.
    pub mends: Vec<CheckResult>,
}

/// Most resources that are listed.
const MAX_AFFECTED: usize = 1000;

/// Returns what a change of the state at the end of a history would touch, by rules for how custom resources are doing; the change
/// stays in the index it is given.
pub fn impact(
    mut timeline: CauseIndex,
    proposal: &Proposal,
    schemas: &SchemaSet,
    health_rules: &Arc<HealthRules>,
) -> Impact {
    let end = timeline.end();
    let position = end.map_or(Position::START, |end| end.position);
    timeline.apply(&event(end, proposal));
    let as_of = |until| timeline.investigation(until, schemas).with_health_rules(Arc::clone(health_rules));
    let (before, after) = (as_of(Until::Position(position)), as_of(Until::End));
    let (now, then) = (check(&before), check(&after));
    // Since when something is so stands in the message; the same trouble may have another time afterwards.
    let id = |t: &CheckResult| {
        let what = t.message.split(" since ").next().unwrap_or_default();
        (t.key.clone(), t.check, what.trim_end_matches(" at least").to_owned())
    };
    let (old, new): (BTreeSet<_>, BTreeSet<_>) =
        (now.iter().map(id).collect(), then.iter().map(id).collect());
    let goes = goes_with(&before, proposal);
    Impact {
        affected: affected(&before, &proposal.key(), proposal),
        breaks: then.into_iter().filter(|t| !old.contains(&id(t))).collect(),
        mends: now.into_iter().filter(|t| !new.contains(&id(t)) && !goes.contains(&t.key)).collect(),
    }
}

/// Returns what goes away with the change: the deleted resource, and what it owns, which is collected after it.
fn goes_with(case: &Investigation<'_>, proposal: &Proposal) -> BTreeSet<ResourceKey> {
    let Proposal::Delete(key) = proposal else { return BTreeSet::new() };
    let (mut goes, mut queue) = (BTreeSet::from([key.clone()]), vec![key.clone()]);
    while let Some(owner) = queue.pop() {
        for edge in
            case.graph().edges_to(&owner).into_iter().filter(|edge| edge.relation == Relation::OwnedBy)
        {
            if goes.insert(edge.from.clone()) {
                queue.push(edge.from.clone());
            }
        }
    }
    goes
}

fn event(end: Option<LogPosition>, proposal: &Proposal) -> Event {
    let new = NewEvent {
        uid: None,
        origin: Origin { source: "proposal".into(), ..Origin::default() },
        observed_at: end.map(|end| end.time).unwrap_or_default(),
        occurred_at: None,
        body: match proposal {
            Proposal::Delete(_) => EventBody::Deleted(None),
            Proposal::Apply(object) => EventBody::Applied(Arc::clone(object)),
        },
    };
    let position = end.map_or(0, |end| end.position.get());
    let stream = StreamId::Resource(Facet::Live, proposal.key());
    // Nothing reads the revision of what nobody has made.
    new.at(stream, Revision::FIRST, Position::new(position + 1))
}

fn affected(case: &Investigation<'_>, key: &ResourceKey, proposal: &Proposal) -> Vec<Affected> {
    let mut found: BTreeMap<ResourceKey, Affected> = BTreeMap::new();
    let mut queue = VecDeque::from([(key.clone(), 0_usize)]);
    let restarts = template_changes(case, proposal);
    while let Some((at, distance)) = queue.pop_front() {
        for edge in case.graph().edges_to(&at) {
            // Endpoints only tell of the Service; a namespace would bring in everything.
            let is_noise =
                matches!(edge.relation, Relation::Reports) || (&*at.kind == "Namespace" && distance > 0);
            if is_noise || edge.from == key || found.contains_key(edge.from) || found.len() >= MAX_AFFECTED {
                continue;
            }
            let effect = effect(case, edge.relation, edge.from, &at, restarts);
            let one = Affected {
                distance: distance + 1,
                key: edge.from.clone(),
                through: at.clone(),
                relation: edge.relation.word(),
                evidence: edge.evidence.to_string(),
                effect,
            };
            found.insert(edge.from.clone(), one);
            if !matches!(edge.relation, Relation::Within | Relation::RunsOn | Relation::DefinedBy) {
                queue.push_back((edge.from.clone(), distance + 1));
            }
        }
    }
    let mut all: Vec<_> = found.into_values().collect();
    all.sort();
    all
}

/// Returns `true` if the change is one of a pod template, so that pods are replaced.
fn template_changes(case: &Investigation<'_>, proposal: &Proposal) -> bool {
    let Proposal::Apply(object) = proposal else { return true };
    let now = case.history().now(&object.key());
    let spec = |o: &Object| pod_spec(o).map(|(_, n)| n.to_doc());
    now.is_none_or(|n| spec(n) != spec(object))
}

fn effect(
    case: &Investigation<'_>,
    relation: Relation,
    from: &ResourceKey,
    to: &ResourceKey,
    restarts: bool,
) -> &'static str {
    let is_pod = &*from.kind == "Pod";
    match (relation, &*to.kind) {
        (Relation::OwnedBy, _) if is_pod && restarts => "is replaced",
        (Relation::OwnedBy, _) if restarts => "follows",
        (Relation::OwnedBy, _) => "stays as it is",
        (Relation::Uses, "ConfigMap" | "Secret") if is_pod => {
            let uses = case.history().now(from).and_then(|o| {
                let (path, spec) = pod_spec(o)?;
                Some(crate::k8s::pod::config_uses(spec, &path))
            });
            let live = uses.into_iter().flatten().any(|u| u.is_live && *u.name == *to.name);
            if live { "sees it within a minute or so" } else { "sees it when it is next started" }
        }
        (Relation::Uses, _) => "new pods see it",
        (Relation::Selects, _) if &*from.kind == "PodDisruptionBudget" => "limits its evictions",
        (Relation::Selects, _) if !matches!(&*from.kind, "Service" | "EndpointSlice" | "Endpoints") => {
            "selects it"
        }
        (Relation::Selects | Relation::Routes, _) => "sends traffic to it",
        (Relation::TalksTo, _) => "talks to it",
        (Relation::RunsOn, _) => "runs on it",
        (Relation::Scales, _) => "scales it",
        (Relation::Within, _) => "is ruled by it",
        _ => "depends on it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Doc;
    use serde_json::{Value, json};

    fn events(objects: &[Value]) -> Vec<Event> {
        let one = |(i, v): (usize, &Value)| {
            let object = Object::new(Doc::from_value(v).unwrap()).unwrap();
            let n = i as u64 + 1;
            let new = NewEvent {
                uid: None,
                origin: Origin::default(),
                observed_at: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
                occurred_at: None,
                body: EventBody::Applied(object.clone().into()),
            };
            new.at(StreamId::live(object.key()), Revision::new(1).unwrap(), Position::new(n))
        };
        objects.iter().enumerate().map(one).collect()
    }

    #[test]
    fn deleting_a_config_map_breaks_what_reads_it() {
        let env = json!([{"name":"A","valueFrom":{"configMapKeyRef":{"name":"conf","key":"a"}}}]);
        let all = events(&[
            json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"conf","namespace":"shop"},"data":{"a":"1"}}),
            json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},
                "spec":{"template":{"spec":{"containers":[{"name":"c","image":"x","env":env}]}}},"status":{"availableReplicas":1}}),
        ]);
        let (schemas, rules) = (SchemaSet::bundled(), Arc::new(HealthRules::bundled()));
        let key = ResourceKey::new("", "ConfigMap", "shop", "conf");
        let mut timeline = CauseIndex::default();
        all.iter().for_each(|e| timeline.apply(e));
        let found = impact(timeline.clone(), &Proposal::Delete(key), &schemas, &rules);
        assert_eq!(found.affected[0].key.to_string(), "Deployment.apps/shop/web");
        assert_eq!(found.breaks.iter().map(|b| b.check).collect::<Vec<_>>(), ["missing-config"]);
        let renamed = json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"conf","namespace":"shop"},"data":{"b":"1"}});
        let renamed = Object::new(Doc::from_value(&renamed).unwrap()).unwrap();
        let found = impact(timeline, &Proposal::Apply(renamed.into()), &schemas, &rules);
        assert!(found.breaks[0].message.contains("no key a"), "{:?}", found.breaks);
    }

    #[test]
    fn to_delete_what_is_broken_mends_nothing() {
        let labels = json!({"app":"web"});
        let spec =
            json!({"containers":[{"name":"c","image":"x","envFrom":[{"configMapRef":{"name":"gone"}}]}]});
        let owned = |kind: &str, name: &str, owner: &str, uid: &str| {
            json!({"apiVersion":"apps/v1","kind":kind,"metadata":{"name":name,"namespace":"shop","uid":uid,
                "ownerReferences":[{"apiVersion":"apps/v1","kind":owner,"name":"web","uid":"d","controller":true}]}})
        };
        let mut set = owned("ReplicaSet", "web-1", "Deployment", "r");
        set["spec"] = json!({"replicas":1,"template":{"metadata":{"labels":labels},"spec":spec}});
        let all = events(&[
            json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"d"},
                "spec":{"selector":{"matchLabels":labels},"template":{"metadata":{"labels":labels},"spec":spec}}}),
            set,
            json!({"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"web","namespace":"shop"},
                "spec":{"maxUnavailable":0,"selector":{"matchLabels":labels}},
                "status":{"disruptionsAllowed":0,"expectedPods":1,"currentHealthy":1,"desiredHealthy":1}}),
        ]);
        let mut index = CauseIndex::default();
        all.iter().for_each(|e| index.apply(e));
        let schemas = SchemaSet::bundled();
        let broken: Vec<_> =
            check(&index.investigation(Until::End, &schemas)).into_iter().map(|t| t.key).collect();
        for key in [("apps", "Deployment", "web"), ("apps", "ReplicaSet", "web-1")] {
            assert!(broken.iter().any(|k| (&*k.group, &*k.kind, &*k.name) == key), "{key:?} of {broken:?}");
        }
        let web = ResourceKey::new("apps", "Deployment", "shop", "web");
        let found = impact(index, &Proposal::Delete(web), &schemas, &Arc::new(HealthRules::bundled()));
        assert_eq!(found.mends.iter().map(|m| m.to_owned().message).collect::<Vec<_>>(), [""; 0]);
    }
}
