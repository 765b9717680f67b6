//! A cause report as text: one sentence, the chain, the evidence, and what else was considered.

use std::fmt::Write as _;

use drift_core::cause::THRESHOLD;
use drift_core::text::printable;

use super::{CauseReportV1, CauseV1};
use crate::report::Styler;
use crate::report::format::format_time;

/// How much the text of a cause report shows of each score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CauseDetail {
    /// The score.
    #[default]
    Brief,
    /// The score with its parts.
    Explained,
}

/// Longest message of a symptom that the text shows, in characters.
const MESSAGE_CHARS: usize = 300;

/// Paths that the sentence names before it counts the rest.
const PATHS: usize = 3;

/// Writes in one sentence what happened: `alice (kubectl-edit) changed data.port of ConfigMap/shop/web at ...`.
pub(in crate::report) fn because(cause: &CauseV1) -> String {
    let event = &cause.event;
    let who = match (&event.actor.user, &event.actor.manager) {
        (Some(user), Some(manager)) => format!("{user} ({manager})"),
        (Some(one), None) | (None, Some(one)) => one.to_string(),
        (None, None) => "somebody whom no source names".to_owned(),
    };
    let what = match event.op {
        "create" => "created".to_owned(),
        "delete" => "deleted".to_owned(),
        _ if event.paths.is_empty() => "changed".to_owned(),
        _ => {
            let shown = event.paths.iter().take(PATHS).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = event.paths.len().saturating_sub(PATHS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("changed {shown}{more} of")
        }
    };
    printable(&format!("{who} {what} {} at {}", event.key, format_time(event.time)))
}

impl CauseReportV1 {
    /// Writes the report as text for people.
    pub fn render_text(&self, styler: Styler, detail: CauseDetail) -> String {
        let mut out = String::new();
        let mut line = |text: String| {
            let _ = writeln!(out, "{text}");
        };
        let symptom = &self.symptom;
        let reason = if symptom.reason.is_empty() { String::new() } else { format!(" ({})", symptom.reason) };
        line(
            styler
                .heading(&printable(&format!("{}: {}{reason}{}", symptom.key, symptom.what, symptom.since))),
        );
        if !symptom.message.is_empty() {
            let message: String = symptom.message.chars().take(MESSAGE_CHARS).collect();
            line(format!("  {}", printable(&message)));
        }
        line(String::new());
        line(styler.alarm(&match self.verdict {
            "abstained" => format!("No recorded change explains it: {}.", printable(&self.because)),
            _ => format!("Because {}.", self.because),
        }));
        let (explaining, others): (Vec<_>, Vec<_>) = self.causes.iter().partition(|c| c.score >= THRESHOLD);
        explaining.into_iter().for_each(|cause| write_cause(cause, detail, &mut line));
        if !others.is_empty() {
            line(String::new());
            line("Considered, and why not:".to_owned());
        }
        for cause in others {
            let why = cause.but.first().map_or("does not fit the fault well", String::as_str);
            line(styler.dim(&format!("  {:.2}  {}: {}", cause.score, because(cause), printable(why))));
        }
        for note in &self.notes {
            line(format!("note: {}", printable(note)));
        }
        out.push_str(&self.coverage.render_text(styler));
        out
    }
}

fn write_cause(cause: &CauseV1, detail: CauseDetail, line: &mut impl FnMut(String)) {
    line(String::new());
    line(format!("{}. {}  score {:.2}", cause.rank, because(cause), cause.score));
    for (i, hop) in cause.chain.iter().enumerate() {
        let evidence = if hop.evidence.is_empty() {
            String::new()
        } else {
            format!("  ({}: {})", hop.edge, hop.evidence)
        };
        let arrow = if i == 0 { "" } else { "-> " };
        line(format!("   {arrow}{}", printable(&format!("{}{evidence}", hop.key))));
    }
    let version = cause.event.resource_version.as_deref().unwrap_or("?");
    let id = cause.event.id.get(..16).unwrap_or(&cause.event.id);
    line(format!("   event {id} resourceVersion {version}"));
    if let Some(commit) = &cause.commit {
        let file = commit.file.as_deref().unwrap_or_default();
        let text = format!("   commit {} {} {} {file}", commit.short_id(), commit.author, commit.message);
        line(printable(&text));
    }
    let compared = if cause.compared.is_empty() { String::new() } else { format!(": {}", cause.compared) };
    line(printable(&format!("   reverting it would help: {}{compared}", cause.counterfactual)));
    if detail == CauseDetail::Explained {
        let parts: Vec<_> = cause.parts.iter().map(|(name, value)| format!("{name} {value:.2}")).collect();
        line(format!("   parts: {}", parts.join(", ")));
    }
    for but in &cause.but {
        line(format!("   but {}", printable(but)));
    }
}
