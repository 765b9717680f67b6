//! `drift fights`: fields that several writers overwrite in turn, and manual changes that an engine reverted.

use drift_sinks::report::{FightReportV1, FightV1, RevertV1};
use drift_sources::estate::{Estate, EstateError, FieldContention};

use crate::args::FightsArgs;
use crate::failure::Failure;
use crate::looked_at::{self, NotePlace};
use crate::output::{self, Outcome, Screen};

/// Runs the command.
pub(crate) async fn run(args: &FightsArgs, screen: Screen) -> Result<Outcome, Failure> {
    let options = looked_at::recorded(&args.recorded)?.at(args.at.unwrap_or_default());
    let options = looked_at::with_sources(options, args.audit.as_deref(), &[]);
    let options = looked_at::about(looked_at::in_scope(options, &args.scope), &args.keys);
    let estate = options.open().await?;
    let found = fights(args, &estate).await;
    let notes = looked_at::report_notes(&estate, NotePlace::of(args.output, &found));
    let found = found?;
    let fights: Vec<_> = found.fights.iter().map(|f| FightV1::new(&f.fight, &f.apps)).collect();
    let reverts = found.reverts.into_iter().map(|r| RevertV1::new(&r.revert, r.user, r.via.as_ref()));
    let has_fights = !fights.is_empty();
    let report = FightReportV1::new(fights, reverts.collect(), &notes);
    output::document(args.output, &report, || report.render_text(screen.styler()))?;
    Ok(Outcome::of(has_fights, notes.coverage()))
}

/// Finds the fights of what is asked about. A name or a namespace that fits nothing is an error.
async fn fights(args: &FightsArgs, estate: &Estate) -> Result<FieldContention, EstateError> {
    if args.keys.is_empty() {
        let found = estate.fights().await?;
        estate.require_namespace(&[]).await?;
        return Ok(found);
    }
    let named = estate.find_all(&args.keys).await?;
    estate.fights_of(|key| named.contains(key)).await
}
