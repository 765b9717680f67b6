//! Edits of objects and kustomization files that engines make before they build.

use std::sync::Arc;

use drift_core::{Doc, Object};
use serde_json::{Map, Value, json};

pub(super) use crate::render::join_path;
use crate::render::{CommitFiles, kustomization_files};
use crate::yaml;

/// Finds the kustomization file of a folder.
pub(crate) fn kustomization_file(tree: &CommitFiles, folder: &str) -> Option<String> {
    kustomization_files(folder).find(|path| tree.has_file(path))
}

/// Reads a kustomization file as JSON.
pub(crate) fn read(tree: &CommitFiles, path: &str) -> Result<Map<String, Value>, String> {
    let bytes = tree.read(path).ok_or_else(|| format!("{path} cannot be read"))?;
    match yaml::read(&bytes).into_iter().next() {
        Some(Ok(document)) => match document.doc.root().to_value() {
            Value::Object(map) => Ok(map),
            Value::Null => Ok(Map::new()),
            _ => Err(format!("{path} is not a kustomization")),
        },
        Some(Err(e)) => Err(format!("{path}: {e}")),
        None => Ok(Map::new()),
    }
}

/// Appends to a list of a kustomization.
pub(crate) fn append(map: &mut Map<String, Value>, key: &str, more: impl IntoIterator<Item = Value>) {
    let list = map.entry(key).or_insert_with(|| json!([]));
    if let Value::Array(list) = list {
        list.extend(more);
    } else {
        *list = more.into_iter().collect();
    }
}

/// Sets images, each in place of one of the same name.
pub(super) fn set_images(map: &mut Map<String, Value>, images: Vec<Value>) {
    let name = |v: &Value| v.get("name").and_then(Value::as_str).map(str::to_owned);
    let names: Vec<_> = images.iter().map(name).collect();
    if let Some(Value::Array(list)) = map.get_mut("images") {
        list.retain(|v| !names.contains(&name(v)));
    }
    append(map, "images", images);
}

/// Returns an edited copy of an object.
pub(crate) fn object(object: &Object, change: impl FnOnce(&mut Map<String, Value>)) -> Option<Arc<Object>> {
    let Value::Object(mut map) = object.root().to_value() else { return None };
    change(&mut map);
    Object::new(Doc::from_value(&Value::Object(map)).ok()?).ok().map(Arc::new)
}

/// Sets texts in a map of the metadata.
pub(super) fn set_metadata<'t>(
    map: &mut Map<String, Value>,
    name: &str,
    texts: impl IntoIterator<Item = (&'t str, &'t str)>,
) {
    let mut texts = texts.into_iter().peekable();
    if texts.peek().is_none() {
        return;
    }
    let Some(Value::Object(metadata)) = map.get_mut("metadata") else { return };
    let slot = metadata.entry(name).or_insert_with(|| json!({}));
    if !slot.is_object() {
        *slot = json!({});
    }
    if let Value::Object(slot) = slot {
        slot.extend(texts.map(|(k, v)| (k.to_owned(), Value::from(v))));
    }
}

/// Appends to a list of a kustomization, unless there is nothing to append.
pub(super) fn append_some(map: &mut Map<String, Value>, key: &str, more: Vec<Value>) {
    if !more.is_empty() {
        append(map, key, more);
    }
}

/// Applies a JSON merge patch (RFC 7386).
pub(super) fn merge_patch(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(map) = target else { return };
    for (key, value) in patch {
        match value {
            Value::Null => drop(map.remove(&key)),
            value => merge_patch(map.entry(key).or_insert(Value::Null), value),
        }
    }
}
