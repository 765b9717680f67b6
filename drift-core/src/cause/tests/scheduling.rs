//! Nodes, room, claims and priorities.

use serde_json::json;

use super::scenario::{Tape, running, unschedulable};
use super::{POD, WEB, container, restart, rollout};
use crate::history::ResourceOp;

#[test]
fn request_raised_above_every_node() {
    let tape = rollout(
        |s| container(s)["resources"]["requests"]["cpu"] = "64".into(),
        unschedulable("0/2 nodes are available: 2 Insufficient cpu."),
    );
    tape.check(POD, WEB, ResourceOp::Update, "cpu");
}

#[test]
fn node_selector_that_matches_no_node() {
    let tape = rollout(
        |s| s["nodeSelector"] = json!({"disk":"tape"}),
        unschedulable("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."),
    );
    tape.check(POD, WEB, ResourceOp::Update, "nodeSelector");
}

#[test]
fn label_taken_from_the_nodes() {
    let mut tape = Tape::shop();
    tape.edit(WEB, |o| o["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk":"ssd"}));
    tape.replica_set("web", "2");
    tape.run("web", "2", "a");
    tape.decoys(1);
    tape.wait(30);
    tape.edit("Node//n1", |o| o["metadata"]["labels"] = json!({"kubernetes.io/hostname":"n1"}));
    tape.edit("Node//n2", |o| o["metadata"]["labels"] = json!({"kubernetes.io/hostname":"n2"}));
    tape.decoys(2);
    tape.pod(
        "web",
        "2",
        "b",
        unschedulable("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."),
    );
    // Either node's label would do.
    both_nodes_first(&tape);
}

/// Checks that the changes of both nodes come first: without either the pod would have had a place.
#[track_caller]
fn both_nodes_first(tape: &Tape) {
    let answer = tape.ask(POD);
    let mut first: Vec<_> = answer.causes.iter().take(2).map(|c| c.root.key.to_string()).collect();
    first.sort();
    assert_eq!(first, ["Node//n1", "Node//n2"]);
}

#[test]
fn taint_that_nobody_tolerates() {
    let tape = restart(
        |t| {
            for n in ["n1", "n2"] {
                t.edit(&format!("Node//{n}"), |o| {
                    o["spec"]["taints"] = json!([{"key":"only","value":"batch","effect":"NoSchedule"}])
                });
            }
        },
        unschedulable("0/2 nodes are available: 2 node(s) had untolerated taint {only: batch}."),
    );
    both_nodes_first(&tape);
}

#[test]
fn all_nodes_cordoned() {
    let tape = restart(
        |t| {
            ["n1", "n2"]
                .iter()
                .for_each(|n| t.edit(&format!("Node//{n}"), |o| o["spec"]["unschedulable"] = true.into()))
        },
        unschedulable("0/2 nodes are available: 2 node(s) were unschedulable."),
    );
    both_nodes_first(&tape);
}

#[test]
fn node_that_stops_reporting() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit_by("Node//n1", "kube-controller-manager", |o| {
        o["status"]["conditions"] = json!([{"type":"Ready","status":"Unknown"}])
    });
    tape.pod("web", "1", "a", running(false));
    tape.kubernetes_event("Pod/shop/web-1-a", "NodeNotReady", "Node is not ready");
    tape.check("Pod/shop/web-1-a", "Node//n1", ResourceOp::Update, "status");
    tape.check(WEB, "Node//n1", ResourceOp::Update, "status");
}

#[test]
fn claim_of_a_class_that_never_was() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    let claim = "PersistentVolumeClaim/shop/data";
    tape.put_by(
        json!({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"shop"},
        "spec":{"storageClassName":"golden"},"status":{"phase":"Pending"}}),
        "kubectl-create",
    );
    tape.decoys(2);
    tape.kubernetes_event(claim, "ProvisioningFailed", "storageclass.storage.k8s.io \"golden\" not found");
    tape.check(claim, claim, ResourceOp::Create, "");
}

#[test]
fn claim_deleted_before_a_restart() {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"shop"},"spec":{},"status":{"phase":"Bound"}}));
    tape.edit(WEB, |o| {
        o["spec"]["template"]["spec"]["volumes"] =
            json!([{"name":"d","persistentVolumeClaim":{"claimName":"data"}}])
    });
    tape.replica_set("web", "2");
    tape.run("web", "2", "a");
    tape.wait(60);
    tape.decoys(1);
    tape.delete("PersistentVolumeClaim/shop/data");
    tape.decoys(2);
    tape.pod(
        "web",
        "2",
        "b",
        unschedulable("0/2 nodes are available: persistentvolumeclaim \"data\" not found."),
    );
    tape.check(POD, "PersistentVolumeClaim/shop/data", ResourceOp::Delete, "");
}

