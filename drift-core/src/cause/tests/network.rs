//! NetworkPolicies, names and members of sets: who can still reach whom.

use serde_json::{Value, json};

use super::WEB;
use super::scenario::{Tape, running};
use crate::history::ResourceOp;

fn policy(name: &str, spec: Value) -> Value {
    json!({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":name,"namespace":"shop"},"spec":spec})
}

/// The web pods are not ready, and nobody says why.
fn silent(change: impl FnOnce(&mut Tape)) -> Tape {
    let mut tape = Tape::shop();
    tape.decoys(1);
    change(&mut tape);
    tape.decoys(2);
    tape.pod("web", "1", "a", running(false));
    tape.kubernetes_event(
        "Pod/shop/web-1-a",
        "Unhealthy",
        "Readiness probe failed: HTTP probe failed with statuscode: 503",
    );
    tape
}

const SHUT: &str = "NetworkPolicy.networking.k8s.io/shop/shut";

#[test]
fn policy_that_lets_another_label_in() {
    let tape = silent(|t| {
        t.put_by(
            policy(
                "shut",
                json!({"podSelector":{"matchLabels":{"app":"db"}},"ingress":[{"ports":[{"port":5432}],
                "from":[{"podSelector":{"matchLabels":{"app":"wbe"}}}]}]}),
            ),
            "kubectl-create",
        );
    });
    tape.check(WEB, SHUT, ResourceOp::Create, "");
}

#[test]
fn policy_that_lets_another_port_in() {
    let tape = silent(|t| {
        t.put_by(
            policy(
                "shut",
                json!({"podSelector":{"matchLabels":{"app":"db"}},"ingress":[{"ports":[{"port":5433}],
                "from":[{"podSelector":{"matchLabels":{"app":"web"}}}]}]}),
            ),
            "kubectl-create",
        );
    });
    tape.check(WEB, SHUT, ResourceOp::Create, "");
}

#[test]
fn policy_that_lets_the_traffic_in_is_no_cause() {
    silent(|t| {
        t.put_by(
            policy("shut", json!({"podSelector":{"matchLabels":{"app":"db"}},"ingress":[{"ports":[{"port":"main"}],
                "from":[{"namespaceSelector":{"matchLabels":{"team":"a"}},"podSelector":{"matchLabels":{"app":"web"}}}]}]})),
            "kubectl-create",
        );
    })
    .check_none(WEB);
}

#[test]
fn policy_that_was_taken_away_again_is_no_cause() {
    silent(|t| {
        t.put_by(
            policy("shut", json!({"podSelector":{"matchLabels":{"app":"db"}},"policyTypes":["Ingress"]})),
            "kubectl-create",
        );
        t.delete(SHUT);
    })
    .check_none(WEB);
}

#[test]
fn policy_that_let_the_traffic_in_deleted() {
    let mut tape = Tape::shop();
    tape.put(policy("deny", json!({"podSelector":{},"policyTypes":["Ingress"]})));
    tape.put(policy("let-web", json!({"podSelector":{"matchLabels":{"app":"db"}},"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"web"}}}]}]})));
    tape.wait(60);
    tape.decoys(1);
    tape.delete("NetworkPolicy.networking.k8s.io/shop/let-web");
    tape.decoys(2);
    tape.pod("web", "1", "a", running(false));
    tape.kubernetes_event("Pod/shop/web-1-a", "Unhealthy", "Readiness probe failed: db:5432: i/o timeout");
    tape.check(WEB, "NetworkPolicy.networking.k8s.io/shop/let-web", ResourceOp::Delete, "");
}

#[test]
fn policy_that_shuts_the_way_out() {
    let tape = silent(|t| {
        t.put_by(policy("shut", json!({"podSelector":{"matchLabels":{"app":"web"}},"policyTypes":["Egress"],"egress":[{"to":[{"ipBlock":{"cidr":"203.0.113.0/24"}}],
            "ports":[{"port":443}]}]})), "kubectl-create");
    });
    tape.check(WEB, SHUT, ResourceOp::Create, "");
}

#[test]
fn label_of_the_client_that_a_policy_asks_for_lost() {
    let mut tape = Tape::shop();
    tape.put(policy("let-tier", json!({"podSelector":{"matchLabels":{"app":"db"}},"ingress":[{"from":[{"podSelector":{"matchLabels":{"tier":"front"}}}]}]})));
    tape.edit(WEB, |o| o["spec"]["template"]["metadata"]["labels"] = json!({"app":"web","tier":"front"}));
    tape.replica_set("web", "2");
    tape.run("web", "2", "a");
    tape.wait(60);
    tape.decoys(1);
    tape.edit(WEB, |o| o["spec"]["template"]["metadata"]["labels"] = json!({"app":"web"}));
    tape.replica_set("web", "3");
    tape.pod("web", "3", "a", json!({"phase":"Pending"}));
    tape.decoys(2);
    tape.pod("web", "3", "a", running(false));
    tape.kubernetes_event("Pod/shop/web-3-a", "Unhealthy", "Readiness probe failed: db:5432: i/o timeout");
    tape.check("Pod/shop/web-3-a", WEB, ResourceOp::Update, "labels");
}

#[test]
fn service_that_a_plain_variable_names_deleted() {
    let mut tape = Tape::shop();
    tape.edit(WEB, |o| {
        o["spec"]["template"]["spec"]["containers"][0]["env"][2] = json!({"name":"LEADER","value":"db"})
    });
    tape.replica_set("web", "2");
    tape.run("web", "2", "a");
    tape.wait(60);
    tape.decoys(1);
    tape.delete("Service/shop/db");
    tape.decoys(2);
    tape.pod("web", "2", "a", running(false));
    tape.kubernetes_event(
        "Pod/shop/web-2-a",
        "Unhealthy",
        "Readiness probe failed: HTTP probe failed with statuscode: 503",
    );
    tape.check(WEB, "Service/shop/db", ResourceOp::Delete, "");
}

/// A set of two members that find each other by a headless Service.
fn set() -> Tape {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"v1","kind":"Service","metadata":{"name":"ring-peers","namespace":"shop"},"spec":{"clusterIP":"None","selector":{"app":"ring"},"ports":[{"port":2380}]}}));
    tape.put(json!({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"ring","namespace":"shop"},
        "spec":{"replicas":2,"serviceName":"ring-peers","selector":{"matchLabels":{"app":"ring"}},"template":{"metadata":{"labels":{"app":"ring"}},"spec":{"containers":[{"name":"app","image":"ring:1"}]}}},
        "status":{"replicas":2,"readyReplicas":2,"updatedReplicas":2}}));
    for n in 0..2 {
        member(&mut tape, n, true);
    }
    tape.wait(60);
    tape.decoys(1);
    tape
}

fn member(tape: &mut Tape, n: u32, is_ready: bool) {
    tape.put_by(json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":format!("ring-{n}"),"namespace":"shop","labels":{"app":"ring"},
            "ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"ring","uid":"x","controller":true}]},
        "spec":{"nodeName":"n1","containers":[{"name":"app","image":"ring:1"}]},"status":running(is_ready)}), "kubelet");
}

