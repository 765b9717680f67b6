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
    let fields = entry(written)?.fields;
    let mut value = fields.part_of(written.root())?;
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

fn last_applied_annotation(object: &Object, managers: &[&str]) -> Option<Arc<Object>> {
    let text = object.annotation(LAST_APPLIED)?;
    let managed = ManagedFields::of(object);
    let path = FieldPath::of(&["metadata", "annotations", LAST_APPLIED]);
    managed.owners(&path).any(|e| managers.contains(&&*e.manager)).then_some(())?;
    Object::from_json(text.as_bytes()).ok().map(Arc::new)
}
