//! A tool from outside that makes a workload and what belongs to it.

use serde_json::{Value, json};

use super::{follows, made, merge, named, strays};

fn origin() -> Value {
    made(named("v1", "ServiceAccount", "web"), json!({}), &["kustomize-controller"])
}

fn workload(name: &str, managers: &[&str]) -> Value {
    let containers = json!([{"name": "main", "image": "registry.example/tools/devtool:1"}]);
    let spec = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    made(named("apps/v1", "Deployment", name), spec, managers)
}

fn claim(manager: &str) -> Value {
    made(named("v1", "PersistentVolumeClaim", "web-devtool"), json!({}), &[manager])
}

#[test]
fn a_tool_does_not_run_in_the_workload_that_it_made() {
    let clone = workload("web-devtool", &["devtool", "kube-controller-manager/status"]);
    let both = ["PersistentVolumeClaim/shop/web-devtool", "Deployment.apps/shop/web-devtool"];
    assert_eq!(strays(&[origin(), clone.clone(), claim("devtool")]), both);
    // Not even where the image carries its name.
    let mut helper = clone;
    merge(&mut helper, &json!({"metadata": {"name": "helper"}}));
    let both = ["PersistentVolumeClaim/shop/web-devtool", "Deployment.apps/shop/helper"];
    assert_eq!(strays(&[origin(), helper, claim("devtool")]), both);
}

#[test]
fn a_program_that_writes_to_its_own_workload_still_runs_in_it() {
    let mut touched = workload("shop-devtool", &["kustomize-controller", "devtool"]);
    follows(&touched, &claim("devtool"));
    touched["metadata"]["managedFields"][1]["time"] = json!("2026-02-01T00:00:00Z");
    follows(&touched, &claim("devtool"));
    follows(&workload("shop-devtool", &["kubectl-create"]), &claim("devtool"));
    follows(&workload("shop-devtool", &[]), &claim("devtool"));
}
