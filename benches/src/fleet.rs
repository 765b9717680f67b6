//! An estate made up by number: pods in chains of ten resources, and a log of what happens to them.

use std::sync::Arc;

use drift_core::{Doc, Event, EventBody, NewEvent, Object, Origin, Position, Revision, StreamId};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Chains that share a namespace, its quota and its policy.
const TEAM: usize = 100;
/// Pods on a node.
const CROWD: usize = 50;
/// Second at which the log begins.
const START: i64 = 1_700_000_000;
/// Events a second.
const PACE: i64 = 100;

/// A log in the making: numbers events and gives them their times.
#[derive(Debug, Default)]
pub(crate) struct Log {
    next: u64,
}

impl Log {
    /// Returns how many events there are so far.
    pub(crate) fn len(&self) -> usize {
        self.next as usize
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(START + self.next as i64 / PACE).expect("a time in range")
    }

    /// Makes the next version of an object an event.
    pub(crate) fn applied(&mut self, mut object: Value) -> Event {
        object["metadata"]["resourceVersion"] = json!((self.next + 1000).to_string());
        if object["metadata"]["creationTimestamp"].is_null() {
            object["metadata"]["creationTimestamp"] = json!(self.now().to_string());
        }
        let object =
            Object::new(Doc::from_value(&object).expect("made of a map")).expect("it names its kind");
        let key = object.key();
        self.event(key, EventBody::Applied(Arc::new(object)))
    }

    /// Makes the end of an object an event.
    pub(crate) fn deleted(&mut self, object: Value) -> Event {
        let object =
            Object::new(Doc::from_value(&object).expect("made of a map")).expect("it names its kind");
        let key = object.key();
        self.event(key, EventBody::Deleted(Some(Arc::new(object))))
    }

    fn event(&mut self, key: drift_core::ResourceKey, body: EventBody) -> Event {
        let observed_at = self.now();
        self.next += 1;
        let origin = Origin { source: "kubernetes".into(), ..Origin::default() };
        let new = NewEvent { uid: None, origin, observed_at, occurred_at: None, body };
        new.at(StreamId::live(key), Revision::FIRST, Position::new(self.next))
    }
}

/// One chain: Ingress → Service → Pod → ConfigMap, Secret, ServiceAccount, Node; HPA → Deployment ← ReplicaSet ← Pod.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain(pub(crate) usize);

/// What the declared side asks of an app: image, config key, CPU. A fault is one that differs from [`DesiredApp::FIRST`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct DesiredApp {
    pub(crate) image: &'static str,
    pub(crate) key: &'static str,
    pub(crate) cpu: &'static str,
    /// Which template: names ReplicaSet and Pod.
    pub(crate) round: u32,
}

impl DesiredApp {
    /// What every chain begins with.
    pub(crate) const FIRST: Self = Self { image: "app:1.0", key: "mode", cpu: "100m", round: 0 };
}

/// Returns the nodes that some chains run on.
pub(crate) fn nodes(chains: usize) -> usize {
    chains.div_ceil(CROWD)
}

/// Returns a node.
pub(crate) fn node(n: usize, ready: &str, since: &str) -> Value {
    json!({"apiVersion":"v1","kind":"Node","metadata":{"name":format!("node-{n}"),"uid":format!("node-{n}"),
        "creationTimestamp":"2023-01-01T00:00:00Z","labels":{"kubernetes.io/hostname":format!("node-{n}"),"zone":format!("z{}", n % 3)},
        "managedFields":[{"manager":"kubelet","operation":"Update","apiVersion":"v1","subresource":"status","fieldsType":"FieldsV1",
            "fieldsV1":{"f:status":{"f:conditions":{}}}}]},
        "spec":{"podCIDR":"10.0.0.0/24"},
        "status":{"allocatable":{"cpu":"16","memory":"64Gi","pods":"110"},"capacity":{"cpu":"16","memory":"64Gi","pods":"110"},
            "conditions":[{"type":"Ready","status":ready,"reason":"KubeletReady","lastTransitionTime":since}]}})
}

/// Returns what the chains of a namespace share.
pub(crate) fn team(n: usize, pods: usize) -> Vec<Value> {
    let ns = format!("team-{n}");
    vec![
        json!({"apiVersion":"v1","kind":"Namespace","metadata":{"name":ns,"uid":ns,"creationTimestamp":"2023-01-01T00:00:00Z"}}),
        json!({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"room","namespace":ns,"uid":format!("{ns}-quota"),
            "creationTimestamp":"2023-01-01T00:00:00Z","managedFields":[{"manager":"kubectl-client-side-apply","operation":"Update",
            "apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:hard":{"f:pods":{}}}}}]},
            "spec":{"hard":{"pods":pods.to_string()}},"status":{"hard":{"pods":pods.to_string()},"used":{"pods":TEAM.to_string()}}}),
        json!({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"default","namespace":ns,
            "uid":format!("{ns}-policy"),"creationTimestamp":"2023-01-01T00:00:00Z"},
            "spec":{"podSelector":{},"policyTypes":["Ingress"],"ingress":[{}]}}),
    ]
}

