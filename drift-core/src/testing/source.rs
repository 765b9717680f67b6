//! The contract of sources, as checks.

use futures::StreamExt;

use crate::event::{Event, EventBody, Observation};
use crate::ingest::{Ingest, Progress, RunOptions, run};
use crate::key::Cursor;
use crate::redact::{RedactOptions, Redactor};
use crate::source::{Source, SourceError};
use crate::store::{EventStoreExt, MemoryStore};

fn ingest(name: &str) -> Ingest {
    Ingest::new(name, Redactor::new(RedactOptions::new([0; 32])))
}

/// Returns the log that a source makes in an empty store, once the source has ended.
///
/// # Panics
/// When the store in memory fails.
pub async fn log_of(source: &dyn Source) -> Vec<Event> {
    let store = MemoryStore::default();
    let mut ingest = ingest(source.name());
    run(source, &store, &mut ingest, &RunOptions::default(), &mut |_| {})
        .await
        .expect("memory does not fail");
    store.read_all_to_end().await.expect("memory does not fail")
}

/// Checks a source that ends, such as a tape, a dump or a recorded server.
///
/// It observes the same twice; ingested again, it appends nothing; interrupted at any of its checkpoints and resumed, it
/// makes the same log; an unknown cursor is an error and nothing else.
///
/// # Panics
/// When the source breaks its contract.
pub async fn source(source: &dyn Source) {
    assert!(!source.name().is_empty(), "a source has a name under which its events are stored");
    let log = log_of(source).await;
    assert!(log == log_of(source).await, "observing again gives the same log");
    again(source, &log).await;
    let cursors: Vec<_> = source.observe(None).filter_map(|o| std::future::ready(cursor(o))).collect().await;
    for cursor in cursors {
        cut(source, &cursor, &log).await;
    }
    let unknown = Cursor::new("\u{1}no cursor of this source");
    let mut observations = source.observe(Some(unknown));
    let first = observations.next().await;
    let is_refused = matches!(first, Some(Err(SourceError::UnknownCursor { .. })));
    assert!(is_refused, "a cursor of another source is an unknown cursor, not {first:?}");
}

fn cursor(observation: Result<Observation, SourceError>) -> Option<Cursor> {
    match observation {
        Ok(Observation::Checkpoint(cursor)) => Some(cursor),
        _ => None,
    }
}

/// Ingests a second time, from the start and from the last checkpoint.
async fn again(source: &dyn Source, log: &[Event]) {
    let store = MemoryStore::default();
    let mut first = ingest(source.name());
    for _ in 0..2 {
        run(source, &store, &mut first, &RunOptions::default(), &mut |_| {})
            .await
            .expect("memory does not fail");
    }
    let mut fresh = ingest(source.name());
    store
        .read_all_to_end()
        .await
        .expect("memory does not fail")
        .iter()
        .for_each(|event| fresh.load_event(event));
    let mut observations = source.observe(None);
    while let Some(observation) = observations.next().await {
        let appends = observation.map(|o| fresh.step(o)).unwrap_or_default();
        assert!(appends.is_empty(), "ingesting twice appends nothing, not {appends:?}");
    }
    let twice = store.read_all_to_end().await.expect("memory does not fail");
    assert!(twice == log, "ingesting twice leaves the log as it was");
}

/// Ingests up to a checkpoint, then resumes as a new program would.
async fn cut(source: &dyn Source, at: &Cursor, log: &[Event]) {
    let store = MemoryStore::default();
    let mut before = ingest(source.name());
    let mut observations = source.observe(None);
    while let Some(observation) = observations.next().await {
        let Ok(observation) = observation else { continue };
        let last = matches!(&observation, Observation::Checkpoint(cursor) if cursor == at);
        for append in before.step(observation) {
            crate::store::EventStore::append(&store, vec![append]).await.expect("memory does not fail");
        }
        if last {
            break;
        }
    }
    let redactor = Redactor::new(RedactOptions::new([0; 32]));
    let mut after = Ingest::load(source.name(), redactor, &store).await.expect("memory does not fail");
    let mut refused = None;
    let progress = &mut |progress: Progress<'_>| {
        if let Progress::SourceFailed(SourceError::UnknownCursor { cursor }) = progress {
            refused = Some(cursor.clone());
        }
    };
    run(source, &store, &mut after, &RunOptions::default(), progress).await.expect("memory does not fail");
    assert!(refused.is_none(), "the source resumes from its own checkpoint {at}");
    let resumed = store.read_all_to_end().await.expect("memory does not fail");
    assert_eq!(facts(&resumed), facts(log), "cut at checkpoint {at} and resumed, the log is the same");
}

/// Returns the events of a log as text, without its checkpoints.
fn facts(log: &[Event]) -> Vec<(String, String)> {
    let facts = log.iter().filter(|e| e.body != EventBody::Checkpoint);
    facts.map(|e| (e.stream.to_string(), format!("{} {:?}", e.observed_at, e.body))).collect()
}
