//! Which resources may stand behind a fault, and the way from the one to the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Edge, IsAddress, Relation, hosts_in, pod_spec};
use crate::key::ResourceKey;
use crate::object::Node;
use crate::ownership::ManagedFields;

use super::Case;
use super::fault::{Fault, FaultKind};
use super::table::Place;

/// One step of a way, towards the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where the step leads.
    pub key: ResourceKey,
    /// What the edge means.
    pub edge: String,
    /// Why it is believed.
    pub evidence: String,
}

/// A resource that may stand behind a fault.
#[derive(Clone, Debug)]
pub(super) struct Reached {
    /// Which one.
    pub key: ResourceKey,
    /// Where it stands.
    pub place: Place,
    /// How far away, in steps of references.
    pub cost: f64,
    /// The way from the faulty one, without that one.
    pub way: Vec<Step>,
}

/// Collects what is reached; of two ways to one place the shorter counts.
#[derive(Default)]
struct Field {
    found: BTreeMap<(ResourceKey, Place), Reached>,
}

impl Field {
    fn put(&mut self, reached: Reached) -> bool {
        let place = (reached.key.clone(), reached.place);
        match self.found.get(&place) {
            Some(old) if old.cost <= reached.cost => false,
            _ => {
                self.found.insert(place, reached);
                true
            }
        }
    }
}

fn go(from: &Reached, edge: &Edge<'_>, to: &ResourceKey, place: Place, cost: f64) -> Reached {
    let mut way = from.way.clone();
    way.push(Step {
        key: to.clone(),
        edge: edge.relation.word().into(),
        evidence: edge.evidence.to_string(),
    });
    Reached { key: to.clone(), place, cost: from.cost + cost, way }
}

fn jump(from: &Reached, to: &ResourceKey, place: Place, cost: f64, edge: &str, evidence: &str) -> Reached {
    let mut way = from.way.clone();
    way.push(Step { key: to.clone(), edge: edge.into(), evidence: evidence.into() });
    Reached { key: to.clone(), place, cost: from.cost + cost, way }
}

/// Finds what may stand behind a fault, peers left out, sorted.
pub(super) fn reach(case: &Case<'_>, fault: &Fault) -> Vec<Reached> {
    let mut field = Field::default();
    let start = Reached { key: fault.on.clone(), place: Place::Own, cost: 0.0, way: Vec::new() };
    let own = owners(case, start, &mut field);
    for o in &own {
        needed(case, o, 0, &mut field);
    }
    nodes(case, fault, &own[0], &mut field);
    rulers(case, fault, &own, &mut field);
    rivals(case, fault, &own, &mut field);
    controllers(case, fault, &own, &mut field);
    field.found.into_values().collect()
}

/// Goes up to what makes and keeps the faulty one.
fn owners(case: &Case<'_>, start: Reached, field: &mut Field) -> Vec<Reached> {
    let mut own = vec![start.clone()];
    field.put(start);
    let mut next = 0;
    while next < own.len() && own.len() < 32 {
        let from = own[next].clone();
        next += 1;
        for edge in case.graph.ever_from(&from.key) {
            if edge.relation == Relation::OwnedBy {
                let reached = go(&from, &edge, edge.to, Place::Own, 0.25);
                if field.put(reached.clone()) {
                    own.push(reached);
                }
            }
        }
    }
    own
}

/// Goes to what the faulty one refers to, and on to what stands behind that.
fn needed(case: &Case<'_>, from: &Reached, depth: usize, field: &mut Field) {
    let follows = |r: Relation| {
        matches!(
            r,
            Relation::Uses
                | Relation::BackedBy
                | Relation::DependsOn
                | Relation::SourcedFrom
                | Relation::DefinedBy
        ) || (depth == 0 && matches!(r, Relation::Scales))
            || (depth == 0 && r == Relation::Routes && &*from.key.kind != "StatefulSet")
    };
    for edge in case.graph.ever_from(&from.key) {
        if follows(edge.relation) {
            let reached = go(from, &edge, edge.to, Place::Needed, 1.0);
            if field.put(reached.clone()) && depth < 2 {
                needed(case, &reached, depth + 1, field);
            }
        }
    }
    if depth > 0 {
        for edge in case.graph.ever_to(&from.key) {
            if edge.relation == Relation::Writes && !is_engine(edge.from) {
                let reached = go(from, &edge, edge.from, Place::Needed, 1.0);
                if field.put(reached.clone()) && depth < 2 {
                    needed(case, &reached, depth + 1, field);
                }
            }
        }
    }
}

