//! What the words mean that controllers put into phases, states, reasons and condition types.
//!
//! Names are split into words (`ImportInProgress`, `HEALTH_OK`, `not-ready`) and looked up; no name of a kind or of
//! an operator is in here.

use super::HealthStatus::{self, Degraded, Healthy, Missing, Progressing, Suspended, Unknown};

/// Splits an identifier or a phrase into lower-case words.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut fresh = true;
    let chars: Vec<char> = text.chars().take(200).collect();
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            fresh = true;
            continue;
        }
        // `ReadyToUse` breaks before a capital; `ACMEAccount` before the last capital of a run.
        let after_lower = i > 0 && chars[i - 1].is_lowercase();
        let before_lower = i > 0 && chars.get(i + 1).is_some_and(|n| n.is_lowercase());
        if fresh || (c.is_uppercase() && (after_lower || before_lower)) {
            words.push(String::new());
            fresh = false;
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words
}

const DEGRADED: &str = "\
    abort aborted abnormal backoff bad blocked broken cancelled canceled cannot conflict conflicts \
    conflicting crash crashed critical dead degraded denied disconnected err erroneous error errored \
    errors evicted exceeded expired fail failed failing fails failure failures fatal faulty \
    forbidden impaired incompatible inconsistent insufficient invalid killed lost misconfigured \
    mismatch mismatched noncompliant offline oom orphan orphaned red refused rejected stalled stale \
    stuck timeout timedout unable unauthorized unhealthy unreachable unrecoverable unresolvable \
    unresponsive unschedulable unsupported violation violations warn warning";

/// Words for work under way besides those in `-ing`.
const PROGRESSING: &str = "await awaits being init pend progress yellow";

/// Words for work under way when they stand alone: `NewReplicaSetAvailable` is no beginning.
const BEGINNING: &str = "new queued requested retry scheduled submitted unavailable incomplete unbound";

const SUSPENDED: &str = "\
    cordoned disabled halted hibernate hibernated hibernation inactive paused standby stopped \
    suspended";

const HEALTHY: &str = "\
    accepted active admitted applied approved attached available bound complete completed compliant \
    configured connected created current deployed done enabled enrolled established existing exists \
    finished functional green healthy initialised initialized installed issued joined live loaded \
    listening mounted normal ok okay online open operational passed permitted present programmed \
    promoted provisioned published ready reconciled registered released resolved running serving \
    stable started succeeded success successful successfully synced synchronized up updated uploaded \
    valid validated verified working";

/// Words in `-ing` that name no activity under way.
const NO_ACTIVITY: &str = "\
    binding conflicting during existing failing listening missing nothing ping ring routing running \
    serving string thing working";

fn is_one_of(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|w| w == word)
}

/// Tells whether a word names something under way: `creating`.
fn is_activity(word: &str) -> bool {
    is_one_of(PROGRESSING, word) || (word.len() > 5 && word.ends_with("ing") && !is_one_of(NO_ACTIVITY, word))
}

/// Says what a phase, state or reason stands for, if its words tell.
///
/// Trouble is looked for first, then work under way: `CreateFailed` is trouble, `ImportInProgress` is under way.
pub(super) fn meaning(text: &str) -> Option<HealthStatus> {
    let words = split(text);
    match words.join("").as_str() {
        "unknown" => return Some(Unknown),
        "notfound" | "missing" | "absent" | "doesnotexist" => return Some(Missing),
        "timedout" | "deadlineexceeded" | "backoff" | "rolledback" => return Some(Degraded),
        _ => {}
    }
    // A sentence is no state.
    if words.len() > 8 {
        return None;
    }
    if let Some(at) = words.iter().position(|w| is_one_of("not no non", w)) {
        return words[at + 1..].iter().find_map(|w| denied(w));
    }
    let has = |test: fn(&str) -> bool| words.iter().any(|w| test(w));
    if has(|w| is_one_of(DEGRADED, w)) {
        Some(Degraded)
    } else if has(|w| is_one_of(SUSPENDED, w)) {
        Some(Suspended)
    } else if has(is_activity) || words.iter().any(|w| words.len() == 1 && is_one_of(BEGINNING, w)) {
        Some(Progressing)
    } else if has(|w| is_one_of(HEALTHY, w)) {
        Some(Healthy)
    } else {
        None
    }
}

