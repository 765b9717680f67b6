//! A cause report for people: the change with its values, why it is thought to be it and how to undo it; or what the error points
//! at, and what was looked at.

use drift_core::cause::{Abstention, THRESHOLD};
use drift_core::fault::FaultKind;
use drift_core::text::printable;

use super::block::{Block, render_text};
use super::changed::write_change;
use super::{CauseReportV1, CauseV1, SymptomV1};
use crate::report::Styler;
use crate::report::format::format_time;

/// How much the text of a cause report shows of the numbers behind an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CauseDetail {
    /// None of them.
    #[default]
    Brief,
    /// Scores with their parts, places in both views, event ids and versions, and everything that was considered.
    Explained,
}

/// Longest message of a symptom that the text shows, in characters.
const MESSAGE_CHARS: usize = 300;

/// Most messages of a symptom, and most of other resources, that the text shows.
const MESSAGES: usize = 2;

/// Paths that the sentence names before it counts the rest.
const PATHS: usize = 3;

/// Fields of a change that the text shows before it counts the rest.
const FIELDS: usize = 6;

/// Changes that were looked at, and are shown.
const LOOKED_AT: usize = 4;

/// Least probability of a change that is worth a line among those that were looked at.
const WORTH_A_LINE: f64 = 0.015;

/// Writes in one sentence what happened: `alice (kubectl-edit) changed data.port of ConfigMap/shop/web at ...`.
pub(in crate::report) fn because(cause: &CauseV1) -> String {
    let event = &cause.event;
    let what = match event.op {
        "update" if !event.paths.is_empty() => {
            let shown = event.paths.iter().take(PATHS).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = event.paths.len().saturating_sub(PATHS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("changed {shown}{more} of")
        }
        "create" => "created".to_owned(),
        _ => verb(cause).to_owned(),
    };
    printable(&format!("{} {what} {} at {}", who(cause), event.key, format_time(event.time)))
}

/// Names who made a change, as far as any source names them.
fn who(cause: &CauseV1) -> String {
    let actor = &cause.event.actor;
    match (&actor.user, &actor.manager) {
        (Some(user), Some(manager)) => format!("{user} ({manager})"),
        (Some(one), None) | (None, Some(one)) => one.to_string(),
        (None, None) => "somebody whom no source names".to_owned(),
    }
}

fn verb(cause: &CauseV1) -> &'static str {
    match cause.event.op {
        "create" if cause.is_remade => "deleted and made again, with other values,",
        "create" => "created",
        "delete" => "deleted",
        _ => "changed",
    }
}

/// Writes in one sentence who changed what, when, and how long before the symptom.
pub(in crate::report) fn headline(cause: &CauseV1) -> String {
    let before = cause.before.as_ref().map_or_else(String::new, |d| format!(", {d} before"));
    format!("{} {} {} at {}{before}", who(cause), verb(cause), cause.event.key, format_time(cause.event.time))
}

impl CauseReportV1 {
    /// Writes the report as text for people.
    pub fn render_text(&self, styler: Styler, detail: CauseDetail) -> String {
        let mut out = render_text(&self.blocks(detail), styler);
        for note in &self.notes {
            out.push_str(&format!("note: {}\n", printable(note)));
        }
        out.push_str(&self.coverage.render_text(styler));
        out
    }

    /// Returns the parts of the answer, which every form for people is written from.
    pub(super) fn blocks(&self, detail: CauseDetail) -> Vec<Block> {
        let mut out = vec![Block::Title(self.title())];
        let messages = messages(&self.symptom);
        out.extend(messages.iter().map(|m| Block::Quote(m.clone())));
        let (named, others): (Vec<_>, Vec<_>) = self.causes.iter().partition(|c| c.score >= THRESHOLD);
        let is_explained = self.verdict != "abstained";
        for (i, cause) in named.iter().enumerate().filter(|_| is_explained) {
            let answer = if i == 0 { "Because" } else { "Also possible:" };
            let began = if cause.before.is_some() { " it began" } else { "" };
            out.push(Block::Answer(format!("{answer} {}{began}.", headline(cause))));
            out.extend(cause_blocks(cause, detail));
        }
        let mut others: Vec<&CauseV1> = if is_explained { others } else { self.causes.iter().collect() };
        if !is_explained {
            out.extend(self.abstention(&messages));
            let likely = others.first().copied();
            // What ran out or broke by itself needs no change: then only one that the error points at is worth more than a line.
            let by_itself = self
                .points_at
                .iter()
                .any(|p| matches!(p.what, "time" | "rateLimit" | "load" | "machine" | "program"));
            let is_likely = |c: &&CauseV1| {
                c.unproven.is_some() && c.probability > self.none_of_them && (c.is_pointed_at || !by_itself)
            };
            let likely = likely.filter(is_likely);
            if let Some(cause) = likely.filter(|_| self.abstained == Some(Abstention::Unexplained)) {
                others.remove(0);
                out.extend(unproven(cause, detail));
            }
        }
        if !self.symptoms.is_empty() && detail == CauseDetail::Brief {
            // What came after it began is no cause of it.
            others.retain(|c| c.before.is_some());
        }
        out.extend(considered(&others, detail));
        if detail == CauseDetail::Explained {
            out.push(Block::Heading(format!("That none of them is the cause: {:.2}", self.none_of_them)));
        }
        out
    }

