//! Findings: what is worth reporting, under an id that stays the same for as long as it is the same finding.
//!
//! A [`Finding`] says what was found, about which resource and when. Its [`FindingId`] is derived from what makes it the
//! same finding, in one place (`finding/id.rs`), so two programs that see the same drift report the same id, and
//! a sink can tell a repeated delivery from a new one. [`FindingTracker`] compares what is found now with what was found
//! before and returns the difference: first seen, changed, resolved.
//!
//! **Invariant:** no clock. Every time in a finding is one that the log has, so replaying a log gives the same findings.

mod conflicts;
mod gaps;
mod id;
mod tracker;

use std::sync::Arc;

use jiff::Timestamp;

pub use conflicts::{ConflictRead, ConflictTracker, scan_conflicts};
pub use gaps::merge_gaps;
pub use id::FindingId;
pub use tracker::{FindingState, FindingTracker, FindingUpdate, OpenFinding};

use crate::drift::{DriftChange, ResourceDrift, Status};
use crate::event::{EventId, Gap};
use crate::fights::{Fight, Revert};
use crate::key::ResourceKey;
use crate::path::FieldPath;

/// One thing worth reporting.
///
/// # Example
/// ```
/// use drift_core::{Finding, FindingBody, FieldPath, ResourceKey};
/// let key = ResourceKey::parse("Deployment.apps/shop/web")?;
/// let missing = Finding::missing(&key, "2026-11-21T10:00:00Z".parse()?);
/// let resolved = missing.resolved("2026-11-21T10:05:00Z".parse()?);
/// assert_eq!(resolved.body, FindingBody::Resolved { path: FieldPath::ROOT });
/// // The id says which finding is resolved, and it is the same tomorrow.
/// assert_eq!(resolved.id, missing.id);
/// assert_eq!(Finding::missing(&key, "2026-11-22T10:00:00Z".parse()?).id, missing.id);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Identity across runs and programs.
    pub id: FindingId,
    /// Resource that the finding is about; `None` for a [`FindingBody::GapSeen`], which is about a scope.
    pub key: Option<ResourceKey>,
    /// When it was found, by the log's time.
    pub at: Timestamp,
    /// What was found.
    pub body: FindingBody,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FindingBody {
    /// A field differs from what is declared.
    Drifted {
        /// Path of the field.
        path: FieldPath,
        /// The difference with its verdict.
        change: Box<DriftChange>,
    },
    /// An earlier finding with the same id no longer holds.
    Resolved {
        /// Path of the field that no longer differs; [`FieldPath::ROOT`] where the finding was about the whole resource.
        path: FieldPath,
    },
    /// A declared resource is not in the cluster.
    Missing,
    /// A resource is in the cluster although nobody declares it.
    Unmanaged,
    /// Two or more apps declare the same resource, so each sync of one undoes the other's.
    TwoOwners {
        /// The Applications, Kustomizations or releases that declare it, sorted.
        apps: Vec<ResourceKey>,
    },
    /// Something works now and will break at the next restart, as a [check](crate::checks) found.
    LatentBreak {
        /// Name of the check, for example `missing-config`.
        check: Arc<str>,
        /// What is wrong, in one sentence.
        message: Arc<str>,
    },
    /// A recorded change explains why the resource is broken, as [`Investigation::why`](crate::cause::Investigation::why)
    /// found.
    Explained {
        /// Resource whose change is the root cause.
        root: ResourceKey,
        /// The event that recorded the change.
        change: EventId,
    },
    /// Two or more writers overwrite one field in turn.
    Fight(Box<Fight>),
    /// An engine put back what somebody changed by hand.
    Reverted(Box<Revert>),
    /// A part of the history is not known.
    GapSeen(Gap),
}

impl Finding {
    /// Reports that a declared resource is not in the cluster.
    pub fn missing(key: &ResourceKey, at: Timestamp) -> Self {
        let id = FindingId::of_field("missing", key, &FieldPath::ROOT);
        Self { id, key: Some(key.clone()), at, body: FindingBody::Missing }
    }

    /// Reports that a resource is in the cluster although nobody declares it.
    pub fn unmanaged(key: &ResourceKey, at: Timestamp) -> Self {
        let id = FindingId::of_field("unmanaged", key, &FieldPath::ROOT);
        Self { id, key: Some(key.clone()), at, body: FindingBody::Unmanaged }
    }

