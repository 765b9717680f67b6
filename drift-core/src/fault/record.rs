//! One fault of a resource: kind, onset, and what shows it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::event::EventId;
use crate::history::Moment;
use crate::key::{ResourceKey, ResourceVersion};
use crate::time::format_time;

use super::FaultKind;

/// Something wrong with a resource.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// By what it was found.
    pub basis: FaultBasis,
    /// With which resource.
    pub on: ResourceKey,
    /// Reason as the cluster gives it, such as `ImagePullBackOff`.
    pub reason: String,
    /// Texts of the cluster about it: messages of states, conditions and Events.
    pub message: String,
    /// Since when, as it was recorded; computed, whenever it was asked.
    pub onset: Moment,
    /// What that is worth: the moment at which somebody first looked is no onset.
    pub onset_basis: OnsetBasis,
    /// The event that shows it first.
    pub evidence: EventId,
    /// The version that shows it: of the resource itself, of a Kubernetes Event about it, or of what it stands on.
    pub shown_by: VersionRef,
    /// When what fails was started, if it is a container: what was changed later did not reach it.
    pub started: Option<Moment>,
    /// Containers that show it, if it is a pod's and known.
    pub containers: BTreeSet<String>,
}

/// By what a fault was found.
///
/// Only what rests on [`FaultBasis::Health`] has to agree with [`health`](crate::health) about the same version: what
/// `why` explains by a resource's own status, `health` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultBasis {
    /// The resource's own status: health calls it neither Healthy nor Suspended.
    Health,
    /// Its specification: nothing runs because somebody asked for that. Health calls it Healthy or Suspended.
    Request,
    /// A Kubernetes Event about it.
    Event,
    /// Another object: the node of a pod, the EndpointSlices of a Service, the state in Git of an application, the load
    /// that an autoscaler is to carry.
    AnotherObject,
    /// What it was before: gone, or no longer wanted on any node.
    History,
}

/// By what it is known since when a fault lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnsetBasis {
    /// The history has the resource without it, or its creation.
    #[default]
    Recorded,
    /// The resource was first seen with it, and says itself since when.
    Stated(Timestamp),
    /// The resource was first seen with it, and does not say since when: it lasts at least since then.
    FirstSeen,
}

impl Fault {
    /// Returns the best known time of the beginning: the one that the resource states, else the recorded one.
    pub fn since(&self) -> Timestamp {
        match self.onset_basis {
            OnsetBasis::Stated(time) => time,
            OnsetBasis::Recorded | OnsetBasis::FirstSeen => self.onset.at.time,
        }
    }

    /// Writes since when it lasts, as far as that is known.
    pub fn describe_since(&self) -> String {
        let time = format_time(self.since());
        match self.onset_basis {
            OnsetBasis::FirstSeen => format!("at least since {time}, when it was first seen"),
            OnsetBasis::Recorded | OnsetBasis::Stated(_) => format!("since {time}"),
        }
    }
}

/// One version of a resource, as a reader of a report finds it again in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRef {
    /// The resource.
    pub key: ResourceKey,
    /// Its resourceVersion, where the source gave one.
    pub version: Option<ResourceVersion>,
}

/// Most of what a fault keeps of the texts about it.
const MAX_TEXT: usize = 4096;

/// Adds a text that is not there yet; texts that repeat all the time do not grow without end.
pub(super) fn add_text(all: &mut String, text: &str) {
    if !text.is_empty() && !all.contains(text) && all.len() < MAX_TEXT {
        if !all.is_empty() {
            all.push_str(" | ");
        }
        all.push_str(text);
    }
}
