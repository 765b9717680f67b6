//! How the state machine says what it found.

use std::sync::Arc;

use drift_core::{
    Actor, Applied, Deleted, Facet, Gap, GapReason, Object, Observation, ResourceVersion, Scope,
};
use jiff::Timestamp;

use super::{Machine, Pending};
use crate::kubernetes::occurrence;

impl Machine {
    pub(super) fn scope(&self) -> Scope {
        self.target.scope(&self.rules.cluster)
    }

    pub(super) fn tell_gap(
        &self,
        pending: Pending,
        to_version: Option<ResourceVersion>,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) {
        out.push(Observation::Gap(Gap {
            scope: self.scope(),
            from: pending.from,
            to: now,
            from_version: pending.from_version,
            to_version,
            reason: pending.reason,
            message: pending.message.into(),
        }));
    }

    /// Says that from the last version on nothing is known for now.
    pub(super) fn tell_unknown(
        &self,
        reason: GapReason,
        message: &str,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) {
        let pending = Pending {
            reason,
            from: self.last_at,
            from_version: self.last.clone(),
            message: message.to_owned(),
            if_any: false,
        };
        self.tell_gap(pending, None, now, out);
    }

    pub(super) fn tell_applied(&self, object: Object, now: Timestamp, out: &mut Vec<Observation>) {
        let cluster = &self.rules.cluster;
        out.push(if self.target.is_event() {
            Observation::Happened(occurrence::of_event(&object, cluster, now))
        } else {
            Observation::Applied(Applied::live(object, cluster, now))
        });
    }

    pub(super) fn tell_deleted(&self, object: Object, now: Timestamp, out: &mut Vec<Observation>) {
        // That an Event has outlived its time says nothing about anything.
        if !self.target.is_event() {
            out.push(Observation::Deleted(Deleted {
                facet: Facet::Live,
                key: object.key().in_cluster(&self.rules.cluster),
                last: Some(Arc::new(object)),
                observed_at: now,
                actor: Actor::default(),
            }));
        }
    }
}
