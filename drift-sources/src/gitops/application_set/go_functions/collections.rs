//! Functions of lists and maps, and of whether there is a value.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::{TemplateError, Value};

use super::super::go_values::{from_json, text_of, to_json};
use super::{Function, Result, argument, list_at, text, text_at};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("append", |a| Ok(list(list_at(a, 0)?.iter().chain([argument(a, 1)?])))),
    ("coalesce", |a| Ok(a.iter().find(|v| v.is_truthy()).cloned().unwrap_or(Value::Nil))),
    ("compact", |a| Ok(list(list_at(a, 0)?.iter().filter(|v| v.is_truthy())))),
    ("concat", |a| {
        let all: Result<Vec<&[Value]>> = (0..a.len()).map(|i| list_at(a, i)).collect();
        Ok(list(all?.into_iter().flatten()))
    }),
    ("default", |a| {
        let given = a.get(1).filter(|v| v.is_truthy());
        given.map_or_else(|| argument(a, 0).cloned(), |v| Ok(v.clone()))
    }),
    ("dict", |a| {
        let pairs = a.chunks(2).map(|pair| {
            let value = pair.get(1).cloned().unwrap_or_else(|| Value::from(""));
            (Arc::from(text_of(&pair[0])), value)
        });
        Ok(Value::Map(Arc::new(pairs.collect())))
    }),
    ("dig", dig),
    ("empty", |a| Ok(Value::Bool(!argument(a, 0)?.is_truthy()))),
    ("first", |a| Ok(list_at(a, 0)?.first().cloned().unwrap_or(Value::Nil))),
    ("fromJson", |a| {
        let read = serde_json::from_str(&text_at(a, 0)?);
        Ok(from_json(&read.map_err(|_| TemplateError::Exec("a text that is no JSON".to_owned()))?))
    }),
    ("get", |a| Ok(map_at(a, 0)?.get(&*text_at(a, 1)?).cloned().unwrap_or_else(|| Value::from("")))),
    ("has", |a| Ok(Value::Bool(list_at(a, 1)?.contains(argument(a, 0)?)))),
    ("hasKey", |a| Ok(Value::Bool(map_at(a, 0)?.contains_key(&*text_at(a, 1)?)))),
    ("initial", |a| {
        let all = list_at(a, 0)?;
        Ok(list(all.iter().take(all.len().saturating_sub(1))))
    }),
    ("keys", |a| Ok(Value::List(map_at(a, 0)?.keys().map(|k| Value::String(Arc::clone(k))).collect()))),
    ("kindIs", |a| Ok(Value::Bool(text_at(a, 0)? == kind_of(argument(a, 1)?)))),
    ("kindOf", |a| text(kind_of(argument(a, 0)?))),
    ("last", |a| Ok(list_at(a, 0)?.last().cloned().unwrap_or(Value::Nil))),
    ("list", |a| Ok(list(a.iter()))),
    ("omit", |a| {
        let names: Vec<String> = a.iter().skip(1).map(text_of).collect();
        let rest = map_at(a, 0)?.iter().filter(|(k, _)| !names.iter().any(|n| **n == ***k));
        Ok(Value::Map(Arc::new(rest.map(|(k, v)| (Arc::clone(k), v.clone())).collect())))
    }),
    ("pick", |a| {
        let names: Vec<String> = a.iter().skip(1).map(text_of).collect();
        let some = map_at(a, 0)?.iter().filter(|(k, _)| names.iter().any(|n| **n == ***k));
        Ok(Value::Map(Arc::new(some.map(|(k, v)| (Arc::clone(k), v.clone())).collect())))
    }),
    ("prepend", |a| Ok(list([argument(a, 1)?].into_iter().chain(list_at(a, 0)?)))),
    ("rest", |a| Ok(list(list_at(a, 0)?.iter().skip(1)))),
    ("reverse", |a| Ok(list(list_at(a, 0)?.iter().rev()))),
    ("sortAlpha", |a| {
        let mut all: Vec<String> = list_at(a, 0)?.iter().map(text_of).collect();
        all.sort();
        Ok(Value::List(all.into_iter().map(Value::from).collect()))
    }),
    ("ternary", |a| {
        let place = if *argument(a, 2)? == Value::Bool(true) { 0 } else { 1 };
        argument(a, place).cloned()
    }),
    ("toJson", |a| {
        // Go writes what HTML would take for its own in another form.
        let json = to_json(argument(a, 0)?).to_string();
        text(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
    }),
    ("uniq", |a| {
        let mut all: Vec<&Value> = Vec::new();
        // Of what several are equal to, the first stays: as many comparisons as pairs.
        let given = list_at(a, 0)?.iter().take(MAX_UNIQUE + 1).collect::<Vec<_>>();
        if given.len() > MAX_UNIQUE {
            return Err(TemplateError::Exec(format!("a list of more than {MAX_UNIQUE} to make unique")));
        }
        given.into_iter().for_each(|v| {
            if !all.contains(&v) {
                all.push(v);
            }
        });
        Ok(list(all.into_iter()))
    }),
    ("values", |a| Ok(list(map_at(a, 0)?.values()))),
    ("without", |a| Ok(list(list_at(a, 0)?.iter().filter(|v| !a[1..].contains(v))))),
];

/// Longest list that is made unique.
const MAX_UNIQUE: usize = 1_000;

fn list<'a>(items: impl Iterator<Item = &'a Value>) -> Value {
    Value::List(items.cloned().collect())
}

fn map_at(arguments: &[Value], place: usize) -> Result<&BTreeMap<Arc<str>, Value>> {
    match argument(arguments, place)? {
        Value::Map(map) => Ok(map),
        other => Err(TemplateError::TypeMismatch { expected: "map", got: other.type_name() }),
    }
}

/// `dig KEY... DEFAULT MAP`
fn dig(arguments: &[Value]) -> Result<Value> {
    let [keys @ .., default, map] = arguments else {
        return Err(TemplateError::Exec("`dig` needs keys, a default and a map".to_owned()));
    };
    let mut at = map;
    for key in keys {
        let Value::Map(map) = at else {
            return Err(TemplateError::TypeMismatch { expected: "map", got: at.type_name() });
        };
        match map.get(&*text_of(key)) {
            Some(next) => at = next,
            None => return Ok(default.clone()),
        }
    }
    Ok(at.clone())
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Uint(_) => "uint",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::List(_) => "slice",
        Value::Map(_) => "map",
        _ => "invalid",
    }
}
