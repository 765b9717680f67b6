//! The document of `drift why` without a resource: everything that is broken, by root cause.

use std::fmt::Write as _;

use drift_core::cause::{Cause, Incident, Incidents, Unexplained};
use drift_core::coverage::InputNotes;
use drift_core::fault::Fault;
use drift_core::text::printable;
use serde::Serialize;

use super::cause::{Block, CauseAttribution, CauseV1, SymptomV1, because, cause_blocks, headline};
use super::{API_VERSION, CauseDetail, CoverageV1, Styler};

/// Most lines of old and new values of a root.
const CHANGED_LINES: usize = 4;

/// Longest message of an unexplained symptom that the text shows, in characters.
const MESSAGE_CHARS: usize = 160;

/// Everything that is broken at one moment, with what has one root in one place.
///
/// Its JSON Schema is [`super::INCIDENT_REPORT_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/incident-report.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentReportV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `IncidentReport`.
    pub kind: &'static str,
    /// Root causes; the one that explains most symptoms first.
    pub roots: Vec<IncidentV1>,
    /// Symptoms that no recorded change explains, oldest first.
    pub unexplained: Vec<UnexplainedV1>,
    /// Remarks about the input, for example that a part of history is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
}

/// A root cause with its symptoms.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct IncidentV1 {
    /// The cause in one sentence.
    pub because: String,
    /// The cause; its `explains` counts `symptoms` of this incident.
    pub cause: CauseV1,
    /// Symptoms that it explains, oldest first.
    pub symptoms: Vec<SymptomV1>,
}

/// A symptom without a cause.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct UnexplainedV1 {
    /// What is wrong.
    pub symptom: SymptomV1,
    /// Why no cause is named.
    pub because: String,
}

impl IncidentReportV1 {
    /// Makes the document of what [`drift_core::cause::incidents`] found; `attribute` is asked once for each root.
    pub fn new(
        incidents: &Incidents,
        attribute: &dyn Fn(&Cause) -> CauseAttribution,
        notes: &InputNotes,
    ) -> Self {
        let roots = incidents.explained.iter().enumerate();
        Self {
            api_version: API_VERSION,
            kind: "IncidentReport",
            roots: roots.map(|(i, one)| IncidentV1::new(i, one, attribute(&one.cause))).collect(),
            unexplained: incidents.unexplained.iter().map(Into::into).collect(),
            notes: notes.remarks().to_vec(),
            coverage: notes.coverage().into(),
        }
    }

    /// Returns `true` if nothing is broken.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty() && self.unexplained.is_empty()
    }

    /// Writes the report as text for people.
    pub fn render_text(&self, styler: Styler, detail: CauseDetail) -> String {
        let mut out = String::new();
        for root in &self.roots {
            let cause = &root.cause;
            let head = printable(&format!("{}. Because {}", cause.rank, headline(cause)));
            let _ = writeln!(out, "{}", styler.alarm(&head));
            for block in cause_blocks(cause, detail) {
                match block {
                    Block::Lines(lines) if !lines.iter().any(|l| l.contains("-> ")) => {
                        lines.iter().take(CHANGED_LINES).for_each(|line| {
                            let _ = writeln!(out, "     {}", printable(line));
                        });
                    }
                    Block::Detail(name @ ("why" | "undo"), text) => {
                        let _ = writeln!(out, "   {name}: {}", printable(&text));
                    }
                    Block::Numbers(text) => {
                        let _ = writeln!(out, "{}", styler.dim(&format!("      {}", printable(&text))));
                    }
                    _ => {}
                }
            }
            root.symptoms.iter().for_each(|s| write_symptom(&mut out, s));
            if let Some(symptom) = root.symptoms.first() {
                let more = format!("   more: drift why {}", printable(&symptom.key.to_string()));
                let _ = writeln!(out, "{}\n", styler.dim(&more));
            }
        }
        if !self.unexplained.is_empty() {
            let _ = writeln!(out, "{}", styler.heading("No recorded change explains:"));
        }
        for one in &self.unexplained {
            write_symptom(&mut out, &one.symptom);
            let message: String = one.symptom.message.chars().take(MESSAGE_CHARS).collect();
            if !message.is_empty() {
                let _ = writeln!(out, "     {}", printable(&message));
            }
            let more = format!("     more: drift why {}", printable(&one.symptom.key.to_string()));
            let _ = writeln!(out, "{}", styler.dim(&more));
        }
        if self.is_empty() {
            out.push_str(&format!("{}\n", self.coverage.qualify("nothing is broken")));
        }
        for note in &self.notes {
            let _ = writeln!(out, "note: {}", printable(note));
        }
        out.push_str(&self.coverage.render_text(styler));
        out
    }
}

impl IncidentV1 {
    fn new(place: usize, incident: &Incident, attribution: CauseAttribution) -> Self {
        let symptoms: Vec<_> = incident.symptoms.iter().map(of_itself).collect();
        let faults: Vec<_> = incident.symptoms.iter().collect();
        let mut cause = CauseV1::new(place, &incident.cause, attribution, &faults);
        cause.explains = (0..symptoms.len()).collect();
        Self { because: because(&cause), cause, symptoms }
    }
}

impl From<&Unexplained> for UnexplainedV1 {
    fn from(unexplained: &Unexplained) -> Self {
        Self { symptom: of_itself(&unexplained.fault), because: unexplained.because.clone() }
    }
}

/// Returns the symptom of the resource that shows it: nobody asked about another one.
fn of_itself(fault: &Fault) -> SymptomV1 {
    SymptomV1::new(&fault.on, fault)
}

fn write_symptom(out: &mut String, symptom: &SymptomV1) {
    let reason = if symptom.reason.is_empty() { String::new() } else { format!(" ({})", symptom.reason) };
    let line = format!("{}: {}{reason}{}", symptom.key, symptom.what, symptom.since);
    let _ = writeln!(out, "   - {}", printable(&line));
}
