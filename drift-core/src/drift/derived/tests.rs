//! What follows from another object is no stray; what a person made is one, however it is called.

mod elsewhere;

use std::sync::Arc;

use serde_json::{Map, Value, json};

mod blanked_bundle;
mod copied_marks;
mod let_go;
mod named_sources;
mod reserved;
mod same_tool;

use crate::drift::{DesiredObject, DriftOptions, IncrementalComparison, Status, compare};
use crate::object::{Doc, Object};
use crate::schema::SchemaSet;

const CREATED: &str = "2026-01-01T00:00:00Z";

fn object(value: &Value) -> Arc<Object> {
    Arc::new(Object::new(Doc::from_value(value).unwrap()).unwrap())
}

fn named(api_version: &str, kind: &str, name: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "creationTimestamp": CREATED}})
}

/// An object with `fields`, which managers wrote: `manager` the object, `manager/status` its status.
fn made(mut value: Value, fields: Value, managers: &[&str]) -> Value {
    merge(&mut value, &fields);
    let entries = managers.iter().map(|m| {
        let (manager, subresource) = m.split_once('/').unwrap_or((m, ""));
        let fields = if subresource.is_empty() { json!({"f:data": {}}) } else { json!({"f:status": {}}) };
        json!({"manager": manager, "operation": "Update", "subresource": subresource, "apiVersion": "v1",
            "time": CREATED, "fieldsType": "FieldsV1", "fieldsV1": fields})
    });
    if !managers.is_empty() {
        value["metadata"]["managedFields"] = entries.collect();
    }
    value
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Object(Map::new())), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// Names the strays among live objects, where the first one is declared, and nothing else.
fn strays(live: &[Value]) -> Vec<String> {
    let live: Vec<_> = live.iter().map(object).collect();
    let desired = vec![DesiredObject { object: Arc::clone(&live[0]), declared: None }];
    let schemas = SchemaSet::bundled();
    let report = compare(&desired, &live, &schemas, &DriftOptions::default());
    // In whatever order they come and go.
    let mut kept = IncrementalComparison::new(desired, (*schemas).clone(), DriftOptions::default());
    live.iter().rev().for_each(|o| kept.set_live(o));
    kept.judge();
    assert_eq!(kept.report(), report);
    for one in &live {
        kept.remove_live(&one.key());
        kept.judge();
        kept.set_live(one);
    }
    kept.judge();
    assert_eq!(kept.report(), report);
    let extra = report.resources.iter().filter(|r| r.status == Status::Extra);
    extra.map(|r| r.key.to_string()).collect()
}

#[track_caller]
fn follows(origin: &Value, derived: &Value) {
    assert_eq!(strays(&[origin.clone(), derived.clone()]), [""; 0], "{derived}");
}

#[track_caller]
fn is_stray(origin: &Value, other: &Value) {
    assert_eq!(strays(&[origin.clone(), other.clone()]), [object(other).key().to_string()], "{other}");
}

fn secret(name: &str, metadata: Value, managers: &[&str]) -> Value {
    made(named("v1", "Secret", name), json!({ "metadata": metadata }), managers)
}

fn certificate() -> Value {
    let spec = json!({"spec": {"secretName": "web-tls", "issuerRef": {"name": "ca"}}});
    made(
        named("cert-manager.io/v1", "Certificate", "web"),
        spec,
        &["kustomize-controller", "cert-manager-certificates-readiness/status"],
    )
}

#[test]
fn a_certificate_makes_its_secret() {
    let marks = json!({"annotations": {"cert-manager.io/certificate-name": "web"}});
    follows(&certificate(), &secret("web-tls", marks.clone(), &["cert-manager-certificates-issuing"]));
    follows(&certificate(), &secret("web-tls", marks.clone(), &[]));
    // Of another certificate, by a person, or only called alike.
    let other = json!({"annotations": {"cert-manager.io/certificate-name": "api"}});
    is_stray(&certificate(), &secret("api-tls", other, &["cert-manager-certificates-issuing"]));
    is_stray(&certificate(), &secret("web-tls", marks, &["kubectl-create"]));
    is_stray(&certificate(), &secret("web-tls", json!({}), &["terraform"]));
    is_stray(&certificate(), &secret("web-tls-old", json!({}), &[]));
}

