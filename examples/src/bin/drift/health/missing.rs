//! Resources that are asked for by name and are not there.

use drift_core::health::HealthStatus;
use drift_core::{Event, EventBody, ResourceKey, StreamId};
use drift_sinks::report::KeyV1;

use super::ResourceV1;
use crate::args::HealthArgs;
use crate::failure::Failure;
use crate::inputs::live::Live;
use crate::kinds::KeyName;
use crate::recorded::Recorded;

/// Says of each resource that was asked for and is not there what became of it.
///
/// # Errors
/// When a name fits nothing that was ever recorded, or nothing that there is.
pub(super) async fn asked_for(args: &HealthArgs, live: &Live) -> Result<Vec<ResourceV1>, Failure> {
    let namespace = args.scope.namespace.as_deref();
    let there: Vec<ResourceKey> = live.objects.iter().map(|o| o.key()).collect();
    let mut missing = Vec::new();
    for name in args.keys.iter().filter(|name| !there.iter().any(|k| name.matches(k, namespace))) {
        let Some(history) = &live.history else {
            return Err(Failure::new(format!("`{}` is not there", name.text())).hint(
                "a dump or a cluster does not say whether it ever was; --store DIR or --tape FILE does",
            ));
        };
        missing.extend(of_history(args, name, history).await?);
    }
    Ok(missing)
}

/// Looks a name up among all that was ever recorded; several may have been called so.
async fn of_history(
    args: &HealthArgs,
    name: &KeyName,
    history: &Recorded,
) -> Result<Vec<ResourceV1>, Failure> {
    let namespace = args.scope.namespace.as_deref();
    let mut keys: Vec<_> = history.keys().await?.into_iter().filter(|k| name.matches(k, namespace)).collect();
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        // Says which names are like it.
        history.find(name, namespace).await?;
    }
    let mut missing = Vec::new();
    for key in keys {
        let events = history.read(&StreamId::live(key.clone())).await?;
        let in_time = |e: &&Event| args.at.is_none_or(|m| m.includes(e));
        let last = events.iter().filter(in_time).rfind(|e| is_version(e));
        missing.push(gone(&key, last));
    }
    Ok(missing)
}

fn is_version(event: &Event) -> bool {
    matches!(event.body, EventBody::Applied(_) | EventBody::Deleted(_))
}

fn gone(key: &ResourceKey, last: Option<&Event>) -> ResourceV1 {
    let (reason, message) = match last {
        Some(_) => ("Deleted", "it was deleted"),
        None => ("NotCreatedYet", "it was created later"),
    };
    ResourceV1 {
        key: KeyV1::from(key),
        status: HealthStatus::Missing,
        reason: reason.to_owned(),
        message: message.to_owned(),
        since: last.map(Event::at),
        basis: "History",
        rule: None,
        rollouts: None,
        subject: key.to_string(),
    }
}
