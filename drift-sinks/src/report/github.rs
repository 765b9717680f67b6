//! Findings as workflow commands of GitHub Actions, which shows them at the lines of a pull request.
//!
//! The form is that of <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>; the escapes are those of
//! `actions/toolkit`, `packages/core/src/command.ts`.

use drift_core::checks::Severity;
use drift_core::drift::{Declaration, DriftReport, ResourceDrift, Status};
use drift_core::text::printable;

use super::value::inline_value;
use super::{CheckReportV1, CoverageV1, Styler, Visibility, format, redacted};

/// One line of the log that GitHub shows as a note.
struct Annotation<'a> {
    level: &'static str,
    /// File, from the root of the repository, and line; 0 for the whole file.
    place: Option<(String, u32)>,
    title: &'a str,
    message: &'a str,
}

impl Annotation<'_> {
    fn write(&self, out: &mut String) {
        let mut properties = Vec::new();
        if let Some((file, line)) = &self.place {
            properties.push(format!("file={}", escape_property(file)));
            properties.extend((*line > 0).then(|| format!("line={line}")));
        }
        properties.push(format!("title={}", escape_property(self.title)));
        out.push_str(&format!("::{} {}::{}\n", self.level, properties.join(","), escape_data(self.message)));
    }
}

/// A line of the log ends the command, so that no part of one may hold a line break.
fn escape_data(text: &str) -> String {
    printable_lines(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// Writes a drift report as workflow commands: an error for each field that drifted, at the line that declares it.
///
/// `path_of` returns the path of a declaring file from the root of the repository.
pub fn render_drift_github(
    report: &DriftReport,
    visibility: Visibility,
    path_of: &dyn Fn(&Declaration) -> String,
) -> String {
    let mut out = String::new();
    for resource in &report.resources {
        let title = format!("{} {}", resource.key, format::status_label(resource.status));
        let place =
            |line: Option<u32>| resource.declared.as_ref().map(|d| (path_of(d), line.unwrap_or(d.line)));
        let whole = match resource.status {
            Status::InSync => continue,
            Status::Drifted => None,
            Status::Missing => Some(("error", "declared, and not live")),
            Status::Extra => Some(("warning", "live, and not declared")),
            Status::Unknown => Some(("warning", "not compared")),
        };
        if let Some((level, text)) = whole {
            let message = with_notes(text, resource);
            Annotation { level, place: place(None), title: &title, message: &message }.write(&mut out);
        }
        for change in resource.changes.iter().filter(|c| visibility.lists(c)) {
            let level = if change.class.counts() { "error" } else { "notice" };
            let side = |v: &Option<serde_json::Value>| {
                let text = v.as_ref().map(|v| redacted(&resource.key, &change.path, v));
                text.map_or_else(
                    || "(none)".to_owned(),
                    |v| inline_value(&v).unwrap_or_else(|| "(a longer value)".to_owned()),
                )
            };
            let message = format!(
                "{}: declared {}, live {}\n{}",
                change.path,
                side(&change.desired),
                side(&change.live),
                format::describe_attribution(change)
            );
            Annotation { level, place: place(change.line), title: &title, message: &message }.write(&mut out);
        }
    }
    write_notes(&report.notes, &mut out);
    write_coverage(&CoverageV1::from(&report.coverage), &mut out);
    out.push_str(&format!("{}\n", format::describe_summary(&report.summary())));
    out
}

fn with_notes(text: &str, resource: &ResourceDrift) -> String {
    let notes = resource.notes.iter().map(|n| format!("\n{n}"));
    format!("{text}{}", notes.collect::<String>())
}

fn write_notes(notes: &[String], out: &mut String) {
    notes
        .iter()
        .for_each(|n| Annotation { level: "notice", place: None, title: "drift", message: n }.write(out));
}

fn write_coverage(coverage: &CoverageV1, out: &mut String) {
    for message in coverage.render_text(Styler::default()).lines() {
        Annotation { level: "warning", place: None, title: "drift", message }.write(out);
    }
}

impl CheckReportV1 {
    /// Writes the report as workflow commands of GitHub Actions.
    pub fn render_github(&self) -> String {
        let mut out = String::new();
        for result in &self.findings {
            let level = match result.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "notice",
            };
            let title = format!("{} {}", result.check, result.key);
            let message = format!("{}\n{}\nnext: {}", result.message, result.evidence, result.next);
            Annotation { level, place: None, title: &title, message: &message }.write(&mut out);
        }
        write_notes(&self.notes, &mut out);
        write_coverage(&self.coverage, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_ends_or_begins_a_command() {
        let place = Some(("a,b:c.yaml".to_owned(), 3));
        let mut out = String::new();
        let text = "50%\n::error::no\r\n\u{202e}x";
        Annotation { level: "error", place, title: "t: 1, 2", message: text }.write(&mut out);
        assert_eq!(
            out,
            "::error file=a%2Cb%3Ac.yaml,line=3,title=t%3A 1%2C 2::50%25%0A::error::no%0A\\u{202e}x\n"
        );
        assert_eq!(out.lines().count(), 1);
    }
}
