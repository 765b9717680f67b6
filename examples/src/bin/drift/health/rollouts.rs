//! The rollouts of workloads, as recorded versions tell them.

use std::sync::Arc;

use drift_core::health::rollout::{
    Rollout, RolloutCounts, RolloutState, RolloutTrigger, WorkloadVersion, rollouts,
};
use drift_core::schema::SchemaSet;
use drift_core::{Event, EventBody, Node, Object, ResourceKey, StreamId};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::ResourceV1;
use crate::args::HealthArgs;
use crate::failure::Failure;
use crate::inputs::live::Live;
use crate::moment::short;
use crate::recorded::Recorded;
use crate::timeline::WhoV1;
use crate::versions::Follower;
use crate::words;

/// Kinds whose Pods follow a template.
const WORKLOADS: &[&str] = &["Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "Rollout.argoproj.io"];

/// One rollout, as programs read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RolloutV1 {
    state: RolloutState,
    trigger: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
    /// The revision that came back, for a rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    images: Vec<ImageV1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<WhoV1>,
    started: Timestamp,
    first_progress: Option<Timestamp>,
    last_progress: Timestamp,
    ended: Option<Timestamp>,
    stalled: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    duration_seconds: i64,
    counts: RolloutCounts,
    steps: Vec<StepV1>,
    /// Who, for people.
    #[serde(skip)]
    by: Option<String>,
}

#[derive(Debug, Serialize)]
struct ImageV1 {
    container: String,
    before: String,
    after: String,
}

#[derive(Debug, Serialize)]
struct StepV1 {
    time: Timestamp,
    state: RolloutState,
}

/// Adds the rollouts of the workloads among the resources.
pub(super) async fn add(
    args: &HealthArgs,
    live: &Live,
    now: Timestamp,
    resources: &mut [ResourceV1],
) -> Result<(), Failure> {
    let Some(history) = &live.history else {
        return Err(Failure::new("--rollouts needs recorded history")
            .hint("give --store DIR or --tape FILE; a dump or a cluster only knows how it is now"));
    };
    let keys = history.keys().await?;
    for resource in resources.iter_mut() {
        let Some(key) = keys.iter().find(|k| k.to_string() == resource.subject) else { continue };
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
    let told = |rollout: Rollout| {
        let began = followed.iter().find(|(_, v)| {
            let generation = v.after.as_ref().and_then(|o| generation(o));
            generation.is_some() && generation == rollout.generation
        });
        let who = began.map(|(event, version)| WhoV1::new(event, version.owner.as_ref()));
        let by = began.and_then(|(e, v)| words::who(&e.origin.actor, v.owner.as_ref()));
        RolloutV1::new(rollout, who.filter(|_| by.is_some()), by, now)
    };
    Ok(rollouts(&versions, now).into_iter().map(told).collect())
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

impl RolloutV1 {
    fn new(rollout: Rollout, who: Option<WhoV1>, by: Option<String>, now: Timestamp) -> Self {
        let duration_seconds = rollout.duration(now).as_secs();
        let (trigger, images, to) = match rollout.trigger {
            RolloutTrigger::Created => ("Created", Vec::new(), None),
            RolloutTrigger::Changed(images) => ("Changed", images, None),
            RolloutTrigger::Restarted => ("Restarted", Vec::new(), None),
            RolloutTrigger::RolledBack { to } => ("RolledBack", Vec::new(), to),
            _ => ("Unknown", Vec::new(), None),
        };
        let image = |(container, before, after)| ImageV1 { container, before, after };
        Self {
            state: rollout.state,
            trigger,
            revision: rollout.revision,
            generation: rollout.generation,
            to,
            images: images.into_iter().map(image).collect(),
            who,
            started: rollout.started,
            first_progress: rollout.first_progress,
            last_progress: rollout.last_progress,
            ended: rollout.ended,
            stalled: rollout.stalled,
            reason: rollout.reason,
            duration_seconds,
            counts: rollout.counts,
            steps: rollout.steps.into_iter().map(|(time, state)| StepV1 { time, state }).collect(),
            by,
        }
    }

    /// Says it in one line: `revision 2 Completed in 1m 10s, since 2030-01-01 10:00:00Z: web web:1 → web:2, by alice`.
    pub(super) fn line(&self) -> String {
        let revision = self.revision.as_deref().unwrap_or("?");
        let took = SignedDuration::from_secs(self.duration_seconds);
        let how = if self.ended.is_some() { "after" } else { "for" };
        let what = match (self.trigger, &self.to) {
            ("Changed", _) if self.images.is_empty() => "template changed".to_owned(),
            ("Changed", _) => {
                let images = self.images.iter();
                let image = |i: &ImageV1| format!("{} {} → {}", i.container, i.before, i.after);
                images.map(image).collect::<Vec<_>>().join(", ")
            }
            ("RolledBack", Some(to)) => format!("rolled back to revision {to}"),
            ("RolledBack", None) => "rolled back".to_owned(),
            (trigger, _) => trigger.to_lowercase(),
        };
        let by = self.by.as_ref().map_or(String::new(), |by| format!(", by {by}"));
        let reason = self.reason.as_ref().map_or(String::new(), |r| format!(" ({r})"));
        let RolloutCounts { desired, updated, available, .. } = self.counts;
        let counts = if self.ended.is_some() {
            String::new()
        } else {
            format!(", {updated} of {desired} updated, {available} available")
        };
        format!(
            "revision {revision}  {:?}{reason} {how} {took:#}, started {}: {what}{by}{counts}",
            self.state,
            short(self.started)
        )
    }
}
