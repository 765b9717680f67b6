//! Why a change is thought to be the cause, or is not, in one plain sentence made from what weighs most.

use drift_core::FieldChange;
use drift_core::cause::{Cause, CounterfactualVerdict, EvidenceKind};
use drift_core::fault::Fault;
use drift_core::history::{Change, ResourceOp};
use serde_json::Value;

use super::duration;

/// Least nats at which a piece of evidence is worth a word.
const WORTH: f64 = 0.5;

/// Longest word that is quoted as a whole, in bytes.
const LONG_WORD: usize = 50;

/// Writes why a change is thought to be the cause, from its strongest pieces of evidence.
pub(super) fn why(cause: &Cause, faults: &[&Fault]) -> String {
    let mut all = speaks_for(cause, faults);
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut parts = all.into_iter().filter(|(nats, _)| *nats >= WORTH).map(|(_, text)| text).take(2);
    match (parts.next(), parts.next()) {
        (Some(one), Some(other)) => format!("{one}, and {other}"),
        (Some(one), None) => one,
        // That errors of a kind are about such fields is worth a word only where there is nothing better.
        _ => words(cause, faults).map_or_else(|| nearest(cause, faults), |(_, text)| text),
    }
}

/// Returns `true` if the error points at the change itself: by its name, or by a value that it brought or took away.
pub(super) fn is_pointed_at(cause: &Cause, faults: &[&Fault]) -> bool {
    cause.opinions.evidence.get(EvidenceKind::Vanished) > 0.0
        || cause.candidate.counterfactual.verdict == CounterfactualVerdict::Holds
        || words(cause, faults).is_some_and(|(place, _)| place <= Place::TakenAway)
}

/// What remains to be said of a change for which nothing in particular speaks.
fn nearest(cause: &Cause, faults: &[&Fault]) -> String {
    match since(cause, faults) {
        Some(before) => format!("what fails depends on it, and it came {before} before"),
        None => "what fails depends on it".to_owned(),
    }
}

/// Returns the time from the change to the beginning of what it explains.
pub(super) fn since(cause: &Cause, faults: &[&Fault]) -> Option<String> {
    let onset = faults.iter().map(|f| f.since()).min()?;
    let before = onset.duration_since(cause.root.mark.at.time);
    (!before.is_negative()).then(|| duration(before))
}

fn speaks_for(cause: &Cause, faults: &[&Fault]) -> Vec<(f64, String)> {
    use EvidenceKind::{Competing, Contrast, Inherited, Named, Reaction, Revision, Said, Vanished};
    let get = |kind| cause.opinions.evidence.get(kind);
    let mut out: Vec<(f64, String)> = Vec::new();
    let words = words(cause, faults);
    let strength = get(Said).max(get(Named)).max(get(Vanished));
    if let Some((_, text)) = words.filter(|(place, _)| *place < Place::PartOfName) {
        out.push((strength.max(WORTH), text));
    } else if get(Vanished) >= 1.3 && cause.root.op == ResourceOp::Delete {
        out.push((
            get(Vanished),
            format!("what fails refers to {}, which this change deleted", cause.root.key),
        ));
    }
    if cause.candidate.counterfactual.verdict == CounterfactualVerdict::Holds {
        out.push((2.2, holds(&cause.candidate.counterfactual.text)));
    }
    let mut put = |kind, text: &str| out.push((get(kind), text.to_owned()));
    put(Revision, "only pods that were started with it fail");
    put(Contrast, "only what depends on it fails");
    put(Inherited, "failing pods have what it brings, and good pods do not");
    put(Competing, "what it takes only one can have, and what fails wants it too");
    if get(Reaction) > 0.0 {
        out.push((
            get(Reaction).max(WORTH),
            format!("{} complained as soon as it was changed", cause.root.key),
        ));
    }
    out
}

/// Words what a check of "would it work without the change" compared.
fn holds(compared: &str) -> String {
    match compared.strip_prefix("whether ") {
        Some(rest) => format!("it was so before the change, and is not since, that {rest}"),
        None if compared.is_empty() => "undoing it would help".to_owned(),
        None => format!("undoing it would help: {compared}"),
    }
}

