//! Objects in which a tool that applies keeps its records: what it applied, and where it stands.
//!
//! From the tools: Helm's `pkg/storage/driver`, kapp's `pkg/kapp/app`, KEP-3659 (ApplySet), `cli-utils/pkg/inventory` (kpt,
//! Config Sync), Terraform's `internal/backend/remote-state/kubernetes`.

use crate::k8s::annotations::LAST_APPLIED;
use crate::object::Object;

/// Label by which kpt and Config Sync find the list of what they applied.
const INVENTORY: &str = "cli-utils.sigs.k8s.io/inventory-id";

/// Returns `true` if a tool keeps the records of what it applied in an object.
///
/// # Example
/// ```
/// use drift_core::{Object, k8s::records::is_applier_record};
///
/// let state = br#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"tfstate-default-shop","namespace":"ops",
///     "labels":{"tfstate":"true","tfstateSecretSuffix":"shop","tfstateWorkspace":"default"}}}"#;
/// assert!(is_applier_record(&Object::from_json(state).unwrap()));
/// ```
pub fn is_applier_record(object: &Object) -> bool {
    let is_kind = |kinds: &[&str]| object.group().is_empty() && kinds.contains(&object.kind());
    if object.group() == "kpt.dev" && object.kind() == "ResourceGroup" {
        return true;
    }
    // No tool applies its records from a manifest.
    is_kind(&["ConfigMap", "Secret"])
        && object.annotation(LAST_APPLIED).is_none()
        && (is_of_helm(object)
            || is_of_kapp(object)
            || is_of_apply_set(object)
            || is_of_terraform(object)
            || object.label(INVENTORY).is_some())
}

fn is_of_helm(object: &Object) -> bool {
    let by_type = object.root().str_at(&["type"]) == Some("helm.sh/release.v1");
    let named = object.name().starts_with("sh.helm.release.v1.");
    by_type || named && object.label("owner") == Some("helm") || object.label("OWNER") == Some("TILLER")
}

fn is_of_kapp(object: &Object) -> bool {
    let marked = |name: &str| object.label(name).is_some();
    object.kind() == "ConfigMap" && (marked("kapp.k14s.io/is-app") || marked("kapp.k14s.io/is-app-change"))
}

/// The id of a set is a hash of its parent's name: nobody writes one by hand.
fn is_of_apply_set(object: &Object) -> bool {
    let id = object.label("applyset.kubernetes.io/id");
    let hash = id.and_then(|id| id.strip_prefix("applyset-")?.strip_suffix("-v1"));
    hash.is_some_and(|h| h.len() >= 40) && object.annotation("applyset.kubernetes.io/tooling").is_some()
}

fn is_of_terraform(object: &Object) -> bool {
    let suffix = object.label("tfstateSecretSuffix");
    object.kind() == "Secret"
        && object.name().starts_with("tfstate-")
        && object.label("tfstate") == Some("true")
        && suffix.is_some_and(|s| object.name().contains(s))
}
