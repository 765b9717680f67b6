//! What status fields besides conditions say: phase and state words, error fields, flags, replica counts.

mod counts;
mod run;

use crate::health::verdict::{HealthVerdict, Subject};
use crate::health::words;
use crate::health::{HealthStatus, builtin};
use crate::object::{Kind, Node};

pub(super) use counts::{replicas, rollout};
pub(super) use run::run;

/// Fields that hold the state of the object as a whole.
const PHASE: &[&str] = &["phase", "state", "status", "health", "stage", "compliance", "compliant"];
/// Fields that hold how something ended.
const OUTCOME: &[&str] = &["result", "verdict", "outcome"];
/// Fields that hold errors, besides those that are named so.
const ERROR: &[&str] = &["errMsg", "errorDescription", "problems"];
const MESSAGE: &[&str] = &["message", "phaseReason", "reason", "statusMessage", "info"];

/// What words say.
#[derive(Debug, Default)]
pub(super) struct FieldWords {
    /// The word for the whole object.
    pub(super) phase: Option<HealthVerdict>,
    /// FieldWords for parts and aspects of it.
    pub(super) part: Option<HealthVerdict>,
}

/// Reads phase and state words.
pub(super) fn words(status: Node<'_>, kind: &str) -> FieldWords {
    if let Some(text) = status.as_str() {
        return FieldWords { phase: verdict(text, "", kind), part: None };
    }
    let message = message(status);
    let phase = PHASE.iter().filter_map(|f| status.str_at(&[f])).filter_map(|t| verdict(t, message, kind));
    let aspects = status.children().filter(|f| is_aspect(f.key())).filter_map(Node::as_str);
    let phase = phase.reduce(HealthVerdict::worse);
    // A feature that is off says nothing of the whole.
    let counts = |text: &&str| phase.is_none() || !words::is_off(text);
    let part = aspects.filter(counts).filter_map(|t| verdict(t, message, kind)).reduce(HealthVerdict::worse);
    let mut words = FieldWords { phase, part };
    let spoken = words.phase.is_some() || words.part.is_some();
    let outcome =
        nested(status, kind, if spoken { &["health", "result", "verdict", "outcome"] } else { OUTCOME });
    // A word for some aspect does not speak for what is further down.
    let nested = if words.phase.is_some() { None } else { nested(status, kind, PHASE) };
    // What is halted or has run to its end has no parts that still count.
    let over = words
        .phase
        .as_ref()
        .is_some_and(|phase| phase.status == HealthStatus::Suspended || words::is_finished(&phase.reason));
    let failed = if over { own_outcome(status) } else { failed_part(status, kind) };
    words.part =
        words.part.into_iter().chain(outcome).chain(nested).chain(failed).reduce(HealthVerdict::worse);
    words
}

/// Reads how badly something ended that has run to its end: `{phase: Done, result: Failed}`.
fn own_outcome(status: Node<'_>) -> Option<HealthVerdict> {
    let texts = OUTCOME.iter().filter_map(|name| status.str_at(&[name]));
    let failed = |text: &&str| words::meaning(text) == Some(HealthStatus::Degraded);
    texts.into_iter().find(failed).map(|text| HealthVerdict::degraded(text, message(status)))
}

/// Reads the words of maps further down: `status.result.state`.
fn nested(status: Node<'_>, kind: &str, names: &[&str]) -> Option<HealthVerdict> {
    let of_map = |m| names.iter().filter_map(move |f| Some((Node::str_at(m, &[f])?, message(m))));
    let found: Vec<_> = maps(status).flat_map(of_map).collect();
    let on = found.iter().any(|(text, _)| !words::is_off(text));
    let considered = found.iter().filter(|(text, _)| !on || !words::is_off(text));
    considered.filter_map(|(text, message)| verdict(text, message, kind)).reduce(HealthVerdict::worse)
}

