//! One row each of the table in the module's documentation, and what has misled others.

mod not_applied;
mod status;

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::object::{Doc, Object};
use crate::schema::SchemaSet;

fn object(value: &Value) -> Arc<Object> {
    Arc::new(Object::new(Doc::from_value(value).unwrap()).unwrap())
}

/// Declared and live objects from JSON, as a report in short: status and one line a change.
fn report(desired: &[Value], live: &[Value]) -> Vec<String> {
    let desired: Vec<_> =
        desired.iter().map(|d| DesiredObject { object: object(d), declared: None }).collect();
    let live: Vec<_> = live.iter().map(object).collect();
    let report = compare(&desired, &live, &SchemaSet::bundled(), &DriftOptions::default());
    report.resources.iter().flat_map(lines).collect()
}

fn lines(r: &ResourceDrift) -> Vec<String> {
    let mut out = vec![format!("{} {:?}", r.key, r.status)];
    for c in &r.changes {
        let by = c.owner.as_ref().map_or("nobody", |o| &o.manager);
        out.push(format!("{} {:?} {:?} {:?} by {by}", c.path, c.op, c.class, c.row));
    }
    out.extend(r.notes.iter().map(|n| format!("note: {n}")));
    out
}

fn entry(manager: &str, operation: &str, fields: Value) -> Value {
    json!({"manager":manager,"operation":operation,"time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":fields})
}

fn config(data: Value) -> Value {
    json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"},"data":data})
}

fn owned(mut object: Value, managers: Value) -> Value {
    object["metadata"]["managedFields"] = managers;
    object
}

fn check(desired: Value, live: Value, expect: &[&str]) {
    let got = report(&[desired], &[live]);
    assert_eq!(got, expect);
}

const FLUX: fn(Value) -> Value = |f| entry("flux", "Apply", f);

#[test]
fn equal_by_meaning_is_in_sync() {
    let live = owned(config(json!({"k":"1"})), json!([FLUX(json!({"f:data":{"f:k":{}}}))]));
    check(config(json!({"k":"1","n":null})), live, &["ConfigMap/default/a InSync"]);
}

#[test]
fn another_hand_on_a_declared_field_is_a_change() {
    let live = owned(
        config(json!({"k":"2","j":"1"})),
        json!([
            FLUX(json!({"f:data":{"f:j":{}}})),
            entry("kubectl-edit", "Update", json!({"f:data":{"f:k":{}}})),
        ]),
    );
    check(
        config(json!({"k":"1","j":"1"})),
        live,
        &["ConfigMap/default/a Drifted", ".data.k Replace Changed DifferentByOther by kubectl-edit"],
    );
}

#[test]
fn owners_with_a_key_without_fields_are_left_out_and_said() {
    let pod = |image: &str| json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"default"},"spec":{"containers":[{"name":"web","image":image}]}});
    let every =
        json!({"f:spec":{"f:containers":{"k:{}":{"f:image":{}},"k:{\"name\":\"web\"}":{"f:image":{}}}}});
    let of_flux = json!({"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:name":{}}}}});
    let live = owned(pod("b"), json!([FLUX(of_flux), entry("every", "Update", every)]));
    check(
        pod("a"),
        live,
        &[
            "Pod/default/a Drifted",
            ".spec.containers[name=\"web\"].image Replace Changed DifferentByOther by nobody",
            "note: 1 entries of managedFields cannot be read",
        ],
    );
}

#[test]
fn what_the_applier_owns_is_pending() {
    let live =
        owned(config(json!({"k":"1","old":"1"})), json!([FLUX(json!({"f:data":{"f:k":{},"f:old":{}}}))]));
    check(
        config(json!({"k":"2"})),
        live,
        &[
            "ConfigMap/default/a Drifted",
            ".data.k Replace PendingSync DifferentAsApplied by flux",
            ".data.old Add PendingRemoval OnceApplied by flux",
        ],
    );
}

