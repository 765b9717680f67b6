//! A sink of your own: shows what is open and since when, as a chat bot or a metrics exporter would.
//!
//! `cargo run --example custom_sink`
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use drift_core::{Finding, FindingBody, FindingId, FindingTracker, ResourceKey, Sink, SinkError};
use jiff::Timestamp;

/// Open findings by id.
#[derive(Debug, Default)]
struct Scoreboard(Mutex<BTreeMap<FindingId, Finding>>);

#[async_trait]
impl Sink for Scoreboard {
    fn name(&self) -> &str {
        "scoreboard"
    }

    async fn deliver(&self, findings: &[Finding]) -> Result<(), SinkError> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for finding in findings {
            match finding.body {
                FindingBody::Resolved { .. } => drop(open.remove(&finding.id)),
                // A batch may be delivered again after an error: because of the id it counts once.
                _ => drop(open.insert(finding.id, finding.clone())),
            }
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let board = Arc::new(Scoreboard::default());
    let sink: Arc<dyn Sink> = Arc::<Scoreboard>::clone(&board);
    // The tracker turns what is found at a time into what is new: the sink is given only that.
    let mut tracker = FindingTracker::default();
    let (web, cart) = (ResourceKey::parse("ConfigMap/shop/web")?, ResourceKey::parse("ConfigMap/shop/cart")?);
    for (second, is_cart_missing) in [(0, true), (60, true), (120, false)] {
        let at = Timestamp::from_second(second)?;
        let cart_now = if is_cart_missing { vec![Finding::missing(&cart, at)] } else { Vec::new() };
        let mut updates = tracker.update_findings(&web, vec![Finding::missing(&web, at)], at);
        updates.extend(tracker.update_findings(&cart, cart_now, at));
        println!("{at}: {} to report", updates.len());
        let findings: Vec<Finding> = updates.into_iter().map(|update| update.finding).collect();
        sink.deliver(&findings).await?;
    }
    let open = board.0.lock().unwrap_or_else(PoisonError::into_inner);
    for (finding, key) in open.values().filter_map(|f| Some((f, f.key.as_ref()?))) {
        println!("open: {key} since {}", finding.at);
    }
    Ok(())
}