/// Returns the maps in a status and those in them, but for what was and what is wanted.
fn maps<'a>(status: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    let is_map = |f: &Node<'_>| f.kind() == Kind::Map && !words::is_past(f.key());
    let maps = status.children().filter(is_map);
    maps.flat_map(move |m| std::iter::once(m).chain(m.children().filter(is_map)))
}

/// Returns the parts that a status lists: its nodes, domains, instances.
fn listed<'a>(status: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    let lists = status.children().filter(|f| f.kind() == Kind::List && f.key() != "conditions");
    lists
        .filter(|f| !words::is_past(f.key()) && !words::lists_runs(f.key()))
        .flat_map(Node::children)
        .filter(|e| e.kind() == Kind::Map)
}

/// Reads maps of states by the names of parts: `burnerStatus: {left: Ready, right: Failed}`.
fn by_name<'a>(status: Node<'a>) -> impl Iterator<Item = HealthVerdict> {
    let state = |field: Node<'a>| {
        let text = field.as_str()?;
        Some(HealthVerdict::new(words::meaning(text)?, text, format!("{} is {text}", field.key())))
    };
    let named = status
        .children()
        .filter(|m| m.kind() == Kind::Map && is_aspect(m.key()) && !m.key().ends_with("State"));
    let states = move |map: Node<'a>| map.children().map(state).collect::<Option<Vec<_>>>();
    named.filter_map(states).flatten()
}

/// Looks for a part that failed, whatever is said of the whole; in what runs to an end parts may be tried again.
fn failed_part(status: Node<'_>, kind: &str) -> Option<HealthVerdict> {
    if words::runs_to_an_end(kind) {
        return None;
    }
    let judge_part = |part: Node<'_>| {
        let text = PHASE.iter().find_map(|f| part.str_at(&[f]))?.to_owned();
        Some(HealthVerdict::new(words::meaning(&text)?, text, message(part)))
    };
    // `server: Failed`, whatever such a field is called.
    let plain = |field: Node<'_>| {
        let text = field.as_str().filter(|text| {
            let plain = ["failed", "error", "unhealthy", "faulted", "degraded", "crashloopbackoff"];
            plain.iter().any(|word| text.eq_ignore_ascii_case(word))
        });
        let key = words::split(field.key());
        let graded = matches!(key.last(), Some("type" | "level" | "severity" | "mode" | "policy"));
        let named = !graded
            && !words::is_past(field.key())
            && !words::is_last(field.key())
            && !MESSAGE.contains(&field.key());
        Some(HealthVerdict::new(HealthStatus::Degraded, text.filter(|_| named)?, message(status)))
    };
    let parts = listed(status).chain(maps(status)).filter_map(judge_part).chain(by_name(status));
    // `upgradeStatus.state: upgrading`
    let aspects = || status.children().filter(|m| m.kind() == Kind::Map && is_aspect(m.key()));
    let works = |v: &HealthVerdict| words::names_activity(&v.reason);
    parts
        .chain(status.children().filter_map(plain))
        .find(|v| v.status == HealthStatus::Degraded)
        .or_else(|| aspects().filter_map(judge_part).find(works))
}

fn is_aspect(key: &str) -> bool {
    let words = words::split(key);
    let last = words.last().unwrap_or_default();
    words.len() > 1
        && [
            "phase",
            "state",
            "status",
            "statuses",
            "health",
            "progress",
            "progression",
            "result",
            "outcome",
            "verdict",
        ]
        .contains(&last)
        && !words::is_past(key)
}