#[test]
fn what_was_applied_last_tells_admission_from_a_moved_declaration() {
    let annotated = |applied: Value, live: Value| {
        let mut object = config(live);
        let text = config(applied).to_string();
        object["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": text});
        let fields = json!({"f:data":{"f:k":{},"f:extra":{}},
            "f:metadata":{"f:annotations":{"f:kubectl.kubernetes.io/last-applied-configuration":{}}}});
        owned(object, json!([entry("argocd", "Update", fields)]))
    };
    check(
        config(json!({"k":"1"})),
        annotated(json!({"k":"1"}), json!({"k":"admitted"})),
        &["ConfigMap/default/a Drifted", ".data.k Replace Mutated DifferentByAdmission by argocd"],
    );
    check(
        config(json!({"k":"2"})),
        annotated(json!({"k":"1"}), json!({"k":"1"})),
        &["ConfigMap/default/a Drifted", ".data.k Replace PendingSync DifferentAsApplied by argocd"],
    );
    // Filled in on the way in, in the applier's name: not in what was applied, so nobody's drift.
    check(
        config(json!({"k":"1"})),
        annotated(json!({"k":"1"}), json!({"k":"1","extra":"x"})),
        &["ConfigMap/default/a InSync"],
    );
    check(
        config(json!({"k":"1","new":"1"})),
        annotated(json!({"k":"1"}), json!({"k":"1"})),
        &["ConfigMap/default/a Drifted", ".data.new Remove PendingSync DeclaredOnly by nobody"],
    );
}

#[test]
fn a_removed_field_has_no_owner() {
    let live = owned(config(json!({"k":"1"})), json!([FLUX(json!({"f:data":{"f:k":{}}}))]));
    check(
        config(json!({"k":"1","gone":"1"})),
        live,
        &["ConfigMap/default/a Drifted", ".data.gone Remove Removed DeclaredOnly by nobody"],
    );
}

#[test]
fn an_addition_is_told_at_its_root_with_its_owner() {
    let mut live = config(json!({"k":"1"}));
    live["metadata"]["labels"] = json!({"a":"1","b":"2"});
    let live = owned(
        live,
        json!([
            FLUX(json!({"f:data":{"f:k":{}}})),
            entry("kubectl-label", "Update", json!({"f:metadata":{"f:labels":{".":{},"f:a":{},"f:b":{}}}})),
        ]),
    );
    check(
        config(json!({"k":"1"})),
        live,
        &["ConfigMap/default/a Drifted", ".metadata.labels Add Added AddedByOther by kubectl-label"],
    );
}

#[test]
fn an_object_without_owners_hides_nothing() {
    check(
        config(json!({"k":"1"})),
        config(json!({"k":"1","x":"2"})),
        &["ConfigMap/default/a Drifted", ".data.x Add Added AddedByNobody by nobody"],
    );
}

fn deployment(spec: Value) -> Value {
    let mut object = json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"default"},"spec":{
        "selector":{"matchLabels":{"app":"web"}},
        "template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:1"}]}}}});
    for (k, v) in spec.as_object().unwrap() {
        object["spec"][k] = v.clone();
    }
    object
}

