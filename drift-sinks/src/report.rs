//! Reports: what was found, as text for people, as Markdown for a pull request, as JSON and YAML for programs.
//!
//! Each command of the `drift` binary prints one document. Its type is here, made from the results of `drift-core`, so
//! that a program that embeds the library writes the same bytes:
//!
//! | I want to report … | document | schema |
//! |---|---|---|
//! | differences between declared and live resources | [`DriftReportV1`], [`render_drift_text`], [`render_drift_markdown`] | [`DRIFT_REPORT_SCHEMA`] |
//! | a finding, when it appears and when it is resolved | [`FindingV1`], [`render_finding_line`] | [`FINDING_SCHEMA`] |
//! | why a resource is unhealthy | [`CauseReportV1`] | [`CAUSE_REPORT_SCHEMA`] |
//! | everything that is broken, by root cause | [`IncidentReportV1`] | [`INCIDENT_REPORT_SCHEMA`] |
//! | who set each field of a resource | [`BlameReportV1`] | [`BLAME_REPORT_SCHEMA`] |
//! | fields that several writers overwrite in turn | [`FightReportV1`] | [`FIGHT_REPORT_SCHEMA`] |
//! | the health of resources, and their rollouts | [`HealthReportV1`] | [`HEALTH_REPORT_SCHEMA`] |
//! | the versions of a resource | [`HistoryV1`] | [`HISTORY_SCHEMA`] |
//! | what happened, event by event | [`TimelineV1`] | [`TIMELINE_SCHEMA`] |
//! | the apps of GitOps engines | [`AppsReportV1`] | [`APPS_REPORT_SCHEMA`] |
//! | which rules hide which differences | [`RulesReportV1`] | [`RULES_REPORT_SCHEMA`] |
//! | what is broken, and what breaks at the next restart | [`CheckReportV1`] | [`CHECK_REPORT_SCHEMA`] |
//! | what a change would touch and break | [`ImpactReportV1`] | [`IMPACT_REPORT_SCHEMA`] |
//! | what a resource depends on | [`DependencyGraphV1`], [`render_graph_text`] | [`DEPENDENCY_GRAPH_SCHEMA`] |
//! | whether a store is whole | `StoreReportV1` (feature `embedded`) | [`STORE_REPORT_SCHEMA`] |
//!
//! A document is made by its `new` from results of the core, and from plain values for what other sources know: for
//! example, [`CauseReportV1::new`] asks a function for the user and the commit behind each cause, so that this crate
//! depends on no audit log and no Git. `render_text` writes it for people.
//!
//! Every document has `apiVersion: drift/v1` and a `kind`. Within `drift/v1` members may be added; none is renamed or
//! removed. [`to_json`] and [`to_yaml`] write any of them.
//!
//! **Invariant:** a report is a pure function of its input. It reads no clock, no terminal and no environment, and the
//! same input gives the same bytes. Values of Secrets are redacted here once more, although the engine has redacted them
//! already, since people paste reports into tickets. Control characters in text are escaped.
//!
//! # Example
//!
//! ```
//! use drift_core::drift::DriftReport;
//! use drift_sinks::report::{DriftReportV1, DriftTextOptions, Visibility, render_drift_text, to_json};
//!
//! let report = DriftReport { resources: Vec::new(), ..DriftReport::default() };
//! assert_eq!(render_drift_text(&report, &DriftTextOptions::default()), "0 declared: 0 in sync\n");
//!
//! let document = DriftReportV1::new(&report, Visibility::default());
//! assert!(to_json(&document).starts_with("{\n  \"apiVersion\": \"drift/v1\",\n  \"kind\": \"DriftReport\""));
//! ```

mod apps;
mod blame;
mod cause;
mod check;
mod commit;
mod coverage;
mod drift;
mod fights;
mod finding;
mod format;
mod github;
mod graph;
mod health;
mod history;
mod impact;
mod incident;
mod key;
mod redaction;
mod rules;
mod schemas;
mod side_by_side;
#[cfg(feature = "embedded")]
mod store;
mod styler;
#[cfg(test)]
mod tests;
mod timeline;
mod transition;
mod value;
mod version;
mod writer;
mod yaml;

