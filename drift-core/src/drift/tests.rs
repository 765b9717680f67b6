//! One row each of the table in the module's documentation, and what has misled others.

mod account_secrets;
mod appliers;
mod beside_declared;
mod deep_rules;
mod deployment_record;
mod marks_of_appliers;
mod meaning;
mod not_applied;
mod originals;
mod own_keys;
mod owners;
mod status;
mod status_fields;
mod stripped;
mod tracked;
mod versions;

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

/// Compares one declared object with one live one.
fn compare_values(desired: &Value, live: &Value) -> DriftReport {
    let object = |v: &Value| Arc::new(Object::new(Doc::from_value(v).unwrap()).unwrap());
    let desired = [DesiredObject { object: object(desired), declared: None }];
    compare(&desired, &[object(live)], &SchemaSet::bundled(), &DriftOptions::default())
}

/// The place in a document that a pointer names, made where it is missing.
fn at_pointer<'v>(mut value: &'v mut Value, pointer: &str) -> &'v mut Value {
    for name in pointer.split('/').skip(1) {
        value = &mut value[name];
    }
    value
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

const FLUX: fn(Value) -> Value = |f| entry("kustomize-controller", "Apply", f);

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
            ".data.k Replace PendingSync DifferentAsApplied by kustomize-controller",
            ".data.old Add PendingRemoval OnceApplied by kustomize-controller",
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

/// A Service of two ports on one number, whose live ports are another mixture of names than what was applied.
fn two_protocols(declared: &Value, applied: &Value, live: &Value) -> Vec<String> {
    let service = |ports: &Value| json!({"apiVersion":"v1","kind":"Service","metadata":{"name":"dns","namespace":"default"},"spec":{"ports":ports}});
    let mut object = service(live);
    object["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": service(applied).to_string()});
    let element = json!({".":{},"f:name":{},"f:port":{},"f:protocol":{}});
    let ports = json!({"k:{\"port\":53,\"protocol\":\"TCP\"}":element,"k:{\"port\":53,\"protocol\":\"UDP\"}":element});
    let fields = json!({"f:metadata":{"f:annotations":{"f:kubectl.kubernetes.io/last-applied-configuration":{}}},
        "f:spec":{"f:ports":ports}});
    report(&[service(declared)], &[owned(object, json!([entry("kubectl", "Update", fields)]))])
}

#[test]
fn a_key_field_left_to_its_default_is_found_in_what_was_applied() {
    let both = json!([{"name":"tcp","port":53},{"name":"udp","port":53,"protocol":"UDP"}]);
    let udp_first = json!([{"name":"udp","port":53,"protocol":"UDP"},{"name":"tcp","port":53}]);
    let mixture = json!([{"name":"tcp","port":53,"protocol":"UDP","targetPort":53}]);
    for order in [&both, &udp_first] {
        assert_eq!(
            two_protocols(order, order, &mixture),
            [
                "Service/default/dns Drifted",
                r#".spec.ports[port=53,protocol="TCP"] Remove Removed DeclaredOnly by nobody"#,
                r#".spec.ports[port=53,protocol="UDP"].name Replace Mutated DifferentByAdmission by kubectl"#,
            ]
        );
    }
    // Only the port without a protocol was applied, and it is no UDP port: the declaration moved on.
    let tcp = json!([{"name":"tcp","port":53}]);
    assert_eq!(
        two_protocols(&both, &tcp, &json!([{"name":"tcp","port":53,"protocol":"TCP","targetPort":53}])),
        [
            "Service/default/dns Drifted",
            r#".spec.ports[port=53,protocol="UDP"] Remove PendingSync DeclaredOnly by nobody"#,
        ]
    );
}

#[test]
fn the_namespace_of_a_manifest_does_not_make_a_cluster_wide_kind_namespaced() {
    let fleet = |namespace: Option<&str>, size: u8| {
        let mut object = json!({"apiVersion":"example.org/v1","kind":"Fleet","metadata":{"name":"a"},"spec":{"size":size}});
        if let Some(namespace) = namespace {
            object["metadata"]["namespace"] = namespace.into();
        }
        object
    };
    assert_eq!(report(&[fleet(Some("shop"), 1)], &[fleet(None, 1)]), ["Fleet.example.org//a InSync"]);
    let edited = report(&[fleet(Some("shop"), 1)], &[fleet(None, 2)]);
    assert_eq!(edited[0], "Fleet.example.org//a Drifted");
    // Another namespace is another object.
    let elsewhere = report(&[fleet(Some("shop"), 1)], &[fleet(Some("other"), 1)]);
    assert_eq!(elsewhere[0], "Fleet.example.org/shop/a Missing");
}

#[test]
fn a_token_that_is_named_after_its_account_is_made_for_it() {
    let account = |secrets: Value| {
        let mut object =
            json!({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"runner","namespace":"ci"}});
        if !secrets.is_null() {
            object["secrets"] = secrets;
        }
        object
    };
    let status = |secrets: Value| report(&[account(Value::Null)], &[account(secrets)])[0].clone();
    assert_eq!(status(json!([{"name":"runner-token-x7k2p"}])), "ServiceAccount/ci/runner InSync");
    assert_eq!(status(json!([{"name":"registry-login"}])), "ServiceAccount/ci/runner Drifted");
    assert_eq!(
        status(json!([{"name":"runner-token-x7k2p"},{"name":"registry-login"}])),
        "ServiceAccount/ci/runner Drifted"
    );
}
