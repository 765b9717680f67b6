//! Objects that somebody halted: by their spec, an annotation or a label.

use crate::health::HealthStatus;
use crate::health::verdict::{HealthVerdict, Subject};
use crate::health::words;
use crate::object::{Kind, Node};

/// Words for what a switch of the spec halts; others name a part that is none of the whole's business.
const WHOLE: &[&str] = &[
    "all",
    "cluster",
    "dispatching",
    "instance",
    "is",
    "mode",
    "operator",
    "processing",
    "reconcile",
    "reconciliation",
    "rollout",
    "scheduling",
    "sync",
];
const SWITCHES: &[&str] = &[
    "halt",
    "halted",
    "hibernate",
    "hibernated",
    "pause",
    "paused",
    "shutdown",
    "skip",
    "stop",
    "stopped",
    "suspend",
    "suspended",
];
/// Switches that halt only under this very name.
const ALONE: &[&str] = &["disabled", "maintenance", "maintenanceMode", "standby", "unmanaged"];
/// Maps of the spec that halt when they are enabled: `hibernation: {enabled: true}`.
const MODES: &[&str] = &["hibernate", "hibernation", "maintenance", "pause", "suspend", "suspension"];
/// Switches that halt when they are false.
const RUNS: &[&str] = &["active", "enable", "enabled", "run", "running"];

/// Returns the verdict for an object that is halted on purpose.
pub(super) fn halted(subject: &Subject<'_>) -> Option<HealthVerdict> {
    let spec = subject.at(&["spec"]);
    let fields = || spec.into_iter().flat_map(Node::children);
    // What has run to its end has nothing left to halt.
    let over = words::runs_to_an_end(subject.kind) && is_over(subject);
    if let Some(field) =
        fields().filter(|_| !over).find(|f| is_on(*f).is_some_and(|on| switches_off(f.key(), on)))
    {
        return Some(switched(field.key(), field));
    }
    let enabled = |map: Node<'_>| {
        let named = words::split(map.key()).last().is_some_and(|w| MODES.contains(&w));
        map.get("enabled").is_some_and(|on| on.as_bool() == Some(true)) && named
    };
    if let Some(map) = fields().filter(|f| f.kind() == Kind::Map).find(|map| enabled(*map)) {
        let message = format!("spec.{}.enabled is true", map.key());
        return Some(HealthVerdict::suspended("Suspended", message));
    }
    if let Some((name, field)) = spec.and_then(|spec| of_manner(spec, 3)) {
        return Some(switched(&name, field));
    }
    let wanted = fields().find(|f| f.as_str().is_some_and(|text| is_wanted_halt(f.key(), text)));
    let wanted = wanted.filter(|_| !is_over(subject)).map(|f| (f.key().to_owned(), f));
    let job = || Some(("job.state".to_owned(), spec?.at(&["job", "state"])?));
    let job = || job().filter(|(_, f)| f.as_str().is_some_and(is_halt));
    let wanted = wanted.or_else(job).map(|(name, field)| {
        let text = field.as_str().unwrap_or_default();
        HealthVerdict::suspended("Suspended", format!("spec.{name} is {text}"))
    });
    wanted.or_else(|| ["annotations", "labels"].iter().find_map(|field| noted(subject, field)))
}

/// Looks for a switch in the maps that say in which manner the whole is run: `runPolicy.suspend`,
/// `updateStrategy.rollingUpdate.paused`, `schedule.state.paused`.
fn of_manner<'a>(map: Node<'a>, depth: usize) -> Option<(String, Node<'a>)> {
    const MANNER: &[&str] = &["policy", "rollout", "schedule", "state", "strategy", "suspension", "update"];
    let maps = map.children().filter(|m| m.kind() == Kind::Map);
    let of_manner_maps = maps.filter(|m| words::split(m.key()).last().is_some_and(|w| MANNER.contains(&w)));
    let found = |m: Node<'a>| {
        let own = m.children().find(|f| {
            let is_switch = matches!(f.key(), "pause" | "paused" | "suspend" | "suspended");
            f.as_bool() == Some(true) && (is_switch || (m.key() == "suspension" && WHOLE.contains(&f.key())))
        });
        let own = own.map(|f| (format!("{}.{}", m.key(), f.key()), f));
        let deeper = || of_manner(m, depth - 1).map(|(name, f)| (format!("{}.{name}", m.key()), f));
        own.or_else(|| if depth > 1 { deeper() } else { None })
    };
    of_manner_maps.into_iter().find_map(found)
}

