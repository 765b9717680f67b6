//! Two texts side by side.

use drift_core::text::printable;
use similar::{ChangeTag, TextDiff};

use super::Styler;

/// Narrowest column, in characters, that is still readable.
const NARROWEST: usize = 16;

/// Equal lines that are shown around a change.
const CONTEXT: usize = 3;

/// One cell of a row; `None` where its side has no such line.
pub type Cell = Option<String>;

/// Pairs the lines of two texts: equal lines in one row, replaced lines beside those that replaced them.
///
/// The first element of a row is `true` if its two sides are equal. For example, `a b` and `a c` (one letter a line) give
/// the rows `(true, a, a)` and `(false, b, c)`.
pub fn pair_lines(left: &str, right: &str) -> Vec<(bool, Cell, Cell)> {
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

/// Writes two texts in two columns that together are `width` characters wide; longer lines continue in the next row.
pub fn side_by_side(left: &str, right: &str, width: usize, styler: Styler) -> Vec<String> {
    let column = (width.saturating_sub(7) / 2).max(NARROWEST);
    let mut out = Vec::new();
    for (equal, l, r) in near_changes(pair_lines(left, right)) {
        let (l, r) = (wrap(l.as_deref().unwrap_or(""), column), wrap(r.as_deref().unwrap_or(""), column));
        for i in 0..l.len().max(r.len()) {
            let cell = |side: &[String]| side.get(i).cloned().unwrap_or_default();
            let (a, b) = (cell(&l), cell(&r));
            let padded = format!("{a}{}", " ".repeat(column - a.chars().count()));
            let (a, b) = match (equal, b.is_empty()) {
                (true, _) => (padded, b),
                (false, true) => (styler.removed(&padded), b),
                (false, false) => (styler.removed(&padded), styler.added(&b)),
            };
            out.push(format!("    {a} │ {b}").trim_end().to_owned());
        }
    }
    out
}

/// Replaces runs of equal rows that are far from any change by one row of `…`.
fn near_changes(rows: Vec<(bool, Cell, Cell)>) -> Vec<(bool, Cell, Cell)> {
    let changed: Vec<usize> = rows.iter().enumerate().filter(|(_, r)| !r.0).map(|(i, _)| i).collect();
    let mut out: Vec<(bool, Cell, Cell)> = Vec::new();
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

    #[test]
    fn replaced_lines_are_in_one_row() {
        let s = |t: &str| Some(t.to_owned());
        assert_eq!(
            pair_lines("a\nb\nc\n", "a\nB\nc\nd\n"),
            [(true, s("a"), s("a")), (false, s("b"), s("B")), (true, s("c"), s("c")), (false, None, s("d"))]
        );
    }

    #[test]
    fn long_lines_continue_in_the_next_row() {
        let rows = side_by_side(&"x".repeat(20), "y", 40, Styler::default());
        assert_eq!(rows, ["    xxxxxxxxxxxxxxxx │ y", "    xxxx             │"]);
    }
}
