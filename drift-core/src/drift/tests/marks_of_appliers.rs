//! What tools that apply put on everything they apply, and what is filled in on its way.

use serde_json::{Value, json};

use super::*;

const TOOL: fn(Value) -> Value = |f| entry("application/apply-patch", "Apply", f);

/// A ConfigMap that a tool applied with annotations that are not declared.
fn applied(annotations: &Value, declared: Value, writer: fn(Value) -> Value) -> Vec<String> {
    let mut desired = config(json!({"k":"1"}));
    desired["metadata"]["annotations"] = declared.clone();
    let mut live = config(json!({"k":"1"}));
    live["metadata"]["annotations"] = annotations.clone();
    for (key, value) in declared.as_object().unwrap() {
        live["metadata"]["annotations"][key] = value.clone();
    }
    let keys: serde_json::Map<_, _> =
        annotations.as_object().unwrap().keys().map(|k| (format!("f:{k}"), json!({}))).collect();
    let marks = json!({"f:metadata":{"f:annotations":keys}});
    let mut own = json!({"f:data":{"f:k":{}}});
    let managers = match writer(json!({}))["manager"] == TOOL(json!({}))["manager"] {
        true => {
            own["f:metadata"] = marks["f:metadata"].clone();
            json!([TOOL(own)])
        }
        false => json!([TOOL(own), writer(marks)]),
    };
    report(&[desired], &[owned(live, managers)])
}

#[test]
fn a_family_of_marks_of_which_one_is_a_programs_is_the_appliers() {
    let proofs = [
        json!("sha256:8e7e0a78d1"),
        json!("1f2e3d4c5b"),
        json!("0b6d35a1-52f6-4c31-9a83-8f5bb0f3a001"),
        json!("v1:ConfigMap:default:a"),
        json!("2026-01-01T00:00:00Z"),
        json!("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}"),
    ];
    for proof in proofs {
        let family = json!({"tool.example/proof":proof,"tool.example/tier":"100"});
        let got = applied(&family, json!({}), TOOL);
        assert_eq!(got[0], "ConfigMap/default/a InSync", "{family} {got:#?}");
    }
}

#[test]
fn what_is_no_family_or_is_declared_in_part_is_left_behind() {
    let family = json!({"tool.example/hash":"sha256:8e7e0a78d1","tool.example/tier":"100"});
    for (annotations, declared) in [
        (json!({"tool.example/team":"red","tool.example/tier":"100"}), json!({})),
        (json!({"tool.example/hash":"sha256:8e7e0a78d1"}), json!({})),
        (json!({"hash":"sha256:8e7e0a78d1","tier":"100"}), json!({})),
        (json!({"x.kubernetes.io/hash":"sha256:8e7e0a78d1","x.kubernetes.io/tier":"100"}), json!({})),
        (family.clone(), json!({"tool.example/colour":"blue"})),
    ] {
        let got = applied(&annotations, declared, TOOL);
        assert!(got[0].ends_with("Drifted"), "{annotations} {got:#?}");
        assert!(got.iter().any(|line| line.contains("PendingRemoval")), "{annotations} {got:#?}");
    }
    // By hand they are what they are.
    let got = applied(&family, json!({}), |f| entry("kubectl-edit", "Update", f));
    assert_eq!(got[1], ".metadata.annotations Add Added AddedByOther by kubectl-edit", "{got:#?}");
}

#[test]
fn owners_and_copies_are_the_appliers() {
    let owner = json!([{"apiVersion":"tool.example/v1","kind":"Work","name":"w","uid":"1"}]);
    let mut live = config(json!({"k":"1"}));
    live["metadata"]["ownerReferences"] = owner;
    let own = json!({"f:data":{"f:k":{}},"f:metadata":{"f:ownerReferences":{"k:{\"uid\":\"1\"}":{}}}});
    check(
        config(json!({"k":"1"})),
        owned(live, json!([TOOL(own)])),
        &[
            "ConfigMap/default/a InSync",
            ".metadata.ownerReferences Add Managed ControllersOwn by application/apply-patch",
        ],
    );
    let copy =
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"1\"}}";
    let got = applied(&json!({"tool.example/applied":copy}), json!({}), TOOL);
    assert_eq!(got[0], "ConfigMap/default/a InSync", "{got:#?}");
    // Any other document may have been declared once.
    let got = applied(&json!({"tool.example/actions":"{\"type\":\"redirect\"}"}), json!({}), TOOL);
    assert_eq!(got[0], "ConfigMap/default/a Drifted", "{got:#?}");
}

#[test]
fn what_was_filled_in_on_the_way_is_in_sync_where_the_record_shows_what_was_applied() {
    let set = |containers: Value| {
        json!({"apiVersion":"sets.example.com/v1","kind":"FastSet",
        "metadata":{"name":"a","namespace":"default"},"spec":{"containers":containers}})
    };
    let declared = || json!([{"name":"main","image":"a:1"}]);
    let live = |record: Value, managers: Value| {
        let mut live = set(json!([{"name":"main","image":"a:1","imagePullPolicy":"IfNotPresent"}]));
        live["metadata"]["annotations"] =
            json!({"kubectl.kubernetes.io/last-applied-configuration":record.to_string()});
        owned(live, managers)
    };
    let fields = json!({"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}}},
        "f:spec":{"f:containers":{}}});
    let argo = || entry("argocd-controller", "Update", fields.clone());
    let other = entry("build-bot", "Update", json!({"f:spec":{"f:containers":{}}}));
    let older = json!([{"name":"main","image":"a:1","env":[{"name":"A","value":"b"}]}]);
    for (record, managers, expect) in [
        (set(declared()), json!([argo()]), "InSync"),
        (set(older), json!([argo()]), "Unknown"),
        (set(declared()), json!([argo(), other]), "Drifted"),
    ] {
        let got = report(&[set(declared())], &[live(record, managers)]);
        assert_eq!(got[0], format!("FastSet.sets.example.com/default/a {expect}"), "{got:#?}");
    }
}

#[test]
fn who_is_called_as_a_domain_begins_owns_its_keys() {
    for (manager, expect) in [("olm", "InSync"), ("olm-bot", "Drifted"), ("kubectl-label", "Drifted")] {
        let mut live = config(json!({"k":"1"}));
        live["metadata"]["labels"] = json!({"olm.groups.uid/0b6d":""});
        let own = json!({"f:metadata":{"f:labels":{".":{},"f:olm.groups.uid/0b6d":{}}}});
        let managers = json!([FLUX(json!({"f:data":{"f:k":{}}})), entry(manager, "Update", own)]);
        let got = report(&[config(json!({"k":"1"}))], &[owned(live, managers)]);
        assert_eq!(got[0], format!("ConfigMap/default/a {expect}"), "{manager} {got:#?}");
    }
}
