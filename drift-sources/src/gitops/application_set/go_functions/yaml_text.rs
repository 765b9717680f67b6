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
    let other = || TemplateError::Exec("a text in `toYaml` that is not written as YAML here".to_owned());
    let is_long = text.len() > MAX_LINE && text.contains(' ');
    if is_long || text.chars().any(char::is_control) || !text.is_ascii() || is_time(text) {
        return Err(other());
    }
    match () {
        () if text.is_empty() || reads_otherwise(text) => Ok(format!("\"{text}\"")),
        () if is_no_plain_text(text) => Ok(format!("'{}'", text.replace('\'', "''"))),
        () => Ok(text.to_owned()),
    }
}

/// Returns `true` if a text cannot stand without quotes (`yaml_emitter_analyze_scalar`).
fn is_no_plain_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends_at = |i: usize| bytes.get(i).is_none_or(|b| *b == b' ');
    let begins_badly = match bytes.first() {
        Some(b'?' | b':' | b'-') => ends_at(1),
        Some(first) => b"#,[]{}&*!|>'\"%@` ".contains(first),
        None => true,
    };
    let indicator = |(i, b): (usize, &u8)| match b {
        b':' => ends_at(i + 1),
        b'#' => i > 0 && bytes[i - 1] == b' ',
        _ => false,
    };
    begins_badly
        || text.ends_with(' ')
        || text.starts_with("---")
        || text.starts_with("...")
        || bytes.iter().enumerate().any(indicator)
}

/// Returns `true` if a plain text would be read as something else: a number, a truth value, null or a date.
fn reads_otherwise(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let is_base_60 =
        text.contains(':') && text.trim_start_matches(['-', '+']).split([':', '.']).all(is_number);
    let read = yaml::read(format!("a: {text}").as_bytes());
    let value = read.into_iter().next().and_then(|d| Some(d.ok()?.doc.root().get("a")?.to_value()));
    // What cannot be read plain is no other value either.
    is_base_60
        || date_of(text) == Some("")
        || value.is_some_and(|v| v.is_number() || v.is_boolean() || v.is_null())
}

/// Returns `true` if a text begins as a date and goes on, as a time does.
fn is_time(text: &str) -> bool {
    date_of(text).is_some_and(|rest| rest.starts_with(['T', 't', ' ']))
}

/// Returns what stands behind the date with which a text begins.
fn date_of(text: &str) -> Option<&str> {
    let mut rest = text;
    for (least, most, end) in [(4, 4, "-"), (1, 2, "-"), (1, 2, "")] {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest = rest.get(digits..)?.strip_prefix(end)?;
        if !(least..=most).contains(&digits) {
            return None;
        }
    }
    Some(rest)
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

    /// What `helm template` made of each text with `toYaml`.
    #[test]
    fn texts_have_the_quotes_that_go_writes() {
        for (text, want) in [
            ("true", "\"true\""),
            ("a: b", "'a: b'"),
            ("", "\"\""),
            ("10", "\"10\""),
            ("https://x:80/y", "https://x:80/y"),
            ("it's #1", "'it''s #1'"),
            ("2024-01-01", "\"2024-01-01\""),
            ("- x", "'- x'"),
            ("*", "'*'"),
            ("a@b,c", "a@b,c"),
            ("x:", "'x:'"),
            ("1e3", "\"1e3\""),
            ("0x1f", "\"0x1f\""),
            ("yes", "\"yes\""),
            ("~", "\"~\""),
            ("=", "="),
            ("a #b", "'a #b'"),
            ("a#b", "a#b"),
            ("{a}", "'{a}'"),
            ("a%b", "a%b"),
            ("@a", "'@a'"),
            ("1_000", "\"1_000\""),
            ("1:20", "\"1:20\""),
            ("a!b", "a!b"),
            ("-a", "-a"),
            ("a'b", "a'b"),
            ("a\"b", "a\"b"),
            ("[a", "'[a'"),
            ("a]", "a]"),
            ("?", "'?'"),
            ("a?b", "a?b"),
            ("0755", "\"0755\""),
            ("1.2.3", "1.2.3"),
            (".5", "\".5\""),
            ("a=b", "a=b"),
            ("$x", "$x"),
            ("(x)", "(x)"),
            ("+1", "\"+1\""),
            ("a\\b", "a\\b"),
            ("a|b", "a|b"),
            ("^a", "^a"),
            ("_a", "_a"),
            ("1a", "1a"),
        ] {
            assert_eq!(quoted(text).unwrap(), want);
        }
    }

    #[test]
    fn what_go_writes_otherwise_is_refused() {
        for text in ["a\nb", "ü", "2024-01-01T10:00:00Z", &"long ".repeat(30)] {
            assert!(quoted(text).is_err(), "{text}");
        }
    }
}
