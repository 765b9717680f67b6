//! When a change happened, by the times in the object itself.
//!
//! Objects contain whole seconds only. A watch sees a change within milliseconds, so its clock is the better one; but an
//! object that was listed, or seen late, knows better when it last changed.

use jiff::{SignedDuration, Timestamp};

use crate::object::{Node, Object};

/// Up to this delay the observer's clock is more exact than the whole seconds in the object.
const EXACT: SignedDuration = SignedDuration::from_secs(2);

fn timestamp(node: Option<Node<'_>>) -> Option<Timestamp> {
    node?.as_str()?.parse().ok()
}

/// Returns the newest time at which something was done to the object, by its own metadata.
pub(super) fn newest(object: &Object) -> Option<Timestamp> {
    let metadata = object.root().get("metadata")?;
    let managed = metadata.get("managedFields").into_iter().flat_map(Node::children);
    let managed = managed.filter_map(|entry| timestamp(entry.get("time")));
    // The API server writes the end of the grace period; deletion was requested at its start.
    let grace = metadata.get("deletionGracePeriodSeconds").and_then(Node::as_i64).unwrap_or_default();
    let grace = SignedDuration::from_secs(grace.max(0));
    let deletion = timestamp(metadata.get("deletionTimestamp")).and_then(|at| at.checked_sub(grace).ok());
    managed.chain(timestamp(metadata.get("creationTimestamp"))).chain(deletion).max()
}

/// Returns when the object got its state, if its metadata is more exact than the observer's clock.
///
/// `before` is the newest time in the version before. A time that was there already belongs to an earlier change: many
/// changes leave no time.
pub(super) fn of_change(
    object: &Object,
    observed_at: Timestamp,
    before: Option<Timestamp>,
) -> Option<Timestamp> {
    let newest = newest(object)?;
    let late = observed_at.duration_since(newest) >= EXACT;
    (late && before.is_none_or(|b| newest > b)).then_some(newest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_newest_time_counts_where_the_observer_was_late() {
        let check = |metadata: Value, observed: &str, before: Option<&str>, expect: Option<&str>| {
            let mut object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}});
            object["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
            let object = Object::from_json(object.to_string().as_bytes()).unwrap();
            let at = |text: &str| text.parse::<Timestamp>().unwrap();
            assert_eq!(of_change(&object, at(observed), before.map(at)), expect.map(at));
        };
        let fields = json!({"creationTimestamp": "2026-03-01T10:00:00Z", "managedFields": [
            {"time": "2026-03-01T11:00:00Z"}, {"subresource": "scale"}, {"time": "2026-03-01T10:30:00Z"}]});
        check(fields.clone(), "2026-03-01T12:00:00Z", None, Some("2026-03-01T11:00:00Z"));
        check(fields.clone(), "2026-03-01T11:00:00.4Z", None, None);
        check(fields.clone(), "2026-03-01T10:59:00Z", None, None);
        check(
            fields.clone(),
            "2026-03-01T12:00:00Z",
            Some("2026-03-01T10:30:00Z"),
            Some("2026-03-01T11:00:00Z"),
        );
        check(fields, "2026-03-01T12:00:00Z", Some("2026-03-01T11:00:00Z"), None);
        check(json!({"creationTimestamp": null}), "2026-03-01T12:00:00Z", None, None);
        check(
            json!({"deletionTimestamp": "2026-03-01T10:00:30Z", "deletionGracePeriodSeconds": 30}),
            "2026-03-01T10:00:10Z",
            None,
            Some("2026-03-01T10:00:00Z"),
        );
        check(
            json!({"deletionTimestamp": "-", "deletionGracePeriodSeconds": i64::MAX}),
            "2026-03-01T10:00:10Z",
            None,
            None,
        );
        check(
            json!({"deletionTimestamp": "2026-03-01T10:00:30Z", "deletionGracePeriodSeconds": i64::MAX}),
            "2026-03-01T10:00:10Z",
            None,
            None,
        );
    }
}
