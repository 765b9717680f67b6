//! `drift verify` and `drift repair`: whether a store is whole, and making it usable when it is not.

use drift_sinks::report::StoreReportV1;
use drift_sinks::store::embedded::EmbeddedStore;

use crate::args::{RepairArgs, StoreArgs};
use crate::failure::Failure;
use crate::looked_at::{require_store, store_failure};
use crate::output::{self, Outcome, Screen};

/// Runs `drift verify`.
pub(crate) fn run(args: &StoreArgs, screen: Screen) -> Result<Outcome, Failure> {
    require_store(&args.store)?;
    let name = args.store.display().to_string();
    let report = EmbeddedStore::verify(&args.store).map_err(|e| store_failure(&name, e))?;
    let report = StoreReportV1::new(&args.store, &report);
    output::document(args.output, &report, || report.render_text(screen.styler()))?;
    Ok(if report.sound { Outcome::Nothing } else { Outcome::Found })
}

/// Runs `drift repair`.
pub(crate) fn repair(args: &RepairArgs, screen: Screen) -> Result<Outcome, Failure> {
    require_store(&args.store)?;
    let name = args.store.display().to_string();
    let before = EmbeddedStore::verify(&args.store).map_err(|e| store_failure(&name, e))?;
    if !args.yes {
        let report = StoreReportV1::new(&args.store, &before);
        output::document(args.output, &report, || report.render_text(screen.styler()))?;
        if report.sound {
            return Ok(Outcome::Nothing);
        }
        output::remark("note: nothing was changed; use --yes to repair the store");
        return Ok(Outcome::Found);
    }
    let repaired = EmbeddedStore::repair(&args.store).map_err(|e| store_failure(&name, e))?;
    let report = StoreReportV1::repaired(&args.store, &repaired);
    output::document(args.output, &report, || report.render_text(screen.styler()))?;
    Ok(if repaired.is_empty() { Outcome::Nothing } else { Outcome::Found })
}
