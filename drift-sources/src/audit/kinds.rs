//! Kinds of resources, which the audit log only names by their plurals.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::schema::SchemaSet;

use super::entry::AuditTarget;

/// Resources that are kept at most: a hostile log does not get to fill memory with kinds that are none.
const MAX: usize = 10_000;

/// Group and plural.
type Resource = (Arc<str>, Arc<str>);

/// Kinds by group and plural, learned from bodies that name theirs, else the built-in ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds(BTreeMap<Resource, Option<Arc<str>>>);

impl Kinds {
    /// Learns the kind that a target has.
    pub(super) fn learn(&mut self, target: &AuditTarget) {
        let resource = (Arc::clone(&target.group), Arc::clone(&target.resource));
        if let Some(kind) = &target.kind
            && (self.0.len() < MAX || self.0.contains_key(&resource))
        {
            self.0.insert(resource, Some(Arc::clone(kind)));
        }
    }

    /// Gives a target the kind that is known of its resource, if it has none.
    pub(super) fn name(&mut self, target: &mut AuditTarget) {
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
