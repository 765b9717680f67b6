//! What is equal by meaning, and what only looks so.

use serde_json::{Value, json};

use super::report;

/// Declared and live states of one object, of one kind, in short.
fn check(api: (&str, &str), desired: Value, live: Value, expect: &[&str]) {
    let object = |mut body: Value| {
        body["apiVersion"] = json!(api.0);
        body["kind"] = json!(api.1);
        for (field, value) in [("name", "a"), ("namespace", "default")] {
            body["metadata"][field] = json!(value);
        }
        body
    };
    let lines = report(&[object(desired)], &[object(live)]);
    let (status, changes) = lines[0].rsplit_once(' ').map(|(_, s)| (s, &lines[1..])).unwrap();
    let changes: Vec<_> = changes.iter().filter(|c| !c.starts_with("note: ")).map(String::as_str).collect();
    let short = |c: &&str| c.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let got: Vec<_> = std::iter::once(status.to_owned()).chain(changes.iter().map(short)).collect();
    assert_eq!(got, expect, "{lines:#?}");
}

fn reversed(list: &Value) -> Value {
    list.as_array().unwrap().iter().rev().cloned().collect()
}

const SYNC: &[&str] = &["InSync"];

#[test]
fn lists_that_mean_sets_have_no_order() {
    let resource = |name: &str, at: i64| json!({"type":"Resource","resource":{"name":name,"target":{"type":"Utilization","averageUtilization":at}}});
    let selector = json!([{"key":"a","operator":"In","values":["x","y"]},{"key":"b","operator":"Exists"}]);
    let mut respelled = reversed(&selector);
    respelled[1]["values"] = json!(["y", "x"]);
    let peers = json!([{"podSelector":{"matchExpressions":selector}},{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.0.0/16","10.2.0.0/16"]}}]);
    let mut other_peers = reversed(&peers);
    other_peers[0]["ipBlock"]["except"] = json!(["10.2.0.0/16", "10.1.0.0/16"]);
    other_peers[1]["podSelector"]["matchExpressions"] = respelled;
    let rule = |verbs: Value| json!({"apiGroups":[""],"resources":["pods","services"],"verbs":verbs});
    for (api, path, declared, live) in [
        (
            ("autoscaling/v2", "HorizontalPodAutoscaler"),
            "/spec/metrics",
            json!([resource("cpu", 70), resource("memory", 80)]),
            json!([resource("memory", 80), resource("cpu", 70)]),
        ),
        (
            ("networking.k8s.io/v1", "NetworkPolicy"),
            "/spec/ingress",
            json!([{"from":peers}]),
            json!([{"from":other_peers}]),
        ),
        (
            ("rbac.authorization.k8s.io/v1", "Role"),
            "/rules",
            json!([rule(json!(["get", "list"])), rule(json!(["watch"]))]),
            json!([rule(json!(["watch"])), rule(json!(["list", "get"]))]),
        ),
        (
            ("rbac.authorization.k8s.io/v1", "RoleBinding"),
            "/subjects",
            json!([{"kind":"User","name":"ann"},{"kind":"Group","name":"ops","apiGroup":"rbac.authorization.k8s.io"}]),
            json!([{"kind":"Group","name":"ops","apiGroup":"rbac.authorization.k8s.io"},{"kind":"User","name":"ann","apiGroup":"rbac.authorization.k8s.io"}]),
        ),
        (
            ("v1", "PersistentVolumeClaim"),
            "/spec/accessModes",
            json!(["ReadWriteOnce", "ReadOnlyMany"]),
            json!(["ReadOnlyMany", "ReadWriteOnce"]),
        ),
        (
            ("v1", "Pod"),
            "/spec/tolerations",
            json!([{"key":"a","operator":"Exists"},{"key":"b","operator":"Exists"}]),
            json!([{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},
                {"key":"b","operator":"Exists"},{"key":"a","operator":"Exists"}]),
        ),
    ] {
        let object = |value: &Value| {
            let mut body = json!({});
            *super::at_pointer(&mut body, path) = value.clone();
            body
        };
        check(api, object(&declared), object(&live), SYNC);
        // One element more is no other order.
        let mut more = live.clone();
        more.as_array_mut().unwrap().push(declared[0].clone());
        let changed = format!("{} Replace", path.replace('/', "."));
        check(api, object(&declared), object(&more), &["Drifted", &changed]);
    }
}

#[test]
fn another_order_that_a_person_wrote_is_shown() {
    let role = |verbs: Value| {
        json!({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"a","namespace":"default"},
            "rules":[{"apiGroups":[""],"resources":["pods"],"verbs":verbs}]})
    };
    let before = "2025-12-31T00:00:00Z";
    let after = "2026-01-02T00:00:00Z";
    for (manager, operation, time, status) in [
        ("kustomize-controller", "Apply", after, "InSync"),
        ("argocd-controller", "Update", after, "InSync"),
        ("some-operator", "Update", after, "InSync"),
        ("kubectl-edit", "Update", after, "Drifted"),
        ("kubectl-replace", "Update", after, "Drifted"),
        // What applies has written the list since then, so that the order is the server's.
        ("kubectl-client-side-apply", "Update", before, "InSync"),
        ("kubectl-edit", "Update", before, "InSync"),
    ] {
        let entry = |manager, operation| super::entry(manager, operation, json!({"f:rules":{}}));
        let mut managers = json!([entry("kustomize-controller", "Apply"), entry(manager, operation)]);
        managers[1]["time"] = json!(time);
        let live = super::owned(role(json!(["list", "get"])), managers);
        let lines = report(&[role(json!(["get", "list"]))], &[live]);
        assert_eq!(
            lines[0],
            format!("Role.rbac.authorization.k8s.io/default/a {status}"),
            "{manager}: {lines:?}"
        );
    }
}

#[test]
fn lists_whose_order_counts_are_compared_in_order() {
    let pod = |container: Value| json!({"spec":{"containers":[container]}});
    for (field, list) in [
        ("args", json!(["a", "b"])),
        ("envFrom", json!([{"secretRef":{"name":"a"}},{"secretRef":{"name":"b"}}])),
    ] {
        let of = |list: &Value| pod(json!({"name":"main",field:list}));
        let changed = format!(".spec.containers[name=\"main\"].{field} Replace");
        check(("v1", "Pod"), of(&list), of(&reversed(&list)), &["Drifted", &changed]);
    }
    let paths = json!([{"path":"/a","pathType":"ImplementationSpecific"},{"path":"/a/b","pathType":"ImplementationSpecific"}]);
    let ingress = |paths: &Value| json!({"spec":{"rules":[{"http":{"paths":paths}}]}});
    let api = ("networking.k8s.io/v1", "Ingress");
    check(api, ingress(&paths), ingress(&reversed(&paths)), &["Drifted", ".spec.rules Replace"]);
    let dns = |names: Value| json!({"spec":{"dnsConfig":{"nameservers":names}}});
    check(
        ("v1", "Pod"),
        dns(json!(["10.0.0.1", "10.0.0.2"])),
        dns(json!(["10.0.0.2", "10.0.0.1"])),
        &["Drifted", ".spec.dnsConfig.nameservers Replace"],
    );
}

#[test]
fn init_containers_run_in_their_order() {
    let pod = |names: &[&str]| {
        let all: Vec<_> = names.iter().map(|n| json!({"name":n,"image":format!("{n}:1")})).collect();
        json!({"spec":{"initContainers":all,"containers":[{"name":"main"},{"name":"side"}]}})
    };
    let api = ("v1", "Pod");
    check(
        api,
        pod(&["migrate", "seed"]),
        pod(&["seed", "migrate"]),
        &["Drifted", ".spec.initContainers Replace"],
    );
    // One that a webhook put before them changes nothing about their order.
    let injected = r#".spec.initContainers[name="proxy"] Add"#;
    check(api, pod(&["migrate", "seed"]), pod(&["migrate", "proxy", "seed"]), &["Drifted", injected]);
    let mut live = pod(&["migrate"]);
    live["spec"]["containers"] = json!([{"name":"side"},{"name":"main"}]);
    check(api, pod(&["migrate"]), live, SYNC);
}

#[test]
fn another_order_is_one_change_with_both_orders() {
    let deployment = |names: [&str; 2]| {
        let all = names.map(|n| json!({"name":n,"image":"i"}));
        json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"default"},
            "spec":{"template":{"spec":{"initContainers":all}}}})
    };
    let report = super::compare_values(&deployment(["migrate", "seed"]), &deployment(["seed", "migrate"]));
    let [resource] = &report.resources[..] else { panic!("{report:?}") };
    let [change] = &resource.changes[..] else { panic!("{resource:?}") };
    assert_eq!(change.path.to_string(), ".spec.template.spec.initContainers");
    assert_eq!(change.desired, Some(json!(["migrate", "seed"])));
    assert_eq!(change.live, Some(json!(["seed", "migrate"])));
    assert_eq!(change.owner, None);
    assert!(resource.notes[0].contains("in another order"), "{:?}", resource.notes);
}

