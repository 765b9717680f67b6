//! The pod spec, wherever it is: in a pod, or in the template of what makes pods; and where it takes configuration from.
//!
//! After `staging/src/k8s.io/api/core/v1/types.go` (`PodSpec`, `EnvVarSource`, `VolumeSource`) and the workload types of
//! `apps/v1` and `batch/v1`.

use crate::object::{Node, Object};
use crate::path::{FieldPath, PathElement, Scalar};

/// Returns the pod spec of a pod or of what makes pods, with its path.
pub fn pod_spec(object: &Object) -> Option<(FieldPath, Node<'_>)> {
    let path: &[&str] = match (object.group(), object.kind()) {
        ("", "Pod") => &["spec"],
        ("", "PodTemplate") => &["template", "spec"],
        ("batch", "CronJob") => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => &["spec", "template", "spec"],
    };
    let node = object.root().at(path)?;
    node.get("containers").is_some().then(|| (FieldPath::of(path), node))
}

/// Returns the labels that pods of this object get: of a pod its own.
pub fn template_labels(object: &Object) -> Option<Node<'_>> {
    let path: &[&str] = match (object.group(), object.kind()) {
        ("", "Pod") => &["metadata", "labels"],
        ("", "PodTemplate") => &["template", "metadata", "labels"],
        ("batch", "CronJob") => &["spec", "jobTemplate", "spec", "template", "metadata", "labels"],
        _ => &["spec", "template", "metadata", "labels"],
    };
    object.root().at(path)
}

/// Which kind of object configuration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigSource {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl ConfigSource {
    /// Names the kind.
    pub fn kind(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// One place at which a pod takes configuration from a ConfigMap or a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigUse {
    /// Which kind.
    pub source: ConfigSource,
    /// Which object.
    pub name: String,
    /// Which key; `None` for all of them.
    pub key: Option<String>,
    /// Whether the pod starts without it.
    pub is_optional: bool,
    /// Whether a running container sees changes: files of a volume, and not variables.
    pub is_live: bool,
    /// Where in the pod spec.
    pub path: FieldPath,
}

pub(crate) fn named(list: &str, name: &str) -> [PathElement; 2] {
    [PathElement::from(list), PathElement::key([("name", Scalar::Str(name.into()))])]
}

pub(crate) fn below(path: &FieldPath, elements: &[PathElement]) -> FieldPath {
    let mut path = path.clone();
    elements.iter().for_each(|e| path.push(e.clone()));
    path
}

pub(crate) fn fields(path: &FieldPath, names: &[&str]) -> FieldPath {
    let mut path = path.clone();
    names.iter().for_each(|n| path.push(PathElement::from(*n)));
    path
}

pub(crate) const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Returns all containers of a pod spec with their paths.
pub(crate) fn containers<'a>(spec: Node<'a>, path: &FieldPath) -> Vec<(FieldPath, Node<'a>)> {
    let mut out = Vec::new();
    for list in CONTAINERS {
        for container in spec.get(list).into_iter().flat_map(Node::children) {
            let name = container.str_at(&["name"]).unwrap_or_default();
            out.push((below(path, &named(list, name)), container));
        }
    }
    out
}

/// Returns where a pod spec takes configuration from.
pub fn config_uses(spec: Node<'_>, path: &FieldPath) -> Vec<ConfigUse> {
    let mut out = Vec::new();
    for (at, container) in containers(spec, path) {
        for env in container.get("env").into_iter().flat_map(Node::children) {
            let at = below(&at, &named("env", env.str_at(&["name"]).unwrap_or_default()));
            variable(env, &at, &mut out);
        }
        for (i, from) in container.get("envFrom").into_iter().flat_map(Node::children).enumerate() {
            let at = below(&at, &[PathElement::from("envFrom"), PathElement::Index(i)]);
            for (field, source) in
                [("configMapRef", ConfigSource::ConfigMap), ("secretRef", ConfigSource::Secret)]
            {
                if let Some(r) = from.get(field) {
                    out.push(used(source, r, None, Reads::AtStart, fields(&at, &[field])));
                }
            }
        }
    }
    for volume in spec.get("volumes").into_iter().flat_map(Node::children) {
        let at = below(path, &named("volumes", volume.str_at(&["name"]).unwrap_or_default()));
        volume_uses(volume, &at, &mut out);
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    AtStart,
    Live,
}

fn used(source: ConfigSource, r: Node<'_>, key: Option<&str>, reads: Reads, path: FieldPath) -> ConfigUse {
    let name = r.str_at(&["name"]).or_else(|| r.str_at(&["secretName"])).unwrap_or_default();
    ConfigUse {
        source,
        name: name.to_owned(),
        key: key.map(str::to_owned),
        is_optional: r.get("optional").and_then(Node::as_bool) == Some(true),
        is_live: reads == Reads::Live,
        path,
    }
}

fn variable(env: Node<'_>, at: &FieldPath, out: &mut Vec<ConfigUse>) {
    let Some(from) = env.get("valueFrom") else { return };
    for (field, source) in
        [("configMapKeyRef", ConfigSource::ConfigMap), ("secretKeyRef", ConfigSource::Secret)]
    {
        if let Some(r) = from.get(field) {
            out.push(used(source, r, r.str_at(&["key"]), Reads::AtStart, fields(at, &["valueFrom", field])));
        }
    }
}

fn volume_uses(volume: Node<'_>, at: &FieldPath, out: &mut Vec<ConfigUse>) {
    let mut one = |source, r: Node<'_>, path: FieldPath| {
        let items: Vec<_> = r.get("items").into_iter().flat_map(Node::children).collect();
        if items.is_empty() {
            out.push(used(source, r, None, Reads::Live, path));
        } else {
            let keys = items.iter().filter_map(|i| i.str_at(&["key"]));
            out.extend(keys.map(|k| used(source, r, Some(k), Reads::Live, path.clone())));
        }
    };
    for (field, source) in [("configMap", ConfigSource::ConfigMap), ("secret", ConfigSource::Secret)] {
        if let Some(r) = volume.get(field) {
            one(source, r, fields(at, &[field]));
        }
        for projected in volume.at(&["projected", "sources"]).into_iter().flat_map(Node::children) {
            if let Some(r) = projected.get(field) {
                one(source, r, fields(at, &["projected", field]));
            }
        }
    }
}