    fn title(&self) -> String {
        let symptom = &self.symptom;
        let reason = if symptom.reason.is_empty() { String::new() } else { format!(" ({})", symptom.reason) };
        match self.abstained {
            Some(Abstention::NoFault) => format!("{}: shows no fault", symptom.key),
            Some(Abstention::NotRecorded) => format!("{}: not recorded", symptom.key),
            _ if symptom.on == symptom.key => {
                format!("{}: {}{reason}{}", symptom.key, symptom.what, symptom.since)
            }
            _ => {
                format!("{}: {}{reason}{}, shown by {}", symptom.key, symptom.what, symptom.since, symptom.on)
            }
        }
    }

    /// Returns why no cause is named, and what a reader can go on with.
    fn abstention(&self, shown: &[String]) -> Vec<Block> {
        match self.abstained {
            Some(Abstention::NoFault) => return self.looked_at(),
            Some(Abstention::Unexplained) | None => {}
            Some(_) => return vec![Block::Answer(format!("No answer: {}.", self.because))],
        }
        let mut out = vec![Block::Answer("No recorded change is shown to explain it.".to_owned())];
        let pointers = self.points_at.iter().map(|p| Block::Item(p.text.clone()));
        let others = self.said_by_others(shown).into_iter().map(Block::Item);
        let items: Vec<_> = pointers.chain(others).collect();
        if items.is_empty() {
            let text = match shown.is_empty() {
                true => "Nothing that it reports says why: there is no error text to go on with.",
                false => "The error names nothing that the record knows.",
            };
            out.push(Block::Heading(text.to_owned()));
        } else {
            out.push(Block::Heading("What the error points at:".to_owned()));
            out.extend(items);
        }
        out
    }

    /// Returns what other resources say that belong to the symptom, each text once.
    fn said_by_others(&self, shown: &[String]) -> Vec<String> {
        let mut texts: Vec<String> = shown.to_vec();
        let mut out = Vec::new();
        // That something is not available only repeats what is asked about.
        let says_why = |s: &&SymptomV1| s.on != self.symptom.on && s.what != FaultKind::Unavailable.as_str();
        for symptom in self.symptoms.iter().filter(says_why) {
            for message in messages(symptom) {
                if out.len() < MESSAGES && !texts.contains(&message) {
                    out.push(format!("{} ({}) says: {message}", symptom.on, symptom.what));
                    texts.push(message);
                }
            }
        }
        out
    }

    fn looked_at(&self) -> Vec<Block> {
        let (good, bad): (Vec<_>, Vec<_>) = self.looked_at.iter().partition(|one| one.as_promised);
        let answer = match (bad.is_empty(), good.is_empty()) {
            (false, _) => "No fault shows now, but not everything is as it promises.",
            (true, false) => "No fault shows; what it promises was looked at.",
            (true, true) => "No fault shows, and it promises nothing that could be looked at.",
        };
        let items =
            |all: Vec<&super::LookedAtV1>| all.into_iter().map(|one| Block::Item(one.text.clone())).collect();
        let part = |name: &str, items: Vec<Block>| {
            let heading = (!items.is_empty()).then(|| Block::Heading(name.to_owned()));
            heading.into_iter().chain(items)
        };
        let answer = std::iter::once(Block::Answer(answer.to_owned()));
        answer
            .chain(part("Not as promised:", items(bad)))
            .chain(part("Looked at, and as it should be:", items(good)))
            .collect()
    }
}

/// Returns the parts of a message, without what only repeats that a container restarts where anything else is said.
pub(super) fn informative(message: &str) -> Vec<&str> {
    let is_generic = |text: &&str| {
        let lower = text.to_ascii_lowercase();
        lower.starts_with("back-off") && lower.contains("restarting failed container")
    };
    let all: Vec<&str> = message.split(" | ").filter(|t| !t.is_empty()).collect();
    let informative: Vec<&str> = all.iter().copied().filter(|t| !is_generic(t)).collect();
    if informative.is_empty() { all } else { informative }
}

/// Returns the texts of a symptom that are shown.
fn messages(symptom: &SymptomV1) -> Vec<String> {
    informative(&symptom.message)
        .into_iter()
        .take(MESSAGES)
        .map(|text| shortened(text, MESSAGE_CHARS))
        .collect()
}

/// Cuts a text, and shows that it was cut.
fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns the details of a cause: the values, why, the path, how to undo it.
pub(in crate::report) fn cause_blocks(cause: &CauseV1, detail: CauseDetail) -> Vec<Block> {
    let mut out = Vec::new();
    out.extend(changed(cause));
    out.push(Block::Detail("why", cause.reason.clone()));
    out.extend(details(cause));
    out.extend(cause.but.iter().map(|but| Block::Detail("but", but.clone())));
    if detail == CauseDetail::Explained {
        out.extend(numbers(cause));
    }
    out
}

