//! The change → symptom table as small tapes, each with decoys before and after the cause.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::scenario::{Tape, crashed, running, unschedulable, waiting};
use super::{Op, Weights};

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

#[test]
fn image_that_does_not_exist() {
    let tape = rollout(
        |s| container(s)["image"] = "registry.example.com/web:2.0".into(),
        waiting("ImagePullBackOff", "Back-off pulling image \"registry.example.com/web:2.0\": not found"),
    );
    tape.check(POD, WEB, Op::Update, "image");
    tape.check(WEB, WEB, Op::Update, "image");
}

#[test]
fn registry_that_is_down_has_no_cause() {
    restart(
        |_| {},
        waiting("ErrImagePull", "failed to pull image \"registry.example.com/web:1.0\": i/o timeout"),
    )
    .check_none(POD);
}

#[test]
fn command_that_ends_at_once() {
    let tape = rollout(
        |s| container(s)["command"] = json!(["/app", "--prot=1"]),
        crashed("Error", 2, "unknown flag --prot"),
    );
    tape.check(POD, WEB, Op::Update, "command");
}

#[test]
fn command_that_is_not_there() {
    let tape = rollout(
        |s| container(s)["command"] = json!(["/ap"]),
        waiting("RunContainerError", "exec: \"/ap\": no such file or directory"),
    );
    tape.check(POD, WEB, Op::Update, "command");
}

#[test]
fn variable_with_a_wrong_value() {
    let tape = rollout(
        |s| container(s)["env"].as_array_mut().unwrap().push(json!({"name":"LEVEL","value":"louder"})),
        crashed("Error", 1, "exit code 1"),
    );
    tape.check(POD, WEB, Op::Update, "env");
}

#[test]
fn memory_limit_lowered() {
    let tape = rollout(
        |s| container(s)["resources"]["limits"]["memory"] = "8Mi".into(),
        crashed("OOMKilled", 137, ""),
    );
    tape.check(POD, WEB, Op::Update, "memory");
    tape.check(WEB, WEB, Op::Update, "memory");
}

#[test]
fn request_raised_above_every_node() {
    let tape = rollout(
        |s| container(s)["resources"]["requests"]["cpu"] = "64".into(),
        unschedulable("0/2 nodes are available: 2 Insufficient cpu."),
    );
    tape.check(POD, WEB, Op::Update, "cpu");
}

#[test]
fn node_selector_that_matches_no_node() {
    let tape = rollout(
        |s| s["nodeSelector"] = json!({"disk":"tape"}),
        unschedulable("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."),
    );
    tape.check(POD, WEB, Op::Update, "nodeSelector");
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
    tape.check(POD, "Node//n1", Op::Update, "disk");
    let answer = tape.ask(POD);
    assert_eq!(
        answer.explaining().count(),
        2,
        "{:?}",
        answer.causes.iter().map(|c| c.root.key.to_string()).collect::<Vec<_>>()
    );
    assert_eq!(answer.causes[1].root.key.to_string(), "Node//n2");
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
    tape.check(POD, "Node//n2", Op::Update, "taints");
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
    tape.check(POD, "Node//n2", Op::Update, "unschedulable");
}

