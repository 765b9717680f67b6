//! Objects declared in another version than they are live in, and kinds without a schema.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{entry, lines, owned};
use crate::drift::{DesiredObject, DriftOptions, compare};
use crate::object::{Doc, Object};
use crate::schema::SchemaSet;

/// An object of a version; the rest of it is given.
fn object(api: &str, kind: &str, mut body: Value) -> Value {
    body["apiVersion"] = json!(api);
    body["kind"] = json!(kind);
    for (field, value) in [("name", "a"), ("namespace", "default")] {
        body["metadata"][field] = json!(value);
    }
    body
}

/// Status, changes and notes of one declared object, where some definitions are known.
fn report(definitions: &[Value], desired: &Value, live: &Value) -> Vec<String> {
    let object = |v: &Value| Arc::new(Object::new(Doc::from_value(v).unwrap()).unwrap());
    let definitions: Vec<_> = definitions.iter().map(object).collect();
    let schemas = SchemaSet::with_definitions(definitions.iter().map(|o| &**o));
    let desired = [DesiredObject { object: object(desired), declared: None }];
    let report = compare(&desired, &[object(live)], &schemas, &DriftOptions::default());
    report.resources.iter().flat_map(lines).collect()
}

/// Compares what is reported without notes: the status, and of each change the path, what was done, and by whom.
fn check(definitions: &[Value], desired: &Value, live: &Value, expect: &[&str]) {
    let lines = report(definitions, desired, live);
    let status = lines[0].rsplit(' ').next().unwrap().to_owned();
    let changes = lines[1..].iter().filter(|l| !l.starts_with("note: "));
    let changes = changes.map(|l| {
        // PATH OP CLASS ROW by WHO; a path may hold spaces.
        let words: Vec<_> = l.split(' ').collect();
        let n = words.len();
        format!("{} {} by {}", words[..n - 5].join(" "), words[n - 4], words[n - 1])
    });
    let got: Vec<_> = std::iter::once(status).chain(changes).collect();
    assert_eq!(got, expect, "{lines:#?}");
}

const SYNC: &[&str] = &["InSync"];

fn cpu(at: i64) -> Value {
    json!({"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":at}}})
}

#[test]
fn an_autoscaler_of_another_version_is_compared_by_what_it_means() {
    let kind = "HorizontalPodAutoscaler";
    let declared =
        object("autoscaling/v1", kind, json!({"spec":{"maxReplicas":6,"targetCPUUtilizationPercentage":70}}));
    let live = |max: i64, at: i64, editor: Value| {
        let applied = json!({"f:spec":{"f:maxReplicas":{},"f:targetCPUUtilizationPercentage":{}}});
        let body = json!({"spec":{"maxReplicas":max,"minReplicas":1,"metrics":[cpu(at)]}});
        let entries =
            json!([entry("kustomize-controller", "Apply", applied), entry("kubectl-edit", "Update", editor)]);
        owned(object("autoscaling/v2", kind, body), entries)
    };
    check(&[], &declared, &live(6, 70, json!({})), SYNC);
    check(
        &[],
        &declared,
        &live(9, 70, json!({"f:spec":{"f:maxReplicas":{}}})),
        &["Drifted", ".spec.maxReplicas Changed by kubectl-edit"],
    );
    check(
        &[],
        &declared,
        &live(6, 95, json!({"f:spec":{"f:metrics":{}}})),
        &["Drifted", ".spec.metrics Changed by kubectl-edit"],
    );
    // Nobody edited the target: the declaration moved on, and the owner is found under the name that it had.
    check(
        &[],
        &declared,
        &live(6, 50, json!({})),
        &["Drifted", ".spec.metrics PendingSync by kustomize-controller"],
    );
    let notes = report(&[], &declared, &live(6, 50, json!({})));
    let note = "note: declared as autoscaling/v1 and live as autoscaling/v2: `.spec.metrics` is `.spec.targetCPUUtilizationPercentage` there";
    assert_eq!(notes.last().unwrap(), note);
    // A dump of an old cluster, whose preferred version was the oldest.
    let newer = object("autoscaling/v2beta2", kind, json!({"spec":{"maxReplicas":6,"metrics":[cpu(70)]}}));
    let old = |max: i64| {
        object(
            "autoscaling/v1",
            kind,
            json!({"spec":{"maxReplicas":max,"minReplicas":1,"targetCPUUtilizationPercentage":70}}),
        )
    };
    check(&[], &newer, &old(6), SYNC);
    check(&[], &newer, &old(7), &["Drifted", ".spec.maxReplicas Changed by nobody"]);
}