fn verdict(text: &str, message: &str, kind: &str) -> Option<HealthVerdict> {
    // `SyncReplica` may be the name of anything, "modify replica" is what somebody does.
    let is_step = words::is_step(text)
        && (words::runs_to_an_end(kind) || text.contains(' ') && text.starts_with(char::is_lowercase));
    let step = || is_step.then_some(HealthStatus::Progressing);
    let mut status = words::meaning(text).or_else(step)?;
    if status == HealthStatus::Healthy && words::runs_to_an_end(kind) && words::is_start(text) {
        status = HealthStatus::Progressing;
    }
    // "Pending" may be still to come, unless there is a reason for it; what is tried again has one.
    let waits = status == HealthStatus::Progressing && !words::is_retry(text);
    let why = words::hint(message) == Some(HealthStatus::Degraded) || words::says_not_found(message);
    if waits && why {
        status = HealthStatus::Degraded;
    }
    Some(HealthVerdict::new(status, text, message))
}

fn message(status: Node<'_>) -> &str {
    MESSAGE.iter().find_map(|f| status.str_at(&[f]).filter(|t| !t.is_empty())).unwrap_or_default().trim()
}

/// Reads error fields of the status and of the parts it lists.
pub(super) fn errors(status: Node<'_>) -> Option<HealthVerdict> {
    std::iter::once(status).chain(listed(status)).find_map(error)
}

fn error(status: Node<'_>) -> Option<HealthVerdict> {
    status.children().filter(|field| is_error(field.key())).find_map(|node| {
        let text = match node.kind() {
            Kind::Str => node.as_str().unwrap_or_default().trim(),
            Kind::Map if !node.is_empty() => node.str_at(&["message"]).unwrap_or("see the object"),
            Kind::List if !node.is_empty() => node
                .children()
                .find_map(|e| e.as_str().or_else(|| e.str_at(&["message"])))
                .unwrap_or("see the object"),
            _ => "",
        };
        (!is_no_error(text)).then(|| HealthVerdict::degraded("Error", text))
    })
}

/// Returns `true` if a field of this name holds errors: `lastError`, `syncErrors`.
fn is_error(key: &str) -> bool {
    let words = words::split(key);
    let is_of_error = |w: &str| matches!(w, "error" | "errors" | "failure" | "invalid");
    let mut rest = words.iter().rev();
    let own = match rest.next() {
        Some("error" | "errors") => true,
        Some("reason" | "message" | "details") => rest.next().is_some_and(is_of_error),
        _ => false,
    };
    ERROR.contains(&key) || (own && !matches!(words.first(), Some("ignored" | "previous" | "no")))
}

/// Returns `true` if an error field says that there is none.
fn is_no_error(text: &str) -> bool {
    ["", "none", "nil", "null", "ok", "no error", "no errors"]
        .iter()
        .any(|none| text.eq_ignore_ascii_case(none))
}

/// Reads counts of what failed: `status.failedTasksCount`, `status.degradedMachineCount`.
///
/// Pods and runs that failed are left out: their controllers start new ones.
pub(super) fn failures(status: Node<'_>) -> Option<HealthVerdict> {
    const STANDING: &[&str] =
        &["count", "tasks", "nodes", "machines", "members", "instances", "replicas", "shards", "targets"];
    let by_count = std::iter::once(status).chain(maps(status)).find_map(failed_of_all);
    let by_name = status.children().find_map(|field| {
        let words = words::split(field.key());
        // What is unhealthy may be listed to be cared for; what failed has.
        let is_list = field.kind() == Kind::List && words.first() == Some("failed");
        let listed = if is_list { i64::try_from(field.len()).ok() } else { field.as_i64() };
        let count = listed.filter(|n| *n > 0)?;
        let first = ["failed", "degraded", "unhealthy", "faulted", "misconfigured"].contains(&words.first()?);
        let transient =
            words.iter().any(|w| ["pod", "job", "run", "attempt", "retry", "restart"].contains(&w));
        let standing =
            first && !transient && words.len() > 1 && (is_list || STANDING.contains(&words.last()?));
        standing.then(|| HealthVerdict::degraded(field.key(), format!("status.{} is {count}", field.key())))
    });
    by_count.or(by_name)
}

