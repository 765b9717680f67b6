//! Which field managers are controllers, and which fields are their own, by what the object itself shows.
//!
//! A name says little: every operator's binary is called `manager`. What shows is what a manager does:
//!
//! | a manager that is no person | what it adds is its own |
//! |---|---|
//! | writes the object's status | everywhere in the object |
//! | adds a value that the status reports | there: it was allocated |
//! | adds a finalizer or an owner reference | there: only controllers do that |
//! | writes a key of the object's own API group, or one whose domain or name carries the manager's name | that key |
//! | writes a field at the top of a custom resource whose name ends with `status` | there |
//! | notes in an annotation which Secret it made for a service account, and that lists the Secret | that annotation |
//! | fills the data of an object that is declared without any, and asks for that by a label or an annotation | there |
//! | does one of these three | its other labels and annotations on the object, where they have a domain |
//! | writes an annotation that is a document | that annotation: programs write those for themselves |
//! | is called controller, operator or manager | labels and annotations that have a domain |
//! | puts a certificate authority where the API server looks for one | there |
//!
//! A person is never a controller, whatever he writes, and neither is the engine of somebody else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::k8s::managers::{ManagerKind, is_client_library, manager_kind};
use crate::k8s::tracking::is_tracking_label;
use crate::object::{Doc, Kind, Node, Object};
use crate::ownership::{OwnerEntry, OwnerView};
use crate::path::{FieldPath, PathElement, Scalar};

use super::derived::is_custom;
use super::injected::is_injected;