#[test]
fn readiness_probe_on_a_wrong_path() {
    let mut tape =
        rollout(|s| container(s)["readinessProbe"]["httpGet"]["path"] = "/raedy".into(), running(false));
    tape.told(POD, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404");
    tape.check(POD, WEB, Op::Update, "readinessProbe");
}

#[test]
fn liveness_probe_that_kills() {
    let mut tape =
        rollout(|s| container(s)["livenessProbe"]["httpGet"]["port"] = 9.into(), crashed("Error", 137, ""));
    tape.told(POD, "Unhealthy", "Liveness probe failed: dial tcp 10.0.0.1:9: connect: connection refused");
    tape.check(POD, WEB, Op::Update, "livenessProbe");
}

#[test]
fn config_key_renamed_before_a_restart() {
    let tape = restart(
        |t| t.edit("ConfigMap/shop/web-conf", |o| o["data"] = json!({"MODUS":"fast","COLOR":"red"})),
        waiting("CreateContainerConfigError", "couldn't find key MODE in ConfigMap shop/web-conf"),
    );
    tape.check(POD, "ConfigMap/shop/web-conf", Op::Update, "MODE");
    tape.check(WEB, "ConfigMap/shop/web-conf", Op::Update, "MODE");
}

#[test]
fn config_map_deleted_before_a_restart() {
    let tape = restart(
        |t| t.delete("ConfigMap/shop/web-conf"),
        waiting("CreateContainerConfigError", "configmap \"web-conf\" not found"),
    );
    tape.check(POD, "ConfigMap/shop/web-conf", Op::Delete, "");
}

#[test]
fn secret_deleted_before_a_restart() {
    let tape = restart(
        |t| t.delete("Secret/shop/web-key"),
        waiting("CreateContainerConfigError", "secret \"web-key\" not found"),
    );
    tape.check(POD, "Secret/shop/web-key", Op::Delete, "");
}

#[test]
fn config_value_that_crashes_the_next_pod() {
    let tape = restart(
        |t| t.edit("ConfigMap/shop/web-conf", |o| o["data"]["MODE"] = "warp".into()),
        crashed("Error", 1, "fatal: unknown mode"),
    );
    tape.check(POD, "ConfigMap/shop/web-conf", Op::Update, "MODE");
}

#[test]
fn reference_to_a_key_that_never_was() {
    let tape = rollout(
        |s| container(s)["env"][0]["valueFrom"]["configMapKeyRef"]["key"] = "MOED".into(),
        waiting("CreateContainerConfigError", "couldn't find key MOED in ConfigMap shop/web-conf"),
    );
    tape.check(POD, WEB, Op::Update, "configMapKeyRef");
}

#[test]
fn volume_of_a_secret_that_never_was() {
    let mut tape = rollout(
        |s| s["volumes"] = json!([{"name":"tls","secret":{"secretName":"no-such"}}]),
        waiting("ContainerCreating", ""),
    );
    tape.told(
        POD,
        "FailedMount",
        "MountVolume.SetUp failed for volume \"tls\" : secret \"no-such\" not found",
    );
    tape.check(POD, WEB, Op::Update, "volumes");
}

#[test]
fn an_application_that_crashes_by_itself_has_no_cause() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.wait(60);
    tape.pod("web", "1", "a", crashed("Error", 139, "segmentation fault"));
    tape.decoys(2);
    tape.check_none("Pod/shop/web-1-a");
    tape.check_none(WEB);
}

#[test]
fn a_config_change_that_a_running_container_cannot_see_is_no_cause() {
    let mut tape = Tape::shop();
    tape.edit("ConfigMap/shop/web-conf", |o| o["data"]["MODE"] = "slow".into());
    tape.wait(60);
    tape.pod("web", "1", "a", crashed("Error", 139, "segmentation fault"));
    tape.check_none("Pod/shop/web-1-a");
}

#[test]
fn a_healthy_deploy_long_before_is_no_cause() {
    let mut tape = Tape::shop();
    tape.edit(WEB, |o| {
        container(&mut o["spec"]["template"]["spec"])["image"] = "registry.example.com/web:1.1".into()
    });
    tape.replica_set("web", "2");
    tape.run("web", "2", "b");
    tape.wait(120);
    tape.decoys(1);
    tape.pod("web", "2", "b", crashed("Error", 139, "segmentation fault"));
    tape.check_none(POD);
}

#[test]
fn service_selector_that_matches_nothing() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit("Service/shop/web", |o| o["spec"]["selector"] = json!({"app":"wbe"}));
    tape.slice("web", 0);
    tape.decoys(2);
    tape.check("Service/shop/web", "Service/shop/web", Op::Update, "selector");
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
    tape.check("Service/shop/web", WEB, Op::Update, "labels");
}

#[test]
fn scaled_to_zero() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit(WEB, |o| o["spec"]["replicas"] = 0.into());
    tape.delete("Pod/shop/web-1-a");
    tape.slice("web", 0);
    tape.decoys(2);
    tape.check("Service/shop/web", WEB, Op::Update, "replicas");
    tape.check(WEB, WEB, Op::Update, "replicas");
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
    tape.check("Service/shop/web", WEB, Op::Delete, "");
}

/// The web pods cannot reach the db: their readiness says so.
fn unreachable(change: impl FnOnce(&mut Tape), text: &str) -> Tape {
    let mut tape = Tape::shop();
    tape.decoys(1);
    change(&mut tape);
    tape.decoys(2);
    tape.pod("web", "1", "a", running(false));
    tape.told(
        "Pod/shop/web-1-a",
        "Unhealthy",
        &format!("Readiness probe failed: HTTP probe failed with statuscode: 500 ({text})"),
    );
    tape
}

