//! The wire form of a drift report, version 1. Kept apart from the model, so that the model can change.

use std::sync::Arc;

use drift_core::drift::{
    Basis, CommitRef, Declaration, DriftCause, DriftChange, DriftClass, DriftReport, FieldOp, Owner,
    ResourceDrift, Status, Summary, VerdictRow,
};
use drift_core::{FieldPath, Operation, ResourceKey};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{API_VERSION, Shown, redacted};

/// A drift report as programs read it; its JSON Schema is [`super::DRIFT_REPORT_SCHEMA`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftReportV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `DriftReport`.
    pub kind: &'static str,
    /// Counts.
    pub summary: SummaryV1,
    /// Every resource that was looked at, sorted by key.
    pub resources: Vec<ResourceV1>,
    /// What a reader should know of the whole, such as a file that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Resources by status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SummaryV1 {
    /// Declared resources.
    pub declared: usize,
    /// In sync.
    pub in_sync: usize,
    /// Drifted.
    pub drifted: usize,
    /// Declared, not live.
    pub missing: usize,
    /// Live, not declared.
    pub extra: usize,
    /// Not compared.
    pub unknown: usize,
    /// Fields that differ and count.
    pub changes: usize,
}

/// Names a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyV1 {
    /// Cluster; empty where only one is looked at.
    pub cluster: Arc<str>,
    /// API group; empty for the core group.
    pub group: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// Namespace; empty for a cluster-scoped resource.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

/// One resource of a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResourceV1 {
    /// Which.
    pub key: KeyV1,
    /// The Application, Kustomization or release that declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<KeyV1>,
    /// How it stands.
    pub status: Status,
    /// Why a whole resource is missing or extra, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<DriftClass>,
    /// Rule that hides or keeps the whole resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// What differs, sorted by path.
    pub changes: Vec<ChangeV1>,
    /// What the verdict rests on.
    pub basis: Basis,
    /// Field manager that applies it, as found in the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applier: Option<Arc<str>>,
    /// Where it is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<DeclarationV1>,
    /// Who made it, for one that nobody declares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creator: Option<OwnerV1>,
    /// What a reader should know besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A field manager and how it wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnerV1 {
    /// Field manager.
    pub manager: Arc<str>,
    /// How it wrote.
    pub operation: Operation,
    /// Through which subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<Arc<str>>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
}

/// Where a resource is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeclarationV1 {
    /// File, relative to what was read.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Commit, where it comes from Git.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeV1 {
    /// Where, as a list of steps.
    pub path: FieldPath,
    /// Where, as text.
    pub path_text: String,
    /// What was done.
    pub op: FieldOp,
    /// What kind of difference.
    pub class: DriftClass,
    /// Where it comes from.
    pub cause: DriftCause,
    /// Declared value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<Value>,
    /// Live value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Value>,
    /// The value that is there by default, where somebody changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Field manager of the live field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<Arc<str>>,
    /// How it wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Through which subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<Arc<str>>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// User, where an audit source saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Arc<str>>,
    /// Commit that last changed the declaration, of a change that waits for the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitRef>,
    /// Ignore rule that hides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// Line of the declaring file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Row of the verdict table that fired, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<VerdictRow>,
    /// What the row says, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<&'static str>,
}

impl DriftReportV1 {
    /// Puts a report into its wire form.
    pub fn new(report: &DriftReport, shown: Shown) -> Self {
        Self {
            api_version: API_VERSION,
            kind: "DriftReport",
            summary: report.summary().into(),
            resources: report.resources.iter().map(|r| ResourceV1::new(r, shown)).collect(),
            notes: report.notes.clone(),
        }
    }
}

impl From<Summary> for SummaryV1 {
    fn from(s: Summary) -> Self {
        let Summary { declared, in_sync, drifted, missing, extra, unknown, changes } = s;
        Self { declared, in_sync, drifted, missing, extra, unknown, changes }
    }
}

impl From<&ResourceKey> for KeyV1 {
    fn from(key: &ResourceKey) -> Self {
        let ResourceKey { cluster, group, kind, namespace, name } = key.clone();
        Self { cluster, group, kind, namespace, name }
    }
}

impl From<&Declaration> for DeclarationV1 {
    fn from(d: &Declaration) -> Self {
        Self {
            file: Arc::clone(&d.file),
            line: d.line,
            revision: d.revision.as_ref().map(|r| r.as_str().to_owned()),
        }
    }
}

impl From<&Owner> for OwnerV1 {
    fn from(owner: &Owner) -> Self {
        let Owner { manager, operation, subresource, time } = owner.clone();
        Self { manager, operation, subresource: Some(subresource).filter(|s| !s.is_empty()), time }
    }
}

impl ResourceV1 {
    fn new(resource: &ResourceDrift, shown: Shown) -> Self {
        let listed = resource.changes.iter().filter(|c| shown.lists(c));
        Self {
            key: (&resource.key).into(),
            app: resource.app.as_ref().map(Into::into),
            status: resource.status,
            class: resource.class,
            rule: resource.rule.clone(),
            changes: listed.map(|c| ChangeV1::new(&resource.key, c, shown)).collect(),
            basis: resource.basis,
            applier: resource.applier.clone(),
            declared: resource.declared.as_ref().map(Into::into),
            creator: resource.creator.as_ref().map(Into::into),
            notes: resource.notes.clone(),
        }
    }
}

impl ChangeV1 {
    /// Puts a change of a resource into its wire form.
    pub fn new(key: &ResourceKey, change: &DriftChange, shown: Shown) -> Self {
        let cut = |v: &Option<Value>| v.as_ref().map(|v| redacted(key, &change.path, v));
        let owner = change.owner.as_ref().map(OwnerV1::from);
        Self {
            path: change.path.clone(),
            path_text: change.path.to_string(),
            op: change.op,
            class: change.class,
            cause: change.cause,
            desired: cut(&change.desired),
            live: cut(&change.live),
            default: cut(&change.default),
            operation: owner.as_ref().map(|o| o.operation),
            subresource: owner.as_ref().and_then(|o| o.subresource.clone()),
            time: owner.as_ref().and_then(|o| o.time),
            manager: owner.map(|o| o.manager),
            user: change.user.clone(),
            commit: change.commit.as_deref().cloned(),
            rule: change.rule.clone(),
            line: change.line,
            row: shown.explain.then_some(change.row),
            explanation: shown.explain.then(|| change.row.explanation()),
        }
    }
}
