//! A source of one's own: an inventory system that knows objects Kubernetes does not, with history like any other.
//!
//! `cargo run --example custom_source`
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;

use drift_core::ingest::{RunOptions, run};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::{
    Applied, Cursor, EventStoreExt, Ingest, MemoryStore, Object, Observation, Source, SourceError,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

/// Load balancers, as a vendor's interface would list them: what it answers, and when.
const ANSWERS: &[(&str, i64)] =
    &[(r#"{"pool": ["192.0.2.10"]}"#, 10), (r#"{"pool": ["192.0.2.10", "192.0.2.11"]}"#, 20)];

#[derive(Debug)]
struct Inventory;

impl Source for Inventory {
    fn name(&self) -> &str {
        "inventory"
    }

    fn observe(&self, after: Option<Cursor>) -> BoxStream<'_, Result<Observation, SourceError>> {
        // The cursor is ours to define: how many answers were taken already.
        let taken = after.and_then(|c| c.as_str().parse().ok()).unwrap_or(0);
        let observation = |(n, (spec, at)): (usize, &(&str, i64))| {
            let json = format!(
                r#"{{"apiVersion":"inventory.example.com/v1","kind":"LoadBalancer","metadata":{{"name":"edge"}},"spec":{spec}}}"#
            );
            let corrupt = |e| SourceError::Corrupt { what: format!("answer {n}"), source: Some(Box::new(e)) };
            let object = Object::from_json(json.as_bytes()).map_err(corrupt)?;
            let at = jiff::Timestamp::from_second(*at).unwrap_or_default();
            Ok(Observation::Applied(Applied {
                cursor: Some(Cursor::new(format!("{}", n + 1))),
                ..Applied::live(object, "", at)
            }))
        };
        stream::iter(ANSWERS.iter().enumerate().skip(taken).map(observation)).boxed()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::default();
    let mut ingest = Ingest::load("inventory", Redactor::new(RedactOptions::new([7; 32])), &store).await?;
    run(&Inventory, &store, &mut ingest, &RunOptions::default(), &mut |_| ()).await?;
    for event in store.read_all_to_end().await? {
        let spec = event.object().and_then(|o| o.root().get("spec").map(|s| s.to_value()));
        println!("{} {} {}", event.observed_at, event.stream, spec.unwrap_or_default());
    }
    Ok(())
}
