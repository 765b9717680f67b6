//! Changes of the template and what pods show of them; crashes that no change explains.

use serde_json::json;

use super::super::Weights;
use super::scenario::{Tape, crashed, running, waiting};
use super::{POD, WEB, container, restart, rollout};
use crate::history::ResourceOp;

#[test]
fn image_that_does_not_exist() {
    let tape = rollout(
        |s| container(s)["image"] = "registry.example.com/web:2.0".into(),
        waiting("ImagePullBackOff", "Back-off pulling image \"registry.example.com/web:2.0\": not found"),
    );
    tape.check(POD, WEB, ResourceOp::Update, "image");
    tape.check(WEB, WEB, ResourceOp::Update, "image");
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
    tape.check(POD, WEB, ResourceOp::Update, "command");
}

#[test]
fn command_that_is_not_there() {
    let tape = rollout(
        |s| container(s)["command"] = json!(["/ap"]),
        waiting("RunContainerError", "exec: \"/ap\": no such file or directory"),
    );
    tape.check(POD, WEB, ResourceOp::Update, "command");
}

#[test]
fn variable_with_a_wrong_value() {
    let tape = rollout(
        |s| container(s)["env"].as_array_mut().unwrap().push(json!({"name":"LEVEL","value":"louder"})),
        crashed("Error", 1, "exit code 1"),
    );
    tape.check(POD, WEB, ResourceOp::Update, "env");
}

#[test]
fn memory_limit_lowered() {
    let tape = rollout(
        |s| container(s)["resources"]["limits"]["memory"] = "8Mi".into(),
        crashed("OOMKilled", 137, ""),
    );
    tape.check(POD, WEB, ResourceOp::Update, "memory");
    tape.check(WEB, WEB, ResourceOp::Update, "memory");
}

#[test]
fn readiness_probe_on_a_wrong_path() {
    let mut tape =
        rollout(|s| container(s)["readinessProbe"]["httpGet"]["path"] = "/raedy".into(), running(false));
    tape.kubernetes_event(POD, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404");
    tape.check(POD, WEB, ResourceOp::Update, "readinessProbe");
}

#[test]
fn liveness_probe_that_kills() {
    let mut tape =
        rollout(|s| container(s)["livenessProbe"]["httpGet"]["port"] = 9.into(), crashed("Error", 137, ""));
    tape.kubernetes_event(
        POD,
        "Unhealthy",
        "Liveness probe failed: dial tcp 10.0.0.1:9: connect: connection refused",
    );
    tape.check(POD, WEB, ResourceOp::Update, "livenessProbe");
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
