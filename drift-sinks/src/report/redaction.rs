//! Redaction of values before they are shown: no value of a Secret is part of a report.

use drift_core::k8s::annotations::LAST_APPLIED;
use drift_core::{Doc, FieldPath, PathElement, ResourceKey};
use serde_json::Value;

/// Text that replaces a redacted value.
pub const REDACTED: &str = "<redacted>";

/// Returns the value at a path of a resource with everything secret redacted.
///
/// Below `data` and `stringData` of a Secret every scalar except `null` becomes [`REDACTED`], and so does the annotation
/// that repeats the applied Secret. Names of keys are shown: people need to see that a key was added or removed.
///
/// ```
/// # use drift_core::{FieldPath, ResourceKey};
/// # use drift_sinks::report::redacted;
/// # use serde_json::json;
/// let secret = ResourceKey::new("", "Secret", "shop", "login");
/// let value = redacted(&secret, &FieldPath::of(&["data"]), &json!({"password": "aHVudGVyMg=="}));
/// assert_eq!(value, json!({"password": "<redacted>"}));
/// ```
pub fn redacted(key: &ResourceKey, path: &FieldPath, value: &Value) -> Value {
    if &*key.kind != "Secret" || !key.group.is_empty() {
        return value.clone();
    }
    cut(&mut path.elements().iter().map(field).collect(), value)
}

/// Whether an object is shown with its `metadata.managedFields`, which are long and seldom wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManagedFieldsVisibility {
    /// Without them.
    #[default]
    Hidden,
    /// With them.
    Shown,
}

/// Returns a whole object with everything secret redacted.
pub fn visible_object(key: &ResourceKey, object: &Doc, managed_fields: ManagedFieldsVisibility) -> Value {
    let mut value = redacted(key, &FieldPath::ROOT, &object.root().to_value());
    if managed_fields == ManagedFieldsVisibility::Hidden
        && let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.remove("managedFields");
    }
    value
}

fn field(element: &PathElement) -> String {
    match element {
        PathElement::Field(name) => name.to_string(),
        other => other.to_string(),
    }
}

fn is_secret(path: &[String]) -> bool {
    match path {
        [first, ..] if first == "data" || first == "stringData" => true,
        [meta, annotations, name] => {
            meta == "metadata" && annotations == "annotations" && name == LAST_APPLIED
        }
        _ => false,
    }
}

fn cut(path: &mut Vec<String>, value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let entry = |(name, v): (&String, &Value)| {
                path.push(name.clone());
                let shown = cut(path, v);
                path.pop();
                (name.clone(), shown)
            };
            Value::Object(map.iter().map(entry).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(|v| cut(path, v)).collect()),
        Value::Null => Value::Null,
        _ if is_secret(path) => REDACTED.into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(kind: &str, path: &[&str], value: Value, expect: Value) {
        let key = ResourceKey::new("", kind, "shop", "login");
        assert_eq!(redacted(&key, &FieldPath::of(path), &value), expect);
    }

    #[test]
    fn values_of_a_secret_are_cut_wherever_the_change_begins() {
        check("Secret", &["data", "password"], json!("aHVudGVyMg=="), json!("<redacted>"));
        check("Secret", &["data"], json!({"password": "aHVudGVyMg=="}), json!({"password": "<redacted>"}));
        check(
            "Secret",
            &["stringData"],
            json!({"n": 7, "gone": null}),
            json!({"n": "<redacted>", "gone": null}),
        );
        check(
            "Secret",
            &[],
            json!({"kind": "Secret", "data": {"a": "b"}, "metadata": {"annotations": {LAST_APPLIED: "{..}", "x": "y"}}}),
            json!({"kind": "Secret", "data": {"a": "<redacted>"}, "metadata": {"annotations": {LAST_APPLIED: "<redacted>", "x": "y"}}}),
        );
    }

    #[test]
    fn other_kinds_and_fields_are_shown() {
        check("ConfigMap", &["data", "a"], json!("b"), json!("b"));
        check("Secret", &["type"], json!("Opaque"), json!("Opaque"));
        check("Secret", &["metadata", "annotations", "x"], json!("y"), json!("y"));
    }
}
