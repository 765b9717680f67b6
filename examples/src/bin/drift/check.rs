//! `drift check`: what is broken, and what will break at the next restart.

use drift_core::Until;
use drift_core::checks::{CheckResult, Severity, check, list};
use drift_core::schema::SchemaSet;
use drift_sinks::report::CheckReportV1;

use crate::args::CheckArgs;
use crate::failure::Failure;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;

/// Runs the command.
pub(crate) async fn run(args: &CheckArgs, screen: Screen) -> Result<Outcome, Failure> {
    if args.list {
        let lines: String = list().iter().map(|(name, trigger)| format!("{name:<24}{trigger}\n")).collect();
        output::print(&lines)?;
        return Ok(Outcome::Nothing);
    }
    let recorded = Recorded::open(&args.recorded).await?;
    let schemas = SchemaSet::bundled();
    let index = recorded.index(args.at, args.edges.rules()?).await?;
    let mut found = check(&index.case(Until::End, &schemas));
    let in_scope = |t: &CheckResult| {
        args.namespace.as_ref().is_none_or(|n| **n == *t.key.namespace)
            && (args.keys.is_empty()
                || args.keys.iter().any(|k| k.matches(&t.key, args.namespace.as_deref())))
    };
    found.retain(in_scope);
    let report = CheckReportV1::new(&found, recorded.notes().texts().to_vec());
    output::document(args.output, &report, || report.render_text(screen.styler()))?;
    let counts = found.iter().any(|t| t.severity > Severity::Info);
    Ok(if counts { Outcome::Found } else { Outcome::Nothing })
}
