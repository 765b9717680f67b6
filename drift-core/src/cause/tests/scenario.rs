//! Small tapes written by hand, for tests: a shop with one workload of each kind, decoys, and one incident.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::event::Until;
use crate::event::{Actor, Event, EventBody, Gap, GapReason, NewEvent, Origin};
use crate::key::ResourceKey;
use crate::object::{Doc, Object};
use crate::schema::SchemaSet;
use crate::stream::{Position, Revision, Scope, StreamId};

use crate::history::ResourceOp;

use crate::cause::{CauseIndex, Explanation, Incidents, Investigation, Weights, incidents};

/// A tape in the making.
pub(super) struct Tape {
    events: Vec<Event>,
    objects: Vec<(ResourceKey, Value)>,
    time: Timestamp,
    version: u64,
}

const START: &str = "2026-03-01T10:00:00Z";

impl Tape {
    /// A shop that has been running for a while.
    pub(super) fn shop() -> Self {
        let mut tape =
            Self { events: Vec::new(), objects: Vec::new(), time: START.parse().unwrap(), version: 1000 };
        for node in ["n1", "n2"] {
            tape.put(node_object(node));
        }
        tape.put(
            json!({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","labels":{"team":"a"}}}),
        );
        tape.put(
            json!({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"web","namespace":"shop"}}),
        );
        tape.put(
            json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web-conf","namespace":"shop"},
            "data":{"MODE":"fast","COLOR":"red"}}),
        );
        tape.put(json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"web-key","namespace":"shop"},
            "data":{"token":"aGVsbG8="}}));
        for (name, port) in [("web", 8080), ("db", 5432)] {
            tape.put(json!({"apiVersion":"v1","kind":"Service","metadata":{"name":name,"namespace":"shop"},
                "spec":{"selector":{"app":name},"ports":[{"name":"main","port":port,"targetPort":port,"protocol":"TCP"}]}}));
            tape.deploy(name, "1", |_| {});
            tape.run(name, "1", "a");
            tape.slice(name, 1);
        }
        tape.wait(60);
        tape
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.time += SignedDuration::from_secs(seconds);
    }

    fn key_of(object: &Value) -> ResourceKey {
        Object::new(Doc::from_value(object).unwrap()).unwrap().key()
    }

    fn event(&mut self, key: ResourceKey, body: EventBody) {
        self.event_in(StreamId::live(key), body);
    }

    fn event_in(&mut self, stream: StreamId, body: EventBody) {
        self.time += SignedDuration::from_millis(100);
        let n = self.events.len() as u64 + 1;
        let new = NewEvent {
            uid: None,
            origin: Origin {
                source: "tape".into(),
                cursor: None,
                actor: Actor::default(),
                source_revision: None,
            },
            observed_at: self.time,
            occurred_at: None,
            body,
        };
        let revision = Revision::new(n).unwrap();
        self.events.push(new.at(stream, revision, Position::new(n)));
    }

    /// Records that nothing is known of a scope from some seconds ago, or from the beginning, until now.
    pub(super) fn gap(&mut self, scope: Scope, seconds: Option<i64>, reason: GapReason) {
        let from = seconds.map(|s| self.time - SignedDuration::from_secs(s));
        let (to, message) = (self.time, "nobody looked".into());
        let gap = Gap { scope, from, to, from_version: None, to_version: None, reason, message };
        self.event_in(StreamId::Source("tape".into()), EventBody::Gap(gap));
    }

    /// Puts an object as it now is; who wrote it is `by`.
    pub(super) fn put_by(&mut self, mut object: Value, by: &str) {
        self.version += 1;
        let key = Self::key_of(&object);
        let is_new = !self.objects.iter().any(|(k, _)| *k == key);
        let created = if self.events.is_empty() || self.time.to_string().as_str() < "2026-03-01T10:00:30Z" {
            "2026-03-01T09:00:00Z".to_owned()
        } else {
            self.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        };
        let old = self.objects.iter().find(|(k, _)| *k == key).map(|(_, o)| o.clone());
        let given = object["metadata"]["creationTimestamp"].as_str().map(str::to_owned);
        let created = given
            .or_else(|| {
                old.as_ref().and_then(|o| o["metadata"]["creationTimestamp"].as_str().map(str::to_owned))
            })
            .unwrap_or(created);
        let uid = old
            .as_ref()
            .and_then(|o| o["metadata"]["uid"].as_str().map(str::to_owned))
            .unwrap_or(format!("00000000-0000-4000-8000-{:012}", self.version));
        let meta = object["metadata"].as_object_mut().unwrap();
        meta.insert("uid".into(), uid.into());
        meta.insert("creationTimestamp".into(), created.into());
        meta.insert("resourceVersion".into(), self.version.to_string().into());
        let mut managed =
            old.as_ref().and_then(|o| o["metadata"]["managedFields"].as_array().cloned()).unwrap_or_default();
        managed.retain(|e| e["manager"] != by);
        managed.push(json!({"manager": by, "operation": "Update", "apiVersion": "v1",
            "time": self.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}, "f:data": {}}}));
        meta.insert("managedFields".into(), managed.into());
        if is_new {
            self.objects.push((key.clone(), object.clone()));
        } else if let Some(slot) = self.objects.iter_mut().find(|(k, _)| *k == key) {
            slot.1 = object.clone();
        }
        let object = Object::new(Doc::from_value(&object).unwrap()).unwrap();
        self.event(key, EventBody::Applied(Arc::new(object)));
    }

    pub(super) fn put(&mut self, object: Value) {
        self.put_by(object, "kube-controller-manager");
    }

    /// Changes an object as a person does.
    pub(super) fn edit(&mut self, key: &str, change: impl FnOnce(&mut Value)) {
        self.edit_by(key, "kubectl-edit", change);
    }

    pub(super) fn edit_by(&mut self, key: &str, by: &str, change: impl FnOnce(&mut Value)) {
        let parsed = ResourceKey::parse(key).unwrap();
        let (_, object) =
            self.objects.iter().find(|(k, _)| *k == parsed).unwrap_or_else(|| panic!("{key} is not there"));
        let mut object = object.clone();
        change(&mut object);
        self.put_by(object, by);
    }

    pub(super) fn delete(&mut self, key: &str) {
        self.version += 1;
        let parsed = ResourceKey::parse(key).unwrap();
        let place = self
            .objects
            .iter()
            .position(|(k, _)| *k == parsed)
            .unwrap_or_else(|| panic!("{key} is not there"));
        let (key, mut object) = self.objects.remove(place);
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let object = Object::new(Doc::from_value(&object).unwrap()).unwrap();
        self.event(key, EventBody::Deleted(Some(Arc::new(object))));
    }

    pub(super) fn get(&self, key: &str) -> Value {
        let parsed = ResourceKey::parse(key).unwrap();
        self.objects.iter().find(|(k, _)| *k == parsed).map(|(_, o)| o.clone()).unwrap()
    }

    /// Makes a Deployment with its first ReplicaSet.
    pub(super) fn deploy(&mut self, name: &str, hash: &str, change: impl FnOnce(&mut Value)) {
        let mut object = json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":name,"namespace":"shop","labels":{"app":name}},
            "spec":{"replicas":1,"selector":{"matchLabels":{"app":name}},"strategy":{"type":"RollingUpdate"},
                "template":{"metadata":{"labels":{"app":name}},"spec":pod_spec(name)}},
            "status":{"replicas":1,"readyReplicas":1,"availableReplicas":1,"updatedReplicas":1}});
        change(&mut object);
        self.put_by(object, "kubectl-apply");
        self.replica_set(name, hash);
    }

    /// Makes the ReplicaSet of a Deployment's template as it now is.
    pub(super) fn replica_set(&mut self, name: &str, hash: &str) {
        let deployment = self.get(&format!("Deployment.apps/shop/{name}"));
        let mut template = deployment["spec"]["template"].clone();
        template["metadata"]["labels"]["pod-template-hash"] = hash.into();
        self.put(json!({"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":format!("{name}-{hash}"),"namespace":"shop",
                "labels":{"app":name},
                "ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":name,"uid":"x","controller":true}]},
            "spec":{"replicas":1,"template":template},"status":{"replicas":1}}));
    }

    /// Makes a pod of a ReplicaSet with a status.
    pub(super) fn pod(&mut self, name: &str, hash: &str, suffix: &str, status: Value) {
        let set = self.get(&format!("ReplicaSet.apps/shop/{name}-{hash}"));
        let mut spec = set["spec"]["template"]["spec"].clone();
        if status["conditions"][0]["reason"] != "Unschedulable" {
            spec["nodeName"] = "n1".into();
        }
        self.put_by(json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":format!("{name}-{hash}-{suffix}"),"namespace":"shop",
                "labels":set["spec"]["template"]["metadata"]["labels"],
                "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":format!("{name}-{hash}"),"uid":"x","controller":true}]},
            "spec":spec,"status":status}), "kubelet");
    }

    /// Makes a pod that starts and is ready.
    pub(super) fn run(&mut self, name: &str, hash: &str, suffix: &str) {
        self.pod(name, hash, suffix, json!({"phase":"Pending"}));
        self.wait(1);
        self.pod(name, hash, suffix, running(true));
    }

    pub(super) fn slice(&mut self, service: &str, ready: usize) {
        let endpoint = |i: usize| json!({"addresses":[format!("10.0.0.{i}")],"conditions":{"ready":true}});
        self.put(json!({"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice",
            "metadata":{"name":format!("{service}-x"),"namespace":"shop","labels":{"kubernetes.io/service-name":service}},
            "endpoints":(0..ready).map(endpoint).collect::<Vec<_>>(),"ports":[{"name":"main","port":8080}]}));
    }

    /// A Kubernetes Event about an object.
    pub(super) fn kubernetes_event(&mut self, about: &str, reason: &str, message: &str) {
        let key = ResourceKey::parse(about).unwrap();
        let n = self.version;
        let api = if key.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", key.group) };
        self.put(json!({"apiVersion":"v1","kind":"Event","metadata":{"name":format!("e{n}"),"namespace":"shop"},
            "involvedObject":{"apiVersion":api,"kind":&*key.kind,"namespace":&*key.namespace,"name":&*key.name},
            "reason":reason,"message":message,"type":"Warning"}));
    }

    /// Changes that have nothing to do with it, on and around the same objects.
    pub(super) fn decoys(&mut self, n: u32) {
        let mark = format!("v{n}");
        self.edit("Deployment.apps/shop/web", |o| o["metadata"]["annotations"] = json!({"note": mark}));
        self.edit("Deployment.apps/shop/web", |o| o["spec"]["revisionHistoryLimit"] = (n + 3).into());
        self.edit("Service/shop/web", |o| o["metadata"]["labels"] = json!({"note": mark}));
        if self.objects.iter().any(|(k, _)| *k.kind == *"ConfigMap" && *k.name == *"web-conf") {
            self.edit("ConfigMap/shop/web-conf", |o| o["data"]["NOBODY_READS"] = mark.clone().into());
        }
        self.edit("Node//n2", |o| o["metadata"]["labels"]["note"] = mark.clone().into());
        self.put_by(json!({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":format!("open-{n}"),"namespace":"shop"},
            "spec":{"podSelector":{"matchLabels":{"app":"nobody"}},"policyTypes":["Ingress","Egress"],"ingress":[{}],"egress":[{}]}}), "kubectl-create");
        self.put_by(json!({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":format!("wide-{n}"),"namespace":"shop"},
            "spec":{"hard":{"pods":"500"}}}), "kubectl-create");
        self.edit_by("Deployment.apps/shop/db", "kube-controller-manager", |o| {
            o["spec"]["replicas"] = (n + 1).into()
        });
        self.wait(2);
    }

    pub(super) fn ask_with(&self, key: &str, weights: Weights) -> Explanation {
        let schemas = SchemaSet::bundled();
        let investigation =
            Investigation::from_events(&self.events, Until::End, &schemas).with_weights(weights);
        crate::fault::laws::check_history(investigation.history());
        let key = ResourceKey::parse(key).unwrap();
        self.check_warm(&key, weights);
        investigation.why(&key)
    }

    pub(super) fn investigate<T>(&self, ask: impl FnOnce(&Investigation<'_>) -> T) -> T {
        ask(&Investigation::from_events(&self.events, Until::End, &SchemaSet::bundled()))
    }

    pub(super) fn incidents(&self) -> Incidents {
        let schemas = SchemaSet::bundled();
        // The ReplicaSets here tell no status, which reads as none of their pods being there.
        incidents(&Investigation::from_events(&self.events, Until::End, &schemas), |k| {
            &*k.kind != "ReplicaSet"
        })
    }

    /// Checks that an index of the whole log says of any moment what one of that beginning of the log says.
    fn check_warm(&self, key: &ResourceKey, weights: Weights) {
        let schemas = SchemaSet::bundled();
        let mut index = CauseIndex::default();
        self.events.iter().for_each(|e| index.apply(e));
        index.settle();
        let middle = &self.events[self.events.len() * 2 / 3];
        for until in [Until::Position(middle.position), Until::Time(middle.observed_at), Until::End] {
            let warm = index.investigation(until, &schemas).with_weights(weights).why(key);
            let cold =
                Investigation::from_events(&self.events, until, &schemas).with_weights(weights).why(key);
            assert_eq!(format!("{warm:?}"), format!("{cold:?}"), "{until:?}");
        }
    }

    pub(super) fn ask(&self, key: &str) -> Explanation {
        self.ask_with(key, Weights::default())
    }

    /// Checks that the first cause is the last change of a resource so far, or the one of a version.
    #[track_caller]
    pub(super) fn check(&self, asked: &str, cause: &str, op: ResourceOp, path: &str) {
        let answer = self.ask(asked);
        let show = |a: &Explanation| {
            let one = |c: &crate::cause::Cause| {
                format!(
                    "{:.3} {} {:?} {:?} {:?} {:?} {:?}",
                    c.score,
                    c.root.key,
                    c.root.op,
                    c.root.paths().iter().map(ToString::to_string).collect::<Vec<_>>(),
                    c.candidate.counterfactual,
                    c.candidate.parts,
                    (
                        c.opinions.rank_by_rules,
                        c.opinions.rank_by_evidence,
                        c.opinions.evidence.weighed().collect::<Vec<_>>()
                    )
                )
            };
            let all: Vec<_> = a.causes.iter().map(one).collect();
            let faults: Vec<_> = a
                .symptoms
                .iter()
                .map(|s| {
                    format!(
                        "{:?} on {} since {}: {}",
                        s.fault.kind, s.fault.on, s.fault.onset.at.time, s.fault.message
                    )
                })
                .collect();
            format!("{}\nfaults\n{}\n{:?}", all.join("\n"), faults.join("\n"), a.abstained_because)
        };
        let Some(first) = answer.causes.first() else { panic!("no cause\n{}", show(&answer)) };
        let paths: Vec<_> = first.root.paths().iter().map(ToString::to_string).collect();
        let right = first.root.key.to_string() == cause
            && first.root.op == op
            && (path.is_empty() || paths.iter().any(|p| p.contains(path)));
        assert!(right, "{cause} {op:?} {path} expected\n{}", show(&answer));
        assert!(
            first.root.mark.is_before(&answer.symptoms[0].fault.onset)
                || first.root.mark == answer.symptoms[0].fault.onset
        );
    }

    #[track_caller]
    pub(super) fn check_none(&self, asked: &str) {
        let answer = self.ask(asked);
        let all: Vec<_> = answer
            .causes
            .iter()
            .map(|c| format!("{:.3} {} {:?}", c.score, c.root.key, c.candidate.parts))
            .collect();
        assert!(answer.abstained_because.is_some(), "{all:#?}");
    }
}