/// What the API server makes of [`deployment`].
fn live_deployment(spec: Value, managers: Value) -> Value {
    let mut object = deployment(json!({"replicas":1,"progressDeadlineSeconds":600,"revisionHistoryLimit":10,
        "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}}}));
    object["spec"]["template"]["spec"] = json!({"containers":[{"name":"web","image":"web:1","imagePullPolicy":"IfNotPresent",
        "resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],
        "dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},
        "terminationGracePeriodSeconds":30});
    object["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision":"1"});
    object["status"] = json!({"replicas":1});
    for (k, v) in spec.as_object().unwrap() {
        object["spec"][k] = v.clone();
    }
    owned(object, managers)
}

fn flux_deployment() -> Value {
    FLUX(json!({"f:spec":{"f:selector":{},"f:template":{"f:metadata":{"f:labels":{"f:app":{}}},
        "f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:name":{},"f:image":{}}}}}}}))
}

#[test]
fn defaults_and_bookkeeping_are_no_drift() {
    check(
        deployment(json!({})),
        live_deployment(json!({}), json!([flux_deployment()])),
        &["Deployment.apps/default/web InSync"],
    );
}

#[test]
fn the_marks_of_a_release_are_bookkeeping_and_nothing_else_is() {
    let marked = |labels: Value, annotations: Value| {
        let mut object = config(json!({"k":"1"}));
        object["metadata"]["labels"] = labels;
        object["metadata"]["annotations"] = annotations;
        let fields = json!({"f:data":{"f:k":{}},"f:metadata":{"f:annotations":{"f:meta.helm.sh/release-name":{}},
            "f:labels":{"f:app.kubernetes.io/managed-by":{}}}});
        owned(object, json!([entry("helm", "Update", fields)]))
    };
    let release = json!({"meta.helm.sh/release-name":"web","meta.helm.sh/release-namespace":"shop"});
    let managed_by = json!({"app.kubernetes.io/managed-by":"Helm"});
    check(
        config(json!({"k":"1"})),
        marked(managed_by.clone(), release.clone()),
        &[
            "ConfigMap/default/a InSync",
            ".metadata.annotations[\"meta.helm.sh/release-name\"] Add Managed ControllersOwn by helm",
            ".metadata.annotations[\"meta.helm.sh/release-namespace\"] Add Managed ControllersOwn by nobody",
            ".metadata.labels[\"app.kubernetes.io/managed-by\"] Add Managed ControllersOwn by helm",
        ],
    );
    // Without a release it is a label as any other.
    check(
        config(json!({"k":"1"})),
        marked(managed_by, json!({})),
        &[
            "ConfigMap/default/a Drifted",
            ".metadata.labels[\"app.kubernetes.io/managed-by\"] Add Added AddedByOther by helm",
        ],
    );
}

#[test]
fn a_changed_default_is_drift() {
    let edit = entry(
        "kubectl-edit",
        "Update",
        json!({"f:spec":{"f:revisionHistoryLimit":{},"f:strategy":{"f:type":{},"f:rollingUpdate":{}}}}),
    );
    let live = live_deployment(
        json!({"revisionHistoryLimit":3,"strategy":{"type":"Recreate"}}),
        json!([flux_deployment(), edit]),
    );
    check(
        deployment(json!({})),
        live,
        &[
            "Deployment.apps/default/web Drifted",
            ".spec.revisionHistoryLimit Add Added DefaultChanged by kubectl-edit",
            ".spec.strategy.type Add Added DefaultChanged by kubectl-edit",
        ],
    );
}

#[test]
fn an_autoscaler_may_set_what_nobody_declares_and_nothing_else() {
    let scale = json!({"manager":"kube-controller-manager","operation":"Update","subresource":"scale","fieldsV1":{"f:spec":{"f:replicas":{}}}});
    let live = live_deployment(json!({"replicas":5}), json!([flux_deployment(), scale]));
    check(
        deployment(json!({})),
        live.clone(),
        &[
            "Deployment.apps/default/web InSync",
            ".spec.replicas Add Managed ControllersOwn by kube-controller-manager",
        ],
    );
    check(
        deployment(json!({"replicas":2})),
        live,
        &[
            "Deployment.apps/default/web Drifted",
            ".spec.replicas Replace Changed DifferentByOther by kube-controller-manager",
        ],
    );
}

#[test]
fn replicas_scaled_without_an_owner_are_the_autoscalers_where_there_is_one() {
    let live = live_deployment(json!({"replicas":5}), json!([flux_deployment()]));
    let autoscaler = json!({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","namespace":"default"},
        "spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},"maxReplicas":9}});
    let both = [deployment(json!({})), autoscaler.clone()];
    assert_eq!(
        report(&both, &[live.clone(), autoscaler])[..2],
        ["Deployment.apps/default/web InSync", ".spec.replicas Add Managed ControllersOwn by nobody",]
    );
    check(
        deployment(json!({})),
        live,
        &["Deployment.apps/default/web Drifted", ".spec.replicas Add Added DefaultChanged by nobody"],
    );
}

#[test]
fn secrets_are_compared_and_not_shown() {
    let secret = |key: &str, value: &str| {
        json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"default"},
        "type":"Opaque", key: {"password": value}})
    };
    check(secret("stringData", "geheim"), secret("data", "Z2VoZWlt"), &["Secret/default/s InSync"]);
    let object = |v: Value| Arc::new(Object::new(Doc::from_value(&v).unwrap()).unwrap());
    let desired = [DesiredObject { object: object(secret("stringData", "geheim")), declared: None }];
    let report = compare(
        &desired,
        &[object(secret("data", "YW5kZXJz"))],
        &SchemaSet::bundled(),
        &DriftOptions::default(),
    );
    let change = &report.resources[0].changes[0];
    assert_eq!(
        (change.desired.as_ref(), change.live.as_ref()),
        (Some(&json!("<redacted>")), Some(&json!("<redacted>")))
    );
    check(
        secret("stringData", "geheim"),
        secret("data", "redacted:00112233445566778899aabbccddeeff"),
        &["Secret/default/s InSync", "note: `.data.password` cannot be compared: one side is redacted"],
    );
}

