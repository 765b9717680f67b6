//! The document of `drift fights`: fields that several writers overwrite in turn.

use drift_core::coverage::InputNotes;
use drift_core::fights::{Fight, Revert};
use drift_core::text::printable;
use drift_core::{FieldPath, ResourceKey};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::format::format_time;
use super::{API_VERSION, CoverageV1, KeyV1, Styler, inline_value, redacted};

/// Fields that several writers overwrite in turn, and changes by hand that a GitOps engine reverted.
///
/// Its JSON Schema is [`super::FIGHT_REPORT_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/fight-report.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FightReportV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `FightReport`.
    pub kind: &'static str,
    /// Fights, sorted by resource and path.
    pub fights: Vec<FightV1>,
    /// Reverted changes, in order of the time at which they were reverted.
    pub reverts: Vec<RevertV1>,
    /// Remarks about the input, for example that a line of the audit log cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
}

/// A field that several writers overwrite in turn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FightV1 {
    /// The resource.
    pub key: KeyV1,
    /// Path of the field as a list of steps.
    pub path: FieldPath,
    /// The same path as text.
    #[serde(rename = "pathText")]
    pub path_text: String,
    /// Field managers that take part, sorted.
    pub managers: Vec<String>,
    /// Applications, Kustomizations and releases that the engines among them wrote for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<KeyV1>,
    /// Number of changes of the value.
    pub flips: usize,
    /// Time at which one writer first overwrote another.
    pub since: Timestamp,
    /// Time at which that happened last.
    pub last: Timestamp,
    /// Mean time between two changes, in seconds.
    pub period_seconds: f64,
    /// Values that were written, in order of first appearance; null where the field was removed.
    pub values: Vec<Value>,
}

/// A change by hand that a GitOps engine reverted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RevertV1 {
    /// The resource.
    pub key: KeyV1,
    /// Path of the field as a list of steps.
    pub path: FieldPath,
    /// The same path as text.
    #[serde(rename = "pathText")]
    pub path_text: String,
    /// Value that was set by hand; null where the field was removed.
    pub value: Value,
    /// Value that the engine restored; null where it removed the field.
    pub restored: Value,
    /// Field manager of the change by hand.
    pub manager: Option<String>,
    /// User who made the change by hand, by the audit log.
    pub user: Option<String>,
    /// Time of the change by hand.
    pub time: Timestamp,
    /// Application, Kustomization or release that the engine wrote for.
    pub via: Option<KeyV1>,
    /// Time at which the engine reverted it.
    pub reverted_at: Timestamp,
}

impl FightReportV1 {
    /// Makes the document; reverts are put in order of time.
    pub fn new(fights: Vec<FightV1>, mut reverts: Vec<RevertV1>, notes: &InputNotes) -> Self {
        reverts.sort_by_key(|r| r.reverted_at);
        Self {
            api_version: API_VERSION,
            kind: "FightReport",
            fights,
            reverts,
            notes: notes.remarks().to_vec(),
            coverage: notes.coverage().into(),
        }
    }

    /// Writes the report as text for people.
    pub fn render_text(&self, styler: Styler) -> String {
        let mut out = String::new();
        self.fights.iter().for_each(|fight| write_fight(&mut out, fight, styler));
        self.reverts.iter().for_each(|revert| write_revert(&mut out, revert));
        if self.fights.is_empty() {
            out.push_str(&format!("{}\n", self.coverage.qualify("no field is fought over")));
        }
        out.push_str(&self.coverage.render_text(styler));
        out
    }
}

impl FightV1 {
    /// Makes the entry of a fight; `apps` are those that its writers wrote for.
    pub fn new(fight: &Fight, apps: &[ResourceKey]) -> Self {
        Self {
            key: (&fight.key).into(),
            path: fight.path.clone(),
            path_text: fight.path.to_string(),
            managers: fight.managers().iter().map(ToString::to_string).collect(),
            apps: apps.iter().map(Into::into).collect(),
            flips: fight.flips,
            since: fight.since,
            last: fight.last,
            period_seconds: (fight.period.as_secs_f64() * 1000.0).round() / 1000.0,
            values: fight.values.iter().map(|v| visible_value(&fight.key, &fight.path, v)).collect(),
        }
    }
}

impl RevertV1 {
    /// Makes the entry of a reverted change; `user` made it, by the audit log, and `via` names the app that reverted it.
    pub fn new(revert: &Revert, user: Option<String>, via: Option<&ResourceKey>) -> Self {
        Self {
            key: (&revert.key).into(),
            path: revert.path.clone(),
            path_text: revert.path.to_string(),
            value: visible_value(&revert.key, &revert.path, &revert.hotfix),
            restored: visible_value(&revert.key, &revert.path, &revert.restored),
            manager: revert.by.as_ref().map(|o| o.manager.to_string()),
            user,
            time: revert.made.at,
            via: via.map(Into::into),
            reverted_at: revert.reverted.at,
        }
    }
}

fn visible_value(key: &ResourceKey, path: &FieldPath, value: &Option<Value>) -> Value {
    value.as_ref().map_or(Value::Null, |v| redacted(key, path, v))
}

fn show_value(value: &Value) -> String {
    printable(&inline_value(value).unwrap_or_else(|| "…".to_owned()))
}

fn write_fight(out: &mut String, fight: &FightV1, styler: Styler) {
    let head = printable(&format!("{} {}", fight.key.short_name(), fight.path_text));
    out.push_str(&format!("{}\n", styler.alarm(&head)));
    out.push_str(&format!("  {} overwrite each other\n", printable(&fight.managers.join(" and "))));
    for app in &fight.apps {
        out.push_str(&format!("  through {}\n", printable(&app.short_name())));
    }
    let values: Vec<String> = fight.values.iter().map(show_value).collect();
    out.push_str(&format!(
        "  {} changes since {}, one every {} s: {}\n\n",
        fight.flips,
        format_time(fight.since),
        fight.period_seconds,
        values.join(", ")
    ));
}

fn write_revert(out: &mut String, revert: &RevertV1) {
    let who = revert.user.as_ref().or(revert.manager.as_ref()).map_or("somebody", |w| w);
    let via = revert.via.as_ref().map_or_else(|| "its engine".to_owned(), KeyV1::short_name);
    out.push_str(&format!(
        "{}\n  {} set {} at {}, {} restored {} at {}\n\n",
        printable(&format!("{} {}", revert.key.short_name(), revert.path_text)),
        printable(who),
        show_value(&revert.value),
        format_time(revert.time),
        printable(&via),
        show_value(&revert.restored),
        format_time(revert.reverted_at)
    ));
}
