//! What a pod, or the template of one, refers to.

use std::sync::Arc;

use crate::k8s::pod::{below, config_uses, containers, fields, named};
use crate::key::ResourceKey;
use crate::object::Node;
use crate::path::FieldPath;

use super::edge::Relation;
use super::host::is_address_name;
use super::reference::ReferenceSink;

/// Adds what a pod spec in a namespace refers to.
pub(super) fn spec_references(
    spec: Node<'_>,
    path: &FieldPath,
    namespace: &Arc<str>,
    sink: &mut ReferenceSink,
) {
    let local = |kind: &str, name: &str| ResourceKey::new("", kind, namespace, name);
    for u in config_uses(spec, path) {
        // Every pod gets these two; they say nothing.
        if matches!(&*u.name, "kube-root-ca.crt" | "openshift-service-ca.crt") || u.name.is_empty() {
            continue;
        }
        sink.field(Relation::Uses, local(u.source.kind(), &u.name), u.path);
    }
    for volume in spec.get("volumes").into_iter().flat_map(Node::children) {
        if let Some(claim) = volume.str_at(&["persistentVolumeClaim", "claimName"]) {
            let at = below(path, &named("volumes", volume.str_at(&["name"]).unwrap_or_default()));
            sink.field(
                Relation::Uses,
                local("PersistentVolumeClaim", claim),
                fields(&at, &["persistentVolumeClaim", "claimName"]),
            );
        }
    }
    for secret in spec.get("imagePullSecrets").into_iter().flat_map(Node::children) {
        if let Some(name) = secret.str_at(&["name"]) {
            sink.field(Relation::Uses, local("Secret", name), below(path, &named("imagePullSecrets", name)));
        }
    }
    if let Some(name) = spec.str_at(&["serviceAccountName"]) {
        sink.field(Relation::Uses, local("ServiceAccount", name), fields(path, &["serviceAccountName"]));
    }
    let global = [
        ("nodeName", "", "Node", Relation::RunsOn),
        ("priorityClassName", "scheduling.k8s.io", "PriorityClass", Relation::Uses),
        ("runtimeClassName", "node.k8s.io", "RuntimeClass", Relation::Uses),
    ];
    for (field, group, kind, relation) in global {
        if let Some(name) = spec.str_at(&[field]) {
            sink.field(relation, ResourceKey::new(group, kind, "", name), fields(path, &[field]));
        }
    }
    talks(spec, path, namespace, sink);
}

/// Concludes from addresses in variables and arguments which Services a pod talks to.
fn talks(spec: Node<'_>, path: &FieldPath, namespace: &Arc<str>, sink: &mut ReferenceSink) {
    for (_, container) in containers(spec, path) {
        for env in container.get("env").into_iter().flat_map(Node::children) {
            let (name, value) = (env.str_at(&["name"]).unwrap_or_default(), env.str_at(&["value"]));
            let rule = format!("address in variable {name}");
            sink.hosts(value.unwrap_or_default(), is_address_name(name), namespace, &rule);
        }
        for list in ["command", "args"] {
            for text in container.get(list).into_iter().flat_map(Node::children).filter_map(Node::as_str) {
                let rule = format!("address in {list}");
                sink.hosts(text, super::host::IsAddress::Unknown, namespace, &rule);
            }
        }
    }
}