#[test]
fn a_declaration_makes_what_follows_even_where_its_kind_was_not_listed() {
    let marks = json!({"annotations": {"cert-manager.io/certificate-name": "web"}});
    let desired = [DesiredObject { object: object(&certificate()), declared: None }];
    let live = [object(&secret("web-tls", marks, &["cert-manager-certificates-issuing"]))];
    let report = compare(&desired, &live, &SchemaSet::bundled(), &DriftOptions::default());
    assert!(report.resources.iter().all(|r| r.status != Status::Extra));
}

#[test]
fn an_ingress_asks_for_its_secret() {
    let ingress = |annotations: Value| {
        let spec = json!({"spec": {"tls": [{"hosts": ["web.example"], "secretName": "web-tls"}]},
            "metadata": {"annotations": annotations}});
        made(named("networking.k8s.io/v1", "Ingress", "web"), spec, &["kustomize-controller"])
    };
    let asking = ingress(json!({"cert-manager.io/cluster-issuer": "ca"}));
    let marks = json!({"annotations": {"cert-manager.io/certificate-name": "web-tls"}});
    follows(&asking, &secret("web-tls", marks.clone(), &["cert-manager-certificates-issuing"]));
    is_stray(
        &ingress(json!({"nginx.ingress.kubernetes.io/x": "1"})),
        &secret("web-tls", marks, &["issuing"]),
    );
    is_stray(&asking, &secret("web-tls", json!({}), &["kubectl-create"]));
}

#[test]
fn a_controller_is_known_by_the_status_that_it_writes() {
    let cluster = made(
        named("db.example.com/v1", "Cluster", "hippo"),
        json!({"spec": {"users": ["app"]}}),
        &["kustomize-controller", "manager/status"],
    );
    let of = |kind: &str, version: &str, name: &str, managers: &[&str]| {
        made(named(version, kind, name), json!({}), managers)
    };
    follows(&cluster, &of("Secret", "v1", "hippo-pguser-app", &["manager"]));
    follows(&cluster, &of("Service", "v1", "hippo-primary", &["manager"]));
    follows(&cluster, &of("Role", "rbac.authorization.k8s.io/v1", "hippo-instance", &["manager"]));
    follows(&cluster, &of("ConfigMap", "v1", "config-hippo", &["manager"]));
    follows(&cluster, &of("PersistentVolumeClaim", "v1", "hippo-00-abcd-pgdata", &["manager"]));
    // A person has looked after it since.
    follows(&cluster, &of("ConfigMap", "v1", "hippo-extra", &["manager", "kubectl-edit/status"]));
    is_stray(&cluster, &of("Secret", "v1", "hippo-pguser-app", &["kubectl-create"]));
    is_stray(&cluster, &of("Secret", "v1", "hippo-pguser-app", &["kubectl-client-side-apply"]));
    is_stray(&cluster, &of("Secret", "v1", "hippo-pguser-app", &["deploy-bot"]));
    is_stray(&cluster, &of("Secret", "v1", "other", &["manager"]));
    is_stray(&cluster, &of("Secret", "v1", "hippopotamus", &["manager"]));
    // What an engine applied is declared somewhere, or was.
    is_stray(&cluster, &of("Secret", "v1", "hippo-backup", &["argocd-controller", "manager"]));
    is_stray(&cluster, &of("Secret", "v1", "hippo-backup", &["helm"]));
}

