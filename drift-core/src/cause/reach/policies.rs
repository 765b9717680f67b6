//! What can reject, restrict or change a resource without being referred to: namespaces, quotas, policies, roles, webhooks,
//! controllers, and workloads that compete for the same nodes or quota.

use std::collections::BTreeSet;

use crate::graph::Relation;
use crate::key::ResourceKey;
use crate::object::Node;
use crate::ownership::ManagedFields;

use super::set::{ReachSet, ReachedResource};
use crate::cause::investigation::Investigation;
use crate::cause::lineage::injected;
use crate::cause::mention::mentions;
use crate::cause::role::CandidateRole;
use crate::fault::{Fault, FaultKind};
use crate::k8s::rbac::{AccessRequest, binding_has_user};

pub(super) fn policies_over(
    investigation: &Investigation<'_>,
    fault: &Fault,
    own: &[ReachedResource],
    set: &mut ReachSet,
) {
    let start = &own[0];
    let namespace = &start.key.namespace;
    if !namespace.is_empty() {
        let ns = ResourceKey::new("", "Namespace", "", namespace);
        set.insert(start.follow_inferred(&ns, CandidateRole::Policy, 0.5, "within", "metadata.namespace"));
        let rules = investigation.history.of_kinds(is_policy_kind, Some(namespace)).cloned();
        for key in rules.collect::<Vec<_>>() {
            set.insert(start.follow_inferred(
                &key,
                CandidateRole::Policy,
                0.75,
                "ruled by",
                "same namespace",
            ));
        }
        // Those for all namespaces: of administrators, of Cilium, of Calico.
        let is_network = |_: &str, kind: &str| kind.ends_with("NetworkPolicy");
        let of_cluster = investigation.history.of_kinds(is_network, Some("")).cloned();
        for key in of_cluster.collect::<Vec<_>>() {
            set.insert(start.follow_inferred(&key, CandidateRole::Policy, 1.0, "ruled by", "whole cluster"));
        }
    }
    for o in own {
        for edge in investigation.graph.ever_to(&o.key) {
            let decides = match edge.relation {
                Relation::Selects => matches!(&*edge.from.kind, "NetworkPolicy") || is_mesh(&edge.from.group),
                Relation::Scales => true,
                _ => false,
            };
            if decides {
                set.insert(o.follow_edge(&edge, edge.from, CandidateRole::Policy, 0.75));
            }
        }
        permissions(investigation, o, CandidateRole::Policy, set);
    }
    permissions_of_refused(investigation, fault, start, set);
    if ["no such host", "server misbehaving", "Temporary failure in name resolution", ":53:"]
        .iter()
        .any(|t| fault.message.contains(t))
    {
        name_service(investigation, start, set);
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
        admission(investigation, fault, start, set);
    }
}

/// Adds the webhooks and policies that change pods on admission, where a container fails that no template has.
pub(super) fn admission_webhooks(
    investigation: &Investigation<'_>,
    fault: &Fault,
    start: &ReachedResource,
    set: &mut ReachSet,
) {
    let foreign = injected(investigation, &start.key);
    if foreign.is_empty()
        || !(fault.containers.is_empty() || fault.containers.iter().any(|c| foreign.contains(c)))
    {
        return;
    }
    let is_mutator =
        |group: &str, kind: &str| group == "admissionregistration.k8s.io" && kind.starts_with("Mutating");
    for key in investigation.history.of_kinds(is_mutator, None).cloned().collect::<Vec<_>>() {
        let hook = start.follow_inferred(
            &key,
            CandidateRole::AdmissionWebhook,
            0.5,
            "changed on admission by",
            "no template has the container",
        );
        set.insert(hook.clone());
        for edge in investigation.graph.ever_from(&key) {
            if edge.relation == Relation::Calls {
                let service = hook.follow_edge(&edge, edge.to, CandidateRole::AdmissionWebhook, 0.5);
                workloads_behind(investigation, &service, CandidateRole::AdmissionWebhook, set);
            }
        }
    }
}

