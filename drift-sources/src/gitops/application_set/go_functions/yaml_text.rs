//! Values as YAML and back, for `templatePatch` and values of charts.

use gotmpl::{TemplateError, Value};
use serde_json::Value as Json;

use super::super::go_values::{from_json, to_json};
use super::{Function, Result, argument, text, text_at};
use crate::yaml;

/// Longest text that Go does not break into lines.
const MAX_LINE: usize = 64;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("fromYaml", |a| from_yaml(a, Json::is_object)),
    ("fromYamlArray", |a| from_yaml(a, Json::is_array)),
    ("toYaml", |a| {
        let mut out = String::new();
        write_block(&to_json(argument(a, 0)?), 0, &mut out)?;
        text(out.trim_end_matches('\n').trim_start_matches('\n'))
    }),
];

fn from_yaml(arguments: &[Value], fits: impl Fn(&Json) -> bool) -> Result<Value> {
    let not_fitting = || TemplateError::Exec("a text that is no YAML of the expected form".to_owned());
    let read = yaml::read(text_at(arguments, 0)?.as_bytes());
    let value = match read.into_iter().next() {
        Some(Ok(document)) => document.doc.root().to_value(),
        Some(Err(_)) => return Err(not_fitting()),
        None => return Ok(Value::Nil),
    };
    if fits(&value) { Ok(from_json(&value)) } else { Err(not_fitting()) }
}

/// Writes a value as Go does: maps sorted, lists no further in than their key.
fn write_block(value: &Json, indent: usize, out: &mut String) -> Result<()> {
    let pad = " ".repeat(indent);
    match value {
        Json::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                out.push_str(&format!("{pad}{}:", scalar(&Json::from(key.as_str()))?));
                match value {
                    Json::Object(inner) if !inner.is_empty() => {
                        out.push('\n');
                        write_block(value, indent + 2, out)?;
                    }
                    Json::Array(inner) if !inner.is_empty() => {
                        out.push('\n');
                        write_block(value, indent, out)?;
                    }
                    value => out.push_str(&format!(" {}\n", scalar(value)?)),
                }
            }
        }
        Json::Array(list) if !list.is_empty() => {
            for item in list {
                let mut inner = String::new();
                write_block(item, indent + 2, &mut inner)?;
                // The first line of what is in it stands behind the dash.
                out.push_str(&format!("{pad}- {}", inner.get(indent + 2..).unwrap_or_default()));
            }
        }
        scalar_value => out.push_str(&format!("{pad}{}\n", scalar(scalar_value)?)),
    }
    Ok(())
}

fn scalar(value: &Json) -> Result<String> {
    match value {
        Json::String(text) => quoted(text),
        Json::Object(_) => Ok("{}".to_owned()),
        Json::Array(_) => Ok("[]".to_owned()),
        other => Ok(other.to_string()),
    }
}

/// Writes a text plain or in the quotes that Go takes; one for which that is not known here is an error.
fn quoted(text: &str) -> Result<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_/.-+=$(); ".contains(c);
    let other = || TemplateError::Exec("a text in `toYaml` that is not written as YAML here".to_owned());
    if text.is_empty() {
        return Ok("\"\"".to_owned());
    }
    let is_text = reads_as_text(text);
    if text.len() > MAX_LINE && text.contains(' ') || text.chars().any(char::is_control) || !text.is_ascii() {
        return Err(other());
    }
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || "_/.$(".contains(c));
    let colons = !text.contains(": ") && !text.ends_with(':');
    let ends = !text.ends_with(' ');
    match () {
        () if !is_text => Ok(format!("\"{text}\"")),
        () if begins && colons && ends && text.chars().all(|c| is_plain(c) || "@:,".contains(c)) => {
            Ok(text.to_owned())
        }
        () => Ok(format!("'{}'", text.replace('\'', "''"))),
    }
}

/// Returns `true` if a plain text would be read as a text, and not as a number, a date or the like.
fn reads_as_text(text: &str) -> bool {
    let (year, rest) = text.split_once('-').unwrap_or_default();
    let looks_dated = year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()) && !rest.is_empty();
    let read = yaml::read(format!("a: {text}").as_bytes());
    let value =
        read.into_iter().next().and_then(|d| d.ok()).and_then(|d| Some(d.doc.root().get("a")?.to_value()));
    // What cannot be read plain is no other value either.
    !looks_dated && value.is_none_or(|v| v.is_string() || v.is_object())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_reads_as_the_value() {
        let value = json!({"a": [1, {"b": "x", "c": ["y", []]}], "d": {"e": "true", "f": "a: b", "g": "", "h": {}}, "i": "10",
            "j": "https://x:80/y", "k": "it's #1", "l": "2024-01-01", "m": null, "n": 1.5, "o": "- x", "p": "*", "q": "a@b,c"});
        let mut out = String::new();
        write_block(&value, 0, &mut out).unwrap();
        let read = yaml::read(out.as_bytes()).into_iter().next().unwrap().unwrap();
        assert_eq!(read.doc.root().to_value(), value, "{out}");
    }

    #[test]
    fn what_go_writes_otherwise_is_refused() {
        for text in ["a\nb", "ü", &"long ".repeat(30)] {
            assert!(quoted(text).is_err(), "{text}");
        }
    }
}
