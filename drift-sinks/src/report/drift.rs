//! The document of `drift diff`: what differs between declared and live resources.
//!
//! Separate from [`drift_core::drift::DriftReport`], so that the model can change while the document stays.

mod markdown;
mod text;

use std::sync::Arc;

use drift_core::drift::{
    Basis, CommitRef, Declaration, DriftCause, DriftChange, DriftClass, DriftReport, FieldOp, Owner,
    ResourceDrift, Status, Summary, VerdictRow,
};
use drift_core::{FieldPath, Operation, ResourceKey};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{API_VERSION, CoverageV1, KeyV1, redacted};

pub use markdown::render_drift_markdown;
pub(super) use markdown::{escape_markdown, inline_code};
pub use text::{DriftTextOptions, render_drift_text};

/// Which parts of a report are shown besides the differences that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visibility {
    /// Also show fields that differ without being drift: those that a controller owns, and ignored ones.
    pub managed: bool,
    /// Also show which row of the verdict table decided, and what it means.
    pub explain: bool,
}

impl Visibility {
    /// Returns `true` if a change is listed.
    pub fn lists(self, change: &DriftChange) -> bool {
        self.managed || change.class.counts()
    }

    /// Counts the changes of a report that are not listed.
    pub fn count_hidden(self, report: &DriftReport) -> usize {
        report.resources.iter().flat_map(|r| &r.changes).filter(|c| !self.lists(c)).count()
    }
}

/// What differs between declared and live resources.
///
/// Its JSON Schema is [`super::DRIFT_REPORT_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/drift-report.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftReportV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `DriftReport`.
    pub kind: &'static str,
    /// Number of resources by status.
    pub summary: SummaryV1,
    /// Every compared resource, sorted by key.
    pub resources: Vec<ResourceDriftV1>,
    /// Remarks about the input, for example that a file cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
}

/// Number of resources by status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SummaryV1 {
    /// Declared resources, whatever their status.
    pub declared: usize,
    /// Declared and live without a difference that counts.
    pub in_sync: usize,
    /// Declared and live with such a difference.
    pub drifted: usize,
    /// Declared and not live.
    pub missing: usize,
    /// Live and not declared.
    pub extra: usize,
    /// Declared and not compared; the notes of the resource give the reason.
    pub unknown: usize,
    /// Fields with a difference that counts.
    pub changes: usize,
}

/// The comparison of one resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResourceDriftV1 {
    /// The resource.
    pub key: KeyV1,
    /// Application, Kustomization or release that declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<KeyV1>,
    /// `InSync`, `Drifted`, `Missing`, `Extra` or `Unknown`.
    pub status: Status,
    /// Why the whole resource is missing or extra, such as `PendingSync`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<DriftClass>,
    /// Rule that hides or protects the whole resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// Fields that differ, sorted by path.
    pub changes: Vec<DriftChangeV1>,
    /// Method that the verdict is based on, such as `SchemaAndOwnership`.
    pub basis: Basis,
    /// Field manager that applies the declaration, as found in the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applier: Option<Arc<str>>,
    /// Where the resource is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<DeclarationV1>,
    /// Who created it, for an undeclared resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creator: Option<OwnerV1>,
    /// Remarks about the resource, for example who deleted it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A field manager and how it wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnerV1 {
    /// Name of the field manager.
    pub manager: Arc<str>,
    /// `Apply` or `Update`.
    pub operation: Operation,
    /// Subresource that it wrote through, such as `scale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<Arc<str>>,
    /// Time of its last write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
}

/// Where a resource is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeclarationV1 {
    /// File, relative to the input that was read.
    pub file: Arc<str>,
    /// Line of the first field, from 1.
    pub line: u32,
    /// Commit that it was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftChangeV1 {
    /// Path of the field as a list of steps: `["spec", "replicas"]`.
    pub path: FieldPath,
    /// The same path as text: `.spec.replicas`.
    pub path_text: String,
    /// `add`, `remove` or `replace`, seen from the declaration.
    pub op: FieldOp,
    /// Kind of difference, such as `Changed` or `PendingSync`.
    pub class: DriftClass,
    /// Origin of the difference, such as `ManualChange`.
    pub cause: DriftCause,
    /// Declared value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<Value>,
    /// Live value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Value>,
    /// Default value, where a default was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Field manager of the live field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<Arc<str>>,
    /// `Apply` or `Update`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Subresource that was written through, such as `scale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<Arc<str>>,
    /// Time of the write; of a removed field the time of its removal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Time after which a removed field went away, where it is not known when: what applies wrote it then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Timestamp>,
    /// User, by the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Arc<str>>,
    /// Commit that last changed the declaration, for a change that was not applied yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitRef>,
    /// Rule that hides the difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// Line of the declaring file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Row of the verdict table that decided; with [`Visibility::explain`] only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<VerdictRow>,
    /// Meaning of that row; with [`Visibility::explain`] only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<&'static str>,
}

impl DriftReportV1 {
    /// Makes the document of a comparison.
    pub fn new(report: &DriftReport, visibility: Visibility) -> Self {
        Self {
            api_version: API_VERSION,
            kind: "DriftReport",
            summary: report.summary().into(),
            resources: report.resources.iter().map(|r| ResourceDriftV1::new(r, visibility)).collect(),
            notes: report.notes.clone(),
            coverage: (&report.coverage).into(),
        }
    }
}

impl From<Summary> for SummaryV1 {
    fn from(s: Summary) -> Self {
        let Summary { declared, in_sync, drifted, missing, extra, unknown, changes } = s;
        Self { declared, in_sync, drifted, missing, extra, unknown, changes }
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

impl ResourceDriftV1 {
    fn new(resource: &ResourceDrift, visibility: Visibility) -> Self {
        let listed = resource.changes.iter().filter(|c| visibility.lists(c));
        Self {
            key: (&resource.key).into(),
            app: resource.app.as_ref().map(Into::into),
            status: resource.status,
            class: resource.class,
            rule: resource.rule.clone(),
            changes: listed.map(|c| DriftChangeV1::new(&resource.key, c, visibility)).collect(),
            basis: resource.basis,
            applier: resource.applier.clone(),
            declared: resource.declared.as_ref().map(Into::into),
            creator: resource.creator.as_ref().map(Into::into),
            notes: resource.notes.clone(),
        }
    }
}

impl DriftChangeV1 {
    /// Makes the entry of a field of a resource.
    pub fn new(key: &ResourceKey, change: &DriftChange, visibility: Visibility) -> Self {
        let visible = |v: &Option<Value>| v.as_ref().map(|v| redacted(key, &change.path, v));
        let owner = change.owner.as_ref().map(OwnerV1::from);
        Self {
            path: change.path.clone(),
            path_text: change.path.to_string(),
            op: change.op,
            class: change.class,
            cause: change.cause,
            desired: visible(&change.desired),
            live: visible(&change.live),
            default: visible(&change.default),
            operation: owner.as_ref().map(|o| o.operation),
            subresource: owner.as_ref().and_then(|o| o.subresource.clone()),
            time: change.time(),
            after: change.removed_after.filter(|_| change.time().is_none()),
            manager: owner.map(|o| o.manager),
            user: change.user.clone(),
            commit: change.commit.as_deref().cloned(),
            rule: change.rule.clone(),
            line: change.line,
            row: visibility.explain.then_some(change.row),
            explanation: visibility.explain.then(|| change.row.explanation()),
        }
    }
}