/// Returns `true` if what is live and not declared is the own of the controller that wrote it.
pub(super) fn owns_addition(
    entry: &OwnerEntry<'_>,
    path: &FieldPath,
    live: Node<'_>,
    (declared, object, managed): (&Object, &Object, &OwnerView<'_>),
) -> bool {
    let kind = manager_kind(entry.manager);
    // No person writes a status with a library's name.
    if kind == ManagerKind::Person && !(is_client_library(entry.manager) && writes_status(entry, managed)) {
        return false;
    }
    if writes_status(entry, managed) || is_served_certificate(path, live) {
        return true;
    }
    if kind == ManagerKind::Engine {
        return false;
    }
    let is_asked = is_data(path) && asks_for_data(declared);
    let is_mark = || ["labels", "annotations"].iter().any(|map| path.starts_with_fields(&["metadata", map]));
    is_asked
        || is_controllers_field(entry.manager, path, live, object)
        || is_mark()
            && (owns_lifetime(entry, managed)
                || works_here(entry, declared, object, managed)
                    && keys(&path.elements()[2..], live).all(|(name, _)| name.contains('/')))
}

/// Returns `true` if what is live and not declared lies in a field that only controllers write; the manager is empty where the
/// object does not name it.
pub(super) fn is_controllers_field(manager: &str, path: &FieldPath, live: Node<'_>, object: &Object) -> bool {
    if is_served_certificate(path, live) || manager.is_empty() && is_injected(path, live, object) {
        return true;
    }
    match path.elements() {
        [PathElement::Field(top), PathElement::Field(map), key @ ..] if &**top == "metadata" => {
            match &**map {
                "finalizers" | "ownerReferences" => true,
                "labels" | "annotations" => keys(key, live).all(|(name, value)| {
                    is_own_key(name, manager, object.group())
                        || is_called_controller(manager) && name.contains('/')
                        || &**map == "annotations"
                            && (is_document(value) || names_own_secret(name, value, object))
                }),
                _ => false,
            }
        }
        [PathElement::Field(list), ..] if object.group().is_empty() && object.kind() == "ServiceAccount" => {
            matches!(&**list, "secrets" | "imagePullSecrets") && is_made_for(path, live, object.name())
        }
        [PathElement::Field(top), ..] if top.to_ascii_lowercase().ends_with("status") => is_custom(object),
        // What is reported may be a person's, where nothing names who wrote.
        [PathElement::Field(top), ..] if &**top == "spec" => !manager.is_empty() && is_reported(live, object),
        [PathElement::Field(_), ..] if is_data(path) => is_named_by_group(manager),
        _ => false,
    }
}

/// Returns `true` for the record of a controller in an annotation that is declared as well, as in a manifest that was exported.
pub(super) fn owns_annotation(entry: &OwnerEntry<'_>, path: &FieldPath, object: &Object) -> bool {
    let name = match path.elements() {
        [_, _, PathElement::Field(name)] if path.starts_with_fields(&["metadata", "annotations"]) => name,
        _ => return false,
    };
    let kind = manager_kind(entry.manager);
    !matches!(kind, ManagerKind::Person | ManagerKind::Engine)
        && is_own_key(name, entry.manager, object.group())
}

/// Returns `true` if a declared value is there for a controller to replace: a certificate authority that is a placeholder, or that
/// the declaration asks for; data that it asks for and leaves empty; the rules of a role that others are aggregated into.
pub(super) fn fills_declared(
    entry: &OwnerEntry<'_>,
    path: &FieldPath,
    (desired, live): (Node<'_>, Node<'_>),
    declared: &Object,
) -> bool {
    let is_asked = || is_data(path) && desired.as_str() == Some("") && asks_for_data(declared);
    let serves = || is_served_certificate(path, live) && (!is_certificate(desired) || asks(declared));
    let aggregates =
        || path.starts_with_fields(&["rules"]) && declared.root().get("aggregationRule").is_some();
    manager_kind(entry.manager) != ManagerKind::Person && (serves() || is_asked() || aggregates())
}

/// Returns `true` if the manager also writes the object's status.
fn writes_status(entry: &OwnerEntry<'_>, managed: &OwnerView<'_>) -> bool {
    managed.entries.iter().any(|e| e.manager == entry.manager && e.owns_status())
}

/// Returns `true` if the manager shows elsewhere in the object that it works on it: by a record of its own, or by data that it was
/// asked for.
fn works_here(entry: &OwnerEntry<'_>, declared: &Object, object: &Object, managed: &OwnerView<'_>) -> bool {
    let own = || managed.entries.iter().filter(|e| e.manager == entry.manager);
    let noted = |map: &str| {
        let all = object.root().at(&["metadata", map]).into_iter().flat_map(Node::children);
        all.filter(|n| is_own_key(n.key(), entry.manager, object.group()))
            .any(|n| own().any(|e| e.touches(&FieldPath::of(&["metadata", map, n.key()]))))
    };
    let filled = || own().any(|e| DATA.iter().any(|field| e.touches(&FieldPath::of(&[field]))));
    noted("annotations") || noted("labels") || asks_for_data(declared) && filled()
}

/// Where Secrets and ConfigMaps hold what they are for.
const DATA: [&str; 3] = ["data", "stringData", "binaryData"];

fn is_data(path: &FieldPath) -> bool {
    DATA.iter().any(|field| path.starts_with_fields(&[field]))
}

/// Words of a label or annotation by which an object asks a controller to fill it: `config.openshift.io/inject-trusted-cabundle`,
/// `replicator.v1.mittwald.de/replicate-from`.
const REQUESTS: &[&str] = &[
    "inject",
    "injected",
    "replicate",
    "replicated",
    "replication",
    "sync",
    "copy",
    "clone",
    "mirror",
    "reflect",
    "reflects",
    "generate",
    "autogenerate",
    "generated",
    "bundle",
    "cabundle",
    "from",
    "source",
    "serving",
    "fill",
];

/// Returns `true` for an object that is declared without data and asks a controller for some.
fn asks_for_data(declared: &Object) -> bool {
    let is_blank = |n: Node<'_>| n.is_null() || n.as_str() == Some("");
    let is_empty = DATA
        .iter()
        .all(|field| declared.root().get(field).is_none_or(|n| n.is_null() || n.children().all(is_blank)));
    is_empty && asks(declared)
}

/// Returns `true` if a label or an annotation of what is declared asks a controller for something.
pub(super) fn asks(declared: &Object) -> bool {
    let marks =
        ["labels", "annotations"].into_iter().filter_map(|map| declared.root().at(&["metadata", map]));
    let is_request = |key: &str| {
        key.split_once('/').is_some_and(|(_, name)| {
            name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| REQUESTS.contains(&word))
        })
    };
    marks.flat_map(Node::children).any(|n| is_request(n.key()) && n.as_str() != Some("false"))
}

/// Returns `true` if the manager has a say in when the object goes away: it holds a finalizer or made another one its owner.
fn owns_lifetime(entry: &OwnerEntry<'_>, managed: &OwnerView<'_>) -> bool {
    let [finalizers, owners] =
        ["finalizers", "ownerReferences"].map(|name| FieldPath::of(&["metadata", name]));
    let own = managed.entries.iter().filter(|e| e.manager == entry.manager);
    own.into_iter().any(|e| e.touches(&finalizers) || e.touches(&owners))
}

/// Returns `true` if the name of a manager says that it is a controller, as `cluster-policy-controller` does.
pub(super) fn is_called_controller(manager: &str) -> bool {
    let mut words = manager.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|w| matches!(w, "controller" | "operator" | "manager"))
}

