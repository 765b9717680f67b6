//! A cause report as Markdown: the same parts as the text, for a chat or a ticket.

use std::fmt::Write as _;

use super::block::render_markdown;
use super::{CauseDetail, CauseReportV1};
use crate::report::drift::escape_markdown;

impl CauseReportV1 {
    /// Writes the report as Markdown for a chat or a ticket.
    pub fn render_markdown(&self, detail: CauseDetail) -> String {
        let mut out = render_markdown(&self.blocks(detail));
        let unseen = self.coverage.unseen.iter().map(|u| {
            let scope = u.scope.as_ref().map_or_else(String::new, |s| format!("{s}: "));
            format!("not looked at: {scope}{}", u.message)
        });
        let notes: Vec<String> = self.notes.iter().cloned().chain(unseen).collect();
        if !notes.is_empty() {
            out.push_str("\n### Notes\n\n");
            notes.iter().for_each(|note| {
                let _ = writeln!(out, "- {}", escape_markdown(note));
            });
        }
        out
    }
}
