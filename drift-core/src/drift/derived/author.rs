//! Who made a live object, as far as it says so itself.

use jiff::{SignedDuration, Timestamp};

use crate::k8s::annotations::{BookkeepingKind, LAST_APPLIED, bookkeeping_kind};
use crate::k8s::hooks::is_hook;
use crate::k8s::managers::{self, ManagerKind, manager_kind};
use crate::k8s::records::is_applier_record;
use crate::object::{Doc, Node, Object};
use crate::ownership::{OwnerEntry, OwnerView};

use super::evidence::{domain, is_custom, is_reserved, marks, names_copy};
use crate::drift::controllers::{asks, is_called_controller, is_certificate};

/// Who made a live object that nobody declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::drift) enum ObjectAuthor {
    /// The platform, an engine for itself, or the controller of an object that the live one names as its owner.
    Platform,
    /// A person, who made it or took it from its owner, or an engine that applies what is declared elsewhere.
    Applier,
    /// It does not say: what it follows from may.
    Unknown,
}

/// Times in managedFields are whole seconds.
const SAME_MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// Returns `true` for a Kubernetes Event: a report, and most of what is live.
pub(in crate::drift) fn is_event(object: &Object) -> bool {
    object.kind() == "Event" && matches!(object.group(), "" | "events.k8s.io")
}

/// Returns who made a live object, by nothing but the object.
pub(in crate::drift) fn author_of(object: &Object) -> ObjectAuthor {
    if is_event(object) {
        return ObjectAuthor::Platform;
    }
    let root = object.root();
    let is_owned = root.at(&["metadata", "ownerReferences"]).is_some_and(|o| !o.is_empty());
    if is_owned || is_of_namespace(object) {
        return ObjectAuthor::Platform;
    }
    let owners = OwnerView::of(object);
    let is_of_engine = is_hook(object) || is_applier_record(object);
    if is_of_engine && !is_by_hand(object, &owners) {
        return ObjectAuthor::Platform;
    }
    if is_applied(object, &owners) || is_orphan(object, &owners) {
        return ObjectAuthor::Applier;
    }
    let is_platform = match (object.group(), object.kind()) {
        // The platform makes them for a workload, and leaves them when that is gone.
        ("", "PersistentVolumeClaim") => false,
        ("", "Endpoints" | "PodTemplate" | "Binding")
        | (_, "EndpointSlice" | "Lease" | "ControllerRevision") => true,
        ("", "Secret") if root.str_at(&["type"]) == Some("kubernetes.io/service-account-token") => true,
        _ if is_reserved(object) => true,
        ("metrics.k8s.io", _) | ("storage.k8s.io", "CSIStorageCapacity") => true,
        _ => oldest(&owners).is_some_and(|e| managers::is_platform(e.manager)),
    };
    // A mark that may be of what it follows from leaves open who made it.
    let is_open = owners.entries.is_empty() && is_labelled(object);
    let is_found = || !is_open && (is_report(object) || is_trust_bundle(object, &owners));
    if is_platform || is_leader_record(object) || names_copy(object) || is_found() {
        return ObjectAuthor::Platform;
    }
    ObjectAuthor::Unknown
}

/// Objects that stand in every namespace, whoever has changed them since.
fn is_of_namespace(object: &Object) -> bool {
    let is_of_kind = match (object.group(), object.kind()) {
        ("", "ServiceAccount") => object.name() == "default",
        // The control plane's own.
        ("", "ConfigMap") => object.name() == "kube-root-ca.crt",
        ("", "Service") => object.name() == "kubernetes" && object.namespace() == "default",
        _ => false,
    };
    is_of_kind || object.label("kubernetes.io/bootstrapping").is_some()
}

/// Returns `true` if somebody applied the object: by hand, or an engine from what is declared elsewhere.
fn is_applied(object: &Object, owners: &OwnerView<'_>) -> bool {
    let is_mark = |(name, _): (&str, &str)| bookkeeping_kind(name) == Some(BookkeepingKind::Ownership);
    let is_marked = || marks(object).any(is_mark);
    // What carries no mark may be an engine's own.
    let is_engine = |e: &OwnerEntry<'_>| {
        let names = managers::ARGO_CD.iter().chain(managers::FLUX_KUSTOMIZE).chain(managers::HELM);
        let applies = names.chain([&managers::FLUX_HELM]).any(|name| *name == e.manager);
        e.subresource.is_empty() && (applies || managers::is_engine(e.manager) && is_marked())
    };
    // An owner of the annotation is known; without owners it is all there is.
    let by_hand = if owners.entries.is_empty() {
        object.annotation(LAST_APPLIED).is_some()
    } else {
        is_by_hand(object, owners)
    };
    // Controllers hand on the labels of what they work for, and without owners nothing shows whose those are.
    let is_noted =
        || annotations(object).any(|n| bookkeeping_kind(n.key()) == Some(BookkeepingKind::Ownership));
    by_hand || owners.entries.iter().any(is_engine) || owners.entries.is_empty() && is_noted()
}

/// Returns `true` if a label says which application an object belongs to: its own, or of what it follows from.
pub(super) fn is_labelled(object: &Object) -> bool {
    let labels = object.root().at(&["metadata", "labels"]).into_iter().flat_map(Node::children);
    labels.map(Node::key).any(|key| bookkeeping_kind(key) == Some(BookkeepingKind::Ownership))
}

