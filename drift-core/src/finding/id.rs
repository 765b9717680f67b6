//! The identity of findings: the one place that decides which findings are the same one.
//!
//! The hashed parts of each kind of finding. What is not among them may change while the finding stays the same: a field
//! that drifts further, or a fight that goes on, keeps its id.
//!
//! | finding | parts, in this order | a new finding when, for example |
//! |---|---|---|
//! | drifted | `drifted`, cluster, key, path | another field of the resource differs |
//! | missing | `missing`, cluster, key, `.` | another resource is missing |
//! | unmanaged | `unmanaged`, cluster, key, `.` | another resource is undeclared |
//! | two owners | `two-owners`, cluster, key, the apps sorted | a third app declares the resource |
//! | latent break | `latent-break`, cluster, key, check, message | the resource misses another ConfigMap |
//! | explained | `explained`, cluster, key, cluster and key of the root, event | another change explains it |
//! | fight | `fight`, cluster, key, path, writers | a third writer joins |
//! | reverted | `reverted`, cluster, key, path, time of the revert | the same field is put back a second time |
//! | gap seen | `gap`, scope, message, end of the gap | the next gap of that scope |
//!
//! A resolved finding has the id of what it resolves. The ids are pinned by a test: sinks keep them, so a change of any
//! part is a breaking change.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::event::{EventId, Gap};
use crate::fights::{Fight, Revert, Writer};
use crate::k8s::tracking::AppRef;
use crate::key::ResourceKey;
use crate::path::FieldPath;

/// Identity of a finding: the same drift has the same id whenever and wherever it is seen, so that it alerts once.
///
/// # Example
/// ```
/// use drift_core::{Finding, ResourceKey};
/// let key = ResourceKey::parse("ConfigMap/shop/prices")?;
/// let found = Finding::missing(&key, "2026-11-21T10:00:00Z".parse()?);
/// assert_eq!(found.id.to_string(), "aff97d2c6d5be64ecd6612545dd7437c");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId([u8; 16]);

impl FindingId {
    /// Derives the id of a finding of your own from the parts that make it the same finding.
    ///
    /// Begin with a word for the kind of finding that no kind in the table of this module has. Findings of this crate get
    /// their ids from the constructors of [`Finding`](super::Finding), for example
    /// [`Finding::missing`](super::Finding::missing); never derive those by hand.
    pub fn derive(parts: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            // The length first, so that ("ab","c") and ("a","bc") differ.
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(id)
    }

    /// Returns the id of what is found about one field, or with [`FieldPath::ROOT`] about a whole resource.
    pub(super) fn of_field(kind: &str, key: &ResourceKey, path: &FieldPath) -> Self {
        Self::derive(&[kind, &key.cluster, &key.to_string(), &path.to_string()])
    }

    pub(super) fn of_two_owners(key: &ResourceKey, apps: &[ResourceKey]) -> Self {
        let apps: Vec<String> = apps.iter().map(|app| format!("{} {app}", app.cluster)).collect();
        Self::derive(&["two-owners", &key.cluster, &key.to_string(), &apps.join(", ")])
    }

    pub(super) fn of_latent_break(key: &ResourceKey, check: &str, message: &str) -> Self {
        Self::derive(&["latent-break", &key.cluster, &key.to_string(), check, message])
    }

    pub(super) fn of_explained(key: &ResourceKey, root: &ResourceKey, change: EventId) -> Self {
        let (root_key, event) = (root.to_string(), format!("{change:#}"));
        Self::derive(&["explained", &key.cluster, &key.to_string(), &root.cluster, &root_key, &event])
    }

    pub(super) fn of_fight(fight: &Fight) -> Self {
        let key = &fight.key;
        let writers: Vec<String> = fight.sides.iter().map(writer_text).collect();
        Self::derive(&["fight", &key.cluster, &key.to_string(), &fight.path.to_string(), &writers.join(", ")])
    }

    pub(super) fn of_revert(revert: &Revert) -> Self {
        let key = &revert.key;
        let time = revert.reverted.at.to_string();
        Self::derive(&["reverted", &key.cluster, &key.to_string(), &revert.path.to_string(), &time])
    }

    pub(super) fn of_gap(gap: &Gap) -> Self {
        Self::derive(&["gap", &gap.scope.to_string(), &gap.message, &gap.to.to_string()])
    }
}

/// Writes a writer as ids have it, for example `Some("helm") None`.
///
/// Spelled out, and not by `Debug` of the types: an id must not change because a type or a field is renamed.
fn writer_text(writer: &Writer) -> String {
    let app = match &writer.claim {
        None => "None".to_owned(),
        Some(AppRef::Argo { namespace, name }) => {
            format!("Some(Argo {{ namespace: {}, name: {} }})", option_text(namespace), option_text(name))
        }
        Some(AppRef::App(ResourceKey { cluster, group, kind, namespace, name })) => format!(
            "Some(App(ResourceKey {{ cluster: {cluster:?}, group: {group:?}, kind: {kind:?}, \
             namespace: {namespace:?}, name: {name:?} }}))"
        ),
    };
    format!("{} {app}", option_text(&writer.manager))
}

fn option_text(text: &Option<Arc<str>>) -> String {
    text.as_deref().map_or_else(|| "None".to_owned(), |t| format!("Some({t:?})"))
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for FindingId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests;
