//! Observations that the state machine emits.

use std::sync::Arc;

use drift_core::{
    Actor, Applied, Deleted, Facet, Gap, GapReason, Object, Observation, ResourceVersion, Scope,
};
use jiff::Timestamp;

use super::{PendingGap, WatchMachine};
use crate::kubernetes::occurrence;

impl WatchMachine {
    pub(super) fn target_scope(&self) -> Scope {
        self.target.scope(&self.rules.cluster)
    }

    pub(super) fn emit_gap(
        &self,
        pending: PendingGap,
        to_version: Option<ResourceVersion>,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) {
        out.push(Observation::Gap(Gap {
            scope: self.target_scope(),
            from: pending.from,
            to: now,
            from_version: pending.from_version,
            to_version,
            reason: pending.reason,
            message: pending.message.into(),
        }));
    }

    /// Emits a gap without an end: from the last version on nothing is known for now.
    pub(super) fn emit_unknown(
        &self,
        reason: GapReason,
        message: &str,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) {
        let pending = PendingGap {
            reason,
            from: self.last_at,
            from_version: self.last.clone(),
            message: message.to_owned(),
            if_any: false,
        };
        self.emit_gap(pending, None, now, out);
    }

    pub(super) fn emit_applied(&self, object: Object, now: Timestamp, out: &mut Vec<Observation>) {
        let cluster = &self.rules.cluster;
        out.push(if self.target.is_event() {
            Observation::Happened(occurrence::from_event(&object, cluster, now))
        } else {
            Observation::Applied(Applied::live(object, cluster, now))
        });
    }

    pub(super) fn emit_deleted(&self, object: Object, now: Timestamp, out: &mut Vec<Observation>) {
        // The deletion of an Event only means that its time is over.
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
