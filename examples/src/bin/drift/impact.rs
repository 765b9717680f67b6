//! `drift impact`: what depends on a resource, and what a change of it would restart or break.

use std::path::Path;
use std::sync::Arc;

use drift_core::Object;
use drift_core::cause::CauseIndex;
use drift_core::impact::{Proposal, impact};
use drift_core::schema::SchemaSet;
use drift_sinks::report::ImpactReportV1;
use drift_sources::manifests::Manifests;

use crate::args::ImpactArgs;
use crate::failure::Failure;
use crate::looked_at;
use crate::output::{self, Outcome, Screen};

/// Runs the command.
pub(crate) async fn run(args: &ImpactArgs, screen: Screen) -> Result<Outcome, Failure> {
    let options = looked_at::input(&args.input)?.at(args.at.unwrap_or_default());
    let health_rules = Arc::new(args.health.rules()?);
    let options = options.edge_rules(args.edges.rules()?).health_rules(Arc::clone(&health_rules));
    let estate = looked_at::in_namespace(options, args.namespace.as_deref()).open().await?;
    let index = estate.cause_index().await?;
    let notes = looked_at::report_notes(&estate, args.output);
    looked_at::report_remarks(&notes);
    let proposal = match (&args.change, &args.key) {
        (Some(file), _) => Proposal::Apply(Arc::new(estate.recorded().await?.redactor().redact(read(file)?))),
        (None, Some(name)) => Proposal::Delete(estate.find(name).await?),
        (None, None) => {
            return Err(Failure::new("no resource given")
                .hint("name one, such as cm/web-config, or use --change FILE"));
        }
    };
    let schemas = SchemaSet::bundled();
    let found = impact(CauseIndex::clone(&index), &proposal, &schemas, &health_rules);
    let report = ImpactReportV1::new(&proposal, &found, notes.coverage());
    output::document(args.output, &report, || report.render_text(screen.styler()))?;
    Ok(Outcome::of(!found.breaks.is_empty(), notes.coverage()))
}

/// Reads the one object of a file, JSON or YAML.
fn read(path: &Path) -> Result<Object, Failure> {
    let name = path.display().to_string();
    let failed = |e: &dyn std::error::Error| Failure::new(format!("cannot read `{name}`")).because(e);
    let manifests = Manifests::read(path).map_err(|e| failed(&e))?;
    match &manifests.declared[..] {
        [one] => Ok(Object::clone(&one.object)),
        all => Err(Failure::new(format!("`{name}` holds {} objects", all.len()))
            .hint("--change takes a file with exactly one object, as it would be after the change")),
    }
}