#[test]
fn port_of_a_service_that_is_asked_for_changed() {
    let tape = unreachable(
        |t| t.edit("Service/shop/db", |o| o["spec"]["ports"][0]["port"] = 5433.into()),
        "db:5432: connection refused",
    );
    tape.check("Pod/shop/web-1-a", "Service/shop/db", Op::Update, "port");
    tape.check(WEB, "Service/shop/db", Op::Update, "port");
}

#[test]
fn target_port_of_a_service_changed() {
    let tape = unreachable(
        |t| t.edit("Service/shop/db", |o| o["spec"]["ports"][0]["targetPort"] = 99.into()),
        "db:5432: connection refused",
    );
    tape.check(WEB, "Service/shop/db", Op::Update, "targetPort");
}

#[test]
fn service_deleted() {
    let tape = unreachable(|t| t.delete("Service/shop/db"), "lookup db: no such host");
    tape.check(WEB, "Service/shop/db", Op::Delete, "");
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
    tape.check(WEB, "NetworkPolicy.networking.k8s.io/shop/shut", Op::Create, "");
}

#[test]
fn peer_outside_of_the_cluster_has_no_cause() {
    unreachable(|_| {}, "pay.example.com:443: i/o timeout").check_none("Pod/shop/web-1-a");
}

/// The ReplicaSet cannot make pods.
fn refused(change: impl FnOnce(&mut Tape), text: &str) -> Tape {
    let mut tape = Tape::shop();
    tape.decoys(1);
    change(&mut tape);
    tape.decoys(2);
    tape.edit_by(WEB, "kubectl-set", |o| {
        container(&mut o["spec"]["template"]["spec"])["image"] = "registry.example.com/web:1.1".into()
    });
    tape.replica_set("web", "2");
    tape.told("ReplicaSet.apps/shop/web-2", "FailedCreate", text);
    tape.edit_by(WEB, "kube-controller-manager", |o| {
        o["status"] = json!({"conditions":[{"type":"ReplicaFailure","status":"True","reason":"FailedCreate","message":text}]});
    });
    tape
}

#[test]
fn quota_set_below_what_is_used() {
    let quota = |n: &str| json!({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"small","namespace":"shop"},"spec":{"hard":{"pods":n}}});
    let tape = refused(
        |t| {
            t.put_by(quota("20"), "kubectl-create");
            t.edit("ResourceQuota/shop/small", |o| o["spec"] = quota("2")["spec"].clone());
        },
        "Error creating: pods \"web-2-b\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2",
    );
    tape.check(WEB, "ResourceQuota/shop/small", Op::Update, "pods");
}

#[test]
fn quota_that_came_into_being() {
    let tape = refused(
        |t| {
            t.put_by(json!({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"cpu","namespace":"shop"},"spec":{"hard":{"limits.cpu":"4"}}}), "kubectl-create")
        },
        "Error creating: pods \"web-2-b\" is forbidden: failed quota: cpu: must specify limits.cpu for: app",
    );
    tape.check(WEB, "ResourceQuota/shop/cpu", Op::Create, "");
}

#[test]
fn limit_range_that_came_into_being() {
    let tape = refused(
        |t| {
            t.put_by(
                json!({"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"caps","namespace":"shop"},
                "spec":{"limits":[{"type":"Container","max":{"memory":"32Mi"}}]}}),
                "kubectl-create",
            );
        },
        "Error creating: pods \"web-2-b\" is forbidden: maximum memory usage per Container is 32Mi, but limit is 128Mi",
    );
    tape.check(WEB, "LimitRange/shop/caps", Op::Create, "");
}

#[test]
fn pod_security_level_raised() {
    let tape = refused(
        |t| {
            t.edit("Namespace//shop", |o| {
                o["metadata"]["labels"] =
                    json!({"team":"a","pod-security.kubernetes.io/enforce":"restricted"})
            })
        },
        "Error creating: pods \"web-2-b\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false",
    );
    tape.check(WEB, "Namespace//shop", Op::Update, "pod-security");
}

