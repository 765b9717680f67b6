//! Rows of the change → symptom table that have no room of their own.

use serde_json::{Value, json};

use super::scenario::{Tape, crashed, running, unschedulable, waiting};
use super::{POD, WEB, container, restart, rollout};
use crate::history::ResourceOp;

#[test]
fn startup_probe_on_a_wrong_port() {
    let mut tape = rollout(
        |s| container(s)["startupProbe"] = json!({"httpGet":{"path":"/","port":8181}}),
        running(false),
    );
    tape.kubernetes_event(POD, "Unhealthy", "Startup probe failed: Get \"http://10.0.0.9:8181/\": dial tcp 10.0.0.9:8181: connect: connection refused");
    tape.check(POD, WEB, ResourceOp::Update, "startupProbe");
}

#[test]
fn sidecar_that_takes_the_port() {
    let tape = rollout(
        |s| {
            s["containers"]
                .as_array_mut()
                .unwrap()
                .push(json!({"name":"metrics","image":"metrics:1","ports":[{"containerPort":8080}]}))
        },
        crashed("Error", 1, "listen tcp :8080: bind: address already in use"),
    );
    tape.check(POD, WEB, ResourceOp::Update, "containers");
}

#[test]
fn user_that_may_not_be_root() {
    let tape = rollout(
        |s| container(s)["securityContext"] = json!({"runAsNonRoot":true}),
        waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
    );
    tape.check(POD, WEB, ResourceOp::Update, "securityContext");
}

#[test]
fn file_system_that_is_read_only() {
    let tape = rollout(
        |s| container(s)["securityContext"] = json!({"readOnlyRootFilesystem":true}),
        crashed("Error", 1, "open /tmp/cache: read-only file system"),
    );
    tape.check(POD, WEB, ResourceOp::Update, "securityContext");
}

#[test]
fn pull_secret_taken_out_of_the_template() {
    let mut tape = Tape::shop();
    tape.edit(WEB, |o| o["spec"]["template"]["spec"]["imagePullSecrets"] = json!([{"name":"web-key"}]));
    tape.replica_set("web", "1b");
    tape.run("web", "1b", "a");
    tape.wait(60);
    tape.decoys(1);
    tape.edit(WEB, |o| {
        o["spec"]["template"]["spec"].as_object_mut().unwrap().remove("imagePullSecrets");
    });
    tape.replica_set("web", "2");
    tape.pod("web", "2", "b", json!({"phase":"Pending"}));
    tape.decoys(2);
    tape.pod(
        "web",
        "2",
        "b",
        waiting(
            "ImagePullBackOff",
            "failed to pull image \"registry.example.com/web:1.0\": 401 Unauthorized",
        ),
    );
    tape.check(POD, WEB, ResourceOp::Update, "imagePullSecrets");
}

#[test]
fn file_of_a_volume_whose_key_is_gone() {
    let mut tape = Tape::shop();
    tape.edit(WEB, |o| {
        o["spec"]["template"]["spec"]["volumes"] = json!([{"name":"c","projected":{"sources":[{"configMap":{"name":"web-conf","items":[{"key":"COLOR","path":"color"}]}}]}}])
    });
    tape.replica_set("web", "1b");
    tape.run("web", "1b", "a");
    tape.wait(60);
    tape.decoys(1);
    tape.edit("ConfigMap/shop/web-conf", |o| o["data"] = json!({"MODE":"fast"}));
    tape.wait(5);
    tape.edit(WEB, |o| o["spec"]["template"]["metadata"]["annotations"] = json!({"restartedAt":"now"}));
    tape.replica_set("web", "2");
    tape.decoys(2);
    tape.pod("web", "2", "b", waiting("ContainerCreating", ""));
    tape.kubernetes_event(
        POD,
        "FailedMount",
        "MountVolume.SetUp failed for volume \"c\" : references non-existent config key: COLOR",
    );
    tape.check(POD, "ConfigMap/shop/web-conf", ResourceOp::Update, "COLOR");
}

