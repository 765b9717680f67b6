//! `drift timeline`: what happened, one line per event.

use drift_core::drift::Owner;
use drift_core::schema::SchemaSet;
use drift_core::{Event, EventBody, Facet, FieldPath, Operation, ResourceKey, StreamId};
use drift_sinks::report::{API_VERSION, KeyV1};
use futures::StreamExt;
use jiff::Timestamp;
use serde::Serialize;

use crate::args::TimelineArgs;
use crate::failure::Failure;
use crate::moment::short;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::transitions::TransitionV1;
use crate::versions::{Follower, Step, Version, is_controlled};
use crate::words;

/// Kinds that only say what other objects say already, unless all is asked for.
const HOUSEKEEPING: &[&str] =
    &["Event", "Lease", "Endpoints", "EndpointSlice", "ControllerRevision", "ReplicaSet"];

/// Paths that a line names before it counts the rest.
const PATHS: usize = 2;

/// What happened, as programs read it; see `timeline.v1.schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TimelineV1 {
    api_version: &'static str,
    kind: &'static str,
    events: Vec<EntryV1>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryV1 {
    position: u64,
    id: String,
    time: Timestamp,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyV1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authority: Option<String>,
    #[serde(flatten)]
    who: WhoV1,
    paths: Vec<PathV1>,
    /// What an engine says of itself, where the event is about one of its objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transitions: Vec<TransitionV1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The line for people, made along.
    #[serde(skip)]
    line: Line,
}

/// Who did it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct WhoV1 {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) manager: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subresource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PathV1 {
    path: FieldPath,
    path_text: String,
}

#[derive(Debug, Default)]
struct Line {
    subject: String,
    detail: String,
}