#[test]
fn what_was_applied_in_an_older_version_is_read_in_the_newer() {
    let kind = "HorizontalPodAutoscaler";
    let declared = |at: i64| {
        object("autoscaling/v1", kind, json!({"spec":{"maxReplicas":6,"targetCPUUtilizationPercentage":at}}))
    };
    let live = |applied: i64, at: i64| {
        let mut live = object(
            "autoscaling/v2",
            kind,
            json!({"spec":{"maxReplicas":6,"minReplicas":1,"metrics":[cpu(at)]}}),
        );
        let last = "kubectl.kubernetes.io/last-applied-configuration";
        live["metadata"]["annotations"] = json!({last: declared(applied).to_string()});
        let fields = json!({"f:metadata":{"f:annotations":{format!("f:{last}"):{}}},
            "f:spec":{"f:maxReplicas":{},"f:targetCPUUtilizationPercentage":{}}});
        owned(live, json!([entry("kubectl-client-side-apply", "Update", fields)]))
    };
    let by = "by kubectl-client-side-apply";
    check(&[], &declared(70), &live(70, 95), &["Drifted", &format!(".spec.metrics Mutated {by}")]);
    check(&[], &declared(80), &live(70, 70), &["Drifted", &format!(".spec.metrics PendingSync {by}")]);
}

