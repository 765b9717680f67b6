//! Rules for the fields of pods and pod templates.

use super::rule_value::{given, text, word};
use crate::object::{Doc, Node};

/// Returns `true` for a volume of which nothing but the name is declared.
pub(super) fn is_bare_volume(volume: Node<'_>) -> bool {
    volume.children().all(|f| f.key() == "name" || f.is_null())
}

/// Returns the host port of a container port, in a pod that uses the network of its node.
pub(super) fn host_port(port: Node<'_>, root: Node<'_>) -> Option<Doc> {
    let host = pod_spec(root).and_then(|s| s.get("hostNetwork")).and_then(Node::as_bool) == Some(true);
    port.get("containerPort").filter(|_| host).map(Node::to_doc)
}

/// Returns a service account under its other name.
pub(super) fn account(pod: Node<'_>, other: &str) -> Option<Doc> {
    pod.get(other).filter(|n| n.as_str().is_some_and(|s| !s.is_empty())).map(Node::to_doc)
}

/// Returns a service account under its other name, or `default`.
pub(super) fn account_or_default(pod: Node<'_>, other: &str) -> Doc {
    account(pod, other).unwrap_or_else(|| text("default"))
}

/// Returns the spec of the pod an object is or makes.
fn pod_spec(root: Node<'_>) -> Option<Node<'_>> {
    let spec = root.get("spec")?;
    spec.at(&["template", "spec"])
        .or_else(|| spec.at(&["jobTemplate", "spec", "template", "spec"]))
        .or_else(|| root.at(&["template", "spec"]))
        .or(Some(spec))
}

/// Returns how often an image is pulled where nothing is declared.
pub(super) fn pull_policy(holder: Node<'_>) -> &'static str {
    let image = if given(holder, "image") { word(holder, "image") } else { word(holder, "reference") };
    if tag(image) == Some("latest") { "Always" } else { "IfNotPresent" }
}

/// Returns the tag of an image reference: `latest` where there is neither tag nor digest, `None` where there is only
/// a digest or the reference is not valid.
fn tag(image: &str) -> Option<&str> {
    let (name, digest) = image.split_once('@').map_or((image, None), |(n, d)| (n, Some(d)));
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let (path, tag) = match name[slash..].find(':') {
        Some(colon) => (&name[..slash + colon], Some(&name[slash + colon + 1..])),
        None => (name, None),
    };
    if !is_repository(path) || digest.is_some_and(|d| !d.contains(':')) || tag.is_some_and(|t| !is_tag(t)) {
        return None;
    }
    tag.or(if digest.is_some() { None } else { Some("latest") })
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

/// Returns `true` if a name without tag is one that registries take; the API server takes any text for an image, and
/// then sees no tag in it.
fn is_repository(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let is_host =
        |p: &str| p.contains(['.', ':']) || p == "localhost" || p.bytes().any(|b| b.is_ascii_uppercase());
    let names = if parts.len() > 1 && is_host(parts[0]) { &parts[1..] } else { &parts[..] };
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_name = |p: &&str| {
        let (first, last) = (p.bytes().next(), p.bytes().last());
        first.is_some_and(lower)
            && last.is_some_and(lower)
            && p.bytes().all(|b| lower(b) || b"._-".contains(&b))
    };
    // 64 hexadecimal digits name an image by its id, not by a repository.
    let is_id = path.len() == 64 && path.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    !is_id && names.iter().all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Rule;
    use crate::schema::rule::Computed;
    use serde_json::{Value, json};

    fn check(rule: Rule, parent: Value, root: Value, expect: Option<Value>) {
        let (parent, root) = (Doc::from_value(&parent).unwrap(), Doc::from_value(&root).unwrap());
        let expect = expect.map(|e| Computed::Value(Doc::from_value(&e).unwrap()));
        assert_eq!(rule.evaluate(parent.root(), root.root()), expect, "{rule:?} of {parent:?}");
    }

    #[test]
    fn pull_policy_follows_the_tag() {
        for (image, always) in [
            ("nginx", true),
            ("nginx:latest", true),
            ("nginx:1.27", false),
            ("registry.example:5000/a/nginx", true),
            ("registry.example:5000/a/nginx:v1", false),
            ("nginx@sha256:0123", false),
            ("nginx:latest@sha256:0123", true),
            ("localhost/x", true),
            ("", false),
            ("Nginx", false),
            ("{{ image }}", false),
            ("nginx:", false),
        ] {
            let expect = if always { "Always" } else { "IfNotPresent" };
            check(Rule::ImagePullPolicy, json!({"image": image}), Value::Null, Some(json!(expect)));
        }
    }

    #[test]
    fn a_volume_without_a_source_is_an_empty_dir() {
        check(Rule::EmptyDirVolume, json!({"name": "a"}), Value::Null, Some(json!({})));
        check(Rule::EmptyDirVolume, json!({"name": "a", "configMap": {"name": "b"}}), Value::Null, None);
    }

    #[test]
    fn requests_are_completed_by_limits() {
        let resources = json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m"}});
        check(Rule::ContainerRequests, resources, Value::Null, Some(json!({"cpu": "100m", "memory": "1Gi"})));
        check(
            Rule::ContainerRequests,
            json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}),
            Value::Null,
            None,
        );
    }

    #[test]
    fn host_ports_are_those_of_the_host_network() {
        let port = json!({"containerPort": 80});
        check(Rule::HostPort, port.clone(), json!({"spec": {"hostNetwork": true}}), Some(json!(80)));
        check(
            Rule::HostPort,
            port.clone(),
            json!({"spec": {"template": {"spec": {"hostNetwork": true}}}}),
            Some(json!(80)),
        );
        check(Rule::HostPort, port, json!({"spec": {"containers": []}}), None);
    }

    #[test]
    fn both_names_of_the_service_account_are_one() {
        check(Rule::ServiceAccountMirror, json!({"serviceAccountName": "a"}), Value::Null, Some(json!("a")));
        check(Rule::ServiceAccountName, json!({"serviceAccount": "a"}), Value::Null, Some(json!("a")));
        check(Rule::ServiceAccountMirror, json!({}), Value::Null, None);
        check(Rule::PodServiceAccountName, json!({}), Value::Null, Some(json!("default")));
    }
}
