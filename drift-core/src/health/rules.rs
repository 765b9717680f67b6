//! The rule table: kinds whose health the conventions do not show, and the user's own rules.
//!
//! A table is text. A section names kinds, and its lines are tried in order; the first whose tests all hold decides.
//! When none holds, the conventions decide. The tables of `data/health` come along; the `README.md` there says the grammar.

mod glob;
mod parse;
mod path;
mod test;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::verdict::{HealthVerdict, Subject};
use super::{HealthBasis, HealthStatus, conventions};
use glob::Glob;
use test::{MessageTemplate, RuleTest};

/// A table of rules.
#[derive(Clone, Debug, Default)]
pub struct HealthRules {
    sections: Vec<Arc<Section>>,
    index: Arc<KindIndex>,
}

/// Which sections may be about a kind, so that an object is not held against every glob.
#[derive(Debug, Default)]
struct KindIndex {
    /// Sections by the kinds that they name without a `*`.
    kinds: HashMap<String, Vec<usize>>,
    /// Sections that name kinds by a `*`, by the group that they name without one.
    groups: HashMap<String, Vec<usize>>,
    /// Sections that name both by a `*`.
    globs: Vec<usize>,
}

/// A line of a rule table that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct HealthRuleError {
    /// Line in the text, from 1.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub problem: String,
}

/// How the conventions are to be read for a kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// `observedGeneration` does not mean what it means elsewhere.
    pub(super) ignores_generation: bool,
    /// What halts other kinds does not halt this one, or not in every state.
    pub(super) ignores_halt: bool,
    /// Types of conditions that say nothing about health.
    pub(super) ignored: Vec<String>,
}

/// Kinds, and the rules for them.
#[derive(Debug)]
pub(super) struct Section {
    kinds: Vec<KindGlob>,
    rules: Vec<HealthRule>,
    options: Options,
    /// Whether a good verdict yields to a halt and to a spec that was not seen yet, as by convention.
    yields: bool,
}

/// GROUP/KIND or GROUP/VERSION/KIND, each with `*`.
#[derive(Debug)]
struct KindGlob {
    text: String,
    group: Glob,
    version: Option<Glob>,
    kind: Glob,
}

#[derive(Debug)]
struct HealthRule {
    status: HealthStatus,
    reason: Option<MessageTemplate>,
    tests: Vec<RuleTest>,
    message: Option<MessageTemplate>,
}

/// The tables that come along, in the order in which they are tried.
const BUNDLED_TABLES: [&str; 9] = [
    include_str!("../../data/health/no-status.txt"),
    include_str!("../../data/health/delivery.txt"),
    include_str!("../../data/health/network.txt"),
    include_str!("../../data/health/clouds.txt"),
    include_str!("../../data/health/clusters.txt"),
    include_str!("../../data/health/workloads.txt"),
    include_str!("../../data/health/data.txt"),
    include_str!("../../data/health/observability.txt"),
    include_str!("../../data/health/security.txt"),
];

static BUNDLED: LazyLock<HealthRules> = LazyLock::new(|| {
    parse::table(&BUNDLED_TABLES.join("\n"), true).expect("a test reads the tables that come along")
});

impl HealthRules {
    /// Returns the tables that come along.
    pub fn bundled() -> Self {
        BUNDLED.clone()
    }

    /// Returns a table without rules: conventions alone.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads a table.
    ///
    /// # Errors
    /// Names the first line that cannot be read; no rule is dropped silently.
    pub fn parse(text: &str) -> Result<Self, HealthRuleError> {
        parse::table(text, false)
    }

    /// Returns a table that tries these rules first and then those of another.
    #[must_use]
    pub fn before(self, other: &Self) -> Self {
        let mut sections = self.sections;
        sections.extend(other.sections.iter().cloned());
        Self::of(sections)
    }

