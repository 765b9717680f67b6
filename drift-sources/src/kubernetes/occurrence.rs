//! Kubernetes Events as occurrences.

use drift_core::{Actor, Node, Object, Occurrence, OccurrenceKind, ResourceKey};
use jiff::Timestamp;
use std::sync::Arc;

/// Makes an occurrence of a Kubernetes Event, of the core group or of `events.k8s.io`.
pub(crate) fn from_event(event: &Object, cluster: &str, observed_at: Timestamp) -> Occurrence {
    let root = event.root();
    let about = root.get("involvedObject").or_else(|| root.get("regarding"));
    let text = |keys: &[&str]| root.str_at(keys).filter(|t| !t.is_empty());
    let controller = text(&["reportingComponent"])
        .or_else(|| text(&["reportingController"]))
        .or_else(|| text(&["source", "component"]))
        .or_else(|| text(&["deprecatedSource", "component"]));
    Occurrence {
        kind: OccurrenceKind::KubernetesEvent,
        about: about.and_then(|node| involved_object(node, cluster)),
        at: happened_at(event).unwrap_or(observed_at),
        reason: text(&["reason"]).unwrap_or_default().into(),
        message: text(&["message"]).or_else(|| text(&["note"])).unwrap_or_default().into(),
        actor: Actor { manager: controller.map(Into::into), user: None },
        detail: Some(Arc::new(event.doc().clone())),
    }
}

/// Parses an object reference; `None` without kind or name.
fn involved_object(node: Node<'_>, cluster: &str) -> Option<ResourceKey> {
    let text = |key| node.str_at(&[key]).unwrap_or_default();
    let group = text("apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
    let key = ResourceKey::new(group, text("kind"), text("namespace"), text("name")).in_cluster(cluster);
    // Events about a Node carry the name as uid and no namespace; those about a Namespace carry its own.
    let key = if &*key.kind == "Namespace" && group.is_empty() { key.in_namespace("") } else { key };
    (!key.kind.is_empty() && !key.name.is_empty()).then_some(key)
}

/// The latest of the times an Event carries: the scheduler writes `eventTime` only, kubelet and controllers the rest.
fn happened_at(event: &Object) -> Option<Timestamp> {
    let paths: [&[&str]; 6] = [
        &["series", "lastObservedTime"],
        &["lastTimestamp"],
        &["deprecatedLastTimestamp"],
        &["eventTime"],
        &["firstTimestamp"],
        &["metadata", "creationTimestamp"],
    ];
    paths.iter().find_map(|path| event.root().str_at(path)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_reasons_and_objects_of_both_event_kinds() {
        let now: Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
        let check = |json: &str, about: Option<&str>, at: &str, manager: Option<&str>| {
            let occurrence = from_event(&Object::from_json(json.as_bytes()).unwrap(), "c", now);
            assert_eq!(occurrence.about.map(|k| k.to_string()).as_deref(), about);
            assert_eq!(occurrence.at.to_string(), at);
            assert_eq!(occurrence.actor.manager.as_deref(), manager);
        };
        check(
            r#"{"apiVersion":"v1","kind":"Event","metadata":{"name":"e"},"reason":"Failed","message":"m","firstTimestamp":"2026-01-01T00:00:00Z",
                "lastTimestamp":"2026-01-01T00:05:00Z","source":{"component":"kubelet"},
                "involvedObject":{"apiVersion":"v1","kind":"Pod","namespace":"x","name":"p"}}"#,
            Some("Pod/x/p"),
            "2026-01-01T00:05:00Z",
            Some("kubelet"),
        );
        check(
            r#"{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"e"},"reason":"Scaled","note":"n","eventTime":"2026-01-01T00:00:00.5Z",
                "reportingController":"hpa","regarding":{"apiVersion":"apps/v1","kind":"Deployment","namespace":"x","name":"d"}}"#,
            Some("Deployment.apps/x/d"),
            "2026-01-01T00:00:00.5Z",
            Some("hpa"),
        );
        check(
            r#"{"apiVersion":"v1","kind":"Event","metadata":{"name":"e"}}"#,
            None,
            "2026-02-01T00:00:00Z",
            None,
        );
    }
}
