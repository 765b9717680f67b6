//! The document of `drift apps`: the state of every GitOps app, by its engine and by comparison.

use std::collections::BTreeMap;

use drift_core::ResourceKey;
use drift_core::coverage::InputNotes;
use drift_core::drift::{DriftChange, DriftClass, DriftReport, ResourceDrift, Status};
use drift_core::text::printable;
use jiff::Timestamp;
use serde::Serialize;

use super::format::format_time;
use super::{API_VERSION, CoverageV1, KeyV1, Styler, TransitionV1};

/// Every Application, Kustomization, HelmRelease and Helm release, with its engine's view beside the comparison.
///
/// Its JSON Schema is [`super::APPS_REPORT_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/apps-report.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppsReportV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `AppsReport`.
    pub kind: &'static str,
    /// Apps, sorted by key.
    pub apps: Vec<AppV1>,
    /// Programs that rendered the declared resources, with their versions: `helm v3.19.0`.
    pub renderers: Vec<String>,
    /// Remarks about the input, for example that a repository is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
}

/// One app.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppV1 {
    /// The object that declares it.
    pub key: KeyV1,
    /// The engine's own verdict: `Synced`, `OutOfSync`, `Ready`, `NotReady`, `deployed` and so on.
    pub engine: String,
    /// The engine's reason or message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Revisions that the engine applied last, one for each source.
    pub applied: Vec<String>,
    /// Revisions that it should apply; empty where they are not known.
    pub head: Vec<String>,
    /// Whether the engine leaves the app alone, because it is suspended.
    pub suspended: bool,
    /// Change of the app that its engine has not acted on yet, where nothing can be compared until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// What stops the engine from applying, such as a sync window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_back: Option<String>,
    /// Why the declared resources are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Number of declared resources.
    pub resources: usize,
    /// Number of resources that drifted, are missing or are not declared.
    pub drifted: usize,
    /// Number of resources with changes that the engine has not applied yet.
    pub pending: usize,
    /// Time of the last recorded change of any of its resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_change: Option<Timestamp>,
    /// Changes of state that the engine reported, oldest first, as far as they were recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<TransitionV1>,
}

/// The state of an app by its engine; the fields mean what those of [`AppV1`] mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppStatus {
    /// The engine's own verdict.
    pub engine: String,
    /// The engine's reason or message.
    pub reason: Option<String>,
    /// Revisions that it applied last, one for each source.
    pub applied: Vec<String>,
    /// Revisions that it should apply.
    pub head: Vec<String>,
    /// Whether its engine leaves it alone.
    pub suspended: bool,
    /// Change that its engine has not acted on yet.
    pub waiting: Option<String>,
    /// What stops its engine from applying.
    pub held_back: Option<String>,
    /// Why the declared resources are not known.
    pub error: Option<String>,
}

/// How many resources of one app differ, and when the last of them changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppCounts {
    /// Declared resources.
    pub resources: usize,
    /// Resources that drifted, are missing or are not declared.
    pub drifted: usize,
    /// Resources with changes that the engine has not applied yet.
    pub pending: usize,
    /// Time of the last change.
    pub last_change: Option<Timestamp>,
}

impl AppCounts {
    /// Counts the resources of a comparison by app.
    ///
    /// `last_version` returns the time of the last recorded version of a resource; where it returns `None`, the times in
    /// `managedFields` of the changed fields are used.
    pub fn by_app(
        report: &DriftReport,
        last_version: &dyn Fn(&ResourceKey) -> Option<Timestamp>,
    ) -> BTreeMap<ResourceKey, Self> {
        let mut all: BTreeMap<ResourceKey, Self> = BTreeMap::new();
        for resource in &report.resources {
            if let Some(app) = &resource.app {
                all.entry(app.clone()).or_default().add(resource, last_version(&resource.key));
            }
        }
        all
    }

    fn add(&mut self, resource: &ResourceDrift, last_version: Option<Timestamp>) {
        let is_pending = matches!(resource.class, Some(DriftClass::PendingSync | DriftClass::PendingRemoval))
            || resource.changes.iter().any(DriftChange::is_pending);
        let has_drifted = resource.changes.iter().any(|c| c.class.counts() && !c.is_pending());
        let whole = matches!(resource.status, Status::Missing | Status::Extra) && resource.class.is_none();
        self.resources += usize::from(resource.status != Status::Extra);
        self.drifted += usize::from(has_drifted || whole);
        self.pending += usize::from(is_pending);
        let written = resource.changes.iter().filter_map(|c| c.owner.as_ref()?.time).max();
        self.last_change = self.last_change.max(last_version.or(written));
    }
}

impl AppsReportV1 {
    /// Makes the document; the apps are expected to be sorted by key.
    pub fn new(apps: Vec<AppV1>, renderers: Vec<String>, notes: &InputNotes) -> Self {
        Self {
            api_version: API_VERSION,
            kind: "AppsReport",
            apps,
            renderers,
            notes: notes.remarks().to_vec(),
            coverage: notes.coverage().into(),
        }
    }

    /// Returns `true` if any app differs from what it declares, waits, or cannot be compared.
    pub fn has_findings(&self) -> bool {
        let differs = |a: &AppV1| a.drifted + a.pending > 0 || a.waiting.is_some() || a.error.is_some();
        self.apps.iter().any(differs)
    }

    /// Writes the report as text for people.
    pub fn render_text(&self) -> String {
        let mut text: String = self.apps.iter().map(AppV1::render_text).collect();
        if self.apps.is_empty() {
            let none = "no Application, Kustomization, HelmRelease or Helm release";
            text.push_str(&format!("{}\n", self.coverage.qualify(none)));
        }
        for note in &self.notes {
            text.push_str(&format!("note: {}\n", printable(note)));
        }
        text.push_str(&self.coverage.render_text(Styler::default()));
        text
    }
}

impl AppV1 {
    /// Makes the entry of one app.
    pub fn new(
        key: &ResourceKey,
        status: AppStatus,
        counts: AppCounts,
        transitions: Vec<TransitionV1>,
    ) -> Self {
        let AppStatus { engine, reason, applied, head, suspended, waiting, held_back, error } = status;
        let AppCounts { resources, drifted, pending, last_change } = counts;
        Self {
            key: key.into(),
            engine,
            reason,
            applied,
            head,
            suspended,
            waiting,
            held_back,
            error,
            resources,
            drifted,
            pending,
            last_change,
            transitions,
        }
    }

    fn render_text(&self) -> String {
        let revisions = |all: &[String]| {
            let short: Vec<&str> = all.iter().map(|r| r.get(..10).unwrap_or(r)).collect();
            if short.is_empty() { "-".to_owned() } else { short.join(",") }
        };
        let mut line = format!(
            "{}  {}{}  applied {}  head {}  {} resources, {} drifted, {} pending",
            self.key,
            self.engine,
            if self.suspended { " (suspended)" } else { "" },
            revisions(&self.applied),
            revisions(&self.head),
            self.resources,
            self.drifted,
            self.pending
        );
        if let Some(time) = self.last_change {
            line.push_str(&format!("  changed {}", format_time(time)));
        }
        let mut text = printable(&line);
        for more in self.reason.iter().chain(&self.waiting).chain(&self.held_back).chain(&self.error) {
            text.push_str(&format!("\n    {}", printable(more)));
        }
        text + "\n"
    }
}
