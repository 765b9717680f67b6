//! Kinds that nobody wrote a check for: what the conventions of the API say about them.
//!
//! After the API conventions of Kubernetes (conditions, observedGeneration), kstatus (abnormal-true conditions) and
//! what operators commonly do besides (phase and state words, error fields, replica counts).

mod condition;
mod fields;

use jiff::SignedDuration;

use super::rules::Options;
use super::verdict::{Subject, Verdict};
use super::{HealthStatus, words};
use crate::object::{Kind, Node};

/// How long an object may be without any status before its controller counts as absent.
const FIRST_STATUS: SignedDuration = SignedDuration::from_mins(10);

/// Judges by conventions; `None` when nothing in the object follows one.
pub(super) fn judge(subject: &Subject<'_>, options: &Options) -> Option<Verdict> {
    if let Some(verdict) = halted(subject) {
        return Some(verdict);
    }
    if subject.lags() && !options.ignores_generation && !condition::is_newer(subject) {
        return Some(Verdict::progressing(
            "NotObserved",
            "the newest spec has not been seen by its controller yet",
        ));
    }
    let Some(status) = subject.status() else { return no_status(subject) };
    let words = fields::words(status, subject.kind);
    let conditions = condition::judge(subject, status, words.phase.as_ref(), options);
    // A condition that speaks for the whole object knows better than error fields, counts and words of parts, which
    // are often left over; but not than a phase that says that work is under way.
    if let Some(found) = &conditions
        && found.speaks_for_all
    {
        let verdict = found.verdict.clone();
        return Some(match words.phase {
            Some(phase) if phase.status != HealthStatus::Unknown => verdict.worse(phase),
            _ => verdict,
        });
    }
    let signals = [
        conditions.map(|c| c.verdict),
        fields::errors(status),
        words.phase,
        words.part,
        fields::flags(status),
    ];
    let told = signals.into_iter().flatten().reduce(Verdict::worse);
    match (told, fields::replicas(subject)) {
        (Some(told), Some(counted)) => Some(told.worse(counted)),
        (told, counted) => told.or(counted),
    }
    .or_else(|| schedule(subject))
    .or_else(|| if is_blank(status) { no_status(subject) } else { None })
}

/// Something that is started on a schedule, as CronJobs are.
fn schedule(subject: &Subject<'_>) -> Option<Verdict> {
    subject.str(&["spec", "schedule"])?;
    let last = subject.time(&["status", "lastScheduleTime"]);
    let active = subject.at(&["status", "active"]).map_or(0, Node::len);
    if active > 0 {
        return Some(Verdict::progressing("Active", format!("{active} runs are active")).since(last));
    }
    last.map(|t| Verdict::healthy("Scheduled", "it was started on schedule").since(Some(t)))
}

/// Tells whether a status holds nothing but empty values, or a list of conditions that is still empty.
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

/// Halted by its spec or an annotation.
fn halted(subject: &Subject<'_>) -> Option<Verdict> {
    for field in ["suspend", "suspended", "paused", "pause"] {
        if subject.is_true(&["spec", field]) {
            return Some(Verdict::suspended("Suspended", format!("spec.{field} is true")));
        }
    }
    let annotations = subject.at(&["metadata", "annotations"])?;
    let paused = annotations.children().find(|a| {
        let name = a.key().rsplit('/').next().unwrap_or_default();
        let halts = words::split(name)
            .iter()
            .any(|w| ["pause", "paused", "suspend", "suspended"].contains(&w.as_str()));
        halts && a.as_str() == Some("true")
    })?;
    Some(Verdict::suspended("Suspended", format!("annotation {} is true", paused.key())))
}

/// An object without status is new, or has no controller, or needs none.
fn no_status(subject: &Subject<'_>) -> Option<Verdict> {
    if super::builtin::is_of_kubernetes(subject.group) {
        return None;
    }
    let created = subject.time(&["metadata", "creationTimestamp"]);
    if subject.age().is_none_or(|age| age <= FIRST_STATUS) {
        let message = "no controller has reported a status yet";
        return Some(Verdict::progressing("NoStatus", message).since(created));
    }
    let message =
        "no status since it was created: either its controller does not run, or this kind reports none";
    Some(Verdict::new(HealthStatus::Unknown, "NoStatus", message).since(created))
}

/// Returns the lists of conditions of parts: listeners, parents, ingresses.
fn part_conditions<'a>(status: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    let parts = status.children().flat_map(|field| match field.kind() {
        Kind::List => field.children().collect(),
        Kind::Map => vec![field],
        _ => Vec::new(),
    });
    parts.filter_map(|part| part.get("conditions")).filter(|c| c.kind() == Kind::List)
}
