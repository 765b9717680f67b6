//! The document of `drift health`: the condition of resources, and since when.

mod rollout;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use drift_core::ResourceKey;
use drift_core::coverage::InputNotes;
use drift_core::health::{Health, HealthBasis, HealthStatus};
use drift_core::text::printable;
use jiff::Timestamp;
use serde::Serialize;

use super::format::format_time;
use super::{API_VERSION, CoverageV1, KeyV1, Styler};

pub use rollout::{RolloutImageV1, RolloutStepV1, RolloutV1};

/// The health of resources at one moment.
///
/// Its JSON Schema is [`super::HEALTH_REPORT_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/health-report.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthReportV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `HealthReport`.
    pub kind: &'static str,
    /// Time that the resources were assessed at.
    pub time: Timestamp,
    /// Number of resources by status; a status without resources is absent.
    pub summary: BTreeMap<HealthStatus, usize>,
    /// The resources, in the order in which they were given.
    pub resources: Vec<ResourceHealthV1>,
    /// Remarks about the input, for example that a part of history is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
}

/// The health of one resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResourceHealthV1 {
    /// The resource.
    pub key: KeyV1,
    /// Its status, such as `Degraded`.
    pub status: HealthStatus,
    /// Why, as one word in the object's own terms where it has one: `ProgressDeadlineExceeded`.
    pub reason: String,
    /// Why, for people; may be empty.
    pub message: String,
    /// Time since which it has had this status, where that is known.
    pub since: Option<Timestamp>,
    /// What the status is based on: `BuiltIn`, `Rule`, `Conventions`, `NoSignal`, or `History` for a resource that is not
    /// there.
    pub basis: &'static str,
    /// Rule that decided, by its section and line; with basis `Rule` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Rollouts of a workload, oldest first, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollouts: Option<Vec<RolloutV1>>,
}

/// Which resources the text lists; the document always holds all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HealthListing {
    /// Those that need attention: all but healthy and suspended ones.
    #[default]
    NeedAttention,
    /// All of them.
    Everything,
}

impl ResourceHealthV1 {
    /// Makes the entry of a resource that was assessed.
    pub fn new(key: &ResourceKey, health: Health) -> Self {
        let (basis, rule) = match health.basis {
            HealthBasis::BuiltIn => ("BuiltIn", None),
            HealthBasis::Rule(name) => ("Rule", Some(name)),
            HealthBasis::Conventions => ("Conventions", None),
            _ => ("NoSignal", None),
        };
        let Health { status, reason, message, since, .. } = health;
        Self { key: key.into(), status, reason, message, since, basis, rule, rollouts: None }
    }

    /// Makes the entry of a resource that is not there: `deleted` is the time of its deletion, `None` for one that was
    /// only created later.
    pub fn missing(key: &ResourceKey, deleted: Option<Timestamp>) -> Self {
        let (reason, message) = match deleted {
            Some(_) => ("Deleted", "it was deleted"),
            None => ("NotCreatedYet", "it was created later"),
        };
        Self {
            key: key.into(),
            status: HealthStatus::Missing,
            reason: reason.to_owned(),
            message: message.to_owned(),
            since: deleted,
            basis: "History",
            rule: None,
            rollouts: None,
        }
    }

    /// Returns `true` unless the resource is healthy, or suspended on purpose.
    pub fn needs_attention(&self) -> bool {
        !matches!(self.status, HealthStatus::Healthy | HealthStatus::Suspended)
    }
}

impl HealthReportV1 {
    /// Makes the document, and counts the resources by status.
    pub fn new(time: Timestamp, resources: Vec<ResourceHealthV1>, notes: &InputNotes) -> Self {
        let mut summary = BTreeMap::new();
        for resource in &resources {
            *summary.entry(resource.status).or_default() += 1;
        }
        Self {
            api_version: API_VERSION,
            kind: "HealthReport",
            time,
            summary,
            resources,
            notes: notes.remarks().to_vec(),
            coverage: notes.coverage().into(),
        }
    }

    /// Writes the report as text for people: the most urgent first, of equals the one that has been so for longest.
    pub fn render_text(&self, listing: HealthListing, styler: Styler) -> String {
        let mut out = String::new();
        let is_listed = |r: &&ResourceHealthV1| listing == HealthListing::Everything || r.needs_attention();
        let mut listed: Vec<_> = self.resources.iter().filter(is_listed).collect();
        // What has been broken for longest is nearer to the cause.
        listed.sort_by_cached_key(|r| {
            (Reverse(urgency(r.status)), r.since.unwrap_or(Timestamp::MAX), r.key.to_string())
        });
        listed.into_iter().for_each(|resource| write_resource(&mut out, resource, styler));
        let count = |(status, n): (&HealthStatus, &usize)| format!("{n} {}", lower_case(*status));
        let counts: Vec<_> = self.summary.iter().map(count).collect();
        let counts =
            if counts.is_empty() { self.coverage.qualify("no resources") } else { counts.join(", ") };
        self.notes.iter().for_each(|note| out.push_str(&format!("note: {}\n", printable(note))));
        out.push_str(&self.coverage.render_text(styler));
        out.push_str(&styler.dim(&format!("{counts}\n")));
        out
    }
}

fn write_resource(out: &mut String, resource: &ResourceHealthV1, styler: Styler) {
    let status = format!("{:<11}", format!("{:?}", resource.status));
    let status = match resource.status {
        HealthStatus::Healthy => styler.good(&status),
        HealthStatus::Degraded | HealthStatus::Missing => styler.alarm(&status),
        _ => styler.heading(&status),
    };
    let since = resource.since.map_or(String::new(), |t| format!("  since {}", format_time(t)));
    let message = if resource.message.is_empty() { String::new() } else { format!(": {}", resource.message) };
    let line = printable(&format!("{}  {}{message}", resource.key, resource.reason));
    out.push_str(&format!("{status} {line}{}\n", styler.dim(&since)));
    for rollout in resource.rollouts.iter().flatten() {
        out.push_str(&format!("  {}\n", printable(&rollout.describe())));
    }
}

fn lower_case(status: HealthStatus) -> String {
    format!("{status:?}").to_lowercase()
}

fn urgency(status: HealthStatus) -> u8 {
    match status {
        HealthStatus::Degraded => 5,
        HealthStatus::Missing => 4,
        HealthStatus::Progressing => 3,
        HealthStatus::Unknown => 2,
        HealthStatus::Suspended => 1,
        HealthStatus::Healthy => 0,
    }
}
