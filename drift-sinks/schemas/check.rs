// A checker for the part of JSON Schema that our schemas use; the tests of several crates include it by path.
// Unknown keywords fail, so that a schema cannot say more than is checked.

use serde_json::Value;

/// Returns what in `value` is not as `schema` says, each with its JSON Pointer.
pub(crate) fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    check(schema, schema, value, "", &mut out);
    out
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        let mut fail = |what: String| out.push(format!("{at}: {what}"));
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "properties" | "items" | "$ref" => {}
            "const" if value != rule => fail(format!("{value} is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                fail(format!("{value} is not one of {rule}"))
            }
            "type" if !types(rule).any(|t| is(value, t)) => fail(format!("{value} is not {rule}")),
            "maximum" if value.as_f64() > rule.as_f64() => fail(format!("{value} is more than {rule}")),
            "minimum" if value.as_f64() < rule.as_f64() => fail(format!("{value} is less than {rule}")),
            "minLength" if (value.as_str().unwrap().len() as u64) < rule.as_u64().unwrap() => {
                fail(format!("{value} is too short"));
            }
            "required" => {
                let missing = |n: &&Value| value.get(n.as_str().unwrap()).is_none();
                rule.as_array().unwrap().iter().filter(missing).for_each(|n| fail(format!("{n} is missing")));
            }
            "additionalProperties" if rule.is_object() => {
                let map = value.as_object().unwrap();
                map.iter().for_each(|(k, v)| check(root, rule, v, &format!("{at}/{k}"), out));
            }
            "anyOf" => {
                let fits = |one: &Value| {
                    let mut found = Vec::new();
                    check(root, one, value, at, &mut found);
                    found.is_empty()
                };
                if !rule.as_array().unwrap().iter().any(fits) {
                    fail(format!("{value} is as none of the alternatives say"));
                }
            }
            "additionalProperties" => {
                assert_eq!(rule, &Value::Bool(false));
                let known = |k: &&String| schema["properties"].get(k.as_str()).is_none();
                let keys = value.as_object().unwrap().keys();
                keys.filter(known).for_each(|k| fail(format!("`{k}` is not in the schema")));
            }
            "const" | "enum" | "type" | "minimum" | "maximum" | "minLength" => {}
            other => panic!("the checker does not know `{other}`"),
        }
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        check(
            root,
            root.pointer(target.trim_start_matches('#')).expect("a $ref has a target"),
            value,
            at,
            out,
        );
    }
    if let (Some(properties), Some(map)) = (schema.get("properties"), value.as_object()) {
        for (name, v) in map {
            if let Some(rule) = properties.get(name) {
                check(root, rule, v, &format!("{at}/{name}"), out);
            }
        }
    }
    if let (Some(rule), Some(list)) = (schema.get("items"), value.as_array()) {
        list.iter().enumerate().for_each(|(i, v)| check(root, rule, v, &format!("{at}/{i}"), out));
    }
}

fn types(rule: &Value) -> impl Iterator<Item = &str> {
    rule.as_str().into_iter().chain(rule.as_array().into_iter().flatten().filter_map(Value::as_str))
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("`{other}` is no type"),
    }
}
