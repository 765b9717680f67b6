//! What one object refers to, as it is collected.

use std::sync::Arc;

use crate::key::ResourceKey;
use crate::path::FieldPath;

use super::edge::{Evidence, Relation};
use super::host::{IsAddress, hosts_in};

/// What an object refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// What it means.
    pub relation: Relation,
    /// The target, there or not.
    pub to: ResourceKey,
    /// Why it is believed.
    pub evidence: Evidence,
}

/// Collects the references of one object; its targets are in the object's own cluster.
#[derive(Debug, Default)]
pub(super) struct ReferenceSink {
    found: Vec<Reference>,
    cluster: Arc<str>,
}

impl ReferenceSink {
    pub(super) fn new(cluster: &Arc<str>) -> Self {
        Self { found: Vec::new(), cluster: Arc::clone(cluster) }
    }

    /// Returns what was collected, sorted, each once.
    pub(super) fn into_sorted(mut self) -> Vec<Reference> {
        self.found.sort();
        self.found.dedup();
        self.found
    }

    pub(super) fn put(&mut self, relation: Relation, mut to: ResourceKey, evidence: Evidence) {
        if to.name.is_empty() {
            return;
        }
        to.cluster = Arc::clone(&self.cluster);
        self.found.push(Reference { relation, to, evidence });
    }

    pub(super) fn field(&mut self, relation: Relation, to: ResourceKey, path: FieldPath) {
        self.put(relation, to, Evidence::FieldReference(path));
    }

    /// Puts in the Services that a text names as hosts.
    pub(super) fn hosts(&mut self, text: &str, is_address: IsAddress, namespace: &Arc<str>, rule: &str) {
        for host in hosts_in(text, is_address) {
            let ns = host.namespace.as_deref().unwrap_or(namespace);
            let key = ResourceKey::new("", "Service", ns, &host.service);
            self.put(Relation::TalksTo, key, Evidence::Inferred(rule.into()));
        }
    }
}