#[test]
fn a_field_that_the_kind_does_not_have_is_a_note() {
    let live = live_deployment(json!({}), json!([flux_deployment()]));
    check(
        deployment(json!({"replicaz":2})),
        live,
        &[
            "Deployment.apps/default/web InSync",
            "note: `.spec.replicaz` is declared, but the kind has no such field: the API server drops it",
        ],
    );
}

#[test]
fn missing_extra_and_twice_declared() {
    let other = |name: &str, made_by: &str| {
        let mut o = config(json!({}));
        o["metadata"]["name"] = json!(name);
        owned(o, json!([entry(made_by, "Update", json!({"f:data":{}}))]))
    };
    let live = [other("by-hand", "kubectl-create"), other("kube-root-ca.crt", "kube-controller-manager")];
    assert_eq!(
        report(&[config(json!({"k":"1"})), config(json!({"k":"2"}))], &live),
        [
            "ConfigMap/default/a Missing",
            "note: declared 2 times: the last declaration counts",
            "ConfigMap/default/by-hand Extra",
        ]
    );
}

#[test]
fn the_scope_of_a_kind_decides_its_namespace() {
    let role = json!({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"r","namespace":"odd"},"rules":[]});
    let live = json!({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"r"},"rules":null});
    check(role, live, &["ClusterRole.rbac.authorization.k8s.io//r InSync"]);
}

#[test]
fn what_sops_encrypted_is_not_known_and_not_compared_as_text() {
    const NOTE: &str = "note: is encrypted where it is declared (SOPS): its values are not known here";
    let sealed = "ENC[AES256_GCM,data:abc=,iv:def=,tag:ghi=,type:str]";
    let secret = |field: &str, value: &str| {
        let mut secret =
            json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"default"}});
        secret[field] = json!({"password": value});
        secret
    };
    for field in ["data", "stringData"] {
        let mut declared = secret(field, sealed);
        declared["sops"] = json!({"version":"3.9.0","mac":"ENC[AES256_GCM,data:x,type:str]"});
        let live = secret("data", "Z2VoZWlt");
        assert_eq!(report(&[declared], &[live]), ["Secret/default/s Unknown", NOTE]);
    }
    // What is not encrypted is compared all the same, and what only looks so is a text like any other.
    let mut declared = config(json!({"open":"1","closed":sealed}));
    let live = config(json!({"open":"2","closed":"geheim"}));
    let both = report(std::slice::from_ref(&declared), std::slice::from_ref(&live));
    assert_eq!(
        both[1..],
        [
            ".data.closed Replace Changed DifferentByOther by nobody",
            ".data.open Replace Changed DifferentByOther by nobody"
        ]
    );
    declared["sops"] = json!({});
    let one = report(&[declared], &[live]);
    assert_eq!(
        one,
        ["ConfigMap/default/a Drifted", ".data.open Replace Changed DifferentByOther by nobody", NOTE]
    );
}

const ANN: fn(Value) -> Value = |f| entry("kubectl-edit", "Update", f);
const BOT: fn(Value) -> Value = |f| entry("build-bot", "Update", f);

fn status_of(manager: &str) -> Value {
    let mut own = entry(manager, "Update", json!({"f:status":{"f:ready":{}}}));
    own["subresource"] = json!("status");
    own
}

fn noted(annotations: Value, managers: Value) -> Value {
    let mut object = config(json!({"k":"1"}));
    object["metadata"]["annotations"] = annotations;
    owned(object, managers)
}

fn notes(names: &[&str]) -> Value {
    let all: serde_json::Map<_, _> = names.iter().map(|n| (format!("f:{n}"), json!({}))).collect();
    json!({"f:metadata":{"f:annotations":all}})
}

