//! What every event store holds to.

use std::sync::Arc;

use futures::StreamExt;
use futures::future::join_all;

use super::tape::{TapeOptions, tape};
use crate::event::{Event, NewEvent};
use crate::ingest::Ingest;
use crate::key::ResourceKey;
use crate::redact::{RedactOptions, Redactor};
use crate::store::{Append, EventStore, EventStoreExt, ExpectedRevision, StoreError};
use crate::stream::{Authority, Facet, Position, Revision, StreamId};

/// Makes appends for many streams, with events of all kinds; the same for the same seed.
pub fn new_events(seed: u64, observations: usize) -> Vec<Append> {
    let mut ingest = Ingest::new("conformance", Redactor::new(RedactOptions::new([0; 32])));
    let tape = tape(seed, &TapeOptions { observations, ..TapeOptions::default() });
    tape.into_iter().flat_map(|o| ingest.step(o)).collect()
}

fn stream(name: &str) -> StreamId {
    StreamId::live(ResourceKey::new("conformance.example", "Thing", "test", name))
}

/// Makes so many events that are good for any stream.
fn events(seed: u64, count: usize) -> Vec<NewEvent> {
    let all = (0..).flat_map(|n| new_events(seed.wrapping_add(n), 64)).flat_map(|a| a.events);
    all.take(count).collect()
}

fn append(name: &str, expected: ExpectedRevision, events: Vec<NewEvent>) -> Append {
    Append { stream: stream(name), expected, events }
}

fn exact(n: u64) -> ExpectedRevision {
    ExpectedRevision::Exact(Revision::new(n).expect("revisions begin with 1"))
}

async fn all(store: &dyn EventStore) -> Vec<Event> {
    store.read_all_to_end().await.expect("a healthy store can be read")
}

/// Checks a store; it must be empty.
///
/// # Panics
/// When the store does not hold to its contract.
pub async fn event_store(store: &dyn EventStore) {
    empty(store).await;
    appends(store).await;
    refuses_as_a_whole(store).await;
    names_of_any_text(store).await;
    large_batch(store).await;
    histories(store).await;
    reads(store).await;
}

/// Checks a store that several writers share; it must be empty.
///
/// # Panics
/// When the store does not hold to its contract.
pub async fn event_store_shared(store: Arc<dyn EventStore>) {
    let writers = (0..8).map(|n| writer(Arc::clone(&store), n));
    join_all(writers).await;
    let log = store.read_to_end(&stream("contended")).await.expect("a healthy store can be read");
    assert_eq!(log.len(), 8 * 25, "every writer's append is there once");
    check_log(&all(&*store).await);
}

/// Appends again and again to one stream that others append to as well, and to one of its own in the same batch.
async fn writer(store: Arc<dyn EventStore>, n: u64) {
    let own = format!("own-{n}");
    for (done, event) in events(n, 25).into_iter().enumerate() {
        let own_expected = if done == 0 { ExpectedRevision::Empty } else { exact(done as u64) };
        loop {
            let head = store.head(&stream("contended"), None).await.expect("a healthy store can be read");
            let expected = head.map_or(ExpectedRevision::Empty, |h| ExpectedRevision::Exact(h.revision));
            let batch = vec![
                append(&own, own_expected, vec![event.clone()]),
                append("contended", expected, vec![event.clone()]),
            ];
            match store.append(batch).await {
                Ok(events) => {
                    assert_eq!(events.len(), 2, "an append returns all events of the batch");
                    break;
                }
                Err(error) => {
                    let StoreError::Conflict { stream: at, .. } = &error else {
                        assert!(
                            matches!(error, StoreError::Conflict { .. }),
                            "writers conflict only, not {error}"
                        );
                        return;
                    };
                    // The own stream would conflict if the batch of an earlier try had been taken in part.
                    assert_eq!(**at, stream("contended"), "a refused batch leaves no trace in other streams");
                }
            }
        }
    }
}

/// Checks that a store keeps what it acknowledged; `open` opens the same, at first empty, store again and again.
///
/// # Panics
/// When the store does not hold to its contract.
pub async fn event_store_reopened(open: &mut (dyn FnMut() -> Arc<dyn EventStore> + Send)) {
    let mut log: Vec<Event> = Vec::new();
    for round in 0..4 {
        let store = open();
        assert!(all(&*store).await == log, "all that was acknowledged is there after opening again");
        let last = store.last_position().await.expect("a healthy store can be read");
        assert_eq!(last, log.last().map_or(Position::START, |e| e.position), "the last position is kept");
        let own = format!("round-{round}");
        let expected = if round == 0 { ExpectedRevision::Empty } else { exact(round * 40) };
        let batch = vec![
            append("kept", expected, events(round, 40)),
            append(&own, ExpectedRevision::Empty, events(round + 100, 7)),
        ];
        log.extend(store.append(batch).await.expect("what was expected before opening again still holds"));
        let stale = vec![append("kept", exact(round * 40 + 1), events(round, 1))];
        let refused = store.append(stale).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "a stale writer is refused");
        check_log(&all(&*store).await);
    }
}

