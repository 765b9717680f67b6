//! Custom resources and the operators that should bring them forward.

use serde_json::{Value, json};

use super::container;
use super::scenario::{Tape, crashed, waiting};
use crate::history::ResourceOp;

/// An operator with its custom resource, whose image reaches a child.
fn operator() -> Tape {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"widget-operator","namespace":"shop"},
        "spec":{"replicas":1,"selector":{"matchLabels":{"app":"op"}},"template":{"metadata":{"labels":{"app":"op"}},
            "spec":{"serviceAccountName":"op","containers":[{"name":"app","image":"op:1"}]}}},"status":{"readyReplicas":1,"availableReplicas":1,"updatedReplicas":1}}));
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
        "spec":{"template":{"spec":{"containers":[{"name":"app","image":"widget:1"}]}}},"status":{"numberAvailable":2,"updatedNumberScheduled":2,"desiredNumberScheduled":2}}), "widget-operator");
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
    tape.check(WIDGET, WIDGET, ResourceOp::Update, "image");
    // The child shows no fault of its own: it only stays as it was.
    tape.check("DaemonSet.apps/shop/w", WIDGET, ResourceOp::Update, "image");
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
    tape.check(WIDGET, "Deployment.apps/shop/widget-operator", ResourceOp::Update, "replicas");
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
    tape.check(WIDGET, "ClusterRole.rbac.authorization.k8s.io//op", ResourceOp::Update, "rules");
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
    tape.check(WIDGET, "ClusterRoleBinding.rbac.authorization.k8s.io//op", ResourceOp::Delete, "");
}

#[test]
fn operator_that_crashes_and_one_that_may_not() {
    let mut tape = operator();
    tape.edit("ClusterRole.rbac.authorization.k8s.io//op", |o| o["rules"] = json!([]));
    tape.decoys(2);
    tape.edit(WIDGET, |o| o["spec"]["image"] = "widget:2".into());
    tape.edit_by(WIDGET, "widget-operator", |o| o["status"] = json!({"phase":"Pending"}));
    tape.check(WIDGET, "ClusterRole.rbac.authorization.k8s.io//op", ResourceOp::Update, "rules");

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
    tape.check(WIDGET, op, ResourceOp::Update, "image");
}

#[test]
fn operator_upgraded_to_one_that_writes_other_arguments() {
    let mut tape = operator();
    let op = "Deployment.apps/shop/widget-operator";
    tape.edit_by(op, "pipeline", |o| container(&mut o["spec"]["template"]["spec"])["image"] = "op:2".into());
    tape.replica_set("widget-operator", "2");
    tape.run("widget-operator", "2", "a");
    tape.edit_by("DaemonSet.apps/shop/w", "widget-operator", |o| {
        container(&mut o["spec"]["template"]["spec"])["args"] = json!(["--fancy"])
    });
    tape.decoys(2);
    let status = crashed("Error", 2, "flag provided but not defined: -fancy");
    let pod = |status: Value| {
        json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"w-x","namespace":"shop",
            "ownerReferences":[{"apiVersion":"apps/v1","kind":"DaemonSet","name":"w","uid":"x","controller":true}]},
        "spec":{"nodeName":"n1","containers":[{"name":"app","image":"widget:1","args":["--fancy"]}]},"status":status})
    };
    tape.put_by(pod(json!({"phase":"Pending"})), "kubelet");
    tape.put_by(pod(status), "kubelet");
    tape.check("DaemonSet.apps/shop/w", op, ResourceOp::Update, "image");
}

#[test]
fn version_of_a_definition_that_is_served_no_more() {
    let mut tape = operator();
    let widgets = "CustomResourceDefinition.apiextensions.k8s.io//widgets.example.com";
    let versions = |old: bool| json!([{"name":"v1alpha1","served":old,"storage":false},{"name":"v1","served":true,"storage":true}]);
    tape.put(json!({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"group":"example.com","names":{"kind":"Widget","plural":"widgets"},"versions":versions(true)}}));
    tape.replica_set("widget-operator", "1");
    tape.run("widget-operator", "1", "a");
    tape.wait(60);
    tape.edit(widgets, |o| o["spec"]["versions"] = versions(false));
    tape.decoys(2);
    tape.pod(
        "widget-operator",
        "1",
        "a",
        crashed("Error", 1, "setup: no matches for kind \"Widget\" in version \"example.com/v1alpha1\""),
    );
    tape.check("Deployment.apps/shop/widget-operator", widgets, ResourceOp::Update, "versions");
}

#[test]
fn object_that_points_to_a_target_that_never_was() {
    let mut tape = Tape::shop();
    let scaler = "ScaledObject.keda.sh/shop/web";
    tape.put_by(json!({"apiVersion":"keda.sh/v1alpha1","kind":"ScaledObject","metadata":{"name":"web","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"scaleTargetRef":{"name":"web"}},"status":{"conditions":[{"type":"Ready","status":"True"}]}}), "keda-operator");
    tape.wait(60);
    tape.decoys(1);
    tape.edit(scaler, |o| o["spec"]["scaleTargetRef"]["name"] = "wbe".into());
    tape.decoys(2);
    tape.edit_by(scaler, "keda-operator", |o| {
        o["status"]["conditions"] = json!([{"type":"Ready","status":"False","reason":"ScaledObjectCheckFailed","message":"doesn't have correct scaleTargetRef specification"}])
    });
    tape.check(scaler, scaler, ResourceOp::Update, "scaleTargetRef");
}

#[test]
fn finalizer_whose_controller_was_deleted() {
    let mut tape = operator();
    tape.edit(WIDGET, |o| o["metadata"]["finalizers"] = json!(["widget-operator/cleanup"]));
    tape.wait(60);
    tape.delete("Deployment.apps/shop/widget-operator");
    tape.decoys(2);
    tape.edit(WIDGET, |o| o["metadata"]["deletionTimestamp"] = "2026-03-01T10:10:00Z".into());
    tape.check(WIDGET, "Deployment.apps/shop/widget-operator", ResourceOp::Delete, "");
}

#[test]
fn namespace_that_waits_for_an_operator_that_is_gone() {
    let mut tape = operator();
    tape.put(json!({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"preview"},"status":{"phase":"Active"}}));
    let widget = json!({"apiVersion":"example.com/v1","kind":"Widget",
        "metadata":{"name":"p","namespace":"preview","finalizers":["example.com/release"]},"spec":{"image":"widget:1"},"status":{"phase":"Running"}});
    tape.put_by(widget, "widget-operator");
    tape.wait(30);
    tape.delete("Deployment.apps/shop/widget-operator");
    tape.decoys(2);
    tape.edit_by("Widget.example.com/preview/p", "kube-controller-manager", |o| {
        o["metadata"]["deletionTimestamp"] = "2026-03-01T10:03:00Z".into()
    });
    tape.edit_by("Namespace//preview", "kube-controller-manager", |o| {
        o["metadata"]["deletionTimestamp"] = "2026-03-01T10:03:00Z".into();
        o["status"] = json!({"phase":"Terminating","conditions":[{"type":"NamespaceFinalizersRemaining","status":"True",
            "reason":"SomeFinalizersRemain","message":"Some content in the namespace has finalizers remaining: example.com/release in 1 resource instances"}]});
    });
    tape.check("Namespace//preview", "Deployment.apps/shop/widget-operator", ResourceOp::Delete, "");
}
