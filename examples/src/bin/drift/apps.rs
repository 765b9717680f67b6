//! `drift apps`: every Application, Kustomization, HelmRelease and release, its engine's view beside ours.

use std::collections::BTreeMap;

use drift_core::ResourceKey;
use drift_core::drift::{DriftClass, DriftReport, Status};
use drift_sinks::report::{API_VERSION, KeyV1};
use drift_sources::gitops::{AppState, ClusterSnapshot};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::AppsArgs;
use crate::failure::Failure;
use crate::gitops::Estate;
use crate::moment::short;
use crate::output::{self, Outcome};
use crate::transitions::{self, TransitionV1};
use crate::words;

/// All apps, as programs read them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AppsReportV1 {
    api_version: &'static str,
    kind: &'static str,
    apps: Vec<AppV1>,
    /// Programs that rendered what is declared.
    renderers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AppV1 {
    key: KeyV1,
    /// The engine's own verdict.
    engine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    applied: Vec<String>,
    head: Vec<String>,
    suspended: bool,
    /// What it has not taken up yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<String>,
    /// What holds its engine back from applying.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_back: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    resources: usize,
    drifted: usize,
    pending: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_change: Option<Timestamp>,
    /// How it came to stand so, oldest first, as far as that was recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transitions: Vec<TransitionV1>,
    /// The key for people.
    #[serde(skip)]
    subject: String,
}

/// Resources of one app.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    resources: usize,
    drifted: usize,
    pending: usize,
    last_change: Option<Timestamp>,
}

/// Runs the command.
pub(crate) async fn run(args: &AppsArgs) -> Result<Outcome, Failure> {
    let estate = Estate::read(&args.estate.request()).await?;
    let report = {
        let gitops = estate.gitops();
        let compared = estate.compare(&gitops);
        let counts = counts(&compared, &estate.cluster);
        let app = |a| {
            let key = drift_sources::gitops::App::key(a);
            let transitions = transitions::over(estate.cluster.versions(&key));
            let counts = counts.get(&key).copied().unwrap_or_default();
            AppV1 { transitions, ..AppV1::new(&key, gitops.state(a), counts) }
        };
        let mut notes = compared.notes;
        notes.extend(estate.notes.texts().iter().cloned());
        let apps = gitops.apps().map(app).collect();
        AppsReportV1 {
            api_version: API_VERSION,
            kind: "AppsReport",
            apps,
            renderers: estate.versions(),
            notes,
        }
    };
    output::document(args.output, &report, || text(&report))?;
    let found =
        report.apps.iter().any(|a| a.drifted + a.pending > 0 || a.waiting.is_some() || a.error.is_some());
    Ok(if estate.notes.is_partial() {
        Outcome::Failed
    } else if found {
        Outcome::Found
    } else {
        Outcome::Nothing
    })
}

fn counts(report: &DriftReport, cluster: &ClusterSnapshot) -> BTreeMap<ResourceKey, Counts> {
    let mut all: BTreeMap<ResourceKey, Counts> = BTreeMap::new();
    for resource in &report.resources {
        let Some(app) = &resource.app else { continue };
        let counts = all.entry(app.clone()).or_default();
        let pending = matches!(resource.class, Some(DriftClass::PendingSync | DriftClass::PendingRemoval))
            || resource.changes.iter().any(drift_core::drift::DriftChange::is_pending);
        let by_hand = resource.changes.iter().any(|c| c.class.counts() && !c.is_pending());
        let whole = matches!(resource.status, Status::Missing | Status::Extra) && resource.class.is_none();
        counts.resources += usize::from(resource.status != Status::Extra);
        counts.drifted += usize::from(by_hand || whole);
        counts.pending += usize::from(pending);
        let changed = cluster.versions(&resource.key).last().map(|v| v.at);
        let owned = resource.changes.iter().filter_map(|c| c.owner.as_ref()?.time).max();
        counts.last_change = counts.last_change.max(changed.or(owned));
    }
    all
}

impl AppV1 {
    fn new(key: &ResourceKey, state: AppState, counts: Counts) -> Self {
        Self {
            key: key.into(),
            engine: state.engine,
            reason: state.reason,
            applied: state.applied,
            head: state.head,
            suspended: state.suspended,
            waiting: state.waiting,
            held_back: state.held_back,
            error: state.error,
            resources: counts.resources,
            drifted: counts.drifted,
            pending: counts.pending,
            last_change: counts.last_change,
            transitions: Vec::new(),
            subject: key.to_string(),
        }
    }

    fn text(&self) -> String {
        let revision = |r: &[String]| {
            let short: Vec<&str> = r.iter().map(|r| r.get(..10).unwrap_or(r)).collect();
            if short.is_empty() { "-".to_owned() } else { short.join(",") }
        };
        let mut line = format!(
            "{}  {}{}  applied {}  head {}  {} resources, {} drifted, {} pending",
            self.subject,
            self.engine,
            if self.suspended { " (suspended)" } else { "" },
            revision(&self.applied),
            revision(&self.head),
            self.resources,
            self.drifted,
            self.pending
        );
        if let Some(time) = self.last_change {
            line.push_str(&format!("  changed {}", short(time)));
        }
        for more in self.reason.iter().chain(&self.waiting).chain(&self.held_back).chain(&self.error) {
            line.push_str(&format!("\n    {}", words::plain(more)));
        }
        line + "\n"
    }
}

fn text(report: &AppsReportV1) -> String {
    let mut text: String = report.apps.iter().map(AppV1::text).collect();
    if report.apps.is_empty() {
        text.push_str("no Application, Kustomization, HelmRelease or Helm release\n");
    }
    for note in &report.notes {
        text.push_str(&format!("note: {}\n", words::plain(note)));
    }
    text
}
