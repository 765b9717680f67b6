//! `drift health`: how resources are doing, why, and since when.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use drift_core::health::{
    Health, HealthBasis, HealthContext, HealthRules, HealthStatus, assess, assess_manifest, newest_time,
};
use drift_core::{EventBody, Kind, Object, ResourceKey, StreamId};
use drift_sinks::report::{API_VERSION, KeyV1};
use drift_sources::yaml;
use jiff::Timestamp;
use serde::Serialize;

use crate::args::HealthArgs;
use crate::failure::Failure;
use crate::inputs::Notes;
use crate::inputs::live::{Live, LiveFrom, Wanted};
use crate::moment::{Moment, short};
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::words;

mod missing;
mod rollouts;

use rollouts::RolloutV1;

/// Largest file of manifests without names that is read.
const MAX_MANIFESTS: u64 = 64 << 20;

/// How resources are doing, as programs read it; see `health-report.v1.schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthReportV1 {
    api_version: &'static str,
    kind: &'static str,
    /// The time they were judged at.
    time: Timestamp,
    summary: BTreeMap<HealthStatus, usize>,
    resources: Vec<ResourceV1>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ResourceV1 {
    key: KeyV1,
    status: HealthStatus,
    reason: String,
    message: String,
    since: Option<Timestamp>,
    /// Which layer says so.
    basis: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// Of a workload, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollouts: Option<Vec<RolloutV1>>,
    /// The key for people.
    #[serde(skip)]
    subject: String,
}

impl ResourceV1 {
    fn new(key: &ResourceKey, health: Health) -> Self {
        let (basis, rule) = match health.basis {
            HealthBasis::BuiltIn => ("BuiltIn", None),
            HealthBasis::Rule(name) => ("Rule", Some(name)),
            HealthBasis::Conventions => ("Conventions", None),
            _ => ("NoSignal", None),
        };
        Self {
            key: key.into(),
            status: health.status,
            reason: health.reason,
            message: health.message,
            since: health.since,
            basis,
            rule,
            rollouts: None,
            subject: key.to_string(),
        }
    }

    /// Tells whether it is as it was asked to be, or halted on purpose.
    fn is_fine(&self) -> bool {
        matches!(self.status, HealthStatus::Healthy | HealthStatus::Suspended)
    }
}

/// Runs the command.
pub(crate) async fn run(args: &HealthArgs, screen: Screen) -> Result<Outcome, Failure> {
    let rules = rules(args)?;
    let (report, notes) = match read(args).await {
        Ok(live) => of_live(args, live, &rules).await?,
        // Documents without a name are no objects, but say how they are doing all the same.
        Err(failure) => match args.live.as_deref().and_then(manifests) {
            Some(documents) => (of_manifests(&documents, &rules), Notes::default()),
            None => return Err(failure),
        },
    };
    output::document(args.output, &report, || text(&report, args, screen))?;
    Ok(match report.resources.iter().any(|r| !r.is_fine()) {
        _ if notes.is_partial() => Outcome::Failed,
        true => Outcome::Found,
        false => Outcome::Nothing,
    })
}

fn rules(args: &HealthArgs) -> Result<HealthRules, Failure> {
    let bundled = if args.no_health_rules { HealthRules::none() } else { HealthRules::bundled() };
    args.rules.iter().rev().try_fold(bundled, |rules, path| {
        let failed = |e: &dyn std::error::Error| {
            Failure::new(format!("cannot read the rules in `{}`", path.display())).because(e)
        };
        let text = std::fs::read_to_string(path).map_err(|e| failed(&e))?;
        Ok(HealthRules::parse(&text).map_err(|e| failed(&e))?.before(&rules))
    })
}

async fn read(args: &HealthArgs) -> Result<Live, Failure> {
    let from = LiveFrom::new(args.live.as_deref(), &args.recorded, &args.cluster).await?;
    let namespaces = match &args.scope.namespace {
        Some(namespace) => vec![namespace.clone()],
        None if matches!(from, LiveFrom::Cluster(_)) && !args.scope.all_namespaces => {
            vec!["default".to_owned()]
        }
        None => Vec::new(),
    };
    Live::read(from, args.at, &Wanted { namespaces, ..Wanted::default() }).await
}

async fn of_live(
    args: &HealthArgs,
    live: Live,
    rules: &HealthRules,
) -> Result<(HealthReportV1, Notes), Failure> {
    let newest = live.objects.iter().filter_map(|o| newest_time(o.root())).max();
    let now = match args.at {
        Some(Moment::Time(time)) => time,
        _ if live.namespace.is_some() => Timestamp::now(),
        // What was recorded is judged as of when it was: the same file is judged the same way tomorrow.
        _ => newest.unwrap_or_default(),
    };
    let mut resources = Vec::new();
    for object in live.objects.iter().filter(|o| is_wanted(args, o)) {
        let mut health = assess(object, &HealthContext { now, rules, previous: None });
        if let Some(history) = &live.history {
            health.since = since(history, object, args.at, rules, health.since).await?;
        }
        resources.push(ResourceV1::new(&object.key(), health));
    }
    resources.extend(missing::asked_for(args, &live).await?);
    if args.rollouts {
        rollouts::add(args, &live, now, &mut resources).await?;
    }
    let notes = live.notes;
    let texts = notes.texts().to_vec();
    Ok((report(now, resources, texts), notes))
}