/// Tells whether a resource is one of a GitOps engine.
pub(super) fn is_engine(key: &ResourceKey) -> bool {
    key.group.ends_with(".fluxcd.io") || (&*key.group == "argoproj.io" && key.kind.starts_with("Application"))
}

fn nodes(case: &Case<'_>, fault: &Fault, own: &Reached, field: &mut Field) {
    use FaultKind as F;
    match fault.kind {
        F::Unschedulable => {
            for key in case.history.of_kind("", "Node").cloned().collect::<Vec<_>>() {
                field.put(jump(own, &key, Place::Node, 1.0, "could run on", "every node is a candidate"));
            }
        }
        F::NodeDown | F::Evicted | F::Mount | F::StartFailed | F::Unavailable | F::Preempted => {
            for edge in case.graph.ever_from(&own.key) {
                if edge.relation == Relation::RunsOn {
                    field.put(go(own, &edge, edge.to, Place::Node, 0.5));
                }
            }
        }
        _ => {}
    }
}

fn rulers(case: &Case<'_>, fault: &Fault, own: &[Reached], field: &mut Field) {
    let start = &own[0];
    let namespace = &start.key.namespace;
    if !namespace.is_empty() {
        let ns = ResourceKey::new("", "Namespace", "", namespace);
        field.put(jump(start, &ns, Place::Ruler, 0.5, "within", "metadata.namespace"));
        let rules = case.history.of_kinds(is_rule, Some(namespace)).cloned();
        for key in rules.collect::<Vec<_>>() {
            field.put(jump(start, &key, Place::Ruler, 0.75, "ruled by", "same namespace"));
        }
    }
    for o in own {
        for edge in case.graph.ever_to(&o.key) {
            let ruler = match edge.relation {
                Relation::Selects => matches!(&*edge.from.kind, "NetworkPolicy") || is_mesh(&edge.from.group),
                Relation::Scales => true,
                _ => false,
            };
            if ruler {
                field.put(go(o, &edge, edge.from, Place::Ruler, 0.75));
            }
        }
        permissions(case, o, Place::Ruler, field);
    }
    if ["no such host", "server misbehaving", "Temporary failure in name resolution", ":53:"]
        .iter()
        .any(|t| fault.message.contains(t))
    {
        name_service(case, start, field);
    }
    if matches!(
        fault.kind,
        FaultKind::Webhook
            | FaultKind::Refused
            | FaultKind::PodSecurity
            | FaultKind::Stuck
            | FaultKind::SyncFailed
            | FaultKind::Terminating
    ) {
        admission(case, fault, start, field);
    }
}

/// Goes to what answers names for the whole cluster: found by its label and by the key of its configuration.
fn name_service(case: &Case<'_>, start: &Reached, field: &mut Field) {
    let is_part = |k: &&ResourceKey| {
        case.history.last(k).is_some_and(|o| match &*k.kind {
            "ConfigMap" => o.root().at(&["data", "Corefile"]).is_some(),
            _ => o.label("k8s-app") == Some("kube-dns"),
        })
    };
    let kinds = |_: &str, kind: &str| matches!(kind, "ConfigMap" | "Deployment");
    let keys: Vec<_> = case.history.of_kinds(kinds, Some("kube-system")).filter(is_part).cloned().collect();
    for key in keys {
        field.put(jump(start, &key, Place::Ruler, 1.0, "asks for names", "names cannot be resolved"));
    }
}

fn is_rule(group: &str, kind: &str) -> bool {
    matches!((group, kind), ("", "ResourceQuota" | "LimitRange")) || is_mesh(group)
}