#[test]
fn variable_that_only_the_application_misses() {
    let tape = rollout(
        |s| {
            container(s)["env"].as_array_mut().unwrap().retain(|e| e["name"] != "DB_ADDR");
            container(s)["env"]
                .as_array_mut()
                .unwrap()
                .push(json!({"name":"DATABASE_ADDR","value":"db:5432"}));
        },
        crashed("Error", 1, "config: DB_ADDR is required"),
    );
    tape.check(POD, WEB, ResourceOp::Update, "DB_ADDR");
}

#[test]
fn all_keys_of_a_map_as_variables() {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"pool","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},"data":{"POOL_SIZE":"8"}}));
    tape.edit(WEB, |o| {
        container(&mut o["spec"]["template"]["spec"])["envFrom"] = json!([{"configMapRef":{"name":"pool"}}])
    });
    tape.replica_set("web", "1b");
    tape.run("web", "1b", "a");
    tape.wait(60);
    tape.decoys(1);
    tape.edit("ConfigMap/shop/pool", |o| o["data"]["POOL_SIZE"] = "0".into());
    tape.wait(5);
    tape.edit(WEB, |o| o["spec"]["template"]["metadata"]["annotations"] = json!({"restartedAt":"now"}));
    tape.replica_set("web", "2");
    tape.pod("web", "2", "b", json!({"phase":"Pending"}));
    tape.decoys(2);
    tape.pod("web", "2", "b", crashed("Error", 1, "POOL_SIZE must be at least 1"));
    tape.check(POD, "ConfigMap/shop/pool", ResourceOp::Update, "POOL_SIZE");
}

#[test]
fn pods_that_may_not_be_together() {
    let tape = rollout(
        |s| s["affinity"] = json!({"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"kubernetes.io/hostname","labelSelector":{}}]}}),
        unschedulable("0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules."),
    );
    tape.check(POD, WEB, ResourceOp::Update, "affinity");
}

#[test]
fn pods_that_must_be_spread() {
    let tape = rollout(
        |s| {
            s["topologySpreadConstraints"] =
                json!([{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}])
        },
        unschedulable(
            "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints (missing required label).",
        ),
    );
    tape.check(POD, WEB, ResourceOp::Update, "topologySpreadConstraints");
}

#[test]
fn port_of_the_host_that_is_taken_and_a_taint_before() {
    let mut tape = Tape::shop();
    for (i, node) in ["n1", "n2"].iter().enumerate() {
        tape.put_by(json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":format!("agent-{i}"),"namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
            "spec":{"nodeName":node,"containers":[{"name":"app","image":"agent:1","ports":[{"containerPort":8126,"hostPort":8126}]}]},"status":running(true)}), "kubelet");
    }
    tape.wait(60);
    tape.decoys(1);
    tape.edit("Node//n2", |o| {
        o["spec"]["taints"] = json!([{"key":"only","value":"batch","effect":"NoSchedule"}])
    });
    tape.wait(5);
    tape.edit(WEB, |o| container(&mut o["spec"]["template"]["spec"])["ports"][0]["hostPort"] = 8126.into());
    tape.replica_set("web", "2");
    tape.pod("web", "2", "b", json!({"phase":"Pending"}));
    tape.decoys(2);
    tape.pod("web", "2", "b", unschedulable("0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) didn't have free ports for the requested pod ports."));
    tape.check(POD, WEB, ResourceOp::Update, "hostPort");
}

#[test]
fn workload_that_takes_the_room() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit("Node//n2", |o| o["spec"]["unschedulable"] = true.into());
    tape.edit("Node//n2", |o| o["spec"]["unschedulable"] = false.into());
    tape.put_by(json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"big","namespace":"shop"},
        "spec":{"replicas":2,"selector":{"matchLabels":{"app":"big"}},"template":{"metadata":{"labels":{"app":"big"}},"spec":{"containers":[{"name":"app","image":"big:1","resources":{"requests":{"cpu":"3950m"}}}]}}}}), "pipeline");
    tape.replica_set("big", "1");
    for (i, node) in ["n1", "n2"].iter().enumerate() {
        tape.put_by(json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":format!("big-1-{i}"),"namespace":"shop","labels":{"app":"big"},
                "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"big-1","uid":"x","controller":true}]},
            "spec":{"nodeName":node,"containers":[{"name":"app","image":"big:1","resources":{"requests":{"cpu":"3950m"}}}]},"status":running(true)}), "kubelet");
    }
    tape.decoys(2);
    tape.pod("web", "1", "b", unschedulable("0/2 nodes are available: 2 Insufficient cpu."));
    tape.check("Pod/shop/web-1-b", "Deployment.apps/shop/big", ResourceOp::Create, "");
}

