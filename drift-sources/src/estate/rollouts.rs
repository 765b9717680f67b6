//! The rollouts of a workload, from recorded history: what set each off, and who.

use std::sync::Arc;

use drift_core::health::rollout::{Rollout, WorkloadVersion, rollouts};
use drift_core::timeline::VersionFollower;
use drift_core::{Event, EventBody, Node, Object, ResourceKey};
use jiff::Timestamp;

use super::{Estate, EstateError, TimelineEntry};

/// Kinds whose Pods follow a template.
const WORKLOADS: [(&str, &str); 4] =
    [("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("argoproj.io", "Rollout")];

/// A rollout, with the version of the workload that began it.
#[derive(Clone, Debug)]
pub struct AttributedRollout {
    /// What set it off, how far it came and how long it took.
    pub rollout: Rollout,
    /// The recorded version with the rollout's generation; `None` if that was not recorded.
    pub began: Option<TimelineEntry>,
}

impl Estate {
    /// Returns the rollouts of a workload, oldest first; `None` for a resource that has none, such as a Service.
    ///
    /// Durations of what goes on are as of `now`, such as [`HealthSnapshot::at`](super::HealthSnapshot::at).
    ///
    /// # Errors
    /// [`EstateError::NeedsHistory`], and when the store cannot be read.
    pub async fn rollouts(
        &self,
        key: &ResourceKey,
        now: Timestamp,
    ) -> Result<Option<Vec<AttributedRollout>>, EstateError> {
        let history = self.recorded_for("rollouts").await?;
        if !WORKLOADS.contains(&key.group_kind()) {
            return Ok(None);
        }
        let own = history.events_of(key, self.until()).await?;
        let mut events = own.clone();
        let keys = history.keys().await?;
        for set in keys.iter().filter(|k| &*k.kind == "ReplicaSet" && k.namespace == key.namespace) {
            let of_set = history.events_of(set, self.until()).await?;
            events.extend(of_set.into_iter().filter(|e| applied(e).is_some_and(|o| is_owned(o, key))));
        }
        events.sort_by_key(|e| e.position);
        let versions: Vec<_> =
            events.iter().filter_map(|e| Some(WorkloadVersion { at: e.at(), object: applied(e)? })).collect();
        let mut follower = VersionFollower::new(&self.schemas);
        let entries: Vec<_> =
            own.into_iter().map(|event| TimelineEntry { change: follower.next(&event), event }).collect();
        let attributed = |rollout: Rollout| {
            let began = entries.iter().find(|e| {
                let generation = applied(&e.event).and_then(generation);
                generation.is_some() && generation == rollout.generation
            });
            AttributedRollout { began: began.cloned(), rollout }
        };
        Ok(Some(rollouts(&versions, now).into_iter().map(attributed).collect()))
    }
}

fn applied(event: &Event) -> Option<&Object> {
    match &event.body {
        EventBody::Applied(object) => Some(Arc::as_ref(object)),
        _ => None,
    }
}

fn is_owned(object: &Object, owner: &ResourceKey) -> bool {
    let owners = object.root().at(&["metadata", "ownerReferences"]);
    let mut owners = owners.into_iter().flat_map(Node::children);
    owners.any(|o| o.str_at(&["kind"]) == Some(&*owner.kind) && o.str_at(&["name"]) == Some(&*owner.name))
}

fn generation(object: &Object) -> Option<i64> {
    object.root().at(&["metadata", "generation"])?.as_i64()
}
