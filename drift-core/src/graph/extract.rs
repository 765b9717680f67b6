//! What one object refers to: a pure function of the object.

use std::sync::Arc;

use crate::key::ResourceKey;
use crate::object::{Node, Object};
use crate::path::{FieldPath, PathElement};

use super::edge::{Evidence, Relation};
use super::host::is_address_name;
use super::pod::spec_references;
use super::reference::{Reference, ReferenceSink};
use super::rules::EdgeRules;
use crate::k8s::pod::pod_spec;

/// Returns everything an object refers to, sorted; what it selects by labels is not in it.
pub fn references(key: &ResourceKey, object: &Object, rules: &EdgeRules) -> Vec<Reference> {
    let mut sink = ReferenceSink::new(&key.cluster);
    metadata(key, object, &mut sink);
    if let Some((path, spec)) = pod_spec(object) {
        spec_references(spec, &path, &key.namespace, &mut sink);
    }
    built_in(key, object, &mut sink);
    engines(key, object, &mut sink);
    rules.apply(key, object, &mut sink);
    sink.into_sorted()
}

fn metadata(key: &ResourceKey, object: &Object, sink: &mut ReferenceSink) {
    for owner in object.root().at(&["metadata", "ownerReferences"]).into_iter().flat_map(Node::children) {
        let api = owner.str_at(&["apiVersion"]).unwrap_or_default();
        let group = api.rsplit_once('/').map_or("", |(group, _)| group);
        let (Some(kind), Some(name)) = (owner.str_at(&["kind"]), owner.str_at(&["name"])) else { continue };
        let is_global = matches!((group, kind), ("", "Node" | "Namespace" | "PersistentVolume"))
            || kind.starts_with("Cluster");
        let namespace = if is_global { "" } else { &*key.namespace };
        sink.put(Relation::OwnedBy, ResourceKey::new(group, kind, namespace, name), Evidence::OwnerReference);
    }
    if !key.namespace.is_empty() && lives_under_rules(key) {
        let namespace = ResourceKey::new("", "Namespace", "", &key.namespace);
        sink.field(Relation::Within, namespace, FieldPath::of(&["metadata", "namespace"]));
    }
    let marks = [
        (
            "kustomize.toolkit.fluxcd.io/name",
            "kustomize.toolkit.fluxcd.io/namespace",
            "kustomize.toolkit.fluxcd.io",
            "Kustomization",
        ),
        (
            "helm.toolkit.fluxcd.io/name",
            "helm.toolkit.fluxcd.io/namespace",
            "helm.toolkit.fluxcd.io",
            "HelmRelease",
        ),
    ];
    for (name, namespace, group, kind) in marks {
        if let (Some(n), Some(ns)) = (object.label(name), object.label(namespace)) {
            sink.put(
                Relation::ManagedBy,
                ResourceKey::new(group, kind, ns, n),
                Evidence::Tracking(name.into()),
            );
        }
    }
    if let Some(id) = object.annotation("argocd.argoproj.io/tracking-id")
        && let Some((app, _)) = id.split_once(':')
    {
        // `namespace_name` where Applications live in any namespace; the control plane's own is the usual one.
        let (namespace, name) = app.split_once('_').unwrap_or(("argocd", app));
        let to = ResourceKey::new("argoproj.io", "Application", namespace, name);
        sink.put(Relation::ManagedBy, to, Evidence::Tracking("argocd.argoproj.io/tracking-id".into()));
    }
    if let Some(name) = object.annotation("meta.helm.sh/release-name") {
        let ns = object.annotation("meta.helm.sh/release-namespace").unwrap_or(&key.namespace);
        let to = ResourceKey::new("helm.toolkit.fluxcd.io", "HelmRelease", ns, name);
        sink.put(Relation::ManagedBy, to, Evidence::Annotation("meta.helm.sh/release-name".into()));
    }
}

/// Returns `true` if quotas, limits and labels of its namespace decide about an object.
fn lives_under_rules(key: &ResourceKey) -> bool {
    matches!(
        (&*key.group, &*key.kind),
        ("", "Pod" | "ResourceQuota" | "LimitRange" | "PersistentVolumeClaim" | "Service")
            | ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("batch", "Job" | "CronJob")
            | ("networking.k8s.io", "NetworkPolicy")
    )
}

fn text<'a>(object: &'a Object, path: &[&str]) -> Option<&'a str> {
    object.root().str_at(path)
}

/// Names a target at a path of plain fields.
fn name_at(
    object: &Object,
    sink: &mut ReferenceSink,
    relation: Relation,
    path: &[&str],
    group: &str,
    kind: &str,
    namespace: &str,
) {
    if let Some(name) = text(object, path) {
        sink.field(relation, ResourceKey::new(group, kind, namespace, name), FieldPath::of(path));
    }
}

