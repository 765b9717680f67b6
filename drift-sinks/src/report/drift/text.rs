//! A drift report as text for people.

use std::fmt::Write as _;

use drift_core::drift::{DriftCause, DriftChange, DriftReport, FieldOp, ResourceDrift, Status};
use drift_core::text::printable;
use serde_json::Value;

use super::Visibility;
use crate::report::{CoverageV1, Layout, Styler, format, redacted, side_by_side, value};

/// How a drift report is written as text.
#[derive(Clone, Copy, Debug)]
pub struct DriftTextOptions {
    /// Which parts are shown.
    pub visibility: Visibility,
    /// Styles of the text.
    pub styler: Styler,
    /// How declared and live values are arranged.
    pub layout: Layout,
    /// Width of a line in columns; values that do not fit beside their path are written below it.
    pub width: usize,
}

impl Default for DriftTextOptions {
    fn default() -> Self {
        let (visibility, styler, layout) = Default::default();
        Self { visibility, styler, layout, width: 100 }
    }
}

/// Writes a drift report as text: the differences by resource, then notes, then counts.
pub fn render_drift_text(report: &DriftReport, options: &DriftTextOptions) -> String {
    let styler = options.styler;
    let mut out = String::new();
    for resource in &report.resources {
        let has_changes = resource.changes.iter().any(|c| options.visibility.lists(c));
        if resource.status != Status::InSync || has_changes || !resource.notes.is_empty() {
            write_resource(&mut out, resource, options);
        }
    }
    for note in &report.notes {
        write_line(&mut out, &format!("{} {}", styler.alarm("note:"), printable(note)));
    }
    out.push_str(&CoverageV1::from(&report.coverage).render_text(styler));
    let summary = report.summary();
    let is_clean = summary.declared == summary.in_sync && summary.extra == 0 && report.is_complete();
    let counts = format::describe_summary(&summary);
    write_line(&mut out, &if is_clean { styler.good(&counts) } else { styler.heading(&counts) });
    let hidden = options.visibility.count_hidden(report);
    if hidden > 0 {
        let fields = format::count_fields(hidden);
        let note = format!("{fields} owned by controllers or hidden by rules not shown (--show-managed)");
        write_line(&mut out, &styler.dim(&note));
    }
    out
}

fn write_line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn write_resource(out: &mut String, resource: &ResourceDrift, options: &DriftTextOptions) {
    let styler = options.styler;
    let status = format::status_label(resource.status);
    let status = match resource.status {
        Status::InSync => styler.good(status),
        Status::Missing => styler.removed(status),
        _ => styler.alarm(status),
    };
    let _ = write!(out, "{}  {status}", styler.heading(&printable(&resource.key.to_string())));
    if let Some(declared) = &resource.declared {
        let place = format::describe_place(declared, None);
        let _ = write!(out, "  {}", styler.dim(&printable(&place)));
    }
    for part in format::resource_details(resource) {
        let _ = write!(out, "  {}", styler.dim(&printable(&part)));
    }
    out.push('\n');
    for change in resource.changes.iter().filter(|c| options.visibility.lists(c)) {
        write_change(out, resource, change, options);
    }
    if let Some(creator) = &resource.creator {
        let creator = printable(&format::describe_creator(creator));
        write_line(out, &format!("      {}", styler.dim(&creator)));
    }
    for note in &resource.notes {
        write_line(out, &format!("  {} {}", styler.dim("note:"), printable(note)));
    }
    out.push('\n');
}

fn write_change(
    out: &mut String,
    resource: &ResourceDrift,
    change: &DriftChange,
    options: &DriftTextOptions,
) {
    let styler = options.styler;
    let visible = |v: &Option<Value>| v.as_ref().map(|v| redacted(&resource.key, &change.path, v));
    let (desired, live) = (visible(&change.desired), visible(&change.live));
    let path = printable(&change.path.to_string());
    let default = visible(&change.default);
    let short = InlineChange::new(change.op, desired.as_ref(), live.as_ref(), default.as_ref());
    let fits = |s: &InlineChange| 4 + path.chars().count() + s.width() <= options.width;
    match short.filter(|s| options.layout == Layout::Unified && fits(s)) {
        Some(short) => write_line(out, &format!("  {path}  {}", short.render(styler))),
        None => {
            write_line(out, &format!("  {path}"));
            let (desired, live) = value::write_both(desired.as_ref(), live.as_ref());
            match options.layout {
                Layout::Unified => {
                    for (mark, text) in value::unified_hunk(&desired, &live) {
                        write_line(out, &format!("    {}", styler.hunk_line(mark, &text)));
                    }
                }
                Layout::SideBySide => {
                    for row in side_by_side(&desired, &live, options.width, styler) {
                        write_line(out, &row);
                    }
                }
            }
        }
    }
    write_attribution(out, resource, change, options);
}

/// The two values of a change, written on the line of their path.
struct InlineChange {
    op: FieldOp,
    desired: String,
    live: String,
    default: Option<String>,
}

impl InlineChange {
    /// Returns `None` if one of the values does not read well on one line.
    fn new(
        op: FieldOp,
        desired: Option<&Value>,
        live: Option<&Value>,
        default: Option<&Value>,
    ) -> Option<Self> {
        let side =
            |v: Option<&Value>| v.map_or(Some(String::new()), value::inline_value).map(|t| printable(&t));
        let default = default.and_then(value::inline_value).map(|t| printable(&t));
        Some(Self { op, desired: side(desired)?, live: side(live)?, default })
    }

    fn width(&self) -> usize {
        self.render(Styler::default()).chars().count()
    }

    fn render(&self, styler: Styler) -> String {
        match (self.op, &self.default) {
            (FieldOp::Add, Some(default)) => {
                let default = styler.removed(&format!("{default} (default)"));
                format!("{default} → {}", styler.added(&self.live))
            }
            (FieldOp::Add, None) => styler.added(&format!("+ {}", self.live)),
            (FieldOp::Remove, _) => styler.removed(&format!("- {}", self.desired)),
            (FieldOp::Replace, _) => {
                format!("{} → {}", styler.removed(&self.desired), styler.added(&self.live))
            }
        }
    }
}

fn write_attribution(
    out: &mut String,
    resource: &ResourceDrift,
    change: &DriftChange,
    options: &DriftTextOptions,
) {
    let styler = options.styler;
    let mut write_detail = |text: &str| write_line(out, &format!("      {}", styler.dim(&printable(text))));
    let mut parts = vec![format::describe_attribution(change)];
    // The attribution of these two names the cause already.
    if !matches!(change.cause, DriftCause::PendingSync | DriftCause::AdmissionMutation) {
        parts.extend(format::cause_label(change.cause).map(str::to_owned));
    }
    parts.extend(format::describe_change_place(resource, change));
    write_detail(&parts.join(" · "));
    if let Some(commit) = &change.commit {
        write_detail(&format::describe_commit(commit));
    }
    if let Some(rule) = &change.rule {
        write_detail(&format!("rule: {rule}"));
    }
    if options.visibility.explain {
        let (row, basis) = (change.row, resource.basis);
        write_detail(&format!("why: {} (row {row:?}, basis {basis:?})", row.explanation()));
    }
}