const RING: &str = "StatefulSet.apps/shop/ring";

#[test]
fn headless_service_of_a_set_deleted() {
    let mut tape = set();
    tape.delete("Service/shop/ring-peers");
    tape.decoys(2);
    member(&mut tape, 0, false);
    tape.kubernetes_event("Pod/shop/ring-0", "Unhealthy", "Readiness probe failed: peer ring-1: dial tcp: lookup ring-1.ring-peers on 10.0.0.10:53: no such host");
    tape.check(RING, "Service/shop/ring-peers", ResourceOp::Delete, "");
    tape.check("Pod/shop/ring-0", "Service/shop/ring-peers", ResourceOp::Delete, "");
}

#[test]
fn selector_of_a_headless_service_changed() {
    let mut tape = set();
    tape.edit("Service/shop/ring-peers", |o| o["spec"]["selector"] = json!({"app":"rnig"}));
    tape.decoys(2);
    member(&mut tape, 0, false);
    tape.kubernetes_event(
        "Pod/shop/ring-0",
        "Unhealthy",
        "Readiness probe failed: lookup ring-1.ring-peers.shop.svc.cluster.local: no such host",
    );
    tape.check(RING, "Service/shop/ring-peers", ResourceOp::Update, "selector");
}

#[test]
fn traffic_policy_that_keeps_calls_on_the_node() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit("Service/shop/db", |o| o["spec"]["internalTrafficPolicy"] = "Local".into());
    tape.decoys(2);
    tape.pod("web", "1", "a", running(false));
    tape.kubernetes_event(
        "Pod/shop/web-1-a",
        "Unhealthy",
        "Readiness probe failed: db:5432: connection refused",
    );
    tape.check(WEB, "Service/shop/db", ResourceOp::Update, "internalTrafficPolicy");
}

#[test]
fn service_turned_into_a_name_outside() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit("Service/shop/db", |o| {
        o["spec"] = json!({"type":"ExternalName","externalName":"db.example.net"})
    });
    tape.decoys(2);
    tape.pod("web", "1", "a", running(false));
    tape.kubernetes_event("Pod/shop/web-1-a", "Unhealthy", "Readiness probe failed: db:5432: no such host");
    tape.check(WEB, "Service/shop/db", ResourceOp::Update, "externalName");
}

#[test]
fn mesh_policy_that_denies() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.put_by(json!({"apiVersion":"security.istio.io/v1","kind":"AuthorizationPolicy","metadata":{"name":"db-only","namespace":"shop"},
        "spec":{"selector":{"matchLabels":{"app":"db"}},"action":"ALLOW","rules":[{"from":[{"source":{"principals":["cluster.local/ns/ops/sa/admin"]}}]}]}}), "kubectl-create");
    tape.decoys(2);
    tape.pod("web", "1", "a", running(false));
    tape.kubernetes_event(
        "Pod/shop/web-1-a",
        "Unhealthy",
        "Readiness probe failed: db:5432: 403 RBAC: access denied",
    );
    tape.check(WEB, "AuthorizationPolicy.security.istio.io/shop/db-only", ResourceOp::Create, "");
}

#[test]
fn dns_policy_that_knows_no_cluster_names() {
    let tape = super::rollout(
        |s| s["dnsPolicy"] = "Default".into(),
        super::scenario::crashed("Error", 1, "dial tcp: lookup db on 169.254.169.254:53: no such host"),
    );
    tape.check(super::POD, WEB, ResourceOp::Update, "dnsPolicy");
}
