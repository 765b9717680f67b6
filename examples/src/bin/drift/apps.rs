//! `drift apps`: every Application, Kustomization, HelmRelease and Helm release, with its engine's view.

use drift_core::ResourceKey;
use drift_sinks::report::{AppCounts, AppStatus, AppV1, AppsReportV1, TransitionV1};
use drift_sources::estate::AppOverview;
use drift_sources::gitops::AppState;

use crate::args::AppsArgs;
use crate::failure::Failure;
use crate::looked_at::{self, NotePlace};
use crate::output::{self, Outcome};

/// Runs the command.
pub(crate) async fn run(args: &AppsArgs) -> Result<Outcome, Failure> {
    let namespace = args.namespace.as_deref().filter(|_| !args.all_namespaces);
    let estate = looked_at::in_namespace(args.estate.options()?, namespace).open().await?;
    let overview = estate.apps().await;
    let notes = looked_at::report_notes(&estate, NotePlace::of(args.output, &overview));
    let overview = overview?;
    let last_version = |key: &ResourceKey| overview.last_changes.get(key).copied();
    let counts = AppCounts::by_app(&overview.report, &last_version);
    let app = |app: AppOverview| {
        let transitions = app.transitions.into_iter().map(|(seen, t)| TransitionV1::new(t, seen)).collect();
        let counts = counts.get(&app.key).copied().unwrap_or_default();
        AppV1::new(&app.key, status(app.state), counts, transitions)
    };
    let mut all = notes.clone();
    overview.report.notes.iter().for_each(|note| all.add(note));
    let apps = overview.apps.into_iter().map(app).collect();
    let report = AppsReportV1::new(apps, overview.renderers, &all);
    output::document(args.output, &report, || report.render_text())?;
    Ok(Outcome::of(report.has_findings(), notes.coverage()))
}

fn status(state: AppState) -> AppStatus {
    AppStatus {
        engine: state.engine,
        reason: state.reason,
        applied: state.applied,
        head: state.head,
        suspended: state.suspended,
        waiting: state.waiting,
        held_back: state.held_back,
        error: state.error,
    }
}
