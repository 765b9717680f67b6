//! What is broken, by root.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::Incident;
use super::scenario::{Tape, crashed, waiting};
use super::{POD, WEB, container, restart, rollout};

#[test]
fn symptoms_with_one_root_stand_together_and_other_roots_apart() {
    let mut tape = rollout(
        |s| container(s)["image"] = "registry.example.com/web:2.0".into(),
        waiting("ImagePullBackOff", "Back-off pulling image \"registry.example.com/web:2.0\": not found"),
    );
    tape.pod(
        "web",
        "2",
        "c",
        waiting("ImagePullBackOff", "Back-off pulling image \"registry.example.com/web:2.0\""),
    );
    assert_eq!(roots(&tape), [(WEB.into(), [POD, "Pod/shop/web-2-c"].map(String::from).into())]);
    tape.edit("Deployment.apps/shop/db", |o| {
        o["spec"]["template"]["spec"]["containers"][0]["command"] = json!(["/bad"])
    });
    tape.replica_set("db", "2");
    tape.pod("db", "2", "b", json!({"phase":"Pending"}));
    tape.pod("db", "2", "b", crashed("StartError", 128, "exec: \"/bad\": no such file or directory"));
    tape.wait(2);
    let db = "Deployment.apps/shop/db";
    let expect = [(db, vec![db, "Pod/shop/db-2-b"]), (WEB, vec![POD, "Pod/shop/web-2-c"])];
    let expect = expect.map(|(root, on)| (root.to_owned(), on.iter().map(ToString::to_string).collect()));
    assert_eq!(roots(&tape), expect);
    assert!(tape.incidents().unexplained.is_empty(), "{:#?}", tape.incidents().unexplained);
}

#[test]
fn what_no_change_explains_stands_apart_with_the_reason() {
    let tape = restart(
        |_| {},
        waiting("ErrImagePull", "failed to pull image \"registry.example.com/web:1.0\": i/o timeout"),
    );
    let found = tape.incidents();
    assert_eq!(roots(&tape), []);
    let keys: Vec<_> = found.unexplained.iter().map(|u| u.fault.on.to_string()).collect();
    assert!(keys.contains(&POD.to_owned()), "{keys:?}");
    assert!(found.unexplained.iter().all(|u| !u.because.is_empty()));
}

#[test]
fn a_sound_estate_has_nothing_broken() {
    let found = Tape::shop().incidents();
    let wrong: Vec<_> = found.unexplained.iter().map(|u| (u.fault.on.to_string(), u.fault.kind)).collect();
    assert!(found.explained.is_empty() && wrong.is_empty(), "{wrong:?}");
}

/// The roots, each with the resources that it explains.
fn roots(tape: &Tape) -> Vec<(String, BTreeSet<String>)> {
    let on = |i: &Incident| i.symptoms.iter().map(|f| f.on.to_string()).collect();
    tape.incidents().explained.iter().map(|i| (i.cause.root.key.to_string(), on(i))).collect()
}