#[test]
fn init_container_that_waits_for_a_service() {
    let mut tape = Tape::shop();
    tape.edit(WEB, |o| {
        o["spec"]["template"]["spec"]["initContainers"] = json!([{"name":"wait","image":"tool:1","command":["sh","-c","until nc -z db 5432; do sleep 1; done"],"env":[{"name":"HOST","value":"db:5432"}]}])
    });
    tape.replica_set("web", "1b");
    tape.run("web", "1b", "a");
    tape.wait(60);
    tape.decoys(1);
    tape.delete("Service/shop/db");
    tape.wait(5);
    tape.edit(WEB, |o| o["spec"]["template"]["metadata"]["annotations"] = json!({"restartedAt":"now"}));
    tape.replica_set("web", "2");
    tape.decoys(2);
    tape.pod("web", "2", "b", json!({"phase":"Pending","conditions":[{"type":"Initialized","status":"False","reason":"ContainersNotInitialized","message":"containers with incomplete status: [wait]"},{"type":"Ready","status":"False"}],
        "initContainerStatuses":[{"name":"wait","ready":false,"restartCount":0,"state":{"running":{}}}],
        "containerStatuses":[{"name":"app","ready":false,"restartCount":0,"state":{"waiting":{"reason":"PodInitializing"}}}]}));
    tape.check(POD, "Service/shop/db", ResourceOp::Delete, "");
}

#[test]
fn init_container_with_a_wrong_argument() {
    let tape = rollout(
        |s| s["initContainers"] = json!([{"name":"migrate","image":"tool:1","args":["up","nwe"]}]),
        json!({"phase":"Pending","conditions":[{"type":"Ready","status":"False"}],
            "initContainerStatuses":[{"name":"migrate","ready":false,"restartCount":2,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"reason":"Error","exitCode":2,"message":"unknown target nwe"}}}],
            "containerStatuses":[{"name":"app","ready":false,"restartCount":0,"state":{"waiting":{"reason":"PodInitializing"}}}]}),
    );
    tape.check(POD, WEB, ResourceOp::Update, "initContainers");
}

#[test]
fn certificate_of_a_peer_replaced() {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/tls","metadata":{"name":"db-tls","namespace":"shop"},"data":{"tls.crt":"b2xk","tls.key":"b2xk"}}));
    tape.edit("Deployment.apps/shop/db", |o| {
        o["spec"]["template"]["spec"]["volumes"] = json!([{"name":"tls","secret":{"secretName":"db-tls"}}])
    });
    tape.replica_set("db", "2");
    tape.run("db", "2", "a");
    tape.delete("Pod/shop/db-1-a");
    tape.wait(60);
    tape.decoys(1);
    tape.edit("Secret/shop/db-tls", |o| o["data"] = json!({"tls.crt":"bmV3","tls.key":"bmV3"}));
    tape.decoys(2);
    tape.pod("web", "1", "a", running(false));
    tape.kubernetes_event(
        "Pod/shop/web-1-a",
        "Unhealthy",
        "Readiness probe failed: db:5432: x509: certificate signed by unknown authority",
    );
    tape.check(WEB, "Secret/shop/db-tls", ResourceOp::Update, "tls");
}

#[test]
fn rollout_that_was_paused() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit(WEB, |o| o["spec"]["paused"] = true.into());
    tape.edit_by(WEB, "kubectl-set", |o| {
        container(&mut o["spec"]["template"]["spec"])["image"] = "registry.example.com/web:1.1".into();
        o["status"] = json!({"replicas":1,"readyReplicas":1,"availableReplicas":1,"updatedReplicas":0});
    });
    tape.decoys(2);
    tape.check(WEB, WEB, ResourceOp::Update, "paused");
}

