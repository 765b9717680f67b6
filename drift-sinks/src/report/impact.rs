//! The document of `drift impact`: what a change that nobody has made yet would touch and break.

use std::fmt::Write as _;

use drift_core::coverage::Coverage;
use drift_core::impact::{Affected, Impact, Proposal};
use drift_core::text::printable;
use serde::Serialize;

use super::check::{CheckResultV1, render_results};
use super::format::count_things;
use super::{API_VERSION, CoverageV1, KeyV1, Styler};

/// What a proposed change of a resource would touch.
///
/// Its JSON Schema is [`super::IMPACT_REPORT_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/impact-report.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImpactReportV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `ImpactReport`.
    pub kind: &'static str,
    /// Resource that would change.
    pub key: KeyV1,
    /// `delete`, or `apply` where a changed object was given.
    pub op: &'static str,
    /// Resources that depend on it, nearest first.
    pub affected: Vec<AffectedV1>,
    /// Check results that the change would add, worst first.
    pub breaks: Vec<CheckResultV1>,
    /// Check results that the change would remove.
    pub mends: Vec<CheckResultV1>,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
}

/// One resource that depends on the changed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AffectedV1 {
    /// The dependent resource.
    pub key: KeyV1,
    /// Number of hops to the changed resource, from 1.
    pub distance: usize,
    /// Resource that it depends on directly, on the path to the changed one.
    pub through: KeyV1,
    /// Relation to that resource, such as `uses`.
    pub relation: &'static str,
    /// Field or rule that the relation was read from.
    pub evidence: String,
    /// What would happen to it, such as `new pods see it`.
    pub effect: &'static str,
}

impl From<&Affected> for AffectedV1 {
    fn from(affected: &Affected) -> Self {
        Self {
            key: (&affected.key).into(),
            distance: affected.distance,
            through: (&affected.through).into(),
            relation: affected.relation,
            evidence: affected.evidence.clone(),
            effect: affected.effect,
        }
    }
}

impl ImpactReportV1 {
    /// Makes the document from the answer of [`drift_core::impact::impact`] to a proposal.
    pub fn new(proposal: &Proposal, impact: &Impact, coverage: &Coverage) -> Self {
        Self {
            api_version: API_VERSION,
            kind: "ImpactReport",
            key: (&proposal.key()).into(),
            op: match proposal {
                Proposal::Delete(_) => "delete",
                Proposal::Apply(_) => "apply",
            },
            affected: impact.affected.iter().map(Into::into).collect(),
            breaks: impact.breaks.iter().map(Into::into).collect(),
            mends: impact.mends.iter().map(Into::into).collect(),
            coverage: coverage.into(),
        }
    }

    /// Writes the report as text for people.
    pub fn render_text(&self, styler: Styler) -> String {
        let key = printable(&self.key.to_string());
        let mut out = match self.op {
            "delete" => format!("If {key} were deleted:\n"),
            _ => format!("If {key} were changed as given:\n"),
        };
        let _ = match self.affected.len() {
            0 => writeln!(out, "\nNothing depends on it."),
            1 => writeln!(out, "\n1 resource depends on it:"),
            n => writeln!(out, "\n{n} resources depend on it:"),
        };
        for a in &self.affected {
            let indent = "  ".repeat(a.distance);
            let line = format!("{indent} {}: {} ({} {})", a.key, a.effect, a.relation, a.through);
            let _ = writeln!(out, "{}", printable(&line));
        }
        if self.breaks.is_empty() {
            out.push_str("\nNothing that the checks know would break.\n");
        } else {
            let head = format!("{} would break:", count_things(self.breaks.len(), "thing"));
            let _ = writeln!(out, "\n{}", styler.alarm(&head));
            out.push_str(&render_results(&self.breaks, styler));
        }
        if !self.mends.is_empty() {
            let _ = writeln!(out, "\n{} would be fixed:", count_things(self.mends.len(), "thing"));
            out.push_str(&render_results(&self.mends, styler));
        }
        out.push_str(&self.coverage.render_text(styler));
        out
    }
}
