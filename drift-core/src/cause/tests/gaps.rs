//! Which parts of history that nobody saw an answer blames.

use serde_json::{Value, json};

use crate::cause::surroundings::hiding_gap;
use crate::event::GapReason;
use crate::key::ResourceKey;
use crate::stream::Scope;

use super::WEB;
use super::scenario::Tape;

fn pulling() -> Value {
    let waiting = json!({"reason":"ErrImagePull","message":"not found"});
    json!({"phase":"Pending","containerStatuses":[{"name":"app","ready":false,"restartCount":0,"state":{"waiting":waiting}}]})
}

/// Returns whether a gap could hide what is behind the faults of a resource.
#[track_caller]
fn blames_gap(tape: &Tape, key: &str) -> bool {
    let key = ResourceKey::parse(key).unwrap();
    tape.investigate(|asked| {
        let symptoms = asked.why(&key).symptoms;
        assert!(!symptoms.is_empty());
        hiding_gap(asked, &key, &symptoms).is_some()
    })
}

/// A shop whose web pod fails without a change, after a gap that lasts until now.
fn failing_after(scope: Scope, reason: GapReason) -> Tape {
    let mut tape = Tape::shop();
    tape.gap(scope, None, reason);
    tape.wait(60);
    tape.pod("web", "1", "a", pulling());
    tape
}

#[test]
fn a_gap_counts_only_if_it_could_hold_what_the_answer_depends_on() {
    let of = |group, kind| blames_gap(&failing_after(Scope::of_kind(group, kind), GapReason::Denied), WEB);
    let custom_metrics = failing_after(Scope::of_kind("custom.metrics.k8s.io", ""), GapReason::Denied);
    let because = custom_metrics.ask(WEB).abstained_because.expect("nothing explains it");
    assert!(!because.contains("history is not known"), "{because}");
    assert!(!of("custom.metrics.k8s.io", ""));
    assert!(!of("example.com", "Widget"));
    // Its owner, what it runs on, and what rules over it unasked.
    assert!(of("apps", "ReplicaSet") && of("", "Node") && of("networking.k8s.io", "NetworkPolicy"));
    assert!(blames_gap(&failing_after(Scope::default(), GapReason::SourceDown), WEB));
    let elsewhere = Scope { namespace: "bank".into(), ..Scope::default() };
    assert!(!blames_gap(&failing_after(elsewhere, GapReason::SourceDown), WEB));
}

#[test]
fn a_gap_that_was_over_before_the_patient_existed_is_no_candidate_for_it() {
    let mut tape = Tape::shop();
    tape.gap(Scope::default(), None, GapReason::SourceDown);
    tape.wait(60);
    tape.deploy("late", "1", |_| {});
    tape.pod("late", "1", "a", pulling());
    assert!(!blames_gap(&tape, "Deployment.apps/shop/late"));
    // A new pod of an old Deployment is the patient that was well before.
    tape.pod("web", "1", "b", pulling());
    assert!(blames_gap(&tape, "Pod/shop/web-1-b"));
    // What is not known to this day may hold anything.
    tape.gap(Scope::of_kind("", "Node"), None, GapReason::Denied);
    tape.wait(5);
    tape.deploy("later", "1", |_| {});
    tape.pod("later", "1", "a", pulling());
    assert!(blames_gap(&tape, "Deployment.apps/shop/later"));
}

#[test]
fn a_dependency_that_changed_in_a_gap_makes_it_a_candidate_for_what_came_later() {
    let late = |is_edited: bool| {
        let mut tape = Tape::shop();
        tape.wait(60);
        if is_edited {
            tape.edit("Node//n1", |o| o["metadata"]["labels"]["zone"] = "b".into());
        }
        tape.gap(Scope::default(), Some(30), GapReason::SourceDown);
        tape.wait(60);
        tape.deploy("late", "1", |_| {});
        tape.pod("late", "1", "a", pulling());
        tape
    };
    assert!(blames_gap(&late(true), "Deployment.apps/shop/late"));
    assert!(!blames_gap(&late(false), "Deployment.apps/shop/late"));
}
