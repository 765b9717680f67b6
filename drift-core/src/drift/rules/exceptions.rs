//! Own exceptions, from a file.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::path::FieldPath;

use super::{Effect, FieldRule, Justification, Pattern, Rule, RuleProblem, RuleSet, RuleTarget, Selector};

const KEYS: &[&str] = &["name", "resources", "paths", "jq", "managers", "reason", "owner", "expires"];
const RESOURCE_KEYS: &[&str] = &["group", "version", "kind", "namespace", "name", "labels", "annotations"];

/// Reads a document `{"kind": "Exceptions", "exceptions": [...]}`.
///
/// Every exception says which `resources` it is about (globs, and selectors of `labels` and `annotations`), which
/// `paths` (typed paths, or JSON pointers), `jq` expressions or `managers` it takes out (all of the resource without
/// any), the `reason`, the `owner`, and when it `expires`. What is wrong with one costs only that one.
pub fn exceptions(document: &Value) -> RuleSet {
    let mut set = RuleSet::default();
    let problem = |rule: &str, why: String| RuleProblem { rule: rule.into(), why };
    if document.get("kind").and_then(Value::as_str) != Some("Exceptions") {
        set.problems.push(problem("exceptions", "the file has no `kind: Exceptions`".to_owned()));
        return set;
    }
    let list = document.get("exceptions").and_then(Value::as_array);
    let mut names = BTreeSet::new();
    for (i, entry) in list.into_iter().flatten().enumerate() {
        let name = entry
            .get("name")
            .and_then(Value::as_str)
            .map_or_else(|| format!("exceptions[{i}]"), str::to_owned);
        if !names.insert(name.clone()) {
            set.problems.push(problem(&name, "the name is there twice".to_owned()));
        }
        match exception(&name, entry) {
            Ok(rule) => set.rules.push(rule),
            Err(why) => set.problems.push(problem(&name, why)),
        }
    }
    set
}

fn exception(name: &str, entry: &Value) -> Result<Rule, String> {
    let map = entry.as_object().ok_or("is no map")?;
    known(map, KEYS)?;
    let text = |key: &str| map.get(key).and_then(Value::as_str).filter(|t| !t.trim().is_empty());
    let needed = |key: &str| text(key).map(Arc::from).ok_or_else(|| format!("has no `{key}`"));
    let expires = match map.get("expires") {
        None | Some(Value::Null) => None,
        Some(Value::String(t)) => Some(t.parse().map_err(|_| format!("`expires` is no time: `{t}`"))?),
        Some(_) => return Err("`expires` is no time".to_owned()),
    };
    let because = Some(Justification { reason: needed("reason")?, owner: needed("owner")?, expires });
    let resources = map.get("resources").and_then(Value::as_object).ok_or("has no `resources`")?;
    let effect = match fields(map)? {
        fields if fields == FieldRule::default() => Effect::Whole,
        fields => Effect::Fields(fields),
    };
    Ok(Rule { name: name.into(), target: target(resources)?, effect, because })
}

fn known(map: &Map<String, Value>, keys: &[&str]) -> Result<(), String> {
    match map.keys().find(|k| !keys.contains(&&***k)) {
        Some(key) => Err(format!("`{key}` is not known; there is {}", keys.join(", "))),
        None => Ok(()),
    }
}

fn texts(map: &Map<String, Value>, key: &str) -> Result<Vec<String>, String> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => {
            let text =
                |v: &Value| v.as_str().map(str::to_owned).ok_or_else(|| format!("`{key}` holds no text"));
            list.iter().map(text).collect()
        }
        Some(_) => Err(format!("`{key}` is no list")),
    }
}

fn fields(map: &Map<String, Value>) -> Result<FieldRule, String> {
    let mut rule =
        FieldRule { jq: texts(map, "jq")?, managers: texts(map, "managers")?, ..FieldRule::default() };
    for text in texts(map, "paths")? {
        if text.starts_with('/') {
            rule.pointers.push(text);
        } else {
            rule.paths.push(FieldPath::parse(&text).map_err(|e| format!("`{text}` is no path: {e}"))?);
        }
    }
    Ok(rule)
}

fn target(map: &Map<String, Value>) -> Result<RuleTarget, String> {
    known(map, RESOURCE_KEYS)?;
    let text = |key: &str| match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(t)) => Ok(Some(t.as_str())),
        Some(_) => Err(format!("`resources.{key}` is no text")),
    };
    let glob = |key: &str| text(key).map(|t| t.map_or(Pattern::Any, Pattern::glob));
    let selector = |key: &str| -> Result<Option<Selector>, String> {
        text(key)?.map(|t| Selector::parse(t).map_err(|e| e.to_string())).transpose()
    };
    Ok(RuleTarget {
        group: glob("group")?,
        version: glob("version")?,
        kind: glob("kind")?,
        namespace: glob("namespace")?,
        name: glob("name")?,
        labels: selector("labels")?,
        annotations: selector("annotations")?,
        mark: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problem(entry: Value) -> String {
        let set = exceptions(&json!({"kind":"Exceptions","exceptions":[entry]}));
        assert!(set.rules.is_empty());
        set.problems[0].to_string()
    }

    #[test]
    fn an_exception_is_read_whole() {
        let set = exceptions(
            &json!({"kind":"Exceptions","exceptions":[{"name":"scaled","reason":"sale","owner":"dana",
            "expires":"2026-12-01T00:00:00Z","resources":{"kind":"Deployment","name":"web-*","labels":"a=b"},
            "paths":["spec.replicas","/spec/paused"]}]}),
        );
        assert!(set.problems.is_empty(), "{:?}", set.problems);
        let Effect::Fields(fields) = &set.rules[0].effect else { panic!("fields") };
        assert_eq!((fields.paths.len(), fields.pointers.len()), (1, 1));
        let late = set.at("2026-12-02T00:00:00Z".parse().unwrap());
        assert!(late.rules.is_empty() && late.problems[0].why.contains("expired"));
    }

    #[test]
    fn a_broken_exception_says_what_is_wrong_with_it() {
        assert!(problem(json!({"name":"a","resources":{},"owner":"b"})).contains("`reason`"));
        assert!(problem(json!({"name":"a","resources":{},"reason":"r"})).contains("`owner`"));
        assert!(
            problem(json!({"resources":{},"reason":"r","owner":"o","path":["x"]}))
                .contains("`path` is not known")
        );
        assert!(
            problem(json!({"resources":{},"reason":"r","owner":"o","paths":["a[" ]})).contains("is no path")
        );
        assert!(
            problem(json!({"resources":{},"reason":"r","owner":"o","expires":"soon"})).contains("no time")
        );
        assert!(problem(json!({"resources":{"labels":"a b"},"reason":"r","owner":"o"})).contains("selector"));
        assert!(exceptions(&json!([])).problems[0].why.contains("kind"));
    }
}
