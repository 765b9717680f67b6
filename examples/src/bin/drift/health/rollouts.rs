//! The rollouts of workloads, by their recorded versions.

use std::sync::Arc;

use drift_core::health::rollout::{Rollout, WorkloadVersion, rollouts};
use drift_core::schema::SchemaSet;
use drift_core::{Event, EventBody, Node, Object, ResourceKey, StreamId};
use drift_sinks::report::{KeyV1, ResourceHealthV1, RolloutV1, WriterV1};
use jiff::Timestamp;

use crate::args::HealthArgs;
use crate::failure::Failure;
use crate::inputs::live::Live;
use crate::recorded::Recorded;
use crate::versions::Follower;

/// Kinds whose Pods follow a template.
const WORKLOADS: &[&str] = &["Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "Rollout.argoproj.io"];

/// Adds the rollouts of the workloads among the resources.
pub(super) async fn add(
    args: &HealthArgs,
    live: &Live,
    now: Timestamp,
    resources: &mut [ResourceHealthV1],
) -> Result<(), Failure> {
    let Some(history) = &live.history else {
        return Err(Failure::new("--rollouts needs recorded history")
            .hint("use --store DIR or --tape FILE; a dump or a cluster shows one moment only"));
    };
    let keys = history.keys().await?;
    for resource in resources.iter_mut() {
        let Some(key) = keys.iter().find(|k| KeyV1::from(*k) == resource.key) else { continue };
        if WORKLOADS.contains(&format!("{}.{}", key.kind, key.group).as_str()) {
            resource.rollouts = Some(of_workload(args, history, &keys, key, now).await?);
        }
    }
    Ok(())
}

async fn of_workload(
    args: &HealthArgs,
    history: &Recorded,
    keys: &[ResourceKey],
    key: &ResourceKey,
    now: Timestamp,
) -> Result<Vec<RolloutV1>, Failure> {
    let own = in_time(args, history, key).await?;
    let mut events = own.clone();
    for set in keys.iter().filter(|k| &*k.kind == "ReplicaSet" && k.namespace == key.namespace) {
        let of_set = in_time(args, history, set).await?;
        events.extend(of_set.into_iter().filter(|e| applied(e).is_some_and(|o| is_owned(o, key))));
    }
    events.sort_by_key(|e| e.position);
    let versions: Vec<_> =
        events.iter().filter_map(|e| Some(WorkloadVersion { at: e.at(), object: applied(e)? })).collect();
    let schemas = SchemaSet::bundled();
    let mut follower = Follower::new(&schemas);
    let followed: Vec<_> = own.iter().filter_map(|e| Some((e, follower.next(e)?))).collect();
    let entry = |rollout: Rollout| {
        let began = followed.iter().find(|(_, v)| {
            let generation = v.after.as_ref().and_then(|o| generation(o));
            generation.is_some() && generation == rollout.generation
        });
        let who = began.map(|(event, version)| WriterV1::new(event, version.owner.as_ref()));
        RolloutV1::new(rollout, who, now)
    };
    Ok(rollouts(&versions, now).into_iter().map(entry).collect())
}

async fn in_time(args: &HealthArgs, history: &Recorded, key: &ResourceKey) -> Result<Vec<Event>, Failure> {
    let mut events = history.read(&StreamId::live(key.clone())).await?;
    events.retain(|e| args.at.is_none_or(|m| m.includes(e)));
    Ok(events)
}

fn applied(event: &Event) -> Option<&Object> {
    match &event.body {
        EventBody::Applied(object) => Some(Arc::as_ref(object)),
        _ => None,
    }
}

fn is_owned(object: &Object, owner: &ResourceKey) -> bool {
    let owners = object.root().at(&["metadata", "ownerReferences"]);
    owners
        .into_iter()
        .flat_map(Node::children)
        .any(|o| o.str_at(&["kind"]) == Some(&*owner.kind) && o.str_at(&["name"]) == Some(&*owner.name))
}

fn generation(object: &Object) -> Option<i64> {
    object.root().at(&["metadata", "generation"])?.as_i64()
}
