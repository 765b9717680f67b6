//! Who filled what: shares of several managers, controllers known by what they do, the applier.

use serde_json::Value;

use super::*;

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
        owned(object, Value::from([std::slice::from_ref(&flux), writers].concat()))
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
    let both = |writer: &str| {
        let mut live = finalizer(writer);
        live["metadata"]["annotations"] = json!({"plain":"1"});
        live["metadata"]["managedFields"][1]["fieldsV1"]["f:metadata"]["f:annotations"] =
            json!({"f:plain":{}});
        live
    };
    let given = |writer: &str, status: &str| {
        let fields = json!({"f:spec":{"f:address":{}}});
        let mut live = with(json!({}), json!({"address":"192.0.2.7"}), &[entry(writer, "Update", fields)]);
        live["status"] = json!({"given":[{"ip":status}]});
        live
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
        (
            "a key of a project of Kubernetes",
            annotation("nfd.node.kubernetes.io/labels", "a,b", "nfd-master"),
            false,
        ),
        ("a key of all projects", annotation("app.kubernetes.io/tier", "a", "app-deployer"), true),
        ("a document by a person", annotation("other.io/state", "[{\"a\":1}]", "kubectl-edit"), true),
        ("a finalizer", finalizer("manager"), false),
        ("a finalizer by a person", finalizer("kubectl-patch"), true),
        ("a label beside a finalizer", both("platform"), false),
        ("the same by a person", both("kubectl-patch"), true),
        ("an address that the status reports", given("lb", "192.0.2.7"), false),
        ("another address than the status reports", given("lb", "192.0.2.9"), true),
        ("the address by a person", given("kubectl-edit", "192.0.2.7"), true),
        (
            "a key with a domain by what is called controller",
            annotation("x.io/range", "7", "policy-controller"),
            false,
        ),
        ("a key without a domain by the same", annotation("range", "7", "policy-controller"), true),
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
    let asking = |mut hook: Value| {
        hook["metadata"]["annotations"] = json!({"cert-manager.io/inject-ca-from":"a/b"});
        hook
    };
    for (what, desired, live, is_drift) in [
        ("over one that is asked for", asking(hook(Some(two))), asking(by("manager", one)), false),
        (
            "over one that is asked for, by a person",
            asking(hook(Some(two))),
            asking(by("kubectl-patch", one)),
            true,
        ),
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
    assert_eq!(report(std::slice::from_ref(&declared), &[live(controller)])[0], "ConfigMap/default/a InSync");
    assert_eq!(report(&[declared], &[live(ANN(notes(&[counter])))])[0], "ConfigMap/default/a Drifted");
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
        Effect, FieldRule, LabelMatch, MarkedSides, NoJq, ResourcePair, Rule, RuleContext, RuleProblems,
        RuleSet, RuleTarget,
    };
    let key = "kustomize.toolkit.fluxcd.io/reconcile";
    let mark = Some(LabelMatch { key: key.into(), value: "disabled".into(), sides: MarkedSides::Either });
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
    let schemas = SchemaSet::bundled();
    let pair = |d: &Object, l: &Object| super::compare_object(&l.key(), d, l, &super::Context::new(&schemas));
    let context = RuleContext { jq: &NoJq, pair: &pair };
    rules.hide(&mut resource, sides, context, &mut RuleProblems::new());
    assert_eq!(
        lines(&resource),
        [
            "ConfigMap/default/a Drifted",
            ".data.j Add Ignored AddedByOther by kubectl-edit",
            ".metadata.annotations Add Added AddedByOther by kubectl-edit",
        ]
    );
}

#[test]
fn what_admission_filled_into_a_pod_is_no_drift() {
    let pod = |limits: Value| {
        json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"default"},
            "spec":{"containers":[{"name":"a","image":"a:1","resources":{"limits":limits}}]}})
    };
    let own = json!({"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:name":{},"f:image":{},
        "f:resources":{"f:limits":{"f:cpu":{}}}}}}});
    let live = owned(pod(json!({"cpu":"1","memory":"512Mi"})), json!([FLUX(own)]));
    check(pod(json!({"cpu":"1"})), live, &["Pod/default/a InSync"]);
}

