//! `drift diff`: what is declared against what is live.

use drift_core::drift::{ResourceDrift, Status, UnmanagedResources};
use drift_core::text::printable;
use drift_sinks::report::{
    DriftReportV1, DriftTextOptions, Layout, Visibility, render_drift_github, render_drift_markdown,
    render_drift_text, to_json, to_yaml,
};
use drift_sources::estate::{ComparedNamespaces, Comparison, EstateOptions};

use crate::args::{DiffArgs, DiffFormat};
use crate::external;
use crate::failure::Failure;
use crate::looked_at::{self, NotePlace};
use crate::output::{self, Outcome, Screen};

/// Runs the command.
pub(crate) async fn run(args: &DiffArgs, screen: Screen) -> Result<Outcome, Failure> {
    let mut options = looked_at::any(args.live.as_deref(), &args.recorded, &args.cluster)?;
    options = args.render.apply(looked_at::with_sources(options, args.audit.as_deref(), &args.git));
    options =
        looked_at::with_declared(options, args.schemas.as_deref(), args.rules.as_deref(), &args.argocd)?;
    let declared = args.declared.places(args.scope.namespace.as_deref());
    let is_of_apps = declared.is_empty();
    let namespace = args.scope.namespace.as_deref().filter(|_| !(is_of_apps && args.scope.all_namespaces));
    options = looked_at::in_namespace(options, namespace);
    if !is_of_apps && args.argocd.server.is_some() {
        return Err(Failure::new(
            "--argocd-server is asked what Applications declare, and something else is named as declared",
        )
        .hint("leave out one of the two"));
    }
    options = declared.into_iter().fold(options.at(args.at.unwrap_or_default()), EstateOptions::desired);
    options = looked_at::about(options, &args.keys);
    if args.scope.all_namespaces {
        options = options.compared_namespaces(ComparedNamespaces::All);
    }
    if args.scope.no_extra {
        options = options.unmanaged(UnmanagedResources::Omit);
    }
    if let Some(selector) = &args.scope.selector {
        options = options.selector(selector.clone());
    }
    let estate = options.open().await?;
    let compared = estate.diff().await;
    looked_at::report_notes(&estate, NotePlace::of(args.output, &compared));
    let compared = compared?;
    match args.output {
        DiffFormat::Diff if !is_of_apps => {
            external::diff(&compared.report, &compared.desired, &compared.live, &compared.schemas)?;
        }
        DiffFormat::Json | DiffFormat::Yaml => output::print(&render(&compared, args, is_of_apps, screen))?,
        _ => output::print_text(&render(&compared, args, is_of_apps, screen))?,
    }
    let is_any_known = compared.report.resources.iter().any(|r| r.status != Status::Unknown);
    Ok(match compared.report.is_complete() {
        // Of what is declared nothing was compared.
        false if !is_any_known => Outcome::Unseen,
        false => Outcome::Incomplete { found: compared.has_drift() },
        true => Outcome::of(compared.has_drift(), &compared.report.coverage),
    })
}

fn render(compared: &Comparison, args: &DiffArgs, is_of_apps: bool, screen: Screen) -> String {
    let report = &compared.report;
    // A program can filter; what the rules of engines hide is part of the answer to it.
    let data = matches!(args.output, DiffFormat::Json | DiffFormat::Yaml);
    let managed = args.show_managed || data && is_of_apps;
    let visibility = Visibility { managed, explain: args.explain };
    match args.output {
        DiffFormat::Json => to_json(&DriftReportV1::new(report, visibility)),
        DiffFormat::Yaml => to_yaml(&DriftReportV1::new(report, visibility)),
        DiffFormat::Github => render_drift_github(report, visibility, &|declaration| {
            let path = compared.paths.get(&declaration.file);
            path.map_or_else(|| declaration.file.to_string(), |p| p.display().to_string())
        }),
        DiffFormat::Name => {
            report.resources.iter().filter(|r| r.status != Status::InSync).map(kubectl_name).collect()
        }
        DiffFormat::Markdown => render_drift_markdown(report, visibility),
        DiffFormat::Text | DiffFormat::Diff => {
            let layout = if args.side_by_side { Layout::SideBySide } else { Layout::Unified };
            let (styler, width) = (screen.styler(), screen.width);
            render_drift_text(report, &DriftTextOptions { visibility, styler, layout, width })
        }
    }
}

/// Writes a name as `kubectl get -o name` does, a line each.
fn kubectl_name(resource: &ResourceDrift) -> String {
    let key = &resource.key;
    let group = if key.group.is_empty() { String::new() } else { format!(".{}", key.group) };
    format!("{}{group}/{}\n", key.kind.to_lowercase(), printable(&key.name))
}
