//! Kinds of resources; the audit log itself names only their plurals.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::schema::SchemaSet;

use super::entry::AuditTarget;

/// Most resources that are remembered: a hostile log must not fill the memory with made-up kinds.
const MAX: usize = 10_000;

/// API group and plural name.
type Resource = (Arc<str>, Arc<str>);

/// Kinds by group and plural, learned from bodies that name their kind, else from the built-in schemas.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds(BTreeMap<Resource, Option<Arc<str>>>);

impl Kinds {
    /// Remembers the kind of a target, if it has one.
    pub(super) fn learn_kind(&mut self, target: &AuditTarget) {
        let resource = (Arc::clone(&target.group), Arc::clone(&target.resource));
        if let Some(kind) = &target.kind
            && (self.0.len() < MAX || self.0.contains_key(&resource))
        {
            self.0.insert(resource, Some(Arc::clone(kind)));
        }
    }

    /// Sets the kind of a target that has none, if the kind of its resource is known.
    pub(super) fn fill_kind(&mut self, target: &mut AuditTarget) {
        let resource = (Arc::clone(&target.group), Arc::clone(&target.resource));
        if target.kind.is_some() || self.0.len() >= MAX && !self.0.contains_key(&resource) {
            return;
        }
        let kind = self.0.entry(resource).or_insert_with_key(|(group, resource)| {
            SchemaSet::bundled().resource(group, resource).map(|k| k.kind().into())
        });
        target.kind.clone_from(kind);
    }
}