const KAPP: fn(Value) -> Value = |f| entry("kapp", "Update", f);

#[test]
fn the_marks_of_what_applies_are_bookkeeping_wherever_it_puts_them() {
    let mark = "kapp.k14s.io/app";
    let object = |labels: Value, selector: Value, template: Value| {
        json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"default","labels":labels},
            "spec":{"selector":{"matchLabels":selector},"template":{"metadata":{"labels":template},
                "spec":{"containers":[{"name":"a","image":"a:1"}]}}}})
    };
    let declared = object(json!({}), json!({"a":"b"}), json!({"a":"b"}));
    let own = json!({"f:metadata":{"f:labels":{".":{},"f:kapp.k14s.io/app":{},"f:app.kubernetes.io/managed-by":{}}},"f:spec":{"f:selector":{},
        "f:template":{"f:metadata":{"f:labels":{"f:a":{},"f:kapp.k14s.io/app":{}}},"f:spec":{"f:containers":{
            "k:{\"name\":\"a\"}":{".":{},"f:name":{},"f:image":{}}}}}}});
    let labels = json!({mark:"1","app.kubernetes.io/managed-by":"kapp"});
    let both = json!({"a":"b",mark:"1"});
    let live = owned(object(labels.clone(), both.clone(), both.clone()), json!([KAPP(own.clone())]));
    let got = report(std::slice::from_ref(&declared), &[live]);
    assert_eq!(got[0], "Deployment.apps/default/a InSync", "{got:?}");
    // Another label in the selector is no mark.
    let more = json!({"a":"b",mark:"1","b":"c"});
    let live = owned(object(labels, more, both), json!([KAPP(own)]));
    assert!(report(&[declared], &[live])[0].ends_with("Drifted"));
}

#[test]
fn admission_shows_in_what_it_filled_in_beside() {
    let pod = |requests: Value| {
        json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"default"},
            "spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
                "spec":{"containers":[{"name":"a","image":"a:1","resources":{"requests":requests}}]}}}})
    };
    let own = json!({"f:spec":{"f:selector":{},"f:template":{"f:metadata":{"f:labels":{"f:a":{}}},"f:spec":{"f:containers":{
        "k:{\"name\":\"a\"}":{".":{},"f:name":{},"f:image":{},"f:resources":{"f:requests":{"f:cpu":{}}}}}}}}});
    let path = ".spec.template.spec.containers[name=\"a\"].resources.requests.cpu Replace";
    let declared = pod(json!({"cpu":"100m"}));
    let live = |requests: Value| owned(pod(requests), json!([FLUX(own.clone())]));
    check(
        declared.clone(),
        live(json!({"cpu":"250m","memory":"1Gi"})),
        &[
            "Deployment.apps/default/a Drifted",
            &format!("{path} Mutated DifferentByAdmission by kustomize-controller"),
        ],
    );
    check(
        declared,
        live(json!({"cpu":"250m"})),
        &[
            "Deployment.apps/default/a Drifted",
            &format!("{path} PendingSync DifferentAsApplied by kustomize-controller"),
        ],
    );
}

#[test]
fn another_spelling_and_an_empty_block_count_where_a_person_wrote_them() {
    let seal = |spec: Value| json!({"apiVersion":"pki.example.com/v1","kind":"Seal","metadata":{"name":"a","namespace":"default"},"spec":spec});
    let by = |writer: &str, field: &str, spec: Value| {
        let fields = json!({"f:spec":{field:{}}});
        owned(seal(spec), json!([FLUX(json!({"f:spec":{"f:size":{}}})), entry(writer, "Update", fields)]))
    };
    for (writer, is_drift) in [("operator", false), ("kubectl-edit", true)] {
        let live = by(writer, "f:cpu", json!({"size":3,"cpu":"1"}));
        let got = report(&[seal(json!({"size":3,"cpu":"1000m"}))], &[live]);
        assert_eq!(got[0].ends_with("Drifted"), is_drift, "cpu by {writer}: {got:?}");
        let live = by(writer, "f:rules", json!({"size":3,"rules":{"exclude":{"any":{}}}}));
        let got = report(&[seal(json!({"size":3}))], &[live]);
        assert_eq!(got[0].ends_with("Drifted"), is_drift, "rules by {writer}: {got:?}");
    }
}