/// A workload whose template has a label.
fn workload(api: &str, kind: &str, spec: &Value) -> Value {
    let mut body = json!({"spec":{"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"main","image":"i:1"}]}}}});
    for (field, value) in spec.as_object().unwrap() {
        body["spec"][field] = value.clone();
    }
    object(api, kind, body)
}

#[test]
fn workloads_of_older_versions_have_the_defaults_of_theirs() {
    let selector = json!({"matchLabels":{"app":"web"}});
    let rolling =
        |at: Value| json!({"type":"RollingUpdate","rollingUpdate":{"maxSurge":at,"maxUnavailable":at}});
    let spec = |history: i64, deadline: i64, at: Value| json!({"selector":selector,"replicas":1,"revisionHistoryLimit":history,"progressDeadlineSeconds":deadline,"strategy":rolling(at)});
    let declared = workload("extensions/v1beta1", "Deployment", &json!({"rollbackTo":{"revision":0}}));
    let live = |spec: &Value| workload("apps/v1", "Deployment", spec);
    let older = spec(2_147_483_647, 2_147_483_647, json!(1));
    // As it was applied through the old version, and as it is applied through the new one.
    for spec in [&older, &spec(10, 600, json!("25%"))] {
        let mut live = live(spec);
        check(&[], &declared, &live, SYNC);
        live["metadata"]["labels"] = json!({"app":"web"});
        check(&[], &declared, &live, SYNC);
        live["metadata"]["labels"] = json!({"app":"other"});
        check(&[], &declared, &live, &["Drifted", ".metadata.labels Added by nobody"]);
    }
    check(
        &[],
        &declared,
        &live(&spec(3, 600, json!("25%"))),
        &["Drifted", ".spec.revisionHistoryLimit Added by nobody"],
    );
    let other = workload("apps/v1beta1", "Deployment", &json!({}));
    check(&[], &other, &live(&spec(2, 600, json!("25%"))), SYNC);
    check(
        &[],
        &other,
        &live(&older),
        &[
            "Drifted",
            ".spec.progressDeadlineSeconds Added by nobody",
            ".spec.revisionHistoryLimit Added by nobody",
            ".spec.strategy.rollingUpdate.maxSurge Added by nobody",
            ".spec.strategy.rollingUpdate.maxUnavailable Added by nobody",
        ],
    );
    let daemons = workload("extensions/v1beta1", "DaemonSet", &json!({"templateGeneration":3}));
    let live = |strategy: Value| {
        workload(
            "apps/v1",
            "DaemonSet",
            &json!({"selector":selector,"revisionHistoryLimit":10,"updateStrategy":strategy}),
        )
    };
    check(&[], &daemons, &live(json!({"type":"OnDelete"})), SYNC);
    let rolling = json!({"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":0}});
    check(&[], &daemons, &live(rolling.clone()), SYNC);
    // A person who makes the new default of what is old by default did so on purpose.
    let edit = json!([entry("kubectl-edit", "Update", json!({"f:spec":{"f:updateStrategy":{"f:type":{}}}}))]);
    check(
        &[],
        &daemons,
        &owned(live(rolling), edit),
        &["Drifted", ".spec.updateStrategy.type Added by kubectl-edit"],
    );
}

#[test]
fn webhooks_of_the_older_version_fail_open_by_default() {
    let kind = "ValidatingWebhookConfiguration";
    let body = |more: Value| {
        let mut webhook = json!({"name":"w.example.com","clientConfig":{"url":"https://w"}});
        webhook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"webhooks":[webhook]})
    };
    let cluster = |mut o: Value| {
        o["metadata"].as_object_mut().unwrap().remove("namespace");
        o
    };
    let declared = cluster(object("admissionregistration.k8s.io/v1beta1", kind, body(json!({}))));
    let live = |policy: &str| {
        let more = json!({"failurePolicy":policy,"matchPolicy":"Exact","timeoutSeconds":30,"sideEffects":"Unknown",
            "admissionReviewVersions":["v1beta1"],"namespaceSelector":{},"objectSelector":{}});
        cluster(object("admissionregistration.k8s.io/v1", kind, body(more)))
    };
    check(&[], &declared, &live("Ignore"), SYNC);
    check(&[], &declared, &live("Fail"), SYNC);
    let edited = json!({"f:webhooks":{"k:{\"name\":\"w.example.com\"}":{"f:failurePolicy":{}}}});
    let edited = owned(live("Fail"), json!([entry("kubectl-edit", "Update", edited)]));
    check(
        &[],
        &declared,
        &edited,
        &["Drifted", r#".webhooks[name="w.example.com"].failurePolicy Added by kubectl-edit"#],
    );
}

#[test]
fn an_ingress_of_a_version_that_is_gone_is_compared_in_the_new_one() {
    let old = json!({"spec":{"rules":[{"host":"x","http":{"paths":[{"path":"/","backend":{"serviceName":"web","servicePort":80}}]}}]}});
    let new = |port: i64| {
        json!({"spec":{"rules":[{"host":"x","http":{"paths":[{"path":"/","pathType":"ImplementationSpecific",
        "backend":{"service":{"name":"web","port":{"number":port}}}}]}}]}})
    };
    let live = |port: i64| object("networking.k8s.io/v1", "Ingress", new(port));
    for api in ["extensions/v1beta1", "networking.k8s.io/v1beta1"] {
        let declared = object(api, "Ingress", old.clone());
        check(&[], &declared, &live(80), SYNC);
        check(&[], &declared, &live(81), &["Drifted", ".spec.rules Changed by nobody"]);
    }
    // Both of a version that is gone: its schema is that of the newer one.
    let pdb = |min: i64| {
        object(
            "policy/v1beta1",
            "PodDisruptionBudget",
            json!({"spec":{"minAvailable":min,"selector":{"matchLabels":{"a":"b"}}}}),
        )
    };
    check(&[], &pdb(1), &pdb(1), SYNC);
    check(&[], &pdb(1), &pdb(2), &["Drifted", ".spec.minAvailable Changed by nobody"]);
}

/// A definition of two versions.
fn definition(strategy: &str, older: Value, newer: Value) -> Value {
    let version = |name: &str, spec: Value| {
        let schema = json!({"type":"object","properties":{"spec":{"type":"object","properties":spec}}});
        json!({"name":name,"served":true,"storage":name == "v1","schema":{"openAPIV3Schema":schema}})
    };
    json!({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"fleets.x.io"},
        "spec":{"group":"x.io","scope":"Namespaced","names":{"kind":"Fleet","plural":"fleets"},
            "conversion":{"strategy":strategy},"versions":[version("v1beta1", older),version("v1", newer)]}})
}