#[test]
fn webhook_without_a_backend() {
    let tape = refused(
        |t| {
            t.put_by(json!({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"gate"},
                "webhooks":[{"name":"gate.example.com","failurePolicy":"Fail","clientConfig":{"service":{"name":"gate","namespace":"ops"}}}]}), "kubectl-create");
        },
        "Error creating: Internal error occurred: failed calling webhook \"gate.example.com\": service \"gate\" not found",
    );
    tape.check(WEB, "ValidatingWebhookConfiguration.admissionregistration.k8s.io//gate", Op::Create, "");
}

#[test]
fn service_of_a_webhook_deleted() {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"gate","creationTimestamp":"2026-03-01T09:00:00Z"},
        "webhooks":[{"name":"gate.example.com","failurePolicy":"Fail","clientConfig":{"service":{"name":"db","namespace":"shop"}}}]}));
    tape.wait(60);
    tape.decoys(1);
    tape.delete("Service/shop/db");
    let text = "Error creating: Internal error occurred: failed calling webhook \"gate.example.com\": service \"db\" not found";
    tape.edit_by(WEB, "kubectl-set", |o| {
        container(&mut o["spec"]["template"]["spec"])["image"] = "registry.example.com/web:1.1".into()
    });
    tape.replica_set("web", "2");
    tape.told("ReplicaSet.apps/shop/web-2", "FailedCreate", text);
    tape.check(WEB, "Service/shop/db", Op::Delete, "");
}

#[test]
fn service_account_deleted() {
    let tape = refused(
        |t| t.delete("ServiceAccount/shop/web"),
        "Error creating: pods \"web-2-b\" is forbidden: error looking up service account shop/web: serviceaccount \"web\" not found",
    );
    tape.check(WEB, "ServiceAccount/shop/web", Op::Delete, "");
}

#[test]
fn service_account_that_never_was() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit(WEB, |o| o["spec"]["template"]["spec"]["serviceAccountName"] = "wbe".into());
    tape.replica_set("web", "2");
    tape.told("ReplicaSet.apps/shop/web-2", "FailedCreate", "Error creating: pods \"web-2-\" is forbidden: error looking up service account shop/wbe: serviceaccount \"wbe\" not found");
    tape.decoys(2);
    tape.check(WEB, WEB, Op::Update, "serviceAccountName");
}

#[test]
fn node_that_stops_reporting() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit_by("Node//n1", "kube-controller-manager", |o| {
        o["status"]["conditions"] = json!([{"type":"Ready","status":"Unknown"}])
    });
    tape.pod("web", "1", "a", running(false));
    tape.told("Pod/shop/web-1-a", "NodeNotReady", "Node is not ready");
    tape.check("Pod/shop/web-1-a", "Node//n1", Op::Update, "status");
    tape.check(WEB, "Node//n1", Op::Update, "status");
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
    tape.told(claim, "ProvisioningFailed", "storageclass.storage.k8s.io \"golden\" not found");
    tape.check(claim, claim, Op::Create, "");
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
    tape.check(POD, "PersistentVolumeClaim/shop/data", Op::Delete, "");
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
    tape.told("Ingress.networking.k8s.io/shop/edge", "Rejected", "service \"shop/web\" not found");
    tape.check("Ingress.networking.k8s.io/shop/edge", "Service/shop/web", Op::Delete, "");
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
    tape.told(edge, "Rejected", "service \"shop/wbe\" not found");
    tape.decoys(2);
    tape.check(edge, edge, Op::Update, "rules");
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
    tape.told(
        hpa,
        "FailedGetResourceMetric",
        "failed to get cpu utilization: missing request for cpu in container app of Pod web-2-b",
    );
    tape.decoys(2);
    tape.check(hpa, WEB, Op::Update, "resources");
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
    tape.check(job, job, Op::Update, "suspend");
}

