//! `drift check`: what is broken, and what will break at the next restart.

use drift_core::Scope;
use drift_core::cause::{Investigation, Surroundings};
use drift_core::checks::{CheckResult, Severity, check, list};
use drift_core::k8s::selector::Selector;
use drift_sinks::report::{CheckReportV1, to_json, to_yaml};

use crate::args::{CheckArgs, CheckFormat};
use crate::failure::Failure;
use crate::looked_at;
use crate::output::{self, Outcome, Screen};

/// Runs the command.
pub(crate) async fn run(args: &CheckArgs, screen: Screen) -> Result<Outcome, Failure> {
    if args.list {
        let lines: String = list().iter().map(|(name, trigger)| format!("{name:<24}{trigger}\n")).collect();
        output::print(&lines)?;
        return Ok(Outcome::Nothing);
    }
    let options = looked_at::input(&args.input)?.at(args.at.unwrap_or_default());
    let options = looked_at::in_scope(options, &args.scope);
    let options = options.edge_rules(args.edges.rules()?).health_rules(args.health.rules()?);
    let estate = options.open().await?;
    let named = estate.find_all(&args.keys).await?;
    let ask = |case: &Investigation<'_>| {
        let needed: Vec<Surroundings> = named.iter().map(|key| case.surroundings(key)).collect();
        (labelled(case, args.scope.selector.as_ref()), needed)
    };
    let (mut found, needed) = estate.investigate(ask).await?;
    if args.keys.is_empty() {
        estate.require_namespace(&[]).await?;
    }
    // Where all are asked about, all is needed.
    let is_needed = |scope: &Scope| needed.is_empty() || needed.iter().any(|n| n.may_lie_in(scope));
    let notes = looked_at::report_notes_about(&estate, args.output, is_needed);
    let in_scope = |t: &CheckResult| match args.keys.is_empty() {
        true => args.scope.namespace().is_none_or(|n| *n == *t.key.namespace),
        false => named.contains(&t.key),
    };
    found.retain(in_scope);
    let report = CheckReportV1::new(&found, &notes);
    match args.output {
        CheckFormat::Github => output::print_text(&report.render_github())?,
        CheckFormat::Text => output::print_text(&report.render_text(screen.styler()))?,
        CheckFormat::Json => output::print(&to_json(&report))?,
        CheckFormat::Yaml => output::print(&to_yaml(&report))?,
    }
    let counts = found.iter().any(|t| t.severity > Severity::Info);
    Ok(Outcome::of(counts, notes.coverage()))
}

/// Returns what is found of resources that have the labels.
fn labelled(case: &Investigation<'_>, selector: Option<&Selector>) -> Vec<CheckResult> {
    let mut found = check(case);
    if let Some(selector) = selector {
        found.retain(|r| case.history().now(&r.key).is_some_and(|o| selector.matches_object(o)));
    }
    found
}