fn fleet(version: &str, spec: Value) -> Value {
    object(&format!("x.io/{version}"), "Fleet", json!({ "spec": spec }))
}

#[test]
fn where_a_webhook_converts_only_what_is_the_same_in_both_versions_is_compared() {
    let text = json!({"type":"string"});
    let policy = |first: &str| json!({"type":"string","enum":[first,"Never"]});
    let group = |properties: Value| json!({"type":"object","properties":properties});
    let older = json!({"size":text,"disruption":group(json!({"expireAfter":text,"policy":policy("WhenIdle"),"budget":text}))});
    let newer = json!({"size":text,"disruption":group(json!({"after":text,"policy":policy("WhenEmpty"),"budget":text})),"expireAfter":text});
    let crd = [definition("Webhook", older, newer)];
    let declared = fleet(
        "v1beta1",
        json!({"size":"s","disruption":{"expireAfter":"1h","policy":"WhenIdle","budget":"1"}}),
    );
    let live = |size: &str, budget: &str| {
        fleet(
            "v1",
            json!({"size":size,"expireAfter":"1h","disruption":{"policy":"WhenEmpty","budget":budget}}),
        )
    };
    let applied =
        json!({"f:spec":{"f:size":{},"f:disruption":{"f:expireAfter":{},"f:policy":{},"f:budget":{}}}});
    let by = |live: Value, edited: Value| {
        owned(
            live,
            json!([
                entry("kustomize-controller", "Apply", applied.clone()),
                entry("kubectl-edit", "Update", edited)
            ]),
        )
    };
    check(&crd, &declared, &by(live("s", "1"), json!({})), &["Unknown"]);
    let note = report(&crd, &declared, &by(live("s", "1"), json!({})));
    assert!(note[1].contains("`.spec.disruption.policy`") && note[1].contains("x.io/v1beta1"), "{note:?}");
    let size = json!({"f:spec":{"f:size":{}}});
    check(&crd, &declared, &by(live("l", "1"), size), &["Drifted", ".spec.size Changed by kubectl-edit"]);
    let budget = json!({"f:spec":{"f:disruption":{"f:budget":{}}}});
    check(
        &crd,
        &declared,
        &by(live("s", "2"), budget),
        &["Drifted", ".spec.disruption.budget Changed by kubectl-edit"],
    );
    // A person wrote it in the version in which it is live.
    let policy = json!({"f:spec":{"f:disruption":{"f:policy":{}}}});
    check(
        &crd,
        &declared,
        &by(live("s", "1"), policy),
        &["Drifted", ".spec.disruption.policy Changed by kubectl-edit"],
    );
    // Without the fields that are not the same everything is known.
    let declared = fleet("v1beta1", json!({"size":"s","disruption":{"budget":"1"}}));
    check(&crd, &declared, &fleet("v1", json!({"size":"s","disruption":{"budget":"1"}})), SYNC);
}

#[test]
fn without_a_webhook_only_the_version_changes() {
    let older =
        json!({"size":{"type":"string"},"tier":{"type":"string","default":"low"},"gone":{"type":"string"}});
    let newer =
        json!({"size":{"type":"string"},"tier":{"type":"string","default":"high"},"new":{"type":"string"}});
    let crd = [definition("None", older, newer)];
    let declared = fleet("v1beta1", json!({"size":"s","gone":"x"}));
    for tier in ["low", "high"] {
        check(&crd, &declared, &fleet("v1", json!({"size":"s","tier":tier})), SYNC);
    }
    check(
        &crd,
        &declared,
        &fleet("v1", json!({"size":"s","tier":"middle"})),
        &["Drifted", ".spec.tier Added by nobody"],
    );
    check(
        &crd,
        &declared,
        &fleet("v1", json!({"size":"l","new":"y"})),
        &["Drifted", ".spec.new Added by nobody", ".spec.size Changed by nobody"],
    );
}

