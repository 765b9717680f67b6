//! The document of `drift blame`: who set each field of a resource.

use drift_core::blame::{FieldBlame, Since};
use drift_core::coverage::InputNotes;
use drift_core::text::printable;
use drift_core::{FieldPath, Operation, ResourceKey};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::format::format_time;
use super::{API_VERSION, CommitV1, CoverageV1, KeyV1, Styler, inline_value, redacted};

/// Who set each field of a resource, when, with which tool, through which app and from which commit.
///
/// Its JSON Schema is [`super::BLAME_REPORT_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/blame-report.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlameReportV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `BlameReport`.
    pub kind: &'static str,
    /// The resource.
    pub key: KeyV1,
    /// Its fields, sorted by path.
    pub fields: Vec<FieldBlameV1>,
    /// Remarks about the input, for example that a repository cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
}

/// Where one field has its value from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldBlameV1 {
    /// Path of the field as a list of steps: `["spec", "replicas"]`.
    pub path: FieldPath,
    /// The same path as text: `.spec.replicas`.
    pub path_text: String,
    /// Present value; [`super::REDACTED`] for a value of a Secret.
    pub value: Value,
    /// Field manager, by the `managedFields` of the version that gave the value; null where they name nobody.
    pub manager: Option<String>,
    /// `Apply` or `Update`.
    pub operation: Option<Operation>,
    /// Subresource that was written through, such as `scale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// User, by the audit log.
    pub user: Option<String>,
    /// Time of the version that gave the value.
    pub time: Timestamp,
    /// `recorded`, or `earlier` where the field had the value already when the record begins.
    pub since: &'static str,
    /// Application, Kustomization, HelmRelease or release through which the value came; null for a change by hand.
    pub via: Option<KeyV1>,
    /// Commit that declares the value.
    pub commit: Option<CommitV1>,
    /// Of Argo CD, who started the operation: a user of Argo CD, or `automated`.
    #[serde(rename = "initiated_by", skip_serializing_if = "Option::is_none")]
    pub initiated_by: Option<String>,
}

/// What sources outside the recorded versions say about a field: the audit log, the GitOps engine and Git.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldAttribution {
    /// User, by the audit log.
    pub user: Option<String>,
    /// Application, Kustomization, HelmRelease or release through which the value came.
    pub via: Option<ResourceKey>,
    /// Who started the operation of the engine: a user of it, or `automated`.
    pub initiated_by: Option<String>,
    /// Commit that declares the value.
    pub commit: Option<CommitV1>,
}

impl BlameReportV1 {
    /// Makes the document of one resource; the fields are expected to be sorted by path, as
    /// [`drift_core::blame::blame`] returns them.
    pub fn new(key: &ResourceKey, fields: Vec<FieldBlameV1>, notes: &InputNotes) -> Self {
        Self {
            api_version: API_VERSION,
            kind: "BlameReport",
            key: key.into(),
            fields,
            notes: notes.remarks().to_vec(),
            coverage: notes.coverage().into(),
        }
    }

    /// Writes the report as text for people.
    pub fn render_text(&self, styler: Styler) -> String {
        let mut out = format!("{}\n", styler.heading(&printable(&self.key.to_string())));
        for field in &self.fields {
            let value = printable(&inline_value(&field.value).unwrap_or_else(|| "…".to_owned()));
            out.push_str(&format!("\n{} {value}\n", printable(&field.path_text)));
            out.push_str(&format!("  {}\n", styler.dim(&printable(&field.describe_writer()))));
            if let Some(commit) = &field.commit {
                out.push_str(&format!("  {}\n", printable(&describe_commit(commit))));
            }
        }
        self.notes.iter().for_each(|note| out.push_str(&format!("note: {}\n", printable(note))));
        out.push_str(&self.coverage.render_text(styler));
        out
    }
}

impl FieldBlameV1 {
    /// Makes the entry of one field of a resource.
    pub fn new(key: &ResourceKey, field: &FieldBlame, attribution: FieldAttribution) -> Self {
        let FieldAttribution { user, via, initiated_by, commit } = attribution;
        let writer = field.writer.as_ref();
        Self {
            path: field.path.clone(),
            path_text: field.path.to_string(),
            value: redacted(key, &field.path, &field.value),
            manager: writer.map(|w| w.manager.to_string()),
            operation: writer.map(|w| w.operation),
            subresource: writer.map(|w| w.subresource.to_string()).filter(|s| !s.is_empty()),
            user,
            time: field.at,
            since: match field.since {
                Since::Recorded => "recorded",
                Since::Earlier => "earlier",
            },
            via: via.as_ref().map(Into::into),
            commit,
            initiated_by,
        }
    }

    /// Writes who set it: `2026-11-21 10:49:51Z  alice  with kubectl-edit  through Application argocd/web`.
    fn describe_writer(&self) -> String {
        let time = format_time(self.time);
        let mut parts =
            vec![if self.since == "recorded" { time } else { format!("before the record, {time}") }];
        parts.extend(self.user.clone());
        parts.extend(self.manager.as_ref().map(|m| match &self.subresource {
            Some(subresource) => format!("with {m} (of {subresource})"),
            None => format!("with {m}"),
        }));
        parts.extend(self.via.as_ref().map(|via| format!("through {}", via.short_name())));
        parts.extend(self.initiated_by.as_ref().map(|by| format!("started by {by}")));
        parts.join("  ")
    }
}

fn describe_commit(commit: &CommitV1) -> String {
    let place = match (&commit.file, commit.line) {
        (Some(file), Some(line)) => format!("  {file}:{line}"),
        (Some(file), None) => format!("  {file}"),
        _ => String::new(),
    };
    format!("commit {} {}  {}{place}", commit.short_id(), commit.author, commit.message)
}
