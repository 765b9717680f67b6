//! A drift report as text for people.

use std::fmt::Write;

use drift_core::drift::{DriftCause, DriftChange, DriftReport, FieldOp, ResourceDrift, Status};
use owo_colors::{OwoColorize, Style};
use serde_json::Value;

use super::{Shown, redacted, side_by_side::side_by_side, value, words};

/// Whether the text carries colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    #[default]
    Never,
    /// ANSI escape sequences.
    Always,
}

/// How declared and live value of a field stand to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Below each other, as a unified diff has them.
    #[default]
    Unified,
    /// Beside each other, declared left, live right.
    SideBySide,
}

/// How a report is written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextOptions {
    /// What is shown.
    pub shown: Shown,
    /// Colours.
    pub colour: Colour,
    /// How the two sides stand.
    pub layout: Layout,
    /// Width of a line in columns; only side by side is cut to it.
    pub width: usize,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { shown: Shown::default(), colour: Colour::Never, layout: Layout::Unified, width: 100 }
    }
}

/// Paints pieces of text, or leaves them plain.
#[derive(Clone, Copy, Debug)]
pub struct Painter(Colour);

impl Painter {
    /// Makes a painter.
    pub fn new(colour: Colour) -> Self {
        Self(colour)
    }

    fn paint(self, text: &str, style: Style) -> String {
        match self.0 {
            Colour::Never => text.to_owned(),
            Colour::Always => text.style(style).to_string(),
        }
    }

    /// Paints a heading.
    pub fn heading(self, text: &str) -> String {
        self.paint(text, Style::new().bold())
    }

    /// Paints what is there and was not declared.
    pub fn added(self, text: &str) -> String {
        self.paint(text, Style::new().green())
    }

    /// Paints what was declared and is not there.
    pub fn removed(self, text: &str) -> String {
        self.paint(text, Style::new().red())
    }

    /// Paints what stands in the background.
    pub fn dim(self, text: &str) -> String {
        self.paint(text, Style::new().dimmed())
    }

    /// Paints what needs attention.
    pub fn alarm(self, text: &str) -> String {
        self.paint(text, Style::new().yellow().bold())
    }

    /// Paints what is as it should be.
    pub fn good(self, text: &str) -> String {
        self.paint(text, Style::new().green().bold())
    }

    /// Paints a line of a hunk by its mark.
    pub fn hunk_line(self, mark: char, text: &str) -> String {
        let line = format!("{mark} {text}");
        match mark {
            '+' => self.added(&line),
            '-' => self.removed(&line),
            '@' => self.dim(text),
            _ => line,
        }
    }
}

