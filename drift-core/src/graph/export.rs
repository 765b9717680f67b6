//! A graph as DOT, Mermaid and JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::key::ResourceKey;
use crate::text::printable;

use super::Edge;

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for c in printable(text).chars() {
        match c {
            '"' => out.push('\''),
            '\\' => out.push('/'),
            c => out.push(c),
        }
    }
    out
}

/// Numbers the resources of some edges, in order; tells for each whether it is missing.
fn numbered<'a>(edges: &[Edge<'a>]) -> BTreeMap<&'a ResourceKey, (usize, bool)> {
    let mut all: BTreeMap<&ResourceKey, (usize, bool)> = BTreeMap::new();
    for e in edges {
        all.entry(e.from).or_default();
        all.entry(e.to).or_default().1 |= e.is_dangling;
    }
    for (i, v) in all.values_mut().enumerate() {
        v.0 = i;
    }
    all
}

/// Writes edges as a DOT graph; what is missing is dashed and red.
pub fn to_dot(edges: &[Edge<'_>]) -> String {
    let all = numbered(edges);
    let mut out =
        String::from("digraph dependencies {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (key, (n, is_missing)) in &all {
        let style = if *is_missing { ", style=dashed, color=red" } else { "" };
        let _ = writeln!(out, "  n{n} [label=\"{}\"{style}];", quoted(&key.to_string()));
    }
    for e in edges {
        let tip = quoted(&e.evidence.to_string());
        let (from, to) = (all[e.from].0, all[e.to].0);
        let _ = writeln!(out, "  n{from} -> n{to} [label=\"{}\", tooltip=\"{tip}\"];", e.relation.word());
    }
    out.push_str("}\n");
    out
}

/// Writes edges as a Mermaid flowchart.
pub fn to_mermaid(edges: &[Edge<'_>]) -> String {
    let all = numbered(edges);
    let mut out = String::from("flowchart LR\n");
    for (key, (n, is_missing)) in &all {
        let mark = if *is_missing { " (missing)" } else { "" };
        let _ = writeln!(out, "  n{n}[\"{}{mark}\"]", quoted(&key.to_string()));
    }
    for e in edges {
        let arrow = if e.is_dangling { "-.->" } else { "-->" };
        let _ = writeln!(out, "  n{} {arrow}|{}| n{}", all[e.from].0, e.relation.word(), all[e.to].0);
    }
    out
}

/// Returns edges as a JSON list.
pub fn to_json(edges: &[Edge<'_>]) -> Value {
    let one = |e: &Edge<'_>| {
        json!({
            "from": e.from,
            "to": e.to,
            "relation": e.relation.word(),
            "evidence": e.evidence.to_string(),
            "since": e.since.time.to_string(),
            "missing": e.is_dangling,
        })
    };
    edges.iter().map(one).collect()
}
