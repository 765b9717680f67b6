//! Objects that somebody halted: by their spec, an annotation or a label.

use crate::health::HealthStatus;
use crate::health::verdict::{HealthVerdict, Subject};
use crate::health::words;
use crate::object::Node;

/// Fields of the spec that halt when they are true.
const SWITCHES: &[&[&str]] = &[
    &["suspend"],
    &["suspended"],
    &["paused"],
    &["pause"],
    &["stopped"],
    &["hibernate"],
    &["runPolicy", "suspend"],
];
/// Fields of the spec that say in words what is wanted.
const WANTED: &[&[&str]] = &[
    &["state"],
    &["desiredState"],
    &["powerState"],
    &["runStrategy"],
    &["managementState"],
    &["job", "state"],
];

/// Returns the verdict for an object that is halted on purpose.
pub(super) fn halted(subject: &Subject<'_>) -> Option<HealthVerdict> {
    let spec = subject.at(&["spec"]);
    let switch =
        SWITCHES.iter().find(|path| spec.and_then(|s| s.at(path)).and_then(Node::as_bool) == Some(true));
    if let Some(path) = switch {
        return Some(HealthVerdict::suspended("Suspended", format!("spec.{} is true", path.join("."))));
    }
    let is_halt = |text: &str| {
        words::meaning(text) == Some(HealthStatus::Suspended) || text.eq_ignore_ascii_case("unmanaged")
    };
    let wanted = WANTED.iter().find_map(|path| {
        let text = spec?.str_at(path).filter(|text| is_halt(text))?;
        Some(HealthVerdict::suspended("Suspended", format!("spec.{} is {text}", path.join("."))))
    });
    wanted.or_else(|| ["annotations", "labels"].iter().find_map(|field| noted(subject, field)))
}

/// Looks for a note that halts: `example.org/paused: "true"`, `example.org/reconcile: disabled`.
fn noted(subject: &Subject<'_>, field: &str) -> Option<HealthVerdict> {
    let notes = subject.at(&["metadata", field])?;
    let note = notes.children().find(|note| halts(note.key(), note.as_str().unwrap_or_default()))?;
    let (one, value) = (field.trim_end_matches('s'), note.as_str().unwrap_or_default());
    Some(HealthVerdict::suspended("Suspended", format!("{one} {} is {value:?}", note.key())))
}

fn halts(key: &str, value: &str) -> bool {
    const HALT: &[&str] = &["pause", "paused", "suspend", "suspended", "hibernate", "hibernation"];
    let name = key.rsplit('/').next().unwrap_or_default();
    let on = ["true", "on", "yes", "enabled"].iter().any(|v| value.eq_ignore_ascii_case(v));
    let off = ["false", "off", "no", "disabled"].iter().any(|v| value.eq_ignore_ascii_case(v));
    let says_so =
        HALT.iter().any(|v| value.eq_ignore_ascii_case(v)) || (value.is_empty() && name == "paused");
    if !on && !off && !says_so {
        return false;
    }
    let words = words::split(name);
    let reconciles = words.iter().any(|w| w.starts_with("reconcil"));
    let denied = words.iter().any(|w| ["not", "no", "skip", "disable"].contains(&w));
    let halt = words.iter().any(|w| HALT.contains(&w));
    match (halt, reconciles) {
        (true, _) => on || says_so,
        (false, true) if denied => on,
        (false, true) => off || says_so,
        (false, false) => name == "managed" && off,
    }
}