async fn empty(store: &dyn EventStore) {
    assert!(all(store).await.is_empty(), "the suite begins with an empty store");
    let start = store.last_position().await.expect("an empty store can be read");
    assert_eq!(start, Position::START, "the last position of an empty store is the start");
    assert!(store.streams().await.expect("an empty store can be read").is_empty(), "and it has no streams");
    let head = store.head(&stream("none"), None).await.expect("an empty store can be read");
    assert!(head.is_none(), "a stream that is not there has no head");
    let read = store.read_to_end(&stream("none")).await.expect("an empty store can be read");
    assert!(read.is_empty(), "and nothing to read");
    assert!(
        store.append(Vec::new()).await.expect("an empty batch is fine").is_empty(),
        "and appends nothing"
    );
    let nothing = vec![append("none", ExpectedRevision::Empty, Vec::new())];
    assert!(
        store.append(nothing).await.expect("no events are fine").is_empty(),
        "a part without events is fine"
    );
    assert!(store.streams().await.expect("an empty store can be read").is_empty(), "and makes no stream");
}

async fn appends(store: &dyn EventStore) {
    let new = events(1, 5);
    let batch = vec![
        append("a", ExpectedRevision::Empty, new[..2].to_vec()),
        append("b", ExpectedRevision::Any, new[2..3].to_vec()),
        append("a", ExpectedRevision::Any, new[3..].to_vec()),
    ];
    let appended = store.append(batch).await.expect("a batch over several streams is appended");
    let places: Vec<_> = appended.iter().map(|e| (e.stream.clone(), e.revision.get())).collect();
    let expect = [("a", 1), ("a", 2), ("b", 1), ("a", 3), ("a", 4)].map(|(s, r)| (stream(s), r));
    assert_eq!(places, expect, "events get dense revisions in the order of the batch");
    for (new, event) in new.into_iter().zip(&appended) {
        let same = new.at(event.stream.clone(), event.revision, event.position);
        assert!(same == *event, "an appended event is the new one at its place, id included");
    }
    assert!(all(store).await == appended, "reading returns what the append returned");
    check_log(&appended);
}

async fn refuses_as_a_whole(store: &dyn EventStore) {
    let before = all(store).await;
    let wrong = [("a", ExpectedRevision::Empty), ("a", exact(3)), ("a", exact(5)), ("none", exact(1))];
    for (name, expected) in wrong {
        let batch = vec![
            append("b", ExpectedRevision::Any, events(2, 2)),
            append(name, expected, events(3, 2)),
            append("new", ExpectedRevision::Any, events(4, 2)),
        ];
        let actual = store.head(&stream(name), None).await.expect("a healthy store can be read");
        match store.append(batch).await {
            Err(StoreError::Conflict { stream: at, actual: said }) => {
                assert_eq!(*at, stream(name), "a conflict names the stream");
                assert_eq!(said, actual.map(|e| e.revision), "and where it stands");
            }
            other => assert!(
                other.is_err() && before.is_empty(),
                "{expected:?} of `{name}` is a conflict, not {other:?}"
            ),
        }
        assert!(all(store).await == before, "a refused batch leaves no trace");
    }
    let good =
        vec![append("a", exact(4), events(3, 1)), append("new", ExpectedRevision::Empty, events(4, 1))];
    let appended = store.append(good).await.expect("right expectations hold");
    assert_eq!(appended[0].revision.get(), 5, "the stream goes on densely after refusals");
}

async fn names_of_any_text(store: &dyn EventStore) {
    let key =
        |cluster: &str, name: &str| ResourceKey::new("größe.例え", "Ding", "", name).in_cluster(cluster);
    let long = "x".repeat(4096);
    let names = ["ünï-ço∂é-🦀", "", "a/b\\c:d|e", "..", "line\nbreak\t\u{0}", long.as_str()];
    let mut expect = Vec::new();
    for name in names {
        let authority = Authority::HelmRelease(name.into(), "release".into());
        for stream in [
            StreamId::live(key("", name)),
            StreamId::live(key("north", name)),
            StreamId::Resource(Facet::Desired(authority), key("", name)),
            StreamId::Resource(Facet::Desired(Authority::Manifests(name.into())), key("", name)),
            StreamId::Resource(Facet::Desired(Authority::ArgoApplication(key("", name))), key("", name)),
            StreamId::Source(name.into()),
        ] {
            let part =
                Append { stream: stream.clone(), expected: ExpectedRevision::Empty, events: events(5, 1) };
            let appended = store.append(vec![part]).await.expect("a stream may have any name");
            expect.push((stream, appended));
        }
    }
    for (stream, appended) in expect {
        let read = store.read_to_end(&stream).await.expect("a healthy store can be read");
        assert!(read == appended, "stream `{stream}` is read under its own name");
    }
}

