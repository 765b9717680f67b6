//! `drift health`: the health of resources, the reason, and since when.

use std::path::Path;
use std::sync::Arc;

use drift_core::health::{Health, HealthContext, HealthRules, assess, assess_manifest, newest_time};
use drift_core::{EventBody, Kind, Object, ResourceKey, StreamId};
use drift_sinks::report::{HealthListing, HealthReportV1, ResourceHealthV1};
use drift_sources::yaml;
use jiff::Timestamp;

use crate::args::HealthArgs;
use crate::failure::Failure;
use crate::inputs::Notes;
use crate::inputs::live::{Live, LiveFrom, Wanted};
use crate::moment::Moment;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;

mod missing;
mod rollouts;

/// Largest file of manifests without names that is read.
const MAX_MANIFESTS: u64 = 64 << 20;

/// Runs the command.
pub(crate) async fn run(args: &HealthArgs, screen: Screen) -> Result<Outcome, Failure> {
    let rules = rules(args)?;
    let (report, notes) = match read(args).await {
        Ok(live) => of_live(args, live, &rules).await?,
        // Documents without a name are not objects, but have a health all the same.
        Err(failure) => match args.live.as_deref().and_then(manifests) {
            Some(documents) => (of_manifests(&documents, &rules), Notes::default()),
            None => return Err(failure),
        },
    };
    let is_narrow = !args.all && args.keys.is_empty();
    let listing = if is_narrow { HealthListing::NeedAttention } else { HealthListing::Everything };
    output::document(args.output, &report, || report.render_text(listing, screen.styler()))?;
    Ok(match report.resources.iter().any(ResourceHealthV1::needs_attention) {
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
        // Recorded state is assessed as of its own time, so that the same file gives the same result tomorrow.
        _ => newest.unwrap_or_default(),
    };
    let mut resources = Vec::new();
    for object in live.objects.iter().filter(|o| is_wanted(args, o)) {
        let mut health = assess(object, &HealthContext { now, rules, previous: None });
        if let Some(history) = &live.history {
            health.since = since(history, object, args.at, rules, health.since).await?;
        }
        resources.push(ResourceHealthV1::new(&object.key(), health));
    }
    resources.extend(missing::asked_for(args, &live).await?);
    if args.rollouts {
        rollouts::add(args, &live, now, &mut resources).await?;
    }
    let notes = live.notes;
    let texts = notes.texts().to_vec();
    Ok((HealthReportV1::new(now, resources, texts), notes))
}

fn is_wanted(args: &HealthArgs, object: &Arc<Object>) -> bool {
    let key = object.key();
    let namespace = args.scope.namespace.as_deref();
    (args.keys.is_empty() || args.keys.iter().any(|k| k.matches(&key, namespace)))
        && namespace.is_none_or(|n| *key.namespace == *n)
        && args.scope.selector.as_ref().is_none_or(|s| s.matches(object))
}

/// Returns since when a resource has had its health, by its recorded versions; `own` is what the object itself reports.
async fn since(
    history: &Recorded,
    object: &Object,
    at: Option<Moment>,
    rules: &HealthRules,
    own: Option<Timestamp>,
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
    Ok(last.and_then(|h| h.since).or(own))
}

/// Reads the documents of a file of manifests; `None` if any of them names no kind.
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
        ResourceHealthV1::new(&key, assess_manifest(root, &HealthContext { now, rules, previous: None }))
    });
    HealthReportV1::new(now, judged.collect(), Vec::new())
}
