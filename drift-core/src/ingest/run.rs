//! The loop from a source through an ingest into a store.

use std::collections::BTreeSet;

use futures::{FutureExt, StreamExt};

use super::Ingest;
use crate::event::{Event, Observation};
use crate::source::{Source, SourceError};
use crate::store::{Append, EventStore, ExpectedRevision, StoreError};
use crate::stream::{Revision, StreamId};

/// Another writer must be faster this often in a row before its conflict is given up on.
const MAX_CONFLICTS: usize = 16;

/// How [`run`] groups what it appends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Observations that are appended together at most; fewer when the source has no more ready.
    pub max_observations: usize,
    /// Bytes of objects in memory that are appended together at most, besides the last object.
    pub max_bytes: usize,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { max_observations: 512, max_bytes: 32 << 20 }
    }
}

/// What [`run`] did until the source ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunSummary {
    /// Observations of the source.
    pub observations: u64,
    /// Events that were appended; observations without one were known already.
    pub appended: u64,
    /// Errors that the source reported.
    pub errors: u64,
}

/// What [`run`] reports while it runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// These events are in the store.
    Appended(&'a [Event]),
    /// So many more observations of the source are in the store, as new events or because they were known already.
    Taken(u64),
    /// The source failed at something and continues.
    SourceFailed(&'a SourceError),
}

/// Appends the observations of a source to a store, from the ingest's last checkpoint until the source ends.
///
/// Observations are appended as soon as the source has no more ready. After a conflict with another writer the stream is
/// read again and the batch repeated. Cancel safe: batches in the store when the future is dropped are complete, and the
/// next run continues from the last checkpoint.
///
/// # Errors
/// When the store fails; errors of the source go to `progress`.
pub async fn run(
    source: &dyn Source,
    store: &dyn EventStore,
    ingest: &mut Ingest,
    options: &RunOptions,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<RunSummary, StoreError> {
    ingest.restart();
    let mut summary = RunSummary::default();
    let mut observations = source.observe(ingest.cursor().cloned()).fuse();
    while let Some(first) = observations.next().await {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let mut next = Some(first);
        while let Some(item) = next.take() {
            match item {
                Ok(observation) => {
                    bytes += size(&observation);
                    batch.push(observation);
                }
                Err(error) => {
                    summary.errors += 1;
                    progress(Progress::SourceFailed(&error));
                }
            }
            if batch.len() < options.max_observations && bytes < options.max_bytes {
                next = observations.next().now_or_never().flatten();
            }
        }
        summary.observations += batch.len() as u64;
        let events = append(store, ingest, &batch).await?;
        summary.appended += events.len() as u64;
        if !events.is_empty() {
            progress(Progress::Appended(&events));
        }
        progress(Progress::Taken(batch.len() as u64));
    }
    Ok(summary)
}

fn size(observation: &Observation) -> usize {
    match observation {
        Observation::Applied(applied) => applied.object.doc().heap_size(),
        Observation::Deleted(deleted) => deleted.last.as_ref().map_or(0, |o| o.doc().heap_size()),
        Observation::Happened(occurrence) => occurrence.detail.as_ref().map_or(0, |d| d.heap_size()),
        _ => 0,
    }
}

async fn append(
    store: &dyn EventStore,
    ingest: &mut Ingest,
    observations: &[Observation],
) -> Result<Vec<Event>, StoreError> {
    let mut conflicts = 0;
    loop {
        let batch = one_batch(observations.iter().flat_map(|o| ingest.step(o.clone())).collect());
        if batch.is_empty() {
            ingest.commit();
            return Ok(Vec::new());
        }
        let streams: BTreeSet<StreamId> = batch.iter().map(|a| a.stream.clone()).collect();
        match store.append(batch).await {
            Ok(events) => {
                ingest.commit();
                return Ok(events);
            }
            Err(StoreError::Conflict { .. }) if conflicts < MAX_CONFLICTS => {
                conflicts += 1;
                ingest.roll_back();
                ingest.catch_up(store, &streams).await?;
            }
            Err(error) => {
                ingest.roll_back();
                return Err(error);
            }
        }
    }
}

/// Makes parts one batch: a store checks all expectations against what was there before, so only the first part of each
/// stream may have one. The order of events stays.
fn one_batch(mut parts: Vec<Append>) -> Vec<Append> {
    let mut streams = BTreeSet::new();
    for part in &mut parts {
        if !streams.insert(part.stream.clone()) {
            part.expected = ExpectedRevision::Any;
        }
    }
    parts
}

impl Ingest {
    /// Loads what other writers appended to streams.
    async fn catch_up(
        &mut self,
        store: &dyn EventStore,
        streams: &BTreeSet<StreamId>,
    ) -> Result<(), StoreError> {
        for stream in streams {
            let from = self.revision(stream).map_or(Revision::FIRST, Revision::next);
            let mut events = store.read(stream, from);
            while let Some(event) = events.next().await {
                self.load_event(&event?);
            }
        }
        self.commit();
        Ok(())
    }
}