pub use apps::{AppCounts, AppStatus, AppV1, AppsReportV1};
pub use blame::{BlameReportV1, FieldAttribution, FieldBlameV1};
pub use cause::{
    ActorV1, CauseAttribution, CauseDetail, CauseEventV1, CauseReportV1, CauseV1, EvidenceV1, HopV1,
    LookedAtV1, PointerV1, SymptomV1, UndoV1,
};
pub use check::{CheckReportV1, CheckResultV1};
pub use commit::CommitV1;
pub use coverage::{CoverageV1, UnseenV1};
pub use drift::{
    DeclarationV1, DriftChangeV1, DriftReportV1, DriftTextOptions, OwnerV1, ResourceDriftV1, SummaryV1,
    Visibility, render_drift_markdown, render_drift_text,
};
pub use fights::{FightReportV1, FightV1, RevertV1};
pub use finding::{FindingV1, render_finding_line, render_gap_lines};
pub use format::{count_things, describe_summary};
pub use github::render_drift_github;
pub use graph::{DependencyGraphV1, EdgeV1, render_graph_text};
pub use health::{HealthListing, HealthReportV1, ResourceHealthV1, RolloutImageV1, RolloutStepV1, RolloutV1};
pub use history::{HistoryTextOptions, HistoryV1, VersionChangeV1, VersionV1};
pub use impact::{AffectedV1, ImpactReportV1};
pub use incident::{IncidentReportV1, IncidentV1, UnexplainedV1};
pub use key::KeyV1;
pub use redaction::{ManagedFieldsVisibility, REDACTED, redacted, visible_object};
pub use rules::{HiddenByRule, RuleEpisodeV1, RuleReplayV1, RuleV1, RulesReportV1};
pub use schemas::{
    APPS_REPORT_SCHEMA, BLAME_REPORT_SCHEMA, CAUSE_REPORT_SCHEMA, CHECK_REPORT_SCHEMA,
    DEPENDENCY_GRAPH_SCHEMA, DRIFT_REPORT_SCHEMA, FIGHT_REPORT_SCHEMA, FINDING_SCHEMA, HEALTH_REPORT_SCHEMA,
    HISTORY_SCHEMA, IMPACT_REPORT_SCHEMA, INCIDENT_REPORT_SCHEMA, RULES_REPORT_SCHEMA, SCHEMAS,
    STORE_REPORT_SCHEMA, TIMELINE_SCHEMA,
};
pub use side_by_side::{Cell, pair_lines, side_by_side};
#[cfg(feature = "embedded")]
pub use store::StoreReportV1;
pub use styler::{Colour, Layout, Styler};
pub use timeline::{ChangedPathV1, TimelineEntryV1, TimelineV1, subject_of};
pub use transition::TransitionV1;
pub use value::{inline_value, unified_hunk};
pub use version::RecordedVersion;
pub use writer::WriterV1;

use drift_core::text::printable_json;
use serde::Serialize;

/// API version that every document carries.
pub const API_VERSION: &str = "drift/v1";

/// Writes a document as indented JSON with a line end; characters that could mislead a reader are escaped.
///
/// # Panics
/// When the value is not plain data with text keys; every document of this module is.
pub fn to_json<T: Serialize>(document: &T) -> String {
    let mut out = serde_json::to_string_pretty(document).expect("a document is plain data with text keys");
    out.push('\n');
    printable_json(&out)
}

/// Writes a document as JSON in one line, without a line end; characters that could mislead a reader are escaped.
///
/// # Panics
/// As [`to_json`].
pub fn to_json_line<T: Serialize>(document: &T) -> String {
    printable_json(&serde_json::to_string(document).expect("a document is plain data with text keys"))
}

/// Writes a document, or any value, as YAML that kubectl reads back as the same values; keys are sorted.
///
/// # Panics
/// When the value is not plain data with text keys; every document of this module is.
pub fn to_yaml<T: Serialize>(document: &T) -> String {
    let value = serde_json::to_value(document).expect("a document is plain data with text keys");
    yaml::write_yaml(&value)
}
