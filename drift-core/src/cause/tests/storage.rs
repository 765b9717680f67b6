//! Claims, volumes and classes.

use serde_json::json;

use super::scenario::{Tape, unschedulable, waiting};
use super::{POD, WEB};
use crate::history::ResourceOp;

/// A shop whose web pods keep data on a claim that is bound to a volume.
fn with_claim() -> Tape {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"fast","creationTimestamp":"2026-03-01T09:00:00Z"},"provisioner":"disk.example.com"}));
    tape.put(json!({"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv-1","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["n1"]}]}]}}},"status":{"phase":"Bound"}}));
    tape.put(json!({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z"},
        "spec":{"storageClassName":"fast","volumeName":"pv-1"},"status":{"phase":"Bound"}}));
    tape.edit(WEB, |o| {
        o["spec"]["strategy"] = json!({"type":"Recreate"});
        o["spec"]["template"]["spec"]["volumes"] =
            json!([{"name":"d","persistentVolumeClaim":{"claimName":"data"}}])
    });
    tape.replica_set("web", "1b");
    tape.run("web", "1b", "a");
    tape.wait(60);
    tape.decoys(1);
    tape
}

fn again(tape: &mut Tape, status: serde_json::Value) {
    tape.replica_set("web", "2");
    tape.pod("web", "2", "b", json!({"phase":"Pending"}));
    tape.decoys(2);
    tape.pod("web", "2", "b", status);
    tape.wait(2);
}

#[test]
fn claim_that_nobody_made_and_a_class_that_went_away_meanwhile() {
    let mut tape = with_claim();
    tape.delete("StorageClass.storage.k8s.io//fast");
    tape.wait(5);
    tape.edit(WEB, |o| {
        o["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = "data-2".into()
    });
    again(
        &mut tape,
        unschedulable("0/2 nodes are available: persistentvolumeclaim \"data-2\" not found. not found"),
    );
    tape.check(POD, WEB, ResourceOp::Update, "claimName");
}

#[test]
fn class_of_a_new_claim_deleted() {
    let mut tape = with_claim();
    tape.delete("StorageClass.storage.k8s.io//fast");
    tape.decoys(2);
    let claim = "PersistentVolumeClaim/shop/more";
    tape.put_by(
        json!({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"more","namespace":"shop"},
        "spec":{"storageClassName":"fast"},"status":{"phase":"Pending"}}),
        "kubectl-create",
    );
    tape.kubernetes_event(claim, "ProvisioningFailed", "storageclass.storage.k8s.io \"fast\" not found");
    tape.check(claim, "StorageClass.storage.k8s.io//fast", ResourceOp::Delete, "");
}

#[test]
fn node_of_a_local_volume_cordoned() {
    let mut tape = with_claim();
    tape.edit("Node//n1", |o| o["spec"]["unschedulable"] = true.into());
    tape.wait(5);
    tape.edit(WEB, |o| o["spec"]["template"]["metadata"]["annotations"] = json!({"restartedAt":"now"}));
    again(
        &mut tape,
        unschedulable(
            "0/2 nodes are available: 1 node(s) were unschedulable, 1 node(s) didn't match PersistentVolume's node affinity.",
        ),
    );
    tape.check(POD, "Node//n1", ResourceOp::Update, "unschedulable");
}

#[test]
fn selector_that_leads_away_from_the_volume() {
    let mut tape = with_claim();
    tape.edit(WEB, |o| {
        o["spec"]["template"]["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname":"n2"})
    });
    again(
        &mut tape,
        unschedulable(
            "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) didn't match PersistentVolume's node affinity.",
        ),
    );
    tape.check(POD, WEB, ResourceOp::Update, "nodeSelector");
}

#[test]
fn volume_that_another_node_still_holds() {
    let mut tape = with_claim();
    tape.edit(WEB, |o| o["spec"]["replicas"] = 2.into());
    tape.decoys(2);
    tape.pod("web", "1b", "b", waiting("ContainerCreating", ""));
    tape.kubernetes_event(
        "Pod/shop/web-1b-b",
        "FailedAttachVolume",
        "Multi-Attach error for volume \"pv-1\" Volume is already used by pod(s) web-1b-a",
    );
    tape.check("Pod/shop/web-1b-b", WEB, ResourceOp::Update, "replicas");
}

#[test]
fn strategy_under_which_two_pods_want_one_volume() {
    let mut tape = with_claim();
    tape.edit(WEB, |o| {
        o["spec"]["strategy"] = json!({"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}})
    });
    tape.wait(5);
    tape.edit(WEB, |o| {
        o["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/web:1.1".into()
    });
    again(&mut tape, waiting("ContainerCreating", ""));
    tape.kubernetes_event(
        POD,
        "FailedAttachVolume",
        "Multi-Attach error for volume \"pv-1\" Volume is already used by pod(s) web-1b-a",
    );
    tape.check(POD, WEB, ResourceOp::Update, "strategy");
}

#[test]
fn volume_deleted_under_a_claim() {
    let mut tape = with_claim();
    tape.delete("PersistentVolume//pv-1");
    tape.decoys(2);
    let claim = "PersistentVolumeClaim/shop/data";
    tape.edit_by(claim, "kube-controller-manager", |o| o["status"]["phase"] = "Lost".into());
    tape.check(claim, "PersistentVolume//pv-1", ResourceOp::Delete, "");
}

#[test]
fn claim_template_of_a_class_that_never_was() {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"silver"},"provisioner":"x"}));
    tape.decoys(1);
    let set = "StatefulSet.apps/shop/store";
    tape.put_by(
        json!({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"store","namespace":"shop"},
        "spec":{"replicas":1,"template":{"metadata":{"labels":{"app":"store"}},"spec":{"containers":[{"name":"app","image":"store:1"}]}},
            "volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"storageClassName":"sliver"}}]}}),
        "kubectl-create",
    );
    let claim = "PersistentVolumeClaim/shop/data-store-0";
    tape.put(json!({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data-store-0","namespace":"shop"},
        "spec":{"storageClassName":"sliver"},"status":{"phase":"Pending"}}));
    let pod = "Pod/shop/store-0";
    tape.put(json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"store-0","namespace":"shop","labels":{"app":"store"},
            "ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"store","uid":"s","controller":true}]},
        "spec":{"containers":[{"name":"app","image":"store:1"}],"volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"data-store-0"}}]},
        "status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable",
            "message":"0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."}]}}));
    tape.decoys(2);
    tape.kubernetes_event(claim, "ProvisioningFailed", "storageclass.storage.k8s.io \"sliver\" not found");
    tape.check(pod, set, ResourceOp::Create, "");
    tape.check(claim, set, ResourceOp::Create, "");
}
