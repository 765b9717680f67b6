//! What those who apply leave beside what is declared: labels to track by, defaults, variables; and who only made an object anew.

use serde_json::{Value, json};

use super::*;

const ARGO: fn(Value) -> Value = |f| entry("argocd-controller", "Apply", f);
const ANN: fn(Value) -> Value = |f| entry("kubectl-edit", "Update", f);

#[test]
fn the_label_by_which_argo_tracks_is_its_own() {
    let label = |key: &str, writer: fn(Value) -> Value, annotations: Value| {
        let mut object = config(json!({"k":"1"}));
        object["metadata"]["labels"] = json!({key:"shop"});
        object["metadata"]["annotations"] = annotations;
        let of_label = json!({"f:metadata":{"f:labels":{(format!("f:{key}")):{}}}});
        owned(object, json!([ARGO(json!({"f:data":{"f:k":{}}})), writer(of_label)]))
    };
    let own = |f: Value| entry("argocd-controller", "Update", f);
    for key in ["app.kubernetes.io/instance", "argocd.argoproj.io/instance"] {
        let got = report(&[config(json!({"k":"1"}))], &[label(key, own, json!({}))]);
        assert_eq!(got[0], "ConfigMap/default/a InSync", "{got:#?}");
        let got = report(&[config(json!({"k":"1"}))], &[label(key, ANN, json!({}))]);
        assert_eq!(got[0], "ConfigMap/default/a Drifted", "{got:#?}");
    }
    // Where Argo CD tracks by an annotation, the label came from a declaration.
    let tracked = json!({"argocd.argoproj.io/tracking-id":"shop:/ConfigMap:default/a"});
    let by_argo = |f: Value| entry("argocd-controller", "Apply", f);
    let got = report(&[config(json!({"k":"1"}))], &[label("app.kubernetes.io/instance", by_argo, tracked)]);
    assert!(got.iter().any(|line| line.contains("PendingRemoval")), "{got:#?}");
}

#[test]
fn a_library_that_writes_the_status_is_a_controllers() {
    let custom = |annotations: Value, managers: Value| {
        let object = json!({"apiVersion":"db.example.com/v1","kind":"Cluster",
            "metadata":{"name":"a","namespace":"default","annotations":annotations},"spec":{"size":1}});
        owned(object, managers)
    };
    let noted = |manager: &str| {
        entry(manager, "Update", json!({"f:metadata":{"f:annotations":{".":{},"f:db.example.com/seen":{}}}}))
    };
    let status = |manager: &str| {
        let mut own = entry(manager, "Update", json!({"f:status":{"f:ready":{}}}));
        own["subresource"] = json!("status");
        own
    };
    let flux = || FLUX(json!({"f:spec":{"f:size":{}}}));
    for (managers, expect) in [
        (json!([flux(), noted("OpenAPI-Generator"), status("OpenAPI-Generator")]), "InSync"),
        (json!([flux(), noted("OpenAPI-Generator"), status("manager")]), "Drifted"),
        (json!([flux(), noted("kubectl-patch"), status("kubectl-patch")]), "Drifted"),
    ] {
        let got =
            report(&[custom(json!({}), json!([]))], &[custom(json!({"db.example.com/seen":"1"}), managers)]);
        assert_eq!(got[0], format!("Cluster.db.example.com/default/a {expect}"), "{got:#?}");
    }
}

#[test]
fn who_puts_objects_in_place_of_others_does_not_apply_them() {
    let named = |name: &str, k: &str, managers: Value| {
        let mut object = owned(config(json!({"k":k})), managers);
        object["metadata"]["name"] = json!(name);
        object
    };
    let own = json!({"f:data":{".":{},"f:k":{}}});
    let replaced = || json!([entry("kubectl-replace", "Update", own.clone())]);
    let desired = ["a", "b", "c"].map(|name| named(name, "1", json!([])));
    let live = [
        named("a", "2", replaced()),
        named("b", "1", replaced()),
        named("c", "1", json!([FLUX(own.clone())])),
    ];
    let got = report(&desired, &live);
    assert!(
        got.contains(&".data.k Replace Changed DifferentByOther by kubectl-replace".to_owned()),
        "{got:#?}"
    );
    // Where nobody else applies, that is how these objects come about.
    let got = report(&desired[..2], &live[..2]);
    assert!(
        got.contains(&".data.k Replace PendingSync DifferentAsApplied by kubectl-replace".to_owned()),
        "{got:#?}"
    );
}

#[test]
fn what_admission_fills_in_for_somebody_else_is_not_his() {
    let pod = |name: &str, scheduler: Option<&str>, managers: Value| {
        let mut object = json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":name,"namespace":"default"},
            "spec":{"containers":[{"name":"main","image":"a:1"}]}});
        if let Some(scheduler) = scheduler {
            let applied = object.to_string();
            object["metadata"]["annotations"] =
                json!({"kubectl.kubernetes.io/last-applied-configuration":applied});
            object["spec"]["schedulerName"] = json!(scheduler);
        }
        owned(object, managers)
    };
    let image = json!({"f:containers":{"k:{\"name\":\"main\"}":{".":{},"f:image":{},"f:name":{}}}});
    let mut spec = image.clone();
    spec["f:schedulerName"] = json!({});
    let record = json!({"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}}});
    let applied = entry("kubectl-client-side-apply", "Update", json!({"f:metadata":record,"f:spec":spec}));
    let edited = ANN(json!({"f:spec":{"f:schedulerName":{}}}));
    let without = entry("kubectl-client-side-apply", "Update", json!({"f:metadata":record,"f:spec":image}));
    let by_flux = || pod("b", None, json!([FLUX(json!({"f:spec":image}))]));
    let by_flux_too = || {
        let mut one = by_flux();
        one["metadata"]["name"] = json!("c");
        one
    };
    let desired = ["a", "b", "c"].map(|name| pod(name, None, json!([])));
    // The first of many writers are folded into one entry.
    let mut folded = applied.clone();
    folded["manager"] = json!("ancient-changes");
    for (managers, expect) in
        [(json!([applied]), "InSync"), (json!([without, edited]), "Drifted"), (json!([folded]), "Drifted")]
    {
        let got = report(&desired, &[pod("a", Some("queues"), managers), by_flux(), by_flux_too()]);
        assert_eq!(got[0], format!("Pod/default/a {expect}"), "{got:#?}");
    }
}

#[test]
fn variables_that_flux_fills_in_are_not_known_here() {
    let desired = || config(json!({"k":"eu-${zone}"}));
    let flux = FLUX(json!({"f:data":{"f:k":{}}}));
    for (live, managers, expect) in [
        ("eu-west", json!([flux]), "Unknown"),
        ("us-west", json!([flux]), "Drifted"),
        ("eu-east", json!([flux, ANN(json!({"f:data":{"f:k":{}}}))]), "Drifted"),
        ("eu-west", json!([ARGO(json!({"f:data":{"f:k":{}}}))]), "Drifted"),
    ] {
        let got = report(&[desired()], &[owned(config(json!({"k":live})), managers)]);
        assert_eq!(got[0], format!("ConfigMap/default/a {expect}"), "{live}: {got:#?}");
    }
}
