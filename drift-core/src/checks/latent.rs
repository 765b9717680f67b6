//! Latent breaks: what runs well only because it was started before.

use crate::k8s::pod::{ConfigUse, config_uses, pod_spec};
use crate::k8s::scheduling::{NodeWithPods, fits_node};
use crate::key::ResourceKey;
use crate::object::{Node, Object};
use crate::schema::Quantity;
use crate::time::format_time;

use super::{CheckContext, Problem};

/// Returns `true` if an object makes pods and is not itself made by one that does.
fn makes_pods(key: &ResourceKey, object: &Object) -> bool {
    let owned = object.root().at(&["metadata", "ownerReferences"]).is_some_and(|o| !o.is_empty());
    &*key.kind != "Pod"
        && pod_spec(object).is_some()
        && !(owned && matches!(&*key.kind, "ReplicaSet" | "Job"))
}

fn has_key(object: &Object, key: &str) -> bool {
    ["data", "binaryData", "stringData"]
        .iter()
        .any(|f| object.root().get(f).and_then(|d| d.get(key)).is_some())
}

/// ConfigMaps that every namespace gets by itself, and may not have on a tape of a part.
fn is_given(name: &str) -> bool {
    matches!(name, "kube-root-ca.crt" | "openshift-service-ca.crt")
}

pub(super) fn missing_config(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    object: &Object,
) -> Vec<Problem> {
    if !makes_pods(key, object) {
        return Vec::new();
    }
    let Some((path, spec)) = pod_spec(object) else { return Vec::new() };
    let mut out: Vec<Problem> = Vec::new();
    for u in config_uses(spec, &path).into_iter().filter(|u| !u.is_optional && !is_given(&u.name)) {
        let kind = u.source.kind();
        let missing = match (scene.get("", kind, &key.namespace, &u.name), &u.key) {
            (None, _) if scene.is_absent("", kind, &key.namespace, &u.name) => {
                format!("{kind} {} is not there", u.name)
            }
            (Some(o), Some(k)) if !has_key(o, k) => format!("{kind} {} has no key {k}", u.name),
            _ => continue,
        };
        if out.iter().all(|p| p.message != missing) {
            out.push(Problem::new(missing, format!("read at {}", u.path)));
        }
    }
    out
}

pub(super) fn missing_account(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    object: &Object,
) -> Vec<Problem> {
    if !makes_pods(key, object) {
        return Vec::new();
    }
    let name = pod_spec(object).and_then(|(_, s)| s.str_at(&["serviceAccountName"]));
    match name {
        Some(name) if name != "default" && scene.is_absent("", "ServiceAccount", &key.namespace, name) => {
            vec![Problem::new(
                format!("ServiceAccount {name} is not there"),
                "serviceAccountName of the template",
            )]
        }
        _ => Vec::new(),
    }
}

pub(super) fn missing_claim(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    object: &Object,
) -> Vec<Problem> {
    if !makes_pods(key, object) {
        return Vec::new();
    }
    let Some((_, spec)) = pod_spec(object) else { return Vec::new() };
    let volumes = spec.get("volumes").into_iter().flat_map(Node::children);
    let claims = volumes.filter_map(|v| v.str_at(&["persistentVolumeClaim", "claimName"]));
    let gone = claims.filter(|c| scene.is_absent("", "PersistentVolumeClaim", &key.namespace, c));
    gone.map(|c| Problem::new(format!("PersistentVolumeClaim {c} is not there"), "volumes of the template"))
        .collect()
}

