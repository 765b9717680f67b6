use drift_core::Until;
use drift_core::coverage::Coverage;
use drift_core::graph::{DependencyGraph, Direction, EdgeRules};
use drift_sinks::report::{DependencyGraphV1, render_graph_text};
use serde_json::json;

use super::{applied, check_golden, key};

#[test]
fn dependency_graph() {
    let mut graph = DependencyGraph::new(std::sync::Arc::new(EdgeRules::bundled()));
    graph.apply(&applied(
        1,
        "2026-11-21T10:00:00Z",
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}}),
    ));
    graph.apply(&applied(
        2,
        "2026-11-21T10:00:01Z",
        &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"containers": [{"name": "web", "image": "web:1", "envFrom": [
                {"configMapRef": {"name": "web"}}, {"secretRef": {"name": "gone"}}]}]}}),
    ));
    let pod = key("Pod/shop/web");
    let edges = graph.around(&pod, Until::End, 1, Direction::Both);
    check_golden("dependency-graph", &DependencyGraphV1::new(&pod, &edges, &Coverage::default()));
    insta::assert_snapshot!(render_graph_text(&graph, &pod, Until::End, 1));
}