/// Returns the details of a change that is likely, and not proven.
fn unproven(cause: &CauseV1, detail: CauseDetail) -> Vec<Block> {
    let Some((why, missing)) = &cause.unproven else { return Vec::new() };
    let mut out = vec![Block::Heading(format!(
        "Most likely of the recorded changes, and not proven: {}",
        headline(cause)
    ))];
    out.extend(changed(cause));
    out.push(Block::Detail("for it", why.clone()));
    out.push(Block::Detail("missing", (*missing).to_owned()));
    out.extend(details(cause));
    if detail == CauseDetail::Explained {
        out.extend(numbers(cause));
    }
    out
}

/// Returns old and new values, of the change and of the one that carried it to what fails.
fn changed(cause: &CauseV1) -> Vec<Block> {
    let mut out = Vec::new();
    let lines = |changes: &[super::VersionChangeV1]| {
        let more = changes.len().saturating_sub(FIELDS);
        let shown = changes.iter().take(FIELDS).flat_map(write_change);
        let rest = (more > 0).then(|| format!("… and {more} more fields"));
        shown.chain(rest).collect::<Vec<_>>()
    };
    if !cause.event.changes.is_empty() {
        out.push(Block::Lines(lines(&cause.event.changes)));
    }
    if let Some((key, changes)) = &cause.carrier {
        out.push(Block::Lines(
            std::iter::once(format!("which brought to {key}:")).chain(lines(changes)).collect(),
        ));
    }
    out
}

fn details(cause: &CauseV1) -> Vec<Block> {
    let mut out = Vec::new();
    if cause.chain.len() > 1 {
        let hop = |(i, hop): (usize, &super::HopV1)| {
            let how = if hop.evidence.is_empty() {
                String::new()
            } else {
                format!("  ({}: {})", hop.edge, hop.evidence)
            };
            format!("{}{}{how}", if i == 0 { "" } else { "-> " }, hop.key)
        };
        let mut hops = cause.chain.iter().enumerate().map(hop);
        out.push(Block::Detail("path", hops.next().unwrap_or_default()));
        out.push(Block::Lines(hops.map(|h| format!("       {h}")).collect()));
    }
    if let Some(commit) = &cause.commit {
        let file = commit.file.as_ref().map_or_else(String::new, |f| format!(" ({f})"));
        let text = format!("{} {} {}{file}", commit.short_id(), commit.author, commit.message);
        out.push(Block::Detail("commit", text.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    if let Some(undo) = &cause.undo {
        let show = undo.show.as_ref().map_or_else(String::new, |show| format!(" (it is shown by: {show})"));
        out.push(Block::Detail("undo", format!("{}{show}", undo.text)));
    }
    out
}

/// Returns the changes that were looked at, with plain reasons; the less likely ones only where numbers are asked for.
fn considered(others: &[&CauseV1], detail: CauseDetail) -> Vec<Block> {
    let is_shown = |(i, c): &(usize, &&CauseV1)| {
        detail == CauseDetail::Explained || (*i < LOOKED_AT && c.probability >= WORTH_A_LINE)
    };
    let mut out = Vec::new();
    for (_, cause) in others.iter().enumerate().filter(is_shown) {
        if out.is_empty() {
            out.push(Block::Heading("Changes looked at:".to_owned()));
        }
        let fields = cause.event.paths.iter().take(PATHS).map(String::as_str).collect::<Vec<_>>().join(", ");
        let fields = if fields.is_empty() { String::new() } else { format!(" ({fields})") };
        out.push(Block::Item(format!("{}{fields}: {}", headline(cause), cause.reason)));
        if detail == CauseDetail::Explained {
            out.extend(numbers(cause));
        }
    }
    out
}

/// Returns the numbers behind a cause.
fn numbers(cause: &CauseV1) -> Vec<Block> {
    let place = |rank: Option<usize>| rank.map_or("not listed".to_owned(), |r| format!("number {r}"));
    let nats: Vec<_> = cause.evidence.iter().map(|(name, nats)| format!("{name} {nats:+.2}")).collect();
    let parts: Vec<_> = cause.parts.iter().map(|(name, value)| format!("{name} {value:.2}")).collect();
    let compared = if cause.compared.is_empty() { String::new() } else { format!(" ({})", cause.compared) };
    let id = cause.event.id.get(..16).unwrap_or(&cause.event.id);
    let version = cause.event.resource_version.as_deref().unwrap_or("?");
    let mut out = vec![
        format!(
            "score {:.2}, probability {:.2}; by the rules {}, by the evidence {}",
            cause.score,
            cause.probability,
            place(cause.ranks.rules),
            place(cause.ranks.evidence)
        ),
        format!("would it help to undo it: {}{compared}", cause.counterfactual),
        format!("evidence in nats: {}", if nats.is_empty() { "none".to_owned() } else { nats.join(", ") }),
        format!("parts of the rules: {}", parts.join(", ")),
    ];
    if !cause.matched.is_empty() {
        out.push(format!("words of the error that it has: {}", cause.matched.join(", ")));
    }
    out.push(format!("event {id} resourceVersion {version}"));
    out.into_iter().map(Block::Numbers).collect()
}