#[test]
fn an_empty_selector_selects_everything() {
    let policy = |peer: Value| {
        json!({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"a","namespace":"default"},
            "spec":{"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"from":[peer]}]}})
    };
    let near = json!({"podSelector":{"matchLabels":{"a":"b"}}});
    let wide = json!({"podSelector":{"matchLabels":{"a":"b"}},"namespaceSelector":{}});
    let got = report(&[policy(near.clone())], &[policy(wide)]);
    assert!(got[0].ends_with("Drifted"), "{got:?}");
    assert!(report(&[policy(near.clone())], &[policy(near)])[0].ends_with("InSync"));
}

#[test]
fn a_key_beside_the_token_that_a_controller_fills_in_is_an_edit() {
    let secret = |data: Value| {
        let mut object = json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"t","namespace":"default",
            "annotations":{"kubernetes.io/service-account.name":"robot"}},"type":"kubernetes.io/service-account-token"});
        if !data.is_null() {
            object["data"] = data;
        }
        object
    };
    let applied =
        FLUX(json!({"f:metadata":{"f:annotations":{"f:kubernetes.io/service-account.name":{}}},"f:type":{}}));
    let filled =
        entry("kube-controller-manager", "Update", json!({"f:data":{".":{},"f:token":{},"f:namespace":{}}}));
    let live = secret(json!({"token":"YQ==","namespace":"Yg=="}));
    check(secret(Value::Null), owned(live, json!([applied, filled])), &["Secret/default/t InSync"]);
    let live = secret(json!({"token":"YQ==","namespace":"Yg==","proxy":"eA=="}));
    let live = owned(live, json!([applied, filled, ANN(json!({"f:data":{"f:proxy":{}}}))]));
    let got = report(&[secret(Value::Null)], &[live]);
    assert!(got.contains(&".data.proxy Add Added AddedByOther by kubectl-edit".to_owned()), "{got:?}");
}

#[test]
fn data_that_a_declaration_asks_for_is_filled_in_by_a_controller() {
    let asking = |key: &str, data: Value| {
        let mut object = config(data);
        object["metadata"]["annotations"] = json!({key:"true"});
        object
    };
    let fill = |writer: &str| {
        let fields = json!({"f:data":{".":{},"f:ca.crt":{}},"f:metadata":{"f:annotations":{"f:copier.example.net/at":{}}}});
        entry(writer, "Update", fields)
    };
    let live = |key: &str, writer: &str| {
        let mut object = asking(key, json!({"ca.crt":"x"}));
        object["metadata"]["annotations"]["copier.example.net/at"] = json!("now");
        let applied = FLUX(json!({"f:metadata":{"f:annotations":{(format!("f:{key}")):{}}}}));
        owned(object, json!([applied, fill(writer)]))
    };
    for (what, key, writer, is_drift) in [
        ("asked for", "config.example.com/inject-bundle", "network-thing", false),
        ("asked for, by a person", "config.example.com/inject-bundle", "kubectl-edit", true),
        ("not asked for", "config.example.com/team", "network-thing", true),
    ] {
        let got = report(&[asking(key, json!({}))], &[live(key, writer)]);
        assert_eq!(got[0].ends_with("Drifted"), is_drift, "{what}: {got:?}");
    }
    // A placeholder is no data.
    let placeholder = asking("config.example.com/inject-bundle", json!({"ca.crt":""}));
    let got = report(&[placeholder], &[live("config.example.com/inject-bundle", "network-thing")]);
    assert!(got[0].ends_with("InSync"), "{got:?}");
    // With data of its own it is no form to be filled in.
    let key = "config.example.com/inject-bundle";
    let mut filled = live(key, "network-thing");
    filled["data"]["k"] = json!("1");
    let got = report(&[asking(key, json!({"k":"1"}))], &[filled]);
    assert!(got[0].ends_with("Drifted"), "{got:?}");
}

