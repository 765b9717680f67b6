//! `drift why`: the recorded change behind an unhealthy resource, ranked, with the evidence for every hop.

use drift_core::Scope;
use drift_core::cause::{Cause, Weights};
use drift_sinks::report::{CauseAttribution, CauseDetail, CauseReportV1, IncidentReportV1};
use drift_sources::estate::CauseSources;

use crate::args::{DataFormat, WhyArgs, WhyFormat};
use crate::failure::Failure;
use crate::looked_at::{self, NotePlace};
use crate::output::{self, Outcome, Screen};
use crate::results::commit_v1;

/// Runs the command.
pub(crate) async fn run(args: &WhyArgs, screen: Screen) -> Result<Outcome, Failure> {
    let options = looked_at::input(&args.input)?.at(args.at.unwrap_or_default());
    let options = looked_at::with_sources(options, args.audit.as_deref(), &args.git);
    let options = options.edge_rules(args.edges.rules()?).health_rules(args.health.rules()?);
    let options = options.weights(weights(args)?);
    let name = args.key.as_ref().or(args.resource.as_ref());
    if name.is_some() && args.scope.selector.is_some() {
        return Err(Failure::new("labels and a name are given")
            .hint("-l selects among everything that is broken; leave out one of the two"));
    }
    if name.is_none() && args.output == WhyFormat::Markdown {
        return Err(Failure::new("markdown is for one resource").hint("name it: drift why KEY -o markdown"));
    }
    let format = args.output.data();
    let detail = if args.explain { CauseDetail::Explained } else { CauseDetail::Brief };
    let estate = looked_at::in_scope(options, &args.scope).open().await?;
    let key = match name {
        Some(name) => Some(estate.find(name).await?),
        None => None,
    };
    estate.cause_index().await?;
    if key.is_none() {
        estate.require_namespace(&[]).await?;
    }
    let sources = estate.cause_sources().await;
    let needed = match &key {
        Some(key) => Some(estate.investigate(|asked| asked.surroundings(key)).await?),
        None => None,
    };
    let is_needed = |scope: &Scope| needed.as_ref().is_none_or(|needed| needed.may_lie_in(scope));
    let notes = looked_at::report_notes_about(&estate, NotePlace::of(format, &sources), is_needed);
    let sources = sources?;
    let attribute = |cause: &Cause| attribution(&sources, cause);
    let Some(key) = key else {
        let report = IncidentReportV1::new(&estate.incidents().await?, &attribute, &notes);
        output::document(format, &report, || report.render_text(screen.styler(), detail))?;
        return Ok(Outcome::of(!report.is_empty(), notes.coverage()));
    };
    let explanation = estate.why(&key).await?;
    let mut report = CauseReportV1::new(&explanation, &attribute, &notes);
    if let (DataFormat::Text, Some(record)) = (format, record(args)) {
        report = report.with_record(&record);
    }
    let text = || match args.output {
        WhyFormat::Markdown => report.render_markdown(detail),
        _ => report.render_text(screen.styler(), detail),
    };
    output::document(format, &report, text)?;
    Ok(match explanation.abstained_because {
        // A change that was named is an answer, whatever else was not looked at.
        None => Outcome::Nothing,
        Some(_) => Outcome::answered(notes.coverage()),
    })
}

/// Returns the option that says where the record is, as it was given.
fn record(args: &WhyArgs) -> Option<String> {
    let recorded = &args.input.recorded;
    let store = recorded.store.as_ref().map(|dir| format!("--store {}", dir.display()));
    store.or_else(|| recorded.tape.as_ref().map(|file| format!("--tape {}", file.display())))
}

/// Returns the user by the audit log, and the commit by the repositories.
fn attribution(sources: &CauseSources, cause: &Cause) -> CauseAttribution {
    CauseAttribution { user: sources.user_of(&cause.root), commit: sources.commit_of(cause).map(commit_v1) }
}

/// Reads `--weight PART=FACTOR`, which measures what each part of the score is worth.
fn weights(args: &WhyArgs) -> Result<Weights, Failure> {
    let mut weights = Weights::default();
    for text in &args.weight {
        let read = text.split_once('=').and_then(|(name, factor)| {
            let part = Weights::NAMES.iter().position(|n| *n == name)?;
            Some((part, factor.parse::<f64>().ok().filter(|f| f.is_finite() && *f >= 0.0)?))
        });
        let (part, factor) = read.ok_or_else(|| {
            Failure::new(format!("invalid weight `{text}`")).hint(format!(
                "use PART=FACTOR, with FACTOR from 0 up and PART one of {}",
                Weights::NAMES.join(", ")
            ))
        })?;
        weights = weights.scaled(part, factor);
    }
    Ok(weights)
}
