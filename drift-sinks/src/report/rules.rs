//! The document of `drift rules`: which rules hide which differences.

use std::collections::BTreeMap;

use drift_core::FieldPath;
use drift_core::coverage::Coverage;
use drift_core::drift::DriftReport;
use drift_core::drift::rules::Rule;
use drift_core::text::printable;
use jiff::Timestamp;
use serde::Serialize;

use super::format::format_time;
use super::{API_VERSION, CoverageV1, KeyV1, Styler};

/// Rules that hide differences: those of the GitOps engines, and exceptions of your own.
///
/// Its JSON Schema is [`super::RULES_REPORT_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/rules-report.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RulesReportV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `RulesReport`.
    pub kind: &'static str,
    /// The rules; `drift rules check` lists none.
    pub rules: Vec<RuleV1>,
    /// Rules that are broken, expired, or hide nothing: one sentence each, sorted.
    pub problems: Vec<String>,
    /// What tried rules would have hidden in recorded history; of `drift rules try` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<RuleReplayV1>,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleV1 {
    /// Name, such as `ignoreDifferences[0]`.
    pub name: String,
    /// App that the rule belongs to, as text; absent for an exception of your own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Who answers for an exception of your own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Why the exception exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// RFC 3339 time from which the exception hides nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// What it hides now: `KEY PATH`, or `KEY` for a whole resource.
    pub hides: Vec<String>,
}

/// What rules would have done over recorded history.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleReplayV1 {
    /// Time of the oldest recorded version.
    pub from: Timestamp,
    /// Time of the newest recorded version.
    pub to: Timestamp,
    /// Differences that the rules would have hidden, in order of time.
    pub hidden: Vec<RuleEpisodeV1>,
    /// Differences that would still have counted, in order of time.
    pub remaining: Vec<RuleEpisodeV1>,
}

/// A difference that lasted for a while.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleEpisodeV1 {
    /// The resource.
    pub key: KeyV1,
    /// App that declares it.
    pub app: KeyV1,
    /// Path of the field as a list of steps; empty for the whole resource.
    pub path: FieldPath,
    /// The same path as text.
    pub path_text: String,
    /// Rule that would have hidden it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Time at which it began.
    pub since: Timestamp,
    /// Time at which it ended; absent where it lasts until the end of the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What each rule hides in a comparison, by app and name of the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HiddenByRule(BTreeMap<(Option<String>, String), Vec<String>>);

impl HiddenByRule {
    /// Collects what rules hide in a comparison.
    pub fn new(report: &DriftReport) -> Self {
        let mut all = Self::default();
        for resource in &report.resources {
            let app = resource.app.as_ref().map(ToString::to_string);
            let mut add = |rule: &str, what: String| {
                all.0.entry((app.clone(), rule.to_owned())).or_default().push(what);
            };
            if let Some(rule) = &resource.rule {
                add(rule, resource.key.to_string());
            }
            for change in &resource.changes {
                if let Some(rule) = &change.rule {
                    add(rule, format!("{} {}", resource.key, change.path));
                }
            }
        }
        all
    }

    /// Returns what a rule hides: for a rule of an app in that app, for an exception of your own in all apps.
    fn by(&self, app: Option<&str>, rule: &str) -> Vec<String> {
        let is_it =
            |(of, name): &(Option<String>, String)| name == rule && (app.is_none() || of.as_deref() == app);
        self.0.iter().filter(|(id, _)| is_it(id)).flat_map(|(_, what)| what.clone()).collect()
    }
}

impl RuleV1 {
    /// Makes the entry of a rule; `app` is the app that it belongs to, `None` for an exception of your own.
    pub fn new(app: Option<&str>, rule: &Rule, hidden: &HiddenByRule) -> Self {
        let justification = rule.because.as_ref();
        Self {
            name: rule.name.to_string(),
            app: app.map(str::to_owned),
            owner: justification.map(|j| j.owner.to_string()),
            reason: justification.map(|j| j.reason.to_string()),
            expires: justification.and_then(|j| j.expires).map(|e| e.to_string()),
            hides: hidden.by(app, &rule.name),
        }
    }
}

impl RulesReportV1 {
    /// Makes the document; problems are sorted and each is listed once.
    pub fn new(
        rules: Vec<RuleV1>,
        mut problems: Vec<String>,
        replay: Option<RuleReplayV1>,
        coverage: &Coverage,
    ) -> Self {
        problems.sort();
        problems.dedup();
        Self {
            api_version: API_VERSION,
            kind: "RulesReport",
            rules,
            problems,
            replay,
            coverage: coverage.into(),
        }
    }

    /// Writes the report as text for people.
    pub fn render_text(&self) -> String {
        let mut text = String::new();
        for rule in &self.rules {
            let app = rule.app.as_deref().unwrap_or("own exception");
            text.push_str(&format!("{}\n", printable(&format!("{}  ({app})", rule.name))));
            if let (Some(reason), Some(owner)) = (&rule.reason, &rule.owner) {
                let until = rule.expires.as_ref().map_or_else(String::new, |e| format!(", until {e}"));
                text.push_str(&format!("    {} ({}{until})\n", printable(reason), printable(owner)));
            }
            for what in &rule.hides {
                text.push_str(&format!("    hides {}\n", printable(what)));
            }
            if rule.hides.is_empty() {
                text.push_str("    hides nothing\n");
            }
        }
        text.extend(self.replay.iter().map(RuleReplayV1::render_text));
        for problem in &self.problems {
            text.push_str(&format!("problem: {}\n", printable(problem)));
        }
        if text.is_empty() {
            text.push_str(&format!("{}\n", self.coverage.qualify("no rules and no problems")));
        }
        text.push_str(&self.coverage.render_text(Styler::default()));
        text
    }
}

impl RuleReplayV1 {
    fn render_text(&self) -> String {
        let mut text = format!("from {} to {}\n", format_time(self.from), format_time(self.to));
        for (word, episodes) in [("hidden", &self.hidden), ("remains", &self.remaining)] {
            for e in episodes {
                let until = e.until.map_or_else(|| "now".to_owned(), format_time);
                let rule = e.rule.as_ref().map_or_else(String::new, |r| format!(" by {r}"));
                let what = format!("{} {}", e.key.short_name(), e.path_text);
                let since = format_time(e.since);
                let line = format!("{word}{rule}: {} from {since} to {until}", what.trim_end());
                text.push_str(&format!("{}\n", printable(&line)));
            }
        }
        text
    }
}
