//! What the words mean that controllers put into phases, states, reasons and condition types.
//!
//! Names are split into words (`ImportInProgress`, `HEALTH_OK`, `not-ready`) and looked up; no name of a kind or of
//! an operator is in here.

mod lexicon;
mod message;
mod polarity;

use super::HealthStatus::{self, Degraded, Healthy, Missing, Progressing, Suspended, Unknown};
use lexicon::{Sense, senses};
pub(crate) use message::hint;
pub(super) use message::says_not_found;
pub(crate) use polarity::{Polarity, polarity};

/// How much of a text is looked at: a name is short.
const MAX_NAME: usize = 200;
/// The lower-case words of a name or a phrase.
#[derive(Debug, Default)]
pub(super) struct Words {
    text: String,
    /// Where each word ends in the text.
    ends: Vec<usize>,
}

impl Words {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns the words without anything between them.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &str> {
        (0..self.len()).map(|i| {
            let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.text[start..self.ends[i]]
        })
    }

    pub(super) fn first(&self) -> Option<&str> {
        self.iter().next()
    }

    pub(super) fn last(&self) -> Option<&str> {
        self.iter().next_back()
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.iter().any(|w| w == word)
    }

    fn any(&self, sense: Sense) -> bool {
        self.iter().any(|w| senses(w).has(sense))
    }
}

/// Splits an identifier or a phrase into lower-case words.
pub(super) fn split(text: &str) -> Words {
    let mut words = Words::default();
    let mut fresh = true;
    let mut before = None;
    let mut chars = text.chars().take(MAX_NAME).peekable();
    while let Some(c) = chars.next() {
        if !c.is_alphanumeric() {
            (fresh, before) = (true, Some(c));
            continue;
        }
        // `ReadyToUse` breaks before a capital; `ACMEAccount` before the last capital of a run.
        let after_lower = before.is_some_and(char::is_lowercase);
        let before_lower = chars.peek().is_some_and(|n| n.is_lowercase());
        if fresh || (c.is_uppercase() && (after_lower || before_lower)) {
            words.ends.push(words.text.len());
            fresh = false;
        }
        words.text.extend(c.to_lowercase());
        before = Some(c);
        if let Some(end) = words.ends.last_mut() {
            *end = words.text.len();
        }
    }
    words
}

/// Returns `true` if a word names something under way: `creating`.
fn is_activity(word: &str) -> bool {
    let known = senses(word);
    known.has(Sense::UnderWay) || (word.len() > 5 && word.ends_with("ing") && !known.has(Sense::NoActivity))
}

/// Returns what a phase, state or reason stands for, if its words are known.
///
/// Trouble is looked for first, then work under way: `CreateFailed` is trouble, `ImportInProgress` is under way.
pub(crate) fn meaning(text: &str) -> Option<HealthStatus> {
    let words = split(text);
    match words.text.as_str() {
        "unknown" => return Some(Unknown),
        "notfound" | "missing" | "absent" | "doesnotexist" => return Some(Missing),
        "timedout" | "deadlineexceeded" | "down" | "backoff" | "rolledback" => return Some(Degraded),
        "off" | "poweredoff" | "shutdown" | "shutoff" | "onhold" => return Some(Suspended),
        "outofsync" | "outofdate" | "binding" => return Some(Progressing),
        _ => {}
    }
    // A sentence is no state.
    if words.len() > 8 {
        return None;
    }
    if let Some(status) = words.iter().zip(words.iter().skip(1)).find_map(of_pair) {
        return Some(status);
    }
    let mut rest = words.iter();
    let mut failed = false;
    // `FailedNotVisible` failed; `NotFailed` did not.
    if rest.any(|w| {
        failed |= senses(w).has(Sense::Trouble);
        senses(w).has(Sense::Denial)
    }) && !failed
    {
        return rest.find_map(denied);
    }
    if failed || words.iter().any(is_trouble_word) {
        // What is said to pass is tried again.
        let passes = words.iter().any(|w| matches!(w, "temporary" | "transient" | "intermittent"));
        Some(if passes { Progressing } else { Degraded })
    } else if let Some(status) = words.iter().find_map(denied_within) {
        Some(status)
    } else if words.any(Sense::Halted) || words.has("approval") || waits_for_a_person(text) {
        // What waits for somebody's approval does not go on by itself.
        Some(Suspended)
    } else if words.iter().any(is_activity) || (words.len() == 1 && words.any(Sense::Beginning)) {
        Some(Progressing)
    } else if words.any(Sense::Good) {
        Some(if words.has("partial") || words.has("partially") {
            in_part(&words)
        } else if words.iter().any(|w| w.starts_with("rollback")) {
            // What had to be taken back did not go well.
            Degraded
        } else {
            Healthy
        })
    } else if words.len() <= 3 && words.last().is_some_and(|w| senses(w).has(Sense::Beginning)) {
        Some(Progressing)
    } else {
        None
    }
}

