//! Values as YAML, written so that kubectl reads the same values back.

use drift_core::text::{is_hidden, printable_yaml};
use serde_json::Value;

/// Writes a value as a YAML document with a line end; keys in the order of the map.
pub(super) fn write_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => write_map(&mut out, map, 0),
        Value::Array(list) if !list.is_empty() => write_list(&mut out, list, 0),
        scalar => {
            write_scalar(&mut out, scalar, 0);
            out.push('\n');
        }
    }
    out
}

/// Writes a scalar, or an empty list or map, as it stands within a line.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(s) if is_plain(s) || s == super::REDACTED => s.clone(),
        // A string in quotes is written as in JSON.
        other => printable_yaml(&other.to_string()),
    }
}

fn pad(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn write_map(out: &mut String, map: &serde_json::Map<String, Value>, depth: usize) {
    for (i, (key, value)) in map.iter().enumerate() {
        // The first line of a map in a list stands behind the dash.
        if i > 0 || !out.ends_with("- ") {
            pad(out, depth);
        }
        out.push_str(&scalar(&Value::String(key.clone())));
        out.push(':');
        write_value(out, value, depth);
    }
}

fn write_value(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            write_map(out, map, depth + 1);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            write_list(out, list, depth);
        }
        scalar => {
            out.push(' ');
            write_scalar(out, scalar, depth + 1);
            out.push('\n');
        }
    }
}

fn write_list(out: &mut String, list: &[Value], depth: usize) {
    for (i, item) in list.iter().enumerate() {
        if i > 0 || !out.ends_with("- ") {
            pad(out, depth);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => write_map(out, map, depth + 1),
            Value::Array(inner) if !inner.is_empty() => write_list(out, inner, depth + 1),
            scalar => {
                write_scalar(out, scalar, depth + 1);
                out.push('\n');
            }
        }
    }
}

fn write_scalar(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::String(text) if is_block(text) => write_block(out, text, depth),
        other => out.push_str(&scalar(other)),
    }
}

/// Writes a literal block without its last line end, which the caller writes.
fn write_block(out: &mut String, text: &str, depth: usize) {
    let body = text.trim_end_matches('\n');
    out.push_str(match text.len() - body.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    let kept = if text.len() - body.len() > 1 { &text[..text.len() - 1] } else { body };
    for line in kept.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(out, depth.max(1));
            out.push_str(line);
        }
    }
}

/// Returns `true` if a text reads well as a literal block and comes back whole from one.
fn is_block(text: &str) -> bool {
    let body = text.trim_end_matches('\n');
    body.contains('\n')
        && !body.starts_with([' ', '\n', '\t'])
        && body.chars().all(|c| c == '\n' || c == '\t' || !is_hidden(c))
        && !body.split('\n').any(|l| l.ends_with(' ') || (l.trim().is_empty() && !l.is_empty()))
}

/// Returns `true` if a string can stand without quotes and still be a string to YAML 1.1 and 1.2.
fn is_plain(s: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '_' | '.' | '$');
    let rest = |c: char| c.is_alphanumeric() || "/_.-$ ()+=;%^~<>@:".contains(c);
    s.starts_with(first)
        && s.chars().all(rest)
        && !s.ends_with([' ', ':'])
        && !s.contains(": ")
        && !looks_like_another_type(s)
}

fn looks_like_another_type(s: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let lower = s.to_ascii_lowercase();
    WORDS.contains(&&*lower)
        || matches!(&*lower, ".inf" | ".nan" | "." | ".." | "...")
        || lower.strip_prefix('.').is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Value, expect: &str) {
        assert_eq!(write_yaml(&value), expect);
    }

    #[test]
    fn maps_and_lists_look_as_in_manifests() {
        check(
            json!({"spec": {"containers": [{"args": ["a", 1, []], "env": [], "name": "web"}, [1, [2]]], "x": {}}}),
            "spec:\n  containers:\n  - args:\n    - a\n    - 1\n    - []\n    env: []\n    name: web\n  - - 1\n    - - 2\n  x: {}\n",
        );
        check(json!("plain"), "plain\n");
        check(json!([]), "[]\n");
    }

    #[test]
    fn strings_that_yaml_takes_for_something_else_are_quoted() {
        for s in [
            "yes",
            "No",
            "on",
            "1",
            "1.5",
            "",
            "~",
            "null",
            "a: b",
            "a #b",
            "- a",
            "*x",
            "&x",
            "{a",
            "0x1f",
            "2026-11-21",
            "=",
            "a\tb",
            ".5",
            "key:",
            " a",
            "a ",
            "!x",
            "%a",
            "@a",
            "`a",
        ] {
            check(json!(s), &format!("{}\n", json!(s)));
        }
        for s in ["web", "nginx:1.25", "registry.example/a@sha256:00ff", "/healthz", "a b c", "$(POD_IP)"] {
            check(json!(s), &format!("{s}\n"));
        }
    }

    #[test]
    fn what_is_not_visible_is_escaped_and_read_back() {
        check(json!({"a\u{202e}": "x\u{9b}y"}), "\"a\\u202e\": \"x\\u009by\"\n");
        check(json!({"a": "x\ny\u{61c}\n"}), "a: \"x\\ny\\u061c\\n\"\n");
    }

    #[test]
    fn texts_of_several_lines_are_blocks() {
        check(json!({"a": "x\ny\n"}), "a: |\n  x\n  y\n");
        check(json!({"a": "x\ny"}), "a: |-\n  x\n  y\n");
        check(json!({"a": "x\n\ny\n\n"}), "a: |+\n  x\n\n  y\n\n");
        check(json!({"a": " x\ny"}), "a: \" x\\ny\"\n");
        check(json!(["x\ny"]), "- |-\n  x\n  y\n");
    }
}