#[test]
fn issuer_of_a_certificate_that_is_not_there() {
    let mut tape = Tape::shop();
    let cert = "Certificate.cert-manager.io/shop/web";
    tape.put_by(json!({"apiVersion":"cert-manager.io/v1","kind":"Certificate","metadata":{"name":"web","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"secretName":"web-tls","issuerRef":{"name":"ca","kind":"Issuer"}},"status":{"conditions":[{"type":"Ready","status":"True"}]}}), "cert-manager");
    tape.wait(60);
    tape.decoys(1);
    tape.edit(cert, |o| o["spec"]["issuerRef"]["name"] = "ac".into());
    tape.decoys(2);
    tape.edit_by(cert, "cert-manager", |o| {
        o["status"]["conditions"] = json!([{"type":"Ready","status":"False","reason":"DoesNotExist","message":"Issuer \"ac\" not found"}])
    });
    tape.check(cert, cert, ResourceOp::Update, "issuerRef");
}

#[test]
fn bound_of_an_autoscaler_lowered() {
    let mut tape = Tape::shop();
    let hpa = "HorizontalPodAutoscaler.autoscaling/shop/web";
    let limited = |is: &str, reason: &str| json!([{"type":"AbleToScale","status":"True"},{"type":"ScalingActive","status":"True"},{"type":"ScalingLimited","status":is,"reason":reason,"message":"the desired replica count is more than the maximum replica count"}]);
    tape.put(json!({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"maxReplicas":10,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}},"status":{"conditions":limited("False", "DesiredWithinRange")}}));
    tape.wait(60);
    tape.decoys(1);
    tape.edit(hpa, |o| o["spec"]["maxReplicas"] = 2.into());
    tape.decoys(2);
    tape.edit_by(hpa, "kube-controller-manager", |o| {
        o["status"]["conditions"] = limited("True", "TooManyReplicas")
    });
    tape.check(hpa, hpa, ResourceOp::Update, "maxReplicas");
}

#[test]
fn what_an_event_said_before_it_was_well_again_is_over() {
    let mut tape = Tape::shop();
    let hpa = "HorizontalPodAutoscaler.autoscaling/shop/web";
    let active = |is: &str, message: &str| json!([{"type":"ScalingActive","status":is,"reason":"FailedGetResourceMetric","message":message}]);
    tape.put(json!({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"maxReplicas":10,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}},"status":{"conditions":active("False","no metrics returned")}}));
    tape.kubernetes_event(
        hpa,
        "FailedGetResourceMetric",
        "failed to get cpu utilization: no metrics returned",
    );
    tape.wait(10);
    tape.edit_by(hpa, "kube-controller-manager", |o| o["status"]["conditions"] = active("True", ""));
    tape.wait(60);
    tape.decoys(1);
    tape.edit(WEB, |o| container(&mut o["spec"]["template"]["spec"])["resources"] = json!({}));
    tape.replica_set("web", "2");
    tape.run("web", "2", "b");
    tape.edit_by(hpa, "kube-controller-manager", |o| {
        o["status"]["conditions"] = active("False", "missing request for cpu in container app of Pod web-2-b")
    });
    tape.kubernetes_event(
        hpa,
        "FailedGetResourceMetric",
        "failed to get cpu utilization: missing request for cpu in container app of Pod web-2-b",
    );
    tape.decoys(2);
    tape.check(hpa, WEB, ResourceOp::Update, "resources");
}

#[test]
fn a_change_that_was_taken_back_is_no_cause() {
    restart(
        |t| {
            t.edit("ConfigMap/shop/web-conf", |o| o["data"]["MODE"] = "warp".into());
            t.wait(5);
            t.edit("ConfigMap/shop/web-conf", |o| o["data"]["MODE"] = "fast".into());
        },
        crashed("Error", 1, "fatal: out of luck"),
    )
    .check_none(POD);
}

