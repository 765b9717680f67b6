//! The document of `drift check`: what is broken, and what will break at the next restart.

use std::fmt::Write as _;

use drift_core::checks::{CheckResult, Severity};
use drift_core::coverage::InputNotes;
use drift_core::text::printable;
use serde::Serialize;

use super::{API_VERSION, CoverageV1, KeyV1, Styler};

/// Longest evidence that the text shows, in characters; the document holds all of it.
const EVIDENCE_CHARS: usize = 300;

/// What checks found in the state of a cluster at one moment.
///
/// Its JSON Schema is [`super::CHECK_REPORT_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/check-report.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReportV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `CheckReport`.
    pub kind: &'static str,
    /// Results, worst first.
    pub findings: Vec<CheckResultV1>,
    /// Remarks about the input, for example that a part of history is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
}

/// One thing that a check found wrong with one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckResultV1 {
    /// `error` for what is broken now, `warning` for what breaks at the next restart, `info` otherwise.
    pub severity: Severity,
    /// Resource that is, or will be, broken.
    pub key: KeyV1,
    /// Name of the check, as `drift check --list` prints it: `missing-config`.
    pub check: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Text of the object or Kubernetes Event that shows it; may be empty.
    pub evidence: String,
    /// What to look at or do next.
    pub next: &'static str,
}

impl From<&CheckResult> for CheckResultV1 {
    fn from(result: &CheckResult) -> Self {
        Self {
            severity: result.severity,
            key: (&result.key).into(),
            check: result.check,
            message: result.message.clone(),
            evidence: result.evidence.clone(),
            next: result.next,
        }
    }
}

impl CheckReportV1 {
    /// Makes the document from the results of [`drift_core::checks::check`].
    pub fn new(results: &[CheckResult], notes: &InputNotes) -> Self {
        let findings = results.iter().map(Into::into).collect();
        Self {
            api_version: API_VERSION,
            kind: "CheckReport",
            findings,
            notes: notes.remarks().to_vec(),
            coverage: notes.coverage().into(),
        }
    }

    /// Writes the report as text for people.
    pub fn render_text(&self, styler: Styler) -> String {
        let mut out = render_results(&self.findings, styler);
        if self.findings.is_empty() {
            out.push_str(&format!("{}\n", self.coverage.qualify("nothing found")));
        }
        self.notes.iter().for_each(|note| out.push_str(&format!("note: {}\n", printable(note))));
        out.push_str(&self.coverage.render_text(styler));
        out
    }
}

/// Writes results as text, each with its evidence and the next step.
pub(super) fn render_results(results: &[CheckResultV1], styler: Styler) -> String {
    let mut out = String::new();
    for result in results {
        let head = printable(&format!("{} {}", result.severity, result.key));
        let head =
            if result.severity == Severity::Error { styler.alarm(&head) } else { styler.heading(&head) };
        let _ = writeln!(out, "{head}: {}", printable(&result.message));
        if !result.evidence.is_empty() {
            let evidence: String = result.evidence.chars().take(EVIDENCE_CHARS).collect();
            let _ = writeln!(out, "    {}", printable(&evidence));
        }
        let _ = writeln!(out, "{}", styler.dim(&format!("    [{}] next: {}", result.check, result.next)));
    }
    out
}