/// Counts what failed where nothing is left to be tried: `{desired: 3, succeeded: 2, failed: 1}`.
fn failed_of_all(status: Node<'_>) -> Option<HealthVerdict> {
    let number = |name: &str| status.get(name).and_then(Node::as_i64);
    let failed = number("failed").filter(|n| *n > 0)?;
    let wanted = ["desired", "total", "expected"].iter().find_map(|name| number(name))?;
    let done: i64 =
        ["succeeded", "completed", "skipped", "ready"].iter().filter_map(|name| number(name)).sum();
    let message = format!("{failed} of {wanted} failed");
    (wanted > 0 && done.saturating_add(failed) >= wanted).then(|| HealthVerdict::degraded("failed", message))
}

/// Reads counts of failures of any name, for statuses in which nothing else tells: `stats.renderFailures`.
pub(super) fn failure_counts(status: Node<'_>) -> Option<HealthVerdict> {
    let count = |field: Node<'_>| {
        let words = words::split(field.key());
        let mut names = words.iter().filter(|w| !matches!(*w, "count" | "total" | "number" | "num"));
        let named = matches!(
            names.next_back(),
            Some("failures" | "failure" | "errors" | "error" | "failed" | "fail")
        );
        let n = field.as_i64().filter(|_| named)?;
        let status = if n > 0 { HealthStatus::Degraded } else { HealthStatus::Healthy };
        Some(HealthVerdict::new(status, field.key(), format!("{} is {n}", field.key())))
    };
    let all = status.children().chain(maps(status).flat_map(Node::children));
    all.filter_map(count).reduce(HealthVerdict::worse)
}

/// An object that stands for something elsewhere and was given its name there; or a quota that is kept.
pub(super) fn given(subject: &Subject<'_>, status: Node<'_>) -> Option<HealthVerdict> {
    if words::runs_to_an_end(subject.kind)
        || status.get("conditions").is_some()
        || builtin::is_of_kubernetes(subject.group)
    {
        return None;
    }
    if status.get("hard").is_some() && status.get("used").is_some() {
        return Some(HealthVerdict::healthy("Counted", "what is used is counted"));
    }
    let given = status.children().find(|field| {
        let words = words::split(field.key());
        let named =
            matches!(words.last(), Some("id" | "ids" | "arn" | "url" | "endpoint" | "address" | "ip"));
        named && !words.has("run") && field.as_str().is_some_and(|t| !t.is_empty())
    })?;
    Some(HealthVerdict::healthy("Given", format!("status.{} is set", given.key())))
}

/// Reads booleans that are named as a state: `status.ready`, also in the map that is about its health.
pub(super) fn flags(status: Node<'_>) -> Option<HealthVerdict> {
    let health = status.get("health").filter(|h| h.kind() == Kind::Map);
    let of_health = health.into_iter().flat_map(Node::children);
    let found = of_health
        .filter_map(of_health_flag)
        .chain(status.children().filter_map(flag))
        .reduce(HealthVerdict::worse)?;
    // What is not ready may say why.
    let failed = found.status == HealthStatus::Progressing
        && words::hint(message(status)) == Some(HealthStatus::Degraded);
    Some(if failed { HealthVerdict { status: HealthStatus::Degraded, ..found } } else { found })
}

/// Reads the flags of maps further down, for statuses in which nothing else tells: `settings.reconciled`.
pub(super) fn nested_flags(status: Node<'_>) -> Option<HealthVerdict> {
    let good = |field: Node<'_>| {
        let is = truth(field).filter(|_| words::is_good(field.key()))?;
        let status = if is { HealthStatus::Healthy } else { HealthStatus::Progressing };
        Some(HealthVerdict::new(status, field.key(), format!("{} is {is}", field.key())))
    };
    let own = status.children().filter_map(good);
    let checks = maps(status).filter(|m| matches!(words::split(m.key()).last(), Some("checks" | "results")));
    let checked = checks.flat_map(Node::children).filter_map(|field| {
        let is = truth(field)?;
        let status = if is { HealthStatus::Healthy } else { HealthStatus::Degraded };
        Some(HealthVerdict::new(status, field.key(), format!("{} is {is}", field.key())))
    });
    let of_maps = maps(status).flat_map(Node::children);
    let own = own.chain(checked).chain(maps(status).filter_map(error));
    own.chain(of_maps.filter_map(|f| flag(f).or_else(|| good(f)))).reduce(HealthVerdict::worse)
}

