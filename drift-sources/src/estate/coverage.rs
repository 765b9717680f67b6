//! What of recorded history a question cannot look at, judged in one place for all questions.

use drift_core::coverage::{InputNotes, RecordedScope, Unseen, UnseenReason};
use drift_core::time::format_time;
use drift_core::{GapReason, Scope, Until};
use jiff::{SignedDuration, Timestamp};

use super::RecordedHistory;

/// A watch shows a sign of life about as often: API servers send a bookmark each minute.
const BOOKMARK_INTERVAL: SignedDuration = SignedDuration::from_secs(60);
/// A history that nobody writes is taken for now as long as this.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(5);
/// Start of the name of a source that follows a cluster.
const CLUSTER_SOURCE: &str = "kubernetes";

/// Whether recorded history is still being written: what its end says about now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryUpkeep {
    /// It is a recording: a question without a time is about its end.
    #[default]
    Recording,
    /// Somebody writes it: a question without a time is about now, and nothing newer is known to be missing.
    Watched,
    /// Nobody writes it at this time. If it followed a cluster, its end is not now any more.
    Unwatched(Timestamp),
}

/// Adds what the history does not cover: moments outside of it, and scopes that are not known at the moment.
pub(super) fn note_uncovered(
    history: &RecordedHistory,
    recorded: &RecordedScope,
    until: Until,
    is_wanted: &dyn Fn(&Scope) -> bool,
    notes: &mut InputNotes,
) {
    let Some((begins, last)) = history_span(recorded) else { return };
    match until {
        Until::Time(time) if time < begins => {
            let text = format!("the history begins at {}", format_time(begins));
            return notes.add_unseen(Unseen::other(UnseenReason::BeforeHistory, text));
        }
        Until::Time(time)
            if time > last.saturating_add(BOOKMARK_INTERVAL).unwrap_or(Timestamp::MAX)
                && history.upkeep() != HistoryUpkeep::Watched =>
        {
            let text = format!("the history ends at {}", format_time(last));
            notes.add_unseen(Unseen::other(UnseenReason::AfterHistory, text));
        }
        Until::Position(position) => {
            if let Some(end) = recorded.last_position().filter(|end| position > *end) {
                let text = format!("the history ends at @{end}");
                notes.add_unseen(Unseen::other(UnseenReason::AfterHistory, text));
            }
        }
        Until::End => {
            if let HistoryUpkeep::Unwatched(now) = history.upkeep()
                && recorded.source().is_some_and(|s| s.starts_with(CLUSTER_SOURCE))
                && now.duration_since(last) > MAX_AGE
            {
                let text = format!("as of {}; not watched since", format_time(last));
                notes.add_unseen(Unseen::other(UnseenReason::NotWatched, text));
            }
        }
        _ => {}
    }
    note_open_gaps(recorded, is_wanted, notes);
    let moment = match until {
        Until::Time(time) => time.min(last),
        _ => last,
    };
    if history.upkeep() != HistoryUpkeep::Watched || until != Until::End {
        notes.coverage_mut().set_as_of(moment);
    }
}

/// Adds the scopes that are not known at the moment.
pub(super) fn note_open_gaps(
    recorded: &RecordedScope,
    is_wanted: &dyn Fn(&Scope) -> bool,
    notes: &mut InputNotes,
) {
    for gap in recorded.open_gaps().filter(|gap| is_wanted(&gap.scope)) {
        let unseen = match gap.from.filter(|_| gap.reason == GapReason::Denied) {
            Some(from) => {
                let message = format!("{}; as of {}, not watched since", gap.message, format_time(from));
                Unseen::of_scope(UnseenReason::Denied, gap.scope.clone(), message)
            }
            None if gap.scope == Scope::default() => Unseen::other(gap.reason.into(), &*gap.message),
            None => Unseen::of_gap(gap),
        };
        notes.add_unseen(unseen);
    }
}

/// Returns when a history begins, and when its last event was observed.
fn history_span(recorded: &RecordedScope) -> Option<(Timestamp, Timestamp)> {
    Some((recorded.begins()?, recorded.last_seen()?))
}
