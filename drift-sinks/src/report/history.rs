//! The document of `drift history`: the versions of a resource, and who changed what.

use std::sync::Arc;

use drift_core::coverage::InputNotes;
use drift_core::text::printable;
use drift_core::{FieldChange, FieldPath, Object, ResourceKey};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::format::{count_things, format_time};
use super::value::unified_hunk;
use super::version::{describe_change, visible_sides};
use super::{
    API_VERSION, CoverageV1, KeyV1, Layout, ManagedFieldsVisibility, RecordedVersion, Styler, TransitionV1,
    WriterV1, side_by_side, to_yaml, visible_object,
};

/// The versions of a resource, oldest first.
///
/// Its JSON Schema is [`super::HISTORY_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/history.v1.json"), "```")]
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `History`.
    pub kind: &'static str,
    /// The resource.
    pub key: KeyV1,
    /// Its versions, oldest first.
    pub versions: Vec<VersionV1>,
    /// Remarks about the input, for example that a part of history is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
}

/// One version of a resource.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionV1 {
    /// Place in the resource's own stream, from 1.
    pub revision: u64,
    /// Place in the whole log; `--at @N` takes it.
    pub position: u64,
    /// Id of the event, 64 hexadecimal digits.
    pub id: String,
    /// Time of the change, else the time at which it was observed.
    pub time: Timestamp,
    /// `seen`, `created`, `changed` or `deleted`.
    pub what: &'static str,
    /// resourceVersion of the object; absent for a deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
    /// Who wrote it; its members stand in the version itself.
    #[serde(flatten)]
    pub who: WriterV1,
    /// Fields that changed since the version before.
    pub changes: Vec<VersionChangeV1>,
    /// Changes of state that a GitOps engine reports, for one of its objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<TransitionV1>,
    /// Objects before and after, which the side by side text shows.
    #[serde(skip)]
    objects: [Option<Arc<Object>>; 2],
}

/// A field that a version changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionChangeV1 {
    /// Path of the field as a list of steps.
    pub path: FieldPath,
    /// The same path as text.
    pub path_text: String,
    /// `add`, `remove` or `replace`.
    pub op: &'static str,
    /// Value before; [`super::REDACTED`] for a value of a Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Value after; [`super::REDACTED`] for a value of a Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// How a history is written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryTextOptions {
    /// How the two sides of a changed version are arranged.
    pub layout: Layout,
    /// Width of a line in columns; used side by side only.
    pub width: usize,
    /// Number of versions that were left out because only their status changed; mentioned at the end.
    pub omitted: usize,
}

impl HistoryV1 {
    /// Makes the document of the versions of one resource.
    pub fn new<'a>(
        key: &ResourceKey,
        versions: impl IntoIterator<Item = RecordedVersion<'a>>,
        notes: &InputNotes,
    ) -> Self {
        let versions = versions.into_iter().map(|v| VersionV1::new(key, &v)).collect();
        Self {
            api_version: API_VERSION,
            kind: "History",
            key: key.into(),
            versions,
            notes: notes.remarks().to_vec(),
            coverage: notes.coverage().into(),
        }
    }

    /// Writes the history as text for people.
    pub fn render_text(&self, options: &HistoryTextOptions, styler: Styler) -> String {
        let mut out = format!("{}\n", styler.heading(&printable(&self.key.to_string())));
        for version in &self.versions {
            version.write_text(&mut out, options, styler);
        }
        if options.omitted > 0 {
            let n = options.omitted;
            let versions = count_things(n, "version");
            let note = format!("\n{versions} in which only status changed not shown (--all)\n");
            out.push_str(&styler.dim(&note));
        }
        out.push_str(&self.coverage.render_text(styler));
        out
    }
}

impl VersionV1 {
    fn new(key: &ResourceKey, version: &RecordedVersion<'_>) -> Self {
        let event = version.event;
        let resource_version = version.after.and_then(|o| o.resource_version());
        Self {
            revision: event.revision.get(),
            position: event.position.get(),
            id: format!("{:#}", event.id),
            time: event.at(),
            what: version.step.as_str(),
            resource_version: resource_version.map(|v| v.as_str().to_owned()),
            who: WriterV1::new(event, version.owner),
            changes: version.changes.iter().map(|c| VersionChangeV1::new(key, c)).collect(),
            transitions: version.transitions.to_vec(),
            objects: [version.before.cloned(), version.after.cloned()],
        }
    }

    fn write_text(&self, out: &mut String, options: &HistoryTextOptions, styler: Styler) {
        let what = match self.what {
            "created" => styler.added(self.what),
            "deleted" => styler.removed(self.what),
            other => other.to_owned(),
        };
        let who = self.who.describe().map_or_else(String::new, |w| format!(" by {}", printable(&w)));
        let place = styler.dim(&format!("@{} revision {}", self.position, self.revision));
        out.push_str(&format!("\n{}  {what}{who}  {place}\n", format_time(self.time)));
        for transition in &self.transitions {
            out.push_str(&format!("  {}\n", printable(&transition.describe())));
        }
        match options.layout {
            Layout::SideBySide if self.what == "changed" => {
                let [before, after] = self.objects.each_ref().map(|o| whole_object(o.as_deref()));
                for row in side_by_side(&before, &after, options.width, styler) {
                    out.push_str(&format!("{row}\n"));
                }
            }
            _ => self.changes.iter().for_each(|c| c.write_text(out, styler)),
        }
    }
}

/// Writes an object as YAML, without what the API server maintains and what only identifies it.
fn whole_object(object: Option<&Object>) -> String {
    let Some(object) = object else { return String::new() };
    let mut value = visible_object(&object.key(), object.doc(), ManagedFieldsVisibility::Hidden);
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["resourceVersion", "generation", "uid", "creationTimestamp"] {
            metadata.remove(field);
        }
    }
    to_yaml(&value)
}

impl VersionChangeV1 {
    fn new(key: &ResourceKey, change: &FieldChange) -> Self {
        let (before, after) = visible_sides(key, change);
        let op = match (&before, &after) {
            (None, _) => "add",
            (_, None) => "remove",
            _ => "replace",
        };
        Self { path: change.path.clone(), path_text: change.path.to_string(), op, before, after }
    }

    fn write_text(&self, out: &mut String, styler: Styler) {
        let side = |v: &Option<Value>| match v {
            Some(Value::String(text)) if text.contains('\n') => text.clone(),
            Some(value) => to_yaml(value),
            None => String::new(),
        };
        let (before, after) = (side(&self.before), side(&self.after));
        if before.lines().count() <= 1 && after.lines().count() <= 1 {
            let text = describe_change(&self.path_text, self.before.as_ref(), self.after.as_ref());
            out.push_str(&format!("  {text}\n"));
            return;
        }
        out.push_str(&format!("  {}\n", printable(&self.path_text)));
        for (mark, line) in unified_hunk(&before, &after) {
            out.push_str(&format!("    {}\n", styler.hunk_line(mark, &line)));
        }
    }
}