/// Returns what two words mean that mean something else one by one: `CrashLoopBackOff`, `FailingOver`.
fn of_pair(pair: (&str, &str)) -> Option<HealthStatus> {
    match pair {
        ("back", "off") | ("of", "memory") | ("timed", "out") | ("rolled", "back") | ("split", "brain") => {
            Some(Degraded)
        }
        ("to", "be") => Some(Progressing),
        ("in", "sync") => Some(Healthy),
        ("on", "hold") | ("action", "required" | "needed") => Some(Suspended),
        ("fail" | "failing", "over") => Some(Progressing),
        ("failed", "over") => Some(Healthy),
        _ => None,
    }
}

/// Returns `true` if a word names trouble, also one that others were written into: `CREATEFAILED`.
fn is_trouble_word(word: &str) -> bool {
    let known = senses(word);
    let joined = || ["failed", "failure", "error"].iter().any(|end| word.ends_with(end));
    known.has(Sense::Trouble) || (known.is_empty() && joined())
}

/// Reads a word that denies a good one in itself: `NOTREADY`, `unprovisioned`.
fn denied_within(word: &str) -> Option<HealthStatus> {
    let good = ["not", "non", "un"].iter().find_map(|denial| word.strip_prefix(denial));
    denied(good.filter(|w| senses(word).is_empty() && senses(w).has(Sense::Good))?)
}

/// Returns what something good stands for that is so in part: what is over stays so, what is ready in part may become it.
fn in_part(words: &Words) -> HealthStatus {
    let over = words.iter().any(|w| w.starts_with("succe") || w.starts_with("complete"));
    if over { Degraded } else { Progressing }
}

/// Returns `true` if a name says that a person has to act: `WaitingForConfirmation`, `PendingReview`.
pub(super) fn waits_for_a_person(text: &str) -> bool {
    const WAITS: &[&str] =
        &["awaiting", "awaits", "needs", "pending", "required", "requires", "wait", "waiting", "waits"];
    const ACTS: &[&str] = &[
        "acknowledgement",
        "command",
        "confirmation",
        "decision",
        "human",
        "input",
        "intervention",
        "manual",
        "operator",
        "promotion",
        "review",
        "approval",
        "user",
    ];
    let words = split(text);
    words.iter().any(|w| WAITS.contains(&w)) && words.iter().any(|w| ACTS.contains(&w))
}

/// Returns `true` if a state names a step by what is to be done: `SyncReplica`, `WaitForJob`.
pub(super) fn is_step(text: &str) -> bool {
    const STEPS: &[&str] = &[
        "add",
        "apply",
        "attach",
        "backup",
        "check",
        "clean",
        "clone",
        "copy",
        "create",
        "delete",
        "detach",
        "download",
        "drain",
        "export",
        "import",
        "init",
        "initialize",
        "migrate",
        "modify",
        "mount",
        "move",
        "prepare",
        "pull",
        "push",
        "restore",
        "rollout",
        "run",
        "send",
        "stage",
        "start",
        "stop",
        "sync",
        "transfer",
        "unmount",
        "update",
        "upgrade",
        "upload",
        "validate",
        "verify",
        "wait",
    ];
    split(text).first().is_some_and(|w| STEPS.contains(&w))
}

/// Returns `true` if a reason says that something ran to its end, and well: `PodSucceeded`.
pub(super) fn is_finish(reason: &str) -> bool {
    let words = split(reason);
    let last = matches!(words.last(), Some("completed" | "finished" | "succeeded"));
    last && meaning(reason) == Some(Healthy)
}

/// Returns `true` if a reason speaks of warnings and of no other trouble: `CompletedWithWarning`.
pub(super) fn is_warning(reason: &str) -> bool {
    let is_mild = |w: &str| matches!(w, "warn" | "warning" | "warnings");
    let words = split(reason);
    words.iter().any(is_mild) && words.iter().all(|w| is_mild(w) || !is_trouble(w))
}

/// Returns `true` if a reason says that whoever reports is not heard of: `NodeStatusUnknown`, `AgentUnreachable`.
pub(super) fn is_out_of_contact(reason: &str) -> bool {
    let words = split(reason);
    let silent =
        |w: &str| matches!(w, "disconnected" | "lost" | "stopped" | "timeout" | "unknown" | "unreachable");
    words.len() > 1 && words.last().is_some_and(silent)
}

/// Returns `true` if a condition's type is one that work brings about by and by: `UpToDate`, `Balanced`.
pub(super) fn is_of_degree(name: &str) -> bool {
    let words = split(name);
    words.text().ends_with("uptodate") || words.last() == Some("balanced")
}

/// Returns `true` if a name is about the last time: `LastBackupSucceeded`.
pub(super) fn is_last(name: &str) -> bool {
    split(name).first() == Some("last")
}

/// Returns `true` if a list of this name is about runs and attempts, each of which may fail: `recentRuns`.
pub(super) fn lists_runs(name: &str) -> bool {
    const RUNS: &[&str] = &[
        "attempts",
        "backups",
        "events",
        "executions",
        "hooks",
        "jobs",
        "operations",
        "revisions",
        "runs",
        "tasks",
    ];
    let words = split(name);
    words.last().is_some_and(|w| RUNS.contains(&w))
        || matches!(words.first(), Some("last" | "past" | "recent"))
}

