//! What proves that one object follows from another.

use crate::k8s::annotations::{BookkeepingKind, bookkeeping_kind};
use crate::k8s::managers;
use crate::object::{Kind, Node, Object};
use crate::ownership::{OwnerEntry, OwnerView};
use crate::path::FieldPath;
use crate::schema::SchemaSet;

use super::author::{created_at, is_labelled, is_made_by, makers};
use super::sources::{guards_of, is_made_by_guard, is_subject_of, names_source, subjects_of};
use crate::drift::controllers::is_within;

/// An object that others may follow from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    pub(super) object: &'a Object,
    /// Where it is; what is declared may leave that out.
    pub(super) namespace: &'a str,
}

/// Longest name of an object.
const MAX_NAME: usize = 253;

/// Labels that charts and people put on everything that belongs to an app, and that name it as they like.
const GENERIC_LABELS: &[&str] =
    &["app", "name", "app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/component"];

/// Beginnings of field names in which a custom resource says where its controller is to write.
const OUTPUT_FIELDS: &[&str] = &["write", "output", "destination", "generated", "publish"];

/// Returns the labels and annotations of an object.
pub(super) fn marks(object: &Object) -> impl Iterator<Item = (&str, &str)> {
    let of = |name| object.root().at(&["metadata", name]).into_iter().flat_map(Node::children);
    of("labels").chain(of("annotations")).filter_map(|n| Some((n.key(), n.as_str()?)))
}

/// Returns the words by which another object may name this one, or by which this one names another.
pub(super) fn words_of(object: &Object) -> impl Iterator<Item = &str> {
    let name = object.name();
    let is_end = |c: char| c == '-' || c == '.';
    let beginnings = name.char_indices().filter(move |(_, c)| is_end(*c)).map(|(i, _)| &name[..i]);
    let ends = name.char_indices().filter(move |(_, c)| is_end(*c)).map(|(i, _)| &name[i + 1..]);
    let parts = name.split('.');
    // Of a claim `<template>-<set>-<ordinal>`.
    let set =
        name.rsplit_once('-').filter(|(_, n)| n.bytes().all(|b| b.is_ascii_digit())).map(|(rest, _)| rest);
    let sets = set.into_iter().flat_map(move |rest| {
        rest.char_indices().filter(move |(_, c)| is_end(*c)).map(move |(i, _)| &rest[i + 1..])
    });
    let marked = marks(object).filter(|(_, value)| value.len() <= 2 * MAX_NAME).flat_map(|(_, value)| {
        [Some(value), value.rsplit_once('/').map(|(_, name)| name)].into_iter().flatten()
    });
    [name]
        .into_iter()
        .chain(beginnings)
        .chain(ends)
        .chain(parts)
        .chain(sets)
        .chain(marked)
        .chain(makers(object))
        .filter(|w| !w.is_empty())
}

/// Returns `true` for a kind that is no part of Kubernetes: what a controller makes of it is not known here.
pub(in crate::drift) fn is_custom(object: &Object) -> bool {
    // An engine's app declares; what carries its mark and is not declared is what the engine has yet to remove.
    let is_app = object.group().ends_with(".toolkit.fluxcd.io")
        || object.group() == "argoproj.io" && object.kind().starts_with("App");
    !is_app
        && object.group().contains('.')
        && SchemaSet::bundled().scope(object.group(), object.kind()).is_none()
}

/// Returns `true` for an object that others may follow from.
pub(super) fn is_origin(object: &Object) -> bool {
    let kind = (object.group(), object.kind());
    let asks = matches!(kind, ("", "ServiceAccount" | "Service") | ("networking.k8s.io", "Ingress"));
    asks || kind == ("", "Namespace")
        || is_reserved_binding(object)
        || is_workload(object)
        || is_custom(object)
}

fn is_workload(object: &Object) -> bool {
    let kind = (object.group(), object.kind());
    matches!(kind, ("apps", "Deployment" | "StatefulSet" | "DaemonSet") | ("batch", "Job"))
}

