//! Follows a cluster and alerts when something becomes unhealthy or well again.
//!
//! `cargo run --example follow_cluster [SECONDS]`; the cluster is the one of `$KUBECONFIG`.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use drift_core::health::{Health, HealthContext, HealthRules, HealthStatus, assess};
use drift_core::ingest::{Progress, RunOptions, run};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::{Event, Ingest, MemoryStore, ResourceKey, Source};
use drift_sources::estate::{cluster_source, connect_cluster};
use drift_sources::kubernetes::ConnectOptions;

#[derive(Default)]
struct Alerts(HashMap<ResourceKey, Health>);

impl Alerts {
    /// Takes the next version of an object and prints a line when it becomes unhealthy or well again.
    fn take(&mut self, event: &Event, rules: &HealthRules) {
        let Some(object) = event.object() else { return };
        let before = self.0.get(&object.key());
        let health = assess(object, &HealthContext { now: event.at(), rules, previous: before });
        let was_bad = before.is_some_and(|b| b.status == HealthStatus::Degraded);
        match health.status {
            HealthStatus::Degraded if !was_bad => println!("ALERT {}: {}", object.key(), health.reason),
            HealthStatus::Healthy if was_bad => println!("RESOLVED {}", object.key()),
            _ => {}
        }
        self.0.insert(object.key(), health);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(u64::MAX), |s| s.parse())?;
    let connection = connect_cluster(ConnectOptions::default()).await?;
    let source = cluster_source(&connection, &[]);
    let store = MemoryStore::default();
    let mut ingest = Ingest::load(source.name(), Redactor::new(RedactOptions::new([7; 32])), &store).await?;
    let (rules, mut alerts) = (HealthRules::bundled(), Alerts::default());
    let mut progress = |progress: Progress<'_>| match progress {
        Progress::Appended(events) => events.iter().for_each(|e| alerts.take(e, &rules)),
        Progress::SourceFailed(error) => println!("could not read: {error}"),
        _ => {}
    };
    let options = RunOptions::default();
    let following = run(&source, &store, &mut ingest, &options, &mut progress);
    // Time that is up is how a test ends it; without a number it follows until it is stopped.
    tokio::time::timeout(Duration::from_secs(seconds), following).await.ok().transpose()?;
    Ok(())
}