fn node_object(name: &str) -> Value {
    json!({"apiVersion":"v1","kind":"Node","metadata":{"name":name,"labels":{"kubernetes.io/hostname":name,"disk":"ssd"}},"spec":{},
        "status":{"allocatable":{"cpu":"4","memory":"8Gi","pods":"110"},"conditions":[{"type":"Ready","status":"True"}]}})
}

fn pod_spec(name: &str) -> Value {
    let mut env = json!([
        {"name":"MODE","valueFrom":{"configMapKeyRef":{"name":"web-conf","key":"MODE"}}},
        {"name":"TOKEN","valueFrom":{"secretKeyRef":{"name":"web-key","key":"token"}}}]);
    if name == "web" {
        env.as_array_mut().unwrap().push(json!({"name":"DB_ADDR","value":"db:5432"}));
    }
    json!({"serviceAccountName":"web","containers":[{"name":"app","image":format!("registry.example.com/{name}:1.0"),
        "command":["/app"],"env":env,"ports":[{"name":"main","containerPort": if name == "db" { 5432 } else { 8080 }}],
        "resources":{"requests":{"cpu":"100m","memory":"64Mi"},"limits":{"memory":"128Mi"}},
        "readinessProbe":{"httpGet":{"path":"/ready","port":8080}},"livenessProbe":{"httpGet":{"path":"/alive","port":8080}}}]})
}

pub(super) fn running(is_ready: bool) -> Value {
    let status = if is_ready { "True" } else { "False" };
    json!({"phase":"Running","conditions":[{"type":"Ready","status":status}],
        "containerStatuses":[{"name":"app","ready":is_ready,"restartCount":0,"state":{"running":{}}}]})
}

pub(super) fn waiting(reason: &str, message: &str) -> Value {
    json!({"phase":"Pending","conditions":[{"type":"Ready","status":"False"}],
        "containerStatuses":[{"name":"app","ready":false,"restartCount":0,"state":{"waiting":{"reason":reason,"message":message}}}]})
}

pub(super) fn crashed(reason: &str, code: i64, message: &str) -> Value {
    json!({"phase":"Running","conditions":[{"type":"Ready","status":"False"}],
        "containerStatuses":[{"name":"app","ready":false,"restartCount":1,"state":{"waiting":{"reason":"CrashLoopBackOff"}},
            "lastState":{"terminated":{"reason":reason,"exitCode":code,"message":message}}}]})
}

pub(super) fn unschedulable(message: &str) -> Value {
    json!({"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":message}]})
}