fn switched(name: &str, field: Node<'_>) -> HealthVerdict {
    let on = is_on(field).unwrap_or_default();
    HealthVerdict::suspended("Suspended", format!("spec.{name} is {on}"))
}

/// Reads a switch, also one that was written as text.
fn is_on(field: Node<'_>) -> Option<bool> {
    field.as_bool().or_else(|| field.as_str()?.parse().ok())
}

/// Returns `true` if a switch of the spec halts the object: `paused: true`, `running: false`.
fn switches_off(key: &str, on: bool) -> bool {
    if !on {
        return RUNS.contains(&key);
    }
    let words = words::split(key);
    let halts = words.iter().any(|w| SWITCHES.contains(&w));
    ALONE.contains(&key) || (halts && words.iter().all(|w| SWITCHES.contains(&w) || WHOLE.contains(&w)))
}

/// Returns `true` if a field of the spec says in words that a halt is wanted: `powerState: Hibernating`.
fn is_wanted_halt(key: &str, text: &str) -> bool {
    let words = words::split(key);
    let named = words.last() == Some("state")
        && !matches!(words.first(), Some("previous" | "prev" | "old" | "initial"));
    (named || key.starts_with("desiredState") || key == "runStrategy") && is_halt(text)
}

fn is_halt(text: &str) -> bool {
    words::meaning(text) == Some(HealthStatus::Suspended)
        || ["unmanaged", "stop", "suspend", "pause"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Returns `true` if a word of the status says that it ran to its end, after which nothing is left to halt.
fn is_over(subject: &Subject<'_>) -> bool {
    let status = subject.status();
    status.into_iter().flat_map(Node::children).filter_map(Node::as_str).any(words::is_finished)
}

/// Looks for a note that halts: `example.org/paused: "true"`, `example.org/reconcile: disabled`.
fn noted(subject: &Subject<'_>, field: &str) -> Option<HealthVerdict> {
    let notes = subject.at(&["metadata", field])?;
    let note = notes.children().find(|note| halts(note.key(), note.as_str().unwrap_or_default()))?;
    let (one, value) = (field.trim_end_matches('s'), note.as_str().unwrap_or_default());
    Some(HealthVerdict::suspended("Suspended", format!("{one} {} is {value:?}", note.key())))
}

fn halts(key: &str, value: &str) -> bool {
    const HALT: &[&str] =
        &["pause", "paused", "suspend", "suspended", "hibernate", "hibernation", "stopped", "frozen"];
    const DENIES: &[&str] =
        &["not", "no", "skip", "disable", "disabled", "block", "blocked", "ignore", "stop", "hold"];
    let name = key.rsplit('/').next().unwrap_or_default();
    let words = words::split(name);
    let reconciles = words.iter().any(words::is_about_reconciling);
    let denied = words.iter().any(|w| DENIES.contains(&w));
    let halt = words.iter().any(|w| HALT.contains(&w));
    // That the note is there is enough where it can mean nothing else.
    let bare = value.is_empty()
        && (matches!(name, "paused" | "suspended" | "detached" | "unmanaged")
            || (reconciles && (halt || denied)));
    let on = bare || ["true", "on", "yes", "enabled"].iter().any(|v| value.eq_ignore_ascii_case(v));
    let off = ["false", "off", "no", "disabled"].iter().any(|v| value.eq_ignore_ascii_case(v));
    let says_so = HALT.iter().any(|v| value.eq_ignore_ascii_case(v));
    match (halt, reconciles) {
        // `paused: NAME` says who paused it.
        (true, _) if matches!(name, "paused" | "suspended") => !off,
        (true, _) => on || says_so,
        (false, true) if denied => on,
        (false, true) => off || says_so,
        (false, false) if name == "managed" => off,
        (false, false) => {
            on && matches!(name, "detached" | "ignore" | "unmanaged" | "maintenance" | "maintenance-mode")
        }
    }
}
