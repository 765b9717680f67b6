//! What only history knows of a verdict: who removed a field or an object, and when a write without a time was.

use drift_core::drift::{DriftChange, DriftReport, Owner, ResourceDrift, Status};
use drift_core::schema::SchemaSet;
use drift_core::{Event, FieldPath, StreamId};
use drift_sinks::report::VersionStep;

use crate::failure::Failure;
use crate::moment::{Moment, short};
use crate::recorded::Recorded;
use crate::versions::{Follower, Version};
use crate::words;

/// Adds to the verdicts what the recorded history up to a moment says.
pub(crate) async fn attribute(
    report: &mut DriftReport,
    history: &Recorded,
    at: Option<Moment>,
    schemas: &SchemaSet,
) -> Result<(), Failure> {
    for resource in report.resources.iter_mut().filter(|r| needs_history(r)) {
        let mut events = history.read(&StreamId::live(resource.key.clone())).await?;
        events.retain(|e| at.is_none_or(|m| m.includes(e)));
        let mut follower = Follower::new(schemas);
        let versions: Vec<_> = events.iter().filter_map(|e| follower.next(e).map(|v| (e, v))).collect();
        if resource.status == Status::Missing {
            resource.notes.push(loss(&versions));
        }
        resource.changes.iter_mut().for_each(|c| complete(c, &versions));
    }
    Ok(())
}

fn needs_history(resource: &ResourceDrift) -> bool {
    resource.status == Status::Missing || resource.changes.iter().any(is_open)
}

/// Tells whether nobody is named for a change, or no time.
fn is_open(change: &DriftChange) -> bool {
    change.user.is_none() || change.owner.as_ref().is_none_or(|o| o.time.is_none())
}

fn loss(versions: &[(&Event, Version)]) -> String {
    match versions.iter().rev().find(|(_, v)| v.step == VersionStep::Deleted) {
        Some((event, _)) => {
            let who = words::who(&event.origin.actor, None).map_or_else(String::new, |w| format!(" by {w}"));
            format!("deleted{who}, {} (@{})", short(event.at()), event.position)
        }
        None => "never seen in the recorded history".to_owned(),
    }
}

/// Completes a change from the last version that changed its field.
fn complete(change: &mut DriftChange, versions: &[(&Event, Version)]) {
    let touches = |p: &FieldPath| p.starts_with(&change.path) || change.path.starts_with(p);
    let wrote = |v: &Version| v.changes.iter().any(|c| touches(&c.path));
    let Some((event, version)) = versions.iter().rev().find(|(_, v)| wrote(v)) else { return };
    change.user = change.user.take().or_else(|| event.origin.actor.user.clone());
    match &mut change.owner {
        Some(owner) => owner.time = owner.time.or(Some(to_the_second(event))),
        None => {
            change.owner =
                version.owner.clone().map(|o| Owner { time: o.time.or(Some(to_the_second(event))), ..o });
        }
    }
}

/// Times of owners are in whole seconds.
fn to_the_second(event: &Event) -> jiff::Timestamp {
    let at = event.at();
    jiff::Timestamp::from_second(at.as_second()).unwrap_or(at)
}
