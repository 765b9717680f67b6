//! The parts of an answer, which every form for people is written from.

use std::fmt::Write as _;

use drift_core::text::printable;

use crate::report::Styler;
use crate::report::drift::{escape_markdown, inline_code};

/// One part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) enum Block {
    /// What the answer is about.
    Title(String),
    /// Words of the cluster.
    Quote(String),
    /// The answer in one sentence.
    Answer(String),
    /// Names what follows.
    Heading(String),
    /// One of several things.
    Item(String),
    /// A detail of what is above, with its name.
    Detail(&'static str, String),
    /// Lines that are written as they are, such as old and new values.
    Lines(Vec<String>),
    /// Numbers for those who asked for them.
    Numbers(String),
}

/// Writes blocks as text for a terminal.
pub(in crate::report) fn render_text(blocks: &[Block], styler: Styler) -> String {
    let mut out = String::new();
    for (i, block) in blocks.iter().enumerate() {
        let is_first = i == 0;
        let _ = match block {
            Block::Title(text) => writeln!(out, "{}", styler.heading(&printable(text))),
            Block::Quote(text) => writeln!(out, "  {}", printable(text)),
            Block::Answer(text) if is_first => writeln!(out, "{}", styler.alarm(&printable(text))),
            Block::Answer(text) => writeln!(out, "\n{}", styler.alarm(&printable(text))),
            Block::Heading(text) => writeln!(out, "\n{}", printable(text)),
            Block::Item(text) => writeln!(out, "  - {}", printable(text)),
            Block::Detail(name, text) => writeln!(out, "  {:<8} {}", format!("{name}:"), printable(text)),
            Block::Lines(lines) => lines.iter().try_for_each(|l| writeln!(out, "    {}", printable(l))),
            Block::Numbers(text) => writeln!(out, "{}", styler.dim(&format!("      {}", printable(text)))),
        };
    }
    out
}

/// Writes blocks as Markdown, for a chat or a ticket.
pub(in crate::report) fn render_markdown(blocks: &[Block]) -> String {
    let mut out = String::new();
    let mut in_list = false;
    for block in blocks {
        let is_item = matches!(block, Block::Item(_) | Block::Detail(..));
        if in_list && !is_item && !matches!(block, Block::Lines(_) | Block::Numbers(_)) {
            out.push('\n');
        }
        in_list = is_item || (in_list && matches!(block, Block::Lines(_) | Block::Numbers(_)));
        let _ = match block {
            Block::Title(text) => writeln!(out, "## {}\n", escape_markdown(text)),
            Block::Quote(text) => writeln!(out, "> {}\n", escape_markdown(text)),
            Block::Answer(text) => writeln!(out, "**{}**\n", escape_markdown(text)),
            Block::Heading(text) => writeln!(out, "### {}\n", escape_markdown(text.trim_end_matches(':'))),
            Block::Item(text) => writeln!(out, "- {}", with_code(text)),
            Block::Detail(name, text) => writeln!(out, "- *{name}*: {}", with_code(text)),
            Block::Lines(lines) => write_fence(&mut out, lines),
            Block::Numbers(text) => writeln!(out, "  - {}", escape_markdown(text)),
        };
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// Escapes a sentence of ours, and leaves as code what it quotes between backticks.
fn with_code(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escape_markdown(text);
    }
    let part = |(i, part): (usize, &&str)| {
        if i.is_multiple_of(2) { escape_markdown(part) } else { inline_code(part) }
    };
    parts.iter().enumerate().map(part).collect()
}

/// Writes lines as they are, between fences that are longer than any in them.
fn write_fence(out: &mut String, lines: &[String]) -> std::fmt::Result {
    let longest = lines.iter().map(|l| l.chars().filter(|c| *c == '`').count()).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    writeln!(out, "{fence}")?;
    lines.iter().try_for_each(|l| writeln!(out, "{}", printable(l)))?;
    writeln!(out, "{fence}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_code_and_the_rest_is_escaped() {
        assert_eq!(with_code("put back `a_b` at x_y"), "put back `a_b` at x\\_y");
        assert_eq!(with_code("one ` alone"), "one \\` alone");
    }
}