fn built_in(key: &ResourceKey, object: &Object, sink: &mut ReferenceSink) {
    let ns = &*key.namespace;
    match (&*key.group, &*key.kind) {
        ("discovery.k8s.io", "EndpointSlice") => {
            if let Some(service) = object.label("kubernetes.io/service-name") {
                let to = ResourceKey::new("", "Service", ns, service);
                sink.put(Relation::Reports, to, Evidence::Tracking("kubernetes.io/service-name".into()));
            }
        }
        ("", "PersistentVolumeClaim") => {
            name_at(object, sink, Relation::BackedBy, &["spec", "volumeName"], "", "PersistentVolume", "");
            name_at(
                object,
                sink,
                Relation::BackedBy,
                &["spec", "storageClassName"],
                "storage.k8s.io",
                "StorageClass",
                "",
            );
        }
        ("", "PersistentVolume") => {
            name_at(
                object,
                sink,
                Relation::BackedBy,
                &["spec", "storageClassName"],
                "storage.k8s.io",
                "StorageClass",
                "",
            );
        }
        ("apps", "StatefulSet") => stateful_set(object, ns, sink),
        ("autoscaling", "HorizontalPodAutoscaler") => {
            target(object, &["spec", "scaleTargetRef"], Relation::Scales, ns, sink)
        }
        ("autoscaling.k8s.io", "VerticalPodAutoscaler") => {
            target(object, &["spec", "targetRef"], Relation::Scales, ns, sink)
        }
        ("networking.k8s.io", "Ingress") => ingress(object, ns, sink),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => binding(object, ns, sink),
        ("", "ServiceAccount") => {
            for list in ["secrets", "imagePullSecrets"] {
                for secret in object.root().get(list).into_iter().flat_map(Node::children) {
                    let to = ResourceKey::new("", "Secret", ns, secret.str_at(&["name"]).unwrap_or_default());
                    sink.field(Relation::Uses, to, FieldPath::of(&[list]));
                }
            }
        }
        ("admissionregistration.k8s.io", _) => webhooks(object, sink),
        ("apiregistration.k8s.io", "APIService") => {
            if let (Some(name), Some(namespace)) =
                (text(object, &["spec", "service", "name"]), text(object, &["spec", "service", "namespace"]))
            {
                let to = ResourceKey::new("", "Service", namespace, name);
                sink.field(Relation::Calls, to, FieldPath::of(&["spec", "service"]));
            }
        }
        ("", "ConfigMap") => config_map(object, &key.namespace, sink),
        _ => custom(key, sink),
    }
}

/// A custom resource is defined by a CRD; its plural is not in the object, so the link is by group and kind.
fn custom(key: &ResourceKey, sink: &mut ReferenceSink) {
    let is_custom = key.group.contains('.') && !key.group.ends_with(".k8s.io");
    if is_custom && &*key.kind != "CustomResourceDefinition" {
        let plural = plural(&key.kind);
        let crd = format!("{plural}.{}", key.group);
        let to = ResourceKey::new("apiextensions.k8s.io", "CustomResourceDefinition", "", &crd);
        sink.put(Relation::DefinedBy, to, Evidence::Inferred("plural of the kind".into()));
    }
}

/// Guesses the plural of a kind as Kubernetes' own generators do.
fn plural(kind: &str) -> String {
    let lower = kind.to_ascii_lowercase();
    match lower.as_bytes().last() {
        Some(b's' | b'x') => lower + "es",
        Some(b'y') if !lower.ends_with("ay") && !lower.ends_with("ey") => {
            lower[..lower.len() - 1].to_owned() + "ies"
        }
        _ => lower + "s",
    }
}

fn config_map(object: &Object, namespace: &Arc<str>, sink: &mut ReferenceSink) {
    for entry in object.root().get("data").into_iter().flat_map(Node::children) {
        let rule = format!("address in key {}", entry.key());
        sink.hosts(entry.as_str().unwrap_or_default(), is_address_name(entry.key()), namespace, &rule);
    }
}

fn stateful_set(object: &Object, ns: &str, sink: &mut ReferenceSink) {
    name_at(object, sink, Relation::Routes, &["spec", "serviceName"], "", "Service", ns);
    for template in object.root().at(&["spec", "volumeClaimTemplates"]).into_iter().flat_map(Node::children) {
        if let Some(class) = template.str_at(&["spec", "storageClassName"]) {
            let to = ResourceKey::new("storage.k8s.io", "StorageClass", "", class);
            sink.field(Relation::BackedBy, to, FieldPath::of(&["spec", "volumeClaimTemplates"]));
        }
    }
}

