//! `drift impact`: what depends on a resource, and what a change of it would restart or break.

use std::path::Path;
use std::sync::Arc;

use drift_core::Object;
use drift_core::impact::{Proposal, impact};
use drift_core::schema::SchemaSet;
use drift_sinks::report::ImpactReportV1;
use drift_sources::manifests::Manifests;

use crate::args::ImpactArgs;
use crate::failure::Failure;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;

/// Runs the command.
pub(crate) async fn run(args: &ImpactArgs, screen: Screen) -> Result<Outcome, Failure> {
    let recorded = Recorded::open(&args.recorded).await?;
    let index = recorded.index(args.at, args.edges.rules()?).await?;
    let proposal = match (&args.change, &args.key) {
        (Some(file), _) => Proposal::Apply(Arc::new(recorded.redactor().redact(read(file)?))),
        (None, Some(name)) => {
            let stream = recorded.find(name, args.namespace.as_deref()).await?;
            Proposal::Delete(stream.key().cloned().unwrap_or_default())
        }
        (None, None) => {
            return Err(Failure::new("no resource given")
                .hint("name one, such as cm/web-config, or use --change FILE"));
        }
    };
    let schemas = SchemaSet::bundled();
    let found = impact(index, &proposal, &schemas);
    let report = ImpactReportV1::new(&proposal, &found);
    output::document(args.output, &report, || report.render_text(screen.styler()))?;
    Ok(if found.breaks.is_empty() { Outcome::Nothing } else { Outcome::Found })
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
