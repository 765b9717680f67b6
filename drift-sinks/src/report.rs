//! Reports: what was found, as text for people, as Markdown for a pull request, as JSON and YAML for programs.
//!
//! **Invariant:** a report is a pure function of what it shows. It reads no clock, no terminal and no environment, and
//! the same input gives the same bytes. Values of Secrets are cut here once more, although the engine has cut them
//! already: a report is what people paste into tickets.

mod finding;
mod json;
mod markdown;
mod redaction;
mod side_by_side;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod words;
mod yaml;

pub use finding::{FindingV1, finding_line};
pub use json::{ChangeV1, DeclarationV1, DriftReportV1, KeyV1, OwnerV1, ResourceV1, SummaryV1};
pub use markdown::markdown;
pub use redaction::{REDACTED, redacted};
pub use side_by_side::{Side, columns, side_by_side};
pub use text::{Colour, Layout, Painter, TextOptions, text};
pub use value::{hunk, inline};
pub use yaml::to_yaml;

use drift_core::drift::{DriftChange, DriftReport};

/// API version that every document carries.
pub const API_VERSION: &str = "drift/v1";

/// The JSON Schema of [`DriftReportV1`].
pub const DRIFT_REPORT_SCHEMA: &str = include_str!("../schemas/drift-report.v1.schema.json");

/// The JSON Schema of [`FindingV1`].
pub const FINDING_SCHEMA: &str = include_str!("../schemas/finding.v1.schema.json");

/// What of a report is shown besides what counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Also the fields that differ and are no drift: a controller's own ones, and ignored ones.
    pub managed: bool,
    /// Also which row of the verdict table fired, and what it says.
    pub explain: bool,
}

impl Shown {
    /// Tells whether a change is listed.
    pub fn lists(self, change: &DriftChange) -> bool {
        self.managed || change.class.counts()
    }

    /// Counts the changes that are left out.
    pub fn hidden(self, report: &DriftReport) -> usize {
        report.resources.iter().flat_map(|r| &r.changes).filter(|c| !self.lists(c)).count()
    }
}

/// Writes a drift report as JSON: one [`DriftReportV1`], indented, with a line end.
pub fn json(report: &DriftReport, shown: Shown) -> String {
    let mut out = serde_json::to_string_pretty(&DriftReportV1::new(report, shown))
        .expect("a report is plain data with text keys");
    out.push('\n');
    out
}

/// Writes a drift report as YAML: the document of [`json`].
pub fn yaml(report: &DriftReport, shown: Shown) -> String {
    let value = serde_json::to_value(DriftReportV1::new(report, shown)).expect("a report is plain data");
    to_yaml(&value)
}
