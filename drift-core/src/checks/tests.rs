use serde_json::{Value, json};

use super::{Severity, check};
use crate::cause::Investigation;
use crate::event::Until;
use crate::event::{Event, EventBody, Gap, GapReason, NewEvent, Origin};
use crate::object::{Doc, Object};
use crate::schema::SchemaSet;
use crate::stream::{Position, Revision, Scope, StreamId};

/// Plays versions of objects, one second apart, and returns the checks that fire with what they are about.
fn run(versions: &[Value]) -> Vec<(String, String)> {
    run_without(&[], versions)
}

/// Does the same for an account that may not list some kinds.
fn run_without(denied: &[(&str, &str)], versions: &[Value]) -> Vec<(String, String)> {
    let mut events: Vec<Event> = Vec::new();
    for (i, version) in versions.iter().enumerate() {
        let object = Object::new(Doc::from_value(version).unwrap()).unwrap();
        let n = i as u64 + 1;
        let new = NewEvent {
            uid: None,
            origin: Origin::default(),
            observed_at: jiff::Timestamp::from_second(1_700_000_000 + i as i64).unwrap(),
            occurred_at: None,
            body: EventBody::Applied(object.clone().into()),
        };
        events.push(new.at(StreamId::live(object.key()), Revision::new(n).unwrap(), Position::new(n)));
    }
    for (group, kind) in denied {
        let n = events.len() as u64 + 1;
        let (from, to) = (None, jiff::Timestamp::from_second(1_700_000_000).unwrap());
        let (reason, message) = (GapReason::Denied, "forbidden".into());
        let scope = Scope::of_kind(group, kind);
        let gap = Gap { scope, from, to, from_version: None, to_version: None, reason, message };
        let (origin, body) = (Origin::default(), EventBody::Gap(gap));
        let new = NewEvent { uid: None, origin, observed_at: to, occurred_at: None, body };
        events.push(new.at(StreamId::Source("test".into()), Revision::new(n).unwrap(), Position::new(n)));
    }
    let schemas = SchemaSet::bundled();
    let case = Investigation::from_events(&events, Until::End, &schemas);
    check(&case).into_iter().map(|t| (t.check.to_owned(), t.message)).collect()
}

#[track_caller]
fn fires(versions: &[Value], check: &str, part: &str) {
    let found = run(versions);
    assert!(found.iter().any(|(c, m)| c == check && m.contains(part)), "{check} expected: {found:?}");
}

#[track_caller]
fn silent(versions: &[Value], check: &str) {
    let found = run(versions);
    assert!(found.iter().all(|(c, _)| c != check), "{found:?}");
}

fn object(api: &str, kind: &str, name: &str, rest: Value) -> Value {
    let mut o = json!({"apiVersion":api,"kind":kind,"metadata":{"name":name,"namespace":"shop","uid":name}});
    for (k, v) in rest.as_object().unwrap() {
        if k == "metadata" {
            v.as_object().unwrap().iter().for_each(|(k, v)| o["metadata"][k] = v.clone());
        } else {
            o[k] = v.clone();
        }
    }
    if matches!(kind, "Namespace" | "Node" | "PersistentVolume")
        || kind.starts_with("Cluster")
        || kind.contains("Webhook")
    {
        o["metadata"].as_object_mut().unwrap().remove("namespace");
    }
    o
}

fn deployment(spec: Value) -> Value {
    object(
        "apps/v1",
        "Deployment",
        "web",
        json!({"spec":{"replicas":1,"template":{"metadata":{"labels":{"app":"web"}},"spec":spec}},
        "status":{"availableReplicas":1,"updatedReplicas":1}}),
    )
}