/// Returns `true` if a name says that something it needs is not there: `ParentMissing`, `SecretNotFound`.
pub(super) fn is_missing(text: &str) -> bool {
    let words = split(text);
    let mut last = words.iter().rev();
    matches!(
        (last.next(), last.next()),
        (Some("missing" | "absent"), _) | (Some("found" | "exist"), Some("not"))
    )
}

/// Returns `true` if a state says that a thing is switched off, which is no halt where it is one of several.
pub(super) fn is_off(text: &str) -> bool {
    let words = split(text);
    words.len() == 1
        && words.iter().any(|w| matches!(w, "disabled" | "inactive" | "standby" | "off" | "idle"))
}

/// Returns `true` if a state says that something ran to its end, and well: `Succeeded`.
pub(super) fn is_finished(text: &str) -> bool {
    let words = split(text);
    let ends = |w: &str| senses(w).has(Sense::Over) && !matches!(w, "available" | "ready" | "expected");
    words.len() == 1 && words.iter().any(ends)
}

/// Returns `true` if a word names good standing: `synced`, `ready`.
pub(super) fn is_good(word: &str) -> bool {
    senses(word).has(Sense::Good)
}

/// Returns `true` if a word names trouble: `failed`, `stuck`.
pub(super) fn is_trouble(word: &str) -> bool {
    senses(word).has(Sense::Trouble)
}

/// Returns `true` if a word names a halt: `paused`.
pub(super) fn is_halt(word: &str) -> bool {
    senses(word).has(Sense::Halted)
}

/// Returns `true` if a word is about reconciling: `reconcile`, `reconciliation`.
pub(super) fn is_about_reconciling(word: &str) -> bool {
    word.starts_with("reconcil")
}

/// Returns what the absence of something stands for: no errors is good, not ready is not there yet.
fn denied(word: &str) -> Option<HealthStatus> {
    let known = senses(word);
    // Somebody has yet to do it.
    if matches!(word, "approved" | "enabled") {
        Some(Suspended)
    } else if known.has(Sense::Vital)
        || known.has(Sense::Decision)
        || matches!(word, "allowed" | "supported" | "permitted")
    {
        Some(Degraded)
    } else if known.has(Sense::Trouble) {
        Some(Healthy)
    } else if known.has(Sense::Good) {
        Some(Progressing)
    } else {
        None
    }
}

/// Returns `true` if a condition states a decision: `Accepted` that is false was refused.
pub(super) fn is_decision(name: &str) -> bool {
    split(name).iter().any(|w| senses(w).has(Sense::Decision) || w == "succeeded")
}

/// Returns `true` if a reason names work in so many words: `CreateInProgress`, and not `NotReady`.
pub(super) fn names_activity(reason: &str) -> bool {
    meaning(reason) == Some(Progressing) && split(reason).iter().any(is_activity)
}

/// Returns `true` if the reason of an activity says that it is over: `NewReplicaSetAvailable`.
pub(super) fn is_arrival(reason: &str) -> bool {
    let words = split(reason);
    words.any(Sense::Over) && !words.has("not") && !words.has("no")
}

/// Returns `true` if the reason of an activity says that it failed before and is tried again.
pub(super) fn is_retry(reason: &str) -> bool {
    let words = split(reason);
    words.has("retry") || words.has("retrying")
}

/// Returns `true` if a word says that something began and not that it ended.
pub(super) fn is_start(text: &str) -> bool {
    split(text).any(Sense::Start)
}

/// Returns `true` if a field is about what was or what is wanted, and not about what is.
pub(super) fn is_past(key: &str) -> bool {
    let words = split(key);
    let first = words.first().unwrap_or_default();
    ["previous", "prev", "old", "desired", "target", "wanted", "history"].contains(&first)
        || words.last() == Some("history")
}

/// Returns `true` if objects of a kind run to an end, so that "running" is not the goal.
pub(super) fn runs_to_an_end(kind: &str) -> bool {
    let words = split(kind);
    // `CronJob` and `BackupSchedule` start such things and live on.
    words.last().is_some_and(|w| senses(w).has(Sense::RunsOnce))
        && !matches!(words.first(), Some("cron" | "scheduled"))
}

/// Returns `true` if objects of a kind start others at set times: `CronWorkflow`, `Schedule`.
pub(super) fn is_schedule(kind: &str) -> bool {
    let words = split(kind);
    matches!(words.first(), Some("cron" | "scheduled")) || words.last() == Some("schedule")
}

/// Returns `true` if objects of a kind are read by others and seldom have a status: `WorkflowTemplate`.
pub(super) fn is_configuration(kind: &str) -> bool {
    let words = split(kind);
    matches!(words.last(), Some("class" | "template" | "config" | "parameters" | "preset" | "usage"))
}

#[cfg(test)]
mod tests;