fn annotations(object: &Object) -> impl Iterator<Item = Node<'_>> {
    object.root().at(&["metadata", "annotations"]).into_iter().flat_map(Node::children)
}

/// Returns `true` for what the control plane makes for an owner only, and that has none any more: a Pod whose labels were changed, a
/// ReplicaSet whose Deployment was deleted without it.
fn is_orphan(object: &Object, owners: &OwnerView<'_>) -> bool {
    let is_of_kind =
        matches!((object.group(), object.kind()), ("", "Pod") | ("apps", "ReplicaSet") | ("batch", "Job"));
    // The node writes the Pods of its own files under another name.
    is_of_kind && oldest(owners).is_some_and(|e| e.manager == "kube-controller-manager")
}

/// Returns `true` if a person made the object.
///
/// Whoever wrote at the moment of its creation made it; later writers only touched what was there, unless nobody else is left.
fn is_by_hand(object: &Object, owners: &OwnerView<'_>) -> bool {
    let created = created_at(object);
    // The parent of a set is kubectl's record, which it writes under a name of its own.
    let is_person = |e: &OwnerEntry<'_>| managers::is_by_hand(e.manager) && e.manager != "kubectl-applyset";
    let own = || owners.entries.iter().filter(|e| e.subresource.is_empty());
    let at_creation = |e: &OwnerEntry<'_>| match (e.time(), created) {
        (Some(time), Some(created)) => time <= created + SAME_MOMENT,
        _ => oldest(owners).is_some_and(|first| first.time() == e.time()),
    };
    own().any(|e| is_person(e) && at_creation(e)) || own().next().is_some() && own().all(is_person)
}

/// Returns when an object was created.
pub(super) fn created_at(object: &Object) -> Option<Timestamp> {
    object.root().str_at(&["metadata", "creationTimestamp"])?.parse().ok()
}

/// Returns `true` for the certificates of an authority that are handed out to whoever has to trust it, as service meshes and
/// platforms do in every namespace: they are public, and no person and no engine wrote them.
fn is_trust_bundle(object: &Object, owners: &OwnerView<'_>) -> bool {
    let data = || object.root().get("data").into_iter().flat_map(Node::children);
    let is_bundle = object.group().is_empty()
        && object.kind() == "ConfigMap"
        && object.root().get("binaryData").is_none()
        && data().next().is_some()
        && (data().all(is_certificate) || is_filled_by_request(object));
    is_bundle
        && match owners.entries.is_empty() {
            // Without owners a mark of who hands them out has to show it.
            true => marks(object).any(|(name, _)| domain(name).is_some()),
            false => !makers(object).is_empty(),
        }
}

/// Returns `true` if a controller made an object that asks for certificates, which are blanked or cut out of some dumps.
fn is_filled_by_request(object: &Object) -> bool {
    let mut entries = object.root().get("data").into_iter().flat_map(Node::children).map(Node::key);
    let is_certificate = |name: &str| [".crt", ".pem"].iter().any(|end| name.ends_with(end));
    asks(object) && entries.all(is_certificate) && makers(object).into_iter().any(is_called_controller)
}

/// Returns `true` if nobody but a manager wrote an object at the time of its first entry.
pub(super) fn is_made_by(object: &Object, manager: &str) -> bool {
    let owners = OwnerView::of(object);
    let first = oldest(&owners).map(OwnerEntry::time);
    let mut own = owners.entries.iter().filter(|e| e.subresource.is_empty() && Some(e.time()) == first);
    first.is_some() && own.all(|e| e.manager == manager)
}

fn oldest<'s, 'a>(owners: &'s OwnerView<'a>) -> Option<&'s OwnerEntry<'a>> {
    owners.entries.iter().filter(|e| e.subresource.is_empty()).min_by_key(|e| e.time())
}

/// Returns the managers of an object's own fields that are neither a person nor an engine: controllers, and tools of any kind.
pub(super) fn makers(object: &Object) -> Vec<&str> {
    let owners = OwnerView::of(object);
    let own = owners.entries.iter().filter(|e| e.subresource.is_empty());
    own.map(|e| e.manager).filter(|m| manager_kind(m) == ManagerKind::Other).collect()
}

/// Fields of objects that report and declare nothing: `PolicyReport` and the like.
const REPORT_FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "status",
    "results",
    "report",
    "summary",
    "scope",
    "scopeSelector",
    "source",
];

/// Returns `true` for a custom resource that declares nothing: what a scanner or a policy engine found.
fn is_report(object: &Object) -> bool {
    is_custom(object) && object.root().children().all(|field| REPORT_FIELDS.contains(&field.key()))
}

/// Returns `true` if whoever leads a group of controllers keeps its lease in the object.
fn is_leader_record(object: &Object) -> bool {
    let record = object.annotation("control-plane.alpha.kubernetes.io/leader");
    let doc = record.and_then(|text| Doc::from_json(text.as_bytes()).ok());
    doc.as_ref().and_then(|d| d.root().get("holderIdentity")).and_then(Node::as_str).is_some()
}