/// Returns `true` for a binding with a name that is reserved for the platform.
fn is_reserved_binding(object: &Object) -> bool {
    object.kind().ends_with("RoleBinding") && is_reserved(object)
}

/// Returns `true` for an object of RBAC whose name begins with `system:`, which Kubernetes reserves for the control plane.
pub(super) fn is_reserved(object: &Object) -> bool {
    object.group() == "rbac.authorization.k8s.io" && object.name().starts_with("system:")
}

/// Calls back with the names of the programs that a workload runs, from which clients make the name of their field manager:
/// its own name, and of each container the name, the command and the image, and the ends of these after a `-`.
fn programs_of<'a>(workload: &'a Object, call: &mut dyn FnMut(&'a str)) {
    let mut with_ends = |name: &'a str| {
        call(name);
        name.match_indices('-').for_each(|(at, _)| call(&name[at + 1..]));
    };
    with_ends(workload.name());
    let spec = workload.root().at(&["spec", "template", "spec"]);
    let lists = ["containers", "initContainers"].map(|list| spec.and_then(|s| s.get(list)));
    for container in lists.into_iter().flatten().flat_map(Node::children) {
        let command = container.get("command").and_then(|c| c.children().next()?.as_str());
        let image = container.str_at(&["image"]).map(|i| i.split('@').next().unwrap_or(i));
        let file = |path: &'a str| path.rsplit('/').next().unwrap_or(path);
        let image = image.map(file).map(|i| i.split(':').next().unwrap_or(i));
        [container.str_at(&["name"]), command.map(file), image]
            .into_iter()
            .flatten()
            .for_each(&mut with_ends);
    }
}

/// Returns `true` if a workload runs the program that wrote the object: what it makes in its own namespace is its own.
///
/// The workload came before the program in it: what made the workload as well is a tool from outside.
fn runs_maker(object: &Object, workload: &Object) -> bool {
    let makers: Vec<_> = makers(object).into_iter().filter(|m| !is_made_by(workload, m)).collect();
    let mut found = false;
    programs_of(workload, &mut |name| found |= makers.contains(&name));
    found
}

/// Calls back with every word that an origin gives to what follows from it: its name, and the names that it holds.
pub(super) fn offered_by<'a>(origin: &'a Object, offer: &mut dyn FnMut(&'a str)) {
    if is_workload(origin) {
        return programs_of(origin, offer);
    }
    match origin.kind() {
        "Namespace" if origin.group().is_empty() => return guards_of(origin).into_iter().for_each(offer),
        _ if is_reserved_binding(origin) => {
            return subjects_of(origin).filter_map(|s| s.str_at(&["name"])).for_each(offer);
        }
        _ => {}
    }
    offer(origin.name());
    if let Some(uid) = origin.root().str_at(&["metadata", "uid"]) {
        offer(uid);
    }
    if origin.kind() != "ServiceAccount" {
        for part in ["spec", "status"] {
            origin.root().get(part).into_iter().for_each(|n| texts(n, offer));
        }
        marks(origin).for_each(|(_, value)| offer_name(value, offer));
    }
}

fn texts<'a>(node: Node<'a>, offer: &mut dyn FnMut(&'a str)) {
    match node.kind() {
        Kind::Str => offer_name(node.as_str().unwrap_or_default(), offer),
        Kind::List | Kind::Map => node.children().for_each(|n| texts(n, offer)),
        _ => {}
    }
}

fn offer_name<'a>(text: &'a str, offer: &mut dyn FnMut(&'a str)) {
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    if !text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(is_name) {
        offer(text);
    }
}

