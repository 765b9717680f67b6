//! HelmReleases of Flux.

use std::collections::BTreeSet;

use drift_core::drift::rules::{Effect, MarkedSides, RuleSet};
use drift_core::{Node, Object, ResourceKey};
use jiff::Timestamp;

use super::{
    FluxCondition, HELM_GROUP, InventoryId, ObjectReference, depends_on, flag_at, ignore_rules, list_at,
    opt_out, owned_text, parse_conditions, parse_reference,
};

/// What the controller does about drift of a release: `spec.driftDetection.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftDetectionMode {
    /// Looks for drift and puts back what is declared.
    Enabled,
    /// Looks for drift and reports it.
    Warn,
    /// Does not look for it.
    #[default]
    Disabled,
}

impl DriftDetectionMode {
    /// Reads the mode; any other word switches detection off, as the controller takes it.
    pub fn parse(text: &str) -> Self {
        match text {
            "enabled" => Self::Enabled,
            "warn" => Self::Warn,
            _ => Self::Disabled,
        }
    }

    /// Returns the word for it in the spec.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Warn => "warn",
            Self::Disabled => "disabled",
        }
    }
}

/// An entry of `status.history`: a release as the controller recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseSnapshot {
    /// Name of the release.
    pub name: String,
    /// Namespace of the release.
    pub namespace: String,
    /// Revision number in the storage.
    pub version: i64,
    /// `deployed`, `failed`, `superseded` and so on.
    pub status: String,
    /// Digest of the stored release; it differs if somebody else changed the storage.
    pub digest: String,
    /// Version of the chart.
    pub chart_version: String,
    /// Digest of the values.
    pub config_digest: String,
    /// When the release was deployed.
    pub last_deployed: Option<Timestamp>,
}

/// An object with values of a release, as an entry of `spec.valuesFrom` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuesReference {
    /// The ConfigMap or Secret.
    pub key: ResourceKey,
    /// The entry of its data.
    pub entry: String,
    /// Where among the values the entry goes as one value; `None` where it is a map of values.
    pub target_path: Option<String>,
    /// Whether it may be missing.
    pub optional: bool,
}

/// A HelmRelease of Flux.
#[derive(Clone, Debug, PartialEq)]
pub struct HelmRelease {
    /// Key of the object itself.
    pub key: ResourceKey,
    /// Source of the chart.
    pub chart: Option<ObjectReference>,
    /// Name of the release in storage.
    pub release_name: String,
    /// Namespace of its resources.
    pub target_namespace: String,
    /// Namespace of its storage.
    pub storage_namespace: String,
    /// What the controller does about drift.
    pub drift_mode: DriftDetectionMode,
    /// `spec.interval`: how often the controller reconciles.
    pub interval: Option<String>,
    /// Objects with values, in order.
    pub values_from: Vec<ValuesReference>,
    /// Whether reconciliation is suspended.
    pub is_suspended: bool,
    /// Objects that have to be ready first.
    pub depends_on: Vec<ObjectReference>,
    /// Generation of the spec.
    pub generation: Option<i64>,
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// Chart version that was attempted last.
    pub last_attempted: Option<String>,
    /// Digest of the values that were attempted last.
    pub last_attempted_config: Option<String>,
    /// Releases, newest first.
    pub history: Vec<ReleaseSnapshot>,
    /// The applied resources, as `status.inventory` lists them.
    pub inventory: BTreeSet<ResourceKey>,
    /// `status.conditions`.
    pub conditions: Vec<FluxCondition>,
    /// Ignore rules of its own.
    pub rules: RuleSet,
}

