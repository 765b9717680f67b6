//! Changes of state that GitOps engines report about their own objects.

use drift_core::Object;
use drift_sinks::report::TransitionV1;
use drift_sources::gitops::{Transition, Version};
use jiff::Timestamp;

fn transition_v1(transition: Transition, seen: Timestamp) -> TransitionV1 {
    let Transition { what, from, to, who, revision, at, message } = transition;
    TransitionV1 { what, from, to, who, revision, time: at.unwrap_or(seen), message }
}

/// Returns what an engine reports from one version of its object to the next.
pub(crate) fn between(before: Option<&Object>, after: Option<&Object>, seen: Timestamp) -> Vec<TransitionV1> {
    let both = before.zip(after).map(|(a, b)| drift_sources::gitops::transitions(a, b));
    both.into_iter().flatten().map(|t| transition_v1(t, seen)).collect()
}

/// Returns what an engine reports over the versions of its object, oldest first.
pub(crate) fn over(versions: &[Version]) -> Vec<TransitionV1> {
    let pairs = versions.windows(2);
    pairs.flat_map(|v| between(v[0].object.as_deref(), v[1].object.as_deref(), v[1].at)).collect()
}