/// Reads lists of the names of parts by their state, for statuses in which nothing else tells:
/// `{ready: [a, b], starting: [c], failed: []}`.
pub(super) fn names_by_state(status: Node<'_>) -> Option<HealthVerdict> {
    let by_state = |map: Node<'_>| {
        let lists = map.children().filter(|f| f.kind() == Kind::List && !f.is_empty());
        let judge = |list: Node<'_>| {
            let says = words::meaning(list.key()).filter(|s| *s != HealthStatus::Suspended)?;
            let status = if says == HealthStatus::Missing { HealthStatus::Degraded } else { says };
            let unready = matches!(list.key(), "unready" | "unavailable");
            let status = if unready { HealthStatus::Progressing } else { status };
            Some(HealthVerdict::new(status, list.key(), format!("{} are {}", list.len(), list.key())))
        };
        lists.filter_map(judge).reduce(HealthVerdict::worse)
    };
    maps(status).filter_map(by_state).reduce(HealthVerdict::worse)
}

/// Reads flags that say that a person has to act: `waitingForCommand`.
pub(super) fn waits(status: Node<'_>) -> Option<HealthVerdict> {
    let waits = |field: Node<'_>| {
        truth(field).filter(|is| *is && words::waits_for_a_person(field.key()))?;
        Some(HealthVerdict::suspended(field.key(), "it waits for somebody"))
    };
    status.children().chain(maps(status).flat_map(Node::children)).find_map(waits)
}

fn of_health_flag(field: Node<'_>) -> Option<HealthVerdict> {
    match (field.key(), truth(field)?) {
        ("available", false) => {
            Some(HealthVerdict::degraded("available", "status.health.available is false"))
        }
        _ => flag(field),
    }
}

fn flag(field: Node<'_>) -> Option<HealthVerdict> {
    let (key, is) = (field.key(), truth(field)?);
    let name = key.strip_prefix("is").filter(|n| n.starts_with(char::is_uppercase)).unwrap_or(key);
    let status = match (words::split(name).text(), is) {
        ("ready" | "readytouse" | "available" | "healthy" | "synced" | "valid", true)
        | ("succeeded" | "completed" | "complete" | "connected" | "bound" | "established", true)
        | ("pass" | "passed" | "up" | "online" | "reachable" | "operational", true) => HealthStatus::Healthy,
        ("ready" | "readytouse" | "available" | "synced" | "completed", false)
        | ("complete" | "bound" | "established" | "operational", false) => HealthStatus::Progressing,
        ("healthy" | "valid" | "connected" | "pass" | "passed" | "up" | "online" | "reachable", false)
        | ("failed" | "degraded" | "error", true) => HealthStatus::Degraded,
        ("paused" | "suspended" | "stopped" | "hibernated", true) => HealthStatus::Suspended,
        _ => named_flag(name, is)?,
    };
    Some(HealthVerdict::new(status, key, format!("status.{key} is {is}")))
}

