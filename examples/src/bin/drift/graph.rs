//! `drift graph`: what a resource depends on, and what depends on it.

use std::fmt::Write as _;

use drift_core::ResourceKey;
use drift_core::Until;
use drift_core::graph::{self, DependencyGraph, Direction, Edge, to_dot, to_mermaid, to_svg};
use drift_sinks::report::{API_VERSION, to_json};
use futures::TryStreamExt;
use serde_json::json;

use crate::args::{GraphArgs, GraphFormat};
use crate::failure::Failure;
use crate::moment::Moment;
use crate::output::{self, Outcome};
use crate::recorded::Recorded;
use crate::words::plain;

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
        GraphFormat::Text => text(&key, &graph, until, args.depth),
        GraphFormat::Dot => to_dot(&edges),
        GraphFormat::Mermaid => to_mermaid(&edges),
        GraphFormat::Svg => to_svg(&edges),
        GraphFormat::Json => to_json(&json!({
            "apiVersion": API_VERSION,
            "kind": "DependencyGraph",
            "key": key,
            "edges": graph::to_json(&edges),
        })),
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

fn text(key: &ResourceKey, graph: &DependencyGraph, until: Until, depth: usize) -> String {
    let mut out = format!("{key}\n");
    let sides = [("depends on", Direction::Dependencies), ("is needed by", Direction::Dependents)];
    for (title, direction) in sides {
        let _ = writeln!(out, "\n{title}:");
        let edges = graph.around(key, until, depth, direction);
        if edges.is_empty() {
            out.push_str("  nothing\n");
        }
        let mut seen = std::collections::BTreeSet::from([key]);
        branch(&edges, key, direction, 1, &mut seen, &mut out);
    }
    out
}

fn branch<'a>(
    edges: &[Edge<'a>],
    at: &ResourceKey,
    direction: Direction,
    depth: usize,
    seen: &mut std::collections::BTreeSet<&'a ResourceKey>,
    out: &mut String,
) {
    for edge in edges {
        let (near, far) =
            if direction == Direction::Dependencies { (edge.from, edge.to) } else { (edge.to, edge.from) };
        if near != at {
            continue;
        }
        let missing = if edge.is_dangling && direction == Direction::Dependencies { "  MISSING" } else { "" };
        let line = format!("{far}  ({}; {}){missing}", edge.relation.word(), edge.evidence);
        let _ = writeln!(out, "{}{}", "  ".repeat(depth), plain(&line));
        if seen.insert(far) {
            branch(edges, far, direction, depth + 1, seen, out);
        }
    }
}
