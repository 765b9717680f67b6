//! Follows the cluster of the current kubectl context, and alerts once for each thing that drifts from a folder of manifests.
//!
//! `cargo run --example follow_and_alert -- MANIFESTS`
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

use async_trait::async_trait;
use drift_core::drift::DesiredObject;
use drift_core::ingest::{Progress, RunOptions, run};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::watch::{WatchJudge, WatchOptions};
use drift_core::{Finding, Ingest, MemoryStore, Sink, SinkError, Source};
use drift_sinks::report::FindingV1;
use drift_sources::kubernetes::{ConnectOptions, KubernetesOptions, KubernetesSource, connect};
use drift_sources::manifests::Manifests;
use futures::{StreamExt, channel::mpsc};
use std::{error::Error, path::Path, sync::Arc};

#[derive(Debug)]
struct Alerts; // Here standard output, with you perhaps a chat or a pager.

#[async_trait]
impl Sink for Alerts {
    fn name(&self) -> &str {
        "alerts"
    }

    async fn deliver(&self, findings: &[Finding]) -> Result<(), SinkError> {
        findings.iter().for_each(|f| println!("{}", serde_json::json!(FindingV1::from(f))));
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name a folder of manifests")?;
    let redactor = Redactor::new(RedactOptions::new([7; 32]));
    let wanted = |object| DesiredObject { object: Arc::new(redactor.redact(object)), declared: None };
    let desired =
        Manifests::read(Path::new(&folder))?.declared.into_iter().map(|d| wanted(d.object)).collect();
    let mut judge = WatchJudge::new(Some(desired), WatchOptions::default());
    let client = connect(ConnectOptions::default()).await?.client;
    let source = KubernetesSource::new(client, KubernetesOptions::default());
    let (store, (sender, mut appended)) = (MemoryStore::default(), mpsc::unbounded());
    let mut ingest = Ingest::load(source.name(), redactor.clone(), &store).await?;
    let mut progress = |progress: Progress<'_>| match progress {
        Progress::Appended(events) => drop(sender.unbounded_send(events.to_vec())),
        other => eprintln!("{other:?}"),
    };
    let alerting = async {
        while let Some(events) = appended.next().await {
            events.iter().for_each(|event| judge.handle(event, jiff::Timestamp::now()));
            let updates = judge.judge(&mut |_| ()).into_iter();
            Alerts.deliver(&updates.map(|u| u.finding).collect::<Vec<_>>()).await?;
        }
        Ok::<(), Box<dyn Error>>(())
    };
    let following = async { run(&source, &store, &mut ingest, &RunOptions::default(), &mut progress).await };
    tokio::select! { ended = following => Ok(ended.map(drop)?), ended = alerting => ended }
}