#[test]
fn records_in_an_object_name_what_it_was_made_for() {
    let custom =
        |group: &str, kind: &str| made(named(group, kind, "hippo"), json!({}), &["kustomize-controller"]);
    let labels = |labels: Value| json!({ "labels": labels });
    let claim =
        |marks: Value| made(named("v1", "PersistentVolumeClaim", "x"), json!({ "metadata": marks }), &["op"]);
    let crunchy = custom("postgres-operator.crunchydata.com/v1beta1", "PostgresCluster");
    follows(&crunchy, &claim(labels(json!({"postgres-operator.crunchydata.com/cluster": "hippo"}))));
    follows(&custom("kafka.strimzi.io/v1", "Kafka"), &claim(labels(json!({"strimzi.io/cluster": "hippo"}))));
    follows(&custom("postgresql.cnpg.io/v1", "Cluster"), &claim(labels(json!({"cnpg.io/cluster": "hippo"}))));
    follows(&crunchy, &claim(json!({"annotations": {"made.for": "uid-hippo"}})));
    follows(&crunchy, &claim(labels(json!({"olm.owner": "hippo", "olm.owner.kind": "PostgresCluster"}))));
    follows(
        &custom("acid.zalan.do/v1", "postgresql"),
        &secret("postgres.hippo.credentials.postgresql.acid.zalan.do", json!({}), &["postgres-operator"]),
    );
    is_stray(&crunchy, &claim(labels(json!({"postgres-operator.crunchydata.com/cluster": "rhino"}))));
    is_stray(&crunchy, &claim(labels(json!({"app.kubernetes.io/instance": "hippo"}))));
    is_stray(&crunchy, &claim(labels(json!({"team.example/cluster": "hippo"}))));
    // An engine's mark says who applied it.
    let app = custom("argoproj.io/v1alpha1", "Application");
    is_stray(&app, &claim(labels(json!({"argocd.argoproj.io/instance": "hippo"}))));
}

#[test]
fn custom_resources_say_where_their_output_goes() {
    let external =
        |spec: Value| made(named("secrets.example.com/v1", "Pull", "db"), json!({ "spec": spec }), &[]);
    let (to, plain) = (secret("db-login", json!({}), &[]), json!({}));
    follows(&external(json!({"target": {"name": "db-login"}})), &to);
    follows(&external(json!({"destination": {"name": "db-login", "create": true}})), &to);
    follows(&external(json!({"writeConnectionSecretToRef": {"name": "db-login"}})), &to);
    follows(&external(json!({"outputSecretName": "db-login"})), &to);
    is_stray(&external(json!({"secretRef": {"name": "db-login"}})), &to);
    is_stray(&external(json!({"outputs": [{"name": "x", "secret": {"name": "db-login"}}]})), &to);
    is_stray(&external(json!({"target": {"name": "other"}})), &to);
    let applied = json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}});
    is_stray(&external(json!({"target": {"name": "db-login"}})), &secret("db-login", applied, &[]));
    is_stray(
        &external(json!({"target": {"name": "db-login"}})),
        &secret("db-login", plain, &["kubectl-create"]),
    );
    let older = json!({"creationTimestamp": "2025-01-01T00:00:00Z"});
    is_stray(&external(json!({"target": {"name": "db-login"}})), &secret("db-login", older, &[]));
    // A workload that a custom resource aims at is not made by it.
    let target = json!({"target": {"name": "web"}, "scaleTargetRef": {"name": "web"}});
    let deployment = made(named("apps/v1", "Deployment", "web"), json!({}), &["deploy-bot"]);
    is_stray(&external(target), &deployment);
}

