//! What conditions say, read by the polarity of their types.

use super::fields::FieldWords;
use super::part_conditions;
use crate::health::HealthStatus;
use crate::health::rules::Options;
use crate::health::verdict::{HealthVerdict, Subject};
use crate::health::words::{self, Polarity};
use crate::k8s::conditions::{Condition, Conditions, Truth};
use crate::object::Node;

/// What the conditions of an object say together.
pub(super) struct FoundCondition {
    pub(super) verdict: HealthVerdict,
    /// Whether one of them is about the object as a whole.
    pub(super) speaks_for_all: bool,
    /// Whether it is not there yet, and no condition names work under way.
    pub(super) is_stuck: bool,
}

/// Judges the conditions of an object and of its parts.
pub(super) fn judge(
    subject: &Subject<'_>,
    status: Node<'_>,
    words: &FieldWords,
    options: &Options,
) -> Option<FoundCondition> {
    let reader = ConditionReader {
        generation: subject.int(&["metadata", "generation"]).filter(|_| !options.ignores_generation),
        busy: words.phase.iter().chain(&words.part).any(|w| w.status == HealthStatus::Progressing),
        over: words.phase.as_ref().is_some_and(|p| words::is_finished(&p.reason)),
        runs_to_an_end: words::runs_to_an_end(subject.kind),
        scaled_to_zero: subject.int(&["spec", "replicas"]) == Some(0)
            && subject.int(&["status", "replicas"]).unwrap_or(0) == 0,
        ignored: &options.ignored,
    };
    let own = reader.read(&Conditions::of(status.get("conditions")));
    let parts = part_conditions(status).filter_map(|list| reader.read(&Conditions::of(Some(list))));
    parts.fold(own, |found, part| {
        Some(match found {
            None => part,
            Some(found) => FoundCondition {
                speaks_for_all: found.speaks_for_all,
                is_stuck: found.is_stuck && part.is_stuck,
                verdict: found.verdict.worse(part.verdict),
            },
        })
    })
}

/// What is known before conditions are read.
struct ConditionReader<'a> {
    /// The newest spec, where conditions about an older one do not count.
    generation: Option<i64>,
    /// Whether the phase says that work is under way.
    busy: bool,
    /// Whether the phase says that it ran to its end.
    over: bool,
    /// Whether objects of this kind run to an end.
    runs_to_an_end: bool,
    /// Whether none is wanted and none is there, so that nothing can be available.
    scaled_to_zero: bool,
    ignored: &'a [String],
}