#[test]
fn what_may_not_be_listed_is_not_said_to_be_missing() {
    let template = json!({"serviceAccountName":"baker","imagePullSecrets":[{"name":"registry"}],
        "priorityClassName":"high","volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"flour"}}],
        "containers":[{"name":"c","image":"x","envFrom":[{"secretRef":{"name":"db"}}]}]});
    let service = object("v1", "Service", "web", json!({"spec":{"selector":{"app":"other"}}}));
    let policy = object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "n",
        json!({"spec":{"podSelector":{"matchLabels":{"a":"b"}}}}),
    );
    let binding = object(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "b",
        json!({"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"},"subjects":[]}),
    );
    let scaler = object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "h",
        json!({"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"StatefulSet","name":"s"}}}),
    );
    let versions = [deployment(template), service, policy, binding, scaler];
    let expected = [
        "missing-config",
        "missing-account",
        "missing-claim",
        "missing-class",
        "missing-pull-secret",
        "service-without-pods",
        "policy-selects-nothing",
        "binding-to-nothing",
        "autoscaler-target",
    ];
    expected.iter().for_each(|check| fires(&versions, check, ""));
    let denied = [
        ("", "Secret"),
        ("", "ServiceAccount"),
        ("", "PersistentVolumeClaim"),
        ("", "Pod"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("rbac.authorization.k8s.io", "Role"),
        ("apps", "StatefulSet"),
    ];
    let found = run_without(&denied, &versions);
    assert!(found.iter().all(|(c, _)| !expected.contains(&&**c)), "{found:?}");
}

#[test]
fn a_reference_to_nothing_is_told_before_the_restart() {
    let env = json!([{"name":"A","valueFrom":{"configMapKeyRef":{"name":"conf","key":"a"}}}]);
    let web = deployment(json!({"containers":[{"name":"c","image":"x","env":env}]}));
    fires(std::slice::from_ref(&web), "missing-config", "ConfigMap conf is not there");
    let conf = |data: Value| object("v1", "ConfigMap", "conf", json!({"data": data}));
    fires(&[web.clone(), conf(json!({"b":"1"}))], "missing-config", "no key a");
    silent(&[web, conf(json!({"a":"1"}))], "missing-config");
}

#[test]
fn optional_references_may_be_missing() {
    let env = json!([{"name":"A","valueFrom":{"secretKeyRef":{"name":"s","key":"a","optional":true}}}]);
    silent(&[deployment(json!({"containers":[{"name":"c","image":"x","env":env}]}))], "missing-config");
}

#[test]
fn accounts_claims_classes_and_pull_secrets_are_looked_for() {
    let web = deployment(
        json!({"serviceAccountName":"op","priorityClassName":"high","imagePullSecrets":[{"name":"reg"}],
        "volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"data"}}],"containers":[{"name":"c","image":"x"}]}),
    );
    let all = std::slice::from_ref(&web);
    fires(all, "missing-account", "op");
    fires(all, "missing-class", "high");
    fires(all, "missing-pull-secret", "reg");
    fires(all, "missing-claim", "data");
    let there = object("v1", "ServiceAccount", "op", json!({}));
    silent(&[web, there], "missing-account");
}

#[test]
fn a_node_selector_that_fits_no_node_is_told() {
    let node = object(
        "v1",
        "Node",
        "n1",
        json!({"metadata":{"labels":{"disk":"ssd"}},"status":{"allocatable":{"cpu":"2","memory":"4Gi"}}}),
    );
    let web = |disk: &str| {
        deployment(json!({"nodeSelector":{"disk":disk},"containers":[{"name":"c","image":"x"}]}))
    };
    fires(&[node.clone(), web("tape")], "no-node-fits", "no node");
    silent(&[node, web("ssd")], "no-node-fits");
}

#[test]
fn a_quota_that_is_used_up_is_told() {
    let quota = |used: &str| {
        object(
            "v1",
            "ResourceQuota",
            "q",
            json!({"spec":{"hard":{"pods":"3"}},"status":{"used":{"pods":used}}}),
        )
    };
    fires(&[quota("3")], "quota-exhausted", "pods");
    silent(&[quota("2")], "quota-exhausted");
}

#[test]
fn a_level_that_running_pods_violate_is_told() {
    let ns = |level: &str| {
        object(
            "v1",
            "Namespace",
            "shop",
            json!({"metadata":{"labels":{"pod-security.kubernetes.io/enforce":level}}}),
        )
    };
    let web = deployment(json!({"containers":[{"name":"c","image":"x"}]}));
    fires(&[ns("restricted"), web.clone()], "admission-level", "runAsNonRoot");
    silent(&[ns("baseline"), web], "admission-level");
}

#[test]
fn a_webhook_that_fails_closed_needs_its_backend() {
    let hook = |policy: &str| {
        object(
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            "gate",
            json!({"webhooks":[
            {"name":"g.example.com","failurePolicy":policy,"clientConfig":{"service":{"name":"gate","namespace":"shop"}}}]}),
        )
    };
    fires(&[hook("Fail")], "webhook-backend", "not there");
    silent(&[hook("Ignore")], "webhook-backend");
    fires(
        &[hook("Fail"), object("v1", "Service", "gate", json!({"spec":{}}))],
        "webhook-backend",
        "no endpoints",
    );
}

#[test]
fn variables_older_than_their_source_are_told() {
    let secret = |token: &str| object("v1", "Secret", "key", json!({"data":{"token":token}}));
    let pod = object(
        "v1",
        "Pod",
        "web-1",
        json!({"spec":{"containers":[{"name":"c","image":"x","env":[
        {"name":"T","valueFrom":{"secretKeyRef":{"name":"key","key":"token"}}}]}]},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}),
    );
    fires(&[secret("YQ=="), pod.clone(), secret("Yg==")], "stale-variable", "Secret key");
    silent(&[secret("YQ=="), secret("Yg=="), pod], "stale-variable");
}

#[test]
fn bindings_routes_and_autoscalers_need_what_they_name() {
    let binding = object(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "b",
        json!({"roleRef":{"kind":"Role","name":"r"},"subjects":[]}),
    );
    fires(&[binding], "binding-to-nothing", "Role");
    let ingress = object(
        "networking.k8s.io/v1",
        "Ingress",
        "edge",
        json!({"spec":{"rules":[{"http":{"paths":[
        {"backend":{"service":{"name":"web","port":{"number":81}}}}]}}]}}),
    );
    fires(std::slice::from_ref(&ingress), "route-backend", "Service/shop/web is not there");
    let service = object("v1", "Service", "web", json!({"spec":{"ports":[{"port":80}]}}));
    fires(&[ingress, service], "route-backend", "no port 81");
    let hpa = object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "h",
        json!({"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},
        "metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization"}}}]}}),
    );
    fires(std::slice::from_ref(&hpa), "autoscaler-target", "not there");
    fires(
        &[hpa, deployment(json!({"containers":[{"name":"c","image":"x"}]}))],
        "autoscaler-target",
        "requests no cpu",
    );
}

