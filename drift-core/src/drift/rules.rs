//! Rules that say which differences do not count: those of the engines as they stand in their objects, and own ones.
//!
//! A change that a rule hides is not dropped: it stays in the report with class `Ignored` and the rule's name. A rule
//! that cannot be evaluated hides nothing and is reported as a [`RuleProblem`].
//!
//! Where a rule names places inside of a change, such as one field of an element of a list that is compared as a whole, they
//! are taken out of both sides and the rest is compared again, as engines do it: what no longer differs is hidden.
//!
//! **Invariant:** evaluates no jq: whoever calls hands in what does ([`JqPaths`]), since a deadline needs a clock.

mod edit;
mod exceptions;
mod pointer;
mod target;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::drift::secret::normalized_secret;
use crate::drift::{DriftChange, DriftClass, FieldOp, Owner, ResourceDrift, Status};
use crate::key::ResourceKey;
use crate::object::{Doc, Object};
use crate::path::{FieldPath, PathElement};

use edit::EditedPair;
pub use exceptions::exceptions;
pub use pointer::PointerStep;
pub use target::{LabelMatch, MarkedSides, Pattern, RuleTarget, Selector, SelectorError};

/// What a rule takes out of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Everything about the resource, that it is missing or extra included.
    Whole,
    /// That the resource is extra, and nothing else.
    Extra,
    /// That the resource is missing, and nothing else.
    Missing,
    /// What admission changed on the way in, and nothing else.
    Admitted,
    /// Some fields.
    Fields(FieldRule),
}

/// The fields that a rule takes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldRule {
    /// JSON pointers (RFC 6901).
    pub pointers: Vec<String>,
    /// jq expressions, each naming paths.
    pub jq: Vec<String>,
    /// Field managers whose fields are taken out.
    pub managers: Vec<String>,
    /// Typed paths.
    pub paths: Vec<FieldPath>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What reports call it, such as `ignoreDifferences[0]`.
    pub name: Arc<str>,
    /// Which resources it is about.
    pub target: RuleTarget,
    /// What it takes out.
    pub effect: Effect,
    /// Who answers for it and why; of own exceptions only.
    pub because: Option<Justification>,
}

/// Who answers for an exception, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Justification {
    /// Why.
    pub reason: Arc<str>,
    /// Who answers for it.
    pub owner: Arc<str>,
    /// From then on it hides nothing.
    pub expires: Option<Timestamp>,
}

/// A rule that does not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("rule `{rule}`: {why}")]
pub struct RuleProblem {
    /// The rule's name.
    pub rule: Arc<str>,
    /// What is the matter with it.
    pub why: String,
}

/// Evaluates jq expressions to the paths that they name in a document.
pub trait JqPaths {
    /// Returns the paths that `expression` names in `doc`; one that names nothing returns none.
    ///
    /// # Errors
    /// When the expression cannot be compiled, fails, takes too long, or names too much; the text says which.
    fn paths(&self, expression: &str, doc: &Doc) -> Result<Vec<Vec<PointerStep>>, String>;
}

/// Evaluates no jq: every expression is an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoJq;

impl JqPaths for NoJq {
    fn paths(&self, _: &str, _: &Doc) -> Result<Vec<Vec<PointerStep>>, String> {
        Err("jq is not built in".to_owned())
    }
}

/// Compares two objects of one kind as a resource was compared before rules were asked; a closure does.
pub trait PairComparison {
    /// Compares a declared object with a live one.
    fn compare(&self, desired: &Object, live: &Object) -> ResourceDrift;
}

impl<F: Fn(&Object, &Object) -> ResourceDrift> PairComparison for F {
    fn compare(&self, desired: &Object, live: &Object) -> ResourceDrift {
        self(desired, live)
    }
}

/// What rules are evaluated with.
#[derive(Clone, Copy)]
pub struct RuleContext<'a> {
    /// Evaluates jq.
    pub jq: &'a dyn JqPaths,
    /// Compares what is left of the two sides of the resource.
    pub pair: &'a dyn PairComparison,
}

