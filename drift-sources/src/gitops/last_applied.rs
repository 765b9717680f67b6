//! What an engine applied last, as the objects of the cluster say it.

use std::sync::Arc;

use drift_core::k8s::annotations::LAST_APPLIED;
use drift_core::{FieldPath, ManagedFields, Object, Operation, ResourceKey};
use jiff::Timestamp;

use drift_core::history::Version;

use super::cluster_snapshot::ClusterSnapshot;

/// Returns what an engine applied last according to the object itself: from the last-applied annotation, or from the fields
/// that the engine owns in the newest version that it wrote.
pub(super) fn last_applied(
    cluster: &ClusterSnapshot,
    key: &ResourceKey,
    managers: &[&str],
) -> Option<Arc<Object>> {
    let versions = cluster.versions(key);
    let live = cluster.get(key);
    let now: Vec<Version>;
    let versions = match (versions.is_empty(), live) {
        (true, Some(live)) => {
            now = vec![Version { at: Timestamp::UNIX_EPOCH, object: Some(Arc::clone(live)) }];
            &now[..]
        }
        _ => versions,
    };
    let objects: Vec<&Arc<Object>> = versions.iter().filter_map(|v| v.object.as_ref()).collect();
    // The newest annotation that the engine wrote itself: others take it over with what they write.
    if let Some(annotated) = objects.iter().rev().find_map(|o| last_applied_annotation(o, managers)) {
        return Some(annotated);
    }
    let entry = |o: &Object| {
        let managed = ManagedFields::of(o);
        let found = managed.entries().iter().find(|e| {
            e.operation == Operation::Apply && e.subresource.is_empty() && managers.contains(&&*e.manager)
        });
        found.cloned()
    };
    // The oldest version since which the engine's entry is what it is now: there its values were as it wrote them.
    let last = objects.iter().rev().find_map(|o| entry(o))?;
    let written = objects.iter().find(|o| entry(o).is_some_and(|e| e.time == last.time))?;
    owned_part(written, &entry(written)?)
}

/// Returns the part of an object that an entry of its managers owns.
fn owned_part(written: &Object, entry: &drift_core::ManagedFieldsEntry) -> Option<Arc<Object>> {
    let mut value = entry.fields.part_of(written.root())?;
    for name in ["apiVersion", "kind"] {
        value[name] = written.root().get(name)?.to_value();
    }
    for name in ["name", "namespace"] {
        if let Some(text) = written.root().str_at(&["metadata", name]) {
            value["metadata"][name] = text.into();
        }
    }
    Object::new(drift_core::Doc::from_value(&value).ok()?).ok().map(Arc::new)
}

/// Returns what of an object a manager wrote last with plain updates: the fields that it owned then, with their values.
///
/// With earlier versions that is what it wrote; without, what it still owns of it.
pub(super) fn last_written(
    cluster: &ClusterSnapshot,
    key: &ResourceKey,
    manager: &str,
) -> Option<Arc<Object>> {
    let live = cluster.get(key);
    let versions = cluster.versions(key).iter().filter_map(|v| v.object.as_ref());
    let objects: Vec<&Arc<Object>> = versions.chain(live).collect();
    let entry = |o: &Object| {
        let managed = ManagedFields::of(o);
        let is_own = |e: &&drift_core::ManagedFieldsEntry| {
            e.operation == Operation::Update && e.subresource.is_empty() && *e.manager == *manager
        };
        managed.entries().iter().find(is_own).cloned()
    };
    let last = objects.iter().rev().find_map(|o| entry(o))?;
    let written = objects.iter().find(|o| entry(o).is_some_and(|e| e.time == last.time))?;
    owned_part(written, &entry(written)?)
}

fn last_applied_annotation(object: &Object, managers: &[&str]) -> Option<Arc<Object>> {
    let text = object.annotation(LAST_APPLIED)?;
    let managed = ManagedFields::of(object);
    let path = FieldPath::of(&["metadata", "annotations", LAST_APPLIED]);
    managed.owners(&path).any(|e| managers.contains(&&*e.manager)).then_some(())?;
    Object::from_json(text.as_bytes()).ok().map(Arc::new)
}
