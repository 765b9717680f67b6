//! Questions about history, asked of one moment: a dump answers them as far as objects speak for themselves.

use serde_json::{Value, json};

use crate::run::{Ran, drift, folder, write};

/// A Deployment whose pod does not start, since a ConfigMap is not there; a label was set by hand.
fn broken(dir: &std::path::Path) {
    let managed = json!([{"manager":"kubectl-label","operation":"Update","apiVersion":"apps/v1","time":"2026-11-21T10:00:00Z",
        "fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{"f:team":{}}}}}]);
    let spec =
        json!({"containers":[{"name":"web","image":"web:1","envFrom":[{"configMapRef":{"name":"gone"}}]}]});
    let deployment = json!({"apiVersion":"apps/v1","kind":"Deployment",
        "metadata":{"name":"web","namespace":"shop","uid":"d","labels":{"team":"x"},"managedFields":managed},
        "spec":{"replicas":1,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":spec}}});
    let waiting =
        json!({"waiting":{"reason":"CreateContainerConfigError","message":"configmap \"gone\" not found"}});
    let pod = json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"shop","labels":{"app":"web"},
            "creationTimestamp":"2026-11-21T10:00:05Z",
            "ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"web","uid":"d","controller":true}]},
        "spec":spec,"status":{"phase":"Pending","containerStatuses":[{"name":"web","ready":false,"restartCount":0,"state":waiting}]}});
    write(dir, "live.json", json!({"apiVersion":"v1","kind":"List","items":[deployment, pod]}).to_string());
}

fn report(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"))
}

#[test]
fn one_moment_answers_what_objects_say() {
    let dir = folder();
    broken(dir.path());
    let ask = |words: &str| drift(&format!("{words} --live live.json"), dir.path());
    let said = "from one listing of `live.json` at 2026-11-21 10:00:05Z";
    let check = ask("check -n shop -o json");
    assert_eq!(check.code, 1, "{check:?}");
    assert!(
        check.out.contains("gone") && report(&check)["notes"][0].as_str().unwrap().starts_with(said),
        "{check:?}"
    );
    let blame = ask("blame deploy/web metadata.labels.team -o json");
    let field = &report(&blame)["fields"][0];
    assert_eq!(
        field["by"]["manager"].as_str().or(field["manager"].as_str()),
        Some("kubectl-label"),
        "{blame:?}"
    );
    let why = ask("why deploy/web -n shop -o json");
    assert!(why.out.contains("CreateContainerConfigError") && why.out.contains(said), "{why:?}");
    assert!(ask("why -o json").out.contains("web-0"));
    let graph = ask("graph deploy/web");
    assert!(graph.out.contains("ConfigMap/shop/gone"), "{graph:?}");
    assert!(
        graph.err.contains(said)
            && ask("check").out.contains(said)
            && ask("blame deploy/web").out.contains(said)
    );
    let impact = ask("impact cm/gone -n shop");
    assert_eq!(impact.code, 2, "{impact:?}");
}

#[test]
fn what_happened_is_not_in_one_moment() {
    let dir = folder();
    broken(dir.path());
    let past = drift("why deploy/web --live live.json --at 2026-11-21T09:00:00Z", dir.path());
    assert_eq!(past.code, 2, "{past:?}");
    assert!(
        past.err.contains("--at needs recorded history") && past.err.contains("drift record"),
        "{past:?}"
    );
    for words in ["timeline", "history deploy/web", "fights", "show deploy/web"] {
        let ran = drift(words, dir.path());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(
            ran.err.contains("no history to look at") && ran.err.contains("drift record --once"),
            "{ran:?}"
        );
    }
}
