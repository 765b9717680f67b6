//! `drift history`: the versions of a resource, each with who made it and what it changed.

use drift_core::schema::SchemaSet;
use drift_core::{Event, FieldChange, FieldPath, Object, ResourceKey};
use drift_sinks::report::{API_VERSION, KeyV1, hunk, redacted, side_by_side, to_yaml};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::args::HistoryArgs;
use crate::failure::Failure;
use crate::moment::short;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::show::shown;
use crate::timeline::WhoV1;
use crate::transitions::TransitionV1;
use crate::versions::{Follower, Step, Version};
use crate::words;

/// The versions of a resource, as programs read them; see `history.v1.schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HistoryV1 {
    api_version: &'static str,
    kind: &'static str,
    key: KeyV1,
    versions: Vec<VersionV1>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionV1 {
    revision: u64,
    position: u64,
    id: String,
    time: Timestamp,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<String>,
    #[serde(flatten)]
    who: WhoV1,
    changes: Vec<ChangeV1>,
    /// What an engine says of itself, where it is one of its objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transitions: Vec<TransitionV1>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeV1 {
    path: FieldPath,
    path_text: String,
    op: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

/// Runs the command.
pub(crate) async fn run(args: &HistoryArgs, screen: Screen) -> Result<Outcome, Failure> {
    let recorded = Recorded::open(&args.recorded).await?;
    let stream = recorded.find(&args.key, args.namespace.as_deref()).await?;
    let events = recorded.read(&stream).await?;
    let key = stream.key().cloned().unwrap_or_default();
    let schemas = SchemaSet::bundled();
    let mut follower = Follower::new(&schemas);
    let followed: Vec<_> = events.iter().filter_map(|e| follower.next(e).map(|v| (e, v))).collect();
    let in_time =
        |e: &Event| args.since.is_none_or(|m| m.precedes(e)) && args.until.is_none_or(|m| m.includes(e));
    let (wanted, left): (Vec<_>, Vec<_>) = followed
        .into_iter()
        .filter(|(e, _)| in_time(e))
        .partition(|(_, v)| args.all || !v.is_status_only() || v.tells_of_engine());
    let history = HistoryV1 {
        api_version: API_VERSION,
        kind: "History",
        key: (&key).into(),
        versions: wanted.iter().map(|(e, v)| version_v1(&key, e, v)).collect(),
        notes: recorded.notes().texts().to_vec(),
    };
    let text = || text(&key, &wanted, left.len(), args, screen);
    output::document(args.output, &history, text)?;
    Ok(Outcome::Nothing)
}

fn version_v1(key: &ResourceKey, event: &Event, version: &Version) -> VersionV1 {
    VersionV1 {
        revision: event.revision.get(),
        position: event.position.get(),
        id: format!("{:#}", event.id),
        time: event.at(),
        what: version.step.word(),
        resource_version: version
            .after
            .as_ref()
            .and_then(|o| o.resource_version())
            .map(|v| v.as_str().to_owned()),
        who: WhoV1::new(event, version.owner.as_ref()),
        changes: version.changes.iter().map(|c| change_v1(key, c)).collect(),
        transitions: version.transitions(event),
    }
}

fn change_v1(key: &ResourceKey, change: &FieldChange) -> ChangeV1 {
    let cut = |v: &Option<Value>| v.as_ref().map(|v| redacted(key, &change.path, v));
    ChangeV1 {
        path: change.path.clone(),
        path_text: change.path.to_string(),
        op: match (&change.before, &change.after) {
            (None, _) => "add",
            (_, None) => "remove",
            _ => "replace",
        },
        before: cut(&change.before),
        after: cut(&change.after),
    }
}

fn text(
    key: &ResourceKey,
    versions: &[(&Event, Version)],
    left_out: usize,
    args: &HistoryArgs,
    screen: Screen,
) -> String {
    let styler = screen.styler();
    let mut out = format!("{}\n", styler.heading(&words::plain(&key.to_string())));
    for (event, version) in versions {
        let what = match version.step {
            Step::Created => styler.added(version.step.word()),
            Step::Deleted => styler.removed(version.step.word()),
            step => step.word().to_owned(),
        };
        let who = words::who(&event.origin.actor, version.owner.as_ref());
        let who = who.map_or_else(String::new, |w| format!(" by {}", words::plain(&w)));
        let place = styler.dim(&format!("@{} revision {}", event.position, event.revision));
        out.push_str(&format!("\n{}  {what}{who}  {place}\n", short(event.at())));
        for transition in version.transitions(event) {
            out.push_str(&format!("  {}\n", words::plain(&transition.text)));
        }
        if args.side_by_side && version.step == Step::Changed {
            write_side_by_side(&mut out, key, version, screen);
        } else {
            version.changes.iter().for_each(|c| write_change(&mut out, key, c, screen));
        }
    }
    if left_out > 0 {
        out.push_str(
            &styler.dim(&format!("\n{left_out} versions in which only status changed not shown (--all)\n")),
        );
    }
    out
}

fn write_change(out: &mut String, key: &ResourceKey, change: &FieldChange, screen: Screen) {
    let styler = screen.styler();
    let side = |v: &Option<Value>| match v.as_ref().map(|v| redacted(key, &change.path, v)) {
        Some(Value::String(text)) if text.contains('\n') => text,
        Some(value) => to_yaml(&value),
        None => String::new(),
    };
    let (before, after) = (side(&change.before), side(&change.after));
    if before.lines().count() <= 1 && after.lines().count() <= 1 {
        out.push_str(&format!("  {}\n", words::change(key, change)));
        return;
    }
    out.push_str(&format!("  {}\n", words::plain(&change.path.to_string())));
    for (mark, line) in hunk(&before, &after) {
        out.push_str(&format!("    {}\n", styler.hunk_line(mark, &line)));
    }
}

/// Writes a version beside the one before it, whole, without what the server keeps for itself.
fn write_side_by_side(out: &mut String, key: &ResourceKey, version: &Version, screen: Screen) {
    let styler = screen.styler();
    let whole = |o: &Option<std::sync::Arc<Object>>| {
        o.as_ref().map_or_else(String::new, |o| to_yaml(&without_server_fields(shown(key, o.doc(), false))))
    };
    for row in side_by_side(&whole(&version.before), &whole(&version.after), screen.width, styler) {
        out.push_str(&format!("{row}\n"));
    }
}

fn without_server_fields(mut value: Value) -> Value {
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["resourceVersion", "generation", "uid", "creationTimestamp"] {
            metadata.remove(field);
        }
    }
    value
}