/// Returns `true` if a manager is called by an API group and what it works on, as `externalsecrets.external-secrets.io/web` is.
fn is_named_by_group(manager: &str) -> bool {
    manager.split_once('/').is_some_and(|(group, name)| group.contains('.') && !name.is_empty())
}

/// Returns `true` if the status of the object reports the value: an address that was given out, an identifier that was made.
fn is_reported(value: Node<'_>, object: &Object) -> bool {
    const SHORT: usize = 6;
    let is = |text: &str| object.root().get("status").is_some_and(|status| holds(status, text));
    match value.kind() {
        Kind::Str => value.as_str().is_some_and(|text| text.len() >= SHORT && is(text)),
        Kind::List => !value.is_empty() && value.children().all(|child| is_reported(child, object)),
        _ => false,
    }
}

fn holds(node: Node<'_>, text: &str) -> bool {
    match node.kind() {
        Kind::Str => node.as_str() == Some(text),
        Kind::List | Kind::Map => node.children().any(|child| holds(child, text)),
        _ => false,
    }
}

/// The keys of labels or annotations at a path: one, or all of a whole map.
pub(super) fn keys<'a>(
    key: &'a [PathElement],
    live: Node<'a>,
) -> Box<dyn Iterator<Item = (&'a str, Node<'a>)> + 'a> {
    match key {
        [PathElement::Field(name)] => Box::new(std::iter::once((&**name, live))),
        [] if live.kind() == Kind::Map && !live.is_empty() => Box::new(live.children().map(|n| (n.key(), n))),
        _ => Box::new(std::iter::once(("", live))),
    }
}

/// Returns `true` if the domain of a key is the object's API group or one around it, or if the domain or the name carries the
/// manager's name.
///
/// For example `pki.example.com/seal` on an object of the group `pki.example.com`, `karpenter.sh/nodepool` by `karpenter`, and
/// `weave.works/kured-reboot-in-progress` by `kured`.
fn is_own_key(key: &str, manager: &str, group: &str) -> bool {
    let Some((domain, name)) = key.split_once('/') else { return false };
    let is_of_group = group.contains('.') && !group.ends_with(".k8s.io");
    is_of_group && (is_within(domain, group) || is_within(group, domain))
        || carries_name(domain, manager)
        || is_called_after(name, manager)
}

/// Names of managers that are words of anything: what a client in some language is called, what is deployed, and where.
const COMMON_WORDS: &[&str] = &[
    "agent",
    "api",
    "app",
    "client",
    "config",
    "deploy",
    "job",
    "java",
    "k8s",
    "kubernetes",
    "main",
    "node",
    "pod",
    "python",
    "release",
    "ruby",
    "script",
    "server",
    "service",
    "worker",
];

/// Returns `true` if the name of a key carries the manager's: a name of several words anywhere, one of a single word in front.
fn is_called_after(name: &str, manager: &str) -> bool {
    let is_distinct =
        || manager.contains(['-', '_', '.']) || name.starts_with(manager) && !COMMON_WORDS.contains(&manager);
    manager.len() > 2 && is_named(name, manager) && is_distinct()
}

/// Returns `true` for a label or annotation, of an object or of a template in it, by which a tool that applies marks what it applied
/// as its own: a key under a domain that carries its name, or its name in `app.kubernetes.io/managed-by`.
pub(super) fn is_mark_of(manager: &str, path: &FieldPath, live: Node<'_>) -> bool {
    let at = path.elements().iter().position(|e| matches!(e, PathElement::Field(f) if &**f == "metadata"));
    let Some([PathElement::Field(map), key @ ..]) = at.map(|at| &path.elements()[at + 1..]) else {
        return false;
    };
    let names_tool = |tool: &str| tool.len() > 2 && is_named(manager, &tool.to_ascii_lowercase());
    matches!(&**map, "labels" | "annotations")
        && keys(key, live).all(|(key, value)| {
            key.split_once('/').is_some_and(|(domain, _)| carries_name(domain, manager))
                || key == "app.kubernetes.io/managed-by" && value.as_str().is_some_and(names_tool)
        })
}

/// Returns `true` if what is live and not declared is the label by which the engine that wrote it tracks the object.
pub(super) fn is_engines_label(manager: &str, path: &FieldPath, live: Node<'_>, object: &Object) -> bool {
    path.starts_with_fields(&["metadata", "labels"])
        && keys(&path.elements()[2..], live).all(|(key, _)| is_tracking_label(key, manager, object))
}