/// Returns `true` if a live object, which does not say who made it, follows from another one.
pub(super) fn follows_from(object: &Object, origin: Origin<'_>) -> bool {
    let is_near = origin.namespace == object.namespace();
    let is_self = is_near && origin.object.name() == object.name() && origin.object.kind() == object.kind();
    if is_self {
        return false;
    }
    if !is_near && !origin.namespace.is_empty() {
        return is_custom(origin.object) && is_made_elsewhere(object, origin);
    }
    match origin.object.kind() {
        "ServiceAccount" => is_account_secret(object, origin.object),
        "Namespace" if origin.object.group().is_empty() => is_made_by_guard(object, origin.object),
        _ if is_reserved_binding(origin.object) => is_subject_of(object, origin.object),
        _ if !is_workload(origin.object) && names_source(object, origin) => true,
        _ if is_claim_of(object, origin.object) => true,
        _ if is_workload(origin.object) => runs_maker(object, origin.object),
        "Ingress" | "Service" => {
            is_asked_for(object, origin.object)
                || is_custom(object)
                    && (marks(object).any(|(_, value)| value == origin.object.name())
                        || mentions(object, origin.object.name()))
                    && is_by_controller(object, origin.object)
        }
        _ => is_custom(origin.object) && is_made_for(object, origin.object),
    }
}

/// Returns `true` for the credentials that the platform makes for a service account, and links to it.
fn is_account_secret(secret: &Object, account: &Object) -> bool {
    let uid = secret.annotation("kubernetes.io/service-account.uid");
    let own = account.root().str_at(&["metadata", "uid"]);
    secret.kind() == "Secret"
        && secret.annotation("kubernetes.io/service-account.name") == Some(account.name())
        && (uid.is_none() || own.is_none() || uid == own)
}

/// Returns `true` for a claim that was made from a template of a StatefulSet, or of a custom kind that has them.
fn is_claim_of(claim: &Object, set: &Object) -> bool {
    let Some((rest, ordinal)) = claim.name().rsplit_once('-') else { return false };
    let Some(template) = rest.strip_suffix(set.name()).and_then(|t| t.strip_suffix('-')) else {
        return false;
    };
    let templates = set.root().at(&["spec", "volumeClaimTemplates"]);
    let mut templates = templates.into_iter().flat_map(Node::children);
    let labels = set.root().at(&["spec", "selector", "matchLabels"]);
    claim.kind() == "PersistentVolumeClaim"
        && !ordinal.is_empty()
        && ordinal.bytes().all(|b| b.is_ascii_digit())
        && templates.any(|t| t.str_at(&["metadata", "name"]) == Some(template))
        // The controller gives each claim the labels that it selects by.
        && labels.into_iter().flat_map(Node::children).all(|l| claim.label(l.key()) == l.as_str())
}

/// Returns `true` for what an Ingress or a Service asks a controller for by an annotation, and names.
fn is_asked_for(object: &Object, asking: &Object) -> bool {
    let asked = asking.root().at(&["metadata", "annotations"]).into_iter().flat_map(Node::children);
    let mut asked = asked.filter_map(|a| domain(a.key()));
    let names = mentions(asking, object.name());
    names && asked.any(|by| marks(object).filter_map(|(k, _)| domain(k)).any(|of| is_related(by, of)))
}

/// Returns `true` for what the controller of a custom resource makes.
fn is_made_for(object: &Object, custom: &Object) -> bool {
    let uid = custom.root().str_at(&["metadata", "uid"]);
    let is_record = |(name, _): &(&str, &str)| bookkeeping_kind(name) != Some(BookkeepingKind::Ownership);
    let own = || marks(object).filter(is_record);
    let of_group = |name: &str| domain(name).is_some_and(|d| is_related(d, custom.group()));
    let is_named = |value: &str| {
        value == custom.name() || value.rsplit_once('/').is_some_and(|(_, name)| name == custom.name())
    };
    let is_owner = |name: &str| name.to_ascii_lowercase().contains("owner");
    let is_owned = |value: &str| {
        is_named(value) && own().any(|(name, kind)| is_owner(name) && kind.contains(custom.kind()))
    };
    let is_recorded = |(name, value): (&str, &str)| {
        uid == Some(value) || of_group(name) && is_named(value) || is_owner(name) && is_owned(value)
    };
    if own().any(is_recorded) {
        return true;
    }
    let mentioned = mentions(custom, object.name());
    if mentioned && own().any(|(name, _)| of_group(name)) || is_named_by_kind(object, custom) {
        return true;
    }
    let is_linked = mentioned || is_named_after(object, custom) || own().any(|(_, value)| is_named(value));
    if is_linked && is_by_controller(object, custom) {
        return true;
    }
    let is_later = match (created_at(object), created_at(custom)) {
        (Some(object), Some(custom)) => object >= custom,
        _ => true,
    };
    let is_stripped = object.root().at(&["metadata", "managedFields"]).is_none_or(Node::is_empty);
    let by_label = || own().any(|(name, value)| value == custom.name() && !GENERIC_LABELS.contains(&name));
    is_later && (is_output(object, custom) || is_stripped && !is_labelled(object) && by_label())
}