fn is_mesh(group: &str) -> bool {
    matches!(group, "security.istio.io" | "policy.linkerd.io" | "cilium.io")
}

/// Goes from a pod or what makes it to its service account, and on to what that may do.
fn permissions(case: &Case<'_>, from: &Reached, place: Place, field: &mut Field) {
    for edge in case.graph.ever_from(&from.key) {
        if &*edge.to.kind != "ServiceAccount" || edge.relation != Relation::Uses {
            continue;
        }
        let account = go(from, &edge, edge.to, place, 1.0);
        field.put(account.clone());
        for binding in case.graph.ever_to(edge.to) {
            if binding.relation != Relation::Grants {
                continue;
            }
            let bound = go(&account, &binding, binding.from, place, 0.5);
            field.put(bound.clone());
            for role in case.graph.ever_from(binding.from) {
                if role.relation == Relation::Grants && role.to.kind.ends_with("Role") {
                    field.put(go(&bound, &role, role.to, place, 0.25));
                }
            }
        }
    }
}

/// Goes to webhooks and admission policies, and to what serves the webhooks; those that the text names first.
fn admission(case: &Case<'_>, fault: &Fault, start: &Reached, field: &mut Field) {
    let all = case.history.of_kinds(|group, _| group == "admissionregistration.k8s.io", None);
    for key in all.cloned().collect::<Vec<_>>() {
        let Some(object) = case.history.last(&key) else { continue };
        let hooks = object.root().get("webhooks").into_iter().flat_map(Node::children);
        let named = fault.message.contains(&*key.name)
            || hooks.filter_map(|h| h.str_at(&["name"])).any(|n| fault.message.contains(n));
        let far = if named { 0.5 } else { 1.5 };
        let hook = jump(start, &key, Place::Ruler, far, "admitted by", "webhooks see every write");
        field.put(hook.clone());
        if named {
            for edge in case.graph.ever_from(&key) {
                if edge.relation == Relation::Calls {
                    let service = go(&hook, &edge, edge.to, Place::Ruler, 0.5);
                    field.put(service.clone());
                    workloads_behind(case, &service, Place::Ruler, field);
                }
            }
        }
    }
}

/// Goes from a Service to the pods that it ever selected and to what makes them.
fn workloads_behind(case: &Case<'_>, service: &Reached, place: Place, field: &mut Field) {
    let mut seen = BTreeSet::new();
    for edge in case.graph.ever_from(&service.key) {
        if edge.relation != Relation::Selects {
            continue;
        }
        let pod = go(service, &edge, edge.to, place, 0.25);
        for up in case.graph.ever_from(edge.to) {
            if up.relation != Relation::OwnedBy {
                continue;
            }
            let owner = go(&pod, &up, up.to, place, 0.25);
            if !seen.insert(up.to.clone()) {
                continue;
            }
            field.put(owner.clone());
            for top in case.graph.ever_from(up.to) {
                if top.relation == Relation::OwnedBy && seen.insert(top.to.clone()) {
                    field.put(go(&owner, &top, top.to, place, 0.25));
                }
            }
        }
    }
}

fn rivals(case: &Case<'_>, fault: &Fault, own: &[Reached], field: &mut Field) {
    let start = &own[0];
    let mine: BTreeSet<_> = own.iter().map(|o| &o.key).collect();
    let scope = match fault.kind {
        FaultKind::OverQuota => Some(&*start.key.namespace),
        FaultKind::Unschedulable | FaultKind::Preempted => None,
        _ => return,
    };
    let is_workload = |group: &str, kind: &str| {
        matches!((group, kind), ("apps", "Deployment" | "StatefulSet" | "DaemonSet") | ("batch", "Job"))
            || ((group, kind) == ("", "Pod") && fault.kind == FaultKind::Preempted)
    };
    // One that never changed took no room from anybody.
    let keys = case.history.moved_of_kinds(is_workload, scope).filter(|k| !mine.contains(k));
    for key in keys.cloned().collect::<Vec<_>>() {
        field.put(jump(start, &key, Place::Rival, 1.5, "shares room with", "same nodes or quota"));
    }
}

