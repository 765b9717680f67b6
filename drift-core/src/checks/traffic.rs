//! Services, routes and autoscalers: does traffic find what it is sent to?

use crate::graph::Relation;
use crate::k8s::pod::pod_spec;
use crate::key::ResourceKey;
use crate::object::{Node, Object};

use super::policy::is_lost;
use super::{CheckContext, Problem};

fn selected<'a>(scene: &'a CheckContext<'_, '_>, service: &ResourceKey) -> Vec<&'a Object> {
    let edges = scene.case.graph().edges_from(service);
    let pods = edges.into_iter().filter(|e| e.relation == Relation::Selects);
    pods.filter_map(|e| scene.case.history().now(e.to)).map(|o| &**o).collect()
}

pub(super) fn service_without_pods(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    object: &Object,
) -> Vec<Problem> {
    let selector = object.root().at(&["spec", "selector"]).filter(|s| !s.is_empty());
    if (&*key.group, &*key.kind) != ("", "Service")
        || !selected(scene, key).is_empty()
        || !scene.knows_all("", "Pod", &key.namespace)
    {
        return Vec::new();
    }
    selector.map(|s| Problem::new("its selector matches no pod", s.to_doc().to_json())).into_iter().collect()
}

pub(super) fn target_port(scene: &CheckContext<'_, '_>, key: &ResourceKey, object: &Object) -> Vec<Problem> {
    if (&*key.group, &*key.kind) != ("", "Service") {
        return Vec::new();
    }
    let pods = selected(scene, key);
    let Some((_, spec)) = pods.first().and_then(|p| pod_spec(p)) else { return Vec::new() };
    let names: Vec<&str> = spec
        .get("containers")
        .into_iter()
        .flat_map(Node::children)
        .flat_map(|c| c.get("ports").into_iter().flat_map(Node::children))
        .filter_map(|p| p.str_at(&["name"]))
        .collect();
    let ports = object.root().at(&["spec", "ports"]).into_iter().flat_map(Node::children);
    let lost = ports.filter_map(|p| p.str_at(&["targetPort"])).filter(|t| !names.contains(t));
    lost.map(|t| {
        Problem::new(
            format!("no container port is named {t}"),
            format!("container ports: {}", names.join(", ")),
        )
    })
    .collect()
}

pub(super) fn route_backend(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    object: &Object,
) -> Vec<Problem> {
    if (&*key.group, &*key.kind) != ("networking.k8s.io", "Ingress") {
        return Vec::new();
    }
    let mut out: Vec<Problem> = Vec::new();
    for e in scene.case.graph().edges_from(key) {
        let counts =
            e.relation == Relation::Routes || (e.relation == Relation::Uses && &*e.to.kind == "Secret");
        if counts && is_lost(scene, &e) {
            out.push(Problem::new(format!("{} is not there", e.to), e.evidence.to_string()));
        }
    }
    let rules = object.root().at(&["spec", "rules"]).into_iter().flat_map(Node::children);
    let paths = rules.flat_map(|r| r.at(&["http", "paths"]).into_iter().flat_map(Node::children));
    for backend in paths.filter_map(|p| p.at(&["backend", "service"])) {
        let name = backend.str_at(&["name"]).unwrap_or_default();
        let Some(service) = scene.get("", "Service", &key.namespace, name) else { continue };
        let mut ports = service.root().at(&["spec", "ports"]).into_iter().flat_map(Node::children);
        let wanted = backend.get("port");
        let number = wanted.and_then(|p| p.get("number")).and_then(Node::as_i64);
        let named = wanted.and_then(|p| p.str_at(&["name"]));
        let fits = |p: Node<'_>| {
            number.is_some_and(|n| p.get("port").and_then(Node::as_i64) == Some(n))
                || named.is_some_and(|n| p.str_at(&["name"]) == Some(n))
        };
        if (number.is_some() || named.is_some()) && !ports.any(fits) {
            let port = number.map_or_else(|| named.unwrap_or_default().to_owned(), |n| n.to_string());
            out.push(Problem::new(format!("Service {name} has no port {port}"), "backend of a rule"));
        }
    }
    out
}

pub(super) fn autoscaler_target(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    object: &Object,
) -> Vec<Problem> {
    if !matches!(&*key.group, "autoscaling" | "keda.sh") {
        return Vec::new();
    }
    let edges = scene.case.graph().edges_from(key);
    let Some(edge) = edges.iter().find(|e| e.relation == Relation::Scales) else { return Vec::new() };
    if is_lost(scene, edge) {
        return vec![Problem::new(format!("{} is not there", edge.to), edge.evidence.to_string())];
    }
    let metrics = object.root().at(&["spec", "metrics"]).into_iter().flat_map(Node::children);
    let by_use = metrics.filter(|m| m.str_at(&["resource", "target", "type"]) == Some("Utilization"));
    let target = scene.case.history().now(edge.to).and_then(|o| pod_spec(o));
    let Some((_, spec)) = target else { return Vec::new() };
    let mut out = Vec::new();
    for resource in by_use.filter_map(|m| m.str_at(&["resource", "name"])) {
        let containers = spec.get("containers").into_iter().flat_map(Node::children);
        let bare = containers.into_iter().find(|c| c.at(&["resources", "requests", resource]).is_none());
        if let Some(container) = bare {
            let name = container.str_at(&["name"]).unwrap_or_default();
            out.push(Problem::new(
                format!("container {name} of {} requests no {resource}", edge.to),
                "spec.metrics",
            ));
        }
    }
    out
}
