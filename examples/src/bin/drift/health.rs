//! `drift health`: the health of resources, the reason, and since when.

use std::cell::RefCell;

use drift_core::coverage::RecordedScope;
use drift_core::health::HealthRules;
use drift_core::{Event, EventBody, Object, ResourceKey, ResourceName, Scope};
use drift_sinks::report::{HealthListing, HealthReportV1, ResourceHealthV1, RolloutV1, WriterV1};
use drift_sources::estate::{
    AttributedRollout, ComparedNamespaces, Estate, EstateError, HealthSnapshot, InputFile, InputNotes,
    assess_documents,
};
use jiff::Timestamp;

use crate::args::HealthArgs;
use crate::failure::Failure;
use crate::looked_at;
use crate::output::{self, Outcome, Screen};

/// Runs the command.
pub(crate) async fn run(args: &HealthArgs, screen: Screen) -> Result<Outcome, Failure> {
    let rules = args.rules.rules()?;
    let (report, notes) = match read(args, rules.clone()).await {
        Ok(read) => of_objects(args, read).await?,
        // Documents without a name are not objects, but have a health all the same.
        Err(failure) => match args.live.as_deref().and_then(|f| documents(f, &rules)) {
            Some(snapshot) => (report(&snapshot, Vec::new(), &InputNotes::default()), InputNotes::default()),
            None => return Err(failure),
        },
    };
    let is_narrow = !args.all && args.keys.is_empty();
    let listing = if is_narrow { HealthListing::NeedAttention } else { HealthListing::Everything };
    output::document(args.output, &report, || report.render_text(listing, screen.styler()))?;
    let found = report.resources.iter().any(ResourceHealthV1::needs_attention);
    Ok(Outcome::of(found, notes.coverage()))
}

/// What was opened, how its objects are doing, and the keys of all that exist.
struct Read {
    estate: Estate,
    found: HealthSnapshot,
    existing: Vec<ResourceKey>,
}

async fn read(args: &HealthArgs, rules: HealthRules) -> Result<Read, Failure> {
    let options = looked_at::any(args.live.as_deref(), &args.recorded, &args.cluster)?;
    let mut options = options.at(args.at.unwrap_or_default()).health_rules(rules);
    options = looked_at::in_namespace(options, args.scope.namespace());
    if args.scope.all_namespaces {
        options = options.compared_namespaces(ComparedNamespaces::All);
    }
    if let Some(selector) = &args.scope.selector {
        options = options.selector(selector.clone());
    }
    let estate = looked_at::about(options, &args.keys).open().await?;
    let existing = RefCell::new(Vec::new());
    let is_wanted = |object: &Object| {
        existing.borrow_mut().push(object.key());
        true
    };
    let found = estate.health_of(is_wanted).await?;
    Ok(Read { estate, found, existing: existing.into_inner() })
}

async fn of_objects(args: &HealthArgs, read: Read) -> Result<(HealthReportV1, InputNotes), Failure> {
    let Read { estate, mut found, existing } = read;
    let missing = match args.keys.is_empty() {
        true => Vec::new(),
        false => {
            let (named, missing) = named(args, &estate, &existing, &found.listed).await?;
            found.resources.retain(|r| named.contains(&r.key));
            missing
        }
    };
    if args.keys.is_empty() {
        estate.require_namespace(&existing).await?;
    }
    let notes = looked_at::report_notes_about(&estate, args.output, |scope| {
        let is_of = |k: &ResourceKey| {
            Scope { cluster: std::sync::Arc::clone(&k.cluster), ..scope.clone() }.contains(k)
        };
        let is_found = |name: &ResourceName| existing.iter().any(|k| name.matches(k, args.scope.namespace()));
        // How a resource is doing stands in itself.
        args.keys.is_empty()
            || !args.keys.iter().all(is_found)
            || found.resources.iter().any(|r| is_of(&r.key))
    });
    let mut report = report(&found, missing, &notes);
    if args.rollouts {
        if !estate.has_history() {
            return Err(Failure::new("--rollouts needs recorded history")
                .hint("use --store DIR or --tape FILE; a dump or a cluster shows one moment only"));
        }
        for (resource, entry) in found.resources.iter().zip(&mut report.resources) {
            let rollouts = estate.rollouts(&resource.key, found.at).await?;
            entry.rollouts = rollouts.map(|all| all.into_iter().map(|r| rollout_v1(r, found.at)).collect());
        }
    }
    Ok((report, notes))
}

fn documents(path: &std::path::Path, rules: &HealthRules) -> Option<HealthSnapshot> {
    assess_documents(&InputFile::Path(path.to_owned()), rules)
}

fn report(found: &HealthSnapshot, missing: Vec<ResourceHealthV1>, notes: &InputNotes) -> HealthReportV1 {
    let resources = found.resources.iter().map(|r| ResourceHealthV1::new(&r.key, r.health.clone()));
    HealthReportV1::new(found.at, resources.chain(missing).collect(), notes)
}

fn rollout_v1(attributed: AttributedRollout, now: Timestamp) -> RolloutV1 {
    let owner = |change: &drift_core::timeline::VersionChange| change.owner.clone();
    let who = attributed.began.map(|e| WriterV1::new(&e.event, e.change.as_ref().and_then(owner).as_ref()));
    RolloutV1::new(attributed.rollout, who, now)
}

/// Returns which of the existing resources are named, and an entry for each named one that does not exist: deleted, or not created yet.
async fn named(
    args: &HealthArgs,
    estate: &Estate,
    existing: &[ResourceKey],
    listed: &RecordedScope,
) -> Result<(Vec<ResourceKey>, Vec<ResourceHealthV1>), Failure> {
    let (mut named, mut missing) = (Vec::new(), Vec::new());
    for name in &args.keys {
        match estate.choose_all(name, existing) {
            Err(EstateError::UnknownResource { .. }) if estate.has_history() => {
                missing.extend(deleted(estate, name).await?);
            }
            Err(EstateError::UnknownResource { .. }) => estate.require_live(name, existing, listed)?,
            found => named.extend(found?.into_iter().cloned()),
        }
    }
    Ok((named, missing))
}

/// Looks a name up among all recorded resources.
async fn deleted(estate: &Estate, name: &ResourceName) -> Result<Vec<ResourceHealthV1>, Failure> {
    let history = estate.recorded().await?;
    let mut missing = Vec::new();
    for key in estate.find_all(std::slice::from_ref(name)).await? {
        let events = history.events_of(&key, estate.until()).await?;
        let last = events.iter().rfind(|e| is_version(e));
        missing.push(ResourceHealthV1::missing(&key, last.map(Event::at)));
    }
    Ok(missing)
}

fn is_version(event: &Event) -> bool {
    matches!(event.body, EventBody::Applied(_) | EventBody::Deleted(_))
}
