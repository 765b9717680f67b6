//! `drift diff`: what is declared against what is live.

use drift_core::drift::{DriftClass, DriftReport, ResourceDrift, Status, UnmanagedResources};
use drift_sinks::report::{
    DriftReportV1, DriftTextOptions, Layout, Visibility, render_drift_markdown, render_drift_text, to_json,
    to_yaml,
};

use crate::args::{DiffArgs, DiffFormat};
use crate::compared::{Compared, Reach, Request};
use crate::external;
use crate::failure::Failure;
use crate::gitops;
use crate::inputs::live::LiveFrom;
use crate::output::{self, Outcome, Screen};

/// Runs the command.
pub(crate) async fn run(args: &DiffArgs, screen: Screen) -> Result<Outcome, Failure> {
    if args.desired.is_empty() {
        return declared_by_apps(args, screen).await;
    }
    let compared = Compared::new(Request {
        desired: &args.desired,
        live: LiveFrom::new(args.live.as_deref(), &args.recorded, &args.cluster).await?,
        at: args.at,
        schemas: args.schemas.as_deref(),
        audit: args.audit.as_deref(),
        namespace: args.scope.namespace.as_deref(),
        reach: if args.scope.all_namespaces { Reach::All } else { Reach::Declared },
        extras: if args.scope.no_extra {
            UnmanagedResources::Omit
        } else {
            UnmanagedResources::InDeclaredNamespaces
        },
        selector: args.scope.selector.as_ref(),
    })
    .await?;
    match args.output {
        DiffFormat::Diff => {
            external::diff(&compared.report, &compared.desired, &compared.live, &compared.schemas)?;
        }
        _ => output::print(&render(&compared.report, args, screen))?,
    }
    Ok(compared.outcome())
}

/// Compares what the engines in what is looked at declare.
async fn declared_by_apps(args: &DiffArgs, screen: Screen) -> Result<Outcome, Failure> {
    let request = gitops::Request {
        live: args.live.as_deref(),
        recorded: &args.recorded,
        cluster: &args.cluster,
        at: args.at,
        git: &args.git,
        argocd: &args.argocd,
        audit: args.audit.as_deref(),
        schemas: args.schemas.as_deref(),
        rules: args.rules.as_deref(),
    };
    let namespace = args.scope.namespace.as_deref();
    let found = gitops::compare(request, |r| namespace.is_none_or(|n| *r.key.namespace == *n)).await?;
    output::print(&render(&found.report, args, screen))?;
    let counts = |r: &ResourceDrift| match r.status {
        Status::InSync | Status::Unknown => false,
        Status::Missing | Status::Extra => r.class.is_none_or(DriftClass::counts),
        Status::Drifted => true,
    };
    Ok(match found.report.resources.iter().any(counts) {
        _ if found.is_partial => Outcome::Failed,
        true => Outcome::Found,
        false => Outcome::Nothing,
    })
}

fn render(report: &DriftReport, args: &DiffArgs, screen: Screen) -> String {
    // A program can filter; what the rules of engines hide is part of the answer to it.
    let data = matches!(args.output, DiffFormat::Json | DiffFormat::Yaml);
    let managed = args.show_managed || data && args.desired.is_empty();
    let visibility = Visibility { managed, explain: args.explain };
    match args.output {
        DiffFormat::Json => to_json(&DriftReportV1::new(report, visibility)),
        DiffFormat::Yaml => to_yaml(&DriftReportV1::new(report, visibility)),
        DiffFormat::Markdown => render_drift_markdown(report, visibility),
        DiffFormat::Text | DiffFormat::Diff => {
            let layout = if args.side_by_side { Layout::SideBySide } else { Layout::Unified };
            let (styler, width) = (screen.styler(), screen.width);
            render_drift_text(report, &DriftTextOptions { visibility, styler, layout, width })
        }
    }
}