#[test]
fn an_unread_key_of_a_peer_is_no_cause() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.decoys(2);
    tape.pod("web", "1", "a", running(false));
    tape.kubernetes_event("Pod/shop/web-1-a", "Unhealthy", "Readiness probe failed: db:5432: i/o timeout");
    tape.check_none(WEB);
}

#[test]
fn commit_that_cannot_be_built() {
    let mut tape = Tape::shop();
    let source = "GitRepository.source.toolkit.fluxcd.io/flux/fleet";
    let app = "Kustomization.kustomize.toolkit.fluxcd.io/flux/shop";
    let (old, new) = ("a".repeat(40), "b".repeat(40));
    let artifact = |sha: &str| json!({"artifact":{"revision":format!("main@sha1:{sha}")},"conditions":[{"type":"Ready","status":"True"}]});
    tape.put_by(json!({"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"GitRepository","metadata":{"name":"fleet","namespace":"flux","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"url":"https://git.example.com/fleet"},"status":artifact(&old)}), "source-controller");
    tape.put_by(json!({"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"name":"shop","namespace":"flux","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"path":"./shop","sourceRef":{"kind":"GitRepository","name":"fleet"}},
        "status":{"lastAppliedRevision":format!("main@sha1:{old}"),"lastAttemptedRevision":format!("main@sha1:{old}"),"conditions":[{"type":"Ready","status":"True"}]}}), "kustomize-controller");
    tape.wait(60);
    tape.decoys(1);
    tape.edit_by(source, "source-controller", |o: &mut Value| o["status"] = artifact(&new));
    tape.decoys(2);
    tape.edit_by(app, "kustomize-controller", |o| {
        o["status"]["lastAttemptedRevision"] = format!("main@sha1:{new}").into();
        o["status"]["conditions"] = json!([{"type":"Ready","status":"False","reason":"BuildFailed","message":"kustomize build failed: accumulating resources: accumulation err='accumulating resources from 'web.yaml': yaml: line 7'"}]);
    });
    tape.check(app, source, ResourceOp::Update, "revision");
}