    /// Reports that two or more apps declare the same resource; the order of `apps` makes no difference.
    pub fn two_owners(key: &ResourceKey, mut apps: Vec<ResourceKey>, at: Timestamp) -> Self {
        apps.sort();
        apps.dedup();
        let id = FindingId::of_two_owners(key, &apps);
        Self { id, key: Some(key.clone()), at, body: FindingBody::TwoOwners { apps } }
    }

    /// Reports that something will break at the next restart, by the name of the check and its message.
    pub fn latent_break(key: &ResourceKey, check: &str, message: &str, at: Timestamp) -> Self {
        let id = FindingId::of_latent_break(key, check, message);
        let body = FindingBody::LatentBreak { check: check.into(), message: message.into() };
        Self { id, key: Some(key.clone()), at, body }
    }

    /// Reports that a recorded change explains why a resource is broken.
    pub fn explained(key: &ResourceKey, root: &ResourceKey, change: EventId, at: Timestamp) -> Self {
        let id = FindingId::of_explained(key, root, change);
        Self { id, key: Some(key.clone()), at, body: FindingBody::Explained { root: root.clone(), change } }
    }

    /// Reports that a field differs from what is declared.
    pub fn drifted(key: &ResourceKey, change: DriftChange, at: Timestamp) -> Self {
        let path = change.path.clone();
        let id = FindingId::of_field("drifted", key, &path);
        Self { id, key: Some(key.clone()), at, body: FindingBody::Drifted { path, change: Box::new(change) } }
    }

    /// Reports a fight over a field, at the time at which one writer last overwrote another.
    pub fn fight(fight: Fight) -> Self {
        let (id, key, at) = (FindingId::of_fight(&fight), fight.key.clone(), fight.last);
        Self { id, key: Some(key), at, body: FindingBody::Fight(Box::new(fight)) }
    }

    /// Reports that an engine put a change back, at the time at which it did.
    pub fn reverted(revert: Revert) -> Self {
        let (id, key, at) = (FindingId::of_revert(&revert), revert.key.clone(), revert.reverted.at);
        Self { id, key: Some(key), at, body: FindingBody::Reverted(Box::new(revert)) }
    }

    /// Reports a gap in the history, at its end.
    pub fn gap_seen(gap: Gap) -> Self {
        Self { id: FindingId::of_gap(&gap), key: None, at: gap.to, body: FindingBody::GapSeen(gap) }
    }

    /// Reports that this finding no longer holds, under the same id.
    #[must_use]
    pub fn resolved(&self, at: Timestamp) -> Self {
        Self { at, body: FindingBody::Resolved { path: self.path() }, ..self.clone() }
    }

    /// Returns the findings in the comparison of one resource, in the order of its changes.
    ///
    /// Changes that do not count as drift (see [`DriftClass::counts`](crate::drift::DriftClass::counts)) give none. For
    /// example, a Deployment with a changed image and a replica count that an autoscaler owns gives one finding.
    pub fn all_of(drift: &ResourceDrift, at: Timestamp) -> Vec<Self> {
        let whole = match drift.status {
            Status::Missing => Some(Self::missing(&drift.key, at)),
            Status::Extra => Some(Self::unmanaged(&drift.key, at)),
            _ => None,
        };
        let counted = drift.changes.iter().filter(|c| c.class.counts());
        let changes = counted.map(|change| Self::drifted(&drift.key, change.clone(), at));
        whole.into_iter().chain(changes).collect()
    }

    /// Returns the path of the field that the finding is about; [`FieldPath::ROOT`] where it is the whole resource.
    pub fn path(&self) -> FieldPath {
        match &self.body {
            FindingBody::Drifted { path, .. } | FindingBody::Resolved { path } => path.clone(),
            FindingBody::Fight(fight) => fight.path.clone(),
            FindingBody::Reverted(revert) => revert.path.clone(),
            FindingBody::Missing
            | FindingBody::Unmanaged
            | FindingBody::TwoOwners { .. }
            | FindingBody::LatentBreak { .. }
            | FindingBody::Explained { .. }
            | FindingBody::GapSeen(_) => FieldPath::ROOT,
        }
    }
}
