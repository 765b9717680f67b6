//! The embedded store: durable events a second, bytes on disk, state at a time.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drift_core::{
    Append, Doc, EventBody, EventStore, ExpectedRevision, NewEvent, Object, Origin, Position, StreamId,
};
use drift_sinks::store::embedded::EmbeddedStore;
use futures::executor::block_on;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Failure;
use crate::estate::Case;
use crate::measure::percentile;

const BATCH: usize = 100;

pub(crate) fn run(cases: &[Case], events: usize) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("store");
    let versions = Versions::of(cases);
    let store = EmbeddedStore::open(&path)?;
    let (mut raw, mut appending) = (0, Duration::ZERO);
    for first in (0..events).step_by(BATCH) {
        let batch: Vec<Append> = (first..(first + BATCH).min(events)).map(|n| versions.append(n)).collect();
        raw += batch.iter().flat_map(|a| &a.events).map(size).sum::<usize>();
        let start = Instant::now();
        block_on(store.append(batch))?;
        appending += start.elapsed();
    }
    let rate = events as f64 / appending.as_secs_f64();
    println!("{events} events of {} bytes of raw JSON in batches of {BATCH}", raw / events.max(1));
    println!("durable events a second: {rate:.0} (budget 100,000)");
    let disk = size_of_folder(&path)?;
    println!(
        "log bytes a raw byte: {:.4} (budget 0.0500), {} MB",
        disk as f64 / raw as f64,
        disk / 1_000_000
    );
    states(&store, &versions, events)?;
    drop(store);
    let start = Instant::now();
    let store = EmbeddedStore::open(&path)?;
    println!("opening: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    drop(store);
    let start = Instant::now();
    EmbeddedStore::verify(&path)?;
    println!("verifying every event: {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn states(store: &EmbeddedStore, versions: &Versions, events: usize) -> Result<(), Failure> {
    let mut times = Vec::new();
    let mut at = 12_345_usize;
    for _ in 0..2_000 {
        // A fixed walk over all positions: the same questions in every run.
        at = (at * 6_364_136_223_846_793 + 1_442_695) % events.max(1);
        let stream = versions.stream(at);
        let start = Instant::now();
        let head = block_on(store.head(&stream, Some(Position::new(at as u64 + 1))))?;
        times.push(start.elapsed());
        assert!(head.is_some(), "the store has lost a stream");
    }
    let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
    println!("state at a time: p50 {p50:?}, p99 {p99:?} (budget 1 ms)");
    Ok(())
}

fn size(event: &NewEvent) -> usize {
    match &event.body {
        EventBody::Applied(object) => object.doc().to_json().len(),
        _ => 0,
    }
}

fn size_of_folder(path: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        sum += if meta.is_dir() { size_of_folder(&entry.path())? } else { meta.len() };
    }
    Ok(sum)
}

/// Makes the n-th event of a busy cluster out of recorded objects: statuses move, now and then a spec.
struct Versions {
    objects: Vec<Value>,
}

impl Versions {
    fn of(cases: &[Case]) -> Self {
        let live = cases.iter().flat_map(|c| &c.live);
        let moving = live.filter(|o| {
            matches!(
                o.kind(),
                "Pod" | "Deployment" | "ReplicaSet" | "Service" | "EndpointSlice" | "ConfigMap"
            )
        });
        Self { objects: moving.map(|o| o.root().to_value()).collect() }
    }

    fn name(&self, n: usize) -> (usize, String) {
        // Some ten thousand resources, each with a version every so often.
        let resource = n.wrapping_mul(2_654_435_761) % 10_007;
        (resource % self.objects.len(), format!("r-{resource}"))
    }

    fn stream(&self, n: usize) -> StreamId {
        StreamId::live(self.object(n).key())
    }

    fn object(&self, n: usize) -> Object {
        let (which, name) = self.name(n);
        let mut value = self.objects[which].clone();
        value["metadata"]["name"] = json!(name);
        value["metadata"]["resourceVersion"] = json!(n.to_string());
        value["metadata"]["uid"] = json!(format!("00000000-0000-0000-0000-{:012}", n % 10_007));
        value["status"]["observedGeneration"] = json!(n / 10_007);
        if n.is_multiple_of(7) {
            value["metadata"]["annotations"]["example.com/build"] =
                json!(format!("{:x}", n.wrapping_mul(11_400_714_819)));
        }
        Object::new(Doc::from_value(&value).expect("a recorded object")).expect("a recorded object")
    }

    fn append(&self, n: usize) -> Append {
        let object = self.object(n);
        let observed_at = Timestamp::from_second(1_700_000_000 + n as i64).expect("a time in range");
        let event = NewEvent {
            uid: object.uid(),
            origin: Origin { source: "kubernetes".into(), ..Origin::default() },
            observed_at,
            occurred_at: None,
            body: EventBody::Applied(Arc::new(object)),
        };
        Append { stream: self.stream(n), expected: ExpectedRevision::Any, events: vec![event] }
    }
}
