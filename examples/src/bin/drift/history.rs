//! `drift history`: the versions of a resource, each with who made it and what it changed.

use drift_sinks::report::{HistoryTextOptions, HistoryV1, Layout};

use crate::args::HistoryArgs;
use crate::failure::Failure;
use crate::looked_at;
use crate::output::{self, Outcome, Screen};
use crate::results::{recorded_version, transitions_of};

/// Runs the command.
pub(crate) async fn run(args: &HistoryArgs, screen: Screen) -> Result<Outcome, Failure> {
    let options = looked_at::recorded(&args.recorded)?.at(args.until.unwrap_or_default());
    let options = looked_at::with_sources(options, args.audit.as_deref(), &[]);
    let estate = looked_at::in_namespace(options, args.namespace.as_deref()).open().await?;
    let key = estate.find(&args.key).await?;
    let entries = estate.timeline_of(&key).await?;
    let notes = looked_at::report_notes(&estate, args.output);
    let (listed, omitted): (Vec<_>, Vec<_>) = entries
        .iter()
        .filter(|e| args.since.is_none_or(|since| since.precedes(&e.event)))
        .filter_map(|e| Some((&e.event, e.change.as_ref()?)))
        .map(|(event, change)| (event, transitions_of(event, change), change))
        .partition(|(_, transitions, v)| args.all || !v.is_status_only() || !transitions.is_empty());
    let versions = listed.iter().map(|(e, transitions, v)| recorded_version(e, v, transitions));
    let history = HistoryV1::new(&key, versions, &notes);
    let layout = if args.side_by_side { Layout::SideBySide } else { Layout::Unified };
    let options = HistoryTextOptions { layout, width: screen.width, omitted: omitted.len() };
    output::document(args.output, &history, || history.render_text(&options, screen.styler()))?;
    Ok(Outcome::answered(notes.coverage()))
}