async fn large_batch(store: &dyn EventStore) {
    let names: Vec<_> = (0..50).map(|n| format!("large-{n}")).collect();
    let part = |(n, name): (usize, &String)| append(name, ExpectedRevision::Empty, events(n as u64, 100));
    let batch: Vec<_> = names.iter().enumerate().map(part).collect();
    let appended = store.append(batch).await.expect("a large batch is appended");
    assert_eq!(appended.len(), 5000, "all of it");
    let log = all(store).await;
    assert!(log[log.len() - 5000..] == appended, "a large batch is read as it was appended");
}

/// Histories as an ingest makes them: long streams of one object, deletions, gaps.
async fn histories(store: &dyn EventStore) {
    let before = all(store).await.len();
    let mut appended = Vec::new();
    for part in new_events(7, 2000) {
        appended.extend(store.append(vec![part]).await.expect("an ingest's expectations hold"));
    }
    assert!(all(store).await[before..] == appended, "a history is read as it was appended");
}

async fn reads(store: &dyn EventStore) {
    let log = all(store).await;
    check_log(&log);
    let last = log.last().map_or(Position::START, |e| e.position);
    assert_eq!(store.last_position().await.expect("a healthy store can be read"), last, "the last position");
    let streams = store.streams().await.expect("a healthy store can be read");
    assert!(streams.is_sorted(), "streams are listed in order");
    let mut expect: Vec<_> = log.iter().map(|e| e.stream.clone()).collect();
    expect.sort();
    expect.dedup();
    assert!(streams == expect, "all streams are listed, and no other");
    for after in log.iter().step_by(log.len() / 7 + 1).map(|e| e.position).chain([last, last.next()]) {
        let rest: Vec<_> =
            store.read_all(after).map(|e| e.expect("a healthy store can be read")).collect().await;
        let expect: Vec<_> = log.iter().filter(|e| e.position > after).cloned().collect();
        assert!(rest == expect, "reading all after {after} returns what comes after it");
    }
    for stream in streams.iter().step_by(streams.len() / 17 + 1) {
        let expect: Vec<_> = log.iter().filter(|e| e.stream == *stream).cloned().collect();
        reads_of(store, stream, &expect, last).await;
    }
}

async fn reads_of(store: &dyn EventStore, stream: &StreamId, expect: &[Event], last: Position) {
    for from in [1, 2, expect.len(), expect.len() + 1, expect.len() + 1000, usize::MAX / 2] {
        let revision = Revision::new(from as u64).unwrap_or(Revision::FIRST);
        let read = store.read(stream, revision).map(|e| e.expect("a healthy store can be read"));
        let read: Vec<_> = read.collect().await;
        let expect = expect.get(revision.get() as usize - 1..).unwrap_or_default();
        assert!(read == expect, "`{stream}` is read from revision {from} on");
    }
    let probes = expect.iter().step_by(expect.len() / 5 + 1).map(|e| e.position.get());
    for until in probes.flat_map(|p| [p - 1, p, p + 1]).chain([0, last.get() + 10]).map(Position::new) {
        let head = store.head(stream, Some(until)).await.expect("a healthy store can be read");
        let expect = expect.iter().rfind(|e| e.position <= until);
        assert!(head.as_ref() == expect, "the head of `{stream}` at {until}");
    }
    let head = store.head(stream, None).await.expect("a healthy store can be read");
    assert!(head.as_ref() == expect.last(), "the head of `{stream}` is its last event");
}

/// Checks what holds for every log: positions increase, revisions are dense, ids are those of the content.
fn check_log(log: &[Event]) {
    let mut heads = std::collections::BTreeMap::new();
    let mut last = Position::START;
    for event in log {
        assert!(event.position > last, "positions increase: {} after {last}", event.position);
        last = event.position;
        let head = heads.entry(&event.stream).or_insert(0);
        assert_eq!(event.revision.get(), *head + 1, "revisions of `{}` are dense from 1", event.stream);
        *head += 1;
        let Event { uid, origin, observed_at, occurred_at, body, .. } = event.clone();
        let new = NewEvent { uid, origin, observed_at, occurred_at, body };
        let id = crate::wire::event_id(&event.stream, event.revision, &new);
        assert_eq!(event.id, id, "the id follows from the content");
    }
}
