//! `drift graph`: what a resource depends on, and what depends on it.

use drift_core::graph::{Direction, to_dot, to_mermaid, to_svg};
use drift_sinks::report::{DependencyGraphV1, render_graph_text, to_json};

use crate::args::{GraphArgs, GraphFormat};
use crate::failure::Failure;
use crate::looked_at::{self, NotePlace};
use crate::output::{self, Outcome};

/// Runs the command.
pub(crate) async fn run(args: &GraphArgs) -> Result<Outcome, Failure> {
    let until = args.at.unwrap_or_default();
    let options = looked_at::input(&args.input)?.at(until).edge_rules(args.edges.rules()?);
    let estate = looked_at::in_namespace(options, args.namespace.as_deref()).open().await?;
    let key = estate.find(&args.key).await?;
    let graph = estate.graph().await?;
    let notes = looked_at::report_notes(&estate, NotePlace::StandardError);
    looked_at::report_remarks(&notes);
    let edges = graph.around(&key, until, args.depth, Direction::Both);
    let written = match args.output {
        GraphFormat::Text => render_graph_text(&graph, &key, until, args.depth),
        GraphFormat::Dot => to_dot(&edges),
        GraphFormat::Mermaid => to_mermaid(&edges),
        GraphFormat::Svg => to_svg(&edges),
        GraphFormat::Json => to_json(&DependencyGraphV1::new(&key, &edges, notes.coverage())),
    };
    match args.output {
        GraphFormat::Text => output::print_text(&written)?,
        _ => output::print(&written)?,
    }
    Ok(Outcome::answered(notes.coverage()))
}
