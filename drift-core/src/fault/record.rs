//! One fault of a resource: kind, onset, and what shows it.

use std::collections::BTreeSet;

use crate::event::EventId;
use crate::history::Moment;
use crate::key::{ResourceKey, ResourceVersion};

use super::FaultKind;

/// Something wrong with a resource.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// With which resource.
    pub on: ResourceKey,
    /// Reason as the cluster gives it, such as `ImagePullBackOff`.
    pub reason: String,
    /// Texts of the cluster about it: messages of states, conditions and Events.
    pub message: String,
    /// Since when; computed, whenever it was asked.
    pub onset: Moment,
    /// The event that shows it first.
    pub evidence: EventId,
    /// The version that shows it: of the resource itself, of a Kubernetes Event about it, or of what it stands on.
    pub shown_by: VersionRef,
    /// When what fails was started, if it is a container: what was changed later did not reach it.
    pub started: Option<Moment>,
    /// Containers that show it, if it is a pod's and known.
    pub containers: BTreeSet<String>,
}

/// One version of a resource, as a reader of a report finds it again in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRef {
    /// The resource.
    pub key: ResourceKey,
    /// Its resourceVersion, where the source gave one.
    pub version: Option<ResourceVersion>,
}