/// Returns `true` if a domain is another one, or lies below it.
pub(super) fn is_within(inner: &str, outer: &str) -> bool {
    inner == outer || inner.strip_suffix(outer).is_some_and(|head| head.ends_with('.'))
}

fn carries_name(domain: &str, manager: &str) -> bool {
    // The name under which a domain is registered: `karpenter` of `karpenter.sh`, but not `release-bot` of `release.example.com`. In the
    // domains of Kubernetes itself every project has a name of its own: `nfd` of `nfd.node.kubernetes.io`.
    let of_kubernetes = ["kubernetes.io", "k8s.io", "x-k8s.io"].iter().any(|of| is_within(domain, of));
    // Who is called exactly as a domain begins is it, whatever the word: `olm` of `olm.operatorgroup.uid`.
    if domain.split('.').next() == Some(manager) {
        return true;
    }
    let mut labels = domain.split('.');
    let name = if of_kubernetes { labels.next() } else { labels.nth_back(1) }.unwrap_or_default();
    name.len() > 2 && !matches!(name, "app" | "k8s" | "kubernetes") && is_named(manager, name)
}

/// Returns `true` if a manager's name holds another as whole words, as `cert-manager-certificates-issuing` does `cert-manager`.
fn is_named(manager: &str, name: &str) -> bool {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    manager.match_indices(name).any(|(at, _)| {
        !word(manager[..at].chars().next_back()) && !word(manager[at + name.len()..].chars().next())
    })
}

/// Returns `true` for what a tool that is no engine adds to what it applies: an owner, or a copy of what it applied in an annotation.
pub(super) fn is_note_of_applier(path: &FieldPath, live: Node<'_>, object: &Object) -> bool {
    path.starts_with_fields(&["metadata", "ownerReferences"])
        || path.starts_with_fields(&["metadata", "annotations"])
            && keys(&path.elements()[2..], live).all(|(_, value)| is_copy(value, object))
}

/// Returns `true` for a text that is the object as somebody applied it.
pub(super) fn is_copy(value: Node<'_>, object: &Object) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.trim_start().starts_with('{')
        && Doc::from_json(text.as_bytes()).is_ok_and(|doc| {
            let root = doc.root();
            root.str_at(&["kind"]) == Some(object.kind())
                && root.str_at(&["metadata", "name"]) == Some(object.name())
        })
}

/// Returns `true` if an annotation holds a document: what programs write for themselves.
fn is_document(value: Node<'_>) -> bool {
    let text = value.as_str().unwrap_or_default().trim_start();
    text.starts_with(['{', '['])
        && serde_json::from_str::<serde_json::Value>(text).is_ok_and(|v| v.is_object() || v.is_array())
}

/// Returns `true` if what a ServiceAccount lists is named after it, as the tokens and pull secrets that are made for it are.
fn is_made_for(path: &FieldPath, live: Node<'_>, account: &str) -> bool {
    let is_after = |name: &str| is_after(name, account);
    match path.elements().last() {
        Some(PathElement::Key(fields)) => {
            fields.iter().any(|(_, value)| matches!(value, Scalar::Str(name) if is_after(name)))
        }
        _ => {
            live.kind() == Kind::List
                && !live.is_empty()
                && live.children().all(|e| e.str_at(&["name"]).is_some_and(is_after))
        }
    }
}

/// Returns `true` for an annotation of a ServiceAccount that names a Secret made for it, which the account lists.
fn names_own_secret(key: &str, value: Node<'_>, account: &Object) -> bool {
    let name = value.as_str().unwrap_or_default();
    let lists = || ["secrets", "imagePullSecrets"].into_iter().filter_map(|list| account.root().get(list));
    account.group().is_empty()
        && account.kind() == "ServiceAccount"
        && key.contains('/')
        && is_after(name, account.name())
        && lists().flat_map(Node::children).any(|one| one.str_at(&["name"]) == Some(name))
}

fn is_after(name: &str, account: &str) -> bool {
    name.strip_prefix(account).is_some_and(|rest| rest.starts_with('-'))
}

/// Returns `true` for the certificate authority by which the API server knows a webhook, a conversion or an extension server.
fn is_served_certificate(path: &FieldPath, live: Node<'_>) -> bool {
    matches!(path.elements().last(), Some(PathElement::Field(f)) if &**f == "caBundle")
        && is_certificate(live)
}

/// Returns `true` if a value is certificates in PEM form, in base64 or as they are.
pub(in crate::drift) fn is_certificate(value: Node<'_>) -> bool {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let Some(text) = value.as_str() else { return false };
    if text.contains(BEGIN) {
        return true;
    }
    let bare: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    STANDARD.decode(bare).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(BEGIN))
}
