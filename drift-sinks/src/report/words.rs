//! The words in which reports speak of verdicts.

use drift_core::Operation;
use drift_core::drift::{
    CommitRef, Declaration, DriftCause, DriftChange, DriftClass, Owner, ResourceDrift, Status, Summary,
};
use jiff::Timestamp;

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::InSync => "in sync",
        Status::Drifted => "drifted",
        Status::Missing => "missing",
        Status::Extra => "not declared",
        Status::Unknown => "not compared",
    }
}

/// Names where a difference comes from, if anything says.
pub(super) fn cause(cause: DriftCause) -> Option<&'static str> {
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

/// Writes a moment to the second, in UTC.
pub(super) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Says who did what to a field: `changed by kubectl-edit (Update), 2026-11-21 01:31:39Z`.
pub(super) fn attribution(change: &DriftChange) -> String {
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
    let mut out = format!("{verb} {}", who(change));
    if let Some(time) = change.owner.as_ref().and_then(|o| o.time) {
        out.push_str(", ");
        out.push_str(&moment(time));
    }
    out
}

/// Says which app declares a resource, and why the whole of it is missing or extra.
pub(super) fn whole(resource: &ResourceDrift) -> Vec<String> {
    let class = resource.class.and_then(|class| match class {
        DriftClass::PendingSync => Some("not applied yet".to_owned()),
        DriftClass::PendingRemoval => Some("not declared any more, not removed yet".to_owned()),
        DriftClass::Ignored => Some("ignored".to_owned()),
        DriftClass::Managed => Some("a controller's own".to_owned()),
        _ => None,
    });
    let app = resource.app.as_ref().map(|app| format!("of {app}"));
    let rule = resource.rule.as_ref().map(|rule| format!("rule: {rule}"));
    app.into_iter().chain(class).chain(rule).collect()
}

/// Says which commit is behind a change.
pub(super) fn commit(commit: &CommitRef) -> String {
    let id = commit.id.get(..10).unwrap_or(&commit.id);
    format!("commit {id} {}  {}", commit.author, commit.message)
}

/// Says who made an object that nobody declares.
pub(super) fn creation(creator: &Owner) -> String {
    let when = creator.time.map_or_else(String::new, |t| format!(", {}", moment(t)));
    format!("created by {} ({}){when}", creator.manager, how(creator))
}

fn how(owner: &Owner) -> String {
    let operation = match owner.operation {
        Operation::Apply => "Apply",
        Operation::Update => "Update",
    };
    let through =
        if owner.subresource.is_empty() { String::new() } else { format!(" of {}", owner.subresource) };
    format!("{operation}{through}")
}

fn who(change: &DriftChange) -> String {
    let tool = change.owner.as_ref().map(|o| (&*o.manager, how(o)));
    match (change.user.as_deref(), tool) {
        (Some(user), Some((manager, how))) => format!("{user} with {manager} ({how})"),
        (Some(user), None) => user.to_owned(),
        (None, Some((manager, how))) => format!("{manager} ({how})"),
        (None, None) => "somebody unknown".to_owned(),
    }
}

/// Writes where a resource, or a line of it, is declared: `web.yaml:12`.
pub(super) fn place(declared: &Declaration, line: Option<u32>) -> String {
    match line.unwrap_or(declared.line) {
        0 => declared.file.to_string(),
        line => format!("{}:{line}", declared.file),
    }
}

/// Writes where the changed field is declared, if that says more than where its resource is.
pub(super) fn change_place(resource: &ResourceDrift, change: &DriftChange) -> Option<String> {
    let (declared, line) = (resource.declared.as_ref()?, change.line?);
    Some(place(declared, Some(line)))
}

/// Counts in words: `12 declared: 8 in sync, 3 drifted (7 fields), 1 missing; 1 not declared`.
pub(super) fn summary(s: &Summary) -> String {
    let mut parts = vec![format!("{} in sync", s.in_sync)];
    if s.drifted > 0 {
        parts.push(format!("{} drifted ({})", s.drifted, fields(s.changes)));
    }
    for (n, what) in [(s.missing, "missing"), (s.unknown, "not compared")] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    let extra = if s.extra > 0 { format!("; {} not declared", s.extra) } else { String::new() };
    format!("{} declared: {}{extra}", s.declared, parts.join(", "))
}

/// Counts fields in words.
pub(super) fn fields(n: usize) -> String {
    if n == 1 { "1 field".to_owned() } else { format!("{n} fields") }
}
