//! `drift blame`: who set each field of a resource.

use drift_core::FieldPath;
use drift_core::blame::Initiator;
use drift_sinks::report::{BlameReportV1, FieldAttribution, FieldBlameV1};
use drift_sources::estate::{AttributedField, EstateError};

use crate::args::BlameArgs;
use crate::failure::Failure;
use crate::looked_at::{self, NotePlace};
use crate::output::{self, Outcome, Screen};
use crate::results::commit_v1;

/// Runs the command.
pub(crate) async fn run(args: &BlameArgs, screen: Screen) -> Result<Outcome, Failure> {
    let name = args.key.as_ref().or(args.resource.as_ref()).ok_or_else(|| {
        Failure::new("no resource given").hint("name one, such as deploy/web or Deployment.apps/shop/web")
    })?;
    let mut options = looked_at::input(&args.input)?.at(args.at.unwrap_or_default());
    options = args.render.apply(looked_at::with_sources(options, args.audit.as_deref(), &args.git));
    let estate = looked_at::in_namespace(options, args.namespace.as_deref()).open().await?;
    let key = estate.find(name).await?;
    let path = field(args)?;
    let found = estate.blame_field(&key, &path).await.map_err(|e| match e {
        EstateError::NotThere { what, .. } if what.contains("was deleted") => {
            Failure::new(what).hint("use --at with an earlier time to see it before that")
        }
        EstateError::NotThere { what, advice } if !advice.is_empty() => Failure::new(what).hint(
            "`drift show` prints the object; name elements of lists by their keys, as in containers[name=web]",
        ),
        other => other.into(),
    });
    let notes = looked_at::report_notes(&estate, NotePlace::of(args.output, &found));
    let fields = found?.into_iter().map(|f| FieldBlameV1::new(&key, &f.field.clone(), attribution(f)));
    let report = BlameReportV1::new(&key, fields.collect(), &notes);
    output::document(args.output, &report, || report.render_text(screen.styler()))?;
    Ok(Outcome::answered(notes.coverage()))
}

fn field(args: &BlameArgs) -> Result<FieldPath, Failure> {
    let Some(text) = args.path.as_ref().or(args.field.as_ref()) else { return Ok(FieldPath::ROOT) };
    FieldPath::parse(text).map_err(|e| Failure::new(format!("cannot read the path `{text}`")).because(&e))
}

fn attribution(field: AttributedField) -> FieldAttribution {
    let initiated_by = field.initiated_by.map(|by| match by {
        Initiator::Automated => "automated".to_owned(),
        Initiator::User(user) => user.to_string(),
    });
    FieldAttribution { user: field.user, via: field.via, initiated_by, commit: field.commit.map(commit_v1) }
}