/// An operator with its custom resource, whose image reaches a child.
fn operator() -> Tape {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"widget-operator","namespace":"shop"},
        "spec":{"replicas":1,"selector":{"matchLabels":{"app":"op"}},"template":{"metadata":{"labels":{"app":"op"}},
            "spec":{"serviceAccountName":"op","containers":[{"name":"a","image":"op:1"}]}}},"status":{"readyReplicas":1,"availableReplicas":1,"updatedReplicas":1}}));
    tape.put(json!({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"op","namespace":"shop"}}));
    tape.put(
        json!({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"op"},
        "rules":[{"apiGroups":["apps"],"resources":["daemonsets"],"verbs":["get","update"]}]}),
    );
    tape.put(json!({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"op"},
        "roleRef":{"kind":"ClusterRole","name":"op","apiGroup":"rbac.authorization.k8s.io"},
        "subjects":[{"kind":"ServiceAccount","name":"op","namespace":"shop"}]}));
    tape.put_by(json!({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w","namespace":"shop","generation":1},
        "spec":{"image":"widget:1"},"status":{"phase":"Running"}}), "widget-operator");
    tape.put_by(json!({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"w","namespace":"shop",
            "ownerReferences":[{"apiVersion":"example.com/v1","kind":"Widget","name":"w","uid":"x","controller":true}]},
        "spec":{"template":{"spec":{"containers":[{"name":"a","image":"widget:1"}]}}},"status":{"numberAvailable":2,"desiredNumberScheduled":2}}), "widget-operator");
    tape.wait(60);
    tape.decoys(1);
    tape
}

const WIDGET: &str = "Widget.example.com/shop/w";

#[test]
fn operator_that_is_stuck() {
    let mut tape = operator();
    tape.edit(WIDGET, |o| o["spec"]["image"] = "widget:2".into());
    tape.edit_by(WIDGET, "widget-operator", |o| {
        o["status"] = json!({"phase":"Pending","message":"Updating"})
    });
    tape.decoys(2);
    tape.check(WIDGET, WIDGET, Op::Update, "image");
    // The child shows no fault of its own: it only stays as it was.
    tape.check("DaemonSet.apps/shop/w", WIDGET, Op::Update, "image");
}

#[test]
fn operator_that_was_switched_off() {
    let mut tape = operator();
    tape.edit("Deployment.apps/shop/widget-operator", |o| o["spec"]["replicas"] = 0.into());
    tape.decoys(2);
    tape.edit(WIDGET, |o| {
        o["spec"]["image"] = "widget:2".into();
        o["metadata"]["generation"] = 2.into();
        o["status"] = json!({"phase":"Running","observedGeneration":1});
    });
    tape.check(WIDGET, "Deployment.apps/shop/widget-operator", Op::Update, "replicas");
}

#[test]
fn operator_that_lost_a_permission() {
    let mut tape = operator();
    tape.edit("ClusterRole.rbac.authorization.k8s.io//op", |o| o["rules"][0]["verbs"] = json!(["get"]));
    tape.decoys(2);
    tape.edit(WIDGET, |o| o["spec"]["image"] = "widget:2".into());
    tape.edit_by(WIDGET, "widget-operator", |o| {
        o["status"] = json!({"phase":"Error","message":"daemonsets.apps \"w\" is forbidden: User \"system:serviceaccount:shop:op\" cannot update resource \"daemonsets\" in API group \"apps\" in the namespace \"shop\""});
    });
    tape.check(WIDGET, "ClusterRole.rbac.authorization.k8s.io//op", Op::Update, "rules");
}

#[test]
fn operator_that_lost_its_binding() {
    let mut tape = operator();
    tape.delete("ClusterRoleBinding.rbac.authorization.k8s.io//op");
    tape.decoys(2);
    tape.edit(WIDGET, |o| o["spec"]["image"] = "widget:2".into());
    tape.edit_by(WIDGET, "widget-operator", |o| {
        o["status"] = json!({"phase":"Error","message":"daemonsets.apps \"w\" is forbidden: User \"system:serviceaccount:shop:op\" cannot update resource \"daemonsets\" in API group \"apps\" in the namespace \"shop\""});
    });
    tape.check(WIDGET, "ClusterRoleBinding.rbac.authorization.k8s.io//op", Op::Delete, "");
}

