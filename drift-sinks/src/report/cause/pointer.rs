//! What an error points at, and what was looked at of a resource that shows no fault.

use drift_core::cause::{ErrorTopic, LookedAt, PointedAt, Pointer};
use serde::Serialize;

use crate::report::KeyV1;
use crate::report::format::format_time;

/// What a word of an error, or the whole of it, points at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct PointerV1 {
    /// The word of the error.
    pub word: String,
    /// Resource whose text it is.
    pub said_by: KeyV1,
    /// `present`, `gone`, `neverSeen`, `outside`, or what the error speaks of: `time`, `rateLimit`, `load`, `credentials`, `machine`,
    /// `program`, `otherSide`.
    pub what: &'static str,
    /// The resource that the word names, where it names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyV1>,
    /// The same for people.
    pub text: String,
}

/// One thing that was looked at of a resource that shows no fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct LookedAtV1 {
    /// `status`, `generation`, `version`, `replicas`, `restarts`, `warnings` or `dependents`.
    pub subject: &'static str,
    /// Whether it is as the resource promises.
    pub as_promised: bool,
    /// What was seen, for people.
    pub text: String,
}

impl From<&LookedAt> for LookedAtV1 {
    fn from(one: &LookedAt) -> Self {
        Self { subject: one.subject.as_str(), as_promised: one.as_promised, text: one.text.clone() }
    }
}

impl From<&Pointer> for PointerV1 {
    fn from(pointer: &Pointer) -> Self {
        let word = &pointer.word;
        let key = match &pointer.at {
            PointedAt::Present { key, .. } | PointedAt::Gone { key, .. } => Some(key.into()),
            _ => None,
        };
        let (what, text) = match &pointer.at {
            PointedAt::Present { key, changed, fault } => {
                let changed = changed.map_or("unchanged since the record begins".to_owned(), |at| {
                    format!("last changed at {}", format_time(at))
                });
                let but = fault.map_or_else(String::new, |f| format!(", and is itself not well: {f}"));
                let named = if word.is_empty() { "it uses".to_owned() } else { format!("`{word}` is") };
                ("present", format!("{named} {key}: it is there, {changed}{but}"))
            }
            PointedAt::Gone { key, at } => {
                let named = if word.is_empty() { "it uses".to_owned() } else { format!("`{word}` is") };
                ("gone", format!("{named} {key}: it was deleted at {}", format_time(*at)))
            }
            PointedAt::NeverSeen => (
                "neverSeen",
                format!("`{word}` is nowhere in the record: nothing of that name was ever seen"),
            ),
            PointedAt::Outside => {
                ("outside", format!("`{word}` is outside of the cluster: its changes are in no record here"))
            }
            PointedAt::Topic(topic) => topic_text(*topic, word),
            _ => ("other", format!("`{word}`")),
        };
        Self { word: word.clone(), said_by: (&pointer.said_by).into(), what, key, text }
    }
}

fn topic_text(topic: ErrorTopic, word: &str) -> (&'static str, String) {
    let (what, means) = match topic {
        ErrorTopic::Time => ("time", "time has passed: something ran out without anybody changing it"),
        ErrorTopic::RateLimit => ("rateLimit", "whoever is asked limits how often"),
        ErrorTopic::Load => ("load", "more is asked of it than it can do"),
        ErrorTopic::Credentials => {
            ("credentials", "whoever is asked refuses the credentials that it is given")
        }
        ErrorTopic::Machine => ("machine", "a disk, or what the machine reads and writes"),
        ErrorTopic::Program => ("program", "the program itself went wrong, whatever brought it there"),
        ErrorTopic::OtherSide => ("otherSide", "the other side does not answer as it should"),
        _ => ("other", "something that needs no change in the cluster"),
    };
    (what, format!("\"{word}\": {means}"))
}
