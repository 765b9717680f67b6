//! Resources that are named on the command line and do not exist.

use drift_core::{Event, EventBody, ResourceKey, StreamId};
use drift_sinks::report::ResourceHealthV1;

use crate::args::HealthArgs;
use crate::failure::Failure;
use crate::inputs::live::Live;
use crate::kinds::KeyName;
use crate::recorded::Recorded;

/// Returns an entry for each named resource that does not exist: deleted, or not created yet.
///
/// # Errors
/// When a name matches nothing that was ever recorded, or nothing live where there is no history.
pub(super) async fn asked_for(args: &HealthArgs, live: &Live) -> Result<Vec<ResourceHealthV1>, Failure> {
    let namespace = args.scope.namespace.as_deref();
    let there: Vec<ResourceKey> = live.objects.iter().map(|o| o.key()).collect();
    let mut missing = Vec::new();
    for name in args.keys.iter().filter(|name| !there.iter().any(|k| name.matches(k, namespace))) {
        let Some(history) = &live.history else {
            return Err(Failure::new(format!("`{}` does not exist", name.text())).hint(
                "use --store DIR or --tape FILE to find out whether it ever did; a dump or a cluster shows one moment only",
            ));
        };
        missing.extend(of_history(args, name, history).await?);
    }
    Ok(missing)
}

/// Looks a name up among all recorded resources; several may match.
async fn of_history(
    args: &HealthArgs,
    name: &KeyName,
    history: &Recorded,
) -> Result<Vec<ResourceHealthV1>, Failure> {
    let namespace = args.scope.namespace.as_deref();
    let mut keys: Vec<_> = history.keys().await?.into_iter().filter(|k| name.matches(k, namespace)).collect();
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        // The error lists similar names.
        history.find(name, namespace).await?;
    }
    let mut missing = Vec::new();
    for key in keys {
        let events = history.read(&StreamId::live(key.clone())).await?;
        let in_time = |e: &&Event| args.at.is_none_or(|m| m.includes(e));
        let last = events.iter().filter(in_time).rfind(|e| is_version(e));
        missing.push(ResourceHealthV1::missing(&key, last.map(Event::at)));
    }
    Ok(missing)
}

fn is_version(event: &Event) -> bool {
    matches!(event.body, EventBody::Applied(_) | EventBody::Deleted(_))
}
