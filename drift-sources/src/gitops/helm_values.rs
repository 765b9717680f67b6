//! The values of a HelmRelease, merged as helm-controller does: what `valuesFrom` names in order, then `spec.values`.

use drift_core::Object;
use drift_core::redact::without_hashes;
use serde_json::{Map, Value};

use super::ClusterSnapshot;
use super::flux::decode_base64;
use crate::flux::{HelmRelease, ValuesReference};
use crate::yaml;

/// Most elements that a list of values is filled up to, as Helm's own limit.
const MAX_INDEX: usize = 65_536;

/// Returns the merged values, or why they are not known; `None` where something that they stand on was not seen.
///
/// No reason contains a value.
pub(super) fn merged_values(cluster: &ClusterSnapshot, app: &HelmRelease) -> Option<Result<Value, String>> {
    let mut merged = Map::new();
    for from in &app.values_from {
        let text = match referenced_text(cluster.get(&from.key).map(|o| &**o), from)? {
            Ok(Some(text)) => text,
            Ok(None) => continue,
            Err(why) => return Some(Err(why)),
        };
        let added = match &from.target_path {
            Some(path) => set_value(&mut merged, path, &text),
            None => read_map(&text).map(|values| merge(&mut merged, values)),
        };
        if let Err(why) = added {
            return Some(Err(format!("`{}` of {} {why}", from.entry, from.key)));
        }
    }
    let own = cluster.get(&app.key)?.root().at(&["spec", "values"]).map(|n| n.to_value());
    if let Some(Value::Object(own)) = own {
        merge(&mut merged, own);
    }
    Some(Ok(Value::Object(merged)))
}

/// Returns the text that a reference names; `Ok(None)` where it may be missing and is.
fn referenced_text(
    object: Option<&Object>,
    from: &ValuesReference,
) -> Option<Result<Option<String>, String>> {
    let Some(object) = object else { return from.optional.then_some(Ok(None)) };
    let text = object.root().get("data").and_then(|d| d.get(&from.entry)).and_then(|n| n.as_str());
    let Some(text) = text else {
        let why = || format!("{} has no `{}`", from.key, from.entry);
        return Some(if from.optional { Ok(None) } else { Err(why()) });
    };
    if without_hashes(text) != text {
        return Some(Err(format!("`{}` of {} is redacted", from.entry, from.key)));
    }
    Some(match &*from.key.kind {
        "Secret" => decode_base64(text)
            .map(Some)
            .ok_or_else(|| format!("`{}` of {} is not base64 of a text", from.entry, from.key)),
        _ => Ok(Some(text.to_owned())),
    })
}

/// Reads a text of values.
fn read_map(text: &str) -> Result<Map<String, Value>, String> {
    match yaml::read(text.as_bytes()).into_iter().next() {
        None => Ok(Map::new()),
        Some(Err(e)) => Err(format!("is no YAML: {e}")),
        Some(Ok(document)) => match document.doc.root().to_value() {
            Value::Object(map) => Ok(map),
            Value::Null => Ok(Map::new()),
            _ => Err("is no map of values".to_owned()),
        },
    }
}

/// Merges maps; of anything else, `null` too, the later value counts.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

/// One step of a target path.
#[derive(Debug, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Sets one value, as Helm does for `--set PATH=TEXT`; a text in quotes is a text.
fn set_value(values: &mut Map<String, Value>, path: &str, text: &str) -> Result<(), String> {
    let steps = parse_path(path).ok_or_else(|| format!("goes to `{path}`, which is not read here"))?;
    let is_quoted = |quote: char| text.starts_with(quote) && text.ends_with(quote);
    let (value, is_text) = match is_quoted('\'') || is_quoted('"') {
        true => (text.trim_matches(['\'', '"']), true),
        false => (text, false),
    };
    // A comma begins another value, a brace a list, and a backslash escapes: that is more than one value.
    if value.contains([',', '\\']) || value.starts_with('{') {
        return Err("holds more than one value, which is not read here".to_owned());
    }
    let value = if is_text { Value::from(value) } else { typed(value) };
    let Some((Step::Key(first), rest)) = steps.split_first() else {
        return Err(format!("goes to `{path}`, which is not read here"));
    };
    put(values.entry(first.clone()).or_insert(Value::Null), rest, value)
        .ok_or_else(|| format!("goes to `{path}`, where something else is"))
}

fn parse_path(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, indexes) = part.split_once('[').map_or((part, None), |(name, rest)| (name, Some(rest)));
        if name.is_empty() || name.contains(['\\', ',', '=', ']', '{', '}']) {
            return None;
        }
        steps.push(Step::Key(name.to_owned()));
        for index in indexes.into_iter().flat_map(|rest| rest.split('[')) {
            let index = index.strip_suffix(']')?.parse().ok().filter(|i| *i <= MAX_INDEX)?;
            steps.push(Step::Index(index));
        }
    }
    Some(steps)
}

/// Puts a value at the end of steps, and makes what is not there on the way.
fn put(at: &mut Value, steps: &[Step], value: Value) -> Option<()> {
    match steps.split_first() {
        None => *at = value,
        Some((Step::Key(key), rest)) => {
            if at.is_null() {
                *at = Value::Object(Map::new());
            }
            return put(at.as_object_mut()?.entry(key.clone()).or_insert(Value::Null), rest, value);
        }
        Some((Step::Index(index), rest)) => {
            if at.is_null() {
                *at = Value::Array(Vec::new());
            }
            let list = at.as_array_mut()?;
            if list.len() <= *index {
                list.resize(index + 1, Value::Null);
            }
            return put(&mut list[*index], rest, value);
        }
    }
    Some(())
}

