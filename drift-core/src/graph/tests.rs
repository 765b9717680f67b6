use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::layers::Layers;
use crate::k8s::selector::Selector;

use crate::event::LogPosition;

use super::{AsOf, DependencyGraph, Edge, EdgeRules, Evidence, Relation, references, to_svg};
use crate::event::Until;
use crate::key::ResourceKey;
use crate::object::{Doc, Object};
use crate::stream::Position;

fn object(value: &Value) -> Object {
    Object::new(Doc::from_value(value).unwrap()).unwrap()
}

fn at(n: u64) -> LogPosition {
    LogPosition { position: Position::new(n), time: jiff::Timestamp::from_second(n as i64).unwrap() }
}

#[track_caller]
fn refers(value: Value, expect: &[&str]) {
    let o = object(&value);
    let found = references(&o.key(), &o, &EdgeRules::bundled());
    let text: BTreeSet<_> = found.iter().map(|r| format!("{} {}", r.relation.word(), r.to)).collect();
    for e in expect {
        assert!(text.contains(*e), "{e} expected: {text:#?}");
    }
}

#[test]
fn each_family_of_edges_is_found() {
    let pod = json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"a",
            "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r"}]},
        "spec":{"nodeName":"n1","serviceAccountName":"sa","priorityClassName":"high","runtimeClassName":"gv",
            "imagePullSecrets":[{"name":"reg"}],
            "volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"data"}},
                {"name":"w","projected":{"sources":[{"configMap":{"name":"pcm"}},{"secret":{"name":"psec"}}]}}],
            "containers":[{"name":"c","image":"x","args":["--db=http://db.data.svc:80/x"],"env":[
                {"name":"CACHE_ADDR","value":"cache:6379"},
                {"name":"A","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}],"envFrom":[{"configMapRef":{"name":"all"}}]}]}});
    refers(
        pod,
        &[
            "owned by ReplicaSet.apps/a/r",
            "runs on Node//n1",
            "uses ServiceAccount/a/sa",
            "uses PriorityClass.scheduling.k8s.io//high",
            "uses RuntimeClass.node.k8s.io//gv",
            "uses Secret/a/reg",
            "uses PersistentVolumeClaim/a/data",
            "uses ConfigMap/a/pcm",
            "uses Secret/a/psec",
            "uses Secret/a/s",
            "uses ConfigMap/a/all",
            "talks to Service/a/cache",
            "talks to Service/data/db",
            "within Namespace//a",
        ],
    );
    let one = |api: &str, kind: &str, rest: Value| {
        let mut o = json!({"apiVersion":api,"kind":kind,"metadata":{"name":"x","namespace":"a"}});
        rest.as_object().unwrap().iter().for_each(|(k, v)| o[k] = v.clone());
        o
    };
    refers(
        one("v1", "PersistentVolumeClaim", json!({"spec":{"volumeName":"pv","storageClassName":"fast"}})),
        &["backed by PersistentVolume//pv", "backed by StorageClass.storage.k8s.io//fast"],
    );
    refers(
        one(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"}}}),
        ),
        &["scales Deployment.apps/a/d"],
    );
    refers(
        one(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            json!({"roleRef":{"kind":"ClusterRole","name":"r"},"subjects":[{"kind":"ServiceAccount","name":"s"}]}),
        ),
        &["grants ClusterRole.rbac.authorization.k8s.io//r", "grants ServiceAccount/a/s"],
    );
    refers(
        one(
            "cert-manager.io/v1",
            "Certificate",
            json!({"spec":{"secretName":"tls","issuerRef":{"kind":"ClusterIssuer","name":"ca"}}}),
        ),
        &["writes Secret/a/tls", "uses ClusterIssuer.cert-manager.io//ca"],
    );
    refers(
        one(
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            json!({"spec":{"parentRefs":[{"name":"gw","namespace":"infra"}],"rules":[{"backendRefs":[{"name":"svc","port":80}]}]}}),
        ),
        &["routes to Gateway.gateway.networking.k8s.io/infra/gw", "routes to Service/a/svc"],
    );
    refers(
        one(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            json!({"spec":{"sourceRef":{"kind":"GitRepository","name":"g"}},
            "status":{"inventory":{"entries":[{"id":"a_web_apps_Deployment","v":"v1"},{"id":"_system__x_rbac.authorization.k8s.io_ClusterRole","v":"v1"}]}}}),
        ),
        &[
            "sourced from GitRepository.source.toolkit.fluxcd.io/a/g",
            "writes Deployment.apps/a/web",
            "writes ClusterRole.rbac.authorization.k8s.io//system:x",
        ],
    );
    refers(
        one("keda.sh/v1alpha1", "ScaledObject", json!({"spec":{"scaleTargetRef":{"name":"d"}}})),
        &["scales Deployment.apps/a/d"],
    );
}

/// Small estates of pods, services and config maps whose labels and references change.
fn steps() -> impl Strategy<Value = Vec<(u8, u8, u8, bool)>> {
    prop::collection::vec((0..3_u8, 0..4_u8, 0..3_u8, any::<bool>()), 1..40)
}

fn version(kind: u8, name: u8, value: u8) -> Value {
    match kind {
        0 => {
            json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":format!("p{name}"),"namespace":"a","labels":{"app":format!("l{value}"),"x":"y"}},
            "spec":{"containers":[{"name":"c","envFrom":[{"configMapRef":{"name":format!("m{value}")}}]}]}})
        }
        1 => {
            json!({"apiVersion":"v1","kind":"Service","metadata":{"name":format!("s{name}"),"namespace":"a"},
            "spec":{"selector":{"app":format!("l{value}")}}})
        }
        _ => {
            json!({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":format!("n{name}"),"namespace":"a"},
            "spec":{"podSelector":{"matchExpressions":[{"key":"app","operator":"NotIn","values":[format!("l{value}")]}]}}})
        }
    }
}

type Plain = BTreeSet<(ResourceKey, Relation, ResourceKey)>;

fn plain(graph: &DependencyGraph, until: Until) -> Plain {
    graph.edges(until).iter().map(|e| (e.from.clone(), e.relation, e.to.clone())).collect()
}

/// What edges there should be, found by comparing everything with everything.
fn naive(objects: &std::collections::BTreeMap<ResourceKey, Value>) -> Plain {
    let mut out = Plain::new();
    for (key, value) in objects {
        let o = object(value);
        for r in references(key, &o, &EdgeRules::bundled()) {
            out.insert((key.clone(), r.relation, r.to));
        }
        for (target, pod) in objects.iter().filter(|(k, _)| &*k.kind == "Pod") {
            let label = &pod["metadata"]["labels"]["app"];
            let matches = match &*key.kind {
                "Service" => &value["spec"]["selector"]["app"] == label,
                "NetworkPolicy" => &value["spec"]["podSelector"]["matchExpressions"][0]["values"][0] != label,
                _ => false,
            };
            if matches {
                out.insert((key.clone(), Relation::Selects, target.clone()));
            }
        }
    }
    out
}

/// Makes edges between numbered resources; what is named and not there is missing.
fn edges<'a>(keys: &'a [ResourceKey], pairs: &[(usize, usize)], evidence: &'a Evidence) -> Vec<Edge<'a>> {
    let one = |(from, to): &(usize, usize)| Edge {
        from: &keys[*from],
        to: &keys[*to],
        relation: Relation::Uses,
        evidence,
        since: at(1),
        until: None,
        is_dangling: *to == 0,
    };
    pairs.iter().map(one).collect()
}

fn numbered(count: usize) -> Vec<ResourceKey> {
    (0..count).map(|n| ResourceKey::new("", "ConfigMap", "a", &format!("c{n}"))).collect()
}

#[test]
fn a_picture_is_text_whatever_names_say_and_shows_what_is_missing() {
    let mut keys = numbered(3);
    keys[1] = ResourceKey::new("x<y", "A&\"B'", "n\u{1}s", "<script>alert(1)</script>");
    let evidence = Evidence::Annotation("a<b>\"&".into());
    let picture = to_svg(&edges(&keys, &[(1, 0), (2, 1)], &evidence));
    assert!(!picture.contains("<script") && !picture.contains('\u{1}'), "{picture}");
    assert!(picture.contains("&lt;script&gt;") && picture.contains("a&lt;b&gt;&quot;&amp;"), "{picture}");
    assert_eq!(picture.matches("stroke-dasharray").count(), 1, "{picture}");
    assert!(to_svg(&[]).ends_with("</svg>\n"));
}

proptest! {
    #[test]
    fn a_graph_as_of_a_moment_is_the_graph_of_what_came_until_then(
        steps in prop::collection::vec((0..3_usize, prop::option::of(prop::collection::vec(0..3_usize, 0..3))), 1..12), cut in 0..12_u64,
    ) {
        // Each step gives one of three objects its references, or ends it.
        let keys = numbered(3);
        let (mut all, mut beginning) = (DependencyGraph::default(), DependencyGraph::default());
        for (n, (which, refers)) in steps.iter().enumerate() {
            let n = n as u64 + 1;
            let owners = |r: &Vec<usize>| r.iter().map(|r| json!({"apiVersion":"v1","kind":"ConfigMap","name":format!("c{r}")})).collect::<Value>();
            let value = refers.as_ref().map(|r| object(&json!({"apiVersion":"v1","kind":"ConfigMap",
                "metadata":{"name":format!("c{which}"),"namespace":"a","ownerReferences":owners(r)}})));
            let fold = |graph: &mut DependencyGraph| match &value {
                Some(object) => graph.put(&keys[*which], object, at(n)),
                None => graph.remove(&keys[*which], at(n)),
            };
            fold(&mut all);
            if n <= cut {
                fold(&mut beginning);
            }
        }
        let seen = AsOf::new(std::sync::Arc::new(all), Until::Position(Position::new(cut)));
        for key in &keys {
            prop_assert_eq!(format!("{:?}", seen.ever_from(key)), format!("{:?}", beginning.ever_from(key, Until::End)));
            prop_assert_eq!(format!("{:?}", seen.ever_to(key)), format!("{:?}", beginning.ever_to(key, Until::End)));
            prop_assert_eq!(format!("{:?}", seen.edges_from(key)), format!("{:?}", beginning.edges_from(key, Until::End)));
            prop_assert_eq!(format!("{:?}", seen.edges_to(key)), format!("{:?}", beginning.edges_to(key, Until::End)));
        }
    }

    #[test]
    fn whoever_depends_stands_left_of_what_it_depends_on_unless_both_stand_in_a_cycle(
        pairs in prop::collection::vec((0..8_usize, 0..8_usize), 0..20),
    ) {
        let pairs: Vec<_> = pairs.into_iter().filter(|(a, b)| a != b).collect();
        let (keys, evidence) = (numbered(8), Evidence::Inventory);
        let all = edges(&keys, &pairs, &evidence);
        let layers = Layers::of(&all);
        let column = |k: usize| layers.columns.iter().position(|c| c.contains(&&keys[k])).unwrap();
        let mut reach = [[false; 8]; 8];
        pairs.iter().for_each(|(a, b)| reach[*a][*b] = true);
        for k in 0..8 {
            for a in 0..8 {
                for b in 0..8 {
                    reach[a][b] |= reach[a][k] && reach[k][b];
                }
            }
        }
        for (a, b) in &pairs {
            let expect = if reach[*b][*a] { column(*a) == column(*b) } else { column(*a) < column(*b) };
            prop_assert!(expect, "{a} -> {b}: {:?}", layers);
        }
        let (mut turned, once) = (all.clone(), to_svg(&all));
        turned.reverse();
        prop_assert_eq!(Layers::of(&turned).columns, layers.columns);
        prop_assert_eq!(to_svg(&all), once);
    }
}

proptest! {
    #[test]
    fn folding_versions_gives_what_comparing_everything_gives_at_every_position(steps in steps()) {
        let mut graph = DependencyGraph::default();
        let mut objects = std::collections::BTreeMap::new();
        let mut states = Vec::new();
        for (i, (kind, name, value, deletes)) in steps.into_iter().enumerate() {
            let v = version(kind, name, value);
            let o = object(&v);
            let n = i as u64 + 1;
            if deletes && objects.contains_key(&o.key()) {
                graph.remove(&o.key(), at(n));
                objects.remove(&o.key());
            } else {
                graph.put(&o.key(), &o, at(n));
                objects.insert(o.key(), v);
            }
            states.push(naive(&objects));
        }
        for (i, expect) in states.iter().enumerate() {
            let until = Until::Position(Position::new(i as u64 + 1));
            prop_assert_eq!(&plain(&graph, until), expect);
        }
    }

    #[test]
    fn selectors_match_as_a_naive_reading_does(
        labels in prop::collection::btree_map("[a-c]", "[x-z]", 0..4),
        wanted in prop::collection::vec(("[a-c]", 0..4_usize, prop::collection::vec("[x-z]", 1..3)), 0..4),
    ) {
        let operators = ["In", "NotIn", "Exists", "DoesNotExist"];
        let expressions: Vec<_> = wanted
            .iter()
            .map(|(k, op, values)| json!({"key":k,"operator":operators[*op],"values": if *op < 2 { json!(values) } else { json!([]) }}))
            .collect();
        let doc = Doc::from_value(&json!({"matchExpressions": expressions})).unwrap();
        let labels_doc = Doc::from_value(&json!(labels)).unwrap();
        let got = Selector::read(doc.root()).unwrap().matches(Some(labels_doc.root()));
        let expect = wanted.iter().all(|(k, op, values)| {
            let have = labels.get(k);
            match op {
                0 => have.is_some_and(|h| values.contains(h)),
                1 => !have.is_some_and(|h| values.contains(h)),
                2 => have.is_some(),
                _ => have.is_none(),
            }
        });
        prop_assert_eq!(got, expect);
    }
}