impl std::fmt::Debug for RuleContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleContext").finish_non_exhaustive()
    }
}

/// The two sides of a resource that rules look at.
#[derive(Clone, Copy, Debug)]
pub struct ResourcePair<'a> {
    /// Which resource.
    pub key: &'a ResourceKey,
    /// As declared.
    pub desired: Option<&'a Object>,
    /// As it is.
    pub live: Option<&'a Object>,
}

/// Rules in the order in which they are asked; the first one that hides a change names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    /// The rules.
    pub rules: Vec<Rule>,
    /// What is the matter with rules that could not be read at all.
    pub problems: Vec<RuleProblem>,
}

/// What is the matter with rules, each said once.
pub type RuleProblems = BTreeMap<RuleProblem, ()>;

impl RuleSet {
    /// Adds the rules of another set behind these.
    pub fn append(&mut self, mut other: Self) {
        self.rules.append(&mut other.rules);
        self.problems.append(&mut other.problems);
    }

    /// Returns a set in which what has expired by `now` is a problem and no rule any more.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        let mut problems = Vec::new();
        self.rules.retain(|rule| {
            let expired = rule.because.as_ref().and_then(|b| b.expires).filter(|e| *e <= now);
            if let Some(expired) = expired {
                let why =
                    format!("expired at {}: it hides nothing any more", crate::time::format_time(expired));
                problems.push(RuleProblem { rule: Arc::clone(&rule.name), why });
            }
            expired.is_none()
        });
        self.problems.append(&mut problems);
        self
    }

    /// Marks what the rules hide in one resource, and says what is wrong with rules on the way.
    pub fn hide(
        &self,
        resource: &mut ResourceDrift,
        sides: ResourcePair<'_>,
        context: RuleContext<'_>,
        problems: &mut RuleProblems,
    ) {
        if resource.status == Status::InSync && resource.changes.is_empty() {
            return;
        }
        // Paths are those of what the API server holds, which knows no `stringData`.
        let folded = [sides.desired, sides.live].map(|o| o.and_then(normalized_secret));
        let [desired, live] = &folded;
        let as_held = ResourcePair {
            desired: desired.as_ref().or(sides.desired),
            live: live.as_ref().or(sides.live),
            ..sides
        };
        let mut edited = EditedPair::new(as_held);
        if resource.status == Status::Unknown {
            return self.settle(resource, sides, edited, context);
        }
        for rule in self.rules.iter().filter(|r| r.target.matches(sides)) {
            match &rule.effect {
                Effect::Whole => hide_whole(rule, resource),
                Effect::Extra if resource.status == Status::Extra => hide_whole(rule, resource),
                Effect::Missing if resource.status == Status::Missing => hide_whole(rule, resource),
                Effect::Extra | Effect::Missing => {}
                Effect::Admitted => {
                    let admitted = resource.changes.iter_mut().filter(|c| c.class == DriftClass::Mutated);
                    admitted.for_each(|c| mark(c, rule));
                }
                Effect::Fields(fields) => {
                    edited.add(fields);
                    hide_fields(rule, fields, resource, (as_held, &mut edited), context, problems);
                }
            }
        }
        if resource.status == Status::Drifted && !resource.changes.iter().any(|c| c.class.counts()) {
            resource.status = Status::InSync;
        }
    }
}

impl RuleSet {
    /// Settles what is not known of a resource, where it lies in fields that rules take out.
    fn settle<'a>(
        &'a self,
        resource: &mut ResourceDrift,
        sides: ResourcePair<'_>,
        mut edited: EditedPair<'a>,
        context: RuleContext<'_>,
    ) {
        let mut last = None;
        for rule in self.rules.iter().filter(|r| r.target.matches(sides)) {
            if let Effect::Fields(fields) = &rule.effect {
                edited.add(fields);
                last = Some(rule);
            }
        }
        let Some(rule) = last else { return };
        if let Some(left) = edited.compare(context).filter(|left| left.status == Status::InSync) {
            resource.status = Status::InSync;
            resource.notes = left.notes;
            resource.rule = Some(Arc::clone(&rule.name));
        }
    }
}

