//! Rules that reach into what is compared as a whole.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::rules::{
    Effect, FieldRule, JqPaths, NoJq, PointerStep, ResourcePair, Rule, RuleContext, RuleProblems, RuleSet,
    RuleTarget,
};
use super::super::{Context, Status, compare_object};
use crate::object::{Doc, Object};
use crate::path::FieldPath;
use crate::schema::SchemaSet;

/// A custom resource without a definition: all of its lists are compared as wholes.
fn machine(spec: &Value) -> Value {
    json!({"apiVersion":"example.org/v1","kind":"Machine","metadata":{"name":"a","namespace":"default"},"spec":spec})
}

fn rule(fields: FieldRule) -> RuleSet {
    let rule = Rule {
        name: "r".into(),
        target: RuleTarget::default(),
        effect: Effect::Fields(fields),
        because: None,
    };
    RuleSet { rules: vec![rule], problems: Vec::new() }
}

fn pointers(all: &[&str]) -> RuleSet {
    rule(FieldRule { pointers: all.iter().map(|p| (*p).to_owned()).collect(), ..FieldRule::default() })
}

/// Names the `image` of every part, as `.spec.parts[].image` does.
struct Images;

impl JqPaths for Images {
    fn paths(&self, _: &str, doc: &Doc) -> Result<Vec<Vec<PointerStep>>, String> {
        let key = |text: &str| PointerStep::Key(text.to_owned());
        let parts = doc.root().at(&["spec", "parts"]).map_or(0, |n| n.len());
        Ok((0..parts).map(|i| vec![key("spec"), key("parts"), PointerStep::Index(i), key("image")]).collect())
    }
}

/// Returns the paths that count and those that are hidden.
fn hide(rules: &RuleSet, desired: &Value, live: &Value) -> (Vec<String>, Vec<String>) {
    let object = |v: &Value| Arc::new(Object::new(Doc::from_value(v).unwrap()).unwrap());
    let (desired, live) = (object(desired), object(live));
    let schemas = SchemaSet::bundled();
    let pair = |d: &Object, l: &Object| compare_object(&l.key(), d, l, &Context::new(&schemas));
    let mut resource = pair(&desired, &live);
    assert!(!resource.changes.is_empty(), "the two sides do not differ");
    let sides = ResourcePair { key: &live.key(), desired: Some(&desired), live: Some(&live) };
    let jq: &dyn JqPaths = if uses_jq(rules) { &Images } else { &NoJq };
    let mut problems = RuleProblems::new();
    rules.hide(&mut resource, sides, RuleContext { jq, pair: &pair }, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    let (counts, hidden): (Vec<_>, Vec<_>) = resource.changes.iter().partition(|c| c.class.counts());
    assert_eq!(resource.status == Status::InSync, counts.is_empty());
    let paths = |all: Vec<&super::super::DriftChange>| all.iter().map(|c| c.path.to_string()).collect();
    (paths(counts), paths(hidden))
}

fn uses_jq(rules: &RuleSet) -> bool {
    rules.rules.iter().any(|r| matches!(&r.effect, Effect::Fields(f) if !f.jq.is_empty()))
}

fn hides_all(rules: &RuleSet, desired: Value, live: Value) {
    let (counts, hidden) = hide(rules, &desired, &live);
    assert!(counts.is_empty() && !hidden.is_empty(), "{counts:?} count");
}

fn hides_nothing(rules: &RuleSet, desired: Value, live: Value) {
    let (counts, hidden) = hide(rules, &desired, &live);
    assert!(hidden.is_empty() && !counts.is_empty(), "{hidden:?} are hidden");
}

fn parts(images: [&str; 2]) -> Value {
    machine(&json!({"parts": [{"name":"a","image":images[0]}, {"name":"b","image":images[1]}]}))
}

#[test]
fn a_pointer_reaches_into_a_list_that_is_compared_as_a_whole() {
    hides_all(&pointers(&["/spec/parts/0/image"]), parts(["1", "1"]), parts(["2", "1"]));
    // Another element differs as well, or another field of the same one.
    hides_nothing(&pointers(&["/spec/parts/0/image"]), parts(["1", "1"]), parts(["2", "2"]));
    let live = machine(&json!({"parts": [{"name":"z","image":"2"}, {"name":"b","image":"1"}]}));
    hides_nothing(&pointers(&["/spec/parts/0/image"]), parts(["1", "1"]), live);
    // The place is another element on the other side: what is left of both is not the same.
    let swapped = machine(&json!({"parts": [{"name":"b","image":"1"}, {"name":"a","image":"1"}]}));
    hides_nothing(&pointers(&["/spec/parts/0/image"]), parts(["1", "2"]), swapped);
    // A whole element, and one that only one side has.
    hides_all(&pointers(&["/spec/parts/1"]), parts(["1", "1"]), parts(["1", "2"]));
    let longer =
        machine(&json!({"parts": [{"name":"a","image":"1"}, {"name":"b","image":"1"}, {"name":"c"}]}));
    hides_all(&pointers(&["/spec/parts/2"]), longer.clone(), parts(["1", "1"]));
    hides_nothing(&pointers(&["/spec/parts/3"]), longer, parts(["1", "1"]));
}

#[test]
fn several_rules_take_out_one_after_the_other() {
    let all = ["/spec/parts/0/image", "/spec/parts/1/image"];
    hides_all(&pointers(&all), parts(["1", "1"]), parts(["2", "2"]));
    let mut two = pointers(&all[..1]);
    two.append(pointers(&all[1..]));
    hides_all(&two, parts(["1", "1"]), parts(["2", "2"]));
}

#[test]
fn expressions_paths_and_managers_reach_as_deep() {
    let jq = rule(FieldRule { jq: vec![".spec.parts[].image".into()], ..FieldRule::default() });
    hides_all(&jq, parts(["1", "1"]), parts(["2", "2"]));
    let renamed = machine(&json!({"parts": [{"name":"a","image":"2"}, {"name":"c","image":"2"}]}));
    hides_nothing(&jq, parts(["1", "1"]), renamed);
    let path = FieldPath::parse("spec.parts[1].image").unwrap();
    let typed = rule(FieldRule { paths: vec![path], ..FieldRule::default() });
    hides_all(&typed, parts(["1", "1"]), parts(["1", "2"]));
    hides_nothing(&typed, parts(["1", "1"]), parts(["2", "2"]));
    // A map that a person and a controller filled together, which one change shows.
    let trusted = rule(FieldRule { managers: vec!["tuner".into()], ..FieldRule::default() });
    let by = |manager: &str, fields: Value| {
        json!({"manager":manager,"operation":"Update","apiVersion":"example.org/v1",
        "time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":fields}})
    };
    let mut live = machine(&json!({"size": 1, "tuning": {"level": 3, "mode": "fast"}}));
    live["metadata"]["managedFields"] = json!([
        by("ann", json!({"f:tuning":{".":{},"f:mode":{}}})),
        by("tuner", json!({"f:tuning":{"f:level":{}}}))
    ]);
    let (counts, _) = hide(&trusted, &machine(&json!({"size": 1})), &live);
    assert!(!counts.is_empty(), "what a person put in is hidden with what the manager did");
}