impl Chain {
    /// Returns the namespace.
    pub(crate) fn namespace(self) -> String {
        format!("team-{}", self.0 / TEAM)
    }

    /// Returns the number of its team.
    pub(crate) fn team(self) -> usize {
        self.0 / TEAM
    }

    /// Returns the number of its node.
    pub(crate) fn node(self) -> usize {
        self.0 / CROWD
    }

    fn meta(self, kind: &str, name: &str, manager: &str, fields: &Value) -> Value {
        json!({"name":name,"namespace":self.namespace(),"uid":format!("{kind}-{}-{name}", self.0),
            "labels":{"app":format!("app-{}", self.0),"team":self.namespace(),"app.kubernetes.io/managed-by":"hand"},
            "managedFields":[{"manager":manager,"operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":fields}]})
    }

    /// Returns the name that all but ReplicaSet and Pod have.
    pub(crate) fn name(self) -> String {
        format!("app-{}", self.0)
    }

    fn template(self, desired: DesiredApp) -> Value {
        let name = self.name();
        json!({"metadata":{"labels":{"app":name,"round":desired.round.to_string()}},"spec":{"serviceAccountName":name,
            "containers":[{"name":"main","image":format!("registry.example.com/{}", desired.image),
                "ports":[{"containerPort":8080,"name":"http","protocol":"TCP"}],
                "resources":{"requests":{"cpu":desired.cpu,"memory":"64Mi"},"limits":{"memory":"128Mi"}},
                "readinessProbe":{"httpGet":{"path":"/ready","port":"http","scheme":"HTTP"},"periodSeconds":10,"timeoutSeconds":1},
                "env":[{"name":"MODE","valueFrom":{"configMapKeyRef":{"name":name,"key":"mode"}}},
                    {"name":"TOKEN","valueFrom":{"secretKeyRef":{"name":name,"key":"token"}}},
                    {"name":"PEER_ADDR","value":format!("app-{}:80", self.0 / TEAM * TEAM + (self.0 + 1) % TEAM)}]}]}})
    }

