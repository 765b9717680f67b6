//! `drift rules`: lists, checks and tries rules that hide differences.

mod replay;

use std::path::Path;

use drift_core::drift::rules::{Effect, Rule, RuleSet, exceptions};
use drift_sinks::report::{HiddenByRule, RuleV1, RulesReportV1};
use drift_sources::yaml;

use crate::args::{RulesArgs, RulesCommand};
use crate::failure::Failure;
use crate::gitops::Estate;
use crate::output::{self, Outcome};

/// Largest file of exceptions that is read.
const MAX_SIZE: u64 = 16 << 20;

/// Reads a file of the user's exceptions.
pub(crate) fn read(path: &Path) -> Result<RuleSet, Failure> {
    let failed = |e: &dyn std::error::Error| {
        Failure::new(format!("cannot read exceptions in `{}`", path.display())).because(e)
    };
    let size = std::fs::metadata(path).map_err(|e| failed(&e))?.len();
    if size > MAX_SIZE {
        return Err(Failure::new(format!(
            "the file of exceptions `{}` is larger than {MAX_SIZE} bytes",
            path.display()
        )));
    }
    let bytes = std::fs::read(path).map_err(|e| failed(&e))?;
    let mut set = RuleSet::default();
    for document in yaml::read(&bytes) {
        let document = document.map_err(|e| failed(&e))?;
        set.append(exceptions(&document.doc.root().to_value()));
    }
    Ok(set)
}

/// Runs the command.
pub(crate) async fn run(args: &RulesArgs) -> Result<Outcome, Failure> {
    let (estate_args, format) = match &args.command {
        RulesCommand::List(a) | RulesCommand::Check(a) => (&a.estate, a.output),
        RulesCommand::Try(a) => (&a.list.estate, a.list.output),
    };
    let mut request = estate_args.request();
    if let RulesCommand::Try(a) = &args.command {
        request.rules = Some(&a.file);
    }
    let estate = Estate::read(&request).await?;
    let gitops = estate.gitops();
    let (report, rules) = estate.compare_with_rules(&gitops);
    let hidden = HiddenByRule::new(&report);
    let own = |r: &(Option<String>, Rule)| r.0.is_none();
    let tried = matches!(args.command, RulesCommand::Try(_));
    let entry = |(app, rule): &(Option<String>, Rule)| RuleV1::new(app.as_deref(), rule, &hidden);
    let mut listed: Vec<RuleV1> = rules.iter().filter(|r| !tried || own(r)).map(entry).collect();
    let mut problems: Vec<String> =
        report.notes.iter().filter(|n| n.starts_with("rule `")).cloned().collect();
    if matches!(args.command, RulesCommand::Check(_)) {
        // A rule about fields that matches none may contain a typo; one that objects opt in to may be unused for now.
        let idle = |r: &&RuleV1| r.hides.is_empty() && !r.name.contains(": ");
        problems.extend(listed.iter().filter(idle).map(|r| format!("rule `{}` hides nothing now", r.name)));
        listed.clear();
    }
    let replayed = match &args.command {
        RulesCommand::Try(a) => replay::replay(&estate, &read(&a.file)?),
        _ => None,
    };
    let replay = replayed.map(|(replay, more)| {
        problems.extend(more);
        replay
    });
    let hid = replay.as_ref().is_some_and(|r| !r.hidden.is_empty());
    let found = !problems.is_empty() || hid || tried && listed.iter().any(|r| !r.hides.is_empty());
    let document = RulesReportV1::new(listed, problems, replay);
    output::document(format, &document, || document.render_text())?;
    Ok(match estate.notes.is_partial() {
        true => Outcome::Failed,
        false if found => Outcome::Found,
        false => Outcome::Nothing,
    })
}

/// Returns `true` if a rule is listed even if it hides nothing; those that every app has are not.
pub(crate) fn is_stated(rule: &Rule) -> bool {
    matches!(rule.effect, Effect::Fields(_)) && rule.target.mark.is_none() || rule.because.is_some()
}
