//! HelmReleases.

use std::collections::BTreeSet;

use drift_core::drift::rules::{Effect, RuleSet};
use drift_core::{Node, Object, ResourceKey};
use jiff::Timestamp;

use super::{
    Condition, HELM_GROUP, InventoryId, Reference, conditions, depends_on, flag, ignore_rules, list, opt_out,
    owned, reference,
};

/// An entry of `status.history`: a release as the controller saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Name of the release.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its number in storage.
    pub version: i64,
    /// `deployed`, `failed`, `superseded` and so on.
    pub status: String,
    /// Digest of the stored release: another hand on the storage shows here.
    pub digest: String,
    /// Version of the chart.
    pub chart_version: String,
    /// Digest of the values.
    pub config_digest: String,
    /// When it was deployed.
    pub last_deployed: Option<Timestamp>,
}

/// A HelmRelease of Flux.
#[derive(Clone, Debug, PartialEq)]
pub struct HelmRelease {
    /// Its key.
    pub key: ResourceKey,
    /// Where the chart comes from.
    pub chart: Option<Reference>,
    /// Name of the release in storage.
    pub release_name: String,
    /// Namespace of its resources.
    pub target_namespace: String,
    /// Namespace of its storage.
    pub storage_namespace: String,
    /// `enabled`, `warn` or `disabled`.
    pub drift_mode: String,
    /// Whether nothing is reconciled.
    pub is_suspended: bool,
    /// What has to be ready first.
    pub depends_on: Vec<Reference>,
    /// Generation of the spec.
    pub generation: Option<i64>,
    /// Generation that the status is about.
    pub observed_generation: Option<i64>,
    /// Chart version that was tried.
    pub last_attempted: Option<String>,
    /// Digest of the values that were tried.
    pub last_attempted_config: Option<String>,
    /// Releases, newest first.
    pub history: Vec<Snapshot>,
    /// What was applied, by its own account.
    pub inventory: BTreeSet<ResourceKey>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Rules of its own.
    pub rules: RuleSet,
}

impl HelmRelease {
    /// Reads a HelmRelease; `None` for any other object.
    pub fn of(object: &Object) -> Option<Self> {
        if object.group() != HELM_GROUP || object.kind() != "HelmRelease" {
            return None;
        }
        let root = object.root();
        let spec = root.get("spec")?;
        let own = object.namespace();
        let target = owned(spec, &["targetNamespace"]);
        let chart = spec.at(&["chart", "spec", "sourceRef"]).or_else(|| spec.get("chartRef"));
        let ids = list(root, &["status", "inventory", "entries"]).filter_map(|e| e.str_at(&["id"]));
        let status = |name| owned(root, &["status", name]);
        let storage = status("storageNamespace").or_else(|| owned(spec, &["storageNamespace"]));
        let history: Vec<Snapshot> = list(root, &["status", "history"]).map(snapshot).collect();
        // Where a target namespace is given, it is part of the release's name.
        let composed = match &target {
            Some(target) => format!("{target}-{}", object.name()),
            None => object.name().to_owned(),
        };
        let named = owned(spec, &["releaseName"]).or_else(|| history.first().map(|s| s.name.clone()));
        Some(Self {
            key: object.key(),
            chart: chart.map(|n| reference(n, own)),
            release_name: named.unwrap_or(composed),
            target_namespace: target.unwrap_or_else(|| own.to_owned()),
            storage_namespace: storage.unwrap_or_else(|| own.to_owned()),
            drift_mode: owned(spec, &["driftDetection", "mode"]).unwrap_or_else(|| "disabled".to_owned()),
            is_suspended: flag(spec, &["suspend"]),
            depends_on: depends_on(object),
            generation: root.at(&["metadata", "generation"]).and_then(Node::as_i64),
            observed_generation: root.at(&["status", "observedGeneration"]).and_then(Node::as_i64),
            last_attempted: status("lastAttemptedRevision"),
            last_attempted_config: status("lastAttemptedConfigDigest"),
            history,
            inventory: ids.filter_map(|id| InventoryId::parse(id).ok()).map(|id| id.key().clone()).collect(),
            conditions: conditions(object),
            rules: rules(object),
        })
    }

    /// Returns a condition by its type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| &*c.kind == kind)
    }

    /// Tells whether a live object carries the owner labels of this HelmRelease.
    pub fn tracks(&self, object: &Object) -> bool {
        object.label("helm.toolkit.fluxcd.io/name") == Some(&*self.key.name)
            && object.label("helm.toolkit.fluxcd.io/namespace") == Some(&*self.key.namespace)
    }
}

fn snapshot(node: Node<'_>) -> Snapshot {
    let text = |name| owned(node, &[name]).unwrap_or_default();
    Snapshot {
        name: text("name"),
        namespace: text("namespace"),
        version: node.get("version").and_then(Node::as_i64).unwrap_or(0),
        status: text("status"),
        digest: text("digest"),
        chart_version: text("chartVersion"),
        config_digest: text("configDigest"),
        last_deployed: node.str_at(&["lastDeployed"]).and_then(|t| t.parse().ok()),
    }
}

fn rules(object: &Object) -> RuleSet {
    let mut set = RuleSet::default();
    set.rules.push(opt_out(&format!("{HELM_GROUP}/driftDetection"), "disabled", Effect::Whole));
    set.append(ignore_rules(object, &["spec", "driftDetection", "ignore"], "spec.driftDetection.ignore"));
    set
}
