//! `drift timeline`: recorded events, one a line.

use drift_core::timeline::{VersionStep, is_controlled};
use drift_core::{EventBody, ResourceKey};
use drift_sinks::report::{TimelineEntryV1, TimelineV1, WriterV1, subject_of};
use drift_sources::estate::{Estate, EstateError, TimelineEntry};

use crate::args::TimelineArgs;
use crate::failure::Failure;
use crate::looked_at;
use crate::output::{self, Outcome, Screen};
use crate::results::{recorded_version, transitions_of};

/// Kinds that only repeat what other objects show; listed with `--all`.
const HOUSEKEEPING: &[&str] =
    &["Event", "Lease", "Endpoints", "EndpointSlice", "ControllerRevision", "ReplicaSet"];

/// Runs the command.
pub(crate) async fn run(args: &TimelineArgs, screen: Screen) -> Result<Outcome, Failure> {
    let options = looked_at::recorded(&args.recorded)?.at(args.until.unwrap_or_default());
    let options = looked_at::in_scope(options, &args.scope);
    let estate = looked_at::with_sources(options, args.audit.as_deref(), &[]).open().await?;
    let named = estate.find_all(&args.keys).await?;
    let mut left_out = 0;
    let entries = estate.timeline_where(|entry| {
        let is_listed = args.all || is_noteworthy(entry);
        let is_wanted = is_wanted(args, &named, entry);
        left_out += usize::from(is_wanted && !is_listed);
        is_wanted && is_listed
    });
    let entries: Vec<_> = entries.await?.iter().map(entry_v1).collect();
    if entries.is_empty() {
        report_unknown_filters(args, &estate).await?;
    }
    let notes = looked_at::report_notes(&estate, args.output);
    let timeline = TimelineV1::new(entries, &notes);
    output::document(args.output, &timeline, || timeline.render_text(left_out, screen.styler()))?;
    // A list of events is not a finding: scripts read it, and do not gate on it.
    Ok(Outcome::answered(notes.coverage()))
}

/// Notes on standard error that a namespace or a kind fits nothing that is recorded.
async fn report_unknown_filters(args: &TimelineArgs, estate: &Estate) -> Result<(), Failure> {
    match estate.require_namespace(&[]).await {
        Err(EstateError::UnknownNamespace { namespace, nearest, .. }) => output::remark(&format!(
            "note: nothing is recorded in namespace `{namespace}`; there is {}",
            nearest.join(", ")
        )),
        checked => checked?,
    }
    let keys = estate.recorded().await?.keys().await?;
    for kind in args.kind.iter().filter(|kind| !keys.iter().any(|k| kind.matches(k))) {
        output::remark(&format!("note: nothing of kind `{kind}` is recorded"));
    }
    Ok(())
}

fn is_wanted(args: &TimelineArgs, named: &[ResourceKey], entry: &TimelineEntry) -> bool {
    let (event, version) = (&entry.event, entry.change.as_ref());
    let in_time = args.since.is_none_or(|since| since.precedes(event));
    let scope = &args.scope;
    let in_scope = match subject_of(event) {
        None => args.keys.is_empty() && args.kind.is_empty() && scope.namespace().is_none(),
        Some(key) => {
            let is_in = |n: &str| {
                *key.namespace == *n
                    || key.namespace.is_empty() && &*key.kind == "Namespace" && *key.name == *n
            };
            let is_meant = match args.keys.is_empty() {
                true => scope.namespace().is_none_or(is_in),
                false => named.contains(key),
            };
            is_meant && (args.kind.is_empty() || args.kind.iter().any(|k| k.matches(key)))
        }
    };
    let object = version.and_then(|v| v.after.as_ref().or(v.before.as_ref()));
    let labelled = scope.selector.as_ref().is_none_or(|s| object.is_some_and(|o| s.matches_object(o)));
    in_time && in_scope && labelled && by_manager(args, entry)
}

fn by_manager(args: &TimelineArgs, entry: &TimelineEntry) -> bool {
    let owner = entry.change.as_ref().and_then(|v| v.owner.as_ref());
    let manager = WriterV1::new(&entry.event, owner).manager;
    args.manager.is_empty() || manager.is_some_and(|m| args.manager.iter().any(|pattern| fits(pattern, &m)))
}

/// Returns `true` if a text matches a pattern in which `*` matches any text.
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

/// Returns `true` if an event is listed without `--all`.
fn is_noteworthy(entry: &TimelineEntry) -> bool {
    let event = &entry.event;
    match (&event.body, &entry.change) {
        (EventBody::Gap(_), _) => true,
        (EventBody::Happened(_) | EventBody::Relisted(_) | EventBody::Checkpoint, _) => false,
        (_, Some(version)) => {
            let kind = event.stream.key().map_or("", |k| &*k.kind);
            let object = version.after.as_ref().or(version.before.as_ref());
            let lives_and_dies = matches!(version.step, VersionStep::Created | VersionStep::Deleted);
            !HOUSEKEEPING.contains(&kind)
                && version.step != VersionStep::Seen
                && (!version.is_status_only() || !transitions_of(event, version).is_empty())
                && (lives_and_dies || object.is_none_or(|o| !is_controlled(o)))
        }
        _ => true,
    }
}

fn entry_v1(entry: &TimelineEntry) -> TimelineEntryV1 {
    let event = &entry.event;
    match &entry.change {
        Some(change) => {
            let transitions = transitions_of(event, change);
            TimelineEntryV1::of_version(&recorded_version(event, change, &transitions))
        }
        None => TimelineEntryV1::of_event(event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_any_text() {
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
