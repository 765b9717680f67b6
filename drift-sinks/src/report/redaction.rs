//! The last look before a value is shown: nothing of a Secret gets out.

use drift_core::k8s::annotations::LAST_APPLIED;
use drift_core::{FieldPath, PathElement, ResourceKey};
use serde_json::Value;

/// What stands in place of a value that is not shown.
pub const REDACTED: &str = "<redacted>";

/// Returns a value as it may be shown at a path of a resource.
///
/// Below `data` and `stringData` of a Secret every scalar but `null` becomes [`REDACTED`], and so does the annotation
/// that repeats the applied Secret. Keys stay: that a key came or went is what people need to know.
pub fn redacted(key: &ResourceKey, path: &FieldPath, value: &Value) -> Value {
    if &*key.kind != "Secret" || !key.group.is_empty() {
        return value.clone();
    }
    cut(&mut path.elements().iter().map(field).collect(), value)
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
