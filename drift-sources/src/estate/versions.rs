//! The versions of all resources, for what engines declared at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::Until;
use drift_core::history::History;
use drift_core::tape::TapeEvent;
use drift_core::{EventBody, Facet, Object, ResourceKey, StreamId};
use futures::TryStreamExt;
use jiff::Timestamp;

use super::users::time_of;
use super::{EstateError, InputFile, InputNotes, RecordedHistory};
use crate::gitops::{ClusterSnapshot, Version};
use crate::tape::{TapeOptions, TapeReader};

/// Versions of each resource, oldest first.
pub(super) type Versions = BTreeMap<ResourceKey, Vec<Version>>;

/// Reads a tape with its Secrets as they are, up to a time: a Helm release and variables in Secrets are of no use hashed.
///
/// The caller keeps nothing of it longer than the question takes.
pub(super) fn versions_of_tape(
    tape: &InputFile,
    at: Option<Timestamp>,
    notes: &mut InputNotes,
) -> Result<Versions, EstateError> {
    let failed = |e| EstateError::unreadable(format!("the tape `{}`", tape.name()), e);
    let reader = TapeReader::open(tape.path(), TapeOptions::default()).map_err(failed)?;
    let mut versions = Versions::new();
    for line in reader {
        let line = match line {
            Ok(line) => line,
            Err(e) => {
                notes.add_incomplete(e.to_string());
                continue;
            }
        };
        if at.is_some_and(|at| line.at > at) {
            continue;
        }
        let (object, key) = match line.event {
            TapeEvent::Listed(o) | TapeEvent::Added(o) | TapeEvent::Modified(o) => {
                let key = o.key();
                (Some(Arc::new(o)), key)
            }
            TapeEvent::Deleted(o) => (None, o.key()),
            _ => continue,
        };
        versions.entry(key).or_default().push(Version { at: line.at, object });
    }
    Ok(versions)
}

/// Decompresses all versions of a history.
pub(super) fn versions_of(history: &History) -> Versions {
    let all = |key| history.versions(key).iter().map(Version::from).collect();
    history.keys().map(|key| (key.clone(), all(key))).collect()
}

/// Makes a cluster of versions: what is live is the newest version of everything that was not deleted.
pub(super) fn cluster_of(mut versions: Versions, at: Option<Timestamp>) -> ClusterSnapshot {
    versions.values_mut().for_each(|v| v.sort_by_key(|v| v.at));
    let live = versions.values().filter_map(|v| v.last()?.object.clone()).collect();
    // A record is of its own time, and not of the day on which it is read.
    let last = versions.values().flatten().map(|v| v.at).max();
    let cluster = ClusterSnapshot::at(live, versions, at);
    match last {
        Some(last) => cluster.with_now(last),
        None => cluster,
    }
}

/// Reads recorded history up to a point, with its Secrets hashed.
pub(super) async fn cluster_of_history(
    history: &RecordedHistory,
    until: Until,
) -> Result<ClusterSnapshot, EstateError> {
    let mut versions = Versions::new();
    let mut last = None;
    let mut events = history.events(until);
    while let Some(event) = events.try_next().await? {
        let StreamId::Resource(Facet::Live, key) = &event.stream else { continue };
        let object: Option<Arc<Object>> = match &event.body {
            EventBody::Applied(object) => Some(Arc::clone(object)),
            EventBody::Deleted(_) => None,
            _ => continue,
        };
        last = Some(event.observed_at);
        versions.entry(key.clone()).or_default().push(Version { at: event.observed_at, object });
    }
    let time = match until {
        Until::Position(_) => last,
        until => time_of(until),
    };
    Ok(cluster_of(versions, time))
}