/// How a word of the error stands in a change, what tells most first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Name,
    Brought,
    TakenAway,
    Field,
    PartOfName,
    Kind,
    About,
}

/// Returns all that is said of some faults, without what only repeats that a container restarts.
fn all_said(faults: &[&Fault]) -> String {
    let texts = faults
        .iter()
        .flat_map(|f| super::text::informative(&f.message).into_iter().chain([f.reason.as_str()]));
    texts.collect::<Vec<_>>().join(" ")
}

/// Words how the error names the change; `None` where it does not.
fn words(cause: &Cause, faults: &[&Fault]) -> Option<(Place, String)> {
    let said = all_said(faults);
    let root = &cause.root;
    let name = &*root.key.name;
    let does = match root.op {
        ResourceOp::Create => "which this change created",
        ResourceOp::Delete => "which this change deleted",
        ResourceOp::Update => "which this change is about",
    };
    // What belongs together is called alike: then the name in the error says nothing.
    let is_own = faults.iter().any(|f| f.on.name.contains(name) || &*f.on.namespace == name);
    if name.len() > 2 && !is_own && holds_whole(&said, name) {
        return Some((Place::Name, format!("the error names `{name}`, {does}")));
    }
    let changes = [&**root, &*cause.candidate.change];
    let mut found: Vec<(Place, &str)> = cause
        .opinions
        .matched
        .iter()
        .map(|w| (place(w, &said, &changes, &cause.remade), w.as_str()))
        .collect();
    found.sort_by_key(|(place, word)| (*place, std::cmp::Reverse(word.len())));
    let (place, word) = *found.first()?;
    let shown = last_part(as_said(word, &said));
    let text = match place {
        Place::Name => format!("the error names `{shown}`, {does}"),
        Place::Brought => format!("the error says `{shown}`, which this change brought"),
        Place::TakenAway => format!("the error says `{shown}`, which this change took away"),
        Place::Field => format!("the error says `{shown}`, and this change is of that field"),
        Place::PartOfName => format!("the error says `{shown}`, and so does the name of what was changed"),
        Place::Kind => format!("the error speaks of what this is (`{shown}`)"),
        Place::About => format!("what fails has to do with `{shown}`, and so has this change"),
    };
    Some((place, text))
}

fn place(word: &str, said: &str, changes: &[&Change; 2], remade: &[FieldChange]) -> Place {
    if !said.to_ascii_lowercase().contains(word) {
        return Place::About;
    }
    let fields = || changes.iter().flat_map(|c| &c.fields).chain(remade);
    let holds = |v: &Value| v.to_string().to_ascii_lowercase().contains(word);
    let in_value = |v: &Option<Value>| v.as_ref().is_some_and(holds);
    let (before, after) = (fields().any(|f| in_value(&f.before)), fields().any(|f| in_value(&f.after)));
    let in_name = changes.iter().any(|c| c.key.name.to_ascii_lowercase().contains(word));
    match (before, after) {
        (false, true) => Place::Brought,
        (true, false) => Place::TakenAway,
        _ if fields().any(|f| f.path.to_string().to_ascii_lowercase().contains(word)) => Place::Field,
        _ if changes.iter().any(|c| c.key.kind.to_ascii_lowercase().contains(word)) => Place::Kind,
        (true, true) => Place::Field,
        _ if in_name && holds_whole(&said.to_ascii_lowercase(), word) => Place::PartOfName,
        _ => match changes.iter().find(|c| c.op != ResourceOp::Update && whole_holds(c, &holds)) {
            Some(change) if change.op == ResourceOp::Delete => Place::TakenAway,
            Some(_) => Place::Brought,
            None => Place::About,
        },
    }
}

/// Returns `true` if a created or deleted object has a word in what it wants.
fn whole_holds(change: &Change, holds: &impl Fn(&Value) -> bool) -> bool {
    let parts = change.object().into_iter().flat_map(|o| o.root().children());
    let wanted = |key: &str| !matches!(key, "metadata" | "status" | "kind" | "apiVersion");
    parts.filter(|n| wanted(n.key())).any(|n| holds(&n.to_value()))
}

