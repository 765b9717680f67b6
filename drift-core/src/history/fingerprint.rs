//! What is known of a version without unpacking it: what it asks for, as a hash, and what a pod takes from its node.

use std::cell::RefCell;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::k8s::pod::pod_spec;
use crate::key::ResourceKey;
use crate::object::{Doc, Node, Object};

use super::change::node_state;

/// What a version asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    /// Equal for two versions only if no change of what is asked for lies between them.
    pub(super) desire: [u8; 16],
    /// Of a pod whether it is over.
    phase: u8,
    /// Second at which the object was made.
    pub(super) created: Option<i64>,
}

thread_local! {
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes the imprint of a version: of all that [`super::change::changes_of`] compares, and of its uid.
pub(super) fn imprint(key: &ResourceKey, object: &Object) -> Fingerprint {
    let root = object.root();
    let meta = root.get("metadata");
    let get = |field: &str| meta.and_then(|m| m.get(field));
    let desire = BYTES.with_borrow_mut(|bytes| {
        bytes.clear();
        for field in ["uid", "labels", "annotations", "deletionTimestamp"] {
            bytes.push(u8::from(get(field).is_some()));
            get(field).into_iter().for_each(|n| n.write_canonical(bytes));
        }
        for node in root.children().filter(|n| !matches!(n.key(), "status" | "metadata" | "operation")) {
            node.write_canonical(bytes);
        }
        // What a source brings comes from outside: its specification does not say it.
        if let Some(artifact) = root.at(&["status", "artifact", "revision"]) {
            artifact.write_canonical(bytes);
        }
        if &*key.kind == "Node" {
            bytes.extend(format!("{:?}", node_state(object)).as_bytes());
        }
        let mut half = [0; 16];
        half.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
        half
    });
    let created = get("creationTimestamp").and_then(Node::as_str).and_then(|t| t.parse::<Timestamp>().ok());
    let phase = root.str_at(&["status", "phase"]);
    Fingerprint {
        desire,
        phase: u8::from(matches!(phase, Some("Succeeded" | "Failed"))),
        created: created.map(Timestamp::as_second),
    }
}

/// Returns of a pod on a node what it takes there: requests, ports on the host, and whether it is over.
pub(super) fn load(key: &ResourceKey, object: &Object) -> Option<Arc<Object>> {
    if key.group_kind() != ("", "Pod") {
        return None;
    }
    let (_, spec) = pod_spec(object)?;
    spec.str_at(&["nodeName"])?;
    let fields = |node: Node<'_>, names: &[&str]| -> Map<String, Value> {
        let kept = names.iter().filter_map(|f| node.get(f));
        kept.map(|n| (n.key().to_owned(), n.to_value())).collect()
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
