//! What a pod takes from its node, without the rest of the pod.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::k8s::pod::pod_spec;
use crate::key::ResourceKey;
use crate::object::{Doc, Node, Object};

/// Returns a pod that has a node, with nothing in it but what it takes there: requests, host ports, and its phase.
///
/// A question about scheduling looks at every pod of every node; these are a few hundred bytes each and stay as they are,
/// while the pods themselves are compressed. Returns `None` for other kinds and for pods without a node.
pub(super) fn pod_requests(key: &ResourceKey, object: &Object) -> Option<Arc<Object>> {
    if key.group_kind() != ("", "Pod") {
        return None;
    }
    let (_, spec) = pod_spec(object)?;
    spec.str_at(&["nodeName"])?;
    let fields = |node: Node<'_>, names: &[&str]| -> Map<String, Value> {
        let found = names.iter().filter_map(|f| node.get(f));
        found.map(|n| (n.key().to_owned(), n.to_value())).collect()
    };
    let containers = |list: &str| -> Value {
        let all = spec.get(list).into_iter().flat_map(Node::children);
        let one = |c: Node<'_>| {
            let requests = c.at(&["resources", "requests"]).map(Node::to_value);
            json!({"resources": {"requests": requests}, "ports": c.get("ports").map(Node::to_value)})
        };
        all.map(one).collect()
    };
    let mut slim = fields(spec, &["nodeName", "hostNetwork", "overhead"]);
    slim.insert("containers".into(), containers("containers"));
    slim.insert("initContainers".into(), containers("initContainers"));
    let meta = object.root().get("metadata").map(|m| fields(m, &["name", "namespace", "uid"]));
    let phase = object.root().str_at(&["status", "phase"]);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": slim, "status": {"phase": phase}});
    Object::new(Doc::from_value(&pod).ok()?).ok().map(Arc::new)
}
