//! The answer for people: one sentence, the chain, the evidence, and what else was considered.

use std::fmt::Write as _;

use drift_core::cause::{Explanation, THRESHOLD};
use drift_sinks::report::KeyV1;

use crate::moment::short;
use crate::output::Screen;
use crate::words::plain;

use super::{CauseReportV1, CauseV1};

/// Writes a key as it is written on the command line.
pub(super) fn named(key: &KeyV1) -> String {
    let group = if key.group.is_empty() { String::new() } else { format!(".{}", key.group) };
    plain(&format!("{}{group}/{}/{}", key.kind, key.namespace, key.name))
}

/// Says in one sentence what happened.
pub(super) fn because(cause: &CauseV1) -> String {
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
            let shown = event.paths.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = event.paths.len().saturating_sub(3);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("changed {shown}{more} of")
        }
    };
    plain(&format!("{who} {what} {} at {}", named(&event.key), short(event.time)))
}

/// Writes the report.
pub(super) fn text(report: &CauseReportV1, answer: &Explanation, screen: Screen) -> String {
    let styler = screen.styler();
    let mut out = String::new();
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    let symptom = &report.symptom;
    let since = symptom.onset.map_or_else(String::new, |t| format!(" since {}", short(t)));
    let reason =
        if symptom.reason.is_empty() { String::new() } else { format!(" ({})", plain(&symptom.reason)) };
    line(styler.heading(&format!("{}: {}{reason}{since}", named(&symptom.key), symptom.what)));
    if !symptom.message.is_empty() {
        let message: String = symptom.message.chars().take(300).collect();
        line(format!("  {}", plain(&message)));
    }
    line(String::new());
    match answer.abstained_because {
        Some(_) => {
            line(styler.alarm(&format!("No recorded change explains it: {}.", plain(&report.because))))
        }
        None => line(styler.alarm(&format!("Because {}.", report.because))),
    }
    for cause in report.causes.iter().filter(|c| c.score >= THRESHOLD) {
        one(cause, &mut line);
    }
    let others: Vec<_> = report.causes.iter().filter(|c| c.score < THRESHOLD).collect();
    if !others.is_empty() {
        line(String::new());
        line("Considered, and why not:".to_owned());
        for cause in others {
            let why = cause.but.first().cloned().unwrap_or_else(|| "hardly fits the fault".to_owned());
            line(styler.dim(&format!("  {:.2}  {}: {}", cause.score, because(cause), plain(&why))));
        }
    }
    for note in &report.notes {
        line(format!("note: {}", plain(note)));
    }
    out
}

fn one(cause: &CauseV1, line: &mut impl FnMut(String)) {
    line(String::new());
    line(format!("{}. {}  score {:.2}", cause.rank, because(cause), cause.score));
    for (i, link) in cause.chain.iter().enumerate() {
        let evidence = if link.evidence.is_empty() {
            String::new()
        } else {
            format!("  ({}: {})", link.edge, link.evidence)
        };
        line(format!("   {}{}{}", if i == 0 { "" } else { "-> " }, named(&link.key), plain(&evidence)));
    }
    let version = cause.event.resource_version.as_deref().unwrap_or("?");
    line(format!(
        "   event {} resourceVersion {version}",
        cause.event.id.get(..16).unwrap_or(&cause.event.id)
    ));
    if let Some(commit) = &cause.commit {
        let id = commit.id.get(..10).unwrap_or(&commit.id);
        let file = commit.file.as_deref().unwrap_or_default();
        line(plain(&format!("   commit {id} {} {} {file}", commit.author, commit.message)));
    }
    let compared = if cause.compared.is_empty() { String::new() } else { format!(": {}", cause.compared) };
    line(plain(&format!("   undoing it would help: {}{compared}", cause.counterfactual)));
    let parts: Vec<_> = cause.parts.iter().map(|(name, value)| format!("{name} {value:.2}")).collect();
    line(format!("   parts: {}", parts.join(", ")));
    for but in &cause.but {
        line(format!("   but {}", plain(but)));
    }
}
