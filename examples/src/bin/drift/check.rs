//! `drift check`: what is broken, and what will break at the next restart.

use std::fmt::Write as _;

use drift_core::Until;
use drift_core::checks::{CheckResult, Severity, check, list};
use drift_core::schema::SchemaSet;
use drift_sinks::report::{API_VERSION, KeyV1};
use serde::Serialize;

use crate::args::CheckArgs;
use crate::failure::Failure;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::words::plain;

/// What checks found, as programs read it; see `check-report.v1.schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckReportV1<'a> {
    api_version: &'static str,
    kind: &'static str,
    findings: Vec<TroubleV1<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// One finding of a check.
#[derive(Debug, Serialize)]
pub(crate) struct TroubleV1<'a> {
    severity: Severity,
    key: KeyV1,
    check: &'static str,
    message: &'a str,
    evidence: &'a str,
    next: &'static str,
}

impl<'a> From<&'a CheckResult> for TroubleV1<'a> {
    fn from(t: &'a CheckResult) -> Self {
        Self {
            severity: t.severity,
            key: (&t.key).into(),
            check: t.check,
            message: &t.message,
            evidence: &t.evidence,
            next: t.next,
        }
    }
}

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
    let report = CheckReportV1 {
        api_version: API_VERSION,
        kind: "CheckReport",
        findings: found.iter().map(TroubleV1::from).collect(),
        notes: recorded.notes().texts().to_vec(),
    };
    output::document(args.output, &report, || text(&found, screen))?;
    let counts = found.iter().any(|t| t.severity > Severity::Info);
    Ok(if counts { Outcome::Found } else { Outcome::Nothing })
}

/// Writes findings for people.
pub(crate) fn text(found: &[CheckResult], screen: Screen) -> String {
    let styler = screen.styler();
    let mut out = String::new();
    for t in found {
        let head = format!("{} {}", t.severity, t.key);
        let head = if t.severity == Severity::Error { styler.alarm(&head) } else { styler.heading(&head) };
        let _ = writeln!(out, "{head}: {}", plain(&t.message));
        if !t.evidence.is_empty() {
            let evidence: String = t.evidence.chars().take(300).collect();
            let _ = writeln!(out, "    {}", plain(&evidence));
        }
        let _ = writeln!(out, "{}", styler.dim(&format!("    [{}] next: {}", t.check, t.next)));
    }
    if found.is_empty() {
        out.push_str("nothing found\n");
    }
    out
}