#[test]
fn a_key_with_a_slash_and_a_secret_under_its_written_name_are_found() {
    let taints =
        |value: &str| machine(&json!({"sets": [{"labels": {"example.org/zone": value, "keep": "1"}}]}));
    hides_all(&pointers(&["/spec/sets/0/labels/example.org~1zone"]), taints("a"), taints("b"));
    let secret = |field: &str, value: &str| json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"default"},field:{"token":value}});
    hides_all(&pointers(&["/data/token"]), secret("stringData", "a"), secret("data", "Yg=="));
    hides_nothing(&pointers(&["/data/other"]), secret("stringData", "a"), secret("data", "Yg=="));
}

#[test]
fn what_is_not_known_of_a_resource_is_settled_where_a_rule_takes_it_out() {
    let schemas = SchemaSet::bundled();
    let pair = |d: &Object, l: &Object| compare_object(&l.key(), d, l, &Context::new(&schemas));
    let object = |v: &Value| Object::new(Doc::from_value(v).unwrap()).unwrap();
    let settled = |rules: &RuleSet| {
        let desired = object(&machine(&json!({"size": 1})));
        // Without a schema, and without an owner, it may be a default.
        let mut live = machine(&json!({"size": 1, "mode": "fast"}));
        live["metadata"]["managedFields"] = json!([{"manager":"argocd-controller","operation":"Update","apiVersion":"example.org/v1",
            "time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:size":{}}}}]);
        let live = object(&live);
        let mut resource = pair(&desired, &live);
        let before = resource.status;
        let sides = ResourcePair { key: &live.key(), desired: Some(&desired), live: Some(&live) };
        rules.hide(&mut resource, sides, RuleContext { jq: &NoJq, pair: &pair }, &mut RuleProblems::new());
        (before, resource.status)
    };
    let (before, after) = settled(&pointers(&["/spec/mode"]));
    assert_eq!(after, Status::InSync, "{before:?} before");
    assert_eq!(settled(&pointers(&["/spec/other"])).1, before);
}
