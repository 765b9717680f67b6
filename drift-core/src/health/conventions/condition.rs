//! What conditions say, read by the polarity of their types.

use super::part_conditions;
use crate::health::HealthStatus;
use crate::health::conditions::{Condition, Conditions, Truth};
use crate::health::rules::Options;
use crate::health::verdict::{Subject, Verdict};
use crate::health::words::{self, Polarity};
use crate::object::Node;

/// What the conditions of an object say together.
pub(super) struct Found {
    pub(super) verdict: Verdict,
    /// Whether one of them is about the object as a whole.
    pub(super) speaks_for_all: bool,
}

/// Judges the conditions of an object and of its parts.
pub(super) fn judge(
    subject: &Subject<'_>,
    status: Node<'_>,
    phase: Option<&Verdict>,
    options: &Options,
) -> Option<Found> {
    let reader = Reader {
        generation: subject.int(&["metadata", "generation"]).filter(|_| !options.ignores_generation),
        busy: phase.is_some_and(|p| p.status == HealthStatus::Progressing),
        ignored: &options.ignored,
    };
    let own = reader.read(&Conditions::of(status.get("conditions")));
    let parts = part_conditions(status).filter_map(|list| reader.read(&Conditions::of(Some(list))));
    parts.fold(own, |found, part| {
        Some(match found {
            None => part,
            Some(found) => {
                Found { speaks_for_all: found.speaks_for_all, verdict: found.verdict.worse(part.verdict) }
            }
        })
    })
}

/// What is known before conditions are read.
struct Reader<'a> {
    /// The newest spec, where conditions about an older one do not count.
    generation: Option<i64>,
    /// Whether the phase says that work is under way.
    busy: bool,
    ignored: &'a [String],
}

impl Reader<'_> {
    fn read(&self, conditions: &Conditions<'_>) -> Option<Found> {
        let known: Vec<_> = conditions
            .iter()
            .filter(|c| !self.ignored.iter().any(|name| name == c.name))
            .map(|c| (c, words::polarity(c.name)))
            .collect();
        let is = |wanted| move |(_, polarity): &&(&Condition<'_>, Polarity)| *polarity == wanted;
        let summed_up = known.iter().any(|k| is(Polarity::Whole)(&k));
        let ready = known.iter().any(|(c, _)| c.name == "Ready" && c.is_true());
        let busy = self.busy || known.iter().filter(is(Polarity::Activity)).any(|(c, _)| is_busy(c));
        let verdicts = known.iter().filter_map(|(condition, polarity)| match polarity {
            // A condition that sums up outweighs the parts it sums up, but not its peers: `Ready` and `Synced`.
            Polarity::Part if summed_up && is_component(condition) => None,
            Polarity::Whole | Polarity::Part => Some(positive(condition, busy, self.generation)),
            Polarity::Trouble => trouble(condition),
            Polarity::PartTrouble if !ready => trouble(condition),
            Polarity::Activity => activity(condition, ready),
            Polarity::Halt => condition.is_true().then(|| said(HealthStatus::Suspended, condition)),
            Polarity::PartTrouble | Polarity::Neutral => None,
        });
        match verdicts.reduce(Verdict::worse) {
            Some(verdict) => Some(Found { verdict, speaks_for_all: summed_up }),
            None => untroubled(&known),
        }
    }
}

/// Tells whether a condition is about one component: `DatabaseReady`, and not `Synced` or `ResolvedRefs`.
fn is_component(condition: &Condition<'_>) -> bool {
    !condition.name.starts_with("Resolved") && words::split(condition.name).len() > 1
}

