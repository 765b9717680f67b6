//! Two texts beside each other.

use similar::{ChangeTag, TextDiff};

use super::text::Painter;
use super::value::printable;

/// Narrowest column that still reads.
const NARROWEST: usize = 16;

/// Equal lines that are kept around a change.
const CONTEXT: usize = 3;

/// One cell of a row, `None` where the side has no such line.
pub type Side = Option<String>;

/// Pairs the lines of two texts: equal ones in one row, what was replaced beside what replaced it.
///
/// The first element of a row tells whether its two sides are equal.
pub fn columns(left: &str, right: &str) -> Vec<(bool, Side, Side)> {
    let diff = TextDiff::from_lines(left, right);
    let mut rows = Vec::new();
    for op in diff.ops() {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for change in diff.iter_changes(op) {
            let text = printable(change.value().trim_end_matches(['\n', '\r']));
            match change.tag() {
                ChangeTag::Equal => rows.push((true, Some(text.clone()), Some(text))),
                ChangeTag::Delete => old.push(text),
                ChangeTag::Insert => new.push(text),
            }
        }
        let count = old.len().max(new.len());
        let (mut old, mut new) = (old.into_iter(), new.into_iter());
        rows.extend((0..count).map(|_| (false, old.next(), new.next())));
    }
    rows
}

/// Paints two texts in two columns that together are as wide as given; longer lines go on in the next row.
pub fn side_by_side(left: &str, right: &str, width: usize, painter: Painter) -> Vec<String> {
    let column = (width.saturating_sub(7) / 2).max(NARROWEST);
    let mut out = Vec::new();
    for (equal, l, r) in near_changes(columns(left, right)) {
        let (l, r) = (wrap(l.as_deref().unwrap_or(""), column), wrap(r.as_deref().unwrap_or(""), column));
        for i in 0..l.len().max(r.len()) {
            let cell = |side: &[String]| side.get(i).cloned().unwrap_or_default();
            let (a, b) = (cell(&l), cell(&r));
            let padded = format!("{a}{}", " ".repeat(column - a.chars().count()));
            let (a, b) = match (equal, b.is_empty()) {
                (true, _) => (padded, b),
                (false, true) => (painter.removed(&padded), b),
                (false, false) => (painter.removed(&padded), painter.added(&b)),
            };
            out.push(format!("    {a} │ {b}").trim_end().to_owned());
        }
    }
    out
}

/// Puts one row in place of equal ones that are far from any change.
fn near_changes(rows: Vec<(bool, Side, Side)>) -> Vec<(bool, Side, Side)> {
    let changed: Vec<usize> = rows.iter().enumerate().filter(|(_, r)| !r.0).map(|(i, _)| i).collect();
    let mut out: Vec<(bool, Side, Side)> = Vec::new();
    let mut left_out = false;
    for (i, row) in rows.into_iter().enumerate() {
        let next = changed.partition_point(|c| *c < i);
        let near = |c: Option<&usize>| c.is_some_and(|c| c.abs_diff(i) <= CONTEXT);
        if near(changed.get(next)) || near(next.checked_sub(1).and_then(|n| changed.get(n))) {
            out.push(row);
            left_out = false;
        } else if !left_out {
            out.push((true, Some("…".to_owned()), Some("…".to_owned())));
            left_out = true;
        }
    }
    out
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    if chars.is_empty() {
        return vec![String::new()];
    }
    chars.chunks(width).map(|c| c.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Colour;

    #[test]
    fn replaced_lines_stand_beside_each_other() {
        let s = |t: &str| Some(t.to_owned());
        assert_eq!(
            columns("a\nb\nc\n", "a\nB\nc\nd\n"),
            [(true, s("a"), s("a")), (false, s("b"), s("B")), (true, s("c"), s("c")), (false, None, s("d"))]
        );
    }

    #[test]
    fn long_lines_go_on_in_the_next_row() {
        let rows = side_by_side(&"x".repeat(20), "y", 40, Painter::new(Colour::Never));
        assert_eq!(rows, ["    xxxxxxxxxxxxxxxx │ y", "    xxxx             │"]);
    }
}