#[test]
fn pod_preempted_by_a_more_important_one() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.put(json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"urgent","namespace":"batch","creationTimestamp":null},
        "spec":{"replicas":3,"template":{"spec":{"priorityClassName":"high","containers":[{"name":"a","image":"x","resources":{"requests":{"cpu":"3"}}}]}}}}));
    tape.edit_by("Deployment.apps/batch/urgent", "kubectl-create", |_| {});
    tape.put(json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"urgent-a","namespace":"batch",
        "ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"urgent","uid":"u","controller":true}]},
        "spec":{"priorityClassName":"high","containers":[{"name":"a","image":"x"}]},"status":{"phase":"Pending"}}));
    tape.pod("web", "1", "a", json!({"phase":"Failed","reason":"Preempting","message":"Preempted in order to admit critical pod",
        "conditions":[{"type":"DisruptionTarget","status":"True","reason":"PreemptionByScheduler"},{"type":"Ready","status":"False"}]}));
    // The scheduler names the pod that took the place by its UID.
    let taker = tape.get("Pod/batch/urgent-a")["metadata"]["uid"].as_str().unwrap().to_owned();
    tape.kubernetes_event("Pod/shop/web-1-a", "Preempted", &format!("Preempted by pod {taker} on node n1"));
    tape.check("Pod/shop/web-1-a", "Deployment.apps/batch/urgent", ResourceOp::Create, "");
}

#[test]
fn daemon_that_no_node_is_for_any_more() {
    let mut tape = Tape::shop();
    let agent = "DaemonSet.apps/shop/agent";
    tape.put(json!({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"agent","namespace":"shop"},
        "spec":{"template":{"metadata":{"labels":{"app":"agent"}},"spec":{"containers":[{"name":"app","image":"agent:1"}]}}},
        "status":{"desiredNumberScheduled":2,"numberAvailable":2,"updatedNumberScheduled":2}}));
    tape.decoys(1);
    assert!(tape.ask(agent).symptoms.is_empty());
    tape.edit(agent, |o| o["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk":"tape"}));
    tape.edit_by(agent, "kube-controller-manager", |o| {
        o["status"] = json!({"desiredNumberScheduled":0,"numberAvailable":0,"updatedNumberScheduled":0})
    });
    tape.decoys(2);
    tape.check(agent, agent, ResourceOp::Update, "nodeSelector");
}

#[test]
fn daemon_that_never_had_a_node_is_no_fault() {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"gpu","namespace":"shop"},
        "spec":{"template":{"spec":{"nodeSelector":{"gpu":"yes"},"containers":[{"name":"app","image":"gpu:1"}]}}},
        "status":{"desiredNumberScheduled":0,"numberAvailable":0}}));
    assert!(tape.ask("DaemonSet.apps/shop/gpu").symptoms.is_empty());
}

#[test]
fn budget_that_lets_no_pod_of_a_drained_node_go() {
    for (raised, blocks) in [(json!(1), true), (json!("100%"), true), (json!(0), false)] {
        let mut tape = Tape::shop();
        let budget = "PodDisruptionBudget.policy/shop/web";
        tape.put(json!({"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"web","namespace":"shop"},
            "spec":{"minAvailable":"0%","selector":{"matchLabels":{"app":"web"}}}}));
        tape.decoys(1);
        tape.edit(budget, |o| o["spec"]["minAvailable"] = raised);
        tape.decoys(2);
        let node = tape.get("Pod/shop/web-1-a")["spec"]["nodeName"].as_str().unwrap().to_owned();
        let node = format!("Node//{node}");
        tape.kubernetes_event(
            &node,
            "FailedDraining",
            "Failed to drain node, 1 pods are waiting to be evicted",
        );
        assert!(tape.ask(&node).symptoms.is_empty(), "a node that is open is not being drained");
        tape.edit(&node, |o| o["spec"]["unschedulable"] = true.into());
        tape.kubernetes_event(
            &node,
            "FailedDraining",
            "Failed to drain node, 1 pods are waiting to be evicted",
        );
        if blocks {
            tape.check(&node, budget, ResourceOp::Update, "minAvailable");
        } else {
            tape.check_none(&node);
        }
    }
}

#[test]
fn more_pods_that_may_not_share_a_node_than_nodes() {
    for (replicas, is_sure) in [(3, true), (2, false)] {
        let mut tape = Tape::shop();
        tape.edit(WEB, |o| {
            o["spec"]["template"]["spec"]["affinity"] = json!({"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":
                [{"topologyKey":"kubernetes.io/hostname","labelSelector":{"matchLabels":{"app":"web"}}}]}})
        });
        tape.replica_set("web", "2");
        tape.run("web", "2", "a");
        tape.wait(60);
        tape.decoys(1);
        tape.edit(WEB, |o| o["spec"]["replicas"] = replicas.into());
        let text = "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.";
        tape.pod("web", "2", "b", unschedulable(text));
        let answer = tape.ask(POD);
        let is_raise = |c: &&super::super::Cause| {
            c.root.key.to_string() == WEB && c.candidate.kind == super::super::ChangeKind::Replicas
        };
        let raised = answer.causes.iter().find(is_raise);
        let score = raised.map_or(0.0, |c| c.score);
        assert_eq!(score >= super::super::THRESHOLD, is_sure, "{replicas} replicas: {score}");
    }
}
