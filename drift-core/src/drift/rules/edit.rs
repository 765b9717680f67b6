//! Both sides of a resource without what rules take out of them.
//!
//! Engines edit both documents and compare what is left. That matters where a place lies deeper than a change: in a list
//! that is compared as a whole, or in a map of which other parts differ too.

use serde_json::Value;

use crate::drift::{DriftChange, ResourceDrift};
use crate::object::{Doc, Object};
use crate::ownership::ManagedFields;
use crate::path::FieldPath;

use super::pointer::{self, PointerStep};
use super::{FieldRule, JqPaths, ResourcePair, RuleContext};

/// The two sides of a resource, from which the rules that were asked so far take out what they name, one after the other.
pub(super) struct EditedPair<'a> {
    sides: ResourcePair<'a>,
    asked: Vec<&'a FieldRule>,
    /// The two sides as far as they were edited, and by how many rules.
    edited: Option<(Value, Value, usize)>,
}

impl<'a> EditedPair<'a> {
    /// Starts with both sides as they are.
    pub(super) fn new(sides: ResourcePair<'a>) -> Self {
        Self { sides, asked: Vec::new(), edited: None }
    }

    /// Adds what a rule takes out; nothing is edited before somebody compares.
    pub(super) fn add(&mut self, rule: &'a FieldRule) {
        self.asked.push(rule);
    }

    /// Compares what is left of both sides; `None` where one is not there or no object any more.
    pub(super) fn compare(&mut self, context: RuleContext<'_>) -> Option<ResourceDrift> {
        let (desired, live) = (self.sides.desired?, self.sides.live?);
        let (mut d, mut l, done) =
            self.edited.take().unwrap_or_else(|| (desired.root().to_value(), live.root().to_value(), 0));
        for rule in self.asked.iter().skip(done) {
            let owned = owned_by(rule, live);
            take_out(&mut d, rule, &owned, context.jq);
            take_out(&mut l, rule, &owned, context.jq);
        }
        let object = |value: &Value| Object::new(Doc::from_value(value).ok()?).ok();
        let (edited_desired, edited_live) = (object(&d), object(&l));
        self.edited = Some((d, l, self.asked.len()));
        Some(context.pair.compare(&edited_desired?, &edited_live?))
    }
}

/// Returns `true` if what is left of two sides still differs where a change is.
pub(super) fn remains(change: &DriftChange, left: &[DriftChange]) -> bool {
    let meets = |c: &DriftChange| c.path.starts_with(&change.path) || change.path.starts_with(&c.path);
    left.iter().any(|c| c.class.counts() && meets(c))
}

/// Returns the fields that the managers of a rule own; of a field with parts its parts.
pub(super) fn owned_by(rule: &FieldRule, live: &Object) -> Vec<FieldPath> {
    if rule.managers.is_empty() {
        return Vec::new();
    }
    let managed = ManagedFields::of(live);
    let trusted = managed.entries().iter().filter(|e| rule.managers.iter().any(|m| **m == *e.manager));
    let leaves = trusted.flat_map(|e| {
        // Sorted, so that the parts of a field follow it.
        let all = e.fields.paths();
        let has_parts = |i: usize| all.get(i + 1).is_some_and(|next| next.starts_with(&all[i]));
        (0..all.len()).filter(|i| !has_parts(*i)).map(|i| all[i].clone()).collect::<Vec<_>>()
    });
    leaves.collect()
}

/// Takes out what a rule names, in the order in which Argo CD does.
fn take_out(value: &mut Value, rule: &FieldRule, owned: &[FieldPath], jq: &dyn JqPaths) {
    for path in owned.iter().chain(&rule.paths) {
        let Ok(doc) = Doc::from_value(value) else { return };
        if let Some((steps, _)) = pointer::locate(doc.root(), path) {
            remove(value, &steps);
        }
    }
    for steps in rule.pointers.iter().filter_map(|text| pointer::parse(text).ok()) {
        remove(value, &steps);
    }
    for expression in &rule.jq {
        let Ok(doc) = Doc::from_value(value) else { return };
        let mut places = jq.paths(expression, &doc).unwrap_or_default();
        // From the end, so that no place moves before it is removed.
        places.sort_unstable_by(|a, b| b.cmp(a));
        places.dedup();
        places.iter().for_each(|steps| remove(value, steps));
    }
}

/// Removes a place; the document as a whole stays.
fn remove(value: &mut Value, steps: &[PointerStep]) {
    let Some((last, above)) = steps.split_last() else { return };
    let mut at = value;
    for step in above {
        let below = match (at, step) {
            (Value::Object(map), PointerStep::Key(key) | PointerStep::Either(key)) => map.get_mut(key),
            (Value::Array(list), step) => step.index().and_then(|i| list.get_mut(i)),
            _ => None,
        };
        let Some(below) = below else { return };
        at = below;
    }
    match (at, last) {
        (Value::Object(map), PointerStep::Key(key) | PointerStep::Either(key)) => drop(map.remove(key)),
        (Value::Array(list), step) => {
            if let Some(i) = step.index().filter(|i| *i < list.len()) {
                list.remove(i);
            }
        }
        _ => {}
    }
}
