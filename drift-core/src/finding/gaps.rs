//! Gaps that have one cause, reported as one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::Gap;
use crate::stream::Scope;

/// Gaps with the same message are reported one by one up to this many.
const MAX_ALIKE: usize = 3;

/// Merges gaps that have the same message into one, where there are more than three of them.
///
/// An API server that goes away interrupts the watch of every kind: instead of 60 gaps there is one, of all kinds, whose
/// message ends with `(60 kinds)`. Gaps are returned by message.
///
/// # Example
/// ```
/// use drift_core::{Gap, GapReason, Scope, finding::merge_gaps};
/// let gap = |kind| Gap {
///     scope: Scope::of_kind("", kind),
///     from: None,
///     to: jiff::Timestamp::UNIX_EPOCH,
///     from_version: None,
///     to_version: None,
///     reason: GapReason::SourceDown,
///     message: "cannot reach the server".into(),
/// };
/// let merged = merge_gaps(vec![gap("Pod"), gap("Node"), gap("Secret"), gap("Service")]);
/// assert_eq!(&*merged[0].message, "cannot reach the server (4 kinds)");
/// assert_eq!(merged[0].scope, Scope::default());
/// ```
pub fn merge_gaps(gaps: Vec<Gap>) -> Vec<Gap> {
    let mut by_message: BTreeMap<Arc<str>, Vec<Gap>> = BTreeMap::new();
    gaps.into_iter().for_each(|g| by_message.entry(Arc::clone(&g.message)).or_default().push(g));
    by_message.into_values().flat_map(merge_alike).collect()
}

fn merge_alike(mut alike: Vec<Gap>) -> Vec<Gap> {
    if alike.len() <= MAX_ALIKE {
        return alike;
    }
    let kinds = alike.iter().filter_map(|g| g.scope.kind.as_ref()).collect::<BTreeSet<_>>().len();
    let first = alike.swap_remove(0);
    let message = format!("{} ({kinds} kinds)", first.message).into();
    vec![Gap { scope: Scope { cluster: first.scope.cluster, ..Scope::default() }, message, ..first }]
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::event::GapReason;

    fn gap(kind: &str, message: &str) -> Gap {
        Gap {
            scope: Scope::of_kind("", kind),
            from: None,
            to: Timestamp::UNIX_EPOCH,
            from_version: None,
            to_version: None,
            reason: GapReason::WatchLost,
            message: message.into(),
        }
    }

    fn merged(gaps: &[(&str, &str)]) -> Vec<String> {
        let gaps = gaps.iter().map(|(kind, message)| gap(kind, message)).collect();
        merge_gaps(gaps).iter().map(|g| format!("{}: {}", g.scope, g.message)).collect()
    }

    #[test]
    fn a_few_gaps_are_reported_one_by_one() {
        let few = [("Pod", "lost"), ("Node", "lost"), ("Secret", "lost")];
        assert_eq!(merged(&few), ["Pod: lost", "Node: lost", "Secret: lost"]);
    }

    #[test]
    fn many_gaps_with_one_message_are_one_and_others_stay_apart() {
        let many =
            [("Pod", "lost"), ("Node", "lost"), ("Secret", "lost"), ("Pod", "lost"), ("Pod", "denied")];
        assert_eq!(merged(&many), ["Pod: denied", "all kinds: lost (3 kinds)"]);
    }
}