/// Returns `true` for what the controller of a custom resource makes in another namespace, to where no owner reference can lead.
///
/// It names the custom resource together with its namespace in marks of that one's group, or bears its uid; or the controller that
/// reports on the custom resource wrote it, and one names the other.
fn is_made_elsewhere(object: &Object, origin: Origin<'_>) -> bool {
    let (custom, name, namespace) = (origin.object, origin.object.name(), origin.namespace);
    let uid = custom.root().str_at(&["metadata", "uid"]);
    let is_record = |(name, _): &(&str, &str)| bookkeeping_kind(name) != Some(BookkeepingKind::Ownership);
    let own = || marks(object).filter(is_record);
    let prefix = |key: &str| key.split_once('/').map(|(domain, _)| domain.to_owned());
    let is_of_namespace = |key: &str| {
        let words = key.rsplit('/').next().unwrap_or(key).to_ascii_lowercase();
        words.contains("namespace") || words.split(['-', '.', '_']).any(|word| word == "ns")
    };
    // In one mark, or in two of one domain.
    let is_whole = |key: &str, value: &str| {
        value.split_once('/') == Some((namespace, name))
            || value == name
                && own().any(|(other, ns)| {
                    ns == namespace && other != key && is_of_namespace(other) && prefix(other) == prefix(key)
                })
    };
    let of_group = |key: &str| domain(key).is_some_and(|d| is_related(d, custom.group()));
    let is_its = |(key, value): (&str, &str)| uid == Some(value) || of_group(key) && is_whole(key, value);
    let is_linked = || {
        own().any(|(key, value)| value == name || is_whole(key, value))
            || custom.root().get("status").is_some_and(|status| lists(status, object))
    };
    let is_later = || match (created_at(object), created_at(custom)) {
        (Some(object), Some(custom)) => object >= custom,
        _ => true,
    };
    own().any(is_its) || is_linked() && is_later() && is_by_controller(object, custom)
}

/// Returns `true` if an object is listed somewhere below a status, by name and namespace.
fn lists(node: Node<'_>, object: &Object) -> bool {
    let is = |field: &str, want: &str| node.str_at(&[field]).is_some_and(|value| value == want);
    let is_kind = || node.str_at(&["kind"]).is_none_or(|kind| kind == object.kind());
    matches!(node.kind(), Kind::Map | Kind::List)
        && (node.kind() == Kind::Map
            && is("name", object.name())
            && is("namespace", object.namespace())
            && is_kind()
            || node.children().any(|child| lists(child, object)))
}

/// Returns `true` if a custom resource says that its controller is to write the object.
fn is_output(object: &Object, custom: &Object) -> bool {
    let is_data = object.group().is_empty() && matches!(object.kind(), "Secret" | "ConfigMap");
    is_data && custom.root().get("spec").is_some_and(|spec| names_output(spec, object.name()))
}

/// Looks for `writeSecretToRef: {name: …}`, `target: {name: …}`, `outputSecret: …`: deeper down, and in lists, stands what a
/// controller reads to get there.
fn names_output(node: Node<'_>, name: &str) -> bool {
    let is = |n: Option<Node<'_>>| n.and_then(Node::as_str) == Some(name);
    node.kind() == Kind::Map
        && node.children().any(|child| {
            let key = child.key();
            let says_so = key == "target" || OUTPUT_FIELDS.iter().any(|field| key.starts_with(field));
            let fields = ["name", "secretName", "configMapName"];
            says_so && (is(Some(child)) || fields.iter().any(|field| is(child.get(field))))
                || names_output(child, name)
        })
}