pub(super) fn missing_class(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    object: &Object,
) -> Vec<Problem> {
    let mut named: Vec<(&str, &str, String)> = Vec::new();
    let text = |path: &[&str]| object.root().str_at(path).map(str::to_owned);
    if makes_pods(key, object)
        && let Some((_, spec)) = pod_spec(object)
    {
        let of = |f: &str| spec.str_at(&[f]).map(str::to_owned);
        named.extend(of("priorityClassName").map(|n| ("scheduling.k8s.io", "PriorityClass", n)));
        named.extend(of("runtimeClassName").map(|n| ("node.k8s.io", "RuntimeClass", n)));
    }
    match (&*key.group, &*key.kind) {
        ("", "PersistentVolumeClaim") if text(&["status", "phase"]).as_deref() != Some("Bound") => {
            named.extend(text(&["spec", "storageClassName"]).map(|n| ("storage.k8s.io", "StorageClass", n)));
        }
        ("apps", "StatefulSet") => {
            let templates =
                object.root().at(&["spec", "volumeClaimTemplates"]).into_iter().flat_map(Node::children);
            let classes = templates.filter_map(|t| t.str_at(&["spec", "storageClassName"]));
            named.extend(classes.map(|n| ("storage.k8s.io", "StorageClass", n.to_owned())));
        }
        ("networking.k8s.io", "Ingress") => {
            named.extend(
                text(&["spec", "ingressClassName"]).map(|n| ("networking.k8s.io", "IngressClass", n)),
            );
        }
        _ => {}
    }
    // The two priority classes of the system are there without being listed.
    let gone = named
        .into_iter()
        .filter(|(g, k, n)| !n.is_empty() && !n.starts_with("system-") && scene.is_absent(g, k, "", n));
    gone.map(|(_, kind, name)| {
        Problem::new(format!("{kind} {name} is not there"), "named by its specification")
    })
    .collect()
}

pub(super) fn missing_pull_secret(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    object: &Object,
) -> Vec<Problem> {
    if !makes_pods(key, object) {
        return Vec::new();
    }
    let Some((_, spec)) = pod_spec(object) else { return Vec::new() };
    let names =
        spec.get("imagePullSecrets").into_iter().flat_map(Node::children).filter_map(|s| s.str_at(&["name"]));
    let gone = names.filter(|n| scene.is_absent("", "Secret", &key.namespace, n));
    gone.map(|n| Problem::new(format!("Secret {n} is not there"), "imagePullSecrets of the template"))
        .collect()
}

/// A variable is read once, when the container starts.
pub(super) fn stale_variable(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    object: &Object,
) -> Vec<Problem> {
    if (&*key.group, &*key.kind) != ("", "Pod")
        || object.root().str_at(&["status", "phase"]) != Some("Running")
    {
        return Vec::new();
    }
    let Some((path, spec)) = pod_spec(object) else { return Vec::new() };
    let Some(born) = scene.case.history().versions(key).first() else { return Vec::new() };
    let mut out: Vec<Problem> = Vec::new();
    for u in config_uses(spec, &path).into_iter().filter(|u| !u.is_live) {
        let source = ResourceKey::new("", u.source.kind(), &key.namespace, &u.name);
        let changes = scene.case.changes_of(&source);
        let newer = changes.iter().rev().find(|c| born.is_before(&c.mark) && touches(c, &u));
        if let Some(change) = newer
            && out.iter().all(|p| !p.message.contains(&*u.name))
        {
            let message = format!("{} {} changed after the pod started", u.source.kind(), u.name);
            out.push(Problem::new(
                message,
                format!("changed at {}, read at {}", format_time(change.mark.at.time), u.path),
            ));
        }
    }
    out
}

fn touches(change: &crate::history::Change, u: &ConfigUse) -> bool {
    use crate::path::PathElement;
    change.fields.iter().any(|f| {
        let data = ["data", "binaryData"].iter().any(|d| f.path.starts_with_fields(&[d]));
        let key = match f.path.elements().get(1) {
            Some(PathElement::Field(name)) => Some(&**name),
            _ => None,
        };
        data && (u.key.is_none() || key.is_none() || key == u.key.as_deref())
    })
}

