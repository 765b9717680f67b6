//! A sink of one's own: counts findings by who caused them, as a chat bot or a metrics exporter would.
//!
//! `cargo run --example custom_sink`
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use drift_core::{Finding, FindingBody, FindingId, ResourceKey, Sink, SinkError};
use jiff::Timestamp;

/// Counts open findings by resource.
#[derive(Debug, Default)]
struct Scoreboard(Mutex<BTreeMap<FindingId, ResourceKey>>);

#[async_trait]
impl Sink for Scoreboard {
    fn name(&self) -> &str {
        "scoreboard"
    }

    async fn deliver(&self, findings: &[Finding]) -> Result<(), SinkError> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for finding in findings {
            match (&finding.body, &finding.key) {
                (FindingBody::Resolved { .. }, _) => drop(open.remove(&finding.id)),
                // A batch may come again after an error: the id makes it count once.
                (_, Some(key)) => drop(open.insert(finding.id, key.clone())),
                _ => {}
            }
        }
        Ok(())
    }
}

fn finding(name: &str, body: FindingBody) -> Finding {
    let key = ResourceKey::new("", "ConfigMap", "shop", name);
    let id = FindingId::derive(&["missing", &key.to_string()]);
    Finding { id, key: Some(key), at: Timestamp::UNIX_EPOCH, body }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), SinkError> {
    let board = Arc::new(Scoreboard::default());
    let sink: Arc<dyn Sink> = Arc::<Scoreboard>::clone(&board);
    let batch = [finding("web", FindingBody::Missing), finding("cart", FindingBody::Missing)];
    sink.deliver(&batch).await?;
    sink.deliver(&batch).await?;
    sink.deliver(&[finding("cart", FindingBody::Resolved { path: drift_core::FieldPath::ROOT })]).await?;
    let open = board.0.lock().unwrap_or_else(PoisonError::into_inner);
    open.values().for_each(|key| println!("open: {key}"));
    Ok(())
}
