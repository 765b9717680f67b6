//! The document that `drift health` prints.

use jiff::Timestamp;
use serde::Serialize;

use super::{Health, HealthBasis, HealthStatus};
use crate::key::ResourceKey;

/// How resources are doing, as a document of `drift/v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthReport {
    api_version: &'static str,
    kind: &'static str,
    /// Resources per status.
    pub summary: std::collections::BTreeMap<HealthStatus, usize>,
    /// The resources, in the order they were given.
    pub resources: Vec<ResourceHealth>,
}

/// How one resource is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceHealth {
    /// Which one.
    pub key: ResourceKey,
    /// How it is doing.
    pub status: HealthStatus,
    /// Why, as one word.
    pub reason: String,
    /// Why, for people.
    pub message: String,
    /// Since when, if that is known.
    pub since: Option<Timestamp>,
    /// Which layer says so: `BuiltIn`, `Rule`, `Conventions` or `NoSignal`.
    pub basis: HealthBasis,
}

impl HealthReport {
    /// Makes a report.
    pub fn new(resources: Vec<ResourceHealth>) -> Self {
        let mut summary = std::collections::BTreeMap::new();
        for resource in &resources {
            *summary.entry(resource.status).or_default() += 1;
        }
        Self { api_version: "drift/v1", kind: "HealthReport", summary, resources }
    }

    /// Tells whether some resource is not as it was asked to be and nobody halted it.
    pub fn has_findings(&self) -> bool {
        let fine = [HealthStatus::Healthy, HealthStatus::Suspended];
        self.resources.iter().any(|r| !fine.contains(&r.status))
    }
}

impl ResourceHealth {
    /// Puts a key to a judgement.
    pub fn new(key: ResourceKey, health: Health) -> Self {
        let Health { status, reason, message, since, basis } = health;
        Self { key, status, reason, message, since, basis }
    }
}