/// Reads a flag with a name of several words: `certificatesReady`, `hasErrors`, `isStuckOnRemoval`.
fn named_flag(name: &str, is: bool) -> Option<HealthStatus> {
    const OTHERS: &[&str] =
        &["ignore", "skip", "allow", "allowed", "retry", "on", "no", "not", "was", "last", "previous"];
    let words = words::split(name);
    let (first, last) = (words.first()?, words.last()?);
    let counts = !OTHERS.contains(&first);
    match last {
        "ready" | "healthy" if counts && words.len() > 1 => {
            Some(if is { HealthStatus::Healthy } else { HealthStatus::Progressing })
        }
        _ if is && words::is_halt(last) && words.iter().any(words::is_about_reconciling) => {
            Some(HealthStatus::Suspended)
        }
        _ if is
            && counts
            && ((words::is_trouble(last) && !last.starts_with("warn")) || words.has("stuck")) =>
        {
            Some(HealthStatus::Degraded)
        }
        _ => None,
    }
}

/// Reads flags that say that a step was done, for statuses in which nothing else tells: `status.created`.
pub(super) fn steps(status: Node<'_>) -> Option<HealthVerdict> {
    const STEPS: &[&str] = &[
        "applied",
        "created",
        "deployed",
        "enforced",
        "finished",
        "initialized",
        "installed",
        "provisioned",
        "registered",
    ];
    let judge_field = |field: Node<'_>| {
        let is = truth(field).filter(|_| STEPS.contains(&field.key()) || is_done(field.key()))?;
        // A step that is not done and has a reason was tried.
        let status_of_false = words::meaning(message(status)).or_else(|| words::hint(message(status)));
        let verdict =
            if is { HealthStatus::Healthy } else { status_of_false.unwrap_or(HealthStatus::Progressing) };
        Some(HealthVerdict::new(verdict, field.key(), format!("status.{} is {is}", field.key())))
    };
    let parts = listed(status).flat_map(Node::children).filter_map(judge_field);
    status.children().filter_map(judge_field).chain(parts).reduce(HealthVerdict::worse)
}

/// Returns `true` if a flag says that something was done to a part: `accessGranted`.
fn is_done(key: &str) -> bool {
    let words = words::split(key);
    let done = words.last().is_some_and(|w| w.ends_with("ed") && words::is_good(w));
    words.len() > 1 && done && !words.has("not") && !words::is_past(key) && !words::is_last(key)
}

/// Reads single words in fields of any name, for statuses in which nothing else tells: `status.result`.
pub(super) fn any_word(status: Node<'_>, kind: &str) -> Option<HealthVerdict> {
    let fields = status.children().filter(|f| !words::is_past(f.key()) && !MESSAGE.contains(&f.key()));
    let single = fields.filter_map(Node::as_str).filter(|t| words::split(t).len() == 1);
    let words = single.filter_map(|text| verdict(text, message(status), kind)).reduce(HealthVerdict::worse);
    let part = |part: Node<'_>| {
        let text = PHASE.iter().chain(OUTCOME).find_map(|f| part.str_at(&[f]))?.to_owned();
        verdict(&text, message(part), kind)
    };
    // Maps of states by name: `nodeStatus: {a: complete, b: failed}`.
    let of_maps = || {
        let texts = maps(status).flat_map(Node::children).filter_map(Node::as_str);
        let texts = texts.filter(|t| (1..=2).contains(&words::split(t).len()));
        let found = texts.filter_map(|text| verdict(text, message(status), kind));
        // A part that is missing is trouble of the whole.
        let worst = found.reduce(HealthVerdict::worse)?;
        let is_missing = worst.status == HealthStatus::Missing;
        Some(HealthVerdict {
            status: if is_missing { HealthStatus::Degraded } else { worst.status },
            ..worst
        })
    };
    words
        .or_else(|| verdict(status.str_at(&["reason"])?, message(status), kind))
        .or_else(of_maps)
        .or_else(|| listed(status).filter_map(part).reduce(HealthVerdict::worse))
}

/// Reads a boolean, also one that was written as text.
fn truth(node: Node<'_>) -> Option<bool> {
    node.as_bool().or_else(|| match node.as_str()? {
        "true" | "True" => Some(true),
        "false" | "False" => Some(false),
        _ => None,
    })
}