/// Adds the definitions of the kinds that the fault's text says are missing.
pub(super) fn missing_definitions(
    investigation: &Investigation<'_>,
    fault: &Fault,
    start: &ReachedResource,
    set: &mut ReachSet,
) {
    let misses = [
        "no matches for kind",
        "could not find the requested resource",
        "no kind is registered",
        "the server doesn't have a resource type",
    ];
    if !misses.iter().any(|t| fault.message.contains(t)) {
        return;
    }
    for key in investigation
        .history
        .of_kind("apiextensions.k8s.io", "CustomResourceDefinition")
        .cloned()
        .collect::<Vec<_>>()
    {
        let Some(object) = investigation.history.last(&key) else { continue };
        let at = |path: &[&str]| object.root().str_at(path).unwrap_or_default();
        let is_named = mentions(&fault.message, at(&["spec", "group"]))
            || mentions(&fault.message, at(&["spec", "names", "kind"]))
            || mentions(&fault.message, at(&["spec", "names", "plural"]));
        if is_named {
            set.insert(start.follow_inferred(
                &key,
                CandidateRole::Dependency,
                0.5,
                "works with",
                "named in the fault's own text",
            ));
        }
    }
}

/// Adds the DNS of the cluster: the Deployment labelled `kube-dns`, and the ConfigMap with a `Corefile`.
fn name_service(investigation: &Investigation<'_>, start: &ReachedResource, set: &mut ReachSet) {
    let is_part = |k: &&ResourceKey| {
        investigation.history.last(k).is_some_and(|o| match &*k.kind {
            "ConfigMap" => o.root().at(&["data", "Corefile"]).is_some(),
            _ => o.label("k8s-app") == Some("kube-dns"),
        })
    };
    let kinds = |_: &str, kind: &str| matches!(kind, "ConfigMap" | "Deployment");
    let keys: Vec<_> =
        investigation.history.of_kinds(kinds, Some("kube-system")).filter(is_part).cloned().collect();
    for key in keys {
        set.insert(start.follow_inferred(
            &key,
            CandidateRole::Policy,
            1.0,
            "asks for names",
            "names cannot be resolved",
        ));
    }
}

fn is_policy_kind(group: &str, kind: &str) -> bool {
    matches!((group, kind), ("", "ResourceQuota" | "LimitRange")) || is_mesh(group)
}

fn is_mesh(group: &str) -> bool {
    matches!(group, "security.istio.io" | "policy.linkerd.io" | "cilium.io")
}

/// Adds the service account of a pod or workload, with the bindings and roles that give it permissions.
fn permissions(
    investigation: &Investigation<'_>,
    from: &ReachedResource,
    role: CandidateRole,
    set: &mut ReachSet,
) {
    for edge in investigation.graph.ever_from(&from.key) {
        if &*edge.to.kind != "ServiceAccount" || edge.relation != Relation::Uses {
            continue;
        }
        let account = from.follow_edge(&edge, edge.to, role, 1.0);
        set.insert(account.clone());
        for binding in investigation.graph.ever_to(edge.to) {
            if binding.relation != Relation::Grants {
                continue;
            }
            let bound = account.follow_edge(&binding, binding.from, role, 0.5);
            set.insert(bound.clone());
            for grant in investigation.graph.ever_from(binding.from) {
                if grant.relation == Relation::Grants && grant.to.kind.ends_with("Role") {
                    set.insert(bound.follow_edge(&grant, grant.to, role, 0.25));
                }
            }
        }
    }
}

/// Adds the bindings that ever had the user whom a refusal names, with their roles; whoever runs as that user.
fn permissions_of_refused(
    investigation: &Investigation<'_>,
    fault: &Fault,
    start: &ReachedResource,
    set: &mut ReachSet,
) {
    let Some(request) = AccessRequest::from_refusal(&fault.message) else { return };
    let is_binding =
        |group: &str, kind: &str| group == "rbac.authorization.k8s.io" && kind.ends_with("Binding");
    for key in investigation.history.of_kinds(is_binding, None).cloned().collect::<Vec<_>>() {
        if !request.may_be_allowed_in(&key) {
            continue;
        }
        let has_user =
            investigation.history.distinct_specs(&key).any(|o| binding_has_user(Some(o), &request.user));
        if !has_user {
            continue;
        }
        let bound =
            start.follow_inferred(&key, CandidateRole::Policy, 0.75, "permitted by", "user in the refusal");
        set.insert(bound.clone());
        for grant in investigation.graph.ever_from(&key) {
            if grant.relation == Relation::Grants && grant.to.kind.ends_with("Role") {
                set.insert(bound.follow_edge(&grant, grant.to, CandidateRole::Policy, 0.25));
            }
        }
    }
}

