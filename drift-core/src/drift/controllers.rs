//! Which field managers are controllers, and which fields are their own, by what the object itself shows.
//!
//! A name says little: every operator's binary is called `manager`. What shows is what a manager does. Who writes the status of
//! an object is its controller; only controllers write finalizers and owner references; a key of the object's own API group, or
//! of a domain that carries the manager's name, is the record of its controller; and so is an annotation that is a document.
//! A person is never a controller, whatever he writes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::k8s::managers::{ManagerKind, manager_kind};
use crate::object::{Kind, Node, Object};
use crate::ownership::{OwnerEntry, OwnerView};
use crate::path::{FieldPath, PathElement, Scalar};

/// Returns `true` if what is live and not declared is the own of the controller that wrote it.
pub(super) fn owns_addition(
    entry: &OwnerEntry<'_>,
    path: &FieldPath,
    live: Node<'_>,
    (object, managed): (&Object, &OwnerView<'_>),
) -> bool {
    let kind = manager_kind(entry.manager);
    if kind == ManagerKind::Person {
        return false;
    }
    if writes_status(entry, managed) || is_served_certificate(path, live) {
        return true;
    }
    if kind == ManagerKind::Engine {
        return false;
    }
    match path.elements() {
        [PathElement::Field(top), PathElement::Field(map), key @ ..] if &**top == "metadata" => {
            match &**map {
                "finalizers" | "ownerReferences" => true,
                "labels" | "annotations" => keys(key, live).all(|(name, value)| {
                    is_own_key(name, entry.manager, object.group())
                        || &**map == "annotations" && is_document(value)
                }),
                _ => false,
            }
        }
        [PathElement::Field(list), ..] if object.group().is_empty() && object.kind() == "ServiceAccount" => {
            matches!(&**list, "secrets" | "imagePullSecrets") && is_made_for(path, live, object.name())
        }
        _ => false,
    }
}

/// Returns `true` if a declared value was put in place by who serves with it: a certificate authority over none or a placeholder.
pub(super) fn fills_placeholder(
    entry: &OwnerEntry<'_>,
    path: &FieldPath,
    desired: Node<'_>,
    live: Node<'_>,
) -> bool {
    manager_kind(entry.manager) != ManagerKind::Person
        && is_served_certificate(path, live)
        && !is_certificate(desired)
}

/// Returns `true` if the manager also writes the object's status.
fn writes_status(entry: &OwnerEntry<'_>, managed: &OwnerView<'_>) -> bool {
    managed.entries.iter().any(|e| e.manager == entry.manager && e.owns_status())
}

/// The keys of labels or annotations at a path: one, or all of a whole map.
fn keys<'a>(key: &'a [PathElement], live: Node<'a>) -> Box<dyn Iterator<Item = (&'a str, Node<'a>)> + 'a> {
    match key {
        [PathElement::Field(name)] => Box::new(std::iter::once((&**name, live))),
        [] if live.kind() == Kind::Map && !live.is_empty() => Box::new(live.children().map(|n| (n.key(), n))),
        _ => Box::new(std::iter::once(("", live))),
    }
}

/// Returns `true` if the domain of a key is the object's API group or one around it, or carries the manager's name.
///
/// For example `pki.example.com/seal` on an object of the group `pki.example.com`, and `karpenter.sh/nodepool` by `karpenter`.
fn is_own_key(key: &str, manager: &str, group: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else { return false };
    let within = |inner: &str, outer: &str| {
        inner == outer || inner.strip_suffix(outer).is_some_and(|head| head.ends_with('.'))
    };
    if group.contains('.') && !group.ends_with(".k8s.io") && (within(domain, group) || within(group, domain))
    {
        return true;
    }
    // The name under which a domain is registered: `karpenter` of `karpenter.sh`, but not `release` of `release.example.com`.
    let registered = domain.rsplit('.').nth(1).unwrap_or_default();
    registered.len() > 2 && registered != "k8s" && registered != "kubernetes" && is_named(manager, registered)
}

/// Returns `true` if a manager's name holds another as whole words, as `cert-manager-certificates-issuing` does `cert-manager`.
fn is_named(manager: &str, name: &str) -> bool {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    manager.match_indices(name).any(|(at, _)| {
        !word(manager[..at].chars().next_back()) && !word(manager[at + name.len()..].chars().next())
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
    let is_after = |name: &str| name.strip_prefix(account).is_some_and(|rest| rest.starts_with('-'));
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

/// Returns `true` for the certificate authority by which the API server knows a webhook, a conversion or an extension server.
fn is_served_certificate(path: &FieldPath, live: Node<'_>) -> bool {
    matches!(path.elements().last(), Some(PathElement::Field(f)) if &**f == "caBundle")
        && is_certificate(live)
}

/// Returns `true` if a value is certificates in PEM form, in base64 or as they are.
fn is_certificate(value: Node<'_>) -> bool {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let Some(text) = value.as_str() else { return false };
    if text.contains(BEGIN) {
        return true;
    }
    let bare: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    STANDARD.decode(bare).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(BEGIN))
}