/// A reference by `apiVersion`, `kind` and `name`.
fn target(object: &Object, path: &[&str], relation: Relation, ns: &str, sink: &mut ReferenceSink) {
    let Some(r) = object.root().at(path) else { return };
    let api = r.str_at(&["apiVersion"]).unwrap_or_default();
    let group = api.rsplit_once('/').map_or("", |(g, _)| g);
    if let (Some(kind), Some(name)) = (r.str_at(&["kind"]), r.str_at(&["name"])) {
        sink.field(relation, ResourceKey::new(group, kind, ns, name), FieldPath::of(path));
    }
}

fn ingress(object: &Object, ns: &str, sink: &mut ReferenceSink) {
    name_at(
        object,
        sink,
        Relation::Uses,
        &["spec", "ingressClassName"],
        "networking.k8s.io",
        "IngressClass",
        "",
    );
    let root = object.root();
    let mut backend = |node: Option<Node<'_>>, path: &[&str]| {
        if let Some(name) = node.and_then(|n| n.str_at(&["service", "name"])) {
            sink.field(Relation::Routes, ResourceKey::new("", "Service", ns, name), FieldPath::of(path));
        }
    };
    backend(root.at(&["spec", "defaultBackend"]), &["spec", "defaultBackend"]);
    for rule in root.at(&["spec", "rules"]).into_iter().flat_map(Node::children) {
        for path in rule.at(&["http", "paths"]).into_iter().flat_map(Node::children) {
            backend(path.get("backend"), &["spec", "rules"]);
        }
    }
    for tls in root.at(&["spec", "tls"]).into_iter().flat_map(Node::children) {
        let name = tls.str_at(&["secretName"]).unwrap_or_default();
        sink.field(Relation::Uses, ResourceKey::new("", "Secret", ns, name), FieldPath::of(&["spec", "tls"]));
    }
}

fn binding(object: &Object, ns: &str, sink: &mut ReferenceSink) {
    let group = "rbac.authorization.k8s.io";
    if let (Some(kind), Some(name)) = (text(object, &["roleRef", "kind"]), text(object, &["roleRef", "name"]))
    {
        let namespace = if kind == "Role" { ns } else { "" };
        sink.field(
            Relation::Grants,
            ResourceKey::new(group, kind, namespace, name),
            FieldPath::of(&["roleRef"]),
        );
    }
    for subject in object.root().get("subjects").into_iter().flat_map(Node::children) {
        if subject.str_at(&["kind"]) == Some("ServiceAccount") {
            let namespace = subject.str_at(&["namespace"]).unwrap_or(ns);
            let name = subject.str_at(&["name"]).unwrap_or_default();
            let to = ResourceKey::new("", "ServiceAccount", namespace, name);
            sink.field(Relation::Grants, to, FieldPath::of(&["subjects"]));
        }
    }
}

fn webhooks(object: &Object, sink: &mut ReferenceSink) {
    for hook in object.root().get("webhooks").into_iter().flat_map(Node::children) {
        let service = hook.at(&["clientConfig", "service"]);
        if let Some((name, namespace)) =
            service.and_then(|s| Some((s.str_at(&["name"])?, s.str_at(&["namespace"])?)))
        {
            let path = FieldPath::of(&["webhooks"]).child(PathElement::key([(
                "name",
                crate::path::Scalar::Str(hook.str_at(&["name"]).unwrap_or_default().into()),
            )]));
            sink.field(Relation::Calls, ResourceKey::new("", "Service", namespace, name), path);
        }
    }
}

fn engines(key: &ResourceKey, object: &Object, sink: &mut ReferenceSink) {
    match (&*key.group, &*key.kind) {
        ("argoproj.io", "Application") => {
            for r in object.root().at(&["status", "resources"]).into_iter().flat_map(Node::children) {
                let get = |field| r.str_at(&[field]).unwrap_or_default();
                let to = ResourceKey::new(get("group"), get("kind"), get("namespace"), get("name"));
                sink.put(Relation::Writes, to, Evidence::Inventory);
            }
        }
        ("kustomize.toolkit.fluxcd.io", "Kustomization") => {
            for e in
                object.root().at(&["status", "inventory", "entries"]).into_iter().flat_map(Node::children)
            {
                // `namespace_name_group_kind`; a colon in a name is written as two underscores.
                let id = e.str_at(&["id"]).unwrap_or_default();
                if let Some((ns, rest)) = id.split_once('_')
                    && let Some((rest, kind)) = rest.rsplit_once('_')
                    && let Some((name, group)) = rest.rsplit_once('_')
                {
                    let name = name.replace("__", ":");
                    sink.put(Relation::Writes, ResourceKey::new(group, kind, ns, &name), Evidence::Inventory);
                }
            }
        }
        _ => {}
    }
}
