//! What status fields besides conditions say: phase and state words, error fields, flags, replica counts.

use crate::health::HealthStatus;
use crate::health::verdict::{Subject, Verdict, int};
use crate::health::words;
use crate::object::{Kind, Node};

/// Fields that hold the state of the object as a whole.
const PHASE: &[&str] = &["phase", "state", "status", "health", "stage"];
const ERROR: &[&str] =
    &["error", "errors", "errorMessage", "errMsg", "errorDescription", "failureMessage", "lastError"];
const MESSAGE: &[&str] = &["message", "phaseReason", "reason", "statusMessage", "info"];

/// What words say.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// The word for the whole object.
    pub(super) phase: Option<Verdict>,
    /// Words for parts and aspects of it.
    pub(super) part: Option<Verdict>,
}

/// Reads phase and state words.
pub(super) fn words(status: Node<'_>, kind: &str) -> Words {
    if let Some(text) = status.as_str() {
        return Words { phase: verdict(text, "", kind), part: None };
    }
    let message = message(status);
    let phase = PHASE.iter().filter_map(|f| status.str_at(&[f])).filter_map(|t| verdict(t, message, kind));
    let aspects = status.children().filter(|f| is_aspect(f.key())).filter_map(Node::as_str);
    let part = aspects.filter_map(|t| verdict(t, message, kind)).reduce(Verdict::worse);
    let mut words = Words { phase: phase.reduce(Verdict::worse), part };
    let spoken = words.phase.is_some() || words.part.is_some();
    if let Some(nested) = nested(status, kind, if spoken { &["health"] } else { PHASE }) {
        words.part = Some(match words.part {
            Some(part) => part.worse(nested),
            None => nested,
        });
    }
    words
}

/// Reads the words of maps further down: `status.result.state`.
fn nested(status: Node<'_>, kind: &str, names: &[&str]) -> Option<Verdict> {
    let maps = status.children().filter(|f| f.kind() == Kind::Map && !is_past(f.key()));
    let maps = maps.flat_map(|m| std::iter::once(m).chain(m.children().filter(|f| f.kind() == Kind::Map)));
    maps.flat_map(|m| names.iter().filter_map(move |f| Some((m.str_at(&[f])?, message(m)))))
        .filter_map(|(text, message)| verdict(text, message, kind))
        .reduce(Verdict::worse)
}

/// Tells whether a field is about what was or what is wanted, and not about what is.
fn is_past(key: &str) -> bool {
    let first = words::split(key).into_iter().next().unwrap_or_default();
    ["previous", "prev", "old", "desired", "target", "wanted", "history"].contains(&first.as_str())
}

fn is_aspect(key: &str) -> bool {
    let words = words::split(key);
    let last = words.last().map_or("", String::as_str);
    words.len() > 1 && ["phase", "state", "status", "health"].contains(&last) && !is_past(key)
}

fn verdict(text: &str, message: &str, kind: &str) -> Option<Verdict> {
    let mut status = words::meaning(text)?;
    if status == HealthStatus::Healthy && words::runs_to_an_end(kind) && is_start(text) {
        status = HealthStatus::Progressing;
    }
    Some(Verdict::new(status, text, message))
}

/// Tells whether a word says that something began and not that it ended.
fn is_start(text: &str) -> bool {
    words::split(text).iter().any(|w| {
        ["running", "started", "active", "created", "accepted", "initialized", "scheduled", "provisioned"]
            .contains(&w.as_str())
    })
}

fn message(status: Node<'_>) -> &str {
    MESSAGE.iter().find_map(|f| status.str_at(&[f]).filter(|t| !t.is_empty())).unwrap_or_default().trim()
}

/// Reads error fields.
pub(super) fn errors(status: Node<'_>) -> Option<Verdict> {
    ERROR.iter().find_map(|field| {
        let node = status.get(field)?;
        let text = match node.kind() {
            Kind::Str => node.as_str().unwrap_or_default(),
            Kind::Map if !node.is_empty() => node.str_at(&["message"]).unwrap_or("see the object"),
            Kind::List if !node.is_empty() => node
                .children()
                .find_map(|e| e.as_str().or_else(|| e.str_at(&["message"])))
                .unwrap_or("see the object"),
            _ => "",
        };
        (!text.is_empty()).then(|| Verdict::degraded("Error", text))
    })
}

