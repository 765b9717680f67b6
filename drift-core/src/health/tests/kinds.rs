//! Kinds of many projects that no rule was tuned on: what the conventions make of them.

use serde_json::{Value, json};

use super::super::{Health, HealthContext, HealthRules, assess_manifest, newest_time};
use crate::object::Doc;

/// One line of a table.
pub(super) struct Row {
    pub(super) line: usize,
    /// What an operator of this kind would say.
    pub(super) expected: String,
    /// What the conventions say instead; the reason is in `docs/health.md`.
    pub(super) conventions: Option<String>,
    pub(super) object: Value,
}

/// Reads a table; `conds` is short for `conditions`.
pub(super) fn rows(text: &str) -> Vec<Row> {
    let lines = text.lines().enumerate().filter(|(_, l)| !l.is_empty() && !l.starts_with('#'));
    let row = |(n, line): (usize, &str)| {
        let (said, rest) = line.split_once(' ').unwrap();
        let (kind, body) = rest.trim_start().split_once(' ').unwrap();
        let (api_version, kind) = kind.rsplit_once('/').unwrap();
        let mut object =
            spelled_out(serde_json::from_str(body).unwrap_or_else(|e| panic!("line {}: {e}", n + 1)));
        (object["apiVersion"], object["kind"]) = (api_version.into(), kind.into());
        let (expected, ours) = match said.split_once('(') {
            Some((expected, ours)) => (expected, Some(ours.trim_end_matches(')').to_owned())),
            None => (said, None),
        };
        Row { line: n + 1, expected: expected.to_owned(), conventions: ours, object }
    };
    lines.map(row).collect()
}

/// Returns the objects of all tables.
pub(crate) fn objects() -> Vec<Value> {
    let tables = [include_str!("kinds.txt"), include_str!("kinds_unseen.txt")];
    let of_areas = super::tables::AREAS.iter().map(|area| area.expectations);
    tables.into_iter().chain(of_areas).flat_map(rows).map(|row| row.object).collect()
}

fn spelled_out(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let field = |(key, value): (String, Value)| match (key.as_str(), &value) {
                ("conds", Value::Array(list)) => {
                    let one =
                        |c: &Value| json!({"type": c[0], "status": c[1], "reason": c[2], "message": c[3]});
                    ("conditions".to_owned(), list.iter().map(one).collect())
                }
                _ => (key, spelled_out(value)),
            };
            Value::Object(map.into_iter().map(field).collect())
        }
        Value::Array(list) => list.into_iter().map(spelled_out).collect(),
        other => other,
    }
}

pub(super) fn health(object: &Value, rules: &HealthRules) -> Health {
    let doc = Doc::from_value(object).unwrap();
    let now = newest_time(doc.root()).unwrap_or_default();
    assess_manifest(doc.root(), &HealthContext { now, rules, previous: None })
}

fn judged(object: &Value, rules: &HealthRules) -> String {
    format!("{:?}", health(object, rules).status)
}

/// Checks that the conventions say what is expected wherever nothing else is marked, and that no mark is out of date.
fn check(text: &str, least: usize) {
    let rows = rows(text);
    let rules = HealthRules::none();
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let got = judged(&row.object, &rules);
            let want = row.conventions.as_ref().unwrap_or(&row.expected);
            (got != *want)
                .then(|| format!("line {}: {want} was wanted, {got} was said: {}", row.line, row.object))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let right = rows.iter().filter(|r| r.conventions.is_none()).count();
    assert!(right * 100 >= rows.len() * least, "{right} of {} are right", rows.len());
}

#[test]
fn conventions_tell_most_kinds_without_a_rule() {
    check(include_str!("kinds.txt"), 97);
}

#[test]
fn conventions_tell_most_kinds_that_came_later() {
    check(include_str!("kinds_unseen.txt"), 95);
}

/// The table is for what conventions cannot tell: it may not make other kinds worse.
#[test]
fn rules_make_no_kind_worse() {
    let (none, bundled) = (HealthRules::none(), HealthRules::bundled());
    for row in rows(include_str!("kinds.txt")).iter().chain(&rows(include_str!("kinds_unseen.txt"))) {
        let without = judged(&row.object, &none);
        if without == row.expected {
            assert_eq!(judged(&row.object, &bundled), without, "line {}: {}", row.line, row.object);
        }
    }
}