/// Reads a text as Helm types it.
fn typed(text: &str) -> Value {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    match text {
        _ if is("true") => true.into(),
        _ if is("false") => false.into(),
        _ if is("null") => Value::Null,
        "0" => 0.into(),
        _ if text.starts_with('0') => text.into(),
        _ => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
    }
}

/// Returns the texts that a release was given where Secrets set values now: what a Secret held before is a secret still.
pub(super) fn texts_of_secrets(cluster: &ClusterSnapshot, app: &HelmRelease, given: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for from in app.values_from.iter().filter(|from| &*from.key.kind == "Secret") {
        let text = referenced_text(cluster.get(&from.key).map(|o| &**o), from);
        let Some(Ok(Some(text))) = text else { continue };
        let mut set = Map::new();
        let is_set = match &from.target_path {
            Some(path) => set_value(&mut set, path, &text),
            None => read_map(&text).map(|values| set = values),
        };
        if is_set.is_ok() {
            add_texts(&Value::Object(set), given, &mut found);
        }
    }
    found
}

/// Adds the texts of one value that stand where another has something.
fn add_texts(places: &Value, given: &Value, found: &mut Vec<String>) {
    match (places, given) {
        (Value::Object(places), Value::Object(given)) => {
            let both = places.iter().filter_map(|(key, place)| Some((place, given.get(key)?)));
            both.for_each(|(place, given)| add_texts(place, given, found));
        }
        (_, Value::String(text)) => found.push(text.clone()),
        (_, Value::Array(list)) => list.iter().for_each(|v| add_texts(&Value::Null, v, found)),
        (_, Value::Object(map)) => map.values().for_each(|v| add_texts(&Value::Null, v, found)),
        _ => {}
    }
}

/// Returns `true` if two sets of values are the same, however their numbers are written.
pub(super) fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, a)| y.get(k).is_some_and(|b| is_same(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(layers: &[(Option<&str>, &str)]) -> Result<Value, String> {
        let mut values = Map::new();
        for (path, text) in layers {
            match path {
                Some(path) => set_value(&mut values, path, text)?,
                None => merge(&mut values, read_map(text)?),
            }
        }
        Ok(Value::Object(values))
    }

    #[test]
    fn values_are_merged_in_order() {
        for (layers, expect) in [
            (vec![(None, "a: {b: 1, c: 2}"), (None, "a: {b: 3}\nd: 4")], json!({"a":{"b":3,"c":2},"d":4})),
            (vec![(None, "a: {b: 1}"), (None, "a: 2"), (None, "a: {c: 3}")], json!({"a":{"c":3}})),
            (vec![(None, "a: [1, 2]"), (None, "a: [3]")], json!({"a":[3]})),
            (vec![(None, "a: {b: 1}"), (None, "a: {b: null}")], json!({"a":{"b":null}})),
            (vec![(None, ""), (None, "---\n"), (None, "null")], json!({})),
            (vec![(Some("a.b"), "x"), (None, "a: {b: z}")], json!({"a":{"b":"z"}})),
            (vec![(None, "a: {b: y, c: 1}"), (Some("a.b"), "x")], json!({"a":{"b":"x","c":1}})),
            (vec![(Some("a[1].b"), "x"), (Some("a[0]"), "7")], json!({"a":[7,{"b":"x"}]})),
            (vec![(Some("a[0][1]"), "x")], json!({"a":[[null,"x"]]})),
        ] {
            assert_eq!(merged(&layers), Ok(expect), "{layers:?}");
        }
    }

    #[test]
    fn a_single_value_has_the_type_that_helm_gives_it() {
        for (text, expect) in [
            ("12", json!(12)),
            ("-3", json!(-3)),
            ("0", json!(0)),
            ("012", json!("012")),
            ("1.5", json!("1.5")),
            ("TRUE", json!(true)),
            ("null", Value::Null),
            ("", json!("")),
            ("a=b: c\nd", json!("a=b: c\nd")),
            ("'12'", json!("12")),
            ("\"true\"", json!("true")),
        ] {
            assert_eq!(merged(&[(Some("k"), text)]), Ok(json!({"k": expect})), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_plain_value_is_not_read() {
        for (path, text) in [
            ("k", "a,b"),
            ("k", "{a}"),
            ("k", "a\\,b"),
            ("k..l", "a"),
            ("", "a"),
            ("k[x]", "a"),
            ("k[-1]", "a"),
            ("k[99999999]", "a"),
            ("k\\.l", "a"),
        ] {
            let why = merged(&[(Some(path), text)]).unwrap_err();
            assert!(why.contains("not read here") && !why.contains("a,b"), "{path} {text}: {why}");
        }
        assert!(merged(&[(None, "k: 1"), (Some("k.l"), "a")]).unwrap_err().contains("something else"));
        assert!(merged(&[(None, "- a")]).unwrap_err().contains("no map"));
        assert!(merged(&[(None, "a: hunter2: b")]).is_err_and(|why| !why.contains("hunter2")));
        assert!(
            is_same(&json!({"a":[1,2.0]}), &json!({"a":[1.0,2]})) && !is_same(&json!({"a":1}), &json!({}))
        );
    }
}
