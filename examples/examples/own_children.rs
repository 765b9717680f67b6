//! A controller that watches its own children: what it declared against what becomes of it, with who did it.
//!
//! `cargo run --example own_children NAMESPACE [SECONDS]`; the cluster is the one of `$KUBECONFIG`.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use drift_core::drift::{DesiredObject, DriftOptions, IncrementalComparison};
use drift_core::schema::SchemaSet;
use drift_core::{Object, Observation, Source};
use drift_sources::estate::{cluster_source, connect_cluster};
use drift_sources::kubernetes::ConnectOptions;
use futures::StreamExt;

/// What this controller creates for each of its parents.
fn child(namespace: &str) -> DesiredObject {
    let text = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"child","namespace":"{namespace}"}},"data":{{"size":"1"}}}}"#
    );
    let object = Object::from_json(text.as_bytes()).expect("a manifest of our own is whole");
    DesiredObject { object: Arc::new(object), declared: None }
}

async fn follow(namespace: String) -> Result<(), Box<dyn Error>> {
    let connection = connect_cluster(ConnectOptions::default()).await?;
    let schemas = (*SchemaSet::bundled()).clone();
    let mut children = IncrementalComparison::new(vec![child(&namespace)], schemas, DriftOptions::default());
    let source = cluster_source(&connection, &[namespace]);
    let mut observations = source.observe(None);
    while let Some(observation) = observations.next().await {
        match observation? {
            Observation::Applied(applied) => children.set_live(&applied.object),
            Observation::Deleted(deleted) => children.remove_live(&deleted.key),
            Observation::RelistDone { .. } => {}
            _ => continue,
        }
        for key in children.judge() {
            for change in children.get(&key).into_iter().flat_map(|drift| &drift.changes) {
                let manager = change.owner.as_ref().map_or("somebody", |owner| &*owner.manager);
                println!(
                    "{key} {}: {:?} instead of {:?}, by {manager}",
                    change.path, change.live, change.desired
                );
            }
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let namespace = std::env::args().nth(1).ok_or("usage: own_children NAMESPACE [SECONDS]")?;
    let seconds = std::env::args().nth(2).map_or(Ok(u64::MAX), |s| s.parse())?;
    tokio::time::timeout(Duration::from_secs(seconds), follow(namespace)).await.unwrap_or(Ok(()))
}