/// Adds webhooks and admission policies, and the workloads that serve them; those that the text names are nearest.
fn admission(investigation: &Investigation<'_>, fault: &Fault, start: &ReachedResource, set: &mut ReachSet) {
    let all = investigation.history.of_kinds(|group, _| group == "admissionregistration.k8s.io", None);
    for key in all.cloned().collect::<Vec<_>>() {
        let Some(object) = investigation.history.last(&key) else { continue };
        let hooks = object.root().get("webhooks").into_iter().flat_map(Node::children);
        let named = fault.message.contains(&*key.name)
            || hooks.filter_map(|h| h.str_at(&["name"])).any(|n| fault.message.contains(n));
        let far = if named { 0.5 } else { 1.5 };
        let hook = start.follow_inferred(
            &key,
            CandidateRole::Policy,
            far,
            "admitted by",
            "webhooks see every write",
        );
        set.insert(hook.clone());
        if named {
            for edge in investigation.graph.ever_from(&key) {
                if edge.relation == Relation::Calls {
                    let service = hook.follow_edge(&edge, edge.to, CandidateRole::Policy, 0.5);
                    set.insert(service.clone());
                    workloads_behind(investigation, &service, CandidateRole::Policy, set);
                }
            }
        }
    }
}

/// Adds the workloads whose pods a Service ever selected.
fn workloads_behind(
    investigation: &Investigation<'_>,
    service: &ReachedResource,
    role: CandidateRole,
    set: &mut ReachSet,
) {
    let mut seen = BTreeSet::new();
    for edge in investigation.graph.ever_from(&service.key) {
        if edge.relation != Relation::Selects {
            continue;
        }
        let pod = service.follow_edge(&edge, edge.to, role, 0.25);
        for up in investigation.graph.ever_from(edge.to) {
            if up.relation != Relation::OwnedBy {
                continue;
            }
            let owner = pod.follow_edge(&up, up.to, role, 0.25);
            if !seen.insert(up.to.clone()) {
                continue;
            }
            set.insert(owner.clone());
            for top in investigation.graph.ever_from(up.to) {
                if top.relation == Relation::OwnedBy && seen.insert(top.to.clone()) {
                    set.insert(owner.follow_edge(&top, top.to, role, 0.25));
                }
            }
        }
    }
}

pub(super) fn competitors(
    investigation: &Investigation<'_>,
    fault: &Fault,
    own: &[ReachedResource],
    set: &mut ReachSet,
) {
    let start = &own[0];
    let mine: BTreeSet<_> = own.iter().map(|o| &o.key).collect();
    let scope = match fault.kind {
        FaultKind::OverQuota => Some(&*start.key.namespace),
        // A DaemonSet runs on nodes by labels and taints; that they are full does not matter.
        FaultKind::Unschedulable if &*fault.on.kind == "DaemonSet" => return,
        FaultKind::Unschedulable | FaultKind::Preempted => None,
        _ => return,
    };
    let is_workload = |group: &str, kind: &str| {
        matches!((group, kind), ("apps", "Deployment" | "StatefulSet" | "DaemonSet") | ("batch", "Job"))
            || ((group, kind) == ("", "Pod") && fault.kind == FaultKind::Preempted)
    };
    // A workload that never changed took nothing from others.
    let keys =
        investigation.history.kinds_with_spec_changes(is_workload, scope).filter(|k| !mine.contains(k));
    for key in keys.cloned().collect::<Vec<_>>() {
        set.insert(start.follow_inferred(
            &key,
            CandidateRole::Competitor,
            1.5,
            "shares room with",
            "same nodes or quota",
        ));
    }
}

/// Adds the workload that should reconcile a resource, found by the field manager of its status and by its finalizers.
pub(super) fn controllers(
    investigation: &Investigation<'_>,
    fault: &Fault,
    own: &[ReachedResource],
    set: &mut ReachSet,
) {
    use FaultKind as F;
    if !matches!(
        fault.kind,
        F::Stuck | F::SyncFailed | F::Terminating | F::NoMetrics | F::Forbidden | F::Certificate
    ) {
        return;
    }
    controllers_of(investigation, fault, &own[0], set);
    for blocking in objects_blocking_deletion(investigation, fault, &own[0]) {
        controllers_of(investigation, fault, &blocking, set);
    }
}