/// Returns `true` if a controller of the custom resource wrote the object: it also writes the status or a finalizer of that.
fn is_by_controller(object: &Object, custom: &Object) -> bool {
    let owners = OwnerView::of(custom);
    let [spec, status, finalizers] =
        [&["spec"][..], &["status"], &["metadata", "finalizers"]].map(FieldPath::of);
    let reports = |e: &OwnerEntry<'_>| !e.touches(&spec) && (e.touches(&status) || e.touches(&finalizers));
    let controllers: Vec<&str> = owners
        .entries
        .iter()
        .filter(|e| e.subresource == "status" || reports(e))
        .map(|e| e.manager)
        .filter(|m| !managers::is_by_hand(m) && !managers::is_engine(m))
        .collect();
    !controllers.is_empty() && makers(object).iter().any(|m| controllers.contains(m))
}

/// Returns `true` if an object is called as the custom resource, with something before or behind.
fn is_named_after(object: &Object, custom: &Object) -> bool {
    let is_sign = |c: char| c == '-' || c == '.';
    let (name, of) = (object.name(), custom.name());
    name == of
        || name.strip_prefix(of).is_some_and(|rest| rest.starts_with(is_sign))
        || name.strip_suffix(of).is_some_and(|rest| rest.ends_with(is_sign))
}

/// Returns `true` if the name of an object holds the name and ends with the group of the custom resource.
fn is_named_by_kind(object: &Object, custom: &Object) -> bool {
    let rest = object.name().strip_suffix(custom.group()).and_then(|rest| rest.strip_suffix('.'));
    rest.is_some_and(|rest| rest.split('.').any(|part| part == custom.name()))
}

/// Returns `true` if an object holds a name somewhere.
fn mentions(object: &Object, name: &str) -> bool {
    let mut found = false;
    offered_by(object, &mut |word| found |= word == name);
    found
}

/// Returns `true` if an object says of itself that it is a copy of the object of its name in another namespace.
pub(super) fn names_copy(object: &Object) -> bool {
    let (namespace, name) = (object.namespace(), object.name());
    let elsewhere = |ns: &str| !ns.is_empty() && ns != namespace;
    let is_record = |(name, _): &(&str, &str)| bookkeeping_kind(name) != Some(BookkeepingKind::Ownership);
    // Where only the namespace is said, the name is its own.
    let is_source =
        |key: &str| key.split_once('/').is_some_and(|(_, k)| k.split('-').any(|word| word == "from"));
    marks(object).filter(is_record).any(|(key, value)| {
        if domain(key).is_some() && is_source(key) && elsewhere(value) && !value.contains('/') {
            return true;
        }
        let whole = value.split_once('/').is_some_and(|(ns, of)| elsewhere(ns) && of == name);
        let Some(by) = domain(key).filter(|_| whole || value == name) else { return false };
        // In two marks: one with the name, and one that says of which namespace.
        whole
            || marks(object).any(|(other, ns)| {
                domain(other) == Some(by) && other.to_ascii_lowercase().contains("namespace") && elsewhere(ns)
            })
    })
}

/// Returns the domain of a label or annotation; `None` without one, and for those of Kubernetes, which everybody sets.
pub(super) fn domain(name: &str) -> Option<&str> {
    let domain = name.split_once('/')?.0;
    (!is_within(domain, "kubernetes.io") && !is_within(domain, "k8s.io")).then_some(domain)
}

/// Returns `true` if of two domains one is, or is below, the other.
pub(super) fn is_related(a: &str, b: &str) -> bool {
    let below = |a: &str, b: &str| b.contains('.') && is_within(a, b);
    below(a, b) || below(b, a)
}
