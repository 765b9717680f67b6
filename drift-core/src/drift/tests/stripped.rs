//! Dumps without managedFields: what else is in them shows who wrote.

use serde_json::{Value, json};

use super::{config, deployment, live_deployment, report};

fn autoscaler(target: &str) -> Value {
    json!({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"h","namespace":"default"},
        "spec":{"maxReplicas":9,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":target}}})
}

fn scaled() -> Value {
    let mut live = live_deployment(json!({}), json!([]));
    live["spec"]["replicas"] = json!(3);
    live
}

#[test]
fn an_autoscaler_that_aims_at_it_explains_the_number() {
    let declared = [deployment(json!({})), autoscaler("web")];
    let aimed = report(&declared, &[scaled(), autoscaler("web")]);
    assert!(aimed.contains(&"Deployment.apps/default/web InSync".to_owned()), "{aimed:?}");
    let declared = [deployment(json!({})), autoscaler("api")];
    let other = report(&declared, &[scaled(), autoscaler("api")]);
    assert!(other.contains(&".spec.replicas Add Added AddedByNobody by nobody".to_owned()), "{other:?}");
}

#[test]
fn fields_that_only_controllers_write_are_theirs() {
    let mut live = config(json!({"k":"1"}));
    live["metadata"]["finalizers"] = json!(["example.com/protect"]);
    live["metadata"]["annotations"] = json!({"example.com/endpoints": "[{\"port\":1}]"});
    let made = report(&[config(json!({"k":"1"}))], std::slice::from_ref(&live));
    assert_eq!(made[0], "ConfigMap/default/a InSync");
    live["metadata"]["annotations"] = json!({"example.com/note": "by hand"});
    let edited = report(&[config(json!({"k":"1"}))], &[live]);
    assert_eq!(edited[1], ".metadata.annotations Add Added AddedByNobody by nobody");
}

#[test]
fn a_sidecar_that_was_asked_for_is_no_drift() {
    let pod = |annotations: Value, containers: Value| {
        json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default","annotations":annotations},
            "spec":{"containers":containers}})
    };
    let web = json!({"name":"web","image":"web:1"});
    let declared = pod(json!({"linkerd.io/inject":"enabled"}), json!([web]));
    let live = |sidecar: &str| {
        let marks = json!({"linkerd.io/inject":"enabled","linkerd.io/proxy-version":"2"});
        pod(marks, json!([web, {"name":sidecar,"image":"x:1"}]))
    };
    assert_eq!(report(std::slice::from_ref(&declared), &[live("linkerd-proxy")])[0], "Pod/default/p InSync");
    assert_eq!(report(&[declared], &[live("debug")])[0], "Pod/default/p Drifted");
}
