//! Values of templates: to and from JSON, as texts, and how large they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Value;
use serde_json::{Map, Number, Value as Json};

/// Returns a value of JSON; all its numbers are floats, as Go decodes them.
pub(super) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => Value::Float(n.as_f64().unwrap_or_default()),
        Json::String(s) => Value::String(s.as_str().into()),
        Json::Array(list) => Value::List(list.iter().map(from_json).collect()),
        Json::Object(map) => {
            let entries = map.iter().map(|(k, v)| (Arc::from(k.as_str()), from_json(v)));
            Value::Map(Arc::new(entries.collect::<BTreeMap<_, _>>()))
        }
    }
}

/// Returns the JSON of a value.
pub(super) fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(n) => (*n).into(),
        Value::Uint(n) => (*n).into(),
        Value::Float(f) => float_to_json(*f),
        Value::String(s) => Json::String(s.to_string()),
        Value::List(list) => list.iter().map(to_json).collect(),
        Value::Map(map) => map.iter().map(|(k, v)| (k.to_string(), to_json(v))).collect::<Map<_, _>>().into(),
        _ => Json::Null,
    }
}

/// A whole float is written as an integer, as Go does.
fn float_to_json(number: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Json::from(number as i64);
    }
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

/// Returns a value as text (`toString`).
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(s) => s.to_string(),
        other => other.to_string(),
    }
}

/// Returns a value as an integer (`cast.ToInt64`): what is none is 0.
pub(super) fn integer_of(value: &Value) -> i64 {
    match value {
        Value::Int(n) => *n,
        Value::Uint(n) => i64::try_from(*n).unwrap_or(i64::MAX),
        Value::Float(f) => *f as i64,
        Value::Bool(b) => i64::from(*b),
        Value::String(s) => parse_integer(s).unwrap_or(0),
        _ => 0,
    }
}

/// Reads an integer as Go does where its base is left to the text: `0x1f`, `0b1`, `017`.
fn parse_integer(text: &str) -> Option<i64> {
    let (sign, digits) =
        text.strip_prefix('-').map_or(("", text.strip_prefix('+').unwrap_or(text)), |d| ("-", d));
    let (base, digits) = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some(octal) if octal.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    i64::from_str_radix(&format!("{sign}{digits}"), base).ok().filter(|_| !digits.starts_with(['+', '-']))
}

/// Returns a value as a float (`cast.ToFloat64`): what is none is 0.
pub(super) fn float_of(value: &Value) -> f64 {
    match value {
        Value::Float(f) => *f,
        Value::String(s) => s.parse().unwrap_or(0.0),
        other => integer_of(other) as f64,
    }
}

/// Returns the bytes of a value, counted up to a limit; what is in it several times counts each time.
pub(super) fn size_up_to(value: &Value, limit: usize) -> usize {
    let mut size = 0;
    add_size(value, &mut size, limit);
    size
}

fn add_size(value: &Value, size: &mut usize, limit: usize) {
    *size += 8;
    match value {
        Value::String(s) => *size += s.len(),
        Value::List(list) => {
            for item in list.iter() {
                if *size > limit {
                    return;
                }
                add_size(item, size, limit);
            }
        }
        Value::Map(map) => {
            for (key, item) in map.iter() {
                if *size > limit {
                    return;
                }
                *size += key.len();
                add_size(item, size, limit);
            }
        }
        _ => {}
    }
}
