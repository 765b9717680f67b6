//! `drift rules`: which rules hide what, which are broken, and what other rules would hide.

mod replay;

use std::collections::BTreeMap;
use std::path::Path;

use drift_core::drift::DriftReport;
use drift_core::drift::rules::{Effect, Rule, RuleSet, exceptions};
use drift_sinks::report::API_VERSION;
use drift_sources::yaml;
use serde::Serialize;

use crate::args::{RulesArgs, RulesCommand};
use crate::failure::Failure;
use crate::gitops::Estate;
use crate::output::{self, Outcome};
use crate::words;

/// Largest file of exceptions that is read.
const MAX_SIZE: u64 = 16 << 20;

/// Rules, as programs read them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RulesReportV1 {
    api_version: &'static str,
    kind: &'static str,
    rules: Vec<RuleV1>,
    /// What is the matter with rules.
    problems: Vec<String>,
    /// What tried rules did over recorded history.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<replay::ReplayV1>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleV1 {
    name: String,
    /// App that it belongs to; none for an own exception.
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// What it hides, as `KEY PATH`.
    hides: Vec<String>,
}

/// Reads a file of own exceptions.
pub(crate) fn read(path: &Path) -> Result<RuleSet, Failure> {
    let failed = |e: &dyn std::error::Error| {
        Failure::new(format!("cannot read exceptions in `{}`", path.display())).because(e)
    };
    let size = std::fs::metadata(path).map_err(|e| failed(&e))?.len();
    if size > MAX_SIZE {
        return Err(Failure::new(format!("`{}` is larger than {MAX_SIZE} bytes", path.display())));
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
    let hidden = hidden(&report);
    let own = |r: &(Option<String>, Rule)| r.0.is_none();
    let tried = matches!(args.command, RulesCommand::Try(_));
    let mut listed: Vec<RuleV1> =
        rules.iter().filter(|r| !tried || own(r)).map(|r| rule(r, &hidden)).collect();
    let mut problems: Vec<String> =
        report.notes.iter().filter(|n| n.starts_with("rule `")).cloned().collect();
    if matches!(args.command, RulesCommand::Check(_)) {
        // A rule that is about fields and meets none may be a typing error; one to opt out by waits to be used.
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
    problems.sort();
    problems.dedup();
    let hid = replay.as_ref().is_some_and(|r| !r.hidden.is_empty());
    let found = !problems.is_empty() || hid || tried && listed.iter().any(|r| !r.hides.is_empty());
    let kind = "RulesReport";
    let document = RulesReportV1 { api_version: API_VERSION, kind, rules: listed, problems, replay };
    output::document(format, &document, || text(&document))?;
    Ok(match estate.notes.is_partial() {
        true => Outcome::Failed,
        false if found => Outcome::Found,
        false => Outcome::Nothing,
    })
}

type Hidden = BTreeMap<(Option<String>, String), Vec<String>>;

/// What is hidden, by app and rule.
fn hidden(report: &DriftReport) -> Hidden {
    let mut all: Hidden = BTreeMap::new();
    for resource in &report.resources {
        let app = resource.app.as_ref().map(ToString::to_string);
        let mut add = |rule: &str, what: String| {
            all.entry((app.clone(), rule.to_owned())).or_default().push(what);
        };
        if let Some(rule) = &resource.rule {
            add(rule, resource.key.to_string());
        }
        for change in &resource.changes {
            if let Some(rule) = &change.rule {
                add(rule, format!("{} {}", resource.key, change.path));
            }
        }
    }
    all
}

fn rule((app, rule): &(Option<String>, Rule), hidden: &Hidden) -> RuleV1 {
    let hides = match app {
        Some(_) => hidden.get(&(app.clone(), rule.name.to_string())).cloned().unwrap_or_default(),
        None => {
            let ours = hidden.iter().filter(|((_, name), _)| **name == *rule.name);
            ours.flat_map(|(_, what)| what.clone()).collect()
        }
    };
    let because = rule.because.as_ref();
    RuleV1 {
        name: rule.name.to_string(),
        app: app.clone(),
        owner: because.map(|b| b.owner.to_string()),
        reason: because.map(|b| b.reason.to_string()),
        expires: because.and_then(|b| b.expires).map(|e| e.to_string()),
        hides,
    }
}

/// Tells whether a rule is listed even if it hides nothing: those that every app has are not.
pub(crate) fn is_stated(rule: &Rule) -> bool {
    matches!(rule.effect, Effect::Fields(_)) && rule.target.mark.is_none() || rule.because.is_some()
}

fn text(report: &RulesReportV1) -> String {
    let mut text = String::new();
    for rule in &report.rules {
        let app = rule.app.as_deref().unwrap_or("own exception");
        text.push_str(&format!("{}  ({app})\n", words::plain(&rule.name)));
        if let (Some(reason), Some(owner)) = (&rule.reason, &rule.owner) {
            let until = rule.expires.as_ref().map_or_else(String::new, |e| format!(", until {e}"));
            text.push_str(&format!("    {} ({}{until})\n", words::plain(reason), words::plain(owner)));
        }
        for what in &rule.hides {
            text.push_str(&format!("    hides {}\n", words::plain(what)));
        }
        if rule.hides.is_empty() {
            text.push_str("    hides nothing\n");
        }
    }
    text.extend(report.replay.iter().map(replay::ReplayV1::text));
    for problem in &report.problems {
        text.push_str(&format!("problem: {}\n", words::plain(problem)));
    }
    if text.is_empty() {
        text.push_str("nothing to tell\n");
    }
    text
}