/// Writes a drift report as text: what drifted by resource, then what could not be read, then the counts.
pub fn text(report: &DriftReport, options: &TextOptions) -> String {
    let painter = Painter::new(options.colour);
    let mut out = String::new();
    for resource in &report.resources {
        let listed = resource.changes.iter().any(|c| options.shown.lists(c));
        if resource.status != Status::InSync || listed || !resource.notes.is_empty() {
            write_resource(&mut out, resource, options, painter);
        }
    }
    for note in &report.notes {
        line(&mut out, &format!("{} {}", painter.alarm("note:"), value::printable(note)));
    }
    let summary = report.summary();
    let clean = summary.declared == summary.in_sync && summary.extra == 0;
    let counts = words::summary(&summary);
    line(&mut out, &if clean { painter.good(&counts) } else { painter.heading(&counts) });
    let hidden = options.shown.hidden(report);
    if hidden > 0 {
        let s =
            format!("{} of controllers or hidden by rules not shown (--show-managed)", words::fields(hidden));
        line(&mut out, &painter.dim(&s));
    }
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn write_resource(out: &mut String, resource: &ResourceDrift, options: &TextOptions, painter: Painter) {
    let status = words::status(resource.status);
    let status = match resource.status {
        Status::InSync => painter.good(status),
        Status::Missing => painter.removed(status),
        _ => painter.alarm(status),
    };
    let _ = write!(out, "{}  {status}", painter.heading(&value::printable(&resource.key.to_string())));
    if let Some(declared) = &resource.declared {
        let _ = write!(out, "  {}", painter.dim(&value::printable(&words::place(declared, None))));
    }
    for part in words::whole(resource) {
        let _ = write!(out, "  {}", painter.dim(&value::printable(&part)));
    }
    out.push('\n');
    for change in resource.changes.iter().filter(|c| options.shown.lists(c)) {
        write_change(out, resource, change, options, painter);
    }
    if let Some(creator) = &resource.creator {
        line(out, &format!("      {}", painter.dim(&value::printable(&words::creation(creator)))));
    }
    for note in &resource.notes {
        line(out, &format!("  {} {}", painter.dim("note:"), value::printable(note)));
    }
    out.push('\n');
}

fn write_change(
    out: &mut String,
    resource: &ResourceDrift,
    change: &DriftChange,
    options: &TextOptions,
    painter: Painter,
) {
    let cut = |v: &Option<Value>| v.as_ref().map(|v| redacted(&resource.key, &change.path, v));
    let (desired, live) = (cut(&change.desired), cut(&change.live));
    let path = value::printable(&change.path.to_string());
    let default = cut(&change.default);
    let short = in_line(change.op, desired.as_ref(), live.as_ref(), default.as_ref());
    let fits = |s: &InLine| 4 + path.chars().count() + s.width() <= options.width;
    match short.filter(|s| options.layout == Layout::Unified && fits(s)) {
        Some(short) => line(out, &format!("  {path}  {}", short.paint(painter))),
        _ => {
            line(out, &format!("  {path}"));
            let (desired, live) = value::both(desired.as_ref(), live.as_ref());
            match options.layout {
                Layout::Unified => {
                    for (mark, text) in value::hunk(&desired, &live) {
                        line(out, &format!("    {}", painter.hunk_line(mark, &text)));
                    }
                }
                Layout::SideBySide => {
                    for row in side_by_side(&desired, &live, options.width, painter) {
                        line(out, &row);
                    }
                }
            }
        }
    }
    write_attribution(out, resource, change, options.shown, painter);
}

/// The two values of a change within the line of their path.
struct InLine {
    op: FieldOp,
    desired: String,
    live: String,
    default: Option<String>,
}

impl InLine {
    fn width(&self) -> usize {
        self.paint(Painter::new(Colour::Never)).chars().count()
    }

    fn paint(&self, painter: Painter) -> String {
        match (self.op, &self.default) {
            (FieldOp::Add, Some(default)) => {
                format!(
                    "{} → {}",
                    painter.removed(&format!("{default} (default)")),
                    painter.added(&self.live)
                )
            }
            (FieldOp::Add, None) => painter.added(&format!("+ {}", self.live)),
            (FieldOp::Remove, _) => painter.removed(&format!("- {}", self.desired)),
            (FieldOp::Replace, _) => {
                format!("{} → {}", painter.removed(&self.desired), painter.added(&self.live))
            }
        }
    }
}

/// Returns the two values if both read well within a line.
fn in_line(
    op: FieldOp,
    desired: Option<&Value>,
    live: Option<&Value>,
    default: Option<&Value>,
) -> Option<InLine> {
    let side = |v: Option<&Value>| v.map_or(Some(String::new()), value::inline).map(|t| value::printable(&t));
    let default = default.and_then(value::inline).map(|t| value::printable(&t));
    Some(InLine { op, desired: side(desired)?, live: side(live)?, default })
}

fn write_attribution(
    out: &mut String,
    resource: &ResourceDrift,
    change: &DriftChange,
    shown: Shown,
    painter: Painter,
) {
    let mut parts = vec![words::attribution(change)];
    // What the attribution says already need not be said again.
    if !matches!(change.cause, DriftCause::PendingSync | DriftCause::AdmissionMutation) {
        parts.extend(words::cause(change.cause).map(str::to_owned));
    }
    parts.extend(words::change_place(resource, change));
    line(out, &format!("      {}", painter.dim(&value::printable(&parts.join(" · ")))));
    if let Some(commit) = &change.commit {
        line(out, &format!("      {}", painter.dim(&value::printable(&words::commit(commit)))));
    }
    if let Some(rule) = &change.rule {
        line(out, &format!("      {}", painter.dim(&value::printable(&format!("rule: {rule}")))));
    }
    if shown.explain {
        let why =
            format!("why: {} (row {:?}, basis {:?})", change.row.explanation(), change.row, resource.basis);
        line(out, &format!("      {}", painter.dim(&why)));
    }
}
