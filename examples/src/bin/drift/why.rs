//! `drift why`: the recorded change behind an unhealthy resource, ranked, with the evidence for every hop.

mod commit;

use std::sync::Arc;

use drift_core::Until;
use drift_core::cause::{Cause, Weights, incidents};
use drift_core::history::{Change, ResourceOp};
use drift_core::schema::SchemaSet;
use drift_core::{FieldPath, ResourceKey, ResourceVersion};
use drift_sinks::report::{CauseAttribution, CauseReportV1, IncidentReportV1};

use crate::args::WhyArgs;
use crate::failure::Failure;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::users::{self, UserLog};
use commit::Repositories;

/// Runs the command.
pub(crate) async fn run(args: &WhyArgs, screen: Screen) -> Result<Outcome, Failure> {
    let recorded = Recorded::open(&args.recorded).await?;
    let mut notes = recorded.notes().clone();
    let key = match args.key.as_ref().or(args.resource.as_ref()) {
        Some(name) => {
            Some(recorded.find(name, args.namespace.as_deref()).await?.key().cloned().unwrap_or_default())
        }
        None => None,
    };
    let index = recorded.index(args.at, args.edges.rules()?).await?;
    let log = match &args.audit {
        Some(file) => Some(users::read(file, Some(recorded.redactor().clone()), &mut notes)?),
        None => None,
    };
    let repositories = Repositories::open(&args.git, &mut notes)?;
    let schemas = SchemaSet::bundled();
    let case = index.case(Until::End, &schemas).with_weights(weights(args)?);
    let attribution = Attribution { log: log.as_ref(), repositories: &repositories };
    let attribute = |cause: &Cause| attribution.of_cause(cause);
    let notes = notes.texts().to_vec();
    let Some(key) = key else {
        let in_scope = |k: &ResourceKey| args.namespace.as_ref().is_none_or(|n| **n == *k.namespace);
        let report = IncidentReportV1::new(&incidents(&case, in_scope), &attribute, notes);
        output::document(args.output, &report, || report.render_text(screen.styler()))?;
        return Ok(if report.is_empty() { Outcome::Nothing } else { Outcome::Found });
    };
    let report = CauseReportV1::new(&case.why(&key), &attribute, notes);
    output::document(args.output, &report, || report.render_text(screen.styler()))?;
    Ok(Outcome::Nothing)
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

/// Sources outside the recorded history.
struct Attribution<'a> {
    log: Option<&'a UserLog>,
    repositories: &'a Repositories,
}

impl Attribution<'_> {
    /// Returns the user by the audit log, and the commit by the repositories.
    fn of_cause(&self, cause: &Cause) -> CauseAttribution {
        let user = cause.root.user.is_none().then(|| self.user(&cause.root)).flatten();
        CauseAttribution { user, commit: self.repositories.commit(cause) }
    }

    fn user(&self, change: &Change) -> Option<Arc<str>> {
        let index = &self.log?.index;
        let at = Some(change.mark.at.time);
        if change.op == ResourceOp::Delete {
            let uid = change.object().and_then(|o| o.uid());
            let entry = index.deleter(&change.key, uid.as_ref(), at)?;
            return Some(Arc::clone(&entry.user));
        }
        let path: Option<&FieldPath> = change.fields.first().map(|f| &f.path);
        let version: Option<&ResourceVersion> = change.version();
        index.who(&change.key, version, at, path)?.user
    }
}
