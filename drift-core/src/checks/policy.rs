//! Webhooks, bindings, policies, budgets and volumes.

use crate::graph::{Edge, Relation};
use crate::k8s::service::ready_endpoints;
use crate::key::ResourceKey;
use crate::object::{Node, Object};

use super::{CheckContext, Problem};

/// Returns `true` if a Service has a ready endpoint, as far as slices tell; one without slices counts as empty.
fn has_endpoints(scene: &CheckContext<'_, '_>, service: &ResourceKey) -> bool {
    scene.of_kind("discovery.k8s.io", "EndpointSlice").any(|(k, o)| {
        k.namespace == service.namespace
            && o.label("kubernetes.io/service-name") == Some(&service.name)
            && ready_endpoints(o).next().is_some()
    })
}

pub(super) fn webhook_backend(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    object: &Object,
) -> Vec<Problem> {
    if &*key.group != "admissionregistration.k8s.io" {
        return Vec::new();
    }
    let mut out = Vec::new();
    for hook in object.root().get("webhooks").into_iter().flat_map(Node::children) {
        let service = hook.at(&["clientConfig", "service"]);
        let named = service.and_then(|s| Some((s.str_at(&["namespace"])?, s.str_at(&["name"])?)));
        let Some((namespace, name)) = named else { continue };
        if hook.str_at(&["failurePolicy"]) == Some("Ignore") {
            continue;
        }
        let hook_name = hook.str_at(&["name"]).unwrap_or_default();
        let service = ResourceKey::new("", "Service", namespace, name);
        if scene.case.history().is_known_absent(&service) {
            out.push(Problem::new(
                format!("Service {namespace}/{name} is not there"),
                format!("webhook {hook_name} fails closed"),
            ));
        } else if scene.case.history().now(&service).is_some()
            && scene.knows_all("discovery.k8s.io", "EndpointSlice", namespace)
            && !has_endpoints(scene, &service)
        {
            out.push(Problem::new(
                format!("Service {namespace}/{name} has no endpoints"),
                format!("webhook {hook_name} fails closed"),
            ));
        }
    }
    out
}

/// Returns `true` if what an edge leads to is known not to be there.
pub(super) fn is_lost(scene: &CheckContext<'_, '_>, edge: &Edge<'_>) -> bool {
    edge.is_dangling && scene.case.history().is_known_absent(edge.to)
}

pub(super) fn binding_to_nothing(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    _: &Object,
) -> Vec<Problem> {
    // Those of the system come with every cluster, for controllers that this one may not run.
    if !matches!(&*key.kind, "RoleBinding" | "ClusterRoleBinding") || key.name.starts_with("system:") {
        return Vec::new();
    }
    let edges = scene.case.graph().edges_from(key);
    let gone = edges.iter().filter(|e| e.relation == Relation::Grants && is_lost(scene, e));
    gone.map(|e| Problem::new(format!("{} is not there", e.to), e.evidence.to_string())).collect()
}

pub(super) fn policy_selects_nothing(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    object: &Object,
) -> Vec<Problem> {
    let selector = object.root().at(&["spec", "podSelector"]).is_some_and(|s| !s.is_empty());
    if (&*key.group, &*key.kind) != ("networking.k8s.io", "NetworkPolicy") || !selector {
        return Vec::new();
    }
    let edges = scene.case.graph().edges_from(key);
    if edges.iter().any(|e| e.relation == Relation::Selects) || !scene.knows_all("", "Pod", &key.namespace) {
        return Vec::new();
    }
    vec![Problem::new("it selects no pod", "podSelector")]
}

pub(super) fn budget_blocks(_: &CheckContext<'_, '_>, key: &ResourceKey, object: &Object) -> Vec<Problem> {
    let number = |f: &str| object.root().at(&["status", f]).and_then(Node::as_i64);
    if &*key.kind != "PodDisruptionBudget"
        || number("expectedPods").unwrap_or(0) == 0
        || number("disruptionsAllowed") != Some(0)
    {
        return Vec::new();
    }
    let evidence = format!(
        "healthy {} of {} expected",
        number("currentHealthy").unwrap_or(0),
        number("expectedPods").unwrap_or(0)
    );
    vec![Problem::new("no pod may be disrupted", evidence)]
}

pub(super) fn volume_released(_: &CheckContext<'_, '_>, key: &ResourceKey, object: &Object) -> Vec<Problem> {
    let phase = object.root().str_at(&["status", "phase"]).unwrap_or_default();
    if (&*key.group, &*key.kind) != ("", "PersistentVolume") || !matches!(phase, "Released" | "Failed") {
        return Vec::new();
    }
    let message = object.root().str_at(&["status", "message"]).unwrap_or("status.phase");
    vec![Problem::new(format!("the volume is {phase}"), message.to_owned())]
}
