//! The two values of a changed field, on one line or as a hunk.

use drift_core::text::printable;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::yaml;

/// Longest text, in characters, that is written on one line.
const INLINE: usize = 64;

/// Most fields of a map that is written on one line.
const SMALL: usize = 3;

/// Lines of context around a change of a hunk.
const CONTEXT: usize = 2;

/// Writes a value on one line; `None` for one that does not read well there, such as a list of maps.
///
/// ```
/// # use drift_sinks::report::inline_value;
/// # use serde_json::json;
/// assert_eq!(inline_value(&json!(["a", 1])).as_deref(), Some("[a, 1]"));
/// assert_eq!(inline_value(&json!([{"name": "a"}])), None);
/// ```
pub fn inline_value(value: &Value) -> Option<String> {
    let text = match value {
        Value::Array(list) if !list.is_empty() => {
            if list.iter().any(|v| v.is_array() || v.is_object()) {
                return None;
            }
            format!("[{}]", list.iter().map(yaml::scalar).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) if !map.is_empty() => {
            if map.len() > SMALL || map.values().any(|v| v.is_array() || v.is_object()) {
                return None;
            }
            let entries =
                map.iter().map(|(k, v)| format!("{}: {}", yaml::scalar(&k.as_str().into()), yaml::scalar(v)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        scalar => yaml::scalar(scalar),
    };
    (text.chars().count() <= INLINE && !text.contains("\\n")).then_some(text)
}

/// Writes a value on lines of its own: a text of several lines as it is, everything else as YAML.
pub(super) fn write_lines(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains('\n') => text.clone(),
        other => yaml::write_yaml(other),
    }
}

/// Writes both sides of a change on lines of their own; two texts, one of which has several lines, as they are.
pub(super) fn write_both(desired: Option<&Value>, live: Option<&Value>) -> (String, String) {
    let side = |v: Option<&Value>| v.map_or_else(String::new, write_lines);
    match (desired, live) {
        (Some(Value::String(d)), Some(Value::String(l))) if d.contains('\n') || l.contains('\n') => {
            (d.clone(), l.clone())
        }
        _ => (side(desired), side(live)),
    }
}

/// Returns the lines of a unified hunk from declared to live, each with its mark: `-`, `+`, a space for context, `@` where
/// lines are left out.
pub fn unified_hunk(desired: &str, live: &str) -> Vec<(char, String)> {
    let diff = TextDiff::from_lines(desired, live);
    let mut out = Vec::new();
    for (i, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if i > 0 {
            out.push(('@', "…".to_owned()));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let text = change.value().trim_end_matches(['\n', '\r']);
            out.push((mark, printable(text)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Value, expect: Option<&str>) {
        assert_eq!(inline_value(&value).as_deref(), expect);
    }

    #[test]
    fn small_values_are_written_on_one_line() {
        check(json!(3), Some("3"));
        check(json!("3"), Some("\"3\""));
        check(json!("web:1.4"), Some("web:1.4"));
        check(json!(["a", 1]), Some("[a, 1]"));
        check(json!({"a": "b"}), Some("{a: b}"));
        check(json!({}), Some("{}"));
        check(json!({"a": 1, "b": "2"}), Some("{a: 1, b: \"2\"}"));
        check(json!({"a": 1, "b": 2, "c": 3, "d": 4}), None);
        check(json!([{"a": 1}]), None);
        check(json!("x\ny"), None);
        check(json!("x".repeat(65)), None);
    }

    #[test]
    fn a_hunk_leaves_out_what_is_far_from_changes() {
        let old: String = (0..20).map(|i| format!("{i}\n")).collect();
        let new = old.replace("3\n", "three\n").replace("19\n", "");
        let marks: String = unified_hunk(&old, &new).iter().map(|(m, _)| *m).collect();
        assert!(marks.contains('@') && marks.contains("-+") || marks.contains('+'), "{marks}");
    }
}
