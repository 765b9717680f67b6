//! Did anything but status change? Asked of two versions of an object here and nowhere else.

use crate::k8s::metadata::WRITABLE_METADATA;
use crate::object::{Node, Object};

/// Fields of `metadata` that the server writes when somebody creates or deletes the object.
const LIFECYCLE_METADATA: [&str; 2] = ["deletionTimestamp", "uid"];

/// Returns `true` if two versions of an object differ in more than its status and the server's own metadata.
///
/// Compares everything outside of `metadata` and `status` byte by byte, and of `metadata` the labels, annotations,
/// finalizers, owner references, the deletion mark and the uid. A kubelet that reports a pod ready makes no difference; nor
/// does a new `resourceVersion`, `generation` or entry of `managedFields`. It costs a fraction of a diff, so that it is asked
/// before one: a field written out with its default is a difference here and none in [`crate::diff()`].
///
/// # Example
/// ```
/// use drift_core::{Object, history::differs_beyond_status};
///
/// let pod = |label: &str, phase: &str| {
///     let json = format!(
///         r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "web", "labels": {{"tier": "{label}"}}}},
///             "status": {{"phase": "{phase}"}}}}"#
///     );
///     Object::from_json(json.as_bytes()).unwrap()
/// };
/// assert!(!differs_beyond_status(&pod("front", "Pending"), &pod("front", "Running")));
/// assert!(differs_beyond_status(&pod("front", "Running"), &pod("back", "Running")));
/// ```
pub fn differs_beyond_status(before: &Object, after: &Object) -> bool {
    !spec_parts(before).eq(spec_parts(after))
}

/// Returns the parts of an object that [`differs_beyond_status`] compares, by name and always in the same order.
pub(super) fn spec_parts(object: &Object) -> impl Iterator<Item = (&str, Option<Node<'_>>)> {
    let metadata = object.root().get("metadata");
    let written = WRITABLE_METADATA.into_iter().chain(LIFECYCLE_METADATA);
    let written = written.map(move |field| (field, metadata.and_then(|m| m.get(field))));
    let top = object.root().children().filter(|n| !matches!(n.key(), "metadata" | "status"));
    written.chain(top.map(|n| (n.key(), Some(n))))
}

/// Returns `true` if the managedFields of one version show that its last write was of the status alone.
///
/// For where the version before is not available. Entries of `scale` carry no time: with one of them it cannot be seen
/// which write was the last, and the answer is `false`.
pub fn is_status_write(object: &Object) -> bool {
    let Some(entries) = object.root().get("metadata").and_then(|m| m.get("managedFields")) else {
        return false;
    };
    // The server writes all times in one form, so that their texts compare as the times do.
    let time = |entry: Node<'_>| entry.str_at(&["time"]).map(str::to_owned);
    let Some(times) = entries.children().map(time).collect::<Option<Vec<_>>>() else { return false };
    let Some(last) = times.iter().max() else { return false };
    entries
        .children()
        .zip(&times)
        .filter(|(_, time)| *time == last)
        .all(|(entry, _)| entry.str_at(&["subresource"]) == Some("status"))
}
