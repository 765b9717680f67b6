//! `drift rules`: lists, checks and tries rules that hide differences.

mod replay;

use drift_sinks::report::{HiddenByRule, RuleV1, RulesReportV1};
use drift_sources::estate::{AppComparison, AppliedRule, read_exceptions};

use crate::args::{RulesArgs, RulesCommand};
use crate::failure::Failure;
use crate::looked_at::{self, NotePlace};
use crate::output::{self, Outcome};

/// Runs the command.
pub(crate) async fn run(args: &RulesArgs) -> Result<Outcome, Failure> {
    let (estate_args, format) = match &args.command {
        RulesCommand::List(a) | RulesCommand::Check(a) => (&a.estate, a.output),
        RulesCommand::Try(a) => (&a.list.estate, a.list.output),
    };
    let mut options = estate_args.options()?;
    if let RulesCommand::Try(a) = &args.command {
        options = options.exceptions(&a.file);
    }
    let estate = options.open().await?;
    let apps = estate.declared_apps().await;
    let notes = looked_at::report_notes(&estate, NotePlace::of(format, &apps));
    let apps = apps?;
    let AppComparison { report, rules } = apps.compare(&apps.gitops());
    let mut coverage = notes.coverage().clone();
    coverage.append(report.coverage.clone());
    let hidden = HiddenByRule::new(&report);
    let tried = matches!(args.command, RulesCommand::Try(_));
    let entry =
        |r: &AppliedRule| RuleV1::new(r.app.as_ref().map(ToString::to_string).as_deref(), &r.rule, &hidden);
    let mut listed: Vec<RuleV1> = rules.iter().filter(|r| !tried || r.app.is_none()).map(entry).collect();
    let mut problems: Vec<String> =
        report.notes.iter().filter(|n| n.starts_with("rule `")).cloned().collect();
    if matches!(args.command, RulesCommand::Check(_)) {
        // A rule about fields that matches none may contain a typo; one that objects opt in to may be unused for now.
        let idle = |r: &&RuleV1| r.hides.is_empty() && !r.name.contains(": ");
        problems.extend(listed.iter().filter(idle).map(|r| format!("rule `{}` hides nothing now", r.name)));
        listed.clear();
    }
    let replayed = match &args.command {
        RulesCommand::Try(a) => replay::replay(&apps, &read_exceptions(&a.file)?),
        _ => None,
    };
    let replay = replayed.map(|(replay, more)| {
        problems.extend(more);
        replay
    });
    let hid = replay.as_ref().is_some_and(|r| !r.hidden.is_empty());
    let found = !problems.is_empty() || hid || tried && listed.iter().any(|r| !r.hides.is_empty());
    let document = RulesReportV1::new(listed, problems, replay, &coverage);
    output::document(format, &document, || document.render_text())?;
    Ok(Outcome::of(found, &coverage))
}
