//! `drift diff`: what is declared against what is live.

use std::collections::BTreeSet;
use std::sync::Arc;

use drift_core::drift::{DesiredObject, DriftOptions, DriftReport, Status, compare};
use drift_core::{Object, ResourceKey};
use drift_sinks::report::{self, Layout, Shown, TextOptions};

use crate::args::{DiffArgs, DiffFormat};
use crate::external;
use crate::failure::Failure;
use crate::inputs::Notes;
use crate::inputs::desired::Desired;
use crate::inputs::live::Live;
use crate::inputs::schemas;
use crate::output::{self, Outcome, Screen};

/// Runs the command.
pub(crate) async fn run(args: &DiffArgs, screen: Screen) -> Result<Outcome, Failure> {
    let mut desired = Desired::read(&args.desired).await?;
    let live = Live::read(args, &namespaces(args, &desired)).await?;
    let mut notes = std::mem::take(&mut desired.notes);
    notes.append(live.notes);
    let schemas = schemas::gather(
        args.schemas.as_deref(),
        desired.objects(),
        live.objects.iter().map(|o| &**o),
        &mut notes,
    )?;
    let namespace = args.scope.namespace.as_deref().unwrap_or("default");
    let all = desired.settle(&schemas, namespace, None);
    notes.append(std::mem::take(&mut desired.notes));
    let (wanted, live) = select(args, &all, live.objects);
    let options = DriftOptions { default_namespace: Some(namespace.into()), ..DriftOptions::default() };
    let mut report = compare(&wanted, &live, &schemas, &options);
    desired.fill_lines(&mut report);
    report.notes.extend(notes.texts().iter().cloned());
    match args.output {
        DiffFormat::Diff => external::diff(&report, &wanted, &live, &schemas)?,
        _ => output::print(&render(&report, args, screen))?,
    }
    Ok(outcome(&report, &notes))
}

/// Returns the namespaces in which something is declared, to ask the cluster for no more.
fn namespaces(args: &DiffArgs, desired: &Desired) -> Vec<String> {
    if args.scope.all_namespaces {
        return Vec::new();
    }
    let declared = desired.objects().map(|o| o.namespace().to_owned()).filter(|n| !n.is_empty());
    let all: BTreeSet<String> = declared.chain(args.scope.namespace.clone()).collect();
    all.into_iter().collect()
}

/// Keeps what has the labels that are asked for.
///
/// A declared resource finds its live object whatever labels that has by now, and a live object that is declared
/// without the labels is not taken for one that nobody declares.
fn select(
    args: &DiffArgs,
    all: &[DesiredObject],
    live: Vec<Arc<Object>>,
) -> (Vec<DesiredObject>, Vec<Arc<Object>>) {
    let Some(selector) = &args.scope.selector else { return (all.to_vec(), live) };
    // Namespaces may be missing on the declared side, so names without them are compared.
    let name = |o: &Object| ResourceKey::new(o.group(), o.kind(), "", o.name());
    let (wanted, others): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|d| selector.matches(&d.object));
    let names = |d: &[DesiredObject]| d.iter().map(|d| name(&d.object)).collect::<BTreeSet<_>>();
    let (wanted_names, other_names) = (names(&wanted), names(&others));
    let keep = |o: &Arc<Object>| {
        let name = name(o);
        wanted_names.contains(&name) || selector.matches(o) && !other_names.contains(&name)
    };
    (wanted, live.into_iter().filter(keep).collect())
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

fn outcome(report: &DriftReport, notes: &Notes) -> Outcome {
    let found = report.resources.iter().any(|r| !matches!(r.status, Status::InSync | Status::Unknown));
    let unknown = report.resources.iter().any(|r| r.status == Status::Unknown);
    match (notes.is_partial() || unknown, found) {
        (true, _) => Outcome::Failed,
        (false, true) => Outcome::Found,
        (false, false) => Outcome::Nothing,
    }
}
