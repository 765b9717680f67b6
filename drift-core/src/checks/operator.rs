//! Operators that are stuck: a value that used to reach another object and no longer does.

use serde_json::Value;

use crate::key::ResourceKey;
use crate::object::Object;
use crate::time::format_time;

use super::{CheckContext, Problem};

/// Values shorter than this stand in many places by chance.
const MIN_LENGTH: usize = 6;

/// Learned from history by value equality: a field of the resource once had a value that others in its namespace have, its
/// value is another now, and they still have the old one.
pub(super) fn value_does_not_arrive(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    _: &Object,
) -> Vec<Problem> {
    let is_custom =
        key.group.contains('.') && !key.group.ends_with(".k8s.io") && &*key.group != "argoproj.io";
    if !is_custom || key.group.ends_with(".fluxcd.io") {
        return Vec::new();
    }
    let mut out = Vec::new();
    let changes = scene.case.changes_of(key);
    for change in changes.iter().rev().take(1) {
        for field in change.fields.iter().filter(|f| f.path.starts_with_fields(&["spec"])) {
            let (Some(Value::String(old)), Some(Value::String(new))) = (&field.before, &field.after) else {
                continue;
            };
            if old.len() < MIN_LENGTH {
                continue;
            }
            for child in holders(scene, key, old) {
                if !holds(scene, &child, new) {
                    let message = format!("{} is {new}, but {child} still has {old}", field.path);
                    out.push(Problem::new(
                        message,
                        format!(
                            "changed at {}; before, both had the same value",
                            format_time(change.mark.at.time)
                        ),
                    ));
                }
            }
        }
    }
    out
}

/// Objects of the namespace that have a value somewhere in their specification.
fn holders(scene: &CheckContext<'_, '_>, key: &ResourceKey, value: &str) -> Vec<ResourceKey> {
    let is_maker = |k: &&ResourceKey| {
        k.namespace == key.namespace
            && *k != key
            && matches!(
                (&*k.group, &*k.kind),
                ("apps", "Deployment" | "DaemonSet" | "StatefulSet") | ("", "ConfigMap" | "Service")
            )
    };
    let keys = scene.case.history().keys().filter(is_maker);
    keys.filter(|k| holds(scene, k, value)).cloned().collect()
}

fn holds(scene: &CheckContext<'_, '_>, key: &ResourceKey, value: &str) -> bool {
    scene
        .case
        .history()
        .now(key)
        .is_some_and(|o| ["spec", "data"].iter().filter_map(|f| o.root().get(f)).any(|n| contains(n, value)))
}

fn contains(node: crate::object::Node<'_>, value: &str) -> bool {
    node.as_str() == Some(value) || node.children().any(|n| contains(n, value))
}
