//! `drift impact`: what depends on a resource, and what a change of it would restart or break.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use drift_core::Object;
use drift_core::impact::{Affected, Impact, Proposal, impact};
use drift_core::schema::SchemaSet;
use drift_sinks::report::{API_VERSION, KeyV1};
use drift_sources::manifests::Manifests;
use serde::Serialize;

use crate::args::ImpactArgs;
use crate::check::{TroubleV1, text as troubles};
use crate::failure::Failure;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::words::plain;

/// What a change would touch, as programs read it; see `impact-report.v1.schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImpactReportV1<'a> {
    api_version: &'static str,
    kind: &'static str,
    key: KeyV1,
    op: &'static str,
    affected: Vec<AffectedV1<'a>>,
    breaks: Vec<TroubleV1<'a>>,
    mends: Vec<TroubleV1<'a>>,
}

#[derive(Debug, Serialize)]
struct AffectedV1<'a> {
    key: KeyV1,
    distance: usize,
    through: KeyV1,
    relation: &'static str,
    evidence: &'a str,
    effect: &'static str,
}

impl<'a> From<&'a Affected> for AffectedV1<'a> {
    fn from(a: &'a Affected) -> Self {
        Self {
            key: (&a.key).into(),
            distance: a.distance,
            through: (&a.through).into(),
            relation: a.relation,
            evidence: &a.evidence,
            effect: a.effect,
        }
    }
}

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
            return Err(Failure::new("no resource to ask about").hint("name one, or give --change FILE"));
        }
    };
    let schemas = SchemaSet::bundled();
    let found = impact(index, &proposal, &schemas);
    let report = ImpactReportV1 {
        api_version: API_VERSION,
        kind: "ImpactReport",
        key: (&proposal.key()).into(),
        op: match &proposal {
            Proposal::Delete(_) => "delete",
            Proposal::Apply(_) => "apply",
        },
        affected: found.affected.iter().map(Into::into).collect(),
        breaks: found.breaks.iter().map(Into::into).collect(),
        mends: found.mends.iter().map(Into::into).collect(),
    };
    output::document(args.output, &report, || text(&proposal, &found, screen))?;
    Ok(if found.breaks.is_empty() { Outcome::Nothing } else { Outcome::Found })
}

/// Reads the one object of a file, JSON or YAML.
fn read(path: &Path) -> Result<Object, Failure> {
    let name = path.display().to_string();
    let failed = |e: &dyn std::error::Error| Failure::new(format!("cannot read `{name}`")).because(e);
    let manifests = Manifests::read(path).map_err(|e| failed(&e))?;
    match &manifests.declared[..] {
        [one] => Ok(Object::clone(&one.object)),
        all => {
            Err(Failure::new(format!("`{name}` holds {} objects", all.len()))
                .hint("one changed object expected"))
        }
    }
}

fn text(proposal: &Proposal, found: &Impact, screen: Screen) -> String {
    let styler = screen.styler();
    let key = proposal.key();
    let mut out = match proposal {
        Proposal::Delete(_) => format!("If {key} went away:\n"),
        Proposal::Apply(_) => format!("If {key} became as given:\n"),
    };
    let _ = writeln!(out, "\n{} resources depend on it:", found.affected.len());
    for a in &found.affected {
        let line =
            format!("{} {}: {} ({} {})", "  ".repeat(a.distance), a.key, a.effect, a.relation, a.through);
        let _ = writeln!(out, "{}", plain(&line));
    }
    if found.breaks.is_empty() {
        out.push_str("\nNothing that the checks know would break.\n");
    } else {
        let _ = writeln!(out, "\n{}", styler.alarm(&format!("{} things would break:", found.breaks.len())));
        out.push_str(&troubles(&found.breaks, screen));
    }
    if !found.mends.is_empty() {
        let _ = writeln!(out, "\n{} things would be mended:", found.mends.len());
        out.push_str(&troubles(&found.mends, screen));
    }
    out
}
