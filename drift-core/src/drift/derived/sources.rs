//! Evidence beside names and custom resources: a source that is named in two marks, who guards a namespace, and the accounts to
//! which the platform gives rights.

use crate::k8s::managers::{ManagerKind, manager_kind};
use crate::object::{Node, Object};
use crate::ownership::OwnerView;
use crate::path::FieldPath;

use super::author::{ObjectAuthor, author_of, created_at, makers};
use super::evidence::{Origin, domain, is_related, marks};
use crate::drift::controllers::is_called_controller;

/// Words by which a label or annotation says of what an object was made.
const SOURCE_WORDS: [&str; 2] = ["source", "origin"];

/// Returns `true` if two marks of one domain say by name and namespace that an object was made of another one:
/// `example.com/sourceName` and `example.com/sourceNamespace`.
pub(super) fn names_source(object: &Object, origin: Origin<'_>) -> bool {
    let says = |word: &str, what: &str, value: &str| {
        let found = marks(object).filter(move |(_, v)| *v == value).filter_map(|(key, _)| {
            let (domain, name) = (domain(key)?, key.rsplit('/').next()?.to_ascii_lowercase());
            (name.contains(word) && name.ends_with(what)).then_some(domain)
        });
        found.collect::<Vec<_>>()
    };
    !origin.namespace.is_empty()
        && SOURCE_WORDS.iter().any(|word| {
            let by_name = says(word, "name", origin.object.name());
            !by_name.is_empty()
                && says(word, "namespace", origin.namespace).iter().any(|of| by_name.contains(of))
        })
}

/// Returns the managers that hold a finalizer on a Namespace: only controllers do that, for what they have in it.
pub(super) fn guards_of(namespace: &Object) -> Vec<&str> {
    let finalizers = FieldPath::of(&["metadata", "finalizers"]);
    let owners = OwnerView::of(namespace);
    let guards = owners.entries.iter().filter(|e| e.touches(&finalizers)).map(|e| e.manager);
    guards.filter(|m| manager_kind(m) == ManagerKind::Other).collect()
}

/// Returns `true` for what a controller that guards a Namespace made in it, and marked under the domain of its finalizer.
pub(super) fn is_made_by_guard(object: &Object, namespace: &Object) -> bool {
    let finalizers = namespace.root().at(&["metadata", "finalizers"]).into_iter().flat_map(Node::children);
    let mut domains = finalizers.filter_map(|n| domain(n.as_str()?));
    let guards = guards_of(namespace);
    object.namespace() == namespace.name()
        && makers(object).iter().any(|m| guards.contains(m))
        && domains.any(|of| marks(object).filter_map(|(key, _)| domain(key)).any(|by| is_related(by, of)))
}

/// Returns the service accounts to which a binding gives rights.
pub(super) fn subjects_of(binding: &Object) -> impl Iterator<Item = Node<'_>> {
    let subjects = binding.root().get("subjects").into_iter().flat_map(Node::children);
    subjects.filter(|s| s.str_at(&["kind"]) == Some("ServiceAccount"))
}

/// Returns `true` for a service account that came with a live binding of the platform, by a controller as well.
pub(super) fn is_subject_of(account: &Object, binding: &Object) -> bool {
    let is_subject = |s: Node<'_>| {
        let namespace = s.str_at(&["namespace"]).unwrap_or(binding.namespace());
        s.str_at(&["name"]) == Some(account.name()) && namespace == account.namespace()
    };
    let is_unsaid = account.root().at(&["metadata", "managedFields"]).is_none_or(Node::is_empty);
    let by_platform = |m: &&str| is_called_controller(m) || makers(binding).contains(m);
    account.kind() == "ServiceAccount"
        && subjects_of(binding).any(is_subject)
        && created_at(binding).is_some()
        && author_of(binding) == ObjectAuthor::Platform
        && (is_unsaid || makers(account).iter().any(by_platform))
}
