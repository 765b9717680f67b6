//! Kinds that nobody wrote a check for: what the conventions of the API say about them.
//!
//! After the API conventions of Kubernetes (conditions, observedGeneration), kstatus (abnormal-true conditions) and
//! what operators commonly do besides (phase and state words, error fields, replica counts).

mod condition;
mod fields;
mod halt;
mod times;

use jiff::SignedDuration;

use super::rules::Options;
use super::verdict::{HealthVerdict, Subject};
use super::{HealthStatus, words};
use crate::object::{Kind, Node};

/// How long an object may be without any status before its controller counts as absent.
const FIRST_STATUS: SignedDuration = SignedDuration::from_mins(10);

/// Judges by conventions; `None` when nothing in the object follows one.
pub(super) fn judge(subject: &Subject<'_>, options: &Options) -> Option<HealthVerdict> {
    if !options.ignores_halt
        && let Some(verdict) = halt::halted(subject)
    {
        return Some(verdict);
    }
    if is_unseen(subject, options) {
        // Many controllers raise it only after a success; then it is the failure that keeps it behind.
        let failed = || fields::flags(subject.status()?).filter(|v| v.status == HealthStatus::Degraded);
        return Some(condition::failure(subject).or_else(failed).unwrap_or_else(not_observed));
    }
    let Some(status) = subject.status() else { return no_status(subject) };
    let words = fields::words(status, subject.kind);
    let conditions = condition::judge(subject, status, &words, options);
    // A condition that speaks for the whole object knows better than error fields, counts and words of parts, which
    // are often left over; but not than a phase that says that work is under way.
    if let Some(found) = &conditions
        && found.speaks_for_all
    {
        let mut verdict = found.verdict.clone();
        // What does not get on may say elsewhere why.
        if found.is_stuck {
            let why = [fields::errors(status), fields::failures(status), fields::waits(status)];
            verdict = why.into_iter().flatten().fold(verdict, HealthVerdict::worse);
        }
        // `Ready`, while an aspect of its own failed or is on its way.
        if let Some(part) = words.part.filter(|part| {
            verdict.status == HealthStatus::Healthy
                && matches!(part.status, HealthStatus::Degraded | HealthStatus::Progressing)
        }) {
            verdict = part;
        }
        if let Some(rollout) = fields::rollout(subject) {
            verdict = verdict.worse(rollout);
        }
        return Some(match words.phase {
            Some(phase) if phase.status != HealthStatus::Unknown => verdict.worse(phase),
            _ => verdict,
        });
    }
    // What has run to its end has left out what it left out.
    let over = words.phase.as_ref().is_some_and(|phase| words::is_finished(&phase.reason));
    let replicas = fields::replicas(subject).filter(|v| !over || v.status != HealthStatus::Progressing);
    let signals = [
        conditions.map(|c| c.verdict),
        fields::errors(status),
        words.phase,
        words.part,
        fields::flags(status),
        fields::failures(status),
        replicas,
    ];
    let worst = signals.into_iter().flatten().reduce(HealthVerdict::worse);
    worst
        .or_else(|| fields::steps(status))
        .or_else(|| fields::any_word(status, subject.kind))
        .or_else(|| fields::run(subject))
        .or_else(|| fields::names_by_state(status))
        .or_else(|| fields::nested_flags(status))
        .or_else(|| fields::failure_counts(status))
        .or_else(|| schedule(subject))
        .or_else(|| times::last(status))
        .or_else(|| observed(subject, status))
        .or_else(|| fields::given(subject, status))
        .or_else(|| if is_blank(status) { no_status(subject) } else { None })
}

/// Returns what comes before a verdict that a rule gave, unless that is trouble: a halt, or a spec that was not seen yet.
///
/// What is on its way is so whichever spec it is on its way to.
pub(super) fn before(
    subject: &Subject<'_>,
    verdict: &HealthVerdict,
    options: &Options,
) -> Option<HealthVerdict> {
    if !matches!(verdict.status, HealthStatus::Healthy | HealthStatus::Progressing) {
        return None;
    }
    let halted = if options.ignores_halt { None } else { halt::halted(subject) };
    let is_well = verdict.status == HealthStatus::Healthy;
    halted.or_else(|| (is_well && is_unseen(subject, options)).then(not_observed))
}

fn not_observed() -> HealthVerdict {
    HealthVerdict::progressing("NotObserved", "the newest spec has not been seen by its controller yet")
}

fn is_unseen(subject: &Subject<'_>, options: &Options) -> bool {
    !options.ignores_generation && lags(subject) && !condition::is_newer(subject)
}