/// Reads booleans that are named as a state: `status.ready`.
pub(super) fn flags(status: Node<'_>) -> Option<Verdict> {
    let flags = status.children().filter_map(|f| Some((f.key(), f.as_bool()?)));
    flags
        .filter_map(|(key, is)| {
            let status = match (key, is) {
                ("ready" | "isReady" | "readyToUse" | "available" | "healthy" | "synced" | "valid", true)
                | (
                    "succeeded" | "completed" | "complete" | "connected" | "bound" | "established" | "pass"
                    | "passed",
                    true,
                ) => HealthStatus::Healthy,
                ("ready" | "isReady" | "readyToUse" | "available" | "synced" | "completed", false)
                | ("complete" | "bound" | "established", false) => HealthStatus::Progressing,
                ("healthy" | "valid" | "connected" | "pass" | "passed", false)
                | ("failed" | "degraded" | "error", true) => HealthStatus::Degraded,
                ("paused" | "suspended", true) => HealthStatus::Suspended,
                _ => return None,
            };
            Some(Verdict::new(status, key, message_of_flag(key, is)))
        })
        .reduce(Verdict::worse)
}

fn message_of_flag(key: &str, is: bool) -> String {
    format!("status.{key} is {is}")
}

/// Compares counts of replicas and the like with how many there are to be.
pub(super) fn replicas(subject: &Subject<'_>) -> Option<Verdict> {
    let status = subject.at(&["status"])?;
    let own = counts(status, subject.at(&["spec"]));
    let maps = status.children().filter(|f| f.kind() == Kind::Map && !is_past(f.key()));
    let parts = maps.flat_map(|m| std::iter::once(m).chain(m.children().filter(|f| f.kind() == Kind::Map)));
    parts.filter_map(|part| counts(part, None)).chain(own).reduce(Verdict::worse)
}

/// What counts are about; the longer name before the one it begins with.
const COUNTED: &[&str] = &["ready", "available", "updatedReady", "updatedAvailable", "updated"];

/// Compares the counts of one map: `readyReplicas` with `replicas`, `availableNodes` with `expectedNodes`.
fn counts(map: Node<'_>, spec: Option<Node<'_>>) -> Option<Verdict> {
    let wanted = |noun: &str| {
        let lower = lower_first(noun);
        let declared = spec.and_then(|s| s.get(&lower)).and_then(int);
        let names = ["desired", "expected", "total", "target"].map(|p| format!("{p}{noun}"));
        declared
            .or_else(|| map.get(&lower).and_then(int))
            .or_else(|| names.iter().find_map(|name| map.get(name).and_then(int)))
    };
    let there = map.children().filter_map(|field| {
        let (prefix, noun) = COUNTED.iter().find_map(|p| Some((p, field.key().strip_prefix(p)?)))?;
        if let Some((ready, all)) = field.as_str().and_then(|t| t.split_once('/')) {
            return Some((prefix, ready.trim().parse().ok()?, all.trim().parse().ok()?));
        }
        (noun.starts_with(char::is_uppercase)).then_some(())?;
        Some((prefix, int(field)?, wanted(noun)?))
    });
    let there: Vec<(&&str, i64, i64)> = there.collect();
    if let Some((what, n, wanted)) = there.iter().find(|(_, n, wanted)| n < wanted) {
        return Some(Verdict::progressing("Replicas", format!("{n} of {wanted} are {what}")));
    }
    if let Some((what, _, wanted)) = there.first() {
        return Some(Verdict::healthy("Replicas", format!("all of {wanted} are {what}")));
    }
    // A count of zero is left out when Go writes JSON, so that none being ready is told by none being counted.
    let expected = ["Replicas", "Nodes", "Members"].iter().find_map(|noun| {
        map.get(&format!("expected{noun}")).or_else(|| map.get(&format!("desired{noun}"))).and_then(int)
    });
    expected.filter(|n| *n > 0).map(|n| Verdict::progressing("Replicas", format!("0 of {n} are ready")))
}

fn lower_first(noun: &str) -> String {
    let mut chars = noun.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
