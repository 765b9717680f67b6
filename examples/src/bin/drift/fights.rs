//! `drift fights`: fields that two writers overwrite in turn, and hand changes that an engine put back.

use drift_core::blame::Version;
use drift_core::fights::{Fight, Revert, Writer, find_conflicts};
use drift_core::k8s::tracking::AppRef;
use drift_core::{FieldPath, ResourceKey};
use drift_sinks::report::{API_VERSION, KeyV1, inline, redacted};
use drift_sources::audit::AuditedChange;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::args::FightsArgs;
use crate::blame::Estate;
use crate::failure::Failure;
use crate::moment::short;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::users::{self, UserLog};
use crate::words;

/// Fights, as programs read them; see `fight-report.v1.schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FightsV1 {
    api_version: &'static str,
    kind: &'static str,
    fights: Vec<FightV1>,
    reverts: Vec<RevertV1>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FightV1 {
    key: KeyV1,
    path: FieldPath,
    #[serde(rename = "pathText")]
    path_text: String,
    managers: Vec<String>,
    /// Through what engines wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    apps: Vec<KeyV1>,
    flips: usize,
    since: Timestamp,
    last: Timestamp,
    period_seconds: f64,
    values: Vec<Value>,
}

#[derive(Debug, Serialize)]
struct RevertV1 {
    key: KeyV1,
    path: FieldPath,
    #[serde(rename = "pathText")]
    path_text: String,
    value: Value,
    restored: Value,
    manager: Option<String>,
    user: Option<String>,
    time: Timestamp,
    via: Option<KeyV1>,
    reverted_at: Timestamp,
}

/// Kinds in which writers alternate by design, or that only tell of others.
const LEFT_OUT: [(&str, &str); 4] = [
    ("", "Event"),
    ("events.k8s.io", "Event"),
    ("coordination.k8s.io", "Lease"),
    ("discovery.k8s.io", "EndpointSlice"),
];

/// Tells whether writers of a resource alternate by design.
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
        fights.extend(found.fights.iter().map(|f| fight_v1(f, &estate)));
        reverts.extend(found.reverts.iter().map(|r| revert_v1(r, versions, &estate, log.as_ref())));
    }
    reverts.sort_by_key(|r| r.reverted_at);
    let found = !fights.is_empty();
    let report = FightsV1 {
        api_version: API_VERSION,
        kind: "FightReport",
        fights,
        reverts,
        notes: notes.texts().to_vec(),
    };
    output::document(args.output, &report, || text(&report, screen))?;
    Ok(match (notes.is_partial(), found) {
        (true, _) => Outcome::Failed,
        (false, true) => Outcome::Found,
        (false, false) => Outcome::Nothing,
    })
}

fn fight_v1(fight: &Fight, estate: &Estate) -> FightV1 {
    let value = |v: &Option<Value>| v.as_ref().map_or(Value::Null, |v| redacted(&fight.key, &fight.path, v));
    FightV1 {
        key: (&fight.key).into(),
        path: fight.path.clone(),
        path_text: fight.path.to_string(),
        managers: fight.managers().iter().map(ToString::to_string).collect(),
        apps: fight.sides.iter().filter_map(|s| app(s, fight, estate)).map(|k| (&k).into()).collect(),
        flips: fight.flips,
        since: fight.since,
        last: fight.last,
        period_seconds: (fight.period.as_secs_f64() * 1000.0).round() / 1000.0,
        values: fight.values.iter().map(value).collect(),
    }
}

fn app(side: &Writer, fight: &Fight, estate: &Estate) -> Option<ResourceKey> {
    resolved(side.claim.as_ref()?, &fight.key, fight.last, estate)
}

fn resolved(claim: &AppRef, key: &ResourceKey, at: Timestamp, estate: &Estate) -> Option<ResourceKey> {
    estate.applications.resolve(claim, key, at)
}

fn revert_v1(revert: &Revert, versions: &[Version], estate: &Estate, log: Option<&UserLog>) -> RevertV1 {
    let value =
        |v: &Option<Value>| v.as_ref().map_or(Value::Null, |v| redacted(&revert.key, &revert.path, v));
    let (made, version) = revert.made;
    let made_version = versions[version].object.as_deref().and_then(|o| o.resource_version());
    let key = ResourceKey { cluster: "".into(), ..revert.key.clone() };
    let change = AuditedChange {
        version: made_version.as_ref(),
        at: Some(made),
        path: Some(&revert.path),
        ..AuditedChange::new(&key)
    };
    let user = log.and_then(|l| l.index.join(&change)).map(|join| join.entry.user.to_string());
    RevertV1 {
        key: (&revert.key).into(),
        path: revert.path.clone(),
        path_text: revert.path.to_string(),
        value: value(&revert.hotfix),
        restored: value(&revert.restored),
        manager: revert.by.as_ref().map(|o| o.manager.to_string()),
        user,
        time: made,
        via: resolved(&revert.claim, &revert.key, revert.reverted.0, estate).map(|k| (&k).into()),
        reverted_at: revert.reverted.0,
    }
}

fn text(report: &FightsV1, screen: Screen) -> String {
    let painter = screen.painter();
    let mut out = String::new();
    let name = |k: &KeyV1| words::plain(&format!("{} {}/{}", k.kind, k.namespace, k.name));
    let show = |v: &Value| words::plain(&inline(v).unwrap_or_else(|| "…".to_owned()));
    for fight in &report.fights {
        let line = format!("{} {}", name(&fight.key), words::plain(&fight.path_text));
        out.push_str(&format!("{}\n", painter.alarm(&line)));
        out.push_str(&format!("  {} overwrite each other\n", words::plain(&fight.managers.join(" and "))));
        for app in &fight.apps {
            out.push_str(&format!("  through {}\n", name(app)));
        }
        let values: Vec<String> = fight.values.iter().map(show).collect();
        out.push_str(&format!(
            "  {} changes since {}, one every {} s: {}\n\n",
            fight.flips,
            short(fight.since),
            fight.period_seconds,
            values.join(", ")
        ));
    }
    for revert in &report.reverts {
        let who = revert.user.as_ref().or(revert.manager.as_ref()).map_or("somebody", |w| w);
        let via = revert.via.as_ref().map_or_else(|| "its engine".to_owned(), name);
        out.push_str(&format!(
            "{} {}\n  {} set {} at {}, {via} put back {} at {}\n\n",
            name(&revert.key),
            words::plain(&revert.path_text),
            words::plain(who),
            show(&revert.value),
            short(revert.time),
            show(&revert.restored),
            short(revert.reverted_at)
        ));
    }
    if report.fights.is_empty() {
        out.push_str("no field is fought over\n");
    }
    out
}
