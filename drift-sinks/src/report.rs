//! Reports: what was found, as text for people, as Markdown for a pull request, as JSON and YAML for programs.
//!
//! Each command of the `drift` binary prints one document. Its type is here, made from the results of `drift-core`, so
//! that a program that embeds the library writes the same bytes:
//!
//! | I want to report … | document | schema |
//! |---|---|---|
//! | differences between declared and live | [`DriftReportV1`], [`render_drift_text`], [`render_drift_markdown`] | [`DRIFT_REPORT_SCHEMA`] |
//! | a finding, as it appears or is resolved | [`FindingV1`], [`render_finding_line`] | [`FINDING_SCHEMA`] |
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
//! let report = DriftReport { resources: Vec::new(), notes: Vec::new() };
//! assert_eq!(render_drift_text(&report, &DriftTextOptions::default()), "0 declared: 0 in sync\n");
//!
//! let document = DriftReportV1::new(&report, Visibility::default());
//! assert!(to_json(&document).starts_with("{\n  \"apiVersion\": \"drift/v1\",\n  \"kind\": \"DriftReport\""));
//! ```

mod drift;
mod finding;
mod format;
mod key;
mod redaction;
mod side_by_side;
mod styler;
#[cfg(test)]
mod tests;
mod value;
mod yaml;

pub use drift::{
    DeclarationV1, DriftChangeV1, DriftReportV1, DriftTextOptions, OwnerV1, ResourceDriftV1, SummaryV1,
    Visibility, render_drift_markdown, render_drift_text,
};
pub use finding::{FindingV1, render_finding_line};
pub use key::KeyV1;
pub use redaction::{REDACTED, redacted};
pub use side_by_side::{Cell, pair_lines, side_by_side};
pub use styler::{Colour, Layout, Styler};
pub use value::{hunk, inline};

use serde::Serialize;

/// API version that every document carries.
pub const API_VERSION: &str = "drift/v1";

/// The JSON Schema of [`DriftReportV1`].
pub const DRIFT_REPORT_SCHEMA: &str = include_str!("../schemas/drift-report.v1.schema.json");

/// The JSON Schema of [`FindingV1`].
pub const FINDING_SCHEMA: &str = include_str!("../schemas/finding.v1.schema.json");

/// Writes a document as indented JSON with a line end.
///
/// # Panics
/// When the value is not plain data with text keys; every document of this module is.
pub fn to_json<T: Serialize>(document: &T) -> String {
    let mut out = serde_json::to_string_pretty(document).expect("a document is plain data with text keys");
    out.push('\n');
    out
}

/// Writes a document, or any value, as YAML that kubectl reads back as the same values; keys are sorted.
///
/// # Panics
/// When the value is not plain data with text keys; every document of this module is.
pub fn to_yaml<T: Serialize>(document: &T) -> String {
    let value = serde_json::to_value(document).expect("a document is plain data with text keys");
    yaml::write_yaml(&value)
}
