//! A graph as a picture.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::key::ResourceKey;
use crate::text::printable;

use super::Edge;
use super::layers::Layers;

const ROW: usize = 56;
const HEIGHT: usize = 38;
const GAP: usize = 150;
const MARGIN: usize = 16;
/// Width of a letter, on the safe side: nothing measures text here.
const LETTER: usize = 8;
/// Longest line of a box, in letters; the whole name is in its tooltip.
const MAX_LETTERS: usize = 48;

struct BoxPosition {
    x: usize,
    y: usize,
    width: usize,
}

/// Draws edges as SVG: who depends stands left of what it depends on; what is missing is dashed and red.
pub fn to_svg(edges: &[Edge<'_>]) -> String {
    let layers = Layers::of(edges);
    let (places, width) = places(&layers);
    let rows = layers.columns.iter().map(Vec::len).max().unwrap_or(0);
    let (width, height) = (width + MARGIN, rows * ROW + 2 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" \
         markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" fill=\"#667\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    edges.iter().for_each(|e| arrow(&mut out, e, &places[e.from], &places[e.to]));
    let mut missing: BTreeMap<&ResourceKey, bool> = BTreeMap::new();
    edges.iter().for_each(|e| *missing.entry(e.to).or_default() |= e.is_dangling);
    for (key, place) in &places {
        label(&mut out, key, place, missing.get(key).copied().unwrap_or(false));
    }
    out.push_str("</svg>\n");
    out
}

/// Gives every resource its box, and tells how wide it all is.
fn places<'a>(layers: &Layers<'a>) -> (BTreeMap<&'a ResourceKey, BoxPosition>, usize) {
    let mut all = BTreeMap::new();
    let (mut x, mut end) = (MARGIN, MARGIN);
    for column in &layers.columns {
        let letters = column.iter().flat_map(|k| lines(k)).map(|l| l.chars().count()).max().unwrap_or(0);
        let width = letters * LETTER + 16;
        for (row, key) in column.iter().enumerate() {
            all.insert(*key, BoxPosition { x, y: MARGIN + row * ROW, width });
        }
        end = x + width;
        x = end + GAP;
    }
    (all, end)
}

/// Returns the two lines of a box: what it is, and its name.
fn lines(key: &ResourceKey) -> [String; 2] {
    let group = if key.group.is_empty() { String::new() } else { format!(".{}", key.group) };
    let name = if key.namespace.is_empty() {
        key.name.to_string()
    } else {
        format!("{}/{}", key.namespace, key.name)
    };
    [format!("{}{group}", key.kind), name].map(|line| {
        let is_long = line.chars().count() > MAX_LETTERS;
        if is_long { line.chars().take(MAX_LETTERS - 1).chain(['…']).collect() } else { line }
    })
}

fn label(out: &mut String, key: &ResourceKey, place: &BoxPosition, is_missing: bool) {
    let BoxPosition { x, y, width } = place;
    let (style, mark) = if is_missing {
        ("fill=\"#fff5f5\" stroke=\"#c00\" stroke-dasharray=\"4 3\"", " (missing)")
    } else {
        ("fill=\"#f5f7fa\" stroke=\"#667\"", "")
    };
    let [kind, name] = lines(key).map(|l| escaped(&l));
    let title = escaped(&key.to_string());
    let _ = writeln!(
        out,
        "<g><title>{title}{mark}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\" rx=\"4\" {style}/>\
         <text x=\"{}\" y=\"{}\" fill=\"#667\">{kind}</text><text x=\"{}\" y=\"{}\">{name}</text></g>",
        x + 8,
        y + 15,
        x + 8,
        y + 31,
    );
}

fn arrow(out: &mut String, edge: &Edge<'_>, from: &BoxPosition, to: &BoxPosition) {
    let middle = |p: &BoxPosition| p.y + HEIGHT / 2;
    let (x1, y1, x2, y2) = (from.x + from.width, middle(from), to.x, middle(to));
    // Within a column, or against the direction in a cycle, the line leaves and arrives on the right.
    let is_forward = x2 > x1;
    let (end, bend) = if is_forward { (x2, (x2 - x1) / 2) } else { (to.x + to.width, GAP / 2) };
    let control = if is_forward { end - bend } else { end + bend };
    let color = if edge.is_dangling { "#c00" } else { "#667" };
    let (word, evidence) = (edge.relation.word(), escaped(&edge.evidence.to_string()));
    let _ = writeln!(
        out,
        "<g><title>{word}: {evidence}</title><path d=\"M{x1} {y1} C{} {y1} {control} {y2} {end} {y2}\" fill=\"none\" \
         stroke=\"{color}\" marker-end=\"url(#tip)\"/><text x=\"{}\" y=\"{}\" fill=\"{color}\" font-size=\"10\">{word}</text></g>",
        x1 + bend,
        x1 + 6,
        y1.saturating_sub(4),
    );
}

/// Writes a text so that it is nothing but text in XML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in XML even when escaped; control characters are text by now.
            '\u{fffe}' | '\u{ffff}' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
