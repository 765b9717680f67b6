//! Services, what stands behind them, routes, names and autoscalers.

use serde_json::json;

use super::scenario::{Tape, running};
use super::{WEB, container};
use crate::history::ResourceOp;

/// The web pods cannot reach the db: their readiness says so.
fn unreachable(change: impl FnOnce(&mut Tape), text: &str) -> Tape {
    let mut tape = Tape::shop();
    tape.decoys(1);
    change(&mut tape);
    tape.decoys(2);
    tape.pod("web", "1", "a", running(false));
    tape.kubernetes_event(
        "Pod/shop/web-1-a",
        "Unhealthy",
        &format!("Readiness probe failed: HTTP probe failed with statuscode: 500 ({text})"),
    );
    tape
}

#[test]
fn service_selector_that_matches_nothing() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit("Service/shop/web", |o| o["spec"]["selector"] = json!({"app":"wbe"}));
    tape.slice("web", 0);
    tape.decoys(2);
    tape.check("Service/shop/web", "Service/shop/web", ResourceOp::Update, "selector");
}

#[test]
fn labels_of_the_pods_changed() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit(WEB, |o| o["spec"]["template"]["metadata"]["labels"] = json!({"app":"web2"}));
    tape.replica_set("web", "2");
    tape.run("web", "2", "b");
    tape.delete("Pod/shop/web-1-a");
    tape.slice("web", 0);
    tape.decoys(2);
    tape.check("Service/shop/web", WEB, ResourceOp::Update, "labels");
}

#[test]
fn scaled_to_zero() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit(WEB, |o| o["spec"]["replicas"] = 0.into());
    tape.delete("Pod/shop/web-1-a");
    tape.slice("web", 0);
    tape.decoys(2);
    tape.check("Service/shop/web", WEB, ResourceOp::Update, "replicas");
    tape.check(WEB, WEB, ResourceOp::Update, "replicas");
}

#[test]
fn deployment_deleted() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.decoys(2);
    tape.delete(WEB);
    tape.delete("ReplicaSet.apps/shop/web-1");
    tape.delete("Pod/shop/web-1-a");
    tape.slice("web", 0);
    tape.check("Service/shop/web", WEB, ResourceOp::Delete, "");
}

#[test]
fn port_of_a_service_that_is_asked_for_changed() {
    let tape = unreachable(
        |t| t.edit("Service/shop/db", |o| o["spec"]["ports"][0]["port"] = 5433.into()),
        "db:5432: connection refused",
    );
    tape.check("Pod/shop/web-1-a", "Service/shop/db", ResourceOp::Update, "port");
    tape.check(WEB, "Service/shop/db", ResourceOp::Update, "port");
}

#[test]
fn target_port_of_a_service_changed() {
    let tape = unreachable(
        |t| t.edit("Service/shop/db", |o| o["spec"]["ports"][0]["targetPort"] = 99.into()),
        "db:5432: connection refused",
    );
    tape.check(WEB, "Service/shop/db", ResourceOp::Update, "targetPort");
}

#[test]
fn service_deleted() {
    let tape = unreachable(|t| t.delete("Service/shop/db"), "lookup db: no such host");
    tape.check(WEB, "Service/shop/db", ResourceOp::Delete, "");
}

#[test]
fn peer_scaled_to_zero() {
    let tape = unreachable(
        |t| {
            t.edit("Deployment.apps/shop/db", |o| o["spec"]["replicas"] = 0.into());
            t.delete("Pod/shop/db-1-a");
            t.slice("db", 0);
        },
        "db:5432: connection refused",
    );
    // The decoys scale it up again on paper; what was asked for at the onset counts.
    let answer = tape.ask(WEB);
    assert!(answer.causes.iter().take(3).any(|c| c.root.key.to_string() == "Deployment.apps/shop/db"));
}

#[test]
fn policy_that_lets_nothing_through() {
    let tape = unreachable(
        |t| {
            t.put_by(json!({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"shut","namespace":"shop"},
                "spec":{"podSelector":{"matchLabels":{"app":"db"}},"policyTypes":["Ingress"]}}), "kubectl-create");
        },
        "db:5432: i/o timeout",
    );
    tape.check(WEB, "NetworkPolicy.networking.k8s.io/shop/shut", ResourceOp::Create, "");
}

#[test]
fn peer_outside_of_the_cluster_has_no_cause() {
    unreachable(|_| {}, "pay.example.com:443: i/o timeout").check_none("Pod/shop/web-1-a");
}

#[test]
fn ingress_to_a_service_that_is_gone() {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"edge","namespace":"shop"},
        "spec":{"ingressClassName":"nginx","rules":[{"http":{"paths":[{"backend":{"service":{"name":"web","port":{"number":8080}}}}]}}]}}));
    tape.wait(60);
    tape.decoys(1);
    tape.decoys(2);
    tape.delete("Service/shop/web");
    tape.kubernetes_event(
        "Ingress.networking.k8s.io/shop/edge",
        "Rejected",
        "service \"shop/web\" not found",
    );
    tape.check("Ingress.networking.k8s.io/shop/edge", "Service/shop/web", ResourceOp::Delete, "");
}

#[test]
fn ingress_that_points_to_nothing() {
    let mut tape = Tape::shop();
    let edge = "Ingress.networking.k8s.io/shop/edge";
    tape.put(json!({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"edge","namespace":"shop"},
        "spec":{"ingressClassName":"nginx","rules":[{"http":{"paths":[{"backend":{"service":{"name":"web","port":{"number":8080}}}}]}}]}}));
    tape.wait(60);
    tape.decoys(1);
    tape.edit(edge, |o| {
        o["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = "wbe".into()
    });
    tape.kubernetes_event(edge, "Rejected", "service \"shop/wbe\" not found");
    tape.decoys(2);
    tape.check(edge, edge, ResourceOp::Update, "rules");
}

