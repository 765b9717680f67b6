//! Results of the library as report documents take them.

use drift_core::Event;
use drift_core::timeline::VersionChange;
use drift_sinks::report::{CommitV1, RecordedVersion, TransitionV1};
use drift_sources::estate::CommitSource;
use drift_sources::gitops::transitions;

/// Returns a commit as documents have it.
pub(crate) fn commit_v1(commit: CommitSource) -> CommitV1 {
    let CommitSource { id, author, message, file, line } = commit;
    CommitV1 { id, author, message, file, line }
}

/// Returns the changes of state that an engine reports, if this is a version of one of its objects.
pub(crate) fn transitions_of(event: &Event, change: &VersionChange) -> Vec<TransitionV1> {
    let both = change.before.as_deref().zip(change.after.as_deref());
    let found = both.map(|(before, after)| transitions(before, after)).unwrap_or_default();
    found.into_iter().map(|t| TransitionV1::new(t, event.at())).collect()
}

/// Returns a version as documents take it.
pub(crate) fn recorded_version<'a>(
    event: &'a Event,
    change: &'a VersionChange,
    transitions: &'a [TransitionV1],
) -> RecordedVersion<'a> {
    RecordedVersion {
        event,
        step: change.step,
        changes: &change.changes,
        owner: change.owner.as_ref(),
        before: change.before.as_ref(),
        after: change.after.as_ref(),
        transitions,
    }
}
