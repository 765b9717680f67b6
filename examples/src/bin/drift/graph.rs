//! `drift graph`: what a resource depends on, and what depends on it.

use drift_core::Until;
use drift_core::graph::{DependencyGraph, Direction, to_dot, to_mermaid, to_svg};
use drift_sinks::report::{DependencyGraphV1, render_graph_text, to_json};
use futures::TryStreamExt;

use crate::args::{GraphArgs, GraphFormat};
use crate::failure::Failure;
use crate::moment::Moment;
use crate::output::{self, Outcome};
use crate::recorded::Recorded;

/// Runs the command.
pub(crate) async fn run(args: &GraphArgs) -> Result<Outcome, Failure> {
    let recorded = Recorded::open(&args.recorded).await?;
    let stream = recorded.find(&args.key, args.namespace.as_deref()).await?;
    let key = stream.key().cloned().unwrap_or_default();
    let mut graph = DependencyGraph::new(args.edges.rules()?);
    let mut events = recorded.events();
    while let Some(event) = events.try_next().await? {
        graph.apply(&event);
    }
    let until = until(args.at);
    let edges = graph.around(&key, until, args.depth, Direction::Both);
    let written = match args.output {
        GraphFormat::Text => render_graph_text(&graph, &key, until, args.depth),
        GraphFormat::Dot => to_dot(&edges),
        GraphFormat::Mermaid => to_mermaid(&edges),
        GraphFormat::Svg => to_svg(&edges),
        GraphFormat::Json => to_json(&DependencyGraphV1::new(&key, &edges)),
    };
    output::print(&written)?;
    Ok(Outcome::Nothing)
}

/// Returns up to where events count.
fn until(at: Option<Moment>) -> Until {
    match at {
        None => Until::End,
        Some(Moment::Time(time)) => Until::Time(time),
        Some(Moment::Position(position)) => Until::Position(position),
    }
}