/// Goes to the workload that should bring a resource forward, found by the name it writes under.
fn controllers(case: &Case<'_>, fault: &Fault, own: &[Reached], field: &mut Field) {
    use FaultKind as F;
    if !matches!(
        fault.kind,
        F::Stuck | F::SyncFailed | F::Terminating | F::NoMetrics | F::Forbidden | F::Certificate
    ) {
        return;
    }
    let start = &own[0];
    let Some(object) = case.history.last(&start.key) else { return };
    let mut names: BTreeSet<String> = BTreeSet::new();
    for version in case.history.versions(&start.key).iter().filter_map(|v| v.object.as_ref()) {
        let writes_status =
            |m: &str, sub: &str| sub == "status" || m.contains("operator") || m.contains("controller");
        let managed = ManagedFields::of(version);
        let entries = managed.entries().iter().filter(|e| writes_status(&e.manager, &e.subresource));
        names.extend(entries.map(|e| e.manager.to_string()));
    }
    for finalizer in object.root().at(&["metadata", "finalizers"]).into_iter().flat_map(Node::children) {
        names.extend(finalizer.as_str().and_then(|f| f.split(['/', '.']).next()).map(str::to_owned));
    }
    let group: Vec<&str> = start.key.group.split('.').filter(|g| g.len() > 4 && *g != "operator").collect();
    let is_its_operator = |k: &ResourceKey| {
        ["operator", "controller", "manager"].iter().any(|w| k.name.contains(w))
            && group.iter().any(|g| k.name.contains(g))
    };
    let fits = |k: &&ResourceKey| {
        is_its_operator(k)
            || names
                .iter()
                .any(|n| n.len() > 4 && (**n == *k.name || k.name.contains(&**n) || n.contains(&*k.name)))
    };
    let kinds = |group: &str, kind: &str| {
        (group == "apps") && matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet")
    };
    let keys: Vec<_> = case.history.of_kinds(kinds, None).filter(fits).cloned().collect();
    for key in keys {
        let found =
            jump(start, &key, Place::Controller, 0.75, "reconciled by", "field manager of its status");
        field.put(found.clone());
        permissions(case, &found, Place::Controller, field);
        for edge in case.graph.ever_from(&key) {
            if edge.relation == Relation::Uses && matches!(&*edge.to.kind, "ConfigMap" | "Secret") {
                field.put(go(&found, &edge, edge.to, Place::Controller, 1.0));
            }
        }
    }
    if fault.kind == F::NoMetrics {
        let apis = case.history.of_kind("apiregistration.k8s.io", "APIService");
        for key in apis.filter(|k| k.name.contains("metrics.k8s.io")).cloned().collect::<Vec<_>>() {
            let api = jump(start, &key, Place::Ruler, 0.75, "asks", "metrics come from this API");
            field.put(api.clone());
            for edge in case.graph.ever_from(&key) {
                let service = go(&api, &edge, edge.to, Place::Ruler, 0.5);
                field.put(service.clone());
                workloads_behind(case, &service, Place::Ruler, field);
            }
        }
    }
}

/// A Service that the faulty one talks to.
#[derive(Clone, Debug)]
pub(super) struct PeerService {
    /// The way to it.
    pub(super) reached: Reached,
    /// Whether the fault's own text names it.
    pub(super) is_named: bool,
    /// Ports that the faulty one asks for.
    pub(super) ports: Vec<u16>,
}

