//! `drift apps`: every Application, Kustomization, HelmRelease and Helm release, with its engine's view.

use drift_core::ResourceKey;
use drift_sinks::report::{AppCounts, AppStatus, AppV1, AppsReportV1};
use drift_sources::gitops::{App, AppState};

use crate::args::AppsArgs;
use crate::failure::Failure;
use crate::gitops::Estate;
use crate::output::{self, Outcome};
use crate::transitions;

/// Runs the command.
pub(crate) async fn run(args: &AppsArgs) -> Result<Outcome, Failure> {
    let estate = Estate::read(&args.estate.request()).await?;
    let report = report(&estate);
    output::document(args.output, &report, || report.render_text())?;
    Ok(match report.has_findings() {
        _ if estate.notes.is_partial() => Outcome::Failed,
        true => Outcome::Found,
        false => Outcome::Nothing,
    })
}

fn report(estate: &Estate) -> AppsReportV1 {
    let gitops = estate.gitops();
    let compared = estate.compare(&gitops);
    let last_version = |key: &ResourceKey| estate.cluster.versions(key).last().map(|v| v.at);
    let counts = AppCounts::by_app(&compared, &last_version);
    let app = |app| {
        let key = App::key(app);
        let transitions = transitions::over(estate.cluster.versions(&key));
        let counts = counts.get(&key).copied().unwrap_or_default();
        AppV1::new(&key, status(gitops.state(app)), counts, transitions)
    };
    let mut notes = compared.notes;
    notes.extend(estate.notes.texts().iter().cloned());
    AppsReportV1::new(gitops.apps().map(app).collect(), estate.versions(), notes)
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