/// Returns `true` if the controller has not seen the newest spec yet, by whatever name it keeps the generation it saw.
fn lags(subject: &Subject<'_>) -> bool {
    let Some(generation) = subject.int(&["metadata", "generation"]) else { return false };
    let status = subject.at(&["status"]);
    if status.is_some_and(|s| s.get("observedGeneration").is_some()) {
        return subject.lags();
    }
    let seen = |field: Node<'_>| {
        let words = words::split(field.key());
        let names = words.len() > 1
            && words.last() == Some("generation")
            && matches!(words.first(), Some("last" | "observed" | "reconciled" | "processed" | "applied"));
        field.as_i64().filter(|_| names)
    };
    let of_map = |field: Node<'_>| {
        let named = words::split(field.key()).has("generations");
        let seen =
            ["reconciled", "observed", "processed", "applied"].iter().find_map(|f| field.get(f)?.as_i64());
        seen.filter(|_| named)
    };
    let fields = || status.into_iter().flat_map(Node::children);
    fields().filter_map(seen).chain(fields().filter_map(of_map)).any(|seen| seen < generation)
}

/// A controller that reports nothing but which spec it has seen has seen the newest one, as kstatus has it.
fn observed(subject: &Subject<'_>, status: Node<'_>) -> Option<HealthVerdict> {
    let seen = subject.int(&["status", "observedGeneration"])?;
    let waits = status.get("conditions").is_some();
    let newest = subject.int(&["metadata", "generation"]).is_some_and(|generation| seen >= generation);
    (newest && !waits).then(|| HealthVerdict::healthy("Observed", "its controller has seen the newest spec"))
}

/// Something that starts others on a schedule, as CronJobs do.
fn schedule(subject: &Subject<'_>) -> Option<HealthVerdict> {
    let scheduled = ["schedule", "schedules"].iter().any(|f| subject.at(&["spec", f]).is_some());
    let last = subject.time(&["status", "lastScheduleTime"]);
    (scheduled || last.is_some() || words::is_schedule(subject.kind)).then_some(())?;
    let active = subject.at(&["status", "active"]).map_or(0, Node::len);
    if active > 0 {
        return Some(HealthVerdict::progressing("Active", format!("{active} runs are active")).since(last));
    }
    Some(match last {
        Some(_) => HealthVerdict::healthy("Scheduled", "it was started on schedule").since(last),
        None => HealthVerdict::healthy("NeverScheduled", "no run was due yet"),
    })
}

/// Returns `true` if a status holds nothing but empty values, or a list of conditions that is still empty.
fn is_blank(status: Node<'_>) -> bool {
    fn empty(node: Node<'_>) -> bool {
        match node.kind() {
            Kind::Null => true,
            Kind::Bool => node.as_bool() == Some(false),
            Kind::Int | Kind::Float => node.as_f64() == Some(0.0),
            Kind::Str => node.as_str() == Some(""),
            Kind::List | Kind::Map => node.children().all(empty),
        }
    }
    let waits = status.get("conditions").is_some_and(|c| c.is_empty());
    waits || status.children().filter(|f| f.key() != "observedGeneration").all(empty)
}

/// An object without status is new, or has no controller, or needs none.
fn no_status(subject: &Subject<'_>) -> Option<HealthVerdict> {
    if super::builtin::is_of_kubernetes(subject.group) {
        return None;
    }
    let created = subject.time(&["metadata", "creationTimestamp"]);
    if let Some(verdict) = schedule(subject) {
        return Some(verdict);
    }
    if subject.age().is_none_or(|age| age <= FIRST_STATUS) {
        let message = "no controller has reported a status yet";
        return Some(HealthVerdict::progressing("NoStatus", message).since(created));
    }
    if words::is_configuration(subject.kind) {
        return Some(
            HealthVerdict::healthy("NoStatusExpected", "this kind is read by others").since(created),
        );
    }
    let message =
        "no status since it was created: either its controller does not run, or this kind reports none";
    Some(HealthVerdict::new(HealthStatus::Unknown, "NoStatus", message).since(created))
}

/// Returns the lists of conditions of parts: listeners, parents, ingresses.
fn part_conditions<'a>(status: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    let parts = status.children().flat_map(|field| match field.kind() {
        Kind::List => field.children().collect(),
        Kind::Map => vec![field],
        _ => Vec::new(),
    });
    // `burnerConditions` are conditions of parts as well.
    let named = status.children().filter(|f| f.key().ends_with("Conditions"));
    parts.filter_map(|part| part.get("conditions")).chain(named).filter(|c| c.kind() == Kind::List)
}
