//! A drift report as Markdown, for the comment of a pull request.

use std::fmt::Write as _;

use drift_core::drift::{DriftChange, DriftReport, ResourceDrift, Status};
use drift_core::text::printable;
use serde_json::Value;

use super::Visibility;
use crate::report::{CoverageV1, format, redacted, value};

/// Most lines of a hunk in a comment; hosts refuse comments of more than 64 KiB.
const HUNK_LINES: usize = 60;

/// Writes a drift report as Markdown: the counts, one table of fields per resource, long values folded below it.
pub fn render_drift_markdown(report: &DriftReport, visibility: Visibility) -> String {
    let mut out = String::from("## Drift report\n\n");
    let _ = writeln!(out, "{}\n", escape_markdown(&format::describe_summary(&report.summary())));
    for resource in &report.resources {
        let changes: Vec<_> = resource.changes.iter().filter(|c| visibility.lists(c)).collect();
        if resource.status != Status::InSync || !changes.is_empty() || !resource.notes.is_empty() {
            write_resource(&mut out, resource, &changes, visibility);
        }
    }
    if !report.notes.is_empty() {
        out.push_str("### Notes\n\n");
        report.notes.iter().for_each(|n| {
            let _ = writeln!(out, "- {}", escape_markdown(n));
        });
        out.push('\n');
    }
    if !report.coverage.is_complete() {
        out.push_str("### Not looked at\n\n");
        for unseen in CoverageV1::from(&report.coverage).unseen {
            let scope = unseen.scope.map_or_else(String::new, |s| format!("{s}: "));
            let _ = writeln!(out, "- {}", escape_markdown(&format!("{scope}{}", unseen.message)));
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn write_resource(
    out: &mut String,
    resource: &ResourceDrift,
    changes: &[&DriftChange],
    visibility: Visibility,
) {
    let _ = write!(
        out,
        "### {}: {}",
        inline_code(&resource.key.to_string()),
        format::status_label(resource.status)
    );
    if let Some(declared) = &resource.declared {
        let _ = write!(out, " ({})", inline_code(&format::describe_place(declared, None)));
    }
    format::resource_details(resource)
        .iter()
        .for_each(|part| out.push_str(&format!(" · {}", escape_markdown(part))));
    out.push_str("\n\n");
    if !changes.is_empty() {
        out.push_str("| field | declared | live | who, when | cause |\n|---|---|---|---|---|\n");
        changes.iter().for_each(|c| write_row(out, resource, c, visibility));
        out.push('\n');
        changes.iter().for_each(|c| write_details(out, resource, c));
    }
    if let Some(creator) = &resource.creator {
        let _ = writeln!(out, "{}\n", escape_markdown(&format::describe_creator(creator)));
    }
    for note in &resource.notes {
        let _ = writeln!(out, "> {}\n", escape_markdown(note));
    }
}

fn write_row(out: &mut String, resource: &ResourceDrift, change: &DriftChange, visibility: Visibility) {
    let (desired, live) = visible_sides(resource, change);
    let mut who = escape_markdown(&format::describe_attribution(change));
    if let Some(rule) = &change.rule {
        let _ = write!(who, "<br>rule: {}", escape_markdown(rule));
    }
    if visibility.explain {
        let _ = write!(who, "<br>{}", escape_markdown(change.row.explanation()));
    }
    let default = change.default.as_ref().map(|v| redacted(&resource.key, &change.path, v));
    let declared = match default {
        Some(default) if desired.is_none() => format!("{} (default)", table_cell(Some(&default))),
        _ => table_cell(desired.as_ref()),
    };
    let _ = writeln!(
        out,
        "| {} | {declared} | {} | {who} | {} |",
        inline_code(&change.path.to_string()),
        table_cell(live.as_ref()),
        format::cause_label(change.cause).unwrap_or("unknown"),
    );
}

fn visible_sides(resource: &ResourceDrift, change: &DriftChange) -> (Option<Value>, Option<Value>) {
    let visible = |v: &Option<Value>| v.as_ref().map(|v| redacted(&resource.key, &change.path, v));
    (visible(&change.desired), visible(&change.live))
}

fn table_cell(value: Option<&Value>) -> String {
    match value.map(value::inline_value) {
        None => "*absent*".to_owned(),
        Some(None) => "*below*".to_owned(),
        Some(Some(text)) => inline_code(&text),
    }
}

/// Writes a value that does not fit into the table.
fn write_details(out: &mut String, resource: &ResourceDrift, change: &DriftChange) {
    let (desired, live) = visible_sides(resource, change);
    if [&desired, &live].iter().all(|v| v.as_ref().is_none_or(|v| value::inline_value(v).is_some())) {
        return;
    }
    let (desired, live) = value::write_both(desired.as_ref(), live.as_ref());
    let lines = value::unified_hunk(&desired, &live);
    let fence = fence_for(&lines);
    let _ = writeln!(
        out,
        "<details><summary><code>{}</code></summary>\n\n{fence}diff",
        escape_html(&printable(&change.path.to_string()))
    );
    for (mark, text) in lines.iter().take(HUNK_LINES) {
        let _ = writeln!(out, "{mark} {text}");
    }
    if lines.len() > HUNK_LINES {
        let _ = writeln!(out, "… {} more lines", lines.len() - HUNK_LINES);
    }
    let _ = writeln!(out, "{fence}\n\n</details>\n");
}

/// Returns a fence longer than any run of backticks in the lines.
fn fence_for(lines: &[(char, String)]) -> String {
    "`".repeat(lines.iter().map(|(_, l)| longest_run(l)).max().unwrap_or(0).max(2) + 1)
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Writes a piece of code for the cell of a table: fenced beyond its own backticks, pipes escaped.
pub(in crate::report) fn inline_code(text: &str) -> String {
    let text = printable(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", text.replace('|', "\\|"))
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Escapes what Markdown or HTML would read as markup.
pub(in crate::report) fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape_html(&printable(text)).chars() {
        if matches!(c, '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '~' | '#') {
            out.push('\\');
        }
        // `@name` would notify a person whose name happens to be that of a field manager.
        out.push_str(if c == '@' { "&#64;" } else { "" });
        if c != '@' {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_values_stays_text() {
        assert_eq!(inline_code("a|b"), "`a\\|b`");
        assert_eq!(inline_code("a`b"), "``a`b``");
        assert_eq!(inline_code("`"), "`` ` ``");
        assert_eq!(escape_markdown("<b>@alice_x|</b>"), "&lt;b&gt;&#64;alice\\_x\\|&lt;/b&gt;");
    }
}
