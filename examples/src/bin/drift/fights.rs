//! `drift fights`: fields that several writers overwrite in turn, and manual changes that an engine reverted.

use drift_sinks::report::{FightReportV1, FightV1, RevertV1};
use drift_sources::estate::{Estate, EstateError};

use crate::args::FightsArgs;
use crate::failure::Failure;
use crate::looked_at::{self, NotePlace};
use crate::output::{self, Outcome, Screen};

/// Runs the command.
pub(crate) async fn run(args: &FightsArgs, screen: Screen) -> Result<Outcome, Failure> {
    let options = looked_at::recorded(&args.recorded)?.at(args.at.unwrap_or_default());
    let options = looked_at::with_sources(options, args.audit.as_deref(), &[]);
    let estate = looked_at::in_scope(options, &args.scope).open().await?;
    let is_wanted = |key: &_| args.keys.is_empty() || args.keys.iter().any(|k| k.matches(key, None));
    let found = match estate.fights_of(is_wanted).await {
        Ok(found) => named(args, &estate).await.map(|()| found),
        Err(e) => Err(e),
    };
    let notes = looked_at::report_notes(&estate, NotePlace::of(args.output, &found));
    let found = found?;
    let fights: Vec<_> = found.fights.iter().map(|f| FightV1::new(&f.fight, &f.apps)).collect();
    let reverts = found.reverts.into_iter().map(|r| RevertV1::new(&r.revert, r.user, r.via.as_ref()));
    let has_fights = !fights.is_empty();
    let report = FightReportV1::new(fights, reverts.collect(), &notes);
    output::document(args.output, &report, || report.render_text(screen.styler()))?;
    Ok(Outcome::of(has_fights, notes.coverage()))
}

/// Fails for a name or a namespace that fits nothing.
async fn named(args: &FightsArgs, estate: &Estate) -> Result<(), EstateError> {
    match args.keys.is_empty() {
        true => estate.require_namespace(&[]).await,
        false => estate.require_known(&args.keys).await,
    }
}
