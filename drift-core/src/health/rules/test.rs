//! The tests of a rule, and the text it fills in.

use jiff::Timestamp;

use super::super::verdict::Subject;
use super::glob::Glob;
use super::path::{Path, is_set, lookup, text};
use crate::k8s::conditions::{Condition, Truth};

/// What the tests came across, which is what a rule says when it gives no text of its own.
#[derive(Debug, Default)]
pub(super) struct FoundValues {
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    pub(super) since: Option<Timestamp>,
    /// Why a test could not be made: a rule must not be inert in silence.
    pub(super) failure: Option<String>,
}

impl FoundValues {
    fn condition(&mut self, condition: &Condition<'_>) {
        self.reason.get_or_insert_with(|| condition.reason_or_name().to_owned());
        if !condition.message.is_empty() {
            self.message.get_or_insert_with(|| condition.message.to_owned());
        }
        self.since = self.since.or(condition.since);
    }
}

/// How a value compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

/// One side of a comparison of numbers.
#[derive(Debug)]
pub(super) enum Operand {
    Number(f64),
    Path(Path),
}

/// One thing that a rule asks.
#[derive(Debug)]
pub(super) enum RuleTest {
    /// `always`
    Always,
    /// `lags`: the controller has not seen the newest spec.
    Lags,
    /// `.path` or `!.path`: something is there, or not.
    Set { path: Path, wanted: bool },
    /// `.path = a | b`: one of the values found is one of these. With `every`: all are, and there is one.
    Is { path: Path, values: Vec<Glob>, every: bool },
    /// `.path != a | b`: none of the values found is one of these; nothing found is fine.
    IsNot { path: Path, values: Vec<Glob> },
    /// `.path < .other`, as numbers; a side that is not there makes it false. With `any`: one of those on the left.
    Compare { left: Operand, order: Order, right: Operand, any: bool },
    /// `.path same .other` and `.path differs .other`: what both lead to, in order.
    Same { left: Path, right: Path, wanted: bool },
    /// `Ready=False(Reason|Other*)`
    Condition { name: Glob, truths: Vec<Truth>, reasons: Vec<Glob> },
    /// `Ready!=True`: not there, or not so.
    NotCondition { name: Glob, truths: Vec<Truth> },
    /// `!Ready`: no such condition.
    NoCondition { name: Glob },
    /// `cel "..."`
    #[cfg(feature = "cel")]
    Cel(crate::health::cel::Predicate),
}

impl RuleTest {
    pub(super) fn holds(&self, subject: &Subject<'_>, found: &mut FoundValues) -> bool {
        match self {
            Self::Always => true,
            Self::Lags => subject.lags(),
            Self::Set { path, wanted } => path.select(subject).into_iter().any(is_set) == *wanted,
            Self::Is { path, values, every } => {
                let texts: Vec<String> = path.select(subject).into_iter().map(text).collect();
                let fits = |t: &String| values.iter().any(|v| v.matches(t));
                let hit = texts.iter().find(|t| fits(t)).cloned();
                let holds = hit.is_some() && (!every || texts.iter().all(fits));
                // A word is a reason, `true` and `3` are none.
                let is_word = |h: &String| {
                    h.starts_with(char::is_alphabetic) && !["true", "false"].contains(&h.as_str())
                };
                if holds && let Some(hit) = hit.filter(is_word) {
                    found.reason.get_or_insert(hit);
                }
                holds
            }
            Self::IsNot { path, values } => {
                path.select(subject).into_iter().map(text).all(|t| !values.iter().any(|v| v.matches(&t)))
            }
            Self::Compare { left, order, right, any } => {
                let left = left.numbers(subject);
                let considered = if *any { left.len() } else { 1 };
                let right = right.numbers(subject);
                let right = right.first();
                left.iter().take(considered).any(|l| right.is_some_and(|r| order.holds(*l, *r)))
            }
            Self::Same { left, right, wanted } => {
                let texts = |path: &Path| path.select(subject).into_iter().map(text).collect::<Vec<_>>();
                (texts(left) == texts(right)) == *wanted
            }
            Self::Condition { name, truths, reasons } => {
                let conditions = subject.conditions();
                let hit = conditions.iter().find(|c| {
                    name.matches(c.name)
                        && truths.contains(&c.truth)
                        && (reasons.is_empty() || reasons.iter().any(|r| r.matches(c.reason)))
                });
                hit.inspect(|c| found.condition(c)).is_some()
            }
            Self::NotCondition { name, truths } => {
                !subject.conditions().iter().any(|c| name.matches(c.name) && truths.contains(&c.truth))
            }
            Self::NoCondition { name } => !subject.conditions().iter().any(|c| name.matches(c.name)),
            #[cfg(feature = "cel")]
            Self::Cel(predicate) => predicate.holds(subject).unwrap_or_else(|why| {
                found.failure = Some(why);
                false
            }),
        }
    }
}

impl Operand {
    fn numbers(&self, subject: &Subject<'_>) -> Vec<f64> {
        match self {
            Self::Number(n) => vec![*n],
            Self::Path(path) => path.numbers(subject),
        }
    }
}

impl Order {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Equal => left == right,
        }
    }
}

/// Text with `{.path}`, `{Ready}` and `{Ready.reason}` in it.
#[derive(Debug)]
pub(super) struct MessageTemplate {
    /// Text and, after it, what is looked up.
    parts: Vec<(String, Option<String>)>,
}

impl MessageTemplate {
    /// Reads a template; `None` when a brace is left open.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            if name.is_empty() || (name.starts_with('.') && Path::parse(name).is_none()) {
                return None;
            }
            parts.push((before.to_owned(), Some(name.to_owned())));
            rest = after;
        }
        parts.push((rest.to_owned(), None));
        Some(Self { parts })
    }

    pub(super) fn fill(&self, subject: &Subject<'_>) -> String {
        let mut out = String::new();
        for (text, name) in &self.parts {
            out.push_str(text);
            if let Some(name) = name {
                out.push_str(&lookup(name, subject));
            }
        }
        out.trim().to_owned()
    }
}
