//! Parts of a Pod that admission put in, as far as the Pod itself shows it.
//!
//! Who injects leaves a mark: a status that lists what was put in (`sidecar.istio.io/status`), or the annotation that asked for
//! it, whose domain names the sidecar (`linkerd.io/inject`, `dapr.io/enabled`, `vault.hashicorp.com/agent-inject`).

use crate::object::{Kind, Node, Object};
use crate::path::{FieldPath, PathElement, Scalar};

/// Shortest word of a domain that names a sidecar.
const MIN_WORD: usize = 4;

/// Returns `true` if what is live at a path, and not declared, was put into a Pod by admission that the Pod asked for.
pub(super) fn is_injected(path: &FieldPath, live: Node<'_>, pod: &Object) -> bool {
    if pod.kind() != "Pod" || !pod.group().is_empty() {
        return false;
    }
    match path.elements() {
        [PathElement::Field(spec), PathElement::Field(list), element @ ..]
            if &**spec == "spec" && matches!(&**list, "containers" | "initContainers" | "volumes") =>
        {
            match element {
                [] => {
                    let mut names = live.children().map(|e| e.str_at(&["name"]));
                    live.kind() == Kind::List
                        && names.all(|name| name.is_some_and(|n| names_injected(pod, n)))
                }
                [PathElement::Key(key)] => key
                    .iter()
                    .any(|(_, value)| matches!(value, Scalar::Str(name) if names_injected(pod, name))),
                _ => false,
            }
        }
        [PathElement::Field(metadata), PathElement::Field(marks), PathElement::Field(key)]
            if &**metadata == "metadata" && matches!(&**marks, "labels" | "annotations") =>
        {
            is_of_injector(pod, key)
        }
        [PathElement::Field(metadata), PathElement::Field(marks)]
            if &**metadata == "metadata" && matches!(&**marks, "labels" | "annotations") =>
        {
            live.kind() == Kind::Map && live.children().all(|mark| is_of_injector(pod, mark.key()))
        }
        _ => false,
    }
}

/// Returns the labels and annotations of a Pod, but for those of Kubernetes and what switches something off.
fn requests(pod: &Object) -> impl Iterator<Item = (&str, &str)> {
    let of = |name| pod.root().at(&["metadata", name]).into_iter().flat_map(Node::children);
    let marks = of("annotations").chain(of("labels")).filter_map(|n| Some((n.key(), n.as_str()?)));
    marks.filter(|(key, value)| {
        let domain = key.split_once('/').map_or("", |(domain, _)| domain);
        let is_kubernetes = domain.ends_with("kubernetes.io") || domain.ends_with("k8s.io");
        domain.contains('.') && !is_kubernetes && !matches!(*value, "false" | "disabled" | "no" | "")
    })
}

/// Returns `true` if a mark of the Pod asks for, or lists, a part of this name.
fn names_injected(pod: &Object, name: &str) -> bool {
    requests(pod).any(|(key, value)| asks_for(key, value, name))
}

fn asks_for(key: &str, value: &str, name: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    let mut words = domain.split(['.', '-']).filter(|word| word.len() >= MIN_WORD);
    words.any(|word| name.starts_with(word)) || lists(value, name)
}

/// Returns `true` if a text is a document in which a name stands.
fn lists(text: &str, name: &str) -> bool {
    fn holds(value: &serde_json::Value, name: &str) -> bool {
        match value {
            serde_json::Value::String(text) => text == name,
            serde_json::Value::Array(all) => all.iter().any(|v| holds(v, name)),
            serde_json::Value::Object(map) => map.values().any(|v| holds(v, name)),
            _ => false,
        }
    }
    text.trim_start().starts_with('{') && serde_json::from_str(text).is_ok_and(|doc| holds(&doc, name))
}

/// Returns `true` for a mark of the domain under which a container was asked for that is there.
fn is_of_injector(pod: &Object, key: &str) -> bool {
    let Some(own) = registered(key) else { return false };
    let parts = ["containers", "initContainers"].map(|list| pod.root().at(&["spec", list]));
    let mut names = parts.into_iter().flatten().flat_map(Node::children).filter_map(|c| c.str_at(&["name"]));
    names
        .any(|name| requests(pod).any(|(by, value)| registered(by) == Some(own) && asks_for(by, value, name)))
}

/// Returns the domain under which another one was registered: `istio.io` of `sidecar.istio.io/status`.
fn registered(key: &str) -> Option<&str> {
    let domain = key.split_once('/')?.0;
    let start = domain.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at + 1);
    Some(&domain[start..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Doc;
    use serde_json::{Value, json};

    fn check(annotations: Value, path: &str, live: Value) -> bool {
        let pod = json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","annotations":annotations},
            "spec":{"containers":[{"name":"web"},{"name":"istio-proxy"},{"name":"daprd"}]}});
        let pod = Object::new(Doc::from_value(&pod).unwrap()).unwrap();
        let live = Doc::from_value(&live).unwrap();
        is_injected(&FieldPath::parse(path).unwrap(), live.root(), &pod)
    }

    #[test]
    fn what_was_asked_for_or_listed_is_injected() {
        let status = json!({"sidecar.istio.io/status": r#"{"containers":["istio-proxy"],"volumes":["workload-socket"]}"#});
        let any = json!({});
        assert!(check(status.clone(), "spec.containers[name=istio-proxy]", any.clone()));
        assert!(check(status.clone(), "spec.volumes[name=workload-socket]", any.clone()));
        assert!(check(status.clone(), "spec.volumes", json!([{"name":"workload-socket"}])));
        assert!(check(status.clone(), "metadata.labels", json!({"security.istio.io/tlsMode":"istio"})));
        assert!(check(json!({"dapr.io/enabled":"true"}), "spec.containers[name=daprd]", any.clone()));
        assert!(check(
            json!({"vault.hashicorp.com/agent-inject":"true"}),
            "spec.initContainers",
            json!([{"name":"vault-agent-init"}])
        ));
        // What a person put in beside it is not listed, and not asked for.
        assert!(!check(status.clone(), "spec.containers[name=debug]", any.clone()));
        assert!(!check(
            status.clone(),
            "spec.volumes",
            json!([{"name":"workload-socket"},{"name":"scratch"}])
        ));
        assert!(!check(status.clone(), "spec.containers[name=web].image", json!("web:2")));
        assert!(!check(
            status,
            "metadata.labels",
            json!({"security.istio.io/tlsMode":"istio","team.example/x":"1"})
        ));
        assert!(!check(json!({"dapr.io/enabled":"false"}), "spec.containers[name=daprd]", any.clone()));
        assert!(!check(json!({}), "spec.containers[name=istio-proxy]", any));
    }
}