#[test]
fn certificate_secret_of_an_ingress_deleted() {
    let mut tape = Tape::shop();
    let edge = "Ingress.networking.k8s.io/shop/edge";
    tape.put(json!({"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/tls","metadata":{"name":"edge-tls","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},"data":{"tls.crt":"b2xk"}}));
    tape.put(json!({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"edge","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"ingressClassName":"nginx","tls":[{"secretName":"edge-tls"}],"rules":[{"http":{"paths":[{"backend":{"service":{"name":"web","port":{"number":8080}}}}]}}]}}));
    tape.wait(60);
    tape.decoys(1);
    tape.delete("Secret/shop/edge-tls");
    tape.decoys(2);
    tape.kubernetes_event(
        edge,
        "BadConfig",
        "Error getting SSL certificate \"shop/edge-tls\": local SSL certificate shop/edge-tls was not found",
    );
    tape.check(edge, "Secret/shop/edge-tls", ResourceOp::Delete, "");
}

#[test]
fn class_of_an_ingress_changed() {
    let mut tape = Tape::shop();
    let edge = "Ingress.networking.k8s.io/shop/edge";
    tape.put(json!({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"edge","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"ingressClassName":"nginx","rules":[{"http":{"paths":[{"backend":{"service":{"name":"web","port":{"number":8080}}}}]}}]}}));
    tape.wait(60);
    tape.decoys(1);
    tape.edit(edge, |o| o["spec"]["ingressClassName"] = "nignx".into());
    tape.kubernetes_event(edge, "ClassNotFound", "ingress class \"nignx\" not found");
    tape.decoys(2);
    tape.check(edge, edge, ResourceOp::Update, "ingressClassName");
}

#[test]
fn selector_changed_and_put_back_before_the_pods_went() {
    let mut tape = Tape::shop();
    tape.decoys(1);
    tape.edit("Service/shop/web", |o| o["spec"]["selector"] = json!({"app":"wbe"}));
    tape.slice("web", 0);
    tape.edit("Service/shop/web", |o| o["spec"]["selector"] = json!({"app":"web"}));
    tape.slice("web", 1);
    tape.wait(30);
    tape.decoys(2);
    tape.edit(WEB, |o| o["spec"]["replicas"] = 0.into());
    tape.delete("Pod/shop/web-1-a");
    tape.slice("web", 0);
    tape.check("Service/shop/web", WEB, ResourceOp::Update, "replicas");
}

#[test]
fn priority_class_deleted_before_a_restart() {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"scheduling.k8s.io/v1","kind":"PriorityClass","metadata":{"name":"gold","creationTimestamp":"2026-03-01T09:00:00Z"},"value":1000}));
    tape.edit(WEB, |o| o["spec"]["template"]["spec"]["priorityClassName"] = "gold".into());
    tape.replica_set("web", "1b");
    tape.run("web", "1b", "a");
    tape.wait(60);
    tape.decoys(1);
    tape.delete("PriorityClass.scheduling.k8s.io//gold");
    tape.decoys(2);
    tape.edit_by(WEB, "kubectl-set", |o| {
        container(&mut o["spec"]["template"]["spec"])["image"] = "registry.example.com/web:1.1".into()
    });
    tape.replica_set("web", "2");
    tape.kubernetes_event(
        "ReplicaSet.apps/shop/web-2",
        "FailedCreate",
        "Error creating: pods \"web-2-\" is forbidden: no PriorityClass with name gold was found",
    );
    tape.check(WEB, "PriorityClass.scheduling.k8s.io//gold", ResourceOp::Delete, "");
}

#[test]
fn runtime_class_that_no_node_has() {
    let mut tape = rollout(|s| s["runtimeClassName"] = "gvisor".into(), waiting("ContainerCreating", ""));
    tape.kubernetes_event(
        POD,
        "FailedCreatePodSandBox",
        "Failed to create pod sandbox: no runtime for \"runsc\" is configured",
    );
    tape.check(POD, WEB, ResourceOp::Update, "runtimeClassName");
}

#[test]
fn namespace_that_waits_for_an_api_that_is_gone() {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"v1beta1.metrics.k8s.io","creationTimestamp":"2026-03-01T09:00:00Z"},"spec":{"service":{"name":"db","namespace":"shop"}}}));
    tape.put(json!({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"old","creationTimestamp":"2026-03-01T09:00:00Z"},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}}));
    tape.wait(60);
    tape.decoys(1);
    tape.edit("APIService.apiregistration.k8s.io//v1beta1.metrics.k8s.io", |o| {
        o["spec"]["service"]["name"] = "gone".into()
    });
    tape.decoys(2);
    tape.edit("Namespace//old", |o| {
        o["metadata"]["deletionTimestamp"] = "2026-03-01T10:10:00Z".into();
        o["status"] = json!({"phase":"Terminating","conditions":[{"type":"NamespaceDeletionDiscoveryFailure","status":"True","reason":"DiscoveryFailed","message":"Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: stale GroupVersion discovery"}]});
    });
    tape.check(
        "Namespace//old",
        "APIService.apiregistration.k8s.io//v1beta1.metrics.k8s.io",
        ResourceOp::Update,
        "service",
    );
}

#[test]
fn memory_cap_that_a_limit_range_gives() {
    let mut tape = Tape::shop();
    tape.edit(WEB, |o| container(&mut o["spec"]["template"]["spec"])["resources"] = json!({}));
    tape.replica_set("web", "1b");
    tape.run("web", "1b", "a");
    tape.wait(60);
    tape.decoys(1);
    tape.put_by(json!({"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"small","namespace":"shop"},"spec":{"limits":[{"type":"Container","default":{"memory":"16Mi"}}]}}), "kubectl-create");
    tape.wait(5);
    tape.edit(WEB, |o| o["spec"]["template"]["metadata"]["annotations"] = json!({"restartedAt":"now"}));
    tape.replica_set("web", "2");
    tape.pod("web", "2", "b", json!({"phase":"Pending"}));
    tape.decoys(2);
    tape.pod("web", "2", "b", crashed("OOMKilled", 137, ""));
    tape.check(POD, "LimitRange/shop/small", ResourceOp::Create, "");
}
