//! The document of `drift timeline`: what happened, one entry per event.

use drift_core::coverage::InputNotes;
use drift_core::text::printable;
use drift_core::{Event, EventBody, Facet, FieldPath, ResourceKey, StreamId};
use jiff::Timestamp;
use serde::Serialize;

use super::format::{count_things, format_time};
use super::version::{describe_change, visible_sides};
use super::{API_VERSION, CoverageV1, KeyV1, RecordedVersion, Styler, TransitionV1, WriterV1};

/// Paths that a line of the text names before it counts the rest.
const PATHS: usize = 2;

/// What happened, oldest first.
///
/// Its JSON Schema is [`super::TIMELINE_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/timeline.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `Timeline`.
    pub kind: &'static str,
    /// Events, in order of position.
    pub events: Vec<TimelineEntryV1>,
    /// Remarks about the input, for example that a part of history is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntryV1 {
    /// Place in the log; `--at @N` takes it.
    pub position: u64,
    /// Id of the event, 64 hexadecimal digits.
    pub id: String,
    /// Time of the event, else the time at which it was observed.
    pub time: Timestamp,
    /// `seen`, `created`, `changed` or `deleted` for a version of a resource; `happened`, `gap`, `listed`, `checkpoint` or
    /// `other` for other events.
    pub what: &'static str,
    /// Resource that the event is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyV1>,
    /// Who declares the object, for a declared one: an app, or a directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Who did it; its members stand in the entry itself.
    #[serde(flatten)]
    pub who: WriterV1,
    /// Fields that changed.
    pub paths: Vec<ChangedPathV1>,
    /// Changes of state that a GitOps engine reports, for one of its objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<TransitionV1>,
    /// Message of what happened, scope of a list, or reason of a gap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the text writes about it; values are not part of the document.
    #[serde(skip)]
    line: EntryLine,
}

/// Path of a field that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedPathV1 {
    /// Path as a list of steps.
    pub path: FieldPath,
    /// The same path as text.
    pub path_text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct EntryLine {
    subject: String,
    changes: Option<String>,
}

impl TimelineV1 {
    /// Makes the document of entries in order of position.
    pub fn new(events: Vec<TimelineEntryV1>, notes: &InputNotes) -> Self {
        Self {
            api_version: API_VERSION,
            kind: "Timeline",
            events,
            notes: notes.remarks().to_vec(),
            coverage: notes.coverage().into(),
        }
    }

    /// Writes the timeline as text for people; `omitted` events are counted at the end.
    pub fn render_text(&self, omitted: usize, styler: Styler) -> String {
        let mut out = String::new();
        self.events.iter().for_each(|entry| entry.write_text(&mut out, styler));
        for note in &self.notes {
            out.push_str(&format!("{} {}\n", styler.alarm("note:"), printable(note)));
        }
        out.push_str(&self.coverage.render_text(styler));
        if omitted > 0 {
            let events = count_things(omitted, "event");
            let note = format!("{events} of status and housekeeping not shown (--all)");
            out.push_str(&format!("{}\n", styler.dim(&note)));
        }
        out
    }
}

/// Returns the resource that an event is about: of something that happened, the one it was reported for.
pub fn subject_of(event: &Event) -> Option<&ResourceKey> {
    match &event.body {
        EventBody::Happened(occurrence) => occurrence.about.as_ref().or(event.stream.key()),
        _ => event.stream.key(),
    }
}

impl TimelineEntryV1 {
    /// Makes the entry of a recorded version.
    pub fn of_version(version: &RecordedVersion<'_>) -> Self {
        let changes = version.changes.iter();
        let path = |p: &FieldPath| ChangedPathV1 { path: p.clone(), path_text: p.to_string() };
        let base = Self::base(version.event, version.step.as_str());
        let key = subject_of(version.event);
        Self {
            who: WriterV1::new(version.event, version.owner),
            paths: changes.map(|c| path(&c.path)).collect(),
            transitions: version.transitions.to_vec(),
            line: EntryLine { changes: key.and_then(|key| describe_changes(key, version)), ..base.line },
            ..base
        }
    }

    /// Makes the entry of an event that is not a version of a resource, such as a gap.
    pub fn of_event(event: &Event) -> Self {
        let (what, message) = match &event.body {
            EventBody::Happened(o) => ("happened", Some(format!("{}: {}", o.reason, o.message))),
            EventBody::Gap(gap) => ("gap", Some(format!("{}: {}", gap.scope, gap.message))),
            EventBody::Relisted(scope) => ("listed", Some(scope.to_string())),
            EventBody::Checkpoint => ("checkpoint", None),
            _ => ("other", None),
        };
        Self { message, ..Self::base(event, what) }
    }

    fn base(event: &Event, what: &'static str) -> Self {
        let key = subject_of(event);
        let authority = match &event.stream {
            StreamId::Resource(Facet::Desired(authority), _) => Some(authority.to_string()),
            _ => None,
        };
        let subject = key.map_or_else(|| event.stream.to_string(), ToString::to_string);
        Self {
            position: event.position.get(),
            id: format!("{:#}", event.id),
            time: event.at(),
            what,
            key: key.map(Into::into),
            authority,
            who: WriterV1::new(event, None),
            paths: Vec::new(),
            transitions: Vec::new(),
            message: None,
            line: EntryLine { subject, changes: None },
        }
    }

    fn write_text(&self, out: &mut String, styler: Styler) {
        let what = match self.what {
            "created" => styler.added(self.what),
            "deleted" => styler.removed(self.what),
            "gap" => styler.alarm(self.what),
            other => other.to_owned(),
        };
        let position = styler.dim(&format!("@{:<5}", self.position));
        let subject = styler.heading(&printable(&self.line.subject));
        out.push_str(&format!("{}  {position} {what} {subject}", format_time(self.time)));
        let detail = self.detail();
        if !detail.is_empty() {
            out.push_str(&format!(" {detail}"));
        }
        out.push('\n');
    }

    /// Writes who did it and what: `by kubectl-scale (Update of scale): .spec.replicas 2 → 3`.
    fn detail(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.who.describe().map(|w| format!("by {}", printable(&w))));
        let states: Vec<String> = self.transitions.iter().map(|t| printable(&t.describe())).collect();
        if states.is_empty() {
            parts.extend(self.line.changes.clone());
        } else {
            parts.push(states.join(", "));
        }
        parts.extend(self.message.as_ref().map(|m| printable(m)));
        parts.join(": ")
    }
}

/// Writes the first changes, those that people make before those of status.
fn describe_changes(key: &ResourceKey, version: &RecordedVersion<'_>) -> Option<String> {
    let mut changes: Vec<_> = version.changes.iter().collect();
    changes.sort_by_key(|c| c.path.starts_with_fields(&["status"]));
    let described = changes.iter().take(PATHS).map(|c| {
        let (before, after) = visible_sides(key, c);
        describe_change(&c.path.to_string(), before.as_ref(), after.as_ref())
    });
    let described: Vec<_> = described.collect();
    let more = changes.len().saturating_sub(PATHS);
    let more = if more > 0 { format!(", {more} more") } else { String::new() };
    (!described.is_empty()).then(|| format!("{}{more}", described.join(", ")))
}