impl WhoV1 {
    pub(crate) fn new(event: &Event, owner: Option<&Owner>) -> Self {
        let actor = &event.origin.actor;
        let of_actor = actor.manager.as_ref().map(ToString::to_string);
        Self {
            manager: owner.map(|o| o.manager.to_string()).or(of_actor),
            operation: owner.map(|o| o.operation),
            subresource: owner.map(|o| o.subresource.to_string()).filter(|s| !s.is_empty()),
            user: actor.user.as_ref().map(ToString::to_string),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(args: &TimelineArgs, screen: Screen) -> Result<Outcome, Failure> {
    let recorded = Recorded::open(&args.recorded).await?;
    let schemas = SchemaSet::bundled();
    let mut follower = Follower::new(&schemas);
    let mut timeline = TimelineV1 {
        api_version: API_VERSION,
        kind: "Timeline",
        events: Vec::new(),
        notes: recorded.notes().texts().to_vec(),
    };
    let mut left_out = 0;
    let mut events = recorded.events();
    while let Some(event) = events.next().await {
        let event = &event?;
        // Every version is followed, also one that is not shown: the next is told by it.
        let version = follower.next(event);
        if !is_wanted(args, event, version.as_ref()) {
            continue;
        }
        if args.all || is_telling(event, version.as_ref()) {
            timeline.events.extend(entry(event, version.as_ref()));
        } else {
            left_out += 1;
        }
    }
    let text = || text(&timeline, left_out, screen);
    output::document(args.output, &timeline, text)?;
    // A list of what happened is not a finding: scripts use it to read, not to gate.
    Ok(if recorded.notes().is_partial() { Outcome::Failed } else { Outcome::Nothing })
}

fn is_wanted(args: &TimelineArgs, event: &Event, version: Option<&Version>) -> bool {
    let in_time =
        args.since.is_none_or(|m| m.precedes(event)) && args.until.is_none_or(|m| m.includes(event));
    let scope = &args.scope;
    let in_scope = match key(event) {
        None => args.keys.is_empty() && args.kind.is_empty() && scope.namespace.is_none(),
        Some(key) => {
            (args.keys.is_empty() || args.keys.iter().any(|k| k.matches(key, scope.namespace.as_deref())))
                && (args.kind.is_empty() || args.kind.iter().any(|k| k.matches(key)))
                && scope.namespace.as_deref().is_none_or(|n| {
                    *key.namespace == *n
                        || key.namespace.is_empty() && &*key.kind == "Namespace" && *key.name == *n
                })
        }
    };
    let object = version.and_then(|v| v.after.as_ref().or(v.before.as_ref()));
    let labelled = scope.selector.as_ref().is_none_or(|s| object.is_some_and(|o| s.matches(o)));
    in_time && in_scope && labelled && by_manager(args, event, version)
}

fn by_manager(args: &TimelineArgs, event: &Event, version: Option<&Version>) -> bool {
    let manager = WhoV1::new(event, version.and_then(|v| v.owner.as_ref())).manager;
    args.manager.is_empty() || manager.is_some_and(|m| args.manager.iter().any(|pattern| fits(pattern, &m)))
}

/// Tells whether a text fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn key(event: &Event) -> Option<&ResourceKey> {
    match &event.body {
        EventBody::Happened(occurrence) => occurrence.about.as_ref().or(event.stream.key()),
        _ => event.stream.key(),
    }
}

/// Tells whether an event says something that people look for.
fn is_telling(event: &Event, version: Option<&Version>) -> bool {
    match (&event.body, version) {
        (EventBody::Gap(_), _) => true,
        (EventBody::Happened(_) | EventBody::Relisted(_) | EventBody::Checkpoint, _) => false,
        (_, Some(version)) => {
            let kind = event.stream.key().map_or("", |k| &*k.kind);
            let object = version.after.as_ref().or(version.before.as_ref());
            let lives_and_dies = matches!(version.step, Step::Created | Step::Deleted);
            !HOUSEKEEPING.contains(&kind)
                && version.step != Step::Seen
                && (!version.is_status_only() || version.tells_of_engine())
                && (lives_and_dies || object.is_none_or(|o| !is_controlled(o)))
        }
        _ => true,
    }
}

fn entry(event: &Event, version: Option<&Version>) -> Option<EntryV1> {
    let key = key(event);
    let owner = version.and_then(|v| v.owner.as_ref());
    let authority = match &event.stream {
        StreamId::Resource(Facet::Desired(authority), _) => Some(authority.to_string()),
        _ => None,
    };
    let (what, message) = match &event.body {
        EventBody::Applied(_) | EventBody::Deleted(_) => (version?.step.word(), None),
        EventBody::Happened(o) => ("happened", Some(format!("{}: {}", o.reason, o.message))),
        EventBody::Gap(gap) => ("gap", Some(format!("{}: {}", gap.scope, gap.message))),
        EventBody::Relisted(scope) => ("listed", Some(scope.to_string())),
        EventBody::Checkpoint => ("checkpoint", None),
        _ => ("other", None),
    };
    let changes = version.map_or(&[][..], |v| &v.changes);
    let transitions = version.map(|v| v.transitions(event)).unwrap_or_default();
    let subject = key.map_or_else(|| event.stream.to_string(), ToString::to_string);
    let detail = detail(key, version, (&transitions, message.as_deref()), event);
    Some(EntryV1 {
        position: event.position.get(),
        id: format!("{:#}", event.id),
        time: event.at(),
        what,
        key: key.map(Into::into),
        authority,
        who: WhoV1::new(event, owner),
        paths: changes
            .iter()
            .map(|c| PathV1 { path: c.path.clone(), path_text: c.path.to_string() })
            .collect(),
        transitions,
        message,
        line: Line { subject: words::plain(&subject), detail },
    })
}

fn detail(
    key: Option<&ResourceKey>,
    version: Option<&Version>,
    (transitions, message): (&[TransitionV1], Option<&str>),
    event: &Event,
) -> String {
    let mut parts = Vec::new();
    parts.extend(
        words::who(&event.origin.actor, version.and_then(|v| v.owner.as_ref()))
            .map(|w| format!("by {}", words::plain(&w))),
    );
    let states: Vec<String> = transitions.iter().map(|t| words::plain(&t.text)).collect();
    if !states.is_empty() {
        parts.push(states.join(", "));
    } else if let (Some(key), Some(version)) = (key, version) {
        // What people wrote first; status only if there is nothing else.
        let is_status = |p: &FieldPath| p.starts_with_fields(&["status"]);
        let mut changes: Vec<_> = version.changes.iter().collect();
        changes.sort_by_key(|c| is_status(&c.path));
        let told: Vec<_> = changes.iter().take(PATHS).map(|c| words::change(key, c)).collect();
        if !told.is_empty() {
            let more = changes.len().saturating_sub(PATHS);
            let more = if more > 0 { format!(", {more} more") } else { String::new() };
            parts.push(format!("{}{more}", told.join(", ")));
        }
    }
    parts.extend(message.map(words::plain));
    parts.join(": ")
}

fn text(timeline: &TimelineV1, left_out: usize, screen: Screen) -> String {
    let styler = screen.styler();
    let mut out = String::new();
    for entry in &timeline.events {
        let what = match entry.what {
            "created" => styler.added(entry.what),
            "deleted" => styler.removed(entry.what),
            "gap" => styler.alarm(entry.what),
            other => other.to_owned(),
        };
        let position = styler.dim(&format!("@{:<5}", entry.position));
        out.push_str(&format!(
            "{}  {position} {what} {}",
            short(entry.time),
            styler.heading(&entry.line.subject)
        ));
        if !entry.line.detail.is_empty() {
            out.push_str(&format!(" {}", entry.line.detail));
        }
        out.push('\n');
    }
    for note in &timeline.notes {
        out.push_str(&format!("{} {}\n", styler.alarm("note:"), words::plain(note)));
    }
    if left_out > 0 {
        let note = format!("{left_out} events of status and housekeeping not shown (--all)");
        out.push_str(&format!("{}\n", styler.dim(&note)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expect) in [
            ("kubectl*", "kubectl-edit", true),
            ("kubectl", "kubectl-edit", false),
            ("*edit", "kubectl-edit", true),
            ("k*l*t", "kubectl-edit", true),
            ("k*x*t", "kubectl-edit", false),
            ("*", "", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expect, "{pattern} {text}");
        }
    }
}
