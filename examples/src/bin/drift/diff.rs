//! `drift diff`: what is declared against what is live.

use drift_core::drift::{DriftReport, Extras};
use drift_sinks::report::{self, Layout, Shown, TextOptions};

use crate::args::{DiffArgs, DiffFormat};
use crate::compared::{Compared, Reach, Request};
use crate::external;
use crate::failure::Failure;
use crate::inputs::live::LiveFrom;
use crate::output::{self, Outcome, Screen};

/// Runs the command.
pub(crate) async fn run(args: &DiffArgs, screen: Screen) -> Result<Outcome, Failure> {
    let compared = Compared::new(Request {
        desired: &args.desired,
        live: LiveFrom::new(args.live.as_deref(), &args.recorded, &args.cluster).await?,
        at: args.at,
        schemas: args.schemas.as_deref(),
        audit: args.audit.as_deref(),
        namespace: args.scope.namespace.as_deref(),
        reach: if args.scope.all_namespaces { Reach::All } else { Reach::Declared },
        extras: if args.scope.no_extra { Extras::Omit } else { Extras::InDeclaredNamespaces },
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

fn render(report: &DriftReport, args: &DiffArgs, screen: Screen) -> String {
    let shown = Shown { managed: args.show_managed, explain: args.explain };
    match args.output {
        DiffFormat::Json => report::json(report, shown),
        DiffFormat::Yaml => report::yaml(report, shown),
        DiffFormat::Markdown => report::markdown(report, shown),
        DiffFormat::Text | DiffFormat::Diff => {
            let layout = if args.side_by_side { Layout::SideBySide } else { Layout::Unified };
            report::text(report, &TextOptions { shown, colour: screen.colour, layout, width: screen.width })
        }
    }
}