#[test]
fn autoscaler_without_requests_to_measure_by() {
    let mut tape = Tape::shop();
    let hpa = "HorizontalPodAutoscaler.autoscaling/shop/web";
    tape.put(json!({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","namespace":"shop"},
        "spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}}}));
    tape.decoys(1);
    tape.edit(WEB, |o| container(&mut o["spec"]["template"]["spec"])["resources"] = json!({}));
    tape.replica_set("web", "2");
    tape.run("web", "2", "b");
    tape.kubernetes_event(
        hpa,
        "FailedGetResourceMetric",
        "failed to get cpu utilization: missing request for cpu in container app of Pod web-2-b",
    );
    tape.decoys(2);
    tape.check(hpa, WEB, ResourceOp::Update, "resources");
}

#[test]
fn suspended_cron_job() {
    let mut tape = Tape::shop();
    let job = "CronJob.batch/shop/report";
    tape.put(json!({"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"report","namespace":"shop"},
        "spec":{"schedule":"* * * * *","suspend":false,"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"x"}]}}}}}}));
    tape.decoys(1);
    tape.edit(job, |o| o["spec"]["suspend"] = true.into());
    tape.decoys(2);
    tape.check(job, job, ResourceOp::Update, "suspend");
}

#[test]
fn name_service_misconfigured() {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"coredns","namespace":"kube-system","creationTimestamp":"2026-03-01T09:00:00Z"},
        "data":{"Corefile":".:53 { kubernetes cluster.local }"}}));
    tape.decoys(1);
    tape.edit("ConfigMap/kube-system/coredns", |o| {
        o["data"]["Corefile"] = ".:53 { kubernetes cluster.lcoal }".into()
    });
    tape.decoys(2);
    tape.pod("web", "1", "a", running(false));
    tape.kubernetes_event(
        "Pod/shop/web-1-a",
        "Unhealthy",
        "Readiness probe failed: HTTP probe failed with statuscode: 500 (lookup db: no such host)",
    );
    tape.check(WEB, "ConfigMap/kube-system/coredns", ResourceOp::Update, "Corefile");
}

#[test]
fn strategy_that_lets_a_rollout_take_all_pods() {
    for (taken, is_cause) in [("100%", true), ("25%", false)] {
        let mut tape = Tape::shop();
        tape.decoys(1);
        tape.edit(WEB, |o| {
            o["spec"]["strategy"] =
                json!({"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":taken,"maxSurge":1}})
        });
        tape.wait(30);
        tape.edit(WEB, |o| {
            container(&mut o["spec"]["template"]["spec"])["image"] = "registry.example.com/web:1.1".into()
        });
        tape.delete("Pod/shop/web-1-a");
        tape.replica_set("web", "2");
        tape.slice("web", 0);
        tape.pod("web", "2", "b", json!({"phase":"Pending"}));
        tape.pod("web", "2", "b", running(false));
        let answer = tape.ask("Service/shop/web");
        let is_strategy = |c: &super::super::Cause| c.candidate.kind == super::super::ChangeKind::Rollout;
        assert_eq!(
            answer.causes.first().is_some_and(is_strategy),
            is_cause,
            "{taken}: {:#?}",
            answer.causes.first()
        );
    }
}

#[test]
fn name_of_a_port_that_a_route_asks_for_changed() {
    for (name, is_cause) in [("public", true), ("main", false)] {
        let mut tape = Tape::shop();
        let edge = "Ingress.networking.k8s.io/shop/edge";
        tape.put(json!({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"edge","namespace":"shop"},
            "spec":{"ingressClassName":"nginx","rules":[{"http":{"paths":[{"backend":{"service":{"name":"web","port":{"name":"main"}}}}]}}]}}));
        tape.wait(60);
        tape.decoys(1);
        tape.edit("Service/shop/web", |o| {
            o["spec"]["ports"][0]["name"] = name.into();
            o["spec"]["ports"][0]["appProtocol"] = "http".into();
        });
        tape.decoys(2);
        tape.kubernetes_event(edge, "FailedBuildModel", "unable to find port main on service shop/web");
        if is_cause {
            tape.check(edge, "Service/shop/web", ResourceOp::Update, "name");
        } else {
            let answer = tape.ask(edge);
            assert!(answer.explaining().all(|c| &*c.root.key.kind != "Service"), "{name}");
        }
    }
}

#[test]
fn upper_bound_lowered_below_what_is_wanted() {
    for (wanted, is_cause) in [("True", true), ("False", false)] {
        let mut tape = Tape::shop();
        let hpa = "HorizontalPodAutoscaler.autoscaling/shop/web";
        tape.put(json!({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","namespace":"shop"},
            "spec":{"maxReplicas":8,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}}}));
        tape.wait(60);
        tape.decoys(1);
        tape.edit(hpa, |o| o["spec"]["maxReplicas"] = 1.into());
        tape.decoys(2);
        tape.pod("web", "1", "a", running(false));
        tape.kubernetes_event("Pod/shop/web-1-a", "Unhealthy", "Readiness probe failed: queue is full");
        tape.edit_by(hpa, "kube-controller-manager", |o| {
            o["status"] =
                json!({"conditions":[{"type":"ScalingLimited","status":wanted,"reason":"TooManyReplicas"}]})
        });
        if is_cause {
            tape.check(WEB, hpa, ResourceOp::Update, "maxReplicas");
        } else {
            tape.check_none("Pod/shop/web-1-a");
        }
    }
}
