//! What the targets share: inputs are texts, one document a line, so that seeds can be read and edited.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use drift_core::redact::{RedactOptions, Redactor};
use drift_core::{
    Actor, Append, Applied, Deleted, Event, EventStore, Facet, Ingest, MemoryStore, Object, Observation,
};
use futures::executor::block_on;
use jiff::{SignedDuration, Timestamp};

/// Stands for a secret in seeds and is planted by targets: long, random, and nowhere else.
pub const PLANTED: &str = "hT7-pW2-kX9-vB4mQ8z";

/// The key of all hashes.
pub const KEY: [u8; 32] = [7; 32];

/// Returns a number below `count` that the whole input picks: where one execution checks one law of several, every input meets
/// one, its neighbours the others, and a crash comes again.
pub fn pick(data: &[u8], count: u8) -> u8 {
    (crc32fast::hash(data) % u32::from(count.max(1))) as u8
}

/// Returns a folder for files of a target, in memory where the system has such a one.
pub fn memory_folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// Splits an input at its first line feed.
pub fn split_line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|b| *b == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[]),
    }
}

/// Returns the objects among the lines.
pub fn objects(data: &[u8]) -> Vec<Arc<Object>> {
    data.split(|b| *b == b'\n').filter_map(|line| Object::from_json(line).ok()).map(Arc::new).collect()
}

/// When the first line of [`events`] is observed; each further one is a minute later.
pub fn start() -> Timestamp {
    Timestamp::from_second(1_700_000_000).expect("a time of this century")
}

/// Returns the batches of a log: a line is an object as it then was, or `-` and an object that was deleted.
pub fn appends(data: &[u8]) -> Vec<Append> {
    let mut ingest = Ingest::new("fuzz", Redactor::new(RedactOptions::new(KEY)));
    let mut out = Vec::new();
    for (n, line) in data.split(|b| *b == b'\n').take(64).enumerate() {
        let at = start() + SignedDuration::from_mins(n as i64);
        let deleted = line.strip_prefix(b"-");
        let Ok(object) = Object::from_json(deleted.unwrap_or(line)) else { continue };
        let observation = match deleted {
            None => Observation::Applied(Applied::live(object, "", at)),
            Some(_) => Observation::Deleted(Deleted {
                facet: Facet::Live,
                key: object.key(),
                last: Some(Arc::new(object)),
                observed_at: at,
                actor: Actor::default(),
            }),
        };
        out.extend(ingest.step(observation));
        ingest.commit();
    }
    out
}

/// Returns the events of a log as [`appends`] reads it.
pub fn events(data: &[u8]) -> Vec<Event> {
    let store = MemoryStore::default();
    let take =
        |append| block_on(store.append(vec![append])).expect("a store in memory takes what an ingest gives");
    appends(data).into_iter().flat_map(take).collect()
}