/// Finds the Services that a pod or workload talks to: by its variables, its configuration, and the fault's text.
pub(super) fn peers(case: &Case<'_>, fault: &Fault) -> Vec<PeerService> {
    let start = Reached { key: fault.on.clone(), place: Place::Own, cost: 0.0, way: Vec::new() };
    let mut found: BTreeMap<ResourceKey, Reached> = BTreeMap::new();
    for edge in case.graph.ever_from(&fault.on) {
        match edge.relation {
            Relation::TalksTo => {
                found.insert(edge.to.clone(), go(&start, &edge, edge.to, Place::Peer, 1.0));
            }
            Relation::Uses => {
                let via = go(&start, &edge, edge.to, Place::Needed, 0.5);
                for inner in case.graph.ever_from(edge.to) {
                    if inner.relation == Relation::TalksTo {
                        let reached = go(&via, &inner, inner.to, Place::Peer, 1.0);
                        found.entry(inner.to.clone()).or_insert(reached);
                    }
                }
            }
            _ => {}
        }
    }
    for host in hosts_in(&fault.message, IsAddress::Unknown) {
        let ns = host.namespace.as_deref().unwrap_or(&fault.on.namespace);
        let key = ResourceKey::new("", "Service", ns, &host.service);
        if case.history.knows(&key) {
            let reached = jump(&start, &key, Place::Peer, 1.0, "talks to", "named in the fault's own text");
            found.entry(key).or_insert(reached);
        }
    }
    let ports = asked_ports(case, fault);
    let peer = |(key, reached): (ResourceKey, Reached)| PeerService {
        is_named: names(&fault.message, &key.name),
        ports: ports.iter().filter(|(name, _)| **name == *key.name).map(|(_, p)| *p).collect(),
        reached,
    };
    found.into_iter().filter(|(k, _)| *k != fault.on).map(peer).collect()
}

/// Returns the ports that variables, arguments and texts name beside a host.
fn asked_ports(case: &Case<'_>, fault: &Fault) -> BTreeSet<(String, u16)> {
    let mut texts = vec![fault.message.clone()];
    if let Some(object) = case.history.last(&fault.on)
        && let Some((_, spec)) = pod_spec(object)
    {
        for container in spec.get("containers").into_iter().flat_map(Node::children) {
            let env = container.get("env").into_iter().flat_map(Node::children);
            texts.extend(env.filter_map(|e| e.str_at(&["value"]).map(str::to_owned)));
            for list in ["command", "args"] {
                let words = container.get(list).into_iter().flat_map(Node::children);
                texts.extend(words.filter_map(Node::as_str).map(str::to_owned));
            }
        }
    }
    for edge in case.graph.ever_from(&fault.on) {
        if &*edge.to.kind == "ConfigMap"
            && let Some(map) = case.history.last(edge.to)
        {
            let data = map.root().get("data").into_iter().flat_map(Node::children);
            texts.extend(data.filter_map(Node::as_str).map(str::to_owned));
        }
    }
    let hosts = texts.iter().flat_map(|t| hosts_in(t, IsAddress::Unknown));
    hosts.filter_map(|h| h.port.map(|p| (h.service, p))).collect()
}

/// Tells whether a text names something as a word of its own.
pub(super) fn names(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !word.is_empty()
        && text.match_indices(word).any(|(i, _)| {
            let before = text[..i].chars().next_back().is_none_or(|c| !is_part(c));
            let after = text[i + word.len()..].chars().next().is_none_or(|c| !is_part(c));
            before && after
        })
}

/// Finds the pods that a Service ever selected with the way over them, and what makes them.
pub(super) fn behind(case: &Case<'_>, service: &Reached) -> Vec<Reached> {
    let mut field = Field::default();
    for edge in case.graph.ever_from(&service.key) {
        if edge.relation == Relation::Selects {
            let pod = go(service, &edge, edge.to, Place::Behind, 0.25);
            for o in owners(case, pod.clone(), &mut field).iter_mut() {
                for used in case.graph.ever_from(&o.key) {
                    if used.relation == Relation::Uses && matches!(&*used.to.kind, "ConfigMap" | "Secret") {
                        field.put(go(o, &used, used.to, Place::Behind, 1.0));
                    }
                }
            }
            for policy in case.graph.ever_to(edge.to) {
                if policy.relation == Relation::Selects && &*policy.from.kind != "Service" {
                    field.put(go(&pod, &policy, policy.from, Place::Behind, 0.75));
                }
            }
        }
    }
    let mut all: Vec<_> = field.found.into_values().collect();
    all.iter_mut().for_each(|r| r.place = Place::Behind);
    all
}