fn is_wanted(args: &HealthArgs, object: &Arc<Object>) -> bool {
    let key = object.key();
    let namespace = args.scope.namespace.as_deref();
    (args.keys.is_empty() || args.keys.iter().any(|k| k.matches(&key, namespace)))
        && namespace.is_none_or(|n| *key.namespace == *n)
        && args.scope.selector.as_ref().is_none_or(|s| s.matches(object))
}

/// Asks the recorded versions since when a resource has been doing as it does; what they do not tell the object may.
async fn since(
    history: &Recorded,
    object: &Object,
    at: Option<Moment>,
    rules: &HealthRules,
    told: Option<Timestamp>,
) -> Result<Option<Timestamp>, Failure> {
    let events = history.read(&StreamId::live(object.key())).await?;
    let mut last: Option<Health> = None;
    for event in events.iter().filter(|e| at.is_none_or(|m| m.includes(e))) {
        last = match &event.body {
            EventBody::Applied(object) => {
                let context = HealthContext { now: event.at(), rules, previous: last.as_ref() };
                Some(assess(object, &context))
            }
            EventBody::Deleted(_) => None,
            _ => last,
        };
    }
    Ok(last.and_then(|h| h.since).or(told))
}

/// Reads the documents of a file that name a kind; `None` when it is none of manifests.
fn manifests(path: &Path) -> Option<Vec<yaml::Document>> {
    if std::fs::metadata(path).ok()?.len() > MAX_MANIFESTS {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let documents = yaml::read(&bytes).into_iter().collect::<Result<Vec<_>, _>>().ok()?;
    let is_typed = |d: &yaml::Document| {
        let root = d.doc.root();
        root.kind() == Kind::Map && root.str_at(&["apiVersion"]).is_some() && root.str_at(&["kind"]).is_some()
    };
    (!documents.is_empty() && documents.iter().all(is_typed)).then_some(documents)
}

fn of_manifests(documents: &[yaml::Document], rules: &HealthRules) -> HealthReportV1 {
    let now = documents.iter().filter_map(|d| newest_time(d.doc.root())).max().unwrap_or_default();
    let judged = documents.iter().map(|document| {
        let root = document.doc.root();
        let text = |path: &[&str]| root.str_at(path).unwrap_or_default();
        let group = text(&["apiVersion"]).rsplit_once('/').map_or("", |(group, _)| group);
        let (namespace, name) = (text(&["metadata", "namespace"]), text(&["metadata", "name"]));
        let key = ResourceKey::new(group, text(&["kind"]), namespace, name);
        ResourceV1::new(&key, assess_manifest(root, &HealthContext { now, rules, previous: None }))
    });
    report(now, judged.collect(), Vec::new())
}

fn report(time: Timestamp, resources: Vec<ResourceV1>, notes: Vec<String>) -> HealthReportV1 {
    let mut summary = BTreeMap::new();
    for resource in &resources {
        *summary.entry(resource.status).or_default() += 1;
    }
    HealthReportV1 { api_version: API_VERSION, kind: "HealthReport", time, summary, resources, notes }
}

fn text(report: &HealthReportV1, args: &HealthArgs, screen: Screen) -> String {
    let styler = screen.styler();
    let mut out = String::new();
    // What is worst comes first; of equals the one that has been so for longest, which is nearer to the cause.
    let everything = args.all || !args.keys.is_empty();
    let mut shown: Vec<_> = report.resources.iter().filter(|r| everything || !r.is_fine()).collect();
    shown.sort_by_key(|r| {
        (std::cmp::Reverse(urgency(r.status)), r.since.unwrap_or(Timestamp::MAX), &r.subject)
    });
    for resource in &shown {
        let status = format!("{:<11}", format!("{:?}", resource.status));
        let status = match resource.status {
            HealthStatus::Healthy => styler.good(&status),
            HealthStatus::Degraded | HealthStatus::Missing => styler.alarm(&status),
            _ => styler.heading(&status),
        };
        let since = resource.since.map_or(String::new(), |t| format!("  since {}", short(t)));
        let message = words::plain(&resource.message);
        let message = if message.is_empty() { message } else { format!(": {message}") };
        let line = format!("{}{message}", words::plain(&resource.reason));
        out.push_str(&format!(
            "{status} {}  {line}{}\n",
            words::plain(&resource.subject),
            styler.dim(&since)
        ));
        for rollout in resource.rollouts.iter().flatten() {
            out.push_str(&format!("  {}\n", words::plain(&rollout.line())));
        }
    }
    let counts: Vec<_> =
        report.summary.iter().map(|(s, n)| format!("{n} {}", format!("{s:?}").to_lowercase())).collect();
    let counts = if counts.is_empty() { "no resources".to_owned() } else { counts.join(", ") };
    out.push_str(&styler.dim(&format!("{counts}\n")));
    out
}

fn urgency(status: HealthStatus) -> u8 {
    match status {
        HealthStatus::Degraded => 5,
        HealthStatus::Missing => 4,
        HealthStatus::Progressing => 3,
        HealthStatus::Unknown => 2,
        HealthStatus::Suspended => 1,
        HealthStatus::Healthy => 0,
    }
}
