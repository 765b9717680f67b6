//! `drift why` without a resource: what is broken, and what are the roots.

use std::fmt::Write as _;

use drift_core::cause::Incidents;
use drift_core::fault::Fault;
use drift_sinks::report::API_VERSION;
use serde::Serialize;

use super::text::{because, named};
use super::{CauseV1, Reporter, SymptomV1, symptom_v1};
use crate::args::DataFormat;
use crate::failure::Failure;
use crate::inputs::Notes;
use crate::moment::short;
use crate::output::{self, Outcome, Screen};
use crate::words::plain;

/// Everything that is broken, by root, as programs read it; see `incident-report.v1.schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct IncidentReportV1 {
    api_version: &'static str,
    kind: &'static str,
    roots: Vec<RootV1>,
    unexplained: Vec<UnexplainedV1>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
struct RootV1 {
    because: String,
    cause: CauseV1,
    /// What it explains, oldest first.
    symptoms: Vec<SymptomV1>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
struct UnexplainedV1 {
    symptom: SymptomV1,
    because: String,
}

/// Prints what is broken.
pub(super) fn print(
    found: &Incidents,
    reporter: &Reporter<'_>,
    notes: &Notes,
    format: DataFormat,
    screen: Screen,
) -> Result<Outcome, Failure> {
    let report = report(found, reporter, notes);
    output::document(format, &report, || text(&report, screen))?;
    let is_calm = found.explained.is_empty() && found.unexplained.is_empty();
    Ok(if is_calm { Outcome::Nothing } else { Outcome::Found })
}

fn report(found: &Incidents, reporter: &Reporter<'_>, notes: &Notes) -> IncidentReportV1 {
    let symptom = |f: &Fault| symptom_v1(&f.on, f);
    let roots = found.explained.iter().enumerate().map(|(place, incident)| {
        let symptoms: Vec<_> = incident.symptoms.iter().map(symptom).collect();
        let mut cause = reporter.cause(place, &incident.cause);
        cause.explains = (0..symptoms.len()).collect();
        RootV1 { because: because(&cause), cause, symptoms }
    });
    let unexplained = found.unexplained.iter();
    IncidentReportV1 {
        api_version: API_VERSION,
        kind: "IncidentReport",
        roots: roots.collect(),
        unexplained: unexplained
            .map(|u| UnexplainedV1 { symptom: symptom(&u.fault), because: u.because.clone() })
            .collect(),
        notes: notes.texts().to_vec(),
    }
}

fn text(report: &IncidentReportV1, screen: Screen) -> String {
    let styler = screen.styler();
    let mut out = String::new();
    for root in &report.roots {
        let cause = &root.cause;
        let head = format!("{}. Justification {}", cause.rank, root.because);
        let _ = writeln!(out, "{}  score {:.2}", styler.alarm(&head), cause.score);
        root.symptoms.iter().for_each(|s| line(&mut out, s));
        if let Some(symptom) = root.symptoms.first() {
            let more = styler.dim(&format!("   more: drift why {}", named(&symptom.key)));
            let _ = writeln!(out, "{more}\n");
        }
    }
    if !report.unexplained.is_empty() {
        let _ = writeln!(out, "{}", styler.heading("No recorded change explains:"));
    }
    for one in &report.unexplained {
        line(&mut out, &one.symptom);
        let _ = writeln!(out, "{}", styler.dim(&format!("     {}", plain(&one.because))));
    }
    if report.roots.is_empty() && report.unexplained.is_empty() {
        out.push_str("nothing is broken\n");
    }
    for note in &report.notes {
        let _ = writeln!(out, "note: {}", plain(note));
    }
    out
}

fn line(out: &mut String, symptom: &SymptomV1) {
    let since = symptom.onset.map_or_else(String::new, |t| format!(" since {}", short(t)));
    let reason = if symptom.reason.is_empty() { String::new() } else { format!(" ({})", symptom.reason) };
    let _ =
        writeln!(out, "   - {}: {}", named(&symptom.key), plain(&format!("{}{reason}{since}", symptom.what)));
}