/// Says what the absence of something stands for: no errors is good, not ready is not there yet.
fn denied(word: &str) -> Option<HealthStatus> {
    if is_one_of(DECISIONS, word) || is_one_of("allowed supported permitted", word) {
        Some(Degraded)
    } else if is_one_of(DEGRADED, word) {
        Some(Healthy)
    } else if is_one_of(HEALTHY, word) {
        Some(Progressing)
    } else {
        None
    }
}

/// Things that somebody decides, so that their opposite is an answer and no delay.
const DECISIONS: &str = "accepted admitted compliant healthy resolved valid validated verified";

/// Tells whether a condition states a decision: `Accepted` that is false was refused.
pub(super) fn is_decision(name: &str) -> bool {
    split(name).iter().any(|w| is_one_of(DECISIONS, w) || w == "succeeded")
}

/// Tells whether the reason of an activity says that it is over: `NewReplicaSetAvailable`.
pub(super) fn is_arrival(reason: &str) -> bool {
    const OVER: &str = "available complete completed done expected finished ready succeeded";
    let words = split(reason);
    let denied = words.iter().any(|w| w == "not" || w == "no");
    !denied && words.iter().any(|w| is_one_of(OVER, w))
}

/// Tells whether the reason of an activity says that it failed before and is tried again.
pub(super) fn is_retry(reason: &str) -> bool {
    split(reason).iter().any(|w| is_one_of("retry retrying", w))
}

/// Says what a message hints at, for reasons that do not tell: trouble, or waiting.
pub(super) fn hint(message: &str) -> Option<HealthStatus> {
    const TROUBLE: &str = "fail|error|cannot|could not|can't|unable|denied|not found|invalid|timed out|timeout|\
        exceeded|refused|forbidden|unhealthy|terminated|back-off|backoff|does not exist|doesn't exist|unauthorized|\
        unreachable|conflict|not allowed|unknown|missing|unsupported|no such|rejected|misconfigured|is required|must be";
    const WAITING: &str = "waiting|wait for|pending|in progress|progressing|creating|starting|initializ|provisioning|\
        not yet|yet to|installing|updating|being |scheduled|will be|restoring|deploying|reconciling";
    let text = message.to_lowercase();
    let has = |list: &str| list.split('|').any(|phrase| text.contains(phrase));
    if has(TROUBLE) {
        Some(Degraded)
    } else if has(WAITING) {
        Some(Progressing)
    } else {
        None
    }
}

/// What a condition of a type means when it is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polarity {
    /// The object as a whole is there: `Ready`, `Available`.
    Whole,
    /// One thing it needs is there: `Synced`, `DatabaseReady`.
    Part,
    /// Trouble: `Failed`, `Stalled`.
    Trouble,
    /// Trouble of some part, which a true `Ready` outweighs: `PartiallyFailed`, `DiskPressure`.
    PartTrouble,
    /// Work under way: `Reconciling`.
    Activity,
    /// Halted on purpose: `Paused`.
    Halt,
    /// Says nothing about health: `ScalingLimited`.
    Neutral,
}