pub(super) fn no_node_fits(scene: &CheckContext<'_, '_>, key: &ResourceKey, object: &Object) -> Vec<Problem> {
    if !makes_pods(key, object) || &*key.kind == "DaemonSet" {
        return Vec::new();
    }
    let Some((_, spec)) = pod_spec(object) else { return Vec::new() };
    // An empty node: what runs there now would make place for itself.
    let mut nodes =
        scene.of_kind("", "Node").map(|(_, node)| NodeWithPods { node, pods: Vec::new() }).peekable();
    if nodes.peek().is_none() || !scene.knows_all("", "Node", "") || nodes.any(|r| fits_node(spec, &r)) {
        return Vec::new();
    }
    vec![Problem::new("no node would take its pods", "labels, taints, and allocatable of all nodes, empty")]
}

fn quantity(node: Node<'_>) -> Option<Quantity> {
    let text = node.as_str().map(str::to_owned).or_else(|| node.as_i64().map(|i| i.to_string()))?;
    text.parse().ok()
}

pub(super) fn quota_exhausted(_: &CheckContext<'_, '_>, key: &ResourceKey, object: &Object) -> Vec<Problem> {
    if (&*key.group, &*key.kind) != ("", "ResourceQuota") {
        return Vec::new();
    }
    let hard = object.root().at(&["spec", "hard"]).into_iter().flat_map(Node::children);
    let one = |h: Node<'_>| {
        let used = quantity(object.root().at(&["status", "used"])?.get(h.key())?)?;
        let limit = quantity(h)?;
        (used >= limit && limit.nanos() > 0)
            .then(|| Problem::new(format!("{} is used up", h.key()), format!("used {used} of {limit}")))
    };
    hard.filter_map(one).collect()
}

pub(super) fn admission_level(
    scene: &CheckContext<'_, '_>,
    key: &ResourceKey,
    object: &Object,
) -> Vec<Problem> {
    if !makes_pods(key, object) {
        return Vec::new();
    }
    let Some((_, spec)) = pod_spec(object) else { return Vec::new() };
    let namespace = scene.get("", "Namespace", "", &key.namespace);
    let level = namespace.and_then(|n| n.label("pod-security.kubernetes.io/enforce")).unwrap_or("privileged");
    let broken = violation(spec, level);
    let show = |what: &str| {
        Problem::new(format!("violates the Pod Security level {level}: {what}"), "label of the namespace")
    };
    broken.map(show).into_iter().collect()
}

/// Names the first rule of a Pod Security level that a pod spec breaks; the rules that break most often.
fn violation(spec: Node<'_>, level: &str) -> Option<&'static str> {
    if !matches!(level, "baseline" | "restricted") {
        return None;
    }
    let is = |n: Node<'_>, path: &[&str]| n.at(path).and_then(Node::as_bool) == Some(true);
    if ["hostNetwork", "hostPID", "hostIPC"].iter().any(|f| is(spec, &[f])) {
        return Some("it shares a namespace of the host");
    }
    if spec.get("volumes").into_iter().flat_map(Node::children).any(|v| v.get("hostPath").is_some()) {
        return Some("it mounts a path of the host");
    }
    let containers =
        || ["initContainers", "containers"].into_iter().flat_map(|l| spec.get(l)).flat_map(Node::children);
    if containers().any(|c| is(c, &["securityContext", "privileged"])) {
        return Some("a container is privileged");
    }
    if level == "restricted" {
        let no_root = |c: Node<'_>| {
            is(c, &["securityContext", "runAsNonRoot"]) || is(spec, &["securityContext", "runAsNonRoot"])
        };
        if !containers().all(no_root) {
            return Some("runAsNonRoot is not set");
        }
        let off = |c: Node<'_>| {
            c.at(&["securityContext", "allowPrivilegeEscalation"]).and_then(Node::as_bool) == Some(false)
        };
        if !containers().all(off) {
            return Some("allowPrivilegeEscalation is not false");
        }
    }
    None
}