#[test]
fn what_several_filled_is_judged_entry_by_entry() {
    let flux = FLUX(json!({"f:data":{"f:k":{}}}));
    let declared = || config(json!({"k":"1"}));
    // Two tools: each its own.
    check(
        declared(),
        noted(json!({"a/x":"1","b/y":"2"}), json!([flux, ANN(notes(&["a/x"])), BOT(notes(&["b/y"]))])),
        &[
            "ConfigMap/default/a Drifted",
            ".metadata.annotations[\"a/x\"] Add Added AddedByOther by kubectl-edit",
            ".metadata.annotations[\"b/y\"] Add Added AddedByOther by build-bot",
        ],
    );
    // One hand: one change, as before.
    check(
        declared(),
        noted(json!({"a/x":"1","b/y":"2"}), json!([flux, ANN(notes(&["a/x", "b/y"]))])),
        &["ConfigMap/default/a Drifted", ".metadata.annotations Add Added AddedByOther by kubectl-edit"],
    );
    // A controller neither hides nor takes over what a person did, whoever came first.
    check(
        declared(),
        noted(
            json!({"a/x":"1","b/y":"2"}),
            json!([flux, ANN(notes(&["a/x"])), BOT(notes(&["b/y"])), status_of("build-bot")]),
        ),
        &[
            "ConfigMap/default/a Drifted",
            ".metadata.annotations[\"a/x\"] Add Added AddedByOther by kubectl-edit",
            ".metadata.annotations[\"b/y\"] Add Managed ControllersOwn by build-bot",
        ],
    );
}