#[test]
fn a_version_of_which_nothing_is_known_is_not_judged() {
    let declared = object("y.io/v1alpha1", "Odd", json!({"spec":{"a":"1","list":[1]}}));
    let live = |spec: Value| object("y.io/v1", "Odd", json!({ "spec": spec }));
    check(&[], &declared, &live(json!({"a":"1","list":[1]})), SYNC);
    check(&[], &declared, &live(json!({"b":"1","list":[1]})), &["Unknown"]);
    let edit = json!([
        entry("kustomize-controller", "Apply", json!({"f:spec":{"f:list":{}}})),
        entry("kubectl-edit", "Update", json!({"f:spec":{"f:a":{}}}))
    ]);
    check(
        &[],
        &declared,
        &owned(live(json!({"a":"2","list":[1]})), edit),
        &["Drifted", ".spec.a Changed by kubectl-edit"],
    );
}

#[test]
fn without_a_schema_what_may_be_a_default_is_not_known() {
    let odd = |spec: Value| object("y.io/v1", "Odd", json!({ "spec": spec }));
    let applied = json!({"f:spec":{"f:a":{},"f:rules":{},"f:deep":{"f:x":{}}}});
    let by = |live: Value, more: Value| {
        owned(live, json!([entry("kustomize-controller", "Apply", applied.clone()), more]))
    };
    let nobody = entry("kubectl-edit", "Update", json!({}));
    let declared = odd(json!({"a":"1","rules":[{"to":[{"name":"x"}]}],"deep":{"x":1}}));
    let live = |a: &str, rules: Value| odd(json!({"a":a,"rules":rules,"deep":{"x":1}}));
    let filled = json!([{"match":"/","to":[{"name":"x","weight":1}]}]);
    check(&[], &declared, &by(live("1", filled.clone()), nobody.clone()), &["Unknown"]);
    let note = report(&[], &declared, &by(live("1", filled.clone()), nobody.clone()));
    assert!(note[1].contains("`.spec.rules`") && note[1].contains("--schemas"), "{note:?}");
    // Another value at the same place is no default, in a list or not.
    check(
        &[],
        &declared,
        &by(live("2", filled.clone()), nobody.clone()),
        &["Drifted", ".spec.a PendingSync by kustomize-controller"],
    );
    let other = json!([{"to":[{"name":"y","weight":1}]}]);
    check(
        &[],
        &declared,
        &by(live("1", other), nobody.clone()),
        &["Drifted", ".spec.rules PendingSync by kustomize-controller"],
    );
    // Defaults add no elements.
    let longer = json!([{"to":[{"name":"x"}]},{"to":[{"name":"y"}]}]);
    check(&[], &declared, &live("1", longer), &["Drifted", ".spec.rules Changed by nobody"]);
    // Who wrote it is evidence, too.
    let edited = entry("kubectl-edit", "Update", json!({"f:spec":{"f:rules":{}}}));
    check(
        &[],
        &declared,
        &by(live("1", filled), edited),
        &["Drifted", ".spec.rules Changed by kubectl-edit"],
    );
    // A live field that nobody declares: sure where somebody else wrote it, or the applier sent the very field.
    let mut more = live("1", json!([{"to":[{"name":"x"}]}]));
    more["spec"]["deep"]["y"] = json!(2);
    let added = entry("kubectl-edit", "Update", json!({"f:spec":{"f:deep":{"f:y":{}}}}));
    check(&[], &declared, &by(more.clone(), added), &["Drifted", ".spec.deep.y Added by kubectl-edit"]);
    check(&[], &declared, &by(more.clone(), nobody), SYNC);
    let sent = entry("kustomize-controller", "Apply", json!({"f:spec":{"f:deep":{"f:y":{}}}}));
    check(
        &[],
        &declared,
        &by(more.clone(), sent),
        &["Drifted", ".spec.deep.y PendingRemoval by kustomize-controller"],
    );
    check(&[], &declared, &more, &["Unknown"]);
    // A typed client leaves zeros out.
    check(&[], &odd(json!({"a":"1","off":false,"n":0})), &odd(json!({"a":"1"})), &["Unknown"]);
    check(
        &[],
        &odd(json!({"a":"1","on":true})),
        &odd(json!({"a":"1"})),
        &["Drifted", ".spec.on Removed by nobody"],
    );
    let label = |value: &str| object("y.io/v1", "Odd", json!({"metadata":{"labels":{"l":value}}}));
    check(&[], &label("1"), &label("2"), &["Drifted", ".metadata.labels.l Changed by nobody"]);
}
