//! What upstream says of its own kinds: kstatus and the health checks of Argo CD, and where we say more (marked).

mod cluster;
mod network;
mod pod;
mod policy;
mod run;
mod storage;
mod workload;

use serde_json::{Value, json};

/// Merges `more` into an object of a kind; maps are merged, the rest replaced.
fn of(api: &str, kind: &str, more: Value) -> Value {
    let mut value = json!({"apiVersion": api, "kind": kind, "metadata": {}});
    for (key, part) in more.as_object().unwrap() {
        value[key] = part.clone();
    }
    value
}

fn condition(name: &str, status: &str, reason: &str) -> Value {
    json!({"type": name, "status": status, "reason": reason, "lastTransitionTime": "2030-01-01T09:59:50Z"})
}

fn old(name: &str, status: &str, reason: &str) -> Value {
    json!({"type": name, "status": status, "reason": reason, "lastTransitionTime": "2030-01-01T01:00:00Z"})
}