#[test]
fn operator_that_crashes_and_one_that_may_not() {
    let mut tape = operator();
    tape.edit("ClusterRole.rbac.authorization.k8s.io//op", |o| o["rules"] = json!([]));
    tape.decoys(2);
    tape.edit(WIDGET, |o| o["spec"]["image"] = "widget:2".into());
    tape.edit_by(WIDGET, "widget-operator", |o| o["status"] = json!({"phase":"Pending"}));
    tape.check(WIDGET, "ClusterRole.rbac.authorization.k8s.io//op", Op::Update, "rules");

    let mut tape = operator();
    let op = "Deployment.apps/shop/widget-operator";
    tape.edit(op, |o| container(&mut o["spec"]["template"]["spec"])["image"] = "op:2".into());
    tape.replica_set("widget-operator", "2");
    tape.pod("widget-operator", "2", "a", json!({"phase":"Pending"}));
    tape.pod(
        "widget-operator",
        "2",
        "a",
        waiting("ErrImagePull", "failed to pull image \"op:2\": not found"),
    );
    tape.decoys(2);
    tape.edit(WIDGET, |o| o["spec"]["image"] = "widget:2".into());
    tape.edit_by(WIDGET, "widget-operator", |o| o["status"] = json!({"phase":"Pending"}));
    tape.check(WIDGET, op, Op::Update, "image");
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
    tape.told(
        "Pod/shop/web-1-a",
        "Unhealthy",
        "Readiness probe failed: HTTP probe failed with statuscode: 500 (lookup db: no such host)",
    );
    tape.check(WEB, "ConfigMap/kube-system/coredns", Op::Update, "Corefile");
}

#[test]
fn chart_version_raised_in_a_release() {
    let mut tape = Tape::shop();
    let release = "HelmRelease.helm.toolkit.fluxcd.io/shop/web";
    tape.put(json!({"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"web","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"chart":{"spec":{"chart":"web","version":"1.0.0"}}},"status":{}}));
    tape.edit_by(WEB, "helm-controller", |o| {
        o["metadata"]["labels"] =
            json!({"helm.toolkit.fluxcd.io/name":"web","helm.toolkit.fluxcd.io/namespace":"shop"});
    });
    tape.wait(60);
    tape.decoys(1);
    tape.edit(release, |o| o["spec"]["chart"]["spec"]["version"] = "9.1.3".into());
    tape.edit_by(WEB, "helm-controller", |o| {
        container(&mut o["spec"]["template"]["spec"])["command"] = json!(["/gone"])
    });
    tape.replica_set("web", "2");
    tape.pod("web", "2", "b", json!({"phase":"Pending"}));
    tape.pod("web", "2", "b", crashed("Error", 127, "exec: not found"));
    tape.decoys(2);
    tape.check(POD, release, Op::Update, "version");
}

#[test]
fn pod_preempted_by_a_more_important_one() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.put(json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"urgent","namespace":"batch","creationTimestamp":null},
        "spec":{"replicas":3,"template":{"spec":{"priorityClassName":"high","containers":[{"name":"a","image":"x","resources":{"requests":{"cpu":"3"}}}]}}}}));
    tape.edit_by("Deployment.apps/batch/urgent", "kubectl-create", |_| {});
    tape.pod("web", "1", "a", json!({"phase":"Failed","reason":"Preempting","message":"Preempted in order to admit critical pod",
        "conditions":[{"type":"DisruptionTarget","status":"True","reason":"PreemptionByScheduler"},{"type":"Ready","status":"False"}]}));
    tape.told("Pod/shop/web-1-a", "Preempted", "Preempted by pod 1234 on node n1");
    let answer = tape.ask("Pod/shop/web-1-a");
    assert_eq!(answer.causes[0].root.key.to_string(), "Deployment.apps/batch/urgent");
}

#[test]
fn the_same_log_gives_the_same_answer() {
    let tape = rollout(
        |s| container(s)["image"] = "registry.example.com/web:2.0".into(),
        waiting("ErrImagePull", "no such image \"registry.example.com/web:2.0\""),
    );
    assert_eq!(format!("{:?}", tape.ask(WEB)), format!("{:?}", tape.ask(WEB)));
}

#[test]
fn no_weight_alone_decides() {
    let tape = restart(
        |t| t.edit("ConfigMap/shop/web-conf", |o| o["data"]["MODE"] = "warp".into()),
        crashed("Error", 1, "fatal: unknown mode"),
    );
    for part in 0..Weights::NAMES.len() {
        for factor in [0.5, 1.5] {
            let answer = tape.ask_with(POD, Weights::default().scaled(part, factor));
            assert_eq!(answer.causes[0].root.key.to_string(), "ConfigMap/shop/web-conf", "{part} {factor}");
        }
    }
}

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
    let on = |i: &super::Incident| i.symptoms.iter().map(|f| f.on.to_string()).collect();
    tape.incidents().explained.iter().map(|i| (i.cause.root.key.to_string(), on(i))).collect()
}