/// Returns the last part of a long path or image, which tells it from others.
fn last_part(word: &str) -> &str {
    let last = word.rsplit('/').next().unwrap_or(word);
    if word.len() > LONG_WORD && !last.is_empty() { last } else { word }
}

/// Returns a word as the text writes it.
fn as_said<'t>(word: &'t str, said: &'t str) -> &'t str {
    let at = said.to_ascii_lowercase().find(word);
    at.and_then(|at| said.get(at..at + word.len())).unwrap_or(word)
}

/// Returns `true` if a text contains something as a word of its own.
fn holds_whole(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(is_part)
            && !text[at + word.len()..].chars().next().is_some_and(is_part)
    })
}

/// Writes why a change that was looked at is not named as the cause, from what weighs most against it.
pub(super) fn why_not(cause: &Cause, faults: &[&Fault]) -> String {
    use EvidenceKind::{
        Carried, Cleared, Closeness, Contrast, Effective, Input, Named, Person, Revision, Routine, Said,
        Speaker, Time, Vanished,
    };
    if let Some(note) = cause.candidate.notes.first() {
        return note.clone();
    }
    if cause.root.op == ResourceOp::Create && faults.iter().any(|f| f.on == cause.root.key) {
        return "that it was made at all does not explain what fails".to_owned();
    }
    let get = |kind| cause.opinions.evidence.get(kind);
    let ago = since(cause, faults).unwrap_or_default();
    let against = [
        (Effective, 1.5, "nothing is known to read what it changed".to_owned()),
        (Carried, 1.0, "what fails does not have what it changed".to_owned()),
        (Cleared, 0.6, "all was well with it for a while".to_owned()),
        (Revision, 0.3, "pods from before it fail as well".to_owned()),
        (Contrast, 0.4, "others that have it are well".to_owned()),
        (Input, 1.5, "it only carries out another change".to_owned()),
        (Closeness, 2.4, "nothing known connects it with what fails".to_owned()),
        (Speaker, 0.7, "the platform complains, and of something else".to_owned()),
        (Person, 1.5, "a controller made it in its ordinary work".to_owned()),
        (Routine, 1.2, "changes like it are made all the time".to_owned()),
        (Time, 2.0, format!("it came long before ({ago})")),
    ];
    let worst = against.into_iter().filter(|(kind, least, _)| -get(*kind) >= *least);
    let worst = worst.min_by(|a, b| (get(a.0) + a.1).total_cmp(&(get(b.0) + b.1)));
    let hint =
        words(cause, faults).filter(|(place, _)| *place < Place::About && get(Said).max(get(Named)) >= 0.8);
    match (worst, hint) {
        (Some((Closeness, ..)), Some((_, hint))) => {
            format!("{hint}, but nothing known connects it with what fails")
        }
        (Some((.., text)), _) => text,
        (None, _) if faults.is_empty() => "no fault shows that it could explain".to_owned(),
        (None, _) if get(Said).max(get(Named)) < WORTH && get(Vanished) <= 0.0 => {
            "nothing in the error is about it".to_owned()
        }
        (None, _) if cause.opinions.rank_by_rules.is_none() => {
            "it is not known that such a change leads to such a fault".to_owned()
        }
        (None, _) => "something else explains it better".to_owned(),
    }
}

/// Writes what is missing for a change to be named as the cause that is the most likely one.
pub(super) fn what_is_missing(cause: &Cause) -> &'static str {
    use EvidenceKind::{Named, Said, Vanished};
    let get = |kind| cause.opinions.evidence.get(kind);
    let is_named = get(Said).max(get(Named)) >= WORTH || get(Vanished) > 0.0;
    match (cause.opinions.rank_by_rules, is_named) {
        _ if cause.candidate.counterfactual.verdict == CounterfactualVerdict::Fails => {
            "by what is recorded, undoing it would not help"
        }
        _ if cause.candidate.counterfactual.verdict == CounterfactualVerdict::Holds => {
            "other explanations are nearly as likely"
        }
        (None, _) => "it is not known that a change like this leads to a fault like this",
        (Some(_), false) => "nothing in the error is about it",
        (Some(_), true) => "that undoing it would help cannot be shown from the record",
    }
}
