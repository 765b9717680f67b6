//! Redaction of values before they are shown: no value of a Secret is part of a report.

use drift_core::k8s::annotations::is_public_on_secret;
use drift_core::redact::{is_credential_name, without_hashes};
use drift_core::{Doc, FieldPath, PathElement, ResourceKey};
use serde_json::Value;

/// Text that replaces a redacted value.
pub const REDACTED: &str = "<redacted>";

/// Returns the value at a path of a resource with everything secret redacted.
///
/// Of a Secret every scalar except `null` becomes [`REDACTED`] that is not known to be public: its name, type, labels, and
/// annotations of controllers. Names of keys are shown: people need to see that a key was added or removed. In all other
/// resources, what the [`Redactor`](drift_core::redact::Redactor) hashed becomes [`REDACTED`].
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
    let is_secret = &*key.kind == "Secret" && key.group.is_empty();
    cut(&mut path.elements().iter().map(field).collect(), value, is_secret)
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

/// Returns `true` for a place in a Secret where a value may stand.
fn is_secret(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(|part| &**part).collect();
    match *path {
        ["apiVersion" | "kind" | "type" | "immutable", ..] => false,
        ["metadata", "annotations", name, ..] => !is_public_on_secret(name),
        ["metadata", "labels", name, ..] => is_credential_name(name),
        ["metadata", ..] | [] => false,
        _ => true,
    }
}

fn cut(path: &mut Vec<String>, value: &Value, of_secret: bool) -> Value {
    match value {
        Value::Object(map) => {
            let entry = |(name, v): (&String, &Value)| {
                path.push(name.clone());
                let shown = cut(path, v, of_secret);
                path.pop();
                (name.clone(), shown)
            };
            Value::Object(map.iter().map(entry).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(|v| cut(path, v, of_secret)).collect()),
        Value::Null => Value::Null,
        _ if of_secret && is_secret(path) => REDACTED.into(),
        Value::String(text) => without_hashes(text).into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drift_core::k8s::annotations::LAST_APPLIED;
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
            json!({"kind": "Secret", "data": {"a": "b"}, "metadata": {"annotations": {LAST_APPLIED: "{..}", "x": "y", "helm.sh/hook": "pre-install"}}}),
            json!({"kind": "Secret", "data": {"a": "<redacted>"}, "metadata": {"annotations": {LAST_APPLIED: "<redacted>", "x": "<redacted>", "helm.sh/hook": "pre-install"}}}),
        );
    }

    #[test]
    fn other_kinds_and_fields_are_shown() {
        check("ConfigMap", &["data", "a"], json!("b"), json!("b"));
        check("Secret", &["type"], json!("Opaque"), json!("Opaque"));
        check("Secret", &["metadata", "annotations", "x"], json!("y"), json!("<redacted>"));
        check(
            "Secret",
            &["metadata", "labels"],
            json!({"app": "a", "password": "b"}),
            json!({"app": "a", "password": "<redacted>"}),
        );
        let hash = "redacted:00112233445566778899aabbccddeeff";
        check(
            "Pod",
            &["spec"],
            json!({"args": [format!("--p={hash}")]}),
            json!({"args": ["--p=<redacted>"]}),
        );
    }
}