    /// Makes a table of sections in the order in which they are to be tried.
    fn of(sections: Vec<Arc<Section>>) -> Self {
        let mut index = KindIndex::default();
        for (n, section) in sections.iter().enumerate() {
            for kind in &section.kinds {
                let list = match (kind.kind.literal(), kind.group.literal()) {
                    (Some(name), _) => index.kinds.entry(name.to_owned()).or_default(),
                    (None, Some(group)) => index.groups.entry(group.to_owned()).or_default(),
                    (None, None) => &mut index.globs,
                };
                if list.last() != Some(&n) {
                    list.push(n);
                }
            }
        }
        Self { sections, index: Arc::new(index) }
    }

    /// Returns the number of rules.
    pub fn len(&self) -> usize {
        self.sections.iter().map(|s| s.rules.len()).sum()
    }

    /// Returns `true` if there is no rule.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the sections that are about the subject's kind, in the order in which they are to be tried.
    pub(super) fn about(&self, subject: &Subject<'_>) -> Sections<'_> {
        let version = subject.str(&["apiVersion"]).unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let (group, kind) = (subject.group, subject.kind);
        let named = [self.index.kinds.get(kind), self.index.groups.get(group), Some(&self.index.globs)];
        let mut numbers: Vec<usize> = named.into_iter().flatten().flatten().copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let about = |n: usize| {
            let section = &*self.sections[n];
            let glob = section.kinds.iter().find(|k| k.matches(group, version, kind))?;
            Some((section, glob.text.as_str()))
        };
        Sections(numbers.into_iter().filter_map(about).collect())
    }
}

/// The sections about one kind, each with the name by which it is meant.
#[derive(Debug)]
pub(super) struct Sections<'a>(Vec<(&'a Section, &'a str)>);

impl Sections<'_> {
    /// Returns what the first rule that holds says, and its name.
    pub(super) fn judge(&self, subject: &Subject<'_>) -> Option<(HealthVerdict, HealthBasis)> {
        self.0.iter().find_map(|(section, kinds)| {
            let (n, verdict) =
                section.rules.iter().enumerate().find_map(|(n, r)| Some((n, r.judge(subject)?)))?;
            let before = section.yields.then(|| conventions::before(subject, &verdict, &section.options));
            Some(match before.flatten() {
                Some(before) => (before, HealthBasis::Conventions),
                None => (verdict, HealthBasis::Rule(format!("{kinds}#{}", n + 1))),
            })
        })
    }

    /// Returns how the conventions are to be read for the kind.
    pub(super) fn options(&self) -> Options {
        self.0.iter().fold(Options::default(), |mut all, (section, _)| {
            all.ignores_generation |= section.options.ignores_generation;
            all.ignores_halt |= section.options.ignores_halt;
            all.ignored.extend(section.options.ignored.iter().cloned());
            all
        })
    }
}

impl KindGlob {
    fn matches(&self, group: &str, version: &str, kind: &str) -> bool {
        self.kind.matches(kind)
            && self.group.matches(group)
            && self.version.as_ref().is_none_or(|v| v.matches(version))
    }
}

impl HealthRule {
    fn judge(&self, subject: &Subject<'_>) -> Option<HealthVerdict> {
        let mut found = test::FoundValues::default();
        for test in &self.tests {
            let holds = test.holds(subject, &mut found);
            if let Some(why) = found.failure {
                return Some(HealthVerdict::new(HealthStatus::Unknown, "RuleFailed", why));
            }
            holds.then_some(())?;
        }
        let reason = self.reason.as_ref().map(|t| t.fill(subject)).filter(|r| !r.is_empty());
        let message = self.message.as_ref().map(|t| t.fill(subject)).filter(|m| !m.is_empty());
        let reason = reason.or(found.reason).unwrap_or_else(|| format!("{:?}", self.status));
        Some(
            HealthVerdict::new(self.status, reason, message.or(found.message).unwrap_or_default())
                .since(found.since),
        )
    }
}

#[cfg(test)]
mod tests;
