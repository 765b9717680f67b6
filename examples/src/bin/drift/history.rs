//! `drift history`: the versions of a resource, each with who made it and what it changed.

use drift_core::Event;
use drift_core::schema::SchemaSet;
use drift_sinks::report::{HistoryTextOptions, HistoryV1, Layout};

use crate::args::HistoryArgs;
use crate::failure::Failure;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::versions::Follower;

/// Runs the command.
pub(crate) async fn run(args: &HistoryArgs, screen: Screen) -> Result<Outcome, Failure> {
    let recorded = Recorded::open(&args.recorded).await?;
    let stream = recorded.find(&args.key, args.namespace.as_deref()).await?;
    let events = recorded.read(&stream).await?;
    let key = stream.key().cloned().unwrap_or_default();
    let schemas = SchemaSet::bundled();
    let mut follower = Follower::new(&schemas);
    let followed: Vec<_> = events.iter().filter_map(|e| follower.next(e).map(|v| (e, v))).collect();
    let in_time =
        |e: &Event| args.since.is_none_or(|m| m.precedes(e)) && args.until.is_none_or(|m| m.includes(e));
    let (listed, omitted): (Vec<_>, Vec<_>) = followed
        .into_iter()
        .filter(|(e, _)| in_time(e))
        .map(|(e, v)| (e, v.transitions(e), v))
        .partition(|(_, transitions, v)| args.all || !v.is_status_only() || !transitions.is_empty());
    let versions = listed.iter().map(|(e, transitions, v)| v.recorded(e, transitions));
    let history = HistoryV1::new(&key, versions, recorded.notes().texts().to_vec());
    let layout = if args.side_by_side { Layout::SideBySide } else { Layout::Unified };
    let options = HistoryTextOptions { layout, width: screen.width, omitted: omitted.len() };
    output::document(args.output, &history, || history.render_text(&options, screen.styler()))?;
    Ok(Outcome::Nothing)
}