impl HelmRelease {
    /// Reads a HelmRelease; `None` for any other object.
    pub fn from_object(object: &Object) -> Option<Self> {
        if object.group() != HELM_GROUP || object.kind() != "HelmRelease" {
            return None;
        }
        let root = object.root();
        let spec = root.get("spec")?;
        let own = object.namespace();
        let target = owned_text(spec, &["targetNamespace"]);
        let chart = spec.at(&["chart", "spec", "sourceRef"]).or_else(|| spec.get("chartRef"));
        let ids = list_at(root, &["status", "inventory", "entries"]).filter_map(|e| e.str_at(&["id"]));
        let status = |name| owned_text(root, &["status", name]);
        let storage = status("storageNamespace").or_else(|| owned_text(spec, &["storageNamespace"]));
        let history: Vec<ReleaseSnapshot> =
            list_at(root, &["status", "history"]).map(parse_snapshot).collect();
        // Where a target namespace is given, it is part of the release's name.
        let composed = match &target {
            Some(target) => format!("{target}-{}", object.name()),
            None => object.name().to_owned(),
        };
        let named = owned_text(spec, &["releaseName"]).or_else(|| history.first().map(|s| s.name.clone()));
        Some(Self {
            key: object.key(),
            chart: chart.map(|n| parse_reference(n, own)),
            release_name: named.unwrap_or(composed),
            target_namespace: target.unwrap_or_else(|| own.to_owned()),
            storage_namespace: storage.unwrap_or_else(|| own.to_owned()),
            drift_mode: spec
                .str_at(&["driftDetection", "mode"])
                .map(DriftDetectionMode::parse)
                .unwrap_or_default(),
            interval: owned_text(spec, &["interval"]),
            values_from: list_at(spec, &["valuesFrom"]).map(|n| values_reference(n, own)).collect(),
            is_suspended: flag_at(spec, &["suspend"]),
            depends_on: depends_on(object),
            generation: root.at(&["metadata", "generation"]).and_then(Node::as_i64),
            observed_generation: root.at(&["status", "observedGeneration"]).and_then(Node::as_i64),
            last_attempted: status("lastAttemptedRevision"),
            last_attempted_config: status("lastAttemptedConfigDigest"),
            history,
            inventory: ids.filter_map(|id| InventoryId::parse(id).ok()).map(|id| id.key().clone()).collect(),
            conditions: parse_conditions(object),
            rules: drift_rules(object),
        })
    }

    /// Returns a condition by its type.
    pub fn find_condition(&self, kind: &str) -> Option<&FluxCondition> {
        self.conditions.iter().find(|c| &*c.kind == kind)
    }

    /// Returns `true` if a live object carries the owner labels of this HelmRelease.
    pub fn tracks_object(&self, object: &Object) -> bool {
        object.label("helm.toolkit.fluxcd.io/name") == Some(&*self.key.name)
            && object.label("helm.toolkit.fluxcd.io/namespace") == Some(&*self.key.namespace)
    }
}

/// Reads an entry of `spec.valuesFrom`; it is always of the release's own namespace.
fn values_reference(node: Node<'_>, namespace: &str) -> ValuesReference {
    let reference = parse_reference(node, namespace);
    ValuesReference {
        key: ResourceKey::new("", &reference.kind, namespace, &reference.name),
        entry: owned_text(node, &["valuesKey"]).unwrap_or_else(|| "values.yaml".to_owned()),
        target_path: owned_text(node, &["targetPath"]),
        optional: flag_at(node, &["optional"]),
    }
}

fn parse_snapshot(node: Node<'_>) -> ReleaseSnapshot {
    let text = |name| owned_text(node, &[name]).unwrap_or_default();
    ReleaseSnapshot {
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

fn drift_rules(object: &Object) -> RuleSet {
    let mut set = RuleSet::default();
    // The controller looks for it in the release, not on what is live.
    let key = format!("{HELM_GROUP}/driftDetection");
    set.rules.push(opt_out(&key, "disabled", MarkedSides::Declared, Effect::Whole));
    set.append(ignore_rules(object, &["spec", "driftDetection", "ignore"], "spec.driftDetection.ignore"));
    set
}
