//! `drift timeline`: recorded events, one a line.

use drift_core::schema::SchemaSet;
use drift_core::{Event, EventBody};
use drift_sinks::report::{TimelineEntryV1, TimelineV1, VersionStep, WriterV1, subject_of};
use futures::StreamExt;

use crate::args::TimelineArgs;
use crate::failure::Failure;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::versions::{Follower, Version, is_controlled};

/// Kinds that only repeat what other objects show; listed with `--all`.
const HOUSEKEEPING: &[&str] =
    &["Event", "Lease", "Endpoints", "EndpointSlice", "ControllerRevision", "ReplicaSet"];

/// Runs the command.
pub(crate) async fn run(args: &TimelineArgs, screen: Screen) -> Result<Outcome, Failure> {
    let recorded = Recorded::open(&args.recorded).await?;
    let schemas = SchemaSet::bundled();
    let mut follower = Follower::new(&schemas);
    let mut entries = Vec::new();
    let mut left_out = 0;
    let mut events = recorded.events();
    while let Some(event) = events.next().await {
        let event = &event?;
        // Every version is followed, even if it is not listed: the next one is compared with it.
        let version = follower.next(event);
        if !is_wanted(args, event, version.as_ref()) {
            continue;
        }
        if args.all || is_noteworthy(event, version.as_ref()) {
            entries.push(entry(event, version.as_ref()));
        } else {
            left_out += 1;
        }
    }
    let timeline = TimelineV1::new(entries, recorded.notes().texts().to_vec());
    output::document(args.output, &timeline, || timeline.render_text(left_out, screen.styler()))?;
    // A list of events is not a finding: scripts read it, and do not gate on it.
    Ok(if recorded.notes().is_partial() { Outcome::Failed } else { Outcome::Nothing })
}

fn is_wanted(args: &TimelineArgs, event: &Event, version: Option<&Version>) -> bool {
    let in_time =
        args.since.is_none_or(|m| m.precedes(event)) && args.until.is_none_or(|m| m.includes(event));
    let scope = &args.scope;
    let in_scope = match subject_of(event) {
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
    let manager = WriterV1::new(event, version.and_then(|v| v.owner.as_ref())).manager;
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
fn is_noteworthy(event: &Event, version: Option<&Version>) -> bool {
    match (&event.body, version) {
        (EventBody::Gap(_), _) => true,
        (EventBody::Happened(_) | EventBody::Relisted(_) | EventBody::Checkpoint, _) => false,
        (_, Some(version)) => {
            let kind = event.stream.key().map_or("", |k| &*k.kind);
            let object = version.after.as_ref().or(version.before.as_ref());
            let lives_and_dies = matches!(version.step, VersionStep::Created | VersionStep::Deleted);
            !HOUSEKEEPING.contains(&kind)
                && version.step != VersionStep::Seen
                && (!version.is_status_only() || version.has_transitions())
                && (lives_and_dies || object.is_none_or(|o| !is_controlled(o)))
        }
        _ => true,
    }
}

fn entry(event: &Event, version: Option<&Version>) -> TimelineEntryV1 {
    match version {
        Some(version) => TimelineEntryV1::of_version(&version.recorded(event, &version.transitions(event))),
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
