//! Sets of parameters that generators make, and how Go writes, merges and flattens them.

use serde_json::{Map, Value};

/// The parameters of one Application: a flat map of texts, or any JSON for Go templates.
pub(super) type Parameters = Map<String, Value>;

/// Longest name of an object.
const MAX_NAME: usize = 253;

/// Returns a value as Go prints it (`%v`).
pub(super) fn go_text(value: &Value) -> String {
    let joined = |all: Vec<String>| all.join(" ");
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.as_f64().map_or_else(|| n.to_string(), go_float),
        Value::String(s) => s.clone(),
        Value::Array(list) => format!("[{}]", joined(list.iter().map(go_text).collect())),
        Value::Object(map) => {
            let entries = map.iter().map(|(k, v)| format!("{k}:{}", go_text(v)));
            format!("map[{}]", joined(entries.collect()))
        }
    }
}

/// Returns a number as Go prints it: with an exponent from a million on, since numbers of JSON are floats.
pub(super) fn go_float(number: f64) -> String {
    let shortest = format!("{number:e}");
    let Some((digits, exponent)) = shortest.split_once('e') else { return shortest };
    match exponent.parse::<i32>() {
        Ok(e) if number != 0.0 && !(-4..6).contains(&e) => with_exponent(digits, e),
        _ => number.to_string(),
    }
}

fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Returns `true` if a number prints in another form in Go than here.
pub(super) fn has_go_exponent(value: &Value) -> bool {
    match value {
        Value::Number(n) => n.as_f64().is_none_or(|f| go_float(f).contains('e')),
        Value::Array(list) => list.iter().any(has_go_exponent),
        Value::Object(map) => map.values().any(has_go_exponent),
        _ => false,
    }
}

/// Flattens parameters to texts under dotted names, as selectors and flat templates see them.
pub(super) fn flatten(parameters: &Parameters) -> Parameters {
    let mut flat = Parameters::new();
    parameters.iter().for_each(|(name, value)| flatten_into(&mut flat, name.clone(), value));
    flat
}

fn flatten_into(flat: &mut Parameters, name: String, value: &Value) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| flatten_into(flat, format!("{name}.{key}"), value));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, value)| flatten_into(flat, format!("{name}.{i}"), value));
        }
        value => drop(flat.insert(name, go_text(value).into())),
    }
}

/// Merges parameters over others; of maps in both the entries are merged.
pub(super) fn merge_over(under: &mut Parameters, over: &Parameters) {
    for (name, value) in over {
        match (under.get_mut(name), value) {
            (Some(Value::Object(under)), Value::Object(over)) => merge_over(under, over),
            _ => drop(under.insert(name.clone(), value.clone())),
        }
    }
}

/// Fills what is empty in a template from another one.
pub(super) fn fill_empty(template: &mut Value, from: &Value) {
    match (template, from) {
        (Value::Object(template), Value::Object(from)) => {
            for (key, value) in from {
                match template.get_mut(key) {
                    // Values of a chart are one value, whatever is in them.
                    Some(own) if key == "valuesObject" && !is_empty(own) => {}
                    Some(own) => fill_empty(own, value),
                    None => drop(template.insert(key.clone(), value.clone())),
                }
            }
        }
        (template, from) if is_empty(template) => *template = from.clone(),
        _ => {}
    }
}

/// Returns `true` for what Go takes for no value: null, false, 0 and empty texts, lists and maps.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(s) => s.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
    }
}

/// Returns a text as a name of an object may be (`SanitizeName`).
pub(super) fn normalize_name(name: &str) -> String {
    let allowed = |c: char| match c {
        'a'..='z' | '0'..='9' | '-' | '.' => c,
        _ => '-',
    };
    let name: String = name.to_lowercase().chars().map(allowed).take(MAX_NAME).collect();
    name.trim_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Parameters {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn numbers_are_written_as_go_writes_floats() {
        for (number, want) in [
            (0.0, "0"),
            (8080.0, "8080"),
            (-1.5, "-1.5"),
            (999_999.0, "999999"),
            (1_000_000.0, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (123_456_789_012.0, "1.23456789012e+11"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e21, "1e+21"),
        ] {
            assert_eq!(go_float(number), want);
        }
    }

    #[test]
    fn nested_parameters_are_flattened_under_dotted_names() {
        let flat = flatten(&map(json!({"a": {"b": [1, {"c": true}], "d": {}}, "e": null, "f": "x"})));
        assert_eq!(Value::from(flat), json!({"a.b.0": "1", "a.b.1.c": "true", "e": "<nil>", "f": "x"}));
    }

    #[test]
    fn maps_are_merged_and_lists_are_replaced() {
        let mut under = map(json!({"a": {"b": 1, "c": [1, 2]}, "d": "x"}));
        merge_over(&mut under, &map(json!({"a": {"c": [3]}, "d": "", "e": 1})));
        assert_eq!(Value::from(under), json!({"a": {"b": 1, "c": [3]}, "d": "", "e": 1}));
    }

    #[test]
    fn a_template_of_a_generator_wins_over_the_one_of_the_set() {
        let mut own =
            json!({"spec": {"source": {"path": "own", "helm": {"valuesObject": {"a": 1}}}, "project": ""}});
        let of_set = json!({"metadata": {"name": "x"}, "spec": {"project": "p",
            "source": {"path": "set", "repoURL": "r", "helm": {"valuesObject": {"b": 1}}}}});
        fill_empty(&mut own, &of_set);
        let source = json!({"path": "own", "repoURL": "r", "helm": {"valuesObject": {"a": 1}}});
        assert_eq!(own, json!({"metadata": {"name": "x"}, "spec": {"project": "p", "source": source}}));
    }

    #[test]
    fn names_are_made_of_what_names_may_have() {
        for (name, want) in [("Prod_EU/1", "prod-eu-1"), ("-a.", "a"), ("ümlaut", "mlaut"), ("", "")] {
            assert_eq!(normalize_name(name), want);
        }
    }
}
