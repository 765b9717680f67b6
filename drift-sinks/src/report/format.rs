//! How the text of reports words verdicts, writers, places and times.

use drift_core::Operation;
use drift_core::drift::{
    CommitRef, Declaration, DriftCause, DriftChange, DriftClass, Owner, ResourceDrift, Status, Summary,
};

/// Returns the words for the status of a resource.
pub(super) fn status_label(status: Status) -> &'static str {
    match status {
        Status::InSync => "in sync",
        Status::Drifted => "drifted",
        Status::Missing => "missing",
        Status::Extra => "not declared",
        Status::Unknown => "not compared",
    }
}

/// Returns the words for the origin of a difference; `None` where it is not known.
pub(super) fn cause_label(cause: DriftCause) -> Option<&'static str> {
    Some(match cause {
        DriftCause::ManualChange => "manual change",
        DriftCause::AutomationInconsistency => "automation",
        DriftCause::ProviderVariation => "platform",
        DriftCause::MisconfiguredDeployment => "misconfigured deployment",
        DriftCause::IncompleteRollout => "incomplete rollout",
        DriftCause::OutdatedImage => "image differs",
        DriftCause::PendingSync => "pending sync",
        DriftCause::AdmissionMutation => "admission",
        _ => return None,
    })
}

pub(super) use drift_core::time::format_time;

/// Writes who did what to a field: `changed by kubectl-edit (Update), 2026-11-21 01:31:39Z`.
pub(super) fn describe_attribution(change: &DriftChange) -> String {
    let verb = match change.class {
        DriftClass::Changed => "changed by",
        DriftClass::Added => "added by",
        DriftClass::Removed => "removed by",
        DriftClass::PendingSync => "pending sync, last applied by",
        DriftClass::PendingRemoval => "pending removal, once applied by",
        DriftClass::Mutated => "mutated by admission, applied by",
        DriftClass::Managed => "managed by",
        DriftClass::Ignored => "ignored, written by",
        _ => "by",
    };
    let mut out = format!("{verb} {}", describe_writer(change));
    match (change.time(), change.removed_after) {
        (Some(time), _) => out.push_str(&format!(", {}", format_time(time))),
        (None, Some(time)) => out.push_str(&format!(", after {}", format_time(time))),
        (None, None) => {}
    }
    out
}

/// Returns the app that declares a resource, why the whole of it is missing or extra, and the rule that hides it.
pub(super) fn resource_details(resource: &ResourceDrift) -> Vec<String> {
    let class = resource.class.and_then(|class| match class {
        DriftClass::PendingSync => Some("not applied yet".to_owned()),
        DriftClass::PendingRemoval => Some("no longer declared, not removed yet".to_owned()),
        DriftClass::Ignored => Some("ignored".to_owned()),
        DriftClass::Managed => Some("a controller's own".to_owned()),
        _ => None,
    });
    let app = resource.app.as_ref().map(|app| format!("of {app}"));
    let rule = resource.rule.as_ref().map(|rule| format!("rule: {rule}"));
    app.into_iter().chain(class).chain(rule).collect()
}

/// Writes the commit behind a change: `commit 1f2e3d4c5b Robin <robin@example.com>  web: 1.4.2`.
pub(super) fn describe_commit(commit: &CommitRef) -> String {
    let id = commit.id.get(..10).unwrap_or(&commit.id);
    format!("commit {id} {}  {}", commit.author, commit.message)
}

/// Writes who created an undeclared object: `created by kubectl-create (Update), 2026-11-21 01:31:39Z`.
pub(super) fn describe_creator(creator: &Owner) -> String {
    let when = creator.time.map_or_else(String::new, |t| format!(", {}", format_time(t)));
    format!("created by {} ({}){when}", creator.manager, method_of(creator))
}

/// Writes how a field manager wrote: `Update of scale`.
pub(super) fn write_method(operation: Operation, subresource: &str) -> String {
    let operation = match operation {
        Operation::Apply => "Apply",
        Operation::Update => "Update",
    };
    if subresource.is_empty() { operation.to_owned() } else { format!("{operation} of {subresource}") }
}

fn method_of(owner: &Owner) -> String {
    write_method(owner.operation, &owner.subresource)
}

fn describe_writer(change: &DriftChange) -> String {
    let tool = change.owner.as_ref().map(|o| (&*o.manager, method_of(o)));
    match (change.user.as_deref(), tool) {
        (Some(user), Some((manager, how))) => format!("{user} with {manager} ({how})"),
        (Some(user), None) => user.to_owned(),
        (None, Some((manager, how))) => format!("{manager} ({how})"),
        (None, None) => "somebody unknown".to_owned(),
    }
}

/// Writes where a resource, or a line of it, is declared: `web.yaml:12`; the file alone where the line is not known.
pub(super) fn describe_place(declared: &Declaration, line: Option<u32>) -> String {
    match line.unwrap_or(declared.line) {
        0 => declared.file.to_string(),
        line => format!("{}:{line}", declared.file),
    }
}

/// Writes where the changed field is declared, if its line is known.
pub(super) fn describe_change_place(resource: &ResourceDrift, change: &DriftChange) -> Option<String> {
    let (declared, line) = (resource.declared.as_ref()?, change.line?);
    Some(describe_place(declared, Some(line)))
}

/// Writes the counts of a report: `12 declared: 8 in sync, 3 drifted (7 fields), 1 missing; 1 not declared`.
pub fn describe_summary(s: &Summary) -> String {
    let mut parts = vec![format!("{} in sync", s.in_sync)];
    if s.drifted > 0 {
        parts.push(format!("{} drifted ({})", s.drifted, count_fields(s.changes)));
    }
    for (n, what) in [(s.missing, "missing"), (s.unknown, "not compared")] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    let extra = if s.extra > 0 { format!("; {} not declared", s.extra) } else { String::new() };
    format!("{} declared: {}{extra}", s.declared, parts.join(", "))
}

/// Writes a number of fields: `1 field`, `7 fields`.
pub(super) fn count_fields(n: usize) -> String {
    count_things(n, "field")
}

/// Writes a number of things: `1 field`, `3 fields`.
pub fn count_things(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}
