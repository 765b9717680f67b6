//! What the recorded onset of a fault is worth.

use jiff::{SignedDuration, Timestamp};

use super::{Fault, FaultKind, OnsetBasis};
use crate::health::{HealthContext, HealthRules, HealthStatus, assess};
use crate::history::History;
use crate::k8s::status::{ContainerStatus, condition, container_statuses};
use crate::object::{Node, Object};

/// What was created so shortly before it was first seen came to be then: its time of creation is in whole seconds.
const JUST_CREATED: SignedDuration = SignedDuration::from_secs(2);

/// Returns by what it is known since when a fault lasts.
///
/// A resource that is listed with a fault had it before, nobody knows how long, unless the resource itself says so: in its
/// conditions, the states of its containers, or its times of creation and deletion. The moment of the listing is no onset.
pub(super) fn basis_of(history: &History, fault: &Fault, rules: &HealthRules) -> OnsetBasis {
    let versions = history.versions(&fault.on);
    let Some(first) = versions.first() else { return OnsetBasis::Recorded };
    let shown = versions.iter().position(|v| v.id == fault.evidence);
    // What another object shows is as old as that is: one that was listed together with this one.
    let is_first = shown.map_or_else(|| fault.onset.at.time <= first.at.time, |n| n == 0);
    let Some(object) = first.object.as_deref().filter(|_| is_first) else { return OnsetBasis::Recorded };
    let seen = first.at.time;
    let created = creation_time(object);
    if created.is_some_and(|created| seen.duration_since(created) <= JUST_CREATED) {
        return OnsetBasis::Recorded;
    }
    let stated = match fault.kind {
        FaultKind::Terminating => time(object.root(), &["metadata", "deletionTimestamp"]),
        _ if shown.is_none() => None,
        _ if object.kind() == "Pod" && object.group().is_empty() => stated_by_pod(object),
        _ => {
            let health = assess(object, &HealthContext { now: seen, rules, previous: None });
            health.since.filter(|_| health.status != HealthStatus::Healthy)
        }
    };
    stated.filter(|stated| *stated <= seen).map_or(OnsetBasis::FirstSeen, OnsetBasis::Stated)
}

/// Returns since when a pod that is not well says to be so: not scheduled, not ready, never started, or started so.
fn stated_by_pod(pod: &Object) -> Option<Timestamp> {
    let root = pod.root();
    let turned = |name| {
        let is_false = |c: &Node<'_>| c.str_at(&["status"]) == Some("False");
        condition(root, name).filter(is_false).and_then(|c| time(c, &["lastTransitionTime"]))
    };
    let never_started = || {
        let started = container_statuses(root).any(ContainerStatus::has_started);
        creation_time(pod).filter(|_| !started)
    };
    let running = || {
        let all = root.at(&["status", "containerStatuses"]).into_iter().flat_map(Node::children);
        all.filter(|c| c.at(&["ready"]).and_then(Node::as_bool) == Some(false))
            .filter_map(|c| time(c, &["state", "running", "startedAt"]))
            .min()
    };
    turned("PodScheduled").or_else(|| turned("Ready")).or_else(never_started).or_else(running)
}

fn creation_time(object: &Object) -> Option<Timestamp> {
    time(object.root(), &["metadata", "creationTimestamp"])
}

