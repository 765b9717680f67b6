//! `drift fights`: fields that several writers overwrite in turn, and manual changes that an engine reverted.

use drift_core::ResourceKey;
use drift_core::blame::Version;
use drift_core::fights::{Fight, Revert, find_conflicts};
use drift_core::k8s::tracking::AppRef;
use drift_sinks::report::{FightReportV1, FightV1, RevertV1};
use drift_sources::audit::Change;
use jiff::Timestamp;

use crate::args::FightsArgs;
use crate::blame::Estate;
use crate::failure::Failure;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::users::{self, UserLog};

/// Kinds in which writers alternate by design, or that only report about others.
const LEFT_OUT: [(&str, &str); 4] = [
    ("", "Event"),
    ("events.k8s.io", "Event"),
    ("coordination.k8s.io", "Lease"),
    ("discovery.k8s.io", "EndpointSlice"),
];

/// Returns `true` if writers of a resource alternate by design.
pub(crate) fn is_left_out(key: &ResourceKey) -> bool {
    LEFT_OUT.contains(&key.group_kind())
}

/// Runs the command.
pub(crate) async fn run(args: &FightsArgs, screen: Screen) -> Result<Outcome, Failure> {
    let recorded = Recorded::open(&args.recorded).await?;
    let mut notes = recorded.notes().clone();
    let mut events = recorded.all().await?;
    events.retain(|e| args.at.is_none_or(|m| m.includes(e)));
    let estate = Estate::new(&events, &mut notes)?;
    let log = match &args.audit {
        Some(file) => Some(users::read(file, Some(recorded.redactor().clone()), &mut notes)?),
        None => None,
    };
    let (mut fights, mut reverts) = (Vec::new(), Vec::new());
    let wanted = |key: &ResourceKey| {
        !is_left_out(key)
            && args.namespace.as_ref().is_none_or(|n| **n == *key.namespace)
            && (args.keys.is_empty() || args.keys.iter().any(|k| k.matches(key, None)))
    };
    for (key, versions) in estate.versions.iter().filter(|(key, _)| wanted(key)) {
        let last = versions.iter().rev().find_map(|v| v.object.as_deref());
        let found = find_conflicts(key, versions, last.and_then(|o| estate.type_of(o)));
        fights.extend(found.fights.iter().map(|f| FightV1::new(f, &apps_of(f, &estate))));
        reverts.extend(found.reverts.iter().map(|r| revert_v1(r, versions, &estate, log.as_ref())));
    }
    let found = !fights.is_empty();
    let report = FightReportV1::new(fights, reverts, notes.texts().to_vec());
    output::document(args.output, &report, || report.render_text(screen.styler()))?;
    Ok(match (notes.is_partial(), found) {
        (true, _) => Outcome::Failed,
        (false, true) => Outcome::Found,
        (false, false) => Outcome::Nothing,
    })
}

/// Returns the apps that the writers of a fight wrote for.
fn apps_of(fight: &Fight, estate: &Estate) -> Vec<ResourceKey> {
    let apps = fight.sides.iter().filter_map(|s| s.claim.as_ref());
    apps.filter_map(|app| resolved(app, &fight.key, fight.last, estate)).collect()
}

fn resolved(claim: &AppRef, key: &ResourceKey, at: Timestamp, estate: &Estate) -> Option<ResourceKey> {
    estate.applications.resolve(claim, key, at)
}

fn revert_v1(revert: &Revert, versions: &[Version], estate: &Estate, log: Option<&UserLog>) -> RevertV1 {
    let (made, version) = revert.made;
    let made_version = versions[version].object.as_deref().and_then(|o| o.resource_version());
    let key = ResourceKey { cluster: "".into(), ..revert.key.clone() };
    let change = Change {
        version: made_version.as_ref(),
        at: Some(made),
        path: Some(&revert.path),
        ..Change::of(&key)
    };
    let user = log.and_then(|l| l.index.join(&change)).map(|join| join.entry.user.to_string());
    let via = resolved(&revert.claim, &revert.key, revert.reverted.0, estate);
    RevertV1::new(revert, user, via.as_ref())
}
