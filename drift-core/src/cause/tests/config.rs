//! ConfigMaps, Secrets and references to them.

use serde_json::json;

use super::scenario::{Tape, crashed, waiting};
use super::{POD, WEB, container, restart, rollout};
use crate::history::ResourceOp;

#[test]
fn config_key_renamed_before_a_restart() {
    let tape = restart(
        |t| t.edit("ConfigMap/shop/web-conf", |o| o["data"] = json!({"MODUS":"fast","COLOR":"red"})),
        waiting("CreateContainerConfigError", "couldn't find key MODE in ConfigMap shop/web-conf"),
    );
    tape.check(POD, "ConfigMap/shop/web-conf", ResourceOp::Update, "MODE");
    tape.check(WEB, "ConfigMap/shop/web-conf", ResourceOp::Update, "MODE");
}

#[test]
fn config_map_deleted_before_a_restart() {
    let tape = restart(
        |t| t.delete("ConfigMap/shop/web-conf"),
        waiting("CreateContainerConfigError", "configmap \"web-conf\" not found"),
    );
    tape.check(POD, "ConfigMap/shop/web-conf", ResourceOp::Delete, "");
}

#[test]
fn secret_deleted_before_a_restart() {
    let tape = restart(
        |t| t.delete("Secret/shop/web-key"),
        waiting("CreateContainerConfigError", "secret \"web-key\" not found"),
    );
    tape.check(POD, "Secret/shop/web-key", ResourceOp::Delete, "");
}

#[test]
fn config_value_that_crashes_the_next_pod() {
    let tape = restart(
        |t| t.edit("ConfigMap/shop/web-conf", |o| o["data"]["MODE"] = "warp".into()),
        crashed("Error", 1, "fatal: unknown mode"),
    );
    tape.check(POD, "ConfigMap/shop/web-conf", ResourceOp::Update, "MODE");
}

#[test]
fn reference_to_a_key_that_never_was() {
    let tape = rollout(
        |s| container(s)["env"][0]["valueFrom"]["configMapKeyRef"]["key"] = "MOED".into(),
        waiting("CreateContainerConfigError", "couldn't find key MOED in ConfigMap shop/web-conf"),
    );
    tape.check(POD, WEB, ResourceOp::Update, "configMapKeyRef");
}

#[test]
fn volume_of_a_secret_that_never_was() {
    let mut tape = rollout(
        |s| s["volumes"] = json!([{"name":"tls","secret":{"secretName":"no-such"}}]),
        waiting("ContainerCreating", ""),
    );
    tape.kubernetes_event(
        POD,
        "FailedMount",
        "MountVolume.SetUp failed for volume \"tls\" : secret \"no-such\" not found",
    );
    tape.check(POD, WEB, ResourceOp::Update, "volumes");
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
fn a_pod_that_is_made_again_under_its_name_starts_anew() {
    let mut tape = Tape::shop();
    tape.edit("ConfigMap/shop/web-conf", |o| o["data"] = json!({"MODUS":"fast","COLOR":"red"}));
    tape.wait(60);
    tape.delete("Pod/shop/web-1-a");
    tape.wait(1);
    let status = waiting("CreateContainerConfigError", "couldn't find key MODE in ConfigMap shop/web-conf");
    tape.pod("web", "1", "a", status);
    tape.check("Pod/shop/web-1-a", "ConfigMap/shop/web-conf", ResourceOp::Update, "MODE");
}