#[test]
fn what_others_did_inside_of_an_added_element_is_set_apart() {
    let deployment = |containers: Value| {
        json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"default"},
            "spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
                "spec":{"containers":containers}}}})
    };
    let web = json!({"name":"web","image":"web:1"});
    let side = json!({"name":"side","image":"side:2","command":["run"]});
    let element = |fields: Value| json!({"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"side\"}":fields}}}}});
    let flux = FLUX(
        json!({"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{},"f:name":{}}}}}}}),
    );
    let live = owned(
        deployment(json!([web, side])),
        json!([
            flux,
            BOT(element(json!({".":{},"f:name":{},"f:command":{}}))),
            ANN(element(json!({"f:image":{}})))
        ]),
    );
    check(
        deployment(json!([web])),
        live,
        &[
            "Deployment.apps/default/a Drifted",
            ".spec.template.spec.containers[name=\"side\"] Add Added AddedByOther by build-bot",
            ".spec.template.spec.containers[name=\"side\"].image Add Added AddedByOther by kubectl-edit",
        ],
    );
}

/// Annotations and finalizers of each kind, by a controller and by a person.
#[test]
fn controllers_are_known_by_what_they_do() {
    let seal = || {
        json!({"apiVersion":"pki.example.com/v1","kind":"Seal","metadata":{"name":"a","namespace":"default"},
            "spec":{"x":1}})
    };
    let flux = FLUX(json!({"f:spec":{"f:x":{}}}));
    let with = |metadata: Value, spec: Value, writers: &[Value]| {
        let mut object = seal();
        object["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        object["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        owned(object, Value::from([&[flux.clone()], writers].concat()))
    };
    let annotation = |name: &str, value: &str, writer: &str| {
        let mut annotations = json!({});
        annotations[name] = json!(value);
        let mut fields = json!({"f:metadata":{"f:annotations":{}}});
        fields["f:metadata"]["f:annotations"][format!("f:{name}")] = json!({});
        with(json!({"annotations":annotations}), json!({}), &[entry(writer, "Update", fields)])
    };
    let finalizer = |writer: &str| {
        let fields = json!({"f:metadata":{"f:finalizers":{".":{},"v:\"x/y\"":{}}}});
        with(json!({"finalizers":["x/y"]}), json!({}), &[entry(writer, "Update", fields)])
    };
    let late = |writer: &str| {
        let fields = json!({"f:spec":{"f:y":{}}});
        with(json!({}), json!({"y":2}), &[entry(writer, "Update", fields), status_of(writer)])
    };
    for (what, live, is_drift) in [
        ("key of the object's own group", annotation("pki.example.com/serial", "7", "manager"), false),
        ("key of a domain around it", annotation("example.com/serial", "7", "manager"), false),
        ("key in the manager's own domain", annotation("sealer.io/serial", "7", "sealer-operator"), false),
        ("a document", annotation("other.io/state", "[{\"a\":1}]", "manager"), false),
        ("a word under another domain", annotation("team.io/build", "7", "build-bot"), true),
        ("a word in a domain below", annotation("build.acme.io/number", "7", "build-bot"), true),
        (
            "key of the own group, by a person",
            annotation("pki.example.com/serial", "7", "kubectl-edit"),
            true,
        ),
        ("a document by a person", annotation("other.io/state", "[{\"a\":1}]", "kubectl-edit"), true),
        ("a finalizer", finalizer("manager"), false),
        ("a finalizer by a person", finalizer("kubectl-patch"), true),
        ("a field that whoever writes the status fills in", late("manager"), false),
        ("the same by a person", late("kubectl-edit"), true),
    ] {
        let got = report(&[seal()], &[live]);
        assert_eq!(got[0].ends_with("Drifted"), is_drift, "{what}: {got:?}");
    }
}

#[test]
fn a_certificate_authority_is_filled_in_by_whoever_serves_with_it() {
    let hook = |bundle: Option<&str>| {
        let mut config = json!({"service":{"name":"a","namespace":"b"}});
        bundle.into_iter().for_each(|b| config["caBundle"] = json!(b));
        json!({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration",
            "metadata":{"name":"a"},"webhooks":[{"name":"a.b.c","clientConfig":config,"sideEffects":"None",
            "admissionReviewVersions":["v1"]}]})
    };
    // "-----BEGIN CERTIFICATE-----\n", and another one.
    let (one, two) =
        ("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBCg==");
    let by = |manager: &str, bundle: &str| {
        let fields = json!({"f:webhooks":{"k:{\"name\":\"a.b.c\"}":{"f:clientConfig":{"f:caBundle":{}}}}});
        let applied =
            FLUX(json!({"f:webhooks":{"k:{\"name\":\"a.b.c\"}":{".":{},"f:name":{},"f:sideEffects":{}}}}));
        owned(hook(Some(bundle)), json!([applied, entry(manager, "Update", fields)]))
    };
    for (what, desired, live, is_drift) in [
        ("over nothing", hook(None), by("manager", one), false),
        ("over a placeholder", hook(Some("Cg==")), by("manager", one), false),
        ("over another certificate", hook(Some(two)), by("manager", one), true),
        ("no certificate", hook(None), by("manager", "Cg=="), true),
        ("by a person", hook(None), by("kubectl-patch", one), true),
    ] {
        let got = report(&[desired], &[live]);
        assert_eq!(got[0].ends_with("Drifted"), is_drift, "{what}: {got:?}");
    }
}

#[test]
fn an_entry_that_nobody_owns_and_no_default_explains_is_drift() {
    let secret = |field: &str, data: Value| {
        let mut object = json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","namespace":"default"},"type":"Opaque"});
        object[field] = data;
        object
    };
    let live = owned(
        secret("data", json!({"user":"YQ==","user1":"YQ=="})),
        json!([FLUX(json!({"f:stringData":{"f:user1":{}},"f:type":{}}))]),
    );
    check(
        secret("stringData", json!({"user1":"a"})),
        live,
        &["Secret/default/a Drifted", ".data.user Add Added AddedByNobody by nobody"],
    );
}

#[test]
fn the_account_lists_what_was_made_for_it() {
    let account = |secrets: Value| {
        let mut object = json!({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"runner","namespace":"default"}});
        object["imagePullSecrets"] = secrets;
        object
    };
    let by = |manager: &str, name: &str| {
        let fields = json!({"f:imagePullSecrets":{}});
        let applied = FLUX(json!({"f:metadata":{"f:labels":{"f:app":{}}}}));
        let mut live = account(json!([{"name":name}]));
        live["metadata"]["labels"] = json!({"app":"a"});
        owned(live, json!([applied, entry(manager, "Update", fields)]))
    };
    let declared = || {
        let mut declared = account(json!([]));
        declared["metadata"]["labels"] = json!({"app":"a"});
        declared
    };
    for (manager, name, is_drift) in [
        ("minter", "runner-dockercfg-x7k2p", false),
        ("minter", "shared", true),
        ("kubectl-patch", "runner-a", true),
    ] {
        let got = report(&[declared()], &[by(manager, name)]);
        assert_eq!(got[0].ends_with("Drifted"), is_drift, "{manager} {name}: {got:?}");
    }
}

#[test]
fn bookkeeping_by_hand_is_an_edit_and_a_counter_that_moved_on_is_not() {
    let flux = FLUX(json!({"f:data":{"f:k":{}}}));
    let key = "meta.helm.sh/release-name";
    let with = |writer| noted(json!({key:"other"}), json!([flux, entry(writer, "Update", notes(&[key]))]));
    let status = |live: Value| report(&[config(json!({"k":"1"}))], &[live])[0].clone();
    assert_eq!(status(with("deployer")), "ConfigMap/default/a InSync");
    assert_eq!(status(with("kubectl-annotate")), "ConfigMap/default/a Drifted");
    // Declared from an export, and counted on since.
    let counter = "deployment.kubernetes.io/revision";
    let declared = noted(json!({counter:"1"}), json!([]));
    let live = |writer: Value| noted(json!({counter:"5"}), json!([flux, writer]));
    let mut controller = entry("kube-controller-manager", "Update", notes(&[counter]));
    controller["subresource"] = json!("status");
    assert_eq!(report(&[declared.clone()], &[live(controller)])[0], "ConfigMap/default/a InSync");
    assert_eq!(report(&[declared], &[live(ANN(notes(&[counter])))])[0], "ConfigMap/default/a Drifted");
}

#[test]
fn an_edit_of_a_small_object_does_not_make_the_editor_its_applier() {
    let live = owned(config(json!({"k":"2"})), json!([ANN(json!({"f:data":{"f:k":{}}}))]));
    check(
        config(json!({"k":"1"})),
        live,
        &["ConfigMap/default/a Drifted", ".data.k Replace Changed DifferentByOther by kubectl-edit"],
    );
}

fn service(spec: Value) -> Value {
    json!({"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"default"},"spec":spec})
}

#[test]
fn what_is_allocated_is_no_drift_unless_a_person_chose_it() {
    let declared = service(json!({"type":"NodePort","ports":[{"port":80}]}));
    let port = "k:{\"port\":80,\"protocol\":\"TCP\"}";
    let live = |writer: Option<&str>| {
        let mut all = vec![FLUX(json!({"f:spec":{"f:type":{},"f:ports":{port:{".":{},"f:port":{}}}}}))];
        all.extend(
            writer.map(|w| entry(w, "Update", json!({"f:spec":{"f:ports":{port:{"f:nodePort":{}}}}}))),
        );
        let spec = json!({"type":"NodePort","ports":[{"port":80,"protocol":"TCP","nodePort":31000}],"clusterIP":"10.0.0.1"});
        owned(service(spec), Value::from(all))
    };
    check(declared.clone(), live(None), &["Service/default/a InSync"]);
    check(declared.clone(), live(Some("kube-controller-manager")), &["Service/default/a InSync"]);
    check(
        declared,
        live(Some("kubectl-patch")),
        &[
            "Service/default/a Drifted",
            ".spec.ports[port=80,protocol=\"TCP\"].nodePort Add Added AddedByOther by kubectl-patch",
        ],
    );
}

#[test]
fn taking_a_resource_out_by_hand_is_shown_whatever_it_then_hides() {
    use super::rules::{
        Effect, FieldRule, LabelMatch, NoJq, ResourcePair, Rule, RuleProblems, RuleSet, RuleTarget,
    };
    let key = "kustomize.toolkit.fluxcd.io/reconcile";
    let mark = Some(LabelMatch { key: key.into(), value: "disabled".into() });
    let paths = vec![crate::path::FieldPath::ROOT];
    let rules = RuleSet {
        rules: vec![Rule {
            name: "reconcile: disabled".into(),
            target: RuleTarget { mark, ..RuleTarget::default() },
            effect: Effect::Fields(FieldRule { paths, ..FieldRule::default() }),
            because: None,
        }],
        problems: Vec::new(),
    };
    let mut live = noted(
        json!({key:"disabled"}),
        json!([FLUX(json!({"f:data":{"f:k":{}}})), ANN(notes(&[key])), ANN(json!({"f:data":{"f:j":{}}}))]),
    );
    live["data"]["j"] = json!("2");
    let object = |v: &Value| Arc::new(Object::new(Doc::from_value(v).unwrap()).unwrap());
    let (desired, live) = (object(&config(json!({"k":"1"}))), object(&live));
    let wanted = [DesiredObject { object: Arc::clone(&desired), declared: None }];
    let options = DriftOptions::default();
    let report = compare(&wanted, &[Arc::clone(&live)], &SchemaSet::bundled(), &options);
    let mut resource = report.resources[0].clone();
    let sides = ResourcePair { key: &resource.key.clone(), desired: Some(&desired), live: Some(&live) };
    rules.hide(&mut resource, sides, &NoJq, &mut RuleProblems::new());
    assert_eq!(
        lines(&resource),
        [
            "ConfigMap/default/a Drifted",
            ".data.j Add Ignored AddedByOther by kubectl-edit",
            ".metadata.annotations Add Added AddedByOther by kubectl-edit",
        ]
    );
}