#[test]
fn env_is_a_sequence_only_where_it_refers_back() {
    let pod = |env: Value| json!({"spec":{"containers":[{"name":"main","env":env}]}});
    let (host, url) = (json!({"name":"HOST","value":"db"}), json!({"name":"URL","value":"pg://$(HOST)/x"}));
    let other = json!({"name":"OTHER","value":"1"});
    let api = ("v1", "Pod");
    check(api, pod(json!([host, other, url])), pod(json!([other, host, url])), SYNC);
    check(
        api,
        pod(json!([host, url])),
        pod(json!([url, host])),
        &["Drifted", r#".spec.containers[name="main"].env Replace"#],
    );
    check(api, pod(json!([host, other])), pod(json!([other, host])), SYNC);
}

#[test]
fn what_a_typed_client_writes_for_a_text_of_a_custom_resource_is_the_same() {
    let api = ("pki.example.com/v1", "Seal");
    let spec = |value: Value| json!({"spec":{"field":value,"list":[{"field":value}]}});
    for (declared, live) in [
        ("8760h", "8760h0m0s"),
        ("90s", "1m30s"),
        ("0", "0s"),
        ("1.5h", "1h30m0s"),
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("1000m", "1"),
        ("2000k", "2M"),
    ] {
        check(api, spec(json!(declared)), spec(json!(live)), SYNC);
        // Nobody but a person writes it back.
        check(
            api,
            spec(json!(live)),
            spec(json!(declared)),
            &["Drifted", ".spec.field Replace", ".spec.list Replace"],
        );
    }
    for (declared, live) in
        [("8760h", "8761h0m0s"), ("1.0", "1"), ("1.10", "1.1"), ("1h", "60m"), ("80", "080")]
    {
        check(
            api,
            spec(json!(declared)),
            spec(json!(live)),
            &["Drifted", ".spec.field Replace", ".spec.list Replace"],
        );
    }
    check(api, spec(json!("80")), spec(json!(80)), &["Drifted", ".spec.field Replace", ".spec.list Replace"]);
    let label = |value: &str| json!({"metadata":{"labels":{"every":value}}});
    check(api, label("60s"), label("1m0s"), &["Drifted", ".metadata.labels.every Replace"]);
    let data = |value: &str| json!({"data":{"every":value}});
    check(("v1", "ConfigMap"), data("60s"), data("1m0s"), &["Drifted", ".data.every Replace"]);
}

#[test]
fn null_is_the_empty_text_of_a_key_that_is_there() {
    for api in [("v1", "Secret"), ("v1", "ConfigMap")] {
        let data = |value: Value| json!({"data":{"k":value,"other":"eA=="}});
        check(api, data(Value::Null), data(json!("")), SYNC);
        check(api, data(json!("")), data(Value::Null), SYNC);
        check(api, data(Value::Null), json!({"data":{"other":"eA=="}}), SYNC);
        check(api, json!({"data":{"k":null}}), json!({}), SYNC);
        check(api, data(Value::Null), data(json!("eA==")), &["Drifted", ".data.k Add"]);
        check(api, data(json!("")), json!({"data":{"other":"eA=="}}), &["Drifted", ".data.k Remove"]);
        check(api, json!({"data":{"other":"eA=="}}), data(json!("")), &["Drifted", ".data.k Add"]);
    }
    let text = json!({"stringData":{"k":""}});
    check(("v1", "Secret"), text, json!({"data":{"k":null}}), SYNC);
}

#[test]
fn an_empty_text_is_left_to_its_default() {
    let binding = |group: &str, role: &str| json!({"roleRef":{"apiGroup":group,"kind":"Role","name":role}});
    let api = ("rbac.authorization.k8s.io/v1", "RoleBinding");
    check(api, binding("", "a"), binding("rbac.authorization.k8s.io", "a"), SYNC);
    check(api, binding("", "a"), binding("rbac.authorization.k8s.io", "b"), &["Drifted", ".roleRef Replace"]);
    let claim = |mode: &str, class: &str| json!({"spec":{"volumeMode":mode,"storageClassName":class}});
    let api = ("v1", "PersistentVolumeClaim");
    check(api, claim("", "x"), claim("Filesystem", "x"), SYNC);
    check(api, claim("", "x"), claim("Block", "x"), &["Drifted", ".spec.volumeMode Replace"]);
    // Of a class an empty text says that there is none.
    check(api, claim("", ""), claim("Filesystem", "x"), &["Drifted", ".spec.storageClassName Replace"]);
}

#[test]
fn a_struct_that_is_not_declared_is_filled_in_whoever_edited_something_else() {
    let set = |strategy: Value, replicas: i64| {
        let mut set = json!({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"a","namespace":"default"},
            "spec":{"replicas":replicas}});
        set["spec"]["updateStrategy"] = strategy;
        set["metadata"]["managedFields"] = json!([
            super::entry(
                "helm",
                "Update",
                json!({"f:spec":{"f:updateStrategy":{"f:type":{},"f:rollingUpdate":{".":{},"f:partition":{}}}}})
            ),
            super::entry("kubectl-scale", "Update", json!({"f:spec":{"f:replicas":{}}})),
        ]);
        set
    };
    let declared = || {
        json!({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"a","namespace":"default"},
        "spec":{"replicas":1}})
    };
    let changes = |live: Value| {
        let lines = report(&[declared()], &[live]);
        lines.iter().skip(1).map(|l| l.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let filled = json!({"type":"RollingUpdate","rollingUpdate":{"partition":0}});
    assert_eq!(changes(set(filled, 2)), [".spec.replicas"]);
    let other = json!({"type":"RollingUpdate","rollingUpdate":{"partition":3}});
    assert_eq!(changes(set(other, 1)), [".spec.updateStrategy.rollingUpdate.partition"]);
}