    /// Returns the Deployment.
    pub(crate) fn deployment(self, desired: DesiredApp, available: u32) -> Value {
        let fields = json!({"f:spec":{"f:replicas":{},"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"main\"}":{".":{},"f:image":{},"f:resources":{}}}}}}});
        json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":self.meta("deploy", &self.name(), "kubectl-edit", &fields),
            "spec":{"replicas":1,"selector":{"matchLabels":{"app":self.name()}},"template":self.template(desired)},
            "status":{"replicas":1,"availableReplicas":available,"readyReplicas":available,"updatedReplicas":1,"observedGeneration":1}})
    }

    /// Returns the ReplicaSet.
    pub(crate) fn replica_set(self, desired: DesiredApp, refused: Option<&str>) -> Value {
        let name = format!("{}-r{}", self.name(), desired.round);
        let mut meta = self.meta("rs", &name, "kube-controller-manager", &json!({"f:spec":{}}));
        meta["ownerReferences"] = json!([{"apiVersion":"apps/v1","kind":"Deployment","name":self.name(),
            "uid":format!("deploy-{}-{}", self.0, self.name()),"controller":true}]);
        let conditions = refused
            .map(|m| json!([{"type":"ReplicaFailure","status":"True","reason":"FailedCreate","message":m}]));
        json!({"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":meta,
            "spec":{"replicas":1,"selector":{"matchLabels":{"app":self.name()}},"template":self.template(desired)},
            "status":{"replicas":1,"conditions":conditions.unwrap_or_else(|| json!([]))}})
    }

    /// Returns the Pod: with a reason and a text why it waits, or running; `moved` makes statuses differ.
    pub(crate) fn pod(self, desired: DesiredApp, waits: Option<(&str, &str)>, moved: u64, at: &str) -> Value {
        let name = format!("{}-r{}-p", self.name(), desired.round);
        let mut meta = self.meta("pod", &name, "kubelet", &json!({"f:status":{"f:conditions":{}}}));
        meta["labels"]["round"] = json!(desired.round.to_string());
        meta["ownerReferences"] = json!([{"apiVersion":"apps/v1","kind":"ReplicaSet","name":format!("{}-r{}", self.name(), desired.round),
            "uid":format!("rs-{}-{}-r{}", self.0, self.name(), desired.round),"controller":true}]);
        let mut spec = self.template(desired)["spec"].clone();
        let is_pending = waits.is_some_and(|(r, _)| r == "Unschedulable");
        if !is_pending {
            spec["nodeName"] = json!(format!("node-{}", self.node()));
        }
        let ready = if waits.is_some() { "False" } else { "True" };
        let scheduled = match waits {
            Some(("Unschedulable", text)) => {
                json!({"type":"PodScheduled","status":"False","reason":"Unschedulable","message":text,"lastTransitionTime":at})
            }
            _ => json!({"type":"PodScheduled","status":"True","lastTransitionTime":at}),
        };
        let state = match waits {
            Some((reason, text)) => json!({"waiting":{"reason":reason,"message":text}}),
            None => json!({"running":{"startedAt":at}}),
        };
        let crashed = waits.is_some_and(|(r, _)| r == "CrashLoopBackOff");
        let last = if crashed {
            json!({"terminated":{"exitCode":1,"reason":"Error","finishedAt":at,"startedAt":at}})
        } else {
            json!({})
        };
        let containers = json!([{"name":"main","ready":waits.is_none(),"started":waits.is_none(),"image":desired.image,"imageID":"",
            "restartCount":if crashed { 3 } else { 0 },"state":state,"lastState":last}]);
        json!({"apiVersion":"v1","kind":"Pod","metadata":meta,"spec":spec,
            "status":{"phase":if waits.is_some() { "Pending" } else { "Running" },"podIP":format!("10.1.{}.{}", moved % 256, self.0 % 256),
                "conditions":[scheduled,{"type":"Ready","status":ready,"lastTransitionTime":at}],
                "containerStatuses":if is_pending { json!([]) } else { containers }}})
    }

    /// Returns the ConfigMap.
    pub(crate) fn config(self, desired: DesiredApp, value: &str) -> Value {
        let field = format!("f:{}", desired.key);
        json!({"apiVersion":"v1","kind":"ConfigMap",
            "metadata":self.meta("cm", &self.name(), "kubectl-edit", &json!({"f:data":{field:{}}})),"data":{desired.key:value}})
    }

    /// Returns the Service; it picks pods by this value of `app`.
    pub(crate) fn service(self, app: &str) -> Value {
        json!({"apiVersion":"v1","kind":"Service","metadata":self.meta("svc", &self.name(), "kubectl-edit", &json!({"f:spec":{"f:selector":{}}})),
            "spec":{"selector":{"app":app},"ports":[{"port":80,"targetPort":8080,"protocol":"TCP"}],"clusterIP":"10.2.0.1","type":"ClusterIP"}})
    }

    /// Returns the EndpointSlice, with the pod or empty.
    pub(crate) fn slice(self, desired: DesiredApp, has_pod: bool) -> Value {
        let mut meta =
            self.meta("slice", &self.name(), "kube-controller-manager", &json!({"f:endpoints":{}}));
        meta["labels"]["kubernetes.io/service-name"] = json!(self.name());
        meta["ownerReferences"] = json!([{"apiVersion":"v1","kind":"Service","name":self.name(),
            "uid":format!("svc-{}-{}", self.0, self.name()),"controller":true}]);
        let pod = json!([{"addresses":["10.1.0.1"],"conditions":{"ready":true},
            "targetRef":{"kind":"Pod","name":format!("{}-r{}-p", self.name(), desired.round),"namespace":self.namespace()}}]);
        json!({"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":meta,"addressType":"IPv4",
            "endpoints":if has_pod { pod } else { json!([]) },"ports":[{"name":"","port":8080,"protocol":"TCP"}]})
    }

    /// Returns all ten resources as they begin.
    pub(crate) fn resources(self) -> Vec<Value> {
        let (name, desired, at) = (self.name(), DesiredApp::FIRST, "2023-01-01T00:00:00Z");
        let mut all = vec![
            self.config(desired, "fast"),
            json!({"apiVersion":"v1","kind":"Secret","metadata":self.meta("secret", &name, "kubectl-create", &json!({"f:data":{}})),"data":{"token":"c29tZQ=="}}),
            json!({"apiVersion":"v1","kind":"ServiceAccount","metadata":self.meta("sa", &name, "kubectl-create", &json!({}))}),
            self.deployment(desired, 1),
            self.replica_set(desired, None),
            self.pod(desired, None, 0, at),
            self.service(&name),
            self.slice(desired, true),
            json!({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":self.meta("ing", &name, "kubectl-create", &json!({"f:spec":{}})),
                "spec":{"rules":[{"host":format!("{name}.example.com"),"http":{"paths":[{"path":"/","pathType":"Prefix",
                    "backend":{"service":{"name":name,"port":{"number":80}}}}]}}]}}),
            json!({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":self.meta("hpa", &name, "kubectl-create", &json!({"f:spec":{}})),
                "spec":{"minReplicas":1,"maxReplicas":3,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":name}}}),
        ];
        all.iter_mut().for_each(|o| o["metadata"]["creationTimestamp"] = json!(at));
        all
    }
}