fn time(node: Node<'_>, path: &[&str]) -> Option<Timestamp> {
    node.str_at(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::event::{Event, EventBody, NewEvent, Origin, Until};
    use crate::fault::faults_of;
    use crate::object::Doc;
    use crate::stream::{Position, Revision, StreamId};

    /// Returns since when a resource is broken whose versions were seen at some seconds after 10:00.
    fn since(versions: &[(i64, Value)]) -> Vec<String> {
        let start: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let mut key = None;
        let event = |(n, (second, value)): (u64, &(i64, Value))| -> Event {
            let object = Arc::new(Object::new(Doc::from_value(value).unwrap()).unwrap());
            key = Some(object.key());
            let (uid, origin, occurred_at) = (None, Origin::default(), None);
            let observed_at = start + SignedDuration::from_secs(*second);
            let stream = StreamId::live(object.key());
            let body = EventBody::Applied(object);
            let new = NewEvent { uid, origin, observed_at, occurred_at, body };
            new.at(stream, Revision::new(n).unwrap(), Position::new(n))
        };
        let events: Vec<Event> = (1..).zip(versions).map(event).collect();
        let history = History::from_events(&events, Until::End);
        let faults = faults_of(&history, &key.unwrap(), &HealthRules::bundled());
        faults.iter().map(Fault::describe_since).collect()
    }

    fn pod(created: &str, status: Value) -> Value {
        json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","uid":"p","creationTimestamp":created},
            "spec":{"containers":[{"name":"app","image":"web:1"}]},"status":status})
    }

    fn pulling(ready_since: Option<&str>) -> Value {
        let waiting = json!({"reason":"ImagePullBackOff","message":"not found"});
        let conditions =
            ready_since.map(|t| json!([{"type":"Ready","status":"False","lastTransitionTime":t}]));
        json!({"phase":"Pending","conditions":conditions,
            "containerStatuses":[{"name":"app","ready":false,"restartCount":0,"state":{"waiting":waiting}}]})
    }

    #[test]
    fn a_pod_that_was_first_seen_broken_is_so_since_it_says() {
        let created = "2026-03-01T08:00:00Z";
        let by_condition = pod(created, pulling(Some("2026-03-01T08:00:05Z")));
        assert_eq!(since(&[(0, by_condition.clone())]), ["since 2026-03-01 08:00:05Z"]);
        assert_eq!(
            since(&[(0, pod(created, pulling(None)))]),
            ["since 2026-03-01 08:00:00Z"],
            "it never ran"
        );
        let waiting = json!({"reason":"CrashLoopBackOff","message":"back-off"});
        let ended = json!({"terminated":{"exitCode":1,"reason":"Error"}});
        let crashing = json!({"phase":"Running","containerStatuses":[
            {"name":"app","ready":false,"restartCount":9,"state":{"waiting":waiting},"lastState":ended}]});
        let unknown = "at least since 2026-03-01 10:00:00Z, when it was first seen";
        assert_eq!(since(&[(0, pod(created, crashing))]), [unknown]);
        // What was seen well before, and what was just created, has a recorded onset.
        let well = json!({"phase":"Running","conditions":[{"type":"Ready","status":"True"}],
            "containerStatuses":[{"name":"app","ready":true,"restartCount":0,"state":{"running":{"startedAt":created}}}]});
        assert_eq!(since(&[(0, pod(created, well)), (60, by_condition)]), ["since 2026-03-01 10:01:00Z"]);
        let new = pod("2026-03-01T10:00:04Z", pulling(Some("2026-03-01T10:00:04Z")));
        assert_eq!(since(&[(5, new)]), ["since 2026-03-01 10:00:05Z"]);
    }

    #[test]
    fn the_moment_of_a_listing_is_no_onset() {
        let deployment = |conditions: Value| {
            json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","generation":1,
                "creationTimestamp":"2026-03-01T08:00:00Z"},"spec":{"replicas":1},
                "status":{"observedGeneration":1,"replicas":1,"updatedReplicas":1,"unavailableReplicas":1,"conditions":conditions}})
        };
        let condition = json!([{"type":"Available","status":"False","reason":"MinimumReplicasUnavailable","lastTransitionTime":"2026-03-01T09:30:00Z"}]);
        assert_eq!(since(&[(0, deployment(condition))]), ["since 2026-03-01 09:30:00Z"]);
        let unknown = "at least since 2026-03-01 10:00:00Z, when it was first seen";
        assert_eq!(since(&[(0, deployment(json!([])))]), [unknown]);
    }
}