impl ConditionReader<'_> {
    fn read(&self, conditions: &Conditions<'_>) -> Option<FoundCondition> {
        let known: Vec<_> = conditions
            .iter()
            .filter(|c| !self.ignored.iter().any(|name| name == c.name))
            .map(|c| (c, self.polarity(c)))
            .collect();
        let has = |test: fn(&Condition<'_>, Polarity) -> bool| known.iter().any(|(c, p)| test(c, *p));
        let summed_up = has(|_, p| p == Polarity::Whole);
        let ended = has(|c, p| p == Polarity::Whole && c.is_true() && is_end(c.name));
        let ready = ended || has(|c, _| c.name.eq_ignore_ascii_case("ready") && c.is_true());
        let halted = !ended && has(|c, p| p == Polarity::Halt && c.is_true());
        // What runs to an end may be ready to start long before it has run.
        let arrived = if self.runs_to_an_end { ended } else { ready };
        let busy = self.busy || has(is_busy);
        let untrue = !halted && has(|c, p| p == Polarity::Whole && !c.is_true());
        let verdicts = known.iter().filter_map(|(condition, polarity)| match polarity {
            // A condition that sums up outweighs the parts it sums up, but not its peers, `Ready` and `Synced`: the
            // part that failed says what keeps the whole from being true, or what it does not know of.
            Polarity::Part if summed_up && is_component(condition) => {
                failed_component(condition, untrue, busy)
                    .or_else(|| held_component(condition))
                    .or_else(|| component_under_way(condition))
            }
            // What is halted need not be there.
            Polarity::Whole | Polarity::Part if halted && !condition.is_true() => None,
            // What held while it ran need not hold any more.
            Polarity::Whole | Polarity::Part if self.over && is_left_over(condition) => None,
            Polarity::Whole | Polarity::Part => Some(self.positive(condition, busy)),
            Polarity::Trouble => trouble(condition),
            // `FailedScale` for the reason `Available`: it is over.
            Polarity::PartTrouble if is_past_trouble(condition) => None,
            // That it is over does not say that all of it went well.
            Polarity::PartTrouble if !ready || ended => trouble(condition),
            Polarity::Activity => activity(condition, arrived),
            Polarity::Halt if halted => halt(condition),
            Polarity::Weak if condition.is_false() => {
                failed_component(condition, untrue, busy).or_else(|| held_component(condition))
            }
            Polarity::Weak | Polarity::Neutral if !ready => plain_failure(condition),
            Polarity::PartTrouble | Polarity::Halt | Polarity::Weak | Polarity::Neutral => None,
        });
        match verdicts.reduce(HealthVerdict::worse) {
            Some(verdict) => {
                let is_stuck = verdict.status == HealthStatus::Progressing && !busy;
                Some(FoundCondition { verdict, speaks_for_all: summed_up, is_stuck })
            }
            None => self.weak(&known, busy).or_else(|| self.unknown(&known)).or_else(|| untroubled(&known)),
        }
    }

    fn polarity(&self, condition: &Condition<'_>) -> Polarity {
        match words::polarity(condition.name) {
            // To run is the goal of a server, and the work of a job.
            Polarity::Weak if self.runs_to_an_end && condition.name == "Running" => Polarity::Activity,
            polarity => polarity,
        }
    }

    /// Reads what counts only where nothing else tells.
    fn weak(&self, known: &[(&Condition<'_>, Polarity)], busy: bool) -> Option<FoundCondition> {
        let weak = known.iter().filter(|(_, p)| *p == Polarity::Weak);
        let judge = |c: &Condition<'_>| match words::hint(c.message) {
            Some(HealthStatus::Progressing) if c.is_true() => said(HealthStatus::Progressing, c),
            _ => self.positive(c, busy),
        };
        let verdict = weak.map(|(c, _)| judge(c)).reduce(HealthVerdict::worse)?;
        Some(FoundCondition { verdict, speaks_for_all: false, is_stuck: false })
    }

    /// Reads conditions whose types tell nothing, by the reasons they give for not being true.
    fn unknown(&self, known: &[(&Condition<'_>, Polarity)]) -> Option<FoundCondition> {
        let untrue = known.iter().filter(|(c, p)| *p == Polarity::Neutral && c.is_false());
        let failed = untrue.filter(|(c, _)| words::meaning(c.reason) == Some(HealthStatus::Degraded));
        let verdict = failed.map(|(c, _)| said(HealthStatus::Degraded, c)).reduce(HealthVerdict::worse)?;
        Some(FoundCondition { verdict, speaks_for_all: false, is_stuck: false })
    }

    /// Judges a condition that ought to be true.
    fn positive(&self, condition: &Condition<'_>, busy: bool) -> HealthVerdict {
        if let (Some(seen), Some(generation)) = (condition.observed_generation, self.generation)
            && seen < generation
        {
            let message = format!("condition {} is about an older spec", condition.name);
            return HealthVerdict::progressing("NotObserved", message);
        }
        let reason = words::meaning(condition.reason);
        let status = match condition.truth {
            // That it is over does not say how it ended.
            Truth::True
                if reason == Some(HealthStatus::Degraded)
                    && is_end(condition.name)
                    && !words::is_warning(condition.reason) =>
            {
                HealthStatus::Degraded
            }
            // "Ready", since it was stopped as asked.
            Truth::True if is_stopped(condition.reason) => HealthStatus::Suspended,
            Truth::True => HealthStatus::Healthy,
            Truth::Unknown if words::is_out_of_contact(condition.reason) => HealthStatus::Degraded,
            Truth::Unknown if reason == Some(HealthStatus::Suspended) => HealthStatus::Suspended,
            Truth::Unknown => HealthStatus::Progressing,
            Truth::False if self.scaled_to_zero && reason != Some(HealthStatus::Degraded) => {
                HealthStatus::Healthy
            }
            Truth::False => why_false(condition, busy),
        };
        said(status, condition)
    }
}

/// Returns `true` if a condition is about one component: `DatabaseReady`, and not `Synced` or `ResolvedRefs`.
fn is_component(condition: &Condition<'_>) -> bool {
    !condition.name.starts_with("Resolved") && words::split(condition.name).len() > 1
}

/// Returns the trouble of a component whose reason says in so many words that it failed.
///
/// While the whole is not true its message is enough; what was last, or was before, is no part of it.
fn failed_component(condition: &Condition<'_>, untrue: bool, busy: bool) -> Option<HealthVerdict> {
    if !condition.is_false() || words::is_past(condition.name) || words::is_last(condition.name) {
        return None;
    }
    let reason = words::meaning(condition.reason);
    let by_message =
        untrue && !words::names_activity(condition.reason) && words::says_not_found(condition.message);
    let failed = (reason == Some(HealthStatus::Degraded) || by_message)
        && why_false(condition, busy) == HealthStatus::Degraded;
    failed.then(|| said(HealthStatus::Degraded, condition))
}

/// Returns that a component waits for somebody to act: `RolledOut` that is not, for the reason `AwaitingPromotion`.
fn held_component(condition: &Condition<'_>) -> Option<HealthVerdict> {
    let held = condition.is_false() && words::waits_for_a_person(condition.reason);
    held.then(|| said(HealthStatus::Suspended, condition))
}

/// Returns what a component is doing whose reason names work: `GatewayReady` that is not, for the reason `RolloutOngoing`.
fn component_under_way(condition: &Condition<'_>) -> Option<HealthVerdict> {
    let name = words::split(condition.name);
    let is_state = matches!(name.last(), Some("ready" | "available" | "healthy" | "synced" | "updated"));
    let works = condition.is_false() && is_state && words::names_activity(condition.reason);
    works.then(|| said(HealthStatus::Progressing, condition))
}

/// Returns `true` if a condition names trouble in passing and gives a good reason: `FailedScale` since it is `Available`.
fn is_past_trouble(condition: &Condition<'_>) -> bool {
    let name = words::split(condition.name);
    let in_passing = !name.last().is_some_and(words::is_trouble);
    in_passing && words::meaning(condition.reason) == Some(HealthStatus::Healthy)
}

/// Returns `true` if a condition is not true and gives neither a failure nor a halt as its reason.
fn is_left_over(condition: &Condition<'_>) -> bool {
    let says_why =
        matches!(words::meaning(condition.reason), Some(HealthStatus::Degraded | HealthStatus::Suspended));
    !condition.is_true() && !says_why
}

/// A halt that somebody wanted, or that trouble brought about: `ActivitiesHalted` for the reason `ParentMissing`.
fn halt(condition: &Condition<'_>) -> Option<HealthVerdict> {
    let failed = words::meaning(condition.reason) == Some(HealthStatus::Degraded)
        || words::split(condition.reason).len() > 1 && words::is_missing(condition.reason);
    let status = if failed { HealthStatus::Degraded } else { HealthStatus::Suspended };
    condition.is_true().then(|| said(status, condition))
}

/// Returns `true` if a reason ends in a word for a halt of the whole: `InstanceStopped`.
fn is_stopped(reason: &str) -> bool {
    const HALTS: &[&str] = &["hibernated", "paused", "stopped", "suspended"];
    let words = words::split(reason);
    words.last().is_some_and(|w| HALTS.contains(&w))
        && words::meaning(reason) == Some(HealthStatus::Suspended)
}

/// Returns `true` if a condition says that something is over: `Completed`.
fn is_end(name: &str) -> bool {
    name.starts_with("Complete") || name == "Finished" || name == "Done"
}

/// A condition of any type that gives nothing but failure as its reason, as Rancher's summary of objects reads it.
fn plain_failure(condition: &Condition<'_>) -> Option<HealthVerdict> {
    let failed = matches!(condition.reason, "Error" | "Failed" | "Failure");
    (failed && !condition.is_true()).then(|| said(HealthStatus::Degraded, condition))
}

/// A kind that only reports trouble or work, and reports none.
fn untroubled(known: &[(&Condition<'_>, Polarity)]) -> Option<FoundCondition> {
    let clear = |(c, p): &&(&Condition<'_>, Polarity)| {
        c.is_false() && matches!(p, Polarity::Trouble | Polarity::PartTrouble | Polarity::Activity)
    };
    let (condition, _) = known.iter().find(clear)?;
    let verdict =
        HealthVerdict::healthy("NoTrouble", format!("{} is False", condition.name)).since(condition.since);
    Some(FoundCondition { verdict, speaks_for_all: false, is_stuck: false })
}

/// Returns `true` if `Ready` says that it is about the newest spec.
///
/// It is more to the point than the status as a whole: some controllers raise that only after a success.
pub(super) fn is_newer(subject: &Subject<'_>) -> bool {
    let seen = subject.conditions().get("Ready").and_then(|c| c.observed_generation);
    seen.is_some_and(|seen| Some(seen) >= subject.int(&["metadata", "generation"]))
}

/// Returns the condition that says in so many words that the whole failed.
pub(super) fn failure(subject: &Subject<'_>) -> Option<HealthVerdict> {
    let conditions = subject.conditions();
    let failed = conditions.iter().find(|c| {
        let whole = words::polarity(c.name) == Polarity::Whole && c.is_false();
        whole && words::meaning(c.reason) == Some(HealthStatus::Degraded)
    });
    failed.map(|c| said(HealthStatus::Degraded, c))
}

fn said(status: HealthStatus, condition: &Condition<'_>) -> HealthVerdict {
    HealthVerdict::new(status, condition.reason_or_name(), condition.message).since(condition.since)
}

fn trouble(condition: &Condition<'_>) -> Option<HealthVerdict> {
    condition.is_true().then(|| said(HealthStatus::Degraded, condition))
}

/// Returns `true` if a condition says that work is under way.
fn is_busy(condition: &Condition<'_>, polarity: Polarity) -> bool {
    match polarity {
        Polarity::Activity => is_under_way(condition),
        Polarity::Whole => !condition.is_true() && words::names_activity(condition.reason),
        _ => false,
    }
}

/// Returns `true` if an activity is under way; `Progressing` stays true in Deployments that have arrived.
fn is_under_way(condition: &Condition<'_>) -> bool {
    condition.is_true() && !words::is_arrival(condition.reason) && !words::is_retry(condition.reason)
}

fn activity(condition: &Condition<'_>, ready: bool) -> Option<HealthVerdict> {
    match condition.truth {
        // `Reconciling` is abnormal-true by kstatus; other activities may go on in something that is ready.
        Truth::True if is_under_way(condition) && (!ready || is_rollout(condition.name)) => {
            // What waits for somebody does not go on by itself.
            let waits = words::hint(condition.message) == Some(HealthStatus::Suspended);
            let status = if waits { HealthStatus::Suspended } else { HealthStatus::Progressing };
            Some(said(status, condition))
        }
        Truth::True => None,
        Truth::False | Truth::Unknown => match words::meaning(condition.reason) {
            Some(status @ (HealthStatus::Degraded | HealthStatus::Suspended)) => {
                Some(said(status, condition))
            }
            _ if condition.is_false() && words::is_missing(condition.reason) => {
                Some(said(HealthStatus::Degraded, condition))
            }
            _ if condition.is_false() => None,
            _ => (words::hint(condition.message) == Some(HealthStatus::Progressing))
                .then(|| said(HealthStatus::Progressing, condition)),
        },
    }
}

/// Returns `true` if an activity brings the object to a newer spec, however ready the older one is.
fn is_rollout(name: &str) -> bool {
    matches!(
        name,
        "Reconciling"
            | "Updating"
            | "Upgrading"
            | "RollingOut"
            | "ScalingUp"
            | "ScalingDown"
            | "Issuing"
            | "RollingUpdate"
            | "RollingUpgrade"
            | "UpdateInProgress"
            | "UpgradeInProgress"
    )
}

/// Returns whether something that is not there is still to come or in trouble.
fn why_false(condition: &Condition<'_>, busy: bool) -> HealthStatus {
    match condition.severity {
        "Error" => return HealthStatus::Degraded,
        "Info" => return HealthStatus::Progressing,
        _ => {}
    }
    // "Pending", and the message says that somebody has to approve.
    if words::hint(condition.message) == Some(HealthStatus::Suspended)
        && words::meaning(condition.reason) != Some(HealthStatus::Degraded)
    {
        return HealthStatus::Suspended;
    }
    // Not "Ready" any more, since it has run: `PodCompleted`.
    if words::is_finish(condition.reason) && !is_end(condition.name) {
        return HealthStatus::Healthy;
    }
    let reason = words::split(condition.reason);
    let waits_for = reason.len() > 2 && (reason.has("not") || reason.has("no"));
    // "NotReady" and "Unavailable" only say the condition again.
    let unavailable = reason.last() == Some("unavailable");
    let says_nothing = reason.first() == Some("not") && reason.len() <= 2;
    match words::meaning(condition.reason) {
        _ if unavailable => {
            return words::hint(condition.message).unwrap_or(HealthStatus::Progressing);
        }
        // A bare "Error" says less than the message.
        Some(HealthStatus::Degraded)
            if matches!(condition.reason, "Error" | "Failed")
                && words::hint(condition.message) == Some(HealthStatus::Progressing) =>
        {
            return HealthStatus::Progressing;
        }
        Some(status @ (HealthStatus::Degraded | HealthStatus::Suspended)) => return status,
        Some(HealthStatus::Missing) if busy => return HealthStatus::Progressing,
        Some(HealthStatus::Missing) => return HealthStatus::Degraded,
        // What it waits for may be in trouble, and the message says so.
        Some(HealthStatus::Progressing) if waits_for && !busy => {
            return words::hint(condition.message).unwrap_or(HealthStatus::Progressing);
        }
        // "Initializing", since a parameter is not known: the message is nearer to the point.
        Some(HealthStatus::Progressing) if !says_nothing && !busy => {
            return match words::hint(condition.message) {
                Some(HealthStatus::Degraded) => HealthStatus::Degraded,
                _ => HealthStatus::Progressing,
            };
        }
        Some(HealthStatus::Progressing) if busy => return HealthStatus::Progressing,
        _ if busy => return HealthStatus::Progressing,
        _ => {}
    }
    match words::hint(condition.message) {
        Some(status) => status,
        None if words::is_decision(condition.name) => HealthStatus::Degraded,
        None if is_end(condition.name) || words::is_of_degree(condition.name) => HealthStatus::Progressing,
        None if reason.is_empty() && condition.message.is_empty() => HealthStatus::Progressing,
        None => HealthStatus::Degraded,
    }
}
