//! Rules for a kind of one's own: what a Widget refers to, and how it is doing.
//!
//! `cargo run --example custom_rules TAPE`
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;

use drift_core::ResourceName;
use drift_core::graph::{Direction, EdgeRules};
use drift_core::health::HealthRules;
use drift_sources::estate::Estate;

/// A Widget needs the oven that each of its bowls names; see docs/edges.md.
const EDGES: &str = "Widget.example.com uses spec.bowls[].oven -> ConfigMap";
/// A Widget without bowls waits to be filled, whatever its conditions say; see docs/health.md.
const HEALTH: &str =
    "for example.com/Widget\nSuspended NoBowls when !.spec.bowls\nHealthy HasBowls when .spec.bowls\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let tape = std::env::args().nth(1).ok_or("usage: custom_rules TAPE")?;
    let estate = Estate::tape(tape)
        .edge_rules(EdgeRules::bundled().with(EDGES)?)
        .health_rules(HealthRules::parse(HEALTH)?.before(&HealthRules::bundled()))
        .open()
        .await?;
    let widget = estate.find(&"widget/mixer".parse::<ResourceName>()?).await?;
    let graph = estate.graph().await?;
    for edge in graph.around(&widget, estate.until(), 1, Direction::Dependencies) {
        let missing = if edge.is_dangling { " (missing)" } else { "" };
        println!("{} {} {}{missing}", edge.from, edge.relation.word(), edge.to);
    }
    for resource in estate.health_of(|object| object.kind() == "Widget").await?.resources {
        println!("{} is {:?}: {}", resource.key, resource.health.status, resource.health.reason);
    }
    Ok(())
}