/// Reads the type of a condition.
pub(super) fn polarity(name: &str) -> Polarity {
    const WHOLE: &str = "ready available healthy succeeded complete completed finished";
    const PART: &str = "accepted admitted applied available bootstrapped bound built complete completed configured \
        connected created deployed established healthy initialised initialized installed issued launched loaded \
        programmed promoted provided provisioned published ready reachable reconciled registered resolved success \
        succeeded successful synced synchronized updated valid validated verified";
    const TROUBLE: &str = "conflict conflicts conflicted degraded denied error errors errored failed failing failure \
        invalid orphan orphaned rejected stalled unavailable unhealthy unreachable";
    const PART_TROUBLE: &str = "pressure mismatch violation violations misconfigured";
    const HALT: &str = "paused suspended hibernated hibernation ignored";
    let words = split(name);
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return Polarity::Neutral };
    let alone = words.len() == 1;
    let pair = (words.len() == 2).then_some((first.as_str(), last.as_str()));
    match first.as_str() {
        "not" | "non" | "invalid" => return Polarity::Trouble,
        "no" => return Polarity::Neutral,
        "partially" | "partial" => return Polarity::PartTrouble,
        _ => {}
    }
    if is_one_of(TROUBLE, last) {
        return if alone || first == "has" { Polarity::Trouble } else { Polarity::PartTrouble };
    }
    if is_one_of(PART_TROUBLE, last) {
        return Polarity::PartTrouble;
    }
    if is_one_of(HALT, last) {
        return Polarity::Halt;
    }
    if is_one_of(WHOLE, last) && alone {
        return Polarity::Whole;
    }
    // `ResolvedRefs` has its participle in front.
    if is_one_of(PART, last) || pair.is_some_and(|(first, _)| first == "resolved") {
        return Polarity::Part;
    }
    if pair.is_some_and(is_rolling) || last == "progress" || is_activity(last) {
        return Polarity::Activity;
    }
    Polarity::Neutral
}

fn is_rolling((first, last): (&str, &str)) -> bool {
    first == "rolling" && (last == "update" || last == "upgrade")
}

/// Tells whether objects of a kind run to an end, so that "running" is not the goal.
pub(super) fn runs_to_an_end(kind: &str) -> bool {
    const ONCE: &str = "\
        analysis backup build clone execution export import job migration operation request restore \
        experiment run scan snapshot task test workflow";
    let words = split(kind);
    let last = words.last().map_or("", String::as_str);
    // `CronJob` and `BackupSchedule` start such things and live on.
    is_one_of(ONCE, last) && !is_one_of("cron scheduled", words.first().map_or("", String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_as_people_read_them() {
        for (text, words) in [
            ("ImportInProgress", "import in progress"),
            ("HEALTH_OK", "health ok"),
            ("ACMEAccountRegistered", "acme account registered"),
            ("in-progress", "in progress"),
            ("RUNNING", "running"),
            ("", ""),
        ] {
            assert_eq!(split(text).join(" "), words, "{text}");
        }
    }

    #[test]
    fn trouble_is_seen_before_work_and_work_before_success() {
        for (text, want) in [
            ("CreateFailed", Some(Degraded)),
            ("ImportInProgress", Some(Progressing)),
            ("Running", Some(Healthy)),
            ("PROVISIONING", Some(Progressing)),
            ("NotReady", Some(Progressing)),
            ("NoErrors", Some(Healthy)),
            ("Hibernated", Some(Suspended)),
            ("NotFound", Some(Missing)),
            ("Unknown", Some(Unknown)),
            ("Blue", None),
        ] {
            assert_eq!(meaning(text), want, "{text}");
        }
    }

    #[test]
    fn condition_types_have_a_polarity() {
        for (name, want) in [
            ("Ready", Polarity::Whole),
            ("DatabaseReady", Polarity::Part),
            ("Synced", Polarity::Part),
            ("ResolvedRefs", Polarity::Part),
            ("Failed", Polarity::Trouble),
            ("HasErrors", Polarity::Trouble),
            ("NotReady", Polarity::Trouble),
            ("DiskPressure", Polarity::PartTrouble),
            ("Reconciling", Polarity::Activity),
            ("RollingUpdate", Polarity::Activity),
            ("Paused", Polarity::Halt),
            ("ScalingLimited", Polarity::Neutral),
            ("NoWarnings", Polarity::Neutral),
        ] {
            assert_eq!(polarity(name), want, "{name}");
        }
    }
}