fn hide_whole(rule: &Rule, resource: &mut ResourceDrift) {
    if matches!(resource.status, Status::Missing | Status::Extra)
        && resource.class != Some(DriftClass::Ignored)
    {
        resource.class = Some(DriftClass::Ignored);
        resource.rule = Some(Arc::clone(&rule.name));
    }
    resource.changes.iter_mut().for_each(|c| mark(c, rule));
}

/// A change that an earlier rule hides keeps its name; so does one of bookkeeping, which no rule is about, and the mark itself by
/// which the resource was taken out without being declared so: that is an act of its own, whatever it then hides.
fn mark(change: &mut DriftChange, rule: &Rule) {
    let is_mark = rule.target.mark.as_ref().is_some_and(|mark| puts(change, &mark.key));
    if change.class != DriftClass::Ignored && !change.is_bookkeeping() && !is_mark {
        change.class = DriftClass::Ignored;
        change.rule = Some(Arc::clone(&rule.name));
    }
}

/// Returns `true` if a change is that a label or annotation was put in.
fn puts(change: &DriftChange, key: &str) -> bool {
    let is_metadata = change.path.starts_with_fields(&["metadata", "annotations"])
        || change.path.starts_with_fields(&["metadata", "labels"]);
    change.op == FieldOp::Add
        && is_metadata
        && match change.path.elements() {
            [_, _] => change.live.as_ref().is_some_and(|map| map.get(key).is_some()),
            [_, _, PathElement::Field(name)] => **name == *key,
            _ => false,
        }
}

fn hide_fields(
    rule: &Rule,
    fields: &FieldRule,
    resource: &mut ResourceDrift,
    (sides, edited): (ResourcePair<'_>, &mut EditedPair<'_>),
    context: RuleContext<'_>,
    problems: &mut RuleProblems,
) {
    if resource.changes.iter().all(|c| c.class == DriftClass::Ignored) {
        return;
    }
    let mut places = |object: Option<&Object>| {
        let problem = |why: String| {
            problems.insert(RuleProblem { rule: Arc::clone(&rule.name), why }, ());
        };
        object.map(|o| places_in(fields, o, context.jq, problem)).unwrap_or_default()
    };
    let (in_desired, in_live) = (places(sides.desired), places(sides.live));
    let owned = sides.live.map(|live| edit::owned_by(fields, live)).unwrap_or_default();
    for change in &mut resource.changes {
        let by_path = fields.paths.iter().chain(&owned).any(|p| change.path.starts_with(p));
        let trusted = |o: &Owner| fields.managers.iter().any(|m| **m == *o.manager);
        if by_path
            || change.owner.as_ref().is_some_and(trusted)
            || pointer::covers(change, sides, &in_desired, &in_live)
        {
            mark(change, rule);
        }
    }
    let is_deeper = |c: &DriftChange| {
        fields.paths.iter().chain(&owned).any(|p| p.len() > c.path.len() && p.starts_with(&c.path))
            || pointer::reach_into(c, sides.desired, &in_desired)
            || pointer::reach_into(c, sides.live, &in_live)
    };
    if !resource.changes.iter().any(|c| c.class.counts() && is_deeper(c)) {
        return;
    }
    let Some(left) = edited.compare(context) else { return };
    for change in resource.changes.iter_mut().filter(|c| c.class.counts() && is_deeper(c)) {
        if !edit::remains(change, &left.changes) {
            mark(change, rule);
        }
    }
}

/// Returns the places that the pointers and expressions of a rule name in an object.
fn places_in(
    fields: &FieldRule,
    object: &Object,
    jq: &dyn JqPaths,
    mut problem: impl FnMut(String),
) -> Vec<Vec<PointerStep>> {
    let mut all = Vec::new();
    for text in &fields.pointers {
        match pointer::parse(text) {
            Ok(steps) => all.push(steps),
            Err(why) => problem(why),
        }
    }
    for expression in &fields.jq {
        match jq.paths(expression, object.doc()) {
            Ok(paths) => all.extend(paths),
            Err(why) => problem(why),
        }
    }
    all
}