/// A kind that only reports trouble, and reports none.
fn untroubled(known: &[(&Condition<'_>, Polarity)]) -> Option<Found> {
    let clear = |(c, p): &&(&Condition<'_>, Polarity)| {
        c.is_false() && matches!(p, Polarity::Trouble | Polarity::PartTrouble)
    };
    let (condition, _) = known.iter().find(clear)?;
    let verdict =
        Verdict::healthy("NoTrouble", format!("{} is False", condition.name)).since(condition.since);
    Some(Found { verdict, speaks_for_all: false })
}

/// Tells whether `Ready` says that it is about the newest spec.
///
/// It is more to the point than the status as a whole: some controllers raise that only after a success.
pub(super) fn is_newer(subject: &Subject<'_>) -> bool {
    let seen = subject.conditions().get("Ready").and_then(|c| c.observed_generation);
    seen.is_some_and(|seen| Some(seen) >= subject.int(&["metadata", "generation"]))
}

fn said(status: HealthStatus, condition: &Condition<'_>) -> Verdict {
    Verdict::new(status, condition.reason_or_name(), condition.message).since(condition.since)
}

fn trouble(condition: &Condition<'_>) -> Option<Verdict> {
    condition.is_true().then(|| said(HealthStatus::Degraded, condition))
}

/// Tells whether an activity is under way; `Progressing` stays true in Deployments that have arrived.
fn is_busy(condition: &Condition<'_>) -> bool {
    condition.is_true() && !words::is_arrival(condition.reason) && !words::is_retry(condition.reason)
}

fn activity(condition: &Condition<'_>, ready: bool) -> Option<Verdict> {
    match condition.truth {
        // `Reconciling` is abnormal-true by kstatus; other activities may go on in something that is ready.
        Truth::True if is_busy(condition) && (!ready || condition.name == "Reconciling") => {
            Some(said(HealthStatus::Progressing, condition))
        }
        Truth::True => None,
        Truth::False | Truth::Unknown => match words::meaning(condition.reason) {
            Some(status @ (HealthStatus::Degraded | HealthStatus::Suspended)) => {
                Some(said(status, condition))
            }
            _ => None,
        },
    }
}

/// Judges a condition that ought to be true.
fn positive(condition: &Condition<'_>, busy: bool, generation: Option<i64>) -> Verdict {
    if let (Some(seen), Some(generation)) = (condition.observed_generation, generation)
        && seen < generation
    {
        let message = format!("condition {} is about an older spec", condition.name);
        return Verdict::progressing("NotObserved", message);
    }
    let status = match condition.truth {
        Truth::True => HealthStatus::Healthy,
        Truth::Unknown => match words::meaning(condition.reason) {
            Some(HealthStatus::Suspended) => HealthStatus::Suspended,
            _ => HealthStatus::Progressing,
        },
        Truth::False => why_false(condition, busy),
    };
    said(status, condition)
}

/// Says whether something that is not there is on its way or in trouble.
fn why_false(condition: &Condition<'_>, busy: bool) -> HealthStatus {
    match condition.severity {
        "Error" => return HealthStatus::Degraded,
        "Info" => return HealthStatus::Progressing,
        _ => {}
    }
    let reason = words::split(condition.reason);
    let waits_for = reason.len() > 2 && reason.iter().any(|w| w == "not" || w == "no");
    // "NotReady" only says the condition again.
    let says_nothing = reason.first().is_some_and(|w| w == "not") && reason.len() <= 2;
    match words::meaning(condition.reason) {
        Some(status @ (HealthStatus::Degraded | HealthStatus::Suspended)) => return status,
        Some(HealthStatus::Missing) => return HealthStatus::Degraded,
        // What it waits for may be in trouble, and the message says so.
        Some(HealthStatus::Progressing) if waits_for && !busy => {
            return words::hint(condition.message).unwrap_or(HealthStatus::Progressing);
        }
        Some(HealthStatus::Progressing) if !says_nothing || busy => return HealthStatus::Progressing,
        _ if busy => return HealthStatus::Progressing,
        _ => {}
    }
    match words::hint(condition.message) {
        Some(status) => status,
        None if words::is_decision(condition.name) => HealthStatus::Degraded,
        None if condition.name.starts_with("Complete") => HealthStatus::Progressing,
        None if reason.is_empty() && condition.message.is_empty() => HealthStatus::Progressing,
        None => HealthStatus::Degraded,
    }
}