#[test]
fn a_value_that_no_longer_arrives_is_told() {
    let cr = |image: &str| object("example.com/v1", "Widget", "w", json!({"spec":{"agent":{"image":image}}}));
    let child = |image: &str| {
        object(
            "apps/v1",
            "DaemonSet",
            "agent",
            json!({"spec":{"template":{"spec":{"containers":[{"name":"a","image":image}]}}}}),
        )
    };
    fires(&[cr("agent:1.0"), child("agent:1.0"), cr("agent:2.0")], "value-does-not-arrive", "agent:2.0");
    silent(
        &[cr("agent:1.0"), child("agent:1.0"), cr("agent:2.0"), child("agent:2.0")],
        "value-does-not-arrive",
    );
}

#[test]
fn services_need_pods_and_their_ports() {
    let service = object(
        "v1",
        "Service",
        "web",
        json!({"spec":{"selector":{"app":"web"},"ports":[{"port":80,"targetPort":"http"}]}}),
    );
    let pod = object(
        "v1",
        "Pod",
        "p",
        json!({"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"x","ports":[{"name":"web","containerPort":80}]}]},
        "status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}),
    );
    fires(std::slice::from_ref(&service), "service-without-pods", "no pod");
    fires(&[service, pod], "target-port", "named http");
}

#[test]
fn every_check_has_a_name_and_a_trigger_of_its_own() {
    let all = super::list();
    assert!(all.len() > 40);
    assert!(all.windows(2).all(|w| w[0].0 != w[1].0), "{all:?}");
    assert!(Severity::Error > Severity::Warning);
}
