//! The state of one moment as a history, so that questions about history are answered from it as far as that goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::health::newest_time;
use drift_core::ingest::{RunOptions, run};
use drift_core::redact::SecretValues;
use drift_core::time::format_time;
use drift_core::{Cursor, Ingest, MemoryStore, Observation, Scope, Source, SourceError};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;

use super::secrets::session_redactor;
use super::{ClusterScope, EstateError, InputFile, LiveState, RecordedHistory};
use drift_core::coverage::InputNotes;
use drift_core::{Applied, Object, Until};

/// Observations that were made already.
#[derive(Debug)]
struct OneListing(Vec<Observation>);

impl Source for OneListing {
    fn name(&self) -> &str {
        "listing"
    }

    fn observe(&self, _: Option<Cursor>) -> BoxStream<'_, Result<Observation, SourceError>> {
        stream::iter(self.0.iter().cloned().map(Ok)).boxed()
    }
}

/// Makes a history of what was observed in one listing.
pub(super) async fn history_of_listing(
    name: &str,
    observations: Vec<Observation>,
    at: Timestamp,
    mut notes: InputNotes,
    values: SecretValues,
) -> Result<RecordedHistory, EstateError> {
    values.learn(observations.iter().filter_map(|observation| match observation {
        Observation::Applied(applied) => Some(&*applied.object),
        _ => None,
    }));
    let redactor = session_redactor(values);
    let store = Arc::new(MemoryStore::default());
    let failed = |e| EstateError::store(name, e);
    let mut ingest = Ingest::load("listing", redactor.clone(), &*store).await.map_err(failed)?;
    let source = OneListing(observations);
    run(&source, &*store, &mut ingest, &RunOptions::default(), &mut |_| {}).await.map_err(failed)?;
    notes.add(format!(
        "from one listing of {name} at {}: what changed before is known only as far as objects themselves say; a store or a tape knows it",
        format_time(at)
    ));
    Ok(RecordedHistory::new(store, name, redactor).with_notes(notes))
}

/// Makes a history of a dump, or plays a tape that is looked at as one.
pub(super) async fn history_of_dump(
    file: &InputFile,
    values: SecretValues,
) -> Result<RecordedHistory, EstateError> {
    if file.is_tape() {
        return RecordedHistory::play_with(file, values).await;
    }
    let live = LiveState::read(file, Until::End, &ClusterScope::default(), values.clone()).await?;
    let at = live.objects.iter().filter_map(|o| newest_time(o.root())).max().unwrap_or_default();
    let mut kinds: BTreeMap<_, Vec<Arc<Object>>> = BTreeMap::new();
    for object in live.objects {
        kinds.entry((object.group().to_owned(), object.kind().to_owned())).or_default().push(object);
    }
    let mut observations = Vec::new();
    // A kind of which the dump holds nothing may not have been asked for.
    for ((group, kind), objects) in kinds {
        let scope = Scope::of_kind(&group, &kind);
        let applied = |o| Observation::Applied(Applied::live(Arc::unwrap_or_clone(o), "", at));
        observations.push(Observation::RelistStarted(scope.clone()));
        observations.extend(objects.into_iter().map(applied));
        observations.push(Observation::RelistDone { scope, observed_at: at });
    }
    history_of_listing(&format!("`{}`", file.name()), observations, at, live.notes, values).await
}

/// Lists a cluster as a history of now. Kinds that may not be listed everywhere are listed in the namespace that is asked about.
#[cfg(feature = "kubernetes")]
pub(super) async fn history_of_cluster(
    connection: &crate::kubernetes::Connection,
    namespace: Option<&str>,
    values: SecretValues,
) -> Result<RecordedHistory, EstateError> {
    use crate::kubernetes::{KindFilter, KubernetesOptions, KubernetesSource};
    use drift_core::GapReason;

    let failed = |e: SourceError| EstateError::Unreachable {
        what: format!("cannot list what is in {}", connection.server),
        source: Box::new(e),
    };
    let mut observations = super::cluster_source(connection, &[]).observe_once().await.map_err(failed)?;
    let denied = |o: &Observation| match o {
        Observation::Gap(gap) if gap.reason == GapReason::Denied => gap.scope.kind.clone(),
        _ => None,
    };
    let kinds: Vec<String> =
        observations.iter().filter_map(denied).map(|(g, k)| format!("{k}.{g}")).collect();
    if let Some(namespace) = namespace.filter(|_| !kinds.is_empty()) {
        let options = KubernetesOptions {
            namespaces: vec![namespace.to_owned()],
            kinds: KindFilter { include: kinds, ..KindFilter::default() },
            ..KubernetesOptions::default()
        };
        let source = KubernetesSource::new(connection.client.clone(), options);
        let of_namespace = source.observe_once().await.map_err(failed)?;
        let listed: Vec<_> = of_namespace.iter().filter_map(listed_kind).collect();
        let denied_again: Vec<_> = of_namespace.iter().filter_map(denied).collect();
        // What was asked about is known after all. The listing of Events has no end of its own.
        let is_known = |kind: &(Arc<str>, Arc<str>)| {
            listed.contains(kind) || &*kind.1 == "Event" && !denied_again.contains(kind)
        };
        observations.retain(|o| !denied(o).is_some_and(|kind| is_known(&kind)));
        observations.extend(of_namespace);
    }
    let unlisted = observations.iter().filter_map(unlisted_part).collect();
    let notes = InputNotes::default();
    let listed =
        history_of_listing(&connection.server, observations, Timestamp::now(), notes, values).await?;
    Ok(listed.with_unlisted(unlisted))
}

/// Returns what one listing could not show, such as the kinds of a group whose server does not answer. That nothing is known of
/// the time before is so of every listing.
#[cfg(feature = "kubernetes")]
fn unlisted_part(observation: &Observation) -> Option<drift_core::Gap> {
    match observation {
        Observation::Gap(gap) if gap.scope.kind.is_some() => Some(gap.clone()),
        _ => None,
    }
}

/// Returns the kind whose listing is complete.
#[cfg(feature = "kubernetes")]
fn listed_kind(observation: &Observation) -> Option<(Arc<str>, Arc<str>)> {
    match observation {
        Observation::RelistDone { scope, .. } => scope.kind.clone(),
        _ => None,
    }
}
