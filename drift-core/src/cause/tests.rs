//! The change → symptom table as small tapes, each with decoys before and after the cause.

mod admission;
mod competitors;
mod config;
mod gaps;
mod gitops;
mod incidents;
mod jobs;
mod network;
mod operators;
mod oracles;
mod pods;
mod policy;
mod ranking;
mod scenario;
mod scheduling;
mod services;
mod storage;
mod table;

use serde_json::{Value, json};

use scenario::Tape;

const WEB: &str = "Deployment.apps/shop/web";
const POD: &str = "Pod/shop/web-2-b";

/// Changes the template of the web deployment, and brings a new ReplicaSet with a pod of a status.
fn rollout(change: impl FnOnce(&mut Value), status: Value) -> Tape {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit(WEB, |o| change(&mut o["spec"]["template"]["spec"]));
    tape.replica_set("web", "2");
    tape.pod("web", "2", "b", json!({"phase":"Pending"}));
    tape.decoys(2);
    tape.pod("web", "2", "b", status);
    tape.wait(2);
    tape
}

/// Changes something else, and starts the web pods anew afterwards.
fn restart(change: impl FnOnce(&mut Tape), status: Value) -> Tape {
    let mut tape = Tape::shop();
    tape.decoys(1);
    change(&mut tape);
    tape.decoys(2);
    tape.wait(20);
    tape.edit(WEB, |o| {
        o["spec"]["template"]["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt":"now"})
    });
    tape.replica_set("web", "2");
    tape.pod("web", "2", "b", json!({"phase":"Pending"}));
    tape.pod("web", "2", "b", status);
    tape.wait(2);
    tape
}

fn container(spec: &mut Value) -> &mut Value {
    &mut spec["containers"][0]
}

/// A server that answers `why` hands the answer from the thread that found it to the one that writes it.
#[test]
fn results_cross_threads() {
    fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<super::Explanation>();
    is_send_sync::<super::Cause>();
    is_send_sync::<super::Candidate>();
    is_send_sync::<super::Incidents>();
    is_send_sync::<super::Investigation<'static>>();
    is_send_sync::<super::CauseIndex>();
}