#[test]
fn a_lease_is_written_by_who_holds_it() {
    let lease = |spec: Value| json!({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"a","namespace":"default"},"spec":spec});
    let by = |writer: &str| {
        let applied = FLUX(json!({"f:spec":{"f:leaseDurationSeconds":{}}}));
        let held = entry(writer, "Update", json!({"f:spec":{"f:holderIdentity":{}}}));
        owned(lease(json!({"leaseDurationSeconds":15,"holderIdentity":"b"})), json!([applied, held]))
    };
    let declared = lease(json!({"leaseDurationSeconds":15}));
    check(declared.clone(), by("widget"), &["Lease.coordination.k8s.io/default/a InSync"]);
    assert!(report(&[declared], &[by("kubectl-patch")])[0].ends_with("Drifted"));
    let mut bare = lease(json!({}));
    bare.as_object_mut().unwrap().remove("spec");
    assert!(report(&[bare.clone()], &[by("widget")])[0].ends_with("InSync"));
    assert!(report(&[bare], &[by("kubectl-patch")])[0].ends_with("Drifted"));
}

#[test]
fn what_a_definition_leaves_open_may_be_a_default() {
    let definition = json!({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"seals.pki.example.com"},
        "spec":{"group":"pki.example.com","scope":"Namespaced","names":{"kind":"Seal","plural":"seals"},"versions":[{"name":"v1",
            "served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{
                "spec":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}}]}});
    let seal = |list: Value| json!({"apiVersion":"pki.example.com/v1","kind":"Seal","metadata":{"name":"a","namespace":"default"},"spec":{"list":list}});
    let live = |list: Value| owned(seal(list), json!([FLUX(json!({"f:spec":{"f:list":{}}}))]));
    let object = |v: &Value| Arc::new(Object::new(Doc::from_value(v).unwrap()).unwrap());
    let definition = object(&definition);
    let schemas = SchemaSet::with_definitions([&*definition]);
    let status = |list: Value| {
        let wanted = [DesiredObject { object: object(&seal(json!([{"ref":"a"}]))), declared: None }];
        compare(&wanted, &[object(&live(list))], &schemas, &DriftOptions::default()).resources[0].status
    };
    assert_eq!(status(json!([{"ref":"a","kind":"Default"}])), Status::Unknown);
    assert_eq!(status(json!([{"ref":"b"}])), Status::Drifted);
}

#[test]
fn what_applies_marks_its_objects_under_its_own_name() {
    let live = |labels: Value, manager: &str| {
        let names: serde_json::Map<_, _> =
            labels.as_object().unwrap().keys().map(|k| (format!("f:{k}"), json!({}))).collect();
        let mut object = config(json!({"k":"1"}));
        object["metadata"]["labels"] = labels;
        let own = json!({"f:data":{"f:k":{}},"f:metadata":{"f:labels":names}});
        owned(object, json!([entry(manager, "Update", own)]))
    };
    for (labels, manager, is_drift) in [
        (json!({"work.spreader.io/name":"a"}), "spreader-controller", false),
        (json!({"app.kubernetes.io/managed-by":"spreader"}), "spreader-7c1f", false),
        (json!({"app.kubernetes.io/managed-by":"somebody"}), "spreader-7c1f", true),
        (json!({"spreader.team.io/name":"a"}), "spreader-controller", true),
        (json!({"work.kubectl.io/name":"a"}), "kubectl-create", true),
    ] {
        let got = report(&[config(json!({"k":"1"}))], &[live(labels.clone(), manager)]);
        assert_eq!(got[0].ends_with("Drifted"), is_drift, "{labels} by {manager}: {got:?}");
    }
}