/// Finds what keeps a namespace from being deleted: objects in it that are deleted as well and still have a finalizer.
fn objects_blocking_deletion(
    investigation: &Investigation<'_>,
    fault: &Fault,
    start: &ReachedResource,
) -> Vec<ReachedResource> {
    if fault.kind != FaultKind::Terminating || (&*start.key.group, &*start.key.kind) != ("", "Namespace") {
        return Vec::new();
    }
    let blocks_deletion = |k: &&ResourceKey| {
        k.namespace == start.key.name
            && investigation.history.now(k).is_some_and(|o| {
                let finalizers =
                    o.root().at(&["metadata", "finalizers"]).into_iter().flat_map(Node::children);
                o.root().at(&["metadata", "deletionTimestamp"]).is_some()
                    && finalizers.filter_map(Node::as_str).any(|f| fault.message.contains(f))
            })
    };
    let blocking = investigation.history.keys().filter(blocks_deletion).take(MAX_BLOCKING);
    blocking
        .map(|k| {
            start.follow_inferred(
                k,
                CandidateRole::Dependency,
                0.5,
                "waits for the end of",
                "finalizers that remain",
            )
        })
        .collect()
}

/// Most objects considered of those that keep a namespace from being deleted.
const MAX_BLOCKING: usize = 50;

fn controllers_of(
    investigation: &Investigation<'_>,
    fault: &Fault,
    start: &ReachedResource,
    set: &mut ReachSet,
) {
    let Some(object) = investigation.history.last(&start.key) else { return };
    let mut controller_names: BTreeSet<String> = BTreeSet::new();
    for version in investigation.history.versions(&start.key).iter().filter_map(|v| v.object.as_ref()) {
        let writes_status =
            |m: &str, sub: &str| sub == "status" || m.contains("operator") || m.contains("controller");
        let managed = ManagedFields::of(version);
        let entries = managed.entries().iter().filter(|e| writes_status(&e.manager, &e.subresource));
        controller_names.extend(entries.map(|e| e.manager.to_string()));
    }
    for finalizer in object.root().at(&["metadata", "finalizers"]).into_iter().flat_map(Node::children) {
        controller_names
            .extend(finalizer.as_str().and_then(|f| f.split(['/', '.']).next()).map(str::to_owned));
    }
    let group: Vec<&str> = start.key.group.split('.').filter(|g| g.len() > 4 && *g != "operator").collect();
    let is_its_operator = |k: &ResourceKey| {
        ["operator", "controller", "manager"].iter().any(|w| k.name.contains(w))
            && group.iter().any(|g| k.name.contains(g))
    };
    let fits = |k: &&ResourceKey| {
        is_its_operator(k)
            || controller_names
                .iter()
                .any(|n| n.len() > 4 && (**n == *k.name || k.name.contains(&**n) || n.contains(&*k.name)))
    };
    let kinds = |group: &str, kind: &str| {
        group == "apps" && matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet")
    };
    let keys: Vec<_> = investigation.history.of_kinds(kinds, None).filter(fits).cloned().collect();
    for key in keys {
        let found = start.follow_inferred(
            &key,
            CandidateRole::Controller,
            0.75,
            "reconciled by",
            "field manager of its status",
        );
        set.insert(found.clone());
        permissions(investigation, &found, CandidateRole::Controller, set);
        for edge in investigation.graph.ever_from(&key) {
            if edge.relation == Relation::Uses && matches!(&*edge.to.kind, "ConfigMap" | "Secret") {
                set.insert(found.follow_edge(&edge, edge.to, CandidateRole::Controller, 1.0));
            }
        }
    }
    apis(investigation, fault, start, set);
}

/// Adds the aggregated APIs that the fault is about, with the Services and workloads that serve them.
fn apis(investigation: &Investigation<'_>, fault: &Fault, start: &ReachedResource, set: &mut ReachSet) {
    let is_asked = |k: &&ResourceKey| {
        let group = k.name.split_once('.').map_or("", |(_, group)| group);
        match fault.kind {
            FaultKind::NoMetrics => k.name.contains("metrics.k8s.io"),
            _ => group.contains('.') && fault.message.contains(group),
        }
    };
    let all = investigation.history.of_kind("apiregistration.k8s.io", "APIService");
    for key in all.filter(is_asked).cloned().collect::<Vec<_>>() {
        let api = start.follow_inferred(
            &key,
            CandidateRole::Policy,
            0.75,
            "asks",
            "the API that the fault is about",
        );
        set.insert(api.clone());
        for edge in investigation.graph.ever_from(&key) {
            if edge.relation != Relation::Calls {
                continue;
            }
            let service = api.follow_edge(&edge, edge.to, CandidateRole::Policy, 0.5);
            set.insert(service.clone());
            workloads_behind(investigation, &service, CandidateRole::Policy, set);
        }
    }
}
