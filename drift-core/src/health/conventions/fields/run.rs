//! When something that runs to an end began and ended, and how much of it is done.

use crate::health::verdict::{HealthVerdict, Subject};
use crate::health::words;
use crate::object::{Kind, Node};

/// Reads when something that runs to an end began and ended, for statuses in which nothing else tells.
pub(in crate::health::conventions) fn run(subject: &Subject<'_>) -> Option<HealthVerdict> {
    const BEGAN: &[&str] = &["startTime", "startTimestamp", "startedAt", "startedTime"];
    const ENDED: &[&str] = &[
        "completionTime",
        "completionTimestamp",
        "completedAt",
        "finishTime",
        "finishTimestamp",
        "finishedAt",
        "finishedTime",
        "endTime",
    ];
    words::runs_to_an_end(subject.kind).then_some(())?;
    let time = |fields: &[&str]| fields.iter().find_map(|f| subject.time(&["status", f]));
    let (began, ended) = (time(BEGAN), time(ENDED));
    let counted = ended_by_count(subject.status()?);
    let failed = subject.at(&["status", "failed"]).filter(|f| f.kind() == Kind::List && !f.is_empty());
    match failed {
        Some(list) => {
            Some(HealthVerdict::degraded("Failed", format!("{} parts failed", list.len())).since(ended))
        }
        None if ended.is_none() && counted.is_some() => counted,
        None if ended.is_some() => Some(HealthVerdict::healthy("Finished", "it ran to its end").since(ended)),
        None => percentage(subject.status()?).or_else(|| {
            began.map(|_| HealthVerdict::progressing("Started", "it has not ended yet").since(began))
        }),
    }
}

/// Reads how a run ended by the counts of its parts, as Jobs count their pods, unless one of them still runs.
fn ended_by_count(status: Node<'_>) -> Option<HealthVerdict> {
    let some = |name: &str| status.get(name).and_then(Node::as_i64).is_some_and(|n| n > 0);
    match (some("active") || some("running"), some("failed"), some("succeeded")) {
        (false, true, false) => Some(HealthVerdict::degraded("failed", "it failed")),
        (false, false, true) => Some(HealthVerdict::healthy("succeeded", "it succeeded")),
        _ => None,
    }
}

/// Reads how much of a run is done: `progress: 40%`, `percentComplete: 100`.
fn percentage(status: Node<'_>) -> Option<HealthVerdict> {
    let percent = |field: Node<'_>| {
        let words = words::split(field.key());
        let named = words.iter().any(|w| matches!(w, "progress" | "percent" | "percentage"));
        let text = field.as_str().map(|t| t.trim().trim_end_matches('%').trim());
        let number = text.map_or_else(|| field.as_f64(), |t| t.parse().ok());
        number.filter(|_| named)
    };
    let done = status.children().filter_map(percent).find(|n| (0.0..=100.0).contains(n))?;
    let message = format!("{done} % are done");
    Some(if done < 100.0 {
        HealthVerdict::progressing("Progress", message)
    } else {
        HealthVerdict::healthy("Progress", message)
    })
}