fn stateful_set() -> Value {
    let spec = json!({"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "db"}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}});
    made(named("apps/v1", "StatefulSet", "db"), spec, &["kustomize-controller"])
}

#[test]
fn claims_follow_from_the_templates_of_a_stateful_set() {
    let claim = |name: &str, app: &str, managers: &[&str]| {
        let labels = json!({"metadata": {"labels": {"app": app}}});
        made(named("v1", "PersistentVolumeClaim", name), labels, managers)
    };
    for managers in [&[][..], &["kube-controller-manager"]] {
        follows(&stateful_set(), &claim("data-db-0", "db", managers));
        // Scaled down: the claims stay by design.
        follows(&stateful_set(), &claim("data-db-7", "db", managers));
        is_stray(&stateful_set(), &claim("data-old-0", "db", managers));
        is_stray(&stateful_set(), &claim("logs-db-0", "db", managers));
        is_stray(&stateful_set(), &claim("data-db-x", "db", managers));
        is_stray(&stateful_set(), &claim("data-db-0", "web", managers));
    }
    is_stray(&stateful_set(), &claim("data-db-0", "db", &["kubectl-create"]));
}

#[test]
fn credentials_follow_from_a_service_account() {
    let account = made(named("v1", "ServiceAccount", "runner"), json!({}), &["kustomize-controller"]);
    let of = |account: &str| json!({"annotations": {"kubernetes.io/service-account.name": account}});
    let pull = |metadata: Value, managers: &[&str]| {
        let mut secret = secret("runner-dockercfg-x7k2p", metadata, managers);
        secret["type"] = json!("kubernetes.io/dockercfg");
        secret
    };
    follows(&account, &pull(of("runner"), &["openshift-controller-manager"]));
    follows(&account, &pull(of("runner"), &[]));
    is_stray(&account, &pull(of("builder"), &["openshift-controller-manager"]));
    is_stray(&account, &pull(of("runner"), &["kubectl-create"]));
    let mut token = secret("runner-token", of("runner"), &["kubectl-create", "kube-controller-manager"]);
    token["type"] = json!("kubernetes.io/service-account-token");
    is_stray(&account, &token);
}

#[test]
fn some_objects_say_by_themselves_what_they_are() {
    let origin = made(named("v1", "ServiceAccount", "runner"), json!({}), &["kustomize-controller"]);
    let config = |metadata: Value, managers: &[&str]| {
        made(named("v1", "ConfigMap", "some"), json!({ "metadata": metadata }), managers)
    };
    let leader =
        json!({"annotations": {"control-plane.alpha.kubernetes.io/leader": r#"{"holderIdentity":"a_1"}"#}});
    follows(&origin, &config(leader, &["operator"]));
    follows(
        &origin,
        &config(json!({"annotations": {"reflector.example.com/reflects": "vault/some"}}), &["reflector"]),
    );
    let clone = json!({"labels": {"generate.kyverno.io/source-name": "some", "generate.kyverno.io/source-namespace": "vault"}});
    follows(&origin, &config(clone.clone(), &["kyverno"]));
    let hook = json!({"annotations": {"helm.sh/hook": "post-install"}});
    follows(&origin, &config(hook.clone(), &["helm"]));
    follows(&origin, &config(json!({"labels": {"kapp.k14s.io/is-app": ""}}), &["kapp"]));
    follows(&origin, &config(json!({"labels": {"cli-utils.sigs.k8s.io/inventory-id": "a"}}), &["kpt"]));
    let set = json!({"labels": {"applyset.kubernetes.io/id": format!("applyset-{}-v1", "0123456789".repeat(5))},
        "annotations": {"applyset.kubernetes.io/tooling": "kubectl/v1.33"}});
    follows(&origin, &config(set, &["kubectl-applyset"]));
    let state = json!({"labels": {"tfstate": "true", "tfstateSecretSuffix": "shop"}});
    follows(&origin, &secret("tfstate-default-shop", state.clone(), &["HashiCorp"]));
    // The same marks by a person.
    is_stray(&origin, &config(clone, &["kubectl-create"]));
    is_stray(&origin, &config(hook, &["kubectl-create"]));
    is_stray(&origin, &config(json!({"labels": {"kapp.k14s.io/is-app": ""}}), &["kubectl-label"]));
    is_stray(&origin, &secret("tfstate-default-shop", state, &["kubectl-create"]));
    is_stray(&origin, &config(json!({"labels": {"kapp.k14s.io/app": "1"}}), &["kubectl-create"]));
    let endpoints = |managers: &[&str]| made(named("v1", "Endpoints", "web"), json!({}), managers);
    follows(&origin, &endpoints(&["kube-controller-manager"]));
    is_stray(&origin, &endpoints(&["kubectl-create"]));
}

#[test]
fn reports_and_copies_declare_nothing() {
    let origin = made(named("v1", "ServiceAccount", "runner"), json!({}), &["kustomize-controller"]);
    let report = |fields: Value, managers: &[&str]| {
        made(named("audit.example.com/v1", "Findings", "all"), fields, managers)
    };
    follows(&origin, &report(json!({"results": [{"result": "pass"}], "summary": {"pass": 1}}), &["scanner"]));
    is_stray(&origin, &report(json!({"results": []}), &["kubectl-create"]));
    is_stray(&origin, &report(json!({"spec": {"scan": true}}), &["scanner"]));
    let binding = |metadata: Value, managers: &[&str]| {
        made(
            named("rbac.authorization.k8s.io/v1", "RoleBinding", "leads"),
            json!({ "metadata": metadata }),
            managers,
        )
    };
    let inherited = json!({"labels": {"tree.example.net/inherited-from": "parent"}});
    follows(&origin, &binding(inherited.clone(), &["manager"]));
    is_stray(&origin, &binding(inherited, &["kubectl-create"]));
    is_stray(&origin, &binding(json!({"labels": {"tree.example.net/inherited-from": "shop"}}), &["manager"]));
}

#[test]
fn what_the_controller_of_an_ingress_makes_for_it_follows() {
    let ingress = made(
        named("networking.k8s.io/v1", "Ingress", "web"),
        json!({"spec": {}}),
        &["kustomize-controller", "controller/status"],
    );
    let binding = |stack: &str, managers: &[&str]| {
        let fields = json!({"metadata": {"labels": {"stack.example.net/name": stack}}, "spec": {"port": 80}});
        made(named("lb.example.net/v1", "TargetBinding", "k8s-web-0a1b"), fields, managers)
    };
    follows(&ingress, &binding("web", &["controller"]));
    is_stray(&ingress, &binding("other", &["controller"]));
    is_stray(&ingress, &binding("web", &["somebody"]));
    is_stray(&ingress, &binding("web", &["kubectl-create"]));
}

#[test]
fn who_came_later_did_not_make_it() {
    let origin = made(named("v1", "ServiceAccount", "runner"), json!({}), &["kustomize-controller"]);
    let mut touched =
        made(named("v1", "Endpoints", "web"), json!({}), &["kubectl-label", "endpoint-controller"]);
    for entry in touched["metadata"]["managedFields"].as_array_mut().unwrap() {
        entry["time"] = json!("2026-02-01T00:00:00Z");
    }
    follows(&origin, &touched);
}

#[test]
fn what_a_program_makes_where_it_runs_is_its_own() {
    let workload = |name: &str, container: Value| {
        let spec = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        made(named("apps/v1", "Deployment", name), spec, &["argocd-controller"])
    };
    let by = |manager: &str| secret("serving-certs", json!({}), &[manager]);
    let keda = workload("keda-operator", json!({"name": "op", "image": "ghcr.io/kedacore/keda:2.15"}));
    follows(&keda, &by("keda-operator"));
    follows(&workload("cert-manager-webhook", json!({"name": "w"})), &by("webhook"));
    follows(&workload("kyverno-admission", json!({"name": "kyverno"})), &by("kyverno"));
    follows(&workload("shop-operator", json!({"name": "op", "command": ["/bin/manager"]})), &by("manager"));
    let image = "registry.example:5000/ingress-nginx/kube-webhook-certgen:v1@sha256:00";
    follows(&workload("job", json!({"name": "create", "image": image})), &by("kube-webhook-certgen"));
    is_stray(&keda, &by("terraform"));
    is_stray(&keda, &by("kubectl-create"));
    is_stray(&keda, &by("eda-operator"));
    is_stray(&keda, &secret("serving-certs", json!({}), &[]));
    // A shell in a container is still a person's tool.
    is_stray(&workload("toolbox", json!({"name": "kubectl", "image": "kubectl:1"})), &by("kubectl"));
}
